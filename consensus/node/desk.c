// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/desk.h"

#include "chain/base/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct desk {
    struct queue *jobs;
    pthread_t thread;
    atomic_bool stop;
};

static void drop(void *p)
{
    struct task *j = p;
    j->drop(j);
}

static void *desk_main(void *arg)
{
    struct desk *d = arg;
    struct task *j;
    while ((j = queue_take(d->jobs, -1)) != NULL) {
        if (atomic_load(&d->stop))
            j->drop(j);
        else
            j->run(j);
    }
    return NULL;
}

err_t desk_new(struct desk **out, size_t max_jobs)
{
    struct desk *d = calloc(1, sizeof *d);
    if (d == NULL) return FAIL(FULL, "desk: no memory");
    err_t err = queue_new(&d->jobs, max_jobs, NULL, NULL);
    if (err_ok(err) && pthread_create(&d->thread, NULL, desk_main, d) != 0) {
        queue_free(d->jobs, NULL);
        err = FAIL(IO, "desk: cannot start a thread");
    }
    if (!err_ok(err)) {
        free(d);
        return err;
    }
    *out = d;
    return OK;
}

void desk_free(struct desk *d)
{
    if (d == NULL) return;
    atomic_store(&d->stop, true);
    queue_close(d->jobs);
    pthread_join(d->thread, NULL);
    queue_free(d->jobs, drop);
    free(d);
}

bool desk_put(struct desk *d, struct task *job)
{
    if (err_ok(queue_put(d->jobs, job))) return true;
    job->drop(job);
    return false;
}
