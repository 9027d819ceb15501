// SPDX-License-Identifier: Apache-2.0
#include "chain/trie/trie_cache.h"

#include "chain/crypto/keccak.h"

#include <criterion/criterion.h>

static hash_t put(struct trie_cache *c, const uint8_t *path, size_t len, bytes_t node)
{
    const hash_t hash = keccak256(node);
    trie_cache_put(c, path, len, hash.b, node);
    return hash;
}

/// Goal: a node is given only at its path and for its hash, and the newest one only.
Test(trie_cache, path_and_hash)
{
    struct trie_cache *c;
    struct arena arena;
    cr_assert(err_ok(arena_init(&arena, (size_t)1 << 20)));
    cr_assert(err_ok(trie_cache_new(&c, (size_t)1 << 20)));
    static const uint8_t paths[][TRIE_CACHE_LEVELS] = {{0}, {1}, {0, 1}, {15, 15, 15, 15}};
    static const size_t lens[] = {0, 1, 2, 4};
    hash_t first[4];
    hash_t second[4];
    for (uint8_t i = 0; i < 4; i++) {
        const uint8_t node[2] = {i, 1};
        first[i] = put(c, paths[i], lens[i], BYTES_OF(node));
    }
    bytes_t got;
    for (uint8_t i = 0; i < 4; i++) {
        const uint8_t node[2] = {i, 1};
        cr_assert(trie_cache_get(c, &got, &arena, paths[i], lens[i], first[i].b));
        cr_expect(bytes_eq(got, BYTES_OF(node)));
        cr_expect_not(trie_cache_get(c, &got, &arena, paths[i], lens[i], first[(i + 1) % 4].b));
        const uint8_t longer[200] = {i, 2};
        second[i] = put(c, paths[i], lens[i], BYTES_OF(longer));
    }
    for (uint8_t i = 0; i < 4; i++) {
        cr_expect_not(trie_cache_get(c, &got, &arena, paths[i], lens[i], first[i].b));
        cr_assert(trie_cache_get(c, &got, &arena, paths[i], lens[i], second[i].b));
        cr_expect_eq(got.len, 200);
    }
    trie_cache_free(c);
    arena_deinit(&arena);
}

/// Goal: the maximum holds, deep nodes are not kept, and what does not fit changes nothing.
Test(trie_cache, bounds)
{
    struct trie_cache *c;
    struct arena arena;
    bytes_t got;
    static const uint8_t path[TRIE_CACHE_LEVELS] = {1, 2, 3, 4, 5};
    static const uint8_t node[532] = {7};
    cr_assert(err_ok(arena_init(&arena, (size_t)1 << 20)));
    cr_assert(err_ok(trie_cache_new(&c, 700)));
    hash_t hash = put(c, path, TRIE_CACHE_LEVELS, BYTES_OF(node));
    cr_expect_not(trie_cache_get(c, &got, &arena, path, TRIE_CACHE_LEVELS, hash.b));
    cr_expect_eq(trie_cache_bytes(c), 0);
    const hash_t small = put(c, path, 1, LIT("small"));
    hash = put(c, path, 2, BYTES_OF(node));
    cr_expect(trie_cache_get(c, &got, &arena, path, 2, hash.b));
    // The first one has no room to grow: it stays what it was.
    put(c, path, 1, BYTES_OF(node));
    cr_expect(trie_cache_get(c, &got, &arena, path, 1, small.b));
    put(c, path, 3, BYTES_OF(node));
    cr_expect_not(trie_cache_get(c, &got, &arena, path, 3, hash.b));
    cr_expect_leq(trie_cache_bytes(c), 700);
    trie_cache_free(c);
    trie_cache_free(NULL);

    // None at all.
    trie_cache_put(NULL, path, 0, hash.b, BYTES_OF(node));
    cr_expect_not(trie_cache_get(NULL, &got, &arena, path, 0, hash.b));
    arena_deinit(&arena);
}
