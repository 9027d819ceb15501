// SPDX-License-Identifier: Apache-2.0
/// Goal: two sessions meet over any slicing of the bytes, agree on what they speak, and end with
/// the right reason whatever else comes over the line.

#include "consensus/p2p/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain/codec/rlp.h"
#include "consensus/p2p/rlpx_frame.h"
#include "consensus/p2p/snappy.h"
#include "test/support/rlpx_seed.h"

static struct secret_key key_a, key_b;
static secp_pubkey_t id_a, id_b;

static void setup(void)
{
    cr_assert(err_ok(secp_setup()));
    key_a = key_of(0x0a);
    key_b = key_of(0x0b);
    cr_assert(err_ok(secp_pubkey_of(&id_a, &key_a)));
    cr_assert(err_ok(secp_pubkey_of(&id_b, &key_b)));
}

TestSuite(session, .init = setup);

static struct session *caller(const secp_pubkey_t *whom)
{
    const struct rlpx_seed seed = seed_of(0x31);
    const struct session_options o = {.key = &key_a,
                                      .remote = whom,
                                      .seed = &seed,
                                      .client_id = "cairn/a",
                                      .listen_port = 1,
                                      .now_ms = 1000};
    struct session *s = NULL;
    cr_assert(err_ok(session_new(&s, &o)));
    return s;
}

static struct session *called(void)
{
    const struct rlpx_seed seed = seed_of(0x41);
    const struct session_options o = {
        .key = &key_b, .seed = &seed, .client_id = "cairn/b", .listen_port = 2, .now_ms = 1000};
    struct session *s = NULL;
    cr_assert(err_ok(session_new(&s, &o)));
    return s;
}

/// What one side was told, in a line: "key open msg(istanbul 18 5) closed(2 us)".
struct told {
    char text[4096];
    size_t len;
};

static void __attribute__((format(printf, 2, 3))) note(struct told *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(t->text + t->len, sizeof t->text - t->len, fmt, args);
    va_end(args);
    cr_assert(n >= 0);
    t->len += (size_t)n;
    cr_assert_lt(t->len, sizeof t->text);
}

static void listen_to(struct session *s, struct told *t)
{
    struct session_event ev;
    while (session_next(s, &ev)) {
        switch (ev.kind) {
        case SESSION_EV_KEY:
            note(t, "key ");
            session_accept(s);
            break;
        case SESSION_EV_OPEN:
            note(t, "open ");
            break;
        case SESSION_EV_MESSAGE:
            note(t, "msg(%s %u %zu) ", ev.message.protocol == P2P_ETH ? "eth" : "istanbul",
                 ev.message.code, ev.message.payload.len);
            break;
        case SESSION_EV_CLOSED:
            note(t, "closed(%d %s) ", (int)ev.closed.reason, ev.closed.by_peer ? "peer" : "us");
            break;
        }
    }
}

/// Carries what `from` has to say to `to`, at most `slice` bytes at a time.
static bool carry(struct session *from, struct session *to, struct told *t, size_t slice)
{
    struct buf wire;
    buf_init(&wire, (size_t)64 * 1024 * 1024);
    session_output(from, &wire, (size_t)1 << 20);
    const bool any = wire.len != 0;
    for (size_t at = 0; at < wire.len; at += slice) {
        const size_t n = wire.len - at < slice ? wire.len - at : slice;
        session_receive(to, bytes_make(wire.data + at, n), 1000);
        listen_to(to, t);
    }
    buf_deinit(&wire);
    return any;
}

static void meet(struct session *a, struct session *b, struct told *ta, struct told *tb,
                 size_t slice)
{
    bool any = true;
    while (any) {
        any = carry(a, b, tb, slice);
        any = carry(b, a, ta, slice) || any;
    }
    listen_to(a, ta);
    listen_to(b, tb);
}

