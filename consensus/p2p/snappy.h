// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Snappy's block format, which every message after Hello is packed in (EIP-706). The one file
/// with <snappy-c.h>.

#include "chain/base/buf.h"
#include "chain/base/err.h"

/// Bytes that `len` bytes need at most when packed.
size_t snappy_packed_max(size_t len);

/// Appends `in`, packed. @return ERR_FULL
MUST_USE err_t snappy_pack(struct buf *out, bytes_t in);

/// Appends the contents of `in`. The length that it claims is held against the limit, and against
/// what so many bytes can possibly expand to, before anything is allocated.
/// @return ERR_LIMIT above `max_len`; ERR_MALFORMED; ERR_FULL. On failure `out` is as it was.
MUST_USE err_t snappy_unpack(struct buf *out, bytes_t in, size_t max_len);
