// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "test/support/groth16_case.h"
#include "test/support/vm_world.h"

/// Goal: a verifier contract accepts a proof by the precompiles of BN254, and accepts nothing
/// that differs from it in one bit of any word.
Test(groth16, verifies)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    vm_world_code(&w, &WORLD_CONTRACT, GROTH16_CODE);
    w.tx.data = vm_world_bytes(&w, GROTH16_CALL);
    cr_assert_eq(w.tx.data.len, 352u, "A, B, C and three inputs");

    struct tx_result r = vm_world_run(&w);
    cr_assert_eq(r.status, EVM_SUCCESS);
    u256_t word = vm_world_word(&r);
    cr_expect(r.output.len == 32 && u256_fits_u64(&word) && word.limb[0] == 1, "a valid proof");
    // Three products, three sums, four pairings, and little beside.
    const uint64_t gas = vm_world_gas(&w, &r);
    const uint64_t least = 3 * 6000 + 3 * 150 + 45000 + 4 * 34000;
    cr_expect(gas > least && gas < least + 3000, "%llu gas", (unsigned long long)gas);

    uint8_t *data = (uint8_t *)(uintptr_t)w.tx.data.data;
    for (size_t i = 0; i < w.tx.data.len / 32; i++) {
        data[32 * i + 31] ^= 1;
        r = vm_world_run(&w);
        word = vm_world_word(&r);
        // Coordinates are off the curve then; another input is a false statement.
        const bool is_input = i >= 8;
        cr_expect_eq(r.status, is_input ? EVM_SUCCESS : EVM_INVALID_OPCODE, "word %zu", i);
        cr_expect(u256_is_zero(&word), "word %zu", i);
        data[32 * i + 31] ^= 1;
    }
    vm_world_deinit(&w);
}
