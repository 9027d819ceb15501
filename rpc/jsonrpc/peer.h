// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A connection that can be told something after its call was answered: what WebSocket gives and
/// HTTP does not. Any thread may call any of these.
///
///     rpc_call.peer -- subscribe --> a connection, kept by a reference -- notify ... unref

#include "chain/base/bytes.h"

struct rpc_peer {
    /// Of a call's peer: a reference to its connection, for later. What is notified there is kept
    /// back until the answer to this call is on its way: a subscription's name must be known
    /// before its news.
    struct rpc_peer *(*subscribe)(struct rpc_peer *call_peer);

    // Of a connection.

    /// Sends a text. False if it is gone, or so far behind that it is being closed.
    bool (*notify)(struct rpc_peer *connection, bytes_t text);
    /// False once it is gone for good.
    bool (*alive)(struct rpc_peer *connection);
    /// Gives the reference back.
    void (*unref)(struct rpc_peer *connection);
};
