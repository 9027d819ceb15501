// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/feed.h"

#include <pthread.h>
#include <stdlib.h>

#define MAX_LISTENERS 64

struct listener {
    uint64_t id; ///< 0: free
    node_listener fn;
    void *ctx;
};

struct feed {
    pthread_mutex_t lock;
    struct listener listeners[MAX_LISTENERS];
    size_t count;
    uint64_t last_id;
};

err_t feed_new(struct feed **out)
{
    struct feed *f = calloc(1, sizeof *f);
    if (f == NULL) return FAIL(FULL, "feed: no memory");
    pthread_mutex_init(&f->lock, NULL);
    *out = f;
    return OK;
}

void feed_free(struct feed *f)
{
    if (f == NULL) return;
    pthread_mutex_destroy(&f->lock);
    free(f);
}

err_t feed_add(struct feed *f, node_listener fn, void *ctx, uint64_t *id)
{
    err_t err = FAIL(FULL, "feed: too many listeners");
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < MAX_LISTENERS && !err_ok(err); i++) {
        if (f->listeners[i].id != 0) continue;
        *id = ++f->last_id;
        f->listeners[i] = (struct listener){*id, fn, ctx};
        f->count++;
        err = OK;
    }
    pthread_mutex_unlock(&f->lock);
    return err;
}

void feed_remove(struct feed *f, uint64_t id)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < MAX_LISTENERS; i++) {
        if (id == 0 || f->listeners[i].id != id) continue;
        f->listeners[i].id = 0;
        f->count--;
    }
    pthread_mutex_unlock(&f->lock);
}

bool feed_has_listeners(struct feed *f)
{
    pthread_mutex_lock(&f->lock);
    const bool any = f->count != 0;
    pthread_mutex_unlock(&f->lock);
    return any;
}

void feed_tell(struct feed *f, const struct node_news *news)
{
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < MAX_LISTENERS; i++) {
        const struct listener *l = &f->listeners[i];
        if (l->id != 0) l->fn(l->ctx, news);
    }
    pthread_mutex_unlock(&f->lock);
}
