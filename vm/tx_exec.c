// SPDX-License-Identifier: Apache-2.0
#include "vm/tx_exec.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "vm/vm_impl.h"

/// One transaction on its way through.
struct run {
    struct vm *vm;
    struct overlay *world;
    const struct block_ctx *block;
    const struct tx *tx;
    const struct call_mode *mode; ///< never NULL
    struct acct *sender;
    u256_t price; ///< per gas
};

static const struct call_mode REAL = {0};

static enum revision rev_of(const struct run *r)
{
    return r->block->rev;
}

static err_t world_error(const struct run *r)
{
    return err_ok(r->world->err) ? FAIL(FULL, "vm: overlay has no room") : r->world->err;
}

// ---- validity -------------------------------------------------------------------------------

static bool below_base_fee(const struct run *r)
{
    if (rev_of(r) < REV_LONDON) return false;
    if (r->mode->skip_base_fee && u256_is_zero(&r->tx->max_fee_per_gas)) return false;
    return u256_lt(&r->tx->max_fee_per_gas, &r->block->base_fee_wei);
}

static u256_t price_of(const struct run *r)
{
    if (rev_of(r) < REV_LONDON) return r->tx->max_fee_per_gas;
    // Only a call that skips the base fee gets here below it, with a fee of zero.
    if (u256_lt(&r->tx->max_fee_per_gas, &r->block->base_fee_wei)) return u256_from_u64(0);
    return tx_effective_gas_price(r->tx, &r->block->base_fee_wei);
}

// What the sender must have: the most the transaction can cost (EIP-1559), or in a call
// without a balance check just what it sends.
static bool can_pay(const struct run *r)
{
    u256_t cost = r->tx->value_wei;
    if (!r->mode->skip_balance) {
        const u256_t limit = u256_from_u64(r->tx->gas_limit);
        u256_t gas_cost;
        if (!u256_mul_checked(&gas_cost, &limit, &r->tx->max_fee_per_gas)) return false;
        if (!u256_add_checked(&cost, &cost, &gas_cost)) return false;
    }
    return !u256_lt(&r->sender->now.balance_wei, &cost);
}

// EIP-3607, and its exception for delegations (EIP-7702).
static err_t sender_has_code(bool *out, const struct run *r)
{
    *out = !hash_eq(&r->sender->now.code_hash, &KECCAK_EMPTY);
    if (!*out || rev_of(r) < REV_PRAGUE) return OK;
    bytes_t code;
    address_t ignored;
    if (!overlay_code(r->world, r->sender, &code)) return world_error(r);
    *out = !code_is_delegation(code, &ignored);
    return OK;
}

static err_t check_validity(enum tx_validity *out, const struct run *r, uint64_t block_gas_left)
{
    const struct tx *tx = r->tx;
    *out = tx_check_static(tx, rev_of(r), r->block->chain_id);
    if (*out != TX_VALID) return OK;
    if (tx->gas_limit > block_gas_left) {
        *out = TX_GAS_EXCEEDS_BLOCK;
    } else if (r->block->gas_is_free && !r->mode->skip_balance &&
               !u256_is_zero(&tx->max_fee_per_gas)) {
        *out = TX_GAS_PRICE_NOT_ZERO;
    } else if (below_base_fee(r)) {
        *out = TX_MAX_FEE_BELOW_BASE_FEE;
    } else if (!r->mode->skip_nonce && tx->nonce < r->sender->now.nonce) {
        *out = TX_NONCE_TOO_LOW;
    } else if (!r->mode->skip_nonce && tx->nonce > r->sender->now.nonce) {
        *out = TX_NONCE_TOO_HIGH;
    } else if (!can_pay(r)) {
        *out = TX_INSUFFICIENT_FUNDS;
    } else if (!r->mode->skip_sender_code) {
        bool has_code;
        TRY(sender_has_code(&has_code, r));
        if (has_code) *out = TX_SENDER_NOT_EOA;
    }
    return OK;
}

