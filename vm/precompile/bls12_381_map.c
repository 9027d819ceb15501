// SPDX-License-Identifier: Apache-2.0
/// Field elements to points (RFC 9380, sections 6.6.2, 6.6.3 and 8.8; EIP-2537). The simplified
/// SWU map needs a curve y^2 = x^3 + Ax + B with A, B not zero; an isogeny of degree 11 (G1)
/// or 3 (G2) leads from there to ours. By Velu's formulas it is
///
///     (x, y) -> (N(x) / h(x)^2, y M(x) / h(x)^3)
///
/// with h the polynomial of its kernel, so its image in Jacobian coordinates is simply
/// (N(x), y M(x), h(x)), and a point of the kernel goes to infinity. Last, the cofactor goes.

#include "vm/precompile/bls12_381_field.h"

// ---- constants, in Montgomery form --------------------------------------------------------

/// E1': A, B; Z = 11; -B/A and B/(ZA).
static const bls_fp_t a1 = {{0x2f65aa0e9af5aa51, 0x86464c2d1e8416c3, 0xb85ce591b7bd31e2,
                             0x27e11c91b5f24e7c, 0x28376eda6bfc1835, 0x155455c3e5071d85}};
static const bls_fp_t b1 = {{0xfb996971fe22a1e0, 0x9aa93eb35b742d6f, 0x8c476013de99c5c4,
                             0x873e27c3a221e571, 0xca72b5e45a52d888, 0x06824061418a386b}};
static const bls_fp_t z1 = {{0x886c00000023ffdc, 0x0f70008d3090001d, 0x77672417ed5828c3,
                             0x9dac23e943dc1740, 0x50553f1b9c131521, 0x078c712fbe0ab6e8}};
static const bls_fp_t minus_b_over_a1 = {{0x052583c93555a7fe, 0x3b40d72430f93c82,
                                          0x1b75faa0105ec983, 0x2527e7dc63851767,
                                          0x99fffd1f34fc181d, 0x097cab54770ca0d3}};
static const bls_fp_t b_over_za1 = {{0xaefbc579583dc22f, 0x70cca69e8ca26edc, 0xaf05f2a3b113ce57,
                                     0x4ed257417860c764, 0xbb16a0c0d526ff96, 0x1469e7cf3b7ec553}};

