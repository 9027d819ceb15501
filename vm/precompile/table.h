// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Precompiled contracts: what an address without code does when it is one of the low
/// ones. Pure: (revision, address, input, gas) -> (status, output, gas left).
///
///     0x01 ecrecover   0x02 sha256   0x03 ripemd160   0x04 identity      from Frontier
///     0x05 modexp      0x06..0x08 bn254 add, mul, pairing                from Byzantium
///     0x09 blake2f                                                       from Istanbul
///     0x0a KZG point evaluation                                          from Cancun
///     0x0b..0x11 BLS12-381 (EIP-2537)                                    from Prague

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/types/chain_config.h"
#include "vm/tx_exec.h"

/// True if `a` is a precompile at `rev`: it is warm from the start (EIP-2929), and a call
/// runs it instead of code.
bool precompile_is(enum revision rev, const address_t *a);

/// Runs the precompile at `a`, which must be one at `rev`.
///
/// @param[out] out       EVM_SUCCESS: the result, in `scratch` (or a piece of `input`) and
///                       valid until `scratch` is reset or `input` goes; else empty.
/// @param      gas_left  charged. On anything but EVM_SUCCESS it is 0: all gas is gone.
/// @param      scratch   room for the result and the work; a full one is EVM_INTERNAL.
/// @return EVM_SUCCESS; EVM_OUT_OF_GAS if the price is more than `*gas_left` (nothing was
///         computed); EVM_PRECOMPILE_FAILURE if the input is one that the standard
///         refuses; EVM_INTERNAL if `scratch` is too small. `ecrecover` never refuses: a
///         bad signature is success with empty output.
enum evm_status precompile_run(bytes_t *out, uint64_t *gas_left, struct arena *scratch,
                               enum revision rev, const address_t *a, bytes_t input);
