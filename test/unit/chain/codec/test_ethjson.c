// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/ethjson.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/support/vectors.h"

static struct arena arena;

static void open_arena(void)
{
    arena = vectors_arena((size_t)4 << 20);
}

static void close_arena(void)
{
    arena_deinit(&arena);
}

TestSuite(ethjson, .init = open_arena, .fini = close_arena);

/// Compares and drops.
static void expect_json(json_t *got, const char *want)
{
    char *text = got == NULL ? NULL : json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY);
    cr_assert_not_null(text);
    cr_expect_str_eq(text, want);
    free(text);
    json_decref(got);
}

/// Goal: how numbers and data are written.
Test(ethjson, values)
{
    const u256_t max = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    const u256_t big = {{0, 1, 0, 0}};
    static const uint8_t long_data[300] = {0xab};
    expect_json(ethjson_u64(0), "\"0x0\"");
    expect_json(ethjson_u64(1), "\"0x1\"");
    expect_json(ethjson_u64(0x400), "\"0x400\"");
    expect_json(ethjson_u64(UINT64_MAX), "\"0xffffffffffffffff\"");
    expect_json(ethjson_u256(&big), "\"0x10000000000000000\"");
    expect_json(ethjson_u256(&max),
                "\"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"");
    expect_json(ethjson_data(BYTES_NONE), "\"0x\"");
    expect_json(ethjson_data(LIT("\x00\xff")), "\"0x00ff\"");
    json_t *v = ethjson_data(BYTES_OF(long_data));
    cr_expect_eq(json_string_length(v), 602);
    json_decref(v);
    const address_t a = {{0x5a, [19] = 1}};
    expect_json(ethjson_address(&a), "\"0x5a00000000000000000000000000000000000001\"");
}

/// Goal: each form of quantity that is or is not one.
static const struct {
    const char *json;
    enum err_kind kind;
    uint64_t value;
} quantities[] = {
    {"\"0x0\"", ERR_NONE, 0},
    {"\"0x1f\"", ERR_NONE, 31},
    {"\"0xAb\"", ERR_NONE, 171},
    {"\"0xffffffffffffffff\"", ERR_NONE, UINT64_MAX},
    {"\"0x10000000000000000\"", ERR_LIMIT, 0},
    {"\"0x\"", ERR_MALFORMED, 0},
    {"\"0x00\"", ERR_MALFORMED, 0},
    {"\"0x01\"", ERR_MALFORMED, 0},
    {"\"0X1\"", ERR_MALFORMED, 0},
    {"\"1\"", ERR_MALFORMED, 0},
    {"\"\"", ERR_MALFORMED, 0},
    {"\"0x1g\"", ERR_MALFORMED, 0},
    {"\"0x0x1\"", ERR_MALFORMED, 0},
    {"\"-0x1\"", ERR_MALFORMED, 0},
    {"\" 0x1\"", ERR_MALFORMED, 0},
    {"1", ERR_MALFORMED, 0},
    {"null", ERR_MALFORMED, 0},
};

Test(ethjson, read_u64)
{
    for (size_t i = 0; i < ARRAY_LEN(quantities); i++) {
        json_t *in = json_loads(quantities[i].json, JSON_DECODE_ANY, NULL);
        uint64_t v = 7;
        const err_t err = ethjson_read_u64(&v, in);
        cr_expect_eq(err.kind, quantities[i].kind, "%s: %s", quantities[i].json, err_text(err));
        cr_expect_eq(v, err_ok(err) ? quantities[i].value : 7, "%s", quantities[i].json);
        json_decref(in);
    }
    uint64_t v;
    cr_expect_eq(ethjson_read_u64(&v, NULL).kind, ERR_MALFORMED, "an absent member");
}

/// Goal: each form of data, hash, address and slot that is or is not one.
Test(ethjson, read_data)
{
    static const struct {
        const char *json;
        enum err_kind data, hash, address, slot;
    } cases[] = {
        {"\"0x\"", ERR_NONE, ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED},
        {"\"0x0\"", ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED, ERR_NONE},
        {"\"0x00ff\"", ERR_NONE, ERR_MALFORMED, ERR_MALFORMED, ERR_NONE},
        {"\"00ff\"", ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED},
        {"\"0x0x\"", ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED},
        {"\"0xgg\"", ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED},
        {"7", ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED},
        {"\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\"", ERR_NONE, ERR_MALFORMED, ERR_NONE,
         ERR_NONE},
        {"\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"", ERR_NONE, ERR_MALFORMED, ERR_NONE,
         ERR_NONE},
        {"\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD\"", ERR_NONE, ERR_MALFORMED, ERR_MISMATCH,
         ERR_NONE},
        {"\"5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\"", ERR_MALFORMED, ERR_MALFORMED,
         ERR_MALFORMED, ERR_MALFORMED},
        {"\"0x0000000000000000000000000000000000000000000000000000000000000001\"", ERR_NONE,
         ERR_NONE, ERR_MALFORMED, ERR_NONE},
        {"\"0x000000000000000000000000000000000000000000000000000000000000000001\"", ERR_LIMIT,
         ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *in = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        bytes_t data;
        hash_t hash, slot;
        address_t address;
        cr_expect_eq(ethjson_read_data(&data, &arena, in, 32).kind, cases[i].data, "%s",
                     cases[i].json);
        cr_expect_eq(ethjson_read_hash(&hash, in).kind, cases[i].hash, "%s", cases[i].json);
        cr_expect_eq(ethjson_read_address(&address, in).kind, cases[i].address, "%s",
                     cases[i].json);
        cr_expect_eq(ethjson_read_slot(&slot, in).kind, cases[i].slot, "%s", cases[i].json);
        json_decref(in);
    }
}

static struct tx signed_tx(enum tx_type type, bool has_chain_id)
{
    static const hash_t storage_key = {{1}};
    static const struct access_entry list[] = {{{{0xaa}}, &storage_key, 1}};
    static const struct authorization auths[] = {
        {{{1, 0, 0, 0}}, {{0xcc}}, 7, 1, {{5, 0, 0, 0}}, {{6, 0, 0, 0}}}};
    struct tx tx = {
        .type = type,
        .has_chain_id = has_chain_id,
        .chain_id = has_chain_id ? 1337 : 0,
        .nonce = 3,
        .max_fee_per_gas = u256_from_u64(2000),
        .max_priority_fee_per_gas = u256_from_u64(type < TX_DYNAMIC_FEE ? 2000 : 10),
        .gas_limit = 50000,
        .is_create = type == TX_ACCESS_LIST,
        .value_wei = u256_from_u64(5),
        .data = LIT("\x60\x01"),
        .access_list = type == TX_LEGACY ? NULL : list,
        .access_count = type == TX_LEGACY ? 0 : 1,
        .authorizations = auths,
        .authorization_count = type == TX_SET_CODE ? 1 : 0,
    };
    struct secret_key *key;
    cr_assert(err_ok(secret_new(&key)));
    key->b[31] = 1;
    if (!tx.is_create) tx.to.b[19] = 9;
    cr_assert(err_ok(tx_sign(&tx, &arena, key)));
    secret_free(key);
    return tx;
}

static const struct ethjson_place place = {.block_hash = {{0xbb}},
                                           .block_number = 16,
                                           .block_timestamp_s = 255,
                                           .tx_index = 2,
                                           .base_fee_wei = {{7, 0, 0, 0}}};

/// The members of an object, sorted, joined by spaces.
static char *names_of(const json_t *o)
{
    char *text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);
    json_t *sorted = json_loads(text, 0, NULL);
    free(text);
    char *out = calloc(1, 4096);
    size_t len = 0;
    const char *key;
    json_t *v;
    json_object_foreach(sorted, key, v)
    {
        len += (size_t)snprintf(out + len, 4096 - len, "%s%s", len == 0 ? "" : " ", key);
    }
    json_decref(sorted);
    return out;
}

/// Goal: each type of transaction has exactly go-ethereum's members.
Test(ethjson, tx_members)
{
    static const struct {
        enum tx_type type;
        bool has_chain_id;
        const char *names;
    } cases[] = {
        {TX_LEGACY, false,
         "blockHash blockNumber from gas gasPrice hash input nonce r s to transactionIndex type v "
         "value"},
        {TX_LEGACY, true,
         "blockHash blockNumber chainId from gas gasPrice hash input nonce r s to transactionIndex "
         "type v value"},
        {TX_ACCESS_LIST, true,
         "accessList blockHash blockNumber chainId from gas gasPrice hash input nonce r s to "
         "transactionIndex type v value yParity"},
        {TX_DYNAMIC_FEE, true,
         "accessList blockHash blockNumber chainId from gas gasPrice hash input maxFeePerGas "
         "maxPriorityFeePerGas nonce r s to transactionIndex type v value yParity"},
        {TX_SET_CODE, true,
         "accessList authorizationList blockHash blockNumber chainId from gas gasPrice hash input "
         "maxFeePerGas maxPriorityFeePerGas nonce r s to transactionIndex type v value yParity"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct tx tx = signed_tx(cases[i].type, cases[i].has_chain_id);
        json_t *o = ethjson_tx(&tx, &place);
        char *names = names_of(o);
        cr_expect_str_eq(names, cases[i].names);
        free(names);
        // A mined one says what it paid, a pending one what it may pay, and has no place.
        const char *price = json_string_value(json_object_get(o, "gasPrice"));
        cr_expect_str_eq(price, cases[i].type < TX_DYNAMIC_FEE ? "0x7d0" : "0x11");
        cr_expect_eq(json_is_null(json_object_get(o, "to")), tx.is_create);
        json_t *pending = ethjson_tx(&tx, NULL);
        cr_expect_str_eq(json_string_value(json_object_get(pending, "gasPrice")), "0x7d0");
        cr_expect(json_is_null(json_object_get(pending, "blockHash")));
        cr_expect(json_is_null(json_object_get(pending, "transactionIndex")));

        struct tx back;
        const err_t err = ethjson_read_tx(&back, &arena, o);
        cr_assert(err_ok(err), "%s", err_text(err));
        cr_expect(bytes_eq(back.raw, tx.raw) && hash_eq(&back.hash, &tx.hash));
        json_object_set_new(o, "value", json_string("0x6"));
        cr_expect_eq(ethjson_read_tx(&back, &arena, o).kind, ERR_MISMATCH, "a changed member");
        json_object_del(o, "nonce");
        cr_expect_eq(ethjson_read_tx(&back, &arena, o).kind, ERR_MALFORMED);
        json_decref(o);
        json_decref(pending);
    }
}

/// Goal: a block object has the members of its fork; its header is read back and its hash
/// is recomputed.
Test(ethjson, block)
{
    struct tx txs[] = {signed_tx(TX_LEGACY, true), signed_tx(TX_DYNAMIC_FEE, true)};
    static const unsigned counts[] = {15, 16, 17, 19, 20, 21};
    static const char *const last[] = {"receiptsRoot",  "baseFeePerGas",         "withdrawalsRoot",
                                       "excessBlobGas", "parentBeaconBlockRoot", "requestsHash"};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct block b = {
            .txs = txs, .tx_count = 2, .ommers = LIT("\xc0"), .has_withdrawals = counts[i] >= 17};
        b.header.field_count = counts[i];
        b.header.number = 3;
        b.header.extra_data = LIT("abc");
        b.header.base_fee_wei = u256_from_u64(counts[i] >= 16 ? 7 : 0);
        b.hash = header_hash(&b.header);
        json_t *o = ethjson_block(&b, 1000, false);
        cr_assert_not_null(o);
        for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
            cr_expect_eq(json_object_get(o, last[k]) != NULL, k <= i, "%u fields: %s", counts[i],
                         last[k]);
        }
        cr_expect_str_eq(json_string_value(json_object_get(o, "size")), "0x3e8");
        cr_expect_str_eq(json_string_value(json_object_get(o, "nonce")), "0x0000000000000000");
        cr_expect_eq(json_array_size(json_object_get(o, "uncles")), 0);
        cr_expect_eq(json_object_get(o, "withdrawals") != NULL, counts[i] >= 17);
        const json_t *list = json_object_get(o, "transactions");
        cr_expect(json_array_size(list) == 2 && json_is_string(json_array_get(list, 1)));

        struct header h;
        hash_t hash;
        cr_assert(err_ok(ethjson_read_header(&h, &hash, &arena, o)));
        cr_expect(hash_eq(&hash, &b.hash) && h.field_count == counts[i]);
        json_object_set_new(o, "gasUsed", json_string("0x1"));
        cr_expect_eq(ethjson_read_header(&h, &hash, &arena, o).kind, ERR_MISMATCH);
        json_decref(o);

        o = ethjson_block(&b, 1000, true);
        const json_t *tx = json_array_get(json_object_get(o, "transactions"), 1);
        cr_expect_str_eq(json_string_value(json_object_get(tx, "transactionIndex")), "0x1");
        cr_expect_str_eq(json_string_value(json_object_get(tx, "blockNumber")), "0x3");
        json_decref(o);
    }
}

