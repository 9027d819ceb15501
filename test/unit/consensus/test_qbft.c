// SPDX-License-Identifier: Apache-2.0
/// Goal: n validators in memory agree, in every order of trouble that the fact sheet lists, and
/// nobody ever contradicts himself (qbft_net.c checks that at every message).

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/unit/consensus/qbft_net.h"

static struct qbft_net net; // large; each test is a process of its own

static bool all_decided_in(uint64_t height, uint32_t round)
{
    for (size_t i = 0; i < net.n; i++) {
        if (net.nodes[i].head != height || net.nodes[i].head_round != round) return false;
    }
    return true;
}

Test(qbft, happy_path)
{
    static const size_t sizes[] = {1, 2, 3, 4, 7, 10};
    static const enum qbft_wire wires[] = {QBFT_WIRE_BESU26, QBFT_WIRE_BESU25, QBFT_WIRE_GOQUORUM};
    for (size_t w = 0; w < ARRAY_LEN(wires); w++) {
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            qbft_net_init(&net, sizes[s], wires[w], s);
            cr_expect(qbft_net_run_to(&net, 5, 8000), "n=%zu", sizes[s]);
            size_t built = 0;
            for (size_t i = 0; i < net.n; i++) {
                cr_expect_eq(net.nodes[i].head_round, 0);
                cr_expect_eq(net.nodes[i].blamed, 0);
                for (size_t h = 1; h <= 5; h++) built += net.nodes[i].built[h];
            }
            cr_expect_eq(built, 5, "n=%zu: one builder per height, not %zu", sizes[s], built);
            qbft_net_deinit(&net);
        }
    }
}

/// Besu's rule and GoQuorum's, as the fact sheet 3 has them.
Test(qbft, proposers_take_turns)
{
    address_t v[4] = {{{1}}, {{3}}, {{5}}, {{7}}};
    const address_t none = {{0}};
    const address_t between = {{4}};
    const address_t last = {{9}};
    static const struct {
        const char *name;
        int previous; // index, -1: zero address, -2: between 3 and 5, -3: above all
        uint64_t height;
        uint32_t round;
        enum qbft_wire wire;
        size_t want;
    } cases[] = {
        {"after the first", 0, 9, 0, QBFT_WIRE_BESU26, 1},
        {"after the last", 3, 9, 0, QBFT_WIRE_BESU26, 0},
        {"round adds", 1, 9, 3, QBFT_WIRE_BESU26, 1},
        {"block 1", -1, 1, 0, QBFT_WIRE_BESU26, 0},
        {"voted out: the next above", -2, 9, 0, QBFT_WIRE_BESU26, 2},
        {"voted out: none above", -3, 9, 1, QBFT_WIRE_BESU26, 1},
        {"GoQuorum block 1", -1, 1, 0, QBFT_WIRE_GOQUORUM, 0},
        {"GoQuorum voted out", -2, 9, 0, QBFT_WIRE_GOQUORUM, 1},
        {"GoQuorum in the set", 2, 9, 0, QBFT_WIRE_GOQUORUM, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const address_t *previous = cases[i].previous >= 0    ? &v[cases[i].previous]
                                    : cases[i].previous == -1 ? &none
                                    : cases[i].previous == -2 ? &between
                                                              : &last;
        const address_t *p =
            qbft_proposer(v, 4, previous, cases[i].height, cases[i].round, cases[i].wire);
        cr_expect_eq(p, &v[cases[i].want], "%s", cases[i].name);
    }
}

static bool from_node(void *ctx, const struct net_letter *l)
{
    return l->from == *(const size_t *)ctx;
}

Test(qbft, silent_proposer_costs_a_round)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 1);
    size_t silent = 0; // proposes block 1
    net.lost = from_node;
    net.ctx = &silent;
    cr_expect(qbft_net_run_to(&net, 1, 10000));
    cr_expect(all_decided_in(1, 1));
    qbft_net_deinit(&net);
}

