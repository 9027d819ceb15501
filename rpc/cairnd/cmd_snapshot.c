// SPDX-License-Identifier: Apache-2.0
/// `cairnd snapshot export` and `cairnd snapshot import`: the state at a final block to a file, and
/// a new store from one. What stands in it and why it is believed: consensus/sync/snapshot.h.

#include "chain/base/hex.h"
#include "chain/crypto/secp.h"
#include "chain/store/schema.h"
#include "consensus/node/node.h"
#include "rpc/cairnd/command.h"
#include "rpc/cairnd/file_out.h"
#include "rpc/jsonrpc/json_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAY_EVERY_S 5

struct job {
    struct config config;
    const char *file;
    const char *at;
    const char *trust;
    bool json;
    double begun;
    double said;
    struct snapshot_count count;
};

/// How far it is, now and then.
static void say_progress(void *ctx, const struct snapshot_count *c)
{
    struct job *j = ctx;
    const double now = steady_seconds();
    if (now - j->said < SAY_EVERY_S) return;
    j->said = now;
    if (c->accounts > 0)
        (void)fprintf(stderr, "%s: state: %" PRIu64 " accounts, %" PRIu64 " slots\n", j->file,
                      c->accounts, c->slots);
    else
        (void)fprintf(stderr, "%s: header %" PRIu64 " of %" PRIu64 ", %" PRIu64 " blocks\n",
                      j->file, c->headers, c->number, c->blocks);
}

static int say_done(const struct job *j, uint64_t bytes)
{
    const struct snapshot_count *c = &j->count;
    const double took = steady_seconds() - j->begun;
    if (!j->json) {
        (void)printf("ok: block %" PRIu64 " %s: %" PRIu64 " headers, %" PRIu64 " blocks, %" PRIu64
                     " accounts, %" PRIu64 " slots, %" PRIu64 " codes, %" PRIu64
                     " bytes in %.1f s\n",
                     c->number, hex_hash(&c->hash).s, c->headers, c->blocks, c->accounts, c->slots,
                     c->codes, bytes, took);
        return EXIT_DONE;
    }
    struct buf text;
    buf_init(&text, (size_t)1 << 20);
    struct json_writer w = {&text, false};
    jw_open(&w, '{');
    jw_kv_str(&w, "file", j->file);
    jw_kv_uint(&w, "block", c->number);
    jw_kv_hash(&w, "hash", &c->hash);
    jw_kv_uint(&w, "headers", c->headers);
    jw_kv_uint(&w, "blocks", c->blocks);
    jw_kv_uint(&w, "accounts", c->accounts);
    jw_kv_uint(&w, "slots", c->slots);
    jw_kv_uint(&w, "codes", c->codes);
    jw_kv_uint(&w, "bytes", bytes);
    jw_kv_hash(&w, "sum", &c->sum);
    jw_kv_uint(&w, "milliseconds", (uint64_t)(took * 1000));
    jw_close(&w, '}');
    (void)printf("%.*s\n", (int)text.len, (const char *)text.data);
    buf_deinit(&text);
    return EXIT_DONE;
}

// ---- export -------------------------------------------------------------------------------

static err_t write_file(void *ctx, bytes_t bytes)
{
    return file_out_write(ctx, bytes);
}

static int export_failed(const struct job *j, struct db *db, err_t err)
{
    const struct snapshot_count *c = &j->count;
    struct db_damage_note note = {""};
    if (db_damaged(db, &note))
        return fail(EXIT_DAMAGED,
                    "the store is damaged: %s\nhint: cairnd verify, or restore a backup",
                    note.text);
    if (err.kind != ERR_NOT_FOUND)
        return fail(exit_of(err), "snapshot to %s: %s", j->file, err_text(err));
    if (c->head == 0)
        return fail(EXIT_USAGE,
                    "there is no block but the genesis yet\nhint: a snapshot is of a later block");
    return fail(EXIT_USAGE,
                "--at is %" PRIu64 ": the store has no state of that block\nhint: want %" PRIu64
                " to %" PRIu64,
                c->number, c->oldest, c->head);
}

