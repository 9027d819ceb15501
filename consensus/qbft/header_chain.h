// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A walk over sealed headers from the genesis on: each is held to the rules after its parent and
/// to the seals of the validators that the votes before it have made (`cairnd verify`, and what a
/// peer that is behind asks of the headers it is given).
///
/// Header votes only: with a validator contract the set is known by execution alone.

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "consensus/qbft/header_rules.h"
#include "consensus/qbft/validators.h"

struct header_chain {
    const struct chain_config *config;
    bool any_period; ///< --dev: timestamps may repeat
    struct header head;
    struct buf head_extra;
    hash_t head_hash;
    struct qbft_tally tally;
    struct arena votes;
    struct arena scratch;
};

/// @param genesis  block 0's header, complete
/// @return ERR_MALFORMED, ERR_INVALID (its validators), ERR_FULL; deinit in any case
MUST_USE err_t header_chain_init(struct header_chain *c, const struct chain_config *config,
                                 const struct header *genesis);
void header_chain_deinit(struct header_chain *c);

/// Checks the header that follows and takes it as the new head.
/// @return ERR_INVALID with the rule that is broken (nothing has moved), ERR_MALFORMED, ERR_FULL
MUST_USE err_t header_chain_next(struct header_chain *c, const struct header *h);