Test(qbft, one_third_down_goes_on)
{
    qbft_net_init(&net, 7, QBFT_WIRE_BESU26, 3);
    qbft_net_kill(&net, 2);
    qbft_net_kill(&net, 5);
    cr_expect(qbft_net_run_to(&net, 10, 120000));
    qbft_net_deinit(&net);

    // One more, and nothing moves; back again, and it goes on.
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 3);
    cr_expect(qbft_net_run_to(&net, 2, 10000));
    qbft_net_kill(&net, 2);
    qbft_net_kill(&net, 3);
    qbft_net_run_ms(&net, 3600 * 1000);
    cr_expect_leq(net.nodes[0].head, 3);
    struct qbft_view v;
    qbft_look(net.nodes[0].core, &v);
    cr_expect_leq(v.round, 2, "an hour alone must not drive the round up: %u", v.round);
    const uint64_t before = net.nodes[0].head;
    qbft_net_start(&net, 2);
    cr_expect(qbft_net_run_to(&net, before + 2, 30000), "no block after healing");
    qbft_net_deinit(&net);
}

Test(qbft, f_plus_1_round_changes_pull_along)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 4);
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1024 * 1024)));
    struct qbft_view v;
    const struct qbft_send five = {.code = QBFT_ROUND_CHANGE, .sequence = 1, .round = 5};
    const struct qbft_send nine = {.code = QBFT_ROUND_CHANGE, .sequence = 1, .round = 9};
    cr_expect(
        err_ok(qbft_net_deliver(&net, 0, QBFT_ROUND_CHANGE, qbft_net_forge(&net, &a, 1, &nine))));
    qbft_look(net.nodes[0].core, &v);
    cr_expect_eq(v.round, 0, "one validator moves nobody");
    cr_expect(
        err_ok(qbft_net_deliver(&net, 0, QBFT_ROUND_CHANGE, qbft_net_forge(&net, &a, 1, &five))));
    qbft_look(net.nodes[0].core, &v);
    cr_expect_eq(v.round, 0, "nor does he by saying it twice");
    cr_expect(
        err_ok(qbft_net_deliver(&net, 0, QBFT_ROUND_CHANGE, qbft_net_forge(&net, &a, 2, &nine))));
    qbft_look(net.nodes[0].core, &v);
    cr_expect_eq(v.round, 5, "f+1 do, to the lowest of their rounds");
    cr_expect(net.nodes[0].disk.round_change_sent);
    cr_expect_eq(net.nodes[0].disk.round, 5);
    arena_deinit(&a);
    qbft_net_deinit(&net);
}

Test(qbft, invalid_block_gets_no_votes)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 5);
    for (size_t i = 1; i < 4; i++) net.nodes[i].refuse_blocks = true;
    qbft_net_run_ms(&net, 900); // round 0 of block 1 comes to nothing
    for (size_t i = 0; i < 4; i++) cr_expect_eq(net.nodes[i].head, 0);
    for (size_t i = 1; i < 4; i++) {
        net.nodes[i].refuse_blocks = false;
        cr_expect(!net.nodes[i].disk.prepare.sent);
    }
    cr_expect(qbft_net_run_to(&net, 2, 20000));
    qbft_net_deinit(&net);
}

/// What is not justified is refused, its author named, and nothing moves (threat model 4.2).
Test(qbft, unjustified_messages_change_nothing)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 12);
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 16 * 1024 * 1024)));
    const hash_t none = {{0}};
    struct qbft_send s = {.code = QBFT_PROPOSAL, .sequence = 1, .round = 1};
    // The proposer of round 1, without any round change.
    s.block = qbft_net_block(&net, &a, 1, 1, &none, 1, 1000000001, 77);
    cr_expect_eq(qbft_net_deliver(&net, 2, s.code, qbft_net_forge(&net, &a, 1, &s)).kind,
                 ERR_INVALID);
    // The right round, the wrong proposer.
    s.round = 0;
    s.block = qbft_net_block(&net, &a, 3, 1, &none, 0, 1000000001, 78);
    cr_expect_eq(qbft_net_deliver(&net, 2, s.code, qbft_net_forge(&net, &a, 3, &s)).kind,
                 ERR_INVALID);
    // A claim to have prepared that one Prepare stands behind (sigp/anchor#549).
    const struct qbft_send prepare = {.code = QBFT_PREPARE, .sequence = 1, .digest = {{3}}};
    const bytes_t prepares[] = {qbft_net_forge(&net, &a, 1, &prepare)};
    s = (struct qbft_send){.code = QBFT_ROUND_CHANGE,
                           .sequence = 1,
                           .round = 2,
                           .has_prepared = true,
                           .digest = {{3}},
                           .block = qbft_net_block(&net, &a, 1, 1, &none, 0, 1000000001, 79),
                           .prepares = prepares,
                           .prepare_count = 1};
    cr_expect_eq(qbft_net_deliver(&net, 2, s.code, qbft_net_forge(&net, &a, 1, &s)).kind,
                 ERR_INVALID);
    cr_expect_eq(net.nodes[2].blamed, 3);
    struct qbft_view v;
    qbft_look(net.nodes[2].core, &v);
    cr_expect_eq(v.round, 0);
    cr_expect_eq(v.phase, QBFT_IDLE);
    cr_expect_eq(net.vote_count, 0);

    // And an old height is nobody's business.
    cr_expect(qbft_net_run_to(&net, 2, 10000));
    const struct qbft_send old = {.code = QBFT_PREPARE, .sequence = 1, .digest = {{4}}};
    const size_t votes = net.vote_count;
    cr_expect(err_ok(qbft_net_deliver(&net, 2, old.code, qbft_net_forge(&net, &a, 1, &old))));
    cr_expect_eq(net.nodes[2].evidence, 0);
    cr_expect_eq(net.vote_count, votes);
    arena_deinit(&a);
    qbft_net_deinit(&net);
}

