// SPDX-License-Identifier: Apache-2.0
#include "wallet/abi_json.h"

#include "chain/base/arena.h"
#include "chain/base/hex.h"
#include "chain/base/u256.h"
#include "chain/crypto/keccak.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define WHY_BYTES 200
#define MAX_DEPTH 12
#define MAX_TYPES 256      ///< nodes of one signature
#define MAX_VALUES 200000u ///< decoded from one answer
#define MAX_FIXED 4096     ///< k of T[k]
#define WORD 32

enum abi_kind {
    ABI_UINT,
    ABI_INT,
    ABI_ADDRESS,
    ABI_BOOL,
    ABI_FIXED_BYTES,
    ABI_BYTES,
    ABI_STRING,
    ABI_ARRAY, ///< count == 0: dynamic length
    ABI_TUPLE,
};

/// A parsed type. Children of a tuple are a chain of `next`; an array has one child.
struct abi_type {
    enum abi_kind kind;
    unsigned size;  ///< bits of an integer, bytes of bytesN
    uint32_t count; ///< k of T[k], children of a tuple
    bool dynamic;
    uint64_t head;    ///< bytes in the head: 32 if dynamic
    const char *name; ///< of a parameter, name_len bytes; not terminated
    size_t name_len;
    struct abi_type *child;
    struct abi_type *next;
};

/// All types of one signature.
struct abi_types {
    struct abi_type node[MAX_TYPES];
    size_t used;
    const char *at;
};

// ---- types --------------------------------------------------------------------------------

static void skip_space(struct abi_types *p)
{
    while (*p->at == ' ') p->at++;
}

static struct abi_type *new_type(struct abi_types *p)
{
    if (p->used == MAX_TYPES) return NULL;
    struct abi_type *t = &p->node[p->used++];
    *t = (struct abi_type){0};
    return t;
}

/// Reads the digits after "uint", "int", "bytes".
static err_t read_size(struct abi_types *p, unsigned *out)
{
    unsigned v = 0;
    unsigned n = 0;
    for (; *p->at >= '0' && *p->at <= '9'; p->at++, n++) {
        if (n == 4 || (n == 0 && *p->at == '0')) return FAIL(MALFORMED, "bad number in a type");
        v = v * 10 + (unsigned)(*p->at - '0');
    }
    *out = v;
    return OK;
}

static bool take_word(struct abi_types *p, const char *word)
{
    const size_t n = strlen(word);
    if (strncmp(p->at, word, n) != 0) return false;
    p->at += n;
    return true;
}

static err_t parse_elementary(struct abi_types *p, struct abi_type *t)
{
    t->head = WORD;
    if (take_word(p, "uint") || take_word(p, "int")) {
        t->kind = p->at[-4] == 'u' ? ABI_UINT : ABI_INT;
        TRY(read_size(p, &t->size));
        if (t->size == 0) t->size = 256;
        if (t->size > 256 || t->size % 8 != 0) return FAIL(MALFORMED, "no integer has this size");
    } else if (take_word(p, "address")) {
        t->kind = ABI_ADDRESS;
        (void)take_word(p, " payable");
    } else if (take_word(p, "bool")) {
        t->kind = ABI_BOOL;
    } else if (take_word(p, "string")) {
        t->kind = ABI_STRING;
        t->dynamic = true;
    } else if (take_word(p, "bytes")) {
        TRY(read_size(p, &t->size));
        t->kind = t->size == 0 ? ABI_BYTES : ABI_FIXED_BYTES;
        t->dynamic = t->size == 0;
        if (t->size > 32) return FAIL(MALFORMED, "bytes1 to bytes32 exist");
    } else {
        return FAIL(MALFORMED, "unknown type");
    }
    return OK;
}

static err_t parse_type(struct abi_types *p, struct abi_type **out, unsigned depth);

/// "(T,..)": the opening parenthesis is next.
static err_t parse_tuple(struct abi_types *p, struct abi_type *t, unsigned depth)
{
    t->kind = ABI_TUPLE;
    p->at++;
    struct abi_type **link = &t->child;
    skip_space(p);
    if (*p->at == ')') {
        p->at++;
        return OK;
    }
    for (;;) {
        TRY(parse_type(p, link, depth + 1));
        t->count++;
        t->dynamic = t->dynamic || (*link)->dynamic;
        t->head += (*link)->head;
        link = &(*link)->next;
        skip_space(p);
        if (*p->at == ')') break;
        if (*p->at != ',') return FAIL(MALFORMED, "expected `,` or `)` in the types");
        p->at++;
    }
    p->at++;
    if (t->dynamic) t->head = WORD;
    return OK;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
}

