// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Addresses as people read and write them (EIP-55), and the addresses that creations get.

#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// "0x" and 40 digits, mixed case as EIP-55 says, terminated.
struct address_text {
    char s[2 + 40 + 1];
};
struct address_text address_to_checksum(const address_t *a);

/// Reads 40 hexadecimal digits with or without "0x". All lower or all upper case passes
/// unchecked; mixed case must be the right EIP-55 checksum.
/// @return ERR_MALFORMED wrong length or digit; ERR_MISMATCH wrong checksum (a mistyped
///         address). On failure `*out` is untouched.
MUST_USE err_t address_parse(address_t *out, bytes_t text);

/// CREATE and creation transactions: keccak256(RLP[sender, nonce])[12..32].
address_t address_of_create(const address_t *sender, uint64_t nonce);

/// CREATE2 (EIP-1014): keccak256(0xff, sender, salt, keccak256(initcode))[12..32].
address_t address_of_create2(const address_t *sender, const hash_t *salt,
                             const hash_t *initcode_hash);
