// SPDX-License-Identifier: Apache-2.0
// Values as people type and read them (chain/codec/abi.h).
#include "chain/codec/abi_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain/base/hex.h"
#include "chain/types/address.h"

// ---- reading -----------------------------------------------------------------------------------

static bytes_t trim(bytes_t t)
{
    while (t.len != 0 && (t.data[0] == ' ' || t.data[0] == '\t' || t.data[0] == '\n')) {
        t = bytes_make(t.data + 1, t.len - 1);
    }
    while (t.len != 0 &&
           (t.data[t.len - 1] == ' ' || t.data[t.len - 1] == '\t' || t.data[t.len - 1] == '\n')) {
        t.len--;
    }
    return t;
}

/// Writes "uint256 `amount`: `12x` is not a number; expected .." and passes an error on.
static err_t refuse(struct abi_detail *detail, const struct abi_type *type, bytes_t text,
                    const char *expected)
{
    const err_t err = FAIL(MALFORMED, "argument: not a value of its type");
    if (detail == NULL) return err;
    struct buf name;
    buf_init(&name, 80);
    abi_type_print(&name, type);
    const int shown = text.len > 60 ? 60 : (int)text.len;
    snprintf(detail->text, sizeof detail->text, "%.*s%s%.40s: `%.*s` does not fit; expected %s",
             (int)name.len, (const char *)name.data, type->name != NULL && type->name[0] ? " " : "",
             type->name != NULL ? type->name : "", shown, (const char *)text.data, expected);
    buf_deinit(&name);
    for (char *c = detail->text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c == 0x7f) *c = '?';
    }
    return err;
}

static const struct {
    const char *name;
    unsigned decimals;
} units[] = {{"ether", 18}, {"gwei", 9}, {"wei", 0}};

/// Cuts a unit off the end of a number. @return its decimals
static unsigned take_unit(bytes_t *text)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        const size_t n = strlen(units[i].name);
        if (text->len <= n || memcmp(text->data + text->len - n, units[i].name, n) != 0) continue;
        text->len -= n;
        *text = trim(*text);
        return units[i].decimals;
    }
    return 0;
}

/// "1.5" with 18 decimals is 15 followed by 17 zeros. Digits beyond the unit are refused.
static bool parse_decimal(u256_t *out, bytes_t text, unsigned decimals)
{
    const u256_t ten = u256_from_u64(10);
    u256_t v = {{0}};
    bool after_point = false;
    bool any = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '.' && !after_point && any && i + 1 < text.len) {
            after_point = true;
            continue;
        }
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        if (after_point && decimals-- == 0) return false;
        const u256_t digit = u256_from_u64((uint64_t)(text.data[i] - '0'));
        if (!u256_mul_checked(&v, &v, &ten) || !u256_add_checked(&v, &v, &digit)) return false;
        any = true;
    }
    for (; decimals > 0; decimals--) {
        if (!u256_mul_checked(&v, &v, &ten)) return false;
    }
    *out = v;
    return any;
}

static bool parse_number(u256_t *out, const struct abi_type *type, bytes_t text)
{
    const bool negative = text.len != 0 && text.data[0] == '-';
    if (negative && type->kind != ABI_INT) return false;
    if (negative) text = bytes_make(text.data + 1, text.len - 1);

    u256_t v;
    if (text.len >= 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x') {
        if (u256_parse(&v, text).kind != ERR_NONE) return false;
    } else {
        const unsigned decimals = take_unit(&text);
        if (!parse_decimal(&v, text, decimals)) return false;
    }
    if (negative && !u256_is_zero(&v)) {
        const u256_t zero = {{0}};
        u256_sub(&v, &zero, &v);
        if (v.limb[3] >> 63 == 0) return false; // below -2^255
    } else if (type->kind == ABI_INT && v.limb[3] >> 63 != 0) {
        return false; // above 2^255 - 1
    }
    *out = v;
    return abi_number_fits(type, &v);
}

