// SPDX-License-Identifier: Apache-2.0
/// Goal: the published record is read, written again byte for byte, and printed; each row of the
/// refusals breaks one thing.

#include "consensus/p2p/enr.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "test/support/vectors.h"

#include <criterion/criterion.h>

static struct arena arena;
static json_t *root;
static struct secret_key key;

static void setup(void)
{
    cr_assert(err_ok(secp_setup()));
    arena = vectors_arena((size_t)1024 * 1024);
    root = vectors_load("devp2p/enr.json");
    const bytes_t secret = vectors_bytes(&arena, root, "privateKey");
    cr_assert_eq(secret.len, sizeof key.b);
    memcpy(key.b, secret.data, sizeof key.b);
}
static void teardown(void)
{
    json_decref(root);
    arena_deinit(&arena);
}
TestSuite(enr, .init = setup, .fini = teardown);

static struct enr published(void)
{
    struct enr n = {.seq = 1, .ip = {127, 0, 0, 1}, .ip_len = 4, .udp = 30303};
    cr_assert(err_ok(secp_pubkey_of(&n.id, &key)));
    return n;
}

Test(enr, the_published_record)
{
    const char *text = vectors_str(root, "enr");
    uint8_t record[ENR_BYTES];
    size_t len = 0;
    struct enr n;
    cr_assert(err_ok(enr_parse(record, &len, bytes_of_str(text))));
    cr_assert(err_ok(enr_decode(&n, bytes_make(record, len))));
    const struct enr want = published();
    cr_expect_arr_eq(n.id.b, want.id.b, sizeof n.id.b);
    cr_expect(n.seq == 1 && n.ip_len == 4 && memcmp(n.ip, want.ip, 4) == 0);
    cr_expect(n.udp == 30303 && n.tcp == 0 && !n.has_fork);

    struct buf b;
    char again[ENR_TEXT_MAX];
    buf_init(&b, ENR_BYTES);
    enr_encode(&b, &n, &key); // deterministic signatures: the same bytes
    enr_print(again, buf_bytes(&b));
    cr_expect_str_eq(again, text);
    buf_deinit(&b);
}

Test(enr, all_that_ours_says)
{
    struct enr n = published();
    n.seq = UINT64_MAX;
    n.ip_len = 16;
    n.tcp = 65535;
    n.has_fork = true;
    n.fork = (struct fork_id){{1, 2, 3, 4}, UINT64_MAX};
    struct buf b;
    struct enr back;
    buf_init(&b, ENR_BYTES);
    enr_encode(&b, &n, &key);
    cr_assert(err_ok(buf_status(&b)));
    cr_assert(err_ok(enr_decode(&back, buf_bytes(&b))));
    cr_expect(back.seq == n.seq && back.ip_len == 16 && back.tcp == 65535 && back.has_fork);
    cr_expect(back.fork.next == UINT64_MAX && memcmp(back.fork.hash, n.fork.hash, 4) == 0);
    cr_expect_arr_eq(back.ip, n.ip, 16);

    // No bit of it may change.
    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= 1;
        cr_expect(!err_ok(enr_decode(&back, buf_bytes(&b))), "byte %zu", i);
        b.data[i] ^= 1;
    }
    buf_deinit(&b);
}

Test(enr, refused_text)
{
    static const struct {
        const char *name;
        const char *text;
    } rows[] = {
        {"no scheme", "wA"},
        {"padding", "enr:wA=="},
        {"the other alphabet", "enr:+/8"},
        {"a lone character", "enr:w"},
        {"bits left over", "enr:wB"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t out[ENR_BYTES];
        size_t len = 77;
        const err_t err = enr_parse(out, &len, bytes_of_str(rows[i].text));
        cr_expect(err.kind == ERR_MALFORMED && len == 77, "%s", rows[i].name);
    }
    char text[512];
    memset(text, 'A', sizeof text);
    memcpy(text, "enr:", 4);
    uint8_t out[ENR_BYTES];
    size_t len = 0;
    cr_expect(enr_parse(out, &len, bytes_make(text, 4 + 400)).kind == ERR_NONE && len == 300);
    cr_expect_eq(enr_parse(out, &len, bytes_make(text, 4 + 402)).kind, ERR_LIMIT);
}

/// A record that is signed as it stands, whatever stands in it.
static err_t decode_signed(const char *const *keys, const char *const *values)
{
    struct buf content;
    struct buf b;
    struct enr n;
    buf_init(&content, 1024);
    buf_init(&b, 1024);
    const size_t signed_list = rlp_list_begin(&content);
    rlp_put_u64(&content, 1);
    for (size_t i = 0; keys[i] != NULL; i++) {
        rlp_put_bytes(&content, bytes_of_str(keys[i]));
        uint8_t point[33];
        const struct enr self = published();
        secp_pubkey_compress(point, &self.id);
        if (values[i] == NULL)
            rlp_put_bytes(&content, BYTES_OF(point));
        else
            rlp_put_bytes(&content, bytes_of_str(values[i]));
    }
    rlp_list_end(&content, signed_list);
    const hash_t digest = keccak256(buf_bytes(&content));
    const secp_sig_t sig = secp_sign(&key, &digest);
    const size_t list = rlp_list_begin(&b);
    uint8_t signature[64];
    memcpy(signature, sig.r, 32);
    memcpy(signature + 32, sig.s, 32);
    rlp_put_bytes(&b, BYTES_OF(signature));
    struct rlp_reader r = rlp_reader(buf_bytes(&content));
    struct rlp_reader inside;
    cr_assert(err_ok(rlp_read_list(&r, &inside)));
    buf_put(&b, inside.rest);
    rlp_list_end(&b, list);
    const err_t err = enr_decode(&n, buf_bytes(&b));
    buf_deinit(&content);
    buf_deinit(&b);
    return err;
}

Test(enr, signed_and_still_refused)
{
    static char long_value[400];
    memset(long_value, 'x', sizeof long_value - 1);
    static const struct {
        const char *name;
        const char *keys[5];
        const char *values[5]; ///< NULL: the key
        enum err_kind kind;
    } rows[] = {
        {"good", {"id", "secp256k1"}, {"v4"}, ERR_NONE},
        {"something else in it", {"aa", "id", "secp256k1", "zz"}, {"1", "v4", NULL, "2"}, ERR_NONE},
        {"order", {"secp256k1", "id"}, {NULL, "v4"}, ERR_MALFORMED},
        {"twice", {"id", "id", "secp256k1"}, {"v4", "v4"}, ERR_MALFORMED},
        {"no scheme", {"secp256k1"}, {NULL}, ERR_MALFORMED},
        {"another scheme", {"id", "secp256k1"}, {"v5"}, ERR_UNSUPPORTED},
        {"no key", {"id"}, {"v4"}, ERR_MALFORMED},
        {"a short key", {"id", "secp256k1"}, {"v4", "k"}, ERR_MALFORMED},
        {"an address of 5 bytes", {"id", "ip", "secp256k1"}, {"v4", "12345"}, ERR_MALFORMED},
        {"a port of 3 bytes", {"id", "secp256k1", "udp"}, {"v4", NULL, "abc"}, ERR_MALFORMED},
        {"eth is no list", {"eth", "id", "secp256k1"}, {"x", "v4"}, ERR_MALFORMED},
        {"too long", {"aa", "id", "secp256k1"}, {long_value, "v4"}, ERR_LIMIT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const err_t err = decode_signed(rows[i].keys, rows[i].values);
        cr_expect_eq(err.kind, rows[i].kind, "%s: %s", rows[i].name, err_text(err));
    }
}
