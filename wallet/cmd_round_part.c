// SPDX-License-Identifier: Apache-2.0
/// A participant's part in a round: commit, reveal, and going on after an interruption.
///
/// Whatever kills the wallet, and whenever: the salt of what was sent is on disk, and the same
/// command (or `cairn round resume`) comes to the same commit, never to a second one.
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "chain/crypto/random.h"
#include "chain/fed/calls.h"
#include "wallet/account.h"
#include "wallet/model_file.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/revert.h"
#include "wallet/round.h"
#include "wallet/send.h"
#include "wallet/text.h"
#include "wallet/update.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define STATUS_NONE 0
#define STATUS_COMMITTED 1

/// What the contract has of this account in this round.
struct entry {
    uint64_t status;
    hash_t digest; ///< zero without a commit
};

static enum exit_code load_entry(struct ctx *ctx, struct entry *out, uint64_t id,
                                 const address_t *who)
{
    json_t *v;
    STEP(known_value(ctx, &v, FED_ROUNDS, "entryOf",
                     json_pack("[oo]", json_u64(id), json_address(who))));
    const char *text = json_string_value(json_object_get(v, "digest"));
    out->status = json_get_u64(json_object_get(v, "status"));
    const bool ok = text != NULL && err_ok(text_parse_hash(&out->digest, text));
    json_decref(v);
    if (ok) return EXIT_DONE;
    return fail(ctx, EXIT_UNREACHABLE, NULL, "the node's answer about the commit is wrong");
}

static enum exit_code my_address(struct ctx *ctx, address_t *out)
{
    struct account me;
    STEP(account_sender(ctx, &me));
    *out = me.address;
    account_deinit(&me);
    return EXIT_DONE;
}

/// What is in a block need not be sent again.
static void forget_kept(struct ctx *ctx, const struct salt_record *r, const char *ending)
{
    char *path = salt_path(ctx, r, ending);
    (void)unlink(path);
    free(path);
}

// ---- commit -----------------------------------------------------------------------------------

static void report_commit(struct ctx *ctx, const struct salt_record *r, bool before)
{
    out_line(ctx, "committed to round %" PRIu64 "%s: digest %s", r->round_id,
             before ? " before" : "", hex_hash(&r->digest).s);
    out_note(ctx, "next: cairn round reveal %" PRIu64 ", once the seed is drawn", r->round_id);
    result_set(ctx, "result",
               json_pack("{sososo}", "round", json_u64(r->round_id), "digest",
                         json_hash(&r->digest), "updRoot", json_hash(&r->reveal.upd_root)));
}

/// Sends the commit of a record whose files are on disk: the transaction that is kept, if
/// there is one and it can still be included, else a new one with the same digest.
static enum exit_code send_commit(struct ctx *ctx, struct sent *sent, const struct salt_record *r,
                                  bool replaces)
{
    char *keep = salt_path(ctx, r, "commit");
    const bool looks = ctx->set.dry_run || ctx->set.unsigned_file != NULL;
    bool gone = true;
    *sent = (struct sent){0};
    enum exit_code code = looks ? EXIT_DONE : send_kept(ctx, sent, &gone, keep);
    if (code == EXIT_DONE && gone) {
        char what[128];
        (void)snprintf(what, sizeof what, "%s round %" PRIu64 " with weight %" PRIu64,
                       replaces ? "Replace your commit to" : "Commit to", r->round_id,
                       r->reveal.weight);
        struct buf call;
        buf_init(&call, 1024);
        fed_call_commit(&call, r->round_id, &r->digest);
        code = round_send(ctx, sent, &call, what, keep);
        buf_deinit(&call);
    }
    if (code == EXIT_DONE && sent->included) (void)unlink(keep);
    free(keep);
    return code;
}

