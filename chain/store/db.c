// SPDX-License-Identifier: Apache-2.0
#include "chain/store/db.h"

#include "chain/base/crash_point.h"
#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "chain/store/db_meta.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define MAP_DEFAULT ((size_t)1 << 30)
#define RESERVE_DEFAULT ((uint64_t)256 << 20)
#define MAX_READERS 512
#define IDLE_READERS 16
#define KNOWN_GOOD 4096
/// Bytes the data file may be shorter than its last page says.
#define CUT_TOLERANCE ((uint64_t)1 << 20)
/// How long a writer waits for readers to finish before it goes on with the map as it is.
#define GROW_WAIT_S 6

struct db_txn {
    MDB_txn *txn;
    struct db *db;
    bool write;
};

struct db_cursor {
    MDB_cursor *cursor;
    const struct db_txn *txn;
    unsigned table;
};

struct db {
    MDB_env *env;
    char *path;
    int lock_fd; ///< flock of the one writing process, -1 if read only
    bool read_only;
    uint64_t disk_reserve;
    size_t table_count;
    MDB_dbi *tables;
    const struct db_table_def *defs;
    _Atomic uint64_t known_good[KNOWN_GOOD];

    pthread_mutex_t mutex; ///< guards what follows
    pthread_cond_t changed;
    size_t readers; ///< open read transactions
    bool resizing;  ///< the map is about to move: no new readers
    bool must_grow; ///< a write met MDB_MAP_FULL
    bool failed;    ///< a sync failed: nothing more is written
    bool damaged;   ///< and what was met first:
    struct db_damage_note note;
    size_t idle_count; ///< reset read transactions kept for reuse
    struct db_txn *idle[IDLE_READERS];
};

/// LMDB's and the system's codes end here: they are logged, callers get a kind.
static err_t fail_from(int rc, const char *what)
{
    if (rc == MDB_NOTFOUND) return FAIL(NOT_FOUND, "store: no such entry");
    LOG_ERR("store", what, "code=%d text=\"%s\"", rc, mdb_strerror(rc));
    switch (rc) {
    case MDB_MAP_FULL:
        return FAIL(FULL, "store: the map is full; it grows with the next transaction");
    case ENOSPC:
    case EDQUOT:
        return FAIL(FULL, "store: no space left on the disk");
    case ENOMEM:
        return FAIL(FULL, "store: out of memory");
    case MDB_READERS_FULL:
        return FAIL(BUSY, "store: too many readers");
    case MDB_VERSION_MISMATCH:
        return FAIL(CORRUPT, "store: the data file is of another LMDB format, or damaged");
    case MDB_CORRUPTED:
    case MDB_CURSOR_FULL:
    case MDB_INCOMPATIBLE:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
        return FAIL(CORRUPT, "store: the files are damaged; restore a backup or sync again");
    case MDB_BAD_TXN:
        return FAIL(IO, "store: this transaction failed before");
    case MDB_PANIC: // the write of a meta page failed, for want of space say: what is stored is whole
        return FAIL(IO, "store: a write failed; the files must be opened again");
    case MDB_BAD_VALSIZE:
        return FAIL(LIMIT, "store: empty key, or key or value too long");
    case MDB_KEYEXIST:
        return FAIL(INVALID, "store: the key is not larger than all others");
    case EACCES:
    case EPERM:
    case EROFS:
        return FAIL(IO, "store: no permission to read or write the data directory");
    default:
        return FAIL(IO, "store: reading or writing the database failed");
    }
}

/// LMDB's own assertions: pages that do not fit together. Nothing can be written any more, and
/// what is on disk is as it was.
static void on_lmdb_assert(MDB_env *env, const char *message)
{
    const char *path = "";
    (void)mdb_env_get_path(env, &path);
    (void)fprintf(stderr,
                  "error: the data file in %s is damaged (%s)\nhint: restore a backup of this "
                  "directory, or empty it and let the other validators fill it\n",
                  path, message);
    _exit(5);
}

