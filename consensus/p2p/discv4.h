// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Node discovery, version 4: how a node that knows one other finds all the rest.
///
///     A                                  B
///     | -- Ping ------------------------> |   "I am here, my record has number n"
///     | <------- Pong (names the Ping) -- |   A now knows that B is where it says: B's proof
///     | <------------------------- Ping - |
///     | -- Pong ------------------------> |   and B knows it of A
///     | -- FindNode(target) ------------> |   only now is there an answer longer than the question
///     | <- Neighbors (16 nearest to it) - |
///     | -- ENRRequest ------------------> |
///     | <- ENRResponse (signed record) -- |   which says on which chain B is
///
/// *Endpoint proof*: source addresses of datagrams are easily forged, so nothing long is sent to
/// an address from which no Pong came that names our own Ping. Proofs last 12 hours.
/// *Talk*: all that is between us and one node at the moment; one question at a time.
/// *Live*: the node answered when we asked it. Who only came by and proved himself is asked for the
/// first time some seconds later, and till then nobody is told of him.
/// *Candidate*: a live node whose record has the fork identifier of our chain and a TCP port.
///
/// What may go wrong: packets get lost (a talk ends, another one begins later); nodes lie about
/// others (whoever is named must answer himself before anything comes of it); somebody floods us
/// (rate_limit.h, before a packet costs a hash; everything here is bounded); a node moves (its key
/// proves itself at the new place).
///
/// Pure: packets, time and randomness come in, effects come out. Owner: the loop's thread.

#include "consensus/p2p/discv4_lookup.h"
#include "consensus/p2p/discv4_table.h"
#include "consensus/p2p/discv4_wire.h"
#include "consensus/p2p/enr.h"

#define DISCV4_BOOTNODES 32U
#define DISCV4_EFFECTS 16U
#define DISCV4_PROOF_MS (UINT64_C(12) * 3600 * 1000)

struct discv4;

struct discv4_options {
    const struct secret_key *key; ///< retained
    struct discv4_endpoint at;    ///< where we are; ip_len 0: others tell
    uint8_t seed[32];             ///< random
    struct fork_list forks;       ///< of our chain
    hash_t genesis;               ///< of our chain
    uint64_t now_ms;              ///< since 1970, as everywhere here
    /// May we talk with this node at all? NULL: with everybody.
    bool (*allowed)(void *ctx, const secp_pubkey_t *id);
    void *ctx;
};

enum discv4_effect_kind {
    DISCV4_FX_SEND,  ///< a packet to an endpoint
    DISCV4_FX_FOUND, ///< a candidate, again whenever it has answered
};

struct discv4_effect {
    enum discv4_effect_kind kind;
    struct discv4_node node; ///< SEND: only `at` counts
    size_t len;              ///< SEND
    uint8_t bytes[DISCV4_PACKET_MAX];
};

/// What is to be done after a step, in order. Whoever calls brings the room.
struct discv4_effects {
    size_t count;
    struct discv4_effect items[DISCV4_EFFECTS];
};

/// @return ERR_FULL, ERR_INVALID (the key)
MUST_USE err_t discv4_new(struct discv4 **out, const struct discv4_options *options);
void discv4_free(struct discv4 *d); ///< NULL is allowed

/// A node to begin with, asked in every search unless it is known to be there. A known one's address
/// is replaced. @return ERR_FULL above 32; ERR_INVALID for our own key
MUST_USE err_t discv4_add_bootnode(struct discv4 *d, const struct discv4_node *node);

/// Our address is this one from now on, whatever others say.
void discv4_set_ip(struct discv4 *d, const uint8_t *ip, uint8_t ip_len, uint64_t now_ms);

/// The chain has a new head: other forks may be in force.
void discv4_set_head(struct discv4 *d, uint64_t number, uint64_t time_s, uint64_t now_ms);

/// A datagram came.
void discv4_receive(struct discv4 *d, struct discv4_effects *fx, const struct discv4_endpoint *from,
                    bytes_t packet, uint64_t now_ms);

/// Time has passed. To be called when discv4_deadline has come; sooner does no harm.
void discv4_tick(struct discv4 *d, struct discv4_effects *fx, uint64_t now_ms);
uint64_t discv4_deadline(struct discv4 *d); ///< see discv4_tick

/// Our own record, signed. Valid until anything else is called.
bytes_t discv4_record(const struct discv4 *d);

struct discv4_stats {
    uint64_t received; ///< packets
    uint64_t limited;  ///< of these: not looked at, there were too many
    uint64_t refused;  ///< of these: not valid, expired, or not asked for
    uint64_t sent;
    size_t nodes;      ///< in the table
    size_t live;       ///< of these
    size_t candidates; ///< of these: on our chain
};
/// What it has done and whom it knows.
void discv4_count(const struct discv4 *d, struct discv4_stats *out);
/// The nodes that are known now. See discv4_table_next.
const struct discv4_table *discv4_table_of(const struct discv4 *d);
