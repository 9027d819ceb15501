// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The one place where failures become JSON-RPC codes and the words that client libraries
/// match (interfaces.md 4.1). All return false, so that a handler can say
/// `return rpc_fail_...;`. Messages hold no addresses, paths or memory contents.

#include "chain/base/err.h"
#include "consensus/node/node.h"
#include "rpc/jsonrpc/call.h"
#include "vm/tx_exec.h"

enum {
    RPC_PARSE_ERROR = -32700,
    RPC_INVALID_REQUEST = -32600,
    RPC_METHOD_NOT_FOUND = -32601,
    RPC_INVALID_PARAMS = -32602,
    RPC_INTERNAL = -32603,
    RPC_NOT_ENABLED = -32604, ///< Besu's: not with this network's settings
    RPC_SERVER = -32000,
    RPC_NOT_AVAILABLE = -32001,
    RPC_TX_REJECTED = -32003,
    RPC_LIMIT = -32005,
    RPC_EXECUTION_FAILED = -32015,
    RPC_REVERTED = 3,
    RPC_TX_TIMEOUT = 4, ///< EIP-7966: accepted, but not included in time
    RPC_VIEW_NOT_READY = -39001,
    RPC_AMBIGUOUS = -39002,
    RPC_CURSOR_EXPIRED = -39003,
    RPC_NO_CONTRACTS = -39004,
};

/// Any code and message.
bool rpc_fail(struct rpc_call *call, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/// An error of a lower layer, by its kind.
bool rpc_fail_err(struct rpc_call *call, err_t err);

/// -32602 with data {param, want, have}; `have` is the value seen, cut if it is long (NULL
/// if there was none).
bool rpc_fail_param(struct rpc_call *call, const char *param, const char *want, const json_t *have);

/// -32005 with data {limit, value, retryAfter}. `limit` names it.
bool rpc_fail_limit(struct rpc_call *call, const char *limit, uint64_t most, uint64_t value);

/// Why a transaction was not accepted.
bool rpc_fail_submit(struct rpc_call *call, const struct submit_answer *answer);

/// Why a call or an estimate failed: invalid, reverted (code 3, with reason and data), or
/// halted (-32015).
bool rpc_fail_execution(struct rpc_call *call, const struct tx_result *result);

#define RPC_PANIC_TEXT 100
/// The words for Solidity's Panic(uint256) that ethers and go-ethereum share.
void rpc_panic_text(char out[RPC_PANIC_TEXT], const u256_t *code);

/// The words of a pool refusal. Never NULL.
const char *rpc_validity_text(enum tx_validity validity);

/// A writer on memory of the call's arena, for `error.data`. Take the text with
/// rpc_data_end.
struct rpc_data {
    struct buf buf;
    struct json_writer out;
};
void rpc_data_begin(struct rpc_data *d);
void rpc_data_end(struct rpc_data *d, struct rpc_call *call);
