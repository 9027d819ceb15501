// SPDX-License-Identifier: Apache-2.0
/// Goal: nodes with real threads, sockets and stores find each other over loopback, agree, pass
/// transactions on, and catch up with what they missed.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "chain/store/blocks.h"
#include "consensus/node/node.h"
#include "consensus/p2p/enode.h"
#include "test/support/temp_dir.h"
#include "test/support/vectors.h"
#include "test/unit/consensus/small_net.h"

#define MUST(EXPR)                                                                                 \
    do {                                                                                           \
        const err_t must_err_ = (EXPR);                                                            \
        cr_assert(err_ok(must_err_), "%s: %s", #EXPR, err_text(must_err_));                        \
    } while (0)

#define NODES_MAX 5
#define PATIENCE_MS 60000

/// Validators and, with the key after theirs, an observer.
struct network {
    struct small_net net;
    struct temp_dir dirs[NODES_MAX];
    struct secret_key *observer;
    struct node *nodes[NODES_MAX];
    size_t n;
};

static void open_node(struct network *w, size_t i)
{
    struct node_detail detail;
    const struct node_options o = {
        .data_dir = w->dirs[i].path,
        .genesis = &w->net.genesis,
        .key = i < w->net.n ? w->net.keys[i] : w->observer,
        .price_bump_percent = 10,
        .journal_sync = true,
        .workers = 1,
        .guard_reset_height = 1,
        .p2p = {.on = true, .listen_host = "127.0.0.1", .client_id = "cairn/test"}};
    const err_t err = node_open(&w->nodes[i], &o, &detail);
    cr_assert(err_ok(err), "node %zu: %s: %s", i, err_text(err), detail.text);
}

/// Makes every open node call every other one that is open.
static void connect(struct network *w)
{
    for (size_t i = 0; i < w->n; i++) {
        for (size_t j = 0; j < w->n; j++) {
            char url[ENODE_TEXT_MAX];
            if (i == j || w->nodes[i] == NULL || w->nodes[j] == NULL) continue;
            cr_assert(node_enode(w->nodes[j], url, sizeof url));
            MUST(node_add_peer(w->nodes[i], url));
        }
    }
}

static void network_init(struct network *w, size_t validators, size_t observers)
{
    memset(w, 0, sizeof *w);
    small_net_init(&w->net, validators,
                   "\"xblockperiodmilliseconds\":50,\"requesttimeoutseconds\":2,"
                   "\"epochlength\":30000",
                   "");
    MUST(secret_new(&w->observer));
    MUST(secp_keygen(w->observer));
    w->n = validators + observers;
    for (size_t i = 0; i < w->n; i++) w->dirs[i] = temp_dir_make();
    for (size_t i = 0; i < validators; i++) open_node(w, i);
    connect(w);
}

static void network_deinit(struct network *w)
{
    for (size_t i = 0; i < w->n; i++) {
        node_close(w->nodes[i]);
        temp_dir_remove(&w->dirs[i]);
    }
    secret_free(w->observer);
    small_net_deinit(&w->net);
}

static uint64_t head_of(struct node *n)
{
    struct node_status s;
    node_status(n, &s);
    return s.head_number;
}

static void wait_head(struct network *w, size_t i, uint64_t number)
{
    for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
        if (head_of(w->nodes[i]) >= number) return;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    cr_assert_fail("node %zu is at %lu, not at %lu", i, (unsigned long)head_of(w->nodes[i]),
                   (unsigned long)number);
}

static hash_t hash_at(struct node *n, uint64_t number)
{
    struct db_txn *txn;
    hash_t h;
    MUST(db_begin_read(node_db(n), &txn));
    MUST(blocks_hash_of(txn, &h, number));
    db_abort(txn);
    return h;
}

static void expect_same(struct network *w, uint64_t up_to)
{
    for (size_t i = 1; i < w->n; i++) {
        for (uint64_t h = 0; w->nodes[i] != NULL && h <= up_to; h++) {
            const hash_t a = hash_at(w->nodes[0], h);
            const hash_t b = hash_at(w->nodes[i], h);
            cr_assert(hash_eq(&a, &b), "node %zu at %lu", i, (unsigned long)h);
        }
    }
}

static hash_t submit(struct network *w, size_t i, uint64_t nonce)
{
    struct submit_answer a;
    const struct tx tx = small_net_transfer(&w->net, nonce, 77, 5, 1000000000);
    node_submit_tx(w->nodes[i], &a, tx.raw);
    cr_assert_eq(a.result, SUBMIT_OK, "nonce %lu: %d %s", (unsigned long)nonce, (int)a.result,
                 a.why == NULL ? "" : a.why);
    return a.hash;
}

static bool has_tx(struct node *n, const hash_t *hash)
{
    struct db_txn *txn;
    struct tx_location where;
    MUST(db_begin_read(node_db(n), &txn));
    const err_t err = blocks_find_tx(txn, &where, hash);
    db_abort(txn);
    return err_ok(err);
}

static void wait_tx(struct network *w, size_t i, const hash_t *hash)
{
    for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
        if (has_tx(w->nodes[i], hash)) return;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    cr_assert_fail("node %zu has not got the transaction", i);
}

Test(network, four_validators_agree, .timeout = 180)
{
    static struct network w;
    network_init(&w, 4, 0);
    for (size_t i = 0; i < 4; i++) wait_head(&w, i, 5);
    hash_t last;
    for (uint64_t nonce = 0; nonce < 8; nonce++) {
        last = submit(&w, nonce % 4, nonce); // each at another node: they must travel
        for (size_t i = 0; i < 4; i++) wait_tx(&w, i, &last);
    }
    expect_same(&w, 5);
    struct node_peer peers[8];
    cr_expect_eq(node_peers(w.nodes[0], peers, 8), 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect(peers[i].is_validator && peers[i].eth == 69 && peers[i].istanbul == 100);
    network_deinit(&w);
}

/// Goal: one of four may fall silent; it comes back, has missed blocks, and has them all again.
Test(network, one_is_away, .timeout = 240)
{
    static struct network w;
    network_init(&w, 4, 0);
    for (size_t i = 0; i < 4; i++) wait_head(&w, i, 3);
    node_close(w.nodes[3]);
    w.nodes[3] = NULL;
    const uint64_t left = head_of(w.nodes[0]);
    wait_head(&w, 0, left + 6);
    open_node(&w, 3);
    connect(&w);
    const uint64_t back = head_of(w.nodes[0]);
    wait_head(&w, 3, back + 3);
    expect_same(&w, back);
    network_deinit(&w);
}

/// Goal: a node that is no validator joins late and has the whole chain.
Test(network, observer_joins_late, .timeout = 180)
{
    static struct network w;
    network_init(&w, 1, 1);
    wait_head(&w, 0, 300);
    const hash_t hash = submit(&w, 0, 0);
    wait_tx(&w, 0, &hash);
    open_node(&w, 1);
    connect(&w);
    const uint64_t there = head_of(w.nodes[0]);
    wait_head(&w, 1, there);
    cr_expect(has_tx(w.nodes[1], &hash));
    const hash_t through = submit(&w, 1, 1); // what it is given reaches the validator
    wait_tx(&w, 0, &through);
    wait_tx(&w, 1, &through);
    expect_same(&w, there);
    network_deinit(&w);
}
