// SPDX-License-Identifier: Apache-2.0
#include "wallet/round.h"

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "chain/fed/calls.h"
#include "wallet/client.h"
#include "wallet/revert.h"
#include "wallet/text.h"

#include "wallet/profile.h"

#include <inttypes.h>
#include <stdlib.h>

#define SCALE_MAX 30

static const char *const statuses[] = {"none",    "committed", "revealed",    "accepted",
                                       "refused", "duplicate", "unavailable", "noReveal"};
static const char *const refusals[] = {
    "",
    "trained from another base version",
    "another number of parameters",
    "declared weight zero",
    "bond below the round's minimum",
    "no member any more",
    "norm beyond the bound",
    "names a child round",
    "too far from the others (the policy left it out)",
};
static const char *const failures[] = {
    "", "too few commits", "too few reveals", "the policy failed", "no aggregate was posted",
};

const char *round_status_name(uint64_t status)
{
    return status < ARRAY_LEN(statuses) ? statuses[status] : "unknown";
}

const char *round_refusal_name(uint64_t refusal)
{
    return refusal < ARRAY_LEN(refusals) ? refusals[refusal] : "unknown";
}

const char *round_failure_name(uint64_t failure)
{
    return failure < ARRAY_LEN(failures) ? failures[failure] : "unknown";
}

enum exit_code round_parse(struct ctx *ctx, uint64_t *out, const char *text)
{
    const err_t err = text_parse_u64(out, text, UINT64_MAX - 1);
    if (!err_ok(err))
        return fail(ctx, EXIT_USAGE, "cairn round list", "no number of a round: %s", text);
    return EXIT_DONE;
}

static bool get_hash(hash_t *out, const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL && err_ok(text_parse_hash(out, s));
}

enum exit_code round_load(struct ctx *ctx, struct round_info *out, uint64_t id)
{
    *out = (struct round_info){.id = id};
    json_t *args = json_array();
    (void)json_array_append_new(args, json_u64(id));
    json_t *values;
    STEP(known_view_try(ctx, &values, FED_ROUNDS, "roundInfo", args));
    if (values == NULL) {
        // Refused, or no contract: a number that every Rounds knows tells which.
        uint64_t next;
        STEP(known_u64(ctx, &next, FED_ROUNDS, "nextRoundId", NULL));
        return fail(ctx, EXIT_REFUSED, "cairn round list", "there is no round %" PRIu64, id);
    }
    json_t *v = json_incref(json_array_get(values, 0));
    json_decref(values);
    out->json = v;
    out->state = json_get_u64(json_object_get(v, "state"));
    out->w_max = json_get_u64(json_object_get(v, "wMax"));
    out->d = json_get_u64(json_object_get(v, "paramCount"));
    out->lr_num = json_get_u64(json_object_get(v, "lrNum"));
    out->lr_den = json_get_u64(json_object_get(v, "lrDen"));
    out->total_weight = json_get_u64(json_object_get(v, "totalWeight"));
    out->accepted = json_get_u64(json_object_get(v, "accepted"));
    out->seed_block = json_get_u64(json_object_get(v, "seedBlock"));
    if (!get_hash(&out->family, v, "family") || !get_hash(&out->base, v, "baseVersion") ||
        !get_hash(&out->seed, v, "seed1")) {
        round_deinit(out);
        return fail(ctx, EXIT_UNREACHABLE, NULL,
                    "the answer about round %" PRIu64 " makes no sense", id);
    }
    return EXIT_DONE;
}

void round_deinit(struct round_info *r)
{
    json_decref(r->json);
    *r = (struct round_info){0};
}

