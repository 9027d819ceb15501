// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Ethereum's JSON, for RPC and wallet alike: quantities, data, and the transaction, block,
/// receipt and log objects with the members and spellings of go-ethereum, every field up to
/// Prague included (execution-apis; Ethereum JSON-RPC, "Hex value encoding").
///
/// Makers return a new json_t, or NULL without memory. jansson takes NULL in its setters, so
/// a maker's caller checks once, at the end: an object's setter fails and the maker of the
/// whole returns NULL. Readers are strict: a quantity is "0x" and digits without leading
/// zeros, data is "0x" and an even number of digits; nothing else, no numbers.

#include <jansson.h>

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"
#include "chain/types/block.h"
#include "chain/types/header.h"
#include "chain/types/receipt.h"
#include "chain/types/tx.h"

// ---- values -----------------------------------------------------------------------------------

json_t *ethjson_u64(uint64_t v);             ///< "0x1f", zero is "0x0"
json_t *ethjson_u256(const u256_t *v);       ///< the same
json_t *ethjson_data(bytes_t b);             ///< "0x" and all digits, lower case
json_t *ethjson_hash(const hash_t *h);       ///< 32 bytes of data
json_t *ethjson_address(const address_t *a); ///< 20 bytes of data, lower case as go-ethereum's

/// Readers. ERR_MALFORMED for another JSON type, form or length; ERR_LIMIT beyond the type's
/// range. On failure the output is untouched. `in` may be NULL (an absent member): malformed.
MUST_USE err_t ethjson_read_u64(uint64_t *out, const json_t *in);
MUST_USE err_t ethjson_read_u256(u256_t *out, const json_t *in);
MUST_USE err_t ethjson_read_hash(hash_t *out, const json_t *in);
/// Also ERR_MISMATCH for mixed case with a wrong EIP-55 checksum.
MUST_USE err_t ethjson_read_address(address_t *out, const json_t *in);
/// Data of any length up to `max_bytes` (ERR_LIMIT beyond), in `arena` (ERR_FULL).
MUST_USE err_t ethjson_read_data(bytes_t *out, struct arena *arena, const json_t *in,
                                 size_t max_bytes);
/// Data of exactly `len` bytes.
MUST_USE err_t ethjson_read_fixed(void *out, size_t len, const json_t *in);
/// A storage key as eth_getStorageAt and eth_getProof take it: "0x" and 1 to 64 digits, short
/// and odd ones padded on the left.
MUST_USE err_t ethjson_read_slot(hash_t *out, const json_t *in);

// ---- objects ----------------------------------------------------------------------------------

/// Where a transaction, receipt or log stands in the chain.
struct ethjson_place {
    hash_t block_hash;
    uint64_t block_number;
    uint64_t block_timestamp_s;
    uint64_t tx_index;
    u256_t base_fee_wei; ///< of the block, 0 before London
};

/// A transaction object. `place` is NULL for a pending one (members are null). The sender
/// must have been recovered.
json_t *ethjson_tx(const struct tx *tx, const struct ethjson_place *place);

/// A header's members, as in a block object without transactions, uncles and size.
json_t *ethjson_header(const struct header *h, const hash_t *block_hash);

/// A block object. With `full_txs` senders must have been recovered; else hashes only.
/// @param size_bytes  length of the block's encoding
json_t *ethjson_block(const struct block *b, uint64_t size_bytes, bool full_txs);

/// @param tx_hash      of the log's transaction
/// @param log_index    within the block
json_t *ethjson_log(const struct log_entry *log, const struct ethjson_place *place,
                    const hash_t *tx_hash, uint64_t log_index);

/// A receipt object.
/// @param first_log_index  of the receipt's first log within the block
json_t *ethjson_receipt(const struct receipt *r, const struct tx *tx,
                        const struct ethjson_place *place, uint64_t first_log_index);

/// [{address, storageKeys}..] (EIP-2930).
json_t *ethjson_access_list(const struct access_entry *list, size_t count);

// ---- reading objects -------------------------------------------------------------------------

/// Why an object was refused: which member, what was seen, what is expected.
struct ethjson_detail {
    char text[200];
};

/// The argument of eth_call, eth_estimateGas and eth_sendTransaction. Unknown members are
/// ignored, as everywhere; null members count as absent.
struct call_object {
    bool has_from, has_to, has_gas, has_gas_price, has_max_fee, has_max_priority_fee, has_value,
        has_nonce, has_chain_id, has_access_list, has_type;
    address_t from;
    address_t to;
    uint64_t gas;
    u256_t gas_price;
    u256_t max_fee_per_gas;
    u256_t max_priority_fee_per_gas;
    u256_t value_wei;
    bytes_t data; ///< of `input` or `data`; if both are given they must agree
    uint64_t nonce;
    uint64_t chain_id;
    uint64_t type;
    const struct access_entry *access_list;
    size_t access_count;
    const struct authorization *authorizations;
    size_t authorization_count;
};

/// @param detail  may be NULL
/// @return ERR_MALFORMED, ERR_INVALID (gasPrice beside maxFeePerGas, input unlike data),
///         ERR_LIMIT, ERR_MISMATCH (checksum), ERR_FULL
MUST_USE err_t ethjson_read_call(struct call_object *out, struct arena *arena, const json_t *in,
                                 struct ethjson_detail *detail);

/// Reads what the makers above write. Extra members are ignored. A transaction is encoded
/// again and its hash recomputed, a header's hash too (by header_hash): ERR_MISMATCH if the
/// object claims another one. So a wallet trusts no node about either.
MUST_USE err_t ethjson_read_tx(struct tx *out, struct arena *arena, const json_t *in);
MUST_USE err_t ethjson_read_header(struct header *out, hash_t *block_hash, struct arena *arena,
                                   const json_t *in);

/// A log object with its place.
struct ethjson_placed_log {
    struct log_entry log;
    bool pending; ///< without place
    struct ethjson_place place;
    hash_t tx_hash;
    uint64_t log_index;
};
MUST_USE err_t ethjson_read_log(struct ethjson_placed_log *out, struct arena *arena,
                                const json_t *in);

/// A receipt object with its place.
struct ethjson_placed_receipt {
    struct receipt receipt; ///< with gas_used, contract_address, effective_gas_price
    struct ethjson_place place;
    hash_t tx_hash;
    address_t from;
    bool has_to;
    address_t to;
    uint64_t first_log_index; ///< 0 without logs
};
MUST_USE err_t ethjson_read_receipt(struct ethjson_placed_receipt *out, struct arena *arena,
                                    const json_t *in);
