// SPDX-License-Identifier: Apache-2.0
#include "wallet/contract.h"

#include "chain/base/hex.h"
#include "wallet/abi_json.h"
#include "wallet/account.h"
#include "wallet/client.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/revert.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define CALL_MAX ((size_t)1 << 20)
#define LOG_RANGE 5000 ///< blocks per question: what nodes commonly allow
#define POLL_MS 60
#define PROGRESS_MS 1000

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

static json_t *quantity_u64(uint64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "0x%" PRIx64, v);
    return json_string(text);
}

static json_t *quantity_u256(const u256_t *v)
{
    char hex[65];
    const hash_t be = u256_to_hash(v);
    hex_encode(hex, BYTES_OF(be));
    const char *p = hex;
    while (*p == '0' && p[1] != 0) p++;
    char text[70];
    (void)snprintf(text, sizeof text, "0x%s", p);
    return json_string(text);
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

/// The object that eth_call and eth_estimateGas take.
static json_t *call_object(const address_t *from, const struct tx_intent *intent)
{
    json_t *o = json_object();
    if (from != NULL) (void)json_object_set_new(o, "from", json_address(from));
    if (!intent->is_create) (void)json_object_set_new(o, "to", json_address(&intent->to));
    if (!u256_is_zero(&intent->value_wei))
        (void)json_object_set_new(o, "value", quantity_u256(&intent->value_wei));
    if (intent->data.len > 0) {
        // Nodes know one of the two names, or both if they agree.
        (void)json_object_set_new(o, "data", json_hex(intent->data));
        (void)json_object_set(o, "input", json_object_get(o, "data"));
    }
    return o;
}

/// Is this error the contract's word rather than the node's?
static bool is_revert(const struct rpc_error *e)
{
    return e->code == 3 || e->data_hex != NULL || strstr(e->message, "revert") != NULL ||
           strstr(e->message, "invalid opcode") != NULL || strstr(e->message, "out of gas") != NULL;
}

/// Turns an error with revert data into words; `*out` owns its arguments.
static void explain(struct revert_reason *out, const struct rpc_error *e)
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

/// Records why a contract refuses, with its data for --json.
static enum exit_code fail_revert(struct ctx *ctx, enum exit_code code, const char *lead,
                                  const struct revert_reason *r)
{
    const enum exit_code got =
        fail(ctx, code, r->hint[0] != 0 ? r->hint : NULL, "%s: %s%s%s%s", lead, r->text,
             r->name[0] != 0 ? " (" : "", r->name, r->name[0] != 0 ? ")" : "");
    json_decref(ctx->data);
    ctx->data = json_object();
    (void)json_object_set_new(ctx->data, "error",
                              r->name[0] != 0 ? json_string(r->name) : json_null());
    (void)json_object_set(ctx->data, "args", r->args != NULL ? r->args : json_null());
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
    (void)json_array_append_new(params, call_object(NULL, &intent));
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
        if (is_revert(&error)) {
            if (!may_refuse) {
                struct revert_reason r;
                explain(&r, &error);
                code = fail_revert(ctx, EXIT_REFUSED, lead, &r);
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

/// A log as {block, tx, logIndex, args}; NULL if it is none of this event.
static json_t *log_row(const char *declaration, const json_t *log)
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
        (void)json_object_set_new(filter, "fromBlock", quantity_u64(at));
        (void)json_object_set_new(filter, "toBlock", quantity_u64(to));
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
            json_t *row = log_row(declaration, log);
            if (row != NULL) (void)json_array_append_new(*out, row);
        }
        json_decref(logs);
    }
    return EXIT_DONE;
}

json_t *contract_receipt_logs(const struct sent *s, const address_t *from, const char *declaration)
{
    json_t *out = json_array();
    size_t i;
    json_t *log;
    json_array_foreach(json_object_get(s->receipt, "logs"), i, log)
    {
        address_t a;
        const char *text = json_string_value(json_object_get(log, "address"));
        if (text == NULL || !err_ok(text_parse_address(&a, text)) || !address_eq(&a, from))
            continue;
        json_t *row = log_row(declaration, log);
        if (row != NULL) (void)json_array_append_new(out, row);
    }
    return out;
}

// ---- writing --------------------------------------------------------------------------------

void sent_deinit(struct sent *s)
{
    json_decref(s->receipt);
    *s = (struct sent){0};
}

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/// Runs the transaction without sending it, then asks for its gas.
static enum exit_code simulate(struct ctx *ctx, struct tx_terms *terms, const address_t *from,
                               const struct tx_intent *intent)
{
    static const char *const methods[] = {"eth_call", "eth_estimateGas"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (i == 1 && terms->has_gas_limit) break;
        json_t *params = json_array();
        (void)json_array_append_new(params, call_object(from, intent));
        if (i == 0) (void)json_array_append_new(params, json_string(BLOCK_LATEST));
        json_t *answer;
        struct rpc_error error;
        STEP(client_try(ctx, &answer, &error, methods[i], params));
        if (error.is) {
            enum exit_code code;
            if (is_revert(&error) || strcasestr(error.message, "insufficient funds") != NULL) {
                struct revert_reason r;
                explain(&r, &error);
                code = fail_revert(ctx, EXIT_SIMULATION, "this would fail", &r);
                json_decref(r.args);
            } else {
                code = fail(ctx, EXIT_REFUSED, NULL, "the node refused %s: %s (%lld)", methods[i],
                            error.message, error.code);
            }
            rpc_error_clear(&error);
            return code;
        }
        const bool ok = i == 0 || json_quantity(&terms->gas_estimate, answer);
        json_decref(answer);
        if (!ok) return fail(ctx, EXIT_UNREACHABLE, NULL, "the gas estimate makes no sense");
    }
    return EXIT_DONE;
}

/// A quantity of up to 256 bits, or an error that is not fatal if `optional`.
static enum exit_code ask_u256(struct ctx *ctx, u256_t *out, const char *method, json_t *params,
                               bool optional)
{
    json_t *v;
    struct rpc_error error;
    STEP(client_try(ctx, &v, &error, method, params));
    *out = u256_from_u64(0);
    if (error.is) {
        enum exit_code code = EXIT_DONE;
        if (!optional)
            code = fail(ctx, EXIT_REFUSED, NULL, "the node refused %s: %s", method, error.message);
        rpc_error_clear(&error);
        return code;
    }
    const char *s = json_string_value(v);
    const bool ok =
        s != NULL && s[0] == '0' && s[1] == 'x' && err_ok(u256_parse(out, bytes_of_str(s)));
    json_decref(v);
    if (!ok) return fail(ctx, EXIT_UNREACHABLE, NULL, "the answer to %s is no quantity", method);
    return EXIT_DONE;
}

static enum exit_code flag_u64(struct ctx *ctx, bool *has, uint64_t *out, const char *name,
                               const char *text)
{
    if (text == NULL) return EXIT_DONE;
    const err_t err = text_parse_u64(out, text, UINT64_MAX - 1);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, name, err);
    *has = true;
    return EXIT_DONE;
}

