// SPDX-License-Identifier: Apache-2.0
/// The compression function F of BLAKE2b (RFC 7693, section 3.2) with a free number of
/// rounds (EIP-152).
///
///     4 rounds | 64 h | 128 m | 16 t | 1 final?        = 213 bytes, words little endian

#include "chain/base/endian.h"
#include "vm/precompile/precompile_impl.h"

#define INPUT_LEN 213

static const uint64_t iv[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static const uint8_t sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint64_t get_le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t rotr(uint64_t v, unsigned n)
{
    return v >> n | v << (64 - n);
}

/// RFC 7693, section 3.1.
static inline void mix(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d, uint64_t x, uint64_t y)
{
    *a += *b + x;
    *d = rotr(*d ^ *a, 32);
    *c += *d;
    *b = rotr(*b ^ *c, 24);
    *a += *b + y;
    *d = rotr(*d ^ *a, 16);
    *c += *d;
    *b = rotr(*b ^ *c, 63);
}

static void compress(uint64_t h[8], const uint64_t m[16], uint64_t t0, uint64_t t1, bool final,
                     uint32_t rounds)
{
    uint64_t v[16];
    memcpy(v, h, 64);
    memcpy(v + 8, iv, 64);
    v[12] ^= t0;
    v[13] ^= t1;
    if (final) v[14] = ~v[14];
    unsigned row = 0;
    for (uint32_t r = 0; r < rounds; r++) {
        const uint8_t *s = sigma[row];
        row = row == 9 ? 0 : row + 1;
        mix(&v[0], &v[4], &v[8], &v[12], m[s[0]], m[s[1]]);
        mix(&v[1], &v[5], &v[9], &v[13], m[s[2]], m[s[3]]);
        mix(&v[2], &v[6], &v[10], &v[14], m[s[4]], m[s[5]]);
        mix(&v[3], &v[7], &v[11], &v[15], m[s[6]], m[s[7]]);
        mix(&v[0], &v[5], &v[10], &v[15], m[s[8]], m[s[9]]);
        mix(&v[1], &v[6], &v[11], &v[12], m[s[10]], m[s[11]]);
        mix(&v[2], &v[7], &v[8], &v[13], m[s[12]], m[s[13]]);
        mix(&v[3], &v[4], &v[9], &v[14], m[s[14]], m[s[15]]);
    }
    for (int i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
}

uint64_t precompile_blake2f_gas(enum revision rev, bytes_t input)
{
    (void)rev;
    return input.len == INPUT_LEN ? be_get_u32(input.data) : 0; // the wrong length fails below
}

enum evm_status precompile_blake2f(bytes_t *out, struct arena *scratch, bytes_t input)
{
    if (input.len != INPUT_LEN || input.data[INPUT_LEN - 1] > 1) return EVM_PRECOMPILE_FAILURE;
    uint64_t h[8];
    uint64_t m[16];
    for (size_t i = 0; i < 8; i++) h[i] = get_le64(input.data + 4 + 8 * i);
    for (size_t i = 0; i < 16; i++) m[i] = get_le64(input.data + 68 + 8 * i);
    compress(h, m, get_le64(input.data + 196), get_le64(input.data + 204),
             input.data[INPUT_LEN - 1] == 1, be_get_u32(input.data));

    uint8_t *p = arena_alloc(scratch, sizeof h);
    if (p == NULL) return EVM_INTERNAL;
    memcpy(p, h, sizeof h);
    *out = bytes_make(p, sizeof h);
    return EVM_SUCCESS;
}
