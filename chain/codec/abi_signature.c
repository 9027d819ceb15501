// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/abi_impl.h"

#include <stdlib.h>

#include "chain/base/checked.h"
#include "chain/crypto/keccak.h"

#define MAX_DEPTH 16
#define MAX_PARAMS 256
#define MAX_ARRAY ((size_t)1 << 20)
#define MAX_HEAD ((size_t)1 << 26)

/// A position in a signature's text.
struct cursor {
    bytes_t rest;
    struct arena *arena;
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$';
}

static void skip(struct cursor *c, size_t n)
{
    c->rest = bytes_make(c->rest.data + n, c->rest.len - n);
}

static uint8_t peek(struct cursor *c)
{
    while (c->rest.len != 0 && is_space(c->rest.data[0])) skip(c, 1);
    return c->rest.len == 0 ? 0 : c->rest.data[0];
}

static bool take(struct cursor *c, char expected)
{
    if (peek(c) != (uint8_t)expected) return false;
    skip(c, 1);
    return true;
}

/// The next run of name characters; empty if there is none.
static bytes_t take_word(struct cursor *c)
{
    peek(c);
    size_t n = 0;
    while (n < c->rest.len && is_name_char(c->rest.data[n])) n++;
    const bytes_t word = bytes_make(c->rest.data, n);
    skip(c, n);
    return word;
}

static bool is_one_of(bytes_t word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_eq(word, bytes_of_str(list[i]))) return true;
    }
    return false;
}

static err_t copy_text(const char **out, struct arena *arena, bytes_t text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (copy == NULL) return FAIL(FULL, "signature: no room for it");
    if (text.len != 0) memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *out = copy;
    return OK;
}

/// A small decimal number without leading zeros; false if it is none or above `max`.
static bool read_small(size_t *out, bytes_t digits, size_t max)
{
    size_t v = 0;
    if (digits.len == 0 || digits.len > 7 || digits.data[0] == '0') return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') return false;
        v = v * 10 + (size_t)(digits.data[i] - '0');
    }
    *out = v;
    return v <= max;
}

static bool starts_with(bytes_t word, const char *prefix, bytes_t *rest)
{
    const size_t n = strlen(prefix);
    if (word.len < n || memcmp(word.data, prefix, n) != 0) return false;
    *rest = bytes_make(word.data + n, word.len - n);
    return true;
}

static err_t integer_type(struct abi_type *out, enum abi_kind kind, bytes_t bits)
{
    size_t size = 256;
    if (bits.len != 0 && (!read_small(&size, bits, 256) || size % 8 != 0)) {
        return FAIL(MALFORMED, "signature: an integer's size is not 8, 16, .. 256 bits");
    }
    *out = (struct abi_type){.kind = kind, .size = (unsigned)size, .head_size = ABI_WORD};
    return OK;
}

static err_t base_type(struct abi_type *out, bytes_t word)
{
    bytes_t rest;
    if (starts_with(word, "uint", &rest)) return integer_type(out, ABI_UINT, rest);
    if (starts_with(word, "int", &rest)) return integer_type(out, ABI_INT, rest);
    *out = (struct abi_type){.head_size = ABI_WORD};
    if (bytes_eq(word, LIT("address"))) {
        out->kind = ABI_ADDRESS;
    } else if (bytes_eq(word, LIT("bool"))) {
        out->kind = ABI_BOOL;
        out->size = 1;
    } else if (bytes_eq(word, LIT("string"))) {
        out->kind = ABI_STRING;
        out->dynamic = true;
    } else if (bytes_eq(word, LIT("bytes"))) {
        out->kind = ABI_BYTES;
        out->dynamic = true;
    } else if (bytes_eq(word, LIT("function"))) {
        out->kind = ABI_BYTES_FIXED;
        out->size = 24;
    } else if (starts_with(word, "bytes", &rest)) {
        size_t size;
        if (!read_small(&size, rest, 32)) {
            return FAIL(MALFORMED, "signature: fixed bytes are bytes1 to bytes32");
        }
        out->kind = ABI_BYTES_FIXED;
        out->size = (unsigned)size;
    } else {
        return FAIL(MALFORMED, "signature: unknown type (expected uint256, address, bytes32, ..)");
    }
    return OK;
}

