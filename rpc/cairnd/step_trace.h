// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Instruction traces for comparing machines (EIP-3155), in go-ethereum's spelling: a line of
/// JSON for each instruction,
///
///     {"pc":0,"op":96,"gas":"0x5208","gasCost":"0x3","memSize":0,"stack":[],"depth":1,
///      "refund":0,"opName":"PUSH1"}
///
/// with "error" where it halted its frame (a second time, with the words it took gone, if that
/// showed only while it was executed: REVERT, a bad jump), and one at the end of each call or creation, that
/// of the transaction last: {"output":"","gasUsed":"0x3"}, the gas being the code's own,
/// without the intrinsic part.

#include <stdio.h>

#include "chain/base/buf.h"
#include "vm/trace.h"

struct step_trace {
    FILE *out;          ///< borrowed; its errors are the caller's to find (ferror)
    struct buf head;    ///< the pending line up to its cost
    struct buf tail;    ///< the words of its stack
    struct buf rest;    ///< what stands behind them
    char error[96];     ///< of the last instruction, if it halted its frame
    size_t words_at[9]; ///< in `tail`: where the stack's last words begin, the topmost first
    u256_t top[3];      ///< the stack's last words
    size_t stack_len;
    size_t memory_len;
    uint64_t gas;
    bool pending;
    bool empty;   ///< inside a creation without init code: its STOP is nobody's instruction
    bool waiting; ///< pending, its `cost` told, for what follows
    uint64_t cost;
    uint64_t refund;
    uint8_t op;
    struct trace_hooks hooks; ///< for vm_set_trace
};

/// Prepares the hooks; set `out` before an execution. `t` must not move afterwards.
void step_trace_init(struct step_trace *t);
void step_trace_deinit(struct step_trace *t);
