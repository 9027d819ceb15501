// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/t8n.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "vm/tx_check.h"

#include <stdlib.h>
#include <string.h>

#define NO_ROOM FAIL(FULL, "no memory left for the input")

// ---- surroundings -------------------------------------------------------------------------------

static unsigned fields_of(enum revision rev)
{
    if (rev >= REV_PRAGUE) return HEADER_FIELDS_PRAGUE;
    if (rev >= REV_CANCUN) return HEADER_FIELDS_CANCUN;
    if (rev >= REV_SHANGHAI) return HEADER_FIELDS_SHANGHAI;
    return rev >= REV_LONDON ? HEADER_FIELDS_LONDON : HEADER_FIELDS_CLASSIC;
}

static err_t read_base_fee(struct t8n *t, const json_t *env, struct fixture_detail *detail)
{
    struct header *h = &t->env.header;
    t->env.has_base_fee = fixture_has(env, "currentBaseFee");
    if (t->env.has_base_fee) {
        return fixture_get_u256(&h->base_fee_wei, env, "currentBaseFee", detail);
    }
    if (t->rev < REV_LONDON) return OK;
    if (!fixture_has(env, "parentBaseFee") || h->number == 0) {
        return FAIL(INVALID, "the fork has EIP-1559: env needs currentBaseFee or parentBaseFee");
    }
    struct header parent = {.number = h->number - 1, .field_count = HEADER_FIELDS_LONDON};
    TRY(fixture_get_u256(&parent.base_fee_wei, env, "parentBaseFee", detail));
    if (fixture_has(env, "parentGasUsed")) {
        TRY(fixture_get_u64(&parent.gas_used, env, "parentGasUsed", detail));
    }
    if (fixture_has(env, "parentGasLimit")) {
        TRY(fixture_get_u64(&parent.gas_limit, env, "parentGasLimit", detail));
    }
    const struct chain_config config = fixture_chain_config(t->rev, t->chain_id);
    h->base_fee_wei = next_base_fee(&config, &parent, h->timestamp_s);
    t->env.has_base_fee = true;
    return OK;
}

static err_t read_blob_gas(struct t8n *t, const json_t *env, struct fixture_detail *detail)
{
    struct header *h = &t->env.header;
    if (t->rev < REV_CANCUN) return OK;
    t->env.has_excess_blob_gas = true;
    if (fixture_has(env, "currentExcessBlobGas")) {
        return fixture_get_u64(&h->excess_blob_gas, env, "currentExcessBlobGas", detail);
    }
    if (fixture_has(env, "parentExcessBlobGas") && fixture_has(env, "parentBlobGasUsed")) {
        struct header parent = {.number = h->number - 1, .field_count = HEADER_FIELDS_BLOB};
        TRY(fixture_get_u64(&parent.excess_blob_gas, env, "parentExcessBlobGas", detail));
        TRY(fixture_get_u64(&parent.blob_gas_used, env, "parentBlobGasUsed", detail));
        if (parent.excess_blob_gas > UINT64_MAX - parent.blob_gas_used) {
            return FAIL(INVALID, "env: the parent's blob gas exceeds 64 bits");
        }
        const struct chain_config config = fixture_chain_config(t->rev, t->chain_id);
        h->excess_blob_gas = next_excess_blob_gas(&config, &parent, h->timestamp_s);
        return OK;
    }
    t->env.has_excess_blob_gas = false;
    return OK;
}

