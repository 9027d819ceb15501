// SPDX-License-Identifier: Apache-2.0
#include "test/support/bench.h"

#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define REP_SECONDS 0.02

double bench_cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double bench_wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void bench_expect(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "bench: wrong result: %s\n", what);
    exit(1);
}

/// A count whose run takes about REP_SECONDS; warms up on the way.
static uint64_t calibrate(const struct bench_subject *s)
{
    for (uint64_t count = 1;; count *= 2) {
        const double begin = bench_cpu_s();
        s->run(s->ctx, count);
        const double took = bench_cpu_s() - begin;
        if (took >= REP_SECONDS / 2) {
            const double wanted = (double)count * REP_SECONDS / took;
            return wanted < 1 ? 1 : (uint64_t)wanted;
        }
    }
}

static double time_us(const struct bench_subject *s, uint64_t count)
{
    const double begin = bench_cpu_s();
    s->run(s->ctx, count);
    return (bench_cpu_s() - begin) * 1e6 / (double)count;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct bench_figure figure(double *samples)
{
    qsort(samples, BENCH_REPS, sizeof *samples, by_value);
    return (struct bench_figure){samples[BENCH_REPS / 2], samples[0], samples[BENCH_REPS - 1]};
}

/// One line of JSON, and a line of text that the caller ends.
static struct bench_figure print(const char *name, double *ours, const char *limit_name,
                                 double *theirs, double *wall)
{
    const struct bench_figure f = figure(ours);
    const struct bench_figure l = figure(theirs);
    const double ratio = f.median_us / l.median_us;
    const bool noisy = (l.max_us - l.min_us) > 0.2 * l.median_us;
    const char *commit = getenv("CAIRN_COMMIT"); // run.sh knows
    printf("{\"bench\":\"%s\",\"unit\":\"us\",\"median\":%.4f,\"min\":%.4f,\"max\":%.4f,"
           "\"reps\":%d,\"limit\":\"%s\",\"limit_us\":%.4f,\"ratio\":%.5f,\"noisy\":%s,",
           name, f.median_us, f.min_us, f.max_us, BENCH_REPS, limit_name, l.median_us, ratio,
           noisy ? "true" : "false");
    if (wall != NULL) printf("\"wall\":%.4f,", figure(wall).median_us);
    printf("\"commit\":\"%s\",\"cpus\":%ld}\n", commit != NULL ? commit : "",
           sysconf(_SC_NPROCESSORS_ONLN));
    fflush(stdout);
    fprintf(stderr, "%-36s %12.3f us   %8.4f x %s (%.2f us)%s", name, f.median_us, ratio,
            limit_name, l.median_us, noisy ? "   noisy" : "");
    return f;
}

struct bench_figure bench_report(const char *name, double ours_us[BENCH_REPS],
                                 const char *limit_name, double limit_us[BENCH_REPS],
                                 double wall_us[BENCH_REPS])
{
    const struct bench_figure f = print(name, ours_us, limit_name, limit_us, wall_us);
    if (wall_us != NULL) fprintf(stderr, "   wall %.2f us", wall_us[BENCH_REPS / 2]);
    fputc('\n', stderr);
    return f;
}

struct bench_figure bench_compare(const struct bench_subject *subject,
                                  const struct bench_subject *limit, uint64_t bytes)
{
    double ours[BENCH_REPS];
    double theirs[BENCH_REPS];
    const uint64_t n = calibrate(subject);
    const uint64_t m = calibrate(limit);
    for (int i = 0; i < BENCH_REPS; i++) {
        ours[i] = time_us(subject, n);
        theirs[i] = time_us(limit, m);
    }
    const struct bench_figure f = print(subject->name, ours, limit->name, theirs, NULL);
    if (bytes > 0) fprintf(stderr, "   %8.1f MB/s", (double)bytes / f.median_us);
    fputc('\n', stderr);
    return f;
}

struct recover_ctx {
    secp_sig_t sig;
    hash_t digest;
    address_t expected;
};

static void recover_run(void *ctx, uint64_t count)
{
    const struct recover_ctx *c = ctx;
    address_t a = {{0}};
    for (uint64_t i = 0; i < count; i++) {
        bench_expect(err_ok(secp_recover_address(&a, &c->sig, &c->digest)), "recovers");
    }
    bench_expect(address_eq(&a, &c->expected), "recovered address");
}

struct bench_subject bench_recover_limit(void)
{
    static struct recover_ctx c;
    struct secret_key *key = NULL;
    secp_pubkey_t pub;
    bench_expect(err_ok(secp_setup()) && err_ok(secret_new(&key)), "a key");
    for (size_t i = 0; i < sizeof key->b; i++) key->b[i] = (uint8_t)(i + 1);
    c.digest = keccak256(LIT("one unit"));
    c.sig = secp_sign(key, &c.digest);
    bench_expect(err_ok(secp_pubkey_of(&pub, key)), "a public key");
    c.expected = secp_address(&pub);
    secret_free(key);
    return (struct bench_subject){"recover", recover_run, &c};
}
