// SPDX-License-Identifier: Apache-2.0
#pragma once

/// News for whoever registered: new heads, pending transactions. Told on the loop's thread.

#include "consensus/node/node.h"

struct feed;

MUST_USE err_t feed_new(struct feed **out);
void feed_free(struct feed *f); ///< NULL is allowed
MUST_USE err_t feed_add(struct feed *f, node_listener fn, void *ctx, uint64_t *id);
/// When it returns, the listener is not being called and will not be again.
void feed_remove(struct feed *f, uint64_t id);
bool feed_has_listeners(struct feed *f);
void feed_tell(struct feed *f, const struct node_news *news);
