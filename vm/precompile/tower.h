// SPDX-License-Identifier: Apache-2.0

/// The fields of a pairing-friendly curve, as a template: included once per curve, after
///
///     FIELD(name)        the names to define: FIELD(fp_t) is bn_fp_t
///     FIELD_LIMBS        64-bit limbs of the prime p
///     FIELD_XI           k: xi = k + u is neither a square nor a cube in Fp2
///     FIELD(modulus), FIELD(inv), FIELD(one), FIELD(r2)     p and its Montgomery constants
///     FIELD(frobenius1)[6]   xi^(i (p - 1) / 6), in Fp2; index 0 is not read
///     FIELD(frobenius2)[6]   xi^(i (p^2 - 1) / 6), in Fp
///
/// The last two are defined after the types, in the constants file that this header includes
/// as FIELD_CONSTANTS. The tower:
///
///     Fp2  = Fp[u]  / (u^2 + 1)
///     Fp6  = Fp2[v] / (v^3 - xi)
///     Fp12 = Fp6[w] / (w^2 - v)
///
/// Outputs may be inputs everywhere. Numbers are in Montgomery form, always reduced.

#include <gmp.h>

#include "vm/precompile/mont.h"

#define TOWER static __attribute__((unused))

// ---- Fp -----------------------------------------------------------------------------------

typedef struct {
    uint64_t l[FIELD_LIMBS];
} FIELD(fp_t);
typedef struct {
    FIELD(fp_t) c0, c1;
} FIELD(fp2_t);
typedef struct {
    FIELD(fp2_t) c0, c1, c2;
} FIELD(fp6_t);
typedef struct {
    FIELD(fp6_t) c0, c1;
} FIELD(fp12_t);

#include FIELD_CONSTANTS

/// r = a + b
TOWER void FIELD(fp_add)(FIELD(fp_t) * r, const FIELD(fp_t) * a, const FIELD(fp_t) * b)
{
    mont_add(r->l, a->l, b->l, FIELD(modulus), FIELD_LIMBS);
}

/// r = a - b
TOWER void FIELD(fp_sub)(FIELD(fp_t) * r, const FIELD(fp_t) * a, const FIELD(fp_t) * b)
{
    mont_sub(r->l, a->l, b->l, FIELD(modulus), FIELD_LIMBS);
}

/// r = a b. Like its sisters it is left to the compiler to inline or not: inlining all of them
/// everywhere makes nothing faster and sanitized builds endless.
TOWER void FIELD(fp_mul)(FIELD(fp_t) * r, const FIELD(fp_t) * a, const FIELD(fp_t) * b)
{
    mont_mul(r->l, a->l, b->l, FIELD(modulus), FIELD(inv), FIELD_LIMBS);
}

/// r = a^2
TOWER void FIELD(fp_sqr)(FIELD(fp_t) * r, const FIELD(fp_t) * a)
{
    FIELD(fp_mul)(r, a, a);
}

/// r = 2 a
TOWER void FIELD(fp_dbl)(FIELD(fp_t) * r, const FIELD(fp_t) * a)
{
    FIELD(fp_add)(r, a, a);
}

/// a = 0?
TOWER bool FIELD(fp_is_zero)(const FIELD(fp_t) * a)
{
    uint64_t any = 0;
    for (size_t i = 0; i < FIELD_LIMBS; i++) any |= a->l[i];
    return any == 0;
}

