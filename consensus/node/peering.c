// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/peering.h"

#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "chain/crypto/random.h"
#include "consensus/node/executor.h"
#include "consensus/node/loop.h"
#include "consensus/node/peering_impl.h"
#include "consensus/qbft/justification.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK_MS 500U
#define CLERK_JOBS 256U
#define INTAKE_JOBS 1024U
#define DEFAULT_PEERS 50U

static uint64_t clock_ms(void *ctx)
{
    (void)ctx;
    return steady_clock_ms();
}

/// For packets of discovery, which name the time of day until which they hold.
static uint64_t day_clock_ms(void *ctx)
{
    const struct peering *p = ctx;
    return loop_now_ms(p->node->loop);
}

uint64_t peering_now(const struct peering *p)
{
    (void)p;
    return steady_clock_ms();
}

struct peer *peering_next(struct peering *p, const struct peer *after)
{
    struct conn *c = net_next(p->net, after == NULL ? NULL : after->conn);
    while (c != NULL && (peer_of(c) == NULL || !peer_of(c)->has_status)) c = net_next(p->net, c);
    return c == NULL ? NULL : peer_of(c);
}

struct peer *peering_find(struct peering *p, uint64_t conn)
{
    struct conn *c = net_find(p->net, conn);
    struct peer *peer = c == NULL ? NULL : peer_of(c);
    return peer != NULL && peer->has_status ? peer : NULL;
}

/// --- for readers on other threads ---

static void show_peer(const struct peering *p, struct node_peer *out, const struct peer *peer)
{
    const struct session *s = conn_session(peer->conn);
    *out = (struct node_peer){.id = *conn_key(peer->conn),
                              .address = peer->address,
                              .inbound = !conn_we_called(peer->conn),
                              .is_static = peers_is_static(p->peers, conn_key(peer->conn)),
                              .eth = peer->eth,
                              .istanbul = session_speaks(s, P2P_ISTANBUL),
                              .head_number = peer->height,
                              .since_ms = peer->since_ms};
    (void)snprintf(out->remote, sizeof out->remote, "%s", conn_address(peer->conn));
    (void)snprintf(out->client, sizeof out->client, "%s", session_client(s));
    out->is_validator = peer->is_validator;
}

static void show(struct peering *p)
{
    struct node_peer all[SHOWN_PEERS];
    size_t count = 0;
    struct sync_view view;
    for (struct peer *q = peering_next(p, NULL); q != NULL && count < SHOWN_PEERS;
         q = peering_next(p, q))
        show_peer(p, &all[count++], q);
    sync_look(p->sync, &view);
    pthread_mutex_lock(&p->show_lock);
    memcpy(p->shown, all, count * sizeof *all);
    p->shown_count = count;
    p->shown_sync = view;
    pthread_mutex_unlock(&p->show_lock);
}

size_t peering_list(struct peering *p, struct node_peer *out, size_t room)
{
    pthread_mutex_lock(&p->show_lock);
    const size_t count = p->shown_count < room ? p->shown_count : room;
    memcpy(out, p->shown, count * sizeof *out);
    pthread_mutex_unlock(&p->show_lock);
    return count;
}

void peering_sync_view(struct peering *p, struct sync_view *out)
{
    pthread_mutex_lock(&p->show_lock);
    *out = p->shown_sync;
    pthread_mutex_unlock(&p->show_lock);
}

uint16_t peering_port(const struct peering *p)
{
    return net_port(p->net);
}

/// --- sync ---

static void ask_headers(struct peer *peer, const struct sync_effect *e)
{
    struct buf b;
    buf_init(&b, 256);
    eth_get_headers_encode(
        &b, &(struct eth_get_headers){.id = e->id, .number = e->from, .limit = e->count});
    conn_send(peer->conn, P2P_ETH, ETH_GET_BLOCK_HEADERS, buf_bytes(&b), P2P_ANSWER);
    buf_deinit(&b);
}

static void ask_bodies(struct peer *peer, const struct sync_effect *e)
{
    struct buf b;
    buf_init(&b, 64 + e->count * 33);
    eth_get_encode(&b, e->id, e->hashes, e->count);
    conn_send(peer->conn, P2P_ETH, ETH_GET_BLOCK_BODIES, buf_bytes(&b), P2P_ANSWER);
    buf_deinit(&b);
}

