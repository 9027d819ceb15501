// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "chain/crypto/keccak.h"
#include "test/support/vm_world.h"
#include "vm/gas.h"

static u256_t gwei(uint64_t n)
{
    return u256_from_u64(n * 1000000000);
}

// ---- validity -------------------------------------------------------------------------------

static void typed(struct vm_world *w)
{
    w->tx.type = TX_DYNAMIC_FEE;
    w->tx.has_chain_id = true;
    w->tx.chain_id = 1;
    w->tx.max_fee_per_gas = gwei(2);
    w->tx.max_priority_fee_per_gas = gwei(1);
    w->block.base_fee_wei = gwei(1);
}

static void make_blob(struct vm_world *w)
{
    w->tx.type = TX_BLOB;
}
static void make_set_code(struct vm_world *w)
{
    w->tx.type = TX_SET_CODE;
}
static void other_chain(struct vm_world *w)
{
    w->tx.chain_id = 2;
}
static void little_gas(struct vm_world *w)
{
    w->tx.gas_limit = 20999;
}
static void max_nonce(struct vm_world *w)
{
    w->tx.nonce = UINT64_MAX;
}
static void above_block(struct vm_world *w)
{
    w->tx.gas_limit = 30000001;
}
static void tip_above_max(struct vm_world *w)
{
    w->tx.max_priority_fee_per_gas = gwei(3);
}
static void below_base(struct vm_world *w)
{
    w->block.base_fee_wei = gwei(5);
}
static void high_nonce(struct vm_world *w)
{
    w->tx.nonce = 1;
}
static void dear(struct vm_world *w)
{
    w->tx.max_fee_per_gas = gwei(1000000000);
}
static void code_at_sender(struct vm_world *w)
{
    vm_world_code(w, &WORLD_SENDER, "00");
    w->tx.nonce = 1;
    w->tx.gas_limit = 21000;
    w->tx.max_fee_per_gas = u256_from_u64(0);
    w->tx.max_priority_fee_per_gas = u256_from_u64(0);
    w->block.base_fee_wei = u256_from_u64(0);
}
static void overflow(struct vm_world *w)
{
    memset(&w->tx.max_fee_per_gas, 0xff, 32);
}
static void low_nonce(struct vm_world *w)
{
    const u256_t rich = gwei(1000000000);
    mem_state_put(&w->state, &WORLD_SENDER, 1, &rich, BYTES_NONE);
}
static void long_initcode(struct vm_world *w)
{
    w->tx.is_create = true;
    w->tx.data = bytes_make(arena_calloc(&w->arena, 1, 49153), 49153);
}
static void longest_initcode(struct vm_world *w)
{
    w->tx.is_create = true;
    w->tx.data = bytes_make(arena_calloc(&w->arena, 1, 49152), 49152);
}
static void priced_where_gas_is_free(struct vm_world *w)
{
    w->block.gas_is_free = true;
}
static void unpriced_where_gas_is_free(struct vm_world *w)
{
    w->block.gas_is_free = true;
    w->block.base_fee_wei = u256_from_u64(0);
    w->tx.max_fee_per_gas = w->tx.max_priority_fee_per_gas = u256_from_u64(0);
}
static void nothing(struct vm_world *w)
{
    (void)w;
}

/// Goal: each reason to refuse has a row that breaks only it, and a refused transaction
/// leaves nothing.
static const struct {
    const char *name;
    void (*change)(struct vm_world *);
    enum tx_validity validity;
} rows[] = {
    {"as it should be", nothing, TX_VALID},
    {"blob", make_blob, TX_TYPE_NOT_SUPPORTED},
    {"set code before Prague", make_set_code, TX_TYPE_NOT_SUPPORTED},
    {"another chain", other_chain, TX_WRONG_CHAIN_ID},
    {"less than intrinsic gas", little_gas, TX_INTRINSIC_GAS_TOO_LOW},
    {"nonce 2^64 - 1", max_nonce, TX_NONCE_IS_MAX},
    {"initcode of 49153 bytes", long_initcode, TX_INITCODE_TOO_LARGE},
    {"initcode of 49152 bytes", longest_initcode, TX_VALID},
    {"more than the block", above_block, TX_GAS_EXCEEDS_BLOCK},
    {"tip above the maximum", tip_above_max, TX_PRIORITY_ABOVE_MAX_FEE},
    {"below the base fee", below_base, TX_MAX_FEE_BELOW_BASE_FEE},
    {"product beyond 256 bits", overflow, TX_GAS_PRICE_OVERFLOW},
    {"nonce used", low_nonce, TX_NONCE_TOO_LOW},
    {"nonce ahead", high_nonce, TX_NONCE_TOO_HIGH},
    {"too dear", dear, TX_INSUFFICIENT_FUNDS},
    {"sender with code", code_at_sender, TX_SENDER_NOT_EOA},
    {"a price where gas is free", priced_where_gas_is_free, TX_GAS_PRICE_NOT_ZERO},
    {"none where gas is free", unpriced_where_gas_is_free, TX_VALID},
};

