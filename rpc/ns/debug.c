// SPDX-License-Identifier: Apache-2.0
/// debug_: executing again under a tracer (rpc/ns/tracer.h), and the raw forms of what is
/// stored.
///
/// Transaction i of block n starts from the state after block n - 1, with what the engine does
/// before transactions and transactions 0 to i - 1 executed over it, in the block's own context:
/// exactly what the block did.

#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/eth_call.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/overrides.h"
#include "rpc/ns/tracer.h"

#include <stdlib.h>

// ---- options --------------------------------------------------------------------------------

static const struct {
    const char *name;
    enum tracer_kind kind;
} TRACERS[] = {
    {"callTracer", TRACER_CALL},   {"prestateTracer", TRACER_PRESTATE},
    {"4byteTracer", TRACER_4BYTE}, {"flatCallTracer", TRACER_FLAT},
    {"noopTracer", TRACER_NOOP},
};

static bool read_flag(struct rpc_call *call, bool *out, const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return v == NULL || json_is_null(v) || value_bool(call, v, name, out);
}

static bool read_tracer(struct rpc_call *call, struct tracer_options *out, const json_t *options)
{
    const json_t *name = json_object_get(options, "tracer");
    if (name == NULL || json_is_null(name)) return true;
    const char *wanted = json_string_value(name);
    for (size_t i = 0; wanted != NULL && i < ARRAY_LEN(TRACERS); i++) {
        if (strcmp(wanted, TRACERS[i].name) == 0) {
            out->kind = TRACERS[i].kind;
            return true;
        }
    }
    return rpc_fail_param(call, "options.tracer",
                          "callTracer, flatCallTracer, prestateTracer, 4byteTracer, "
                          "noopTracer, or none for struct logs",
                          name);
}

static bool read_tracer_config(struct rpc_call *call, struct tracer_options *out,
                               const json_t *options)
{
    // A tracer ignores what is another's, so that one object of options serves for all.
    static const char *const known[] = {"onlyTopCall",        "withLog",      "convertParityErrors",
                                        "includePrecompiles", "diffMode",     "disableCode",
                                        "disableStorage",     "includeEmpty", NULL};
    const json_t *config = json_object_get(options, "tracerConfig");
    if (config == NULL || json_is_null(config)) return true;
    if (!json_is_object(config))
        return rpc_fail_param(call, "options.tracerConfig", "an object", config);
    if (out->kind == TRACER_STRUCT) return true; // as others, who read it with a tracer only
    if (!(object_only(call, config, "tracerConfig", known) &&
          read_flag(call, &out->only_top_call, config, "onlyTopCall") &&
          read_flag(call, &out->with_log, config, "withLog") &&
          read_flag(call, &out->convert_parity_errors, config, "convertParityErrors") &&
          read_flag(call, &out->include_precompiles, config, "includePrecompiles") &&
          read_flag(call, &out->diff_mode, config, "diffMode") &&
          read_flag(call, &out->disable_code, config, "disableCode") &&
          read_flag(call, &out->disable_storage, config, "disableStorage") &&
          read_flag(call, &out->include_empty, config, "includeEmpty")))
        return false;
    if (out->kind == TRACER_PRESTATE && out->diff_mode && out->include_empty)
        return rpc_fail(call, RPC_SERVER, "cannot use diffMode with includeEmpty");
    return true;
}

/// "5s", "300ms": shortens the time there is; never more than the server gives.
static bool read_timeout(struct rpc_call *call, const json_t *options)
{
    const json_t *v = json_object_get(options, "timeout");
    if (v == NULL || json_is_null(v)) return true;
    const char *text = json_string_value(v);
    char *end = NULL;
    const bool digits = text != NULL && text[0] >= '0' && text[0] <= '9';
    const uint64_t number = digits ? strtoull(text, &end, 10) : 0;
    uint64_t ms = 0;
    if (digits && strcmp(end, "ms") == 0)
        ms = number;
    else if (digits && strcmp(end, "s") == 0)
        ms = number < 1000000 ? number * 1000 : 1000000000;
    else if (digits && strcmp(end, "m") == 0)
        ms = 1000000000;
    else
        return rpc_fail_param(call, "options.timeout", "a duration like \"5s\" or \"300ms\"", v);
    const uint64_t until = rpc_now_ms() + ms;
    if (ms < 1000000000 && until < call->deadline_ms) call->deadline_ms = until;
    return true;
}

