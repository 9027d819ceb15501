// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What somebody may spend: so much a second, and a burst of it at once. Pure; time comes in.

#include "chain/base/bytes.h"

struct budget {
    uint64_t per_s;
    uint64_t burst; ///< most that is ever left
    int64_t left;   ///< below zero: spent ahead
    uint64_t at_ms; ///< up to when `left` was counted
};

static inline struct budget budget_full(uint64_t per_s, uint64_t burst, uint64_t now_ms)
{
    return (struct budget){per_s, burst, (int64_t)burst, now_ms};
}

/// Adds what time has brought. @return what is left
static inline int64_t budget_look(struct budget *b, uint64_t now_ms)
{
    const uint64_t most_ms =
        1000 + (b->burst + (uint64_t) - (b->left < 0 ? b->left : 0)) * 1000 / b->per_s;
    const uint64_t passed_ms = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
    const uint64_t more = (passed_ms < most_ms ? passed_ms : most_ms) * b->per_s / 1000;
    if (more == 0) return b->left;
    b->at_ms = now_ms;
    b->left += (int64_t)more;
    if (b->left > (int64_t)b->burst) b->left = (int64_t)b->burst;
    return b->left;
}

/// Spends, ahead of time if need be.
static inline void budget_spend(struct budget *b, uint64_t amount)
{
    b->left -= (int64_t)amount;
}

/// Spends at most what is left. @return how much that was
static inline uint64_t budget_take(struct budget *b, uint64_t amount, uint64_t now_ms)
{
    const int64_t left = budget_look(b, now_ms);
    const uint64_t taken = left <= 0 ? 0 : ((uint64_t)left < amount ? (uint64_t)left : amount);
    budget_spend(b, taken);
    return taken;
}

/// Takes back what was not needed.
static inline void budget_return(struct budget *b, uint64_t amount)
{
    b->left += (int64_t)amount;
    if (b->left > (int64_t)b->burst) b->left = (int64_t)b->burst;
}
