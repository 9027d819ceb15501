// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A block file as Ethereum clients write it: the RLP of one block after the other, from the first
/// to the last, with nothing between, before or behind. Read block by block in bounded memory.

#include "chain/base/buf.h"
#include "chain/base/err.h"

/// Longest block that is read from a file.
#define BLOCK_FILE_BLOCK_MAX ((size_t)10 * 1024 * 1024)

/// Where bytes come from: at most `cap` of them, none at the end only.
struct byte_source {
    err_t (*read)(void *ctx, uint8_t *out, size_t cap, size_t *got);
    void *ctx;
};

struct block_file {
    struct byte_source source;
    struct buf window; ///< what was read and not yet given away
    size_t at;         ///< the next block's first byte in `window`
    uint64_t offset;   ///< the same in the file
    bool ended;
};

/// Reads nothing yet; `source` is copied. Afterwards block_file_deinit.
void block_file_init(struct block_file *f, const struct byte_source *source);
/// Gives the memory back.
void block_file_deinit(struct block_file *f);

/// The next item, whole, with its header; valid until the next call. `*offset` is where it begins
/// in the file, also if it is refused. Only its frame is looked at: that it is a list, and ends.
/// @return ERR_NOT_FOUND at the end; ERR_MALFORMED (not a list, or cut short); ERR_LIMIT (too
///         long); what the source returned
MUST_USE err_t block_file_next(struct block_file *f, bytes_t *raw, uint64_t *offset);