/// A RoundChange to round 1 with a full certificate of round 0 for a block of this tag.
static bytes_t locked_round_change(struct arena *a, size_t author, uint64_t tag)
{
    const hash_t none = {{0}};
    const bytes_t block = qbft_net_block(&net, a, 0, 1, &none, 0, 1000000001, tag);
    struct qbft_block b;
    cr_assert(err_ok(qbft_block_decode(&b, a, block)));
    struct qbft_send prepare = {.code = QBFT_PREPARE, .sequence = 1};
    cr_assert(err_ok(qbft_digest(&prepare.digest, &b.header, 0, QBFT_WIRE_BESU26)));
    const bytes_t prepares[] = {qbft_net_forge(&net, a, 0, &prepare),
                                qbft_net_forge(&net, a, 2, &prepare),
                                qbft_net_forge(&net, a, 3, &prepare)};
    const struct qbft_send s = {.code = QBFT_ROUND_CHANGE,
                                .sequence = 1,
                                .round = 1,
                                .has_prepared = true,
                                .digest = prepare.digest,
                                .block = block,
                                .prepares = prepares,
                                .prepare_count = 3};
    return qbft_net_forge(&net, a, author, &s);
}

static bool everything(void *ctx, const struct net_letter *l)
{
    (void)ctx, (void)l;
    return true;
}

/// Two certificates of one round need more than f liars; then the proposer, who holds its own
/// proposal to the rules of all others, proposes nothing. With one certificate it proposes that.
Test(qbft, the_proposer_checks_its_own_proposal)
{
    for (uint64_t liars = 0; liars < 2; liars++) {
        qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 13);
        net.lost = everything;
        struct arena a;
        cr_assert(err_ok(arena_init(&a, 16 * 1024 * 1024)));
        cr_expect(
            err_ok(qbft_net_deliver(&net, 1, QBFT_ROUND_CHANGE, locked_round_change(&a, 2, 50))));
        cr_expect(err_ok(
            qbft_net_deliver(&net, 1, QBFT_ROUND_CHANGE, locked_round_change(&a, 3, 50 + liars))));
        qbft_net_run_ms(&net, 100); // its own round change comes back to it
        const struct guard_record *r = &net.nodes[1].disk;
        cr_expect_eq(r->round, 1);
        cr_expect(r->round_change_sent);
        cr_expect_eq(r->proposal.sent, liars == 0);
        cr_expect_eq(net.nodes[1].built[1], 0);
        arena_deinit(&a);
        qbft_net_deinit(&net);
    }
}

Test(qbft, on_demand_waits_for_transactions)
{
    qbft_net_init(&net, 1, QBFT_WIRE_BESU26, 6);
    net.on_demand = true;
    cr_expect(qbft_net_run_to(&net, 1, 3000)); // the first head was set before
    const size_t built = net.nodes[0].built[2];
    // The timer is due, the builder finds nothing: no block, and the core is idle again.
    qbft_net_step(&net);
    struct qbft_view v;
    qbft_look(net.nodes[0].core, &v);
    cr_expect_eq(net.nodes[0].head, 1);
    cr_expect_eq(v.phase, QBFT_IDLE);
    cr_expect_eq(net.nodes[0].built[2], built + 1);
    qbft_net_deinit(&net);
}

