// SPDX-License-Identifier: Apache-2.0
#include "vm/tx_check.h"

#include "vm/gas.h"

const char *tx_validity_text(enum tx_validity v)
{
    switch (v) {
    case TX_VALID:
        return "valid";
    case TX_TYPE_NOT_SUPPORTED:
        return "transaction type not supported";
    case TX_WRONG_CHAIN_ID:
        return "invalid chain id for signer";
    case TX_BAD_SIGNATURE:
        return "invalid transaction v, r, s values";
    case TX_INTRINSIC_GAS_TOO_LOW:
        return "intrinsic gas too low";
    case TX_FLOOR_GAS_TOO_LOW:
        return "insufficient gas for floor data gas cost";
    case TX_NONCE_IS_MAX:
        return "nonce has max value";
    case TX_INITCODE_TOO_LARGE:
        return "max initcode size exceeded";
    case TX_GAS_EXCEEDS_BLOCK:
        return "exceeds block gas limit";
    case TX_PRIORITY_ABOVE_MAX_FEE:
        return "max priority fee per gas higher than max fee per gas";
    case TX_MAX_FEE_BELOW_BASE_FEE:
        return "max fee per gas less than block base fee";
    case TX_GAS_PRICE_OVERFLOW:
        return "gas limit * price exceeds 256 bits";
    case TX_NONCE_TOO_LOW:
        return "nonce too low";
    case TX_NONCE_TOO_HIGH:
        return "nonce too high";
    case TX_INSUFFICIENT_FUNDS:
        return "insufficient funds for gas * price + value";
    case TX_SENDER_NOT_EOA:
        return "sender not an eoa";
    case TX_EMPTY_AUTHORIZATION_LIST:
        return "EIP-7702 transaction with empty auth list";
    case TX_SET_CODE_CREATES:
        return "EIP-7702 transaction cannot be used to create contract";
    case TX_GAS_PRICE_NOT_ZERO:
        return "Gas price not 0";
    }
    unreachable("tx_validity");
}

static size_t count_zeros(bytes_t data)
{
    size_t zeros = 0;
    for (size_t i = 0; i < data.len; i++) zeros += data.data[i] == 0;
    return zeros;
}

// Sums of products that a hostile length cannot wrap.
static uint64_t plus(uint64_t sum, uint64_t count, uint64_t price)
{
    uint64_t product;
    if (__builtin_mul_overflow(count, price, &product)) return UINT64_MAX;
    if (__builtin_add_overflow(sum, product, &sum)) return UINT64_MAX;
    return sum;
}

uint64_t tx_intrinsic_gas(const struct tx *tx, enum revision rev)
{
    const size_t zeros = count_zeros(tx->data);
    uint64_t gas = GAS_TX;
    if (tx->is_create && rev >= REV_HOMESTEAD) gas += GAS_TX_CREATE;
    gas = plus(gas, zeros, GAS_TX_DATA_ZERO);
    gas = plus(gas, tx->data.len - zeros, GAS_SCHEDULE[rev].tx_data_nonzero);
    if (tx->is_create && rev >= REV_SHANGHAI) {
        gas = plus(gas, tx->data.len / 32 + (tx->data.len % 32 != 0), GAS_INITCODE_WORD);
    }
    gas = plus(gas, tx->access_count, GAS_TX_ACCESS_ADDRESS);
    for (size_t i = 0; i < tx->access_count; i++) {
        gas = plus(gas, tx->access_list[i].key_count, GAS_TX_ACCESS_KEY);
    }
    return plus(gas, tx->authorization_count, GAS_TX_AUTHORIZATION);
}

uint64_t tx_floor_gas(const struct tx *tx, enum revision rev)
{
    if (rev < REV_PRAGUE) return 0;
    const size_t zeros = count_zeros(tx->data);
    const uint64_t tokens = plus(zeros, tx->data.len - zeros, GAS_TX_TOKENS_NONZERO);
    return plus(GAS_TX, tokens, GAS_TX_FLOOR_TOKEN);
}

static bool type_in_force(const struct tx *tx, enum revision rev)
{
    switch (tx->type) {
    case TX_LEGACY:
        return true;
    case TX_ACCESS_LIST:
        return rev >= REV_BERLIN;
    case TX_DYNAMIC_FEE:
        return rev >= REV_LONDON;
    case TX_SET_CODE:
        return rev >= REV_PRAGUE;
    case TX_BLOB:
        return false; // refused by name: a consortium carries no blobs
    }
    return false;
}

static bool costs_overflow(const struct tx *tx)
{
    const u256_t limit = u256_from_u64(tx->gas_limit);
    u256_t cost; // with the value added it is a matter of the balance, which nobody has
    return !u256_mul_checked(&cost, &limit, &tx->max_fee_per_gas);
}

enum tx_validity tx_check_static(const struct tx *tx, enum revision rev, uint64_t chain_id)
{
    if (!type_in_force(tx, rev)) return TX_TYPE_NOT_SUPPORTED;
    if (tx->has_chain_id && tx->type == TX_LEGACY && rev < REV_SPURIOUS) return TX_BAD_SIGNATURE;
    if (tx->has_chain_id && tx->chain_id != chain_id) return TX_WRONG_CHAIN_ID;
    if (tx_intrinsic_gas(tx, rev) > tx->gas_limit) return TX_INTRINSIC_GAS_TOO_LOW;
    if (tx_floor_gas(tx, rev) > tx->gas_limit) return TX_FLOOR_GAS_TOO_LOW;
    if (tx->nonce == UINT64_MAX) return TX_NONCE_IS_MAX;
    if (tx->is_create && rev >= REV_SHANGHAI &&
        tx->data.len > (size_t)EVM_MAX_CODE_BYTES * EVM_MAX_INITCODE_FACTOR) {
        return TX_INITCODE_TOO_LARGE;
    }
    if (u256_lt(&tx->max_fee_per_gas, &tx->max_priority_fee_per_gas)) {
        return TX_PRIORITY_ABOVE_MAX_FEE;
    }
    if (tx->type == TX_SET_CODE && tx->is_create) return TX_SET_CODE_CREATES;
    if (tx->type == TX_SET_CODE && tx->authorization_count == 0) return TX_EMPTY_AUTHORIZATION_LIST;
    if (costs_overflow(tx)) return TX_GAS_PRICE_OVERFLOW;
    return TX_VALID;
}