static enum exit_code commit_locked(struct ctx *ctx, const struct round_info *r,
                                    const struct update *u, struct salt_record *record)
{
    struct entry entry;
    STEP(load_entry(ctx, &entry, r->id, &record->participant));
    struct salt_record kept;
    size_t count;
    salt_find(ctx, &kept, &count, record->chain_id, &record->rounds, r->id, &record->participant,
              &record->reveal);
    const bool committed = entry.status == STATUS_COMMITTED;
    const bool fresh = count == 0;
    if (!fresh) {
        if (committed && hash_eq(&entry.digest, &kept.digest)) {
            forget_kept(ctx, &kept, "commit");
            report_commit(ctx, &kept, true);
            return EXIT_DONE;
        }
        *record = kept;
    } else {
        const err_t err = random_bytes(&record->reveal.salt, sizeof record->reveal.salt);
        if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "the salt", err);
        record->digest = fed_commit_digest(record->chain_id, &record->rounds, record->round_id,
                                           &record->participant, &record->reveal);
        // Before anything leaves: a commit whose salt is lost costs stake.
        if (!ctx->set.dry_run) STEP(salt_save(ctx, record, u));
    }
    struct sent sent;
    const enum exit_code code = send_commit(ctx, &sent, record, committed);
    // What never left this machine is no commit; --unsigned leaves it by another way.
    const bool kept_back = !sent.left && ctx->set.unsigned_file == NULL;
    if (code != EXIT_DONE && fresh && kept_back) salt_remove(ctx, record);
    if (code == EXIT_DONE && !ctx->set.dry_run) report_commit(ctx, record, false);
    sent_deinit(&sent);
    return code;
}

static enum exit_code commit(struct ctx *ctx, const struct round_info *r, const struct update *u,
                             uint64_t weight)
{
    if (u->d != r->d)
        return fail(ctx, EXIT_USAGE, NULL, "the update has %zu coordinates, the model %" PRIu64,
                    u->d, r->d);
    struct salt_record record = {
        .chain_id = ctx->chain_id,
        .rounds = fed_contract_address[FED_ROUNDS],
        .round_id = r->id,
        .reveal = {.base_version_id = r->base,
                   .upd_root = u->root,
                   .upd_sha256 = u->sha256,
                   .d = u->d,
                   .weight = weight},
    };
    STEP(my_address(ctx, &record.participant));
    struct salt_lock lock;
    STEP(salt_lock(ctx, &lock, r->id, &record.participant));
    const enum exit_code code = commit_locked(ctx, r, u, &record);
    salt_unlock(&lock);
    secret_wipe(&record, sizeof record);
    return code;
}

enum exit_code cmd_round_commit(struct ctx *ctx, const struct args *a)
{
    if (!args_has(a, "update") || !args_has(a, "base"))
        return fail(ctx, EXIT_USAGE, "cairn round commit --help", "--update and --base are needed");
    uint64_t weight = 0;
    if (!args_has(a, "weight"))
        return fail(ctx, EXIT_USAGE, "the number of rows trained on, at most the family's cap",
                    "--weight is missing");
    const err_t err = text_parse_u64(&weight, args_flag(a, "weight"), UINT32_MAX);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, "--weight", err);

    struct round_info r;
    STEP(round_load_in(ctx, &r, a->pos[0], ROUND_OPEN));
    enum exit_code code = round_load_base(ctx, &r);
    struct model_file base;
    if (code == EXIT_DONE) {
        code = round_open_base(ctx, &base, &r, args_flag(a, "base"));
        if (code == EXIT_DONE) model_file_close(&base);
    }
    struct update u;
    if (code == EXIT_DONE) {
        code = update_open(ctx, &u, args_flag(a, "update"), (unsigned)r.scale);
        if (code == EXIT_DONE) {
            code = commit(ctx, &r, &u, weight);
            update_close(&u);
        }
    }
    round_deinit(&r);
    return code;
}

// ---- reveal -----------------------------------------------------------------------------------

/// Hands the update to the aggregators: a file in a folder that they read.
static enum exit_code publish(struct ctx *ctx, const struct salt_record *record,
                              const struct update *u, const char *dir)
{
    STEP(profile_make_dir(ctx, dir));
    char *path = update_blob_path(dir, &record->reveal.upd_sha256);
    const err_t err = file_write(path, bytes_make(u->file, 2 * u->d));
    enum exit_code code = EXIT_DONE;
    if (!err_ok(err))
        code = fail_err(ctx, EXIT_STORE, path, err);
    else
        out_line(ctx, "update for the aggregators: %s", path);
    free(path);
    return code;
}

