// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/journal.h"

#include "chain/base/buf.h"
#include "chain/base/crash_point.h"
#include "chain/base/endian.h"
#include "chain/base/log.h"
#include "chain/crypto/keccak.h"
#include "chain/types/tx.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MAGIC[8] = {'C', 'A', 'I', 'R', 'N', 'T', 'X', '1'};

#define RECORD_HEAD 8
#define PENDING_MAX ((size_t)512 * 1024 * 1024)
/// Bytes hashed at most in search of whole records between damaged ones: about two seconds.
#define SEARCH_MAX ((uint64_t)1024 * 1024 * 1024)

/// Records that are written and synced together; each of their submitters holds a reference.
struct batch {
    size_t refs; ///< under the journal's lock, like the rest
    bool done;
    err_t verdict;
};

struct journal {
    pthread_mutex_t lock;
    pthread_cond_t synced_more;
    char path[PATH_MAX];
    int fd;
    bool sync;
    bool busy;           ///< somebody writes and syncs right now
    struct buf next;     ///< records that wait for the next write
    struct buf going;    ///< records being written
    struct batch *batch; ///< of `next`; NULL while that is empty
    uint64_t size;       ///< bytes of whole records in the file
    err_t broken;        ///< a sync failed: never again
};

static void put_record(struct buf *b, bytes_t raw)
{
    uint8_t head[RECORD_HEAD];
    const hash_t sum = keccak256(raw);
    be_put_u32(head, (uint32_t)raw.len);
    memcpy(head + 4, sum.b, 4);
    buf_put(b, BYTES_OF(head));
    buf_put(b, raw);
}

static err_t io_error(const char *what, const char *path)
{
    const int code = errno;
    LOG_ERR("journal", what, "path=%s errno=%d: see the disk", path, code);
    if (code == ENOSPC || code == EDQUOT || code == EFBIG)
        return FAIL(FULL, "journal: no space on the disk");
    return FAIL(IO, "journal: reading or writing failed");
}

/// Writes all of it at `offset`, going on after short writes.
static err_t write_all(int fd, bytes_t in, uint64_t offset, const char *path)
{
    while (in.len != 0) {
        const ssize_t n = pwrite(fd, in.data, in.len, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return io_error("cannot write", path);
        in.data += n;
        in.len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return OK;
}

static err_t sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return io_error("cannot open the folder", path);
    const bool ok = fsync(fd) == 0;
    close(fd);
    return ok ? OK : io_error("cannot sync the folder", path);
}

/// Writes the new file completely. @return its descriptor in *out
static err_t write_new(int *out, uint64_t *size, const char *path,
                       bool (*list)(void *ctx, bytes_t *raw), void *ctx)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return io_error("cannot open", path);
    struct buf b;
    buf_init(&b, PENDING_MAX);
    buf_put(&b, BYTES_OF(MAGIC));
    uint64_t at = 0;
    bytes_t raw;
    err_t err = OK;
    while (err_ok(err) && list(ctx, &raw)) {
        put_record(&b, raw);
        if (b.len < (size_t)1024 * 1024) continue;
        err = write_all(fd, buf_bytes(&b), at, path);
        at += b.len;
        buf_clear(&b);
    }
    if (err_ok(err)) err = write_all(fd, buf_bytes(&b), at, path);
    *size = at + b.len;
    buf_deinit(&b);
    if (err_ok(err) && fdatasync(fd) != 0) err = io_error("cannot sync", path);
    if (!err_ok(err)) {
        close(fd);
        unlink(path);
        return err;
    }
    *out = fd;
    return OK;
}

/// One walk over a file's bytes: what is whole, what is not.
struct walk {
    bytes_t file;
    void (*each)(void *ctx, bytes_t raw); ///< NULL: only looked at
    void *ctx;
    uint64_t effort;     ///< bytes hashed in search of the next whole record
    size_t records;      ///< whole ones
    size_t end;          ///< where the last whole one ends
    size_t lost_bytes;   ///< before it, in damaged places
    size_t lost_places;  ///< how many of these
    size_t first_damage; ///< where the first one is
};

