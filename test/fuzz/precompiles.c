// SPDX-License-Identifier: Apache-2.0
/// 1 byte of rules, 1 of address, then input. Gas bounds the work; anything but success
/// leaves none; the same call twice gives the same bytes.
#include "chain/crypto/secp.h"
#include "test/fuzz/fuzz.h"
#include "vm/precompile/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EXPECT(err_ok(secp_setup()));
    bytes_t in = {data, size};
    const enum revision rev = (enum revision)(fuzz_u8(&in) % REV_COUNT);
    const address_t at = {{[19] = (uint8_t)(fuzz_u8(&in) % 18)}};
    if (!precompile_is(rev, &at)) return 0;

    struct arena a = fuzz_arena();
    const uint64_t given = 400000;
    uint64_t left[2] = {given, given};
    bytes_t out[2];
    enum evm_status status[2];
    for (int i = 0; i < 2; i++) status[i] = precompile_run(&out[i], &left[i], &a, rev, &at, in);
    EXPECT(status[0] == status[1]);
    EXPECT(left[0] == left[1]);
    EXPECT(bytes_eq(out[0], out[1]));
    EXPECT(status[0] != EVM_INTERNAL);
    EXPECT(left[0] <= given);
    if (status[0] != EVM_SUCCESS) EXPECT(left[0] == 0 && out[0].len == 0);
    arena_deinit(&a);
    return 0;
}