static int export_from(struct job *j, struct db *db)
{
    struct file_out *out = calloc(1, sizeof *out);
    struct snapshot_export x = {.db = db,
                                .number = UINT64_MAX,
                                .sink = {write_file, out},
                                .progress = say_progress,
                                .ctx = j};
    if (out == NULL) return fail(EXIT_STORAGE, "out of memory");
    if (j->at != NULL && !setting_parse(&x.number, SETTING_COUNT, j->at)) {
        free(out);
        return fail(EXIT_USAGE, "--at is \"%s\"\nhint: want a block number", j->at);
    }
    j->begun = j->said = steady_seconds();
    err_t err = file_out_open(out, j->file);
    if (err_ok(err)) err = snapshot_export(&x, &j->count);
    err = file_out_close(out, err);
    const uint64_t bytes = out->written;
    free(out);
    return err_ok(err) ? say_done(j, bytes) : export_failed(j, db, err);
}

static int export_snapshot(struct job *j)
{
    struct db *db = NULL;
    char *store = config_path(&j->config, "store");
    err_t err = secp_setup();
    if (err_ok(err) && store == NULL) err = FAIL(FULL, "out of memory");
    if (err_ok(err)) err = schema_open(&db, store, false, true);
    int code;
    if (err_ok(err)) {
        code = export_from(j, db);
        db_close(db);
    } else {
        code = fail(exit_of(err), "the store %s: %s\nhint: check --data-dir",
                    store != NULL ? store : "", err_text(err));
    }
    free(store);
    return code;
}

// ---- import -------------------------------------------------------------------------------

struct import {
    struct job *job;
    int fd;
    uint64_t bytes;
    hash_t trusted;
    struct genesis genesis;
    struct arena arena;
    struct buf genesis_text;
};

static err_t read_file(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    struct import *im = ctx;
    ssize_t n;
    do n = read(im->fd, out, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0) return FAIL(IO, "the file cannot be read");
    *got = (size_t)n;
    im->bytes += (size_t)n;
    return OK;
}

static int import_failed(const struct import *im, err_t err, const char *detail)
{
    const struct job *j = im->job;
    const struct snapshot_count *c = &j->count;
    char where[96];
    if (detail[0] != '\0') return fail(exit_of(err), "%s", detail);
    int len = snprintf(where, sizeof where, "byte %" PRIu64, c->at_byte);
    if (c->at_block > 0)
        (void)snprintf(where + len, sizeof where - (size_t)len, ", block %" PRIu64, c->at_block);
    switch (err.kind) {
    case ERR_MALFORMED:
    case ERR_INVALID:
    case ERR_LIMIT:
    case ERR_CORRUPT:
    case ERR_NOT_FOUND:
        return fail(EXIT_DAMAGED,
                    "%s is damaged or false (%s): %s\nhint: nothing of it was kept; get another "
                    "copy, or one from another node",
                    j->file, where, err_text(err));
    case ERR_UNSUPPORTED:
        if (c->number == 0)
            return fail(EXIT_MISMATCH,
                        "%s: %s\nhint: install the program that wrote it, or a "
                        "newer one",
                        j->file, err_text(err));
        return fail(EXIT_USAGE,
                    "%s is of block %" PRIu64 " %s, and nothing in it can show that this block "
                    "is final: a contract names the validators\nhint: ask a node that you trust "
                    "for the hash of that block; then --trust-hash HASH",
                    j->file, c->number, hex_hash(&c->hash).s);
    case ERR_MISMATCH:
        if (c->number == 0)
            return fail(EXIT_MISMATCH, "%s: %s\nhint: check --genesis", j->file, err_text(err));
        return fail(EXIT_MISMATCH,
                    "%s is of block %" PRIu64 " %s: %s\nhint: somebody is wrong: ask a node that "
                    "you trust once more",
                    j->file, c->number, hex_hash(&c->hash).s, err_text(err));
    case ERR_NONE:
    case ERR_FULL:
    case ERR_IO:
    case ERR_BUSY:
        break;
    }
    return fail(exit_of(err),
                "import of %s: %s\nhint: nothing was kept; the same command begins "
                "anew",
                j->file, err_text(err));
}

