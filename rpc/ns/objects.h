// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Ethereum's objects as its clients expect them: blocks, transactions, receipts, logs.
/// Printed straight into the answer.

#include "chain/types/block.h"
#include "chain/types/receipt.h"
#include "rpc/jsonrpc/json_writer.h"

/// Where a transaction or log stands. NULL where a function takes one: still pending.
struct object_place {
    const hash_t *block_hash;
    uint64_t block_number;
    uint64_t timestamp_s;
    uint64_t tx_index;
    const u256_t *base_fee_wei; ///< NULL before London
};

/// A transaction; its sender is known.
void object_tx(struct json_writer *w, const struct tx *tx, const struct object_place *place);

/// @param full_txs  whole transactions instead of hashes
void object_block(struct json_writer *w, const struct block *block, bool full_txs);

/// The same, left open for more members.
void object_block_open(struct json_writer *w, const struct block *block, bool full_txs);

/// A header alone, as newHeads tells of it.
void object_header(struct json_writer *w, const struct header *h, const hash_t *hash);

/// A log with its place.
void object_log(struct json_writer *w, const struct log_entry *log,
                const struct object_place *place, const hash_t *tx_hash, uint64_t log_index);

/// @param first_log  number of logs of the block's earlier transactions
void object_receipt(struct json_writer *w, const struct receipt *r, const struct tx *tx,
                    const struct object_place *place, uint64_t first_log);
