// SPDX-License-Identifier: Apache-2.0
/// Opening rounds, pushing their clock, and seeing where they stand.
#include "wallet/commands.h"

#include "chain/base/hex.h"

#include "wallet/account.h"
#include "wallet/model_file.h"
#include "wallet/out.h"
#include "wallet/pace.h"
#include "wallet/profile.h"
#include "wallet/revert.h"
#include "wallet/round.h"
#include "wallet/send.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static json_t *round_arg(uint64_t id)
{
    json_t *args = json_array();
    (void)json_array_append_new(args, json_u64(id));
    return args;
}

static json_t *round_and(uint64_t id, const address_t *who)
{
    json_t *args = round_arg(id);
    (void)json_array_append_new(args, json_address(who));
    return args;
}

// ---- open -------------------------------------------------------------------------------------

/// Parameters of a round, in the contract's order.
static const struct {
    const char *member;
    const char *flag;
    const char *fallback;
    enum { NUMBER, SECONDS, AMOUNT } kind;
} open_fields[] = {
    {"mode", NULL, "0", NUMBER},
    {"seedSpan", "seed-span", "4", NUMBER},
    {"nMin", "n-min", "1", NUMBER},
    {"nMax", "n-max", "16", NUMBER},
    {"minBlocks", "min-blocks", "10", NUMBER},
    {"commitSeconds", "commit-time", "1d", SECONDS},
    {"revealSeconds", "reveal-time", "1d", SECONDS},
    {"aggregateSeconds", "aggregate-time", "6h", SECONDS},
    {"challengeSeconds", "challenge-time", "1d", SECONDS},
    {"claimSeconds", "claim-time", "180d", SECONDS},
    {"pool", "pool", "0", AMOUNT},
};

static enum exit_code open_params(struct ctx *ctx, json_t **out, const struct args *a)
{
    *out = json_object();
    for (size_t i = 0; i < ARRAY_LEN(open_fields); i++) {
        const char *text = open_fields[i].flag != NULL ? args_flag(a, open_fields[i].flag) : NULL;
        if (text == NULL) text = open_fields[i].fallback;
        json_t *v = NULL;
        err_t err;
        uint64_t n = 0;
        uint32_t seconds = 0;
        u256_t amount;
        switch (open_fields[i].kind) {
        case SECONDS:
            err = text_parse_seconds(&seconds, text);
            v = json_u64(seconds);
            break;
        case AMOUNT:
            err = text_parse_amount(&amount, text);
            if (err_ok(err)) v = json_u256(&amount);
            break;
        case NUMBER:
        default:
            err = text_parse_u64(&n, text, UINT32_MAX);
            v = json_u64(n);
            break;
        }
        if (!err_ok(err)) {
            json_decref(v);
            json_decref(*out);
            return fail(ctx, EXIT_USAGE, NULL, "--%s %s: %s", open_fields[i].flag, text,
                        err_text(err));
        }
        (void)json_object_set_new(*out, open_fields[i].member, v);
    }
    return EXIT_DONE;
}

enum exit_code cmd_round_open(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    if (!args_has(a, "base"))
        return fail(ctx, EXIT_USAGE, NULL, "--base VERSION is missing: what the round starts from");
    hash_t family;
    hash_t base;
    STEP(model_find_family(ctx, &family, a->pos[0]));
    STEP(model_find_version(ctx, &base, args_flag(a, "base")));
    json_t *p;
    STEP(open_params(ctx, &p, a));
    json_t *values = json_array();
    (void)json_array_append_new(values, json_hash(&family));
    (void)json_array_append_new(values, json_hash(&base));
    (void)json_array_append_new(values, p);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_ROUNDS, "openRound", values, "Open a round"));
    if (!sent.included) return EXIT_DONE;
    json_t *logs = known_receipt_logs(&sent, FED_ROUNDS, "RoundOpened");
    json_t *id = json_object_get(json_object_get(json_array_get(logs, 0), "args"), "roundId");
    out_line(ctx, "round %s is open", json_string_value(id));
    result_set(ctx, "result", json_pack("{sO}", "round", id));
    json_decref(logs);
    sent_deinit(&sent);
    return EXIT_DONE;
}

// ---- transitions that anybody may push -----------------------------------------------------------

