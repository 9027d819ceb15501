// SPDX-License-Identifier: Apache-2.0
/// Official vectors of the precompiles: go-ethereum's (0x01 to 0x09), EIP-2537's (0x0b to
/// 0x11) and c-kzg-4844's (0x0a). Result and gas of every case; the counts are asserted.

#include "chain/base/buf.h"
#include "chain/base/hex.h"
#include "chain/crypto/digest.h"
#include "chain/crypto/secp.h"
#include "test/support/tally.h"
#include "vm/precompile/table.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    struct arena arena;
    size_t failed;
    size_t run;
} t;

/// The hexadecimal text of `key`, decoded into the arena.
static bytes_t hex_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL) return BYTES_NONE;
    const size_t cap = strlen(text) / 2 + 1;
    uint8_t *p = arena_alloc(&t.arena, cap);
    size_t len = 0;
    if (p == NULL || !err_ok(hex_decode(p, cap, &len, bytes_of_str(text)))) {
        fprintf(stderr, "vector: %s is not hexadecimal\n", key);
        exit(1);
    }
    return bytes_make(p, len);
}

static void fail(const char *file, const char *name, const char *what)
{
    t.failed++;
    printf("FAIL %s %s: %s\n", file, name, what);
}

/// One case: `gas` is expected to be charged exactly (UINT64_MAX: not stated).
static void run_case(const char *file, const char *name, uint8_t low, enum revision rev,
                     bytes_t input, bool refused, bytes_t want, uint64_t gas)
{
    const address_t a = {{[19] = low}};
    t.run++;
    if (!precompile_is(rev, &a)) {
        fail(file, name, "not a precompile at this revision");
        return;
    }
    const uint64_t given = 1000000000;
    uint64_t gas_left = given;
    bytes_t out;
    const enum evm_status status = precompile_run(&out, &gas_left, &t.arena, rev, &a, input);
    if (refused) {
        if (status != EVM_PRECOMPILE_FAILURE) fail(file, name, "was not refused");
        if (gas_left != 0) fail(file, name, "gas was left after a refusal");
        if (out.len != 0) fail(file, name, "output after a refusal");
        return;
    }
    if (status != EVM_SUCCESS) {
        fail(file, name, "was refused");
        return;
    }
    if (!bytes_eq(out, want)) fail(file, name, "wrong output");
    if (gas == UINT64_MAX) return;
    if (given - gas_left != gas) {
        fail(file, name, "wrong gas");
        printf("     charged %llu, expected %llu\n", (unsigned long long)(given - gas_left),
               (unsigned long long)gas);
    }
    // One unit short of the price is out of gas.
    if (gas == 0) return;
    gas_left = gas - 1;
    if (precompile_run(&out, &gas_left, &t.arena, rev, &a, input) != EVM_OUT_OF_GAS ||
        gas_left != 0) {
        fail(file, name, "not out of gas with one unit less");
    }
}

static json_t *load(const char *path)
{
    const char *root = getenv("CAIRN_VECTORS");
    char full[1024];
    (void)snprintf(full, sizeof full, "%s/ethereum/vectors/%s",
                   root != NULL ? root : "../shared/vectors", path);
    tally_read(full);
    json_error_t error;
    json_t *doc = json_load_file(full, 0, &error);
    if (doc == NULL) {
        fprintf(stderr, "%s: %s (set CAIRN_VECTORS)\n", full, error.text);
        exit(1);
    }
    return doc;
}

/// A case may fail in several ways: more failures than cases are no fewer.
static void report_file(const char *path, size_t cases, size_t failed_before)
{
    const size_t failed = t.failed - failed_before;
    tally_report(path, cases, failed < cases ? cases - failed : 0, 0);
}

