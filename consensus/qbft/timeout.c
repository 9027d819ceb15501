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

/// Validators that want this round or a higher one, as far as we have heard.
static size_t count_here_or_ahead(const struct qbft *q)
{
    bool seen[QBFT_MAX_VALIDATORS] = {false};
    size_t count = 1; // ourselves
    seen[q->self] = true;
    for (const struct qbft_votes *v = q->votes; v != NULL; v = v->next) {
        if (v->round < q->round) continue;
        for (size_t i = 0; i < q->n; i++) {
            if (v->round_changes[i] == NULL || seen[i]) continue;
            seen[i] = true;
            count++;
        }
    }
    return count;
}

void qbft_on_round_timeout(struct qbft *q, uint64_t height, uint32_t round)
{
    if (!q->running || height != q->height || round != q->round || !q->started || q->is_committed ||
        q->self == NOT_A_VALIDATOR)
        return;

    // Running ahead alone helps nobody: while fewer than a quorum are known to be in this round
    // or beyond, no later round can decide either. We stay and say it again, so that rounds (and
    // their timeouts) do not grow during an outage and a healed network finds us at once. An
    // accepted proposal is proof enough that a quorum was here: it carried their round changes.
    const bool alone = q->accepted == NULL && count_here_or_ahead(q) < qbft_q(q);
    if (round > 0 && (alone || round == QBFT_MAX_ROUND)) {
        qbft_start_round(q);
        qbft_repeat(q);
        return;
    }
    qbft_change_round(q, round + 1);
}
