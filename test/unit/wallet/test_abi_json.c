// SPDX-License-Identifier: Apache-2.0
#include "wallet/abi_json.h"

#include "chain/base/hex.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/// Encodes JSON text under a signature; "" if it is refused.
static char *encode(const char *signature, const char *values, struct abi_detail *why)
{
    json_t *v = json_loads(values, JSON_DECODE_ANY, NULL);
    cr_assert(v != NULL, "%s", values);
    struct buf b;
    buf_init(&b, 1 << 20);
    const err_t err = abi_json_encode_call(&b, signature, v, why);
    char *out = calloc(1, 2 * b.len + 1);
    if (err_ok(err)) hex_encode(out, buf_bytes(&b));
    buf_deinit(&b);
    json_decref(v);
    return out;
}

/// Goal: JSON in, JSON out, for every kind of type, by position and by name.
Test(abi_json, round_trip)
{
    static const struct {
        const char *signature;
        const char *in;
        const char *out; ///< NULL: the same
    } cases[] = {
        {"f()", "[]", NULL},
        {"f(uint256,int8,bool)", "[\"115\",\"-128\",true]", NULL},
        {"f(uint8)", "[255]", "[\"255\"]"},
        {"f(address)", "[\"0x7e5f4552091a69125d5dfcb7b8c2659029395bdf\"]",
         "[\"0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf\"]"},
        {"f(bytes4,bytes,string)", "[\"0x01020304\",\"0x\",\"a \\\"b\\\", c\"]", NULL},
        {"f(uint16[],uint16[2])", "[[\"1\",\"2\",\"3\"],[\"4\",\"5\"]]", NULL},
        {"f((uint8,string)[])", "[[[\"1\",\"x\"],[\"2\",\"y\"]]]", NULL},
        {"f((uint8 a,bytes b) p)", "[{\"b\":\"0xff\",\"a\":\"7\"}]",
         "[{\"a\":\"7\",\"b\":\"0xff\"}]"},
        {"f(string[][])", "[[[\"a\"],[],[\"b\",\"c\"]]]", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct abi_detail why;
        char *hex = encode(cases[i].signature, cases[i].in, &why);
        cr_assert(hex[0] != 0, "%s: %s", cases[i].signature, why.text);
        const size_t len = strlen(hex) / 2;
        uint8_t *data = malloc(len);
        cr_assert(err_ok(hex_decode_fixed(data, len, bytes_of_str(hex))));
        uint8_t selector[4];
        cr_assert(err_ok(abi_json_selector(selector, cases[i].signature)));
        cr_expect(memcmp(selector, data, 4) == 0);
        json_t *have;
        const err_t err = abi_json_decode(&have, cases[i].signature, bytes_make(data + 4, len - 4));
        cr_assert(err_ok(err), "%s: %s", cases[i].signature, err_text(err));
        json_t *want = json_loads(cases[i].out != NULL ? cases[i].out : cases[i].in, 0, NULL);
        char *text = json_dumps(have, JSON_COMPACT);
        cr_expect(json_equal(have, want), "%s: %s", cases[i].signature, text);
        free(text);
        json_decref(have);
        json_decref(want);
        free(data);
        free(hex);
    }
}

/// Goal: each way in which a value cannot be encoded is refused with a reason.
Test(abi_json, refusals)
{
    static const struct {
        const char *signature;
        const char *in;
    } cases[] = {
        {"f(uint8)", "[\"256\"]"},
        {"f(uint8)", "[\"-1\"]"},
        {"f(int8)", "[\"128\"]"},
        {"f(uint8)", "[\"x\"]"},
        {"f(uint8)", "[true]"},
        {"f(uint8)", "[[]]"},
        {"f(bool)", "[\"yes\"]"},
        {"f(address)", "[\"0x12\"]"},
        {"f(bytes2)", "[\"0x01\"]"},
        {"f(bytes)", "[\"0x0\"]"},
        {"f(uint8[2])", "[[1]]"},
        {"f(uint8,uint8)", "[1]"},
        {"f((uint8 a) p)", "[{\"b\":1}]"},
        {"f(uint8[])", "[{\"a\":1}]"},
        {"f(uint7)", "[1]"},
        {"f(", "[]"},
        {"f(uint8", "[1]"},
        {"no list", "[]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct abi_detail why;
        char *hex = encode(cases[i].signature, cases[i].in, &why);
        cr_expect_eq(hex[0], 0, "%s %s was encoded", cases[i].signature, cases[i].in);
        cr_expect_neq(why.text[0], 0, "%s %s: no reason", cases[i].signature, cases[i].in);
        free(hex);
    }
}

/// Goal: results, names and logs are told apart.
Test(abi_json, results_and_logs)
{
    uint8_t data[64] = {0};
    data[31] = 5;
    data[63] = 1;
    json_t *v;
    cr_assert(err_ok(
        abi_json_decode_result(&v, "f(address) returns (uint256 a, bool b)", BYTES_OF(data))));
    cr_expect_str_eq(json_string_value(json_array_get(v, 0)), "5");
    cr_expect(json_is_true(json_array_get(v, 1)));
    json_decref(v);
    cr_assert(err_ok(abi_json_decode_named(&v, "f(uint256 a, bool)", BYTES_OF(data))));
    cr_expect_str_eq(json_string_value(json_object_get(v, "a")), "5");
    cr_expect(json_is_true(json_object_get(v, "1")));
    json_decref(v);
    cr_expect(abi_json_has_outputs("f()(uint256)"));
    cr_expect(!abi_json_has_outputs("f(uint256)"));

    static const char event[] = "Seen(uint256 indexed id, uint256 n, bool b)";
    hash_t topics[2] = {{{0}}, {{0}}};
    cr_assert(err_ok(abi_json_topic(&topics[0], event)));
    topics[1].b[31] = 9;
    cr_assert(err_ok(abi_json_decode_log(&v, event, topics, 2, BYTES_OF(data))));
    cr_expect_str_eq(json_string_value(json_object_get(v, "id")), "9");
    cr_expect_str_eq(json_string_value(json_object_get(v, "n")), "5");
    json_decref(v);
    cr_expect_eq(abi_json_decode_log(&v, event, topics, 1, BYTES_OF(data)).kind, ERR_MISMATCH);
    topics[0].b[0] ^= 1;
    cr_expect_eq(abi_json_decode_log(&v, event, topics, 2, BYTES_OF(data)).kind, ERR_MISMATCH);
}

/// Goal: a hostile answer is refused, not unfolded.
Test(abi_json, hostile)
{
    uint8_t data[96] = {0};
    json_t *v;
    data[31] = 0x20;
    memset(data + 32, 0xff, 32); // a length that no memory holds
    cr_expect(!err_ok(abi_json_decode(&v, "(uint256[])", BYTES_OF(data))));
    cr_expect(!err_ok(abi_json_decode(&v, "(bytes)", BYTES_OF(data))));
    memset(data, 0xff, 32); // an offset beyond the data
    cr_expect(!err_ok(abi_json_decode(&v, "(string)", BYTES_OF(data))));
    cr_expect(!err_ok(abi_json_decode(&v, "(address)", BYTES_OF(data))));
    cr_expect(!err_ok(abi_json_decode(&v, "(bool)", BYTES_OF(data))));
    cr_expect(!err_ok(abi_json_decode(&v, "(uint256)", BYTES_NONE)));
}
