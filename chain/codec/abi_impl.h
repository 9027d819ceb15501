// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the files of the ABI share. Private to chain/codec.

#include "chain/codec/abi.h"

#define ABI_WORD ((size_t)32)

/// The type of a list's i-th item.
static inline const struct abi_type *abi_item_type(const struct abi_type *list, size_t i)
{
    return list->is_tuple ? &list->fields[i] : &list->fields[0];
}

/// Appends the canonical name: "uint256", "(address,bytes32)[3]".
void abi_type_print(struct buf *out, const struct abi_type *type);

/// Whether a number's bits are a value of an integer or bool type.
bool abi_number_fits(const struct abi_type *type, const u256_t *number);

/// One static word as a value (numbers, bool, address, fixed bytes). Bytes borrow.
MUST_USE err_t abi_decode_word(struct abi_value *out, const struct abi_type *type,
                               const uint8_t word[32]);
