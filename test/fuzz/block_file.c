// SPDX-License-Identifier: Apache-2.0
/// What comes out of a block file, in whatever pieces it is read, lies in the file end to end. The
/// first byte is the size of the pieces.
#include "chain/types/block_file.h"
#include "test/fuzz/fuzz.h"

struct memory {
    bytes_t rest;
    size_t step;
};

static err_t read_memory(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    struct memory *m = ctx;
    size_t n = m->rest.len < m->step ? m->rest.len : m->step;
    if (n > cap) n = cap;
    if (n > 0) memcpy(out, m->rest.data, n);
    m->rest = bytes_make(m->rest.data + n, m->rest.len - n);
    *got = n;
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes_t in = {data, size};
    struct memory m = {.step = (size_t)fuzz_u8(&in) + 1};
    m.rest = in;
    const struct byte_source source = {read_memory, &m};
    struct block_file f;
    bytes_t raw;
    uint64_t where;
    uint64_t at = 0;
    block_file_init(&f, &source);
    while (err_ok(block_file_next(&f, &raw, &where))) {
        EXPECT(where == at && raw.len > 0 && raw.len <= in.len - at);
        EXPECT(bytes_eq(raw, bytes_make(in.data + at, raw.len)));
        at += raw.len;
    }
    EXPECT(where == at);
    block_file_deinit(&f);
    return 0;
}
