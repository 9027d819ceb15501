// SPDX-License-Identifier: Apache-2.0
/// `cairnd backup`: a consistent copy of the store and the settings, also while the node runs.
/// Neither key nor guard is in it: an older guard would let a validator contradict what it has
/// signed since (threat model 4.3).

#include "chain/base/hex.h"
#include "chain/crypto/digest.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "rpc/cairnd/command.h"
#include "rpc/jsonrpc/json_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SETTINGS_MAX ((size_t)256 << 20)

struct backup {
    struct config config;
    const char *to;
    char *store;
    struct db *db;
    uint64_t head;
    hash_t head_hash;
    uint64_t chain_id;
    hash_t genesis;
    struct buf files; ///< JSON members: name, SHA-256
};

static void note_file(struct backup *b, const char *name, const hash_t *sum)
{
    if (b->files.len > 0) buf_put_u8(&b->files, ',');
    buf_put_str(&b->files, "\n  \"");
    buf_put_str(&b->files, name);
    buf_put_str(&b->files, "\": \"");
    buf_put_str(&b->files, hex_hash(sum).s + 2);
    buf_put_str(&b->files, "\"");
}

/// The sum of a large file that is on disk once this returns.
static err_t sum_and_sync(const char *path, hash_t *out)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return FAIL(IO, "the copy cannot be opened");
    struct sha256_stream *s = sha256_new();
    static uint8_t chunk[1 << 16];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0) sha256_update(s, bytes_make(chunk, (size_t)n));
    *out = sha256_final_free(s);
    const bool ok = n == 0 && fsync(fd) == 0;
    close(fd);
    return ok ? OK : FAIL(IO, "the copy cannot be read or synced");
}

/// Copies the store and reads from the copy where it ends.
static err_t copy_store(struct backup *b)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/store", b->to);
    TRY(schema_open(&b->db, b->store, false, true));
    err_t err = db_backup(b->db, path, true);
    db_close(b->db);
    b->db = NULL;
    TRY(err);
    TRY(schema_open(&b->db, path, false, true));
    struct db_txn *txn;
    TRY(db_begin_read(b->db, &txn));
    err = schema_read(txn, &b->chain_id, &b->genesis);
    if (err_ok(err)) err = blocks_head(txn, &b->head, &b->head_hash);
    db_abort(txn);
    db_close(b->db);
    b->db = NULL;
    TRY(err);
    (void)snprintf(path, sizeof path, "%s/store/lock.mdb", b->to);
    (void)unlink(path);
    hash_t sum;
    (void)snprintf(path, sizeof path, "%s/store/data.mdb", b->to);
    TRY(sum_and_sync(path, &sum));
    note_file(b, "store/data.mdb", &sum);
    return OK;
}

static err_t copy_settings(struct backup *b)
{
    static const char *const names[] = {"genesis.json", "cairnd.toml", "static-nodes.json",
                                        "permissions.toml"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *from = config_path(&b->config, names[i]);
        char to[4096];
        (void)snprintf(to, sizeof to, "%s/%s", b->to, names[i]);
        struct buf text;
        buf_init(&text, SETTINGS_MAX);
        err_t err = from == NULL ? FAIL(FULL, "out of memory") : file_read(&text, from);
        if (err_ok(err)) err = file_write(to, buf_bytes(&text), 0600);
        if (err_ok(err)) {
            const hash_t sum = sha256(buf_bytes(&text));
            note_file(b, names[i], &sum);
        }
        buf_deinit(&text);
        free(from);
        if (err.kind != ERR_NOT_FOUND) TRY(err);
    }
    return OK;
}

/// The list of what is in the backup, written last: without it a backup is not complete.
static err_t write_list(const struct backup *b)
{
    char path[4096];
    struct buf text;
    (void)snprintf(path, sizeof path, "%s/backup.json", b->to);
    buf_init(&text, (size_t)1 << 20);
    struct json_writer w = {&text, false};
    jw_open(&w, '{');
    jw_kv_str(&w, "version", CAIRND_VERSION);
    jw_kv_int(&w, "time", (int64_t)time(NULL));
    jw_kv_int(&w, "chainId", (int64_t)b->chain_id);
    jw_kv_hash(&w, "genesis", &b->genesis);
    jw_kv_int(&w, "head", (int64_t)b->head);
    jw_kv_hash(&w, "hash", &b->head_hash);
    jw_key(&w, "sha256");
    buf_put_u8(&text, '{');
    buf_put(&text, buf_bytes(&b->files));
    buf_put_str(&text, "}}\n");
    err_t err = buf_status(&text);
    if (err_ok(err)) err = file_write(path, buf_bytes(&text), 0600);
    buf_deinit(&text);
    return err;
}

int cmd_backup(int argc, char **argv)
{
    struct backup b = {.to = NULL};
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--to") == 0 && i + 1 < argc)
            b.to = argv[++i];
        else
            argv[kept++] = argv[i];
    }
    int rest = 0;
    int code = EXIT_DONE;
    err_t err = config_read(&b.config, kept, argv, &rest);
    if (!err_ok(err)) {
        code = fail(EXIT_USAGE, "%s", b.config.detail[0] != 0 ? b.config.detail : err_text(err));
    } else if (b.to == NULL || b.to[0] == 0 || rest < kept) {
        code = fail(EXIT_USAGE, "want: cairnd backup --to DIR [--data-dir DIR]");
    } else {
        buf_init(&b.files, (size_t)1 << 20);
        b.store = config_path(&b.config, "store");
        err = b.store == NULL ? FAIL(FULL, "out of memory") : dir_make(b.to);
        if (err_ok(err)) err = copy_store(&b);
        if (err_ok(err)) err = copy_settings(&b);
        if (err_ok(err)) err = write_list(&b);
        if (b.db != NULL) db_close(b.db);
        if (err.kind == ERR_NOT_FOUND)
            code = fail(EXIT_USAGE, "there is no store %s\nhint: check --data-dir", b.store);
        else if (!err_ok(err))
            code = fail(exit_of(err),
                        "backup of %s to %s: %s\nhint: want an empty or new folder "
                        "on a disk with room",
                        b.store, b.to, err_text(err));
        else
            (void)printf("ok: block %" PRIu64 " %s in %s\n", b.head, hex_hash(&b.head_hash).s,
                         b.to);
        buf_deinit(&b.files);
        free(b.store);
    }
    config_free(&b.config);
    return code;
}
