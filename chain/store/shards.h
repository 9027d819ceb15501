// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Growing lists of block numbers under one key, cut into shards, so that adding to a list of
/// a million stays one small write and "the first number above n" is one seek.
///
///     key, be64 last           a full shard: SHARD_MAX numbers, the last is `last`
///     key, ff ff ff ff ...     the open shard: up to SHARD_MAX numbers
///
/// All keys of one kind in a table have the same length (or a first byte that tells them
/// apart), so that shards of one key are neighbours.

#include "chain/store/db.h"

/// Numbers in a full shard.
#define SHARD_MAX 64

/// Longest key, without the number.
#define SHARD_KEY_MAX 80

/// Appends `number`, larger than all in the list or equal to its last (then nothing happens).
/// @return ERR_INVALID if it is smaller
MUST_USE err_t shards_add(struct db_txn *txn, unsigned table, bytes_t key, uint64_t number);

/// Writes a full shard of `count` (at most SHARD_MAX) numbers in ascending order, for callers
/// that keep the open one elsewhere.
MUST_USE err_t shards_put_full(struct db_txn *txn, unsigned table, bytes_t key,
                               const uint64_t *numbers, size_t count);

/// The first number >= `from`. @return ERR_NOT_FOUND, ERR_CORRUPT
MUST_USE err_t shards_first(const struct db_txn *txn, unsigned table, bytes_t key, uint64_t from,
                            uint64_t *out);

/// The numbers in [from, to] in order, at most `cap` of them. `*count` is how many were
/// written; if it equals `cap` there may be more.
MUST_USE err_t shards_range(const struct db_txn *txn, unsigned table, bytes_t key, uint64_t from,
                            uint64_t to, uint64_t *out, size_t cap, size_t *count);
