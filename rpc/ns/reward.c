// SPDX-License-Identifier: Apache-2.0
/// reward_: bonds, pools, shares, claims (interfaces.md 4.5). Amounts in base units.

#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/fed.h"
#include "rpc/ns/handlers.h"

enum { ROLES = 2 };
static const char *const role_names[ROLES] = {"participant", "aggregator"};

bool reward_get_params(struct rpc_call *call)
{
    struct fed_site f;
    struct abi_value symbol;
    u256_t decimals;
    u256_t bps[3];
    u256_t bond[ROLES];
    u256_t unbond;
    if (!fed_open(call, &f)) return false;
    bool ok = fed_ask(call, &f, FED_CAIRN_TOKEN, "symbol()", NULL, 0, "(string)", &symbol, 1) &&
              fed_ask_number(call, &f, FED_CAIRN_TOKEN, "decimals()", NULL, 0, &decimals) &&
              fed_ask_number(call, &f, FED_REWARDS, "PARTICIPANTS_BPS()", NULL, 0, &bps[0]) &&
              fed_ask_number(call, &f, FED_REWARDS, "EVALUATORS_BPS()", NULL, 0, &bps[1]) &&
              fed_ask_number(call, &f, FED_REWARDS, "AGGREGATOR_BPS()", NULL, 0, &bps[2]) &&
              fed_ask_number(call, &f, FED_REWARDS, "unbondSeconds()", NULL, 0, &unbond);
    for (uint64_t i = 0; i < ROLES && ok; i++) {
        const struct abi_value role = abi_u64(i);
        ok = fed_ask_number(call, &f, FED_REWARDS, "minBond(uint8)", &role, 1, &bond[i]);
    }
    if (ok) {
        static const char *const parts[] = {"participants", "evaluators", "aggregator"};
        struct json_writer *w = &call->out;
        uint64_t rest = 10000;
        jw_open(w, '{');
        jw_kv_address(w, "token", &fed_contract_address[FED_CAIRN_TOKEN]);
        jw_key(w, "symbol");
        jw_str_len(w, symbol.bytes);
        jw_kv_qty256(w, "decimals", &decimals);
        jw_key(w, "splitBps");
        jw_open(w, '{');
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
            jw_kv_qty256(w, parts[i], &bps[i]);
            rest -= bps[i].limb[0];
        }
        jw_kv_qty(w, "treasury", rest);
        jw_close(w, '}');
        jw_key(w, "minBond");
        jw_open(w, '{');
        for (size_t i = 0; i < ROLES; i++) jw_kv_qty256(w, role_names[i], &bond[i]);
        jw_close(w, '}');
        jw_kv_qty256(w, "unbondingSeconds", &unbond);
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok;
}

/// Everything an account may claim: its rounds, and those it aggregated.
static bool sum_claimable(struct rpc_call *call, struct fed_site *f, const address_t *who,
                          u256_t *out)
{
    const struct views_page page = {.limit = VIEWS_PAGE_MAX, .newest_first = true};
    struct view_round *rounds = NULL;
    size_t count = 0;
    bytes_t next;
    *out = u256_from_u64(0);
    const err_t err = views_rounds(&f->views, call->arena, &page, NULL, &rounds, &count, &next);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    for (size_t i = 0; i < count; i++) {
        if (rounds[i].state != VIEW_ROUND_FINALISED) continue;
        const struct abi_value args[] = {abi_u64(rounds[i].id), abi_address(who)};
        u256_t one;
        if (!fed_ask_number(call, f, FED_REWARDS, "claimable(uint256,address)", args, 2, &one)) {
            return false;
        }
        if (!u256_add_checked(out, out, &one))
            return rpc_fail(call, RPC_INTERNAL, "internal error: sum");
    }
    return true;
}

