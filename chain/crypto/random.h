// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Bytes nobody can guess (getrandom). Edges only: pure cores are handed randomness.

#include "chain/base/err.h"

#include <stddef.h>

/// Fills `out`. @return ERR_IO if the system has no random source.
MUST_USE err_t random_bytes(void *out, size_t len);