static bool is_network_filesystem(const char *path)
{
    // linux/magic.h and the kernel's fs/ folders.
    static const uint32_t magics[] = {
        0x00006969, /* NFS */ 0x0000517b,  /* SMB */ 0xff534d42,  /* CIFS */
        0xfe534d42, /* SMB2 */ 0x73757245, /* CODA */ 0x5346414f, /* AFS */
        0x00c36400, /* Ceph */ 0x0000564c,                        /* NCP */
    };
    struct statfs fs;
    if (statfs(path, &fs) != 0) return false;
    for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
        if ((uint32_t)fs.f_type == magics[i]) return true;
    }
    return false;
}

/// Makes a directory and its missing parents, all 0700.
static int make_directories(const char *path)
{
    char partial[PATH_MAX];
    const size_t len = strlen(path);
    if (len == 0 || len >= sizeof partial) return ENAMETOOLONG;
    memcpy(partial, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (partial[i] != '/' && partial[i] != '\0') continue;
        const char kept = partial[i];
        partial[i] = '\0';
        if (mkdir(partial, 0700) != 0 && errno != EEXIST) return errno;
        partial[i] = kept;
    }
    return 0;
}

static err_t take_lock(struct db *db)
{
    char name[PATH_MAX];
    const int n = snprintf(name, sizeof name, "%s/owner.lock", db->path);
    if (n < 0 || (size_t)n >= sizeof name) return FAIL(LIMIT, "store: the path is too long");
    db->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock_fd < 0) return fail_from(errno, "cannot open the lock file");
    if (flock(db->lock_fd, LOCK_EX | LOCK_NB) == 0) return OK;
    if (errno == EWOULDBLOCK) {
        return FAIL(BUSY, "store: another process uses this directory; stop it first");
    }
    return fail_from(errno, "cannot lock the data directory");
}

static err_t open_tables(struct db *db, const struct db_options *options)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(db->env, NULL, db->read_only ? MDB_RDONLY : 0, &txn);
    if (rc != 0) return fail_from(rc, "cannot begin the first transaction");
    for (size_t i = 0; i < options->table_count && rc == 0; i++) {
        unsigned flags = db->read_only ? 0 : MDB_CREATE;
        if (options->tables[i].dup_sorted) flags |= MDB_DUPSORT;
        rc = mdb_dbi_open(txn, options->tables[i].name, flags, &db->tables[i]);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        if (rc == MDB_NOTFOUND) return FAIL(CORRUPT, "store: a table is missing");
        return fail_from(rc, "cannot open a table");
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 ? OK : fail_from(rc, "cannot create the tables");
}

static void map_use(struct db *db, size_t *map, size_t *used)
{
    MDB_envinfo info;
    MDB_stat stat;
    check(mdb_env_info(db->env, &info) == 0 && mdb_env_stat(db->env, &stat) == 0);
    *map = info.me_mapsize;
    *used = (info.me_last_pgno + 1) * stat.ms_psize;
}

/// The name of the environment's data file. @return false if the path is too long.
static bool data_file(char out[PATH_MAX], const char *dir)
{
    const int n = snprintf(out, PATH_MAX, "%s/data.mdb", dir);
    return n > 0 && n < PATH_MAX;
}

/// Reading a page behind the end of the file would be a SIGBUS. LMDB may leave out the last
/// few pages if they were freed in the transaction that made them: those are added as zeros,
/// which LMDB tells from pages; a file that misses more was cut.
static err_t check_not_cut(struct db *db)
{
    char name[PATH_MAX];
    struct stat st;
    size_t map;
    size_t used;
    map_use(db, &map, &used);
    if (!data_file(name, db->path)) return FAIL(LIMIT, "store: the path is too long");
    if (stat(name, &st) != 0) return fail_from(errno, "cannot look at the data file");
    const uint64_t size = (uint64_t)st.st_size;
    if (size >= used) return OK;
    if (used - size > CUT_TOLERANCE) {
        return FAIL(CORRUPT, "store: the data file is cut short; restore a backup or sync again");
    }
    if (db->read_only) return OK;
    LOG_WRN("store", "the data file ends early", "bytes=%" PRIu64 " expected=%zu", size, used);
    if (truncate(name, (off_t)used) != 0) return fail_from(errno, "cannot extend the data file");
    return OK;
}

