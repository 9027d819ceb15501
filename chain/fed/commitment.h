// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The federation's hashes: vectors, commits, versions, families, seeds, receipts
/// (federation.md, sections 1 to 4). What Solidity hashes with abi.encode is hashed here
/// over the same bytes.

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"

#define FED_CHUNK_COORDS 1024 ///< of every chunk; the last one is padded with zeros

/// Section 2: root over chunks of `chunk_len` bytes (a power of two up to 4096), the last
/// zero-padded. Leaf: keccak(0x00 || uint64be(index) || chunk); node: keccak(0x01 || left ||
/// right); a lone last node is promoted. `data` is not empty.
hash_t fed_merkle_root(bytes_t data, size_t chunk_len);

/// Roots of vectors of `d` > 0 coordinates: model and aggregate as int32, update as int16,
/// little endian.
hash_t fed_root_i32(const int32_t *v, size_t d);
hash_t fed_root_i16(const int16_t *v, size_t d);

/// sha256 of the same bytes without padding (updSha256, aggSha256).
hash_t fed_sha256_i16(const int16_t *v, size_t d);
hash_t fed_sha256_i32(const int32_t *v, size_t d);

/// Path from a leaf to the root, and its check. At most 32 siblings.
struct fed_merkle_proof {
    hash_t sibling[32];
    size_t count;
};
/// @return ERR_INVALID if there is no chunk `index`.
MUST_USE err_t fed_merkle_prove(struct fed_merkle_proof *out, bytes_t data, size_t chunk_len,
                                uint64_t index);
/// `chunk` is padded to its full length; `count` chunks are under `root`.
bool fed_merkle_verify(const hash_t *root, const struct fed_merkle_proof *proof, bytes_t chunk,
                       uint64_t index, uint64_t count);

/// The fields of a commit's digest after `participant`: Solidity's struct Reveal, in order.
/// A hash that is not used is zero.
struct fed_reveal {
    hash_t base_version_id;
    hash_t upd_root;
    hash_t upd_sha256;
    uint64_t d;
    uint64_t weight;
    hash_t clc_hash;
    hash_t manifest_hash;
    hash_t training_hash;
    hash_t dp_claim_hash;
    hash_t attestation_hash;
    uint64_t child_round_id;
    hash_t salt; ///< 32 random bytes, on disk before the commit leaves
};

/// COMMIT_TYPEHASH (section 4).
hash_t fed_commit_typehash(void);

/// keccak(abi.encode(COMMIT_TYPEHASH, chainid, rounds, roundId, participant, reveal)).
hash_t fed_commit_digest(uint64_t chain_id, const address_t *rounds, uint64_t round_id,
                         const address_t *participant, const struct fed_reveal *reveal);

/// keccak(abi.encode(chainid, registry, owner, nonce)).
hash_t fed_family_id(uint64_t chain_id, const address_t *registry, const address_t *owner,
                     uint64_t nonce);

#define FED_PARENTS_MAX 8

/// Origin of a model version (contract enum Kind).
enum fed_version_kind {
    FED_KIND_GENESIS,
    FED_KIND_ROUND_AGGREGATE,
    FED_KIND_FINE_TUNE,
    FED_KIND_MERGE,
    FED_KIND_DISTILLED,
    FED_KIND_QUANTISED,
    FED_KIND_IMPORT,
};

/// keccak(abi.encode(family, kind, parents, fileSha256, modelRoot, roundId)); at most
/// FED_PARENTS_MAX parents.
hash_t fed_version_id(const hash_t *family, enum fed_version_kind kind, const hash_t *parents,
                      size_t parent_count, const hash_t *file_sha256, const hash_t *model_root,
                      uint64_t round_id);

#define FED_SEED_SPAN_MAX 8

/// Section 3: keccak(abi.encode("CAIRN-SEED", k, chainid, rounds, roundId, acc,
/// blockhash(b), ..., blockhash(b - s + 1))), hashes newest first, s = `span`, 1..8.
hash_t fed_seed(unsigned k, uint64_t chain_id, const address_t *rounds, uint64_t round_id,
                const hash_t *acc, const hash_t *block_hashes, size_t span);

/// What a contribution receipt says (section 4).
struct fed_receipt {
    uint64_t round_id;
    address_t participant;
    hash_t digest;
    hash_t upd_root;
    uint32_t weight;
    uint8_t status; ///< contract enum Status
    u256_t score;
    u256_t reward;
    hash_t result_version_id;
};
/// keccak(abi.encode(roundId, participant, digest, updRoot, weight, status, score, reward,
/// resultVersionId)).
hash_t fed_receipt_hash(const struct fed_receipt *r);
