// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The frame of a snapshot file: chunks, each with a sum over itself and everything before it. What
/// stands in them is said, and believed by nobody, in consensus/sync/snapshot.h.
///
///     "CAIRNSNP"  be32 version
///     u8 kind  be32 length  payload  SHA-256(sum before, kind, length, payload)     a chunk
///     ...
///
/// The sum before the first chunk is that of the twelve bytes above. So a wrong byte, a chunk that
/// is missing, moved or repeated, and a file cut short are seen where they are, in memory of one
/// chunk. The sums are no proof of anything: whoever makes a file can make them.

#include "chain/base/buf.h"
#include "chain/types/block_file.h"

#define SNAPSHOT_VERSION 1U

enum snapshot_kind {
    SNAPSHOT_HEAD = 1,
    SNAPSHOT_HEADERS,
    SNAPSHOT_BLOCK,
    SNAPSHOT_STATE,
    SNAPSHOT_END,
};

/// Longest payload of a kind; 0 for a kind that does not exist.
size_t snapshot_payload_max(unsigned kind);

// ---- writing --------------------------------------------------------------------------------

/// Where bytes go.
struct byte_sink {
    err_t (*write)(void *ctx, bytes_t bytes);
    void *ctx;
};

struct snapshot_writer {
    struct byte_sink sink;
    hash_t sum; ///< of everything so far
};

/// Writes how a file begins; `sink` is copied. @return what the sink returned
MUST_USE err_t snapshot_writer_begin(struct snapshot_writer *w, const struct byte_sink *sink);
/// @return ERR_LIMIT if the payload is too long for its kind; what the sink returned
MUST_USE err_t snapshot_writer_put(struct snapshot_writer *w, enum snapshot_kind kind,
                                   bytes_t payload);

// ---- reading --------------------------------------------------------------------------------

struct snapshot_reader {
    struct byte_source source;
    struct buf payload;
    hash_t sum;
    uint64_t offset; ///< in the file, of what is read next
};

struct snapshot_chunk {
    enum snapshot_kind kind;
    bytes_t payload; ///< valid until the next read
    uint64_t offset; ///< of the chunk in the file
};

/// Reads nothing yet; `source` is copied. Afterwards snapshot_reader_deinit.
void snapshot_reader_init(struct snapshot_reader *r, const struct byte_source *source);
void snapshot_reader_deinit(struct snapshot_reader *r);

/// Reads how the file begins. @return ERR_MALFORMED (not a snapshot), ERR_UNSUPPORTED (another
/// version), what the source returned
MUST_USE err_t snapshot_reader_begin(struct snapshot_reader *r);
/// The next chunk, held to its sum. `chunk->offset` is set also if it is refused. Memory grows with
/// what is really there, never with what a length says.
/// @return ERR_NOT_FOUND at the end of the file; ERR_MALFORMED (cut short, a wrong sum), ERR_LIMIT,
///         ERR_FULL, what the source returned
MUST_USE err_t snapshot_reader_next(struct snapshot_reader *r, struct snapshot_chunk *chunk);
