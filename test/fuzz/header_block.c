// SPDX-License-Identifier: Apache-2.0
/// Headers, blocks and bodies that decode encode to the same bytes. The first byte chooses.
#include "chain/types/block.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes_t in = {data, size};
    const uint8_t kind = fuzz_u8(&in) % 3;
    struct arena a = fuzz_arena();
    struct buf out = fuzz_buf();
    struct header header;
    struct block block;
    if (kind == 0 && err_ok(header_decode(&header, in))) {
        header_encode(&out, &header);
        EXPECT(bytes_eq(buf_bytes(&out), in));
        (void)header_hash(&header);
    }
    if (kind == 1 && err_ok(block_decode(&block, &a, in))) {
        block_encode(&out, &block);
        EXPECT(bytes_eq(buf_bytes(&out), in));
        (void)err_ok(block_check_body(&block, &a));
    }
    if (kind == 2 && err_ok(block_body_decode(&block, &a, in))) {
        block_body_encode(&out, &block);
        EXPECT(bytes_eq(buf_bytes(&out), in));
    }
    buf_deinit(&out);
    arena_deinit(&a);
    return 0;
}
