// SPDX-License-Identifier: Apache-2.0
#include "test/support/evm_program.h"

#include <stdio.h>
#include <stdlib.h>

#include "test/support/fixture.h"

enum { MAX_PROGRAMS = 256, BLOCK_GAS = 2000000000 };

static uint64_t number(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(fixture_member(object, name));
}

static struct mem_state *load_state(const json_t *doc, struct arena *arena)
{
    struct mem_state *state = ARENA_NEW(arena, struct mem_state);
    check(state != NULL);
    mem_state_init(state);
    const u256_t nothing = u256_from_u64(0);
    const u256_t ether = u256_from_u64(1000000000000000000);
    const address_t contract = fixture_address(fixture_member(doc, "address"));
    const address_t caller = fixture_address(fixture_member(doc, "caller"));
    mem_state_put(state, &contract, 1, &nothing, fixture_bytes(fixture_member(doc, "code"), arena));
    mem_state_put(state, &caller, 0, &ether, BYTES_NONE);
    const char *slot;
    json_t *word;
    json_object_foreach((json_t *)(uintptr_t)fixture_member(doc, "storage"), slot, word)
    {
        u256_t key;
        check(err_ok(u256_parse(&key, bytes_of_str(slot))));
        const hash_t name = u256_to_hash(&key);
        const u256_t value = fixture_u256(word);
        mem_state_put_slot(state, &contract, &name, &value);
    }
    return state;
}

static void load_case(struct evm_program *p, const json_t *doc, const json_t *c,
                      struct mem_state *state, struct arena *arena)
{
    const json_t *expect = fixture_member(c, "expect");
    *p = (struct evm_program){
        .state = state,
        .block = {.rev = REV_CANCUN,
                  .engine = ENGINE_MAINNET,
                  .chain_id = 1,
                  .number = 1,
                  .timestamp_s = 1,
                  .gas_limit = BLOCK_GAS,
                  .contract_size_limit = 24576},
        .tx = {.type = TX_DYNAMIC_FEE,
               .has_chain_id = true,
               .chain_id = 1,
               .gas_limit = number(c, "gas_limit"),
               .to = fixture_address(fixture_member(doc, "address")),
               .value_wei = fixture_u256(fixture_member(c, "value")),
               .data = fixture_bytes(fixture_member(c, "calldata"), arena),
               .has_sender = true,
               .sender = fixture_address(fixture_member(doc, "caller"))},
        .receipt_gas = number(expect, "receipt_gas"),
        .execution_gas = number(expect, "execution_gas"),
        .logs = number(expect, "logs"),
        .output = fixture_bytes(fixture_member(expect, "output"), arena),
    };
    // The vectors count refunds before the cap of a fifth; a receipt shows what is left of it.
    p->gas_refund = p->execution_gas + number(expect, "intrinsic_gas") - p->receipt_gas;
    snprintf(p->name, sizeof p->name, "%s/%s", json_string_value(fixture_member(doc, "program")),
             json_string_value(fixture_member(c, "name")));
}

size_t evm_programs_load(struct evm_program **out, struct arena *arena)
{
    const char *vectors = getenv("CAIRN_VECTORS");
    char dir[1024];
    snprintf(dir, sizeof dir, "%s/evm-bench", vectors != NULL ? vectors : "../shared/vectors");
    char **paths;
    const size_t files = fixture_files(dir, &paths);
    struct evm_program *programs = ARENA_ARRAY(arena, struct evm_program, MAX_PROGRAMS);
    check(programs != NULL);
    size_t count = 0;
    for (size_t f = 0; f < files; f++) {
        json_t *doc = fixture_load(paths[f]);
        struct mem_state *state = load_state(doc, arena);
        const json_t *cases = fixture_member(doc, "cases");
        for (size_t i = 0; i < json_array_size(cases); i++) {
            check(count < MAX_PROGRAMS);
            load_case(&programs[count++], doc, json_array_get(cases, i), state, arena);
        }
        json_decref(doc);
    }
    *out = programs;
    return count;
}

const char *evm_program_check(const struct evm_program *p, const struct tx_result *r)
{
    if (r->validity != TX_VALID) return tx_validity_text(r->validity);
    if (r->status != EVM_SUCCESS) return evm_status_text(r->status);
    if (r->gas_used != p->receipt_gas) return "gas used";
    if (r->gas_refund != p->gas_refund) return "refund";
    if (r->log_count != p->logs) return "number of logs";
    if (!bytes_eq(r->output, p->output)) return "output";
    return NULL;
}