enum exit_code round_read_reveal(struct ctx *ctx, struct round_reveal *out, uint64_t round_id,
                                 const address_t *participant)
{
    const struct topic_text t1 = topic_u64(round_id);
    const struct topic_text t2 = topic_address(participant);
    const char *const topics[4] = {NULL, t1.s, t2.s, NULL};
    json_t *logs;
    STEP(known_find_logs(ctx, &logs, FED_ROUNDS, "Revealed", topics));
    json_t *hash = json_incref(json_object_get(json_array_get(logs, 0), "tx"));
    json_decref(logs);
    const struct address_text who = text_address(participant);
    if (hash == NULL)
        return fail(ctx, EXIT_REFUSED, NULL, "%s has not revealed in round %" PRIu64, who.s,
                    round_id);

    json_t *tx;
    const enum exit_code asked =
        client_call(ctx, &tx, "eth_getTransactionByHash", json_pack("[o]", hash));
    STEP(asked);
    size_t len = 0;
    uint8_t *data = json_data(&len, json_object_get(tx, "input"));
    json_decref(tx);
    uint64_t id = 0;
    const err_t err = fed_call_read_reveal(&id, &out->reveal, &out->sketch, bytes_make(data, len));
    free(data);
    if (!err_ok(err) || id != round_id)
        return fail(ctx, EXIT_REFUSED, NULL,
                    "the reveal of %s was not a direct call of Rounds: its sketch cannot be read",
                    who.s);

    // The node's word about call data is held against the contract's storage.
    json_t *args = json_array();
    (void)json_array_append_new(args, json_u64(round_id));
    (void)json_array_append_new(args, json_address(participant));
    json_t *entry;
    STEP(known_value(ctx, &entry, FED_ROUNDS, "entryOf", args));
    uint8_t packed[SKETCH_PACKED_LEN];
    sketch_pack(packed, &out->sketch);
    const hash_t have = keccak256(bytes_make(packed, sizeof packed));
    hash_t sketch_hash;
    hash_t root;
    const bool ok = get_hash(&sketch_hash, entry, "sketchHash") &&
                    get_hash(&root, entry, "updRoot") && hash_eq(&have, &sketch_hash) &&
                    hash_eq(&root, &out->reveal.upd_root);
    json_decref(entry);
    if (!ok)
        return fail(ctx, EXIT_UNVERIFIED, NULL,
                    "the node shows another reveal of %s than the contract has", who.s);
    out->participant = *participant;
    return EXIT_DONE;
}

// ---- for the steps that need more of a round ------------------------------------------------

enum exit_code round_load_in(struct ctx *ctx, struct round_info *out, const char *text,
                             enum round_state want)
{
    STEP(profile_check_chain(ctx));
    uint64_t id;
    STEP(round_parse(ctx, &id, text));
    STEP(round_load(ctx, out, id));
    if (out->state != (uint64_t)want) {
        const char *have = round_state_name(out->state);
        round_deinit(out);
        char hint[64];
        (void)snprintf(hint, sizeof hint, "cairn round status %" PRIu64, id);
        return fail(ctx, EXIT_SIMULATION, hint,
                    "round %" PRIu64 " is in state %s, this needs state %s", id, have,
                    round_state_name((uint64_t)want));
    }
    return EXIT_DONE;
}

enum exit_code round_load_base(struct ctx *ctx, struct round_info *r)
{
    json_t *params;
    STEP(known_value(ctx, &params, FED_MODEL_REGISTRY, "familyParams",
                     json_pack("[o]", json_hash(&r->family))));
    r->scale = json_get_u64(json_object_get(params, "quantScale"));
    json_decref(params);
    json_t *v;
    STEP(known_value(ctx, &v, FED_MODEL_REGISTRY, "getVersion",
                     json_pack("[o]", json_hash(&r->base))));
    const char *sum = json_string_value(json_object_get(v, "fileSha256"));
    const bool ok =
        r->scale <= SCALE_MAX && sum != NULL && err_ok(text_parse_hash(&r->base_file_sha256, sum));
    json_decref(v);
    if (!ok) return fail(ctx, EXIT_UNREACHABLE, NULL, "the round's base version makes no sense");
    return EXIT_DONE;
}

enum exit_code round_open_base(struct ctx *ctx, struct model_file *out, const struct round_info *r,
                               const char *path)
{
    STEP(model_file_open(ctx, out, path, (unsigned)r->scale));
    if (hash_eq(&out->sha256, &r->base_file_sha256)) return EXIT_DONE;
    const struct hex_text have = hex_hash(&out->sha256);
    model_file_close(out);
    return fail(ctx, EXIT_UNVERIFIED, "cairn round status shows the base version",
                "%s has sha256 %s, the round's base version %s", path, have.s + 2,
                hex_hash(&r->base_file_sha256).s + 2);
}

enum exit_code round_send(struct ctx *ctx, struct sent *out, struct buf *call, const char *what,
                          const char *keep)
{
    if (!err_ok(buf_status(call))) return fail(ctx, EXIT_INTERNAL, NULL, "the call is too large");
    const struct tx_intent intent = {.to = fed_contract_address[FED_ROUNDS],
                                     .data = buf_bytes(call)};
    return send_tx_keeping(ctx, out, &intent, what, keep);
}
