// SPDX-License-Identifier: Apache-2.0
#include "rpc/http/server.h"

#include "chain/base/log.h"
#include "rpc/http/lanes.h"
#include "rpc/http/websocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    REQUEST_LINE_MAX = 8 * 1024,
    HEADER_BYTES_MAX = 16 * 1024,
    HEADER_FIELDS_MAX = 100,
    LANES_MAX = 8,
    // Room for the longest request line and headers together, and for our own answer's.
    CONNECTION_MEMORY = 40 * 1024,
};
#define UNSENT_MAX ((size_t)256 << 20)

/// What a connection is doing, and since when: the reaper needs nothing else.
enum conn_phase { CONN_FRESH, CONN_HEADERS, CONN_BODY, CONN_RUNNING, CONN_WRITING, CONN_IDLE };

struct conn {
    struct conn *next;
    struct conn *prev;
    int fd;
    uint8_t ip[16]; ///< IPv4 in the first four bytes
    atomic_int phase;
    atomic_uint_fast64_t since_ms;
};

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_options options;
    struct lane *lanes[LANES_MAX];
    struct ws_hub *sockets;
    uint16_t port;

    pthread_mutex_t lock; ///< guards the list of connections
    struct conn conns;    ///< head of a ring
    unsigned conn_count;

    pthread_t reaper;
    bool reaper_started;
    pthread_cond_t reaper_wake;
    bool stopping;

    atomic_size_t unsent;
    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t refused;
};

