// SPDX-License-Identifier: Apache-2.0
#include "wallet/model_file.h"

#include "chain/base/hex.h"
#include "chain/crypto/digest.h"
#include "chain/crypto/keccak.h"
#include "chain/fed/commitment.h"
#include "wallet/known.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/text.h"

#include <stdlib.h>
#include <unistd.h>

#define MODEL_MAX_BYTES ((size_t)2 << 30)
#define ARENA_BYTES ((size_t)4 << 30) ///< reserved, touched only as needed
#define PREFIX_MIN 6

static const char *const kinds[] = {"genesis",   "roundAggregate", "fineTune", "merge",
                                    "distilled", "quantised",      "import"};
static const char *const states[] = {"none", "candidate", "approved", "deployed", "retired"};

const char *model_kind_name(uint64_t kind)
{
    return kind < ARRAY_LEN(kinds) ? kinds[kind] : "unknown";
}

const char *model_state_name(uint64_t state)
{
    return state < ARRAY_LEN(states) ? states[state] : "unknown";
}

void model_file_close(struct model_file *m)
{
    arena_deinit(&m->arena);
    free(m->bytes);
    *m = (struct model_file){0};
}

enum exit_code model_file_open(struct ctx *ctx, struct model_file *out, const char *path,
                               unsigned frac_bits)
{
    *out = (struct model_file){0};
    err_t err = file_read(&out->bytes, &out->len, path, MODEL_MAX_BYTES);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, path, err);
    err = arena_init(&out->arena, ARENA_BYTES);
    if (!err_ok(err)) {
        model_file_close(out);
        return fail_err(ctx, EXIT_INTERNAL, "memory", err);
    }
    const bytes_t file = bytes_make(out->bytes, out->len);
    err = st_check_canonical(&out->arena, file);
    if (!err_ok(err)) {
        model_file_close(out);
        return fail(ctx, EXIT_UNVERIFIED,
                    err.kind == ERR_INVALID ? "cairn model canon IN OUT makes it canonical" : NULL,
                    "%s is not a canonical model file (ST-C1): %s", path, err_text(err));
    }
    err = st_parse(&out->st, &out->arena, file);
    if (err_ok(err)) err = st_model_vector(&out->w, &out->d, &out->arena, &out->st, frac_bits);
    if (!err_ok(err)) {
        model_file_close(out);
        return fail_err(ctx, EXIT_UNVERIFIED, path, err);
    }
    out->sha256 = sha256(file);
    out->root = fed_root_i32(out->w, out->d);
    return EXIT_DONE;
}

// ---- versions and families -------------------------------------------------------------------

enum exit_code model_versions(struct ctx *ctx, json_t **out, const hash_t *family)
{
    if (family == NULL)
        return known_find_logs(ctx, out, FED_MODEL_REGISTRY, "VersionRegistered", NULL);
    const struct hex_text topic = hex_hash(family);
    const char *const topics[4] = {NULL, NULL, topic.s, NULL};
    return known_find_logs(ctx, out, FED_MODEL_REGISTRY, "VersionRegistered", topics);
}

/// Digits of a prefix, without "0x"; NULL if the text is none.
static const char *prefix_digits(const char *text)
{
    const char *digits = text[0] == '0' && text[1] == 'x' ? text + 2 : text;
    const size_t n = strlen(digits);
    if (n < PREFIX_MIN || n > 64 || strspn(digits, "0123456789abcdefABCDEF") != n) return NULL;
    return digits;
}

/// The one row whose `member` starts with these digits.
static enum exit_code match_prefix(struct ctx *ctx, hash_t *out, const json_t *rows,
                                   const char *member, const char *digits, const char *what)
{
    unsigned found = 0;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        const char *id = json_string_value(json_object_get(json_object_get(row, "args"), member));
        if (id == NULL || strncasecmp(id + 2, digits, strlen(digits)) != 0) continue;
        if (err_ok(text_parse_hash(out, id))) found++;
    }
    if (found == 1) return EXIT_DONE;
    if (found == 0) return fail(ctx, EXIT_REFUSED, NULL, "no %s begins with %s", what, digits);
    return fail(ctx, EXIT_USAGE, "write more digits", "%u %ss begin with %s", found, what, digits);
}

enum exit_code model_find_family(struct ctx *ctx, hash_t *out, const char *text)
{
    if (err_ok(text_parse_hash(out, text))) return EXIT_DONE;
    json_t *rows;
    STEP(known_find_logs(ctx, &rows, FED_MODEL_REGISTRY, "FamilyCreated", NULL));

