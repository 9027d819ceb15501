// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/eth_subscribe.h"

#include "chain/base/log.h"
#include "chain/crypto/random.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/fed.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/log_query.h"
#include "rpc/ns/objects.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    PER_CONNECTION = 100,
    SUBSCRIPTIONS_MAX = 4096,
    RING_MAX = 8192, ///< pending transactions not yet told
};
#define SCRATCH_MAX ((size_t)64 << 20)
#define NOTICE_MAX ((size_t)4 << 20)

enum sub_kind {
    SUB_HEADS,
    SUB_LOGS,
    SUB_PENDING,
    SUB_SYNCING,
    SUB_ROUNDS,
    SUB_MODELS,
    SUB_PROPOSALS
};

static const char *const kind_names[] = {
    [SUB_HEADS] = "newHeads",
    [SUB_LOGS] = "logs",
    [SUB_PENDING] = "newPendingTransactions",
    [SUB_SYNCING] = "syncing",
    [SUB_ROUNDS] = "rounds",
    [SUB_MODELS] = "models",
    [SUB_PROPOSALS] = "proposals",
};

struct sub {
    struct sub *next;
    uint8_t id[16]; ///< random, so that nobody ends another's by counting
    enum sub_kind kind;
    struct rpc_peer *peer; ///< a reference
    bool full;             ///< SUB_PENDING: whole transactions
    struct log_filter *logs;
};

struct subscriptions {
    struct rpc_env *env;
    uint64_t listener;
    bool listening;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; ///< the list; held while notices are written
    struct sub *subs;
    size_t count;
    bool closed;

    pthread_mutex_t news_lock; ///< what the node's thread touches; never held for long
    pthread_cond_t news;
    bool stop;
    uint64_t head; ///< newest block
    uint64_t ring_count;
    hash_t ring[RING_MAX];

    // The thread's own.
    uint64_t told_head;
    uint64_t told_pending;
    struct arena arena;
    struct buf text;
};

// ---- the list -----------------------------------------------------------------------------

static void sub_free(struct sub *x)
{
    x->peer->unref(x->peer);
    free(x->logs);
    free(x);
}

/// Drops what `gone` says. The lock is held.
static void drop_dead(struct subscriptions *s)
{
    for (struct sub **at = &s->subs; *at != NULL;) {
        struct sub *x = *at;
        if (x->peer->alive(x->peer)) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        s->count--;
        sub_free(x);
    }
}

// ---- notices ------------------------------------------------------------------------------

static void begin_notice(struct subscriptions *s, struct json_writer *w, const struct sub *x)
{
    buf_clear(&s->text);
    *w = (struct json_writer){&s->text, false};
    jw_open(w, '{');
    jw_kv_str(w, "jsonrpc", "2.0");
    jw_kv_str(w, "method", "eth_subscription");
    jw_key(w, "params");
    jw_open(w, '{');
    jw_kv_data(w, "subscription", BYTES_OF(x->id));
    jw_key(w, "result");
}

static void end_notice(struct subscriptions *s, struct json_writer *w, struct sub *x)
{
    jw_close(w, '}');
    jw_close(w, '}');
    if (!s->text.full) (void)x->peer->notify(x->peer, buf_bytes(&s->text));
}

static void tell_logs(struct subscriptions *s, struct sub *x, const struct block *b,
                      const struct receipt *receipts, size_t count)
{
    uint64_t log_index = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < receipts[i].log_count; k++, log_index++) {
            const struct log_entry *log = &receipts[i].logs[k];
            if (!log_filter_match(x->logs, log)) continue;
            const struct object_place place = {
                .block_hash = &b->hash,
                .block_number = b->header.number,
                .timestamp_s = b->header.timestamp_s,
                .tx_index = i,
            };
            struct json_writer w;
            begin_notice(s, &w, x);
            object_log(&w, log, &place, &b->txs[i].hash, log_index);
            end_notice(s, &w, x);
        }
    }
}

