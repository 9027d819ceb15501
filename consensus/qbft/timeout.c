// SPDX-License-Identifier: Apache-2.0
/// The two timers.

#include "consensus/qbft/qbft_impl.h"

void qbft_on_block_timeout(struct qbft *q, uint64_t height)
{
    if (!q->running || height != q->height || q->round != 0 || q->block_time || q->is_committed)
        return;
    q->block_time = true;
    if (q->self == NOT_A_VALIDATOR) return;
    if (!q->started) qbft_start_round(q);
    if (qbft_is_own_turn(q, 0)) qbft_ask_block(q);
}

void qbft_on_round_timeout(struct qbft *q, uint64_t height, uint32_t round)
{
    if (!q->running || height != q->height || round != q->round || !q->started || q->is_committed ||
        q->self == NOT_A_VALIDATOR)
        return;

    // Running ahead alone helps nobody: while fewer than a quorum are known to be in this round
    // or beyond, no later round can decide either. We stay and say it again, so that rounds (and
    // their timeouts) do not grow during an outage and a healed network finds us at once.
    if (round > 0 && (!q->is_met || round == QBFT_MAX_ROUND)) {
        qbft_start_round(q);
        qbft_repeat(q);
        return;
    }
    qbft_change_round(q, round + 1);
}