/// Reads the options at `index`. `*object` is NULL if there are none.
static bool read_options(struct rpc_call *call, struct tracer_options *out, const json_t **object,
                         size_t index, bool with_overrides)
{
    static const char *const known[] = {"tracer",
                                        "tracerConfig",
                                        "timeout",
                                        "reexec",
                                        "disableStack",
                                        "disableStorage",
                                        "enableMemory",
                                        "enableReturnData",
                                        "limit",
                                        "debug",
                                        "disableMemory",
                                        "disableReturnData",
                                        NULL};
    static const char *const known_call[] = {
        "tracer",         "tracerConfig",      "timeout",          "reexec",         "disableStack",
        "disableStorage", "enableMemory",      "enableReturnData", "limit",          "debug",
        "disableMemory",  "disableReturnData", "stateOverrides",   "blockOverrides", NULL};
    memset(out, 0, sizeof *out);
    *object = NULL;
    if (!param_given(call, index)) return true;
    if (!param_object(call, index, object)) return false;
    const json_t *o = *object;
    if (!object_only(call, o, "options", with_overrides ? known_call : known)) return false;
    const json_t *limit = json_object_get(o, "limit");
    if (json_is_integer(limit) && json_integer_value(limit) >= 0) {
        out->limit = (uint64_t)json_integer_value(limit);
    } else if (limit != NULL && !json_is_null(limit) &&
               !value_u64(call, limit, "options.limit", &out->limit)) {
        return false;
    }
    return read_flag(call, &out->disable_stack, o, "disableStack") &&
           read_flag(call, &out->disable_storage, o, "disableStorage") &&
           read_flag(call, &out->enable_memory, o, "enableMemory") &&
           read_flag(call, &out->enable_return_data, o, "enableReturnData") &&
           read_tracer(call, out, o) && read_tracer_config(call, out, o) && read_timeout(call, o);
}

// ---- executing under a tracer -----------------------------------------------------------------

/// What ends an execution early.
struct watch {
    const struct trace_job *job; ///< NULL while nothing is traced
    uint64_t deadline_ms;
};

static bool is_to_end(void *ctx)
{
    const struct watch *w = ctx;
    if (w->job != NULL && (w->job->too_large || !err_ok(w->job->err))) return true;
    return rpc_now_ms() >= w->deadline_ms;
}

static bool fail_time(struct rpc_call *call)
{
    const uint32_t ms = env_of(call)->limits.call_time_ms;
    return rpc_fail_limit(call, "trace milliseconds", ms, ms);
}

static bool fail_size(struct rpc_call *call, const struct trace_job *job)
{
    const size_t written = job->out->buf->len - job->out_start;
    return rpc_fail_limit(call, "trace bytes", TRACE_ANSWER_MAX,
                          job->kept > written ? job->kept : written);
}

