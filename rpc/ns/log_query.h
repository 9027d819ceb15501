// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Searching logs: what eth_getLogs and the log filters share.

#include "chain/store/log_index.h"
#include "rpc/ns/env.h"

/// A question about logs. Values are in the arena it was read into.
struct log_query {
    struct log_filter filter;
    bool by_hash; ///< one block, by its hash
    hash_t block_hash;
    struct block_ref from; ///< default latest
    struct block_ref to;   ///< default latest
};

/// Reads a filter object: {fromBlock, toBlock | blockHash, address, topics}.
bool log_query_read(struct rpc_call *call, struct log_query *out, const json_t *object);

/// Writes an array of all matching logs of blocks from..to. Refuses too wide a range and
/// too many logs (-32005).
bool log_query_put(struct rpc_call *call, const struct log_filter *filter, uint64_t from,
                   uint64_t to);

/// Copies a filter's values into one heap block; free with free().
struct log_filter *log_filter_clone(const struct log_filter *f);
