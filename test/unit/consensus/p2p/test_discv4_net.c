// SPDX-License-Identifier: Apache-2.0
/// Goal: nodes that know one bootnode find all the others, whatever the network loses, a liar tells
/// and a flood brings; who dies is forgotten, who moves is found again, other chains are no
/// candidates.

#include "consensus/p2p/rate_limit.h"
#include "test/unit/consensus/p2p/discv4_world.h"

#include <criterion/criterion.h>

#define MINUTE UINT64_C(60000)

static struct world w;
static const size_t BOOT[] = {0};

static void setup(void)
{
    cr_assert(err_ok(secp_setup()));
    world_init(&w, 1);
}

static void teardown(void)
{
    world_deinit(&w);
}

TestSuite(discv4_net, .init = setup, .fini = teardown);

static void start(size_t count)
{
    for (size_t i = 0; i < count; i++) world_start(&w, world_add(&w), 1, BOOT, 1);
}

static size_t known_to(size_t n)
{
    struct discv4_stats s;
    discv4_count(w.nodes[n].machine, &s);
    return s.nodes;
}

Test(discv4_net, all_find_each_other)
{
    start(24);
    cr_expect(world_run_until(&w, MINUTE, world_all_found));
    for (size_t i = 0; i < w.count; i++) {
        struct enr own;
        cr_expect_eq(w.nodes[i].strangers, 0);
        cr_assert(err_ok(enr_decode(&own, discv4_record(w.nodes[i].machine))));
        cr_expect_arr_eq(own.ip, w.nodes[i].node.at.ip, 4, "others told where it is");
        w.nodes[i].sent = 0;
    }
    world_run(&w, 4 * MINUTE);
    for (size_t i = 0; i < w.count; i++) {
        // Then it is quiet: some questions a second at most, from each.
        cr_expect_lt(w.nodes[i].sent, 4 * 60 * 3, "node %zu sent %zu", i, (size_t)w.nodes[i].sent);
        cr_expect_geq(known_to(i), 20);
    }
}

Test(discv4_net, a_fifth_is_lost)
{
    w.loss_percent = 20;
    start(20);
    cr_expect(world_run_until(&w, 15 * MINUTE, world_all_found));
}

Test(discv4_net, the_bootnode_comes_last)
{
    start(6);
    world_stop(&w, 0);
    world_run(&w, 3 * MINUTE);
    cr_expect_eq(known_to(1), 0);
    world_start(&w, 0, 1, BOOT, 1);
    cr_expect(world_run_until(&w, MINUTE, world_all_found));
}

/// Node 3 tells of nodes that do not exist.
static void lie(struct world *world, size_t from, struct datagram *d)
{
    struct discv4_packet p;
    if (from != 3 || !err_ok(discv4_decode(&p, bytes_make(d->bytes, d->len)))) return;
    if (p.type != DISCV4_NEIGHBORS) return;
    p.node_count = 0;
    while (p.node_count < DISCV4_NODES_MAX) {
        struct discv4_node *n = &p.nodes[p.node_count++];
        struct secret_key key = {{2}};
        const uint64_t random = world_random(world);
        memcpy(key.b + 8, &random, sizeof random);
        check(err_ok(secp_pubkey_of(&n->id, &key)));
        n->at = (struct discv4_endpoint){
            .ip = {10, 2, (uint8_t)random, (uint8_t)(random >> 8)}, .ip_len = 4, .udp = 30303};
    }
    struct buf b;
    buf_init(&b, DISCV4_PACKET_MAX);
    discv4_encode(&b, &p, &world->nodes[from].key);
    check(err_ok(buf_status(&b)));
    d->len = b.len;
    memcpy(d->bytes, b.data, b.len);
    buf_deinit(&b);
}

Test(discv4_net, a_liar)
{
    w.tamper = lie;
    start(20);
    cr_expect(world_run_until(&w, 15 * MINUTE, world_all_found));
    world_run(&w, 5 * MINUTE);
    for (size_t i = 0; i < w.count; i++) {
        const struct discv4_table *t = discv4_table_of(w.nodes[i].machine);
        size_t cursor = 0;
        const struct discv4_contact *c;
        cr_expect_eq(w.nodes[i].strangers, 0);
        while ((c = discv4_table_next(t, &cursor)) != NULL)
            cr_expect_neq(world_index(&w, &c->node.id), SIZE_MAX, "nobody has proved to be that");
    }
}

