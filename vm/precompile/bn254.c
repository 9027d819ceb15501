// SPDX-License-Identifier: Apache-2.0
#include "vm/precompile/bn254_field.h"

#include "vm/precompile/precompile_impl.h"

// ---- encoding (EIP-196, EIP-197) --------------------------------------------------------------

/// x and y, 32 big-endian bytes each; (0, 0) is infinity.
static bool read_g1(bn_g1_affine_t *out, const uint8_t in[64])
{
    if (!bn_fp_from_be(&out->x, in) || !bn_fp_from_be(&out->y, in + 32)) return false;
    out->infinity = bn_fp_is_zero(&out->x) && bn_fp_is_zero(&out->y);
    return bn_g1_on_curve(out);
}

/// psi: the Frobenius map of the untwisted curve, seen on the twist.
static void psi(bn_g2_affine_t *out, const bn_g2_affine_t *q)
{
    bn_fp2_conj(&out->x, &q->x);
    bn_fp2_conj(&out->y, &q->y);
    bn_fp2_mul(&out->x, &out->x, &bn_psi_x);
    bn_fp2_mul(&out->y, &out->y, &bn_psi_y);
    out->infinity = q->infinity;
}

/// Order r? On G2, psi is the multiplication by p = 6x^2 (mod r); nowhere else on the twist
/// (Scott 2021): (6x^2)^2 - (6x^2 + 1) 6x^2 + p and the twist's order have only r in common.
static bool in_g2(const bn_g2_affine_t *q)
{
    static const uint64_t six_x2[2] = {0xf83e9682e87cfd46, 0x6f4d8248eeb859fb};
    if (!bn_g2_on_curve(q)) return false;
    if (q->infinity) return true;
    bn_g2_point_t point, multiple, image;
    bn_g2_affine_t mapped;
    bn_g2_from_affine(&point, q);
    bn_g2_mul(&multiple, &point, six_x2, 2);
    psi(&mapped, q);
    bn_g2_from_affine(&image, &mapped);
    return bn_g2_eq(&multiple, &image);
}

/// x and y as (imaginary, real) pairs of 32 bytes; all zero is infinity.
static bool read_g2(bn_g2_affine_t *out, const uint8_t in[128])
{
    if (!bn_fp_from_be(&out->x.c1, in) || !bn_fp_from_be(&out->x.c0, in + 32) ||
        !bn_fp_from_be(&out->y.c1, in + 64) || !bn_fp_from_be(&out->y.c0, in + 96)) {
        return false;
    }
    out->infinity = bn_fp2_is_zero(&out->x) && bn_fp2_is_zero(&out->y);
    return in_g2(out);
}

static enum evm_status write_g1(bytes_t *out, struct arena *scratch, const bn_g1_point_t *a)
{
    uint8_t *p = arena_alloc(scratch, 64);
    if (p == NULL) return EVM_INTERNAL;
    bn_g1_affine_t affine;
    bn_g1_to_affine(&affine, a);
    bn_fp_to_be(p, &affine.x);
    bn_fp_to_be(p + 32, &affine.y);
    *out = bytes_make(p, 64);
    return EVM_SUCCESS;
}

// ---- the precompiles ------------------------------------------------------------------------

enum evm_status precompile_bn254_add(bytes_t *out, struct arena *scratch, bytes_t input)
{
    uint8_t in[128];
    input_copy(in, input, 0, sizeof in);
    bn_g1_affine_t a, b;
    if (!read_g1(&a, in) || !read_g1(&b, in + 64)) return EVM_PRECOMPILE_FAILURE;

    bn_g1_point_t sum;
    bn_g1_from_affine(&sum, &a);
    bn_g1_add_affine(&sum, &sum, &b);
    return write_g1(out, scratch, &sum);
}

enum evm_status precompile_bn254_mul(bytes_t *out, struct arena *scratch, bytes_t input)
{
    uint8_t in[96];
    input_copy(in, input, 0, sizeof in);
    bn_g1_affine_t a;
    if (!read_g1(&a, in)) return EVM_PRECOMPILE_FAILURE;

