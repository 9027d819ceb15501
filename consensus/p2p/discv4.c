// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/discv4.h"

#include "chain/crypto/keccak.h"
#include "consensus/p2p/ip_class.h"
#include "consensus/p2p/rate_limit.h"

#include <stdlib.h>

#define EXPIRES_S 20U ///< our packets
#define ANSWER_MS 1000U
#define SETTLE_MS 500U ///< for their Ping after their Pong
#define REST_MS 250U   ///< for more Neighbors after the first ones
#define TALKS 256U
#define TALKS_OF_OTHERS 128U ///< that others began
#define PROOFS 512U          ///< of nodes that are not in the table
/// Nodes that came by are asked for the first time after this, and some more.
#define FIRST_CHECK_MS 3000U
#define FIRST_CHECK_SPREAD_MS 1000U
#define CHECK_MIN_MS 10000U
#define CHECK_MAX_MS 300000U
#define MISSED_CHECK_MS 2000U
#define MISSED_MAX 3U
#define LOOKUP_MIN_MS 1000U
#define LOOKUP_MAX_MS 120000U
#define LOOKUP_ALONE_MS 5000U ///< while nobody is there
#define LOWEST_PORT 1024U     ///< below are other services, which would be sent our questions
/// Statements that must agree before an address that was believed is given up.
#define STATEMENTS 3U
#define TICK_SENDS 6U ///< what one round of a tick may send

enum talk_stage {
    TALK_OFF,
    TALK_PING,   ///< waits for a Pong
    TALK_SETTLE, ///< waits for their Ping
    TALK_FIND,   ///< waits for Neighbors
    TALK_RECORD, ///< waits for an ENRResponse
};

struct talk {
    enum talk_stage stage;
    bool theirs; ///< they began it: only their proof is asked for
    bool find;   ///< for the search in progress; not yet asked
    bool pinged_us;
    struct discv4_node node;
    hash_t nid;
    hash_t question; ///< name of the packet that waits for an answer
    uint64_t deadline_ms;
    size_t told; ///< Neighbors so far
};

/// That somebody answered from this place.
struct proof {
    hash_t nid;
    struct discv4_endpoint at;
    uint64_t at_ms; ///< 0: free
};

struct discv4 {
    struct discv4_options options;
    struct enr self;
    struct buf record;
    bool ip_is_given;
    uint64_t head_number;
    uint64_t head_time_s;
    struct rate_limit limit;
    struct discv4_table table;
    struct discv4_lookup lookup;
    uint64_t lookup_at_ms;
    uint64_t lookup_wait_ms;
    uint64_t met;        ///< nodes that came to be known
    uint64_t lookup_met; ///< when the search began
    bool searched_self;
    struct talk talks[TALKS];
    struct proof proofs[PROOFS]; ///< a ring
    size_t next_proof;
    struct discv4_node bootnodes[DISCV4_BOOTNODES];
    size_t bootnode_count;
    uint64_t drawn; ///< random numbers
    struct buf scratch;
    struct discv4_stats stats;
};

/// --- randomness ---

static hash_t draw(struct discv4 *d)
{
    struct keccak k;
    d->drawn++;
    keccak_init(&k);
    keccak_update(&k, BYTES_OF(d->options.seed));
    keccak_update(&k, BYTES_OF(d->drawn));
    return keccak_final(&k);
}

static uint64_t draw_below(struct discv4 *d, uint64_t bound)
{
    const hash_t h = draw(d);
    uint64_t v;
    memcpy(&v, h.b, sizeof v);
    return v % bound;
}

/// --- our record ---

static void sign_record(struct discv4 *d, uint64_t now_ms)
{
    const struct fork_list *forks = &d->options.forks;
    // Numbers go on after a restart, for they begin with the time.
    d->self.seq = d->self.seq < now_ms ? now_ms : d->self.seq + 1;
    d->self.has_fork = true;
    d->self.fork = fork_id_at(forks, &d->options.genesis, d->head_number, d->head_time_s);
    buf_clear(&d->record);
    enr_encode(&d->record, &d->self, d->options.key);
    check(err_ok(buf_status(&d->record)));
}

