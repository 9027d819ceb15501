// SPDX-License-Identifier: Apache-2.0
#include "wallet/profile.h"

#include "chain/crypto/keystore.h"
#include "wallet/client.h"
#include "wallet/out.h"
#include "wallet/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_RPC "http://127.0.0.1:8545"
#define NETWORKS_MAX ((size_t)1 << 20)

char *path_join(const char *dir, const char *name)
{
    char *out = NULL;
    if (asprintf(&out, "%s/%s", dir, name) < 0) panic_at(__FILE__, __LINE__, "out of memory");
    return out;
}

err_t file_read(char **out, size_t *len, const char *path, size_t max)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? FAIL(NOT_FOUND, "no such file") : FAIL(IO, "cannot open");
    struct stat st;
    err_t err = OK;
    char *data = NULL;
    size_t have = 0;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) err = FAIL(IO, "not a regular file");
    if (err_ok(err) && (uint64_t)st.st_size > max) err = FAIL(LIMIT, "the file is too large");
    if (err_ok(err)) {
        const size_t size = (size_t)st.st_size;
        data = malloc(size + 1);
        if (data == NULL) err = FAIL(FULL, "out of memory");
        while (err_ok(err) && have < size) {
            const ssize_t n = read(fd, data + have, size - have);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0)
                err = FAIL(IO, "cannot read the whole file");
            else
                have += (size_t)n;
        }
    }
    (void)close(fd);
    if (!err_ok(err)) {
        free(data);
        return err;
    }
    data[have] = 0;
    *out = data;
    *len = have;
    return OK;
}

err_t file_write(const char *path, bytes_t content)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.%ld.tmp", path, (long)getpid()) < 0)
        panic_at(__FILE__, __LINE__, "out of memory");
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool ok = fd >= 0;
    for (size_t at = 0; ok && at < content.len;) {
        const ssize_t n = write(fd, content.data + at, content.len - at);
        if (n < 0 && errno == EINTR) continue;
        ok = n > 0;
        if (ok) at += (size_t)n;
    }
    ok = ok && fsync(fd) == 0;
    if (fd >= 0) ok = close(fd) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;
    if (!ok && fd >= 0) (void)unlink(temporary);
    free(temporary);
    return ok ? OK : FAIL(IO, "cannot write the file");
}

enum exit_code profile_make_dir(struct ctx *ctx, const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    enum exit_code code = EXIT_DONE;
    for (char *p = copy + 1; code == EXIT_DONE; p++) {
        if (*p != '/' && *p != 0) continue;
        const char end = *p;
        *p = 0;
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            code =
                fail(ctx, EXIT_STORE, NULL, "cannot make the folder %s: %s", copy, strerror(errno));
        *p = end;
        if (end == 0) break;
    }
    free(copy);
    return code;
}

// ---- settings -------------------------------------------------------------------------------

static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v != NULL && v[0] != 0 ? v : NULL;
}

static enum exit_code find_homes(struct ctx *ctx)
{
    const char *given = env("CAIRN_HOME");
    if (given != NULL) {
        ctx->home = strdup(given);
        ctx->data_home = strdup(given);
    } else {
        const char *home = env("HOME");
        if (home == NULL)
            return fail(ctx, EXIT_USAGE, "set CAIRN_HOME to the wallet's folder",
                        "neither CAIRN_HOME nor HOME is set");
        ctx->home = path_join(home, ".config/cairn");
        ctx->data_home = path_join(home, ".local/share/cairn");
    }
    if (ctx->home == NULL || ctx->data_home == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    return EXIT_DONE;
}

static enum exit_code load_networks(struct ctx *ctx)
{
    char *path = path_join(ctx->home, "networks.json");
    char *text = NULL;
    size_t len = 0;
    const err_t err = file_read(&text, &len, path, NETWORKS_MAX);
    enum exit_code code = EXIT_DONE;
    if (err_ok(err)) {
        ctx->networks = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(ctx->networks))
            code = fail(ctx, EXIT_USAGE, "repair it or move it away", "%s is not valid JSON", path);
    } else if (err.kind != ERR_NOT_FOUND) {
        code = fail_err(ctx, EXIT_STORE, path, err);
    } else {
        ctx->networks = json_object();
    }
    free(text);
    free(path);
    return code;
}

