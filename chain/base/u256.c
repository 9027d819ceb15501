// SPDX-License-Identifier: Apache-2.0
#include "chain/base/u256.h"

#include "chain/base/hex.h"

typedef unsigned __int128 u128;

static inline u128 mul64(uint64_t a, uint64_t b)
{
    return (u128)a * b;
}

// ---- division -------------------------------------------------------------------------------
// By one or two limbs with a precomputed reciprocal, by more with Knuth's algorithm D whose
// quotient digits come from the same reciprocal (Moeller and Granlund, "Improved division by
// invariant integers", 2011: algorithms 2, 4, 5 and 6).

/// floor((2^128 - 1) / d) - 2^64 for a normalised d (top bit set).
static uint64_t reciprocal_2by1(uint64_t d)
{
#if defined(__x86_64__)
    uint64_t quotient = ~d; // high half of the dividend, below d because d is normalised
    uint64_t low = UINT64_MAX;
    __asm__("divq %2" : "+a"(low), "+d"(quotient) : "r"(d) : "cc");
    return low;
#else
    return (uint64_t)((((u128)~d << 64) | UINT64_MAX) / d);
#endif
}

/// (u1 u0) / d, u1 < d, d normalised, v its reciprocal. @return the quotient
static inline uint64_t div_2by1(uint64_t *rem, uint64_t u1, uint64_t u0, uint64_t d, uint64_t v)
{
    u128 q = mul64(v, u1) + (((u128)u1 << 64) | u0);
    uint64_t q1 = (uint64_t)(q >> 64) + 1;
    uint64_t r = u0 - q1 * d;
    if (r > (uint64_t)q) {
        q1--;
        r += d;
    }
    if (__builtin_expect(r >= d, 0)) {
        q1++;
        r -= d;
    }
    *rem = r;
    return q1;
}

static uint64_t reciprocal_3by2(uint64_t d1, uint64_t d0)
{
    uint64_t v = reciprocal_2by1(d1);
    uint64_t p = d1 * v;
    p += d0;
    if (p < d0) {
        v--;
        if (p >= d1) {
            v--;
            p -= d1;
        }
        p -= d1;
    }
    const u128 t = mul64(v, d0);
    p += (uint64_t)(t >> 64);
    if (p < (uint64_t)(t >> 64)) {
        v--;
        if ((((u128)p << 64) | (uint64_t)t) >= (((u128)d1 << 64) | d0)) v--;
    }
    return v;
}

/// Quotient digit of (u2 u1 u0) / (d1 d0) where (u2 u1) < (d1 d0).
static inline uint64_t div_3by2(uint64_t u2, uint64_t u1, uint64_t u0, uint64_t d1, uint64_t d0,
                                uint64_t v)
{
    const u128 d = ((u128)d1 << 64) | d0;
    const u128 q = mul64(v, u2) + (((u128)u2 << 64) | u1);
    uint64_t q1 = (uint64_t)(q >> 64);
    const uint64_t r1 = u1 - q1 * d1;
    u128 r = (((u128)r1 << 64) | u0) - mul64(d0, q1) - d;
    q1++;
    if ((uint64_t)(r >> 64) >= (uint64_t)q) {
        q1--;
        r += d;
    }
    if (__builtin_expect(r >= d, 0)) q1++;
    return q1;
}

/// u[0..n] -= q * d[0..n-1]. @return true if it went below zero
static inline __attribute__((always_inline)) bool sub_mul(uint64_t *u, const uint64_t *d,
                                                          unsigned n, uint64_t q)
{
    // The product first, so that both chains of carries stay unbroken.
    uint64_t product[5];
    uint64_t carry = 0;
#pragma GCC unroll 4
    for (unsigned i = 0; i < n; i++) {
        const u128 p = mul64(q, d[i]) + carry;
        product[i] = (uint64_t)p;
        carry = (uint64_t)(p >> 64);
    }
    product[n] = carry;
    bool borrow = false;
#pragma GCC unroll 5
    for (unsigned i = 0; i <= n; i++) borrow = u64_sub_borrow(&u[i], u[i], product[i], borrow);
    return borrow;
}

static inline void add_back(uint64_t *u, const uint64_t *d, unsigned n)
{
    u128 t = 0;
    for (unsigned i = 0; i < n; i++) {
        t = (u128)u[i] + d[i] + (uint64_t)(t >> 64);
        u[i] = (uint64_t)t;
    }
    u[n] += (uint64_t)(t >> 64);
}

