// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/sketch.h"

#include "chain/base/endian.h"
#include "chain/crypto/keccak.h"

#include <stdlib.h>

#define ROWS 8
#define BUCKETS 32
#define COORDS_PER_HASH 5
#define HASHES_PER_BATCH 32

// ---- sketching ---------------------------------------------------------------------------

/// Coordinates of either width, so that one loop serves updates and aggregates.
struct coords {
    const int16_t *i16; ///< or NULL
    const int32_t *i32;
    size_t d;
};

static int64_t coord(const struct coords *c, size_t j)
{
    return c->i16 != NULL ? c->i16[j] : c->i32[j];
}

/// Adds coordinates [from, to) to `t`; `from` is a multiple of COORDS_PER_HASH.
static void sketch_range(int64_t t[SKETCH_LEN], const hash_t *seed, const struct coords *c,
                         size_t from, size_t to)
{
    uint8_t input[HASHES_PER_BATCH][64];
    bytes_t view[HASHES_PER_BATCH];
    hash_t digest[HASHES_PER_BATCH];
    for (size_t i = 0; i < HASHES_PER_BATCH; i++) {
        memset(input[i], 0, sizeof input[i]);
        memcpy(input[i], seed->b, sizeof seed->b);
        view[i] = bytes_make(input[i], sizeof input[i]);
    }

    for (size_t j = from; j < to;) {
        const size_t left = (to - j + COORDS_PER_HASH - 1) / COORDS_PER_HASH;
        const size_t hashes = left < HASHES_PER_BATCH ? left : HASHES_PER_BATCH;
        for (size_t i = 0; i < hashes; i++) be_put_u64(input[i] + 56, j / COORDS_PER_HASH + i);
        keccak256_many(digest, view, hashes);

        for (size_t i = 0; i < hashes; i++) {
            for (unsigned s = 0; s < COORDS_PER_HASH && j < to; s++, j++) {
                const uint8_t *p = digest[i].b + (size_t)6 * s;
                const uint64_t slice = (uint64_t)p[0] << 40 | (uint64_t)p[1] << 32 |
                                       (uint64_t)p[2] << 24 | (uint64_t)p[3] << 16 |
                                       (uint64_t)p[4] << 8 | p[5];
                const int64_t u = coord(c, j);
                for (unsigned r = 0; r < ROWS; r++) {
                    const unsigned field = (unsigned)(slice >> (42 - 6 * r)) & 63;
                    const int64_t minus = -(int64_t)(field >> 5);
                    t[BUCKETS * r + (field & 31)] += (u ^ minus) - minus;
                }
            }
        }
    }
}

#define JOBS_MAX 16
#define COORDS_PER_JOB_MIN 65536

struct sketch_job {
    const hash_t *seed;
    struct coords coords;
    size_t per_job;
    struct sketch part[JOBS_MAX];
};

static void run_sketch_job(void *arg, size_t i)
{
    struct sketch_job *job = arg;
    const size_t from = i * job->per_job;
    const size_t end = from + job->per_job;
    sketch_range(job->part[i].t, job->seed, &job->coords, from,
                 end < job->coords.d ? end : job->coords.d);
}

static void sketch_coords(struct sketch *out, const hash_t *seed, const struct coords *c,
                          const struct jobs *jobs)
{
    check(c->d <= UPDATE_DIM_MAX);
    memset(out, 0, sizeof *out);
    if (jobs == NULL || c->d < 2 * (size_t)COORDS_PER_JOB_MIN) {
        sketch_range(out->t, seed, c, 0, c->d);
        return;
    }
    struct sketch_job job = {.seed = seed, .coords = *c};
    size_t per_job = (c->d + JOBS_MAX - 1) / JOBS_MAX;
    if (per_job < COORDS_PER_JOB_MIN) per_job = COORDS_PER_JOB_MIN;
    per_job = (per_job + COORDS_PER_HASH - 1) / COORDS_PER_HASH * COORDS_PER_HASH;
    job.per_job = per_job;

    const size_t count = (c->d + per_job - 1) / per_job;
    jobs_run(jobs, count, run_sketch_job, &job);
    for (size_t i = 0; i < count; i++) sketch_add(out, &job.part[i], 1);
}

void sketch_of_update(struct sketch *out, const hash_t *seed, const int16_t *u, size_t d,
                      const struct jobs *jobs)
{
    sketch_coords(out, seed, &(struct coords){.i16 = u, .d = d}, jobs);
}

void sketch_of_aggregate(struct sketch *out, const hash_t *seed, const int32_t *a, size_t d,
                         const struct jobs *jobs)
{
    sketch_coords(out, seed, &(struct coords){.i32 = a, .d = d}, jobs);
}

void sketch_add(struct sketch *out, const struct sketch *in, uint32_t weight)
{
    for (size_t k = 0; k < SKETCH_LEN; k++) {
        out->t[k] = (int64_t)((uint64_t)out->t[k] + (uint64_t)in->t[k] * weight);
    }
}

void sketch_pack(uint8_t out[SKETCH_PACKED_LEN], const struct sketch *s)
{
    for (size_t k = 0; k < SKETCH_LEN; k++) be_put_u64(out + 8 * k, (uint64_t)s->t[k]);
}

err_t sketch_unpack(struct sketch *out, bytes_t packed)
{
    if (packed.len != SKETCH_PACKED_LEN) {
        return FAIL(MALFORMED, "sketch: not 256 integers of 8 bytes");
    }
    for (size_t k = 0; k < SKETCH_LEN; k++) out->t[k] = (int64_t)be_get_u64(packed.data + 8 * k);
    return OK;
}

// ---- norms -------------------------------------------------------------------------------

