// SPDX-License-Identifier: Apache-2.0
/// qbft_: who decides, and where the current decision stands.

#include "chain/base/hex.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"

static bool put_validators(struct rpc_call *call, uint64_t number)
{
    const address_t *validators = NULL;
    size_t count = 0;
    const err_t err = node_validators(env_of(call)->node, &validators, &count, call->arena, number);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    jw_open(&call->out, '[');
    for (size_t i = 0; i < count; i++) jw_address(&call->out, &validators[i]);
    jw_close(&call->out, ']');
    return true;
}

bool qbft_get_validators(struct rpc_call *call)
{
    struct block_ref ref;
    struct snapshot s;
    bool found = false;
    if (!param_block(call, 0, &ref)) return false;
    if (!snapshot_begin(call, &s) || !snapshot_find(call, &s, &ref, &found)) return false;
    const uint64_t number = s.number;
    snapshot_close(&s);
    if (!found) {
        jw_null(&call->out);
        return true;
    }
    return put_validators(call, number);
}

bool qbft_status(struct rpc_call *call)
{
    struct node_status st;
    node_status(env_of(call)->node, &st);
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    jw_kv_qty(w, "height", st.qbft_height);
    jw_kv_qty(w, "round", st.qbft_round);
    jw_kv_address(w, "proposer", &st.proposer);
    jw_kv_bool(w, "isValidator", st.is_validator);
    jw_kv_address(w, "validator", &st.validator);
    jw_kv_qty(w, "validatorCount", st.validator_count);
    jw_kv_str(w, "step", st.qbft_step != NULL ? st.qbft_step : "idle");
    jw_close(w, '}');
    return true;
}

bool qbft_get_pending_votes(struct rpc_call *call)
{
    const struct pending_vote *votes = NULL;
    size_t count = 0;
    const err_t err = node_pending_votes(env_of(call)->node, &votes, &count, call->arena);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    for (size_t i = 0; i < count; i++) {
        jw_kv_bool(w, hex_address(&votes[i].who).s, votes[i].add);
    }
    jw_close(w, '}');
    return true;
}

bool qbft_propose_vote(struct rpc_call *call)
{
    address_t who;
    bool add = false;
    if (!param_address(call, 0, &who) || !param_bool(call, 1, &add)) return false;
    const err_t err = node_propose_vote(env_of(call)->node, &who, add);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    jw_bool(&call->out, true);
    return true;
}

bool qbft_discard_vote(struct rpc_call *call)
{
    address_t who;
    if (!param_address(call, 0, &who)) return false;
    const err_t err = node_discard_vote(env_of(call)->node, &who);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    jw_bool(&call->out, true);
    return true;
}
