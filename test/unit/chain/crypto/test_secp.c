// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/secp.h"

#include <criterion/criterion.h>

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"

static struct secret_key *key_of(uint8_t last)
{
    struct secret_key *key;
    cr_assert(err_ok(secret_new(&key)));
    key->b[31] = last;
    return key;
}

/// Goal: what is signed recovers to its signer, and nothing else does.
Test(secp, sign_and_recover)
{
    struct secret_key *key = key_of(1);
    secp_pubkey_t pubkey, recovered;
    address_t signer;
    const hash_t digest = keccak256(LIT("message"));
    cr_assert(err_ok(secp_setup()));
    cr_assert(err_ok(secp_pubkey_of(&pubkey, key)));
    const address_t address = secp_address(&pubkey);
    cr_expect_str_eq(hex_address(&address).s, "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf");

    const secp_sig_t sig = secp_sign(key, &digest);
    const secp_sig_t same = secp_sign(key, &digest);
    cr_expect(memcmp(&sig, &same, sizeof sig) == 0, "deterministic");
    cr_assert(err_ok(secp_recover(&recovered, &sig, &digest)));
    cr_expect(memcmp(&recovered, &pubkey, sizeof pubkey) == 0);
    cr_assert(err_ok(secp_recover_address(&signer, &sig, &digest)));
    cr_expect(address_eq(&signer, &address));

    hash_t other = digest;
    other.b[0] ^= 1;
    cr_assert(err_ok(secp_recover_address(&signer, &sig, &other)));
    cr_expect(!address_eq(&signer, &address));

    // The mirrored signature, high s, recovers too: refusing it is the transaction's rule.
    secp_sig_t high = sig;
    u256_t s = u256_from_be32(sig.s);
    u256_sub(&s, &SECP_N, &s);
    u256_to_be32(high.s, &s);
    high.v ^= 1;
    cr_assert(err_ok(secp_recover_address(&signer, &high, &digest)));
    cr_expect(address_eq(&signer, &address));
    secret_free(key);
}

/// Goal: each way a signature cannot be one has a row; the output stays as it was.
Test(secp, recover_refuses)
{
    struct secret_key *key = key_of(2);
    const hash_t digest = keccak256(LIT("message"));
    const secp_sig_t good = secp_sign(key, &digest);
    struct {
        const char *name;
        secp_sig_t sig;
    } cases[5];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) cases[i].sig = good;
    cases[0].name = "v of 4";
    cases[0].sig.v = 4;
    cases[1].name = "r of zero";
    memset(cases[1].sig.r, 0, 32);
    cases[2].name = "s of zero";
    memset(cases[2].sig.s, 0, 32);
    cases[3].name = "r of the order";
    u256_to_be32(cases[3].sig.r, &SECP_N);
    cases[4].name = "s of the order";
    u256_to_be32(cases[4].sig.s, &SECP_N);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        secp_pubkey_t out = {{7}};
        cr_expect_eq(secp_recover(&out, &cases[i].sig, &digest).kind, ERR_INVALID, "%s",
                     cases[i].name);
        cr_expect_eq(out.b[0], 7, "%s: touched", cases[i].name);
    }
    secret_free(key);
}

/// Goal: keys outside 1 .. n-1 are refused everywhere, points off the curve too.
Test(secp, bad_keys)
{
    struct secret_key *zero = key_of(0);
    struct secret_key *order = key_of(0);
    struct secret_key *good = key_of(3);
    secp_pubkey_t pubkey, off;
    uint8_t shared[32];
    u256_to_be32(order->b, &SECP_N);
    cr_expect_eq(secp_pubkey_of(&pubkey, zero).kind, ERR_INVALID);
    cr_expect_eq(secp_pubkey_of(&pubkey, order).kind, ERR_INVALID);
    cr_assert(err_ok(secp_pubkey_of(&pubkey, good)));
    off = pubkey;
    off.b[63] ^= 1;
    cr_expect(err_ok(secp_pubkey_check(&pubkey)));
    cr_expect_eq(secp_pubkey_check(&off).kind, ERR_INVALID);
    cr_expect_eq(secp_ecdh(shared, &off, good).kind, ERR_INVALID);
    cr_expect_eq(secp_ecdh(shared, &pubkey, zero).kind, ERR_INVALID);
    secret_free(zero);
    secret_free(order);
    secret_free(good);
}

/// Goal: both forms of a public key are read, hybrid and other ones are not.
Test(secp, pubkey_forms)
{
    struct secret_key *key = key_of(9);
    secp_pubkey_t pubkey, parsed;
    uint8_t full[65] = {0x04};
    uint8_t small[33];
    cr_assert(err_ok(secp_pubkey_of(&pubkey, key)));
    memcpy(full + 1, pubkey.b, 64);
    secp_pubkey_compress(small, &pubkey);
    cr_assert(err_ok(secp_pubkey_parse(&parsed, BYTES_OF(full))));
    cr_expect(memcmp(&parsed, &pubkey, 64) == 0);
    cr_assert(err_ok(secp_pubkey_parse(&parsed, BYTES_OF(small))));
    cr_expect(memcmp(&parsed, &pubkey, 64) == 0);
    full[0] = (uint8_t)(0x06 | (pubkey.b[63] & 1));
    cr_expect_eq(secp_pubkey_parse(&parsed, BYTES_OF(full)).kind, ERR_MALFORMED, "hybrid");
    cr_expect_eq(secp_pubkey_parse(&parsed, bytes_make(pubkey.b, 64)).kind, ERR_MALFORMED);
    cr_expect_eq(secp_pubkey_parse(&parsed, BYTES_NONE).kind, ERR_MALFORMED);
    memset(small + 1, 0xff, 32);
    cr_expect_eq(secp_pubkey_parse(&parsed, BYTES_OF(small)).kind, ERR_INVALID,
                 "x above the field");
    secret_free(key);
}

/// Goal: both sides of a key exchange get the same, and fresh keys differ.
Test(secp, exchange_and_keygen)
{
    struct secret_key *a = key_of(0);
    struct secret_key *b = key_of(0);
    secp_pubkey_t pa, pb;
    uint8_t ab[32], ba[32];
    cr_assert(err_ok(secp_keygen(a)) && err_ok(secp_keygen(b)));
    cr_expect(memcmp(a->b, b->b, 32) != 0);
    cr_assert(err_ok(secp_pubkey_of(&pa, a)) && err_ok(secp_pubkey_of(&pb, b)));
    cr_assert(err_ok(secp_ecdh(ab, &pb, a)) && err_ok(secp_ecdh(ba, &pa, b)));
    cr_expect(memcmp(ab, ba, 32) == 0);
    secret_free(a);
    secret_free(b);
}
