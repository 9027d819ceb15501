// SPDX-License-Identifier: Apache-2.0
#include "chain/store/db.h"

#include "chain/base/endian.h"
#include "chain/store/schema.h"
#include "chain/store/shards.h"
#include "test/support/temp_dir.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct db_table_def tables[] = {{"one", false}, {"two", false}};

static struct db_options options_for(const struct temp_dir *dir)
{
    return (struct db_options){
        .path = dir->path, .create = true, .tables = tables, .table_count = ARRAY_LEN(tables)};
}

static void path_in(char out[300], const struct temp_dir *dir, const char *name)
{
    snprintf(out, 300, "%s/%s", dir->path, name);
}

static void put_one(struct db *db, bytes_t key, bytes_t value)
{
    struct db_txn *txn;
    cr_assert(err_ok(db_begin_write(db, &txn)));
    cr_assert(err_ok(db_put(txn, 0, key, value)));
    cr_assert(err_ok(db_commit(txn)));
}

/// Goal: what is committed is there, what is aborted is not, snapshots do not move, keys walk
/// in order.
Test(db, transactions_and_walks)
{
    const struct temp_dir dir = temp_dir_make();
    const struct db_options options = options_for(&dir);
    struct db *db;
    struct db_txn *txn;
    struct db_txn *before;
    bytes_t v;
    cr_assert(err_ok(db_open(&db, &options)));
    put_one(db, LIT("b"), LIT("1"));
    cr_assert(err_ok(db_begin_read(db, &before)));
    put_one(db, LIT("a"), LIT("2"));
    cr_expect_eq(db_get(before, 0, LIT("a"), &v).kind, ERR_NOT_FOUND);

    cr_assert(err_ok(db_begin_write(db, &txn)));
    cr_assert(err_ok(db_put(txn, 0, LIT("c"), LIT("3"))));
    cr_assert(err_ok(db_delete(txn, 0, LIT("b"))));
    cr_assert(err_ok(db_delete(txn, 0, LIT("never there"))));
    db_abort(txn);
    db_abort(before);

    cr_assert(err_ok(db_begin_write(db, &txn)));
    cr_assert(err_ok(db_get(txn, 0, LIT("b"), &v)));
    cr_expect(bytes_eq(v, LIT("1")));
    cr_expect_eq(db_get(txn, 0, LIT("c"), &v).kind, ERR_NOT_FOUND);
    cr_expect_eq(db_get(txn, 1, LIT("b"), &v).kind, ERR_NOT_FOUND, "tables are apart");
    cr_expect_eq(db_put(txn, 0, BYTES_NONE, LIT("1")).kind, ERR_LIMIT, "empty key");
    cr_assert(err_ok(db_append(txn, 0, LIT("x"), BYTES_NONE)));
    cr_expect_eq(db_append(txn, 0, LIT("d"), LIT("1")).kind, ERR_INVALID, "not the largest");
    uint8_t *room;
    cr_assert(err_ok(db_reserve(txn, 0, LIT("y"), 3, &room)));
    memcpy(room, "abc", 3);

    struct db_cursor *c;
    bytes_t key;
    char seen[8] = "";
    cr_assert(err_ok(db_cursor_open(txn, 0, &c)));
    err_t err = db_cursor_first(c, &key, &v);
    for (; err_ok(err); err = db_cursor_next(c, &key, &v)) {
        strncat(seen, (const char *)key.data, 1);
    }
    cr_expect_eq(err.kind, ERR_NOT_FOUND);
    cr_expect_str_eq(seen, "abxy");
    cr_assert(err_ok(db_cursor_seek(c, LIT("c"), &key, &v)));
    cr_expect(bytes_eq(key, LIT("x")) && v.len == 0);
    cr_assert(err_ok(db_cursor_prev(c, &key, &v)));
    cr_expect(bytes_eq(key, LIT("b")));
    cr_assert(err_ok(db_cursor_delete(c)));
    cr_assert(err_ok(db_cursor_last(c, &key, &v)));
    cr_expect(bytes_eq(key, LIT("y")) && bytes_eq(v, LIT("abc")));
    cr_expect_eq(db_cursor_seek(c, LIT("z"), &key, &v).kind, ERR_NOT_FOUND);
    db_cursor_close(c);
    cr_expect_eq(db_get(txn, 0, LIT("b"), &v).kind, ERR_NOT_FOUND);
    cr_assert(err_ok(db_commit(txn)));
    db_close(db);
    temp_dir_remove(&dir);
}

