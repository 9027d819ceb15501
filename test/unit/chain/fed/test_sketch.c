// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/sketch.h"

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"

#include <criterion/criterion.h>

static hash_t hash_of_hex(const char *text)
{
    hash_t h;
    cr_assert(err_ok(hex_decode_fixed(h.b, sizeof h.b, bytes_of_str(text))));
    return h;
}

/// A small deterministic generator, so that a failing case can be repeated.
static uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/// Goal: the small vector of demo.md, section 4, number for number.
Test(fed_sketch, small_vector)
{
    static const int16_t u[] = {1, -2, 3, -4, 5, -6, 7};
    const hash_t seed = keccak256(LIT("cairn-vector-1"));
    const hash_t want_seed =
        hash_of_hex("b134b378d5b61d8a035826fe0e53f5afffc64413ba2dbbafb4254ac7b22966d5");
    cr_assert(hash_eq(&seed, &want_seed));

    struct sketch s;
    sketch_of_update(&s, &seed, u, ARRAY_LEN(u), NULL);
    size_t non_zero = 0;
    for (size_t k = 0; k < SKETCH_LEN; k++) non_zero += s.t[k] != 0;
    cr_expect_eq(non_zero, 46);
    static const struct {
        size_t k;
        int64_t t;
    } first[] = {{10, 4}, {17, 6}, {23, -10}, {25, 1}, {27, 2}, {28, -5}, {32, 3}};
    size_t at = 0;
    for (size_t k = 0; k <= 32; k++) {
        const bool listed = at < ARRAY_LEN(first) && first[at].k == k;
        cr_expect_eq(s.t[k], listed ? first[at].t : 0, "t[%zu]", k);
        at += listed;
    }
    const u256_t norm2 = sketch_norm2(&s);
    const u256_t want_norm2 = u256_from_u64(1162);
    cr_expect(u256_eq(&norm2, &want_norm2));

    uint8_t packed[SKETCH_PACKED_LEN];
    sketch_pack(packed, &s);
    const hash_t h = keccak256(bytes_make(packed, sizeof packed));
    const hash_t want =
        hash_of_hex("9be4003848b3dcb25ad582941fd09139adce1692958e69472b817eed0120c0ac");
    cr_expect(hash_eq(&h, &want));
}

/// Runs jobs in order, on this thread: what matters is how the work is cut.
static void run_in_order(void *ctx, size_t count, void (*fn)(void *, size_t), void *arg)
{
    *(size_t *)ctx += count;
    for (size_t i = count; i > 0; i--) fn(arg, i - 1);
}

/// Goal: cutting the work into jobs changes nothing, and the map is linear.
Test(fed_sketch, jobs_and_linearity)
{
    enum { D = 200003 };
    static int16_t u[D], v[D];
    static int32_t sum[D];
    uint64_t state = 7;
    for (size_t j = 0; j < D; j++) {
        u[j] = (int16_t)((int64_t)(next_random(&state) % 65535) - 32767);
        v[j] = (int16_t)((int64_t)(next_random(&state) % 65535) - 32767);
        sum[j] = 3 * (int32_t)u[j] + 64 * (int32_t)v[j];
    }
    const hash_t seed = keccak256(LIT("jobs"));
    struct sketch plain, cut, other, total;
    sketch_of_update(&plain, &seed, u, D, NULL);
    size_t count = 0;
    const struct jobs jobs = {run_in_order, &count};
    sketch_of_update(&cut, &seed, u, D, &jobs);
    cr_expect_gt(count, 1);
    cr_expect_arr_eq(plain.t, cut.t, sizeof plain.t);

    sketch_of_update(&other, &seed, v, D, NULL);
    sketch_of_aggregate(&total, &seed, sum, D, &jobs);
    struct sketch combined = {{0}};
    sketch_add(&combined, &plain, 3);
    sketch_add(&combined, &other, 64);
    cr_expect_arr_eq(total.t, combined.t, sizeof total.t);
}

