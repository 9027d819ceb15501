// SPDX-License-Identifier: Apache-2.0
#include "vm/vm_impl.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
    // A frame's floor is its parent's top, so 1024 words for each depth are enough.
    STACK_REGION_WORDS = (EVM_MAX_DEPTH + 2) * EVM_STACK_WORDS,
    // What precompiles work in; modexp's operands are the largest.
    SCRATCH_BYTES = 64 << 20,
    // Pages of memory kept between executions.
    MEMORY_KEEP_BYTES = 1 << 20,
};

// One frame may reach 2^32 (vm/vm_impl.h), all together no more than gas pays for: 1024
// depths with 2^30 gas stay below a gigabyte. Only address space until it is touched.
#define MEMORY_REGION_BYTES ((size_t)8 << 30)

static void *reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void release(void *p, size_t bytes)
{
    if (p != NULL) munmap(p, bytes);
}

#define FRAMES_BYTES ((EVM_MAX_DEPTH + 2) * sizeof(struct frame))
#define STACK_BYTES ((size_t)STACK_REGION_WORDS * sizeof(u256_t))
#define CODE_BYTES ((size_t)CODE_CACHE_SETS * CODE_CACHE_WAYS * CODE_CACHE_SLOT_BYTES)
#define MAP_BYTES ((size_t)CODE_MAP_SETS * CODE_MAP_WAYS * CODE_MAP_BYTES)

err_t vm_new(struct vm **out)
{
    struct vm *vm = reserve(sizeof *vm);
    if (vm == NULL) return FAIL(FULL, "vm: no address space");
    vm->frames = reserve(FRAMES_BYTES);
    vm->stack = reserve(STACK_BYTES);
    vm->memory = reserve(MEMORY_REGION_BYTES);
    vm->memory_cap = MEMORY_REGION_BYTES;
    vm->cache.slots = reserve(CODE_BYTES);
    vm->cache.map_slots = reserve(MAP_BYTES);
    const err_t err = arena_init(&vm->scratch, SCRATCH_BYTES);
    if (!err_ok(err) || vm->frames == NULL || vm->stack == NULL || vm->memory == NULL ||
        vm->cache.slots == NULL || vm->cache.map_slots == NULL) {
        vm_free(vm);
        return FAIL(FULL, "vm: no address space for stacks and memory (8.2 GiB are reserved)");
    }
    // The place before the first frame is "no frame".
    vm->frames++;
    vm->top = vm->frames - 1;
    vm->traced_gas = -1;
    vm->gas_poll = INT64_MIN;
    vm->dispatch_rev[0] = REV_COUNT;
    vm->dispatch_rev[1] = REV_COUNT;
    *out = vm;
    return OK;
}

void vm_free(struct vm *vm)
{
    if (vm == NULL) return;
    // vm->frames points behind its region's first element once vm_new is through.
    release(vm->top == NULL ? vm->frames : vm->frames - 1, FRAMES_BYTES);
    release(vm->stack, STACK_BYTES);
    release(vm->memory, MEMORY_REGION_BYTES);
    release(vm->cache.slots, CODE_BYTES);
    release(vm->cache.map_slots, MAP_BYTES);
    arena_deinit(&vm->scratch);
    release(vm, sizeof *vm);
}

err_t vm_error(const struct vm *vm)
{
    return vm->err;
}

void vm_set_trace(struct vm *vm, const struct trace_hooks *hooks)
{
    vm->trace = hooks;
}

int64_t memory_grow(struct vm *vm, struct frame *f, uint64_t end, int64_t gas)
{
    // end <= 2^33, so words <= 2^28 and every product fits 64 bits.
    const uint64_t before = f->memory_len / 32;
    const uint64_t after = words_of(end);
    const uint64_t cost = GAS_MEMORY_WORD * (after - before) +
                          after * after / GAS_MEMORY_QUADRATIC_DIVISOR -
                          before * before / GAS_MEMORY_QUADRATIC_DIVISOR;
    if ((uint64_t)gas < cost) return HALT_BY(EVM_OUT_OF_GAS);
    const size_t base = (size_t)(f->memory - vm->memory);
    if (after * 32 > vm->memory_cap - base) return HALT_BY(EVM_OUT_OF_GAS);

    // What the last call returned may lie where this frame grows.
    uint8_t *const new_end = f->memory + after * 32;
    size_t high = base + (size_t)after * 32;
    const bool in_region = vm->ret.len != 0 && vm->ret.data >= vm->memory &&
                           vm->ret.data < vm->memory + vm->memory_cap;
    if (in_region && vm->ret.data < new_end) {
        if (vm->ret.len > vm->memory_cap - high) return HALT_BY(EVM_OUT_OF_GAS);
        memmove(new_end, vm->ret.data, vm->ret.len);
        vm->ret.data = new_end;
        high += vm->ret.len;
    }
    memset(f->memory + f->memory_len, 0, (size_t)(after * 32 - f->memory_len));
    f->memory_len = after * 32;
    if (high > vm->memory_high) vm->memory_high = high;
    return gas - (int64_t)cost;
}

void vm_trim(struct vm *vm)
{
    if (vm->memory_high <= MEMORY_KEEP_BYTES) return;
    madvise(vm->memory + MEMORY_KEEP_BYTES, vm->memory_high - MEMORY_KEEP_BYTES, MADV_DONTNEED);
    vm->memory_high = MEMORY_KEEP_BYTES;
}

const char *evm_status_text(enum evm_status s)
{
    switch (s) {
    case EVM_SUCCESS:
        return "success";
    case EVM_RUNNING:
        return "running";
    case EVM_REVERT:
        return "execution reverted";
    case EVM_OUT_OF_GAS:
        return "out of gas";
    case EVM_INVALID_OPCODE:
        return "invalid opcode";
    case EVM_STACK_UNDERFLOW:
        return "stack underflow";
    case EVM_STACK_OVERFLOW:
        return "stack limit reached 1024";
    case EVM_BAD_JUMP:
        return "invalid jump destination";
    case EVM_STATIC_VIOLATION:
        return "write protection";
    case EVM_RETURN_DATA_OUT_OF_BOUNDS:
        return "return data out of bounds";
    case EVM_CALL_DEPTH:
        return "max call depth exceeded";
    case EVM_INSUFFICIENT_BALANCE:
        return "insufficient balance for transfer";
    case EVM_CREATE_COLLISION:
        return "contract address collision";
    case EVM_CODE_TOO_LARGE:
        return "max code size exceeded";
    case EVM_CODE_STARTS_EF:
        return "invalid code: must not begin with 0xef";
    case EVM_NONCE_OVERFLOW:
        return "nonce uint64 overflow";
    case EVM_PRECOMPILE_FAILURE:
        return "precompiled contract failed";
    case EVM_CANCELLED:
        return "execution timed out";
    case EVM_INTERNAL:
        return "internal failure";
    }
    unreachable("evm_status");
}