static void be_at(struct discv4 *d, const uint8_t *ip, uint8_t ip_len, uint64_t now_ms)
{
    if (d->self.ip_len == ip_len && memcmp(d->self.ip, ip, ip_len) == 0) return;
    memcpy(d->self.ip, ip, ip_len);
    d->self.ip_len = ip_len;
    sign_record(d, now_ms);
}

void discv4_set_ip(struct discv4 *d, const uint8_t *ip, uint8_t ip_len, uint64_t now_ms)
{
    d->ip_is_given = true;
    be_at(d, ip, ip_len, now_ms);
}

void discv4_set_head(struct discv4 *d, uint64_t number, uint64_t time_s, uint64_t now_ms)
{
    d->head_number = number;
    d->head_time_s = time_s;
    const struct fork_id now = fork_id_at(&d->options.forks, &d->options.genesis, number, time_s);
    const struct fork_id was = d->self.fork;
    if (memcmp(now.hash, was.hash, sizeof now.hash) == 0 && now.next == was.next) return;
    sign_record(d, now_ms);
}

bytes_t discv4_record(const struct discv4 *d)
{
    return buf_bytes(&d->record);
}

/// How many nodes saw us at this address; those on loopback count only among themselves.
static size_t votes_for(const struct discv4 *d, const struct discv4_endpoint *at, bool loopback)
{
    size_t votes = 0;
    size_t cursor = 0;
    const struct discv4_contact *c;
    while ((c = discv4_table_next(&d->table, &cursor)) != NULL) {
        const struct discv4_endpoint *s = &c->stated;
        votes += s->ip_len == at->ip_len && s->ip_len != 0 &&
                 ip_is_loopback(s->ip, s->ip_len) == loopback &&
                 memcmp(s->ip, at->ip, at->ip_len) == 0;
    }
    return votes;
}

/// A node says where it sees us. Believed at once while we know nothing (or but loopback, which
/// nobody beyond this machine can use); later only if several say so, and more than the other.
static void hear_statement(struct discv4 *d, const struct discv4_contact *from, uint64_t now_ms)
{
    const struct discv4_endpoint *s = &from->stated;
    const struct discv4_endpoint *f = &from->node.at;
    if (d->ip_is_given || !ip_may_tell(f->ip, f->ip_len, s->ip, s->ip_len)) return;
    struct discv4_endpoint have = {.ip_len = d->self.ip_len};
    memcpy(have.ip, d->self.ip, sizeof have.ip);
    const bool loopback = ip_is_loopback(s->ip, s->ip_len);
    const bool have_loopback = have.ip_len != 0 && ip_is_loopback(have.ip, have.ip_len);
    const size_t votes = votes_for(d, s, loopback);
    const bool better = have.ip_len == 0 || (have_loopback && !loopback);
    const bool more = have_loopback == loopback && votes >= STATEMENTS &&
                      votes > votes_for(d, &have, have_loopback);
    if (better || more) be_at(d, s->ip, s->ip_len, now_ms);
}

/// --- effects ---

static struct discv4_effect *effect(struct discv4_effects *fx, enum discv4_effect_kind kind)
{
    check(fx->count < DISCV4_EFFECTS);
    struct discv4_effect *e = &fx->items[fx->count++];
    e->kind = kind;
    e->len = 0;
    return e;
}

static void send(struct discv4 *d, struct discv4_effects *fx, const struct discv4_endpoint *to,
                 struct discv4_packet *p, uint64_t now_ms)
{
    p->expiration_s = now_ms / 1000 + EXPIRES_S;
    p->has_enr_seq = true;
    p->enr_seq = d->self.seq;
    buf_clear(&d->scratch);
    discv4_encode(&d->scratch, p, d->options.key);
    check(err_ok(buf_status(&d->scratch)));
    struct discv4_effect *e = effect(fx, DISCV4_FX_SEND);
    e->node.at = *to;
    e->len = d->scratch.len;
    memcpy(e->bytes, d->scratch.data, d->scratch.len);
    d->stats.sent++;
}

static bool is_candidate(const struct discv4 *d, const struct discv4_contact *c)
{
    return c->live && c->has_fork && c->node.at.tcp != 0 &&
           err_ok(fork_id_check(&d->options.forks, &d->options.genesis, d->head_number,
                                d->head_time_s, &c->fork));
}

