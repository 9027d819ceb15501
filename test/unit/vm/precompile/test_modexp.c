// SPDX-License-Identifier: Apache-2.0
#include "vm/precompile/table.h"

#include "chain/base/hex.h"

#include <criterion/criterion.h>

#define W0 "0000000000000000000000000000000000000000000000000000000000000000"
#define W1 "0000000000000000000000000000000000000000000000000000000000000001"
#define W2 "0000000000000000000000000000000000000000000000000000000000000002"
#define W20 "0000000000000000000000000000000000000000000000000000000000000020"
#define WMAX "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define P "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"
#define P1 "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e"

/// Goal: results, and the gas of both schedules, where lengths and zeros are strange. The
/// first rows are EIP-198's own examples.
static const struct {
    const char *name;
    const char *input;
    const char *output; ///< NULL: out of gas at any payable price
    uint64_t gas_byzantium;
    uint64_t gas_berlin;
} rows[] = {
    {"3^(p-1) mod p", W1 W20 W20 "03" P1 P, W1, 13056, 1360},
    {"0^(p-1) mod p", W0 W20 W20 P1 P, W0, 13056, 1360},
    {"an absurd exponent", W0 W20 WMAX WMAX "fe", NULL, 0, 0},
    {"the input ends early: 3^32768 mod 2^255",
     W1 W2 W20 "03"
               "8000"
               "80",
     "72eda75a1e9624437a4f18c1316372866f14b6bf3f7ff7441996f65b747a0001", 768, 200},
    {"nothing", "", "", 0, 200},
    {"no modulus",
     W1 W1 W0 "03"
              "05",
     "", 0, 200},
    {"no base, no modulus, an endless exponent", W0 WMAX W0, "", 0, 200},
    {"modulus zero",
     W1 W1 W2 "03"
              "02"
              "0000",
     "0000", 0, 200},
    {"modulus one",
     W1 W1 W1 "03"
              "02"
              "01",
     "00", 0, 200},
    {"0^0 mod 5",
     W1 W1 W1 "00"
              "00"
              "05",
     "01", 0, 200},
    {"exponent of no length",
     W1 W0 W1 "07"
              "05",
     "01", 0, 200},
    {"even modulus",
     W1 W1 W1 "07"
              "03"
              "0a",
     "03", 0, 200},
    {"base longer than the input", W20 W1 W1 "07", "00", 51, 200},
};

Test(modexp, rows)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1 << 20)));
    const address_t at = {{[19] = 5}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (unsigned berlin = 0; berlin < 2; berlin++) {
            const enum revision rev = berlin != 0 ? REV_BERLIN : REV_BYZANTIUM;
            arena_reset(&a);
            uint8_t in[512];
            size_t len;
            cr_assert(err_ok(hex_decode(in, sizeof in, &len, bytes_of_str(rows[i].input))));
            const uint64_t given = (uint64_t)1 << 50;
            uint64_t gas_left = given;
            bytes_t out;
            const enum evm_status status =
                precompile_run(&out, &gas_left, &a, rev, &at, bytes_make(in, len));
            if (rows[i].output == NULL) {
                cr_expect_eq(status, EVM_OUT_OF_GAS, "%s", rows[i].name);
                continue;
            }
            cr_expect_eq(status, EVM_SUCCESS, "%s", rows[i].name);
            char text[256];
            cr_assert_lt(2 * out.len, sizeof text);
            hex_encode(text, out);
            cr_expect_str_eq(text, rows[i].output, "%s: %s", rows[i].name, text);
            cr_expect_eq(given - gas_left, berlin != 0 ? rows[i].gas_berlin : rows[i].gas_byzantium,
                         "%s: %lu", rows[i].name, given - gas_left);
        }
    }
    arena_deinit(&a);
}
