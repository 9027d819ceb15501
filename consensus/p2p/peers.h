// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Whom to know: which nodes to call and when, whom to let in, whom to leave alone for a while.
///
/// A consortium network needs no discovery: every node has a list of the others (*static* nodes)
/// and calls each until it is there, again and again: after 1, 2, 2, 2 s whom it cannot reach, so
/// that a network whose cables are mended goes on at once; after 1, 2, 4 ... 30 s who sends it away. Where there is
/// discovery, the nodes that it *finds* are called too, as long as there are places, and less and
/// less often if they cannot be had. Others may call in as long as there are places; a place is kept
/// for every static node and every validator. Where there is an allow list nobody else gets in at
/// all, and nobody else is called.
///
/// Two nodes that call each other at once would have two lines: both keep the one that the lower
/// key began. A line that comes later takes the place of the old one, whose other end must have
/// lost it.
///
/// Points: everybody has 100. Useless answers cost 10, none at all 50, points come back with time; without points
/// a line is cut. A breach of protocol cuts it at once. A stranger is then left alone for ten
/// minutes; a static node or a validator only as long as its backoff, for without them the network
/// stops. Keys cost nothing, so a crowd of banned ones takes no places: the ban that ends first is
/// forgotten for somebody new.
///
/// Pure; time comes in. Owner: the loop's thread.

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "consensus/p2p/enode.h"
#include "consensus/p2p/session.h"

#define PEERS_KNOWN_MAX 1024U ///< static nodes and remembered strangers
#define PEERS_ALLOWED_MAX 1024U
#define PEERS_BACKOFF_MIN_MS 1000U
#define PEERS_BACKOFF_MAX_MS 30000U
#define PEERS_BACKOFF_LOST_MS 2000U        ///< the most for who is not reached, or whose line broke
#define PEERS_FOUND_BACKOFF_MAX_MS 300000U ///< for found nodes that are no validators
#define PEERS_FOUND_CALLS 8U               ///< to found nodes at one time
#define PEERS_BAN_MS 600000U
#define PEERS_AT_ONCE_MS 5000U ///< two lines within this time began at once
#define PEERS_POINTS 100
#define PEERS_USELESS_COSTS 10
#define PEERS_SILENT_COSTS 50      ///< a request of ours that was not answered in its time
#define PEERS_POINT_BACK_MS 10000U ///< one point comes back in this time

struct peers;

struct peers_options {
    secp_pubkey_t self;
    size_t max_peers; ///< lines at one time, those of static nodes and validators apart
};

/// @return ERR_FULL
MUST_USE err_t peers_new(struct peers **out, const struct peers_options *options);
void peers_free(struct peers *p); ///< NULL is allowed

/// Adds a node to call (static-nodes.json, admin_addPeer). OK also if it is known; its address is
/// then replaced. @return ERR_INVALID for our own key; ERR_FULL
MUST_USE err_t peers_add_static(struct peers *p, const struct enode *node, uint64_t now_ms);
/// @return false if it was not static
bool peers_remove_static(struct peers *p, const secp_pubkey_t *id);

/// Discovery has found a node of our chain, which is called if there is a place for it. A static
/// node stays as it is. One that is forgotten meanwhile is found again.
void peers_add_found(struct peers *p, const struct enode *node, uint64_t now_ms);

/// Only these may be connected from now on; count 0 with `all`: everybody.
MUST_USE err_t peers_set_allowed(struct peers *p, const secp_pubkey_t *ids, size_t count, bool all);
bool peers_allowed(const struct peers *p, const secp_pubkey_t *id);

/// The validators of the next height: each has a place, and is never banned.
void peers_set_validators(struct peers *p, const address_t *validators, size_t count);

/// The next node to call, if one is due; it counts as being called until peers_on_line or
/// peers_off_line. Call until it is false.
bool peers_next_call(struct peers *p, struct enode *out, uint64_t now_ms);
/// When to ask again; UINT64_MAX: when something changes.
uint64_t peers_deadline(const struct peers *p);

/// Would this key be given a line now? Asked of a caller whose key is not proved yet, so nothing is
/// remembered. @param[out] why  the reason to give if not
bool peers_would_take(const struct peers *p, const secp_pubkey_t *id, bool we_called,
                      uint64_t now_ms, enum p2p_reason *why);

/// May this key, which is proved, have a line, which `we_called`? With true the line counts until
/// peers_off_line.
/// @param[out] why        the reason to give if not
/// @param[out] other_goes true: there is another line with that key, which must go
bool peers_on_line(struct peers *p, const secp_pubkey_t *id, bool we_called, uint64_t now_ms,
                   enum p2p_reason *why, bool *other_goes);

/// How a line or a call has ended.
enum peers_end {
    PEERS_END_LOST,   ///< nobody was reached, the connection broke, or the other side is restarting
    PEERS_END_TOLD,   ///< one side has sent the other away
    PEERS_END_BREACH, ///< for a breach of protocol or another network
};

/// A line or a call has ended.
/// @param was_on  it counted as a line
void peers_off_line(struct peers *p, const secp_pubkey_t *id, bool was_on, enum peers_end how,
                    uint64_t now_ms);

/// A breach by a key that is proved and has no line (yet): a stranger is left alone for a while.
void peers_ban(struct peers *p, const secp_pubkey_t *id, uint64_t now_ms);

/// A useless answer. @return false if that was the last point: the line must be cut
bool peers_take_points(struct peers *p, const secp_pubkey_t *id, int points, uint64_t now_ms);

/// Is it called by us whenever it is gone?
bool peers_is_static(const struct peers *p, const secp_pubkey_t *id);
/// Is it static or a validator, so that a place is kept for it?
bool peers_is_expected(const struct peers *p, const secp_pubkey_t *id);
/// Lines that count now.
size_t peers_lines(const struct peers *p);
