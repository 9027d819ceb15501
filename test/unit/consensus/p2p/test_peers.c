// SPDX-License-Identifier: Apache-2.0
/// Goal: static nodes are called until they come, strangers get the places that are left, and who
/// misbehaves is left alone, unless the network needs him.

#include "consensus/p2p/peers.h"

#include <criterion/criterion.h>

static secp_pubkey_t ids[8];
static struct peers *p;

static void setup(void)
{
    cr_assert(err_ok(secp_setup()));
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct secret_key k;
        memset(k.b, (int)i + 1, sizeof k.b);
        cr_assert(err_ok(secp_pubkey_of(&ids[i], &k)));
    }
    const struct peers_options o = {.self = ids[0], .max_peers = 2};
    cr_assert(err_ok(peers_new(&p, &o)));
}

static void teardown(void)
{
    peers_free(p);
}

TestSuite(peers, .init = setup, .fini = teardown);

static struct enode node_of(size_t i)
{
    struct enode n = {.id = ids[i], .host = "127.0.0.1", .tcp = (uint16_t)(1000 + i)};
    return n;
}

static bool on(size_t i, bool we_called, uint64_t now_ms)
{
    enum p2p_reason why;
    bool other_goes;
    return peers_on_line(p, &ids[i], we_called, now_ms, &why, &other_goes);
}

Test(peers, backoff)
{
    const struct enode one = node_of(1);
    const struct enode self = node_of(0);
    struct enode n;
    cr_expect_eq(peers_add_static(p, &self, 0).kind, ERR_INVALID);
    cr_expect_eq(peers_deadline(p), UINT64_MAX);
    cr_assert(err_ok(peers_add_static(p, &one, 1000)));
    // Who is not reached is tried again soon, for as long as it takes; who sends us away is not.
    static const struct {
        enum peers_end how;
        uint64_t wait;
    } ends[] = {{PEERS_END_LOST, 1000},  {PEERS_END_LOST, 2000},    {PEERS_END_LOST, 2000},
                {PEERS_END_LOST, 2000},  {PEERS_END_TOLD, 4000},    {PEERS_END_TOLD, 8000},
                {PEERS_END_TOLD, 16000}, {PEERS_END_BREACH, 30000}, {PEERS_END_TOLD, 30000},
                {PEERS_END_LOST, 2000}};
    uint64_t now = 1000;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        cr_expect_eq(peers_deadline(p), now);
        cr_assert(peers_next_call(p, &n, now));
        cr_expect_eq(n.tcp, 1001);
        cr_expect_not(peers_next_call(p, &n, now), "one call at a time");
        peers_off_line(p, &ids[1], false, ends[i].how, now);
        cr_expect_not(peers_next_call(p, &n, now + ends[i].wait - 1), "end %zu", i);
        now += ends[i].wait;
    }
    // A line that held makes the wait short again.
    cr_assert(peers_next_call(p, &n, now));
    cr_expect(on(1, true, now));
    cr_expect_eq(peers_deadline(p), UINT64_MAX);
    peers_off_line(p, &ids[1], true, PEERS_END_LOST, now + 60000);
    cr_expect_eq(peers_deadline(p), now + 61000);
    // So does one that held for longer than the wait before it, but not a shorter one.
    static const struct {
        uint64_t held;
        uint64_t wait;
    } lines[] = {{500, 2000}, {1900, 4000}, {4100, 1000}, {1001, 1000}, {1000, 2000}};
    now += 61000;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        cr_assert(peers_next_call(p, &n, now));
        cr_expect(on(1, true, now));
        now += lines[i].held;
        peers_off_line(p, &ids[1], true, PEERS_END_TOLD, now);
        cr_expect_eq(peers_deadline(p), now + lines[i].wait, "line %zu", i);
        now += lines[i].wait;
    }
    cr_expect(peers_remove_static(p, &ids[1]));
    cr_expect_not(peers_remove_static(p, &ids[1]));
    cr_expect_eq(peers_deadline(p), UINT64_MAX);
}

