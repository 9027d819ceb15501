// SPDX-License-Identifier: Apache-2.0
#pragma once

/// An account of the state (Yellow Paper 4.1).

#include "chain/base/bytes.h"
#include "chain/base/u256.h"

struct account {
    uint64_t nonce;
    u256_t balance_wei;
    hash_t storage_root; ///< KECCAK_RLP_NULL without storage
    hash_t code_hash;    ///< KECCAK_EMPTY without code
};

/// nonce 0, balance 0, no code (EIP-161). Storage is not asked.
bool account_is_empty(const struct account *a);

/// The account every address has before anything happened to it.
struct account account_none(void);