Test(tx_exec, validity)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vm_world w;
        vm_world_init(&w, REV_CANCUN);
        typed(&w);
        rows[i].change(&w);
        const struct tx_result r = vm_world_run(&w);
        cr_expect_eq(r.validity, rows[i].validity, "%s: %s", rows[i].name,
                     tx_validity_text(r.validity));
        const struct state_diff d = vm_world_diff(&w);
        cr_expect_eq(d.account_count == 0, rows[i].validity != TX_VALID, "%s: trace", rows[i].name);
        vm_world_deinit(&w);
    }
}

/// Goal: intrinsic gas, fork by fork.
static const struct {
    const char *name;
    enum revision rev;
    bool create;
    const char *data;
    uint64_t gas;
} intrinsic[] = {
    {"call", REV_FRONTIER, false, "", 21000},
    {"creation, Frontier", REV_FRONTIER, true, "", 21000},
    {"creation, Homestead", REV_HOMESTEAD, true, "", 53000},
    {"data, Byzantium", REV_BYZANTIUM, false, "0001", 21000 + 4 + 68},
    {"data, Istanbul", REV_ISTANBUL, false, "0001", 21000 + 4 + 16},
    {"initcode, Paris", REV_PARIS, true, "01", 53016},
    {"initcode, Shanghai", REV_SHANGHAI, true, "01", 53018},
};

Test(tx_exec, intrinsic_gas)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    for (size_t i = 0; i < ARRAY_LEN(intrinsic); i++) {
        w.tx.is_create = intrinsic[i].create;
        w.tx.data = vm_world_bytes(&w, intrinsic[i].data);
        cr_expect_eq(tx_intrinsic_gas(&w.tx, intrinsic[i].rev), intrinsic[i].gas, "%s",
                     intrinsic[i].name);
    }
    const hash_t keys[3] = {{{0}}};
    const struct access_entry list[2] = {{WORLD_OTHER, keys, 3}, {WORLD_OTHER, NULL, 0}};
    w.tx = (struct tx){.type = TX_ACCESS_LIST, .access_list = list, .access_count = 2};
    cr_expect_eq(tx_intrinsic_gas(&w.tx, REV_CANCUN), 21000u + 2 * 2400 + 3 * 1900);
    const struct access_entry endless = {WORLD_OTHER, keys, SIZE_MAX};
    w.tx.access_list = &endless;
    w.tx.access_count = 1;
    cr_expect_eq(tx_intrinsic_gas(&w.tx, REV_CANCUN), UINT64_MAX, "saturates");
    w.tx = (struct tx){.data = vm_world_bytes(&w, "0001")};
    cr_expect_eq(tx_floor_gas(&w.tx, REV_CANCUN), 0u);
    cr_expect_eq(tx_floor_gas(&w.tx, REV_PRAGUE), 21000u + 10 * 5);
    vm_world_deinit(&w);
}

// ---- money ----------------------------------------------------------------------------------

static u256_t balance(struct vm_world *w, const address_t *a)
{
    const struct state_view view = overlay_as_view(w->overlay);
    struct account account;
    bool exists;
    check(err_ok(view.account(view.ctx, &account, &exists, a)));
    return account.balance_wei;
}