Test(peers, places)
{
    enum p2p_reason why;
    bool other_goes;
    const struct enode three = node_of(3);
    cr_expect_not(peers_on_line(p, &ids[0], false, 0, &why, &other_goes));
    cr_expect_eq(why, P2P_SELF);
    cr_expect(on(1, false, 0));
    cr_expect(on(2, false, 0));
    cr_expect_not(peers_on_line(p, &ids[4], false, 0, &why, &other_goes));
    cr_expect_eq(why, P2P_TOO_MANY);
    cr_assert(err_ok(peers_add_static(p, &three, 0)));
    cr_expect(on(3, false, 0), "a place is kept for static nodes");
    const address_t five = secp_address(&ids[5]);
    peers_set_validators(p, &five, 1);
    cr_expect(on(5, false, 0), "and for validators");
    cr_expect(peers_is_expected(p, &ids[3]) && peers_is_expected(p, &ids[5]));
    cr_expect_not(peers_is_expected(p, &ids[1]));
    cr_expect_not(peers_is_expected(p, &ids[6]));
    cr_expect_eq(peers_lines(p), 4);
    peers_off_line(p, &ids[1], true, PEERS_END_LOST, 10);
    cr_expect(on(4, false, 20), "somebody has left");
}

Test(peers, allow_list)
{
    enum p2p_reason why;
    bool other_goes;
    struct enode n;
    const struct enode one = node_of(1);
    cr_assert(err_ok(peers_add_static(p, &one, 0)));
    cr_assert(err_ok(peers_set_allowed(p, &ids[2], 1, false)));
    cr_expect_not(peers_next_call(p, &n, 0), "not even static ones");
    cr_expect_not(peers_on_line(p, &ids[1], false, 0, &why, &other_goes));
    cr_expect_eq(why, P2P_REQUESTED);
    cr_expect(on(2, false, 0));
    cr_assert(err_ok(peers_set_allowed(p, NULL, 0, false)));
    cr_expect_not(peers_allowed(p, &ids[2]), "an empty list allows nobody");
    cr_assert(err_ok(peers_set_allowed(p, NULL, 0, true)));
    cr_expect(peers_allowed(p, &ids[1]));
}

/// Goal: of two lines between the same nodes both sides keep the same one, in whatever order they
/// come.
Test(peers, both_call)
{
    for (size_t lower = 0; lower < 2; lower++) {
        for (size_t ours_first = 0; ours_first < 2; ours_first++) {
            struct peers *q = NULL;
            const bool self_is_lower = memcmp(ids[0].b, ids[1].b, sizeof ids[0].b) < 0;
            const struct peers_options o = {
                .self = ids[lower == 1 ? !self_is_lower : self_is_lower], .max_peers = 2};
            const secp_pubkey_t other =
                memcmp(o.self.b, ids[0].b, sizeof other.b) == 0 ? ids[1] : ids[0];
            const bool we_are_lower = memcmp(o.self.b, other.b, sizeof other.b) < 0;
            enum p2p_reason why;
            bool goes;
            cr_assert(err_ok(peers_new(&q, &o)));
            cr_assert(peers_on_line(q, &other, ours_first != 0, 0, &why, &goes));
            const bool second = peers_on_line(q, &other, ours_first == 0, 0, &why, &goes);
            const bool ours_stays = second ? ours_first == 0 : ours_first != 0;
            cr_expect_eq(ours_stays, we_are_lower);
            cr_expect_eq(goes, second);
            if (!second) cr_expect_eq(why, P2P_ALREADY);
            cr_expect_not(peers_on_line(q, &other, ours_first != 0, 0, &why, &goes), "a third");
            peers_free(q);
        }
    }
}

Test(peers, a_lost_line_is_replaced)
{
    enum p2p_reason why;
    bool goes;
    for (size_t ours = 0; ours < 2; ours++) {
        cr_expect(on(1 + ours, ours != 0, 1000));
        cr_expect(
            peers_on_line(p, &ids[1 + ours], false, 1000 + PEERS_AT_ONCE_MS + 1, &why, &goes));
        cr_expect(goes);
        peers_off_line(p, &ids[1 + ours], true, PEERS_END_LOST, 7000);
        cr_expect_eq(peers_lines(p), 1 + ours, "the new one is on");
    }
}

