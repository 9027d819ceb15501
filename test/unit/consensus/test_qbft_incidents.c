// SPDX-License-Identifier: Apache-2.0
/// Goal: what stopped other implementations (the fact sheet's list of incidents) does not stop
/// this one. test/sim/README.md lists each incident with its test, here or elsewhere.

#include <criterion/criterion.h>

#include "test/unit/consensus/qbft_net.h"

static struct qbft_net net; // large; each test is a process of its own

static bool all_decided_in(uint64_t height, uint32_t round)
{
    for (size_t i = 0; i < net.n; i++) {
        if (net.nodes[i].head != height || net.nodes[i].head_round != round) return false;
    }
    return true;
}

/// A round change to `round` by each of these, as if it had been sent long ago.
static void hear_round_changes(size_t to, const size_t *authors, size_t count, uint64_t height,
                               uint32_t round)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1024 * 1024)));
    const struct qbft_send s = {.code = QBFT_ROUND_CHANGE, .sequence = height, .round = round};
    for (size_t i = 0; i < count; i++)
        cr_assert(
            err_ok(qbft_net_deliver(&net, to, s.code, qbft_net_forge(&net, &a, authors[i], &s))));
    arena_deinit(&a);
}

/// besu#10499, #9977, #10204: half of the network sends the other form.
Test(qbft_incidents, besu_10499_both_forms_are_understood)
{
    static const enum qbft_wire wires[] = {QBFT_WIRE_BESU25, QBFT_WIRE_BESU26};
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 1);
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1024 * 1024)));
    for (size_t w = 0; w < ARRAY_LEN(wires); w++) {
        const bytes_t block = qbft_net_block(&net, &a, w, 1 + w, &net.nodes[0].head_hash, 0,
                                             net.nodes[0].head_time_s + 1, w);
        struct qbft_send s = {.code = QBFT_PROPOSAL, .sequence = 1 + w, .block = block};
        net.wire = wires[w];
        const bytes_t proposal = qbft_net_forge(&net, &a, w, &s);
        s = (struct qbft_send){.code = QBFT_ROUND_CHANGE, .sequence = 1, .round = 1};
        const bytes_t round_change = qbft_net_forge(&net, &a, 1 + w, &s);
        net.wire = QBFT_WIRE_BESU26;
        cr_expect(err_ok(qbft_net_deliver(&net, 3, QBFT_PROPOSAL, proposal)));
        cr_expect(err_ok(qbft_net_deliver(&net, 3, QBFT_ROUND_CHANGE, round_change)));
        cr_expect_eq(net.nodes[3].blamed, 0, "%s", net.nodes[3].last_blame);
    }
    struct qbft_view v;
    qbft_look(net.nodes[3].core, &v);
    cr_expect_eq(v.round, 1, "two round changes, one of each form, are f+1");
    arena_deinit(&a);
    qbft_net_deinit(&net);
}

/// besu#7875, #3785, #6613: prepared in round 0 and again in round 1 without a decision, decided in round 2.
static bool commits_before_round(void *ctx, const struct net_letter *l)
{
    return l->code == QBFT_COMMIT && l->round < *(const uint32_t *)ctx;
}

Test(qbft_incidents, besu_7875_a_prepared_block_is_proposed_again)
{
    static const enum qbft_wire wires[] = {QBFT_WIRE_BESU26, QBFT_WIRE_BESU25, QBFT_WIRE_GOQUORUM};
    for (size_t w = 0; w < ARRAY_LEN(wires); w++) {
        qbft_net_init(&net, 4, wires[w], 2);
        uint32_t until = 2;
        net.lost = commits_before_round;
        net.ctx = &until;
        cr_expect(qbft_net_run_to(&net, 1, 30000));
        cr_expect(all_decided_in(1, 2), "round %u", net.nodes[0].head_round);
        // One block only was ever built, and its builder stays its coinbase.
        size_t built = 0;
        for (size_t i = 0; i < 4; i++) built += net.nodes[i].built[1];
        cr_expect_eq(built, 1);
        cr_expect(address_eq(&net.nodes[1].head_proposer, &net.nodes[0].address));
        qbft_net_deinit(&net);
    }
}

/// besu#2095: the round's timer must not run while the block period does, whatever is heard.
Test(qbft_incidents, besu_2095_no_round_passes_within_the_block_period)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 2);
    net.block_period_ms = 10000; // ten times the round's timeout
    cr_expect(qbft_net_run_to(&net, 1, 30000));
    for (uint64_t height = 2; height <= 5; height++) {
        // One liar is in a hurry.
        static const size_t liar = 3;
        for (size_t to = 0; to < 3; to++) hear_round_changes(to, &liar, 1, height, 1);
        cr_expect(qbft_net_run_to(&net, height, 11000), "height %zu", (size_t)height);
        cr_expect(all_decided_in(height, 0), "height %zu took a round", (size_t)height);
    }
    qbft_net_deinit(&net);
}

