// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The journal's transactions back into the pool, at start.

#include "chain/base/bytes.h"

struct node;

/// Like node_submit_txs, but written and told nowhere: what no longer fits is let go.
void submit_replayed(struct node *n, const bytes_t *raw, size_t count);
