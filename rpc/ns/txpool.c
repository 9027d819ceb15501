// SPDX-License-Identifier: Apache-2.0
/// txpool_: what waits, and what became of it.

#include "chain/base/hex.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/objects.h"

#include <inttypes.h>
#include <stdio.h>

static const char *fate_text(enum tx_fate fate)
{
    switch (fate) {
    case TX_FATE_UNKNOWN:
        return "unknown";
    case TX_FATE_PENDING:
        return "pending";
    case TX_FATE_QUEUED:
        return "queued";
    case TX_FATE_INCLUDED:
        return "included";
    case TX_FATE_DROPPED:
        return "dropped";
    }
    unreachable("txpool: no such fate");
}

bool txpool_status(struct rpc_call *call)
{
    struct json_writer *w = &call->out;
    if (param_given(call, 0)) {
        hash_t hash;
        struct tx_fate_info info;
        if (!param_hash(call, 0, &hash)) return false;
        node_tx_fate(env_of(call)->node, &info, &hash);
        jw_open(w, '{');
        jw_kv_str(w, "state", fate_text(info.fate));
        if (info.reason != NULL)
            jw_kv_str(w, "reason", info.reason);
        else
            jw_kv_null(w, "reason");
        jw_kv_qty(w, "since", info.since_s);
        jw_close(w, '}');
        return true;
    }
    struct node_status st;
    node_status(env_of(call)->node, &st);
    jw_open(w, '{');
    jw_kv_qty(w, "pending", st.pool_pending);
    jw_kv_qty(w, "queued", st.pool_queued);
    jw_close(w, '}');
    return true;
}

/// How one transaction is shown under its nonce.
typedef void (*put_tx)(struct json_writer *w, const struct tx *tx);

static void put_whole(struct json_writer *w, const struct tx *tx)
{
    object_tx(w, tx, NULL);
}

static void put_sentence(struct json_writer *w, const struct tx *tx)
{
    char text[320];
    const struct u256_text value = u256_dec(&tx->value_wei);
    const struct u256_text price = u256_dec(&tx->max_fee_per_gas);
    (void)snprintf(text, sizeof text, "%s: %s wei + %" PRIu64 " gas x %s wei",
                   tx->is_create ? "contract creation" : hex_address(&tx->to).s, value.s,
                   tx->gas_limit, price.s);
    jw_str(w, text);
}

/// {nonce: transaction} of one sender, from position `*i` on.
static void put_sender(struct json_writer *w, const struct pool_listing *pool, bool pending,
                       size_t *i, put_tx put)
{
    const address_t sender = pool->txs[*i].sender;
    jw_open(w, '{');
    for (; *i < pool->count && address_eq(&pool->txs[*i].sender, &sender); (*i)++) {
        if (pool->is_pending[*i] != pending) continue;
        char nonce[24];
        (void)snprintf(nonce, sizeof nonce, "%" PRIu64, pool->txs[*i].nonce);
        jw_key(w, nonce);
        put(w, &pool->txs[*i]);
    }
    jw_close(w, '}');
}

static bool sender_has(const struct pool_listing *pool, bool pending, size_t i)
{
    const address_t sender = pool->txs[i].sender;
    for (; i < pool->count && address_eq(&pool->txs[i].sender, &sender); i++) {
        if (pool->is_pending[i] == pending) return true;
    }
    return false;
}

static size_t next_sender(const struct pool_listing *pool, size_t i)
{
    const address_t sender = pool->txs[i].sender;
    while (i < pool->count && address_eq(&pool->txs[i].sender, &sender)) i++;
    return i;
}

static bool put_all(struct rpc_call *call, put_tx put)
{
    struct pool_listing pool;
    const err_t err = node_pool_list(env_of(call)->node, &pool, call->arena);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    for (int part = 0; part < 2; part++) {
        const bool pending = part == 0;
        jw_key(w, pending ? "pending" : "queued");
        jw_open(w, '{');
        for (size_t i = 0; i < pool.count;) {
            if (!sender_has(&pool, pending, i)) {
                i = next_sender(&pool, i);
                continue;
            }
            jw_key(w, hex_address(&pool.txs[i].sender).s);
            put_sender(w, &pool, pending, &i, put);
        }
        jw_close(w, '}');
    }
    jw_close(w, '}');
    return true;
}

bool txpool_content(struct rpc_call *call)
{
    return put_all(call, put_whole);
}

bool txpool_inspect(struct rpc_call *call)
{
    return put_all(call, put_sentence);
}

bool txpool_content_from(struct rpc_call *call)
{
    address_t who;
    struct pool_listing pool;
    if (!param_address(call, 0, &who)) return false;
    const err_t err = node_pool_list(env_of(call)->node, &pool, call->arena);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    size_t first = 0;
    while (first < pool.count && !address_eq(&pool.txs[first].sender, &who)) first++;
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    for (int part = 0; part < 2; part++) {
        size_t i = first;
        jw_key(w, part == 0 ? "pending" : "queued");
        if (first < pool.count) {
            put_sender(w, &pool, part == 0, &i, put_whole);
        } else {
            jw_open(w, '{');
            jw_close(w, '}');
        }
    }
    jw_close(w, '}');
    return true;
}
