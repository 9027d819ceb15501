// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Transactions: legacy (with and without EIP-155), access list (EIP-2930, type 1),
/// dynamic fee (EIP-1559, type 2), blob (EIP-4844, type 3: decoded so that it can be
/// refused by name) and set code (EIP-7702, type 4).

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"
#include "chain/crypto/secp.h"

enum tx_type {
    TX_LEGACY = 0,
    TX_ACCESS_LIST = 1,
    TX_DYNAMIC_FEE = 2,
    TX_BLOB = 3,
    TX_SET_CODE = 4,
};

/// Bytes of one transaction accepted from outside (threat model 4.5).
#define TX_MAX_BYTES ((size_t)128 * 1024)

struct access_entry {
    address_t address;
    const hash_t *keys;
    size_t key_count;
};

/// One EIP-7702 authorization.
struct authorization {
    u256_t chain_id;
    address_t address;
    uint64_t nonce;
    uint8_t y_parity;
    u256_t r;
    u256_t s;
};

/// A decoded transaction. Views point into `raw` or the arena of tx_decode.
struct tx {
    enum tx_type type;
    bool has_chain_id; ///< false only for legacy transactions from before EIP-155
    uint64_t chain_id;
    uint64_t nonce;
    u256_t max_fee_per_gas;          ///< gasPrice for types 0 and 1
    u256_t max_priority_fee_per_gas; ///< gasPrice for types 0 and 1
    uint64_t gas_limit;
    bool is_create; ///< no `to`
    address_t to;
    u256_t value_wei;
    bytes_t data;
    const struct access_entry *access_list;
    size_t access_count;
    u256_t max_fee_per_blob_gas;                ///< type 3
    const hash_t *blob_hashes;                  ///< type 3
    size_t blob_count;                          ///< type 3
    const struct authorization *authorizations; ///< type 4
    size_t authorization_count;
    uint8_t y_parity; ///< recovery id 0 or 1
    u256_t r;
    u256_t s;

    bytes_t raw;     ///< the signed encoding: type byte and payload, or the legacy list
    hash_t hash;     ///< keccak256(raw)
    bool has_sender; ///< `sender` was recovered
    address_t sender;
};

/// Decodes one signed transaction in its canonical binary form (EIP-2718) and hashes it.
/// Does not recover the sender. Everything a decoder can refuse is refused: leading
/// zeros, wrong field count, bad lengths, v outside {27, 28, 35...}, yParity > 1, trailing
/// bytes. `raw` is borrowed and must outlive `*out`; lists are put in `arena`.
///
/// @return ERR_MALFORMED, ERR_LIMIT (a number too large for its field), ERR_UNSUPPORTED
///         (unknown type), ERR_FULL.
MUST_USE err_t tx_decode(struct tx *out, struct arena *arena, bytes_t raw);

/// Decodes a transaction as an item of a block body: a list (legacy) or a string that
/// holds a typed one.
MUST_USE err_t tx_decode_item(struct tx *out, struct arena *arena, bytes_t item);

/// What the sender signed (EIP-155, 2930, 1559, 7702).
hash_t tx_signing_hash(const struct tx *tx);

/// Recovers `sender` from the signature.
/// @return ERR_INVALID if r or s is zero or out of range, s is above half the order
///         (EIP-2), or nothing recovers.
MUST_USE err_t tx_recover_sender(struct tx *tx);

/// Appends the signed encoding, from the fields (not from `raw`).
void tx_encode(struct buf *out, const struct tx *tx);

/// Appends a block-body item from `raw`: legacy as it is, typed as an RLP string.
void tx_put_item(struct buf *out, const struct tx *tx);

/// Signs: fills y_parity, r, s, sender; then raw (in `arena`) and hash.
MUST_USE err_t tx_sign(struct tx *tx, struct arena *arena, const struct secret_key *key);

/// A deep copy: views of `*out` live in `arena` only.
MUST_USE err_t tx_copy(struct tx *out, struct arena *arena, const struct tx *tx);

/// min(maxFee, base + maxPriority): what the sender pays per gas (EIP-1559). The caller
/// knows that maxFee >= base.
u256_t tx_effective_gas_price(const struct tx *tx, const u256_t *base_fee);
