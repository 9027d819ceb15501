// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The inside of struct vm, for this folder.
///
/// A call does not recurse on the C stack: the loop works on the top one of an array of
/// frames, a call pushes one and a return pops it. All frames share two regions:
///
///     stack    | floor of frame 0 ... sp | floor of frame 1 ... sp |
///     memory   | code? memory of frame 0 | code? memory of frame 1 |
///
/// Only the top frame grows, so a child begins where its parent ends. Both regions are
/// address space reserved once; pages come when touched. Code that is not cached (init
/// code) is copied in front of its frame's memory. What a call returns stays where the
/// child had it, above its parent's memory, and is moved up only if the parent grows.

#include "chain/base/arena.h"
#include "chain/types/address.h"
#include "vm/gas.h"
#include "vm/overlay_impl.h"
#include "vm/trace.h"
#include "vm/tx_exec.h"

/// Zero bytes after every executable copy of a code: pushes and the implicit STOP at the
/// end need no bounds check.
enum { CODE_PADDING = 33 };

/// A code ready to run.
struct code {
    const uint8_t *bytes;      ///< followed by CODE_PADDING zeros
    const uint64_t *jumpdests; ///< one bit per byte: a JUMPDEST that is not push data
    size_t len;
};

/// Analysed codes by hash: sets of a few ways, the least recently used one that no frame
/// is running is replaced.
enum { CODE_CACHE_SETS = 256, CODE_CACHE_WAYS = 4, CODE_CACHE_SLOT_BYTES = 64 * 1024 };

struct cached_code {
    hash_t hash;
    struct code code;
    uint64_t used; ///< clock of the last use
    uint32_t pins; ///< frames running it
    bool valid;
};

/// Behind it, what analysis found in many more codes: whoever calls thousands of large
/// contracts in turn pays a warm access for each, which does not pay for reading them all again.
enum { CODE_MAP_SETS = 4096, CODE_MAP_WAYS = 4, CODE_MAP_BYTES = 24576 / 8, CODE_MAP_LEAST = 256 };

struct code_map {
    hash_t hash;
    uint64_t used; ///< 0: nothing here
};

struct code_cache {
    struct cached_code ways[CODE_CACHE_SETS][CODE_CACHE_WAYS];
    uint8_t *slots; ///< CODE_CACHE_SLOT_BYTES for each way
    struct code_map maps[CODE_MAP_SETS][CODE_MAP_WAYS];
    uint8_t *map_slots; ///< CODE_MAP_BYTES for each way: jumpdests
    uint64_t clock;
};

/// Why a frame exists.
enum frame_kind { FRAME_CALL, FRAME_CREATE };

/// One call depth.
struct frame {
    // The loop's registers while it runs another frame.
    const uint8_t *pc;
    u256_t *sp; ///< top word; equal to `floor` when empty
    int64_t gas;

    u256_t *floor;
    struct code code;
    struct cached_code *pinned; ///< NULL if the code is a copy in memory
    uint8_t *memory;
    uint64_t memory_len; ///< bytes, a multiple of 32
    bytes_t input;
    struct acct *self; ///< whose storage and balance
    address_t caller;
    u256_t value;
    enum frame_kind kind;
    bool is_static;
    struct checkpoint checkpoint;
    // What the parent asked for.
    uint64_t out_offset;
    uint64_t out_len;
    uint64_t gas_given; ///< for the trace
};

/// How an outermost call or creation ended.
struct outcome {
    enum evm_status status;
    int64_t gas_left;
    bytes_t output;
};

struct vm {
    // The execution in progress.
    struct overlay *world;
    const struct block_ctx *block;
    enum revision rev;
    const struct gas_schedule *schedule;
    address_t origin;
    u256_t gas_price;
    u256_t base_fee; ///< what BASEFEE says (zero in a call without fees)
    const hash_t *blob_hashes;
    size_t blob_count;
    struct frame *top; ///< the running frame; frames - 1 before the first
    bytes_t ret;       ///< what the last call returned
    struct outcome outcome;
    err_t err; ///< behind an EVM_INTERNAL

    const struct trace_hooks *trace;
    int64_t traced_gas; ///< left before the step whose cost is still to be told; -1 if none
    bool (*cancelled)(void *);
    void *cancelled_ctx;
    int64_t gas_poll;      ///< ask when a jump finds less than this
    uint32_t calls_polled; ///< calls since the last question

