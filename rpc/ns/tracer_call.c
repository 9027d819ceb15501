// SPDX-License-Identifier: Apache-2.0
// callTracer: the tree of calls and creations, each with what went in and came out.
// flatCallTracer: the same as a list, in the form of Parity's trace_*.
#include "rpc/ns/tracer.h"

#include "chain/codec/abi.h"
#include "rpc/jsonrpc/error_codes.h"
#include "vm/gas.h"
#include "vm/opcode.h"
#include "vm/precompile/table.h"

struct call_frame;

struct call_log {
    struct call_log *next; ///< of the transaction, in the order of execution
    const struct call_frame *frame;
    struct call_log *next_of_frame;
    address_t address;
    hash_t topics[4];
    unsigned topic_count;
    bytes_t data;
    size_t position; ///< calls of the frame before it
    uint64_t index;  ///< in the block
    bool stays;      ///< nothing above it was undone
};

struct call_frame {
    struct call_frame *parent;
    struct call_frame *first;
    struct call_frame *last;
    struct call_frame *next; ///< the parent's next
    enum trace_kind kind;
    address_t from;
    address_t to;
    address_t self; ///< whose storage it works on
    uint64_t gas;
    uint64_t gas_used;
    u256_t value;
    bytes_t input;
    bytes_t output;
    bool failed;
    char error[TRACE_ERROR_TEXT];
    bytes_t reason; ///< of a revert
    size_t call_count;
    struct call_log *first_log;
    struct call_log *last_log;
};

struct call_tracer {
    struct trace_job *job;
    struct call_frame *top; ///< the transaction's own
    struct call_frame *now;
    struct call_log *first_log;
    struct call_log *last_log;
    struct call_log *pending; ///< of the instruction that has not ended yet
    struct trace_last last;
};

/// Bytes of a frame or log in the answer but for its data.
enum { FRAME_TEXT = 300, LOG_TEXT = 400 };

static bytes_t keep(struct call_tracer *t, bytes_t data)
{
    bool full = false;
    if (!trace_keep(t->job, 2 * data.len)) return BYTES_NONE;
    const bytes_t copy = arena_copy(t->job->arena, data, &full);
    if (full) t->job->too_large = true;
    return copy;
}

static bool is_creation(enum trace_kind kind)
{
    return kind == TRACE_CREATE || kind == TRACE_CREATE2;
}

static void call_enter(void *ctx, const struct trace_enter *e)
{
    struct call_tracer *t = ctx;
    if (e->depth > 0 && t->now == NULL) return;
    struct call_frame *f =
        trace_keep(t->job, FRAME_TEXT) ? ARENA_NEW(t->job->arena, struct call_frame) : NULL;
    if (f == NULL) {
        // The execution ends soon; until then frames are not told apart.
        t->job->too_large = true;
        t->now = NULL;
        return;
    }
    f->kind = e->kind;
    f->to = *e->to;
    f->gas = e->gas;
    f->value = *e->value_wei;
    f->input = keep(t, e->input);
    f->parent = t->now;
    if (e->depth == 0) {
        f->from = *e->from;
        f->gas = t->job->tx->gas_limit;
        t->top = f;
    } else {
        // Who delegates is the contract that runs, not the caller it speaks for.
        f->from = f->parent->self;
        if (f->parent->last == NULL)
            f->parent->first = f;
        else
            f->parent->last->next = f;
        f->parent->last = f;
        f->parent->call_count++;
    }
    const bool borrows = e->kind == TRACE_DELEGATECALL || e->kind == TRACE_CALLCODE;
    f->self = borrows && f->parent != NULL ? f->parent->self : *e->to;
    t->now = f;
}

/// The words of Error(string) or Panic(uint256).
static void put_reason(struct call_tracer *t, struct call_frame *f)
{
    const struct abi_revert r = abi_revert_decode(f->output);
    if (r.kind == ABI_REVERT_ERROR) {
        f->reason = r.message; // of the kept output
    } else if (r.kind == ABI_REVERT_PANIC) {
        char text[RPC_PANIC_TEXT];
        rpc_panic_text(text, &r.panic_code);
        f->reason = keep(t, bytes_make((const uint8_t *)text, strlen(text)));
    }
}

