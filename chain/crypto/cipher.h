// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Symmetric primitives over OpenSSL: what the keystore, RLPx and BIP-39 need.

#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// AES in counter mode, key 16 or 32 bytes; encrypts and decrypts. `out` may be `in`.
MUST_USE err_t aes_ctr(uint8_t *out, bytes_t in, bytes_t key, const uint8_t iv[16]);

/// AES-256 in counter mode as a running stream, as RLPx has one for each direction: what is
/// encrypted in pieces equals what is encrypted at once.
struct aes_stream;
/// @return ERR_IO if the crypto library refuses
MUST_USE err_t aes_stream_new(struct aes_stream **out, const uint8_t key[32], const uint8_t iv[16]);
/// Encrypts or decrypts `len` bytes; `out` may be `in`.
void aes_stream_xor(struct aes_stream *s, uint8_t *out, const uint8_t *in, size_t len);
void aes_stream_free(struct aes_stream *s); ///< NULL is allowed

/// The bare block cipher AES-256, for what builds a MAC on it.
struct aes_block;
/// @return ERR_IO if the crypto library refuses
MUST_USE err_t aes_block_new(struct aes_block **out, const uint8_t key[32]);
/// One block; `out` may be `in`.
void aes_block_encrypt(struct aes_block *b, uint8_t out[16], const uint8_t in[16]);
void aes_block_free(struct aes_block *b); ///< NULL is allowed

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
