// SPDX-License-Identifier: Apache-2.0
/// Genesis files: a refused one says why, an accepted one is in order and has a hash.
#include "chain/types/chain_config.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = fuzz_arena();
    struct genesis g;
    struct genesis_detail detail = {{0}};
    const err_t err = genesis_parse(&g, &a, bytes_make(data, size), &detail);
    if (!err_ok(err)) {
        EXPECT(memchr(detail.text, 0, sizeof detail.text) != NULL);
        EXPECT(err.why != NULL);
    } else {
        for (size_t i = 1; i < g.alloc_count; i++) {
            EXPECT(address_cmp(&g.alloc[i - 1].address, &g.alloc[i].address) < 0);
        }
        struct buf out = fuzz_buf();
        header_encode(&out, &g.header);
        EXPECT(err_ok(buf_status(&out)));
        struct header back;
        EXPECT(err_ok(header_decode(&back, buf_bytes(&out))));
        buf_deinit(&out);
        (void)header_hash(&g.header);
        for (uint64_t n = 0; n < 3; n++) {
            EXPECT(chain_revision(&g.config, n, n * 1000) < REV_COUNT);
            (void)chain_qbft_at(&g.config, n);
        }
    }
    arena_deinit(&a);
    return 0;
}