static enum exit_code flag_fee(struct ctx *ctx, bool *has, u256_t *out, const char *name,
                               const char *text)
{
    if (text == NULL) return EXIT_DONE;
    const err_t err = text_parse_amount(out, text);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, name, err);
    *has = true;
    return EXIT_DONE;
}

/// What the network asks for and what the person chose.
static enum exit_code find_terms(struct ctx *ctx, struct tx_terms *t, const address_t *from)
{
    const struct settings *s = &ctx->set;
    bool has_nonce = false;
    t->chain_id = ctx->chain_id;
    t->legacy = s->legacy;
    STEP(flag_u64(ctx, &t->has_gas_limit, &t->gas_limit, "--gas-limit", s->gas_limit));
    STEP(flag_u64(ctx, &has_nonce, &t->nonce, "--nonce", s->nonce));
    STEP(flag_fee(ctx, &t->has_max_fee, &t->max_fee_wei, "--max-fee", s->max_fee));
    STEP(flag_fee(ctx, &t->has_priority_fee, &t->priority_fee_wei, "--priority-fee",
                  s->priority_fee));

    json_t *block;
    STEP(client_call(ctx, &block, "eth_getBlockByNumber", json_pack("[sb]", BLOCK_LATEST, 0)));
    const bool ok = json_quantity(&t->block_gas_limit, json_object_get(block, "gasLimit"));
    const char *base = json_string_value(json_object_get(block, "baseFeePerGas"));
    if (base == NULL || !err_ok(u256_parse(&t->base_fee_wei, bytes_of_str(base))))
        t->base_fee_wei = u256_from_u64(0);
    json_decref(block);
    if (!ok) return fail(ctx, EXIT_UNREACHABLE, NULL, "the node's latest block makes no sense");

