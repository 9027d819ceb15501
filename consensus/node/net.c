// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/net.h"

#include "chain/crypto/random.h"
#include "consensus/p2p/budget.h"
#include "consensus/p2p/ip_class.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

#define PENDING_MAX 64U
#define PENDING_OF_ADDRESS 8U
#define AGAIN_MS 30000U
#define ATTEMPTS 256U
#define LOCAL_MS 1000U ///< in which a local address may try so often
#define LOCAL_TRIES 50U
#define BACKLOG 64
#define READ_BYTES ((size_t)64 * 1024)
#define WRITE_BYTES ((size_t)128 * 1024) ///< encrypted ahead of the socket
#define WRITE_MS 20000U
#define UNHEARD_MS 6000U ///< written, and the other end's kernel has not said that it came
#define CALL_MS 3000U    ///< the kernel knocks at 0 and at 1 s
#define TICK_MS 500U
#define REST_MS 20U ///< until a guest who has had his share is looked at again

// What guests may cost, in bytes read or answered: one of them, and all together.
#define GUEST_BYTES_PER_S ((uint64_t)16 * 1024 * 1024)
#define GUESTS_BYTES_PER_S ((uint64_t)32 * 1024 * 1024)
#define GUEST_BURST_S 4U

struct conn {
    struct net *net;
    struct conn *next;
    struct conn *previous;
    uint64_t id;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_getaddrinfo_t resolve;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct buf out; ///< being written
    uint64_t write_since_ms;
    struct session *session; ///< NULL while a call is under way
    struct enode whom;       ///< of a call
    struct sockaddr_storage from;
    char address[64];
    void *slot;
    uint64_t closed_at_ms;
    uint64_t called_at_ms; ///< when connecting began; 0: not yet
    bool we_called;
    bool resolving;
    bool writing;
    bool open;           ///< past Hello
    bool told;           ///< the handler has heard of it and not yet of its end
    bool ended;          ///< its end has been said to whom it concerns
    bool goodbye;        ///< the peer is told why it ends
    bool half;           ///< and all of that is written
    bool closing;        ///< the socket is on its way out
    bool guest;          ///< held to a share of this node's time
    bool resting;        ///< not read at the moment
    struct budget share; ///< of a guest
};

struct attempt {
    struct sockaddr_storage from;
    uint64_t at_ms;
};

struct net {
    uv_loop_t *uv;
    struct net_options options;
    uv_tcp_t listener;
    uv_timer_t tick;
    uv_idle_t turn;  ///< runs while somebody rests until the others have had theirs
    uv_timer_t rest; ///< runs while guests have had more than their share
    struct budget guests;
    bool listening;
    bool stopping;
    uint16_t port;
    struct conn *lines;
    uint64_t next_id;
    struct attempts {
        struct attempt of[ATTEMPTS]; ///< a ring
        size_t next;
    } far, local; ///< from beyond the local networks, and from there
    uint8_t read[READ_BYTES];
};

static uint64_t now_ms(const struct net *net)
{
    return net->options.handlers.now_ms(net->options.handlers.ctx);
}

/// --- addresses ---

static void address_text(char out[64], const struct sockaddr_storage *from)
{
    char host[48] = "?";
    unsigned port = 0;
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        (void)uv_ip4_name(in, host, sizeof host);
        port = ntohs(in->sin_port);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)from;
        (void)uv_ip6_name(in, host, sizeof host);
        port = ntohs(in->sin6_port);
    }
    (void)snprintf(out, 64, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
}

/// The IPv4 address in an IPv6 one that only wraps it; false if there is none.
static bool v4_of(const struct sockaddr_storage *a, uint8_t out[4])
{
    if (a->ss_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)a)->sin_addr, 4);
        return true;
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
    if (a->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(v6)) return false;
    memcpy(out, v6->s6_addr + 12, 4);
    return true;
}

