// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Trie nodes in the store, by path. What a block costs is the pages it touches, so each kind of
/// node lies where its page is touched anyway:
///
///     leaves         nowhere: an account's (a slot's) key and record are its leaf
///     lower nodes    in `accounts` and `slots`, just before the entries below them
///     upper nodes    (fewer than NODES_UPPER nibbles above them) in `trie`, close together:
///                    beside one account in hundreds they would have a page each
///
/// A path is packed as two nibbles per byte and ends in a byte 00 (an even number of nibbles) or
/// in the odd nibble and 1. Such a key is shorter than an account's; the path of a node whose key
/// would not be cannot be met: two Keccak hashes would have to agree in 248 bits.

#include "chain/store/db.h"
#include "chain/trie/trie.h"

#define NODES_UPPER 4

/// One trie of the state as `txn` sees it.
struct state_nodes {
    const struct db_txn *txn;
    struct arena *arena; ///< for leaves that are read
    bool is_storage;
    hash_t address_hash; ///< of a storage trie
};

/// `nodes` must outlive the source. Leaves are made from the flat entry; whether it is the one
/// that the trie means, the hash tells (chain/trie/trie.h).
struct trie_source state_nodes_source(struct state_nodes *nodes);

/// Where a node is stored.
struct node_place {
    unsigned table;
    uint8_t key[33 + 32];
    size_t key_len;
};

/// @return ERR_LIMIT if the path is too long for a node of a trie of hashed keys
MUST_USE err_t state_node_place(struct node_place *out, const struct state_nodes *nodes,
                                const uint8_t *path, size_t path_len);

/// Writes and clears what a finished trie says.
MUST_USE err_t state_nodes_write(struct db_txn *txn, const struct state_nodes *nodes,
                                 const struct trie *t);

/// Clears every node of an account's storage trie.
MUST_USE err_t state_nodes_clear(struct db_txn *txn, const hash_t *address_hash);

/// Root of the state after the head; KECCAK_RLP_NULL in an empty store.
MUST_USE err_t state_head_root(const struct db_txn *txn, hash_t *root);
