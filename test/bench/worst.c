// SPDX-License-Identifier: Apache-2.0

/// What a block of the dearest gas costs in time: every precompile on its worst known input, and
/// loops of every kind of instruction, in Mgas/s. A block of 30 million gas must be over in two
/// seconds of CPU whatever is in it; slower is a failure.

#include <stdio.h>
#include <stdlib.h>

#include "chain/base/buf.h"
#include "chain/base/hex.h"
#include "chain/crypto/digest.h"
#include "test/support/bench.h"
#include "test/support/fixture.h"
#include "test/support/vm_world.h"
#include "vm/precompile/table.h"

enum { BLOCK_GAS = 30000000, BLOCK_SECONDS_MAX = 2, CALL_GAS = 100, MANY_CODES = 1500 };

static struct {
    const char *only;
    struct bench_subject recover;
    size_t too_slow;
} t;

static bool wanted(const char *name)
{
    return t.only == NULL || strstr(name, t.only) != NULL;
}

/// Times `subject`, whose unit of work costs `gas`.
static void judge(const struct bench_subject *subject, uint64_t gas)
{
    const struct bench_figure f = bench_compare(subject, &t.recover, 0);
    const double mgas = (double)gas / f.median_us;
    const double block_s = BLOCK_GAS / mgas * 1e-6;
    const bool slow = block_s > BLOCK_SECONDS_MAX;
    fprintf(stderr, "%-36s %12.1f Mgas/s   %.3f s a block%s\n", "", mgas, block_s,
            slow ? "   TOO SLOW" : "");
    t.too_slow += slow;
}

// ---- precompiles ----------------------------------------------------------------------------

struct precompile_ctx {
    struct arena scratch;
    enum revision rev;
    address_t address;
    bytes_t input;
};

static void precompile_times(void *ctx, uint64_t count)
{
    struct precompile_ctx *c = ctx;
    for (uint64_t i = 0; i < count; i++) {
        arena_reset(&c->scratch);
        uint64_t gas = INT64_MAX;
        bytes_t out;
        bench_expect(precompile_run(&out, &gas, &c->scratch, c->rev, &c->address, c->input) ==
                         EVM_SUCCESS,
                     "a precompile succeeds");
    }
}

/// With a warm call's own price, or inputs that are free would cost nothing.
static uint64_t precompile_gas(struct precompile_ctx *c)
{
    arena_reset(&c->scratch);
    uint64_t gas = INT64_MAX;
    bytes_t out;
    const enum evm_status s =
        precompile_run(&out, &gas, &c->scratch, c->rev, &c->address, c->input);
    bench_expect(s == EVM_SUCCESS, "a precompile succeeds");
    return (uint64_t)INT64_MAX - gas + CALL_GAS;
}

/// A list of inputs of which the slowest per gas is to be found.
struct hunt {
    struct precompile_ctx ctx;
    bytes_t worst;
    double worst_us_per_gas;
    char worst_name[80];
};

static void hunt_begin(struct hunt *h, enum revision rev, uint8_t low)
{
    *h = (struct hunt){.ctx = {.rev = rev, .address = {{[19] = low}}}};
    bench_expect(err_ok(arena_init(&h->ctx.scratch, (size_t)256 << 20)), "memory");
}

static void hunt_try(struct hunt *h, const char *name, bytes_t input)
{
    h->ctx.input = input;
    const double gas = (double)precompile_gas(&h->ctx);
    double least = 1e9;
    for (int i = 0; i < 3; i++) {
        uint64_t count = 0;
        const double begin = bench_cpu_s();
        double took = 0;
        for (uint64_t n = 1; took < 0.0005; n *= 2) {
            precompile_times(&h->ctx, n);
            count += n;
            took = bench_cpu_s() - begin;
        }
        const double us = took * 1e6 / (double)count;
        if (us < least) least = us;
    }
    if (least / gas <= h->worst_us_per_gas) return;
    h->worst_us_per_gas = least / gas;
    h->worst = input;
    snprintf(h->worst_name, sizeof h->worst_name, "%s", name);
}

static void hunt_end(struct hunt *h, const char *name)
{
    h->ctx.input = h->worst;
    const uint64_t gas = precompile_gas(&h->ctx);
    fprintf(stderr, "worst of %s: %s (%llu gas)\n", name, h->worst_name, (unsigned long long)gas);
    judge(&(struct bench_subject){name, precompile_times, &h->ctx}, gas);
    arena_deinit(&h->ctx.scratch);
}

