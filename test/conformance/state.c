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

#include "chain/crypto/secp.h"
#include "rpc/cairnd/state_test.h"
#include "test/support/fixture.h"

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
    struct state_test_bench bench;
    const char *file; ///< that is being run
    size_t shown;
};

// ---- judging ----------------------------------------------------------------------------------

static void say(struct worker *w, const struct state_test_case *c, const char *what)
{
    if (!options.verbose && w->shown++ >= SHOWN_FAILURES) return;
    printf("FAIL %s %s %s/%zu: %s\n", w->file, c->name, c->fork, c->index, what);
}

static bool judge(struct worker *w, struct tally *tally, const struct state_test_case *c)
{
    struct state_test_verdict verdict;
    struct fixture_detail detail = {""};
    const err_t err = state_test_judge(&verdict, &w->bench, c, &detail);
    if (!err_ok(err)) {
        say(w, c, detail.text[0] != 0 ? detail.text : err_text(err));
        return false;
    }
    if (!verdict.pass) say(w, c, verdict.error);
    tally->other_reason += verdict.other_reason;
    if (verdict.other_reason && options.verbose) {
        printf("reason: %s for %s: %s\n", verdict.reason, c->name,
               json_string_value(json_object_get(c->post, "expectException")));
    }
    tally->gas += verdict.gas_used;
    return verdict.pass;
}

/// A file on its way through the judge.
struct file_run {
    struct worker *w;
    struct tally *tally;
};

static err_t run_case(void *ctx, const struct state_test_case *c)
{
    const struct file_run *run = ctx;
    struct tally *tally = run->tally;
    enum revision rev;
    TRY(fixture_read_fork(&rev, c->fork));
    struct tally *by_fork = &options.shared->by_fork[run->w->number][rev];
    const bool passed = judge(run->w, tally, c);
    tally->passed += passed;
    tally->failed += !passed;
    by_fork->passed += passed;
    by_fork->failed += !passed;
    return OK;
}

static err_t count_case(void *ctx, const struct state_test_case *c)
{
    (void)c;
    ++*(size_t *)ctx;
    return OK;
}

static bool is_heavy(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(heavy); i++) {
        if (strstr(path, heavy[i]) != NULL) return true;
    }
    return false;
}

static void run_file(struct worker *w, struct tally *tally, const char *path)
{
    json_t *doc = fixture_load(path);
    tally->files++;
    struct fixture_detail detail = {""};
    if (is_heavy(path) && !options.all) {
        check(err_ok(state_test_each(doc, count_case, &tally->skipped, NULL)));
        json_decref(doc);
        return;
    }
    const clock_t begun = clock();
    w->file = path;
    struct file_run run = {w, tally};
    const err_t err = state_test_each(doc, run_case, &run, &detail);
    if (!err_ok(err)) {
        printf("FAIL %s: %s: %s\n", path, err_text(err), detail.text);
        tally->failed++;
    }
    json_decref(doc);
    const double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
    if (options.verbose && seconds > 0.5) printf("slow: %.1f s %s\n", seconds, path);
}

static void work(unsigned number, void *ctx)
{
    (void)ctx;
    struct worker w = {.number = number};
    check(err_ok(state_test_open(&w.bench)));
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
