// SPDX-License-Identifier: Apache-2.0
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/jsonrpc/json_writer.h"

#include <criterion/criterion.h>

/// Goal: Ethereum's spelling of numbers and bytes, escapes, commas.
Test(json_writer, spelling)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    struct json_writer w = {&b, false};
    const u256_t wide = {{0, 0, 0, UINT64_C(0x0100000000000000)}};
    static const address_t who = {{0xab, 0xcd}};
    jw_open(&w, '{');
    jw_kv_qty(&w, "zero", 0);
    jw_kv_qty(&w, "ten", 0x10);
    jw_kv_qty256(&w, "wide", &wide);
    jw_kv_data(&w, "none", BYTES_NONE);
    jw_kv_data(&w, "data", LIT("\x00\xff"));
    jw_kv_address(&w, "who", &who);
    jw_kv_bool(&w, "yes", true);
    jw_kv_null(&w, "null");
    jw_kv_int(&w, "minus", -5);
    jw_key(&w, "list");
    jw_open(&w, '[');
    jw_open(&w, '[');
    jw_close(&w, ']');
    jw_int(&w, 1);
    jw_str(&w, "a\"b\\c\n\x7f");
    jw_str_len(&w, LIT("\xc3\xa9\xff\xed\xa0\x80"));
    jw_close(&w, ']');
    jw_close(&w, '}');
    buf_put_u8(&b, 0);
    cr_expect_str_eq(
        (char *)b.data,
        "{\"zero\":\"0x0\",\"ten\":\"0x10\","
        "\"wide\":\"0x100000000000000000000000000000000000000000000000000000000000000\","
        "\"none\":\"0x\",\"data\":\"0x00ff\",\"who\":"
        "\"0xabcd000000000000000000000000000000000000\","
        "\"yes\":true,\"null\":null,\"minus\":-5,\"list\":[[],1,\"a\\\"b\\\\c\\u000a\\u007f\","
        "\"\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]}");
    b.len--;
    json_t *back = json_loadb((char *)b.data, b.len, 0, NULL);
    cr_assert_not_null(back);
    buf_clear(&b);
    w.comma = false;
    jw_json(&w, back);
    cr_expect_eq(b.data[0], '{');
    json_decref(back);
    buf_deinit(&b);
}

static struct arena arena;

static struct rpc_call a_call(void)
{
    if (arena.base == NULL) cr_assert(err_ok(arena_init(&arena, 1 << 20)));
    return (struct rpc_call){.arena = &arena};
}

