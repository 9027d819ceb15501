// SPDX-License-Identifier: Apache-2.0

/// The Miller loop of the optimal ate pairing, as a template: included once per curve, after
/// tower.h and both groups, with
///
///     PAIRING_TWIST_D    1 if the twist divides b by xi (BN254), 0 if it multiplies (BLS12)
///     FIELD(loop)        signed binary digits of the loop's length, least significant first
///
/// Points T of the twist are in homogeneous coordinates, x = X/Z, y = Y/Z (Costello, Lange,
/// Naehrig 2010). A line through T, evaluated at P = (xP, yP) on the untwisted curve and
/// scaled into Fp2 (which the final exponentiation removes), is
///
///     D:  yP h  -  xP s w  +  t v w          M:  t  -  xP s v  +  yP h v w
///
/// for (h, s, t) = (2YZ, 3X^2, Y^2 - 3bZ^2) where T is doubled, and (X - xQ Z, Y - yQ Z,
/// s xQ - h yQ) where Q is added. Pairs share the squarings.

/// A pair and where its point has got to.
typedef struct {
    FIELD(fp_t) xp, yp;
    FIELD(g2_affine_t) q;
    FIELD(fp2_t) x, y, z;
} FIELD(pair_t);

/// f *= line
TOWER void FIELD(mul_line)(FIELD(fp12_t) * f, const FIELD(pair_t) * pair, const FIELD(fp2_t) * h,
                           const FIELD(fp2_t) * s, const FIELD(fp2_t) * t)
{
    FIELD(fp2_t) hy, sx, sum;
    FIELD(fp2_mul_fp)(&hy, h, &pair->yp);
    FIELD(fp2_mul_fp)(&sx, s, &pair->xp);
    FIELD(fp2_neg)(&sx, &sx);

    FIELD(fp6_t) v0, v1, both;
    FIELD(fp6_add)(&both, &f->c0, &f->c1);
    if (PAIRING_TWIST_D) { // (hy) + (sx + t v) w
        FIELD(fp6_mul_0)(&v0, &f->c0, &hy);
        FIELD(fp6_mul_01)(&v1, &f->c1, &sx, t);
        FIELD(fp2_add)(&sum, &hy, &sx);
        FIELD(fp6_mul_01)(&both, &both, &sum, t);
    } else { // (t + sx v) + (hy v) w
        FIELD(fp6_mul_01)(&v0, &f->c0, t, &sx);
        FIELD(fp6_mul_0)(&v1, &f->c1, &hy);
        FIELD(fp6_mul_v)(&v1, &v1);
        FIELD(fp2_add)(&sum, &sx, &hy);
        FIELD(fp6_mul_01)(&both, &both, t, &sum);
    }
    FIELD(fp6_sub)(&both, &both, &v0);
    FIELD(fp6_sub)(&f->c1, &both, &v1);
    FIELD(fp6_mul_v)(&v1, &v1);
    FIELD(fp6_add)(&f->c0, &v0, &v1);
}

/// T = 2T, f *= tangent at T
TOWER void FIELD(double_step)(FIELD(fp12_t) * f, FIELD(pair_t) * pair)
{
    FIELD(fp2_t) a, b, c, e, e3, g, h, s, t;
    FIELD(fp2_mul)(&a, &pair->x, &pair->y);
    FIELD(fp2_mul_fp)(&a, &a, &FIELD(half));
    FIELD(fp2_sqr)(&b, &pair->y);
    FIELD(fp2_sqr)(&c, &pair->z);
    FIELD(fp2_dbl)(&e, &c);
    FIELD(fp2_add)(&e, &e, &c);
    FIELD(fp2_mul)(&e, &e, &FIELD(twist_b)); // 3 b Z^2
    FIELD(fp2_dbl)(&e3, &e);
    FIELD(fp2_add)(&e3, &e3, &e);
    FIELD(fp2_add)(&g, &b, &e3);
    FIELD(fp2_mul_fp)(&g, &g, &FIELD(half));
    FIELD(fp2_add)(&h, &pair->y, &pair->z);
    FIELD(fp2_sqr)(&h, &h);
    FIELD(fp2_sub)(&h, &h, &b);
    FIELD(fp2_sub)(&h, &h, &c); // 2YZ
    FIELD(fp2_sqr)(&s, &pair->x);
    FIELD(fp2_dbl)(&c, &s);
    FIELD(fp2_add)(&s, &s, &c); // 3X^2
    FIELD(fp2_sub)(&t, &b, &e); // Y^2 - 3bZ^2

    FIELD(fp2_sub)(&c, &b, &e3);
    FIELD(fp2_mul)(&pair->x, &a, &c);
    FIELD(fp2_sqr)(&e, &e);
    FIELD(fp2_dbl)(&c, &e);
    FIELD(fp2_add)(&e, &e, &c);
    FIELD(fp2_sqr)(&g, &g);
    FIELD(fp2_sub)(&pair->y, &g, &e);
    FIELD(fp2_mul)(&pair->z, &b, &h);
    FIELD(mul_line)(f, pair, &h, &s, &t);
}

