// SPDX-License-Identifier: Apache-2.0
#include "vm/precompile/table.h"

#include "chain/base/hex.h"
#include "chain/crypto/secp.h"

#include <criterion/criterion.h>

static address_t low_address(uint8_t low)
{
    return (address_t){{[19] = low}};
}

/// A call with plenty of gas: its price, or UINT64_MAX if it did not succeed.
static uint64_t price(struct arena *a, enum revision rev, uint8_t low, bytes_t input)
{
    const address_t at = low_address(low);
    uint64_t gas_left = (uint64_t)1 << 40;
    bytes_t out;
    if (precompile_run(&out, &gas_left, a, rev, &at, input) != EVM_SUCCESS) return UINT64_MAX;
    return ((uint64_t)1 << 40) - gas_left;
}

/// Goal: each address becomes a precompile with its fork, and no other address is one.
Test(precompile, activation)
{
    static const struct {
        uint8_t low;
        enum revision since;
    } rows[] = {
        {0x01, REV_FRONTIER}, {0x04, REV_FRONTIER}, {0x05, REV_BYZANTIUM}, {0x08, REV_BYZANTIUM},
        {0x09, REV_ISTANBUL}, {0x0a, REV_CANCUN},   {0x0b, REV_PRAGUE},    {0x0f, REV_PRAGUE},
        {0x10, REV_PRAGUE},   {0x11, REV_PRAGUE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (enum revision rev = REV_FRONTIER; rev < REV_COUNT; rev++) {
            const address_t a = low_address(rows[i].low);
            cr_expect_eq(precompile_is(rev, &a), rev >= rows[i].since, "0x%02x at %d", rows[i].low,
                         (int)rev);
        }
    }
    address_t a = low_address(0);
    cr_expect_not(precompile_is(REV_PRAGUE, &a));
    for (unsigned low = 0x12; low < 256; low++) {
        a = low_address((uint8_t)low);
        cr_expect_not(precompile_is(REV_PRAGUE, &a), "0x%02x", low);
    }
    for (size_t i = 0; i < 19; i++) {
        a = low_address(4);
        a.b[i] = 1;
        cr_expect_not(precompile_is(REV_PRAGUE, &a), "byte %zu", i);
    }
}

/// Goal: prices follow the schedule and its changes (EIP-1108).
Test(precompile, prices)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1 << 20)));
    cr_assert(err_ok(secp_setup()));
    static const uint8_t zeros[192 * 2];
    static const struct {
        const char *name;
        enum revision rev;
        uint8_t low;
        size_t len;
        uint64_t gas;
    } rows[] = {
        {"ecrecover", REV_FRONTIER, 0x01, 0, 3000},
        {"sha256 of nothing", REV_FRONTIER, 0x02, 0, 60},
        {"sha256 of one byte", REV_FRONTIER, 0x02, 1, 72},
        {"sha256 of two words", REV_FRONTIER, 0x02, 64, 84},
        {"ripemd160 of 33 bytes", REV_FRONTIER, 0x03, 33, 840},
        {"identity of 33 bytes", REV_FRONTIER, 0x04, 33, 21},
        {"bn254 add, Byzantium", REV_BYZANTIUM, 0x06, 0, 500},
        {"bn254 add, Petersburg", REV_PETERSBURG, 0x06, 128, 500},
        {"bn254 add, Istanbul", REV_ISTANBUL, 0x06, 0, 150},
        {"bn254 mul, Byzantium", REV_BYZANTIUM, 0x07, 0, 40000},
        {"bn254 mul, Istanbul", REV_ISTANBUL, 0x07, 0, 6000},
        {"bn254 pairing of none, Byzantium", REV_BYZANTIUM, 0x08, 0, 100000},
        {"bn254 pairing of two, Byzantium", REV_BYZANTIUM, 0x08, 384, 260000},
        {"bn254 pairing of none, Istanbul", REV_ISTANBUL, 0x08, 0, 45000},
        {"bn254 pairing of two, Istanbul", REV_ISTANBUL, 0x08, 384, 113000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const uint64_t gas = price(&a, rows[i].rev, rows[i].low, bytes_make(zeros, rows[i].len));
        cr_expect_eq(gas, rows[i].gas, "%s: %lu", rows[i].name, gas);
    }
    arena_deinit(&a);
}

