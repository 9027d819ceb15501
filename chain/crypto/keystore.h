// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Web3 Secret Storage version 3: one private key in one JSON file.

#include <stdio.h>

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/crypto/secret.h"

/// scrypt's cost. The default is the customary 2^18, 8, 1 (about a second, 256 MiB).
struct keystore_cost {
    uint64_t n;
    uint32_t r;
    uint32_t p;
};
extern const struct keystore_cost KEYSTORE_COST_DEFAULT;
extern const struct keystore_cost KEYSTORE_COST_LIGHT; ///< 2^12, 8, 6: tests and throw-away keys

/// Reads a file's JSON text (either "crypto" or "Crypto"; scrypt or pbkdf2).
/// @return ERR_MISMATCH wrong password (or a corrupt file: they cannot be told apart),
///         ERR_MALFORMED, ERR_UNSUPPORTED, ERR_INVALID (not a private key inside, impossible
///         KDF parameters), ERR_LIMIT (KDF parameters of a hostile file).
MUST_USE err_t keystore_decrypt(struct secret_key *out, bytes_t json, bytes_t password);

/// The address a file claims, without its password. ERR_NOT_FOUND if it has none.
MUST_USE err_t keystore_peek_address(address_t *out, bytes_t json);

/// The file's JSON text in `*out_json` (heap, terminated; the caller frees).
MUST_USE err_t keystore_encrypt(char **out_json, const struct secret_key *key, bytes_t password,
                                struct keystore_cost cost);

/// Writes a secret file: 0600, to a temporary name beside it, synced, then linked to its
/// name. ERR_BUSY if the name exists and `replace` is false.
MUST_USE err_t secret_file_write(const char *path, bytes_t content, bool replace);
