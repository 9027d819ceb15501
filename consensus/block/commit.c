// SPDX-License-Identifier: Apache-2.0
#include "consensus/block/commit.h"

#include "chain/base/crash_point.h"
#include "chain/fed/views.h"
#include "chain/store/blocks.h"

err_t block_write(struct db_txn *txn, const struct executed_block *e, bytes_t extra_data)
{
    struct block sealed = e->block;
    sealed.header.extra_data = extra_data;
    // Round and seals are not in the hash: another hash means another block was executed.
    const hash_t hash = header_hash(&sealed.header);
    check(hash_eq(&hash, &e->block.hash));

    TRY(blocks_append(txn, &sealed, e->receipts, e->receipt_count));
    CRASH_POINT("commit-block-stored");
    TRY(state_write(txn, e->update, sealed.header.number));
    CRASH_POINT("commit-state-stored");
    return views_apply(txn, sealed.header.number, sealed.header.timestamp_s, &sealed, e->receipts);
}

err_t block_commit(struct db *db, const struct executed_block *e, bytes_t extra_data)
{
    struct db_txn *txn = NULL;
    TRY(db_begin_write(db, &txn));
    const err_t err = block_write(txn, e, extra_data);
    CRASH_POINT("commit-all-stored");
    if (err_ok(err)) return db_commit(txn);
    db_abort(txn);
    return err;
}
