// SPDX-License-Identifier: Apache-2.0
/// Official trie vectors: roots after insertions and deletions, plain and secure, in any order;
/// each case at once, entry by entry through a store, and backwards where order must not
/// matter. Proofs of every key must verify. Iteration is the flat tables' work here, so the
/// vectors for it run on those.

#include <stdio.h>

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/store/db.h"
#include "chain/trie/node.h"
#include "chain/trie/proof.h"
#include "chain/trie/trie.h"
#include "test/support/memory_nodes.h"
#include "test/support/tally.h"
#include "test/support/temp_dir.h"
#include "test/support/vectors.h"

enum { PAIRS_MAX = 256 };

struct pair {
    bytes_t key;
    bytes_t value; ///< empty deletes
};

struct trie_case {
    const char *file;
    const char *name;
    struct pair pairs[PAIRS_MAX];
    size_t count;
    hash_t root;
};

/// "0x..." is hexadecimal, everything else the text itself; NULL deletes. In `arena`.
static bytes_t bytes_of_text(struct arena *arena, const char *text)
{
    if (text == NULL) return BYTES_NONE;
    if (text[0] == '0' && text[1] == 'x') return vectors_hex(arena, text);
    bool full = false;
    const bytes_t kept = arena_copy(arena, bytes_of_str(text), &full);
    check(!full);
    return kept;
}

static void add_pair(struct trie_case *c, struct arena *arena, bool secure, const char *key,
                     const char *value)
{
    check(c->count < PAIRS_MAX);
    struct pair *p = &c->pairs[c->count++];
    p->key = bytes_of_text(arena, key);
    p->value = bytes_of_text(arena, value);
    if (!secure) return;
    hash_t *hashed = ARENA_NEW(arena, hash_t);
    check(hashed != NULL);
    *hashed = keccak256(p->key);
    p->key = BYTES_OF(*hashed);
}

static void read_case(struct trie_case *c, struct arena *arena, bool secure, const json_t *test)
{
    json_t *in = vectors_get(test, "in");
    const char *key;
    json_t *value;
    c->count = 0;
    json_object_foreach(in, key, value)
    {
        add_pair(c, arena, secure, key, json_string_value(value));
    }
    for (size_t i = 0; i < json_array_size(in); i++) {
        const json_t *pair = json_array_get(in, i);
        add_pair(c, arena, secure, json_string_value(json_array_get(pair, 0)),
                 json_string_value(json_array_get(pair, 1)));
    }
    const bytes_t root = vectors_bytes(arena, test, "root");
    check(root.len == sizeof c->root.b);
    memcpy(c->root.b, root.data, sizeof c->root.b);
}

/// @param[out] out  the trie, for proofs
static hash_t at_once(struct trie **out, struct arena *arena, const struct trie_case *c,
                      bool backwards)
{
    check(err_ok(trie_open(out, arena, NULL, &KECCAK_RLP_NULL)));
    for (size_t i = 0; i < c->count; i++) {
        const struct pair *p = &c->pairs[backwards ? c->count - 1 - i : i];
        check(err_ok(trie_put(*out, p->key, p->value)));
    }
    check(err_ok(trie_finish(out, 1, NULL)));
    return trie_root(*out);
}

static hash_t one_by_one(struct arena *arena, const struct trie_case *c)
{
    struct memory_nodes nodes = {0};
    const struct trie_source source = memory_nodes_source(&nodes);
    hash_t root = KECCAK_RLP_NULL;
    for (size_t i = 0; i < c->count; i++) {
        struct trie *t;
        check(err_ok(trie_open(&t, arena, &source, &root)));
        check(err_ok(trie_put(t, c->pairs[i].key, c->pairs[i].value)));
        check(err_ok(trie_finish(&t, 1, NULL)));
        root = trie_root(t);
        memory_nodes_write(&nodes, t);
    }
    memory_nodes_deinit(&nodes);
    return root;
}

/// What the last entry for this key says.
static bytes_t final_value(const struct trie_case *c, bytes_t key)
{
    bytes_t value = BYTES_NONE;
    for (size_t i = 0; i < c->count; i++) {
        if (bytes_eq(c->pairs[i].key, key)) value = c->pairs[i].value;
    }
    return value;
}

static bool proofs_hold(struct trie *t, const struct trie_case *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const bytes_t *nodes;
        size_t count;
        bytes_t value;
        if (!err_ok(trie_prove(t, c->pairs[i].key, &nodes, &count))) return false;
        if (!err_ok(proof_verify(&value, &c->root, c->pairs[i].key, nodes, count))) return false;
        if (!bytes_eq(value, final_value(c, c->pairs[i].key))) return false;
    }
    return true;
}

