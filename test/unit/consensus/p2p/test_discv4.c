// SPDX-License-Identifier: Apache-2.0
/// Goal: nothing longer than a question goes to whom has not proved where he is; each row of the
/// refusals breaks one thing and gets no answer; what a node says of itself is believed only with
/// its signature; the record is ours and grows.

#include "consensus/p2p/discv4.h"

#include "chain/crypto/keccak.h"
#include "consensus/p2p/rate_limit.h"

#include <criterion/criterion.h>

#define NOW UINT64_C(1700000000000)

static struct discv4 *d;
static struct discv4_effects fx;
static struct secret_key self_key = {{1}};
static struct secret_key peer_key = {{2}};
static secp_pubkey_t self;
static secp_pubkey_t peer;
static const struct discv4_endpoint SELF = {
    .ip = {10, 0, 0, 1}, .ip_len = 4, .udp = 30303, .tcp = 30304};
static const struct discv4_endpoint PEER = {.ip = {10, 0, 0, 2}, .ip_len = 4, .udp = 5555};
static uint64_t now;
static bool nobody_is_allowed;

static bool is_allowed(void *ctx, const secp_pubkey_t *id)
{
    (void)ctx;
    (void)id;
    return !nobody_is_allowed;
}

static void setup(void)
{
    cr_assert(err_ok(secp_setup()));
    cr_assert(err_ok(secp_pubkey_of(&self, &self_key)));
    cr_assert(err_ok(secp_pubkey_of(&peer, &peer_key)));
    now = NOW;
    const struct discv4_options o = {
        .key = &self_key, .at = SELF, .now_ms = NOW, .allowed = is_allowed};
    cr_assert(err_ok(discv4_new(&d, &o)));
}

static void teardown(void)
{
    discv4_free(d);
}

TestSuite(discv4, .init = setup, .fini = teardown);

/// Sends the machine a packet of the peer's. @return how many packets came back
static size_t say_from(struct discv4_packet *p, const struct discv4_endpoint *from)
{
    struct buf b;
    buf_init(&b, DISCV4_PACKET_MAX);
    if (p->expiration_s == 0) p->expiration_s = now / 1000 + 20;
    discv4_encode(&b, p, &peer_key);
    cr_assert(err_ok(buf_status(&b)));
    discv4_receive(d, &fx, from, buf_bytes(&b), now);
    buf_deinit(&b);
    return fx.count;
}

static size_t say(struct discv4_packet *p)
{
    return say_from(p, &PEER);
}

static struct discv4_packet answer(size_t i)
{
    struct discv4_packet p;
    cr_assert_lt(i, fx.count);
    cr_assert_eq(fx.items[i].kind, DISCV4_FX_SEND);
    cr_assert(err_ok(discv4_decode(&p, bytes_make(fx.items[i].bytes, fx.items[i].len))));
    cr_assert_arr_eq(p.sender.b, self.b, sizeof self.b);
    if (p.type != DISCV4_ENR_RESPONSE) cr_assert_eq(p.expiration_s, now / 1000 + 20);
    return p;
}

static struct discv4_packet ping(void)
{
    return (struct discv4_packet){
        .type = DISCV4_PING, .from = {.ip_len = 4, .tcp = 7777}, .to = {.ip_len = 4}};
}

/// The peer pings and answers our Ping. @return our Ping's name
static hash_t prove(void)
{
    struct discv4_packet p = ping();
    cr_assert_eq(say(&p), 2);
    const hash_t question = answer(1).hash;
    struct discv4_packet pong = {.type = DISCV4_PONG, .to = SELF, .question = question};
    cr_assert_eq(say(&pong), 0);
    return question;
}

static size_t known(void)
{
    struct discv4_stats s;
    discv4_count(d, &s);
    return s.nodes;
}

/// Time passes; what is sent is dropped but for the last packet of that type.
static bool wait_for(enum discv4_type type, struct discv4_packet *out, uint64_t ms)
{
    const uint64_t end = now + ms;
    bool seen = false;
    while (discv4_deadline(d) <= end && !seen) {
        const uint64_t due = discv4_deadline(d);
        if (due > now) now = due;
        discv4_tick(d, &fx, now);
        for (size_t i = 0; i < fx.count && !seen; i++) {
            *out = answer(i);
            seen = out->type == type;
        }
    }
    if (!seen) now = end;
    return seen;
}

