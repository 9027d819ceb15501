// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/session.h"

#include "chain/codec/rlp.h"
#include "consensus/p2p/rlpx_frame.h"
#include "consensus/p2p/snappy.h"

#include <stdlib.h>

#define P2P_VERSION 5U ///< from which on payloads are packed; nobody speaks an older one
#define FIRST_ID 0x10U
#define CAPABILITIES_MAX 64U
#define WAITING_COSTS 256U               ///< memory of a message that waits, beside its bytes
#define KEPT_BYTES ((size_t)1024 * 1024) ///< a larger buffer is given back once it is empty

enum base_id { ID_HELLO = 0, ID_DISCONNECT = 1, ID_PING = 2, ID_PONG = 3 };

static const char *const PROTOCOL_NAME[P2P_PROTOCOLS] = {"eth", "istanbul"};

// In the order of Hello: names, then versions.
const struct p2p_capability P2P_CAPABILITIES[] = {
    {P2P_ETH, 66, 17}, {P2P_ETH, 68, 17}, {P2P_ETH, 69, 18}, {P2P_ISTANBUL, 100, 22}};
const size_t P2P_CAPABILITY_COUNT = ARRAY_LEN(P2P_CAPABILITIES);

struct p2p_packet {
    size_t shares;
    struct buf packed;
};

struct waiting {
    struct waiting *next;
    unsigned id;
    struct p2p_packet *packet;
};

struct queue_of {
    struct waiting *first;
    struct waiting **end;
};

enum session_state {
    STATE_HANDSHAKE, ///< waits for the other's handshake packet
    STATE_ACCEPT,    ///< waits for session_accept
    STATE_HELLO,     ///< waits for the first frame
    STATE_OPEN,
    STATE_CLOSED,
};

struct session {
    enum session_state state;
    uint16_t listen_port;
    bool has_peer;
    bool has_header; ///< of the frame at in_at
    bool proved;     ///< a frame has come: the handshake's keys are at the other end now
    bool pinged;     ///< since the last that was heard
    bool told_closed;
    bool by_peer; ///< who ended it
    const struct secret_key *key;
    secp_pubkey_t self;
    secp_pubkey_t peer;
    char client_id[SESSION_CLIENT_MAX];
    char peer_client[SESSION_CLIENT_MAX];
    struct rlpx_handshake handshake;

    struct rlpx_frames frames;
    unsigned version[P2P_PROTOCOLS]; ///< shared; 0: not
    unsigned first_id[P2P_PROTOCOLS];
    unsigned id_count[P2P_PROTOCOLS];

    struct buf in;      ///< received, not yet understood
    size_t in_at;       ///< of it, already done
    size_t frame_size;  ///< with has_header
    uint64_t part_ms;   ///< since when the frame at in_at is coming
    struct buf plain;   ///< unpacked payload of the last message
    struct buf raw_out; ///< handshake packet, Hello and an early Disconnect: sent as they are
    struct queue_of waiting[P2P_URGENCIES];
    size_t waiting_bytes;

    uint64_t started_ms;
    uint64_t heard_ms;
    uint64_t pinged_ms; ///< with pinged
    uint64_t now_ms;

    enum p2p_reason reason; ///< why it ended
    const char *why;
};

const char *p2p_reason_text(enum p2p_reason reason)
{
    switch (reason) {
    case P2P_REQUESTED:
        return "disconnect requested";
    case P2P_TCP_ERROR:
        return "connection lost";
    case P2P_BREACH:
        return "breach of protocol";
    case P2P_USELESS:
        return "useless peer";
    case P2P_TOO_MANY:
        return "too many peers";
    case P2P_ALREADY:
        return "already connected";
    case P2P_OLD_VERSION:
        return "incompatible version";
    case P2P_NULL_IDENTITY:
        return "null identity";
    case P2P_QUITTING:
        return "peer is quitting";
    case P2P_UNEXPECTED_IDENTITY:
        return "unexpected identity";
    case P2P_SELF:
        return "connected to itself";
    case P2P_PING_TIMEOUT:
        return "no answer to pings";
    case P2P_SUBPROTOCOL:
        return "other network, genesis or forks";
    }
    return "unknown reason";
}

