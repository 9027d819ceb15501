// SPDX-License-Identifier: Apache-2.0
#include "consensus/block/validator_call.h"

#include "chain/types/extra_data.h"

#include <stdlib.h>

#define CALL_GAS 50000000U

static int by_address(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(address_t));
}

/// Reads an ABI-encoded address[]: offset, length, one word each.
static err_t read_addresses(address_t *out, size_t *count, bytes_t in)
{
    if (in.len < 64) return FAIL(INVALID, "validators: the contract's answer is too short");
    const u256_t offset = u256_from_be32(in.data);
    const u256_t length = u256_from_be32(in.data + 32);
    if (!u256_fits_u64(&offset) || offset.limb[0] != 32 || !u256_fits_u64(&length))
        return FAIL(INVALID, "validators: the contract's answer is not a list");
    const uint64_t n = length.limb[0];
    if (n == 0) return FAIL(INVALID, "validators: the contract names nobody");
    if (n > QBFT_MAX_VALIDATORS || n > (in.len - 64) / 32)
        return FAIL(INVALID, "validators: the contract's list is too long");
    for (size_t i = 0; i < n; i++) {
        const uint8_t *word = in.data + 64 + 32 * i;
        static const uint8_t zeros[12] = {0};
        if (memcmp(word, zeros, 12) != 0)
            return FAIL(INVALID, "validators: the contract's answer is not addresses");
        memcpy(out[i].b, word + 12, 20);
    }
    qsort(out, n, sizeof *out, by_address);
    for (size_t i = 1; i < n; i++) {
        if (address_eq(&out[i - 1], &out[i]))
            return FAIL(INVALID, "validators: the contract names one twice");
    }
    *count = n;
    return OK;
}

err_t validators_by_call(address_t *out, size_t *count, const struct block_env *env,
                         const struct state_view *view, const struct header *head,
                         const address_t *contract)
{
    overlay_reset(env->world, view);
    struct block_ctx block;
    block_ctx_of_header(&block, env->config, head);
    const struct tx tx = {.type = TX_LEGACY,
                          .gas_limit = CALL_GAS,
                          .to = *contract,
                          .data = LIT("\xb7\xab\x4d\xb5"), // getValidators()
                          .has_sender = true};
    const struct call_mode mode = {
        .skip_nonce = true, .skip_balance = true, .skip_sender_code = true, .skip_base_fee = true};
    struct tx_result result;
    TRY(tx_execute(&result, env->vm, env->world, &block, &tx, UINT64_MAX, &mode));
    if (result.validity != TX_VALID || result.status != EVM_SUCCESS)
        return FAIL(INVALID, "validators: the contract's call failed");
    return read_addresses(out, count, result.output);
}