/// Sends `function(round)` and says in which state the round is then.
static enum exit_code push(struct ctx *ctx, const char *text, const char *function, json_t *more,
                           const char *verb)
{
    uint64_t id = 0;
    enum exit_code code = profile_check_chain(ctx);
    if (code == EXIT_DONE) code = round_parse(ctx, &id, text);
    if (code != EXIT_DONE) {
        json_decref(more);
        return code;
    }
    json_t *args = round_arg(id);
    if (more != NULL) (void)json_array_append_new(args, more);
    char what[128];
    (void)snprintf(what, sizeof what, "%s round %" PRIu64, verb, id);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_ROUNDS, function, args, what));
    if (!sent.included) return EXIT_DONE;
    json_t *logs = known_receipt_logs(&sent, FED_ROUNDS, "RoundState");
    const size_t n = json_array_size(logs);
    json_t *state = json_object_get(json_object_get(json_array_get(logs, n - 1), "args"), "state");
    if (n > 0) {
        const char *name = round_state_name(json_get_u64(state));
        out_line(ctx, "round %" PRIu64 " is in state %s", id, name);
        result_set(ctx, "result", json_pack("{soss}", "round", json_u64(id), "state", name));
    }
    json_decref(logs);
    sent_deinit(&sent);
    return EXIT_DONE;
}

enum exit_code cmd_round_close(struct ctx *ctx, const struct args *a)
{
    return push(ctx, a->pos[0], "closeCommits", NULL, "Close the commits of");
}

enum exit_code cmd_round_draw(struct ctx *ctx, const struct args *a)
{
    return push(ctx, a->pos[0], "drawSeed", json_u64(1), "Draw the seed of");
}

enum exit_code cmd_round_finalise(struct ctx *ctx, const struct args *a)
{
    return push(ctx, a->pos[0], "finalise", NULL, "Finalise");
}

enum exit_code cmd_round_cancel(struct ctx *ctx, const struct args *a)
{
    return push(ctx, a->pos[0], "cancel", NULL, "Cancel");
}

enum exit_code cmd_round_expire(struct ctx *ctx, const struct args *a)
{
    return push(ctx, a->pos[0], "expire", NULL, "Declare without aggregate");
}

// ---- seeing -----------------------------------------------------------------------------------

/// "until 14:02:11 (in 3 min) and block 812" of the running window.
static enum exit_code deadline(struct ctx *ctx, json_t **out, uint64_t id, bool *passed)
{
    json_t *v;
    STEP(known_view(ctx, &v, FED_ROUNDS, "deadlineOf", round_arg(id)));
    const uint64_t time_s = json_get_u64(json_array_get(v, 0));
    const uint64_t block = json_get_u64(json_array_get(v, 1));
    *passed = json_is_true(json_array_get(v, 2));
    json_decref(v);
    *out = json_object();
    (void)json_object_set_new(*out, "time",
                              time_s != 0 ? json_string(text_time(time_s).s) : json_null());
    (void)json_object_set_new(*out, "timeSeconds", json_u64(time_s));
    (void)json_object_set_new(*out, "block", json_u64(block));
    (void)json_object_set_new(*out, "passed", json_boolean(*passed));
    return EXIT_DONE;
}

