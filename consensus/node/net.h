// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Sockets of peers: listens, calls, and carries bytes between libuv and sessions. What the
/// messages mean is asked of the handler.
///
/// Bounds (threat model 4.1): 64 handshakes at one time, 8 of one address, one attempt in 30 s of
/// one address beyond the local networks (but see conn_may_return) and 50 in a second of one within;
/// what is read is understood before more is read, what cannot be written within 20 s ends the line,
/// and so does what nobody has acknowledged for 6 s: left alone, the kernel waits longer and longer
/// before it tries again.
///
/// Turns: of each line 64 KiB are read, then the others, the timers and the other threads have
/// theirs. *Guests*, those whom consensus does not need, have a share of this node's time, counted
/// in bytes that are read of them and in what they are answered (conn_charge): who has had more is
/// not read for a while, and TCP slows him down. Nothing is lost by that, and nobody blamed.
///
/// Owner: the loop's thread; every function is called from there.

#include "chain/base/err.h"
#include "consensus/p2p/enode.h"
#include "consensus/p2p/session.h"

#include <uv.h>

struct net;

/// One line to a peer. Valid from its `admit` until its `closed` has returned.
struct conn;

struct net_handlers {
    /// Somebody calls with this key, or with a recording of one who did: would he be let in?
    /// Nothing may be done for him yet. Return false to refuse, with the reason to give.
    bool (*would_admit)(void *ctx, struct conn *c, enum p2p_reason *why);
    /// The other side has proved its key and said Hello. Return false to refuse; else `open` follows.
    bool (*admit)(void *ctx, struct conn *c, enum p2p_reason *why);
    void (*open)(void *ctx, struct conn *c);
    void (*message)(void *ctx, struct conn *c, enum p2p_protocol protocol, unsigned code,
                    bytes_t payload);
    /// The last word on a line that `admit` had let in.
    void (*closed)(void *ctx, struct conn *c, enum p2p_reason reason, bool by_peer,
                   const char *why);
    /// A caller who has proved this key broke a rule before he was admitted.
    void (*breach)(void *ctx, const secp_pubkey_t *who);
    /// A call that reached nobody.
    void (*not_reached)(void *ctx, const struct enode *whom, const char *why);
    uint64_t (*now_ms)(void *ctx); ///< never runs backwards
    void *ctx;
};

struct net_options {
    const struct secret_key *key; ///< borrowed
    const char *client_id;        ///< borrowed
    struct net_handlers handlers;
};

/// @return ERR_FULL
MUST_USE err_t net_new(struct net **out, uv_loop_t *uv, const struct net_options *options);

/// Opens the port. @param host  an IPv4 or IPv6 address
/// @return ERR_BUSY if the port is taken; ERR_INVALID for what is no address; ERR_IO
MUST_USE err_t net_listen(struct net *net, const char *host, uint16_t port);
/// The port that is open, chosen by the system if 0 was asked for; 0 before net_listen.
uint16_t net_port(const struct net *net);

/// Calls a node. What becomes of it is told by `not_reached`, or `admit` and `open`.
void net_call(struct net *net, const struct enode *whom);

/// Closes every line (each is told) and the port. The memory goes with net_free, after the loop has run empty.
void net_stop(struct net *net);
void net_free(struct net *net); ///< NULL is allowed

/// --- lines ---

uint64_t conn_id(const struct conn *c); ///< never used again for another
/// Who began it, whose it is, where it goes.
bool conn_we_called(const struct conn *c);
/// See conn_we_called.
const secp_pubkey_t *conn_key(const struct conn *c);
const char *conn_address(const struct conn *c); ///< "127.0.0.1:30303"
/// What carries its messages; for asking, not for sending.
struct session *conn_session(const struct conn *c);
/// A place for the handler's own; NULL at first.
void **conn_slot(struct conn *c);

/// Is this line held to a guest's share from now on? At first it is not.
void conn_set_guest(struct conn *c, bool guest);
/// Work for a guest that is worth reading so many bytes.
void conn_charge(struct conn *c, size_t bytes);

/// He who is wanted here has proved his key: another attempt from his address need not wait. When
/// a cable is mended, lines may begin and break more often than strangers may knock.
void conn_may_return(struct conn *c);

/// The line with this id; NULL if it is gone.
struct conn *net_find(const struct net *net, uint64_t id);
/// Walks all lines: start with NULL.
struct conn *net_next(const struct net *net, const struct conn *after);

/// Queues a message (session_send) and has it written.
void conn_send(struct conn *c, enum p2p_protocol protocol, unsigned code, bytes_t payload,
               enum p2p_urgency urgency);
/// The same with a packed one.
void conn_send_packet(struct conn *c, enum p2p_protocol protocol, unsigned code,
                      struct p2p_packet *packet, enum p2p_urgency urgency);
/// Says goodbye and closes. `closed` is told before this returns, unless it was already.
void conn_close(struct conn *c, enum p2p_reason reason, const char *why);
