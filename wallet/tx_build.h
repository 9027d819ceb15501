// SPDX-License-Identifier: Apache-2.0
#pragma once

/// From an intention and what the node said to a signed transaction. Pure: no node, no
/// file, no clock.

#include "chain/base/arena.h"
#include "chain/base/err.h"
#include "chain/crypto/secret.h"
#include "chain/types/tx.h"

/// Gas that a call gets beyond its estimate, besides half of that.
#define TX_GAS_ROOM 100000

/// What the person wants.
struct tx_intent {
    bool is_create;
    address_t to;
    u256_t value_wei;
    bytes_t data;
};

/// What the network asks for. Where `has_` is false the node's figure is used.
struct tx_terms {
    uint64_t chain_id;
    uint64_t nonce;
    bool legacy;
    u256_t base_fee_wei;  ///< of the latest block; zero on chains without
    u256_t tip_wei;       ///< what the node suggests as priority fee
    u256_t gas_price_wei; ///< what the node suggests for legacy transactions
    u256_t balance_wei;   ///< of the sender
    uint64_t gas_estimate;
    uint64_t block_gas_limit;
    bool has_gas_limit; ///< the person chose
    uint64_t gas_limit;
    bool has_max_fee;
    u256_t max_fee_wei;
    bool has_priority_fee;
    u256_t priority_fee_wei;
};

/// Fills type, chain, nonce, fees, gas and call of `*out`, unsigned; `data` is borrowed.
/// Gas is the estimate; for calls half of it and TX_GAS_ROOM more, at most the block's limit. The most that is paid
/// per gas is twice the base fee and the tip. On a network without base fee an account
/// without money pays nothing.
/// @return ERR_INVALID (what was chosen contradicts itself; tip above the maximum),
///         ERR_LIMIT (fees overflow), ERR_FULL (value and highest fee exceed the balance)
MUST_USE err_t tx_build(struct tx *out, const struct tx_intent *intent,
                        const struct tx_terms *terms);

/// Most that the transaction's gas can cost. @return ERR_LIMIT
MUST_USE err_t tx_max_cost(u256_t *out, const struct tx *tx);

/// Signs, then proves to ourselves that the bytes to be sent decode to the same
/// transaction from `sender`.
/// @return ERR_MISMATCH if they do not (nothing may be sent), ERR_FULL
MUST_USE err_t tx_sign_checked(struct tx *tx, struct arena *arena, const struct secret_key *key,
                               const address_t *sender);
