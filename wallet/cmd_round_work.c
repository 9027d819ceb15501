// SPDX-License-Identifier: Apache-2.0
/// What is done with everybody's updates: the selection, the aggregate, and its check by
/// anybody.
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "chain/crypto/digest.h"
#include "chain/fed/aggregate.h"
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

static json_t *round_arg(uint64_t id)
{
    json_t *args = json_array();
    (void)json_array_append_new(args, json_u64(id));
    return args;
}

// ---- select -----------------------------------------------------------------------------------

/// Reads what all of a list of addresses revealed; the caller frees.
static enum exit_code read_reveals(struct ctx *ctx, struct round_reveal **out, size_t *count,
                                   uint64_t round_id, const json_t *addresses)
{
    const size_t n = json_array_size(addresses);
    if (n > FED_INPUTS_MAX) return fail(ctx, EXIT_UNREACHABLE, NULL, "too many participants");
    struct round_reveal *list = calloc(n > 0 ? n : 1, sizeof *list);
    if (list == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; code == EXIT_DONE && i < n; i++) {
        address_t who;
        const char *text = json_string_value(json_array_get(addresses, i));
        if (text == NULL || !err_ok(text_parse_address(&who, text)))
            code = fail(ctx, EXIT_UNREACHABLE, NULL, "a participant is no address");
        else
            code = round_read_reveal(ctx, &list[i], round_id, &who);
    }
    if (code != EXIT_DONE) {
        free(list);
        return code;
    }
    *out = list;
    *count = n;
    return EXIT_DONE;
}

