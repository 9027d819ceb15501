// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Receipts, logs and blooms (Yellow Paper 4.3.1; EIP-658, EIP-2718).

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/types/header.h"
#include "chain/types/tx.h"

struct log_entry {
    address_t address;
    hash_t topics[4];
    unsigned topic_count;
    bytes_t data;
};

struct receipt {
    enum tx_type type;
    bool has_status; ///< from Byzantium on; before it, post_root
    bool succeeded;
    hash_t post_root; ///< state root after the transaction, before Byzantium
    uint64_t cumulative_gas_used;
    struct bloom bloom;
    const struct log_entry *logs;
    size_t log_count;

    // Not in the consensus encoding; kept beside it in the store.
    uint64_t gas_used;
    bool has_contract_address;
    address_t contract_address;
    u256_t effective_gas_price;
};

/// Sets the bits of a log's address and topics.
void bloom_add_log(struct bloom *bloom, const struct log_entry *log);
void bloom_or(struct bloom *into, const struct bloom *from);
/// False if nothing with these bytes (an address or a topic) was ever added.
bool bloom_may_contain(const struct bloom *bloom, bytes_t address_or_topic);

/// The consensus form: [type byte] RLP[status|root, gas, bloom, logs].
void receipt_encode(struct buf *out, const struct receipt *r);
/// @return ERR_MALFORMED, ERR_LIMIT, ERR_UNSUPPORTED, ERR_FULL
MUST_USE err_t receipt_decode(struct receipt *out, struct arena *arena, bytes_t in);

/// keccak256(RLP(logs)) as state tests use it.
hash_t logs_hash(const struct log_entry *logs, size_t count);