/// Sends the reveal, or goes on with the one that is kept.
static enum exit_code send_reveal(struct ctx *ctx, struct sent *sent, const struct round_info *r,
                                  const struct salt_record *record, const struct update *u)
{
    char *keep = salt_path(ctx, record, "reveal");
    const bool looks = ctx->set.dry_run || ctx->set.unsigned_file != NULL;
    bool gone = true;
    *sent = (struct sent){0};
    enum exit_code code = looks ? EXIT_DONE : send_kept(ctx, sent, &gone, keep);
    if (code == EXIT_DONE && gone) {
        struct sketch sketch;
        sketch_of_update(&sketch, &r->seed, u->u, u->d, NULL);
        struct buf call;
        buf_init(&call, 8192);
        fed_call_reveal(&call, r->id, &record->reveal, &sketch);
        char what[96];
        (void)snprintf(what, sizeof what, "Reveal in round %" PRIu64, r->id);
        code = round_send(ctx, sent, &call, what, keep);
        buf_deinit(&call);
    }
    if (code == EXIT_DONE && sent->included) (void)unlink(keep);
    free(keep);
    return code;
}

static void report_reveal(struct ctx *ctx, const struct round_info *r, const struct sent *sent)
{
    json_t *refused = known_receipt_logs(sent, FED_ROUNDS, "Refused");
    json_t *reason = json_object_get(json_object_get(json_array_get(refused, 0), "args"), "reason");
    if (reason != NULL) {
        const char *why = round_refusal_name(json_get_u64(reason));
        out_line(ctx, "revealed, but refused: %s", why);
        result_set(ctx, "result", json_pack("{sbss}", "refused", 1, "reason", why));
    } else {
        out_line(ctx, "revealed in round %" PRIu64, r->id);
        result_set(ctx, "result", json_pack("{sb}", "refused", 0));
    }
    json_decref(refused);
}

static enum exit_code reveal_locked(struct ctx *ctx, const struct round_info *r,
                                    const address_t *who, const char *publish_dir)
{
    struct entry entry;
    STEP(load_entry(ctx, &entry, r->id, who));
    if (entry.status == STATUS_NONE)
        return fail(ctx, EXIT_SIMULATION, NULL, "%s did not commit to round %" PRIu64,
                    text_address(who).s, r->id);
    struct salt_record record;
    struct update u;
    STEP(salt_load(ctx, &record, &u, ctx->chain_id, &fed_contract_address[FED_ROUNDS], r->id, who,
                   &entry.digest));
    struct sent sent = {0};
    enum exit_code code = EXIT_DONE;
    if (entry.status == STATUS_COMMITTED) {
        code = send_reveal(ctx, &sent, r, &record, &u);
    } else {
        forget_kept(ctx, &record, "reveal");
        out_line(ctx, "revealed in round %" PRIu64 " before", r->id);
        result_set(ctx, "result", json_pack("{sbsb}", "refused", 0, "before", 1));
    }
    // Only now, when commits are closed for good: nobody can copy it into this round.
    const bool looks = ctx->set.dry_run || ctx->set.unsigned_file != NULL;
    if (code == EXIT_DONE && publish_dir != NULL && !looks)
        code = publish(ctx, &record, &u, publish_dir);
    update_close(&u);
    secret_wipe(&record, sizeof record);
    if (code == EXIT_DONE && sent.included) report_reveal(ctx, r, &sent);
    sent_deinit(&sent);
    return code;
}

static enum exit_code reveal(struct ctx *ctx, const struct round_info *r, const char *publish_dir)
{
    address_t who;
    STEP(my_address(ctx, &who));
    struct salt_lock lock;
    STEP(salt_lock(ctx, &lock, r->id, &who));
    const enum exit_code code = reveal_locked(ctx, r, &who, publish_dir);
    salt_unlock(&lock);
    return code;
}

enum exit_code cmd_round_reveal(struct ctx *ctx, const struct args *a)
{
    struct round_info r;
    STEP(round_load_in(ctx, &r, a->pos[0], ROUND_REVEAL));
    const enum exit_code code = reveal(ctx, &r, args_flag(a, "publish"));
    round_deinit(&r);
    return code;
}

