// SPDX-License-Identifier: Apache-2.0
#include "wallet/account.h"

#include "chain/crypto/keystore.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define KEYSTORE_MAX_BYTES ((size_t)64 * 1024)
#define NAME_MAX_LEN 64
#define PASSWORD_MAX 512
#define TRIES 3

void account_deinit(struct account *a)
{
    free(a->path);
    *a = (struct account){0};
}

bool account_name_ok(const char *name)
{
    const size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_LEN || name[0] == '.' || name[0] == '-') return false;
    if (n == 42 && name[0] == '0' && name[1] == 'x') return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static char *keystore_dir(const struct ctx *ctx)
{
    return path_join(ctx->data_home, "keystore");
}

/// Reads the address of one keystore file.
static err_t read_address(address_t *out, const char *path)
{
    char *text;
    size_t len;
    TRY(file_read(&text, &len, path, KEYSTORE_MAX_BYTES));
    const err_t err = keystore_peek_address(out, bytes_make(text, len));
    free(text);
    return err;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/// Names of all keystore files, sorted; the caller frees each and the list.
static enum exit_code list_names(struct ctx *ctx, char ***out, size_t *count)
{
    *out = NULL;
    *count = 0;
    char *dir = keystore_dir(ctx);
    DIR *d = opendir(dir);
    enum exit_code code = EXIT_DONE;
    if (d == NULL) {
        if (errno != ENOENT)
            code = fail(ctx, EXIT_STORE, NULL, "cannot read %s: %s", dir, strerror(errno));
        free(dir);
        return code;
    }
    const struct dirent *e;
    size_t cap = 0;
    while ((e = readdir(d)) != NULL) {
        const size_t n = strlen(e->d_name);
        if (n < 6 || strcmp(e->d_name + n - 5, ".json") != 0) continue;
        char *name = strndup(e->d_name, n - 5);
        if (name == NULL) panic_at(__FILE__, __LINE__, "out of memory");
        if (!account_name_ok(name)) {
            free(name);
            continue;
        }
        if (*count == cap) {
            cap = cap == 0 ? 16 : 2 * cap;
            *out = realloc(*out, cap * sizeof **out);
            if (*out == NULL) panic_at(__FILE__, __LINE__, "out of memory");
        }
        (*out)[(*count)++] = name;
    }
    (void)closedir(d);
    free(dir);
    if (*count > 1) qsort(*out, *count, sizeof **out, by_name);
    return EXIT_DONE;
}

char *account_path(const struct ctx *ctx, const char *name)
{
    char file[NAME_MAX_LEN + 8];
    (void)snprintf(file, sizeof file, "%s.json", name);
    char *dir = keystore_dir(ctx);
    char *path = path_join(dir, file);
    free(dir);
    return path;
}

enum exit_code account_list(struct ctx *ctx, json_t **out)
{
    char **names;
    size_t count;
    STEP(list_names(ctx, &names, &count));
    *out = json_array();
    for (size_t i = 0; i < count; i++) {
        char *path = account_path(ctx, names[i]);
        address_t a;
        const bool ok = err_ok(read_address(&a, path));
        json_t *row = json_object();
        (void)json_object_set_new(row, "name", json_string(names[i]));
        (void)json_object_set_new(row, "address",
                                  ok ? json_string(text_address(&a).s) : json_null());
        (void)json_array_append_new(*out, row);
        free(path);
        free(names[i]);
    }
    free(names);
    return EXIT_DONE;
}

char *account_name_of(struct ctx *ctx, const address_t *address)
{
    json_t *list;
    if (account_list(ctx, &list) != EXIT_DONE) return NULL;
    const struct address_text want = text_address(address);
    char *found = NULL;
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row)
    {
        const char *a = json_string_value(json_object_get(row, "address"));
        if (a != NULL && strcmp(a, want.s) == 0) {
            found = strdup(json_string_value(json_object_get(row, "name")));
            break;
        }
    }
    json_decref(list);
    return found;
}