void peering_breach(struct peer *peer, const char *why)
{
    LOG_WRN("p2p", "peer breaks a rule", "peer=%s why=%s", conn_address(peer->conn), why);
    conn_close(peer->conn, P2P_BREACH, why);
}

void peering_useless(struct peering *p, struct peer *peer, int points, const char *why)
{
    LOG_DBG("p2p", "useless answer", "peer=%s why=%s", conn_address(peer->conn), why);
    if (!peers_take_points(p->peers, conn_key(peer->conn), points, peering_now(p)))
        conn_close(peer->conn, P2P_USELESS, why);
}

static void do_effect(struct peering *p, const struct sync_effect *e)
{
    struct peer *peer = peering_find(p, e->peer);
    if (e->kind == SYNC_FX_IMPORT) executor_import(p->node->executor, e->number, e->blocks);
    if (peer == NULL) return;
    switch (e->kind) {
    case SYNC_FX_GET_HEADERS:
        ask_headers(peer, e);
        return;
    case SYNC_FX_GET_BODIES:
        ask_bodies(peer, e);
        return;
    case SYNC_FX_IMPORT:
        return;
    case SYNC_FX_BLAME:
        peering_breach(peer, e->why);
        return;
    case SYNC_FX_USELESS:
        peering_useless(p, peer, PEERS_USELESS_COSTS, e->why);
        return;
    case SYNC_FX_SILENT:
        peering_useless(p, peer, PEERS_SILENT_COSTS, e->why);
        return;
    }
    unreachable("sync effect");
}

static void sync_once(struct peering *p, struct sync_event *ev)
{
    struct sync_effects fx = {p->effects, 0, ARRAY_LEN(p->effects)};
    ev->now_ms = peering_now(p);
    sync_step(p->sync, &fx, ev);
    for (size_t i = 0; i < fx.count; i++) do_effect(p, &fx.items[i]);
}

/// Effects may end lines, which sync hears of only after all effects are done: they point into its
/// memory.
void peering_sync(struct peering *p, struct sync_event *ev)
{
    check(!p->in_sync);
    if (p->stopping) return;
    p->in_sync = true;
    sync_once(p, ev);
    while (p->gone_count != 0) {
        struct sync_event gone = {.kind = SYNC_EV_GONE, .peer = p->gone[--p->gone_count]};
        sync_once(p, &gone);
    }
    p->in_sync = false;
}

/// Sync hears of it with the next event, which the tick brings at the latest.
static void tell_sync_gone(struct peering *p, uint64_t id)
{
    check(p->gone_count < GONE_PEERS);
    p->gone[p->gone_count++] = id;
    if (p->in_sync || p->stopping) return;
    struct sync_event ev = {.kind = SYNC_EV_TICK};
    peering_sync(p, &ev);
}

static void tell_sync_height(struct peering *p, const struct peer *peer, uint64_t height)
{
    const bool preferred = peer->is_validator || peers_is_static(p->peers, conn_key(peer->conn));
    struct sync_event ev = {
        .kind = SYNC_EV_PEER, .peer = peer->id, .height = height, .preferred = preferred};
    peering_sync(p, &ev);
}

void peering_claims(struct peering *p, uint64_t conn, uint64_t height)
{
    struct peer *peer = peering_find(p, conn);
    if (peer == NULL) return;
    if (height > peer->height) peer->height = height;
    tell_sync_height(p, peer, height);
}

void peering_import_done(struct peering *p, uint64_t number, enum sync_verdict verdict)
{
    struct sync_event ev = {.kind = SYNC_EV_IMPORT_DONE, .done = {number, verdict}};
    peering_sync(p, &ev);
}

/// --- lines begin and end ---

static bool on_would_admit(void *ctx, struct conn *c, enum p2p_reason *why)
{
    const struct peering *p = ctx;
    *why = P2P_QUITTING;
    return !p->stopping &&
           peers_would_take(p->peers, conn_key(c), conn_we_called(c), peering_now(p), why);
}