// ---- before the first instruction -------------------------------------------------------------

static bool warm_address(struct overlay *o, const address_t *a)
{
    struct acct *account = overlay_account(o, a);
    return account != NULL && overlay_warm(o, account);
}

// EIP-2929, 2930, 3651. (Precompiles are warm without an entry.)
static bool warm_up(const struct run *r)
{
    struct overlay *o = r->world;
    if (rev_of(r) < REV_BERLIN) return true;
    if (!overlay_warm(o, r->sender)) return false;
    if (!r->tx->is_create && !warm_address(o, &r->tx->to)) return false;
    if (rev_of(r) >= REV_SHANGHAI && !warm_address(o, &r->block->coinbase)) return false;
    for (size_t i = 0; i < r->tx->access_count; i++) {
        const struct access_entry *entry = &r->tx->access_list[i];
        if (!warm_address(o, &entry->address)) return false;
        struct acct *account = overlay_account(o, &entry->address);
        for (size_t k = 0; k < entry->key_count; k++) {
            const u256_t key = u256_from_hash(&entry->keys[k]);
            struct slot *s = overlay_slot(o, account, &key);
            if (s == NULL || !overlay_warm_slot(o, s)) return false;
        }
    }
    return true;
}

static bool pay(struct overlay *o, struct acct *a, const u256_t *wei)
{
    u256_t more;
    if (!u256_add_checked(&more, &a->now.balance_wei, wei)) {
        o->err = FAIL(INVALID, "vm: a balance exceeds 256 bits");
        return false;
    }
    return overlay_write_balance(o, a, &more);
}

// The gas in advance, and the nonce (Yellow Paper (70), (71)).
static bool charge_sender(const struct run *r)
{
    if (!r->mode->skip_balance) {
        const u256_t limit = u256_from_u64(r->tx->gas_limit);
        u256_t cost;
        u256_t rest;
        check(u256_mul_checked(&cost, &limit, &r->price));
        check(u256_sub_checked(&rest, &r->sender->now.balance_wei, &cost));
        if (!overlay_write_balance(r->world, r->sender, &rest)) return false;
    }
    return overlay_write_nonce(r->world, r->sender, r->sender->now.nonce + 1);
}

// ---- EIP-7702 -------------------------------------------------------------------------------

bool authorization_signer(address_t *out, const struct authorization *a)
{
    // keccak(0x05 || rlp([chain_id, address, nonce])): at most 1 + 1 + 33 + 21 + 9 bytes.
    uint8_t in[80] = {0x05};
    size_t len = 2;
    uint8_t min[32];
    const u256_t nonce = u256_from_u64(a->nonce);
    const u256_t *numbers[2] = {&a->chain_id, &nonce};
    for (unsigned i = 0; i < 2; i++) {
        const size_t n = u256_to_be_min(min, numbers[i]);
        if (n != 1 || min[0] >= 0x80) in[len++] = (uint8_t)(0x80 + n);
        memcpy(in + len, min, n);
        len += n;
        if (i == 0) {
            in[len++] = 0x80 + 20;
            memcpy(in + len, a->address.b, 20);
            len += 20;
        }
    }
    // The payload is 23 to 63 bytes: two bytes of header would need more than 55.
    const size_t payload = len - 2;
    if (payload > 55) {
        memmove(in + 3, in + 2, payload);
        in[1] = 0xf8;
        in[2] = (uint8_t)payload;
        len++;
    } else {
        in[1] = (uint8_t)(0xc0 + payload);
    }
    const hash_t digest = keccak256(bytes_make(in, len));
    secp_sig_t sig;
    if (a->y_parity > 1 || u256_lt(&SECP_HALF_N, &a->s)) return false;
    u256_to_be32(sig.r, &a->r);
    u256_to_be32(sig.s, &a->s);
    sig.v = a->y_parity;
    return err_ok(secp_recover_address(out, &sig, &digest));
}

