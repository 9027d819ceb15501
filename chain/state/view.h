// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the VM may ask of the world before a block: three reads and a block hash. The
/// node answers from flat LMDB tables, tests from a table in memory.

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"
#include "chain/types/account.h"

/// Answers are valid until the view is closed by whoever made it.
struct state_view {
    /// The account at `address`. `*exists` false (and *out = account_none()) if there is
    /// none.
    err_t (*account)(void *ctx, struct account *out, bool *exists, const address_t *address);
    /// The value of a storage slot; zero if it was never set.
    err_t (*slot)(void *ctx, u256_t *out, const address_t *address, const hash_t *key);
    /// The code with this hash. ERR_CORRUPT if it is not there.
    err_t (*code)(void *ctx, bytes_t *out, const hash_t *code_hash);
    /// The hash of an earlier block, for BLOCKHASH; zero if unknown.
    err_t (*block_hash)(void *ctx, hash_t *out, uint64_t number);
    void *ctx;
};
