// SPDX-License-Identifier: Apache-2.0
#include "rpc/jsonrpc/params.h"

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "rpc/jsonrpc/error_codes.h"

#include <stdio.h>

/// The name of parameter `index` in the method's row.
static void name_of(char *out, size_t cap, const struct rpc_call *call, size_t index)
{
    const char *p = call->method->params;
    for (size_t i = 0; i < index && p != NULL; i++) {
        p = strchr(p, ' ');
        if (p != NULL) p++;
    }
    const size_t len = p == NULL ? 0 : strcspn(p, ":");
    (void)snprintf(out, cap, "%.*s", (int)len, p == NULL ? "" : p);
}

const json_t *param_at(const struct rpc_call *call, size_t index)
{
    const json_t *v = json_array_get(call->params, index);
    return v == NULL || json_is_null(v) ? NULL : v;
}

bool param_given(const struct rpc_call *call, size_t index)
{
    return param_at(call, index) != NULL;
}

// TYPE is a type: parentheses would not compile.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define PARAM_BY_VALUE(KIND, TYPE)                                                                 \
    bool param_##KIND(struct rpc_call *call, size_t index, TYPE *out)                              \
    {                                                                                              \
        char name[64];                                                                             \
        name_of(name, sizeof name, call, index);                                                   \
        return value_##KIND(call, param_at(call, index), name, out);                               \
    }
// NOLINTEND(bugprone-macro-parentheses)
PARAM_BY_VALUE(address, address_t)
PARAM_BY_VALUE(hash, hash_t)
PARAM_BY_VALUE(u64, uint64_t)
PARAM_BY_VALUE(u256, u256_t)
PARAM_BY_VALUE(bool, bool)
PARAM_BY_VALUE(data, bytes_t)

/// A row of type "hash" takes a hash alone: the methods that end with ByHash.
bool param_block(struct rpc_call *call, size_t index, struct block_ref *out)
{
    char name[64];
    const char *p = call->method->params;
    for (size_t i = 0; i < index && p != NULL; i++) {
        p = strchr(p, ' ');
        if (p != NULL) p++;
    }
    const char *type = p == NULL ? NULL : strchr(p, ':');
    if (type != NULL && strncmp(type, ":hash", 5) == 0) {
        out->kind = BLOCK_HASH;
        return param_hash(call, index, &out->hash);
    }
    name_of(name, sizeof name, call, index);
    return value_block(call, param_at(call, index), name, out);
}

bool param_object(struct rpc_call *call, size_t index, const json_t **out)
{
    const json_t *v = param_at(call, index);
    if (json_is_object(v)) {
        *out = v;
        return true;
    }
    char name[64];
    name_of(name, sizeof name, call, index);
    return rpc_fail_param(call, name, "an object", v);
}

bool param_array(struct rpc_call *call, size_t index, const json_t **out)
{
    const json_t *v = param_at(call, index);
    if (json_is_array(v)) {
        *out = v;
        return true;
    }
    char name[64];
    name_of(name, sizeof name, call, index);
    return rpc_fail_param(call, name, "an array", v);
}

static bytes_t text_of(const json_t *v)
{
    return json_is_string(v) ? bytes_make(json_string_value(v), json_string_length(v)) : BYTES_NONE;
}

static bool has_0x(bytes_t text)
{
    return text.len >= 2 && text.data[0] == '0' && text.data[1] == 'x';
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'F';
}

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'f';
}

/// EIP-55: a digit is upper case where the hash of the lower-case text has a nibble >= 8.
/// Text of one case carries no checksum.
static bool checksum_fits(bytes_t digits)
{
    uint8_t lower[40];
    bool any_upper = false;
    bool any_lower = false;
    for (size_t i = 0; i < 40; i++) {
        const uint8_t c = digits.data[i];
        any_upper = any_upper || is_upper(c);
        any_lower = any_lower || is_lower(c);
        lower[i] = is_upper(c) ? (uint8_t)(c | 0x20) : c;
    }
    if (!any_upper || !any_lower) return true;
    const hash_t h = keccak256(bytes_make(lower, sizeof lower));
    for (size_t i = 0; i < 40; i++) {
        const unsigned nibble = i % 2 == 0 ? h.b[i / 2] >> 4 : h.b[i / 2] & 15;
        const uint8_t c = digits.data[i];
        if (is_lower(c) && nibble >= 8) return false;
        if (is_upper(c) && nibble < 8) return false;
    }
    return true;
}

bool value_address(struct rpc_call *call, const json_t *v, const char *name, address_t *out)
{
    const bytes_t text = text_of(v);
    if (!has_0x(text) || text.len != 42 || !err_ok(hex_decode_fixed(out->b, sizeof out->b, text))) {
        return rpc_fail_param(call, name, "an address: 0x and 40 hex digits", v);
    }
    if (!checksum_fits(bytes_make(text.data + 2, 40))) {
        return rpc_fail_param(call, name, "an address with a right checksum (EIP-55)", v);
    }
    return true;
}

bool value_hash(struct rpc_call *call, const json_t *v, const char *name, hash_t *out)
{
    const bytes_t text = text_of(v);
    if (!has_0x(text) || text.len != 66 || !err_ok(hex_decode_fixed(out->b, sizeof out->b, text))) {
        return rpc_fail_param(call, name, "32 bytes: 0x and 64 hex digits", v);
    }
    return true;
}