static int import_into(struct import *im, const char *dir)
{
    struct job *j = im->job;
    struct node_detail detail = {""};
    const struct node_snapshot_import request = {
        .data_dir = dir,
        .genesis = &im->genesis,
        .trusted = j->trust != NULL ? &im->trusted : NULL,
        .source = {read_file, im},
        .progress = say_progress,
        .ctx = j,
    };
    j->begun = j->said = steady_seconds();
    const err_t err = node_snapshot_import(&request, &j->count, &detail);
    return err_ok(err) ? say_done(j, im->bytes) : import_failed(im, err, detail.text);
}

static int import_snapshot(struct job *j)
{
    struct import im = {.job = j, .fd = -1};
    if (j->trust != NULL &&
        !err_ok(hex_decode_fixed(im.trusted.b, sizeof im.trusted.b, bytes_of_str(j->trust))))
        return fail(EXIT_USAGE, "--trust-hash is \"%s\"\nhint: want 0x and 64 digits", j->trust);
    im.fd = open(j->file, O_RDONLY | O_CLOEXEC);
    if (im.fd < 0)
        return fail(EXIT_USAGE, "%s: %s\nhint: want a file of cairnd snapshot export", j->file,
                    strerror(errno));
    int code = EXIT_DONE;
    buf_init(&im.genesis_text, (size_t)256 << 20);
    char *dir = config_path(&j->config, "");
    char *genesis = config_text(&j->config, SET_genesis)[0] != 0
                        ? strdup(config_text(&j->config, SET_genesis))
                        : config_path(&j->config, "genesis.json");
    err_t err = dir == NULL || genesis == NULL ? FAIL(FULL, "out of memory") : secp_setup();
    if (err_ok(err)) err = arena_init(&im.arena, (size_t)1 << 30);
    if (err_ok(err)) err = genesis_read(&im.genesis, &im.arena, &im.genesis_text, genesis, &code);
    if (!err_ok(err) && code == EXIT_DONE) code = fail(exit_of(err), "%s", err_text(err));
    if (err_ok(err)) code = import_into(&im, dir);
    free(dir);
    free(genesis);
    close(im.fd);
    arena_deinit(&im.arena);
    buf_deinit(&im.genesis_text);
    return code;
}

// ---- the command ----------------------------------------------------------------------------

/// Takes our own flags out; what is left goes to config_read. @return how many are left
static int take_flags(struct job *j, int argc, char **argv, bool is_export)
{
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        const char **value = is_export && strcmp(argv[i], "--to") == 0            ? &j->file
                             : is_export && strcmp(argv[i], "--at") == 0          ? &j->at
                             : !is_export && strcmp(argv[i], "--trust-hash") == 0 ? &j->trust
                                                                                  : NULL;
        if (value != NULL && i + 1 < argc) {
            *value = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0) {
            j->json = true;
        } else if (!is_export && argv[i][0] != '-' && j->file == NULL) {
            j->file = argv[i];
        } else {
            const bool takes_value = argv[i][0] == '-' && strchr(argv[i], '=') == NULL;
            argv[kept++] = argv[i];
            if (takes_value && i + 1 < argc) argv[kept++] = argv[++i];
        }
    }
    return kept;
}

int cmd_snapshot(int argc, char **argv)
{
    const bool is_export = argc > 1 && strcmp(argv[1], "export") == 0;
    if (!is_export && (argc < 2 || strcmp(argv[1], "import") != 0))
        return fail(EXIT_USAGE, "want: cairnd snapshot export --to FILE [--at N], or cairnd "
                                "snapshot import FILE [--trust-hash HASH]");
    struct job j = {.file = NULL};
    int rest = 0;
    int code;
    argc--, argv++;
    const int kept = take_flags(&j, argc, argv, is_export);
    const err_t err = config_read(&j.config, kept, argv, &rest);
    if (!err_ok(err))
        code = fail(EXIT_USAGE, "%s", j.config.detail[0] != 0 ? j.config.detail : err_text(err));
    else if (j.file == NULL || j.file[0] == 0 || rest < kept)
        code =
            fail(EXIT_USAGE, is_export ? "want: cairnd snapshot export --to FILE [--at N] [--json] "
                                         "[--data-dir DIR]"
                                       : "want: cairnd snapshot import FILE [--trust-hash HASH] "
                                         "[--json] [--data-dir DIR] [--genesis FILE]");
    else
        code = is_export ? export_snapshot(&j) : import_snapshot(&j);
    config_free(&j.config);
    return code;
}
