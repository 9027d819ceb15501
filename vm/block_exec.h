// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Executes blocks: all transactions in order, receipts, system steps of the engine. The
/// same functions serve building (one transaction at a time, what fits) and checking.

#include "chain/types/block.h"
#include "vm/overlay.h"
#include "vm/tx_exec.h"

/// A block in progress.
struct block_exec {
    struct vm *vm;
    struct overlay *world;
    struct arena *arena; ///< receipts and their logs
    struct block_ctx ctx;
    const struct chain_config *config;
    uint64_t gas_used;
    struct receipt *receipts;
    size_t receipt_count;
    size_t receipt_cap;
    struct bloom bloom;
};

/// Begins a block with `header`'s number, time, coinbase, gas limit, base fee. Runs what the
/// engine does before transactions (mainnet: EIP-4788 and, from Prague on, EIP-2935).
/// @param max_txs  room for receipts
MUST_USE err_t block_exec_begin(struct block_exec *x, struct vm *vm, struct overlay *world,
                                struct arena *arena, const struct chain_config *config,
                                const struct header *header, size_t max_txs);

/// Executes the next transaction and adds its receipt. If `result->validity` is not
/// TX_VALID nothing happened: the builder skips it, the checker refuses the block.
MUST_USE err_t block_exec_tx(struct block_exec *x, struct tx_result *result, const struct tx *tx);

/// What comes after the transactions: withdrawals, block reward (QBFT: to
/// miningbeneficiary or coinbase; zero touches nobody), requests.
MUST_USE err_t block_exec_end(struct block_exec *x, const struct block *block);

/// What a block asks of the consensus layer (EIP-7685), from Prague on.
struct block_requests {
    bytes_t of_type[3]; ///< deposits, withdrawals, consolidations; empty ones do not count
    hash_t hash;        ///< requestsHash
};

/// block_exec_end under mainnet's rules for whoever makes the block instead of checking it:
/// withdrawals, then the requests, in the arena. Before Prague `*out` is untouched.
MUST_USE err_t block_exec_finish(struct block_requests *out, struct block_exec *x,
                                 const struct block *block);

/// Receipts root of what was executed.
MUST_USE err_t block_exec_receipts_root(hash_t *out, const struct block_exec *x,
                                        struct arena *scratch);

/// Base fee of the block after `parent` (EIP-1559; 0 with zeroBaseFee), and the excess blob
/// gas (EIP-4844).
u256_t next_base_fee(const struct chain_config *config, const struct header *parent,
                     uint64_t timestamp_s);
uint64_t next_excess_blob_gas(const struct chain_config *config, const struct header *parent,
                              uint64_t timestamp_s);
