// SPDX-License-Identifier: Apache-2.0
#include "rpc/jsonrpc/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Objects with more members are sorted to find one that is there twice.
#define FEW_KEYS 16

struct scan {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    unsigned depth;
    err_t err;
    bytes_t *keys; ///< of all open objects, quotes left out
    size_t key_count;
    size_t key_cap;
};

static bool stop(struct scan *s, err_t err)
{
    s->err = err;
    return false;
}

static bool malformed(struct scan *s, const char *why)
{
    return stop(s, (err_t){ERR_MALFORMED, why});
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static bool next_is(const struct scan *s, char c)
{
    return s->at < s->end && *s->at == (uint8_t)c;
}

static bool eat(struct scan *s, char c)
{
    if (!next_is(s, c)) return false;
    s->at++;
    return true;
}

// ---- strings ------------------------------------------------------------------------------

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Four hex digits; -1 if they are not.
static int32_t code_unit(const uint8_t *p, const uint8_t *end)
{
    if (end - p < 4) return -1;
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        const int d = hex_digit(p[i]);
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

/// After a backslash.
static bool scan_escape(struct scan *s)
{
    if (s->at == s->end) return malformed(s, "a string does not end");
    const uint8_t c = *s->at++;
    if (c != 'u') {
        static const char simple[] = "\"\\/bfnrt";
        return memchr(simple, c, sizeof simple - 1) != NULL || malformed(s, "unknown escape");
    }
    const int32_t unit = code_unit(s->at, s->end);
    if (unit < 0) return malformed(s, "\\u wants four hex digits");
    s->at += 4;
    if (is_low(unit)) return malformed(s, "lone surrogate");
    if (!is_high(unit)) return true;
    if (s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u' ||
        !is_low(code_unit(s->at + 2, s->end)))
        return malformed(s, "lone surrogate");
    s->at += 6;
    return true;
}

/// One character of several bytes (Unicode, table 3-7).
static bool scan_wide(struct scan *s)
{
    const uint8_t c = *s->at;
    size_t len = 0;
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    if (c >= 0xc2 && c <= 0xdf) {
        len = 2;
    } else if (c >= 0xe0 && c <= 0xef) {
        len = 3;
        if (c == 0xe0) low = 0xa0;
        if (c == 0xed) high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
        len = 4;
        if (c == 0xf0) low = 0x90;
        if (c == 0xf4) high = 0x8f;
    }
    if (len == 0 || (size_t)(s->end - s->at) < len) return malformed(s, "not UTF-8");
    if (s->at[1] < low || s->at[1] > high) return malformed(s, "not UTF-8");
    for (size_t i = 2; i < len; i++) {
        if ((s->at[i] & 0xc0) != 0x80) return malformed(s, "not UTF-8");
    }
    s->at += len;
    return true;
}

/// At the opening quote. @param[out] out  the text, quotes included
static bool scan_string(struct scan *s, bytes_t *out)
{
    const uint8_t *from = s->at++;
    for (;;) {
        while (s->at < s->end && *s->at >= 0x20 && *s->at < 0x80 && *s->at != '"' && *s->at != '\\')
            s->at++;
        if (s->at == s->end) return malformed(s, "a string does not end");
        if (*s->at == '"') break;
        if (*s->at < 0x20) return malformed(s, "control character in a string");
        if (*s->at == '\\') {
            s->at++;
            if (!scan_escape(s)) return false;
        } else if (!scan_wide(s)) {
            return false;
        }
    }
    s->at++;
    *out = bytes_make(from, (size_t)(s->at - from));
    return true;
}

/// Reads the decoded bytes of a scanned string's content one by one.
struct decoded {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t pending[4]; ///< of an escape, last one first
    unsigned pending_count;
};

static void push_utf8(struct decoded *d, uint32_t v)
{
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    const unsigned more = v < 0x80 ? 0 : v < 0x800 ? 1 : v < 0x10000 ? 2 : 3;
    for (unsigned i = 0; i < more; i++) {
        d->pending[i] = (uint8_t)(0x80 | (v & 0x3f));
        v >>= 6;
    }
    d->pending[more] = (uint8_t)(lead[more] | v);
    d->pending_count = more + 1;
}

/// The next byte, or -1 at the end.
static int decoded_next(struct decoded *d)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    if (d->pending_count != 0) return d->pending[--d->pending_count];
    if (d->at == d->end) return -1;
    const uint8_t c = *d->at++;
    if (c != '\\') return c;
    const uint8_t e = *d->at++;
    if (e != 'u') {
        const char *short_form = memchr(from, e, sizeof from - 1);
        return short_form == NULL ? e : (uint8_t)to[short_form - from];
    }
    uint32_t v = (uint32_t)code_unit(d->at, d->end);
    d->at += 4;
    if (is_high((int32_t)v)) {
        const uint32_t low = (uint32_t)code_unit(d->at + 2, d->end);
        v = 0x10000 + ((v & 0x3ff) << 10) + (low & 0x3ff);
        d->at += 6;
    }
    push_utf8(d, v);
    return d->pending[--d->pending_count];
}

static int compare_keys(const void *a, const void *b)
{
    const bytes_t *x = a;
    const bytes_t *y = b;
    struct decoded p = {.at = x->data, .end = x->data + x->len};
    struct decoded q = {.at = y->data, .end = y->data + y->len};
    for (;;) {
        const int c = decoded_next(&p);
        const int d = decoded_next(&q);
        if (c != d) return c - d;
        if (c < 0) return 0;
    }
}

static bool has_escape(bytes_t key)
{
    return key.len != 0 && memchr(key.data, '\\', key.len) != NULL;
}

static bool same_key(bytes_t a, bytes_t b)
{
    if (has_escape(a) || has_escape(b)) return compare_keys(&a, &b) == 0;
    return bytes_eq(a, b);
}

// ---- values -------------------------------------------------------------------------------

static bool scan_value(struct scan *s, struct envelope *into);

static bool scan_digits(struct scan *s)
{
    if (s->at == s->end || *s->at < '0' || *s->at > '9') return malformed(s, "a digit is missing");
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') s->at++;
    return true;
}

static bool scan_number(struct scan *s)
{
    (void)eat(s, '-');
    if (!eat(s, '0') && !scan_digits(s)) return false;
    if (eat(s, '.') && !scan_digits(s)) return false;
    if (!eat(s, 'e') && !eat(s, 'E')) return true;
    if (!eat(s, '+')) (void)eat(s, '-');
    return scan_digits(s);
}

static bool scan_word(struct scan *s, const char *word)
{
    const size_t len = strlen(word);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return malformed(s, "a value is missing");
    s->at += len;
    return true;
}

static bool keep_key(struct scan *s, bytes_t key)
{
    if (s->key_count == s->key_cap) {
        const size_t cap = s->key_cap == 0 ? 64 : 2 * s->key_cap;
        bytes_t *keys = realloc(s->keys, cap * sizeof *keys);
        if (keys == NULL) return stop(s, FAIL(FULL, "out of memory"));
        s->keys = keys;
        s->key_cap = cap;
    }
    s->keys[s->key_count++] = key;
    return true;
}

/// Whether all of an object's keys differ.
static bool keys_differ(bytes_t *keys, size_t count)
{
    if (count > FEW_KEYS) {
        qsort(keys, count, sizeof *keys, compare_keys);
        for (size_t i = 1; i < count; i++) {
            if (same_key(keys[i - 1], keys[i])) return false;
        }
        return true;
    }
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (same_key(keys[i], keys[j])) return false;
        }
    }
    return true;
}

