// SPDX-License-Identifier: Apache-2.0
/// model_: families, versions, where they come from and who made them (interfaces.md 4.3).

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/fed.h"
#include "rpc/ns/handlers.h"

#include <ctype.h>
#include <stdlib.h>

enum { LINEAGE_DEPTH = 16 };

// ---- finding ------------------------------------------------------------------------------

static bool family_params(struct rpc_call *call, struct fed_site *f, const hash_t *id,
                          struct abi_value out[12])
{
    const struct abi_value arg = abi_hash(id);
    return fed_ask(call, f, FED_MODEL_REGISTRY, "familyParams(bytes32)", &arg, 1,
                   "(bytes32,bytes32,uint32,uint8,address,uint8,uint16,uint64,uint32,uint32,uint16,"
                   "uint16)",
                   out, 12);
}

static bool is_hex_id(bytes_t text)
{
    return text.len == 66 && text.data[0] == '0' && text.data[1] == 'x';
}

/// A family by id, or by name: the chain has only the name's hash.
static bool find_family(struct rpc_call *call, struct fed_site *f, bytes_t text,
                        struct view_family *out, bool *found)
{
    hash_t id;
    *found = false;
    if (is_hex_id(text) && err_ok(hex_decode_fixed(id.b, sizeof id.b, text))) {
        const err_t err = views_family(&f->views, out, &id);
        *found = err_ok(err);
        return err_ok(err) || err.kind == ERR_NOT_FOUND ? true : rpc_fail_err(call, err);
    }
    const hash_t name = keccak256(text);
    const struct views_page page = {.limit = VIEWS_PAGE_MAX};
    struct view_family *all = NULL;
    size_t count = 0;
    bytes_t next;
    const err_t err = views_families(&f->views, call->arena, &page, &all, &count, &next);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    for (size_t i = 0; i < count && !*found; i++) {
        struct abi_value p[12];
        if (!family_params(call, f, &all[i].id, p)) return false;
        if (!bytes_eq(p[0].bytes, BYTES_OF(name.b))) continue;
        *out = all[i];
        *found = true;
    }
    return true;
}

static bool param_text(struct rpc_call *call, size_t index, const char *name, bytes_t *out)
{
    const json_t *v = param_at(call, index);
    if (!json_is_string(v) || json_string_length(v) == 0 || json_string_length(v) > 256) {
        return rpc_fail_param(call, name, "an id or a name", v);
    }
    *out = bytes_make(json_string_value(v), json_string_length(v));
    return true;
}

static bool find_by_channel(struct rpc_call *call, struct fed_site *f, bytes_t text, size_t at,
                            struct view_version *out, bool *found)
{
    struct view_family family = {.f = 0};
    if (!find_family(call, f, bytes_make(text.data, at), &family, found) || !*found) {
        return call->error.code == 0;
    }
    hash_t channel = {{0}};
    const bytes_t word = bytes_make(text.data + at + 1, text.len - at - 1);
    *found = false;
    if (word.len == 0 || word.len > sizeof channel.b) return true;
    memcpy(channel.b, word.data, word.len);
    struct view_channel c;
    err_t err = views_channel(&f->views, &c, &family.id, &channel);
    if (err_ok(err) && !hash_is_zero(&c.version))
        err = views_version(&f->views, out, &c.version);
    else if (err_ok(err))
        return true;
    *found = err_ok(err);
    return err_ok(err) || err.kind == ERR_NOT_FOUND ? true : rpc_fail_err(call, err);
}

static bool fail_ambiguous(struct rpc_call *call)
{
    return rpc_fail(call, RPC_AMBIGUOUS, "ambiguous: several ids begin like this");
}

