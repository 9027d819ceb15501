// SPDX-License-Identifier: Apache-2.0
#include "test/support/temp_dir.h"

#include "chain/base/err.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct temp_dir temp_dir_make(void)
{
    struct temp_dir d;
    const char *base = getenv("TMPDIR");
    const int n =
        snprintf(d.path, sizeof d.path, "%s/cairn-test-XXXXXX", base != NULL ? base : "/tmp");
    check(n > 0 && (size_t)n < sizeof d.path);
    check(mkdtemp(d.path) != NULL);
    return d;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void temp_dir_remove(const struct temp_dir *dir)
{
    (void)nftw(dir->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
