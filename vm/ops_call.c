// SPDX-License-Identifier: Apache-2.0

// Calls, creations and the end of frames (Yellow Paper 7, 8; EIP-150, 161, 170, 211, 214,
// 684, 1014, 2929, 3541, 3860, 6780, 7610, 7702).

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "vm/precompile/table.h"
#include "vm/vm_impl.h"

// ---- tracing --------------------------------------------------------------------------------

static void trace_cost(struct vm *vm, int64_t gas_after, enum evm_status status)
{
    if (vm->traced_gas < 0) return;
    const uint64_t cost = (uint64_t)(vm->traced_gas - (gas_after < 0 ? 0 : gas_after));
    vm->traced_gas = -1;
    if (vm->trace->cost != NULL) vm->trace->cost(vm->trace->ctx, cost, status);
}

static unsigned next_depth(const struct vm *vm)
{
    return (unsigned)(vm->top + 1 - vm->frames);
}

static void trace_enter(struct vm *vm, enum trace_kind kind, const address_t *from,
                        const address_t *to, int64_t gas, const u256_t *value, bytes_t input)
{
    if (vm->trace == NULL) return;
    if (vm->top >= vm->frames) trace_cost(vm, vm->top->gas, EVM_SUCCESS);
    if (vm->trace->enter == NULL) return;
    vm->trace->enter(vm->trace->ctx, &(struct trace_enter){.kind = kind,
                                                           .from = from,
                                                           .to = to,
                                                           .gas = (uint64_t)gas,
                                                           .value_wei = value,
                                                           .input = input,
                                                           .depth = next_depth(vm)});
}

static void trace_leave(struct vm *vm, enum evm_status status, uint64_t gas_used, bytes_t output,
                        unsigned depth)
{
    if (vm->trace == NULL || vm->trace->leave == NULL) return;
    vm->trace->leave(vm->trace->ctx, &(struct trace_leave){status, gas_used, output, depth});
}

// ---- frames ---------------------------------------------------------------------------------

/// Copies code that is not cached in front of the frame's memory, analysed.
/// @return false if the region has no room: no gas limit of a real chain gets there.
static bool place_code(struct vm *vm, uint8_t **at, struct code *out, bytes_t code)
{
    const size_t bitmap = (code.len + 63) / 64 * 8;
    const size_t need = (bitmap + code.len + CODE_PADDING + 63) / 64 * 64;
    const size_t used = (size_t)(*at - vm->memory);
    if (code.len > vm->memory_cap || need > vm->memory_cap - used) return false;

    uint64_t *bits = (uint64_t *)(void *)*at;
    uint8_t *copy = *at + bitmap;
    if (code.len != 0) memcpy(copy, code.data, code.len);
    memset(copy + code.len, 0, CODE_PADDING);
    code_mark_jumpdests(bits, copy, code.len);
    *out = (struct code){copy, bits, code.len};
    *at += need;
    if (used + need > vm->memory_high) vm->memory_high = used + need;
    return true;
}

/// Pushes a frame that runs `code` (cached, or else copied from `bytes`).
static bool push_frame(struct vm *vm, struct cached_code *cached, bytes_t bytes)
{
    uint8_t *memory = memory_free(vm);
    struct code code;
    if (cached != NULL) {
        code = cached->code;
    } else if (!place_code(vm, &memory, &code, bytes)) {
        return false;
    }
    u256_t *floor = vm->top < vm->frames ? vm->stack : vm->top->sp;
    struct frame *f = ++vm->top;
    f->pc = code.bytes;
    f->sp = floor;
    f->floor = floor;
    f->code = code;
    f->pinned = cached;
    f->memory = memory;
    f->memory_len = 0;
    f->out_offset = 0;
    f->out_len = 0;
    return true;
}

/// The end of a call or creation that needed no frame, or whose frame is popped: what the
/// waiting frame (now on top) sees of it.
static void deliver(struct vm *vm, const struct outcome *r, const address_t *created,
                    uint64_t out_offset, uint64_t out_len)
{
    struct frame *f = vm->top;
    f->gas += r->gas_left;
    vm->ret = r->output;
    if (r->status != EVM_SUCCESS) {
        *f->sp = u256_from_u64(0);
    } else if (created != NULL) {
        *f->sp = word_of_address(created);
    } else {
        *f->sp = u256_from_u64(1);
    }
    if (created != NULL) {
        if (r->status != EVM_REVERT) vm->ret = BYTES_NONE; // EIP-211
        return;
    }
    const size_t n = vm->ret.len < out_len ? vm->ret.len : (size_t)out_len;
    if (n != 0) memmove(f->memory + out_offset, vm->ret.data, n);
}