static void call_leave(void *ctx, const struct trace_leave *l)
{
    struct call_tracer *t = ctx;
    struct call_frame *f = t->now;
    if (f == NULL) return;
    t->now = f->parent;
    f->gas_used = l->gas_used;
    f->failed = l->status != EVM_SUCCESS;
    if (!f->failed || l->status == EVM_REVERT) f->output = keep(t, l->output);
    if (!f->failed) return;
    const bool deposit = is_creation(f->kind) && l->status == EVM_OUT_OF_GAS &&
                         t->last.status == EVM_SUCCESS &&
                         (t->last.op == OP_RETURN || t->last.op == OP_STOP);
    if (deposit)
        (void)snprintf(f->error, sizeof f->error, "contract creation code storage out of gas");
    else
        trace_error_text(f->error, l->status, &t->last);
    if (l->status == EVM_REVERT) put_reason(t, f);
}

/// Reads a LOG's operands; whether it really logs is known when it has ended.
static void see_log(struct call_tracer *t, const struct trace_step *step)
{
    const unsigned topics = step->op - OP_LOG0;
    if (step->stack_len < 2 + topics) return;
    const u256_t *top = &step->stack[step->stack_len - 1];
    // More than the gas pays for will not be logged.
    if (!u256_fits_u64(&top[-1]) || top[-1].limb[0] > step->gas / GAS_LOG_BYTE) return;
    const size_t len = (size_t)top[-1].limb[0];
    struct call_log *log =
        trace_keep(t->job, LOG_TEXT + 2 * len) ? ARENA_NEW(t->job->arena, struct call_log) : NULL;
    if (log == NULL || !trace_memory(&log->data, t->job->arena, step->memory, top, len)) {
        t->job->too_large = true;
        return;
    }
    log->address = *step->self;
    log->topic_count = topics;
    for (unsigned i = 0; i < topics; i++) {
        const int at = -2 - (int)i;
        log->topics[i] = u256_to_hash(&top[at]);
    }
    t->pending = log;
}

static void call_step(void *ctx, const struct trace_step *step)
{
    struct call_tracer *t = ctx;
    const struct tracer_options *options = t->job->options;
    t->last = trace_last_of(t->job, step);
    t->pending = NULL;
    if (!options->with_log || step->op < OP_LOG0 || step->op > OP_LOG4) return;
    if (t->now == NULL) return;
    see_log(t, step);
}

static void call_cost(void *ctx, uint64_t gas_cost, enum evm_status status)
{
    struct call_tracer *t = ctx;
    (void)gas_cost;
    trace_last_end(&t->last, status);
    struct call_log *log = t->pending;
    t->pending = NULL;
    struct call_frame *f = t->now;
    if (log == NULL || status != EVM_SUCCESS || f == NULL) return;
    log->frame = f;
    log->position = f->call_count;
    if (t->last_log == NULL)
        t->first_log = log;
    else
        t->last_log->next = log;
    t->last_log = log;
    if (f->last_log == NULL)
        f->first_log = log;
    else
        f->last_log->next_of_frame = log;
    f->last_log = log;
}

// ---- writing --------------------------------------------------------------------------------

/// Logs count from the block's first; what was undone does not count.
static void number_logs(struct call_tracer *t)
{
    uint64_t index = t->job->first_log;
    for (struct call_log *log = t->first_log; log != NULL; log = log->next) {
        const struct call_frame *f = log->frame;
        while (f != NULL && !f->failed) f = f->parent;
        log->stays = f == NULL;
        if (log->stays) log->index = index++;
    }
}

