// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How a benchmark is written here: the subject and this machine's own limit are timed in
/// turn, in CPU time of this thread; medians and their ratio are printed, one JSON object per
/// line on stdout, text for people on stderr. A ratio survives a noisy machine, a time does
/// not.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What is timed: does its work `count` times. Results are checked by the benchmark outside.
typedef void (*bench_fn)(void *ctx, uint64_t count);

struct bench_subject {
    const char *name; ///< "evm/erc20_transfer"
    bench_fn run;
    void *ctx;
};

struct bench_figure {
    double median_us; ///< per unit of work
    double min_us;
    double max_us;
};

/// Times `subject` against `limit` in turn for `reps` repetitions (at least 5) of about
/// 20 ms each, prints one line of JSON and one of text, and returns the subject's figure.
/// @param bytes  of one unit of work, to print a rate as well; 0 for none
struct bench_figure bench_compare(const struct bench_subject *subject,
                                  const struct bench_subject *limit, uint64_t bytes);

#define BENCH_REPS 7

/// Prints the figures of a benchmark that takes its times itself: what was timed in turn with
/// its limit, BENCH_REPS times, in CPU microseconds per unit of work. Sorts them.
/// @param wall_us  the subject's wall time beside it; may be NULL
struct bench_figure bench_report(const char *name, double ours_us[BENCH_REPS],
                                 const char *limit_name, double limit_us[BENCH_REPS],
                                 double wall_us[BENCH_REPS]);

/// The unit of all budgets: one recovery of a sender by libsecp256k1.
struct bench_subject bench_recover_limit(void);

/// CPU seconds of this thread, wall seconds.
double bench_cpu_s(void);
double bench_wall_s(void);

/// Ends the program with a sentence if a result is wrong: a fast wrong answer is a failure.
void bench_expect(bool condition, const char *what);
