// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The Merkle Patricia trie by its definition (Yellow Paper, appendix D): builds everything
/// anew from the sorted pairs. Slow and short, to be compared with.

#include "chain/base/bytes.h"

struct naive_pair {
    bytes_t key;
    bytes_t value; ///< never empty
};

/// Root of a trie with these pairs, in any order, without duplicate keys; sorts them.
hash_t naive_trie_root(struct naive_pair *pairs, size_t count);
