// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Bytes that somebody else owns, and the two fixed-size values that everything
/// here is named by: 32-byte hashes and 20-byte addresses.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// A view of bytes. It borrows: whoever returns one says until when it is valid.
typedef struct bytes {
    const uint8_t *data; ///< may be NULL if len is 0
    size_t len;
} bytes_t;

/// A 32-byte value: Keccak-256 or SHA-256 digest, root, storage key, topic.
typedef struct hash {
    uint8_t b[32];
} hash_t;

/// A 20-byte account address.
typedef struct address {
    uint8_t b[20];
} address_t;

#define ARRAY_LEN(A) (sizeof(A) / sizeof((A)[0]))

/// The bytes of an object in memory, such as a hash_t or a packed key.
#define BYTES_OF(OBJ) ((bytes_t){(const uint8_t *)&(OBJ), sizeof(OBJ)})

/// The bytes of a string literal, without its terminator.
#define LIT(S) ((bytes_t){(const uint8_t *)("" S), sizeof(S) - 1})

#define BYTES_NONE ((bytes_t){0, 0})

static inline bytes_t bytes_make(const void *data, size_t len)
{
    return (bytes_t){(const uint8_t *)data, len};
}

/// The bytes of a terminated string, without the terminator.
static inline bytes_t bytes_of_str(const char *s)
{
    return (bytes_t){(const uint8_t *)s, strlen(s)};
}

static inline bool bytes_eq(bytes_t a, bytes_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/// Order of the bytes, a shorter prefix first: <0, 0 or >0, as memcmp.
static inline int bytes_cmp(bytes_t a, bytes_t b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int c = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (c != 0) return c;
    return (a.len > b.len) - (a.len < b.len);
}

static inline bool hash_eq(const hash_t *a, const hash_t *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static inline int hash_cmp(const hash_t *a, const hash_t *b)
{
    return memcmp(a->b, b->b, sizeof a->b);
}

static inline bool hash_is_zero(const hash_t *h)
{
    static const hash_t zero = {{0}};
    return hash_eq(h, &zero);
}

static inline bool address_eq(const address_t *a, const address_t *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static inline int address_cmp(const address_t *a, const address_t *b)
{
    return memcmp(a->b, b->b, sizeof a->b);
}

static inline bool address_is_zero(const address_t *a)
{
    static const address_t zero = {{0}};
    return address_eq(a, &zero);
}