static err_t open_environment(struct db *db, const struct db_options *options)
{
    int rc = mdb_env_create(&db->env);
    if (rc == 0) rc = mdb_env_set_assert(db->env, on_lmdb_assert);
    if (rc == 0) rc = mdb_env_set_maxdbs(db->env, (MDB_dbi)options->table_count);
    if (rc == 0) rc = mdb_env_set_maxreaders(db->env, MAX_READERS);
    if (rc == 0) {
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        const size_t wanted = options->map_initial != 0 ? options->map_initial : MAP_DEFAULT;
        rc = mdb_env_set_mapsize(db->env, (wanted + page - 1) / page * page);
    }
    if (rc != 0) return fail_from(rc, "cannot set up the environment");

    unsigned flags = MDB_NOTLS;
    if (db->read_only) flags |= MDB_RDONLY;
    rc = mdb_env_open(db->env, db->path, flags, 0600);
    if (rc == ENOENT) return FAIL(NOT_FOUND, "store: there is no database in this directory");
    if (rc != 0) return fail_from(rc, "cannot open the environment");
    TRY(check_not_cut(db));
    int dead = 0;
    rc = mdb_reader_check(db->env, &dead);
    return rc == 0 ? OK : fail_from(rc, "cannot check the reader table");
}

err_t db_open(struct db **out, const struct db_options *options)
{
    check(options->table_count > 0);
    *out = NULL;
    struct stat st;
    if (stat(options->path, &st) != 0) {
        if (errno != ENOENT) return fail_from(errno, "cannot look at the directory");
        if (!options->create) return FAIL(NOT_FOUND, "store: no such directory");
        const int rc = make_directories(options->path);
        if (rc != 0) return fail_from(rc, "cannot make the directory");
    } else if (!S_ISDIR(st.st_mode)) {
        return FAIL(IO, "store: the path is not a directory");
    }
    char data[PATH_MAX];
    if (!data_file(data, options->path)) return FAIL(LIMIT, "store: the path is too long");
    if (!options->create && stat(data, &st) != 0 && errno == ENOENT) {
        return FAIL(NOT_FOUND, "store: there is no database in this directory");
    }
    if (is_network_filesystem(options->path)) {
        return FAIL(IO, "store: network file systems cannot hold it; use a local disk");
    }

    struct db *db = calloc(1, sizeof *db);
    if (db == NULL) return FAIL(FULL, "store: out of memory");
    db->lock_fd = -1;
    db->read_only = options->read_only;
    db->disk_reserve = options->disk_reserve;
    db->table_count = options->table_count;
    db->defs = options->tables;
    db->tables = calloc(options->table_count, sizeof *db->tables);
    db->path = strdup(options->path);
    check(pthread_mutex_init(&db->mutex, NULL) == 0);
    pthread_condattr_t attr;
    check(pthread_condattr_init(&attr) == 0);
    check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    check(pthread_cond_init(&db->changed, &attr) == 0);
    pthread_condattr_destroy(&attr);

    err_t err = OK;
    if (db->tables == NULL || db->path == NULL) err = FAIL(FULL, "store: out of memory");
    if (err_ok(err) && !db->read_only) err = take_lock(db);
    if (err_ok(err)) err = db_meta_check(data);
    if (err.kind == ERR_NOT_FOUND && options->create) err = OK;
    if (err_ok(err)) err = open_environment(db, options);
    if (err_ok(err)) err = open_tables(db, options);
    if (!err_ok(err)) {
        db_close(db);
        return err;
    }
    *out = db;
    return OK;
}

void db_close(struct db *db)
{
    if (db == NULL) return;
    check(db->readers == 0);
    for (size_t i = 0; i < db->idle_count; i++) {
        mdb_txn_abort(db->idle[i]->txn);
        free(db->idle[i]);
    }
    if (db->env != NULL) mdb_env_close(db->env);
    if (db->lock_fd >= 0) close(db->lock_fd);
    pthread_cond_destroy(&db->changed);
    pthread_mutex_destroy(&db->mutex);
    free(db->tables);
    free(db->path);
    free(db);
}

// ---- growth -----------------------------------------------------------------------------

static err_t disk_space(const char *path, uint64_t *total, uint64_t *left)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0) return fail_from(errno, "cannot read the free disk space");
    *total = (uint64_t)fs.f_blocks * fs.f_frsize;
    *left = (uint64_t)fs.f_bavail * fs.f_frsize;
    return OK;
}