static err_t read_difficulty(struct t8n *t, const json_t *env, struct fixture_detail *detail)
{
    struct header *h = &t->env.header;
    if (fixture_has(env, "currentDifficulty")) {
        return fixture_get_u256(&h->difficulty, env, "currentDifficulty", detail);
    }
    if (!fixture_has(env, "parentDifficulty")) {
        return FAIL(INVALID, "the fork is before the Merge: env needs currentDifficulty or "
                             "parentDifficulty");
    }
    if (h->number == 0) return FAIL(INVALID, "block 0 has no parent: env needs currentDifficulty");
    struct t8n_parent parent = {.timestamp_s = 0};
    TRY(fixture_get_u256(&parent.difficulty, env, "parentDifficulty", detail));
    if (fixture_has(env, "parentTimestamp")) {
        TRY(fixture_get_u64(&parent.timestamp_s, env, "parentTimestamp", detail));
    }
    if (fixture_has(env, "parentUncleHash")) {
        static const hash_t nothing = {{0}};
        hash_t ommers;
        TRY(fixture_get_hash(&ommers, env, "parentUncleHash", detail));
        parent.has_ommers = !hash_eq(&ommers, &KECCAK_RLP_LIST) && !hash_eq(&ommers, &nothing);
    }
    if (h->timestamp_s <= parent.timestamp_s) {
        return FAIL(INVALID, "currentTimestamp is not after parentTimestamp");
    }
    return t8n_difficulty(&h->difficulty, t, &parent);
}

static err_t read_merge(struct t8n *t, const json_t *env, struct fixture_detail *detail)
{
    struct header *h = &t->env.header;
    if (fixture_has(env, "currentRandom")) {
        TRY(fixture_get_hash(&h->mix_hash, env, "currentRandom", detail));
    } else if (t->rev >= REV_PARIS) {
        return FAIL(INVALID, "the fork is after the Merge: env needs currentRandom");
    }
    if (t->rev < REV_PARIS) return read_difficulty(t, env, detail);
    if (fixture_has(env, "currentDifficulty")) {
        TRY(fixture_get_u256(&h->difficulty, env, "currentDifficulty", detail));
    }
    if (!u256_is_zero(&h->difficulty)) {
        return FAIL(INVALID, "after the Merge currentDifficulty must be zero or left out of env");
    }
    return OK;
}

static err_t read_withdrawals(struct t8n *t, struct arena *arena, const json_t *env,
                              struct fixture_detail *detail)
{
    const json_t *list = json_object_get(env, "withdrawals");
    if (list == NULL || json_is_null(list)) {
        if (t->rev < REV_SHANGHAI) return OK;
        return FAIL(INVALID, "the fork has withdrawals: env needs the list, if only an empty one");
    }
    if (!json_is_array(list)) return fixture_refuse(detail, "withdrawals", list, "a list");
    const size_t count = json_array_size(list);
    struct withdrawal *all = ARENA_ARRAY(arena, struct withdrawal, count);
    if (all == NULL) return NO_ROOM;
    for (size_t i = 0; i < count; i++) {
        const json_t *w = json_array_get(list, i);
        TRY(fixture_get_u64(&all[i].index, w, "index", detail));
        TRY(fixture_get_u64(&all[i].validator_index, w, "validatorIndex", detail));
        TRY(fixture_get_address(&all[i].address, w, "address", detail));
        TRY(fixture_get_u64(&all[i].amount_gwei, w, "amount", detail));
    }
    t->env.has_withdrawals = true;
    t->env.withdrawals = all;
    t->env.withdrawal_count = count;
    return OK;
}

static err_t read_ommers(struct t8n *t, struct arena *arena, const json_t *env,
                         struct fixture_detail *detail)
{
    const json_t *list = json_object_get(env, "ommers");
    if (t->rev >= REV_PARIS || list == NULL || json_is_null(list)) return OK;
    if (!json_is_array(list)) return fixture_refuse(detail, "ommers", list, "a list");
    const size_t count = json_array_size(list);
    struct t8n_ommer *all = ARENA_ARRAY(arena, struct t8n_ommer, count);
    if (all == NULL) return NO_ROOM;
    for (size_t i = 0; i < count; i++) {
        const json_t *o = json_array_get(list, i);
        TRY(fixture_get_u64(&all[i].delta, o, "delta", detail));
        TRY(fixture_get_address(&all[i].address, o, "address", detail));
        if (all[i].delta > 8) {
            return fixture_refuse(detail, "delta", json_object_get(o, "delta"), "at most 8");
        }
    }
    t->env.ommers = all;
    t->env.ommer_count = count;
    return OK;
}

