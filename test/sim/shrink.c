// SPDX-License-Identifier: Apache-2.0
/// From a failure to its cause: leaves out kinds of trouble, liars, behaviours, scheduled faults
/// and blocks one after another, as long as the same rule stays broken.

#include "test/sim/sim.h"

#include <inttypes.h>

static bool still_fails(const struct sim_options *o, enum violation_kind kind)
{
    struct sim_result r;
    sim_run(o, &r);
    return r.violation == kind;
}

/// Tries `o` with one change; keeps it if the violation stays.
static bool try_with(struct sim_options *best, const struct sim_options *o,
                     enum violation_kind kind)
{
    if (!still_fails(o, kind)) return false;
    *best = *o;
    return true;
}

static bool drop_features(struct sim_options *best, enum violation_kind kind)
{
    bool moved = false;
    for (unsigned f = 0; f < F_COUNT; f++) {
        struct sim_options o = *best;
        o.without |= 1U << f;
        if (o.without != best->without) moved |= try_with(best, &o, kind);
    }
    for (unsigned b = 0; b < B_COUNT; b++) {
        struct sim_options o = *best;
        o.without_behaviour |= 1U << b;
        if (o.without_behaviour != best->without_behaviour) moved |= try_with(best, &o, kind);
    }
    return moved;
}

static bool drop_nodes_and_heights(struct sim_options *best, enum violation_kind kind)
{
    bool moved = false;
    for (size_t i = 0; i < best->n; i++) {
        struct sim_options o = *best;
        if (o.honest[i]) continue;
        o.honest[i] = 1;
        moved |= try_with(best, &o, kind);
    }
    while (best->heights > 1) {
        struct sim_options o = *best;
        o.heights /= 2;
        if (!try_with(best, &o, kind)) break;
        moved = true;
    }
    return moved;
}

static bool drop_faults(struct sim_options *best, enum violation_kind kind)
{
    bool moved = false;
    for (size_t width = 64; width > 0; width /= 2) { // many at once, then one by one
        for (size_t at = 0; at < SIM_FAULTS; at += width) {
            struct sim_options o = *best;
            for (size_t i = at; i < at + width && i < SIM_FAULTS; i++)
                o.dropped[i / 64] |= (uint64_t)1 << i % 64;
            if (memcmp(o.dropped, best->dropped, sizeof o.dropped) == 0) continue;
            moved |= try_with(best, &o, kind);
        }
    }
    return moved;
}

void sim_shrink(const struct sim_options *first, const struct sim_result *result)
{
    struct sim_options best = *first;
    const enum violation_kind kind = result->violation;
    best.trace = NULL;
    for (unsigned pass = 0; pass < 3; pass++) {
        bool moved = drop_features(&best, kind);
        moved |= drop_nodes_and_heights(&best, kind);
        moved |= drop_faults(&best, kind);
        if (!moved) break;
    }
    struct sim_result r;
    printf("--- what is left (times in ms)\n");
    best.trace = stdout;
    sim_run(&best, &r);
}
