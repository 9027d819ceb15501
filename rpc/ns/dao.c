// SPDX-License-Identifier: Apache-2.0
/// dao_: proposals, votes, power (interfaces.md 4.6).

#include "chain/base/hex.h"
#include "chain/fed/calls.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/fed.h"
#include "rpc/ns/handlers.h"

bool dao_get_params(struct rpc_call *call)
{
    static const struct {
        const char *name;
        enum fed_contract contract;
        const char *signature;
    } rows[] = {
        {"votingDelay", FED_CAIRN_GOVERNOR, "votingDelay()"},
        {"votingPeriod", FED_CAIRN_GOVERNOR, "votingPeriod()"},
        {"threshold", FED_CAIRN_GOVERNOR, "proposalThreshold()"},
        {"quorumNumerator", FED_CAIRN_GOVERNOR, "quorumNumerator()"},
        {"quorumDenominator", FED_CAIRN_GOVERNOR, "quorumDenominator()"},
        {"capPpm", FED_CAIRN_GOVERNOR, "capPpm()"},
        {"lateQuorumExtension", FED_CAIRN_GOVERNOR, "lateQuorumVoteExtension()"},
        {"timelockDelay", FED_TIMELOCK_CONTROLLER, "getMinDelay()"},
    };
    u256_t values[ARRAY_LEN(rows)];
    struct fed_site f;
    if (!fed_open(call, &f)) return false;
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(rows) && ok; i++) {
        ok = fed_ask_number(call, &f, rows[i].contract, rows[i].signature, NULL, 0, &values[i]);
    }
    if (ok) {
        struct json_writer *w = &call->out;
        jw_open(w, '{');
        jw_kv_address(w, "governor", &fed_contract_address[FED_CAIRN_GOVERNOR]);
        jw_kv_address(w, "timelock", &fed_contract_address[FED_TIMELOCK_CONTROLLER]);
        jw_kv_address(w, "token", &fed_contract_address[FED_CAIRN_TOKEN]);
        jw_kv_str(w, "clock", "blocknumber");
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) jw_kv_qty256(w, rows[i].name, &values[i]);
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok;
}

// ---- one proposal -------------------------------------------------------------------------

/// What ProposalCreated said.
struct proposal_text {
    struct abi_value field[9]; ///< in the order of the event
};
enum { P_TARGETS = 2, P_VALUES = 3, P_CALLDATAS = 5, P_DESCRIPTION = 8 };

