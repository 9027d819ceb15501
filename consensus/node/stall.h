// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Says why no block comes, once one is overdue: every ten seconds at warn, with what brings it
/// back. That nothing waits on a chain without empty blocks is not a stall.
///
/// Owner: the loop's thread.

#include "consensus/qbft/block_timer.h"
#include "consensus/qbft/qbft.h"

struct node;

struct stall {
    uint64_t overdue_since_ms; ///< 0: nothing is overdue
    uint64_t said_ms;
    uint64_t start_ms;       ///< of the first look
    uint64_t head_ms;        ///< when the last head came, or of the first look
    uint64_t last_head_ms;   ///< when the one before came
    uint64_t silent_through; ///< of the guard: nothing is signed up to here
    uint64_t guard_height;   ///< the highest height that it had on record at the start
    struct stall_heard {
        address_t who;
        uint64_t at_ms;
        uint64_t height;          ///< what it was about
    } heard[QBFT_MAX_VALIDATORS]; ///< who sent a valid message, and when last
    size_t heard_count;
};

/// A block has become final.
void stall_on_head(struct stall *s, uint64_t now_ms);
/// The clock was set back, to this.
void stall_on_clock_back(struct stall *s, uint64_t now_ms);
/// A validator's message about a height has come.
void stall_on_message(struct stall *s, const address_t *author, uint64_t height, uint64_t now_ms);

/// Called about once a second: looks, says, and publishes it for the status (node_status:
/// stalled_s, stall_why, stall_hint) and for node_missing_validators.
/// @param timer  the block timer as it stands
void stall_look(struct stall *s, struct node *n, const struct qbft_view *view,
                const struct block_timer *timer, uint64_t now_ms);