/// One request in flight. `x` is what the handler sees.
struct request {
    struct http_exchange x;
    struct http_server *server;
    struct conn *conn;
    struct MHD_Connection *mhd;
    bool checked;  ///< headers were looked at
    bool options;  ///< a CORS preflight
    bool accepted; ///< `accept` was called, so `done` must be
    bool answered;
    bool finished; ///< `done` was called
    size_t request_line;
    const char *origin; ///< the allowed Origin, or NULL
    struct buf body;
    bool upgrades; ///< to WebSocket
    char ws_accept[29];
    char path[256];
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void conn_enter(struct conn *c, enum conn_phase phase)
{
    atomic_store(&c->since_ms, now_ms());
    atomic_store(&c->phase, (int)phase);
}

static struct conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

// ---- connections --------------------------------------------------------------------------

/// Makes room for a new connection by closing the one that has been idle for longest, among
/// those of one address (or all, if `ip` is NULL). If none is idle, the new one goes.
/// The lock is held: a descriptor in the list is still ours.
static void evict_oldest_idle(struct http_server *s, const struct conn *fresh, const uint8_t *ip)
{
    const struct conn *oldest = NULL;
    for (struct conn *c = s->conns.next; c != &s->conns; c = c->next) {
        const int phase = atomic_load(&c->phase);
        if (phase != CONN_IDLE && phase != CONN_FRESH) continue;
        if (ip != NULL && memcmp(c->ip, ip, sizeof c->ip) != 0) continue;
        if (oldest == NULL || atomic_load(&c->since_ms) < atomic_load(&oldest->since_ms)) {
            oldest = c;
        }
    }
    (void)shutdown(oldest != NULL ? oldest->fd : fresh->fd, SHUT_RDWR);
}

/// Keeps the number of connections within bounds, in all and per address.
static void make_room(struct http_server *s, const struct conn *fresh)
{
    unsigned same = 0;
    for (const struct conn *c = s->conns.next; c != &s->conns; c = c->next) {
        same += memcmp(c->ip, fresh->ip, sizeof c->ip) == 0;
    }
    if (same >= s->options.max_connections_ip)
        evict_oldest_idle(s, fresh, fresh->ip);
    else if (s->conn_count >= s->options.max_connections)
        evict_oldest_idle(s, fresh, NULL);
}

static void peer_ip(uint8_t out[16], struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info == NULL ? NULL : info->client_addr;
    memset(out, 0, 16);
    if (a == NULL) return;
    if (a->sa_family == AF_INET) memcpy(out, &((const struct sockaddr_in *)a)->sin_addr, 4);
    if (a->sa_family == AF_INET6) memcpy(out, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct conn *c = calloc(1, sizeof *c);
        *socket_context = c;
        if (c == NULL) return;
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        c->fd = info->connect_fd;
        peer_ip(c->ip, mhd);
        conn_enter(c, CONN_FRESH);
        pthread_mutex_lock(&s->lock);
        make_room(s, c);
        c->next = s->conns.next;
        c->prev = &s->conns;
        c->next->prev = c;
        s->conns.next = c;
        s->conn_count++;
        pthread_mutex_unlock(&s->lock);
    } else {
        struct conn *c = *socket_context;
        if (c == NULL) return;
        pthread_mutex_lock(&s->lock);
        c->next->prev = c->prev;
        c->prev->next = c->next;
        s->conn_count--;
        pthread_mutex_unlock(&s->lock);
        free(c);
        *socket_context = NULL;
    }
}

static uint64_t phase_limit_ms(const struct http_server *s, enum conn_phase phase)
{
    switch (phase) {
    case CONN_FRESH:
    case CONN_HEADERS:
        return s->options.header_timeout_ms;
    case CONN_BODY:
        return s->options.body_timeout_ms;
    case CONN_RUNNING:
        return UINT64_MAX;
    case CONN_WRITING:
        return s->options.write_timeout_ms;
    case CONN_IDLE:
        return s->options.idle_timeout_ms;
    }
    unreachable("http: no such phase");
}

/// Closes what is too slow. The library's own timeout restarts with every byte, so a client
/// that sends one byte now and then would stay for ever.
static void *reaper_main(void *arg)
{
    struct http_server *s = arg;
    const uint32_t smallest = s->options.header_timeout_ms;
    const uint64_t pause_ms = smallest < 2000 ? smallest / 4 + 1 : 500;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        const uint64_t ns = (uint64_t)until.tv_nsec + pause_ms * 1000000;
        until.tv_sec += (time_t)(ns / 1000000000);
        until.tv_nsec = (long)(ns % 1000000000);
        (void)pthread_cond_timedwait(&s->reaper_wake, &s->lock, &until);
        const uint64_t now = now_ms();
        for (struct conn *c = s->conns.next; c != &s->conns; c = c->next) {
            const uint64_t limit = phase_limit_ms(s, (enum conn_phase)atomic_load(&c->phase));
            const uint64_t since = atomic_load(&c->since_ms);
            if (limit != UINT64_MAX && now > since && now - since > limit) {
                (void)shutdown(c->fd, SHUT_RDWR);
            }
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

// ---- answers ------------------------------------------------------------------------------

static void add_cors(struct MHD_Response *r, const struct request *q)
{
    if (q->server->options.origin_count > 0) MHD_add_response_header(r, "Vary", "Origin");
    if (q->origin == NULL) return;
    MHD_add_response_header(r, "Access-Control-Allow-Origin", q->origin);
    if (!q->options) return;
    MHD_add_response_header(r, "Access-Control-Allow-Methods", "POST, GET, OPTIONS");
    MHD_add_response_header(r, "Access-Control-Allow-Headers", "content-type, authorization");
    MHD_add_response_header(r, "Access-Control-Max-Age", "600");
}

/// A refusal of the door itself: one line of text. `close` when what follows on the
/// connection cannot be trusted to be a new request.
static enum MHD_Result refuse(struct request *q, unsigned status, const char *text, bool close)
{
    atomic_fetch_add(&q->server->refused, 1);
    q->answered = true;
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                             MHD_RESPMEM_MUST_COPY);
    if (r == NULL) return MHD_NO;
    MHD_add_response_header(r, "Content-Type", "text/plain; charset=utf-8");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(r, "Allow", "POST, GET, HEAD, OPTIONS");
    }
    if (close) MHD_add_response_header(r, "Connection", "close");
    add_cors(r, q);
    conn_enter(q->conn, CONN_WRITING);
    const enum MHD_Result ok = MHD_queue_response(q->mhd, status, r);
    MHD_destroy_response(r);
    return ok;
}

/// Memory of an answer on its way out: counted, so that clients that do not read cannot
/// fill the machine.
struct unsent {
    struct http_server *server;
    size_t bytes;
    uint8_t *data;
};

static void unsent_free(void *cls)
{
    struct unsent *u = cls;
    atomic_fetch_sub(&u->server->unsent, u->bytes);
    free(u->data);
    free(u);
}

static enum MHD_Result send_answer(struct request *q)
{
    struct http_server *s = q->server;
    struct http_exchange *x = &q->x;
    q->answered = true;
    if (x->out.full) {
        return refuse(q, MHD_HTTP_INTERNAL_SERVER_ERROR, "the answer is larger than 32 MiB\n",
                      true);
    }
    struct unsent *u = calloc(1, sizeof *u);
    if (u == NULL) return MHD_NO;
    const size_t held = x->out.cap;
    if (atomic_fetch_add(&s->unsent, held) + held > UNSENT_MAX) {
        atomic_fetch_sub(&s->unsent, held);
        free(u);
        return refuse(q, MHD_HTTP_SERVICE_UNAVAILABLE,
                      "too many answers wait for their readers; try again\n", true);
    }
    *u = (struct unsent){s, held, x->out.data};
    const size_t len = x->out.len;
    uint8_t *data = x->out.data;
    x->out.data = NULL; // the response owns it now
    x->out.len = x->out.cap = 0;