/// The 11-isogeny, coefficients from the constant on; h is monic (its last is left out).
static const bls_fp_t h1[5] = {
    {{0x8f721715d71bd7d3, 0x47c914773bdf8b42, 0x1f58783bbbd66c2b, 0x25e434ee66dee231,
      0xef1b155ef88a70f0, 0x15128d0d68b71174}},
    {{0x0eec4e6d317c763f, 0x3deec9daee338ba4, 0xdec559ed0590081c, 0x07fb84a9cf1eca80,
      0xb013c97f5bce2f98, 0x1740b4b0db285dc9}},
    {{0x202ba7dd4a879e5a, 0xc6e3cf50b0466017, 0x8c4b1a82b5ed77fa, 0xbd97d93bc25d0748,
      0xd374e3b9fd1707b5, 0x040509bde3d14bc5}},
    {{0xf1a4e31f664b4cb7, 0x4d3b5b5d166f2bdf, 0xaabc641cd0aedf76, 0xf7e617443d67d5d8,
      0x339c6aecf66752a2, 0x0570e37947528fed}},
    {{0x29ba8a64bdd634d9, 0xc05231b8b572c960, 0x615eb44e85731af3, 0x975128f88f062df7,
      0x30999b89015a99f4, 0x1653f761153a63c1}},
};
static const bls_fp_t n1[12] = {
    {{0x4d18b6f3af00131c, 0x19fa219793fee28c, 0x3f2885f1467f19ae, 0x23dcea34f2ffb304,
      0xd15b58d2ffc00054, 0x0913be200a20bef4}},
    {{0x898985385cdbbd8b, 0x3c79e43cc7d966aa, 0x1597e193f4cd233a, 0x8637ef1e4d6623ad,
      0x11b22deed20d827b, 0x07097bc5998784ad}},
    {{0xa542583a480b664b, 0xfc7169c026e568c6, 0x5ba2ef314ed8b5a6, 0x5b5491c05102f0e7,
      0xdf6e99707d2a0079, 0x0784151ed7605524}},
    {{0x494e212870f72741, 0xab9be52fbda43021, 0x26f5577994e34c3d, 0x049dfee82aefbd60,
      0x65dadd7828505289, 0x0e93d431ea011aeb}},
    {{0x90ee774bd6a74d45, 0x7ada1c8a41bfb185, 0x0f1a8953b325f464, 0x104c24211be4805c,
      0x169139d319ea7a8f, 0x09f20ead8e532bf6}},
    {{0x6ddd93e2f43626b7, 0xa5482c9aa1ccd7bd, 0x143245631883f4bd, 0x2e0a94ccf77ec0db,
      0xb0282d480e56489f, 0x18f4bfcbb4368929}},
    {{0x23c5f0c953402dfd, 0x7a43ff6958ce4fe9, 0x2c390d3d2da5df63, 0xd0df5c98e1f9d70f,
      0xffd89869a572b297, 0x1277ffc72f25e8fe}},
    {{0x79f4f0490f06a8a6, 0x85f894a88030fd81, 0x12da3054b18b6410, 0xe2a57f6505880d65,
      0xbba074f260e400f1, 0x08b76279f621d028}},
    {{0xe67245ba78d5b00b, 0x8456ba9a1f186475, 0x7888bff6e6b33bb4, 0xe21585b9a30f86cb,
      0x05a69cdcef55feee, 0x09e699dd9adfa5ac}},
    {{0x0de5c357bff57107, 0x0a0db4ae6b1a10b2, 0xe256bb67b3b3cd8d, 0x8ad456574e9db24f,
      0x0443915f50fd4179, 0x098c4bf7de8b6375}},
    {{0xe6b0617e7dd929c7, 0xfe6e37d442537375, 0x1dafdeda137a489e, 0xe4efd1ad3f767ceb,
      0x4a51d8667f0fe1cf, 0x054fdf4bbf1d821c}},
    {{0x72db2a50658d767b, 0x8abf91faa257b3d5, 0xe969d6833764ab47, 0x464170142a1009eb,
      0xb14f01aadb30be2f, 0x18ae6a856f40715d}},
};
static const bls_fp_t m1[16] = {
    {{0x2b567ff3e2837267, 0x1d4d9e57b958a767, 0xce028fea04bd7373, 0xcc31a30a0b6cd3df,
      0x7d7b18a682692693, 0x0d300744d42a0310}},
    {{0x99c2555fa542493f, 0xfe7f53cc4874f878, 0x5df0608b8f97608a, 0x14e03832052b49c8,
      0x706326a6957dd5a4, 0x0a8dadd9c2414555}},
    {{0x13d942922a5cf63a, 0x357e33e36e261e7d, 0xcf05a27c8456088d, 0x0000bd1de7ba50f0,
      0x83d0c7532f8c1fde, 0x13f70bf38bbf2905}},
    {{0x5c57fd95bfafbdbb, 0x28a359a65e541707, 0x3983ceb4f6360b6d, 0xafe19ff6f97e6d53,
      0xb3468f4550192bf7, 0x0bb6cde49d8ba257}},
    {{0x590b62c7ff8a513f, 0x314b4ce372cacefd, 0x6bef32ce94b8a800, 0x6ddf84a095713d5f,
      0x64eace4cb0982191, 0x0386213c651b888d}},
    {{0xa5310a31111bbcdd, 0xa14ac0f5da148982, 0xf9ad9cc95423d2e9, 0xaa6ec095283ee4a7,
      0xcf5b1f022e1c9107, 0x01fddf5aed881793}},
    {{0x65a572b0d7a7d950, 0xe25c2d8183473a19, 0xc2fcebe7cb877dbd, 0x05b2d36c769a89b0,
      0xba12961be86e9efb, 0x07eb1b29c1dfde1f}},
    {{0x93e09572f7c4cd24, 0x364e929076795091, 0x8569467e68af51b5, 0xa47da89439f5340f,
      0xf4fa918082e44d64, 0x0ad52ba3e6695a79}},
    {{0x911429844e0d5f54, 0xd03f51a3516bb233, 0x3d587e5640536e66, 0xfa86d2a3a9a73482,
      0xa90ed5adf1ed5537, 0x149c9c326a5e7393}},
    {{0x462bbeb03c12921a, 0xdc9af5fa0a274a17, 0x9a558ebde836ebed, 0x649ef8f11a4fae46,
      0x8100e1652b3cdc62, 0x1862bd62c291dacb}},
    {{0x05c9b8ca89f12c26, 0x0194160fa9b9ac4f, 0x6a643d5a6879fa2c, 0x14665bdd8846e19d,
      0xbb1d0d53af3ff6bf, 0x12c7e1c3b28962e5}},
    {{0xb55ebf900b8a3e17, 0xfedc77ec1a9201c4, 0x1f07db10ea1a4df4, 0x0dfbd15dc41a594d,
      0x389547f2334a5391, 0x02419f98165871a4}},
    {{0xb416af000745fc20, 0x8e563e9d1ea6d0f5, 0x7c763e17763a0652, 0x01458ef0159ebbef,
      0x8346fe421f96bb13, 0x0d2d7b829ce324d2}},
    {{0x93096bb538d64615, 0x6f2a2619951d823a, 0x8f66b3ea59514fa4, 0xf563e63704f7092f,
      0x724b136c4cf2d9fa, 0x046959cfcfd0bf49}},
    {{0xea748d4b6e405346, 0x91e9079c2c02d58f, 0x41064965946d9b59, 0xa06731f1d2bbe1ee,
      0x07f897e267a33f1b, 0x1017290919210e5f}},
    {{0x872aa6c17d985097, 0xeecc53161264562a, 0x07afe37afff55002, 0x54759078e5be6838,
      0xc4b92d15db8acca8, 0x106d87d1b51d13b9}},
};