/// --- packets and the queue ---

struct p2p_packet *p2p_packet_new(bytes_t payload)
{
    if (payload.len > SESSION_MESSAGE_MAX) return NULL;
    struct p2p_packet *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->shares = 1;
    buf_init(&p->packed, snappy_packed_max(payload.len));
    if (!err_ok(snappy_pack(&p->packed, payload))) {
        p2p_packet_free(p);
        return NULL;
    }
    return p;
}

void p2p_packet_free(struct p2p_packet *packet)
{
    if (packet == NULL || --packet->shares != 0) return;
    buf_deinit(&packet->packed);
    free(packet);
}

/// What a waiting packet takes of the queue: small ones take more memory than they have bytes.
static size_t cost_of(const struct p2p_packet *packet)
{
    return packet->packed.len + WAITING_COSTS;
}

static void queue_drop(struct session *s, enum p2p_urgency urgency)
{
    struct queue_of *q = &s->waiting[urgency];
    while (q->first != NULL) {
        struct waiting *w = q->first;
        q->first = w->next;
        s->waiting_bytes -= cost_of(w->packet);
        p2p_packet_free(w->packet);
        free(w);
    }
    q->end = &q->first;
}

static err_t enqueue(struct session *s, unsigned id, struct p2p_packet *packet,
                     enum p2p_urgency urgency)
{
    const size_t cost = cost_of(packet);
    if (cost > SESSION_QUEUE_MAX - s->waiting_bytes) {
        if (urgency == P2P_WHENEVER) return FAIL(FULL, "session: the queue is full");
        queue_drop(s, P2P_WHENEVER);
        if (cost > SESSION_QUEUE_MAX - s->waiting_bytes) {
            session_close(s, P2P_REQUESTED, "it does not read what it is sent");
            return FAIL(FULL, "session: the peer does not read");
        }
    }
    struct waiting *w = calloc(1, sizeof *w);
    if (w == NULL) return FAIL(FULL, "session: no memory");
    w->id = id;
    w->packet = packet;
    packet->shares++;
    s->waiting_bytes += cost;
    *s->waiting[urgency].end = w;
    s->waiting[urgency].end = &w->next;
    return OK;
}

static void closed(struct session *s, enum p2p_reason reason, bool by_peer, const char *why)
{
    if (s->state == STATE_CLOSED) return;
    s->state = STATE_CLOSED;
    s->reason = reason;
    s->by_peer = by_peer;
    s->why = why;
    for (size_t u = 0; u < P2P_URGENCIES; u++) queue_drop(s, (enum p2p_urgency)u);
    buf_deinit(&s->in);
}

/// A message of the connection itself.
static void send_base(struct session *s, enum base_id id, bytes_t payload)
{
    struct p2p_packet *p = p2p_packet_new(payload);
    if (p == NULL || !err_ok(enqueue(s, id, p, P2P_URGENT)))
        closed(s, P2P_TCP_ERROR, false, "no memory");
    p2p_packet_free(p);
}

static bytes_t id_bytes(unsigned id, uint8_t room[1])
{
    room[0] = id == 0 ? 0x80 : (uint8_t)id; // RLP of a number below 128
    return bytes_make(room, 1);
}

/// A frame that is not packed: Hello, and a Disconnect before Hello was understood.
static void write_plain(struct session *s, enum base_id id, bytes_t payload)
{
    uint8_t room[1];
    const err_t err = rlpx_frame_write(&s->frames, &s->raw_out, id_bytes(id, room), payload);
    check(err_ok(err)); // raw_out has room for all that is ever written to it
}

/// --- life ---