    json_t *who = json_address(from);
    STEP(ask_u256(ctx, &t->balance_wei, "eth_getBalance", json_pack("[Os]", who, BLOCK_LATEST),
                  false));
    enum exit_code code = EXIT_DONE;
    if (!has_nonce)
        code = client_u64(ctx, &t->nonce, "eth_getTransactionCount",
                          json_pack("[Os]", who, "pending"));
    json_decref(who);
    STEP(code);
    if (t->legacy) return ask_u256(ctx, &t->gas_price_wei, "eth_gasPrice", NULL, false);
    return ask_u256(ctx, &t->tip_wei, "eth_maxPriorityFeePerGas", NULL, true);
}

/// The transaction as JSON, for --unsigned and --dry-run.
static json_t *tx_object(const struct tx *tx, const address_t *from)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "type", json_string(tx->type == TX_LEGACY ? "0x0" : "0x2"));
    (void)json_object_set_new(o, "chainId", quantity_u64(tx->chain_id));
    (void)json_object_set_new(o, "nonce", quantity_u64(tx->nonce));
    (void)json_object_set_new(o, "from", json_address(from));
    (void)json_object_set_new(o, "to", tx->is_create ? json_null() : json_address(&tx->to));
    (void)json_object_set_new(o, "value", quantity_u256(&tx->value_wei));
    (void)json_object_set_new(o, "gas", quantity_u64(tx->gas_limit));
    if (tx->type == TX_LEGACY) {
        (void)json_object_set_new(o, "gasPrice", quantity_u256(&tx->max_fee_per_gas));
    } else {
        (void)json_object_set_new(o, "maxFeePerGas", quantity_u256(&tx->max_fee_per_gas));
        (void)json_object_set_new(o, "maxPriorityFeePerGas",
                                  quantity_u256(&tx->max_priority_fee_per_gas));
    }
    (void)json_object_set_new(o, "input", json_hex(tx->data));
    return o;
}

