// SPDX-License-Identifier: Apache-2.0
// The readers of chain/codec/ethjson.h.
#include "chain/codec/ethjson.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "chain/types/address.h"

/// Input of a call and code of a creation; more does not fit a transaction of ours.
#define MAX_INPUT ((size_t)4 * 1024 * 1024)
#define MAX_EXTRA ((size_t)1024 * 1024)
#define MAX_LOG_DATA ((size_t)64 * 1024 * 1024)

// ---- values ------------------------------------------------------------------------------------

/// The digits after "0x".
static err_t digits_of(bytes_t *out, const json_t *in)
{
    if (!json_is_string(in)) return FAIL(MALFORMED, "expected a string that starts with 0x");
    const bytes_t text = bytes_make(json_string_value(in), json_string_length(in));
    if (text.len < 2 || text.data[0] != '0' || text.data[1] != 'x') {
        return FAIL(MALFORMED, "expected 0x before the digits");
    }
    *out = bytes_make(text.data + 2, text.len - 2);
    return OK;
}

err_t ethjson_read_u256(u256_t *out, const json_t *in)
{
    bytes_t digits;
    TRY(digits_of(&digits, in));
    if (digits.len == 0) return FAIL(MALFORMED, "expected at least one digit after 0x");
    if (digits.len > 1 && digits.data[0] == '0') {
        return FAIL(MALFORMED, "expected a quantity without leading zeros");
    }
    const err_t err = u256_parse(out, bytes_make(digits.data - 2, digits.len + 2));
    if (err.kind == ERR_LIMIT) return FAIL(LIMIT, "expected at most 256 bits");
    return err.kind == ERR_NONE ? OK : FAIL(MALFORMED, "expected hexadecimal digits");
}

err_t ethjson_read_u64(uint64_t *out, const json_t *in)
{
    u256_t wide;
    TRY(ethjson_read_u256(&wide, in));
    if (!u256_fits_u64(&wide)) return FAIL(LIMIT, "expected at most 64 bits");
    *out = wide.limb[0];
    return OK;
}

err_t ethjson_read_fixed(void *out, size_t len, const json_t *in)
{
    uint8_t decoded[256];
    bytes_t digits;
    check(len <= sizeof decoded);
    TRY(digits_of(&digits, in));
    if (digits.len != 2 * len) return FAIL(MALFORMED, "expected data of another length");
    // A second prefix is not digits, though the decoder would skip it.
    if (digits.len >= 2 && (digits.data[1] | 0x20) == 'x') {
        return FAIL(MALFORMED, "expected hexadecimal digits");
    }
    if (hex_decode_fixed(decoded, len, digits).kind != ERR_NONE) {
        return FAIL(MALFORMED, "expected hexadecimal digits");
    }
    memcpy(out, decoded, len);
    return OK;
}

err_t ethjson_read_hash(hash_t *out, const json_t *in)
{
    if (ethjson_read_fixed(out->b, sizeof out->b, in).kind != ERR_NONE) {
        return FAIL(MALFORMED, "expected 0x and 64 hexadecimal digits");
    }
    return OK;
}

err_t ethjson_read_address(address_t *out, const json_t *in)
{
    bytes_t digits;
    const err_t shape = digits_of(&digits, in);
    if (shape.kind != ERR_NONE || digits.len != 40) {
        return FAIL(MALFORMED, "expected an address of 0x and 40 hexadecimal digits");
    }
    return address_parse(out, digits);
}

err_t ethjson_read_data(bytes_t *out, struct arena *arena, const json_t *in, size_t max_bytes)
{
    bytes_t digits;
    TRY(digits_of(&digits, in));
    if (digits.len % 2 != 0) return FAIL(MALFORMED, "expected an even number of digits");
    if (digits.len / 2 > max_bytes) return FAIL(LIMIT, "the data is longer than allowed");
    if (digits.len >= 2 && (digits.data[1] | 0x20) == 'x') {
        return FAIL(MALFORMED, "expected hexadecimal digits");
    }
    const size_t mark = arena_mark(arena);
    uint8_t *room = arena_alloc(arena, digits.len / 2);
    if (room == NULL) return FAIL(FULL, "no room for the data");
    size_t len;
    if (hex_decode(room, digits.len / 2, &len, digits).kind != ERR_NONE) {
        arena_rewind(arena, mark);
        return FAIL(MALFORMED, "expected hexadecimal digits");
    }
    *out = bytes_make(room, len);
    return OK;
}

