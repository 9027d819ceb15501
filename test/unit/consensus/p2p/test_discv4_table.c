// SPDX-License-Identifier: Apache-2.0
/// Goal: nodes are where their distance says; who is in stays in; one network does not fill a
/// bucket or the table; who goes makes room for who waits; the nearest ones are the nearest ones.

#include "consensus/p2p/discv4_table.h"

#include <criterion/criterion.h>

static struct discv4_table t;

/// Only hashes of keys count here: any bytes will do for one.
static secp_pubkey_t id_of(unsigned n)
{
    secp_pubkey_t id = {{0}};
    memcpy(id.b, &n, sizeof n);
    return id;
}

static struct discv4_contact contact(unsigned n, const uint8_t ip[4])
{
    struct discv4_contact c = {.live = true, .check_at_ms = 1000 + n};
    c.node.id = id_of(n);
    c.nid = discv4_nid(&c.node.id);
    memcpy(c.node.at.ip, ip, 4);
    c.node.at.ip_len = 4;
    c.node.at.udp = 30303;
    return c;
}

static struct discv4_contact local(unsigned n)
{
    const uint8_t ip[4] = {10, 0, 0, 1};
    return contact(n, ip);
}

/// Leading zeros of the distance, up to 16.
static unsigned zeros(const hash_t *nid)
{
    unsigned n = 0;
    while (n < 16 && (((t.self.b[n / 8] ^ nid->b[n / 8]) >> (7 - n % 8)) & 1) == 0) n++;
    return n;
}

static void setup(void)
{
    const secp_pubkey_t self = id_of(0xffffffff);
    discv4_table_init(&t, &self);
}

TestSuite(discv4_table, .init = setup);

Test(discv4_table, places_and_bounds)
{
    size_t expected[DISCV4_BUCKETS] = {0};
    for (unsigned n = 0; n < 2000; n++) {
        const struct discv4_contact c = local(n);
        cr_assert_not_null(discv4_table_put(&t, &c));
        expected[DISCV4_BUCKETS - 1 - zeros(&c.nid)]++;
    }
    for (size_t i = 0; i < DISCV4_BUCKETS; i++) {
        const struct discv4_bucket *b = &t.buckets[i];
        const size_t in = expected[i] < DISCV4_BUCKET_NODES ? expected[i] : DISCV4_BUCKET_NODES;
        const size_t rest = expected[i] - in;
        cr_expect_eq(b->count, in, "bucket %zu", i);
        cr_expect_eq(b->spare_count, rest < DISCV4_BUCKET_SPARE ? rest : DISCV4_BUCKET_SPARE);
        for (size_t k = 0; k < b->count; k++)
            cr_expect_eq(DISCV4_BUCKETS - 1 - zeros(&b->nodes[k].nid), i);
    }
    cr_expect_eq(t.buckets[16].count, 16);
    struct discv4_contact self = local(0xffffffff);
    cr_expect_null(discv4_table_put(&t, &self));
}

Test(discv4_table, who_is_in_stays_and_who_goes_is_replaced)
{
    unsigned seen[64];
    size_t count = 0;
    for (unsigned n = 0; count < 30; n++) { // thirty of the greatest distance
        const struct discv4_contact c = local(n);
        if (zeros(&c.nid) != 0) continue;
        (void)discv4_table_put(&t, &c);
        seen[count++] = n;
    }
    for (size_t i = 0; i < 16; i++) {
        const struct discv4_contact c = local(seen[i]);
        cr_expect_not_null(discv4_table_in(&t, &c.nid), "%zu came first", i);
    }
    const struct discv4_contact first = local(seen[0]);
    const struct discv4_contact lost = local(seen[19]);
    const struct discv4_contact waits = local(seen[20]);
    const struct discv4_contact last = local(seen[29]);
    cr_expect_null(discv4_table_find(&t, &lost.nid), "ten wait");
    cr_expect_null(discv4_table_in(&t, &waits.nid));
    cr_expect_not_null(discv4_table_find(&t, &waits.nid));
    discv4_table_drop(&t, &first.nid);
    cr_expect_null(discv4_table_find(&t, &first.nid));
    cr_expect_not_null(discv4_table_in(&t, &last.nid), "who waited last is the surest to be there");
    cr_expect_eq(t.buckets[16].spare_count, 9);
    cr_expect_not_null(discv4_table_put(&t, &last), "again, where it is");
    cr_expect_eq(t.buckets[16].count, 16);
}

