// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The nodes that discovery keeps: a Kademlia table.
///
/// Nodes are ordered by distance: keccak(key) of the one XOR that of the other, of which only the
/// number of leading zeros counts here. Half of all nodes are at the greatest distance from us, a
/// quarter at the next one ... so each distance has a bucket of 16, and the last one takes all that
/// is nearer:
///
///     distance  256  255  254 ... 241  240 and less
///     bucket     16   15   14 ...   1   0            16 nodes each, and 10 that wait
///
/// Who is in stays in as long as it answers: nodes that have been there for long will probably stay,
/// and nobody can push them out with new ones. A bucket takes at most 2 nodes of one network (/24),
/// the table 10, unless it is a local one: whoever has one network only cannot fill it.
///
/// Every node here has proved its endpoint once. Pure; owner: its discovery.

#include "chain/base/bytes.h"
#include "chain/types/fork_id.h"
#include "consensus/p2p/discv4_wire.h"

#define DISCV4_BUCKETS 17U
#define DISCV4_BUCKET_NODES 16U
#define DISCV4_BUCKET_SPARE 10U
#define DISCV4_NETWORK_OF_BUCKET 2U
#define DISCV4_NETWORK_OF_TABLE 10U

/// A node that has proved where it is.
struct discv4_contact {
    struct discv4_node node;
    hash_t nid;                    ///< keccak(key): its place
    uint64_t proven_ms;            ///< when its last Pong came from there
    uint64_t pinged_us_ms;         ///< when we last answered its Ping, so that it has our proof
    uint64_t check_at_ms;          ///< when it is asked again whether it is there
    uint64_t wait_ms;              ///< between two such questions; grows
    unsigned missed;               ///< questions in a row without an answer
    bool live;                     ///< it answered when we asked: told to others, asked in lookups
    bool says_seq;                 ///< it told the number of its record:
    uint64_t said_seq;             ///< the highest
    bool has_record;               ///< its record was read:
    uint64_t record_seq;           ///< number of that one
    bool has_fork;                 ///< it says on which chain it is:
    struct fork_id fork;           ///< as it says
    struct discv4_endpoint stated; ///< where it saw us; ip_len 0: it did not say
};

struct discv4_bucket {
    struct discv4_contact nodes[DISCV4_BUCKET_NODES];
    size_t count;
    struct discv4_contact spare[DISCV4_BUCKET_SPARE]; ///< for those that go; oldest first
    size_t spare_count;
};

struct discv4_table {
    hash_t self;
    struct discv4_bucket buckets[DISCV4_BUCKETS];
};

/// An empty one, as seen from this key.
void discv4_table_init(struct discv4_table *t, const secp_pubkey_t *self);

/// Is the one nearer to `target` (<0), the other (>0), or are they the same (0)?
int discv4_nearer(const hash_t *target, const hash_t *a, const hash_t *b);

/// Same address and UDP port.
bool discv4_same_place(const struct discv4_endpoint *a, const struct discv4_endpoint *b);

/// keccak(key): a node's place.
hash_t discv4_nid(const secp_pubkey_t *id);

/// The node, among those in or those that wait; NULL. Valid until the next put or drop.
struct discv4_contact *discv4_table_find(struct discv4_table *t, const hash_t *nid);
/// The same, but only if it is in.
struct discv4_contact *discv4_table_in(struct discv4_table *t, const hash_t *nid);

/// Adds a node, or updates where it is. It waits if its bucket is full or has enough of its network.
/// @return it, in or waiting; NULL if there was no place: our own key, or a waiting list that is
///         full (its oldest one has then gone, and this one is in its place: never NULL for that)
struct discv4_contact *discv4_table_put(struct discv4_table *t, const struct discv4_contact *c);

/// Takes a node out; the one that waited last comes in.
void discv4_table_drop(struct discv4_table *t, const hash_t *nid);

/// The live nodes that are nearest to a target, nearest first. @return how many, at most `room`
size_t discv4_table_nearest(const struct discv4_table *t, const struct discv4_contact **out,
                            size_t room, const hash_t *target);

/// The node whose next question is due first, those that wait among them; NULL if there is none.
struct discv4_contact *discv4_table_due(struct discv4_table *t);

/// Walks the nodes that are in: start with 0; NULL at the end.
const struct discv4_contact *discv4_table_next(const struct discv4_table *t, size_t *cursor);
