// SPDX-License-Identifier: Apache-2.0
/// base ^ exponent mod modulus over integers of any length (EIP-198, EIP-2565).
///
///     32 bytes | 32 bytes | 32 bytes | base | exponent | modulus
///     len base   len exp    len mod

#include "vm/precompile/precompile_impl.h"

#include <gmp.h>

/// Lengths beyond this cost more than any block holds; treated as unpayable.
#define LEN_MAX ((uint64_t)1 << 26)

struct lengths {
    uint64_t base;
    uint64_t exp;
    uint64_t mod;
};

/// Saturates at UINT64_MAX.
static uint64_t length_at(bytes_t input, size_t offset)
{
    uint8_t w[32];
    input_copy(w, input, offset, sizeof w);
    const u256_t v = u256_from_be32(w);
    return u256_fits_u64(&v) ? v.limb[0] : UINT64_MAX;
}

static struct lengths lengths_of(bytes_t input)
{
    return (struct lengths){length_at(input, 0), length_at(input, 32), length_at(input, 64)};
}

/// How many squarings: the bits of the exponent after its first, its length in bytes standing
/// in for all but the first 32 bytes. Saturates at 2^63.
static uint64_t iterations(const struct lengths *len, bytes_t input)
{
    const uint64_t head_len = len->exp < 32 ? len->exp : 32;
    uint8_t head[32] = {0};
    input_copy(head + (32 - head_len), input, 96 + (size_t)len->base, (size_t)head_len);
    const u256_t v = u256_from_be32(head);
    const unsigned bits = u256_bit_len(&v);
    const uint64_t from_head = bits > 0 ? bits - 1 : 0;
    if (len->exp <= 32) return from_head;
    if (len->exp > (uint64_t)1 << 59) return (uint64_t)1 << 63;
    return 8 * (len->exp - 32) + from_head;
}

static unsigned __int128 complexity(enum revision rev, uint64_t x)
{
    if (rev >= REV_BERLIN) {
        const uint64_t words = (x + 7) / 8;
        return (unsigned __int128)words * words;
    }
    const unsigned __int128 sq = (unsigned __int128)x * x;
    if (x <= 64) return sq;
    if (x <= 1024) return sq / 4 + (unsigned __int128)96 * x - 3072;
    return sq / 16 + (unsigned __int128)480 * x - 199680;
}

uint64_t precompile_modexp_gas(enum revision rev, bytes_t input)
{
    const struct lengths len = lengths_of(input);
    const uint64_t least = rev >= REV_BERLIN ? 200 : 0;
    const uint64_t longer = len.base > len.mod ? len.base : len.mod;
    if (longer == 0) return least;
    if (longer > LEN_MAX) return UINT64_MAX;

    const uint64_t count = iterations(&len, input);
    const unsigned __int128 gas =
        complexity(rev, longer) * (count > 0 ? count : 1) / (rev >= REV_BERLIN ? 3 : 20);
    if (gas > UINT64_MAX) return UINT64_MAX;
    if (len.exp > LEN_MAX) return UINT64_MAX;
    return gas > least ? (uint64_t)gas : least;
}

/// The number at [offset, offset + len) of the input, zeros behind its end.
static void import(mpz_t out, bytes_t input, uint64_t offset, uint64_t len)
{
    const uint64_t have = offset < input.len ? input.len - offset : 0;
    const uint64_t n = have < len ? have : len;
    if (n == 0) return;
    mpz_import(out, (size_t)n, 1, 1, 1, 0, input.data + offset);
    if (n < len) mpz_mul_2exp(out, out, (mp_bitcnt_t)(8 * (len - n)));
}

enum evm_status precompile_modexp(bytes_t *out, struct arena *scratch, bytes_t input)
{
    const struct lengths len = lengths_of(input);
    if (len.mod == 0) return EVM_SUCCESS;
    uint8_t *result = arena_calloc(scratch, 1, (size_t)len.mod);
    if (result == NULL) return EVM_INTERNAL;
    *out = bytes_make(result, (size_t)len.mod);

    mpz_t base, exp, mod;
    mpz_inits(base, exp, mod, NULL);
    import(base, input, 96, len.base);
    import(exp, input, 96 + len.base, len.exp);
    import(mod, input, 96 + len.base + len.exp, len.mod);
    if (mpz_sgn(mod) != 0) { // else zero, by definition
        mpz_powm(base, base, exp, mod);
        size_t n = 0;
        uint8_t *end = result + len.mod;
        const size_t bytes = (mpz_sizeinbase(base, 2) + 7) / 8;
        if (mpz_sgn(base) != 0) mpz_export(end - bytes, &n, 1, 1, 1, 0, base);
    }
    mpz_clears(base, exp, mod, NULL);
    return EVM_SUCCESS;
}