Test(session, they_meet_whatever_the_slices)
{
    static const size_t slices[] = {1, 2, 31, 33, 500, 65536};
    for (size_t i = 0; i < ARRAY_LEN(slices); i++) {
        struct session *a = caller(&id_b);
        struct session *b = called();
        struct told ta = {.len = 0}, tb = {.len = 0};
        meet(a, b, &ta, &tb, slices[i]);
        cr_expect_str_eq(ta.text, "open ", "slice %zu", slices[i]);
        cr_expect_str_eq(tb.text, "key open ");
        cr_expect_eq(session_speaks(a, P2P_ETH), 69, "the highest that both offer");
        cr_expect_eq(session_speaks(b, P2P_ISTANBUL), 100);
        cr_expect_str_eq(session_client(b), "cairn/a");
        cr_expect(bytes_eq(BYTES_OF(*session_peer(b)), BYTES_OF(id_a)));

        static uint8_t big[300000];
        cr_expect(err_ok(session_send_bytes(a, P2P_ISTANBUL, 0x15, LIT("\xc1\x05"), P2P_URGENT)));
        cr_expect(err_ok(session_send_bytes(b, P2P_ETH, 0x11, BYTES_OF(big), P2P_ANSWER)));
        session_close(b, P2P_QUITTING, "done");
        cr_expect_eq(session_speaks(b, P2P_ETH), 0);
        meet(a, b, &ta, &tb, slices[i]);
        cr_expect_str_eq(ta.text, "open closed(8 peer) ",
                         "what waited behind a goodbye is dropped");
        session_free(a);
        session_free(b);
    }
}

Test(session, urgent_overtakes)
{
    struct session *a = caller(&id_b);
    struct session *b = called();
    struct told ta = {.len = 0}, tb = {.len = 0};
    meet(a, b, &ta, &tb, 65536);
    tb.len = 0;
    cr_expect(err_ok(session_send_bytes(a, P2P_ETH, 2, LIT("\xc0"), P2P_WHENEVER)));
    cr_expect(err_ok(session_send_bytes(a, P2P_ETH, 4, LIT("\xc1\x01"), P2P_ANSWER)));
    cr_expect(err_ok(session_send_bytes(a, P2P_ISTANBUL, 0x12, LIT("\xc2\x01\x02"), P2P_URGENT)));
    meet(a, b, &ta, &tb, 65536);
    cr_expect_str_eq(tb.text, "msg(istanbul 18 3) msg(eth 4 2) msg(eth 2 1) ");
    session_free(a);
    session_free(b);
}

/// Goal: a peer that reads nothing costs 16 MiB at most; transactions go first.
Test(session, queue_is_bounded)
{
    struct session *a = caller(&id_b);
    struct session *b = called();
    struct told ta = {.len = 0}, tb = {.len = 0};
    meet(a, b, &ta, &tb, 65536);
    uint8_t *noise = malloc((size_t)1 << 20);
    cr_assert_not_null(noise);
    uint32_t x = 1;
    for (size_t i = 0; i < (size_t)1 << 20; i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (uint8_t)(x >> 24);
    }
    struct p2p_packet *p = p2p_packet_new(bytes_make(noise, (size_t)1 << 20));
    cr_assert_not_null(p);
    size_t sent = 0;
    while (err_ok(session_send(a, P2P_ETH, 2, p, P2P_WHENEVER))) sent++;
    cr_expect(sent >= 14 && sent <= 16, "%zu", sent);
    cr_expect_not(session_ended(a));
    cr_expect(err_ok(session_send(a, P2P_ETH, 7, p, P2P_ANSWER)), "takes their place");
    for (sent = 1; err_ok(session_send(a, P2P_ETH, 7, p, P2P_ANSWER)); sent++) continue;
    cr_expect(sent >= 14 && sent <= 16, "%zu", sent);
    cr_expect(session_ended(a));
    p2p_packet_free(p);
    free(noise);
    session_free(a);
    session_free(b);
}

