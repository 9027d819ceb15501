// SPDX-License-Identifier: Apache-2.0
/// LD_PRELOAD: faults of a disk for one folder, and a diary of what was written to it.
///
///     CAIRN_FAULT_DIR     only files below this folder count
///     CAIRN_FAULT_AT      the k-th write or sync of them fails (1 is the first)
///     CAIRN_FAULT_ERRNO   with this number (5 EIO, 28 ENOSPC)
///     CAIRN_FAULT_UNTIL   so do all up to this one (default: that one alone)
///     CAIRN_FAULT_DIARY   append every write and sync to this file:
///         i64 nanoseconds (CLOCK_MONOTONIC), u32 kind, u32 length of the name, u64 offset,
///         u64 length of the data, name, data
///
/// Kinds: 1 write, 2 sync of a file, 3 write through a descriptor that syncs (O_DSYNC), 4 size set,
/// 5 renamed (data: the new name), 6 removed, 7 made or emptied on opening.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { WRITE = 1, SYNC, WRITE_SYNCED, SIZE, RENAME, REMOVE, MADE };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long count;
static int diary = -2;

static unsigned long number_of(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtoul(text, NULL, 10) : otherwise;
}

/// The file behind a descriptor, if it lies in the folder that is watched.
static int watched(int fd, char path[PATH_MAX])
{
    const char *dir = getenv("CAIRN_FAULT_DIR");
    char link[64];
    if (dir == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n <= 0) return 0;
    path[n] = '\0';
    return strncmp(path, dir, strlen(dir)) == 0 && strstr(path, "lock") == NULL &&
           strstr(path, "LOCK") == NULL;
}

static int path_watched(const char *path)
{
    const char *dir = getenv("CAIRN_FAULT_DIR");
    return dir != NULL && path[0] == '/' && strncmp(path, dir, strlen(dir)) == 0 &&
           strstr(path, "lock") == NULL && strstr(path, "LOCK") == NULL;
}

/// Counts a call. @return true if it must fail, with errno set.
static int must_fail(void)
{
    const unsigned long at = number_of("CAIRN_FAULT_AT", 0);
    if (at == 0) return 0;
    const unsigned long until = number_of("CAIRN_FAULT_UNTIL", at);
    pthread_mutex_lock(&lock);
    const unsigned long now = ++count;
    pthread_mutex_unlock(&lock);
    if (now < at || now > until) return 0;
    errno = (int)number_of("CAIRN_FAULT_ERRNO", EIO);
    return 1;
}

static void put(const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len != 0) {
        const ssize_t n = syscall(SYS_write, diary, at, len);
        if (n <= 0) abort();
        at += n;
        len -= (size_t)n;
    }
}

static void note(enum kind kind, const char *path, uint64_t offset, const void *data, uint64_t len)
{
    const char *file = getenv("CAIRN_FAULT_DIARY");
    if (file == NULL) return;
    pthread_mutex_lock(&lock);
    if (diary == -2)
        diary = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                             0600);
    if (diary >= 0) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        struct {
            int64_t ns;
            uint32_t kind, name_len;
            uint64_t offset, len;
        } head = {t.tv_sec * INT64_C(1000000000) + t.tv_nsec, kind, (uint32_t)strlen(path), offset,
                  len};
        put(&head, sizeof head);
        put(path, head.name_len);
        if (data != NULL && len != 0) put(data, len);
    }
    pthread_mutex_unlock(&lock);
}

static void note_write(int fd, const char *path, uint64_t offset, const void *data, ssize_t done)
{
    const int flags = fcntl(fd, F_GETFL);
    if (done > 0)
        note((flags & O_DSYNC) != 0 ? WRITE_SYNCED : WRITE, path, offset, data, (uint64_t)done);
}

#define REAL(NAME, TYPE, ...)                                                                      \
    static TYPE (*real)(__VA_ARGS__);                                                              \
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, NAME)

