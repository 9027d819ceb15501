// SPDX-License-Identifier: Apache-2.0
#include "chain/types/address.h"

#include <criterion/criterion.h>

/// Goal: the addresses of EIP-55 print as they stand there.
Test(address, checksum)
{
    static const char *const examples[] = {
        "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        address_t a;
        cr_assert(err_ok(address_parse(&a, bytes_of_str(examples[i]))), "%s", examples[i]);
        cr_expect_str_eq(address_to_checksum(&a).s, examples[i]);
    }
}

/// Goal: each way a text is not an address has a row.
static const struct {
    const char *name;
    bytes_t in;
    enum err_kind kind;
} cases[] = {
    {"lower case", LIT("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"), ERR_NONE},
    {"upper case", LIT("0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED"), ERR_NONE},
    {"no prefix", LIT("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), ERR_NONE},
    {"one letter's case", LIT("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"), ERR_MISMATCH},
    {"one digit changed", LIT("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAdd"), ERR_MISMATCH},
    {"39 digits", LIT("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae"), ERR_MALFORMED},
    {"41 digits", LIT("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaedd"), ERR_MALFORMED},
    {"not a digit", LIT("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg"), ERR_MALFORMED},
    {"two prefixes", LIT("0x0xeb6053f3e94c9b9a09f33669435e7ef1beaed0"), ERR_MALFORMED},
    {"empty", LIT(""), ERR_MALFORMED},
};

Test(address, parse)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        address_t a = {{7}};
        const err_t err = address_parse(&a, cases[i].in);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].name, err_text(err));
        cr_expect_eq(a.b[0], err_ok(err) ? 0x5a : 7, "%s", cases[i].name);
    }
}