static err_t read_block_hashes(struct t8n *t, struct arena *arena, const json_t *env,
                               struct fixture_detail *detail)
{
    const json_t *object = json_object_get(env, "blockHashes");
    if (object == NULL || json_is_null(object)) return OK;
    if (!json_is_object(object)) return fixture_refuse(detail, "blockHashes", object, "an object");
    struct t8n_block_hash *all =
        ARENA_ARRAY(arena, struct t8n_block_hash, json_object_size(object));
    if (all == NULL) return NO_ROOM;
    struct header *h = &t->env.header;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        struct t8n_block_hash *one = &all[t->env.block_hash_count++];
        u256_t number;
        if (!err_ok(u256_parse(&number, bytes_of_str(name))) || !u256_fits_u64(&number)) {
            return fixture_refuse(detail, name, value, "a block number as its name");
        }
        one->number = number.limb[0];
        TRY(fixture_get_hash(&one->hash, object, name, detail));
        if (h->number != 0 && one->number == h->number - 1) h->parent_hash = one->hash;
    }
    t->env.block_hashes = all;
    return OK;
}

err_t t8n_read_env(struct t8n *t, struct arena *arena, const json_t *env,
                   struct fixture_detail *detail)
{
    if (!json_is_object(env)) return fixture_refuse(detail, "env", env, "an object");
    t->env = (struct t8n_env){0};
    struct header *h = &t->env.header;
    TRY(fixture_get_address(&h->coinbase, env, "currentCoinbase", detail));
    TRY(fixture_get_u64(&h->gas_limit, env, "currentGasLimit", detail));
    TRY(fixture_get_u64(&h->number, env, "currentNumber", detail));
    TRY(fixture_get_u64(&h->timestamp_s, env, "currentTimestamp", detail));
    TRY(t8n_choose_rules(t, h->number, h->timestamp_s));
    h->field_count = fields_of(t->rev);
    TRY(read_base_fee(t, env, detail));
    TRY(read_withdrawals(t, arena, env, detail));
    TRY(read_merge(t, env, detail));
    TRY(read_blob_gas(t, env, detail));
    if (t->rev >= REV_CANCUN) {
        if (!fixture_has(env, "parentBeaconBlockRoot")) {
            return FAIL(INVALID, "the fork has EIP-4788: env needs parentBeaconBlockRoot");
        }
        TRY(fixture_get_hash(&h->parent_beacon_root, env, "parentBeaconBlockRoot", detail));
    }
    TRY(read_ommers(t, arena, env, detail));
    return read_block_hashes(t, arena, env, detail);
}

// ---- transactions -------------------------------------------------------------------------------

// A decoder's answer to a transaction: its own fault is its rejection, ours is an error.
static err_t settle(struct t8n_tx *out, err_t err)
{
    if (err.kind == ERR_FULL) return err;
    if (err_ok(err)) err = tx_recover_sender(&out->tx);
    if (err_ok(err)) return OK;
    out->refused = err.kind == ERR_INVALID ? tx_validity_text(TX_BAD_SIGNATURE) : err_text(err);
    return OK;
}

static err_t read_fees(struct tx *tx, const json_t *o, struct fixture_detail *detail)
{
    if (tx->type == TX_LEGACY || tx->type == TX_ACCESS_LIST) {
        TRY(fixture_get_u256(&tx->max_fee_per_gas, o, "gasPrice", detail));
        tx->max_priority_fee_per_gas = tx->max_fee_per_gas;
        return OK;
    }
    TRY(fixture_get_u256(&tx->max_fee_per_gas, o, "maxFeePerGas", detail));
    return fixture_get_u256(&tx->max_priority_fee_per_gas, o, "maxPriorityFeePerGas", detail);
}

