// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/t8n.h"

#include "chain/base/hex.h"
#include "chain/codec/rlp.h"
#include "chain/trie/list_root.h"
#include "chain/types/address.h"
#include "vm/overlay.h"

#include <inttypes.h>
#include <stdarg.h>

#define NO_ROOM FAIL(FULL, "t8n: no memory left")

// Reserved, not used: pages cost nothing until they are touched.
#define WORLD_MAX_BYTES ((size_t)1 << 32)

/// One run.
struct run {
    const struct t8n *t;
    struct mem_state *state;
    struct arena *arena;
    struct vm *vm;
    struct overlay *world;
    struct block_exec block;
    struct chain_config config;
    bool hash_missing; ///< a BLOCKHASH was asked that nobody gave

    const struct tx **included;
    struct t8n_rejected *rejected;
    size_t rejected_count;

    const char *traces;                  ///< directory, or NULL
    const struct tracer_options *tracer; ///< NULL: lines of EIP-3155
    struct step_trace steps;
    size_t traced;
};

static hash_t given_block_hash(void *ctx, uint64_t number)
{
    struct run *r = ctx;
    const struct t8n_env *env = &r->t->env;
    for (size_t i = 0; i < env->block_hash_count; i++) {
        if (env->block_hashes[i].number == number) return env->block_hashes[i].hash;
    }
    r->hash_missing = true;
    return (hash_t){{0}};
}

// ---- rejections ---------------------------------------------------------------------------------

__attribute__((format(printf, 2, 3))) static const char *text_in(struct arena *arena,
                                                                 const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    bool full = false;
    const bytes_t copy = arena_copy(arena, bytes_make(text, strlen(text) + 1), &full);
    return full ? "rejected" : (const char *)copy.data;
}

/// gas limit * max fee + value; false beyond 256 bits
static bool whole_cost(u256_t *out, const struct tx *tx)
{
    const u256_t limit = u256_from_u64(tx->gas_limit);
    return u256_mul_checked(out, &limit, &tx->max_fee_per_gas) &&
           u256_add_checked(out, out, &tx->value_wei);
}

/// Of several faults go-ethereum names another one first than the executable specification,
/// whose order is tx_execute's: what the sender's account says, then fees, then sizes.
static enum tx_validity first_objection(const struct run *r, const struct tx *tx,
                                        const struct account *sender, bool sender_is_code,
                                        enum tx_validity v)
{
    if (v == TX_TYPE_NOT_SUPPORTED || v == TX_WRONG_CHAIN_ID || v == TX_BAD_SIGNATURE) return v;
    if (tx->nonce < sender->nonce) return TX_NONCE_TOO_LOW;
    if (tx->nonce > sender->nonce) return TX_NONCE_TOO_HIGH;
    if (tx->nonce == UINT64_MAX) return TX_NONCE_IS_MAX;
    if (sender_is_code) return TX_SENDER_NOT_EOA;
    if (u256_lt(&tx->max_fee_per_gas, &tx->max_priority_fee_per_gas)) {
        return TX_PRIORITY_ABOVE_MAX_FEE;
    }
    if (u256_lt(&tx->max_fee_per_gas, &r->block.ctx.base_fee_wei)) return TX_MAX_FEE_BELOW_BASE_FEE;
    if (v == TX_SET_CODE_CREATES || v == TX_EMPTY_AUTHORIZATION_LIST) return v;
    if (v == TX_INITCODE_TOO_LARGE) return v;
    if (tx->gas_limit > r->block.ctx.gas_limit - r->block.gas_used) return TX_GAS_EXCEEDS_BLOCK;
    u256_t cost;
    if (!whole_cost(&cost, tx) || u256_lt(&sender->balance_wei, &cost)) {
        return TX_INSUFFICIENT_FUNDS;
    }
    return v;
}

