// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Is what is stored what should be stored? Builds every trie anew from the flat tables and
/// compares roots and stored nodes, one by one: for tests, and for operators who doubt a disk.

#include "chain/base/arena.h"
#include "chain/store/db.h"

/// Counts of what was compared.
struct state_audit {
    uint64_t accounts;
    uint64_t slots;
    uint64_t nodes;
};

/// Audits the state after the head. Needs about 1 KiB of `arena` per account, and the same for
/// the slots of the account with the most.
/// @return ERR_CORRUPT says what differs first; ERR_FULL
MUST_USE err_t state_audit(struct state_audit *out, struct arena *arena, const struct db_txn *txn);