Test(discv4, ping_is_answered_and_returned)
{
    struct discv4_packet p = ping();
    cr_assert_eq(say(&p), 2);
    const struct discv4_packet pong = answer(0);
    const struct discv4_packet back = answer(1);
    cr_expect_eq(pong.type, DISCV4_PONG);
    cr_expect(hash_eq(&pong.question, &p.hash));
    cr_expect(discv4_same_place(&pong.to, &PEER), "where it came from, not what it says");
    cr_expect_eq(pong.to.tcp, 7777);
    cr_expect(pong.has_enr_seq && pong.enr_seq == NOW);
    cr_expect_eq(back.type, DISCV4_PING);
    cr_expect(discv4_same_place(&back.from, &SELF) && back.from.tcp == SELF.tcp);
    cr_expect(discv4_same_place(&back.to, &PEER));
    for (size_t i = 0; i < 2; i++) cr_expect(discv4_same_place(&fx.items[i].node.at, &PEER));
    // Again: the Ping that is under way is not repeated.
    struct discv4_packet again = ping();
    cr_expect_eq(say(&again), 1);
    cr_expect_eq(known(), 0, "nothing is proved");
}

Test(discv4, find_node_after_the_proof)
{
    (void)prove();
    cr_expect_eq(known(), 1);
    struct discv4_packet find = {.type = DISCV4_FIND_NODE, .target = peer};
    cr_assert_eq(say(&find), 1);
    cr_expect_eq(answer(0).type, DISCV4_NEIGHBORS);
    cr_expect_eq(answer(0).node_count, 0, "an answer, if an empty one");
    struct discv4_packet record = {.type = DISCV4_ENR_REQUEST};
    cr_assert_eq(say(&record), 1);
    const struct discv4_packet response = answer(0);
    struct enr own;
    cr_expect_eq(response.type, DISCV4_ENR_RESPONSE);
    cr_expect(hash_eq(&response.question, &record.hash));
    cr_assert(err_ok(enr_decode(&own, response.record)));
    cr_expect_arr_eq(own.id.b, self.b, sizeof self.b);
    cr_expect(own.tcp == SELF.tcp && own.udp == SELF.udp && own.has_fork && own.ip[3] == 1);
    // The proof holds for twelve hours; the node itself is asked in between.
    now += DISCV4_PROOF_MS + 1;
    find.expiration_s = 0;
    cr_expect_eq(say(&find), 0);
}

/// --- refusals ---

enum breakage {
    EXPIRED,
    LONG_EXPIRED, ///< negative, if one reads it so
    NOT_PROVEN,
    ANOTHER_PORT,
    ANOTHER_ADDRESS,
    WRONG_PONG,
    PONG_OF_ANOTHER,
    NOT_ALLOWED,
    BAD_HASH,
    BAD_SIGNATURE,
    WRONG_TYPE,
    OF_OURSELVES,
    NO_ADDRESS,
};

static const struct {
    const char *name;
    enum breakage what;
    enum discv4_type type;
} refusals[] = {
    {"an expired Ping", EXPIRED, DISCV4_PING},
    {"a Ping expired before 1970", LONG_EXPIRED, DISCV4_PING},
    {"an expired FindNode", EXPIRED, DISCV4_FIND_NODE},
    {"an expired ENRRequest", EXPIRED, DISCV4_ENR_REQUEST},
    {"FindNode without proof", NOT_PROVEN, DISCV4_FIND_NODE},
    {"ENRRequest without proof", NOT_PROVEN, DISCV4_ENR_REQUEST},
    {"FindNode from another port", ANOTHER_PORT, DISCV4_FIND_NODE},
    {"FindNode from another address", ANOTHER_ADDRESS, DISCV4_FIND_NODE},
    {"ENRRequest from another address", ANOTHER_ADDRESS, DISCV4_ENR_REQUEST},
    {"FindNode after a Pong that names nothing", WRONG_PONG, DISCV4_FIND_NODE},
    {"FindNode after a Pong from elsewhere", PONG_OF_ANOTHER, DISCV4_FIND_NODE},
    {"a Ping of one who is not on the list", NOT_ALLOWED, DISCV4_PING},
    {"a Ping with another hash", BAD_HASH, DISCV4_PING},
    {"a Ping with no signature", BAD_SIGNATURE, DISCV4_PING},
    {"a packet of another type", WRONG_TYPE, DISCV4_PING},
    {"our own Ping", OF_OURSELVES, DISCV4_PING},
    {"a Ping from nowhere", NO_ADDRESS, DISCV4_PING},
};

