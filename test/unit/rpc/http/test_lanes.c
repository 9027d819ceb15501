// SPDX-License-Identifier: Apache-2.0
#include "rpc/http/lanes.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    atomic_uint started;
    atomic_uint done;
};

static void wait_at(void *arg)
{
    struct gate *g = arg;
    atomic_fetch_add(&g->started, 1);
    pthread_mutex_lock(&g->lock);
    while (!g->open) pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
    atomic_fetch_add(&g->done, 1);
}

/// Goal: a lane takes as many jobs as it has threads and places, refuses the next, and
/// finishes everything it took before it stops.
Test(lanes, bounds)
{
    struct gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct lane *l = NULL;
    cr_assert(err_ok(lane_new(&l, 2, 3)));
    unsigned taken = 0;
    // The queue empties into the threads while we fill it: five fit in the end.
    while (atomic_load(&g.started) < 2 || taken < 5) {
        if (err_ok(lane_put(l, wait_at, &g))) taken++;
        cr_assert_leq(taken, 5);
    }
    cr_expect_eq(lane_put(l, wait_at, &g).kind, ERR_FULL);
    cr_expect_eq(atomic_load(&g.done), 0);
    pthread_mutex_lock(&g.lock);
    g.open = true;
    pthread_cond_broadcast(&g.changed);
    pthread_mutex_unlock(&g.lock);
    lane_stop(l);
    cr_expect_eq(atomic_load(&g.done), 5);
    cr_expect_eq(lane_put(l, wait_at, &g).kind, ERR_BUSY);
    lane_free(l);
    lane_free(NULL);
}
