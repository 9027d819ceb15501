// SPDX-License-Identifier: Apache-2.0
#include "wallet/text.h"

#include "chain/base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

err_t text_parse_address(address_t *out, const char *text)
{
    if (text[0] != '0' || text[1] != 'x')
        return FAIL(MALFORMED, "an address is 0x and 40 hexadecimal digits");
    return address_parse(out, bytes_of_str(text));
}

err_t text_parse_hash(hash_t *out, const char *text)
{
    if (strlen(text) != 66 || text[0] != '0' || text[1] != 'x')
        return FAIL(MALFORMED, "a hash is 0x and 64 hexadecimal digits");
    return hex_decode_fixed(out->b, sizeof out->b, bytes_make(text + 2, 64));
}

err_t text_parse_u64(uint64_t *out, const char *text, uint64_t max)
{
    if (*text == 0) return FAIL(MALFORMED, "a number is missing");
    uint64_t v = 0;
    for (const char *p = text; *p != 0; p++) {
        if (*p < '0' || *p > '9') return FAIL(MALFORMED, "not a decimal number");
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v) || v > max)
            return FAIL(LIMIT, "the number is too large");
    }
    *out = v;
    return OK;
}

err_t text_parse_seconds(uint32_t *out, const char *text)
{
    char digits[16];
    const size_t n = strspn(text, "0123456789");
    if (n == 0 || n >= sizeof digits) return FAIL(MALFORMED, "durations are like 60s, 500ms, 2min");
    memcpy(digits, text, n);
    digits[n] = 0;
    uint64_t v;
    TRY(text_parse_u64(&v, digits, 10000000000));
    static const struct {
        const char *unit;
        uint32_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    const char *unit = text + n;
    bool known = strcmp(unit, "ms") == 0;
    if (known) v = (v + 999) / 1000;
    for (size_t i = 0; !known && i < ARRAY_LEN(units); i++) {
        known = strcmp(unit, units[i].unit) == 0;
        if (known) v *= units[i].seconds;
    }
    if (!known) return FAIL(MALFORMED, "durations are like 60s, 500ms, 2min, 1h, 3d");
    if (v > 315360000) return FAIL(LIMIT, "more than ten years");
    *out = (uint32_t)v;
    return OK;
}

static err_t push_digit(u256_t *v, unsigned digit)
{
    const u256_t ten = u256_from_u64(10);
    const u256_t d = u256_from_u64(digit);
    if (!u256_mul_checked(v, v, &ten)) return FAIL(LIMIT, "the amount is too large");
    if (!u256_add_checked(v, v, &d)) return FAIL(LIMIT, "the amount is too large");
    return OK;
}

err_t text_parse_amount(u256_t *out, const char *text)
{
    if (text[0] == '0' && text[1] == 'x') return u256_parse(out, bytes_of_str(text));

    u256_t v = u256_from_u64(0);
    const char *p = text;
    unsigned digits = 0;
    unsigned fraction = 0;
    for (; *p >= '0' && *p <= '9'; p++, digits++) TRY(push_digit(&v, (unsigned)(*p - '0')));
    if (*p == '.') {
        for (p++; *p >= '0' && *p <= '9'; p++, digits++, fraction++)
            TRY(push_digit(&v, (unsigned)(*p - '0')));
        if (fraction == 0) return FAIL(MALFORMED, "digits are missing after the point");
    }
    if (digits == 0) return FAIL(MALFORMED, "not an amount");

    while (*p == ' ') p++;
    unsigned decimals;
    if (*p == 0 || strcasecmp(p, "ether") == 0 || strcasecmp(p, "cairn") == 0)
        decimals = TEXT_DECIMALS;
    else if (strcasecmp(p, "gwei") == 0)
        decimals = 9;
    else if (strcasecmp(p, "wei") == 0)
        decimals = 0;
    else
        return FAIL(MALFORMED, "unknown unit: wei, gwei, ether and CAIRN are known");

    if (fraction > decimals) return FAIL(INVALID, "more digits after the point than the unit has");
    for (; fraction < decimals; fraction++) TRY(push_digit(&v, 0));
    *out = v;
    return OK;
}

struct amount_text text_amount(const u256_t *wei, unsigned digits)
{
    struct amount_text out;
    const struct u256_text dec = u256_dec(wei);
    const size_t len = strlen(dec.s);
    char padded[128];
    const size_t zeros = len > TEXT_DECIMALS ? 0 : TEXT_DECIMALS + 1 - len;
    memset(padded, '0', zeros);
    memcpy(padded + zeros, dec.s, len + 1);

    const size_t whole = zeros + len - TEXT_DECIMALS;
    size_t shown = digits > TEXT_DECIMALS ? TEXT_DECIMALS : digits;
    while (shown > 0 && padded[whole + shown - 1] == '0') shown--;
    memcpy(out.s, padded, whole);
    size_t at = whole;
    if (shown > 0) {
        out.s[at++] = '.';
        memcpy(out.s + at, padded + whole, shown);
        at += shown;
    }
    out.s[at] = 0;
    return out;
}

void text_put_escaped(struct buf *b, const char *s)
{
    for (const uint8_t *p = (const uint8_t *)s; *p != 0; p++) {
        if (*p == '\\')
            buf_put_str(b, "\\\\");
        else if (*p >= 0x20 && *p <= 0x7e)
            buf_put_u8(b, *p);
        else
            buf_printf(b, "\\x%02x", *p);
    }
}

struct age_text text_age(uint64_t then_s, uint64_t now_s)
{
    struct age_text out;
    const bool past = then_s <= now_s;
    const uint64_t d = past ? now_s - then_s : then_s - now_s;
    const char *unit = "s";
    uint64_t n = d;
    if (d >= 172800) {
        n = d / 86400;
        unit = "days";
    } else if (d >= 7200) {
        n = d / 3600;
        unit = "h";
    } else if (d >= 120) {
        n = d / 60;
        unit = "min";
    }
    (void)snprintf(out.s, sizeof out.s, past ? "%" PRIu64 " %s ago" : "in %" PRIu64 " %s", n, unit);
    return out;
}

struct time_text text_time(uint64_t seconds)
{
    struct time_text out;
    struct tm tm;
    const time_t t = (time_t)(seconds > INT32_MAX * (uint64_t)64 ? 0 : seconds);
    if (gmtime_r(&t, &tm) == NULL || strftime(out.s, sizeof out.s, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        out.s[0] = 0;
    return out;
}