/// Goal: the smallest messages fill the queue by what they take of memory, not by their bytes: who
/// asks for millions of little answers and reads none of them costs no more than anybody else.
Test(session, small_messages_fill_the_queue_too)
{
    struct session *a = caller(&id_b);
    struct session *b = called();
    struct told ta = {.len = 0};
    struct told tb = {.len = 0};
    meet(a, b, &ta, &tb, 4096);
    size_t fit = 0;
    while (err_ok(session_send_bytes(a, P2P_ETH, 9, LIT("\xc0"), P2P_WHENEVER))) fit++;
    cr_expect_leq(fit, SESSION_QUEUE_MAX / 256);
    cr_expect_geq(fit, 10000);
    size_t urgent = 0;
    while (err_ok(session_send_bytes(a, P2P_ETH, 9, LIT("\xc0"), P2P_URGENT))) urgent++;
    cr_expect_leq(urgent, SESSION_QUEUE_MAX / 256);
    cr_expect(session_ended(a), "it does not read");
    session_free(a);
    session_free(b);
}

/// Goal: an auth packet that was recorded names its caller but proves nothing; a frame does.
Test(session, a_recording_proves_nothing)
{
    struct session *a = caller(&id_b);
    struct session *b = called();
    struct session *again = called();
    struct told ta = {.len = 0};
    struct told tb = {.len = 0};
    struct buf auth;
    buf_init(&auth, 4096);
    session_output(a, &auth, 4096);
    session_receive(b, buf_bytes(&auth), 1000);
    listen_to(b, &tb);
    cr_expect_not(session_proved(b));
    meet(a, b, &ta, &tb, 4096);
    cr_expect_str_eq(tb.text, "key open ");
    cr_expect(session_proved(b) && session_proved(a));

    struct told tc = {.len = 0};
    session_receive(again, buf_bytes(&auth), 1000);
    uint8_t noise[64] = {1};
    session_receive(again, BYTES_OF(noise), 1000);
    listen_to(again, &tc);
    cr_expect_str_eq(tc.text, "key closed(2 us) ");
    cr_expect_not(session_proved(again));
    buf_deinit(&auth);
    session_free(a);
    session_free(b);
    session_free(again);
}

/// Goal: wherever the line is cut or a bit changed, nobody crashes, and after the handshake the
/// side that sees it ends.
Test(session, damaged_handshakes)
{
    for (size_t at = 0; at < 700; at += 3) {
        struct session *a = caller(&id_b);
        struct session *b = called();
        struct told tb = {.len = 0};
        struct buf wire;
        buf_init(&wire, 65536);
        session_output(a, &wire, 65536);
        if (at < wire.len) {
            wire.data[at] ^= 0x40;
            session_receive(b, buf_bytes(&wire), 1000);
            listen_to(b, &tb);
            cr_expect(strncmp(tb.text, "closed(2 us) ", 13) == 0 || tb.len == 0, "byte %zu: %s", at,
                      tb.text);
            cr_expect(!session_has_output(b), "no answer tells what was wrong");
            session_tick(b, 1000 + SESSION_HANDSHAKE_MS);
            listen_to(b, &tb);
            cr_expect(session_ended(b));
        }
        buf_deinit(&wire);
        session_free(a);
        session_free(b);
    }
}

/// Goal: a caller who is not let in hears why, and nothing else.
Test(session, refused_caller)
{
    struct session *a = caller(&id_b);
    struct session *b = called();
    struct told ta = {.len = 0};
    struct session_event ev;
    struct buf wire;
    buf_init(&wire, 65536);
    session_output(a, &wire, 65536);
    session_receive(b, buf_bytes(&wire), 1000);
    cr_assert(session_next(b, &ev));
    cr_expect_eq(ev.kind, SESSION_EV_KEY);
    session_close(b, P2P_ALREADY, "again");
    cr_assert(session_next(b, &ev));
    cr_expect_eq(ev.kind, SESSION_EV_CLOSED);
    cr_expect(carry(b, a, &ta, 7));
    cr_expect_str_eq(ta.text, "closed(5 peer) ");
    buf_deinit(&wire);
    session_free(a);
    session_free(b);
}

Test(session, wrong_key)
{
    struct session *a = caller(&id_a); // the called one does not own that key
    struct session *b = called();
    struct told ta = {.len = 0}, tb = {.len = 0};
    meet(a, b, &ta, &tb, 65536);
    cr_expect_str_eq(tb.text, "closed(2 us) ");
    session_free(a);
    session_free(b);
}

