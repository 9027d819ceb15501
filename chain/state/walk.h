// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The whole state after a block, in the order of its keys: each account, then its slots.
///
/// Every key that ever had a record either has one now (flat tables) or left a list of its
/// changes when its record went (`history`). Both lie in the order of the keys, so one walk over the
/// two together meets all of them, and chain/state/history.h says what each was:
///
///     accounts/slots   a . c d . f     a state of the past costs what the newest one does,
///     history          . b . d e .     in no memory, and a walk may stop after any entry and
///     walk             a b c d e f     go on in another transaction, whatever was written since
///
/// The store must still know the state after that block (history_view_init).

#include "chain/store/db.h"
#include "chain/types/account.h"

/// Where a walk stands: behind an account (its slots follow) or behind one of its slots.
struct state_place {
    bool begun;
    bool done;
    bool in_slots; ///< slots of `account` may follow
    bool has_slot; ///< behind `slot`; else before the first
    hash_t account;
    hash_t slot;
};

/// Who is shown the entries. An error ends the walk, behind the entry shown.
struct state_visitor {
    err_t (*account)(void *ctx, const hash_t *key, const struct account *a);
    err_t (*slot)(void *ctx, const hash_t *account, const hash_t *key, const u256_t *value);
    void *ctx;
};

/// Shows at most `limit` entries of the state after block `number` from `at` (zeroed: from the
/// start) on; `at->done` at the end.
/// @return ERR_CORRUPT; what the visitor returned
MUST_USE err_t state_walk(struct state_place *at, const struct db_txn *txn, uint64_t number,
                          size_t limit, const struct state_visitor *visitor);
