// SPDX-License-Identifier: Apache-2.0
/// cairn-sim: one seed, or campaigns of many.

#include "test/sim/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_JOBS 16
#define MAX_FAILURES 32

static const char USAGE[] =
    "usage: cairn-sim --seed S [--n 4] [--heights 20] [--trace] [--shrink] [--real-crypto]\n"
    "                 [--no-persist-check] [--with loss,crash,...: this trouble and no other]\n"
    "       cairn-sim --campaign ci|soak|quick [--jobs 2] [--first SEED]\n"
    "       cairn-sim --seeds COUNT [--n 4] [--first SEED] [--jobs 2] [--stop]\n"
    "       cairn-sim --regress FILE\n"
    "       cairn-sim --same COUNT [--first SEED]\n"
    "One seed and one build decide a run. --stop ends at the first violation (exit 1);\n"
    "--same runs each seed twice and compares the hash of all events.\n";

/// What worker processes tell.
struct shared {
    struct sim_counts counts;
    struct {
        uint64_t seed;
        size_t n;
        uint64_t heights;
        bool real_crypto;
        enum violation_kind kind;
        char text[256];
        uint64_t step;
    } failures[MAX_FAILURES];
    size_t failure_count;
    uint64_t runs;
    struct sim_options now; ///< being run, in case the process dies of it
};

struct settings {
    struct sim_options o;
    bool shrink, stop, has_seed;
    const char *campaign, *regress;
    uint64_t seeds, same, first, jobs;
};

struct part {
    size_t n;
    uint64_t seeds;
    uint64_t heights;
};

static const struct part CI[] = {
    {4, 2000, 20}, {7, 700, 20}, {10, 250, 15}, {31, 45, 8}, {100, 5, 4}};
static const struct part SOAK[] = {
    {4, 60000, 20}, {7, 25000, 20}, {10, 10000, 15}, {31, 4500, 10}, {100, 500, 5}};
static const struct part QUICK[] = {{4, 200, 20}, {7, 60, 20}, {10, 20, 15}, {31, 3, 8}};

static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    const uint64_t v = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || *text < '0' || *text > '9') {
        fprintf(stderr, "cairn-sim: not a number: %s\n%s", text, USAGE);
        exit(2);
    }
    return v;
}

static void print_failure(const struct sim_options *o, const struct sim_result *r)
{
    printf("VIOLATION %s: %s\n", violation_name(r->violation), r->text);
    printf("  at %" PRIu64 " ms, step %" PRIu64 "; again: cairn-sim --seed %" PRIu64
           " --n %zu --heights %" PRIu64 "%s --trace\n",
           r->at_us / 1000, r->step, o->seed, o->n, o->heights,
           o->real_crypto ? " --real-crypto" : "");
}

static int run_one(const struct settings *set)
{
    struct sim_result r;
    sim_run(&set->o, &r);
    printf("seed %" PRIu64 ": blocks %" PRIu64 ", steps %" PRIu64 ", messages %" PRIu64
           ", hash %016" PRIx64 "\n",
           set->o.seed, r.counts.blocks, r.counts.steps, r.counts.messages, r.hash);
    if (r.violation == V_NONE) return 0;
    print_failure(&set->o, &r);
    if (set->shrink) sim_shrink(&set->o, &r);
    return 1;
}

static void add_counts(struct sim_counts *sum, const struct sim_counts *c)
{
    for (size_t i = 0; i < MARK_COUNT; i++) sum->marks[i] += c->marks[i];
    for (size_t i = 0; i < B_COUNT; i++) sum->behaviours[i] += c->behaviours[i];
    for (size_t i = 0; i < FAULT_KINDS; i++) sum->faults[i] += c->faults[i];
    sum->events += c->events;
    sum->messages += c->messages;
    sum->blocks += c->blocks;
    sum->lost += c->lost;
    sum->steps += c->steps;
}

/// One seed of a campaign. @return false on a violation
static bool run_counted(struct shared *sh, const struct sim_options *o)
{
    struct sim_result r;
    sh->now = *o;
    sim_run(o, &r);
    add_counts(&sh->counts, &r.counts);
    sh->runs++;
    if (r.violation == V_NONE) return true;
    if (sh->failure_count < MAX_FAILURES) {
        sh->failures[sh->failure_count].seed = o->seed;
        sh->failures[sh->failure_count].n = o->n;
        sh->failures[sh->failure_count].heights = o->heights;
        sh->failures[sh->failure_count].real_crypto = o->real_crypto;
        sh->failures[sh->failure_count].kind = r.violation;
        sh->failures[sh->failure_count].step = r.step;
        memcpy(sh->failures[sh->failure_count].text, r.text, sizeof r.text);
    }
    sh->failure_count++;
    return false;
}