static void keep_member(struct envelope *e, bytes_t key, bytes_t value)
{
    if (same_key(key, LIT("jsonrpc")))
        e->version = value;
    else if (same_key(key, LIT("id")))
        e->id = value;
    else if (same_key(key, LIT("method")))
        e->method = value;
    else if (same_key(key, LIT("params")))
        e->params = value;
}

static bool scan_members(struct scan *s, struct envelope *into)
{
    const size_t first = s->key_count;
    do {
        bytes_t key;
        skip_space(s);
        if (!next_is(s, '"')) return malformed(s, "a member's name is missing");
        if (!scan_string(s, &key)) return false;
        key = bytes_make(key.data + 1, key.len - 2);
        if (!keep_key(s, key)) return false;
        skip_space(s);
        if (!eat(s, ':')) return malformed(s, "':' is missing");
        skip_space(s);
        const uint8_t *from = s->at;
        if (!scan_value(s, NULL)) return false;
        if (into != NULL) keep_member(into, key, bytes_make(from, (size_t)(s->at - from)));
        skip_space(s);
    } while (eat(s, ','));
    if (!eat(s, '}')) return malformed(s, "'}' or ',' is missing");
    if (!keys_differ(s->keys + first, s->key_count - first))
        return malformed(s, "the same member twice in an object");
    s->key_count = first;
    return true;
}

static bool enter(struct scan *s)
{
    s->at++;
    if (++s->depth > JSON_MAX_DEPTH) return stop(s, FAIL(LIMIT, "nested more than 64 deep"));
    skip_space(s);
    return true;
}

static bool scan_object(struct scan *s, struct envelope *into)
{
    if (!enter(s)) return false;
    if (into != NULL) into->is_object = true;
    if (!eat(s, '}') && !scan_members(s, into)) return false;
    s->depth--;
    return true;
}

