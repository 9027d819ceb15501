// SPDX-License-Identifier: Apache-2.0
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "wallet/account.h"
#include "wallet/client.h"
#include "wallet/known.h"
#include "wallet/out.h"
#include "wallet/pace.h"
#include "wallet/profile.h"
#include "wallet/proposal.h"
#include "wallet/revert.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdlib.h>

#define PROPOSAL_MAX_BYTES ((size_t)1 << 20)

// ---- propose ----------------------------------------------------------------------------------

/// Replaces names of system contracts by their addresses, everywhere in a value.
static void replace_names(json_t *v)
{
    size_t i;
    json_t *item;
    const char *key;
    address_t a;
    if (json_is_array(v)) {
        json_array_foreach(v, i, item)
        {
            if (json_is_string(item) && known_address(&a, json_string_value(item)))
                (void)json_array_set_new(v, i, json_address(&a));
            else
                replace_names(item);
        }
    } else if (json_is_object(v)) {
        json_object_foreach(v, key, item)
        {
            if (json_is_string(item) && known_address(&a, json_string_value(item)))
                (void)json_object_set_new(v, key, json_address(&a));
            else
                replace_names(item);
        }
    }
}

/// One action of the file: target, value and call data; then what it would do is tried as
/// the timelock.
static enum exit_code add_action(struct ctx *ctx, json_t *lists, json_t *action, size_t number)
{
    const char *to_text = json_string_value(json_object_get(action, "to"));
    const char *function = json_string_value(json_object_get(action, "function"));
    json_t *args = json_object_get(action, "args");
    const char *value = json_string_value(json_object_get(action, "value"));
    address_t to;
    if (to_text == NULL || function == NULL || (args != NULL && !json_is_array(args)))
        return fail(ctx, EXIT_USAGE, NULL,
                    "action %zu needs \"to\", \"function\" and an array \"args\"", number);
    if (!known_address(&to, to_text)) STEP(account_resolve(ctx, &to, to_text));
    const char *signature =
        strchr(function, '(') != NULL ? function : known_function(&to, function);
    if (signature == NULL)
        return fail(ctx, EXIT_USAGE, "write a whole signature, f(uint256)",
                    "action %zu: no function `%s` is known at %s", number, function, to_text);
    u256_t wei = u256_from_u64(0);
    if (value != NULL && !err_ok(text_parse_amount(&wei, value)))
        return fail(ctx, EXIT_USAGE, NULL, "action %zu: `%s` is no amount", number, value);

    replace_names(args);
    uint8_t *data;
    size_t len;
    STEP(contract_encode(ctx, &data, &len, signature, args));
    json_t *hex = json_hex(bytes_make(data, len));
    free(data);

    // Would it work if the DAO did it now?
    json_t *call =
        json_pack("{sososO}", "from", json_address(&fed_contract_address[FED_TIMELOCK_CONTROLLER]),
                  "to", json_address(&to), "data", hex);
    json_t *answer;
    struct rpc_error error;
    const enum exit_code asked =
        client_try(ctx, &answer, &error, "eth_call", json_pack("[os]", call, BLOCK_LATEST));
    json_decref(answer);
    if (asked == EXIT_DONE && !error.is) {
        (void)json_array_append_new(json_object_get(lists, "targets"), json_address(&to));
        (void)json_array_append_new(json_object_get(lists, "values"), json_u256(&wei));
        (void)json_array_append_new(json_object_get(lists, "calldatas"), hex);
        return EXIT_DONE;
    }
    json_decref(hex);
    STEP(asked);
    struct revert_reason r;
    json_t *data_json = error.data_hex != NULL ? json_string(error.data_hex) : NULL;
    uint8_t *reason = json_data(&len, data_json);
    json_decref(data_json);
    revert_decode(&r, bytes_make(reason, reason != NULL ? len : 0));
    const enum exit_code code =
        fail(ctx, EXIT_SIMULATION, NULL, "action %zu would fail even if the DAO did it: %s", number,
             reason != NULL ? r.text : error.message);
    json_decref(r.args);
    free(reason);
    rpc_error_clear(&error);
    return code;
}

