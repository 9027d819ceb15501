// SPDX-License-Identifier: Apache-2.0

/// Points of y^2 = x^3 + b over Fp or Fp2, as a template: included once per group, after
///
///     CURVE(name)     the names to define: CURVE(point_t) is bn_g1_point_t
///     FE_T, FE(op)    the coordinates' type and arithmetic: bn_fp_t, bn_fp_mul
///     CURVE_B         b, an FE_T
///
/// Jacobian coordinates: x = X / Z^2, y = Y / Z^3, infinity is Z = 0. Complete: every
/// function handles infinity, equal and opposite points. Outputs may be inputs.

typedef struct {
    FE_T x, y;
    bool infinity; ///< x and y are then zero
} CURVE(affine_t);

typedef struct {
    FE_T x, y, z;
} CURVE(point_t);

/// Is it the point at infinity?
TOWER bool CURVE(is_infinity)(const CURVE(point_t) * a)
{
    return FE(is_zero)(&a->z);
}

/// r = the point at infinity
TOWER void CURVE(set_infinity)(CURVE(point_t) * r)
{
    memset(r, 0, sizeof *r);
}

/// Does it satisfy the equation? Infinity does.
TOWER bool CURVE(on_curve)(const CURVE(affine_t) * a)
{
    if (a->infinity) return true;
    FE_T y2, x3;
    FE(sqr)(&y2, &a->y);
    FE(sqr)(&x3, &a->x);
    FE(mul)(&x3, &x3, &a->x);
    FE(add)(&x3, &x3, &CURVE_B);
    return FE(eq)(&y2, &x3);
}

/// The same point with Z = 1, or infinity.
TOWER void CURVE(from_affine)(CURVE(point_t) * r, const CURVE(affine_t) * a)
{
    if (a->infinity) {
        CURVE(set_infinity)(r);
        return;
    }
    r->x = a->x;
    r->y = a->y;
    FE(set_one)(&r->z);
}

/// The same point in two coordinates; costs an inversion.
TOWER void CURVE(to_affine)(CURVE(affine_t) * r, const CURVE(point_t) * a)
{
    if (CURVE(is_infinity)(a)) {
        memset(r, 0, sizeof *r);
        r->infinity = true;
        return;
    }
    FE_T zi, zi2;
    FE(inv)(&zi, &a->z);
    FE(sqr)(&zi2, &zi);
    FE(mul)(&zi, &zi, &zi2);
    FE(mul)(&r->x, &a->x, &zi2);
    FE(mul)(&r->y, &a->y, &zi);
    r->infinity = false;
}

/// r = -a
TOWER void CURVE(neg)(CURVE(point_t) * r, const CURVE(point_t) * a)
{
    r->x = a->x;
    FE(neg)(&r->y, &a->y);
    r->z = a->z;
}

/// dbl-2009-l of the Explicit-Formulas Database. Infinity stays: Z3 = 2 Y Z.
TOWER void CURVE(dbl)(CURVE(point_t) * r, const CURVE(point_t) * a)
{
    FE_T xx, yy, yyyy, d, e, t;
    FE(sqr)(&xx, &a->x);
    FE(sqr)(&yy, &a->y);
    FE(sqr)(&yyyy, &yy);
    FE(add)(&d, &a->x, &yy);
    FE(sqr)(&d, &d);
    FE(sub)(&d, &d, &xx);
    FE(sub)(&d, &d, &yyyy);
    FE(dbl)(&d, &d);
    FE(dbl)(&e, &xx);
    FE(add)(&e, &e, &xx);
    FE(mul)(&t, &a->y, &a->z);
    FE(dbl)(&r->z, &t);
    FE(sqr)(&t, &e);
    FE(sub)(&t, &t, &d);
    FE(sub)(&r->x, &t, &d);
    FE(sub)(&t, &d, &r->x);
    FE(mul)(&t, &e, &t);
    FE(dbl)(&yyyy, &yyyy);
    FE(dbl)(&yyyy, &yyyy);
    FE(dbl)(&yyyy, &yyyy);
    FE(sub)(&r->y, &t, &yyyy);
}

