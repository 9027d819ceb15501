// SPDX-License-Identifier: Apache-2.0
#include "wallet/words.h"

#include "chain/base/hex.h"
#include "chain/crypto/secp.h"
#include "test/support/vectors.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/// Goal: every English vector of BIP-39, both ways, with its seed.
Test(words, bip39)
{
    cr_assert(err_ok(words_check_list()));
    json_t *root = vectors_load("ethereum/vectors/bip39/vectors.json");
    const json_t *list = vectors_get(root, "english");
    cr_assert_eq(json_array_size(list), 24);
    struct arena arena = vectors_arena(1 << 20);
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        const bytes_t entropy = vectors_hex(&arena, json_string_value(json_array_get(v, 0)));
        const char *want = json_string_value(json_array_get(v, 1));
        const bytes_t seed = vectors_hex(&arena, json_string_value(json_array_get(v, 2)));

        char words[WORDS_MAX_TEXT];
        cr_assert(err_ok(words_from_entropy(words, entropy)));
        cr_expect_str_eq(words, want, "vector %zu", i);

        char again[WORDS_MAX_TEXT];
        unsigned position;
        cr_expect(err_ok(words_check(again, &position, want)), "vector %zu", i);
        cr_expect_str_eq(again, want);

        uint8_t have[64];
        cr_assert(err_ok(words_seed(have, words, "TREZOR")));
        cr_expect(bytes_eq(bytes_make(have, 64), seed), "seed of vector %zu", i);
    }
    arena_deinit(&arena);
    json_decref(root);
}

/// Goal: what people type is accepted in any case and spacing, and each way of being wrong
/// has its own answer.
Test(words, typed)
{
    static const char about[] = "abandon abandon abandon abandon abandon abandon abandon abandon "
                                "abandon abandon abandon about";
    static const struct {
        const char *name;
        const char *text;
        enum err_kind kind;
        unsigned position;
    } cases[] = {
        {"capitals and spaces",
         "  Abandon ABANDON abandon\tabandon abandon abandon abandon abandon abandon abandon "
         "abandon "
         "about\n",
         ERR_NONE, 0},
        {"eleven words",
         "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon",
         ERR_MALFORMED, 0},
        {"none", "", ERR_MALFORMED, 0},
        {"wrong checksum",
         "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
         "abandon",
         ERR_MISMATCH, 0},
        {"unknown third word",
         "abandon abandon abandonn abandon abandon abandon abandon abandon abandon abandon abandon "
         "about",
         ERR_NOT_FOUND, 3},
        {"a prefix is no word",
         "aband abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
         "about",
         ERR_NOT_FOUND, 1},
        {"a very long word",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         ERR_NOT_FOUND, 1},
        {"25 words",
         "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
         "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
         "abandon art art",
         ERR_MALFORMED, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[WORDS_MAX_TEXT];
        unsigned position = 99;
        const err_t err = words_check(out, &position, cases[i].text);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].name, err_text(err));
        cr_expect_eq(position, cases[i].position, "%s", cases[i].name);
        if (err_ok(err)) cr_expect_str_eq(out, about, "%s", cases[i].name);
    }
    char out[WORDS_MAX_TEXT];
    static const uint8_t short_entropy[15] = {0};
    cr_expect_eq(words_from_entropy(out, BYTES_OF(short_entropy)).kind, ERR_INVALID);
    uint8_t seed[64];
    cr_expect_eq(words_seed(seed, about, "na\xc3\xafve").kind, ERR_UNSUPPORTED);
}

static bytes_t hex_of(struct arena *arena, const json_t *o, const char *key)
{
    return vectors_hex(arena, vectors_str(o, key));
}