static void on_breach(void *ctx, const secp_pubkey_t *who)
{
    const struct peering *p = ctx;
    peers_ban(p->peers, who, peering_now(p));
}

/// Whom consensus needs is never kept waiting for strangers.
static void look_who_it_is(const struct peering *p, struct peer *peer)
{
    peer->is_validator =
        address_index(p->validators, p->validator_count, &peer->address) != SIZE_MAX;
    conn_set_guest(peer->conn,
                   !peer->is_validator && !peers_is_static(p->peers, conn_key(peer->conn)));
}

static bool on_admit(void *ctx, struct conn *c, enum p2p_reason *why)
{
    struct peering *p = ctx;
    bool other_goes;
    const secp_pubkey_t *key = conn_key(c);
    if (p->stopping ||
        !peers_on_line(p->peers, key, conn_we_called(c), peering_now(p), why, &other_goes))
        return false;
    if (peers_is_expected(p->peers, key)) conn_may_return(c);
    if (!other_goes) return true;
    struct conn *next = NULL;
    for (struct conn *old = net_next(p->net, NULL); old != NULL; old = next) {
        next = net_next(p->net, old);
        if (old != c && memcmp(conn_key(old), key, sizeof *key) == 0)
            conn_close(old, P2P_ALREADY, "another line to the same node");
    }
    return true;
}

static void send_status(struct peering *p, struct peer *peer)
{
    const struct node *n = p->node;
    struct eth_status s = {
        .network_id = n->genesis.config.chain_id,
        .genesis = n->genesis_hash,
        .fork = fork_id_at(&p->forks, &n->genesis_hash, p->head_number, p->head_time_s),
        .total_difficulty = n->genesis.header.difficulty,
        .head = p->head_hash,
        .earliest = n->oldest,
        .latest = p->head_number};
    const u256_t blocks = u256_from_u64(p->head_number); // one each
    (void)u256_add(&s.total_difficulty, &s.total_difficulty, &blocks);
    struct buf b;
    buf_init(&b, 1024);
    eth_status_encode(&b, peer->eth, &s);
    conn_send(peer->conn, P2P_ETH, ETH_STATUS, buf_bytes(&b), P2P_URGENT);
    buf_deinit(&b);
}

static void on_open(void *ctx, struct conn *c)
{
    struct peering *p = ctx;
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        conn_close(c, P2P_TOO_MANY, "no memory");
        return;
    }
    peer->conn = c;
    peer->id = conn_id(c);
    peer->address = secp_address(conn_key(c));
    peer->eth = session_speaks(conn_session(c), P2P_ETH);
    peer->since_ms = peering_now(p);
    peer->requests = budget_full(REQUESTS_PER_S, REQUESTS_BURST, peer->since_ms);
    peer->strange = budget_full(STRANGE_PER_S, STRANGE_BURST, peer->since_ms);
    peer->doubtful = budget_full(DOUBTFUL_PER_S, DOUBTFUL_BURST, peer->since_ms);
    map_init(&peer->known_txs, sizeof(hash_t), 1, KNOWN_TXS, peer->id);
    *conn_slot(c) = peer;
    look_who_it_is(p, peer);
    send_status(p, peer);
}

static enum peers_end end_of(enum p2p_reason reason, bool by_peer)
{
    if (!by_peer && (reason == P2P_BREACH || reason == P2P_SUBPROTOCOL)) return PEERS_END_BREACH;
    const bool lost =
        reason == P2P_TCP_ERROR || reason == P2P_PING_TIMEOUT || reason == P2P_QUITTING;
    return lost ? PEERS_END_LOST : PEERS_END_TOLD;
}

