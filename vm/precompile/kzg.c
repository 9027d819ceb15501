// SPDX-License-Identifier: Apache-2.0
/// KZG point evaluation (EIP-4844): does the polynomial behind a commitment take the value y
/// at z?
///
///     32 versioned hash | 32 z | 32 y | 48 commitment C | 48 proof W
///
/// It does if e(C - [y], -[1]) e(W, [tau - z]) = 1. The z moves to the other side, so that
/// nothing is multiplied in G2: e(C - [y] + z W, -[1]) e(W, [tau]) = 1.

#include "chain/crypto/digest.h"
#include "vm/precompile/bls12_381_field.h"
#include "vm/precompile/precompile_impl.h"

static const bls_g1_affine_t g1_generator = {
    {{0x5cb38790fd530c16, 0x7817fc679976fff5, 0x154f95c7143ba1c1, 0xf0ae6acdf3d0e747,
      0xedce6ecc21dbf440, 0x120177419e0bfb75}},
    {{0xbaac93d50ce72271, 0x8c22631a7918fd8e, 0xdd595f13570725ce, 0x51ac582950405194,
      0x0e1c8c3fad0059c0, 0x0bbc3efc5008a26a}},
    false,
};

static const bls_g2_affine_t g2_generator = {
    {{{0xf5f28fa202940a10, 0xb3f5fb2687b4961a, 0xa1a893b53e2ae580, 0x9894999d1a3caee9,
       0x6f67b7631863366b, 0x058191924350bcd7}},
     {{0xa5a9c0759e23f606, 0xaaa0c59dbccd60c3, 0x3bb17e18e2867806, 0x1b1ab6cc8541b367,
       0xc2b6ed0ef2158547, 0x11922a097360edf3}}},
    {{{0x4c730af860494c4a, 0x597cfa1f5e369c5a, 0xe7e6856caa0a635a, 0xbbefb5e96e0d495f,
       0x07d3a975f0ef25a2, 0x0083fd8e7e80dae5}},
     {{0xadc0fc92df64b05d, 0x18aa270a2b1461dc, 0x86adac6a3be4eba0, 0x79495c4ec93da33a,
       0xe7175850a43ccaed, 0x0b2bc2a163de1bf2}}},
    false,
};

/// [tau] in G2: the second G2 power of Ethereum's ceremony (trusted setup of EIP-4844),
/// compressed b5bfd7dd 8cdeb128 843bc287 ... 98edada20c1def2.
static const bls_g2_affine_t g2_tau = {
    {{{0x6120a2099b0379f9, 0xa2df815cb8210e4e, 0xcb57be5577bd3d4f, 0x62da0ea89a0c93f8,
       0x02e0ee16968e150d, 0x171f09aea833acd5}},
     {{0x11a3670749dfd455, 0x04991d7b3abffadc, 0x85446a8e14437f41, 0x27174e7b4e76e3f2,
       0x7bfa6dd397f60a20, 0x02fcc329ac07080f}}},
    {{{0xaa130838793b2317, 0xe236dd220f891637, 0x6502782925760980, 0xd05c25f60557ec89,
       0x6095767a44064474, 0x185693917080d405}},
     {{0x549f9e175b03dc0a, 0x32c0c95a77106cfe, 0x64a74eae5705d080, 0x53deeaf56659ed9e,
       0x09a1d368508afb93, 0x12cf3a4525b5e9bd}}},
    false,
};

static const uint64_t order[4] = {0xffffffff00000001, 0x53bda402fffe5bfe, 0x3339d80809a1d805,
                                  0x73eda753299d7d48};

/// FIELD_ELEMENTS_PER_BLOB and the order, as two words: what every success returns.
static const uint8_t success[64] = {
    [30] = 0x10, [32] = 0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39,
    0xd8,        0x08,        0x09, 0xa1, 0xd8, 0x05, 0x53, 0xbd, 0xa4, 0x02, 0xff,
    0xfe,        0x5b,        0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01,
};

