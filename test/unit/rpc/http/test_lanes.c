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

static void wait_at(void *ctx, void *const *jobs, size_t count)
{
    struct gate *g = ctx;
    cr_assert_eq(jobs[0], g);
    cr_assert_eq(count, 1);
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
    cr_assert(err_ok(lane_new(&l, &(struct lane_options){2, 3, 1, wait_at, &g})));
    unsigned taken = 0;
    // The queue empties into the threads while we fill it: five fit in the end.
    while (atomic_load(&g.started) < 2 || taken < 5) {
        if (err_ok(lane_put(l, &g))) taken++;
        cr_assert_leq(taken, 5);
    }
    cr_expect_eq(lane_put(l, &g).kind, ERR_FULL);
    cr_expect_eq(atomic_load(&g.done), 0);
    pthread_mutex_lock(&g.lock);
    g.open = true;
    pthread_cond_broadcast(&g.changed);
    pthread_mutex_unlock(&g.lock);
    lane_stop(l);
    cr_expect_eq(atomic_load(&g.done), 5);
    cr_expect_eq(lane_put(l, &g).kind, ERR_BUSY);
    lane_free(l);
    lane_free(NULL);
}

static void count_group(void *ctx, void *const *jobs, size_t count)
{
    struct gate *g = ctx;
    for (size_t i = 0; i < count; i++) atomic_fetch_add((atomic_uint *)jobs[i], 1);
    wait_at(g, (void *[]){g}, 1);
    cr_assert_leq(count, 3);
}

/// Goal: jobs that come while the thread works are taken together, up to the limit, each once.
Test(lanes, together)
{
    struct gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct lane *l = NULL;
    atomic_uint jobs[8] = {0};
    cr_assert(err_ok(lane_new(&l, &(struct lane_options){1, 10, 3, count_group, &g})));
    cr_assert(err_ok(lane_put(l, &jobs[0])));
    while (atomic_load(&g.started) < 1) {
    }
    for (size_t i = 1; i < 8; i++) cr_assert(err_ok(lane_put(l, &jobs[i])));
    pthread_mutex_lock(&g.lock);
    g.open = true;
    pthread_cond_broadcast(&g.changed);
    pthread_mutex_unlock(&g.lock);
    lane_stop(l);
    for (size_t i = 0; i < 8; i++) cr_expect_eq(atomic_load(&jobs[i]), 1);
    cr_expect_eq(atomic_load(&g.done), 4, "one, then three, three and one");
    lane_free(l);
}
