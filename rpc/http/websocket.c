// SPDX-License-Identifier: Apache-2.0
#include "rpc/http/websocket.h"

#include "chain/base/endian.h"
#include "chain/crypto/digest.h"
#include "rpc/http/ws_reader.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BYTES = 16 * 1024,
    RUNNING_MAX = 64, ///< requests of one connection at a time; more wait in the socket
    LINGER_MS = 2000, ///< for the other side to see why it is closed
    HEAD_MAX = 10,    ///< of a frame that we send
    TICK_MS = 1000,
};

/// A frame on its way out.
struct ws_out {
    struct ws_out *next;
    size_t len;
    bool is_notice;
    uint8_t bytes[];
};

struct ws_list {
    struct ws_out *first;
    struct ws_out *last;
};

struct ws_conn {
    struct rpc_peer peer; ///< first: what subscriptions keep
    struct ws_hub *hub;
    struct ws_conn *next; ///< in the hub's list; owner: the hub's thread
    atomic_uint refs;
    int fd;
    void (*closed)(void *);
    void *closed_arg;
    struct ws_reader *reader;
    struct buf early;
    size_t early_at;
    uint64_t heard_ms;
    bool pinged;
    bool said_close; ///< a close frame is queued: nothing more is read as messages
    bool shut;       ///< our half is closed: waits for the other's
    uint64_t shut_ms;

    // Under the hub's lock.
    struct ws_list out;
    struct ws_list held; ///< notices that wait for an answer
    size_t held_count;
    unsigned holds; ///< answers that notices wait for
    unsigned running;
    size_t sent; ///< of out.first
    size_t unsent;
    size_t notices;
    uint64_t stuck_since_ms; ///< when the oldest unsent byte began to wait
    bool gone;               ///< no more sending: closed, or to be closed now
};

struct ws_hub {
    struct ws_options options;
    pthread_t thread;
    bool started;
    int wake; ///< eventfd
    struct ws_conn *conns;
    uint8_t *read_buffer;
    pthread_mutex_t lock;
    struct ws_conn *fresh; ///< added and not yet seen by the thread
    bool stopping;
};

/// A request that came as a message.
struct ws_request {
    struct rpc_peer peer; ///< first: what its call sees
    struct http_exchange x;
    struct ws_conn *conn;
    unsigned holds; ///< that its call asked for
    uint8_t *body;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void wake(struct ws_hub *h)
{
    const uint64_t one = 1;
    (void)!write(h->wake, &one, sizeof one);
}

void ws_accept_key(char out[29], const char *key)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[128];
    const int len = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    const struct sha1_digest d =
        sha1(bytes_make(text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1));
    size_t n = 0;
    for (size_t i = 0; i < sizeof d.b; i += 3) {
        const size_t left = sizeof d.b - i;
        const uint32_t v = (uint32_t)d.b[i] << 16 | (left > 1 ? (uint32_t)d.b[i + 1] << 8 : 0) |
                           (left > 2 ? (uint32_t)d.b[i + 2] : 0);
        out[n++] = letters[v >> 18];
        out[n++] = letters[v >> 12 & 63];
        out[n] = out[n + 1] = '=';
        if (left > 1) out[n] = letters[v >> 6 & 63];
        if (left > 2) out[n + 1] = letters[v & 63];
        n += 2;
    }
    out[n] = 0;
}

// ---- sending ------------------------------------------------------------------------------

static void list_add(struct ws_list *l, struct ws_out *o)
{
    o->next = NULL;
    if (l->last == NULL)
        l->first = o;
    else
        l->last->next = o;
    l->last = o;
}

static void list_free(struct ws_list *l)
{
    while (l->first != NULL) {
        struct ws_out *o = l->first;
        l->first = o->next;
        free(o);
    }
    l->last = NULL;
}

static struct ws_out *make_frame(enum ws_opcode opcode, bytes_t data)
{
    struct ws_out *o = malloc(sizeof *o + HEAD_MAX + data.len);
    if (o == NULL) return NULL;
    size_t n = 0;
    o->bytes[n++] = (uint8_t)(0x80 | opcode);
    if (data.len < 126) {
        o->bytes[n++] = (uint8_t)data.len;
    } else if (data.len <= 0xffff) {
        o->bytes[n++] = 126;
        o->bytes[n++] = (uint8_t)(data.len >> 8);
        o->bytes[n++] = (uint8_t)data.len;
    } else {
        o->bytes[n++] = 127;
        be_put_u64(o->bytes + n, data.len);
        n += 8;
    }
    if (data.len > 0) memcpy(o->bytes + n, data.data, data.len);
    o->len = n + data.len;
    o->is_notice = false;
    return o;
}