static void rehash(struct buf *b)
{
    const hash_t hash = keccak256(bytes_make(b->data + 32, b->len - 32));
    memcpy(b->data, hash.b, sizeof hash.b);
}

static void half_prove(enum breakage what)
{
    struct discv4_packet p = ping();
    cr_assert_eq(say(&p), 2);
    struct discv4_packet pong = {.type = DISCV4_PONG, .to = SELF, .question = answer(1).hash};
    struct discv4_endpoint from = PEER;
    if (what == WRONG_PONG) memset(pong.question.b, 0, sizeof pong.question.b);
    if (what == PONG_OF_ANOTHER) from.ip[3]++;
    cr_assert_eq(say_from(&pong, &from), 0);
}

Test(discv4, refusals)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const enum breakage what = refusals[i].what;
        teardown();
        setup();
        const bool proves = refusals[i].type != DISCV4_PING && what != NOT_PROVEN;
        if (what == WRONG_PONG || what == PONG_OF_ANOTHER)
            half_prove(what);
        else if (proves)
            (void)prove();
        struct discv4_packet p = ping();
        p.type = refusals[i].type;
        p.expiration_s = now / 1000 + 20;
        if (what == EXPIRED) p.expiration_s = now / 1000 - 1;
        if (what == LONG_EXPIRED) p.expiration_s = 0 - (now / 1000 + 20);
        struct buf b;
        buf_init(&b, DISCV4_PACKET_MAX);
        discv4_encode(&b, &p, what == OF_OURSELVES ? &self_key : &peer_key);
        if (what == BAD_HASH) b.data[0] ^= 1;
        if (what == BAD_SIGNATURE) memset(b.data + 32, 0xff, 64);
        if (what == WRONG_TYPE) b.data[97] = 66;
        if (what == BAD_SIGNATURE || what == WRONG_TYPE) rehash(&b);
        struct discv4_endpoint from = PEER;
        from.udp = (uint16_t)(from.udp + (what == ANOTHER_PORT));
        from.ip[3] = (uint8_t)(from.ip[3] + (what == ANOTHER_ADDRESS));
        if (what == NO_ADDRESS) memset(from.ip, 0, sizeof from.ip);
        nobody_is_allowed = what == NOT_ALLOWED;
        const size_t before = known();
        discv4_receive(d, &fx, &from, buf_bytes(&b), now);
        nobody_is_allowed = false;
        cr_expect_eq(fx.count, 0, "%s: answered", refusals[i].name);
        cr_expect_eq(known(), before, "%s: something moved", refusals[i].name);
        struct discv4_stats s;
        discv4_count(d, &s);
        cr_expect_geq(s.refused, 1, "%s: not counted", refusals[i].name);
        buf_deinit(&b);
    }
}

Test(discv4, every_cut_is_refused)
{
    struct discv4_packet p = ping();
    p.expiration_s = now / 1000 + 20;
    struct buf b;
    buf_init(&b, DISCV4_PACKET_MAX);
    discv4_encode(&b, &p, &peer_key);
    for (size_t len = 0; len < b.len; len++) {
        discv4_receive(d, &fx, &PEER, bytes_make(b.data, len), now);
        cr_expect_eq(fx.count, 0, "%zu bytes", len);
    }
    buf_deinit(&b);
}

/// --- a node that came by ---

