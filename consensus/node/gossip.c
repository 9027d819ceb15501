// SPDX-License-Identifier: Apache-2.0
/// What is told unasked: new blocks to everybody, new transactions whole to a few and by hash to
/// the others. Nobody is told what he has told us, and nothing twice; but of a transaction that
/// waits long everybody hears again, now and then: whoever was told may have had no room, or his
/// line was cut.

#include "chain/base/log.h"
#include "consensus/node/loop.h"
#include "consensus/node/peering_impl.h"
#include "consensus/node/serve.h"

#include <stdlib.h>

#define BLOCK_BYTES ((size_t)12 * 1024 * 1024)
#define TXS_BYTES ((size_t)1024 * 1024) ///< of one Transactions message (Besu's limit)
#define AGAIN_S 5U                      ///< age at which a transaction is told again
#define AGAIN_EVERY_S 40U ///< beyond this age; before it, each time the age has doubled

/// --- who knows what ---

bool peer_knows_block(const struct peer *peer, const hash_t *hash)
{
    for (size_t i = 0; i < KNOWN_BLOCKS; i++) {
        if (hash_eq(&peer->known_blocks[i], hash)) return true;
    }
    return false;
}

void peer_learns_block(struct peer *peer, const hash_t *hash)
{
    if (peer_knows_block(peer, hash)) return;
    peer->known_blocks[peer->next_block] = *hash;
    peer->next_block = (peer->next_block + 1) % KNOWN_BLOCKS;
}

void peer_learns_tx(struct peer *peer, const hash_t *hash)
{
    if (map_put(&peer->known_txs, hash, NULL) != NULL) return;
    map_clear(&peer->known_txs); // full: what is old is told again at worst
    (void)map_put(&peer->known_txs, hash, NULL);
}

/// --- blocks ---

struct announcement {
    struct task task;
    struct peering *peering;
    uint64_t number;
    hash_t hash;
    bool syncing;
    err_t err;
    struct buf message;
};

static bool is_to_be_told(const struct peer *q, uint64_t number, const hash_t *hash, bool syncing)
{
    return !(syncing && q->height >= number) && !peer_knows_block(q, hash);
}

static void announcement_free(struct task *t)
{
    struct announcement *a = (struct announcement *)t;
    buf_deinit(&a->message);
    free(a);
}

/// On the loop: the block is ready to be told.
static void announce(struct task *t)
{
    struct announcement *a = (struct announcement *)t;
    struct p2p_packet *packet = err_ok(a->err) ? p2p_packet_new(buf_bytes(&a->message)) : NULL;
    struct peer *next = NULL;
    for (struct peer *q = peering_next(a->peering, NULL); q != NULL && packet != NULL; q = next) {
        next = peering_next(a->peering, q);
        if (!is_to_be_told(q, a->number, &a->hash, a->syncing)) continue;
        peer_learns_block(q, &a->hash);
        conn_send_packet(q->conn, P2P_ETH, ETH_NEW_BLOCK, packet, P2P_ANSWER);
    }
    p2p_packet_free(packet);
    if (!err_ok(a->err)) LOG_WRN("p2p", "a block cannot be announced", "why=%s", err_text(a->err));
    announcement_free(t);
}

/// On the clerk's desk.
static void prepare(struct task *t)
{
    struct announcement *a = (struct announcement *)t;
    a->err = serve_new_block(&a->message, a->peering->node, a->number);
    t->run = announce;
    loop_post_task(a->peering->node->loop, t);
}

void gossip_block(struct peering *p, uint64_t number, const hash_t *hash, bool syncing)
{
    bool anybody = false;
    for (struct peer *q = peering_next(p, NULL); q != NULL && !anybody; q = peering_next(p, q))
        anybody = is_to_be_told(q, number, hash, syncing);
    struct announcement *a = anybody ? calloc(1, sizeof *a) : NULL;
    if (a == NULL) return;
    *a = (struct announcement){.task = {prepare, announcement_free},
                               .peering = p,
                               .number = number,
                               .hash = *hash,
                               .syncing = syncing};
    buf_init(&a->message, BLOCK_BYTES);
    (void)desk_put(p->clerk, &a->task); // a full desk: those behind ask by themselves
}

