// SPDX-License-Identifier: Apache-2.0
#pragma once

/// From accepted updates to the next model (federation.md, section 2), exact in integers:
/// two honest machines obtain the same file and the same hash. And the quantiser that
/// brings floating point files into that world without floating point arithmetic.

#include "chain/base/bytes.h"
#include "chain/base/err.h"

#define UPDATE_CLIP 32767         ///< |u[j]|; -32768 is invalid
#define FED_TOTAL_WEIGHT_MAX 1024 ///< sum of effective weights

/// `a += weight * u`. Start with zeros. Within the bounds of section 6 (weights sum to at most
/// FED_TOTAL_WEIGHT_MAX) it cannot overflow.
/// @return ERR_INVALID if a coordinate is -32768 (then `a` is partly changed: throw it away).
MUST_USE err_t fed_aggregate_add(int32_t *a, const int16_t *u, size_t d, uint32_t weight);

/// w_new[j] = w[j] + floorDiv(a[j] * lr_num, total_weight * lr_den). `w_new` may be `w`.
/// @return ERR_INVALID if a divisor is zero, ERR_LIMIT if a result does not fit int32.
MUST_USE err_t fed_apply(int32_t *w_new, const int32_t *w, const int32_t *a, size_t d,
                         uint32_t lr_num, uint32_t lr_den, uint32_t total_weight);

/// u = clip(w_new - w, -32767, 32767).
void fed_update_between(int16_t *u, const int32_t *w_new, const int32_t *w, size_t d);

/// Fixed point with `frac_bits` (at most 30) of IEEE numbers in little endian: round to
/// nearest, ties to even. `width` is 2 (binary16), 4 or 8 bytes; `bfloat` with width 2 means
/// bfloat16. Infinite or not a number is ERR_INVALID.
/// @param[out] out  saturated to +-INT64_MAX
MUST_USE err_t fed_quantise(int64_t *out, const uint8_t *ieee, unsigned width, bool bfloat,
                            unsigned frac_bits);
