// SPDX-License-Identifier: Apache-2.0

/// What must hold in the fields and groups of either curve, as a template: included after the
/// curve's field header with FIELD(name), SUITE(name) and FIELD_XI. Checks the constants by
/// recomputing them, and the shortcuts against the plain way.

#define CAT_(A, B) A##B
#define CAT(A, B) CAT_(A, B)

static uint64_t FIELD(random_state) = 1;

static uint64_t FIELD(random)(void)
{
    FIELD(random_state) += 0x9e3779b97f4a7c15u;
    uint64_t z = FIELD(random_state);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#define LIMBS (sizeof(FIELD(fp_t)) / 8)

static FIELD(fp_t) FIELD(random_fp)(void)
{
    FIELD(fp_t) a;
    do {
        for (size_t i = 0; i < LIMBS; i++) a.l[i] = FIELD(random)();
        a.l[LIMBS - 1] >>= 2;
    } while (!limbs_less(a.l, FIELD(modulus), LIMBS));
    return a;
}

static FIELD(fp2_t) FIELD(random_fp2)(void)
{
    return (FIELD(fp2_t)){FIELD(random_fp)(), FIELD(random_fp)()};
}

static FIELD(fp12_t) FIELD(random_fp12)(void)
{
    FIELD(fp12_t) a;
    for (unsigned i = 0; i < 6; i++) *FIELD(fp12_coef)(&a, i) = FIELD(random_fp2)();
    return a;
}

static bool FIELD(fp12_eq)(const FIELD(fp12_t) * a, const FIELD(fp12_t) * b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/// a^p for a in Fp12 by plain squaring.
static void FIELD(pow_p)(FIELD(fp12_t) * r, const FIELD(fp12_t) * a)
{
    FIELD(fp12_set_one)(r);
    for (size_t i = 64 * LIMBS; i > 0; i--) {
        FIELD(fp12_sqr)(r, r);
        if ((FIELD(modulus)[(i - 1) / 64] >> ((i - 1) % 64) & 1) != 0) FIELD(fp12_mul)(r, r, a);
    }
}

/// Goal: the Montgomery constants are those of the modulus; arithmetic agrees with itself.
Test(SUITE, prime_field)
{
    cr_expect_eq((uint64_t)(FIELD(modulus)[0] * FIELD(inv)), UINT64_MAX, "inv");
    // one = 2^(64 n) mod p: doubling 1 that many times. r2: as many again.
    FIELD(fp_t) t = {{1}};
    for (size_t i = 0; i < 64 * LIMBS; i++) FIELD(fp_dbl)(&t, &t);
    cr_expect_arr_eq(t.l, FIELD(one), sizeof t.l);
    for (size_t i = 0; i < 64 * LIMBS; i++) FIELD(fp_dbl)(&t, &t);
    cr_expect_arr_eq(t.l, FIELD(r2), sizeof t.l);
    FIELD(fp_t) twice;
    FIELD(fp_dbl)(&twice, &FIELD(half));
    FIELD(fp_set_one)(&t);
    cr_expect(FIELD(fp_eq)(&t, &twice), "half");

    for (int i = 0; i < 200; i++) {
        const FIELD(fp_t) a = FIELD(random_fp)();
        const FIELD(fp_t) b = FIELD(random_fp)();
        const FIELD(fp_t) c = FIELD(random_fp)();
        FIELD(fp_t) x, y, z;
        FIELD(fp_add)(&x, &a, &b);
        FIELD(fp_mul)(&x, &x, &c);
        FIELD(fp_mul)(&y, &a, &c);
        FIELD(fp_mul)(&z, &b, &c);
        FIELD(fp_add)(&y, &y, &z);
        cr_expect(FIELD(fp_eq)(&x, &y), "(a + b) c");
        FIELD(fp_sub)(&y, &y, &z);
        FIELD(fp_mul)(&z, &a, &c);
        cr_expect(FIELD(fp_eq)(&y, &z), "a c + b c - b c");
        FIELD(fp_inv)(&x, &a);
        FIELD(fp_mul)(&x, &x, &a);
        FIELD(fp_set_one)(&y);
        cr_expect(FIELD(fp_eq)(&x, &y), "a / a");
        FIELD(fp_neg)(&x, &a);
        FIELD(fp_add)(&x, &x, &a);
        cr_expect(FIELD(fp_is_zero)(&x), "a - a");
        uint8_t be[8 * LIMBS];
        FIELD(fp_to_be)(be, &a);
        cr_expect(FIELD(fp_from_be)(&x, be));
        cr_expect(FIELD(fp_eq)(&x, &a), "bytes");
    }
    uint8_t be[8 * LIMBS];
    limbs_to_be(be, FIELD(modulus), LIMBS);
    cr_expect_not(FIELD(fp_from_be)(&t, be), "p itself is no element");
    be[8 * LIMBS - 1]--;
    cr_expect(FIELD(fp_from_be)(&t, be));
}

/// Goal: the tower's shortcuts are what they stand for.
Test(SUITE, tower)
{
    for (int i = 0; i < 20; i++) {
        FIELD(fp12_t) a = FIELD(random_fp12)();
        const FIELD(fp12_t) b = FIELD(random_fp12)();
        FIELD(fp12_t) x, y;
        FIELD(fp12_sqr)(&x, &a);
        FIELD(fp12_mul)(&y, &a, &a);
        cr_expect(FIELD(fp12_eq)(&x, &y), "square");
        FIELD(fp12_mul)(&x, &a, &b);
        FIELD(fp12_mul)(&y, &b, &a);
        cr_expect(FIELD(fp12_eq)(&x, &y), "commutes");
        FIELD(fp12_inv)(&x, &a);
        FIELD(fp12_mul)(&x, &x, &a);
        cr_expect(FIELD(fp12_is_one)(&x), "inverse");

        FIELD(fp2_t) s = FIELD(random_fp2)();
        FIELD(fp2_t) q, q2;
        FIELD(fp2_sqr)(&q, &s);
        FIELD(fp2_mul)(&q2, &s, &s);
        cr_expect(FIELD(fp2_eq)(&q, &q2), "square in Fp2");
        const FIELD(fp2_t) zero = {{{0}}, {{0}}};
        const FIELD(fp2_t) d0 = FIELD(random_fp2)();
        const FIELD(fp6_t) sparse = {s, d0, zero};
        FIELD(fp6_t) m, n;
        FIELD(fp6_mul)(&m, &a.c0, &sparse);
        FIELD(fp6_mul_01)(&n, &a.c0, &s, &d0);
        cr_expect_arr_eq(&m, &n, sizeof m, "sparse product");
        const FIELD(fp6_t) v = {zero, sparse.c0, zero};
        FIELD(fp6_t) one_v = v;
        FIELD(fp2_set_one)(&one_v.c1);
        FIELD(fp6_mul)(&m, &a.c0, &one_v);
        FIELD(fp6_mul_v)(&n, &a.c0);
        cr_expect_arr_eq(&m, &n, sizeof m, "times v");

        FIELD(fp12_easy_part)(&a, &a);
        FIELD(fp12_cyclotomic_sqr)(&x, &a);
        FIELD(fp12_sqr)(&y, &a);
        cr_expect(FIELD(fp12_eq)(&x, &y), "cyclotomic square");
        FIELD(fp12_conj)(&x, &a);
        FIELD(fp12_mul)(&x, &x, &a);
        cr_expect(FIELD(fp12_is_one)(&x), "conjugate is the inverse");
    }
}

/// Goal: the Frobenius constants are right: the maps are powers of p.
Test(SUITE, frobenius)
{
    const FIELD(fp12_t) a = FIELD(random_fp12)();
    FIELD(fp12_t) x, y;
    FIELD(fp12_frobenius)(&x, &a);
    FIELD(pow_p)(&y, &a);
    cr_expect(FIELD(fp12_eq)(&x, &y), "a^p");
    FIELD(fp12_frobenius)(&x, &x);
    FIELD(fp12_frobenius2)(&y, &a);
    cr_expect(FIELD(fp12_eq)(&x, &y), "a^(p^2)");
}
