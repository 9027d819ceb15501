// SPDX-License-Identifier: Apache-2.0
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "chain/crypto/digest.h"
#include "chain/crypto/keccak.h"
#include "chain/fed/commitment.h"
#include "wallet/account.h"
#include "wallet/known.h"
#include "wallet/model_file.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/round.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdlib.h>

#define FRAC_BITS 16
#define LINEAGE_DEPTH 16
#define LINEAGE_NODES 512
#define CARD_MAX ((size_t)16 << 20)

// ---- flags with numbers ---------------------------------------------------------------------

/// The number of a flag, or `fallback`.
static enum exit_code flag_number(struct ctx *ctx, uint64_t *out, const struct args *a,
                                  const char *name, uint64_t fallback, uint64_t max)
{
    *out = fallback;
    const char *text = args_flag(a, name);
    if (text == NULL) return EXIT_DONE;
    const err_t err = text_parse_u64(out, text, max);
    if (!err_ok(err)) return fail(ctx, EXIT_USAGE, NULL, "--%s: %s", name, err_text(err));
    return EXIT_DONE;
}

/// A policy by its name or address.
static enum exit_code parse_policy(struct ctx *ctx, address_t *out, const char *text)
{
    const char *name = text;
    if (strcasecmp(text, "fedavg") == 0) name = "FedAvg";
    if (strcasecmp(text, "multikrum") == 0 || strcasecmp(text, "multi-krum") == 0)
        name = "MultiKrum";
    if (known_address(out, name)) return EXIT_DONE;
    return account_resolve(ctx, out, text);
}

// ---- families ---------------------------------------------------------------------------------

enum exit_code cmd_model_create_family(struct ctx *ctx, const struct args *a)
{
    const char *name = a->pos[0];
    uint64_t d, scale, f, w_max, clip, lr_num, lr_den, no_reveal, late;
    if (!args_has(a, "params"))
        return fail(ctx, EXIT_USAGE, NULL, "--params is missing: the number of parameters");
    STEP(flag_number(ctx, &d, a, "params", 0, UINT32_MAX));
    STEP(flag_number(ctx, &scale, a, "scale", FRAC_BITS, 30));
    STEP(flag_number(ctx, &f, a, "faulty", 0, 255));
    STEP(flag_number(ctx, &w_max, a, "weight-max", 64, UINT16_MAX));
    STEP(flag_number(ctx, &clip, a, "clip", (uint64_t)1 << 21, UINT64_MAX - 1));
    STEP(flag_number(ctx, &lr_num, a, "lr-num", 1, UINT32_MAX));
    STEP(flag_number(ctx, &lr_den, a, "lr-den", 1, UINT32_MAX));
    STEP(flag_number(ctx, &no_reveal, a, "slash-no-reveal", 500, 10000));
    STEP(flag_number(ctx, &late, a, "slash-late", 100, 10000));
    address_t policy;
    STEP(parse_policy(ctx, &policy, args_has(a, "policy") ? args_flag(a, "policy") : "fedavg"));
    const char *task = args_has(a, "task") ? args_flag(a, "task") : "";
    const hash_t name_hash = keccak256(bytes_of_str(name));
    const hash_t task_hash = keccak256(bytes_of_str(task));

    json_t *p = json_object();
    (void)json_object_set_new(p, "nameHash", json_hash(&name_hash));
    (void)json_object_set_new(p, "taskSpecHash", json_hash(&task_hash));
    (void)json_object_set_new(p, "paramCount", json_u64(d));
    (void)json_object_set_new(p, "quantScale", json_u64(scale));
    (void)json_object_set_new(p, "policy", json_address(&policy));
    (void)json_object_set_new(p, "f", json_u64(f));
    (void)json_object_set_new(p, "wMax", json_u64(w_max));
    (void)json_object_set_new(p, "clip", json_u64(clip));
    (void)json_object_set_new(p, "lrNum", json_u64(lr_num));
    (void)json_object_set_new(p, "lrDen", json_u64(lr_den));
    (void)json_object_set_new(p, "slashBpsNoReveal", json_u64(no_reveal));
    (void)json_object_set_new(p, "slashBpsAggLate", json_u64(late));

