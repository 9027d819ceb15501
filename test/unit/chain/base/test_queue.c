// SPDX-License-Identifier: Apache-2.0
#include "chain/base/queue.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

static void count_wake(void *arg)
{
    ++*(unsigned *)arg;
}

/// Goal: order, bound, wake only on the first, and what close means.
Test(queue, one_thread)
{
    int a, b, c;
    unsigned wakes = 0;
    struct queue *q;
    cr_assert(err_ok(queue_new(&q, 2, count_wake, &wakes)));
    cr_expect_null(queue_try_take(q));
    cr_expect_null(queue_take(q, 0), "an empty queue must not wait at 0 ms");
    cr_expect(err_ok(queue_put(q, &a)));
    cr_expect(err_ok(queue_put(q, &b)));
    cr_expect_eq(wakes, 1);
    cr_expect_eq(queue_put(q, &c).kind, ERR_FULL);
    cr_expect_eq(queue_count(q), 2);
    cr_expect_eq(queue_take(q, -1), &a);
    cr_expect(err_ok(queue_put(q, &c)), "room again, around the ring");
    queue_close(q);
    cr_expect_eq(queue_put(q, &a).kind, ERR_BUSY);
    cr_expect_eq(queue_take(q, -1), &b);
    cr_expect_eq(queue_try_take(q), &c);
    cr_expect_null(queue_take(q, -1), "closed and drained");
    queue_free(q, NULL);
    cr_expect_eq(queue_new(&q, 0, NULL, NULL).kind, ERR_LIMIT);
    cr_expect_eq(queue_new(&q, SIZE_MAX, NULL, NULL).kind, ERR_LIMIT);
}

static void count_drop(void *message)
{
    ++*(unsigned *)message;
}

/// Goal: what is left at the end is handed to `drop`, each once.
Test(queue, drops_what_is_left)
{
    unsigned dropped = 0;
    struct queue *q;
    cr_assert(err_ok(queue_new(&q, 4, NULL, NULL)));
    cr_assert(err_ok(queue_put(q, &dropped)));
    cr_assert(err_ok(queue_put(q, &dropped)));
    queue_free(q, count_drop);
    cr_expect_eq(dropped, 2);
}

enum { SENDERS = 3, EACH = 2000 };

static void *send_many(void *arg)
{
    static char messages[SENDERS * EACH];
    for (unsigned i = 0; i < EACH; i++) {
        while (!err_ok(queue_put(arg, &messages[i]))) sched_yield();
    }
    return NULL;
}

/// Goal: with several senders nothing is lost or doubled, and a waiting taker is woken.
Test(queue, many_threads, .timeout = 600)
{
    struct queue *q;
    pthread_t threads[SENDERS];
    cr_assert(err_ok(queue_new(&q, 8, NULL, NULL)));
    for (unsigned i = 0; i < SENDERS; i++) pthread_create(&threads[i], NULL, send_many, q);
    for (unsigned i = 0; i < SENDERS * EACH; i++) cr_assert_not_null(queue_take(q, 30000));
    for (unsigned i = 0; i < SENDERS; i++) pthread_join(threads[i], NULL);
    cr_expect_eq(queue_count(q), 0);
    queue_free(q, NULL);
}