/// One row per participant: what it committed, and what became of it.
static enum exit_code participant_rows(struct ctx *ctx, json_t **out, const struct round_info *r)
{
    json_t *who;
    STEP(known_value(ctx, &who, FED_ROUNDS, "participants", round_arg(r->id)));
    // After the end, receipts say what was paid.
    const struct topic_text t = topic_u64(r->id);
    const char *const topics[4] = {NULL, t.s, NULL, NULL};
    json_t *proven = NULL;
    enum exit_code code = EXIT_DONE;
    if (r->state == ROUND_FINALISED || r->state == ROUND_PAID)
        code = known_find_logs(ctx, &proven, FED_ROUNDS, "ContributionProven", topics);
    *out = json_array();
    size_t i;
    json_t *text;
    json_array_foreach(who, i, text)
    {
        address_t a;
        json_t *s = NULL;
        if (code != EXIT_DONE) break;
        if (!json_is_string(text) || !err_ok(text_parse_address(&a, json_string_value(text))))
            continue;
        code = known_view(ctx, &s, FED_ROUNDS, "statusOf", round_and(r->id, &a));
        if (code != EXIT_DONE) break;
        const uint64_t status = json_get_u64(json_array_get(s, 0));
        const uint64_t refusal = json_get_u64(json_array_get(s, 1));
        json_t *row = json_object();
        char *name = account_name_of(ctx, &a);
        (void)json_object_set(row, "participant", text);
        (void)json_object_set_new(row, "name", name != NULL ? json_string(name) : json_null());
        free(name);
        (void)json_object_set_new(row, "status", json_string(round_status_name(status)));
        (void)json_object_set_new(row, "reason", json_string(round_refusal_name(refusal)));
        (void)json_object_set(row, "weight", json_array_get(s, 2));
        (void)json_object_set(row, "score", json_array_get(s, 3));
        size_t k;
        json_t *log;
        json_array_foreach(proven, k, log)
        {
            const json_t *args = json_object_get(log, "args");
            if (!json_equal(json_object_get(args, "participant"), text)) continue;
            const u256_t reward = json_get_u256(json_object_get(args, "reward"));
            (void)json_object_set_new(row, "reward", json_u256(&reward));
            (void)json_object_set_new(row, "rewardCairn", json_string(text_amount(&reward, 6).s));
        }
        (void)json_array_append_new(*out, row);
        json_decref(s);
    }
    json_decref(who);
    json_decref(proven);
    return code;
}

enum exit_code cmd_round_status(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    uint64_t id;
    STEP(round_parse(ctx, &id, a->pos[0]));
    struct round_info r;
    STEP(round_load(ctx, &r, id));
    bool passed;
    json_t *until;
    STEP(deadline(ctx, &until, id, &passed));
    json_t *rows;
    STEP(participant_rows(ctx, &rows, &r));

    const char *state = round_state_name(r.state);
    const u256_t pool = json_get_u256(json_object_get(r.json, "pool"));
    out_field(ctx, "round", "%" PRIu64 ", %s", id, state);
    if (r.state == ROUND_FAILED)
        out_field(ctx, "failed", "%s",
                  round_failure_name(json_get_u64(json_object_get(r.json, "failure"))));
    out_field(ctx, "family", "%s", hex_hash(&r.family).s);
    out_field(ctx, "base version", "%s", hex_hash(&r.base).s);
    out_field(ctx, "pool", "%s CAIRN", text_amount(&pool, 6).s);
    const char *time_text = json_string_value(json_object_get(until, "time"));
    const uint64_t block = json_get_u64(json_object_get(until, "block"));
    if (block != 0)
        out_field(ctx, "window", "%s%suntil block %" PRIu64 "%s",
                  time_text != NULL ? time_text : "", time_text != NULL ? " and " : "", block,
                  passed ? ", over" : "");
    if (!hash_is_zero(&r.seed)) out_field(ctx, "seed", "%s", hex_hash(&r.seed).s);
    if (r.total_weight != 0) out_field(ctx, "total weight", "%" PRIu64, r.total_weight);
    if (r.state == ROUND_FINALISED || r.state == ROUND_PAID)
        out_field(ctx, "result", "version %s",
                  json_string_value(json_object_get(r.json, "resultVersion")));
    out_line(ctx, "%s", "");
    static const struct out_column columns[] = {
        {"name", "NAME", false},     {"participant", "PARTICIPANT", false},
        {"status", "STATUS", false}, {"weight", "WEIGHT", true},
        {"score", "SCORE", true},    {"rewardCairn", "REWARD", true},
        {"reason", "REASON", false},
    };
    out_table(ctx, rows, columns, ARRAY_LEN(columns), "nobody has committed yet");

    result_set(ctx, "round", json_u64(id));
    result_set(ctx, "state", json_string(state));
    result_set(ctx, "deadline", until);
    result_set(ctx, "info", json_incref(r.json));
    result_set(ctx, "participants", rows);
    round_deinit(&r);
    return EXIT_DONE;
}