static bool is_local(const struct sockaddr_storage *a)
{
    uint8_t b[4];
    if (v4_of(a, b)) return ip_is_local(b, sizeof b);
    return ip_is_local(((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr, 16);
}

/// One address; beyond the local networks one /64 of IPv6, all of which one customer has.
static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    uint8_t x[4];
    uint8_t y[4];
    if (v4_of(a, x)) return v4_of(b, y) && memcmp(x, y, sizeof x) == 0;
    const size_t len = is_local(a) ? sizeof(struct in6_addr) : 8;
    return a->ss_family == AF_INET6 && b->ss_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, len) == 0;
}

/// At most `tries` of one address in so long.
static bool may_try_again(struct attempts *all, const struct sockaddr_storage *from, uint64_t now,
                          uint64_t within_ms, size_t tries)
{
    size_t count = 0;
    for (size_t i = 0; i < ATTEMPTS; i++) {
        const struct attempt *a = &all->of[i];
        count += a->at_ms != 0 && now - a->at_ms < within_ms && same_host(&a->from, from);
    }
    if (count >= tries) return false;
    all->of[all->next] = (struct attempt){*from, now};
    all->next = (all->next + 1) % ATTEMPTS;
    return true;
}

/// May this address try now? Counts the attempt.
static bool may_try(struct net *net, const struct sockaddr_storage *from)
{
    size_t pending = 0;
    size_t of_address = 0;
    for (const struct conn *c = net->lines; c != NULL; c = c->next) {
        if (c->open || c->we_called) continue;
        pending++;
        of_address += same_host(&c->from, from);
    }
    if (pending >= PENDING_MAX || of_address >= PENDING_OF_ADDRESS) return false;
    // A handshake costs as much as ten signatures.
    if (is_local(from)) return may_try_again(&net->local, from, now_ms(net), LOCAL_MS, LOCAL_TRIES);
    return may_try_again(&net->far, from, now_ms(net), AGAIN_MS, 1);
}

void conn_may_return(struct conn *c)
{
    for (size_t i = 0; i < ATTEMPTS; i++) {
        struct attempt *a = &c->net->far.of[i];
        if (a->at_ms != 0 && same_host(&a->from, &c->from)) a->at_ms = 0;
    }
}

/// --- the end of a line ---

static void on_closed(uv_handle_t *h)
{
    struct conn *c = h->data;
    if (c->next != NULL) c->next->previous = c->previous;
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        c->net->lines = c->next;
    session_free(c->session);
    buf_deinit(&c->out);
    free(c);
}

static void cut(struct conn *c)
{
    if (c->closing || c->resolving) return; // a name being looked up ends in on_resolved
    c->closing = true;
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void not_reached(struct conn *c, const char *why)
{
    const struct net_handlers *h = &c->net->options.handlers;
    if (!c->closing && !c->net->stopping) h->not_reached(h->ctx, &c->whom, why);
    cut(c);
}

static void on_end(struct conn *c, const struct session_event *ev)
{
    const struct net_handlers *h = &c->net->options.handlers;
    c->ended = true;
    c->closed_at_ms = now_ms(c->net);
    c->goodbye = !ev->closed.by_peer && session_has_output(c->session);
    if (c->told) {
        c->told = false;
        h->closed(h->ctx, c, ev->closed.reason, ev->closed.by_peer, ev->closed.why);
    } else if (c->we_called) {
        h->not_reached(h->ctx, &c->whom, ev->closed.why);
    } else if (session_proved(c->session) && !ev->closed.by_peer &&
               ev->closed.reason == P2P_BREACH) {
        h->breach(h->ctx, session_peer(c->session));
    }
}

/// --- from session to socket ---

static void pump(struct conn *c);
static void tell(struct conn *c);

/// The socket is of no use any more: says so to the handler, then cuts.
static void lose(struct conn *c, const char *why)
{
    session_close(c->session, P2P_TCP_ERROR, why);
    tell(c);
    cut(c);
}

static void on_written(uv_write_t *w, int status)
{
    struct conn *c = w->data;
    c->writing = false;
    if (c->closing) return;
    if (status != 0)
        lose(c, "connection lost");
    else
        pump(c);
}

static void on_half(uv_shutdown_t *rq, int status)
{
    struct conn *c = rq->data;
    if (status != 0) cut(c);
}

/// All is said. What the peer goes on sending is read and dropped until it hangs up too, or its time
/// is over (tick_line): a socket that is closed on unread bytes takes back the reason.
static void hang_up(struct conn *c)
{
    if (!c->goodbye) {
        cut(c);
        return;
    }
    if (c->half) return;
    c->half = true;
    c->shutdown.data = c;
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_half) != 0) cut(c);
}

