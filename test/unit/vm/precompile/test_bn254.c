// SPDX-License-Identifier: Apache-2.0
#include "vm/precompile/bn254_field.h"

#include "chain/base/hex.h"
#include "vm/precompile/table.h"

#include <criterion/criterion.h>

#define FIELD(NAME) bn_##NAME
#define SUITE bn254
#include "test/unit/vm/precompile/field_tests.h"

/// The generators (EIP-197).
#define G1 W1 W2
#define W0 "0000000000000000000000000000000000000000000000000000000000000000"
#define W1 "0000000000000000000000000000000000000000000000000000000000000001"
#define W2 "0000000000000000000000000000000000000000000000000000000000000002"
#define G2                                                                                         \
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"                             \
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"                             \
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"                             \
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
#define R "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001"
#define P "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47"

static struct arena arena;

static enum evm_status call(bytes_t *out, uint8_t low, const char *hex)
{
    static uint8_t in[4096];
    size_t len;
    if (arena.base == NULL) cr_assert(err_ok(arena_init(&arena, 1 << 20)));
    cr_assert(err_ok(hex_decode(in, sizeof in, &len, bytes_of_str(hex))));
    uint64_t gas_left = 10000000;
    const address_t at = {{[19] = low}};
    return precompile_run(out, &gas_left, &arena, REV_CANCUN, &at, bytes_make(in, len));
}

static void expect(const char *name, uint8_t low, const char *input, const char *output)
{
    bytes_t out;
    const enum evm_status status = call(&out, low, input);
    cr_expect_eq(status, output != NULL ? EVM_SUCCESS : EVM_PRECOMPILE_FAILURE, "%s: %d", name,
                 (int)status);
    if (output == NULL) return;
    char text[300];
    hex_encode(text, out);
    cr_expect_str_eq(text, output, "%s: %s", name, text);
}

#define TWO_G                                                                                      \
    "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3"                             \
    "15ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538fc7ff3ebf7a5a18a2c4"
#define MINUS_G W1 "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd45"

/// Goal: each rule of EIP-196 has a row.
Test(bn254, additions_and_products)
{
    expect("0 + 0", 6, "", W0 W0);
    expect("G + 0", 6, G1, G1);
    expect("0 + G", 6, W0 W0 G1, G1);
    expect("G + G", 6, G1 G1, TWO_G);
    expect("G - G", 6, G1 MINUS_G, W0 W0);
    expect("2G - G", 6, TWO_G MINUS_G, G1);
    expect("more than 128 bytes", 6, G1 G1 W1, TWO_G);
    expect("not on the curve", 6, W1 W1, NULL);
    expect("second not on the curve", 6, G1 W1 W1, NULL);
    expect("x not below p", 6, P W0, NULL);
    expect("y not below p", 6, W0 P, NULL);
    expect("2 G", 7, G1 W2, TWO_G);
    expect("r G", 7, G1 R, W0 W0);
    expect("0 G", 7, G1 W0, W0 W0);
    expect("5 * infinity", 7, W0 W0 W2, W0 W0);
}

/// Goal: the pairing is bilinear, knows infinity and refuses what is not in its groups.
Test(bn254, pairing)
{
    expect("none", 8, "", W1);
    expect("e(G, H)", 8, G1 G2, W0);
    expect("e(G, H) e(-G, H)", 8, G1 G2 MINUS_G G2, W1);
    expect("e(G, H) e(G, H)", 8, G1 G2 G1 G2, W0);
    expect("e(2G, H) e(-G, H)^2", 8, TWO_G G2 MINUS_G G2 MINUS_G G2, W1);
    expect("e(0, H)", 8, W0 W0 G2, W1);
    expect("e(G, 0)", 8, G1 W0 W0 W0 W0, W1);
    expect("G not on the curve", 8, W1 W1 G2, NULL);
    expect("H not on the twist", 8, G1 W1 W0 W1 W0, NULL);
    expect("H not below p", 8, G1 P W0 W0 W0, NULL);
}