static err_t parse_bytes(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                         bytes_t text, struct abi_detail *detail)
{
    const bool prefixed = text.len >= 2 && text.data[0] == '0' && text.data[1] == 'x';
    uint8_t *room = arena_alloc(arena, text.len / 2);
    size_t len = 0;
    if (room == NULL) return FAIL(FULL, "argument: no room for it");
    if (!prefixed || hex_decode(room, text.len / 2, &len, text).kind != ERR_NONE) {
        return refuse(detail, type, text, "0x and an even number of hexadecimal digits");
    }
    if (type->kind == ABI_BYTES_FIXED && len != type->size) {
        char expected[64];
        snprintf(expected, sizeof expected, "0x and exactly %u digits", 2 * type->size);
        return refuse(detail, type, text, expected);
    }
    *out = (struct abi_value){.kind = type->kind, .bytes = bytes_make(room, len)};
    return OK;
}

/// A quoted string inside a list: escapes \" and \\ only.
static err_t parse_quoted(struct abi_value *out, struct arena *arena, bytes_t text)
{
    uint8_t *room = arena_alloc(arena, text.len);
    size_t len = 0;
    if (room == NULL) return FAIL(FULL, "argument: no room for it");
    for (size_t i = 1; i + 1 < text.len; i++) {
        if (text.data[i] == '\\' && i + 2 < text.len) i++;
        room[len++] = text.data[i];
    }
    *out = (struct abi_value){.kind = ABI_STRING, .bytes = bytes_make(room, len)};
    return OK;
}

/// Cuts the next item off a list's inside, at a comma outside brackets and quotes.
/// @param[out] more  a comma was found: another item follows, perhaps an empty one
static bytes_t next_item(bytes_t *rest, bool *more)
{
    unsigned depth = 0;
    bool quoted = false;
    size_t n = 0;
    for (; n < rest->len; n++) {
        const uint8_t c = rest->data[n];
        if (quoted && c == '\\') {
            n++;
            continue;
        }
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if (c == '[' || c == '(') depth++;
        if ((c == ']' || c == ')') && depth > 0) depth--;
        if (c == ',' && depth == 0) break;
    }
    if (n > rest->len) n = rest->len;
    const bytes_t item = trim(bytes_make(rest->data, n));
    *more = n < rest->len;
    *rest = n < rest->len ? bytes_make(rest->data + n + 1, rest->len - n - 1) : BYTES_NONE;
    return item;
}

static size_t count_items(bytes_t inside)
{
    if (trim(inside).len == 0) return 0;
    size_t count = 0;
    bool more = true;
    while (more) {
        (void)next_item(&inside, &more);
        count++;
    }
    return count;
}

static err_t parse_value(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                         bytes_t text, bool inside_list, struct abi_detail *detail);

static err_t parse_list(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                        bytes_t text, struct abi_detail *detail)
{
    const uint8_t open = text.len < 2 ? 0 : text.data[0];
    const uint8_t close = text.len < 2 ? 0 : text.data[text.len - 1];
    if (!(open == '[' && close == ']') && !(open == '(' && close == ')')) {
        return refuse(detail, type, text, "a list such as [a, b] or (a, b)");
    }
    bytes_t inside = bytes_make(text.data + 1, text.len - 2);
    const size_t count = count_items(inside);
    if (!type->is_open_array && count != type->count) {
        char expected[64];
        snprintf(expected, sizeof expected, "%zu items, got %zu", type->count, count);
        return refuse(detail, type, text, expected);
    }
    struct abi_value *items = ARENA_ARRAY(arena, struct abi_value, count);
    if (items == NULL) return FAIL(FULL, "argument: no room for it");
    for (size_t i = 0; i < count; i++) {
        bool more;
        const bytes_t item = next_item(&inside, &more);
        TRY(parse_value(&items[i], arena, abi_item_type(type, i), item, true, detail));
    }
    *out = abi_list(items, count);
    return OK;
}

