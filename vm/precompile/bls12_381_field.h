// SPDX-License-Identifier: Apache-2.0
#pragma once

/// BLS12-381 (EIP-2537, EIP-4844): fields, groups and pairing. All but the functions at the
/// end is static.
///
///     z = -0xd201000000010000
///     r = z^4 - z^2 + 1                     E:  y^2 = x^3 + 4         G1: order r in E(Fp)
///     p = (z - 1)^2 r / 3 + z               E': y^2 = x^3 + 4(1+u)    G2: order r in E'(Fp2)

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLS_MINUS_Z 0xd201000000010000u

#define FIELD(NAME) bls_##NAME
#define FIELD_LIMBS 6
#define FIELD_XI 1
#define FIELD_CONSTANTS "vm/precompile/bls12_381_constants.h"

static const uint64_t bls_modulus[6] = {0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624,
                                        0x64774b84f38512bf, 0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a};
static const uint64_t bls_inv = 0x89f3fffcfffcfffd; // -1/p mod 2^64
static const uint64_t bls_one[6] = {0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba,
                                    0x77ce585370525745, 0x5c071a97a256ec6d, 0x15f65ec3fa80e493};
static const uint64_t bls_r2[6] = {0xf4df1f341c341746, 0x0a76e6a609d104f1, 0x8de5476c4c95b6d5,
                                   0x67eb88a9939d83c0, 0x9a793e85b519952d, 0x11988fe592cae3aa};

#include "vm/precompile/tower.h"

#define CURVE(NAME) bls_g1_##NAME
#define FE_T bls_fp_t
#define FE(OP) bls_fp_##OP
#define CURVE_B bls_b
#include "vm/precompile/curve.h"
#undef CURVE
#undef FE_T
#undef FE
#undef CURVE_B

#define CURVE(NAME) bls_g2_##NAME
#define FE_T bls_fp2_t
#define FE(OP) bls_fp2_##OP
#define CURVE_B bls_twist_b
#include "vm/precompile/curve.h"
#undef CURVE
#undef FE_T
#undef FE
#undef CURVE_B

/// -z in binary: six ones.
static const int8_t bls_loop[64] = {
    [16] = 1, [48] = 1, [57] = 1, [60] = 1, [62] = 1, [63] = 1,
};

#define PAIRING_TWIST_D 0
#include "vm/precompile/pairing.h"
#undef PAIRING_TWIST_D

#undef FIELD
#undef FIELD_LIMBS
#undef FIELD_XI
#undef FIELD_CONSTANTS

/// On the curve and of order r (or infinity)?
bool bls_in_g1(const bls_g1_affine_t *a);
bool bls_in_g2(const bls_g2_affine_t *a);

/// Is the product of the pairings 1? Points are in their groups and finite; uses up `pair`.
bool bls_product_is_one(bls_pair_t *pair, size_t n);

/// Field element to group element (RFC 9380, section 8.8: SSWU, isogeny, cofactor).
void bls_map_to_g1(bls_g1_point_t *out, const bls_fp_t *u);
void bls_map_to_g2(bls_g2_point_t *out, const bls_fp2_t *u);

/// psi: the Frobenius map of the untwisted curve, seen on the twist.
void bls_psi(bls_g2_affine_t *out, const bls_g2_affine_t *q);