static enum exit_code write_unsigned(struct ctx *ctx, const struct tx *tx, const address_t *from)
{
    json_t *o = tx_object(tx, from);
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    result_set(ctx, "unsigned", o);
    if (text == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    const err_t err = file_write(ctx->set.unsigned_file, bytes_of_str(text));
    free(text);
    if (!err_ok(err)) return fail_err(ctx, EXIT_STORE, ctx->set.unsigned_file, err);
    out_line(ctx, "wrote the unsigned transaction to %s", ctx->set.unsigned_file);
    return EXIT_DONE;
}

/// Polls until the receipt is there. Leaves `out->included` false if time runs out.
static enum exit_code wait_included(struct ctx *ctx, struct sent *out)
{
    const uint64_t start = now_ms();
    const uint64_t end = start + (uint64_t)ctx->set.timeout_s * 1000;
    uint64_t next_note = start + PROGRESS_MS;
    for (;;) {
        json_t *receipt;
        STEP(client_call(ctx, &receipt, "eth_getTransactionReceipt",
                         json_pack("[o]", json_hash(&out->hash))));
        if (json_is_object(receipt)) {
            hash_t h;
            const char *text = json_string_value(json_object_get(receipt, "transactionHash"));
            const bool ours = text != NULL && err_ok(text_parse_hash(&h, text)) &&
                              hash_eq(&h, &out->hash) &&
                              json_quantity(&out->block, json_object_get(receipt, "blockNumber")) &&
                              json_quantity(&out->gas_used, json_object_get(receipt, "gasUsed"));
            if (!ours) {
                json_decref(receipt);
                return fail(ctx, EXIT_UNREACHABLE, NULL, "the receipt is not of our transaction");
            }
            const char *made = json_string_value(json_object_get(receipt, "contractAddress"));
            out->has_contract_address =
                made != NULL && err_ok(text_parse_address(&out->contract_address, made));
            out->receipt = receipt;
            out->included = true;
            return EXIT_DONE;
        }
        json_decref(receipt);
        const uint64_t now = now_ms();
        if (now >= end) return EXIT_DONE;
        if (now >= next_note) {
            out_note(ctx, "waiting for a block (%" PRIu64 " of %u s) ...", (now - start) / 1000,
                     ctx->set.timeout_s);
            next_note = now + (ctx->err_tty ? 2 * PROGRESS_MS : 10 * PROGRESS_MS);
        }
        const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
}

/// Runs a reverted transaction again on the state before its block to learn why.
static enum exit_code explain_included(struct ctx *ctx, const struct sent *s, const address_t *from,
                                       const struct tx_intent *intent)
{
    json_t *params = json_array();
    (void)json_array_append_new(params, call_object(from, intent));
    (void)json_array_append_new(params, quantity_u64(s->block > 0 ? s->block - 1 : 0));
    json_t *answer;
    struct rpc_error error;
    STEP(client_try(ctx, &answer, &error, "eth_call", params));
    json_decref(answer);
    if (!error.is)
        return fail(ctx, EXIT_REVERTED, "cairn tx show HASH",
                    "included in block %" PRIu64
                    ", but reverted; by itself it succeeds (another transaction came first, or "
                    "its gas ran out)",
                    s->block);
    struct revert_reason r;
    explain(&r, &error);
    rpc_error_clear(&error);
    char lead[80];
    (void)snprintf(lead, sizeof lead, "included in block %" PRIu64 ", but reverted", s->block);
    const enum exit_code code = fail_revert(ctx, EXIT_REVERTED, lead, &r);
    json_decref(r.args);
    return code;
}

/// Signs and hands the transaction to the node. `out->hash` is ours, not the node's word.
static enum exit_code sign_and_submit(struct ctx *ctx, struct sent *out, struct tx *tx,
                                      const struct account *from)
{
    struct arena arena;
    err_t err = arena_init(&arena, (size_t)4 << 20);
    if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "memory", err);
    struct secret_key *key = NULL;
    enum exit_code code = account_unlock(ctx, &key, from);
    if (code != EXIT_DONE) {
        arena_deinit(&arena);
        return code;
    }
    err = tx_sign_checked(tx, &arena, key, &from->address);
    secret_free(key);
    if (!err_ok(err)) {
        arena_deinit(&arena);
        return fail_err(ctx, EXIT_INTERNAL, "signing", err);
    }
    out->hash = tx->hash;
    json_t *raw = json_hex(tx->raw);
    arena_deinit(&arena);

    json_t *answer;
    struct rpc_error error;
    STEP(client_try(ctx, &answer, &error, "eth_sendRawTransaction", json_pack("[o]", raw)));
    json_decref(answer);
    if (error.is && strstr(error.message, "already known") == NULL) {
        code = fail(ctx, EXIT_REFUSED, NULL, "the node refused the transaction: %s (%lld)",
                    error.message, error.code);
        rpc_error_clear(&error);
        return code;
    }
    rpc_error_clear(&error);
    return EXIT_DONE;
}

/// What is about to be done, on stderr.
static void show_summary(struct ctx *ctx, const struct tx *tx, const struct account *from,
                         const u256_t *cost)
{
    out_note(ctx, "  chain %" PRIu64 ", from %s (%s), nonce %" PRIu64, ctx->chain_id, from->name,
             text_address(&from->address).s, tx->nonce);
    if (tx->is_create)
        out_note(ctx, "  creates a contract of %zu bytes", tx->data.len);
    else
        out_note(ctx, "  to %s%s%s", text_address(&tx->to).s, tx->data.len > 0 ? ", with data" : "",
                 u256_is_zero(&tx->value_wei) ? "" : ", with money");
    if (!u256_is_zero(&tx->value_wei))
        out_note(ctx, "  amount %s ether", text_amount(&tx->value_wei, 18).s);
    out_note(ctx, "  gas at most %" PRIu64 ", fee at most %s ether", tx->gas_limit,
             text_amount(cost, 9).s);
}

static enum exit_code send_from(struct ctx *ctx, struct sent *out, const struct account *from,
                                const struct tx_intent *intent, const char *what)
{
    STEP(profile_check_chain(ctx));
    struct tx_terms terms = {0};
    STEP(find_terms(ctx, &terms, &from->address));
    if (ctx->set.no_simulate) {
        out_warn(ctx, "not simulated: a failure costs its fee, and perhaps more");
        if (!terms.has_gas_limit)
            return fail(ctx, EXIT_USAGE, NULL, "--no-simulate needs --gas-limit");
    } else {
        STEP(simulate(ctx, &terms, &from->address, intent));
    }

    struct tx tx;
    const err_t err = tx_build(&tx, intent, &terms);
    if (err.kind == ERR_FULL)
        return fail(ctx, EXIT_SIMULATION, "cairn account balance", "%s: it has %s ether",
                    err_text(err), text_amount(&terms.balance_wei, 18).s);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, "building the transaction", err);
    u256_t cost;
    if (!err_ok(tx_max_cost(&cost, &tx))) unreachable("tx_build has checked the fee");

