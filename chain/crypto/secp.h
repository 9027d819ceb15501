// SPDX-License-Identifier: Apache-2.0
#pragma once

/// secp256k1: sign, recover, ECDH. The one file with <secp256k1.h>. Contexts are
/// created and randomised once per process; every function may be called from any
/// thread after secp_setup.

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"
#include "chain/crypto/secret.h"

/// A signature with its recovery id: r, s big endian, v = 0 or 1 (2, 3 exist only for
/// recovery from bytes and are refused by transactions).
typedef struct secp_sig {
    uint8_t r[32];
    uint8_t s[32];
    uint8_t v;
} secp_sig_t;

/// An uncompressed public key without its 0x04 prefix.
typedef struct secp_pubkey {
    uint8_t b[64];
} secp_pubkey_t;

/// The curve's order and its half, big endian (EIP-2: s must not exceed the half).
extern const u256_t SECP_N;
extern const u256_t SECP_HALF_N;

/// Once, before threads start. @return ERR_IO without a random source.
MUST_USE err_t secp_setup(void);

/// Deterministic (RFC 6979), low s. The key must be valid.
secp_sig_t secp_sign(const struct secret_key *key, const hash_t *digest);

/// @return ERR_INVALID if r or s is out of range or no key exists. High s is accepted.
MUST_USE err_t secp_recover(secp_pubkey_t *out, const secp_sig_t *sig, const hash_t *digest);

/// secp_recover, then the address of the key.
MUST_USE err_t secp_recover_address(address_t *out, const secp_sig_t *sig, const hash_t *digest);

/// @return ERR_INVALID if the secret is zero or not below the order.
MUST_USE err_t secp_pubkey_of(secp_pubkey_t *out, const struct secret_key *key);

/// keccak256(public key)[12..32].
address_t secp_address(const secp_pubkey_t *key);

/// @return ERR_INVALID if the point is not on the curve.
MUST_USE err_t secp_pubkey_check(const secp_pubkey_t *key);

/// 33-byte compressed form, and back (33 or 65 bytes in).
void secp_pubkey_compress(uint8_t out[33], const secp_pubkey_t *key);
MUST_USE err_t secp_pubkey_parse(secp_pubkey_t *out, bytes_t in);

/// x coordinate of key * peer (32 bytes, as ECIES and RLPx use it, no hashing).
MUST_USE err_t secp_ecdh(uint8_t out[32], const secp_pubkey_t *peer, const struct secret_key *key);

/// A fresh valid key from the system's random source.
MUST_USE err_t secp_keygen(struct secret_key *out);
