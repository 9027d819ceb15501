// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/aggregate.h"

#include "chain/base/endian.h"

err_t fed_aggregate_add(int32_t *a, const int16_t *u, size_t d, uint32_t weight)
{
    if (weight > FED_TOTAL_WEIGHT_MAX) return FAIL(INVALID, "aggregate: weight above 1024");
    for (size_t j = 0; j < d; j++) {
        if (u[j] < -UPDATE_CLIP) return FAIL(INVALID, "aggregate: -32768 is not a coordinate");
        int32_t sum;
        if (__builtin_add_overflow(a[j], (int32_t)weight * u[j], &sum)) {
            return FAIL(INVALID, "aggregate: weights sum to more than 1024");
        }
        a[j] = sum;
    }
    return OK;
}

err_t fed_apply(int32_t *w_new, const int32_t *w, const int32_t *a, size_t d, uint32_t lr_num,
                uint32_t lr_den, uint32_t total_weight)
{
    const uint64_t divisor = (uint64_t)lr_den * total_weight;
    if (divisor == 0) return FAIL(INVALID, "apply: total weight or learning rate's divisor is 0");
    for (size_t j = 0; j < d; j++) {
        const __int128 num = (__int128)a[j] * lr_num;
        __int128 step = num / (__int128)divisor;
        if (num < 0 && step * (__int128)divisor != num) step--; // towards minus infinity
        const __int128 sum = step + w[j];
        if (sum < INT32_MIN || sum > INT32_MAX) {
            return FAIL(LIMIT, "apply: a new weight does not fit int32");
        }
        w_new[j] = (int32_t)sum;
    }
    return OK;
}

void fed_update_between(int16_t *u, const int32_t *w_new, const int32_t *w, size_t d)
{
    for (size_t j = 0; j < d; j++) {
        const int64_t delta = (int64_t)w_new[j] - w[j];
        const int64_t low = delta < -UPDATE_CLIP ? -UPDATE_CLIP : delta;
        u[j] = (int16_t)(low > UPDATE_CLIP ? UPDATE_CLIP : low);
    }
}

err_t fed_quantise(int64_t *out, const uint8_t *ieee, unsigned width, bool bfloat,
                   unsigned frac_bits)
{
    check(width == 2 || width == 4 || width == 8);
    check(frac_bits <= 30);
    const unsigned mant_bits = width == 8 ? 52 : width == 4 ? 23 : bfloat ? 7 : 10;
    const unsigned exp_bits = 8 * width - 1 - mant_bits;

    uint64_t bits = 0;
    for (unsigned i = 0; i < width; i++) bits |= (uint64_t)ieee[i] << (8 * i);
    const bool negative = (bits >> (8 * width - 1)) != 0;
    const uint64_t exp_max = ((uint64_t)1 << exp_bits) - 1;
    const uint64_t exp = bits >> mant_bits & exp_max;
    uint64_t mant = bits & (((uint64_t)1 << mant_bits) - 1);
    if (exp == exp_max) return FAIL(INVALID, "quantise: infinite or not a number");
    if (exp != 0) mant |= (uint64_t)1 << mant_bits;

    // value * 2^frac_bits = mant * 2^shift
    const int bias = (1 << (exp_bits - 1)) - 1;
    const int shift = (exp == 0 ? 1 : (int)exp) - bias - (int)mant_bits + (int)frac_bits;
    uint64_t magnitude;
    if (mant == 0 || shift < -54) {
        magnitude = 0; // below a half: mant has at most 53 bits
    } else if (shift < 0) {
        const unsigned s = (unsigned)-shift;
        const uint64_t rest = mant & (((uint64_t)1 << s) - 1);
        const uint64_t half = (uint64_t)1 << (s - 1);
        magnitude = mant >> s;
        if (rest > half || (rest == half && (magnitude & 1) != 0)) magnitude++;
    } else if (shift > 62 || mant > (uint64_t)INT64_MAX >> shift) {
        magnitude = INT64_MAX;
    } else {
        magnitude = mant << shift;
    }
    *out = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return OK;
}