Test(peers, points_and_bans)
{
    cr_expect(on(1, false, 0));
    for (int i = 0; i < 9; i++)
        cr_expect(peers_take_points(p, &ids[1], PEERS_USELESS_COSTS, 0), "%d", i);
    cr_expect_not(peers_take_points(p, &ids[1], PEERS_USELESS_COSTS, 0));
    for (int i = 0; i < 9; i++) cr_expect(peers_take_points(p, &ids[1], PEERS_USELESS_COSTS, 0));
    cr_expect(peers_take_points(p, &ids[1], PEERS_USELESS_COSTS, 200000), "20 came back");

    peers_off_line(p, &ids[1], true, PEERS_END_BREACH, 1000);
    cr_expect_not(on(1, false, 1000 + PEERS_BAN_MS - 1));
    cr_expect(on(1, false, 1000 + PEERS_BAN_MS));

    const address_t two = secp_address(&ids[2]);
    peers_set_validators(p, &two, 1);
    cr_expect(on(2, false, 0));
    peers_off_line(p, &ids[2], true, PEERS_END_BREACH, 0);
    cr_expect(on(2, false, 1), "a validator is needed");
}

/// Goal: what a caller has not proved changes nothing: a recorded handshake of a validator neither
/// takes his line nor keeps him from having one.
Test(peers, a_recording_changes_nothing)
{
    enum p2p_reason why;
    const struct enode one = node_of(1);
    struct enode n;
    cr_assert(err_ok(peers_add_static(p, &one, 0)));
    for (uint64_t now = 0; now < 100; now++)
        cr_expect(peers_would_take(p, &ids[1], false, now, &why));
    cr_expect_eq(peers_lines(p), 0);
    cr_expect(peers_next_call(p, &n, 100), "he is called as before");
    cr_expect(on(1, true, 200));
    cr_expect_not(peers_would_take(p, &ids[1], false, 300, &why) && !on(1, false, 300));
    cr_expect_eq(peers_lines(p), 1);
    cr_expect_not(peers_would_take(p, &ids[0], false, 0, &why));
    cr_expect_eq(why, P2P_SELF);
    peers_ban(p, &ids[2], 1000);
    cr_expect_not(peers_would_take(p, &ids[2], false, 1000, &why));
    cr_expect_eq(why, P2P_TOO_MANY);
    cr_expect(peers_would_take(p, &ids[2], false, 1000 + PEERS_BAN_MS, &why));
    peers_ban(p, &ids[1], 1000);
    cr_expect_neq((peers_would_take(p, &ids[1], false, 9000, &why), why), P2P_TOO_MANY,
                  "a static node is never banned");
}

static secp_pubkey_t crowd_id(uint32_t i)
{
    secp_pubkey_t id;
    memset(&id, 0, sizeof id);
    memcpy(id.b, &i, sizeof i);
    id.b[63] = 7;
    return id;
}

/// Goal: keys cost nothing, so any number of banned ones keeps nobody else out, and the latest bans
/// are the ones that hold.
Test(peers, a_crowd_of_banned_keys)
{
    enum p2p_reason why;
    bool goes;
    for (uint32_t i = 0; i < 3 * PEERS_KNOWN_MAX; i++) {
        const secp_pubkey_t id = crowd_id(i);
        cr_assert(peers_on_line(p, &id, false, i, &why, &goes), "%u", i);
        peers_off_line(p, &id, true, PEERS_END_BREACH, i);
    }
    const uint64_t now = 3 * PEERS_KNOWN_MAX;
    const secp_pubkey_t last = crowd_id(3 * PEERS_KNOWN_MAX - 1);
    const secp_pubkey_t recent = crowd_id(2 * PEERS_KNOWN_MAX + 1);
    cr_expect_not(peers_would_take(p, &last, false, now, &why));
    cr_expect_not(peers_would_take(p, &recent, false, now, &why));
    const address_t three = secp_address(&ids[3]);
    peers_set_validators(p, &three, 1);
    cr_expect(on(3, false, now), "a validator who was not known");
    cr_expect(on(4, false, now), "and a stranger");
    const struct enode five = node_of(5);
    cr_expect(err_ok(peers_add_static(p, &five, now)));
}

