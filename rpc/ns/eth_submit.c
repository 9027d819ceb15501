// SPDX-License-Identifier: Apache-2.0
/// eth_: handing in transactions. Those that come together, in a batch or from several clients,
/// go to the node together: senders recovered in groups, one lock, one sync.

#include "chain/base/hex.h"
#include "rpc/jsonrpc/envelope.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/head_watch.h"

enum { SYNC_DEFAULT_MS = 2000, SYNC_MAX_MS = 60000 };

/// Reads the transaction's bytes; too long ones are refused before they are copied.
static bool read_raw(struct rpc_call *call, bytes_t *raw)
{
    const json_t *text = param_at(call, 0);
    if (json_is_string(text) && json_string_length(text) > 2 + 2 * TX_MAX_BYTES) {
        return rpc_fail_limit(call, "transaction bytes", TX_MAX_BYTES,
                              json_string_length(text) / 2 - 1);
    }
    return param_data(call, 0, raw);
}

/// The bytes of a transaction from parameters as they came, without a tree: the ordinary case.
/// False if there is anything unusual about them, which the handler will then look at.
static bool read_plain(struct rpc_call *call, bytes_t *raw)
{
    bytes_t text;
    if (!envelope_lone_string(&text, call->params_text)) return false;
    if (text.len < 4 || text.len > 2 + 2 * TX_MAX_BYTES || text.len % 2 != 0) return false;
    if (text.data[0] != '0' || text.data[1] != 'x') return false;
    const size_t len = (text.len - 2) / 2;
    uint8_t *data = arena_alloc(call->arena, len);
    if (data == NULL || !err_ok(hex_decode_fixed(data, len, text))) return false;
    *raw = bytes_make(data, len);
    return true;
}

void eth_send_raw_many(struct rpc_call *const *calls, size_t count)
{
    struct arena *arena = calls[0]->arena;
    struct submit_answer *answers = ARENA_ARRAY(arena, struct submit_answer, count);
    bytes_t *raws = ARENA_ARRAY(arena, bytes_t, count);
    size_t *who = ARENA_ARRAY(arena, size_t, count);
    if (answers == NULL || raws == NULL || who == NULL) return;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (read_plain(calls[i], &raws[n])) who[n++] = i;
    }
    if (n == 0) return;
    node_submit_txs(env_of(calls[0])->node, answers, raws, n);
    for (size_t k = 0; k < n; k++) calls[who[k]]->prepared = &answers[k];
}

bool eth_send_raw_transaction(struct rpc_call *call)
{
    const struct submit_answer *answer = call->prepared;
    struct submit_answer own;
    if (answer == NULL) {
        bytes_t raw;
        if (!read_raw(call, &raw)) return false;
        node_submit_tx(env_of(call)->node, &own, raw);
        answer = &own;
    }
    if (answer->result != SUBMIT_OK) return rpc_fail_submit(call, answer);
    jw_hash(&call->out, &answer->hash);
    return true;
}

bool eth_send_raw_transaction_sync(struct rpc_call *call)
{
    struct rpc_env *env = env_of(call);
    uint64_t wait_ms = SYNC_DEFAULT_MS;
    bytes_t raw;
    const json_t *timeout = param_at(call, 1);
    if (json_is_integer(timeout) && json_integer_value(timeout) > 0) {
        wait_ms = (uint64_t)json_integer_value(timeout);
    } else if (timeout != NULL && !param_u64(call, 1, &wait_ms)) {
        return false;
    }
    if (wait_ms > SYNC_MAX_MS)
        return rpc_fail_limit(call, "timeout milliseconds", SYNC_MAX_MS, wait_ms);
    if (!read_raw(call, &raw)) return false;
    if (!head_watch_enter(env->heads)) {
        return rpc_fail_limit(call, "requests that wait for a block", 8, 9);
    }
    uint64_t seen = head_watch_count(env->heads);
    const uint64_t until_ms = rpc_now_ms() + wait_ms;
    struct submit_answer answer;
    node_submit_tx(env->node, &answer, raw);
    bool found = false;
    bool ok = answer.result == SUBMIT_OK ? true : rpc_fail_submit(call, &answer);
    while (ok && !found) {
        ok = rpc_put_receipt(call, &answer.hash, &found);
        if (!ok || found) break;
        const uint64_t now = head_watch_wait(env->heads, seen, until_ms);
        if (now == seen) {
            ok = rpc_put_receipt(call, &answer.hash, &found);
            if (!ok || found) break;
            rpc_fail(call, RPC_TX_TIMEOUT,
                     "the transaction was added to the pool but was not included in time");
            struct rpc_data d;
            rpc_data_begin(&d);
            jw_hash(&d.out, &answer.hash);
            rpc_data_end(&d, call);
            ok = false;
        }
        seen = now;
    }
    head_watch_leave(env->heads);
    return ok;
}