/// EIP-170, 3541, 2: what a creation returned becomes code, or the creation fails.
static enum evm_status deposit_code(struct vm *vm, struct frame *f, bytes_t code)
{
    if (vm->rev >= REV_LONDON && code.len > 0 && code.data[0] == 0xef) return EVM_CODE_STARTS_EF;
    const int64_t cost = (int64_t)code.len * GAS_CODE_DEPOSIT_BYTE;
    const bool too_large = vm->rev >= REV_SPURIOUS && code.len > vm->block->contract_size_limit;
    if (f->gas < cost) {
        // Frontier made a contract without code of it.
        return vm->rev >= REV_HOMESTEAD ? EVM_OUT_OF_GAS : EVM_SUCCESS;
    }
    if (too_large) return EVM_CODE_TOO_LARGE;
    f->gas -= cost;
    if (code.len == 0) return EVM_SUCCESS;

    bool full = false;
    const bytes_t kept = arena_copy(&vm->world->arena, code, &full);
    if (full) {
        vm->err = FAIL(FULL, "overlay: no room for a contract's code");
        return EVM_INTERNAL;
    }
    if (!overlay_write_code(vm->world, f->self, kept)) {
        vm->err = vm->world->err;
        return EVM_INTERNAL;
    }
    return EVM_SUCCESS;
}

static bool aborts(enum evm_status s)
{
    return s == EVM_INTERNAL || s == EVM_CANCELLED;
}

bool frame_leave(struct vm *vm, enum evm_status status, bytes_t output)
{
    for (;;) {
        struct frame *f = vm->top;
        if (vm->trace != NULL) trace_cost(vm, f->gas, status);
        if (f->kind == FRAME_CREATE && status == EVM_SUCCESS) {
            status = deposit_code(vm, f, output);
        }
        if (status != EVM_SUCCESS) overlay_rollback(vm->world, f->checkpoint);
        if (status != EVM_SUCCESS && status != EVM_REVERT) {
            f->gas = 0;
            output = BYTES_NONE;
        }
        code_unpin(f->pinned);
        vm->top--;
        trace_leave(vm, status, f->gas_given - (uint64_t)f->gas, output, next_depth(vm));
        const struct outcome r = {status, f->gas, output};
        if (vm->top < vm->frames) {
            vm->outcome = r;
            return false;
        }
        if (aborts(status)) continue;
        deliver(vm, &r, f->kind == FRAME_CREATE ? &f->self->address : NULL, f->out_offset,
                f->out_len);
        return true;
    }
}

/// Moves a call's value and touches its receiver.
static bool transfer(struct vm *vm, struct acct *from, struct acct *to, const u256_t *value)
{
    if (!overlay_touch(vm->world, to, vm->rev < REV_SPURIOUS)) return false;
    if (u256_is_zero(value) || from == to) return true;
    u256_t less;
    u256_t more;
    // The caller has looked at the balance; no state holds 2^256 wei.
    check(u256_sub_checked(&less, &from->now.balance_wei, value));
    if (!u256_add_checked(&more, &to->now.balance_wei, value)) {
        vm->world->err = FAIL(INVALID, "vm: a balance exceeds 256 bits");
        return false;
    }
    return overlay_write_balance(vm->world, from, &less) &&
           overlay_write_balance(vm->world, to, &more);
}

/// Runs a precompile. What it returns outlives the caller's input.
static void run_precompile(struct vm *vm, struct outcome *r, const address_t *a, bytes_t input)
{
    arena_rewind(&vm->scratch, 0);
    uint64_t gas_left = (uint64_t)r->gas_left;
    bytes_t out = BYTES_NONE;
    r->status = precompile_run(&out, &gas_left, &vm->scratch, vm->rev, a, input);
    r->gas_left = (int64_t)gas_left;
    r->output = out;
    if (r->status == EVM_INTERNAL) {
        vm->err = FAIL(FULL, "vm: a precompile needs more memory than there is");
        return;
    }
    // The identity contract answers with its input, which the caller may overwrite.
    if (out.len != 0 && input.len != 0 && out.data >= input.data &&
        out.data < input.data + input.len) {
        uint8_t *copy = memory_free(vm);
        const size_t used = (size_t)(copy - vm->memory);
        if (out.len > vm->memory_cap - used) {
            r->status = EVM_OUT_OF_GAS;
            r->gas_left = 0;
            r->output = BYTES_NONE;
            return;
        }
        memmove(copy, out.data, out.len);
        if (used + out.len > vm->memory_high) vm->memory_high = used + out.len;
        r->output.data = copy;
    }
}

