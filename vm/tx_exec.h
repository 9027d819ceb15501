// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Executes transactions: (view under an overlay, block context, transaction) -> result.
/// Pure: knows no store, network, clock or thread.

#include "chain/base/arena.h"
#include "chain/state/diff.h"
#include "chain/state/view.h"
#include "chain/types/chain_config.h"
#include "chain/types/receipt.h"
#include "chain/types/tx.h"
#include "vm/tx_check.h"

/// Why execution ended (Yellow Paper 9.4.2: exceptional halting).
enum evm_status {
    EVM_SUCCESS = 0,
    EVM_RUNNING, ///< inside the interpreter only
    EVM_REVERT,  ///< REVERT; output is the reason
    EVM_OUT_OF_GAS,
    EVM_INVALID_OPCODE,
    EVM_STACK_UNDERFLOW,
    EVM_STACK_OVERFLOW,
    EVM_BAD_JUMP,
    EVM_STATIC_VIOLATION,
    EVM_RETURN_DATA_OUT_OF_BOUNDS,
    EVM_CALL_DEPTH,
    EVM_INSUFFICIENT_BALANCE, ///< of a call's or creation's value
    EVM_CREATE_COLLISION,     ///< EIP-684, EIP-7610
    EVM_CODE_TOO_LARGE,       ///< EIP-170
    EVM_CODE_STARTS_EF,       ///< EIP-3541
    EVM_NONCE_OVERFLOW,       ///< EIP-2681, of a creator
    EVM_PRECOMPILE_FAILURE,
    EVM_CANCELLED, ///< the caller's budget of time ended (eth_call only)
    EVM_INTERNAL,  ///< the view failed: see vm_error
};
/// "out of gas", "stack underflow", ...: the words of client libraries. Never NULL.
const char *evm_status_text(enum evm_status s);

/// What is the same for all transactions of a block.
struct block_ctx {
    enum revision rev;
    enum chain_engine engine;
    uint64_t chain_id;
    uint64_t number;
    uint64_t timestamp_s;
    uint64_t gas_limit;
    address_t coinbase;      ///< what COINBASE says
    address_t fee_recipient; ///< who gets priority fees: coinbase, or QBFT's miningbeneficiary
    u256_t base_fee_wei;
    hash_t prev_randao; ///< mixHash
    u256_t difficulty;
    u256_t blob_base_fee_wei;
    uint64_t contract_size_limit; ///< EIP-170
    bool gas_is_free;             ///< chain_gas_is_free: a gas price is refused
};

/// The context of a header's block.
void block_ctx_of_header(struct block_ctx *out, const struct chain_config *config,
                         const struct header *h);

/// An interpreter's memory: stacks and memory of all call depths, the code analysis cache.
/// Reused from one transaction to the next. Owner: one thread at a time.
struct vm;
MUST_USE err_t vm_new(struct vm **out);
void vm_free(struct vm *vm);
/// The storage error behind an EVM_INTERNAL.
err_t vm_error(const struct vm *vm);

/// The journalled world over a view (vm/overlay.h).
struct overlay;

struct tx_result {
    enum tx_validity validity; ///< if not TX_VALID nothing happened at all
    enum evm_status status;
    uint64_t gas_used;         ///< after refund (and EIP-7623's floor)
    uint64_t gas_refund;       ///< what was given back
    bytes_t output;            ///< return data or revert data; valid until the next execution on vm
    bool has_contract_address; ///< of every creation, failed ones too, as clients report it
    address_t contract_address;
    u256_t effective_gas_price;
    const struct log_entry *logs; ///< in the overlay's arena; none unless it succeeded
    size_t log_count;
};

/// Differences of eth_call and its kin from a real transaction.
struct call_mode {
    bool skip_nonce;           ///< any nonce will do
    bool skip_balance;         ///< the sender need not afford the gas
    bool skip_sender_code;     ///< EIP-3607 off
    bool skip_base_fee;        ///< a fee of zero is allowed below the base fee
    bool (*cancelled)(void *); ///< asked at least every 10,000 instructions; may be NULL
    void *cancelled_ctx;
};

/// Validates and executes one transaction (tx->sender is set). Its changes are in the
/// overlay afterwards, ready for the next one; an invalid one leaves no trace.
/// @param block_gas_left  what the block still has
/// @param mode            NULL for a real transaction
/// @return ERR_FULL or the view's error: the overlay must then be thrown away.
MUST_USE err_t tx_execute(struct tx_result *out, struct vm *vm, struct overlay *world,
                          const struct block_ctx *block, const struct tx *tx,
                          uint64_t block_gas_left, const struct call_mode *mode);

/// Who signed an authorization (EIP-7702); false if the signature is none.
bool authorization_signer(address_t *out, const struct authorization *a);
