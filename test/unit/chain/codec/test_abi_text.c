// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/abi.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "test/support/vectors.h"

#define ADDRESS "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

/// Goal: what people type, and what it becomes when printed again; NULL is a refusal.
static const struct {
    const char *type;
    const char *typed;
    const char *printed;
} cases[] = {
    {"uint256", "0", "0"},
    {"uint256", " 17 ", "17"},
    {"uint256", "0x11", "17"},
    {"uint256", "1.5ether", "1500000000000000000"},
    {"uint256", "1 ether", "1000000000000000000"},
    {"uint256", "3gwei", "3000000000"},
    {"uint256", "7wei", "7"},
    {"uint8", "255", "255"},
    {"uint8", "256", NULL},
    {"uint256", "-1", NULL},
    {"uint256", "", NULL},
    {"uint256", "1.", NULL},
    {"uint256", ".5ether", NULL},
    {"uint256", "1.5", NULL},
    {"uint256", "1.2.3ether", NULL},
    {"uint256", "1.0000000000000000001ether", NULL},
    {"uint256", "ether", NULL},
    {"uint256", "0x1ether", NULL},
    {"uint256", "12x", NULL},
    {"int8", "-128", "-128"},
    {"int8", "-129", NULL},
    {"int8", "128", NULL},
    {"int256", "-1.5gwei", "-1500000000"},
    {"int256", "57896044618658097711785492504343953926634992332820282019728792003956564819968",
     NULL},
    {"int256", "-57896044618658097711785492504343953926634992332820282019728792003956564819968",
     "-57896044618658097711785492504343953926634992332820282019728792003956564819968"},
    {"int256", "-57896044618658097711785492504343953926634992332820282019728792003956564819969",
     NULL},
    {"bool", "true", "true"},
    {"bool", "1", NULL},
    {"address", ADDRESS, ADDRESS},
    {"address", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", ADDRESS},
    {"address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", NULL},
    {"address", "0x12", NULL},
    {"bytes4", "0x01020304", "0x01020304"},
    {"bytes4", "0x010203", NULL},
    {"bytes4", "01020304", NULL},
    {"bytes", "0x", "0x"},
    {"bytes", "0x123", NULL},
    {"bytes", "hello", NULL},
    {"string", " as it is, \"quoted\" ", "\" as it is, \\\"quoted\\\" \""},
    {"string", "", "\"\""},
    {"uint256[]", "[]", "[]"},
    {"uint256[]", "[1, 2,3]", "[1, 2, 3]"},
    {"uint256[]", "[1,]", NULL},
    {"uint256[]", "1,2", NULL},
    {"uint256[2]", "[1]", NULL},
    {"uint256[2]", "[1,2]", "[1, 2]"},
    {"uint256[][]", "[[1],[],[2,3]]", "[[1], [], [2, 3]]"},
    {"string[]", "[plain, \"a, b\", \"q\\\"\"]", "[\"plain\", \"a, b\", \"q\\\"\"]"},
    {"(uint256 n, string s)", "(7, \"x]y\")", "(n: 7, s: \"x]y\")"},
    {"(uint256,bool)[]", "[(1,true),(2,false)]", "[(1, true), (2, false)]"},
    {"(uint256,bool)", "(1)", NULL},
};

Test(abi_text, typed_and_printed)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = vectors_arena((size_t)1 << 20);
        struct abi_signature s;
        struct abi_value v;
        struct abi_detail detail = {""};
        struct buf b;
        char signature[128];
        snprintf(signature, sizeof signature, "(%s)", cases[i].type);
        buf_init(&b, 4096);
        cr_assert(err_ok(abi_signature_parse(&s, &arena, bytes_of_str(signature))));
        const struct abi_type *type = &s.inputs.fields[0];
        const err_t err = abi_value_parse(&v, &arena, type, bytes_of_str(cases[i].typed), &detail);
        cr_expect_eq(err_ok(err), cases[i].printed != NULL, "%s `%s`: %s", cases[i].type,
                     cases[i].typed, detail.text);
        if (err_ok(err) && cases[i].printed != NULL) {
            abi_value_print(&b, type, &v);
            cr_expect(bytes_eq(buf_bytes(&b), bytes_of_str(cases[i].printed)), "%s `%s`: %.*s",
                      cases[i].type, cases[i].typed, (int)b.len, (const char *)b.data);
        } else {
            cr_expect_neq(detail.text[0], '\0', "%s: no detail", cases[i].typed);
        }
        buf_deinit(&b);
        arena_deinit(&arena);
    }
}

