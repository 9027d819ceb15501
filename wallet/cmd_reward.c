// SPDX-License-Identifier: Apache-2.0
#include "wallet/commands.h"

#include "wallet/account.h"
#include "wallet/known.h"
#include "wallet/model_file.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/revert.h"
#include "wallet/round.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const roles[] = {"participant", "aggregator"};

static json_t *who_arg(const address_t *who)
{
    return json_pack("[o]", json_address(who));
}

static json_t *who_and(const address_t *who, uint64_t n)
{
    return json_pack("[oo]", json_address(who), json_u64(n));
}

static json_t *round_and_who(uint64_t id, const address_t *who)
{
    return json_pack("[oo]", json_u64(id), json_address(who));
}

/// Rounds in which this account may have something to claim: [{round, amount}].
static enum exit_code claimable_rounds(struct ctx *ctx, json_t **out, const address_t *who)
{
    const struct topic_text t = topic_address(who);
    const char *const topics[4] = {NULL, NULL, t.s, NULL};
    json_t *as_participant;
    json_t *as_aggregator;
    STEP(known_find_logs(ctx, &as_participant, FED_ROUNDS, "ContributionProven", topics));
    STEP(known_find_logs(ctx, &as_aggregator, FED_ROUNDS, "Aggregated", topics));
    (void)json_array_extend(as_participant, as_aggregator);
    json_decref(as_aggregator);

    json_t *seen = json_object();
    *out = json_array();
    enum exit_code code = EXIT_DONE;
    size_t i;
    json_t *log;
    json_array_foreach(as_participant, i, log)
    {
        json_t *id = json_object_get(json_object_get(log, "args"), "roundId");
        if (json_object_get(seen, json_string_value(id)) != NULL) continue;
        (void)json_object_set_new(seen, json_string_value(id), json_true());
        u256_t amount;
        code = known_u256(ctx, &amount, FED_REWARDS, "claimable",
                          json_pack("[Oo]", id, json_address(who)));
        if (code != EXIT_DONE) break;
        if (u256_is_zero(&amount)) continue;
        (void)json_array_append_new(*out,
                                    json_pack("{sOsoss}", "round", id, "amount", json_u256(&amount),
                                              "cairn", text_amount(&amount, 18).s));
    }
    json_decref(seen);
    json_decref(as_participant);
    return code;
}

enum exit_code cmd_reward_balance(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    address_t who;
    if (a->pos_count > 0)
        STEP(account_resolve(ctx, &who, a->pos[0]));
    else
        STEP(account_viewer(ctx, &who));
    u256_t liquid;
    u256_t bond[ARRAY_LEN(roles)];
    u256_t leaving[ARRAY_LEN(roles)];
    u256_t votes;
    uint64_t reputation;
    STEP(known_u256(ctx, &liquid, FED_CAIRN_TOKEN, "balanceOf", who_arg(&who)));
    for (unsigned i = 0; i < ARRAY_LEN(roles); i++) {
        STEP(known_u256(ctx, &bond[i], FED_REWARDS, "bonded", who_and(&who, i)));
        STEP(known_u256(ctx, &leaving[i], FED_REWARDS, "unbonding", who_and(&who, i)));
    }
    STEP(known_u64(ctx, &reputation, FED_REPUTATION, "reputation", who_arg(&who)));
    STEP(known_u256(ctx, &votes, FED_CAIRN_TOKEN, "getVotes", who_arg(&who)));
    json_t *rounds;
    STEP(claimable_rounds(ctx, &rounds, &who));
    u256_t claimable = u256_from_u64(0);
    size_t i;
    json_t *row;
    json_array_foreach(rounds, i, row)
    {
        const u256_t n = json_get_u256(json_object_get(row, "amount"));
        if (!u256_add_checked(&claimable, &claimable, &n))
            return fail(ctx, EXIT_UNREACHABLE, NULL, "the rewards do not fit 256 bits");
    }

    out_field(ctx, "address", "%s", text_address(&who).s);
    out_field(ctx, "liquid", "%s CAIRN", text_amount(&liquid, 18).s);
    json_t *bonded = json_object();
    json_t *unbonding = json_object();
    for (unsigned k = 0; k < ARRAY_LEN(roles); k++) {
        (void)json_object_set_new(bonded, roles[k], json_u256(&bond[k]));
        (void)json_object_set_new(unbonding, roles[k], json_u256(&leaving[k]));
        if (!u256_is_zero(&bond[k]))
            out_field(ctx, "bonded", "%s CAIRN as %s", text_amount(&bond[k], 18).s, roles[k]);
        if (!u256_is_zero(&leaving[k]))
            out_field(ctx, "unbonding", "%s CAIRN as %s", text_amount(&leaving[k], 18).s, roles[k]);
    }
    out_field(ctx, "claimable", "%s CAIRN in %zu rounds", text_amount(&claimable, 18).s,
              json_array_size(rounds));
    out_field(ctx, "reputation", "%" PRIu64 " of 1000000", reputation);
    out_field(ctx, "votes", "%s, before reputation", text_amount(&votes, 18).s);
    result_set(ctx, "address", json_address(&who));
    result_set(ctx, "liquid", json_u256(&liquid));
    result_set(ctx, "bonded", bonded);
    result_set(ctx, "unbonding", unbonding);
    result_set(ctx, "claimable", json_u256(&claimable));
    result_set(ctx, "rounds", rounds);
    result_set(ctx, "reputationPpm", json_u64(reputation));
    result_set(ctx, "votes", json_u256(&votes));
    return EXIT_DONE;
}