static bool read_created(struct rpc_call *call, const struct view_proposal *p,
                         struct proposal_text *out)
{
    const err_t err =
        abi_read(out->field, ARRAY_LEN(out->field), call->arena,
                 "(uint256,address,address[],uint256[],string[],bytes[],uint256,uint256,string)",
                 p->created_data);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

/// The first line of a description, without Markdown's marks for headings.
static bytes_t title_of(bytes_t description)
{
    while (description.len > 0 && (description.data[0] == '#' || description.data[0] == ' ')) {
        description = bytes_make(description.data + 1, description.len - 1);
    }
    const uint8_t *end =
        description.len == 0 ? NULL : memchr(description.data, '\n', description.len);
    if (end != NULL) description.len = (size_t)(end - description.data);
    return description;
}

/// A call of the proposal in words, where the system contracts know it.
static void put_action(struct rpc_call *call, const struct abi_value *target,
                       const struct abi_value *value, const struct abi_value *data)
{
    struct json_writer *w = &call->out;
    const char *contract = NULL;
    const struct fed_item *item = NULL;
    for (size_t i = 0; i < FED_CONTRACTS; i++) {
        if (!address_eq(&fed_contract_address[i], &target->address)) continue;
        contract = fed_contract_name[i];
        if (data->bytes.len < 4) continue;
        const uint8_t *d = data->bytes.data;
        const uint32_t selector =
            (uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3];
        item = fed_function_of((enum fed_contract)i, selector);
    }
    jw_open(w, '{');
    jw_kv_address(w, "to", &target->address);
    if (contract != NULL)
        jw_kv_str(w, "name", contract);
    else
        jw_kv_null(w, "name");
    struct abi_signature sig;
    struct abi_value values[16];
    const bool decodes = item != NULL &&
                         err_ok(abi_signature_parse(&sig, call->arena, bytes_of_str(item->decl))) &&
                         sig.inputs.count <= ARRAY_LEN(values) &&
                         err_ok(abi_decode(values, call->arena, &sig.inputs,
                                           bytes_make(data->bytes.data + 4, data->bytes.len - 4)));
    if (decodes) {
        const struct abi_value all = abi_list(values, sig.inputs.count);
        jw_kv_str(w, "function", item->signature);
        jw_key(w, "args");
        fed_put_value(w, &sig.inputs, &all);
    } else {
        jw_kv_null(w, "function");
        jw_kv_null(w, "args");
    }
    jw_kv_qty256(w, "value", &value->number);
    jw_kv_data(w, "data", data->bytes);
    jw_close(w, '}');
}

/// What has to happen next, and who may do it: a passed proposal does nothing by itself.
static void put_next_step(struct json_writer *w, const char *state, const struct view_proposal *p)
{
    jw_key(w, "nextStep");
    const bool pending = strcmp(state, "pending") == 0;
    if (pending || strcmp(state, "active") == 0) {
        jw_open(w, '{');
        jw_kv_str(w, "action", "vote");
        jw_kv_str(w, "who", "members");
        jw_kv_qty(w, "from", p->vote_start + 1);
        jw_kv_qty(w, "until", p->vote_end);
        jw_close(w, '}');
    } else if (strcmp(state, "succeeded") == 0) {
        jw_open(w, '{');
        jw_kv_str(w, "action", "queue");
        jw_kv_str(w, "who", "anyone");
        jw_kv_null(w, "from");
        jw_kv_null(w, "until");
        jw_close(w, '}');
    } else if (strcmp(state, "queued") == 0) {
        jw_open(w, '{');
        jw_kv_str(w, "action", "execute");
        jw_kv_str(w, "who", "anyone");
        jw_kv_qty(w, "from", p->eta_s);
        jw_kv_null(w, "until");
        jw_close(w, '}');
    } else {
        jw_null(w);
    }
}

static bool proposal_state(struct rpc_call *call, struct fed_site *f, const struct view_proposal *p,
                           const char **out)
{
    u256_t state;
    const struct abi_value id = abi_u256(&p->id);
    if (!fed_ask_number(call, f, FED_CAIRN_GOVERNOR, "state(uint256)", &id, 1, &state))
        return false;
    *out = fed_proposal_state(state.limb[0]);
    return true;
}

static void put_head(struct json_writer *w, const struct view_proposal *p, bytes_t title,
                     const char *state)
{
    const hash_t id = u256_to_hash(&p->id);
    jw_kv_hash(w, "id", &id);
    jw_key(w, "title");
    jw_str_len(w, bytes_make(title.data, title.len > 256 ? 256 : title.len));
    jw_kv_address(w, "proposer", &p->proposer);
    jw_kv_str(w, "state", state);
    jw_kv_qty(w, "snapshot", p->vote_start);
    jw_kv_qty(w, "deadline", p->vote_end);
    if (p->queued)
        jw_kv_qty(w, "eta", p->eta_s);
    else
        jw_kv_null(w, "eta");
    jw_key(w, "created");
    jw_open(w, '{');
    fed_put_at(w, &p->created);
    jw_close(w, '}');
}

static bool put_tally(struct rpc_call *call, struct fed_site *f, const struct view_proposal *p)
{
    struct json_writer *w = &call->out;
    u256_t quorum = u256_from_u64(0);
    u256_t supply = u256_from_u64(0);
    const struct abi_value at = abi_u64(p->vote_start);
    const bool past = p->vote_start < f->views.at;
    if (past && (!fed_ask_number(call, f, FED_CAIRN_GOVERNOR, "quorum(uint256)", &at, 1, &quorum) ||
                 !fed_ask_number(call, f, FED_CAIRN_TOKEN, "getPastTotalSupply(uint256)", &at, 1,
                                 &supply))) {
        return false;
    }
    u256_t counted;
    (void)u256_add(&counted, &p->votes_for, &p->votes_abstain);
    jw_key(w, "tally");
    jw_open(w, '{');
    jw_kv_qty256(w, "for", &p->votes_for);
    jw_kv_qty256(w, "against", &p->votes_against);
    jw_kv_qty256(w, "abstain", &p->votes_abstain);
    jw_kv_qty(w, "voters", p->voters);
    if (past) {
        jw_kv_qty256(w, "quorum", &quorum);
        jw_kv_bool(w, "quorumReached", !u256_lt(&counted, &quorum));
        jw_kv_qty256(w, "totalPower", &supply);
    } else { // known once voting begins
        jw_kv_null(w, "quorum");
        jw_kv_bool(w, "quorumReached", false);
        jw_kv_null(w, "totalPower");
    }
    jw_close(w, '}');
    return true;
}

static bool put_proposal(struct rpc_call *call, struct fed_site *f, struct fed_list *l,
                         const struct view_proposal *p)
{
    struct proposal_text text;
    const char *state = NULL;
    if (!read_created(call, p, &text) || !proposal_state(call, f, p, &state)) return false;
    struct json_writer *w = &call->out;
    const bytes_t description = text.field[P_DESCRIPTION].bytes;
    jw_open(w, '{');
    put_head(w, p, title_of(description), state);
    jw_key(w, "description");
    jw_str_len(w, description);
    put_next_step(w, state, p);
    if (!put_tally(call, f, p)) return false;
    jw_key(w, "actions");
    jw_open(w, '[');
    for (size_t i = 0;
         i < text.field[P_TARGETS].list.count && i < text.field[P_VALUES].list.count &&
         i < text.field[P_CALLDATAS].list.count;
         i++) {
        put_action(call, &text.field[P_TARGETS].list.items[i], &text.field[P_VALUES].list.items[i],
                   &text.field[P_CALLDATAS].list.items[i]);
    }
    jw_close(w, ']');
    jw_key(w, "timeline");
    const hash_t id = u256_to_hash(&p->id);
    if (!fed_put_timeline(call, f, l, VIEW_OF_PROPOSAL, &id)) return false;
    jw_close(w, '}');
    return true;
}

bool fed_find_proposal(struct rpc_call *call, struct fed_site *f, struct view_proposal *out,
                       bool *found)
{
    static const char want[] = "a proposal's id, or 6 or more of its digits";
    const json_t *v = param_at(call, 0);
    const char *text = json_string_value(v);
    *found = false;
    if (text == NULL || strlen(text) > 80) return rpc_fail_param(call, "id", want, v);
    err_t err;
    if (strncmp(text, "0x", 2) == 0) {
        const size_t digits = strlen(text + 2);
        uint8_t raw[33] = {0};
        char even[68];
        if (digits < 6 || digits > 64) return rpc_fail_param(call, "id", want, v);
        (void)snprintf(even, sizeof even, "%s%s", text + 2, digits % 2 != 0 ? "0" : "");
        size_t len = 0;
        if (!err_ok(hex_decode(raw, sizeof raw, &len, bytes_of_str(even)))) {
            return rpc_fail_param(call, "id", want, v);
        }
        err = views_proposal_by_prefix(&f->views, out, bytes_make(raw, len), digits);
        if (err.kind == ERR_INVALID) {
            return rpc_fail(call, RPC_AMBIGUOUS, "ambiguous: several ids begin like this");
        }
    } else {
        u256_t id;
        if (!err_ok(u256_parse(&id, bytes_of_str(text))))
            return rpc_fail_param(call, "id", want, v);
        err = views_proposal(&f->views, out, &id);
    }
    *found = err_ok(err);
    return err_ok(err) || err.kind == ERR_NOT_FOUND ? true : rpc_fail_err(call, err);
}

bool dao_get_proposal(struct rpc_call *call)
{
    struct fed_site f;
    struct fed_list l;
    struct view_proposal p;
    bool found = false;
    if (!fed_open_list(call, &f, &l, 1, true)) return false;
    bool ok = fed_find_proposal(call, &f, &p, &found);
    if (ok && found)
        ok = put_proposal(call, &f, &l, &p);
    else if (ok)
        jw_null(&call->out);
    fed_close(call, &f);
    return ok;
}

bool dao_list_proposals(struct rpc_call *call)
{
    struct fed_list l;
    address_t proposer;
    const char *only = json_string_value(fed_member(call, 0, "state"));
    const json_t *by = fed_member(call, 0, "proposer");
    if (by != NULL && !value_address(call, by, "proposer", &proposer)) return false;
    struct fed_site f;
    if (!fed_open_list(call, &f, &l, 0, false)) return false;
    struct view_proposal *all = NULL;
    size_t count = 0;
    bool ok = true;
    fed_list_begin(call);
    do {
        const err_t err =
            views_proposals(&f.views, call->arena, &l.page, &all, &count, &l.page.after);
        ok = err_ok(err) ? true : rpc_fail_err(call, err);
        for (size_t i = 0; i < count && ok; i++) {
            struct proposal_text text;
            const char *state = NULL;
            if (by != NULL && !address_eq(&all[i].proposer, &proposer)) continue;
            ok = read_created(call, &all[i], &text) && proposal_state(call, &f, &all[i], &state);
            if (!ok || (only != NULL && strcmp(only, state) != 0)) continue;
            l.page.limit--;
            jw_open(&call->out, '{');
            put_head(&call->out, &all[i], title_of(text.field[P_DESCRIPTION].bytes), state);
            put_next_step(&call->out, state, &all[i]);
            jw_close(&call->out, '}');
        }
    } while (ok && fed_list_more(&l, count));
    fed_list_end(call, &f, &l);
    fed_close(call, &f);
    return ok;
}

static const char *const support_words[] = {"against", "for", "abstain"};

static const char *support_word(uint8_t support)
{
    return support < ARRAY_LEN(support_words) ? support_words[support] : "unknown";
}

static void put_vote(struct json_writer *w, const struct view_vote *v)
{
    jw_open(w, '{');
    jw_kv_address(w, "voter", &v->voter);
    jw_kv_str(w, "support", support_word(v->support));
    jw_kv_qty256(w, "weight", &v->weight);
    jw_key(w, "reason");
    jw_str_len(w, bytes_make(v->reason.data, v->reason.len > 1024 ? 1024 : v->reason.len));
    fed_put_at(w, &v->at);
    jw_close(w, '}');
}

bool dao_get_votes(struct rpc_call *call)
{
    struct fed_list l;
    struct fed_site f;
    struct view_proposal p;
    bool found = false;
    const char *only = json_string_value(fed_member(call, 1, "support"));
    if (!fed_open_list(call, &f, &l, 1, false)) return false;
    bool ok = fed_find_proposal(call, &f, &p, &found);
    if (ok && !found) jw_null(&call->out);
    if (ok && found) {
        struct view_vote *all = NULL;
        size_t count = 0;
        err_t err;
        fed_list_begin(call);
        do {
            err = views_votes(&f.views, call->arena, &l.page, &p.id, &all, &count, &l.page.after);
            for (size_t i = 0; i < count && err_ok(err); i++) {
                if (only != NULL && strcmp(only, support_word(all[i].support)) != 0) continue;
                l.page.limit--;
                put_vote(&call->out, &all[i]);
            }
        } while (err_ok(err) && fed_list_more(&l, count));
        fed_list_end(call, &f, &l);
        ok = err_ok(err) || rpc_fail_err(call, err);
    }
    fed_close(call, &f);
    return ok;
}

bool dao_get_power(struct rpc_call *call)
{
    address_t who;
    struct fed_site f;
    if (!param_address(call, 0, &who) || !fed_open(call, &f)) return false;
    const uint64_t at = f.views.at;
    const struct abi_value account = abi_address(&who);
    const struct abi_value past[] = {account, abi_u64(at)};
    struct abi_value delegate;
    u256_t tokens;
    u256_t votes = u256_from_u64(0);
    u256_t reputation;
    u256_t cap;
    bool ok =
        fed_ask(call, &f, FED_CAIRN_TOKEN, "delegates(address)", &account, 1, "(address)",
                &delegate, 1) &&
        fed_ask_number(call, &f, FED_CAIRN_TOKEN, "getVotes(address)", &account, 1, &tokens) &&
        fed_ask_number(call, &f, FED_REPUTATION, "reputation(address)", &account, 1, &reputation) &&
        fed_ask_number(call, &f, FED_CAIRN_GOVERNOR, "capPpm()", NULL, 0, &cap);
    if (ok) {
        // Power at a block counts once it is over: asked as of the next one.
        f.site.block.number++;
        ok = fed_ask_number(call, &f, FED_CAIRN_GOVERNOR, "getVotes(address,uint256)", past, 2,
                            &votes);
    }
    address_t *delegators = NULL;
    size_t count = 0;
    const err_t err = ok ? views_delegators(&f.views, call->arena, &delegators, &count, &who) : OK;
    if (ok && err_ok(err)) {
        struct json_writer *w = &call->out;
        jw_open(w, '{');
        jw_kv_qty256(w, "votes", &votes);
        jw_kv_qty256(w, "tokens", &tokens);
        jw_kv_qty(w, "atBlock", at);
        jw_key(w, "delegatedFrom");
        jw_open(w, '[');
        for (size_t i = 0; i < count; i++) jw_address(w, &delegators[i]);
        jw_close(w, ']');
        jw_kv_address(w, "delegate", &delegate.address);
        jw_kv_qty256(w, "reputationPpm", &reputation);
        jw_kv_qty256(w, "capPpm", &cap);
        jw_kv_str(w, "formula", "min(tokens, cap of supply) * (500000 + reputation / 2) / 1000000");
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok && (err_ok(err) || rpc_fail_err(call, err));
}
