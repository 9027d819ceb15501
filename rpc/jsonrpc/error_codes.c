// SPDX-License-Identifier: Apache-2.0
#include "rpc/jsonrpc/error_codes.h"

#include "chain/base/hex.h"
#include "chain/codec/abi.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void rpc_data_begin(struct rpc_data *d)
{
    buf_init(&d->buf, (size_t)1 << 20);
    d->out = (struct json_writer){&d->buf, false};
}

void rpc_data_end(struct rpc_data *d, struct rpc_call *call)
{
    call->error.data = NULL;
    char *text = d->buf.full ? NULL : arena_alloc(call->arena, d->buf.len + 1);
    if (text != NULL) {
        memcpy(text, d->buf.data, d->buf.len);
        text[d->buf.len] = 0;
        call->error.data = text;
    }
    buf_deinit(&d->buf);
}

bool rpc_fail(struct rpc_call *call, int code, const char *fmt, ...)
{
    call->error.code = code;
    call->error.data = NULL;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(call->error.message, sizeof call->error.message, fmt, args);
    va_end(args);
    return false;
}

static int code_of(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
        break;
    case ERR_MALFORMED:
        return RPC_INVALID_PARAMS;
    case ERR_INVALID:
        return RPC_SERVER;
    case ERR_NOT_FOUND:
        return RPC_NOT_AVAILABLE;
    case ERR_LIMIT:
    case ERR_FULL:
    case ERR_BUSY:
        return RPC_LIMIT;
    case ERR_IO:
    case ERR_CORRUPT:
        return RPC_INTERNAL;
    case ERR_UNSUPPORTED:
    case ERR_MISMATCH:
        return RPC_SERVER;
    }
    unreachable("rpc: no such error kind");
}

bool rpc_fail_err(struct rpc_call *call, err_t err)
{
    const int code = code_of(err.kind);
    const char *start = code == RPC_LIMIT           ? "limit exceeded: "
                        : code == RPC_NOT_AVAILABLE ? "resource not found: "
                        : code == RPC_INTERNAL      ? "internal error: "
                                                    : "";
    return rpc_fail(call, code, "%s%s", start, err_text(err));
}

bool rpc_fail_param(struct rpc_call *call, const char *param, const char *want, const json_t *have)
{
    char *seen = have == NULL ? NULL : json_dumps(have, JSON_ENCODE_ANY | JSON_COMPACT);
    if (have == NULL) {
        rpc_fail(call, RPC_INVALID_PARAMS, "invalid params: %s is missing, want %s", param, want);
    } else {
        rpc_fail(call, RPC_INVALID_PARAMS, "invalid params: %s must be %s", param, want);
    }
    struct rpc_data d;
    rpc_data_begin(&d);
    jw_open(&d.out, '{');
    jw_kv_str(&d.out, "param", param);
    jw_kv_str(&d.out, "want", want);
    jw_key(&d.out, "have");
    if (seen == NULL) {
        jw_null(&d.out);
    } else if (strlen(seen) > 200) {
        memcpy(seen + 197, "...", 4);
        jw_str(&d.out, seen);
    } else if (json_is_string(have)) {
        jw_str(&d.out, json_string_value(have));
    } else {
        jw_json(&d.out, have);
    }
    jw_close(&d.out, '}');
    rpc_data_end(&d, call);
    free(seen);
    return false;
}

bool rpc_fail_limit(struct rpc_call *call, const char *limit, uint64_t most, uint64_t value)
{
    rpc_fail(call, RPC_LIMIT, "limit exceeded: %s is at most %" PRIu64, limit, most);
    struct rpc_data d;
    rpc_data_begin(&d);
    jw_open(&d.out, '{');
    jw_kv_str(&d.out, "limit", limit);
    jw_kv_int(&d.out, "most", (int64_t)most);
    jw_kv_int(&d.out, "value", (int64_t)value);
    jw_kv_int(&d.out, "retryAfter", 1);
    jw_close(&d.out, '}');
    rpc_data_end(&d, call);
    return false;
}

const char *rpc_validity_text(enum tx_validity validity)
{
    switch (validity) {
    case TX_VALID:
        return "valid";
    case TX_TYPE_NOT_SUPPORTED:
        return "transaction type not supported: this chain takes types 0, 1 and 2, and 4 from "
               "Prague on; no blobs (type 3)";
    case TX_WRONG_CHAIN_ID:
        return "invalid chain id";
    case TX_BAD_SIGNATURE:
        return "invalid sender";
    case TX_INTRINSIC_GAS_TOO_LOW:
        return "intrinsic gas too low";
    case TX_FLOOR_GAS_TOO_LOW:
        return "intrinsic gas too low: insufficient gas for floor data gas cost";
    case TX_NONCE_IS_MAX:
        return "nonce has max value";
    case TX_INITCODE_TOO_LARGE:
        return "max initcode size exceeded";
    case TX_GAS_EXCEEDS_BLOCK:
        return "exceeds block gas limit";
    case TX_PRIORITY_ABOVE_MAX_FEE:
        return "max priority fee per gas higher than max fee per gas";
    case TX_MAX_FEE_BELOW_BASE_FEE:
        return "max fee per gas less than block base fee";
    case TX_GAS_PRICE_OVERFLOW:
        return "insufficient funds for gas * price + value: the sum exceeds 256 bits";
    case TX_NONCE_TOO_LOW:
        return "nonce too low";
    case TX_NONCE_TOO_HIGH:
        return "nonce too high";
    case TX_INSUFFICIENT_FUNDS:
        return "insufficient funds for gas * price + value";
    case TX_SENDER_NOT_EOA:
        return "invalid sender: sender has code";
    case TX_EMPTY_AUTHORIZATION_LIST:
        return "set code transaction must have an authorization";
    case TX_SET_CODE_CREATES:
        return "set code transaction must not create a contract";
    case TX_GAS_PRICE_NOT_ZERO:
        return "Gas price not 0: gas has no price on this chain yet";
    }
    unreachable("rpc: no such validity");
}