/// Reads the file and fills targets, values, calldatas, description.
static enum exit_code read_proposal(struct ctx *ctx, json_t *lists, const char *path)
{
    char *text;
    size_t len;
    const err_t err = file_read(&text, &len, path, PROPOSAL_MAX_BYTES);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, path, err);
    json_error_t why;
    json_t *file = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    free(text);
    if (!json_is_object(file)) {
        json_decref(file);
        return fail(ctx, EXIT_USAGE, "cairn dao propose --help shows one", "%s, line %d: %s", path,
                    why.line, why.text);
    }
    const char *title = json_string_value(json_object_get(file, "title"));
    const char *description = json_string_value(json_object_get(file, "description"));
    const json_t *actions = json_object_get(file, "actions");
    enum exit_code code = EXIT_DONE;
    if (title == NULL || json_array_size(actions) == 0)
        code = fail(ctx, EXIT_USAGE, "cairn dao propose --help shows one",
                    "%s needs a \"title\" and at least one of \"actions\"", path);
    size_t i;
    json_t *action;
    if (code == EXIT_DONE) {
        (void)json_object_set_new(lists, "description",
                                  json_sprintf("%s%s%s", title, description != NULL ? "\n\n" : "",
                                               description != NULL ? description : ""));
        json_array_foreach(actions, i, action)
        {
            code = add_action(ctx, lists, action, i + 1);
            if (code != EXIT_DONE) break;
        }
    }
    json_decref(file);
    return code;
}

enum exit_code cmd_dao_propose(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    json_t *lists = json_pack("{s[]s[]s[]}", "targets", "values", "calldatas");
    const enum exit_code code = read_proposal(ctx, lists, a->pos[0]);
    if (code != EXIT_DONE) {
        json_decref(lists);
        return code;
    }
    json_t *values =
        json_pack("[OOOO]", json_object_get(lists, "targets"), json_object_get(lists, "values"),
                  json_object_get(lists, "calldatas"), json_object_get(lists, "description"));
    char what[160];
    (void)snprintf(what, sizeof what, "Propose %zu action(s) to the DAO",
                   json_array_size(json_object_get(lists, "targets")));
    json_decref(lists);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_CAIRN_GOVERNOR, "propose", values, what));
    if (!sent.included) return EXIT_DONE;
    json_t *logs = known_receipt_logs(&sent, FED_CAIRN_GOVERNOR, "ProposalCreated");
    json_t *p = json_object_get(json_array_get(logs, 0), "args");
    char id[16];
    proposal_short_id(id, p);
    out_line(ctx, "proposal %s.. (%s)", id, json_string_value(json_object_get(p, "proposalId")));
    out_line(ctx, "votes count from block %s to block %s",
             json_string_value(json_object_get(p, "voteStart")),
             json_string_value(json_object_get(p, "voteEnd")));
    result_set(ctx, "result",
               json_pack("{sOsOsO}", "proposal", json_object_get(p, "proposalId"), "voteStart",
                         json_object_get(p, "voteStart"), "voteEnd",
                         json_object_get(p, "voteEnd")));
    json_decref(logs);
    sent_deinit(&sent);
    return EXIT_DONE;
}

// ---- queue, execute, cancel -----------------------------------------------------------------------

/// queue, execute and cancel take the whole proposal again.
static enum exit_code resend(struct ctx *ctx, const char *text, const char *function,
                             const char *verb)
{
    STEP(profile_check_chain(ctx));
    json_t *p;
    STEP(proposal_find(ctx, &p, text));
    const char *description = json_string_value(json_object_get(p, "description"));
    const hash_t h =
        keccak256(bytes_make(description, json_string_length(json_object_get(p, "description"))));
    char id[16];
    proposal_short_id(id, p);
    char what[96];
    (void)snprintf(what, sizeof what, "%s proposal %s..", verb, id);
    json_t *values =
        json_pack("[OOOo]", json_object_get(p, "targets"), json_object_get(p, "values"),
                  json_object_get(p, "calldatas"), json_hash(&h));
    struct sent sent;
    enum exit_code code = known_write(ctx, &sent, FED_CAIRN_GOVERNOR, function, values, what);
    uint64_t state = 0;
    if (code == EXIT_DONE && sent.included)
        code = known_u64(ctx, &state, FED_CAIRN_GOVERNOR, "state", proposal_id(p));
    if (code == EXIT_DONE && sent.included) {
        out_line(ctx, "proposal %s.. is %s", id, proposal_state_name(state));
        result_set(ctx, "result",
                   json_pack("{sOss}", "proposal", json_object_get(p, "proposalId"), "state",
                             proposal_state_name(state)));
        sent_deinit(&sent);
    }
    json_decref(p);
    return code;
}