void gossip_range(struct peering *p, uint64_t number, const hash_t *hash)
{
    struct buf b;
    struct peer *next = NULL;
    buf_init(&b, 256);
    eth_block_range_encode(&b, &(struct eth_block_range){p->node->oldest, number, *hash});
    for (struct peer *q = peering_next(p, NULL); q != NULL; q = next) {
        next = peering_next(p, q);
        if (q->eth >= ETH_WITH_RANGES)
            conn_send(q->conn, P2P_ETH, ETH_BLOCK_RANGE_UPDATE, buf_bytes(&b), P2P_ANSWER);
    }
    buf_deinit(&b);
}

/// --- transactions ---

/// Sends whole transactions that the pool still has.
static void send_whole(struct peering *p, struct peer *peer, const hash_t *hashes, size_t count)
{
    struct node *n = p->node;
    struct buf b;
    size_t i = 0;
    buf_init(&b, TXS_BYTES + TX_MAX_BYTES + 64);
    while (i < count && !session_ended(conn_session(peer->conn))) {
        buf_clear(&b);
        const size_t list = rlp_list_begin(&b);
        pthread_mutex_lock(&n->pool_lock);
        for (; i < count && b.len < TXS_BYTES; i++) {
            const struct pool_tx *t = txpool_find(n->pool, &hashes[i]);
            if (t != NULL) tx_put_item(&b, &t->tx);
        }
        pthread_mutex_unlock(&n->pool_lock);
        const bool any = b.len != list;
        rlp_list_end(&b, list);
        if (any && err_ok(buf_status(&b)))
            conn_send(peer->conn, P2P_ETH, ETH_TRANSACTIONS, buf_bytes(&b), P2P_WHENEVER);
    }
    buf_deinit(&b);
}

static void send_hashes(struct peer *peer, const struct eth_pooled *txs, size_t count)
{
    struct buf b;
    buf_init(&b, 64 + (size_t)ETH_HASHES_MAX * 40);
    for (size_t at = 0; at < count && !session_ended(conn_session(peer->conn));) {
        const size_t some = count - at < ETH_HASHES_MAX ? count - at : ETH_HASHES_MAX;
        buf_clear(&b);
        eth_pooled_encode(&b, peer->eth, txs + at, some);
        if (err_ok(buf_status(&b)))
            conn_send(peer->conn, P2P_ETH, ETH_NEW_POOLED_HASHES, buf_bytes(&b), P2P_WHENEVER);
        at += some;
    }
    buf_deinit(&b);
}

static struct eth_pooled describe(const struct tx *tx)
{
    return (struct eth_pooled){tx->hash, (uint8_t)tx->type, (uint32_t)tx->raw.len};
}

/// The hashes that a peer does not know yet, which it knows from now on.
static size_t unknown_of(struct peer *peer, hash_t *out, const hash_t *hashes, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (map_get(&peer->known_txs, &hashes[i]) != NULL) continue;
        out[found++] = hashes[i];
        peer_learns_tx(peer, &hashes[i]);
    }
    return found;
}

static void tell_hashes(struct peering *p, struct peer *peer, const hash_t *hashes, size_t count)
{
    struct node *n = p->node;
    struct eth_pooled *txs = calloc(count + 1, sizeof *txs);
    size_t found = 0;
    if (txs == NULL) return;
    pthread_mutex_lock(&n->pool_lock);
    for (size_t i = 0; i < count; i++) {
        const struct pool_tx *t = txpool_find(n->pool, &hashes[i]);
        if (t != NULL) txs[found++] = describe(&t->tx);
    }
    pthread_mutex_unlock(&n->pool_lock);
    if (found != 0) send_hashes(peer, txs, found);
    free(txs);
}

/// round(sqrt(n))
static size_t some_of(size_t n)
{
    size_t root = 0;
    while (root * (root + 1) < n) root++;
    return root;
}

