// SPDX-License-Identifier: Apache-2.0

/// Prints how many microseconds of CPU one signature recovery takes on this machine now: the
/// unit that benchmarks of whole processes are measured in.

#include "test/support/bench.h"

#include <stdio.h>

int main(void)
{
    const struct bench_subject recover = bench_recover_limit();
    double best = 1e9;
    for (int i = 0; i < 9; i++) {
        const double begin = bench_cpu_s();
        recover.run(recover.ctx, 500);
        const double us = (bench_cpu_s() - begin) * 1e6 / 500;
        if (us < best) best = us;
        printf("%.3f\n", us);
    }
    return 0;
}