/// 100 good Pings of keys of one's own from forged addresses, and as much rubbish from one, within
/// a tenth of a second.
static void flood(size_t victim)
{
    static struct buf ping;
    struct secret_key key = {{3}};
    const uint8_t rubbish[200] = {1};
    if (ping.len == 0) {
        struct discv4_packet p = {.type = DISCV4_PING,
                                  .expiration_s = WORLD_BEGIN_MS / 1000 + 100000};
        p.from.ip_len = p.to.ip_len = 4;
        buf_init(&ping, DISCV4_PACKET_MAX);
        discv4_encode(&ping, &p, &key);
    }
    for (unsigned i = 0; i < 100; i++) {
        const uint64_t r = world_random(&w);
        struct discv4_endpoint from = {
            .ip = {80, (uint8_t)r, (uint8_t)(r >> 8), 1}, .ip_len = 4, .udp = 999};
        world_send(&w, &from, &w.nodes[victim].node.at, buf_bytes(&ping));
        from.ip[0] = 81;
        from.ip[1] = from.ip[2] = 0;
        world_send(&w, &from, &w.nodes[victim].node.at, BYTES_OF(rubbish));
    }
}

Test(discv4_net, a_flood)
{
    start(14);
    const uint64_t before = w.now_ms;
    bool all = false;
    while (!all && w.now_ms - before < 5 * MINUTE) {
        flood(0);
        all = world_run_until(&w, 100, world_all_found);
    }
    cr_expect(all, "real ones have their share");
    struct discv4_stats s;
    discv4_count(w.nodes[0].machine, &s);
    const uint64_t seconds = (w.now_ms - before) / 1000 + 1;
    cr_expect_geq(s.received, seconds * 1500);
    // What was looked at is bounded; and what left is no more than twice that (a Pong, a Ping).
    cr_expect_leq(s.received - s.limited, RATE_ALL_BURST + seconds * RATE_ALL_PER_S);
    cr_expect_leq(s.sent, 2 * (RATE_ALL_BURST + seconds * RATE_ALL_PER_S));
    cr_expect_leq(s.nodes, 13, "none of the forged ones is in");
}

Test(discv4_net, who_dies_is_forgotten_and_who_moves_is_found)
{
    start(12);
    cr_assert(world_run_until(&w, 5 * MINUTE, world_all_found));
    world_run(&w, MINUTE);
    world_stop(&w, 5);
    world_run(&w, 20 * MINUTE);
    const hash_t five = discv4_nid(&w.nodes[5].node.id);
    for (size_t i = 0; i < w.count; i++) {
        if (i == 5) continue;
        struct discv4_table *t = (struct discv4_table *)discv4_table_of(w.nodes[i].machine);
        cr_expect_null(discv4_table_in(t, &five), "node %zu still knows the dead one", i);
        w.nodes[i].found[5] = false;
    }
    world_stop(&w, 0); // the bootnode is not needed by those who know each other
    w.nodes[5].node.at.ip[2] = 7;
    const size_t boots[] = {3};
    world_start(&w, 5, 1, boots, 1);
    cr_expect(world_run_until(&w, 5 * MINUTE, world_all_found));
    struct discv4_table *t = (struct discv4_table *)discv4_table_of(w.nodes[8].machine);
    const struct discv4_contact *c = discv4_table_in(t, &five);
    cr_assert_not_null(c);
    cr_expect_eq(c->node.at.ip[2], 7);
}

Test(discv4_net, other_chains)
{
    for (size_t i = 0; i < 16; i++) world_start(&w, world_add(&w), i % 2 == 0 ? 1 : 2, BOOT, 1);
    world_run(&w, 3 * MINUTE);
    for (size_t i = 0; i < w.count; i++) {
        for (size_t k = 0; k < w.count; k++)
            cr_expect_eq(w.nodes[i].found[k], i != k && i % 2 == k % 2, "%zu of %zu", i, k);
    }
}

Test(discv4_net, one_seed_one_story)
{
    uint64_t sent[2];
    for (size_t run = 0; run < 2; run++) {
        sent[run] = 0;
        w.loss_percent = 10;
        start(8);
        world_run(&w, 2 * MINUTE);
        for (size_t i = 0; i < w.count; i++) sent[run] += w.nodes[i].sent_bytes;
        world_deinit(&w);
        world_init(&w, 1);
    }
    cr_expect_eq(sent[0], sent[1]);
    cr_expect_gt(sent[0], 10000);
}
