// SPDX-License-Identifier: Apache-2.0
#include "chain/store/schema.h"

#include "chain/base/endian.h"

const struct db_table_def SCHEMA_TABLES[DB_TABLE_COUNT] = {
    [DB_META] = {"meta", false},         [DB_HEADERS] = {"headers", false},
    [DB_HASHES] = {"hashes", false},     [DB_BODIES] = {"bodies", false},
    [DB_RECEIPTS] = {"receipts", false}, [DB_TXS] = {"txs", false},
    [DB_LOGS] = {"logs", false},         [DB_ACCOUNTS] = {"accounts", false},
    [DB_SLOTS] = {"slots", false},       [DB_CODE] = {"code", false},
    [DB_TRIE] = {"trie", false},         [DB_CHANGES] = {"changes", false},
    [DB_HISTORY] = {"history", false},   [DB_EVENTS] = {"events", false},
    [DB_VIEWS] = {"views", false},
};

err_t schema_open(struct db **out, const char *path, bool create, bool read_only)
{
    const struct db_options options = {
        .path = path,
        .create = create,
        .read_only = read_only,
        .tables = SCHEMA_TABLES,
        .table_count = DB_TABLE_COUNT,
    };
    return db_open(out, &options);
}

err_t schema_stamp(struct db_txn *txn, uint64_t chain_id, const hash_t *genesis)
{
    uint8_t version[4];
    be_put_u32(version, SCHEMA_VERSION);
    const be64_t id = be64(chain_id);
    TRY(db_put(txn, DB_META, LIT("schema"), BYTES_OF(version)));
    TRY(db_put(txn, DB_META, LIT("chain-id"), BYTES_OF(id)));
    return db_put(txn, DB_META, LIT("genesis"), BYTES_OF(*genesis));
}

err_t schema_read(const struct db_txn *txn, uint64_t *chain_id, hash_t *genesis)
{
    bytes_t v;
    TRY(db_get(txn, DB_META, LIT("schema"), &v));
    if (v.len != 4) return FAIL(CORRUPT, "store: the schema version is unreadable");
    const uint32_t version = be_get_u32(v.data);
    if (version > SCHEMA_VERSION) {
        return FAIL(MISMATCH, "store: written by a newer version of the program; install that one");
    }
    if (version < SCHEMA_VERSION) {
        return FAIL(MISMATCH, "store: written by an older version of the program; sync again");
    }
    err_t err = db_get(txn, DB_META, LIT("chain-id"), &v);
    if (!err_ok(err) || v.len != 8) return FAIL(CORRUPT, "store: the chain id is missing");
    *chain_id = be_get_u64(v.data);
    err = db_get(txn, DB_META, LIT("genesis"), &v);
    if (!err_ok(err) || v.len != sizeof genesis->b) {
        return FAIL(CORRUPT, "store: the genesis hash is missing");
    }
    memcpy(genesis->b, v.data, sizeof genesis->b);
    return OK;
}

err_t schema_check(const struct db_txn *txn, uint64_t chain_id, const hash_t *genesis)
{
    uint64_t stored_id;
    hash_t stored;
    TRY(schema_read(txn, &stored_id, &stored));
    if (stored_id != chain_id) {
        return FAIL(MISMATCH, "store: it holds a chain with another chain id than the genesis "
                              "file; use its own data directory");
    }
    if (!hash_eq(&stored, genesis)) {
        return FAIL(MISMATCH, "store: it was made from another genesis file; use that file or "
                              "another data directory");
    }
    return OK;
}
