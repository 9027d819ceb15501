// SPDX-License-Identifier: Apache-2.0
#include "wallet/typed_data.h"

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "test/support/vectors.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/// EIP-712's own example; its figures are in the standard's Example.js.
static const char mail[] =
    "{\"types\":{\"EIP712Domain\":[{\"name\":\"name\",\"type\":\"string\"},"
    "{\"name\":\"version\",\"type\":\"string\"},{\"name\":\"chainId\",\"type\":\"uint256\"},"
    "{\"name\":\"verifyingContract\",\"type\":\"address\"}],"
    "\"Person\":[{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"wallet\",\"type\":\"address\"}"
    "],"
    "\"Mail\":[{\"name\":\"from\",\"type\":\"Person\"},{\"name\":\"to\",\"type\":\"Person\"},"
    "{\"name\":\"contents\",\"type\":\"string\"}]},\"primaryType\":\"Mail\","
    "\"domain\":{\"name\":\"Ether Mail\",\"version\":\"1\",\"chainId\":1,"
    "\"verifyingContract\":\"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC\"},"
    "\"message\":{\"from\":{\"name\":\"Cow\","
    "\"wallet\":\"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826\"},"
    "\"to\":{\"name\":\"Bob\",\"wallet\":\"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB\"},"
    "\"contents\":\"Hello, Bob!\"}}";

static void expect_hash(const hash_t *have, const char *want)
{
    cr_expect_str_eq(hex_hash(have).s, want);
}

/// Goal: the standard's example gives the standard's figures, and its signature.
Test(typed_data, standard_example)
{
    json_t *data = json_loads(mail, 0, NULL);
    struct typed_data_detail why;
    struct buf b;
    buf_init(&b, 4096);
    cr_assert(err_ok(typed_data_encode_type(&b, json_object_get(data, "types"), "Mail", &why)));
    buf_put_u8(&b, 0);
    cr_expect_str_eq(
        (const char *)b.data,
        "Mail(Person from,Person to,string contents)Person(string name,address wallet)");
    buf_deinit(&b);
    struct typed_data_hash h;
    cr_assert(err_ok(typed_data_digest(&h, data, &why)), "%s", why.text);
    expect_hash(&h.domain, "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f");
    expect_hash(&h.message, "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e");
    expect_hash(&h.digest, "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");

    cr_assert(err_ok(secp_setup()));
    struct secret_key *key;
    cr_assert(err_ok(secret_new(&key)));
    const hash_t cow = keccak256(bytes_of_str("cow"));
    memcpy(key->b, cow.b, sizeof key->b);
    const secp_sig_t sig = secp_sign(key, &h.digest);
    secret_free(key);
    uint8_t raw[65];
    signature_write(raw, &sig);
    char hex[131];
    hex_encode(hex, BYTES_OF(raw));
    cr_expect_str_eq(hex, "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
                          "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c");
    json_decref(data);
}

/// `text` with the first `from` replaced by `to`; heap.
static char *changed(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    cr_assert_not_null(at, "%s", from);
    char *out = NULL;
    cr_assert(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) >= 0);
    return out;
}

/// Goal: every change of what is signed changes the digest, whatever is not signed does not.
Test(typed_data, what_counts)
{
    static const struct {
        const char *name;
        const char *from;
        const char *to;
        bool same;
    } cases[] = {
        {"contents", "Hello, Bob!", "Hello, Eve!", false},
        {"a name", "\"Cow\"", "\"cow\"", false},
        {"chain", "\"chainId\":1", "\"chainId\":2", false},
        {"chain as text", "\"chainId\":1", "\"chainId\":\"1\"", true},
        {"chain in hex", "\"chainId\":1", "\"chainId\":\"0x1\"", true},
        {"an address in lower case", "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826",
         "0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826", true},
        {"a member beyond the types", "\"contents\":\"Hello", "\"more\":7,\"contents\":\"Hello",
         true},
        {"a type that nothing uses", "\"Person\":[", "\"Cat\":[],\"Person\":[", true},
        {"the domain's type left out",
         "\"EIP712Domain\":[{\"name\":\"name\",\"type\":\"string\"},"
         "{\"name\":\"version\",\"type\":\"string\"},{\"name\":\"chainId\",\"type\":\"uint256\"},"
         "{\"name\":\"verifyingContract\",\"type\":\"address\"}],",
         "", true},
        {"a member's name", "\"name\":\"contents\",\"type\"", "\"name\":\"more\",\"type\"", false},
    };
    struct typed_data_detail why;
    struct typed_data_hash want;
    json_t *data = json_loads(mail, 0, NULL);
    cr_assert(err_ok(typed_data_digest(&want, data, &why)));
    json_decref(data);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = changed(mail, cases[i].from, cases[i].to);
        data = json_loads(text, 0, NULL);
        struct typed_data_hash h;
        const err_t err = typed_data_digest(&h, data, &why);
        if (strcmp(cases[i].name, "a member's name") == 0) {
            cr_expect_eq(err.kind, ERR_MALFORMED, "the message lacks the member");
        } else {
            cr_assert(err_ok(err), "%s: %s", cases[i].name, why.text);
            cr_expect_eq(hash_eq(&h.digest, &want.digest), cases[i].same, "%s", cases[i].name);
        }
        json_decref(data);
        free(text);
    }
}

