// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the precompiles of this folder share: one row each in table.c, one body each here.

#include "vm/precompile/table.h"

/// The price of a call; UINT64_MAX if nobody can pay it. Reads at most a few words of input.
typedef uint64_t precompile_gas_fn(enum revision rev, bytes_t input);

/// The result of a paid call: EVM_SUCCESS, EVM_PRECOMPILE_FAILURE or EVM_INTERNAL.
typedef enum evm_status precompile_run_fn(bytes_t *out, struct arena *scratch, bytes_t input);

precompile_run_fn precompile_ecrecover; ///< Yellow Paper, appendix E
precompile_run_fn precompile_sha256;
precompile_run_fn precompile_ripemd160;
precompile_run_fn precompile_identity;

precompile_gas_fn precompile_modexp_gas; ///< EIP-198, from Berlin on EIP-2565
precompile_run_fn precompile_modexp;

precompile_run_fn precompile_bn254_add; ///< EIP-196
precompile_run_fn precompile_bn254_mul;
precompile_run_fn precompile_bn254_pairing; ///< EIP-197

precompile_gas_fn precompile_blake2f_gas; ///< EIP-152
precompile_run_fn precompile_blake2f;

precompile_run_fn precompile_kzg; ///< EIP-4844, point evaluation

precompile_run_fn precompile_bls_g1_add; ///< EIP-2537, and so on
precompile_gas_fn precompile_bls_g1_msm_gas;
precompile_run_fn precompile_bls_g1_msm;
precompile_run_fn precompile_bls_g2_add;
precompile_gas_fn precompile_bls_g2_msm_gas;
precompile_run_fn precompile_bls_g2_msm;
precompile_run_fn precompile_bls_pairing;
precompile_run_fn precompile_bls_map_fp;
precompile_run_fn precompile_bls_map_fp2;

/// Copies `len` bytes of input from `offset` on; what lies behind its end reads as zero.
static inline void input_copy(uint8_t *dst, bytes_t input, size_t offset, size_t len)
{
    const size_t have = offset < input.len ? input.len - offset : 0;
    const size_t n = have < len ? have : len;
    if (n > 0) memcpy(dst, input.data + offset, n);
    if (n < len) memset(dst + n, 0, len - n);
}
