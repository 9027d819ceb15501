// SPDX-License-Identifier: Apache-2.0
#include "wallet/update.h"

#include "chain/base/hex.h"
#include "chain/crypto/keystore.h"
#include "chain/crypto/secret.h"
#include "chain/fed/aggregate.h"
#include "chain/fed/safetensors.h"
#include "chain/fed/sketch.h"
#include "wallet/contract.h"
#include "wallet/profile.h"
#include "wallet/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define UPDATE_MAX_BYTES ((size_t)2 << 30)
#define ARENA_BYTES ((size_t)4 << 30)
#define RECORD_MAX ((size_t)64 * 1024)

void update_close(struct update *u)
{
    arena_deinit(&u->arena);
    free(u->file);
    *u = (struct update){0};
}

static enum exit_code finish(struct ctx *ctx, struct update *u, const char *path, err_t err)
{
    if (err_ok(err) && (u->d == 0 || u->d > UPDATE_DIM_MAX))
        err = FAIL(LIMIT, "an update has 1 to 2^27 coordinates");
    for (size_t i = 0; err_ok(err) && i < u->d; i++) {
        if (u->u[i] < -UPDATE_CLIP) err = FAIL(INVALID, "-32768 is no coordinate of an update");
    }
    if (!err_ok(err)) {
        update_close(u);
        return fail_err(ctx, EXIT_UNVERIFIED, path, err);
    }
    u->root = fed_root_i16(u->u, u->d);
    u->sha256 = fed_sha256_i16(u->u, u->d);
    return EXIT_DONE;
}

enum exit_code update_open(struct ctx *ctx, struct update *out, const char *path,
                           unsigned frac_bits)
{
    *out = (struct update){0};
    size_t len;
    err_t err = file_read(&out->file, &len, path, UPDATE_MAX_BYTES);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, path, err);
    err = arena_init(&out->arena, ARENA_BYTES);
    struct st_file st;
    if (err_ok(err)) err = st_parse(&st, &out->arena, bytes_make(out->file, len));
    if (err_ok(err)) err = st_update_vector(&out->u, &out->d, &out->arena, &st, frac_bits);
    return finish(ctx, out, path, err);
}

enum exit_code update_open_raw(struct ctx *ctx, struct update *out, const char *path)
{
    *out = (struct update){0};
    size_t len;
    err_t err = file_read(&out->file, &len, path, UPDATE_MAX_BYTES);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, path, err);
    err = arena_init(&out->arena, ARENA_BYTES);
    if (err_ok(err) && (len % 2 != 0 || len == 0))
        err = FAIL(MALFORMED, "an update has two bytes per coordinate");
    if (err_ok(err)) {
        out->d = len / 2;
        out->u = ARENA_ARRAY(&out->arena, int16_t, out->d);
        if (out->u == NULL) err = FAIL(FULL, "the update is too large");
    }
    for (size_t i = 0; err_ok(err) && i < out->d; i++) {
        const uint8_t *p = (const uint8_t *)out->file + 2 * i;
        out->u[i] = (int16_t)(uint16_t)(p[0] | p[1] << 8);
    }
    return finish(ctx, out, path, err);
}

