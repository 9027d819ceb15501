// SPDX-License-Identifier: Apache-2.0
#pragma once

/// JSON-RPC 2.0: bytes in, bytes out. Parses strictly (UTF-8, no duplicate keys, 64 levels),
/// serves single calls, batches and notifications, and makes the envelope around results
/// and errors. Knows no HTTP and no method: it is given a table.
///
/// Of a batch that is too long, too large in its answers or too much work, later calls are
/// answered with -32005 each; one that is too long by far is refused as a whole.
///
/// In two steps, so that the caller can choose a thread in between: rpc_request_parse tells
/// what the request will cost, rpc_request_run does it.

#include "rpc/jsonrpc/call.h"

struct rpc_dispatcher;

struct rpc_dispatch_options {
    const struct rpc_method *methods; ///< borrowed
    size_t method_count;
    void *env;
    const char *namespaces; ///< "eth,net,debug_traceTransaction"
    bool local;             ///< of the local socket: every method is enabled
    size_t batch_max;       ///< 0: 1000
    size_t answer_max;      ///< bytes of a batch's answers, 0: 25 MB
    uint32_t batch_time_ms; ///< 0: 10 s
    uint32_t call_time_ms;  ///< 0: 5 s
};

/// @return ERR_INVALID if `namespaces` names none of the table's (`bad` gets the word),
///         ERR_FULL
MUST_USE err_t rpc_dispatcher_new(struct rpc_dispatcher **out,
                                  const struct rpc_dispatch_options *options, char bad[64]);
void rpc_dispatcher_free(struct rpc_dispatcher *d);

struct rpc_request;

/// Parses a request that is short enough to be looked at right away (longer ones cost
/// RPC_WAIT unseen and are parsed when they run). `body` must outlive the request.
/// NULL: out of memory.
struct rpc_request *rpc_request_parse(struct rpc_dispatcher *d, bytes_t body, enum rpc_cost *cost);

/// Whom subscriptions of this request tell; lives at least until it has run.
void rpc_request_set_peer(struct rpc_request *r, struct rpc_peer *peer);

/// Serves it. `out` stays empty if there is nothing to answer (notifications only). Any
/// thread, several requests at a time.
void rpc_request_run(struct rpc_request *r, struct buf *out);
/// The same for requests that wait at the same time: calls that can be prepared together are.
void rpc_requests_run(struct rpc_request *const *r, struct buf *const *out, size_t count);

/// Instead of running it: the whole request is answered with -32005.
void rpc_request_refuse(struct rpc_request *r, struct buf *out);
void rpc_request_free(struct rpc_request *r);

/// For rpc_modules and rpc.discover: the enabled methods, in the order of the table.
/// `*cursor` starts at 0; NULL at the end.
const struct rpc_method *rpc_enabled_next(const struct rpc_dispatcher *d, size_t *cursor);