enum exit_code cmd_round_list(struct ctx *ctx, const struct args *a)
{
    (void)a;
    STEP(profile_check_chain(ctx));
    json_t *logs;
    STEP(known_find_logs(ctx, &logs, FED_ROUNDS, "RoundOpened", NULL));
    json_t *rows = json_array();
    size_t i;
    json_t *log;
    json_array_foreach(logs, i, log)
    {
        json_t *args = json_object_get(log, "args");
        const uint64_t id = json_get_u64(json_object_get(args, "roundId"));
        uint64_t state;
        STEP(known_u64(ctx, &state, FED_ROUNDS, "stateOf", round_arg(id)));
        json_t *row = json_copy(args);
        char short_family[16];
        const char *family = json_string_value(json_object_get(args, "family"));
        (void)snprintf(short_family, sizeof short_family, "%.12s", family != NULL ? family : "");
        (void)json_object_set_new(row, "state", json_string(round_state_name(state)));
        (void)json_object_set_new(row, "familyShort", json_string(short_family));
        (void)json_object_set(row, "opened", json_object_get(log, "block"));
        (void)json_array_append_new(rows, row);
    }
    json_decref(logs);
    static const struct out_column columns[] = {
        {"roundId", "ROUND", true},
        {"state", "STATE", false},
        {"familyShort", "FAMILY", false},
        {"opened", "OPENED IN BLOCK", true},
    };
    out_table(ctx, rows, columns, ARRAY_LEN(columns), "no rounds");
    result_set(ctx, "rounds", rows);
    return EXIT_DONE;
}

// ---- what to do next ----------------------------------------------------------------------------

/// What an account should do in a round, and why.
struct advice {
    const char *action;
    char why[160];
};

static void advise(struct advice *out, const char *action, const char *why)
{
    out->action = action;
    (void)snprintf(out->why, sizeof out->why, "%s", why);
}

/// Advice for the state Open.
static enum exit_code advise_open(struct ctx *ctx, struct advice *out, uint64_t status, bool passed,
                                  const address_t *who)
{
    if (passed) {
        advise(out, "close", "the commit window is over; anybody may close it");
        return EXIT_DONE;
    }
    if (status != 0) {
        advise(out, "wait", "you have committed; others still may");
        return EXIT_DONE;
    }
    json_t *v;
    STEP(known_value(ctx, &v, FED_MEMBERS, "isMember", json_pack("[o]", json_address(who))));
    const bool member = json_is_true(v);
    json_decref(v);
    u256_t bond;
    u256_t need;
    STEP(known_u256(ctx, &bond, FED_REWARDS, "bonded", json_pack("[os]", json_address(who), "0")));
    STEP(known_u256(ctx, &need, FED_REWARDS, "minBond", json_pack("[s]", "0")));
    if (!member)
        advise(out, "wait", "you are no member, so you cannot commit");
    else if (u256_lt(&bond, &need) || u256_is_zero(&bond))
        advise(out, "bond", "a participant needs a bond: cairn reward bond participant AMOUNT");
    else
        advise(out, "commit", "train on the base version and commit to your update");
    return EXIT_DONE;
}

/// Advice for the state Aggregate.
static enum exit_code advise_aggregate(struct ctx *ctx, struct advice *out, uint64_t id,
                                       const address_t *who)
{
    json_t *v;
    STEP(known_view(ctx, &v, FED_ROUNDS, "currentAggregator", round_arg(id)));
    address_t want;
    const char *text = json_string_value(json_array_get(v, 0));
    const bool ok = text != NULL && err_ok(text_parse_address(&want, text));
    json_decref(v);
    if (!ok) return fail(ctx, EXIT_UNREACHABLE, NULL, "the current aggregator is no address");
    if (address_is_zero(&want)) {
        advise(out, "expire", "all aggregators let their window pass; anybody may say so");
    } else if (address_eq(&want, who)) {
        advise(out, "aggregate", "it is your window to post the aggregate");
    } else {
        out->action = "wait";
        (void)snprintf(out->why, sizeof out->why, "it is the window of aggregator %s",
                       text_address(&want).s);
    }
    return EXIT_DONE;
}

