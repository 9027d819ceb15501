// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Trie nodes in the store, by path: `0, nibbles` for the account trie, `1, keccak(address),
/// nibbles` for a storage trie.

#include "chain/store/db.h"
#include "chain/trie/trie.h"

/// One trie of the state as `txn` sees it.
struct state_nodes {
    const struct db_txn *txn;
    bool is_storage;
    hash_t address_hash; ///< of a storage trie
};

/// `nodes` must outlive the source.
struct trie_source state_nodes_source(struct state_nodes *nodes);

/// Writes and clears what a finished trie says.
MUST_USE err_t state_nodes_write(struct db_txn *txn, const struct state_nodes *nodes,
                                 const struct trie *t);

/// Clears every node of an account's storage trie.
MUST_USE err_t state_nodes_clear(struct db_txn *txn, const hash_t *address_hash);

/// Root of the state after the head; KECCAK_RLP_NULL in an empty store.
MUST_USE err_t state_head_root(const struct db_txn *txn, hash_t *root);
