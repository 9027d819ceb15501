// SPDX-License-Identifier: Apache-2.0
#pragma once

/// From a diff to a root, and from there to the disk. The root is needed when a block is
/// proposed or checked; what was computed for it is kept and only written on commit, so a
/// block's trie is updated once.

#include "chain/base/arena.h"
#include "chain/base/jobs.h"
#include "chain/state/diff.h"
#include "chain/store/db.h"
#include "chain/trie/trie_cache.h"

/// Trie nodes and account records that a diff leads to; in the arena of state_apply.
struct state_update;

/// What state_apply may use besides; all may be NULL.
struct state_tools {
    const struct jobs *jobs;
    struct trie_cache *cache; ///< of the account trie
};

/// Computes the state root after `diff` on top of what `txn` sees: any transaction whose head
/// is the parent block, or NULL for the empty state. Writes nothing, and the update keeps
/// nothing of `txn` or `diff`: both may end before state_write.
/// @return ERR_FULL, ERR_CORRUPT (a trie node does not hash to its name)
MUST_USE err_t state_apply(struct state_update **out, hash_t *root, struct arena *arena,
                           const struct db_txn *txn, const struct state_diff *diff,
                           const struct jobs *jobs);
/// The same with all tools.
MUST_USE err_t state_apply_with(struct state_update **out, hash_t *root, struct arena *arena,
                                const struct db_txn *txn, const struct state_diff *diff,
                                const struct state_tools *tools);

/// Writes an update as the state after block `number`: flat tables, code, trie nodes,
/// change set. The transaction's state must be the one the update was computed on.
MUST_USE err_t state_write(struct db_txn *txn, const struct state_update *update, uint64_t number);