/// The reason as go-ethereum words it, with what it saw and wanted: generators match on it.
static const char *why(const struct run *r, const struct tx *tx, enum tx_validity v)
{
    const struct address_text from = address_to_checksum(&tx->sender);
    const struct state_view view = overlay_as_view(r->world);
    struct account sender = account_none();
    bytes_t code = BYTES_NONE;
    bool exists;
    if (!err_ok(view.account(view.ctx, &sender, &exists, &tx->sender)) ||
        !err_ok(view.code(view.ctx, &code, &sender.code_hash))) {
        return tx_validity_text(v);
    }
    const bool delegated = code.len == 23 && memcmp(code.data, "\xef\x01\x00", 3) == 0;
    v = first_objection(r, tx, &sender, code.len != 0 && !delegated, v);
    const char *base = tx_validity_text(v);
    u256_t cost;
    if (v == TX_NONCE_TOO_LOW || v == TX_NONCE_TOO_HIGH) {
        return text_in(r->arena, "%s: address %s, tx: %" PRIu64 " state: %" PRIu64, base, from.s,
                       tx->nonce, sender.nonce);
    }
    if (v == TX_NONCE_IS_MAX) {
        return text_in(r->arena, "%s: address %s, nonce: %" PRIu64, base, from.s, sender.nonce);
    }
    if (v == TX_SENDER_NOT_EOA) {
        return text_in(r->arena, "%s: address %s, len(code): %zu", base, from.s, code.len);
    }
    if (v == TX_PRIORITY_ABOVE_MAX_FEE) {
        return text_in(r->arena, "%s: address %s, maxPriorityFeePerGas: %s, maxFeePerGas: %s", base,
                       from.s, u256_dec(&tx->max_priority_fee_per_gas).s,
                       u256_dec(&tx->max_fee_per_gas).s);
    }
    if (v == TX_MAX_FEE_BELOW_BASE_FEE) {
        return text_in(r->arena, "%s: address %s, maxFeePerGas: %s, baseFee: %s", base, from.s,
                       u256_dec(&tx->max_fee_per_gas).s, u256_dec(&r->block.ctx.base_fee_wei).s);
    }
    if (v == TX_SET_CODE_CREATES || v == TX_EMPTY_AUTHORIZATION_LIST) {
        return text_in(r->arena, "%s (sender %s)", base, from.s);
    }
    if (v == TX_INITCODE_TOO_LARGE) {
        return text_in(r->arena, "%s: code size %zu limit 49152", base, tx->data.len);
    }
    if (v == TX_INSUFFICIENT_FUNDS && whole_cost(&cost, tx)) {
        return text_in(r->arena, "%s: address %s have %s want %s", base, from.s,
                       u256_dec(&sender.balance_wei).s, u256_dec(&cost).s);
    }
    if (v == TX_INSUFFICIENT_FUNDS) {
        return text_in(r->arena, "%s: address %s required balance exceeds 256 bits", base, from.s);
    }
    if (v == TX_INTRINSIC_GAS_TOO_LOW) {
        return text_in(r->arena, "%s: have %" PRIu64 ", want %" PRIu64, base, tx->gas_limit,
                       tx_intrinsic_gas(tx, r->t->rev));
    }
    if (v == TX_FLOOR_GAS_TOO_LOW) {
        return text_in(r->arena, "%s: have %" PRIu64 ", want %" PRIu64, base, tx->gas_limit,
                       tx_floor_gas(tx, r->t->rev));
    }
    return v == TX_GAS_EXCEEDS_BLOCK ? "gas limit reached" : base;
}

static void reject(struct run *r, size_t index, const char *error)
{
    r->rejected[r->rejected_count++] = (struct t8n_rejected){index, error};
}

// ---- transactions -------------------------------------------------------------------------------

/// What has changed so far becomes the world, and the overlay starts anew over it.
static err_t settle_world(struct run *r, hash_t *root)
{
    const size_t mark = arena_mark(r->arena);
    struct state_diff diff;
    TRY(overlay_diff(&diff, r->arena, r->world));
    mem_state_apply(r->state, &diff);
    *root = mem_state_root(r->state, r->arena);
    const struct state_view view = mem_state_view(r->state);
    overlay_reset(r->world, &view);
    arena_rewind(r->arena, mark);
    return OK;
}

/// Opens trace-<n>-<hash>.<suffix>.
static err_t open_trace(FILE **out, struct run *r, const struct tx *tx, const char *suffix)
{
    char path[4096];
    const struct hex_text hash = hex_hash(&tx->hash);
    const int len = snprintf(path, sizeof path, "%s%strace-%zu-%s.%s", r->traces,
                             r->traces[0] != 0 ? "/" : "", r->traced++, hash.s, suffix);
    if ((size_t)len >= sizeof path) return FAIL(IO, "t8n: the trace's path is too long");
    *out = fopen(path, "w");
    return *out != NULL ? OK : FAIL(IO, "t8n: a trace file cannot be created");
}

static err_t close_trace(FILE *f)
{
    const bool written = !ferror(f);
    return fclose(f) == 0 && written ? OK : FAIL(IO, "t8n: a trace cannot be written");
}

