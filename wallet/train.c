// SPDX-License-Identifier: Apache-2.0
#include "wallet/train.h"

#include "chain/base/endian.h"
#include "chain/crypto/digest.h"
#include "chain/fed/aggregate.h"

#include <stdlib.h>

#define ONE 65536 ///< 1 in Q16
#define BOOST 20

/// Where each tensor begins in the vector: the order of sorted names.
enum {
    FC1_BIAS = 0,
    FC1_WEIGHT = TRAIN_HIDDEN,
    FC2_BIAS = FC1_WEIGHT + TRAIN_FEATURES * TRAIN_HIDDEN,
    FC2_WEIGHT
};

// ---- data --------------------------------------------------------------------------------

static const unsigned hospital_rows[TRAIN_HOSPITALS] = {95, 80, 70, 65, 55, 50, 40};
#define TRAINING_ROWS 455 ///< sum of the above; the evaluators' rows follow
#define EVALUATOR_ROWS 38

/// A line of the file with its place in the public order.
struct line {
    hash_t key;
    bytes_t text;
};

static int compare_line(const void *a, const void *b)
{
    const struct line *x = a;
    const struct line *y = b;
    return hash_cmp(&x->key, &y->key);
}

/// A decimal number such as "0.0842" times 10^9, and moves past it.
static err_t take_decimal(bytes_t *text, int64_t *out)
{
    int64_t v = 0;
    int decimals = -1; // before the point
    size_t digits = 0;
    size_t i = 0;
    for (; i < text->len && text->data[i] != ','; i++) {
        const uint8_t c = text->data[i];
        if (c == '.' && decimals < 0) {
            decimals = 0;
            continue;
        }
        if (c < '0' || c > '9') return FAIL(MALFORMED, "data: a field is not a decimal number");
        if (decimals >= 9 || digits >= 9) {
            return FAIL(MALFORMED, "data: a number has more than nine digits");
        }
        v = v * 10 + (c - '0');
        digits++;
        if (decimals >= 0) decimals++;
    }
    if (digits == 0) return FAIL(MALFORMED, "data: a field is empty");
    for (int k = decimals < 0 ? 0 : decimals; k < 9; k++) v *= 10;
    *out = v;
    if (i < text->len) i++; // the comma
    *text = bytes_make(text->data + i, text->len - i);
    return OK;
}

/// Cuts the next line, without its line feed, off `text`.
static bytes_t take_line(bytes_t *text)
{
    if (text->len == 0) return *text;
    const uint8_t *nl = memchr(text->data, '\n', text->len);
    const size_t len = nl != NULL ? (size_t)(nl - text->data) : text->len;
    const bytes_t line = bytes_make(text->data, len);
    const size_t skip = nl != NULL ? len + 1 : len;
    *text = bytes_make(text->data + skip, text->len - skip);
    return line;
}

static err_t parse_lines(struct line line[TRAIN_ROWS], bytes_t csv)
{
    (void)take_line(&csv); // counts and class names
    for (size_t i = 0; i < TRAIN_ROWS; i++) {
        if (csv.len == 0) return FAIL(MALFORMED, "data: fewer than 569 rows");
        line[i].text = take_line(&csv);
        line[i].key = sha256(line[i].text);
    }
    if (csv.len != 0) return FAIL(MALFORMED, "data: more than 569 rows");
    qsort(line, TRAIN_ROWS, sizeof line[0], compare_line);
    return OK;
}

