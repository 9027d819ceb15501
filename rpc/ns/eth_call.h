// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Running the EVM for a question: eth_call, eth_estimateGas. Bounded in number (one
/// interpreter per core), gas, memory and time (threat model 4.7); what is executed is
/// thrown away.

#include "chain/base/err.h"
#include "rpc/ns/env.h"
#include "vm/block_exec.h"
#include "vm/overlay.h"
#include "vm/tx_exec.h"

/// The interpreters; who finds none free waits, and too many waiting are refused.
struct call_pool;
MUST_USE err_t call_pool_new(struct call_pool **out, unsigned size);
void call_pool_free(struct call_pool *p); ///< NULL is allowed

struct call_slot {
    struct vm *vm;
    struct overlay *world;
};
/// @return false with -32005 in the call if it is too crowded
bool call_pool_take(struct rpc_call *call, struct call_slot *out);
void call_pool_give(struct call_pool *p, const struct call_slot *slot);

/// Where a question is asked: an open state, possibly with overrides over it, and the block
/// context.
struct call_site {
    struct snapshot snapshot;
    struct state_view view;
    struct block_ctx block;
    struct state_overrides *overrides;
};

/// Opens block, state overrides and block overrides from the parameters at these indexes.
bool call_site_open(struct rpc_call *call, struct call_site *site, size_t block_index,
                    size_t state_index, size_t block_override_index);
/// The same without overrides.
bool call_site_at(struct rpc_call *call, struct call_site *site, const struct block_ref *ref);
void call_site_close(struct call_site *site);

/// The message of the call object that is the first parameter. Without any price gas is free,
/// also below the base fee. `*has_gas`: it says how much gas it wants.
bool call_read_message(struct rpc_call *call, struct tx *out, bool *has_gas);

/// The same of any call object. `*has_nonce`: it gives one.
bool call_read_object(struct rpc_call *call, struct tx *out, const json_t *object, bool *has_gas,
                      bool *has_nonce);

/// Executes one message on a fresh overlay over the site. `result->output` is valid until
/// the slot is given back. False with an error only if the execution itself could not be
/// done; a revert is a result.
bool call_execute(struct rpc_call *call, struct tx_result *result, const struct call_slot *slot,
                  const struct call_site *site, const struct tx *message);

/// The same on the overlay as it is: what was executed before counts.
bool call_execute_on(struct rpc_call *call, struct tx_result *result, const struct call_slot *slot,
                     const struct call_site *site, const struct tx *message);

/// A view-function call from the zero address: true with the return data in the call's
/// arena; false with an error in the call (also for reverts). For the views of the
/// federation.
bool call_view(struct rpc_call *call, bytes_t *out, const struct call_slot *slot,
               const struct call_site *site, const address_t *to, bytes_t data);
