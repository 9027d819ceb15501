// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The state after an earlier block, exactly: the first later change of a key holds its
/// previous value; if there is none, the flat tables have it.
///
///     changes   number, flat key       -> the value before block `number`
///     history   length, flat key, last -> the blocks that changed it (a shard)
///
/// A read at block n is one seek in `history` (the first change >= n + 1) and one get in
/// `changes`, or one get in the flat table.

#include "chain/base/arena.h"
#include "chain/state/flat.h"
#include "chain/state/view.h"
#include "chain/store/db.h"

struct history_view {
    const struct db_txn *txn;
    uint64_t number; ///< state after this block
};

/// @return ERR_NOT_FOUND if the block is above the head or its history was pruned.
MUST_USE err_t history_view_init(struct history_view *v, const struct db_txn *txn, uint64_t number);
struct state_view history_as_view(struct history_view *v);

/// The raw value of a flat key after block `number`; empty if there was none.
MUST_USE err_t history_read(const struct db_txn *txn, bytes_t *out, const struct flat_key *key,
                            uint64_t number);

/// Notes that block `number` changes a key, and from what. Keys in ascending order per block.
MUST_USE err_t history_note(struct db_txn *txn, uint64_t number, const struct flat_key *key,
                            bytes_t before);

/// One key that differs between the state after block `number` and the head.
struct history_entry {
    struct flat_key key;
    bytes_t value; ///< after block `number`; empty: none. Valid as long as the transaction.
};

/// All accounts (or, with `storage_of`, all slots of that account) that changed after block
/// `number`, each once, sorted by key, with their value then. In `arena`.
MUST_USE err_t history_since(const struct db_txn *txn, struct history_entry **out, size_t *count,
                             struct arena *arena, uint64_t number, const hash_t *storage_of);
