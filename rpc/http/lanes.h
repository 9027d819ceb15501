// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Threads for requests that must not hold up the server's own thread. A lane is a bounded
/// queue with threads of its own, so that slow calls wait behind slow calls only: when all
/// `eth_call` threads are busy, a balance still answers at once.
///
/// A thread takes several jobs at a time where that is allowed: jobs that arrive while it works
/// are its next group. So requests that wait for the same thing (a sync of the disk) share it
/// without anybody waiting for a group to fill.

#include <stddef.h>

#include "chain/base/err.h"

struct lane;

#define LANE_TOGETHER_MAX 256

struct lane_options {
    unsigned threads;
    size_t queue_max;  ///< jobs that may wait beside those that run
    unsigned together; ///< jobs that a thread takes at once, at most: 1..LANE_TOGETHER_MAX
    /// Does `count` jobs, on a thread of the lane.
    void (*run)(void *ctx, void *const *jobs, size_t count);
    void *ctx;
};

/// @return ERR_FULL (memory), ERR_IO (a thread could not be started)
MUST_USE err_t lane_new(struct lane **out, const struct lane_options *options);

/// Hands a job to one of the threads. @return ERR_FULL if the queue is full, ERR_BUSY once the
/// lane is stopping; then nothing was taken.
MUST_USE err_t lane_put(struct lane *l, void *job);

/// Lets everything that was taken finish and joins the threads; puts are refused from now
/// on. NULL is allowed.
void lane_stop(struct lane *l);

/// Stops and frees. NULL is allowed.
void lane_free(struct lane *l);
