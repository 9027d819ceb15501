// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RLP, the encoding of everything Ethereum hashes or sends (Yellow Paper,
/// appendix B). Readers accept only the canonical form and never allocate.

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"

/// A position in RLP bytes that the caller owns and keeps alive.
struct rlp_reader {
    bytes_t rest; ///< what is still unread; shrinks with every successful read
};

static inline struct rlp_reader rlp_reader(bytes_t in)
{
    return (struct rlp_reader){in};
}

/// True if nothing is left.
static inline bool rlp_at_end(const struct rlp_reader *r)
{
    return r->rest.len == 0;
}

/// True if the next item is a list. False also at the end.
bool rlp_peek_is_list(const struct rlp_reader *r);

/// Reads a string. The view borrows from the reader's bytes.
/// @return ERR_MALFORMED if the item is a list, runs past the end or is not canonical.
///         On failure no reader moves and no output changes (all readers here).
MUST_USE err_t rlp_read_bytes(struct rlp_reader *r, bytes_t *out);

/// Reads a string of exactly `len` bytes. ERR_MALFORMED for another length.
MUST_USE err_t rlp_read_fixed(struct rlp_reader *r, void *out, size_t len);

/// Reads a scalar: a big-endian unsigned integer without leading zeros. Zero is
/// the empty string.
///
/// @return ERR_MALFORMED if the item is a list, runs past the end or is not
///         canonical; ERR_LIMIT if it needs more than 64 bits (256 for the second).
MUST_USE err_t rlp_read_u64(struct rlp_reader *r, uint64_t *out);
MUST_USE err_t rlp_read_u256(struct rlp_reader *r, u256_t *out);

/// Enters a list: `*out` reads its payload, `r` moves past it.
MUST_USE err_t rlp_read_list(struct rlp_reader *r, struct rlp_reader *out);

/// Reads one item of either kind whole, header included (for what is passed on).
MUST_USE err_t rlp_read_raw(struct rlp_reader *r, bytes_t *out);

/// ERR_MALFORMED unless everything has been read.
MUST_USE err_t rlp_expect_end(const struct rlp_reader *r);

/// Checks a whole item of any nesting, iteratively bounded at depth 1024 (official
/// vectors), canonical throughout and nothing after it.
MUST_USE err_t rlp_validate(bytes_t in);

/// Writers append to a buf; failure is sticky there. Lists are opened and closed:
///
///     const size_t list = rlp_list_begin(b);
///     rlp_put_u64(b, 5);
///     rlp_list_end(b, list);
///
/// rlp_list_end inserts the header in front of what was written since.
size_t rlp_list_begin(struct buf *b);
void rlp_list_end(struct buf *b, size_t list);
void rlp_put_bytes(struct buf *b, bytes_t in);
void rlp_put_u64(struct buf *b, uint64_t v);
void rlp_put_u256(struct buf *b, const u256_t *v);
void rlp_put_hash(struct buf *b, const hash_t *h);
void rlp_put_address(struct buf *b, const address_t *a);
/// Appends an item that is RLP already.
void rlp_put_raw(struct buf *b, bytes_t item);

/// Encoded length of a string with this content length and (for length 1) first byte.
size_t rlp_bytes_size(bytes_t in);
/// Length of a header for a payload of `len` bytes: 1..9.
size_t rlp_header_size(size_t len);
/// Writes a list header for a payload of `len` bytes into `out` (9 bytes of room).
size_t rlp_list_header(uint8_t out[9], size_t len);
