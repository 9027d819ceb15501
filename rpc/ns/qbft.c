// SPDX-License-Identifier: Apache-2.0
/// qbft_: who decides, and where the current decision stands.

#include "chain/base/hex.h"
#include "chain/types/extra_data.h"
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

/// The validators that sealed the head, and those that did not.
static err_t put_seals(struct rpc_call *call, const struct snapshot *s)
{
    struct json_writer *w = &call->out;
    const address_t *validators = NULL;
    size_t count = 0;
    struct extra_data extra = {.seal_count = 0};
    address_t *signers = NULL;
    if (s->head > 0) {
        TRY(extra_data_decode(&extra, call->arena, s->header.extra_data));
        signers = ARENA_ARRAY(call->arena, address_t, extra.seal_count);
        if (signers == NULL) return FAIL(FULL, "no memory left for this query");
        TRY(qbft_seal_signers(signers, &s->header, &extra));
        TRY(node_validators(env_of(call)->node, &validators, &count, call->arena, s->head));
    }
    jw_key(w, "lastSeals");
    jw_open(w, '[');
    for (size_t i = 0; i < extra.seal_count; i++) jw_address(w, &signers[i]);
    jw_close(w, ']');
    jw_key(w, "missing");
    jw_open(w, '[');
    for (size_t i = 0; i < count; i++) {
        bool sealed = false;
        for (size_t k = 0; k < extra.seal_count && !sealed; k++)
            sealed = address_eq(&validators[i], &signers[k]);
        if (!sealed) jw_address(w, &validators[i]);
    }
    jw_close(w, ']');
    return OK;
}

/// How long a round lasts, milliseconds: doubled with each round, up to a most.
static uint64_t round_timeout_ms(const struct qbft_config *c, uint32_t round)
{
    const uint64_t most = c->max_request_timeout_ms;
    uint64_t ms = c->request_timeout_ms;
    for (uint32_t i = 0; i < round && ms < most; i++) ms *= 2;
    return most != 0 && ms > most ? most : ms;
}

bool qbft_status(struct rpc_call *call)
{
    const struct qbft_config *config = &node_genesis(env_of(call)->node)->config.qbft;
    const struct block_ref latest = {.kind = BLOCK_LATEST};
    struct node_status st;
    struct snapshot s;
    bool found = false;
    node_status(env_of(call)->node, &st);
    if (!snapshot_begin(call, &s) || !snapshot_find(call, &s, &latest, &found)) return false;
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    jw_kv_qty(w, "height", st.qbft_height);
    jw_kv_qty(w, "round", st.qbft_round);
    jw_kv_address(w, "proposer", &st.proposer);
    jw_kv_bool(w, "isValidator", st.is_validator);
    jw_kv_address(w, "validator", &st.validator);
    jw_kv_qty(w, "validatorCount", st.validator_count);
    jw_kv_str(w, "step", st.qbft_step != NULL ? st.qbft_step : "idle");
    jw_kv_qty(w, "roundStarted", st.qbft_round_started_s);
    jw_kv_qty(w, "timeout", round_timeout_ms(config, st.qbft_round) / 1000);
    jw_kv_qty(w, "prepares", st.qbft_prepares);
    jw_kv_qty(w, "commits", st.qbft_commits);
    const err_t err = put_seals(call, &s);
    jw_kv_bool(w, "equivocationSelf", st.qbft_muted);
    jw_kv_qty(w, "guardHeight", st.guard_height);
    jw_close(w, '}');
    snapshot_close(&s);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

bool qbft_get_request_timeout(struct rpc_call *call)
{
    const struct qbft_config *config = &node_genesis(env_of(call)->node)->config.qbft;
    jw_int(&call->out, (int64_t)(config->request_timeout_ms / 1000));
    return true;
}

// ---- who proposed -------------------------------------------------------------------------

struct signer_metric {
    address_t who;
    uint64_t blocks;
    uint64_t last;
};

/// Counts the proposers of blocks from..to-1; validators without a block count as well.
static err_t count_proposers(const struct rpc_call *call, const struct snapshot *s, uint64_t from,
                             uint64_t to, struct signer_metric *list, size_t *count, size_t cap)
{
    const address_t *validators = NULL;
    size_t n = 0;
    TRY(node_validators(env_of(call)->node, &validators, &n, call->arena, to - 1));
    for (; *count < n && *count < cap; (*count)++) {
        list[*count] = (struct signer_metric){.who = validators[*count]};
    }
    for (uint64_t at = from; at < to; at++) {
        struct header h;
        if (at == 0) continue; // nobody proposed the genesis
        TRY(blocks_header(s->txn, &h, at));
        size_t k = 0;
        while (k < *count && !address_eq(&list[k].who, &h.coinbase)) k++;
        if (k == cap) return FAIL(LIMIT, "too many proposers");
        if (k == *count) list[(*count)++] = (struct signer_metric){.who = h.coinbase};
        list[k].blocks++;
        list[k].last = at;
    }
    return OK;
}

bool qbft_get_signer_metrics(struct rpc_call *call)
{
    enum { DEFAULT_BLOCKS = 100, BLOCKS_MAX = 10000, SIGNERS_MAX = 1024 };
    struct block_ref ref[2];
    uint64_t bound[2];
    struct snapshot s;
    if (!param_block(call, 0, &ref[0]) || !param_block(call, 1, &ref[1]) ||
        !snapshot_begin(call, &s)) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) bound[i] = ref[i].kind == BLOCK_NUMBER ? ref[i].number : s.head;
    if (!param_given(call, 0)) bound[0] = s.head > DEFAULT_BLOCKS ? s.head - DEFAULT_BLOCKS : 0;
    const bool usable = bound[0] < bound[1] && bound[1] <= s.head + 1;
    if (!usable || bound[1] - bound[0] > BLOCKS_MAX) {
        snapshot_close(&s);
        return rpc_fail_param(call, "fromBlock", "less than toBlock, by at most 10000 blocks",
                              param_at(call, 0));
    }
    struct signer_metric *list = ARENA_ARRAY(call->arena, struct signer_metric, SIGNERS_MAX);
    size_t count = 0;
    const err_t err =
        list == NULL ? FAIL(FULL, "no memory left for this query")
                     : count_proposers(call, &s, bound[0], bound[1], list, &count, SIGNERS_MAX);
    snapshot_close(&s);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    struct json_writer *w = &call->out;
    jw_open(w, '[');
    for (size_t i = 0; i < count; i++) {
        jw_open(w, '{');
        jw_kv_address(w, "address", &list[i].who);
        jw_kv_qty(w, "proposedBlockCount", list[i].blocks);
        jw_kv_qty(w, "lastProposedBlockNumber", list[i].last);
        jw_close(w, '}');
    }
    jw_close(w, ']');
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