/// Writes what waits; a session that has ended is cut once it has said so and its end is told.
/// Tells nothing itself, for the handler may be in the middle of sending: the tick does.
static void pump(struct conn *c)
{
    if (c->closing || c->writing || c->session == NULL) return;
    if (c->out.cap > 8 * WRITE_BYTES) buf_deinit(&c->out);
    buf_clear(&c->out);
    session_output(c->session, &c->out, WRITE_BYTES);
    if (c->out.len == 0) {
        if (session_ended(c->session) && c->ended) hang_up(c);
        return;
    }
    uv_buf_t b = uv_buf_init((char *)c->out.data, (unsigned)c->out.len);
    c->write.data = c;
    c->writing = true;
    c->write_since_ms = now_ms(c->net);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, on_written) != 0) {
        c->writing = false;
        session_close(c->session, P2P_TCP_ERROR, "connection lost");
    }
}

/// --- from socket to session ---

static void on_key(struct conn *c)
{
    const struct net_handlers *h = &c->net->options.handlers;
    enum p2p_reason why = P2P_TOO_MANY;
    if (h->would_admit(h->ctx, c, &why))
        session_accept(c->session);
    else
        session_close(c->session, why, p2p_reason_text(why));
}

static void on_open(struct conn *c)
{
    const struct net_handlers *h = &c->net->options.handlers;
    enum p2p_reason why = P2P_TOO_MANY;
    c->told = h->admit(h->ctx, c, &why);
    if (!c->told) {
        session_close(c->session, why, p2p_reason_text(why));
        return;
    }
    c->open = true;
    h->open(h->ctx, c);
}

static void tell(struct conn *c)
{
    const struct net_handlers *h = &c->net->options.handlers;
    struct session_event ev;
    while (!c->closing && session_next(c->session, &ev)) {
        switch (ev.kind) {
        case SESSION_EV_KEY:
            on_key(c);
            break;
        case SESSION_EV_OPEN:
            on_open(c);
            break;
        case SESSION_EV_MESSAGE:
            h->message(h->ctx, c, ev.message.protocol, ev.message.code, ev.message.payload);
            break;
        case SESSION_EV_CLOSED:
            on_end(c, &ev);
            break;
        }
    }
    pump(c);
}

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct conn *c = h->data;
    (void)suggested;
    *out = uv_buf_init((char *)c->net->read, READ_BYTES); // one line is read at a time
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *b);
static void on_rest(uv_timer_t *t);

/// Has this line, or have all guests together, had their share?
static bool has_had_enough(struct conn *c)
{
    const uint64_t now = now_ms(c->net);
    return c->guest && (budget_look(&c->share, now) < 0 || budget_look(&c->net->guests, now) < 0);
}

/// Reads on from those who have waited for their turn, or whose share is not used up any more.
static void wake_lines(struct net *net)
{
    bool any = false;
    for (struct conn *c = net->lines; c != NULL; c = c->next) {
        if (!c->resting || c->closing) continue;
        if (has_had_enough(c)) {
            any = true;
            continue;
        }
        c->resting = false;
        if (uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read) != 0) cut(c);
    }
    if (any) (void)uv_timer_start(&net->rest, on_rest, REST_MS, 0);
}

