// SPDX-License-Identifier: Apache-2.0
#include "chain/trie/trie.h"

#include "chain/base/map.h"
#include "chain/crypto/keccak.h"
#include "chain/trie/list_root.h"
#include "chain/trie/proof.h"
#include "test/support/memory_nodes.h"
#include "test/support/naive_trie.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/// The plain truth: all pairs.
struct model {
    uint8_t keys[512][32];
    uint8_t values[512][48];
    size_t value_len[512]; ///< 0: not there
    size_t count;
    size_t key_len;
};

static hash_t model_root(const struct model *m)
{
    static struct naive_pair pairs[512];
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (m->value_len[i] == 0) continue;
        pairs[n++] = (struct naive_pair){bytes_make(m->keys[i], m->key_len),
                                         bytes_make(m->values[i], m->value_len[i])};
    }
    return naive_trie_root(pairs, n);
}

static size_t model_live(const struct model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) n += m->value_len[i] > 0;
    return n;
}

static uint64_t seed(void)
{
    const char *s = getenv("CAIRN_SEED");
    return s != NULL ? strtoull(s, NULL, 10) : 0x9e3779b97f4a7c15;
}

/// Random batches on random keys. Keys that differ in few bits make deep and short nodes;
/// short values and short keys make embedded ones.
static void run_batches(size_t key_len, unsigned key_bits, size_t value_max, size_t batches)
{
    uint64_t rng = seed() + key_len * 1000 + key_bits;
    struct model *m = calloc(1, sizeof *m);
    struct memory_nodes nodes = {0};
    struct arena arena;
    cr_assert_not_null(m);
    cr_assert(err_ok(arena_init(&arena, (size_t)64 << 20)));
    m->key_len = key_len;
    m->count = 200;
    for (size_t i = 0; i < m->count; i++) {
        // Distinct by construction: the number, scattered or dense.
        uint8_t *k = m->keys[i];
        memset(k, 0, key_len);
        if (key_bits >= 64) {
            const hash_t h = keccak256(bytes_make(&i, sizeof i));
            memcpy(k, h.b, key_len);
        } else {
            k[key_len - 1] = (uint8_t)i;
            k[0] = (uint8_t)(i % 3 == 0 ? 0x10 : 0x1f);
        }
    }
    hash_t root = KECCAK_RLP_NULL;
    for (size_t b = 0; b < batches; b++) {
        const struct trie_source source = memory_nodes_source(&nodes);
        struct trie *t;
        arena_reset(&arena);
        cr_assert(err_ok(trie_open(&t, &arena, &source, &root)));
        const size_t puts = 1 + next_random(&rng) % (b % 7 == 0 ? 150 : 12);
        const unsigned delete_percent = (unsigned)(b % 5) * 22;
        for (size_t i = 0; i < puts; i++) {
            const size_t k = next_random(&rng) % m->count;
            const bool gone = next_random(&rng) % 100 < delete_percent;
            m->value_len[k] = gone ? 0 : 1 + next_random(&rng) % value_max;
            for (size_t j = 0; j < m->value_len[k]; j++) {
                m->values[k][j] = (uint8_t)(1 + next_random(&rng) % 255);
            }
            uint8_t *value = arena_alloc(&arena, 64);
            memcpy(value, m->values[k], m->value_len[k]);
            const err_t err =
                trie_put(t, bytes_make(m->keys[k], key_len), bytes_make(value, m->value_len[k]));
            cr_assert(err_ok(err), "batch %zu: %s", b, err_text(err));
        }
        const err_t err = trie_finish(&t, 1, NULL);
        cr_assert(err_ok(err), "batch %zu: %s", b, err_text(err));
        root = trie_root(t);
        const hash_t expected = model_root(m);
        cr_assert(hash_eq(&root, &expected), "batch %zu of keys %zu/%u: root differs", b, key_len,
                  key_bits);
        memory_nodes_write(&nodes, t);

        // What is stored is what a trie built at once would store: nothing is left over.
        struct trie *fresh;
        cr_assert(err_ok(trie_open(&fresh, &arena, NULL, &KECCAK_RLP_NULL)));
        for (size_t i = 0; i < m->count; i++) {
            if (m->value_len[i] == 0) continue;
            cr_assert(err_ok(trie_put(fresh, bytes_make(m->keys[i], key_len),
                                      bytes_make(m->values[i], m->value_len[i]))));
        }
        cr_assert(err_ok(trie_finish(&fresh, 1, NULL)));
        size_t stored;
        const struct trie_change *all = trie_writes(fresh, &stored);
        cr_assert_eq(stored, nodes.count, "batch %zu: %zu nodes stored, %zu needed", b, nodes.count,
                     stored);
        for (size_t i = 0; i < stored; i++) {
            bytes_t node;
            cr_assert(err_ok(source.node(&nodes, &node, all[i].path, all[i].path_len)));
            cr_assert(bytes_eq(node, all[i].node));
        }

        // Every key can be read and proven, present or absent.
        struct trie *reader;
        cr_assert(err_ok(trie_open(&reader, &arena, &source, &root)));
        for (size_t i = 0; i < m->count; i += 17) {
            const bytes_t key = bytes_make(m->keys[i], key_len);
            const bytes_t want = bytes_make(m->values[i], m->value_len[i]);
            bytes_t value;
            const bytes_t *proof;
            size_t n;
            cr_assert(err_ok(trie_get(reader, &value, key)));
            cr_assert(bytes_eq(value, want));
            cr_assert(err_ok(trie_prove(reader, key, &proof, &n)));
            const err_t verdict = proof_verify(&value, &root, key, proof, n);
            cr_assert(err_ok(verdict), "batch %zu: %s", b, err_text(verdict));
            cr_assert(bytes_eq(value, want));
        }
    }
    cr_log_info("%zu keys at the end", model_live(m));
    memory_nodes_deinit(&nodes);
    free(m);
    arena_deinit(&arena);
}

