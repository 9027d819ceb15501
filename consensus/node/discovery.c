// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/discovery.h"

#include "chain/base/log.h"
#include "chain/crypto/random.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK_MS 100U
#define PACKETS_OF_TICK 500U ///< read between two ticks; the kernel drops what comes faster
#define TICKS_AT_ONCE 32U    ///< rounds of the state machine in one tick
#define RESOLVE_MS 60000U
#define SHOW_MS 1000U

/// A host that is an address, or a name that is looked up again and again.
struct host {
    struct discovery *discovery;
    struct enode node; ///< of a bootnode; the host alone for what we advertise
    bool is_self;
    bool resolving;
    uint64_t resolve_at_ms; ///< UINT64_MAX: an address
    uv_getaddrinfo_t request;
};

struct discovery {
    uv_loop_t *uv;
    struct discovery_options options;
    struct discv4 *core;
    struct discv4_effects fx;
    uv_udp_t socket;
    uv_timer_t tick;
    bool is_v6; ///< the socket; an IPv4 address is wrapped to be sent to
    bool stopping;
    bool resting; ///< nothing is read until the next tick
    unsigned packets;
    uint16_t port;
    struct host hosts[DISCV4_BOOTNODES + 1];
    size_t host_count;
    uint64_t show_at_ms;
    uint8_t read[DISCV4_PACKET_MAX + 1]; ///< one more: what is too long is seen to be

    pthread_mutex_t lock;
    struct discovery_view view; ///< lock
};

static uint64_t now_ms(const struct discovery *d)
{
    return d->options.now_ms(d->options.ctx);
}

/// --- addresses ---

static bool endpoint_of(struct discv4_endpoint *out, const struct sockaddr *from)
{
    memset(out, 0, sizeof *out);
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        memcpy(out->ip, &in->sin_addr, 4);
        out->ip_len = 4;
        out->udp = ntohs(in->sin_port);
        return true;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
    if (from->sa_family != AF_INET6) return false;
    const bool wrapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
    out->ip_len = wrapped ? 4 : 16;
    memcpy(out->ip, in6->sin6_addr.s6_addr + (wrapped ? 12 : 0), out->ip_len);
    out->udp = ntohs(in6->sin6_port);
    return true;
}

/// @return false if this socket does not get there
static bool address_of(struct sockaddr_storage *out, const struct discovery *d,
                       const struct discv4_endpoint *to)
{
    memset(out, 0, sizeof *out);
    if (!d->is_v6) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(to->udp);
        memcpy(&in->sin_addr, to->ip, 4);
        return to->ip_len == 4;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(to->udp);
    if (to->ip_len == 4) memset(in6->sin6_addr.s6_addr + 10, 0xff, 2);
    memcpy(in6->sin6_addr.s6_addr + 16 - to->ip_len, to->ip, to->ip_len);
    return true;
}

static void enode_of(struct enode *out, const struct discv4_node *n)
{
    memset(out, 0, sizeof *out);
    out->id = n->id;
    out->tcp = n->at.tcp;
    out->udp = n->at.udp;
    check(uv_inet_ntop(n->at.ip_len == 4 ? AF_INET : AF_INET6, n->at.ip, out->host,
                       sizeof out->host) == 0);
}

/// --- effects ---

static void send_packet(struct discovery *d, struct discv4_effect *e)
{
    struct sockaddr_storage to;
    if (!address_of(&to, d, &e->node.at)) return;
    const uv_buf_t b = uv_buf_init((char *)e->bytes, (unsigned)e->len);
    // A datagram that the kernel does not take is lost, as any may be.
    const int sent = uv_udp_try_send(&d->socket, &b, 1, (const struct sockaddr *)&to);
    if (sent < 0) LOG_DBG("p2p", "datagram not sent", "why=%s", uv_strerror(sent));
}

static void act(struct discovery *d)
{
    for (size_t i = 0; i < d->fx.count; i++) {
        struct discv4_effect *e = &d->fx.items[i];
        struct enode node;
        switch (e->kind) {
        case DISCV4_FX_SEND:
            send_packet(d, e);
            break;
        case DISCV4_FX_FOUND:
            enode_of(&node, &e->node);
            d->options.found(d->options.ctx, &node);
            break;
        }
    }
}

/// --- packets ---

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct discovery *d = h->data;
    (void)suggested;
    *out = uv_buf_init((char *)d->read, sizeof d->read);
}

