// SPDX-License-Identifier: Apache-2.0
#include "consensus/qbft/block_timer.h"

void block_timer_set(struct block_timer *t, const struct qbft_effect *e)
{
    t->armed = e->set_timer.at_ms != QBFT_NEVER;
    t->height = e->set_timer.height;
    t->at_ms = e->set_timer.at_ms;
    t->idle_at_ms = e->set_timer.idle_at_ms;
}

void block_timer_on_build(struct block_timer *t)
{
    t->txs_since_build = false;
}

void block_timer_on_built(struct block_timer *t, bool empty, uint64_t now_ms)
{
    // Asked again when something new comes, or a little later.
    if (empty && !t->txs_since_build) t->retry_at_ms = now_ms + BLOCK_TIMER_RETRY_MS;
}

void block_timer_on_txs(struct block_timer *t)
{
    t->retry_at_ms = 0;
    t->txs_since_build = true;
}

void block_timer_on_head(struct block_timer *t)
{
    t->retry_at_ms = 0;
}

uint64_t block_timer_due(const struct block_timer *t, bool work)
{
    if (!t->armed) return QBFT_NEVER;
    uint64_t due = t->idle_at_ms;
    if (work && t->at_ms < due) due = t->at_ms;
    return due < t->retry_at_ms ? t->retry_at_ms : due;
}
