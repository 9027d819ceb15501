// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Block 0: alloc -> state, root and header.

#include "chain/state/diff.h"
#include "chain/store/db.h"
#include "chain/types/block.h"
#include "chain/types/chain_config.h"

/// alloc as a diff on the empty state.
MUST_USE err_t genesis_diff(struct state_diff *out, struct arena *arena, const struct genesis *g);

/// Fills g->header.state_root (and the empty roots) and returns the genesis hash. Needs no
/// store.
MUST_USE err_t genesis_seal(struct genesis *g, struct arena *arena, hash_t *hash);

/// Block 0 of a sealed genesis; borrows from it.
struct block genesis_block(const struct genesis *g, const hash_t *hash);

/// Writes block 0 into an empty store, with chain id and genesis hash in `meta`; checks a
/// store that is not empty. @return ERR_MISMATCH if it belongs to another genesis.
MUST_USE err_t genesis_write(struct db_txn *txn, struct genesis *g, struct arena *arena,
                             hash_t *hash);
