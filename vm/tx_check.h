// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Every way a transaction is invalid, in one enum: it may not be in a block, and the pool
/// refuses it. A failed execution is something else (a receipt with status 0).

#include "chain/types/chain_config.h"
#include "chain/types/tx.h"

enum tx_validity {
    TX_VALID = 0,
    TX_TYPE_NOT_SUPPORTED,     ///< not in force at this revision, or a blob (EIP-2718, 4844)
    TX_WRONG_CHAIN_ID,         ///< EIP-155
    TX_BAD_SIGNATURE,          ///< EIP-2, Yellow Paper appendix F
    TX_INTRINSIC_GAS_TOO_LOW,  ///< Yellow Paper (64), EIP-2028, 2930, 3860, 7702
    TX_FLOOR_GAS_TOO_LOW,      ///< EIP-7623
    TX_NONCE_IS_MAX,           ///< EIP-2681
    TX_INITCODE_TOO_LARGE,     ///< EIP-3860
    TX_GAS_EXCEEDS_BLOCK,      ///< more than what is left in the block
    TX_PRIORITY_ABOVE_MAX_FEE, ///< EIP-1559
    TX_MAX_FEE_BELOW_BASE_FEE, ///< EIP-1559
    TX_GAS_PRICE_OVERFLOW,     ///< gas limit * price does not fit 256 bits
    TX_NONCE_TOO_LOW,
    TX_NONCE_TOO_HIGH,
    TX_INSUFFICIENT_FUNDS,       ///< balance < gas limit * max fee + value
    TX_SENDER_NOT_EOA,           ///< EIP-3607
    TX_EMPTY_AUTHORIZATION_LIST, ///< EIP-7702
    TX_SET_CODE_CREATES,         ///< EIP-7702: no `to`
    TX_GAS_PRICE_NOT_ZERO,       ///< GoQuorum, before it enables a gas price
};

/// The words client libraries match ("nonce too low", ...). Never NULL.
const char *tx_validity_text(enum tx_validity v);

/// Yellow Paper (64) with EIP-2028, 2930, 3860, 7702. Saturates at UINT64_MAX.
uint64_t tx_intrinsic_gas(const struct tx *tx, enum revision rev);

/// EIP-7623's floor from Prague on; 0 before. Saturates at UINT64_MAX.
uint64_t tx_floor_gas(const struct tx *tx, enum revision rev);

/// Checks that need neither state nor block: type, chain id, intrinsic gas, nonce limit,
/// initcode size, fee order, overflow. The signature was checked by tx_recover_sender.
enum tx_validity tx_check_static(const struct tx *tx, enum revision rev, uint64_t chain_id);
