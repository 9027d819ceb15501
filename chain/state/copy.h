// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The state after a block, from one store into another that has none: a walk (chain/state/walk.h)
/// whose entries are loaded (chain/state/load.h), held to the root they must have.
///
/// Owner: one thread.

#include "chain/state/load.h"

struct state_copy;

/// @return ERR_FULL
MUST_USE err_t state_copy_new(struct state_copy **out, struct db *to);
void state_copy_free(struct state_copy *c); ///< NULL is allowed

/// Copies at most `limit` entries of the state after block `number` that `from` sees; `*done` after
/// the last. Each call may have a transaction of its own.
/// @return as state_walk and state_load_account
MUST_USE err_t state_copy_some(struct state_copy *c, bool *done, const struct db_txn *from,
                               uint64_t number, size_t limit);
/// @return as state_loader_finish
MUST_USE err_t state_copy_finish(struct state_copy *c, struct state_totals *totals,
                                 const hash_t *root);