enum exit_code cmd_dao_queue(struct ctx *ctx, const struct args *a)
{
    return resend(ctx, a->pos[0], "queue", "Queue");
}

enum exit_code cmd_dao_execute(struct ctx *ctx, const struct args *a)
{
    return resend(ctx, a->pos[0], "execute", "Execute");
}

enum exit_code cmd_dao_cancel(struct ctx *ctx, const struct args *a)
{
    return resend(ctx, a->pos[0], "cancel", "Cancel");
}

// ---- show, list -----------------------------------------------------------------------------------

/// The next step of a proposal: what, who may take it, in words.
struct step {
    const char *action; ///< NULL: nothing is left to do
    const char *who;
    const char *text;
};

static struct step next_step(uint64_t state)
{
    switch ((enum proposal_state)state) {
    case PROPOSAL_PENDING:
        return (struct step){"vote", "members", "votes do not count yet"};
    case PROPOSAL_ACTIVE:
        return (struct step){"vote", "members", "cairn dao vote ID for|against|abstain"};
    case PROPOSAL_SUCCEEDED:
        return (struct step){"queue", "anyone", "cairn dao queue ID"};
    case PROPOSAL_QUEUED:
        return (struct step){"execute", "anyone",
                             "cairn dao execute ID, once the timelock is over"};
    case PROPOSAL_CANCELED:
    case PROPOSAL_DEFEATED:
    case PROPOSAL_EXPIRED:
    case PROPOSAL_EXECUTED:
        return (struct step){NULL, NULL, "none"};
    }
    return (struct step){NULL, NULL, "unknown"};
}

/// {action, who, from, until, text}, as the node's dao_getProposal has it: blocks while it is
/// voted on, the timelock's second once it is queued; null if nothing is left.
static json_t *next_step_json(const json_t *p, uint64_t state, uint64_t eta)
{
    const struct step step = next_step(state);
    if (step.action == NULL) return json_null();
    json_t *from = NULL;
    json_t *until = NULL;
    if (state == PROPOSAL_PENDING || state == PROPOSAL_ACTIVE) {
        from = json_u64(json_get_u64(json_object_get(p, "voteStart")) + 1);
        until = json_incref(json_object_get(p, "voteEnd"));
    } else if (state == PROPOSAL_QUEUED) {
        from = json_u64(eta);
    }
    return json_pack("{sssssososs}", "action", step.action, "who", step.who, "from",
                     from != NULL ? from : json_null(), "until",
                     until != NULL ? until : json_null(), "text", step.text);
}

static void show_actions(struct ctx *ctx, const json_t *p)
{
    json_t *actions = json_array();
    const json_t *targets = json_object_get(p, "targets");
    const json_t *datas = json_object_get(p, "calldatas");
    for (size_t i = 0; i < json_array_size(targets); i++) {
        address_t to;
        size_t len = 0;
        uint8_t *data = json_data(&len, json_array_get(datas, i));
        json_t *call = NULL;
        const char *text = json_string_value(json_array_get(targets, i));
        if (data != NULL && text != NULL && err_ok(text_parse_address(&to, text)))
            call = known_call(&to, bytes_make(data, len));
        if (call != NULL)
            known_print_call(ctx, call);
        else
            out_field(ctx, "call", "%s, %zu bytes", text != NULL ? text : "?", len);
        json_t *row = json_object();
        (void)json_object_set(row, "to", json_array_get(targets, i));
        (void)json_object_set(row, "data", json_array_get(datas, i));
        (void)json_object_set_new(row, "call", call != NULL ? call : json_null());
        (void)json_array_append_new(actions, row);
        free(data);
    }
    result_set(ctx, "actions", actions);
}