/// Queues a frame; takes it over. The lock is held.
static bool queue(struct ws_conn *c, struct ws_out *o)
{
    if (o == NULL || c->gone) {
        free(o);
        c->gone = true;
        return false;
    }
    if (c->unsent == 0) c->stuck_since_ms = now_ms();
    c->unsent += o->len;
    c->notices += o->is_notice;
    list_add(&c->out, o);
    if (c->unsent > WS_UNSENT_MAX || c->notices > WS_NOTICES_MAX) c->gone = true;
    return !c->gone;
}

static bool send_frame(struct ws_conn *c, enum ws_opcode opcode, bytes_t data)
{
    struct ws_out *o = make_frame(opcode, data);
    pthread_mutex_lock(&c->hub->lock);
    const bool ok = queue(c, o);
    pthread_mutex_unlock(&c->hub->lock);
    wake(c->hub);
    return ok;
}

/// Says goodbye once; the socket ends when it is sent.
static void say_close(struct ws_conn *c, uint16_t code)
{
    if (c->said_close) return;
    c->said_close = true;
    const uint8_t data[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    (void)send_frame(c, WS_CLOSE, code == WS_CLOSE_NO_STATUS ? BYTES_NONE : BYTES_OF(data));
}

// ---- the peer that others see -------------------------------------------------------------

static struct ws_conn *conn_of(struct rpc_peer *p)
{
    return (struct ws_conn *)(void *)p;
}

static void conn_ref(struct ws_conn *c)
{
    atomic_fetch_add(&c->refs, 1);
}

static void conn_unref(struct rpc_peer *p)
{
    struct ws_conn *c = conn_of(p);
    if (atomic_fetch_sub(&c->refs, 1) != 1) return;
    list_free(&c->out);
    list_free(&c->held);
    ws_reader_free(c->reader);
    buf_deinit(&c->early);
    free(c);
}

static bool conn_alive(struct rpc_peer *p)
{
    struct ws_conn *c = conn_of(p);
    pthread_mutex_lock(&c->hub->lock);
    const bool alive = !c->gone;
    pthread_mutex_unlock(&c->hub->lock);
    return alive;
}

static bool conn_notify(struct rpc_peer *p, bytes_t text)
{
    struct ws_conn *c = conn_of(p);
    struct ws_out *o = make_frame(WS_TEXT, text);
    if (o != NULL) o->is_notice = true;
    bool ok = true;
    pthread_mutex_lock(&c->hub->lock);
    if (o != NULL && c->holds > 0 && !c->gone) {
        list_add(&c->held, o);
        if (++c->held_count > WS_NOTICES_MAX) c->gone = true;
    } else {
        ok = queue(c, o);
    }
    pthread_mutex_unlock(&c->hub->lock);
    wake(c->hub);
    return ok;
}

static struct rpc_peer *request_subscribe(struct rpc_peer *p)
{
    struct ws_request *q = (struct ws_request *)(void *)p;
    struct ws_conn *c = q->conn;
    conn_ref(c);
    q->holds++;
    pthread_mutex_lock(&c->hub->lock);
    c->holds++;
    pthread_mutex_unlock(&c->hub->lock);
    return &c->peer;
}

// ---- requests -----------------------------------------------------------------------------

static void request_free(struct ws_request *q)
{
    buf_deinit(&q->x.out);
    free(q->body);
    conn_unref(&q->conn->peer);
    free(q);
}

/// The answer is there: queues it, and what waited for it.
static void finish(struct ws_request *q)
{
    struct ws_conn *c = q->conn;
    struct ws_hub *h = c->hub;
    struct ws_out *o = q->x.out.len > 0 ? make_frame(WS_TEXT, buf_bytes(&q->x.out)) : NULL;
    h->options.handler.done(h->options.handler.ctx, &q->x);
    pthread_mutex_lock(&h->lock);
    c->running--;
    if (q->x.out.full || (o == NULL && q->x.out.len > 0)) c->gone = true;
    if (o != NULL) (void)queue(c, o);
    c->holds -= q->holds;
    if (c->holds == 0) {
        while (c->held.first != NULL) {
            struct ws_out *notice = c->held.first;
            c->held.first = notice->next;
            (void)queue(c, notice);
        }
        c->held.last = NULL;
        c->held_count = 0;
    }
    pthread_mutex_unlock(&h->lock);
    wake(h);
    request_free(q);
}

static void on_answered(struct http_exchange *x)
{
    finish(x->connection);
}

static void begin_request(struct ws_conn *c, bytes_t message)
{
    struct ws_hub *h = c->hub;
    const struct http_handler *handler = &h->options.handler;
    struct ws_request *q = calloc(1, sizeof *q);
    uint8_t *body = malloc(message.len + 1);
    if (q == NULL || body == NULL) {
        free(q);
        free(body);
        say_close(c, WS_CLOSE_INTERNAL);
        return;
    }
    if (message.len > 0) memcpy(body, message.data, message.len);
    q->body = body;
    q->conn = c;
    conn_ref(c);
    q->peer = (struct rpc_peer){.subscribe = request_subscribe};
    q->x = (struct http_exchange){.method = HTTP_POST,
                                  .path = "/",
                                  .body = bytes_make(body, message.len),
                                  .status = 200,
                                  .peer = &q->peer,
                                  .connection = q,
                                  .answered = on_answered};
    buf_init(&q->x.out, HTTP_ANSWER_MAX);
    pthread_mutex_lock(&h->lock);
    c->running++;
    pthread_mutex_unlock(&h->lock);
    const int lane = handler->accept(handler->ctx, &q->x);
    if (lane == HTTP_ANSWERED) {
        finish(q);
    } else if (!err_ok(h->options.put(h->options.put_ctx, lane, &q->x))) {
        handler->refuse(handler->ctx, &q->x);
        finish(q);
    }
}

// ---- reading ------------------------------------------------------------------------------

static void on_event(struct ws_conn *c, const struct ws_event *e)
{
    switch (e->kind) {
    case WS_EVENT_NONE:
    case WS_EVENT_PONG:
        return;
    case WS_EVENT_PING:
        (void)send_frame(c, WS_PONG, e->data);
        return;
    case WS_EVENT_CLOSE:
        say_close(c, e->code);
        return;
    case WS_EVENT_MESSAGE:
        begin_request(c, e->data);
        return;
    }
    unreachable("websocket event");
}

static bool is_busy(struct ws_conn *c)
{
    pthread_mutex_lock(&c->hub->lock);
    const bool busy = c->running >= RUNNING_MAX || c->unsent > WS_UNSENT_MAX / 2;
    pthread_mutex_unlock(&c->hub->lock);
    return busy;
}

static void take_bytes(struct ws_conn *c, bytes_t in)
{
    c->heard_ms = now_ms();
    c->pinged = false;
    struct ws_event e = {.kind = WS_EVENT_PONG};
    while (e.kind != WS_EVENT_NONE && !c->said_close) {
        ws_reader_next(c->reader, &e, &in);
        on_event(c, &e);
    }
}

static void end(struct ws_conn *c)
{
    pthread_mutex_lock(&c->hub->lock);
    c->gone = true;
    pthread_mutex_unlock(&c->hub->lock);
}

static void on_readable(struct ws_conn *c)
{
    struct ws_hub *h = c->hub;
    const ssize_t n = recv(c->fd, h->read_buffer, READ_BYTES, MSG_DONTWAIT);
    if (n > 0) {
        take_bytes(c, bytes_make(h->read_buffer, (size_t)n)); // after a close: thrown away
    } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        end(c);
    }
}

