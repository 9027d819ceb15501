// SPDX-License-Identifier: Apache-2.0

/// Official state tests: one transaction on a given world, judged by the state root and the
/// hash of the logs (ethereum/tests for Cancun, ethereum/legacytests for Frontier to
/// Shanghai, execution-spec-tests for Cancun and Prague). Each case is decoded from its
/// signed bytes; an invalid transaction must be refused for the expected reason and leave
/// the world as it was. Counts are asserted.
///
///     conformance_state [--all] [--only TEXT] [--verbose]
///
/// Without --all the files named in `heavy` are skipped.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "test/support/fixture.h"
#include "vm/block_exec.h"

enum { WORKERS = 2, SHOWN_FAILURES = 40 };

// clang-format off
static const struct category {
    const char *name; ///< archive name without .tar.xz
    size_t files;
    size_t cases;
} categories[] = {
    {"GeneralStateTests/Cancun", 8, 141},
    {"GeneralStateTests/Pyspecs", 29, 210},
    {"GeneralStateTests/Shanghai", 5, 20},
    {"GeneralStateTests/VMTests", 46, 505},
    {"GeneralStateTests/stArgsZeroOneBalance", 33, 70},
    {"GeneralStateTests/stAttackTest", 2, 2},
    {"GeneralStateTests/stBadOpcode", 87, 3061},
    {"GeneralStateTests/stBugs", 3, 4},
    {"GeneralStateTests/stCallCodes", 57, 63},
    {"GeneralStateTests/stCallCreateCallCodeTest", 31, 43},
    {"GeneralStateTests/stCallDelegateCodesCallCodeHomestead", 42, 42},
    {"GeneralStateTests/stCallDelegateCodesHomestead", 39, 39},
    {"GeneralStateTests/stChainId", 1, 1},
    {"GeneralStateTests/stCodeCopyTest", 1, 1},
    {"GeneralStateTests/stCodeSizeLimit", 4, 7},
    {"GeneralStateTests/stCreate2", 36, 126},
    {"GeneralStateTests/stCreateTest", 34, 133},
    {"GeneralStateTests/stDelegatecallTestHomestead", 21, 22},
    {"GeneralStateTests/stEIP150Specific", 10, 21},
    {"GeneralStateTests/stEIP150singleCodeGasPrices", 28, 438},
    {"GeneralStateTests/stEIP1559", 9, 1828},
    {"GeneralStateTests/stEIP158Specific", 6, 6},
    {"GeneralStateTests/stEIP2930", 5, 89},
    {"GeneralStateTests/stEIP3607", 3, 3},
    {"GeneralStateTests/stExample", 7, 34},
    {"GeneralStateTests/stExtCodeHash", 28, 46},
    {"GeneralStateTests/stHomesteadSpecific", 4, 4},
    {"GeneralStateTests/stInitCodeTest", 12, 14},
    {"GeneralStateTests/stLogTests", 33, 33},
    {"GeneralStateTests/stMemExpandingEIP150Calls", 6, 11},
    {"GeneralStateTests/stMemoryStressTest", 28, 60},
    {"GeneralStateTests/stMemoryTest", 52, 559},
    {"GeneralStateTests/stNonZeroCallsTest", 17, 17},
    {"GeneralStateTests/stPreCompiledContracts", 6, 552},
    {"GeneralStateTests/stPreCompiledContracts2", 74, 220},
    {"GeneralStateTests/stQuadraticComplexityTest", 12, 24},
    {"GeneralStateTests/stRandom", 223, 223},
    {"GeneralStateTests/stRandom2", 159, 159},
    {"GeneralStateTests/stRecursiveCreate", 1, 1},
    {"GeneralStateTests/stRefundTest", 16, 20},
    {"GeneralStateTests/stReturnDataTest", 30, 257},
    {"GeneralStateTests/stRevertTest", 33, 239},
    {"GeneralStateTests/stSLoadTest", 1, 1},
    {"GeneralStateTests/stSStoreTest", 21, 365},
    {"GeneralStateTests/stSelfBalance", 5, 39},
    {"GeneralStateTests/stShift", 30, 30},
    {"GeneralStateTests/stSolidityTest", 13, 16},
    {"GeneralStateTests/stSpecialTest", 10, 17},
    {"GeneralStateTests/stStackTests", 7, 312},
    {"GeneralStateTests/stStaticCall", 204, 348},
    {"GeneralStateTests/stStaticFlagEnabled", 10, 24},
    {"GeneralStateTests/stSystemOperationsTest", 48, 63},
    {"GeneralStateTests/stTimeConsuming", 10, 3910},
    {"GeneralStateTests/stTransactionTest", 25, 221},
    {"GeneralStateTests/stTransitionTest", 6, 6},
    {"GeneralStateTests/stWalletTest", 30, 34},
    {"GeneralStateTests/stZeroCallsRevert", 11, 11},
    {"GeneralStateTests/stZeroCallsTest", 17, 17},
    {"GeneralStateTests/stZeroKnowledge", 97, 762},
    {"GeneralStateTests/stZeroKnowledge2", 93, 371},
    {"LegacyTests/Cancun/GeneralStateTests", 21, 138},
    {"eest/state_tests/berlin", 3, 52},
    {"eest/state_tests/byzantium", 1, 78},
    {"eest/state_tests/cancun", 27, 439},
    {"eest/state_tests/constantinople", 1, 6},
    {"eest/state_tests/frontier", 16, 292},
    {"eest/state_tests/homestead", 3, 18},
    {"eest/state_tests/istanbul", 4, 178},
    {"eest/state_tests/osaka", 9, 296},
    {"eest/state_tests/paris", 1, 36},
    {"eest/state_tests/prague", 55, 386},
    {"eest/state_tests/shanghai", 4, 44},
    {"LegacyTests/older-forks", 306, 2212},
};
// clang-format on

