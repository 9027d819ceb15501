// SPDX-License-Identifier: Apache-2.0
#include "rpc/http/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/// A handler that echoes bodies: at once, or in a lane where it may be held.
struct echo {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held;
    unsigned running;
    unsigned accepted;
    unsigned done;
};

static void echo_body(struct http_exchange *x)
{
    if (x->method == HTTP_POST) {
        buf_put(&x->out, x->body);
    } else {
        x->content_type = "text/plain";
        buf_put_str(&x->out, x->path);
    }
}

static int on_accept(void *ctx, struct http_exchange *x)
{
    struct echo *e = ctx;
    pthread_mutex_lock(&e->lock);
    e->accepted++;
    pthread_mutex_unlock(&e->lock);
    if (x->body.len > 0 && x->body.data[0] == 'L') return 0;
    echo_body(x);
    return HTTP_ANSWERED;
}

static void on_run(void *ctx, struct http_exchange *const *x, size_t count)
{
    cr_assert_eq(count, 1);
    struct echo *e = ctx;
    pthread_mutex_lock(&e->lock);
    e->running++;
    pthread_cond_broadcast(&e->changed);
    while (e->held) pthread_cond_wait(&e->changed, &e->lock);
    e->running--;
    pthread_mutex_unlock(&e->lock);
    echo_body(x[0]);
}

static void on_refuse(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    buf_put_str(&x->out, "queue full");
}

static void on_done(void *ctx, struct http_exchange *x)
{
    (void)x;
    struct echo *e = ctx;
    pthread_mutex_lock(&e->lock);
    e->done++;
    pthread_mutex_unlock(&e->lock);
}

struct fixture {
    struct echo echo;
    struct http_server *server;
};

static const char *const vhosts[] = {"node.example"};
static const char *const origins[] = {"https://page.example"};

static void start(struct fixture *f, struct http_options o)
{
    memset(f, 0, sizeof *f);
    pthread_mutex_init(&f->echo.lock, NULL);
    pthread_cond_init(&f->echo.changed, NULL);
    static const struct http_lane_options lane = {.threads = 1, .queue_max = 1, .together = 1};
    o.address = "127.0.0.1";
    o.handler = (struct http_handler){&f->echo, on_accept, on_run, on_refuse, on_done};
    o.lanes = &lane;
    o.lane_count = 1;
    o.vhosts = vhosts;
    o.vhost_count = 1;
    o.origins = origins;
    o.origin_count = 1;
    cr_assert(err_ok(http_server_start(&f->server, &o)));
}

static void stop(struct fixture *f)
{
    http_server_stop(f->server);
    cr_expect_eq(f->echo.accepted, f->echo.done, "accepted %u, done %u", f->echo.accepted,
                 f->echo.done);
}

#define PATIENCE_S 120 ///< bounds what hangs and measures nothing

