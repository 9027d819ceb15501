// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Writes genesis files (Besu's format, with QBFT): for `network init` and for --dev. The
/// same inputs give the same bytes.

#include <jansson.h>

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/base/err.h"
#include "chain/types/chain_config.h"
#include "rpc/cairnd/system_contracts.h"

struct genesis_funds {
    address_t address;
    u256_t balance_wei;
};

struct genesis_plan {
    uint64_t chain_id;
    uint64_t timestamp_s;
    uint64_t gas_limit;
    uint64_t block_period_ms;
    bool period_in_ms;             ///< write it in milliseconds: timestamps may repeat
    uint64_t empty_block_period_s; ///< 0: empty blocks like full ones
    uint64_t request_timeout_s;
    uint64_t epoch_length;
    bool zero_base_fee;
    const address_t *validators;
    size_t validator_count;
    bool validators_by_contract; ///< the ValidatorSet contract names them, not the headers
    const struct genesis_funds *funds;
    size_t fund_count;
    bool system_contracts;
    /// Of the deployment plan; NULL: defaults. The ValidatorSet gets the plan's validators and
    /// epoch length unless they are given here.
    const json_t *system_params;
};

/// @return ERR_INVALID with `detail`, ERR_FULL
MUST_USE err_t genesis_file_write(struct buf *out, struct arena *arena,
                                  const struct genesis_plan *plan, struct system_detail *detail);