static err_t read_blobs(struct tx *tx, struct arena *arena, const json_t *o,
                        struct fixture_detail *detail)
{
    const json_t *list = json_object_get(o, "blobVersionedHashes");
    if (tx->type != TX_BLOB) return OK;
    if (!json_is_array(list)) return fixture_refuse(detail, "blobVersionedHashes", list, "a list");
    const size_t count = json_array_size(list);
    hash_t *hashes = ARENA_ARRAY(arena, hash_t, count);
    if (hashes == NULL) return NO_ROOM;
    for (size_t i = 0; i < count; i++) {
        u256_t word;
        TRY(fixture_read_u256(&word, json_array_get(list, i), "blobVersionedHashes", detail));
        hashes[i] = u256_to_hash(&word);
    }
    tx->blob_hashes = hashes;
    tx->blob_count = count;
    return fixture_get_u256(&tx->max_fee_per_blob_gas, o, "maxFeePerBlobGas", detail);
}

static err_t read_fields(struct tx *tx, const struct t8n *t, struct arena *arena, const json_t *o,
                         struct fixture_detail *detail)
{
    uint64_t type = TX_LEGACY;
    if (fixture_has(o, "type")) TRY(fixture_get_u64(&type, o, "type", detail));
    if (type > TX_SET_CODE) {
        return fixture_refuse(detail, "type", json_object_get(o, "type"), "a type up to 0x4");
    }
    tx->type = (enum tx_type)type;
    tx->has_chain_id = tx->type != TX_LEGACY;
    tx->chain_id = t->chain_id;
    if (tx->has_chain_id && fixture_has(o, "chainId")) {
        TRY(fixture_get_u64(&tx->chain_id, o, "chainId", detail));
    }
    TRY(fixture_get_u64(&tx->nonce, o, "nonce", detail));
    TRY(fixture_get_u64(&tx->gas_limit, o, "gas", detail));
    TRY(fixture_get_u256(&tx->value_wei, o, "value", detail));
    TRY(fixture_get_bytes(&tx->data, arena, o, fixture_has(o, "input") ? "input" : "data", detail));
    tx->is_create = json_string_length(json_object_get(o, "to")) == 0;
    if (!tx->is_create) TRY(fixture_get_address(&tx->to, o, "to", detail));
    TRY(read_fees(tx, o, detail));
    TRY(read_blobs(tx, arena, o, detail));
    if (tx->type != TX_LEGACY) {
        TRY(fixture_read_access_list(tx, arena, json_object_get(o, "accessList"), detail));
    }
    return tx->type != TX_SET_CODE
               ? OK
               : fixture_read_authorizations(tx, arena, json_object_get(o, "authorizationList"),
                                             detail);
}

/// v of a legacy transaction names the chain (EIP-155); of others it is the parity.
static err_t read_signature(struct tx *tx, const json_t *o, struct fixture_detail *detail)
{
    uint64_t v = 0;
    const char *name = tx->type != TX_LEGACY && fixture_has(o, "yParity") ? "yParity" : "v";
    if (fixture_has(o, name)) TRY(fixture_get_u64(&v, o, name, detail));
    if (fixture_has(o, "r")) TRY(fixture_get_u256(&tx->r, o, "r", detail));
    if (fixture_has(o, "s")) TRY(fixture_get_u256(&tx->s, o, "s", detail));
    if (tx->type == TX_LEGACY && v >= 35) {
        tx->has_chain_id = true;
        tx->chain_id = (v - 35) / 2;
        v = (v - 35) % 2;
    } else if (tx->type == TX_LEGACY && v >= 27) {
        v -= 27;
    }
    if (v > 1) return fixture_refuse(detail, name, json_object_get(o, name), "a recovery id");
    tx->y_parity = (uint8_t)v;
    return OK;
}

