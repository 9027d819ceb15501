// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/step_trace.h"

#include "chain/base/hex.h"
#include "vm/opcode.h"

#include <inttypes.h>

// A stack of 1024 words is 70 KB of text.
enum { LINE_MAX_BYTES = 1 << 18 };

static void put_name(struct buf *b, uint8_t op, const char *name)
{
    if (op == OP_PREVRANDAO) {
        buf_put_str(b, "DIFFICULTY"); // go-ethereum has kept the old name
    } else if (name != NULL) {
        buf_put_str(b, name);
    } else {
        buf_printf(b, "opcode 0x%x not defined", op);
    }
}

static void put_word(struct buf *b, const u256_t *word)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned bits = u256_bit_len(word);
    unsigned nibbles = bits == 0 ? 1 : (bits + 3) / 4;
    buf_put_str(b, "\"0x");
    while (nibbles-- > 0) {
        buf_put_u8(b, (uint8_t)digits[word->limb[nibbles / 16] >> (4 * (nibbles % 16)) & 15]);
    }
    buf_put_u8(b, '"');
}

// ---- failures -----------------------------------------------------------------------------------

/// How an instruction that halted its frame looks from outside.
struct failure {
    uint64_t cost;
    bool executed;     ///< it was paid for and failed while it ran: told twice
    unsigned taken;    ///< words off the stack by then
    size_t memory_len; ///< by then
    char error[96];
};

/// What memory costs that reaches to at + len; UINT64_MAX beyond anything payable.
static uint64_t memory_cost(size_t *grown, size_t now, const u256_t *at, const u256_t *len)
{
    *grown = now;
    if (u256_is_zero(len)) return 0;
    u256_t end;
    if (u256_add(&end, at, len) || !u256_fits_u64(&end) || end.limb[0] > UINT32_MAX) {
        return UINT64_MAX;
    }
    const uint64_t words = (end.limb[0] + 31) / 32;
    const uint64_t old = now / 32;
    if (words <= old) return 0;
    *grown = (size_t)words * 32;
    return 3 * (words - old) + words * words / 512 - old * old / 512;
}

static void returndatacopy_failure(struct failure *f, const struct step_trace *t)
{
    const uint64_t memory = memory_cost(&f->memory_len, t->memory_len, &t->top[0], &t->top[2]);
    f->cost = 3;
    if (memory != UINT64_MAX) f->cost += memory + 3 * ((t->top[2].limb[0] + 31) / 32);
    f->executed = memory != UINT64_MAX && f->cost <= t->gas;
    f->taken = f->executed ? 3 : 0;
    if (f->executed) return;
    f->memory_len = t->memory_len;
    (void)snprintf(f->error, sizeof f->error, "out of gas");
}

/// In a static frame: paid first, refused then.
static void log_failure(struct failure *f, const struct step_trace *t)
{
    const u256_t *len = &t->top[1];
    size_t grown;
    const uint64_t memory = memory_cost(&grown, t->memory_len, &t->top[0], len);
    if (memory == UINT64_MAX) return;
    f->cost = 375 * (uint64_t)(t->op - OP_LOG0 + 1) + 8 * len->limb[0] + memory;
    f->executed = f->cost <= t->gas;
    if (f->executed) f->memory_len = grown;
    if (!f->executed) (void)snprintf(f->error, sizeof f->error, "out of gas");
}

/// @param gas_cost  as the machine told it: all the gas, where it halts
static void failure_of(struct failure *f, const struct step_trace *t, uint64_t gas_cost,
                       enum evm_status status)
{
    *f = (struct failure){.cost = gas_cost, .memory_len = t->memory_len};
    (void)snprintf(f->error, sizeof f->error, "%s", evm_status_text(status));
    unsigned takes = 0;
    unsigned leaves = 0;
    (void)opcode_stack(t->op, &takes, &leaves);
    if (status == EVM_STACK_UNDERFLOW) {
        (void)snprintf(f->error, sizeof f->error, "stack underflow (%zu \\u003c=\\u003e %u)",
                       t->stack_len, takes);
    } else if (status == EVM_STACK_OVERFLOW) {
        (void)snprintf(f->error, sizeof f->error, "stack limit reached %zu (%u)", t->stack_len,
                       1024 + takes - leaves);
    } else if (status == EVM_INVALID_OPCODE) {
        struct buf name;
        buf_init(&name, 64);
        put_name(&name, t->op, opcode_name(t->op));
        (void)snprintf(f->error, sizeof f->error, "invalid opcode: %.*s", (int)name.len,
                       (const char *)name.data);
        buf_deinit(&name);
        f->cost = 0;
        f->executed = true;
    } else if (status == EVM_BAD_JUMP) {
        f->cost = t->op == OP_JUMP ? 8 : 10;
        f->executed = true;
        f->taken = t->op == OP_JUMP ? 1 : 2;
    } else if (status == EVM_REVERT) {
        (void)memory_cost(&f->memory_len, t->memory_len, &t->top[0], &t->top[1]);
        f->executed = true;
        f->taken = 2;
    } else if (status == EVM_STATIC_VIOLATION && t->op >= OP_LOG0 && t->op <= OP_LOG4) {
        log_failure(f, t);
    } else if (status == EVM_STATIC_VIOLATION && t->op == OP_TSTORE) {
        f->cost = 100; // of the instructions that write, the one which is paid first
        f->executed = true;
    } else if (status == EVM_RETURN_DATA_OUT_OF_BOUNDS) {
        returndatacopy_failure(f, t);
    }
}

// ---- lines --------------------------------------------------------------------------------------