/// A version by id, a prefix of 6 digits or more, `family@channel`, or its file's sha256.
static bool find_version(struct rpc_call *call, struct fed_site *f, size_t index,
                         struct view_version *out, bool *found)
{
    bytes_t text = BYTES_NONE;
    *found = false;
    if (!param_text(call, index, "version", &text)) return false;
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.data, '@', text.len);
    if (at != NULL) return find_by_channel(call, f, text, (size_t)(at - text.data), out, found);

    bytes_t digits = text;
    if (digits.len > 2 && digits.data[0] == '0' && digits.data[1] == 'x') {
        digits = bytes_make(digits.data + 2, digits.len - 2);
    }
    uint8_t raw[33] = {0};
    char even[66];
    if (digits.len > 64) return rpc_fail_param(call, "version", "an id", param_at(call, index));
    if (digits.len != 0) memcpy(even, digits.data, digits.len);
    if (digits.len % 2 != 0) even[digits.len] = '0';
    size_t len = 0;
    const size_t even_len = digits.len + digits.len % 2;
    if (!err_ok(hex_decode(raw, sizeof raw, &len, bytes_make(even, even_len))) || digits.len < 6) {
        return rpc_fail_param(call, "version",
                              "an id, 6 or more of its digits, family@channel, or a file's sha256",
                              param_at(call, index));
    }
    err_t err = views_version_by_prefix(&f->views, out, bytes_make(raw, len), digits.len);
    if (err.kind == ERR_INVALID) return fail_ambiguous(call);
    if (err.kind == ERR_NOT_FOUND && digits.len == 64) {
        struct view_version *versions = NULL;
        size_t count = 0;
        hash_t sha;
        memcpy(sha.b, raw, sizeof sha.b);
        err = views_versions_by_file(&f->views, call->arena, &versions, &count, &sha);
        if (err_ok(err) && count > 1) return fail_ambiguous(call);
        if (err_ok(err) && count == 0) return true;
        if (err_ok(err)) *out = versions[0];
    }
    *found = err_ok(err);
    return err_ok(err) || err.kind == ERR_NOT_FOUND ? true : rpc_fail_err(call, err);
}

// ---- families -----------------------------------------------------------------------------

static void put_channel_name(struct json_writer *w, const hash_t *name)
{
    char text[33];
    memcpy(text, name->b, 32);
    text[32] = 0;
    jw_key(w, text[0] != 0 ? text : hex_hash(name).s);
}

static bool put_family(struct rpc_call *call, struct fed_site *f, const struct view_family *v)
{
    struct json_writer *w = &call->out;
    struct abi_value p[12];
    struct view_channel *channels = NULL;
    size_t channel_count = 0;
    struct abi_value arg = abi_hash(&v->id);
    u256_t pool;
    if (!family_params(call, f, &v->id, p) ||
        !fed_ask_number(call, f, FED_REWARDS, "familyPool(bytes32)", &arg, 1, &pool)) {
        return false;
    }
    err_t err = views_channels(&f->views, call->arena, &channels, &channel_count, &v->id);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    const struct views_page page = {.limit = VIEWS_PAGE_MAX, .newest_first = true};
    struct view_round *rounds = NULL;
    size_t round_count = 0;
    bytes_t next;
    err = views_rounds(&f->views, call->arena, &page, &v->id, &rounds, &round_count, &next);
    if (!err_ok(err)) return rpc_fail_err(call, err);

    jw_open(w, '{');
    jw_kv_hash(w, "id", &v->id);
    jw_kv_data(w, "nameHash", p[0].bytes);
    jw_kv_data(w, "taskSpecHash", p[1].bytes);
    jw_kv_address(w, "owner", &v->owner);
    jw_kv_qty256(w, "paramCount", &p[2].number);
    jw_kv_qty256(w, "quantScale", &p[3].number);
    jw_kv_address(w, "policy", &p[4].address);
    jw_kv_qty256(w, "f", &p[5].number);
    jw_kv_qty256(w, "wMax", &p[6].number);
    jw_kv_qty256(w, "clip", &p[7].number);
    jw_kv_qty256(w, "lrNum", &p[8].number);
    jw_kv_qty256(w, "lrDen", &p[9].number);
    jw_kv_qty256(w, "slashBpsNoReveal", &p[10].number);
    jw_kv_qty256(w, "slashBpsAggLate", &p[11].number);
    jw_kv_qty256(w, "pool", &pool);
    jw_key(w, "channels");
    jw_open(w, '{');
    for (size_t i = 0; i < channel_count; i++) {
        put_channel_name(w, &channels[i].name);
        jw_hash(w, &channels[i].version);
    }
    jw_close(w, '}');
    jw_kv_qty(w, "versionCount", v->version_count);
    jw_kv_qty(w, "roundCount", v->round_count);
    jw_key(w, "openRounds");
    jw_open(w, '[');
    for (size_t i = 0; i < round_count; i++) {
        if (rounds[i].state < VIEW_ROUND_FINALISED) jw_qty(w, rounds[i].id);
    }
    jw_close(w, ']');
    jw_key(w, "created");
    jw_open(w, '{');
    fed_put_at(w, &v->created);
    jw_close(w, '}');
    jw_close(w, '}');
    return true;
}