/// Begins a call whose depth and balance were checked.
/// @return true if a frame was pushed; false if it is over: *r says how
static bool begin_call(struct vm *vm, struct outcome *r, const struct message *m)
{
    struct overlay *o = vm->world;
    *r = (struct outcome){EVM_SUCCESS, m->gas, BYTES_NONE};
    const address_t *code_address = &m->code_from->address;
    trace_enter(vm, m->kind, &m->caller, code_address, m->gas, &m->value, m->input);
    const struct checkpoint checkpoint = overlay_checkpoint(o);
    if (m->transfers) {
        struct acct *from = overlay_account(o, &m->caller);
        if (from == NULL || !transfer(vm, from, m->self, &m->value)) goto broken;
    }

    if (precompile_is(vm->rev, code_address)) {
        run_precompile(vm, r, code_address, m->input);
        if (r->status != EVM_SUCCESS) overlay_rollback(o, checkpoint);
        trace_leave(vm, r->status, (uint64_t)(m->gas - r->gas_left), r->output, next_depth(vm));
        return false;
    }

    struct acct *code_from = m->code_from;
    bytes_t code = BYTES_NONE;
    if (vm->rev >= REV_PRAGUE) {
        // EIP-7702: a delegation is followed once, and never to a precompile.
        address_t target;
        if (!overlay_code(o, code_from, &code)) goto broken;
        if (code_is_delegation(code, &target)) {
            code_from = overlay_account(o, &target);
            if (code_from == NULL) goto broken;
        }
    }
    struct cached_code *cached = NULL;
    if (!hash_eq(&code_from->now.code_hash, &KECCAK_EMPTY)) {
        cached = code_pin_known(&vm->cache, &code_from->now.code_hash);
        if (cached == NULL) {
            if (!overlay_code(o, code_from, &code)) goto broken;
            cached = code_pin(&vm->cache, &code_from->now.code_hash, code);
        }
    } else {
        trace_leave(vm, EVM_SUCCESS, 0, BYTES_NONE, next_depth(vm));
        return false;
    }
    if (!push_frame(vm, cached, code)) {
        code_unpin(cached);
        *r = (struct outcome){EVM_OUT_OF_GAS, 0, BYTES_NONE};
        overlay_rollback(o, checkpoint);
        trace_leave(vm, r->status, (uint64_t)m->gas, BYTES_NONE, next_depth(vm));
        return false;
    }
    struct frame *f = vm->top;
    f->gas = m->gas;
    f->gas_given = (uint64_t)m->gas;
    f->input = m->input;
    f->self = m->self;
    f->caller = m->caller;
    f->value = m->value;
    f->kind = FRAME_CALL;
    f->is_static = m->is_static;
    f->checkpoint = checkpoint;
    vm->ret = BYTES_NONE;
    return true;

broken:
    vm->err = o->err;
    *r = (struct outcome){EVM_INTERNAL, 0, BYTES_NONE};
    return false;
}

/// Begins a creation whose depth and balance were checked and whose nonce is counted.
static bool begin_create(struct vm *vm, struct outcome *r, const struct creation *c)
{
    struct overlay *o = vm->world;
    *r = (struct outcome){EVM_INTERNAL, 0, BYTES_NONE};
    trace_enter(vm, c->kind, &c->creator->address, &c->fresh->address, c->gas, &c->value,
                c->initcode);
    if (vm->rev >= REV_BERLIN && !overlay_warm(o, c->fresh)) goto broken;
    if (acct_collides(c->fresh)) {
        r->status = EVM_CREATE_COLLISION;
        trace_leave(vm, r->status, (uint64_t)c->gas, BYTES_NONE, next_depth(vm));
        return false;
    }
    const struct checkpoint checkpoint = overlay_checkpoint(o);
    if (!overlay_write_created(o, c->fresh)) goto broken;
    if (vm->rev >= REV_SPURIOUS && !overlay_write_nonce(o, c->fresh, 1)) goto broken;
    if (!transfer(vm, c->creator, c->fresh, &c->value)) goto broken;
    if (!push_frame(vm, NULL, c->initcode)) {
        r->status = EVM_OUT_OF_GAS;
        overlay_rollback(o, checkpoint);
        trace_leave(vm, r->status, (uint64_t)c->gas, BYTES_NONE, next_depth(vm));
        return false;
    }
    struct frame *f = vm->top;
    f->gas = c->gas;
    f->gas_given = (uint64_t)c->gas;
    f->input = BYTES_NONE;
    f->self = c->fresh;
    f->caller = c->creator->address;
    f->value = c->value;
    f->kind = FRAME_CREATE;
    f->is_static = false;
    f->checkpoint = checkpoint;
    vm->ret = BYTES_NONE;
    return true;

broken:
    vm->err = o->err;
    return false;
}