err_t train_load(struct train_data *out, bytes_t csv)
{
    struct line line[TRAIN_ROWS];
    TRY(parse_lines(line, csv));

    static const int64_t scale = 4096;
    int64_t v[TRAIN_ROWS][TRAIN_FEATURES];
    for (size_t i = 0; i < TRAIN_ROWS; i++) {
        bytes_t rest = line[i].text;
        for (size_t j = 0; j < TRAIN_FEATURES; j++) TRY(take_decimal(&rest, &v[i][j]));
        if (!bytes_eq(rest, LIT("0")) && !bytes_eq(rest, LIT("1"))) {
            return FAIL(MALFORMED, "data: a row does not end with class 0 or 1");
        }
        out->row[i].malignant = rest.data[0] == '0';
    }
    for (size_t j = 0; j < TRAIN_FEATURES; j++) {
        int64_t min = v[0][j];
        int64_t max = v[0][j];
        for (size_t i = 1; i < TRAIN_ROWS; i++) {
            if (v[i][j] < min) min = v[i][j];
            if (v[i][j] > max) max = v[i][j];
        }
        if (min == max) return FAIL(MALFORMED, "data: a feature is the same in all rows");
        for (size_t i = 0; i < TRAIN_ROWS; i++) {
            out->row[i].x[j] = (int32_t)((v[i][j] - min) * scale / (max - min));
        }
    }
    return OK;
}

struct train_set train_hospital(const struct train_data *data, unsigned hospital)
{
    check(hospital < TRAIN_HOSPITALS);
    size_t from = 0;
    for (unsigned i = 0; i < hospital; i++) from += hospital_rows[i];
    return (struct train_set){data->row + from, hospital_rows[hospital]};
}

struct train_set train_evaluator(const struct train_data *data, unsigned evaluator)
{
    check(evaluator < TRAIN_EVALUATORS);
    const size_t from = TRAINING_ROWS + (size_t)evaluator * EVALUATOR_ROWS;
    return (struct train_set){data->row + from, EVALUATOR_ROWS};
}

struct train_set train_all_evaluators(const struct train_data *data)
{
    return (struct train_set){data->row + TRAINING_ROWS, TRAIN_ROWS - TRAINING_ROWS};
}

struct train_set train_all_hospitals(const struct train_data *data)
{
    return (struct train_set){data->row, TRAINING_ROWS};
}

uint32_t train_weight(struct train_set rows)
{
    return rows.count < 64 ? (uint32_t)rows.count : 64;
}

// ---- the network ----------------------------------------------------------------------------

void train_init(int32_t w[TRAIN_DIM])
{
    memset(w, 0, TRAIN_DIM * sizeof *w);
    const size_t weights = (size_t)TRAIN_FEATURES * TRAIN_HIDDEN;
    const size_t second = weights + TRAIN_HIDDEN; // index of fc2.weight's first draw
    uint8_t input[] = "cairn-demo-init....";
    const size_t prefix = sizeof "cairn-demo-init" - 1;
    for (uint32_t i = 0; (size_t)i * 16 < second + TRAIN_HIDDEN; i++) {
        be_put_u32(input + prefix, i);
        const hash_t h = sha256(bytes_make(input, prefix + 4));
        for (size_t k = 0; k < 16; k++) {
            const int16_t s = (int16_t)(h.b[2 * k] << 8 | h.b[2 * k + 1]);
            const size_t n = (size_t)i * 16 + k;
            if (n < weights)
                w[FC1_WEIGHT + n] = s >> 2;
            else if (n >= second && n < second + TRAIN_HIDDEN)
                w[FC2_WEIGHT + n - second] = s >> 2;
        }
    }
}

/// z1 and the prediction p of one row. All shifts are arithmetic: towards minus infinity.
static int64_t forward(int64_t z1[TRAIN_HIDDEN], const int64_t w[TRAIN_DIM],
                       const struct train_row *row)
{
    for (size_t k = 0; k < TRAIN_HIDDEN; k++) z1[k] = 0;
    for (size_t j = 0; j < TRAIN_FEATURES; j++) {
        const int64_t x = row->x[j];
        const int64_t *w1 = w + FC1_WEIGHT + j * TRAIN_HIDDEN;
        for (size_t k = 0; k < TRAIN_HIDDEN; k++) z1[k] += x * w1[k];
    }
    int64_t z2 = 0;
    for (size_t k = 0; k < TRAIN_HIDDEN; k++) {
        z1[k] = (z1[k] >> 12) + w[FC1_BIAS + k];
        if (z1[k] > 0) z2 += z1[k] * w[FC2_WEIGHT + k];
    }
    z2 = (z2 >> 16) + w[FC2_BIAS];
    const int64_t p = ONE / 2 + (z2 >> 2);
    return p < 0 ? 0 : p > ONE ? ONE : p;
}

