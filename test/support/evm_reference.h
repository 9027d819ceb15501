// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A slow second opinion of the EVM, for fuzzing: watches an execution by its trace and works
/// out each instruction of the stack machine again with big numbers of another library (GMP),
/// word by word, as the Yellow Paper's appendix H writes them. What needs the world (calls,
/// storage, memory's contents) is not predicted; that frames nest, that gas only falls and
/// that stack and memory keep their bounds is asked of every instruction.

#include "vm/trace.h"

#define REFERENCE_DEPTHS 1030

struct evm_reference {
    struct trace_hooks hooks; ///< for vm_set_trace
    bool burns;               ///< a SELFDESTRUCT was executed: wei may be gone
    uint64_t checked;         ///< instructions whose result was worked out
    const char *broken;       ///< what did not hold; NULL while all is well
    unsigned depth;           ///< frames that are open
    struct {
        bool known;    ///< the next stack is predicted
        u256_t top;    ///< its topmost word
        u256_t second; ///< and the one below (of SWAP: the deep one), if has_second
        bool has_second;
        size_t second_at; ///< index from the top
        size_t len;
        uint64_t pc;
        uint64_t gas;      ///< at the last step
        size_t memory_len; ///< at the last step
        uint8_t op;
        bool stepped; ///< there was a step in this frame
    } frames[REFERENCE_DEPTHS];
};

/// Ready for one execution. `r` must not move while it is watched.
void evm_reference_init(struct evm_reference *r);
