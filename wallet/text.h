// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Values as people write and read them: addresses with their checksum, amounts with a
/// unit, times with their age, text from outside made harmless.

#include <stdbool.h>
#include <stdint.h>

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"
#include "chain/types/address.h"

/// Decimals of ether and of the federation's token.
#define TEXT_DECIMALS 18

/// Short for address_to_checksum: an address in EIP-55's mixed case, by value.
static inline struct address_text text_address(const address_t *a)
{
    return address_to_checksum(a);
}

/// Reads an address as address_parse does, and nothing without "0x".
MUST_USE err_t text_parse_address(address_t *out, const char *text);

/// Reads 0x and 64 digits. @return ERR_MALFORMED
MUST_USE err_t text_parse_hash(hash_t *out, const char *text);

/// Reads a decimal number of at most `max`. @return ERR_MALFORMED, ERR_LIMIT
MUST_USE err_t text_parse_u64(uint64_t *out, const char *text, uint64_t max);

/// Reads a duration: "90", "90s", "500ms" (rounded up), "2min", "1h", "3d".
/// @return ERR_MALFORMED; ERR_LIMIT above ten years
MUST_USE err_t text_parse_seconds(uint32_t *out, const char *text);

/// Reads an amount: digits with an optional fraction and an optional unit `wei`, `gwei`,
/// `ether` or `CAIRN` after it (with or without a space). Without a unit it counts in
/// 10^18 base units, as people say it; "0x.." and "..wei" are base units.
/// @return ERR_MALFORMED; ERR_LIMIT beyond 256 bits; ERR_INVALID for more digits after
///         the point than the unit has.
MUST_USE err_t text_parse_amount(u256_t *out, const char *text);

/// An amount of base units with its 18 decimals, trailing zeros cut: "59.850374".
/// At most `digits` after the point, cut and not rounded: what is shown is never more
/// than what is there.
struct amount_text {
    char s[104];
};
struct amount_text text_amount(const u256_t *wei, unsigned digits);

/// Appends text from outside with control characters, quotes and bytes above 0x7e as
/// escapes, so that it cannot move the cursor or pretend to be ours.
void text_put_escaped(struct buf *b, const char *s);

/// "3 min ago", "in 2 h"; seconds since 1970 both.
struct age_text {
    char s[48];
};
struct age_text text_age(uint64_t then_s, uint64_t now_s);

/// RFC 3339 in UTC.
struct time_text {
    char s[32];
};
struct time_text text_time(uint64_t seconds);
