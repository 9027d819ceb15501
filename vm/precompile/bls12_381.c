// SPDX-License-Identifier: Apache-2.0
#include "vm/precompile/bls12_381_field.h"

#include "vm/precompile/precompile_impl.h"

// ---- groups -------------------------------------------------------------------------------

/// (x, y) -> (beta x, y) multiplies by -z^2 in G1 and satisfies phi^2 + phi + 1 = 0 on all of
/// E; z^4 - z^2 + 1 = r, so where it acts as -z^2 the order divides r.
bool bls_in_g1(const bls_g1_affine_t *a)
{
    static const uint64_t z2[2] = {0x0000000100000000, 0xac45a4010001a402};
    if (!bls_g1_on_curve(a)) return false;
    if (a->infinity) return true;
    bls_g1_point_t point, multiple, image;
    bls_g1_from_affine(&point, a);
    bls_g1_mul(&multiple, &point, z2, 2);
    bls_g1_neg(&multiple, &multiple);
    image = point;
    bls_fp_mul(&image.x, &image.x, &bls_beta);
    return bls_g1_eq(&multiple, &image);
}

void bls_psi(bls_g2_affine_t *out, const bls_g2_affine_t *q)
{
    bls_fp2_conj(&out->x, &q->x);
    bls_fp2_conj(&out->y, &q->y);
    bls_fp2_mul(&out->x, &out->x, &bls_psi_x);
    bls_fp2_mul(&out->y, &out->y, &bls_psi_y);
    out->infinity = q->infinity;
}

/// psi multiplies by z in G2 and nowhere else on the twist (Scott 2021): p - z and the twist's
/// order have only r in common.
bool bls_in_g2(const bls_g2_affine_t *q)
{
    static const uint64_t minus_z[1] = {BLS_MINUS_Z};
    if (!bls_g2_on_curve(q)) return false;
    if (q->infinity) return true;
    bls_g2_point_t point, multiple, image;
    bls_g2_affine_t mapped;
    bls_g2_from_affine(&point, q);
    bls_g2_mul(&multiple, &point, minus_z, 1);
    bls_g2_neg(&multiple, &multiple);
    bls_psi(&mapped, q);
    bls_g2_from_affine(&image, &mapped);
    return bls_g2_eq(&multiple, &image);
}

// ---- pairing ------------------------------------------------------------------------------

/// f^z in the cyclotomic subgroup
static void pow_z(bls_fp12_t *r, const bls_fp12_t *f)
{
    bls_fp12_cyclotomic_pow(r, f, BLS_MINUS_Z);
    bls_fp12_conj(r, r);
}

/// f^(z - 1)
static void pow_z_minus_1(bls_fp12_t *r, const bls_fp12_t *f)
{
    bls_fp12_t inverse;
    bls_fp12_conj(&inverse, f);
    pow_z(r, f);
    bls_fp12_mul(r, r, &inverse);
}

/// f^((p^12 - 1) / r * 3) is 1? The hard part is (z - 1)^2 (z + p) (z^2 + p^2 - 1) + 3
/// (Hayashida, Hayasaka, Teruya 2020).
static bool final_power_is_one(const bls_fp12_t *f)
{
    bls_fp12_t e, a, b, t;
    bls_fp12_easy_part(&e, f);
    pow_z_minus_1(&a, &e);
    pow_z_minus_1(&a, &a); // (z - 1)^2
    pow_z(&b, &a);
    bls_fp12_frobenius(&t, &a);
    bls_fp12_mul(&a, &b, &t); // ... (z + p)
    pow_z(&b, &a);
    pow_z(&b, &b);
    bls_fp12_frobenius2(&t, &a);
    bls_fp12_mul(&b, &b, &t);
    bls_fp12_conj(&t, &a);
    bls_fp12_mul(&b, &b, &t); // ... (z^2 + p^2 - 1)
    bls_fp12_cyclotomic_sqr(&t, &e);
    bls_fp12_mul(&t, &t, &e);
    bls_fp12_mul(&t, &t, &b); // ... + 3
    return bls_fp12_is_one(&t);
}

bool bls_product_is_one(bls_pair_t *pair, size_t n)
{
    bls_fp12_t f;
    bls_miller(&f, pair, n);
    bls_fp12_conj(&f, &f); // z is negative
    return final_power_is_one(&f);
}

// ---- encoding (EIP-2537) ----------------------------------------------------------------------

#define FP_LEN ((size_t)64) ///< 16 zero bytes, 48 big-endian ones
#define G1_LEN (2 * FP_LEN)
#define G2_LEN (4 * FP_LEN)
#define SCALAR_LEN 32

static bool read_fp(bls_fp_t *out, const uint8_t in[FP_LEN])
{
    static const uint8_t zeros[16];
    return memcmp(in, zeros, sizeof zeros) == 0 && bls_fp_from_be(out, in + 16);
}

static bool read_fp2(bls_fp2_t *out, const uint8_t in[2 * FP_LEN])
{
    return read_fp(&out->c0, in) && read_fp(&out->c1, in + FP_LEN);
}

