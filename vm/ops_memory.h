// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Memory, copying, hashing and logging opcodes. Gas is charged before memory grows and
/// before bytes move.

#include "chain/crypto/keccak.h"
#include "vm/vm_impl.h"

static inline int64_t op_mload(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    gas = memory_need(vm, f, &sp[0], 32, gas);
    if (gas >= 0) sp[0] = u256_from_be32(f->memory + sp[0].limb[0]);
    return gas;
}

static inline int64_t op_mstore(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    gas = memory_need(vm, f, &sp[0], 32, gas);
    if (gas >= 0) u256_to_be32(f->memory + sp[0].limb[0], &sp[-1]);
    return gas;
}

static inline int64_t op_mstore8(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    gas = memory_need(vm, f, &sp[0], 1, gas);
    if (gas >= 0) f->memory[sp[0].limb[0]] = (uint8_t)sp[-1].limb[0];
    return gas;
}

static inline int64_t op_msize(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    (void)vm;
    sp[1] = u256_from_u64(f->memory_len);
    return gas;
}

/// MCOPY (EIP-5656): memory reaches to the end of the farther piece.
static inline int64_t op_mcopy(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    const u256_t *len = &sp[-2];
    if (u256_is_zero(len)) return gas;
    if (!u256_fits_u64(len) || len->limb[0] > UINT32_MAX) return HALT_BY(EVM_OUT_OF_GAS);
    CHARGE(words_of(len->limb[0]) * GAS_COPY_WORD);
    const u256_t *farther = u256_lt(&sp[0], &sp[-1]) ? &sp[-1] : &sp[0];
    gas = memory_need(vm, f, farther, len->limb[0], gas);
    if (gas >= 0) {
        memmove(f->memory + sp[0].limb[0], f->memory + sp[-1].limb[0], (size_t)len->limb[0]);
    }
    return gas;
}

/// Copies from `src` at `offset`, with zeros behind its end, to memory at s[to].
static inline int64_t copy_to_memory(struct vm *vm, struct frame *f, const u256_t *to,
                                     const u256_t *offset, const u256_t *len, bytes_t src,
                                     int64_t gas)
{
    if (u256_is_zero(len)) return gas;
    if (!u256_fits_u64(len) || len->limb[0] > UINT32_MAX) return HALT_BY(EVM_OUT_OF_GAS);
    CHARGE(words_of(len->limb[0]) * GAS_COPY_WORD);
    gas = memory_need(vm, f, to, len->limb[0], gas);
    if (gas < 0) return gas;

    uint8_t *dst = f->memory + to->limb[0];
    const size_t n = (size_t)len->limb[0];
    size_t there = 0;
    if (u256_fits_u64(offset) && offset->limb[0] < src.len) {
        there = src.len - (size_t)offset->limb[0];
        if (there > n) there = n;
        memcpy(dst, src.data + offset->limb[0], there);
    }
    memset(dst + there, 0, n - there);
    return gas;
}

static inline int64_t op_calldatacopy(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    return copy_to_memory(vm, f, &sp[0], &sp[-1], &sp[-2], f->input, gas);
}

static inline int64_t op_codecopy(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    return copy_to_memory(vm, f, &sp[0], &sp[-1], &sp[-2], bytes_make(f->code.bytes, f->code.len),
                          gas);
}

/// RETURNDATACOPY (EIP-211): reading past the end is a halt, also for a length of zero.
static inline int64_t op_returndatacopy(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    const u256_t *offset = &sp[-1];
    const u256_t *len = &sp[-2];
    u256_t end;
    if (u256_add(&end, offset, len) || !u256_fits_u64(&end) || end.limb[0] > vm->ret.len) {
        return HALT_BY(EVM_RETURN_DATA_OUT_OF_BOUNDS);
    }
    if (u256_is_zero(len)) return gas;
    CHARGE(words_of(len->limb[0]) * GAS_COPY_WORD);
    gas = memory_need(vm, f, &sp[0], len->limb[0], gas); // may move vm->ret
    if (gas >= 0) {
        memcpy(f->memory + sp[0].limb[0], vm->ret.data + offset->limb[0], (size_t)len->limb[0]);
    }
    return gas;
}

static inline int64_t op_keccak256(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    const u256_t *len = &sp[-1];
    if (!u256_fits_u64(len) || len->limb[0] > UINT32_MAX) return HALT_BY(EVM_OUT_OF_GAS);
    CHARGE(words_of(len->limb[0]) * GAS_KECCAK256_WORD);
    gas = memory_need_word(vm, f, &sp[0], len, gas);
    if (gas < 0) return gas;
    const hash_t hash = keccak256(memory_piece(f, &sp[0], len));
    sp[-1] = u256_from_hash(&hash);
    return gas;
}

static inline int64_t log_with(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas, unsigned n)
{
    if (f->is_static) return HALT_BY(EVM_STATIC_VIOLATION);
    const u256_t *len = &sp[-1];
    if (!u256_fits_u64(len) || len->limb[0] > UINT32_MAX) return HALT_BY(EVM_OUT_OF_GAS);
    CHARGE(GAS_LOG + n * GAS_LOG_TOPIC + len->limb[0] * GAS_LOG_BYTE);
    gas = memory_need_word(vm, f, &sp[0], len, gas);
    if (gas < 0) return gas;

    hash_t topics[4];
    for (unsigned i = 0; i < n; i++) topics[i] = u256_to_hash(&sp[-2 - (int)i]);
    if (!overlay_log(vm->world, &f->self->address, topics, n, memory_piece(f, &sp[0], len))) {
        return halt_internal(vm);
    }
    return gas;
}

#define LOG_OP(N)                                                                                  \
    static inline int64_t op_log##N(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)       \
    {                                                                                              \
        return log_with(vm, f, sp, gas, N);                                                        \
    }
LOG_OP(0)
LOG_OP(1)
LOG_OP(2)
LOG_OP(3)
LOG_OP(4)
#undef LOG_OP
