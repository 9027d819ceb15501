// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Symmetric primitives over OpenSSL: what the keystore, RLPx and BIP-39 need.

#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// AES in counter mode, key 16 or 32 bytes; encrypts and decrypts. `out` may be `in`.
MUST_USE err_t aes_ctr(uint8_t *out, bytes_t in, bytes_t key, const uint8_t iv[16]);

/// HMAC (RFC 2104). Keys and messages of any length.
hash_t hmac_sha256(bytes_t key, bytes_t message);
/// The same with SHA-512.
void hmac_sha512(uint8_t out[64], bytes_t key, bytes_t message);

/// PBKDF2 with HMAC-SHA256 or HMAC-SHA512.
MUST_USE err_t pbkdf2_sha256(uint8_t *out, size_t out_len, bytes_t password, bytes_t salt,
                             uint64_t rounds);
MUST_USE err_t pbkdf2_sha512(uint8_t *out, size_t out_len, bytes_t password, bytes_t salt,
                             uint64_t rounds);

/// scrypt. @return ERR_LIMIT above n = 2^20, r * p = 64 or 1 GiB; ERR_INVALID if n is not
/// a power of two above 1.
MUST_USE err_t scrypt_kdf(uint8_t *out, size_t out_len, bytes_t password, bytes_t salt, uint64_t n,
                          uint32_t r, uint32_t p);
