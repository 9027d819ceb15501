// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/eth_filters.h"

#include "chain/crypto/random.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/log_query.h"
#include "rpc/ns/objects.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    FILTERS_MAX = 1000,
    UNUSED_MS = 5 * 60 * 1000,
    RECENT_MAX = 8192, ///< hashes of pending transactions that filters may still ask for
};

enum filter_kind { FILTER_LOGS, FILTER_BLOCKS, FILTER_PENDING };

struct filter {
    uint64_t id; ///< random, so that nobody finds another's by counting; 0: a free place
    enum filter_kind kind;
    uint64_t used_ms;
    uint64_t next; ///< first block, or number of the first pending transaction, not yet told
    bool full;     ///< FILTER_PENDING: whole transactions
    bool has_from;
    bool has_to;
    uint64_t from;
    uint64_t to;
    struct log_filter *logs; ///< FILTER_LOGS; on the heap
};

struct filters {
    struct node *node;
    uint64_t listener;
    bool listening;
    pthread_mutex_t lock;
    struct filter all[FILTERS_MAX];
    hash_t recent[RECENT_MAX]; ///< ring of pending transactions by running number
    uint64_t recent_count;
};

static void on_news(void *ctx, const struct node_news *news)
{
    struct filters *f = ctx;
    if (news->kind != NEWS_PENDING_TX) return;
    pthread_mutex_lock(&f->lock);
    f->recent[f->recent_count++ % RECENT_MAX] = news->hash;
    pthread_mutex_unlock(&f->lock);
}

err_t filters_open(struct filters **out, struct node *node)
{
    struct filters *f = calloc(1, sizeof *f);
    if (f == NULL) return FAIL(FULL, "rpc: out of memory");
    f->node = node;
    pthread_mutex_init(&f->lock, NULL);
    const err_t err = node_listen(node, on_news, f, &f->listener);
    if (!err_ok(err)) {
        filters_close(f);
        return err;
    }
    f->listening = true;
    *out = f;
    return OK;
}

static void drop(struct filter *x)
{
    free(x->logs);
    memset(x, 0, sizeof *x);
}