static void put_logs(struct json_writer *w, const struct call_frame *f, bool top_only)
{
    // A frame's logs share their fate.
    if (f->first_log == NULL || !f->first_log->stays) return;
    jw_key(w, "logs");
    jw_open(w, '[');
    for (const struct call_log *log = f->first_log; log != NULL; log = log->next_of_frame) {
        jw_open(w, '{');
        jw_kv_address(w, "address", &log->address);
        jw_key(w, "topics");
        jw_open(w, '[');
        for (unsigned i = 0; i < log->topic_count; i++) jw_hash(w, &log->topics[i]);
        jw_close(w, ']');
        jw_kv_data(w, "data", log->data);
        jw_kv_qty(w, "index", log->index);
        jw_kv_qty(w, "position", top_only ? 0 : log->position);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

/// All of a frame but its calls and its end.
static void put_frame(struct json_writer *w, const struct call_frame *f, bool top_only)
{
    jw_open(w, '{');
    jw_kv_address(w, "from", &f->from);
    jw_kv_qty(w, "gas", f->gas);
    jw_kv_qty(w, "gasUsed", f->gas_used);
    if (!f->failed || !is_creation(f->kind)) jw_kv_address(w, "to", &f->to);
    jw_kv_data(w, "input", f->input);
    if (f->output.len > 0) jw_kv_data(w, "output", f->output);
    if (f->failed) jw_kv_str(w, "error", f->error);
    if (f->reason.len > 0) {
        jw_key(w, "revertReason");
        jw_str_len(w, f->reason);
    }
    put_logs(w, f, top_only);
    if (f->kind != TRACE_STATICCALL) jw_kv_qty256(w, "value", &f->value);
    jw_kv_str(w, "type", trace_kind_text(f->kind));
}

static void call_end(void *ctx, const struct tx_result *result)
{
    struct call_tracer *t = ctx;
    struct json_writer *w = t->job->out;
    struct call_frame *f = t->top;
    f->gas_used = result->gas_used;
    // Logs of calls that are not told count, too.
    number_logs(t);
    const bool top_only = t->job->options->only_top_call;
    // Depth first without recursion: a thousand calls may be nested.
    while (f != NULL) {
        put_frame(w, f, top_only);
        if (f->first != NULL && !top_only) {
            jw_key(w, "calls");
            jw_open(w, '[');
            f = f->first;
            continue;
        }
        jw_close(w, '}');
        while (f->parent != NULL && f->next == NULL) {
            f = f->parent;
            jw_close(w, ']');
            jw_close(w, '}');
        }
        f = f->next;
    }
}

// ---- writing, flat ----------------------------------------------------------------------------

enum { DEPTH_MAX = 1026 };

/// Parity does not tell of calls to precompiles.
static bool is_hidden(const struct call_tracer *t, const struct call_frame *f)
{
    return !t->job->options->include_precompiles && f->parent != NULL &&
           (f->kind == TRACE_CALL || f->kind == TRACE_STATICCALL) &&
           precompile_is(t->job->block->rev, &f->to);
}

static int64_t count_shown(const struct call_tracer *t, const struct call_frame *f)
{
    int64_t n = 0;
    for (const struct call_frame *c = f->first; c != NULL; c = c->next) n += !is_hidden(t, c);
    return n;
}

/// Parity's words for the errors that have some.
static const char *flat_error(const struct call_tracer *t, const struct call_frame *f)
{
    static const struct {
        const char *begins;
        const char *parity;
    } words[] = {
        {"contract creation code storage out of gas", "Out of gas"},
        {"out of gas", "Out of gas"},
        {"gas uint64 overflow", "Out of gas"},
        {"max code size exceeded", "Out of gas"},
        {"invalid jump destination", "Bad jump destination"},
        {"execution reverted", "Reverted"},
        {"return data out of bounds", "Out of bounds"},
        {"precompiled failed", "Built-in failed"},
        {"invalid input length", "Built-in failed"},
        {"stack limit reached", "Out of stack"},
        {"stack underflow", "Stack underflow"},
        {"invalid opcode", "Bad instruction"},
    };
    if (!t->job->options->convert_parity_errors) return f->error;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strncmp(f->error, words[i].begins, strlen(words[i].begins)) == 0)
            return words[i].parity;
    }
    return f->error;
}

static const char *flat_kind(enum trace_kind kind)
{
    switch (kind) {
    case TRACE_CALL:
        return "call";
    case TRACE_CALLCODE:
        return "callcode";
    case TRACE_DELEGATECALL:
        return "delegatecall";
    case TRACE_STATICCALL:
        return "staticcall";
    case TRACE_CREATE:
        return "create";
    case TRACE_CREATE2:
        return "create2";
    case TRACE_SELFDESTRUCT:
        return "suicide";
    }
    unreachable("trace_kind");
}

