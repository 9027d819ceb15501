// SPDX-License-Identifier: Apache-2.0
/// A whole session behind a proven handshake: the input is a script of the peer's frames (packed or
/// not, whole or in pieces), of time and of what we send. Nothing it says makes the session tell
/// something out of order, keep more than it may, or end without the peer being told the reason.
#include "consensus/p2p/session.h"
#include "chain/codec/rlp.h"
#include "consensus/p2p/rlpx_frame.h"
#include "consensus/p2p/snappy.h"
#include "test/fuzz/fuzz.h"
#include "test/support/rlpx_seed.h"

#include <string.h>

struct line {
    struct session *s;
    struct rlpx_frames peer;
    struct buf wire; ///< from the peer, not yet given
    struct buf back; ///< from the session, not yet opened
    uint64_t now_ms;
    bool open;
    bool closed;
    bool by_peer;
    unsigned reason;
    unsigned last_id;     ///< of the last frame that the session sent
    unsigned last_reason; ///< if that was a Disconnect
};

static void on_event(struct line *l, const struct session_event *ev)
{
    EXPECT(!l->closed);
    switch (ev->kind) {
    case SESSION_EV_KEY:
        EXPECT(!l->open);
        session_accept(l->s);
        return;
    case SESSION_EV_OPEN:
        EXPECT(!l->open && session_speaks(l->s, P2P_ETH) != 0);
        l->open = true;
        return;
    case SESSION_EV_MESSAGE: {
        EXPECT(l->open && ev->message.payload.len <= SESSION_MESSAGE_MAX);
        const unsigned version = session_speaks(l->s, ev->message.protocol);
        EXPECT(version != 0);
        bool known = false;
        for (size_t i = 0; i < P2P_CAPABILITY_COUNT; i++)
            known = known || (P2P_CAPABILITIES[i].protocol == ev->message.protocol &&
                              P2P_CAPABILITIES[i].version == version &&
                              ev->message.code < P2P_CAPABILITIES[i].length);
        EXPECT(known);
        return;
    }
    case SESSION_EV_CLOSED:
        l->closed = true;
        l->by_peer = ev->closed.by_peer;
        l->reason = ev->closed.reason;
        EXPECT(session_ended(l->s) && ev->closed.why != NULL);
        return;
    }
    EXPECT(false);
}

/// Opens what the session has sent: its frames are always whole and true.
static void read_back(struct line *l)
{
    session_output(l->s, &l->back, SIZE_MAX);
    size_t at = 0;
    while (at < l->back.len) {
        size_t size;
        EXPECT(l->back.len - at >= RLPX_HEADER_BYTES);
        EXPECT(err_ok(rlpx_frame_header(&l->peer, l->back.data + at, &size)) && size != 0);
        at += RLPX_HEADER_BYTES;
        EXPECT(l->back.len - at >= rlpx_body_size(size));
        EXPECT(err_ok(rlpx_frame_body(&l->peer, l->back.data + at, size)));
        const uint8_t *body = l->back.data + at;
        l->last_id = body[0];
        if (body[0] == 1) { // [reason], packed after Hello: then a length stands before it
            const uint8_t *list = body[1] == 0xc1 ? body + 1 : body + 3;
            l->last_reason = list[1] == 0x80 ? 0 : list[1];
        }
        at += rlpx_body_size(size);
    }
    buf_clear(&l->back);
}

static void give(struct line *l, size_t slice)
{
    size_t at = 0;
    struct session_event ev;
    while (at < l->wire.len) {
        const size_t n = l->wire.len - at < slice ? l->wire.len - at : slice;
        session_receive(l->s, bytes_make(l->wire.data + at, n), l->now_ms);
        at += n;
        while (session_next(l->s, &ev)) on_event(l, &ev);
    }
    buf_clear(&l->wire);
}

static void meet(struct line *l)
{
    static struct rlpx_handshake h;
    const struct secret_key own = key_of(0x0a);
    static struct secret_key node;
    node = key_of(0x0b);
    secp_pubkey_t node_id;
    EXPECT(err_ok(secp_pubkey_of(&node_id, &node)));
    const struct rlpx_seed ours = seed_of(0x41);
    const struct rlpx_seed theirs = seed_of(0x51);
    const struct session_options o = {
        .key = &node, .seed = &ours, .client_id = "cairn", .listen_port = 1, .now_ms = l->now_ms};
    EXPECT(err_ok(session_new(&l->s, &o)));
    rlpx_handshake_init(&h, &own, &theirs, &node_id);
    EXPECT(err_ok(rlpx_handshake_write(&h, &l->wire)));
    give(l, SIZE_MAX);
    session_output(l->s, &l->back, SIZE_MAX);
    const size_t ack = rlpx_packet_size(l->back.data);
    EXPECT(ack != 0 && ack < l->back.len);
    EXPECT(err_ok(rlpx_handshake_read(&h, bytes_make(l->back.data, ack))));
    struct rlpx_secrets secrets;
    EXPECT(err_ok(rlpx_handshake_secrets(&h, &secrets)));
    EXPECT(err_ok(rlpx_frames_init(&l->peer, &secrets)));
    memmove(l->back.data, l->back.data + ack, l->back.len - ack);
    l->back.len -= ack;
    read_back(l);
    EXPECT(l->last_id == 0x80); // Hello comes at once
    rlpx_handshake_wipe(&h);
}