/// A compressed point of G1: three flags (compressed, infinity, y is the larger root), then x.
static bool read_compressed_g1(bls_g1_affine_t *out, const uint8_t in[48])
{
    static const uint64_t quarter[6] = {0xee7fbfffffffeaab, 0x07aaffffac54ffff,
                                        0xd9cc34a83dac3d89, 0xd91dd2e13ce144af,
                                        0x92c6e9ed90d2eb35, 0x0680447a8e5ff9a6}; // (p + 1) / 4
    static const uint64_t half[6] = {0xdcff7fffffffd555, 0x0f55ffff58a9ffff,
                                     0xb39869507b587b12, 0xb23ba5c279c2895f,
                                     0x258dd3db21a5d66b, 0x0d0088f51cbff34d}; // (p - 1) / 2
    static const uint8_t zeros[47];
    const bool compressed = (in[0] & 0x80) != 0;
    const bool infinity = (in[0] & 0x40) != 0;
    const bool larger = (in[0] & 0x20) != 0;
    if (!compressed) return false;
    if (infinity) {
        memset(out, 0, sizeof *out);
        out->infinity = true;
        return in[0] == 0xc0 && memcmp(in + 1, zeros, sizeof zeros) == 0;
    }
    uint8_t x[48];
    memcpy(x, in, sizeof x);
    x[0] &= 0x1f;
    out->infinity = false;
    if (!bls_fp_from_be(&out->x, x)) return false;
    bls_fp_t y2;
    bls_fp_sqr(&y2, &out->x);
    bls_fp_mul(&y2, &y2, &out->x);
    bls_fp_add(&y2, &y2, &bls_b);
    bls_fp_pow(&out->y, &y2, quarter, 6); // the root, if there is one: p = 3 mod 4
    uint64_t y[6];
    bls_fp_to_limbs(y, &out->y);
    if (limbs_less(half, y, 6) != larger) bls_fp_neg(&out->y, &out->y);
    return bls_in_g1(out); // refuses x without a root, too
}

/// A scalar below the order.
static bool read_scalar(uint64_t out[4], const uint8_t in[32])
{
    limbs_from_be(out, in, 4);
    return limbs_less(out, order, 4);
}

enum evm_status precompile_kzg(bytes_t *out, struct arena *scratch, bytes_t input)
{
    (void)scratch;
    if (input.len != 192) return EVM_PRECOMPILE_FAILURE;
    const uint8_t *in = input.data;
    hash_t versioned = sha256(bytes_make(in + 96, 48));
    versioned.b[0] = 0x01; // VERSIONED_HASH_VERSION_KZG
    if (memcmp(versioned.b, in, 32) != 0) return EVM_PRECOMPILE_FAILURE;

    uint64_t z[4];
    uint64_t y[4];
    bls_g1_affine_t commitment, proof;
    if (!read_scalar(z, in + 32) || !read_scalar(y, in + 64) ||
        !read_compressed_g1(&commitment, in + 96) || !read_compressed_g1(&proof, in + 144)) {
        return EVM_PRECOMPILE_FAILURE;
    }

    bls_g1_point_t left, term;
    bls_g1_from_affine(&term, &g1_generator);
    bls_g1_mul(&left, &term, y, 4);
    bls_g1_neg(&left, &left);
    bls_g1_add_affine(&left, &left, &commitment);
    bls_g1_from_affine(&term, &proof);
    bls_g1_mul(&term, &term, z, 4);
    bls_g1_add(&left, &left, &term);
    bls_g1_neg(&left, &left); // e(-P, [1]) = e(P, -[1])

    bls_pair_t pair[2];
    size_t n = 0;
    bls_g1_affine_t left_affine;
    bls_g1_to_affine(&left_affine, &left);
    if (!left_affine.infinity) bls_pair_init(&pair[n++], &left_affine, &g2_generator);
    if (!proof.infinity) bls_pair_init(&pair[n++], &proof, &g2_tau);
    if (!bls_product_is_one(pair, n)) return EVM_PRECOMPILE_FAILURE;
    *out = bytes_make(success, sizeof success);
    return EVM_SUCCESS;
}
