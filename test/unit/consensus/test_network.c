// SPDX-License-Identifier: Apache-2.0
/// Goal: nodes with real threads, sockets and stores find each other over loopback, agree, pass
/// transactions on, and catch up with what they missed.

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "consensus/node/node.h"
#include "consensus/p2p/enode.h"
#include "consensus/qbft/header_rules.h"
#include "test/support/temp_dir.h"
#include "test/support/vectors.h"
#include "test/unit/consensus/small_net.h"

#define MUST(EXPR)                                                                                 \
    do {                                                                                           \
        const err_t must_err_ = (EXPR);                                                            \
        cr_assert(err_ok(must_err_), "%s: %s", #EXPR, err_text(must_err_));                        \
    } while (0)

#define NODES_MAX 5
#define PATIENCE_MS 120000

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

/// Keys, a genesis that may still be changed, and folders.
static void network_prepare(struct network *w, size_t validators, size_t observers)
{
    memset(w, 0, sizeof *w);
    (void)signal(SIGPIPE, SIG_IGN); // as cairnd does: a peer may be gone while we write to it
    small_net_init(&w->net, validators,
                   "\"xblockperiodmilliseconds\":50,\"requesttimeoutseconds\":2,"
                   "\"epochlength\":30000",
                   "");
    MUST(secret_new(&w->observer));
    MUST(secp_keygen(w->observer));
    w->n = validators + observers;
    for (size_t i = 0; i < w->n; i++) w->dirs[i] = temp_dir_make();
}

static void network_init(struct network *w, size_t validators, size_t observers)
{
    network_prepare(w, validators, observers);
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

Test(network, four_validators_agree, .timeout = 600)
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
Test(network, one_is_away, .timeout = 600)
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
Test(network, observer_joins_late, .timeout = 600)
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

static struct header header_at(struct node *n, uint64_t number)
{
    struct db_txn *txn;
    struct header h;
    MUST(db_begin_read(node_db(n), &txn));
    MUST(blocks_header(txn, &h, number));
    db_abort(txn);
    h.extra_data = BYTES_NONE; // it was the transaction's
    return h;
}

/// Waits for a block of this time or later.
static void wait_time(struct network *w, uint64_t timestamp_s)
{
    for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
        if (header_at(w->nodes[0], head_of(w->nodes[0])).timestamp_s >= timestamp_s) return;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    cr_assert_fail("no block of %lu", (unsigned long)timestamp_s);
}

/// Has a contract store PREVRANDAO under the block's number. @return that number
static uint64_t store_randao(struct network *w, uint64_t nonce, const address_t *contract)
{
    struct tx tx = {.type = TX_LEGACY,
                    .has_chain_id = true,
                    .chain_id = SMALL_NET_CHAIN_ID,
                    .nonce = nonce,
                    .max_fee_per_gas = u256_from_u64(2000000000),
                    .max_priority_fee_per_gas = u256_from_u64(2000000000),
                    .gas_limit = 100000,
                    .to = *contract};
    MUST(tx_sign(&tx, &w->net.arena, w->net.rich_key));
    struct submit_answer a;
    node_submit_tx(w->nodes[0], &a, tx.raw);
    cr_assert_eq(a.result, SUBMIT_OK);
    for (size_t i = 0; i < w->n; i++) wait_tx(w, i, &a.hash);
    struct db_txn *txn;
    struct tx_location where;
    MUST(db_begin_read(node_db(w->nodes[0]), &txn));
    MUST(blocks_find_tx(txn, &where, &a.hash));
    db_abort(txn);
    return where.block_number;
}

static u256_t slot_at(struct node *n, const address_t *contract, uint64_t key)
{
    struct db_txn *txn;
    struct latest_view latest;
    u256_t value;
    const u256_t word = u256_from_u64(key);
    hash_t slot;
    u256_to_be32(slot.b, &word);
    MUST(db_begin_read(node_db(n), &txn));
    latest_view_init(&latest, txn);
    const struct state_view view = latest_as_view(&latest);
    MUST(view.slot(view.ctx, &value, contract, &slot));
    db_abort(txn);
    return value;
}

/// Goal: forks begin while the chain runs, and whoever builds a block and whoever checks it see the
/// same: besu#7036 (the first Shanghai block of one node had no withdrawals root) and besu#10611
/// (PREVRANDAO was 0 for the builder and mixHash for the importer). Both validators are needed.
Test(network, besu_7036_10611_forks_begin_alike_for_all, .timeout = 240)
{
    static struct network w;
    static const uint8_t code[] = {0x44, 0x43, 0x55, 0x00}; // PREVRANDAO NUMBER SSTORE STOP
    network_prepare(&w, 2, 0);
    struct genesis *g = &w.net.genesis;
    const uint64_t shanghai_s = (uint64_t)time(NULL) + 3;
    const uint64_t cancun_s = shanghai_s + 2;
    g->config.fork_time_s[REV_SHANGHAI] = shanghai_s;
    g->config.fork_time_s[REV_CANCUN] = cancun_s;
    g->header.field_count = HEADER_FIELDS_LONDON;
    struct alloc_account all[2] = {{.code = BYTES_OF(code)}, g->alloc[0]};
    memset(all[0].address.b + 18, 0x44, 2);
    g->alloc = all;
    g->alloc_count = 2;
    for (size_t i = 0; i < 2; i++) open_node(&w, i);
    connect(&w);

    const uint64_t from_s[] = {0, shanghai_s, cancun_s};
    const u256_t randao = u256_from_be32(QBFT_MIX_HASH.b);
    const u256_t difficulty = u256_from_u64(1); // what the opcode gave before
    uint64_t last = 0;
    for (size_t i = 0; i < ARRAY_LEN(from_s); i++) {
        wait_time(&w, from_s[i]);
        last = store_randao(&w, i, &all[0].address);
        const bool merged = header_at(w.nodes[0], last).timestamp_s >= shanghai_s;
        for (size_t k = 0; k < 2; k++) {
            const u256_t got = slot_at(w.nodes[k], &all[0].address, last);
            cr_expect(u256_eq(&got, merged ? &randao : &difficulty), "node %zu, block %zu", k,
                      (size_t)last);
        }
    }
    expect_same(&w, last);
    bool seen[HEADER_FIELDS_CANCUN + 1] = {false};
    for (uint64_t number = 1; number <= last; number++) {
        const struct header h = header_at(w.nodes[1], number);
        const enum revision rev = chain_revision(&g->config, number, h.timestamp_s);
        cr_expect_eq(h.field_count, header_fields_of(rev), "block %zu", (size_t)number);
        if (h.field_count <= HEADER_FIELDS_CANCUN) seen[h.field_count] = true;
    }
    cr_expect(seen[HEADER_FIELDS_CANCUN], "no block of Cancun was made");
    network_deinit(&w);
}