/// Skipped without --all: 2^32 - 1 rounds of BLAKE2b, a minute and a half for one case.
static const char *const heavy[] = {
    "stTimeConsuming/CALLBlake2f_MaxRounds.json",
};

struct tally {
    size_t files;
    size_t passed;
    size_t failed;
    size_t skipped;
    size_t other_reason; ///< refused as it must be, but for another reason
    uint64_t gas;
};

struct shared {
    struct tally by_category[WORKERS][ARRAY_LEN(categories)];
    struct tally by_fork[WORKERS][REV_COUNT];
};

static struct {
    bool all;
    bool verbose;
    const char *only;
    struct shared *shared;
} options;

/// One worker's tools.
struct worker {
    unsigned number;
    struct vm *vm;
    struct overlay *world;
    struct mem_state state;
    struct arena arena;   ///< of a case
    struct arena scratch; ///< of roots
    size_t shown;
};

/// One case being judged.
struct test_case {
    const char *file;
    const char *name;
    const char *fork;
    size_t index;
    const json_t *test;
    const json_t *post;
};

// ---- building the world -----------------------------------------------------------------------

// As go-ethereum's tests have it: the hash of block n is that of its decimal text.
static hash_t block_hash_of_text(void *ctx, uint64_t number)
{
    (void)ctx;
    char text[24];
    const int n = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return keccak256(bytes_make(text, (size_t)n));
}

static void read_block(struct block_ctx *block, const json_t *env, enum revision rev)
{
    struct chain_config config = {
        .engine = ENGINE_MAINNET, .chain_id = 1, .contract_size_limit = 24576};
    for (unsigned r = 0; r < REV_COUNT; r++) {
        config.fork_block[r] = r <= (unsigned)rev ? 0 : FORK_NEVER;
        config.fork_time_s[r] = FORK_NEVER;
    }
    struct header h = {.number = fixture_u64(fixture_member(env, "currentNumber")),
                       .timestamp_s = fixture_u64(fixture_member(env, "currentTimestamp")),
                       .gas_limit = fixture_u64(fixture_member(env, "currentGasLimit")),
                       .coinbase = fixture_address(fixture_member(env, "currentCoinbase")),
                       .difficulty = fixture_u256(fixture_member(env, "currentDifficulty")),
                       .field_count = HEADER_FIELDS_CANCUN};
    const json_t *base_fee = json_object_get(env, "currentBaseFee");
    const json_t *randao = json_object_get(env, "currentRandom");
    const json_t *excess = json_object_get(env, "currentExcessBlobGas");
    if (base_fee != NULL) h.base_fee_wei = fixture_u256(base_fee);
    if (randao != NULL) h.mix_hash = fixture_hash(randao);
    if (excess != NULL) h.excess_blob_gas = fixture_u64(excess);
    block_ctx_of_header(block, &config, &h);
}

static const json_t *pick(const json_t *template, const char *member, const json_t *indexes,
                          const char *index)
{
    const size_t i = (size_t)json_integer_value(fixture_member(indexes, index));
    return json_array_get(fixture_member(template, member), i);
}