bool model_list_families(struct rpc_call *call)
{
    struct fed_list l;
    address_t owner;
    const json_t *only = fed_member(call, 0, "owner");
    if (only != NULL && !value_address(call, only, "owner", &owner)) return false;
    struct fed_site f;
    if (!fed_open_list(call, &f, &l, 0, false)) return false;
    struct view_family *all = NULL;
    size_t count = 0;
    bool ok = true;
    fed_list_begin(call);
    do {
        const err_t err =
            views_families(&f.views, call->arena, &l.page, &all, &count, &l.page.after);
        ok = err_ok(err) ? true : rpc_fail_err(call, err);
        for (size_t i = 0; i < count && ok; i++) {
            if (only != NULL && !address_eq(&all[i].owner, &owner)) continue;
            l.page.limit--;
            ok = put_family(call, &f, &all[i]);
        }
    } while (ok && fed_list_more(&l, count));
    fed_list_end(call, &f, &l);
    fed_close(call, &f);
    return ok;
}

bool model_get_family(struct rpc_call *call)
{
    bytes_t text = BYTES_NONE;
    struct fed_site f;
    if (!param_text(call, 0, "family", &text) || !fed_open(call, &f)) return false;
    struct view_family v = {.f = 0};
    bool found = false;
    bool ok = find_family(call, &f, text, &v, &found);
    if (ok && found)
        ok = put_family(call, &f, &v);
    else if (ok)
        jw_null(&call->out);
    fed_close(call, &f);
    return ok;
}

// ---- versions -----------------------------------------------------------------------------

static void put_version_short(struct json_writer *w, const struct view_version *v, bool tainted)
{
    jw_kv_hash(w, "id", &v->id);
    jw_kv_hash(w, "family", &v->family);
    jw_kv_qty(w, "number", v->number);
    jw_kv_str(w, "kind", fed_version_kind(v->kind));
    jw_kv_str(w, "status", fed_version_state(v->state));
    jw_kv_bool(w, "revoked", v->revoked);
    jw_kv_bool(w, "tainted", tainted);
    jw_kv_hash(w, "fileSha256", &v->file_sha256);
    jw_kv_hash(w, "modelRoot", &v->model_root);
    if (v->round != 0)
        jw_kv_qty(w, "round", v->round);
    else
        jw_kv_null(w, "round");
    fed_put_at(w, &v->registered);
}

static err_t is_tainted(const struct rpc_call *call, const struct fed_site *f, const hash_t *id,
                        bool *out)
{
    hash_t *by = NULL;
    size_t count = 0;
    TRY(views_tainted_by(&f->views, call->arena, &by, &count, id));
    *out = count > 0;
    return OK;
}

static void put_hashes(struct json_writer *w, const char *key, const hash_t *list, size_t count)
{
    jw_key(w, key);
    jw_open(w, '[');
    for (size_t i = 0; i < count; i++) jw_hash(w, &list[i]);
    jw_close(w, ']');
}

