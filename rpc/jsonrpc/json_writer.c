// SPDX-License-Identifier: Apache-2.0
#include "rpc/jsonrpc/json_writer.h"

#include <inttypes.h>

static void before_value(struct json_writer *w)
{
    if (w->comma) buf_put_u8(w->buf, ',');
    w->comma = true;
}

void jw_open(struct json_writer *w, char bracket)
{
    before_value(w);
    buf_put_u8(w->buf, (uint8_t)bracket);
    w->comma = false;
}

void jw_close(struct json_writer *w, char bracket)
{
    buf_put_u8(w->buf, (uint8_t)bracket);
    w->comma = true;
}

void jw_key(struct json_writer *w, const char *key)
{
    if (w->comma) buf_put_u8(w->buf, ',');
    buf_put_u8(w->buf, '"');
    buf_put_str(w->buf, key);
    buf_put(w->buf, LIT("\":"));
    w->comma = false;
}

void jw_null(struct json_writer *w)
{
    before_value(w);
    buf_put(w->buf, LIT("null"));
}

void jw_bool(struct json_writer *w, bool v)
{
    before_value(w);
    buf_put_str(w->buf, v ? "true" : "false");
}

void jw_int(struct json_writer *w, int64_t v)
{
    before_value(w);
    buf_printf(w->buf, "%" PRId64, v);
}

void jw_uint(struct json_writer *w, uint64_t v)
{
    before_value(w);
    buf_printf(w->buf, "%" PRIu64, v);
}

/// Length of the well-formed UTF-8 sequence at `s`, or 0.
static size_t utf8_len(bytes_t s)
{
    const uint8_t c = s.data[0];
    size_t len;
    uint32_t min;
    uint32_t v;
    if (c < 0x80) return 1;
    if (c >= 0xc2 && c < 0xe0)
        len = 2, min = 0x80, v = c & 0x1f;
    else if (c >= 0xe0 && c < 0xf0)
        len = 3, min = 0x800, v = c & 0x0f;
    else if (c >= 0xf0 && c < 0xf5)
        len = 4, min = 0x10000, v = c & 0x07;
    else
        return 0;
    if (s.len < len) return 0;
    for (size_t i = 1; i < len; i++) {
        if ((s.data[i] & 0xc0) != 0x80) return 0;
        v = v << 6 | (s.data[i] & 0x3f);
    }
    if (v < min || v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) return 0;
    return len;
}

void jw_str_len(struct json_writer *w, bytes_t s)
{
    before_value(w);
    buf_put_u8(w->buf, '"');
    for (size_t i = 0; i < s.len;) {
        const uint8_t c = s.data[i];
        if (c == '"' || c == '\\') {
            buf_put_u8(w->buf, '\\');
            buf_put_u8(w->buf, c);
            i++;
        } else if (c < 0x20 || c == 0x7f) {
            buf_printf(w->buf, "\\u%04x", c);
            i++;
        } else {
            const size_t len = utf8_len(bytes_make(s.data + i, s.len - i));
            if (len == 0) {
                buf_put(w->buf, LIT("\xef\xbf\xbd"));
                i++;
            } else {
                buf_put(w->buf, bytes_make(s.data + i, len));
                i += len;
            }
        }
    }
    buf_put_u8(w->buf, '"');
}

void jw_str(struct json_writer *w, const char *s)
{
    jw_str_len(w, bytes_of_str(s));
}

void jw_raw(struct json_writer *w, bytes_t json)
{
    before_value(w);
    buf_put(w->buf, json);
}

static int put_dumped(const char *text, size_t len, void *cls)
{
    buf_put(cls, bytes_make(text, len));
    return 0;
}

void jw_json(struct json_writer *w, const json_t *value)
{
    before_value(w);
    if (json_dump_callback(value, put_dumped, w->buf,
                           JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17)) != 0) {
        w->buf->full = true;
    }
}

static const char digits[] = "0123456789abcdef";

void jw_qty256(struct json_writer *w, const u256_t *v)
{
    char text[2 + 64 + 2];
    size_t len = 0;
    text[len++] = '"';
    text[len++] = '0';
    text[len++] = 'x';
    const unsigned nibbles = (u256_bit_len(v) + 3) / 4;
    if (nibbles == 0) text[len++] = '0';
    for (unsigned i = nibbles; i-- > 0;) {
        text[len++] = digits[v->limb[i / 16] >> (i % 16 * 4) & 15];
    }
    text[len++] = '"';
    before_value(w);
    buf_put(w->buf, bytes_make(text, len));
}

void jw_qty(struct json_writer *w, uint64_t v)
{
    const u256_t wide = u256_from_u64(v);
    jw_qty256(w, &wide);
}

void jw_data(struct json_writer *w, bytes_t v)
{
    before_value(w);
    uint8_t *p = v.len > SIZE_MAX / 4 ? NULL : buf_extend(w->buf, 2 * v.len + 4);
    if (p == NULL) {
        w->buf->full = true;
        return;
    }
    *p++ = '"';
    *p++ = '0';
    *p++ = 'x';
    for (size_t i = 0; i < v.len; i++) {
        *p++ = (uint8_t)digits[v.data[i] >> 4];
        *p++ = (uint8_t)digits[v.data[i] & 15];
    }
    *p = '"';
}

void jw_hash(struct json_writer *w, const hash_t *v)
{
    jw_data(w, BYTES_OF(v->b));
}

void jw_address(struct json_writer *w, const address_t *v)
{
    jw_data(w, BYTES_OF(v->b));
}

void jw_dec256(struct json_writer *w, const u256_t *v)
{
    const struct u256_text text = u256_dec(v);
    jw_str(w, text.s);
}

void jw_kv_null(struct json_writer *w, const char *key)
{
    jw_key(w, key);
    jw_null(w);
}

void jw_kv_bool(struct json_writer *w, const char *key, bool v)
{
    jw_key(w, key);
    jw_bool(w, v);
}

void jw_kv_int(struct json_writer *w, const char *key, int64_t v)
{
    jw_key(w, key);
    jw_int(w, v);
}

void jw_kv_uint(struct json_writer *w, const char *key, uint64_t v)
{
    jw_key(w, key);
    jw_uint(w, v);
}

void jw_kv_str(struct json_writer *w, const char *key, const char *v)
{
    jw_key(w, key);
    jw_str(w, v);
}

void jw_kv_qty(struct json_writer *w, const char *key, uint64_t v)
{
    jw_key(w, key);
    jw_qty(w, v);
}

void jw_kv_qty256(struct json_writer *w, const char *key, const u256_t *v)
{
    jw_key(w, key);
    jw_qty256(w, v);
}

void jw_kv_data(struct json_writer *w, const char *key, bytes_t v)
{
    jw_key(w, key);
    jw_data(w, v);
}

void jw_kv_hash(struct json_writer *w, const char *key, const hash_t *v)
{
    jw_key(w, key);
    jw_hash(w, v);
}

void jw_kv_address(struct json_writer *w, const char *key, const address_t *v)
{
    jw_key(w, key);
    jw_address(w, v);
}
