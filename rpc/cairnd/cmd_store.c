// SPDX-License-Identifier: Apache-2.0
/// `cairnd export` and `cairnd import`: blocks to a file and from one, as other clients write it.

#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "chain/crypto/secp.h"
#include "chain/state/genesis_state.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "chain/types/block_file.h"
#include "consensus/node/node.h"
#include "rpc/cairnd/command.h"
#include "rpc/cairnd/file_out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS_PER_READER = 256 };

// ---- export -------------------------------------------------------------------------------

struct export
{
    struct config config;
    const char *to;
    const char *from_text;
    const char *until_text;
    uint64_t from;
    uint64_t until;
    uint64_t txs;
    char *store;
    struct db *db;
    struct file_out out;
    struct arena arena;
    struct buf raw;
};

static err_t write_block(struct export *e, const struct db_txn *txn, uint64_t number)
{
    struct block b;
    arena_reset(&e->arena);
    buf_clear(&e->raw);
    TRY(blocks_get(txn, &b, &e->arena, number));
    block_encode(&e->raw, &b);
    TRY(buf_status(&e->raw));
    e->txs += b.tx_count;
    return file_out_write(&e->out, buf_bytes(&e->raw));
}

/// A few blocks per read transaction: a node may be writing meanwhile.
static err_t write_blocks(struct export *e)
{
    double said = steady_seconds();
    uint64_t n = e->from;
    while (n <= e->until) {
        struct db_txn *txn;
        TRY(db_begin_read(e->db, &txn));
        err_t err = OK;
        const uint64_t stop =
            e->until - n < BLOCKS_PER_READER ? e->until : n + BLOCKS_PER_READER - 1;
        for (; n <= stop && err_ok(err); n++) err = write_block(e, txn, n);
        db_abort(txn);
        TRY(err);
        if (steady_seconds() - said < 5) continue;
        said = steady_seconds();
        (void)fprintf(stderr, "exported to block %" PRIu64 " of %" PRIu64 "\n", n - 1, e->until);
    }
    return OK;
}

/// The range that was asked for, within what is there. Prints what is wrong.
static int choose_range(struct export *e)
{
    struct db_txn *txn;
    uint64_t head = 0;
    uint64_t oldest = 0;
    hash_t hash;
    err_t err = db_begin_read(e->db, &txn);
    if (err_ok(err)) {
        err = blocks_head(txn, &head, &hash);
        if (err_ok(err)) err = blocks_oldest(txn, &oldest);
        db_abort(txn);
    }
    if (!err_ok(err)) return fail(exit_of(err), "the store %s: %s", e->store, err_text(err));
    e->until = head;
    e->from = oldest;
    if (e->from_text != NULL && !setting_parse(&e->from, SETTING_COUNT, e->from_text))
        return fail(EXIT_USAGE, "--from is \"%s\"\nhint: want a block number", e->from_text);
    if (e->until_text != NULL && !setting_parse(&e->until, SETTING_COUNT, e->until_text))
        return fail(EXIT_USAGE, "--until is \"%s\"\nhint: want a block number", e->until_text);
    if (e->until > head)
        return fail(EXIT_USAGE, "--until is %" PRIu64 "\nhint: the newest block is %" PRIu64,
                    e->until, head);
    if (e->from < oldest)
        return fail(EXIT_USAGE,
                    "--from is %" PRIu64 ", but this store began from a snapshot at block %" PRIu64
                    "\nhint: want at least that, or the store of a node that began at block 0",
                    e->from, oldest);
    if (e->from > e->until)
        return fail(EXIT_USAGE, "--from is %" PRIu64 "\nhint: want at most %" PRIu64, e->from,
                    e->until);
    return EXIT_DONE;
}