err_t session_new(struct session **out, const struct session_options *options)
{
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL) return FAIL(FULL, "session: no memory");
    s->key = options->key;
    s->listen_port = options->listen_port;
    s->started_ms = s->heard_ms = s->now_ms = options->now_ms;
    buf_init(&s->in, RLPX_HEADER_BYTES + rlpx_body_size(RLPX_FRAME_MAX) + (size_t)1024 * 1024);
    buf_init(&s->plain, SESSION_MESSAGE_MAX);
    buf_init(&s->raw_out, (size_t)16 * 1024);
    for (size_t u = 0; u < P2P_URGENCIES; u++) s->waiting[u].end = &s->waiting[u].first;
    const size_t name_len = strnlen(options->client_id, sizeof s->client_id - 1);
    memcpy(s->client_id, options->client_id, name_len);

    err_t err = secp_pubkey_of(&s->self, options->key);
    rlpx_handshake_init(&s->handshake, options->key, options->seed, options->remote);
    if (options->remote != NULL) {
        s->has_peer = true;
        s->peer = *options->remote;
        if (err_ok(err)) err = rlpx_handshake_write(&s->handshake, &s->raw_out);
    }
    if (!err_ok(err)) {
        session_free(s);
        return err;
    }
    *out = s;
    return OK;
}

void session_free(struct session *s)
{
    if (s == NULL) return;
    closed(s, P2P_REQUESTED, false, "freed");
    rlpx_handshake_wipe(&s->handshake);
    rlpx_frames_deinit(&s->frames);
    buf_deinit(&s->plain);
    buf_deinit(&s->raw_out);
    free(s);
}

/// Both handshake packets are known: frames from here on.
static err_t start_frames(struct session *s)
{
    struct rlpx_secrets secrets;
    err_t err = rlpx_handshake_secrets(&s->handshake, &secrets);
    if (err_ok(err)) err = rlpx_frames_init(&s->frames, &secrets);
    secret_wipe(&secrets, sizeof secrets);
    rlpx_handshake_wipe(&s->handshake);
    return err;
}

void session_close(struct session *s, enum p2p_reason reason, const char *why)
{
    const enum session_state before = s->state;
    bool frames = before == STATE_HELLO;
    if (before == STATE_ACCEPT) // who has proved his key may know why: the answer, then the reason
        frames =
            err_ok(rlpx_handshake_write(&s->handshake, &s->raw_out)) && err_ok(start_frames(s));
    closed(s, reason, false, why);
    struct buf payload;
    buf_init(&payload, 16);
    const size_t list = rlp_list_begin(&payload);
    rlp_put_u64(&payload, reason);
    rlp_list_end(&payload, list);
    if (before == STATE_OPEN) send_base(s, ID_DISCONNECT, buf_bytes(&payload));
    if (frames) write_plain(s, ID_DISCONNECT, buf_bytes(&payload));
    buf_deinit(&payload);
}

static void breach(struct session *s, const char *why)
{
    session_close(s, P2P_BREACH, why);
}

/// --- hello ---

static void put_hello(const struct session *s, struct buf *out)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_u64(out, P2P_VERSION);
    rlp_put_bytes(out, bytes_of_str(s->client_id));
    const size_t caps = rlp_list_begin(out);
    for (size_t i = 0; i < P2P_CAPABILITY_COUNT; i++) {
        const size_t cap = rlp_list_begin(out);
        rlp_put_bytes(out, bytes_of_str(PROTOCOL_NAME[P2P_CAPABILITIES[i].protocol]));
        rlp_put_u64(out, P2P_CAPABILITIES[i].version);
        rlp_list_end(out, cap);
    }
    rlp_list_end(out, caps);
    rlp_put_u64(out, s->listen_port);
    rlp_put_bytes(out, BYTES_OF(s->self));
    rlp_list_end(out, list);
}

/// Both handshake packets are known: our Hello.
static err_t say_hello(struct session *s)
{
    struct buf hello;
    buf_init(&hello, SESSION_HELLO_MAX);
    put_hello(s, &hello);
    const err_t err = buf_status(&hello);
    if (err_ok(err)) write_plain(s, ID_HELLO, buf_bytes(&hello));
    buf_deinit(&hello);
    s->state = STATE_HELLO;
    return err;
}

