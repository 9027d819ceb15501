// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "chain/crypto/keccak.h"
#include "test/support/vm_world.h"
#include "vm/block_exec.h"

static struct chain_config config_of(enum chain_engine engine, enum revision rev)
{
    struct chain_config c = {.engine = engine, .chain_id = 1, .contract_size_limit = 24576};
    for (unsigned r = 0; r < REV_COUNT; r++) {
        c.fork_block[r] = r <= (unsigned)rev ? 0 : FORK_NEVER;
        c.fork_time_s[r] = FORK_NEVER;
    }
    return c;
}

/// Goal: EIP-1559's arithmetic, at its edges.
static const struct {
    const char *name;
    uint64_t base;
    uint64_t limit;
    uint64_t used;
    uint64_t next;
} fees[] = {
    {"at the target", 1000, 20000, 10000, 1000},
    {"full", 1000, 20000, 20000, 1125},
    {"empty", 1000, 20000, 0, 875},
    {"a little above: at least one more", 7, 20000, 10001, 8},
    {"a little below: nothing less", 7, 20000, 9999, 7},
    {"never below zero", 0, 20000, 0, 0},
};

Test(block_exec, base_fee)
{
    struct chain_config config = config_of(ENGINE_MAINNET, REV_CANCUN);
    for (size_t i = 0; i < ARRAY_LEN(fees); i++) {
        const struct header parent = {.number = 5,
                                      .gas_limit = fees[i].limit,
                                      .gas_used = fees[i].used,
                                      .field_count = HEADER_FIELDS_CANCUN,
                                      .base_fee_wei = u256_from_u64(fees[i].base)};
        const u256_t next = next_base_fee(&config, &parent, 10);
        cr_expect_eq(next.limb[0], fees[i].next, "%s: %lu", fees[i].name,
                     (unsigned long)next.limb[0]);
    }
    const struct header classic = {.field_count = HEADER_FIELDS_CLASSIC, .gas_limit = 10};
    cr_expect_eq(next_base_fee(&config, &classic, 1).limb[0], 1000000000u, "first of London");
    config.zero_base_fee = true;
    cr_expect_eq(next_base_fee(&config, &classic, 1).limb[0], 0u, "zeroBaseFee");
    const struct chain_config old = config_of(ENGINE_MAINNET, REV_BERLIN);
    cr_expect_eq(next_base_fee(&old, &classic, 1).limb[0], 0u, "before London");
}

/// Goal: excess blob gas is what is above the target, from Cancun on.
Test(block_exec, excess_blob_gas)
{
    const struct chain_config config = config_of(ENGINE_MAINNET, REV_CANCUN);
    struct header parent = {
        .field_count = HEADER_FIELDS_CANCUN, .excess_blob_gas = 400000, .blob_gas_used = 131072};
    cr_expect_eq(next_excess_blob_gas(&config, &parent, 1), 400000u + 131072 - 393216);
    parent.excess_blob_gas = 0;
    cr_expect_eq(next_excess_blob_gas(&config, &parent, 1), 0u);
    const struct chain_config old = config_of(ENGINE_MAINNET, REV_SHANGHAI);
    parent.excess_blob_gas = 1000000;
    cr_expect_eq(next_excess_blob_gas(&old, &parent, 1), 0u);
}

static u256_t balance(struct overlay *o, const address_t *a)
{
    const struct state_view view = overlay_as_view(o);
    struct account account;
    bool exists;
    check(err_ok(view.account(view.ctx, &account, &exists, a)));
    return account.balance_wei;
}

