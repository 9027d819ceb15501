// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/snappy.h"

#include <snappy-c.h>

/// No element of the format expands further: two bytes may copy 64.
#define EXPANDS_AT_MOST 64

size_t snappy_packed_max(size_t len)
{
    return snappy_max_compressed_length(len);
}

err_t snappy_pack(struct buf *out, bytes_t in)
{
    const size_t start = out->len;
    size_t len = snappy_max_compressed_length(in.len);
    uint8_t *to = buf_extend(out, len);
    if (to == NULL) return FAIL(FULL, "snappy: no room");
    check(snappy_compress((const char *)in.data, in.len, (char *)to, &len) == SNAPPY_OK);
    out->len = start + len;
    return OK;
}

err_t snappy_unpack(struct buf *out, bytes_t in, size_t max_len)
{
    size_t len = 0;
    const char *from = (const char *)in.data;
    if (in.len == 0 || snappy_uncompressed_length(from, in.len, &len) != SNAPPY_OK)
        return FAIL(MALFORMED, "snappy: no length");
    if (len > max_len) return FAIL(LIMIT, "snappy: the contents are larger than allowed");
    if (len / EXPANDS_AT_MOST > in.len)
        return FAIL(MALFORMED, "snappy: a length that these bytes cannot have");

    const size_t start = out->len;
    uint8_t *to = buf_extend(out, len);
    if (to == NULL) return FAIL(FULL, "snappy: no room");
    size_t done = len;
    if (snappy_uncompress(from, in.len, (char *)to, &done) != SNAPPY_OK || done != len) {
        out->len = start;
        return FAIL(MALFORMED, "snappy: does not unpack");
    }
    return OK;
}