enum exit_code cmd_round_select(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    uint64_t id;
    STEP(round_parse(ctx, &id, a->pos[0]));
    json_t *inputs;
    STEP(known_value(ctx, &inputs, FED_ROUNDS, "selectionInputs", round_arg(id)));
    struct round_reveal *reveals = NULL;
    size_t count = 0;
    const enum exit_code read = read_reveals(ctx, &reveals, &count, id, inputs);
    json_decref(inputs);
    STEP(read);

    struct sketch *sketches = calloc(count > 0 ? count : 1, sizeof *sketches);
    if (sketches == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    for (size_t i = 0; i < count; i++) sketches[i] = reveals[i].sketch;
    struct buf call;
    buf_init(&call, (size_t)1 << 20);
    fed_call_select(&call, id, sketches, count);
    free(sketches);
    free(reveals);
    char what[96];
    (void)snprintf(what, sizeof what, "Run the selection of round %" PRIu64 " over %zu sketches",
                   id, count);
    struct sent sent;
    const enum exit_code code = round_send(ctx, &sent, &call, what, NULL);
    buf_deinit(&call);
    STEP(code);
    if (!sent.included) return EXIT_DONE;

    json_t *logs = known_receipt_logs(&sent, FED_ROUNDS, "Selected");
    json_t *args = json_object_get(json_array_get(logs, 0), "args");
    if (args == NULL) {
        out_line(ctx, "round %" PRIu64 " failed: cairn round status %" PRIu64, id, id);
        result_set(ctx, "result", json_pack("{sb}", "failed", 1));
    } else {
        const uint64_t accepted = json_get_u64(json_object_get(args, "acceptedBitmap"));
        out_line(ctx, "accepted %d of %zu", __builtin_popcountll(accepted), count);
        result_set(ctx, "result",
                   json_pack("{soso}", "accepted", json_u64(accepted), "scores",
                             json_incref(json_object_get(args, "scores"))));
    }
    json_decref(logs);
    sent_deinit(&sent);
    return EXIT_DONE;
}

// ---- aggregate --------------------------------------------------------------------------------

/// Everything an aggregate is made of, and the result.
struct aggregation {
    struct model_file base;
    struct fed_aggregate_claim claim;
    struct buf file; ///< the new model, ST-C1
    int32_t *sum;    ///< A
    int32_t *w_new;
};

static void aggregation_free(struct aggregation *g)
{
    model_file_close(&g->base);
    buf_deinit(&g->file);
    free(g->sum);
    free(g->w_new);
}

/// Adds one participant's update, after checking that it is what the participant revealed.
static enum exit_code add_update(struct ctx *ctx, struct aggregation *g, const struct round_info *r,
                                 const struct round_reveal *who, uint32_t weight, const char *dir)
{
    char *path = update_blob_path(dir, &who->reveal.upd_sha256);
    struct update u;
    const enum exit_code opened = update_open_raw(ctx, &u, path);
    if (opened != EXIT_DONE) {
        free(path);
        return opened;
    }
    struct sketch sketch;
    const bool same = u.d == r->d && hash_eq(&u.sha256, &who->reveal.upd_sha256) &&
                      hash_eq(&u.root, &who->reveal.upd_root);
    bool honest = false;
    if (same) {
        sketch_of_update(&sketch, &r->seed, u.u, u.d, NULL);
        honest = memcmp(&sketch, &who->sketch, sizeof sketch) == 0;
    }
    enum exit_code code = EXIT_DONE;
    if (!same)
        code = fail(ctx, EXIT_UNVERIFIED, NULL, "%s is not what %s revealed", path,
                    text_address(&who->participant).s);
    else if (!honest)
        code = fail(ctx, EXIT_UNVERIFIED, NULL, "the sketch of %s is not that of its update",
                    text_address(&who->participant).s);
    else if (!err_ok(fed_aggregate_add(g->sum, u.u, u.d, weight)))
        code = fail(ctx, EXIT_UNVERIFIED, NULL, "%s has an invalid coordinate", path);
    update_close(&u);
    free(path);
    return code;
}

/// The updates of all accepted participants with their effective weights.
static enum exit_code sum_updates(struct ctx *ctx, struct aggregation *g,
                                  const struct round_info *r, const char *dir)
{
    json_t *who;
    json_t *weights;
    STEP(known_value(ctx, &who, FED_ROUNDS, "participants", round_arg(r->id)));
    const enum exit_code asked =
        known_value(ctx, &weights, FED_ROUNDS, "effectiveWeights", round_arg(r->id));
    enum exit_code code = asked;
    uint64_t total = 0;
    for (size_t p = 0; code == EXIT_DONE && p < json_array_size(who) && p < 64; p++) {
        if ((r->accepted >> p & 1) == 0) continue;
        const uint64_t weight = json_get_u64(json_array_get(weights, p));
        address_t address;
        struct round_reveal rev;
        const char *text = json_string_value(json_array_get(who, p));
        if (text == NULL || !err_ok(text_parse_address(&address, text)) ||
            weight > FED_TOTAL_WEIGHT_MAX)
            code = fail(ctx, EXIT_UNREACHABLE, NULL, "the node's list of participants is wrong");
        if (code == EXIT_DONE) code = round_read_reveal(ctx, &rev, r->id, &address);
        if (code == EXIT_DONE) code = add_update(ctx, g, r, &rev, (uint32_t)weight, dir);
        total += weight;
    }
    json_decref(who);
    json_decref(weights);
    if (code == EXIT_DONE && (total != r->total_weight || total > FED_TOTAL_WEIGHT_MAX))
        code = fail(ctx, EXIT_UNREACHABLE, NULL, "the weights do not add up to the round's total");
    return code;
}

/// Computes A, the new model and all hashes of the claim.
static enum exit_code compute(struct ctx *ctx, struct aggregation *g, struct round_info *r,
                              const char *base_path, const char *dir)
{
    *g = (struct aggregation){0};
    buf_init(&g->file, (size_t)2 << 30);
    STEP(round_load_base(ctx, r));
    STEP(round_open_base(ctx, &g->base, r, base_path));
    if (g->base.d != r->d || r->lr_num > UINT32_MAX || r->lr_den > UINT32_MAX)
        return fail(ctx, EXIT_UNREACHABLE, NULL, "the round's parameters make no sense");
    const size_t d = g->base.d;
    g->sum = calloc(d, sizeof *g->sum);
    g->w_new = calloc(d, sizeof *g->w_new);
    if (g->sum == NULL || g->w_new == NULL)
        return fail(ctx, EXIT_INTERNAL, NULL, "not enough memory for the model");
    STEP(sum_updates(ctx, g, r, dir));

    err_t err = fed_apply(g->w_new, g->base.w, g->sum, d, (uint32_t)r->lr_num, (uint32_t)r->lr_den,
                          (uint32_t)r->total_weight);
    if (err_ok(err)) err = st_write_model(&g->file, &g->base.arena, &g->base.st, g->w_new, d);
    if (!err_ok(err)) return fail_err(ctx, EXIT_UNVERIFIED, "the new model", err);
    g->claim = (struct fed_aggregate_claim){
        .agg_root = fed_root_i32(g->sum, d),
        .agg_sha256 = fed_sha256_i32(g->sum, d),
        .new_model_root = fed_root_i32(g->w_new, d),
        .new_file_sha256 = sha256(buf_bytes(&g->file)),
        .size_bytes = g->file.len,
    };
    return EXIT_DONE;
}

static json_t *claim_json(const struct fed_aggregate_claim *c)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "aggRoot", json_hash(&c->agg_root));
    (void)json_object_set_new(o, "aggSha256", json_hash(&c->agg_sha256));
    (void)json_object_set_new(o, "newModelRoot", json_hash(&c->new_model_root));
    (void)json_object_set_new(o, "newFileSha256", json_hash(&c->new_file_sha256));
    (void)json_object_set_new(o, "sizeBytes", json_u64(c->size_bytes));
    (void)json_object_set_new(o, "cardHash", json_hash(&c->card_hash));
    return o;
}

