// SPDX-License-Identifier: Apache-2.0
/// 1 byte of rules, 3 of lengths, then base, exponent, modulus: against square-and-multiply on
/// 256-bit words. A first byte above 127 takes the rest as raw input instead.
#include "chain/base/u256.h"
#include "test/fuzz/fuzz.h"
#include "vm/precompile/table.h"

static u256_t number(bytes_t in, size_t offset, size_t len)
{
    uint8_t be[32] = {0};
    for (size_t i = 0; i < len; i++)
        be[32 - len + i] = offset + i < in.len ? in.data[offset + i] : 0;
    return u256_from_be32(be);
}

static u256_t slow_modexp(u256_t base, u256_t exp, const u256_t *mod)
{
    const u256_t one = u256_from_u64(1);
    u256_t r = one;
    u256_divmod(NULL, &r, &one, mod); // 0 for a modulus of 0 or 1
    while (!u256_is_zero(&exp)) {
        if ((exp.limb[0] & 1) != 0) r = u256_mulmod(&r, &base, mod);
        base = u256_mulmod(&base, &base, mod);
        exp = u256_shr(&exp, 1);
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes_t in = {data, size};
    const uint8_t first = fuzz_u8(&in);
    const enum revision rev = (first & 1) != 0 ? REV_BERLIN : REV_BYZANTIUM;
    const address_t at = {{[19] = 5}};
    struct arena a = fuzz_arena();
    uint64_t gas_left = 1000000;
    bytes_t out;
    if (first > 127) {
        (void)precompile_run(&out, &gas_left, &a, rev, &at, in);
        arena_deinit(&a);
        return 0;
    }

    const size_t base_len = fuzz_u8(&in) % 33;
    const size_t exp_len = fuzz_u8(&in) % 33;
    const size_t mod_len = fuzz_u8(&in) % 33;
    struct buf input = fuzz_buf();
    uint8_t word[32] = {0};
    const size_t lens[3] = {base_len, exp_len, mod_len};
    for (int i = 0; i < 3; i++) {
        word[31] = (uint8_t)lens[i];
        buf_put(&input, BYTES_OF(word));
    }
    buf_put(&input, in);
    EXPECT(precompile_run(&out, &gas_left, &a, rev, &at, buf_bytes(&input)) == EVM_SUCCESS);
    EXPECT(out.len == mod_len);

    const u256_t mod = number(in, base_len + exp_len, mod_len);
    const u256_t want = slow_modexp(number(in, 0, base_len), number(in, base_len, exp_len), &mod);
    uint8_t be[32];
    u256_to_be32(be, &want);
    EXPECT(mod_len == 0 || memcmp(out.data, be + 32 - mod_len, mod_len) == 0);
    buf_deinit(&input);
    arena_deinit(&a);
    return 0;
}
