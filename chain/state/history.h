// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The state after an earlier block, exactly: the first later change of a key holds its
/// previous value; if there is none, the flat tables have it.
///
///     changes   number, flat key       -> the record before block `number`
///     history   length, flat key, last -> earlier blocks that changed it (a shard)
///
/// The last few blocks that changed a key stand beside its record in the flat table. When they
/// are too many, and when the record goes, they are put away as a shard; the newest of them
/// stays beside the record, so that no list means: never changed since block 0. A read at block
/// n is one get in the flat table, one seek in `history` if all that stand there are later (the
/// first change >= n + 1), and one get in `changes`.

#include "chain/base/arena.h"
#include "chain/state/flat.h"
#include "chain/state/view.h"
#include "chain/store/db.h"

struct history_view {
    const struct db_txn *txn;
    uint64_t number; ///< state after this block
};

/// @return ERR_NOT_FOUND if the block is above the head or before a snapshot that the store began
///         from (blocks_oldest).
MUST_USE err_t history_view_init(struct history_view *v, const struct db_txn *txn, uint64_t number);
struct state_view history_as_view(struct history_view *v);

/// The record of a flat key after block `number`; empty if there was none.
MUST_USE err_t history_read(const struct db_txn *txn, bytes_t *out, const struct flat_key *key,
                            uint64_t number);

/// The same for an entry of the flat table that was read (both parts empty: there is none).
MUST_USE err_t history_of(const struct db_txn *txn, bytes_t *out, const struct flat_key *key,
                          const struct flat_value *now, uint64_t number);

/// What stands beside a record after a change.
struct history_list {
    uint8_t b[FLAT_CHANGES_BYTES];
    size_t len;
};

/// Notes that block `number` changes a key, and from what. `*out` is the list to store beside
/// its new record, or, with `gone`, empty. Keys in ascending order per block.
/// @return ERR_CORRUPT (the list as it was is unreadable or from the future)
MUST_USE err_t history_note(struct db_txn *txn, struct history_list *out, uint64_t number,
                            const struct flat_key *key, const struct flat_value *before, bool gone);

/// One key that differs between the state after block `number` and the head.
struct history_entry {
    struct flat_key key;
    bytes_t value; ///< its record after block `number`; empty: none. Valid as long as txn.
};

/// All accounts (or, with `storage_of`, all slots of that account) that changed after block
/// `number`, each once, sorted by key, with their value then. In `arena`.
MUST_USE err_t history_since(const struct db_txn *txn, struct history_entry **out, size_t *count,
                             struct arena *arena, uint64_t number, const hash_t *storage_of);
