// SPDX-License-Identifier: Apache-2.0
#include "chain/base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "chain/base/checked.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    void (*wake)(void *);
    void *wake_arg;
    size_t max;
    size_t head; ///< index of the oldest message
    size_t count;
    bool closed;
    void *ring[]; ///< max slots
};

err_t queue_new(struct queue **out, size_t max_count, void (*wake)(void *), void *wake_arg)
{
    size_t bytes;
    if (max_count == 0 || !checked_mul_size(&bytes, max_count, sizeof(void *)) ||
        !checked_add_size(&bytes, bytes, sizeof(struct queue))) {
        return FAIL(LIMIT, "queue: impossible size");
    }
    struct queue *q = calloc(1, bytes);
    if (q == NULL) return FAIL(FULL, "queue: out of memory");
    q->wake = wake;
    q->wake_arg = wake_arg;
    q->max = max_count;

    pthread_condattr_t attr;
    check(pthread_mutex_init(&q->lock, NULL) == 0);
    check(pthread_condattr_init(&attr) == 0);
    check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    check(pthread_cond_init(&q->arrived, &attr) == 0);
    pthread_condattr_destroy(&attr);
    *out = q;
    return OK;
}

static void *take_locked(struct queue *q)
{
    if (q->count == 0) return NULL;
    void *message = q->ring[q->head];
    q->head = (q->head + 1) % q->max;
    q->count--;
    return message;
}

void queue_free(struct queue *q, void (*drop)(void *))
{
    if (q == NULL) return;
    for (void *m = take_locked(q); m != NULL; m = take_locked(q)) {
        if (drop != NULL) drop(m);
    }
    pthread_cond_destroy(&q->arrived);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

err_t queue_put(struct queue *q, void *message)
{
    check(message != NULL);
    pthread_mutex_lock(&q->lock);
    if (q->closed || q->count == q->max) {
        const bool closed = q->closed;
        pthread_mutex_unlock(&q->lock);
        return closed ? FAIL(BUSY, "queue: closed") : FAIL(FULL, "queue: full");
    }
    const bool was_empty = q->count == 0;
    q->ring[(q->head + q->count) % q->max] = message;
    q->count++;
    pthread_cond_signal(&q->arrived);
    pthread_mutex_unlock(&q->lock);

    if (was_empty && q->wake != NULL) q->wake(q->wake_arg);
    return OK;
}

void *queue_try_take(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    void *message = take_locked(q);
    pthread_mutex_unlock(&q->lock);
    return message;
}

static struct timespec deadline_after(int64_t timeout_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(timeout_ms / 1000);
    t.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

void *queue_take(struct queue *q, int64_t timeout_ms)
{
    const struct timespec deadline = deadline_after(timeout_ms < 0 ? 0 : timeout_ms);
    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed) {
        if (timeout_ms < 0) {
            pthread_cond_wait(&q->arrived, &q->lock);
        } else if (pthread_cond_timedwait(&q->arrived, &q->lock, &deadline) == ETIMEDOUT) {
            break;
        }
    }
    void *message = take_locked(q);
    pthread_mutex_unlock(&q->lock);
    return message;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->arrived);
    pthread_mutex_unlock(&q->lock);
}

size_t queue_count(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    const size_t count = q->count;
    pthread_mutex_unlock(&q->lock);
    return count;
}