static void tell_found(const struct discv4 *d, struct discv4_effects *fx,
                       const struct discv4_contact *c)
{
    if (is_candidate(d, c)) effect(fx, DISCV4_FX_FOUND)->node = c->node;
}

/// An IPv4 address that an IPv6 one wraps is taken out.
static struct discv4_endpoint unwrapped(struct discv4_endpoint at)
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (at.ip_len != 16 || memcmp(at.ip, prefix, sizeof prefix) != 0) return at;
    memmove(at.ip, at.ip + sizeof prefix, 4);
    at.ip_len = 4;
    return at;
}

static bool is_allowed(const struct discv4 *d, const secp_pubkey_t *id)
{
    return d->options.allowed == NULL || d->options.allowed(d->options.ctx, id);
}

/// --- proofs ---

static bool is_fresh(uint64_t at_ms, uint64_t now_ms)
{
    return at_ms != 0 && now_ms - at_ms < DISCV4_PROOF_MS;
}

static struct proof *find_proof(struct discv4 *d, const hash_t *nid,
                                const struct discv4_endpoint *at)
{
    for (size_t i = 0; i < PROOFS; i++) {
        struct proof *p = &d->proofs[i];
        if (p->at_ms != 0 && hash_eq(&p->nid, nid) && discv4_same_place(&p->at, at)) return p;
    }
    return NULL;
}

/// Has this node answered from this place?
static bool is_proven(struct discv4 *d, const hash_t *nid, const struct discv4_endpoint *at,
                      uint64_t now_ms)
{
    const struct discv4_contact *c = discv4_table_find(&d->table, nid);
    if (c != NULL && discv4_same_place(&c->node.at, at)) return is_fresh(c->proven_ms, now_ms);
    const struct proof *p = find_proof(d, nid, at);
    return p != NULL && is_fresh(p->at_ms, now_ms);
}

/// Nodes without a place in the table may ask too.
static void keep_proof(struct discv4 *d, const struct talk *t, uint64_t now_ms)
{
    if (discv4_table_in(&d->table, &t->nid) != NULL) return;
    struct proof *p = find_proof(d, &t->nid, &t->node.at);
    if (p == NULL) {
        p = &d->proofs[d->next_proof];
        d->next_proof = (d->next_proof + 1) % PROOFS;
    }
    *p = (struct proof){t->nid, t->node.at, now_ms};
}

/// --- talks ---

static struct talk *find_talk(struct discv4 *d, const hash_t *nid, const struct discv4_endpoint *at)
{
    for (size_t i = 0; i < TALKS; i++) {
        struct talk *t = &d->talks[i];
        if (t->stage != TALK_OFF && hash_eq(&t->nid, nid) && discv4_same_place(&t->node.at, at))
            return t;
    }
    return NULL;
}

static struct talk *free_talk(struct discv4 *d, bool theirs)
{
    struct talk *found = NULL;
    size_t of_others = 0;
    for (size_t i = 0; i < TALKS; i++) {
        struct talk *t = &d->talks[i];
        if (t->stage == TALK_OFF && found == NULL) found = t;
        of_others += t->stage != TALK_OFF && t->theirs;
    }
    return theirs && of_others >= TALKS_OF_OTHERS ? NULL : found;
}

static void end_find(struct discv4 *d, const struct talk *t, bool answered)
{
    if (d->lookup.on) discv4_lookup_done(&d->lookup, &t->nid, answered);
}

static void send_ping(struct discv4 *d, struct discv4_effects *fx, struct talk *t, uint64_t now_ms)
{
    struct discv4_packet p = {.type = DISCV4_PING, .to = t->node.at};
    memcpy(p.from.ip, d->self.ip, sizeof p.from.ip);
    p.from.ip_len = d->self.ip_len != 0 ? d->self.ip_len : 4; // 0.0.0.0: not known
    p.from.udp = d->self.udp;
    p.from.tcp = d->self.tcp;
    send(d, fx, &t->node.at, &p, now_ms);
    t->stage = TALK_PING;
    t->question = p.hash;
    t->deadline_ms = now_ms + ANSWER_MS;
}

