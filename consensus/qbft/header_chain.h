// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A walk over sealed headers from the genesis on: each is held to the rules after its parent and
/// to the seals of the validators that the votes before it have made (`cairnd verify`, and what a
/// peer that is behind asks of the headers it is given).
///
/// With a validator contract the set is known by execution alone: whoever walks answers for it, or
/// knows the hash of a later header by other means and trusts the ones that lead to it.

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "consensus/qbft/header_rules.h"
#include "consensus/qbft/validators.h"

struct header_chain {
    const struct chain_config *config;
    bool any_period; ///< --dev: timestamps may repeat
    /// Where a contract has the validators: who they are after `parent` (room for
    /// QBFT_MAX_VALIDATORS, ascending). NULL: such a header is ERR_UNSUPPORTED.
    err_t (*by_contract)(void *ctx, address_t *out, size_t *count, const struct header *parent,
                         const address_t *contract);
    void *ctx;
    /// Where a contract has the validators, coinbase and seals are not looked at and by_contract is
    /// not asked.
    bool trust_contract;
    struct qbft_crypto crypto;            ///< recovers seals; `recover` NULL: secp256k1
    address_t named[QBFT_MAX_VALIDATORS]; ///< what it answered last
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
/// @return ERR_INVALID with the rule that is broken (nothing has moved), ERR_MALFORMED, ERR_FULL,
///         ERR_UNSUPPORTED; what by_contract returned
MUST_USE err_t header_chain_next(struct header_chain *c, const struct header *h);