/// Goal: a QBFT block pays reward and fees to the beneficiary, makes no system call, and its
/// receipts add up.
Test(block_exec, qbft)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    struct chain_config config = config_of(ENGINE_QBFT, REV_CANCUN);
    static const address_t beneficiary = {{0xbe}};
    config.qbft.has_beneficiary = true;
    config.qbft.beneficiary = beneficiary;
    config.qbft.block_reward_wei = u256_from_u64(5);
    struct block block = {.header = {.number = 1,
                                     .timestamp_s = 9,
                                     .gas_limit = 100000,
                                     .coinbase = WORLD_COINBASE,
                                     .field_count = HEADER_FIELDS_CANCUN}};
    w.tx.gas_limit = 40000;
    w.tx.max_fee_per_gas = w.tx.max_priority_fee_per_gas = u256_from_u64(2);
    vm_world_code(&w, &WORLD_CONTRACT, "5f5fa0");
    const struct state_view view = mem_state_view(&w.state);
    overlay_reset(w.overlay, &view);

    struct block_exec x;
    cr_assert(err_ok(block_exec_begin(&x, w.vm, w.overlay, &w.arena, &config, &block.header, 3)));
    struct tx_result r;
    for (uint64_t i = 0; i < 2; i++) {
        w.tx.nonce = i;
        cr_assert(err_ok(block_exec_tx(&x, &r, &w.tx)));
        cr_assert_eq(r.validity, TX_VALID);
    }
    // The third has no room any more, and is skipped without a receipt.
    w.tx.nonce = 2;
    w.tx.gas_limit = 100000 - 2 * r.gas_used + 1;
    cr_assert(err_ok(block_exec_tx(&x, &r, &w.tx)));
    cr_expect_eq(r.validity, TX_GAS_EXCEEDS_BLOCK);
    cr_assert(err_ok(block_exec_end(&x, &block)));

    cr_assert_eq(x.receipt_count, 2u);
    cr_expect_eq(x.receipts[1].cumulative_gas_used, x.gas_used);
    cr_expect_eq(x.receipts[0].gas_used + x.receipts[1].gas_used, x.gas_used);
    cr_expect_eq(x.receipts[1].log_count, 1u);
    cr_expect(bloom_may_contain(&x.bloom, BYTES_OF(WORLD_CONTRACT)));
    cr_expect_eq(balance(w.overlay, &beneficiary).limb[0], 2 * x.gas_used + 5);
    cr_expect_eq(balance(w.overlay, &WORLD_COINBASE).limb[0], 0u);
    hash_t root;
    cr_assert(err_ok(block_exec_receipts_root(&root, &x, &w.arena)));
    cr_expect_not(hash_eq(&root, &KECCAK_RLP_NULL));
    vm_world_deinit(&w);
}

/// Goal: a mainnet block writes the beacon root (EIP-4788) if the contract is there, pays
/// withdrawals in gwei, and deletes nobody but touched empty accounts.
Test(block_exec, mainnet)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    const struct chain_config config = config_of(ENGINE_MAINNET, REV_CANCUN);
    static const address_t roots = {{0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80, 0x7e, 0xf1, 0x31,
                                     0x9f, 0xb7, 0xb8, 0xbb, 0x85, 0x22, 0xd0, 0xbe, 0xac, 0x02}};
    static const address_t empty = {{0xee}};
    const u256_t zero = u256_from_u64(0);
    mem_state_put(&w.state, &empty, 0, &zero, BYTES_NONE);
    // A stand-in that keeps the word it is called with, if the caller is the system.
    vm_world_code(&w, &roots, "73fffffffffffffffffffffffffffffffffffffffe3314601b57005b5f355f55");
    const struct withdrawal withdrawals[] = {{0, 0, WORLD_OTHER, 3}, {1, 0, empty, 0}};
    struct block block = {.header = {.number = 1,
                                     .timestamp_s = 9,
                                     .gas_limit = 100000,
                                     .field_count = HEADER_FIELDS_CANCUN,
                                     .parent_beacon_root = {{[31] = 7}}},
                          .has_withdrawals = true,
                          .withdrawals = withdrawals,
                          .withdrawal_count = 2};
    const struct state_view view = mem_state_view(&w.state);
    overlay_reset(w.overlay, &view);
    struct block_exec x;
    cr_assert(err_ok(block_exec_begin(&x, w.vm, w.overlay, &w.arena, &config, &block.header, 0)));
    cr_assert(err_ok(block_exec_end(&x, &block)));
    const struct state_diff d = vm_world_diff(&w);
    cr_assert_eq(d.account_count, 3u);
    const struct account_change *c = vm_world_change(&d, &roots);
    cr_assert_not_null(c);
    cr_assert_eq(c->slot_count, 1u);
    cr_expect_eq(c->slots[0].value.limb[0], 7u);
    cr_expect_eq(vm_world_change(&d, &WORLD_OTHER)->now.balance_wei.limb[0], 3000000000u);
    cr_expect(vm_world_change(&d, &empty)->deleted);
    vm_world_deinit(&w);
}
