// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A growing byte buffer with a maximum. Failure is sticky: writers need not check
/// every put, whoever takes the result asks buf_status once.

#include <stdint.h>

#include "chain/base/bytes.h"
#include "chain/base/err.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max; ///< bytes; never exceeded
    bool full;  ///< a put did not fit: contents are incomplete
};

/// An empty buffer on the heap that may grow to `max_bytes`. Allocates nothing yet.
void buf_init(struct buf *b, size_t max_bytes);

/// Frees the memory; the buffer is empty and reusable afterwards.
void buf_deinit(struct buf *b);

/// Empties the buffer and clears `full`; keeps the memory.
void buf_clear(struct buf *b);

/// Makes room for `len` more bytes and returns where to write them, already counted
/// in; NULL (and `full`) if they do not fit.
uint8_t *buf_extend(struct buf *b, size_t len);

/// Appends bytes, one byte, or a terminated string without its terminator.
void buf_put(struct buf *b, bytes_t bytes);
/// See buf_put.
void buf_put_u8(struct buf *b, uint8_t byte);
/// See buf_put.
void buf_put_str(struct buf *b, const char *s);

/// Appends formatted text (printf rules).
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/// OK, or ERR_FULL if anything did not fit.
MUST_USE err_t buf_status(const struct buf *b);

/// The contents; valid until the next put, clear or deinit.
static inline bytes_t buf_bytes(const struct buf *b)
{
    return (bytes_t){b->data, b->len};
}