/// With a tracer of the debug namespace: one JSON value for each transaction.
static err_t execute_watched(struct run *r, struct tx_result *result, const struct tx *tx)
{
    struct buf text;
    buf_init(&text, TRACE_ANSWER_MAX);
    struct json_writer w = {&text, false};
    struct trace_job job = {.options = r->tracer,
                            .out = &w,
                            .arena = r->arena,
                            .world = overlay_as_view(r->world),
                            .block = &r->block.ctx,
                            .tx = tx};
    for (size_t i = 0; i < r->block.receipt_count; i++) {
        job.first_log += r->block.receipts[i].log_count;
    }
    struct tracer tracer;
    FILE *f = NULL;
    err_t err = tracer_begin(&tracer, &job);
    if (err_ok(err)) {
        vm_set_trace(r->vm, &tracer.hooks);
        err = block_exec_tx(&r->block, result, tx);
        vm_set_trace(r->vm, NULL);
        const bool seen = err_ok(err) && result->validity == TX_VALID;
        if (seen) tracer_end(&tracer, result);
        if (!seen) tracer_drop(&tracer);
        if (err_ok(err)) err = job.err;
        if (job.too_large || text.full) err = FAIL(LIMIT, "t8n: a trace is too large");
        if (err_ok(err)) err = open_trace(&f, r, tx, "json");
    }
    if (f != NULL) {
        (void)fwrite(text.data, 1, text.len, f);
        err = close_trace(f);
    }
    buf_deinit(&text);
    return err;
}

static err_t execute(struct run *r, struct tx_result *result, const struct tx *tx)
{
    if (r->traces == NULL) return block_exec_tx(&r->block, result, tx);
    if (r->tracer != NULL) return execute_watched(r, result, tx);
    TRY(open_trace(&r->steps.out, r, tx, "jsonl"));
    vm_set_trace(r->vm, &r->steps.hooks);
    const err_t err = block_exec_tx(&r->block, result, tx);
    vm_set_trace(r->vm, NULL);
    const err_t closed = close_trace(r->steps.out);
    return err_ok(err) ? closed : err;
}

static err_t run_tx(struct run *r, size_t index)
{
    const struct t8n_tx *in = &r->t->txs[index];
    if (in->refused != NULL) {
        reject(r, index, in->refused);
        return OK;
    }
    struct tx_result result;
    TRY(execute(r, &result, &in->tx));
    if (r->hash_missing) {
        return FAIL(NOT_FOUND, "BLOCKHASH was asked for a block that env's blockHashes lacks");
    }
    if (result.validity != TX_VALID) {
        reject(r, index, why(r, &in->tx, result.validity));
        return OK;
    }
    struct receipt *receipt = &r->block.receipts[r->block.receipt_count - 1];
    r->included[r->block.receipt_count - 1] = &in->tx;
    if (r->t->rev >= REV_BYZANTIUM) return OK;
    receipt->has_status = false; // EIP-658: before it the root after each transaction
    return settle_world(r, &receipt->post_root);
}

// ---- after them ---------------------------------------------------------------------------------

static err_t give(struct run *r, const address_t *to, const u256_t *wei)
{
    TRY(overlay_add_balance(r->world, to, wei));
    if (r->t->rev >= REV_SPURIOUS) return overlay_delete_if_empty(r->world, to);
    // Before EIP-161 whoever is touched exists.
    const struct state_view view = overlay_as_view(r->world);
    struct account account;
    bool exists;
    TRY(view.account(view.ctx, &account, &exists, to));
    return exists ? OK : overlay_set_balance(r->world, to, wei);
}

/// The miner's reward, 1/32 of it for each ommer, and (8 - delta)/8 for the ommer's miner.
static err_t reward(struct run *r)
{
    if (!r->t->rewards) return OK;
    const struct t8n_env *env = &r->t->env;
    const u256_t whole = u256_from_u64(r->t->reward_wei);
    u256_t miner = whole;
    for (size_t i = 0; i < env->ommer_count; i++) {
        const u256_t share = u256_shr(&whole, 5);
        const u256_t parts = u256_from_u64(8 - env->ommers[i].delta);
        const u256_t product = u256_mul(&whole, &parts);
        const u256_t ommer = u256_shr(&product, 3);
        check(u256_add_checked(&miner, &miner, &share));
        TRY(give(r, &env->ommers[i].address, &ommer));
    }
    return give(r, &env->header.coinbase, &miner);
}