static json_t *vectors(const char *path)
{
    const char *root = getenv("CAIRN_VECTORS");
    char full[1024];
    snprintf(full, sizeof full, "%s/ethereum/vectors/%s", root != NULL ? root : "../shared/vectors",
             path);
    return fixture_load(full);
}

static void hunt_file(struct hunt *h, struct arena *arena, const char *path)
{
    json_t *doc = vectors(path);
    for (size_t i = 0; i < json_array_size(doc); i++) {
        const json_t *c = json_array_get(doc, i);
        hunt_try(h, json_string_value(fixture_member(c, "Name")),
                 fixture_bytes(fixture_member(c, "Input"), arena));
    }
    json_decref(doc);
}

/// modexp of these lengths, all bits set but what `mod_low` says of the modulus' last byte.
static bytes_t modexp_input(struct arena *arena, size_t base, size_t exp, size_t mod,
                            uint8_t exp_byte, uint8_t mod_low)
{
    uint8_t *p = arena_calloc(arena, 1, 96 + base + exp + mod);
    bench_expect(p != NULL, "memory");
    const size_t len[3] = {base, exp, mod};
    for (size_t i = 0; i < 3; i++) {
        p[32 * i + 30] = (uint8_t)(len[i] >> 8);
        p[32 * i + 31] = (uint8_t)len[i];
    }
    memset(p + 96, 0xfe, base);
    memset(p + 96 + base, exp_byte, exp);
    memset(p + 96 + base + exp, 0xff, mod);
    p[96 + base + exp + mod - 1] = mod_low;
    return bytes_make(p, 96 + base + exp + mod);
}

static void hunt_modexp(struct hunt *h, struct arena *arena)
{
    hunt_file(h, arena, "geth/precompiles/modexp_eip2565.json");
    static const size_t sizes[] = {1, 8, 9, 16, 24, 32, 40, 48, 64, 96, 128, 200, 256, 512, 1024};
    static const size_t exps[] = {1, 2, 4, 8, 16, 32, 64, 256};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (size_t k = 0; k < ARRAY_LEN(exps); k++) {
            for (unsigned low = 0; low < 3; low++) {
                static const uint8_t lows[] = {0xff, 0xfe, 0x00};
                char name[80];
                snprintf(name, sizeof name, "base %zu exp %zu mod %zu ends %02x", sizes[i], exps[k],
                         sizes[i], lows[low]);
                const bytes_t in =
                    modexp_input(arena, sizes[i], exps[k], sizes[i], 0xff, lows[low]);
                hunt_try(h, name, in);
            }
        }
        // A small base or modulus beside a long one; an exponent of one bit.
        hunt_try(h, "long base, short modulus", modexp_input(arena, sizes[i], 32, 8, 0xff, 0xff));
        hunt_try(h, "short base, long modulus", modexp_input(arena, 1, 32, sizes[i], 0xff, 0xfe));
        hunt_try(h, "exponent of 3", modexp_input(arena, sizes[i], 1, sizes[i], 0x03, 0xfe));
    }
}

static bytes_t filled(struct arena *arena, size_t len)
{
    uint8_t *p = arena_alloc(arena, len + 1);
    bench_expect(p != NULL, "memory");
    memset(p, 0x5a, len);
    return bytes_make(p, len);
}

static void hunt_lengths(struct hunt *h, struct arena *arena)
{
    static const size_t lengths[] = {0, 1, 32, 64, 1024, 1 << 20};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        char name[80];
        snprintf(name, sizeof name, "%zu bytes", lengths[i]);
        hunt_try(h, name, filled(arena, lengths[i]));
    }
}

static void hunt_blake2f(struct hunt *h, struct arena *arena)
{
    static const uint32_t rounds[] = {0, 1, 12, 1000000};
    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        uint8_t *p = arena_calloc(arena, 1, 213);
        bench_expect(p != NULL, "memory");
        be_put_u32(p, rounds[i]);
        char name[80];
        snprintf(name, sizeof name, "%u rounds", rounds[i]);
        hunt_try(h, name, bytes_make(p, 213));
    }
}