/// Threat model 4.2, "future heights and rounds".
Test(qbft, early_messages_are_kept_within_bounds)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 7);
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 64 * 1024 * 1024)));
    struct qbft_view v;
    struct qbft_send s = {.code = QBFT_PREPARE, .sequence = 12};
    cr_expect(err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 1, &s))));
    qbft_look(net.nodes[0].core, &v);
    cr_expect_eq(v.future_count, 0, "further than ten heights");
    size_t refused = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        s.sequence = 2 + i % 10;
        s.round = i / 10;
        const err_t err = qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 1, &s));
        if (err.kind == ERR_FULL) refused++;
    }
    qbft_look(net.nodes[0].core, &v);
    cr_expect_eq(v.future_count, 250, "one author has its share: %zu", v.future_count);
    cr_expect_eq(refused, 1750);
    s = (struct qbft_send){.code = QBFT_COMMIT, .sequence = 3};
    cr_expect(err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 2, &s))));
    cr_expect(err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 2, &s))));
    qbft_look(net.nodes[0].core, &v);
    cr_expect_eq(v.future_count, 251, "others are not crowded out, and nothing is kept twice");
    arena_deinit(&a);
    qbft_net_deinit(&net);
}

static bool to_node_in_height_1(void *ctx, const struct net_letter *l)
{
    return l->to == *(const size_t *)ctx && l->height == 1;
}

Test(qbft, a_late_node_uses_what_came_early)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 8);
    size_t late = 3;
    net.lost = to_node_in_height_1;
    net.ctx = &late;
    qbft_net_run_ms(&net, 2500); // the others decide heights 1 and 2
    struct qbft_view v;
    qbft_look(net.nodes[late].core, &v);
    cr_expect_eq(net.nodes[0].head, 2);
    cr_expect_eq(net.nodes[late].head, 0);
    cr_expect_gt(v.future_count, 0);
    // Block 1 comes by synchronisation; everything of height 2 is there already.
    struct net_node *n = &net.nodes[late];
    n->head = 1;
    n->head_hash = n->chain[1] = net.nodes[0].chain[1];
    n->head_time_s = 1000000001;
    n->head_proposer = net.nodes[0].address;
    qbft_net_tell_head(&net, late);
    cr_expect_eq(n->head, 2, "decided from what was kept");
    qbft_net_deinit(&net);
}

Test(qbft, equivocation_is_evidence_and_strangers_are_blamed)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 9);
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1024 * 1024)));
    struct qbft_send s = {.code = QBFT_PREPARE, .sequence = 1, .digest = {{1}}};
    cr_expect(err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 1, &s))));
    cr_expect(err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 1, &s))));
    cr_expect_eq(net.nodes[0].evidence, 0, "the same again is none");
    s.digest.b[0] = 2;
    cr_expect(err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 1, &s))));
    cr_expect_eq(net.nodes[0].evidence, 1);

    net.nodes[9].address.b[0] = 0x77;
    const err_t err = qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 9, &s));
    cr_expect_eq(err.kind, ERR_INVALID);
    cr_expect_eq(net.nodes[0].blamed, 1);

    // A second process with our key: we stop signing.
    cr_expect(err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 0, &s))));
    cr_expect(net.nodes[0].self_conflict);
    struct qbft_view v;
    qbft_look(net.nodes[0].core, &v);
    cr_expect(v.muted && !v.is_validator);
    arena_deinit(&a);
    qbft_net_deinit(&net);
}

