// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/file_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

err_t file_out_open(struct file_out *f, const char *path)
{
    f->fd = -1;
    f->written = 0;
    f->pending_len = 0;
    if ((size_t)snprintf(f->place, sizeof f->place, "%s", path) >= sizeof f->place ||
        (size_t)snprintf(f->beside, sizeof f->beside, "%s.new", path) >= sizeof f->beside)
        return FAIL(LIMIT, "the path is too long");
    f->fd = open(f->beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return f->fd >= 0 ? OK : FAIL(IO, "the file cannot be created");
}

static err_t flush(struct file_out *f)
{
    size_t at = 0;
    while (at < f->pending_len) {
        const ssize_t n = write(f->fd, f->pending + at, f->pending_len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == ENOSPC) return FAIL(FULL, "there is no space left");
        if (n <= 0) return FAIL(IO, "the file cannot be written");
        at += (size_t)n;
    }
    f->pending_len = 0;
    return OK;
}

err_t file_out_write(struct file_out *f, bytes_t bytes)
{
    f->written += bytes.len;
    while (bytes.len > 0) {
        const size_t room = sizeof f->pending - f->pending_len;
        const size_t n = bytes.len < room ? bytes.len : room;
        memcpy(f->pending + f->pending_len, bytes.data, n);
        f->pending_len += n;
        bytes = bytes_make(bytes.data + n, bytes.len - n);
        if (f->pending_len == sizeof f->pending) TRY(flush(f));
    }
    return OK;
}

err_t file_out_close(struct file_out *f, err_t so_far)
{
    if (f->fd < 0) return so_far;
    err_t err = so_far;
    if (err_ok(err)) err = flush(f);
    if (err_ok(err) && fsync(f->fd) != 0) err = FAIL(IO, "the file cannot be synced");
    if (close(f->fd) != 0 && err_ok(err)) err = FAIL(IO, "the file cannot be written");
    f->fd = -1;
    if (err_ok(err) && rename(f->beside, f->place) != 0)
        err = FAIL(IO, "the file cannot be moved in its place");
    if (!err_ok(err)) (void)unlink(f->beside);
    return err;
}
