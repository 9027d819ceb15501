// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/keccak.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "chain/base/hex.h"
#include "chain/crypto/keccak_impl.h"

/// Goal: published values, and the three constants.
Test(keccak, known_values)
{
    static const struct {
        bytes_t in;
        const char *out;
    } cases[] = {
        {LIT(""), "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {LIT("abc"), "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {LIT("hello"), "0x1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8"},
        {LIT("Transfer(address,address,uint256)"),
         "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const hash_t h = keccak256(cases[i].in);
        cr_expect_str_eq(hex_hash(&h).s, cases[i].out);
    }
    const hash_t empty = keccak256(BYTES_NONE);
    const hash_t null = keccak256(LIT("\x80"));
    const hash_t list = keccak256(LIT("\xc0"));
    cr_expect(hash_eq(&empty, &KECCAK_EMPTY));
    cr_expect(hash_eq(&null, &KECCAK_RLP_NULL));
    cr_expect(hash_eq(&list, &KECCAK_RLP_LIST));
}

/// The sponge in its plainest form: byte by byte, 24 rounds from the reference's text.
static void plain_permute(uint64_t a[25])
{
    static const unsigned rotation[25] = {0,  1,  62, 28, 27, 36, 44, 6,  55, 20, 3,  10, 43,
                                          25, 39, 41, 45, 15, 21, 8,  18, 2,  61, 56, 14};
    for (unsigned round = 0; round < 24; round++) {
        uint64_t c[5], b[25];
        for (unsigned x = 0; x < 5; x++) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (unsigned i = 0; i < 25; i++) {
            const uint64_t up = c[(i % 5 + 1) % 5];
            a[i] ^= c[(i % 5 + 4) % 5] ^ (up << 1 | up >> 63);
        }
        for (unsigned i = 0; i < 25; i++) {
            const unsigned x = i % 5, y = i / 5, n = rotation[i];
            b[y + 5 * ((2 * x + 3 * y) % 5)] = n == 0 ? a[i] : a[i] << n | a[i] >> (64 - n);
        }
        for (unsigned i = 0; i < 25; i++) {
            const unsigned row = i - i % 5;
            a[i] = b[i] ^ (~b[row + (i + 1) % 5] & b[row + (i + 2) % 5]);
        }
        a[0] ^= keccak_round_constants[round];
    }
}

static hash_t plain_keccak(bytes_t in)
{
    uint64_t a[25] = {0};
    uint8_t *bytes = (uint8_t *)a;
    size_t fill = 0;
    for (size_t i = 0; i < in.len; i++) {
        bytes[fill++] ^= in.data[i];
        if (fill == KECCAK_RATE) {
            plain_permute(a);
            fill = 0;
        }
    }
    bytes[fill] ^= 0x01;
    bytes[KECCAK_RATE - 1] ^= 0x80;
    plain_permute(a);
    hash_t h;
    memcpy(h.b, a, sizeof h.b);
    return h;
}

/// Goal: every variant of the permutation is the reference's.
Test(keccak, permutations_agree)
{
    uint64_t plain[25], fast[25], bmi[25];
    unsigned seed = 7;
    for (unsigned i = 0; i < 25; i++) {
        plain[i] = (uint64_t)rand_r(&seed) << 40 ^ (uint64_t)rand_r(&seed) << 15;
    }
    memcpy(fast, plain, sizeof plain);
    memcpy(bmi, plain, sizeof plain);
    for (unsigned i = 0; i < 50; i++) {
        plain_permute(plain);
        keccak_permute_scalar(fast, false);
        keccak_permute_scalar(bmi, true);
        cr_assert(memcmp(plain, fast, sizeof plain) == 0, "plain variant, step %u", i);
        cr_assert(memcmp(plain, bmi, sizeof plain) == 0, "bmi2 variant, step %u", i);
    }
}

/// Goal: around every block boundary, whole, in pieces and in lanes of every width are one.
Test(keccak, lengths_pieces_and_lanes)
{
    enum { LENGTHS = 420 };
    static uint8_t data[LENGTHS + 8];
    static bytes_t in[LENGTHS];
    static hash_t want[LENGTHS], got[LENGTHS];
    unsigned seed = 3;
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)rand_r(&seed);
    for (size_t n = 0; n < LENGTHS; n++) {
        in[n] = bytes_make(data + n % 8, n); // unaligned on purpose
        want[n] = plain_keccak(in[n]);
        const hash_t whole = keccak256(in[n]);
        cr_assert(hash_eq(&whole, &want[n]), "length %zu", n);

        struct keccak k;
        keccak_init(&k);
        for (size_t at = 0; at < n;) {
            size_t part = (size_t)rand_r(&seed) % 150;
            if (part > n - at) part = n - at;
            keccak_update(&k, bytes_make(in[n].data + at, part));
            at += part;
        }
        struct keccak copy = k;
        const hash_t streamed = keccak_final(&k);
        const hash_t again = keccak_final(&copy);
        cr_assert(hash_eq(&streamed, &want[n]) && hash_eq(&again, &want[n]), "pieces of %zu", n);
    }
    const unsigned best = keccak_best_width();
    for (unsigned width = 1; width <= best; width *= 2) {
        if (width == 2) continue;
        for (size_t count = 0; count <= LENGTHS; count += count < 20 ? 1 : 100) {
            memset(got, 0, sizeof got);
            keccak256_many_width(got, in + (LENGTHS - count), count, width);
            cr_assert(memcmp(got, want + (LENGTHS - count), count * sizeof(hash_t)) == 0,
                      "%zu inputs in %u lanes", count, width);
        }
    }
    keccak256_many(got, in, LENGTHS);
    cr_assert(memcmp(got, want, sizeof want) == 0);
}
