// SPDX-License-Identifier: Apache-2.0

/// Blocks in recover units: execution from the first transaction to the diff, senders known,
/// over a world in memory. 80 % of the transfers go to accounts that exist.

#include <stdio.h>

#include "test/support/bench.h"
#include "test/support/evm_program.h"
#include "vm/block_exec.h"

enum { TXS = 1000, SENDERS = 10000, ERC20_GAS_LIMIT = 100000 };
#define WORLD_BYTES ((size_t)1 << 30)

struct block_case {
    struct vm *vm;
    struct overlay *world;
    struct arena arena;
    struct mem_state *state;
    struct chain_config config;
    struct block block;
    uint64_t gas_used;
    size_t changed;
    size_t succeeded;
};

static void block_run(void *ctx, uint64_t count)
{
    struct block_case *c = ctx;
    const struct state_view view = mem_state_view(c->state);
    for (uint64_t i = 0; i < count; i++) {
        struct block_exec x;
        struct state_diff diff;
        struct tx_result result;
        arena_reset(&c->arena);
        overlay_reset(c->world, &view);
        bench_expect(err_ok(block_exec_begin(&x, c->vm, c->world, &c->arena, &c->config,
                                             &c->block.header, TXS)),
                     "block begins");
        c->succeeded = 0;
        for (size_t k = 0; k < TXS; k++) {
            bench_expect(err_ok(block_exec_tx(&x, &result, &c->block.txs[k])), "executes");
            c->succeeded += result.validity == TX_VALID && result.status == EVM_SUCCESS;
        }
        bench_expect(err_ok(block_exec_end(&x, &c->block)), "block ends");
        bench_expect(err_ok(overlay_diff(&diff, &c->arena, c->world)), "diff");
        c->gas_used = x.gas_used;
        c->changed = diff.account_count;
    }
}

static address_t address_of(uint64_t i)
{
    // Spread like real addresses: a fixed mixing of the number.
    address_t a;
    for (size_t k = 0; k < sizeof a.b; k++) {
        i = i * 6364136223846793005u + 1442695040888963407u;
        a.b[k] = (uint8_t)(i >> 56);
    }
    return a;
}

static void init(struct block_case *c, struct arena *arena, struct mem_state *state)
{
    *c = (struct block_case){.state = state};
    c->config =
        (struct chain_config){.engine = ENGINE_QBFT, .chain_id = 1, .contract_size_limit = 24576};
    for (unsigned r = 0; r < REV_COUNT; r++) {
        c->config.fork_block[r] = r <= REV_CANCUN ? 0 : FORK_NEVER;
        c->config.fork_time_s[r] = FORK_NEVER;
    }
    const struct state_view view = mem_state_view(state);
    bench_expect(err_ok(vm_new(&c->vm)) && err_ok(arena_init(&c->arena, WORLD_BYTES)) &&
                     err_ok(overlay_new(&c->world, &view, WORLD_BYTES)),
                 "memory");
    c->block = (struct block){.header = {.number = 1,
                                         .timestamp_s = 1,
                                         .gas_limit = 1000000000,
                                         .field_count = HEADER_FIELDS_CANCUN},
                              .tx_count = TXS};
    c->block.txs = ARENA_ARRAY(arena, struct tx, TXS);
    bench_expect(c->block.txs != NULL, "memory");
}

static void deinit(struct block_case *c)
{
    overlay_free(c->world);
    vm_free(c->vm);
    arena_deinit(&c->arena);
}

static void transfers(struct arena *arena, const struct bench_subject *recover)
{
    struct mem_state state;
    struct block_case c;
    mem_state_init(&state);
    const u256_t ether = u256_from_u64(1000000000000000000);
    for (uint64_t i = 0; i < SENDERS; i++) {
        const address_t a = address_of(i);
        mem_state_put(&state, &a, 0, &ether, BYTES_NONE);
    }
    init(&c, arena, &state);
    for (uint64_t i = 0; i < TXS; i++) {
        const bool fresh = i % 5 == 0;
        c.block.txs[i] = (struct tx){.type = TX_DYNAMIC_FEE,
                                     .has_chain_id = true,
                                     .chain_id = 1,
                                     .gas_limit = 21000,
                                     .to = address_of(fresh ? SENDERS + i : SENDERS / 2 + i),
                                     .value_wei = u256_from_u64(i + 1),
                                     .has_sender = true,
                                     .sender = address_of(i)};
    }
    bench_compare(&(struct bench_subject){"exec/transfers-1000", block_run, &c}, recover, 0);
    bench_expect(c.succeeded == TXS && c.gas_used == TXS * 21000u, "all succeed");
    bench_expect(c.changed == 2 * TXS, "two accounts each");
    deinit(&c);
    mem_state_deinit(&state);
}

// The ERC-20 of vectors/evm-bench: one holder, a thousand transfers.
static void erc20(struct arena *arena, const struct bench_subject *recover)
{
    struct evm_program *programs;
    const size_t count = evm_programs_load(&programs, arena);
    const struct evm_program *p = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(programs[i].name, "erc20/single-transfer") == 0) p = &programs[i];
    }
    bench_expect(p != NULL, "erc20/single-transfer is there");
    struct block_case c;
    init(&c, arena, p->state);
    for (uint64_t i = 0; i < TXS; i++) {
        c.block.txs[i] = p->tx;
        c.block.txs[i].nonce = i;
        c.block.txs[i].gas_limit = ERC20_GAS_LIMIT;
    }
    bench_compare(&(struct bench_subject){"exec/erc20-transfers-1000", block_run, &c}, recover, 0);
    bench_expect(c.succeeded == TXS, "all succeed");
    deinit(&c);
}

int main(void)
{
    struct arena arena;
    bench_expect(err_ok(arena_init(&arena, WORLD_BYTES)), "memory");
    const struct bench_subject recover = bench_recover_limit();
    transfers(&arena, &recover);
    erc20(&arena, &recover);
    arena_deinit(&arena);
    return 0;
}
