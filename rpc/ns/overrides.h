// SPDX-License-Identifier: Apache-2.0
#pragma once

/// State and block overrides of eth_call: "as if" this account had that balance, code or
/// storage. A view over a view, so nothing is ever written.

#include "chain/state/diff.h"
#include "chain/state/view.h"
#include "rpc/jsonrpc/call.h"
#include "vm/overlay.h"
#include "vm/tx_exec.h"

struct state_overrides;

/// Reads {address: {balance, nonce, code, state | stateDiff}} into the call's arena.
bool state_overrides_read(struct rpc_call *call, struct state_overrides **out, const json_t *object,
                          const struct state_view *under);

/// Valid as long as the call's arena and the view below.
struct state_view state_overrides_view(struct state_overrides *o);

/// Puts the same object's accounts into an overlay instead, for what follows on it.
bool state_overrides_put(struct rpc_call *call, struct overlay *world, const json_t *object);

/// Reads {number, time, gasLimit, feeRecipient, prevRandao, baseFeePerGas, blobBaseFee,
/// difficulty} into the context.
bool block_overrides_apply(struct rpc_call *call, struct block_ctx *block, const json_t *object);
