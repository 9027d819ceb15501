// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The validator set as a contract has it (fact sheet 4.2): `getValidators()` on the state of
/// the block before the one it is for.

#include "chain/state/view.h"
#include "consensus/block/executed.h"

/// @param[out] out  room for QBFT_MAX_VALIDATORS; ascending, without duplicates
/// @param head      the block whose state `view` is
/// @return ERR_INVALID if the contract reverts, is missing or answers nonsense or nobody
MUST_USE err_t validators_by_call(address_t *out, size_t *count, const struct block_env *env,
                                  const struct state_view *view, const struct header *head,
                                  const address_t *contract);
