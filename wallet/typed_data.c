// SPDX-License-Identifier: Apache-2.0
#include "wallet/typed_data.h"

#include "chain/base/hex.h"
#include "chain/base/u256.h"
#include "chain/crypto/keccak.h"
#include "chain/types/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_NAME_MAX 128
#define TYPES_MAX 256
#define ENCODED_MAX ((size_t)1 << 20)
#define DOMAIN_TYPE "EIP712Domain"

// ---- types --------------------------------------------------------------------------------------

/// A type taken apart: "Person[2][]" is an open array of Person[2].
struct type {
    char base[TYPE_NAME_MAX]; ///< without the last array part
    bool is_array;
    bool is_open;
    size_t count; ///< of T[n]
};

static err_t refuse(struct typed_data_detail *why, const char *name, const char *problem)
{
    (void)snprintf(why->text, sizeof why->text, "%.100s: %s", name, problem);
    return FAIL(MALFORMED, "typed data");
}

static bool is_identifier(const char *s)
{
    const size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$");
    return n > 0 && s[n] == 0 && (s[0] < '0' || s[0] > '9');
}

static err_t split_type(struct type *out, const char *text, struct typed_data_detail *why)
{
    *out = (struct type){0};
    const size_t len = strlen(text);
    if (len == 0 || len >= sizeof out->base) return refuse(why, text, "no name of a type");
    memcpy(out->base, text, len + 1);
    if (out->base[len - 1] != ']') return OK;
    char *open = strrchr(out->base, '[');
    if (open == NULL || open == out->base) return refuse(why, text, "a bracket is missing");
    out->is_array = true;
    out->is_open = open[1] == ']';
    if (!out->is_open) {
        char *end;
        const unsigned long n = strtoul(open + 1, &end, 10);
        if (open[1] < '1' || open[1] > '9' || *end != ']' || n > UINT16_MAX)
            return refuse(why, text, "no length of an array");
        out->count = n;
    }
    *open = 0;
    return OK;
}

/// The struct type that a member's type is made of, or "" for basic types; `out` has room.
static void innermost(char out[TYPE_NAME_MAX], const char *text)
{
    (void)snprintf(out, TYPE_NAME_MAX, "%s", text);
    out[strcspn(out, "[")] = 0;
}

/// Members of a struct type, or NULL. The domain's may be left out: then they are those of
/// the standard's five that the domain has, in the standard's order.
static json_t *members_of(const json_t *types, const char *name, const json_t *domain)
{
    json_t *list = json_object_get(types, name);
    if (list != NULL || strcmp(name, DOMAIN_TYPE) != 0) return json_incref(list);
    static const struct {
        const char *name;
        const char *type;
    } fields[] = {{"name", "string"},
                  {"version", "string"},
                  {"chainId", "uint256"},
                  {"verifyingContract", "address"},
                  {"salt", "bytes32"}};
    list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (json_object_get(domain, fields[i].name) == NULL) continue;
        (void)json_array_append_new(
            list, json_pack("{ssss}", "name", fields[i].name, "type", fields[i].type));
    }
    return list;
}

/// Adds the struct types that `name` refers to, itself included, each once.
static err_t collect(const char *names[TYPES_MAX], size_t *count, const json_t *types,
                     const char *name, struct typed_data_detail *why)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(names[i], name) == 0) return OK;
    }
    if (*count == TYPES_MAX) return FAIL(LIMIT, "typed data has too many types");
    const json_t *list = json_object_get(types, name);
    names[(*count)++] = name;
    size_t i;
    json_t *member;
    json_array_foreach(list, i, member)
    {
        const char *type = json_string_value(json_object_get(member, "type"));
        if (type == NULL) return refuse(why, name, "a member without type");
        char base[TYPE_NAME_MAX];
        innermost(base, type);
        // The key of the object lives as long as the object; `base` does not.
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)types, key, value)
        {
            if (strcmp(key, base) == 0) TRY(collect(names, count, types, key, why));
        }
    }
    return OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static err_t put_type(struct buf *out, const char *name, const json_t *members,
                      struct typed_data_detail *why)
{
    if (!is_identifier(name)) return refuse(why, name, "no name of a struct");
    if (!json_is_array(members)) return refuse(why, name, "a type is a list of members");
    buf_put_str(out, name);
    buf_put_u8(out, '(');
    size_t i;
    json_t *m;
    json_array_foreach(members, i, m)
    {
        const char *type = json_string_value(json_object_get(m, "type"));
        const char *field = json_string_value(json_object_get(m, "name"));
        if (type == NULL || field == NULL || !is_identifier(field))
            return refuse(why, name, "a member has a name and a type");
        buf_printf(out, "%s%s %s", i > 0 ? "," : "", type, field);
    }
    buf_put_u8(out, ')');
    return OK;
}

