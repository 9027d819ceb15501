// SPDX-License-Identifier: Apache-2.0
#pragma once

/// WebSocket (RFC 6455) on sockets that the HTTP server hands over after its handshake. Frames are
/// read by http/ws_reader.h.
///
///     socket --> frames --> messages --> http_handler (accept, a lane, run) --> out
///                                                      notices of subscriptions ^
///
/// One thread does all sockets. A message is a request as if it had been posted; requests of one
/// connection run at the same time and are answered in the order in which they end. A connection
/// is closed with 1002 for a broken rule, 1007 for text that is not UTF-8, 1009 for a message
/// that is too long, 1001 when the server stops; without more ado when its reader is behind by
/// more than WS_NOTICES_MAX notices, WS_UNSENT_MAX bytes or 30 s, or has gone silent.

#include "rpc/http/server.h"
#include "rpc/jsonrpc/peer.h"

#define WS_NOTICES_MAX 1024
#define WS_UNSENT_MAX ((size_t)32 << 20)

struct ws_hub;

struct ws_options {
    struct http_handler handler;
    /// Has it run on a lane, which calls `x->answered` then. ERR_FULL
    err_t (*put)(void *ctx, int lane, struct http_exchange *x);
    void *put_ctx;
    size_t max_message;
    uint32_t write_timeout_ms;
    uint32_t ping_after_ms; ///< 0: 45 s of silence; twice that ends the connection
};

/// Starts the thread. @return ERR_FULL, ERR_IO
MUST_USE err_t ws_hub_new(struct ws_hub **out, const struct ws_options *options);

/// Takes over a socket whose handshake is done. `early` is what was read behind it (copied).
/// `closed` is called once, when the socket may be closed. False: out of memory; it was called.
bool ws_hub_add(struct ws_hub *h, int fd, bytes_t early, void (*closed)(void *), void *closed_arg);

/// Closes all connections and joins the thread. What runs in lanes must have ended or must still
/// be able to end: it only finds its connection gone. NULL is allowed.
void ws_hub_stop(struct ws_hub *h);
/// After ws_hub_stop and the end of the lanes. NULL is allowed.
void ws_hub_free(struct ws_hub *h);

/// Sec-WebSocket-Accept for a key; `out` has 28 characters and a zero.
void ws_accept_key(char out[29], const char *key);