static int export_all(struct export *e)
{
    err_t err = secp_setup();
    e->store = config_path(&e->config, "store");
    if (err_ok(err) && e->store == NULL) err = FAIL(FULL, "out of memory");
    if (err_ok(err)) err = arena_init(&e->arena, (size_t)1 << 30);
    if (err_ok(err)) err = schema_open(&e->db, e->store, false, true);
    if (!err_ok(err)) {
        e->db = NULL;
        return fail(exit_of(err), "the store %s: %s\nhint: check --data-dir", e->store,
                    err_text(err));
    }
    const int code = choose_range(e);
    if (code != EXIT_DONE) return code;
    err = file_out_open(&e->out, e->to);
    if (err_ok(err)) err = write_blocks(e);
    err = file_out_close(&e->out, err);
    struct db_damage_note note = {""};
    if (!err_ok(err) && db_damaged(e->db, &note))
        return fail(EXIT_DAMAGED,
                    "the store %s is damaged: %s\nhint: cairnd verify, or restore a backup",
                    e->store, note.text);
    if (!err_ok(err)) return fail(exit_of(err), "export to %s: %s", e->to, err_text(err));
    (void)printf("ok: blocks %" PRIu64 " to %" PRIu64 ", %" PRIu64 " transactions, %" PRIu64
                 " bytes in %s\n",
                 e->from, e->until, e->txs, e->out.written, e->to);
    return EXIT_DONE;
}

int cmd_export(int argc, char **argv)
{
    struct export e = {.to = NULL};
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        const char **value = strcmp(argv[i], "--to") == 0      ? &e.to
                             : strcmp(argv[i], "--from") == 0  ? &e.from_text
                             : strcmp(argv[i], "--until") == 0 ? &e.until_text
                                                               : NULL;
        if (value != NULL && i + 1 < argc)
            *value = argv[++i];
        else
            argv[kept++] = argv[i];
    }
    int rest = 0;
    int code;
    buf_init(&e.raw, (size_t)64 << 20);
    const err_t err = config_read(&e.config, kept, argv, &rest);
    if (!err_ok(err))
        code = fail(EXIT_USAGE, "%s", e.config.detail[0] != 0 ? e.config.detail : err_text(err));
    else if (e.to == NULL || e.to[0] == 0 || rest < kept)
        code = fail(EXIT_USAGE,
                    "want: cairnd export --to FILE [--from N] [--until M] [--data-dir DIR]");
    else
        code = export_all(&e);
    if (e.db != NULL) db_close(e.db);
    arena_deinit(&e.arena);
    buf_deinit(&e.raw);
    free(e.store);
    config_free(&e.config);
    return code;
}

// ---- import -------------------------------------------------------------------------------

struct import {
    struct config config;
    const char *file;
    int fd;
    struct block_file blocks;
    struct genesis genesis;
    struct arena arena;
    struct buf genesis_text;
    double begun;
    double said;
};

static err_t read_file(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    const struct import *im = ctx;
    ssize_t n;
    do n = read(im->fd, out, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0) return FAIL(IO, "the file cannot be read");
    *got = (size_t)n;
    return OK;
}

static err_t next_block(void *ctx, bytes_t *raw, uint64_t *where)
{
    struct import *im = ctx;
    return block_file_next(&im->blocks, raw, where);
}

static void say_progress(void *ctx, const struct node_import_count *c)
{
    struct import *im = ctx;
    const double now = steady_seconds();
    if (now - im->said < 5) return;
    im->said = now;
    const double took = now - im->begun;
    (void)fprintf(stderr,
                  "imported to block %" PRIu64 ": %" PRIu64 " blocks, %" PRIu64
                  " transactions, %.0f blocks/s, %.0f tx/s\n",
                  c->head_number, c->blocks, c->txs, (double)c->blocks / took,
                  (double)c->txs / took);
}

