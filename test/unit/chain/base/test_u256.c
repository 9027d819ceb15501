// SPDX-License-Identifier: Apache-2.0
#include "chain/base/u256.h"

#include <criterion/criterion.h>
#include <gmp.h>
#include <stdlib.h>

#include "test/support/vectors.h"

static u256_t num(const char *text)
{
    u256_t v;
    cr_assert(err_ok(u256_parse(&v, bytes_of_str(text))), "%s", text);
    return v;
}

static bool is(u256_t got, const char *wanted)
{
    const u256_t w = num(wanted);
    return u256_eq(&got, &w);
}

#define MAX "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define MIN_SIGNED "0x8000000000000000000000000000000000000000000000000000000000000000"

/// Goal: each form of text that is or is not a number has a row.
static const struct {
    const char *text;
    enum err_kind kind;
    const char *dec;
} texts[] = {
    {"0", ERR_NONE, "0"},
    {"0x0", ERR_NONE, "0"},
    {"0x00000000000000000000000000000000000000000000000000000000000000000000ff", ERR_NONE, "255"},
    {"10000000000000000000", ERR_NONE, "10000000000000000000"},
    {"100000000000000000000000000000000000000", ERR_NONE,
     "100000000000000000000000000000000000000"},
    {MAX, ERR_NONE,
     "115792089237316195423570985008687907853269984665640564039457584007913129639935"},
    {"115792089237316195423570985008687907853269984665640564039457584007913129639936", ERR_LIMIT,
     ""},
    {"0x10000000000000000000000000000000000000000000000000000000000000000", ERR_LIMIT, ""},
    {"", ERR_MALFORMED, ""},
    {"0x", ERR_MALFORMED, ""},
    {"0x0x1", ERR_MALFORMED, ""},
    {"-1", ERR_MALFORMED, ""},
    {"+1", ERR_MALFORMED, ""},
    {"1 ", ERR_MALFORMED, ""},
    {"1e3", ERR_MALFORMED, ""},
    {"0xg", ERR_MALFORMED, ""},
    {"999999999999999999999999999999999999999999999999999999999999999999999999999999999x",
     ERR_MALFORMED, ""},
};

Test(u256, text)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        u256_t v = {{7, 7, 7, 7}};
        const err_t err = u256_parse(&v, bytes_of_str(texts[i].text));
        cr_expect_eq(err.kind, texts[i].kind, "%s: %s", texts[i].text, err_text(err));
        if (err_ok(err)) cr_expect_str_eq(u256_dec(&v).s, texts[i].dec);
        if (!err_ok(err)) cr_expect_eq(v.limb[3], 7, "%s: touched", texts[i].text);
    }
}

/// Goal: the corners that the EVM's definitions single out.
Test(u256, corners)
{
    const u256_t zero = num("0");
    const u256_t one = num("1");
    const u256_t two = num("2");
    const u256_t max = num(MAX);
    const u256_t min = num(MIN_SIGNED);
    const u256_t five = num("5");
    u256_t q, r;
    u256_divmod(&q, &r, &five, &zero);
    cr_expect(u256_is_zero(&q) && u256_is_zero(&r), "division by zero is zero");
    cr_expect(is(u256_sdiv(&min, &max), MIN_SIGNED), "the one signed overflow");
    cr_expect(is(u256_sdiv(&five, &zero), "0"));
    cr_expect(is(u256_smod(&five, &zero), "0"));
    u256_t minus_five;
    u256_sub(&minus_five, &zero, &five);
    u256_t minus_one;
    u256_sub(&minus_one, &zero, &one);
    const u256_t got = u256_smod(&minus_five, &two);
    cr_expect(u256_eq(&got, &minus_one), "the sign of the dividend");
    cr_expect(is(u256_addmod(&max, &max, &five), "0"), "2 * (2^256 - 1) mod 5");
    cr_expect(is(u256_addmod(&max, &max, &max), "0"));
    cr_expect(is(u256_addmod(&max, &max, &zero), "0"));
    cr_expect(is(u256_mulmod(&max, &max, &max), "0"));
    cr_expect(is(u256_mulmod(&max, &max, &zero), "0"));
    cr_expect(is(u256_exp(&zero, &zero), "1"));
    cr_expect(is(u256_exp(&two, &max), "0"));
    cr_expect(is(u256_shl(&one, 255), MIN_SIGNED));
    cr_expect(is(u256_shl(&one, 256), "0"));
    cr_expect(is(u256_shr(&min, 255), "1"));
    cr_expect(is(u256_shr(&max, 256), "0"));
    cr_expect(is(u256_sar(&min, 255), MAX));
    cr_expect(is(u256_sar(&min, 4000), MAX));
    cr_expect(is(u256_sar(&five, 4000), "0"));
    cr_expect_eq(u256_bit_len(&zero), 0);
    cr_expect_eq(u256_bit_len(&max), 256);
    cr_expect_eq(u256_byte_len(&one), 1);
    cr_expect_eq(u256_cmp(&min, &max), -1);
    cr_expect_eq(u256_cmp(&max, &max), 0);
    cr_expect_eq(u256_cmp(&five, &one), 1);
}

