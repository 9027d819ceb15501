// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/ethjson.h"

#include <stdlib.h>

#include "chain/base/hex.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"

// ---- values ------------------------------------------------------------------------------------

json_t *ethjson_u64(uint64_t v)
{
    const u256_t wide = u256_from_u64(v);
    return ethjson_u256(&wide);
}

json_t *ethjson_u256(const u256_t *v)
{
    uint8_t be[32];
    char text[2 + 64 + 1];
    u256_to_be32(be, v);
    hex_encode(text + 2, BYTES_OF(be));

    const unsigned digits = (u256_bit_len(v) + 3) / 4;
    char *start = text + 2 + 64 - (digits == 0 ? 1 : digits);
    start[-2] = '0';
    start[-1] = 'x';
    return json_string_nocheck(start - 2);
}

json_t *ethjson_data(bytes_t b)
{
    char small[2 + 2 * 256 + 1];
    if (b.len > SIZE_MAX / 2 - 3) return NULL;
    char *text = b.len <= 256 ? small : malloc(2 + 2 * b.len + 1);
    if (text == NULL) return NULL;
    text[0] = '0';
    text[1] = 'x';
    hex_encode(text + 2, b);
    json_t *v = json_stringn_nocheck(text, 2 + 2 * b.len);
    if (text != small) free(text);
    return v;
}

json_t *ethjson_hash(const hash_t *h)
{
    return ethjson_data(BYTES_OF(*h));
}

json_t *ethjson_address(const address_t *a)
{
    return ethjson_data(BYTES_OF(*a));
}

// ---- objects -----------------------------------------------------------------------------------

/// An object that is being filled. A member that could not be made spoils it.
struct maker {
    json_t *object;
    bool failed;
};

static struct maker maker_start(void)
{
    json_t *object = json_object();
    return (struct maker){object, object == NULL};
}

static void put(struct maker *m, const char *name, json_t *value)
{
    if (json_object_set_new_nocheck(m->object, name, value) != 0) m->failed = true;
}

static json_t *maker_end(struct maker *m)
{
    if (!m->failed) return m->object;
    json_decref(m->object);
    return NULL;
}

static bool append(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0;
}

static json_t *array_or_none(json_t *array, bool ok)
{
    if (ok) return array;
    json_decref(array);
    return NULL;
}

static json_t *hash_list(const hash_t *hashes, size_t count)
{
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < count; i++) ok = append(array, ethjson_hash(&hashes[i]));
    return array_or_none(array, ok);
}

json_t *ethjson_access_list(const struct access_entry *list, size_t count)
{
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        struct maker m = maker_start();
        put(&m, "address", ethjson_address(&list[i].address));
        put(&m, "storageKeys", hash_list(list[i].keys, list[i].key_count));
        ok = append(array, maker_end(&m));
    }
    return array_or_none(array, ok);
}

static json_t *authorization_list(const struct tx *tx)
{
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < tx->authorization_count; i++) {
        const struct authorization *a = &tx->authorizations[i];
        struct maker m = maker_start();
        put(&m, "chainId", ethjson_u256(&a->chain_id));
        put(&m, "address", ethjson_address(&a->address));
        put(&m, "nonce", ethjson_u64(a->nonce));
        put(&m, "yParity", ethjson_u64(a->y_parity));
        put(&m, "r", ethjson_u256(&a->r));
        put(&m, "s", ethjson_u256(&a->s));
        ok = append(array, maker_end(&m));
    }
    return array_or_none(array, ok);
}

/// The v member: 27 or 28, chain id * 2 + 35 or 36, or the parity of a typed transaction.
static u256_t v_of(const struct tx *tx)
{
    if (tx->type != TX_LEGACY) return u256_from_u64(tx->y_parity);
    if (!tx->has_chain_id) return u256_from_u64(27u + tx->y_parity);
    const u256_t id = u256_from_u64(tx->chain_id);
    const u256_t base = u256_from_u64(35u + tx->y_parity);
    u256_t v = u256_shl(&id, 1);
    u256_add(&v, &v, &base);
    return v;
}

static void put_tx_place(struct maker *m, const struct ethjson_place *place)
{
    put(m, "blockHash", place == NULL ? json_null() : ethjson_hash(&place->block_hash));
    put(m, "blockNumber", place == NULL ? json_null() : ethjson_u64(place->block_number));
    put(m, "transactionIndex", place == NULL ? json_null() : ethjson_u64(place->tx_index));
}