/// Goal: any batch of insertions and deletions leads to the root, and to exactly the stored
/// nodes, of a trie built at once from what is left.
Test(trie, random_batches_on_hashed_keys)
{
    run_batches(32, 64, 40, 120);
}

Test(trie, random_batches_on_dense_keys)
{
    run_batches(32, 8, 40, 120);
}

Test(trie, random_batches_with_embedded_nodes)
{
    run_batches(2, 8, 4, 150);
    run_batches(3, 8, 9, 80);
}

/// Goal: several tries finished together get the roots they get alone, with jobs run in any
/// order.
static void backwards(void *ctx, size_t count, void (*fn)(void *, size_t), void *arg)
{
    (void)ctx;
    while (count-- > 0) fn(arg, count);
}

Test(trie, many_tries_at_once)
{
    struct arena arena;
    cr_assert(err_ok(arena_init(&arena, (size_t)64 << 20)));
    const struct jobs jobs = {backwards, NULL};
    struct trie *tries[5];
    hash_t expected[5];
    for (uint32_t i = 0; i < 5; i++) {
        static struct naive_pair pairs[2000];
        cr_assert(err_ok(trie_open(&tries[i], &arena, NULL, &KECCAK_RLP_NULL)));
        const uint32_t n = i * 400;
        for (uint32_t k = 0; k < n; k++) {
            hash_t *key = arena_alloc(&arena, sizeof *key);
            const uint32_t id[2] = {i, k};
            *key = keccak256(BYTES_OF(id));
            pairs[k] = (struct naive_pair){BYTES_OF(*key), bytes_make(key, 1 + k % 32)};
            cr_assert(err_ok(trie_put(tries[i], pairs[k].key, pairs[k].value)));
        }
        expected[i] = naive_trie_root(pairs, n);
    }
    cr_assert(err_ok(trie_finish(tries, 5, &jobs)));
    for (size_t i = 0; i < 5; i++) {
        const hash_t root = trie_root(tries[i]);
        cr_expect(hash_eq(&root, &expected[i]), "trie %zu", i);
    }
    arena_deinit(&arena);
}

