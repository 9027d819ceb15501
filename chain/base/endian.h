// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Big-endian numbers in bytes: the order of wire formats and of database keys.

#include <stdint.h>
#include <string.h>

/// Eight bytes, most significant first; as a database key, order is meaning.
typedef struct be64 {
    uint8_t b[8];
} be64_t;

static inline void be_put_u64(uint8_t out[8], uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(out, &v, sizeof v);
}

static inline uint64_t be_get_u64(const uint8_t in[8])
{
    uint64_t v;
    memcpy(&v, in, sizeof v);
    return __builtin_bswap64(v);
}

static inline void be_put_u32(uint8_t out[4], uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(out, &v, sizeof v);
}

static inline uint32_t be_get_u32(const uint8_t in[4])
{
    uint32_t v;
    memcpy(&v, in, sizeof v);
    return __builtin_bswap32(v);
}

static inline be64_t be64(uint64_t v)
{
    be64_t k;
    be_put_u64(k.b, v);
    return k;
}