void session_accept(struct session *s)
{
    if (s->state != STATE_ACCEPT) return;
    err_t err = rlpx_handshake_write(&s->handshake, &s->raw_out);
    if (err_ok(err)) err = start_frames(s);
    if (err_ok(err)) err = say_hello(s);
    if (!err_ok(err)) closed(s, P2P_BREACH, false, err.why);
}

/// What both named, the highest version of each; ids in the order of names.
static void share(struct session *s, enum p2p_protocol protocol, unsigned version)
{
    for (size_t i = 0; i < P2P_CAPABILITY_COUNT; i++) {
        const struct p2p_capability *c = &P2P_CAPABILITIES[i];
        if (c->protocol != protocol || c->version != version || version < s->version[protocol])
            continue;
        s->version[protocol] = version;
        s->id_count[protocol] = c->length;
    }
}

static err_t read_capabilities(struct session *s, struct rlp_reader *list)
{
    for (size_t count = 0; !rlp_at_end(list); count++) {
        if (count == CAPABILITIES_MAX) return FAIL(LIMIT, "hello: too many capabilities");
        struct rlp_reader cap;
        bytes_t name;
        uint64_t version;
        TRY(rlp_read_list(list, &cap));
        TRY(rlp_read_bytes(&cap, &name));
        TRY(rlp_read_u64(&cap, &version));
        for (size_t p = 0; p < P2P_PROTOCOLS; p++) {
            if (version <= UINT16_MAX && bytes_eq(name, bytes_of_str(PROTOCOL_NAME[p])))
                share(s, (enum p2p_protocol)p, (unsigned)version);
        }
    }
    unsigned id = FIRST_ID;
    for (size_t p = 0; p < P2P_PROTOCOLS; p++) {
        if (s->version[p] == 0) continue;
        s->first_id[p] = id;
        id += s->id_count[p];
    }
    return OK;
}

static void keep_client(struct session *s, bytes_t name)
{
    size_t len = name.len < sizeof s->peer_client - 1 ? name.len : sizeof s->peer_client - 1;
    for (size_t i = 0; i < len; i++) {
        const uint8_t c = name.data[i];
        s->peer_client[i] = '?';
        if (c > ' ' && c < 0x7f) memcpy(s->peer_client + i, &c, 1);
    }
    s->peer_client[len] = '\0';
}

static err_t read_hello(struct session *s, bytes_t payload, uint64_t *version, secp_pubkey_t *id)
{
    struct rlp_reader r = rlp_reader(payload);
    struct rlp_reader list;
    struct rlp_reader caps;
    bytes_t name;
    uint64_t port;
    TRY(rlp_read_list(&r, &list)); // further items are for later versions
    TRY(rlp_read_u64(&list, version));
    TRY(rlp_read_bytes(&list, &name));
    TRY(rlp_read_list(&list, &caps));
    TRY(rlp_read_u64(&list, &port));
    TRY(rlp_read_fixed(&list, id->b, sizeof id->b));
    keep_client(s, name);
    return read_capabilities(s, &caps);
}

static bool pubkey_is_zero(const secp_pubkey_t *k)
{
    static const secp_pubkey_t zero = {{0}};
    return memcmp(k->b, zero.b, sizeof k->b) == 0;
}

static bool on_hello(struct session *s, bytes_t payload, struct session_event *out)
{
    uint64_t version = 0;
    secp_pubkey_t id;
    const err_t err = read_hello(s, payload, &version, &id);
    if (!err_ok(err)) {
        breach(s, err.why);
    } else if (version < P2P_VERSION) {
        session_close(s, P2P_OLD_VERSION, "the peer's p2p version is below 5");
    } else if (pubkey_is_zero(&id)) {
        session_close(s, P2P_NULL_IDENTITY, "the peer's id is zero");
    } else if (memcmp(id.b, s->peer.b, sizeof id.b) != 0) {
        session_close(s, P2P_UNEXPECTED_IDENTITY, "the peer's id is not the key of its handshake");
    } else if (s->version[P2P_ETH] == 0) {
        s->state = STATE_OPEN; // it has understood: the answer is packed
        session_close(s, P2P_USELESS, "no eth version is shared");
    } else {
        s->state = STATE_OPEN;
        out->kind = SESSION_EV_OPEN;
        return true;
    }
    return false;
}