    // For ever.
    struct frame *frames;
    u256_t *stack;
    uint8_t *memory;
    size_t memory_cap;
    size_t memory_high;   ///< bytes ever touched since the last trim
    struct arena scratch; ///< of precompiles
    struct code_cache cache;
    const void *dispatch[2][256]; ///< labels of the fast and the traced loop
    enum revision dispatch_rev[2];
};

/// Gives memory beyond a small rest back to the system; what the last execution returned is
/// gone then.
void vm_trim(struct vm *vm);

/// -status, for bodies that return the gas left or why they halt.
#define HALT_BY(STATUS) (-(int64_t)(STATUS))
#define CHARGE(COST)                                                                               \
    do {                                                                                           \
        const int64_t charge_ = (int64_t)(COST);                                                   \
        if (gas < charge_) return HALT_BY(EVM_OUT_OF_GAS);                                         \
        gas -= charge_;                                                                            \
    } while (0)

#define LIKELY(X) __builtin_expect(!!(X), 1)
#define UNLIKELY(X) __builtin_expect(!!(X), 0)

// ---- words ----------------------------------------------------------------------------------

static inline address_t address_of_word(const u256_t *w)
{
    uint8_t be[32];
    address_t a;
    u256_to_be32(be, w);
    memcpy(a.b, be + 12, 20);
    return a;
}

static inline u256_t word_of_address(const address_t *a)
{
    uint8_t be[32] = {0};
    memcpy(be + 12, a->b, 20);
    return u256_from_be32(be);
}

/// A copy by limbs: a 16-byte load of what was just stored in 8-byte limbs waits for the store
/// to reach the cache (vm/interp.c is compiled without merging such loads).
static inline __attribute__((always_inline)) void word_copy(u256_t *to, const u256_t *from)
{
    const uint64_t a = from->limb[0];
    const uint64_t b = from->limb[1];
    const uint64_t c = from->limb[2];
    const uint64_t d = from->limb[3];
    to->limb[0] = a;
    to->limb[1] = b;
    to->limb[2] = c;
    to->limb[3] = d;
}

static inline uint64_t words_of(uint64_t bytes)
{
    return (bytes + 31) / 32;
}

// ---- memory ---------------------------------------------------------------------------------

/// Where the next frame may put its things: behind what the top frame has.
static inline uint8_t *memory_free(const struct vm *vm)
{
    return vm->top < vm->frames ? vm->memory : vm->top->memory + vm->top->memory_len;
}

/// Grows the frame's memory to hold `end` bytes (end <= 2^33), charging the difference
/// (Yellow Paper, appendix H.1).
int64_t memory_grow(struct vm *vm, struct frame *f, uint64_t end, int64_t gas);

/// Makes [offset, offset + len) part of memory, len > 0. Beyond 2^32 is out of gas: no gas
/// limit pays for it.
static inline int64_t memory_need(struct vm *vm, struct frame *f, const u256_t *offset,
                                  uint64_t len, int64_t gas)
{
    if (UNLIKELY(!u256_fits_u64(offset) || offset->limb[0] > UINT32_MAX || len > UINT32_MAX)) {
        return HALT_BY(EVM_OUT_OF_GAS);
    }
    const uint64_t end = offset->limb[0] + len;
    if (LIKELY(end <= f->memory_len)) return gas;
    return memory_grow(vm, f, end, gas);
}

/// The same for a length from the stack; a length of zero needs nothing, wherever it is.
static inline int64_t memory_need_word(struct vm *vm, struct frame *f, const u256_t *offset,
                                       const u256_t *len, int64_t gas)
{
    if (u256_is_zero(len)) return gas;
    if (!u256_fits_u64(len)) return HALT_BY(EVM_OUT_OF_GAS);
    return memory_need(vm, f, offset, len->limb[0], gas);
}

/// A piece of memory that memory_need_word has granted.
static inline bytes_t memory_piece(const struct frame *f, const u256_t *offset, const u256_t *len)
{
    if (u256_is_zero(len)) return BYTES_NONE;
    return (bytes_t){f->memory + offset->limb[0], (size_t)len->limb[0]};
}

// ---- code (vm/code.c) -----------------------------------------------------------------------

