// SPDX-License-Identifier: Apache-2.0
#pragma once

/// One stored node of a Merkle Patricia trie, taken apart without allocation (Yellow Paper,
/// appendices C and D).
///
///     leaf        [hex-prefix(path, 2), value]
///     extension   [hex-prefix(path, 0), child]
///     branch      [child 0, ..., child 15, value]
///
/// A child is named by the hash of its encoding, or is the encoding itself if that has fewer
/// than 32 bytes; an empty string is no child.

#include "chain/base/bytes.h"
#include "chain/base/err.h"

enum node_kind { NODE_LEAF, NODE_EXTENSION, NODE_BRANCH };

/// How a child is named.
enum node_child_kind {
    NODE_CHILD_NONE,
    NODE_CHILD_HASH,     ///< `child` is the 32-byte hash
    NODE_CHILD_EMBEDDED, ///< `child` is the node itself
};
struct node_child {
    enum node_child_kind kind;
    bytes_t child;
};

/// Views into the encoding.
struct node_view {
    enum node_kind kind;
    bytes_t packed;                 ///< hex-prefix form of the path; leaf and extension
    bytes_t value;                  ///< leaf; branch (empty: none)
    struct node_child children[16]; ///< branch; extension: the first only
};

/// @return ERR_MALFORMED: not RLP, or not a node that anybody would have written
MUST_USE err_t node_parse(struct node_view *out, bytes_t node);

/// Nibbles of a packed path.
static inline size_t node_path_len(bytes_t packed)
{
    return 2 * (packed.len - 1) + ((packed.data[0] & 0x10) != 0);
}

/// The i-th nibble of a packed path.
static inline uint8_t node_path_at(bytes_t packed, size_t i)
{
    const size_t n = i + ((packed.data[0] & 0x10) != 0 ? 1 : 2);
    const uint8_t b = packed.data[n / 2];
    return (uint8_t)(n % 2 == 0 ? b >> 4 : b & 15);
}

/// The i-th nibble of a key.
static inline uint8_t key_nibble(bytes_t key, size_t i)
{
    const uint8_t b = key.data[i / 2];
    return (uint8_t)(i % 2 == 0 ? b >> 4 : b & 15);
}