/// A type, its array suffixes, and a name.
static err_t parse_type(struct abi_types *p, struct abi_type **out, unsigned depth)
{
    if (depth > MAX_DEPTH) return FAIL(LIMIT, "types are nested too deeply");
    struct abi_type *t = new_type(p);
    if (t == NULL) return FAIL(LIMIT, "too many types");
    skip_space(p);
    (void)take_word(p, "tuple");
    if (*p->at == '(')
        TRY(parse_tuple(p, t, depth));
    else
        TRY(parse_elementary(p, t));

    while (*p->at == '[') {
        struct abi_type *array = new_type(p);
        if (array == NULL || ++depth > MAX_DEPTH) return FAIL(LIMIT, "too many types");
        array->kind = ABI_ARRAY;
        array->child = t;
        p->at++;
        unsigned k = 0;
        TRY(read_size(p, &k));
        if (*p->at != ']') return FAIL(MALFORMED, "expected `]` in the types");
        if (k == 0 && p->at[-1] != '[') return FAIL(MALFORMED, "an array of length zero");
        p->at++;
        if (k > MAX_FIXED) return FAIL(LIMIT, "a fixed array is too long");
        if (t->kind == ABI_TUPLE && t->count == 0) return FAIL(MALFORMED, "an array of nothing");
        array->count = k;
        array->dynamic = k == 0 || t->dynamic;
        array->head = array->dynamic ? WORD : k * t->head;
        t = array;
    }

    // A name; the last of several words ("indexed from", "memory data").
    skip_space(p);
    while (is_word(*p->at)) {
        t->name = p->at;
        while (is_word(*p->at)) p->at++;
        t->name_len = (size_t)(p->at - t->name);
        skip_space(p);
    }
    *out = t;
    return OK;
}

/// Parses the argument list of a signature (a name before it is skipped).
static err_t parse_list(struct abi_types *p, struct abi_type **out, const char *types)
{
    p->used = 0;
    p->at = types + strcspn(types, "(");
    if (*p->at == 0) return FAIL(MALFORMED, "a list of types stands in parentheses");
    for (const char *c = types; c < p->at; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c > '~')
            return FAIL(MALFORMED, "a function's name is one word");
    }
    struct abi_type *t = new_type(p);
    TRY(parse_tuple(p, t, 0));
    *out = t;
    return OK;
}

static void put_type(struct buf *b, const struct abi_type *t)
{
    switch (t->kind) {
    case ABI_UINT:
        buf_printf(b, "uint%u", t->size);
        break;
    case ABI_INT:
        buf_printf(b, "int%u", t->size);
        break;
    case ABI_ADDRESS:
        buf_put_str(b, "address");
        break;
    case ABI_BOOL:
        buf_put_str(b, "bool");
        break;
    case ABI_FIXED_BYTES:
        buf_printf(b, "bytes%u", t->size);
        break;
    case ABI_BYTES:
        buf_put_str(b, "bytes");
        break;
    case ABI_STRING:
        buf_put_str(b, "string");
        break;
    case ABI_ARRAY:
        put_type(b, t->child);
        if (t->count == 0)
            buf_put_str(b, "[]");
        else
            buf_printf(b, "[%u]", t->count);
        break;
    case ABI_TUPLE:
        buf_put_u8(b, '(');
        for (const struct abi_type *c = t->child; c != NULL; c = c->next) {
            if (c != t->child) buf_put_u8(b, ',');
            put_type(b, c);
        }
        buf_put_u8(b, ')');
        break;
    }
}

