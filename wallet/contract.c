// SPDX-License-Identifier: Apache-2.0
#include "wallet/contract.h"

#include "chain/base/hex.h"
#include "chain/codec/ethjson.h"
#include "wallet/abi_json.h"
#include "wallet/client.h"
#include "wallet/revert.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdlib.h>

#define CALL_MAX ((size_t)1 << 20)
#define LOG_RANGE 5000 ///< blocks per question: what nodes commonly allow

// ---- JSON values ----------------------------------------------------------------------------

json_t *json_hex(bytes_t b)
{
    char *text = malloc(2 * b.len + 3);
    if (text == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    text[0] = '0';
    text[1] = 'x';
    hex_encode(text + 2, b);
    json_t *v = json_string(text);
    free(text);
    return v;
}

json_t *json_hash(const hash_t *h)
{
    return json_hex(BYTES_OF(*h));
}

json_t *json_address(const address_t *a)
{
    return json_string(text_address(a).s);
}

json_t *json_u64(uint64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, v);
    return json_string(text);
}

json_t *json_u256(const u256_t *v)
{
    return json_string(u256_dec(v).s);
}

u256_t json_get_u256(const json_t *v)
{
    u256_t n = u256_from_u64(0);
    const char *s = json_string_value(v);
    if (s == NULL || !err_ok(u256_parse(&n, bytes_of_str(s)))) return u256_from_u64(0);
    return n;
}

uint64_t json_get_u64(const json_t *v)
{
    const u256_t n = json_get_u256(v);
    return u256_fits_u64(&n) ? n.limb[0] : UINT64_MAX;
}

// ---- reading --------------------------------------------------------------------------------

enum exit_code contract_encode(struct ctx *ctx, uint8_t **data, size_t *len, const char *signature,
                               const json_t *args)
{
    struct abi_detail why;
    struct buf b;
    buf_init(&b, CALL_MAX);
    const err_t err = abi_json_encode_call(&b, signature, args, &why);
    if (!err_ok(err)) {
        buf_deinit(&b);
        return fail(ctx, EXIT_USAGE, NULL, "%.*s: %s", (int)strcspn(signature, "("), signature,
                    why.text);
    }
    *data = b.data; // the buffer's memory changes hands
    *len = b.len;
    return EXIT_DONE;
}

json_t *contract_call_object(const address_t *from, const struct tx_intent *intent)
{
    json_t *o = json_object();
    if (from != NULL) (void)json_object_set_new(o, "from", json_address(from));
    if (!intent->is_create) (void)json_object_set_new(o, "to", json_address(&intent->to));
    if (!u256_is_zero(&intent->value_wei))
        (void)json_object_set_new(o, "value", ethjson_u256(&intent->value_wei));
    if (intent->data.len > 0) {
        // Nodes know one of the two names, or both if they agree.
        (void)json_object_set_new(o, "data", json_hex(intent->data));
        (void)json_object_set(o, "input", json_object_get(o, "data"));
    }
    return o;
}

bool contract_is_revert(const struct rpc_error *e)
{
    return e->code == 3 || e->data_hex != NULL || strstr(e->message, "revert") != NULL ||
           strstr(e->message, "invalid opcode") != NULL || strstr(e->message, "out of gas") != NULL;
}

void contract_explain(struct revert_reason *out, const struct rpc_error *e)
{
    uint8_t *data = NULL;
    size_t len = 0;
    if (e->data_hex != NULL) {
        json_t *v = json_string(e->data_hex);
        data = json_data(&len, v);
        json_decref(v);
    }
    revert_decode(out, bytes_make(data, len));
    if (len == 0) (void)snprintf(out->text, sizeof out->text, "%s", e->message);
    free(data);
}

