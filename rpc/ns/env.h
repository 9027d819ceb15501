// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What all methods share: the node, the limits, and how a handler gets at a block and its
/// state.
///
/// A handler opens a snapshot, writes its answer from it and closes it; nothing outlives the
/// call, no lock is shared with the writer of blocks.

#include "chain/state/history.h"
#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "consensus/node/node.h"
#include "rpc/jsonrpc/call.h"
#include "rpc/jsonrpc/dispatch.h"
#include "rpc/jsonrpc/params.h"

struct call_pool;
struct head_watch;
struct filters;
struct subscriptions;

/// What the program lets an operator do to it (admin_*). Any thread may call any of these.
struct rpc_control {
    void *ctx;
    const char *data_dir;
    bool (*set_log_level)(void *ctx, const char *levels); ///< false: does not parse
    /// Reads again what may change while running. `said` gets a line per change, or what is
    /// wrong. @return false if something is wrong, and nothing has changed
    bool (*reload)(void *ctx, struct buf *said);
    void (*shutdown)(void *ctx); ///< asks for it, and returns
};

struct rpc_limits {
    uint64_t logs_range;   ///< blocks of one eth_getLogs
    uint64_t logs_max;     ///< logs of one answer
    uint64_t call_gas;     ///< eth_call, eth_estimateGas
    uint32_t call_time_ms; ///< of one call
};

/// Lives as long as the server; set up by rpc_env_open, constant afterwards but for the
/// parts with locks of their own.
struct rpc_env {
    struct node *node;
    struct rpc_limits limits;
    const char *client_version;
    uint64_t min_gas_price_wei;
    const struct rpc_control *control;   ///< outlives the server; NULL: there is no operator
    struct rpc_dispatcher *dispatcher;   ///< set after it was made; for rpc_modules
    struct call_pool *calls;             ///< interpreters (ns/eth_call.h)
    struct head_watch *heads;            ///< who waits for a block (ns/head_watch.h)
    struct filters *filters;             ///< eth_newFilter and its kin (ns/eth_filters.h)
    struct subscriptions *subscriptions; ///< eth_subscribe (ns/eth_subscribe.h)
};

/// @return ERR_FULL
MUST_USE err_t rpc_env_open(struct rpc_env *env, struct node *node, unsigned cores);
void rpc_env_close(struct rpc_env *env);

static inline struct rpc_env *env_of(const struct rpc_call *call)
{
    return call->env;
}

/// A consistent picture of the store at one block.
struct snapshot {
    struct db_txn *txn;
    uint64_t head;
    uint64_t oldest;      ///< first block whose body, receipts and state are here
    uint64_t number;      ///< of the block; with `pending` that of the block to come
    bool pending;         ///< asked for `pending`: state of the head, context of the next
    struct header header; ///< of the block, or of the head if pending
    hash_t hash;
    struct latest_view latest;
    struct history_view history;
    struct state_view view; ///< state after the block; only with snapshot_open_state
};

/// A read transaction on the newest block. False with an error in the call.
bool snapshot_begin(struct rpc_call *call, struct snapshot *s);
/// Finds the block. `*found` false if there is none such (never an error).
bool snapshot_find(struct rpc_call *call, struct snapshot *s, const struct block_ref *ref,
                   bool *found);
/// Begin, find (-32001 if there is none) and open the state.
bool snapshot_open_state(struct rpc_call *call, struct snapshot *s, const struct block_ref *ref);
void snapshot_close(struct snapshot *s);

/// The data {oldest} of an error of what is no longer, or was never, here.
void rpc_data_oldest(struct rpc_call *call, uint64_t oldest);
/// -32001 for what a node that began from a snapshot at block `oldest` does not have; data {oldest}.
bool rpc_fail_oldest(struct rpc_call *call, uint64_t oldest);
/// Why a block's body or receipts could not be read.
bool snapshot_fail(struct rpc_call *call, const struct snapshot *s, err_t err);

/// The members of the node's status page: version, head, qbft, sync, peers, pool, store; the object
/// is opened and closed by the caller. (ns/admin.c)
void rpc_put_status(struct json_writer *w, const struct rpc_env *env);

/// Writes the receipt of a mined transaction; with `*found` false nothing is written.
/// (ns/eth_chain.c)
bool rpc_put_receipt(struct rpc_call *call, const hash_t *hash, bool *found);