/// Goal: the sender pays the effective price, the coinbase gets the tip, the base is burnt.
Test(tx_exec, fees)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    typed(&w);
    w.tx.value_wei = gwei(7);
    w.tx.to = WORLD_OTHER;
    struct account sender;
    cr_assert(mem_state_account(&w.state, &sender, &WORLD_SENDER));
    const u256_t before = sender.balance_wei;
    const struct tx_result r = vm_world_run(&w);
    cr_expect_eq(r.gas_used, 21000u);
    cr_expect(r.effective_gas_price.limb[0] == gwei(2).limb[0]);
    const u256_t after = balance(&w, &WORLD_SENDER);
    u256_t paid;
    u256_sub(&paid, &before, &after);
    cr_expect_eq(paid.limb[0], gwei(7).limb[0] + 21000 * gwei(2).limb[0]);
    cr_expect_eq(balance(&w, &WORLD_COINBASE).limb[0], 21000 * gwei(1).limb[0]);
    cr_expect_eq(balance(&w, &WORLD_OTHER).limb[0], gwei(7).limb[0]);
    vm_world_deinit(&w);
}

/// Goal: who gets the fees is also what COINBASE says in Besu's networks; in GoQuorum's that is the
/// proposer.
Test(tx_exec, coinbase_beside_a_beneficiary)
{
    const struct header h = {.coinbase = WORLD_COINBASE, .number = 1};
    struct chain_config config = {.engine = ENGINE_QBFT,
                                  .chain_id = 1,
                                  .gas_price_block = FORK_NEVER,
                                  .qbft = {.has_beneficiary = true, .beneficiary = WORLD_OTHER}};
    struct block_ctx ctx;
    block_ctx_of_header(&ctx, &config, &h);
    cr_expect(address_eq(&ctx.coinbase, &WORLD_OTHER));
    cr_expect(address_eq(&ctx.fee_recipient, &WORLD_OTHER));
    cr_expect(!ctx.gas_is_free);
    config.goquorum = true;
    block_ctx_of_header(&ctx, &config, &h);
    cr_expect(address_eq(&ctx.coinbase, &WORLD_COINBASE));
    cr_expect(address_eq(&ctx.fee_recipient, &WORLD_OTHER));
    cr_expect(ctx.gas_is_free);
}

/// Goal: refunds are a fifth of what was used at most, and half before London.
Test(tx_exec, refund_cap)
{
    static const struct {
        enum revision rev;
        uint64_t divisor;
    } caps[] = {{REV_BERLIN, 2}, {REV_CANCUN, 5}};
    for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
        struct vm_world w;
        vm_world_init(&w, caps[i].rev);
        // Clears eight slots.
        vm_world_code(&w, &WORLD_CONTRACT,
                      "6000600155600060025560006003556000600455600060055560006006556000600755"
                      "60006008556000600955");
        for (uint8_t k = 1; k <= 9; k++) {
            const hash_t key = {{[31] = k}};
            const u256_t one = u256_from_u64(1);
            mem_state_put_slot(&w.state, &WORLD_CONTRACT, &key, &one);
        }
        const struct tx_result r = vm_world_run(&w);
        const uint64_t used = r.gas_used + r.gas_refund;
        cr_expect_eq(r.gas_refund, used / caps[i].divisor);
        const struct state_diff d = vm_world_diff(&w);
        cr_expect_eq(vm_world_change(&d, &WORLD_CONTRACT)->slot_count, 9u);
        vm_world_deinit(&w);
    }
}

/// Goal: a failed transaction pays for its gas, counts its nonce, and moves nothing else.
Test(tx_exec, failure_costs)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    typed(&w);
    w.tx.value_wei = gwei(7);
    vm_world_code(&w, &WORLD_CONTRACT, "60015f555f5fa0602a5f5260205ffd");
    const struct tx_result r = vm_world_run(&w);
    cr_expect_eq(r.status, EVM_REVERT);
    cr_expect_eq(r.output.len, 32u);
    cr_expect_eq(r.output.data[31], 42u);
    cr_expect_eq(r.log_count, 0u);
    const struct state_diff d = vm_world_diff(&w);
    cr_expect_null(vm_world_change(&d, &WORLD_CONTRACT));
    const struct account_change *sender = vm_world_change(&d, &WORLD_SENDER);
    cr_assert_not_null(sender);
    cr_expect_eq(sender->now.nonce, 1u);
    cr_expect_lt(r.gas_used, w.tx.gas_limit, "a revert gives the rest back");
    vm_world_deinit(&w);
}

// ---- creation -------------------------------------------------------------------------------

