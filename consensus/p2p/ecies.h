// SPDX-License-Identifier: Apache-2.0
#pragma once

/// ECIES as RLPx uses it for its two handshake packets (devp2p rlpx.md, "ECIES Encryption"):
/// an ephemeral key agrees on a secret with the recipient's key; AES-128-CTR hides, HMAC-SHA256
/// protects.
///
///     R(65: 04 || ephemeral public key) || iv(16) || c(len) || tag(32)

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/crypto/secp.h"

/// Bytes that encryption adds.
#define ECIES_OVERHEAD ((size_t)(65 + 16 + 32))

/// Appends the encryption of `plain` for the owner of `to`.
///
/// @param ephemeral  a fresh key, used for nothing else
/// @param iv         fresh random bytes
/// @param auth       goes into the tag, not into the output
/// @return ERR_INVALID if `to` is no point of the curve; ERR_FULL
MUST_USE err_t ecies_encrypt(struct buf *out, const secp_pubkey_t *to, bytes_t plain, bytes_t auth,
                             const struct secret_key *ephemeral, const uint8_t iv[16]);

/// Decrypts `in` into `out`, which has room for in.len - ECIES_OVERHEAD bytes.
///
/// @param[out] out  untouched on failure
/// @return ERR_INVALID, always with the same words: a sender must not learn what was wrong
MUST_USE err_t ecies_decrypt(uint8_t *out, bytes_t in, bytes_t auth, const struct secret_key *key);