/// Goal: every way of opening the wrong thing has its error, and modes are private.
Test(db, opening)
{
    const struct temp_dir dir = temp_dir_make();
    struct db_options options = options_for(&dir);
    char sub[300];
    char data[300];
    struct db *db;
    struct db *second;
    struct stat st;
    path_in(sub, &dir, "deep/store");
    path_in(data, &dir, "deep/store/data.mdb");
    options.path = sub;
    options.create = false;
    cr_expect_eq(db_open(&db, &options).kind, ERR_NOT_FOUND);
    options.create = true;
    cr_assert(err_ok(db_open(&db, &options)));
    cr_assert_eq(stat(sub, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0700);
    cr_assert_eq(stat(data, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    cr_expect_eq(db_open(&second, &options).kind, ERR_BUSY);
    put_one(db, LIT("k"), LIT("v"));
    db_close(db);

    options.read_only = true;
    struct db_txn *txn;
    bytes_t v;
    cr_assert(err_ok(db_open(&db, &options)));
    cr_expect_eq(db_begin_write(db, &txn).kind, ERR_IO);
    cr_assert(err_ok(db_begin_read(db, &txn)));
    cr_expect(err_ok(db_get(txn, 0, LIT("k"), &v)));
    db_abort(txn);
    db_close(db);
    options.read_only = false;

    options.disk_reserve = UINT64_MAX;
    cr_assert(err_ok(db_open(&db, &options)));
    cr_expect_eq(db_begin_write(db, &txn).kind, ERR_FULL, "the disk's reserve");
    db_close(db);
    options.disk_reserve = 0;

    FILE *f = fopen(data, "r+b");
    cr_assert_not_null(f);
    for (int i = 0; i < 8192; i++) fputc(0x5a, f);
    fclose(f);
    cr_expect_eq(db_open(&db, &options).kind, ERR_CORRUPT, "garbage");

    path_in(sub, &dir, "a-file");
    f = fopen(sub, "wb");
    cr_assert_not_null(f);
    fclose(f);
    cr_expect_eq(db_open(&db, &options).kind, ERR_IO, "not a directory");
    temp_dir_remove(&dir);
}

/// Goal: a data file that was cut is an error, never a crash: much missing is refused when it
/// is opened, little when it is read.
Test(db, cut_files)
{
    static const off_t cuts[] = {4096, 8192, 40960, 204800, 819200, 1500000, 2500000};
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        const struct temp_dir dir = temp_dir_make();
        const struct db_options options = options_for(&dir);
        char data[300];
        struct stat st;
        struct db *db;
        struct db_txn *txn;
        static const uint8_t value[100] = {1, 2, 3};
        path_in(data, &dir, "data.mdb");
        cr_assert(err_ok(db_open(&db, &options)));
        for (uint64_t batch = 0; batch < 4; batch++) {
            cr_assert(err_ok(db_begin_write(db, &txn)));
            for (uint64_t k = 0; k < 5000; k++) {
                const be64_t key = be64((k + batch * 5000) * 0x9e3779b97f4a7c15);
                cr_assert(
                    err_ok(db_put(txn, batch % 2 == 0 ? 0 : 1, BYTES_OF(key), BYTES_OF(value))));
            }
            cr_assert(err_ok(db_commit(txn)));
        }
        db_close(db);
        cr_assert_eq(stat(data, &st), 0);
        cr_assert_eq(truncate(data, st.st_size - cuts[i]), 0);

        err_t err = db_open(&db, &options);
        size_t found = 0;
        if (err_ok(err)) {
            cr_assert(err_ok(db_begin_read(db, &txn)));
            for (uint64_t k = 0; k < 20000 && err_ok(err); k++) {
                const be64_t key = be64(k * 0x9e3779b97f4a7c15);
                bytes_t v;
                err = db_get(txn, k / 5000 % 2 == 0 ? 0 : 1, BYTES_OF(key), &v);
                found += err_ok(err);
            }
            db_abort(txn);
            db_close(db);
        }
        cr_expect(found == 20000 || err.kind == ERR_CORRUPT, "cut %ld: %zu found, %s",
                  (long)cuts[i], found, err_text(err));
        cr_expect(cuts[i] <= 1 << 20 || found == 0, "cut %ld is refused at once", (long)cuts[i]);
        temp_dir_remove(&dir);
    }
}

/// Goal: the map grows from almost nothing, and a write that fills it loses nothing.
Test(db, growth)
{
    const struct temp_dir dir = temp_dir_make();
    struct db_options options = options_for(&dir);
    options.map_initial = 128 << 10;
    struct db *db;
    struct db_txn *txn;
    static uint8_t big[200000];
    uint64_t full = 0;
    cr_assert(err_ok(db_open(&db, &options)));
    for (uint64_t i = 0; i < 60; i++) {
        memset(big, (int)i, sizeof big);
        const be64_t key = be64(i);
        for (;;) {
            cr_assert(err_ok(db_begin_write(db, &txn)));
            err_t err = db_put(txn, 0, BYTES_OF(key), BYTES_OF(big));
            if (err_ok(err)) {
                cr_assert(err_ok(db_commit(txn)));
                break;
            }
            cr_assert_eq(err.kind, ERR_FULL);
            db_abort(txn);
            full++;
        }
    }
    cr_expect_gt(full, 0, "the first value is larger than the first map");
    cr_assert(err_ok(db_begin_read(db, &txn)));
    for (uint64_t i = 0; i < 60; i++) {
        const be64_t key = be64(i);
        bytes_t v;
        cr_assert(err_ok(db_get(txn, 0, BYTES_OF(key), &v)));
        cr_expect(v.len == sizeof big && v.data[0] == i && v.data[v.len - 1] == i);
    }
    db_abort(txn);
    struct db_stats stats;
    cr_assert(err_ok(db_stats(db, &stats)));
    cr_expect_gt(stats.map_bytes, 12000000);
    cr_expect_leq(stats.used_bytes, stats.map_bytes);
    cr_expect_eq(stats.readers, 0);
    db_close(db);
    temp_dir_remove(&dir);
}

/// What a reader thread of the test below needs.
struct reader {
    struct db *db;
    atomic_bool *stop;
    uint64_t reads;
    bool torn;
};

/// Every snapshot must have the same number under all keys.
static void *read_snapshots(void *arg)
{
    struct reader *r = arg;
    while (!atomic_load(r->stop)) {
        struct db_txn *txn;
        if (!err_ok(db_begin_read(r->db, &txn))) break;
        uint64_t first = 0;
        for (uint64_t i = 0; i < 8; i++) {
            const be64_t key = be64(i);
            bytes_t v;
            if (!err_ok(db_get(txn, 0, BYTES_OF(key), &v))) break;
            const uint64_t n = be_get_u64(v.data);
            if (i == 0) first = n;
            r->torn |= n != first || v.data[v.len - 1] != (uint8_t)n;
        }
        db_abort(txn);
        r->reads++;
    }
    return NULL;
}

/// Goal: the map moves while other threads read, and no snapshot ever notices.
Test(db, growth_under_readers, .timeout = 600)
{
    const struct temp_dir dir = temp_dir_make();
    struct db_options options = options_for(&dir);
    options.map_initial = 256 << 10;
    struct db *db;
    atomic_bool stop = false;
    cr_assert(err_ok(db_open(&db, &options)));
    struct reader readers[3];
    pthread_t threads[ARRAY_LEN(readers)];
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        readers[i] = (struct reader){.db = db, .stop = &stop};
        cr_assert_eq(pthread_create(&threads[i], NULL, read_snapshots, &readers[i]), 0);
    }
    static uint8_t value[20000];
    for (uint64_t n = 1; n <= 150; n++) {
        struct db_txn *txn;
        be_put_u64(value, n);
        value[sizeof value - 1] = (uint8_t)n;
        cr_assert(err_ok(db_begin_write(db, &txn)));
        err_t err = OK;
        for (uint64_t i = 0; i < 8 && err_ok(err); i++) {
            const be64_t key = be64(i);
            err = db_put(txn, 0, BYTES_OF(key), BYTES_OF(value));
        }
        const be64_t kept = be64(1000 + n);
        if (err_ok(err)) err = db_put(txn, 1, BYTES_OF(kept), BYTES_OF(value));
        if (err_ok(err))
            err = db_commit(txn);
        else
            db_abort(txn);
        if (!err_ok(err)) {
            cr_assert_eq(err.kind, ERR_FULL, "%s", err_text(err));
            n--;
        }
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_expect_gt(readers[i].reads, 0);
        cr_expect_not(readers[i].torn);
    }
    struct db_stats stats;
    cr_assert(err_ok(db_stats(db, &stats)));
    cr_expect_gt(stats.map_bytes, 3000000, "it grew");
    cr_expect_eq(stats.readers, 0);
    db_close(db);
    temp_dir_remove(&dir);
}

/// Goal: a copy of a running store opens and has everything; a full directory is refused.
Test(db, backup)
{
    const struct temp_dir dir = temp_dir_make();
    const struct temp_dir copy = temp_dir_make();
    struct db_options options = options_for(&dir);
    struct db *db;
    struct db_txn *txn;
    bytes_t v;
    cr_assert(err_ok(db_open(&db, &options)));
    put_one(db, LIT("k"), LIT("v"));
    cr_assert(err_ok(db_backup(db, copy.path, true)));
    cr_expect_eq(db_backup(db, copy.path, true).kind, ERR_INVALID);
    db_close(db);
    options.path = copy.path;
    options.create = false;
    cr_assert(err_ok(db_open(&db, &options)));
    cr_assert(err_ok(db_begin_read(db, &txn)));
    cr_expect(err_ok(db_get(txn, 0, LIT("k"), &v)));
    db_abort(txn);
    db_close(db);
    temp_dir_remove(&dir);
    temp_dir_remove(&copy);
}

/// Goal: shards find the first number at or above any other, over full and open shards, and
/// lists of keys that are neighbours do not mix.
Test(shards, lists)
{
    const struct temp_dir dir = temp_dir_make();
    const struct db_options options = options_for(&dir);
    struct db *db;
    struct db_txn *txn;
    cr_assert(err_ok(db_open(&db, &options)));
    cr_assert(err_ok(db_begin_write(db, &txn)));
    for (uint64_t i = 1; i <= 300; i++) {
        cr_assert(err_ok(shards_add(txn, 0, LIT("key-b"), 10 * i)));
        cr_assert(err_ok(shards_add(txn, 0, LIT("key-b"), 10 * i)), "twice is once");
        if (i == 5) cr_assert(err_ok(shards_add(txn, 0, LIT("key-a"), i)));
        if (i == 7) cr_assert(err_ok(shards_add(txn, 0, LIT("key-c"), i)));
    }
    cr_expect_eq(shards_add(txn, 0, LIT("key-b"), 7).kind, ERR_INVALID);
    for (uint64_t from = 0; from <= 3000; from++) {
        uint64_t first;
        const err_t err = shards_first(txn, 0, LIT("key-b"), from, &first);
        cr_assert(err_ok(err));
        cr_assert_eq(first, from <= 10 ? 10 : (from + 9) / 10 * 10);
    }
    uint64_t first;
    cr_expect_eq(shards_first(txn, 0, LIT("key-b"), 3001, &first).kind, ERR_NOT_FOUND);
    cr_expect_eq(shards_first(txn, 0, LIT("key-a"), 6, &first).kind, ERR_NOT_FOUND);
    cr_expect_eq(shards_first(txn, 0, LIT("key-0"), 0, &first).kind, ERR_NOT_FOUND);
    uint64_t out[400];
    size_t n;
    cr_assert(err_ok(shards_range(txn, 0, LIT("key-b"), 95, 2005, out, 400, &n)));
    cr_assert_eq(n, 191);
    for (size_t i = 0; i < n; i++) cr_assert_eq(out[i], 100 + 10 * i);
    cr_assert(err_ok(shards_range(txn, 0, LIT("key-b"), 0, UINT64_MAX, out, 7, &n)));
    cr_expect_eq(n, 7);
    cr_assert(err_ok(shards_range(txn, 0, LIT("key-c"), 8, UINT64_MAX, out, 7, &n)));
    cr_expect_eq(n, 0);
    db_abort(txn);
    db_close(db);
    temp_dir_remove(&dir);
}

/// Goal: a store says what it belongs to and refuses everything else.
Test(schema, stamps)
{
    const struct temp_dir dir = temp_dir_make();
    struct db *db;
    struct db_txn *txn;
    const hash_t genesis = {{1}};
    const hash_t other = {{2}};
    cr_assert(err_ok(schema_open(&db, dir.path, true, false)));
    cr_assert(err_ok(db_begin_write(db, &txn)));
    cr_expect_eq(schema_check(txn, 5, &genesis).kind, ERR_NOT_FOUND);
    cr_assert(err_ok(schema_stamp(txn, 5, &genesis)));
    cr_expect(err_ok(schema_check(txn, 5, &genesis)));
    cr_expect_eq(schema_check(txn, 6, &genesis).kind, ERR_MISMATCH);
    cr_expect_eq(schema_check(txn, 5, &other).kind, ERR_MISMATCH);
    static const uint8_t newer[4] = {0, 0, 0, SCHEMA_VERSION + 1};
    cr_assert(err_ok(db_put(txn, DB_META, LIT("schema"), BYTES_OF(newer))));
    cr_expect_eq(schema_check(txn, 5, &genesis).kind, ERR_MISMATCH);
    cr_assert(err_ok(db_put(txn, DB_META, LIT("schema"), LIT("x"))));
    cr_expect_eq(schema_check(txn, 5, &genesis).kind, ERR_CORRUPT);
    db_abort(txn);
    db_close(db);
    temp_dir_remove(&dir);
}

// ---- SIGKILL ----------------------------------------------------------------------------

/// Writes transactions for ever: number n is in `one` under "n", and as 40 entries that all
/// must say n. Every committed number is told to the parent.
static void write_until_killed(const struct temp_dir *dir, int told)
{
    struct db_options options = options_for(dir);
    options.map_initial = 1 << 20;
    struct db *db;
    if (!err_ok(db_open(&db, &options))) _exit(9);
    struct db_txn *txn;
    bytes_t v;
    if (!err_ok(db_begin_read(db, &txn))) _exit(9);
    uint64_t n = err_ok(db_get(txn, 0, LIT("n"), &v)) ? be_get_u64(v.data) : 0;
    db_abort(txn);
    for (;;) {
        n++;
        const be64_t value = be64(n);
        if (!err_ok(db_begin_write(db, &txn))) _exit(9);
        err_t err = db_put(txn, 0, LIT("n"), BYTES_OF(value));
        for (uint64_t i = 0; i < 40 && err_ok(err); i++) {
            const be64_t key = be64(i * 0x9e3779b97f4a7c15);
            err = db_put(txn, 1, BYTES_OF(key), BYTES_OF(value));
        }
        const be64_t log = be64(n);
        if (err_ok(err)) err = db_put(txn, 1, BYTES_OF(log), BYTES_NONE);
        if (err.kind == ERR_FULL) {
            db_abort(txn);
            n--;
            continue;
        }
        if (!err_ok(err) || !err_ok(db_commit(txn))) _exit(9);
        if (write(told, &n, sizeof n) != sizeof n) _exit(9);
    }
}

/// Goal: killed at any moment, the store opens by itself, has every transaction that was
/// acknowledged, and each of them whole.
Test(db, sigkill, .timeout = 600)
{
    const struct temp_dir dir = temp_dir_make();
    uint64_t acknowledged = 0;
    uint64_t rng = 88172645463325252;
    for (int round = 0; round < 25; round++) {
        int fd[2];
        cr_assert_eq(pipe(fd), 0);
        const pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            close(fd[0]);
            write_until_killed(&dir, fd[1]);
        }
        close(fd[1]);
        // Some commits are awaited, then the knife falls after a random moment.
        rng ^= rng << 13;
        rng ^= rng >> 7;
        rng ^= rng << 17;
        for (uint64_t i = 0; i < 1 + rng % 20; i++) {
            cr_assert_eq(read(fd[0], &acknowledged, sizeof acknowledged), sizeof acknowledged,
                         "the writer failed");
        }
        usleep((unsigned)(rng % 3000));
        kill(child, SIGKILL);
        uint64_t more;
        while (read(fd[0], &more, sizeof more) == sizeof more) acknowledged = more;
        close(fd[0]);
        int status;
        waitpid(child, &status, 0);
        cr_assert(WIFSIGNALED(status));

        const struct db_options options = options_for(&dir);
        struct db *db;
        struct db_txn *txn;
        bytes_t v;
        const err_t err = db_open(&db, &options);
        cr_assert(err_ok(err), "round %d: %s", round, err_text(err));
        cr_assert(err_ok(db_begin_read(db, &txn)));
        cr_assert(err_ok(db_get(txn, 0, LIT("n"), &v)));
        const uint64_t n = be_get_u64(v.data);
        cr_assert(n == acknowledged || n == acknowledged + 1, "round %d: %lu of %lu", round, n,
                  acknowledged);
        for (uint64_t i = 0; i < 40; i++) {
            const be64_t key = be64(i * 0x9e3779b97f4a7c15);
            cr_assert(err_ok(db_get(txn, 1, BYTES_OF(key), &v)));
            cr_assert_eq(be_get_u64(v.data), n, "round %d: a torn transaction", round);
        }
        db_abort(txn);
        db_close(db);
    }
    cr_expect_gt(acknowledged, 25);
    temp_dir_remove(&dir);
}

