// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/commitment.h"

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"

#include <criterion/criterion.h>

static hash_t hash_of_hex(const char *text)
{
    hash_t h;
    cr_assert(err_ok(hex_decode_fixed(h.b, sizeof h.b, bytes_of_str(text))));
    return h;
}

static hash_t filled(uint8_t byte)
{
    hash_t h;
    memset(h.b, byte, sizeof h.b);
    return h;
}

static address_t address_filled(uint8_t byte)
{
    address_t a;
    memset(a.b, byte, sizeof a.b);
    return a;
}

/// Goal: updRoot of demo.md's small vector.
Test(fed_commitment, small_vector)
{
    static const int16_t u[] = {1, -2, 3, -4, 5, -6, 7};
    const hash_t root = fed_root_i16(u, ARRAY_LEN(u));
    const hash_t want =
        hash_of_hex("77d9cd78a5316763e99c1b3dc8372bb04b15ce62f00fefa49cd6304fecb65d51");
    cr_expect(hash_eq(&root, &want), "%s", hex_hash(&root).s);
}

/// Section 2 word by word: levels, a lone last node promoted.
static hash_t naive_root(const uint8_t *data, size_t len, size_t chunk)
{
    hash_t level[64];
    size_t n = 0;
    for (size_t at = 0; at < len; at += chunk) {
        uint8_t in[1 + 8 + 64] = {0};
        in[8] = (uint8_t)n;
        memcpy(in + 9, data + at, len - at < chunk ? len - at : chunk);
        level[n++] = keccak256(bytes_make(in, 9 + chunk));
    }
    for (; n > 1; n = (n + 1) / 2) {
        for (size_t i = 0; i < n; i += 2) {
            if (i + 1 == n) {
                level[i / 2] = level[i];
                continue;
            }
            uint8_t in[65] = {1};
            memcpy(in + 1, level[i].b, 32);
            memcpy(in + 33, level[i + 1].b, 32);
            level[i / 2] = keccak256(bytes_make(in, sizeof in));
        }
    }
    return level[0];
}

/// Goal: for every number of chunks the root is the definition's, every chunk has a proof,
/// and a proof holds for its chunk, place, count and root only.
Test(fed_commitment, merkle)
{
    enum { CHUNK = 32 };
    uint8_t data[40 * CHUNK];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t len = 1; len <= sizeof data; len += len < 200 ? 1 : 31) {
        const bytes_t all = bytes_make(data, len);
        const hash_t root = fed_merkle_root(all, CHUNK);
        const hash_t want = naive_root(data, len, CHUNK);
        cr_assert(hash_eq(&root, &want), "%zu bytes", len);

        const uint64_t count = (len + CHUNK - 1) / CHUNK;
        for (uint64_t i = 0; i < count; i++) {
            struct fed_merkle_proof proof;
            cr_assert(err_ok(fed_merkle_prove(&proof, all, CHUNK, i)));
            uint8_t padded[CHUNK] = {0};
            memcpy(padded, data + i * CHUNK, len - i * CHUNK < CHUNK ? len - i * CHUNK : CHUNK);
            const bytes_t chunk = bytes_make(padded, CHUNK);
            cr_expect(fed_merkle_verify(&root, &proof, chunk, i, count));
            cr_expect_not(fed_merkle_verify(&root, &proof, chunk, i + 1, count));
            cr_expect_not(fed_merkle_verify(&root, &proof, chunk, i, i));
            padded[i % CHUNK] ^= 1;
            cr_expect_not(fed_merkle_verify(&root, &proof, chunk, i, count));
            padded[i % CHUNK] ^= 1;
            if (proof.count > 0) {
                proof.sibling[proof.count - 1].b[9] ^= 4;
                cr_expect_not(fed_merkle_verify(&root, &proof, chunk, i, count));
                proof.sibling[proof.count - 1].b[9] ^= 4;
                proof.count--;
                cr_expect_not(fed_merkle_verify(&root, &proof, chunk, i, count));
                proof.count++;
            }
            proof.sibling[proof.count++] = filled(1);
            cr_expect_not(fed_merkle_verify(&root, &proof, chunk, i, count));
        }
        struct fed_merkle_proof proof;
        cr_expect_eq(fed_merkle_prove(&proof, all, CHUNK, count).kind, ERR_INVALID);
    }
}

