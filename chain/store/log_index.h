// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Which blocks have logs of an address, or with a topic in a position: what eth_getLogs asks
/// before it reads any receipt.

#include "chain/base/arena.h"
#include "chain/store/db.h"
#include "chain/types/receipt.h"

/// Any of `values`; none means: anything goes.
struct log_any_address {
    const address_t *values;
    size_t count;
};
struct log_any_topic {
    const hash_t *values;
    size_t count;
};

/// As eth_getLogs has it: the address and every position must match.
struct log_filter {
    struct log_any_address addresses;
    struct log_any_topic topics[4];
};

/// Notes the logs of block `number`, the new head.
MUST_USE err_t log_index_add(struct db_txn *txn, uint64_t number, const struct receipt *receipts,
                             size_t count);

/// Blocks in [from, to] that may have a matching log, in order, in `arena`. A superset:
/// address and topics need not be of the same log. `to - from` is bounded by the caller.
/// @return ERR_FULL, ERR_LIMIT if the range spans more than 1,000,000 blocks
MUST_USE err_t log_index_find(const struct db_txn *txn, uint64_t **blocks, size_t *count,
                              struct arena *arena, const struct log_filter *filter, uint64_t from,
                              uint64_t to);

/// True if this very log matches.
bool log_filter_match(const struct log_filter *filter, const struct log_entry *log);