/// besu#10917, #10153, #11031: the empty-block period and the round timers.
Test(qbft_incidents, besu_10917_idle_waiting_costs_no_round)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 3);
    net.empty_block_period_ms = 30000;
    for (size_t i = 0; i < 4; i++) net.nodes[i].idle = true;
    cr_expect(qbft_net_run_to(&net, 1, 2000), "the first height was due before they were idle");

    // Nothing waits: an empty block after the empty period, in round 0.
    const uint64_t begun_ms = net.now_ms;
    qbft_net_run_ms(&net, 25000);
    cr_expect(all_decided_in(1, 0));
    for (size_t i = 0; i < 4; i++) {
        struct qbft_view v;
        qbft_look(net.nodes[i].core, &v);
        cr_expect_eq(v.phase, QBFT_IDLE);
        cr_expect_eq(v.round, 0, "no round passes while nothing is to be done");
    }
    cr_expect(qbft_net_run_to(&net, 2, 10000));
    cr_expect(all_decided_in(2, 0));
    cr_expect_leq(net.now_ms - begun_ms, 32000);

    // A transaction after 3 s is in a block at once.
    qbft_net_run_ms(&net, 3000);
    for (size_t i = 0; i < 4; i++) qbft_net_set_work(&net, i, true);
    cr_expect(qbft_net_run_to(&net, 3, 500));
    cr_expect(all_decided_in(3, 0));

    // It comes to one node only, which is not the proposer: that costs rounds, not the period.
    for (size_t i = 0; i < 4; i++) qbft_net_set_work(&net, i, false);
    qbft_net_run_ms(&net, 3000);
    qbft_net_set_work(&net, 1, true);
    cr_expect(qbft_net_run_to(&net, 4, 15000), "a transaction that only one node has");

    // And the proposer is dead.
    for (size_t i = 0; i < 4; i++) qbft_net_set_work(&net, i, false);
    qbft_net_run_ms(&net, 3000);
    struct qbft_view v;
    qbft_look(net.nodes[0].core, &v);
    for (size_t i = 0; i < 4; i++) {
        if (address_eq(&net.nodes[i].address, &v.proposer))
            qbft_net_kill(&net, i);
        else
            qbft_net_set_work(&net, i, true);
    }
    cr_expect(qbft_net_run_to(&net, 5, 5000), "the next proposer makes it");
    qbft_net_deinit(&net);
}

/// besu#10052: the block timer of a height that came by synchronisation meanwhile.
Test(qbft_incidents, besu_10052_a_block_timer_of_the_past_starts_nothing)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 4);
    cr_expect(qbft_net_run_to(&net, 2, 5000));
    struct net_node *v = &net.nodes[0];
    for (uint64_t height = 1; height <= 2; height++) {
        const struct qbft_event ev = {
            .now_ms = net.now_ms, .kind = QBFT_EV_BLOCK_TIMEOUT, .timeout = {.height = height}};
        cr_expect(err_ok(qbft_step(v->core, &v->fx, &ev)));
        cr_expect_eq(v->fx.count, 0, "height %zu", (size_t)height);
    }
    struct qbft_view view;
    qbft_look(v->core, &view);
    cr_expect_eq(view.phase, QBFT_IDLE);
    cr_expect(qbft_net_run_to(&net, 4, 5000));
    qbft_net_deinit(&net);
}

/// besu#6457, #8308: a single validator starts again and waits for nobody.
Test(qbft_incidents, besu_6457_a_single_validator_restarts)
{
    qbft_net_init(&net, 1, QBFT_WIRE_BESU26, 5);
    for (uint64_t height = 2; height <= 20; height += 2) {
        cr_expect(qbft_net_run_to(&net, height, 10000));
        qbft_net_run_ms(&net, 100 * height);
        qbft_net_kill(&net, 0);
        qbft_net_run_ms(&net, 3000);
        qbft_net_start(&net, 0);
    }
    qbft_net_deinit(&net);
}

/// besu#8307: one of two validators loses all it had, and the operator lets it sign again.
Test(qbft_incidents, besu_8307_one_of_two_validators_is_wiped)
{
    qbft_net_init(&net, 2, QBFT_WIRE_BESU26, 6);
    cr_expect(qbft_net_run_to(&net, 3, 10000));
    qbft_net_kill(&net, 1);
    qbft_net_run_ms(&net, 60000);
    const uint64_t stuck = net.nodes[0].head;
    net.nodes[1].head = 0;
    net.nodes[1].disk = (struct guard_record){.height = 0};
    qbft_net_start(&net, 1); // blocks come by synchronisation
    cr_expect(qbft_net_run_to(&net, stuck + 3, 20000));
    qbft_net_deinit(&net);
}

