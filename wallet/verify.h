// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The portable proof of a contribution: a file that shows, to whoever knows the validators
/// and without any node, what a round says of one participant for ever.
///
///     receipt (9 fields) --keccak--> receiptHash
///        is in a slot of Rounds       slot = receipts[roundId][participant]
///        is under its storage root    storage proof
///        is in its account            account proof
///        is under the header's state root
///        is sealed by a quorum of the validators, whom the verifier knows
///
/// A false link anywhere breaks the chain. The text is canonical: a file that says the same
/// in other bytes is refused, so nothing in it can be changed unseen.
///
/// Pure: bytes in, verdict out.

#include <jansson.h>

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"
#include "chain/types/header.h"

/// `receipts` is the third variable of Rounds (RoundsBase.sol; the guard before it has none).
#define PROOF_RECEIPTS_SLOT 2

#define PROOF_MAX_BYTES ((size_t)1 << 20)
#define PROOF_MAX_NODES 64
#define PROOF_MAX_VALIDATORS 1024

/// What a round says of one participant: the fields of abi.encode, in its order.
struct receipt_fields {
    uint64_t round_id;
    address_t participant;
    hash_t digest;
    hash_t upd_root;
    uint64_t weight;
    uint64_t status; ///< as in Types.sol
    u256_t score;
    u256_t reward; ///< base units
    hash_t result_version;
};

/// keccak256(abi.encode(fields)).
hash_t receipt_fields_hash(const struct receipt_fields *f);

/// The storage slot of Rounds that holds a receipt's hash.
hash_t receipt_slot(uint64_t round_id, const address_t *participant);

/// A proof; lists and bytes live in the arena of whoever made it.
struct receipt_proof {
    address_t rounds;
    struct receipt_fields fields;
    bytes_t header; ///< RLP, seals included
    const bytes_t *account_nodes;
    size_t account_count;
    const bytes_t *storage_nodes;
    size_t storage_count;
};

/// The file's text. New string, or NULL without memory.
char *receipt_proof_write(const struct receipt_proof *p);

/// Reads exactly what receipt_proof_write makes.
/// @return ERR_MALFORMED, ERR_LIMIT, ERR_FULL
MUST_USE err_t receipt_proof_read(struct receipt_proof *out, struct arena *arena, bytes_t text);

/// What a valid proof was sealed with.
struct receipt_verdict {
    uint64_t block;
    uint64_t timestamp_s;
    hash_t block_hash;
    size_t seals;
    size_t validators;
};

/// Checks every link against these validators. Each seal must be of another one of them.
/// @return ERR_MISMATCH for a link that does not hold (the text says which), ERR_MALFORMED,
///         ERR_INVALID (a seal that is nobody's), ERR_FULL
MUST_USE err_t receipt_proof_verify(struct receipt_verdict *out, struct arena *arena,
                                    const struct receipt_proof *p, const address_t *validators,
                                    size_t validator_count);

/// The validators of a JSON text: a list of addresses, {"validators": [..]}, or a genesis
/// file with extraData. In `arena`.
/// @return ERR_MALFORMED, ERR_LIMIT, ERR_FULL
MUST_USE err_t validators_read(const address_t **out, size_t *count, struct arena *arena,
                               bytes_t text);
