// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Runs n independent jobs. Pure code that can use several cores takes one of these
/// instead of knowing threads; NULL means: in order, right here.

#include <stddef.h>

struct jobs {
    /// Calls fn(arg, i) once for every i < count, on any threads, in any order, and
    /// returns when all have returned.
    void (*run)(void *ctx, size_t count, void (*fn)(void *arg, size_t i), void *arg);
    void *ctx;
};

static inline void jobs_run(const struct jobs *jobs, size_t count, void (*fn)(void *arg, size_t i),
                            void *arg)
{
    if (jobs != NULL && count > 1) {
        jobs->run(jobs->ctx, count, fn, arg);
        return;
    }
    for (size_t i = 0; i < count; i++) fn(arg, i);
}
