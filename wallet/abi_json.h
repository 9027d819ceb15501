// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The contract ABI with values as JSON: chain/codec/abi for callers that live in JSON.
///
///     uintN, intN     decimal string (0x.. and units too when encoding), or integer
///     address         "0x.." (EIP-55 when decoded)
///     bool            true, false
///     bytesN, bytes   "0x.."
///     string          text; bytes that are not UTF-8 decode to "0x.."
///     T[], tuple      array; a tuple whose fields all have names: object
///
/// Signatures are those of abi_signature_parse.

#include <jansson.h>

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/codec/abi.h"

/// First four bytes of the hash of the canonical signature; topic 0 of an event.
/// @return as abi_signature_parse
MUST_USE err_t abi_json_selector(uint8_t out[4], const char *signature);
MUST_USE err_t abi_json_topic(hash_t *out, const char *signature);

/// Appends selector and encoded arguments; `values` is an array, NULL for none. `why`
/// says which value was refused, what was expected.
/// @return ERR_MALFORMED (signature), ERR_INVALID (a value), ERR_LIMIT, ERR_FULL
MUST_USE err_t abi_json_encode_call(struct buf *out, const char *signature, const json_t *values,
                                    struct abi_detail *why);

/// Decodes the arguments of a signature (or bare list "(T,..)"). `*out` is a new array.
/// @return ERR_MALFORMED, ERR_LIMIT, ERR_FULL
MUST_USE err_t abi_json_decode(json_t **out, const char *signature, bytes_t data);

/// Decodes what a function returns: the outputs of its signature, an empty array if it
/// names none.
MUST_USE err_t abi_json_decode_result(json_t **out, const char *signature, bytes_t data);

/// Decodes the arguments of a call or a log as an object by name (by position where there
/// is no name). @return also ERR_MISMATCH if topic 0 is another event's
MUST_USE err_t abi_json_decode_named(json_t **out, const char *signature, bytes_t data);
MUST_USE err_t abi_json_decode_log(json_t **out, const char *signature, const hash_t *topics,
                                   size_t topic_count, bytes_t data);

/// Arguments of a call from the command line, as abi_args_parse reads them. `*out` is a
/// new array.
MUST_USE err_t abi_json_of_args(json_t **out, const char *signature, const char *const *args,
                                size_t count, struct abi_detail *why);

/// Has the signature return types?
bool abi_json_has_outputs(const char *signature);