/// The encoding of one value: the hash of a struct with one member, less the type hash.
static err_t digest_of(hash_t *out, const char *type, const char *value)
{
    char text[4096];
    (void)snprintf(
        text, sizeof text,
        "{\"types\":{\"EIP712Domain\":[],\"A\":[{\"name\":\"x\",\"type\":\"%s\"}],"
        "\"B\":[{\"name\":\"next\",\"type\":\"B\"},{\"name\":\"n\",\"type\":\"uint8\"}]},"
        "\"primaryType\":\"A\",\"domain\":{},\"message\":{\"x\":%s}}",
        type, value);
    json_t *data = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(data, "%s", text);
    struct typed_data_detail why;
    struct typed_data_hash h;
    const err_t err = typed_data_digest(&h, data, &why);
    json_decref(data);
    *out = h.message;
    return err;
}

/// Goal: each type has values that pass and a row for each way not to.
Test(typed_data, values)
{
    static const struct {
        const char *type;
        const char *value;
        bool ok;
    } cases[] = {
        {"uint8", "255", true},
        {"uint8", "256", false},
        {"uint8", "-1", false},
        {"uint8", "1.5", false},
        {"uint8", "\"0xff\"", true},
        {"uint8", "\"\"", false},
        {"uint7", "1", false},
        {"uint264", "1", false},
        {"uint0", "0", false},
        {"int8", "127", true},
        {"int8", "128", false},
        {"int8", "-128", true},
        {"int8", "\"-129\"", false},
        {"int8", "\"--1\"", false},
        {"bool", "true", true},
        {"bool", "1", false},
        {"bool", "\"true\"", false},
        {"address", "\"0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826\"", true},
        {"address", "\"0xcd2a3d9f938e13cd947ec05abc7fe734df8dd8\"", false},
        {"address", "\"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD827\"", false},
        {"bytes", "\"0x\"", true},
        {"bytes", "\"0x1\"", false},
        {"bytes", "\"01\"", false},
        {"bytes4", "\"0x01020304\"", true},
        {"bytes4", "\"0x010203\"", false},
        {"bytes33", "\"0x01\"", false},
        {"bytes0", "\"0x\"", false},
        {"string", "\"\"", true},
        {"string", "7", false},
        {"string", "null", false},
        {"uint8[]", "[]", true},
        {"uint8[2]", "[1,2]", true},
        {"uint8[2]", "[1]", false},
        {"uint8[2][]", "[[1,2],[3,4]]", true},
        {"uint8[2][]", "[[1,2],[3]]", false},
        {"uint8[0]", "[]", false},
        {"uint8[", "[]", false},
        {"uint8]", "[]", false},
        {"[]", "[]", false},
        {"", "0", false},
        {"B", "{\"next\":null,\"n\":1}", true},
        {"B", "{\"next\":{\"next\":null,\"n\":2},\"n\":1}", true},
        {"B", "{\"n\":1}", false},
        {"B", "[]", false},
        {"B[]", "[{\"next\":null,\"n\":1}]", true},
        {"C", "{}", false},
    };
    hash_t h;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(err_ok(digest_of(&h, cases[i].type, cases[i].value)), cases[i].ok, "%s %s",
                     cases[i].type, cases[i].value);
    // -1 as int8 is 32 bytes of ff, as is the largest uint256.
    hash_t minus_one;
    hash_t most;
    cr_assert(err_ok(digest_of(&minus_one, "int8", "-1")));
    cr_assert(
        err_ok(digest_of(&most, "uint256",
                         "\"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
                         "\"")));
    cr_expect_not(hash_eq(&minus_one, &most), "the type is part of the hash");
}

/// Goal: nesting has a bound, and reaching it is an error, not a crash.
Test(typed_data, depth)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    for (int i = 0; i < 100; i++) buf_put_str(&b, "{\"n\":1,\"next\":");
    buf_put_str(&b, "null");
    for (int i = 0; i < 100; i++) buf_put_str(&b, "}");
    buf_put_u8(&b, 0);
    hash_t h;
    cr_expect_eq(digest_of(&h, "B", (const char *)b.data).kind, ERR_LIMIT);
    buf_deinit(&b);
}