/// Goal: a receipt and its logs have go-ethereum's members and are read back.
Test(ethjson, receipt)
{
    const struct tx tx = signed_tx(TX_ACCESS_LIST, true);
    const struct log_entry logs[] = {
        {.address = {{1}}, .topics = {{{2}}}, .topic_count = 1, .data = LIT("\x05")},
        {.address = {{3}}}};
    struct receipt r = {.type = TX_ACCESS_LIST,
                        .has_status = true,
                        .succeeded = true,
                        .cumulative_gas_used = 90000,
                        .logs = logs,
                        .log_count = 2,
                        .gas_used = 30000,
                        .has_contract_address = true,
                        .contract_address = {{4}},
                        .effective_gas_price = {{17, 0, 0, 0}}};
    bloom_add_log(&r.bloom, &logs[0]);
    json_t *o = ethjson_receipt(&r, &tx, &place, 5);
    char *names = names_of(o);
    cr_expect_str_eq(names,
                     "blockHash blockNumber contractAddress cumulativeGasUsed effectiveGasPrice "
                     "from gasUsed logs logsBloom status to transactionHash transactionIndex "
                     "type");
    free(names);
    const json_t *second = json_array_get(json_object_get(o, "logs"), 1);
    names = names_of(second);
    cr_expect_str_eq(names,
                     "address blockHash blockNumber blockTimestamp data logIndex removed topics "
                     "transactionHash transactionIndex");
    free(names);
    cr_expect_str_eq(json_string_value(json_object_get(second, "logIndex")), "0x6");
    cr_expect_str_eq(json_string_value(json_object_get(second, "blockTimestamp")), "0xff");
    cr_expect(json_is_null(json_object_get(o, "to")));

    struct ethjson_placed_receipt back;
    const err_t err = ethjson_read_receipt(&back, &arena, o);
    cr_assert(err_ok(err), "%s", err_text(err));
    cr_expect(back.receipt.succeeded && back.receipt.gas_used == 30000 && !back.has_to &&
              back.first_log_index == 5 && back.place.tx_index == 2 && back.receipt.log_count == 2);
    cr_expect(hash_eq(&back.tx_hash, &tx.hash) && address_eq(&back.from, &tx.sender));
    struct buf a, b;
    buf_init(&a, 4096);
    buf_init(&b, 4096);
    receipt_encode(&a, &r);
    receipt_encode(&b, &back.receipt);
    cr_expect(bytes_eq(buf_bytes(&a), buf_bytes(&b)), "the consensus form is the same");
    buf_deinit(&a);
    buf_deinit(&b);

    struct ethjson_placed_log log;
    cr_assert(err_ok(ethjson_read_log(&log, &arena, second)));
    cr_expect(!log.pending && log.log_index == 6 && log.log.address.b[0] == 3);
    json_object_set_new(o, "status", json_string("0x2"));
    cr_expect_eq(ethjson_read_receipt(&back, &arena, o).kind, ERR_MALFORMED);
    json_decref(o);

    r.has_status = false;
    r.has_contract_address = false;
    o = ethjson_receipt(&r, &tx, &place, 0);
    cr_expect(json_object_get(o, "status") == NULL && json_object_get(o, "root") != NULL);
    cr_expect(json_is_null(json_object_get(o, "contractAddress")));
    json_decref(o);
}