static bool apply_authorization(const struct run *r, const struct authorization *a)
{
    struct overlay *o = r->world;
    const u256_t ours = u256_from_u64(r->block->chain_id);
    if (!u256_is_zero(&a->chain_id) && !u256_eq(&a->chain_id, &ours)) return true;
    if (a->nonce == UINT64_MAX) return true;
    address_t address;
    if (!authorization_signer(&address, a)) return true;

    struct acct *authority = overlay_account(o, &address);
    if (authority == NULL || !overlay_warm(o, authority)) return false;
    bytes_t code;
    address_t ignored;
    if (!overlay_code(o, authority, &code)) return false;
    if (code.len != 0 && !code_is_delegation(code, &ignored)) return true;
    if (authority->now.nonce != a->nonce) return true;

    if (authority->exists) o->refund += GAS_TX_AUTHORIZATION - GAS_TX_AUTHORIZATION_BASE;
    bytes_t designator = BYTES_NONE;
    if (!address_is_zero(&a->address)) {
        uint8_t *bytes = arena_alloc(&o->arena, EVM_DELEGATION_BYTES);
        if (bytes == NULL) return false;
        bytes[0] = 0xef;
        bytes[1] = 0x01;
        bytes[2] = 0x00;
        memcpy(bytes + 3, a->address.b, 20);
        designator = bytes_make(bytes, EVM_DELEGATION_BYTES);
    }
    return overlay_write_code(o, authority, designator) &&
           overlay_write_nonce(o, authority, authority->now.nonce + 1);
}

static bool apply_authorizations(const struct run *r)
{
    for (size_t i = 0; i < r->tx->authorization_count; i++) {
        if (!apply_authorization(r, &r->tx->authorizations[i])) return false;
    }
    return true;
}

// A transaction to a delegating account finds the delegate warm.
static bool warm_delegate(const struct run *r, struct acct *to)
{
    if (rev_of(r) < REV_PRAGUE) return true;
    bytes_t code;
    address_t delegate;
    if (!overlay_code(r->world, to, &code)) return false;
    return !code_is_delegation(code, &delegate) || warm_address(r->world, &delegate);
}

// ---- execution ------------------------------------------------------------------------------

static bool execute_create(struct outcome *o, struct tx_result *out, const struct run *r,
                           int64_t gas)
{
    // The nonce was counted: the address comes from the one before.
    const address_t address = address_of_create(&r->sender->address, r->sender->now.nonce - 1);
    struct acct *fresh = overlay_account(r->world, &address);
    if (fresh == NULL) return false;
    const struct creation c = {.kind = TRACE_CREATE,
                               .gas = gas,
                               .creator = r->sender,
                               .fresh = fresh,
                               .value = r->tx->value_wei,
                               .initcode = r->tx->data};
    vm_create(r->vm, o, &c);
    out->has_contract_address = true;
    out->contract_address = address;
    return true;
}

static bool execute_call(struct outcome *o, const struct run *r, int64_t gas)
{
    struct acct *to = overlay_account(r->world, &r->tx->to);
    if (to == NULL || !warm_delegate(r, to)) return false;
    const struct message m = {.kind = TRACE_CALL,
                              .gas = gas,
                              .caller = r->sender->address,
                              .self = to,
                              .code_from = to,
                              .value = r->tx->value_wei,
                              .transfers = true,
                              .input = r->tx->data};
    vm_call(r->vm, o, &m);
    return true;
}