/// Sends what the socket takes. The lock is held.
static void send_some(struct ws_conn *c)
{
    while (c->out.first != NULL) {
        struct ws_out *o = c->out.first;
        const ssize_t n =
            send(c->fd, o->bytes + c->sent, o->len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) c->gone = true;
            return;
        }
        c->sent += (size_t)n;
        c->unsent -= (size_t)n;
        c->stuck_since_ms = now_ms();
        if (c->sent < o->len) return;
        c->out.first = o->next;
        if (c->out.first == NULL) c->out.last = NULL;
        c->notices -= o->is_notice;
        c->sent = 0;
        free(o);
    }
    if (c->said_close && !c->shut) {
        c->shut = true;
        c->shut_ms = now_ms();
        (void)shutdown(c->fd, SHUT_WR);
    }
}

// ---- the thread ---------------------------------------------------------------------------

static void check_clock(struct ws_conn *c)
{
    const struct ws_options *o = &c->hub->options;
    pthread_mutex_lock(&c->hub->lock);
    const uint64_t now = now_ms(); // after all that it is compared with
    if (c->unsent > 0 && now - c->stuck_since_ms > o->write_timeout_ms) c->gone = true;
    if (c->shut && now - c->shut_ms > LINGER_MS) c->gone = true;
    const uint64_t silent = now - c->heard_ms;
    if (silent > 2 * (uint64_t)o->ping_after_ms) c->gone = true;
    pthread_mutex_unlock(&c->hub->lock);
    if (silent > o->ping_after_ms && !c->pinged && !c->said_close) {
        c->pinged = true;
        (void)send_frame(c, WS_PING, BYTES_NONE);
    }
}