// ---- outermost ------------------------------------------------------------------------------

static void run(struct vm *vm)
{
    if (vm->trace != NULL) {
        interp_traced(vm);
    } else {
        interp_fast(vm);
    }
}

static void execution_begin(struct vm *vm)
{
    vm->top = vm->frames - 1;
    vm->ret = BYTES_NONE;
    vm->err = OK;
    vm->traced_gas = -1;
    vm->calls_polled = 0;
}

void vm_call(struct vm *vm, struct outcome *out, const struct message *m)
{
    execution_begin(vm);
    if (begin_call(vm, &vm->outcome, m)) run(vm);
    *out = vm->outcome;
}

void vm_create(struct vm *vm, struct outcome *out, const struct creation *c)
{
    execution_begin(vm);
    if (begin_create(vm, &vm->outcome, c)) run(vm);
    *out = vm->outcome;
}

// ---- opcodes --------------------------------------------------------------------------------

/// CALL and its kin, in the order of the Yellow Paper's H.2: memory, access, value, new
/// account, then 63/64 of what is left.
struct call_args {
    struct acct *target; ///< the address on the stack
    const u256_t *value; ///< NULL without one
    const u256_t *in_offset;
    const u256_t *in_len;
    const u256_t *out_offset;
    const u256_t *out_len;
};

static bool is_new_account(const struct vm *vm, const struct call_args *a, bool has_value)
{
    if (vm->rev < REV_SPURIOUS) return !a->target->exists;
    return has_value && acct_is_empty(a->target);
}

// EIP-7702: who calls a delegating account pays for looking at the delegate, too.
static int64_t charge_delegate(struct vm *vm, struct acct *target, int64_t gas)
{
    bytes_t code;
    if (!overlay_code(vm->world, target, &code)) return halt_internal(vm);
    address_t delegate;
    if (!code_is_delegation(code, &delegate)) return gas;
    struct acct *ignored;
    return account_access(vm, &ignored, &delegate, 0, gas);
}

static int64_t charge_call(struct vm *vm, struct frame *f, struct call_args *a, u256_t *sp,
                           enum trace_kind kind, bool has_value, int64_t gas)
{
    gas = memory_need_word(vm, f, a->in_offset, a->in_len, gas);
    if (gas >= 0) gas = memory_need_word(vm, f, a->out_offset, a->out_len, gas);
    if (gas < 0) return gas;

    const address_t address = address_of_word(&sp[-1]);
    gas = account_access(vm, &a->target, &address, vm->schedule->call, gas);
    if (gas >= 0 && vm->rev >= REV_PRAGUE) gas = charge_delegate(vm, a->target, gas);
    if (gas < 0) return gas;

    if (has_value) CHARGE(GAS_CALL_VALUE);
    if (kind == TRACE_CALL && is_new_account(vm, a, has_value)) CHARGE(GAS_NEW_ACCOUNT);
    return gas;
}

enum evm_status op_call(struct vm *vm, enum trace_kind kind)
{
    struct frame *f = vm->top;
    u256_t *sp = f->sp;
    const bool with_value = kind == TRACE_CALL || kind == TRACE_CALLCODE;
    const int first = with_value ? -3 : -2;
    struct call_args a = {.value = with_value ? &sp[-2] : NULL,
                          .in_offset = &sp[first],
                          .in_len = &sp[first - 1],
                          .out_offset = &sp[first - 2],
                          .out_len = &sp[first - 3]};
    const bool has_value = with_value && !u256_is_zero(a.value);
    if (kind == TRACE_CALL && has_value && f->is_static) return EVM_STATIC_VIOLATION;

    int64_t gas = charge_call(vm, f, &a, sp, kind, has_value, f->gas);
    if (gas < 0) return (enum evm_status) - gas;