static void on_packet(uv_udp_t *socket, ssize_t len, const uv_buf_t *b, const struct sockaddr *from,
                      unsigned flags)
{
    struct discovery *d = socket->data;
    struct discv4_endpoint at;
    (void)flags;
    if (len <= 0 || from == NULL || d->stopping || !endpoint_of(&at, from)) return;
    discv4_receive(d->core, &d->fx, &at, bytes_make(b->base, (size_t)len), now_ms(d));
    act(d);
    if (++d->packets < PACKETS_OF_TICK) return;
    d->resting = uv_udp_recv_stop(&d->socket) == 0;
}

static void read_on(struct discovery *d)
{
    d->packets = 0;
    if (!d->resting) return;
    d->resting = uv_udp_recv_start(&d->socket, on_room, on_packet) != 0;
}

/// --- names ---

static void take_address(struct host *h, const struct discv4_endpoint *at)
{
    struct discovery *d = h->discovery;
    if (h->is_self) {
        discv4_set_ip(d->core, at->ip, at->ip_len, now_ms(d));
        return;
    }
    struct discv4_node n = {*at, h->node.id};
    n.at.udp = h->node.udp;
    n.at.tcp = h->node.tcp;
    const err_t err = discv4_add_bootnode(d->core, &n);
    if (!err_ok(err)) LOG_WRN("p2p", "bootnode left out", "why=%s", err_text(err));
}

static void on_resolved(uv_getaddrinfo_t *rq, int status, struct addrinfo *found)
{
    struct host *h = rq->data;
    struct discv4_endpoint at;
    h->resolving = false;
    if (h->discovery->stopping) {
        uv_freeaddrinfo(found);
        return;
    }
    if (status != 0)
        LOG_DBG("p2p", "name not found", "host=%s why=%s", h->node.host, uv_strerror(status));
    else if (endpoint_of(&at, found->ai_addr))
        take_address(h, &at);
    uv_freeaddrinfo(found);
}

static void resolve(struct host *h, uint64_t now)
{
    const struct discovery *d = h->discovery;
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM,
                                   .ai_family = d->is_v6 ? AF_UNSPEC : AF_INET};
    h->resolve_at_ms = now + RESOLVE_MS;
    h->request.data = h;
    h->resolving = uv_getaddrinfo(d->uv, &h->request, on_resolved, h->node.host, NULL, &hints) == 0;
}

/// A host's address: at once if it is one, else as soon as its name is found.
static err_t add_host(struct discovery *d, const struct enode *node, bool is_self)
{
    if (d->host_count == ARRAY_LEN(d->hosts)) return FAIL(FULL, "discovery: 32 bootnodes already");
    struct host *h = &d->hosts[d->host_count++];
    struct discv4_endpoint at = {.ip_len = 4};
    h->discovery = d;
    h->node = *node;
    h->is_self = is_self;
    h->resolve_at_ms = UINT64_MAX;
    if (uv_inet_pton(AF_INET, node->host, at.ip) != 0) {
        at.ip_len = 16;
        if (uv_inet_pton(AF_INET6, node->host, at.ip) != 0) {
            h->resolve_at_ms = 0; // the tick does it
            return OK;
        }
    }
    take_address(h, &at);
    return OK;
}

err_t discovery_add_bootnode(struct discovery *d, const struct enode *node)
{
    if (node->udp == 0) return FAIL(INVALID, "discovery: a bootnode without a UDP port");
    return add_host(d, node, false);
}

/// --- time ---

static void show(struct discovery *d)
{
    pthread_mutex_lock(&d->lock);
    enr_print(d->view.record, discv4_record(d->core));
    discv4_count(d->core, &d->view.stats);
    pthread_mutex_unlock(&d->lock);
}

static void on_tick(uv_timer_t *t)
{
    struct discovery *d = t->data;
    const uint64_t now = now_ms(d);
    if (d->stopping) return;
    read_on(d);
    for (size_t i = 0; i < d->host_count; i++) {
        struct host *h = &d->hosts[i];
        if (!h->resolving && now >= h->resolve_at_ms) resolve(h, now);
    }
    for (size_t i = 0; i < TICKS_AT_ONCE && now >= discv4_deadline(d->core); i++) {
        discv4_tick(d->core, &d->fx, now);
        act(d);
    }
    if (now < d->show_at_ms) return;
    d->show_at_ms = now + SHOW_MS;
    show(d);
}

