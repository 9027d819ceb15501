// SPDX-License-Identifier: Apache-2.0
/// qbft_: who decides, and where the current decision stands.

#include "chain/base/hex.h"
#include "chain/codec/abi.h"
#include "chain/types/extra_data.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/eth_call.h"
#include "rpc/ns/handlers.h"

#include <time.h>

/// Reads what `getValidators()` answered: an address[], given back ascending.
static err_t read_validators(const address_t **out, size_t *count, struct arena *arena, bytes_t in)
{
    struct abi_value value;
    TRY(abi_read(&value, 1, arena, "(address[])", in));
    const size_t n = value.list.count;
    address_t *list = ARENA_ARRAY(arena, address_t, n);
    if (list == NULL) return FAIL(FULL, "no memory left for this query");
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        const address_t *who = &value.list.items[i].address;
        for (; at > 0 && memcmp(list[at - 1].b, who->b, sizeof who->b) > 0; at--)
            list[at] = list[at - 1];
        list[at] = *who;
    }
    *out = list;
    *count = n;
    return OK;
}

/// What the contract says on the state of a block.
static bool ask_contract(struct rpc_call *call, const address_t **out, size_t *count,
                         const struct block_ref *ref, const address_t *contract)
{
    struct call_site site;
    struct call_slot slot;
    bytes_t answer;
    if (!call_site_at(call, &site, ref)) return false;
    if (!call_pool_take(call, &slot)) {
        call_site_close(&site);
        return false;
    }
    const bool ok = call_view(call, &answer, &slot, &site, contract, LIT("\xb7\xab\x4d\xb5"));
    call_pool_give(env_of(call)->calls, &slot);
    call_site_close(&site);
    if (!ok) return false;
    const err_t err = read_validators(out, count, call->arena, answer);
    return err_ok(err) ? true
                       : rpc_fail(call, RPC_INTERNAL,
                                  "internal error: the validator contract answers no address[]");
}