enum exit_code profile_save(struct ctx *ctx)
{
    STEP(profile_make_dir(ctx, ctx->home));
    char *path = path_join(ctx->home, "networks.json");
    char *text = json_dumps(ctx->networks, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    if (text == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    const err_t err = secret_file_write(path, bytes_of_str(text), true);
    enum exit_code code = EXIT_DONE;
    if (!err_ok(err)) code = fail_err(ctx, EXIT_STORE, path, err);
    free(text);
    free(path);
    return code;
}

/// Fills a setting that no flag gave from the environment, and says where it came from.
static void from_env(const char **value, const char **source, const char *flag, const char *name)
{
    *source = *value != NULL ? flag : "not set";
    if (*value != NULL || env(name) == NULL) return;
    *value = env(name);
    *source = name;
}

/// As from_env, for what a network's profile says.
static void from_profile(const char **value, const char **source, const json_t *profile,
                         const char *member)
{
    const char *said = json_string_value(json_object_get(profile, member));
    if (*value != NULL || said == NULL) return;
    *value = said;
    *source = "the network's profile";
}

enum exit_code profile_open(struct ctx *ctx)
{
    STEP(find_homes(ctx));
    STEP(load_networks(ctx));
    struct settings *s = &ctx->set;

    from_env(&s->network, &s->network_source, "--network", "CAIRN_NETWORK");
    const bool asked = s->network != NULL;
    if (s->network == NULL) {
        s->network = json_string_value(json_object_get(ctx->networks, "current"));
        if (s->network != NULL) s->network_source = "cairn network use";
    }
    const json_t *profile =
        s->network != NULL ? json_object_get(json_object_get(ctx->networks, "networks"), s->network)
                           : NULL;
    if (s->network != NULL && profile == NULL)
        return fail(ctx, EXIT_USAGE, "cairn network list", "no network named %s", s->network);

    if (s->rpc == NULL && !asked && env("CAIRN_RPC") != NULL) {
        s->rpc = env("CAIRN_RPC");
        s->rpc_source = "CAIRN_RPC";
    }
    // An address that was given by itself leaves the current profile alone.
    if (s->rpc != NULL && !asked) {
        s->network = NULL;
        s->network_source = "not set";
        profile = NULL;
    }
    from_profile(&s->rpc, &s->rpc_source, profile, "rpc");
    if (s->rpc == NULL) {
        s->rpc = DEFAULT_RPC;
        s->rpc_source = "the default; set it with --rpc or CAIRN_RPC";
    }

    from_env(&s->account, &s->account_source, "--account", "CAIRN_ACCOUNT");
    from_profile(&s->account, &s->account_source, profile, "account");
    from_env(&s->password_file, &s->password_source, "--password-file", "CAIRN_PASSWORD_FILE");
    if (env("NO_COLOR") != NULL && s->color_source == NULL) {
        s->color = "never";
        s->color_source = "NO_COLOR";
    }
    return EXIT_DONE;
}

void profile_close(struct ctx *ctx)
{
    json_decref(ctx->networks);
    free(ctx->home);
    free(ctx->data_home);
    ctx->networks = NULL;
    ctx->home = NULL;
    ctx->data_home = NULL;
}

// ---- the pinned chain -----------------------------------------------------------------------

/// The member `key` of `object`, made if missing.
static json_t *member(json_t *object, const char *key)
{
    json_t *v = json_object_get(object, key);
    if (!json_is_object(v)) {
        v = json_object();
        (void)json_object_set_new(object, key, v);
    }
    return v;
}

/// The genesis block's hash, for named networks.
static enum exit_code genesis_hash(struct ctx *ctx, json_t **out)
{
    json_t *block;
    STEP(client_call(ctx, &block, "eth_getBlockByNumber", json_pack("[sb]", "0x0", 0)));
    json_t *hash = json_object_get(block, "hash");
    hash_t h;
    const bool ok = json_is_string(hash) && err_ok(text_parse_hash(&h, json_string_value(hash)));
    if (ok) *out = json_incref(hash);
    json_decref(block);
    if (!ok) return fail(ctx, EXIT_UNREACHABLE, NULL, "the node has no genesis block");
    return EXIT_DONE;
}

enum exit_code profile_check_chain(struct ctx *ctx)
{
    if (ctx->chain_id != 0) return EXIT_DONE;
    uint64_t id;
    STEP(client_u64(ctx, &id, "eth_chainId", NULL));
    if (id == 0) return fail(ctx, EXIT_UNREACHABLE, NULL, "the node says its chain id is zero");

    const char *name = ctx->set.network;
    json_t *entry = name != NULL ? member(member(ctx->networks, "networks"), name)
                                 : member(member(ctx->networks, "pins"), ctx->set.rpc);
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, id);
    const char *pinned = json_string_value(json_object_get(entry, "chainId"));
    if (pinned != NULL && strcmp(pinned, text) != 0) {
        char hint[256];
        (void)snprintf(hint, sizeof hint, "if the network was made anew: cairn network forget %s",
                       name != NULL ? name : ctx->set.rpc);
        return fail(ctx, EXIT_USAGE, hint,
                    "%s is chain %s now, and was chain %s before: nothing was sent", ctx->set.rpc,
                    text, pinned);
    }
    bool changed = pinned == NULL;
    if (changed) (void)json_object_set_new(entry, "chainId", json_string(text));

    if (name != NULL) {
        json_t *hash = NULL;
        STEP(genesis_hash(ctx, &hash));
        json_t *before = json_object_get(entry, "genesisHash");
        if (before != NULL && !json_equal(before, hash)) {
            json_decref(hash);
            return fail(ctx, EXIT_USAGE, "cairn network forget, if it was made anew",
                        "%s has another genesis block than network %s had", ctx->set.rpc, name);
        }
        changed = changed || before == NULL;
        (void)json_object_set_new(entry, "genesisHash", hash);
    }
    if (changed) STEP(profile_save(ctx));
    ctx->chain_id = id;
    return EXIT_DONE;
}
