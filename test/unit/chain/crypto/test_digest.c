// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/digest.h"

#include <criterion/criterion.h>

#include "chain/base/hex.h"

/// Goal: published values, whole and in pieces.
Test(digest, known_values)
{
    char text[65];
    const hash_t abc = sha256(LIT("abc"));
    const hash_t none = sha256(BYTES_NONE);
    const struct ripemd160_digest r = ripemd160(LIT("abc"));
    cr_expect_str_eq(hex_hash(&abc).s,
                     "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cr_expect_str_eq(hex_hash(&none).s,
                     "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hex_encode(text, BYTES_OF(r));
    cr_expect_str_eq(text, "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");

    struct sha256_stream *s = sha256_new();
    sha256_update(s, LIT("a"));
    sha256_update(s, BYTES_NONE);
    sha256_update(s, LIT("bc"));
    const hash_t pieces = sha256_final_free(s);
    cr_expect(hash_eq(&pieces, &abc));
}