Test(session, silence)
{
    struct session *a = caller(&id_b);
    struct session *b = called();
    struct told ta = {.len = 0}, tb = {.len = 0};
    cr_expect_eq(session_deadline(b), 1000 + SESSION_HANDSHAKE_MS);
    meet(a, b, &ta, &tb, 65536);
    cr_expect_eq(session_deadline(a), 1000 + SESSION_PING_MS);
    session_tick(a, 1000 + SESSION_PING_MS - 1);
    cr_expect_not(session_has_output(a));
    session_tick(a, 1000 + SESSION_PING_MS);
    cr_expect(session_has_output(a), "a ping");
    struct buf lost;
    buf_init(&lost, 65536);
    session_output(a, &lost, 65536);
    session_tick(a, 1000 + SESSION_SILENCE_MS);
    listen_to(a, &ta);
    cr_expect_str_eq(ta.text, "open closed(11 us) ");
    session_receive(b, buf_bytes(&lost), 20000);
    listen_to(b, &tb);
    cr_expect(session_has_output(b), "a pong");
    buf_deinit(&lost);
    session_free(a);
    session_free(b);
}

/// Goal: a node that stood still for minutes asks before it leaves everybody.
Test(session, late_tick)
{
    struct session *a = caller(&id_b);
    struct session *b = called();
    struct told ta = {.len = 0}, tb = {.len = 0};
    meet(a, b, &ta, &tb, 65536);
    session_tick(a, 300000);
    session_tick(a, 300500);
    cr_expect_not(session_ended(a));
    cr_expect_eq(session_deadline(a), 300000 + SESSION_SILENCE_MS - SESSION_PING_MS);
    meet(a, b, &ta, &tb, 65536);
    session_tick(a, 300000 + SESSION_SILENCE_MS - SESSION_PING_MS);
    cr_expect_not(session_ended(a), "a pong came");
    session_free(a);
    session_free(b);
}

/// Goal: a frame has 30 s, however often a byte of it comes; pings do not save it.
Test(session, frame_in_drops)
{
    struct session *a = caller(&id_b);
    struct session *b = called();
    struct told ta = {.len = 0}, tb = {.len = 0};
    meet(a, b, &ta, &tb, 65536);
    tb.len = 0;
    cr_expect(err_ok(session_send_bytes(a, P2P_ETH, 4, LIT("\xc1\x01"), P2P_ANSWER)));
    cr_expect(err_ok(session_send_bytes(a, P2P_ETH, 4, LIT("\xc1\x02"), P2P_ANSWER)));
    struct buf wire;
    buf_init(&wire, 65536);
    session_output(a, &wire, 65536);
    const size_t frame = wire.len / 2;
    uint64_t now = 20000;
    session_receive(b, bytes_make(wire.data, frame + 1), now); // one and a bit
    listen_to(b, &tb);
    cr_expect_str_eq(tb.text, "msg(eth 4 2) ");
    for (size_t at = frame + 1; at < frame + 6; at++) {
        now += 5000;
        session_tick(b, now);
        session_receive(b, bytes_make(wire.data + at, 1), now);
        listen_to(b, &tb);
        cr_expect_not(session_ended(b), "after %zu bytes", at - frame);
    }
    cr_expect_eq(session_deadline(b), 20000 + SESSION_FRAME_MS);
    session_tick(b, 20000 + SESSION_FRAME_MS);
    listen_to(b, &tb);
    cr_expect_str_eq(tb.text, "msg(eth 4 2) closed(1 us) ");
    buf_deinit(&wire);
    session_free(a);
    session_free(b);
}

/// --- a peer written by hand ---

/// The other end of `b`, down to its frames.
struct raw_peer {
    struct rlpx_frames frames;
    struct session *b;
    struct told told;
};

