// SPDX-License-Identifier: Apache-2.0
#include "test/bench/native/keccak_plain.h"

#include <string.h>

enum { ROUNDS = 24, RATE = 136 };

#ifdef __clang__
const char *const keccak_plain_compiler = "clang";
#else
const char *const keccak_plain_compiler = "gcc";
#endif

static const uint64_t iota[ROUNDS] = {
    0x0000000000000001u, 0x0000000000008082u, 0x800000000000808au, 0x8000000080008000u,
    0x000000000000808bu, 0x0000000080000001u, 0x8000000080008081u, 0x8000000000008009u,
    0x000000000000008au, 0x0000000000000088u, 0x0000000080008009u, 0x000000008000000au,
    0x000000008000808bu, 0x800000000000008bu, 0x8000000000008089u, 0x8000000000008003u,
    0x8000000000008002u, 0x8000000000000080u, 0x000000000000800au, 0x800000008000000au,
    0x8000000080008081u, 0x8000000000008080u, 0x0000000080000001u, 0x8000000080008008u,
};
// The walk of pi through the words, and the rotation of each step (rho).
static const unsigned pi[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};
static const unsigned rho[24] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                 27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};

static inline uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void permute(uint64_t a[25])
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t c[5];
        for (unsigned x = 0; x < 5; x++) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (unsigned x = 0; x < 5; x++) {
            const uint64_t d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
            for (unsigned y = 0; y < 25; y += 5) a[x + y] ^= d;
        }
        uint64_t moving = a[1];
        for (unsigned i = 0; i < 24; i++) {
            const uint64_t next = a[pi[i]];
            a[pi[i]] = rotate(moving, rho[i]);
            moving = next;
        }
        for (unsigned y = 0; y < 25; y += 5) {
            uint64_t row[5];
            for (unsigned x = 0; x < 5; x++) row[x] = a[y + x];
            for (unsigned x = 0; x < 5; x++)
                a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
        }
        a[0] ^= iota[round];
    }
}

static void absorb(uint64_t a[25], const uint8_t *block)
{
    for (unsigned i = 0; i < RATE / 8; i++) {
        uint64_t word;
        memcpy(&word, block + (size_t)8 * i, 8);
        a[i] ^= word;
    }
    permute(a);
}

void keccak_plain(uint8_t out[32], const uint8_t *data, size_t len)
{
    uint64_t a[25] = {0};
    for (; len >= RATE; data += RATE, len -= RATE) absorb(a, data);
    uint8_t last[RATE] = {0};
    if (len > 0) memcpy(last, data, len);
    last[len] = 0x01;
    last[RATE - 1] |= 0x80;
    absorb(a, last);
    memcpy(out, a, 32);
}
