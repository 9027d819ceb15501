// SPDX-License-Identifier: Apache-2.0
#include "chain/trie/trie_cache.h"

#include <stdlib.h>

/// 1 + 16 + 256 + 4096 + 65536
#define PLACES ((((size_t)1 << (4 * TRIE_CACHE_LEVELS)) - 1) / 15)

struct kept_node {
    uint8_t hash[32];
    uint8_t *bytes; ///< NULL: nothing
    uint32_t len;
    uint32_t cap;
};

struct trie_cache {
    size_t max;
    size_t used; ///< sum of the capacities
    struct kept_node places[PLACES];
};

err_t trie_cache_new(struct trie_cache **out, size_t max_bytes)
{
    struct trie_cache *c = calloc(1, sizeof *c); // pages are touched as they are needed
    if (c == NULL) return FAIL(FULL, "trie: no memory for a cache");
    c->max = max_bytes;
    *out = c;
    return OK;
}

void trie_cache_free(struct trie_cache *c)
{
    if (c == NULL) return;
    for (size_t i = 0; i < PLACES; i++) free(c->places[i].bytes);
    free(c);
}

/// Level by level, each in the order of its paths.
static size_t place_of(const uint8_t *path, size_t path_len)
{
    size_t first = 0;
    size_t in_level = 0;
    for (size_t i = 0; i < path_len; i++) {
        first = 16 * first + 1;
        in_level = 16 * in_level + path[i];
    }
    return first + in_level;
}

bool trie_cache_get(const struct trie_cache *c, bytes_t *out, struct arena *arena,
                    const uint8_t *path, size_t path_len, const uint8_t hash[32])
{
    if (c == NULL || path_len >= TRIE_CACHE_LEVELS) return false;
    const struct kept_node *n = &c->places[place_of(path, path_len)];
    if (n->bytes == NULL || memcmp(n->hash, hash, 32) != 0) return false;
    bool full = false;
    *out = arena_copy(arena, bytes_make(n->bytes, n->len), &full);
    return !full;
}

static bool make_room(struct trie_cache *c, struct kept_node *n, size_t len)
{
    if (len <= n->cap) return true;
    const size_t cap = (len + 63) & ~(size_t)63; // grows child by child: not with each
    if (cap - n->cap > c->max - c->used) return false;
    uint8_t *bytes = realloc(n->bytes, cap);
    if (bytes == NULL) return false;
    c->used += cap - n->cap;
    n->bytes = bytes;
    n->cap = (uint32_t)cap;
    return true;
}

void trie_cache_put(struct trie_cache *c, const uint8_t *path, size_t path_len,
                    const uint8_t hash[32], bytes_t node)
{
    if (c == NULL || path_len >= TRIE_CACHE_LEVELS || node.len == 0) return;
    struct kept_node *n = &c->places[place_of(path, path_len)];
    if (!make_room(c, n, node.len)) return;
    memcpy(n->hash, hash, 32);
    memcpy(n->bytes, node.data, node.len);
    n->len = (uint32_t)node.len;
}

size_t trie_cache_bytes(const struct trie_cache *c)
{
    return c->used;
}
