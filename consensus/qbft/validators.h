// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The validator set from block to block by header votes (fact sheet 4.1):
///
///     block h carries at most one vote of its coinbase: add or drop an address
///     more than half of the set voted alike  ->  the set changes for block h + 1
///     h divisible by the epoch length        ->  all open votes are forgotten, the vote in
///                                                that very block too
///
/// GoQuorum (config.isQuorum) forgets before that block's vote, which counts; and a vote that the
/// set already agrees with is none, so it never takes the others' votes on that address away.
///
/// A transition of the genesis may name the set of a block: it replaces what the votes made, and the
/// vote in the header before that block is applied on top (fact sheet 4.3).
///
/// In contract mode the set is what a contract answers (consensus/block/validator_call.h) and
/// nothing of this is asked.
///
/// Owner: the thread that imports blocks.

#include "chain/base/arena.h"
#include "chain/base/err.h"
#include "chain/types/chain_config.h"
#include "chain/types/extra_data.h"

struct open_vote {
    address_t voter;
    address_t recipient;
    bool add;
};

struct qbft_tally {
    address_t validators[QBFT_MAX_VALIDATORS]; ///< in force for the next block, ascending
    size_t validator_count;
    struct open_vote *votes;
    size_t vote_count;
    size_t vote_cap;
    uint64_t epoch_length;
    bool goquorum; ///< config.isQuorum
};

/// A tally with the set of a genesis or epoch header and no open votes. One vote per block can
/// be open, so an epoch bounds their number; room for up to 2^20 of them is reserved in `arena`.
/// @return ERR_INVALID for a set that is empty or not ascending, ERR_LIMIT, ERR_FULL
MUST_USE err_t qbft_tally_init(struct qbft_tally *t, struct arena *arena,
                               const struct extra_data *checkpoint,
                               const struct chain_config *config);

/// Starts over from another checkpoint, in the same memory.
MUST_USE err_t qbft_tally_restart(struct qbft_tally *t, const struct extra_data *checkpoint);

/// Applies the block that follows. A drop that would leave no validator has no effect.
/// @return ERR_FULL with more than 2^20 open votes; ERR_LIMIT with too many validators
MUST_USE err_t qbft_tally_apply(struct qbft_tally *t, const struct header *h,
                                const struct extra_data *extra);

/// Applies the block that follows, and the transition that may stand at the block after it. In a
/// header of the contract mode there are no votes.
/// @return as qbft_tally_apply and qbft_tally_restart
MUST_USE err_t qbft_tally_follow(struct qbft_tally *t, const struct chain_config *config,
                                 const struct header *h, const struct extra_data *extra);

/// Where counting must begin to know the set after `head`: with the header of the returned block,
/// and the set `*list` if it is not NULL, else the one which that header lists. Each header from
/// there on, itself included, is then given to qbft_tally_follow.
uint64_t qbft_tally_checkpoint(const struct chain_config *config, uint64_t head,
                               const address_t **list, size_t *count);

/// Whether a vote would still change something if this validator cast it now.
bool qbft_vote_is_useful(const struct qbft_tally *t, const address_t *voter,
                         const address_t *recipient, bool add);