bool reward_get_balance(struct rpc_call *call)
{
    address_t who;
    struct fed_site f;
    if (!param_address(call, 0, &who) || !fed_open(call, &f)) return false;
    const struct abi_value account = abi_address(&who);
    u256_t liquid;
    u256_t bonded[ROLES];
    u256_t unbonding[ROLES];
    u256_t until[ROLES];
    u256_t reputation;
    u256_t votes;
    u256_t claimable;
    bool ok =
        fed_ask_number(call, &f, FED_CAIRN_TOKEN, "balanceOf(address)", &account, 1, &liquid) &&
        fed_ask_number(call, &f, FED_REPUTATION, "reputation(address)", &account, 1, &reputation) &&
        fed_ask_number(call, &f, FED_CAIRN_TOKEN, "getVotes(address)", &account, 1, &votes) &&
        sum_claimable(call, &f, &who, &claimable);
    for (uint64_t i = 0; i < ROLES && ok; i++) {
        const struct abi_value args[] = {account, abi_u64(i)};
        ok = fed_ask_number(call, &f, FED_REWARDS, "bonded(address,uint8)", args, 2, &bonded[i]) &&
             fed_ask_number(call, &f, FED_REWARDS, "unbonding(address,uint8)", args, 2,
                            &unbonding[i]) &&
             fed_ask_number(call, &f, FED_REWARDS, "unbondingUntil(address,uint8)", args, 2,
                            &until[i]);
    }
    if (ok) {
        struct json_writer *w = &call->out;
        jw_open(w, '{');
        jw_kv_qty256(w, "liquid", &liquid);
        jw_key(w, "bonded");
        jw_open(w, '{');
        for (size_t i = 0; i < ROLES; i++) jw_kv_qty256(w, role_names[i], &bonded[i]);
        jw_close(w, '}');
        jw_key(w, "unbonding");
        jw_open(w, '[');
        for (size_t i = 0; i < ROLES; i++) {
            if (u256_is_zero(&unbonding[i])) continue;
            jw_open(w, '{');
            jw_kv_str(w, "role", role_names[i]);
            jw_kv_qty256(w, "amount", &unbonding[i]);
            jw_kv_qty256(w, "until", &until[i]);
            jw_close(w, '}');
        }
        jw_close(w, ']');
        jw_kv_qty256(w, "claimable", &claimable);
        jw_kv_qty256(w, "reputationPpm", &reputation);
        jw_kv_qty256(w, "votes", &votes);
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok;
}

/// The kind of a reward event, or NULL for others; and the place of its amount in the data.
static const char *history_kind(enum fed_event event, size_t *amount_word)
{
    *amount_word = 0;
    if (event == FED_TOPIC_REWARDS_CLAIMED) return "claimed";
    if (event == FED_TOPIC_REWARDS_SLASHED) return "slashed";
    if (event == FED_TOPIC_REWARDS_BONDED) return "bonded";
    if (event == FED_TOPIC_REWARDS_UNBONDING) return "unbonding";
    if (event == FED_TOPIC_REWARDS_WITHDRAWN) return "unbonded";
    if (event == FED_TOPIC_REWARDS_FUNDED) return "funded";
    if (event == FED_TOPIC_REWARDS_SETTLED) return "settled";
    if (event == FED_TOPIC_ROUNDS_CONTRIBUTION_PROVEN) {
        *amount_word = 4; // digest, weight, status, score, reward
        return "settled";
    }
    return NULL;
}

/// Writes what an event says about money; false if it says nothing.
static bool put_history(struct json_writer *w, const struct view_event *e)
{
    size_t word = 0;
    const char *kind = history_kind(e->event, &word);
    if (kind == NULL) return false;
    const u256_t amount = view_event_word(e, word);
    const bool of_round =
        e->event == FED_TOPIC_REWARDS_CLAIMED || e->event == FED_TOPIC_REWARDS_SLASHED ||
        e->event == FED_TOPIC_REWARDS_SETTLED || e->event == FED_TOPIC_ROUNDS_CONTRIBUTION_PROVEN;
    jw_open(w, '{');
    fed_put_at(w, &e->at);
    jw_kv_str(w, "kind", kind);
    jw_kv_qty256(w, "amount", &amount);
    if (of_round && e->topic_count > 1) {
        const u256_t number = u256_from_hash(&e->topics[1]);
        jw_kv_qty256(w, "round", &number);
    } else {
        jw_kv_null(w, "round");
    }
    if (e->event == FED_TOPIC_REWARDS_SLASHED) {
        const u256_t reason = view_event_word(e, 2);
        jw_kv_qty256(w, "reason", &reason);
    } else {
        jw_kv_null(w, "reason");
    }
    jw_close(w, '}');
    return true;
}

bool reward_get_history(struct rpc_call *call)
{
    struct fed_list l;
    const json_t *of = fed_member(call, 0, "address");
    const json_t *in = fed_member(call, 0, "round");
    address_t who;
    uint64_t round = 0;
    if ((of == NULL) == (in == NULL)) {
        return rpc_fail_param(call, "filter", "an object with either address or round",
                              param_at(call, 0));
    }
    if (of != NULL && !value_address(call, of, "address", &who)) return false;
    if (in != NULL && !value_u64(call, in, "round", &round)) return false;
    const hash_t id = of != NULL ? view_id_of_account(&who) : view_id_of_round(round);
    struct fed_site f;
    if (!fed_open_list(call, &f, &l, 0, false)) return false;
    struct view_event *events = NULL;
    size_t count = 0;
    err_t err;
    fed_list_begin(call);
    do {
        err = views_events(&f.views, call->arena, &l.page,
                           of != NULL ? VIEW_OF_ACCOUNT : VIEW_OF_ROUND, &id, &events, &count,
                           &l.page.after);
        for (size_t i = 0; i < count && err_ok(err); i++) {
            if (put_history(&call->out, &events[i])) l.page.limit--;
        }
    } while (err_ok(err) && fed_list_more(&l, count));
    fed_list_end(call, &f, &l);
    fed_close(call, &f);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}
/// Where a round's money went, each part from another source than the pool: shares from the
/// receipts, the aggregator's part from what it could claim, the treasury's from the transfer.
struct round_money {
    u256_t participants;
    u256_t aggregator;
    u256_t treasury;
    u256_t aggregator_claimed;
    bool aggregator_took_part;
};

/// What the settling transaction sent to the treasury: the Transfer behind Settled.
static bool sent_to_treasury(struct rpc_call *call, struct fed_site *f, const struct view_round *r,
                             u256_t *out)
{
    struct abi_value treasury;
    if (!fed_ask(call, f, FED_REWARDS, "treasury()", NULL, 0, "(address)", &treasury, 1)) {
        return false;
    }
    const hash_t subject = view_id_of_round(r->id);
    const hash_t from = view_id_of_account(&fed_contract_address[FED_REWARDS]);
    const hash_t to = view_id_of_account(&treasury.address);
    struct views_page page = {.limit = VIEWS_PAGE_MAX};
    do {
        struct view_event *events = NULL;
        size_t count = 0;
        err_t err = views_events(&f->views, call->arena, &page, VIEW_OF_ROUND, &subject, &events,
                                 &count, &page.after);
        if (!err_ok(err)) return rpc_fail_err(call, err);
        for (size_t i = 0; i < count; i++) {
            if (events[i].event != FED_TOPIC_REWARDS_SETTLED) continue;
            struct receipt *receipts = NULL;
            size_t receipt_count = 0;
            err =
                blocks_receipts(f->txn, &receipts, &receipt_count, call->arena, events[i].at.block);
            if (!err_ok(err)) return rpc_fail_err(call, err);
            uint64_t at = 0;
            for (size_t k = 0; k < receipt_count; k++) {
                for (size_t n = 0; n < receipts[k].log_count; n++, at++) {
                    const struct log_entry *log = &receipts[k].logs[n];
                    if (at <= events[i].at.log_index || k != events[i].at.tx_index) continue;
                    if (!address_eq(&log->address, &fed_contract_address[FED_CAIRN_TOKEN]) ||
                        log->topic_count != 3 || log->data.len != 32 ||
                        !hash_eq(&log->topics[0],
                                 &fed_event_topic[FED_TOPIC_CAIRN_TOKEN_TRANSFER]) ||
                        !hash_eq(&log->topics[1], &from) || !hash_eq(&log->topics[2], &to)) {
                        continue;
                    }
                    *out = u256_from_be32(log->data.data);
                    return true; // the first one behind it: later ones are slashes
                }
            }
        }
    } while (page.after.len > 0);
    return true;
}

static bool follow_money(struct rpc_call *call, struct fed_site *f, const struct view_round *r,
                         const struct view_participant *list, size_t count, struct round_money *out)
{
    memset(out, 0, sizeof *out);
    if (!r->settled) return true;
    const struct view_participant *self = NULL;
    for (size_t i = 0; i < count; i++) {
        (void)u256_add(&out->participants, &out->participants, &list[i].reward);
        if (address_eq(&list[i].who, &r->aggregator)) self = &list[i];
    }
    out->aggregator_took_part = self != NULL && !u256_is_zero(&self->reward);
    const struct abi_value args[] = {abi_u64(r->id), abi_address(&r->aggregator)};
    struct view_claim *claims = NULL;
    size_t claim_count = 0;
    const err_t err = views_claims(&f->views, call->arena, &claims, &claim_count, r->id);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    for (size_t i = 0; i < claim_count; i++) {
        if (!address_eq(&claims[i].who, &r->aggregator)) continue;
        (void)u256_add(&out->aggregator_claimed, &out->aggregator_claimed, &claims[i].amount);
    }
    if (!fed_ask_number(call, f, FED_REWARDS, "claimable(uint256,address)", args, 2,
                        &out->aggregator)) {
        return false;
    }
    (void)u256_add(&out->aggregator, &out->aggregator, &out->aggregator_claimed);
    if (self != NULL) (void)u256_sub(&out->aggregator, &out->aggregator, &self->reward);
    return sent_to_treasury(call, f, r, &out->treasury);
}

static void put_payee(struct json_writer *w, const address_t *who, const u256_t *amount,
                      const u256_t *claimed)
{
    jw_open(w, '{');
    jw_kv_address(w, "who", who);
    jw_kv_qty256(w, "amount", amount);
    jw_kv_qty256(w, "claimed", claimed);
    jw_close(w, '}');
}

/// Who got what of a round. `sum` is the pool if nothing was lost on the way.
static void put_round_money(struct json_writer *w, const struct view_round *r, const u256_t *pool,
                            const struct view_participant *list, size_t count,
                            const struct round_money *m)
{
    jw_open(w, '{');
    jw_kv_qty(w, "round", r->id);
    jw_kv_bool(w, "settled", r->settled);
    jw_kv_qty256(w, "pool", pool);
    jw_key(w, "parts");
    jw_open(w, '{');
    jw_kv_qty256(w, "participants", &m->participants);
    jw_kv_qty(w, "evaluators", 0); // their part is the treasury's until there are any
    jw_kv_qty256(w, "aggregator", &m->aggregator);
    jw_kv_qty256(w, "treasury", &m->treasury);
    jw_close(w, '}');
    jw_key(w, "items");
    jw_open(w, '[');
    for (size_t i = 0; i < count; i++) {
        if (u256_is_zero(&list[i].reward)) continue;
        u256_t amount = list[i].reward;
        if (address_eq(&list[i].who, &r->aggregator))
            (void)u256_add(&amount, &amount, &m->aggregator);
        put_payee(w, &list[i].who, &amount, &list[i].claimed);
    }
    if (r->settled && !m->aggregator_took_part && !u256_is_zero(&m->aggregator)) {
        put_payee(w, &r->aggregator, &m->aggregator, &m->aggregator_claimed);
    }
    jw_close(w, ']');
    jw_kv_qty256(w, "dust", &r->dust);
    u256_t sum;
    (void)u256_add(&sum, &m->participants, &m->aggregator);
    (void)u256_add(&sum, &sum, &m->treasury);
    // Before it is settled, or when it never was, the pool is where it has been put.
    jw_kv_qty256(w, "sum", r->settled ? &sum : pool);
    jw_close(w, '}');
}

bool reward_get_round(struct rpc_call *call)
{
    uint64_t id = 0;
    struct fed_site f;
    if (!param_u64(call, 0, &id) || !fed_open(call, &f)) return false;
    struct view_round r;
    struct view_participant *list = NULL;
    size_t count = 0;
    struct abi_value reserved[6];
    struct round_money money;
    err_t err = views_round(&f.views, &r, id);
    if (err_ok(err)) err = views_participants(&f.views, call->arena, &list, &count, id);
    const struct abi_value arg = abi_u64(id);
    bool ok = err_ok(err) ? fed_ask(call, &f, FED_REWARDS, "pools(uint256)", &arg, 1,
                                    "(address,uint64,uint32,bytes32,uint128,uint128)", reserved, 6)
                          : fed_end(call, err);
    if (ok && err_ok(err)) {
        const u256_t pool = r.settled ? r.pool : reserved[4].number;
        ok = follow_money(call, &f, &r, list, count, &money);
        if (ok) put_round_money(&call->out, &r, &pool, list, count, &money);
    }
    fed_close(call, &f);
    return ok;
}

bool reward_get_supply(struct rpc_call *call)
{
    struct fed_site f;
    struct abi_value treasury_at;
    u256_t total;
    u256_t treasury;
    u256_t bonded;
    u256_t held;
    if (!fed_open(call, &f)) return false;
    const struct abi_value rewards = abi_address(&fed_contract_address[FED_REWARDS]);
    bool ok = fed_ask_number(call, &f, FED_CAIRN_TOKEN, "totalSupply()", NULL, 0, &total) &&
              fed_ask(call, &f, FED_REWARDS, "treasury()", NULL, 0, "(address)", &treasury_at, 1) &&
              fed_ask_number(call, &f, FED_CAIRN_TOKEN, "balanceOf(address)", &treasury_at, 1,
                             &treasury) &&
              fed_ask_number(call, &f, FED_REWARDS, "totalBonded()", NULL, 0, &bonded) &&
              fed_ask_number(call, &f, FED_CAIRN_TOKEN, "balanceOf(address)", &rewards, 1, &held);
    u256_t pools;
    u256_t circulating;
    if (ok && (!u256_sub_checked(&pools, &held, &bonded) ||
               !u256_sub_checked(&circulating, &total, &treasury) ||
               !u256_sub_checked(&circulating, &circulating, &held))) {
        ok = rpc_fail(call, RPC_INTERNAL, "internal error: the parts exceed the supply");
    }
    if (ok) {
        struct json_writer *w = &call->out;
        jw_open(w, '{');
        jw_kv_qty256(w, "total", &total);
        jw_kv_qty256(w, "treasury", &treasury);
        jw_kv_qty256(w, "bonded", &bonded);
        jw_kv_qty256(w, "pools", &pools);
        jw_kv_qty256(w, "circulating", &circulating);
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok;
}

bool model_get_identity(struct rpc_call *call)
{
    address_t who;
    struct fed_site f;
    struct abi_value member;
    struct abi_value aggregators;
    if (!param_address(call, 0, &who) || !fed_open(call, &f)) return false;
    const struct abi_value account = abi_address(&who);
    const bool ok =
        fed_ask(call, &f, FED_MEMBERS, "isMember(address)", &account, 1, "(bool)", &member, 1) &&
        fed_ask(call, &f, FED_MEMBERS, "aggregators()", NULL, 0, "(address[])", &aggregators, 1);
    if (ok) {
        bool aggregates = false;
        for (size_t i = 0; i < aggregators.list.count; i++) {
            aggregates = aggregates || address_eq(&aggregators.list.items[i].address, &who);
        }
        struct json_writer *w = &call->out;
        jw_open(w, '{');
        jw_kv_bool(w, "member", !u256_is_zero(&member.number));
        jw_kv_bool(w, "aggregator", aggregates);
        jw_key(w, "credentials");
        jw_raw(w, LIT("[]"));
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok;
}
