// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What every fuzz target shares. A target turns bytes into one call of a parser and states
/// what must hold afterwards; a broken statement is a crash that libFuzzer keeps.

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXPECT(COND)                                                                               \
    do {                                                                                           \
        if (!(COND)) {                                                                             \
            (void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #COND);               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/// An arena for one input: 64 MiB at most, whatever the input claims.
static inline struct arena fuzz_arena(void)
{
    struct arena a;
    EXPECT(err_ok(arena_init(&a, (size_t)64 << 20)));
    return a;
}

/// A buffer for what is encoded again.
static inline struct buf fuzz_buf(void)
{
    struct buf b;
    buf_init(&b, (size_t)16 << 20);
    return b;
}

/// Cuts `len` bytes off the front (fewer if there are no more).
static inline bytes_t fuzz_take(bytes_t *in, size_t len)
{
    const size_t n = len < in->len ? len : in->len;
    const bytes_t head = {in->data, n};
    in->data = n > 0 ? in->data + n : in->data;
    in->len -= n;
    return head;
}

static inline uint8_t fuzz_u8(bytes_t *in)
{
    const bytes_t b = fuzz_take(in, 1);
    return b.len == 1 ? b.data[0] : 0;
}