static void work(const struct settings *set, struct shared *sh, const struct part *parts,
                 size_t part_count, uint64_t worker)
{
    uint64_t i = 0;
    for (size_t p = part_count; p-- > 0;) { // the large ones first
        for (uint64_t k = 0; k < parts[p].seeds; k++, i++) {
            if (i % set->jobs != worker) continue;
            struct sim_options o = set->o;
            o.n = parts[p].n;
            o.heights = parts[p].heights;
            o.seed = set->first + k;
            o.real_crypto = o.n <= 10 && k % 100 == 99;
            if (!run_counted(sh, &o) && set->stop) return;
        }
    }
}

static void report_failures(const struct shared *sh)
{
    for (size_t i = 0; i < sh->failure_count && i < MAX_FAILURES; i++) {
        printf("VIOLATION %s: %s\n  again: cairn-sim --seed %" PRIu64 " --n %zu --heights %" PRIu64
               "%s --shrink (step %" PRIu64 ")\n",
               violation_name(sh->failures[i].kind), sh->failures[i].text, sh->failures[i].seed,
               sh->failures[i].n, sh->failures[i].heights,
               sh->failures[i].real_crypto ? " --real-crypto" : "", sh->failures[i].step);
    }
}

/// @return how many marks were never seen
static size_t report_counts(const struct sim_counts *c)
{
    size_t missing = 0;
    printf("events %" PRIu64 ", steps %" PRIu64 ", messages %" PRIu64 " (%" PRIu64
           " lost), blocks %" PRIu64 "\n",
           c->events, c->steps, c->messages, c->lost, c->blocks);
    printf("faults:");
    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        printf(" %s %" PRIu64 ",", fault_name((enum fault_kind)i), c->faults[i]);
        if (c->faults[i] == 0) missing++;
    }
    printf("\nlies:");
    for (unsigned i = 0; i < B_COUNT; i++) {
        printf(" %s %" PRIu64 ",", behaviour_name((enum behaviour)i), c->behaviours[i]);
        if (c->behaviours[i] == 0) missing++;
    }
    printf("\nseen:");
    for (unsigned i = 0; i < MARK_COUNT; i++) {
        printf(" %s %" PRIu64 ",", mark_name((enum mark)i), c->marks[i]);
        if (c->marks[i] == 0 && i != MARK_CONFLICT_SELF) missing++;
    }
    printf("\n");
    return missing;
}

static int run_many(const struct settings *set, const struct part *parts, size_t part_count,
                    bool all_marks)
{
    struct timespec begun;
    struct timespec ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    struct shared *sh = mmap(NULL, MAX_JOBS * sizeof *sh, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sh == MAP_FAILED) return 2;
    pid_t pids[MAX_JOBS];
    fflush(stdout);
    for (uint64_t w = 0; w < set->jobs; w++) {
        pids[w] = fork();
        if (pids[w] < 0) return 2;
        if (pids[w] != 0) continue;
        work(set, &sh[w], parts, part_count, w);
        _exit(0);
    }
    struct sim_counts sum = {.events = 0};
    uint64_t runs = 0;
    size_t failures = 0;
    for (uint64_t w = 0; w < set->jobs; w++) {
        int status;
        while (waitpid(pids[w], &status, 0) < 0 && errno == EINTR) {
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            printf("VIOLATION died: --seed %" PRIu64 " --n %zu --heights %" PRIu64 "%s\n",
                   sh[w].now.seed, sh[w].now.n, sh[w].now.heights,
                   sh[w].now.real_crypto ? " --real-crypto" : "");
            failures++;
        }
        add_counts(&sum, &sh[w].counts);
        runs += sh[w].runs;
        failures += sh[w].failure_count;
        report_failures(&sh[w]);
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("seeds %" PRIu64 ", violations %zu, %ld s\n", runs, failures,
           (long)(ended.tv_sec - begun.tv_sec));
    if (failures != 0 && set->stop) return 1;
    const size_t missing = report_counts(&sum);
    if (all_marks && missing != 0) printf("%zu rare states were never seen\n", missing);
    return failures != 0 || (all_marks && missing != 0);
}

/// Every line of the file: seed, n, heights, "real" or "tags", and what it was. A # comments.
static int run_regress(const struct settings *set)
{
    FILE *f = fopen(set->regress, "r");
    if (f == NULL) {
        fprintf(stderr, "cairn-sim: cannot read %s\n", set->regress);
        return 2;
    }
    char line[512];
    size_t count = 0;
    int failed = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        char *rest;
        if (line[0] == '#' || line[0] == '\n') continue;
        struct sim_options o = set->o;
        o.seed = strtoull(line, &rest, 10);
        o.n = strtoull(rest, &rest, 10);
        o.heights = strtoull(rest, &rest, 10);
        o.real_crypto = strncmp(rest, " real", 5) == 0;
        if (o.n == 0 || o.n > SIM_MAX || o.heights == 0 || o.heights > SIM_HEIGHTS - 64) {
            fprintf(stderr, "cairn-sim: %s: bad line: %s", set->regress, line);
            fclose(f);
            return 2;
        }
        struct sim_result r;
        sim_run(&o, &r);
        count++;
        if (r.violation == V_NONE) continue;
        print_failure(&o, &r);
        failed = 1;
    }
    fclose(f);
    printf("regress: %zu seeds, %s\n", count, failed ? "violations" : "no violation");
    return failed;
}

