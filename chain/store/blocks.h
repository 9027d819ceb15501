// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Headers, bodies, receipts and their look-ups. All reads take any transaction; views are
/// valid until it ends (or its next write).
///
/// A store that began from a snapshot at block S has every header, but of the blocks before S only
/// the bodies and receipts that the snapshot carried: from S on (blocks_oldest) it is whole.

#include "chain/base/arena.h"
#include "chain/store/db.h"
#include "chain/types/block.h"
#include "chain/types/receipt.h"

/// Where a transaction is.
struct tx_location {
    uint64_t block_number;
    uint32_t index;
};

/// Highest block. ERR_NOT_FOUND in an empty store.
MUST_USE err_t blocks_head(const struct db_txn *txn, uint64_t *number, hash_t *hash);

/// From a block's hash to its number. ERR_NOT_FOUND
MUST_USE err_t blocks_number_of(const struct db_txn *txn, uint64_t *number, const hash_t *hash);
/// From a number to the block's hash. ERR_NOT_FOUND
MUST_USE err_t blocks_hash_of(const struct db_txn *txn, hash_t *hash, uint64_t number);

/// The header with the seals it was stored with; its hash is checked.
MUST_USE err_t blocks_header(const struct db_txn *txn, struct header *out, uint64_t number);
/// Header's stored bytes (RLP).
MUST_USE err_t blocks_header_raw(const struct db_txn *txn, bytes_t *out, uint64_t number);
/// A body's stored bytes (RLP), as eth/66 and later send it. Its roots are not looked at: whoever
/// receives it does that. ERR_NOT_FOUND, ERR_CORRUPT
MUST_USE err_t blocks_body_raw(const struct db_txn *txn, bytes_t *out, uint64_t number);

/// The first block from which on all bodies, receipts and states are there: 0 unless the store
/// began from a snapshot. ERR_CORRUPT
MUST_USE err_t blocks_oldest(const struct db_txn *txn, uint64_t *number);

/// Header and body; senders are those stored with the block (recovered once). The body's roots are
/// compared with the header when a block is read first. ERR_CORRUPT names the block; ERR_NOT_FOUND
/// if there is none such, or none so old.
MUST_USE err_t blocks_get(const struct db_txn *txn, struct block *out, struct arena *arena,
                          uint64_t number);

/// Receipts of a block, with the fields that are not in the consensus form. Their root is compared
/// with the header when they are read first. ERR_CORRUPT names the block; ERR_NOT_FOUND as blocks_get.
MUST_USE err_t blocks_receipts(const struct db_txn *txn, struct receipt **out, size_t *count,
                               struct arena *arena, uint64_t number);

/// Where a transaction is. ERR_NOT_FOUND
MUST_USE err_t blocks_find_tx(const struct db_txn *txn, struct tx_location *out,
                              const hash_t *tx_hash);

/// Is the transaction at `at` of its block `b` the one asked for, from whom it says? Its signature
/// is looked at the first time. ERR_CORRUPT
MUST_USE err_t blocks_check_tx(const struct db_txn *txn, const struct block *b,
                               const struct tx_location *at, const hash_t *tx_hash);

/// Writes a block, its receipts, look-ups and log index as the new head. `block->txs` have
/// their senders. Number must be head + 1 (or 0 in an empty store).
MUST_USE err_t blocks_append(struct db_txn *txn, const struct block *block,
                             const struct receipt *receipts, size_t receipt_count);

/// --- a store from a snapshot: all headers first, then the bodies that there are ---

/// Writes a header alone as the new head. `hash` is its hash.
MUST_USE err_t blocks_append_header(struct db_txn *txn, const struct header *h, const hash_t *hash);

/// Writes body, receipts, look-ups and log index of a block whose header is there; in ascending
/// order. `block->txs` have their senders; the caller has compared the roots.
MUST_USE err_t blocks_append_body(struct db_txn *txn, const struct block *block,
                                  const struct receipt *receipts, size_t receipt_count);

/// Says from where on the store is whole.
MUST_USE err_t blocks_set_oldest(struct db_txn *txn, uint64_t number);
