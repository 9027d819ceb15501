// SPDX-License-Identifier: Apache-2.0
#include "vm/precompile/table.h"

#include "vm/precompile/precompile_impl.h"

/// base + per_word for every 32 bytes begun.
static uint64_t gas_by_words(uint64_t base, uint64_t per_word, bytes_t input)
{
    return base + per_word * ((uint64_t)input.len / 32 + (input.len % 32 != 0));
}

static uint64_t gas_ecrecover(enum revision rev, bytes_t input)
{
    (void)rev;
    (void)input;
    return 3000;
}

static uint64_t gas_sha256(enum revision rev, bytes_t input)
{
    (void)rev;
    return gas_by_words(60, 12, input);
}

static uint64_t gas_ripemd160(enum revision rev, bytes_t input)
{
    (void)rev;
    return gas_by_words(600, 120, input);
}

static uint64_t gas_identity(enum revision rev, bytes_t input)
{
    (void)rev;
    return gas_by_words(15, 3, input);
}

// EIP-196 and EIP-197, repriced by EIP-1108.
static uint64_t gas_bn254_add(enum revision rev, bytes_t input)
{
    (void)input;
    return rev >= REV_ISTANBUL ? 150 : 500;
}

static uint64_t gas_bn254_mul(enum revision rev, bytes_t input)
{
    (void)input;
    return rev >= REV_ISTANBUL ? 6000 : 40000;
}

static uint64_t gas_bn254_pairing(enum revision rev, bytes_t input)
{
    const uint64_t pairs = input.len / 192;
    return rev >= REV_ISTANBUL ? 45000 + 34000 * pairs : 100000 + 80000 * pairs;
}

static uint64_t gas_kzg(enum revision rev, bytes_t input)
{
    (void)rev;
    (void)input;
    return 50000;
}

// EIP-2537.
static uint64_t gas_bls_g1_add(enum revision rev, bytes_t input)
{
    (void)rev;
    (void)input;
    return 375;
}

static uint64_t gas_bls_g2_add(enum revision rev, bytes_t input)
{
    (void)rev;
    (void)input;
    return 600;
}

static uint64_t gas_bls_pairing(enum revision rev, bytes_t input)
{
    (void)rev;
    return 37700 + 32600 * ((uint64_t)input.len / 384);
}

static uint64_t gas_bls_map_fp(enum revision rev, bytes_t input)
{
    (void)rev;
    (void)input;
    return 5500;
}

static uint64_t gas_bls_map_fp2(enum revision rev, bytes_t input)
{
    (void)rev;
    (void)input;
    return 23800;
}

static const struct {
    enum revision since;
    precompile_gas_fn *gas;
    precompile_run_fn *run;
} rows[] = {
    [0x01] = {REV_FRONTIER, gas_ecrecover, precompile_ecrecover},
    [0x02] = {REV_FRONTIER, gas_sha256, precompile_sha256},
    [0x03] = {REV_FRONTIER, gas_ripemd160, precompile_ripemd160},
    [0x04] = {REV_FRONTIER, gas_identity, precompile_identity},
    [0x05] = {REV_BYZANTIUM, precompile_modexp_gas, precompile_modexp},
    [0x06] = {REV_BYZANTIUM, gas_bn254_add, precompile_bn254_add},
    [0x07] = {REV_BYZANTIUM, gas_bn254_mul, precompile_bn254_mul},
    [0x08] = {REV_BYZANTIUM, gas_bn254_pairing, precompile_bn254_pairing},
    [0x09] = {REV_ISTANBUL, precompile_blake2f_gas, precompile_blake2f},
    [0x0a] = {REV_CANCUN, gas_kzg, precompile_kzg},
    [0x0b] = {REV_PRAGUE, gas_bls_g1_add, precompile_bls_g1_add},
    [0x0c] = {REV_PRAGUE, precompile_bls_g1_msm_gas, precompile_bls_g1_msm},
    [0x0d] = {REV_PRAGUE, gas_bls_g2_add, precompile_bls_g2_add},
    [0x0e] = {REV_PRAGUE, precompile_bls_g2_msm_gas, precompile_bls_g2_msm},
    [0x0f] = {REV_PRAGUE, gas_bls_pairing, precompile_bls_pairing},
    [0x10] = {REV_PRAGUE, gas_bls_map_fp, precompile_bls_map_fp},
    [0x11] = {REV_PRAGUE, gas_bls_map_fp2, precompile_bls_map_fp2},
};

bool precompile_is(enum revision rev, const address_t *a)
{
    static const uint8_t zeros[19];
    const uint8_t low = a->b[19];
    if (low == 0 || low >= ARRAY_LEN(rows)) return false;
    return rev >= rows[low].since && memcmp(a->b, zeros, sizeof zeros) == 0;
}

enum evm_status precompile_run(bytes_t *out, uint64_t *gas_left, struct arena *scratch,
                               enum revision rev, const address_t *a, bytes_t input)
{
    check(precompile_is(rev, a));
    *out = BYTES_NONE;
    const uint64_t gas = rows[a->b[19]].gas(rev, input);
    if (gas > *gas_left) {
        *gas_left = 0;
        return EVM_OUT_OF_GAS;
    }
    bytes_t result = BYTES_NONE;
    const enum evm_status status = rows[a->b[19]].run(&result, scratch, input);
    if (status != EVM_SUCCESS) {
        *gas_left = 0;
        return status;
    }
    *gas_left -= gas;
    *out = result;
    return EVM_SUCCESS;
}