/// Begins to talk with a node, or adds to what is under way. Every talk begins with a Ping.
static void begin_talk(struct discv4 *d, struct discv4_effects *fx, const struct discv4_node *node,
                       const hash_t *nid, bool theirs, bool find, uint64_t now_ms)
{
    struct talk *t = find_talk(d, nid, &node->at);
    if (t != NULL) {
        t->theirs = t->theirs && theirs;
        t->find = t->find || find;
        return;
    }
    t = free_talk(d, theirs);
    if (t == NULL) {
        if (find) discv4_lookup_done(&d->lookup, nid, false);
        return;
    }
    *t = (struct talk){.node = *node, .nid = *nid, .theirs = theirs, .find = find};
    send_ping(d, fx, t, now_ms);
}

/// Nothing waits any more; unless a search has come to this node meanwhile.
static void end_talk(struct discv4 *d, struct discv4_effects *fx, struct talk *t, uint64_t now_ms)
{
    t->stage = TALK_OFF;
    if (t->find) send_ping(d, fx, t, now_ms);
}

/// Asks what there is to ask next, or ends the talk.
static void go_on(struct discv4 *d, struct discv4_effects *fx, struct talk *t, uint64_t now_ms)
{
    const struct discv4_contact *c = discv4_table_find(&d->table, &t->nid);
    const bool wants_record =
        c != NULL && !t->theirs && c->says_seq && (!c->has_record || c->said_seq > c->record_seq);
    struct discv4_packet p = {.type = DISCV4_ENR_REQUEST};
    if (t->find) {
        t->find = false;
        t->told = 0;
        t->stage = TALK_FIND;
        p.type = DISCV4_FIND_NODE;
        p.target = d->lookup.target;
    } else if (wants_record && t->stage != TALK_RECORD) {
        t->stage = TALK_RECORD;
    } else {
        t->stage = TALK_OFF;
        return;
    }
    send(d, fx, &t->node.at, &p, now_ms);
    t->question = p.hash;
    t->deadline_ms = now_ms + ANSWER_MS;
}

/// It answered, but to have our proof it must have pinged us.
static void settle(struct discv4 *d, struct discv4_effects *fx, struct talk *t, uint64_t now_ms)
{
    const struct discv4_contact *c = discv4_table_find(&d->table, &t->nid);
    const bool has_our_proof = t->pinged_us || (c != NULL && is_fresh(c->pinged_us_ms, now_ms));
    t->stage = TALK_SETTLE;
    t->deadline_ms = now_ms + SETTLE_MS;
    if (has_our_proof || (t->theirs && !t->find)) go_on(d, fx, t, now_ms);
}

/// A question to a node that is in the table had no answer.
static void missed(struct discv4 *d, const struct talk *t, uint64_t now_ms)
{
    struct discv4_contact *c = discv4_table_find(&d->table, &t->nid);
    if (c == NULL || !discv4_same_place(&c->node.at, &t->node.at)) return;
    c->missed++;
    c->pinged_us_ms = 0; // it may have forgotten us
    c->wait_ms = CHECK_MIN_MS;
    c->check_at_ms = now_ms + MISSED_CHECK_MS;
    if (c->missed >= (c->live ? MISSED_MAX : 1)) discv4_table_drop(&d->table, &t->nid);
}

static void time_out(struct discv4 *d, struct discv4_effects *fx, struct talk *t, uint64_t now_ms)
{
    switch (t->stage) {
    case TALK_OFF:
        return;
    case TALK_PING:
        t->stage = TALK_OFF;
        if (t->find) end_find(d, t, false);
        missed(d, t, now_ms);
        return;
    case TALK_SETTLE:
        go_on(d, fx, t, now_ms); // it had our proof already
        return;
    case TALK_FIND:
        end_find(d, t, t->told != 0);
        if (t->told == 0) missed(d, t, now_ms);
        go_on(d, fx, t, now_ms);
        return;
    case TALK_RECORD: // asked again with the next check
        end_talk(d, fx, t, now_ms);
        return;
    }
    unreachable("talk stage");
}

/// --- searches ---

/// Says hello to some of those that a search has heard of and had no need to ask.
static void greet(struct discv4 *d, struct discv4_effects *fx, uint64_t now_ms)
{
    for (size_t i = 0; i < d->lookup.count && fx->count < DISCV4_EFFECTS; i++) {
        const struct discv4_lookup_node *n = &d->lookup.nodes[i];
        if (n->state != DISCV4_LOOKUP_NEW || discv4_table_find(&d->table, &n->nid) != NULL)
            continue;
        begin_talk(d, fx, &n->node, &n->nid, false, false, now_ms);
    }
}

