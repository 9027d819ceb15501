// SPDX-License-Identifier: Apache-2.0
#include "wallet/send.h"

#include "chain/base/hex.h"
#include "chain/codec/ethjson.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/keystore.h"
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
#include <time.h>

#define POLL_MS 60
#define PROGRESS_MS 1000
#define SIGN_ARENA ((size_t)4 << 20)
#define TRANSFER_GAS 21000
#define RAW_MAX (4 * TX_MAX_BYTES)

void sent_deinit(struct sent *s)
{
    json_decref(s->receipt);
    *s = (struct sent){.hash = s->hash, .left = s->left};
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
        (void)json_array_append_new(params, contract_call_object(from, intent));
        if (i == 0) (void)json_array_append_new(params, json_string(BLOCK_LATEST));
        json_t *answer;
        struct rpc_error error;
        STEP(client_try(ctx, &answer, &error, methods[i], params));
        if (error.is) {
            enum exit_code code;
            if (contract_is_revert(&error) ||
                strcasestr(error.message, "insufficient funds") != NULL) {
                struct revert_reason r;
                contract_explain(&r, &error);
                code = contract_fail_revert(ctx, EXIT_SIMULATION, "this would fail", &r, &error);
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

json_t *send_tx_object(const struct tx *tx, const address_t *from)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "type", ethjson_u64((uint64_t)tx->type));
    (void)json_object_set_new(o, "chainId", ethjson_u64(tx->chain_id));
    (void)json_object_set_new(o, "nonce", ethjson_u64(tx->nonce));
    (void)json_object_set_new(o, "from", json_address(from));
    (void)json_object_set_new(o, "to", tx->is_create ? json_null() : json_address(&tx->to));
    (void)json_object_set_new(o, "value", ethjson_u256(&tx->value_wei));
    (void)json_object_set_new(o, "gas", ethjson_u64(tx->gas_limit));
    if (tx->type == TX_LEGACY || tx->type == TX_ACCESS_LIST) {
        (void)json_object_set_new(o, "gasPrice", ethjson_u256(&tx->max_fee_per_gas));
    } else {
        (void)json_object_set_new(o, "maxFeePerGas", ethjson_u256(&tx->max_fee_per_gas));
        (void)json_object_set_new(o, "maxPriorityFeePerGas",
                                  ethjson_u256(&tx->max_priority_fee_per_gas));
    }
    (void)json_object_set_new(o, "input", json_hex(tx->data));
    if (tx->access_count > 0)
        (void)json_object_set_new(o, "accessList",
                                  ethjson_access_list(tx->access_list, tx->access_count));
    return o;
}

static enum exit_code write_unsigned(struct ctx *ctx, const struct tx *tx, const address_t *from)
{
    json_t *o = send_tx_object(tx, from);
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    result_set(ctx, "unsigned", o);
    if (text == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    const err_t err = file_write(ctx->set.unsigned_file, bytes_of_str(text));
    free(text);
    if (!err_ok(err)) return fail_err(ctx, EXIT_STORE, ctx->set.unsigned_file, err);
    out_line(ctx, "wrote the unsigned transaction to %s", ctx->set.unsigned_file);
    return EXIT_DONE;
}

/// Ends a failure after the transaction left: the hash is the way back to it.
static enum exit_code fail_after_sending(struct ctx *ctx, enum exit_code code, const hash_t *hash)
{
    (void)snprintf(ctx->hint, sizeof ctx->hint, "it may have been sent: cairn tx wait %s",
                   hex_hash(hash).s);
    return code;
}

/// The address of a contract that `from` creates with `nonce`.
static address_t create_address(const address_t *from, uint64_t nonce)
{
    struct buf b;
    buf_init(&b, 64);
    const size_t at = rlp_list_begin(&b);
    rlp_put_address(&b, from);
    rlp_put_u64(&b, nonce);
    rlp_list_end(&b, at);
    const hash_t h = keccak256(buf_bytes(&b));
    buf_deinit(&b);
    address_t a;
    memcpy(a.b, h.b + 12, sizeof a.b);
    return a;
}

/// Does a receipt say what it must of this transaction? `tx` may be NULL if only its hash
/// is known.
static bool receipt_holds(struct sent *out, const json_t *receipt, const struct tx *tx)
{
    hash_t h;
    uint64_t status;
    const char *text = json_string_value(json_object_get(receipt, "transactionHash"));
    if (text == NULL || !err_ok(text_parse_hash(&h, text)) || !hash_eq(&h, &out->hash) ||
        !json_quantity(&out->block, json_object_get(receipt, "blockNumber")) ||
        !json_quantity(&out->gas_used, json_object_get(receipt, "gasUsed")) ||
        !json_quantity(&status, json_object_get(receipt, "status")) || status > 1 ||
        !json_is_array(json_object_get(receipt, "logs")))
        return false;
    const char *made = json_string_value(json_object_get(receipt, "contractAddress"));
    out->has_contract_address =
        made != NULL && err_ok(text_parse_address(&out->contract_address, made));
    if (tx == NULL) return true;
    address_t from;
    const char *who = json_string_value(json_object_get(receipt, "from"));
    if (who == NULL || !err_ok(text_parse_address(&from, who)) || !address_eq(&from, &tx->sender) ||
        out->gas_used > tx->gas_limit)
        return false;
    if (!tx->is_create) return made == NULL;
    const address_t want = create_address(&tx->sender, tx->nonce);
    return out->has_contract_address && address_eq(&want, &out->contract_address);
}

/// Polls until the receipt is there. Leaves `out->included` false if time runs out.
static enum exit_code wait_included(struct ctx *ctx, struct sent *out, const struct tx *tx)
{
    const uint64_t start = now_ms();
    const uint64_t end = start + (uint64_t)ctx->set.timeout_s * 1000;
    uint64_t next_note = start + PROGRESS_MS;
    for (;;) {
        json_t *receipt;
        const enum exit_code code = client_call(ctx, &receipt, "eth_getTransactionReceipt",
                                                json_pack("[o]", json_hash(&out->hash)));
        if (code != EXIT_DONE) return fail_after_sending(ctx, code, &out->hash);
        if (json_is_object(receipt)) {
            if (!receipt_holds(out, receipt, tx)) {
                json_decref(receipt);
                return fail_after_sending(ctx,
                                          fail(ctx, EXIT_UNREACHABLE, NULL,
                                               "the node's receipt is not of our transaction"),
                                          &out->hash);
            }
            out->receipt = receipt;
            out->included = true;
            return EXIT_DONE;
        }
        const bool sane = json_is_null(receipt);
        json_decref(receipt);
        if (!sane)
            return fail_after_sending(
                ctx, fail(ctx, EXIT_UNREACHABLE, NULL, "the node's receipt makes no sense"),
                &out->hash);
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
static enum exit_code explain_included(struct ctx *ctx, const struct sent *s, const struct tx *tx)
{
    char lead[80];
    (void)snprintf(lead, sizeof lead, "included in block %" PRIu64 ", but reverted", s->block);
    char hint[128];
    (void)snprintf(hint, sizeof hint, "cairn tx show %s", hex_hash(&s->hash).s);
    if (tx == NULL) return fail(ctx, EXIT_REVERTED, hint, "%s", lead);
    const struct tx_intent intent = {
        .is_create = tx->is_create, .to = tx->to, .value_wei = tx->value_wei, .data = tx->data};
    json_t *params = json_array();
    (void)json_array_append_new(params, contract_call_object(&tx->sender, &intent));
    (void)json_array_append_new(params, ethjson_u64(s->block > 0 ? s->block - 1 : 0));
    json_t *answer;
    struct rpc_error error;
    STEP(client_try(ctx, &answer, &error, "eth_call", params));
    json_decref(answer);
    if (!error.is)
        return fail(
            ctx, EXIT_REVERTED, hint,
            "%s; by itself it succeeds (another transaction came first, or its gas ran out)", lead);
    struct revert_reason r;
    contract_explain(&r, &error);
    const enum exit_code code = contract_fail_revert(ctx, EXIT_REVERTED, lead, &r, &error);
    rpc_error_clear(&error);
    json_decref(r.args);
    return code;
}

/// Waits as the person wants to, and says what became of it.
static enum exit_code await_and_report(struct ctx *ctx, struct sent *out, const struct tx *tx)
{
    result_set(ctx, "hash", json_hash(&out->hash));
    if (ctx->set.no_wait) {
        result_set(ctx, "status", json_string("sent"));
        out_line(ctx, "sent %s", hex_hash(&out->hash).s);
        return EXIT_DONE;
    }
    const uint64_t start = now_ms();
    STEP(wait_included(ctx, out, tx));
    if (!out->included) {
        char hint[160];
        (void)snprintf(hint, sizeof hint, "cairn tx wait %s", hex_hash(&out->hash).s);
        result_set(ctx, "status", json_string("pending"));
        return fail(ctx, EXIT_PENDING, hint, "sent, but not in a block after %u s: %s",
                    ctx->set.timeout_s, hex_hash(&out->hash).s);
    }
    uint64_t status = 0;
    (void)json_quantity(&status, json_object_get(out->receipt, "status"));
    result_set(ctx, "block", json_u64(out->block));
    result_set(ctx, "status", json_string(status == 1 ? "ok" : "reverted"));
    result_set(ctx, "gasUsed", json_u64(out->gas_used));
    if (status != 1) return explain_included(ctx, out, tx);
    result_set(ctx, "result", json_object());
    const uint64_t took = now_ms() - start;
    out_line(ctx,
             "included in block %" PRIu64 " (%" PRIu64 ".%" PRIu64
             " s), final, status ok, gas %" PRIu64,
             out->block, took / 1000, took % 1000 / 100, out->gas_used);
    return EXIT_DONE;
}

/// Hands signed bytes to the node. `out->hash` is ours, not the node's word.
static enum exit_code submit(struct ctx *ctx, struct sent *out, const struct tx *tx)
{
    out->hash = tx->hash;
    out->left = true;
    result_set(ctx, "hash", json_hash(&tx->hash));
    json_t *answer;
    struct rpc_error error;
    const enum exit_code code = client_try(ctx, &answer, &error, "eth_sendRawTransaction",
                                           json_pack("[o]", json_hex(tx->raw)));
    if (code != EXIT_DONE) return fail_after_sending(ctx, code, &tx->hash);
    if (error.is) {
        // Sent before, perhaps by a wallet that was interrupted.
        const bool known = strstr(error.message, "already known") != NULL ||
                           strstr(error.message, "already imported") != NULL ||
                           strstr(error.message, "known transaction") != NULL;
        enum exit_code refused = EXIT_DONE;
        if (!known)
            refused = fail(ctx, EXIT_REFUSED, NULL, "the node refused the transaction: %s (%lld)",
                           error.message, error.code);
        rpc_error_clear(&error);
        return refused;
    }
    hash_t said;
    const char *text = json_string_value(answer);
    const bool ours =
        text != NULL && err_ok(text_parse_hash(&said, text)) && hash_eq(&said, &tx->hash);
    json_decref(answer);
    if (ours) return EXIT_DONE;
    return fail_after_sending(ctx,
                              fail(ctx, EXIT_UNREACHABLE, NULL,
                                   "the node calls our transaction by another hash: it cannot be "
                                   "trusted"),
                              &tx->hash);
}

/// What is about to be done, on stderr.
static void show_summary(struct ctx *ctx, const struct tx *tx, const char *name,
                         const address_t *from)
{
    u256_t cost;
    if (!err_ok(tx_max_cost(&cost, tx))) cost = u256_from_u64(0);
    out_note(ctx, "  chain %" PRIu64 ", from %s%s%s%s, nonce %" PRIu64, tx->chain_id, name,
             name[0] != 0 ? " (" : "", text_address(from).s, name[0] != 0 ? ")" : "", tx->nonce);
    if (tx->is_create)
        out_note(ctx, "  creates a contract of %zu bytes", tx->data.len);
    else
        out_note(ctx, "  to %s%s%s", text_address(&tx->to).s, tx->data.len > 0 ? ", with data" : "",
                 u256_is_zero(&tx->value_wei) ? "" : ", with money");
    if (!tx->is_create && tx->data.len > 0) {
        json_t *call = known_call(&tx->to, tx->data);
        struct buf line;
        buf_init(&line, (size_t)1 << 16);
        if (call != NULL) {
            buf_printf(&line, "%s.%s", json_string_value(json_object_get(call, "contract")),
                       json_string_value(json_object_get(call, "function")));
            known_put_args(&line, json_object_get(call, "args"));
        } else if (tx->data.len >= 4) {
            buf_printf(&line, "function 0x%02x%02x%02x%02x", tx->data.data[0], tx->data.data[1],
                       tx->data.data[2], tx->data.data[3]);
        }
        buf_put_u8(&line, 0);
        struct buf safe;
        buf_init(&safe, (size_t)1 << 18);
        text_put_escaped(&safe, line.full ? "(too long to show)" : (const char *)line.data);
        buf_put_u8(&safe, 0);
        out_note(ctx, "  %s", (const char *)safe.data);
        buf_deinit(&safe);
        buf_deinit(&line);
        json_decref(call);
    }
    if (!u256_is_zero(&tx->value_wei))
        out_note(ctx, "  amount %s ether", text_amount(&tx->value_wei, 18).s);
    out_note(ctx, "  gas at most %" PRIu64 ", fee at most %s ether", tx->gas_limit,
             text_amount(&cost, 9).s);
}

/// Signs a copy of the fields in `tx`; the bytes are in `arena`.
static enum exit_code unlock_and_sign(struct ctx *ctx, struct tx *tx, struct arena *arena,
                                      const struct account *from)
{
    struct secret_key *key = NULL;
    STEP(account_unlock(ctx, &key, from));
    const err_t err = tx_sign_checked(tx, arena, key, &from->address);
    secret_free(key);
    if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "signing", err);
    return EXIT_DONE;
}

/// Shows, asks, signs, keeps, sends and waits for a transaction that is built.
static enum exit_code carry_out(struct ctx *ctx, struct sent *out, struct tx *tx,
                                const struct account *from, const char *what, const char *keep)
{
    u256_t cost;
    if (!err_ok(tx_max_cost(&cost, tx))) return fail(ctx, EXIT_USAGE, NULL, "the fee is too large");
    if (ctx->set.unsigned_file != NULL) return write_unsigned(ctx, tx, &from->address);
    if (ctx->set.dry_run) {
        result_set(ctx, "dryRun", json_true());
        result_set(ctx, "transaction", send_tx_object(tx, &from->address));
        out_line(ctx, "would succeed: %s, gas %" PRIu64 "; nothing was sent", what, tx->gas_limit);
        return EXIT_DONE;
    }

    out_note(ctx, "%s", what);
    if (!ctx->set.yes) show_summary(ctx, tx, from->name, &from->address);
    STEP(out_confirm(ctx, "Go ahead?"));

    struct arena arena;
    err_t err = arena_init(&arena, SIGN_ARENA);
    if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "memory", err);
    enum exit_code code;
    STEP_OR(code, out_arena, unlock_and_sign(ctx, tx, &arena, from));
    if (keep != NULL) {
        err = secret_file_write(keep, tx->raw, true);
        if (!err_ok(err)) {
            code = fail_err(ctx, EXIT_STORE, keep, err);
            goto out_arena;
        }
    }
    STEP_OR(code, out_arena, submit(ctx, out, tx));
    out_note(ctx, "sent %s (nonce %" PRIu64 ", fee at most %s)", hex_hash(&out->hash).s, tx->nonce,
             text_amount(&cost, 9).s);
    code = await_and_report(ctx, out, tx);
out_arena:
    arena_deinit(&arena);
    return code;
}

static enum exit_code build(struct ctx *ctx, struct tx *tx, const struct tx_intent *intent,
                            const address_t *from)
{
    STEP(profile_check_chain(ctx));
    struct tx_terms terms = {0};
    STEP(find_terms(ctx, &terms, from));
    if (ctx->set.no_simulate) {
        out_warn(ctx, "not simulated: a failure costs its fee, and perhaps more");
        if (!terms.has_gas_limit)
            return fail(ctx, EXIT_USAGE, NULL, "--no-simulate needs --gas-limit");
    } else {
        STEP(simulate(ctx, &terms, from, intent));
    }
    const err_t err = tx_build(tx, intent, &terms);
    if (err.kind == ERR_FULL)
        return fail(ctx, EXIT_SIMULATION, "cairn account balance", "%s: it has %s ether",
                    err_text(err), text_amount(&terms.balance_wei, 18).s);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, "building the transaction", err);
    return EXIT_DONE;
}

enum exit_code send_tx_keeping(struct ctx *ctx, struct sent *out, const struct tx_intent *intent,
                               const char *what, const char *keep)
{
    *out = (struct sent){0};
    struct account from;
    STEP(account_sender(ctx, &from));
    struct tx tx;
    enum exit_code code = build(ctx, &tx, intent, &from.address);
    if (code == EXIT_DONE) code = carry_out(ctx, out, &tx, &from, what, keep);
    account_deinit(&from);
    if (code != EXIT_DONE) sent_deinit(out);
    return code;
}

enum exit_code send_tx(struct ctx *ctx, struct sent *out, const struct tx_intent *intent,
                       const char *what)
{
    return send_tx_keeping(ctx, out, intent, what, NULL);
}

enum exit_code send_function(struct ctx *ctx, struct sent *out, const address_t *to,
                             const char *signature, json_t *args, const char *what)
{
    *out = (struct sent){0};
    uint8_t *data = NULL;
    size_t len = 0;
    const enum exit_code encoded = contract_encode(ctx, &data, &len, signature, args);
    json_decref(args);
    if (encoded != EXIT_DONE) return encoded;
    const struct tx_intent intent = {.to = *to, .data = {data, len}};
    const enum exit_code code = send_tx(ctx, out, &intent, what);
    free(data);
    return code;
}

// ---- transactions that exist already ----------------------------------------------------------

/// The fee, an eighth and one wei higher. @return ERR_LIMIT
static err_t raise(u256_t *out, const u256_t *fee)
{
    const u256_t eighth = u256_shr(fee, 3);
    const u256_t one = u256_from_u64(1);
    if (!u256_add_checked(out, fee, &eighth) || !u256_add_checked(out, out, &one))
        return FAIL(LIMIT, "the fee does not fit 256 bits");
    return OK;
}

/// The larger of a raised old fee and what the network asks for now.
static err_t outbid(u256_t *out, const u256_t *old, const u256_t *now)
{
    TRY(raise(out, old));
    if (u256_lt(out, now)) *out = *now;
    return OK;
}

enum exit_code send_replacement(struct ctx *ctx, struct sent *out, const struct tx *old,
                                bool cancel, const char *what)
{
    *out = (struct sent){0};
    STEP(profile_check_chain(ctx));
    struct account from;
    STEP(account_find(ctx, &from, text_address(&old->sender).s));
    struct tx_terms terms = {0};
    enum exit_code code = find_terms(ctx, &terms, &from.address);
    // What the network would ask of a new transaction; the old one's gas has been thought about.
    struct tx now = {0};
    terms.has_gas_limit = true;
    terms.gas_limit = cancel ? TRANSFER_GAS : old->gas_limit;
    terms.nonce = old->nonce;
    const struct tx_intent none = {.to = from.address};
    err_t err = OK;
    if (code == EXIT_DONE) err = tx_build(&now, &none, &terms);
    struct tx tx = cancel ? now : *old;
    tx.raw = BYTES_NONE;
    if (cancel && (old->type == TX_LEGACY || old->type == TX_ACCESS_LIST)) tx.type = TX_LEGACY;
    if (err_ok(err)) err = outbid(&tx.max_fee_per_gas, &old->max_fee_per_gas, &now.max_fee_per_gas);
    if (err_ok(err))
        err = outbid(&tx.max_priority_fee_per_gas, &old->max_priority_fee_per_gas,
                     &now.max_priority_fee_per_gas);
    if (err_ok(err) && tx.type != TX_DYNAMIC_FEE && tx.type != TX_SET_CODE)
        tx.max_priority_fee_per_gas = tx.max_fee_per_gas;
    if (err_ok(err) && u256_lt(&tx.max_fee_per_gas, &tx.max_priority_fee_per_gas))
        tx.max_fee_per_gas = tx.max_priority_fee_per_gas;
    if (code == EXIT_DONE && err.kind == ERR_FULL)
        code = fail(ctx, EXIT_SIMULATION, "cairn account balance", "%s", err_text(err));
    else if (code == EXIT_DONE && !err_ok(err))
        code = fail_err(ctx, EXIT_USAGE, "the higher fee", err);
    if (code == EXIT_DONE) code = carry_out(ctx, out, &tx, &from, what, NULL);
    account_deinit(&from);
    if (code != EXIT_DONE) sent_deinit(out);
    return code;
}

enum exit_code send_signed(struct ctx *ctx, struct sent *out, const struct tx *tx, const char *what)
{
    *out = (struct sent){0};
    STEP(profile_check_chain(ctx));
    if (!tx->has_chain_id || tx->chain_id != ctx->chain_id)
        return fail(ctx, EXIT_USAGE, "choose the network with --rpc or --network",
                    "the transaction is for chain %" PRIu64 ", and %s is chain %" PRIu64,
                    tx->chain_id, ctx->set.rpc, ctx->chain_id);
    out_note(ctx, "%s", what);
    if (!ctx->set.yes) show_summary(ctx, tx, "", &tx->sender);
    STEP(out_confirm(ctx, "Go ahead?"));
    enum exit_code code = submit(ctx, out, tx);
    if (code == EXIT_DONE) code = await_and_report(ctx, out, tx);
    if (code != EXIT_DONE) sent_deinit(out);
    return code;
}

enum exit_code send_wait(struct ctx *ctx, struct sent *out, const hash_t *hash)
{
    *out = (struct sent){.hash = *hash};
    STEP(profile_check_chain(ctx));
    ctx->set.no_wait = false;
    const enum exit_code code = await_and_report(ctx, out, NULL);
    if (code != EXIT_DONE) sent_deinit(out);
    return code;
}

enum exit_code send_sign_only(struct ctx *ctx, struct tx *tx, struct arena *arena,
                              const address_t *from)
{
    struct account me;
    STEP(account_find(ctx, &me, text_address(from).s));
    out_note(ctx, "Sign this transaction:");
    show_summary(ctx, tx, me.name, &me.address);
    enum exit_code code = out_confirm(ctx, "Sign?");
    if (code == EXIT_DONE) code = unlock_and_sign(ctx, tx, arena, &me);
    account_deinit(&me);
    return code;
}

/// Is it sent no more? Only if its nonce is used up and no receipt is there. The nonce is asked for
/// first: were it the receipt, a block between the two answers would take ours for another's.
static enum exit_code is_gone(struct ctx *ctx, bool *gone, const struct tx *tx)
{
    uint64_t nonce;
    STEP(client_u64(ctx, &nonce, "eth_getTransactionCount",
                    json_pack("[os]", json_address(&tx->sender), BLOCK_LATEST)));
    json_t *receipt;
    STEP(client_call(ctx, &receipt, "eth_getTransactionReceipt",
                     json_pack("[o]", json_hash(&tx->hash))));
    const bool there = json_is_object(receipt);
    json_decref(receipt);
    *gone = !there && nonce > tx->nonce;
    return EXIT_DONE;
}

enum exit_code send_kept(struct ctx *ctx, struct sent *out, bool *gone, const char *keep)
{
    *out = (struct sent){0};
    *gone = true;
    char *raw = NULL;
    size_t len = 0;
    err_t err = file_read(&raw, &len, keep, RAW_MAX);
    if (err.kind == ERR_NOT_FOUND) return EXIT_DONE;
    if (!err_ok(err)) return fail_err(ctx, EXIT_STORE, keep, err);
    struct arena arena;
    struct tx tx;
    enum exit_code code = EXIT_DONE;
    err = arena_init(&arena, SIGN_ARENA);
    if (!err_ok(err)) {
        free(raw);
        return fail_err(ctx, EXIT_INTERNAL, "memory", err);
    }
    err = tx_decode(&tx, &arena, bytes_make(raw, len));
    if (err_ok(err)) err = tx_recover_sender(&tx);
    if (!err_ok(err)) code = fail_err(ctx, EXIT_STORE, keep, err);
    if (code == EXIT_DONE) code = is_gone(ctx, gone, &tx);
    if (code == EXIT_DONE && !*gone) {
        out_note(ctx, "going on with %s, signed before", hex_hash(&tx.hash).s);
        code = submit(ctx, out, &tx);
        // It may be in a block by now: then its nonce is used, and by nobody else.
        if (code == EXIT_REFUSED && strstr(ctx->message, "nonce too low") != NULL) code = EXIT_DONE;
        if (code == EXIT_DONE) code = await_and_report(ctx, out, &tx);
        if (code != EXIT_DONE) sent_deinit(out);
    }
    arena_deinit(&arena);
    free(raw);
    return code;
}

json_t *sent_logs(const struct sent *s, const address_t *from, const char *declaration)
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
        json_t *row = contract_log_row(declaration, log);
        if (row != NULL) (void)json_array_append_new(out, row);
    }
    return out;
}
