// SPDX-License-Identifier: Apache-2.0
/// round_next: what an account should do in the rounds that run, and round_getReceipt: all that
/// proves what became of a contribution (interfaces.md 4.4).

#include "chain/crypto/keccak.h"
#include "chain/fed/calls.h"
#include "chain/state/prove.h"
#include "chain/types/extra_data.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/fed.h"
#include "rpc/ns/handlers.h"

#include <stdio.h>

// ---- what to do ---------------------------------------------------------------------------

/// One row of round_next. Without `signature` the caller has to make the call's data itself.
struct advice {
    const char *action;
    char why[200];
    const char *signature; ///< of the call: takes the round's number, drawSeed also its k
    enum fed_contract contract;
    bool over; ///< nothing is to be done in this round any more
    bytes_t data;
    uint64_t until_s; ///< 0: none
    uint64_t until_block;
};

static void advise(struct advice *a, const char *action, const char *why)
{
    a->action = action;
    (void)snprintf(a->why, sizeof a->why, "%s", why);
}

static void advise_call(struct advice *a, const char *action, const char *signature,
                        const char *why)
{
    advise(a, action, why);
    a->contract = FED_ROUNDS;
    a->signature = signature;
}

static bool advise_open(struct rpc_call *call, struct fed_site *f, struct advice *a, bool passed,
                        bool committed, const address_t *who)
{
    if (passed) {
        advise_call(a, "close", "closeCommits(uint256)",
                    "the commit window is over; anybody may close it");
        return true;
    }
    if (committed) {
        advise(a, "wait", "you have committed; others still may");
        return true;
    }
    const struct abi_value account = abi_address(who);
    const struct abi_value bond[] = {account, abi_u64(0)};
    const struct abi_value role = abi_u64(0);
    struct abi_value member;
    u256_t have;
    u256_t need;
    if (!fed_ask(call, f, FED_MEMBERS, "isMember(address)", &account, 1, "(bool)", &member, 1) ||
        !fed_ask_number(call, f, FED_REWARDS, "bonded(address,uint8)", bond, 2, &have) ||
        !fed_ask_number(call, f, FED_REWARDS, "minBond(uint8)", &role, 1, &need)) {
        return false;
    }
    if (u256_is_zero(&member.number))
        advise(a, "wait", "you are no member, so you cannot commit");
    else if (u256_lt(&have, &need))
        advise(a, "wait", "your bond as a participant is below the least one; bond first");
    else
        advise(a, "commit", "train on the base version and commit to your update");
    return true;
}

static bool advise_aggregate(struct rpc_call *call, struct fed_site *f, struct advice *a,
                             uint64_t round, const address_t *who)
{
    const struct abi_value id = abi_u64(round);
    struct abi_value now[2];
    if (!fed_ask(call, f, FED_ROUNDS, "currentAggregator(uint256)", &id, 1, "(address,uint256)",
                 now, 2)) {
        return false;
    }
    if (address_is_zero(&now[0].address))
        advise_call(a, "close", "expire(uint256)",
                    "all aggregators let their window pass; anybody may say so");
    else if (address_eq(&now[0].address, who))
        advise(a, "aggregate", "it is your window to post the aggregate");
    else
        advise(a, "wait", "it is the window of another aggregator");
    return true;
}

/// The data of select(): the sketches are in the transactions that revealed them. Stays empty if
/// one of them came by another way than a plain call.
static bool build_selection(struct rpc_call *call, struct fed_site *f, uint64_t round, bytes_t *out)
{
    const struct abi_value id = abi_u64(round);
    struct abi_value inputs;
    *out = BYTES_NONE;
    if (!fed_ask(call, f, FED_ROUNDS, "selectionInputs(uint256)", &id, 1, "(address[])", &inputs,
                 1)) {
        return false;
    }
    const size_t n = inputs.list.count;
    struct sketch *sketches = ARENA_ARRAY(call->arena, struct sketch, n);
    if (sketches == NULL) return rpc_fail_limit(call, "request memory", call->arena->cap, n);
    for (size_t i = 0; i < n; i++) {
        struct view_participant p;
        struct block b;
        err_t err = views_participant(&f->views, &p, round, &inputs.list.items[i].address);
        const size_t mark = arena_mark(call->arena);
        if (err_ok(err)) err = blocks_get(f->txn, &b, call->arena, p.revealed.block);
        if (!err_ok(err)) return rpc_fail_err(call, err);
        uint64_t of_round = 0;
        struct fed_reveal reveal;
        const bool plain = p.revealed.tx_index < b.tx_count &&
                           err_ok(fed_call_read_reveal(&of_round, &reveal, &sketches[i],
                                                       b.txs[p.revealed.tx_index].data)) &&
                           of_round == round && hash_eq(&reveal.upd_root, &p.upd_root);
        arena_rewind(call->arena, mark);
        if (!plain) return true;
    }
    struct buf data;
    buf_init(&data, (size_t)1 << 20);
    fed_call_select(&data, round, sketches, n);
    bool full = data.full;
    *out = arena_copy(call->arena, buf_bytes(&data), &full);
    buf_deinit(&data);
    return !full || rpc_fail_limit(call, "request memory", call->arena->cap, n);
}

