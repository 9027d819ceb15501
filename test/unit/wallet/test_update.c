// SPDX-License-Identifier: Apache-2.0
#include "wallet/update.h"

#include "chain/crypto/digest.h"
#include "test/support/temp_dir.h"
#include "wallet/profile.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct ctx context(const struct temp_dir *dir)
{
    return (struct ctx){.out = stdout,
                        .err = stderr,
                        .data_home = (char *)(uintptr_t)dir->path,
                        .set = {.password_fd = -1, .color = "never"}};
}

/// An update file of five coordinates, raw.
static char *raw_file(const struct temp_dir *dir)
{
    char *path = path_join(dir->path, "u.raw");
    static const uint8_t raw[] = {1, 0, 0xfe, 0xff, 3, 0, 0xff, 0x7f, 0x01, 0x80};
    cr_assert(err_ok(file_write(path, BYTES_OF(raw))));
    return path;
}

static struct salt_record record_of(const struct update *u)
{
    struct salt_record r = {
        .chain_id = 20482,
        .round_id = 3,
        .reveal = {.upd_root = u->root, .upd_sha256 = u->sha256, .d = u->d, .weight = 64},
    };
    memset(r.rounds.b, 0x11, sizeof r.rounds.b);
    memset(r.participant.b, 0x22, sizeof r.participant.b);
    memset(r.reveal.salt.b, 0x33, sizeof r.reveal.salt.b);
    r.digest = fed_commit_digest(r.chain_id, &r.rounds, r.round_id, &r.participant, &r.reveal);
    return r;
}

/// Goal: raw coordinates are read with their signs; what is no update is refused.
Test(update, raw)
{
    const struct temp_dir dir = temp_dir_make();
    struct ctx ctx = context(&dir);
    char *path = raw_file(&dir);
    struct update u;
    cr_assert_eq(update_open_raw(&ctx, &u, path), EXIT_DONE);
    cr_expect_eq(u.d, 5);
    static const int16_t want[] = {1, -2, 3, 32767, -32767};
    for (size_t i = 0; i < 5; i++) cr_expect_eq(u.u[i], want[i]);
    const hash_t sum = sha256(bytes_make(u.file, 10));
    cr_expect(hash_eq(&sum, &u.sha256));
    update_close(&u);

    cr_assert(err_ok(file_write(path, LIT("\x01\x00\x00"))));
    cr_expect_eq(update_open_raw(&ctx, &u, path), EXIT_UNVERIFIED, "odd length");
    cr_assert(err_ok(file_write(path, LIT("\x00\x80"))));
    cr_expect_eq(update_open_raw(&ctx, &u, path), EXIT_UNVERIFIED, "-32768");
    cr_assert(err_ok(file_write(path, BYTES_NONE)));
    cr_expect_eq(update_open_raw(&ctx, &u, path), EXIT_UNVERIFIED, "empty");
    cr_expect_eq(update_open_raw(&ctx, &u, "/nowhere/at/all"), EXIT_USAGE);
    cr_expect_eq(update_open(&ctx, &u, path, 16), EXIT_UNVERIFIED, "no safetensors file");
    free(path);
    temp_dir_remove(&dir);
}

/// The folder is 0700 and each of its two files 0600.
static void expect_private(const char *folder)
{
    struct stat st;
    cr_assert_eq(stat(folder, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0700, "%s", folder);
    DIR *d = opendir(folder);
    cr_assert_not_null(d);
    const struct dirent *e;
    unsigned files = 0;
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.') continue;
        char *path = path_join(folder, e->d_name);
        cr_assert_eq(stat(path, &st), 0);
        cr_expect_eq(st.st_mode & 0777, 0600, "%s", path);
        free(path);
        files++;
    }
    (void)closedir(d);
    cr_expect_eq(files, 2);
}

/// Goal: salt and update come back as they were, from files that nobody else may read.
Test(update, salt_files)
{
    const struct temp_dir dir = temp_dir_make();
    struct ctx ctx = context(&dir);
    char *path = raw_file(&dir);
    struct update u;
    cr_assert_eq(update_open_raw(&ctx, &u, path), EXIT_DONE);
    const struct salt_record r = record_of(&u);
    cr_assert_eq(salt_save(&ctx, &r, &u), EXIT_DONE);
    cr_assert_eq(salt_save(&ctx, &r, &u), EXIT_DONE, "saving again is no harm");

    struct salt_record back;
    struct update kept;
    cr_assert_eq(salt_load(&ctx, &back, &kept, r.chain_id, &r.rounds, 3, &r.participant, &r.digest),
                 EXIT_DONE, "%s", ctx.message);
    cr_expect(memcmp(&back.reveal, &r.reveal, sizeof r.reveal) == 0);
    cr_expect_eq(kept.d, u.d);
    cr_expect(memcmp(kept.u, u.u, u.d * sizeof *u.u) == 0);
    update_close(&kept);

    char *salts = path_join(dir.path, "salts");
    expect_private(salts);

    // Of another round, another chain, another digest: not this commit's.
    hash_t other = r.digest;
    other.b[31] ^= 1; // the file's name is made of the first bytes only
    cr_expect_eq(salt_load(&ctx, &back, &kept, r.chain_id, &r.rounds, 3, &r.participant, &other),
                 EXIT_STORE);
    cr_expect_eq(salt_load(&ctx, &back, &kept, 1, &r.rounds, 3, &r.participant, &r.digest),
                 EXIT_STORE);
    cr_expect_eq(salt_load(&ctx, &back, &kept, r.chain_id, &r.rounds, 4, &r.participant, &r.digest),
                 EXIT_STORE);
    free(salts);
    free(path);
    update_close(&u);
    temp_dir_remove(&dir);
}

/// Goal: a record that was changed in any one place is refused.
Test(update, damaged_records)
{
    const struct temp_dir dir = temp_dir_make();
    struct ctx ctx = context(&dir);
    char *path = raw_file(&dir);
    struct update u;
    cr_assert_eq(update_open_raw(&ctx, &u, path), EXIT_DONE);
    const struct salt_record r = record_of(&u);
    char *text = salt_record_write(&r);
    struct salt_record back;
    cr_assert(err_ok(salt_record_read(&back, bytes_of_str(text))));
    // From the first field on: what stands before it is the remark for people.
    const size_t len = strlen(text);
    const size_t first = (size_t)(strstr(text, "\"chainId\"") - text);
    for (size_t i = first; i < len; i += 3) {
        const char c = text[i];
        text[i] = c == '3' ? '4' : '3';
        if (text[i] != c && c != ' ' && c != '\n')
            cr_expect(!err_ok(salt_record_read(&back, bytes_of_str(text))), "byte %zu", i);
        text[i] = c;
    }
    cr_expect_eq(salt_record_read(&back, LIT("")).kind, ERR_MALFORMED);
    cr_expect_eq(salt_record_read(&back, LIT("[]")).kind, ERR_MALFORMED);
    cr_expect_eq(salt_record_read(&back, bytes_make(text, len / 2)).kind, ERR_MALFORMED);
    free(text);
    free(path);
    update_close(&u);
    temp_dir_remove(&dir);
}