/// Executes one transaction under the job's tracer and writes its result.
/// @param mode  its `cancelled` is set here
static bool trace_execute(struct rpc_call *call, struct trace_job *job,
                          const struct call_slot *slot, struct call_mode mode, uint64_t gas_left,
                          struct tx_result *result)
{
    struct watch watch = {job, call->deadline_ms};
    struct tracer tracer = {0};
    err_t err = tracer_begin(&tracer, job);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    mode.cancelled = is_to_end;
    mode.cancelled_ctx = &watch;
    vm_set_trace(slot->vm, &tracer.hooks);
    err = tx_execute(result, slot->vm, slot->world, job->block, job->tx, gas_left, &mode);
    vm_set_trace(slot->vm, NULL);
    if (err_ok(err)) err = job->err;
    const bool valid = err_ok(err) && result->validity == TX_VALID;
    if (!valid || job->too_large || result->status == EVM_CANCELLED) {
        tracer_drop(&tracer);
        if (!err_ok(err)) return rpc_fail_err(call, err);
        if (!valid) return rpc_fail_execution(call, result);
        return job->too_large ? fail_size(call, job) : fail_time(call);
    }
    tracer_end(&tracer, result);
    if (!err_ok(job->err)) return rpc_fail_err(call, job->err);
    if (!trace_keep(job, 0)) return fail_size(call, job);
    return true;
}

/// A block that is executed again.
struct replay {
    struct snapshot snapshot; ///< stands on the parent
    struct block block;
    struct call_slot slot;
    struct block_exec exec;
    uint64_t gas_used;
    uint64_t log_count;
    size_t next; ///< transaction
};

static void replay_close(struct rpc_call *call, struct replay *r)
{
    call_pool_give(env_of(call)->calls, &r->slot);
    snapshot_close(&r->snapshot);
}

/// Opens the state before block `number`, which is in the store.
static bool replay_open(struct rpc_call *call, struct replay *r, uint64_t number)
{
    memset(r, 0, sizeof *r);
    if (number == 0) return rpc_fail(call, RPC_SERVER, "genesis is not traceable");
    const struct block_ref parent = {.kind = BLOCK_NUMBER, .number = number - 1};
    if (!snapshot_open_state(call, &r->snapshot, &parent)) return false;
    err_t err = blocks_get(r->snapshot.txn, &r->block, call->arena, number);
    if (!err_ok(err)) {
        snapshot_close(&r->snapshot);
        return snapshot_fail(call, &r->snapshot, err);
    }
    if (!call_pool_take(call, &r->slot)) {
        snapshot_close(&r->snapshot);
        return false;
    }
    const struct chain_config *config = &node_genesis(env_of(call)->node)->config;
    overlay_reset(r->slot.world, &r->snapshot.view);
    vm_set_trace(r->slot.vm, NULL);
    err = block_exec_begin(&r->exec, r->slot.vm, r->slot.world, call->arena, config,
                           &r->block.header, 0);
    if (err_ok(err)) return true;
    replay_close(call, r);
    return rpc_fail_err(call, err);
}

static void replay_count(struct replay *r, const struct tx_result *result)
{
    r->gas_used += result->gas_used;
    r->log_count += result->log_count;
    r->next++;
}

/// Executes the next transaction unwatched.
static bool replay_skip(struct rpc_call *call, struct replay *r)
{
    struct watch watch = {NULL, call->deadline_ms};
    const struct call_mode mode = {.cancelled = is_to_end, .cancelled_ctx = &watch};
    struct tx_result result;
    const err_t err =
        tx_execute(&result, r->slot.vm, r->slot.world, &r->exec.ctx, &r->block.txs[r->next],
                   r->exec.ctx.gas_limit - r->gas_used, &mode);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    if (result.validity != TX_VALID) return rpc_fail_execution(call, &result);
    if (result.status == EVM_CANCELLED || is_to_end(&watch)) return fail_time(call);
    replay_count(r, &result);
    return true;
}

/// Executes the next transaction and writes its trace.
static bool replay_trace(struct rpc_call *call, struct replay *r,
                         const struct tracer_options *options, size_t out_start)
{
    const size_t mark = arena_mark(call->arena);
    struct trace_job job = {
        .options = options,
        .out = &call->out,
        .arena = call->arena,
        .world = overlay_as_view(r->slot.world),
        .block = &r->exec.ctx,
        .tx = &r->block.txs[r->next],
        .block_hash = &r->block.hash,
        .block_number = r->block.header.number,
        .tx_index = r->next,
        .first_log = r->log_count,
        .out_start = out_start,
        .err = OK,
    };
    struct tx_result result;
    const struct call_mode real = {0};
    const uint64_t gas_left = r->exec.ctx.gas_limit - r->gas_used;
    if (!trace_execute(call, &job, &r->slot, real, gas_left, &result)) return false;
    arena_rewind(call->arena, mark);
    replay_count(r, &result);
    return true;
}

