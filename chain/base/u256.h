// SPDX-License-Identifier: Apache-2.0
#pragma once

/// 256-bit unsigned integers on four 64-bit limbs, least significant first: the
/// EVM's word and the chain's money. Everything that wraps says so; money goes
/// through the _checked functions.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/base/bytes.h"
#include "chain/base/endian.h"
#include "chain/base/err.h"

typedef struct u256 {
    uint64_t limb[4];
} u256_t;

static inline u256_t u256_from_u64(uint64_t v)
{
    return (u256_t){{v, 0, 0, 0}};
}

static inline bool u256_is_zero(const u256_t *a)
{
    return (a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3]) == 0;
}

static inline bool u256_fits_u64(const u256_t *a)
{
    return (a->limb[1] | a->limb[2] | a->limb[3]) == 0;
}

static inline bool u256_eq(const u256_t *a, const u256_t *b)
{
    return ((a->limb[0] ^ b->limb[0]) | (a->limb[1] ^ b->limb[1]) | (a->limb[2] ^ b->limb[2]) |
            (a->limb[3] ^ b->limb[3])) == 0;
}

/// x + y + carry. @return the carry out; a chain of these is a chain of `adc`
static inline bool u64_add_carry(uint64_t *out, uint64_t x, uint64_t y, bool carry)
{
    unsigned long long r;
#if defined(__clang__)
    unsigned long long c;
    r = __builtin_addcll(x, y, carry, &c);
#elif defined(__x86_64__)
    const unsigned char c = __builtin_ia32_addcarryx_u64(carry, x, y, &r);
#else
    bool c = __builtin_add_overflow(x, y, &r);
    c |= __builtin_add_overflow(r, carry, &r);
#endif
    *out = r;
    return c != 0;
}

/// x - y - borrow. @return the borrow out
static inline bool u64_sub_borrow(uint64_t *out, uint64_t x, uint64_t y, bool borrow)
{
    unsigned long long r;
#if defined(__clang__)
    unsigned long long c;
    r = __builtin_subcll(x, y, borrow, &c);
#elif defined(__x86_64__)
    const unsigned char c = __builtin_ia32_sbb_u64(borrow, x, y, &r);
#else
    bool c = __builtin_sub_overflow(x, y, &r);
    c |= __builtin_sub_overflow(r, borrow, &r);
#endif
    *out = r;
    return c != 0;
}

/// Without branches on the limbs.
static inline bool u256_lt(const u256_t *a, const u256_t *b)
{
    uint64_t ignored;
    bool less = u64_sub_borrow(&ignored, a->limb[0], b->limb[0], 0);
    less = u64_sub_borrow(&ignored, a->limb[1], b->limb[1], less);
    less = u64_sub_borrow(&ignored, a->limb[2], b->limb[2], less);
    return u64_sub_borrow(&ignored, a->limb[3], b->limb[3], less);
}

static inline int u256_cmp(const u256_t *a, const u256_t *b)
{
    return u256_lt(a, b) ? -1 : (u256_eq(a, b) ? 0 : 1);
}

/// a + b mod 2^256. @return the carry
static inline bool u256_add(u256_t *out, const u256_t *a, const u256_t *b)
{
    uint64_t r0, r1, r2, r3;
    bool carry = u64_add_carry(&r0, a->limb[0], b->limb[0], 0);
    carry = u64_add_carry(&r1, a->limb[1], b->limb[1], carry);
    carry = u64_add_carry(&r2, a->limb[2], b->limb[2], carry);
    carry = u64_add_carry(&r3, a->limb[3], b->limb[3], carry);
    *out = (u256_t){{r0, r1, r2, r3}};
    return carry;
}

/// a - b mod 2^256. @return the borrow
static inline bool u256_sub(u256_t *out, const u256_t *a, const u256_t *b)
{
    uint64_t r0, r1, r2, r3;
    bool borrow = u64_sub_borrow(&r0, a->limb[0], b->limb[0], 0);
    borrow = u64_sub_borrow(&r1, a->limb[1], b->limb[1], borrow);
    borrow = u64_sub_borrow(&r2, a->limb[2], b->limb[2], borrow);
    borrow = u64_sub_borrow(&r3, a->limb[3], b->limb[3], borrow);
    *out = (u256_t){{r0, r1, r2, r3}};
    return borrow;
}