/// Goal: each member of a call object, and each way to get one wrong, with its name.
static const struct {
    const char *json;
    enum err_kind kind;
    const char *says;
} calls[] = {
    {"{}", ERR_NONE, ""},
    {"{\"to\":null,\"unknown\":7}", ERR_NONE, ""},
    {"{\"data\":\"0x01\"}", ERR_NONE, ""},
    {"{\"input\":\"0x01\"}", ERR_NONE, ""},
    {"{\"input\":\"0x01\",\"data\":\"0x01\"}", ERR_NONE, ""},
    {"{\"input\":\"0x01\",\"data\":\"0x02\"}", ERR_INVALID, "data and input differ"},
    {"{\"gasPrice\":\"0x1\",\"maxFeePerGas\":\"0x1\"}", ERR_INVALID, "both gasPrice and"},
    {"{\"gas\":5}", ERR_MALFORMED, "gas: expected a string that starts with 0x; got 5"},
    {"{\"gas\":\"0x05\"}", ERR_MALFORMED, "gas: expected a quantity without leading zeros"},
    {"{\"value\":\"0x1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"}",
     ERR_LIMIT, "value: "},
    {"{\"to\":\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD\"}", ERR_MISMATCH, "to: "},
    {"{\"from\":\"0x12\"}", ERR_MALFORMED, "from: "},
    {"{\"accessList\":[{\"address\":\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\","
     "\"storageKeys\":[\"0x01\"]}]}",
     ERR_MALFORMED, "accessList: "},
    {"{\"accessList\":{}}", ERR_MALFORMED, "accessList: expected a list"},
    {"{\"authorizationList\":[{}]}", ERR_MALFORMED, "authorizationList: "},
    {"[]", ERR_MALFORMED, "expected an object"},
};