static void on_closed(void *ctx, struct conn *c, enum p2p_reason reason, bool by_peer,
                      const char *why)
{
    struct peering *p = ctx;
    struct peer *peer = peer_of(c);
    peers_off_line(p->peers, conn_key(c), true, end_of(reason, by_peer), peering_now(p));
    if (peer == NULL) return;
    count_one(&p->node->counters.p2p_disconnects[by_peer]);
    if (peer->has_status)
        LOG_INF("p2p", "peer gone", "peer=%s address=%s by=%s why=%s", conn_address(c),
                hex_address(&peer->address).s, by_peer ? "peer" : "us", why);
    else if (reason == P2P_ALREADY) // both had called at once
        LOG_DBG("p2p", "second line closed", "peer=%s", conn_address(c));
    else
        LOG_WRN("p2p", "peer refused", "peer=%s client=%s by=%s why=%s", conn_address(c),
                session_client(conn_session(c)), by_peer ? "peer" : "us", why);
    const bool known_to_sync = peer->has_status;
    const uint64_t id = peer->id;
    *conn_slot(c) = NULL;
    map_deinit(&peer->known_txs);
    free(peer->later);
    free(peer);
    if (known_to_sync) tell_sync_gone(p, id);
}

static void on_not_reached(void *ctx, const struct enode *whom, const char *why)
{
    struct peering *p = ctx;
    LOG_DBG("p2p", "cannot be reached", "host=%s port=%u why=%s", whom->host, (unsigned)whom->tcp,
            why);
    peers_off_line(p->peers, &whom->id, false, PEERS_END_LOST, peering_now(p));
}

/// --- status ---

static const char *check_status(const struct peering *p, const struct eth_status *s)
{
    const struct node *n = p->node;
    if (s->network_id != n->genesis.config.chain_id) return "another network id";
    if (!hash_eq(&s->genesis, &n->genesis_hash)) return "another genesis";
    const err_t err =
        fork_id_check(&p->forks, &n->genesis_hash, p->head_number, p->head_time_s, &s->fork);
    return err_ok(err) ? NULL : err.why;
}

/// The number of a head that a Status names: before eth/69 only its difficulty tells.
static uint64_t height_of(const struct peering *p, unsigned version, const struct eth_status *s)
{
    if (version >= ETH_WITH_RANGES) return s->latest;
    u256_t height;
    if (u256_sub(&height, &s->total_difficulty, &p->node->genesis.header.difficulty) ||
        !u256_fits_u64(&height))
        return 0;
    return height.limb[0];
}

static void on_status(struct peering *p, struct peer *peer, bytes_t payload)
{
    struct eth_status s;
    const err_t err = eth_status_decode(&s, peer->eth, payload);
    if (!err_ok(err)) {
        peering_breach(peer, err.why);
        return;
    }
    const char *why = check_status(p, &s);
    if (why != NULL) {
        conn_close(peer->conn, P2P_SUBPROTOCOL, why);
        return;
    }
    peer->has_status = true;
    peer->height = height_of(p, peer->eth, &s);
    LOG_INF("p2p", "peer", "peer=%s address=%s client=%s eth=%u istanbul=%u height=%" PRIu64,
            conn_address(peer->conn), hex_address(&peer->address).s,
            session_client(conn_session(peer->conn)), peer->eth,
            session_speaks(conn_session(peer->conn), P2P_ISTANBUL), peer->height);
    gossip_greet(p, peer);
    for (size_t i = 0; i < p->said_count && i < SAID_MESSAGES; i++)
        conn_send(peer->conn, P2P_ISTANBUL, p->said[i].code, buf_bytes(&p->said[i].wire),
                  P2P_URGENT);
    show(p);
    tell_sync_height(p, peer, peer->height);
}

bool peering_connected(struct peering *p, const address_t *who)
{
    for (struct peer *q = peering_next(p, NULL); q != NULL; q = peering_next(p, q)) {
        if (address_eq(&q->address, who)) return true;
    }
    return false;
}

void peering_blame(struct peering *p, uint64_t conn, const char *why)
{
    struct peer *peer = peering_find(p, conn);
    if (peer != NULL) peering_useless(p, peer, PEERS_USELESS_COSTS, why);
}

void peering_blame_author(struct peering *p, uint64_t conn, const address_t *author,
                          const char *why)
{
    struct peer *peer = peering_find(p, conn);
    if (peer != NULL && address_eq(&peer->address, author))
        peering_useless(p, peer, PEERS_USELESS_COSTS, why);
}

/// --- messages ---