static void put_frame(struct line *l, uint8_t id, bytes_t payload, bool pack)
{
    struct buf packed = fuzz_buf();
    if (pack) EXPECT(err_ok(snappy_pack(&packed, payload)));
    EXPECT(err_ok(rlpx_frame_write(&l->peer, &l->wire, bytes_make(&id, 1),
                                   pack ? buf_bytes(&packed) : payload)));
    buf_deinit(&packed);
}

/// A Hello that will do, offering what `caps` has bits for.
static void put_hello(struct line *l, uint8_t caps)
{
    const struct secret_key own = key_of(0x0a);
    secp_pubkey_t id;
    EXPECT(err_ok(secp_pubkey_of(&id, &own)));
    struct buf b = fuzz_buf();
    const size_t list = rlp_list_begin(&b);
    rlp_put_u64(&b, 5);
    rlp_put_bytes(&b, LIT("fuzz"));
    const size_t all = rlp_list_begin(&b);
    for (size_t i = 0; i < P2P_CAPABILITY_COUNT; i++) {
        if ((caps >> i & 1) == 0) continue;
        const size_t cap = rlp_list_begin(&b);
        rlp_put_bytes(&b, P2P_CAPABILITIES[i].protocol == P2P_ETH ? LIT("eth") : LIT("istanbul"));
        rlp_put_u64(&b, P2P_CAPABILITIES[i].version);
        rlp_list_end(&b, cap);
    }
    rlp_list_end(&b, all);
    rlp_put_u64(&b, 0);
    rlp_put_bytes(&b, BYTES_OF(id));
    rlp_list_end(&b, list);
    put_frame(l, 0x80, buf_bytes(&b), false);
    buf_deinit(&b);
}

static void step(struct line *l, bytes_t *in)
{
    const uint8_t op = fuzz_u8(in);
    struct session_event ev;
    switch (op % 8) {
    case 0:
        put_hello(l, fuzz_u8(in));
        break;
    case 1:
    case 2: {
        const uint8_t id = fuzz_u8(in);
        put_frame(l, id, fuzz_take(in, fuzz_u8(in)), op % 8 == 1);
        break;
    }
    case 3: // a frame that says more than comes
        buf_put(&l->wire, fuzz_take(in, fuzz_u8(in)));
        break;
    case 4:
        l->now_ms += (uint64_t)fuzz_u8(in) * 200;
        session_tick(l->s, l->now_ms);
        while (session_next(l->s, &ev)) on_event(l, &ev);
        break;
    case 5: {
        const enum p2p_protocol protocol = (op >> 3 & 1) != 0 ? P2P_ETH : P2P_ISTANBUL;
        const err_t err = session_send_bytes(l->s, protocol, fuzz_u8(in) % 17,
                                             fuzz_take(in, fuzz_u8(in)), P2P_WHENEVER);
        EXPECT(err_ok(err)); // so little always has room
        break;
    }
    case 6:
        give(l, 1 + fuzz_u8(in));
        break;
    case 7:
        give(l, SIZE_MAX);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes_t in = {data, size};
    struct line l = {.now_ms = 1000};
    EXPECT(err_ok(secp_setup()));
    buf_init(&l.wire, (size_t)1 << 24);
    buf_init(&l.back, (size_t)1 << 24);
    meet(&l);
    while (in.len != 0) {
        step(&l, &in);
        read_back(&l);
        EXPECT(session_ended(l.s) || session_deadline(l.s) > l.now_ms);
    }
    give(&l, SIZE_MAX);
    read_back(&l);
    // Whom we left has been told why, and it was the last that he heard; silence before Hello
    // is left without a word.
    if (l.closed && !l.by_peer && l.reason != P2P_PING_TIMEOUT)
        EXPECT(l.last_id == 1 && l.last_reason == l.reason);
    session_free(l.s);
    rlpx_frames_deinit(&l.peer);
    buf_deinit(&l.wire);
    buf_deinit(&l.back);
    return 0;
}