/// Money: the sum, or false (and `*out` untouched) if it does not fit.
MUST_USE static inline bool u256_add_checked(u256_t *out, const u256_t *a, const u256_t *b)
{
    u256_t r;
    if (u256_add(&r, a, b)) return false;
    *out = r;
    return true;
}

/// Money: the difference, or false (and `*out` untouched) if it is negative.
MUST_USE static inline bool u256_sub_checked(u256_t *out, const u256_t *a, const u256_t *b)
{
    u256_t r;
    if (u256_sub(&r, a, b)) return false;
    *out = r;
    return true;
}

/// Money: the product, or false (and `*out` untouched) if it does not fit.
MUST_USE bool u256_mul_checked(u256_t *out, const u256_t *a, const u256_t *b);

/// Number of significant bits, 0 for zero.
static inline unsigned u256_bit_len(const u256_t *a)
{
    for (int i = 3; i >= 0; i--) {
        if (a->limb[i] != 0) return (unsigned)(64 * i + 64 - __builtin_clzll(a->limb[i]));
    }
    return 0;
}

/// Number of significant bytes, 0 for zero.
static inline unsigned u256_byte_len(const u256_t *a)
{
    return (u256_bit_len(a) + 7) / 8;
}

static inline u256_t u256_from_be32(const uint8_t in[32])
{
    return (u256_t){{be_get_u64(in + 24), be_get_u64(in + 16), be_get_u64(in + 8), be_get_u64(in)}};
}

static inline void u256_to_be32(uint8_t out[32], const u256_t *a)
{
    be_put_u64(out, a->limb[3]);
    be_put_u64(out + 8, a->limb[2]);
    be_put_u64(out + 16, a->limb[1]);
    be_put_u64(out + 24, a->limb[0]);
}

static inline hash_t u256_to_hash(const u256_t *a)
{
    hash_t h;
    u256_to_be32(h.b, a);
    return h;
}

static inline u256_t u256_from_hash(const hash_t *h)
{
    return u256_from_be32(h->b);
}

/// Big-endian bytes of any length up to 32.
u256_t u256_from_be(bytes_t in);

/// Writes the minimal big-endian form (nothing for zero). @return its length, 0..32
size_t u256_to_be_min(uint8_t out[32], const u256_t *a);

/// a * b mod 2^256, row by row; column 3 needs only low halves.
static inline u256_t u256_mul(const u256_t *a, const u256_t *b)
{
    const uint64_t a0 = a->limb[0], a1 = a->limb[1], a2 = a->limb[2], a3 = a->limb[3];
    const uint64_t b0 = b->limb[0], b1 = b->limb[1], b2 = b->limb[2], b3 = b->limb[3];
    unsigned __int128 p = (unsigned __int128)a0 * b0;
    const uint64_t r0 = (uint64_t)p;
    uint64_t r1 = (uint64_t)(p >> 64);
    p = (unsigned __int128)a0 * b2;
    uint64_t r2 = (uint64_t)p;
    uint64_t r3 = (uint64_t)(p >> 64) + a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;

    p = (unsigned __int128)a0 * b1;
    bool carry = u64_add_carry(&r1, r1, (uint64_t)p, 0);
    carry = u64_add_carry(&r2, r2, (uint64_t)(p >> 64), carry);
    r3 += carry;
    p = (unsigned __int128)a1 * b0;
    carry = u64_add_carry(&r1, r1, (uint64_t)p, 0);
    carry = u64_add_carry(&r2, r2, (uint64_t)(p >> 64), carry);
    r3 += carry;
    p = (unsigned __int128)a1 * b1;
    carry = u64_add_carry(&r2, r2, (uint64_t)p, 0);
    r3 += (uint64_t)(p >> 64) + carry;
    p = (unsigned __int128)a2 * b0;
    carry = u64_add_carry(&r2, r2, (uint64_t)p, 0);
    r3 += (uint64_t)(p >> 64) + carry;
    return (u256_t){{r0, r1, r2, r3}};
}