err_t ethjson_read_slot(hash_t *out, const json_t *in)
{
    u256_t wide;
    bytes_t digits;
    TRY(digits_of(&digits, in));
    if (digits.len == 0 || digits.len > 64) {
        return FAIL(MALFORMED, "expected 0x and 1 to 64 hexadecimal digits");
    }
    if (u256_parse(&wide, bytes_make(digits.data - 2, digits.len + 2)).kind != ERR_NONE) {
        return FAIL(MALFORMED, "expected hexadecimal digits");
    }
    *out = u256_to_hash(&wide);
    return OK;
}

// ---- call objects ------------------------------------------------------------------------------

/// A member; null counts as absent.
static const json_t *get(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return json_is_null(v) ? NULL : v;
}

__attribute__((format(printf, 3, 4))) static err_t refuse(struct ethjson_detail *detail, err_t err,
                                                          const char *fmt, ...)
{
    if (detail == NULL) return err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail->text, sizeof detail->text, fmt, ap);
    va_end(ap);
    for (char *c = detail->text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) *c = '?';
    }
    return err;
}

static err_t refuse_member(struct ethjson_detail *detail, err_t err, const char *name,
                           const json_t *v)
{
    char *seen = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    (void)refuse(detail, err, "%s: %s; got %.60s", name, err_text(err), seen == NULL ? "" : seen);
    free(seen);
    return err;
}

static err_t call_u64(uint64_t *out, bool *has, const json_t *in, const char *name,
                      struct ethjson_detail *detail)
{
    const json_t *v = get(in, name);
    if (v == NULL) return OK;
    const err_t err = ethjson_read_u64(out, v);
    *has = true;
    return err.kind == ERR_NONE ? OK : refuse_member(detail, err, name, v);
}

static err_t call_u256(u256_t *out, bool *has, const json_t *in, const char *name,
                       struct ethjson_detail *detail)
{
    const json_t *v = get(in, name);
    if (v == NULL) return OK;
    const err_t err = ethjson_read_u256(out, v);
    *has = true;
    return err.kind == ERR_NONE ? OK : refuse_member(detail, err, name, v);
}

static err_t call_address(address_t *out, bool *has, const json_t *in, const char *name,
                          struct ethjson_detail *detail)
{
    const json_t *v = get(in, name);
    if (v == NULL) return OK;
    const err_t err = ethjson_read_address(out, v);
    *has = true;
    return err.kind == ERR_NONE ? OK : refuse_member(detail, err, name, v);
}

static err_t call_input(struct call_object *out, struct arena *arena, const json_t *in,
                        struct ethjson_detail *detail)
{
    const json_t *input = get(in, "input");
    const json_t *data = get(in, "data");
    if (input != NULL) {
        const err_t err = ethjson_read_data(&out->data, arena, input, MAX_INPUT);
        if (err.kind != ERR_NONE) return refuse_member(detail, err, "input", input);
    }
    if (data == NULL) return OK;

    bytes_t other;
    const err_t err = ethjson_read_data(&other, arena, data, MAX_INPUT);
    if (err.kind != ERR_NONE) return refuse_member(detail, err, "data", data);
    if (input != NULL && !bytes_eq(other, out->data)) {
        return refuse(detail, FAIL(INVALID, "data and input differ"),
                      "data and input differ; expected one of them, or both alike");
    }
    out->data = other;
    return OK;
}

static err_t read_access_list(const struct access_entry **out, size_t *out_count,
                              struct arena *arena, const json_t *list)
{
    if (!json_is_array(list)) return FAIL(MALFORMED, "expected a list");
    const size_t count = json_array_size(list);
    struct access_entry *entries = ARENA_ARRAY(arena, struct access_entry, count);
    if (entries == NULL) return FAIL(FULL, "no room for the access list");
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        const json_t *keys = get(entry, "storageKeys");
        TRY(ethjson_read_address(&entries[i].address, get(entry, "address")));
        if (keys != NULL && !json_is_array(keys)) return FAIL(MALFORMED, "expected a list of keys");
        const size_t key_count = json_array_size(keys);
        hash_t *hashes = ARENA_ARRAY(arena, hash_t, key_count);
        if (hashes == NULL) return FAIL(FULL, "no room for the access list");
        for (size_t k = 0; k < key_count; k++) {
            TRY(ethjson_read_hash(&hashes[k], json_array_get(keys, k)));
        }
        entries[i].keys = hashes;
        entries[i].key_count = key_count;
    }
    *out = entries;
    *out_count = count;
    return OK;
}