/// Goal: BIP-32's chains of private keys, hardened and not.
Test(words, bip32)
{
    cr_assert(err_ok(secp_setup()));
    json_t *root = vectors_load("ethereum/vectors/bip32/fixtures.json");
    struct arena arena = vectors_arena(1 << 20);
    size_t i;
    size_t checked = 0;
    json_t *v;
    json_array_foreach(vectors_get(root, "valid"), i, v)
    {
        const json_t *master = vectors_get(v, "master");
        if (json_object_get(master, "seed") == NULL || json_object_get(master, "privKey") == NULL)
            continue; // public derivation, which the wallet does not do
        struct hd_key key;
        cr_assert(err_ok(hd_master(&key, hex_of(&arena, master, "seed"))));
        cr_expect(bytes_eq(bytes_make(key.secret, 32), hex_of(&arena, master, "privKey")));
        cr_expect(bytes_eq(bytes_make(key.chain_code, 32), hex_of(&arena, master, "chainCode")));
        size_t c;
        json_t *child;
        json_array_foreach(json_object_get(v, "children"), c, child)
        {
            const json_t *m = json_object_get(child, "m");
            if (json_object_get(child, "privKey") == NULL || !json_is_integer(m)) break;
            const uint32_t hard =
                json_is_true(json_object_get(child, "hardened")) ? 0x80000000u : 0;
            struct hd_key next;
            cr_assert(err_ok(hd_child(&next, &key, (uint32_t)json_integer_value(m) | hard)));
            cr_expect(bytes_eq(bytes_make(next.secret, 32), hex_of(&arena, child, "privKey")),
                      "fixture %zu, child %zu", i, c);
            cr_expect(
                bytes_eq(bytes_make(next.chain_code, 32), hex_of(&arena, child, "chainCode")));
            key = next;
            checked++;
        }
    }
    cr_expect_geq(checked, 11, "only %zu children", checked);
    arena_deinit(&arena);
    json_decref(root);
}

/// Goal: words to keys along whole paths, as ethers computes them.
Test(words, paths)
{
    cr_assert(err_ok(secp_setup()));
    json_t *root = vectors_load("ethereum/vectors/ethers/mnemonics.json");
    struct arena arena = vectors_arena(4 << 20);
    struct secret_key *key;
    cr_assert(err_ok(secret_new(&key)));
    size_t checked = 0;
    size_t i;
    json_t *v;
    json_array_foreach(root, i, v)
    {
        const bytes_t seed = hex_of(&arena, v, "seed");
        size_t n;
        json_t *node;
        json_array_foreach(vectors_get(v, "nodes"), n, node)
        {
            if (json_object_get(node, "privateKey") == NULL) continue;
            const char *path = vectors_str(node, "path");
            const err_t err = hd_derive(key, seed, path);
            cr_assert(err_ok(err), "%s: %s", path, err_text(err));
            cr_expect(bytes_eq(bytes_make(key->b, 32), hex_of(&arena, node, "privateKey")), "%s %s",
                      vectors_str(v, "name"), path);
            checked++;
        }
    }
    cr_expect_geq(checked, 40, "only %zu nodes", checked);
    secret_free(key);
    arena_deinit(&arena);
    json_decref(root);
}

/// Goal: every form of path, and the forms that are none.
Test(words, path_text)
{
    static const struct {
        const char *text;
        enum err_kind kind;
        size_t count;
    } cases[] = {
        {"m", ERR_NONE, 0},
        {"m/44'/60'/0'/0/7", ERR_NONE, 5},
        {"m/44h/0", ERR_NONE, 2},
        {"m/2147483647'", ERR_NONE, 1},
        {"m/2147483648", ERR_LIMIT, 0},
        {"", ERR_MALFORMED, 0},
        {"44'/60'", ERR_MALFORMED, 0},
        {"m/", ERR_MALFORMED, 0},
        {"m//1", ERR_MALFORMED, 0},
        {"m/1x", ERR_MALFORMED, 0},
        {"m/-1", ERR_MALFORMED, 0},
        {"m/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1", ERR_LIMIT, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t index[WORDS_PATH_MAX];
        size_t count;
        const err_t err = hd_parse_path(index, &count, cases[i].text);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].text, err_text(err));
        if (err_ok(err)) cr_expect_eq(count, cases[i].count, "%s", cases[i].text);
    }
}