/// Goal: money never wraps, and a refusal leaves the output alone.
Test(u256, checked)
{
    const u256_t max = num(MAX);
    const u256_t one = num("1");
    const u256_t root = num("0x100000000000000000000000000000000"); // 2^128
    u256_t out = num("77");
    cr_expect(!u256_add_checked(&out, &max, &one));
    cr_expect(!u256_sub_checked(&out, &one, &max));
    cr_expect(!u256_mul_checked(&out, &root, &root));
    cr_expect(is(out, "77"));
    cr_expect(u256_sub_checked(&out, &max, &max) && u256_is_zero(&out));
    cr_expect(u256_mul_checked(&out, &max, &one) && u256_eq(&out, &max));
}

static void to_mpz(mpz_t out, const u256_t *a)
{
    mpz_import(out, 4, -1, sizeof(uint64_t), 0, 0, a->limb);
}

static u256_t of_mpz(const mpz_t in)
{
    u256_t v = {{0}};
    mpz_t low;
    mpz_init(low);
    mpz_fdiv_r_2exp(low, in, 256);
    mpz_export(v.limb, NULL, -1, sizeof(uint64_t), 0, 0, low);
    mpz_clear(low);
    return v;
}

/// Numbers whose limbs are often 0, all ones or a single bit: where carries go wrong.
static u256_t draw(unsigned *seed)
{
    u256_t v;
    for (int i = 0; i < 4; i++) {
        const uint64_t random =
            (uint64_t)rand_r(seed) << 42 ^ (uint64_t)rand_r(seed) << 21 ^ (uint64_t)rand_r(seed);
        switch (rand_r(seed) % 5) {
        case 0:
            v.limb[i] = 0;
            break;
        case 1:
            v.limb[i] = UINT64_MAX;
            break;
        case 2:
            v.limb[i] = (uint64_t)1 << (random % 64);
            break;
        case 3:
            v.limb[i] = random >> (random % 64);
            break;
        default:
            v.limb[i] = random;
        }
    }
    for (int i = 3; i > rand_r(seed) % 5; i--) v.limb[i] = 0;
    return v;
}

/// Goal: all arithmetic agrees with GMP on numbers chosen to break carries.
Test(u256, agrees_with_gmp)
{
    const char *from_env = getenv("CAIRN_SEED");
    unsigned seed = from_env == NULL ? 20240229 : (unsigned)strtoul(from_env, NULL, 10);
    mpz_t a, b, m, t, modulus;
    mpz_inits(a, b, m, t, modulus, NULL);
    mpz_setbit(modulus, 256);
    for (unsigned i = 0; i < 20000; i++) {
        const u256_t x = draw(&seed);
        const u256_t y = draw(&seed);
        const u256_t z = draw(&seed);
        u256_t got, want, rem;
        to_mpz(a, &x);
        to_mpz(b, &y);
        to_mpz(m, &z);

        mpz_add(t, a, b);
        want = of_mpz(t);
        u256_add(&got, &x, &y);
        cr_assert(u256_eq(&got, &want), "add, step %u", i);
        mpz_sub(t, a, b);
        want = of_mpz(t);
        cr_assert_eq(u256_sub(&got, &x, &y), mpz_sgn(t) < 0, "borrow, step %u", i);
        cr_assert(u256_eq(&got, &want), "sub, step %u", i);
        mpz_mul(t, a, b);
        want = of_mpz(t);
        got = u256_mul(&x, &y);
        cr_assert(u256_eq(&got, &want), "mul, step %u", i);
        cr_assert_eq(u256_mul_checked(&got, &x, &y), mpz_cmp(t, modulus) < 0, "fits, step %u", i);
        if (!u256_is_zero(&y)) {
            u256_divmod(&got, &rem, &x, &y);
            mpz_tdiv_q(t, a, b);
            want = of_mpz(t);
            cr_assert(u256_eq(&got, &want), "div, step %u", i);
            mpz_tdiv_r(t, a, b);
            want = of_mpz(t);
            cr_assert(u256_eq(&rem, &want), "mod, step %u", i);
        }
        if (!u256_is_zero(&z)) {
            mpz_add(t, a, b);
            mpz_tdiv_r(t, t, m);
            want = of_mpz(t);
            got = u256_addmod(&x, &y, &z);
            cr_assert(u256_eq(&got, &want), "addmod, step %u", i);
            mpz_mul(t, a, b);
            mpz_tdiv_r(t, t, m);
            want = of_mpz(t);
            got = u256_mulmod(&x, &y, &z);
            cr_assert(u256_eq(&got, &want), "mulmod, step %u", i);
        }
        if (i % 20 == 0) {
            mpz_powm(t, a, b, modulus);
            want = of_mpz(t);
            got = u256_exp(&x, &y);
            cr_assert(u256_eq(&got, &want), "exp, step %u", i);
        }
        const unsigned shift = (unsigned)(y.limb[0] % 260);
        mpz_mul_2exp(t, a, shift);
        want = of_mpz(t);
        got = u256_shl(&x, shift);
        cr_assert(u256_eq(&got, &want), "shl, step %u", i);
        mpz_tdiv_q_2exp(t, a, shift);
        want = of_mpz(t);
        got = u256_shr(&x, shift);
        cr_assert(u256_eq(&got, &want), "shr, step %u", i);
        uint8_t be[32];
        u256_to_be32(be, &x);
        got = u256_from_be(bytes_make(be + 32 - u256_byte_len(&x), u256_byte_len(&x)));
        cr_assert(u256_eq(&got, &x), "bytes, step %u", i);
        got = num(u256_dec(&x).s);
        cr_assert(u256_eq(&got, &x), "text, step %u", i);
    }
    mpz_clears(a, b, m, t, modulus, NULL);
}