static void put_flat_action(struct json_writer *w, const struct call_frame *f)
{
    jw_key(w, "action");
    jw_open(w, '{');
    if (f->kind == TRACE_SELFDESTRUCT) {
        jw_kv_address(w, "address", &f->from);
        jw_kv_qty256(w, "balance", &f->value);
        jw_kv_address(w, "refundAddress", &f->to);
    } else {
        jw_kv_address(w, "from", &f->from);
        jw_kv_qty(w, "gas", f->gas);
        if (is_creation(f->kind)) {
            jw_kv_str(w, "creationMethod", flat_kind(f->kind));
            jw_kv_data(w, "init", f->input);
        } else {
            jw_kv_str(w, "callType", flat_kind(f->kind));
            jw_kv_data(w, "input", f->input);
            jw_kv_address(w, "to", &f->to);
        }
        jw_kv_qty256(w, "value", &f->value);
    }
    jw_close(w, '}');
}

static void put_flat_result(struct json_writer *w, const struct call_frame *f)
{
    if (f->kind == TRACE_SELFDESTRUCT) return;
    // What a revert gave back is worth knowing; other failures give nothing.
    if (f->failed && strcmp(f->error, "execution reverted") != 0) return;
    jw_key(w, "result");
    jw_open(w, '{');
    jw_kv_qty(w, "gasUsed", f->gas_used);
    if (is_creation(f->kind)) {
        if (!f->failed) jw_kv_address(w, "address", &f->to);
        jw_kv_data(w, "code", f->output);
    } else {
        jw_kv_data(w, "output", f->output);
    }
    jw_close(w, '}');
}

static void put_flat(struct call_tracer *t, const struct call_frame *f, const int64_t *path,
                     size_t depth)
{
    const struct trace_job *job = t->job;
    struct json_writer *w = job->out;
    const bool mined = job->block_hash != NULL;
    jw_open(w, '{');
    put_flat_action(w, f);
    if (mined) {
        jw_kv_hash(w, "blockHash", job->block_hash);
        jw_kv_int(w, "blockNumber", (int64_t)job->block_number);
    } else {
        jw_kv_null(w, "blockHash");
        jw_kv_int(w, "blockNumber", 0);
    }
    if (f->failed) jw_kv_str(w, "error", flat_error(t, f));
    put_flat_result(w, f);
    jw_kv_int(w, "subtraces", count_shown(t, f));
    jw_key(w, "traceAddress");
    jw_open(w, '[');
    for (size_t i = 0; i < depth; i++) jw_int(w, path[i]);
    jw_close(w, ']');
    if (mined)
        jw_kv_hash(w, "transactionHash", &job->tx->hash);
    else
        jw_kv_null(w, "transactionHash");
    jw_kv_int(w, "transactionPosition", (int64_t)job->tx_index);
    jw_kv_str(w, "type",
              f->kind == TRACE_SELFDESTRUCT ? "suicide"
              : is_creation(f->kind)        ? "create"
                                            : "call");
    jw_close(w, '}');
}

static void flat_end(void *ctx, const struct tx_result *result)
{
    struct call_tracer *t = ctx;
    struct call_frame *f = t->top;
    int64_t path[DEPTH_MAX] = {0};
    size_t depth = 0;
    f->gas_used = result->gas_used;
    jw_open(t->job->out, '[');
    while (f != NULL) {
        const bool hidden = is_hidden(t, f);
        if (!hidden) put_flat(t, f, path, depth);
        if (f->first != NULL && depth < DEPTH_MAX) {
            path[depth++] = 0;
            f = f->first;
            continue;
        }
        if (!hidden && depth > 0) path[depth - 1]++;
        while (f->parent != NULL && f->next == NULL) {
            f = f->parent;
            depth--;
            if (depth > 0) path[depth - 1]++;
        }
        f = f->next;
    }
    jw_close(t->job->out, ']');
}

err_t flat_tracer_begin(struct tracer *out, struct trace_job *job)
{
    TRY(call_tracer_begin(out, job));
    out->end = flat_end;
    return OK;
}

err_t call_tracer_begin(struct tracer *out, struct trace_job *job)
{
    struct call_tracer *t = ARENA_NEW(job->arena, struct call_tracer);
    if (t == NULL) return FAIL(FULL, "trace: no room");
    t->job = job;
    *out = (struct tracer){
        .hooks = {.step = call_step,
                  .cost = call_cost,
                  .enter = call_enter,
                  .leave = call_leave,
                  .ctx = t},
        .end = call_end,
    };
    return OK;
}
