// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/cipher.h"

#include <criterion/criterion.h>

#include "chain/base/hex.h"

static bool is(bytes_t got, const char *hex)
{
    char text[513];
    hex_encode(text, got);
    return strcmp(text, hex) == 0;
}

/// Goal: NIST SP 800-38A, F.5.1 and F.5.5, there and back; other key sizes are refused.
Test(cipher, aes_ctr)
{
    uint8_t iv[16], plain[16], out[16];
    uint8_t key[32];
    cr_assert(err_ok(hex_decode_fixed(iv, 16, LIT("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"))));
    cr_assert(err_ok(hex_decode_fixed(plain, 16, LIT("6bc1bee22e409f96e93d7e117393172a"))));
    cr_assert(err_ok(hex_decode_fixed(key, 16, LIT("2b7e151628aed2a6abf7158809cf4f3c"))));
    cr_assert(err_ok(aes_ctr(out, BYTES_OF(plain), bytes_make(key, 16), iv)));
    cr_expect(is(BYTES_OF(out), "874d6191b620e3261bef6864990db6ce"));
    cr_assert(err_ok(aes_ctr(out, BYTES_OF(out), bytes_make(key, 16), iv)));
    cr_expect(memcmp(out, plain, 16) == 0, "in place and back");
    cr_assert(err_ok(hex_decode_fixed(
        key, 32, LIT("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"))));
    cr_assert(err_ok(aes_ctr(out, BYTES_OF(plain), BYTES_OF(key), iv)));
    cr_expect(is(BYTES_OF(out), "601ec313775789a5b7a7f504bbf3d228"));
    cr_expect_eq(aes_ctr(out, BYTES_OF(plain), bytes_make(key, 24), iv).kind, ERR_INVALID);
    cr_expect(err_ok(aes_ctr(out, BYTES_NONE, BYTES_OF(key), iv)));
}

/// Goal: RFC 4231, case 2.
Test(cipher, hmac)
{
    uint8_t out[64];
    const hash_t h = hmac_sha256(LIT("Jefe"), LIT("what do ya want for nothing?"));
    cr_expect(is(BYTES_OF(h), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    hmac_sha512(out, LIT("Jefe"), LIT("what do ya want for nothing?"));
    cr_expect(is(BYTES_OF(out),
                 "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                 "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"));
    const hash_t empty = hmac_sha256(BYTES_NONE, BYTES_NONE);
    cr_expect(
        is(BYTES_OF(empty), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
}

/// Goal: a BIP-39 derivation, and the refusals.
Test(cipher, pbkdf2)
{
    uint8_t out[64];
    cr_assert(err_ok(
        pbkdf2_sha512(out, 64, LIT("test test test test test test test test test test test junk"),
                      LIT("mnemonic"), 2048)));
    cr_expect(is(bytes_make(out, 8), "9dfc3c64c2f8bede"));
    cr_expect_eq(pbkdf2_sha256(out, 32, LIT("p"), LIT("s"), 0).kind, ERR_INVALID);
    cr_expect_eq(pbkdf2_sha256(out, 32, LIT("p"), LIT("s"), UINT64_MAX).kind, ERR_LIMIT);
}

/// Goal: RFC 7914 section 12, the form with r = 1 that other libraries refuse, and limits.
Test(cipher, scrypt)
{
    uint8_t out[64];
    cr_assert(err_ok(scrypt_kdf(out, 64, BYTES_NONE, BYTES_NONE, 16, 1, 1)));
    cr_expect(is(BYTES_OF(out),
                 "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                 "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"));
    cr_assert(err_ok(scrypt_kdf(out, 64, LIT("password"), LIT("NaCl"), 1024, 8, 16)) == false,
              "r * p = 128 is above our bound");
    cr_assert(
        err_ok(scrypt_kdf(out, 64, LIT("pleaseletmein"), LIT("SodiumChloride"), 16384, 8, 1)));
    cr_expect(is(BYTES_OF(out),
                 "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                 "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"));

    static const struct {
        const char *name;
        uint64_t n;
        uint32_t r, p;
        enum err_kind kind;
    } refused[] = {
        {"n of one", 1, 8, 1, ERR_INVALID},
        {"n not a power of two", 1000, 8, 1, ERR_INVALID},
        {"n of zero", 0, 8, 1, ERR_INVALID},
        {"r of zero", 2, 0, 1, ERR_INVALID},
        {"p of zero", 2, 8, 0, ERR_INVALID},
        {"n too large", (uint64_t)1 << 21, 1, 1, ERR_LIMIT},
        {"r * p that wraps", 2, 65536, 65536, ERR_LIMIT},
        {"more than 1 GiB", (uint64_t)1 << 20, 9, 1, ERR_LIMIT},
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        cr_expect_eq(
            scrypt_kdf(out, 64, LIT("p"), LIT("s"), refused[i].n, refused[i].r, refused[i].p).kind,
            refused[i].kind, "%s", refused[i].name);
    }
}