static bool advise_finalised(struct rpc_call *call, struct fed_site *f, struct advice *a,
                             uint64_t round, const address_t *who)
{
    const struct abi_value args[] = {abi_u64(round), abi_address(who)};
    u256_t mine;
    if (!fed_ask_number(call, f, FED_REWARDS, "claimable(uint256,address)", args, 2, &mine)) {
        return false;
    }
    a->over = u256_is_zero(&mine);
    if (a->over) {
        advise(a, "wait", "the round has ended and nothing is left for you to claim");
        return true;
    }
    a->action = "claim";
    (void)snprintf(a->why, sizeof a->why, "%s base units are yours", u256_dec(&mine).s);
    a->contract = FED_REWARDS;
    a->signature = "claim(uint256)";
    return true;
}

static bool advise_round(struct rpc_call *call, struct fed_site *f, struct advice *a,
                         const struct view_round *r, const address_t *who)
{
    const struct abi_value id = abi_u64(r->id);
    struct abi_value window[3];
    struct view_participant p = {.status = VIEW_STATUS_NONE};
    *a = (struct advice){.action = "wait"};
    const err_t err = views_participant(&f->views, &p, r->id, who);
    if (!err_ok(err) && err.kind != ERR_NOT_FOUND) return rpc_fail_err(call, err);
    if (!fed_ask(call, f, FED_ROUNDS, "deadlineOf(uint256)", &id, 1, "(uint64,uint64,bool)", window,
                 3)) {
        return false;
    }
    const bool passed = !u256_is_zero(&window[2].number);
    a->until_s = window[0].number.limb[0];
    a->until_block = window[1].number.limb[0];
    switch ((enum view_round_state)r->state) {
    case VIEW_ROUND_OPEN:
        return advise_open(call, f, a, passed, p.status != VIEW_STATUS_NONE, who);
    case VIEW_ROUND_SEALED:
        if (passed)
            advise_call(a, "drawSeed", "drawSeed(uint256,uint8)",
                        "the blocks of the seed exist; anybody may draw it");
        else
            advise(a, "wait", "commits are closed; the seed's blocks are not there yet");
        return true;
    case VIEW_ROUND_REVEAL:
        if (passed)
            advise_call(a, "close", "closeReveals(uint256)",
                        "the reveal window is over; anybody may close it");
        else if (p.status == VIEW_STATUS_COMMITTED)
            advise(a, "reveal", "reveal what you committed, or lose part of your bond");
        else
            advise(a, "wait", "others still have to reveal");
        return true;
    case VIEW_ROUND_SELECT:
        advise(a, "select", "all is revealed; anybody may run the selection");
        a->contract = FED_ROUNDS;
        return build_selection(call, f, r->id, &a->data);
    case VIEW_ROUND_AGGREGATE:
        return advise_aggregate(call, f, a, r->id, who);
    case VIEW_ROUND_CHALLENGE:
        if (passed)
            advise_call(a, "finalise", "finalise(uint256)",
                        "the challenge window is over; anybody may finalise");
        else
            advise(a, "wait", "compute the aggregate yourself while it can be challenged");
        return true;
    case VIEW_ROUND_FINALISED:
        return advise_finalised(call, f, a, r->id, who);
    case VIEW_ROUND_NONE:
    case VIEW_ROUND_EVALUATE:
    case VIEW_ROUND_PAID:
    case VIEW_ROUND_FAILED:
    case VIEW_ROUND_CANCELLED:
        break;
    }
    a->over = true;
    advise(a, "wait", "the round has ended");
    return true;
}

static void put_qty_or_null(struct json_writer *w, const char *key, uint64_t v)
{
    if (v != 0)
        jw_kv_qty(w, key, v);
    else
        jw_kv_null(w, key);
}