static err_t check_reserve(const struct db *db)
{
    uint64_t total = 0;
    uint64_t left = 0;
    TRY(disk_space(db->path, &total, &left));
    uint64_t reserve = db->disk_reserve;
    if (reserve == 0) reserve = total / 80 < RESERVE_DEFAULT ? total / 80 : RESERVE_DEFAULT;
    if (left >= reserve) return OK;
    return FAIL(FULL, "store: the disk is nearly full; free some space");
}

/// Holds the mutex. Keeps new readers out and waits for the present ones.
/// @return false if they did not finish in time.
static bool drain_readers(struct db *db)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += GROW_WAIT_S;
    while (db->readers > 0) {
        if (pthread_cond_timedwait(&db->changed, &db->mutex, &deadline) == ETIMEDOUT) break;
    }
    return db->readers == 0;
}

/// Moves the map to `size` bytes (0: whatever another process made it).
static err_t set_map(struct db *db, size_t size)
{
    pthread_mutex_lock(&db->mutex);
    while (db->resizing) pthread_cond_wait(&db->changed, &db->mutex);
    db->resizing = true;
    int rc = EBUSY;
    if (drain_readers(db)) rc = mdb_env_set_mapsize(db->env, size);
    if (rc == 0) db->must_grow = false;
    db->resizing = false;
    pthread_cond_broadcast(&db->changed);
    pthread_mutex_unlock(&db->mutex);
    if (rc == EBUSY) return FAIL(BUSY, "store: long readers keep the map from growing");
    return rc == 0 ? OK : fail_from(rc, "cannot grow the map");
}

static err_t grow_if_needed(struct db *db)
{
    size_t map;
    size_t used;
    map_use(db, &map, &used);
    pthread_mutex_lock(&db->mutex);
    const bool must = db->must_grow;
    pthread_mutex_unlock(&db->mutex);
    if (!must && used < map / 100 * 85) return OK;

    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size;
    if (__builtin_add_overflow(map, map / 2, &size)) return FAIL(FULL, "store: map too large");
    const err_t err = set_map(db, size / page * page + page);
    if (err.kind != ERR_BUSY) return err;
    // Nearly full is not full: with a slow reader in the way, one more block may still fit.
    return must ? FAIL(FULL, "store: the map is full and long readers keep it from growing") : OK;
}

// ---- transactions -----------------------------------------------------------------------

err_t db_begin_write(struct db *db, struct db_txn **out)
{
    *out = NULL;
    if (db->read_only) return FAIL(IO, "store: opened for reading only");
    if (db->failed) return FAIL(IO, "store: an earlier write failed; restart the program");
    TRY(check_reserve(db));
    TRY(grow_if_needed(db));

    struct db_txn *t = calloc(1, sizeof *t);
    if (t == NULL) return FAIL(FULL, "store: out of memory");
    t->db = db;
    t->write = true;
    int rc = mdb_txn_begin(db->env, NULL, 0, &t->txn);
    if (rc == MDB_MAP_RESIZED) {
        const err_t err = set_map(db, 0);
        if (!err_ok(err)) {
            free(t);
            return err;
        }
        rc = mdb_txn_begin(db->env, NULL, 0, &t->txn);
    }
    if (rc != 0) {
        free(t);
        return fail_from(rc, "cannot begin a write");
    }
    *out = t;
    return OK;
}

/// Counts a reader in, waiting while the map moves, and hands out a kept one if there is.
static struct db_txn *reader_enter(struct db *db)
{
    struct db_txn *t = NULL;
    pthread_mutex_lock(&db->mutex);
    while (db->resizing) pthread_cond_wait(&db->changed, &db->mutex);
    db->readers++;
    if (db->idle_count > 0) t = db->idle[--db->idle_count];
    pthread_mutex_unlock(&db->mutex);
    return t;
}

/// Counts a reader out; keeps its reset transaction `t` (may be NULL) if there is room.
static void reader_leave(struct db *db, struct db_txn *t)
{
    pthread_mutex_lock(&db->mutex);
    check(db->readers > 0);
    db->readers--;
    if (t != NULL && db->idle_count < IDLE_READERS) {
        db->idle[db->idle_count++] = t;
        t = NULL;
    }
    pthread_cond_broadcast(&db->changed);
    pthread_mutex_unlock(&db->mutex);
    if (t != NULL) {
        mdb_txn_abort(t->txn);
        free(t);
    }
}