/// @param taken  words of the stack that are not shown any more
static void write_line(struct step_trace *t, uint64_t gas_cost, size_t memory_len, unsigned taken,
                       const char *error)
{
    const char *words = (const char *)t->tail.data;
    size_t len = taken == 0 ? t->tail.len : t->words_at[taken];
    if (taken != 0 && len > 0) len--; // the comma behind the last one shown
    (void)fprintf(t->out, "%.*s\"0x%" PRIx64 "\",\"memSize\":%zu,\"stack\":[%.*s]%.*s",
                  (int)t->head.len, (const char *)t->head.data, gas_cost, memory_len, (int)len,
                  words != NULL ? words : "", (int)t->rest.len, (const char *)t->rest.data);
    (void)fprintf(t->out, "%" PRIu64 ",\"opName\":\"", t->refund);
    struct buf name;
    buf_init(&name, 64);
    put_name(&name, t->op, opcode_name(t->op));
    (void)fprintf(t->out, "%.*s\"", (int)name.len, (const char *)name.data);
    buf_deinit(&name);
    if (error != NULL) (void)fprintf(t->out, ",\"error\":\"%s\"", error);
    (void)fputs("}\n", t->out);
}

static void put_line(struct step_trace *t, uint64_t gas_cost, enum evm_status status)
{
    t->pending = false;
    t->waiting = false;
    t->error[0] = 0;
    if (status == EVM_SUCCESS) {
        write_line(t, gas_cost, t->memory_len, 0, NULL);
        return;
    }
    struct failure f;
    failure_of(&f, t, gas_cost, status);
    (void)snprintf(t->error, sizeof t->error, "%s", f.error);
    if (f.executed) write_line(t, f.cost, t->memory_len, 0, NULL);
    write_line(t, f.cost, f.memory_len, f.taken, f.error);
}

static void on_step(void *ctx, const struct trace_step *s)
{
    struct step_trace *t = ctx;
    if (t->waiting) {
        if (t->op == OP_SSTORE) t->refund = s->refund;
        put_line(t, t->cost, EVM_SUCCESS);
    }
    if (t->empty) return;
    buf_clear(&t->head);
    buf_clear(&t->tail);
    buf_printf(&t->head,
               "{\"pc\":%" PRIu64 ",\"op\":%u,\"gas\":\"0x%" PRIx64 "\",\"gasCost\":", s->pc,
               (unsigned)s->op, s->gas);
    buf_clear(&t->rest);
    for (size_t i = 0; i < s->stack_len; i++) {
        const size_t from_top = s->stack_len - i;
        if (from_top < ARRAY_LEN(t->words_at)) t->words_at[from_top] = t->tail.len + (i != 0);
        if (i != 0) buf_put_u8(&t->tail, ',');
        put_word(&t->tail, &s->stack[i]);
        if (from_top <= ARRAY_LEN(t->top)) t->top[from_top - 1] = s->stack[i];
    }
    buf_printf(&t->rest, ",\"depth\":%u,\"refund\":", s->depth);
    t->stack_len = s->stack_len;
    t->memory_len = s->memory.len;
    t->gas = s->gas;
    t->refund = s->refund;
    t->op = s->op;
    t->pending = true;
}

// Two lines wait for what follows, to be go-ethereum's to the letter. A creation's cost is told
// with what it passes on, but there that counts (unlike a call's) to the new frame alone. And
// a store's refund is there already counted.
static void on_cost(void *ctx, uint64_t gas_cost, enum evm_status status)
{
    struct step_trace *t = ctx;
    if (!t->pending) return;
    t->waiting =
        status == EVM_SUCCESS && (t->op == OP_CREATE || t->op == OP_CREATE2 || t->op == OP_SSTORE);
    t->cost = gas_cost;
    if (!t->waiting) put_line(t, gas_cost, status);
}

static void on_enter(void *ctx, const struct trace_enter *enter)
{
    struct step_trace *t = ctx;
    if (t->waiting) put_line(t, t->cost - (enter->gas < t->cost ? enter->gas : 0), EVM_SUCCESS);
    t->empty =
        (enter->kind == TRACE_CREATE || enter->kind == TRACE_CREATE2) && enter->input.len == 0;
}

static void on_leave(void *ctx, const struct trace_leave *leave)
{
    struct step_trace *t = ctx;
    if (t->waiting) put_line(t, t->cost, EVM_SUCCESS);
    t->empty = false;
    (void)fputs("{\"output\":\"", t->out);
    for (size_t at = 0; at < leave->output.len;) {
        char text[2 * 512 + 1];
        const size_t left = leave->output.len - at;
        const size_t part = left < 512 ? left : 512;
        hex_encode(text, bytes_make(leave->output.data + at, part));
        (void)fputs(text, t->out);
        at += part;
    }
    (void)fprintf(t->out, "\",\"gasUsed\":\"0x%" PRIx64 "\"", leave->gas_used);
    if (leave->status != EVM_SUCCESS) {
        // What its last instruction said, if one did.
        (void)fprintf(t->out, ",\"error\":\"%s\"",
                      t->error[0] != 0 ? t->error : evm_status_text(leave->status));
        t->error[0] = 0;
    }
    (void)fputs("}\n", t->out);
}

void step_trace_init(struct step_trace *t)
{
    *t = (struct step_trace){
        .hooks = {
            .step = on_step, .cost = on_cost, .enter = on_enter, .leave = on_leave, .ctx = t}};
    buf_init(&t->head, LINE_MAX_BYTES);
    buf_init(&t->tail, LINE_MAX_BYTES);
    buf_init(&t->rest, 64);
}

void step_trace_deinit(struct step_trace *t)
{
    buf_deinit(&t->head);
    buf_deinit(&t->tail);
    buf_deinit(&t->rest);
}