// Cases without signed bytes (the oldest set) are built from the template.
static void tx_of_template(struct tx *tx, const struct test_case *c, struct arena *arena)
{
    const json_t *t = fixture_member(c->test, "transaction");
    const json_t *indexes = fixture_member(c->post, "indexes");
    *tx = (struct tx){.type = TX_LEGACY,
                      .nonce = fixture_u64(fixture_member(t, "nonce")),
                      .gas_limit = fixture_u64(pick(t, "gasLimit", indexes, "gas")),
                      .value_wei = fixture_u256(pick(t, "value", indexes, "value")),
                      .data = fixture_bytes(pick(t, "data", indexes, "data"), arena),
                      .max_fee_per_gas = fixture_u256(fixture_member(t, "gasPrice"))};
    tx->max_priority_fee_per_gas = tx->max_fee_per_gas;
    const json_t *to = fixture_member(t, "to");
    tx->is_create = json_string_length(to) < 40;
    if (!tx->is_create) tx->to = fixture_address(to);
    struct secret_key key;
    const hash_t secret = fixture_hash(fixture_member(t, "secretKey"));
    memcpy(key.b, secret.b, sizeof key.b);
    secp_pubkey_t pub;
    check(err_ok(secp_pubkey_of(&pub, &key)));
    tx->sender = secp_address(&pub);
    tx->has_sender = true;
}

/// @return false if the bytes are refused already
static bool read_tx(struct tx *tx, const struct test_case *c, struct arena *arena)
{
    const json_t *bytes = json_object_get(c->post, "txbytes");
    if (bytes == NULL) {
        tx_of_template(tx, c, arena);
        return true;
    }
    return err_ok(tx_decode(tx, arena, fixture_bytes(bytes, arena))) &&
           err_ok(tx_recover_sender(tx));
}

// ---- reasons ----------------------------------------------------------------------------------

static const struct {
    enum tx_validity validity;
    const char *names; ///< the fixtures' words for it, new and old
} reasons[] = {
    {TX_TYPE_NOT_SUPPORTED, "TR_TypeNotSupported TYPE_3_TX_PRE_FORK TYPE_4_TX_PRE_FORK"},
    {TX_INTRINSIC_GAS_TOO_LOW, "INTRINSIC_GAS_TOO_LOW"},
    {TX_FLOOR_GAS_TOO_LOW, "INTRINSIC_GAS_BELOW_FLOOR_GAS_COST INTRINSIC_GAS_TOO_LOW"},
    {TX_NONCE_IS_MAX, "NONCE_IS_MAX"},
    {TX_INITCODE_TOO_LARGE, "INITCODE_SIZE_EXCEEDED"},
    {TX_GAS_EXCEEDS_BLOCK, "GAS_ALLOWANCE_EXCEEDED"},
    {TX_PRIORITY_ABOVE_MAX_FEE, "PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS"},
    {TX_MAX_FEE_BELOW_BASE_FEE, "INSUFFICIENT_MAX_FEE_PER_GAS TR_FeeCapLessThanBlocks"},
    {TX_GAS_PRICE_OVERFLOW, "GASLIMIT_PRICE_PRODUCT_OVERFLOW"},
    {TX_NONCE_TOO_LOW, "NONCE_MISMATCH_TOO_LOW"},
    {TX_NONCE_TOO_HIGH, "NONCE_MISMATCH_TOO_HIGH"},
    {TX_INSUFFICIENT_FUNDS, "INSUFFICIENT_ACCOUNT_FUNDS TR_NoFunds"},
    {TX_SENDER_NOT_EOA, "SENDER_NOT_EOA SenderNotEOA"},
    {TX_EMPTY_AUTHORIZATION_LIST, "TYPE_4_EMPTY_AUTHORIZATION_LIST"},
    {TX_SET_CODE_CREATES, "TYPE_4_TX_CONTRACT_CREATION"},
};

static bool reason_expected(enum tx_validity v, const char *expected)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].validity != v) continue;
        char names[128];
        snprintf(names, sizeof names, "%s", reasons[i].names);
        char *rest = NULL;
        for (char *n = strtok_r(names, " ", &rest); n != NULL; n = strtok_r(NULL, " ", &rest)) {
            if (strstr(expected, n) != NULL) return true;
        }
    }
    return false;
}