static int reader_start(struct db_txn *t)
{
    if (t->txn != NULL) return mdb_txn_renew(t->txn);
    return mdb_txn_begin(t->db->env, NULL, MDB_RDONLY, &t->txn);
}

err_t db_begin_read(struct db *db, struct db_txn **out)
{
    *out = NULL;
    for (int attempt = 0;; attempt++) {
        struct db_txn *t = reader_enter(db);
        if (t == NULL) {
            t = calloc(1, sizeof *t);
            if (t == NULL) {
                reader_leave(db, NULL);
                return FAIL(FULL, "store: out of memory");
            }
            t->db = db;
        }
        const int rc = reader_start(t);
        if (rc == 0) {
            *out = t;
            return OK;
        }
        if (t->txn != NULL) mdb_txn_abort(t->txn);
        free(t);
        reader_leave(db, NULL);
        if (rc != MDB_MAP_RESIZED || attempt > 0) return fail_from(rc, "cannot begin a read");
        TRY(set_map(db, 0));
    }
}

err_t db_commit(struct db_txn *txn)
{
    check(txn->write);
    struct db *db = txn->db;
    CRASH_POINT("db-commit-before");
    const int rc = mdb_txn_commit(txn->txn);
    CRASH_POINT("db-commit-after");
    free(txn);
    if (rc == 0) return OK;
    const err_t err = fail_from(rc, "the commit failed");
    pthread_mutex_lock(&db->mutex);
    if (rc == MDB_MAP_FULL) db->must_grow = true;
    // A failed write or sync is never tried again on the same pages.
    if (err.kind == ERR_IO || err.kind == ERR_CORRUPT) db->failed = true;
    pthread_mutex_unlock(&db->mutex);
    return err;
}

void db_abort(struct db_txn *txn)
{
    if (txn == NULL) return;
    if (txn->write) {
        mdb_txn_abort(txn->txn);
        free(txn);
        return;
    }
    mdb_txn_reset(txn->txn);
    reader_leave(txn->db, txn);
}

// ---- entries ----------------------------------------------------------------------------

static MDB_val val_of(bytes_t b)
{
    return (MDB_val){b.len, (void *)(uintptr_t)b.data};
}

static bytes_t bytes_of(const MDB_val *v)
{
    return (bytes_t){v->mv_data, v->mv_size};
}

static MDB_dbi dbi_of(const struct db_txn *txn, unsigned table)
{
    check(table < txn->db->table_count);
    return txn->db->tables[table];
}

static err_t read_failed(const struct db_txn *txn, unsigned table, bytes_t key, int rc,
                         const char *what)
{
    struct db_damage_note note;
    const err_t err = fail_from(rc, what);
    // After a damaged page LMDB refuses the rest of the transaction.
    if (rc == MDB_BAD_TXN && db_damaged(txn->db, &note))
        return FAIL(CORRUPT, "store: the files are damaged; restore a backup or sync again");
    return err.kind == ERR_CORRUPT ? db_damage(txn, table, key, err.why) : err;
}

err_t db_get(const struct db_txn *txn, unsigned table, bytes_t key, bytes_t *out)
{
    MDB_val k = val_of(key);
    MDB_val v;
    const int rc = mdb_get(txn->txn, dbi_of(txn, table), &k, &v);
    if (rc == 0) {
        *out = bytes_of(&v);
        return OK;
    }
    return read_failed(txn, table, key, rc, "a read failed");
}

static err_t put(struct db_txn *txn, unsigned table, bytes_t key, MDB_val *v, unsigned flags)
{
    check(txn->write);
    MDB_val k = val_of(key);
    const int rc = mdb_put(txn->txn, dbi_of(txn, table), &k, v, flags);
    if (rc == 0) return OK;
    if (rc == MDB_MAP_FULL) {
        pthread_mutex_lock(&txn->db->mutex);
        txn->db->must_grow = true;
        pthread_mutex_unlock(&txn->db->mutex);
    }
    return fail_from(rc, "a write failed");
}

