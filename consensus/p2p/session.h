// SPDX-License-Identifier: Apache-2.0
#pragma once

/// One connection to a peer: from the first byte to the last (devp2p rlpx.md, "Message
/// Contents"). Received bytes go in, events come out; messages go in, bytes to send come out.
///
///     caller                                         called
///       | ------------- auth ------------------------> |  SESSION_EV_KEY: who calls;
///       | <------------ ack -------------------------- |  session_accept lets him in
///       | <---- Hello, the first frame each way -----> |
///   SESSION_EV_OPEN                              SESSION_EV_OPEN     what both can speak
///       | <---- messages of eth and istanbul --------> |
///
/// After Hello every payload is packed with snappy. Ids 0 to 15 are the connection's own (Hello,
/// Disconnect, Ping, Pong); the capabilities that both sides named share the ids from 16 on, in
/// the order of their names. A wrong order would shift all ids, so it is computed here once.
///
/// Bounded: a handshake packet is 2 KiB, a Hello 2 KiB, a message 10 MiB; memory grows only with
/// bytes that have come. What waits to be sent takes at most SESSION_QUEUE_MAX of memory:
/// transactions are left out first; a peer that does not read is left.
///
/// An auth packet that somebody has recorded can be sent again by anybody: SESSION_EV_KEY says who
/// seems to call. That he does is known with the first frame (session_proved), whose keys need
/// the secret behind the packet.
///
/// Pure: time and randomness come in. Owner: the loop's thread.

#include "chain/base/buf.h"
#include "chain/base/err.h"
#include "chain/crypto/secp.h"
#include "consensus/p2p/rlpx_handshake.h"

#define SESSION_HELLO_MAX 2048U
#define SESSION_MESSAGE_MAX ((size_t)10 * 1024 * 1024)
#define SESSION_QUEUE_MAX ((size_t)16 * 1024 * 1024)
#define SESSION_CLIENT_MAX 128U ///< bytes of a peer's name that are kept

#define SESSION_HANDSHAKE_MS 5000U ///< until Hello has come
#define SESSION_PING_MS 15000U     ///< of silence before a Ping
#define SESSION_SILENCE_MS 30000U  ///< of silence before the end
#define SESSION_FRAME_MS 30000U    ///< from a frame's first byte to its last
#define SESSION_GOODBYE_MS 2000U   ///< to get the Disconnect out

/// Why a connection ends (rlpx.md, "Disconnect").
enum p2p_reason {
    P2P_REQUESTED = 0x00,
    P2P_TCP_ERROR = 0x01,
    P2P_BREACH = 0x02,
    P2P_USELESS = 0x03,
    P2P_TOO_MANY = 0x04,
    P2P_ALREADY = 0x05,
    P2P_OLD_VERSION = 0x06,
    P2P_NULL_IDENTITY = 0x07,
    P2P_QUITTING = 0x08,
    P2P_UNEXPECTED_IDENTITY = 0x09,
    P2P_SELF = 0x0a,
    P2P_PING_TIMEOUT = 0x0b,
    P2P_SUBPROTOCOL = 0x10, ///< other network, genesis or forks
};
/// "breach of protocol", ... Never NULL.
const char *p2p_reason_text(enum p2p_reason reason);

/// What is spoken over a session.
enum p2p_protocol { P2P_ETH, P2P_ISTANBUL, P2P_PROTOCOLS };

/// A capability on offer. Several versions of one name may be offered.
struct p2p_capability {
    enum p2p_protocol protocol;
    unsigned version;
    unsigned length; ///< message ids it takes
};
/// eth/66, eth/68, eth/69 and istanbul/100.
extern const struct p2p_capability P2P_CAPABILITIES[];
extern const size_t P2P_CAPABILITY_COUNT;