enum exit_code contract_fail_revert(struct ctx *ctx, enum exit_code code, const char *lead,
                                    const struct revert_reason *r, const struct rpc_error *error)
{
    const enum exit_code got =
        fail(ctx, code, r->hint[0] != 0 ? r->hint : NULL, "%s: %s%s%s%s", lead, r->text,
             r->name[0] != 0 ? " (" : "", r->name, r->name[0] != 0 ? ")" : "");
    json_decref(ctx->data);
    ctx->data = json_object();
    const char *hex = error->data_hex;
    const bool has_selector = hex != NULL && strlen(hex) >= 10;
    (void)json_object_set_new(ctx->data, "error",
                              r->name[0] != 0 ? json_string(r->name) : json_null());
    (void)json_object_set(ctx->data, "args", r->args != NULL ? r->args : json_null());
    (void)json_object_set_new(ctx->data, "selector",
                              has_selector ? json_stringn(hex, 10) : json_null());
    (void)json_object_set_new(ctx->data, "data", json_string(hex != NULL ? hex : "0x"));
    return got;
}

static enum exit_code view(struct ctx *ctx, json_t **out, const address_t *to,
                           const char *signature, json_t *args, const char *block, bool may_refuse)
{
    *out = NULL;
    uint8_t *data = NULL;
    size_t len = 0;
    const enum exit_code encoded = contract_encode(ctx, &data, &len, signature, args);
    json_decref(args);
    if (encoded != EXIT_DONE) return encoded;
    const struct tx_intent intent = {.to = *to, .data = {data, len}};
    json_t *params = json_array();
    (void)json_array_append_new(params, contract_call_object(NULL, &intent));
    (void)json_array_append_new(params, json_string(block));
    free(data);

    json_t *answer;
    struct rpc_error error;
    STEP(client_try(ctx, &answer, &error, "eth_call", params));
    const int name_len = (int)strcspn(signature, "(");
    char lead[96];
    (void)snprintf(lead, sizeof lead, "%.*s", name_len > 64 ? 64 : name_len, signature);
    if (error.is) {
        enum exit_code code = EXIT_DONE;
        if (contract_is_revert(&error)) {
            if (!may_refuse) {
                struct revert_reason r;
                contract_explain(&r, &error);
                code = contract_fail_revert(ctx, EXIT_REFUSED, lead, &r, &error);
                json_decref(r.args);
            }
        } else {
            code = fail(ctx, EXIT_REFUSED, NULL, "the node refused %s: %s (%lld)", lead,
                        error.message, error.code);
        }
        rpc_error_clear(&error);
        return code;
    }

    uint8_t *returned = json_data(&len, answer);
    json_decref(answer);
    enum exit_code code = EXIT_DONE;
    if (returned == NULL) {
        code = fail(ctx, EXIT_UNREACHABLE, NULL, "the answer to eth_call is no data");
    } else if (len == 0 && abi_json_has_outputs(signature)) {
        if (!may_refuse)
            code =
                fail(ctx, EXIT_REFUSED, "is this the network that you mean? cairn network status",
                     "there is no such contract at %s on this chain", text_address(to).s);
    } else if (!err_ok(abi_json_decode_result(out, signature, bytes_make(returned, len)))) {
        code = fail(ctx, EXIT_UNREACHABLE, NULL, "%s at %s answers something else than it says",
                    lead, text_address(to).s);
    }
    free(returned);
    return code;
}

enum exit_code contract_view(struct ctx *ctx, json_t **out, const address_t *to,
                             const char *signature, json_t *args)
{
    return view(ctx, out, to, signature, args, BLOCK_LATEST, false);
}

enum exit_code contract_view_at(struct ctx *ctx, json_t **out, const address_t *to,
                                const char *signature, json_t *args, const char *block)
{
    return view(ctx, out, to, signature, args, block, false);
}

enum exit_code contract_view_try(struct ctx *ctx, json_t **out, const address_t *to,
                                 const char *signature, json_t *args)
{
    return view(ctx, out, to, signature, args, BLOCK_LATEST, true);
}

enum exit_code contract_view_u64(struct ctx *ctx, uint64_t *out, const address_t *to,
                                 const char *signature, json_t *args)
{
    json_t *values;
    STEP(contract_view(ctx, &values, to, signature, args));
    *out = json_get_u64(json_array_get(values, 0));
    json_decref(values);
    return EXIT_DONE;
}