err_t db_put(struct db_txn *txn, unsigned table, bytes_t key, bytes_t value)
{
    MDB_val v = val_of(value);
    return put(txn, table, key, &v, 0);
}

err_t db_append(struct db_txn *txn, unsigned table, bytes_t key, bytes_t value)
{
    MDB_val v = val_of(value);
    return put(txn, table, key, &v, MDB_APPEND);
}

err_t db_reserve(struct db_txn *txn, unsigned table, bytes_t key, size_t len, uint8_t **out)
{
    MDB_val v = {len, NULL};
    TRY(put(txn, table, key, &v, MDB_RESERVE));
    *out = v.mv_data;
    return OK;
}

err_t db_delete(struct db_txn *txn, unsigned table, bytes_t key)
{
    check(txn->write);
    MDB_val k = val_of(key);
    const int rc = mdb_del(txn->txn, dbi_of(txn, table), &k, NULL);
    if (rc == 0 || rc == MDB_NOTFOUND) return OK;
    return fail_from(rc, "a deletion failed");
}

err_t db_clear(struct db_txn *txn, unsigned table)
{
    check(txn->write);
    const int rc = mdb_drop(txn->txn, dbi_of(txn, table), 0);
    return rc == 0 ? OK : fail_from(rc, "a deletion failed");
}

// ---- cursors ----------------------------------------------------------------------------

err_t db_cursor_open(const struct db_txn *txn, unsigned table, struct db_cursor **out)
{
    *out = NULL;
    struct db_cursor *c = calloc(1, sizeof *c);
    if (c == NULL) return FAIL(FULL, "store: out of memory");
    const int rc = mdb_cursor_open(txn->txn, dbi_of(txn, table), &c->cursor);
    if (rc != 0) {
        free(c);
        return fail_from(rc, "cannot open a cursor");
    }
    c->txn = txn;
    c->table = table;
    *out = c;
    return OK;
}

void db_cursor_close(struct db_cursor *c)
{
    if (c == NULL) return;
    mdb_cursor_close(c->cursor);
    free(c);
}

static err_t move(struct db_cursor *c, MDB_val *k, bytes_t *key, bytes_t *value, MDB_cursor_op op)
{
    MDB_val v;
    const bytes_t sought = op == MDB_SET_RANGE ? bytes_of(k) : BYTES_NONE;
    const int rc = mdb_cursor_get(c->cursor, k, &v, op);
    if (rc != 0) return read_failed(c->txn, c->table, sought, rc, "a walk failed");
    *key = bytes_of(k);
    *value = bytes_of(&v);
    return OK;
}

err_t db_cursor_seek(struct db_cursor *c, bytes_t from, bytes_t *key, bytes_t *value)
{
    MDB_val k = val_of(from);
    return move(c, &k, key, value, from.len == 0 ? MDB_FIRST : MDB_SET_RANGE);
}

err_t db_cursor_first(struct db_cursor *c, bytes_t *key, bytes_t *value)
{
    MDB_val k;
    return move(c, &k, key, value, MDB_FIRST);
}

err_t db_cursor_last(struct db_cursor *c, bytes_t *key, bytes_t *value)
{
    MDB_val k;
    return move(c, &k, key, value, MDB_LAST);
}

err_t db_cursor_next(struct db_cursor *c, bytes_t *key, bytes_t *value)
{
    MDB_val k;
    return move(c, &k, key, value, MDB_NEXT);
}

err_t db_cursor_prev(struct db_cursor *c, bytes_t *key, bytes_t *value)
{
    MDB_val k;
    return move(c, &k, key, value, MDB_PREV);
}

err_t db_cursor_delete(struct db_cursor *c)
{
    const int rc = mdb_cursor_del(c->cursor, 0);
    return rc == 0 ? OK : fail_from(rc, "a deletion failed");
}

// ---- damage -----------------------------------------------------------------------------