static err_t parse_string(struct abi_value *out, struct arena *arena, bytes_t text,
                          bool inside_list)
{
    if (inside_list && text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"') {
        return parse_quoted(out, arena, text);
    }
    bool full = false;
    *out = (struct abi_value){.kind = ABI_STRING, .bytes = arena_copy(arena, text, &full)};
    return full ? FAIL(FULL, "argument: no room for it") : OK;
}

// Recursion follows the type, which is nested at most 16 deep.
static err_t parse_value(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                         bytes_t text, bool inside_list, struct abi_detail *detail)
{
    if (type->kind == ABI_STRING) return parse_string(out, arena, text, inside_list);
    text = trim(text);
    *out = (struct abi_value){.kind = type->kind};
    switch (type->kind) {
    case ABI_UINT:
    case ABI_INT:
        if (parse_number(&out->number, type, text)) return OK;
        return refuse(detail, type, text,
                      "a number in its range, decimal or 0x, with a unit if wanted (1.5ether)");
    case ABI_BOOL:
        if (!bytes_eq(text, LIT("true")) && !bytes_eq(text, LIT("false"))) {
            return refuse(detail, type, text, "true or false");
        }
        *out = abi_bool(bytes_eq(text, LIT("true")));
        return OK;
    case ABI_ADDRESS: {
        const err_t err = address_parse(&out->address, text);
        if (err.kind == ERR_NONE) return OK;
        return refuse(detail, type, text,
                      err.kind == ERR_MISMATCH ? "another checksum (EIP-55): mistyped?"
                                               : "0x and 40 hexadecimal digits");
    }
    case ABI_BYTES_FIXED:
    case ABI_BYTES:
        return parse_bytes(out, arena, type, text, detail);
    case ABI_LIST:
        return parse_list(out, arena, type, text, detail);
    case ABI_STRING:
        break;
    }
    unreachable("abi: kind of a type");
}

err_t abi_value_parse(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                      bytes_t text, struct abi_detail *detail)
{
    return parse_value(out, arena, type, text, false, detail);
}

err_t abi_args_parse(struct abi_value *values, struct arena *arena, const struct abi_type *tuple,
                     const char *const *texts, size_t count, struct abi_detail *detail)
{
    if (count != tuple->count) {
        if (detail != NULL) {
            snprintf(detail->text, sizeof detail->text, "got %zu arguments; expected %zu", count,
                     tuple->count);
        }
        return FAIL(INVALID, "argument: another number than the signature has parameters");
    }
    for (size_t i = 0; i < count; i++) {
        struct abi_detail inner = {""};
        const err_t err =
            abi_value_parse(&values[i], arena, &tuple->fields[i], bytes_of_str(texts[i]), &inner);
        if (err.kind == ERR_NONE) continue;
        if (detail != NULL) {
            snprintf(detail->text, sizeof detail->text, "argument %zu: %.220s", i + 1,
                     inner.text[0] != '\0' ? inner.text : err_text(err));
        }
        return err;
    }
    return OK;
}

// ---- printing ----------------------------------------------------------------------------------

static void print_number(struct buf *out, const struct abi_value *v)
{
    u256_t n = v->number;
    if (v->kind == ABI_INT && n.limb[3] >> 63 != 0) {
        const u256_t zero = {{0}};
        u256_sub(&n, &zero, &n);
        buf_put_u8(out, '-');
    }
    buf_put_str(out, u256_dec(&n).s);
}

static void print_hex(struct buf *out, bytes_t b)
{
    static const char digits[] = "0123456789abcdef";
    buf_put_str(out, "0x");
    for (size_t i = 0; i < b.len; i++) {
        buf_put_u8(out, (uint8_t)digits[b.data[i] >> 4]);
        buf_put_u8(out, (uint8_t)digits[b.data[i] & 15]);
    }
}

/// Decodes one UTF-8 character. @return its bytes, 0 if there is none
static size_t utf8_next(bytes_t t, uint32_t *code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t c = t.data[0];
    const size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > t.len) return 0;
    uint32_t v = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (t.data[i] >> 6 != 2) return 0;
        v = v << 6 | (t.data[i] & 0x3f);
    }
    if (v < smallest[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) return 0;
    *code = v;
    return n;
}

