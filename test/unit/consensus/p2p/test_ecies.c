// SPDX-License-Identifier: Apache-2.0
/// Goal: what is sealed opens for its owner alone; any changed bit is refused in the same words.

#include "consensus/p2p/ecies.h"

#include <criterion/criterion.h>

static struct secret_key key_of(uint8_t fill)
{
    struct secret_key k;
    memset(k.b, fill, sizeof k.b);
    return k;
}

static const uint8_t IV[16] = {7, 7, 7};

Test(ecies, opens_for_its_owner)
{
    cr_assert(err_ok(secp_setup()));
    const struct secret_key owner = key_of(1), ephemeral = key_of(2), other = key_of(3);
    secp_pubkey_t to;
    cr_assert(err_ok(secp_pubkey_of(&to, &owner)));
    static const size_t lens[] = {0, 1, 16, 194, 1900};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        uint8_t plain[1900];
        uint8_t out[1900];
        memset(plain, 0x5a, sizeof plain);
        struct buf sealed;
        buf_init(&sealed, 4096);
        cr_assert(err_ok(
            ecies_encrypt(&sealed, &to, bytes_make(plain, lens[i]), LIT("ab"), &ephemeral, IV)));
        cr_assert_eq(sealed.len, lens[i] + ECIES_OVERHEAD);
        cr_assert(err_ok(ecies_decrypt(out, buf_bytes(&sealed), LIT("ab"), &owner)));
        cr_expect_eq(memcmp(out, plain, lens[i]), 0);
        cr_expect_eq(ecies_decrypt(out, buf_bytes(&sealed), LIT("ac"), &owner).kind, ERR_INVALID,
                     "other authenticated data");
        cr_expect_eq(ecies_decrypt(out, buf_bytes(&sealed), LIT("ab"), &other).kind, ERR_INVALID,
                     "other key");
        buf_deinit(&sealed);
    }
}

Test(ecies, every_bit_counts)
{
    cr_assert(err_ok(secp_setup()));
    const struct secret_key owner = key_of(1), ephemeral = key_of(2);
    secp_pubkey_t to;
    cr_assert(err_ok(secp_pubkey_of(&to, &owner)));
    struct buf sealed;
    buf_init(&sealed, 4096);
    cr_assert(err_ok(ecies_encrypt(&sealed, &to, LIT("secret"), LIT("ab"), &ephemeral, IV)));
    for (size_t bit = 0; bit < sealed.len * 8; bit++) {
        uint8_t out[6] = {0};
        sealed.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        const err_t err = ecies_decrypt(out, buf_bytes(&sealed), LIT("ab"), &owner);
        cr_expect_eq(err.kind, ERR_INVALID, "bit %zu", bit);
        cr_expect_str_eq(err.why, "ecies: not for this key", "bit %zu", bit);
        cr_expect(out[0] == 0, "nothing was written");
        sealed.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t cut = 0; cut < sealed.len; cut++) {
        uint8_t out[6];
        cr_expect_eq(ecies_decrypt(out, bytes_make(sealed.data, cut), LIT("ab"), &owner).kind,
                     ERR_INVALID, "cut at %zu", cut);
    }
    secp_pubkey_t off = to;
    off.b[63] ^= 1;
    struct buf none;
    buf_init(&none, 4096);
    cr_expect_eq(ecies_encrypt(&none, &off, LIT("x"), LIT(""), &ephemeral, IV).kind, ERR_INVALID,
                 "off the curve");
    buf_deinit(&none);
    buf_deinit(&sealed);
}