/// Votes cast so far against the quorum.
static enum exit_code show_tally(struct ctx *ctx, const json_t *p, uint64_t head)
{
    json_t *v;
    STEP(known_view(ctx, &v, FED_CAIRN_GOVERNOR, "proposalVotes", proposal_id(p)));
    const u256_t against = json_get_u256(json_array_get(v, 0));
    const u256_t in_favour = json_get_u256(json_array_get(v, 1));
    const u256_t abstain = json_get_u256(json_array_get(v, 2));
    json_decref(v);
    json_t *tally = json_object();
    (void)json_object_set_new(tally, "for", json_u256(&in_favour));
    (void)json_object_set_new(tally, "against", json_u256(&against));
    (void)json_object_set_new(tally, "abstain", json_u256(&abstain));
    out_field(ctx, "for", "%s", text_amount(&in_favour, 6).s);
    out_field(ctx, "against", "%s", text_amount(&against, 6).s);
    out_field(ctx, "abstain", "%s", text_amount(&abstain, 6).s);
    // The quorum is a share of the votes at the snapshot, which may not exist yet.
    if (head > json_get_u64(json_object_get(p, "voteStart"))) {
        u256_t quorum;
        STEP(known_u256(ctx, &quorum, FED_CAIRN_GOVERNOR, "quorum",
                        json_pack("[O]", json_object_get(p, "voteStart"))));
        u256_t sum;
        const bool reached =
            u256_add_checked(&sum, &in_favour, &abstain) && !u256_lt(&sum, &quorum);
        (void)json_object_set_new(tally, "quorum", json_u256(&quorum));
        (void)json_object_set_new(tally, "quorumReached", json_boolean(reached));
        out_field(ctx, "quorum", "%s, %s", text_amount(&quorum, 6).s,
                  reached ? "reached" : "not reached");
    }
    result_set(ctx, "tally", tally);
    return EXIT_DONE;
}

enum exit_code cmd_dao_show(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    json_t *p;
    STEP(proposal_find(ctx, &p, a->pos[0]));
    uint64_t state;
    uint64_t eta;
    uint64_t now;
    uint64_t head;
    STEP(known_u64(ctx, &state, FED_CAIRN_GOVERNOR, "state", proposal_id(p)));
    STEP(known_u64(ctx, &eta, FED_CAIRN_GOVERNOR, "proposalEta", proposal_id(p)));
    STEP(contract_head(ctx, &head, &now));

    json_t *title = proposal_title(p);
    out_field(ctx, "proposal", "%s", json_string_value(json_object_get(p, "proposalId")));
    out_field(ctx, "title", "%s", json_string_value(title));
    out_field(ctx, "proposer", "%s", json_string_value(json_object_get(p, "proposer")));
    out_field(ctx, "state", "%s", proposal_state_name(state));
    const struct step step = next_step(state);
    out_field(ctx, "next step", "%s%s%s", step.who != NULL ? step.who : "",
              step.who != NULL ? ": " : "", step.text);
    out_field(ctx, "votes count", "from block %s to block %s, now %" PRIu64,
              json_string_value(json_object_get(p, "voteStart")),
              json_string_value(json_object_get(p, "voteEnd")), head);
    if (eta != 0)
        out_field(ctx, "executable", "from %s (%s)", text_time(eta).s, text_age(eta, now).s);
    result_set(ctx, "proposal", json_incref(json_object_get(p, "proposalId")));
    result_set(ctx, "title", title);
    result_set(ctx, "state", json_string(proposal_state_name(state)));
    result_set(ctx, "nextStep", next_step_json(p, state, eta));
    result_set(ctx, "eta", json_u64(eta));
    STEP(show_tally(ctx, p, head));
    show_actions(ctx, p);
    json_decref(p);
    return EXIT_DONE;
}

enum exit_code cmd_dao_list(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    const char *only = args_flag(a, "state");
    json_t *logs;
    STEP(known_find_logs(ctx, &logs, FED_CAIRN_GOVERNOR, "ProposalCreated", NULL));
    json_t *rows = json_array();
    size_t i;
    json_t *log;
    json_array_foreach(logs, i, log)
    {
        const json_t *p = json_object_get(log, "args");
        uint64_t state;
        STEP(known_u64(ctx, &state, FED_CAIRN_GOVERNOR, "state", proposal_id(p)));
        const char *name = proposal_state_name(state);
        if (only != NULL && strcmp(only, name) != 0) continue;
        char id[16];
        proposal_short_id(id, p);
        json_t *row = json_object();
        (void)json_object_set_new(row, "short", json_string(id));
        (void)json_object_set(row, "proposal", json_object_get(p, "proposalId"));
        (void)json_object_set(row, "proposer", json_object_get(p, "proposer"));
        (void)json_object_set_new(row, "title", proposal_title(p));
        (void)json_object_set_new(row, "state", json_string(name));
        (void)json_array_append_new(rows, row);
    }
    json_decref(logs);
    static const struct out_column columns[] = {
        {"short", "PROPOSAL", false}, {"state", "STATE", false}, {"title", "TITLE", false}};
    out_table(ctx, rows, columns, ARRAY_LEN(columns), "no proposals");
    result_set(ctx, "proposals", rows);
    return EXIT_DONE;
}