/// Goal: the words that client libraries match, with their codes (interfaces.md 4.1).
Test(error_codes, pool)
{
    static const struct {
        struct submit_answer answer;
        int code;
        const char *message;
    } rows[] = {
        {{.result = SUBMIT_KNOWN}, -32003, "already known"},
        {{.result = SUBMIT_INVALID, .validity = TX_NONCE_TOO_LOW}, -32003, "nonce too low"},
        {{.result = SUBMIT_INVALID, .validity = TX_NONCE_TOO_LOW, .have = {{3}}, .want = {{5}}},
         -32003,
         "nonce too low: have 3 want 5"},
        {{.result = SUBMIT_INVALID, .validity = TX_INSUFFICIENT_FUNDS},
         -32003,
         "insufficient funds for gas * price + value"},
        {{.result = SUBMIT_INVALID, .validity = TX_INTRINSIC_GAS_TOO_LOW},
         -32003,
         "intrinsic gas too low"},
        {{.result = SUBMIT_INVALID, .validity = TX_GAS_EXCEEDS_BLOCK},
         -32003,
         "exceeds block gas limit"},
        {{.result = SUBMIT_INVALID, .validity = TX_WRONG_CHAIN_ID}, -32003, "invalid chain id"},
        {{.result = SUBMIT_INVALID, .validity = TX_BAD_SIGNATURE}, -32003, "invalid sender"},
        {{.result = SUBMIT_REPLACEMENT_UNDERPRICED}, -32003, "replacement transaction underpriced"},
        {{.result = SUBMIT_UNDERPRICED}, -32003, "transaction underpriced"},
        {{.result = SUBMIT_MALFORMED, .why = "bad list"}, -32602, "invalid transaction: bad list"},
        {{.result = SUBMIT_POOL_FULL}, -32005, "limit exceeded: txpool is full"},
        {{.result = SUBMIT_STORAGE},
         -32005,
         "limit exceeded: the node has too little storage left"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rpc_call call = a_call();
        cr_expect(!rpc_fail_submit(&call, &rows[i].answer));
        cr_expect_eq(call.error.code, rows[i].code, "%s", rows[i].message);
        cr_expect_str_eq(call.error.message, rows[i].message);
    }
    for (int v = TX_VALID; v <= TX_SET_CODE_CREATES; v++) {
        cr_expect_gt(strlen(rpc_validity_text((enum tx_validity)v)), 0);
    }
}

/// Goal: reverts carry reason and data, halts their words.
Test(error_codes, execution)
{
    static const uint8_t reason[] = {0x08, 0xc3, 0x79, 0xa0, [4 + 31] = 0x20, [4 + 63] = 5, 'n',
                                     'o',  'p',  'e',  '!',  [4 + 95] = 0};
    static const uint8_t panic[36] = {0x4e, 0x48, 0x7b, 0x71, [35] = 0x11};
    struct rpc_call call = a_call();
    struct tx_result r = {.status = EVM_REVERT, .output = BYTES_OF(reason)};
    cr_expect(!rpc_fail_execution(&call, &r));
    cr_expect_eq(call.error.code, 3);
    cr_expect_str_eq(call.error.message, "execution reverted: nope!");
    cr_expect_eq(strncmp(call.error.data, "\"0x08c379a0", 11), 0);
    r.output = BYTES_OF(panic);
    rpc_fail_execution(&call, &r);
    cr_expect_not_null(strstr(call.error.message, "execution reverted: arithmetic"));
    r.output = BYTES_NONE;
    rpc_fail_execution(&call, &r);
    cr_expect_str_eq(call.error.message, "execution reverted");
    cr_expect_str_eq(call.error.data, "\"0x\"");
    r.status = EVM_OUT_OF_GAS;
    rpc_fail_execution(&call, &r);
    cr_expect_eq(call.error.code, -32015);
    cr_expect_eq(strncmp(call.error.message, "out of gas", 10), 0);
    r.validity = TX_INSUFFICIENT_FUNDS;
    rpc_fail_execution(&call, &r);
    cr_expect_eq(call.error.code, -32000);
}

/// Goal: kinds of lower layers map to one code each.
Test(error_codes, kinds)
{
    static const struct {
        err_t err;
        int code;
        const char *message;
    } rows[] = {
        {{ERR_NOT_FOUND, "x"}, -32001, "resource not found: x"},
        {{ERR_LIMIT, "x"}, -32005, "limit exceeded: x"},
        {{ERR_FULL, "x"}, -32005, "limit exceeded: x"},
        {{ERR_BUSY, "x"}, -32005, "limit exceeded: x"},
        {{ERR_IO, "x"}, -32603, "internal error: x"},
        {{ERR_CORRUPT, "x"}, -32603, "internal error: x"},
        {{ERR_MALFORMED, "x"}, -32602, "x"},
        {{ERR_INVALID, "x"}, -32000, "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rpc_call call = a_call();
        cr_expect(!rpc_fail_err(&call, rows[i].err));
        cr_expect_eq(call.error.code, rows[i].code);
        cr_expect_str_eq(call.error.message, rows[i].message);
    }
    struct rpc_call call = a_call();
    rpc_fail_limit(&call, "things", 5, 9);
    cr_expect_str_eq(call.error.data,
                     "{\"limit\":\"things\",\"most\":5,\"value\":9,\"retryAfter\":1}");
}
