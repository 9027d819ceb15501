// SPDX-License-Identifier: Apache-2.0
#include "rpc/http/ipc.h"

#include "chain/base/log.h"
#include "rpc/http/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_BYTES 16384U
#define WRITE_TIMEOUT_S 30

struct ipc_conn {
    struct ipc_server *server;
    pthread_t thread;
    int fd;
    enum { CONN_FREE, CONN_OPEN, CONN_ENDED } state; ///< lock
};

struct ipc_server {
    struct ipc_options options;
    struct sockaddr_un at;
    int fd;
    pthread_t thread; ///< takes connections
    bool running;
    pthread_mutex_t lock;
    bool stopping; ///< lock
    struct ipc_conn conns[IPC_CONNECTIONS_MAX];
};

/// Where the scan of a request stands.
struct scan {
    size_t at;
    size_t depth;
    bool in_text;
    bool escaped;
    bool begun; ///< something but white space was seen
};

/// Goes on over what is new. @return true when the request ends before `s->at`
static bool scan_on(struct scan *s, bytes_t in)
{
    while (s->at < in.len) {
        const uint8_t c = in.data[s->at++];
        if (c == '\n') {
            if (s->begun) return true;
            continue;
        }
        if (c == ' ' || c == '\t' || c == '\r') {
            s->escaped = false;
            continue;
        }
        s->begun = true;
        if (s->in_text) {
            if (c == '"' && !s->escaped) s->in_text = false;
            s->escaped = c == '\\' && !s->escaped;
        } else if (c == '"') {
            s->in_text = true;
        } else if (c == '{' || c == '[') {
            s->depth++;
        } else if ((c == '}' || c == ']') && s->depth > 0 && --s->depth == 0) {
            return true;
        }
    }
    return false;
}

static bool send_all(int fd, bytes_t out)
{
    while (out.len > 0) {
        const ssize_t put = send(fd, out.data, out.len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        out = bytes_make(out.data + put, out.len - (size_t)put);
    }
    return true;
}

static bool answer(const struct ipc_conn *c, bytes_t request)
{
    const struct ipc_options *o = &c->server->options;
    struct buf out;
    buf_init(&out, HTTP_ANSWER_MAX);
    o->answer(o->ctx, request, &out);
    bool ok = true;
    if (out.len > 0) {
        buf_put_u8(&out, '\n');
        ok = err_ok(buf_status(&out)) && send_all(c->fd, buf_bytes(&out));
    }
    buf_deinit(&out);
    return ok;
}

/// Answers all whole requests at the head of `in`, and keeps the rest.
static bool answer_whole(const struct ipc_conn *c, struct buf *in, struct scan *scan)
{
    while (scan_on(scan, buf_bytes(in))) {
        const size_t len = scan->at;
        if (!answer(c, bytes_make(in->data, len))) return false;
        memmove(in->data, in->data + len, in->len - len);
        in->len -= len;
        *scan = (struct scan){.at = 0};
    }
    if (!scan->begun) in->len = scan->at = 0;
    if (in->len <= c->server->options.max_request) return true;
    (void)send_all(c->fd, LIT("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32005,"
                              "\"message\":\"limit exceeded: the request is too long\"}}\n"));
    return false;
}

static void *conn_main(void *arg)
{
    struct ipc_conn *c = arg;
    struct buf in;
    struct scan scan = {.at = 0};
    buf_init(&in, c->server->options.max_request + 2 * (size_t)READ_BYTES);
    for (;;) {
        uint8_t *room = buf_extend(&in, READ_BYTES);
        if (room == NULL) break;
        const ssize_t got = recv(c->fd, room, READ_BYTES, 0);
        in.len -= READ_BYTES - (got > 0 ? (size_t)got : 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 || !answer_whole(c, &in, &scan)) break;
    }
    buf_deinit(&in);
    (void)shutdown(c->fd, SHUT_RDWR);
    pthread_mutex_lock(&c->server->lock);
    c->state = CONN_ENDED;
    pthread_mutex_unlock(&c->server->lock);
    return NULL;
}

/// Buries ended connections and gives a place to the new one.
static void take(struct ipc_server *s, int fd)
{
    struct ipc_conn *place = NULL;
    const struct timeval patience = {.tv_sec = WRITE_TIMEOUT_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < IPC_CONNECTIONS_MAX; i++) {
        struct ipc_conn *c = &s->conns[i];
        if (c->state == CONN_ENDED) {
            (void)pthread_join(c->thread, NULL); // it has let go of the lock: its last act
            (void)close(c->fd);
            c->state = CONN_FREE;
        }
        if (c->state == CONN_FREE && place == NULL) place = c;
    }
    if (place != NULL && !s->stopping) {
        *place = (struct ipc_conn){.server = s, .fd = fd, .state = CONN_OPEN};
        if (pthread_create(&place->thread, NULL, conn_main, place) == 0)
            fd = -1;
        else
            place->state = CONN_FREE;
    }
    pthread_mutex_unlock(&s->lock);
    if (fd >= 0) (void)close(fd);
}

static void *accept_main(void *arg)
{
    struct ipc_server *s = arg;
    for (;;) {
        const int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        pthread_mutex_lock(&s->lock);
        const bool stopping = s->stopping;
        pthread_mutex_unlock(&s->lock);
        if (stopping) {
            if (fd >= 0) (void)close(fd);
            return NULL;
        }
        if (fd >= 0) {
            take(s, fd);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            LOG_WRN("rpc", "local socket", "why=%s", strerror(errno));
            const struct timespec pause = {.tv_nsec = 100000000}; // out of descriptors
            (void)nanosleep(&pause, NULL);
        }
    }
}

/// Somebody answers there?
static bool is_alive(const struct sockaddr_un *at)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const bool alive = connect(fd, (const struct sockaddr *)at, sizeof *at) == 0;
    (void)close(fd);
    return alive;
}