// ---- judging ----------------------------------------------------------------------------------

static void say(struct worker *w, const struct test_case *c, const char *what)
{
    if (!options.verbose && w->shown++ >= SHOWN_FAILURES) return;
    printf("FAIL %s %s %s/%zu: %s\n", c->file, c->name, c->fork, c->index, what);
}

static bool expect_hash(struct worker *w, const struct test_case *c, const char *what, hash_t got,
                        const char *member)
{
    const hash_t want = fixture_hash(fixture_member(c->post, member));
    if (hash_eq(&got, &want)) return true;
    char text[256];
    snprintf(text, sizeof text, "%s %02x%02x%02x%02x.., expected %02x%02x%02x%02x..", what,
             got.b[0], got.b[1], got.b[2], got.b[3], want.b[0], want.b[1], want.b[2], want.b[3]);
    say(w, c, text);
    return false;
}

static bool judge(struct worker *w, struct tally *tally, const struct test_case *c,
                  enum revision rev)
{
    arena_reset(&w->arena);
    mem_state_clear(&w->state);
    fixture_state(&w->state, fixture_member(c->test, "pre"), &w->arena);
    w->state.block_hash = block_hash_of_text;
    const struct state_view view = mem_state_view(&w->state);
    overlay_reset(w->world, &view);

    struct block_ctx block;
    read_block(&block, fixture_member(c->test, "env"), rev);
    const json_t *exception = json_object_get(c->post, "expectException");
    struct tx tx;
    struct tx_result result = {.validity = TX_BAD_SIGNATURE};
    const bool decoded = read_tx(&tx, c, &w->arena);
    if (decoded) {
        const err_t err = tx_execute(&result, w->vm, w->world, &block, &tx, block.gas_limit, NULL);
        if (!err_ok(err)) {
            say(w, c, err_text(err));
            return false;
        }
    }
    const bool refused = result.validity != TX_VALID;
    if (refused && exception == NULL && json_object_get(c->post, "txbytes") != NULL) {
        say(w, c, tx_validity_text(result.validity));
        return false;
    }
    if (!refused && exception != NULL) {
        say(w, c, json_string_value(exception));
        return false;
    }
    if (refused && exception != NULL &&
        !reason_expected(result.validity, json_string_value(exception))) {
        tally->other_reason++;
        if (options.verbose) {
            printf("reason: %s for %s: %s\n", tx_validity_text(result.validity), c->name,
                   json_string_value(exception));
        }
    }
    struct state_diff diff;
    const err_t err = overlay_diff(&diff, &w->arena, w->world);
    if (!err_ok(err)) {
        say(w, c, err_text(err));
        return false;
    }
    if (refused && diff.account_count != 0) {
        say(w, c, "a refused transaction left a trace");
        return false;
    }
    mem_state_apply(&w->state, &diff);
    tally->gas += result.gas_used;
    return expect_hash(w, c, "root", mem_state_root(&w->state, &w->scratch), "hash") &&
           expect_hash(w, c, "logs", logs_hash(result.logs, result.log_count), "logs");
}

static enum revision fork_of(const char *name)
{
    enum revision rev;
    if (!err_ok(revision_parse(&rev, bytes_of_str(name)))) {
        fprintf(stderr, "unknown fork %s\n", name);
        exit(2);
    }
    return rev;
}

static void run_test(struct worker *w, struct tally *tally, const char *file, const char *name,
                     const json_t *test)
{
    const char *fork;
    json_t *cases;
    json_object_foreach((json_t *)(uintptr_t)fixture_member(test, "post"), fork, cases)
    {
        const enum revision rev = fork_of(fork);
        struct tally *by_fork = &options.shared->by_fork[w->number][rev];
        for (size_t i = 0; i < json_array_size(cases); i++) {
            const struct test_case c = {file, name, fork, i, test, json_array_get(cases, i)};
            const bool passed = judge(w, tally, &c, rev);
            tally->passed += passed;
            tally->failed += !passed;
            by_fork->passed += passed;
            by_fork->failed += !passed;
        }
    }
}

static bool is_heavy(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(heavy); i++) {
        if (strstr(path, heavy[i]) != NULL) return true;
    }
    return false;
}

static size_t count_cases(const json_t *doc)
{
    size_t count = 0;
    const char *name;
    json_t *test;
    json_object_foreach((json_t *)(uintptr_t)doc, name, test)
    {
        const char *fork;
        json_t *cases;
        json_object_foreach((json_t *)(uintptr_t)fixture_member(test, "post"), fork, cases)
        {
            count += json_array_size(cases);
        }
    }
    return count;
}