/// The coordinates in little endian, on the heap.
static uint8_t *raw_bytes(const struct update *u)
{
    uint8_t *out = malloc(2 * u->d);
    if (out == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    for (size_t i = 0; i < u->d; i++) {
        const uint16_t v = (uint16_t)u->u[i];
        out[2 * i] = (uint8_t)(v & 0xff);
        out[2 * i + 1] = (uint8_t)(v >> 8);
    }
    return out;
}

char *update_blob_path(const char *dir, const hash_t *sha256)
{
    char name[64 + 8];
    hex_encode(name, BYTES_OF(*sha256));
    (void)snprintf(name + 64, 8, ".update");
    return path_join(dir, name);
}

// ---- records ----------------------------------------------------------------------------------

/// One field of a reveal and how it is called in the file.
struct field {
    const char *name;
    size_t offset;
    bool number;
};

static const struct field fields[] = {
    {"baseVersionId", offsetof(struct fed_reveal, base_version_id), false},
    {"updRoot", offsetof(struct fed_reveal, upd_root), false},
    {"updSha256", offsetof(struct fed_reveal, upd_sha256), false},
    {"d", offsetof(struct fed_reveal, d), true},
    {"weight", offsetof(struct fed_reveal, weight), true},
    {"clcHash", offsetof(struct fed_reveal, clc_hash), false},
    {"manifestHash", offsetof(struct fed_reveal, manifest_hash), false},
    {"trainingHash", offsetof(struct fed_reveal, training_hash), false},
    {"dpClaimHash", offsetof(struct fed_reveal, dp_claim_hash), false},
    {"attestationHash", offsetof(struct fed_reveal, attestation_hash), false},
    {"childRoundId", offsetof(struct fed_reveal, child_round_id), true},
    {"salt", offsetof(struct fed_reveal, salt), false},
};

char *salt_record_write(const struct salt_record *r)
{
    json_t *reveal = json_object();
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const uint8_t *at = (const uint8_t *)&r->reveal + fields[i].offset;
        if (fields[i].number) {
            uint64_t v;
            memcpy(&v, at, sizeof v);
            (void)json_object_set_new(reveal, fields[i].name, json_u64(v));
        } else {
            (void)json_object_set_new(reveal, fields[i].name, json_hex(bytes_make(at, 32)));
        }
    }
    json_t *o = json_object();
    (void)json_object_set_new(o, "about",
                              json_string("Salt of a commit: keep until it is revealed."));
    (void)json_object_set_new(o, "chainId", json_u64(r->chain_id));
    (void)json_object_set_new(o, "rounds", json_address(&r->rounds));
    (void)json_object_set_new(o, "roundId", json_u64(r->round_id));
    (void)json_object_set_new(o, "participant", json_address(&r->participant));
    (void)json_object_set_new(o, "digest", json_hash(&r->digest));
    (void)json_object_set_new(o, "reveal", reveal);
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(o);
    if (text == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    return text;
}

static bool read_u64(uint64_t *out, const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL && err_ok(text_parse_u64(out, s, UINT64_MAX));
}

static bool read_hash(hash_t *out, const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL && err_ok(text_parse_hash(out, s));
}

static bool read_address(address_t *out, const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL && err_ok(text_parse_address(out, s));
}

err_t salt_record_read(struct salt_record *out, bytes_t json)
{
    json_t *o = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *reveal = json_object_get(o, "reveal");
    struct salt_record r = {0};
    bool ok = read_u64(&r.chain_id, o, "chainId") && read_address(&r.rounds, o, "rounds") &&
              read_u64(&r.round_id, o, "roundId") && read_hash(&r.digest, o, "digest") &&
              read_address(&r.participant, o, "participant");
    for (size_t i = 0; ok && i < ARRAY_LEN(fields); i++) {
        uint8_t *at = (uint8_t *)&r.reveal + fields[i].offset;
        uint64_t v;
        hash_t h;
        if (fields[i].number) {
            ok = read_u64(&v, reveal, fields[i].name);
            if (ok) memcpy(at, &v, sizeof v);
        } else {
            ok = read_hash(&h, reveal, fields[i].name);
            if (ok) memcpy(at, &h, sizeof h);
        }
    }
    json_decref(o);
    if (!ok) return FAIL(MALFORMED, "the file is no record of a commit");
    const hash_t digest =
        fed_commit_digest(r.chain_id, &r.rounds, r.round_id, &r.participant, &r.reveal);
    if (!hash_eq(&digest, &r.digest)) return FAIL(CORRUPT, "the record does not give its digest");
    *out = r;
    return OK;
}

/// DATA/salts/<round>-<address>-<digest>.EXT, heap.
static char *record_path(const struct ctx *ctx, uint64_t round_id, const address_t *participant,
                         const hash_t *digest, const char *ext)
{
    char name[160];
    (void)snprintf(name, sizeof name, "salts/%" PRIu64 "-%s-%.16s.%s", round_id,
                   hex_address(participant).s + 2, hex_hash(digest).s + 2, ext);
    return path_join(ctx->data_home, name);
}

enum exit_code salt_save(struct ctx *ctx, const struct salt_record *r, const struct update *u)
{
    char *dir = path_join(ctx->data_home, "salts");
    const enum exit_code made = profile_make_dir(ctx, dir);
    free(dir);
    STEP(made);

    char *path = record_path(ctx, r->round_id, &r->participant, &r->digest, "update");
    uint8_t *raw = raw_bytes(u);
    err_t err = secret_file_write(path, bytes_make(raw, 2 * u->d), true);
    free(raw);
    free(path);
    path = record_path(ctx, r->round_id, &r->participant, &r->digest, "json");
    if (err_ok(err)) {
        char *text = salt_record_write(r);
        err = secret_file_write(path, bytes_of_str(text), true);
        secret_wipe(text, strlen(text));
        free(text);
    }
    enum exit_code code = EXIT_DONE;
    if (!err_ok(err)) code = fail_err(ctx, EXIT_STORE, path, err);
    free(path);
    return code;
}

char *salt_path(const struct ctx *ctx, const struct salt_record *r, const char *ending)
{
    return record_path(ctx, r->round_id, &r->participant, &r->digest, ending);
}

void salt_remove(struct ctx *ctx, const struct salt_record *r)
{
    static const char *const endings[] = {"json", "update", "commit", "reveal"};
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        char *path = salt_path(ctx, r, endings[i]);
        (void)unlink(path);
        free(path);
    }
}