    static const char none[1] = "";
    struct MHD_Response *r = MHD_create_response_from_buffer_with_free_callback_cls(
        len, data != NULL ? (void *)data : (void *)(uintptr_t)none, unsent_free, u);
    if (r == NULL) {
        unsent_free(u);
        return MHD_NO;
    }
    if (x->content_type != NULL && len > 0) {
        MHD_add_response_header(r, "Content-Type", x->content_type);
    }
    if (x->method != HTTP_POST) {
        MHD_add_response_header(r, "Cache-Control", "no-store");
        MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    }
    add_cors(r, q);
    conn_enter(q->conn, CONN_WRITING);
    const enum MHD_Result ok = MHD_queue_response(q->mhd, x->status, r);
    MHD_destroy_response(r);
    return ok;
}

// ---- what a request must look like --------------------------------------------------------

struct headers {
    unsigned fields;
    size_t bytes;
    unsigned content_lengths;
    unsigned transfer_encodings;
    unsigned hosts;
    bool bad_name;
    const char *transfer_encoding;
    const char *content_length;
    const char *content_type;
    const char *host;
    const char *origin;
    const char *upgrade;
    const char *connection;
    const char *ws_version;
    const char *ws_key;
};

static enum MHD_Result look_at_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                      size_t key_len, const char *value, size_t value_len)
{
    (void)kind;
    struct headers *h = cls;
    h->fields++;
    h->bytes += key_len + value_len + 4;
    if (key_len == 0 || key[key_len - 1] == ' ' || key[key_len - 1] == '\t') h->bad_name = true;
    for (size_t i = 0; i < key_len; i++) {
        if (key[i] == ' ' || key[i] == '\t') h->bad_name = true;
    }
    if (value == NULL) value = "";
    if (strcasecmp(key, "content-length") == 0) {
        h->content_lengths++;
        h->content_length = value;
    } else if (strcasecmp(key, "transfer-encoding") == 0) {
        h->transfer_encodings++;
        h->transfer_encoding = value;
    } else if (strcasecmp(key, "content-type") == 0) {
        h->content_type = value;
    } else if (strcasecmp(key, "host") == 0) {
        h->hosts++;
        h->host = value;
    } else if (strcasecmp(key, "origin") == 0) {
        h->origin = value;
    } else if (strcasecmp(key, "upgrade") == 0) {
        h->upgrade = value;
    } else if (strcasecmp(key, "connection") == 0) {
        h->connection = value;
    } else if (strcasecmp(key, "sec-websocket-version") == 0) {
        h->ws_version = value;
    } else if (strcasecmp(key, "sec-websocket-key") == 0) {
        h->ws_key = value;
    }
    return MHD_YES;
}

/// DNS rebinding makes a foreign page speak to us under its own name: a Host that is not an
/// address, localhost or configured is refused.
static bool host_allowed(const struct http_options *o, const char *host)
{
    char name[256];
    const size_t len = strlen(host);
    if (len == 0 || len >= sizeof name) return false;
    memcpy(name, host, len + 1);

    unsigned char ip[16];
    if (name[0] == '[') {
        char *end = strchr(name, ']');
        if (end == NULL || (end[1] != 0 && end[1] != ':')) return false;
        *end = 0;
        return inet_pton(AF_INET6, name + 1, ip) == 1;
    }
    char *colon = strchr(name, ':');
    if (colon != NULL) *colon = 0;
    if (inet_pton(AF_INET, name, ip) == 1) return true;
    if (strcasecmp(name, "localhost") == 0) return true;
    for (size_t i = 0; i < o->vhost_count; i++) {
        if (strcmp(o->vhosts[i], "*") == 0 || strcasecmp(o->vhosts[i], name) == 0) return true;
    }
    return false;
}