/// The record at `at`, if a whole one stands there.
static bool record_at(bytes_t file, size_t at, bytes_t *raw)
{
    if (file.len - at < RECORD_HEAD) return false;
    const size_t len = be_get_u32(file.data + at);
    if (len == 0 || len > TX_MAX_BYTES || len > file.len - at - RECORD_HEAD) return false;
    *raw = bytes_make(file.data + at + RECORD_HEAD, len);
    const hash_t sum = keccak256(*raw);
    return memcmp(sum.b, file.data + at + 4, 4) == 0;
}

/// The first whole record behind a damaged place; the file's length if there is none.
static size_t next_whole(struct walk *w, size_t at)
{
    bytes_t raw;
    for (; w->file.len - at >= RECORD_HEAD && w->effort < SEARCH_MAX; at++) {
        const size_t len = be_get_u32(w->file.data + at);
        if (len == 0 || len > TX_MAX_BYTES || len > w->file.len - at - RECORD_HEAD) continue;
        w->effort += len;
        if (record_at(w->file, at, &raw)) return at;
    }
    return w->file.len;
}

/// Hands every whole record from `at` on to `each`; goes on behind what is damaged.
static void walk_records(struct walk *w, size_t at)
{
    bytes_t raw;
    while (at < w->file.len) {
        if (record_at(w->file, at, &raw)) {
            if (w->each != NULL) w->each(w->ctx, raw);
            w->records++;
            at = w->end = at + RECORD_HEAD + raw.len;
            continue;
        }
        const size_t found = next_whole(w, at + 1);
        if (found == w->file.len) return; // a torn tail, or one that cannot be told from it
        if (w->lost_places++ == 0) w->first_damage = at;
        w->lost_bytes += found - at;
        at = found;
    }
}

static bool all_zero(bytes_t b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (b.data[i] != 0) return false;
    }
    return true;
}

/// Walks a file whatever its first bytes are. @return ERR_CORRUPT if no journal can be seen in it
static err_t walk_file(struct walk *w)
{
    w->end = sizeof MAGIC;
    if (memcmp(w->file.data, MAGIC, sizeof MAGIC) == 0) {
        walk_records(w, sizeof MAGIC);
        return OK;
    }
    if (all_zero(w->file)) return OK; // made, but a power cut came before its first sync
    // Perhaps only the magic is damaged: then the records behind it are whole.
    walk_records(w, sizeof MAGIC);
    if (w->records == 0) {
        return FAIL(CORRUPT, "journal: this file is not a journal of accepted transactions");
    }
    if (w->lost_places++ == 0) w->first_damage = 0;
    w->lost_bytes += sizeof MAGIC;
    return OK;
}

/// A listing for write_new: the whole records of a file, one after the other.
struct copying {
    bytes_t file;
    size_t at;
};

static bool copy_next(void *ctx, bytes_t *raw)
{
    struct copying *c = ctx;
    struct walk w = {.file = c->file};
    if (c->at >= c->file.len) return false;
    if (!record_at(c->file, c->at, raw)) c->at = next_whole(&w, c->at);
    if (c->at >= c->file.len || !record_at(c->file, c->at, raw)) return false;
    c->at += RECORD_HEAD + raw->len;
    return true;
}