/// besu#8425: the second validator is voted in, and the chain goes on; it is voted out again.
Test(qbft_incidents, besu_8425_from_one_validator_to_two_and_back)
{
    qbft_net_init(&net, 2, QBFT_WIRE_BESU26, 7);
    for (size_t h = 0; h < ARRAY_LEN(net.set_count); h++) net.set_count[h] = h / 4 % 2 + 1;
    for (size_t i = 0; i < 2; i++) qbft_net_start(&net, i);
    for (uint64_t tries = 0; tries < 40 && net.nodes[1].head < 20; tries++) {
        qbft_net_run_ms(&net, 1000);
        qbft_net_sync(&net); // who is not in the set follows
    }
    cr_expect_geq(net.nodes[1].head, 20);
    qbft_net_deinit(&net);
}

static bool everything(void *ctx, const struct net_letter *l)
{
    (void)l;
    return *(const bool *)ctx;
}

/// besu#7642, quorum#1681, #1692: rounds have drifted apart; healed, they decide within two of
/// the longest timeouts.
Test(qbft_incidents, besu_7642_rounds_that_drifted_apart_meet)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        qbft_net_init(&net, 4, QBFT_WIRE_BESU26, seed);
        bool cut = true;
        net.lost = everything;
        net.ctx = &cut;
        static const size_t others[] = {1, 2};
        qbft_net_run_ms(&net, 5000 + seed * 700);
        hear_round_changes(0, others, 2, 1, 4); // it is three rounds ahead of the rest
        qbft_net_run_ms(&net, 10000 + seed * 900);
        struct qbft_view ahead;
        struct qbft_view behind;
        qbft_look(net.nodes[0].core, &ahead);
        qbft_look(net.nodes[3].core, &behind);
        cr_assert_geq(ahead.round, behind.round + 3);
        cut = false;
        cr_expect(qbft_net_run_to(&net, 1, 2 * (1000U << ahead.round)), "seed %zu", (size_t)seed);
        qbft_net_deinit(&net);
    }
}

/// Found by the simulator (seeds 859 and 353): one validator is a whole timeout ahead of the
/// others and timeouts no longer grow. Whoever comes first must wait for those who come.
Test(qbft_incidents, sim_859_who_comes_first_waits_for_the_others)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 9);
    qbft_net_kill(&net, 3); // every one of the others is needed
    bool cut = true;
    net.lost = everything;
    net.ctx = &cut;
    net.max_delay_ms = 30;
    qbft_net_run_ms(&net, 500);
    static const size_t others[] = {1, 2};
    static const size_t first[] = {0, 2};
    hear_round_changes(0, others, 2, 1, 9);
    qbft_net_run_ms(&net, 59980);
    hear_round_changes(1, first, 2, 1, 9);
    cut = false;
    cr_expect(qbft_net_run_to(&net, 1, 130000));
    qbft_net_deinit(&net);
}

/// besu#11102, #10897: one validator floods with rounds and with heights to come.
Test(qbft_incidents, besu_11102_a_flood_of_rounds_is_bounded)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 10);
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 64 * 1024 * 1024)));
    struct qbft_send s = {.code = QBFT_ROUND_CHANGE, .sequence = 1};
    size_t refused = 0;
    for (uint32_t round = 1; round <= 3000; round++) {
        s.round = round;
        if (!err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 1, &s)))) refused++;
    }
    cr_expect_eq(refused, 2000, "rounds above 1000: %zu", refused);
    struct qbft_view v;
    qbft_look(net.nodes[0].core, &v);
    cr_expect_eq(v.round, 0);
    cr_expect(qbft_net_run_to(&net, 5, 10000), "and blocks are made as before");
    cr_expect_eq(net.nodes[2].head_round, 0);
    arena_deinit(&a);
    qbft_net_deinit(&net);
}

/// quorum#583: a bad seal must not count, or the block would be spoilt.
Test(qbft_incidents, quorum_583_a_bad_seal_does_not_count)
{
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 10);
    uint32_t all = QBFT_MAX_ROUND;
    net.lost = commits_before_round;
    net.ctx = &all;
    qbft_net_run_ms(&net, 1300); // prepared, and no commits arrive
    struct qbft_view v;
    qbft_look(net.nodes[0].core, &v);
    cr_assert_eq(v.phase, QBFT_PREPARED);
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1024 * 1024)));
    struct qbft_send s = {.code = QBFT_COMMIT,
                          .sequence = 1,
                          .digest = net.nodes[0].disk.commit.digest,
                          .seal_hash = {{0xbb}}};
    cr_expect(err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 1, &s))));
    cr_expect_eq(net.nodes[0].blamed, 1);
    s.seal_hash = s.digest;
    cr_expect(err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 2, &s))));
    cr_expect_eq(net.nodes[0].head, 0, "own, one bad, one good: no quorum");
    cr_expect(err_ok(qbft_net_deliver(&net, 0, s.code, qbft_net_forge(&net, &a, 3, &s))));
    cr_expect_eq(net.nodes[0].head, 1, "own and two good: final");
    arena_deinit(&a);
    qbft_net_deinit(&net);
}