/// Takes in new connections and drops those that are over.
static void update_list(struct ws_hub *h)
{
    pthread_mutex_lock(&h->lock);
    struct ws_conn *fresh = h->fresh;
    h->fresh = NULL;
    const bool stopping = h->stopping;
    pthread_mutex_unlock(&h->lock);
    while (fresh != NULL) {
        struct ws_conn *c = fresh;
        fresh = c->next;
        c->next = h->conns;
        h->conns = c;
        take_bytes(c, buf_bytes(&c->early));
        buf_deinit(&c->early);
    }
    for (struct ws_conn **at = &h->conns; *at != NULL;) {
        struct ws_conn *c = *at;
        if (stopping) say_close(c, WS_CLOSE_GOING_AWAY);
        pthread_mutex_lock(&h->lock);
        if (!c->gone) send_some(c);
        const bool over = c->gone;
        pthread_mutex_unlock(&h->lock);
        if (!over) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        c->closed(c->closed_arg);
        conn_unref(&c->peer);
    }
}

static size_t count_conns(const struct ws_hub *h)
{
    size_t n = 0;
    for (const struct ws_conn *c = h->conns; c != NULL; c = c->next) n++;
    return n;
}

static void *hub_main(void *arg)
{
    struct ws_hub *h = arg;
    struct pollfd *fds = NULL;
    size_t cap = 0;
    for (;;) {
        update_list(h);
        pthread_mutex_lock(&h->lock);
        const bool done = h->stopping && h->conns == NULL && h->fresh == NULL;
        pthread_mutex_unlock(&h->lock);
        if (done) break;
        const size_t n = count_conns(h);
        if (n + 1 > cap) {
            struct pollfd *more = realloc(fds, (n + 17) * sizeof *fds);
            if (more != NULL) {
                fds = more;
                cap = n + 17;
            }
        }
        if (cap == 0) continue;
        fds[0] = (struct pollfd){.fd = h->wake, .events = POLLIN};
        size_t k = 1;
        for (struct ws_conn *c = h->conns; c != NULL && k < cap; c = c->next, k++) {
            pthread_mutex_lock(&h->lock);
            const bool writes = c->out.first != NULL;
            pthread_mutex_unlock(&h->lock);
            fds[k] = (struct pollfd){
                .fd = c->fd, .events = (short)((is_busy(c) ? 0 : POLLIN) | (writes ? POLLOUT : 0))};
        }
        (void)poll(fds, k, TICK_MS);
        if (fds[0].revents != 0) {
            uint64_t count;
            (void)!read(h->wake, &count, sizeof count);
        }
        size_t i = 1;
        for (struct ws_conn *c = h->conns; c != NULL && i < k; c = c->next, i++) {
            if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) on_readable(c);
            check_clock(c);
        }
    }
    free(fds);
    return NULL;
}

// ---- beginning and end --------------------------------------------------------------------

err_t ws_hub_new(struct ws_hub **out, const struct ws_options *options)
{
    struct ws_hub *h = calloc(1, sizeof *h);
    if (h == NULL) return FAIL(FULL, "websocket: out of memory");
    h->options = *options;
    if (h->options.ping_after_ms == 0) h->options.ping_after_ms = 45000;
    pthread_mutex_init(&h->lock, NULL);
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->read_buffer = malloc(READ_BYTES);
    h->started = h->wake >= 0 && h->read_buffer != NULL &&
                 pthread_create(&h->thread, NULL, hub_main, h) == 0;
    if (!h->started) {
        ws_hub_free(h);
        return FAIL(IO, "websocket: a thread could not be started");
    }
    *out = h;
    return OK;
}

bool ws_hub_add(struct ws_hub *h, int fd, bytes_t early, void (*closed)(void *), void *closed_arg)
{
    struct ws_conn *c = calloc(1, sizeof *c);
    if (c == NULL || !err_ok(ws_reader_new(&c->reader, h->options.max_message))) {
        free(c);
        closed(closed_arg);
        return false;
    }
    c->peer = (struct rpc_peer){NULL, conn_notify, conn_alive, conn_unref};
    c->hub = h;
    atomic_init(&c->refs, 1);
    c->fd = fd;
    c->closed = closed;
    c->closed_arg = closed_arg;
    c->heard_ms = now_ms();
    buf_init(&c->early, (size_t)1 << 20);
    buf_put(&c->early, early);
    pthread_mutex_lock(&h->lock);
    const bool late = h->stopping;
    if (!late) {
        c->next = h->fresh;
        h->fresh = c;
    }
    pthread_mutex_unlock(&h->lock);
    if (late) {
        closed(closed_arg);
        conn_unref(&c->peer);
        return false;
    }
    wake(h);
    return true;
}

void ws_hub_stop(struct ws_hub *h)
{
    if (h == NULL || !h->started) return;
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_mutex_unlock(&h->lock);
    wake(h);
    pthread_join(h->thread, NULL);
    h->started = false;
}

void ws_hub_free(struct ws_hub *h)
{
    if (h == NULL) return;
    check(h->conns == NULL);
    if (h->wake >= 0) close(h->wake);
    free(h->read_buffer);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