static bool put_version(struct rpc_call *call, struct fed_site *f, const struct view_version *v)
{
    struct json_writer *w = &call->out;
    struct abi_value info;
    const struct abi_value arg = abi_hash(&v->id);
    if (!fed_ask(call, f, FED_MODEL_REGISTRY, "getVersion(bytes32)", &arg, 1,
                 "((bytes32,bytes32,bytes32,bytes32,uint256,bytes32[],address,uint64,uint8,uint8,"
                 "bool,uint48,uint32,uint32))",
                 &info, 1)) {
        return false;
    }
    const struct abi_value *field = info.list.items;
    hash_t *parents = NULL;
    hash_t *children = NULL;
    hash_t *taints = NULL;
    size_t parent_count = 0;
    size_t child_count = 0;
    size_t taint_count = 0;
    struct view_channel *channels = NULL;
    size_t channel_count = 0;
    err_t err = views_parents(&f->views, call->arena, &parents, &parent_count, &v->id);
    if (err_ok(err)) err = views_children(&f->views, call->arena, &children, &child_count, &v->id);
    if (err_ok(err)) err = views_tainted_by(&f->views, call->arena, &taints, &taint_count, &v->id);
    if (err_ok(err))
        err = views_channels(&f->views, call->arena, &channels, &channel_count, &v->family);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    jw_open(w, '{');
    put_version_short(w, v, taint_count > 0);
    put_hashes(w, "parents", parents, parent_count);
    put_hashes(w, "children", children, child_count);
    put_hashes(w, "taintedBy", taints, taint_count);
    jw_kv_qty256(w, "size", &field[7].number);
    jw_kv_data(w, "cardHash", field[3].bytes);
    jw_kv_address(w, "registeredBy", &field[6].address);
    jw_key(w, "deployedOn");
    jw_open(w, '[');
    for (size_t i = 0; i < channel_count; i++) {
        if (!hash_eq(&channels[i].version, &v->id)) continue;
        char text[33];
        memcpy(text, channels[i].name.b, 32);
        text[32] = 0;
        jw_str(w, text);
    }
    jw_close(w, ']');
    jw_close(w, '}');
    return true;
}

bool model_get_version(struct rpc_call *call)
{
    struct fed_site f;
    struct view_version v = {.number = 0};
    bool found = false;
    if (!fed_open(call, &f)) return false;
    bool ok = find_version(call, &f, 0, &v, &found);
    if (ok && found)
        ok = put_version(call, &f, &v);
    else if (ok)
        jw_null(&call->out);
    fed_close(call, &f);
    return ok;
}

bool model_list_versions(struct rpc_call *call)
{
    bytes_t text = BYTES_NONE;
    struct fed_list l;
    struct fed_site f;
    if (!param_text(call, 0, "family", &text) || !fed_open_list(call, &f, &l, 1, false)) {
        return false;
    }
    const char *status = json_string_value(fed_member(call, 1, "status"));
    const char *kind = json_string_value(fed_member(call, 1, "kind"));
    struct view_family family = {.f = 0};
    bool found = false;
    bool ok = find_family(call, &f, text, &family, &found);
    struct view_version *all = NULL;
    size_t count = 0;
    err_t err = OK;
    fed_list_begin(call);
    do {
        if (!ok || !found) break;
        err =
            views_versions(&f.views, call->arena, &l.page, &family.id, &all, &count, &l.page.after);
        for (size_t i = 0; i < count && err_ok(err); i++) {
            if (status != NULL && strcmp(status, fed_version_state(all[i].state)) != 0) continue;
            if (kind != NULL && strcmp(kind, fed_version_kind(all[i].kind)) != 0) continue;
            bool tainted = false;
            err = is_tainted(call, &f, &all[i].id, &tainted);
            l.page.limit--;
            jw_open(&call->out, '{');
            put_version_short(&call->out, &all[i], tainted);
            jw_close(&call->out, '}');
        }
    } while (err_ok(err) && fed_list_more(&l, count));
    fed_list_end(call, &f, &l);
    fed_close(call, &f);
    return ok && (err_ok(err) || rpc_fail_err(call, err));
}

