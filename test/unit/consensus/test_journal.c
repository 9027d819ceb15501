// SPDX-License-Identifier: Apache-2.0
/// Goal: what was appended comes back whole and in order, whatever the tail looks like; many
/// writers share syncs; a rewritten journal loses nothing that is written meanwhile; damage costs
/// what it hit and nothing else.

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
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

    temp_dir_remove(&dir);
}

/// The whole file, to be damaged and written back.
struct image {
    uint8_t bytes[4096];
    size_t len;
};

static struct image image_read(const char *path)
{
    struct image m = {.len = 0};
    const int fd = open(path, O_RDONLY);
    const ssize_t n = read(fd, m.bytes, sizeof m.bytes);
    cr_assert_gt(n, 0);
    m.len = (size_t)n;
    close(fd);
    return m;
}

static void image_write(const char *path, const struct image *m)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_eq(write(fd, m->bytes, m->len), (ssize_t)m->len);
    close(fd);
}

/// Six records of 20 to 25 bytes with the numbers 100 to 105; where each begins.
static struct image six_records(const char *path, size_t begins[7])
{
    struct journal *j = open_at(path);
    for (uint64_t i = 0; i < 6; i++) {
        begins[i] = (size_t)journal_size(j);
        append(j, 100 + i, 20 + (size_t)i);
    }
    begins[6] = (size_t)journal_size(j);
    journal_close(j);
    return image_read(path);
}

Test(journal, a_flipped_bit_costs_one_record)
{
    const struct temp_dir dir = temp_dir_make();
    char path[300];
    char copy[320];
    snprintf(path, sizeof path, "%s/pool.journal", dir.path);
    snprintf(copy, sizeof copy, "%s.damaged", path);
    size_t begins[7];
    const struct image good = six_records(path, begins);
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        struct image bad = good;
        bad.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        image_write(path, &bad);
        (void)unlink(copy);
        size_t hit = 6; // of the magic: none is lost
        for (size_t i = 0; i < 6; i++) {
            if (bit / 8 >= begins[i] && bit / 8 < begins[i + 1]) hit = i;
        }

        struct journal *j = open_at(path);
        cr_assert_eq(seen.count, hit == 6 ? 6 : 5, "bit %zu: %zu came back", bit, seen.count);
        for (size_t i = 0, k = 0; i < 6; i++) {
            if (i != hit) cr_expect_eq(seen.numbers[k++], 100 + i, "bit %zu", bit);
        }
        append(j, 7, 30);
        journal_close(j);
        const bool tail = hit == 5; // cannot be told from a torn one
        cr_expect_eq(access(copy, F_OK) == 0, !tail, "bit %zu: the damaged file is kept", bit);

        // Repaired: the next start finds nothing to say, and what came later.
        (void)unlink(copy);
        const size_t kept = seen.count;
        j = open_at(path);
        cr_expect_eq(seen.count, kept + 1, "bit %zu", bit);
        cr_expect_eq(seen.numbers[kept], 7, "bit %zu", bit);
        cr_expect_neq(access(copy, F_OK), 0, "bit %zu: repaired once", bit);
        journal_close(j);
    }
    temp_dir_remove(&dir);
}

Test(journal, damage_in_many_forms)
{
    const struct temp_dir dir = temp_dir_make();
    char path[300];
    snprintf(path, sizeof path, "%s/pool.journal", dir.path);
    size_t begins[7];
    const struct image good = six_records(path, begins);
    static const struct {
        const char *name;
        size_t from, to; ///< records [from, to) are damaged:
        char how;        ///< 'z' zeros, 'r' removed, 'i' 100 bytes inserted before
        uint64_t back;   ///< how many come back
    } rows[] = {
        {"zeros over one", 2, 3, 'z', 5},
        {"zeros over three", 1, 4, 'z', 3},
        {"zeros from the start", 0, 5, 'z', 1},
        {"zeros to the end", 4, 6, 'z', 4},
        {"all zeros", 0, 6, 'z', 0},
        {"a whole one removed", 3, 4, 'r', 5},
        {"bytes between", 3, 4, 'i', 6},
        {"bytes at the front", 0, 1, 'i', 6},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct image bad = good;
        const size_t from = begins[rows[i].from];
        const size_t to = begins[rows[i].to];
        if (rows[i].how == 'z') {
            memset(bad.bytes + from, 0, to - from);
        } else if (rows[i].how == 'r') {
            memmove(bad.bytes + from, bad.bytes + to, bad.len - to);
            bad.len -= to - from;
        } else {
            memmove(bad.bytes + from + 100, bad.bytes + from, bad.len - from);
            memset(bad.bytes + from, 0x5a, 100);
            bad.len += 100;
        }
        image_write(path, &bad);
        struct journal *j = open_at(path);
        cr_expect_eq(seen.count, rows[i].back, "%s: %zu came back", rows[i].name, seen.count);
        journal_close(j);
    }
    temp_dir_remove(&dir);
}

/// What is not a journal is refused by name and left as it is; what a power cut leaves is not.
Test(journal, other_files)
{
    const struct temp_dir dir = temp_dir_make();
    char path[300];
    snprintf(path, sizeof path, "%s/pool.journal", dir.path);
    static const struct {
        const char *name;
        const char *text;
        size_t len;
        enum err_kind kind;
    } rows[] = {
        {"empty", "", 0, ERR_NONE},
        {"begun", "CAIR", 4, ERR_NONE},
        {"magic only", "CAIRNTX1", 8, ERR_NONE},
        {"zeros", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, ERR_NONE},
        {"another version without records", "CAIRNTX2", 8, ERR_CORRUPT},
        {"text", "these are my notes, do not touch", 32, ERR_CORRUPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct image m = {.len = rows[i].len};
        memcpy(m.bytes, rows[i].text, rows[i].len);
        image_write(path, &m);
        struct journal *j = NULL;
        seen.count = 0;
        const err_t err = journal_open(&j, path, true, each, &seen);
        cr_expect_eq(err.kind, rows[i].kind, "%s: %s", rows[i].name, err_text(err));
        cr_expect_eq(seen.count, 0, "%s", rows[i].name);
        if (!err_ok(err)) {
            const struct image after = image_read(path);
            cr_expect(after.len == m.len && memcmp(after.bytes, m.bytes, m.len) == 0,
                      "%s: untouched", rows[i].name);
            continue;
        }
        append(j, 5, 20);
        journal_close(j);
        j = open_at(path);
        cr_expect_eq(seen.count, 1, "%s: goes on", rows[i].name);
        journal_close(j);
    }
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
