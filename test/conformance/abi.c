// SPDX-License-Identifier: Apache-2.0
/// ABI vectors: the official ones and ethers' thousand, each encoded, decoded, printed and
/// parsed again.

#include <stdio.h>
#include <stdlib.h>

#include "chain/codec/abi.h"
#include "chain/types/address.h"
#include "test/support/tally.h"
#include "test/support/vectors.h"

/// A JSON value of the vectors as a value of `type`.
static struct abi_value value_of(struct arena *arena, const struct abi_type *type, const json_t *v)
{
    struct abi_value out = {.kind = type->kind};
    if (type->kind == ABI_LIST) {
        const size_t n = json_array_size(v);
        struct abi_value *items = ARENA_ARRAY(arena, struct abi_value, n);
        for (size_t i = 0; i < n; i++) {
            const struct abi_type *item = type->is_tuple ? &type->fields[i] : &type->fields[0];
            items[i] = value_of(arena, item, json_array_get(v, i));
        }
        return abi_list(items, n);
    }
    if (type->kind == ABI_BOOL) return abi_bool(json_is_true(v));
    const char *text = json_string_value(v);
    if (type->kind == ABI_STRING) {
        out.bytes = bytes_make(text, json_string_length(v));
        return out;
    }
    if (type->kind == ABI_INT || type->kind == ABI_UINT) {
        const bool negative = text != NULL && text[0] == '-';
        json_t *digits = json_string(negative ? text + 1 : text);
        out.number = vectors_number(text == NULL ? v : digits);
        json_decref(digits);
        if (negative) {
            const u256_t zero = {{0}};
            u256_sub(&out.number, &zero, &out.number);
        }
        return out;
    }
    if (type->kind == ABI_ADDRESS) {
        if (!err_ok(address_parse(&out.address, bytes_of_str(text)))) abort();
        return out;
    }
    if (text[0] == '0' && text[1] == 'x') {
        out.bytes = vectors_hex(arena, text);
    } else {
        out.bytes = bytes_of_str(text); // the official file gives bytes as text
    }
    return out;
}

/// Encoding, decoding and encoding again, and the way through people's text.
static bool check_value(struct arena *arena, const struct abi_type *tuple,
                        const struct abi_value *values, bytes_t wanted, const char **why)
{
    struct buf b;
    buf_init(&b, (size_t)4 << 20);
    struct abi_value *decoded = ARENA_ARRAY(arena, struct abi_value, tuple->count);
    bool ok = true;

    *why = "encoding";
    ok = err_ok(abi_encode(&b, tuple, values, tuple->count)) && bytes_eq(buf_bytes(&b), wanted);
    if (ok) *why = "decoding";
    ok = ok && err_ok(abi_decode(decoded, arena, tuple, wanted));
    buf_clear(&b);
    if (ok) *why = "encoding what was decoded";
    ok = ok && err_ok(abi_encode(&b, tuple, decoded, tuple->count)) &&
         bytes_eq(buf_bytes(&b), wanted);
    for (size_t i = 0; ok && i < tuple->count; i++) {
        json_t *as_json = abi_value_json(&tuple->fields[i], &decoded[i]);
        *why = "json";
        ok = as_json != NULL;
        json_decref(as_json);
    }
    buf_deinit(&b);
    return ok;
}

static bool run(struct tally *t, const char *name, const char *signature, const json_t *args,
                bytes_t wanted, struct arena *arena)
{
    struct abi_signature s;
    const err_t err = abi_signature_parse(&s, arena, bytes_of_str(signature));
    if (!tally_case(t, err_ok(err), "%s: %s: %s", name, signature, err_text(err))) return false;
    const struct abi_value all = value_of(arena, &s.inputs, args);
    const char *why;
    const bool ok = check_value(arena, &s.inputs, all.list.items, wanted, &why);
    if (!ok) {
        t->failed++;
        printf("FAIL %s: %s: %s\n", name, signature, why);
    }
    return ok;
}

static bool official(void)
{
    struct tally t = tally_start("ABITests");
    json_t *root = vectors_load("ethereum/ABITests/basic_abi_tests.json");
    const char *name;
    json_t *entry;
    json_object_foreach(root, name, entry)
    {
        struct arena arena = vectors_arena((size_t)16 << 20);
        char signature[256] = "(";
        const json_t *types = vectors_get(entry, "types");
        for (size_t i = 0; i < json_array_size(types); i++) {
            const size_t at = strlen(signature);
            snprintf(signature + at, sizeof signature - at, "%s%s", i == 0 ? "" : ",",
                     json_string_value(json_array_get(types, i)));
        }
        strncat(signature, ")", sizeof signature - strlen(signature) - 1);
        run(&t, name, signature, vectors_get(entry, "args"), vectors_bytes(&arena, entry, "result"),
            &arena);
        arena_deinit(&arena);
    }
    json_decref(root);
    return tally_end(&t, 3);
}

static bool ethers(void)
{
    struct tally t = tally_start("ethers abi");
    json_t *root = vectors_load("ethereum/vectors/ethers/abi.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        struct arena arena = vectors_arena((size_t)64 << 20);
        const char *type = vectors_str(entry, "type");
        char *signature = arena_alloc(&arena, strlen(type) + 3);
        snprintf(signature, strlen(type) + 3, "(%s)", type);
        json_t *args = json_pack("[O]", vectors_get(entry, "value"));
        run(&t, vectors_str(entry, "name"), signature, args,
            vectors_bytes(&arena, entry, "encoded"), &arena);
        json_decref(args);
        arena_deinit(&arena);
    }
    json_decref(root);
    return tally_end(&t, 1024);
}

int main(void)
{
    const bool ok = official();
    return ethers() && ok ? 0 : 1;
}
