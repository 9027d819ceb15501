// SPDX-License-Identifier: Apache-2.0
#include "chain/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_CAP ((size_t)256)

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void buf_deinit(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->full = false;
}

static bool grow(struct buf *b, size_t need)
{
    size_t cap = b->cap < BUF_FIRST_CAP ? BUF_FIRST_CAP : b->cap;
    while (cap < need && cap <= b->max / 2) cap *= 2;
    if (cap < need || cap > b->max) cap = b->max;

    uint8_t *data = realloc(b->data, cap);
    if (data == NULL) return false;
    b->data = data;
    b->cap = cap;
    return true;
}

uint8_t *buf_extend(struct buf *b, size_t len)
{
    if (b->full) return NULL;
    if (len > b->max - b->len) {
        b->full = true;
        return NULL;
    }
    if ((b->data == NULL || len > b->cap - b->len) && !grow(b, b->len + len)) {
        b->full = true;
        return NULL;
    }
    uint8_t *at = b->data + b->len;
    b->len += len;
    return at;
}

void buf_put(struct buf *b, bytes_t bytes)
{
    uint8_t *at = buf_extend(b, bytes.len);
    if (at != NULL && bytes.len != 0) memcpy(at, bytes.data, bytes.len);
}

void buf_put_u8(struct buf *b, uint8_t byte)
{
    uint8_t *at = buf_extend(b, 1);
    if (at != NULL) *at = byte;
}

void buf_put_str(struct buf *b, const char *s)
{
    buf_put(b, bytes_of_str(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    const int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);

    if (need < 0 || (size_t)need >= b->max - b->len) {
        // The terminator that vsnprintf writes needs room too, for the moment of writing.
        b->full = true;
    } else {
        char *at = (char *)buf_extend(b, (size_t)need + 1);
        if (at != NULL) {
            vsnprintf(at, (size_t)need + 1, fmt, again);
            b->len--;
        }
    }
    va_end(again);
}

err_t buf_status(const struct buf *b)
{
    return b->full ? FAIL(FULL, "buffer: the result is larger than its limit") : OK;
}
