// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RLPx handshake (devp2p rlpx.md, EIP-8 form): two packets after which both sides know each
/// other's node key and share the secrets of the connection.
///
///     initiator                                      recipient
///        | auth = E(recipient; sig, own key, nonce)      |
///        |---------------------------------------------->|  knows the initiator's key
///        |      ack = E(initiator; ephemeral key, nonce) |
///        |<----------------------------------------------|
///        secrets from both ephemeral keys and both nonces
///
/// Every packet is size(2) || ecies(body || padding), the size being what ECIES authenticates.
/// What follows the RLP list, further items and other versions are ignored, so that the protocol
/// can grow. Pure: randomness comes in as a seed.

#include "chain/base/buf.h"
#include "chain/base/err.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"

/// Bytes of a packet after its size prefix, at most (as go-ethereum).
#define RLPX_PACKET_MAX 2048U

/// Randomness for one handshake. Secret; in the session's locked memory.
struct rlpx_seed {
    struct secret_key ephemeral; ///< valid keys, fresh
    struct secret_key ecies;
    uint8_t nonce[32];
    uint8_t iv[16];
    uint8_t padding; ///< 100 + padding % 100 zero bytes are appended
};

/// What both sides derive. Secret.
struct rlpx_secrets {
    uint8_t aes[32];
    uint8_t mac[32];
    struct keccak egress;  ///< running MAC state of what we send
    struct keccak ingress; ///< and of what we receive
};

struct rlpx_handshake {
    const struct secret_key *key; ///< borrowed: the node key
    struct rlpx_seed seed;
    bool initiator;
    secp_pubkey_t remote; ///< node key of the other; the recipient learns it from the auth
    secp_pubkey_t remote_ephemeral;
    uint8_t remote_nonce[32];
    uint8_t auth[2 + RLPX_PACKET_MAX]; ///< both packets whole: they start the MAC states
    size_t auth_len;
    uint8_t ack[2 + RLPX_PACKET_MAX];
    size_t ack_len;
};

/// @param remote  whom the initiator calls; NULL makes a recipient
/// @param seed    copied
void rlpx_handshake_init(struct rlpx_handshake *h, const struct secret_key *key,
                         const struct rlpx_seed *seed, const secp_pubkey_t *remote);
/// Forgets the secrets.
void rlpx_handshake_wipe(struct rlpx_handshake *h);

/// Appends the packet this side sends: the initiator's auth first of all, the recipient's ack
/// once rlpx_handshake_read has succeeded.
/// @return ERR_INVALID if the remote key is no point of the curve; ERR_FULL
MUST_USE err_t rlpx_handshake_write(struct rlpx_handshake *h, struct buf *out);

/// Total length of the packet whose first two bytes these are; 0 if it is too short or longer
/// than RLPX_PACKET_MAX.
size_t rlpx_packet_size(const uint8_t prefix[2]);

/// Reads the other side's packet, whole, with its size prefix.
/// @return ERR_INVALID with words that do not tell why decryption failed; ERR_MALFORMED
MUST_USE err_t rlpx_handshake_read(struct rlpx_handshake *h, bytes_t packet);

/// After both packets: the secrets of the connection.
MUST_USE err_t rlpx_handshake_secrets(const struct rlpx_handshake *h, struct rlpx_secrets *out);
