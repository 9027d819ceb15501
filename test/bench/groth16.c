// SPDX-License-Identifier: Apache-2.0

/// A Groth16 verification as a transaction to a verifier contract (three products and three sums
/// on BN254, four pairings), in recover units. It must cost single-digit milliseconds.

#include <stdio.h>

#include "test/support/bench.h"
#include "test/support/groth16_case.h"
#include "test/support/vm_world.h"

static void verify_run(void *ctx, uint64_t count)
{
    struct vm_world *w = ctx;
    for (uint64_t i = 0; i < count; i++) {
        const struct tx_result r = vm_world_run(w);
        const u256_t word = vm_world_word(&r);
        bench_expect(r.validity == TX_VALID && r.status == EVM_SUCCESS && u256_fits_u64(&word) &&
                         word.limb[0] == 1,
                     "the proof is accepted");
    }
}

int main(void)
{
    const struct bench_subject recover = bench_recover_limit();
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    vm_world_code(&w, &WORLD_CONTRACT, GROTH16_CODE);
    w.tx.data = vm_world_bytes(&w, GROTH16_CALL);
    const struct tx_result r = vm_world_run(&w);
    const struct bench_figure f =
        bench_compare(&(struct bench_subject){"groth16/verify", verify_run, &w}, &recover, 0);
    fprintf(stderr, "%-36s %12.1f Mgas/s\n", "", (double)r.gas_used / f.median_us);
    vm_world_deinit(&w);
    return f.median_us >= 10000;
}
