// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The demonstration's trainer (demo.md, sections 2 and 3): a 30-64-1 network on the breast
/// cancer data, all in integers, so that whoever runs it gets the same bytes.
///
///     x[30] --W1--> z1[64] --max(0)--> h --W2--> z2 --clamp--> p, malignant if >= 1/2
///
/// Vector order is that of the file: fc1.bias, fc1.weight, fc2.bias, fc2.weight.

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/jobs.h"
#include "chain/fed/safetensors.h"

#define TRAIN_FEATURES 30
#define TRAIN_HIDDEN 64
#define TRAIN_DIM (TRAIN_HIDDEN + TRAIN_FEATURES * TRAIN_HIDDEN + 1 + TRAIN_HIDDEN) ///< 2049
#define TRAIN_STEPS 20 ///< gradient steps of one round
#define TRAIN_ROWS 569
#define TRAIN_HOSPITALS 7
#define TRAIN_EVALUATORS 3

/// One patient: features in 0..4096, and the diagnosis.
struct train_row {
    int32_t x[TRAIN_FEATURES];
    bool malignant;
};

/// The whole file in its public order (by sha256 of the line).
struct train_data {
    struct train_row row[TRAIN_ROWS];
};

/// Consecutive rows that belong to one party.
struct train_set {
    const struct train_row *row;
    size_t count;
};

/// Reads the CSV text of the data set.
/// @return ERR_MALFORMED, naming what is wrong with its lines.
MUST_USE err_t train_load(struct train_data *out, bytes_t csv);

/// Rows of hospital 0..6 (A..G), of evaluator 0..2 (E1..E3), of all evaluators, of all.
struct train_set train_hospital(const struct train_data *data, unsigned hospital);
struct train_set train_evaluator(const struct train_data *data, unsigned evaluator);
struct train_set train_all_evaluators(const struct train_data *data);
struct train_set train_all_hospitals(const struct train_data *data);

/// Declared weight of a hospital: min(rows, 64).
uint32_t train_weight(struct train_set rows);

/// The genesis model.
void train_init(int32_t w[TRAIN_DIM]);

/// `steps` gradient steps from `w`.
/// @param flip_labels  train on 1 - y
/// @param jobs         cores to use; NULL: the caller's alone. The result is the same.
/// @return ERR_LIMIT if a weight leaves int32 (no honest training does).
MUST_USE err_t train_steps(int32_t w_new[TRAIN_DIM], const int32_t w[TRAIN_DIM],
                           struct train_set rows, unsigned steps, bool flip_labels,
                           const struct jobs *jobs);

/// A round's honest update: TRAIN_STEPS steps, difference clipped to +-32767.
MUST_USE err_t train_update(int16_t u[TRAIN_DIM], const int32_t w[TRAIN_DIM], struct train_set rows,
                            const struct jobs *jobs);

/// Hospital G's poison: trained on flipped labels, boosted twentyfold, clipped.
MUST_USE err_t train_poison(int16_t u[TRAIN_DIM], const int32_t w[TRAIN_DIM], struct train_set rows,
                            const struct jobs *jobs);

/// A model on a set.
struct train_metrics {
    uint32_t n;
    uint32_t correct;
    uint32_t malignant;       ///< cancers in the set
    uint32_t malignant_found; ///< of which predicted
    uint64_t brier_q16;       ///< sum of (p - 65536 y)^2 >> 16
};
struct train_metrics train_evaluate(const int32_t w[TRAIN_DIM], struct train_set rows);

/// The network's tensors without data: names and shapes for st_write_model and
/// st_write_update. Static.
struct st_file train_shape(void);
