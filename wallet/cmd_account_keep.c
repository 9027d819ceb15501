// SPDX-License-Identifier: Apache-2.0
/// Looking after accounts: another name, another password, copies, the end.
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "chain/crypto/keystore.h"
#include "wallet/account.h"
#include "wallet/contract.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_MAX ((size_t)2 << 30)
#define PASSWORD_MAX 512

static enum exit_code sync_folder(struct ctx *ctx, const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) (void)close(fd);
    return ok ? EXIT_DONE
              : fail(ctx, EXIT_STORE, NULL, "cannot sync %s: %s", path, strerror(errno));
}

static enum exit_code sync_keystore(struct ctx *ctx)
{
    char *dir = path_join(ctx->data_home, "keystore");
    const enum exit_code code = sync_folder(ctx, dir);
    free(dir);
    return code;
}

// ---- rename, remove -------------------------------------------------------------------------------

enum exit_code cmd_account_rename(struct ctx *ctx, const struct args *a)
{
    const char *name = a->pos[1];
    if (!account_name_ok(name))
        return fail(ctx, EXIT_USAGE, NULL,
                    "`%s` is no name for an account: letters, digits, `.`, `_`, `-`, at most 64",
                    name);
    struct account acc;
    STEP(account_find(ctx, &acc, a->pos[0]));
    char *path = account_path(ctx, name);
    // A second name first, so that there is always one.
    enum exit_code code = EXIT_DONE;
    if (link(acc.path, path) != 0)
        code = errno == EEXIST ? fail(ctx, EXIT_STORE, "choose another name",
                                      "there is an account named %s already", name)
                               : fail(ctx, EXIT_STORE, NULL, "%s: %s", path, strerror(errno));
    else if (unlink(acc.path) != 0)
        code = fail(ctx, EXIT_STORE, NULL, "%s: %s", acc.path, strerror(errno));
    if (code == EXIT_DONE) code = sync_keystore(ctx);
    if (code == EXIT_DONE) {
        out_line(ctx, "%s is called %s now", acc.name, name);
        result_set(ctx, "name", json_string(name));
        result_set(ctx, "was", json_string(acc.name));
        result_set(ctx, "address", json_address(&acc.address));
    }
    free(path);
    account_deinit(&acc);
    return code;
}

enum exit_code cmd_account_remove(struct ctx *ctx, const struct args *a)
{
    struct account acc;
    STEP(account_find(ctx, &acc, a->pos[0]));
    out_note(ctx, "This deletes the key of %s (%s).", acc.name, text_address(&acc.address).s);
    out_note(ctx, "Without its words or a backup, what it owns is lost.");
    enum exit_code code = out_confirm(ctx, "Delete it?");
    if (code == EXIT_DONE && unlink(acc.path) != 0)
        code = fail(ctx, EXIT_STORE, NULL, "%s: %s", acc.path, strerror(errno));
    if (code == EXIT_DONE) code = sync_keystore(ctx);
    if (code == EXIT_DONE) {
        out_line(ctx, "%s is deleted", acc.name);
        result_set(ctx, "name", json_string(acc.name));
        result_set(ctx, "address", json_address(&acc.address));
    }
    account_deinit(&acc);
    return code;
}

// ---- passwords ------------------------------------------------------------------------------------

/// The new password: from a file of its own, or asked twice.
static enum exit_code new_password(struct ctx *ctx, char *out, size_t cap, const struct args *a,
                                   const char *name)
{
    const char *file = args_flag(a, "new-password-file");
    const bool unattended = ctx->set.password_file != NULL || ctx->set.password_fd >= 0;
    if (file == NULL && unattended)
        return fail(ctx, EXIT_USAGE, "--new-password-file F",
                    "the old password comes from a file: say where the new one is");
    struct settings kept = ctx->set;
    ctx->set.password_file = file;
    ctx->set.password_fd = -1;
    char prompt[128];
    (void)snprintf(prompt, sizeof prompt, "New password for %s", name);
    const enum exit_code code = out_password(ctx, out, cap, prompt, true);
    ctx->set = kept;
    return code;
}

enum exit_code cmd_account_passwd(struct ctx *ctx, const struct args *a)
{
    struct account acc;
    STEP(account_find(ctx, &acc, a->pos[0]));
    struct secret_key *key = NULL;
    char password[PASSWORD_MAX];
    enum exit_code code = account_unlock(ctx, &key, &acc);
    if (code == EXIT_DONE) code = new_password(ctx, password, sizeof password, a, acc.name);
    const bool light = args_has(a, "light-kdf");
    if (code == EXIT_DONE && light)
        out_warn(ctx, "a light key derivation: for tests and throw-away keys only");
    if (code == EXIT_DONE) code = account_replace(ctx, acc.name, key, password, light);
    secret_wipe(password, sizeof password);
    secret_free(key);
    if (code == EXIT_DONE) {
        out_line(ctx, "the password of %s is changed; older backups keep the old one", acc.name);
        result_set(ctx, "name", json_string(acc.name));
        result_set(ctx, "address", json_address(&acc.address));
    }
    account_deinit(&acc);
    return code;
}

// ---- copies ---------------------------------------------------------------------------------------

