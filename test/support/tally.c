// SPDX-License-Identifier: Apache-2.0
#include "test/support/tally.h"

#include <stdarg.h>
#include <stdio.h>

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
    return t->failed == 0 && t->run == expected;
}
