// SPDX-License-Identifier: Apache-2.0
/// `cairn doctor`: everything that commonly goes wrong, checked, each finding with its repair.
#include "wallet/commands.h"

#include "wallet/account.h"
#include "wallet/client.h"
#include "wallet/known.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/round.h"
#include "wallet/text.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define CLOCK_AHEAD_MAX_S 5 ///< a block from the future: one of the two clocks is wrong
#define ROUNDS_CHECKED 20

/// What was found so far.
struct findings {
    json_t *rows;
    enum exit_code code; ///< of the first problem
    size_t problems;
};

/// One finding: "ok"; "note", what only limits what the account can do; "problem".
__attribute__((format(printf, 5, 6))) static void found(struct findings *f, const char *check,
                                                        const char *state, const char *repair,
                                                        const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_t *row = json_pack("{ssss}", "check", check, "state", state);
    (void)json_object_set_new(row, "found", json_string(text));
    (void)json_object_set_new(row, "repair", repair != NULL ? json_string(repair) : json_null());
    (void)json_array_append_new(f->rows, row);
}

static void problem(struct findings *f, enum exit_code code, const char *check, const char *repair,
                    const char *text)
{
    if (f->problems++ == 0) f->code = code;
    found(f, check, "problem", repair, "%s", text);
}

// ---- this machine -----------------------------------------------------------------------------

/// Files that others can read, in one folder of the wallet.
static void check_folder(struct ctx *ctx, struct findings *f, const char *name)
{
    char *folder = path_join(ctx->data_home, name);
    struct stat st;
    if (lstat(folder, &st) != 0) {
        free(folder);
        return;
    }
    char text[512];
    if ((st.st_mode & 077) != 0) {
        char repair[512];
        (void)snprintf(repair, sizeof repair, "chmod 700 %.400s", folder);
        (void)snprintf(text, sizeof text, "%.400s is open to others", folder);
        problem(f, EXIT_STORE, "permissions", repair, text);
    }
    DIR *d = opendir(folder);
    size_t open_files = 0;
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        char *path = path_join(folder, e->d_name);
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) open_files++;
        free(path);
    }
    if (d != NULL) (void)closedir(d);
    if (open_files > 0) {
        char repair[512];
        (void)snprintf(repair, sizeof repair, "chmod 600 %.400s/*", folder);
        (void)snprintf(text, sizeof text, "%zu files in %.400s can be read by others", open_files,
                       folder);
        problem(f, EXIT_STORE, "permissions", repair, text);
    } else {
        found(f, "permissions", "ok", NULL, "%s", folder);
    }
    free(folder);
}

static void check_password_file(struct ctx *ctx, struct findings *f)
{
    struct stat st;
    const char *path = ctx->set.password_file;
    if (path == NULL || stat(path, &st) != 0 || (st.st_mode & 077) == 0) return;
    char repair[512];
    char text[512];
    (void)snprintf(repair, sizeof repair, "chmod 600 %.400s", path);
    (void)snprintf(text, sizeof text, "the password file %.400s can be read by others", path);
    problem(f, EXIT_STORE, "permissions", repair, text);
}

static void check_accounts(struct ctx *ctx, struct findings *f)
{
    json_t *list;
    if (account_list(ctx, &list) != EXIT_DONE) {
        problem(f, EXIT_STORE, "accounts", NULL, ctx->message);
        return;
    }
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row)
    {
        if (json_is_string(json_object_get(row, "address"))) continue;
        char text[256];
        (void)snprintf(text, sizeof text, "the keystore file of %s cannot be read",
                       json_string_value(json_object_get(row, "name")));
        problem(f, EXIT_STORE, "accounts", "restore it from a backup", text);
    }
    if (json_array_size(list) == 0)
        found(f, "accounts", "note", "cairn account new NAME", "the wallet has no account");
    else
        found(f, "accounts", "ok", NULL, "%zu accounts", json_array_size(list));
    json_decref(list);
}

// ---- the node ---------------------------------------------------------------------------------

/// Is there a node of the right chain, with a sane clock? False if the rest cannot be asked.
static bool check_node(struct ctx *ctx, struct findings *f)
{
    const enum exit_code chain = profile_check_chain(ctx);
    if (chain != EXIT_DONE) {
        problem(f, chain, chain == EXIT_USAGE ? "chain" : "node",
                ctx->hint[0] != 0 ? ctx->hint : NULL, ctx->message);
        return false;
    }
    found(f, "chain", "ok", NULL, "%s is chain %" PRIu64, ctx->set.rpc, ctx->chain_id);
    uint64_t number;
    uint64_t time_s;
    if (contract_head(ctx, &number, &time_s) != EXIT_DONE) {
        problem(f, EXIT_UNREACHABLE, "node", NULL, ctx->message);
        return false;
    }
    const uint64_t now = (uint64_t)time(NULL);
    if (time_s > now + CLOCK_AHEAD_MAX_S)
        problem(f, EXIT_USAGE, "clock", "set this machine's clock (timedatectl)",
                "the latest block is from the future");
    else
        found(f, "clock", "ok", NULL, "block %" PRIu64 " is from %s", number,
              text_age(time_s, now).s);
    json_t *next;
    const bool there =
        known_view_try(ctx, &next, FED_ROUNDS, "nextRoundId", NULL) == EXIT_DONE && next != NULL;
    if (there)
        found(f, "contracts", "ok", NULL, "the federation's contracts are there");
    else
        found(f, "contracts", "note", "is this the network that you mean? cairn network status",
              "there are no system contracts on this chain");
    if (there) json_decref(next);
    return there;
}