/// Goal: what init code returns becomes code, or the creation fails.
static const struct {
    const char *name;
    enum revision rev;
    const char *initcode;
    uint64_t gas; ///< limit
    enum evm_status status;
    size_t code_len;
} creations[] = {
    {"one byte", REV_CANCUN, "60016000f3", 100000, EVM_SUCCESS, 1},
    {"nothing", REV_CANCUN, "00", 100000, EVM_SUCCESS, 0},
    {"24576 bytes", REV_CANCUN, "6160006000f3", 6000000, EVM_SUCCESS, 24576},
    {"24577 bytes", REV_CANCUN, "6160016000f3", 6000000, EVM_CODE_TOO_LARGE, 0},
    {"starts with 0xef", REV_CANCUN, "60ef60005360016000f3", 100000, EVM_CODE_STARTS_EF, 0},
    {"0xef before London", REV_BERLIN, "60ef60005360016000f3", 100000, EVM_SUCCESS, 1},
    {"no gas for the deposit", REV_CANCUN,
     "61100060"
     "00f3",
     100000, EVM_OUT_OF_GAS, 0},
    {"no gas for the deposit, Frontier", REV_FRONTIER, "6110006000f3", 100000, EVM_SUCCESS, 0},
    {"reverts", REV_CANCUN, "60006000fd", 100000, EVM_REVERT, 0},
};

Test(tx_exec, creations)
{
    for (size_t i = 0; i < ARRAY_LEN(creations); i++) {
        struct vm_world w;
        vm_world_init(&w, creations[i].rev);
        w.tx.is_create = true;
        w.tx.gas_limit = creations[i].gas;
        w.tx.data = vm_world_bytes(&w, creations[i].initcode);
        const struct tx_result r = vm_world_run(&w);
        cr_expect_eq(r.status, creations[i].status, "%s: %s", creations[i].name,
                     evm_status_text(r.status));
        cr_expect(r.has_contract_address, "%s: failed or not", creations[i].name);
        const struct state_diff d = vm_world_diff(&w);
        const struct account_change *c = vm_world_change(&d, &r.contract_address);
        cr_expect_eq(c != NULL, r.status == EVM_SUCCESS, "%s: account", creations[i].name);
        if (c != NULL) {
            cr_expect_eq(c->code.len, creations[i].code_len, "%s: code", creations[i].name);
            cr_expect_eq(c->now.nonce, creations[i].rev >= REV_SPURIOUS ? 1u : 0u);
        }
        vm_world_deinit(&w);
    }
}

/// Goal: a creation at an address that is taken takes all gas and changes nothing there.
Test(tx_exec, collision)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    w.tx.is_create = true;
    w.tx.gas_limit = 100000;
    w.tx.data = vm_world_bytes(&w, "00");
    struct tx_result r = vm_world_run(&w);
    const address_t at = r.contract_address;
    vm_world_code(&w, &at, "00");
    r = vm_world_run(&w);
    cr_expect_eq(r.status, EVM_CREATE_COLLISION);
    cr_expect_eq(r.gas_used, 100000u);
    vm_world_deinit(&w);
}