/// Goal: packing is inverted by unpacking, and only 2048 bytes unpack.
Test(fed_sketch, unpack)
{
    struct sketch s, back;
    uint64_t state = 3;
    for (size_t k = 0; k < SKETCH_LEN; k++) s.t[k] = (int64_t)next_random(&state);
    s.t[0] = INT64_MIN;
    s.t[255] = INT64_MAX;
    uint8_t packed[SKETCH_PACKED_LEN + 1] = {0};
    sketch_pack(packed, &s);
    cr_assert(err_ok(sketch_unpack(&back, bytes_make(packed, SKETCH_PACKED_LEN))));
    cr_expect_arr_eq(s.t, back.t, sizeof s.t);
    const struct sketch before = back;
    cr_expect_eq(sketch_unpack(&back, bytes_make(packed, SKETCH_PACKED_LEN + 1)).kind,
                 ERR_MALFORMED);
    cr_expect_eq(sketch_unpack(&back, bytes_make(packed, SKETCH_PACKED_LEN - 1)).kind,
                 ERR_MALFORMED);
    cr_expect_eq(sketch_unpack(&back, BYTES_NONE).kind, ERR_MALFORMED);
    cr_expect_arr_eq(before.t, back.t, sizeof back.t, "moved on failure");
}

/// Goal: distances of the most extreme sketches are exact: 256 * (2^64 - 1)^2.
Test(fed_sketch, extreme_distance)
{
    struct sketch low, high;
    for (size_t k = 0; k < SKETCH_LEN; k++) {
        low.t[k] = INT64_MIN;
        high.t[k] = INT64_MAX;
    }
    const u256_t d = sketch_distance2(&low, &high);
    // (2^64 - 1)^2 * 2^8 = (2^128 - 2^65 + 1) * 2^8
    const u256_t want = {{256, (uint64_t)0 - 512, 255, 0}};
    cr_expect(u256_eq(&d, &want), "%s", u256_dec(&d).s);
    const u256_t back = sketch_distance2(&high, &low);
    cr_expect(u256_eq(&back, &want));
    const u256_t norm2 = sketch_norm2(&low); // 2^126 * 2^8
    const u256_t want_norm2 = {{0, 0, 64, 0}};
    cr_expect(u256_eq(&norm2, &want_norm2), "%s", u256_dec(&norm2).s);
}

/// Goal: the norm bound 10 * C^2 is inclusive.
Test(fed_sketch, norm_bound)
{
    struct sketch s = {{0}};
    s.t[3] = 3;
    s.t[200] = -1; // 10
    cr_expect(sketch_norm_ok(&s, 1));
    s.t[4] = 1; // 11
    cr_expect_not(sketch_norm_ok(&s, 1));
    cr_expect(sketch_norm_ok(&s, 2));
    cr_expect_not(sketch_norm_ok(&s, 0));
    for (size_t k = 0; k < SKETCH_LEN; k++) s.t[k] = INT64_MIN;
    cr_expect_not(sketch_norm_ok(&s, (uint64_t)1 << 62));
    for (size_t k = 0; k < SKETCH_LEN; k++) s.t[k] = INT64_MAX / 32;
    cr_expect(sketch_norm_ok(&s, UINT64_MAX));
}

/// Sketches with one coordinate each: distances are squares of differences.
static void place(struct sketch *s, const int64_t *x, size_t n)
{
    memset(s, 0, n * sizeof *s);
    for (size_t i = 0; i < n; i++) s[i].t[5] = x[i];
}