static const char *origin_allowed(const struct http_options *o, const char *origin)
{
    if (origin == NULL) return NULL;
    for (size_t i = 0; i < o->origin_count; i++) {
        if (strcmp(o->origins[i], "*") == 0 || strcasecmp(o->origins[i], origin) == 0)
            return origin;
    }
    return NULL;
}

static bool is_json_type(const char *type)
{
    static const char json[] = "application/json";
    if (type == NULL || strncasecmp(type, json, sizeof json - 1) != 0) return false;
    const char after = type[sizeof json - 1];
    return after == 0 || after == ';' || after == ' ';
}

// ---- WebSocket ----------------------------------------------------------------------------

/// A comma-separated list has this word.
static bool has_word(const char *list, const char *word)
{
    const size_t len = strlen(word);
    while (list != NULL && *list != 0) {
        list += strspn(list, " \t,");
        const size_t n = strcspn(list, " \t,");
        if (n == len && strncasecmp(list, word, len) == 0) return true;
        list += n;
    }
    return false;
}

/// A page of this very server ("http://HOST"), or one that is listed.
static bool ws_origin_allowed(const struct request *q, const struct headers *h)
{
    if (h->origin == NULL || q->origin != NULL) return true; // not a page, or a listed one
    const char *slashes = strstr(h->origin, "://");
    return slashes != NULL && h->host != NULL && strcasecmp(slashes + 3, h->host) == 0;
}

/// 16 bytes in base64.
static bool is_ws_key(const char *key)
{
    return key != NULL && strlen(key) == 24 && key[22] == '=' && key[23] == '=' &&
           strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 22;
}

/// The first half of a handshake; the second is upgrade().
static enum MHD_Result check_upgrade(struct request *q, const struct headers *h)
{
    if (!ws_origin_allowed(q, h)) {
        return refuse(q, MHD_HTTP_FORBIDDEN,
                      "origin not allowed: start the node with --rpc-cors ORIGIN\n", true);
    }
    if (!has_word(h->connection, "upgrade") || !is_ws_key(h->ws_key)) {
        return refuse(q, MHD_HTTP_BAD_REQUEST, "not a WebSocket handshake\n", true);
    }
    if (h->ws_version == NULL || strcmp(h->ws_version, "13") != 0) {
        return refuse(q, MHD_HTTP_UPGRADE_REQUIRED, "Sec-WebSocket-Version must be 13\n", true);
    }
    q->upgrades = true;
    ws_accept_key(q->ws_accept, h->ws_key);
    conn_enter(q->conn, CONN_BODY);
    return MHD_YES;
}

static void on_ws_closed(void *urh)
{
    (void)MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CLOSE);
}

static void on_upgraded(void *cls, struct MHD_Connection *mhd, void *con_cls, const char *extra,
                        size_t extra_len, MHD_socket fd, struct MHD_UpgradeResponseHandle *urh)
{
    struct http_server *s = cls;
    struct conn *c = conn_of(mhd);
    (void)con_cls;
    if (c != NULL) conn_enter(c, CONN_RUNNING); // its own clock begins (http/websocket.h)
    (void)ws_hub_add(s->sockets, fd, bytes_make(extra, extra_len), on_ws_closed, urh);
}

static enum MHD_Result upgrade(struct request *q)
{
    q->answered = true;
    struct MHD_Response *r = MHD_create_response_for_upgrade(on_upgraded, q->server);
    if (r == NULL) return MHD_NO;
    MHD_add_response_header(r, "Upgrade", "websocket");
    MHD_add_response_header(r, "Sec-WebSocket-Accept", q->ws_accept);
    conn_enter(q->conn, CONN_WRITING);
    const enum MHD_Result ok = MHD_queue_response(q->mhd, MHD_HTTP_SWITCHING_PROTOCOLS, r);
    MHD_destroy_response(r);
    return ok;
}

