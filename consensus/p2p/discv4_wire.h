// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The packets of node discovery, version 4:
///
///     hash(32) | signature(65) | type(1) | [ ... ]        at most 1280 bytes, one per datagram
///     hash      = keccak(all that follows)                  cheap: what is no packet ends here
///     signature = over keccak(type | list): its key is the sender's name
///
/// Items that come after the known ones, and bytes after the list, are left alone (EIP-8).

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/crypto/secp.h"

#define DISCV4_PACKET_MAX 1280U
/// Nodes of one Neighbors packet that surely fit into it.
#define DISCV4_NODES_MAX 12U

enum discv4_type {
    DISCV4_PING = 1,
    DISCV4_PONG = 2,
    DISCV4_FIND_NODE = 3,
    DISCV4_NEIGHBORS = 4,
    DISCV4_ENR_REQUEST = 5,
    DISCV4_ENR_RESPONSE = 6,
};

/// Where a node listens.
struct discv4_endpoint {
    uint8_t ip[16];
    uint8_t ip_len; ///< 0 (not known), 4 or 16
    uint16_t udp;
    uint16_t tcp;
};

struct discv4_node {
    struct discv4_endpoint at;
    secp_pubkey_t id;
};

struct discv4_packet {
    enum discv4_type type;
    hash_t hash;           ///< of the packet; a Pong and an ENRResponse name that of the question
    secp_pubkey_t sender;  ///< recovered
    uint64_t expiration_s; ///< since 1970; ENRResponse has none: UINT64_MAX
    bool has_enr_seq;      ///< Ping, Pong
    uint64_t enr_seq;
    struct discv4_endpoint from;                ///< Ping: the sender's own idea of itself
    struct discv4_endpoint to;                  ///< Ping, Pong: where it was sent
    hash_t question;                            ///< Pong, ENRResponse
    secp_pubkey_t target;                       ///< FindNode
    struct discv4_node nodes[DISCV4_NODES_MAX]; ///< Neighbors
    size_t node_count;
    bytes_t record; ///< ENRResponse: not yet decoded; borrowed
};

/// Is this a packet at all? Costs one hash and no signature.
/// @return ERR_LIMIT above 1280 bytes; ERR_MALFORMED if too short or the hash is not its own
MUST_USE err_t discv4_look(bytes_t packet);

/// Reads a packet and recovers its sender. Neighbors beyond the room are left out.
/// @return ERR_LIMIT, ERR_MALFORMED; ERR_INVALID if no key made the signature; ERR_UNSUPPORTED for
///         another type
MUST_USE err_t discv4_decode(struct discv4_packet *out, bytes_t packet);

/// Appends the packet that these members make, signed; `hash` is its name afterwards.
void discv4_encode(struct buf *out, struct discv4_packet *p, const struct secret_key *key);