/// Wraps `*type` into an array for each `[k]` or `[]` that follows.
static err_t take_suffixes(struct cursor *c, struct abi_type *type, unsigned depth)
{
    while (take(c, '[')) {
        if (++depth > MAX_DEPTH) return FAIL(LIMIT, "signature: nested more than 16 deep");
        struct abi_type *element = ARENA_NEW(c->arena, struct abi_type);
        if (element == NULL) return FAIL(FULL, "signature: no room for it");
        *element = *type;
        *type = (struct abi_type){.kind = ABI_LIST, .fields = element};

        const bytes_t count = take_word(c);
        if (!take(c, ']')) return FAIL(MALFORMED, "signature: an array's ] is missing");
        if (count.len == 0) {
            type->is_open_array = true;
            type->dynamic = true;
            type->head_size = ABI_WORD;
            continue;
        }
        if (!read_small(&type->count, count, MAX_ARRAY)) {
            return FAIL(MALFORMED, "signature: an array's length is not a number above zero");
        }
        type->dynamic = element->dynamic;
        type->head_size = ABI_WORD;
        if (!type->dynamic &&
            (!checked_mul_size(&type->head_size, type->count, element->head_size) ||
             type->head_size > MAX_HEAD)) {
            return FAIL(LIMIT, "signature: an array is too large");
        }
    }
    return OK;
}

/// Parameters up to the parenthesis that closes the one just taken.
static err_t count_params(struct cursor c, size_t *count)
{
    unsigned depth = 0;
    if (peek(&c) == ')') {
        *count = 0;
        return OK;
    }
    *count = 1;
    for (; c.rest.len != 0; skip(&c, 1)) {
        const uint8_t ch = c.rest.data[0];
        if (ch == ')' && depth == 0) return OK;
        if (ch == '(') depth++;
        if (ch == ')') depth--;
        if (ch == ',' && depth == 0 && ++*count > MAX_PARAMS) {
            return FAIL(LIMIT, "signature: more than 256 parameters");
        }
    }
    return FAIL(MALFORMED, "signature: a ) is missing");
}

static const char *const locations[] = {"memory", "calldata", "storage", "payable"};

/// The words after a type: `indexed`, a data location, a name, in this order.
static err_t take_param_words(struct cursor *c, struct abi_type *type)
{
    type->name = "";
    for (;;) {
        const bytes_t word = take_word(c);
        if (word.len == 0) return OK;
        if (bytes_eq(word, LIT("indexed"))) {
            type->indexed = true;
        } else if (is_one_of(word, locations, ARRAY_LEN(locations))) {
            continue;
        } else if (type->name[0] == '\0') {
            TRY(copy_text(&type->name, c->arena, word));
        } else {
            return FAIL(MALFORMED, "signature: more words than type and name; is a comma missing?");
        }
    }
}

/// "(a, b, ..)" after its opening parenthesis. Recursion is bounded by MAX_DEPTH.
static err_t take_tuple(struct cursor *c, struct abi_type *out, unsigned depth)
{
    if (depth > MAX_DEPTH) return FAIL(LIMIT, "signature: nested more than 16 deep");
    size_t count;
    TRY(count_params(*c, &count));
    struct abi_type *fields = ARENA_ARRAY(c->arena, struct abi_type, count);
    if (fields == NULL) return FAIL(FULL, "signature: no room for it");

    *out = (struct abi_type){
        .kind = ABI_LIST, .is_tuple = true, .count = count, .fields = fields, .name = ""};
    for (size_t i = 0; i < count; i++) {
        struct abi_type *f = &fields[i];
        if (i > 0 && !take(c, ',')) return FAIL(MALFORMED, "signature: a comma is missing");
        const bytes_t word = take_word(c);
        if (peek(c) == '(' && (word.len == 0 || bytes_eq(word, LIT("tuple")))) {
            skip(c, 1);
            TRY(take_tuple(c, f, depth + 1));
            if (f->count == 0) return FAIL(MALFORMED, "signature: an empty tuple has no value");
        } else {
            TRY(base_type(f, word));
        }
        TRY(take_suffixes(c, f, depth));
        TRY(take_param_words(c, f));
        out->dynamic = out->dynamic || f->dynamic;
        out->head_size += f->head_size; // at most 256 * 2^26
    }
    if (!take(c, ')')) return FAIL(MALFORMED, "signature: expected a comma or a )");
    if (out->head_size > MAX_HEAD) return FAIL(LIMIT, "signature: a tuple is too large");
    if (depth > 0 && out->dynamic) out->head_size = ABI_WORD;
    return OK;
}