/// All zero is infinity. On the curve, not necessarily in the group.
static bool read_g1(bls_g1_affine_t *out, const uint8_t in[G1_LEN])
{
    if (!read_fp(&out->x, in) || !read_fp(&out->y, in + FP_LEN)) return false;
    out->infinity = bls_fp_is_zero(&out->x) && bls_fp_is_zero(&out->y);
    return bls_g1_on_curve(out);
}

static bool read_g2(bls_g2_affine_t *out, const uint8_t in[G2_LEN])
{
    if (!read_fp2(&out->x, in) || !read_fp2(&out->y, in + 2 * FP_LEN)) return false;
    out->infinity = bls_fp2_is_zero(&out->x) && bls_fp2_is_zero(&out->y);
    return bls_g2_on_curve(out);
}

static enum evm_status write_g1(bytes_t *out, struct arena *scratch, const bls_g1_point_t *a)
{
    uint8_t *p = arena_calloc(scratch, 1, G1_LEN);
    if (p == NULL) return EVM_INTERNAL;
    bls_g1_affine_t affine;
    bls_g1_to_affine(&affine, a);
    bls_fp_to_be(p + 16, &affine.x);
    bls_fp_to_be(p + FP_LEN + 16, &affine.y);
    *out = bytes_make(p, G1_LEN);
    return EVM_SUCCESS;
}

static enum evm_status write_g2(bytes_t *out, struct arena *scratch, const bls_g2_point_t *a)
{
    uint8_t *p = arena_calloc(scratch, 1, G2_LEN);
    if (p == NULL) return EVM_INTERNAL;
    bls_g2_affine_t affine;
    bls_g2_to_affine(&affine, a);
    bls_fp_to_be(p + 16, &affine.x.c0);
    bls_fp_to_be(p + FP_LEN + 16, &affine.x.c1);
    bls_fp_to_be(p + 2 * FP_LEN + 16, &affine.y.c0);
    bls_fp_to_be(p + 3 * FP_LEN + 16, &affine.y.c1);
    *out = bytes_make(p, G2_LEN);
    return EVM_SUCCESS;
}

// ---- additions ------------------------------------------------------------------------------

enum evm_status precompile_bls_g1_add(bytes_t *out, struct arena *scratch, bytes_t input)
{
    bls_g1_affine_t a, b;
    if (input.len != 2 * G1_LEN || !read_g1(&a, input.data) || !read_g1(&b, input.data + G1_LEN)) {
        return EVM_PRECOMPILE_FAILURE;
    }
    bls_g1_point_t sum;
    bls_g1_from_affine(&sum, &a);
    bls_g1_add_affine(&sum, &sum, &b);
    return write_g1(out, scratch, &sum);
}

enum evm_status precompile_bls_g2_add(bytes_t *out, struct arena *scratch, bytes_t input)
{
    bls_g2_affine_t a, b;
    if (input.len != 2 * G2_LEN || !read_g2(&a, input.data) || !read_g2(&b, input.data + G2_LEN)) {
        return EVM_PRECOMPILE_FAILURE;
    }
    bls_g2_point_t sum;
    bls_g2_from_affine(&sum, &a);
    bls_g2_add_affine(&sum, &sum, &b);
    return write_g2(out, scratch, &sum);
}

// ---- multi-scalar multiplications -----------------------------------------------------------

/// Parts per thousand of k single multiplications' price, by k (EIP-2537).
static const uint16_t g1_discount[128] = {
    1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665,
    661,  658, 654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615,
    613,  611, 609, 608, 606, 604, 603, 601, 599, 598, 596, 595, 593, 592, 591, 589, 588, 586, 585,
    584,  582, 581, 580, 579, 577, 576, 575, 574, 573, 572, 570, 569, 568, 567, 566, 565, 564, 563,
    562,  561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545,
    544,  543, 542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531, 530, 529,
    528,  528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519,
};

static const uint16_t g2_discount[128] = {
    1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704, 699,
    693,  688,  683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632, 629,
    627,  624,  622, 620, 618, 615, 613, 611, 609, 607, 606, 604, 602, 600, 598, 597, 595, 593, 592,
    590,  589,  587, 586, 584, 583, 582, 580, 579, 578, 576, 575, 574, 573, 571, 570, 569, 568, 567,
    566,  565,  563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 552, 551, 550, 549, 548,
    547,  546,  545, 545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535, 534, 533,
    532,  532,  531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524,
};

static uint64_t msm_gas(size_t k, uint64_t single, const uint16_t discount[128])
{
    if (k == 0) return 0; // fails anyway
    return (uint64_t)k * single * discount[(k < 128 ? k : 128) - 1] / 1000;
}

uint64_t precompile_bls_g1_msm_gas(enum revision rev, bytes_t input)
{
    (void)rev;
    return msm_gas(input.len / (G1_LEN + SCALAR_LEN), 12000, g1_discount);
}

uint64_t precompile_bls_g2_msm_gas(enum revision rev, bytes_t input)
{
    (void)rev;
    return msm_gas(input.len / (G2_LEN + SCALAR_LEN), 22500, g2_discount);
}