/// a = b?
TOWER bool FIELD(fp_eq)(const FIELD(fp_t) * a, const FIELD(fp_t) * b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/// r = -a
TOWER void FIELD(fp_neg)(FIELD(fp_t) * r, const FIELD(fp_t) * a)
{
    const FIELD(fp_t) zero = {{0}};
    FIELD(fp_sub)(r, &zero, a);
}

/// r = 1
TOWER void FIELD(fp_set_one)(FIELD(fp_t) * r)
{
    memcpy(r->l, FIELD(one), sizeof r->l);
}

/// r = a^e, e of `limbs` limbs.
TOWER void FIELD(fp_pow)(FIELD(fp_t) * r, const FIELD(fp_t) * a, const uint64_t *e, size_t limbs)
{
    const FIELD(fp_t) base = *a;
    FIELD(fp_t) acc;
    FIELD(fp_set_one)(&acc);
    for (size_t i = 64 * limbs; i > 0; i--) {
        FIELD(fp_sqr)(&acc, &acc);
        if ((e[(i - 1) / 64] >> ((i - 1) % 64) & 1) != 0) FIELD(fp_mul)(&acc, &acc, &base);
    }
    *r = acc;
}

/// r = 1 / a by the extended Euclidean algorithm; 0 for 0.
TOWER void FIELD(fp_inv)(FIELD(fp_t) * r, const FIELD(fp_t) * a)
{
    if (FIELD(fp_is_zero)(a)) {
        *r = *a;
        return;
    }
    // The first number may not be the shorter one: a + p stands for a.
    mp_limb_t u[FIELD_LIMBS + 1], v[FIELD_LIMBS + 1], gcd[FIELD_LIMBS + 1], s[FIELD_LIMBS + 1];
    bool carry = false;
    for (size_t i = 0; i < FIELD_LIMBS; i++) {
        uint64_t sum;
        carry = u64_add_carry(&sum, a->l[i], FIELD(modulus)[i], carry);
        u[i] = sum;
        v[i] = FIELD(modulus)[i];
    }
    mp_size_t len = 0; // negative if s is
    mpn_gcdext(gcd, s, &len, u, FIELD_LIMBS, v, FIELD_LIMBS);
    FIELD(fp_t) t = {{0}};
    for (mp_size_t i = 0; i < (len < 0 ? -len : len); i++) t.l[i] = s[i];
    if (len < 0) FIELD(fp_neg)(&t, &t);
    // Of a * R it is 1 / (a R): twice R^2 / R more makes it R / a.
    mont_mul(t.l, t.l, FIELD(r2), FIELD(modulus), FIELD(inv), FIELD_LIMBS);
    mont_mul(r->l, t.l, FIELD(r2), FIELD(modulus), FIELD(inv), FIELD_LIMBS);
}

/// Reads 8 * FIELD_LIMBS big-endian bytes. @return false if the number is not below p
TOWER bool FIELD(fp_from_be)(FIELD(fp_t) * r, const uint8_t *in)
{
    FIELD(fp_t) t;
    limbs_from_be(t.l, in, FIELD_LIMBS);
    if (!limbs_less(t.l, FIELD(modulus), FIELD_LIMBS)) return false;
    mont_mul(r->l, t.l, FIELD(r2), FIELD(modulus), FIELD(inv), FIELD_LIMBS);
    return true;
}

/// The number itself, out of Montgomery form.
TOWER void FIELD(fp_to_limbs)(uint64_t *out, const FIELD(fp_t) * a)
{
    static const uint64_t unit[FIELD_LIMBS] = {1};
    mont_mul(out, a->l, unit, FIELD(modulus), FIELD(inv), FIELD_LIMBS);
}

/// Writes 8 * FIELD_LIMBS big-endian bytes.
TOWER void FIELD(fp_to_be)(uint8_t *out, const FIELD(fp_t) * a)
{
    uint64_t t[FIELD_LIMBS];
    FIELD(fp_to_limbs)(t, a);
    limbs_to_be(out, t, FIELD_LIMBS);
}

// ---- Fp2 ----------------------------------------------------------------------------------

/// r = a + b
TOWER void FIELD(fp2_add)(FIELD(fp2_t) * r, const FIELD(fp2_t) * a, const FIELD(fp2_t) * b)
{
    FIELD(fp_add)(&r->c0, &a->c0, &b->c0);
    FIELD(fp_add)(&r->c1, &a->c1, &b->c1);
}

/// r = a - b
TOWER void FIELD(fp2_sub)(FIELD(fp2_t) * r, const FIELD(fp2_t) * a, const FIELD(fp2_t) * b)
{
    FIELD(fp_sub)(&r->c0, &a->c0, &b->c0);
    FIELD(fp_sub)(&r->c1, &a->c1, &b->c1);
}

/// r = 2 a
TOWER void FIELD(fp2_dbl)(FIELD(fp2_t) * r, const FIELD(fp2_t) * a)
{
    FIELD(fp2_add)(r, a, a);
}

/// r = -a
TOWER void FIELD(fp2_neg)(FIELD(fp2_t) * r, const FIELD(fp2_t) * a)
{
    FIELD(fp_neg)(&r->c0, &a->c0);
    FIELD(fp_neg)(&r->c1, &a->c1);
}

/// r = a0 - a1 u, which is a^p
TOWER void FIELD(fp2_conj)(FIELD(fp2_t) * r, const FIELD(fp2_t) * a)
{
    r->c0 = a->c0;
    FIELD(fp_neg)(&r->c1, &a->c1);
}

/// a = 0?
TOWER bool FIELD(fp2_is_zero)(const FIELD(fp2_t) * a)
{
    return FIELD(fp_is_zero)(&a->c0) && FIELD(fp_is_zero)(&a->c1);
}

/// a = b?
TOWER bool FIELD(fp2_eq)(const FIELD(fp2_t) * a, const FIELD(fp2_t) * b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/// r = 1
TOWER void FIELD(fp2_set_one)(FIELD(fp2_t) * r)
{
    memset(r, 0, sizeof *r);
    FIELD(fp_set_one)(&r->c0);
}

/// (a0 + a1 u)(b0 + b1 u) in three products.
TOWER void FIELD(fp2_mul)(FIELD(fp2_t) * r, const FIELD(fp2_t) * a, const FIELD(fp2_t) * b)
{
    FIELD(fp_t) lo, hi, sa, sb;
    FIELD(fp_add)(&sa, &a->c0, &a->c1);
    FIELD(fp_add)(&sb, &b->c0, &b->c1);
    FIELD(fp_mul)(&lo, &a->c0, &b->c0);
    FIELD(fp_mul)(&hi, &a->c1, &b->c1);
    FIELD(fp_mul)(&sa, &sa, &sb);
    FIELD(fp_sub)(&sa, &sa, &lo);
    FIELD(fp_sub)(&r->c1, &sa, &hi);
    FIELD(fp_sub)(&r->c0, &lo, &hi);
}

/// (a0 + a1)(a0 - a1) + 2 a0 a1 u
TOWER void FIELD(fp2_sqr)(FIELD(fp2_t) * r, const FIELD(fp2_t) * a)
{
    FIELD(fp_t) sum, diff, cross;
    FIELD(fp_add)(&sum, &a->c0, &a->c1);
    FIELD(fp_sub)(&diff, &a->c0, &a->c1);
    FIELD(fp_mul)(&cross, &a->c0, &a->c1);
    FIELD(fp_mul)(&r->c0, &sum, &diff);
    FIELD(fp_dbl)(&r->c1, &cross);
}

/// r = a b, b in Fp
TOWER void FIELD(fp2_mul_fp)(FIELD(fp2_t) * r, const FIELD(fp2_t) * a, const FIELD(fp_t) * b)
{
    FIELD(fp_mul)(&r->c0, &a->c0, b);
    FIELD(fp_mul)(&r->c1, &a->c1, b);
}

/// r = k * a for a small k
TOWER void FIELD(fp_mul_small)(FIELD(fp_t) * r, const FIELD(fp_t) * a, unsigned k)
{
    FIELD(fp_t) acc = *a;
    for (int bit = 30 - __builtin_clz(k); bit >= 0; bit--) {
        FIELD(fp_dbl)(&acc, &acc);
        if ((k >> bit & 1) != 0) FIELD(fp_add)(&acc, &acc, a);
    }
    *r = acc;
}

/// r = (k + u) a
TOWER void FIELD(fp2_mul_xi)(FIELD(fp2_t) * r, const FIELD(fp2_t) * a)
{
    FIELD(fp_t) k0, k1;
    FIELD(fp_mul_small)(&k0, &a->c0, FIELD_XI);
    FIELD(fp_mul_small)(&k1, &a->c1, FIELD_XI);
    FIELD(fp_sub)(&k0, &k0, &a->c1);
    FIELD(fp_add)(&r->c1, &k1, &a->c0);
    r->c0 = k0;
}

/// r = 1 / a; 0 for 0
TOWER void FIELD(fp2_inv)(FIELD(fp2_t) * r, const FIELD(fp2_t) * a)
{
    FIELD(fp_t) norm, t;
    FIELD(fp_sqr)(&norm, &a->c0);
    FIELD(fp_sqr)(&t, &a->c1);
    FIELD(fp_add)(&norm, &norm, &t);
    FIELD(fp_inv)(&norm, &norm);
    FIELD(fp_mul)(&r->c0, &a->c0, &norm);
    FIELD(fp_mul)(&t, &a->c1, &norm);
    FIELD(fp_neg)(&r->c1, &t);
}

// ---- Fp6 ----------------------------------------------------------------------------------

/// r = a + b
TOWER void FIELD(fp6_add)(FIELD(fp6_t) * r, const FIELD(fp6_t) * a, const FIELD(fp6_t) * b)
{
    FIELD(fp2_add)(&r->c0, &a->c0, &b->c0);
    FIELD(fp2_add)(&r->c1, &a->c1, &b->c1);
    FIELD(fp2_add)(&r->c2, &a->c2, &b->c2);
}

/// r = a - b
TOWER void FIELD(fp6_sub)(FIELD(fp6_t) * r, const FIELD(fp6_t) * a, const FIELD(fp6_t) * b)
{
    FIELD(fp2_sub)(&r->c0, &a->c0, &b->c0);
    FIELD(fp2_sub)(&r->c1, &a->c1, &b->c1);
    FIELD(fp2_sub)(&r->c2, &a->c2, &b->c2);
}

/// r = -a
TOWER void FIELD(fp6_neg)(FIELD(fp6_t) * r, const FIELD(fp6_t) * a)
{
    FIELD(fp2_neg)(&r->c0, &a->c0);
    FIELD(fp2_neg)(&r->c1, &a->c1);
    FIELD(fp2_neg)(&r->c2, &a->c2);
}

/// r = v a
TOWER void FIELD(fp6_mul_v)(FIELD(fp6_t) * r, const FIELD(fp6_t) * a)
{
    FIELD(fp2_t) t;
    FIELD(fp2_mul_xi)(&t, &a->c2);
    r->c2 = a->c1;
    r->c1 = a->c0;
    r->c0 = t;
}

/// t = (a + b)(c + d) - x - y
TOWER void FIELD(fp2_cross)(FIELD(fp2_t) * t, const FIELD(fp2_t) * a, const FIELD(fp2_t) * b,
                            const FIELD(fp2_t) * c, const FIELD(fp2_t) * d, const FIELD(fp2_t) * x,
                            const FIELD(fp2_t) * y)
{
    FIELD(fp2_t) s;
    FIELD(fp2_add)(&s, a, b);
    FIELD(fp2_add)(t, c, d);
    FIELD(fp2_mul)(t, &s, t);
    FIELD(fp2_sub)(t, t, x);
    FIELD(fp2_sub)(t, t, y);
}

/// Six products instead of nine (Karatsuba for three terms).
TOWER void FIELD(fp6_mul)(FIELD(fp6_t) * r, const FIELD(fp6_t) * a, const FIELD(fp6_t) * b)
{
    FIELD(fp2_t) v0, v1, v2, t0, t1, t2;
    FIELD(fp2_mul)(&v0, &a->c0, &b->c0);
    FIELD(fp2_mul)(&v1, &a->c1, &b->c1);
    FIELD(fp2_mul)(&v2, &a->c2, &b->c2);
    FIELD(fp2_cross)(&t0, &a->c1, &a->c2, &b->c1, &b->c2, &v1, &v2);
    FIELD(fp2_cross)(&t1, &a->c0, &a->c1, &b->c0, &b->c1, &v0, &v1);
    FIELD(fp2_cross)(&t2, &a->c0, &a->c2, &b->c0, &b->c2, &v0, &v2);
    FIELD(fp2_mul_xi)(&t0, &t0);
    FIELD(fp2_add)(&r->c0, &t0, &v0);
    FIELD(fp2_mul_xi)(&t0, &v2);
    FIELD(fp2_add)(&r->c1, &t1, &t0);
    FIELD(fp2_add)(&r->c2, &t2, &v1);
}

/// r = a (d0 + d1 v)
TOWER void FIELD(fp6_mul_01)(FIELD(fp6_t) * r, const FIELD(fp6_t) * a, const FIELD(fp2_t) * d0,
                             const FIELD(fp2_t) * d1)
{
    FIELD(fp2_t) v0, v1, t0, t1, t2;
    FIELD(fp2_mul)(&v0, &a->c0, d0);
    FIELD(fp2_mul)(&v1, &a->c1, d1);
    FIELD(fp2_cross)(&t1, &a->c0, &a->c1, d0, d1, &v0, &v1);
    FIELD(fp2_mul)(&t0, &a->c2, d1);
    FIELD(fp2_mul_xi)(&t0, &t0);
    FIELD(fp2_mul)(&t2, &a->c2, d0);
    FIELD(fp2_add)(&r->c0, &t0, &v0);
    r->c1 = t1;
    FIELD(fp2_add)(&r->c2, &t2, &v1);
}

/// r = d a, d in Fp2
TOWER void FIELD(fp6_mul_0)(FIELD(fp6_t) * r, const FIELD(fp6_t) * a, const FIELD(fp2_t) * d)
{
    FIELD(fp2_mul)(&r->c0, &a->c0, d);
    FIELD(fp2_mul)(&r->c1, &a->c1, d);
    FIELD(fp2_mul)(&r->c2, &a->c2, d);
}

/// r = 1 / a; 0 for 0
TOWER void FIELD(fp6_inv)(FIELD(fp6_t) * r, const FIELD(fp6_t) * a)
{
    FIELD(fp2_t) t0, t1, t2, x, norm;
    FIELD(fp2_sqr)(&t0, &a->c0); // a0^2 - xi a1 a2
    FIELD(fp2_mul)(&x, &a->c1, &a->c2);
    FIELD(fp2_mul_xi)(&x, &x);
    FIELD(fp2_sub)(&t0, &t0, &x);
    FIELD(fp2_sqr)(&t1, &a->c2); // xi a2^2 - a0 a1
    FIELD(fp2_mul_xi)(&t1, &t1);
    FIELD(fp2_mul)(&x, &a->c0, &a->c1);
    FIELD(fp2_sub)(&t1, &t1, &x);
    FIELD(fp2_sqr)(&t2, &a->c1); // a1^2 - a0 a2
    FIELD(fp2_mul)(&x, &a->c0, &a->c2);
    FIELD(fp2_sub)(&t2, &t2, &x);

    FIELD(fp2_mul)(&norm, &a->c2, &t1);
    FIELD(fp2_mul)(&x, &a->c1, &t2);
    FIELD(fp2_add)(&norm, &norm, &x);
    FIELD(fp2_mul_xi)(&norm, &norm);
    FIELD(fp2_mul)(&x, &a->c0, &t0);
    FIELD(fp2_add)(&norm, &norm, &x);
    FIELD(fp2_inv)(&norm, &norm);
    FIELD(fp2_mul)(&r->c0, &t0, &norm);
    FIELD(fp2_mul)(&r->c1, &t1, &norm);
    FIELD(fp2_mul)(&r->c2, &t2, &norm);
}

// ---- Fp12 ---------------------------------------------------------------------------------

/// r = 1
TOWER void FIELD(fp12_set_one)(FIELD(fp12_t) * r)
{
    memset(r, 0, sizeof *r);
    FIELD(fp2_set_one)(&r->c0.c0);
}

/// a = 1?
TOWER bool FIELD(fp12_is_one)(const FIELD(fp12_t) * a)
{
    FIELD(fp12_t) one;
    FIELD(fp12_set_one)(&one);
    return memcmp(a, &one, sizeof one) == 0;
}

/// r = a b in three products of Fp6
TOWER void FIELD(fp12_mul)(FIELD(fp12_t) * r, const FIELD(fp12_t) * a, const FIELD(fp12_t) * b)
{
    FIELD(fp6_t) v0, v1, sa, sb;
    FIELD(fp6_mul)(&v0, &a->c0, &b->c0);
    FIELD(fp6_mul)(&v1, &a->c1, &b->c1);
    FIELD(fp6_add)(&sa, &a->c0, &a->c1);
    FIELD(fp6_add)(&sb, &b->c0, &b->c1);
    FIELD(fp6_mul)(&sa, &sa, &sb);
    FIELD(fp6_sub)(&sa, &sa, &v0);
    FIELD(fp6_sub)(&r->c1, &sa, &v1);
    FIELD(fp6_mul_v)(&v1, &v1);
    FIELD(fp6_add)(&r->c0, &v0, &v1);
}

/// (a0 + a1 w)^2 with two products: (a0 + a1)(a0 + v a1) - a0 a1 - v a0 a1, 2 a0 a1
TOWER void FIELD(fp12_sqr)(FIELD(fp12_t) * r, const FIELD(fp12_t) * a)
{
    FIELD(fp6_t) cross, sum, mixed;
    FIELD(fp6_add)(&sum, &a->c0, &a->c1);
    FIELD(fp6_mul_v)(&mixed, &a->c1);
    FIELD(fp6_add)(&mixed, &mixed, &a->c0);
    FIELD(fp6_mul)(&cross, &a->c0, &a->c1);
    FIELD(fp6_mul)(&sum, &sum, &mixed);
    FIELD(fp6_sub)(&sum, &sum, &cross);
    FIELD(fp6_mul_v)(&mixed, &cross);
    FIELD(fp6_sub)(&r->c0, &sum, &mixed);
    FIELD(fp6_add)(&r->c1, &cross, &cross);
}

/// To the power p^6; in the cyclotomic subgroup that is the inverse.
TOWER void FIELD(fp12_conj)(FIELD(fp12_t) * r, const FIELD(fp12_t) * a)
{
    r->c0 = a->c0;
    FIELD(fp6_neg)(&r->c1, &a->c1);
}

/// r = 1 / a; 0 for 0
TOWER void FIELD(fp12_inv)(FIELD(fp12_t) * r, const FIELD(fp12_t) * a)
{
    FIELD(fp6_t) norm, t;
    FIELD(fp6_mul)(&norm, &a->c0, &a->c0);
    FIELD(fp6_mul)(&t, &a->c1, &a->c1);
    FIELD(fp6_mul_v)(&t, &t);
    FIELD(fp6_sub)(&norm, &norm, &t);
    FIELD(fp6_inv)(&norm, &norm);
    FIELD(fp6_mul)(&t, &a->c1, &norm);
    FIELD(fp6_mul)(&r->c0, &a->c0, &norm);
    FIELD(fp6_neg)(&r->c1, &t);
}

/// The coefficient of w^i, i = 0..5.
TOWER FIELD(fp2_t) * FIELD(fp12_coef)(FIELD(fp12_t) * a, unsigned i)
{
    FIELD(fp6_t) *half = (i & 1) != 0 ? &a->c1 : &a->c0;
    return i / 2 == 0 ? &half->c0 : i / 2 == 1 ? &half->c1 : &half->c2;
}

/// r = a^p
TOWER void FIELD(fp12_frobenius)(FIELD(fp12_t) * r, const FIELD(fp12_t) * a)
{
    *r = *a;
    for (unsigned i = 0; i < 6; i++) {
        FIELD(fp2_t) *c = FIELD(fp12_coef)(r, i);
        FIELD(fp2_conj)(c, c);
        if (i > 0) FIELD(fp2_mul)(c, c, &FIELD(frobenius1)[i]);
    }
}

/// r = a^(p^2)
TOWER void FIELD(fp12_frobenius2)(FIELD(fp12_t) * r, const FIELD(fp12_t) * a)
{
    *r = *a;
    for (unsigned i = 1; i < 6; i++) {
        FIELD(fp2_t) *c = FIELD(fp12_coef)(r, i);
        FIELD(fp2_mul_fp)(c, c, &FIELD(frobenius2)[i]);
    }
}

/// (a + b s)^2 with s^2 = xi
TOWER void FIELD(fp4_sqr)(FIELD(fp2_t) * r0, FIELD(fp2_t) * r1, const FIELD(fp2_t) * a,
                          const FIELD(fp2_t) * b)
{
    FIELD(fp2_t) a2, b2, t;
    FIELD(fp2_sqr)(&a2, a);
    FIELD(fp2_sqr)(&b2, b);
    FIELD(fp2_add)(&t, a, b);
    FIELD(fp2_sqr)(&t, &t);
    FIELD(fp2_sub)(&t, &t, &a2);
    FIELD(fp2_sub)(r1, &t, &b2);
    FIELD(fp2_mul_xi)(&b2, &b2);
    FIELD(fp2_add)(r0, &a2, &b2);
}

/// r = 3 t - 2 z
TOWER void FIELD(fp2_3t_minus_2z)(FIELD(fp2_t) * r, const FIELD(fp2_t) * t, const FIELD(fp2_t) * z)
{
    FIELD(fp2_t) d;
    FIELD(fp2_sub)(&d, t, z);
    FIELD(fp2_dbl)(&d, &d);
    FIELD(fp2_add)(r, &d, t);
}

/// r = 3 t + 2 z
TOWER void FIELD(fp2_3t_plus_2z)(FIELD(fp2_t) * r, const FIELD(fp2_t) * t, const FIELD(fp2_t) * z)
{
    FIELD(fp2_t) d;
    FIELD(fp2_add)(&d, t, z);
    FIELD(fp2_dbl)(&d, &d);
    FIELD(fp2_add)(r, &d, t);
}

/// Square of an element of the cyclotomic subgroup (Granger and Scott 2010).
TOWER void FIELD(fp12_cyclotomic_sqr)(FIELD(fp12_t) * r, const FIELD(fp12_t) * a)
{
    FIELD(fp2_t) t0, t1, t2, t3, t4, t5;
    FIELD(fp4_sqr)(&t0, &t1, &a->c0.c0, &a->c1.c1);
    FIELD(fp4_sqr)(&t2, &t3, &a->c1.c0, &a->c0.c2);
    FIELD(fp4_sqr)(&t4, &t5, &a->c0.c1, &a->c1.c2);
    FIELD(fp2_mul_xi)(&t5, &t5);
    FIELD(fp2_3t_minus_2z)(&r->c0.c0, &t0, &a->c0.c0);
    FIELD(fp2_3t_plus_2z)(&r->c1.c1, &t1, &a->c1.c1);
    FIELD(fp2_3t_minus_2z)(&r->c0.c1, &t2, &a->c0.c1);
    FIELD(fp2_3t_plus_2z)(&r->c1.c2, &t3, &a->c1.c2);
    FIELD(fp2_3t_minus_2z)(&r->c0.c2, &t4, &a->c0.c2);
    FIELD(fp2_3t_plus_2z)(&r->c1.c0, &t5, &a->c1.c0);
}

/// r = a^e in the cyclotomic subgroup, e > 0.
TOWER void FIELD(fp12_cyclotomic_pow)(FIELD(fp12_t) * r, const FIELD(fp12_t) * a, uint64_t e)
{
    const FIELD(fp12_t) base = *a;
    FIELD(fp12_t) acc = base;
    for (int bit = 62 - __builtin_clzll(e); bit >= 0; bit--) {
        FIELD(fp12_cyclotomic_sqr)(&acc, &acc);
        if ((e >> bit & 1) != 0) FIELD(fp12_mul)(&acc, &acc, &base);
    }
    *r = acc;
}

/// r = a^((p^6 - 1)(p^2 + 1)): into the cyclotomic subgroup.
TOWER void FIELD(fp12_easy_part)(FIELD(fp12_t) * r, const FIELD(fp12_t) * a)
{
    FIELD(fp12_t) inv, t;
    FIELD(fp12_inv)(&inv, a);
    FIELD(fp12_conj)(&t, a);
    FIELD(fp12_mul)(&t, &t, &inv);
    FIELD(fp12_frobenius2)(&inv, &t);
    FIELD(fp12_mul)(r, &inv, &t);
}
