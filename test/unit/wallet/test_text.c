// SPDX-License-Identifier: Apache-2.0
#include "wallet/text.h"

#include "chain/base/bytes.h"

#include <criterion/criterion.h>

/// Goal: amounts as people write them, and what is none.
Test(text, amounts)
{
    static const struct {
        const char *text;
        enum err_kind kind;
        const char *wei;
    } cases[] = {
        {"1", ERR_NONE, "1000000000000000000"},
        {"1.5", ERR_NONE, "1500000000000000000"},
        {"0.000000000000000001", ERR_NONE, "1"},
        {"12 CAIRN", ERR_NONE, "12000000000000000000"},
        {"12cairn", ERR_NONE, "12000000000000000000"},
        {"0.5ether", ERR_NONE, "500000000000000000"},
        {"3gwei", ERR_NONE, "3000000000"},
        {"1.000000001 gwei", ERR_NONE, "1000000001"},
        {"7wei", ERR_NONE, "7"},
        {"0x10", ERR_NONE, "16"},
        {".5", ERR_NONE, "500000000000000000"},
        {"", ERR_MALFORMED, NULL},
        {".", ERR_MALFORMED, NULL},
        {"1.", ERR_MALFORMED, NULL},
        {"-1", ERR_MALFORMED, NULL},
        {"1e18", ERR_MALFORMED, NULL},
        {"1,5", ERR_MALFORMED, NULL},
        {"1 shekel", ERR_MALFORMED, NULL},
        {"0xzz", ERR_MALFORMED, NULL},
        {"0.0000000000000000001", ERR_INVALID, NULL},
        {"0.5wei", ERR_INVALID, NULL},
        {"1157920892373161954235709850086879078532699846656405640394575840", ERR_LIMIT, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        u256_t v = u256_from_u64(77);
        const err_t err = text_parse_amount(&v, cases[i].text);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].text, err_text(err));
        if (err_ok(err))
            cr_expect_str_eq(u256_dec(&v).s, cases[i].wei, "%s", cases[i].text);
        else
            cr_expect_eq(v.limb[0], 77, "%s: changed", cases[i].text);
    }
}

/// Goal: what is shown is never more than what is there, and reads back.
Test(text, amount_shown)
{
    static const struct {
        const char *wei;
        unsigned digits;
        const char *shown;
    } cases[] = {
        {"0", 18, "0"},
        {"1", 18, "0.000000000000000001"},
        {"1", 6, "0"},
        {"1999999999999999999", 6, "1.999999"},
        {"1000000000000000000", 6, "1"},
        {"1500000000000000000", 6, "1.5"},
        {"66481994459833795013", 6, "66.481994"},
        {"115792089237316195423570985008687907853269984665640564039457584007913129639935", 18,
         "115792089237316195423570985008687907853269984665640564039457.584007913129639935"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        u256_t v;
        cr_assert(err_ok(u256_parse(&v, bytes_of_str(cases[i].wei))));
        cr_expect_str_eq(text_amount(&v, cases[i].digits).s, cases[i].shown);
    }
}

/// Goal: addresses need their prefix and, in mixed case, their checksum.
Test(text, addresses)
{
    address_t a;
    cr_expect(err_ok(text_parse_address(&a, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")));
    cr_expect_str_eq(text_address(&a).s, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
    cr_expect(err_ok(text_parse_address(&a, "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf")));
    cr_expect_eq(text_parse_address(&a, "0x7E5F4552091A69125d5DfCb7b8C2659029395BdF").kind,
                 ERR_MISMATCH);
    cr_expect_eq(text_parse_address(&a, "7e5f4552091a69125d5dfcb7b8c2659029395bdf").kind,
                 ERR_MALFORMED);
    cr_expect_eq(text_parse_address(&a, "0x7e5f4552091a69125d5dfcb7b8c2659029395bd").kind,
                 ERR_MALFORMED);
    cr_expect_eq(text_parse_address(&a, "").kind, ERR_MALFORMED);
    hash_t h;
    cr_expect_eq(text_parse_hash(&h, "0x12").kind, ERR_MALFORMED);
    cr_expect_eq(text_parse_hash(&h, "").kind, ERR_MALFORMED);
}

/// Goal: durations with units, rounded up; numbers within bounds.
Test(text, durations_and_numbers)
{
    static const struct {
        const char *text;
        enum err_kind kind;
        uint32_t seconds;
    } cases[] = {
        {"60", ERR_NONE, 60},       {"60s", ERR_NONE, 60},     {"500ms", ERR_NONE, 1},
        {"1001ms", ERR_NONE, 2},    {"2min", ERR_NONE, 120},   {"1h", ERR_NONE, 3600},
        {"3d", ERR_NONE, 259200},   {"", ERR_MALFORMED, 0},    {"s", ERR_MALFORMED, 0},
        {"1.5h", ERR_MALFORMED, 0}, {"5 s", ERR_MALFORMED, 0}, {"99999d", ERR_LIMIT, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t v = 0;
        const err_t err = text_parse_seconds(&v, cases[i].text);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].text, err_text(err));
        cr_expect_eq(v, cases[i].seconds, "%s", cases[i].text);
    }
    uint64_t n = 1;
    cr_expect(err_ok(text_parse_u64(&n, "18446744073709551615", UINT64_MAX)));
    cr_expect_eq(n, UINT64_MAX);
    cr_expect_eq(text_parse_u64(&n, "18446744073709551616", UINT64_MAX).kind, ERR_LIMIT);
    cr_expect_eq(text_parse_u64(&n, "11", 10).kind, ERR_LIMIT);
    cr_expect_eq(text_parse_u64(&n, "0x1", 10).kind, ERR_MALFORMED);
    cr_expect_eq(text_parse_u64(&n, "", 10).kind, ERR_MALFORMED);
}

/// Goal: text from the chain cannot move the cursor.
Test(text, escaping)
{
    struct buf b;
    buf_init(&b, 4096);
    text_put_escaped(&b, "ok \x1b[2J\n\\ \xc3\xa9\x7f");
    buf_put_u8(&b, 0);
    cr_expect_str_eq((const char *)b.data, "ok \\x1b[2J\\x0a\\\\ \\xc3\\xa9\\x7f");
    buf_deinit(&b);
}

/// Goal: ages and times.
Test(text, times)
{
    cr_expect_str_eq(text_age(100, 103).s, "3 s ago");
    cr_expect_str_eq(text_age(280, 100).s, "in 3 min");
    cr_expect_str_eq(text_age(0, 7200).s, "2 h ago");
    cr_expect_str_eq(text_age(0, 864000).s, "10 days ago");
    cr_expect_str_eq(text_time(0).s, "1970-01-01T00:00:00Z");
    cr_expect_str_eq(text_time(1772461931).s, "2026-03-02T14:32:11Z");
}