/// Goal: a refused argument is named by number, name, type and what was seen.
Test(abi_text, detail)
{
    struct arena arena = vectors_arena((size_t)1 << 20);
    struct abi_signature s;
    struct abi_value v[2];
    struct abi_detail detail;
    const char *const bad[] = {ADDRESS, "12x"};
    cr_assert(err_ok(abi_signature_parse(&s, &arena, LIT("transfer(address to, uint256 amount)"))));
    cr_expect_eq(abi_args_parse(v, &arena, &s.inputs, bad, 2, &detail).kind, ERR_MALFORMED);
    cr_expect_eq(
        strncmp(detail.text, "argument 2: uint256 amount: `12x` does not fit; expected ", 57), 0,
        "%s", detail.text);
    cr_expect_eq(abi_args_parse(v, &arena, &s.inputs, bad, 1, &detail).kind, ERR_INVALID);
    cr_expect_str_eq(detail.text, "got 1 arguments; expected 2");
    const char *const good[] = {ADDRESS, "12"};
    cr_expect(err_ok(abi_args_parse(v, &arena, &s.inputs, good, 2, NULL)));
    arena_deinit(&arena);
}

/// Goal: text from a chain cannot drive a terminal, whatever its encoding.
Test(abi_text, hostile_strings)
{
    static const struct {
        bytes_t in;
        const char *out;
    } strings[] = {
        {LIT("\x1b[31m\n"), "\"\\u{1b}[31m\\u{a}\""},
        {LIT("\xc2\x9b"), "\"\\u{9b}\""},
        {LIT("\xe2\x80\xae"), "\"\\u{202e}\""},
        {LIT("\xff\xc3"), "\"\\xff\\xc3\""},
        {LIT("\xc0\xaf"), "\"\\xc0\\xaf\""},
        {LIT("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\""},
        {LIT("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct buf b;
        buf_init(&b, 256);
        const struct abi_value v = {.kind = ABI_STRING, .bytes = strings[i].in};
        const struct abi_type type = {.kind = ABI_STRING};
        abi_value_print(&b, &type, &v);
        cr_expect(bytes_eq(buf_bytes(&b), bytes_of_str(strings[i].out)), "row %zu: %.*s", i,
                  (int)b.len, (const char *)b.data);
        buf_deinit(&b);
    }
}

/// Goal: JSON keeps numbers exact and names the fields that have names.
Test(abi_text, json)
{
    struct arena arena = vectors_arena((size_t)1 << 20);
    struct abi_signature s;
    struct abi_value v;
    cr_assert(err_ok(abi_signature_parse(
        &s, &arena, LIT("((int256 n, bytes b, bool ok, string t, (uint8,uint8) pair) all)"))));
    const struct abi_type *type = &s.inputs.fields[0];
    cr_assert(
        err_ok(abi_value_parse(&v, &arena, type, LIT("(-5, 0xab, true, \"x\", (1,2))"), NULL)));
    json_t *json = abi_value_json(type, &v);
    char *text = json_dumps(json, JSON_COMPACT);
    cr_expect_str_eq(
        text, "{\"n\":\"-5\",\"b\":\"0xab\",\"ok\":true,\"t\":\"x\",\"pair\":[\"1\",\"2\"]}");
    free(text);
    json_decref(json);
    const struct abi_value not_utf8 = {.kind = ABI_STRING, .bytes = LIT("\xff")};
    json = abi_value_json(type, &not_utf8);
    cr_expect_str_eq(json_string_value(json), "0xff");
    json_decref(json);
    arena_deinit(&arena);
}