static void have_want(struct rpc_call *call, const u256_t *have, const u256_t *want)
{
    struct rpc_data d;
    rpc_data_begin(&d);
    jw_open(&d.out, '{');
    jw_kv_qty256(&d.out, "have", have);
    jw_kv_qty256(&d.out, "want", want);
    jw_close(&d.out, '}');
    rpc_data_end(&d, call);
}

static void refuse_with_numbers(struct rpc_call *call, const char *text,
                                const struct submit_answer *a)
{
    if (u256_is_zero(&a->have) && u256_is_zero(&a->want)) {
        rpc_fail(call, RPC_TX_REJECTED, "%s", text);
        return;
    }
    const struct u256_text have = u256_dec(&a->have);
    const struct u256_text want = u256_dec(&a->want);
    rpc_fail(call, RPC_TX_REJECTED, "%s: have %s want %s", text, have.s, want.s);
    have_want(call, &a->have, &a->want);
}

bool rpc_fail_submit(struct rpc_call *call, const struct submit_answer *a)
{
    switch (a->result) {
    case SUBMIT_OK:
        break;
    case SUBMIT_KNOWN:
        return rpc_fail(call, RPC_TX_REJECTED, "already known");
    case SUBMIT_MALFORMED:
        return rpc_fail(call, RPC_INVALID_PARAMS, "invalid transaction: %s",
                        a->why != NULL ? a->why : "does not decode");
    case SUBMIT_INVALID:
        refuse_with_numbers(call, rpc_validity_text(a->validity), a);
        return false;
    case SUBMIT_UNDERPRICED:
        refuse_with_numbers(call, "transaction underpriced", a);
        return false;
    case SUBMIT_REPLACEMENT_UNDERPRICED:
        refuse_with_numbers(call, "replacement transaction underpriced", a);
        return false;
    case SUBMIT_POOL_FULL:
        rpc_fail(call, RPC_LIMIT, "limit exceeded: txpool is full");
        call->error.data = "{\"limit\":\"pool\",\"retryAfter\":1}";
        return false;
    case SUBMIT_SENDER_LIMIT:
        rpc_fail(call, RPC_LIMIT,
                 "limit exceeded: too many transactions of this sender wait, or its nonces leave "
                 "too wide a gap");
        call->error.data = "{\"limit\":\"sender\",\"retryAfter\":1}";
        return false;
    case SUBMIT_STORAGE:
        rpc_fail(call, RPC_LIMIT, "limit exceeded: the node has too little storage left");
        call->error.data = "{\"limit\":\"storage\",\"retryAfter\":60}";
        return false;
    }
    unreachable("rpc: an accepted transaction is no failure");
}

void rpc_panic_text(char out[RPC_PANIC_TEXT], const u256_t *code)
{
    static const struct {
        uint64_t code;
        const char *text;
    } words[] = {
        {0x00, "generic panic"},
        {0x01, "assert(false)"},
        {0x11, "arithmetic underflow or overflow"},
        {0x12, "division or modulo by zero"},
        {0x21, "enum overflow"},
        {0x22, "invalid encoded storage byte array accessed"},
        {0x31, "out-of-bounds array access; popping on an empty array"},
        {0x32, "out-of-bounds access of an array or bytesN"},
        {0x41, "out of memory"},
        {0x51, "uninitialized function"},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!u256_fits_u64(code) || code->limb[0] != words[i].code) continue;
        (void)snprintf(out, RPC_PANIC_TEXT, "%s", words[i].text);
        return;
    }
    const hash_t word = u256_to_hash(code);
    const struct hex_text hex = hex_hash(&word);
    const char *digits = hex.s + 2;
    while (digits[0] == '0' && digits[1] != 0) digits++;
    (void)snprintf(out, RPC_PANIC_TEXT, "unknown panic code: 0x%s", digits);
}

/// The reason inside revert data, as client libraries show it; empty for custom errors.
static void revert_reason(char *out, size_t cap, bytes_t data)
{
    const struct abi_revert r = abi_revert_decode(data);
    out[0] = 0;
    if (r.kind == ABI_REVERT_ERROR) {
        (void)snprintf(out, cap, "%.*s", (int)(r.message.len > 250 ? 250 : r.message.len),
                       (const char *)r.message.data);
    } else if (r.kind == ABI_REVERT_PANIC) {
        char text[RPC_PANIC_TEXT];
        rpc_panic_text(text, &r.panic_code);
        (void)snprintf(out, cap, "%s", text);
    }
}

bool rpc_fail_execution(struct rpc_call *call, const struct tx_result *result)
{
    if (result->validity != TX_VALID) {
        return rpc_fail(call, RPC_SERVER, "%s", rpc_validity_text(result->validity));
    }
    if (result->status == EVM_REVERT) {
        char reason[260];
        revert_reason(reason, sizeof reason, result->output);
        rpc_fail(call, RPC_REVERTED, "execution reverted%s%s", reason[0] != 0 ? ": " : "", reason);
        struct rpc_data d;
        rpc_data_begin(&d);
        jw_data(&d.out, result->output);
        rpc_data_end(&d, call);
        return false;
    }
    if (result->status == EVM_CANCELLED) {
        return rpc_fail(call, RPC_LIMIT, "limit exceeded: execution takes too long");
    }
    if (result->status == EVM_INTERNAL) {
        return rpc_fail(call, RPC_INTERNAL, "internal error: the state could not be read");
    }
    return rpc_fail(call, RPC_EXECUTION_FAILED, "%s", evm_status_text(result->status));
}