/// Is there something to claim? If not, says why: AlreadyDone, the contract's own word,
/// means "nothing is left" whatever the reason.
static enum exit_code check_claim(struct ctx *ctx, uint64_t id, const address_t *who)
{
    u256_t amount;
    STEP(known_u256(ctx, &amount, FED_REWARDS, "claimable", round_and_who(id, who)));
    if (!u256_is_zero(&amount)) return EXIT_DONE;
    struct round_info r;
    STEP(round_load(ctx, &r, id));
    const uint64_t state = r.state;
    round_deinit(&r);
    char hint[64];
    (void)snprintf(hint, sizeof hint, "cairn round status %" PRIu64, id);
    if (state < ROUND_FINALISED)
        return fail(ctx, EXIT_SIMULATION, hint,
                    "round %" PRIu64 " is in state %s; rewards are there once it is finalised", id,
                    round_state_name(state));
    if (state == ROUND_FAILED || state == ROUND_CANCELLED)
        return fail(ctx, EXIT_SIMULATION, hint, "round %" PRIu64 " is %s: it pays nobody", id,
                    round_state_name(state));
    const struct topic_text round = topic_u64(id);
    const struct topic_text payee = topic_address(who);
    const char *const topics[4] = {NULL, round.s, payee.s, NULL};
    json_t *logs;
    STEP(known_find_logs(ctx, &logs, FED_REWARDS, "Claimed", topics));
    const bool claimed = json_array_size(logs) > 0;
    json_decref(logs);
    if (claimed)
        return fail(ctx, EXIT_SIMULATION, "cairn reward history",
                    "the reward of round %" PRIu64 " was claimed before", id);
    return fail(ctx, EXIT_SIMULATION, hint, "round %" PRIu64 " owes %s nothing", id,
                text_address(who).s);
}

/// Claims one round and adds what came to `*total`.
static enum exit_code claim_one(struct ctx *ctx, uint64_t round, json_t *claimed)
{
    char what[96];
    (void)snprintf(what, sizeof what, "Claim the reward of round %" PRIu64, round);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_REWARDS, "claim", json_pack("[o]", json_u64(round)), what));
    if (!sent.included) return EXIT_DONE;
    json_t *logs = known_receipt_logs(&sent, FED_REWARDS, "Claimed");
    json_t *args = json_object_get(json_array_get(logs, 0), "args");
    const u256_t amount = json_get_u256(json_object_get(args, "amount"));
    out_line(ctx, "claimed %s CAIRN of round %" PRIu64, text_amount(&amount, 18).s, round);
    (void)json_array_append_new(
        claimed, json_pack("{soso}", "round", json_u64(round), "amount", json_u256(&amount)));
    json_decref(logs);
    sent_deinit(&sent);
    return EXIT_DONE;
}

