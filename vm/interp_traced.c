// SPDX-License-Identifier: Apache-2.0

// The watched loop: the same table and bodies, a hook before each instruction.

#include "vm/interp_bodies.h"

static const char *const op_names[256] = {
#define OP(CODE, NAME, IN, OUT, GAS, SINCE, BODY) [CODE] = #NAME,
#include "vm/opcodes.def"
#undef OP
};

const char *opcode_name(uint8_t op)
{
    return op_names[op];
}

bool opcode_stack(uint8_t op, unsigned *takes, unsigned *leaves)
{
    static const uint8_t words[256][2] = {
#define OP(CODE, NAME, IN, OUT, GAS, SINCE, BODY) [CODE] = {IN, OUT},
#include "vm/opcodes.def"
#undef OP
    };
    *takes = words[op][0];
    *leaves = words[op][1];
    return op_names[op] != NULL;
}

uint64_t opcode_gas(uint8_t op)
{
    static const uint32_t base[256] = {
#define OP(CODE, NAME, IN, OUT, GAS, SINCE, BODY) [CODE] = (GAS),
#include "vm/opcodes.def"
#undef OP
    };
    return base[op];
}

static void trace_step(struct vm *vm, const struct frame *f, const uint8_t *pc, const u256_t *sp,
                       int64_t gas)
{
    const struct trace_hooks *hooks = vm->trace;
    if (f->code.len == 0) return; // the STOP behind no code is no instruction
    if (vm->traced_gas >= 0 && hooks->cost != NULL) {
        hooks->cost(hooks->ctx, (uint64_t)(vm->traced_gas - gas), EVM_SUCCESS);
    }
    vm->traced_gas = gas;
    if (hooks->step == NULL) return;
    const int64_t refund = vm->world->refund;
    hooks->step(hooks->ctx, &(struct trace_step){.pc = (uint64_t)(pc - f->code.bytes),
                                                 .op = *pc,
                                                 .op_name = op_names[*pc],
                                                 .gas = (uint64_t)gas,
                                                 .stack = f->floor + 1,
                                                 .stack_len = (size_t)(sp - f->floor),
                                                 .memory = {f->memory, (size_t)f->memory_len},
                                                 .return_data = vm->ret,
                                                 .depth = (unsigned)(f - vm->frames) + 1,
                                                 .refund = refund < 0 ? 0 : (uint64_t)refund,
                                                 .self = &f->self->address});
}

#define INTERP_NAME interp_traced
#define INTERP_SLOT 1
#define INTERP_STEP trace_step(vm, f, pc, sp, gas)
#define INTERP_WATCHED 1
#include "vm/interp_loop.h"