/// The validators as this block has them (as Besu's provider): its header's list, or what the
/// contract of its height says on its state.
static bool validators_at(struct rpc_call *call, const address_t **out, size_t *count,
                          uint64_t number, bool pending)
{
    struct node *n = env_of(call)->node;
    const struct qbft_config config = chain_qbft_at(&node_genesis(n)->config, number);
    if (config.has_validator_contract && !pending) {
        const struct block_ref ref = {.kind = BLOCK_NUMBER, .number = number};
        return ask_contract(call, out, count, &ref, &config.validator_contract);
    }
    const err_t err = node_validators(n, out, count, call->arena, number);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

static void put_addresses(struct json_writer *w, const address_t *list, size_t count)
{
    jw_open(w, '[');
    for (size_t i = 0; i < count; i++) jw_address(w, &list[i]);
    jw_close(w, ']');
}

bool qbft_get_validators(struct rpc_call *call)
{
    struct block_ref ref;
    struct snapshot s;
    bool found = false;
    if (!param_block(call, 0, &ref)) return false;
    if (!snapshot_begin(call, &s) || !snapshot_find(call, &s, &ref, &found)) return false;
    const uint64_t number = s.number;
    const bool pending = s.pending;
    snapshot_close(&s);
    if (!found) {
        jw_null(&call->out);
        return true;
    }
    const address_t *validators = NULL;
    size_t count = 0;
    if (!validators_at(call, &validators, &count, number, pending)) return false;
    put_addresses(&call->out, validators, count);
    return true;
}

/// Who sealed the head.
static err_t put_seals(struct rpc_call *call, const struct snapshot *s)
{
    struct extra_data extra = {.seal_count = 0};
    address_t *signers = NULL;
    if (s->head > 0) {
        TRY(extra_data_decode(&extra, call->arena, s->header.extra_data));
        signers = ARENA_ARRAY(call->arena, address_t, extra.seal_count);
        if (signers == NULL) return FAIL(FULL, "no memory left for this query");
        TRY(qbft_seal_signers(signers, &s->header, &extra));
    }
    jw_key(&call->out, "lastSeals");
    put_addresses(&call->out, signers, extra.seal_count);
    return OK;
}

/// How long a round lasts, milliseconds: doubled with each round, up to a most.
static uint64_t round_timeout_ms(const struct qbft_config *c, uint32_t round)
{
    const uint64_t most = c->max_request_timeout_ms;
    uint64_t ms = c->request_timeout_ms;
    for (uint32_t i = 0; i < round && i < 32 && ms < most; i++) ms *= 2;
    return most != 0 && ms > most ? most : ms;
}

/// `stall`: why no block comes and what brings it back; null while they come.
static void put_stall(struct json_writer *w, const struct node_status *st)
{
    jw_key(w, "stall");
    if (st->stalled_s == 0) {
        jw_null(w);
        return;
    }
    const uint64_t now_s = (uint64_t)time(NULL);
    jw_open(w, '{');
    jw_kv_qty(w, "since", now_s > st->stalled_s ? now_s - st->stalled_s : 0);
    jw_kv_str(w, "why", st->stall_why);
    jw_kv_str(w, "hint", st->stall_hint != NULL ? st->stall_hint : "");
    jw_close(w, '}');
}

bool qbft_status(struct rpc_call *call)
{
    struct node *n = env_of(call)->node;
    const struct block_ref latest = {.kind = BLOCK_LATEST};
    struct node_status st;
    struct snapshot s;
    bool found = false;
    const address_t *missing = NULL;
    size_t missing_count = 0;
    node_status(n, &st);
    const struct qbft_config config = chain_qbft_at(&node_genesis(n)->config, st.qbft_height);
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
    jw_kv_qty(w, "timeout", round_timeout_ms(&config, st.qbft_round) / 1000);
    jw_kv_qty(w, "prepares", st.qbft_prepares);
    jw_kv_qty(w, "commits", st.qbft_commits);
    err_t err = put_seals(call, &s);
    if (err_ok(err)) err = node_missing_validators(n, &missing, &missing_count, call->arena);
    jw_key(w, "missing");
    put_addresses(w, missing, missing_count);
    put_stall(w, &st);
    jw_kv_bool(w, "equivocationSelf", st.qbft_muted);
    jw_kv_qty(w, "guardHeight", st.guard_height);
    jw_close(w, '}');
    snapshot_close(&s);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

bool qbft_get_request_timeout(struct rpc_call *call)
{
    struct node *n = env_of(call)->node;
    struct node_status st;
    node_status(n, &st);
    const struct qbft_config config = chain_qbft_at(&node_genesis(n)->config, st.head_number + 1);
    jw_int(&call->out, (int64_t)(config.request_timeout_ms / 1000));
    return true;
}

// ---- who proposed -------------------------------------------------------------------------

struct signer_metric {
    address_t who;
    uint64_t blocks;
    uint64_t last;
};

/// Counts the proposers of blocks from..to-1; validators without a block count as well.
static err_t count_proposers(const struct snapshot *s, const address_t *validators, size_t n,
                             uint64_t from, uint64_t to, struct signer_metric *list, size_t *count,
                             size_t cap)
{
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
    const address_t *validators = NULL;
    size_t n = 0;
    if (!validators_at(call, &validators, &n, bound[1] - 1, false)) {
        snapshot_close(&s);
        return false;
    }
    const err_t err = list == NULL ? FAIL(FULL, "no memory left for this query")
                                   : count_proposers(&s, validators, n, bound[0], bound[1], list,
                                                     &count, SIGNERS_MAX);
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

bool qbft_get_evidence(struct rpc_call *call)
{
    const struct node_evidence *list = NULL;
    size_t count = 0;
    const err_t err = node_evidence(env_of(call)->node, &list, &count, call->arena);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    struct json_writer *w = &call->out;
    jw_open(w, '[');
    for (size_t i = 0; i < count; i++) {
        jw_open(w, '{');
        jw_kv_address(w, "author", &list[i].author);
        jw_kv_str(w, "message", list[i].message);
        jw_kv_qty(w, "height", list[i].height);
        jw_kv_qty(w, "round", list[i].round);
        jw_kv_qty(w, "seen", list[i].seen_s);
        jw_key(w, "payloads");
        jw_open(w, '[');
        jw_data(w, list[i].a);
        jw_data(w, list[i].b);
        jw_close(w, ']');
        jw_close(w, '}');
    }
    jw_close(w, ']');
    return true;
}

/// Under a validator contract there are no votes: as Besu answers.
static bool votes_count(struct rpc_call *call)
{
    struct node *n = env_of(call)->node;
    struct node_status st;
    node_status(n, &st);
    if (!chain_qbft_at(&node_genesis(n)->config, st.head_number + 1).has_validator_contract)
        return true;
    return rpc_fail(call, RPC_NOT_ENABLED, "Method not enabled: a contract names the validators");
}

bool qbft_get_pending_votes(struct rpc_call *call)
{
    const struct pending_vote *votes = NULL;
    size_t count = 0;
    if (!votes_count(call)) return false;
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
    if (!param_address(call, 0, &who) || !param_bool(call, 1, &add) || !votes_count(call))
        return false;
    const err_t err = node_propose_vote(env_of(call)->node, &who, add);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    jw_bool(&call->out, true);
    return true;
}

bool qbft_discard_vote(struct rpc_call *call)
{
    address_t who;
    if (!param_address(call, 0, &who) || !votes_count(call)) return false;
    const err_t err = node_discard_vote(env_of(call)->node, &who);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    jw_bool(&call->out, true);
    return true;
}
