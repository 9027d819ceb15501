// SPDX-License-Identifier: Apache-2.0
/// Transactions that exist already, signed or not: look into them, sign them elsewhere, send
/// them, wait for them, outbid them.
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "chain/codec/ethjson.h"
#include "wallet/client.h"
#include "wallet/contract.h"
#include "wallet/known.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/send.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdlib.h>

#define TX_FILE_MAX ((size_t)1 << 20)
#define TX_ARENA ((size_t)4 << 20)

static enum exit_code parse_hash(struct ctx *ctx, hash_t *out, const char *text)
{
    const err_t err = text_parse_hash(out, text);
    return err_ok(err) ? EXIT_DONE : fail_err(ctx, EXIT_USAGE, text, err);
}

// ---- signed bytes -----------------------------------------------------------------------------

/// The bytes of "0x..", or of a file that holds such a text.
static enum exit_code read_hex(struct ctx *ctx, uint8_t **out, size_t *len, const char *text)
{
    char *file = NULL;
    size_t n = 0;
    const char *hex = text;
    if (strncmp(text, "0x", 2) != 0) {
        const err_t err = file_read(&file, &n, text, TX_FILE_MAX);
        if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, text, err);
        while (n > 0 && (file[n - 1] == '\n' || file[n - 1] == '\r' || file[n - 1] == ' ')) n--;
        file[n] = 0;
        hex = file;
    }
    json_t *v = json_string(hex);
    *out = json_data(len, v);
    json_decref(v);
    free(file);
    if (*out != NULL && *len > 0) return EXIT_DONE;
    free(*out);
    *out = NULL;
    return fail(ctx, EXIT_USAGE, "cairn tx sign makes one",
                "%.80s is no signed transaction: 0x and hexadecimal digits are expected", text);
}

/// A signed transaction with its sender; it borrows `*raw`, which the caller frees.
static enum exit_code read_signed(struct ctx *ctx, struct tx *out, uint8_t **raw,
                                  struct arena *arena, const char *text)
{
    size_t len;
    STEP(read_hex(ctx, raw, &len, text));
    err_t err = tx_decode(out, arena, bytes_make(*raw, len));
    if (err_ok(err)) err = tx_recover_sender(out);
    if (err_ok(err)) return EXIT_DONE;
    free(*raw);
    *raw = NULL;
    if (err.kind == ERR_INVALID)
        return fail_err(ctx, EXIT_UNVERIFIED, "the transaction's signature", err);
    return fail_err(ctx, EXIT_USAGE, "not a signed transaction", err);
}

/// Does `work` with a signed transaction from the command line.
static enum exit_code with_signed(struct ctx *ctx, const char *text,
                                  enum exit_code (*work)(struct ctx *ctx, const struct tx *tx))
{
    struct arena arena;
    const err_t err = arena_init(&arena, TX_ARENA);
    if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "memory", err);
    struct tx tx;
    uint8_t *raw = NULL;
    enum exit_code code = read_signed(ctx, &tx, &raw, &arena, text);
    if (code == EXIT_DONE) code = work(ctx, &tx);
    free(raw);
    arena_deinit(&arena);
    return code;
}

static enum exit_code show_decoded(struct ctx *ctx, const struct tx *tx)
{
    static const char *const types[] = {"legacy", "access list", "dynamic fee", "blob", "set code"};
    out_field(ctx, "hash", "%s", hex_hash(&tx->hash).s);
    out_field(ctx, "type", "%d (%s)", (int)tx->type, types[tx->type]);
    if (tx->has_chain_id)
        out_field(ctx, "chain", "%" PRIu64, tx->chain_id);
    else
        out_field(ctx, "chain", "any (signed without EIP-155)");
    out_field(ctx, "from", "%s", text_address(&tx->sender).s);
    out_field(ctx, "to", "%s", tx->is_create ? "(creates a contract)" : text_address(&tx->to).s);
    out_field(ctx, "amount", "%s ether", text_amount(&tx->value_wei, 18).s);
    out_field(ctx, "nonce", "%" PRIu64, tx->nonce);
    out_field(ctx, "gas limit", "%" PRIu64, tx->gas_limit);
    out_field(ctx, "fee per gas", "at most %s wei, tip %s wei", u256_dec(&tx->max_fee_per_gas).s,
              u256_dec(&tx->max_priority_fee_per_gas).s);
    result_set(ctx, "transaction", ethjson_tx(tx, NULL));
    json_t *call = tx->is_create ? NULL : known_call(&tx->to, tx->data);
    if (call != NULL)
        known_print_call(ctx, call);
    else if (tx->data.len >= 4 && !tx->is_create)
        out_field(ctx, "data", "%zu bytes, selector 0x%02x%02x%02x%02x", tx->data.len,
                  tx->data.data[0], tx->data.data[1], tx->data.data[2], tx->data.data[3]);
    else if (tx->data.len > 0)
        out_field(ctx, "data", "%zu bytes", tx->data.len);
    result_set(ctx, "call", call);
    return EXIT_DONE;
}

