// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Private keys: locked in memory, kept out of core dumps, wiped when done, compared
/// without leaking where they differ. Few functions take one, all in chain/crypto.

#include <stdbool.h>
#include <stddef.h>

#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// A secp256k1 private key. Lives only in memory from secret_new.
struct secret_key {
    uint8_t b[32];
};

/// A zeroed key in a locked page (mlock, MADV_DONTDUMP; shared with other keys only). ERR_IO if the system
/// refuses to lock; then no key is handled.
MUST_USE err_t secret_new(struct secret_key **out);
void secret_free(struct secret_key *key); ///< wipes first; NULL is allowed

/// A memset(0) that cannot be optimized away.
void secret_wipe(void *p, size_t len);

/// Constant-time comparison for MACs and tokens.
bool ct_equal(const void *a, const void *b, size_t len);