/// However late: the round of both may be over, and the second need not be justified.
Test(qbft, evidence_of_every_kind_after_its_round)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 10);
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1024 * 1024)));
    const hash_t parent = net.nodes[0].head_hash;
    const struct qbft_send twice[][2] = {
        {{.code = QBFT_PROPOSAL,
          .block = qbft_net_block(&net, &a, 0, 1, &parent, 0, 1000000001, 1)},
         {.code = QBFT_PROPOSAL,
          .block = qbft_net_block(&net, &a, 0, 1, &parent, 7, 1000000001, 2)}},
        {{.code = QBFT_PREPARE, .digest = {{1}}}, {.code = QBFT_PREPARE, .digest = {{2}}}},
        {{.code = QBFT_COMMIT, .digest = {{1}}}, {.code = QBFT_COMMIT, .digest = {{2}}}},
        {{.code = QBFT_ROUND_CHANGE, .round = 1},
         {.code = QBFT_ROUND_CHANGE,
          .round = 1,
          .has_prepared = true,
          .digest = {{3}},
          .block = qbft_net_block(&net, &a, 0, 1, &parent, 0, 1000000001, 3)}},
    };
    for (size_t i = 0; i < ARRAY_LEN(twice); i++) { // validator 0 has the first turn
        struct qbft_send s = twice[i][0];
        s.sequence = 1;
        cr_expect(err_ok(qbft_net_deliver(&net, 3, s.code, qbft_net_forge(&net, &a, 0, &s))));
    }
    for (size_t author = 0; author < 2; author++) { // f+1 are in round 4: so is 3
        const struct qbft_send s = {.code = QBFT_ROUND_CHANGE, .sequence = 1, .round = 4};
        cr_expect(err_ok(qbft_net_deliver(&net, 3, s.code, qbft_net_forge(&net, &a, author, &s))));
    }
    qbft_net_run_ms(&net, 5); // over round 1, which 0 wanted as well
    struct qbft_view v;
    qbft_look(net.nodes[3].core, &v);
    cr_assert_eq(v.round, 4);
    for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
        for (size_t k = 0; k < 2; k++) {
            struct qbft_send s = twice[i][k];
            s.sequence = 1;
            cr_expect(err_ok(qbft_net_deliver(&net, 3, s.code, qbft_net_forge(&net, &a, 0, &s))));
            cr_expect_eq(net.nodes[3].evidence, i + k, "kind %zu, %zu", i, k);
        }
    }
    arena_deinit(&a);
    qbft_net_deinit(&net);
}

/// --- restarts: threat model 4.3 ---

/// How many seeds; CAIRN_SEEDS=10 for ten times as many.
static uint64_t seeds(uint64_t usual)
{
    const char *times = getenv("CAIRN_SEEDS");
    return usual * (times == NULL ? 1 : strtoull(times, NULL, 10));
}

Test(qbft, killed_after_every_record)
{
    size_t restarts = 0;
    for (uint64_t seed = 1; seed <= seeds(60); seed++) {
        qbft_net_init(&net, seed % 3 == 0 ? 1 : 4, QBFT_WIRE_BESU26, seed);
        net.crash_percent = 15;
        net.max_delay_ms = 40;
        const uint64_t until = net.now_ms + 900 * 1000;
        while (net.now_ms < until && net.nodes[0].head < 12) {
            if (!qbft_net_step(&net)) net.now_ms += 100;
            if (qbft_net_random(&net, 300) == 0) qbft_net_sync(&net);
            for (size_t i = 0; i < net.n; i++) {
                if (net.nodes[i].alive || qbft_net_random(&net, 20) != 0) continue;
                qbft_net_start(&net, i);
                restarts++;
            }
        }
        net.crash_percent = 0;
        for (size_t i = 0; i < net.n; i++) {
            if (!net.nodes[i].alive) qbft_net_start(&net, i);
        }
        qbft_net_sync(&net);
        cr_expect_gt(net.nodes[0].head, 0);
        cr_expect(qbft_net_run_to(&net, net.nodes[0].head + 2, 240 * 1000),
                  "seed %llu stands still at %llu", (unsigned long long)seed,
                  (unsigned long long)net.nodes[0].head);
        qbft_net_deinit(&net);
    }
    printf("restarts: %zu\n", restarts);
    cr_expect_gt(restarts, 1000);
}

Test(qbft, loss_delay_restarts_then_healing)
{
    size_t higher_rounds = 0;
    for (uint64_t seed = 1; seed <= seeds(40); seed++) {
        const size_t n = seed % 4 == 0 ? 7 : 4;
        qbft_net_init(&net, n, seed % 5 == 0 ? QBFT_WIRE_GOQUORUM : QBFT_WIRE_BESU26, seed);
        net.loss_percent = (unsigned)qbft_net_random(&net, 40);
        net.max_delay_ms = 1 + (unsigned)qbft_net_random(&net, 1500);
        const uint64_t until = net.now_ms + 120 * 1000;
        while (net.now_ms < until) {
            if (!qbft_net_step(&net)) break;
            if (qbft_net_random(&net, 400) == 0) {
                const size_t i = qbft_net_random(&net, n);
                qbft_net_kill(&net, i);
                qbft_net_start(&net, i);
            }
            if (qbft_net_random(&net, 300) == 0) qbft_net_sync(&net);
            if (net.nodes[0].head > 40) break;
            higher_rounds += net.nodes[0].head_round > 0;
        }
        // Whoever missed a block gets it by synchronisation.
        net.loss_percent = 0;
        net.max_delay_ms = 5;
        qbft_net_sync(&net);
        const uint64_t top = net.nodes[0].head;
        cr_expect(qbft_net_run_to(&net, top + 3, 240 * 1000), "seed %llu does not heal",
                  (unsigned long long)seed);
        qbft_net_deinit(&net);
    }
    cr_expect_gt(higher_rounds, 0);
}

