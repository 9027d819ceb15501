// SPDX-License-Identifier: Apache-2.0
/// Goal: what was appended comes back whole and in order, whatever the tail looks like; many
/// writers share syncs; a rewritten journal loses nothing that is written meanwhile.

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/base/endian.h"
#include "consensus/node/journal.h"
#include "test/support/temp_dir.h"

struct seen {
    size_t count;
    uint64_t numbers[20000];
};
static struct seen seen;

static void each(void *ctx, bytes_t raw)
{
    struct seen *s = ctx;
    cr_assert_geq(raw.len, 8);
    s->numbers[s->count++] = be_get_u64(raw.data);
}

static struct journal *open_at(const char *path)
{
    struct journal *j = NULL;
    seen.count = 0;
    const err_t err = journal_open(&j, path, true, each, &seen);
    cr_assert(err_ok(err), "%s", err_text(err));
    return j;
}

static void append(struct journal *j, uint64_t number, size_t len)
{
    uint8_t raw[300] = {0};
    be_put_u64(raw, number);
    const bytes_t one = {raw, len};
    cr_assert(err_ok(journal_append(j, &one, 1)));
}

Test(journal, comes_back_whole_with_any_tail)
{
    const struct temp_dir dir = temp_dir_make();
    char path[300];
    snprintf(path, sizeof path, "%s/pool.journal", dir.path);
    struct journal *j = open_at(path);
    for (uint64_t i = 0; i < 5; i++) append(j, i, 20 + (size_t)i);
    const uint64_t size = journal_size(j);
    journal_close(j);

    // Cut anywhere: the whole records before the cut come back, and appending goes on.
    for (uint64_t cut = size; cut > 0; cut -= 3) {
        cr_assert_eq(truncate(path, (off_t)cut), 0);
        j = open_at(path);
        const size_t before = seen.count;
        cr_expect_leq(before, 5);
        for (size_t i = 0; i < before; i++) cr_expect_eq(seen.numbers[i], i);
        append(j, before, 20 + before);
        journal_close(j);
        j = open_at(path);
        cr_expect_eq(seen.count, before + 1, "cut at %d", (int)cut);
        journal_close(j);
        if (cut < 3) break;
    }

    // A flipped bit ends it there.
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    const int fd = open(path, O_RDWR);
    uint8_t b;
    cr_assert_eq(pread(fd, &b, 1, st.st_size - 1), 1);
    b ^= 1;
    cr_assert_eq(pwrite(fd, &b, 1, st.st_size - 1), 1);
    j = open_at(path);
    cr_expect_eq(seen.count, 0);
    journal_close(j);

    cr_assert_eq(pwrite(fd, "NOTAJRNL", 8, 0), 8);
    close(fd);
    cr_expect_eq(journal_open(&j, path, true, each, &seen).kind, ERR_MISMATCH);
    temp_dir_remove(&dir);
}

static struct journal *shared;

static void *writer(void *arg)
{
    const uint64_t from = (uint64_t)(uintptr_t)arg * 1000;
    for (uint64_t i = 0; i < 200; i++) append(shared, from + i, 40);
    return NULL;
}

struct listing {
    size_t at;
    uint8_t raw[40];
};

static void begin(void *ctx)
{
    ((struct listing *)ctx)->at = 0;
}

/// Keeps three that are told by their numbers.
static bool next(void *ctx, bytes_t *raw)
{
    struct listing *l = ctx;
    if (l->at == 3) return false;
    be_put_u64(l->raw, 900000 + l->at++);
    *raw = BYTES_OF(l->raw);
    return true;
}

Test(journal, many_writers_and_a_rewrite)
{
    const struct temp_dir dir = temp_dir_make();
    char path[300];
    snprintf(path, sizeof path, "%s/pool.journal", dir.path);
    shared = open_at(path);
    pthread_t threads[8];
    for (uintptr_t i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, writer, (void *)i), 0);
    for (size_t i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    journal_close(shared);
    shared = open_at(path);
    cr_expect_eq(seen.count, 1600);
    uint64_t last[8] = {0};
    for (size_t i = 0; i < seen.count; i++) {
        const uint64_t who = seen.numbers[i] / 1000;
        cr_assert_lt(who, 8);
        cr_expect_eq(seen.numbers[i] % 1000, last[who], "in the order of each writer");
        last[who]++;
    }

    struct listing l = {.at = 0};
    const uint64_t before = journal_size(shared);
    cr_assert(err_ok(journal_rewrite(shared, next, begin, &l)));
    cr_expect_lt(journal_size(shared), before);
    append(shared, 42, 20);
    journal_close(shared);
    shared = open_at(path);
    cr_expect_eq(seen.count, 4);
    cr_expect_eq(seen.numbers[0], 900000);
    cr_expect_eq(seen.numbers[3], 42);
    journal_close(shared);
    temp_dir_remove(&dir);
}

/// Threat model 4.4, ENOSPC: the write is refused, and it goes on by itself when there is space.
Test(journal, no_space_is_said_and_passes)
{
    const struct temp_dir dir = temp_dir_make();
    char path[300];
    snprintf(path, sizeof path, "%s/pool.journal", dir.path);
    struct journal *j = open_at(path);
    append(j, 0, 40);

    cr_assert_neq(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit tight = {(rlim_t)journal_size(j) + 20, limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
    uint8_t raw[40] = {1};
    const bytes_t one = BYTES_OF(raw);
    cr_expect_eq(journal_append(j, &one, 1).kind, ERR_FULL);
    cr_expect_eq(journal_append(j, &one, 1).kind, ERR_FULL);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    append(j, 1, 30);
    append(j, 2, 50);
    journal_close(j);
    j = open_at(path);
    cr_assert_eq(seen.count, 3, "what was refused does not come back, what was not does");
    for (size_t i = 0; i < 3; i++) cr_expect_eq(seen.numbers[i], i);
    journal_close(j);
    temp_dir_remove(&dir);
}
