// SPDX-License-Identifier: Apache-2.0
#pragma once

/// eth_getProof: an account and slots of it with the trie nodes that prove them, at the head
/// and for some blocks before it. The trie nodes of an earlier block are gone; they are made
/// again in memory by putting back what changed since (chain/state/history.h), and the root
/// that results is compared with that block's header.

#include "chain/base/arena.h"
#include "chain/store/db.h"
#include "chain/types/account.h"

/// Blocks before the head that can be proven.
#define PROVE_MAX_DEPTH 128

struct slot_proof {
    hash_t key; ///< as asked, not hashed
    u256_t value;
    const bytes_t *nodes; ///< from the storage root down; none for an empty trie
    size_t node_count;
};

/// Everything in the arena or in the transaction's views.
struct account_proof {
    hash_t state_root;
    bool exists;
    struct account account; ///< account_none() if it does not exist
    const bytes_t *nodes;   ///< from the state root down
    size_t node_count;
    struct slot_proof *slots; ///< in the order asked
    size_t slot_count;
};

/// @return ERR_NOT_FOUND (above the head), ERR_LIMIT (too far below it), ERR_FULL, ERR_CORRUPT
MUST_USE err_t state_prove(struct account_proof *out, struct arena *arena, const struct db_txn *txn,
                           uint64_t number, const address_t *address, const hash_t *slots,
                           size_t slot_count);
