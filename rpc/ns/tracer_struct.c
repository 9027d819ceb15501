// SPDX-License-Identifier: Apache-2.0
// The default tracer: every instruction with stack, memory and the slots it has to do with.
#include "rpc/ns/tracer.h"

#include "chain/base/hex.h"
#include "vm/opcode.h"

/// A slot that was read or written, with the value it then had.
struct seen_slot {
    struct seen_slot *next;
    hash_t key;
    hash_t value;
};

/// What was seen of one contract's storage.
struct seen_storage {
    struct seen_storage *next;
    address_t address;
    struct seen_slot *slots;
};

struct struct_tracer {
    struct trace_job *job;
    struct seen_storage *storages;
    struct trace_last last;
    size_t steps_len;  ///< bytes of all steps but the open one
    size_t step_start; ///< of the open one, in the answer
    bool open;         ///< a step's object waits for its end
    bool waiting;      ///< for what follows; its cost is known
    address_t self;    ///< whose storage the step works on
    uint64_t cost;
    uint64_t refund;
};

static struct seen_storage *storage_of(struct struct_tracer *t, const address_t *address)
{
    struct seen_storage *s = t->storages;
    while (s != NULL && !address_eq(&s->address, address)) s = s->next;
    if (s != NULL) return s;
    s = ARENA_NEW(t->job->arena, struct seen_storage);
    if (s == NULL) return NULL;
    s->address = *address;
    s->next = t->storages;
    t->storages = s;
    return s;
}

/// Notes the slot of the last SLOAD or SSTORE. @return NULL without memory or if the world failed
static const struct seen_storage *see_slot(struct struct_tracer *t)
{
    const hash_t key = u256_to_hash(&t->last.top[0]);
    u256_t value = t->last.top[1];
    if (t->last.op == OP_SLOAD) {
        const struct state_view *world = &t->job->world;
        t->job->err = world->slot(world->ctx, &value, &t->self, &key);
        if (!err_ok(t->job->err)) return NULL;
    }
    struct seen_storage *storage = storage_of(t, &t->self);
    if (storage == NULL) return NULL;
    struct seen_slot *slot = storage->slots;
    while (slot != NULL && !hash_eq(&slot->key, &key)) slot = slot->next;
    if (slot == NULL) {
        slot = ARENA_NEW(t->job->arena, struct seen_slot);
        if (slot == NULL) return NULL;
        slot->key = key;
        slot->next = storage->slots;
        storage->slots = slot;
    }
    slot->value = u256_to_hash(&value);
    return storage;
}

static void put_storage(struct struct_tracer *t)
{
    if (t->last.op != OP_SLOAD && t->last.op != OP_SSTORE) return;
    const struct seen_storage *storage = see_slot(t);
    if (storage == NULL) {
        if (err_ok(t->job->err)) t->job->too_large = true;
        return;
    }
    struct json_writer *w = t->job->out;
    jw_key(w, "storage");
    jw_open(w, '{');
    for (const struct seen_slot *s = storage->slots; s != NULL; s = s->next) {
        jw_kv_hash(w, hex_hash(&s->key).s, &s->value);
        if (w->buf->full) return;
    }
    jw_close(w, '}');
}

// Two kinds of steps wait for what follows, to be as go-ethereum's: a creation's cost is without
// what it passes on, and a store's refund is counted already.

static void end_step(struct struct_tracer *t, uint64_t cost)
{
    t->waiting = false;
    if (!t->open) return;
    t->open = false;
    struct json_writer *w = t->job->out;
    if (t->refund != 0) jw_kv_int(w, "refund", (int64_t)t->refund);
    jw_kv_int(w, "gasCost", (int64_t)cost);
    // Why an instruction failed that had begun is told by its frame only.
    if (trace_began(&t->last)) {
        if (!t->job->options->disable_storage) put_storage(t);
    } else {
        char text[TRACE_ERROR_TEXT];
        trace_error_text(text, t->last.halted, &t->last);
        jw_kv_str(w, "error", text);
    }
    jw_close(w, '}');
    t->steps_len += w->buf->len - t->step_start;
}

