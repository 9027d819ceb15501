// SPDX-License-Identifier: Apache-2.0

// The interpreter's loop, compiled twice: by interp.c, and by interp_traced.c with a hook
// before each instruction. No include guard on purpose.
//
//     INTERP_NAME    the function's name
//     INTERP_SLOT    its row in vm->dispatch
//     INTERP_STEP    what happens before an instruction
//     INTERP_WATCHED is it anything
//
// pc, sp and gas live in registers; a frame's copies are valid only while it waits. A row of
// vm/opcodes.def becomes: label, stack check, base gas, body, next. Undefined opcodes of a
// revision lead to one label, so the revision costs nothing per instruction.

/// Runs the top frame and what it calls until the outermost frame has ended.
void INTERP_NAME(struct vm *vm)
{
#define OP(CODE, NAME, IN, OUT, GAS, SINCE, BODY) [CODE] = &&op_##NAME,
    static const void *const labels[256] = {
#include "vm/opcodes.def"
    };
#undef OP
#define OP(CODE, NAME, IN, OUT, GAS, SINCE, BODY) [CODE] = REV_##SINCE,
    static const uint8_t since[256] = {
#include "vm/opcodes.def"
    };
#undef OP

    if (vm->dispatch_rev[INTERP_SLOT] != vm->rev) {
        const void **dispatch = vm->dispatch[INTERP_SLOT];
        for (unsigned i = 0; i < 256; i++) {
            const bool defined = labels[i] != NULL && since[i] <= vm->rev;
            dispatch[i] = defined ? labels[i] : &&undefined;
        }
        vm->dispatch_rev[INTERP_SLOT] = vm->rev;
    }

    struct frame *f;
    const uint8_t *pc;
    u256_t *sp;
    u256_t *floor;
    int64_t gas;
    enum evm_status status;
    bytes_t output;

#define NEXT                                                                                       \
    do {                                                                                           \
        INTERP_STEP;                                                                               \
        goto * vm->dispatch[INTERP_SLOT][*pc];                                                     \
    } while (0)
#define STOP_BY(STATUS)                                                                            \
    do {                                                                                           \
        status = (STATUS);                                                                         \
        goto halt;                                                                                 \
    } while (0)
#define SAVE(NEXT_PC) (f->pc = (NEXT_PC), f->sp = sp, f->gas = gas)

resume:
    f = vm->top;
    pc = f->pc;
    sp = f->sp;
    floor = f->floor;
    gas = f->gas;
    if (UNLIKELY(vm->cancelled != NULL)) {
        vm->gas_poll = gas - POLL_GAS;
        if (++vm->calls_polled >= POLL_CALLS) {
            vm->calls_polled = 0;
            if (vm->cancelled(vm->cancelled_ctx)) STOP_BY(EVM_CANCELLED);
        }
    }
    NEXT;

    // clang-format off
    // The kinds of bodies; in_ and out_ are the row's counts.
#define WORDS(BODY)    BODY(sp); sp += out_ - in_; pc++; NEXT
#define CHARGED(BODY)                                                                              \
    gas = BODY(vm, f, sp, gas);                                                                    \
    if (UNLIKELY(gas < 0)) goto failed;                                                            \
    sp += out_ - in_; pc++; NEXT
#define PUSH(N)        *++sp = push_word(pc + 1, N); pc += 1 + (N); NEXT
#define DUP(N)         word_copy(&sp[1], &sp[1 - (N)]); sp++; pc++; NEXT
#define SWAP(N)                                                                                    \
    u256_t top; word_copy(&top, &sp[0]); word_copy(&sp[0], &sp[-(N)]); word_copy(&sp[-(N)], &top);  \
    pc++; NEXT
#define CONTROL(LABEL) goto do_##LABEL
    // The instruction at a destination is known: the fast loop runs it here.
#define JUMP_TO(WORD)                                                                              \
    const uint64_t to = (WORD)->limb[0];                                                           \
    const bool inside = u256_fits_u64(WORD) && to < f->code.len;                                   \
    if (UNLIKELY(!inside || (f->code.jumpdests[to / 64] >> (to % 64) & 1) == 0)) {                 \
        STOP_BY(EVM_BAD_JUMP);                                                                     \
    }                                                                                              \
    pc = f->code.bytes + to;                                                                       \
    if (UNLIKELY(gas < vm->gas_poll)) {                                                            \
        vm->gas_poll = gas - POLL_GAS;                                                             \
        if (vm->cancelled != NULL && vm->cancelled(vm->cancelled_ctx)) STOP_BY(EVM_CANCELLED);     \
    }                                                                                              \
    if (!INTERP_WATCHED) {                                                                         \
        if (UNLIKELY((gas -= GAS_JUMPDEST) < 0)) STOP_BY(EVM_OUT_OF_GAS);                          \
        pc++;                                                                                      \
    }                                                                                              \
    NEXT

#define OP(CODE, NAME, IN, OUT, GAS, SINCE, BODY)                                                  \
op_##NAME: {                                                                                       \
    enum { in_ = (IN), out_ = (OUT), grows_ = (OUT) - (IN) };                                      \
    if (in_ > 0 && UNLIKELY(sp - floor < in_)) STOP_BY(EVM_STACK_UNDERFLOW);                       \
    if (grows_ > 0 && UNLIKELY(sp - floor > EVM_STACK_WORDS - grows_)) STOP_BY(EVM_STACK_OVERFLOW); \
    if ((GAS) > 0 && UNLIKELY((gas -= (GAS)) < 0)) STOP_BY(EVM_OUT_OF_GAS);                        \
    BODY;                                                                                          \
}
#include "vm/opcodes.def"
#undef OP
    // clang-format on