enum exit_code contract_head(struct ctx *ctx, uint64_t *number, uint64_t *time_s)
{
    json_t *block;
    STEP(client_call(ctx, &block, "eth_getBlockByNumber", json_pack("[sb]", BLOCK_LATEST, 0)));
    const bool ok = json_quantity(number, json_object_get(block, "number")) &&
                    json_quantity(time_s, json_object_get(block, "timestamp"));
    json_decref(block);
    if (!ok) return fail(ctx, EXIT_UNREACHABLE, NULL, "the node's latest block makes no sense");
    return EXIT_DONE;
}

// ---- events ---------------------------------------------------------------------------------

err_t contract_log_decode(json_t **out, const char *declaration, const json_t *log)
{
    const json_t *list = json_object_get(log, "topics");
    const size_t count = json_array_size(list);
    hash_t topics[4];
    if (count > ARRAY_LEN(topics)) return FAIL(MALFORMED, "a log has at most four topics");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL) return FAIL(MALFORMED, "a topic is text");
        TRY(text_parse_hash(&topics[i], text));
    }
    size_t len = 0;
    uint8_t *data = json_data(&len, json_object_get(log, "data"));
    if (data == NULL) return FAIL(MALFORMED, "a log without data");
    const err_t err = abi_json_decode_log(out, declaration, topics, count, bytes_make(data, len));
    free(data);
    return err;
}

json_t *contract_log_row(const char *declaration, const json_t *log)
{
    json_t *args;
    if (!err_ok(contract_log_decode(&args, declaration, log))) return NULL;
    uint64_t block = 0;
    uint64_t index = 0;
    (void)json_quantity(&block, json_object_get(log, "blockNumber"));
    (void)json_quantity(&index, json_object_get(log, "logIndex"));
    json_t *row = json_object();
    (void)json_object_set_new(row, "block", json_u64(block));
    (void)json_object_set(row, "tx", json_object_get(log, "transactionHash"));
    (void)json_object_set_new(row, "logIndex", json_u64(index));
    (void)json_object_set_new(row, "args", args);
    return row;
}

enum exit_code contract_logs(struct ctx *ctx, json_t **out, const address_t *from,
                             const char *declaration, const char *const topics[4])
{
    hash_t topic;
    if (!err_ok(abi_json_topic(&topic, declaration))) unreachable("declaration of an event");
    uint64_t head;
    STEP(client_u64(ctx, &head, "eth_blockNumber", NULL));

    *out = json_array();
    for (uint64_t at = 0; at <= head; at += LOG_RANGE) {
        const uint64_t to = head - at < LOG_RANGE ? head : at + LOG_RANGE - 1;
        json_t *filter = json_object();
        (void)json_object_set_new(filter, "address", json_address(from));
        (void)json_object_set_new(filter, "fromBlock", ethjson_u64(at));
        (void)json_object_set_new(filter, "toBlock", ethjson_u64(to));
        json_t *list = json_array();
        (void)json_array_append_new(list, json_hash(&topic));
        for (size_t i = 1; i < 4; i++) {
            const bool given = topics != NULL && topics[i] != NULL;
            (void)json_array_append_new(list, given ? json_string(topics[i]) : json_null());
        }
        // Trailing wildcards are left out: some nodes read them as "has a topic here".
        while (json_is_null(json_array_get(list, json_array_size(list) - 1)))
            (void)json_array_remove(list, json_array_size(list) - 1);
        (void)json_object_set_new(filter, "topics", list);

        json_t *logs;
        const enum exit_code code =
            client_call(ctx, &logs, "eth_getLogs", json_pack("[o]", filter));
        if (code != EXIT_DONE) {
            json_decref(*out);
            return code;
        }
        size_t i;
        json_t *log;
        json_array_foreach(logs, i, log)
        {
            json_t *row = contract_log_row(declaration, log);
            if (row != NULL) (void)json_array_append_new(*out, row);
        }
        json_decref(logs);
    }
    return EXIT_DONE;
}
