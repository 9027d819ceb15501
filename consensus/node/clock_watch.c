// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/clock_watch.h"

#include "consensus/qbft/justification.h"

void clock_watch_hear(struct clock_watch *w, const address_t *who, size_t validators,
                      int64_t ahead_ms, uint64_t now_ms)
{
    w->validators = validators;
    size_t i = 0;
    while (i < w->count && !address_eq(&w->heard[i].who, who)) i++;
    if (i == ARRAY_LEN(w->heard)) i = w->count = 0; // validators have changed often
    if (i == w->count) w->count++;
    w->heard[i] = (struct clock_heard){*who, ahead_ms, now_ms};
}

/// The (f+1)-th largest difference to one side: that far at least one honest validator is away.
static int64_t least_of_most(const struct clock_watch *w, bool ahead, uint64_t now_ms)
{
    const size_t wanted = qbft_faults(w->validators) + 1;
    int64_t limit = INT64_MAX;
    for (size_t found = 0; found < wanted;) {
        int64_t best = 0;
        size_t same = 0;
        for (size_t i = 0; i < w->count; i++) {
            const int64_t d = ahead ? w->heard[i].ahead_ms : -w->heard[i].ahead_ms;
            if (now_ms - w->heard[i].at_ms > CLOCK_WATCH_OLD_MS || d >= limit || d < best) continue;
            same = d == best ? same + 1 : 1;
            best = d;
        }
        if (best < CLOCK_WATCH_LIMIT_MS) return 0;
        found += same;
        limit = best;
    }
    return ahead ? limit : -limit;
}

bool clock_watch_look(struct clock_watch *w, int64_t *ahead_ms, uint64_t now_ms)
{
    *ahead_ms = least_of_most(w, true, now_ms);
    if (*ahead_ms == 0) *ahead_ms = least_of_most(w, false, now_ms);
    const bool differs = *ahead_ms != 0;
    if (!differs && !w->differs) return false;
    if (differs && w->differs && now_ms - w->said_ms < CLOCK_WATCH_AGAIN_MS) return false;
    w->differs = differs;
    w->said_ms = now_ms;
    return true;
}
