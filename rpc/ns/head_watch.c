// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/head_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { WAITERS_MAX = 8 };

struct head_watch {
    struct node *node;
    uint64_t listener;
    bool listening;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t count;
    unsigned waiters;
    bool stopping;
};

static void on_news(void *ctx, const struct node_news *news)
{
    struct head_watch *w = ctx;
    if (news->kind != NEWS_HEAD) return;
    pthread_mutex_lock(&w->lock);
    w->count++;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

err_t head_watch_open(struct head_watch **out, struct node *node)
{
    struct head_watch *w = calloc(1, sizeof *w);
    if (w == NULL) return FAIL(FULL, "rpc: out of memory");
    w->node = node;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    const err_t err = node_listen(node, on_news, w, &w->listener);
    if (!err_ok(err)) {
        head_watch_close(w);
        return err;
    }
    w->listening = true;
    *out = w;
    return OK;
}

void head_watch_close(struct head_watch *w)
{
    if (w == NULL) return;
    if (w->listening) node_unlisten(w->node, w->listener);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void head_watch_stop(struct head_watch *w)
{
    if (w == NULL) return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

uint64_t head_watch_count(struct head_watch *w)
{
    pthread_mutex_lock(&w->lock);
    const uint64_t count = w->count;
    pthread_mutex_unlock(&w->lock);
    return count;
}

uint64_t head_watch_wait(struct head_watch *w, uint64_t seen, uint64_t until_ms)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};
    pthread_mutex_lock(&w->lock);
    int rc = 0;
    while (w->count <= seen && rc == 0 && !w->stopping) {
        rc = pthread_cond_timedwait(&w->changed, &w->lock, &until);
    }
    const uint64_t count = w->count;
    pthread_mutex_unlock(&w->lock);
    return count;
}

bool head_watch_enter(struct head_watch *w)
{
    pthread_mutex_lock(&w->lock);
    const bool ok = w->waiters < WAITERS_MAX;
    if (ok) w->waiters++;
    pthread_mutex_unlock(&w->lock);
    return ok;
}

void head_watch_leave(struct head_watch *w)
{
    pthread_mutex_lock(&w->lock);
    w->waiters--;
    pthread_mutex_unlock(&w->lock);
}