/// First call for a request: its headers are complete, nothing of the body was read.
/// MHD_YES without an answer means go on.
static enum MHD_Result check_headers(struct request *q, const char *url, const char *method)
{
    const struct http_options *o = &q->server->options;
    struct headers h = {0};
    MHD_get_connection_values_n(q->mhd, MHD_HEADER_KIND, look_at_header, &h);
    q->origin = origin_allowed(o, h.origin);

    if (q->request_line > REQUEST_LINE_MAX) {
        return refuse(q, MHD_HTTP_URI_TOO_LONG, "request line longer than 8 KiB\n", true);
    }
    if (h.fields > HEADER_FIELDS_MAX || h.bytes > HEADER_BYTES_MAX) {
        return refuse(q, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
                      "more than 100 header fields or 16 KiB\n", true);
    }
    if (h.bad_name) return refuse(q, MHD_HTTP_BAD_REQUEST, "space in a header name\n", true);
    if (h.content_lengths > 1 || h.transfer_encodings > 1 ||
        (h.content_lengths > 0 && h.transfer_encodings > 0)) {
        return refuse(q, MHD_HTTP_BAD_REQUEST, "the body's length is given twice\n", true);
    }
    if (h.transfer_encodings > 0 && strcasecmp(h.transfer_encoding, "chunked") != 0) {
        return refuse(q, MHD_HTTP_BAD_REQUEST, "unknown transfer coding, want chunked\n", true);
    }
    if (h.hosts > 1) return refuse(q, MHD_HTTP_BAD_REQUEST, "two Host headers\n", true);
    if (h.host != NULL && !host_allowed(o, h.host)) {
        return refuse(q, MHD_HTTP_FORBIDDEN,
                      "host not allowed: start the node with --rpc-vhosts NAME\n", true);
    }

    if (strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0) {
        q->options = true;
    } else if (strcmp(method, MHD_HTTP_METHOD_POST) == 0) {
        q->x.method = HTTP_POST;
    } else if (strcmp(method, MHD_HTTP_METHOD_GET) == 0) {
        q->x.method = HTTP_GET;
    } else if (strcmp(method, MHD_HTTP_METHOD_HEAD) == 0) {
        q->x.method = HTTP_HEAD;
    } else {
        return refuse(q, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed\n", true);
    }
    const size_t url_len = strlen(url);
    if (url_len >= sizeof q->path) return refuse(q, MHD_HTTP_NOT_FOUND, "not found\n", true);
    memcpy(q->path, url, url_len + 1);

    if (q->x.method == HTTP_POST && !q->options && !is_json_type(h.content_type)) {
        return refuse(q, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json\n",
                      true);
    }
    if (h.content_length != NULL) {
        errno = 0;
        char *end = NULL;
        const unsigned long long len = strtoull(h.content_length, &end, 10);
        if (errno != 0 || end == h.content_length || *end != 0) {
            return refuse(q, MHD_HTTP_BAD_REQUEST, "Content-Length is not a number\n", true);
        }
        const size_t limit = q->x.method == HTTP_POST && !q->options ? o->max_body : 0;
        if (len > limit) {
            return refuse(q, MHD_HTTP_CONTENT_TOO_LARGE,
                          "body too large: see --rpc-max-body (5 MiB by default)\n", true);
        }
    }
    if (q->x.method == HTTP_GET && h.upgrade != NULL && strcasecmp(h.upgrade, "websocket") == 0) {
        return check_upgrade(q, &h);
    }
    conn_enter(q->conn, CONN_BODY);
    return MHD_YES;
}

/// A chunked body announces no length, and the library takes no answer in the middle of a
/// body: say 413 on the bare socket, then let it close.
static enum MHD_Result refuse_chunked_overflow(struct request *q)
{
    static const char text[] = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n"
                               "Connection: close\r\n\r\n";
    atomic_fetch_add(&q->server->refused, 1);
    (void)!send(q->conn->fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    return MHD_NO;
}

// ---- the life of a request ----------------------------------------------------------------

const char *http_query(const struct http_exchange *x, const char *name)
{
    const struct request *q = x->connection;
    return MHD_lookup_connection_value(q->mhd, MHD_GET_ARGUMENT_KIND, name);
}

static void resume(struct http_exchange *x)
{
    MHD_resume_connection(((struct request *)x->connection)->mhd);
}

static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct http_server *s = cls;
    struct request *q = calloc(1, sizeof *q);
    if (q == NULL) return NULL;
    q->server = s;
    q->mhd = mhd;
    q->conn = conn_of(mhd);
    q->request_line = strlen(uri);
    q->x.connection = q;
    q->x.answered = resume;
    q->x.path = q->path;
    q->x.status = MHD_HTTP_OK;
    q->x.content_type = "application/json";
    buf_init(&q->body, s->options.max_body);
    buf_init(&q->x.out, HTTP_ANSWER_MAX);
    if (q->conn != NULL) conn_enter(q->conn, CONN_HEADERS);
    return q;
}

static void finish(struct request *q)
{
    if (q->accepted && !q->finished) {
        q->finished = true;
        q->server->options.handler.done(q->server->options.handler.ctx, &q->x);
    }
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                         enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)mhd;
    (void)code;
    struct request *q = *con_cls;
    if (q == NULL) return;
    finish(q);
    if (q->conn != NULL) conn_enter(q->conn, CONN_IDLE);
    buf_deinit(&q->body);
    buf_deinit(&q->x.out);
    free(q);
    *con_cls = NULL;
}

