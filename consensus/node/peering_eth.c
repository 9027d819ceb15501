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

/// A token bucket: so many requests a second, and some at once.
static bool has_token(const struct peering *p, struct peer *peer)
{
    const uint64_t now = peering_now(p);
    const uint64_t more = (now - peer->tokens_ms) * REQUESTS_PER_S / 1000;
    if (more != 0) {
        peer->tokens_ms = now;
        peer->tokens =
            more > REQUESTS_BURST - peer->tokens ? REQUESTS_BURST : peer->tokens + (uint32_t)more;
    }
    if (peer->tokens == 0) return false;
    peer->tokens--;
    return true;
}

static void on_request(struct peering *p, struct peer *peer, unsigned code, bytes_t payload)
{
    if (!has_token(p, peer)) {
        peering_useless(p, peer, "more requests than are answered");
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
    if (peer != NULL && d->why != NULL) peering_breach(peer, d->why);
    delivery_free(t);
}

/// The canonical bytes of an item of Transactions: a list as it is, a typed one out of its string.
static bool canonical(struct rlp_reader *items, bytes_t *out)
{
    return err_ok(rlp_peek_is_list(items) ? rlp_read_raw(items, out) : rlp_read_bytes(items, out));
}

/// On the clerk's desk: into the pool.
static void deliver(struct task *t)
{
    struct delivery *d = (struct delivery *)t;
    struct eth_answer answered_items;
    struct rlp_reader items;
    size_t count = 0;
    const bytes_t payload = buf_bytes(&d->payload);
    err_t err;
    if (d->asked_for) {
        err = eth_answer_decode(&answered_items, payload, ETH_HASHES_MAX);
        items = answered_items.items;
        count = answered_items.count;
    } else {
        err = eth_transactions_decode(&items, &count, payload);
    }
    bytes_t *raws = err_ok(err) ? calloc(count + 1, sizeof *raws) : NULL;
    if (!err_ok(err)) d->why = err.why;
    if (raws != NULL) {
        for (size_t i = 0; i < count && d->why == NULL; i++) {
            if (!canonical(&items, &raws[i])) d->why = "transactions that are none";
        }
        const char *why =
            d->why == NULL ? submit_from_peer(d->peering->node, raws, count, d->conn) : NULL;
        if (why != NULL) d->why = why;
    }
    free(raws);
    t->run = delivered;
    loop_post_task(d->peering->node->loop, t);
}

static void on_transactions(struct peering *p, struct peer *peer, bytes_t payload, bool asked_for)
{
    struct delivery *d = calloc(1, sizeof *d);
    if (d == NULL) return;
    *d = (struct delivery){
        .task = {deliver, delivery_free}, .peering = p, .conn = peer->id, .asked_for = asked_for};
    buf_init(&d->payload, payload.len);
    buf_put(&d->payload, payload);
    if (!err_ok(buf_status(&d->payload))) {
        delivery_free(&d->task);
        return;
    }
    (void)desk_put(p->clerk, &d->task); // a full desk: transactions are the first to be lost
}

static bool is_here(struct peering *p, const hash_t *hash)
{
    struct node *n = p->node;
    pthread_mutex_lock(&n->pool_lock);
    const bool here = txpool_find(n->pool, hash) != NULL;
    pthread_mutex_unlock(&n->pool_lock);
    return here;
}

/// Is this transaction neither here nor on its way?
static bool is_wanted(struct peering *p, const hash_t *hash)
{
    if (is_here(p, hash)) return false;
    const uint64_t now = peering_now(p);
    uint64_t *asked_ms = map_put(&p->wanted, hash, NULL);
    if (asked_ms == NULL) {
        map_clear(&p->wanted);
        asked_ms = map_put(&p->wanted, hash, NULL);
        check(asked_ms != NULL);
    }
    if (*asked_ms != 0 && now - *asked_ms < WANTED_MS) return false;
    *asked_ms = now;
    return true;
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

/// Takes the next ones that have not come by another way.
static size_t next_to_ask(struct peering *p, struct peer *peer, hash_t out[ETH_POOLED_MAX])
{
    size_t count = 0;
    while (count < ETH_POOLED_MAX && peer->later_count != 0) {
        const hash_t *hash = &peer->later[peer->later_first];
        if (!is_here(p, hash)) out[count++] = *hash;
        peer->later_first = (peer->later_first + 1) % ASK_LATER;
        peer->later_count--;
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
        if (told[i].size <= TX_MAX_BYTES && is_wanted(p, &told[i].hash))
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
        on_transactions(p, peer, payload, false);
        return;
    case ETH_POOLED:
        on_transactions(p, peer, payload, true);
        if (peer->asking != 0) peer->asking--;
        peering_ask_txs(p, peer);
        return;
    case ETH_NEW_POOLED_HASHES:
        on_pooled_hashes(p, peer, payload);
        return;
    default: // receipts and node data, which nobody asks for here, and ids without a meaning
        peering_useless(p, peer, "an answer that nobody waits for");
        return;
    }
}
