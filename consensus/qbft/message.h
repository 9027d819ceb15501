// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The four messages of QBFT on the wire (`istanbul/100`): decoding in every form that is in
/// use, author recovery, and the encoding of our own. Pure: signing and recovering come in as
/// functions.
///
///     signed(P)   = [ P, signature(65) ]       signature over keccak(rlp([code, P]))
///     Prepare     = signed([ sequence, round, digest ])
///     Commit      = signed([ sequence, round, digest, seal(65) ])
///     RoundChange = [ signed([ sequence, round, [] | [preparedRound, preparedDigest] ]),
///                     block | [], (bal,) [ Prepare... ] ]
///     Proposal    = [ signed([ sequence, round, block(, bal) ]),
///                     [ [ signed(RoundChange payload)... ], [ Prepare... ] ] ]
///
/// The slot `bal` exists in Besu from 26.1.0 on; both forms are read, one is written. There is
/// no sender in a message: the author is whoever signed it.

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/crypto/secp.h"
#include "chain/types/extra_data.h"
#include "chain/types/header.h"

/// Codes in the capability; also the first element of what is signed.
enum qbft_code {
    QBFT_PROPOSAL = 0x12,
    QBFT_PREPARE = 0x13,
    QBFT_COMMIT = 0x14,
    QBFT_ROUND_CHANGE = 0x15,
};

/// "proposal", "prepare", ... Never NULL.
const char *qbft_code_name(enum qbft_code code);

/// The form that is sent, and with GOQUORUM the digest and proposer rules.
enum qbft_wire { QBFT_WIRE_BESU26, QBFT_WIRE_BESU25, QBFT_WIRE_GOQUORUM };

/// A round above this does not fit Besu's signed 32 bits: malformed.
#define QBFT_ROUND_LIMIT ((uint64_t)INT32_MAX)

/// Cryptography from outside: real in the node, a keyed tag in the simulator.
struct qbft_crypto {
    err_t (*recover)(void *ctx, address_t *author, const secp_sig_t *sig, const hash_t *digest);
    void (*sign)(void *ctx, secp_sig_t *sig, const hash_t *digest); ///< NULL where nobody signs
    void *ctx;
};

/// A block inside a message: its bytes, and of its contents the header only.
struct qbft_block {
    bytes_t raw; ///< [header, txs, ommers(, withdrawals)]
    struct header header;
    struct extra_data extra; ///< of the header
    hash_t hash;             ///< block hash: without round and seals
};

/// Something signed: the fields of all four payloads.
struct qbft_payload {
    enum qbft_code code;
    uint64_t sequence; ///< block number
    uint32_t round;
    hash_t digest;           ///< Prepare, Commit; the prepared digest of a RoundChange
    bool has_prepared;       ///< RoundChange: something was prepared
    uint32_t prepared_round; ///< RoundChange with has_prepared
    secp_sig_t seal;         ///< Commit
    bool seal_recovered;     ///< Commit: `seal_author` is who signed `digest` with `seal`
    address_t seal_author;
    bytes_t raw; ///< signed(P) as received; what is relayed, embedded and shown as evidence
    secp_sig_t signature;
    hash_t signing_hash;
    address_t author; ///< after qbft_message_recover
};

/// A decoded message. Views point into `raw`, arrays are in the arena of the decoder.
struct qbft_message {
    struct qbft_payload main;
    bool has_block; ///< always for a Proposal; for a RoundChange if something was prepared
    struct qbft_block block;
    struct qbft_payload *round_changes; ///< Proposal
    size_t round_change_count;
    struct qbft_payload *prepares; ///< Proposal, RoundChange
    size_t prepare_count;
    bytes_t raw; ///< the whole message as on the wire
};

/// Decodes the message with this capability code. Authors are not recovered. `in` is borrowed
/// and must outlive `*out`.
/// @return ERR_UNSUPPORTED for another code, ERR_MALFORMED (also a high s), ERR_LIMIT,
///         ERR_FULL.
MUST_USE err_t qbft_message_decode(struct qbft_message *out, struct arena *arena, unsigned code,
                                   bytes_t in);

/// Decodes one signed payload that stands alone, as evidence keeps it. The author is not
/// recovered; a Proposal's digest is left zero, for it is its block's. Borrows `in`.
/// @return ERR_MALFORMED, ERR_LIMIT
MUST_USE err_t qbft_payload_decode(struct qbft_payload *out, enum qbft_code code, bytes_t in);

/// Recovers the authors of the message, of everything embedded and of a commit seal. Dear (one
/// recovery per signature): a worker's job.
/// @return ERR_INVALID if an author cannot be recovered. A seal that cannot is no error: it
///         stays unrecovered and will not count.
MUST_USE err_t qbft_message_recover(struct qbft_message *m, const struct qbft_crypto *crypto);

/// A deep copy into `arena`, authors included. ERR_FULL
MUST_USE err_t qbft_message_copy(struct qbft_message *out, struct arena *arena,
                                 const struct qbft_message *m);
MUST_USE err_t qbft_payload_copy(struct qbft_payload *out, struct arena *arena,
                                 const struct qbft_payload *p);

/// Decodes the header of a block that stands alone, such as a fresh one from the builder.
MUST_USE err_t qbft_block_decode(struct qbft_block *out, struct arena *arena, bytes_t raw);

/// The same block with another round in its extraData and no seals; bytes in `arena`.
MUST_USE err_t qbft_block_with_round(struct qbft_block *out, struct arena *arena,
                                     const struct qbft_block *in, uint32_t round);

/// The digest that Prepare and Commit name for a block proposed in `round`: with that round in
/// extraData (Besu, formal specification), or always with round 0 (GoQuorum).
MUST_USE err_t qbft_digest(hash_t *out, const struct header *h, uint32_t round,
                           enum qbft_wire wire);

/// A list [signed(Prepare)...], as the guard keeps a certificate, and back. Authors are
/// recovered by `crypto`.
void qbft_prepares_encode(struct buf *out, const struct qbft_payload *prepares, size_t count);
MUST_USE err_t qbft_prepares_decode(struct qbft_payload **out, size_t *count, struct arena *arena,
                                    bytes_t in, const struct qbft_crypto *crypto);

/// What a validator wants to say, not yet signed.
struct qbft_send {
    enum qbft_code code;
    uint64_t sequence;
    uint32_t round;
    hash_t digest;    ///< Prepare, Commit; RoundChange: the prepared digest
    hash_t seal_hash; ///< Commit: what its seal signs
    bool has_prepared;
    uint32_t prepared_round;
    bytes_t block;                ///< Proposal; RoundChange with has_prepared
    const bytes_t *round_changes; ///< signed payloads of a Proposal's justification
    size_t round_change_count;
    const bytes_t *prepares; ///< signed payloads
    size_t prepare_count;
};

/// Signs and encodes. The guard has been synced before this is called.
void qbft_message_sign(struct buf *out, const struct qbft_send *send, enum qbft_wire wire,
                       const struct qbft_crypto *crypto);