#define ROWS_PER_JOB 16
#define JOBS_MAX ((TRAIN_ROWS + ROWS_PER_JOB - 1) / ROWS_PER_JOB)

/// Gradients over one job's rows, before the shifts that follow the sum.
struct gradient {
    int64_t g[TRAIN_DIM];
};

struct step {
    const int64_t *w;
    struct train_set rows;
    bool flip;
    struct gradient *part; ///< one per job
};

static void run_step_job(void *arg, size_t i)
{
    const struct step *step = arg;
    int64_t *g = step->part[i].g;
    memset(g, 0, sizeof step->part[i].g);

    const size_t from = i * ROWS_PER_JOB;
    const size_t left = step->rows.count - from;
    const size_t count = left < ROWS_PER_JOB ? left : ROWS_PER_JOB;
    for (size_t r = 0; r < count; r++) {
        const struct train_row *row = &step->rows.row[from + r];
        int64_t z1[TRAIN_HIDDEN];
        const int64_t p = forward(z1, step->w, row);
        const int64_t e = p - (row->malignant != step->flip ? ONE : 0);

        g[FC2_BIAS] += e;
        int64_t dh[TRAIN_HIDDEN];
        for (size_t k = 0; k < TRAIN_HIDDEN; k++) {
            const bool active = z1[k] > 0;
            g[FC2_WEIGHT + k] += active ? z1[k] * e : 0;
            dh[k] = active ? (e * step->w[FC2_WEIGHT + k]) >> 16 : 0;
            g[FC1_BIAS + k] += dh[k];
        }
        for (size_t j = 0; j < TRAIN_FEATURES; j++) {
            const int64_t x = row->x[j];
            int64_t *g1 = g + FC1_WEIGHT + j * TRAIN_HIDDEN;
            for (size_t k = 0; k < TRAIN_HIDDEN; k++) g1[k] += x * dh[k];
        }
    }
}

static int64_t floor_div(int64_t a, int64_t b)
{
    const int64_t q = a / b;
    return q * b > a ? q - 1 : q;
}

/// One full-batch step; all gradients use the weights from before it.
static void take_step(int64_t w[TRAIN_DIM], const struct step *step, const struct jobs *jobs)
{
    const size_t count = (step->rows.count + ROWS_PER_JOB - 1) / ROWS_PER_JOB;
    jobs_run(jobs, count, run_step_job, (void *)step);

    int64_t *g = step->part[0].g;
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < TRAIN_DIM; j++) g[j] += step->part[i].g[j];
    }
    for (size_t j = FC1_WEIGHT; j < FC2_BIAS; j++) g[j] >>= 12;
    for (size_t j = FC2_WEIGHT; j < TRAIN_DIM; j++) g[j] >>= 16;
    const int64_t n = (int64_t)step->rows.count;
    for (size_t j = 0; j < TRAIN_DIM; j++) w[j] -= floor_div(g[j], n);
}

/// While weights stay below this, no sum leaves int64: |z1| < 2^30, |z1 * W2| summed over 64
/// units < 2^60, gradients over 569 rows < 2^56.
#define WEIGHT_BOUND ((int64_t)1 << 24)

static err_t train_wide(int64_t wide[TRAIN_DIM], const int32_t w[TRAIN_DIM], struct train_set rows,
                        unsigned steps, bool flip_labels, const struct jobs *jobs)
{
    check(rows.count > 0 && rows.count <= TRAIN_ROWS);
    for (size_t j = 0; j < TRAIN_DIM; j++) wide[j] = w[j];

    struct gradient *part = calloc(JOBS_MAX, sizeof *part);
    if (part == NULL) return FAIL(FULL, "train: no memory for gradients");
    const struct step step = {.w = wide, .rows = rows, .flip = flip_labels, .part = part};
    err_t err = OK;
    for (unsigned s = 0; s < steps && err_ok(err); s++) {
        for (size_t j = 0; j < TRAIN_DIM; j++) {
            if (wide[j] > WEIGHT_BOUND || wide[j] < -WEIGHT_BOUND) {
                err = FAIL(LIMIT, "train: a weight is above 256: this is not the demo's model");
            }
        }
        if (err_ok(err)) take_step(wide, &step, jobs);
    }
    free(part);
    return err;
}

