// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A block: header, transactions, and from Shanghai on withdrawals. Ommers exist only in
/// the encoding (an empty list after the Merge and under QBFT).

#include "chain/base/arena.h"
#include "chain/types/header.h"
#include "chain/types/tx.h"

/// One withdrawal of the consensus layer (EIP-4895); none exist in QBFT blocks.
struct withdrawal {
    uint64_t index;
    uint64_t validator_index;
    address_t address;
    uint64_t amount_gwei;
};

struct block {
    struct header header;
    hash_t hash; ///< header_hash(&header)
    struct tx *txs;
    size_t tx_count;
    bytes_t ommers; ///< the RLP list of ommers, 0xc0 if there are none
    bool has_withdrawals;
    const struct withdrawal *withdrawals;
    size_t withdrawal_count;
};

/// Decodes [header, txs, ommers(, withdrawals)]. Views borrow from `in`; arrays are in
/// `arena`. Senders are not recovered.
/// @return ERR_MALFORMED, ERR_LIMIT, ERR_UNSUPPORTED, ERR_FULL
MUST_USE err_t block_decode(struct block *out, struct arena *arena, bytes_t in);
void block_encode(struct buf *out, const struct block *b);

/// The body alone: [txs, ommers(, withdrawals)], as stored and as eth/66+ sends it.
void block_body_encode(struct buf *out, const struct block *b);
MUST_USE err_t block_body_decode(struct block *out, struct arena *arena, bytes_t in);

/// Recomputes the three roots of the body (transactions, ommers, withdrawals) and compares
/// them with the header. ERR_INVALID says which differs.
MUST_USE err_t block_check_body(const struct block *b, struct arena *scratch);