static err_t read_authorizations(const struct authorization **out, size_t *out_count,
                                 struct arena *arena, const json_t *list)
{
    if (!json_is_array(list)) return FAIL(MALFORMED, "expected a list");
    const size_t count = json_array_size(list);
    struct authorization *auths = ARENA_ARRAY(arena, struct authorization, count);
    if (auths == NULL) return FAIL(FULL, "no room for the authorization list");
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        const json_t *parity =
            get(entry, "yParity") != NULL ? get(entry, "yParity") : get(entry, "v");
        uint64_t y;
        TRY(ethjson_read_u256(&auths[i].chain_id, get(entry, "chainId")));
        TRY(ethjson_read_address(&auths[i].address, get(entry, "address")));
        TRY(ethjson_read_u64(&auths[i].nonce, get(entry, "nonce")));
        TRY(ethjson_read_u64(&y, parity));
        TRY(ethjson_read_u256(&auths[i].r, get(entry, "r")));
        TRY(ethjson_read_u256(&auths[i].s, get(entry, "s")));
        if (y > UINT8_MAX) return FAIL(LIMIT, "yParity needs more than a byte");
        auths[i].y_parity = (uint8_t)y;
    }
    *out = auths;
    *out_count = count;
    return OK;
}

static err_t read_call(struct call_object *c, struct arena *arena, const json_t *in,
                       struct ethjson_detail *detail)
{
    TRY(call_address(&c->from, &c->has_from, in, "from", detail));
    TRY(call_address(&c->to, &c->has_to, in, "to", detail));
    TRY(call_u64(&c->gas, &c->has_gas, in, "gas", detail));
    TRY(call_u256(&c->gas_price, &c->has_gas_price, in, "gasPrice", detail));
    TRY(call_u256(&c->max_fee_per_gas, &c->has_max_fee, in, "maxFeePerGas", detail));
    TRY(call_u256(&c->max_priority_fee_per_gas, &c->has_max_priority_fee, in,
                  "maxPriorityFeePerGas", detail));
    TRY(call_u256(&c->value_wei, &c->has_value, in, "value", detail));
    TRY(call_u64(&c->nonce, &c->has_nonce, in, "nonce", detail));
    TRY(call_u64(&c->chain_id, &c->has_chain_id, in, "chainId", detail));
    TRY(call_u64(&c->type, &c->has_type, in, "type", detail));
    TRY(call_input(c, arena, in, detail));