bool account_exists(const struct ctx *ctx, const char *name)
{
    char *path = account_path(ctx, name);
    const bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static enum exit_code find_by_name(struct ctx *ctx, struct account *out, const char *name)
{
    if (!account_name_ok(name))
        return fail(ctx, EXIT_USAGE, NULL, "neither the name of an account nor an address: %s",
                    name);
    char *path = account_path(ctx, name);
    const err_t err = read_address(&out->address, path);
    if (!err_ok(err)) {
        free(path);
        if (err.kind == ERR_NOT_FOUND && account_name_ok(name))
            return fail(ctx, EXIT_ACCOUNT, "cairn account list", "no account named %s", name);
        return fail(ctx, EXIT_ACCOUNT, NULL, "the keystore file of %s: %s", name, err_text(err));
    }
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    out->path = path;
    return EXIT_DONE;
}

enum exit_code account_find(struct ctx *ctx, struct account *out, const char *name_or_address)
{
    *out = (struct account){0};
    if (strlen(name_or_address) != 42 || name_or_address[0] != '0' || name_or_address[1] != 'x')
        return find_by_name(ctx, out, name_or_address);

    address_t a;
    const err_t err = text_parse_address(&a, name_or_address);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, name_or_address, err);
    char *name = account_name_of(ctx, &a);
    if (name == NULL)
        return fail(ctx, EXIT_ACCOUNT, "cairn account list", "%s is none of the wallet's accounts",
                    name_or_address);
    const enum exit_code code = find_by_name(ctx, out, name);
    free(name);
    return code;
}

enum exit_code account_resolve(struct ctx *ctx, address_t *out, const char *name_or_address)
{
    if (name_or_address[0] == '0' && name_or_address[1] == 'x') {
        const err_t err = text_parse_address(out, name_or_address);
        if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, name_or_address, err);
        return EXIT_DONE;
    }
    struct account a;
    STEP(account_find(ctx, &a, name_or_address));
    *out = a.address;
    account_deinit(&a);
    return EXIT_DONE;
}

enum exit_code account_sender(struct ctx *ctx, struct account *out)
{
    *out = (struct account){0};
    // What is not signed here needs no key here.
    const bool watches = ctx->set.unsigned_file != NULL || ctx->set.dry_run;
    if (watches && ctx->set.account != NULL && strncmp(ctx->set.account, "0x", 2) == 0)
        return account_resolve(ctx, &out->address, ctx->set.account);
    if (ctx->set.account != NULL) return account_find(ctx, out, ctx->set.account);
    json_t *list;
    STEP(account_list(ctx, &list));
    const size_t n = json_array_size(list);
    enum exit_code code;
    if (n == 1)
        code = find_by_name(ctx, out,
                            json_string_value(json_object_get(json_array_get(list, 0), "name")));
    else if (n == 0)
        code = fail(ctx, EXIT_ACCOUNT, "cairn account new NAME", "the wallet has no account yet");
    else
        code = fail(ctx, EXIT_USAGE, "choose one with --account or CAIRN_ACCOUNT",
                    "the wallet has %zu accounts", n);
    json_decref(list);
    return code;
}

enum exit_code account_viewer(struct ctx *ctx, address_t *out)
{
    if (ctx->set.account != NULL) return account_resolve(ctx, out, ctx->set.account);
    struct account a;
    STEP(account_sender(ctx, &a));
    *out = a.address;
    account_deinit(&a);
    return EXIT_DONE;
}

