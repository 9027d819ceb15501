// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Arithmetic on outside numbers: the result says whether it fitted, and must be
/// looked at. On overflow `*out` is untouched.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECKED_OP(NAME, TYPE, BUILTIN)                                                            \
    __attribute__((warn_unused_result)) static inline bool NAME(TYPE *out, TYPE a, TYPE b)         \
    {                                                                                              \
        TYPE r;                                                                                    \
        if (BUILTIN(a, b, &r)) return false;                                                       \
        *out = r;                                                                                  \
        return true;                                                                               \
    }

CHECKED_OP(checked_add_u64, uint64_t, __builtin_add_overflow)
CHECKED_OP(checked_sub_u64, uint64_t, __builtin_sub_overflow)
CHECKED_OP(checked_mul_u64, uint64_t, __builtin_mul_overflow)
CHECKED_OP(checked_add_size, size_t, __builtin_add_overflow)
CHECKED_OP(checked_mul_size, size_t, __builtin_mul_overflow)