    // By its name first: what is kept on chain is the name's hash.
    const hash_t name_hash = keccak256(bytes_of_str(text));
    const struct hex_text want = hex_hash(&name_hash);
    enum exit_code code = EXIT_DONE;
    bool found = false;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        json_t *id = json_object_get(json_object_get(row, "args"), "family");
        json_t *params;
        code = known_value(ctx, &params, FED_MODEL_REGISTRY, "familyParams", json_pack("[O]", id));
        if (code != EXIT_DONE) break;
        const char *have = json_string_value(json_object_get(params, "nameHash"));
        if (have != NULL && strcmp(have, want.s) == 0)
            found = err_ok(text_parse_hash(out, json_string_value(id)));
        json_decref(params);
    }
    if (code == EXIT_DONE && !found) {
        const char *digits = prefix_digits(text);
        code = digits != NULL
                   ? match_prefix(ctx, out, rows, "family", digits, "family")
                   : fail(ctx, EXIT_REFUSED, "cairn model list", "no family named %s", text);
    }
    json_decref(rows);
    return code;
}

/// The version with this file.
static enum exit_code find_by_file(struct ctx *ctx, hash_t *out, const char *path)
{
    char *bytes;
    size_t len;
    const err_t err = file_read(&bytes, &len, path, MODEL_MAX_BYTES);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, path, err);
    const hash_t sum = sha256(bytes_make(bytes, len));
    free(bytes);
    const struct hex_text want = hex_hash(&sum);
    json_t *rows;
    STEP(model_versions(ctx, &rows, NULL));
    bool found = false;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        const json_t *args = json_object_get(row, "args");
        const char *have = json_string_value(json_object_get(args, "fileSha256"));
        if (have != NULL && strcmp(have, want.s) == 0)
            found =
                err_ok(text_parse_hash(out, json_string_value(json_object_get(args, "version"))));
    }
    json_decref(rows);
    if (!found)
        return fail(ctx, EXIT_UNVERIFIED, NULL,
                    "%s is no registered model: no version has the sha256 %s", path, want.s + 2);
    return EXIT_DONE;
}

/// "family@channel": what the channel points at.
static enum exit_code find_by_channel(struct ctx *ctx, hash_t *out, const hash_t *family,
                                      const char *channel)
{
    hash_t name = {{0}};
    if (channel[0] == 0 || strlen(channel) > 31)
        return fail(ctx, EXIT_USAGE, NULL, "a channel's name has 1 to 31 letters");
    memcpy(name.b, channel, strlen(channel));
    json_t *v;
    STEP(known_value(ctx, &v, FED_MODEL_REGISTRY, "deployed",
                     json_pack("[oo]", json_hash(family), json_hash(&name))));
    const char *id = json_string_value(v);
    const bool ok = id != NULL && err_ok(text_parse_hash(out, id));
    json_decref(v);
    if (!ok) return fail(ctx, EXIT_UNREACHABLE, NULL, "the channel's version makes no sense");
    if (hash_is_zero(out))
        return fail(ctx, EXIT_REFUSED, NULL, "nothing is deployed on the channel %s", channel);
    return EXIT_DONE;
}

/// "family:7": versions are numbered in the order of their registration.
static enum exit_code find_by_number(struct ctx *ctx, hash_t *out, const hash_t *family,
                                     const char *number)
{
    uint64_t n;
    const err_t err = text_parse_u64(&n, number, UINT32_MAX);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, "the version's number", err);
    json_t *rows;
    STEP(model_versions(ctx, &rows, family));
    const json_t *args = json_object_get(json_array_get(rows, (size_t)n), "args");
    const char *id = json_string_value(json_object_get(args, "version"));
    const bool ok = id != NULL && err_ok(text_parse_hash(out, id));
    json_decref(rows);
    if (!ok) return fail(ctx, EXIT_REFUSED, "cairn model list", "there is no version %s", number);
    return EXIT_DONE;
}

/// What stands before `@` or `:` names the family.
static enum exit_code find_in_family(struct ctx *ctx, hash_t *out, const char *text,
                                     const char *separator)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%.*s", (int)(separator - text), text);
    hash_t family;
    STEP(model_find_family(ctx, &family, name));
    if (*separator == '@') return find_by_channel(ctx, out, &family, separator + 1);
    return find_by_number(ctx, out, &family, separator + 1);
}

enum exit_code model_find_version(struct ctx *ctx, hash_t *out, const char *text)
{
    if (err_ok(text_parse_hash(out, text))) return EXIT_DONE;
    if (access(text, R_OK) == 0) return find_by_file(ctx, out, text);
    const char *separator = strpbrk(text, "@:");
    if (separator != NULL && separator != text) return find_in_family(ctx, out, text, separator);
    const char *digits = prefix_digits(text);
    if (digits == NULL)
        return fail(ctx, EXIT_USAGE, NULL,
                    "%s is neither a file nor the identifier of a version (6 or more digits)",
                    text);
    json_t *rows;
    STEP(model_versions(ctx, &rows, NULL));
    const enum exit_code code = match_prefix(ctx, out, rows, "version", digits, "version");
    json_decref(rows);
    return code;
}
