// SPDX-License-Identifier: Apache-2.0
#include "test/support/evm_reference.h"

#include <gmp.h>
#include <stdlib.h>

// ---- words --------------------------------------------------------------------------------------

static void to_mpz(mpz_t out, const u256_t *word)
{
    uint8_t bytes[32];
    u256_to_be32(bytes, word);
    mpz_import(out, sizeof bytes, 1, 1, 1, 0, bytes);
}

/// Two's complement.
static void to_signed(mpz_t out, const u256_t *word)
{
    to_mpz(out, word);
    if (!mpz_tstbit(out, 255)) return;
    mpz_t wrap;
    mpz_init_set_ui(wrap, 1);
    mpz_mul_2exp(wrap, wrap, 256);
    mpz_sub(out, out, wrap);
    mpz_clear(wrap);
}

/// Modulo 2^256, of any sign.
static u256_t from_mpz(const mpz_t value)
{
    mpz_t low;
    uint8_t bytes[32] = {0};
    uint8_t digits[32];
    size_t count = 0;
    mpz_init(low);
    mpz_fdiv_r_2exp(low, value, 256);
    mpz_export(digits, &count, 1, 1, 1, 0, low);
    mpz_clear(low);
    memcpy(bytes + 32 - count, digits, count);
    return u256_from_be32(bytes);
}

// ---- arithmetic ---------------------------------------------------------------------------------

/// EXP by the definition: square and multiply, modulo 2^256.
static void power(mpz_t out, const mpz_t base, const mpz_t exponent)
{
    mpz_t wrap;
    mpz_init_set_ui(wrap, 1);
    mpz_mul_2exp(wrap, wrap, 256);
    mpz_powm(out, base, exponent, wrap);
    mpz_clear(wrap);
}

static void sign_extend(mpz_t out, const mpz_t which, const mpz_t value)
{
    mpz_set(out, value);
    if (mpz_cmp_ui(which, 31) >= 0) return;
    const mp_bitcnt_t bits = 8 * (mpz_get_ui(which) + 1);
    mpz_fdiv_r_2exp(out, value, bits);
    if (!mpz_tstbit(out, bits - 1)) return;
    mpz_t wrap;
    mpz_init_set_ui(wrap, 1);
    mpz_mul_2exp(wrap, wrap, bits);
    mpz_sub(out, out, wrap);
    mpz_clear(wrap);
}

/// Of a and b, the two topmost words (and n, the third). @return false: not predicted here
static bool arithmetic(u256_t *out, uint8_t op, const u256_t s[3], size_t len)
{
    if (len < 1) return false;
    mpz_t a, b, n, r;
    mpz_inits(a, b, n, r, NULL);
    const bool is_signed = op == 0x05 || op == 0x07 || op == 0x12 || op == 0x13;
    (is_signed ? to_signed : to_mpz)(a, &s[0]);
    (is_signed || op == 0x1d ? to_signed : to_mpz)(b, &s[1]);
    to_mpz(n, &s[2]);
    bool known = true;
    const bool b_zero = mpz_sgn(b) == 0;
    const bool far = mpz_cmp_ui(a, 255) > 0;
    switch (op) {
    case 0x01:
        mpz_add(r, a, b);
        break;
    case 0x02:
        mpz_mul(r, a, b);
        break;
    case 0x03:
        mpz_sub(r, a, b);
        break;
    case 0x04:
    case 0x05:
        if (!b_zero) mpz_tdiv_q(r, a, b);
        break;
    case 0x06:
    case 0x07:
        if (!b_zero) mpz_tdiv_r(r, a, b);
        break;
    case 0x08:
        mpz_add(r, a, b);
        if (mpz_sgn(n) == 0)
            mpz_set_ui(r, 0);
        else
            mpz_mod(r, r, n);
        break;
    case 0x09:
        mpz_mul(r, a, b);
        if (mpz_sgn(n) == 0)
            mpz_set_ui(r, 0);
        else
            mpz_mod(r, r, n);
        break;
    case 0x0a:
        power(r, a, b);
        break;
    case 0x0b:
        sign_extend(r, a, b);
        break;
    case 0x10:
    case 0x12:
        mpz_set_ui(r, mpz_cmp(a, b) < 0);
        break;
    case 0x11:
    case 0x13:
        mpz_set_ui(r, mpz_cmp(a, b) > 0);
        break;
    case 0x14:
        mpz_set_ui(r, mpz_cmp(a, b) == 0);
        break;
    case 0x15:
        mpz_set_ui(r, mpz_sgn(a) == 0);
        break;
    case 0x16:
        mpz_and(r, a, b);
        break;
    case 0x17:
        mpz_ior(r, a, b);
        break;
    case 0x18:
        mpz_xor(r, a, b);
        break;
    case 0x19:
        mpz_com(r, a);
        break;
    case 0x1a:
        if (mpz_cmp_ui(a, 31) <= 0) {
            mpz_fdiv_q_2exp(r, b, 8 * (31 - mpz_get_ui(a)));
            mpz_fdiv_r_2exp(r, r, 8);
        }
        break;
    case 0x1b:
        if (!far) mpz_mul_2exp(r, b, mpz_get_ui(a));
        break;
    case 0x1c:
        if (!far) mpz_fdiv_q_2exp(r, b, mpz_get_ui(a));
        break;
    case 0x1d:
        if (far)
            mpz_set_si(r, mpz_sgn(b) < 0 ? -1 : 0);
        else
            mpz_fdiv_q_2exp(r, b, mpz_get_ui(a));
        break;
    default:
        known = false;
        break;
    }
    if (known) *out = from_mpz(r);
    mpz_clears(a, b, n, r, NULL);
    return known;
}

