// SPDX-License-Identifier: Apache-2.0
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "wallet/abi_json.h"
#include "wallet/account.h"
#include "wallet/client.h"
#include "wallet/contract.h"
#include "wallet/known.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/revert.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdlib.h>

static enum exit_code parse_amount(struct ctx *ctx, u256_t *out, const char *text)
{
    const err_t err = text_parse_amount(out, text);
    if (!err_ok(err))
        return fail(ctx, EXIT_USAGE, "cairn help units", "%s: %s", text, err_text(err));
    return EXIT_DONE;
}

enum exit_code cmd_tx_send(struct ctx *ctx, const struct args *a)
{
    struct tx_intent intent = {0};
    STEP(account_resolve(ctx, &intent.to, a->pos[0]));
    STEP(parse_amount(ctx, &intent.value_wei, a->pos[1]));
    uint8_t *data = NULL;
    const char *hex = args_flag(a, "data");
    if (hex != NULL) {
        json_t *v = json_string(hex);
        data = json_data(&intent.data.len, v);
        json_decref(v);
        if (data == NULL)
            return fail(ctx, EXIT_USAGE, NULL, "--data: 0x and an even number of digits");
        intent.data.data = data;
    }
    char what[192];
    (void)snprintf(what, sizeof what, "Send %s ether to %s", text_amount(&intent.value_wei, 18).s,
                   text_address(&intent.to).s);
    struct sent sent;
    const enum exit_code code = send_tx(ctx, &sent, &intent, what);
    free(data);
    if (code == EXIT_DONE) sent_deinit(&sent);
    return code;
}

/// The function that is meant: a signature, or the name of one of a system contract's.
static enum exit_code resolve_signature(struct ctx *ctx, const char **out, const address_t *to,
                                        const char *text)
{
    *out = text;
    if (strchr(text, '(') != NULL) return EXIT_DONE;
    *out = known_function(to, text);
    if (*out != NULL) return EXIT_DONE;
    return fail(ctx, EXIT_USAGE, "write it like \"transfer(address,uint256)\"",
                "`%s` is no signature, and no function known at %s", text, text_address(to).s);
}

/// TO may be the name of a system contract.
static enum exit_code resolve_target(struct ctx *ctx, address_t *out, const char *text)
{
    if (known_address(out, text)) return EXIT_DONE;
    return account_resolve(ctx, out, text);
}

/// Puts addresses where an argument of that type names one of our accounts or a system
/// contract; `text` keeps them.
static enum exit_code resolve_names(struct ctx *ctx, const char **args, struct address_text *text,
                                    const char *signature, size_t count)
{
    struct arena arena;
    err_t err = arena_init(&arena, (size_t)1 << 20);
    if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "memory", err);
    struct abi_signature s;
    err = abi_signature_parse(&s, &arena, bytes_of_str(signature));
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; err_ok(err) && code == EXIT_DONE && i < count && i < s.inputs.count; i++) {
        if (s.inputs.fields[i].kind != ABI_ADDRESS || args[i][0] == '0') continue;
        address_t a;
        code = resolve_target(ctx, &a, args[i]);
        if (code != EXIT_DONE) break;
        text[i] = text_address(&a);
        args[i] = text[i].s;
    }
    arena_deinit(&arena);
    return code;
}

/// Arguments of a function as JSON values.
static enum exit_code parse_values(struct ctx *ctx, json_t **out, const char *signature,
                                   const struct args *a)
{
    const char *args[OPTIONS_MAX_ARGS];
    struct address_text text[OPTIONS_MAX_ARGS];
    const size_t count = a->pos_count - 2;
    for (size_t i = 0; i < count; i++) args[i] = a->pos[i + 2];
    STEP(resolve_names(ctx, args, text, signature, count));
    struct abi_detail why;
    const err_t err = abi_json_of_args(out, signature, args, count, &why);
    if (err_ok(err)) return EXIT_DONE;
    return fail(ctx, EXIT_USAGE, signature, "%s", why.text);
}

/// The call that TO SIGNATURE ARGS and --value mean; the caller frees `*data`.
static enum exit_code read_call(struct ctx *ctx, struct tx_intent *intent, uint8_t **data,
                                const char **signature, const struct args *a)
{
    *intent = (struct tx_intent){0};
    STEP(resolve_target(ctx, &intent->to, a->pos[0]));
    STEP(resolve_signature(ctx, signature, &intent->to, a->pos[1]));
    if (args_has(a, "value")) STEP(parse_amount(ctx, &intent->value_wei, args_flag(a, "value")));
    json_t *values;
    STEP(parse_values(ctx, &values, *signature, a));
    const enum exit_code encoded =
        contract_encode(ctx, data, &intent->data.len, *signature, values);
    json_decref(values);
    STEP(encoded);
    intent->data.data = *data;
    return EXIT_DONE;
}

