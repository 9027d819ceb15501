// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Arithmetic modulo an odd prime of N 64-bit limbs (least significant first) in Montgomery
/// form: a stands for a * 2^(64 N) mod p. N is a constant at every call, so each use is
/// compiled for its own width. The prime's top bit must be clear. Nothing here is secret, but
/// nothing branches on values either: it is faster so.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "chain/base/endian.h"
#include "chain/base/u256.h"

#define MONT_INLINE static inline __attribute__((always_inline, unused))

/// r = t - p if t >= p, else t.
MONT_INLINE void mont_reduce_once(uint64_t *r, const uint64_t *t, const uint64_t *p, size_t n)
{
    uint64_t d[8];
    bool borrow = false;
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) borrow = u64_sub_borrow(&d[i], t[i], p[i], borrow);
    const uint64_t keep = 0 - (uint64_t)borrow;
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) r[i] = d[i] ^ ((d[i] ^ t[i]) & keep);
}

/// r = a + b mod p
MONT_INLINE void mont_add(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p,
                          size_t n)
{
    uint64_t t[8];
    bool carry = false;
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) carry = u64_add_carry(&t[i], a[i], b[i], carry);
    mont_reduce_once(r, t, p, n); // no carry out: both are below p < 2^(64 n - 1)
}

/// r = a - b mod p
MONT_INLINE void mont_sub(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p,
                          size_t n)
{
    uint64_t d[8];
    bool borrow = false;
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) borrow = u64_sub_borrow(&d[i], a[i], b[i], borrow);
    const uint64_t mask = 0 - (uint64_t)borrow;
    uint64_t back[8];
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) back[i] = p[i] & mask;
    bool carry = false;
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) carry = u64_add_carry(&r[i], d[i], back[i], carry);
}

#if defined(__x86_64__) && !defined(__clang__)
// One word of b by two chains of carries at once, which no compiler writes: t += a b[i], then
// t += m p with m such that the lowest word becomes zero. The words of t move down by one name.
#define MONT_STEP(FROM, OFFSET, LOW, HIGH)                                                         \
    "mulxq " OFFSET "(%[" FROM "]), %[lo], %[hi]\n\t"                                              \
    "adcxq %[lo], %[" LOW "]\n\t"                                                                  \
    "adoxq %[hi], %[" HIGH "]\n\t"
#define MONT_STEPS_4(FROM)                                                                         \
    MONT_STEP(FROM, "0", "t0", "t1")                                                               \
    MONT_STEP(FROM, "8", "t1", "t2")                                                               \
    MONT_STEP(FROM, "16", "t2", "t3")
#define MONT_LAST_4(FROM) MONT_STEP(FROM, "24", "t3", "top")
#define MONT_STEPS_6(FROM)                                                                         \
    MONT_STEPS_4(FROM)                                                                             \
    MONT_STEP(FROM, "24", "t3", "t4")                                                              \
    MONT_STEP(FROM, "32", "t4", "t5")
#define MONT_LAST_6(FROM) MONT_STEP(FROM, "40", "t5", "top")
#define MONT_ROW_TEXT(N)                                                                           \
    "xorl %k[top], %k[top]\n\t" MONT_STEPS_##N("a") MONT_LAST_##N("a") /* t += a b[i] */           \
        "movl $0, %k[lo]\n\t"                                                                      \
        "adcxq %[lo], %[top]\n\t"                                                                  \
        "movq %[t0], %%rdx\n\t"                                                                    \
        "imulq %[inv], %%rdx\n\t"                                                                  \
        "xorl %k[lo], %k[lo]\n\t" MONT_STEPS_##N("p") MONT_LAST_##N("p") /* t += m p */            \
        "movl $0, %k[lo]\n\t"                                                                      \
        "adcxq %[lo], %[top]"

#define MONT_ROW_4(T0, T1, T2, T3, TOP, I)                                                         \
    do {                                                                                           \
        uint64_t lo_, hi_, word_ = b[I];                                                           \
        __asm__(MONT_ROW_TEXT(4)                                                                   \
                : [t0] "+r"(T0), [t1] "+r"(T1), [t2] "+r"(T2), [t3] "+r"(T3), [top] "=&r"(TOP),    \
                  [lo] "=&r"(lo_), [hi] "=&r"(hi_), "+d"(word_)                                    \
                : [a] "r"(a), [p] "r"(p), [inv] "rm"(inv), "m"(*(const uint64_t(*)[4])a),          \
                  "m"(*(const uint64_t(*)[4])p)                                                    \
                : "cc");                                                                           \
    } while (0)