/// --- input ---

static size_t unread(const struct session *s)
{
    return s->in.len - s->in_at;
}

void session_receive(struct session *s, bytes_t in, uint64_t now_ms)
{
    if (s->state == STATE_CLOSED || in.len == 0) return;
    if (unread(s) == 0 && !s->has_header) s->part_ms = now_ms;
    s->now_ms = s->heard_ms = now_ms;
    s->pinged = false;
    if (s->in_at != 0) { // what was understood makes room
        memmove(s->in.data, s->in.data + s->in_at, s->in.len - s->in_at);
        s->in.len -= s->in_at;
        s->in_at = 0;
    }
    buf_put(&s->in, in);
    if (!err_ok(buf_status(&s->in))) breach(s, "more bytes than a message may have");
}

/// The handshake packet of the other side, once it is whole.
static bool on_handshake(struct session *s, struct session_event *out)
{
    if (unread(s) < 2) return false;
    const size_t size = rlpx_packet_size(s->in.data + s->in_at);
    if (size == 0) {
        closed(s, P2P_BREACH, false, "not a handshake");
        return false;
    }
    if (unread(s) < size) return false;
    const err_t err = rlpx_handshake_read(&s->handshake, bytes_make(s->in.data + s->in_at, size));
    s->in_at += size;
    if (!err_ok(err)) {
        closed(s, P2P_BREACH, false, "not a handshake");
        return false;
    }
    if (s->has_peer) { // we called: his answer
        err_t started = start_frames(s);
        if (err_ok(started)) started = say_hello(s);
        if (!err_ok(started)) closed(s, P2P_BREACH, false, started.why);
        return false;
    }
    s->has_peer = true;
    s->peer = s->handshake.remote;
    s->state = STATE_ACCEPT;
    out->kind = SESSION_EV_KEY;
    return true;
}

/// Opens the next frame if it is whole; its data stays in `in` until the next call.
static bool next_frame(struct session *s, bytes_t *data)
{
    if (!s->has_header) {
        if (unread(s) < RLPX_HEADER_BYTES) return false;
        const err_t err = rlpx_frame_header(&s->frames, s->in.data + s->in_at, &s->frame_size);
        s->in_at += RLPX_HEADER_BYTES;
        s->has_header = true;
        const size_t max =
            s->state == STATE_HELLO ? SESSION_HELLO_MAX : snappy_packed_max(SESSION_MESSAGE_MAX);
        if (!err_ok(err) || s->frame_size == 0 || s->frame_size > 1 + max) {
            s->proved = s->proved || err_ok(err);
            breach(s, err_ok(err) ? "a frame is larger than allowed, or empty" : err.why);
            return false;
        }
        s->proved = true;
    }
    const size_t body = rlpx_body_size(s->frame_size);
    if (unread(s) < body) return false;
    const err_t err = rlpx_frame_body(&s->frames, s->in.data + s->in_at, s->frame_size);
    if (!err_ok(err)) {
        breach(s, err.why);
        return false;
    }
    *data = bytes_make(s->in.data + s->in_at, s->frame_size);
    s->in_at += body;
    s->has_header = false;
    s->part_ms = s->now_ms; // of the next one, if it has begun
    return true;
}

/// [reason] or a bare number, packed or not: clients differ.
static bool read_reason(bytes_t payload, uint64_t *reason)
{
    struct rlp_reader r = rlp_reader(payload);
    struct rlp_reader list;
    if (rlp_peek_is_list(&r)) {
        if (!err_ok(rlp_read_list(&r, &list))) return false;
        *reason = 0;
        return rlp_at_end(&list) || err_ok(rlp_read_u64(&list, reason));
    }
    return err_ok(rlp_read_u64(&r, reason));
}