static void on_message(void *ctx, struct conn *c, enum p2p_protocol protocol, unsigned code,
                       bytes_t payload)
{
    struct peering *p = ctx;
    struct peer *peer = peer_of(c);
    if (peer == NULL || p->stopping) return;
    count_one(&p->node->counters.p2p_messages[protocol == P2P_ISTANBUL]);
    if (protocol == P2P_ISTANBUL) {
        if (peer->has_status) peering_on_istanbul(p, peer, code, payload);
        return; // before Status nobody knows of which chain it is
    }
    if (!peer->has_status && code == ETH_STATUS)
        on_status(p, peer, payload);
    else if (!peer->has_status)
        peering_breach(peer, "something before Status");
    else if (code == ETH_STATUS)
        peering_breach(peer, "a second Status");
    else
        peering_on_eth(p, peer, code, payload);
}

void peering_change(struct peering *p, const struct enode *whom, bool add)
{
    if (add) {
        const err_t err = peers_add_static(p->peers, whom, peering_now(p));
        if (!err_ok(err)) LOG_WRN("p2p", "peer not added", "why=%s", err_text(err));
        return; // the tick calls it
    }
    (void)peers_remove_static(p->peers, &whom->id);
    struct peer *next = NULL;
    for (struct peer *q = peering_next(p, NULL); q != NULL; q = next) {
        next = peering_next(p, q);
        if (memcmp(conn_key(q->conn), &whom->id, sizeof whom->id) == 0)
            conn_close(q->conn, P2P_REQUESTED, "removed by the operator");
    }
}

void peering_allow(struct peering *p, const secp_pubkey_t *ids, size_t count, bool all)
{
    const err_t err = peers_set_allowed(p->peers, ids, count, all);
    if (!err_ok(err)) LOG_WRN("p2p", "allow list not taken", "why=%s", err_text(err));
    struct peer *next = NULL;
    for (struct peer *q = peering_next(p, NULL); q != NULL; q = next) {
        next = peering_next(p, q);
        if (!peers_allowed(p->peers, conn_key(q->conn)))
            conn_close(q->conn, P2P_REQUESTED, "not on the allow list");
    }
}

/// --- heads and time ---

static void ask_all(struct peering *p)
{
    struct peer *next = NULL;
    for (struct peer *q = peering_next(p, NULL); q != NULL; q = next) {
        next = peering_next(p, q); // asking may end the line
        peering_ask_txs(p, q);
    }
}

void peering_on_head(struct peering *p, const struct qbft_head *head)
{
    // Several blocks may have come together.
    const bool new_range = head->number / RANGE_EVERY != p->head_number / RANGE_EVERY;
    p->head_number = head->number;
    p->head_hash = head->hash;
    p->head_time_s = head->timestamp_s;
    p->said_count = 0;
    peers_set_validators(p->peers, head->validators, head->validator_count);
    p->validator_count = head->validator_count;
    memcpy(p->validators, head->validators, head->validator_count * sizeof *p->validators);
    for (struct conn *c = net_next(p->net, NULL); c != NULL; c = net_next(p->net, c)) {
        if (peer_of(c) != NULL) look_who_it_is(p, peer_of(c));
    }
    if (p->discovery != NULL) discovery_on_head(p->discovery, head->number, head->timestamp_s);
    struct sync_event ev = {.kind = SYNC_EV_HEAD, .head = {head->number, head->hash}};
    peering_sync(p, &ev);
    struct sync_view view;
    sync_look(p->sync, &view);
    // What came too early to be kept is repeated word for word, and must be new then.
    if (view.syncing) map_clear(&p->seen);
    if (view.syncing != p->shown_sync.syncing) show(p);
    if (head->number != 0) gossip_block(p, head->number, &head->hash, view.syncing);
    if (new_range) gossip_range(p, head->number, &head->hash);
    ask_all(p); // the pool has room again
}

static void on_tick(uv_timer_t *t)
{
    struct peering *p = t->data;
    struct enode whom;
    if (p->stopping) return;
    while (peers_next_call(p->peers, &whom, peering_now(p))) net_call(p->net, &whom);
    ask_all(p); // what was not answered in time makes room
    gossip_again(p);
    struct sync_event ev = {.kind = SYNC_EV_TICK};
    peering_sync(p, &ev);
    show(p);
}

