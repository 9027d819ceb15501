// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Accepted transactions on disk, so that an acknowledged one survives a kill or a power cut:
/// `pool.journal` in the data directory. Appended to; many submitters share one sync (whoever
/// finds no sync under way does it for all that wait).
///
/// When it is read, a torn tail is cut off, and what is damaged inside is passed over: each record
/// has a sum of its own, so the next whole one is found. The file is then written anew without
/// the damaged places; the old one stays beside it as `pool.journal.damaged`.
///
///     "CAIRNTX1" | record...      record = be32 length | first 4 bytes of keccak(raw) | raw
///
/// Any thread.

#include "chain/base/bytes.h"
#include "chain/base/err.h"

struct journal;

/// Opens or makes the file and hands every whole record to `each` in order.
/// @param sync  false: survives the process' death but not a power cut
/// @return ERR_IO, ERR_FULL; ERR_CORRUPT if the file is not a journal (no record can be seen in it)
MUST_USE err_t journal_open(struct journal **out, const char *path, bool sync,
                            void (*each)(void *ctx, bytes_t raw), void *ctx);
void journal_close(struct journal *j); ///< NULL is allowed

/// Appends records; on disk when it returns OK.
/// @return ERR_FULL (no space; nothing of it will be replayed for certain), ERR_IO (a sync
///         failed: the process must not go on)
MUST_USE err_t journal_append(struct journal *j, const bytes_t *raws, size_t count);

/// Bytes in the file.
uint64_t journal_size(struct journal *j);

/// Writes the file anew with what `list` gives (called while nothing is appended), replacing it
/// atomically. `list` returns false at the end; what it gave is valid until its next call.
MUST_USE err_t journal_rewrite(struct journal *j, bool (*list)(void *ctx, bytes_t *raw),
                               void (*begin)(void *ctx), void *ctx);