/// Goal: every rule of selection has a row that shows it.
static const struct {
    const char *name;
    enum fed_policy policy;
    unsigned f;
    size_t n;
    int64_t x[8];
    enum err_kind kind;
    uint64_t accepted, duplicate;
} cases[] = {
    {"FedAvg takes all", FED_POLICY_FEDAVG, 0, 3, {0, 10, 25}, ERR_NONE, 7, 0},
    {"FedAvg of one", FED_POLICY_FEDAVG, 0, 1, {5}, ERR_NONE, 1, 0},
    {"FedAvg of none", FED_POLICY_FEDAVG, 0, 0, {0}, ERR_INVALID, 0, 0},
    {"a copy loses to the earlier", FED_POLICY_FEDAVG, 0, 4, {0, 100, 300, 100}, ERR_NONE, 7, 8},
    // 64 * 1 < median(100^2, ...) holds for a chain of copies of one another.
    {"near is enough", FED_POLICY_FEDAVG, 0, 4, {0, 1, 300, 700}, ERR_NONE, 13, 2},
    // lower median of 100 x 100 x 64 x 64 ... : 64 * D == median is not below it
    {"equal to the bound stays", FED_POLICY_FEDAVG, 0, 3, {0, 1, 8}, ERR_NONE, 7, 0},
    {"all equal: the median is 0, nobody is below",
     FED_POLICY_FEDAVG,
     0,
     3,
     {4, 4, 4},
     ERR_NONE,
     7,
     0},
    {"Krum drops the outlier", FED_POLICY_MULTIKRUM, 1, 5, {10, 12, 14, 16, 90}, ERR_NONE, 15, 0},
    {"Krum: of equal scores the later goes",
     FED_POLICY_MULTIKRUM,
     1,
     5,
     {0, 10, 20, 30, 40},
     ERR_NONE,
     15,
     0},
    {"Krum with f = 0 keeps all", FED_POLICY_MULTIKRUM, 0, 3, {0, 100, 300}, ERR_NONE, 7, 0},
    {"Krum needs 2f + 3", FED_POLICY_MULTIKRUM, 1, 4, {0, 10, 20, 30}, ERR_INVALID, 0, 0},
    {"duplicates do not count towards 2f + 3",
     FED_POLICY_MULTIKRUM,
     1,
     5,
     {0, 100, 200, 300, 300},
     ERR_INVALID,
     0,
     0},
    {"Krum among what is left",
     FED_POLICY_MULTIKRUM,
     1,
     6,
     {0, 300, 600, 900, 1500, 1500},
     ERR_NONE,
     15,
     32},
};

Test(fed_sketch, select)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sketch s[8];
        place(s, cases[i].x, cases[i].n);
        const uint32_t weights[8] = {11, 12, 13, 14, 15, 16, 17, 18};
        struct fed_selection sel;
        memset(&sel, 0x5a, sizeof sel);
        const err_t err = fed_select(&sel, cases[i].policy, cases[i].f, cases[i].n, s, weights);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].name, err_text(err));
        if (cases[i].kind != ERR_NONE) {
            cr_expect_eq(sel.accepted, 0x5a5a5a5a5a5a5a5au, "%s: moved", cases[i].name);
            continue;
        }
        cr_expect_eq(sel.accepted, cases[i].accepted, "%s: %lx", cases[i].name, sel.accepted);
        cr_expect_eq(sel.duplicate, cases[i].duplicate, "%s: %lx", cases[i].name, sel.duplicate);
        for (size_t k = 0; k < cases[i].n; k++) {
            const bool in = (cases[i].accepted >> k & 1) != 0;
            cr_expect_eq(sel.weight[k], in ? weights[k] : 0, "%s", cases[i].name);
        }
    }
}

/// Goal: a score is the sum of the n - f - 2 nearest; more inputs than bits are refused.
Test(fed_sketch, scores_and_limit)
{
    struct sketch s[5];
    place(s, (const int64_t[]){0, 10, 20, 30, 100}, 5);
    const uint32_t weights[FED_INPUTS_MAX + 1] = {1, 1, 1, 1, 1};
    struct fed_selection sel;
    cr_assert(err_ok(fed_select(&sel, FED_POLICY_MULTIKRUM, 1, 5, s, weights)));
    const uint64_t want[] = {100 + 400, 100 + 100, 100 + 100, 100 + 400, 4900 + 6400};
    for (size_t i = 0; i < 5; i++) {
        const u256_t w = u256_from_u64(want[i]);
        cr_expect(u256_eq(&sel.score[i], &w), "%zu: %s", i, u256_dec(&sel.score[i]).s);
    }
    static struct sketch many[FED_INPUTS_MAX + 1];
    cr_expect_eq(fed_select(&sel, FED_POLICY_FEDAVG, 0, FED_INPUTS_MAX + 1, many, weights).kind,
                 ERR_LIMIT);
    cr_expect(err_ok(fed_select(&sel, FED_POLICY_FEDAVG, 0, FED_INPUTS_MAX, many, weights)));
    cr_expect_eq(sel.accepted, UINT64_MAX);
}
