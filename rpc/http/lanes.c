// SPDX-License-Identifier: Apache-2.0
#include "rpc/http/lanes.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct lane {
    struct lane_options options;
    pthread_mutex_t lock;
    pthread_cond_t work;
    void **ring;
    size_t first;
    size_t count;
    bool stopping;
    unsigned threads_started;
    pthread_t threads[];
};

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    pthread_mutex_lock(&l->lock);
    for (;;) {
        while (l->count == 0 && !l->stopping) pthread_cond_wait(&l->work, &l->lock);
        if (l->count == 0) break;
        void *jobs[LANE_TOGETHER_MAX];
        size_t n = 0;
        while (n < l->options.together && l->count != 0) {
            jobs[n++] = l->ring[l->first];
            l->first = (l->first + 1) % l->options.queue_max;
            l->count--;
        }
        pthread_mutex_unlock(&l->lock);
        l->options.run(l->options.ctx, jobs, n);
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

err_t lane_new(struct lane **out, const struct lane_options *options)
{
    check(options->together >= 1 && options->together <= LANE_TOGETHER_MAX);
    struct lane *l = calloc(1, sizeof *l + options->threads * sizeof l->threads[0]);
    if (l == NULL) return FAIL(FULL, "lane: out of memory");
    l->options = *options;
    l->ring = calloc(options->queue_max, sizeof *l->ring);
    if (l->ring == NULL) {
        free(l);
        return FAIL(FULL, "lane: out of memory");
    }
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    for (unsigned i = 0; i < options->threads; i++) {
        if (pthread_create(&l->threads[i], NULL, lane_main, l) != 0) {
            lane_free(l);
            return FAIL(IO, "lane: a thread could not be started");
        }
        l->threads_started++;
    }
    *out = l;
    return OK;
}

err_t lane_put(struct lane *l, void *job)
{
    err_t err = OK;
    pthread_mutex_lock(&l->lock);
    if (l->stopping) {
        err = FAIL(BUSY, "the server is stopping");
    } else if (l->count == l->options.queue_max) {
        err = FAIL(FULL, "too many requests are waiting");
    } else {
        l->ring[(l->first + l->count) % l->options.queue_max] = job;
        l->count++;
        pthread_cond_signal(&l->work);
    }
    pthread_mutex_unlock(&l->lock);
    return err;
}

void lane_stop(struct lane *l)
{
    if (l == NULL) return;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (unsigned i = 0; i < l->threads_started; i++) pthread_join(l->threads[i], NULL);
    l->threads_started = 0;
}

void lane_free(struct lane *l)
{
    if (l == NULL) return;
    lane_stop(l);
    pthread_cond_destroy(&l->work);
    pthread_mutex_destroy(&l->lock);
    free(l->ring);
    free(l);
}