static void on_disconnect(struct session *s, bytes_t payload)
{
    uint64_t reason = P2P_REQUESTED;
    buf_clear(&s->plain);
    if (!err_ok(snappy_unpack(&s->plain, payload, SESSION_HELLO_MAX)) ||
        !read_reason(buf_bytes(&s->plain), &reason)) {
        if (!read_reason(payload, &reason)) reason = P2P_REQUESTED;
    }
    if (reason > UINT8_MAX) reason = P2P_REQUESTED;
    closed(s, (enum p2p_reason)reason, true, p2p_reason_text((enum p2p_reason)reason));
}

static void on_base(struct session *s, unsigned id)
{
    if (id == ID_HELLO) breach(s, "a second Hello");
    if (id == ID_PING) send_base(s, ID_PONG, LIT("\xc0"));
}

/// A frame of the open session: its payload unpacked, its id made the capability's own.
static bool on_frame(struct session *s, bytes_t data, struct session_event *out)
{
    const unsigned id = data.data[0] == 0x80 ? 0 : data.data[0];
    const bytes_t packed = bytes_make(data.data + 1, data.len - 1);
    if (id > 0x7f) {
        breach(s, "a message id that is no number");
        return false;
    }
    if (id == ID_DISCONNECT) {
        on_disconnect(s, packed);
        return false;
    }
    buf_clear(&s->plain);
    const err_t err = snappy_unpack(&s->plain, packed, SESSION_MESSAGE_MAX);
    if (!err_ok(err)) {
        breach(s, err.why);
        return false;
    }
    if (id < FIRST_ID) {
        on_base(s, id);
        return false;
    }
    for (size_t p = 0; p < P2P_PROTOCOLS; p++) {
        if (s->version[p] == 0 || id < s->first_id[p] || id - s->first_id[p] >= s->id_count[p])
            continue;
        out->kind = SESSION_EV_MESSAGE;
        out->message.protocol = (enum p2p_protocol)p;
        out->message.code = id - s->first_id[p];
        out->message.payload = buf_bytes(&s->plain);
        return true;
    }
    breach(s, "a message id that nobody offered");
    return false;
}

/// One step: true if `out` is to be told. `*more` if another step may follow.
static bool advance(struct session *s, struct session_event *out, bool *more)
{
    bytes_t data;
    *more = false;
    switch (s->state) {
    case STATE_HANDSHAKE:
        if (on_handshake(s, out)) return true;
        *more = s->state == STATE_HELLO;
        return false;
    case STATE_ACCEPT:
        return false;
    case STATE_HELLO:
        if (!next_frame(s, &data)) return false;
        if (data.data[0] == 0x80) return on_hello(s, bytes_make(data.data + 1, data.len - 1), out);
        if (data.data[0] == ID_DISCONNECT)
            on_disconnect(s, bytes_make(data.data + 1, data.len - 1));
        else
            breach(s, "something before Hello");
        return false;
    case STATE_OPEN:
        if (!next_frame(s, &data)) return false;
        *more = true;
        return on_frame(s, data, out);
    case STATE_CLOSED:
        return false;
    }
    unreachable("session state");
}

/// What was told before is of no use any more; neither is room for it that is rarely needed.
static void give_back(struct session *s)
{
    if (s->plain.cap > KEPT_BYTES) buf_deinit(&s->plain);
    if (s->in.cap > KEPT_BYTES && unread(s) == 0) {
        buf_deinit(&s->in);
        s->in_at = 0;
    }
}

bool session_next(struct session *s, struct session_event *out)
{
    bool more = true;
    give_back(s);
    while (more) {
        if (advance(s, out, &more)) return true;
    }
    if (s->state != STATE_CLOSED || s->told_closed) return false;
    s->told_closed = true;
    out->kind = SESSION_EV_CLOSED;
    out->closed.reason = s->reason;
    out->closed.by_peer = s->by_peer;
    out->closed.why = s->why;
    return true;
}

/// --- output ---

err_t session_send(struct session *s, enum p2p_protocol protocol, unsigned code,
                   struct p2p_packet *packet, enum p2p_urgency urgency)
{
    if (s->state != STATE_OPEN || s->version[protocol] == 0) return OK;
    check(code < s->id_count[protocol]);
    return enqueue(s, s->first_id[protocol] + code, packet, urgency);
}