static void raw_meet(struct raw_peer *p)
{
    static struct rlpx_handshake h;
    const struct rlpx_seed seed = seed_of(0x51);
    struct buf wire;
    buf_init(&wire, 65536);
    memset(p, 0, sizeof *p);
    p->b = called();
    rlpx_handshake_init(&h, &key_a, &seed, &id_b);
    cr_assert(err_ok(rlpx_handshake_write(&h, &wire)));
    session_receive(p->b, buf_bytes(&wire), 1000);
    listen_to(p->b, &p->told);
    buf_clear(&wire);
    session_output(p->b, &wire, 65536);
    const size_t ack = rlpx_packet_size(wire.data);
    cr_assert(err_ok(rlpx_handshake_read(&h, bytes_make(wire.data, ack))));
    struct rlpx_secrets secrets;
    cr_assert(err_ok(rlpx_handshake_secrets(&h, &secrets)));
    cr_assert(err_ok(rlpx_frames_init(&p->frames, &secrets)));
    size_t size = 0;
    cr_assert(err_ok(rlpx_frame_header(&p->frames, wire.data + ack, &size)));
    cr_assert(err_ok(rlpx_frame_body(&p->frames, wire.data + ack + RLPX_HEADER_BYTES, size)));
    cr_expect_eq(wire.data[ack + RLPX_HEADER_BYTES], 0x80, "Hello comes at once");
    p->told.len = 0;
    p->told.text[0] = '\0';
    buf_deinit(&wire);
}

static void raw_send(struct raw_peer *p, bytes_t id, bytes_t payload)
{
    struct buf wire;
    buf_init(&wire, (size_t)32 * 1024 * 1024);
    cr_assert(err_ok(rlpx_frame_write(&p->frames, &wire, id, payload)));
    session_receive(p->b, buf_bytes(&wire), 1000);
    listen_to(p->b, &p->told);
    buf_deinit(&wire);
}

static void raw_free(struct raw_peer *p)
{
    rlpx_frames_deinit(&p->frames);
    session_free(p->b);
}

struct cap {
    const char *name;
    unsigned version;
};

static void hello(struct buf *out, unsigned version, const struct cap *caps, size_t count,
                  const secp_pubkey_t *id)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_u64(out, version);
    rlp_put_bytes(out, LIT("some client\n"));
    const size_t inner = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++) {
        const size_t cap = rlp_list_begin(out);
        rlp_put_bytes(out, bytes_of_str(caps[i].name));
        rlp_put_u64(out, caps[i].version);
        rlp_list_end(out, cap);
    }
    rlp_list_end(out, inner);
    rlp_put_u64(out, 30303);
    rlp_put_bytes(out, BYTES_OF(*id));
    rlp_put_bytes(out, LIT("a later version's item"));
    rlp_list_end(out, list);
}

Test(session, hellos)
{
    static const struct cap besu[] = {
        {"eth", 68}, {"eth", 69}, {"eth", 70}, {"istanbul", 100}, {"snap", 1}};
    static const struct cap goquorum[] = {{"eth", 65}, {"eth", 66}, {"istanbul", 100}};
    static const struct cap mainnet[] = {{"eth", 68}, {"snap", 1}};
    static const struct cap stranger[] = {{"les", 4}, {"eth", 70}};
    static struct cap many[65];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) many[i] = (struct cap){"eth", 68};
    const secp_pubkey_t zero = {{0}};
    const struct {
        const char *name;
        unsigned version;
        const struct cap *caps;
        size_t count;
        const secp_pubkey_t *id;
        const char *told;
        unsigned eth, istanbul;
        uint8_t proposal_id; ///< on the wire, 0: not spoken
    } rows[] = {
        {"Besu", 5, besu, 5, &id_a, "open ", 69, 100, 0x34},
        {"GoQuorum", 5, goquorum, 3, &id_a, "open ", 66, 100, 0x33},
        {"no QBFT", 5, mainnet, 2, &id_a, "open ", 68, 0, 0},
        {"nothing shared", 5, stranger, 2, &id_a, "closed(3 us) ", 0, 0, 0},
        {"old p2p", 4, besu, 5, &id_a, "closed(6 us) ", 0, 0, 0},
        {"another's id", 5, besu, 5, &id_b, "closed(9 us) ", 0, 0, 0},
        {"no id", 5, besu, 5, &zero, "closed(7 us) ", 0, 0, 0},
        {"65 capabilities", 5, many, 65, &id_a, "closed(2 us) ", 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct raw_peer p;
        raw_meet(&p);
        struct buf h;
        buf_init(&h, 65536);
        hello(&h, rows[i].version, rows[i].caps, rows[i].count, rows[i].id);
        raw_send(&p, LIT("\x80"), buf_bytes(&h));
        cr_expect_str_eq(p.told.text, rows[i].told, "%s", rows[i].name);
        cr_expect_eq(session_speaks(p.b, P2P_ETH), rows[i].eth, "%s", rows[i].name);
        cr_expect_eq(session_speaks(p.b, P2P_ISTANBUL), rows[i].istanbul, "%s", rows[i].name);
        cr_expect_str_eq(session_client(p.b), "some?client?");
        if (rows[i].proposal_id != 0) {
            p.told.len = 0;
            raw_send(&p, bytes_make(&rows[i].proposal_id, 1), LIT("\x01\x00\xc0"));
            cr_expect_str_eq(p.told.text, "msg(istanbul 18 1) ", "%s", rows[i].name);
        }
        buf_deinit(&h);
        raw_free(&p);
    }
}