    char what[160];
    (void)snprintf(what, sizeof what, "Create the model family %.80s", name);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_MODEL_REGISTRY, "createFamily", json_pack("[o]", p), what));
    if (!sent.included) return EXIT_DONE;
    json_t *logs = known_receipt_logs(&sent, FED_MODEL_REGISTRY, "FamilyCreated");
    json_t *id = json_object_get(json_object_get(json_array_get(logs, 0), "args"), "family");
    const char *text = json_string_value(id);
    out_line(ctx, "family %s: %s", name, text != NULL ? text : "?");
    result_set(ctx, "result", json_pack("{sOss}", "family", id, "name", name));
    json_decref(logs);
    sent_deinit(&sent);
    return EXIT_DONE;
}

enum exit_code cmd_model_family(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    hash_t family;
    STEP(model_find_family(ctx, &family, a->pos[0]));
    json_t *p;
    STEP(known_value(ctx, &p, FED_MODEL_REGISTRY, "familyParams",
                     json_pack("[o]", json_hash(&family))));
    json_t *owner;
    STEP(known_value(ctx, &owner, FED_MODEL_REGISTRY, "familyOwner",
                     json_pack("[o]", json_hash(&family))));
    u256_t pool;
    STEP(known_u256(ctx, &pool, FED_REWARDS, "familyPool", json_pack("[o]", json_hash(&family))));
    uint64_t versions;
    STEP(known_u64(ctx, &versions, FED_MODEL_REGISTRY, "versionCount",
                   json_pack("[o]", json_hash(&family))));
    address_t policy;
    const char *policy_text = json_string_value(json_object_get(p, "policy"));
    const char *policy_name = NULL;
    if (policy_text != NULL && err_ok(text_parse_address(&policy, policy_text)))
        policy_name = known_contract_name(&policy);

    out_field(ctx, "family", "%s", hex_hash(&family).s);
    out_field(ctx, "owner", "%s", json_string_value(owner));
    out_field(ctx, "policy", "%s, f = %s", policy_name != NULL ? policy_name : policy_text,
              json_string_value(json_object_get(p, "f")));
    out_field(ctx, "parameters", "%s, %s fractional bits",
              json_string_value(json_object_get(p, "paramCount")),
              json_string_value(json_object_get(p, "quantScale")));
    out_field(ctx, "weight at most", "%s", json_string_value(json_object_get(p, "wMax")));
    out_field(ctx, "norm bound", "%s", json_string_value(json_object_get(p, "clip")));
    out_field(ctx, "pool", "%s CAIRN", text_amount(&pool, 6).s);
    out_field(ctx, "versions", "%" PRIu64, versions);
    result_set(ctx, "family", json_hash(&family));
    result_set(ctx, "owner", owner);
    result_set(ctx, "policyName", policy_name != NULL ? json_string(policy_name) : json_null());
    result_set(ctx, "pool", json_u256(&pool));
    result_set(ctx, "versions", json_u64(versions));
    result_set(ctx, "params", p);
    return EXIT_DONE;
}

// ---- files ------------------------------------------------------------------------------------

enum exit_code cmd_model_hash(struct ctx *ctx, const struct args *a)
{
    struct model_file m;
    STEP(model_file_open(ctx, &m, a->pos[0], FRAC_BITS));
    char cid[CID_TEXT_LEN + 1];
    cid_text(cid, &m.sha256);
    const struct hex_text sum = hex_hash(&m.sha256);
    out_field(ctx, "sha256", "%s", sum.s + 2);
    out_field(ctx, "cid", "%s", cid);
    out_field(ctx, "model root", "%s", hex_hash(&m.root).s);
    out_field(ctx, "parameters", "%zu", m.d);
    out_field(ctx, "bytes", "%zu", m.len);
    result_set(ctx, "sha256", json_string(sum.s + 2));
    result_set(ctx, "cid", json_string(cid));
    result_set(ctx, "modelRoot", json_hash(&m.root));
    result_set(ctx, "paramCount", json_u64(m.d));
    result_set(ctx, "size", json_u64(m.len));
    model_file_close(&m);
    return EXIT_DONE;
}

