// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Reads from the flat tables by hashed keys: what the views over the head and over earlier
/// blocks share.

#include "chain/crypto/keccak.h"
#include "chain/state/flat.h"
#include "chain/store/db.h"

/// *out = account_none() and *exists = false if there is none.
MUST_USE err_t read_account(const struct db_txn *txn, struct account *out, bool *exists,
                            const hash_t *address_hash);

/// Zero if it was never set.
MUST_USE err_t read_slot(const struct db_txn *txn, u256_t *out, const hash_t *address_hash,
                         const hash_t *slot_hash);

/// ERR_CORRUPT if it is not there. The empty code is not stored.
MUST_USE err_t read_code(const struct db_txn *txn, bytes_t *out, const hash_t *code_hash);

/// Zero if there is no such block.
MUST_USE err_t read_block_hash(const struct db_txn *txn, hash_t *out, uint64_t number);

/// A flat table's entry; an empty record if there is none. Valid until the transaction's next
/// write. @return ERR_CORRUPT
MUST_USE err_t read_flat(const struct db_txn *txn, struct flat_value *out,
                         const struct flat_key *key);

/// What a raw value (empty: none) means.
MUST_USE err_t account_of_flat(struct account *out, bool *exists, bytes_t raw);
MUST_USE err_t slot_of_flat(u256_t *out, bytes_t raw);
