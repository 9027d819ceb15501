// SPDX-License-Identifier: Apache-2.0
/// The eth protocol's messages, once Status has been exchanged: requests go to the clerk, answers
/// to sync, transactions to the pool.

#include "chain/base/log.h"
#include "consensus/node/loop.h"
#include "consensus/node/peering_impl.h"
#include "consensus/node/serve.h"
#include "consensus/node/submit.h"

#include <stdlib.h>

#define ANSWER_BYTES ((size_t)12 * 1024 * 1024)
#define BLOCK_HASHES 256U
#define QUESTION_BYTES ((size_t)256 * 1024)   ///< no request needs more
#define LINE_BYTES ((size_t)12 * 1024 * 1024) ///< of one peer's transactions on the desk
#define INTAKE_BYTES ((size_t)64 * 1024 * 1024)
#define DELIVERIES 128U       ///< of one peer on the desk
#define TXS_AT_ONCE 256U      ///< recovered before it is known whether they were worth it
#define DOUBTFUL_COSTS 16384U ///< bytes that could be read in the time of one recovery
#define LOOK_AT_ONCE 1024U    ///< announced transactions that are looked at for one more request

/// --- requests ---

struct request {
    struct task task;
    struct peering *peering;
    uint64_t conn;
    unsigned version;
    unsigned code;
    unsigned answer_code;
    err_t err;
    struct buf question;
    struct buf answer;
};

static void request_free(struct task *t)
{
    struct request *r = (struct request *)t;
    buf_deinit(&r->question);
    buf_deinit(&r->answer);
    free(r);
}

/// On the loop.
static void answered(struct task *t)
{
    struct request *r = (struct request *)t;
    struct peer *peer = peering_find(r->peering, r->conn);
    if (peer != NULL) {
        peer->in_hand--;
        conn_charge(peer->conn, r->answer.len);
        if (err_ok(r->err))
            conn_send(peer->conn, P2P_ETH, r->answer_code, buf_bytes(&r->answer), P2P_ANSWER);
        else if (r->err.kind == ERR_MALFORMED || r->err.kind == ERR_LIMIT)
            peering_breach(peer, r->err.why);
        else
            LOG_WRN("p2p", "a peer's request could not be answered", "what=%s why=%s",
                    eth_code_name(r->code), err_text(r->err));
    }
    request_free(t);
}

/// On the clerk's desk.
static void answer(struct task *t)
{
    struct request *r = (struct request *)t;
    r->err = serve(&r->answer, &r->answer_code, r->peering->node, r->version, r->code,
                   buf_bytes(&r->question));
    t->run = answered;
    loop_post_task(r->peering->node->loop, t);
}

static void on_request(struct peering *p, struct peer *peer, unsigned code, bytes_t payload)
{
    if (budget_take(&peer->requests, 1, peering_now(p)) == 0) {
        peering_useless(p, peer, PEERS_USELESS_COSTS, "more requests than are answered");
        return;
    }
    if (payload.len > QUESTION_BYTES) {
        peering_breach(peer, "a request that is too long");
        return;
    }
    // Not its fault: after a stall many may come at once. It asks again, or somebody else.
    if (peer->in_hand == REQUESTS_IN_HAND) return;
    struct request *r = calloc(1, sizeof *r);
    if (r == NULL) return;
    *r = (struct request){.task = {answer, request_free},
                          .peering = p,
                          .conn = peer->id,
                          .version = peer->eth,
                          .code = code};
    buf_init(&r->question, payload.len);
    buf_init(&r->answer, ANSWER_BYTES);
    buf_put(&r->question, payload);
    peer->in_hand++;
    if (err_ok(buf_status(&r->question)) && desk_put(p->clerk, &r->task)) return;
    peer->in_hand--; // desk_put has dropped it; without memory for the question nothing is asked
}

/// --- transactions ---

struct delivery {
    struct task task;
    struct peering *peering;
    uint64_t conn;
    bool asked_for; ///< [id, [tx...]]: PooledTransactions
    const char *why;
    uint64_t lent;    ///< of the peer's `doubtful`
    uint64_t in_vain; ///< of its senders, found
    struct buf payload;
};

static void delivery_free(struct task *t)
{
    struct delivery *d = (struct delivery *)t;
    buf_deinit(&d->payload);
    free(d);
}

