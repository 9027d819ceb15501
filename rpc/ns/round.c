// SPDX-License-Identifier: Apache-2.0
/// round_: what happened in a round, to whom and why (interfaces.md 4.4).

#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/fed.h"
#include "rpc/ns/handlers.h"

/// Positions in the flattened answer of Rounds.roundInfo.
enum {
    INFO_MODE = 1,
    INFO_F = 2,
    INFO_SEED_SPAN = 3,
    INFO_N_MIN = 4,
    INFO_N_MAX = 5,
    INFO_W_MAX = 6,
    INFO_RANK = 12,
    INFO_NUMBER = 14,
    INFO_MIN_BLOCKS = 15,
    INFO_SEED_BLOCK = 26,
    INFO_DUPLICATES = 31,
    INFO_POOL = 33,
    INFO_MIN_BOND = 34,
    INFO_CLIP = 35,
    INFO_ACC = 38,
    INFO_AGG_ROOT = 44,
    INFO_FIELDS = 50,
};

static bool round_info(struct rpc_call *call, struct fed_site *f, uint64_t id,
                       struct abi_value out[INFO_FIELDS])
{
    const struct abi_value arg = abi_u64(id);
    return fed_ask(
        call, f, FED_ROUNDS, "roundInfo(uint256)", &arg, 1,
        "(uint8,uint8,uint8,uint8,uint16,uint16,uint16,uint16,uint16,uint16,uint16,uint8,"
        "uint8,uint32,uint32,uint32,uint32,uint32,uint32,uint32,uint32,uint32,uint40,uint48,"
        "uint40,uint48,uint48,address,uint64,uint32,address,uint64,uint32,uint128,uint128,"
        "uint64,bytes32,bytes32,bytes32,bytes32,bytes32,uint256,uint256,uint256,"
        "bytes32,bytes32,bytes32,bytes32,uint64,bytes32)",
        out, INFO_FIELDS);
}

/// The round the first parameter names; `*found` false (and null written) if there is none.
static bool open_round(struct rpc_call *call, struct fed_site *f, struct view_round *r, bool *found)
{
    uint64_t id = 0;
    *found = false;
    if (!param_u64(call, 0, &id) || !fed_open(call, f)) return false;
    const err_t err = views_round(&f->views, r, id);
    *found = err_ok(err);
    if (*found) return true;
    fed_close(call, f);
    return fed_end(call, err);
}

static void put_round_short(struct json_writer *w, const struct view_round *r)
{
    jw_kv_qty(w, "number", r->id);
    jw_kv_hash(w, "family", &r->family);
    jw_kv_hash(w, "base", &r->base_version);
    jw_kv_str(w, "state", fed_round_state(r->state));
    jw_kv_address(w, "policy", &r->policy);
    jw_kv_qty(w, "participants", r->participants);
    jw_kv_qty(w, "revealed", r->revealed);
    jw_kv_qty(w, "accepted", (uint64_t)__builtin_popcountll(r->accepted));
    if (r->state == VIEW_ROUND_FAILED)
        jw_kv_str(w, "failure", fed_failure(r->failure));
    else
        jw_kv_null(w, "failure");
    if (hash_is_zero(&r->result_version))
        jw_kv_null(w, "result");
    else
        jw_kv_hash(w, "result", &r->result_version);
    jw_key(w, "opened");
    jw_open(w, '{');
    fed_put_at(w, &r->opened);
    jw_close(w, '}');
}

