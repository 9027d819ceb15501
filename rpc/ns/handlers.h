// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Every handler of jsonrpc/methods.def, by name, and the table made of them.

#include "rpc/jsonrpc/call.h"

#define METHOD(NAME, PARAMS, HANDLER, COST, ACCESS) bool HANDLER(struct rpc_call *call);
#include "rpc/jsonrpc/methods.def"
#undef METHOD

/// For neighbours of eth_sendRawTransaction in a batch.
void eth_send_raw_many(struct rpc_call *calls, size_t count);

extern const struct rpc_method RPC_METHODS[];
extern const size_t RPC_METHOD_COUNT;
