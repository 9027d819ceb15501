// SPDX-License-Identifier: Apache-2.0

/// Every program of vectors/evm-bench in recover units: one transaction on a world in memory,
/// overlay and all. Gas, output and logs are checked outside the timed part.

#include <stdio.h>

#include "chain/crypto/keccak.h"
#include "test/support/bench.h"
#include "test/support/evm_program.h"
#include "vm/overlay.h"

struct program_ctx {
    const struct evm_program *program;
    struct vm *vm;
    struct overlay *world;
    struct tx_result last;
};

static void program_run(void *ctx, uint64_t count)
{
    struct program_ctx *c = ctx;
    const struct evm_program *p = c->program;
    const struct state_view view = mem_state_view(p->state);
    for (uint64_t i = 0; i < count; i++) {
        overlay_reset(c->world, &view);
        bench_expect(err_ok(tx_execute(&c->last, c->vm, c->world, &p->block, &p->tx,
                                       p->block.gas_limit, NULL)),
                     p->name);
    }
}

/// `evm TEXT` runs only the cases whose name contains it.
int main(int argc, char **argv)
{
    struct arena arena;
    struct vm *vm;
    struct overlay *world;
    struct evm_program *programs;
    bench_expect(err_ok(arena_init(&arena, (size_t)1 << 30)) && err_ok(vm_new(&vm)), "memory");
    const size_t count = evm_programs_load(&programs, &arena);
    bench_expect(count == 37, "37 cases");
    const struct state_view view = mem_state_view(programs[0].state);
    bench_expect(err_ok(overlay_new(&world, &view, (size_t)1 << 30)), "memory");

    const struct bench_subject recover = bench_recover_limit();
    for (size_t i = 0; i < count; i++) {
        if (argc > 1 && strstr(programs[i].name, argv[1]) == NULL) continue;
        struct program_ctx c = {&programs[i], vm, world, {0}};
        char name[80];
        snprintf(name, sizeof name, "evm/%s", programs[i].name);
        program_run(&c, 1);
        const char *wrong = evm_program_check(&programs[i], &c.last);
        bench_expect(wrong == NULL, wrong == NULL ? name : wrong);
        const struct bench_figure f =
            bench_compare(&(struct bench_subject){name, program_run, &c}, &recover, 0);
        fprintf(stderr, "%-36s %12.1f Mgas/s\n", "",
                (double)programs[i].execution_gas / f.median_us);
    }
    overlay_free(world);
    vm_free(vm);
    arena_deinit(&arena);
    return 0;
}