/// Goal: a point of the twist outside G2 is refused, and the quick test is right about both.
Test(bn254, subgroup)
{
    // Find points on the twist by trying x; few are of order r: one in 2^254.
    size_t found = 0;
    for (uint64_t k = 1; found < 4 && k < 64; k++) {
        bn_g2_affine_t q = {.infinity = false};
        bn_fp2_set_one(&q.x);
        for (uint64_t i = 1; i < k; i++) {
            bn_fp2_t one;
            bn_fp2_set_one(&one);
            bn_fp2_add(&q.x, &q.x, &one);
        }
        bn_fp2_t rhs;
        bn_fp2_sqr(&rhs, &q.x);
        bn_fp2_mul(&rhs, &rhs, &q.x);
        bn_fp2_add(&rhs, &rhs, &bn_twist_b);
        // Square root in Fp2 by norms (p = 3 mod 4).
        uint64_t e[4];
        memcpy(e, bn_modulus, sizeof e);
        e[0] += 1;
        for (int i = 0; i < 4; i++) e[i] = e[i] >> 2 | (i < 3 ? e[i + 1] << 62 : 0);
        bn_fp_t norm, t, s, d;
        bn_fp_sqr(&norm, &rhs.c0);
        bn_fp_sqr(&t, &rhs.c1);
        bn_fp_add(&norm, &norm, &t);
        bn_fp_pow(&s, &norm, e, 4);
        for (int sign = 0; sign < 2; sign++) {
            bn_fp_neg(&s, &s);
            bn_fp_add(&d, &rhs.c0, &s);
            bn_fp_mul(&d, &d, &bn_half);
            bn_fp_pow(&q.y.c0, &d, e, 4);
            bn_fp_dbl(&t, &q.y.c0);
            if (bn_fp_is_zero(&t)) continue;
            bn_fp_inv(&t, &t);
            bn_fp_mul(&q.y.c1, &rhs.c1, &t);
            if (bn_g2_on_curve(&q)) break;
        }
        if (!bn_g2_on_curve(&q)) continue;
        found++;

        char hex[400] = G1;
        uint8_t be[128];
        bn_fp_to_be(be, &q.x.c1);
        bn_fp_to_be(be + 32, &q.x.c0);
        bn_fp_to_be(be + 64, &q.y.c1);
        bn_fp_to_be(be + 96, &q.y.c0);
        hex_encode(hex + 128, bytes_make(be, sizeof be));
        expect("on the twist, not in G2", 8, hex, NULL);
    }
    cr_expect_eq(found, 4);
}

/// Goal: scalar products of G2, Pippenger's way and the plain way, agree.
Test(bn254, multi_scalar)
{
    uint8_t be[128];
    cr_assert(err_ok(hex_decode_fixed(be, sizeof be, LIT(G2))));
    bn_g2_affine_t g = {.infinity = false};
    cr_assert(bn_fp_from_be(&g.x.c1, be) && bn_fp_from_be(&g.x.c0, be + 32) &&
              bn_fp_from_be(&g.y.c1, be + 64) && bn_fp_from_be(&g.y.c0, be + 96));
    enum { N = 9 };
    bn_g2_affine_t a[N];
    uint64_t k[N][4];
    bn_g2_point_t plain, term, buckets[1 << 5], sum;
    bn_g2_set_infinity(&plain);
    for (size_t i = 0; i < N; i++) {
        const uint64_t factor[1] = {i}; // the first is infinity
        bn_g2_from_affine(&term, &g);
        bn_g2_mul(&term, &term, factor, 1);
        bn_g2_to_affine(&a[i], &term);
        for (size_t j = 0; j < 4; j++) k[i][j] = bn_random();
        bn_g2_mul(&term, &term, k[i], 4);
        bn_g2_add(&plain, &plain, &term);
    }
    for (unsigned width = 1; width <= 5; width++) {
        bn_g2_msm(&sum, a, (const uint64_t(*)[4])k, N, buckets, width);
        cr_expect(bn_g2_eq(&sum, &plain), "width %u", width);
    }
}