static int run_same(const struct settings *set)
{
    uint64_t all = 0;
    for (uint64_t i = 0; i < set->same; i++) {
        struct sim_options o = set->o;
        struct sim_result a;
        struct sim_result b;
        o.seed = set->first + i;
        o.n = i % 3 == 2 ? 7 : 4;
        o.real_crypto = i % 8 == 7;
        sim_run(&o, &a);
        sim_run(&o, &b);
        all = (all ^ a.hash) * 0x100000001b3U;
        if (a.hash == b.hash && a.step == b.step && a.violation == b.violation) continue;
        printf("seed %" PRIu64 " is not deterministic: %016" PRIx64 " and %016" PRIx64 "\n", o.seed,
               a.hash, b.hash);
        return 1;
    }
    printf("same: %" PRIu64 " seeds ran twice alike, together %016" PRIx64 "\n", set->same, all);
    return 0;
}

static void parse(struct settings *set, int argc, char **argv)
{
    *set = (struct settings){.o = {.n = 4, .heights = 20}, .jobs = 1, .first = 1};
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        const char *v = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(a, "--trace") == 0) {
            set->o.trace = stdout;
            continue;
        }
        if (strcmp(a, "--shrink") == 0) {
            set->shrink = true;
            continue;
        }
        if (strcmp(a, "--stop") == 0) {
            set->stop = true;
            continue;
        }
        if (strcmp(a, "--real-crypto") == 0) {
            set->o.real_crypto = true;
            continue;
        }
        if (strcmp(a, "--no-persist-check") == 0) {
            set->o.no_persist_check = true;
            continue;
        }
        if (v == NULL) {
            fputs(USAGE, stderr);
            exit(2);
        }
        i++;
        if (strcmp(a, "--seed") == 0) {
            set->o.seed = number(v);
            set->has_seed = true;
        } else if (strcmp(a, "--with") == 0) {
            set->o.without = ~0U;
            for (unsigned f = 0; f < F_COUNT; f++)
                if (strstr(v, feature_name((enum feature)f)) != NULL) set->o.with |= 1U << f;
        } else if (strcmp(a, "--n") == 0) {
            set->o.n = number(v);
        } else if (strcmp(a, "--heights") == 0) {
            set->o.heights = number(v);
        } else if (strcmp(a, "--seeds") == 0) {
            set->seeds = number(v);
        } else if (strcmp(a, "--same") == 0) {
            set->same = number(v);
        } else if (strcmp(a, "--first") == 0) {
            set->first = number(v);
        } else if (strcmp(a, "--jobs") == 0) {
            set->jobs = number(v);
        } else if (strcmp(a, "--campaign") == 0) {
            set->campaign = v;
        } else if (strcmp(a, "--regress") == 0) {
            set->regress = v;
        } else {
            fputs(USAGE, stderr);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct settings set;
    parse(&set, argc, argv);
    if (set.o.n == 0 || set.o.n > SIM_MAX || set.o.heights == 0 ||
        set.o.heights > SIM_HEIGHTS - 64 || set.jobs == 0 || set.jobs > MAX_JOBS) {
        fprintf(stderr, "cairn-sim: n is 1..%d, heights 1..%d, jobs 1..%d\n", SIM_MAX,
                SIM_HEIGHTS - 64, MAX_JOBS);
        return 2;
    }
    if (set.has_seed) return run_one(&set);
    if (set.regress != NULL) return run_regress(&set);
    if (set.same != 0) return run_same(&set);
    if (set.seeds != 0) {
        const struct part part = {set.o.n, set.seeds, set.o.heights};
        return run_many(&set, &part, 1, false);
    }
    if (set.campaign != NULL && strcmp(set.campaign, "ci") == 0)
        return run_many(&set, CI, ARRAY_LEN(CI), true);
    if (set.campaign != NULL && strcmp(set.campaign, "soak") == 0)
        return run_many(&set, SOAK, ARRAY_LEN(SOAK), true);
    if (set.campaign != NULL && strcmp(set.campaign, "quick") == 0)
        return run_many(&set, QUICK, ARRAY_LEN(QUICK), false);
    fputs(USAGE, stderr);
    return 2;
}
