// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What trie.c (shape) and trie_finish.c (names) share.

#include "chain/trie/node.h"
#include "chain/trie/trie.h"

#define TRIE_PATH_MAX (2 * (size_t)TRIE_KEY_MAX)

/// A place where a node hangs: nothing, a hash still to be loaded, or a node in memory.
struct trie_slot {
    struct trie_node *node;
    const uint8_t *hash; ///< 32 bytes, if `node` is NULL and there is one
};

struct trie_node {
    enum node_kind kind;
    bool dirty;        ///< differs from what is stored (or was never stored)
    bool reached;      ///< hangs in the finished trie
    uint8_t name_len;  ///< the item that names it in its parent; valid once clean
    uint8_t name[33];  ///< 0xa0 and the hash, or the encoding itself
    uint32_t path_len; ///< leaf, extension: nibbles of its own path
    const uint8_t *path;
    bytes_t value;   ///< leaf; branch (empty: none)
    bytes_t encoded; ///< as stored, or as it will be; valid once clean

    uint32_t depth;           ///< dirty ones: nibbles above it,
    const uint8_t *place;     ///< the path they are,
    struct trie_slot child[]; ///< none, 1 or 16
};

/// A node that was read from the source.
struct trie_loaded {
    const uint8_t *path;
    size_t path_len;
    const uint8_t *hash; ///< what it must hash to
    struct trie_node *node;
    bytes_t raw;
    bool checked; ///< it hashes to `hash`: the cache said so
    struct trie_loaded *next;
};

struct trie {
    struct arena *arena;
    struct trie_source source;
    struct trie_slot root;
    hash_t root_hash;

    size_t node_count;          ///< in memory: made or loaded
    struct trie_loaded *loaded; ///< the newest first
    size_t loaded_count;
    size_t unchecked_count; ///< how many of the newest are not compared with their hash yet

    // The key at hand.
    const uint8_t *key;
    size_t key_len;
    bytes_t value;
    bytes_t before; ///< what its leaf may have, if it is loaded; empty: unknown
    bytes_t key_bytes;
    bool changed;

    const struct trie_change *writes;
    size_t write_count;
    const struct trie_change *deletes;
    size_t delete_count;
};

/// Compares what was loaded since the last time with its hashes. ERR_CORRUPT, ERR_FULL
MUST_USE err_t trie_check_loaded(struct trie *const *tries, size_t count, const struct jobs *jobs);