static bool scan_list(struct scan *s)
{
    if (!enter(s)) return false;
    if (!eat(s, ']')) {
        do {
            skip_space(s);
            if (!scan_value(s, NULL)) return false;
            skip_space(s);
        } while (eat(s, ','));
        if (!eat(s, ']')) return malformed(s, "']' or ',' is missing");
    }
    s->depth--;
    return true;
}

/// One value of any kind. The depth is bounded, so is the recursion.
// NOLINTNEXTLINE(misc-no-recursion)
static bool scan_value(struct scan *s, struct envelope *into)
{
    bytes_t ignored;
    if (s->at == s->end) return malformed(s, "a value is missing");
    switch (*s->at) {
    case '{':
        return scan_object(s, into);
    case '[':
        return scan_list(s);
    case '"':
        return scan_string(s, &ignored);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        if (*s->at != '-' && (*s->at < '0' || *s->at > '9'))
            return malformed(s, "a value is missing");
        return scan_number(s);
    }
}

static struct envelope *place_for_next(struct scan *s, struct envelopes *out, size_t *room,
                                       size_t most)
{
    if (out->kept == most) return NULL;
    if (out->kept == *room) {
        const size_t more = *room == 0 ? 16 : 2 * *room;
        struct envelope *many = realloc(out->many, more * sizeof *many);
        if (many == NULL) {
            (void)stop(s, FAIL(FULL, "out of memory"));
            return NULL;
        }
        out->many = many;
        *room = more;
    }
    struct envelope *e = &out->many[out->kept++];
    memset(e, 0, sizeof *e);
    return e;
}

static bool scan_batch(struct scan *s, struct envelopes *out, size_t most)
{
    size_t room = 0;
    out->batch = true;
    if (!enter(s)) return false;
    if (eat(s, ']')) return true;
    do {
        skip_space(s);
        struct envelope *e = place_for_next(s, out, &room, most);
        if (!err_ok(s->err) || !scan_value(s, e)) return false;
        out->count++;
        skip_space(s);
    } while (eat(s, ','));
    return eat(s, ']') || malformed(s, "']' or ',' is missing");
}

static void say_where(struct json_detail *detail, const struct scan *s)
{
    size_t line = 1;
    const uint8_t *line_start = s->start;
    for (const uint8_t *p = s->start; p < s->at; p++) {
        if (*p != '\n') continue;
        line++;
        line_start = p + 1;
    }
    (void)snprintf(detail->text, sizeof detail->text, "line %zu, column %zu: %s", line,
                   (size_t)(s->at - line_start) + 1, s->err.why);
}

err_t envelopes_cut(struct envelopes *out, bytes_t text, size_t most, struct json_detail *detail)
{
    memset(out, 0, sizeof *out);
    if (text.len == 0) text = LIT(" "); // not a null pointer to count from
    struct scan s = {.start = text.data, .at = text.data, .end = text.data + text.len};
    skip_space(&s);
    bool ok = false;
    if (next_is(&s, '[')) {
        ok = scan_batch(&s, out, most);
    } else {
        out->count = 1;
        ok = scan_value(&s, &out->only);
    }
    skip_space(&s);
    if (ok && s.at != s.end) ok = malformed(&s, "something follows the value");
    free(s.keys);
    if (ok) return OK;
    envelopes_free(out);
    say_where(detail, &s);
    return s.err;
}

void envelopes_free(struct envelopes *e)
{
    free(e->many);
    memset(e, 0, sizeof *e);
}

bool envelope_string(char *out, size_t cap, bytes_t json)
{
    if (json.len < 2 || json.data[0] != '"') return false;
    struct decoded d = {.at = json.data + 1, .end = json.data + json.len - 1};
    size_t len = 0;
    for (int c; (c = decoded_next(&d)) >= 0;) {
        if (len == cap - 1) return false;
        out[len++] = (char)c;
    }
    out[len] = 0;
    return strlen(out) == len;
}

bool envelope_lone_string(bytes_t *out, bytes_t json)
{
    if (json.len == 0) return false;
    struct scan s = {.at = json.data, .end = json.data + json.len};
    if (!eat(&s, '[')) return false;
    skip_space(&s);
    if (!eat(&s, '"')) return false;
    const uint8_t *quote = memchr(s.at, '"', (size_t)(s.end - s.at));
    if (quote == NULL) return false;
    *out = bytes_make(s.at, (size_t)(quote - s.at));
    if (has_escape(*out)) return false;
    s.at = quote + 1;
    skip_space(&s);
    return eat(&s, ']') && s.at == s.end;
}