static void advance_lookup(struct discv4 *d, struct discv4_effects *fx, uint64_t now_ms)
{
    if (!d->lookup.on) return;
    const struct discv4_lookup_node *n;
    while ((n = discv4_lookup_next(&d->lookup)) != NULL) {
        const struct discv4_node node = n->node;
        const hash_t nid = n->nid;
        begin_talk(d, fx, &node, &nid, false, true, now_ms);
    }
    if (d->lookup.on) return;
    greet(d, fx, now_ms);
    struct discv4_stats s;
    discv4_count(d, &s);
    // As long as there are new ones there are probably more.
    const bool first = d->lookup_wait_ms == 0 || d->met != d->lookup_met;
    d->lookup_wait_ms = first ? LOOKUP_MIN_MS : 2 * d->lookup_wait_ms;
    const uint64_t most = s.live == 0 ? LOOKUP_ALONE_MS : LOOKUP_MAX_MS;
    if (d->lookup_wait_ms > most) d->lookup_wait_ms = most;
    d->lookup_at_ms = now_ms + d->lookup_wait_ms;
}

/// For our own neighbourhood first, then for places drawn at random.
static void begin_lookup(struct discv4 *d)
{
    const struct discv4_contact *near[DISCV4_NEAREST];
    secp_pubkey_t target = d->self.id;
    if (d->searched_self) {
        const hash_t a = draw(d);
        const hash_t b = draw(d);
        memcpy(target.b, a.b, sizeof a.b);
        memcpy(target.b + sizeof a.b, b.b, sizeof b.b);
    }
    discv4_lookup_begin(&d->lookup, &target);
    d->lookup_met = d->met;
    const size_t count =
        discv4_table_nearest(&d->table, near, ARRAY_LEN(near), &d->lookup.target_nid);
    for (size_t i = 0; i < count; i++) discv4_lookup_add(&d->lookup, &near[i]->node, &near[i]->nid);
    for (size_t i = 0; i < d->bootnode_count; i++) {
        const hash_t nid = discv4_nid(&d->bootnodes[i].id);
        const struct discv4_contact *c = discv4_table_in(&d->table, &nid);
        if (c == NULL || !c->live) discv4_lookup_add(&d->lookup, &d->bootnodes[i], &nid);
    }
    d->searched_self = count != 0 && !d->searched_self; // and again from time to time
}

/// --- packets ---

static void on_ping(struct discv4 *d, struct discv4_effects *fx, const struct discv4_packet *in,
                    const hash_t *nid, const struct discv4_endpoint *from, uint64_t now_ms)
{
    struct discv4_packet pong = {.type = DISCV4_PONG, .to = *from, .question = in->hash};
    pong.to.tcp = in->from.tcp;
    send(d, fx, from, &pong, now_ms);

    struct discv4_contact *c = discv4_table_find(&d->table, nid);
    if (c != NULL && discv4_same_place(&c->node.at, from)) {
        c->pinged_us_ms = now_ms;
        if (in->has_enr_seq && in->enr_seq > c->said_seq) c->said_seq = in->enr_seq;
        c->says_seq = c->says_seq || in->has_enr_seq;
    }
    struct talk *t = find_talk(d, nid, from);
    if (t != NULL) {
        t->pinged_us = true;
        if (t->stage == TALK_SETTLE) go_on(d, fx, t, now_ms);
        return;
    }
    if (is_proven(d, nid, from, now_ms)) return;
    struct discv4_node node = {*from, in->sender};
    node.at.tcp = in->from.tcp;
    begin_talk(d, fx, &node, nid, true, false, now_ms);
    t = find_talk(d, nid, from);
    if (t != NULL) t->pinged_us = true;
}