/// --- discovery ---

static void on_found(void *ctx, const struct enode *node)
{
    const struct peering *p = ctx;
    peers_add_found(p->peers, node, peering_now(p)); // the tick calls it
}

static bool on_allowed(void *ctx, const secp_pubkey_t *id)
{
    const struct peering *p = ctx;
    return peers_allowed(p->peers, id);
}

void peering_discovery(const struct peering *p, struct node_discovery *out)
{
    struct discovery_view v;
    *out = (struct node_discovery){.on = p->discovery != NULL};
    if (!out->on) return;
    discovery_look(p->discovery, &v);
    out->port = discovery_port(p->discovery);
    _Static_assert(sizeof out->record == ENR_TEXT_MAX, "a record's text fits");
    memcpy(out->record, v.record, sizeof v.record);
    out->nodes = v.stats.nodes;
    out->live = v.stats.live;
    out->candidates = v.stats.candidates;
    out->received = v.stats.received;
    out->limited = v.stats.limited;
    out->refused = v.stats.refused;
    out->sent = v.stats.sent;
}

static err_t add_bootnodes(struct peering *p, struct node_detail *detail)
{
    const struct node_p2p_options *o = &p->node->options.p2p;
    const secp_pubkey_t *self = &p->node->self_key;
    for (size_t i = 0; i < o->bootnode_count; i++) {
        struct enode node;
        err_t err = enode_parse(&node, bytes_of_str(o->bootnodes[i]));
        const bool is_self = err_ok(err) && memcmp(node.id.b, self->b, sizeof self->b) == 0;
        if (is_self) continue; // one list serves all nodes
        if (err_ok(err)) err = discovery_add_bootnode(p->discovery, &node);
        if (err_ok(err)) continue;
        (void)snprintf(detail->text, sizeof detail->text,
                       "bootnode %zu is %.150s: %s\nhint: enode://<128 hex digits>@<host>:<port>",
                       i + 1, o->bootnodes[i], err_text(err));
        return err;
    }
    return OK;
}

static err_t open_discovery(struct peering *p, uv_loop_t *uv, struct node_detail *detail)
{
    const struct node *n = p->node;
    const struct node_p2p_options *o = &n->options.p2p;
    const char *host = o->listen_host != NULL ? o->listen_host : "0.0.0.0";
    const struct discovery_options options = {.key = n->options.key,
                                              .advertise_host = o->advertise_host,
                                              .forks = p->forks,
                                              .genesis = n->genesis_hash,
                                              .found = on_found,
                                              .allowed = on_allowed,
                                              .now_ms = day_clock_ms,
                                              .ctx = p};
    const err_t err =
        discovery_new(&p->discovery, uv, &options, host, net_port(p->net), o->listen_port == 0);
    if (err_ok(err)) return add_bootnodes(p, detail);
    (void)snprintf(
        detail->text, sizeof detail->text,
        "cannot look for nodes on %s:%u (UDP): %s\nhint: choose another --p2p-listen, or "
        "--discovery off",
        host, (unsigned)net_port(p->net), err_text(err));
    return err.kind == ERR_BUSY ? FAIL(INVALID, "discovery: the UDP port is taken") : err;
}

/// --- life ---

static err_t add_static_nodes(struct peering *p, struct node_detail *detail)
{
    const struct node_p2p_options *o = &p->node->options.p2p;
    for (size_t i = 0; i < o->static_node_count; i++) {
        struct enode node;
        err_t err = enode_parse(&node, bytes_of_str(o->static_nodes[i]));
        if (err_ok(err)) err = peers_add_static(p->peers, &node, 0);
        const secp_pubkey_t *self = &p->node->self_key;
        if (err.kind == ERR_INVALID && memcmp(node.id.b, self->b, sizeof self->b) == 0)
            continue; // one list serves all nodes
        if (err_ok(err)) continue;
        (void)snprintf(
            detail->text, sizeof detail->text,
            "static node %zu is %.150s: %s\nhint: enode://<128 hex digits>@<host>:<port>", i + 1,
            o->static_nodes[i], err_text(err));
        return err;
    }
    return OK;
}

