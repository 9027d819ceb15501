// SPDX-License-Identifier: Apache-2.0
#pragma once

/// From an executed block and a quorum of seals to the disk: one LMDB transaction with block,
/// receipts, look-ups, state, trie, change set, derived views and head. There is no moment at
/// which one is there without the others.

#include "chain/store/db.h"
#include "chain/types/extra_data.h"
#include "consensus/block/executed.h"

/// Writes `e` as the new head with this extraData (seals included); synced when it returns OK.
/// @return ERR_FULL (no space: nothing was written), ERR_IO (the sync failed: the process must
///         not go on with this store), ERR_CORRUPT
MUST_USE err_t block_commit(struct db *db, const struct executed_block *e, bytes_t extra_data);

/// The same inside a write transaction of the caller's, who commits it: several blocks at once.
/// @return ERR_FULL, ERR_CORRUPT, ERR_IO: the transaction can only be thrown away
MUST_USE err_t block_write(struct db_txn *txn, const struct executed_block *e, bytes_t extra_data);