static unsigned limbs_of(const uint64_t *a, unsigned n)
{
    while (n > 0 && a[n - 1] == 0) n--;
    return n;
}

/// Knuth's algorithm D on a normalised divisor of n >= 2 limbs; u[0..un] becomes the
/// remainder. Inlined for each n, so that the inner loops have a fixed length.
static inline __attribute__((always_inline)) void
divide_digits(uint64_t *q, uint64_t *u, unsigned un, const uint64_t *d, unsigned n)
{
    const uint64_t d1 = d[n - 1];
    const uint64_t d0 = d[n - 2];
    const uint64_t v = reciprocal_3by2(d1, d0);
    for (unsigned j = un - n + 1; j-- > 0;) {
        const uint64_t u2 = u[j + n];
        const uint64_t u1 = u[j + n - 1];
        uint64_t digit = UINT64_MAX;
        if (u2 != d1 || u1 != d0) digit = div_3by2(u2, u1, u[j + n - 2], d1, d0, v);
        if (__builtin_expect(sub_mul(u + j, d, n, digit), 0)) {
            digit--;
            add_back(u + j, d, n);
        }
        if (q != NULL) q[j] = digit;
    }
}

/// q[0..un-1] = u / d and rem = u % d, with u of un <= 8 limbs and d not zero.
/// `q` may be NULL.
static void divide(uint64_t *q, u256_t *rem, const uint64_t *u_in, unsigned un, const u256_t *d_in)
{
    un = limbs_of(u_in, un);
    const unsigned n = limbs_of(d_in->limb, 4);
    if (un < n) {
        *rem = (u256_t){{0}};
        for (unsigned i = 0; i < un; i++) rem->limb[i] = u_in[i];
        return;
    }

    // Normalise: shift so that the divisor's top bit is set.
    const unsigned shift = (unsigned)__builtin_clzll(d_in->limb[n - 1]);
    uint64_t d[4] = {0}; // all of it, for compilers that cannot see that n limbs are set
    uint64_t u[9];
    if (shift == 0) {
        for (unsigned i = 0; i < n; i++) d[i] = d_in->limb[i];
        for (unsigned i = 0; i < un; i++) u[i] = u_in[i];
        u[un] = 0;
    } else {
        for (unsigned i = n; i-- > 1;) {
            d[i] = d_in->limb[i] << shift | d_in->limb[i - 1] >> (64 - shift);
        }
        d[0] = d_in->limb[0] << shift;
        u[un] = u_in[un - 1] >> (64 - shift);
        for (unsigned i = un; i-- > 1;) u[i] = u_in[i] << shift | u_in[i - 1] >> (64 - shift);
        u[0] = u_in[0] << shift;
    }

    if (n == 1) {
        const uint64_t v = reciprocal_2by1(d[0]);
        uint64_t r = u[un];
        for (unsigned i = un; i-- > 0;) {
            const uint64_t digit = div_2by1(&r, r, u[i], d[0], v);
            if (q != NULL) q[i] = digit;
        }
        *rem = u256_from_u64(r >> shift);
        return;
    }

    if (n == 4) {
        divide_digits(q, u, un, d, 4);
    } else if (n == 3) {
        divide_digits(q, u, un, d, 3);
    } else {
        divide_digits(q, u, un, d, 2);
    }
    *rem = (u256_t){{0}};
    for (unsigned i = 0; i < n; i++) {
        rem->limb[i] = shift == 0 ? u[i] : u[i] >> shift | u[i + 1] << (64 - shift);
    }
}

/// a / b and a % b if b is a power of two, as it often is where code means a shift.
static bool divide_by_power(u256_t *quotient, u256_t *remainder, const u256_t *a, const u256_t *b)
{
    const u256_t one = u256_from_u64(1);
    u256_t below;
    u256_sub(&below, b, &one);
    const uint64_t shared = (b->limb[0] & below.limb[0]) | (b->limb[1] & below.limb[1]) |
                            (b->limb[2] & below.limb[2]) | (b->limb[3] & below.limb[3]);
    if (shared != 0) return false;
    *quotient = u256_shr(a, u256_bit_len(b) - 1);
    *remainder = (u256_t){{a->limb[0] & below.limb[0], a->limb[1] & below.limb[1],
                           a->limb[2] & below.limb[2], a->limb[3] & below.limb[3]}};
    return true;
}

