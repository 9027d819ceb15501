// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What both compilations of vm/interp_loop.h need.

#include "vm/ops_arith.h"
#include "vm/ops_env.h"
#include "vm/ops_memory.h"
#include "vm/vm_impl.h"

/// A cancellable execution asks after this much gas at a jump (an instruction costs at least
/// one) and after this many calls and returns.
enum { POLL_GAS = 10000, POLL_CALLS = 64 };