/// E2': A = 240u, B = 1012(1+u); Z = -(2+u); -B/A and B/(ZA).
static const bls_fp2_t a2 = {{{0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                               0x0000000000000000, 0x0000000000000000, 0x0000000000000000}},
                             {{0xe53a000003135242, 0x01080c0fdef80285, 0xe7889edbe340f6bd,
                               0x0b51375126310601, 0x02d6985717c744ab, 0x1220b4e979ea5467}}};
static const bls_fp2_t b2 = {{{0x22ea00000cf89db2, 0x6ec832df71380aa4, 0x6e1b94403db5a66e,
                               0x75bf3c53a79473ba, 0x3dd3a569412c0a34, 0x125cdb5e74dc4fd1}},
                             {{0x22ea00000cf89db2, 0x6ec832df71380aa4, 0x6e1b94403db5a66e,
                               0x75bf3c53a79473ba, 0x3dd3a569412c0a34, 0x125cdb5e74dc4fd1}}};
static const bls_fp2_t z2 = {{{0x87ebfffffff9555c, 0x656fffe5da8ffffa, 0x0fd0749345d33ad2,
                               0xd951e663066576f4, 0xde291a3d41e980d3, 0x0815664c7dfe040d}},
                             {{0x43f5fffffffcaaae, 0x32b7fff2ed47fffd, 0x07e83a49a2e99d69,
                               0xeca8f3318332bb7a, 0xef148d1ea0f4c069, 0x040ab3263eff0206}}};
static const bls_fp2_t minus_b_over_a2 = {
    {{0x903c555555474fb3, 0x5f98cc95ce451105, 0x9f8e582eefe0fade, 0xc68946b6aebbd062,
      0x467a4ad10ee6de53, 0x0e7146f483e23a05}},
    {{0x29c2aaaaaab85af8, 0xbf133368e30eeefa, 0xc7a27a7206cffb45, 0x9dee04ce44c9425c,
      0x04a15ce53464ce83, 0x0b8fcaf5b59dac95}}};
static const bls_fp2_t b_over_za2 = {
    {{0xf2d8444444414324, 0x2585c28393a69d00, 0x5dd35cd05d972c42, 0xfd963b744ea89b53,
      0x07f5d9fd91c1fa91, 0x127db28a3ce062c4}},
    {{0x55743333333b3695, 0xeb72b871590828fc, 0x1c186171cb4d5da5, 0x34a33031ee956644,
      0xc971692a149d16d0, 0x168a1e1ff5de8b82}}};

/// The 3-isogeny; its kernel is x = 6u - 6.
static const bls_fp2_t kernel2 = {{{0x97c3ffffffec0014, 0x304fffb18fafffef, 0x2f715db9d179b077,
                                    0x8bf5b329133064dc, 0x9a7b4eb7c5bc827b, 0x184032e579fa0c29}},
                                  {{0x223b00000013aa97, 0xee5c004d21a40010, 0x37bf74e7253745ac,
                                    0xd881985be054ade3, 0xb0a058fe7d8f2a5b, 0x01c0df04bf85da70}}};
