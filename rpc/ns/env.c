// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/env.h"

#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/eth_call.h"
#include "rpc/ns/eth_filters.h"
#include "rpc/ns/eth_subscribe.h"
#include "rpc/ns/head_watch.h"

#include <inttypes.h>

err_t rpc_env_open(struct rpc_env *env, struct node *node, unsigned cores)
{
    env->node = node;
    TRY(call_pool_new(&env->calls, cores));
    TRY(head_watch_open(&env->heads, node));
    TRY(filters_open(&env->filters, node));
    return subscriptions_open(&env->subscriptions, env);
}

void rpc_env_close(struct rpc_env *env)
{
    subscriptions_close(env->subscriptions);
    filters_close(env->filters);
    head_watch_close(env->heads);
    call_pool_free(env->calls);
}

bool snapshot_begin(struct rpc_call *call, struct snapshot *s)
{
    memset(s, 0, sizeof *s);
    s->oldest = node_oldest(env_of(call)->node);
    err_t err = db_begin_read(node_db(env_of(call)->node), &s->txn);
    if (err_ok(err)) err = blocks_head(s->txn, &s->head, &s->hash);
    if (err_ok(err)) return true;
    snapshot_close(s);
    return rpc_fail_err(call, err);
}

bool snapshot_find(struct rpc_call *call, struct snapshot *s, const struct block_ref *ref,
                   bool *found)
{
    *found = true;
    err_t err = OK;
    s->number = s->head;
    switch (ref->kind) {
    case BLOCK_LATEST:
        break;
    case BLOCK_PENDING:
        s->pending = true;
        break;
    case BLOCK_NUMBER:
        s->number = ref->number;
        if (ref->number > s->head) *found = false;
        break;
    case BLOCK_HASH:
        err = blocks_number_of(s->txn, &s->number, &ref->hash);
        if (err.kind == ERR_NOT_FOUND) {
            *found = false;
            err = OK;
        }
        break;
    }
    if (err_ok(err) && *found) {
        err = blocks_header(s->txn, &s->header, s->number);
        if (err_ok(err)) err = blocks_hash_of(s->txn, &s->hash, s->number);
        if (s->pending) s->number++;
    }
    if (err_ok(err)) return true;
    snapshot_close(s);
    return rpc_fail_err(call, err);
}

bool snapshot_open_state(struct rpc_call *call, struct snapshot *s, const struct block_ref *ref)
{
    bool found = false;
    if (!snapshot_begin(call, s) || !snapshot_find(call, s, ref, &found)) return false;
    if (!found) {
        snapshot_close(s);
        return rpc_fail(call, RPC_NOT_AVAILABLE, "resource not found: no such block");
    }
    if (s->pending || s->number == s->head) {
        latest_view_init(&s->latest, s->txn);
        s->view = latest_as_view(&s->latest);
        return true;
    }
    const err_t err = history_view_init(&s->history, s->txn, s->number);
    if (!err_ok(err)) {
        snapshot_close(s);
        if (err.kind == ERR_NOT_FOUND && s->number < s->oldest) return snapshot_fail(call, s, err);
        return rpc_fail(call, RPC_NOT_AVAILABLE,
                        "resource not found: the state of block %" PRIu64 " is not kept",
                        s->number);
    }
    s->view = history_as_view(&s->history);
    return true;
}

void rpc_data_oldest(struct rpc_call *call, uint64_t oldest)
{
    struct rpc_data d;
    rpc_data_begin(&d);
    jw_open(&d.out, '{');
    jw_kv_qty(&d.out, "oldest", oldest);
    jw_close(&d.out, '}');
    rpc_data_end(&d, call);
}

bool rpc_fail_oldest(struct rpc_call *call, uint64_t oldest)
{
    rpc_fail(call, RPC_NOT_AVAILABLE,
             "resource not found: this node began from a snapshot at block %" PRIu64
             " and has nothing older; ask an archive node",
             oldest);
    rpc_data_oldest(call, oldest);
    return false;
}

bool snapshot_fail(struct rpc_call *call, const struct snapshot *s, err_t err)
{
    if (err.kind == ERR_NOT_FOUND && s->oldest > 0) return rpc_fail_oldest(call, s->oldest);
    return rpc_fail_err(call, err);
}

void snapshot_close(struct snapshot *s)
{
    db_abort(s->txn);
    s->txn = NULL;
}
