// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Watching an execution: what debug_traceTransaction, access list creation and the tests'
/// instruction traces are made from. The hooks are called by a second compilation of the
/// interpreter's loop; without hooks the fast one runs and pays nothing.
///
/// Order: enter (the transaction's own call, depth 0), then for each instruction `step`
/// before it and `cost` after it (for a call or creation: before its enter), leave.

#include "chain/base/bytes.h"
#include "chain/base/u256.h"
#include "vm/tx_exec.h"

/// One instruction, before it is executed. Views are valid during the hook only.
struct trace_step {
    uint64_t pc;
    uint8_t op;
    const char *op_name;   ///< "PUSH1"; "opcode 0x0c not defined" are the caller's words: NULL
    uint64_t gas;          ///< left before the instruction
    const u256_t *stack;   ///< bottom first
    size_t stack_len;      ///< words
    bytes_t memory;        ///< a multiple of 32 bytes
    bytes_t return_data;   ///< of the last call
    unsigned depth;        ///< 1 for the transaction's own code
    uint64_t refund;       ///< counter of the transaction so far
    const address_t *self; ///< whose storage it is
};

enum trace_kind {
    TRACE_CALL,
    TRACE_CALLCODE,
    TRACE_DELEGATECALL,
    TRACE_STATICCALL,
    TRACE_CREATE,
    TRACE_CREATE2,
    TRACE_SELFDESTRUCT, ///< entered and left at once; value is the balance, to the beneficiary
};

struct trace_enter {
    enum trace_kind kind;
    const address_t *from;
    const address_t *to; ///< whose code runs, or the new address
    uint64_t gas;
    const u256_t *value_wei; ///< zero for STATICCALL; the inherited one for DELEGATECALL
    bytes_t input;           ///< or init code
    unsigned depth;          ///< 0 for the transaction's own
};

struct trace_leave {
    enum evm_status status;
    uint64_t gas_used;
    bytes_t output; ///< return data, revert data or the new code
    unsigned depth;
};

/// Any of the functions may be NULL.
struct trace_hooks {
    void (*step)(void *ctx, const struct trace_step *step);
    /// What the last step cost (for calls with what they pass on) and how it ended:
    /// EVM_SUCCESS, or why it halted the frame.
    void (*cost)(void *ctx, uint64_t gas_cost, enum evm_status status);
    void (*enter)(void *ctx, const struct trace_enter *enter);
    void (*leave)(void *ctx, const struct trace_leave *leave);
    void *ctx;
};

/// Sets the hooks for all following executions on `vm` (retains the pointer); NULL ends it.
void vm_set_trace(struct vm *vm, const struct trace_hooks *hooks);

/// An opcode's name, whatever the revision; NULL if none is assigned.
const char *opcode_name(uint8_t op);

/// How many words an opcode takes from the stack and leaves there; false if none is assigned.
bool opcode_stack(uint8_t op, unsigned *takes, unsigned *leaves);

/// What an opcode costs before its operands are looked at; 0 if none is assigned.
uint64_t opcode_gas(uint8_t op);
