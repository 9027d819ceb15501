// SPDX-License-Identifier: Apache-2.0
/// `cairn proof`: takes a contribution's proof out of a chain, and checks one without any.
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "chain/codec/ethjson.h"
#include "chain/types/extra_data.h"
#include "wallet/account.h"
#include "wallet/client.h"
#include "wallet/known.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/revert.h"
#include "wallet/round.h"
#include "wallet/text.h"
#include "wallet/verify.h"

#include <inttypes.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)32 << 20)
#define VALIDATORS_FILE_MAX ((size_t)64 << 20) ///< a genesis file has its alloc inside

// ---- who the validators are -----------------------------------------------------------------------

/// Where this chain's facts are pinned: the network's profile, else the address's pin.
static json_t *pinned_entry(struct ctx *ctx)
{
    const char *group = ctx->set.network != NULL ? "networks" : "pins";
    const char *key = ctx->set.network != NULL ? ctx->set.network : ctx->set.rpc;
    return json_object_get(json_object_get(ctx->networks, group), key);
}

/// From --validators, else those that were pinned when a proof was first exported here.
static enum exit_code find_validators(struct ctx *ctx, const address_t **out, size_t *count,
                                      struct arena *arena, const char *path)
{
    if (path != NULL) {
        char *text;
        size_t len;
        err_t err = file_read(&text, &len, path, VALIDATORS_FILE_MAX);
        if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, path, err);
        err = validators_read(out, count, arena, bytes_make(text, len));
        free(text);
        if (err_ok(err)) return EXIT_DONE;
        return fail(ctx, EXIT_USAGE, "a JSON list of addresses, or the network's genesis file",
                    "%s: %s", path, err_text(err));
    }
    json_t *pinned = json_object_get(pinned_entry(ctx), "validators");
    char *text = pinned != NULL ? json_dumps(pinned, JSON_COMPACT) : NULL;
    const err_t err = text != NULL ? validators_read(out, count, arena, bytes_of_str(text))
                                   : FAIL(NOT_FOUND, "none are pinned");
    free(text);
    if (err_ok(err)) return EXIT_DONE;
    return fail(ctx, EXIT_UNVERIFIED,
                "give the network's genesis file, or a list: --validators FILE",
                "the proof names validators, but nobody here has said whom to trust");
}

/// The head's validators are taken on trust at the first export, as the chain id is.
static enum exit_code pin_validators(struct ctx *ctx, const struct header *h, struct arena *arena)
{
    json_t *entry = pinned_entry(ctx);
    if (entry == NULL || json_object_get(entry, "validators") != NULL) return EXIT_DONE;
    struct extra_data e;
    if (!err_ok(extra_data_decode(&e, arena, h->extra_data)))
        return fail(ctx, EXIT_REFUSED, "only QBFT chains seal their blocks",
                    "the chain's blocks carry no seals");
    if (e.validator_count == 0) {
        out_note(ctx, "a contract names the validators, so none are pinned: proof verify "
                      "--validators FILE wants their list");
        return EXIT_DONE;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < e.validator_count; i++)
        (void)json_array_append_new(list, json_address(&e.validators[i]));
    (void)json_object_set_new(entry, "validators", list);
    out_note(ctx, "%zu validators are pinned for this network", e.validator_count);
    return profile_save(ctx);
}

// ---- export -----------------------------------------------------------------------------------------

/// The receipt's fields out of the event that announced it and the contract's storage.
static enum exit_code load_fields(struct ctx *ctx, struct receipt_fields *out, uint64_t round,
                                  const address_t *who)
{
    const struct topic_text r = topic_u64(round);
    const struct topic_text p = topic_address(who);
    const char *const topics[4] = {NULL, r.s, p.s, NULL};
    json_t *logs;
    STEP(known_find_logs(ctx, &logs, FED_ROUNDS, "ContributionProven", topics));
    const json_t *args = json_object_get(json_array_get(logs, 0), "args");
    if (args == NULL) {
        json_decref(logs);
        return fail(ctx, EXIT_REFUSED, "cairn round status ROUND",
                    "round %" PRIu64 " has no receipt for %s", round, text_address(who).s);
    }
    const char *version = json_string_value(json_object_get(args, "version"));
    const char *digest = json_string_value(json_object_get(args, "digest"));
    *out = (struct receipt_fields){
        .round_id = round,
        .participant = *who,
        .weight = json_get_u64(json_object_get(args, "weight")),
        .status = json_get_u64(json_object_get(args, "status")),
        .score = json_get_u256(json_object_get(args, "score")),
        .reward = json_get_u256(json_object_get(args, "reward")),
    };
    bool ok = version != NULL && err_ok(text_parse_hash(&out->result_version, version)) &&
              digest != NULL && err_ok(text_parse_hash(&out->digest, digest));
    json_decref(logs);
    json_t *entry;
    json_t *stored;
    STEP(known_value(ctx, &entry, FED_ROUNDS, "entryOf",
                     json_pack("[oo]", json_u64(round), json_address(who))));
    const char *root = json_string_value(json_object_get(entry, "updRoot"));
    ok = ok && root != NULL && err_ok(text_parse_hash(&out->upd_root, root));
    json_decref(entry);
    STEP(known_value(ctx, &stored, FED_ROUNDS, "receipts",
                     json_pack("[oo]", json_u64(round), json_address(who))));
    const char *text = json_string_value(stored);
    const hash_t have = receipt_fields_hash(out);
    hash_t want;
    ok = ok && text != NULL && err_ok(text_parse_hash(&want, text)) && hash_eq(&have, &want);
    json_decref(stored);
    if (ok) return EXIT_DONE;
    return fail(ctx, EXIT_UNVERIFIED, NULL,
                "the node's events and the contract's receipt say different things");
}