err_t train_steps(int32_t w_new[TRAIN_DIM], const int32_t w[TRAIN_DIM], struct train_set rows,
                  unsigned steps, bool flip_labels, const struct jobs *jobs)
{
    int64_t wide[TRAIN_DIM];
    TRY(train_wide(wide, w, rows, steps, flip_labels, jobs));
    for (size_t j = 0; j < TRAIN_DIM; j++) {
        if (wide[j] < INT32_MIN || wide[j] > INT32_MAX) {
            return FAIL(LIMIT, "train: a weight does not fit int32");
        }
    }
    for (size_t j = 0; j < TRAIN_DIM; j++) w_new[j] = (int32_t)wide[j];
    return OK;
}

static int16_t clip(int64_t delta)
{
    if (delta < -UPDATE_CLIP) return -UPDATE_CLIP;
    return (int16_t)(delta > UPDATE_CLIP ? UPDATE_CLIP : delta);
}

err_t train_update(int16_t u[TRAIN_DIM], const int32_t w[TRAIN_DIM], struct train_set rows,
                   const struct jobs *jobs)
{
    int64_t wide[TRAIN_DIM];
    TRY(train_wide(wide, w, rows, TRAIN_STEPS, false, jobs));
    for (size_t j = 0; j < TRAIN_DIM; j++) u[j] = clip(wide[j] - w[j]);
    return OK;
}

err_t train_poison(int16_t u[TRAIN_DIM], const int32_t w[TRAIN_DIM], struct train_set rows,
                   const struct jobs *jobs)
{
    int64_t wide[TRAIN_DIM];
    TRY(train_wide(wide, w, rows, TRAIN_STEPS, true, jobs));
    for (size_t j = 0; j < TRAIN_DIM; j++) u[j] = clip(BOOST * (wide[j] - w[j]));
    return OK;
}

struct train_metrics train_evaluate(const int32_t w[TRAIN_DIM], struct train_set rows)
{
    int64_t wide[TRAIN_DIM];
    for (size_t j = 0; j < TRAIN_DIM; j++) wide[j] = w[j];

    struct train_metrics m = {.n = (uint32_t)rows.count};
    for (size_t r = 0; r < rows.count; r++) {
        const struct train_row *row = &rows.row[r];
        int64_t z1[TRAIN_HIDDEN];
        const int64_t p = forward(z1, wide, row);
        const bool predicted = p >= ONE / 2;
        const int64_t e = p - (row->malignant ? ONE : 0);
        m.correct += predicted == row->malignant;
        m.malignant += row->malignant;
        m.malignant_found += predicted && row->malignant;
        m.brier_q16 += (uint64_t)(e * e) >> 16;
    }
    return m;
}

struct st_file train_shape(void)
{
    static const struct st_tensor tensors[] = {
        {.name = {(const uint8_t *)"fc1.bias", 8},
         .dtype = ST_I32,
         .rank = 1,
         .shape = {TRAIN_HIDDEN},
         .count = TRAIN_HIDDEN},
        {.name = {(const uint8_t *)"fc1.weight", 10},
         .dtype = ST_I32,
         .rank = 2,
         .shape = {TRAIN_FEATURES, TRAIN_HIDDEN},
         .count = (uint64_t)TRAIN_FEATURES * TRAIN_HIDDEN},
        {.name = {(const uint8_t *)"fc2.bias", 8},
         .dtype = ST_I32,
         .rank = 1,
         .shape = {1},
         .count = 1},
        {.name = {(const uint8_t *)"fc2.weight", 10},
         .dtype = ST_I32,
         .rank = 1,
         .shape = {TRAIN_HIDDEN},
         .count = TRAIN_HIDDEN},
    };
    return (struct st_file){tensors, ARRAY_LEN(tensors)};
}