static bool run_file(const char *file, bool secure, bool any_order, size_t cases)
{
    struct tally tally = tally_start(file);
    char path[128];
    snprintf(path, sizeof path, "ethereum/TrieTests/%s", file);
    json_t *root = vectors_load(path);
    struct arena arena = vectors_arena((size_t)64 << 20);
    static struct trie_case c;
    const char *name;
    json_t *test;
    json_object_foreach(root, name, test)
    {
        arena_reset(&arena);
        read_case(&c, &arena, secure, test);
        struct trie *t;
        const hash_t forwards = at_once(&t, &arena, &c, false);
        tally_case(&tally, hash_eq(&forwards, &c.root), "%s: at once", name);
        tally_case(&tally, proofs_hold(t, &c), "%s: proofs", name);
        const hash_t stored = one_by_one(&arena, &c);
        tally_case(&tally, hash_eq(&stored, &c.root), "%s: one by one", name);
        const hash_t backwards = any_order ? at_once(&t, &arena, &c, true) : c.root;
        if (any_order) tally_case(&tally, hash_eq(&backwards, &c.root), "%s: backwards", name);
    }
    arena_deinit(&arena);
    json_decref(root);
    return tally_end(&tally, cases * (any_order ? 4 : 3));
}

/// The key a cursor step came to; "" at an end.
static bytes_t reached(err_t err, bytes_t key)
{
    return err_ok(err) ? key : BYTES_NONE;
}

static bool run_next_prev(void)
{
    struct tally tally = tally_start("trietestnextprev.json");
    json_t *root = vectors_load("ethereum/TrieTests/trietestnextprev.json");
    const json_t *basic = vectors_get(root, "basic");
    const json_t *in = vectors_get(basic, "in");
    const json_t *tests = vectors_get(basic, "tests");
    const struct temp_dir dir = temp_dir_make();
    static const struct db_table_def table = {"keys", false};
    const struct db_options options = {
        .path = dir.path, .create = true, .tables = &table, .table_count = 1};
    struct db *db;
    struct db_txn *txn;
    struct db_cursor *c;
    check(err_ok(db_open(&db, &options)) && err_ok(db_begin_write(db, &txn)));
    for (size_t i = 0; i < json_array_size(in); i++) {
        check(err_ok(
            db_put(txn, 0, bytes_of_str(json_string_value(json_array_get(in, i))), LIT("x"))));
    }
    check(err_ok(db_cursor_open(txn, 0, &c)));
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *row = json_array_get(tests, i);
        const bytes_t at = bytes_of_str(json_string_value(json_array_get(row, 0)));
        const bytes_t prev = bytes_of_str(json_string_value(json_array_get(row, 1)));
        const bytes_t next = bytes_of_str(json_string_value(json_array_get(row, 2)));
        bytes_t key = BYTES_NONE;
        bytes_t value;
        err_t err = db_cursor_seek(c, at, &key, &value);
        if (err_ok(err) && bytes_eq(key, at)) err = db_cursor_next(c, &key, &value);
        const bool next_ok = bytes_eq(reached(err, key), next);
        err = db_cursor_seek(c, at, &key, &value);
        err = err_ok(err) ? db_cursor_prev(c, &key, &value) : db_cursor_last(c, &key, &value);
        const bool prev_ok = bytes_eq(reached(err, key), prev);
        tally_case(&tally, next_ok && prev_ok, "%s", json_string_value(json_array_get(row, 0)));
    }
    db_cursor_close(c);
    db_abort(txn);
    db_close(db);
    temp_dir_remove(&dir);
    json_decref(root);
    return tally_end(&tally, 12);
}

/// BasicTests/hexencodetest: packed paths as nodes carry them, leaves and extensions.
static bool run_packed_paths(void)
{
    struct tally tally = tally_start("BasicTests/hexencodetest");
    json_t *root = vectors_load("ethereum/BasicTests/hexencodetest.json");
    struct arena arena = vectors_arena((size_t)1 << 20);
    static const uint8_t child[32] = {1};
    const char *name;
    json_t *test;
    json_object_foreach(root, name, test)
    {
        const json_t *seq = vectors_get(test, "seq");
        const bool leaf = json_is_true(vectors_get(test, "term"));
        const bytes_t packed = vectors_bytes(&arena, test, "out");
        struct buf node;
        buf_init(&node, 256);
        const size_t list = rlp_list_begin(&node);
        rlp_put_bytes(&node, packed);
        rlp_put_bytes(&node, BYTES_OF(child));
        rlp_list_end(&node, list);
        struct node_view v;
        bool ok = err_ok(node_parse(&v, buf_bytes(&node))) &&
                  v.kind == (leaf ? NODE_LEAF : NODE_EXTENSION) && bytes_eq(v.packed, packed) &&
                  node_path_len(packed) == json_array_size(seq);
        for (size_t i = 0; ok && i < json_array_size(seq); i++) {
            ok = node_path_at(packed, i) == json_integer_value(json_array_get(seq, i));
        }
        tally_case(&tally, ok, "%s", name);
        buf_deinit(&node);
    }
    arena_deinit(&arena);
    json_decref(root);
    return tally_end(&tally, 12);
}

int main(void)
{
    bool ok = run_file("trietest.json", false, false, 5);
    ok &= run_file("trietest_secureTrie.json", true, false, 3);
    ok &= run_file("trieanyorder.json", false, true, 7);
    ok &= run_file("trieanyorder_secureTrie.json", true, true, 7);
    ok &= run_file("hex_encoded_securetrie_test.json", true, true, 3);
    ok &= run_next_prev();
    ok &= run_packed_paths();
    return ok ? 0 : 1;
}