// ---- methods --------------------------------------------------------------------------------

bool debug_trace_transaction(struct rpc_call *call)
{
    hash_t hash;
    struct tracer_options options;
    const json_t *object = NULL;
    if (!param_hash(call, 0, &hash) || !read_options(call, &options, &object, 1, false))
        return false;
    struct snapshot s;
    struct tx_location at;
    if (!snapshot_begin(call, &s)) return false;
    const err_t err = blocks_find_tx(s.txn, &at, &hash);
    snapshot_close(&s);
    if (err.kind == ERR_NOT_FOUND) return rpc_fail(call, RPC_SERVER, "transaction not found");
    if (!err_ok(err)) return rpc_fail_err(call, err);
    struct replay r;
    if (!replay_open(call, &r, at.block_number)) return false;
    bool ok = true;
    while (ok && r.next < at.index) ok = replay_skip(call, &r);
    if (ok) ok = replay_trace(call, &r, &options, call->out.buf->len);
    replay_close(call, &r);
    return ok;
}

bool debug_trace_block(struct rpc_call *call)
{
    struct block_ref ref;
    struct tracer_options options;
    const json_t *object = NULL;
    if (!param_block(call, 0, &ref) || !read_options(call, &options, &object, 1, false))
        return false;
    if (ref.kind == BLOCK_PENDING)
        return rpc_fail(call, RPC_SERVER, "tracing on top of pending is not supported");
    struct snapshot s;
    bool found = false;
    if (!snapshot_begin(call, &s) || !snapshot_find(call, &s, &ref, &found)) return false;
    const uint64_t number = s.number;
    snapshot_close(&s);
    if (!found) return rpc_fail(call, RPC_NOT_AVAILABLE, "resource not found: no such block");
    struct replay r;
    if (!replay_open(call, &r, number)) return false;
    struct json_writer *w = &call->out;
    const size_t start = w->buf->len;
    bool ok = true;
    jw_open(w, '[');
    while (ok && r.next < r.block.tx_count) {
        jw_open(w, '{');
        jw_kv_hash(w, "txHash", &r.block.txs[r.next].hash);
        jw_key(w, "result");
        ok = replay_trace(call, &r, &options, start);
        jw_close(w, '}');
    }
    jw_close(w, ']');
    replay_close(call, &r);
    return ok;
}

/// Puts the overrides of debug_traceCall's options over the site.
static bool apply_overrides(struct rpc_call *call, struct call_site *site, const json_t *options)
{
    const json_t *state = json_object_get(options, "stateOverrides");
    const json_t *block = json_object_get(options, "blockOverrides");
    if (state != NULL && !json_is_null(state)) {
        if (!json_is_object(state))
            return rpc_fail_param(call, "options.stateOverrides", "an object", state);
        if (!state_overrides_read(call, &site->overrides, state, &site->snapshot.view))
            return false;
        site->view = state_overrides_view(site->overrides);
    }
    if (block != NULL && !json_is_null(block)) {
        if (!json_is_object(block))
            return rpc_fail_param(call, "options.blockOverrides", "an object", block);
        return block_overrides_apply(call, &site->block, block);
    }
    return true;
}

