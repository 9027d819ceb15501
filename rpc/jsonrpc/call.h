// SPDX-License-Identifier: Apache-2.0
#pragma once

/// One JSON-RPC call as a handler sees it, and the row that describes a method.
/// Handlers write their result into `out` and return true, or return one of the rpc_fail_*
/// functions (error_codes.h), which return false; the dispatcher makes the envelope.

#include <jansson.h>

#include "chain/base/arena.h"
#include "rpc/jsonrpc/json_writer.h"
#include "rpc/jsonrpc/peer.h"

/// How long a method may take, hence which threads run it.
enum rpc_cost {
    RPC_INLINE, ///< microseconds: on the socket thread
    RPC_READ,   ///< a few reads of the store
    RPC_SUBMIT, ///< waits for a sync or for a block
    RPC_CALL,   ///< runs the EVM or walks logs
    RPC_WAIT,   ///< sleeps until a block comes; also what is too long to be looked at first
    RPC_COST_COUNT,
};

/// Who may call it.
enum rpc_access {
    RPC_OPEN,  ///< whoever reaches an enabled namespace
    RPC_NAMED, ///< only if --rpc-namespaces names the method itself, or on the local socket
    RPC_LOCAL, ///< on the local socket only
};

struct rpc_call;
typedef bool (*rpc_handler)(struct rpc_call *call);

struct rpc_method {
    const char *name;
    const char *params; ///< "address:address block:block?": name:type, "?" may be missing
    rpc_handler handler;
    enum rpc_cost cost;
    enum rpc_access access;
    /// For calls that come together (neighbours of one batch, single requests that wait at the
    /// same time): does the work of all of them at once, from `params_text`, and leaves what
    /// `handler` needs in each call's `prepared`. One that stays without goes its own way: its
    /// parameters are bound and `handler` does all. NULL for most.
    void (*prepare_many)(struct rpc_call *const *calls, size_t count);
};

struct rpc_error {
    int code;
    char message[320];
    const char *data; ///< JSON text in the call's arena, or NULL
};

struct rpc_call {
    void *env; ///< struct rpc_env (ns/env.h); tests use their own
    const struct rpc_method *method;
    bytes_t params_text;  ///< JSON as it came: a list, an object or empty
    const json_t *params; ///< an array, of at most as many values as the method has params;
                          ///< NULL while calls are prepared together and if `prepared` is set
    struct json_writer out;
    struct arena *arena;   ///< for this call only
    struct rpc_peer *peer; ///< whom to tell more later (jsonrpc/peer.h); NULL over HTTP
    uint64_t deadline_ms;  ///< on the clock of rpc_now_ms
    void *prepared;
    struct rpc_error error;
};

/// Milliseconds on a clock that never runs backwards.
uint64_t rpc_now_ms(void);