bool model_get_lineage(struct rpc_call *call)
{
    uint64_t depth = LINEAGE_DEPTH;
    const json_t *given = fed_member(call, 1, "depth");
    const char *direction = json_string_value(fed_member(call, 1, "direction"));
    if (json_is_integer(given))
        depth = (uint64_t)json_integer_value(given);
    else if (given != NULL && !value_u64(call, given, "depth", &depth))
        return false;
    if (depth > 1000) return rpc_fail_param(call, "depth", "at most 1000", given);
    if (direction == NULL) direction = "up";
    const bool both = strcmp(direction, "both") == 0;
    const bool up = both || strcmp(direction, "up") == 0;
    const bool down = both || strcmp(direction, "down") == 0;
    if (!up && !down) {
        return rpc_fail_param(call, "direction", "up, down or both",
                              fed_member(call, 1, "direction"));
    }
    struct fed_site f;
    struct view_version v = {.number = 0};
    bool found = false;
    if (!fed_open(call, &f)) return false;
    bool ok = find_version(call, &f, 0, &v, &found);
    if (ok && !found) jw_null(&call->out);
    struct view_lineage l = {0};
    hash_t *taints = NULL;
    size_t taint_count = 0;
    err_t err = OK;
    if (ok && found) {
        err = views_lineage(&f.views, call->arena, &l, &v.id, (unsigned)depth, up, down);
        if (err_ok(err))
            err = views_tainted_by(&f.views, call->arena, &taints, &taint_count, &v.id);
        struct json_writer *w = &call->out;
        jw_open(w, '{');
        jw_key(w, "nodes");
        jw_open(w, '[');
        for (size_t i = 0; i < l.node_count && err_ok(err); i++) {
            bool tainted = false;
            err = is_tainted(call, &f, &l.nodes[i].id, &tainted);
            jw_open(w, '{');
            put_version_short(w, &l.nodes[i], tainted);
            jw_close(w, '}');
        }
        jw_close(w, ']');
        jw_key(w, "edges");
        jw_open(w, '[');
        for (size_t i = 0; i < l.edge_count; i++) {
            jw_open(w, '{');
            jw_kv_hash(w, "parent", &l.edges[i].parent);
            jw_kv_hash(w, "child", &l.edges[i].child);
            jw_close(w, '}');
        }
        jw_close(w, ']');
        jw_key(w, "roots");
        jw_open(w, '[');
        for (size_t i = 0; i < l.node_count; i++) {
            bool has_parent = false;
            for (size_t k = 0; k < l.edge_count && !has_parent; k++) {
                has_parent = hash_eq(&l.edges[k].child, &l.nodes[i].id);
            }
            if (!has_parent) jw_hash(w, &l.nodes[i].id);
        }
        jw_close(w, ']');
        jw_kv_bool(w, "truncated", l.truncated);
        put_hashes(w, "taintedBy", taints, taint_count);
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok && (err_ok(err) || rpc_fail_err(call, err));
}

// ---- contributors -------------------------------------------------------------------------

struct contributor {
    address_t who;
    uint64_t rounds;
    uint64_t weight;
    u256_t reward;
};

static int by_weight(const void *a, const void *b)
{
    const struct contributor *x = a;
    const struct contributor *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
    return address_cmp(&x->who, &y->who);
}

/// Adds what the accepted participants of a round gave.
static err_t add_round(const struct rpc_call *call, const struct fed_site *f, uint64_t round,
                       struct contributor *all, size_t *count, size_t cap)
{
    struct view_participant *list = NULL;
    size_t n = 0;
    if (round == 0) return OK;
    TRY(views_participants(&f->views, call->arena, &list, &n, round));
    for (size_t i = 0; i < n; i++) {
        if (list[i].status != VIEW_STATUS_ACCEPTED) continue;
        size_t k = 0;
        while (k < *count && !address_eq(&all[k].who, &list[i].who)) k++;
        if (k == cap) return FAIL(FULL, "too many contributors");
        if (k == *count) all[(*count)++] = (struct contributor){.who = list[i].who};
        all[k].rounds++;
        all[k].weight += list[i].weight;
        if (!u256_add_checked(&all[k].reward, &all[k].reward, &list[i].reward)) {
            return FAIL(CORRUPT, "rewards exceed 256 bits");
        }
    }
    return OK;
}

bool model_get_contributors(struct rpc_call *call)
{
    bool transitive = true;
    const json_t *given = fed_member(call, 1, "transitive");
    if (given != NULL && !value_bool(call, given, "transitive", &transitive)) return false;
    enum { CAP = 4096 };
    struct contributor *all = ARENA_ARRAY(call->arena, struct contributor, CAP);
    struct fed_site f;
    struct view_version v = {.number = 0};
    bool found = false;
    if (all == NULL) return rpc_fail_limit(call, "request memory", call->arena->cap, CAP);
    struct fed_list page;
    if (!fed_open_list(call, &f, &page, 1, true)) return false;
    bool ok = find_version(call, &f, 0, &v, &found);
    size_t count = 0;
    struct view_lineage l = {0};
    err_t err = OK;
    if (ok && found) {
        err = views_lineage(&f.views, call->arena, &l, &v.id, transitive ? UINT32_MAX : 0, true,
                            false);
        for (size_t i = 0; i < l.node_count && err_ok(err); i++) {
            err = add_round(call, &f, l.nodes[i].round, all, &count, CAP);
        }
    }
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) total += all[i].weight;
    if (count > 0) qsort(all, count, sizeof *all, by_weight);
    struct fed_slice slice = {0};
    if (ok && err_ok(err)) ok = fed_slice(call, &page, &slice, count);
    fed_list_begin(call);
    for (size_t i = 0; i < slice.shown; i++) {
        struct json_writer *w = &call->out;
        const struct contributor *c = &all[fed_slice_at(&page, &slice, i)];
        jw_open(w, '{');
        jw_kv_address(w, "participant", &c->who);
        jw_kv_qty(w, "rounds", c->rounds);
        jw_kv_qty(w, "weight", c->weight);
        jw_kv_qty(w, "sharePpm", total == 0 ? 0 : c->weight * 1000000 / total);
        jw_kv_qty256(w, "reward", &c->reward);
        jw_close(w, '}');
    }
    fed_list_end(call, &f, &page);
    fed_close(call, &f);
    return ok && (err_ok(err) || rpc_fail_err(call, err));
}

