// SPDX-License-Identifier: Apache-2.0
/// LD_PRELOAD: a wall clock that is wrong. The file CAIRN_CLOCK names holds one i64, the milliseconds
/// to add to the time of day, and may be changed while the program runs; durations stay right.

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_ms;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CAIRN_CLOCK");
    const int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) abort();
    void *at = mmap(NULL, sizeof *offset_ms, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) abort();
    close(fd);
    offset_ms = at;
}

static void shift(struct timespec *t)
{
    const int64_t ns = t->tv_nsec + *offset_ms % 1000 * 1000000 + 1000000000;
    t->tv_sec += *offset_ms / 1000 + ns / 1000000000 - 1;
    t->tv_nsec = ns % 1000000000;
}

int clock_gettime(clockid_t which, struct timespec *t)
{
    const int rc = (int)syscall(SYS_clock_gettime, which, t);
    const int is_wall = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
    if (rc == 0 && is_wall && offset_ms != NULL) shift(t);
    return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    *out = (struct timeval){.tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (out != NULL) *out = t.tv_sec;
    return t.tv_sec;
}