enum exit_code cmd_estimate(struct ctx *ctx, const struct args *a)
{
    struct tx_intent intent;
    const char *signature;
    uint8_t *data;
    STEP(read_call(ctx, &intent, &data, &signature, a));
    address_t from;
    const bool has_from = ctx->set.account != NULL;
    enum exit_code code = profile_check_chain(ctx);
    if (code == EXIT_DONE && has_from) code = account_viewer(ctx, &from);
    json_t *params = json_array();
    (void)json_array_append_new(params, contract_call_object(has_from ? &from : NULL, &intent));
    free(data);
    if (code != EXIT_DONE) {
        json_decref(params);
        return code;
    }
    json_t *answer;
    struct rpc_error error;
    STEP(client_try(ctx, &answer, &error, "eth_estimateGas", params));
    uint64_t gas = 0;
    if (error.is && contract_is_revert(&error)) {
        struct revert_reason r;
        contract_explain(&r, &error);
        code = contract_fail_revert(ctx, EXIT_SIMULATION, "this would fail", &r, &error);
        json_decref(r.args);
    } else if (error.is) {
        code =
            fail(ctx, EXIT_REFUSED, NULL, "the node refused: %s (%lld)", error.message, error.code);
    } else if (!json_quantity(&gas, answer)) {
        code = fail(ctx, EXIT_UNREACHABLE, NULL, "the gas estimate makes no sense");
    }
    rpc_error_clear(&error);
    json_decref(answer);
    STEP(code);
    out_line(ctx, "%" PRIu64, gas);
    result_set(ctx, "gas", json_u64(gas));
    return EXIT_DONE;
}

enum exit_code cmd_tx_call(struct ctx *ctx, const struct args *a)
{
    struct tx_intent intent;
    const char *signature;
    uint8_t *data;
    STEP(read_call(ctx, &intent, &data, &signature, a));

    char what[256];
    (void)snprintf(what, sizeof what, "Call %.*s at %s", (int)strcspn(signature, "("), signature,
                   text_address(&intent.to).s);
    struct sent sent;
    const enum exit_code code = send_tx(ctx, &sent, &intent, what);
    free(data);
    if (code != EXIT_DONE) return code;
    if (sent.included) {
        json_t *events = known_logs(json_object_get(sent.receipt, "logs"));
        known_print_logs(ctx, events);
        result_set(ctx, "events", events);
    }
    sent_deinit(&sent);
    return EXIT_DONE;
}

enum exit_code cmd_call(struct ctx *ctx, const struct args *a)
{
    address_t to;
    const char *signature;
    STEP(resolve_target(ctx, &to, a->pos[0]));
    STEP(resolve_signature(ctx, &signature, &to, a->pos[1]));
    json_t *values;
    STEP(parse_values(ctx, &values, signature, a));
    char block[72] = BLOCK_LATEST;
    const char *at = args_flag(a, "block");
    if (at != NULL) {
        uint64_t n;
        if (err_ok(text_parse_u64(&n, at, UINT64_MAX)))
            (void)snprintf(block, sizeof block, "0x%" PRIx64, n);
        else
            (void)snprintf(block, sizeof block, "%.70s", at);
    }
    json_t *out;
    STEP(contract_view_at(ctx, &out, &to, signature, values, block));
    size_t i;
    json_t *v;
    json_array_foreach(out, i, v)
    {
        char *text = json_is_string(v) ? strdup(json_string_value(v))
                                       : json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY |
                                                           JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
        if (text != NULL) {
            struct buf b;
            buf_init(&b, (size_t)32 << 20);
            text_put_escaped(&b, text);
            buf_put_u8(&b, 0);
            out_line(ctx, "%s", b.full ? "(too long)" : (const char *)b.data);
            buf_deinit(&b);
        }
        free(text);
    }
    if (json_array_size(out) == 0) out_line(ctx, "(no return types in the signature)");
    result_set(ctx, "values", out);
    return EXIT_DONE;
}