static err_t sign(struct tx *tx, struct arena *arena, const json_t *o,
                  struct fixture_detail *detail)
{
    hash_t secret;
    TRY(fixture_get_hash(&secret, o, "secretKey", detail));
    if (tx->type == TX_LEGACY) tx->has_chain_id = !json_is_false(json_object_get(o, "protected"));
    struct secret_key *key;
    TRY(secret_new(&key));
    memcpy(key->b, secret.b, sizeof key->b);
    const err_t err = tx_sign(tx, arena, key);
    secret_free(key);
    secret_wipe(&secret, sizeof secret);
    return err.kind == ERR_INVALID ? FAIL(MALFORMED, "a secretKey is no key of secp256k1") : err;
}

static err_t read_object(struct t8n_tx *out, const struct t8n *t, struct arena *arena,
                         const json_t *o, struct fixture_detail *detail)
{
    struct tx tx = {.type = TX_LEGACY};
    if (!json_is_object(o)) return fixture_refuse(detail, "txs", o, "a list of objects");
    TRY(read_fields(&tx, t, arena, o, detail));
    TRY(read_signature(&tx, o, detail));
    const bool is_signed = tx.y_parity != 0 || !u256_is_zero(&tx.r) || !u256_is_zero(&tx.s);
    if (!is_signed && fixture_has(o, "secretKey")) TRY(sign(&tx, arena, o, detail));

    // Through the decoder, so that JSON is no way around its rules.
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    tx_encode(&b, &tx);
    bool full = b.full;
    const bytes_t raw = full ? BYTES_NONE : arena_copy(arena, buf_bytes(&b), &full);
    buf_deinit(&b);
    if (full) return NO_ROOM;
    return settle(out, tx_decode(&out->tx, arena, raw));
}

static err_t read_rlp(struct t8n *t, struct arena *arena, const json_t *text,
                      struct fixture_detail *detail)
{
    bytes_t all;
    TRY(fixture_read_bytes(&all, arena, text, "txs", detail));
    if (all.len == 0) return OK;
    struct rlp_reader outer = rlp_reader(all);
    struct rlp_reader items;
    bytes_t item;
    err_t err = rlp_read_list(&outer, &items);
    if (err_ok(err)) err = rlp_expect_end(&outer);
    if (!err_ok(err)) return fixture_refuse(detail, "txs", text, "an RLP list in hex");
    size_t count = 0;
    for (struct rlp_reader r = items; !rlp_at_end(&r); count++) {
        if (!err_ok(rlp_read_raw(&r, &item))) {
            return fixture_refuse(detail, "txs", text, "an RLP list in hex");
        }
    }
    struct t8n_tx *txs = ARENA_ARRAY(arena, struct t8n_tx, count);
    if (txs == NULL) return NO_ROOM;
    for (size_t i = 0; i < count; i++) {
        TRY(rlp_read_raw(&items, &item));
        TRY(settle(&txs[i], tx_decode_item(&txs[i].tx, arena, item)));
    }
    t->txs = txs;
    t->tx_count = count;
    return OK;
}

err_t t8n_read_txs(struct t8n *t, struct arena *arena, const json_t *txs,
                   struct fixture_detail *detail)
{
    t->txs = NULL;
    t->tx_count = 0;
    if (txs == NULL || json_is_null(txs)) return OK;
    if (json_is_string(txs)) return read_rlp(t, arena, txs, detail);
    if (!json_is_array(txs)) return fixture_refuse(detail, "txs", txs, "a list or RLP in hex");
    const size_t count = json_array_size(txs);
    struct t8n_tx *all = ARENA_ARRAY(arena, struct t8n_tx, count);
    if (all == NULL) return NO_ROOM;
    for (size_t i = 0; i < count; i++) {
        TRY(read_object(&all[i], t, arena, json_array_get(txs, i), detail));
    }
    t->txs = all;
    t->tx_count = count;
    return OK;
}