/// Takes the damaged places out: the whole records become the journal, the old file stays beside
/// it for whoever wants to look.
static err_t repair(struct journal *j, const struct walk *w)
{
    char fresh[PATH_MAX + 16];
    char old[PATH_MAX + 16];
    snprintf(fresh, sizeof fresh, "%s.new", j->path);
    snprintf(old, sizeof old, "%s.damaged", j->path);
    struct copying c = {w->file, sizeof MAGIC};
    uint64_t size = 0;
    int fd = -1;
    TRY(write_new(&fd, &size, fresh, copy_next, &c));
    CRASH_POINT("journal-repair-written");
    (void)unlink(old);
    const bool kept = link(j->path, old) == 0;
    if (rename(fresh, j->path) != 0) {
        const err_t err = io_error("cannot rename", fresh);
        close(fd);
        return err;
    }
    CRASH_POINT("journal-repair-renamed");
    close(j->fd);
    j->fd = fd;
    j->size = size;
    LOG_WRN("journal", "repaired: every whole record is in it again", "records=%zu damaged_copy=%s",
            w->records, kept ? old : "none");
    return sync_folder_of(j->path);
}

static err_t begin_empty(struct journal *j)
{
    if (ftruncate(j->fd, 0) != 0) return io_error("cannot cut", j->path);
    TRY(write_all(j->fd, BYTES_OF(MAGIC), 0, j->path));
    if (fdatasync(j->fd) != 0) return io_error("cannot sync", j->path);
    j->size = sizeof MAGIC;
    return sync_folder_of(j->path);
}

/// After the walk: damaged places and torn tail are taken out.
static err_t mend(struct journal *j, const struct walk *w)
{
    j->size = w->end;
    if (w->lost_places != 0) {
        LOG_WRN("journal", "damaged: accepted transactions may be lost",
                "path=%s at=%zu places=%zu bytes_lost=%zu records_kept=%zu hint=check the disk; "
                "their senders send them again",
                j->path, w->first_damage, w->lost_places, w->lost_bytes, w->records);
        const err_t err = repair(j, w);
        if (err.kind != ERR_FULL) return err;
        // Without room for a second copy the damaged places stay: they are passed over again.
        return ftruncate(j->fd, (off_t)w->end) == 0 ? OK : io_error("cannot cut", j->path);
    }
    if (w->records == 0 && memcmp(w->file.data, MAGIC, sizeof MAGIC) != 0) return begin_empty(j);
    if (w->end == w->file.len) return OK;
    LOG_WRN("journal", "cut off a torn tail", "path=%s bytes=%zu records_kept=%zu", j->path,
            w->file.len - w->end, w->records);
    return ftruncate(j->fd, (off_t)w->end) == 0 ? OK : io_error("cannot cut", j->path);
}

static err_t read_existing(struct journal *j, void (*each)(void *ctx, bytes_t raw), void *ctx)
{
    struct stat st;
    if (fstat(j->fd, &st) != 0) return io_error("cannot stat", j->path);
    if (st.st_size < (off_t)sizeof MAGIC) return begin_empty(j); // new, or killed when it was made
    const size_t len = (size_t)st.st_size;
    void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, j->fd, 0);
    if (map == MAP_FAILED) return io_error("cannot read", j->path);
    struct walk w = {.file = bytes_make(map, len), .each = each, .ctx = ctx};
    err_t err = walk_file(&w);
    if (err_ok(err)) err = mend(j, &w);
    munmap(map, len);
    return err;
}

err_t journal_open(struct journal **out, const char *path, bool sync,
                   void (*each)(void *ctx, bytes_t raw), void *ctx)
{
    struct journal *j = calloc(1, sizeof *j);
    if (j == NULL) return FAIL(FULL, "journal: no memory");
    snprintf(j->path, sizeof j->path, "%s", path);
    j->sync = sync;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->synced_more, NULL);
    buf_init(&j->next, PENDING_MAX);
    buf_init(&j->going, PENDING_MAX);
    j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const err_t err = j->fd < 0 ? io_error("cannot open", path) : read_existing(j, each, ctx);
    if (!err_ok(err)) {
        journal_close(j);
        return err;
    }
    *out = j;
    return OK;
}

void journal_close(struct journal *j)
{
    if (j == NULL) return;
    if (j->fd >= 0) close(j->fd);
    buf_deinit(&j->next);
    buf_deinit(&j->going);
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->synced_more);
    free(j);
}