/// Goal: strangers do not push out what matters, and are forgotten.
Test(peers, crowd)
{
    const struct enode one = node_of(1);
    cr_assert(err_ok(peers_add_static(p, &one, 0)));
    for (uint32_t i = 0; i < 5000; i++) {
        secp_pubkey_t id;
        memset(&id, 0, sizeof id);
        memcpy(id.b, &i, sizeof i);
        id.b[63] = 7;
        enum p2p_reason why;
        bool goes;
        if (peers_on_line(p, &id, false, i, &why, &goes))
            peers_off_line(p, &id, true, i % 2 ? PEERS_END_BREACH : PEERS_END_TOLD, i);
    }
    cr_expect(peers_is_static(p, &ids[1]));
    cr_expect_eq(peers_lines(p), 0);
    cr_expect(on(2, false, 5000 + PEERS_BAN_MS));
}

/// Goal: found nodes are called while there are places, and not too many at once; the allow list, a
/// ban and being static come first; who cannot be had is called less and less.
Test(peers, found_nodes)
{
    struct enode n;
    const struct enode self = node_of(0);
    peers_add_found(p, &self, 1000);
    cr_expect_not(peers_next_call(p, &n, 1000), "that is us");
    for (size_t i = 1; i < 5; i++) {
        const struct enode node = node_of(i);
        peers_add_found(p, &node, 1000);
    }
    cr_expect(peers_next_call(p, &n, 1000));
    cr_expect_eq(n.tcp, 1001);
    cr_expect(peers_next_call(p, &n, 1000));
    cr_expect_not(peers_next_call(p, &n, 1000), "two places, two calls");
    cr_expect_eq(peers_deadline(p), UINT64_MAX);
    cr_expect(on(1, true, 1000));
    peers_off_line(p, &ids[2], false, PEERS_END_LOST, 1000);
    cr_expect(peers_next_call(p, &n, 1000));
    cr_expect_eq(n.tcp, 1003, "the next one, as the other waits");
    cr_expect(on(3, true, 1000));
    cr_expect_not(peers_next_call(p, &n, 100000), "no place is left");
    const address_t four = secp_address(&ids[4]);
    peers_set_validators(p, &four, 1);
    cr_expect(peers_next_call(p, &n, 100000), "but for a validator");
    cr_expect_eq(n.tcp, 1004);
    peers_off_line(p, &ids[3], true, PEERS_END_BREACH, 100000);
    peers_add_found(p, &(struct enode){.id = ids[3], .host = "10.0.0.3", .tcp = 9}, 100001);
    cr_expect(peers_next_call(p, &n, 100002));
    cr_expect_eq(n.tcp, 1002, "not the one that broke a rule");
}

Test(peers, found_nodes_and_the_lists)
{
    struct enode n;
    const struct enode one = node_of(1);
    const struct enode two = node_of(2);
    cr_assert(err_ok(peers_set_allowed(p, &ids[1], 1, false)));
    peers_add_found(p, &one, 1000);
    peers_add_found(p, &two, 1000);
    cr_expect(peers_next_call(p, &n, 1000));
    cr_expect_not(peers_next_call(p, &n, 1000), "not on the list");
    peers_off_line(p, &ids[1], false, PEERS_END_LOST, 1000);
    cr_assert(err_ok(peers_set_allowed(p, NULL, 0, false)));
    cr_expect_not(peers_next_call(p, &n, 5000), "taken off it");
    cr_assert(err_ok(peers_set_allowed(p, NULL, 0, true)));
    uint64_t now = 5000;
    uint64_t waited = 0;
    for (size_t i = 0; i < 20; i++) {
        cr_assert(peers_next_call(p, &n, now));
        peers_off_line(p, &ids[1], false, PEERS_END_LOST, now);
        waited = peers_deadline(p) - now;
        now += waited;
    }
    cr_expect_eq(waited, PEERS_FOUND_BACKOFF_MAX_MS);
    struct enode moved = one;
    moved.tcp = 77;
    peers_add_found(p, &moved, now);
    cr_expect(peers_next_call(p, &n, now));
    cr_expect_eq(n.tcp, 77);
    peers_off_line(p, &ids[1], false, PEERS_END_LOST, now);
    cr_assert(err_ok(peers_add_static(p, &one, now)));
    peers_add_found(p, &moved, now);
    cr_expect(peers_next_call(p, &n, now));
    cr_expect_eq(n.tcp, 1001, "a static node stays where the operator says");
    cr_expect(peers_is_static(p, &ids[1]));
}