static bool is_about(enum sub_kind kind, const struct view_event *e)
{
    const address_t *a = &e->address;
    switch (kind) {
    case SUB_ROUNDS:
        return address_eq(a, &fed_contract_address[FED_ROUNDS]);
    case SUB_MODELS:
        return address_eq(a, &fed_contract_address[FED_MODEL_REGISTRY]);
    case SUB_PROPOSALS:
        return address_eq(a, &fed_contract_address[FED_CAIRN_GOVERNOR]);
    case SUB_HEADS:
    case SUB_LOGS:
    case SUB_PENDING:
    case SUB_SYNCING:
        return false;
    }
    unreachable("kind of subscription");
}

static err_t tell_events(struct subscriptions *s, struct sub *x, const struct db_txn *txn,
                         const struct block *b)
{
    uint8_t before[12]; // the last place of the block before
    be_put_u64(before, b->header.number - 1);
    be_put_u32(before + 8, UINT32_MAX);
    const struct views v = {txn, b->header.number};
    struct views_page page = {.limit = VIEWS_PAGE_MAX, .after = BYTES_OF(before)};
    do {
        struct view_event *events = NULL;
        size_t count = 0;
        TRY(views_events(&v, &s->arena, &page, VIEW_OF_ALL, NULL, &events, &count, &page.after));
        for (size_t i = 0; i < count; i++) {
            if (!is_about(x->kind, &events[i])) continue;
            struct rpc_call call = {.env = s->env, .arena = &s->arena};
            begin_notice(s, &call.out, x);
            fed_put_event(&call, &events[i], b);
            end_notice(s, &call.out, x);
        }
    } while (page.after.len > 0);
    return OK;
}

/// Tells everybody of one block.
static err_t tell_block(struct subscriptions *s, const struct db_txn *txn, uint64_t number)
{
    struct block b;
    struct receipt *receipts = NULL;
    size_t count = 0;
    TRY(blocks_get(txn, &b, &s->arena, number));
    TRY(blocks_receipts(txn, &receipts, &count, &s->arena, number));
    for (struct sub *x = s->subs; x != NULL; x = x->next) {
        struct json_writer w;
        switch (x->kind) {
        case SUB_HEADS:
            begin_notice(s, &w, x);
            object_header(&w, &b.header, &b.hash);
            end_notice(s, &w, x);
            break;
        case SUB_LOGS:
            tell_logs(s, x, &b, receipts, count);
            break;
        case SUB_ROUNDS:
        case SUB_MODELS:
        case SUB_PROPOSALS:
            TRY(tell_events(s, x, txn, &b));
            break;
        case SUB_PENDING:
        case SUB_SYNCING:
            break;
        }
    }
    return OK;
}

static void tell_pending(struct subscriptions *s, const hash_t *hash)
{
    struct tx tx;
    bool looked = false;
    bool there = false;
    for (struct sub *x = s->subs; x != NULL; x = x->next) {
        if (x->kind != SUB_PENDING) continue;
        if (x->full && !looked) {
            looked = true;
            there = err_ok(node_pool_tx(s->env->node, &tx, &s->arena, hash));
        }
        if (x->full && !there) continue; // included meanwhile
        struct json_writer w;
        begin_notice(s, &w, x);
        if (x->full)
            object_tx(&w, &tx, NULL);
        else
            jw_hash(&w, hash);
        end_notice(s, &w, x);
    }
}

// ---- the thread ---------------------------------------------------------------------------

/// Waits for news. False if it is time to stop.
static bool await_news(struct subscriptions *s, uint64_t *head, uint64_t *pending)
{
    pthread_mutex_lock(&s->news_lock);
    while (!s->stop && s->head == s->told_head && s->ring_count == s->told_pending) {
        pthread_cond_wait(&s->news, &s->news_lock);
    }
    const bool go = !s->stop;
    *head = s->head;
    *pending = s->ring_count;
    pthread_mutex_unlock(&s->news_lock);
    return go;
}