/// The node of a talk is where it says: it is in the table from now on.
static void on_proof(struct discv4 *d, struct discv4_effects *fx, const struct talk *t,
                     const struct discv4_packet *pong, uint64_t now_ms)
{
    const struct discv4_contact *known = discv4_table_find(&d->table, &t->nid);
    struct discv4_contact c = {.node = t->node, .nid = t->nid, .wait_ms = CHECK_MIN_MS};
    if (known != NULL) {
        const uint16_t tcp = known->has_record ? known->node.at.tcp : t->node.at.tcp;
        const bool moved = !discv4_same_place(&known->node.at, &t->node.at);
        c = *known;
        c.node = t->node;
        c.node.at.tcp = tcp;
        if (moved) c.pinged_us_ms = 0;
    }
    d->met += known == NULL;
    c.proven_ms = now_ms;
    c.missed = 0;
    if (t->pinged_us) c.pinged_us_ms = now_ms;
    if (pong->has_enr_seq && pong->enr_seq >= c.said_seq) c.said_seq = pong->enr_seq;
    c.says_seq = c.says_seq || pong->has_enr_seq;
    c.stated = unwrapped(pong->to);
    c.live = c.live || !t->theirs;
    if (c.live) {
        c.check_at_ms = now_ms + c.wait_ms + draw_below(d, c.wait_ms);
        c.wait_ms = c.wait_ms > CHECK_MAX_MS / 2 ? CHECK_MAX_MS : 2 * c.wait_ms;
    } else {
        c.check_at_ms = now_ms + FIRST_CHECK_MS + draw_below(d, FIRST_CHECK_SPREAD_MS);
    }
    const struct discv4_contact *put = discv4_table_put(&d->table, &c);
    if (put == NULL) return;
    keep_proof(d, t, now_ms);
    hear_statement(d, put, now_ms);
    tell_found(d, fx, put);
}

static bool on_pong(struct discv4 *d, struct discv4_effects *fx, const struct discv4_packet *in,
                    const hash_t *nid, const struct discv4_endpoint *from, uint64_t now_ms)
{
    struct talk *t = find_talk(d, nid, from);
    if (t == NULL || t->stage != TALK_PING || !hash_eq(&t->question, &in->question)) return false;
    on_proof(d, fx, t, in, now_ms);
    settle(d, fx, t, now_ms);
    return true;
}

static bool on_find_node(struct discv4 *d, struct discv4_effects *fx,
                         const struct discv4_packet *in, const hash_t *nid,
                         const struct discv4_endpoint *from, uint64_t now_ms)
{
    if (!is_proven(d, nid, from, now_ms)) return false;
    const struct discv4_contact *near[DISCV4_NEAREST];
    const hash_t target = discv4_nid(&in->target);
    const size_t count = discv4_table_nearest(&d->table, near, ARRAY_LEN(near), &target);
    struct discv4_packet out = {.type = DISCV4_NEIGHBORS};
    bool sent = false;
    for (size_t i = 0; i < count; i++) {
        const struct discv4_endpoint *at = &near[i]->node.at;
        if (hash_eq(&near[i]->nid, nid) || !ip_may_tell(from->ip, from->ip_len, at->ip, at->ip_len))
            continue;
        if (out.node_count == DISCV4_NODES_MAX) {
            send(d, fx, from, &out, now_ms);
            out = (struct discv4_packet){.type = DISCV4_NEIGHBORS};
            sent = true;
        }
        out.nodes[out.node_count++] = near[i]->node;
    }
    if (!sent || out.node_count != 0) send(d, fx, from, &out, now_ms);
    return true;
}

static bool on_neighbors(struct discv4 *d, struct discv4_effects *fx,
                         const struct discv4_packet *in, const hash_t *nid,
                         const struct discv4_endpoint *from, uint64_t now_ms)
{
    struct talk *t = find_talk(d, nid, from);
    if (t == NULL || t->stage != TALK_FIND) return false;
    for (size_t i = 0; i < in->node_count && t->told < DISCV4_NEAREST; i++) {
        const struct discv4_node n = {unwrapped(in->nodes[i].at), in->nodes[i].id};
        t->told++;
        if (n.at.udp < LOWEST_PORT || !d->lookup.on || !is_allowed(d, &n.id) ||
            !ip_may_tell(from->ip, from->ip_len, n.at.ip, n.at.ip_len) ||
            !err_ok(secp_pubkey_check(&n.id)))
            continue;
        const hash_t their_nid = discv4_nid(&n.id);
        if (hash_eq(&their_nid, &d->table.self)) continue;
        // What we have seen ourselves counts more than what we are told.
        const struct discv4_contact *c = discv4_table_find(&d->table, &their_nid);
        discv4_lookup_add(&d->lookup, c != NULL ? &c->node : &n, &their_nid);
    }
    if (t->told < DISCV4_NEAREST) { // there may be a second packet
        if (t->deadline_ms > now_ms + REST_MS) t->deadline_ms = now_ms + REST_MS;
        if (t->told == 0) t->told = 1; // an answer, if an empty one
        return true;
    }
    end_find(d, t, true);
    go_on(d, fx, t, now_ms);
    return true;
}

