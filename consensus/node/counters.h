// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a node counts while it runs, for metrics: each number is one atomic add where it happens,
/// no lock anywhere. Read by node_metrics.

#include <stdatomic.h>
#include <time.h>

#include "chain/base/bytes.h"
#include "consensus/node/node.h"

/// Durations by their upper bounds (NODE_HISTOGRAM_US).
struct histogram {
    atomic_uint_fast64_t buckets[NODE_HISTOGRAM_BOUNDS + 1];
    atomic_uint_fast64_t sum_us;
};

/// One writer each; any reader.
struct counters {
    struct histogram import;  ///< a decided block: until it is the head
    struct histogram execute; ///< a block built or checked
    struct histogram commit;  ///< its transaction of the store
    atomic_uint_fast64_t blocks, transactions, gas;
    atomic_uint_fast64_t round_changes; ///< rounds above 0 that this node entered
    atomic_uint_fast64_t proposals;     ///< of this node
    atomic_uint_fast64_t qbft_messages[4];
    atomic_uint_fast64_t seals_missing;
    atomic_uint_fast64_t equivocations;
    atomic_uint_fast64_t p2p_messages[2];    ///< eth, istanbul; that came
    atomic_uint_fast64_t p2p_disconnects[2]; ///< by us, by the peer
};

static inline void count_one(atomic_uint_fast64_t *c)
{
    atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

static inline void count_more(atomic_uint_fast64_t *c, uint64_t more)
{
    atomic_fetch_add_explicit(c, more, memory_order_relaxed);
}

static inline uint64_t counters_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/// Notes how long it took since `begun_us` (counters_now_us).
static inline void histogram_note(struct histogram *h, uint64_t begun_us)
{
    const uint64_t us = counters_now_us() - begun_us;
    size_t i = 0;
    while (i < NODE_HISTOGRAM_BOUNDS && us > NODE_HISTOGRAM_US[i]) i++;
    count_one(&h->buckets[i]);
    count_more(&h->sum_us, us);
}