static const bls_fp2_t n2[4] = {
    {{{0x47f671c71ce05e62, 0x06dd57071206393e, 0x7c80cd2af3fd71a2, 0x048103ea9e6cd062,
       0xc54516acc8d037f6, 0x13808f550920ea41}},
     {{0x47f671c71ce05e62, 0x06dd57071206393e, 0x7c80cd2af3fd71a2, 0x048103ea9e6cd062,
       0xc54516acc8d037f6, 0x13808f550920ea41}}},
    {{{0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
       0x0000000000000000, 0x0000000000000000}},
     {{0x5fe55555554c71d0, 0x873fffdd236aaaa3, 0x6a6b4619b26ef918, 0x21c2888408874945,
       0x2836cda7028cabc5, 0x0ac73310a7fd5abd}}},
    {{{0x0a0c5555555971c3, 0xdb0c00101f9eaaae, 0xb1fb2f941d797997, 0xd3960742ef416e1c,
       0xb70040e2c20556f4, 0x149d7861e581393b}},
     {{0xaff2aaaaaaa638e8, 0x439fffee91b55551, 0xb535a30cd9377c8c, 0x90e144420443a4a2,
       0x941b66d3814655e2, 0x0563998853fead5e}}},
    {{{0x40aac71c71c725ed, 0x190955557a84e38e, 0xd817050a8f41abc3, 0xd86485d4c87f6fb1,
       0x696eb479f885d059, 0x198e1a74328002d2}},
     {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
       0x0000000000000000, 0x0000000000000000}}},
};
static const bls_fp2_t m2[4] = {
    {{{0x96d8f684bdfc77be, 0xb530e4f43b66d0e2, 0x184a88ff379652fd, 0x57cb23ecfae804e1,
       0x0fd2e39eada3eba9, 0x08c8055e31c5d5c3}},
     {{0x96d8f684bdfc77be, 0xb530e4f43b66d0e2, 0x184a88ff379652fd, 0x57cb23ecfae804e1,
       0x0fd2e39eada3eba9, 0x08c8055e31c5d5c3}}},
    {{{0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
       0x0000000000000000, 0x0000000000000000}},
     {{0xbf0a71c71c91b406, 0x4d6d55d28b7638fd, 0x9d82f98e5f205aee, 0xa27aa27b1d1a18d5,
       0x02c3b2b2d2938e86, 0x0c7d13420b09807f}}},
    {{{0xd7f9555555531c74, 0x21cffff748daaaa8, 0x5a9ad1866c9bbe46, 0x4870a2210221d251,
       0x4a0db369c0a32af1, 0x02b1ccc429ff56af}},
     {{0xe205aaaaaaac8e37, 0xfcdc000768795556, 0x0c96011a8a1537dd, 0x1c06a963f163406e,
       0x010df44c82a881e6, 0x174f45260f808feb}}},
    {{{0xa470bda12f67f35c, 0xc0fe38e23327b425, 0xc9d3d0f2c6f0678d, 0x1c55c9935b5a982e,
       0x27f6c0e2f0746764, 0x117c5e6e28aa9054}},
     {{0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
       0x0000000000000000, 0x0000000000000000}}},
};

// ---- square roots -----------------------------------------------------------------------------

/// r = a^((p + 1) / 4), a root if there is one (p = 3 mod 4). @return whether there is
static bool fp_sqrt(bls_fp_t *r, const bls_fp_t *a)
{
    static const uint64_t e[6] = {0xee7fbfffffffeaab, 0x07aaffffac54ffff, 0xd9cc34a83dac3d89,
                                  0xd91dd2e13ce144af, 0x92c6e9ed90d2eb35, 0x0680447a8e5ff9a6};
    bls_fp_t root, back;
    bls_fp_pow(&root, a, e, 6);
    bls_fp_sqr(&back, &root);
    const bool square = bls_fp_eq(&back, a);
    *r = root;
    return square;
}