enum exit_code cmd_reward_claim(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    if ((a->pos_count > 0) == args_has(a, "all"))
        return fail(ctx, EXIT_USAGE, NULL, "say which round, or --all");
    json_t *claimed = json_array();
    result_set(ctx, "claimed", claimed);
    if (a->pos_count > 0) {
        uint64_t round;
        STEP(round_parse(ctx, &round, a->pos[0]));
        struct account me;
        STEP(account_sender(ctx, &me));
        const address_t payee = me.address;
        account_deinit(&me);
        STEP(check_claim(ctx, round, &payee));
        return claim_one(ctx, round, claimed);
    }
    address_t who;
    STEP(account_viewer(ctx, &who));
    json_t *rounds;
    STEP(claimable_rounds(ctx, &rounds, &who));
    enum exit_code code = EXIT_DONE;
    size_t i;
    json_t *row;
    json_array_foreach(rounds, i, row)
    {
        code = claim_one(ctx, json_get_u64(json_object_get(row, "round")), claimed);
        if (code != EXIT_DONE) break;
    }
    if (json_array_size(rounds) == 0) out_line(ctx, "nothing to claim");
    json_decref(rounds);
    return code;
}

/// Lets Rewards take `amount` of the token, if it may not yet.
static enum exit_code approve(struct ctx *ctx, const address_t *who, const u256_t *amount)
{
    const address_t *rewards = &fed_contract_address[FED_REWARDS];
    u256_t have;
    STEP(known_u256(ctx, &have, FED_CAIRN_TOKEN, "allowance",
                    json_pack("[oo]", json_address(who), json_address(rewards))));
    if (!u256_lt(&have, amount)) return EXIT_DONE;
    char what[160];
    (void)snprintf(what, sizeof what, "Allow Rewards to take %s CAIRN", text_amount(amount, 18).s);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_CAIRN_TOKEN, "approve",
                     json_pack("[oo]", json_address(rewards), json_u256(amount)), what));
    if (!sent.included)
        return fail(ctx, EXIT_USAGE, "leave out --no-wait, --dry-run and --unsigned",
                    "the allowance comes first and must be in a block");
    sent_deinit(&sent);
    return EXIT_DONE;
}

/// An amount to stake or give, after its allowance.
static enum exit_code pay_in(struct ctx *ctx, const char *text, const char *function, json_t *first,
                             const char *verb)
{
    u256_t amount;
    const err_t err = text_parse_amount(&amount, text);
    if (!err_ok(err)) {
        json_decref(first);
        return fail(ctx, EXIT_USAGE, "cairn help units", "%s: %s", text, err_text(err));
    }
    struct account me;
    enum exit_code code = account_sender(ctx, &me);
    if (code == EXIT_DONE) {
        code = approve(ctx, &me.address, &amount);
        account_deinit(&me);
    }
    if (code != EXIT_DONE) {
        json_decref(first);
        return code;
    }
    char what[192];
    (void)snprintf(what, sizeof what, "%s %s CAIRN", verb, text_amount(&amount, 18).s);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_REWARDS, function,
                     json_pack("[oo]", first, json_u256(&amount)), what));
    result_set(ctx, "result", json_pack("{so}", "amount", json_u256(&amount)));
    sent_deinit(&sent);
    return EXIT_DONE;
}

/// Reads a role's number.
static enum exit_code parse_role(struct ctx *ctx, uint64_t *out, const char *text)
{
    for (uint64_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (strcmp(text, roles[i]) != 0) continue;
        *out = i;
        return EXIT_DONE;
    }
    return fail(ctx, EXIT_USAGE, NULL, "a role is participant or aggregator, not `%s`", text);
}

enum exit_code cmd_reward_bond(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    uint64_t role = 0;
    STEP(parse_role(ctx, &role, a->pos[0]));
    char verb[64];
    (void)snprintf(verb, sizeof verb, "Bond as %s", roles[role]);
    return pay_in(ctx, a->pos[1], "bond", json_u64(role), verb);
}

enum exit_code cmd_reward_unbond(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    uint64_t role = 0;
    u256_t amount;
    STEP(parse_role(ctx, &role, a->pos[0]));
    const err_t err = text_parse_amount(&amount, a->pos[1]);
    if (!err_ok(err))
        return fail(ctx, EXIT_USAGE, "cairn help units", "%s: %s", a->pos[1], err_text(err));
    char what[160];
    (void)snprintf(what, sizeof what, "Unbond %s CAIRN as %s", text_amount(&amount, 18).s,
                   a->pos[0]);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_REWARDS, "requestUnbond",
                     json_pack("[oo]", json_u64(role), json_u256(&amount)), what));
    if (!sent.included) return EXIT_DONE;
    json_t *logs = known_receipt_logs(&sent, FED_REWARDS, "Unbonding");
    const json_t *args = json_object_get(json_array_get(logs, 0), "args");
    const uint64_t until = json_get_u64(json_object_get(args, "until"));
    out_line(ctx, "from %s: cairn reward withdraw %s", text_time(until).s, a->pos[0]);
    result_set(ctx, "result",
               json_pack("{soso}", "amount", json_u256(&amount), "until", json_u64(until)));
    json_decref(logs);
    sent_deinit(&sent);
    return EXIT_DONE;
}

