// SPDX-License-Identifier: Apache-2.0
#pragma once

/// QBFT's extraData and the three hashes of one header (shared fact sheet: QBFT block
/// header, EEA QBFT specification).
///
///     extraData = [ vanity, [validator...], [] | [recipient, type], round, [seal...] ]
///
/// A block's hash leaves out round and seals, or it would change with every round and
/// every quorum of seals.

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/crypto/secp.h"
#include "chain/types/header.h"

/// mixHash of every QBFT block: "ctical byzantine fault tolerance" in ASCII.
extern const hash_t QBFT_MIX_HASH;

enum qbft_vote { QBFT_VOTE_NONE, QBFT_VOTE_ADD, QBFT_VOTE_DROP };

/// Seals beyond this many are refused before anything is recovered.
#define QBFT_MAX_VALIDATORS 1024

/// Decoded extraData; arrays are in the arena of the decoder.
struct extra_data {
    bytes_t vanity; ///< any length is read, 32 bytes are written
    const address_t *validators;
    size_t validator_count;
    enum qbft_vote vote;
    address_t vote_recipient; ///< meaningful unless vote is NONE
    uint32_t round;
    const secp_sig_t *seals;
    size_t seal_count;
};

/// @return ERR_MALFORMED (also IBFT2's fixed-width round and vote 0x80), ERR_LIMIT, ERR_FULL
MUST_USE err_t extra_data_decode(struct extra_data *out, struct arena *arena, bytes_t in);
void extra_data_encode(struct buf *out, const struct extra_data *e);

/// (a) the block hash: round 0, no seals.
/// @return ERR_MALFORMED if extraData does not decode (all three).
MUST_USE err_t qbft_block_hash(hash_t *out, const struct header *h);

/// (b) what a commit seal of `round` signs: that round, no seals.
MUST_USE err_t qbft_seal_hash(hash_t *out, const struct header *h, uint32_t round);

/// (c) the proposal's digest in Prepare and Commit: the header's own round, no seals
/// (Besu >= 24.12 and the formal specification).
MUST_USE err_t qbft_proposal_digest(hash_t *out, const struct header *h);

/// Writes `h`'s extraData again with another round and other seals, into `out`.
MUST_USE err_t extra_data_reseal(struct buf *out, bytes_t extra, uint32_t round,
                                 const secp_sig_t *seals, size_t seal_count);

/// Recovers the signers of a sealed header's commit seals, in the order of the seals.
/// Whether they are the right ones is asked by whoever knows the validators.
/// @param signers  room for extra_data.seal_count addresses
/// @return ERR_INVALID if a seal does not recover.
MUST_USE err_t qbft_seal_signers(address_t *signers, const struct header *h,
                                 const struct extra_data *e);

/// ceil(2n/3): messages that make a quorum; floor((n-1)/3): faults tolerated.
static inline size_t qbft_quorum(size_t n)
{
    return (2 * n + 2) / 3;
}

static inline size_t qbft_faults(size_t n)
{
    return n == 0 ? 0 : (n - 1) / 3;
}