/// Goal: a changed, missing or cut stored node is noticed, never used.
Test(trie, damaged_nodes_are_refused)
{
    struct arena arena;
    cr_assert(err_ok(arena_init(&arena, (size_t)8 << 20)));
    struct memory_nodes nodes = {0};
    struct trie *t;
    cr_assert(err_ok(trie_open(&t, &arena, NULL, &KECCAK_RLP_NULL)));
    for (uint32_t i = 0; i < 40; i++) {
        hash_t *key = arena_alloc(&arena, sizeof *key);
        *key = keccak256(BYTES_OF(i));
        cr_assert(err_ok(trie_put(t, BYTES_OF(*key), BYTES_OF(*key))));
    }
    cr_assert(err_ok(trie_finish(&t, 1, NULL)));
    memory_nodes_write(&nodes, t);
    const hash_t root = trie_root(t);
    const struct trie_source source = memory_nodes_source(&nodes);

    for (size_t i = 0; i < nodes.count; i++) {
        for (int damage = 0; damage < 3; damage++) {
            const struct memory_node kept = nodes.items[i];
            if (damage == 0) nodes.items[i].node[kept.len - 1] ^= 1;
            if (damage == 1) nodes.items[i].len--;
            if (damage == 2)
                nodes.items[i].path[kept.path_len == 0 ? 0 : kept.path_len - 1] ^= 0x40;
            if (damage == 2) nodes.items[i].path_len += kept.path_len == 0;
            err_t err = trie_open(&t, &arena, &source, &root);
            for (uint32_t k = 0; k < 40 && err_ok(err); k++) {
                const hash_t key = keccak256(BYTES_OF(k));
                err = trie_put(t, BYTES_OF(key), LIT("x"));
            }
            if (err_ok(err)) err = trie_finish(&t, 1, NULL);
            cr_expect_eq(err.kind, ERR_CORRUPT, "node %zu damage %d: %s", i, damage, err_text(err));
            nodes.items[i] = kept;
        }
    }
    memory_nodes_deinit(&nodes);
    arena_deinit(&arena);
}

/// Goal: the root of a list is the root of the trie of its RLP indexes.
Test(trie, list_roots)
{
    struct arena arena;
    cr_assert(err_ok(arena_init(&arena, (size_t)64 << 20)));
    static const size_t counts[] = {0, 1, 2, 16, 127, 128, 129, 255, 256, 257, 300, 1000};
    static bytes_t values[1000];
    static struct naive_pair pairs[1000];
    static uint8_t keys[1000][4];
    static uint8_t bodies[1000][100];
    for (size_t i = 0; i < 1000; i++) {
        memset(bodies[i], (int)(i % 251 + 1), sizeof bodies[i]);
        values[i] = bytes_make(bodies[i], 1 + i % 100);
        size_t len = 0;
        if (i == 0 || i >= 128) keys[i][len++] = (uint8_t)(0x80 + (i > 255 ? 2 : i > 0 ? 1 : 0));
        if (i > 255) keys[i][len++] = (uint8_t)(i >> 8);
        if (i > 0) keys[i][len++] = (uint8_t)i;
        pairs[i].key = bytes_make(keys[i], len);
    }
    for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
        static struct naive_pair sorted[1000];
        for (size_t i = 0; i < counts[c]; i++) {
            sorted[i] = (struct naive_pair){pairs[i].key, values[i]};
        }
        const hash_t expected = naive_trie_root(sorted, counts[c]);
        hash_t root;
        cr_assert(err_ok(list_root(&root, &arena, values, counts[c])));
        cr_expect(hash_eq(&root, &expected), "%zu values", counts[c]);
        cr_expect_eq(arena.used, 0, "%zu values: scratch is not given back", counts[c]);
    }
    arena_deinit(&arena);
}
