// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The system contracts as accounts of a genesis: the deployment plan
/// (genesis/artifacts/deployment.json) played on our own EVM over an empty world. What the
/// constructors leave behind is what the network starts with, so it is the same as if
/// somebody had deployed them in the first block, and the same on every machine.

#include <jansson.h>

#include "chain/base/arena.h"
#include "chain/base/err.h"
#include "chain/types/chain_config.h"

/// Where the contracts wake up.
struct system_site {
    uint64_t chain_id;
    uint64_t timestamp_s; ///< of the genesis block
    uint64_t gas_limit;
};

struct system_detail {
    char text[256];
};

/// @param params  values for the plan's parameters by name; the others keep their defaults.
///                NULL: all defaults
/// @param[out] accounts  sorted by address; everything in `arena`
/// @return ERR_INVALID (an unknown parameter, a wrong value, a constructor that reverts) with
///         `detail`, ERR_CORRUPT (the plan or an artifact inside this program), ERR_FULL
MUST_USE err_t system_contracts_alloc(const struct alloc_account **accounts, size_t *count,
                                      struct arena *arena, const json_t *params,
                                      const struct system_site *site, struct system_detail *detail);
