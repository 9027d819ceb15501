// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Keys out of words: BIP-39 (English) and BIP-32 private derivation along BIP-44 paths.

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/crypto/secret.h"

#define WORDS_MAX_TEXT 256 ///< 24 words of at most 8 letters, spaces, terminator
#define WORDS_PATH_MAX 16
#define WORDS_DEFAULT_PATH "m/44'/60'/0'/0/0"

/// The word list is a data file; this compares its sha256 with the published one.
/// @return ERR_CORRUPT if the program was built with another list
MUST_USE err_t words_check_list(void);

/// Words of 16, 20, 24, 28 or 32 bytes of entropy, single spaces between them.
/// @return ERR_INVALID for another length
MUST_USE err_t words_from_entropy(char out[WORDS_MAX_TEXT], bytes_t entropy);

/// Checks count, words and checksum, and puts the words in canonical form (lower case,
/// single spaces) into `out`.
/// @return ERR_MALFORMED (count), ERR_NOT_FOUND (a word that is not in the list; its
///         position from 1 in `*position`), ERR_MISMATCH (checksum)
MUST_USE err_t words_check(char out[WORDS_MAX_TEXT], unsigned *position, const char *text);

/// Seed of canonical words: PBKDF2-HMAC-SHA512, 2048 rounds, salt "mnemonic" + passphrase
/// (ASCII; other text would need normalisation first and is ERR_UNSUPPORTED).
MUST_USE err_t words_seed(uint8_t out[64], const char *words, const char *passphrase);

/// A private key with its chain code (BIP-32).
struct hd_key {
    uint8_t secret[32];
    uint8_t chain_code[32];
};

/// @return ERR_INVALID for a seed outside 16..64 bytes, or whose key does not exist
MUST_USE err_t hd_master(struct hd_key *out, bytes_t seed);

/// Child `index`; from 2^31 on hardened. @return ERR_INVALID if that key does not exist
/// (probability below 2^-127: take the next index)
MUST_USE err_t hd_child(struct hd_key *out, const struct hd_key *parent, uint32_t index);

/// Reads "m/44'/60'/0'/0/0" (' or h for hardened). @return ERR_MALFORMED, ERR_LIMIT
MUST_USE err_t hd_parse_path(uint32_t out[WORDS_PATH_MAX], size_t *count, const char *path);

/// The key at `path` under `seed`. @return as the functions above
MUST_USE err_t hd_derive(struct secret_key *out, bytes_t seed, const char *path);