/// Writes and syncs all that waits. Called and returns with the lock held, and `busy` false.
static void flush(struct journal *j)
{
    j->busy = true;
    const struct buf swap = j->going;
    j->going = j->next;
    j->next = swap;
    struct batch *batch = j->batch; // whoever called holds a reference
    j->batch = NULL;
    const uint64_t at = j->size;
    const int fd = j->fd;
    err_t err = j->broken;
    pthread_mutex_unlock(&j->lock);

    CRASH_POINT("journal-write-before");
    if (err_ok(err)) err = write_all(fd, buf_bytes(&j->going), at, j->path);
    bool sync_failed = false;
    CRASH_POINT("journal-written");
    if (err_ok(err) && j->sync && fdatasync(fd) != 0) {
        err = io_error("cannot sync", j->path);
        sync_failed = true;
    }

    CRASH_POINT("journal-synced");
    // What was written of what is refused must not come back at the next start.
    if (!err_ok(err) && !sync_failed && ftruncate(fd, (off_t)at) != 0)
        LOG_WRN("journal", "cannot cut off what was refused", "path=%s", j->path);

    pthread_mutex_lock(&j->lock);
    if (err_ok(err)) j->size = at + j->going.len;
    if (sync_failed || err.kind == ERR_IO) j->broken = err;
    batch->done = true;
    batch->verdict = err;
    buf_clear(&j->going);
    j->busy = false;
    pthread_cond_broadcast(&j->synced_more);
}

err_t journal_append(struct journal *j, const bytes_t *raws, size_t count)
{
    if (count == 0) return OK;
    pthread_mutex_lock(&j->lock);
    while (j->next.len > PENDING_MAX / 2) pthread_cond_wait(&j->synced_more, &j->lock);
    if (j->batch == NULL) j->batch = calloc(1, sizeof *j->batch);
    struct batch *mine = j->batch;
    if (mine == NULL) {
        pthread_mutex_unlock(&j->lock);
        return FAIL(FULL, "journal: no memory");
    }
    mine->refs++;
    for (size_t i = 0; i < count; i++) put_record(&j->next, raws[i]);
    check(err_ok(buf_status(&j->next))); // half of it is more than any batch
    while (!mine->done) {
        if (j->busy)
            pthread_cond_wait(&j->synced_more, &j->lock);
        else
            flush(j);
    }
    const err_t err = mine->verdict;
    if (--mine->refs == 0) free(mine);
    pthread_mutex_unlock(&j->lock);
    return err;
}

uint64_t journal_size(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    const uint64_t size = j->size;
    pthread_mutex_unlock(&j->lock);
    return size;
}

err_t journal_rewrite(struct journal *j, bool (*list)(void *ctx, bytes_t *raw),
                      void (*begin)(void *ctx), void *ctx)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s.new", j->path);
    pthread_mutex_lock(&j->lock);
    while (j->busy) pthread_cond_wait(&j->synced_more, &j->lock);
    // Whatever is in the old file is in the pool by now, or no longer needed; what comes later
    // is appended to the new one.
    j->busy = true;
    pthread_mutex_unlock(&j->lock);

    CRASH_POINT("journal-rewrite-begin");
    begin(ctx);
    int fd = -1;
    uint64_t size = 0;
    err_t err = write_new(&fd, &size, path, list, ctx);
    CRASH_POINT("journal-rewrite-written");
    if (err_ok(err) && rename(path, j->path) != 0) {
        err = io_error("cannot rename", path);
        close(fd);
    } else if (err_ok(err)) {
        CRASH_POINT("journal-rewrite-renamed");
        err = sync_folder_of(j->path);
        close(j->fd);
        pthread_mutex_lock(&j->lock);
        j->fd = fd;
        j->size = size;
        pthread_mutex_unlock(&j->lock);
    }

    pthread_mutex_lock(&j->lock);
    j->busy = false;
    pthread_cond_broadcast(&j->synced_more);
    pthread_mutex_unlock(&j->lock);
    return err;
}