/// What goes first when the line is busy. Order within a class is kept.
enum p2p_urgency {
    P2P_URGENT,   ///< consensus, and the connection's own
    P2P_ANSWER,   ///< blocks, requests, answers
    P2P_WHENEVER, ///< transactions: left out when the queue is full
    P2P_URGENCIES,
};

/// A packed payload that several sessions send; counted, so that a block for twenty peers is
/// packed once.
struct p2p_packet;
/// @return NULL if the payload is above SESSION_MESSAGE_MAX or without memory
struct p2p_packet *p2p_packet_new(bytes_t payload);
void p2p_packet_free(struct p2p_packet *packet); ///< gives up this holder's share; NULL is allowed

struct session;

struct session_options {
    const struct secret_key *key; ///< node key; borrowed while the session lives
    const secp_pubkey_t *remote;  ///< whom we call; NULL: somebody calls us
    const struct rlpx_seed *seed; ///< copied
    const char *client_id;        ///< copied: our name
    uint16_t listen_port;
    uint64_t now_ms;
};

/// @return ERR_INVALID if the remote key is no point; ERR_FULL
MUST_USE err_t session_new(struct session **out, const struct session_options *options);
void session_free(struct session *s); ///< NULL is allowed

/// Received bytes. Call session_next until it is empty before giving more.
void session_receive(struct session *s, bytes_t in, uint64_t now_ms);

struct session_event {
    enum session_event_kind {
        SESSION_EV_KEY, ///< a caller with this key, or a recording: session_accept or session_close
        SESSION_EV_OPEN,    ///< Hello done: session_speaks tells what
        SESSION_EV_MESSAGE, ///< valid until the next call on this session
        SESSION_EV_CLOSED,  ///< nothing follows; the line may be cut once all output is sent
    } kind;
    union {
        struct {
            enum p2p_protocol protocol;
            unsigned code; ///< in the capability
            bytes_t payload;
        } message;
        struct {
            enum p2p_reason reason;
            bool by_peer;
            const char *why; ///< a literal
        } closed;
    };
};

/// The next thing that the received bytes mean. False if more bytes are needed.
bool session_next(struct session *s, struct session_event *out);

/// Lets the caller in: answers his handshake and says Hello.
void session_accept(struct session *s);

/// Ends the session: says so to the peer if he can understand it, a caller who has proved his key
/// among them. SESSION_EV_CLOSED follows.
void session_close(struct session *s, enum p2p_reason reason, const char *why);

/// Queues a message. What the peer does not speak, or what comes after the end, is dropped.
/// @return ERR_FULL: a WHENEVER message was left out, or the session ends now as the peer does not
///         read
MUST_USE err_t session_send(struct session *s, enum p2p_protocol protocol, unsigned code,
                            struct p2p_packet *packet, enum p2p_urgency urgency);
/// The same, packing the payload for this session alone.
MUST_USE err_t session_send_bytes(struct session *s, enum p2p_protocol protocol, unsigned code,
                                  bytes_t payload, enum p2p_urgency urgency);

/// Appends bytes to send, most urgent first, until `out` holds `budget` or nothing waits: as late
/// as possible, for what is encrypted can no longer be overtaken.
void session_output(struct session *s, struct buf *out, size_t budget);
/// True if session_output has something to give.
bool session_has_output(const struct session *s);

/// Pings, and ends what is silent. Call at session_deadline.
void session_tick(struct session *s, uint64_t now_ms);
uint64_t session_deadline(const struct session *s);

/// The peer's node key; NULL before it is known.
const secp_pubkey_t *session_peer(const struct session *s);
/// Whether the other end has the secrets of this very handshake: a frame of it has come.
bool session_proved(const struct session *s);
/// The version spoken, 0 if the protocol is not shared or the session is not open.
unsigned session_speaks(const struct session *s, enum p2p_protocol protocol);
/// The peer's name for itself, "" before Hello. Printable ASCII.
const char *session_client(const struct session *s);
/// True once SESSION_EV_CLOSED has been or will be told.
bool session_ended(const struct session *s);
