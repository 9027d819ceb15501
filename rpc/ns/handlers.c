// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/handlers.h"

#define METHOD(NAME, PARAMS, HANDLER, COST, ACCESS)                                                \
    {(NAME), (PARAMS), HANDLER, RPC_##COST, RPC_##ACCESS, NULL},
#define GROUPED(NAME, PARAMS, HANDLER, COST, ACCESS, MANY)                                         \
    {(NAME), (PARAMS), HANDLER, RPC_##COST, RPC_##ACCESS, MANY},

const struct rpc_method RPC_METHODS[] = {
#include "rpc/jsonrpc/methods.def"
};
#undef METHOD
#undef GROUPED

const size_t RPC_METHOD_COUNT = sizeof RPC_METHODS / sizeof RPC_METHODS[0];
