// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What this validator has signed, so that no two of its messages ever contradict each
/// other, however it was killed (threat model 4.3, QBFT fact sheet 5.8).
///
/// A small environment of its own (map 64 MiB, no no-sync flag), bound to one node key, so
/// that a vote never waits behind a block's commit. The order is always: compare with the
/// record, guard_save (synced when it returns OK), then sign, then send. A failed save means
/// no signature.
///
/// Owner: the signer's thread. One process at a time (flock).

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// One message that may have been signed: what it named.
struct guard_sent {
    bool sent;
    hash_t digest; ///< block hash (Proposal) or proposal digest (Prepare, Commit)
};

/// Everything signed at one height that a later message may not contradict. A record for a
/// new height starts zeroed.
struct guard_record {
    uint64_t height; ///< 0: nothing was ever signed
    uint32_t round;  ///< the round entered (its messages are the ones below)

    struct guard_sent proposal; ///< sent in `round`
    struct guard_sent prepare;
    struct guard_sent commit;

    /// A RoundChange to `round` was sent, and what it carried.
    bool round_change_sent;
    bool round_change_prepared; ///< it carried a certificate:
    uint32_t round_change_prepared_round;
    hash_t round_change_prepared_digest;

    /// A Commit was sent at this height in this round or an earlier one: every later
    /// RoundChange carries a prepared round >= it.
    bool committed;
    uint32_t committed_round;

    /// The latest prepared certificate of this height.
    bool prepared;
    uint32_t prepared_round;
    hash_t prepared_digest;
    bytes_t prepared_block;    ///< RLP of the block as proposed
    bytes_t prepared_prepares; ///< the signed Prepare payloads, in the consensus layer's own form
    bytes_t proposal_block;    ///< RLP of the block of our own Proposal in `round`; may be empty
};

struct guard;

/// Largest record (blocks and certificates together).
#define GUARD_RECORD_MAX ((size_t)24 * 1024 * 1024)

/// Makes an empty guard for a node key: together with the key, or when an operator starts a
/// validator whose guard was lost. Nothing may be signed for heights <= `silent_through`.
/// @return ERR_BUSY if there is one already, ERR_IO
MUST_USE err_t guard_create(const char *path, const address_t *node, uint64_t silent_through);

/// Opens the guard of `node`.
/// @return ERR_NOT_FOUND (lost, or never made: sign nothing), ERR_MISMATCH (another key's,
///         or a newer version), ERR_BUSY (another process signs with it), ERR_CORRUPT, ERR_IO
MUST_USE err_t guard_open(struct guard **out, const char *path, const address_t *node);

/// NULL is allowed.
void guard_close(struct guard *g);

/// Heights up to and including this one must not be signed for (guard_create).
uint64_t guard_silent_through(const struct guard *g);

/// The operator confirms that nothing contradicting was signed from `height` on: silence ends
/// before it (--guard-reset-height). What is on record stays binding. Never makes the silence
/// longer. ERR_FULL, ERR_IO
MUST_USE err_t guard_allow_from(struct guard *g, uint64_t height);

/// The last record saved; its bytes are copied into `arena`. All zero if nothing was signed.
/// @return ERR_CORRUPT, ERR_FULL, ERR_IO
MUST_USE err_t guard_load(const struct guard *g, struct guard_record *out, struct arena *arena);

/// Replaces the record, durably when it returns OK. A record that contradicts the saved one
/// (guard_may_follow) is refused and nothing is written.
/// @return ERR_INVALID (contradiction: do not sign), ERR_LIMIT, ERR_FULL, ERR_IO
MUST_USE err_t guard_save(struct guard *g, const struct guard_record *record);

/// The rules themselves, pure: may a validator whose record is `old` go on to `next`? Saving
/// the same again is allowed.
/// @return ERR_INVALID with the rule that `next` breaks.
MUST_USE err_t guard_may_follow(const struct guard_record *old, const struct guard_record *next);