bool value_u256(struct rpc_call *call, const json_t *v, const char *name, u256_t *out)
{
    static const char want[] = "a quantity: 0x and hex digits without leading zeros";
    const bytes_t text = text_of(v);
    if (!has_0x(text) || text.len < 3 || text.len > 66) return rpc_fail_param(call, name, want, v);
    if (text.data[2] == '0' && text.len > 3) return rpc_fail_param(call, name, want, v);
    if (!err_ok(u256_parse(out, text))) return rpc_fail_param(call, name, want, v);
    return true;
}

bool value_u64(struct rpc_call *call, const json_t *v, const char *name, uint64_t *out)
{
    u256_t wide = {{0}};
    if (!value_u256(call, v, name, &wide)) return false;
    if (!u256_fits_u64(&wide)) {
        return rpc_fail_param(call, name, "a quantity of at most 64 bits", v);
    }
    *out = wide.limb[0];
    return true;
}

bool value_bool(struct rpc_call *call, const json_t *v, const char *name, bool *out)
{
    if (!json_is_boolean(v)) return rpc_fail_param(call, name, "true or false", v);
    *out = json_is_true(v);
    return true;
}

bool value_data(struct rpc_call *call, const json_t *v, const char *name, bytes_t *out)
{
    const bytes_t text = text_of(v);
    if (!has_0x(text) || text.len % 2 != 0) {
        return rpc_fail_param(call, name, "bytes: 0x and an even number of hex digits", v);
    }
    const size_t cap = (text.len - 2) / 2;
    uint8_t *data = arena_alloc(call->arena, cap);
    if (data == NULL) return rpc_fail_limit(call, "request memory", call->arena->cap, cap);
    size_t len = 0;
    if (cap > 0 && !err_ok(hex_decode(data, cap, &len, text))) {
        return rpc_fail_param(call, name, "bytes: 0x and an even number of hex digits", v);
    }
    *out = bytes_make(data, len);
    return true;
}

bool value_slot_key(struct rpc_call *call, const json_t *v, const char *name, hash_t *out)
{
    static const char want[] = "a storage key: 0x and 1 to 64 hex digits";
    const bytes_t text = text_of(v);
    if (!has_0x(text) || text.len < 3 || text.len > 66) return rpc_fail_param(call, name, want, v);
    uint8_t padded[64];
    memset(padded, '0', sizeof padded);
    memcpy(padded + 64 - (text.len - 2), text.data + 2, text.len - 2);
    if (!err_ok(hex_decode_fixed(out->b, sizeof out->b, BYTES_OF(padded)))) {
        return rpc_fail_param(call, name, want, v);
    }
    return true;
}

bool value_block(struct rpc_call *call, const json_t *v, const char *name, struct block_ref *out)
{
    memset(out, 0, sizeof *out);
    if (v == NULL) {
        out->kind = BLOCK_LATEST;
        return true;
    }
    if (json_is_object(v)) { // EIP-1898
        const json_t *number = json_object_get(v, "blockNumber");
        const json_t *hash = json_object_get(v, "blockHash");
        if ((number == NULL) == (hash == NULL)) {
            return rpc_fail_param(call, name, "either blockNumber or blockHash", v);
        }
        if (number != NULL) {
            out->kind = BLOCK_NUMBER;
            return value_u64(call, number, "blockNumber", &out->number);
        }
        out->kind = BLOCK_HASH;
        return value_hash(call, hash, "blockHash", &out->hash);
    }
    const bytes_t text = text_of(v);
    if (bytes_eq(text, LIT("latest")) || bytes_eq(text, LIT("safe")) ||
        bytes_eq(text, LIT("finalized"))) {
        out->kind = BLOCK_LATEST;
        return true;
    }
    if (bytes_eq(text, LIT("pending"))) {
        out->kind = BLOCK_PENDING;
        return true;
    }
    if (bytes_eq(text, LIT("earliest"))) {
        out->kind = BLOCK_NUMBER;
        return true;
    }
    if (text.len == 66 && has_0x(text)) {
        out->kind = BLOCK_HASH;
        return value_hash(call, v, name, &out->hash);
    }
    u256_t number = {{0}};
    if (!has_0x(text) || text.len < 3 || (text.data[2] == '0' && text.len > 3) ||
        !err_ok(u256_parse(&number, text)) || !u256_fits_u64(&number)) {
        return rpc_fail_param(call, name,
                              "a block: quantity, latest, earliest, pending, safe, finalized, or "
                              "{blockHash}",
                              v);
    }
    out->kind = BLOCK_NUMBER;
    out->number = number.limb[0];
    return true;
}

bool object_only(struct rpc_call *call, const json_t *object, const char *what,
                 const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool found = false;
        for (size_t i = 0; known[i] != NULL && !found; i++) found = strcmp(known[i], key) == 0;
        if (!found) {
            char name[96];
            (void)snprintf(name, sizeof name, "%s.%.40s", what, key);
            return rpc_fail_param(call, name, "absent: no such member", value);
        }
    }
    return true;
}