static bool put_advice(struct rpc_call *call, const struct advice *a, uint64_t round)
{
    struct json_writer *w = &call->out;
    const struct abi_value args[] = {abi_u64(round), abi_u64(1)};
    jw_open(w, '{');
    jw_kv_qty(w, "round", round);
    jw_kv_str(w, "action", a->action);
    put_qty_or_null(w, "until", a->until_s);
    put_qty_or_null(w, "untilBlock", a->until_block);
    jw_kv_str(w, "why", a->why);
    jw_key(w, "call");
    if (a->signature != NULL) {
        const size_t count = strcmp(a->action, "drawSeed") == 0 ? 2 : 1;
        if (!fed_put_call_of(call, a->contract, a->signature, args, count)) return false;
    } else if (a->data.len > 0) {
        fed_put_call(w, a->contract, a->data);
    } else {
        jw_null(w);
    }
    jw_close(w, '}');
    return true;
}

bool round_next(struct rpc_call *call)
{
    enum { NEWEST = 50 }; // the latest rounds are those with something to do
    address_t who;
    uint64_t id = 0;
    const bool one = param_given(call, 1);
    struct fed_site f;
    if (!param_address(call, 0, &who) || (one && !param_u64(call, 1, &id)) || !fed_open(call, &f)) {
        return false;
    }
    struct view_round single;
    struct view_round *rounds = &single;
    size_t count = 1;
    const struct fed_list all = {.page = {.limit = NEWEST, .newest_first = true}};
    bytes_t next;
    const err_t err =
        one ? views_round(&f.views, &single, id)
            : views_rounds(&f.views, call->arena, &all.page, NULL, &rounds, &count, &next);
    bool ok = err_ok(err) ? true : fed_end(call, err);
    if (ok && err_ok(err)) {
        const struct fed_list whole = {.page = {.limit = NEWEST}};
        fed_list_begin(call);
        for (size_t i = 0; i < count && ok; i++) {
            const struct view_round *r = &rounds[count - 1 - i];
            struct advice a;
            ok = advise_round(call, &f, &a, r, &who);
            if (ok && (one || !a.over)) ok = put_advice(call, &a, r->id);
        }
        fed_list_end(call, &f, &whole);
    }
    fed_close(call, &f);
    return ok;
}

// ---- receipts -----------------------------------------------------------------------------

enum { RECEIPTS_SLOT = 2 }; ///< of Rounds.receipts: mapping(round => mapping(participant => hash))

/// The storage slot of receipts[round][who].
static hash_t receipt_slot(uint64_t round, const address_t *who)
{
    uint8_t pre[64];
    const hash_t id = view_id_of_round(round);
    const hash_t base = view_id_of_round(RECEIPTS_SLOT);
    memcpy(pre, id.b, 32);
    memcpy(pre + 32, base.b, 32);
    const hash_t outer = keccak256(bytes_make(pre, sizeof pre));
    const hash_t account = view_id_of_account(who);
    memcpy(pre, account.b, 32);
    memcpy(pre + 32, outer.b, 32);
    return keccak256(bytes_make(pre, sizeof pre));
}

/// The ContributionProven of a participant.
static err_t find_proven(struct rpc_call *call, struct fed_site *f, uint64_t round,
                         const address_t *who, struct view_event *out)
{
    const hash_t subject = view_id_of_round(round);
    const hash_t account = view_id_of_account(who);
    struct views_page page = {.limit = VIEWS_PAGE_MAX, .newest_first = true};
    do {
        struct view_event *events = NULL;
        size_t count = 0;
        TRY(views_events(&f->views, call->arena, &page, VIEW_OF_ROUND, &subject, &events, &count,
                         &page.after));
        for (size_t i = 0; i < count; i++) {
            if (events[i].event != FED_TOPIC_ROUNDS_CONTRIBUTION_PROVEN) continue;
            if (!hash_eq(&events[i].topics[2], &account)) continue;
            *out = events[i];
            return OK;
        }
    } while (page.after.len > 0);
    return FAIL(NOT_FOUND, "no receipt yet");
}

static void put_nodes(struct json_writer *w, const char *key, const bytes_t *nodes, size_t count)
{
    jw_key(w, key);
    jw_open(w, '[');
    for (size_t i = 0; i < count; i++) jw_data(w, nodes[i]);
    jw_close(w, ']');
}