bool model_verify_file(struct rpc_call *call)
{
    hash_t sha;
    struct fed_site f;
    if (!param_hash(call, 0, &sha) || !fed_open(call, &f)) return false;
    struct view_version *versions = NULL;
    size_t count = 0;
    bool tainted = false;
    err_t err = views_versions_by_file(&f.views, call->arena, &versions, &count, &sha);
    if (err_ok(err) && count > 0) err = is_tainted(call, &f, &versions[0].id, &tainted);
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    jw_kv_bool(w, "known", err_ok(err) && count > 0);
    if (err_ok(err) && count > 0) {
        jw_kv_hash(w, "version", &versions[0].id);
        jw_kv_str(w, "status", fed_version_state(versions[0].state));
        jw_kv_bool(w, "tainted", tainted);
        jw_kv_qty(w, "finalisedBlock", versions[0].registered.block);
    }
    jw_close(w, '}');
    fed_close(call, &f);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

bool model_get_timeline(struct rpc_call *call)
{
    struct fed_site f;
    struct fed_list l;
    struct view_version v = {.number = 0};
    bool found = false;
    // A story is told from its beginning unless asked otherwise.
    if (!fed_open_list(call, &f, &l, 1, true)) return false;
    bool ok = find_version(call, &f, 0, &v, &found);
    if (ok && found)
        ok = fed_put_timeline(call, &f, &l, VIEW_OF_VERSION, &v.id);
    else if (ok)
        jw_null(&call->out);
    fed_close(call, &f);
    return ok;
}
