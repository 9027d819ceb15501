// SPDX-License-Identifier: Apache-2.0
#include "test/support/tally.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct tally tally_start(const char *what)
{
    return (struct tally){.what = what};
}

bool tally_case(struct tally *t, bool ok, const char *fmt, ...)
{
    t->run++;
    if (ok) return true;
    t->failed++;
    va_list ap;
    va_start(ap, fmt);
    printf("FAIL %s: ", t->what);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
    return false;
}

bool tally_end(const struct tally *t, size_t expected)
{
    printf("%-36s %6zu cases, %zu failed", t->what, t->run, t->failed);
    if (t->run != expected) printf("; EXPECTED %zu CASES", expected);
    putchar('\n');
    tally_report(t->what, t->run, t->failed < t->run ? t->run - t->failed : 0, 0);
    return t->failed == 0 && t->run == expected;
}

/// One line, in one write: several processes append to the same file.
__attribute__((format(printf, 1, 2))) static void report_line(const char *fmt, ...)
{
    const char *path = getenv("CAIRN_REPORT");
    if (path == NULL || path[0] == 0) return;
    FILE *f = fopen(path, "a");
    if (f == NULL) {
        fprintf(stderr, "cannot append to %s\n", path);
        exit(2);
    }
    va_list ap;
    va_start(ap, fmt);
    vfprintf(f, fmt, ap);
    va_end(ap);
    if (fclose(f) != 0) exit(2);
}

void tally_report(const char *group, size_t cases, size_t passed, size_t skipped)
{
    report_line("cases\t%s\t%zu\t%zu\t%zu\n", group, cases, passed, skipped);
}

void tally_read(const char *path)
{
    report_line("read\t%s\n", path);
}
