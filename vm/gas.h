// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The gas schedule: every constant with the text it comes from. What changed from fork to
/// fork is a row of GAS_SCHEDULE; what warm and cold cost (from Berlin on) stands beside it.
/// Precompiles keep their prices in vm/precompile/.

#include <stdint.h>

#include "chain/types/chain_config.h"

/// Yellow Paper, appendix G: classes of opcodes.
enum {
    GAS_ZERO = 0,
    GAS_JUMPDEST = 1,
    GAS_BASE = 2,
    GAS_VERYLOW = 3,
    GAS_LOW = 5,
    GAS_MID = 8,
    GAS_HIGH = 10,
    GAS_EXP = 10,
    GAS_KECCAK256 = 30,
    GAS_KECCAK256_WORD = 6,
    GAS_COPY_WORD = 3,
    GAS_BLOCKHASH = 20,
    GAS_LOG = 375,
    GAS_LOG_TOPIC = 375,
    GAS_LOG_BYTE = 8,
    GAS_MEMORY_WORD = 3,
    GAS_MEMORY_QUADRATIC_DIVISOR = 512,
};

/// Calls and creations (Yellow Paper, appendix G; EIP-2, 150, 170, 3860).
enum {
    GAS_CREATE = 32000,
    GAS_CODE_DEPOSIT_BYTE = 200,
    GAS_INITCODE_WORD = 2, ///< EIP-3860
    GAS_CALL_VALUE = 9000,
    GAS_CALL_STIPEND = 2300,
    GAS_NEW_ACCOUNT = 25000,
    GAS_SELFDESTRUCT_REFUND = 24000, ///< until EIP-3529
    EVM_MAX_DEPTH = 1024,
    EVM_STACK_WORDS = 1024,
    EVM_MAX_CODE_BYTES = 24576,          ///< EIP-170
    EVM_MAX_INITCODE_FACTOR = 2,         ///< EIP-3860: twice the code limit
    EVM_DELEGATION_BYTES = 23,           ///< EIP-7702: 0xef0100 and an address
    GAS_CALL_DEPTH_RESERVE_DIVISOR = 64, ///< EIP-150: all but one 64th
};

/// Access costs (EIP-2929).
enum {
    GAS_COLD_ACCOUNT = 2600,
    GAS_COLD_SLOAD = 2100,
    GAS_WARM_ACCESS = 100,
};

/// SSTORE (Yellow Paper; EIP-1283, 2200, 2929, 3529).
enum {
    GAS_SSTORE_SET = 20000,
    GAS_SSTORE_RESET = 5000,
    GAS_SSTORE_SENTRY = 2300,           ///< EIP-2200: not with this much or less
    GAS_SSTORE_CLEAR_REFUND = 15000,    ///< until EIP-3529
    GAS_SSTORE_CLEAR_REFUND_NEW = 4800, ///< EIP-3529
    GAS_NET_SSTORE_DIRTY_1283 = 200,
    GAS_NET_SSTORE_DIRTY_2200 = 800,
    GAS_TRANSIENT = 100, ///< EIP-1153
};

/// Transactions (Yellow Paper (64); EIP-2, 2028, 2930, 3529, 7623, 7702).
enum {
    GAS_TX = 21000,
    GAS_TX_CREATE = 32000,
    GAS_TX_DATA_ZERO = 4,
    GAS_TX_DATA_NONZERO_FRONTIER = 68,
    GAS_TX_DATA_NONZERO = 16, ///< EIP-2028
    GAS_TX_ACCESS_ADDRESS = 2400,
    GAS_TX_ACCESS_KEY = 1900,
    GAS_TX_AUTHORIZATION = 25000, ///< EIP-7702, per entry, paid first
    GAS_TX_AUTHORIZATION_BASE = 12500,
    GAS_TX_FLOOR_TOKEN = 10, ///< EIP-7623, per token
    GAS_TX_TOKENS_NONZERO = 4,
    GAS_REFUND_DIVISOR_FRONTIER = 2,
    GAS_REFUND_DIVISOR = 5, ///< EIP-3529
};

/// System calls (EIP-4788, 2935, 7002, 7251).
enum { GAS_SYSTEM_CALL = 30000000 };

/// What one revision charges where the price changed over time. From Berlin on the account
/// and slot prices are zero here and those of EIP-2929 apply.
struct gas_schedule {
    uint16_t sload;
    uint16_t balance;
    uint16_t extcode; ///< EXTCODESIZE, EXTCODECOPY
    uint16_t extcodehash;
    uint16_t call; ///< the whole CALL family
    uint16_t selfdestruct;
    uint16_t exp_byte;
    uint16_t tx_data_nonzero;
};

/// One row per revision (vm/revision.c).
extern const struct gas_schedule GAS_SCHEDULE[REV_COUNT];