// ---- the account ------------------------------------------------------------------------------

static void check_unrevealed(struct ctx *ctx, struct findings *f, const address_t *who)
{
    uint64_t next;
    if (known_u64(ctx, &next, FED_ROUNDS, "nextRoundId", NULL) != EXIT_DONE) return;
    const uint64_t first = next > ROUNDS_CHECKED ? next - ROUNDS_CHECKED : 1;
    for (uint64_t id = first; id < next; id++) {
        uint64_t state;
        json_t *entry;
        if (known_u64(ctx, &state, FED_ROUNDS, "stateOf", json_pack("[o]", json_u64(id))) !=
            EXIT_DONE)
            return;
        if (state != ROUND_REVEAL) continue;
        if (known_value(ctx, &entry, FED_ROUNDS, "entryOf",
                        json_pack("[oo]", json_u64(id), json_address(who))) != EXIT_DONE)
            return;
        const bool waits = json_get_u64(json_object_get(entry, "status")) == 1;
        json_decref(entry);
        if (!waits) continue;
        char repair[64];
        char text[96];
        (void)snprintf(repair, sizeof repair, "cairn round resume %" PRIu64, id);
        (void)snprintf(text, sizeof text, "the commit to round %" PRIu64 " is not revealed yet",
                       id);
        problem(f, EXIT_USAGE, "rounds", repair, text);
    }
}

static void check_account(struct ctx *ctx, struct findings *f)
{
    address_t who;
    if (account_viewer(ctx, &who) != EXIT_DONE) {
        found(f, "account", "note", "--account NAME", "%s", ctx->message);
        return;
    }
    json_t *member;
    json_t *delegate;
    u256_t bond;
    u256_t need;
    if (known_value(ctx, &member, FED_MEMBERS, "isMember", json_pack("[o]", json_address(&who))) !=
        EXIT_DONE)
        return;
    found(f, "membership", json_is_true(member) ? "ok" : "note",
          json_is_true(member) ? NULL : "the DAO admits members: cairn dao propose", "%s %s",
          text_address(&who).s, json_is_true(member) ? "is a member" : "is no member");
    json_decref(member);
    if (known_u256(ctx, &bond, FED_REWARDS, "bonded", json_pack("[os]", json_address(&who), "0")) !=
            EXIT_DONE ||
        known_u256(ctx, &need, FED_REWARDS, "minBond", json_pack("[s]", "0")) != EXIT_DONE)
        return;
    const bool enough = !u256_lt(&bond, &need);
    found(f, "bond", enough ? "ok" : "note", enough ? NULL : "cairn reward bond participant AMOUNT",
          "%s CAIRN of %s", text_amount(&bond, 6).s, text_amount(&need, 6).s);
    if (known_value(ctx, &delegate, FED_CAIRN_TOKEN, "delegates",
                    json_pack("[o]", json_address(&who))) != EXIT_DONE)
        return;
    address_t to = {0};
    const char *text = json_string_value(delegate);
    const bool delegated =
        text != NULL && err_ok(text_parse_address(&to, text)) && !address_is_zero(&to);
    found(f, "delegation", delegated ? "ok" : "note",
          delegated ? NULL : "tokens vote once they are delegated: cairn dao delegate YOURSELF",
          "%s", delegated ? "the tokens vote" : "the tokens have no vote");
    json_decref(delegate);
    check_unrevealed(ctx, f, &who);
}

enum exit_code cmd_doctor(struct ctx *ctx, const struct args *a)
{
    (void)a;
    struct findings f = {.rows = json_array()};
    result_set(ctx, "findings", f.rows);
    check_folder(ctx, &f, "keystore");
    check_folder(ctx, &f, "salts");
    check_password_file(ctx, &f);
    check_accounts(ctx, &f);
    if (check_node(ctx, &f)) check_account(ctx, &f);
    static const struct out_column columns[] = {
        {"check", "CHECK", false},
        {"state", "STATE", false},
        {"found", "FOUND", false},
        {"repair", "REPAIR", false},
    };
    out_table(ctx, f.rows, columns, ARRAY_LEN(columns), "nothing to check");
    if (f.problems == 0) return EXIT_DONE;
    return fail(ctx, f.code, "each has its repair beside it", "%zu problem%s", f.problems,
                f.problems == 1 ? "" : "s");
}