// ---- power --------------------------------------------------------------------------------------

enum exit_code cmd_dao_power(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    address_t who;
    if (a->pos_count > 0)
        STEP(account_resolve(ctx, &who, a->pos[0]));
    else
        STEP(account_viewer(ctx, &who));
    uint64_t head;
    uint64_t now;
    STEP(contract_head(ctx, &head, &now));
    if (head == 0) return fail(ctx, EXIT_REFUSED, NULL, "the chain has no block yet");
    u256_t votes;
    u256_t tokens;
    uint64_t reputation;
    json_t *delegate;
    STEP(known_u256(ctx, &votes, FED_CAIRN_GOVERNOR, "getVotes",
                    json_pack("[oo]", json_address(&who), json_u64(head - 1))));
    STEP(known_u256(ctx, &tokens, FED_CAIRN_TOKEN, "getVotes",
                    json_pack("[o]", json_address(&who))));
    STEP(known_u64(ctx, &reputation, FED_REPUTATION, "reputation",
                   json_pack("[o]", json_address(&who))));
    STEP(known_value(ctx, &delegate, FED_CAIRN_TOKEN, "delegates",
                     json_pack("[o]", json_address(&who))));
    out_field(ctx, "address", "%s", text_address(&who).s);
    out_field(ctx, "votes", "%s at block %" PRIu64, text_amount(&votes, 6).s, head - 1);
    out_field(ctx, "delegated to it", "%s CAIRN", text_amount(&tokens, 6).s);
    out_field(ctx, "reputation", "%" PRIu64 " of 1000000", reputation);
    out_field(ctx, "its delegate", "%s", json_string_value(delegate));
    out_field(ctx, "formula", "min(tokens, cap) * (500000 + reputation / 2) / 1000000");
    result_set(ctx, "address", json_address(&who));
    result_set(ctx, "votes", json_u256(&votes));
    result_set(ctx, "tokens", json_u256(&tokens));
    result_set(ctx, "reputationPpm", json_u64(reputation));
    result_set(ctx, "delegate", delegate);
    return EXIT_DONE;
}

enum exit_code cmd_dao_delegate(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    address_t to;
    STEP(account_resolve(ctx, &to, a->pos[0]));
    char what[128];
    (void)snprintf(what, sizeof what, "Delegate your votes to %s", text_address(&to).s);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_CAIRN_TOKEN, "delegate", json_pack("[o]", json_address(&to)),
                     what));
    sent_deinit(&sent);
    return EXIT_DONE;
}

// ---- watch ----------------------------------------------------------------------------------------

enum exit_code cmd_dao_watch(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    json_t *p;
    STEP(proposal_find(ctx, &p, a->pos[0]));
    const char *until = args_flag(a, "until");
    uint64_t last = UINT64_MAX;
    bool timed_out = false;
    enum exit_code code = EXIT_DONE;
    json_t *seen = json_array();
    struct pace pace = pace_begin(ctx);
    for (;;) {
        uint64_t state;
        code = known_u64(ctx, &state, FED_CAIRN_GOVERNOR, "state", proposal_id(p));
        if (code != EXIT_DONE) break;
        const char *name = proposal_state_name(state);
        if (state != last) {
            const struct step step = next_step(state);
            out_line(ctx, "%s%s%s", name, step.action != NULL ? "; next: " : "",
                     step.action != NULL ? step.text : "");
            (void)fflush(ctx->out);
            (void)json_array_append_new(seen, json_string(name));
            last = state;
        }
        if (until != NULL ? strcmp(name, until) == 0 : next_step(state).action == NULL) break;
        if (next_step(state).action == NULL) {
            code = fail(ctx, EXIT_SIMULATION, "cairn dao show ID",
                        "the proposal is %s and will never be %s", name, until);
            break;
        }
        timed_out = !pace_wait(&pace);
        if (timed_out) break;
    }
    if (timed_out)
        code = fail(ctx, EXIT_PENDING, "a longer --timeout", "it is still %s",
                    proposal_state_name(last));
    result_set(ctx, "proposal", json_incref(json_object_get(p, "proposalId")));
    result_set(ctx, "states", seen);
    json_decref(p);
    return code;
}
