// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Roots of lists keyed by RLP(index): transactions, receipts, withdrawals.

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// @param values  raw bytes of the elements (typed transactions without RLP wrapping)
MUST_USE err_t list_root(hash_t *out, struct arena *scratch, const bytes_t *values, size_t count);
