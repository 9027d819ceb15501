// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Block headers with every field up to Prague. Fields after the fifteen classic ones
/// exist only if all before them do, so `field_count` says which are there.

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"

/// Numbers of fields a header may have.
enum {
    HEADER_FIELDS_CLASSIC = 15,
    HEADER_FIELDS_LONDON = 16,   ///< + baseFeePerGas
    HEADER_FIELDS_SHANGHAI = 17, ///< + withdrawalsRoot
    HEADER_FIELDS_BLOB = 19,   ///< + blobGasUsed, excessBlobGas (Besu QBFT before 25.10 stops here)
    HEADER_FIELDS_CANCUN = 20, ///< + parentBeaconBlockRoot
    HEADER_FIELDS_PRAGUE = 21, ///< + requestsHash
};

#define BLOOM_BYTES 256

struct bloom {
    uint8_t b[BLOOM_BYTES];
};

struct header {
    hash_t parent_hash;
    hash_t ommers_hash;
    address_t coinbase;
    hash_t state_root;
    hash_t transactions_root;
    hash_t receipts_root;
    struct bloom logs_bloom;
    u256_t difficulty;
    uint64_t number;
    uint64_t gas_limit;
    uint64_t gas_used;
    uint64_t timestamp_s; ///< seconds since 1970
    bytes_t extra_data;   ///< borrowed
    hash_t mix_hash;      ///< PREVRANDAO after the Merge; a constant under QBFT
    uint8_t nonce[8];
    unsigned field_count; ///< 15, 16, 17, 19, 20 or 21
    u256_t base_fee_wei;
    hash_t withdrawals_root;
    uint64_t blob_gas_used;
    uint64_t excess_blob_gas;
    hash_t parent_beacon_root;
    hash_t requests_hash;
};

/// Decodes one header item; nothing may follow. `extra_data` borrows from `in`.
/// @return ERR_MALFORMED, ERR_LIMIT
MUST_USE err_t header_decode(struct header *out, bytes_t in);

/// Appends the header as an RLP list.
void header_encode(struct buf *out, const struct header *h);

/// keccak256 of the encoding as it stands.
hash_t header_hash_plain(const struct header *h);

/// The block hash: QBFT's (round and seals left out, chain/types/extra_data.h) if mixHash
/// is QBFT's constant, number > 0 and extraData decodes as QBFT's; else the plain one.
hash_t header_hash(const struct header *h);
