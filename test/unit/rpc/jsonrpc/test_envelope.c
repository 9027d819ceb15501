// SPDX-License-Identifier: Apache-2.0
#include "chain/base/buf.h"
#include "rpc/jsonrpc/envelope.h"

#include <criterion/criterion.h>

/// Goal: members come out as they stand in the text, whatever the space around them; only the
/// request's own members count.
Test(envelope, members)
{
    struct envelopes e;
    struct json_detail detail;
    cr_assert(err_ok(envelopes_cut(
        &e,
        LIT(" {\"params\" : [ {\"id\":9, \"a\":[1,2]} ] ,\"i\\u0064\": -1.50e+3 ,\"x\":null,"
            "\"method\":\"m\",\"jsonrpc\":\"2.0\"} "),
        10, &detail)));
    cr_expect(!e.batch && e.only.is_object);
    cr_expect(bytes_eq(e.only.params, LIT("[ {\"id\":9, \"a\":[1,2]} ]")));
    cr_expect(bytes_eq(e.only.id, LIT("-1.50e+3")));
    cr_expect(bytes_eq(e.only.method, LIT("\"m\"")));
    cr_expect(bytes_eq(e.only.version, LIT("\"2.0\"")));
    envelopes_free(&e);
}

/// Goal: of a batch no more is kept than was wanted, all of it is counted and checked.
Test(envelope, batch)
{
    struct envelopes e;
    struct json_detail detail;
    cr_assert(err_ok(envelopes_cut(&e, LIT("[{\"id\":1},7,{\"id\":3}]"), 2, &detail)));
    cr_expect(e.batch);
    cr_expect_eq(e.count, 3);
    cr_expect_eq(e.kept, 2);
    cr_expect(e.many[0].is_object && bytes_eq(e.many[0].id, LIT("1")));
    cr_expect(!e.many[1].is_object);
    envelopes_free(&e);
    cr_expect_eq(envelopes_cut(&e, LIT("[{},\n {\"id\" 3}]"), 1, &detail).kind, ERR_MALFORMED);
    cr_expect_str_eq(detail.text, "line 2, column 8: ':' is missing");
    cr_expect_null(e.many);
}

/// Goal: many members of an object are compared, spelled with escapes or not.
Test(envelope, twice)
{
    static const struct {
        const char *name;
        const char *last;
        enum err_kind kind;
    } cases[] = {
        {"all differ", "\"k40\"", ERR_NONE},
        {"the first again", "\"k0\"", ERR_MALFORMED},
        {"with an escape", "\"\\u006b17\"", ERR_MALFORMED},
        {"a prefix", "\"k\"", ERR_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text;
        struct envelopes e;
        struct json_detail detail;
        buf_init(&text, 4096);
        buf_put_u8(&text, '{');
        for (size_t k = 0; k < 40; k++) buf_printf(&text, "\"k%zu\":{\"k0\":1},", k);
        buf_printf(&text, "%s:1}", cases[i].last);
        const err_t err = envelopes_cut(&e, buf_bytes(&text), 1, &detail);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].name, err_text(err));
        envelopes_free(&e);
        buf_deinit(&text);
    }
}

/// Goal: a string's text is decoded whole or not at all.
Test(envelope, strings)
{
    char out[8];
    cr_expect(envelope_string(out, sizeof out, LIT("\"a\\n\\u00e9\\ud83d\\ude00\"")) == false,
              "two bytes too long");
    cr_expect(envelope_string(out, sizeof out, LIT("\"\\/\\u0065th\\t\"")));
    cr_expect_str_eq(out, "/eth\t");
    cr_expect(envelope_string(out, sizeof out, LIT("\"\\ud83d\\ude00\\u20ac\"")));
    cr_expect_str_eq(out, "\xf0\x9f\x98\x80\xe2\x82\xac");
    cr_expect_not(envelope_string(out, sizeof out, LIT("\"1234567x\"")));
    cr_expect_not(envelope_string(out, sizeof out, LIT("\"a\\u0000b\"")), "a NUL inside");
    cr_expect_not(envelope_string(out, sizeof out, LIT("7")));
    cr_expect_not(envelope_string(out, sizeof out, BYTES_NONE));
}

/// Goal: only a list of one plain string gives it in place.
Test(envelope, lone_string)
{
    bytes_t s;
    cr_assert(envelope_lone_string(&s, LIT("[ \"0x12\"\n]")));
    cr_expect(bytes_eq(s, LIT("0x12")));
    static const char *const others[] = {
        "[]", "\"0x12\"", "[\"0x12\",1]", "[12]", "[\"0\\u0078\"]", "[[\"0x12\"]]", "{}", ""};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        cr_expect_not(envelope_lone_string(&s, bytes_of_str(others[i])), "%s", others[i]);
}