/// Quotient and remainder; by zero both are zero (Yellow Paper, DIV and MOD). Either
/// output may be NULL.
void u256_divmod(u256_t *quotient, u256_t *remainder, const u256_t *a, const u256_t *b);

u256_t u256_sdiv(const u256_t *a, const u256_t *b); ///< two's complement, by zero is zero
u256_t u256_smod(const u256_t *a, const u256_t *b); ///< sign of the dividend
u256_t u256_addmod(const u256_t *a, const u256_t *b, const u256_t *m); ///< on the full 257-bit sum
u256_t u256_mulmod(const u256_t *a, const u256_t *b, const u256_t *m); ///< on the full 512 bits
u256_t u256_exp(const u256_t *base, const u256_t *exponent);           ///< mod 2^256, 0^0 = 1

/// The upper word of (high low) << bits, bits < 64.
static inline uint64_t u64_shl_from(uint64_t high, uint64_t low, unsigned bits)
{
    return (uint64_t)((((unsigned __int128)high << 64) | low) << bits >> 64);
}

/// The lower word of (high low) >> bits, bits < 64.
static inline uint64_t u64_shr_from(uint64_t high, uint64_t low, unsigned bits)
{
    return (uint64_t)((((unsigned __int128)high << 64) | low) >> bits);
}

/// Shifts; everything is shifted out from 256 on. Whole limbs move first, by 128 and by 64
/// bits, so that no limb's place is computed.
static inline u256_t u256_shl(const u256_t *a, unsigned bits)
{
    if (bits >= 256) return u256_from_u64(0);
    uint64_t r0 = a->limb[0], r1 = a->limb[1], r2 = a->limb[2], r3 = a->limb[3];
    if ((bits & 128) != 0) {
        r3 = r1;
        r2 = r0;
        r1 = 0;
        r0 = 0;
    }
    if ((bits & 64) != 0) {
        r3 = r2;
        r2 = r1;
        r1 = r0;
        r0 = 0;
    }
    bits &= 63;
    return (u256_t){{r0 << bits, u64_shl_from(r1, r0, bits), u64_shl_from(r2, r1, bits),
                     u64_shl_from(r3, r2, bits)}};
}

/// Bits move to the right and `fill` (0 or all ones) comes in.
static inline u256_t u256_shift_right(const u256_t *a, unsigned bits, uint64_t fill)
{
    if (bits >= 256) return (u256_t){{fill, fill, fill, fill}};
    uint64_t r0 = a->limb[0], r1 = a->limb[1], r2 = a->limb[2], r3 = a->limb[3];
    if ((bits & 128) != 0) {
        r0 = r2;
        r1 = r3;
        r2 = fill;
        r3 = fill;
    }
    if ((bits & 64) != 0) {
        r0 = r1;
        r1 = r2;
        r2 = r3;
        r3 = fill;
    }
    bits &= 63;
    return (u256_t){{u64_shr_from(r1, r0, bits), u64_shr_from(r2, r1, bits),
                     u64_shr_from(r3, r2, bits), u64_shr_from(fill, r3, bits)}};
}

static inline u256_t u256_shr(const u256_t *a, unsigned bits)
{
    return u256_shift_right(a, bits, 0);
}

/// Arithmetic: the sign bit comes in.
static inline u256_t u256_sar(const u256_t *a, unsigned bits)
{
    return u256_shift_right(a, bits, a->limb[3] >> 63 != 0 ? UINT64_MAX : 0);
}

/// Decimal text without leading zeros, terminated; at most 78 digits.
struct u256_text {
    char s[80];
};
struct u256_text u256_dec(const u256_t *a);

/// Reads decimal or 0x-hexadecimal text, nothing else around it.
/// @return ERR_MALFORMED, or ERR_LIMIT beyond 256 bits.
MUST_USE err_t u256_parse(u256_t *out, bytes_t text);