static err_t withdrawals_root(hash_t *out, const struct t8n_env *env, struct arena *scratch)
{
    const size_t mark = arena_mark(scratch);
    bytes_t *values = ARENA_ARRAY(scratch, bytes_t, env->withdrawal_count);
    if (values == NULL) return NO_ROOM;
    struct buf b;
    buf_init(&b, 256);
    bool full = false;
    for (size_t i = 0; i < env->withdrawal_count; i++) {
        const struct withdrawal *w = &env->withdrawals[i];
        buf_clear(&b);
        const size_t list = rlp_list_begin(&b);
        rlp_put_u64(&b, w->index);
        rlp_put_u64(&b, w->validator_index);
        rlp_put_address(&b, &w->address);
        rlp_put_u64(&b, w->amount_gwei);
        rlp_list_end(&b, list);
        values[i] = arena_copy(scratch, buf_bytes(&b), &full);
    }
    buf_deinit(&b);
    const err_t err = full ? NO_ROOM : list_root(out, scratch, values, env->withdrawal_count);
    arena_rewind(scratch, mark);
    return err;
}

static err_t txs_root(hash_t *out, const struct run *r)
{
    const size_t mark = arena_mark(r->arena);
    bytes_t *values = ARENA_ARRAY(r->arena, bytes_t, r->block.receipt_count);
    if (values == NULL) return NO_ROOM;
    for (size_t i = 0; i < r->block.receipt_count; i++) values[i] = r->included[i]->raw;
    const err_t err = list_root(out, r->arena, values, r->block.receipt_count);
    arena_rewind(r->arena, mark);
    return err;
}

static err_t hash_logs(hash_t *out, const struct run *r)
{
    size_t count = 0;
    size_t at = 0;
    for (size_t i = 0; i < r->block.receipt_count; i++) count += r->block.receipts[i].log_count;
    struct log_entry *all = ARENA_ARRAY(r->arena, struct log_entry, count);
    if (all == NULL) return NO_ROOM;
    for (size_t i = 0; i < r->block.receipt_count; i++) {
        const struct receipt *receipt = &r->block.receipts[i];
        for (size_t k = 0; k < receipt->log_count; k++) all[at++] = receipt->logs[k];
    }
    *out = logs_hash(all, count);
    return OK;
}

static err_t conclude(struct t8n_outcome *out, struct run *r)
{
    const struct t8n_env *env = &r->t->env;
    const struct block block = {.header = env->header,
                                .has_withdrawals = env->has_withdrawals,
                                .withdrawals = env->withdrawals,
                                .withdrawal_count = env->withdrawal_count};
    TRY(reward(r));
    TRY(block_exec_finish(&out->requests, &r->block, &block));
    if (r->hash_missing) return FAIL(NOT_FOUND, "a system contract asked for an unknown block");
    TRY(settle_world(r, &out->state_root));
    TRY(txs_root(&out->tx_root, r));
    TRY(block_exec_receipts_root(&out->receipts_root, &r->block, r->arena));
    TRY(hash_logs(&out->logs_hash, r));
    if (env->has_withdrawals) TRY(withdrawals_root(&out->withdrawals_root, env, r->arena));
    out->bloom = r->block.bloom;
    out->gas_used = r->block.gas_used;
    out->receipts = r->block.receipts;
    out->included = r->included;
    out->included_count = r->block.receipt_count;
    out->rejected = r->rejected;
    out->rejected_count = r->rejected_count;
    return OK;
}

static err_t run_all(struct t8n_outcome *out, struct run *r)
{
    const struct t8n *t = r->t;
    r->included = ARENA_ARRAY(r->arena, const struct tx *, t->tx_count);
    r->rejected = ARENA_ARRAY(r->arena, struct t8n_rejected, t->tx_count);
    if (r->included == NULL || r->rejected == NULL) return NO_ROOM;
    TRY(block_exec_begin(&r->block, r->vm, r->world, r->arena, &r->config, &t->env.header,
                         t->tx_count));
    for (size_t i = 0; i < t->tx_count; i++) TRY(run_tx(r, i));
    return conclude(out, r);
}

err_t t8n_run(struct t8n_outcome *out, const struct t8n *t, struct mem_state *state,
              struct arena *arena, const char *traces)
{
    *out = (struct t8n_outcome){0};
    struct run r = {.t = t,
                    .state = state,
                    .arena = arena,
                    .config = fixture_chain_config(t->rev, t->chain_id),
                    .traces = traces,
                    .tracer = t->tracer};
    state->block_hash = given_block_hash;
    state->block_hash_ctx = &r;
    step_trace_init(&r.steps);
    const struct state_view view = mem_state_view(state);
    err_t err = vm_new(&r.vm);
    if (err_ok(err)) err = overlay_new(&r.world, &view, WORLD_MAX_BYTES);
    if (err_ok(err)) err = run_all(out, &r);
    if (r.world != NULL) overlay_free(r.world);
    if (r.vm != NULL) vm_free(r.vm);
    step_trace_deinit(&r.steps);
    state->block_hash = NULL;
    state->block_hash_ctx = NULL;
    return err;
}