enum exit_code cmd_tx_decode(struct ctx *ctx, const struct args *a)
{
    return with_signed(ctx, a->pos[0], show_decoded);
}

static enum exit_code publish(struct ctx *ctx, const struct tx *tx)
{
    struct sent sent;
    const enum exit_code code = send_signed(ctx, &sent, tx, "Send a signed transaction");
    if (code == EXIT_DONE) sent_deinit(&sent);
    return code;
}

enum exit_code cmd_tx_publish(struct ctx *ctx, const struct args *a)
{
    return with_signed(ctx, a->pos[0], publish);
}

// ---- signing elsewhere --------------------------------------------------------------------------

/// Reads what send_tx_object wrote; the data lies in `arena`.
static err_t read_unsigned(struct tx *out, address_t *from, struct arena *arena, const json_t *o)
{
    uint64_t type;
    *out = (struct tx){.has_chain_id = true};
    TRY(ethjson_read_u64(&type, json_object_get(o, "type")));
    if (type != TX_LEGACY && type != TX_DYNAMIC_FEE)
        return FAIL(UNSUPPORTED, "only transactions of type 0 and 2 are signed here");
    out->type = (enum tx_type)type;
    TRY(ethjson_read_u64(&out->chain_id, json_object_get(o, "chainId")));
    if (out->chain_id == 0) return FAIL(INVALID, "the chain id is zero");
    TRY(ethjson_read_u64(&out->nonce, json_object_get(o, "nonce")));
    TRY(ethjson_read_address(from, json_object_get(o, "from")));
    const json_t *to = json_object_get(o, "to");
    out->is_create = to == NULL || json_is_null(to);
    if (!out->is_create) TRY(ethjson_read_address(&out->to, to));
    TRY(ethjson_read_u256(&out->value_wei, json_object_get(o, "value")));
    TRY(ethjson_read_u64(&out->gas_limit, json_object_get(o, "gas")));
    if (type == TX_LEGACY) {
        TRY(ethjson_read_u256(&out->max_fee_per_gas, json_object_get(o, "gasPrice")));
        out->max_priority_fee_per_gas = out->max_fee_per_gas;
    } else {
        TRY(ethjson_read_u256(&out->max_fee_per_gas, json_object_get(o, "maxFeePerGas")));
        TRY(ethjson_read_u256(&out->max_priority_fee_per_gas,
                              json_object_get(o, "maxPriorityFeePerGas")));
        if (u256_lt(&out->max_fee_per_gas, &out->max_priority_fee_per_gas))
            return FAIL(INVALID, "the priority fee is above the maximum fee");
    }
    const json_t *access = json_object_get(o, "accessList");
    if (access != NULL && json_array_size(access) > 0)
        return FAIL(UNSUPPORTED, "an access list is not signed here");
    return ethjson_read_data(&out->data, arena, json_object_get(o, "input"), TX_MAX_BYTES);
}

/// With a profile the chain must be the pinned one; there is no node to ask.
static enum exit_code check_pinned(struct ctx *ctx, uint64_t chain_id)
{
    if (ctx->set.network == NULL) return EXIT_DONE;
    const json_t *profile =
        json_object_get(json_object_get(ctx->networks, "networks"), ctx->set.network);
    const char *pinned = json_string_value(json_object_get(profile, "chainId"));
    uint64_t want;
    if (pinned == NULL || !err_ok(text_parse_u64(&want, pinned, UINT64_MAX)) || want == chain_id)
        return EXIT_DONE;
    return fail(ctx, EXIT_USAGE, "choose its network with --network",
                "the transaction is for chain %" PRIu64 ", network %s is chain %s", chain_id,
                ctx->set.network, pinned);
}