#define MONT_ROW_6(T0, T1, T2, T3, T4, T5, TOP, I)                                                 \
    do {                                                                                           \
        uint64_t lo_, hi_, word_ = b[I];                                                           \
        __asm__(MONT_ROW_TEXT(6)                                                                   \
                : [t0] "+r"(T0), [t1] "+r"(T1), [t2] "+r"(T2), [t3] "+r"(T3), [t4] "+r"(T4),       \
                  [t5] "+r"(T5), [top] "=&r"(TOP), [lo] "=&r"(lo_), [hi] "=&r"(hi_), "+d"(word_)   \
                : [a] "r"(a), [p] "r"(p), [inv] "rm"(inv), "m"(*(const uint64_t(*)[6])a),          \
                  "m"(*(const uint64_t(*)[6])p)                                                    \
                : "cc");                                                                           \
    } while (0)

/// mont_mul for 4 and 6 limbs on machines with ADX and BMI2.
MONT_INLINE void mont_mul_adx(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p,
                              uint64_t inv, size_t n)
{
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0, t5 = 0, t6;
    if (n == 4) {
        MONT_ROW_4(t0, t1, t2, t3, t4, 0);
        MONT_ROW_4(t1, t2, t3, t4, t0, 1);
        MONT_ROW_4(t2, t3, t4, t0, t1, 2);
        MONT_ROW_4(t3, t4, t0, t1, t2, 3);
        const uint64_t t[4] = {t4, t0, t1, t2};
        mont_reduce_once(r, t, p, 4);
    } else {
        MONT_ROW_6(t0, t1, t2, t3, t4, t5, t6, 0);
        MONT_ROW_6(t1, t2, t3, t4, t5, t6, t0, 1);
        MONT_ROW_6(t2, t3, t4, t5, t6, t0, t1, 2);
        MONT_ROW_6(t3, t4, t5, t6, t0, t1, t2, 3);
        MONT_ROW_6(t4, t5, t6, t0, t1, t2, t3, 4);
        MONT_ROW_6(t5, t6, t0, t1, t2, t3, t4, 5);
        const uint64_t t[6] = {t6, t0, t1, t2, t3, t4};
        mont_reduce_once(r, t, p, 6);
    }
}
#define MONT_ADX(N)                                                                                \
    (((N) == 4 || (N) == 6) && __builtin_cpu_supports("adx") && __builtin_cpu_supports("bmi2"))
#endif

/// r = a * b / 2^(64 n) mod p: one word of b at a time, reduced as it goes. `inv` is
/// -1/p mod 2^64. With a clear top bit the running sum never needs another word.
MONT_INLINE void mont_mul_plain(uint64_t *r, const uint64_t *a, const uint64_t *b,
                                const uint64_t *p, uint64_t inv, size_t n)
{
    uint64_t t[8] = {0};
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) {
        unsigned __int128 x = (unsigned __int128)a[0] * b[i] + t[0];
        const uint64_t m = (uint64_t)x * inv;
        unsigned __int128 y = (unsigned __int128)m * p[0] + (uint64_t)x;
        uint64_t cx = (uint64_t)(x >> 64);
        uint64_t cy = (uint64_t)(y >> 64);
#pragma GCC unroll 8
        for (size_t j = 1; j < n; j++) {
            x = (unsigned __int128)a[j] * b[i] + t[j] + cx;
            cx = (uint64_t)(x >> 64);
            y = (unsigned __int128)m * p[j] + (uint64_t)x + cy;
            cy = (uint64_t)(y >> 64);
            t[j - 1] = (uint64_t)y;
        }
        t[n - 1] = cx + cy;
    }
    mont_reduce_once(r, t, p, n);
}

/// The same by what this machine has.
MONT_INLINE void mont_mul(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p,
                          uint64_t inv, size_t n)
{
#if defined(__x86_64__) && !defined(__clang__)
    if (MONT_ADX(n)) {
        mont_mul_adx(r, a, b, p, inv, n);
        return;
    }
#endif
    mont_mul_plain(r, a, b, p, inv, n);
}

/// Big-endian bytes of a whole number, without any reduction.
MONT_INLINE void limbs_from_be(uint64_t *r, const uint8_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        r[i] = be_get_u64(in + 8 * (n - 1 - i));
    }
}

/// The same the other way round.
MONT_INLINE void limbs_to_be(uint8_t *out, const uint64_t *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        be_put_u64(out + 8 * (n - 1 - i), a[i]);
    }
}

/// a < b?
MONT_INLINE bool limbs_less(const uint64_t *a, const uint64_t *b, size_t n)
{
    for (size_t i = n; i > 0; i--) {
        if (a[i - 1] != b[i - 1]) return a[i - 1] < b[i - 1];
    }
    return false;
}
