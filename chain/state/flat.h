// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Keys and values of the flat tables, and their entry in a trie. A stored account without
/// code and storage is about a dozen bytes: half the bytes are half the pages.
///
///     accounts   keccak(address) -> record, changes
///     slots      keccak(address) keccak(slot) -> record, changes
///
///     record of an account   lengths, nonce, balance [, storage root] [, code hash]
///     record of a slot       length, value
///
/// An account's first byte has bit 7 for a storage root, bit 6 for a code hash and the
/// balance's length below; the second byte is the nonce's length. Numbers are big-endian and
/// minimal. The changes are the blocks that changed the record lately (chain/state/history.h):
/// beside it, so that noting one dirties no other page. The first is given as it is, each later
/// one by its distance, seven bits per byte, the lowest first.
///
/// Between these entries lie the lower trie nodes (chain/state/nodes.h); their keys have other
/// lengths.

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"
#include "chain/types/account.h"

/// A key of `accounts` (32 bytes) or `slots` (64 bytes).
struct flat_key {
    uint8_t b[64];
    uint8_t len;
};

static inline bytes_t flat_key_bytes(const struct flat_key *k)
{
    return (bytes_t){k->b, k->len};
}

/// Keys from hashes.
struct flat_key flat_account_key(const hash_t *address_hash);
/// The slot's key, of the account before it.
struct flat_key flat_slot_key(const hash_t *address_hash, const hash_t *slot_hash);

#define FLAT_ACCOUNT_MAX (2 + 8 + 32 + 32 + 32)

/// Writes the packed form. @return its length
size_t flat_account_encode(uint8_t out[FLAT_ACCOUNT_MAX], const struct account *a);
/// @return ERR_CORRUPT
MUST_USE err_t flat_account_decode(struct account *out, bytes_t in);

#define FLAT_SLOT_MAX (1 + 32)

/// Writes the packed form of a value that is not zero. @return its length
size_t flat_slot_encode(uint8_t out[FLAT_SLOT_MAX], const u256_t *value);
/// @return ERR_CORRUPT
MUST_USE err_t flat_slot_decode(u256_t *out, bytes_t in);

/// A stored value, taken apart; views into it.
struct flat_value {
    bytes_t record;  ///< empty: no entry
    bytes_t changes; ///< empty: as in block 0
};

/// @param key_len  32 or 64: an account or a slot
/// @return ERR_CORRUPT if the record runs past the end
MUST_USE err_t flat_split(struct flat_value *out, size_t key_len, bytes_t stored);

/// Numbers in `changes`, at most, and their bytes.
#define FLAT_CHANGES_MAX 16
#define FLAT_CHANGES_BYTES (FLAT_CHANGES_MAX * 10)

/// Numbers in ascending order. @return the length
size_t flat_changes_encode(uint8_t out[FLAT_CHANGES_BYTES], const uint64_t *numbers, size_t count);
/// @return ERR_CORRUPT
MUST_USE err_t flat_changes_decode(uint64_t out[FLAT_CHANGES_MAX], size_t *count, bytes_t in);

/// The account as a leaf of the state trie: RLP[nonce, balance, storage root, code hash]
/// (Yellow Paper 4.1). @return its length
#define TRIE_ACCOUNT_MAX 120
size_t trie_account_encode(uint8_t out[TRIE_ACCOUNT_MAX], const struct account *a);

/// A slot's value as a leaf of a storage trie: RLP of the number. Zero has none.
#define TRIE_SLOT_MAX 33
size_t trie_slot_encode(uint8_t out[TRIE_SLOT_MAX], const u256_t *value);
