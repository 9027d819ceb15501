// SPDX-License-Identifier: Apache-2.0
/// Goal: the local socket is its owner's alone, finds requests with and without line ends, answers
/// in order, bounds what it reads, and is gone when it stops.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/http/ipc.h"
#include "test/support/temp_dir.h"

#define MAX_REQUEST 1000U

/// Says what it was asked, in brackets; "[]" gets nothing.
static void echo(void *ctx, bytes_t request, struct buf *out)
{
    (void)ctx;
    if (bytes_eq(request, LIT("[]"))) return;
    buf_put_u8(out, '<');
    for (size_t i = 0; i < request.len; i++) {
        if (request.data[i] != '\n') buf_put_u8(out, request.data[i]);
    }
    buf_put_u8(out, '>');
}

struct desk {
    struct temp_dir dir;
    char path[108];
    struct ipc_server *server;
};

static void setup(struct desk *d)
{
    d->dir = temp_dir_make();
    (void)snprintf(d->path, sizeof d->path, "%.90s/s.sock", d->dir.path);
    const struct ipc_options o = {.path = d->path, .max_request = MAX_REQUEST, .answer = echo};
    const err_t err = ipc_start(&d->server, &o);
    cr_assert(err_ok(err), "%s", err_text(err));
}

static int dial(const struct desk *d)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", d->path);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/// Waits for exactly this.
static void hear(int fd, const char *want)
{
    char got[4096];
    const size_t len = strlen(want);
    cr_assert_lt(len, sizeof got);
    cr_assert_eq(recv(fd, got, len, MSG_WAITALL), (ssize_t)len, "no \"%s\"", want);
    cr_expect_eq(memcmp(got, want, len), 0, "\"%.*s\", not \"%s\"", (int)len, got, want);
}

Test(ipc, requests_end_with_a_bracket_or_a_line)
{
    struct desk d;
    struct stat st;
    setup(&d);
    cr_assert_eq(stat(d.path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    const int fd = dial(&d);
    say(fd, "{\"a\":[1,{}]}\n");
    hear(fd, "<{\"a\":[1,{}]}>\n");
    say(fd, "{\"no line\":\"end } \\\" ]\"}");
    hear(fd, "<{\"no line\":\"end } \\\" ]\"}>\n");
    say(fd, " \r\n\n{\"cut");
    say(fd, "\":1}{\"two\":2}[3]");
    hear(fd, "< \r{\"cut\":1}>\n<{\"two\":2}>\n<[3]>\n");
    say(fd, "{\"broken\n");
    hear(fd, "<{\"broken>\n");
    say(fd, "[]{}");
    hear(fd, "<{}>\n");
    (void)close(fd);
    ipc_stop(d.server);
    cr_expect_neq(stat(d.path, &st), 0, "the file goes with the server");
    temp_dir_remove(&d.dir);
}

Test(ipc, too_long_ends_the_line_and_the_next_one_is_answered)
{
    struct desk d;
    char end;
    setup(&d);
    char *text = malloc(200001);
    cr_assert_not_null(text);
    memset(text, 'x', 200000);
    text[0] = '{';
    text[200000] = 0;
    const int fd = dial(&d);
    (void)!send(fd, text, 200000, MSG_NOSIGNAL);
    hear(fd, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32005,");
    while (recv(fd, &end, 1, 0) == 1) {
    }
    (void)close(fd);
    free(text);
    int lines[IPC_CONNECTIONS_MAX];
    for (size_t i = 0; i < IPC_CONNECTIONS_MAX - 1; i++) {
        lines[i] = dial(&d);
        say(lines[i], "{}");
        hear(lines[i], "<{}>\n");
    }
    for (size_t i = 0; i < IPC_CONNECTIONS_MAX - 1; i++) (void)close(lines[i]);
    ipc_stop(d.server);
    temp_dir_remove(&d.dir);
}

Test(ipc, takes_the_place_of_a_dead_one_only)
{
    struct desk d;
    setup(&d);
    struct ipc_server *second = NULL;
    const struct ipc_options o = {.path = d.path, .max_request = MAX_REQUEST, .answer = echo};
    cr_expect_eq(ipc_start(&second, &o).kind, ERR_BUSY);
    ipc_stop(d.server);

    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", d.path);
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(dead, (const struct sockaddr *)&at, sizeof at), 0);
    (void)close(dead);
    cr_assert(err_ok(ipc_start(&second, &o)), "the file of a killed one");
    const int fd = dial(&d);
    say(fd, "{}");
    hear(fd, "<{}>\n");
    (void)close(fd);
    ipc_stop(second);

    FILE *f = fopen(d.path, "wb");
    cr_assert_not_null(f);
    (void)fclose(f);
    cr_expect_eq(ipc_start(&second, &o).kind, ERR_IO, "somebody's file stays");
    const struct ipc_options deep = {.path =
                                         "/tmp/0123456789012345678901234567890123456789012345678901"
                                         "23456789012345678901234567890123456789012345678901234",
                                     .answer = echo};
    cr_expect_eq(ipc_start(&second, &deep).kind, ERR_LIMIT);
    temp_dir_remove(&d.dir);
}