/// T = T + Q, f *= line through T and Q
TOWER void FIELD(add_step)(FIELD(fp12_t) * f, FIELD(pair_t) * pair, const FIELD(g2_affine_t) * q)
{
    FIELD(fp2_t) s, h, t, c, d, e, g;
    FIELD(fp2_mul)(&s, &q->y, &pair->z);
    FIELD(fp2_sub)(&s, &pair->y, &s);
    FIELD(fp2_mul)(&h, &q->x, &pair->z);
    FIELD(fp2_sub)(&h, &pair->x, &h);
    FIELD(fp2_mul)(&t, &s, &q->x);
    FIELD(fp2_mul)(&c, &h, &q->y);
    FIELD(fp2_sub)(&t, &t, &c);

    FIELD(fp2_sqr)(&c, &s);
    FIELD(fp2_sqr)(&d, &h);
    FIELD(fp2_mul)(&e, &h, &d);
    FIELD(fp2_mul)(&g, &pair->x, &d);
    FIELD(fp2_mul)(&c, &pair->z, &c);
    FIELD(fp2_add)(&c, &c, &e);
    FIELD(fp2_sub)(&c, &c, &g);
    FIELD(fp2_sub)(&c, &c, &g);
    FIELD(fp2_mul)(&pair->x, &h, &c);
    FIELD(fp2_sub)(&g, &g, &c);
    FIELD(fp2_mul)(&g, &s, &g);
    FIELD(fp2_mul)(&c, &e, &pair->y);
    FIELD(fp2_sub)(&pair->y, &g, &c);
    FIELD(fp2_mul)(&pair->z, &pair->z, &e);
    FIELD(mul_line)(f, pair, &h, &s, &t);
}

/// A pair of two finite points.
TOWER void FIELD(pair_init)(FIELD(pair_t) * pair, const FIELD(g1_affine_t) * p,
                            const FIELD(g2_affine_t) * q)
{
    pair->xp = p->x;
    pair->yp = p->y;
    pair->q = *q;
    pair->x = q->x;
    pair->y = q->y;
    FIELD(fp2_set_one)(&pair->z);
}

/// f = product of the Miller functions of all pairs; moves their points.
TOWER void FIELD(miller)(FIELD(fp12_t) * f, FIELD(pair_t) * pair, size_t n)
{
    FIELD(fp12_set_one)(f);
    for (size_t i = sizeof FIELD(loop) - 1; i > 0; i--) {
        if (i < sizeof FIELD(loop) - 1) FIELD(fp12_sqr)(f, f);
        for (size_t k = 0; k < n; k++) FIELD(double_step)(f, &pair[k]);
        const int digit = FIELD(loop)[i - 1];
        if (digit == 0) continue;
        for (size_t k = 0; k < n; k++) {
            FIELD(g2_affine_t) q = pair[k].q;
            if (digit < 0) FIELD(fp2_neg)(&q.y, &q.y);
            FIELD(add_step)(f, &pair[k], &q);
        }
    }
}