static enum exit_code advise_round(struct ctx *ctx, struct advice *out, const struct round_info *r,
                                   bool passed, const address_t *who)
{
    json_t *s;
    STEP(known_view(ctx, &s, FED_ROUNDS, "statusOf", round_and(r->id, who)));
    const uint64_t status = json_get_u64(json_array_get(s, 0));
    json_decref(s);
    u256_t claimable;
    advise(out, "nothing", "the round has ended");
    switch ((enum round_state)r->state) {
    case ROUND_OPEN:
        return advise_open(ctx, out, status, passed, who);
    case ROUND_SEALED:
        advise(out, passed ? "draw" : "wait",
               passed ? "the blocks of the seed exist; anybody may draw it"
                      : "commits are closed; the seed's blocks are not there yet");
        return EXIT_DONE;
    case ROUND_REVEAL:
        if (passed)
            advise(out, "select", "the reveal window is over; anybody may go on");
        else if (status == 1)
            advise(out, "reveal", "reveal what you committed, or lose part of your bond");
        else
            advise(out, "wait", "others still have to reveal");
        return EXIT_DONE;
    case ROUND_SELECT:
        advise(out, "select", "all is revealed; anybody may run the selection");
        return EXIT_DONE;
    case ROUND_AGGREGATE:
        return advise_aggregate(ctx, out, r->id, who);
    case ROUND_CHALLENGE:
        advise(out, passed ? "finalise" : "check",
               passed ? "the challenge window is over; anybody may finalise"
                      : "compute the aggregate yourself while it can be challenged");
        return EXIT_DONE;
    case ROUND_FINALISED:
        STEP(known_u256(ctx, &claimable, FED_REWARDS, "claimable", round_and(r->id, who)));
        if (!u256_is_zero(&claimable)) {
            out->action = "claim";
            (void)snprintf(out->why, sizeof out->why, "%s CAIRN are yours",
                           text_amount(&claimable, 6).s);
        }
        return EXIT_DONE;
    case ROUND_NONE:
    case ROUND_EVALUATE:
    case ROUND_PAID:
    case ROUND_FAILED:
    case ROUND_CANCELLED:
        return EXIT_DONE;
    }
    return fail(ctx, EXIT_UNREACHABLE, NULL, "round %" PRIu64 " is in a state unknown here", r->id);
}

/// Adds the advice for one round; rounds without anything to do only if asked for.
static enum exit_code add_advice(struct ctx *ctx, json_t *rows, uint64_t id, const address_t *who,
                                 bool asked)
{
    struct round_info r;
    STEP(round_load(ctx, &r, id));
    bool passed = false;
    json_t *until = NULL;
    struct advice advice;
    enum exit_code code = deadline(ctx, &until, id, &passed);
    if (code == EXIT_DONE) code = advise_round(ctx, &advice, &r, passed, who);
    if (code == EXIT_DONE && (asked || strcmp(advice.action, "nothing") != 0)) {
        json_t *row = json_object();
        (void)json_object_set_new(row, "round", json_u64(id));
        (void)json_object_set_new(row, "state", json_string(round_state_name(r.state)));
        (void)json_object_set_new(row, "action", json_string(advice.action));
        (void)json_object_set_new(row, "why", json_string(advice.why));
        (void)json_object_set(row, "until", json_object_get(until, "time"));
        (void)json_object_set(row, "untilBlock", json_object_get(until, "block"));
        (void)json_array_append_new(rows, row);
    }
    json_decref(until);
    round_deinit(&r);
    return code;
}

enum exit_code cmd_round_next(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    address_t who;
    STEP(account_viewer(ctx, &who));
    json_t *rows = json_array();
    result_set(ctx, "items", rows);
    if (a->pos_count > 0) {
        uint64_t id;
        STEP(round_parse(ctx, &id, a->pos[0]));
        STEP(add_advice(ctx, rows, id, &who, true));
    } else {
        uint64_t next;
        STEP(known_u64(ctx, &next, FED_ROUNDS, "nextRoundId", NULL));
        // The latest rounds are those with something to do.
        const uint64_t first = next > 50 ? next - 50 : 1;
        for (uint64_t id = first; id < next; id++) STEP(add_advice(ctx, rows, id, &who, false));
    }
    static const struct out_column columns[] = {
        {"round", "ROUND", true},
        {"action", "ACTION", false},
        {"until", "UNTIL", false},
        {"why", "WHY", false},
    };
    out_table(ctx, rows, columns, ARRAY_LEN(columns), "nothing to do");
    return EXIT_DONE;
}

// ---- watching -----------------------------------------------------------------------------------