/// add-2007-bl: r = a + b.
TOWER void CURVE(add)(CURVE(point_t) * r, const CURVE(point_t) * a, const CURVE(point_t) * b)
{
    if (CURVE(is_infinity)(a)) {
        *r = *b;
        return;
    }
    if (CURVE(is_infinity)(b)) {
        *r = *a;
        return;
    }
    FE_T z1z1, z2z2, u1, u2, s1, s2, h, i, j, rr, v, t;
    FE(sqr)(&z1z1, &a->z);
    FE(sqr)(&z2z2, &b->z);
    FE(mul)(&u1, &a->x, &z2z2);
    FE(mul)(&u2, &b->x, &z1z1);
    FE(mul)(&s1, &a->y, &b->z);
    FE(mul)(&s1, &s1, &z2z2);
    FE(mul)(&s2, &b->y, &a->z);
    FE(mul)(&s2, &s2, &z1z1);
    FE(sub)(&h, &u2, &u1);
    FE(sub)(&rr, &s2, &s1);
    if (FE(is_zero)(&h)) {
        if (FE(is_zero)(&rr))
            CURVE(dbl)(r, a);
        else
            CURVE(set_infinity)(r);
        return;
    }
    FE(dbl)(&rr, &rr);
    FE(dbl)(&i, &h);
    FE(sqr)(&i, &i);
    FE(mul)(&j, &h, &i);
    FE(mul)(&v, &u1, &i);
    FE(mul)(&t, &a->z, &b->z);
    FE(dbl)(&t, &t);
    FE(mul)(&r->z, &t, &h);
    FE(sqr)(&t, &rr);
    FE(sub)(&t, &t, &j);
    FE(sub)(&t, &t, &v);
    FE(sub)(&r->x, &t, &v);
    FE(sub)(&t, &v, &r->x);
    FE(mul)(&t, &t, &rr);
    FE(mul)(&s1, &s1, &j);
    FE(dbl)(&s1, &s1);
    FE(sub)(&r->y, &t, &s1);
}

/// madd-2007-bl: r = a + b with b affine.
TOWER void CURVE(add_affine)(CURVE(point_t) * r, const CURVE(point_t) * a,
                             const CURVE(affine_t) * b)
{
    if (b->infinity) {
        *r = *a;
        return;
    }
    if (CURVE(is_infinity)(a)) {
        CURVE(from_affine)(r, b);
        return;
    }
    FE_T z1z1, u2, s2, h, hh, i, j, rr, v, t;
    FE(sqr)(&z1z1, &a->z);
    FE(mul)(&u2, &b->x, &z1z1);
    FE(mul)(&s2, &b->y, &a->z);
    FE(mul)(&s2, &s2, &z1z1);
    FE(sub)(&h, &u2, &a->x);
    FE(sub)(&rr, &s2, &a->y);
    if (FE(is_zero)(&h)) {
        if (FE(is_zero)(&rr))
            CURVE(dbl)(r, a);
        else
            CURVE(set_infinity)(r);
        return;
    }
    FE(dbl)(&rr, &rr);
    FE(sqr)(&hh, &h);
    FE(dbl)(&i, &hh);
    FE(dbl)(&i, &i);
    FE(mul)(&j, &h, &i);
    FE(mul)(&v, &a->x, &i);
    FE(add)(&t, &a->z, &h);
    FE(sqr)(&t, &t);
    FE(sub)(&t, &t, &z1z1);
    FE(sub)(&r->z, &t, &hh);
    FE(mul)(&s2, &a->y, &j); // before r->y, which may be a->y
    FE(dbl)(&s2, &s2);
    FE(sqr)(&t, &rr);
    FE(sub)(&t, &t, &j);
    FE(sub)(&t, &t, &v);
    FE(sub)(&r->x, &t, &v);
    FE(sub)(&t, &v, &r->x);
    FE(mul)(&t, &t, &rr);
    FE(sub)(&r->y, &t, &s2);
}

