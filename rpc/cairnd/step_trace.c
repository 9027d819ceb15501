// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/step_trace.h"

#include "chain/base/hex.h"

#include <inttypes.h>

// A stack of 1024 words is 70 KB of text.
enum { LINE_MAX_BYTES = 1 << 18 };
enum { OP_DIFFICULTY = 0x44, OP_SSTORE = 0x55, OP_CREATE = 0xf0, OP_CREATE2 = 0xf5 };

static void put_name(struct buf *b, uint8_t op, const char *name)
{
    if (op == OP_DIFFICULTY) {
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

static void put_line(struct step_trace *t, uint64_t gas_cost, enum evm_status status)
{
    t->pending = false;
    t->waiting = false;
    buf_printf(&t->tail, "%" PRIu64 ",\"opName\":\"", t->refund);
    put_name(&t->tail, t->op, opcode_name(t->op));
    buf_put_u8(&t->tail, '"');
    (void)fwrite(t->head.data, 1, t->head.len, t->out);
    (void)fprintf(t->out, "\"0x%" PRIx64 "\"", gas_cost);
    (void)fwrite(t->tail.data, 1, t->tail.len, t->out);
    if (status != EVM_SUCCESS) {
        (void)fprintf(t->out, ",\"error\":\"%s", evm_status_text(status));
        if (status == EVM_INVALID_OPCODE) {
            struct buf name;
            buf_init(&name, 64);
            put_name(&name, t->op, opcode_name(t->op));
            (void)fprintf(t->out, ": %.*s", (int)name.len, (const char *)name.data);
            buf_deinit(&name);
        }
        (void)fputc('"', t->out);
    }
    (void)fputs("}\n", t->out);
}

static void on_step(void *ctx, const struct trace_step *s)
{
    struct step_trace *t = ctx;
    if (t->waiting) {
        if (t->op == OP_SSTORE) t->refund = s->refund;
        put_line(t, t->cost, EVM_SUCCESS);
    }
    buf_clear(&t->head);
    buf_clear(&t->tail);
    buf_printf(&t->head,
               "{\"pc\":%" PRIu64 ",\"op\":%u,\"gas\":\"0x%" PRIx64 "\",\"gasCost\":", s->pc,
               (unsigned)s->op, s->gas);
    buf_printf(&t->tail, ",\"memSize\":%zu,\"stack\":[", s->memory.len);
    for (size_t i = 0; i < s->stack_len; i++) {
        if (i != 0) buf_put_u8(&t->tail, ',');
        put_word(&t->tail, &s->stack[i]);
    }
    buf_printf(&t->tail, "],\"depth\":%u,\"refund\":", s->depth);
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
}

static void on_leave(void *ctx, const struct trace_leave *leave)
{
    struct step_trace *t = ctx;
    if (t->waiting) put_line(t, t->cost, EVM_SUCCESS);
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
        (void)fprintf(t->out, ",\"error\":\"%s\"", evm_status_text(leave->status));
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
}

void step_trace_deinit(struct step_trace *t)
{
    buf_deinit(&t->head);
    buf_deinit(&t->tail);
}
