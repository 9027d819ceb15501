// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Arithmetic, comparison and bit opcodes: pure functions of the stack's words. sp[0] is the
/// top, sp[-1] the one below; a result of two operands goes to sp[-1].

#include "vm/vm_impl.h"

static inline void op_add(u256_t *sp)
{
    u256_add(&sp[-1], &sp[0], &sp[-1]);
}

static inline void op_sub(u256_t *sp)
{
    u256_sub(&sp[-1], &sp[0], &sp[-1]);
}

static inline void op_mul(u256_t *sp)
{
    sp[-1] = u256_mul(&sp[0], &sp[-1]);
}

static inline void op_div(u256_t *sp)
{
    const u256_t a = sp[0];
    const u256_t b = sp[-1];
    if (u256_fits_u64(&a) && u256_fits_u64(&b)) {
        sp[-1] = u256_from_u64(b.limb[0] == 0 ? 0 : a.limb[0] / b.limb[0]);
        return;
    }
    u256_divmod(&sp[-1], NULL, &a, &b);
}

static inline void op_mod(u256_t *sp)
{
    const u256_t a = sp[0];
    const u256_t b = sp[-1];
    if (u256_fits_u64(&a) && u256_fits_u64(&b)) {
        sp[-1] = u256_from_u64(b.limb[0] == 0 ? 0 : a.limb[0] % b.limb[0]);
        return;
    }
    u256_divmod(NULL, &sp[-1], &a, &b);
}

static inline void op_sdiv(u256_t *sp)
{
    sp[-1] = u256_sdiv(&sp[0], &sp[-1]);
}

static inline void op_smod(u256_t *sp)
{
    sp[-1] = u256_smod(&sp[0], &sp[-1]);
}

static inline void op_addmod(u256_t *sp)
{
    sp[-2] = u256_addmod(&sp[0], &sp[-1], &sp[-2]);
}

static inline void op_mulmod(u256_t *sp)
{
    sp[-2] = u256_mulmod(&sp[0], &sp[-1], &sp[-2]);
}

/// EXP: s'[0] = s[0] ^ s[1] mod 2^256, with a price for each byte of the exponent (EIP-160).
static inline int64_t op_exp(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    (void)f;
    CHARGE(u256_byte_len(&sp[-1]) * vm->schedule->exp_byte); // at most 32 * 50
    sp[-1] = u256_exp(&sp[0], &sp[-1]);
    return gas;
}

/// SIGNEXTEND: the sign bit of byte s[0] (from the right) fills everything left of it.
static inline void op_signextend(u256_t *sp)
{
    const u256_t *at = &sp[0];
    u256_t *x = &sp[-1];
    if (!u256_fits_u64(at) || at->limb[0] >= 31) return;

    const unsigned limb = (unsigned)at->limb[0] / 8;
    const unsigned shift = 56 - 8 * ((unsigned)at->limb[0] % 8);
    const int64_t extended = (int64_t)(x->limb[limb] << shift) >> shift;
    x->limb[limb] = (uint64_t)extended;
    const uint64_t fill = (uint64_t)(extended >> 63);
    for (unsigned i = limb + 1; i < 4; i++) x->limb[i] = fill;
}

static inline bool word_slt(const u256_t *a, const u256_t *b)
{
    const bool a_negative = a->limb[3] >> 63 != 0;
    const bool b_negative = b->limb[3] >> 63 != 0;
    return a_negative != b_negative ? a_negative : u256_lt(a, b);
}

static inline void op_lt(u256_t *sp)
{
    sp[-1] = u256_from_u64(u256_lt(&sp[0], &sp[-1]));
}

static inline void op_gt(u256_t *sp)
{
    sp[-1] = u256_from_u64(u256_lt(&sp[-1], &sp[0]));
}

static inline void op_slt(u256_t *sp)
{
    sp[-1] = u256_from_u64(word_slt(&sp[0], &sp[-1]));
}

static inline void op_sgt(u256_t *sp)
{
    sp[-1] = u256_from_u64(word_slt(&sp[-1], &sp[0]));
}

static inline void op_eq(u256_t *sp)
{
    sp[-1] = u256_from_u64(u256_eq(&sp[0], &sp[-1]));
}

static inline void op_iszero(u256_t *sp)
{
    sp[0] = u256_from_u64(u256_is_zero(&sp[0]));
}

static inline void op_and(u256_t *sp)
{
    sp[-1].limb[0] &= sp[0].limb[0];
    sp[-1].limb[1] &= sp[0].limb[1];
    sp[-1].limb[2] &= sp[0].limb[2];
    sp[-1].limb[3] &= sp[0].limb[3];
}

static inline void op_or(u256_t *sp)
{
    sp[-1].limb[0] |= sp[0].limb[0];
    sp[-1].limb[1] |= sp[0].limb[1];
    sp[-1].limb[2] |= sp[0].limb[2];
    sp[-1].limb[3] |= sp[0].limb[3];
}

static inline void op_xor(u256_t *sp)
{
    sp[-1].limb[0] ^= sp[0].limb[0];
    sp[-1].limb[1] ^= sp[0].limb[1];
    sp[-1].limb[2] ^= sp[0].limb[2];
    sp[-1].limb[3] ^= sp[0].limb[3];
}

static inline void op_not(u256_t *sp)
{
    sp[0].limb[0] = ~sp[0].limb[0];
    sp[0].limb[1] = ~sp[0].limb[1];
    sp[0].limb[2] = ~sp[0].limb[2];
    sp[0].limb[3] = ~sp[0].limb[3];
}

/// BYTE: byte s[0] of s[1], counted from the most significant one.
static inline void op_byte(u256_t *sp)
{
    uint64_t byte = 0;
    if (u256_fits_u64(&sp[0]) && sp[0].limb[0] < 32) {
        const unsigned from_right = 31 - (unsigned)sp[0].limb[0];
        byte = sp[-1].limb[from_right / 8] >> (8 * (from_right % 8)) & 0xff;
    }
    sp[-1] = u256_from_u64(byte);
}

static inline unsigned shift_of(const u256_t *w)
{
    return u256_fits_u64(w) && w->limb[0] < 256 ? (unsigned)w->limb[0] : 256;
}

static inline void op_shl(u256_t *sp)
{
    sp[-1] = u256_shl(&sp[-1], shift_of(&sp[0]));
}

static inline void op_shr(u256_t *sp)
{
    sp[-1] = u256_shr(&sp[-1], shift_of(&sp[0]));
}

static inline void op_sar(u256_t *sp)
{
    sp[-1] = u256_sar(&sp[-1], shift_of(&sp[0]));
}

static inline void op_pop(u256_t *sp)
{
    (void)sp;
}

static inline void op_push0(u256_t *sp)
{
    sp[1] = u256_from_u64(0);
}

/// The n bytes at `p` as a word. `p` is inside padded code: reading a little further is safe.
static inline __attribute__((always_inline)) u256_t push_word(const uint8_t *p, unsigned n)
{
    u256_t r = {{0}};
    unsigned end = n;
    unsigned limb = 0;
    while (end >= 8) {
        uint64_t v;
        memcpy(&v, p + end - 8, 8);
        r.limb[limb++] = __builtin_bswap64(v);
        end -= 8;
    }
    if (end > 0) {
        uint64_t v;
        memcpy(&v, p, 8);
        r.limb[limb] = __builtin_bswap64(v) >> (64 - 8 * end);
    }
    return r;
}