/// The bare key in hex, in a new 0600 file: the one place where a key leaves its encryption.
static enum exit_code write_bare(struct ctx *ctx, const struct account *acc, const char *path)
{
    out_warn(ctx, "whoever reads %s owns the account", path);
    STEP(out_confirm(ctx, "Write the bare private key?"));
    struct secret_key *key;
    STEP(account_unlock(ctx, &key, acc));
    char hex[68] = "0x";
    hex_encode(hex + 2, BYTES_OF(key->b));
    hex[66] = '\n';
    const err_t err = secret_file_write(path, bytes_make(hex, 67), false);
    secret_wipe(hex, sizeof hex);
    secret_free(key);
    if (err.kind == ERR_BUSY) return fail(ctx, EXIT_STORE, NULL, "%s exists already", path);
    return err_ok(err) ? EXIT_DONE : fail_err(ctx, EXIT_STORE, path, err);
}

/// Copies one secret file, 0600, and reads the copy back.
static enum exit_code copy_secret(struct ctx *ctx, const char *from, const char *to)
{
    char *text;
    size_t len;
    err_t err = file_read(&text, &len, from, COPY_MAX);
    if (!err_ok(err)) return fail_err(ctx, EXIT_STORE, from, err);
    err = secret_file_write(to, bytes_make(text, len), false);
    char *again = NULL;
    size_t again_len = 0;
    if (err_ok(err)) err = file_read(&again, &again_len, to, COPY_MAX);
    if (err_ok(err) && (again_len != len || memcmp(again, text, len) != 0))
        err = FAIL(CORRUPT, "the copy differs");
    secret_wipe(text, len);
    free(text);
    free(again);
    if (err.kind == ERR_BUSY) return fail(ctx, EXIT_STORE, NULL, "%s exists already", to);
    return err_ok(err) ? EXIT_DONE : fail_err(ctx, EXIT_STORE, to, err);
}

enum exit_code cmd_account_export(struct ctx *ctx, const struct args *a)
{
    const char *path = args_flag(a, "out");
    if (path == NULL)
        return fail(ctx, EXIT_USAGE, NULL,
                    "--out FILE is missing: a key is never shown, only written");
    struct account acc;
    STEP(account_find(ctx, &acc, a->pos[0]));
    const bool bare = args_has(a, "private-key");
    const enum exit_code code =
        bare ? write_bare(ctx, &acc, path) : copy_secret(ctx, acc.path, path);
    if (code == EXIT_DONE) {
        out_line(ctx, "%s is in %s%s", acc.name, path,
                 bare ? ", not encrypted" : ", under its password");
        result_set(ctx, "name", json_string(acc.name));
        result_set(ctx, "address", json_address(&acc.address));
        result_set(ctx, "file", json_string(path));
    }
    account_deinit(&acc);
    return code;
}

/// Copies all files of one of the wallet's folders; how many in `*count`.
static enum exit_code copy_folder(struct ctx *ctx, const char *folder, const char *to,
                                  uint64_t *count)
{
    char *source = path_join(ctx->data_home, folder);
    char *target = path_join(to, folder);
    DIR *d = opendir(source);
    enum exit_code code = EXIT_DONE;
    if (d == NULL && errno != ENOENT)
        code = fail(ctx, EXIT_STORE, NULL, "cannot read %s: %s", source, strerror(errno));
    const struct dirent *e;
    if (d != NULL) code = profile_make_dir(ctx, target);
    while (code == EXIT_DONE && d != NULL && (e = readdir(d)) != NULL) {
        // Half-written files have no place in a backup.
        if (e->d_name[0] == '.' || strstr(e->d_name, ".new-") != NULL) continue;
        char *from_path = path_join(source, e->d_name);
        char *to_path = path_join(target, e->d_name);
        struct stat st;
        if (lstat(from_path, &st) == 0 && S_ISREG(st.st_mode)) {
            code = copy_secret(ctx, from_path, to_path);
            (*count)++;
        }
        free(from_path);
        free(to_path);
    }
    if (d != NULL) (void)closedir(d);
    free(source);
    free(target);
    return code;
}

enum exit_code cmd_account_backup(struct ctx *ctx, const struct args *a)
{
    const char *to = a->pos[0];
    if (access(to, F_OK) == 0)
        return fail(ctx, EXIT_USAGE, "name a folder that does not exist yet", "%s exists already",
                    to);
    STEP(profile_make_dir(ctx, to));
    uint64_t keys = 0;
    uint64_t salts = 0;
    STEP(copy_folder(ctx, "keystore", to, &keys));
    STEP(copy_folder(ctx, "salts", to, &salts));
    char *networks = path_join(ctx->home, "networks.json");
    char *copy = path_join(to, "networks.json");
    const bool known = access(networks, F_OK) == 0;
    const enum exit_code code = known ? copy_secret(ctx, networks, copy) : EXIT_DONE;
    free(networks);
    free(copy);
    STEP(code);
    STEP(sync_folder(ctx, to));
    out_line(ctx, "%s has %llu keys and %llu files of commits; restore with CAIRN_HOME=%s", to,
             (unsigned long long)keys, (unsigned long long)salts, to);
    out_note(ctx, "The keys stay under their passwords; keep those elsewhere.");
    result_set(ctx, "folder", json_string(to));
    result_set(ctx, "keys", json_u64(keys));
    result_set(ctx, "salts", json_u64(salts));
    return EXIT_DONE;
}