/// "<round>-<address>": what the names of this participant's files begin with.
struct salt_prefix {
    char s[80];
};

static struct salt_prefix prefix_of(uint64_t round_id, const address_t *participant)
{
    struct salt_prefix p;
    (void)snprintf(p.s, sizeof p.s, "%" PRIu64 "-%s", round_id, hex_address(participant).s + 2);
    return p;
}

/// Calls `each` with the names in the folder of salts that begin with the prefix and a dash.
static void each_file(struct ctx *ctx, const struct salt_prefix *prefix,
                      void (*each)(void *user, const char *folder, const char *name), void *user)
{
    char *folder = path_join(ctx->data_home, "salts");
    DIR *d = opendir(folder);
    const size_t n = strlen(prefix->s);
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        if (strncmp(e->d_name, prefix->s, n) == 0 && e->d_name[n] == '-')
            each(user, folder, e->d_name);
    }
    if (d != NULL) (void)closedir(d);
    free(folder);
}

static bool ends_with(const char *name, const char *ending)
{
    const size_t n = strlen(name);
    const size_t m = strlen(ending);
    return n >= m && strcmp(name + n - m, ending) == 0;
}

/// Removes temporary files, and updates whose record was never written.
static void sweep(void *user, const char *folder, const char *name)
{
    (void)user;
    char *path = path_join(folder, name);
    bool stale = strstr(name, ".new-") != NULL;
    if (!stale && ends_with(name, ".update")) {
        char *record = strdup(path);
        if (record == NULL) panic_at(__FILE__, __LINE__, "out of memory");
        memcpy(record + strlen(record) - 7, ".json", sizeof ".json");
        stale = access(record, F_OK) != 0 && errno == ENOENT;
        free(record);
    }
    if (stale) (void)unlink(path);
    free(path);
}

enum exit_code salt_lock(struct ctx *ctx, struct salt_lock *out, uint64_t round_id,
                         const address_t *participant)
{
    char *folder = path_join(ctx->data_home, "salts");
    const enum exit_code made = profile_make_dir(ctx, folder);
    const struct salt_prefix prefix = prefix_of(round_id, participant);
    char name[96];
    (void)snprintf(name, sizeof name, "%s.lock", prefix.s);
    char *path = path_join(folder, name);
    free(folder);
    enum exit_code code = made;
    out->fd = -1;
    if (code == EXIT_DONE) {
        out->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (out->fd < 0) code = fail(ctx, EXIT_STORE, NULL, "%s: %s", path, strerror(errno));
    }
    if (code == EXIT_DONE && flock(out->fd, LOCK_EX | LOCK_NB) != 0) {
        code = fail(ctx, EXIT_STORE, "wait until it is done",
                    "another cairn is at work for this account in round %" PRIu64, round_id);
        salt_unlock(out);
    }
    free(path);
    if (code == EXIT_DONE) each_file(ctx, &prefix, sweep, NULL);
    return code;
}