err_t session_send_bytes(struct session *s, enum p2p_protocol protocol, unsigned code,
                         bytes_t payload, enum p2p_urgency urgency)
{
    struct p2p_packet *p = p2p_packet_new(payload);
    if (p == NULL) return FAIL(FULL, "session: no memory, or a message above 10 MiB");
    const err_t err = session_send(s, protocol, code, p, urgency);
    p2p_packet_free(p);
    return err;
}

static bool write_next(struct session *s, struct buf *out)
{
    for (size_t u = 0; u < P2P_URGENCIES; u++) {
        struct queue_of *q = &s->waiting[u];
        struct waiting *w = q->first;
        if (w == NULL) continue;
        uint8_t room[1];
        if (!err_ok(rlpx_frame_write(&s->frames, out, id_bytes(w->id, room),
                                     buf_bytes(&w->packet->packed))))
            return false;
        q->first = w->next;
        if (q->first == NULL) q->end = &q->first;
        s->waiting_bytes -= cost_of(w->packet);
        p2p_packet_free(w->packet);
        free(w);
        return true;
    }
    return false;
}

void session_output(struct session *s, struct buf *out, size_t budget)
{
    if (s->raw_out.len != 0) {
        buf_put(out, buf_bytes(&s->raw_out));
        buf_clear(&s->raw_out);
    }
    while (out->len < budget && write_next(s, out)) continue;
}

bool session_has_output(const struct session *s)
{
    bool waiting = s->raw_out.len != 0;
    for (size_t u = 0; u < P2P_URGENCIES; u++) waiting = waiting || s->waiting[u].first != NULL;
    return waiting;
}

/// --- time ---

static bool frame_begun(const struct session *s)
{
    return s->has_header || unread(s) != 0;
}

uint64_t session_deadline(const struct session *s)
{
    switch (s->state) {
    case STATE_HANDSHAKE:
    case STATE_ACCEPT:
    case STATE_HELLO:
        return s->started_ms + SESSION_HANDSHAKE_MS;
    case STATE_OPEN: {
        // From the ping, not from the last that was heard: this node may itself have stood still.
        const uint64_t silence = s->pinged ? s->pinged_ms + SESSION_SILENCE_MS - SESSION_PING_MS
                                           : s->heard_ms + SESSION_PING_MS;
        const uint64_t frame = s->part_ms + SESSION_FRAME_MS;
        return frame_begun(s) && frame < silence ? frame : silence;
    }
    case STATE_CLOSED:
        return s->now_ms + SESSION_GOODBYE_MS;
    }
    unreachable("session state");
}

void session_tick(struct session *s, uint64_t now_ms)
{
    if (s->state == STATE_CLOSED || now_ms < session_deadline(s)) return;
    s->now_ms = now_ms;
    if (s->state != STATE_OPEN) {
        closed(s, P2P_PING_TIMEOUT, false, "no handshake in time");
    } else if (frame_begun(s) && now_ms >= s->part_ms + SESSION_FRAME_MS) {
        session_close(s, P2P_TCP_ERROR, "a frame that does not end");
    } else if (s->pinged) {
        session_close(s, P2P_PING_TIMEOUT, "silent in spite of a ping");
    } else {
        s->pinged = true;
        s->pinged_ms = now_ms;
        send_base(s, ID_PING, LIT("\xc0"));
    }
}

/// --- what is known ---

const secp_pubkey_t *session_peer(const struct session *s)
{
    return s->has_peer ? &s->peer : NULL;
}

unsigned session_speaks(const struct session *s, enum p2p_protocol protocol)
{
    return s->state == STATE_OPEN ? s->version[protocol] : 0;
}

const char *session_client(const struct session *s)
{
    return s->peer_client;
}

bool session_proved(const struct session *s)
{
    return s->proved;
}

bool session_ended(const struct session *s)
{
    return s->state == STATE_CLOSED;
}