static err_t open_port(struct peering *p, struct node_detail *detail)
{
    const struct node_p2p_options *o = &p->node->options.p2p;
    const char *host = o->listen_host != NULL ? o->listen_host : "0.0.0.0";
    const err_t err = net_listen(p->net, host, o->listen_port);
    if (err_ok(err)) return OK;
    (void)snprintf(detail->text, sizeof detail->text,
                   "cannot listen for peers on %s:%u: %s\nhint: choose another --p2p-listen", host,
                   (unsigned)o->listen_port, err_text(err));
    return err.kind == ERR_BUSY ? FAIL(INVALID, "net: the port is taken") : err;
}

static err_t make_parts(struct peering *p, uv_loop_t *uv)
{
    const struct node *n = p->node;
    const struct peers_options known = {
        .self = n->self_key,
        .max_peers = n->options.p2p.max_peers != 0 ? n->options.p2p.max_peers : DEFAULT_PEERS};
    const struct net_options net = {.key = n->options.key,
                                    .client_id = n->options.p2p.client_id,
                                    .handlers = {.would_admit = on_would_admit,
                                                 .admit = on_admit,
                                                 .breach = on_breach,
                                                 .open = on_open,
                                                 .message = on_message,
                                                 .closed = on_closed,
                                                 .not_reached = on_not_reached,
                                                 .now_ms = clock_ms,
                                                 .ctx = p}};
    TRY(peers_new(&p->peers, &known));
    TRY(sync_new(&p->sync));
    TRY(net_new(&p->net, uv, &net));
    TRY(desk_new(&p->verifier, VERIFIER_JOBS));
    TRY(desk_new(&p->intake, INTAKE_JOBS));
    return desk_new(&p->clerk, CLERK_JOBS);
}

err_t peering_new(struct peering **out, struct node *n, uv_loop_t *uv, struct node_detail *detail)
{
    struct peering *p = calloc(1, sizeof *p);
    if (p == NULL) return FAIL(FULL, "peering: no memory");
    *out = p;
    p->node = n;
    p->forks = fork_list_of(&n->genesis.config, n->genesis.header.timestamp_s);
    // As the store has it: a peer may be there before the loop is told of the first head.
    p->head_number = n->status.head_number;
    p->head_hash = n->status.head_hash;
    p->head_time_s = n->status.head_timestamp_s;
    pthread_mutex_init(&p->show_lock, NULL);
    uint64_t seed;
    TRY(random_bytes(&seed, sizeof seed));
    map_init(&p->seen, sizeof(hash_t), 1, SEEN_MESSAGES, seed);
    map_init(&p->wanted, sizeof(hash_t), sizeof(struct wanted), WANTED_TXS, seed);
    for (size_t i = 0; i < SAID_MESSAGES; i++) buf_init(&p->said[i].wire, SESSION_MESSAGE_MAX);
    check(uv_timer_init(uv, &p->tick) == 0);
    p->tick.data = p;
    TRY(make_parts(p, uv));
    TRY(add_static_nodes(p, detail));
    TRY(open_port(p, detail));
    if (n->options.p2p.discovery) TRY(open_discovery(p, uv, detail));
    check(uv_timer_start(&p->tick, on_tick, 0, TICK_MS) == 0);
    return OK;
}

void peering_stop(struct peering *p)
{
    if (p->stopping) return;
    p->stopping = true;
    uv_close((uv_handle_t *)&p->tick, NULL);
    if (p->net != NULL) net_stop(p->net);
    if (p->discovery != NULL) discovery_stop(p->discovery);
    desk_free(p->verifier);
    desk_free(p->clerk);
    desk_free(p->intake);
    p->verifier = p->clerk = p->intake = NULL;
}

void peering_free(struct peering *p)
{
    if (p == NULL) return;
    discovery_free(p->discovery);
    net_free(p->net);
    sync_free(p->sync);
    peers_free(p->peers);
    map_deinit(&p->seen);
    map_deinit(&p->wanted);
    for (size_t i = 0; i < SAID_MESSAGES; i++) buf_deinit(&p->said[i].wire);
    pthread_mutex_destroy(&p->show_lock);
    free(p);
}