err_t typed_data_encode_type(struct buf *out, const json_t *types, const char *name,
                             struct typed_data_detail *why)
{
    const char *names[TYPES_MAX];
    size_t count = 0;
    TRY(collect(names, &count, types, name, why));
    if (count > 2) qsort(names + 1, count - 1, sizeof names[0], by_name);
    for (size_t i = 0; i < count; i++)
        TRY(put_type(out, names[i], json_object_get(types, names[i]), why));
    return buf_status(out);
}

// ---- values -------------------------------------------------------------------------------------

struct encoder {
    const json_t *types;
    const json_t *domain;
    struct typed_data_detail *why;
};

static err_t hash_struct(hash_t *out, const struct encoder *e, const char *name,
                         const json_t *value, unsigned depth);

/// "uint8" with prefix "uint": 8. The number is empty for 256. 0 if it is no such type.
static unsigned bits_of(const char *type, const char *prefix)
{
    const size_t n = strlen(prefix);
    if (strncmp(type, prefix, n) != 0) return 0;
    if (type[n] == 0) return 256;
    char *end;
    const unsigned long bits = strtoul(type + n, &end, 10);
    if (type[n] < '1' || type[n] > '9' || *end != 0 || bits > 256 || bits % 8 != 0) return 0;
    return (unsigned)bits;
}

static err_t encode_number(hash_t *out, const struct encoder *e, const char *name, bool is_signed,
                           unsigned bits, const json_t *value)
{
    char text[32];
    const char *s = json_string_value(value);
    if (json_is_integer(value)) {
        (void)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
        s = text;
    }
    if (s == NULL) return refuse(e->why, name, "a number is expected");
    const bool negative = s[0] == '-';
    u256_t v;
    if (!err_ok(u256_parse(&v, bytes_of_str(s + negative))) || (negative && !is_signed))
        return refuse(e->why, name, "no number of this type");
    // Highest magnitude: 2^bits - 1, or 2^(bits-1) - 1, one more below zero.
    const unsigned width = is_signed ? bits - 1 : bits;
    const u256_t one = u256_from_u64(1);
    u256_t over = width == 256 ? u256_from_u64(0) : u256_shr(&v, width);
    if (negative && !u256_is_zero(&v)) {
        u256_t less;
        (void)u256_sub(&less, &v, &one);
        over = u256_shr(&less, width);
    }
    if (!u256_is_zero(&over)) return refuse(e->why, name, "the number is too large for its type");
    if (negative) {
        const u256_t zero = u256_from_u64(0);
        (void)u256_sub(&v, &zero, &v);
    }
    *out = u256_to_hash(&v);
    return OK;
}

/// "0x.." as bytes, on the heap.
static err_t hex_bytes(uint8_t **out, size_t *len, const struct encoder *e, const char *name,
                       const json_t *value)
{
    const char *s = json_string_value(value);
    const size_t digits = s != NULL ? strlen(s) : 0;
    if (digits < 2 || s[0] != '0' || s[1] != 'x' || digits % 2 != 0)
        return refuse(e->why, name, "0x and an even number of digits are expected");
    *out = malloc(digits / 2);
    if (*out == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    if (err_ok(hex_decode(*out, digits / 2, len, bytes_make(s, digits)))) return OK;
    free(*out);
    return refuse(e->why, name, "no hexadecimal digits");
}

static err_t encode_bytes(hash_t *out, const struct encoder *e, const char *name, const char *type,
                          const json_t *value)
{
    uint8_t *data = NULL;
    size_t len = 0;
    TRY(hex_bytes(&data, &len, e, name, value));
    err_t err = OK;
    if (type[5] == 0) {
        *out = keccak256(bytes_make(data, len));
    } else {
        char *end;
        const unsigned long want = strtoul(type + 5, &end, 10);
        if (type[5] < '1' || type[5] > '9' || *end != 0 || want > 32)
            err = refuse(e->why, type, "no such type");
        else if (len != want)
            err = refuse(e->why, name, "the bytes have another length than their type");
        *out = (hash_t){0};
        if (err_ok(err)) memcpy(out->b, data, len);
    }
    free(data);
    return err;
}

static err_t encode_value(hash_t *out, const struct encoder *e, const char *name, const char *type,
                          const json_t *value, unsigned depth);

static err_t encode_array(hash_t *out, const struct encoder *e, const char *name,
                          const struct type *t, const json_t *value, unsigned depth)
{
    const size_t n = json_array_size(value);
    if (!json_is_array(value) || (!t->is_open && n != t->count))
        return refuse(e->why, name, "a list of the type's length is expected");
    struct keccak k;
    keccak_init(&k);
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        hash_t h;
        TRY(encode_value(&h, e, name, t->base, item, depth + 1));
        keccak_update(&k, BYTES_OF(h));
    }
    *out = keccak_final(&k);
    return OK;
}