/// r = k a, k of `limbs` limbs, four bits at a time.
TOWER void CURVE(mul)(CURVE(point_t) * r, const CURVE(point_t) * a, const uint64_t *k, size_t limbs)
{
    CURVE(point_t) table[16];
    CURVE(set_infinity)(&table[0]);
    table[1] = *a;
    for (size_t i = 2; i < 16; i++) {
        if (i % 2 == 0)
            CURVE(dbl)(&table[i], &table[i / 2]);
        else
            CURVE(add)(&table[i], &table[i - 1], a);
    }
    CURVE(point_t) acc;
    CURVE(set_infinity)(&acc);
    for (size_t i = 16 * limbs; i > 0; i--) {
        for (int d = 0; d < 4; d++) CURVE(dbl)(&acc, &acc);
        const unsigned digit = (unsigned)(k[(i - 1) / 16] >> (4 * ((i - 1) % 16))) & 15;
        if (digit != 0) CURVE(add)(&acc, &acc, &table[digit]);
    }
    *r = acc;
}

/// Same point? Compared without division.
TOWER bool CURVE(eq)(const CURVE(point_t) * a, const CURVE(point_t) * b)
{
    const bool ai = CURVE(is_infinity)(a);
    const bool bi = CURVE(is_infinity)(b);
    if (ai || bi) return ai && bi;
    FE_T za, zb, l, r;
    FE(sqr)(&za, &a->z);
    FE(sqr)(&zb, &b->z);
    FE(mul)(&l, &a->x, &zb);
    FE(mul)(&r, &b->x, &za);
    if (!FE(eq)(&l, &r)) return false;
    FE(mul)(&za, &za, &a->z);
    FE(mul)(&zb, &zb, &b->z);
    FE(mul)(&l, &a->y, &zb);
    FE(mul)(&r, &b->y, &za);
    return FE(eq)(&l, &r);
}

/// Bits of `k` (4 limbs) from `from` on, `width` < 16 of them.
TOWER unsigned CURVE(digit)(const uint64_t *k, size_t from, unsigned width)
{
    uint64_t v = k[from / 64] >> (from % 64);
    if (from % 64 + width > 64 && from / 64 < 3) v |= k[from / 64 + 1] << (64 - from % 64);
    return (unsigned)v & ((1u << width) - 1);
}

/// r = sum k[i] a[i], 256-bit scalars (Pippenger: points are thrown into buckets by digit,
/// buckets are summed with running totals). `buckets` has room for 2^width points.
TOWER void CURVE(msm)(CURVE(point_t) * r, const CURVE(affine_t) * a, const uint64_t (*k)[4],
                      size_t n, CURVE(point_t) * buckets, unsigned width)
{
    CURVE(point_t) acc;
    CURVE(set_infinity)(&acc);
    for (size_t w = (256 + width - 1) / width; w > 0; w--) {
        for (unsigned d = 0; d < width; d++) CURVE(dbl)(&acc, &acc);
        const size_t from = (w - 1) * width;
        const unsigned bits = 256 - from < width ? (unsigned)(256 - from) : width;
        for (size_t i = 1; i < (size_t)1 << bits; i++) CURVE(set_infinity)(&buckets[i]);
        for (size_t i = 0; i < n; i++) {
            const unsigned digit = CURVE(digit)(k[i], from, bits);
            if (digit != 0) CURVE(add_affine)(&buckets[digit], &buckets[digit], &a[i]);
        }
        CURVE(point_t) running, sum;
        CURVE(set_infinity)(&running);
        CURVE(set_infinity)(&sum);
        for (size_t i = ((size_t)1 << bits) - 1; i > 0; i--) {
            CURVE(add)(&running, &running, &buckets[i]);
            CURVE(add)(&sum, &sum, &running);
        }
        CURVE(add)(&acc, &acc, &sum);
    }
    *r = acc;
}