static int import_failed(const struct import *im, const struct node_import_count *c, err_t err,
                         const char *detail)
{
    if (detail[0] != '\0') return fail(exit_of(err), "%s", detail);
    switch (err.kind) {
    case ERR_MALFORMED:
    case ERR_INVALID:
    case ERR_LIMIT:
    case ERR_UNSUPPORTED:
    case ERR_MISMATCH:
        return fail(exit_of(err),
                    "%s: the block at byte %" PRIu64 ": %s\nhint: the store keeps what came "
                    "before it: the head is block %" PRIu64,
                    im->file, c->failed_at, err_text(err), c->head_number);
    case ERR_CORRUPT:
        return fail(EXIT_DAMAGED,
                    "after block %" PRIu64 " (the file's byte %" PRIu64
                    "): %s\nhint: cairnd verify --deep says whether the store is damaged",
                    c->head_number, c->failed_at, err_text(err));
    case ERR_NONE:
    case ERR_NOT_FOUND:
    case ERR_FULL:
    case ERR_IO:
    case ERR_BUSY:
        break;
    }
    return fail(exit_of(err),
                "import of %s: %s\nhint: the head is block %" PRIu64
                "; the same command goes on from there",
                im->file, err_text(err), c->head_number);
}

static int import_all(struct import *im)
{
    int code = EXIT_DONE;
    char *dir = config_path(&im->config, "");
    char *genesis = config_text(&im->config, SET_genesis)[0] != 0
                        ? strdup(config_text(&im->config, SET_genesis))
                        : config_path(&im->config, "genesis.json");
    err_t err = dir == NULL || genesis == NULL ? FAIL(FULL, "out of memory") : secp_setup();
    if (err_ok(err)) err = arena_init(&im->arena, (size_t)1 << 30);
    if (err_ok(err))
        err = genesis_read(&im->genesis, &im->arena, &im->genesis_text, genesis, &code);
    if (!err_ok(err) && code == EXIT_DONE) code = fail(exit_of(err), "%s", err_text(err));
    if (err_ok(err)) {
        struct node_detail detail = {""};
        struct node_import_count c;
        const struct node_import request = {.data_dir = dir,
                                            .genesis = &im->genesis,
                                            .next = next_block,
                                            .progress = say_progress,
                                            .ctx = im};
        im->begun = im->said = steady_seconds();
        err = node_import(&request, &c, &detail);
        const double took = steady_seconds() - im->begun;
        if (err_ok(err))
            (void)printf("ok: %" PRIu64 " blocks, %" PRIu64 " transactions in %.1f s (%.0f "
                         "blocks/s, %.0f tx/s); %" PRIu64 " were there; head %" PRIu64 " %s\n",
                         c.blocks, c.txs, took, (double)c.blocks / took, (double)c.txs / took,
                         c.same, c.head_number, hex_hash(&c.head_hash).s);
        else
            code = import_failed(im, &c, err, detail.text);
    }
    free(dir);
    free(genesis);
    return code;
}

int cmd_import(int argc, char **argv)
{
    struct import im = {.fd = -1};
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        const bool takes_value = argv[i][0] == '-' && strchr(argv[i], '=') == NULL;
        if (argv[i][0] != '-' && im.file == NULL) {
            im.file = argv[i];
            continue;
        }
        argv[kept++] = argv[i];
        if (takes_value && i + 1 < argc) argv[kept++] = argv[++i];
    }
    int rest = 0;
    int code;
    buf_init(&im.genesis_text, (size_t)256 << 20);
    const struct byte_source source = {read_file, &im};
    block_file_init(&im.blocks, &source);
    const err_t err = config_read(&im.config, kept, argv, &rest);
    if (!err_ok(err))
        code = fail(EXIT_USAGE, "%s", im.config.detail[0] != 0 ? im.config.detail : err_text(err));
    else if (im.file == NULL || rest < kept)
        code = fail(EXIT_USAGE, "want: cairnd import FILE [--data-dir DIR] [--genesis FILE]");
    else if ((im.fd = open(im.file, O_RDONLY | O_CLOEXEC)) < 0)
        code = fail(EXIT_USAGE, "%s: %s\nhint: want a file of cairnd export", im.file,
                    strerror(errno));
    else
        code = import_all(&im);
    if (im.fd >= 0) close(im.fd);
    block_file_deinit(&im.blocks);
    arena_deinit(&im.arena);
    buf_deinit(&im.genesis_text);
    config_free(&im.config);
    return code;
}