void salt_unlock(struct salt_lock *l)
{
    if (l->fd >= 0) (void)close(l->fd);
    l->fd = -1;
}

/// What salt_find looks for and has found.
struct search {
    const struct salt_record *want;
    bool any; ///< content does not matter
    struct salt_record *out;
    size_t count;
};

static void match(void *user, const char *folder, const char *name)
{
    struct search *s = user;
    if (!ends_with(name, ".json")) return;
    char *path = path_join(folder, name);
    char *text = NULL;
    size_t len = 0;
    struct salt_record r;
    err_t err = file_read(&text, &len, path, RECORD_MAX);
    if (err_ok(err)) err = salt_record_read(&r, bytes_make(text, len));
    if (text != NULL) secret_wipe(text, len);
    free(text);
    free(path);
    if (!err_ok(err) || r.chain_id != s->want->chain_id ||
        !address_eq(&r.rounds, &s->want->rounds) || r.round_id != s->want->round_id ||
        !address_eq(&r.participant, &s->want->participant))
        return;
    struct fed_reveal same = s->want->reveal;
    same.salt = r.reveal.salt;
    const hash_t digest =
        fed_commit_digest(r.chain_id, &r.rounds, r.round_id, &r.participant, &same);
    if (!s->any && !hash_eq(&digest, &r.digest)) return;
    *s->out = r;
    s->count++;
}

void salt_find(struct ctx *ctx, struct salt_record *out, size_t *count, uint64_t chain_id,
               const address_t *rounds, uint64_t round_id, const address_t *participant,
               const struct fed_reveal *like)
{
    struct salt_record want = {
        .chain_id = chain_id, .rounds = *rounds, .round_id = round_id, .participant = *participant};
    if (like != NULL) want.reveal = *like;
    struct search s = {.want = &want, .any = like == NULL, .out = out};
    const struct salt_prefix prefix = prefix_of(round_id, participant);
    each_file(ctx, &prefix, match, &s);
    *count = s.count;
}

enum exit_code salt_load(struct ctx *ctx, struct salt_record *out, struct update *u,
                         uint64_t chain_id, const address_t *rounds, uint64_t round_id,
                         const address_t *participant, const hash_t *digest)
{
    char *path = record_path(ctx, round_id, participant, digest, "json");
    char *text = NULL;
    size_t len = 0;
    err_t err = file_read(&text, &len, path, RECORD_MAX);
    if (err_ok(err)) err = salt_record_read(out, bytes_make(text, len));
    if (text != NULL) secret_wipe(text, len);
    free(text);
    if (err_ok(err) && (out->chain_id != chain_id || !address_eq(&out->rounds, rounds) ||
                        out->round_id != round_id || !hash_eq(&out->digest, digest)))
        err = FAIL(MISMATCH, "the record is of another commit");
    if (!err_ok(err)) {
        const enum exit_code code = fail(
            ctx, EXIT_STORE, "was the commit made with another wallet? restore its folder `salts`",
            "the salt of this commit (%s): %s", path, err_text(err));
        free(path);
        return code;
    }
    free(path);
    path = record_path(ctx, round_id, participant, digest, "update");
    const enum exit_code code = update_open_raw(ctx, u, path);
    free(path);
    STEP(code);
    if (!hash_eq(&u->root, &out->reveal.upd_root) || u->d != out->reveal.d) {
        update_close(u);
        return fail(ctx, EXIT_STORE, NULL, "the kept update is not the one that was committed");
    }
    return EXIT_DONE;
}
