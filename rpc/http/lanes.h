// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Threads for requests that must not hold up the server's own thread. A lane is a bounded
/// queue with threads of its own, so that slow calls wait behind slow calls only: when all
/// `eth_call` threads are busy, a balance still answers at once.

#include <stddef.h>

#include "chain/base/err.h"

struct lane;

/// @param queue_max  jobs that may wait beside those that run
/// @return ERR_FULL (memory), ERR_IO (a thread could not be started)
MUST_USE err_t lane_new(struct lane **out, unsigned threads, size_t queue_max);

/// Hands `fn(arg)` to one of the threads. @return ERR_FULL if the queue is full, ERR_BUSY
/// once the lane is stopping; then nothing was taken.
MUST_USE err_t lane_put(struct lane *l, void (*fn)(void *), void *arg);

/// Lets everything that was taken finish and joins the threads; puts are refused from now
/// on. NULL is allowed.
void lane_stop(struct lane *l);

/// Stops and frees. NULL is allowed.
void lane_free(struct lane *l);