/// By norms: with s^2 = a0^2 + a1^2 one of (a0 + s)/2, (a0 - s)/2 is the square of the root's
/// real part c, and a1 / 2c is the rest.
static bool fp2_sqrt(bls_fp2_t *r, const bls_fp2_t *a)
{
    bls_fp_t norm, s, t, c;
    bls_fp_sqr(&norm, &a->c0);
    bls_fp_sqr(&t, &a->c1);
    bls_fp_add(&norm, &norm, &t);
    if (!fp_sqrt(&s, &norm)) return false;
    bls_fp_add(&t, &a->c0, &s);
    bls_fp_mul(&t, &t, &bls_half);
    if (!fp_sqrt(&c, &t)) {
        bls_fp_sub(&t, &a->c0, &s);
        bls_fp_mul(&t, &t, &bls_half);
        if (!fp_sqrt(&c, &t)) return false;
    }
    bls_fp2_t root;
    if (bls_fp_is_zero(&c)) { // a = -(the imaginary part)^2
        root.c0 = c;
        bls_fp_neg(&t, &a->c0);
        if (!fp_sqrt(&root.c1, &t)) return false;
    } else {
        root.c0 = c;
        bls_fp_dbl(&t, &c);
        bls_fp_inv(&t, &t);
        bls_fp_mul(&root.c1, &a->c1, &t);
    }
    *r = root;
    return true;
}

/// sgn0 (RFC 9380, section 4.1): the lowest bit, of the first part that is not zero.
static bool fp_is_odd(const bls_fp_t *a)
{
    uint64_t l[6];
    bls_fp_to_limbs(l, a);
    return (l[0] & 1) != 0;
}

static bool fp2_is_odd(const bls_fp2_t *a)
{
    return bls_fp_is_zero(&a->c0) ? fp_is_odd(&a->c1) : fp_is_odd(&a->c0);
}

// ---- G1 -----------------------------------------------------------------------------------

/// g = x^3 + Ax + B
static void equation1(bls_fp_t *g, const bls_fp_t *x)
{
    bls_fp_t t;
    bls_fp_sqr(&t, x);
    bls_fp_add(&t, &t, &a1);
    bls_fp_mul(&t, &t, x);
    bls_fp_add(g, &t, &b1);
}

/// RFC 9380, section 6.6.2.
static void sswu1(bls_fp_t *x, bls_fp_t *y, const bls_fp_t *u)
{
    bls_fp_t zu2, tv, x1, g;
    bls_fp_sqr(&zu2, u);
    bls_fp_mul(&zu2, &zu2, &z1);
    bls_fp_sqr(&tv, &zu2);
    bls_fp_add(&tv, &tv, &zu2); // Z^2 u^4 + Z u^2
    if (bls_fp_is_zero(&tv)) {
        x1 = b_over_za1;
    } else {
        bls_fp_t one;
        bls_fp_set_one(&one);
        bls_fp_inv(&tv, &tv);
        bls_fp_add(&tv, &tv, &one);
        bls_fp_mul(&x1, &minus_b_over_a1, &tv);
    }
    *x = x1;
    equation1(&g, x);
    if (!fp_sqrt(y, &g)) {
        bls_fp_mul(x, &zu2, &x1);
        equation1(&g, x);
        (void)fp_sqrt(y, &g); // a root exists: g(x1) g(x2) is a square times Z, not a square
    }
    if (fp_is_odd(u) != fp_is_odd(y)) bls_fp_neg(y, y);
}

/// r = c[0] + c[1] x + ... + c[n-1] x^(n-1), and x^n more if `monic`
static void polynomial1(bls_fp_t *r, const bls_fp_t *c, size_t n, bool monic, const bls_fp_t *x)
{
    bls_fp_t acc = {{0}};
    if (monic) bls_fp_set_one(&acc);
    for (size_t i = n; i > 0; i--) {
        bls_fp_mul(&acc, &acc, x);
        bls_fp_add(&acc, &acc, &c[i - 1]);
    }
    *r = acc;
}

void bls_map_to_g1(bls_g1_point_t *out, const bls_fp_t *u)
{
    bls_fp_t x, y;
    sswu1(&x, &y, u);
    bls_g1_point_t p;
    polynomial1(&p.x, n1, sizeof n1 / sizeof n1[0], false, &x);
    polynomial1(&p.y, m1, sizeof m1 / sizeof m1[0], false, &x);
    bls_fp_mul(&p.y, &p.y, &y);
    polynomial1(&p.z, h1, sizeof h1 / sizeof h1[0], true, &x);

    static const uint64_t h_eff[1] = {BLS_MINUS_Z + 1}; // 1 - z
    bls_g1_mul(out, &p, h_eff, 1);
}