static err_t open_socket(struct ipc_server *s)
{
    struct stat st;
    if (lstat(s->at.sun_path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) return FAIL(IO, "there is a file that is no socket");
        if (is_alive(&s->at)) return FAIL(BUSY, "another process answers there");
        (void)unlink(s->at.sun_path);
    }
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0) return FAIL(IO, "no socket can be made");
    if (bind(s->fd, (const struct sockaddr *)&s->at, sizeof s->at) != 0)
        return FAIL(IO, "the file cannot be made there");
    // Nobody can connect before listen.
    if (chmod(s->at.sun_path, 0600) != 0 || listen(s->fd, 16) != 0)
        return FAIL(IO, "nobody can be listened to there");
    return OK;
}

err_t ipc_start(struct ipc_server **out, const struct ipc_options *options)
{
    struct ipc_server *s = calloc(1, sizeof *s);
    if (s == NULL) return FAIL(FULL, "out of memory");
    s->options = *options;
    s->fd = -1;
    s->at.sun_family = AF_UNIX;
    pthread_mutex_init(&s->lock, NULL);
    const size_t len = strlen(options->path);
    err_t err = FAIL(LIMIT, "the path is longer than 107 bytes");
    if (len < sizeof s->at.sun_path) {
        memcpy(s->at.sun_path, options->path, len + 1);
        err = open_socket(s);
    }
    if (err_ok(err)) {
        s->running = pthread_create(&s->thread, NULL, accept_main, s) == 0;
        if (!s->running) err = FAIL(IO, "no thread can be started");
    }
    if (!err_ok(err)) {
        if (s->fd >= 0) (void)close(s->fd);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return err;
    }
    *out = s;
    return OK;
}

void ipc_stop(struct ipc_server *s)
{
    if (s == NULL) return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    for (size_t i = 0; i < IPC_CONNECTIONS_MAX; i++) {
        // What is being answered is still sent.
        if (s->conns[i].state != CONN_FREE) (void)shutdown(s->conns[i].fd, SHUT_RD);
    }
    pthread_mutex_unlock(&s->lock);
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    for (size_t i = 0; i < IPC_CONNECTIONS_MAX; i++) {
        if (s->conns[i].state == CONN_FREE) continue;
        (void)pthread_join(s->conns[i].thread, NULL);
        (void)close(s->conns[i].fd);
    }
    (void)unlink(s->at.sun_path);
    (void)close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
