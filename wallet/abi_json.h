// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Contract calls with types known only at run time: a signature as text, values as JSON.
///
/// Types are Solidity's: uintN, intN, address, bool, bytesN, bytes, string, T[], T[k] and
/// tuples `(T,..)`; names may follow types. Values:
///
///     uintN, intN     decimal string (0x-hexadecimal too when encoding), or integer
///     address         "0x.." (EIP-55 when decoded)
///     bool            true, false
///     bytesN, bytes   "0x.."
///     string          text; bytes that are not UTF-8 decode to "0x.."
///     T[], tuple      array; a tuple whose fields all have names: object
///
/// Decoding treats its input as hostile: offsets, lengths and the number of values are
/// bounded before anything is built.

#include <jansson.h>

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// The canonical form of a function's or event's signature, as it is hashed:
/// "f(uint a, bytes32)" -> "f(uint256,bytes32)". Stops at the end of the argument list;
/// `*rest` (may be NULL) is what follows, such as the return types.
/// @return ERR_MALFORMED, ERR_LIMIT
MUST_USE err_t abi_json_canonical(struct buf *out, const char *signature, const char **rest);

/// First four bytes of the hash of the canonical signature. @return as abi_json_canonical
MUST_USE err_t abi_json_selector(uint8_t out[4], const char *signature);

/// Hash of the canonical signature: topic 0 of an event. @return as abi_json_canonical
MUST_USE err_t abi_json_topic(hash_t *out, const char *signature);

/// Appends the encoding of `values` (an array) under `types`, "(T,..)" or a signature.
/// `why` (200 bytes) gets the reason in words: which value, what was expected.
/// @return ERR_MALFORMED (types), ERR_INVALID (a value), ERR_LIMIT
MUST_USE err_t abi_json_encode(struct buf *out, const char *types, const json_t *values, char *why);

/// Appends selector and arguments. @return as abi_json_encode
MUST_USE err_t abi_json_encode_call(struct buf *out, const char *signature, const json_t *values,
                                    char *why);

/// Decodes a whole argument list. `*out` is a new array.
/// @return ERR_MALFORMED, ERR_LIMIT
MUST_USE err_t abi_json_decode(json_t **out, const char *types, bytes_t data);

/// One value of `type` from the command line: JSON for arrays and tuples (bare words
/// inside are taken as strings), the text itself otherwise.
/// @return ERR_MALFORMED
MUST_USE err_t abi_json_value_of_text(json_t **out, const char *type, const char *text);

/// Values of a whole call from the command line. `why` (200 bytes) as in abi_json_encode.
MUST_USE err_t abi_json_values_of_args(json_t **out, const char *signature, const char *const *args,
                                       size_t count, char *why);