/// Marks every JUMPDEST of `code` that is an instruction (Yellow Paper 9.4.3).
/// @param bits  (len + 63) / 64 words, overwritten
void code_mark_jumpdests(uint64_t *bits, const uint8_t *code, size_t len);

/// The analysed code with this hash, pinned until code_unpin; NULL if it does not fit.
struct cached_code *code_pin(struct code_cache *cache, const hash_t *hash, bytes_t code);
/// The same if it is in the cache already, so that nobody need fetch the code.
struct cached_code *code_pin_known(struct code_cache *cache, const hash_t *hash);
static inline void code_unpin(struct cached_code *c)
{
    if (c != NULL) c->pins--;
}

/// EIP-7702: the address a delegation designator names.
bool code_is_delegation(bytes_t code, address_t *target);

// ---- calls (vm/ops_call.c) ------------------------------------------------------------------

/// What a call asks for.
struct message {
    enum trace_kind kind;
    bool is_static;
    int64_t gas;
    address_t caller;
    struct acct *self;      ///< whose storage
    struct acct *code_from; ///< whose code
    u256_t value;           ///< what CALLVALUE says
    bool transfers;         ///< the value moves from caller to self
    bytes_t input;
};

/// What a creation asks for. The creator's nonce is already counted up.
struct creation {
    enum trace_kind kind;
    int64_t gas;
    struct acct *creator;
    struct acct *fresh; ///< the account that will be
    u256_t value;
    bytes_t initcode;
};

/// Runs an outermost call or creation to its end.
void vm_call(struct vm *vm, struct outcome *out, const struct message *m);
/// The same for a creation.
void vm_create(struct vm *vm, struct outcome *out, const struct creation *c);

/// Opcodes that may push a frame. The top frame's registers are saved; afterwards the top
/// frame (old or new) goes on. Anything but EVM_RUNNING halts the frame.
enum evm_status op_call(struct vm *vm, enum trace_kind kind);
/// CREATE and CREATE2.
enum evm_status op_create(struct vm *vm, enum trace_kind kind);
/// SELFDESTRUCT (EIP-6780); ends the frame.
enum evm_status op_selfdestruct(struct vm *vm);

/// Ends the top frame. Its registers are saved. @return false if it was the outermost.
bool frame_leave(struct vm *vm, enum evm_status status, bytes_t output);

/// A call by the protocol itself before or after a block's transactions (EIP-4788, 2935, 7002,
/// 7251): no sender, no fee; silent if there is no code at `to`.
/// @param[out] output  what it returned; empty if it failed. Valid until the next execution.
MUST_USE err_t system_call(struct vm *vm, struct overlay *world, const struct block_ctx *block,
                           const address_t *to, bytes_t input, bytes_t *output);

// ---- accounts and storage (vm/ops_storage.c) --------------------------------------------------

/// Pays for looking at an account (EIP-2929, or the revision's flat price) and loads it.
int64_t account_access(struct vm *vm, struct acct **out, const address_t *a, uint16_t flat,
                       int64_t gas);
/// Warm already, without asking anybody (precompiles are).
bool account_is_warm(struct vm *vm, const address_t *a);

/// SLOAD (EIP-2929).
int64_t op_sload(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas);
/// SSTORE (EIP-1283, 2200, 2929, 3529).
int64_t op_sstore(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas);
/// TLOAD (EIP-1153).
int64_t op_tload(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas);
/// TSTORE (EIP-1153).
int64_t op_tstore(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas);
/// BALANCE.
int64_t op_balance(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas);
/// EXTCODESIZE.
int64_t op_extcodesize(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas);
/// EXTCODECOPY.
int64_t op_extcodecopy(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas);
/// EXTCODEHASH (EIP-1052).
int64_t op_extcodehash(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas);
/// BLOCKHASH, of the last 256.
int64_t op_blockhash(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas);

// ---- the loop (vm/interp.c, vm/interp_traced.c) ------------------------------------------------

/// Runs the top frame and what it calls until the outermost frame has ended.
void interp_fast(struct vm *vm);
/// The same with the hooks of vm->trace.
void interp_traced(struct vm *vm);

/// The view failed, or memory is full: EVM_INTERNAL, with the reason kept.
static inline int64_t halt_internal(struct vm *vm)
{
    vm->err = vm->world->err;
    return HALT_BY(EVM_INTERNAL);
}