    // EIP-150 caps what is asked for; before it, asking for too much was fatal.
    int64_t given =
        u256_fits_u64(&sp[0]) && sp[0].limb[0] <= INT64_MAX ? (int64_t)sp[0].limb[0] : INT64_MAX;
    if (vm->rev >= REV_TANGERINE) {
        const int64_t most = gas - gas / GAS_CALL_DEPTH_RESERVE_DIVISOR;
        if (given > most) given = most;
    } else if (given > gas) {
        return EVM_OUT_OF_GAS;
    }
    f->gas = gas - given;
    if (has_value) given += GAS_CALL_STIPEND;

    const struct message m = {
        .kind = kind,
        .is_static = f->is_static || kind == TRACE_STATICCALL,
        .gas = given,
        .caller = kind == TRACE_DELEGATECALL ? f->caller : f->self->address,
        .self = kind == TRACE_CALL || kind == TRACE_STATICCALL ? a.target : f->self,
        .code_from = a.target,
        .value = kind == TRACE_DELEGATECALL ? f->value
                 : with_value               ? *a.value
                                            : u256_from_u64(0),
        .transfers = kind == TRACE_CALL || kind == TRACE_STATICCALL,
        .input = memory_piece(f, a.in_offset, a.in_len),
    };
    const uint64_t out_offset = a.out_offset->limb[0];
    const uint64_t out_len = a.out_len->limb[0];
    // Words above the result die now; the child's stack begins above them all the same.
    const bool too_deep = vm->top - vm->frames >= EVM_MAX_DEPTH;
    const bool too_poor = has_value && u256_lt(&f->self->now.balance_wei, a.value);
    u256_t *result_at = &sp[first - 3];
    if (too_deep || too_poor) {
        const struct outcome r = {too_deep ? EVM_CALL_DEPTH : EVM_INSUFFICIENT_BALANCE, given,
                                  BYTES_NONE};
        trace_enter(vm, kind, &m.caller, &a.target->address, given, &m.value, m.input);
        trace_leave(vm, r.status, 0, BYTES_NONE, next_depth(vm));
        f->sp = result_at;
        deliver(vm, &r, NULL, 0, 0);
        return EVM_RUNNING;
    }
    f->sp = result_at;
    struct outcome r;
    if (begin_call(vm, &r, &m)) {
        vm->top->out_offset = out_offset;
        vm->top->out_len = out_len;
        return EVM_RUNNING;
    }
    if (r.status == EVM_INTERNAL) return EVM_INTERNAL;
    deliver(vm, &r, NULL, out_offset, out_len);
    return EVM_RUNNING;
}

/// Where CREATE2 puts its contract: the salt is a word of the stack here.
static address_t create2_address(const address_t *creator, const u256_t *salt, bytes_t initcode)
{
    const hash_t salt_bytes = u256_to_hash(salt);
    const hash_t code_hash = keccak256(initcode);
    return address_of_create2(creator, &salt_bytes, &code_hash);
}

static int64_t charge_create(struct vm *vm, struct frame *f, u256_t *sp, bool create2, int64_t gas)
{
    const u256_t *len = &sp[-2];
    gas = memory_need_word(vm, f, &sp[-1], len, gas);
    if (gas < 0) return gas;
    const uint64_t bytes = len->limb[0];
    if (vm->rev >= REV_SHANGHAI) {
        if (bytes > vm->block->contract_size_limit * EVM_MAX_INITCODE_FACTOR) {
            return HALT_BY(EVM_OUT_OF_GAS); // EIP-3860
        }
        CHARGE(words_of(bytes) * GAS_INITCODE_WORD);
    }
    if (create2) CHARGE(words_of(bytes) * GAS_KECCAK256_WORD);
    return gas;
}

enum evm_status op_create(struct vm *vm, enum trace_kind kind)
{
    struct frame *f = vm->top;
    u256_t *sp = f->sp;
    const bool create2 = kind == TRACE_CREATE2;
    if (f->is_static) return EVM_STATIC_VIOLATION;
    int64_t gas = charge_create(vm, f, sp, create2, f->gas);
    if (gas < 0) return (enum evm_status) - gas;