static enum exit_code sign_file(struct ctx *ctx, struct arena *arena, const json_t *o,
                                const char *path, const char *out_path)
{
    struct tx tx;
    address_t from;
    err_t err = read_unsigned(&tx, &from, arena, o);
    if (!err_ok(err))
        return fail(ctx, EXIT_USAGE, "cairn .. --unsigned FILE writes one",
                    "%s is no unsigned transaction: %s", path, err_text(err));
    STEP(check_pinned(ctx, tx.chain_id));
    STEP(send_sign_only(ctx, &tx, arena, &from));
    json_t *raw = json_hex(tx.raw);
    result_set(ctx, "raw", raw);
    result_set(ctx, "hash", json_hash(&tx.hash));
    result_set(ctx, "from", json_address(&from));
    if (out_path == NULL) {
        out_line(ctx, "%s", json_string_value(raw));
        return EXIT_DONE;
    }
    err = file_write(out_path, bytes_of_str(json_string_value(raw)));
    if (!err_ok(err)) return fail_err(ctx, EXIT_STORE, out_path, err);
    out_line(ctx, "signed %s into %s", hex_hash(&tx.hash).s, out_path);
    return EXIT_DONE;
}

enum exit_code cmd_tx_sign(struct ctx *ctx, const struct args *a)
{
    char *text;
    size_t len;
    err_t err = file_read(&text, &len, a->pos[0], TX_FILE_MAX);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, a->pos[0], err);
    json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    struct arena arena;
    err = arena_init(&arena, TX_ARENA);
    enum exit_code code = err_ok(err) ? EXIT_DONE : fail_err(ctx, EXIT_INTERNAL, "memory", err);
    if (code == EXIT_DONE) {
        code = sign_file(ctx, &arena, o, a->pos[0], args_flag(a, "out"));
        arena_deinit(&arena);
    }
    json_decref(o);
    return code;
}

// ---- waiting and outbidding -----------------------------------------------------------------------

enum exit_code cmd_tx_wait(struct ctx *ctx, const struct args *a)
{
    hash_t hash;
    STEP(parse_hash(ctx, &hash, a->pos[0]));
    struct sent sent;
    const enum exit_code code = send_wait(ctx, &sent, &hash);
    if (code == EXIT_DONE) sent_deinit(&sent);
    return code;
}

/// A pending transaction as the node has it, whose hash and signature are checked.
static enum exit_code load_pending(struct ctx *ctx, struct tx *out, struct arena *arena,
                                   const char *text)
{
    hash_t hash;
    STEP(parse_hash(ctx, &hash, text));
    STEP(profile_check_chain(ctx));
    json_t *o;
    STEP(client_call(ctx, &o, "eth_getTransactionByHash", json_pack("[o]", json_hash(&hash))));
    if (!json_is_object(o)) {
        json_decref(o);
        return fail(ctx, EXIT_REFUSED, NULL, "the node knows no transaction %s", text);
    }
    uint64_t block;
    const bool included = json_quantity(&block, json_object_get(o, "blockNumber"));
    err_t err = ethjson_read_tx(out, arena, o);
    json_decref(o);
    if (err_ok(err) && !hash_eq(&out->hash, &hash))
        err = FAIL(MISMATCH, "it is another transaction");
    if (err_ok(err)) err = tx_recover_sender(out);
    if (!err_ok(err))
        return fail(ctx, EXIT_UNREACHABLE, NULL, "the node's answer about %s: %s", text,
                    err_text(err));
    if (included)
        return fail(ctx, EXIT_SIMULATION, "cairn tx show HASH",
                    "%s is in block %" PRIu64 ": it is final", text, block);
    return EXIT_DONE;
}

static enum exit_code replace(struct ctx *ctx, const char *text, bool cancel)
{
    struct arena arena;
    const err_t err = arena_init(&arena, TX_ARENA);
    if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "memory", err);
    struct tx old;
    enum exit_code code = load_pending(ctx, &old, &arena, text);
    if (code == EXIT_DONE) {
        char what[96];
        (void)snprintf(what, sizeof what, "%s the transaction with nonce %" PRIu64,
                       cancel ? "Cancel" : "Speed up", old.nonce);
        struct sent sent;
        code = send_replacement(ctx, &sent, &old, cancel, what);
        result_set(ctx, "replaces", json_hash(&old.hash));
        if (code == EXIT_DONE) sent_deinit(&sent);
    }
    arena_deinit(&arena);
    return code;
}

enum exit_code cmd_tx_speed_up(struct ctx *ctx, const struct args *a)
{
    return replace(ctx, a->pos[0], false);
}

enum exit_code cmd_tx_cancel(struct ctx *ctx, const struct args *a)
{
    return replace(ctx, a->pos[0], true);
}