bool round_list(struct rpc_call *call)
{
    struct fed_list l;
    hash_t family;
    address_t who;
    const json_t *of = fed_member(call, 0, "family");
    const json_t *with = fed_member(call, 0, "participant");
    const char *state = json_string_value(fed_member(call, 0, "state"));
    if (of != NULL && !value_hash(call, of, "family", &family)) return false;
    if (with != NULL && !value_address(call, with, "participant", &who)) return false;
    struct fed_site f;
    if (!fed_open_list(call, &f, &l, 0, false)) return false;
    struct view_round *all = NULL;
    size_t count = 0;
    err_t err;
    fed_list_begin(call);
    do {
        err = views_rounds(&f.views, call->arena, &l.page, of != NULL ? &family : NULL, &all,
                           &count, &l.page.after);
        for (size_t i = 0; i < count && err_ok(err); i++) {
            if (state != NULL && strcmp(state, fed_round_state(all[i].state)) != 0) continue;
            if (with != NULL) {
                struct view_participant p;
                const err_t took_part = views_participant(&f.views, &p, all[i].id, &who);
                if (took_part.kind == ERR_NOT_FOUND) continue;
                err = took_part;
            }
            l.page.limit--;
            jw_open(&call->out, '{');
            put_round_short(&call->out, &all[i]);
            jw_close(&call->out, '}');
        }
    } while (err_ok(err) && fed_list_more(&l, count));
    fed_list_end(call, &f, &l);
    fed_close(call, &f);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

bool round_get(struct rpc_call *call)
{
    struct fed_site f;
    struct view_round r;
    bool found = false;
    if (!open_round(call, &f, &r, &found)) return false;
    if (!found) return true;
    struct abi_value info[INFO_FIELDS];
    struct abi_value deadline[3];
    const struct abi_value arg = abi_u64(r.id);
    bool ok = round_info(call, &f, r.id, info);
    const bool running = r.state < VIEW_ROUND_FINALISED;
    if (ok && running) {
        ok = fed_ask(call, &f, FED_ROUNDS, "deadlineOf(uint256)", &arg, 1, "(uint64,uint64,bool)",
                     deadline, 3);
    }
    if (ok) {
        struct json_writer *w = &call->out;
        jw_open(w, '{');
        put_round_short(w, &r);
        jw_kv_str(w, "mode", u256_is_zero(&info[INFO_MODE].number) ? "open" : "private");
        jw_kv_qty256(w, "numberInFamily", &info[INFO_NUMBER].number);
        jw_kv_qty256(w, "f", &info[INFO_F].number);
        jw_kv_qty(w, "n", r.participants);
        jw_kv_qty256(w, "nMin", &info[INFO_N_MIN].number);
        jw_kv_qty256(w, "nMax", &info[INFO_N_MAX].number);
        jw_kv_qty256(w, "wMax", &info[INFO_W_MAX].number);
        jw_kv_qty256(w, "clip", &info[INFO_CLIP].number);
        jw_kv_qty256(w, "minBlocks", &info[INFO_MIN_BLOCKS].number);
        jw_kv_qty256(w, "minBond", &info[INFO_MIN_BOND].number);
        jw_kv_qty256(w, "pool", &info[INFO_POOL].number);
        jw_key(w, "deadlines");
        jw_open(w, '{');
        jw_kv_qty(w, "commit", r.commit_deadline_s);
        if (running) {
            jw_key(w, fed_round_state(r.state));
            jw_open(w, '{');
            jw_kv_qty256(w, "time", &deadline[0].number);
            jw_kv_qty256(w, "block", &deadline[1].number);
            jw_kv_bool(w, "passed", !u256_is_zero(&deadline[2].number));
            jw_close(w, '}');
        }
        jw_close(w, '}');
        jw_key(w, "seeds");
        jw_open(w, '[');
        if (r.has_seed) jw_hash(w, &r.seed1);
        jw_close(w, ']');
        jw_kv_qty256(w, "seedBlock", &info[INFO_SEED_BLOCK].number);
        jw_kv_qty256(w, "rank", &info[INFO_RANK].number);
        if (r.has_aggregate) {
            jw_kv_address(w, "aggregator", &r.aggregator);
            jw_kv_hash(w, "aggregate", &r.agg_root);
        } else {
            jw_kv_null(w, "aggregator");
            jw_kv_null(w, "aggregate");
        }
        jw_kv_bool(w, "settled", r.settled);
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok;
}

bool round_get_timeline(struct rpc_call *call)
{
    uint64_t id = 0;
    struct fed_site f;
    struct fed_list l;
    if (!param_u64(call, 0, &id) || !fed_open_list(call, &f, &l, 1, true)) return false;
    const hash_t subject = view_id_of_round(id);
    const bool ok = fed_put_timeline(call, &f, &l, VIEW_OF_ROUND, &subject);
    fed_close(call, &f);
    return ok;
}

static void put_participant(struct json_writer *w, const struct view_participant *p)
{
    jw_open(w, '{');
    jw_kv_address(w, "participant", &p->who);
    jw_kv_qty(w, "index", p->index);
    jw_kv_hash(w, "digest", &p->digest);
    fed_put_at(w, &p->committed);
    jw_kv_str(w, "status", fed_status(p->status));
    if (p->refusal != 0)
        jw_kv_str(w, "reason", fed_refusal(p->refusal));
    else
        jw_kv_null(w, "reason");
    jw_kv_bool(w, "revealed", p->has_reveal);
    if (p->has_reveal) {
        jw_kv_hash(w, "updRoot", &p->upd_root);
        jw_kv_hash(w, "manifestHash", &p->manifest_hash);
        jw_kv_qty(w, "weight", p->weight);
        jw_kv_hash(w, "revealTx", &p->revealed.tx_hash);
    } else {
        jw_kv_null(w, "updRoot");
        jw_kv_null(w, "weight");
    }
    if (p->has_score) {
        jw_key(w, "score");
        jw_dec256(w, &p->score);
    } else {
        jw_kv_null(w, "score");
    }
    jw_kv_qty256(w, "slashed", &p->slashed);
    jw_kv_qty256(w, "reward", &p->reward);
    jw_kv_qty256(w, "claimed", &p->claimed);
    jw_close(w, '}');
}

bool round_get_commits(struct rpc_call *call)
{
    uint64_t id = 0;
    struct fed_site f;
    struct fed_list l;
    struct view_round r;
    if (!param_u64(call, 0, &id) || !fed_open_list(call, &f, &l, 1, true)) return false;
    struct view_participant *list = NULL;
    size_t count = 0; // at most 40
    struct fed_slice slice = {0};
    err_t err = views_round(&f.views, &r, id);
    if (err_ok(err)) err = views_participants(&f.views, call->arena, &list, &count, r.id);
    bool ok = err_ok(err) ? fed_slice(call, &l, &slice, count) : fed_end(call, err);
    if (ok && err_ok(err)) {
        fed_list_begin(call);
        for (size_t i = 0; i < slice.shown; i++) {
            put_participant(&call->out, &list[fed_slice_at(&l, &slice, i)]);
        }
        fed_list_end(call, &f, &l);
    }
    fed_close(call, &f);
    return ok;
}

bool round_get_selection(struct rpc_call *call)
{
    struct fed_site f;
    struct view_round r;
    bool found = false;
    if (!open_round(call, &f, &r, &found)) return false;
    if (!found) return true;
    if (!r.has_selection) {
        jw_null(&call->out);
        fed_close(call, &f);
        return true;
    }
    struct abi_value inputs;
    struct abi_value weights;
    struct view_participant *list = NULL;
    size_t count = 0;
    const struct abi_value arg = abi_u64(r.id);
    bool ok = fed_ask(call, &f, FED_ROUNDS, "selectionInputs(uint256)", &arg, 1, "(address[])",
                      &inputs, 1) &&
              fed_ask(call, &f, FED_ROUNDS, "effectiveWeights(uint256)", &arg, 1, "(uint32[])",
                      &weights, 1);
    const err_t err = ok ? views_participants(&f.views, call->arena, &list, &count, r.id) : OK;
    if (ok && err_ok(err)) {
        struct json_writer *w = &call->out;
        jw_open(w, '{');
        jw_kv_address(w, "policy", &r.policy);
        jw_kv_hash(w, "seed", &r.seed1);
        jw_key(w, "inputs");
        fed_put_value(
            w,
            &(struct abi_type){.kind = ABI_LIST, .fields = &(struct abi_type){.kind = ABI_ADDRESS}},
            &inputs);
        jw_key(w, "accepted");
        jw_open(w, '[');
        for (size_t i = 0; i < count; i++) {
            if (i < 64 && (r.accepted >> i & 1) != 0) jw_address(w, &list[i].who);
        }
        jw_close(w, ']');
        jw_key(w, "effectiveWeights");
        fed_put_value(
            w, &(struct abi_type){.kind = ABI_LIST, .fields = &(struct abi_type){.kind = ABI_UINT}},
            &weights);
        jw_key(w, "scores");
        jw_open(w, '[');
        for (size_t i = 0; i < count; i++) {
            if (list[i].has_score)
                jw_dec256(w, &list[i].score);
            else
                jw_null(w);
        }
        jw_close(w, ']');
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok && (err_ok(err) || rpc_fail_err(call, err));
}

bool round_get_aggregate(struct rpc_call *call)
{
    struct fed_site f;
    struct view_round r;
    bool found = false;
    if (!open_round(call, &f, &r, &found)) return false;
    if (!found) return true;
    struct abi_value info[INFO_FIELDS];
    const bool ok = round_info(call, &f, r.id, info);
    struct json_writer *w = &call->out;
    if (ok && !r.has_aggregate) {
        jw_null(w);
    } else if (ok) {
        static const char *const names[] = {"aggRoot", "aggSha256", "newModelRoot", "fileSha256"};
        jw_open(w, '{');
        jw_kv_qty256(w, "rank", &info[INFO_RANK].number);
        jw_kv_address(w, "aggregator", &r.aggregator);
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            jw_kv_data(w, names[i], info[INFO_AGG_ROOT + i].bytes);
        jw_kv_qty256(w, "size", &info[INFO_AGG_ROOT + 4].number);
        jw_kv_data(w, "cardHash", info[INFO_AGG_ROOT + 5].bytes);
        jw_kv_qty(w, "totalWeight", r.total_weight);
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok;
}

static void put_metrics(struct json_writer *w, const struct view_round *r)
{
    const uint64_t accepted = (uint64_t)__builtin_popcountll(r->accepted);
    jw_open(w, '{');
    jw_kv_qty(w, "round", r->id);
    jw_kv_qty(w, "time", r->state_since.time_s);
    jw_kv_str(w, "state", fed_round_state(r->state));
    jw_kv_qty(w, "participants", r->participants);
    jw_kv_qty(w, "accepted", accepted);
    jw_kv_qty(w, "refused", r->revealed > accepted ? r->revealed - accepted : 0);
    jw_kv_qty(w, "totalWeight", r->total_weight);
    jw_kv_qty(w, "seconds", r->state_since.time_s - r->opened.time_s);
    jw_close(w, '}');
}

bool round_get_metrics(struct rpc_call *call)
{
    struct fed_list l;
    hash_t family;
    const json_t *of = fed_member(call, 0, "family");
    if (of != NULL && !value_hash(call, of, "family", &family)) return false;
    struct fed_site f;
    if (!fed_open_list(call, &f, &l, 0, false)) return false;
    struct view_round *all = NULL;
    size_t count = 0;
    err_t err;
    fed_list_begin(call);
    do {
        err = views_rounds(&f.views, call->arena, &l.page, of != NULL ? &family : NULL, &all,
                           &count, &l.page.after);
        for (size_t i = 0; i < count && err_ok(err); i++) {
            if (all[i].state < VIEW_ROUND_FINALISED) continue;
            l.page.limit--;
            put_metrics(&call->out, &all[i]);
        }
    } while (err_ok(err) && fed_list_more(&l, count));
    fed_list_end(call, &f, &l);
    fed_close(call, &f);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}
