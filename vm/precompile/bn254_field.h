// SPDX-License-Identifier: Apache-2.0
#pragma once

/// BN254 (alt_bn128, EIP-196 and EIP-197): fields, groups and pairing, every symbol static.
///
///     x = 4965661367192848881
///     p = 36x^4 + 36x^3 + 24x^2 + 6x + 1        E:  y^2 = x^3 + 3        G1: all of E(Fp)
///     r = 36x^4 + 36x^3 + 18x^2 + 6x + 1        E': y^2 = x^3 + 3/(9+u)  G2: order r in E'(Fp2)

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BN_X 0x44e992b44a6909f1u

#define FIELD(NAME) bn_##NAME
#define FIELD_LIMBS 4
#define FIELD_XI 9
#define FIELD_CONSTANTS "vm/precompile/bn254_constants.h"

static const uint64_t bn_modulus[4] = {0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d,
                                       0x30644e72e131a029};
static const uint64_t bn_inv = 0x87d20782e4866389; // -1/p mod 2^64
static const uint64_t bn_one[4] = {0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c,
                                   0x0e0a77c19a07df2f};
static const uint64_t bn_r2[4] = {0xf32cfc5b538afa89, 0xb5e71911d44501fb, 0x47ab1eff0a417ff6,
                                  0x06d89f71cab8351f};

#include "vm/precompile/tower.h"

#define CURVE(NAME) bn_g1_##NAME
#define FE_T bn_fp_t
#define FE(OP) bn_fp_##OP
#define CURVE_B bn_b
#include "vm/precompile/curve.h"
#undef CURVE
#undef FE_T
#undef FE
#undef CURVE_B

#define CURVE(NAME) bn_g2_##NAME
#define FE_T bn_fp2_t
#define FE(OP) bn_fp2_##OP
#define CURVE_B bn_twist_b
#include "vm/precompile/curve.h"
#undef CURVE
#undef FE_T
#undef FE
#undef CURVE_B

/// 6x + 2 in non-adjacent form.
static const int8_t bn_loop[66] = {
    0,  0, 0, 1,  0, 1, 0, -1, 0,  0, -1, 0,  0, 0,  1, 0, 0, -1, 0, -1, 0, 0,
    0,  1, 0, -1, 0, 0, 0, 0,  -1, 0, 0,  1,  0, -1, 0, 0, 1, 0,  0, 0,  0, 0,
    -1, 0, 0, -1, 0, 1, 0, -1, 0,  0, 0,  -1, 0, -1, 0, 0, 0, 1,  0, -1, 0, 1,
};

#define PAIRING_TWIST_D 1
#include "vm/precompile/pairing.h"
#undef PAIRING_TWIST_D

#undef FIELD
#undef FIELD_LIMBS
#undef FIELD_XI
#undef FIELD_CONSTANTS