/// Goal: a finished environment is moved to its place whole, over what an unfinished one left there;
/// removing one leaves other files of its directory alone.
Test(db, moved_and_removed)
{
    const struct temp_dir dir = temp_dir_make();
    char fresh[300];
    char place[300];
    char stray[300];
    struct db *db;
    struct db_txn *txn;
    bytes_t v;
    path_in(fresh, &dir, "it.new");
    path_in(place, &dir, "it");
    path_in(stray, &dir, "it/note");
    struct db_options options = options_for(&dir);
    options.path = place;
    cr_assert(err_ok(db_open(&db, &options)));
    put_one(db, LIT("a"), LIT("old"));
    db_close(db);
    options.path = fresh;
    cr_assert(err_ok(db_open(&db, &options)));
    put_one(db, LIT("a"), LIT("new"));
    db_close(db);

    cr_assert(err_ok(db_move(fresh, place)));
    cr_expect_neq(access(fresh, F_OK), 0, "it is there once");
    options.path = place;
    options.create = false;
    cr_assert(err_ok(db_open(&db, &options)));
    cr_assert(err_ok(db_begin_read(db, &txn)));
    cr_assert(err_ok(db_get(txn, 0, LIT("a"), &v)));
    cr_expect(bytes_eq(v, LIT("new")));
    db_abort(txn);
    db_close(db);
    cr_expect_eq(db_move(fresh, place).kind, ERR_IO, "there is nothing to move");
    cr_assert(err_ok(db_open(&db, &options)), "and nothing was lost");
    db_close(db);

    FILE *f = fopen(stray, "w");
    cr_assert_not_null(f);
    fclose(f);
    db_remove(place);
    cr_expect_eq(access(stray, F_OK), 0, "not ours");
    cr_expect_eq(db_open(&db, &options).kind, ERR_NOT_FOUND);
    temp_dir_remove(&dir);
}