/// Prints an amount or quantity of a transaction object.
static void print_quantity(struct ctx *ctx, const char *name, const json_t *v, bool ether)
{
    u256_t n;
    const char *s = json_string_value(v);
    if (s == NULL || !err_ok(u256_parse(&n, bytes_of_str(s)))) return;
    out_field(ctx, name, "%s", ether ? text_amount(&n, 18).s : u256_dec(&n).s);
}

/// The reason of an included failure, by running it again before its block.
static enum exit_code show_reason(struct ctx *ctx, const json_t *tx)
{
    json_t *call = json_object();
    static const char *const members[] = {"from", "to", "value", "input"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        json_t *v = json_object_get(tx, members[i]);
        if (v != NULL && !json_is_null(v)) (void)json_object_set(call, members[i], v);
    }
    uint64_t block = 0;
    (void)json_quantity(&block, json_object_get(tx, "blockNumber"));
    char tag[24];
    (void)snprintf(tag, sizeof tag, "0x%" PRIx64, block > 0 ? block - 1 : 0);
    json_t *answer;
    struct rpc_error error;
    STEP(client_try(ctx, &answer, &error, "eth_call", json_pack("[os]", call, tag)));
    json_decref(answer);
    if (!error.is) {
        out_field(ctx, "reason", "not known: by itself it succeeds on the block before");
        return EXIT_DONE;
    }
    json_t *hex = error.data_hex != NULL ? json_string(error.data_hex) : NULL;
    size_t len = 0;
    uint8_t *data = json_data(&len, hex);
    json_decref(hex);
    struct revert_reason r;
    revert_decode(&r, bytes_make(data, len));
    const char *text = len > 0 ? r.text : error.message;
    out_field(ctx, "reason", "%s", text);
    if (r.hint[0] != 0) out_field(ctx, "hint", "%s", r.hint);
    result_set(ctx, "reason", json_string(text));
    json_decref(r.args);
    free(data);
    rpc_error_clear(&error);
    return EXIT_DONE;
}

enum exit_code cmd_tx_show(struct ctx *ctx, const struct args *a)
{
    hash_t hash;
    const err_t err = text_parse_hash(&hash, a->pos[0]);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, a->pos[0], err);
    STEP(profile_check_chain(ctx));
    json_t *tx;
    STEP(client_call(ctx, &tx, "eth_getTransactionByHash", json_pack("[o]", json_hash(&hash))));
    if (!json_is_object(tx)) {
        json_decref(tx);
        return fail(ctx, EXIT_REFUSED, NULL, "the node knows no transaction %s", a->pos[0]);
    }
    result_set(ctx, "transaction", tx);
    json_t *receipt;
    STEP(client_call(ctx, &receipt, "eth_getTransactionReceipt",
                     json_pack("[o]", json_hash(&hash))));
    result_set(ctx, "receipt", receipt);

    const char *from = json_string_value(json_object_get(tx, "from"));
    const char *to = json_string_value(json_object_get(tx, "to"));
    out_field(ctx, "hash", "%s", hex_hash(&hash).s);
    out_field(ctx, "from", "%s", from != NULL ? from : "?");
    out_field(ctx, "to", "%s", to != NULL ? to : "(creates a contract)");
    print_quantity(ctx, "amount", json_object_get(tx, "value"), true);
    print_quantity(ctx, "nonce", json_object_get(tx, "nonce"), false);

    size_t len = 0;
    uint8_t *data = json_data(&len, json_object_get(tx, "input"));
    address_t target;
    if (to != NULL && err_ok(text_parse_address(&target, to)) && data != NULL) {
        json_t *call = known_call(&target, bytes_make(data, len));
        if (call != NULL) {
            known_print_call(ctx, call);
            result_set(ctx, "call", call);
        }
    }
    free(data);

    if (!json_is_object(receipt)) {
        out_field(ctx, "status", "pending");
        result_set(ctx, "status", json_string("pending"));
        return EXIT_DONE;
    }
    uint64_t status = 0;
    (void)json_quantity(&status, json_object_get(receipt, "status"));
    print_quantity(ctx, "block", json_object_get(receipt, "blockNumber"), false);
    print_quantity(ctx, "gas used", json_object_get(receipt, "gasUsed"), false);
    out_field(ctx, "status", "%s", status == 1 ? "ok, final" : "reverted");
    result_set(ctx, "status", json_string(status == 1 ? "ok" : "reverted"));
    if (status != 1) return show_reason(ctx, tx);
    json_t *events = known_logs(json_object_get(receipt, "logs"));
    known_print_logs(ctx, events);
    result_set(ctx, "events", events);
    return EXIT_DONE;
}
