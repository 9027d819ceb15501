// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Ways into the pool other than RPC: the journal at start, and peers.

#include "chain/base/bytes.h"

struct node;

/// Like node_submit_txs, but written and told nowhere: what no longer fits is let go.
void submit_replayed(struct node *n, const bytes_t *raw, size_t count);

/// Transactions that a peer sent, over the line `conn`. Not journaled: whoever acknowledged them
/// has done that. Passed on to the other peers.
/// @param[out] in_vain  how many were not taken after their sender had been found, which is dear
/// @return NULL, or why one of them is no transaction at all, which its sender must have known
const char *submit_from_peer(struct node *n, const bytes_t *raw, size_t count, uint64_t conn,
                             size_t *in_vain);
