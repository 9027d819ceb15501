// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/handlers.h"

#define METHOD(NAME, PARAMS, HANDLER, COST, ACCESS)                                                \
    {(NAME),     (PARAMS),     HANDLER,                                                            \
     RPC_##COST, RPC_##ACCESS, (HANDLER) == eth_send_raw_transaction ? eth_send_raw_many : NULL},

const struct rpc_method RPC_METHODS[] = {
#include "rpc/jsonrpc/methods.def"
};
#undef METHOD

const size_t RPC_METHOD_COUNT = sizeof RPC_METHODS / sizeof RPC_METHODS[0];