enum exit_code cmd_model_canon(struct ctx *ctx, const struct args *a)
{
    char *bytes;
    size_t len;
    err_t err = file_read(&bytes, &len, a->pos[0], (size_t)2 << 30);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, a->pos[0], err);
    struct arena scratch;
    struct buf out;
    err = arena_init(&scratch, (size_t)4 << 30);
    buf_init(&out, (size_t)2 << 30);
    if (err_ok(err)) err = st_canonicalise(&out, &scratch, bytes_make(bytes, len));
    enum exit_code code = EXIT_DONE;
    if (!err_ok(err)) code = fail_err(ctx, EXIT_UNVERIFIED, a->pos[0], err);
    if (code == EXIT_DONE) {
        err = file_write(a->pos[1], buf_bytes(&out));
        if (!err_ok(err)) code = fail_err(ctx, EXIT_STORE, a->pos[1], err);
    }
    if (code == EXIT_DONE) {
        const hash_t sum = sha256(buf_bytes(&out));
        const struct hex_text text = hex_hash(&sum);
        out_line(ctx, "%s  %s", text.s + 2, a->pos[1]);
        result_set(ctx, "sha256", json_string(text.s + 2));
        result_set(ctx, "size", json_u64(out.len));
    }
    buf_deinit(&out);
    arena_deinit(&scratch);
    free(bytes);
    return code;
}

// ---- versions ---------------------------------------------------------------------------------

static enum exit_code parse_kind(struct ctx *ctx, uint64_t *out, const char *text)
{
    for (uint64_t k = 0; k <= FED_KIND_IMPORT; k++) {
        if (k != FED_KIND_ROUND_AGGREGATE && strcasecmp(text, model_kind_name(k)) == 0) {
            *out = k;
            return EXIT_DONE;
        }
    }
    return fail(ctx, EXIT_USAGE, NULL,
                "--kind is genesis, fineTune, merge, distilled, quantised or import, not `%s`",
                text);
}

/// Parents of --parent flags, as an array of ids.
static enum exit_code parse_parents(struct ctx *ctx, json_t **out, const struct args *a)
{
    *out = json_array();
    const char *text;
    for (size_t k = 0; (text = args_flag_at(a, "parent", k)) != NULL; k++) {
        hash_t id;
        const enum exit_code code = model_find_version(ctx, &id, text);
        if (code != EXIT_DONE) {
            json_decref(*out);
            return code;
        }
        (void)json_array_append_new(*out, json_hash(&id));
    }
    return EXIT_DONE;
}

enum exit_code cmd_model_register(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    hash_t family;
    STEP(model_find_family(ctx, &family, a->pos[0]));
    uint64_t kind = FED_KIND_GENESIS;
    if (args_has(a, "kind")) STEP(parse_kind(ctx, &kind, args_flag(a, "kind")));
    hash_t card = {{0}};
    if (args_has(a, "card")) {
        char *text;
        size_t len;
        const err_t err = file_read(&text, &len, args_flag(a, "card"), CARD_MAX);
        if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, args_flag(a, "card"), err);
        card = sha256(bytes_make(text, len));
        free(text);
    }
    json_t *params;
    STEP(known_value(ctx, &params, FED_MODEL_REGISTRY, "familyParams",
                     json_pack("[o]", json_hash(&family))));
    const uint64_t d = json_get_u64(json_object_get(params, "paramCount"));
    const uint64_t scale = json_get_u64(json_object_get(params, "quantScale"));
    json_decref(params);

    struct model_file m;
    STEP(model_file_open(ctx, &m, a->pos[1], (unsigned)(scale <= 30 ? scale : 30)));
    if (m.d != d) {
        const size_t have = m.d;
        model_file_close(&m);
        return fail(ctx, EXIT_USAGE, NULL, "%s has %zu parameters, the family has %" PRIu64,
                    a->pos[1], have, d);
    }
    const hash_t sum = m.sha256;
    const hash_t root = m.root;
    const size_t size = m.len;
    model_file_close(&m);

    json_t *parents;
    STEP(parse_parents(ctx, &parents, a));
    json_t *values = json_array();
    (void)json_array_append_new(values, json_hash(&family));
    (void)json_array_append_new(values, json_u64(kind));
    (void)json_array_append_new(values, parents);
    (void)json_array_append_new(values, json_hash(&sum));
    (void)json_array_append_new(values, json_hash(&root));
    (void)json_array_append_new(values, json_u64(size));
    (void)json_array_append_new(values, json_hash(&card));

    char what[200];
    (void)snprintf(what, sizeof what, "Register %.100s as a version (%s)", a->pos[1],
                   model_kind_name(kind));
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_MODEL_REGISTRY, "registerVersion", values, what));
    if (!sent.included) return EXIT_DONE;
    json_t *logs = known_receipt_logs(&sent, FED_MODEL_REGISTRY, "VersionRegistered");
    json_t *id = json_object_get(json_object_get(json_array_get(logs, 0), "args"), "version");
    const struct hex_text text = hex_hash(&sum);
    out_line(ctx, "version %s, file sha256 %s", json_string_value(id), text.s + 2);
    result_set(ctx, "result", json_pack("{sOss}", "version", id, "sha256", text.s + 2));
    json_decref(logs);
    sent_deinit(&sent);
    return EXIT_DONE;
}

