// SPDX-License-Identifier: Apache-2.0
/// A receipt that decodes encodes to the same bytes.
#include "chain/types/receipt.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bytes_t in = {data, size};
    struct arena a = fuzz_arena();
    struct receipt r;
    if (err_ok(receipt_decode(&r, &a, in))) {
        struct buf out = fuzz_buf();
        receipt_encode(&out, &r);
        EXPECT(bytes_eq(buf_bytes(&out), in));
        buf_deinit(&out);

        struct bloom bloom = {{0}};
        for (size_t i = 0; i < r.log_count; i++) {
            EXPECT(r.logs[i].topic_count <= 4);
            bloom_add_log(&bloom, &r.logs[i]);
            EXPECT(bloom_may_contain(&bloom, BYTES_OF(r.logs[i].address)));
        }
        (void)logs_hash(r.logs, r.log_count);
    }
    arena_deinit(&a);
    return 0;
}