    const u256_t value = sp[0];
    const bytes_t initcode = memory_piece(f, &sp[-1], &sp[-2]);
    const u256_t salt = create2 ? sp[-3] : u256_from_u64(0);
    f->sp = create2 ? &sp[-3] : &sp[-2];
    const int64_t given =
        vm->rev >= REV_TANGERINE ? gas - gas / GAS_CALL_DEPTH_RESERVE_DIVISOR : gas;

    enum evm_status refused = EVM_SUCCESS;
    if (vm->top - vm->frames >= EVM_MAX_DEPTH) refused = EVM_CALL_DEPTH;
    if (u256_lt(&f->self->now.balance_wei, &value)) refused = EVM_INSUFFICIENT_BALANCE;
    if (f->self->now.nonce == UINT64_MAX) refused = EVM_NONCE_OVERFLOW;
    if (refused != EVM_SUCCESS) {
        if (vm->trace != NULL) {
            const address_t never = create2
                                        ? create2_address(&f->self->address, &salt, initcode)
                                        : address_of_create(&f->self->address, f->self->now.nonce);
            f->gas = gas - given;
            trace_enter(vm, kind, &f->self->address, &never, given, &value, initcode);
            trace_leave(vm, refused, 0, BYTES_NONE, next_depth(vm));
        }
        f->gas = gas;
        const struct outcome r = {refused, 0, BYTES_NONE};
        deliver(vm, &r, &f->self->address, 0, 0);
        return EVM_RUNNING;
    }
    f->gas = gas - given;
    const uint64_t nonce = f->self->now.nonce;
    const address_t address = create2 ? create2_address(&f->self->address, &salt, initcode)
                                      : address_of_create(&f->self->address, nonce);
    struct acct *fresh = overlay_account(vm->world, &address);
    if (fresh == NULL || !overlay_write_nonce(vm->world, f->self, nonce + 1)) {
        vm->err = vm->world->err;
        return EVM_INTERNAL;
    }
    const struct creation c = {kind, given, f->self, fresh, value, initcode};
    struct outcome r;
    if (begin_create(vm, &r, &c)) return EVM_RUNNING;
    if (r.status == EVM_INTERNAL) return EVM_INTERNAL;
    deliver(vm, &r, &fresh->address, 0, 0);
    return EVM_RUNNING;
}

/// SELFDESTRUCT: the balance goes to the beneficiary; the account goes at the end of the
/// transaction, from Cancun on only if this transaction made it (EIP-6780).
static int64_t selfdestruct(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    if (f->is_static) return HALT_BY(EVM_STATIC_VIOLATION);
    CHARGE(vm->schedule->selfdestruct);
    struct overlay *o = vm->world;
    const address_t address = address_of_word(&sp[0]);
    const bool cold = vm->rev >= REV_BERLIN && !account_is_warm(vm, &address);
    if (cold) CHARGE(GAS_COLD_ACCOUNT);
    struct acct *to = overlay_account(o, &address);
    if (to == NULL) return halt_internal(vm);
    if (cold && !overlay_warm(o, to)) return halt_internal(vm);

    const u256_t balance = f->self->now.balance_wei;
    if (vm->rev >= REV_SPURIOUS) {
        if (!u256_is_zero(&balance) && acct_is_empty(to)) CHARGE(GAS_NEW_ACCOUNT);
    } else if (vm->rev >= REV_TANGERINE) {
        if (!to->exists) CHARGE(GAS_NEW_ACCOUNT);
    }
    if (vm->rev < REV_LONDON && !f->self->destructed) o->refund += GAS_SELFDESTRUCT_REFUND;

    if (vm->trace != NULL) {
        f->gas = gas;
        trace_enter(vm, TRACE_SELFDESTRUCT, &f->self->address, &address, 0, &balance, BYTES_NONE);
        trace_leave(vm, EVM_SUCCESS, 0, BYTES_NONE, next_depth(vm));
    }
    if (!transfer(vm, f->self, to, &balance)) return halt_internal(vm);
    const bool deletes = vm->rev < REV_CANCUN || f->self->created;
    if (!deletes) return gas;
    const u256_t zero = u256_from_u64(0);
    if (!overlay_write_balance(o, f->self, &zero)) return halt_internal(vm);
    if (!overlay_write_destructed(o, f->self)) return halt_internal(vm);
    return gas;
}

enum evm_status op_selfdestruct(struct vm *vm)
{
    struct frame *f = vm->top;
    const int64_t gas = selfdestruct(vm, f, f->sp, f->gas);
    if (gas < 0) return (enum evm_status) - gas;
    f->gas = gas;
    return EVM_SUCCESS;
}
