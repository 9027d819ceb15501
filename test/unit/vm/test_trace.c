// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <stdio.h>

#include "test/support/vm_world.h"
#include "vm/trace.h"

/// A trace written down, one line per event.
struct script {
    char text[4096];
    size_t len;
};

#define SAY(S, ...)                                                                                \
    ((S)->len += (size_t)snprintf((S)->text + (S)->len, sizeof(S)->text - (S)->len, __VA_ARGS__))

static void on_step(void *ctx, const struct trace_step *s)
{
    SAY((struct script *)ctx, "%u %lu %s %zu %zu", s->depth, (unsigned long)s->pc,
        s->op_name != NULL ? s->op_name : "?", s->stack_len, s->memory.len);
}

static void on_cost(void *ctx, uint64_t cost, enum evm_status status)
{
    SAY((struct script *)ctx, " = %lu%s%s\n", (unsigned long)cost, status == EVM_SUCCESS ? "" : " ",
        status == EVM_SUCCESS ? "" : evm_status_text(status));
}

static void on_enter(void *ctx, const struct trace_enter *e)
{
    static const char *const names[] = {"call",   "callcode", "delegatecall", "staticcall",
                                        "create", "create2",  "selfdestruct"};
    SAY((struct script *)ctx, "> %s %u gas %lu in %zu\n", names[e->kind], e->depth,
        (unsigned long)e->gas, e->input.len);
}

static void on_leave(void *ctx, const struct trace_leave *l)
{
    SAY((struct script *)ctx, "< %u %s used %lu out %zu\n", l->depth, evm_status_text(l->status),
        (unsigned long)l->gas_used, l->output.len);
}

static void expect_trace(const char *code, const char *other, const char *expected)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    w.tx.gas_limit = 21000 + 50000;
    vm_world_code(&w, &WORLD_CONTRACT, code);
    if (other != NULL) vm_world_code(&w, &WORLD_OTHER, other);
    struct script script = {.len = 0};
    const struct trace_hooks hooks = {on_step, on_cost, on_enter, on_leave, &script};
    const struct tx_result plain = vm_world_run(&w);
    vm_set_trace(w.vm, &hooks);
    const struct tx_result traced = vm_world_run(&w);
    vm_set_trace(w.vm, NULL);
    cr_expect_eq(plain.gas_used, traced.gas_used);
    cr_expect_eq(plain.status, traced.status);
    cr_expect_str_eq(script.text, expected, "got\n%s", script.text);
    vm_world_deinit(&w);
}

/// Goal: every step with its cost, in order, with stack and memory before it.
Test(trace, steps)
{
    expect_trace("602a5f5200", NULL,
                 "> call 0 gas 50000 in 0\n"
                 "1 0 PUSH1 0 0 = 3\n"
                 "1 2 PUSH0 1 0 = 2\n"
                 "1 3 MSTORE 2 0 = 6\n"
                 "1 4 STOP 0 32 = 0\n"
                 "< 0 success used 11 out 0\n");
}

/// Goal: an instruction that halts its frame says why.
Test(trace, halt)
{
    expect_trace("5b0c", NULL,
                 "> call 0 gas 50000 in 0\n"
                 "1 0 JUMPDEST 0 0 = 1\n"
                 "1 1 ? 0 0 = 0 invalid opcode\n"
                 "< 0 invalid opcode used 50000 out 0\n");
}

/// Goal: a call costs what it passes on, and its frame stands between its enter and leave; a
/// precompile has no steps.
Test(trace, calls)
{
    expect_trace("5f5f5f5f5f733000000000000000000000000000000000000003612710f1"
                 "5f5f5f5f600460fffa",
                 "60015ffd",
                 "> call 0 gas 50000 in 0\n"
                 "1 0 PUSH0 0 0 = 2\n"
                 "1 1 PUSH0 1 0 = 2\n"
                 "1 2 PUSH0 2 0 = 2\n"
                 "1 3 PUSH0 3 0 = 2\n"
                 "1 4 PUSH0 4 0 = 2\n"
                 "1 5 PUSH20 5 0 = 3\n"
                 "1 26 PUSH2 6 0 = 3\n"
                 "1 29 CALL 7 0 = 12600\n"
                 "> call 1 gas 10000 in 0\n"
                 "2 0 PUSH1 0 0 = 3\n"
                 "2 2 PUSH0 1 0 = 2\n"
                 "2 3 REVERT 2 0 = 3 execution reverted\n"
                 "< 1 execution reverted used 8 out 1\n"
                 "1 30 PUSH0 1 0 = 2\n"
                 "1 31 PUSH0 2 0 = 2\n"
                 "1 32 PUSH0 3 0 = 2\n"
                 "1 33 PUSH0 4 0 = 2\n"
                 "1 34 PUSH1 5 0 = 3\n"
                 "1 36 PUSH1 6 0 = 3\n"
                 "1 38 STATICCALL 7 0 = 355\n"
                 "> staticcall 1 gas 255 in 0\n"
                 "< 1 success used 15 out 0\n"
                 "1 39 STOP 2 0 = 0\n"
                 "< 0 success used 2753 out 0\n");
}

/// Goal: names are there for what is assigned and only that.
Test(trace, names)
{
    cr_expect_str_eq(opcode_name(0x01), "ADD");
    cr_expect_str_eq(opcode_name(0xff), "SELFDESTRUCT");
    cr_expect_null(opcode_name(0x0c));
}