static void on_rest(uv_timer_t *t)
{
    wake_lines(t->data);
}

static void on_turn(uv_idle_t *i)
{
    (void)uv_idle_stop(i);
    wake_lines(i->data);
}

/// Who sends faster than he is read waits until the others, the timers and the threads have had
/// their turn: the socket would be read on otherwise, some megabytes at a time.
static void rest(struct conn *c)
{
    c->resting = true;
    (void)uv_read_stop((uv_stream_t *)&c->tcp);
    (void)uv_idle_start(&c->net->turn, on_turn);
}

void conn_charge(struct conn *c, size_t bytes)
{
    if (!c->guest) return;
    budget_spend(&c->share, bytes);
    budget_spend(&c->net->guests, bytes);
}

void conn_set_guest(struct conn *c, bool guest)
{
    if (guest && !c->guest)
        c->share =
            budget_full(GUEST_BYTES_PER_S, GUEST_BURST_S * GUEST_BYTES_PER_S, now_ms(c->net));
    c->guest = guest;
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *b)
{
    struct conn *c = stream->data;
    if (len > 0) {
        conn_charge(c, (size_t)len);
        session_receive(c->session, bytes_make(b->base, (size_t)len), now_ms(c->net));
        tell(c);
        if (!c->closing && ((size_t)len == READ_BYTES || has_had_enough(c))) rest(c);
    } else if (len < 0) {
        lose(c, "connection lost");
    }
}

/// --- lines begin ---

static struct conn *conn_new(struct net *net)
{
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->net = net;
    c->id = ++net->next_id;
    buf_init(&c->out, WRITE_BYTES + (size_t)17 * 1024 * 1024); // and the frame that passes it
    check(uv_tcp_init(net->uv, &c->tcp) == 0);
    c->tcp.data = c;
    c->next = net->lines;
    if (c->next != NULL) c->next->previous = c;
    net->lines = c;
    return c;
}

/// Has the kernel end a connection into the void soon, for a new one gets through at once where the
/// old one's next attempt may be half a minute away.
static void give_up_early(struct conn *c)
{
    const unsigned unheard_ms = UNHEARD_MS;
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0) return;
    // Without it the pings find out, later.
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof unheard_ms);
}

static bool start_session(struct conn *c)
{
    struct rlpx_seed seed;
    err_t err = secp_keygen(&seed.ephemeral);
    if (err_ok(err)) err = secp_keygen(&seed.ecies);
    if (err_ok(err)) err = random_bytes(seed.nonce, sizeof seed.nonce);
    if (err_ok(err)) err = random_bytes(seed.iv, sizeof seed.iv);
    if (err_ok(err)) err = random_bytes(&seed.padding, sizeof seed.padding);
    const struct session_options o = {.key = c->net->options.key,
                                      .remote = c->we_called ? &c->whom.id : NULL,
                                      .seed = &seed,
                                      .client_id = c->net->options.client_id,
                                      .listen_port = c->net->port,
                                      .now_ms = now_ms(c->net)};
    if (err_ok(err)) err = session_new(&c->session, &o);
    secret_wipe(&seed, sizeof seed);
    if (!err_ok(err)) return false;
    (void)uv_tcp_nodelay(&c->tcp, 1);
    give_up_early(c);
    return uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read) == 0;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct net *net = listener->data;
    struct conn *c = status == 0 && !net->stopping ? conn_new(net) : NULL;
    if (c == NULL) return;
    int len = sizeof c->from;
    const bool ok = uv_accept(listener, (uv_stream_t *)&c->tcp) == 0 &&
                    uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&c->from, &len) == 0;
    address_text(c->address, &c->from);
    c->open = true; // not to be counted against itself
    const bool welcome = ok && may_try(net, &c->from);
    c->open = false;
    if (!welcome || !start_session(c)) cut(c);
}