void u256_divmod(u256_t *quotient, u256_t *remainder, const u256_t *a, const u256_t *b)
{
    u256_t q = {{0}};
    u256_t r = {{0}};
    if (u256_fits_u64(b) && u256_fits_u64(a)) {
        if (b->limb[0] != 0) {
            q.limb[0] = a->limb[0] / b->limb[0];
            r.limb[0] = a->limb[0] % b->limb[0];
        }
    } else if (!u256_is_zero(b) && !divide_by_power(&q, &r, a, b)) {
        divide(q.limb, &r, a->limb, 4, b);
    }
    if (quotient != NULL) *quotient = q;
    if (remainder != NULL) *remainder = r;
}

static bool negative(const u256_t *a)
{
    return a->limb[3] >> 63 != 0;
}

static u256_t negate(const u256_t *a)
{
    const u256_t zero = {{0}};
    u256_t r;
    u256_sub(&r, &zero, a);
    return r;
}

u256_t u256_sdiv(const u256_t *a, const u256_t *b)
{
    const u256_t x = negative(a) ? negate(a) : *a;
    const u256_t y = negative(b) ? negate(b) : *b;
    u256_t q;
    u256_divmod(&q, NULL, &x, &y);
    return negative(a) != negative(b) ? negate(&q) : q;
}

u256_t u256_smod(const u256_t *a, const u256_t *b)
{
    const u256_t x = negative(a) ? negate(a) : *a;
    const u256_t y = negative(b) ? negate(b) : *b;
    u256_t r;
    u256_divmod(NULL, &r, &x, &y);
    return negative(a) ? negate(&r) : r;
}

u256_t u256_addmod(const u256_t *a, const u256_t *b, const u256_t *m)
{
    u256_t r = {{0}};
    if (u256_is_zero(m)) return r;

    u256_t sum;
    const bool carry = u256_add(&sum, a, b);
    if (!carry && u256_lt(&sum, m)) return sum;
    if (u256_lt(a, m) && u256_lt(b, m)) { // as sums in a field are: below 2m
        u256_sub(&r, &sum, m);
        return r;
    }
    const uint64_t wide[5] = {sum.limb[0], sum.limb[1], sum.limb[2], sum.limb[3], carry};
    divide(NULL, &r, wide, 5, m);
    return r;
}

static void mul_wide(uint64_t out[8], const u256_t *a, const u256_t *b)
{
    memset(out, 0, 8 * sizeof out[0]);
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        uint64_t carry = 0;
#pragma GCC unroll 4
        for (unsigned j = 0; j < 4; j++) {
            const u128 t = mul64(a->limb[i], b->limb[j]) + out[i + j] + carry;
            out[i + j] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
        out[i + 4] = carry;
    }
}

/// wide mod m for an m of four limbs: divide() with every length but one known.
static u256_t remainder_by_four(const uint64_t wide[8], const u256_t *m)
{
    const uint64_t *d = m->limb;
    const unsigned shift = (unsigned)__builtin_clzll(d[3]);
    const uint64_t divisor[4] = {d[0] << shift, u64_shl_from(d[1], d[0], shift),
                                 u64_shl_from(d[2], d[1], shift), u64_shl_from(d[3], d[2], shift)};
    uint64_t u[9];
    u[0] = wide[0] << shift;
#pragma GCC unroll 8
    for (unsigned i = 1; i < 8; i++) u[i] = u64_shl_from(wide[i], wide[i - 1], shift);
    u[8] = u64_shl_from(0, wide[7], shift);
    unsigned len = 8;
    while (len > 4 && wide[len - 1] == 0) len--;
    divide_digits(NULL, u, len, divisor, 4);
    return (u256_t){{u64_shr_from(u[1], u[0], shift), u64_shr_from(u[2], u[1], shift),
                     u64_shr_from(u[3], u[2], shift), u[3] >> shift}};
}

u256_t u256_mulmod(const u256_t *a, const u256_t *b, const u256_t *m)
{
    u256_t r = {{0}};
    if (u256_is_zero(m)) return r;
    uint64_t wide[8];
    mul_wide(wide, a, b);
    if (m->limb[3] != 0) return remainder_by_four(wide, m);
    divide(NULL, &r, wide, 8, m);
    return r;
}