static err_t encode_basic(hash_t *out, const struct encoder *e, const char *name, const char *type,
                          const json_t *value)
{
    const char *s = json_string_value(value);
    if (strcmp(type, "string") == 0) {
        if (s == NULL) return refuse(e->why, name, "a string is expected");
        *out = keccak256(bytes_make(s, json_string_length(value)));
        return OK;
    }
    if (strcmp(type, "bool") == 0) {
        if (!json_is_boolean(value)) return refuse(e->why, name, "true or false is expected");
        *out = (hash_t){0};
        out->b[31] = json_is_true(value);
        return OK;
    }
    if (strcmp(type, "address") == 0) {
        address_t a;
        if (s == NULL || strncmp(s, "0x", 2) != 0 || !err_ok(address_parse(&a, bytes_of_str(s))))
            return refuse(e->why, name, "an address is expected");
        *out = (hash_t){0};
        memcpy(out->b + 12, a.b, sizeof a.b);
        return OK;
    }
    if (strncmp(type, "bytes", 5) == 0) return encode_bytes(out, e, name, type, value);
    const unsigned unsigned_bits = bits_of(type, "uint");
    if (unsigned_bits != 0) return encode_number(out, e, name, false, unsigned_bits, value);
    const unsigned signed_bits = bits_of(type, "int");
    if (signed_bits != 0) return encode_number(out, e, name, true, signed_bits, value);
    return refuse(e->why, type, "no such type");
}

static err_t encode_value(hash_t *out, const struct encoder *e, const char *name, const char *type,
                          const json_t *value, unsigned depth)
{
    if (depth > TYPED_DATA_DEPTH) return FAIL(LIMIT, "typed data is nested too deeply");
    struct type t;
    TRY(split_type(&t, type, e->why));
    if (t.is_array) return encode_array(out, e, name, &t, value, depth);
    if (json_object_get(e->types, type) == NULL) return encode_basic(out, e, name, type, value);
    if (json_is_null(value)) { // a struct that refers to itself ends with null
        *out = (hash_t){0};
        return OK;
    }
    return hash_struct(out, e, type, value, depth + 1);
}

static err_t type_hash(hash_t *out, const struct encoder *e, const char *name,
                       const json_t *members)
{
    struct buf b;
    buf_init(&b, ENCODED_MAX);
    err_t err = json_object_get(e->types, name) != NULL
                    ? typed_data_encode_type(&b, e->types, name, e->why)
                    : put_type(&b, name, members, e->why);
    if (err_ok(err)) err = buf_status(&b);
    if (err_ok(err)) *out = keccak256(buf_bytes(&b));
    buf_deinit(&b);
    return err;
}

static err_t hash_struct(hash_t *out, const struct encoder *e, const char *name,
                         const json_t *value, unsigned depth)
{
    json_t *members = members_of(e->types, name, e->domain);
    if (members == NULL) return refuse(e->why, name, "the types do not name it");
    hash_t h = {0};
    struct keccak k;
    keccak_init(&k);
    err_t err = type_hash(&h, e, name, members);
    if (err_ok(err) && !json_is_object(value)) err = refuse(e->why, name, "an object is expected");
    keccak_update(&k, BYTES_OF(h));
    size_t i;
    json_t *m;
    if (err_ok(err)) {
        json_array_foreach(members, i, m)
        {
            const char *field = json_string_value(json_object_get(m, "name"));
            const json_t *v = json_object_get(value, field);
            if (v == NULL) {
                err = refuse(e->why, field, "the member is missing");
                break;
            }
            err =
                encode_value(&h, e, field, json_string_value(json_object_get(m, "type")), v, depth);
            if (!err_ok(err)) break;
            keccak_update(&k, BYTES_OF(h));
        }
    }
    json_decref(members);
    if (err_ok(err)) *out = keccak_final(&k);
    return err;
}

