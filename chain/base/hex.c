// SPDX-License-Identifier: Apache-2.0
#include "chain/base/hex.h"

static const char digits[] = "0123456789abcdef";

/// Value of a digit, or -1.
static int digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    const uint8_t lower = c | 0x20;
    if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
    return -1;
}

static bytes_t without_prefix(bytes_t text)
{
    if (text.len >= 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x') {
        return (bytes_t){text.data + 2, text.len - 2};
    }
    return text;
}

void hex_encode(char *out, bytes_t in)
{
    for (size_t i = 0; i < in.len; i++) {
        *out++ = digits[in.data[i] >> 4];
        *out++ = digits[in.data[i] & 15];
    }
    *out = '\0';
}

static err_t decode_pairs(uint8_t *out, bytes_t hex)
{
    for (size_t i = 0; i < hex.len / 2; i++) {
        const int hi = digit_value(hex.data[2 * i]);
        const int lo = digit_value(hex.data[2 * i + 1]);
        if (hi < 0 || lo < 0) return FAIL(MALFORMED, "hex: not a hexadecimal digit");
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return OK;
}

err_t hex_decode_fixed(uint8_t *out, size_t out_len, bytes_t text)
{
    const bytes_t hex = without_prefix(text);
    if (hex.len / 2 != out_len || hex.len % 2 != 0) return FAIL(MALFORMED, "hex: wrong length");
    return decode_pairs(out, hex);
}

err_t hex_decode(uint8_t *out, size_t cap, size_t *out_len, bytes_t text)
{
    const bytes_t hex = without_prefix(text);
    if (hex.len % 2 != 0) return FAIL(MALFORMED, "hex: odd number of digits");
    if (hex.len / 2 > cap) return FAIL(LIMIT, "hex: too long");
    TRY(decode_pairs(out, hex));
    *out_len = hex.len / 2;
    return OK;
}

struct hex_text hex_hash(const hash_t *h)
{
    struct hex_text t = {"0x"};
    hex_encode(t.s + 2, BYTES_OF(*h));
    return t;
}

struct hex_text hex_address(const address_t *a)
{
    struct hex_text t = {"0x"};
    hex_encode(t.s + 2, BYTES_OF(*a));
    return t;
}
