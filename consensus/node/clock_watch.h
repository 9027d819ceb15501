// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Does this node's clock show what the other validators' clocks show? Every fresh proposal carries
/// the time of its author, to the second. More than a second ahead of the others a validator's
/// proposals are refused, more than a second behind it refuses theirs: whoever is wrong must hear of
/// it, and nobody else tells him.
///
/// Up to f of the others may lie or be wrong themselves: f+1 must differ to the same side before
/// anything is said, and the one that differs least counts.
///
/// Pure. Owner: the loop's thread.

#include "chain/base/bytes.h"
#include "consensus/qbft/qbft.h"

#define CLOCK_WATCH_LIMIT_MS 2000   ///< less can be the road, or the rounding to seconds
#define CLOCK_WATCH_AGAIN_MS 30000U ///< it is said again after this time
#define CLOCK_WATCH_OLD_MS 300000U  ///< what was heard before counts no more

/// All zero: nothing was heard.
struct clock_watch {
    struct clock_heard {
        address_t who;
        int64_t ahead_ms; ///< our clock minus his
        uint64_t at_ms;
    } heard[QBFT_MAX_VALIDATORS];
    size_t count;
    size_t validators; ///< how many there are
    bool differs;      ///< as was said last
    uint64_t said_ms;
};

/// A validator's proposal came, with our clock `ahead_ms` of its timestamp.
/// @param validators  how many there are
/// @param now_ms      of a clock that nobody sets
void clock_watch_hear(struct clock_watch *w, const address_t *who, size_t validators,
                      int64_t ahead_ms, uint64_t now_ms);

/// @param[out] ahead_ms  how far our clock is ahead (negative: behind); 0: it agrees again
/// @return true if that is to be said now
bool clock_watch_look(struct clock_watch *w, int64_t *ahead_ms, uint64_t now_ms);