static void on_connected(uv_connect_t *rq, int status)
{
    struct conn *c = rq->data;
    if (c->closing) return;
    if (status != 0) {
        not_reached(c, uv_strerror(status));
        return;
    }
    if (!start_session(c)) {
        not_reached(c, "no session could be started");
        return;
    }
    pump(c);
}

static void connect_to(struct conn *c, const struct sockaddr *to)
{
    memcpy(&c->from, to,
           to->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    address_text(c->address, &c->from);
    c->connect.data = c;
    c->called_at_ms = now_ms(c->net);
    const int status = uv_tcp_connect(&c->connect, &c->tcp, to, on_connected);
    if (status != 0) not_reached(c, uv_strerror(status));
}

static void on_resolved(uv_getaddrinfo_t *rq, int status, struct addrinfo *found)
{
    struct conn *c = rq->data;
    c->resolving = false;
    if (c->net->stopping)
        cut(c);
    else if (status != 0)
        not_reached(c, uv_strerror(status));
    else
        connect_to(c, found->ai_addr);
    uv_freeaddrinfo(found);
}

void net_call(struct net *net, const struct enode *whom)
{
    struct conn *c = conn_new(net);
    if (c == NULL) return;
    c->we_called = true;
    c->whom = *whom;
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)whom->tcp);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct sockaddr_storage to;
    if (uv_ip4_addr(whom->host, whom->tcp, (struct sockaddr_in *)&to) == 0 ||
        uv_ip6_addr(whom->host, whom->tcp, (struct sockaddr_in6 *)&to) == 0) {
        connect_to(c, (const struct sockaddr *)&to);
        return;
    }
    c->resolve.data = c;
    c->resolving = true;
    const int status = uv_getaddrinfo(net->uv, &c->resolve, on_resolved, whom->host, port, &hints);
    if (status == 0) return;
    c->resolving = false;
    not_reached(c, uv_strerror(status));
}

/// --- time ---

static void tick_line(struct conn *c, uint64_t now)
{
    if (c->closing) return;
    if (c->session == NULL) { // the kernel would go on trying for minutes
        if (c->called_at_ms != 0 && now - c->called_at_ms > CALL_MS) not_reached(c, "no answer");
        return;
    }
    session_tick(c->session, now);
    tell(c);
    const bool stuck = c->writing && now - c->write_since_ms > WRITE_MS;
    const bool late = session_ended(c->session) && now - c->closed_at_ms > SESSION_GOODBYE_MS;
    if (!stuck && !late) return;
    lose(c, "it does not read what it is sent");
}

static void on_tick(uv_timer_t *t)
{
    struct net *net = t->data;
    const uint64_t now = now_ms(net);
    struct conn *next = NULL;
    for (struct conn *c = net->lines; c != NULL; c = next) {
        next = c->next; // lines leave the list in on_closed only, later
        tick_line(c, now);
    }
}

/// --- life ---

err_t net_new(struct net **out, uv_loop_t *uv, const struct net_options *options)
{
    struct net *net = calloc(1, sizeof *net);
    if (net == NULL) return FAIL(FULL, "net: no memory");
    net->uv = uv;
    net->options = *options;
    check(uv_tcp_init(uv, &net->listener) == 0);
    check(uv_timer_init(uv, &net->tick) == 0);
    check(uv_timer_init(uv, &net->rest) == 0);
    check(uv_idle_init(uv, &net->turn) == 0);
    net->listener.data = net->tick.data = net->rest.data = net->turn.data = net;
    net->guests = budget_full(GUESTS_BYTES_PER_S, GUEST_BURST_S * GUESTS_BYTES_PER_S, now_ms(net));
    check(uv_timer_start(&net->tick, on_tick, TICK_MS, TICK_MS) == 0);
    *out = net;
    return OK;
}

