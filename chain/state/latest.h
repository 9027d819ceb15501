// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The state after the head block, from flat tables: one B-tree look-up per read.

#include "chain/state/view.h"
#include "chain/store/db.h"

/// A view over a transaction that the caller keeps open (read, or the writer's own).
struct latest_view {
    const struct db_txn *txn;
};

/// Never fails: nothing is read yet.
void latest_view_init(struct latest_view *v, const struct db_txn *txn);
/// The interface over `v`, which must outlive it.
struct state_view latest_as_view(struct latest_view *v);
