// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the chain sees of an update, and how it chooses among updates
/// (federation.md, section 5). Everything is exact in integers: the wallet, the contracts
/// and any native kernel compute the same numbers.
///
/// A sketch is a linear map from d coordinates to 256 buckets: 8 rows of 32, every
/// coordinate adds itself with a sign to one bucket in each row. Bucket and sign come from
/// a seed that is drawn after the update was committed to.
///
///     u[j] --- row 0: +- ---> t[  0 ..  31]
///          --- row 1: +- ---> t[ 32 ..  63]        ||t_a - t_b||^2 / 8
///             ...                                  estimates ||u_a - u_b||^2
///          --- row 7: +- ---> t[224 .. 255]
///
/// Linear: the sketch of a weighted sum is the weighted sum of the sketches.

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/jobs.h"
#include "chain/base/u256.h"

#define SKETCH_LEN 256
#define SKETCH_PACKED_LEN ((size_t)SKETCH_LEN * 8)
#define UPDATE_DIM_MAX ((uint64_t)1 << 27) ///< coordinates: |t| stays below 2^42

struct sketch {
    int64_t t[SKETCH_LEN];
};

/// Section 5.1. `u` has `d` coordinates, d <= UPDATE_DIM_MAX.
/// @param jobs  cores to use; NULL: the caller's alone
void sketch_of_update(struct sketch *out, const hash_t *seed, const int16_t *u, size_t d,
                      const struct jobs *jobs);

/// The same map of an aggregate (or any int32 vector).
void sketch_of_aggregate(struct sketch *out, const hash_t *seed, const int32_t *a, size_t d,
                         const struct jobs *jobs);

/// `out += weight * in`, wrapping as int64 (within the format's bounds it never does).
void sketch_add(struct sketch *out, const struct sketch *in, uint32_t weight);

/// 256 big-endian int64. ERR_MALFORMED for another length than 2048.
void sketch_pack(uint8_t out[SKETCH_PACKED_LEN], const struct sketch *s);
MUST_USE err_t sketch_unpack(struct sketch *out, bytes_t packed);

/// ||t||^2 and ||a - b||^2, exact for any int64 (at most 2^136).
u256_t sketch_norm2(const struct sketch *s);
u256_t sketch_distance2(const struct sketch *a, const struct sketch *b);

/// Section 5.4: ||t||^2 <= 8 * clip^2 * 5/4.
bool sketch_norm_ok(const struct sketch *s, uint64_t clip);

/// The rules of section 5.3 that have a contract.
enum fed_policy {
    FED_POLICY_FEDAVG,    ///< everybody that is no near-duplicate
    FED_POLICY_MULTIKRUM, ///< the n - f with the smallest sums of their n - f - 2 nearest
};

#define FED_INPUTS_MAX 64 ///< bits of the accepted set

/// A selection's result, in order of commit.
struct fed_selection {
    uint64_t accepted;               ///< bit i: input i is accepted
    uint64_t duplicate;              ///< bit i: a near-duplicate of an earlier input
    uint32_t weight[FED_INPUTS_MAX]; ///< effective; 0 unless accepted
    u256_t score[FED_INPUTS_MAX];    ///< MultiKrum's; 0 for FedAvg; 2^256 - 1 for duplicates
};

/// Fewest inputs: 1 for FedAvg, 2f + 3 for MultiKrum.
size_t fed_policy_min_inputs(enum fed_policy policy, unsigned f);

/// Selects among `n` sketches in order of commit. First the near-duplicates go: input j
/// with an earlier i that stayed and 64 * D[i][j] < the lower median of D over all pairs.
/// @return ERR_LIMIT if n > FED_INPUTS_MAX; ERR_INVALID if too few are left for `f`.
MUST_USE err_t fed_select(struct fed_selection *out, enum fed_policy policy, unsigned f, size_t n,
                          const struct sketch *sketches, const uint32_t *weights);
