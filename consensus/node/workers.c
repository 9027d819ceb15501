// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/workers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 64U

/// One call of `run` in progress; lives on its caller's stack.
struct batch {
    struct batch *next;
    void (*fn)(void *arg, size_t i);
    void *arg;
    size_t count;
    size_t taken; ///< next index nobody has
    size_t done;
    unsigned guests; ///< workers that hold a pointer to this
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t work; ///< a batch came, or stop
    pthread_cond_t done; ///< a batch may be complete
    struct batch *batches;
    bool stop;
    pthread_t threads[MAX_THREADS];
    unsigned count;
};

/// Takes jobs of `b` until none is left. Called and returns with the lock held.
static void work_on(struct workers *w, struct batch *b)
{
    while (b->taken < b->count) {
        const size_t i = b->taken++;
        pthread_mutex_unlock(&w->lock);
        b->fn(b->arg, i);
        pthread_mutex_lock(&w->lock);
        b->done++;
    }
}

static struct batch *open_batch(struct workers *w)
{
    struct batch *b = w->batches;
    while (b != NULL && b->taken == b->count) b = b->next;
    return b;
}

static void *worker_main(void *arg)
{
    struct workers *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        struct batch *b = open_batch(w);
        if (b == NULL) {
            pthread_cond_wait(&w->work, &w->lock);
            continue;
        }
        b->guests++;
        work_on(w, b);
        b->guests--;
        pthread_cond_broadcast(&w->done);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void run(void *ctx, size_t count, void (*fn)(void *arg, size_t i), void *arg)
{
    struct workers *w = ctx;
    struct batch b = {.fn = fn, .arg = arg, .count = count};
    pthread_mutex_lock(&w->lock);
    struct batch **end = &w->batches;
    while (*end != NULL) end = &(*end)->next;
    *end = &b;
    pthread_cond_broadcast(&w->work);
    work_on(w, &b);
    while (b.done < b.count || b.guests != 0) pthread_cond_wait(&w->done, &w->lock);
    for (end = &w->batches; *end != &b; end = &(*end)->next) {
    }
    *end = b.next;
    pthread_mutex_unlock(&w->lock);
}

err_t workers_new(struct workers **out, unsigned count)
{
    struct workers *w = calloc(1, sizeof *w);
    if (w == NULL) return FAIL(FULL, "workers: no memory");
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    // The caller works too: one thread fewer than cores already keeps all of them busy.
    unsigned want = count != 0 ? count : (cores > 1 ? (unsigned)cores : 1);
    if (want > MAX_THREADS) want = MAX_THREADS;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->done, NULL);
    for (; w->count < want; w->count++) {
        if (pthread_create(&w->threads[w->count], NULL, worker_main, w) != 0) {
            workers_free(w);
            return FAIL(IO, "workers: cannot start a thread");
        }
    }
    *out = w;
    return OK;
}

void workers_free(struct workers *w)
{
    if (w == NULL) return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->count; i++) pthread_join(w->threads[i], NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->done);
    free(w);
}

struct jobs workers_jobs(struct workers *w)
{
    return (struct jobs){.run = run, .ctx = w};
}
