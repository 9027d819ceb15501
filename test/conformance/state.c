// SPDX-License-Identifier: Apache-2.0

/// Official state tests: one transaction on a given world, judged by the state root and the
/// hash of the logs (ethereum/tests for Cancun, ethereum/legacytests for Frontier to
/// Shanghai, execution-spec-tests for Cancun and Prague). Each case is decoded from its
/// signed bytes; an invalid transaction must be refused for the expected reason and leave
/// the world as it was. Counts are asserted.
///
///     conformance_state [--all] [--only TEXT] [--verbose]
///
/// Without --all the cases of heavy.txt are skipped.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "chain/crypto/secp.h"
#include "rpc/cairnd/command.h"
#include "rpc/cairnd/state_test.h"
#include "test/support/fixture.h"
#include "test/support/tally.h"

enum { WORKERS = FIXTURE_WORKERS_MAX, SHOWN_FAILURES = 40 };

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

/// Skipped without --all: paths, and why, a line each.
#define HEAVY "test/conformance/heavy.txt"

struct score {
    size_t passed;
    size_t failed;
    size_t skipped;
    size_t other_reason; ///< refused as it must be, but for another reason
    uint64_t gas;
};

struct shared {
    size_t files[WORKERS][ARRAY_LEN(categories)];
    struct score scores[WORKERS][ARRAY_LEN(categories)][REV_COUNT];
};

static struct {
    bool all;
    bool verbose;
    const char *only;
    unsigned workers;
    const char *heavy; ///< the file's text
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

static bool judge(struct worker *w, struct score *score, const struct state_test_case *c)
{
    struct state_test_verdict verdict;
    struct fixture_detail detail = {""};
    const err_t err = state_test_judge(&verdict, &w->bench, c, &detail);
    if (!err_ok(err)) {
        say(w, c, detail.text[0] != 0 ? detail.text : err_text(err));
        return false;
    }
    if (!verdict.pass) say(w, c, verdict.error);
    score->other_reason += verdict.other_reason;
    if (verdict.other_reason && options.verbose) {
        printf("reason: %s for %s: %s\n", verdict.reason, c->name,
               json_string_value(json_object_get(c->post, "expectException")));
    }
    score->gas += verdict.gas_used;
    return verdict.pass;
}

/// A file on its way through the judge.
struct file_run {
    struct worker *w;
    struct score *by_fork; ///< REV_COUNT of them
    bool skip;
};

static err_t run_case(void *ctx, const struct state_test_case *c)
{
    const struct file_run *run = ctx;
    enum revision rev;
    TRY(fixture_read_fork(&rev, c->fork));
    struct score *score = &run->by_fork[rev];
    if (run->skip) {
        score->skipped++;
        return OK;
    }
    const bool passed = judge(run->w, score, c);
    score->passed += passed;
    score->failed += !passed;
    return OK;
}

/// A line of heavy.txt is a path and a reason.
static bool is_heavy(const char *path)
{
    for (const char *line = options.heavy; *line != 0;) {
        const size_t word = strcspn(line, " \n");
        const size_t len = strlen(path);
        if (line[0] != '#' && word > 0 && len > word &&
            memcmp(path + len - word, line, word) == 0) {
            return true;
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return false;
}

static void run_file(struct worker *w, struct score *by_fork, const char *path)
{
    json_t *doc = fixture_load(path);
    const clock_t begun = clock();
    struct fixture_detail detail = {""};
    struct file_run run = {w, by_fork, !options.all && is_heavy(path)};
    w->file = path;
    const err_t err = state_test_each(doc, run_case, &run, &detail);
    if (!err_ok(err)) {
        printf("FAIL %s: %s: %s\n", path, err_text(err), detail.text);
        by_fork[0].failed++;
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
        char **paths;
        const size_t count = fixture_unpacked(categories[i].name, &paths);
        for (size_t k = 0; k < count; k++) {
            if (options.only != NULL && strstr(paths[k], options.only) == NULL) continue;
            if (turn++ % options.workers != number) continue;
            run_file(&w, options.shared->scores[number][i], paths[k]);
            options.shared->files[number][i]++;
        }
    }
}

// ---- the report ---------------------------------------------------------------------------------

static void add(struct score *sum, const struct score *s)
{
    sum->passed += s->passed;
    sum->failed += s->failed;
    sum->skipped += s->skipped;
    sum->other_reason += s->other_reason;
    sum->gas += s->gas;
}

static size_t cases_of(const struct score *s)
{
    return s->passed + s->failed + s->skipped;
}

/// Adds up a category's workers, fork by fork, into `forks` too.
static struct score sum_category(size_t category, struct score forks[REV_COUNT])
{
    struct score all = {0};
    for (unsigned r = 0; r < REV_COUNT; r++) {
        struct score fork = {0};
        for (unsigned i = 0; i < options.workers; i++) {
            add(&fork, &options.shared->scores[i][category][r]);
        }
        add(&all, &fork);
        add(&forks[r], &fork);
        if (cases_of(&fork) == 0) continue;
        char group[160];
        snprintf(group, sizeof group, "%s %s", categories[category].name,
                 revision_name((enum revision)r));
        tally_report(group, cases_of(&fork), fork.passed, fork.skipped);
    }
    return all;
}

static bool report(void)
{
    struct score total = {0};
    struct score forks[REV_COUNT] = {{0}};
    bool well = true;
    printf("%-62s %6s %6s %6s %8s\n", "category", "passed", "failed", "skip", "Mgas");
    for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
        const struct score s = sum_category(i, forks);
        size_t files = 0;
        for (unsigned k = 0; k < options.workers; k++) files += options.shared->files[k][i];
        const bool all_there = files == categories[i].files && cases_of(&s) == categories[i].cases;
        if (files == 0 && options.only != NULL) continue;
        printf("%-62s %6zu %6zu %6zu %8.1f%s\n", categories[i].name, s.passed, s.failed, s.skipped,
               (double)s.gas / 1e6, all_there ? "" : "  <- not the expected number");
        if (s.failed != 0 || (!all_there && options.only == NULL)) well = false;
        add(&total, &s);
    }
    for (unsigned r = 0; r < REV_COUNT; r++) {
        if (forks[r].passed + forks[r].failed == 0) continue;
        printf("fork %-57s %6zu %6zu\n", revision_name((enum revision)r), forks[r].passed,
               forks[r].failed);
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
    struct buf heavy;
    buf_init(&heavy, 1 << 16);
    check(err_ok(file_read(&heavy, HEAVY)));
    buf_put_u8(&heavy, 0);
    options.heavy = (const char *)heavy.data;
    options.workers = fixture_workers();
    check(err_ok(secp_setup()));
    options.shared = fixture_shared(sizeof *options.shared);
    const bool finished = fixture_fork(options.workers, work, NULL);
    if (!finished) printf("a worker died\n");
    const bool well = report() && finished;
    buf_deinit(&heavy);
    return well ? 0 : 1;
}