static void run_in_lane(void *ctx, void *const *jobs, size_t count)
{
    struct http_server *s = ctx;
    struct http_exchange *x[LANE_TOGETHER_MAX] = {NULL};
    for (size_t i = 0; i < count; i++) x[i] = jobs[i];
    s->options.handler.run(s->options.handler.ctx, x, count);
    for (size_t i = 0; i < count; i++) x[i]->answered(x[i]);
}

/// The whole request is here.
static enum MHD_Result dispatch(struct request *q)
{
    struct http_server *s = q->server;
    const struct http_handler *h = &s->options.handler;
    atomic_fetch_add(&s->requests, 1);
    if (q->upgrades) return upgrade(q);
    if (q->options) {
        q->x.status = MHD_HTTP_NO_CONTENT;
        return send_answer(q);
    }
    q->x.body = buf_bytes(&q->body);
    q->accepted = true;
    const int lane = h->accept(h->ctx, &q->x);
    if (lane == HTTP_ANSWERED) return send_answer(q);

    check(lane >= 0 && (size_t)lane < s->options.lane_count);
    conn_enter(q->conn, CONN_RUNNING);
    q->answered = true; // by the time this connection is looked at again
    MHD_suspend_connection(q->mhd);
    if (!err_ok(lane_put(s->lanes[lane], &q->x))) {
        h->refuse(h->ctx, &q->x);
        MHD_resume_connection(q->mhd);
    }
    return MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_len, void **con_cls)
{
    (void)cls;
    (void)mhd;
    (void)version;
    struct request *q = *con_cls;
    if (q == NULL || q->conn == NULL) return MHD_NO;
    if (!q->checked) {
        q->checked = true;
        return check_headers(q, url, method);
    }
    if (*upload_len > 0) {
        if (q->x.method != HTTP_POST || q->options) return MHD_NO;
        if (*upload_len > q->server->options.max_body - q->body.len) {
            return refuse_chunked_overflow(q);
        }
        buf_put(&q->body, bytes_make(upload, *upload_len));
        if (q->body.full) return MHD_NO;
        *upload_len = 0;
        return MHD_YES;
    }
    return q->answered ? send_answer(q) : dispatch(q);
}

// ---- start and stop -----------------------------------------------------------------------

static void on_library_log(void *cls, const char *fmt, va_list args)
{
    (void)cls;
    (void)fmt;
    (void)args; // tells of clients' faults, one line each: their own answers say the same
}

static err_t parse_address(struct sockaddr_storage *out, const char *text, uint16_t port)
{
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return OK;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return OK;
    }
    return FAIL(INVALID, "the listen address must be a numeric IP address");
}

/// Our own listening socket: the library's would hide why it failed.
static err_t open_socket(int *out, uint16_t *port, const char *address, uint16_t wanted)
{
    struct sockaddr_storage a;
    TRY(parse_address(&a, address, wanted));
    const int fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return FAIL(IO, "a socket could not be made");
    const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    socklen_t len =
        a.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (bind(fd, (const struct sockaddr *)&a, len) != 0 || listen(fd, 512) != 0) {
        const int why = errno;
        close(fd);
        if (why == EADDRINUSE) return FAIL(BUSY, "the address is in use");
        if (why == EACCES) return FAIL(IO, "not allowed to listen on this port");
        return FAIL(IO, "cannot listen on this address");
    }
    len = sizeof a;
    (void)getsockname(fd, (struct sockaddr *)&a, &len);
    *port = ntohs(a.ss_family == AF_INET ? ((const struct sockaddr_in *)&a)->sin_port
                                         : ((const struct sockaddr_in6 *)&a)->sin6_port);
    *out = fd;
    return OK;
}