Test(ethjson, read_call)
{
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        json_t *in = json_loads(calls[i].json, 0, NULL);
        struct call_object c;
        struct ethjson_detail detail = {""};
        const err_t err = ethjson_read_call(&c, &arena, in, &detail);
        cr_expect_eq(err.kind, calls[i].kind, "%s: %s", calls[i].json, err_text(err));
        cr_expect_not_null(strstr(detail.text, calls[i].says), "%s: %s", calls[i].json,
                           detail.text);
        json_decref(in);
    }
    json_t *in =
        json_loads("{\"from\":\"0x0000000000000000000000000000000000000001\",\"to\":"
                   "\"0x0000000000000000000000000000000000000002\",\"gas\":\"0x5208\","
                   "\"maxFeePerGas\":\"0x9\","
                   "\"maxPriorityFeePerGas\":\"0x1\",\"value\":\"0x7\",\"nonce\":\"0x3\","
                   "\"chainId\":\"0x539\","
                   "\"type\":\"0x2\",\"input\":\"0xabcd\",\"accessList\":[{\"address\":"
                   "\"0x0000000000000000000000000000000000000003\",\"storageKeys\":"
                   "[\"0x0000000000000000000000000000000000000000000000000000000000000004\"]}]}",
                   0, NULL);
    struct call_object c;
    cr_assert(err_ok(ethjson_read_call(&c, &arena, in, NULL)));
    cr_expect(c.has_from && c.from.b[19] == 1 && c.has_to && c.to.b[19] == 2 && c.has_gas &&
              c.gas == 21000 && c.has_max_fee && !c.has_gas_price &&
              c.max_fee_per_gas.limb[0] == 9 && c.has_value && c.value_wei.limb[0] == 7 &&
              c.has_nonce && c.nonce == 3 && c.chain_id == 1337 && c.type == 2 &&
              bytes_eq(c.data, LIT("\xab\xcd")));
    cr_assert(c.has_access_list && c.access_count == 1 && c.access_list[0].key_count == 1);
    cr_expect_eq(c.access_list[0].keys[0].b[31], 4);
    json_decref(in);
}