bool u256_mul_checked(u256_t *out, const u256_t *a, const u256_t *b)
{
    uint64_t wide[8];
    mul_wide(wide, a, b);
    if ((wide[4] | wide[5] | wide[6] | wide[7]) != 0) return false;
    *out = (u256_t){{wide[0], wide[1], wide[2], wide[3]}};
    return true;
}

u256_t u256_exp(const u256_t *base, const u256_t *exponent)
{
    const unsigned bits = u256_bit_len(exponent);
    u256_t result = u256_from_u64(1);
    if (base->limb[0] == 2 && u256_fits_u64(base)) {
        return u256_fits_u64(exponent) && exponent->limb[0] < 256
                   ? u256_shl(&result, (unsigned)exponent->limb[0])
                   : (u256_t){{0}};
    }
    u256_t square = *base;
    for (unsigned i = 0; i < bits; i++) {
        if ((exponent->limb[i / 64] >> (i % 64) & 1) != 0) result = u256_mul(&result, &square);
        if (i + 1 < bits) square = u256_mul(&square, &square);
    }
    return result;
}

// ---- bytes and text ----------------------------------------------------------------------------

u256_t u256_from_be(bytes_t in)
{
    check(in.len <= 32);
    uint8_t padded[32] = {0};
    if (in.len != 0) memcpy(padded + 32 - in.len, in.data, in.len);
    return u256_from_be32(padded);
}

size_t u256_to_be_min(uint8_t out[32], const u256_t *a)
{
    uint8_t full[32];
    const size_t len = u256_byte_len(a);
    u256_to_be32(full, a);
    memcpy(out, full + 32 - len, len);
    return len;
}

struct u256_text u256_dec(const u256_t *a)
{
    struct u256_text t;
    char *at = t.s + sizeof t.s - 1;
    *at = '\0';
    u256_t rest = *a;
    const u256_t chunk = u256_from_u64(10000000000000000000u);
    do {
        u256_t low;
        u256_divmod(&rest, &low, &rest, &chunk);
        uint64_t digits = low.limb[0];
        for (int i = 0; i < 19 && (digits != 0 || !u256_is_zero(&rest)); i++, digits /= 10) {
            *--at = (char)('0' + digits % 10);
        }
    } while (!u256_is_zero(&rest));
    if (*at == '\0') *--at = '0';
    memmove(t.s, at, (size_t)(t.s + sizeof t.s - at));
    return t;
}

static err_t parse_hex(u256_t *out, bytes_t digits)
{
    if (digits.len == 0) return FAIL(MALFORMED, "number: no digits after 0x");
    while (digits.len > 1 && digits.data[0] == '0')
        digits = bytes_make(digits.data + 1, digits.len - 1);

    uint8_t padded[64];
    uint8_t be[32];
    if (digits.len > sizeof padded) {
        for (size_t i = 0; i < digits.len; i++) {
            const uint8_t c = digits.data[i] | 0x20;
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
                return FAIL(MALFORMED, "number: not a hexadecimal digit");
            }
        }
        return FAIL(LIMIT, "number: larger than 256 bits");
    }
    memset(padded, '0', sizeof padded);
    memcpy(padded + sizeof padded - digits.len, digits.data, digits.len);
    // Padding may not make a prefix of what was none: "0x" inside the digits stays an error.
    if (memchr(padded, 'x', sizeof padded) != NULL || memchr(padded, 'X', sizeof padded) != NULL) {
        return FAIL(MALFORMED, "number: not a hexadecimal digit");
    }
    if (hex_decode_fixed(be, sizeof be, BYTES_OF(padded)).kind != ERR_NONE) {
        return FAIL(MALFORMED, "number: not a hexadecimal digit");
    }
    *out = u256_from_be32(be);
    return OK;
}

err_t u256_parse(u256_t *out, bytes_t text)
{
    if (text.len >= 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x') {
        return parse_hex(out, bytes_make(text.data + 2, text.len - 2));
    }
    if (text.len == 0) return FAIL(MALFORMED, "number: empty");

    const u256_t ten = u256_from_u64(10);
    u256_t value = {{0}};
    bool fits = true;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return FAIL(MALFORMED, "number: not a decimal digit");
        }
        const u256_t digit = u256_from_u64((uint64_t)(text.data[i] - '0'));
        fits = fits && u256_mul_checked(&value, &value, &ten) &&
               u256_add_checked(&value, &value, &digit);
    }
    if (!fits) return FAIL(LIMIT, "number: larger than 256 bits");
    *out = value;
    return OK;
}
