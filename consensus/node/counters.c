// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/counters.h"

#include "consensus/node/node_impl.h"

const uint64_t NODE_HISTOGRAM_US[NODE_HISTOGRAM_BOUNDS] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000};

static uint64_t get(const atomic_uint_fast64_t *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

static void get_histogram(struct node_histogram *out, const struct histogram *in)
{
    for (size_t i = 0; i <= NODE_HISTOGRAM_BOUNDS; i++) out->buckets[i] = get(&in->buckets[i]);
    out->sum_us = get(&in->sum_us);
}

void node_metrics(struct node *n, struct node_metrics *out)
{
    const struct counters *c = &n->counters;
    get_histogram(&out->import, &c->import);
    get_histogram(&out->execute, &c->execute);
    get_histogram(&out->commit, &c->commit);
    out->blocks = get(&c->blocks);
    out->transactions = get(&c->transactions);
    out->gas = get(&c->gas);
    out->round_changes = get(&c->round_changes);
    out->proposals = get(&c->proposals);
    out->seals_missing = get(&c->seals_missing);
    out->equivocations = get(&c->equivocations);
    for (size_t i = 0; i < 4; i++) out->qbft_messages[i] = get(&c->qbft_messages[i]);
    for (size_t i = 0; i < 2; i++) {
        out->p2p_messages[i] = get(&c->p2p_messages[i]);
        out->p2p_disconnects[i] = get(&c->p2p_disconnects[i]);
    }
}
