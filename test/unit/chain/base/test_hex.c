// SPDX-License-Identifier: Apache-2.0
#include "chain/base/hex.h"

#include <criterion/criterion.h>

/// Goal: each way a text is not hexadecimal has a row.
static const struct {
    const char *name;
    bytes_t in;
    enum err_kind kind;
    bytes_t out;
} cases[] = {
    {"empty", LIT(""), ERR_NONE, LIT("")},
    {"prefix alone", LIT("0x"), ERR_NONE, LIT("")},
    {"plain", LIT("00ff10"), ERR_NONE, LIT("\x00\xff\x10")},
    {"prefix", LIT("0x00Ff"), ERR_NONE, LIT("\x00\xff")},
    {"capital prefix", LIT("0XAB"), ERR_NONE, LIT("\xab")},
    {"odd", LIT("0x0"), ERR_MALFORMED, LIT("")},
    {"letter beyond f", LIT("0g"), ERR_MALFORMED, LIT("")},
    {"below 0", LIT("0/"), ERR_MALFORMED, LIT("")},
    {"between 9 and A", LIT("0:"), ERR_MALFORMED, LIT("")},
    {"a sign", LIT("-1"), ERR_MALFORMED, LIT("")},
    {"a space", LIT(" 1"), ERR_MALFORMED, LIT("")},
    {"two prefixes", LIT("0x0x"), ERR_MALFORMED, LIT("")},
    {"five bytes for four", LIT("0102030405"), ERR_LIMIT, LIT("")},
};

Test(hex, decode)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t out[4];
        size_t len = 99;
        const err_t err = hex_decode(out, sizeof out, &len, cases[i].in);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].name, err_text(err));
        if (err_ok(err))
            cr_expect(bytes_eq(bytes_make(out, len), cases[i].out), "%s", cases[i].name);
        if (!err_ok(err)) cr_expect_eq(len, 99, "%s: length touched", cases[i].name);
    }
}

/// Goal: a fixed length is that length and no other.
Test(hex, decode_fixed)
{
    uint8_t out[2];
    cr_expect(err_ok(hex_decode_fixed(out, 2, LIT("0xbeef"))));
    cr_expect(out[0] == 0xbe && out[1] == 0xef);
    cr_expect(err_ok(hex_decode_fixed(out, 2, LIT("dead"))));
    cr_expect_eq(hex_decode_fixed(out, 2, LIT("0xbeef0")).kind, ERR_MALFORMED);
    cr_expect_eq(hex_decode_fixed(out, 2, LIT("0xbe")).kind, ERR_MALFORMED);
    cr_expect_eq(hex_decode_fixed(out, 2, LIT("0x0xbe")).kind, ERR_MALFORMED);
    cr_expect_eq(hex_decode_fixed(out, 2, LIT("0xbe0z")).kind, ERR_MALFORMED);
}

/// Goal: decoding in place and encoding are inverse for every byte.
Test(hex, round_trip)
{
    uint8_t all[256];
    char text[513];
    size_t len;
    for (unsigned i = 0; i < 256; i++) all[i] = (uint8_t)i;
    hex_encode(text, BYTES_OF(all));
    cr_assert_eq(strlen(text), 512);
    cr_assert(err_ok(hex_decode((uint8_t *)text, 256, &len, bytes_make(text, 512))));
    cr_expect(memcmp(text, all, 256) == 0);
    const hash_t h = {{0xab, [31] = 0x01}};
    const address_t a = {{0xcd, [19] = 0x02}};
    cr_expect_str_eq(hex_hash(&h).s,
                     "0xab00000000000000000000000000000000000000000000000000000000000001");
    cr_expect_str_eq(hex_address(&a).s, "0xcd00000000000000000000000000000000000002");
}