static err_t copy_nodes(const bytes_t **out, size_t *count, struct arena *arena, const json_t *list)
{
    const size_t n = json_array_size(list);
    bytes_t *nodes = ARENA_ARRAY(arena, bytes_t, n > 0 ? n : 1);
    if (n == 0 || n > PROOF_MAX_NODES || nodes == NULL)
        return FAIL(LIMIT, "the node's proof makes no sense");
    for (size_t i = 0; i < n; i++)
        TRY(ethjson_read_data(&nodes[i], arena, json_array_get(list, i), PROOF_MAX_BYTES));
    *out = nodes;
    *count = n;
    return OK;
}

/// Header and proofs of one block.
static enum exit_code load_links(struct ctx *ctx, struct receipt_proof *p, struct arena *arena,
                                 struct buf *header)
{
    json_t *block;
    STEP(client_call(ctx, &block, "eth_getBlockByNumber", json_pack("[sb]", BLOCK_LATEST, 0)));
    struct header h;
    hash_t hash;
    err_t err = ethjson_read_header(&h, &hash, arena, block);
    json_decref(block);
    if (!err_ok(err))
        return fail(ctx, EXIT_UNREACHABLE, NULL, "the node's latest block: %s", err_text(err));
    header_encode(header, &h);
    p->header = buf_bytes(header);
    STEP(pin_validators(ctx, &h, arena));

    const hash_t slot = receipt_slot(p->fields.round_id, &p->fields.participant);
    json_t *answer;
    STEP(client_call(
        ctx, &answer, "eth_getProof",
        json_pack("[o[o]o]", json_address(&p->rounds), json_hash(&slot), ethjson_u64(h.number))));
    err = copy_nodes(&p->account_nodes, &p->account_count, arena,
                     json_object_get(answer, "accountProof"));
    const json_t *storage = json_array_get(json_object_get(answer, "storageProof"), 0);
    if (err_ok(err))
        err = copy_nodes(&p->storage_nodes, &p->storage_count, arena,
                         json_object_get(storage, "proof"));
    json_decref(answer);
    if (err_ok(err)) return EXIT_DONE;
    return fail(ctx, EXIT_UNREACHABLE, NULL, "the answer to eth_getProof: %s", err_text(err));
}

/// Prints and sets what a proof says and how it is sealed.
static void report(struct ctx *ctx, const struct receipt_proof *p, const struct receipt_verdict *v)
{
    const struct receipt_fields *f = &p->fields;
    out_field(ctx, "participant", "%s", text_address(&f->participant).s);
    out_field(ctx, "round", "%" PRIu64 ", %s", f->round_id, round_status_name(f->status));
    out_field(ctx, "weight", "%" PRIu64, f->weight);
    out_field(ctx, "reward", "%s CAIRN", text_amount(&f->reward, 18).s);
    out_field(ctx, "version", "%s", hex_hash(&f->result_version).s);
    out_field(ctx, "block", "%" PRIu64 ", %s", v->block, text_time(v->timestamp_s).s);
    out_field(ctx, "sealed by", "%zu of %zu validators", v->seals, v->validators);
    result_set(ctx, "round", json_u64(f->round_id));
    result_set(ctx, "participant", json_address(&f->participant));
    result_set(ctx, "status", json_string(round_status_name(f->status)));
    result_set(ctx, "weight", json_u64(f->weight));
    result_set(ctx, "reward", json_u256(&f->reward));
    result_set(ctx, "version", json_hash(&f->result_version));
    result_set(ctx, "block", json_u64(v->block));
    result_set(ctx, "blockHash", json_hash(&v->block_hash));
    result_set(ctx, "seals", json_u64(v->seals));
    result_set(ctx, "validators", json_u64(v->validators));
}