void peering_on_txs(struct peering *p, const hash_t *hashes, size_t count, uint64_t from_conn)
{
    size_t peers = 0;
    for (struct peer *q = peering_next(p, NULL); q != NULL; q = peering_next(p, q)) peers++;
    hash_t *news = peers == 0 || count == 0 ? NULL : calloc(count, sizeof *news);
    if (news == NULL) return;
    const uint64_t now = peering_now(p);
    for (size_t i = 0; i < count; i++) {
        struct wanted *w = map_get(&p->wanted, &hashes[i]);
        if (w != NULL) *w = (struct wanted){now, true};
    }
    // Whole ones to some, beginning with another peer each time.
    const size_t whole = some_of(peers);
    const size_t start = hashes[0].b[0] % peers;
    size_t at = 0;
    struct peer *next = NULL;
    for (struct peer *q = peering_next(p, NULL); q != NULL; q = next, at++) {
        next = peering_next(p, q);
        if (q->id == from_conn) {
            for (size_t i = 0; i < count; i++) peer_learns_tx(q, &hashes[i]);
            continue;
        }
        const size_t unknown = unknown_of(q, news, hashes, count);
        if (unknown == 0) continue;
        if ((at + peers - start) % peers < whole)
            send_whole(p, q, news, unknown);
        else
            tell_hashes(p, q, news, unknown);
    }
    free(news);
}

void gossip_greet(struct peering *p, struct peer *peer)
{
    struct node *n = p->node;
    pthread_mutex_lock(&n->pool_lock);
    const struct txpool_counts c = txpool_count(n->pool);
    const size_t room = c.pending + c.queued;
    struct pool_tx **list = room == 0 ? NULL : calloc(room, sizeof(struct pool_tx *));
    struct eth_pooled *txs = list == NULL ? NULL : calloc(room, sizeof *txs);
    const size_t count = txs == NULL ? 0 : txpool_list(n->pool, list, room);
    for (size_t i = 0; i < count; i++) txs[i] = describe(&list[i]->tx);
    pthread_mutex_unlock(&n->pool_lock);
    for (size_t i = 0; i < count; i++) peer_learns_tx(peer, &txs[i].hash);
    send_hashes(peer, txs, count);
    free(list);
    free(txs);
}

/// Has a transaction come to an age, between two moments, at which it is told again?
static bool is_told_again(uint64_t since_s, uint64_t before_s, uint64_t now_s)
{
    const uint64_t age = now_s > since_s ? now_s - since_s : 0;
    const uint64_t earlier = before_s > since_s ? before_s - since_s : 0;
    for (uint64_t step = AGAIN_S; step < AGAIN_EVERY_S; step *= 2) {
        if (earlier < step && step <= age) return true;
    }
    return earlier / AGAIN_EVERY_S < age / AGAIN_EVERY_S;
}

void gossip_again(struct peering *p)
{
    struct node *n = p->node;
    const uint64_t before_s = p->told_again_s;
    const uint64_t now_s = wall_clock_ms() / 1000;
    p->told_again_s = now_s;
    if (now_s <= before_s || peering_next(p, NULL) == NULL) return;
    pthread_mutex_lock(&n->pool_lock);
    const struct txpool_counts c = txpool_count(n->pool);
    const size_t room = c.pending + c.queued;
    struct pool_tx **list = c.pending == 0 ? NULL : calloc(room, sizeof(struct pool_tx *));
    struct eth_pooled *txs = list == NULL ? NULL : calloc(room, sizeof *txs);
    const size_t all = txs == NULL ? 0 : txpool_list(n->pool, list, room);
    size_t count = 0;
    for (size_t i = 0; i < all; i++) {
        if (list[i]->pending && is_told_again(list[i]->since_s, before_s, now_s))
            txs[count++] = describe(&list[i]->tx);
    }
    pthread_mutex_unlock(&n->pool_lock);
    struct peer *next = NULL;
    for (struct peer *q = peering_next(p, NULL); q != NULL && count != 0; q = next) {
        next = peering_next(p, q);
        send_hashes(q, txs, count);
    }
    free(list);
    free(txs);
}