/// Goal: short of gas, refused or short of memory, a call leaves no gas and no output.
Test(precompile, failures_take_all_gas)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 4096)));
    static const uint8_t input[8192] = {1};
    const struct {
        const char *name;
        unsigned low;
        enum evm_status status;
        size_t len;
        uint64_t gas;
    } rows[] = {
        {"one unit short", 0x02, EVM_OUT_OF_GAS, 1, 71},
        {"exactly enough", 0x02, EVM_SUCCESS, 1, 72},
        {"pairing of half a pair", 0x08, EVM_PRECOMPILE_FAILURE, 191, 1000000},
        {"point not on the curve", 0x06, EVM_PRECOMPILE_FAILURE, 128, 1000000},
        {"blake2f of nothing", 0x09, EVM_PRECOMPILE_FAILURE, 0, 1000000},
        {"kzg of nothing", 0x0a, EVM_PRECOMPILE_FAILURE, 0, 1000000},
        {"memory is full", 0x04, EVM_INTERNAL, 8192, 1000000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const address_t at = low_address((uint8_t)rows[i].low);
        uint64_t gas_left = rows[i].gas;
        bytes_t out = LIT("x");
        arena_reset(&a);
        const enum evm_status status =
            precompile_run(&out, &gas_left, &a, REV_CANCUN, &at, bytes_make(input, rows[i].len));
        cr_expect_eq(status, rows[i].status, "%s: %d", rows[i].name, (int)status);
        cr_expect_eq(gas_left, 0, "%s", rows[i].name);
        if (status != EVM_SUCCESS) cr_expect_eq(out.len, 0, "%s", rows[i].name);
    }
    arena_deinit(&a);
}

/// Goal: ecrecover knows a signature, and answers everything else with success and nothing.
Test(precompile, ecrecover_never_refuses)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1 << 16)));
    cr_assert(err_ok(secp_setup()));
    struct secret_key *key;
    cr_assert(err_ok(secret_new(&key)));
    memset(key->b, 0x46, sizeof key->b);
    secp_pubkey_t pub;
    cr_assert(err_ok(secp_pubkey_of(&pub, key)));
    const address_t signer = secp_address(&pub);
    const hash_t digest = {{1, 2, 3}};
    const secp_sig_t sig = secp_sign(key, &digest);
    secret_free(key);

    uint8_t good[128] = {0};
    memcpy(good, digest.b, 32);
    good[63] = (uint8_t)(27 + sig.v);
    memcpy(good + 64, sig.r, 32);
    memcpy(good + 96, sig.s, 32);
    const struct {
        const char *name;
        size_t at;
        uint8_t value;
        bool recovers;
    } rows[] = {
        {"as signed", 0, 1, true},
        {"v above one byte", 62, 1, false},
        {"v below 27", 63, 26, false},
        {"v above 28", 63, 29, false},
    };
    const address_t at = low_address(1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t in[128];
        memcpy(in, good, sizeof in);
        in[rows[i].at] = rows[i].value;
        uint64_t gas_left = 3000;
        bytes_t out;
        cr_expect_eq(precompile_run(&out, &gas_left, &a, REV_CANCUN, &at, bytes_make(in, 128)),
                     EVM_SUCCESS, "%s", rows[i].name);
        cr_expect_eq(out.len, rows[i].recovers ? 32 : 0, "%s", rows[i].name);
        if (rows[i].recovers) cr_expect_arr_eq(out.data + 12, signer.b, 20);
    }
    uint64_t gas_left = 3000;
    bytes_t out;
    cr_expect_eq(precompile_run(&out, &gas_left, &a, REV_CANCUN, &at, BYTES_NONE), EVM_SUCCESS);
    cr_expect_eq(out.len, 0, "r = 0");
    arena_deinit(&a);
}

/// Goal: the hashes are the published ones of "abc".
Test(precompile, hashes_of_abc)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1 << 16)));
    // RFC 7693, appendix A: the one block of BLAKE2b-512("abc").
    static const char blake2f_abc[] =
        "0000000c48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5d182e6ad7f520e511f"
        "6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b61626300000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000300000000000000000000000000000001";
    const struct {
        uint8_t low;
        const char *input;
        const char *output;
    } rows[] = {
        {2, "616263", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {3, "616263", "0000000000000000000000008eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
        {4, "616263", "616263"},
        {4, "", ""},
        {9, blake2f_abc,
         "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
         "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t in[256];
        size_t len;
        cr_assert(err_ok(hex_decode(in, sizeof in, &len, bytes_of_str(rows[i].input))));
        const address_t at = low_address(rows[i].low);
        uint64_t gas_left = 100000;
        bytes_t out;
        cr_assert_eq(precompile_run(&out, &gas_left, &a, REV_CANCUN, &at, bytes_make(in, len)),
                     EVM_SUCCESS);
        char text[200];
        hex_encode(text, out);
        cr_expect_str_eq(text, rows[i].output, "0x%02x: %s", rows[i].low, text);
    }
    arena_deinit(&a);
}