err_t typed_data_digest(struct typed_data_hash *out, const json_t *data,
                        struct typed_data_detail *why)
{
    why->text[0] = 0;
    const struct encoder e = {.types = json_object_get(data, "types"),
                              .domain = json_object_get(data, "domain"),
                              .why = why};
    const char *primary = json_string_value(json_object_get(data, "primaryType"));
    if (!json_is_object(e.types) || !json_is_object(e.domain) || primary == NULL)
        return refuse(why, "typed data", "types, primaryType, domain and message are expected");
    TRY(hash_struct(&out->domain, &e, DOMAIN_TYPE, e.domain, 0));
    uint8_t all[66] = {0x19, 0x01};
    memcpy(all + 2, out->domain.b, 32);
    // The domain alone may be what is signed.
    const bool whole = strcmp(primary, DOMAIN_TYPE) != 0;
    out->message = (hash_t){0};
    if (whole) TRY(hash_struct(&out->message, &e, primary, json_object_get(data, "message"), 0));
    memcpy(all + 34, out->message.b, 32);
    out->digest = keccak256(bytes_make(all, whole ? 66 : 34));
    return OK;
}

// ---- showing --------------------------------------------------------------------------------------

struct walk {
    const json_t *types;
    const json_t *domain;
    void (*show)(void *user, const char *path, const char *type, const json_t *value);
    void *user;
};

static void walk_value(const struct walk *w, const char *path, const char *type,
                       const json_t *value, unsigned depth)
{
    struct type t;
    struct typed_data_detail why;
    if (depth > 2 * TYPED_DATA_DEPTH || type == NULL || !err_ok(split_type(&t, type, &why))) return;
    char inner[512];
    size_t i;
    json_t *item;
    if (t.is_array) {
        json_array_foreach(value, i, item)
        {
            (void)snprintf(inner, sizeof inner, "%s[%zu]", path, i);
            walk_value(w, inner, t.base, item, depth + 1);
        }
        return;
    }
    json_t *members = members_of(w->types, type, w->domain);
    if (members == NULL || json_is_null(value)) {
        w->show(w->user, path, type, value);
    } else {
        json_array_foreach(members, i, item)
        {
            const char *name = json_string_value(json_object_get(item, "name"));
            (void)snprintf(inner, sizeof inner, "%s.%s", path, name != NULL ? name : "?");
            walk_value(w, inner, json_string_value(json_object_get(item, "type")),
                       json_object_get(value, name), depth + 1);
        }
    }
    json_decref(members);
}

void typed_data_walk(const json_t *data,
                     void (*show)(void *user, const char *path, const char *type,
                                  const json_t *value),
                     void *user)
{
    const struct walk w = {.types = json_object_get(data, "types"),
                           .domain = json_object_get(data, "domain"),
                           .show = show,
                           .user = user};
    walk_value(&w, "domain", DOMAIN_TYPE, w.domain, 0);
    walk_value(&w, "message", json_string_value(json_object_get(data, "primaryType")),
               json_object_get(data, "message"), 0);
}

// ---- messages, signatures -----------------------------------------------------------------------

hash_t message_digest(bytes_t message)
{
    char head[64];
    const int n = snprintf(head, sizeof head,
                           "\x19"
                           "Ethereum Signed Message:\n%zu",
                           message.len);
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, bytes_make(head, (size_t)n));
    keccak_update(&k, message);
    return keccak_final(&k);
}

void signature_write(uint8_t out[65], const secp_sig_t *sig)
{
    memcpy(out, sig->r, 32);
    memcpy(out + 32, sig->s, 32);
    out[64] = (uint8_t)(27 + sig->v);
}

err_t signature_read(secp_sig_t *out, bytes_t in)
{
    if (in.len != 65) return FAIL(MALFORMED, "a signature has 65 bytes");
    const uint8_t v = in.data[64] >= 27 ? (uint8_t)(in.data[64] - 27) : in.data[64];
    if (v > 1) return FAIL(MALFORMED, "a signature ends with 27 or 28");
    memcpy(out->r, in.data, 32);
    memcpy(out->s, in.data + 32, 32);
    out->v = v;
    const u256_t s = u256_from_be32(out->s);
    if (u256_lt(&SECP_HALF_N, &s))
        return FAIL(INVALID, "the signature's s is above half the order");
    return OK;
}