/// A version as an object for people and --json.
static enum exit_code version_object(struct ctx *ctx, json_t **out, const hash_t *id)
{
    json_t *v;
    STEP(known_value(ctx, &v, FED_MODEL_REGISTRY, "getVersion", json_pack("[o]", json_hash(id))));
    json_t *info;
    const enum exit_code code =
        known_view(ctx, &info, FED_MODEL_REGISTRY, "versionInfo", json_pack("[o]", json_hash(id)));
    if (code != EXIT_DONE) {
        json_decref(v);
        return code;
    }
    (void)json_object_set_new(v, "version", json_hash(id));
    (void)json_object_set_new(v, "status",
                              json_string(model_state_name(json_get_u64(json_array_get(info, 1)))));
    (void)json_object_set_new(
        v, "kind", json_string(model_kind_name(json_get_u64(json_object_get(v, "kind")))));
    (void)json_object_set_new(
        v, "created", json_string(text_time(json_get_u64(json_object_get(v, "createdAt"))).s));
    json_decref(info);
    *out = v;
    return EXIT_DONE;
}

/// Is this version or any ancestor revoked?
static enum exit_code is_tainted(struct ctx *ctx, bool *out, const hash_t *id)
{
    json_t *queue = json_array();
    (void)json_array_append_new(queue, json_hash(id));
    *out = false;
    enum exit_code code = EXIT_DONE;
    for (size_t at = 0; at < json_array_size(queue) && at < LINEAGE_NODES && !*out; at++) {
        json_t *v;
        code = known_value(ctx, &v, FED_MODEL_REGISTRY, "getVersion",
                           json_pack("[O]", json_array_get(queue, at)));
        if (code != EXIT_DONE) break;
        *out = json_is_true(json_object_get(v, "revoked"));
        (void)json_array_extend(queue, json_object_get(v, "parents"));
        json_decref(v);
    }
    json_decref(queue);
    return code;
}

static const char *member_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "-";
}

enum exit_code cmd_model_show(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    hash_t id;
    STEP(model_find_version(ctx, &id, a->pos[0]));
    json_t *v;
    STEP(version_object(ctx, &v, &id));
    bool tainted;
    STEP(is_tainted(ctx, &tainted, &id));
    (void)json_object_set_new(v, "tainted", json_boolean(tainted));

    out_field(ctx, "version", "%s", hex_hash(&id).s);
    out_field(ctx, "family", "%s, number %s", member_text(v, "family"), member_text(v, "number"));
    out_field(ctx, "kind", "%s", member_text(v, "kind"));
    out_field(ctx, "status", "%s%s", member_text(v, "status"), tainted ? ", tainted" : "");
    out_field(ctx, "file sha256", "%s", member_text(v, "fileSha256") + 2);
    out_field(ctx, "model root", "%s", member_text(v, "modelRoot"));
    out_field(ctx, "bytes", "%s", member_text(v, "size"));
    out_field(ctx, "round", "%s", member_text(v, "roundId"));
    out_field(ctx, "registered by", "%s", member_text(v, "registeredBy"));
    out_field(ctx, "created", "%s", member_text(v, "created"));
    size_t i;
    json_t *parent;
    json_array_foreach(json_object_get(v, "parents"), i, parent)
        out_field(ctx, "parent", "%s", json_string_value(parent));
    (void)json_object_update(ctx->result != NULL ? ctx->result : (ctx->result = json_object()), v);
    json_decref(v);
    return EXIT_DONE;
}

