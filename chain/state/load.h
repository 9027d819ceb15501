// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A whole state into an empty store, entry by entry in the order of its keys, held to the root it
/// must have. Nothing about it is believed: keys ascend, slots give their account's storage root,
/// code has its hash, the accounts give the state root.
///
///     account a, its code, its slots ... account b, ...      (chain/state/walk.h gives this order)
///          \______ a group _______/
///                     |
///     tries of the group's accounts, the account trie: chain/trie on what is stored already
///                     |
///     one write transaction: flat entries, trie nodes, code
///
/// Memory is that of one group. There is no history: the state is as of the block that the caller
/// says is the oldest (blocks_set_oldest). Until state_loader_finish says OK the store is unfit for
/// anything.
///
/// Owner: one thread.

#include "chain/base/jobs.h"
#include "chain/store/db.h"
#include "chain/types/account.h"

/// Longest code that is taken; what a genesis file gives may be longer than a contract's.
#define LOAD_CODE_MAX ((size_t)16 * 1024 * 1024)

struct state_loader;

struct state_totals {
    uint64_t accounts;
    uint64_t slots;
    uint64_t codes; ///< different ones
};

/// @param db    has no state; no transaction of this thread is open while entries are given
/// @param jobs  may be NULL; kept
/// @return ERR_FULL
MUST_USE err_t state_loader_new(struct state_loader **out, struct db *db, const struct jobs *jobs);
void state_loader_free(struct state_loader *l); ///< NULL is allowed

/// The account with the next higher key. What follows is its own.
/// @return ERR_INVALID (order, or what was given before is not what it should be), ERR_FULL, ERR_IO
MUST_USE err_t state_load_account(struct state_loader *l, const hash_t *key,
                                  const struct account *a);
/// The code of the account given last, before its slots: if, and only if, no account before has it.
MUST_USE err_t state_load_code(struct state_loader *l, bytes_t code);
/// The next slot of the account given last; not zero.
MUST_USE err_t state_load_slot(struct state_loader *l, const hash_t *key, const u256_t *value);

/// Nothing follows. @return ERR_INVALID also if the state does not have this root
MUST_USE err_t state_loader_finish(struct state_loader *l, struct state_totals *totals,
                                   const hash_t *root);