static void hunt_kzg(struct hunt *h, struct arena *arena)
{
    json_t *doc = vectors("kzg_verify_proof.json");
    const json_t *cases = fixture_member(doc, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        if (!json_is_true(json_object_get(c, "valid"))) continue;
        uint8_t *in = arena_alloc(arena, 192);
        bench_expect(in != NULL, "memory");
        static const char *const parts[] = {"z", "y", "commitment", "proof"};
        size_t at = 32;
        for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
            const bytes_t part = fixture_bytes(fixture_member(c, parts[k]), arena);
            bench_expect(part.len == (k < 2 ? 32 : 48), "a part of a KZG case");
            memcpy(in + at, part.data, part.len);
            at += part.len;
        }
        const hash_t versioned = sha256(bytes_make(in + 96, 48));
        memcpy(in, versioned.b, 32);
        in[0] = 1;
        hunt_try(h, json_string_value(fixture_member(c, "name")), bytes_make(in, 192));
    }
    json_decref(doc);
}

static void precompiles(struct arena *arena)
{
    static const struct {
        const char *name;
        uint8_t low;
        void (*inputs)(struct hunt *, struct arena *);
        const char *files[2];
    } rows[] = {
        {"worst/ecrecover", 0x01, NULL, {"geth/precompiles/ecRecover.json"}},
        {"worst/sha256", 0x02, hunt_lengths, {0}},
        {"worst/ripemd160", 0x03, hunt_lengths, {0}},
        {"worst/identity", 0x04, hunt_lengths, {0}},
        {"worst/modexp", 0x05, hunt_modexp, {0}},
        {"worst/bn254-add", 0x06, NULL, {"geth/precompiles/bn256Add.json"}},
        {"worst/bn254-mul", 0x07, NULL, {"geth/precompiles/bn256ScalarMul.json"}},
        {"worst/bn254-pairing", 0x08, NULL, {"geth/precompiles/bn256Pairing.json"}},
        {"worst/blake2f", 0x09, hunt_blake2f, {0}},
        {"worst/kzg", 0x0a, hunt_kzg, {0}},
        {"worst/bls-g1-add", 0x0b, NULL, {"eip2537/add_G1_bls.json"}},
        {"worst/bls-g1-msm", 0x0c, NULL, {"eip2537/mul_G1_bls.json", "eip2537/msm_G1_bls.json"}},
        {"worst/bls-g2-add", 0x0d, NULL, {"eip2537/add_G2_bls.json"}},
        {"worst/bls-g2-msm", 0x0e, NULL, {"eip2537/mul_G2_bls.json"}},
        {"worst/bls-pairing", 0x0f, NULL, {"eip2537/pairing_check_bls.json"}},
        {"worst/bls-map-fp", 0x10, NULL, {"eip2537/map_fp_to_G1_bls.json"}},
        {"worst/bls-map-fp2", 0x11, NULL, {"eip2537/map_fp2_to_G2_bls.json"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!wanted(rows[i].name)) continue;
        struct hunt h;
        hunt_begin(&h, REV_PRAGUE, rows[i].low);
        if (rows[i].inputs != NULL) rows[i].inputs(&h, arena);
        for (size_t k = 0; k < ARRAY_LEN(rows[i].files) && rows[i].files[k] != NULL; k++) {
            hunt_file(&h, arena, rows[i].files[k]);
        }
        hunt_end(&h, rows[i].name);
    }
}

// ---- instructions ---------------------------------------------------------------------------

struct loop_ctx {
    const char *name;
    struct vm_world *world;
    uint64_t gas_used;
};

static void loop_times(void *ctx, uint64_t count)
{
    struct loop_ctx *c = ctx;
    for (uint64_t i = 0; i < count; i++) {
        const struct tx_result r = vm_world_run(c->world);
        // A loop ends when its gas does; what ends otherwise was not the program that was meant.
        bench_expect(r.validity == TX_VALID && r.status == EVM_OUT_OF_GAS, c->name);
        c->gas_used = r.gas_used;
    }
}

/// Runs the contract of `w` with all the transaction's gas.
static void judge_world(const char *name, struct vm_world *w)
{
    struct loop_ctx c = {.name = name, .world = w};
    loop_times(&c, 1);
    judge(&(struct bench_subject){name, loop_times, &c}, c.gas_used);
}

// clang-format off
#define W32 "7fb10e2d527612073b26eecdfd717e6a320cf44b4afac2b0732d9fcbe2b7fa0cf6"
#define V32 "7f9a3c5d017e8f6b24c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f60504030201fffefd"
#define M32 "7f73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"
#define D24 "77d73eda753299d7d483339d80809a1d80553bda402fffe5bf"
#define V16 "6f9a3c5d017e8f6b24c1d0e9f8a7b6c5d4"
#define NEXT "600101"   // the counter below goes up
#define NO_DATA "6000600060006000"

/// A loop: `setup` once, then `body` (which leaves the stack's height alone) without end.
static const struct {
    const char *name;
    const char *setup;
    const char *body;
    size_t repeat;
    uint64_t gas;
} loops[] = {
    {"worst/jumpdest", "", "5b", 8000, 3000000},
    {"worst/jump", "", "", 1, 3000000},
    {"worst/push-pop", "", W32 "50", 600, 3000000},
    {"worst/dup-swap", W32 V32, "805090819050", 3000, 3000000},
    {"worst/add", W32 V32, "8101", 6000, 3000000},
    {"worst/lt", W32 V32, "81811050", 4000, 3000000},
    {"worst/mul", W32 V32, "8102", 6000, 3000000},
    {"worst/div-128", V16 W32, "81810450", 4000, 3000000},
    {"worst/div-192", D24 W32, "81810450", 4000, 3000000},
    {"worst/sdiv", V16 W32, "81810550", 4000, 3000000},
    {"worst/mod", V16 W32, "81810650", 4000, 3000000},
    {"worst/smod", V16 W32, "81810750", 4000, 3000000},
    {"worst/addmod", M32 W32 V32, "8282820850", 4000, 3000000},
    {"worst/mulmod", M32 W32 V32, "8282820950", 4000, 3000000},
    {"worst/mulmod-128", V16 W32 V32, "8282820950", 4000, 3000000},
    {"worst/exp-32", W32 V32, "81810a50", 4000, 3000000},
    {"worst/exp-1", "60ff" V32, "81810a50", 4000, 3000000},
    {"worst/signextend", W32 "6005", "81810b50", 4000, 3000000},
    {"worst/byte", W32 "6005", "81811a50", 4000, 3000000},
    {"worst/shl", W32 "60c5", "81811b50", 4000, 3000000},
    {"worst/sar", W32 "60c5", "81811d50", 4000, 3000000},
    {"worst/mload", "", "60015150", 4000, 3000000},
    {"worst/mstore", V32, "80600152", 4000, 3000000},
    {"worst/mstore8", V32, "80600153", 4000, 3000000},
    {"worst/memory-grow", "6000", "602001805150", 2000, 3000000},
    {"worst/keccak-0", "", "600060002050", 4000, 3000000},
    {"worst/keccak-1", "", "600160002050", 4000, 3000000},
    {"worst/keccak-136", "", "608860002050", 4000, 3000000},
    {"worst/keccak-1MB", "", "6210000060002050", 100, 30000000},
    {"worst/calldataload", "", "60003550", 4000, 3000000},
    {"worst/calldatacopy-1", "", "60016000600037", 2000, 3000000},
    {"worst/codecopy-24KB", "", "6160006000600039", 2000, 3000000},
    {"worst/mcopy-1MB", "621000005150", "62100000600160005e", 1000, 30000000},
    {"worst/extcodecopy-24KB", "", "61600060006000303c", 2000, 3000000},
    {"worst/env", "", "3050325033503450365038503a50415042504350445045504650475048504a50", 500, 3000000},
    {"worst/gas", "", "5a50", 6000, 3000000},
    {"worst/blockhash", "", "60634050", 4000, 3000000},
    {"worst/balance-cold", W32, NEXT "803150", 3000, 30000000},
    {"worst/balance-warm", "", "303150", 5000, 3000000},
    {"worst/extcodehash-cold", W32, NEXT "803f50", 3000, 30000000},
    {"worst/sload-cold", W32, NEXT "805450", 3000, 30000000},
    {"worst/sload-warm", "", "60005450", 4000, 3000000},
    {"worst/sstore-new", W32, NEXT "808055", 3000, 30000000},
    {"worst/sstore-toggle", "", "60016000556000600055", 1500, 3000000},
    {"worst/tload", W32, NEXT "805c50", 3000, 30000000},
    {"worst/tstore", W32, NEXT "80805d", 3000, 30000000},
    {"worst/log0", "", "60006000a0", 3000, 30000000},
    {"worst/log4", "", "600060006000600060006000a4", 1500, 30000000},
    {"worst/log0-8KB", "", "6120006000a0", 2000, 30000000},
    {"worst/call-nobody", "", NO_DATA "60003361fffff150", 1000, 3000000},
    {"worst/call-value", "", NO_DATA "60013361fffff150", 1000, 30000000},
    {"worst/call-self-deep", "", NO_DATA "6000305af150", 1000, 30000000},
    {"worst/delegatecall-self-deep", "", NO_DATA "305af450", 1000, 30000000},
    {"worst/call-identity", "", NO_DATA "60046103e8fa50", 1000, 30000000},
    {"worst/call-identity-64KB", "", "6000600062010000600060045afa50", 1000, 30000000},
    {"worst/create-empty", "", "600060006000f050", 1500, 30000000},
    {"worst/create2-48KB", W32, NEXT "8061c00060006000f550", 1500, 30000000},
    {"worst/create-selfdestruct", "6130ff60f01b600052", "600260006000f050", 1500, 30000000},
};
// clang-format on

static char *put_text(char *at, const char *text)
{
    const size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

/// setup, JUMPDEST, body times n, PUSH2 the destination, JUMP.
static char *loop_code(const char *setup, const char *body, size_t repeat)
{
    char *code = malloc(strlen(setup) + repeat * strlen(body) + 16);
    bench_expect(code != NULL, "memory");
    char *at = put_text(code, setup);
    const unsigned start = (unsigned)(strlen(setup) / 2);
    at = put_text(at, "5b");
    for (size_t i = 0; i < repeat; i++) at = put_text(at, body);
    snprintf(at, 10, "61%04x56", start);
    return code;
}

static void instructions(void)
{
    for (size_t i = 0; i < ARRAY_LEN(loops); i++) {
        if (!wanted(loops[i].name)) continue;
        struct vm_world w;
        vm_world_init(&w, REV_CANCUN);
        char *code = loop_code(loops[i].setup, loops[i].body, loops[i].repeat);
        const u256_t rich = u256_from_u64(1000000000);
        mem_state_put(&w.state, &WORLD_CONTRACT, 1, &rich, vm_world_bytes(&w, code));
        free(code);
        w.tx.gas_limit = loops[i].gas;
        judge_world(loops[i].name, &w);
        vm_world_deinit(&w);
    }
}

/// More large codes than the cache of analysed ones holds, each called again and again: `fill`
/// is what they are full of.
static void many_codes(const char *name, uint8_t fill)
{
    if (!wanted(name)) return;
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    static uint8_t code[24576];
    memset(code, fill, sizeof code);
    code[0] = 0x00;
    const u256_t nothing = u256_from_u64(0);
    for (unsigned i = 0; i < MANY_CODES; i++) {
        const address_t a = {{[17] = 1, [18] = (uint8_t)(i >> 8), [19] = (uint8_t)i}};
        be_put_u32(code + 4, i);
        mem_state_put(&w.state, &a, 1, &nothing, bytes_make(code, sizeof code));
    }
    // i = 0; do { call(0x10000 + i) } while (1), i = (i + 1) mod MANY_CODES
    char loop[128];
    snprintf(loop, sizeof loop, "60005b" NO_DATA "8462010000015afa50" NEXT "61%04x9006600256",
             (unsigned)MANY_CODES);
    vm_world_code(&w, &WORLD_CONTRACT, loop);
    w.tx.gas_limit = BLOCK_GAS;
    judge_world(name, &w);
    vm_world_deinit(&w);
}

/// `worst TEXT` runs only what has it in its name.
int main(int argc, char **argv)
{
    struct arena arena;
    bench_expect(err_ok(arena_init(&arena, (size_t)256 << 20)), "memory");
    t.only = argc > 1 ? argv[1] : NULL;
    t.recover = bench_recover_limit();
    precompiles(&arena);
    instructions();
    many_codes("worst/analysis-jumpdest", 0x5b);
    many_codes("worst/analysis-push1", 0x60);
    many_codes("worst/analysis-mixed", 0x01);
    arena_deinit(&arena);
    if (t.too_slow > 0) fprintf(stderr, "worst: %zu are too slow\n", t.too_slow);
    return t.too_slow > 0;
}
