// SPDX-License-Identifier: Apache-2.0
#pragma once

/// 256-bit unsigned integers on four 64-bit limbs, least significant first: the
/// EVM's word and the chain's money. Everything that wraps says so; money goes
/// through the _checked functions.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/base/bytes.h"
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

static inline bool u256_lt(const u256_t *a, const u256_t *b)
{
    for (int i = 3; i > 0; i--) {
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i];
    }
    return a->limb[0] < b->limb[0];
}

static inline int u256_cmp(const u256_t *a, const u256_t *b)
{
    return u256_lt(a, b) ? -1 : (u256_eq(a, b) ? 0 : 1);
}

/// a + b mod 2^256. @return the carry
static inline bool u256_add(u256_t *out, const u256_t *a, const u256_t *b)
{
    unsigned __int128 t = (unsigned __int128)a->limb[0] + b->limb[0];
    const uint64_t r0 = (uint64_t)t;
    t = (unsigned __int128)a->limb[1] + b->limb[1] + (uint64_t)(t >> 64);
    const uint64_t r1 = (uint64_t)t;
    t = (unsigned __int128)a->limb[2] + b->limb[2] + (uint64_t)(t >> 64);
    const uint64_t r2 = (uint64_t)t;
    t = (unsigned __int128)a->limb[3] + b->limb[3] + (uint64_t)(t >> 64);
    *out = (u256_t){{r0, r1, r2, (uint64_t)t}};
    return (t >> 64) != 0;
}

/// a - b mod 2^256. @return the borrow
static inline bool u256_sub(u256_t *out, const u256_t *a, const u256_t *b)
{
    uint64_t r[4];
    unsigned char borrow = 0;
    for (int i = 0; i < 4; i++) {
        const uint64_t x = a->limb[i];
        const uint64_t y = b->limb[i];
        const uint64_t d = x - y;
        const uint64_t e = d - borrow;
        borrow = (unsigned char)((x < y) | (d < borrow));
        r[i] = e;
    }
    *out = (u256_t){{r[0], r[1], r[2], r[3]}};
    return borrow != 0;
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
    u256_t r;
    for (int i = 0; i < 4; i++) {
        uint64_t v;
        memcpy(&v, in + 8 * (3 - i), 8);
        r.limb[i] = __builtin_bswap64(v);
    }
    return r;
}

static inline void u256_to_be32(uint8_t out[32], const u256_t *a)
{
    for (int i = 0; i < 4; i++) {
        const uint64_t v = __builtin_bswap64(a->limb[i]);
        memcpy(out + 8 * (3 - i), &v, 8);
    }
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

/// a * b mod 2^256.
static inline u256_t u256_mul(const u256_t *a, const u256_t *b)
{
    const uint64_t a0 = a->limb[0], a1 = a->limb[1], a2 = a->limb[2], a3 = a->limb[3];
    const uint64_t b0 = b->limb[0], b1 = b->limb[1], b2 = b->limb[2], b3 = b->limb[3];
    // Columns 0..3 of the schoolbook product; column 3 needs only low halves.
    const unsigned __int128 p00 = (unsigned __int128)a0 * b0;
    const unsigned __int128 p01 = (unsigned __int128)a0 * b1;
    const unsigned __int128 p10 = (unsigned __int128)a1 * b0;
    const unsigned __int128 p02 = (unsigned __int128)a0 * b2;
    const unsigned __int128 p11 = (unsigned __int128)a1 * b1;
    const unsigned __int128 p20 = (unsigned __int128)a2 * b0;
    unsigned __int128 t = (p00 >> 64) + (uint64_t)p01 + (uint64_t)p10;
    const uint64_t r1 = (uint64_t)t;
    t = (t >> 64) + (p01 >> 64) + (p10 >> 64) + (uint64_t)p02 + (uint64_t)p11 + (uint64_t)p20;
    const uint64_t r2 = (uint64_t)t;
    const uint64_t r3 = (uint64_t)(t >> 64) + (uint64_t)(p02 >> 64) + (uint64_t)(p11 >> 64) +
                        (uint64_t)(p20 >> 64) + a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
    return (u256_t){{(uint64_t)p00, r1, r2, r3}};
}

/// Quotient and remainder; by zero both are zero (Yellow Paper, DIV and MOD). Either
/// output may be NULL.
void u256_divmod(u256_t *quotient, u256_t *remainder, const u256_t *a, const u256_t *b);

u256_t u256_sdiv(const u256_t *a, const u256_t *b); ///< two's complement, by zero is zero
u256_t u256_smod(const u256_t *a, const u256_t *b); ///< sign of the dividend
u256_t u256_addmod(const u256_t *a, const u256_t *b, const u256_t *m); ///< on the full 257-bit sum
u256_t u256_mulmod(const u256_t *a, const u256_t *b, const u256_t *m); ///< on the full 512 bits
u256_t u256_exp(const u256_t *base, const u256_t *exponent);           ///< mod 2^256, 0^0 = 1

/// Shifts; everything is shifted out from 256 on.
static inline u256_t u256_shl(const u256_t *a, unsigned bits)
{
    u256_t r = {{0}};
    if (bits >= 256) return r;
    const unsigned limbs = bits / 64;
    const unsigned rest = bits % 64;
    for (unsigned i = 3; i + 1 > limbs; i--) {
        const uint64_t high = a->limb[i - limbs];
        const uint64_t low = i > limbs ? a->limb[i - limbs - 1] : 0;
        r.limb[i] = rest == 0 ? high : high << rest | low >> (64 - rest);
        if (i == 0) break;
    }
    return r;
}

/// Bits move to the right and `fill` (0 or all ones) comes in.
static inline u256_t u256_shift_right(const u256_t *a, unsigned bits, uint64_t fill)
{
    u256_t r = {{fill, fill, fill, fill}};
    if (bits >= 256) return r;
    const unsigned limbs = bits / 64;
    const unsigned rest = bits % 64;
    for (unsigned i = 0; i + limbs < 4; i++) {
        const uint64_t low = a->limb[i + limbs];
        const uint64_t high = i + limbs + 1 < 4 ? a->limb[i + limbs + 1] : fill;
        r.limb[i] = rest == 0 ? low : low >> rest | high << (64 - rest);
    }
    return r;
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