/// On the loop: the deliverer hears of it if something was wrong.
static void delivered(struct task *t)
{
    struct delivery *d = (struct delivery *)t;
    struct peer *peer = peering_find(d->peering, d->conn);
    d->peering->delivering_bytes -= d->payload.len;
    if (peer != NULL) {
        peer->delivering--;
        peer->delivering_bytes -= d->payload.len;
        budget_return(&peer->doubtful, d->lent - d->in_vain);
        conn_charge(peer->conn, d->in_vain * DOUBTFUL_COSTS);
        if (d->why != NULL) peering_breach(peer, d->why);
    }
    delivery_free(t);
}

/// The canonical bytes of an item of Transactions: a list as it is, a typed one out of its string.
static bool canonical(struct rlp_reader *items, bytes_t *out)
{
    return err_ok(rlp_peek_is_list(items) ? rlp_read_raw(items, out) : rlp_read_bytes(items, out));
}

/// Some at a time, so that whoever sends what nobody signed, or what nobody can use, has few of
/// them recovered.
static void submit_some(struct delivery *d, const bytes_t *raws, size_t count)
{
    for (size_t at = 0; at < count && d->why == NULL && d->in_vain < d->lent;) {
        size_t some = count - at < TXS_AT_ONCE ? count - at : TXS_AT_ONCE;
        if (some > d->lent - d->in_vain) some = d->lent - d->in_vain;
        size_t in_vain = 0;
        d->why = submit_from_peer(d->peering->node, raws + at, some, d->conn, &in_vain);
        d->in_vain += in_vain;
        at += some;
    }
}

static err_t find_items(struct rlp_reader *items, size_t *count, bytes_t payload, bool asked_for)
{
    if (!asked_for) return eth_transactions_decode(items, count, payload);
    struct eth_answer a;
    TRY(eth_answer_decode(&a, payload, ETH_HASHES_MAX));
    *items = a.items;
    *count = a.count;
    return OK;
}

/// On the intake's desk: into the pool.
static void deliver(struct task *t)
{
    struct delivery *d = (struct delivery *)t;
    struct rlp_reader items;
    size_t count = 0;
    const err_t err = find_items(&items, &count, buf_bytes(&d->payload), d->asked_for);
    check(err_ok(err)); // it was when it came
    bytes_t *raws = calloc(count + 1, sizeof *raws);
    if (raws != NULL) {
        for (size_t i = 0; i < count && d->why == NULL; i++) {
            if (!canonical(&items, &raws[i])) d->why = "transactions that are none";
        }
        submit_some(d, raws, count);
    }
    free(raws);
    t->run = delivered;
    loop_post_task(d->peering->node->loop, t);
}

/// A full desk: transactions are the first to be lost.
static bool takes_delivery(const struct peering *p, const struct peer *peer, size_t bytes)
{
    if (peer->delivering == DELIVERIES || bytes > INTAKE_BYTES - p->delivering_bytes) return false;
    return bytes <= LINE_BYTES - peer->delivering_bytes;
}

/// @return false if the line has ended
static bool on_transactions(struct peering *p, struct peer *peer, bytes_t payload, bool asked_for)
{
    struct rlp_reader items;
    size_t count = 0;
    const err_t err = find_items(&items, &count, payload, asked_for);
    if (!err_ok(err)) {
        peering_breach(peer, err.why);
        return false;
    }
    if (count == 0 || !takes_delivery(p, peer, payload.len)) return true;
    const uint64_t lent = budget_take(&peer->doubtful, count, peering_now(p));
    struct delivery *d = lent == 0 ? NULL : calloc(1, sizeof *d);
    if (d == NULL) {
        budget_return(&peer->doubtful, lent);
        return true;
    }
    *d = (struct delivery){.task = {deliver, delivery_free},
                           .peering = p,
                           .conn = peer->id,
                           .asked_for = asked_for,
                           .lent = lent};
    buf_init(&d->payload, payload.len);
    buf_put(&d->payload, payload);
    if (!err_ok(buf_status(&d->payload))) {
        budget_return(&peer->doubtful, lent);
        delivery_free(&d->task);
        return true;
    }
    if (!desk_put(p->intake, &d->task)) {
        budget_return(&peer->doubtful, lent);
        return true;
    }
    p->delivering_bytes += payload.len;
    peer->delivering++;
    peer->delivering_bytes += payload.len;
    return true;
}

