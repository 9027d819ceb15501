// SPDX-License-Identifier: Apache-2.0

/// The least a node's start can cost: opens the store of a data directory, reads its head and
/// prints its number.
///
///     open_store DATA_DIR/store

#include "chain/store/blocks.h"
#include "chain/store/schema.h"

#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct db *db = NULL;
    struct db_txn *txn = NULL;
    uint64_t head = 0;
    hash_t hash;
    if (argc != 2) {
        fprintf(stderr, "usage: open_store DIRECTORY\n");
        return 2;
    }
    err_t err = db_open(&db, &(struct db_options){.path = argv[1],
                                                  .read_only = true,
                                                  .tables = SCHEMA_TABLES,
                                                  .table_count = DB_TABLE_COUNT});
    if (err_ok(err)) err = db_begin_read(db, &txn);
    if (err_ok(err)) err = blocks_head(txn, &head, &hash);
    db_abort(txn);
    db_close(db);
    if (!err_ok(err)) {
        fprintf(stderr, "open_store: %s\n", err_text(err));
        return 1;
    }
    printf("%" PRIu64 "\n", head);
    return 0;
}