err_t db_damage(const struct db_txn *txn, unsigned table, bytes_t key, const char *why)
{
    struct db *db = txn->db;
    enum { SHOWN = 40 };
    char hex[2 * SHOWN + 1];
    const size_t shown = key.len < SHOWN ? key.len : SHOWN;
    hex_encode(hex, bytes_make(key.data, shown));
    hex[2 * shown] = '\0';
    pthread_mutex_lock(&db->mutex);
    const bool first = !db->damaged;
    if (first) {
        db->damaged = true;
        (void)snprintf(db->note.text, sizeof db->note.text, "%s 0x%s: %s", db->defs[table].name,
                       hex, why);
    }
    pthread_mutex_unlock(&db->mutex);
    if (first)
        LOG_ERR("store", "damaged", "table=%s key=0x%s path=%s why=%s", db->defs[table].name, hex,
                db->path, why);
    return (err_t){ERR_CORRUPT, why};
}

bool db_damaged(struct db *db, struct db_damage_note *out)
{
    pthread_mutex_lock(&db->mutex);
    const bool damaged = db->damaged;
    if (damaged) *out = db->note;
    pthread_mutex_unlock(&db->mutex);
    return damaged;
}

static _Atomic uint64_t *good_place(const struct db_txn *txn, unsigned table, uint64_t tag,
                                    uint64_t *mark)
{
    *mark = (tag + 1) * 32 + table; // a tag in use is never all ones
    return &txn->db->known_good[(*mark * UINT64_C(0x9e3779b97f4a7c15)) >> 52];
}

bool db_known_good(const struct db_txn *txn, unsigned table, uint64_t tag)
{
    uint64_t mark;
    const _Atomic uint64_t *place = good_place(txn, table, tag, &mark);
    return atomic_load_explicit(place, memory_order_relaxed) == mark;
}

void db_set_known_good(const struct db_txn *txn, unsigned table, uint64_t tag)
{
    uint64_t mark;
    _Atomic uint64_t *place = good_place(txn, table, tag, &mark);
    atomic_store_explicit(place, mark, memory_order_relaxed);
}

// ---- figures, copies --------------------------------------------------------------------

err_t db_stats(struct db *db, struct db_stats *out)
{
    size_t map;
    size_t used;
    map_use(db, &map, &used);
    *out = (struct db_stats){.map_bytes = map, .used_bytes = used};
    pthread_mutex_lock(&db->mutex);
    out->readers = db->readers;
    pthread_mutex_unlock(&db->mutex);
    uint64_t total;
    return disk_space(db->path, &total, &out->disk_free_bytes);
}

int db_reader_check(struct db *db)
{
    int dead = 0;
    const int rc = mdb_reader_check(db->env, &dead);
    if (rc != 0) LOG_WRN("store", "cannot check the reader table", "code=%d", rc);
    return dead;
}

static err_t require_empty(const char *dir)
{
    const int rc = make_directories(dir);
    if (rc != 0) return fail_from(rc, "cannot make the directory");
    DIR *d = opendir(dir);
    if (d == NULL) return fail_from(errno, "cannot look at the directory");
    size_t entries = 0;
    while (readdir(d) != NULL) entries++;
    closedir(d);
    if (entries > 2) return FAIL(INVALID, "store: the directory for the copy is not empty");
    return OK;
}

err_t db_backup(struct db *db, const char *dir, bool compact)
{
    TRY(require_empty(dir));
    // Counted as a reader: the map must not move under the copy.
    struct db_txn *kept = reader_enter(db);
    const int rc = mdb_env_copy2(db->env, dir, compact ? MDB_CP_COMPACT : 0);
    reader_leave(db, kept);
    return rc == 0 ? OK : fail_from(rc, "the copy failed");
}

// ---- environments in their places ---------------------------------------------------------------

void db_remove(const char *dir)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "owner.lock"};
    char path[PATH_MAX + 16];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static err_t sync_directory(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return FAIL(IO, "store: a directory cannot be opened");
    const bool ok = fsync(fd) == 0;
    close(fd);
    return ok ? OK : FAIL(IO, "store: a directory cannot be synced");
}

err_t db_move(const char *fresh, const char *place)
{
    char parent[PATH_MAX];
    if ((size_t)snprintf(parent, sizeof parent, "%s", place) >= sizeof parent)
        return FAIL(LIMIT, "store: the path is too long");
    TRY(sync_directory(fresh));
    CRASH_POINT("store-rename-before");
    db_remove(place);
    if (rename(fresh, place) != 0) return FAIL(IO, "store: it cannot be moved to its place");
    CRASH_POINT("store-renamed");
    return sync_directory(dirname(parent));
}