/// Runs BODY with a parsed list: the nodes are too many for a careless stack.
static struct abi_types *types_new(void)
{
    struct abi_types *p = malloc(sizeof *p);
    if (p == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    return p;
}

err_t abi_json_canonical(struct buf *out, const char *signature, const char **rest)
{
    struct abi_types *p = types_new();
    struct abi_type *t;
    const err_t err = parse_list(p, &t, signature);
    if (err_ok(err)) {
        buf_put(out, bytes_make(signature, strcspn(signature, "(")));
        put_type(out, t);
        if (rest != NULL) *rest = p->at;
    }
    free(p);
    TRY(err);
    return buf_status(out);
}

err_t abi_json_topic(hash_t *out, const char *signature)
{
    struct buf b;
    buf_init(&b, 16384);
    const err_t err = abi_json_canonical(&b, signature, NULL);
    if (err_ok(err)) *out = keccak256(buf_bytes(&b));
    buf_deinit(&b);
    return err;
}

err_t abi_json_selector(uint8_t out[4], const char *signature)
{
    hash_t h;
    TRY(abi_json_topic(&h, signature));
    memcpy(out, h.b, 4);
    return OK;
}

// ---- encoding -----------------------------------------------------------------------------

/// Has every field of a tuple a name?
static bool all_named(const struct abi_type *t)
{
    for (const struct abi_type *c = t->child; c != NULL; c = c->next) {
        if (c->name_len == 0) return false;
    }
    return t->count > 0;
}

static err_t bad_value(char *why, const struct abi_type *t, const char *what)
{
    struct buf b;
    buf_init(&b, WHY_BYTES);
    put_type(&b, t);
    (void)snprintf(why, WHY_BYTES, "%.*s: %s", (int)(b.len > 100 ? 100 : b.len),
                   (const char *)b.data, what);
    buf_deinit(&b);
    return FAIL(INVALID, "a value does not fit its type");
}

static void put_word(struct buf *out, const u256_t *v)
{
    uint8_t *at = buf_extend(out, WORD);
    if (at != NULL) u256_to_be32(at, v);
}

static void put_offset(struct buf *out, uint64_t v)
{
    const u256_t w = u256_from_u64(v);
    put_word(out, &w);
}

static err_t encode_integer(struct buf *out, const struct abi_type *t, const json_t *v, char *why)
{
    u256_t n;
    bool negative = false;
    if (json_is_integer(v)) {
        const json_int_t i = json_integer_value(v);
        negative = i < 0;
        n = u256_from_u64(negative ? 0 - (uint64_t)i : (uint64_t)i);
    } else if (json_is_string(v)) {
        const char *s = json_string_value(v);
        negative = s[0] == '-';
        if (!err_ok(u256_parse(&n, bytes_of_str(s + (negative ? 1 : 0)))))
            return bad_value(why, t, "not a number (decimal or 0x..)");
    } else {
        return bad_value(why, t, "a number is expected");
    }
    if (negative && t->kind == ABI_UINT && !u256_is_zero(&n))
        return bad_value(why, t, "cannot be negative");

    // Magnitude: up to 2^bits - 1 unsigned, 2^(bits-1) - 1 or 2^(bits-1) signed.
    const unsigned bits = u256_bit_len(&n);
    const unsigned room = t->kind == ABI_UINT ? t->size : t->size - 1;
    bool fits = bits <= room;
    if (negative && !fits && bits == room + 1) {
        const u256_t one = u256_from_u64(1);
        const u256_t least = u256_shl(&one, room);
        fits = u256_eq(&n, &least);
    }
    if (!fits) return bad_value(why, t, "the number is too large");
    if (negative) {
        const u256_t zero = u256_from_u64(0);
        (void)u256_sub(&n, &zero, &n);
    }
    put_word(out, &n);
    return OK;
}

/// Decodes "0x.." into the buffer's end. `*len` counts the bytes.
static err_t put_hex(struct buf *out, const struct abi_type *t, const char *s, size_t *len,
                     char *why)
{
    if (s[0] != '0' || s[1] != 'x') return bad_value(why, t, "bytes start with 0x");
    const size_t digits = strlen(s) - 2;
    if (digits % 2 != 0) return bad_value(why, t, "odd number of hexadecimal digits");
    *len = digits / 2;
    if (*len == 0) return OK;
    uint8_t *at = buf_extend(out, *len);
    if (at == NULL) return FAIL(LIMIT, "the call is too large");
    if (!err_ok(hex_decode_fixed(at, *len, bytes_make(s, digits + 2))))
        return bad_value(why, t, "not hexadecimal");
    return OK;
}

static void pad_word(struct buf *out, size_t len)
{
    if (len % WORD == 0) return;
    uint8_t *at = buf_extend(out, WORD - len % WORD);
    if (at != NULL) memset(at, 0, WORD - len % WORD);
}

static err_t encode_value(struct buf *out, const struct abi_type *t, const json_t *v, char *why);

/// Item `i` of an array, or the member that is called as the tuple's field.
static const json_t *item_of(const struct abi_type *field, const json_t *v, size_t i)
{
    if (json_is_array(v)) return json_array_get(v, i);
    char name[80];
    (void)snprintf(name, sizeof name, "%.*s", (int)field->name_len, field->name);
    return json_object_get(v, name);
}

/// Heads, then tails: of a tuple's children, or `n` times an array's child.
static err_t encode_sequence(struct buf *out, const struct abi_type *t, const json_t *v, char *why)
{
    const size_t n = t->count != 0 ? t->count : json_array_size(v);
    const size_t start = out->len;
    const struct abi_type *c = t->child;
    for (size_t i = 0; i < n; i++) {
        if (c->dynamic)
            put_offset(out, 0); // known once its tail begins
        else
            TRY(encode_value(out, c, item_of(c, v, i), why));
        if (t->kind == ABI_TUPLE) c = c->next;
    }
    c = t->child;
    uint64_t head = 0;
    for (size_t i = 0; i < n; i++) {
        if (c->dynamic) {
            if (out->full) return FAIL(LIMIT, "the call is too large");
            const u256_t offset = u256_from_u64(out->len - start);
            u256_to_be32(out->data + start + head, &offset);
            TRY(encode_value(out, c, item_of(c, v, i), why));
        }
        head += c->head;
        if (t->kind == ABI_TUPLE) c = c->next;
    }
    return OK;
}

static err_t encode_value(struct buf *out, const struct abi_type *t, const json_t *v, char *why)
{
    const char *s = json_string_value(v);
    size_t len = 0;
    switch (t->kind) {
    case ABI_UINT:
    case ABI_INT:
        return encode_integer(out, t, v, why);
    case ABI_ADDRESS: {
        address_t a;
        if (s == NULL) return bad_value(why, t, "an address is expected");
        const err_t err = text_parse_address(&a, s);
        if (!err_ok(err)) return bad_value(why, t, err_text(err));
        const u256_t w = u256_from_be(BYTES_OF(a));
        put_word(out, &w);
        return OK;
    }
    case ABI_BOOL:
        if (json_is_boolean(v))
            put_offset(out, json_is_true(v) ? 1 : 0);
        else if (s != NULL && (strcmp(s, "true") == 0 || strcmp(s, "false") == 0))
            put_offset(out, s[0] == 't' ? 1 : 0);
        else
            return bad_value(why, t, "true or false is expected");
        return OK;
    case ABI_FIXED_BYTES:
        if (s == NULL) return bad_value(why, t, "0x.. is expected");
        TRY(put_hex(out, t, s, &len, why));
        if (len != t->size) return bad_value(why, t, "wrong number of bytes");
        pad_word(out, len);
        return OK;
    case ABI_BYTES:
    case ABI_STRING: {
        if (s == NULL) return bad_value(why, t, "text is expected");
        const size_t at = out->len;
        put_offset(out, 0);
        if (t->kind == ABI_BYTES) {
            TRY(put_hex(out, t, s, &len, why));
        } else {
            len = json_string_length(v);
            buf_put(out, bytes_make(s, len));
        }
        pad_word(out, len);
        if (out->full) return FAIL(LIMIT, "the call is too large");
        const u256_t w = u256_from_u64(len);
        u256_to_be32(out->data + at, &w);
        return OK;
    }
    case ABI_ARRAY:
    case ABI_TUPLE:
        if (t->kind == ABI_TUPLE && all_named(t) && json_is_object(v))
            return encode_sequence(out, t, v, why);
        if (!json_is_array(v)) return bad_value(why, t, "an array is expected");
        if ((t->kind == ABI_TUPLE || t->count != 0) && json_array_size(v) != t->count)
            return bad_value(why, t, "wrong number of values");
        if (t->kind == ABI_ARRAY && t->count == 0) put_offset(out, json_array_size(v));
        return encode_sequence(out, t, v, why);
    }
    unreachable("abi kind");
}

err_t abi_json_encode(struct buf *out, const char *types, const json_t *values, char *why)
{
    struct abi_types *p = types_new();
    struct abi_type *t;
    why[0] = 0;
    err_t err = parse_list(p, &t, types);
    if (!err_ok(err)) (void)snprintf(why, WHY_BYTES, "%s: `%.80s`", err_text(err), types);
    if (err_ok(err)) err = encode_value(out, t, values, why);
    if (err_ok(err)) err = buf_status(out);
    if (!err_ok(err) && why[0] == 0) (void)snprintf(why, WHY_BYTES, "%s", err_text(err));
    free(p);
    return err;
}

err_t abi_json_encode_call(struct buf *out, const char *signature, const json_t *values, char *why)
{
    uint8_t selector[4];
    const err_t err = abi_json_selector(selector, signature);
    if (!err_ok(err)) {
        (void)snprintf(why, WHY_BYTES, "%s: `%.80s`", err_text(err), signature);
        return err;
    }
    buf_put(out, bytes_make(selector, 4));
    return abi_json_encode(out, signature, values, why);
}

// ---- decoding -----------------------------------------------------------------------------

/// What one decoding has left.
struct decoder {
    uint32_t values;
};

/// The word at `at` of `frame` as a small number (offset or length).
static err_t small_word(uint64_t *out, bytes_t frame, uint64_t at)
{
    if (frame.len < WORD || at > frame.len - WORD) return FAIL(MALFORMED, "abi: data is cut off");
    const u256_t w = u256_from_be32(frame.data + at);
    if (!u256_fits_u64(&w) || w.limb[0] > frame.len)
        return FAIL(MALFORMED, "abi: offset or length");
    *out = w.limb[0];
    return OK;
}

static json_t *hex_json(bytes_t b)
{
    char *text = malloc(2 * b.len + 3);
    if (text == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    text[0] = '0';
    text[1] = 'x';
    hex_encode(text + 2, b);
    json_t *v = json_string(text);
    free(text);
    return v;
}

static err_t decode_integer(json_t **out, const struct abi_type *t, const u256_t *w)
{
    const bool negative = t->kind == ABI_INT && (w->limb[3] >> 63) != 0;
    u256_t n = *w;
    if (negative) {
        const u256_t zero = u256_from_u64(0);
        (void)u256_sub(&n, &zero, w);
    }
    if (u256_bit_len(&n) > t->size) return FAIL(MALFORMED, "abi: integer out of its range");
    const struct u256_text dec = u256_dec(&n);
    char text[96];
    (void)snprintf(text, sizeof text, "%s%s", negative ? "-" : "", dec.s);
    *out = json_string(text);
    return OK;
}

static err_t decode_value(struct decoder *d, json_t **out, const struct abi_type *t, bytes_t frame,
                          uint64_t at, unsigned depth);

/// `n` values whose heads begin at the frame's start.
static err_t decode_sequence(struct decoder *d, json_t **out, const struct abi_type *t,
                             bytes_t frame, uint64_t n, unsigned depth)
{
    if (depth > MAX_DEPTH + 1) return FAIL(LIMIT, "abi: nested too deeply");
    const bool named = t->kind == ABI_TUPLE && depth > 0 && all_named(t);
    json_t *list = named ? json_object() : json_array();
    const struct abi_type *c = t->child;
    uint64_t head = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = head;
        json_t *v = NULL;
        err_t err = OK;
        if (c->dynamic) err = small_word(&at, frame, head);
        if (err_ok(err)) err = decode_value(d, &v, c, frame, at, depth + 1);
        if (!err_ok(err)) {
            json_decref(list);
            return err;
        }
        if (named)
            (void)json_object_setn_new(list, c->name, c->name_len, v);
        else
            (void)json_array_append_new(list, v);
        head += c->head;
        if (t->kind == ABI_TUPLE) c = c->next;
    }
    *out = list;
    return OK;
}

/// The value whose encoding begins at `at`.
static err_t decode_value(struct decoder *d, json_t **out, const struct abi_type *t, bytes_t frame,
                          uint64_t at, unsigned depth)
{
    if (d->values-- == 0) {
        d->values = 0;
        return FAIL(LIMIT, "abi: too many values");
    }
    if (at > frame.len) return FAIL(MALFORMED, "abi: data is cut off");
    const bytes_t rest = {frame.data + at, frame.len - at};

    if (t->kind == ABI_TUPLE) return decode_sequence(d, out, t, rest, t->count, depth);
    if (t->kind == ABI_ARRAY && t->count != 0)
        return decode_sequence(d, out, t, rest, t->count, depth);

    if (rest.len < WORD) return FAIL(MALFORMED, "abi: data is cut off");
    const u256_t w = u256_from_be32(rest.data);
    const bytes_t tail = {rest.data + WORD, rest.len - WORD};
    uint64_t len;
    switch (t->kind) {
    case ABI_UINT:
    case ABI_INT:
        return decode_integer(out, t, &w);
    case ABI_ADDRESS: {
        if (u256_bit_len(&w) > 160) return FAIL(MALFORMED, "abi: not an address");
        address_t a;
        memcpy(a.b, rest.data + 12, sizeof a.b);
        *out = json_string(text_address(&a).s);
        return OK;
    }
    case ABI_BOOL:
        if (u256_bit_len(&w) > 1) return FAIL(MALFORMED, "abi: not a bool");
        *out = json_boolean(!u256_is_zero(&w));
        return OK;
    case ABI_FIXED_BYTES:
        *out = hex_json(bytes_make(rest.data, t->size));
        return OK;
    case ABI_BYTES:
    case ABI_STRING:
        TRY(small_word(&len, rest, 0));
        if (len > tail.len) return FAIL(MALFORMED, "abi: data is cut off");
        *out = t->kind == ABI_STRING ? json_stringn((const char *)tail.data, len) : NULL;
        if (*out == NULL) *out = hex_json(bytes_make(tail.data, len));
        return OK;
    case ABI_ARRAY:
        TRY(small_word(&len, rest, 0));
        if (len > tail.len / WORD) return FAIL(MALFORMED, "abi: data is cut off");
        return decode_sequence(d, out, t, tail, len, depth);
    case ABI_TUPLE:
        break;
    }
    unreachable("abi kind");
}

err_t abi_json_decode(json_t **out, const char *types, bytes_t data)
{
    struct abi_types *p = types_new();
    struct abi_type *t;
    struct decoder d = {MAX_VALUES};
    err_t err = parse_list(p, &t, types);
    if (err_ok(err)) err = decode_sequence(&d, out, t, data, t->count, 0);
    free(p);
    return err;
}

// ---- values from the command line -----------------------------------------------------------

/// Quotes bare words of `[a,b]` so that jansson reads them; parentheses become brackets.
static void quote_words(struct buf *out, const char *s)
{
    while (*s != 0) {
        if (*s == '"') {
            do {
                buf_put_u8(out, (uint8_t)*s++);
                if (s[-1] == '\\' && *s != 0) buf_put_u8(out, (uint8_t)*s++);
            } while (*s != 0 && *s != '"');
            if (*s != 0) buf_put_u8(out, (uint8_t)*s++);
        } else if (strchr("[](), ", *s) != NULL) {
            buf_put_u8(out, (uint8_t)(*s == '(' ? '[' : (*s == ')' ? ']' : *s)));
            s++;
        } else {
            const size_t n = strcspn(s, "[](), \"");
            buf_put_u8(out, '"');
            buf_put(out, bytes_make(s, n));
            buf_put_u8(out, '"');
            s += n;
        }
    }
}

static err_t value_of_text(json_t **out, const struct abi_type *t, const char *text)
{
    if (t->kind != ABI_ARRAY && t->kind != ABI_TUPLE) {
        *out = json_string(text);
        return *out != NULL ? OK : FAIL(MALFORMED, "text is not UTF-8");
    }
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    quote_words(&b, text);
    json_t *v =
        b.full ? NULL : json_loadb((const char *)b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
    buf_deinit(&b);
    if (!json_is_array(v)) {
        json_decref(v);
        return FAIL(MALFORMED, "arrays and tuples are written [a,b,..]");
    }
    *out = v;
    return OK;
}

err_t abi_json_value_of_text(json_t **out, const char *type, const char *text)
{
    struct abi_types *p = types_new();
    p->used = 0;
    p->at = type;
    struct abi_type *t;
    err_t err = parse_type(p, &t, 0);
    if (err_ok(err) && *p->at != 0) err = FAIL(MALFORMED, "not a type");
    if (err_ok(err)) err = value_of_text(out, t, text);
    free(p);
    return err;
}

err_t abi_json_values_of_args(json_t **out, const char *signature, const char *const *args,
                              size_t count, char *why)
{
    struct abi_types *p = types_new();
    struct abi_type *t;
    json_t *list = json_array();
    why[0] = 0;
    err_t err = parse_list(p, &t, signature);
    if (err_ok(err) && t->count != count) {
        err = FAIL(INVALID, "wrong number of arguments");
        (void)snprintf(why, WHY_BYTES, "the signature has %u arguments, %zu were given", t->count,
                       count);
    }
    const struct abi_type *c = err_ok(err) ? t->child : NULL;
    for (size_t i = 0; err_ok(err) && i < count; i++, c = c->next) {
        json_t *v = NULL;
        err = value_of_text(&v, c, args[i]);
        if (err_ok(err)) (void)json_array_append_new(list, v);
    }
    free(p);
    if (!err_ok(err)) {
        if (why[0] == 0) (void)snprintf(why, WHY_BYTES, "%s", err_text(err));
        json_decref(list);
        return err;
    }
    *out = list;
    return OK;
}