enum exit_code account_decrypt(struct ctx *ctx, struct secret_key *out, bytes_t json,
                               const char *name)
{
    const bool asks = ctx->set.password_file == NULL && ctx->set.password_fd < 0;
    char password[PASSWORD_MAX];
    char prompt[128];
    (void)snprintf(prompt, sizeof prompt, "Password of %.90s", name);
    enum exit_code code = EXIT_ACCOUNT;
    for (int left = asks ? TRIES : 1; left > 0 && code == EXIT_ACCOUNT; left--) {
        code = out_password(ctx, password, sizeof password, prompt, false);
        if (code != EXIT_DONE) break;
        const err_t err = keystore_decrypt(out, json, bytes_of_str(password));
        if (err.kind == ERR_MISMATCH) {
            code = fail(ctx, EXIT_ACCOUNT, NULL, "wrong password for %s (or its file is damaged)",
                        name);
            if (left > 1) out_note(ctx, "Wrong password; %d tries left.", left - 1);
        } else if (!err_ok(err)) {
            code = fail_err(ctx, EXIT_STORE, name, err);
        }
    }
    secret_wipe(password, sizeof password);
    return code;
}

enum exit_code account_unlock(struct ctx *ctx, struct secret_key **out, const struct account *a)
{
    char *text;
    size_t len;
    err_t err = file_read(&text, &len, a->path, KEYSTORE_MAX_BYTES);
    if (!err_ok(err)) return fail_err(ctx, EXIT_STORE, a->path, err);
    err = secret_new(out);
    if (!err_ok(err)) {
        free(text);
        return fail_err(ctx, EXIT_INTERNAL, "locking memory for the key", err);
    }
    enum exit_code code = account_decrypt(ctx, *out, bytes_make(text, len), a->name);
    free(text);
    // The file says whose key it is; the key decides.
    secp_pubkey_t pub;
    address_t is = {0};
    if (code == EXIT_DONE && err_ok(secp_pubkey_of(&pub, *out))) is = secp_address(&pub);
    if (code == EXIT_DONE && !address_eq(&is, &a->address))
        code = fail(ctx, EXIT_STORE, "restore the file from a backup",
                    "the file of %s holds the key of %s, not of %s", a->name, text_address(&is).s,
                    text_address(&a->address).s);
    if (code != EXIT_DONE) {
        secret_free(*out);
        *out = NULL;
    }
    return code;
}

enum exit_code account_sign(struct ctx *ctx, secp_sig_t *out, const struct account *a,
                            const hash_t *digest)
{
    struct secret_key *key;
    STEP(account_unlock(ctx, &key, a));
    *out = secp_sign(key, digest);
    secret_free(key);
    // A fault in the computation must not become a leaked key.
    address_t signer;
    if (!err_ok(secp_recover_address(&signer, out, digest)) || !address_eq(&signer, &a->address))
        return fail(ctx, EXIT_INTERNAL, NULL, "the signature does not verify");
    return EXIT_DONE;
}

static enum exit_code save(struct ctx *ctx, const char *name, const struct secret_key *key,
                           const char *password, bool light, bool replace)
{
    char *dir = keystore_dir(ctx);
    const enum exit_code made = profile_make_dir(ctx, dir);
    free(dir);
    STEP(made);

    char *json;
    err_t err = keystore_encrypt(&json, key, bytes_of_str(password),
                                 light ? KEYSTORE_COST_LIGHT : KEYSTORE_COST_DEFAULT);
    if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "encrypting the key", err);
    char *path = account_path(ctx, name);
    err = secret_file_write(path, bytes_of_str(json), replace);
    free(json);
    enum exit_code code = EXIT_DONE;
    if (err.kind == ERR_BUSY)
        code = fail(ctx, EXIT_STORE, "choose another name", "there is an account named %s already",
                    name);
    else if (!err_ok(err))
        code = fail_err(ctx, EXIT_STORE, path, err);
    free(path);
    return code;
}

enum exit_code account_save(struct ctx *ctx, const char *name, const struct secret_key *key,
                            const char *password, bool light)
{
    return save(ctx, name, key, password, light, false);
}

enum exit_code account_replace(struct ctx *ctx, const char *name, const struct secret_key *key,
                               const char *password, bool light)
{
    return save(ctx, name, key, password, light, true);
}
