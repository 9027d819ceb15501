// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Opcodes that tell a frame about itself, its transaction and its block.

#include "vm/vm_impl.h"

#define ENV_OP(NAME, WORD)                                                                         \
    static inline int64_t NAME(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)            \
    {                                                                                              \
        (void)vm;                                                                                  \
        (void)f;                                                                                   \
        sp[1] = (WORD);                                                                            \
        return gas;                                                                                \
    }

ENV_OP(op_address, word_of_address(&f->self->address))
ENV_OP(op_origin, word_of_address(&vm->origin))
ENV_OP(op_caller, word_of_address(&f->caller))
ENV_OP(op_callvalue, f->value)
ENV_OP(op_calldatasize, u256_from_u64(f->input.len))
ENV_OP(op_codesize, u256_from_u64(f->code.len))
ENV_OP(op_gasprice, vm->gas_price)
ENV_OP(op_returndatasize, u256_from_u64(vm->ret.len))
ENV_OP(op_coinbase, word_of_address(&vm->block->coinbase))
ENV_OP(op_timestamp, u256_from_u64(vm->block->timestamp_s))
ENV_OP(op_number, u256_from_u64(vm->block->number))
ENV_OP(op_gaslimit, u256_from_u64(vm->block->gas_limit))
ENV_OP(op_chainid, u256_from_u64(vm->block->chain_id))
ENV_OP(op_selfbalance, f->self->now.balance_wei)
ENV_OP(op_basefee, vm->base_fee)
ENV_OP(op_blobbasefee, vm->block->blob_base_fee_wei)
ENV_OP(op_gas, u256_from_u64((uint64_t)gas))
/// EIP-4399: the same opcode said DIFFICULTY before Paris.
ENV_OP(op_prevrandao,
       vm->rev >= REV_PARIS ? u256_from_hash(&vm->block->prev_randao) : vm->block->difficulty)
#undef ENV_OP

static inline int64_t op_calldataload(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    (void)vm;
    const bytes_t in = f->input;
    if (!u256_fits_u64(&sp[0]) || sp[0].limb[0] >= in.len) {
        sp[0] = u256_from_u64(0);
        return gas;
    }
    const size_t at = (size_t)sp[0].limb[0];
    if (LIKELY(in.len - at >= 32)) {
        sp[0] = u256_from_be32(in.data + at);
        return gas;
    }
    uint8_t padded[32] = {0};
    memcpy(padded, in.data + at, in.len - at);
    sp[0] = u256_from_be32(padded);
    return gas;
}

static inline int64_t op_blobhash(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    (void)f;
    const bool there = u256_fits_u64(&sp[0]) && sp[0].limb[0] < vm->blob_count;
    sp[0] = there ? u256_from_hash(&vm->blob_hashes[sp[0].limb[0]]) : u256_from_u64(0);
    return gas;
}
