// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <stdlib.h>

#include "vm/precompile/mont.h"

static const uint64_t p4[4] = {0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d,
                               0x30644e72e131a029};
static const uint64_t p6[6] = {0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624,
                               0x64774b84f38512bf, 0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a};

/// A number below p: small, near p, with words of all ones or zero, or any.
static void draw(uint64_t *out, const uint64_t *p, size_t n, unsigned *seed)
{
    const unsigned kind = (unsigned)rand_r(seed) % 4;
    do {
        for (size_t i = 0; i < n; i++) {
            const unsigned pick = (unsigned)rand_r(seed) % 3;
            out[i] = (uint64_t)rand_r(seed) << 42 ^ (uint64_t)rand_r(seed) << 21 ^
                     (uint64_t)rand_r(seed);
            if (kind == 0 && i > 0) out[i] = 0;
            if (kind == 1) out[i] = p[i];
            if (kind == 2 && pick != 2) out[i] = pick == 0 ? 0 : UINT64_MAX;
        }
        if (kind == 1) out[0] -= 1 + (unsigned)rand_r(seed) % 5;
        out[n - 1] &= UINT64_MAX >> (kind == 1 ? 0 : 3);
    } while (!limbs_less(out, p, n));
}

static void compare(const uint64_t *p, uint64_t inv, size_t n)
{
    unsigned seed = 11;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t a[6], b[6], here[6], plain[6];
        draw(a, p, n, &seed);
        draw(b, p, n, &seed);
        if (n == 4) {
            mont_mul(here, a, b, p, inv, 4);
            mont_mul_plain(plain, a, b, p, inv, 4);
        } else {
            mont_mul(here, a, b, p, inv, 6);
            mont_mul_plain(plain, a, b, p, inv, 6);
        }
        cr_assert(memcmp(here, plain, n * sizeof here[0]) == 0, "%zu limbs, product %u", n, i);
        cr_assert(limbs_less(here, p, n), "reduced");
    }
}

/// Goal: the product by this machine's own instructions is the plain one's, word for word.
Test(mont, variants_agree)
{
    compare(p4, 0x87d20782e4866389, 4);
    compare(p6, 0x89f3fffcfffcfffd, 6);
}
