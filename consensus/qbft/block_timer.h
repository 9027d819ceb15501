// SPDX-License-Identifier: Apache-2.0
#pragma once

/// When the block timer of QBFT_FX_SET_TIMER fires: as soon as the block period is over and
/// transactions wait, at the latest when an empty block is due. Pure, so that every driver of
/// the core has the same one.
///
/// Owner: whoever drives the core.

#include "consensus/qbft/qbft.h"

/// How long after nothing was worth a block it is tried again.
#define BLOCK_TIMER_RETRY_MS 1000U

/// All zero: off.
struct block_timer {
    bool armed;
    uint64_t height;
    uint64_t at_ms;
    uint64_t idle_at_ms;
    uint64_t retry_at_ms; ///< do not ask for a block before
    bool txs_since_build; ///< transactions came while a block was being built
};

/// As the core asked for it: an effect QBFT_FX_SET_TIMER with QBFT_TIMER_BLOCK.
void block_timer_set(struct block_timer *t, const struct qbft_effect *e);
/// A block is being built (QBFT_FX_BUILD).
void block_timer_on_build(struct block_timer *t);
/// It is made, or nothing was worth one.
void block_timer_on_built(struct block_timer *t, bool empty, uint64_t now_ms);
/// New transactions, or a new head: look again at once.
void block_timer_on_txs(struct block_timer *t);
/// See block_timer_on_txs.
void block_timer_on_head(struct block_timer *t);

/// When it must fire, as things are; QBFT_NEVER if it waits for transactions. Whoever fires it
/// clears `armed`.
/// @param work  transactions wait
uint64_t block_timer_due(const struct block_timer *t, bool work);
