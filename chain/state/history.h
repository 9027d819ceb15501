// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The state after an earlier block, exactly: the first later change of a key holds its
/// previous value; if there is none, the flat tables have it.

#include "chain/state/view.h"
#include "chain/store/db.h"

struct history_view {
    const struct db_txn *txn;
    uint64_t number; ///< state after this block
};

/// @return ERR_NOT_FOUND if the block is above the head or its history was pruned.
MUST_USE err_t history_view_init(struct history_view *v, const struct db_txn *txn, uint64_t number);
struct state_view history_as_view(struct history_view *v);
