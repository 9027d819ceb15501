// SPDX-License-Identifier: Apache-2.0

/// The programs of vectors/evm-bench as a test: gas, refund, output and logs of each case,
/// by the fast loop and by the traced one, which must agree instruction for instruction on
/// the gas.

#include <stdio.h>

#include "test/support/evm_program.h"
#include "test/support/tally.h"
#include "vm/overlay.h"
#include "vm/trace.h"

enum { EXPECTED_CASES = 37 };

/// What a trace adds up to.
struct trace_sum {
    uint64_t steps;
    uint64_t gas; ///< of all instructions of the outermost frame
    uint64_t left_gas;
};

static void on_step(void *ctx, const struct trace_step *step)
{
    struct trace_sum *sum = ctx;
    check(step->depth == 1);
    sum->steps++;
}

static void on_cost(void *ctx, uint64_t gas_cost, enum evm_status status)
{
    struct trace_sum *sum = ctx;
    (void)status;
    sum->gas += gas_cost;
}

static void on_leave(void *ctx, const struct trace_leave *leave)
{
    struct trace_sum *sum = ctx;
    sum->left_gas = leave->gas_used;
}

static bool run(const struct evm_program *p, struct vm *vm, struct overlay *world, const char *how)
{
    const struct state_view view = mem_state_view(p->state);
    overlay_reset(world, &view);
    struct tx_result r;
    const err_t err = tx_execute(&r, vm, world, &p->block, &p->tx, p->block.gas_limit, NULL);
    const char *wrong = err_ok(err) ? evm_program_check(p, &r) : err_text(err);
    if (wrong != NULL) printf("FAIL %s (%s): %s\n", p->name, how, wrong);
    return wrong == NULL;
}

int main(void)
{
    struct arena arena;
    struct vm *vm;
    struct overlay *world;
    struct evm_program *programs;
    check(err_ok(arena_init(&arena, (size_t)1 << 30)));
    check(err_ok(vm_new(&vm)));
    const size_t count = evm_programs_load(&programs, &arena);
    check(count > 0);
    const struct state_view view = mem_state_view(programs[0].state);
    check(err_ok(overlay_new(&world, &view, (size_t)1 << 30)));

    size_t passed = 0;
    uint64_t steps = 0;
    for (size_t i = 0; i < count; i++) {
        const struct evm_program *p = &programs[i];
        const bool fast = run(p, vm, world, "fast");
        struct trace_sum sum = {0};
        const struct trace_hooks hooks = {
            .step = on_step, .cost = on_cost, .leave = on_leave, .ctx = &sum};
        vm_set_trace(vm, &hooks);
        const bool traced = run(p, vm, world, "traced");
        vm_set_trace(vm, NULL);
        const bool sums = sum.gas == p->execution_gas && sum.left_gas == p->execution_gas;
        if (!sums) {
            printf("FAIL %s: traced gas %llu, frame %llu, expected %llu\n", p->name,
                   (unsigned long long)sum.gas, (unsigned long long)sum.left_gas,
                   (unsigned long long)p->execution_gas);
        }
        passed += fast && traced && sums;
        steps += sum.steps;
    }
    printf("evm-bench: %zu of %zu cases, fast and traced, %llu instructions\n", passed, count,
           (unsigned long long)steps);
    tally_report("evm-bench", count, passed, 0);
    overlay_free(world);
    vm_free(vm);
    arena_deinit(&arena);
    return passed == count && count == EXPECTED_CASES ? 0 : 1;
}
