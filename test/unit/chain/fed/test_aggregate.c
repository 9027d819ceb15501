// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/aggregate.h"

#include <criterion/criterion.h>

/// Goal: a weighted sum is exact up to the format's bounds, and nothing beyond gets in.
Test(fed_aggregate, add)
{
    int32_t a[3] = {0};
    const int16_t u[3] = {32767, -32767, 5};
    cr_assert(err_ok(fed_aggregate_add(a, u, 3, 1000)));
    cr_assert(err_ok(fed_aggregate_add(a, u, 3, 24)));
    cr_expect_eq(a[0], 1024 * 32767);
    cr_expect_eq(a[1], -1024 * 32767);
    cr_expect_eq(a[2], 5120);
    const int16_t bad[1] = {-32768};
    cr_expect_eq(fed_aggregate_add(a, bad, 1, 1).kind, ERR_INVALID);
    cr_expect_eq(fed_aggregate_add(a, u, 3, 1025).kind, ERR_INVALID);
    int32_t brim[1] = {INT32_MAX};
    cr_expect_eq(fed_aggregate_add(brim, u, 1, 1).kind, ERR_INVALID);
}

/// Goal: the division goes towards minus infinity, and int32 is the limit.
static const struct {
    const char *name;
    int32_t w, a;
    uint32_t num, den, total;
    enum err_kind kind;
    int32_t want;
} applies[] = {
    {"exact", 10, 12, 1, 1, 4, ERR_NONE, 13},
    {"down", 10, 13, 1, 1, 4, ERR_NONE, 13},
    {"negative rounds down", 10, -13, 1, 1, 4, ERR_NONE, 6},
    {"negative exact", 10, -12, 1, 1, 4, ERR_NONE, 7},
    {"minus one", 0, -1, 1, 1, 1024, ERR_NONE, -1},
    {"learning rate", 0, -7, 3, 2, 5, ERR_NONE, -3},
    {"no weight", 0, 1, 1, 1, 0, ERR_INVALID, 0},
    {"no divisor", 0, 1, 1, 0, 1, ERR_INVALID, 0},
    {"top", INT32_MAX - 1, 1, 1, 1, 1, ERR_NONE, INT32_MAX},
    {"over the top", INT32_MAX, 1, 1, 1, 1, ERR_LIMIT, 0},
    {"under the bottom", INT32_MIN, -1, 1, 1, 1, ERR_LIMIT, 0},
    {"largest divisor", 0, INT32_MIN, UINT32_MAX, UINT32_MAX, UINT32_MAX, ERR_NONE, -1},
};

Test(fed_aggregate, apply)
{
    for (size_t i = 0; i < sizeof applies / sizeof applies[0]; i++) {
        int32_t w_new = 77;
        const err_t err = fed_apply(&w_new, &applies[i].w, &applies[i].a, 1, applies[i].num,
                                    applies[i].den, applies[i].total);
        cr_expect_eq(err.kind, applies[i].kind, "%s: %s", applies[i].name, err_text(err));
        if (err_ok(err)) cr_expect_eq(w_new, applies[i].want, "%s: %d", applies[i].name, w_new);
    }
}

/// Goal: differences saturate at the clip.
Test(fed_aggregate, update_between)
{
    const int32_t w_new[] = {5, 40000, -40000, INT32_MAX, INT32_MIN};
    const int32_t w[] = {7, 0, 0, INT32_MIN, INT32_MAX};
    const int16_t want[] = {-2, 32767, -32767, 32767, -32767};
    int16_t u[5];
    fed_update_between(u, w_new, w, 5);
    for (size_t j = 0; j < 5; j++) cr_expect_eq(u[j], want[j], "%zu: %d", j, u[j]);
}

/// Goal: fixed point of IEEE numbers rounds to nearest, ties to even, for every width.
static const struct {
    const char *name;
    uint64_t bits;
    unsigned width;
    bool bfloat;
    unsigned frac;
    enum err_kind kind;
    int64_t want;
} quants[] = {
    {"f32 1", 0x3f800000, 4, false, 16, ERR_NONE, 65536},
    {"f32 -1.5", 0xbfc00000, 4, false, 16, ERR_NONE, -98304},
    {"f32 0", 0, 4, false, 16, ERR_NONE, 0},
    {"f32 -0", 0x80000000, 4, false, 16, ERR_NONE, 0},
    {"f32 0.5 ulp: to even 0", 0x37000000, 4, false, 16, ERR_NONE, 0},
    {"f32 1.5 ulp: to even 2", 0x37c00000, 4, false, 16, ERR_NONE, 2},
    {"f32 2.5 ulp: to even 2", 0x38200000, 4, false, 16, ERR_NONE, 2},
    {"f32 -2.5 ulp", 0xb8200000, 4, false, 16, ERR_NONE, -2},
    {"f32 just above 0.5 ulp", 0x37000001, 4, false, 16, ERR_NONE, 1},
    {"f32 smallest subnormal", 1, 4, false, 30, ERR_NONE, 0},
    {"f32 largest saturates", 0x7f7fffff, 4, false, 16, ERR_NONE, INT64_MAX},
    {"f32 -largest saturates", 0xff7fffff, 4, false, 16, ERR_NONE, -INT64_MAX},
    {"f32 infinite", 0x7f800000, 4, false, 16, ERR_INVALID, 0},
    {"f32 not a number", 0x7fc00000, 4, false, 16, ERR_INVALID, 0},
    {"f16 1", 0x3c00, 2, false, 16, ERR_NONE, 65536},
    {"f16 largest 65504", 0x7bff, 2, false, 0, ERR_NONE, 65504},
    {"f16 smallest subnormal 2^-24", 0x0001, 2, false, 24, ERR_NONE, 1},
    {"f16 infinite", 0x7c00, 2, false, 0, ERR_INVALID, 0},
    {"bf16 1", 0x3f80, 2, true, 16, ERR_NONE, 65536},
    {"bf16 -3", 0xc040, 2, true, 0, ERR_NONE, -3},
    {"f64 1/3", 0x3fd5555555555555, 8, false, 16, ERR_NONE, 21845},
    {"f64 2^62", 0x43d0000000000000, 8, false, 0, ERR_NONE, (int64_t)1 << 62},
    {"f64 2^63 saturates", 0x43e0000000000000, 8, false, 0, ERR_NONE, INT64_MAX},
    {"f64 smallest subnormal", 1, 8, false, 30, ERR_NONE, 0},
    {"f64 infinite", 0x7ff0000000000000, 8, false, 0, ERR_INVALID, 0},
};

Test(fed_aggregate, quantise)
{
    for (size_t i = 0; i < sizeof quants / sizeof quants[0]; i++) {
        uint8_t le[8];
        for (unsigned k = 0; k < 8; k++) le[k] = (uint8_t)(quants[i].bits >> (8 * k));
        int64_t got = 99;
        const err_t err = fed_quantise(&got, le, quants[i].width, quants[i].bfloat, quants[i].frac);
        cr_expect_eq(err.kind, quants[i].kind, "%s", quants[i].name);
        cr_expect_eq(got, err_ok(err) ? quants[i].want : 99, "%s: %ld", quants[i].name, got);
    }
}
