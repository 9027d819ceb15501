// SPDX-License-Identifier: Apache-2.0
/// From a failure to its cause: leaves out kinds of trouble, liars, behaviours, scheduled faults,
/// blocks, nodes and messages one after another, as long as the same rule stays broken.

#include "test/sim/sim.h"

#include <inttypes.h>

struct shrinker {
    struct sim_options best;
    struct sim_result found; ///< what `best` leads to
    enum violation_kind kind;
    unsigned runs;
};

/// Tries `o`; keeps it if the violation stays.
static bool try_with(struct shrinker *h, const struct sim_options *o)
{
    struct sim_result r;
    sim_run(o, &r);
    h->runs++;
    if (r.violation != h->kind) return false;
    h->best = *o;
    h->found = r;
    return true;
}

static bool drop_features(struct shrinker *h)
{
    bool moved = false;
    for (unsigned f = 0; f < F_COUNT; f++) {
        struct sim_options o = h->best;
        o.without |= 1U << f;
        if (o.without != h->best.without) moved |= try_with(h, &o);
    }
    for (unsigned b = 0; b < B_COUNT; b++) {
        struct sim_options o = h->best;
        o.without_behaviour |= 1U << b;
        if (o.without_behaviour != h->best.without_behaviour) moved |= try_with(h, &o);
    }
    return moved;
}

static bool drop_nodes_and_heights(struct shrinker *h)
{
    bool moved = false;
    for (size_t n = 1; n < h->best.n; n++) { // other runs, perhaps of the same fault
        struct sim_options o = h->best;
        o.n = n;
        if (try_with(h, &o)) moved = true;
    }
    for (size_t i = 0; i < h->best.n; i++) {
        struct sim_options o = h->best;
        if (o.honest[i]) continue;
        o.honest[i] = 1;
        moved |= try_with(h, &o);
    }
    while (h->best.heights > 1) {
        struct sim_options o = h->best;
        o.heights /= 2;
        if (!try_with(h, &o)) break;
        moved = true;
    }
    return moved;
}

static bool drop_faults(struct shrinker *h)
{
    bool moved = false;
    for (size_t width = 64; width > 0; width /= 2) { // many at once, then one by one
        for (size_t at = 0; at < SIM_FAULTS; at += width) {
            struct sim_options o = h->best;
            for (size_t i = at; i < at + width && i < SIM_FAULTS; i++)
                o.dropped[i / 64] |= (uint64_t)1 << i % 64;
            if (memcmp(o.dropped, h->best.dropped, sizeof o.dropped) == 0) continue;
            moved |= try_with(h, &o);
        }
    }
    return moved;
}

/// Long stretches of messages first: a few tenths of a second for each that is tried.
static void drop_messages(struct shrinker *h)
{
    for (uint64_t share = 2; share <= 64; share *= 2) {
        const uint64_t width = h->found.counts.messages / share;
        for (uint64_t k = 0; k < share && width > 0; k++) {
            struct sim_options o = h->best;
            if (o.lost_count == SIM_LOST) return;
            o.lost[o.lost_count].from = k * width;
            o.lost[o.lost_count++].to = (k + 1) * width;
            (void)try_with(h, &o);
        }
    }
}

void sim_shrink(const struct sim_options *first, const struct sim_result *result)
{
    struct shrinker h = {.best = *first, .found = *result, .kind = result->violation};
    h.best.trace = NULL;
    for (unsigned pass = 0; pass < 3; pass++) {
        bool moved = drop_features(&h);
        moved |= drop_nodes_and_heights(&h);
        moved |= drop_faults(&h);
        if (!moved) break;
    }
    drop_messages(&h);
    printf("--- what is left after %u runs: %" PRIu64 " of %" PRIu64 " steps, %" PRIu64
           " of %" PRIu64 " messages\n",
           h.runs, h.found.step, result->step, h.found.counts.messages - h.found.counts.lost,
           result->counts.messages - result->counts.lost);
    printf("%9s %s\n", "ms", "to < message from | node -> effect | node * timer | node ! life");
    struct sim_result r;
    h.best.trace = stdout;
    sim_run(&h.best, &r);
}
