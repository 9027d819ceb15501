// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Every handler of jsonrpc/methods.def, by name, and the table made of them.

#include "rpc/jsonrpc/call.h"

#define METHOD(NAME, PARAMS, HANDLER, COST, ACCESS) bool HANDLER(struct rpc_call *call);
#define GROUPED(NAME, PARAMS, HANDLER, COST, ACCESS, MANY)                                         \
    bool HANDLER(struct rpc_call *call);                                                           \
    void MANY(struct rpc_call *const *calls, size_t count);
#include "rpc/jsonrpc/methods.def"
#undef METHOD
#undef GROUPED

extern const struct rpc_method RPC_METHODS[];
extern const size_t RPC_METHOD_COUNT;
