// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Transactions that decode, for tests of what stores and lists them.

#include "chain/base/arena.h"
#include "chain/types/tx.h"

/// A transaction with this nonce; legacy if it is even, dynamic fee if odd. Its signature has
/// the right form but recovers to nobody in particular: the sender is set from the nonce.
struct tx sample_tx(struct arena *arena, uint64_t nonce);
