// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The HTTP door: everything a hostile or broken client may do is answered or cut here, so
/// that what comes behind sees whole, bounded requests (threat model 4.8). The one file with
/// <microhttpd.h>.
///
/// One thread does the sockets. It hands each whole request to `accept`, which answers at
/// once or names a lane; then `run` is called on a thread of that lane. `done` is called
/// exactly once for each accepted request. A second thread closes connections that are too
/// slow: headers 10 s, body 30 s, reading the answer 30 s, idle 60 s.
///
/// Refusals here are short text: 400 smuggling or malformed, 403 host, 404, 405, 411/413
/// body, 414 request line, 415 content type, 431 headers, 503 too much unread.

#include <stdbool.h>
#include <stdint.h>

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"

struct rpc_peer;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST };

/// A whole request and the place for its answer. Lives from `accept` to `done`.
struct http_exchange {
    enum http_method method;
    const char *path; ///< decoded, without the query
    bytes_t body;
    void *user; ///< whatever the handler keeps from accept to done

    // The answer.
    unsigned status;          ///< 200 unless changed
    const char *content_type; ///< a literal; application/json unless changed
    struct buf out;           ///< the body; at most HTTP_ANSWER_MAX bytes

    struct rpc_peer *peer; ///< whom to tell more later: a WebSocket connection, else NULL
    void *connection;      ///< the server's own, and what it does once `run` has answered
    void (*answered)(struct http_exchange *x);
};

/// A parameter of the request's query ("?name=value"), decoded; NULL if it is not there or has no
/// value. Valid as long as the exchange. Only from `accept`.
const char *http_query(const struct http_exchange *x, const char *name);

/// Longest answer (threat model 4.8: at most 32 MiB unsent per connection).
#define HTTP_ANSWER_MAX ((size_t)32 << 20)

/// accept: answered, nothing more to do.
#define HTTP_ANSWERED (-1)

struct http_handler {
    void *ctx;
    /// On the socket thread: must not block. HTTP_ANSWERED, or the index of a lane.
    int (*accept)(void *ctx, struct http_exchange *x);
    /// On a thread of the lane: one request, or as many as the lane takes together.
    void (*run)(void *ctx, struct http_exchange *const *x, size_t count);
    /// Instead of `run` when the lane's queue is full: writes the refusal. Socket thread.
    void (*refuse)(void *ctx, struct http_exchange *x);
    /// The exchange is over; frees `user`. Any thread of the server.
    void (*done)(void *ctx, struct http_exchange *x);
};

struct http_lane_options {
    unsigned threads;
    size_t queue_max;
    unsigned together; ///< requests that one thread runs at once, at most (lanes.h)
};

struct http_options {
    const char *address; ///< numeric IPv4 or IPv6
    uint16_t port;       ///< 0: chosen by the system, see http_server_port
    struct http_handler handler;
    const struct http_lane_options *lanes;
    size_t lane_count;
    const char *const *vhosts; ///< allowed Host names beside IPs and localhost; "*" is all
    size_t vhost_count;
    const char *const *origins; ///< CORS; "*" is all
    size_t origin_count;
    size_t max_body;             ///< 0: 5 MiB
    unsigned max_connections;    ///< 0: 256
    unsigned max_connections_ip; ///< 0: 64
    uint32_t header_timeout_ms;  ///< 0: 10 s
    uint32_t body_timeout_ms;    ///< 0: 30 s
    uint32_t write_timeout_ms;   ///< 0: 30 s
    uint32_t idle_timeout_ms;    ///< 0: 60 s
};

struct http_server;

/// Starts listening. Everything in `options` but vhosts and origins (which must outlive the
/// server) is copied.
/// @return ERR_INVALID (address), ERR_BUSY (port in use), ERR_IO
MUST_USE err_t http_server_start(struct http_server **out, const struct http_options *options);

/// The port it listens on, also when the system chose it.
uint16_t http_server_port(const struct http_server *s);

/// Requests and connections since the start and now, for status and metrics.
struct http_stats {
    uint64_t requests;
    uint64_t refused;
    unsigned connections;
};
void http_server_stats(struct http_server *s, struct http_stats *out);

/// Takes no more connections, finishes what runs, joins all threads. NULL is allowed.
void http_server_stop(struct http_server *s);