/// Whether a character could drive a terminal or reorder what stands around it.
static bool is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void print_string(struct buf *out, bytes_t t)
{
    buf_put_u8(out, '"');
    while (t.len != 0) {
        uint32_t code = 0;
        const size_t n = utf8_next(t, &code);
        if (n == 0) {
            buf_printf(out, "\\x%02x", t.data[0]);
        } else if (code == '"' || code == '\\') {
            buf_printf(out, "\\%c", (char)code);
        } else if (is_unsafe(code)) {
            buf_printf(out, "\\u{%x}", code);
        } else {
            buf_put(out, bytes_make(t.data, n));
        }
        const size_t step = n == 0 ? 1 : n;
        t = bytes_make(t.data + step, t.len - step);
    }
    buf_put_u8(out, '"');
}

void abi_value_print(struct buf *out, const struct abi_type *type, const struct abi_value *value)
{
    switch (value->kind) {
    case ABI_UINT:
    case ABI_INT:
        print_number(out, value);
        return;
    case ABI_BOOL:
        buf_put_str(out, u256_is_zero(&value->number) ? "false" : "true");
        return;
    case ABI_ADDRESS:
        buf_put_str(out, address_to_checksum(&value->address).s);
        return;
    case ABI_BYTES_FIXED:
    case ABI_BYTES:
        print_hex(out, value->bytes);
        return;
    case ABI_STRING:
        print_string(out, value->bytes);
        return;
    case ABI_LIST:
        break;
    }
    buf_put_u8(out, type->is_tuple ? '(' : '[');
    for (size_t i = 0; i < value->list.count; i++) {
        const struct abi_type *item = abi_item_type(type, i);
        if (i > 0) buf_put_str(out, ", ");
        if (type->is_tuple && item->name != NULL && item->name[0] != '\0') {
            buf_printf(out, "%s: ", item->name);
        }
        abi_value_print(out, item, &value->list.items[i]);
    }
    buf_put_u8(out, type->is_tuple ? ')' : ']');
}

static json_t *json_of_text(const struct abi_type *type, const struct abi_value *value)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 4);
    abi_value_print(&b, type, value);
    json_t *v = b.full ? NULL : json_stringn((const char *)b.data, b.len);
    buf_deinit(&b);
    return v;
}

static json_t *json_of_hex(bytes_t bytes)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 4);
    print_hex(&b, bytes);
    json_t *v = b.full ? NULL : json_stringn((const char *)b.data, b.len);
    buf_deinit(&b);
    return v;
}

static bool all_named(const struct abi_type *type)
{
    for (size_t i = 0; i < type->count; i++) {
        if (type->fields[i].name == NULL || type->fields[i].name[0] == '\0') return false;
    }
    return type->is_tuple && type->count > 0;
}

static json_t *json_of_list(const struct abi_type *type, const struct abi_value *value)
{
    const bool named = all_named(type);
    json_t *list = named ? json_object() : json_array();
    for (size_t i = 0; list != NULL && i < value->list.count; i++) {
        const struct abi_type *item_type = abi_item_type(type, i);
        json_t *item = abi_value_json(item_type, &value->list.items[i]);
        const int failed = named ? json_object_set_new(list, item_type->name, item)
                                 : json_array_append_new(list, item);
        if (failed) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *abi_value_json(const struct abi_type *type, const struct abi_value *value)
{
    switch (value->kind) {
    case ABI_UINT:
    case ABI_INT:
    case ABI_ADDRESS:
    case ABI_BYTES_FIXED:
    case ABI_BYTES:
        return json_of_text(type, value);
    case ABI_BOOL:
        return json_boolean(!u256_is_zero(&value->number));
    case ABI_STRING: {
        if (value->bytes.len == 0) return json_string("");
        json_t *text = json_stringn((const char *)value->bytes.data, value->bytes.len);
        return text != NULL ? text : json_of_hex(value->bytes);
    }
    case ABI_LIST:
        return json_of_list(type, value);
    }
    unreachable("abi: kind of a value");
}
