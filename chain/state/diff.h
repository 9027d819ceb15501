// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a block (or a transaction) changed, as plain data: made by vm/overlay, written by
/// state/commit. Only net changes are listed.

#include "chain/base/bytes.h"
#include "chain/base/u256.h"
#include "chain/types/account.h"

struct slot_change {
    hash_t key;   ///< the slot as the contract names it (not hashed)
    u256_t value; ///< new value; zero deletes
};

struct account_change {
    address_t address;
    bool deleted;         ///< the account is gone afterwards (its storage with it)
    bool storage_cleared; ///< its old storage is gone before `slots` apply (re-created)
    struct account now;   ///< new nonce, balance and code hash; storage_root is the old one
    bytes_t code;         ///< the new code, if code_hash changed in this diff; else empty
    const struct slot_change *slots; ///< sorted by key, without duplicates
    size_t slot_count;
};

/// Sorted by address, without duplicates. Owned by whoever owns the arena it was made in.
struct state_diff {
    const struct account_change *accounts;
    size_t account_count;
};