err_t net_listen(struct net *net, const char *host, uint16_t port)
{
    struct sockaddr_storage at;
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&at) != 0 &&
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&at) != 0)
        return FAIL(INVALID, "net: the address to listen on is no IP address");
    int status = uv_tcp_bind(&net->listener, (const struct sockaddr *)&at, 0);
    if (status == 0) status = uv_listen((uv_stream_t *)&net->listener, BACKLOG, on_connection);
    if (status == UV_EADDRINUSE) return FAIL(BUSY, "net: the port is taken");
    if (status != 0) return FAIL(IO, "net: cannot listen on that address");
    int len = sizeof at;
    check(uv_tcp_getsockname(&net->listener, (struct sockaddr *)&at, &len) == 0);
    net->port = ntohs(at.ss_family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port
                                              : ((struct sockaddr_in6 *)&at)->sin6_port);
    net->listening = true;
    return OK;
}

uint16_t net_port(const struct net *net)
{
    return net->port;
}

void net_stop(struct net *net)
{
    if (net->stopping) return;
    net->stopping = true;
    uv_close((uv_handle_t *)&net->listener, NULL);
    uv_close((uv_handle_t *)&net->tick, NULL);
    uv_close((uv_handle_t *)&net->rest, NULL);
    uv_close((uv_handle_t *)&net->turn, NULL);
    for (struct conn *c = net->lines; c != NULL; c = c->next) {
        if (c->resolving) (void)uv_cancel((uv_req_t *)&c->resolve);
        if (c->told) {
            const struct net_handlers *h = &net->options.handlers;
            c->told = false;
            h->closed(h->ctx, c, P2P_QUITTING, false, "this node is quitting");
        }
        if (c->session != NULL && !c->closing) {
            session_close(c->session, P2P_QUITTING, "this node is quitting");
            buf_clear(&c->out);
            session_output(c->session, &c->out, WRITE_BYTES);
            uv_buf_t b = uv_buf_init((char *)c->out.data, (unsigned)c->out.len);
            if (!c->writing) (void)uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
        }
        cut(c);
    }
}

void net_free(struct net *net)
{
    if (net == NULL) return;
    check(net->stopping && net->lines == NULL);
    free(net);
}

/// --- lines ---

uint64_t conn_id(const struct conn *c)
{
    return c->id;
}

bool conn_we_called(const struct conn *c)
{
    return c->we_called;
}

const secp_pubkey_t *conn_key(const struct conn *c)
{
    return c->we_called ? &c->whom.id : session_peer(c->session);
}

const char *conn_address(const struct conn *c)
{
    return c->address;
}

struct session *conn_session(const struct conn *c)
{
    return c->session;
}

void **conn_slot(struct conn *c)
{
    return &c->slot;
}

struct conn *net_find(const struct net *net, uint64_t id)
{
    for (struct conn *c = net->lines; c != NULL; c = c->next) {
        if (c->id == id && c->open && c->told) return c;
    }
    return NULL;
}

struct conn *net_next(const struct net *net, const struct conn *after)
{
    struct conn *c = after == NULL ? net->lines : after->next;
    while (c != NULL && !(c->open && c->told)) c = c->next;
    return c;
}

void conn_send_packet(struct conn *c, enum p2p_protocol protocol, unsigned code,
                      struct p2p_packet *packet, enum p2p_urgency urgency)
{
    const err_t err = session_send(c->session, protocol, code, packet, urgency);
    if (err_ok(err) || session_ended(c->session)) pump(c); // else: left out, as announced
}

void conn_send(struct conn *c, enum p2p_protocol protocol, unsigned code, bytes_t payload,
               enum p2p_urgency urgency)
{
    struct p2p_packet *packet = p2p_packet_new(payload);
    if (packet == NULL) return;
    conn_send_packet(c, protocol, code, packet, urgency);
    p2p_packet_free(packet);
}

void conn_close(struct conn *c, enum p2p_reason reason, const char *why)
{
    session_close(c->session, reason, why);
    struct session_event ev;
    while (session_next(c->session, &ev)) {
        if (ev.kind == SESSION_EV_CLOSED) on_end(c, &ev);
    }
    pump(c);
}
