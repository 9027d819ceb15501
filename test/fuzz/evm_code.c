// SPDX-License-Identifier: Apache-2.0
/// Any bytes as a contract: 1 byte of rules, 1 of call data length, call data, code. Gas
/// bounds the work; the same call twice does the same; no wei appears or vanishes.
#include "chain/state/mem_state.h"
#include "test/fuzz/fuzz.h"
#include "vm/overlay.h"
#include "vm/tx_exec.h"

#define GAS 150000

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vm *vm;
    if (vm == NULL) EXPECT(err_ok(vm_new(&vm)));
    bytes_t in = {data, size};
    const enum revision rev = (enum revision)(fuzz_u8(&in) % REV_COUNT);
    const bytes_t input = fuzz_take(&in, fuzz_u8(&in));

    struct mem_state world;
    mem_state_init(&world);
    const u256_t wei = u256_from_u64(1000000);
    mem_state_put(&world, &sender, 0, &wei, BYTES_NONE);
    mem_state_put(&world, &contract, 1, &wei, in);

    struct arena a = fuzz_arena();
    struct tx_result first, second;
    struct state_diff before, after;
    run(&first, &before, &a, vm, &world, rev, input);
    struct bytes output = first.output;
    bool full = false;
    output = arena_copy(&a, output, &full);
    run(&second, &after, &a, vm, &world, rev, input);
    EXPECT(first.validity == second.validity);
    EXPECT(first.status == second.status);
    EXPECT(first.gas_used == second.gas_used);
    EXPECT(full || bytes_eq(output, second.output));

    arena_deinit(&a);
    mem_state_deinit(&world);
    return 0;
}