static enum exit_code need_inputs(struct ctx *ctx, const struct args *a)
{
    if (args_has(a, "base") && args_has(a, "updates")) return EXIT_DONE;
    return fail(ctx, EXIT_USAGE, "cairn round aggregate --help",
                "--base FILE and --updates DIR are needed");
}

static enum exit_code post_aggregate(struct ctx *ctx, const struct aggregation *g, uint64_t id,
                                     const char *out_path)
{
    // The model is on disk before its hash is promised.
    const err_t err = file_write(out_path, buf_bytes(&g->file));
    if (!err_ok(err)) return fail_err(ctx, EXIT_STORE, out_path, err);
    const struct hex_text sum = hex_hash(&g->claim.new_file_sha256);
    out_line(ctx, "new model %s, sha256 %s", out_path, sum.s + 2);

    char what[96];
    (void)snprintf(what, sizeof what, "Post the aggregate of round %" PRIu64, id);
    struct buf call;
    buf_init(&call, 1024);
    fed_call_post_aggregate(&call, id, &g->claim);
    struct sent sent;
    const enum exit_code code = round_send(ctx, &sent, &call, what, NULL);
    buf_deinit(&call);
    STEP(code);
    result_set(ctx, "result", claim_json(&g->claim));
    sent_deinit(&sent);
    return EXIT_DONE;
}

enum exit_code cmd_round_aggregate(struct ctx *ctx, const struct args *a)
{
    STEP(need_inputs(ctx, a));
    if (!args_has(a, "out"))
        return fail(ctx, EXIT_USAGE, NULL, "--out FILE is missing: where the new model goes");
    struct round_info r;
    STEP(round_load_in(ctx, &r, a->pos[0], ROUND_AGGREGATE));
    struct aggregation g;
    enum exit_code code = compute(ctx, &g, &r, args_flag(a, "base"), args_flag(a, "updates"));
    if (code == EXIT_DONE) code = post_aggregate(ctx, &g, r.id, args_flag(a, "out"));
    aggregation_free(&g);
    round_deinit(&r);
    return code;
}

enum exit_code cmd_round_check(struct ctx *ctx, const struct args *a)
{
    STEP(need_inputs(ctx, a));
    STEP(profile_check_chain(ctx));
    uint64_t id;
    STEP(round_parse(ctx, &id, a->pos[0]));
    struct round_info r;
    STEP(round_load(ctx, &r, id));
    struct aggregation g = {0};
    enum exit_code code = EXIT_DONE;
    if (r.state < ROUND_CHALLENGE || r.state > ROUND_PAID)
        code =
            fail(ctx, EXIT_SIMULATION, NULL, "no aggregate is posted: round %" PRIu64 " is in %s",
                 id, round_state_name(r.state));
    if (code == EXIT_DONE)
        code = compute(ctx, &g, &r, args_flag(a, "base"), args_flag(a, "updates"));
    if (code == EXIT_DONE) {
        json_t *want = claim_json(&g.claim);
        const json_t *have = json_object_get(r.json, "aggregate");
        const char *key;
        json_t *v;
        json_object_foreach(want, key, v)
        {
            // The card is the aggregator's own; everything else follows from the round.
            if (strcmp(key, "cardHash") == 0 || json_equal(v, json_object_get(have, key))) continue;
            code = fail(ctx, EXIT_UNVERIFIED, "the posted aggregate is false: raise the alarm",
                        "%s: computed %s, posted %s", key, json_string_value(v),
                        json_string_value(json_object_get(have, key)));
            break;
        }
        if (code == EXIT_DONE) out_line(ctx, "the aggregate of round %" PRIu64 " is right", id);
        result_set(ctx, "computed", want);
    }
    if (code == EXIT_DONE && args_has(a, "out")) {
        const err_t err = file_write(args_flag(a, "out"), buf_bytes(&g.file));
        if (!err_ok(err)) code = fail_err(ctx, EXIT_STORE, args_flag(a, "out"), err);
    }
    aggregation_free(&g);
    round_deinit(&r);
    return code;
}
