// SPDX-License-Identifier: Apache-2.0
/// Signing and checking what is no transaction: messages and typed data. Needs no node.
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "wallet/account.h"
#include "wallet/client.h"
#include "wallet/contract.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/text.h"
#include "wallet/typed_data.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define SIGN_FILE_MAX ((size_t)1 << 20)
#define SHOWN_MAX 400

// ---- what is signed -------------------------------------------------------------------------------

/// Reads standard input to its end, at most SIGN_FILE_MAX bytes; heap.
static err_t read_stdin(char **out, size_t *len)
{
    char *data = malloc(SIGN_FILE_MAX + 1);
    if (data == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    size_t have = 0;
    for (;;) {
        const ssize_t n = read(STDIN_FILENO, data + have, SIGN_FILE_MAX + 1 - have);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) break;
        if (n < 0 || have + (size_t)n > SIGN_FILE_MAX) {
            free(data);
            return n < 0 ? FAIL(IO, "cannot read") : FAIL(LIMIT, "more than 1 MiB");
        }
        have += (size_t)n;
    }
    data[have] = 0;
    *out = data;
    *len = have;
    return OK;
}

/// The bytes of FILE, "-" for standard input, or of --text; heap.
static enum exit_code read_message(struct ctx *ctx, char **out, size_t *len, const struct args *a)
{
    const char *text = args_flag(a, "text");
    if ((text != NULL) == (a->pos_count > 0))
        return fail(ctx, EXIT_USAGE, NULL, "give either a FILE or --text TEXT");
    if (text != NULL) {
        *out = strdup(text);
        if (*out == NULL) panic_at(__FILE__, __LINE__, "out of memory");
        *len = strlen(text);
        return EXIT_DONE;
    }
    const char *path = a->pos[0];
    const err_t err =
        strcmp(path, "-") == 0 ? read_stdin(out, len) : file_read(out, len, path, SIGN_FILE_MAX);
    return err_ok(err) ? EXIT_DONE : fail_err(ctx, EXIT_USAGE, path, err);
}

/// One line of the conversation with text from outside made harmless.
static void note_escaped(struct ctx *ctx, const char *lead, const char *text)
{
    struct buf b;
    buf_init(&b, (size_t)8 << 20);
    text_put_escaped(&b, text);
    buf_put_u8(&b, 0);
    const char *safe = b.full ? "(too long to show)" : (const char *)b.data;
    const bool cut = strlen(safe) > SHOWN_MAX;
    out_note(ctx, "  %s%.*s%s", lead, SHOWN_MAX, safe, cut ? ".." : "");
    buf_deinit(&b);
}

static void show_member(void *user, const char *path, const char *type, const json_t *value)
{
    struct ctx *ctx = user;
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                                       : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    struct buf b;
    buf_init(&b, (size_t)4 << 20);
    buf_printf(&b, "%s: %s  (%s)", path, text != NULL ? text : "-", type);
    buf_put_u8(&b, 0);
    note_escaped(ctx, "", b.full ? "(too long to show)" : (const char *)b.data);
    buf_deinit(&b);
    free(text);
}

/// With a profile, data for another chain is refused.
static enum exit_code check_domain(struct ctx *ctx, const json_t *data)
{
    const json_t *v = json_object_get(json_object_get(data, "domain"), "chainId");
    const json_t *profile =
        ctx->set.network != NULL
            ? json_object_get(json_object_get(ctx->networks, "networks"), ctx->set.network)
            : NULL;
    const char *pinned = json_string_value(json_object_get(profile, "chainId"));
    if (v == NULL || pinned == NULL) return EXIT_DONE;
    u256_t want;
    u256_t have = u256_from_u64((uint64_t)json_integer_value(v));
    if (!err_ok(u256_parse(&want, bytes_of_str(pinned)))) return EXIT_DONE;
    if (json_is_string(v) && !err_ok(u256_parse(&have, bytes_of_str(json_string_value(v)))))
        return EXIT_DONE; // refused by the encoding
    if (u256_eq(&want, &have)) return EXIT_DONE;
    return fail(ctx, EXIT_USAGE, "choose its network with --network",
                "the data is for chain %s, network %s is chain %s", u256_dec(&have).s,
                ctx->set.network, pinned);
}