static int dial(const struct fixture *f)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in a = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(f->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval limit = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void say(int fd, bytes_t text)
{
    while (text.len > 0) {
        const ssize_t n = send(fd, text.data, text.len, MSG_NOSIGNAL);
        if (n <= 0) return; // the server may close early: what it said decides
        text = bytes_make(text.data + n, text.len - (size_t)n);
    }
}

/// Reads until the other side closes or `cap` is full.
static size_t hear_all(int fd, char *out, size_t cap)
{
    size_t len = 0;
    for (;;) {
        const ssize_t n = recv(fd, out + len, cap - 1 - len, 0);
        if (n <= 0) break;
        len += (size_t)n;
        if (len == cap - 1) break;
    }
    out[len] = 0;
    return len;
}

/// One request on a connection of its own that asks to close: its whole answer.
static int ask(const struct fixture *f, bytes_t request, char *out, size_t cap)
{
    const int fd = dial(f);
    say(fd, request);
    hear_all(fd, out, cap);
    close(fd);
    int status = 0;
    return sscanf(out, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

#define HEAD "POST / HTTP/1.1\r\nHost: 127.0.0.1:8545\r\nConnection: close\r\n"
#define JSON "Content-Type: application/json\r\n"

/// Goal: what is let in, and each refusal of the door, by status.
static const struct {
    const char *name;
    bytes_t request;
    int status;
    const char *holds;
} cases[] = {
    {"plain", LIT(HEAD JSON "Content-Length: 4\r\n\r\nbody"), 200, "\r\n\r\nbody"},
    {"charset",
     LIT(HEAD "Content-Type: application/json; charset=utf-8\r\nContent-Length: 1\r\n\r\nx"), 200,
     "\r\n\r\nx"},
    {"chunked", LIT(HEAD JSON "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
     200, "\r\n\r\nabc"},
    {"in a lane", LIT(HEAD JSON "Content-Length: 4\r\n\r\nLate"), 200, "\r\n\r\nLate"},
    {"GET", LIT("GET /status?x=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), 200,
     "\r\n\r\n/status"},
    {"HEAD", LIT("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), 200,
     "Content-Length: 1"},
    {"HTTP/1.0 without Host", LIT("GET / HTTP/1.0\r\n\r\n"), 200, "\r\n\r\n/"},
    {"known virtual host",
     LIT("GET / HTTP/1.1\r\nHost: Node.Example:80\r\nConnection: close\r\n\r\n"), 200, ""},
    {"IPv6 host", LIT("GET / HTTP/1.1\r\nHost: [::1]:8545\r\nConnection: close\r\n\r\n"), 200, ""},
    {"foreign host", LIT("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), 403,
     "--rpc-vhosts"},
    {"address with a tail", LIT("GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n"), 403, ""},
    {"no host", LIT("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), 400, ""},
    {"two hosts", LIT("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"), 400, ""},
    {"form type", LIT(HEAD "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx"), 415, ""},
    {"type with a tail", LIT(HEAD "Content-Type: application/jsonp\r\nContent-Length: 1\r\n\r\nx"),
     415, ""},
    {"no type", LIT(HEAD "Content-Length: 1\r\n\r\nx"), 415, ""},
    {"method", LIT("DELETE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), 405,
     "Allow:"},
    {"length and coding",
     LIT(HEAD JSON "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, ""},
    {"two lengths", LIT(HEAD JSON "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 400, ""},
    {"unknown coding", LIT(HEAD JSON "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400, ""},
    {"space before colon", LIT(HEAD JSON "Content-Length : 1\r\n\r\nx"), 400, ""},
    {"length is no number", LIT(HEAD JSON "Content-Length: 1x\r\n\r\nx"), 400, ""},
    {"body announced too large", LIT(HEAD JSON "Content-Length: 5000\r\n\r\n"), 413, ""},
    {"body on GET", LIT("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"), 413,
     ""},
    {"preflight, known origin",
     LIT("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://page.example\r\n"
         "Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"),
     204, "Access-Control-Allow-Origin: https://page.example"},
    {"a line that is no request is cut without an answer", LIT("\x16\x03\x01\x02\r\n\r\n"), 0, ""},
};

Test(server, rules)
{
    struct fixture f;
    start(&f, (struct http_options){.max_body = 4096});
    static char out[65536];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const int status = ask(&f, cases[i].request, out, sizeof out);
        cr_expect_eq(status, cases[i].status, "%s: %s", cases[i].name, out);
        cr_expect_not_null(strstr(out, cases[i].holds), "%s: %s", cases[i].name, out);
    }
    ask(&f,
        LIT("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://other.example\r\n"
            "Connection: close\r\n\r\n"),
        out, sizeof out);
    cr_expect_null(strstr(out, "Access-Control-Allow-Origin"), "a foreign origin is told nothing");
    stop(&f);
}

/// Goal: size limits, each one step over: line, number and bytes of headers, chunked body.
Test(server, sizes)
{
    struct fixture f;
    start(&f, (struct http_options){.max_body = 4096});
    static char out[65536];
    struct buf b;
    buf_init(&b, 1 << 20);

    buf_put_str(&b, "GET /");
    for (int i = 0; i < 8300; i++) buf_put_u8(&b, 'a');
    buf_put_str(&b, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    cr_expect_eq(ask(&f, buf_bytes(&b), out, sizeof out), 414);

    buf_clear(&b);
    buf_put_str(&b, "GET /");
    for (int i = 0; i < 100000; i++) buf_put_u8(&b, 'a');
    buf_put_str(&b, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    cr_expect_eq(ask(&f, buf_bytes(&b), out, sizeof out), 414, "beyond the library's memory");

    buf_clear(&b);
    buf_put_str(&b, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (int i = 0; i < 99; i++) buf_printf(&b, "X-%d: 1\r\n", i);
    buf_put_str(&b, "\r\n");
    cr_expect_eq(ask(&f, buf_bytes(&b), out, sizeof out), 431);

    buf_clear(&b);
    buf_put_str(&b, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (int i = 0; i < 17; i++) {
        buf_printf(&b, "X-%d: ", i);
        for (int k = 0; k < 1000; k++) buf_put_u8(&b, 'v');
        buf_put_str(&b, "\r\n");
    }
    buf_put_str(&b, "\r\n");
    cr_expect_eq(ask(&f, buf_bytes(&b), out, sizeof out), 431);

    buf_clear(&b);
    buf_put_str(&b, HEAD JSON "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        buf_put_str(&b, "400\r\n");
        for (int k = 0; k < 1024; k++) buf_put_u8(&b, 'c');
        buf_put_str(&b, "\r\n");
    }
    buf_put_str(&b, "0\r\n\r\n");
    cr_expect_eq(ask(&f, buf_bytes(&b), out, sizeof out), 413);
    buf_deinit(&b);
    stop(&f);
}

/// Goal: one connection carries many requests, also pipelined, inline and in lanes.
Test(server, keep_alive)
{
    struct fixture f;
    start(&f, (struct http_options){0});
    const int fd = dial(&f);
    for (int i = 0; i < 50; i++) {
        say(fd, LIT("POST / HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: 3\r\n\r\none"
                    "POST / HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: 4\r\n\r\nLtwo"));
    }
    say(fd, LIT("GET /end HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    static char out[65536];
    hear_all(fd, out, sizeof out);
    close(fd);
    size_t answers = 0;
    for (const char *p = out; (p = strstr(p, "HTTP/1.1 200")) != NULL; p++) answers++;
    cr_expect_eq(answers, 101);
    cr_expect_not_null(strstr(out, "\r\n\r\n/end"));
    stop(&f);
}

static bool wait_running(struct echo *e, unsigned want)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&e->lock);
    int rc = 0;
    while (e->running != want && rc == 0) {
        rc = pthread_cond_timedwait(&e->changed, &e->lock, &until);
    }
    pthread_mutex_unlock(&e->lock);
    return rc == 0;
}

/// Goal: while a lane is busy others are answered; beyond its queue requests are refused.
Test(server, lanes)
{
    struct fixture f;
    start(&f, (struct http_options){0});
    f.echo.held = true;
    static char out[65536];
    const bytes_t slow = LIT(HEAD JSON "Content-Length: 4\r\n\r\nLane");
    const int first = dial(&f);
    say(first, slow);
    cr_assert(wait_running(&f.echo, 1));
    cr_expect_eq(ask(&f, LIT(HEAD JSON "Content-Length: 1\r\n\r\nx"), out, sizeof out), 200);

    const int second = dial(&f); // waits in the queue of one
    say(second, slow);
    int refused = 0;
    for (int i = 0; i < PATIENCE_S * 100 && refused == 0; i++) {
        pthread_mutex_lock(&f.echo.lock);
        const bool queued = f.echo.accepted == 3;
        pthread_mutex_unlock(&f.echo.lock);
        if (queued) {
            cr_expect_eq(ask(&f, slow, out, sizeof out), 200);
            cr_expect_not_null(strstr(out, "queue full"), "%s", out);
            refused = 1;
        }
        usleep(10000);
    }
    cr_expect_eq(refused, 1);

    pthread_mutex_lock(&f.echo.lock);
    f.echo.held = false;
    pthread_cond_broadcast(&f.echo.changed);
    pthread_mutex_unlock(&f.echo.lock);
    hear_all(first, out, sizeof out);
    cr_expect_not_null(strstr(out, "Lane"));
    hear_all(second, out, sizeof out);
    cr_expect_not_null(strstr(out, "Lane"));
    close(first);
    close(second);
    stop(&f);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/// Waits for the end of a line that was dialled after `since_s`. It has its time, and it ends: how
/// late, a busy machine decides.
static void expect_closed(int fd, double since_s, const char *name)
{
    char out[4096];
    hear_all(fd, out, sizeof out);
    const double s = now_s() - since_s;
    cr_expect(s > 0.25 && s < PATIENCE_S, "\"%s\": closed after %.2f s", name, s);
}

struct dripper {
    int fd;
    volatile bool stop;
};

static void *drip(void *arg)
{
    struct dripper *d = arg;
    while (!d->stop) {
        if (send(d->fd, "a", 1, MSG_NOSIGNAL) != 1) break;
        usleep(20000);
    }
    return NULL;
}

/// Goal: slow headers, slow bodies and idleness end, also when bytes keep dripping in.
Test(server, slowness)
{
    struct fixture f;
    start(&f, (struct http_options){.header_timeout_ms = 300,
                                    .body_timeout_ms = 300,
                                    .idle_timeout_ms = 300,
                                    .write_timeout_ms = 300});
    static const char *const begins[] = {
        "",
        "GET /",
        "GET / HTTP/1.1\r\nX: ",
        HEAD JSON "Content-Length: 4000\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        const double since = now_s();
        struct dripper d = {.fd = dial(&f)};
        say(d.fd, bytes_of_str(begins[i]));
        pthread_t t;
        const bool dripping = i > 0;
        if (dripping) pthread_create(&t, NULL, drip, &d);
        expect_closed(d.fd, since, begins[i]);
        d.stop = true;
        if (dripping) pthread_join(t, NULL);
        close(d.fd);
    }
    const double since = now_s();
    const int fd = dial(&f);
    say(fd, LIT("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    expect_closed(fd, since, "idle");
    close(fd);
    stop(&f);
}

/// Goal: the newest connection gets in when all places are taken by idle ones.
Test(server, connections)
{
    struct fixture f;
    start(&f, (struct http_options){.max_connections = 8, .max_connections_ip = 64});
    int fds[8];
    for (size_t i = 0; i < 8; i++) fds[i] = dial(&f);
    static char out[4096];
    int ok = 0;
    for (int i = 0; i < 10; i++) {
        ok += ask(&f, LIT(HEAD JSON "Content-Length: 1\r\n\r\nx"), out, sizeof out) == 200;
    }
    cr_expect_eq(ok, 10);
    for (size_t i = 0; i < 8; i++) close(fds[i]);
    stop(&f);
}

/// Goal: a port in use and a bad address are told apart; stopping with open connections ends.
Test(server, start_and_stop)
{
    struct fixture f;
    start(&f, (struct http_options){0});
    struct http_options o = {0};
    o.address = "127.0.0.1";
    o.port = http_server_port(f.server);
    o.handler = (struct http_handler){&f.echo, on_accept, on_run, on_refuse, on_done};
    struct http_server *other = NULL;
    cr_expect_eq(http_server_start(&other, &o).kind, ERR_BUSY);
    o.address = "localhost";
    cr_expect_eq(http_server_start(&other, &o).kind, ERR_INVALID);
    const int fd = dial(&f);
    say(fd, LIT("POST / HTT"));
    stop(&f);
    close(fd);
}

// ---- WebSocket ----------------------------------------------------------------------------

/// Sends a masked text (the mask is zero) and reads the answering frame's text.
static void ws_expect(int fd, const char *text, const char *want)
{
    uint8_t frame[128] = {0x81, (uint8_t)(0x80 | strlen(text))};
    char got[128] = {0};
    memcpy(frame + 6, text, strlen(text));
    say(fd, bytes_make(frame, 6 + strlen(text)));
    size_t len = 0;
    while (len < 2 + strlen(want)) {
        const ssize_t n = recv(fd, got + len, sizeof got - len, 0);
        cr_assert_gt(n, 0, "after %zu bytes", len);
        len += (size_t)n;
    }
    cr_expect_eq((uint8_t)got[0], 0x81);
    cr_expect_eq((uint8_t)got[1], strlen(want));
    cr_expect_eq(memcmp(got + 2, want, strlen(want)), 0, "%s", got + 2);
}

/// Goal: a socket that was upgraded answers messages, at once and from a lane, and is told goodbye
/// when the server stops; handshakes that are none are refused.
Test(server, websocket)
{
    struct fixture f;
    start(&f, (struct http_options){0});
    static const struct {
        const char *name;
        const char *headers;
        const char *status;
    } rows[] = {
        {"no key", "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", "400"},
        {"a short key",
         "Connection: Upgrade\r\nSec-WebSocket-Key: abc\r\nSec-WebSocket-Version: 13\r\n", "400"},
        {"an old version",
         "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Version: 8\r\n",
         "426"},
        {"another page",
         "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Version: 13\r\nOrigin: http://evil.example\r\n",
         "403"},
        {"a listed page",
         "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Version: 13\r\nOrigin: https://page.example\r\n",
         "101"},
        {"no page",
         "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Version: 13\r\n",
         "101"},
    };
    int open = -1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[512];
        char head[1024] = {0};
        size_t len = 0;
        (void)snprintf(request, sizeof request,
                       "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n%s\r\n",
                       rows[i].headers);
        if (open >= 0) close(open);
        open = dial(&f);
        say(open, bytes_of_str(request));
        while (strstr(head, "\r\n\r\n") == NULL) {
            const ssize_t n = recv(open, head + len, sizeof head - 1 - len, 0);
            cr_assert_gt(n, 0, "%s: %s", rows[i].name, head);
            len += (size_t)n;
        }
        cr_expect_eq(strncmp(head + 9, rows[i].status, 3), 0, "%s: %s", rows[i].name, head);
        const bool accepted = strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != NULL;
        cr_expect_eq(accepted, strcmp(rows[i].status, "101") == 0, "%s", rows[i].name);
    }
    ws_expect(open, "hello", "hello");
    ws_expect(open, "Later", "Later");
    http_server_stop(f.server);
    uint8_t goodbye[4] = {0};
    cr_expect_eq(recv(open, goodbye, sizeof goodbye, MSG_WAITALL), 4);
    cr_expect_eq(memcmp(goodbye, "\x88\x02\x03\xe9", 4), 0, "1001");
    close(open);
    cr_expect_eq(f.echo.accepted, f.echo.done);
    cr_expect_eq(f.echo.accepted, 2);
}
