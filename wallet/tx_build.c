// SPDX-License-Identifier: Apache-2.0
#include "wallet/tx_build.h"

err_t tx_max_cost(u256_t *out, const struct tx *tx)
{
    const u256_t gas = u256_from_u64(tx->gas_limit);
    if (!u256_mul_checked(out, &gas, &tx->max_fee_per_gas))
        return FAIL(LIMIT, "the fee does not fit 256 bits");
    return OK;
}

static err_t build_fees(struct tx *out, const struct tx_terms *t)
{
    if (t->legacy) {
        out->type = TX_LEGACY;
        if (t->has_priority_fee) return FAIL(INVALID, "a legacy transaction has no priority fee");
        out->max_fee_per_gas = t->has_max_fee ? t->max_fee_wei : t->gas_price_wei;
        out->max_priority_fee_per_gas = out->max_fee_per_gas;
        return OK;
    }
    out->type = TX_DYNAMIC_FEE;
    u256_t tip = t->has_priority_fee ? t->priority_fee_wei : t->tip_wei;
    const bool free_gas = u256_is_zero(&t->base_fee_wei);
    if (!t->has_priority_fee && free_gas && u256_is_zero(&t->balance_wei)) tip = u256_from_u64(0);

    u256_t most;
    if (t->has_max_fee) {
        most = t->max_fee_wei;
        if (!t->has_priority_fee && u256_lt(&most, &tip)) tip = most;
    } else {
        if (!u256_add_checked(&most, &t->base_fee_wei, &t->base_fee_wei) ||
            !u256_add_checked(&most, &most, &tip))
            return FAIL(LIMIT, "the fee does not fit 256 bits");
    }
    if (u256_lt(&most, &tip)) return FAIL(INVALID, "the priority fee is above the maximum fee");
    if (u256_lt(&most, &t->base_fee_wei))
        return FAIL(INVALID, "the maximum fee is below the block's base fee");
    out->max_fee_per_gas = most;
    out->max_priority_fee_per_gas = tip;
    return OK;
}

/// What to grant for an estimate. State moves between the estimate and the block: a vote's
/// checkpoint that was updated in place then may need new slots now (22100 gas each), so a
/// call gets half its estimate and TX_GAS_ROOM more. What is not used costs nothing.
static err_t gas_with_room(uint64_t *out, const struct tx_terms *t, bool runs_code)
{
    uint64_t gas = t->gas_estimate;
    if (runs_code && (__builtin_add_overflow(gas, gas / 2, &gas) ||
                      __builtin_add_overflow(gas, (uint64_t)TX_GAS_ROOM, &gas)))
        return FAIL(LIMIT, "the gas estimate makes no sense");
    if (t->block_gas_limit != 0 && gas > t->block_gas_limit) gas = t->block_gas_limit;
    *out = gas;
    return OK;
}

err_t tx_build(struct tx *out, const struct tx_intent *intent, const struct tx_terms *terms)
{
    *out = (struct tx){
        .has_chain_id = true,
        .chain_id = terms->chain_id,
        .nonce = terms->nonce,
        .is_create = intent->is_create,
        .to = intent->to,
        .value_wei = intent->value_wei,
        .data = intent->data,
    };
    TRY(build_fees(out, terms));

    if (terms->has_gas_limit) {
        out->gas_limit = terms->gas_limit;
    } else {
        TRY(gas_with_room(&out->gas_limit, terms, intent->data.len > 0 || intent->is_create));
    }

    u256_t cost;
    TRY(tx_max_cost(&cost, out));
    if (!u256_add_checked(&cost, &cost, &out->value_wei))
        return FAIL(LIMIT, "amount and fee do not fit 256 bits");
    if (u256_lt(&terms->balance_wei, &cost))
        return FAIL(FULL, "the account has less than the amount and the highest fee");
    return OK;
}

err_t tx_sign_checked(struct tx *tx, struct arena *arena, const struct secret_key *key,
                      const address_t *sender)
{
    TRY(tx_sign(tx, arena, key));
    struct tx again;
    TRY(tx_decode(&again, arena, tx->raw));
    TRY(tx_recover_sender(&again));
    const bool same = address_eq(&again.sender, sender) && again.nonce == tx->nonce &&
                      again.chain_id == tx->chain_id && again.gas_limit == tx->gas_limit &&
                      again.is_create == tx->is_create &&
                      (tx->is_create || address_eq(&again.to, &tx->to)) &&
                      u256_eq(&again.value_wei, &tx->value_wei) && bytes_eq(again.data, tx->data) &&
                      hash_eq(&again.hash, &tx->hash);
    if (!same) return FAIL(MISMATCH, "the signed bytes are not the transaction that was asked for");
    return OK;
}