void abi_type_print(struct buf *out, const struct abi_type *type)
{
    switch (type->kind) {
    case ABI_UINT:
        buf_printf(out, "uint%u", type->size);
        return;
    case ABI_INT:
        buf_printf(out, "int%u", type->size);
        return;
    case ABI_BOOL:
        buf_put_str(out, "bool");
        return;
    case ABI_ADDRESS:
        buf_put_str(out, "address");
        return;
    case ABI_BYTES_FIXED:
        buf_printf(out, "bytes%u", type->size);
        return;
    case ABI_BYTES:
        buf_put_str(out, "bytes");
        return;
    case ABI_STRING:
        buf_put_str(out, "string");
        return;
    case ABI_LIST:
        break;
    }
    if (!type->is_tuple) {
        abi_type_print(out, &type->fields[0]);
        if (type->is_open_array) {
            buf_put_str(out, "[]");
        } else {
            buf_printf(out, "[%zu]", type->count);
        }
        return;
    }
    buf_put_u8(out, '(');
    for (size_t i = 0; i < type->count; i++) {
        if (i > 0) buf_put_u8(out, ',');
        abi_type_print(out, &type->fields[i]);
    }
    buf_put_u8(out, ')');
}

static err_t finish(struct abi_signature *out, struct arena *arena)
{
    struct buf b;
    buf_init(&b, 65536);
    buf_put_str(&b, out->name);
    abi_type_print(&b, &out->inputs);
    err_t err = buf_status(&b);
    if (err.kind == ERR_NONE) {
        err = copy_text(&out->canonical, arena, buf_bytes(&b));
        out->topic = keccak256(buf_bytes(&b));
        memcpy(out->selector, out->topic.b, sizeof out->selector);
    }
    buf_deinit(&b);
    return err;
}

/// What may stand between a function's inputs and its outputs.
static const char *const modifiers[] = {"external", "public",    "internal", "private",
                                        "view",     "pure",      "payable",  "virtual",
                                        "override", "anonymous", "constant", "nonpayable"};

static err_t take_outputs(struct cursor *c, struct abi_signature *out)
{
    out->outputs = (struct abi_type){.kind = ABI_LIST, .is_tuple = true, .name = ""};
    bool announced = false;
    while (peek(c) != 0 && peek(c) != '(' && peek(c) != ';') {
        const bytes_t word = take_word(c);
        if (bytes_eq(word, LIT("returns")) && !announced) {
            announced = true;
        } else if (announced || !is_one_of(word, modifiers, ARRAY_LEN(modifiers))) {
            return FAIL(MALFORMED, "signature: unexpected text after the parameters");
        }
    }
    if (take(c, '(')) {
        out->has_outputs = true;
        TRY(take_tuple(c, &out->outputs, 0));
    } else if (announced) {
        return FAIL(MALFORMED, "signature: expected ( after returns");
    }
    take(c, ';');
    return peek(c) == 0 ? OK : FAIL(MALFORMED, "signature: unexpected text at the end");
}

err_t abi_signature_parse(struct abi_signature *out, struct arena *arena, bytes_t text)
{
    static const char *const kinds[] = {"function", "event", "error"};
    struct cursor c = {text, arena};
    struct abi_signature s = {.has_outputs = false};

    bytes_t name = take_word(&c);
    // `function` alone before the parenthesis would be a name; before another word it is not.
    if (is_one_of(name, kinds, ARRAY_LEN(kinds)) && peek(&c) != '(') name = take_word(&c);
    if (name.len != 0 && name.data[0] >= '0' && name.data[0] <= '9') {
        return FAIL(MALFORMED, "signature: a name starts with a digit");
    }
    TRY(copy_text(&s.name, arena, name));
    if (!take(&c, '(')) {
        return FAIL(MALFORMED, "signature: expected a name and (, as in transfer(address,uint256)");
    }
    TRY(take_tuple(&c, &s.inputs, 0));
    TRY(take_outputs(&c, &s));
    TRY(finish(&s, arena));
    *out = s;
    return OK;
}
