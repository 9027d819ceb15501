// SPDX-License-Identifier: Apache-2.0

// Opcodes that look at accounts and slots, and what looking costs (EIP-2929; before Berlin
// the revision's flat prices).

#include "chain/crypto/keccak.h"
#include "vm/precompile/table.h"
#include "vm/vm_impl.h"

bool account_is_warm(struct vm *vm, const address_t *a)
{
    const struct acct *known = overlay_find(vm->world, a);
    return (known != NULL && acct_is_warm(vm->world, known)) || precompile_is(vm->rev, a);
}

int64_t account_access(struct vm *vm, struct acct **out, const address_t *a, uint16_t flat,
                       int64_t gas)
{
    // Whoever cannot pay makes nobody read the disk.
    bool cold = false;
    if (vm->rev >= REV_BERLIN) {
        cold = !account_is_warm(vm, a);
        CHARGE(cold ? GAS_COLD_ACCOUNT : GAS_WARM_ACCESS);
    } else {
        CHARGE(flat);
    }
    *out = overlay_account(vm->world, a);
    if (*out == NULL) return halt_internal(vm);
    if (cold && !overlay_warm(vm->world, *out)) return halt_internal(vm);
    return gas;
}

int64_t op_balance(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    (void)f;
    const address_t a = address_of_word(&sp[0]);
    struct acct *account;
    gas = account_access(vm, &account, &a, vm->schedule->balance, gas);
    if (gas >= 0) sp[0] = account->now.balance_wei;
    return gas;
}

int64_t op_extcodesize(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    (void)f;
    const address_t a = address_of_word(&sp[0]);
    struct acct *account;
    gas = account_access(vm, &account, &a, vm->schedule->extcode, gas);
    if (gas < 0) return gas;

    bytes_t code;
    if (!overlay_code(vm->world, account, &code)) return halt_internal(vm);
    sp[0] = u256_from_u64(code.len);
    return gas;
}

int64_t op_extcodecopy(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    const u256_t *len = &sp[-3];
    const u256_t *offset = &sp[-2];
    if (!u256_fits_u64(len) || len->limb[0] > UINT32_MAX) return HALT_BY(EVM_OUT_OF_GAS);
    CHARGE(words_of(len->limb[0]) * GAS_COPY_WORD);
    gas = memory_need_word(vm, f, &sp[-1], len, gas);
    if (gas < 0) return gas;

    const address_t a = address_of_word(&sp[0]);
    struct acct *account;
    gas = account_access(vm, &account, &a, vm->schedule->extcode, gas);
    if (gas < 0 || u256_is_zero(len)) return gas;

    bytes_t code;
    if (!overlay_code(vm->world, account, &code)) return halt_internal(vm);
    uint8_t *dst = f->memory + sp[-1].limb[0];
    const size_t n = (size_t)len->limb[0];
    size_t there = 0;
    if (u256_fits_u64(offset) && offset->limb[0] < code.len) {
        there = code.len - (size_t)offset->limb[0];
        if (there > n) there = n;
        memcpy(dst, code.data + offset->limb[0], there);
    }
    memset(dst + there, 0, n - there);
    return gas;
}

/// EXTCODEHASH (EIP-1052): zero for what does not exist or is empty.
int64_t op_extcodehash(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    (void)f;
    const address_t a = address_of_word(&sp[0]);
    struct acct *account;
    gas = account_access(vm, &account, &a, vm->schedule->extcodehash, gas);
    if (gas < 0) return gas;
    sp[0] = acct_is_empty(account) ? u256_from_u64(0) : u256_from_hash(&account->now.code_hash);
    return gas;
}

/// BLOCKHASH: of the 256 blocks before this one.
int64_t op_blockhash(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    (void)f;
    const uint64_t number = sp[0].limb[0];
    const bool near =
        u256_fits_u64(&sp[0]) && number < vm->block->number && vm->block->number - number <= 256;
    if (!near) {
        sp[0] = u256_from_u64(0);
        return gas;
    }
    hash_t hash;
    const struct state_view *view = &vm->world->view;
    vm->world->err = view->block_hash(view->ctx, &hash, number);
    if (!err_ok(vm->world->err)) return halt_internal(vm);
    sp[0] = u256_from_hash(&hash);
    return gas;
}

