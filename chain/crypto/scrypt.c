// SPDX-License-Identifier: Apache-2.0
// scrypt (RFC 7914). Not OpenSSL's: that one refuses n >= 2^(16 r), which key files with
// r = 1 and n = 262144, common ones among them, break.
#include "chain/crypto/cipher.h"

#include <sys/mman.h>

#include "chain/crypto/secret.h"

#define SCRYPT_MAX_N ((uint64_t)1 << 20)
#define SCRYPT_MAX_RP 64
#define SCRYPT_MAX_BYTES ((uint64_t)1 << 30)

/// Words of one Salsa20 block.
#define BLOCK 16

static inline uint32_t rotl(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

#define QUARTER(A, B, C, D)                                                                        \
    do {                                                                                           \
        x[B] ^= rotl(x[A] + x[D], 7);                                                              \
        x[C] ^= rotl(x[B] + x[A], 9);                                                              \
        x[D] ^= rotl(x[C] + x[B], 13);                                                             \
        x[A] ^= rotl(x[D] + x[C], 18);                                                             \
    } while (0)

/// b = Salsa20/8(b ^ in)
static inline void salsa20_8(uint32_t b[BLOCK], const uint32_t in[BLOCK])
{
    uint32_t x[BLOCK];
    for (size_t i = 0; i < BLOCK; i++) {
        b[i] ^= in[i];
        x[i] = b[i];
    }
    for (unsigned round = 0; round < 8; round += 2) {
        QUARTER(0, 4, 8, 12);
        QUARTER(5, 9, 13, 1);
        QUARTER(10, 14, 2, 6);
        QUARTER(15, 3, 7, 11);
        QUARTER(0, 1, 2, 3);
        QUARTER(5, 6, 7, 4);
        QUARTER(10, 11, 8, 9);
        QUARTER(15, 12, 13, 14);
    }
    for (size_t i = 0; i < BLOCK; i++) b[i] += x[i];
}

/// scryptBlockMix: 2r blocks from `in` to `out`, even results first, odd ones after.
static void block_mix(uint32_t *out, const uint32_t *in, size_t r)
{
    uint32_t x[BLOCK];
    memcpy(x, in + (2 * r - 1) * BLOCK, sizeof x);
    for (size_t i = 0; i < 2 * r; i++) {
        salsa20_8(x, in + i * BLOCK);
        memcpy(out + (i / 2 + (i % 2) * r) * BLOCK, x, sizeof x);
    }
}

/// scryptROMix over one lane of 32 r words. `table` has n rows, `y` one.
static void rom_mix(uint32_t *lane, uint32_t *table, uint32_t *y, uint64_t n, size_t r)
{
    const size_t words = 32 * r;
    for (uint64_t i = 0; i < n; i++) {
        memcpy(table + i * words, lane, words * sizeof *lane);
        block_mix(y, lane, r);
        memcpy(lane, y, words * sizeof *lane);
    }
    for (uint64_t i = 0; i < n; i++) {
        // Integerify: the first word pair of the last block; n is at most 2^20.
        const uint64_t j = lane[(2 * r - 1) * BLOCK] & (n - 1);
        const uint32_t *row = table + j * words;
        for (size_t k = 0; k < words; k++) lane[k] ^= row[k];
        block_mix(y, lane, r);
        memcpy(lane, y, words * sizeof *lane);
    }
}

static err_t check_cost(uint64_t n, uint32_t r, uint32_t p)
{
    if (n < 2 || (n & (n - 1)) != 0)
        return FAIL(INVALID, "scrypt: n is not a power of two above 1");
    if (r == 0 || p == 0) return FAIL(INVALID, "scrypt: r or p is zero");
    if (n > SCRYPT_MAX_N || (uint64_t)r * p > SCRYPT_MAX_RP) {
        return FAIL(LIMIT, "scrypt: n above 2^20 or r * p above 64");
    }
    // n <= 2^20 and r <= 64: the product stays far below 2^64.
    if (128 * n * r > SCRYPT_MAX_BYTES)
        return FAIL(LIMIT, "scrypt: needs more than 1 GiB of memory");
    return OK;
}

err_t scrypt_kdf(uint8_t *out, size_t out_len, bytes_t password, bytes_t salt, uint64_t n,
                 uint32_t r, uint32_t p)
{
    TRY(check_cost(n, r, p));
    const size_t lane_bytes = 128 * (size_t)r;
    const size_t lanes_bytes = lane_bytes * p;
    const size_t total = lanes_bytes + lane_bytes * (n + 1);
    uint32_t *memory =
        mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return FAIL(IO, "scrypt: out of memory");

    uint32_t *lanes = memory;
    uint32_t *y = memory + lanes_bytes / sizeof *memory;
    uint32_t *table = y + lane_bytes / sizeof *memory;
    err_t err = pbkdf2_sha256((uint8_t *)lanes, lanes_bytes, password, salt, 1);
    for (uint32_t i = 0; i < p && err.kind == ERR_NONE; i++) {
        // The words are little endian, as on every machine we run on.
        rom_mix(lanes + i * lane_bytes / sizeof *memory, table, y, n, r);
    }
    if (err.kind == ERR_NONE) {
        err = pbkdf2_sha256(out, out_len, password, bytes_make(lanes, lanes_bytes), 1);
    }
    secret_wipe(memory, lanes_bytes + lane_bytes);
    munmap(memory, total);
    return err;
}
