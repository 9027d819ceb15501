// SPDX-License-Identifier: Apache-2.0
#pragma once

/// From pooled transactions to a proposal: executes what fits, in the order given, and computes
/// the roots.

#include "chain/store/db.h"
#include "chain/types/extra_data.h"
#include "consensus/block/executed.h"

struct build_request {
    const struct header *parent;
    const hash_t *parent_hash;
    const address_t *proposer;   ///< coinbase
    const address_t *validators; ///< of this block
    size_t validator_count;
    enum qbft_vote vote;
    address_t vote_recipient;
    uint32_t round; ///< into extraData
    uint64_t timestamp_s;
    uint64_t gas_limit_target; ///< 0: as the parent's

    const struct tx *const *txs; ///< best first; a sender's in order of nonce
    size_t tx_count;
    /// Asked between transactions: true ends the block with what it has. May be NULL.
    bool (*out_of_time)(void *ctx);
    /// The i-th transaction can never be in a block as it is. May be NULL.
    void (*refused)(void *ctx, size_t i, enum tx_validity why);
    void *ctx;
};

/// Builds and executes a block on the state that `txn` sees (the parent's).
/// @return ERR_FULL (memory), ERR_CORRUPT, ERR_IO: nothing was made
MUST_USE err_t block_build(struct executed_block *out, const struct block_env *env,
                           const struct db_txn *txn, const struct build_request *request);