static bool on_enr_request(struct discv4 *d, struct discv4_effects *fx,
                           const struct discv4_packet *in, const hash_t *nid,
                           const struct discv4_endpoint *from, uint64_t now_ms)
{
    if (!is_proven(d, nid, from, now_ms)) return false;
    struct discv4_packet out = {
        .type = DISCV4_ENR_RESPONSE, .question = in->hash, .record = buf_bytes(&d->record)};
    send(d, fx, from, &out, now_ms);
    return true;
}

static bool on_enr_response(struct discv4 *d, struct discv4_effects *fx,
                            const struct discv4_packet *in, const hash_t *nid,
                            const struct discv4_endpoint *from, uint64_t now_ms)
{
    struct talk *t = find_talk(d, nid, from);
    if (t == NULL || t->stage != TALK_RECORD || !hash_eq(&t->question, &in->question)) return false;
    struct enr record;
    const bool reads = err_ok(enr_decode(&record, in->record)) &&
                       memcmp(record.id.b, in->sender.b, sizeof record.id.b) == 0;
    struct discv4_contact *c = discv4_table_find(&d->table, nid); // who waits is a candidate too
    if (reads && c != NULL && (!c->has_record || record.seq > c->record_seq)) {
        c->has_record = true;
        c->record_seq = record.seq;
        c->has_fork = record.has_fork;
        c->fork = record.fork;
        c->node.at.tcp = record.tcp;
        tell_found(d, fx, c);
    }
    if (reads && c != NULL && c->said_seq > record.seq) c->said_seq = record.seq;
    end_talk(d, fx, t, now_ms);
    return reads;
}

/// Times with the highest bit are in the past for those who read them as signed.
static bool is_expired(uint64_t expiration_s, uint64_t now_ms)
{
    return expiration_s > INT64_MAX || expiration_s < now_ms / 1000;
}

static bool take_packet(struct discv4 *d, struct discv4_effects *fx,
                        const struct discv4_endpoint *from, bytes_t packet, uint64_t now_ms)
{
    struct discv4_packet in;
    if (!err_ok(discv4_decode(&in, packet))) return false;
    if (in.type != DISCV4_ENR_RESPONSE && is_expired(in.expiration_s, now_ms)) return false;
    if (!is_allowed(d, &in.sender)) return false;
    const hash_t nid = discv4_nid(&in.sender);
    if (hash_eq(&nid, &d->table.self)) return false;
    switch (in.type) {
    case DISCV4_PING:
        on_ping(d, fx, &in, &nid, from, now_ms);
        return true;
    case DISCV4_PONG:
        return on_pong(d, fx, &in, &nid, from, now_ms);
    case DISCV4_FIND_NODE:
        return on_find_node(d, fx, &in, &nid, from, now_ms);
    case DISCV4_NEIGHBORS:
        return on_neighbors(d, fx, &in, &nid, from, now_ms);
    case DISCV4_ENR_REQUEST:
        return on_enr_request(d, fx, &in, &nid, from, now_ms);
    case DISCV4_ENR_RESPONSE:
        return on_enr_response(d, fx, &in, &nid, from, now_ms);
    }
    unreachable("discv4 type");
}

/// Is a node of the table at this address? Then it is a real one.
static bool is_known_address(const struct discv4 *d, const struct discv4_endpoint *from)
{
    size_t cursor = 0;
    const struct discv4_contact *c;
    while ((c = discv4_table_next(&d->table, &cursor)) != NULL) {
        if (c->node.at.ip_len == from->ip_len && memcmp(c->node.at.ip, from->ip, from->ip_len) == 0)
            return true;
    }
    return false;
}