static void count_member(void *user, const char *path, const char *type, const json_t *value)
{
    size_t *n = user;
    (*n)++;
    cr_expect(path[0] != 0 && type[0] != 0 && value != NULL);
}

/// Goal: every member that is signed is shown, the domain's too.
Test(typed_data, shown)
{
    json_t *data = json_loads(mail, 0, NULL);
    size_t n = 0;
    typed_data_walk(data, count_member, &n);
    cr_expect_eq(n, 4 + 5);
    json_decref(data);
}

/// Goal: a message's digest is that of EIP-191; signatures are read as strictly as written.
Test(typed_data, messages)
{
    const hash_t h = message_digest(bytes_of_str("hello"));
    expect_hash(&h, "0x50b2c43fd39106bafbba0da34fc430e1f91e3c96ea2acee2bc34119f92b37750");
    uint8_t raw[66] = {0};
    secp_sig_t sig;
    raw[64] = 28;
    cr_expect(err_ok(signature_read(&sig, bytes_make(raw, 65))));
    cr_expect_eq(sig.v, 1);
    raw[64] = 1;
    cr_expect(err_ok(signature_read(&sig, bytes_make(raw, 65))));
    cr_expect_eq(sig.v, 1);
    raw[64] = 29;
    cr_expect_eq(signature_read(&sig, bytes_make(raw, 65)).kind, ERR_MALFORMED);
    raw[64] = 27;
    cr_expect_eq(signature_read(&sig, bytes_make(raw, 64)).kind, ERR_MALFORMED);
    cr_expect_eq(signature_read(&sig, bytes_make(raw, 66)).kind, ERR_MALFORMED);
    memset(raw + 32, 0xff, 32);
    cr_expect_eq(signature_read(&sig, bytes_make(raw, 65)).kind, ERR_INVALID);
}

/// A domain's type: what it has, in the standard's order.
static json_t *domain_type(const json_t *domain)
{
    static const char *const members[][2] = {{"name", "string"},
                                             {"version", "string"},
                                             {"chainId", "uint256"},
                                             {"verifyingContract", "address"},
                                             {"salt", "bytes32"}};
    json_t *type = json_array();
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (json_object_get(domain, members[i][0]) == NULL) continue;
        json_array_append_new(type,
                              json_pack("{s:s,s:s}", "name", members[i][0], "type", members[i][1]));
    }
    return type;
}

/// Goal: the 130 cases of ethers: digest, encoding of the message, and signatures where there is a
/// key.
Test(typed_data, ethers)
{
    json_t *root = vectors_load("ethereum/vectors/ethers/typed-data.json");
    cr_assert(err_ok(secp_setup()));
    size_t signed_count = 0;
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *v = json_array_get(root, i);
        const char *name = json_string_value(vectors_get(v, "name"));
        json_t *types = json_copy(json_object_get(v, "types"));
        json_object_set_new(types, "EIP712Domain", domain_type(vectors_get(v, "domain")));
        json_t *data = json_pack("{s:o,s:O,s:O,s:O}", "types", types, "primaryType",
                                 vectors_get(v, "primaryType"), "domain", vectors_get(v, "domain"),
                                 "message", vectors_get(v, "data"));
        struct typed_data_detail why = {""};
        struct typed_data_hash h;
        const err_t err = typed_data_digest(&h, data, &why);
        cr_assert(err_ok(err), "%s: %s", name, why.text);
        cr_expect_str_eq(hex_hash(&h.digest).s, json_string_value(vectors_get(v, "digest")), "%s",
                         name);
        const char *text = json_string_value(vectors_get(v, "encoded"));
        uint8_t *encoded = malloc(strlen(text));
        size_t len = 0;
        cr_assert(err_ok(hex_decode(encoded, strlen(text), &len, bytes_of_str(text))), "%s", name);
        const hash_t message = keccak256(bytes_make(encoded, len));
        cr_expect(hash_eq(&h.message, &message), "%s: message", name);
        free(encoded);
        const char *key_text = json_string_value(json_object_get(v, "privateKey"));
        if (key_text != NULL) {
            struct secret_key *key;
            cr_assert(err_ok(secret_new(&key)));
            cr_assert(err_ok(hex_decode(key->b, sizeof key->b, &len, bytes_of_str(key_text))));
            const secp_sig_t sig = secp_sign(key, &h.digest);
            secret_free(key);
            uint8_t raw[65];
            char hex[131];
            signature_write(raw, &sig);
            hex_encode(hex, BYTES_OF(raw));
            cr_expect_str_eq(hex, json_string_value(vectors_get(v, "signature")) + 2, "%s", name);
            signed_count++;
        }
        json_decref(data);
    }
    cr_expect_eq(json_array_size(root), 130);
    cr_expect_eq(signed_count, 1);
    json_decref(root);
}