/// Bits of a bucket's number: about log2(n) - 2, where sums of buckets and points balance.
static unsigned msm_width(size_t n)
{
    const unsigned bits = 64 - (unsigned)__builtin_clzll(n);
    return bits < 5 ? 3 : bits > 12 ? 10 : bits - 2;
}

enum evm_status precompile_bls_g1_msm(bytes_t *out, struct arena *scratch, bytes_t input)
{
    const size_t item = G1_LEN + SCALAR_LEN;
    const size_t n = input.len / item;
    if (n == 0 || input.len % item != 0) return EVM_PRECOMPILE_FAILURE;
    const unsigned width = msm_width(n);
    bls_g1_affine_t *a = ARENA_ARRAY(scratch, bls_g1_affine_t, n);
    uint64_t(*k)[4] = arena_calloc(scratch, n, sizeof *k);
    bls_g1_point_t *buckets = ARENA_ARRAY(scratch, bls_g1_point_t, (size_t)1 << width);
    if (a == NULL || k == NULL || buckets == NULL) return EVM_INTERNAL;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *in = input.data + i * item;
        if (!read_g1(&a[i], in) || !bls_in_g1(&a[i])) return EVM_PRECOMPILE_FAILURE;
        limbs_from_be(k[i], in + G1_LEN, 4);
    }
    bls_g1_point_t sum;
    if (n == 1) {
        bls_g1_from_affine(&sum, &a[0]);
        bls_g1_mul(&sum, &sum, k[0], 4);
    } else {
        bls_g1_msm(&sum, a, (const uint64_t(*)[4])k, n, buckets, width);
    }
    return write_g1(out, scratch, &sum);
}

enum evm_status precompile_bls_g2_msm(bytes_t *out, struct arena *scratch, bytes_t input)
{
    const size_t item = G2_LEN + SCALAR_LEN;
    const size_t n = input.len / item;
    if (n == 0 || input.len % item != 0) return EVM_PRECOMPILE_FAILURE;
    const unsigned width = msm_width(n);
    bls_g2_affine_t *a = ARENA_ARRAY(scratch, bls_g2_affine_t, n);
    uint64_t(*k)[4] = arena_calloc(scratch, n, sizeof *k);
    bls_g2_point_t *buckets = ARENA_ARRAY(scratch, bls_g2_point_t, (size_t)1 << width);
    if (a == NULL || k == NULL || buckets == NULL) return EVM_INTERNAL;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *in = input.data + i * item;
        if (!read_g2(&a[i], in) || !bls_in_g2(&a[i])) return EVM_PRECOMPILE_FAILURE;
        limbs_from_be(k[i], in + G2_LEN, 4);
    }
    bls_g2_point_t sum;
    if (n == 1) {
        bls_g2_from_affine(&sum, &a[0]);
        bls_g2_mul(&sum, &sum, k[0], 4);
    } else {
        bls_g2_msm(&sum, a, (const uint64_t(*)[4])k, n, buckets, width);
    }
    return write_g2(out, scratch, &sum);
}

// ---- pairing and maps -------------------------------------------------------------------------

enum evm_status precompile_bls_pairing(bytes_t *out, struct arena *scratch, bytes_t input)
{
    const size_t item = G1_LEN + G2_LEN;
    const size_t count = input.len / item;
    if (count == 0 || input.len % item != 0) return EVM_PRECOMPILE_FAILURE;
    uint8_t *result = arena_calloc(scratch, 1, 32);
    bls_pair_t *pair = ARENA_ARRAY(scratch, bls_pair_t, count);
    if (result == NULL || pair == NULL) return EVM_INTERNAL;

    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *in = input.data + i * item;
        bls_g1_affine_t p;
        bls_g2_affine_t q;
        if (!read_g1(&p, in) || !bls_in_g1(&p) || !read_g2(&q, in + G1_LEN) || !bls_in_g2(&q)) {
            return EVM_PRECOMPILE_FAILURE;
        }
        if (!p.infinity && !q.infinity) bls_pair_init(&pair[n++], &p, &q); // else a factor of 1
    }
    result[31] = bls_product_is_one(pair, n);
    *out = bytes_make(result, 32);
    return EVM_SUCCESS;
}

enum evm_status precompile_bls_map_fp(bytes_t *out, struct arena *scratch, bytes_t input)
{
    bls_fp_t u;
    if (input.len != FP_LEN || !read_fp(&u, input.data)) return EVM_PRECOMPILE_FAILURE;
    bls_g1_point_t p;
    bls_map_to_g1(&p, &u);
    return write_g1(out, scratch, &p);
}

enum evm_status precompile_bls_map_fp2(bytes_t *out, struct arena *scratch, bytes_t input)
{
    bls_fp2_t u;
    if (input.len != 2 * FP_LEN || !read_fp2(&u, input.data)) return EVM_PRECOMPILE_FAILURE;
    bls_g2_point_t p;
    bls_map_to_g2(&p, &u);
    return write_g2(out, scratch, &p);
}