ssize_t write(int fd, const void *data, size_t len)
{
    char path[PATH_MAX];
    REAL("write", ssize_t, int, const void *, size_t);
    if (!watched(fd, path)) return real(fd, data, len);
    if (must_fail()) return -1;
    const off_t at = lseek(fd, 0, (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? SEEK_END : SEEK_CUR);
    const ssize_t n = real(fd, data, len);
    note_write(fd, path, (uint64_t)at, data, n);
    return n;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    char path[PATH_MAX];
    REAL("pwrite", ssize_t, int, const void *, size_t, off_t);
    if (!watched(fd, path)) return real(fd, data, len, at);
    if (must_fail()) return -1;
    const ssize_t n = real(fd, data, len, at);
    note_write(fd, path, (uint64_t)at, data, n);
    return n;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
    return pwrite(fd, data, len, at);
}

static ssize_t write_many(int fd, const struct iovec *parts, int n, off_t at)
{
    ssize_t sum = 0;
    for (int i = 0; i < n; i++) {
        const ssize_t done =
            syscall(SYS_pwrite64, fd, parts[i].iov_base, parts[i].iov_len, at + sum);
        if (done < 0) return sum > 0 ? sum : -1;
        sum += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return sum;
}

ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t at)
{
    char path[PATH_MAX];
    REAL("pwritev", ssize_t, int, const struct iovec *, int, off_t);
    if (!watched(fd, path)) return real(fd, parts, n, at);
    if (must_fail()) return -1;
    const ssize_t sum = write_many(fd, parts, n, at);
    ssize_t left = sum;
    for (int i = 0; i < n && left > 0; i++) {
        const ssize_t len = left < (ssize_t)parts[i].iov_len ? left : (ssize_t)parts[i].iov_len;
        note_write(fd, path, (uint64_t)at, parts[i].iov_base, len);
        at += len;
        left -= len;
    }
    return sum;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int n, off_t at)
{
    return pwritev(fd, parts, n, at);
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
    char path[PATH_MAX];
    REAL("writev", ssize_t, int, const struct iovec *, int);
    if (!watched(fd, path)) return real(fd, parts, n);
    const off_t at = lseek(fd, 0, SEEK_CUR);
    const ssize_t sum = pwritev(fd, parts, n, at);
    if (sum > 0) lseek(fd, at + sum, SEEK_SET);
    return sum;
}

int fsync(int fd)
{
    char path[PATH_MAX];
    REAL("fsync", int, int);
    if (!watched(fd, path)) return real(fd);
    if (must_fail()) return -1;
    const int rc = real(fd);
    if (rc == 0) note(SYNC, path, 0, NULL, 0);
    return rc;
}

int fdatasync(int fd)
{
    char path[PATH_MAX];
    REAL("fdatasync", int, int);
    if (!watched(fd, path)) return real(fd);
    if (must_fail()) return -1;
    const int rc = real(fd);
    if (rc == 0) note(SYNC, path, 0, NULL, 0);
    return rc;
}

int msync(void *at, size_t len, int flags)
{
    REAL("msync", int, void *, size_t, int);
    if (getenv("CAIRN_FAULT_DIR") != NULL && must_fail()) return -1;
    return real(at, len, flags);
}

int ftruncate(int fd, off_t len)
{
    char path[PATH_MAX];
    REAL("ftruncate", int, int, off_t);
    const int rc = real(fd, len);
    if (rc == 0 && watched(fd, path)) note(SIZE, path, (uint64_t)len, NULL, 0);
    return rc;
}

int rename(const char *from, const char *to)
{
    REAL("rename", int, const char *, const char *);
    const int rc = real(from, to);
    if (rc == 0 && path_watched(from)) note(RENAME, from, 0, to, strlen(to));
    return rc;
}

int unlink(const char *path)
{
    REAL("unlink", int, const char *);
    const int rc = real(path);
    if (rc == 0 && path_watched(path)) note(REMOVE, path, 0, NULL, 0);
    return rc;
}

int open(const char *path, int flags, ...)
{
    REAL("open", int, const char *, int, ...);
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    const int absent = access(path, F_OK) != 0;
    const int fd = real(path, flags, mode);
    if (fd >= 0 && path_watched(path) &&
        (((flags & O_CREAT) != 0 && absent) || (flags & O_TRUNC) != 0))
        note(MADE, path, 0, NULL, 0);
    return fd;
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    return open(path, flags, mode);
}