// Refund, unused gas, the fee; the base part is burnt (EIP-1559).
static bool settle(struct tx_result *out, const struct run *r, uint64_t gas_left)
{
    struct overlay *o = r->world;
    const uint64_t limit = r->tx->gas_limit;
    const uint64_t used = limit - gas_left;
    const uint64_t divisor =
        rev_of(r) >= REV_LONDON ? GAS_REFUND_DIVISOR : GAS_REFUND_DIVISOR_FRONTIER;
    uint64_t refund = o->refund < 0 ? 0 : (uint64_t)o->refund;
    if (refund > used / divisor) refund = used / divisor;
    out->gas_refund = refund;
    out->gas_used = used - refund;
    const uint64_t floor = tx_floor_gas(r->tx, rev_of(r));
    if (out->gas_used < floor) {
        out->gas_used = floor;
        out->gas_refund = used > floor ? used - floor : 0;
    }
    if (r->mode->skip_balance) return true;

    const u256_t unused = u256_from_u64(limit - out->gas_used);
    const u256_t paid_gas = u256_from_u64(out->gas_used);
    u256_t back;
    u256_t tip = r->price;
    u256_t fee;
    check(u256_mul_checked(&back, &unused, &r->price));
    if (!pay(o, r->sender, &back)) return false;
    if (rev_of(r) >= REV_LONDON && u256_sub(&tip, &r->price, &r->block->base_fee_wei)) {
        tip = u256_from_u64(0);
    }
    check(u256_mul_checked(&fee, &paid_gas, &tip));
    struct acct *recipient = overlay_account(o, &r->block->fee_recipient);
    if (recipient == NULL) return false;
    if (!overlay_touch(o, recipient, rev_of(r) < REV_SPURIOUS)) return false;
    return u256_is_zero(&fee) || pay(o, recipient, &fee);
}

static void prepare_vm(const struct run *r)
{
    struct vm *vm = r->vm;
    vm_trim(vm);
    vm->world = r->world;
    vm->block = r->block;
    vm->rev = r->block->rev;
    vm->schedule = &GAS_SCHEDULE[r->block->rev];
    vm->origin = r->tx->sender;
    vm->gas_price = r->price;
    vm->base_fee = r->block->base_fee_wei;
    if (u256_lt(&r->price, &vm->base_fee)) vm->base_fee = u256_from_u64(0);
    vm->blob_hashes = r->tx->blob_hashes;
    vm->blob_count = r->tx->blob_count;
    vm->cancelled = r->mode->cancelled;
    vm->cancelled_ctx = r->mode->cancelled_ctx;
    vm->gas_poll = INT64_MIN;
}

static err_t execute(struct tx_result *out, const struct run *r)
{
    struct overlay *o = r->world;
    struct vm *vm = r->vm;
    prepare_vm(r);
    if (!charge_sender(r) || !warm_up(r) || !apply_authorizations(r)) return world_error(r);

    // The loop counts in 63 bits; no block limit allows more (Yellow Paper 4.4.3).
    const uint64_t gas = r->tx->gas_limit - tx_intrinsic_gas(r->tx, rev_of(r));
    const uint64_t spared = gas > INT64_MAX ? gas - INT64_MAX : 0;
    struct outcome outcome;
    const bool began = r->tx->is_create ? execute_create(&outcome, out, r, (int64_t)(gas - spared))
                                        : execute_call(&outcome, r, (int64_t)(gas - spared));
    if (!began) return world_error(r);
    if (outcome.status == EVM_INTERNAL) return vm->err;

    out->status = outcome.status;
    out->output = outcome.output;
    out->effective_gas_price = r->price;
    if (!settle(out, r, (uint64_t)outcome.gas_left + spared)) return world_error(r);
    out->log_count = o->logs.len - o->tx_logs;
    out->logs = (const struct log_entry *)(const void *)o->logs.base + o->tx_logs;
    overlay_tx_end(o, rev_of(r) >= REV_SPURIOUS);
    return OK;
}

err_t tx_execute(struct tx_result *out, struct vm *vm, struct overlay *world,
                 const struct block_ctx *block, const struct tx *tx, uint64_t block_gas_left,
                 const struct call_mode *mode)
{
    check(tx->has_sender);
    *out = (struct tx_result){0};
    if (!err_ok(world->err)) return world->err;
    overlay_tx_begin(world);
    struct run r = {
        .vm = vm, .world = world, .block = block, .tx = tx, .mode = mode == NULL ? &REAL : mode};
    r.sender = overlay_account(world, &tx->sender);
    if (r.sender == NULL) return world_error(&r);
    TRY(check_validity(&out->validity, &r, block_gas_left));
    if (out->validity != TX_VALID) return OK;
    r.price = price_of(&r);
    return execute(out, &r);
}