/// Goal: go-ethereum's two-operand opcode tables, as far as they are about numbers. Y is the
/// top of the stack.
static u256_t op_add(const u256_t *y, const u256_t *x)
{
    u256_t r;
    u256_add(&r, x, y);
    return r;
}

static u256_t op_sub(const u256_t *y, const u256_t *x)
{
    u256_t r;
    u256_sub(&r, y, x);
    return r;
}

static u256_t op_mul(const u256_t *y, const u256_t *x)
{
    return u256_mul(x, y);
}

static u256_t op_div(const u256_t *y, const u256_t *x)
{
    u256_t q;
    u256_divmod(&q, NULL, y, x);
    return q;
}

static u256_t op_mod(const u256_t *y, const u256_t *x)
{
    u256_t r;
    u256_divmod(NULL, &r, y, x);
    return r;
}

static unsigned shift_of(const u256_t *y)
{
    return u256_fits_u64(y) && y->limb[0] < 256 ? (unsigned)y->limb[0] : 256;
}

static u256_t op_shl(const u256_t *y, const u256_t *x)
{
    return u256_shl(x, shift_of(y));
}

static u256_t op_shr(const u256_t *y, const u256_t *x)
{
    return u256_shr(x, shift_of(y));
}

static u256_t op_sar(const u256_t *y, const u256_t *x)
{
    return u256_sar(x, shift_of(y));
}

static const struct {
    const char *file;
    u256_t (*op)(const u256_t *top, const u256_t *below);
} tables[] = {
    {"add", op_add}, {"sub", op_sub},   {"mul", op_mul},     {"div", op_div},
    {"mod", op_mod}, {"exp", u256_exp}, {"sdiv", u256_sdiv}, {"smod", u256_smod},
    {"shl", op_shl}, {"shr", op_shr},   {"sar", op_sar},
};

Test(u256, opcode_tables)
{
    for (size_t f = 0; f < ARRAY_LEN(tables); f++) {
        char path[128];
        snprintf(path, sizeof path, "ethereum/vectors/geth/opcodes/%s.json", tables[f].file);
        json_t *rows = vectors_load(path);
        cr_assert_eq(json_array_size(rows), 81, "%s", path);
        struct arena arena = vectors_arena(65536);
        for (size_t i = 0; i < 81; i++) {
            const json_t *row = json_array_get(rows, i);
            const u256_t x = u256_from_be(vectors_bytes(&arena, row, "X"));
            const u256_t y = u256_from_be(vectors_bytes(&arena, row, "Y"));
            const u256_t want = u256_from_be(vectors_bytes(&arena, row, "Expected"));
            const u256_t got = tables[f].op(&y, &x);
            cr_expect(u256_eq(&got, &want), "%s row %zu", tables[f].file, i);
        }
        arena_deinit(&arena);
        json_decref(rows);
    }
}
