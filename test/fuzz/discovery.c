// SPDX-License-Identifier: Apache-2.0
/// Discovery's state machine: bytes drive packets of four peers from eight places, and time. Nothing
/// but Pongs and Pings goes to whom has not proved where he is, every packet of ours is a good one,
/// and whoever is in the table has proved himself.
#include "chain/crypto/keccak.h"
#include "consensus/p2p/discv4.h"
#include "test/fuzz/fuzz.h"

#define PEERS 4U
#define PLACES 8U
#define STEPS 100U
#define NOW UINT64_C(1700000000000)

static const struct secret_key SELF = {{1}};

struct peer {
    struct secret_key key;
    secp_pubkey_t id;
    hash_t asked[PLACES]; ///< name of the last Ping that went to this place while he was there
    hash_t request;       ///< name of the last ENRRequest
    bool proven[PLACES];
};

struct run {
    struct discv4 *d;
    struct discv4_effects fx;
    struct peer peers[PEERS];
    uint64_t now_ms;
    size_t place; ///< of the packet in hand
    size_t peer;
    bytes_t in;
};

static struct discv4_endpoint place(size_t i)
{
    struct discv4_endpoint at = {
        .ip = {10, 0, 0, (uint8_t)(2 + i / 2)}, .ip_len = 4, .udp = (uint16_t)(4000 + i % 2)};
    if (i >= 6) at.ip[0] = 55; // not a local network
    return at;
}

static size_t place_of(const struct discv4_endpoint *at)
{
    for (size_t i = 0; i < PLACES; i++) {
        const struct discv4_endpoint p = place(i);
        if (discv4_same_place(&p, at)) return i;
    }
    return PLACES;
}

static void look_at_packet(struct run *r, const struct discv4_effect *e, secp_pubkey_t self)
{
    struct discv4_packet p;
    EXPECT(err_ok(discv4_decode(&p, (bytes_t){e->bytes, e->len})));
    EXPECT(memcmp(p.sender.b, self.b, sizeof self.b) == 0);
    const size_t to = place_of(&e->node.at);
    if (p.type == DISCV4_PING && to < PLACES) {
        for (size_t i = 0; i < PEERS; i++) r->peers[i].asked[to] = p.hash;
    }
    if (p.type == DISCV4_PING || p.type == DISCV4_PONG) return;
    EXPECT(to < PLACES);
    bool proven = false;
    for (size_t i = 0; i < PEERS; i++) {
        proven = proven || r->peers[i].proven[to];
        if (p.type == DISCV4_ENR_REQUEST) r->peers[i].request = p.hash;
    }
    EXPECT(proven);
}

static void look(struct run *r)
{
    secp_pubkey_t self;
    EXPECT(err_ok(secp_pubkey_of(&self, &SELF)));
    EXPECT(r->fx.count <= DISCV4_EFFECTS);
    for (size_t i = 0; i < r->fx.count; i++) {
        const struct discv4_effect *e = &r->fx.items[i];
        if (e->kind == DISCV4_FX_SEND)
            look_at_packet(r, e, self);
        else
            EXPECT(place_of(&e->node.at) < PLACES && e->node.at.tcp != 0);
    }
    struct discv4_stats s;
    discv4_count(r->d, &s);
    EXPECT(s.nodes <= PEERS && s.live <= s.nodes && s.candidates <= s.live);
    EXPECT(s.limited + s.refused <= s.received);
}

static void receive(struct run *r, bytes_t packet)
{
    const struct discv4_endpoint from = place(r->place);
    discv4_receive(r->d, &r->fx, &from, packet, r->now_ms);
    look(r);
}

/// A packet of the right form with members from the input.
static void send_good(struct run *r, enum discv4_type type)
{
    struct peer *peer = &r->peers[r->peer];
    const uint8_t bits = fuzz_u8(&r->in);
    struct discv4_packet p = {.type = type, .has_enr_seq = (bits & 1) != 0, .enr_seq = bits};
    p.expiration_s = (bits & 2) != 0 ? r->now_ms / 1000 - 5 : r->now_ms / 1000 + 5;
    p.from = p.to = place(bits & 7);
    p.from.tcp = bits;
    const bool right = (bits & 4) == 0;
    if (type == DISCV4_PONG && right) {
        p.question = peer->asked[r->place];
        peer->proven[r->place] = true; // or he had been before
    }
    struct buf record = fuzz_buf();
    if (type == DISCV4_ENR_RESPONSE) {
        struct enr own;
        EXPECT(err_ok(enr_decode(&own, discv4_record(r->d))));
        const struct enr said = {
            .seq = bits, .id = peer->id, .tcp = bits, .has_fork = right, .fork = own.fork};
        enr_encode(&record, &said, &peer->key);
        p.record = buf_bytes(&record);
        p.question = peer->request;
    }
    for (p.node_count = 0;
         type == DISCV4_NEIGHBORS && p.node_count < (bits & 15) && p.node_count < DISCV4_NODES_MAX;
         p.node_count++) {
        struct discv4_node *n = &p.nodes[p.node_count];
        n->at = place(fuzz_u8(&r->in) % PLACES);
        n->id = r->peers[p.node_count % PEERS].id;
        n->id.b[63] ^= bits >> 7; // no point of the curve
    }
    struct buf out = fuzz_buf();
    discv4_encode(&out, &p, &peer->key);
    if (err_ok(buf_status(&out)) && out.len <= DISCV4_PACKET_MAX) receive(r, buf_bytes(&out));
    buf_deinit(&out);
    buf_deinit(&record);
}

static void send_raw(struct run *r)
{
    uint8_t raw[DISCV4_PACKET_MAX + 1];
    const bytes_t body = fuzz_take(&r->in, 32 + (size_t)fuzz_u8(&r->in));
    if (body.len <= 32) return;
    memcpy(raw, body.data, body.len);
    const hash_t hash = keccak256(bytes_make(raw + 32, body.len - 32));
    memcpy(raw, hash.b, sizeof hash.b);
    receive(r, bytes_make(raw, body.len));
}

static void step(struct run *r)
{
    static const uint16_t waits[] = {10, 300, 600, 1100, 4000, 20000, 60000};
    const uint8_t op = fuzz_u8(&r->in);
    const uint8_t who = fuzz_u8(&r->in);
    r->peer = who % PEERS;
    r->place = who / PEERS % PLACES;
    if (op % 8 == 0) {
        r->now_ms += waits[who % ARRAY_LEN(waits)];
        discv4_tick(r->d, &r->fx, r->now_ms);
        look(r);
    } else if (op % 8 == 7) {
        send_raw(r);
    } else {
        send_good(r, (enum discv4_type)(op % 8));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run r; // large
    EXPECT(err_ok(secp_setup()));
    memset(&r, 0, sizeof r);
    r.in = (bytes_t){data, size};
    r.now_ms = NOW;
    struct discv4_options o = {.key = &SELF, .now_ms = NOW};
    o.at.udp = o.at.tcp = 30303;
    EXPECT(err_ok(discv4_new(&r.d, &o)));
    for (size_t i = 0; i < PEERS; i++) {
        r.peers[i].key.b[0] = (uint8_t)(2 + i);
        EXPECT(err_ok(secp_pubkey_of(&r.peers[i].id, &r.peers[i].key)));
    }
    const struct discv4_node boot = {place(0), r.peers[0].id};
    EXPECT(err_ok(discv4_add_bootnode(r.d, &boot)));
    for (size_t i = 0; i < STEPS && r.in.len != 0; i++) step(&r);
    discv4_free(r.d);
    return 0;
}
