// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/tracer.h"

#include "vm/precompile/table.h"

#include <inttypes.h>
#include <stdio.h>

bool trace_keep(struct trace_job *job, size_t bytes)
{
    job->kept += bytes;
    if (job->out->buf->full || job->out->buf->len - job->out_start > TRACE_ANSWER_MAX ||
        job->kept > TRACE_ANSWER_MAX) {
        job->too_large = true;
    }
    return !job->too_large;
}

/// "invalid opcode: opcode 0xc not defined"
static void invalid_opcode(char out[TRACE_ERROR_TEXT], uint8_t op)
{
    if (opcode_name(op) != NULL) {
        (void)snprintf(out, TRACE_ERROR_TEXT, "invalid opcode: %s", opcode_name(op));
    } else {
        (void)snprintf(out, TRACE_ERROR_TEXT, "invalid opcode: opcode 0x%x not defined", op);
    }
}

void trace_error_text(char out[TRACE_ERROR_TEXT], enum evm_status status,
                      const struct trace_last *last)
{
    unsigned takes = 0;
    unsigned leaves = 0;
    const bool known = opcode_stack(last->op, &takes, &leaves);
    if (status == EVM_INVALID_OPCODE) {
        invalid_opcode(out, last->op);
    } else if (status == EVM_STACK_UNDERFLOW && known) {
        (void)snprintf(out, TRACE_ERROR_TEXT, "stack underflow (%zu <=> %u)", last->stack_len,
                       takes);
    } else if (status == EVM_STACK_OVERFLOW && known) {
        (void)snprintf(out, TRACE_ERROR_TEXT, "stack limit reached %zu (%u)", last->stack_len,
                       1024 + takes - leaves);
    } else {
        (void)snprintf(out, TRACE_ERROR_TEXT, "%s", evm_status_text(status));
    }
}

const char *trace_kind_text(enum trace_kind kind)
{
    switch (kind) {
    case TRACE_CALL:
        return "CALL";
    case TRACE_CALLCODE:
        return "CALLCODE";
    case TRACE_DELEGATECALL:
        return "DELEGATECALL";
    case TRACE_STATICCALL:
        return "STATICCALL";
    case TRACE_CREATE:
        return "CREATE";
    case TRACE_CREATE2:
        return "CREATE2";
    case TRACE_SELFDESTRUCT:
        return "SELFDESTRUCT";
    }
    unreachable("trace_kind");
}

bool trace_memory(bytes_t *out, struct arena *arena, bytes_t memory, const u256_t *offset,
                  size_t len)
{
    uint8_t *copy = arena_calloc(arena, len, 1);
    if (copy == NULL) return false;
    if (u256_fits_u64(offset) && offset->limb[0] < memory.len) {
        const size_t there = memory.len - (size_t)offset->limb[0];
        memcpy(copy, memory.data + offset->limb[0], len < there ? len : there);
    }
    *out = bytes_make(copy, len);
    return true;
}

// ---- noopTracer -----------------------------------------------------------------------------

static void noop_end(void *ctx, const struct tx_result *result)
{
    const struct trace_job *job = ctx;
    (void)result;
    jw_open(job->out, '{');
    jw_close(job->out, '}');
}

// ---- 4byteTracer ----------------------------------------------------------------------------

/// Selectors and lengths of arguments, with how often they were called.
struct selector_count {
    struct selector_count *next;
    uint8_t selector[4];
    size_t args_len;
    int64_t count;
};

struct selector_tracer {
    struct trace_job *job;
    struct selector_count *first;
};

static void selector_enter(void *ctx, const struct trace_enter *e)
{
    struct selector_tracer *t = ctx;
    const bool calls = e->kind == TRACE_CALL || e->kind == TRACE_CALLCODE ||
                       e->kind == TRACE_DELEGATECALL || e->kind == TRACE_STATICCALL;
    if (!calls || e->input.len < 4 || precompile_is(t->job->block->rev, e->to)) return;
    struct selector_count *s = t->first;
    while (s != NULL &&
           (s->args_len != e->input.len - 4 || memcmp(s->selector, e->input.data, 4) != 0)) {
        s = s->next;
    }
    if (s == NULL) {
        s = trace_keep(t->job, 32) ? ARENA_NEW(t->job->arena, struct selector_count) : NULL;
        if (s == NULL) {
            t->job->too_large = true;
            return;
        }
        memcpy(s->selector, e->input.data, 4);
        s->args_len = e->input.len - 4;
        s->next = t->first;
        t->first = s;
    }
    s->count++;
}

static void selector_end(void *ctx, const struct tx_result *result)
{
    const struct selector_tracer *t = ctx;
    (void)result;
    jw_open(t->job->out, '{');
    for (const struct selector_count *s = t->first; s != NULL; s = s->next) {
        char key[48];
        (void)snprintf(key, sizeof key, "0x%02x%02x%02x%02x-%zu", s->selector[0], s->selector[1],
                       s->selector[2], s->selector[3], s->args_len);
        jw_kv_int(t->job->out, key, s->count);
    }
    jw_close(t->job->out, '}');
}

static err_t selector_begin(struct tracer *out, struct trace_job *job)
{
    struct selector_tracer *t = ARENA_NEW(job->arena, struct selector_tracer);
    if (t == NULL) return FAIL(FULL, "trace: no room");
    t->job = job;
    *out = (struct tracer){.hooks = {.enter = selector_enter, .ctx = t}, .end = selector_end};
    return OK;
}

// ---- any of them ----------------------------------------------------------------------------

err_t tracer_begin(struct tracer *out, struct trace_job *job)
{
    switch (job->options->kind) {
    case TRACER_STRUCT:
        return struct_tracer_begin(out, job);
    case TRACER_CALL:
        return call_tracer_begin(out, job);
    case TRACER_FLAT:
        return flat_tracer_begin(out, job);
    case TRACER_PRESTATE:
        return prestate_tracer_begin(out, job);
    case TRACER_4BYTE:
        return selector_begin(out, job);
    case TRACER_NOOP:
        *out = (struct tracer){.hooks = {.ctx = job}, .end = noop_end};
        return OK;
    }
    unreachable("tracer_kind");
}

void tracer_end(struct tracer *t, const struct tx_result *result)
{
    t->end(t->hooks.ctx, result);
    tracer_drop(t);
}

void tracer_drop(struct tracer *t)
{
    if (t->drop != NULL) t->drop(t->hooks.ctx);
}