void discv4_receive(struct discv4 *d, struct discv4_effects *fx, const struct discv4_endpoint *from,
                    bytes_t packet, uint64_t now_ms)
{
    fx->count = 0;
    d->stats.received++;
    if (from->udp == 0 || !ip_is_usable(from->ip, from->ip_len)) {
        d->stats.refused++;
        return;
    }
    if (!rate_limit_take(&d->limit, from->ip, from->ip_len, is_known_address(d, from), now_ms)) {
        d->stats.limited++;
        return;
    }
    if (!take_packet(d, fx, from, packet, now_ms)) d->stats.refused++;
    advance_lookup(d, fx, now_ms);
}

/// --- time ---

void discv4_tick(struct discv4 *d, struct discv4_effects *fx, uint64_t now_ms)
{
    fx->count = 0;
    for (size_t i = 0; i < TALKS && fx->count + TICK_SENDS < DISCV4_EFFECTS; i++) {
        struct talk *t = &d->talks[i];
        if (t->stage != TALK_OFF && now_ms >= t->deadline_ms) time_out(d, fx, t, now_ms);
    }
    if (!d->lookup.on && now_ms >= d->lookup_at_ms) begin_lookup(d);
    advance_lookup(d, fx, now_ms);
    struct discv4_contact *c = discv4_table_due(&d->table);
    if (c == NULL || now_ms < c->check_at_ms) return;
    c->check_at_ms = now_ms + CHECK_MIN_MS; // what becomes of it sets another time
    const struct discv4_node node = c->node;
    const hash_t nid = c->nid;
    begin_talk(d, fx, &node, &nid, false, false, now_ms);
}

uint64_t discv4_deadline(struct discv4 *d)
{
    uint64_t at = d->lookup.on ? UINT64_MAX : d->lookup_at_ms;
    for (size_t i = 0; i < TALKS; i++) {
        if (d->talks[i].stage != TALK_OFF && d->talks[i].deadline_ms < at)
            at = d->talks[i].deadline_ms;
    }
    const struct discv4_contact *c = discv4_table_due(&d->table);
    return c != NULL && c->check_at_ms < at ? c->check_at_ms : at;
}

/// --- life ---

err_t discv4_new(struct discv4 **out, const struct discv4_options *options)
{
    secp_pubkey_t self;
    TRY(secp_pubkey_of(&self, options->key));
    struct discv4 *d = calloc(1, sizeof *d);
    if (d == NULL) return FAIL(FULL, "discv4: no memory");
    d->options = *options;
    d->self = (struct enr){
        .id = self, .ip_len = options->at.ip_len, .tcp = options->at.tcp, .udp = options->at.udp};
    memcpy(d->self.ip, options->at.ip, sizeof d->self.ip);
    d->ip_is_given = options->at.ip_len != 0;
    d->lookup_at_ms = options->now_ms;
    d->searched_self = false;
    buf_init(&d->record, ENR_BYTES);
    buf_init(&d->scratch, DISCV4_PACKET_MAX);
    discv4_table_init(&d->table, &self);
    rate_limit_init(&d->limit, draw_below(d, UINT64_MAX), options->now_ms);
    sign_record(d, options->now_ms);
    *out = d;
    return OK;
}

void discv4_free(struct discv4 *d)
{
    if (d == NULL) return;
    buf_deinit(&d->record);
    buf_deinit(&d->scratch);
    free(d);
}

err_t discv4_add_bootnode(struct discv4 *d, const struct discv4_node *node)
{
    if (memcmp(node->id.b, d->self.id.b, sizeof node->id.b) == 0)
        return FAIL(INVALID, "discv4: that is this node itself");
    for (size_t i = 0; i < d->bootnode_count; i++) {
        if (memcmp(d->bootnodes[i].id.b, node->id.b, sizeof node->id.b) != 0) continue;
        d->bootnodes[i] = *node;
        return OK;
    }
    if (d->bootnode_count == DISCV4_BOOTNODES) return FAIL(FULL, "discv4: 32 bootnodes already");
    d->bootnodes[d->bootnode_count++] = *node;
    return OK;
}

void discv4_count(const struct discv4 *d, struct discv4_stats *out)
{
    size_t cursor = 0;
    const struct discv4_contact *c;
    *out = d->stats;
    while ((c = discv4_table_next(&d->table, &cursor)) != NULL) {
        out->nodes++;
        out->live += c->live;
        out->candidates += is_candidate(d, c);
    }
}

const struct discv4_table *discv4_table_of(const struct discv4 *d)
{
    return &d->table;
}