static void tell_blocks(struct subscriptions *s, uint64_t head)
{
    while (s->told_head < head) {
        struct db_txn *txn = NULL;
        err_t err = db_begin_read(node_db(s->env->node), &txn);
        if (err_ok(err)) err = tell_block(s, txn, s->told_head + 1);
        db_abort(txn);
        if (!err_ok(err))
            LOG_WRN("rpc", "subscribers were not told of a block", "error=%s", err_text(err));
        s->told_head++;
        arena_rewind(&s->arena, 0);
    }
}

static void tell_pendings(struct subscriptions *s, uint64_t pending)
{
    if (pending - s->told_pending > RING_MAX) s->told_pending = pending - RING_MAX;
    while (s->told_pending < pending) {
        pthread_mutex_lock(&s->news_lock);
        const hash_t hash = s->ring[s->told_pending % RING_MAX];
        pthread_mutex_unlock(&s->news_lock);
        s->told_pending++;
        tell_pending(s, &hash);
        arena_rewind(&s->arena, 0);
    }
}

static void *subscriptions_main(void *arg)
{
    struct subscriptions *s = arg;
    uint64_t head;
    uint64_t pending;
    while (await_news(s, &head, &pending)) {
        pthread_mutex_lock(&s->lock);
        if (s->subs == NULL) {
            s->told_head = head;
            s->told_pending = pending;
        } else {
            // A transaction is told before the block that has it.
            tell_pendings(s, pending);
            tell_blocks(s, head);
            drop_dead(s);
        }
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

/// On the node's own thread.
static void on_news(void *ctx, const struct node_news *news)
{
    struct subscriptions *s = ctx;
    pthread_mutex_lock(&s->news_lock);
    if (news->kind == NEWS_PENDING_TX) {
        s->ring[s->ring_count++ % RING_MAX] = news->hash;
    } else if (news->number > s->head) {
        s->head = news->number;
    }
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->news_lock);
}

err_t subscriptions_open(struct subscriptions **out, struct rpc_env *env)
{
    struct subscriptions *s = calloc(1, sizeof *s);
    if (s == NULL) return FAIL(FULL, "rpc: out of memory");
    s->env = env;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->news_lock, NULL);
    pthread_cond_init(&s->news, NULL);
    buf_init(&s->text, NOTICE_MAX);
    struct node_status st;
    node_status(env->node, &st);
    s->head = s->told_head = st.head_number;
    err_t err = arena_init(&s->arena, SCRATCH_MAX);
    if (err_ok(err)) err = node_listen(env->node, on_news, s, &s->listener);
    s->listening = err_ok(err);
    if (err_ok(err) && pthread_create(&s->thread, NULL, subscriptions_main, s) != 0) {
        err = FAIL(IO, "rpc: a thread could not be started");
    }
    s->started = err_ok(err);
    if (!err_ok(err)) {
        subscriptions_close(s);
        return err;
    }
    *out = s;
    return OK;
}

void subscriptions_stop(struct subscriptions *s)
{
    if (s == NULL) return;
    if (s->listening) node_unlisten(s->env->node, s->listener);
    s->listening = false;
    pthread_mutex_lock(&s->news_lock);
    s->stop = true;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->news_lock);
    if (s->started) pthread_join(s->thread, NULL);
    s->started = false;
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    while (s->subs != NULL) {
        struct sub *x = s->subs;
        s->subs = x->next;
        sub_free(x);
    }
    s->count = 0;
    pthread_mutex_unlock(&s->lock);
}

