// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/genesis_file.h"

#include "chain/base/hex.h"
#include "chain/fed/contracts.h"
#include "chain/types/extra_data.h"
#include "rpc/jsonrpc/json_writer.h"

#include <stdlib.h>

static const char *const block_forks[] = {
    "homesteadBlock",      "eip150Block",     "eip155Block",   "eip158Block", "byzantiumBlock",
    "constantinopleBlock", "petersburgBlock", "istanbulBlock", "berlinBlock", "londonBlock",
};

static void put_config(struct json_writer *w, const struct genesis_plan *plan)
{
    jw_key(w, "config");
    jw_open(w, '{');
    jw_kv_int(w, "chainId", (int64_t)plan->chain_id);
    for (size_t i = 0; i < ARRAY_LEN(block_forks); i++) jw_kv_int(w, block_forks[i], 0);
    jw_kv_int(w, "shanghaiTime", 0);
    jw_kv_int(w, "cancunTime", 0);
    if (plan->zero_base_fee) jw_kv_bool(w, "zeroBaseFee", true);
    jw_key(w, "qbft");
    jw_open(w, '{');
    const uint64_t seconds = plan->block_period_ms / 1000;
    jw_kv_int(w, "blockperiodseconds", seconds > 0 ? (int64_t)seconds : 1);
    if (plan->period_in_ms || plan->block_period_ms % 1000 != 0) {
        jw_kv_int(w, "xblockperiodmilliseconds", (int64_t)plan->block_period_ms);
    }
    if (plan->empty_block_period_s > 0) {
        jw_kv_int(w, "xemptyblockperiodseconds", (int64_t)plan->empty_block_period_s);
    }
    jw_kv_int(w, "requesttimeoutseconds", (int64_t)plan->request_timeout_s);
    jw_kv_int(w, "epochlength", (int64_t)plan->epoch_length);
    if (plan->validators_by_contract)
        jw_kv_address(w, "validatorcontractaddress", &fed_contract_address[FED_VALIDATOR_SET]);
    jw_close(w, '}');
    jw_close(w, '}');
}

static err_t put_extra_data(struct json_writer *w, struct arena *arena,
                            const struct genesis_plan *plan)
{
    uint8_t *vanity = arena_calloc(arena, 1, 32);
    if (vanity == NULL) return FAIL(FULL, "genesis: out of memory");
    const struct extra_data e = {
        .vanity = bytes_make(vanity, 32),
        .validators = plan->validators,
        .validator_count = plan->validators_by_contract ? 0 : plan->validator_count,
    };
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    extra_data_encode(&b, &e);
    jw_kv_data(w, "extraData", buf_bytes(&b));
    const err_t err = buf_status(&b);
    buf_deinit(&b);
    return err;
}

static void put_account(struct json_writer *w, const struct alloc_account *a)
{
    jw_key(w, hex_address(&a->address).s + 2);
    jw_open(w, '{');
    jw_kv_qty256(w, "balance", &a->balance_wei);
    if (a->nonce > 0) jw_kv_qty(w, "nonce", a->nonce);
    if (a->code.len > 0) jw_kv_data(w, "code", a->code);
    if (a->slot_count > 0) {
        jw_key(w, "storage");
        jw_open(w, '{');
        for (size_t i = 0; i < a->slot_count; i++) {
            const hash_t value = u256_to_hash(&a->slots[i].value);
            jw_kv_hash(w, hex_hash(&a->slots[i].key).s, &value);
        }
        jw_close(w, '}');
    }
    jw_close(w, '}');
}

static int by_address(const void *a, const void *b)
{
    const struct alloc_account *x = a;
    const struct alloc_account *y = b;
    return address_cmp(&x->address, &y->address);
}

/// The plan's parameters: those given, and what the ValidatorSet must know of this network.
static json_t *params_of(const struct genesis_plan *plan)
{
    json_t *params = json_object();
    json_t *validators = json_array();
    for (size_t i = 0; i < plan->validator_count; i++)
        json_array_append_new(validators, json_string(hex_address(&plan->validators[i]).s));
    json_object_set_new(params, "validators", validators);
    json_object_set_new(params, "validatorEpochBlocks",
                        json_integer((json_int_t)plan->epoch_length));
    if (plan->system_params != NULL)
        (void)json_object_update(params, (json_t *)(uintptr_t)plan->system_params);
    return params;
}

/// Contracts and funds in one list, sorted; an account that is in both keeps its code and
/// gets the money.
static err_t put_alloc(struct json_writer *w, struct arena *arena, const struct genesis_plan *plan,
                       struct system_detail *detail)
{
    const struct alloc_account *contracts = NULL;
    size_t contract_count = 0;
    if (plan->system_contracts) {
        const struct system_site site = {plan->chain_id, plan->timestamp_s, plan->gas_limit};
        json_t *params = params_of(plan);
        const err_t err =
            system_contracts_alloc(&contracts, &contract_count, arena, params, &site, detail);
        json_decref(params);
        TRY(err);
    }
    const size_t cap = contract_count + plan->fund_count;
    struct alloc_account *all = ARENA_ARRAY(arena, struct alloc_account, cap);
    if (all == NULL) return FAIL(FULL, "genesis: out of memory");
    if (contract_count > 0) memcpy(all, contracts, contract_count * sizeof *all);
    for (size_t i = 0; i < plan->fund_count; i++) {
        all[contract_count + i] = (struct alloc_account){.address = plan->funds[i].address,
                                                         .balance_wei = plan->funds[i].balance_wei};
    }
    if (cap > 0) qsort(all, cap, sizeof *all, by_address);
    jw_key(w, "alloc");
    jw_open(w, '{');
    for (size_t i = 0; i < cap; i++) {
        struct alloc_account merged = all[i];
        while (i + 1 < cap && address_eq(&all[i + 1].address, &merged.address)) {
            const struct alloc_account *other = &all[++i];
            if (!u256_add_checked(&merged.balance_wei, &merged.balance_wei, &other->balance_wei)) {
                return FAIL(INVALID, "genesis: an account's balance exceeds 256 bits");
            }
            if (other->code.len > 0) {
                merged.code = other->code;
                merged.slots = other->slots;
                merged.slot_count = other->slot_count;
            }
            if (other->nonce > merged.nonce) merged.nonce = other->nonce;
        }
        put_account(w, &merged);
    }
    jw_close(w, '}');
    return OK;
}

err_t genesis_file_write(struct buf *out, struct arena *arena, const struct genesis_plan *plan,
                         struct system_detail *detail)
{
    detail->text[0] = 0;
    struct json_writer w = {out, false};
    static const uint8_t no_nonce[8] = {0};
    static const address_t nobody = {{0}};
    jw_open(&w, '{');
    put_config(&w, plan);
    jw_kv_data(&w, "nonce", BYTES_OF(no_nonce));
    jw_kv_qty(&w, "timestamp", plan->timestamp_s);
    jw_kv_qty(&w, "gasLimit", plan->gas_limit);
    jw_kv_qty(&w, "difficulty", 1);
    jw_kv_hash(&w, "mixHash", &QBFT_MIX_HASH);
    jw_kv_address(&w, "coinbase", &nobody);
    if (plan->zero_base_fee) jw_kv_qty(&w, "baseFeePerGas", 0);
    TRY(put_extra_data(&w, arena, plan));
    TRY(put_alloc(&w, arena, plan, detail));
    jw_close(&w, '}');
    buf_put_u8(out, '\n');
    return buf_status(out);
}
