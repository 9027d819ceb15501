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

#define MONT_INLINE static inline __attribute__((always_inline, unused))

/// r = t - p if t >= p, else t.
MONT_INLINE void mont_reduce_once(uint64_t *r, const uint64_t *t, const uint64_t *p, size_t n)
{
    uint64_t d[8];
    uint64_t borrow = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) {
        const unsigned __int128 v = (unsigned __int128)t[i] - p[i] - borrow;
        d[i] = (uint64_t)v;
        borrow = (uint64_t)(v >> 64) & 1;
    }
    const uint64_t keep = 0 - borrow;
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) r[i] = (t[i] & keep) | (d[i] & ~keep);
}

/// r = a + b mod p
MONT_INLINE void mont_add(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p,
                          size_t n)
{
    uint64_t t[8];
    uint64_t carry = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) {
        const unsigned __int128 v = (unsigned __int128)a[i] + b[i] + carry;
        t[i] = (uint64_t)v;
        carry = (uint64_t)(v >> 64);
    }
    mont_reduce_once(r, t, p, n); // no carry out: both are below p < 2^(64 n - 1)
}

/// r = a - b mod p
MONT_INLINE void mont_sub(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p,
                          size_t n)
{
    uint64_t d[8];
    uint64_t borrow = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) {
        const unsigned __int128 v = (unsigned __int128)a[i] - b[i] - borrow;
        d[i] = (uint64_t)v;
        borrow = (uint64_t)(v >> 64) & 1;
    }
    const uint64_t mask = 0 - borrow;
    uint64_t carry = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++) {
        const unsigned __int128 v = (unsigned __int128)d[i] + (p[i] & mask) + carry;
        r[i] = (uint64_t)v;
        carry = (uint64_t)(v >> 64);
    }
}

/// r = a * b / 2^(64 n) mod p: one word of b at a time, reduced as it goes. `inv` is
/// -1/p mod 2^64. With a clear top bit the running sum never needs another word.
MONT_INLINE void mont_mul(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p,
                          uint64_t inv, size_t n)
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

/// Big-endian bytes of a whole number, without any reduction.
MONT_INLINE void limbs_from_be(uint64_t *r, const uint8_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v;
        memcpy(&v, in + 8 * (n - 1 - i), 8);
        r[i] = __builtin_bswap64(v);
    }
}

/// The same the other way round.
MONT_INLINE void limbs_to_be(uint8_t *out, const uint64_t *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t v = __builtin_bswap64(a[i]);
        memcpy(out + 8 * (n - 1 - i), &v, 8);
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
