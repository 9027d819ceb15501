// SPDX-License-Identifier: Apache-2.0
/// Goal: a search asks three at a time, nearest first, ends when the sixteen nearest have answered,
/// is not held up by nodes that do not exist, and ends whatever happens.

#include "consensus/p2p/discv4_lookup.h"

#include <criterion/criterion.h>

static struct discv4_lookup l;

static hash_t add(unsigned n)
{
    struct discv4_node node = {.at = {.ip_len = 4}};
    memcpy(node.id.b, &n, sizeof n);
    const hash_t nid = discv4_nid(&node.id);
    discv4_lookup_add(&l, &node, &nid);
    return nid;
}

static void setup(void)
{
    const secp_pubkey_t target = {{9, 9, 9}};
    discv4_lookup_begin(&l, &target);
}

TestSuite(discv4_lookup, .init = setup);

Test(discv4_lookup, three_at_a_time_nearest_first)
{
    for (unsigned n = 0; n < 40; n++) (void)add(n);
    (void)add(3); // known
    cr_expect_eq(l.count, 40);
    hash_t asked[3];
    for (size_t i = 0; i < 3; i++) {
        const struct discv4_lookup_node *n = discv4_lookup_next(&l);
        cr_assert_not_null(n);
        asked[i] = n->nid;
        cr_expect(hash_eq(&asked[i], &l.nodes[i].nid));
    }
    cr_expect_null(discv4_lookup_next(&l));
    cr_expect(l.on);
    discv4_lookup_done(&l, &asked[1], true);
    const struct discv4_lookup_node *n = discv4_lookup_next(&l);
    cr_expect(n == &l.nodes[3]);
    cr_expect_null(discv4_lookup_next(&l));
}

Test(discv4_lookup, ends_with_sixteen_answers)
{
    for (unsigned n = 0; n < 60; n++) (void)add(n);
    unsigned answers = 0;
    const struct discv4_lookup_node *n;
    while (l.on && answers < 1000) {
        n = discv4_lookup_next(&l);
        if (n == NULL) continue;
        const hash_t nid = n->nid;
        discv4_lookup_done(&l, &nid, true);
        answers++;
    }
    cr_expect_eq(answers, DISCV4_NEAREST);
    for (size_t i = 0; i < l.count; i++)
        cr_expect_eq(l.nodes[i].state == DISCV4_LOOKUP_ANSWERED, i < DISCV4_NEAREST);
}

Test(discv4_lookup, silent_ones_do_not_hide_others)
{
    for (unsigned n = 0; n < 50; n++) (void)add(n);
    unsigned answers = 0;
    unsigned asked = 0;
    while (l.on) {
        const struct discv4_lookup_node *n = discv4_lookup_next(&l);
        if (n == NULL) continue;
        const bool there = n - l.nodes >= 20; // the nearest twenty are invented
        const hash_t nid = n->nid;
        discv4_lookup_done(&l, &nid, there);
        answers += there;
        asked++;
    }
    cr_expect_eq(answers, DISCV4_NEAREST);
    cr_expect_eq(asked, 20 + DISCV4_NEAREST);
}

Test(discv4_lookup, ends_whatever_is_told)
{
    unsigned next = 0;
    unsigned asked = 0;
    for (; next < 64; next++) (void)add(next);
    while (l.on) {
        const struct discv4_lookup_node *n = discv4_lookup_next(&l);
        if (n == NULL) continue;
        asked++;
        const hash_t nid = n->nid;
        discv4_lookup_done(&l, &nid, false);
        for (unsigned i = 0; i < 16; i++) (void)add(next++); // always more of them
        cr_assert_leq(l.count, DISCV4_LOOKUP_NODES);
        cr_assert_leq(asked, DISCV4_LOOKUP_ASKED);
    }
    cr_expect_leq(asked, DISCV4_LOOKUP_ASKED);
    setup();
    cr_expect_null(discv4_lookup_next(&l));
    cr_expect_not(l.on, "nobody to ask");
}