static const struct {
    const char *path;
    unsigned low;
    enum revision rev;
    size_t count;
    bool refused;
} files[] = {
    {"geth/precompiles/ecRecover.json", 0x01, REV_FRONTIER, 5, false},
    {"geth/precompiles/modexp_eip2565.json", 0x05, REV_BERLIN, 47, false},
    {"geth/precompiles/bn256Add.json", 0x06, REV_ISTANBUL, 16, false},
    {"geth/precompiles/bn256ScalarMul.json", 0x07, REV_ISTANBUL, 19, false},
    {"geth/precompiles/bn256Pairing.json", 0x08, REV_ISTANBUL, 14, false},
    {"geth/precompiles/blake2F.json", 0x09, REV_ISTANBUL, 5, false},
    {"geth/precompiles/fail-blake2f.json", 0x09, REV_ISTANBUL, 4, true},
    {"eip2537/add_G1_bls.json", 0x0b, REV_PRAGUE, 9, false},
    {"eip2537/fail-add_G1_bls.json", 0x0b, REV_PRAGUE, 7, true},
    {"eip2537/mul_G1_bls.json", 0x0c, REV_PRAGUE, 11, false},
    {"eip2537/fail-mul_G1_bls.json", 0x0c, REV_PRAGUE, 8, true},
    {"eip2537/msm_G1_bls.json", 0x0c, REV_PRAGUE, 163, false},
    {"eip2537/fail-msm_G1_bls.json", 0x0c, REV_PRAGUE, 8, true},
    {"eip2537/add_G2_bls.json", 0x0d, REV_PRAGUE, 9, false},
    {"eip2537/fail-add_G2_bls.json", 0x0d, REV_PRAGUE, 7, true},
    {"eip2537/mul_G2_bls.json", 0x0e, REV_PRAGUE, 11, false},
    {"eip2537/fail-mul_G2_bls.json", 0x0e, REV_PRAGUE, 8, true},
    {"eip2537/fail-msm_G2_bls.json", 0x0e, REV_PRAGUE, 8, true},
    {"eip2537/pairing_check_bls.json", 0x0f, REV_PRAGUE, 15, false},
    {"eip2537/fail-pairing_check_bls.json", 0x0f, REV_PRAGUE, 25, true},
    {"eip2537/map_fp_to_G1_bls.json", 0x10, REV_PRAGUE, 5, false},
    {"eip2537/fail-map_fp_to_G1_bls.json", 0x10, REV_PRAGUE, 5, true},
    {"eip2537/map_fp2_to_G2_bls.json", 0x11, REV_PRAGUE, 5, false},
    {"eip2537/fail-map_fp2_to_G2_bls.json", 0x11, REV_PRAGUE, 5, true},
};

static void run_file(size_t f)
{
    const size_t failed = t.failed;
    json_t *doc = load(files[f].path);
    if (json_array_size(doc) != files[f].count) {
        printf("%s: %zu cases, expected %zu\n", files[f].path, json_array_size(doc),
               files[f].count);
        t.failed++;
    }
    for (size_t i = 0; i < json_array_size(doc); i++) {
        const json_t *c = json_array_get(doc, i);
        arena_reset(&t.arena);
        const bytes_t input = hex_of(c, "Input");
        const json_t *gas = json_object_get(c, "Gas");
        run_case(files[f].path, json_string_value(json_object_get(c, "Name")),
                 (uint8_t)files[f].low, files[f].rev, input, files[f].refused,
                 hex_of(c, "Expected"),
                 gas != NULL ? (uint64_t)json_integer_value(gas) : UINT64_MAX);
    }
    report_file(files[f].path, json_array_size(doc), failed);
    json_decref(doc);
}

/// c-kzg-4844's: the precompile's input is made from each case; a wrong proof and a malformed
/// input are both refused.
static void run_kzg(void)
{
    const size_t failed = t.failed;
    json_t *doc = load("kzg_verify_proof.json");
    const json_t *cases = json_object_get(doc, "cases");
    if (json_array_size(cases) != 122) {
        printf("kzg_verify_proof.json: %zu cases, expected 122\n", json_array_size(cases));
        t.failed++;
    }
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        arena_reset(&t.arena);
        const bytes_t part[] = {hex_of(c, "z"), hex_of(c, "y"), hex_of(c, "commitment"),
                                hex_of(c, "proof")};
        hash_t versioned = sha256(part[2]);
        versioned.b[0] = 1;
        struct buf input;
        buf_init(&input, 4096);
        buf_put(&input, BYTES_OF(versioned));
        for (size_t k = 0; k < ARRAY_LEN(part); k++) buf_put(&input, part[k]);
        uint8_t want[64];
        if (!err_ok(
                hex_decode_fixed(want, sizeof want,
                                 LIT("0000000000000000000000000000000000000000000000000000000000"
                                     "00100073eda753299d7d483339d80809a1d80553bda402fffe5bfeffff"
                                     "ffff00000001")))) {
            exit(1);
        }
        run_case("kzg", json_string_value(json_object_get(c, "name")), 0x0a, REV_CANCUN,
                 buf_bytes(&input), !json_is_true(json_object_get(c, "valid")),
                 bytes_make(want, sizeof want), 50000);
        buf_deinit(&input);
    }
    report_file("kzg_verify_proof.json", json_array_size(cases), failed);
    json_decref(doc);
}

int main(void)
{
    if (!err_ok(arena_init(&t.arena, (size_t)64 << 20)) || !err_ok(secp_setup())) return 1;
    for (size_t f = 0; f < ARRAY_LEN(files); f++) run_file(f);
    run_kzg();
    printf("precompiles: %zu cases, %zu failed\n", t.run, t.failed);
    arena_deinit(&t.arena);
    return t.failed == 0 ? 0 : 1;
}