// ---- G2 -----------------------------------------------------------------------------------

static void equation2(bls_fp2_t *g, const bls_fp2_t *x)
{
    bls_fp2_t t;
    bls_fp2_sqr(&t, x);
    bls_fp2_add(&t, &t, &a2);
    bls_fp2_mul(&t, &t, x);
    bls_fp2_add(g, &t, &b2);
}

static void sswu2(bls_fp2_t *x, bls_fp2_t *y, const bls_fp2_t *u)
{
    bls_fp2_t zu2, tv, x1, g;
    bls_fp2_sqr(&zu2, u);
    bls_fp2_mul(&zu2, &zu2, &z2);
    bls_fp2_sqr(&tv, &zu2);
    bls_fp2_add(&tv, &tv, &zu2);
    if (bls_fp2_is_zero(&tv)) {
        x1 = b_over_za2;
    } else {
        bls_fp2_t one;
        bls_fp2_set_one(&one);
        bls_fp2_inv(&tv, &tv);
        bls_fp2_add(&tv, &tv, &one);
        bls_fp2_mul(&x1, &minus_b_over_a2, &tv);
    }
    *x = x1;
    equation2(&g, x);
    if (!fp2_sqrt(y, &g)) {
        bls_fp2_mul(x, &zu2, &x1);
        equation2(&g, x);
        (void)fp2_sqrt(y, &g);
    }
    if (fp2_is_odd(u) != fp2_is_odd(y)) bls_fp2_neg(y, y);
}

static void polynomial2(bls_fp2_t *r, const bls_fp2_t *c, size_t n, const bls_fp2_t *x)
{
    bls_fp2_t acc = {{{0}}, {{0}}};
    for (size_t i = n; i > 0; i--) {
        bls_fp2_mul(&acc, &acc, x);
        bls_fp2_add(&acc, &acc, &c[i - 1]);
    }
    *r = acc;
}

/// psi of a point in Jacobian coordinates: conjugation commutes with the division by Z.
static void psi(bls_g2_point_t *r, const bls_g2_point_t *a)
{
    bls_fp2_conj(&r->x, &a->x);
    bls_fp2_conj(&r->y, &a->y);
    bls_fp2_conj(&r->z, &a->z);
    bls_fp2_mul(&r->x, &r->x, &bls_psi_x);
    bls_fp2_mul(&r->y, &r->y, &bls_psi_y);
}

/// [z^2 - z - 1] P + [z - 1] psi(P) + psi^2(2P) (Budroni and Pintore 2017; RFC 9380, appendix
/// G.3): the multiplication by h_eff.
static void clear_cofactor2(bls_g2_point_t *r, const bls_g2_point_t *p)
{
    static const uint64_t minus_z[1] = {BLS_MINUS_Z};
    bls_g2_point_t zp, psi_p, sum, t;
    bls_g2_mul(&zp, p, minus_z, 1);
    bls_g2_neg(&zp, &zp); // zP
    psi(&psi_p, p);

    bls_g2_add(&t, &zp, &psi_p);
    bls_g2_mul(&t, &t, minus_z, 1);
    bls_g2_neg(&sum, &t); // z (zP + psi(P))
    bls_g2_neg(&t, &zp);
    bls_g2_add(&sum, &sum, &t);
    bls_g2_neg(&t, p);
    bls_g2_add(&sum, &sum, &t);
    bls_g2_neg(&t, &psi_p);
    bls_g2_add(&sum, &sum, &t);
    psi(&t, &psi_p);
    bls_g2_dbl(&t, &t);
    bls_g2_add(r, &sum, &t);
}

void bls_map_to_g2(bls_g2_point_t *out, const bls_fp2_t *u)
{
    bls_fp2_t x, y;
    sswu2(&x, &y, u);
    bls_g2_point_t p;
    polynomial2(&p.x, n2, sizeof n2 / sizeof n2[0], &x);
    polynomial2(&p.y, m2, sizeof m2 / sizeof m2[0], &x);
    bls_fp2_mul(&p.y, &p.y, &y);
    bls_fp2_sub(&p.z, &x, &kernel2);
    clear_cofactor2(out, &p);
}