enum exit_code cmd_model_list(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    hash_t family;
    if (a->pos_count > 0) STEP(model_find_family(ctx, &family, a->pos[0]));
    json_t *logs;
    STEP(model_versions(ctx, &logs, a->pos_count > 0 ? &family : NULL));
    json_t *rows = json_array();
    size_t i;
    json_t *log;
    json_array_foreach(logs, i, log)
    {
        hash_t id;
        const json_t *args = json_object_get(log, "args");
        if (!err_ok(text_parse_hash(&id, member_text(args, "version")))) continue;
        json_t *v;
        STEP(version_object(ctx, &v, &id));
        char short_id[16];
        (void)snprintf(short_id, sizeof short_id, "%.12s", hex_hash(&id).s);
        (void)json_object_set_new(v, "short", json_string(short_id));
        (void)json_array_append_new(rows, v);
    }
    json_decref(logs);
    static const struct out_column columns[] = {
        {"number", "NUMBER", true},
        {"short", "VERSION", false},
        {"kind", "KIND", false},
        {"status", "STATUS", false},
        {"roundId", "ROUND", true},
        {"created", "CREATED", false},
        {"fileSha256", "FILE SHA256", false},
    };
    out_table(ctx, rows, columns, ARRAY_LEN(columns), "no versions");
    result_set(ctx, "versions", rows);
    return EXIT_DONE;
}

/// Prints a version and its ancestors as an indented tree; nodes collect for --json.
static enum exit_code lineage_walk(struct ctx *ctx, json_t *nodes, const char *id_text,
                                   unsigned depth, unsigned max_depth)
{
    hash_t id;
    if (!err_ok(text_parse_hash(&id, id_text)))
        return fail(ctx, EXIT_UNREACHABLE, NULL, "the node named a version that is none");
    if (json_array_size(nodes) >= LINEAGE_NODES) return EXIT_DONE;
    json_t *v;
    STEP(version_object(ctx, &v, &id));
    const char *round = member_text(v, "roundId");
    const bool by_round = strcmp(round, "0") != 0;
    out_line(ctx, "%*s%.12s  %s%s%s, %s%s, sha256 %.16s..", (int)(2 * depth), "", id_text,
             member_text(v, "kind"), by_round ? " of round " : "", by_round ? round : "",
             member_text(v, "status"),
             json_is_true(json_object_get(v, "revoked")) ? ", REVOKED" : "",
             member_text(v, "fileSha256") + 2);
    (void)json_array_append(nodes, v);
    enum exit_code code = EXIT_DONE;
    size_t i;
    json_t *parent;
    if (depth < max_depth) {
        json_array_foreach(json_object_get(v, "parents"), i, parent)
        {
            code = lineage_walk(ctx, nodes, json_string_value(parent), depth + 1, max_depth);
            if (code != EXIT_DONE) break;
        }
    } else if (json_array_size(json_object_get(v, "parents")) > 0) {
        out_line(ctx, "%*s..", (int)(2 * depth + 2), "");
    }
    json_decref(v);
    return code;
}

enum exit_code cmd_model_lineage(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    uint64_t depth;
    STEP(flag_number(ctx, &depth, a, "depth", LINEAGE_DEPTH, 256));
    hash_t id;
    STEP(model_find_version(ctx, &id, a->pos[0]));
    json_t *nodes = json_array();
    result_set(ctx, "nodes", nodes);
    return lineage_walk(ctx, nodes, hex_hash(&id).s, 0, (unsigned)depth);
}