    const json_t *list = get(in, "accessList");
    if (list != NULL) {
        c->has_access_list = true;
        const err_t err = read_access_list(&c->access_list, &c->access_count, arena, list);
        if (err.kind != ERR_NONE) return refuse_member(detail, err, "accessList", list);
    }
    const json_t *auths = get(in, "authorizationList");
    if (auths != NULL) {
        const err_t err =
            read_authorizations(&c->authorizations, &c->authorization_count, arena, auths);
        if (err.kind != ERR_NONE) return refuse_member(detail, err, "authorizationList", auths);
    }
    if (c->has_gas_price && (c->has_max_fee || c->has_max_priority_fee)) {
        return refuse(detail, FAIL(INVALID, "both gasPrice and maxFeePerGas"),
                      "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    }
    return OK;
}

err_t ethjson_read_call(struct call_object *out, struct arena *arena, const json_t *in,
                        struct ethjson_detail *detail)
{
    if (!json_is_object(in)) {
        return refuse(detail, FAIL(MALFORMED, "expected a transaction object"),
                      "expected an object such as {\"to\": \"0x..\", \"data\": \"0x..\"}");
    }
    struct call_object c = {.has_from = false};
    TRY(read_call(&c, arena, in, detail));
    *out = c;
    return OK;
}

// ---- transactions ------------------------------------------------------------------------------

static err_t read_hash_list(const hash_t **out, size_t *out_count, struct arena *arena,
                            const json_t *list)
{
    if (!json_is_array(list)) return FAIL(MALFORMED, "expected a list of hashes");
    const size_t count = json_array_size(list);
    hash_t *hashes = ARENA_ARRAY(arena, hash_t, count);
    if (hashes == NULL) return FAIL(FULL, "no room for a list of hashes");
    for (size_t i = 0; i < count; i++) TRY(ethjson_read_hash(&hashes[i], json_array_get(list, i)));
    *out = hashes;
    *out_count = count;
    return OK;
}

static err_t read_tx_signature(struct tx *tx, const json_t *in)
{
    u256_t v;
    TRY(ethjson_read_u256(&v, get(in, "v")));
    TRY(ethjson_read_u256(&tx->r, get(in, "r")));
    TRY(ethjson_read_u256(&tx->s, get(in, "s")));
    if (!u256_fits_u64(&v) && tx->type != TX_LEGACY) return FAIL(MALFORMED, "v is not a parity");
    if (tx->type != TX_LEGACY) {
        if (v.limb[0] > 1) return FAIL(MALFORMED, "v is not a parity");
        tx->y_parity = (uint8_t)v.limb[0];
        return OK;
    }
    if (u256_fits_u64(&v) && (v.limb[0] == 27 || v.limb[0] == 28)) {
        tx->has_chain_id = false;
        tx->y_parity = (uint8_t)(v.limb[0] - 27);
        return OK;
    }
    const u256_t base = u256_from_u64(35);
    if (!u256_sub_checked(&v, &v, &base))
        return FAIL(MALFORMED, "v is not one of a legacy transaction");
    tx->y_parity = (uint8_t)(v.limb[0] & 1);
    v = u256_shr(&v, 1);
    if (!u256_fits_u64(&v)) return FAIL(LIMIT, "the chain id needs more than 64 bits");
    tx->has_chain_id = true;
    tx->chain_id = v.limb[0];
    return OK;
}

static err_t read_tx_typed(struct tx *tx, struct arena *arena, const json_t *in)
{
    tx->has_chain_id = true;
    TRY(ethjson_read_u64(&tx->chain_id, get(in, "chainId")));
    TRY(read_access_list(&tx->access_list, &tx->access_count, arena, get(in, "accessList")));
    if (tx->type == TX_ACCESS_LIST) {
        TRY(ethjson_read_u256(&tx->max_fee_per_gas, get(in, "gasPrice")));
        tx->max_priority_fee_per_gas = tx->max_fee_per_gas;
        return OK;
    }
    TRY(ethjson_read_u256(&tx->max_fee_per_gas, get(in, "maxFeePerGas")));
    TRY(ethjson_read_u256(&tx->max_priority_fee_per_gas, get(in, "maxPriorityFeePerGas")));
    if (tx->type == TX_BLOB) {
        TRY(ethjson_read_u256(&tx->max_fee_per_blob_gas, get(in, "maxFeePerBlobGas")));
        TRY(read_hash_list(&tx->blob_hashes, &tx->blob_count, arena,
                           get(in, "blobVersionedHashes")));
    }
    if (tx->type == TX_SET_CODE) {
        TRY(read_authorizations(&tx->authorizations, &tx->authorization_count, arena,
                                get(in, "authorizationList")));
    }
    return OK;
}

static err_t encode_and_compare(struct tx *tx, struct arena *arena, const json_t *claimed)
{
    struct buf b;
    buf_init(&b, 4 * MAX_INPUT);
    tx_encode(&b, tx);
    bool full = b.full;
    tx->raw = full ? BYTES_NONE : arena_copy(arena, buf_bytes(&b), &full);
    buf_deinit(&b);
    if (full) return FAIL(FULL, "no room for the transaction");
    tx->hash = keccak256(tx->raw);

    hash_t hash;
    TRY(ethjson_read_hash(&hash, claimed));
    if (!hash_eq(&hash, &tx->hash)) {
        return FAIL(MISMATCH, "the transaction's members do not have the hash it claims");
    }
    return OK;
}

err_t ethjson_read_tx(struct tx *out, struct arena *arena, const json_t *in)
{
    if (!json_is_object(in)) return FAIL(MALFORMED, "expected a transaction object");
    struct tx tx = {.type = TX_LEGACY};
    if (get(in, "type") != NULL) {
        uint64_t type;
        TRY(ethjson_read_u64(&type, get(in, "type")));
        if (type > TX_SET_CODE) return FAIL(UNSUPPORTED, "a transaction of unknown type");
        tx.type = (enum tx_type)type;
    }
    TRY(ethjson_read_u64(&tx.nonce, get(in, "nonce")));
    TRY(ethjson_read_u64(&tx.gas_limit, get(in, "gas")));
    TRY(ethjson_read_u256(&tx.value_wei, get(in, "value")));
    TRY(ethjson_read_data(&tx.data, arena, get(in, "input"), MAX_INPUT));
    tx.is_create = get(in, "to") == NULL;
    if (!tx.is_create) TRY(ethjson_read_address(&tx.to, get(in, "to")));
    if (tx.type == TX_LEGACY) {
        TRY(ethjson_read_u256(&tx.max_fee_per_gas, get(in, "gasPrice")));
        tx.max_priority_fee_per_gas = tx.max_fee_per_gas;
    } else {
        TRY(read_tx_typed(&tx, arena, in));
    }
    TRY(read_tx_signature(&tx, in));
    TRY(encode_and_compare(&tx, arena, get(in, "hash")));
    *out = tx;
    return OK;
}

// ---- headers -----------------------------------------------------------------------------------

static err_t read_later_fields(struct header *h, const json_t *in)
{
    h->field_count = HEADER_FIELDS_CLASSIC;
    if (get(in, "baseFeePerGas") == NULL) return OK;
    TRY(ethjson_read_u256(&h->base_fee_wei, get(in, "baseFeePerGas")));
    h->field_count = HEADER_FIELDS_LONDON;
    if (get(in, "withdrawalsRoot") == NULL) return OK;
    TRY(ethjson_read_hash(&h->withdrawals_root, get(in, "withdrawalsRoot")));
    h->field_count = HEADER_FIELDS_SHANGHAI;
    if (get(in, "blobGasUsed") == NULL) return OK;
    TRY(ethjson_read_u64(&h->blob_gas_used, get(in, "blobGasUsed")));
    TRY(ethjson_read_u64(&h->excess_blob_gas, get(in, "excessBlobGas")));
    h->field_count = HEADER_FIELDS_BLOB;
    if (get(in, "parentBeaconBlockRoot") == NULL) return OK;
    TRY(ethjson_read_hash(&h->parent_beacon_root, get(in, "parentBeaconBlockRoot")));
    h->field_count = HEADER_FIELDS_CANCUN;
    if (get(in, "requestsHash") == NULL) return OK;
    TRY(ethjson_read_hash(&h->requests_hash, get(in, "requestsHash")));
    h->field_count = HEADER_FIELDS_PRAGUE;
    return OK;
}

err_t ethjson_read_header(struct header *out, hash_t *block_hash, struct arena *arena,
                          const json_t *in)
{
    if (!json_is_object(in)) return FAIL(MALFORMED, "expected a block object");
    struct header h = {.field_count = 0};
    hash_t claimed;
    TRY(ethjson_read_hash(&claimed, get(in, "hash")));
    TRY(ethjson_read_hash(&h.parent_hash, get(in, "parentHash")));
    TRY(ethjson_read_hash(&h.ommers_hash, get(in, "sha3Uncles")));
    TRY(ethjson_read_address(&h.coinbase, get(in, "miner")));
    TRY(ethjson_read_hash(&h.state_root, get(in, "stateRoot")));
    TRY(ethjson_read_hash(&h.transactions_root, get(in, "transactionsRoot")));
    TRY(ethjson_read_hash(&h.receipts_root, get(in, "receiptsRoot")));
    TRY(ethjson_read_fixed(h.logs_bloom.b, sizeof h.logs_bloom.b, get(in, "logsBloom")));
    TRY(ethjson_read_u256(&h.difficulty, get(in, "difficulty")));
    TRY(ethjson_read_u64(&h.number, get(in, "number")));
    TRY(ethjson_read_u64(&h.gas_limit, get(in, "gasLimit")));
    TRY(ethjson_read_u64(&h.gas_used, get(in, "gasUsed")));
    TRY(ethjson_read_u64(&h.timestamp_s, get(in, "timestamp")));
    TRY(ethjson_read_data(&h.extra_data, arena, get(in, "extraData"), MAX_EXTRA));
    TRY(ethjson_read_hash(&h.mix_hash, get(in, "mixHash")));
    TRY(ethjson_read_fixed(h.nonce, sizeof h.nonce, get(in, "nonce")));
    TRY(read_later_fields(&h, in));

    const hash_t hash = header_hash(&h);
    if (!hash_eq(&hash, &claimed)) {
        return FAIL(MISMATCH, "the block's members do not have the hash it claims");
    }
    *out = h;
    *block_hash = hash;
    return OK;
}

// ---- logs and receipts -------------------------------------------------------------------------

static err_t read_topics(struct log_entry *log, const json_t *topics)
{
    if (!json_is_array(topics) || json_array_size(topics) > ARRAY_LEN(log->topics)) {
        return FAIL(MALFORMED, "expected at most four topics");
    }
    log->topic_count = (unsigned)json_array_size(topics);
    for (unsigned i = 0; i < log->topic_count; i++) {
        TRY(ethjson_read_hash(&log->topics[i], json_array_get(topics, i)));
    }
    return OK;
}

static err_t read_place(struct ethjson_place *place, const json_t *in)
{
    TRY(ethjson_read_hash(&place->block_hash, get(in, "blockHash")));
    TRY(ethjson_read_u64(&place->block_number, get(in, "blockNumber")));
    TRY(ethjson_read_u64(&place->tx_index, get(in, "transactionIndex")));
    if (get(in, "blockTimestamp") == NULL) return OK;
    return ethjson_read_u64(&place->block_timestamp_s, get(in, "blockTimestamp"));
}

err_t ethjson_read_log(struct ethjson_placed_log *out, struct arena *arena, const json_t *in)
{
    if (!json_is_object(in)) return FAIL(MALFORMED, "expected a log object");
    struct ethjson_placed_log l = {.pending = get(in, "blockHash") == NULL};
    TRY(ethjson_read_address(&l.log.address, get(in, "address")));
    TRY(read_topics(&l.log, get(in, "topics")));
    TRY(ethjson_read_data(&l.log.data, arena, get(in, "data"), MAX_LOG_DATA));
    if (!l.pending) {
        TRY(read_place(&l.place, in));
        TRY(ethjson_read_hash(&l.tx_hash, get(in, "transactionHash")));
        TRY(ethjson_read_u64(&l.log_index, get(in, "logIndex")));
    }
    *out = l;
    return OK;
}

static err_t read_receipt_logs(struct ethjson_placed_receipt *p, struct arena *arena,
                               const json_t *logs)
{
    if (!json_is_array(logs)) return FAIL(MALFORMED, "expected a list of logs");
    const size_t count = json_array_size(logs);
    struct log_entry *entries = ARENA_ARRAY(arena, struct log_entry, count);
    if (entries == NULL) return FAIL(FULL, "no room for the receipt's logs");
    for (size_t i = 0; i < count; i++) {
        struct ethjson_placed_log l;
        TRY(ethjson_read_log(&l, arena, json_array_get(logs, i)));
        entries[i] = l.log;
        if (i == 0) p->first_log_index = l.log_index;
    }
    p->receipt.logs = entries;
    p->receipt.log_count = count;
    return OK;
}

static err_t read_outcome(struct receipt *r, const json_t *in)
{
    if (get(in, "status") == NULL) return ethjson_read_hash(&r->post_root, get(in, "root"));
    uint64_t status;
    TRY(ethjson_read_u64(&status, get(in, "status")));
    if (status > 1) return FAIL(MALFORMED, "a receipt's status is neither 0 nor 1");
    r->has_status = true;
    r->succeeded = status == 1;
    return OK;
}

err_t ethjson_read_receipt(struct ethjson_placed_receipt *out, struct arena *arena,
                           const json_t *in)
{
    if (!json_is_object(in)) return FAIL(MALFORMED, "expected a receipt object");
    struct ethjson_placed_receipt p = {.has_to = get(in, "to") != NULL};
    struct receipt *r = &p.receipt;
    if (get(in, "type") != NULL) {
        uint64_t type;
        TRY(ethjson_read_u64(&type, get(in, "type")));
        if (type > TX_SET_CODE) return FAIL(UNSUPPORTED, "a receipt of unknown type");
        r->type = (enum tx_type)type;
    }
    TRY(read_place(&p.place, in));
    TRY(ethjson_read_hash(&p.tx_hash, get(in, "transactionHash")));
    TRY(ethjson_read_address(&p.from, get(in, "from")));
    if (p.has_to) TRY(ethjson_read_address(&p.to, get(in, "to")));
    TRY(read_outcome(r, in));
    TRY(ethjson_read_u64(&r->cumulative_gas_used, get(in, "cumulativeGasUsed")));
    TRY(ethjson_read_u64(&r->gas_used, get(in, "gasUsed")));
    TRY(ethjson_read_fixed(r->bloom.b, sizeof r->bloom.b, get(in, "logsBloom")));
    if (get(in, "effectiveGasPrice") != NULL) {
        TRY(ethjson_read_u256(&r->effective_gas_price, get(in, "effectiveGasPrice")));
    }
    r->has_contract_address = get(in, "contractAddress") != NULL;
    if (r->has_contract_address) {
        TRY(ethjson_read_address(&r->contract_address, get(in, "contractAddress")));
    }
    TRY(read_receipt_logs(&p, arena, get(in, "logs")));
    *out = p;
    return OK;
}