// ---- resume -----------------------------------------------------------------------------------

static enum exit_code resumed(struct ctx *ctx, const char *action, const char *say)
{
    out_line(ctx, "%s", say);
    result_set(ctx, "action", json_string(action));
    return EXIT_DONE;
}

/// Goes on with a commit that was begun here.
static enum exit_code resume_commit(struct ctx *ctx, const struct round_info *r,
                                    const address_t *who)
{
    struct entry entry;
    STEP(load_entry(ctx, &entry, r->id, who));
    struct salt_record record;
    size_t count;
    salt_find(ctx, &record, &count, ctx->chain_id, &fed_contract_address[FED_ROUNDS], r->id, who,
              NULL);
    if (count == 0 && entry.status == STATUS_NONE)
        return resumed(ctx, "none", "no commit was begun here: cairn round commit");
    if (entry.status == STATUS_COMMITTED) {
        struct salt_record mine;
        struct update u;
        STEP(salt_load(ctx, &mine, &u, ctx->chain_id, &fed_contract_address[FED_ROUNDS], r->id, who,
                       &entry.digest));
        update_close(&u);
        forget_kept(ctx, &mine, "commit");
        report_commit(ctx, &mine, true);
        secret_wipe(&mine, sizeof mine);
        return resumed(ctx, "wait", "the commit stands and its salt is here");
    }
    if (count > 1)
        return fail(ctx, EXIT_USAGE, "repeat cairn round commit with the update that is meant",
                    "%zu different commits were begun here", count);
    struct sent sent;
    const enum exit_code code = send_commit(ctx, &sent, &record, false);
    if (code == EXIT_DONE) report_commit(ctx, &record, false);
    sent_deinit(&sent);
    secret_wipe(&record, sizeof record);
    if (code == EXIT_DONE) result_set(ctx, "action", json_string("commit"));
    return code;
}

static enum exit_code resume_reveal(struct ctx *ctx, const struct round_info *r,
                                    const address_t *who, const char *publish_dir)
{
    struct entry entry;
    STEP(load_entry(ctx, &entry, r->id, who));
    if (entry.status == STATUS_NONE)
        return resumed(ctx, "none", "this account did not commit: there is nothing to reveal");
    const bool open = entry.status == STATUS_COMMITTED;
    STEP(reveal_locked(ctx, r, who, publish_dir));
    result_set(ctx, "action", json_string(open ? "reveal" : "wait"));
    return EXIT_DONE;
}

/// The round is past what this account could do: nothing of it is sent again.
static enum exit_code resume_nothing(struct ctx *ctx, uint64_t id, const address_t *who)
{
    struct salt_record record;
    size_t count;
    salt_find(ctx, &record, &count, ctx->chain_id, &fed_contract_address[FED_ROUNDS], id, who,
              NULL);
    if (count > 0) {
        forget_kept(ctx, &record, "commit");
        forget_kept(ctx, &record, "reveal");
        secret_wipe(&record, sizeof record);
    }
    return resumed(ctx, "none", "nothing here depends on this account: cairn round next");
}

enum exit_code cmd_round_resume(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    uint64_t id;
    STEP(round_parse(ctx, &id, a->pos[0]));
    address_t who;
    STEP(my_address(ctx, &who));
    struct round_info r;
    STEP(round_load(ctx, &r, id));
    struct salt_lock lock;
    enum exit_code code = salt_lock(ctx, &lock, id, &who);
    if (code == EXIT_DONE) {
        result_set(ctx, "round", json_u64(id));
        result_set(ctx, "state", json_string(round_state_name(r.state)));
        if (r.state == ROUND_OPEN || r.state == ROUND_SEALED)
            code = resume_commit(ctx, &r, &who);
        else if (r.state == ROUND_REVEAL)
            code = resume_reveal(ctx, &r, &who, args_flag(a, "publish"));
        else
            code = resume_nothing(ctx, id, &who);
        salt_unlock(&lock);
    }
    round_deinit(&r);
    return code;
}