/// A proof that does not convince its maker convinces nobody.
static enum exit_code check_and_write(struct ctx *ctx, const struct receipt_proof *p,
                                      struct arena *arena, const struct args *a)
{
    const address_t *validators;
    size_t count;
    STEP(find_validators(ctx, &validators, &count, arena, args_flag(a, "validators")));
    struct receipt_verdict v;
    err_t err = receipt_proof_verify(&v, arena, p, validators, count);
    if (!err_ok(err)) return fail_err(ctx, EXIT_UNVERIFIED, "the node's proof", err);
    char *text = receipt_proof_write(p);
    if (text == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    const char *path = args_flag(a, "out");
    enum exit_code code = EXIT_DONE;
    if (path != NULL) {
        err = file_write(path, bytes_of_str(text));
        if (!err_ok(err)) code = fail_err(ctx, EXIT_STORE, path, err);
        report(ctx, p, &v);
        out_line(ctx, "proof: %s; check it anywhere: cairn proof verify", path);
        result_set(ctx, "file", json_string(path));
    } else {
        out_line(ctx, "%s", text);
        result_set(ctx, "proof", json_loads(text, 0, NULL));
    }
    free(text);
    return code;
}

static enum exit_code export_proof(struct ctx *ctx, struct arena *arena, struct buf *header,
                                   const struct args *a)
{
    uint64_t round;
    STEP(round_parse(ctx, &round, args_flag(a, "round")));
    struct receipt_proof p = {.rounds = fed_contract_address[FED_ROUNDS]};
    address_t who;
    if (args_has(a, "participant"))
        STEP(account_resolve(ctx, &who, args_flag(a, "participant")));
    else
        STEP(account_viewer(ctx, &who));
    STEP(load_fields(ctx, &p.fields, round, &who));
    STEP(load_links(ctx, &p, arena, header));
    return check_and_write(ctx, &p, arena, a);
}

enum exit_code cmd_proof_export(struct ctx *ctx, const struct args *a)
{
    if (!args_has(a, "round"))
        return fail(ctx, EXIT_USAGE, "cairn proof export --help", "--round N is missing");
    STEP(profile_check_chain(ctx));
    struct arena arena;
    const err_t err = arena_init(&arena, ARENA_BYTES);
    if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "memory", err);
    struct buf header;
    buf_init(&header, PROOF_MAX_BYTES);
    const enum exit_code code = export_proof(ctx, &arena, &header, a);
    buf_deinit(&header);
    arena_deinit(&arena);
    return code;
}

// ---- verify -----------------------------------------------------------------------------------------

static enum exit_code verify_text(struct ctx *ctx, struct arena *arena, bytes_t text,
                                  const struct args *a)
{
    struct receipt_proof p;
    err_t err = receipt_proof_read(&p, arena, text);
    if (!err_ok(err)) return fail_err(ctx, EXIT_UNVERIFIED, a->pos[0], err);
    if (!address_eq(&p.rounds, &fed_contract_address[FED_ROUNDS]))
        return fail(ctx, EXIT_UNVERIFIED, NULL, "the receipt is of another contract, %s",
                    text_address(&p.rounds).s);
    const address_t *validators;
    size_t count;
    STEP(find_validators(ctx, &validators, &count, arena, args_flag(a, "validators")));
    struct receipt_verdict v;
    err = receipt_proof_verify(&v, arena, &p, validators, count);
    if (!err_ok(err)) return fail_err(ctx, EXIT_UNVERIFIED, "the proof does not hold", err);
    report(ctx, &p, &v);
    out_line(ctx, "the proof holds");
    return EXIT_DONE;
}

enum exit_code cmd_proof_verify(struct ctx *ctx, const struct args *a)
{
    char *text;
    size_t len;
    err_t err = file_read(&text, &len, a->pos[0], PROOF_MAX_BYTES);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, a->pos[0], err);
    struct arena arena;
    err = arena_init(&arena, ARENA_BYTES);
    enum exit_code code = err_ok(err) ? EXIT_DONE : fail_err(ctx, EXIT_INTERNAL, "memory", err);
    if (code == EXIT_DONE) {
        code = verify_text(ctx, &arena, bytes_make(text, len), a);
        arena_deinit(&arena);
    }
    free(text);
    return code;
}