bool debug_trace_call(struct rpc_call *call)
{
    struct tx message = {.type = TX_LEGACY};
    bool has_gas = false;
    struct tracer_options options;
    const json_t *object = NULL;
    struct block_ref ref;
    struct call_slot slot;
    struct call_site site;
    if (!call_read_message(call, &message, &has_gas) || !param_block(call, 1, &ref) ||
        !read_options(call, &options, &object, 2, true) || !call_site_at(call, &site, &ref))
        return false;
    if (!call_pool_take(call, &slot)) {
        call_site_close(&site);
        return false;
    }
    bool ok = apply_overrides(call, &site, object);
    if (ok) {
        const bool free_gas = u256_is_zero(&message.max_fee_per_gas);
        const struct call_mode mode = {.skip_nonce = true,
                                       .skip_balance = free_gas,
                                       .skip_sender_code = true,
                                       .skip_base_fee = free_gas};
        overlay_reset(slot.world, &site.view);
        struct trace_job job = {
            .options = &options,
            .out = &call->out,
            .arena = call->arena,
            .world = overlay_as_view(slot.world),
            .block = &site.block,
            .tx = &message,
            .out_start = call->out.buf->len,
            .err = OK,
        };
        struct tx_result result;
        ok = trace_execute(call, &job, &slot, mode, UINT64_MAX, &result);
    }
    call_pool_give(env_of(call)->calls, &slot);
    call_site_close(&site);
    return ok;
}

// ---- raw forms ------------------------------------------------------------------------------

/// Opens the block of the first parameter, which must be a sealed one.
static bool open_sealed(struct rpc_call *call, struct snapshot *s)
{
    struct block_ref ref;
    bool found = false;
    if (!param_block(call, 0, &ref)) return false;
    if (ref.kind == BLOCK_PENDING)
        return rpc_fail_param(call, "block", "a block that is on the chain", param_at(call, 0));
    if (!snapshot_begin(call, s) || !snapshot_find(call, s, &ref, &found)) return false;
    if (found) return true;
    snapshot_close(s);
    rpc_fail(call, RPC_NOT_AVAILABLE, "resource not found: no such block");
    return false;
}

bool debug_get_raw_header(struct rpc_call *call)
{
    struct snapshot s = {0};
    bytes_t raw;
    if (!open_sealed(call, &s)) return false;
    const err_t err = blocks_header_raw(s.txn, &raw, s.number);
    if (err_ok(err)) jw_data(&call->out, raw);
    snapshot_close(&s);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

bool debug_get_raw_block(struct rpc_call *call)
{
    struct snapshot s = {0};
    struct block b;
    if (!open_sealed(call, &s)) return false;
    err_t err = blocks_get(s.txn, &b, call->arena, s.number);
    if (err_ok(err)) {
        struct buf encoded;
        buf_init(&encoded, TRACE_ANSWER_MAX);
        block_encode(&encoded, &b);
        err = buf_status(&encoded);
        if (err_ok(err)) jw_data(&call->out, buf_bytes(&encoded));
        buf_deinit(&encoded);
    }
    snapshot_close(&s);
    return err_ok(err) ? true : snapshot_fail(call, &s, err);
}

bool debug_get_bad_blocks(struct rpc_call *call)
{
    // A block that breaks a rule finds no quorum, and none is kept.
    jw_open(&call->out, '[');
    jw_close(&call->out, ']');
    return true;
}

bool debug_get_raw_receipts(struct rpc_call *call)
{
    struct snapshot s = {0};
    struct receipt *receipts = NULL;
    size_t count = 0;
    if (!open_sealed(call, &s)) return false;
    err_t err = blocks_receipts(s.txn, &receipts, &count, call->arena, s.number);
    struct buf one;
    buf_init(&one, TRACE_ANSWER_MAX);
    jw_open(&call->out, '[');
    for (size_t i = 0; err_ok(err) && i < count; i++) {
        buf_clear(&one);
        receipt_encode(&one, &receipts[i]);
        err = buf_status(&one);
        jw_data(&call->out, buf_bytes(&one));
    }
    jw_close(&call->out, ']');
    buf_deinit(&one);
    snapshot_close(&s);
    return err_ok(err) ? true : snapshot_fail(call, &s, err);
}