/// The block the proof is made against: its header as stored, and who sealed it.
static err_t put_sealed_header(struct rpc_call *call, const struct fed_site *f)
{
    struct json_writer *w = &call->out;
    const struct header *h = &f->site.snapshot.header;
    bytes_t raw;
    struct extra_data extra;
    TRY(blocks_header_raw(f->txn, &raw, f->views.at));
    jw_key(w, "header");
    jw_open(w, '{');
    jw_kv_qty(w, "number", h->number);
    jw_kv_hash(w, "hash", &f->site.snapshot.hash);
    jw_kv_hash(w, "stateRoot", &h->state_root);
    jw_kv_data(w, "raw", raw);
    jw_close(w, '}');
    jw_key(w, "seals");
    jw_open(w, '[');
    if (h->number > 0 && err_ok(extra_data_decode(&extra, call->arena, h->extra_data))) {
        address_t *signers = ARENA_ARRAY(call->arena, address_t, extra.seal_count);
        if (signers == NULL) return FAIL(FULL, "no memory left for this query");
        TRY(qbft_seal_signers(signers, h, &extra));
        for (size_t i = 0; i < extra.seal_count; i++) {
            jw_open(w, '{');
            jw_kv_address(w, "signer", &signers[i]);
            jw_kv_data(w, "signature", BYTES_OF(extra.seals[i]));
            jw_close(w, '}');
        }
    }
    jw_close(w, ']');
    return OK;
}

static err_t put_receipt(struct rpc_call *call, struct fed_site *f,
                         const struct view_participant *p, const struct view_event *e)
{
    struct json_writer *w = &call->out;
    const struct fed_receipt receipt = {.round_id = p->round,
                                        .participant = p->who,
                                        .digest = p->digest,
                                        .upd_root = p->upd_root,
                                        .weight = p->weight,
                                        .status = p->status,
                                        .score = p->score,
                                        .reward = p->reward,
                                        .result_version_id = e->topics[3]};
    const hash_t hash = fed_receipt_hash(&receipt);
    const hash_t slot = receipt_slot(p->round, &p->who);
    struct account_proof proof;
    TRY(state_prove(&proof, call->arena, f->txn, f->views.at, &fed_contract_address[FED_ROUNDS],
                    &slot, 1));
    const hash_t stored = u256_to_hash(&proof.slots[0].value);
    if (!hash_eq(&stored, &hash)) return FAIL(CORRUPT, "the receipt on chain says something else");

    jw_open(w, '{');
    jw_key(w, "preimage");
    jw_open(w, '{');
    jw_kv_qty(w, "roundId", p->round);
    jw_kv_address(w, "participant", &p->who);
    jw_kv_hash(w, "digest", &p->digest);
    jw_kv_hash(w, "updRoot", &p->upd_root);
    jw_kv_qty(w, "weight", p->weight);
    jw_kv_str(w, "status", fed_status(p->status));
    jw_kv_qty(w, "statusCode", p->status);
    jw_key(w, "score");
    jw_dec256(w, &p->score);
    jw_kv_qty256(w, "reward", &p->reward);
    jw_kv_hash(w, "resultVersionId", &e->topics[3]);
    jw_close(w, '}');
    jw_kv_hash(w, "receiptHash", &hash);
    jw_key(w, "event");
    jw_open(w, '{');
    fed_put_at(w, &e->at);
    jw_kv_qty(w, "logIndex", e->at.log_index);
    jw_close(w, '}');
    TRY(put_sealed_header(call, f));
    jw_kv_address(w, "contract", &fed_contract_address[FED_ROUNDS]);
    put_nodes(w, "accountProof", proof.nodes, proof.node_count);
    jw_key(w, "storageProof");
    jw_open(w, '[');
    jw_open(w, '{');
    jw_kv_hash(w, "key", &slot);
    jw_kv_hash(w, "value", &stored);
    put_nodes(w, "proof", proof.slots[0].nodes, proof.slots[0].node_count);
    jw_close(w, '}');
    jw_close(w, ']');
    jw_kv_qty(w, "atBlock", f->views.at);
    jw_close(w, '}');
    return OK;
}

bool round_get_receipt(struct rpc_call *call)
{
    uint64_t id = 0;
    address_t who;
    struct fed_site f;
    if (!param_u64(call, 0, &id) || !param_address(call, 1, &who) || !fed_open(call, &f)) {
        return false;
    }
    struct view_participant p;
    struct view_event proven;
    err_t err = views_participant(&f.views, &p, id, &who);
    if (err_ok(err) && !p.proven) err = FAIL(NOT_FOUND, "no receipt yet");
    if (err_ok(err)) err = find_proven(call, &f, id, &who, &proven);
    if (err_ok(err)) err = put_receipt(call, &f, &p, &proven);
    fed_close(call, &f);
    if (err.kind == ERR_LIMIT) {
        return rpc_fail(call, RPC_NOT_AVAILABLE,
                        "resource not found: proofs are kept for the last %d blocks",
                        PROVE_MAX_DEPTH);
    }
    return fed_end(call, err);
}