static void run_file(struct worker *w, struct tally *tally, const char *path)
{
    json_t *doc = fixture_load(path);
    tally->files++;
    if (is_heavy(path) && !options.all) {
        tally->skipped += count_cases(doc);
        json_decref(doc);
        return;
    }
    const clock_t begun = clock();
    const char *name;
    json_t *test;
    json_object_foreach(doc, name, test)
    {
        if (strcmp(name, "_info") != 0) run_test(w, tally, path, name, test);
    }
    json_decref(doc);
    const double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
    if (options.verbose && seconds > 0.5) printf("slow: %.1f s %s\n", seconds, path);
}

static void work(unsigned number, void *ctx)
{
    (void)ctx;
    struct worker w = {.number = number};
    mem_state_init(&w.state);
    const struct state_view view = mem_state_view(&w.state);
    check(err_ok(arena_init(&w.arena, (size_t)1 << 32)));
    check(err_ok(arena_init(&w.scratch, (size_t)1 << 32)));
    check(err_ok(vm_new(&w.vm)));
    check(err_ok(overlay_new(&w.world, &view, (size_t)1 << 32)));
    size_t turn = 0;
    for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
        char dir[256];
        snprintf(dir, sizeof dir, "build/vectors/%s", categories[i].name);
        char **paths;
        const size_t count = fixture_files(dir, &paths);
        for (size_t k = 0; k < count; k++) {
            if (options.only != NULL && strstr(paths[k], options.only) == NULL) continue;
            if (turn++ % WORKERS != number) continue;
            run_file(&w, &options.shared->by_category[number][i], paths[k]);
        }
    }
}

// ---- the report ---------------------------------------------------------------------------------

static struct tally sum(const struct tally *first, size_t stride)
{
    struct tally all = {0};
    for (size_t i = 0; i < WORKERS; i++) {
        const struct tally *t = first + i * stride;
        all.files += t->files;
        all.passed += t->passed;
        all.failed += t->failed;
        all.skipped += t->skipped;
        all.other_reason += t->other_reason;
        all.gas += t->gas;
    }
    return all;
}

static bool report(void)
{
    struct tally total = {0};
    bool well = true;
    printf("%-62s %6s %6s %6s %8s\n", "category", "passed", "failed", "skip", "Mgas");
    for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
        const struct tally t = sum(&options.shared->by_category[0][i], ARRAY_LEN(categories));
        const bool all_there = t.files == categories[i].files &&
                               t.passed + t.failed + t.skipped == categories[i].cases;
        if (t.files == 0 && options.only != NULL) continue;
        printf("%-62s %6zu %6zu %6zu %8.1f%s\n", categories[i].name, t.passed, t.failed, t.skipped,
               (double)t.gas / 1e6, all_there ? "" : "  <- not the expected number");
        if (t.failed != 0 || (!all_there && options.only == NULL)) well = false;
        total.passed += t.passed;
        total.failed += t.failed;
        total.skipped += t.skipped;
        total.other_reason += t.other_reason;
        total.gas += t.gas;
    }
    for (unsigned r = 0; r < REV_COUNT; r++) {
        const struct tally t = sum(&options.shared->by_fork[0][r], REV_COUNT);
        if (t.passed + t.failed == 0) continue;
        printf("fork %-57s %6zu %6zu\n", revision_name((enum revision)r), t.passed, t.failed);
    }
    printf("state tests: %zu passed, %zu failed, %zu skipped (heavy: --all), %zu refused for "
           "another reason, %.0f Mgas\n",
           total.passed, total.failed, total.skipped, total.other_reason, (double)total.gas / 1e6);
    return well && total.other_reason == 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--all") == 0) options.all = true;
        if (strcmp(argv[i], "--verbose") == 0) options.verbose = true;
        if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) options.only = argv[++i];
    }
    for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
        char archive[256];
        snprintf(archive, sizeof archive, "%s.tar.xz", categories[i].name);
        fixture_unpack(archive, categories[i].name);
    }
    check(err_ok(secp_setup()));
    options.shared = fixture_shared(sizeof *options.shared);
    const bool finished = fixture_fork(WORKERS, work, NULL);
    if (!finished) printf("a worker died\n");
    return report() && finished ? 0 : 1;
}