static void put_tx_fees(struct maker *m, const struct tx *tx, const struct ethjson_place *place)
{
    // Of a mined transaction gasPrice is what it paid; of a pending one the most it may pay.
    const bool dynamic = tx->type >= TX_DYNAMIC_FEE;
    const u256_t price = dynamic && place != NULL ? tx_effective_gas_price(tx, &place->base_fee_wei)
                                                  : tx->max_fee_per_gas;
    put(m, "gasPrice", ethjson_u256(&price));
    if (dynamic) {
        put(m, "maxFeePerGas", ethjson_u256(&tx->max_fee_per_gas));
        put(m, "maxPriorityFeePerGas", ethjson_u256(&tx->max_priority_fee_per_gas));
    }
}

json_t *ethjson_tx(const struct tx *tx, const struct ethjson_place *place)
{
    check(tx->has_sender);
    const u256_t v = v_of(tx);
    struct maker m = maker_start();
    put_tx_place(&m, place);
    put(&m, "from", ethjson_address(&tx->sender));
    put(&m, "gas", ethjson_u64(tx->gas_limit));
    put_tx_fees(&m, tx, place);
    put(&m, "hash", ethjson_hash(&tx->hash));
    put(&m, "input", ethjson_data(tx->data));
    put(&m, "nonce", ethjson_u64(tx->nonce));
    put(&m, "to", tx->is_create ? json_null() : ethjson_address(&tx->to));
    put(&m, "value", ethjson_u256(&tx->value_wei));
    put(&m, "type", ethjson_u64((uint64_t)tx->type));
    if (tx->type != TX_LEGACY) {
        put(&m, "accessList", ethjson_access_list(tx->access_list, tx->access_count));
    }
    if (tx->has_chain_id) put(&m, "chainId", ethjson_u64(tx->chain_id));
    if (tx->type == TX_BLOB) {
        put(&m, "maxFeePerBlobGas", ethjson_u256(&tx->max_fee_per_blob_gas));
        put(&m, "blobVersionedHashes", hash_list(tx->blob_hashes, tx->blob_count));
    }
    if (tx->type == TX_SET_CODE) put(&m, "authorizationList", authorization_list(tx));
    put(&m, "v", ethjson_u256(&v));
    put(&m, "r", ethjson_u256(&tx->r));
    put(&m, "s", ethjson_u256(&tx->s));
    if (tx->type != TX_LEGACY) put(&m, "yParity", ethjson_u64(tx->y_parity));
    return maker_end(&m);
}

static void put_header(struct maker *m, const struct header *h, const hash_t *block_hash)
{
    put(m, "number", ethjson_u64(h->number));
    put(m, "hash", ethjson_hash(block_hash));
    put(m, "parentHash", ethjson_hash(&h->parent_hash));
    put(m, "nonce", ethjson_data(BYTES_OF(h->nonce)));
    put(m, "mixHash", ethjson_hash(&h->mix_hash));
    put(m, "sha3Uncles", ethjson_hash(&h->ommers_hash));
    put(m, "logsBloom", ethjson_data(BYTES_OF(h->logs_bloom)));
    put(m, "stateRoot", ethjson_hash(&h->state_root));
    put(m, "miner", ethjson_address(&h->coinbase));
    put(m, "difficulty", ethjson_u256(&h->difficulty));
    put(m, "extraData", ethjson_data(h->extra_data));
    put(m, "gasLimit", ethjson_u64(h->gas_limit));
    put(m, "gasUsed", ethjson_u64(h->gas_used));
    put(m, "timestamp", ethjson_u64(h->timestamp_s));
    put(m, "transactionsRoot", ethjson_hash(&h->transactions_root));
    put(m, "receiptsRoot", ethjson_hash(&h->receipts_root));
    if (h->field_count >= HEADER_FIELDS_LONDON) {
        put(m, "baseFeePerGas", ethjson_u256(&h->base_fee_wei));
    }
    if (h->field_count >= HEADER_FIELDS_SHANGHAI) {
        put(m, "withdrawalsRoot", ethjson_hash(&h->withdrawals_root));
    }
    if (h->field_count >= HEADER_FIELDS_BLOB) {
        put(m, "blobGasUsed", ethjson_u64(h->blob_gas_used));
        put(m, "excessBlobGas", ethjson_u64(h->excess_blob_gas));
    }
    if (h->field_count >= HEADER_FIELDS_CANCUN) {
        put(m, "parentBeaconBlockRoot", ethjson_hash(&h->parent_beacon_root));
    }
    if (h->field_count >= HEADER_FIELDS_PRAGUE) {
        put(m, "requestsHash", ethjson_hash(&h->requests_hash));
    }
}

json_t *ethjson_header(const struct header *h, const hash_t *block_hash)
{
    struct maker m = maker_start();
    put_header(&m, h, block_hash);
    return maker_end(&m);
}

