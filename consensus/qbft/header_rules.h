// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Is this header valid after its parent? (Fact sheet 7.) What the transactions did to gas and
/// roots is asked by consensus/block/check.

#include "chain/base/arena.h"
#include "chain/types/chain_config.h"
#include "chain/types/extra_data.h"
#include "chain/types/header.h"
#include "consensus/qbft/message.h"

/// A block may be this much ahead of the own clock.
#define HEADER_MAX_AHEAD_MS 1000U

struct header_rules {
    const struct chain_config *config;
    const struct header *parent;
    const hash_t *parent_hash;
    const address_t *validators; ///< in force for this block, ascending
    size_t validator_count;
    uint64_t now_ms;           ///< UINT64_MAX: do not compare with the clock (old blocks)
    bool any_period;           ///< --dev: timestamps may repeat whatever the period says
    bool any_validators;       ///< who they are is not known: coinbase and seals are not looked at
    bool sealed;               ///< a final block: a quorum of seals; else a proposal: none
    struct qbft_crypto crypto; ///< recovers seals; `recover` NULL: secp256k1
};

/// @param extra  the header's extraData, decoded
/// @return ERR_INVALID with the rule that is broken.
MUST_USE err_t qbft_header_check(const struct header_rules *rules, const struct header *h,
                                 const struct extra_data *extra);

/// Gas limit of the block after `parent`: towards the target by less than 1/1024 (0: as it is).
uint64_t next_gas_limit(const struct header *parent, uint64_t target, bool london_now);

/// Number of header fields at a revision.
unsigned header_fields_of(enum revision rev);