/// Keccak of hexadecimal words, the way a reader of the ABI specification would write them.
static hash_t keccak_of_words(const char *const *word, size_t count)
{
    uint8_t in[32 * 32] = {0};
    for (size_t i = 0; i < count; i++) {
        const size_t digits = strlen(word[i]);
        cr_assert(err_ok(
            hex_decode_fixed(in + 32 * i + 32 - digits / 2, digits / 2, bytes_of_str(word[i]))));
    }
    return keccak256(bytes_make(in, 32 * count));
}
#define KECCAK_OF(...)                                                                             \
    keccak_of_words((const char *const[]){__VA_ARGS__},                                            \
                    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

#define X32(B) B B B B B B B B B B B B B B B B B B B B B B B B B B B B B B B B
#define X20(B) B B B B B B B B B B B B B B B B B B B B

/// Goal: each identifier is the hash of exactly the words of its abi.encode.
Test(fed_commitment, encodings)
{
    const address_t rounds = address_filled(0x11);
    const address_t who = address_filled(0x22);

    const struct fed_reveal reveal = {filled(1), filled(2), filled(3), 2049,       64, filled(6),
                                      filled(7), filled(8), filled(9), filled(10), 11, filled(12)};
    const hash_t typehash = fed_commit_typehash();
    hash_t got = fed_commit_digest(1337, &rounds, 5, &who, &reveal);
    hash_t want = KECCAK_OF(hex_hash(&typehash).s + 2, "0539", X20("11"), "05", X20("22"),
                            X32("01"), X32("02"), X32("03"), "0801", "40", X32("06"), X32("07"),
                            X32("08"), X32("09"), X32("0a"), "0b", X32("0c"));
    cr_expect(hash_eq(&got, &want), "commit digest");

    got = fed_family_id(1337, &rounds, &who, 258);
    want = KECCAK_OF("0539", X20("11"), X20("22"), "0102");
    cr_expect(hash_eq(&got, &want), "family id");

    const hash_t family = filled(3);
    const hash_t parents[] = {filled(4), filled(5)};
    const hash_t file = filled(6);
    const hash_t root = filled(7);
    got = fed_version_id(&family, FED_KIND_ROUND_AGGREGATE, parents, 2, &file, &root, 9);
    want = KECCAK_OF(X32("03"), "01", "c0", X32("06"), X32("07"), "09", "02", X32("04"), X32("05"));
    cr_expect(hash_eq(&got, &want), "version id");
    got = fed_version_id(&family, FED_KIND_GENESIS, NULL, 0, &file, &root, 0);
    want = KECCAK_OF(X32("03"), "00", "c0", X32("06"), X32("07"), "00", "00");
    cr_expect(hash_eq(&got, &want), "version id without parents");

    const hash_t acc = filled(8);
    const hash_t blocks[] = {filled(9), filled(10)};
    got = fed_seed(1, 1337, &rounds, 5, &acc, blocks, 2);
    want = KECCAK_OF("0100", "01", "0539", X20("11"), "05", X32("08"), X32("09"), X32("0a"), "0a",
                     "434149524e2d53454544" X20("00") "0000");
    cr_expect(hash_eq(&got, &want), "seed");

    const struct fed_receipt receipt = {
        5, who, filled(1), filled(2), 64, 3, {{7, 0, 0, 1}}, {{9, 0, 0, 0}}, filled(4)};
    got = fed_receipt_hash(&receipt);
    want = KECCAK_OF("05", X20("22"), X32("01"), X32("02"), "40", "03",
                     "01"
                     "000000000000000000000000000000000000000000000007",
                     "09", X32("04"));
    cr_expect(hash_eq(&got, &want), "receipt");
}
