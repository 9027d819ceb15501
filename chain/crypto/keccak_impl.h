// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Keccak-f[1600], written once over macros for a word of one, four or eight lanes, and the
/// doors through which tests reach each variant. Private to chain/crypto and its tests.
///
/// The 25 words stay in local variables; two rounds are written out so that no word is ever
/// moved (odd rounds read E and write A). A user defines K_TYPE, K_LOAD, K_STORE, K_CONST,
/// K_XOR, K_XOR5, K_ROL and K_CHI, then expands KECCAK_PERMUTE in a function of its own.

#include <stdbool.h>
#include <stdint.h>

#include "chain/base/bytes.h"

/// Bytes absorbed per permutation: 1600 bits less twice the 256 of security.
#define KECCAK_RATE 136
#define KECCAK_MAX_WIDTH 8

extern const uint64_t keccak_round_constants[24];

/// 8, 4 or 1: lanes of the widest variant that this machine runs.
unsigned keccak_best_width(void);

/// keccak256_many on a chosen variant, which the machine must have.
void keccak256_many_width(hash_t *out, const bytes_t *in, size_t count, unsigned width);

/// One permutation by the plain or the BMI2 variant (the plain one where there is no BMI2).
void keccak_permute_scalar(uint64_t lanes[25], bool use_bmi2);

#if defined(__x86_64__)
/// Four and eight states at once; word i of lane l is at [i * width + l], 64-byte aligned.
void keccak_permute_avx2(uint64_t *state);
void keccak_permute_avx512(uint64_t *state);
#endif

// One row of rho, pi and chi: five words of A, each with its column's D and its rotation.
#define K_ROW(E0, E1, E2, E3, E4, A0, D0, A1, D1, R1, A2, D2, R2, A3, D3, R3, A4, D4, R4)          \
    do {                                                                                           \
        const K_TYPE b0 = (A0);                                                                    \
        const K_TYPE x1 = K_XOR(A1, D1), x2 = K_XOR(A2, D2), x3 = K_XOR(A3, D3),                   \
                     x4 = K_XOR(A4, D4);                                                           \
        const K_TYPE b1 = K_ROL(x1, R1), b2 = K_ROL(x2, R2), b3 = K_ROL(x3, R3),                   \
                     b4 = K_ROL(x4, R4);                                                           \
        E0 = K_CHI(b0, b1, b2);                                                                    \
        E1 = K_CHI(b1, b2, b3);                                                                    \
        E2 = K_CHI(b2, b3, b4);                                                                    \
        E3 = K_CHI(b3, b4, b0);                                                                    \
        E4 = K_CHI(b4, b0, b1);                                                                    \
    } while (0)

#define K_ROT(A, D, R)                                                                             \
    __extension__({                                                                                \
        const K_TYPE x0 = K_XOR(A, D);                                                             \
        K_ROL(x0, R);                                                                              \
    })

// One round from the words A to the words E (Keccak reference 3.0, theta to iota).
#define K_ROUND(A, E, RC)                                                                          \
    do {                                                                                           \
        const K_TYPE c0 = K_XOR5(A##0, A##5, A##10, A##15, A##20);                                 \
        const K_TYPE c1 = K_XOR5(A##1, A##6, A##11, A##16, A##21);                                 \
        const K_TYPE c2 = K_XOR5(A##2, A##7, A##12, A##17, A##22);                                 \
        const K_TYPE c3 = K_XOR5(A##3, A##8, A##13, A##18, A##23);                                 \
        const K_TYPE c4 = K_XOR5(A##4, A##9, A##14, A##19, A##24);                                 \
        const K_TYPE d0 = K_XOR(c4, K_ROL(c1, 1));                                                 \
        const K_TYPE d1 = K_XOR(c0, K_ROL(c2, 1));                                                 \
        const K_TYPE d2 = K_XOR(c1, K_ROL(c3, 1));                                                 \
        const K_TYPE d3 = K_XOR(c2, K_ROL(c4, 1));                                                 \
        const K_TYPE d4 = K_XOR(c3, K_ROL(c0, 1));                                                 \
        K_ROW(E##0, E##1, E##2, E##3, E##4, K_XOR(A##0, d0), d0, A##6, d1, 44, A##12, d2, 43,      \
              A##18, d3, 21, A##24, d4, 14);                                                       \
        E##0 = K_XOR(E##0, K_CONST(RC));                                                           \
        K_ROW(E##5, E##6, E##7, E##8, E##9, K_ROT(A##3, d3, 28), d3, A##9, d4, 20, A##10, d0, 3,   \
              A##16, d1, 45, A##22, d2, 61);                                                       \
        K_ROW(E##10, E##11, E##12, E##13, E##14, K_ROT(A##1, d1, 1), d1, A##7, d2, 6, A##13, d3,   \
              25, A##19, d4, 8, A##20, d0, 18);                                                    \
        K_ROW(E##15, E##16, E##17, E##18, E##19, K_ROT(A##4, d4, 27), d4, A##5, d0, 36, A##11, d1, \
              10, A##17, d2, 15, A##23, d3, 56);                                                   \
        K_ROW(E##20, E##21, E##22, E##23, E##24, K_ROT(A##2, d2, 62), d2, A##8, d3, 55, A##14, d4, \
              39, A##15, d0, 41, A##21, d1, 2);                                                    \
    } while (0)

// The formatter moves these lines differently every time.
// clang-format off
#define K_WORDS(M, P)                                                                              \
    M(P, 0) M(P, 1) M(P, 2) M(P, 3) M(P, 4)                                                        \
    M(P, 5) M(P, 6) M(P, 7) M(P, 8) M(P, 9)                                                        \
    M(P, 10) M(P, 11) M(P, 12) M(P, 13) M(P, 14)                                                   \
    M(P, 15) M(P, 16) M(P, 17) M(P, 18) M(P, 19)                                                   \
    M(P, 20) M(P, 21) M(P, 22) M(P, 23) M(P, 24)
// clang-format on
#define K_DECLARE_LOAD(P, I) K_TYPE a##I = K_LOAD(P, I);
#define K_DECLARE(P, I) K_TYPE e##I;
#define K_PUT(P, I) K_STORE(P, I, a##I);

#define KECCAK_PERMUTE(P)                                                                          \
    do {                                                                                           \
        K_WORDS(K_DECLARE_LOAD, P)                                                                 \
        K_WORDS(K_DECLARE, P)                                                                      \
        for (unsigned k_round = 0; k_round < 24; k_round += 2) {                                   \
            K_ROUND(a, e, keccak_round_constants[k_round]);                                        \
            K_ROUND(e, a, keccak_round_constants[k_round + 1]);                                    \
        }                                                                                          \
        K_WORDS(K_PUT, P)                                                                          \
    } while (0)