Test(qbft, a_guard_ahead_of_the_chain_keeps_silent)
{
    qbft_net_init(&net, 1, QBFT_WIRE_BESU26, 11);
    net.nodes[0].disk = (struct guard_record){.height = 3, .prepare = {true, {{1}}}};
    qbft_net_kill(&net, 0);
    qbft_net_start(&net, 0);
    qbft_net_run_ms(&net, 60 * 1000);
    cr_expect_eq(net.nodes[0].head, 0, "a store older than the guard signs nothing");
    cr_expect_eq(net.vote_count, 0);
    qbft_net_deinit(&net);
}

/// Goal: a clock that is set back moves what the core waits for along, where it counts from our clock,
/// and leaves alone what counts from the head's timestamp; a block made then has the new time.
Test(qbft, clock_set_back)
{
    static const struct {
        const char *name;
        bool period_is_ms;
        bool on_demand;
        uint64_t ahead_ms; ///< of the head's timestamp, at first
    } cases[] = {
        {"milliseconds", true, false, 3600000},
        {"milliseconds, on demand", true, true, 3600000},
        {"seconds", false, false, 3600000},
        {"no step", true, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        qbft_net_init(&net, 1, QBFT_WIRE_BESU26, i);
        struct net_node *v = &net.nodes[0];
        const uint64_t true_ms = UINT64_C(1800000000000);
        const struct qbft_head head = {.number = 9,
                                       .timestamp_s = true_ms / 1000,
                                       .validators = net.validators,
                                       .validator_count = 1,
                                       .block_period_ms = 2000,
                                       .empty_block_period_ms = 60000,
                                       .period_is_ms = cases[i].period_is_ms,
                                       .on_demand = cases[i].on_demand,
                                       .request_timeout_ms = 1000,
                                       .max_request_timeout_ms = 4000};
        struct qbft_event ev = {
            .now_ms = true_ms + cases[i].ahead_ms, .kind = QBFT_EV_NEW_BLOCK, .new_block = &head};
        cr_assert(err_ok(qbft_step(v->core, &v->fx, &ev)));

        ev = (struct qbft_event){.now_ms = true_ms, .kind = QBFT_EV_CLOCK_BACK};
        cr_assert(err_ok(qbft_step(v->core, &v->fx, &ev)));
        const bool moves = cases[i].period_is_ms && cases[i].ahead_ms != 0;
        cr_assert_eq(v->fx.count, moves ? 1 : 0, "%s: %zu effects", cases[i].name, v->fx.count);
        if (moves) {
            const struct qbft_effect *e = &v->fx.items[0];
            cr_expect_eq(e->kind, QBFT_FX_SET_TIMER, "%s", cases[i].name);
            cr_expect_eq(e->set_timer.timer, QBFT_TIMER_BLOCK, "%s", cases[i].name);
            cr_expect_eq(e->set_timer.at_ms, true_ms + 2000, "%s", cases[i].name);
            cr_expect_eq(e->set_timer.idle_at_ms, cases[i].on_demand ? QBFT_NEVER : true_ms + 60000,
                         "%s", cases[i].name);
        }

        ev = (struct qbft_event){
            .now_ms = true_ms + 2500, .kind = QBFT_EV_BLOCK_TIMEOUT, .timeout = {.height = 10}};
        cr_assert(err_ok(qbft_step(v->core, &v->fx, &ev)));
        const struct qbft_effect *build = NULL;
        for (size_t k = 0; k < v->fx.count; k++)
            if (v->fx.items[k].kind == QBFT_FX_BUILD) build = &v->fx.items[k];
        cr_assert(build != NULL, "%s", cases[i].name);
        cr_expect_leq(build->build.timestamp_s, (true_ms + 3000) / 1000, "%s", cases[i].name);
        cr_expect_not(build->build.allow_empty, "%s: an empty one is not due", cases[i].name);
        qbft_net_deinit(&net);
    }
}
