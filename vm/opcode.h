// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The opcodes by name: OP_ADD, OP_SLOAD, ... with the numbers of vm/opcodes.def.
enum opcode {
#define OP(CODE, NAME, IN, OUT, GAS, SINCE, BODY) OP_##NAME = (CODE),
#include "vm/opcodes.def"
#undef OP
};