static bool is_here(struct peering *p, const hash_t *hash)
{
    struct node *n = p->node;
    pthread_mutex_lock(&n->pool_lock);
    const bool here = txpool_find(n->pool, hash) != NULL;
    pthread_mutex_unlock(&n->pool_lock);
    return here;
}

static void note_asked(struct peering *p, const hash_t *hash, uint64_t now)
{
    struct wanted *w = map_put(&p->wanted, hash, NULL);
    if (w == NULL) { // full: what is old is asked for again at worst
        map_clear(&p->wanted);
        w = map_put(&p->wanted, hash, NULL);
        check(w != NULL);
    }
    *w = (struct wanted){now, false};
}

static void ask_for(struct peer *peer, const hash_t *hashes, size_t count)
{
    struct buf b;
    buf_init(&b, 64 + count * 33);
    eth_get_encode(&b, 1, hashes, count);
    conn_send(peer->conn, P2P_ETH, ETH_GET_POOLED, buf_bytes(&b), P2P_WHENEVER);
    buf_deinit(&b);
}

static void ask_later(struct peer *peer, const hash_t *hash)
{
    if (peer->later == NULL) peer->later = calloc(ASK_LATER, sizeof *peer->later);
    if (peer->later == NULL || peer->later_count == ASK_LATER) return;
    peer->later[(peer->later_first + peer->later_count++) % ASK_LATER] = *hash;
}

/// Takes the next ones that have not come by another way. What somebody else was asked for waits
/// behind the others: he may never have had it.
static size_t next_to_ask(struct peering *p, struct peer *peer, hash_t out[ETH_POOLED_MAX])
{
    const uint64_t now = peering_now(p);
    const size_t looks = peer->later_count < LOOK_AT_ONCE ? peer->later_count : LOOK_AT_ONCE;
    size_t count = 0;
    for (size_t i = 0; i < looks && count < ETH_POOLED_MAX; i++) {
        const hash_t hash = peer->later[peer->later_first];
        peer->later_first = (peer->later_first + 1) % ASK_LATER;
        peer->later_count--;
        const struct wanted *w = map_get(&p->wanted, &hash);
        const uint64_t since_ms = w == NULL ? UINT64_MAX : now - w->at_ms;
        if (is_here(p, &hash) || (w != NULL && w->came && since_ms < CAME_MS)) continue;
        if (since_ms < WANTED_MS) {
            ask_later(peer, &hash);
            continue;
        }
        note_asked(p, &hash, now);
        out[count++] = hash;
    }
    return count;
}

static bool pool_has_room(struct peering *p)
{
    struct node *n = p->node;
    const u256_t nothing = {{0}};
    pthread_mutex_lock(&n->pool_lock);
    const bool room = txpool_may_enter(n->pool, &nothing, false);
    pthread_mutex_unlock(&n->pool_lock);
    return room;
}

// A network that has been stalled brings thousands of announcements at once, of a few transactions
// each: they are gathered, or the requests would be more than anybody answers. While the pool is
// full they wait for the next block, which makes room.
void peering_ask_txs(struct peering *p, struct peer *peer)
{
    const uint64_t now = peering_now(p);
    hash_t ask[ETH_POOLED_MAX];
    if (peer->asking != 0 && now - peer->asked_ms >= WANTED_MS) peer->asking = 0;
    if (peer->later_count == 0 || !pool_has_room(p)) return;
    while (peer->asking < ASK_AT_ONCE) {
        const size_t count = next_to_ask(p, peer, ask);
        if (count == 0) return;
        ask_for(peer, ask, count);
        peer->asking++;
        peer->asked_ms = now;
    }
}

static void on_pooled_hashes(struct peering *p, struct peer *peer, bytes_t payload)
{
    struct eth_pooled *told = calloc(ETH_HASHES_MAX, sizeof *told);
    size_t count = 0;
    if (told == NULL) return;
    const err_t err = eth_pooled_decode(told, &count, ETH_HASHES_MAX, peer->eth, payload);
    for (size_t i = 0; err_ok(err) && i < count; i++) {
        peer_learns_tx(peer, &told[i].hash);
        if (told[i].size <= TX_MAX_BYTES && !is_here(p, &told[i].hash))
            ask_later(peer, &told[i].hash);
    }
    free(told);
    if (err_ok(err))
        peering_ask_txs(p, peer);
    else
        peering_breach(peer, err.why);
}

