// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What wallets sign besides transactions: messages (EIP-191, version 0x45) and typed data
/// (EIP-712).
///
///     digest  = keccak256(0x19 0x01 || hash(domain) || hash(message))
///     hash(s) = keccak256(typeHash || encode(member 1) || encode(member 2) ..)
///     encode  = 32 bytes: the value itself, or the hash of a string, bytes, array or struct
///
/// Typed data is JSON: {types, primaryType, domain, message}. Numbers are integers, decimal
/// or 0x strings. Members that the types do not name are not part of what is signed.

#include <jansson.h>

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/crypto/secp.h"

/// Structs within structs, arrays within arrays.
#define TYPED_DATA_DEPTH 32

/// Why typed data was refused.
struct typed_data_detail {
    char text[200];
};

/// What is signed of typed data.
struct typed_data_hash {
    hash_t domain; ///< the domain separator
    hash_t message;
    hash_t digest;
};

/// @return ERR_MALFORMED (`why` names the member and what was expected), ERR_LIMIT
MUST_USE err_t typed_data_digest(struct typed_data_hash *out, const json_t *data,
                                 struct typed_data_detail *why);

/// The encoded type: "Mail(Person from,..)Person(..)".
MUST_USE err_t typed_data_encode_type(struct buf *out, const json_t *types, const char *name,
                                      struct typed_data_detail *why);

/// Calls `show` for every member that is signed, in order, domain first: its path
/// ("message.from.wallet"), type and value (a string, number or bool).
void typed_data_walk(const json_t *data,
                     void (*show)(void *user, const char *path, const char *type,
                                  const json_t *value),
                     void *user);

/// keccak256("\x19Ethereum Signed Message:\n" || length || message).
hash_t message_digest(bytes_t message);

/// A signature as 65 bytes r || s || v, v 27 or 28 (0 and 1 are read too).
void signature_write(uint8_t out[65], const secp_sig_t *sig);
/// @return ERR_MALFORMED (length, v), ERR_INVALID (s above half the order, EIP-2)
MUST_USE err_t signature_read(secp_sig_t *out, bytes_t in);