    if (ctx->set.unsigned_file != NULL) return write_unsigned(ctx, &tx, &from->address);
    if (ctx->set.dry_run) {
        result_set(ctx, "dryRun", json_true());
        result_set(ctx, "transaction", tx_object(&tx, &from->address));
        out_line(ctx, "would succeed: %s, gas %" PRIu64 "; nothing was sent", what,
                 terms.gas_estimate);
        return EXIT_DONE;
    }

    out_note(ctx, "%s", what);
    if (!ctx->set.yes) show_summary(ctx, &tx, from, &cost);
    STEP(out_confirm(ctx, "Go ahead?"));

    const uint64_t start = now_ms();
    STEP(sign_and_submit(ctx, out, &tx, from));
    out_note(ctx, "sent %s (nonce %" PRIu64 ", fee at most %s)", hex_hash(&out->hash).s, tx.nonce,
             text_amount(&cost, 9).s);
    result_set(ctx, "hash", json_hash(&out->hash));
    if (ctx->set.no_wait) {
        result_set(ctx, "status", json_string("sent"));
        out_line(ctx, "sent %s", hex_hash(&out->hash).s);
        return EXIT_DONE;
    }

    STEP(wait_included(ctx, out));
    if (!out->included) {
        char hint[160];
        (void)snprintf(hint, sizeof hint, "cairn tx show %s", hex_hash(&out->hash).s);
        return fail(ctx, EXIT_PENDING, hint, "sent, but not in a block after %u s: %s",
                    ctx->set.timeout_s, hex_hash(&out->hash).s);
    }
    uint64_t status = 0;
    (void)json_quantity(&status, json_object_get(out->receipt, "status"));
    result_set(ctx, "block", json_u64(out->block));
    result_set(ctx, "status", json_string(status == 1 ? "ok" : "reverted"));
    result_set(ctx, "gasUsed", json_u64(out->gas_used));
    if (status != 1) return explain_included(ctx, out, &from->address, intent);
    const uint64_t took = now_ms() - start;
    out_line(ctx,
             "included in block %" PRIu64 " (%" PRIu64 ".%" PRIu64 " s), status ok, gas %" PRIu64,
             out->block, took / 1000, took % 1000 / 100, out->gas_used);
    return EXIT_DONE;
}

enum exit_code contract_send(struct ctx *ctx, struct sent *out, const struct tx_intent *intent,
                             const char *what)
{
    *out = (struct sent){0};
    struct account from;
    STEP(account_sender(ctx, &from));
    const enum exit_code code = send_from(ctx, out, &from, intent, what);
    account_deinit(&from);
    if (code != EXIT_DONE) sent_deinit(out);
    return code;
}

enum exit_code contract_write(struct ctx *ctx, struct sent *out, const address_t *to,
                              const char *signature, json_t *args, const char *what)
{
    *out = (struct sent){0};
    uint8_t *data = NULL;
    size_t len = 0;
    const enum exit_code encoded = contract_encode(ctx, &data, &len, signature, args);
    json_decref(args);
    if (encoded != EXIT_DONE) return encoded;
    const struct tx_intent intent = {.to = *to, .data = {data, len}};
    const enum exit_code code = contract_send(ctx, out, &intent, what);
    free(data);
    return code;
}