/// Goal: SELFDESTRUCT deletes before Cancun; from Cancun on only what this transaction made.
Test(tx_exec, selfdestruct)
{
    static const struct {
        enum revision rev;
        bool deleted;
    } cases[] = {{REV_SHANGHAI, true}, {REV_CANCUN, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct vm_world w;
        vm_world_init(&w, cases[i].rev);
        w.tx.value_wei = gwei(3);
        vm_world_code(&w, &WORLD_CONTRACT, "733000000000000000000000000000000000000003ff");
        const struct tx_result r = vm_world_run(&w);
        cr_expect_eq(r.status, EVM_SUCCESS);
        cr_expect_eq(balance(&w, &WORLD_OTHER).limb[0], gwei(3).limb[0]);
        const struct state_diff d = vm_world_diff(&w);
        const struct account_change *c = vm_world_change(&d, &WORLD_CONTRACT);
        cr_expect_eq(c != NULL && c->deleted, cases[i].deleted);
        // Made and destroyed in one transaction: nothing is left.
        w.tx.is_create = true;
        w.tx.data = vm_world_bytes(&w, "733000000000000000000000000000000000000003ff");
        const struct tx_result made = vm_world_run(&w);
        cr_expect_eq(made.status, EVM_SUCCESS);
        const struct state_diff after = vm_world_diff(&w);
        cr_expect_null(vm_world_change(&after, &made.contract_address));
        vm_world_deinit(&w);
    }
}

// ---- eth_call and its kin ---------------------------------------------------------------------

static bool cancel_at_third(void *ctx)
{
    return ++*(int *)ctx >= 3;
}

/// Goal: each switch of a call lifts one check and no other; a call can be stopped.
Test(tx_exec, call_modes)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    typed(&w);
    const struct state_view view = mem_state_view(&w.state);

    w.tx.nonce = 99;
    overlay_reset(w.overlay, &view);
    struct tx_result r = vm_world_run_on(&w, &(struct call_mode){.skip_nonce = true});
    cr_expect_eq(r.validity, TX_VALID);

    w.tx.nonce = 0;
    w.tx.max_fee_per_gas = gwei(1000000000);
    overlay_reset(w.overlay, &view);
    r = vm_world_run_on(&w, &(struct call_mode){.skip_balance = true});
    cr_expect_eq(r.validity, TX_VALID);
    cr_expect_eq(balance(&w, &WORLD_COINBASE).limb[0], 0u, "nobody pays");
    w.tx.value_wei = gwei(1000000000);
    w.tx.value_wei.limb[2] = 1;
    overlay_reset(w.overlay, &view);
    r = vm_world_run_on(&w, &(struct call_mode){.skip_balance = true});
    cr_expect_eq(r.validity, TX_INSUFFICIENT_FUNDS, "what is sent must be there");
    w.tx.value_wei = u256_from_u64(0);

    w.tx.max_fee_per_gas = w.tx.max_priority_fee_per_gas = u256_from_u64(0);
    overlay_reset(w.overlay, &view);
    r = vm_world_run_on(&w, NULL);
    cr_expect_eq(r.validity, TX_MAX_FEE_BELOW_BASE_FEE);
    r = vm_world_run_on(&w, &(struct call_mode){.skip_base_fee = true});
    cr_expect_eq(r.validity, TX_VALID);

    // Loops for ever; and calls itself for ever.
    static const char *const endless[] = {"5b600056", "5b5f5f5f5f5f5f61fffff1505f56"};
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        int asked = 0;
        vm_world_code(&w, &WORLD_CONTRACT, endless[i]);
        overlay_reset(w.overlay, &view);
        r = vm_world_run_on(&w, &(struct call_mode){.skip_base_fee = true,
                                                    .cancelled = cancel_at_third,
                                                    .cancelled_ctx = &asked});
        cr_expect_eq(r.status, EVM_CANCELLED, "%zu: %s", i, evm_status_text(r.status));
        cr_expect_eq(asked, 3);
        r = vm_world_run(&w);
        cr_expect_eq(r.validity, TX_MAX_FEE_BELOW_BASE_FEE);
    }
    vm_world_deinit(&w);
}

static err_t broken_slot(void *ctx, u256_t *out, const address_t *a, const hash_t *key)
{
    (void)ctx;
    (void)out;
    (void)a;
    (void)key;
    return FAIL(IO, "test: disk is gone");
}

/// Goal: a view that fails, however deep in calls, ends the execution with its error.
Test(tx_exec, broken_view)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    vm_world_code(&w, &WORLD_CONTRACT,
                  "5f5f5f5f5f733000000000000000000000000000000000000003620186a0f1");
    vm_world_code(&w, &WORLD_OTHER, "600154");
    const hash_t key = {{[31] = 1}};
    const u256_t one = u256_from_u64(1);
    mem_state_put_slot(&w.state, &WORLD_OTHER, &key, &one);
    struct state_view view = mem_state_view(&w.state);
    view.slot = broken_slot;
    overlay_reset(w.overlay, &view);
    struct tx_result r;
    const err_t err = tx_execute(&r, w.vm, w.overlay, &w.block, &w.tx, w.block.gas_limit, NULL);
    cr_expect_eq(err.kind, ERR_IO, "%s", err_text(err));
    // The vm itself is as good as new.
    const struct tx_result again = vm_world_run(&w);
    cr_expect_eq(again.status, EVM_SUCCESS);
    vm_world_deinit(&w);
}