void subscriptions_close(struct subscriptions *s)
{
    if (s == NULL) return;
    subscriptions_stop(s);
    arena_deinit(&s->arena);
    buf_deinit(&s->text);
    pthread_cond_destroy(&s->news);
    pthread_mutex_destroy(&s->news_lock);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

// ---- methods ------------------------------------------------------------------------------

static bool read_kind(struct rpc_call *call, enum sub_kind *out)
{
    const char *word = json_string_value(param_at(call, 0));
    for (size_t i = 0; word != NULL && i < ARRAY_LEN(kind_names); i++) {
        if (strcmp(word, kind_names[i]) != 0) continue;
        *out = (enum sub_kind)i;
        return true;
    }
    return rpc_fail_param(call, "kind",
                          "newHeads, logs, newPendingTransactions, syncing, rounds, models or "
                          "proposals",
                          param_at(call, 0));
}

static bool read_options(struct rpc_call *call, struct sub *x)
{
    const json_t *options = param_at(call, 1);
    if (x->kind == SUB_LOGS) {
        struct log_query q = {.by_hash = false};
        if (options != NULL && !json_is_object(options))
            return rpc_fail_param(call, "options", "a filter", options);
        if (options != NULL && !log_query_read(call, &q, options)) return false;
        x->logs = log_filter_clone(&q.filter);
        return x->logs != NULL || rpc_fail_limit(call, "memory", 0, 0);
    }
    if (options == NULL || x->kind != SUB_PENDING) return true;
    if (json_is_object(options)) options = json_object_get(options, "includeTransactions");
    return options == NULL || value_bool(call, options, "options", &x->full);
}

/// Adds it to the list, which takes it over; on failure it is freed.
static bool add(struct rpc_call *call, struct sub *x)
{
    struct subscriptions *s = env_of(call)->subscriptions;
    size_t same = 0;
    pthread_mutex_lock(&s->lock);
    for (const struct sub *o = s->subs; o != NULL; o = o->next) same += o->peer == x->peer;
    const bool ok = !s->closed && same < PER_CONNECTION && s->count < SUBSCRIPTIONS_MAX;
    if (ok) {
        x->next = s->subs;
        s->subs = x;
        s->count++;
    }
    pthread_mutex_unlock(&s->lock);
    if (ok) return true;
    sub_free(x);
    return rpc_fail_limit(call, "subscriptions", PER_CONNECTION, same + 1);
}

static bool fail_unsupported(struct rpc_call *call)
{
    return rpc_fail(call, RPC_METHOD_NOT_FOUND,
                    "notifications not supported: connect by WebSocket to this address");
}

bool eth_subscribe(struct rpc_call *call)
{
    if (call->peer == NULL) return fail_unsupported(call);
    enum sub_kind kind = SUB_HEADS;
    if (!read_kind(call, &kind)) return false;
    struct sub *x = calloc(1, sizeof *x);
    if (x == NULL) return rpc_fail_limit(call, "memory", 0, 0);
    x->kind = kind;
    if (!read_options(call, x) || !err_ok(random_bytes(x->id, sizeof x->id))) {
        free(x->logs);
        free(x);
        return call->error.code != 0 ? false
                                     : rpc_fail(call, RPC_INTERNAL, "internal error: random");
    }
    x->peer = call->peer->subscribe(call->peer);
    uint8_t id[sizeof x->id];
    memcpy(id, x->id, sizeof id);
    if (!add(call, x)) return false;
    jw_data(&call->out, BYTES_OF(id));
    return true;
}

bool eth_unsubscribe(struct rpc_call *call)
{
    if (call->peer == NULL) return fail_unsupported(call);
    bytes_t id;
    if (!param_data(call, 0, &id)) return false;
    struct subscriptions *s = env_of(call)->subscriptions;
    struct sub *found = NULL;
    pthread_mutex_lock(&s->lock);
    for (struct sub **at = &s->subs; *at != NULL; at = &(*at)->next) {
        if (!bytes_eq(id, BYTES_OF((*at)->id))) continue;
        found = *at;
        *at = found->next;
        s->count--;
        break;
    }
    pthread_mutex_unlock(&s->lock);
    if (found == NULL) return rpc_fail(call, RPC_SERVER, "subscription not found");
    sub_free(found);
    jw_bool(&call->out, true);
    return true;
}