void discovery_on_head(struct discovery *d, uint64_t number, uint64_t time_s)
{
    discv4_set_head(d->core, number, time_s, now_ms(d));
}

uint16_t discovery_port(const struct discovery *d)
{
    return d->port;
}

void discovery_look(struct discovery *d, struct discovery_view *out)
{
    pthread_mutex_lock(&d->lock);
    *out = d->view;
    pthread_mutex_unlock(&d->lock);
}

/// --- life ---

static err_t open_socket(struct discovery *d, const char *host, uint16_t port, bool any)
{
    struct sockaddr_storage at;
    int len = sizeof at;
    memset(&at, 0, sizeof at);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&at) != 0 &&
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&at) != 0)
        return FAIL(INVALID, "discovery: the address to listen on is no IP address");
    d->is_v6 = at.ss_family == AF_INET6;
    int status = uv_udp_bind(&d->socket, (const struct sockaddr *)&at, 0);
    if (status == UV_EADDRINUSE && any) {
        if (d->is_v6)
            ((struct sockaddr_in6 *)&at)->sin6_port = 0;
        else
            ((struct sockaddr_in *)&at)->sin_port = 0;
        status = uv_udp_bind(&d->socket, (const struct sockaddr *)&at, 0);
    }
    if (status == UV_EADDRINUSE) return FAIL(BUSY, "discovery: the UDP port is taken");
    if (status == 0) status = uv_udp_recv_start(&d->socket, on_room, on_packet);
    if (status != 0) return FAIL(IO, "discovery: cannot listen on that address");
    check(uv_udp_getsockname(&d->socket, (struct sockaddr *)&at, &len) == 0);
    d->port = ntohs(d->is_v6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                             : ((struct sockaddr_in *)&at)->sin_port);
    return OK;
}

static bool allowed(void *ctx, const secp_pubkey_t *id)
{
    const struct discovery *d = ctx;
    return d->options.allowed(d->options.ctx, id);
}

static err_t open_core(struct discovery *d, const char *host, uint16_t tcp)
{
    struct discv4_options o = {.key = d->options.key,
                               .forks = d->options.forks,
                               .genesis = d->options.genesis,
                               .now_ms = now_ms(d),
                               .allowed = allowed,
                               .ctx = d};
    TRY(random_bytes(o.seed, sizeof o.seed));
    o.at.tcp = tcp;
    o.at.udp = d->port;
    // One address that we listen on is ours; of "anywhere" others know better.
    const bool anywhere = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    if (!anywhere) {
        o.at.ip_len = d->is_v6 ? 16 : 4;
        check(uv_inet_pton(d->is_v6 ? AF_INET6 : AF_INET, host, o.at.ip) == 0);
    }
    TRY(discv4_new(&d->core, &o));
    if (d->options.advertise_host == NULL) return OK;
    struct enode self = {.tcp = tcp};
    (void)snprintf(self.host, sizeof self.host, "%s", d->options.advertise_host);
    return add_host(d, &self, true);
}

err_t discovery_new(struct discovery **out, uv_loop_t *uv, const struct discovery_options *options,
                    const char *host, uint16_t port, bool any)
{
    struct discovery *d = calloc(1, sizeof *d);
    if (d == NULL) return FAIL(FULL, "discovery: no memory");
    *out = d;
    d->uv = uv;
    d->options = *options;
    pthread_mutex_init(&d->lock, NULL);
    check(uv_udp_init(uv, &d->socket) == 0);
    check(uv_timer_init(uv, &d->tick) == 0);
    d->socket.data = d;
    d->tick.data = d;
    TRY(open_socket(d, host, port, any));
    TRY(open_core(d, host, port));
    show(d);
    check(uv_timer_start(&d->tick, on_tick, 0, TICK_MS) == 0);
    return OK;
}

void discovery_stop(struct discovery *d)
{
    if (d->stopping) return;
    d->stopping = true;
    uv_close((uv_handle_t *)&d->socket, NULL);
    uv_close((uv_handle_t *)&d->tick, NULL);
    for (size_t i = 0; i < d->host_count; i++) {
        if (d->hosts[i].resolving) (void)uv_cancel((uv_req_t *)&d->hosts[i].request);
    }
}

void discovery_free(struct discovery *d)
{
    if (d == NULL) return;
    check(d->stopping);
    discv4_free(d->core);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