/// Digest of what the command is about, shown on the way if it will be signed.
static enum exit_code find_digest(struct ctx *ctx, hash_t *out, const struct args *a, bool typed,
                                  bool show)
{
    char *text;
    size_t len;
    STEP(read_message(ctx, &text, &len, a));
    if (!typed) {
        *out = message_digest(bytes_make(text, len));
        if (show) {
            out_note(ctx, "Sign this message of %zu bytes:", len);
            note_escaped(ctx, "", text);
        }
        free(text);
        return EXIT_DONE;
    }
    json_error_t where;
    json_t *data = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
    free(text);
    if (data == NULL) return fail(ctx, EXIT_USAGE, NULL, "line %d: %s", where.line, where.text);
    struct typed_data_hash h;
    struct typed_data_detail why;
    const err_t err = typed_data_digest(&h, data, &why);
    enum exit_code code = EXIT_DONE;
    if (!err_ok(err))
        code = fail(ctx, EXIT_USAGE, "EIP-712: {types, primaryType, domain, message}", "%s",
                    why.text[0] != 0 ? why.text : err_text(err));
    if (code == EXIT_DONE && show) code = check_domain(ctx, data);
    if (code == EXIT_DONE && show) {
        out_note(ctx, "Sign this %s:", json_string_value(json_object_get(data, "primaryType")));
        typed_data_walk(data, show_member, ctx);
    }
    json_decref(data);
    if (code != EXIT_DONE) return code;
    *out = h.digest;
    result_set(ctx, "domainSeparator", json_hash(&h.domain));
    return EXIT_DONE;
}

// ---- sign -----------------------------------------------------------------------------------------

static enum exit_code sign(struct ctx *ctx, const struct args *a, bool typed)
{
    hash_t digest;
    STEP(find_digest(ctx, &digest, a, typed, true));
    struct account me;
    STEP(account_sender(ctx, &me));
    out_note(ctx, "as %s (%s)", me.name, text_address(&me.address).s);
    secp_sig_t sig = {0};
    enum exit_code code = out_confirm(ctx, "Sign?");
    if (code == EXIT_DONE) code = account_sign(ctx, &sig, &me, &digest);
    const address_t who = me.address;
    account_deinit(&me);
    STEP(code);
    uint8_t raw[65];
    signature_write(raw, &sig);
    json_t *hex = json_hex(BYTES_OF(raw));
    out_line(ctx, "%s", json_string_value(hex));
    result_set(ctx, "address", json_address(&who));
    result_set(ctx, "digest", json_hash(&digest));
    result_set(ctx, "signature", hex);
    return EXIT_DONE;
}

enum exit_code cmd_sign_message(struct ctx *ctx, const struct args *a)
{
    return sign(ctx, a, false);
}

enum exit_code cmd_sign_typed(struct ctx *ctx, const struct args *a)
{
    return sign(ctx, a, true);
}

// ---- verify ---------------------------------------------------------------------------------------

static enum exit_code verify(struct ctx *ctx, const struct args *a, bool typed)
{
    const char *text = args_flag(a, "signature");
    if (text == NULL) return fail(ctx, EXIT_USAGE, NULL, "--signature 0x.. is missing");
    address_t want = {0};
    const char *who = args_flag(a, "signer");
    if (who != NULL) STEP(account_resolve(ctx, &want, who));
    hash_t digest;
    STEP(find_digest(ctx, &digest, a, typed, false));

    json_t *v = json_string(text);
    size_t len = 0;
    uint8_t *raw = json_data(&len, v);
    json_decref(v);
    if (raw == NULL) return fail(ctx, EXIT_USAGE, NULL, "--signature: 0x and 130 digits");
    secp_sig_t sig;
    err_t err = signature_read(&sig, bytes_make(raw, len));
    free(raw);
    if (err.kind == ERR_MALFORMED) return fail_err(ctx, EXIT_USAGE, "--signature", err);
    address_t signer;
    if (err_ok(err)) err = secp_recover_address(&signer, &sig, &digest);
    if (!err_ok(err)) return fail_err(ctx, EXIT_UNVERIFIED, "the signature", err);
    result_set(ctx, "signer", json_address(&signer));
    result_set(ctx, "digest", json_hash(&digest));
    if (who != NULL && !address_eq(&signer, &want))
        return fail(ctx, EXIT_UNVERIFIED, NULL, "signed by %s, not by %s", text_address(&signer).s,
                    text_address(&want).s);
    out_line(ctx, "signed by %s%s", text_address(&signer).s,
             who == NULL ? " (--signer ADDRESS compares)" : "");
    return EXIT_DONE;
}

enum exit_code cmd_verify_message(struct ctx *ctx, const struct args *a)
{
    return verify(ctx, a, false);
}

enum exit_code cmd_verify_typed(struct ctx *ctx, const struct args *a)
{
    return verify(ctx, a, true);
}