void filters_close(struct filters *f)
{
    if (f == NULL) return;
    if (f->listening) node_unlisten(f->node, f->listener);
    for (size_t i = 0; i < FILTERS_MAX; i++) drop(&f->all[i]);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/// Takes over `x->logs` also on failure.
static bool install(struct rpc_call *call, struct filter *x)
{
    struct filters *f = env_of(call)->filters;
    const uint64_t now = rpc_now_ms();
    const err_t err = random_bytes(&x->id, sizeof x->id);
    x->id |= 1; // never the free place
    x->used_ms = now;
    bool done = false;
    pthread_mutex_lock(&f->lock);
    if (x->kind == FILTER_PENDING) x->next = f->recent_count;
    for (size_t i = 0; i < FILTERS_MAX && err_ok(err) && !done; i++) {
        struct filter *at = &f->all[i];
        if (at->id != 0 && now - at->used_ms > UNUSED_MS) drop(at);
        if (at->id != 0) continue;
        *at = *x;
        done = true;
    }
    pthread_mutex_unlock(&f->lock);
    if (done) {
        jw_qty(&call->out, x->id);
        return true;
    }
    free(x->logs);
    return err_ok(err) ? rpc_fail_limit(call, "filters", FILTERS_MAX, FILTERS_MAX + 1)
                       : rpc_fail_err(call, err);
}

static bool head_of(struct rpc_call *call, uint64_t *head)
{
    struct snapshot s;
    if (!snapshot_begin(call, &s)) return false;
    *head = s.head;
    snapshot_close(&s);
    return true;
}

bool eth_new_filter(struct rpc_call *call)
{
    const json_t *object = NULL;
    struct log_query q;
    uint64_t head = 0;
    if (!param_object(call, 0, &object) || !log_query_read(call, &q, object)) return false;
    if (q.by_hash || q.from.kind == BLOCK_HASH || q.to.kind == BLOCK_HASH) {
        return rpc_fail_param(call, "filter", "a range by number or tag", object);
    }
    if (!head_of(call, &head)) return false;
    struct filter x = {
        .kind = FILTER_LOGS,
        .next = head + 1,
        .has_from = q.from.kind == BLOCK_NUMBER,
        .from = q.from.number,
        .has_to = q.to.kind == BLOCK_NUMBER,
        .to = q.to.number,
        .logs = log_filter_clone(&q.filter),
    };
    if (x.logs == NULL) return rpc_fail_limit(call, "memory", 0, 0);
    return install(call, &x);
}

bool eth_new_block_filter(struct rpc_call *call)
{
    struct filter x = {.kind = FILTER_BLOCKS};
    if (!head_of(call, &x.next)) return false;
    x.next++;
    return install(call, &x);
}

bool eth_new_pending_filter(struct rpc_call *call)
{
    struct filter x = {.kind = FILTER_PENDING};
    if (param_given(call, 0) && !param_bool(call, 0, &x.full)) return false;
    return install(call, &x);
}

/// The filter's place; the lock is held. NULL with an error if there is none.
static struct filter *find(struct rpc_call *call, uint64_t id)
{
    struct filters *f = env_of(call)->filters;
    const uint64_t now = rpc_now_ms();
    for (size_t i = 0; i < FILTERS_MAX; i++) {
        struct filter *x = &f->all[i];
        if (x->id != id || id == 0) continue;
        if (now - x->used_ms > UNUSED_MS) {
            drop(x);
            break;
        }
        x->used_ms = now;
        return x;
    }
    rpc_fail(call, RPC_SERVER, "filter not found");
    return NULL;
}

bool eth_uninstall_filter(struct rpc_call *call)
{
    struct filters *f = env_of(call)->filters;
    uint64_t id = 0;
    if (!param_u64(call, 0, &id)) return false;
    pthread_mutex_lock(&f->lock);
    struct filter *x = find(call, id);
    const bool found = x != NULL;
    if (found) drop(x);
    pthread_mutex_unlock(&f->lock);
    jw_bool(&call->out, found);
    return true;
}

/// What a filter is, copied out of the lock; `logs` is a clone for the caller to free.
static bool copy_of(struct rpc_call *call, struct filter *out, uint64_t id)
{
    struct filters *f = env_of(call)->filters;
    pthread_mutex_lock(&f->lock);
    const struct filter *x = find(call, id);
    if (x != NULL) {
        *out = *x;
        if (x->logs != NULL) out->logs = log_filter_clone(x->logs);
    }
    pthread_mutex_unlock(&f->lock);
    if (x == NULL) return false;
    return out->kind != FILTER_LOGS || out->logs != NULL || rpc_fail_limit(call, "memory", 0, 0);
}

/// Notes what has been told, once the answer is complete.
static void advance(struct rpc_call *call, uint64_t id, uint64_t next)
{
    struct filters *f = env_of(call)->filters;
    struct rpc_error kept = call->error;
    pthread_mutex_lock(&f->lock);
    struct filter *x = find(call, id);
    if (x != NULL && next > x->next) x->next = next;
    pthread_mutex_unlock(&f->lock);
    call->error = kept;
}

static bool put_new_blocks(struct rpc_call *call, const struct filter *x, uint64_t *next)
{
    struct snapshot s;
    if (!snapshot_begin(call, &s)) return false;
    err_t err = OK;
    jw_open(&call->out, '[');
    for (*next = x->next; *next <= s.head && err_ok(err); (*next)++) {
        hash_t hash;
        err = blocks_hash_of(s.txn, &hash, *next);
        if (err_ok(err)) jw_hash(&call->out, &hash);
    }
    jw_close(&call->out, ']');
    snapshot_close(&s);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

static bool put_new_pending(struct rpc_call *call, const struct filter *x, uint64_t *next)
{
    struct filters *f = env_of(call)->filters;
    struct rpc_env *env = env_of(call);
    pthread_mutex_lock(&f->lock);
    const uint64_t end = f->recent_count;
    uint64_t at = x->next;
    if (end - at > RECENT_MAX) at = end - RECENT_MAX;
    const size_t count = (size_t)(end - at);
    hash_t *hashes = ARENA_ARRAY(call->arena, hash_t, count);
    for (size_t i = 0; i < count && hashes != NULL; i++)
        hashes[i] = f->recent[(at + i) % RECENT_MAX];
    pthread_mutex_unlock(&f->lock);
    if (hashes == NULL) return rpc_fail_limit(call, "request memory", call->arena->cap, count);
    jw_open(&call->out, '[');
    for (size_t i = 0; i < count; i++) {
        struct tx tx;
        if (!x->full)
            jw_hash(&call->out, &hashes[i]);
        else if (err_ok(node_pool_tx(env->node, &tx, call->arena, &hashes[i]))) {
            object_tx(&call->out, &tx, NULL);
        }
    }
    jw_close(&call->out, ']');
    *next = end;
    return true;
}

/// Logs of new blocks, as many blocks at a time as one query may have.
static bool put_new_logs(struct rpc_call *call, const struct filter *x, uint64_t *next)
{
    uint64_t head = 0;
    if (!head_of(call, &head)) return false;
    uint64_t from = x->next;
    uint64_t to = head;
    if (x->has_from && x->from > from) from = x->from;
    if (x->has_to && x->to < to) to = x->to;
    const uint64_t range = env_of(call)->limits.logs_range;
    if (from <= to && to - from >= range) to = from + range - 1;
    *next = x->next;
    if (from > to) {
        jw_open(&call->out, '[');
        jw_close(&call->out, ']');
        return true;
    }
    if (!log_query_put(call, x->logs, from, to)) return false;
    *next = to + 1;
    return true;
}

bool eth_get_filter_changes(struct rpc_call *call)
{
    uint64_t id = 0;
    struct filter x = {0};
    if (!param_u64(call, 0, &id) || !copy_of(call, &x, id)) return false;
    uint64_t next = x.next;
    bool ok = false;
    switch (x.kind) {
    case FILTER_LOGS:
        ok = put_new_logs(call, &x, &next);
        break;
    case FILTER_BLOCKS:
        ok = put_new_blocks(call, &x, &next);
        break;
    case FILTER_PENDING:
        ok = put_new_pending(call, &x, &next);
        break;
    }
    free(x.logs);
    if (ok) advance(call, id, next);
    return ok;
}

bool eth_get_filter_logs(struct rpc_call *call)
{
    uint64_t id = 0;
    uint64_t head = 0;
    struct filter x = {0};
    if (!param_u64(call, 0, &id) || !copy_of(call, &x, id)) return false;
    bool ok = false;
    if (x.kind != FILTER_LOGS) {
        rpc_fail(call, RPC_SERVER, "filter not found: it is not for logs");
    } else if (head_of(call, &head)) {
        const uint64_t from = x.has_from ? x.from : head;
        const uint64_t to = x.has_to && x.to < head ? x.to : head;
        if (from > to) {
            jw_open(&call->out, '[');
            jw_close(&call->out, ']');
            ok = true;
        } else {
            ok = log_query_put(call, x.logs, from, to);
        }
    }
    free(x.logs);
    return ok;
}