Test(discv4_table, one_network_is_not_many_nodes)
{
    uint8_t ip[4] = {5, 6, 7, 0};
    size_t in = 0;
    for (unsigned n = 0; n < 500; n++) {
        ip[3] = (uint8_t)n;
        const struct discv4_contact c = contact(n, ip);
        cr_assert_not_null(discv4_table_put(&t, &c));
    }
    for (size_t i = 0; i < DISCV4_BUCKETS; i++) {
        cr_expect_leq(t.buckets[i].count, DISCV4_NETWORK_OF_BUCKET);
        in += t.buckets[i].count;
    }
    cr_expect_leq(in, DISCV4_NETWORK_OF_TABLE);
    cr_expect_geq(in, 8);
    ip[2] = 8;
    const struct discv4_contact other = contact(1000, ip);
    (void)discv4_table_put(&t, &other);
    cr_expect_not_null(discv4_table_in(&t, &other.nid), "another network has room");
    // One that moves into the crowded network has to wait.
    struct discv4_contact *c = discv4_table_in(&t, &other.nid);
    struct discv4_contact moved = *c;
    size_t same = 0;
    const struct discv4_bucket *b = &t.buckets[DISCV4_BUCKETS - 1 - zeros(&other.nid)];
    for (size_t i = 0; i < b->count; i++) same += b->nodes[i].node.at.ip[2] == 7;
    moved.node.at.ip[2] = 7;
    (void)discv4_table_put(&t, &moved);
    cr_expect(in < DISCV4_NETWORK_OF_TABLE || discv4_table_in(&t, &other.nid) == NULL);
    cr_expect(same < DISCV4_NETWORK_OF_BUCKET || discv4_table_in(&t, &other.nid) == NULL);
    cr_expect_not_null(discv4_table_find(&t, &other.nid));
}

Test(discv4_table, nearest)
{
    for (unsigned n = 0; n < 300; n++) {
        struct discv4_contact c = local(n);
        c.live = n % 3 != 0;
        (void)discv4_table_put(&t, &c);
    }
    const secp_pubkey_t wanted = id_of(77777);
    const hash_t target = discv4_nid(&wanted);
    const struct discv4_contact *near[DISCV4_BUCKET_NODES];
    const size_t count = discv4_table_nearest(&t, near, ARRAY_LEN(near), &target);
    cr_assert_eq(count, ARRAY_LEN(near));
    for (size_t i = 0; i < count; i++) {
        cr_expect(near[i]->live);
        cr_expect(i == 0 || discv4_nearer(&target, &near[i - 1]->nid, &near[i]->nid) < 0);
    }
    size_t cursor = 0;
    size_t nearer = 0;
    const struct discv4_contact *c;
    while ((c = discv4_table_next(&t, &cursor)) != NULL)
        nearer += c->live && discv4_nearer(&target, &c->nid, &near[count - 1]->nid) < 0;
    cr_expect_eq(nearer, count - 1);
    cr_expect_eq(discv4_table_nearest(&t, near, 3, &target), 3);
}

Test(discv4_table, due)
{
    cr_expect_null(discv4_table_due(&t));
    for (unsigned n = 50; n > 0; n--) {
        const struct discv4_contact c = local(n);
        (void)discv4_table_put(&t, &c);
    }
    uint64_t least = UINT64_MAX;
    size_t cursor = 0;
    const struct discv4_contact *c;
    while ((c = discv4_table_next(&t, &cursor)) != NULL)
        least = c->check_at_ms < least ? c->check_at_ms : least;
    cr_expect_eq(discv4_table_due(&t)->check_at_ms, least);
}
