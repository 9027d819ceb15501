// SPDX-License-Identifier: Apache-2.0
/// Any bytes as a contract: 1 byte of rules, 1 of call data length, call data, code. Gas
/// bounds the work; the fast loop and the traced one do the same, change for change; the
/// traced one agrees with a slow reference on every instruction of the stack machine; no wei
/// appears, and none vanishes but by SELFDESTRUCT.
#include "chain/state/mem_state.h"
#include "test/fuzz/fuzz.h"
#include "test/support/evm_reference.h"
#include "vm/overlay.h"
#include "vm/tx_exec.h"

#define GAS 150000
#define WEI 1000000

static const address_t sender = {{0x51}};
static const address_t contract = {{0xc0}};
static const address_t coinbase = {{0xee}};

static void run(struct tx_result *result, struct state_diff *diff, struct arena *a, struct vm *vm,
                struct mem_state *world, enum revision rev, bytes_t input)
{
    struct overlay *o;
    const struct state_view view = mem_state_view(world);
    EXPECT(err_ok(overlay_new(&o, &view, (size_t)64 << 20)));
    const struct block_ctx block = {.rev = rev,
                                    .engine = ENGINE_QBFT,
                                    .chain_id = 1,
                                    .number = 10,
                                    .timestamp_s = 1000,
                                    .gas_limit = 30000000,
                                    .coinbase = coinbase,
                                    .fee_recipient = coinbase,
                                    .contract_size_limit = 24576};
    const struct tx tx = {.type = TX_LEGACY,
                          .has_chain_id = rev >= REV_SPURIOUS,
                          .chain_id = 1,
                          .gas_limit = GAS,
                          .to = contract,
                          .data = input,
                          .has_sender = true,
                          .sender = sender};
    EXPECT(err_ok(tx_execute(result, vm, o, &block, &tx, 30000000, NULL)));
    EXPECT(result->status != EVM_INTERNAL && result->status != EVM_RUNNING);
    if (result->validity == TX_VALID) EXPECT(result->gas_used <= GAS);
    EXPECT(err_ok(overlay_diff(diff, a, o)));
    overlay_free(o);
}

static bool same_account(const struct account_change *a, const struct account_change *b)
{
    if (!address_eq(&a->address, &b->address) || a->deleted != b->deleted ||
        a->storage_cleared != b->storage_cleared || a->slot_count != b->slot_count ||
        a->now.nonce != b->now.nonce || !u256_eq(&a->now.balance_wei, &b->now.balance_wei) ||
        !hash_eq(&a->now.code_hash, &b->now.code_hash) || !bytes_eq(a->code, b->code)) {
        return false;
    }
    for (size_t i = 0; i < a->slot_count; i++) {
        if (!hash_eq(&a->slots[i].key, &b->slots[i].key) ||
            !u256_eq(&a->slots[i].value, &b->slots[i].value)) {
            return false;
        }
    }
    return true;
}

static bool same_diff(const struct state_diff *a, const struct state_diff *b)
{
    if (a->account_count != b->account_count) return false;
    for (size_t i = 0; i < a->account_count; i++) {
        if (!same_account(&a->accounts[i], &b->accounts[i])) return false;
    }
    return true;
}

/// All the wei there is: gas costs nothing here.
static uint64_t wei_after(const struct state_diff *diff)
{
    uint64_t sum = 0;
    bool has_sender = false;
    bool has_contract = false;
    for (size_t i = 0; i < diff->account_count; i++) {
        const struct account_change *c = &diff->accounts[i];
        has_sender |= address_eq(&c->address, &sender);
        has_contract |= address_eq(&c->address, &contract);
        if (c->deleted) continue;
        EXPECT(u256_fits_u64(&c->now.balance_wei));
        sum += c->now.balance_wei.limb[0];
    }
    return sum + (has_sender ? 0 : WEI) + (has_contract ? 0 : WEI);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vm *vm;
    if (vm == NULL) EXPECT(err_ok(vm_new(&vm)));
    bytes_t in = {data, size};
    const enum revision rev = (enum revision)(fuzz_u8(&in) % REV_COUNT);
    const bytes_t input = fuzz_take(&in, fuzz_u8(&in));

    struct mem_state world;
    mem_state_init(&world);
    const u256_t balance = u256_from_u64(WEI);
    mem_state_put(&world, &sender, 0, &balance, BYTES_NONE);
    mem_state_put(&world, &contract, 1, &balance, in);

    struct arena a = fuzz_arena();
    struct tx_result first, second;
    struct state_diff before, after;
    run(&first, &before, &a, vm, &world, rev, input);
    struct bytes output = first.output;
    bool full = false;
    output = arena_copy(&a, output, &full);
    static struct evm_reference reference;
    evm_reference_init(&reference);
    vm_set_trace(vm, &reference.hooks);
    run(&second, &after, &a, vm, &world, rev, input);
    vm_set_trace(vm, NULL);
    if (reference.broken != NULL) (void)fprintf(stderr, "reference: %s\n", reference.broken);
    EXPECT(reference.broken == NULL);
    EXPECT(reference.depth == 0);
    EXPECT(same_diff(&before, &after));
    const uint64_t wei = wei_after(&after);
    EXPECT(wei <= 2 * WEI);
    EXPECT(reference.burns || wei == 2 * WEI);
    EXPECT(first.validity == second.validity);
    EXPECT(first.status == second.status);
    EXPECT(first.gas_used == second.gas_used);
    EXPECT(full || bytes_eq(output, second.output));

    arena_deinit(&a);
    mem_state_deinit(&world);
    return 0;
}
