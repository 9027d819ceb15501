// SPDX-License-Identifier: Apache-2.0
#include "chain/state/read.h"

#include "chain/base/endian.h"
#include "chain/crypto/keccak.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"

err_t read_flat(const struct db_txn *txn, struct flat_value *out, const struct flat_key *key)
{
    const unsigned table = key->len == 32 ? DB_ACCOUNTS : DB_SLOTS;
    bytes_t stored = BYTES_NONE;
    const err_t err = db_get(txn, table, flat_key_bytes(key), &stored);
    if (err.kind != ERR_NOT_FOUND) TRY(err);
    const err_t split = flat_split(out, key->len, stored);
    return err_ok(split) ? OK : db_damage(txn, table, flat_key_bytes(key), split.why);
}

err_t account_of_flat(struct account *out, bool *exists, bytes_t raw)
{
    *exists = raw.len > 0;
    if (*exists) return flat_account_decode(out, raw);
    *out = account_none();
    return OK;
}

err_t slot_of_flat(u256_t *out, bytes_t raw)
{
    if (raw.len > 0) return flat_slot_decode(out, raw);
    *out = u256_from_u64(0);
    return OK;
}

err_t read_account(const struct db_txn *txn, struct account *out, bool *exists,
                   const hash_t *address_hash)
{
    const struct flat_key key = flat_account_key(address_hash);
    struct flat_value stored;
    TRY(read_flat(txn, &stored, &key));
    const err_t err = account_of_flat(out, exists, stored.record);
    return err_ok(err) ? OK : db_damage(txn, DB_ACCOUNTS, flat_key_bytes(&key), err.why);
}

err_t read_slot(const struct db_txn *txn, u256_t *out, const hash_t *address_hash,
                const hash_t *slot_hash)
{
    const struct flat_key key = flat_slot_key(address_hash, slot_hash);
    struct flat_value stored;
    TRY(read_flat(txn, &stored, &key));
    const err_t err = slot_of_flat(out, stored.record);
    return err_ok(err) ? OK : db_damage(txn, DB_SLOTS, flat_key_bytes(&key), err.why);
}

err_t read_code(const struct db_txn *txn, bytes_t *out, const hash_t *code_hash)
{
    if (hash_eq(code_hash, &KECCAK_EMPTY)) {
        *out = BYTES_NONE;
        return OK;
    }
    const bytes_t key = BYTES_OF(*code_hash);
    const err_t err = db_get(txn, DB_CODE, key, out);
    if (err.kind == ERR_NOT_FOUND) {
        return db_damage(txn, DB_CODE, key, "state: a contract's code is missing");
    }
    TRY(err);
    const uint64_t tag = be_get_u64(code_hash->b);
    if (db_known_good(txn, DB_CODE, tag)) return OK;
    const hash_t hash = keccak256(*out);
    if (!hash_eq(&hash, code_hash)) {
        return db_damage(txn, DB_CODE, key, "state: a contract's code does not have its hash");
    }
    db_set_known_good(txn, DB_CODE, tag);
    return OK;
}

err_t read_block_hash(const struct db_txn *txn, hash_t *out, uint64_t number)
{
    const err_t err = blocks_hash_of(txn, out, number);
    if (err.kind != ERR_NOT_FOUND) return err;
    *out = (hash_t){{0}};
    return OK;
}