/// sum += v * v
static void add_square(u256_t *sum, uint64_t v)
{
    const unsigned __int128 sq = (unsigned __int128)v * v;
    const u256_t wide = {{(uint64_t)sq, (uint64_t)(sq >> 64), 0, 0}};
    (void)u256_add(sum, sum, &wide); // 256 squares of 64 bits stay below 2^136
}

u256_t sketch_norm2(const struct sketch *s)
{
    u256_t sum = {{0}};
    for (size_t k = 0; k < SKETCH_LEN; k++) {
        const int64_t v = s->t[k];
        add_square(&sum, v < 0 ? -(uint64_t)v : (uint64_t)v);
    }
    return sum;
}

u256_t sketch_distance2(const struct sketch *a, const struct sketch *b)
{
    u256_t sum = {{0}};
    for (size_t k = 0; k < SKETCH_LEN; k++) {
        // The difference of two int64 has up to 64 bits of magnitude: unsigned holds it.
        const int64_t x = a->t[k];
        const int64_t y = b->t[k];
        add_square(&sum, x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x);
    }
    return sum;
}

bool sketch_norm_ok(const struct sketch *s, uint64_t clip)
{
    // 8 * C^2 * 5/4 is 10 * C^2.
    u256_t c2 = {{0}};
    add_square(&c2, clip);
    const u256_t ten = u256_from_u64(10);
    const u256_t bound = u256_mul(&c2, &ten);
    const u256_t norm2 = sketch_norm2(s);
    return !u256_lt(&bound, &norm2);
}

// ---- selection ---------------------------------------------------------------------------

static int compare_u256(const void *a, const void *b)
{
    return u256_cmp(a, b);
}

/// Squared distances of all pairs i < j, at [i * n + j] and [j * n + i].
struct distances {
    size_t n;
    u256_t d[FED_INPUTS_MAX * FED_INPUTS_MAX];
    u256_t sorted[FED_INPUTS_MAX * FED_INPUTS_MAX / 2];
};

static void measure(struct distances *m, size_t n, const struct sketch *sketches)
{
    m->n = n;
    for (size_t i = 0; i < n; i++) {
        m->d[i * n + i] = u256_from_u64(0);
        for (size_t j = i + 1; j < n; j++) {
            const u256_t d = sketch_distance2(&sketches[i], &sketches[j]);
            m->d[i * n + j] = d;
            m->d[j * n + i] = d;
        }
    }
}

/// Bits of the inputs that are as good as equal to an earlier one that stays.
static uint64_t near_duplicates(struct distances *m)
{
    const size_t n = m->n;
    if (n < 2) return 0;
    size_t pairs = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) m->sorted[pairs++] = m->d[i * n + j];
    }
    qsort(m->sorted, pairs, sizeof m->sorted[0], compare_u256);
    const u256_t median = m->sorted[(pairs - 1) / 2];

    uint64_t duplicate = 0;
    for (size_t j = 1; j < n; j++) {
        for (size_t i = 0; i < j; i++) {
            if ((duplicate >> i & 1) != 0) continue;
            const u256_t scaled = u256_shl(&m->d[i * n + j], 6);
            if (u256_lt(&scaled, &median)) {
                duplicate |= (uint64_t)1 << j;
                break;
            }
        }
    }
    return duplicate;
}

/// Sum of the `nearest` smallest distances from `i` to the others that stay.
static u256_t krum_score(const struct distances *m, size_t i, uint64_t duplicate, size_t nearest)
{
    u256_t row[FED_INPUTS_MAX] = {{{0}}};
    size_t count = 0;
    for (size_t j = 0; j < m->n; j++) {
        if (j != i && (duplicate >> j & 1) == 0) row[count++] = m->d[i * m->n + j];
    }
    qsort(row, count, sizeof row[0], compare_u256);
    u256_t sum = {{0}};
    for (size_t k = 0; k < nearest; k++) (void)u256_add(&sum, &sum, &row[k]); // below 2^142
    return sum;
}

size_t fed_policy_min_inputs(enum fed_policy policy, unsigned f)
{
    switch (policy) {
    case FED_POLICY_FEDAVG:
        return 1;
    case FED_POLICY_MULTIKRUM:
        return 2 * (size_t)f + 3;
    }
    unreachable("fed_policy");
}

err_t fed_select(struct fed_selection *out, enum fed_policy policy, unsigned f, size_t n,
                 const struct sketch *sketches, const uint32_t *weights)
{
    if (n > FED_INPUTS_MAX) return FAIL(LIMIT, "selection: more than 64 inputs");

    struct distances m;
    measure(&m, n, sketches);
    const uint64_t duplicate = near_duplicates(&m);
    const size_t left = n - (size_t)__builtin_popcountll(duplicate);
    if (left < fed_policy_min_inputs(policy, f)) {
        return FAIL(INVALID, "selection: too few inputs for the policy");
    }

    struct fed_selection sel = {.duplicate = duplicate};
    for (size_t i = 0; i < n; i++) {
        if ((duplicate >> i & 1) != 0) {
            memset(&sel.score[i], 0xff, sizeof sel.score[i]);
        } else if (policy == FED_POLICY_MULTIKRUM) {
            sel.score[i] = krum_score(&m, i, duplicate, left - f - 2);
        }
    }

    // The lowest scores win, the earlier commit where they are equal.
    const size_t keep = policy == FED_POLICY_MULTIKRUM ? left - f : left;
    for (size_t k = 0; k < keep; k++) {
        size_t best = n;
        for (size_t i = 0; i < n; i++) {
            if (((duplicate | sel.accepted) >> i & 1) != 0) continue;
            if (best == n || u256_lt(&sel.score[i], &sel.score[best])) best = i;
        }
        sel.accepted |= (uint64_t)1 << best;
        sel.weight[best] = weights[best];
    }
    *out = sel;
    return OK;
}