enum exit_code cmd_model_verify(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    struct model_file m;
    STEP(model_file_open(ctx, &m, a->pos[0], FRAC_BITS));
    const hash_t root = m.root;
    model_file_close(&m);
    hash_t id;
    STEP(model_find_version(ctx, &id, a->pos[0]));
    if (args_has(a, "version")) {
        hash_t want;
        STEP(model_find_version(ctx, &want, args_flag(a, "version")));
        if (!hash_eq(&id, &want))
            return fail(ctx, EXIT_UNVERIFIED, NULL, "the file is version %s, not %s",
                        hex_hash(&id).s, hex_hash(&want).s);
    }
    json_t *v;
    STEP(version_object(ctx, &v, &id));
    if (strcmp(member_text(v, "modelRoot"), hex_hash(&root).s) != 0)
        return fail(ctx, EXIT_UNVERIFIED, NULL,
                    "the file is registered, but its parameters have the root %s and not %s",
                    hex_hash(&root).s, member_text(v, "modelRoot"));
    bool tainted;
    STEP(is_tainted(ctx, &tainted, &id));
    out_line(ctx, "%s is version %s", a->pos[0], hex_hash(&id).s);
    out_field(ctx, "kind", "%s", member_text(v, "kind"));
    out_field(ctx, "status", "%s%s", member_text(v, "status"), tainted ? ", TAINTED" : "");
    out_field(ctx, "round", "%s", member_text(v, "roundId"));

    const struct hex_text topic = hex_hash(&id);
    const char *const topics[4] = {NULL, NULL, NULL, topic.s};
    json_t *logs;
    STEP(known_find_logs(ctx, &logs, FED_ROUNDS, "ContributionProven", topics));
    json_t *contributors = json_array();
    size_t i;
    json_t *log;
    json_array_foreach(logs, i, log)
    {
        json_t *args = json_object_get(log, "args");
        const uint64_t status = json_get_u64(json_object_get(args, "status"));
        const bool accepted = status == ROUND_STATUS_ACCEPTED;
        if (accepted) (void)json_array_append(contributors, args);
        out_field(ctx, accepted ? "contributor" : "not in it", "%s, weight %s, %s",
                  member_text(args, "participant"), member_text(args, "weight"),
                  round_status_name(status));
    }
    json_decref(logs);
    result_set(ctx, "version", json_hash(&id));
    result_set(ctx, "tainted", json_boolean(tainted));
    result_set(ctx, "contributors", contributors);
    result_set(ctx, "details", v);
    return EXIT_DONE;
}

/// A transition of one version.
static enum exit_code version_write(struct ctx *ctx, const char *text, const char *function,
                                    const char *verb)
{
    STEP(profile_check_chain(ctx));
    hash_t id;
    STEP(model_find_version(ctx, &id, text));
    char what[160];
    (void)snprintf(what, sizeof what, "%s version %s", verb, hex_hash(&id).s);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_MODEL_REGISTRY, function, json_pack("[o]", json_hash(&id)),
                     what));
    result_set(ctx, "result", json_pack("{so}", "version", json_hash(&id)));
    sent_deinit(&sent);
    return EXIT_DONE;
}

enum exit_code cmd_model_approve(struct ctx *ctx, const struct args *a)
{
    return version_write(ctx, a->pos[0], "approve", "Approve");
}

enum exit_code cmd_model_deploy(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    hash_t id;
    STEP(model_find_version(ctx, &id, a->pos[0]));
    const char *channel = args_has(a, "channel") ? args_flag(a, "channel") : "stable";
    if (channel[0] == 0 || strlen(channel) > 31)
        return fail(ctx, EXIT_USAGE, NULL, "a channel's name has 1 to 31 letters");
    hash_t name = {{0}};
    memcpy(name.b, channel, strlen(channel));
    json_t *v;
    STEP(version_object(ctx, &v, &id));
    char what[200];
    (void)snprintf(what, sizeof what, "Deploy version %s on channel %s", hex_hash(&id).s, channel);
    struct sent sent;
    const enum exit_code code = known_write(
        ctx, &sent, FED_MODEL_REGISTRY, "deploy",
        json_pack("[Ooo]", json_object_get(v, "family"), json_hash(&name), json_hash(&id)), what);
    json_decref(v);
    STEP(code);
    sent_deinit(&sent);
    return EXIT_DONE;
}
