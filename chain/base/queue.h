// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A bounded queue of owned messages between threads (many senders, one receiver).
/// Whoever sends gives the memory away.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/base/err.h"

struct queue;

/// @param wake  called after a message was put into an empty queue, from the sender's
///              thread and outside the lock (uv_async_send, say); may be NULL.
MUST_USE err_t queue_new(struct queue **out, size_t max_count, void (*wake)(void *),
                         void *wake_arg);

/// Frees the queue; messages still in it are handed to `drop` (may be NULL).
void queue_free(struct queue *q, void (*drop)(void *));

/// Gives `message` (not NULL) away. @return ERR_FULL (still the caller's) or ERR_BUSY
/// after queue_close.
MUST_USE err_t queue_put(struct queue *q, void *message);

/// The oldest message, or NULL if there is none (or at once after close when drained).
void *queue_try_take(struct queue *q);

/// Waits for a message at most `timeout_ms` (negative: for ever). NULL on timeout or
/// when closed and drained.
void *queue_take(struct queue *q, int64_t timeout_ms);

/// No more puts; takers are woken.
void queue_close(struct queue *q);

/// Messages in it now; of use for metrics and limits only, since it may change at once.
size_t queue_count(struct queue *q);