/// --- blocks ---

static void on_new_block(struct peering *p, struct peer *peer, bytes_t payload)
{
    bytes_t block = BYTES_NONE;
    bytes_t raw = BYTES_NONE;
    u256_t difficulty;
    struct header h;
    struct rlp_reader parts;
    err_t err = eth_new_block_decode(&block, &difficulty, payload);
    struct rlp_reader r = rlp_reader(block);
    if (err_ok(err)) err = rlp_read_list(&r, &parts);
    if (err_ok(err)) err = rlp_read_raw(&parts, &raw);
    if (err_ok(err)) err = header_decode(&h, raw);
    if (!err_ok(err)) {
        peering_breach(peer, err.why);
        return;
    }
    const hash_t hash = header_hash(&h);
    peer_learns_block(peer, &hash);
    if (h.number > peer->height) peer->height = h.number;
    struct sync_event ev = {.kind = SYNC_EV_BLOCK, .peer = peer->id, .block = block};
    peering_sync(p, &ev);
}

static void on_block_hashes(struct peering *p, struct peer *peer, bytes_t payload)
{
    struct eth_block_hash told[BLOCK_HASHES];
    size_t count = 0;
    const err_t err = eth_block_hashes_decode(told, &count, BLOCK_HASHES, payload);
    if (!err_ok(err)) {
        peering_breach(peer, err.why);
        return;
    }
    uint64_t highest = 0;
    for (size_t i = 0; i < count; i++) {
        peer_learns_block(peer, &told[i].hash);
        if (told[i].number > highest) highest = told[i].number;
    }
    peering_claims(p, peer->id, highest);
}

static void on_block_range(struct peering *p, struct peer *peer, bytes_t payload)
{
    struct eth_block_range range;
    const err_t err = eth_block_range_decode(&range, payload);
    if (err_ok(err))
        peering_claims(p, peer->id, range.latest);
    else
        peering_breach(peer, err.why);
}

static void on_answer(struct peering *p, struct peer *peer, enum sync_event_kind kind,
                      bytes_t payload)
{
    struct eth_answer a;
    const err_t err = eth_answer_decode(&a, payload, ETH_HEADERS_MAX);
    if (!err_ok(err)) {
        peering_breach(peer, err.why);
        return;
    }
    struct sync_event ev = {.kind = kind, .peer = peer->id, .answer = {a.id, a.items}};
    peering_sync(p, &ev);
}

void peering_on_eth(struct peering *p, struct peer *peer, unsigned code, bytes_t payload)
{
    switch (code) {
    case ETH_GET_BLOCK_HEADERS:
    case ETH_GET_BLOCK_BODIES:
    case ETH_GET_RECEIPTS:
    case ETH_GET_POOLED:
    case ETH_GET_NODE_DATA:
        on_request(p, peer, code, payload);
        return;
    case ETH_BLOCK_HEADERS:
        on_answer(p, peer, SYNC_EV_HEADERS, payload);
        return;
    case ETH_BLOCK_BODIES:
        on_answer(p, peer, SYNC_EV_BODIES, payload);
        return;
    case ETH_NEW_BLOCK:
        on_new_block(p, peer, payload);
        return;
    case ETH_NEW_BLOCK_HASHES:
        on_block_hashes(p, peer, payload);
        return;
    case ETH_BLOCK_RANGE_UPDATE:
        on_block_range(p, peer, payload);
        return;
    case ETH_TRANSACTIONS:
        (void)on_transactions(p, peer, payload, false);
        return;
    case ETH_POOLED:
        if (peer->asking != 0) peer->asking--;
        if (on_transactions(p, peer, payload, true)) peering_ask_txs(p, peer);
        return;
    case ETH_NEW_POOLED_HASHES:
        on_pooled_hashes(p, peer, payload);
        return;
    default: // receipts and node data, which nobody asks for here, and ids without a meaning
        peering_useless(p, peer, PEERS_USELESS_COSTS, "an answer that nobody waits for");
        return;
    }
}
