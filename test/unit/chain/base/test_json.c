// SPDX-License-Identifier: Apache-2.0
#include "chain/base/json.h"

#include <criterion/criterion.h>
#include <string.h>

/// Goal: each kind of text that is not one JSON value is refused, with a place.
static const struct {
    const char *name;
    bytes_t in;
    enum err_kind kind;
} cases[] = {
    {"object", LIT("{\"a\": [1, 2]}"), ERR_NONE},
    {"bare value", LIT(" 7 "), ERR_NONE},
    {"brackets in a string do not nest", LIT("\"[[[[\\\"[[[[\""), ERR_NONE},
    {"empty", LIT(""), ERR_MALFORMED},
    {"cut", LIT("{\"a\": "), ERR_MALFORMED},
    {"two values", LIT("1 2"), ERR_MALFORMED},
    {"a member twice", LIT("{\"a\":1,\"a\":2}"), ERR_MALFORMED},
    {"not UTF-8", LIT("\"\xff\""), ERR_MALFORMED},
    {"trailing comma", LIT("[1,]"), ERR_MALFORMED},
};

Test(json, parse)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *v = NULL;
        struct json_detail detail = {""};
        const err_t err = json_parse(&v, cases[i].in, &detail);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].name, err_text(err));
        if (!err_ok(err)) cr_expect_neq(detail.text[0], '\0', "%s: no detail", cases[i].name);
        if (err_ok(err)) json_decref(v);
    }
}

/// Goal: depth is bounded exactly.
Test(json, depth)
{
    char text[2 * JSON_MAX_DEPTH + 3];
    for (unsigned extra = 0; extra < 2; extra++) {
        const size_t n = JSON_MAX_DEPTH + extra;
        memset(text, '[', n);
        memset(text + n, ']', n);
        json_t *v = NULL;
        const err_t err = json_parse(&v, bytes_make(text, 2 * n), NULL);
        cr_expect_eq(err.kind, extra == 0 ? ERR_NONE : ERR_LIMIT);
        if (err_ok(err)) json_decref(v);
    }
}

/// Goal: letter case is ignored, null is absent, two spellings are seen.
Test(json, member_nocase)
{
    json_t *o = json_loads("{\"LondonBlock\": 0, \"x\": null, \"A\": 1, \"a\": 2}", 0, NULL);
    bool twice = false;
    cr_expect_not_null(json_member_nocase(o, "londonblock", &twice));
    cr_expect_null(json_member_nocase(o, "x", &twice));
    cr_expect_null(json_member_nocase(o, "none", &twice));
    cr_expect(!twice);
    cr_expect_not_null(json_member_nocase(o, "a", &twice));
    cr_expect(twice);
    cr_expect_null(json_member_nocase(NULL, "a", NULL));
    json_decref(o);
}
