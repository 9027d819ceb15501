// SPDX-License-Identifier: Apache-2.0
#include "chain/base/crash_point.h"

#ifdef CAIRN_CRASH_POINTS

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_uint passed;

void crash_point(const char *name)
{
    const char *at = getenv("CAIRN_CRASH_AT");
    if (at == NULL) return;
    const size_t len = strlen(name);
    if (strncmp(at, name, len) != 0 || (at[len] != '\0' && at[len] != ':')) return;
    const unsigned long which = at[len] == ':' ? strtoul(at + len + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&passed, 1) + 1 == which) (void)kill(getpid(), SIGKILL);
}

void crash_log_signed(const char *type, unsigned long long height, unsigned round,
                      const unsigned char digest[32])
{
    const char *path = getenv("CAIRN_SIGN_LOG");
    if (path == NULL) return;
    char line[160];
    int len = snprintf(line, sizeof line, "%s %llu %u ", type, height, round);
    for (int i = 0; i < 32; i++)
        len += snprintf(line + len, sizeof line - (size_t)len, "%02x", digest[i]);
    line[len++] = '\n';
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    const ssize_t n = write(fd, line, (size_t)len);
    (void)n;
    close(fd);
}

#endif