static json_t *transactions_of(const struct block *b, bool full)
{
    struct ethjson_place place = {
        .block_hash = b->hash,
        .block_number = b->header.number,
        .block_timestamp_s = b->header.timestamp_s,
        .base_fee_wei = b->header.base_fee_wei,
    };
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < b->tx_count; i++) {
        place.tx_index = i;
        ok = append(array, full ? ethjson_tx(&b->txs[i], &place) : ethjson_hash(&b->txs[i].hash));
    }
    return array_or_none(array, ok);
}

static json_t *uncles_of(const struct block *b)
{
    struct rlp_reader whole = rlp_reader(b->ommers);
    struct rlp_reader list = {BYTES_NONE};
    json_t *array = json_array();
    bool ok = array != NULL;
    if (rlp_read_list(&whole, &list).kind != ERR_NONE) return array; // no body
    bytes_t item;
    while (ok && rlp_read_raw(&list, &item).kind == ERR_NONE) {
        const hash_t hash = keccak256(item);
        ok = append(array, ethjson_hash(&hash));
    }
    return array_or_none(array, ok);
}

static json_t *withdrawals_of(const struct block *b)
{
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < b->withdrawal_count; i++) {
        const struct withdrawal *w = &b->withdrawals[i];
        struct maker m = maker_start();
        put(&m, "index", ethjson_u64(w->index));
        put(&m, "validatorIndex", ethjson_u64(w->validator_index));
        put(&m, "address", ethjson_address(&w->address));
        put(&m, "amount", ethjson_u64(w->amount_gwei));
        ok = append(array, maker_end(&m));
    }
    return array_or_none(array, ok);
}

json_t *ethjson_block(const struct block *b, uint64_t size_bytes, bool full_txs)
{
    struct maker m = maker_start();
    put_header(&m, &b->header, &b->hash);
    put(&m, "size", ethjson_u64(size_bytes));
    put(&m, "transactions", transactions_of(b, full_txs));
    put(&m, "uncles", uncles_of(b));
    if (b->has_withdrawals) put(&m, "withdrawals", withdrawals_of(b));
    return maker_end(&m);
}

json_t *ethjson_log(const struct log_entry *log, const struct ethjson_place *place,
                    const hash_t *tx_hash, uint64_t log_index)
{
    struct maker m = maker_start();
    put(&m, "address", ethjson_address(&log->address));
    put(&m, "topics", hash_list(log->topics, log->topic_count));
    put(&m, "data", ethjson_data(log->data));
    put(&m, "blockNumber", ethjson_u64(place->block_number));
    put(&m, "transactionHash", ethjson_hash(tx_hash));
    put(&m, "transactionIndex", ethjson_u64(place->tx_index));
    put(&m, "blockHash", ethjson_hash(&place->block_hash));
    put(&m, "blockTimestamp", ethjson_u64(place->block_timestamp_s));
    put(&m, "logIndex", ethjson_u64(log_index));
    put(&m, "removed", json_false());
    return maker_end(&m);
}

static json_t *logs_of(const struct receipt *r, const struct tx *tx,
                       const struct ethjson_place *place, uint64_t first_log_index)
{
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < r->log_count; i++) {
        ok = append(array, ethjson_log(&r->logs[i], place, &tx->hash, first_log_index + i));
    }
    return array_or_none(array, ok);
}

json_t *ethjson_receipt(const struct receipt *r, const struct tx *tx,
                        const struct ethjson_place *place, uint64_t first_log_index)
{
    check(tx->has_sender);
    struct maker m = maker_start();
    put(&m, "blockHash", ethjson_hash(&place->block_hash));
    put(&m, "blockNumber", ethjson_u64(place->block_number));
    put(&m, "transactionHash", ethjson_hash(&tx->hash));
    put(&m, "transactionIndex", ethjson_u64(place->tx_index));
    put(&m, "from", ethjson_address(&tx->sender));
    put(&m, "to", tx->is_create ? json_null() : ethjson_address(&tx->to));
    put(&m, "gasUsed", ethjson_u64(r->gas_used));
    put(&m, "cumulativeGasUsed", ethjson_u64(r->cumulative_gas_used));
    put(&m, "effectiveGasPrice", ethjson_u256(&r->effective_gas_price));
    put(&m, "contractAddress",
        r->has_contract_address ? ethjson_address(&r->contract_address) : json_null());
    put(&m, "logs", logs_of(r, tx, place, first_log_index));
    put(&m, "logsBloom", ethjson_data(BYTES_OF(r->bloom)));
    put(&m, "type", ethjson_u64((uint64_t)r->type));
    if (r->has_status) {
        put(&m, "status", ethjson_u64(r->succeeded ? 1 : 0));
    } else {
        put(&m, "root", ethjson_hash(&r->post_root));
    }
    return maker_end(&m);
}
