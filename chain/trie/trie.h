// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A Merkle Patricia trie (Yellow Paper, appendix D) being changed in memory, over nodes that
/// are stored by their path.
///
///     path                       "" ── branch            every stored node has the key
///                               /    \                   "nibbles that lead to it", so an
///                           "3"       "a" ── extension   update overwrites it in place and
///                         leaf          \  7f            nothing is left to collect
///                                     "a7f" ── branch
///
/// One batch per block:
///
///     trie_open   only the root's hash is known; nothing is read
///     trie_put    walks down, loading what it meets, and marks what it changes
///     trie_finish names every changed node once, children before parents: level by level
///                 over all tries given, so that Keccak always has a full set of lanes
///     trie_writes, trie_deletes: what the store must do
///
/// Deleting joins again what inserting split: a branch with one child left becomes part of
/// that child's path, an only value becomes a leaf, neighbouring extensions fuse. For this the
/// one remaining child may have to be loaded. Inserting and deleting a key leads back to the
/// same root.
///
/// Every loaded node is compared with the hash its parent (or the root) names it by. Only what a
/// trie_cache gives for that very hash was compared before.

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/jobs.h"

/// Longest key in bytes.
#define TRIE_KEY_MAX 128

struct trie_cache;

/// Where stored nodes are. `path` are nibbles, one per byte; `*out` stays valid while the trie
/// is used. @return ERR_NOT_FOUND, ...
struct trie_source {
    err_t (*node)(void *ctx, bytes_t *out, const uint8_t *path, size_t path_len);
    void *ctx;
    /// Leaves are not stored as nodes: `node` makes them from what the store has anyway
    /// (trie_leaf), and trie_writes and trie_deletes leave them out.
    bool leaves_apart;
    struct trie_cache *cache; ///< of this trie's upper levels; may be NULL
};

/// Lives in the arena it was opened with, and dies with it.
struct trie;

/// A node to be written (or, in trie_deletes, a path to be cleared).
struct trie_change {
    const uint8_t *path; ///< nibbles, one per byte
    size_t path_len;
    bytes_t node; ///< its encoding
};

/// A trie with this root; KECCAK_RLP_NULL is the empty one, for which `source` may be NULL.
/// `source` is copied. @return ERR_FULL
MUST_USE err_t trie_open(struct trie **out, struct arena *arena, const struct trie_source *source,
                         const hash_t *root);

/// Sets the value of a key; an empty value deletes it. `value` is borrowed until the trie is
/// finished. Keys in ascending order touch neighbouring pages.
/// @return ERR_FULL, ERR_LIMIT (key too long), ERR_CORRUPT, or what the source returned. The
///         trie is unusable after a failure.
MUST_USE err_t trie_put(struct trie *t, bytes_t key, bytes_t value);

/// trie_put for a key whose stored value is known: `before` (empty: none) spares reading its
/// leaf. Only a hint, held against the hash that names the leaf.
MUST_USE err_t trie_put_known(struct trie *t, bytes_t key, bytes_t value, bytes_t before);

/// The value of a key as it is now; empty if there is none. Valid as long as the trie.
MUST_USE err_t trie_get(struct trie *t, bytes_t *value, bytes_t key);

/// Computes the roots of several tries, with `jobs` (may be NULL) in parallel, and checks the
/// hashes of everything that was loaded. They must share one arena. Once per trie; no puts
/// afterwards. @return ERR_CORRUPT, ERR_FULL
MUST_USE err_t trie_finish(struct trie *const *tries, size_t count, const struct jobs *jobs);

/// After trie_finish.
hash_t trie_root(const struct trie *t);

/// After trie_finish: nodes to write and paths to clear, each sorted by path. In the arena.
const struct trie_change *trie_writes(const struct trie *t, size_t *count);
const struct trie_change *trie_deletes(const struct trie *t, size_t *count);

/// The leaf of `key` that hangs below its first `depth` nibbles, as it is encoded. In `arena`.
/// @return ERR_FULL
MUST_USE err_t trie_leaf(bytes_t *out, struct arena *arena, bytes_t key, size_t depth,
                         bytes_t value);

/// After trie_finish (or before any put): the nodes from the root towards a key, as
/// eth_getProof gives them; for an absent key up to where the paths part. In the arena.
MUST_USE err_t trie_prove(struct trie *t, bytes_t key, const bytes_t **nodes, size_t *count);