enum exit_code cmd_round_watch(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    uint64_t id;
    STEP(round_parse(ctx, &id, a->pos[0]));
    const char *until = args_flag(a, "until");
    json_t *seen = json_array();
    result_set(ctx, "round", json_u64(id));
    result_set(ctx, "states", seen);
    uint64_t last_state = UINT64_MAX;
    size_t last_count = SIZE_MAX;
    const struct pace pace = pace_begin(ctx);
    for (;;) {
        struct round_info r;
        STEP(round_load(ctx, &r, id));
        const uint64_t state = r.state;
        round_deinit(&r);
        json_t *who;
        STEP(known_value(ctx, &who, FED_ROUNDS, "participants", round_arg(id)));
        const size_t count = json_array_size(who);
        json_decref(who);
        const char *name = round_state_name(state);
        if (state != last_state || count != last_count) {
            out_line(ctx, "round %" PRIu64 ": %s, %zu committed", id, name, count);
            (void)fflush(ctx->out);
        }
        if (state != last_state) (void)json_array_append_new(seen, json_string(name));
        last_state = state;
        last_count = count;
        const bool over = state >= ROUND_FINALISED;
        if (until != NULL ? strcmp(name, until) == 0 : over) return EXIT_DONE;
        if (over)
            return fail(ctx, EXIT_SIMULATION, "cairn round status ID",
                        "round %" PRIu64 " is %s and will never be in %s", id, name, until);
        if (!pace_wait(&pace))
            return fail(ctx, EXIT_PENDING, "a longer --timeout", "round %" PRIu64 " is still in %s",
                        id, name);
    }
}

/// Appends the events of one kind, by block.
static enum exit_code add_events(struct ctx *ctx, json_t *rows, const char *event, uint64_t id)
{
    const struct topic_text t = topic_u64(id);
    const char *const topics[4] = {NULL, t.s, NULL, NULL};
    json_t *logs;
    STEP(known_find_logs(ctx, &logs, FED_ROUNDS, event, topics));
    size_t i;
    json_t *log;
    json_array_foreach(logs, i, log)
    {
        struct buf b;
        buf_init(&b, (size_t)1 << 20);
        known_put_args(&b, json_object_get(log, "args"));
        buf_put_u8(&b, 0);
        (void)json_object_set_new(log, "event", json_string(event));
        (void)json_object_set_new(log, "text", json_string(b.full ? "" : (const char *)b.data));
        buf_deinit(&b);
        const uint64_t block = json_get_u64(json_object_get(log, "block"));
        const uint64_t index = json_get_u64(json_object_get(log, "logIndex"));
        size_t at = json_array_size(rows);
        for (; at > 0; at--) {
            const json_t *before = json_array_get(rows, at - 1);
            const uint64_t b_block = json_get_u64(json_object_get(before, "block"));
            const uint64_t b_index = json_get_u64(json_object_get(before, "logIndex"));
            if (b_block < block || (b_block == block && b_index < index)) break;
        }
        (void)json_array_insert(rows, at, log);
    }
    json_decref(logs);
    return EXIT_DONE;
}

enum exit_code cmd_round_log(struct ctx *ctx, const struct args *a)
{
    static const char *const events[] = {
        "RoundOpened",        "Committed", "Recommitted", "RoundState",
        "SeedRearmed",        "SeedDrawn", "Revealed",    "Refused",
        "NoReveal",           "Selected",  "Aggregated",  "RoundFailed",
        "ContributionProven",
    };
    STEP(profile_check_chain(ctx));
    uint64_t id;
    STEP(round_parse(ctx, &id, a->pos[0]));
    struct round_info r;
    STEP(round_load(ctx, &r, id));
    round_deinit(&r);
    json_t *rows = json_array();
    result_set(ctx, "round", json_u64(id));
    result_set(ctx, "items", rows);
    for (size_t i = 0; i < ARRAY_LEN(events); i++) STEP(add_events(ctx, rows, events[i], id));
    static const struct out_column columns[] = {
        {"block", "BLOCK", true}, {"event", "EVENT", false}, {"text", "WHAT", false}};
    out_table(ctx, rows, columns, ARRAY_LEN(columns), "nothing happened yet");
    return EXIT_DONE;
}