    uint64_t k[4]; // may be above the order
    limbs_from_be(k, in + 64, 4);
    bn_g1_point_t product;
    bn_g1_from_affine(&product, &a);
    bn_g1_mul(&product, &product, k, 4);
    return write_g1(out, scratch, &product);
}

/// The last two lines of the optimal ate pairing: through psi(Q) and -psi^2(Q).
static void frobenius_lines(bn_fp12_t *f, bn_pair_t *pair, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bn_g2_affine_t q1, q2;
        psi(&q1, &pair[i].q);
        psi(&q2, &q1);
        bn_fp2_neg(&q2.y, &q2.y);
        bn_add_step(f, &pair[i], &q1);
        bn_add_step(f, &pair[i], &q2);
    }
}

/// f^-x in the cyclotomic subgroup
static void pow_minus_x(bn_fp12_t *r, const bn_fp12_t *f)
{
    bn_fp12_cyclotomic_pow(r, f, BN_X);
    bn_fp12_conj(r, r);
}

/// f^((p^12 - 1) / r * c), c coprime to r, is 1? (Fuentes-Castaneda, Knapp,
/// Rodriguez-Henriquez 2011)
static bool final_power_is_one(const bn_fp12_t *f)
{
    bn_fp12_t e, y0, y1, y3, y4, y6, y8, y9, y11, t;
    bn_fp12_easy_part(&e, f);
    pow_minus_x(&y0, &e);             // -x
    bn_fp12_cyclotomic_sqr(&y1, &y0); // -2x
    bn_fp12_cyclotomic_sqr(&t, &y1);  // -4x
    bn_fp12_mul(&y3, &t, &y1);        // -6x
    pow_minus_x(&y4, &y3);            // 6x^2
    bn_fp12_cyclotomic_sqr(&t, &y4);  // 12x^2
    pow_minus_x(&y6, &t);             // -12x^3
    bn_fp12_conj(&y3, &y3);           // 6x
    bn_fp12_conj(&y6, &y6);           // 12x^3
    bn_fp12_mul(&t, &y6, &y4);        // 12x^3 + 6x^2
    bn_fp12_mul(&y8, &t, &y3);        // 12x^3 + 6x^2 + 6x
    bn_fp12_mul(&y9, &y8, &y1);       // 12x^3 + 6x^2 + 4x
    bn_fp12_mul(&t, &y8, &y4);        // 12x^3 + 12x^2 + 6x
    bn_fp12_mul(&y11, &t, &e);        // ... + 1
    bn_fp12_frobenius(&t, &y9);       // p (...)
    bn_fp12_mul(&y11, &y11, &t);
    bn_fp12_frobenius2(&t, &y8); // p^2 (...)
    bn_fp12_mul(&y11, &y11, &t);
    bn_fp12_conj(&t, &e);
    bn_fp12_mul(&t, &t, &y9); // p^3 (12x^3 + 6x^2 + 4x - 1)
    bn_fp12_frobenius2(&t, &t);
    bn_fp12_frobenius(&t, &t);
    bn_fp12_mul(&t, &t, &y11);
    return bn_fp12_is_one(&t);
}

enum evm_status precompile_bn254_pairing(bytes_t *out, struct arena *scratch, bytes_t input)
{
    if (input.len % 192 != 0) return EVM_PRECOMPILE_FAILURE;
    const size_t count = input.len / 192;
    uint8_t *result = arena_calloc(scratch, 1, 32);
    bn_pair_t *pair = ARENA_ARRAY(scratch, bn_pair_t, count);
    if (result == NULL || pair == NULL) return EVM_INTERNAL;

    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        bn_g1_affine_t p;
        bn_g2_affine_t q;
        if (!read_g1(&p, input.data + 192 * i) || !read_g2(&q, input.data + 192 * i + 64)) {
            return EVM_PRECOMPILE_FAILURE;
        }
        if (!p.infinity && !q.infinity) bn_pair_init(&pair[n++], &p, &q); // else a factor of 1
    }
    bn_fp12_t f;
    bn_miller(&f, pair, n);
    frobenius_lines(&f, pair, n);
    result[31] = final_power_is_one(&f);
    *out = bytes_make(result, 32);
    return EVM_SUCCESS;
}
