// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Instruction traces for comparing machines (EIP-3155), in go-ethereum's spelling: a line of
/// JSON for each instruction,
///
///     {"pc":0,"op":96,"gas":"0x5208","gasCost":"0x3","memSize":0,"stack":[],"depth":1,
///      "refund":0,"opName":"PUSH1"}
///
/// with "error" where it halted its frame, and one at the end of each call or creation, that
/// of the transaction last: {"output":"","gasUsed":"0x3"}, the gas being the code's own,
/// without the intrinsic part.

#include <stdio.h>

#include "chain/base/buf.h"
#include "vm/trace.h"

struct step_trace {
    FILE *out;       ///< borrowed; its errors are the caller's to find (ferror)
    struct buf head; ///< the pending line up to its cost, and after it
    struct buf tail;
    bool pending;
    bool waiting; ///< pending, its `cost` told, for what follows
    uint64_t cost;
    uint64_t refund;
    uint8_t op;
    struct trace_hooks hooks; ///< for vm_set_trace
};

/// Prepares the hooks; set `out` before an execution. `t` must not move afterwards.
void step_trace_init(struct step_trace *t);
void step_trace_deinit(struct step_trace *t);
