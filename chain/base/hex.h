// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Hexadecimal text.

#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// Writes 2 * in.len lower-case digits and a terminator; no prefix.
void hex_encode(char *out, bytes_t in);

/// Decodes exactly 2 * out_len digits, with or without "0x", any case.
/// @return ERR_MALFORMED on a wrong length or digit; `out` is then undefined.
MUST_USE err_t hex_decode_fixed(uint8_t *out, size_t out_len, bytes_t text);

/// Decodes an even number of digits, with or without "0x", into at most `cap` bytes.
/// `out` may be where the text is (decoding in place).
/// @return ERR_MALFORMED for odd length or a bad digit, ERR_LIMIT if it does not fit.
MUST_USE err_t hex_decode(uint8_t *out, size_t cap, size_t *out_len, bytes_t text);

/// A short-lived text of a hash or address, for logs: "0x" + digits, by value.
struct hex_text {
    char s[2 + 64 + 1];
};
struct hex_text hex_hash(const hash_t *h);
struct hex_text hex_address(const address_t *a);