err_t system_call(struct vm *vm, struct overlay *world, const struct block_ctx *block,
                  const address_t *to, bytes_t input, bytes_t *output)
{
    static const address_t system = {
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe},
    };
    *output = BYTES_NONE;
    overlay_tx_begin(world);
    struct acct *contract = overlay_account(world, to);
    if (contract == NULL) return world->err;
    if (hash_eq(&contract->now.code_hash, &KECCAK_EMPTY)) return OK;

    const struct tx nothing = {.sender = system};
    const struct run r = {.vm = vm, .world = world, .block = block, .tx = &nothing, .mode = &REAL};
    prepare_vm(&r);
    const struct message m = {.kind = TRACE_CALL,
                              .gas = GAS_SYSTEM_CALL,
                              .caller = system,
                              .self = contract,
                              .code_from = contract,
                              .input = input};
    struct outcome outcome;
    vm_call(vm, &outcome, &m);
    if (outcome.status == EVM_INTERNAL) return vm->err;
    if (outcome.status == EVM_SUCCESS) *output = outcome.output;
    overlay_tx_end(world, true);
    return OK;
}

// The blob base fee of EIP-4844: fake exponential of the excess.
static u256_t blob_base_fee(uint64_t excess, enum revision rev)
{
    const u256_t fraction = u256_from_u64(rev >= REV_PRAGUE ? 5007716 : 3338477); // EIP-7691
    const u256_t numerator = u256_from_u64(excess);
    u256_t sum = u256_from_u64(0);
    u256_t term = fraction; // minimum of 1 wei * denominator
    for (uint64_t i = 1; !u256_is_zero(&term); i++) {
        u256_t product;
        if (!u256_add_checked(&sum, &sum, &term) ||
            !u256_mul_checked(&product, &term, &numerator)) {
            return (u256_t){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
        }
        u256_t divisor;
        const u256_t step = u256_from_u64(i);
        check(u256_mul_checked(&divisor, &fraction, &step));
        u256_divmod(&term, NULL, &product, &divisor);
    }
    u256_divmod(&sum, NULL, &sum, &fraction);
    return sum;
}

void block_ctx_of_header(struct block_ctx *out, const struct chain_config *config,
                         const struct header *h)
{
    const enum revision rev = chain_revision(config, h->number, h->timestamp_s);
    *out = (struct block_ctx){
        .rev = rev,
        .engine = config->engine,
        .chain_id = config->chain_id,
        .number = h->number,
        .timestamp_s = h->timestamp_s,
        .gas_limit = h->gas_limit,
        .coinbase = h->coinbase,
        .base_fee_wei = rev >= REV_LONDON ? h->base_fee_wei : u256_from_u64(0),
        .prev_randao = h->mix_hash,
        .difficulty = h->difficulty,
        .blob_base_fee_wei = rev >= REV_CANCUN && h->field_count >= HEADER_FIELDS_BLOB
                                 ? blob_base_fee(h->excess_blob_gas, rev)
                                 : u256_from_u64(1),
        .contract_size_limit = config->contract_size_limit,
        .gas_is_free = chain_gas_is_free(config, h->number),
    };
    out->fee_recipient = out->coinbase;
    if (config->engine == ENGINE_QBFT) {
        const struct qbft_config qbft = chain_qbft_at(config, h->number);
        if (qbft.has_beneficiary) out->fee_recipient = qbft.beneficiary;
        // Besu runs the whole block for the beneficiary: COINBASE names it, too.
        if (!config->goquorum) out->coinbase = out->fee_recipient;
    }
}