/// Goal: whoever proved himself is left in peace for some seconds, then asked for his record, and
/// is a candidate once it has come.
Test(discv4, a_visitor_becomes_a_candidate)
{
    struct discv4_packet p = ping();
    cr_assert_eq(say(&p), 2);
    struct discv4_packet pong = {.type = DISCV4_PONG,
                                 .to = SELF,
                                 .question = answer(1).hash,
                                 .has_enr_seq = true,
                                 .enr_seq = 9};
    cr_assert_eq(say(&pong), 0);
    struct discv4_packet out;
    cr_expect_not(wait_for(DISCV4_PING, &out, 2900), "not yet");
    cr_assert(wait_for(DISCV4_PING, &out, 2000));
    pong.question = out.hash;
    pong.expiration_s = 0;
    cr_assert_eq(say(&pong), 1);
    const struct discv4_packet request = answer(0);
    cr_assert_eq(request.type, DISCV4_ENR_REQUEST);

    struct enr own;
    cr_assert(err_ok(enr_decode(&own, discv4_record(d)))); // the fork identifier of our chain
    struct enr record = {.seq = 9, .id = peer, .tcp = 7788, .has_fork = true, .fork = own.fork};
    struct buf b;
    buf_init(&b, ENR_BYTES);
    enr_encode(&b, &record, &peer_key);
    struct discv4_packet response = {.type = DISCV4_ENR_RESPONSE, .record = buf_bytes(&b)};
    cr_expect_eq(say(&response), 0, "it answers nothing that was asked");
    response.question = request.hash;
    discv4_set_head(d, 1, 1, now);
    cr_assert_eq(say(&response), 1);
    cr_expect_eq(fx.items[0].kind, DISCV4_FX_FOUND);
    cr_expect_eq(fx.items[0].node.at.tcp, 7788, "as its record says");
    cr_expect_arr_eq(fx.items[0].node.id.b, peer.b, sizeof peer.b);
    cr_expect_eq(say(&response), 0, "once");
    buf_deinit(&b);
    struct discv4_stats s;
    discv4_count(d, &s);
    cr_expect_eq(s.candidates, 1);
    // It goes away: after some questions it is forgotten.
    now += 600000;
    for (size_t i = 0; i < 10; i++) (void)wait_for(DISCV4_NEIGHBORS, &out, 10000);
    cr_expect_eq(known(), 0);
}

Test(discv4, answers_nobody_asked_for)
{
    (void)prove();
    const struct discv4_endpoint at = {.ip = {10, 9, 9, 9}, .ip_len = 4, .udp = 30303};
    struct discv4_packet neighbors = {.type = DISCV4_NEIGHBORS, .node_count = 1};
    neighbors.nodes[0] = (struct discv4_node){at, self};
    cr_assert(err_ok(secp_pubkey_of(&neighbors.nodes[0].id, &(struct secret_key){{7}})));
    cr_expect_eq(say(&neighbors), 0);
    struct discv4_packet find = {.type = DISCV4_FIND_NODE, .target = neighbors.nodes[0].id};
    cr_assert_eq(say(&find), 1);
    cr_expect_eq(answer(0).node_count, 0);
    cr_expect_eq(known(), 1);
}

Test(discv4, one_address_is_limited)
{
    struct discv4_stats s;
    size_t answers = 0;
    for (size_t i = 0; i < 2 * (size_t)RATE_BURST; i++) {
        struct discv4_packet p = ping();
        answers += say(&p) != 0;
    }
    discv4_count(d, &s);
    cr_expect_eq(answers, RATE_BURST);
    cr_expect_eq(s.limited, RATE_BURST);
    now += 1000;
    struct discv4_packet p = ping();
    cr_expect_geq(say(&p), 1, "and is heard again");
}

Test(discv4, the_record_grows)
{
    struct enr before;
    struct enr after;
    const uint8_t ip[4] = {9, 8, 7, 6};
    cr_assert(err_ok(enr_decode(&before, discv4_record(d))));
    discv4_set_ip(d, ip, 4, now);
    cr_assert(err_ok(enr_decode(&after, discv4_record(d))));
    cr_expect_gt(after.seq, before.seq);
    cr_expect_arr_eq(after.ip, ip, sizeof ip);
    discv4_set_ip(d, ip, 4, now + 5);
    cr_assert(err_ok(enr_decode(&before, discv4_record(d))));
    cr_expect_eq(before.seq, after.seq, "nothing new, no new record");
    const struct discv4_node own = {SELF, self};
    cr_expect_eq(discv4_add_bootnode(d, &own).kind, ERR_INVALID);
}
