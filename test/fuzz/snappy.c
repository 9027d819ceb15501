// SPDX-License-Identifier: Apache-2.0
/// Snappy's block format: what unpacks is as long as it said, expands no further than the format
/// can, is refused at a lower limit without a trace, and comes back after packing.
#include "consensus/p2p/snappy.h"
#include "test/fuzz/fuzz.h"

#include <string.h>

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf plain = fuzz_buf();
    struct buf packed = fuzz_buf();
    struct buf again = fuzz_buf();
    buf_put(&plain, LIT("before"));
    const bytes_t in = {data, size};
    if (err_ok(snappy_unpack(&plain, in, LIMIT))) {
        const bytes_t got = {plain.data + 6, plain.len - 6};
        EXPECT(got.len <= LIMIT && got.len / 64 <= size);
        EXPECT(err_ok(snappy_pack(&packed, got)) && packed.len <= snappy_packed_max(got.len));
        EXPECT(err_ok(snappy_unpack(&again, buf_bytes(&packed), got.len)));
        EXPECT(bytes_eq(buf_bytes(&again), got));
        if (got.len != 0) {
            buf_clear(&again);
            EXPECT(snappy_unpack(&again, in, got.len - 1).kind == ERR_LIMIT && again.len == 0);
        }
    }
    EXPECT(plain.len >= 6 && memcmp(plain.data, "before", 6) == 0);
    buf_deinit(&plain);
    buf_deinit(&packed);
    buf_deinit(&again);
    return 0;
}
