// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The upper levels of one trie in memory, where every batch passes: a node is found by its
/// path and used only if it has the hash that its parent names. So nothing has to be
/// invalidated: after a block that was never committed, a rolled back transaction or another
/// proposal, what no longer fits is read from the store again.
///
/// Owner: one thread, the one that computes state roots.

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// Nodes with fewer nibbles above them are kept: 1 + 16 + ... + 65536 of them.
#define TRIE_CACHE_LEVELS 5

struct trie_cache;

/// @param max_bytes  of encoded nodes; a full set of five levels has about 37 MB
/// @return ERR_FULL
MUST_USE err_t trie_cache_new(struct trie_cache **out, size_t max_bytes);
/// NULL is allowed.
void trie_cache_free(struct trie_cache *c);

/// A copy, in `arena`, of the node at `path` (nibbles, one per byte) with this hash. `c` may be
/// NULL. @return false if it is not kept, or if the arena is full
bool trie_cache_get(const struct trie_cache *c, bytes_t *out, struct arena *arena,
                    const uint8_t *path, size_t path_len, const uint8_t hash[32]);

/// Keeps a node, which must hash to `hash`, in place of what was at its path, if its level is
/// kept and there is room. `c` may be NULL.
void trie_cache_put(struct trie_cache *c, const uint8_t *path, size_t path_len,
                    const uint8_t hash[32], bytes_t node);

/// Bytes of the nodes kept, never more than the maximum.
size_t trie_cache_bytes(const struct trie_cache *c);