static bool is_over(const struct struct_tracer *t)
{
    const uint64_t limit = t->job->options->limit;
    return t->job->too_large || !err_ok(t->job->err) || (limit != 0 && t->steps_len > limit);
}

static void struct_step(void *ctx, const struct trace_step *step)
{
    struct struct_tracer *t = ctx;
    const struct tracer_options *options = t->job->options;
    if (t->waiting) {
        if (t->last.op == OP_SSTORE) t->refund = step->refund;
        end_step(t, t->cost);
    }
    t->last = trace_last_of(t->job, step);
    t->self = *step->self;
    t->refund = step->refund;
    if (is_over(t) || !trace_keep(t->job, 0)) return;
    struct json_writer *w = t->job->out;
    jw_open(w, '{');
    t->step_start = w->buf->len - 1;
    jw_kv_int(w, "pc", (int64_t)step->pc);
    char undefined[32];
    (void)snprintf(undefined, sizeof undefined, "opcode 0x%x not defined", step->op);
    jw_kv_str(w, "op", step->op_name != NULL ? step->op_name : undefined);
    jw_kv_int(w, "gas", (int64_t)step->gas);
    jw_kv_int(w, "depth", step->depth);
    if (!options->disable_stack) {
        jw_key(w, "stack");
        jw_open(w, '[');
        for (size_t i = 0; i < step->stack_len; i++) jw_qty256(w, &step->stack[i]);
        jw_close(w, ']');
    }
    if (options->enable_return_data && step->return_data.len > 0) {
        jw_kv_data(w, "returnData", step->return_data);
    }
    if (options->enable_memory && step->memory.len > 0) {
        jw_key(w, "memory");
        jw_open(w, '[');
        for (size_t at = 0; at + 32 <= step->memory.len && !w->buf->full; at += 32) {
            jw_data(w, bytes_make(step->memory.data + at, 32));
        }
        jw_close(w, ']');
    }
    t->open = true;
}

static void struct_cost(void *ctx, uint64_t gas_cost, enum evm_status status)
{
    struct struct_tracer *t = ctx;
    const uint8_t op = t->last.op;
    trace_last_end(&t->last, status);
    // Who fails may have stopped before the charge: all of the gas is gone.
    const bool done = status == EVM_SUCCESS || status == EVM_REVERT;
    t->cost = done ? gas_cost : trace_failed_gas(&t->last, t->last.gas);
    t->waiting = status == EVM_SUCCESS && (op == OP_CREATE || op == OP_CREATE2 || op == OP_SSTORE);
    if (!t->waiting) end_step(t, t->cost);
}

static void struct_enter(void *ctx, const struct trace_enter *e)
{
    struct struct_tracer *t = ctx;
    if (t->waiting) end_step(t, t->cost - (e->gas < t->cost ? e->gas : 0));
}

static void struct_end(void *ctx, const struct tx_result *result)
{
    struct struct_tracer *t = ctx;
    struct json_writer *w = t->job->out;
    if (t->waiting) end_step(t, t->cost);
    jw_close(w, ']');
    jw_kv_int(w, "gas", (int64_t)result->gas_used);
    jw_kv_bool(w, "failed", result->status != EVM_SUCCESS);
    const bool told = result->status == EVM_SUCCESS || result->status == EVM_REVERT;
    jw_kv_data(w, "returnValue", told ? result->output : BYTES_NONE);
    jw_close(w, '}');
}

err_t struct_tracer_begin(struct tracer *out, struct trace_job *job)
{
    struct struct_tracer *t = ARENA_NEW(job->arena, struct struct_tracer);
    if (t == NULL) return FAIL(FULL, "trace: no room");
    t->job = job;
    jw_open(job->out, '{');
    jw_key(job->out, "structLogs");
    jw_open(job->out, '[');
    *out = (struct tracer){
        .hooks = {.step = struct_step, .cost = struct_cost, .enter = struct_enter, .ctx = t},
        .end = struct_end,
    };
    return OK;
}