do_jumpi : {
    sp -= 2;
    if (u256_is_zero(&sp[1])) {
        pc++;
        NEXT;
    }
    JUMP_TO(&sp[2]);
}
do_jump : {
    sp--;
    JUMP_TO(&sp[1]);
}
do_jumpdest:
    pc++;
    NEXT;
do_pc:
    *++sp = u256_from_u64((uint64_t)(pc - f->code.bytes));
    pc++;
    NEXT;

do_call:
    SAVE(pc + 1);
    status = op_call(vm, TRACE_CALL);
    goto called;
do_callcode:
    SAVE(pc + 1);
    status = op_call(vm, TRACE_CALLCODE);
    goto called;
do_delegatecall:
    SAVE(pc + 1);
    status = op_call(vm, TRACE_DELEGATECALL);
    goto called;
do_staticcall:
    SAVE(pc + 1);
    status = op_call(vm, TRACE_STATICCALL);
    goto called;
do_create:
    SAVE(pc + 1);
    status = op_create(vm, TRACE_CREATE);
    goto called;
do_create2:
    SAVE(pc + 1);
    status = op_create(vm, TRACE_CREATE2);
called:
    if (UNLIKELY(status != EVM_RUNNING)) goto halt_saved;
    goto resume;

do_selfdestruct:
    SAVE(pc);
    status = op_selfdestruct(vm);
    goto halt_saved;

do_stop:
    STOP_BY(EVM_SUCCESS);
do_return:
    status = EVM_SUCCESS;
    goto with_output;
do_revert:
    status = EVM_REVERT;
with_output:
    gas = memory_need_word(vm, f, &sp[0], &sp[-1], gas);
    if (gas < 0) goto failed;
    output = memory_piece(f, &sp[0], &sp[-1]);
    goto halt_output;

undefined:
do_invalid:
    STOP_BY(EVM_INVALID_OPCODE);
failed:
    status = (enum evm_status) - gas;
    gas = 0;
halt:
    output = BYTES_NONE;
halt_output:
    SAVE(pc);
    if (frame_leave(vm, status, output)) goto resume;
    return;
halt_saved:
    if (frame_leave(vm, status, BYTES_NONE)) goto resume;
    return;

#undef WORDS
#undef CHARGED
#undef PUSH
#undef DUP
#undef SWAP
#undef CONTROL
#undef JUMP_TO
#undef NEXT
#undef STOP_BY
#undef SAVE
}
