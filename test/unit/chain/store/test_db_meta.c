// SPDX-License-Identifier: Apache-2.0
/// Goal: a data file whose meta pages are damaged is told from a good one before LMDB trusts
/// them; a good one never is.

#include "chain/store/db.h"
#include "chain/store/db_meta.h"
#include "test/support/temp_dir.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096

static const struct db_table_def TABLES[] = {{"one", false}};

/// A store with a few synced transactions. @return the path of its data file
static void make_store(char path[300], const struct temp_dir *dir, int transactions)
{
    const struct db_options options = {
        .path = dir->path, .create = true, .tables = TABLES, .table_count = 1};
    struct db *db;
    cr_assert(err_ok(db_open(&db, &options)));
    for (int i = 0; i < transactions; i++) {
        struct db_txn *txn;
        cr_assert(err_ok(db_begin_write(db, &txn)));
        cr_assert(err_ok(db_put(txn, 0, LIT("key"), bytes_make(&i, sizeof i))));
        cr_assert(err_ok(db_commit(txn)));
    }
    db_close(db);
    snprintf(path, 300, "%s/data.mdb", dir->path);
}

Test(db_meta, good_files_pass)
{
    for (int transactions = 0; transactions < 6; transactions++) {
        const struct temp_dir dir = temp_dir_make();
        char path[300];
        make_store(path, &dir, transactions);
        const err_t err = db_meta_check(path);
        cr_expect(err_ok(err), "%d: %s", transactions, err_text(err));
        temp_dir_remove(&dir);
    }
}

Test(db_meta, damaged_ones_do_not)
{
    const struct temp_dir dir = temp_dir_make();
    char path[300];
    make_store(path, &dir, 3);
    static uint8_t good[2 * PAGE];
    const int fd = open(path, O_RDWR);
    cr_assert_eq(pread(fd, good, sizeof good, 0), (ssize_t)sizeof good);

    // Whole members: magic, version, page size, depth and root of both trees, last page, number
    // of the transaction. Any byte of the first three must be as it is.
    static const struct {
        const char *name;
        size_t at, len;
        uint8_t value;
    } rows[] = {
        {"flags", 10, 2, 0},      {"magic", 16, 4, 0},        {"version", 20, 4, 9},
        {"map size", 32, 8, 0},   {"page size", 40, 4, 0},    {"last page", 136, 8, 0x7f},
        {"all zeros", 0, 152, 0}, {"all ones", 0, 152, 0xff}, {"transaction", 144, 8, 0x01},
        {"depth", 94, 2, 0xee},   {"free root", 80, 8, 0x77}, {"main root", 128, 8, 0x77},
    };
    // The trees of the page that is not the last to be written are not looked at: see below.
    const size_t trees = ARRAY_LEN(rows) - 3;
    const size_t latest = good[144] < good[PAGE + 144];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t page = 0; page < 2; page++) {
            uint8_t bad[2 * PAGE];
            memcpy(bad, good, sizeof bad);
            memset(bad + page * PAGE + rows[i].at, rows[i].value, rows[i].len);
            cr_assert_eq(pwrite(fd, bad, sizeof bad, 0), (ssize_t)sizeof bad);
            const enum err_kind want = i < trees || page == latest ? ERR_CORRUPT : ERR_NONE;
            cr_expect_eq(db_meta_check(path).kind, want, "%s of page %zu", rows[i].name, page);
        }
    }
    for (size_t at = 16; at < 24; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t bad[2 * PAGE];
            memcpy(bad, good, sizeof bad);
            bad[at] ^= (uint8_t)(1U << bit);
            cr_assert_eq(pwrite(fd, bad, sizeof bad, 0), (ssize_t)sizeof bad);
            cr_expect_eq(db_meta_check(path).kind, ERR_CORRUPT, "byte %zu bit %u", at, bit);
        }
    }
    cr_assert_eq(pwrite(fd, good, sizeof good, 0), (ssize_t)sizeof good);
    cr_expect(err_ok(db_meta_check(path)));
    for (off_t cut = 0; cut < PAGE + 152; cut += 40) {
        cr_assert_eq(ftruncate(fd, cut), 0);
        cr_expect_eq(db_meta_check(path).kind, ERR_CORRUPT, "cut at %ld", (long)cut);
    }
    close(fd);
    unlink(path);
    cr_expect_eq(db_meta_check(path).kind, ERR_NOT_FOUND);
    temp_dir_remove(&dir);
}

/// What LMDB leaves when it could not write a meta page: the old number and last page, the new
/// trees, whose roots may lie beyond. The next start opens the transaction before.
Test(db_meta, a_page_that_could_not_be_written_is_not_used)
{
    for (int transactions = 0; transactions < 5; transactions++) {
        const struct temp_dir dir = temp_dir_make();
        char path[300];
        make_store(path, &dir, transactions);
        uint8_t metas[2 * PAGE];
        const int fd = open(path, O_RDWR);
        cr_assert_eq(pread(fd, metas, sizeof metas, 0), (ssize_t)sizeof metas);
        uint8_t *old = metas + (metas[144] < metas[PAGE + 144] ? 0 : PAGE);
        const uint64_t beyond = old[136] + 1;
        const uint16_t depth = 1;
        for (size_t tree = 40; tree <= 88; tree += 48) {
            memcpy(old + tree + 6, &depth, sizeof depth);
            memcpy(old + tree + 40, &beyond, sizeof beyond);
        }
        cr_assert_eq(pwrite(fd, metas, sizeof metas, 0), (ssize_t)sizeof metas);
        close(fd);
        cr_expect(err_ok(db_meta_check(path)), "after %d", transactions);
        const struct db_options options = {.path = dir.path, .tables = TABLES, .table_count = 1};
        struct db *db;
        cr_assert(err_ok(db_open(&db, &options)));
        for (int i = 0; i < 3; i++) {
            struct db_txn *txn;
            bytes_t v;
            cr_assert(err_ok(db_begin_write(db, &txn)));
            const err_t err = db_get(txn, 0, LIT("key"), &v);
            cr_expect_eq(err.kind, transactions + i == 0 ? ERR_NOT_FOUND : ERR_NONE);
            cr_assert(err_ok(db_put(txn, 0, LIT("key"), bytes_make(&i, sizeof i))));
            cr_assert(err_ok(db_commit(txn)));
        }
        db_close(db);
        cr_expect(err_ok(db_meta_check(path)), "and written over, after %d", transactions);
        temp_dir_remove(&dir);
    }
}
