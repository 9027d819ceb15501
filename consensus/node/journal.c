// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/journal.h"

#include "chain/base/buf.h"
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

struct journal {
    pthread_mutex_t lock;
    pthread_cond_t synced_more;
    char path[PATH_MAX];
    int fd;
    bool sync;
    bool busy;            ///< somebody writes and syncs right now
    struct buf next;      ///< records that wait for the next write
    struct buf going;     ///< records being written
    uint64_t size;        ///< bytes of whole records in the file
    uint64_t queued;      ///< records handed in so far
    uint64_t synced;      ///< of these on disk
    err_t broken;         ///< a sync failed: never again
    uint64_t failed_from; ///< records queued[from, to) could not be written (no space)
    uint64_t failed_to;
    err_t failed_why;
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

/// Walks the whole records of a file's bytes. @return length of the whole part
static size_t replay(bytes_t file, void (*each)(void *ctx, bytes_t raw), void *ctx)
{
    size_t at = sizeof MAGIC;
    while (file.len - at >= RECORD_HEAD) {
        const size_t len = be_get_u32(file.data + at);
        if (len == 0 || len > TX_MAX_BYTES || len > file.len - at - RECORD_HEAD) break;
        const bytes_t raw = {file.data + at + RECORD_HEAD, len};
        const hash_t sum = keccak256(raw);
        if (memcmp(sum.b, file.data + at + 4, 4) != 0) break;
        each(ctx, raw);
        at += RECORD_HEAD + len;
    }
    return at;
}

static err_t read_existing(struct journal *j, void (*each)(void *ctx, bytes_t raw), void *ctx)
{
    struct stat st;
    if (fstat(j->fd, &st) != 0) return io_error("cannot stat", j->path);
    if (st.st_size < (off_t)sizeof MAGIC) { // new, or killed while it was made
        if (ftruncate(j->fd, 0) != 0) return io_error("cannot cut", j->path);
        TRY(write_all(j->fd, BYTES_OF(MAGIC), 0, j->path));
        if (fdatasync(j->fd) != 0) return io_error("cannot sync", j->path);
        j->size = sizeof MAGIC;
        return sync_folder_of(j->path);
    }
    const size_t len = (size_t)st.st_size;
    void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, j->fd, 0);
    if (map == MAP_FAILED) return io_error("cannot read", j->path);
    if (memcmp(map, MAGIC, sizeof MAGIC) != 0) {
        munmap(map, len);
        return FAIL(MISMATCH, "journal: pool.journal is not a journal of this version");
    }
    const size_t whole = replay(bytes_make(map, len), each, ctx);
    munmap(map, len);
    j->size = whole;
    if (whole == len) return OK;
    LOG_WRN("journal", "cut off a torn tail", "path=%s bytes=%zu", j->path, len - whole);
    if (ftruncate(j->fd, (off_t)whole) != 0) return io_error("cannot cut", j->path);
    return OK;
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
    const uint64_t from = j->synced;
    const uint64_t to = j->queued;
    const uint64_t at = j->size;
    const int fd = j->fd;
    pthread_mutex_unlock(&j->lock);

    err_t err = write_all(fd, buf_bytes(&j->going), at, j->path);
    bool sync_failed = false;
    if (err_ok(err) && j->sync && fdatasync(fd) != 0) {
        err = io_error("cannot sync", j->path);
        sync_failed = true;
    }

    pthread_mutex_lock(&j->lock);
    if (err_ok(err))
        j->size = at + j->going.len;
    else if (sync_failed || err.kind == ERR_IO)
        j->broken = err;
    if (!err_ok(err)) {
        // The next write goes over what was written of these.
        j->failed_from = from;
        j->failed_to = to;
        j->failed_why = err;
    }
    j->synced = to;
    buf_clear(&j->going);
    j->busy = false;
    pthread_cond_broadcast(&j->synced_more);
}

err_t journal_append(struct journal *j, const bytes_t *raws, size_t count)
{
    if (count == 0) return OK;
    pthread_mutex_lock(&j->lock);
    while (j->next.len > PENDING_MAX / 2) pthread_cond_wait(&j->synced_more, &j->lock);
    for (size_t i = 0; i < count; i++) put_record(&j->next, raws[i]);
    err_t err = buf_status(&j->next);
    check(err_ok(err)); // half of it is more than any batch
    j->queued += count;
    const uint64_t mine = j->queued;
    while (j->synced < mine) {
        if (j->busy)
            pthread_cond_wait(&j->synced_more, &j->lock);
        else
            flush(j);
    }
    if (mine > j->failed_from && mine <= j->failed_to) err = j->failed_why;
    if (!err_ok(j->broken)) err = j->broken;
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

    begin(ctx);
    int fd = -1;
    uint64_t size = 0;
    err_t err = write_new(&fd, &size, path, list, ctx);
    if (err_ok(err) && rename(path, j->path) != 0) {
        err = io_error("cannot rename", path);
        close(fd);
    } else if (err_ok(err)) {
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