int64_t op_sload(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    struct overlay *o = vm->world;
    struct slot *s = overlay_find_slot(o, f->self, &sp[0]);
    bool cold = false;
    if (vm->rev >= REV_BERLIN) {
        cold = s == NULL || !slot_is_warm(o, s);
        CHARGE(cold ? GAS_COLD_SLOAD : GAS_WARM_ACCESS);
    } else {
        CHARGE(vm->schedule->sload);
    }
    if (s == NULL) s = overlay_slot(o, f->self, &sp[0]);
    if (s == NULL) return halt_internal(vm);
    if (cold && !overlay_warm_slot(o, s)) return halt_internal(vm);
    sp[0] = s->now;
    return gas;
}

/// What an SSTORE costs and what it adds to the refund counter.
struct sstore_price {
    int64_t gas;
    int64_t refund;
};

// Before Constantinople, and again at Petersburg: only zero or not counts (Yellow Paper).
static struct sstore_price price_plain(const struct slot *s, const u256_t *value)
{
    const bool was_zero = u256_is_zero(&s->now);
    const bool is_zero = u256_is_zero(value);
    if (was_zero && !is_zero) return (struct sstore_price){GAS_SSTORE_SET, 0};
    const int64_t refund = !was_zero && is_zero ? GAS_SSTORE_CLEAR_REFUND : 0;
    return (struct sstore_price){GAS_SSTORE_RESET, refund};
}

// Net metering: EIP-1283 (dirty 200), 2200 (800), 2929 (100, and the cold price apart), 3529.
static struct sstore_price price_net(const struct slot *s, const u256_t *value, enum revision rev)
{
    const int64_t dirty = rev >= REV_BERLIN     ? GAS_WARM_ACCESS
                          : rev >= REV_ISTANBUL ? GAS_NET_SSTORE_DIRTY_2200
                                                : GAS_NET_SSTORE_DIRTY_1283;
    const int64_t reset = rev >= REV_BERLIN ? GAS_SSTORE_RESET - GAS_COLD_SLOAD : GAS_SSTORE_RESET;
    const int64_t clear = rev >= REV_LONDON ? GAS_SSTORE_CLEAR_REFUND_NEW : GAS_SSTORE_CLEAR_REFUND;
    const bool original_zero = u256_is_zero(&s->original);

    if (u256_eq(&s->now, value)) return (struct sstore_price){dirty, 0};
    if (u256_eq(&s->original, &s->now)) {
        if (original_zero) return (struct sstore_price){GAS_SSTORE_SET, 0};
        return (struct sstore_price){reset, u256_is_zero(value) ? clear : 0};
    }
    int64_t refund = 0;
    if (!original_zero) {
        if (u256_is_zero(&s->now)) refund -= clear;
        if (u256_is_zero(value)) refund += clear;
    }
    if (u256_eq(&s->original, value)) {
        refund += original_zero ? GAS_SSTORE_SET - dirty : reset - dirty;
    }
    return (struct sstore_price){dirty, refund};
}

int64_t op_sstore(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    if (f->is_static) return HALT_BY(EVM_STATIC_VIOLATION);
    if (vm->rev >= REV_ISTANBUL && gas <= GAS_SSTORE_SENTRY) return HALT_BY(EVM_OUT_OF_GAS);

    struct overlay *o = vm->world;
    struct slot *s = overlay_find_slot(o, f->self, &sp[0]);
    const bool cold = vm->rev >= REV_BERLIN && (s == NULL || !slot_is_warm(o, s));
    if (cold) CHARGE(GAS_COLD_SLOAD);
    if (s == NULL) s = overlay_slot(o, f->self, &sp[0]);
    if (s == NULL) return halt_internal(vm);
    if (cold && !overlay_warm_slot(o, s)) return halt_internal(vm);

    const bool net = vm->rev == REV_CONSTANTINOPLE || vm->rev >= REV_ISTANBUL;
    const struct sstore_price p = net ? price_net(s, &sp[-1], vm->rev) : price_plain(s, &sp[-1]);
    CHARGE(p.gas);
    o->refund += p.refund;
    if (u256_eq(&s->now, &sp[-1])) return gas;
    if (!overlay_write_slot(o, s, &sp[-1])) return halt_internal(vm);
    return gas;
}

int64_t op_tload(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    sp[0] = overlay_read_transient(vm->world, f->self, &sp[0]);
    return gas;
}

int64_t op_tstore(struct vm *vm, struct frame *f, u256_t *sp, int64_t gas)
{
    if (f->is_static) return HALT_BY(EVM_STATIC_VIOLATION);
    if (!overlay_write_transient(vm->world, f->self, &sp[0], &sp[-1])) return halt_internal(vm);
    return gas;
}
