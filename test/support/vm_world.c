// SPDX-License-Identifier: Apache-2.0
#include "test/support/vm_world.h"

#include "chain/base/hex.h"

const address_t WORLD_SENDER = {{[0] = 0x10, [19] = 0x01}};
const address_t WORLD_CONTRACT = {{[0] = 0x20, [19] = 0x02}};
const address_t WORLD_OTHER = {{[0] = 0x30, [19] = 0x03}};
const address_t WORLD_COINBASE = {{[0] = 0xc0, [19] = 0x0b}};

#define WORLD_BYTES ((size_t)1 << 28)

void vm_world_init(struct vm_world *w, enum revision rev)
{
    memset(w, 0, sizeof *w);
    mem_state_init(&w->state);
    const u256_t ether = u256_from_u64(1000000000000000000);
    const u256_t hundred = u256_from_u64(100);
    const u256_t balance = u256_mul(&ether, &hundred);
    mem_state_put(&w->state, &WORLD_SENDER, 0, &balance, BYTES_NONE);
    check(err_ok(arena_init(&w->arena, WORLD_BYTES)));
    check(err_ok(vm_new(&w->vm)));
    const struct state_view view = mem_state_view(&w->state);
    check(err_ok(overlay_new(&w->overlay, &view, WORLD_BYTES)));
    w->block = (struct block_ctx){.rev = rev,
                                  .engine = ENGINE_MAINNET,
                                  .chain_id = 1,
                                  .number = 100,
                                  .timestamp_s = 1000,
                                  .gas_limit = 30000000,
                                  .coinbase = WORLD_COINBASE,
                                  .fee_recipient = WORLD_COINBASE,
                                  .blob_base_fee_wei = u256_from_u64(1),
                                  .contract_size_limit = 24576};
    w->tx = (struct tx){.type = TX_LEGACY,
                        .gas_limit = 10000000,
                        .to = WORLD_CONTRACT,
                        .has_sender = true,
                        .sender = WORLD_SENDER};
}

void vm_world_deinit(struct vm_world *w)
{
    overlay_free(w->overlay);
    vm_free(w->vm);
    arena_deinit(&w->arena);
    mem_state_deinit(&w->state);
}

bytes_t vm_world_bytes(struct vm_world *w, const char *hex)
{
    uint8_t *out = arena_alloc(&w->arena, strlen(hex) / 2 + 1);
    size_t len = 0;
    check(out != NULL);
    check(err_ok(hex_decode(out, strlen(hex) / 2, &len, bytes_of_str(hex))));
    return bytes_make(out, len);
}

void vm_world_code(struct vm_world *w, const address_t *a, const char *hex)
{
    const u256_t nothing = u256_from_u64(0);
    mem_state_put(&w->state, a, 1, &nothing, vm_world_bytes(w, hex));
}

struct tx_result vm_world_run_on(struct vm_world *w, const struct call_mode *mode)
{
    struct tx_result r;
    const err_t err =
        tx_execute(&r, w->vm, w->overlay, &w->block, &w->tx, w->block.gas_limit, mode);
    check(err_ok(err));
    return r;
}

struct tx_result vm_world_run(struct vm_world *w)
{
    const struct state_view view = mem_state_view(&w->state);
    overlay_reset(w->overlay, &view);
    return vm_world_run_on(w, NULL);
}

uint64_t vm_world_gas(const struct vm_world *w, const struct tx_result *r)
{
    return r->gas_used + r->gas_refund - tx_intrinsic_gas(&w->tx, w->block.rev);
}

u256_t vm_world_word(const struct tx_result *r)
{
    return r->output.len >= 32 ? u256_from_be32(r->output.data) : u256_from_u64(0);
}

struct state_diff vm_world_diff(struct vm_world *w)
{
    struct state_diff d;
    check(err_ok(overlay_diff(&d, &w->arena, w->overlay)));
    return d;
}

const struct account_change *vm_world_change(const struct state_diff *d, const address_t *a)
{
    for (size_t i = 0; i < d->account_count; i++) {
        if (address_eq(&d->accounts[i].address, a)) return &d->accounts[i];
    }
    return NULL;
}
