// SPDX-License-Identifier: Apache-2.0
#pragma once

/// eth_subscribe: news without asking, over connections that can be told (jsonrpc/peer.h).
/// newHeads, logs, newPendingTransactions and syncing as in Ethereum; rounds, models and
/// proposals are the events of the system contracts, in the form of the timelines.
///
/// One thread writes all notices, block after block; what the node's own thread calls only notes
/// that there is something. At most 100 subscriptions per connection.

#include "rpc/ns/env.h"

/// Starts the thread and begins to listen to the node. @return ERR_FULL, ERR_IO
MUST_USE err_t subscriptions_open(struct subscriptions **out, struct rpc_env *env);
/// Tells nothing any more and takes no more subscriptions; joins the thread. NULL is allowed.
void subscriptions_stop(struct subscriptions *s);
/// Stops and frees. NULL is allowed.
void subscriptions_close(struct subscriptions *s);