/// Goal: each breach ends the session, with the reason that the standard has for it.
Test(session, breaches)
{
    static const struct cap caps[] = {{"eth", 68}, {"istanbul", 100}};
    static const struct {
        const char *name;
        bytes_t id, payload;
        const char *told;
    } rows[] = {
        {"ping", LIT("\x02"), LIT("\x01\x00\xc0"), ""},
        {"an unknown base id", LIT("\x05"), LIT("\x01\x00\xc0"), ""},
        {"disconnect", LIT("\x01"), LIT("\x02\x04\xc1\x04"), "closed(4 peer) "},
        {"disconnect, a bare number", LIT("\x01"), LIT("\x01\x00\x08"), "closed(8 peer) "},
        {"disconnect, not packed", LIT("\x01"), LIT("\xc1\x03"), "closed(3 peer) "},
        {"disconnect, rubbish", LIT("\x01"), LIT("\xff\xff\xff"), "closed(0 peer) "},
        {"not packed", LIT("\x12"), LIT("\xc0"), "closed(2 us) "},
        {"empty", LIT("\x12"), LIT(""), "closed(2 us) "},
        {"says 4 GiB", LIT("\x12"), LIT("\xff\xff\xff\xff\x0f\x00"), "closed(2 us) "},
        {"says 9 MiB in 6 bytes", LIT("\x12"), LIT("\x80\x80\xc0\x04\x00\x00"), "closed(2 us) "},
        {"last id of istanbul", LIT("\x36"), LIT("\x01\x00\xc0"), "msg(istanbul 21 1) "},
        {"beyond all ids", LIT("\x37"), LIT("\x01\x00\xc0"), "closed(2 us) "},
        {"no id", LIT("\x81"), LIT("\x01\x00\xc0"), "closed(2 us) "},
        {"a second Hello", LIT("\x80"), LIT("\x01\x00\xc0"), "closed(2 us) "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct raw_peer p;
        raw_meet(&p);
        struct buf h;
        buf_init(&h, 65536);
        hello(&h, 5, caps, 2, &id_a);
        raw_send(&p, LIT("\x80"), buf_bytes(&h));
        p.told.len = 0;
        p.told.text[0] = '\0';
        raw_send(&p, rows[i].id, rows[i].payload);
        cr_expect_str_eq(p.told.text, rows[i].told, "%s", rows[i].name);
        buf_deinit(&h);
        raw_free(&p);
    }
    struct raw_peer p;
    raw_meet(&p);
    static uint8_t large[SESSION_HELLO_MAX + 1];
    raw_send(&p, LIT("\x80"), BYTES_OF(large));
    cr_expect_str_eq(p.told.text, "closed(2 us) ", "a Hello above 2 KiB");
    raw_free(&p);
    raw_meet(&p);
    raw_send(&p, LIT("\x10"), LIT("\x01\x00\xc0"));
    cr_expect_str_eq(p.told.text, "closed(2 us) ", "Status before Hello");
    raw_free(&p);
}