// ---- the machine --------------------------------------------------------------------------------

static void fail(struct evm_reference *r, bool holds, const char *what)
{
    if (!holds && r->broken == NULL) r->broken = what;
}

/// What the next step of this frame must find, if this one does not halt it.
static void predict(struct evm_reference *r, const struct trace_step *s)
{
    const size_t len = s->stack_len;
    const u256_t *top = s->stack + len - 1; // of len > 0
    const uint8_t op = s->op;
    u256_t words[3] = {{{0}}, {{0}}, {{0}}};
    for (size_t i = 0; i < 3 && i < len; i++) words[i] = s->stack[len - 1 - i];
    unsigned takes;
    unsigned leaves;
    r->frames[s->depth].known = false;
    if (!opcode_stack(op, &takes, &leaves) || takes > len) return;
    r->frames[s->depth].len = len - takes + leaves;
    r->frames[s->depth].has_second = false;
    r->frames[s->depth].pc = s->pc + 1;
    u256_t *out = &r->frames[s->depth].top;
    if (op >= 0x01 && op <= 0x1d && arithmetic(out, op, words, len)) {
        r->frames[s->depth].known = true;
    } else if (op >= 0x80 && op <= 0x8f) {
        *out = top[-(int)(op - 0x80)];
        r->frames[s->depth].known = true;
    } else if (op >= 0x90 && op <= 0x9f) {
        const int deep = op - 0x8f;
        *out = top[-deep];
        r->frames[s->depth].second = top[0];
        r->frames[s->depth].second_at = (size_t)deep;
        r->frames[s->depth].has_second = true;
        r->frames[s->depth].known = true;
    } else if (op == 0x58) {
        *out = u256_from_u64(s->pc);
        r->frames[s->depth].known = true;
    } else if (op == 0x59) {
        *out = u256_from_u64(s->memory.len);
        r->frames[s->depth].known = true;
    } else if (op == 0x5a) {
        *out = u256_from_u64(s->gas - 2);
        r->frames[s->depth].known = s->gas >= 2;
    } else if (op == 0x3d) {
        *out = u256_from_u64(s->return_data.len);
        r->frames[s->depth].known = true;
    } else if (op == 0x51) {
        // MLOAD of what is there already.
        if (u256_fits_u64(&words[0]) && words[0].limb[0] < UINT32_MAX &&
            words[0].limb[0] + 32 <= s->memory.len) {
            *out = u256_from_be32(s->memory.data + words[0].limb[0]);
            r->frames[s->depth].known = true;
        }
    }
}

static void check_prediction(struct evm_reference *r, const struct trace_step *s)
{
    const size_t len = s->stack_len;
    if (!r->frames[s->depth].known) return;
    fail(r, len == r->frames[s->depth].len, "the stack has another height");
    fail(r, s->pc == r->frames[s->depth].pc, "the program counter is elsewhere");
    if (r->broken != NULL || len == 0) return;
    fail(r, u256_eq(&s->stack[len - 1], &r->frames[s->depth].top), "another result on the stack");
    if (r->frames[s->depth].has_second) {
        const size_t at = len - 1 - r->frames[s->depth].second_at;
        fail(r, u256_eq(&s->stack[at], &r->frames[s->depth].second), "SWAP lost a word");
    }
    r->checked++;
}

static void on_step(void *ctx, const struct trace_step *s)
{
    struct evm_reference *r = ctx;
    fail(r, s->depth >= 1 && s->depth <= 1025 && s->depth == r->depth, "frames do not nest");
    fail(r, s->stack_len <= 1024, "a stack of more than 1024 words");
    fail(r, s->memory.len % 32 == 0, "memory is not whole words");
    if (r->broken != NULL) return;
    if (r->frames[s->depth].stepped) {
        fail(r, s->gas <= r->frames[s->depth].gas, "gas rose");
        fail(r, s->memory.len >= r->frames[s->depth].memory_len, "memory shrank");
        check_prediction(r, s);
    }
    r->frames[s->depth].stepped = true;
    r->frames[s->depth].gas = s->gas;
    r->frames[s->depth].memory_len = s->memory.len;
    r->frames[s->depth].op = s->op;
    if (s->op == 0xff) r->burns = true;
    predict(r, s);
}

static void on_enter(void *ctx, const struct trace_enter *e)
{
    struct evm_reference *r = ctx;
    fail(r, e->depth == r->depth, "a call at another depth than its frame");
    if (r->depth + 1 < REFERENCE_DEPTHS) r->frames[++r->depth].stepped = false;
}

static void on_leave(void *ctx, const struct trace_leave *l)
{
    struct evm_reference *r = ctx;
    fail(r, r->depth > 0 && l->depth == r->depth - 1, "a frame is left that is not the last");
    if (r->depth > 0) r->depth--;
}

void evm_reference_init(struct evm_reference *r)
{
    memset(r, 0, sizeof *r);
    r->hooks =
        (struct trace_hooks){.step = on_step, .enter = on_enter, .leave = on_leave, .ctx = r};
}