static err_t put_in_lane(void *ctx, int lane, struct http_exchange *x)
{
    struct http_server *s = ctx;
    return lane_put(s->lanes[lane], x);
}

static void default_u32(uint32_t *v, uint32_t otherwise)
{
    if (*v == 0) *v = otherwise;
}

err_t http_server_start(struct http_server **out, const struct http_options *options)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (s == NULL) return FAIL(FULL, "http: out of memory");
    s->options = *options;
    if (s->options.max_body == 0) s->options.max_body = (size_t)5 << 20;
    default_u32(&s->options.max_connections, 256);
    default_u32(&s->options.max_connections_ip, 64);
    default_u32(&s->options.header_timeout_ms, 10000);
    default_u32(&s->options.body_timeout_ms, 30000);
    default_u32(&s->options.write_timeout_ms, 30000);
    default_u32(&s->options.idle_timeout_ms, 60000);
    check(options->lane_count <= LANES_MAX);
    s->conns.next = s->conns.prev = &s->conns;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->reaper_wake, &attr);
    pthread_condattr_destroy(&attr);

    int fd = -1;
    err_t err = open_socket(&fd, &s->port, options->address, options->port);
    for (size_t i = 0; err_ok(err) && i < options->lane_count; i++) {
        const struct http_lane_options *o = &options->lanes[i];
        err = lane_new(&s->lanes[i], &(struct lane_options){o->threads, o->queue_max, o->together,
                                                            run_in_lane, s});
    }
    if (err_ok(err)) {
        const struct ws_options ws = {.handler = options->handler,
                                      .put = put_in_lane,
                                      .put_ctx = s,
                                      .max_message = s->options.max_body,
                                      .write_timeout_ms = s->options.write_timeout_ms};
        err = ws_hub_new(&s->sockets, &ws);
    }
    if (err_ok(err)) {
        const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                               MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG | MHD_USE_ITC;
        s->daemon = MHD_start_daemon(
            flags, 0, NULL, NULL, on_access, s, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, s,
            MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
            on_connection, s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
            // More than ours: one that must go is still there while the new one comes.
            MHD_OPTION_CONNECTION_LIMIT, s->options.max_connections + 64,
            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
        if (s->daemon == NULL) err = FAIL(IO, "http: the server could not be started");
    }
    if (err_ok(err) && pthread_create(&s->reaper, NULL, reaper_main, s) != 0) {
        err = FAIL(IO, "http: a thread could not be started");
    } else if (err_ok(err)) {
        s->reaper_started = true;
    }
    if (!err_ok(err)) {
        if (fd >= 0 && s->daemon == NULL) close(fd);
        http_server_stop(s);
        return err;
    }
    *out = s;
    return OK;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

void http_server_stats(struct http_server *s, struct http_stats *out)
{
    out->requests = atomic_load(&s->requests);
    out->refused = atomic_load(&s->refused);
    pthread_mutex_lock(&s->lock);
    out->connections = s->conn_count;
    pthread_mutex_unlock(&s->lock);
}

void http_server_stop(struct http_server *s)
{
    if (s == NULL) return;
    int fd = -1;
    if (s->daemon != NULL) fd = MHD_quiesce_daemon(s->daemon);
    // Requests in lanes hold suspended connections: they finish and resume first.
    for (size_t i = 0; i < LANES_MAX; i++) lane_stop(s->lanes[i]);
    ws_hub_stop(s->sockets); // gives its sockets back, which the library wants before it stops
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->reaper_wake);
    pthread_mutex_unlock(&s->lock);
    if (s->reaper_started) pthread_join(s->reaper, NULL);
    if (s->daemon != NULL) MHD_stop_daemon(s->daemon);
    if (fd >= 0) close(fd);
    ws_hub_free(s->sockets);
    for (size_t i = 0; i < LANES_MAX; i++) lane_free(s->lanes[i]);
    pthread_cond_destroy(&s->reaper_wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
