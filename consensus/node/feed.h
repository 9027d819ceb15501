// SPDX-License-Identifier: Apache-2.0
#pragma once

/// News for whoever registered: new heads, pending transactions. Told on the loop's thread.

#include "consensus/node/node.h"

struct feed;

/// ERR_FULL without memory.
MUST_USE err_t feed_new(struct feed **out);
void feed_free(struct feed *f); ///< NULL is allowed
/// Any thread. @param[out] id  for feed_remove. ERR_FULL beyond 64 listeners.
MUST_USE err_t feed_add(struct feed *f, node_listener fn, void *ctx, uint64_t *id);
/// When it returns, the listener is not being called and will not be again.
void feed_remove(struct feed *f, uint64_t id);
/// Is anybody listening? What nobody hears need not be gathered.
bool feed_has_listeners(struct feed *f);
/// Calls every listener. The loop's thread.
void feed_tell(struct feed *f, const struct node_news *news);