enum exit_code cmd_reward_withdraw(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    uint64_t role = 0;
    STEP(parse_role(ctx, &role, a->pos[0]));
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_REWARDS, "withdraw", json_pack("[o]", json_u64(role)),
                     "Withdraw what has unbonded"));
    if (!sent.included) return EXIT_DONE;
    json_t *logs = known_receipt_logs(&sent, FED_REWARDS, "Withdrawn");
    const u256_t amount =
        json_get_u256(json_object_get(json_object_get(json_array_get(logs, 0), "args"), "amount"));
    out_line(ctx, "withdrew %s CAIRN", text_amount(&amount, 18).s);
    result_set(ctx, "result", json_pack("{so}", "amount", json_u256(&amount)));
    json_decref(logs);
    sent_deinit(&sent);
    return EXIT_DONE;
}

enum exit_code cmd_reward_fund(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    hash_t family;
    STEP(model_find_family(ctx, &family, a->pos[0]));
    return pay_in(ctx, a->pos[1], "fund", json_hash(&family), "Fund the family with");
}

/// Adds the events of one kind to the history.
static enum exit_code add_history(struct ctx *ctx, json_t *rows, const char *event,
                                  const char *kind, unsigned who_topic, const address_t *who)
{
    const struct topic_text t = topic_address(who);
    const char *topics[4] = {NULL};
    topics[who_topic] = t.s;
    json_t *logs;
    STEP(known_find_logs(ctx, &logs, FED_REWARDS, event, topics));
    size_t i;
    json_t *log;
    json_array_foreach(logs, i, log)
    {
        const json_t *args = json_object_get(log, "args");
        const u256_t amount = json_get_u256(json_object_get(args, "amount"));
        json_t *row = json_object();
        (void)json_object_set(row, "block", json_object_get(log, "block"));
        (void)json_object_set(row, "tx", json_object_get(log, "tx"));
        (void)json_object_set_new(row, "kind", json_string(kind));
        (void)json_object_set_new(row, "amount", json_u256(&amount));
        (void)json_object_set_new(row, "cairn", json_string(text_amount(&amount, 18).s));
        json_t *round = json_object_get(args, "roundId");
        if (round != NULL) (void)json_object_set(row, "round", round);
        // Oldest first over all kinds.
        const uint64_t block = json_get_u64(json_object_get(log, "block"));
        size_t at = json_array_size(rows);
        while (at > 0 &&
               json_get_u64(json_object_get(json_array_get(rows, at - 1), "block")) > block)
            at--;
        (void)json_array_insert_new(rows, at, row);
    }
    json_decref(logs);
    return EXIT_DONE;
}

enum exit_code cmd_reward_history(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    address_t who;
    if (a->pos_count > 0)
        STEP(account_resolve(ctx, &who, a->pos[0]));
    else
        STEP(account_viewer(ctx, &who));
    static const struct {
        const char *event;
        const char *kind;
        unsigned topic;
    } kinds[] = {
        {"Bonded", "bonded", 1}, {"Unbonding", "unbonding", 1}, {"Withdrawn", "withdrawn", 1},
        {"Funded", "funded", 2}, {"Slashed", "slashed", 2},     {"Claimed", "claimed", 2},
    };
    json_t *rows = json_array();
    result_set(ctx, "items", rows);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        STEP(add_history(ctx, rows, kinds[i].event, kinds[i].kind, kinds[i].topic, &who));
    static const struct out_column columns[] = {
        {"block", "BLOCK", true},
        {"kind", "KIND", false},
        {"cairn", "CAIRN", true},
        {"round", "ROUND", true},
    };
    out_table(ctx, rows, columns, ARRAY_LEN(columns), "nothing yet");
    return EXIT_DONE;
}
