// SPDX-License-Identifier: Apache-2.0
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "chain/crypto/keystore.h"
#include "chain/crypto/random.h"
#include "chain/crypto/secp.h"
#include "chain/fed/contracts.h"
#include "wallet/account.h"
#include "wallet/client.h"
#include "wallet/contract.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/text.h"
#include "wallet/words.h"

#include <stdlib.h>
#include <unistd.h>

#define PASSWORD_MAX 512
#define KEY_FILE_MAX ((size_t)64 * 1024)
#define ENTROPY_BYTES 16 ///< twelve words

/// Shows the words once and asks one of them back.
static enum exit_code show_words(struct ctx *ctx, const char *words)
{
    out_note(ctx, "These words are the account. Write them down, in order; they are shown once:");
    (void)fprintf(ctx->err, "\n    %s\n\n", words);
    if (ctx->set.yes) return EXIT_DONE;
    if (isatty(STDIN_FILENO) == 0)
        return fail(ctx, EXIT_DECLINED, "add --yes if they are kept, or --no-words for a key alone",
                    "the words must be confirmed, and the input is not a terminal");

    uint8_t r;
    if (!err_ok(random_bytes(&r, sizeof r))) return fail(ctx, EXIT_INTERNAL, NULL, "no randomness");
    const unsigned ask = r % 12u;
    const char *want = words;
    for (unsigned i = 0; i < ask; i++) want = strchr(want, ' ') + 1;
    const size_t len = strcspn(want, " ");
    (void)fprintf(ctx->err, "Word number %u: ", ask + 1);
    char line[64];
    if (fgets(line, sizeof line, stdin) == NULL || strcspn(line, "\r\n") != len ||
        memcmp(line, want, len) != 0)
        return fail(ctx, EXIT_DECLINED, "run the command again",
                    "that is not the word; no account "
                    "was made");
    return EXIT_DONE;
}

/// Fills a fresh key, from words unless they are not wanted.
static enum exit_code fresh_key(struct ctx *ctx, struct secret_key *key, const struct args *a)
{
    if (args_has(a, "no-words")) {
        const err_t err = secp_keygen(key);
        return err_ok(err) ? EXIT_DONE : fail_err(ctx, EXIT_INTERNAL, "making a key", err);
    }
    const char *path = args_has(a, "path") ? args_flag(a, "path") : WORDS_DEFAULT_PATH;
    uint8_t entropy[ENTROPY_BYTES];
    char words[WORDS_MAX_TEXT];
    uint8_t seed[64];
    err_t err = random_bytes(entropy, sizeof entropy);
    if (err_ok(err)) err = words_check_list();
    if (err_ok(err)) err = words_from_entropy(words, bytes_make(entropy, sizeof entropy));
    if (err_ok(err)) err = words_seed(seed, words, "");
    if (err_ok(err)) err = hd_derive(key, bytes_make(seed, sizeof seed), path);
    enum exit_code code =
        err_ok(err) ? show_words(ctx, words) : fail_err(ctx, EXIT_INTERNAL, "making the key", err);
    secret_wipe(entropy, sizeof entropy);
    secret_wipe(words, sizeof words);
    secret_wipe(seed, sizeof seed);
    return code;
}

/// Reads words from a file or, hidden, from the terminal or a pipe, and derives the key.
static enum exit_code key_from_words(struct ctx *ctx, struct secret_key *key, const struct args *a)
{
    char line[1024];
    const char *file = args_flag(a, "mnemonic-file");
    if (file != NULL) {
        char *text;
        size_t len;
        const err_t err = file_read(&text, &len, file, sizeof line - 1);
        if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, file, err);
        memcpy(line, text, len + 1);
        secret_wipe(text, len);
        free(text);
    } else {
        STEP(out_secret_line(ctx, line, sizeof line, "Words"));
    }

    char words[WORDS_MAX_TEXT];
    unsigned position = 0;
    err_t err = words_check_list();
    if (err_ok(err)) err = words_check(words, &position, line);
    secret_wipe(line, sizeof line);
    enum exit_code code = EXIT_DONE;
    if (err.kind == ERR_NOT_FOUND)
        code = fail(ctx, EXIT_USAGE, NULL, "word %u is not one of the 2048", position);
    else if (!err_ok(err))
        code = fail_err(ctx, EXIT_USAGE, "the words", err);

    uint8_t seed[64];
    const char *path = args_has(a, "path") ? args_flag(a, "path") : WORDS_DEFAULT_PATH;
    if (code == EXIT_DONE) {
        err = words_seed(seed, words, "");
        if (err_ok(err)) err = hd_derive(key, bytes_make(seed, sizeof seed), path);
        if (!err_ok(err)) code = fail_err(ctx, EXIT_USAGE, path, err);
    }
    secret_wipe(words, sizeof words);
    secret_wipe(seed, sizeof seed);
    return code;
}

/// Reads a key of 64 hexadecimal digits, in a file of its own.
static enum exit_code key_from_file(struct ctx *ctx, struct secret_key *key, const char *path)
{
    char *text;
    size_t len;
    err_t err = file_read(&text, &len, path, KEY_FILE_MAX);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, path, err);
    const size_t whole = len;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
        len--;
    err = hex_decode_fixed(key->b, sizeof key->b, bytes_make(text, len));
    secret_wipe(text, whole);
    free(text);
    if (!err_ok(err))
        return fail(ctx, EXIT_USAGE, "for a keystore file use --keystore",
                    "%s holds no key: 64 hexadecimal digits are expected", path);
    return EXIT_DONE;
}

/// Decrypts another wallet's keystore file.
static enum exit_code key_from_keystore(struct ctx *ctx, struct secret_key *key, const char *path)
{
    char *text;
    size_t len;
    const err_t err = file_read(&text, &len, path, KEY_FILE_MAX);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, path, err);
    const enum exit_code code = account_decrypt(ctx, key, bytes_make(text, len), path);
    free(text);
    return code;
}

/// Encrypts, stores and reports a key.
static enum exit_code keep_key(struct ctx *ctx, const char *name, const struct secret_key *key,
                               bool light)
{
    secp_pubkey_t pub;
    err_t err = secp_pubkey_of(&pub, key);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, "the key", err);
    const address_t address = secp_address(&pub);
    char *other = account_name_of(ctx, &address);
    if (other != NULL) {
        const enum exit_code code =
            fail(ctx, EXIT_STORE, NULL, "this key is in the wallet already, as %s", other);
        free(other);
        return code;
    }
    if (light) out_warn(ctx, "a light key derivation: for tests and throw-away keys only");

    char password[PASSWORD_MAX];
    char prompt[128];
    (void)snprintf(prompt, sizeof prompt, "New password for %s", name);
    enum exit_code code = out_password(ctx, password, sizeof password, prompt, true);
    if (code == EXIT_DONE) code = account_save(ctx, name, key, password, light);
    secret_wipe(password, sizeof password);
    STEP(code);
    result_set(ctx, "name", json_string(name));
    result_set(ctx, "address", json_address(&address));
    out_line(ctx, "%s  %s", text_address(&address).s, name);
    return EXIT_DONE;
}

/// A new account's name is well-formed and free. Asked before words are shown or typed.
static enum exit_code check_name(struct ctx *ctx, const char *name)
{
    if (account_name_ok(name)) {
        if (!account_exists(ctx, name)) return EXIT_DONE;
        return fail(ctx, EXIT_STORE, "choose another name", "there is an account named %s already",
                    name);
    }
    return fail(ctx, EXIT_USAGE, NULL,
                "`%s` is no name for an account: letters, digits, `.`, `_`, `-`, at most 64", name);
}

enum exit_code cmd_account_new(struct ctx *ctx, const struct args *a)
{
    STEP(check_name(ctx, a->pos[0]));
    struct secret_key *key;
    const err_t err = secret_new(&key);
    if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "locking memory for the key", err);
    enum exit_code code = fresh_key(ctx, key, a);
    if (code == EXIT_DONE) code = keep_key(ctx, a->pos[0], key, args_has(a, "light-kdf"));
    secret_free(key);
    return code;
}

enum exit_code cmd_account_import(struct ctx *ctx, const struct args *a)
{
    STEP(check_name(ctx, a->pos[0]));
    const bool words = args_has(a, "mnemonic") || args_has(a, "mnemonic-file");
    const char *key_file = args_flag(a, "key-file");
    const char *keystore = args_flag(a, "keystore");
    if ((int)words + (key_file != NULL) + (keystore != NULL) != 1)
        return fail(ctx, EXIT_USAGE, "cairn account import --help",
                    "say where from: --mnemonic, --mnemonic-file, --key-file or --keystore");
    struct secret_key *key;
    const err_t err = secret_new(&key);
    if (!err_ok(err)) return fail_err(ctx, EXIT_INTERNAL, "locking memory for the key", err);
    enum exit_code code = words              ? key_from_words(ctx, key, a)
                          : key_file != NULL ? key_from_file(ctx, key, key_file)
                                             : key_from_keystore(ctx, key, keystore);
    if (code == EXIT_DONE) code = keep_key(ctx, a->pos[0], key, args_has(a, "light-kdf"));
    secret_free(key);
    return code;
}

enum exit_code cmd_account_list(struct ctx *ctx, const struct args *a)
{
    (void)a;
    json_t *list;
    STEP(account_list(ctx, &list));
    static const struct out_column columns[] = {{"name", "NAME", false},
                                                {"address", "ADDRESS", false}};
    out_table(ctx, list, columns, ARRAY_LEN(columns), "no accounts: cairn account new NAME");
    result_set(ctx, "accounts", list);
    return EXIT_DONE;
}

enum exit_code cmd_account_show(struct ctx *ctx, const struct args *a)
{
    struct account acc;
    if (a->pos_count > 0)
        STEP(account_find(ctx, &acc, a->pos[0]));
    else
        STEP(account_sender(ctx, &acc));
    result_set(ctx, "name", json_string(acc.name));
    result_set(ctx, "address", json_address(&acc.address));
    result_set(ctx, "file", json_string(acc.path));
    out_field(ctx, "name", "%s", acc.name);
    out_field(ctx, "address", "%s", text_address(&acc.address).s);
    out_field(ctx, "file", "%s", acc.path);
    account_deinit(&acc);
    return EXIT_DONE;
}

enum exit_code cmd_account_balance(struct ctx *ctx, const struct args *a)
{
    address_t who;
    if (a->pos_count > 0)
        STEP(account_resolve(ctx, &who, a->pos[0]));
    else
        STEP(account_viewer(ctx, &who));
    STEP(profile_check_chain(ctx));
    json_t *v;
    STEP(client_call(ctx, &v, "eth_getBalance",
                     json_pack("[os]", json_address(&who), BLOCK_LATEST)));
    u256_t wei;
    const char *s = json_string_value(v);
    const bool ok = s != NULL && err_ok(u256_parse(&wei, bytes_of_str(s)));
    json_decref(v);
    if (!ok) return fail(ctx, EXIT_UNREACHABLE, NULL, "the balance makes no sense");
    uint64_t nonce;
    STEP(client_u64(ctx, &nonce, "eth_getTransactionCount",
                    json_pack("[os]", json_address(&who), BLOCK_LATEST)));

    result_set(ctx, "address", json_address(&who));
    result_set(ctx, "wei", json_u256(&wei));
    result_set(ctx, "nonce", json_u64(nonce));
    out_field(ctx, "address", "%s", text_address(&who).s);
    out_field(ctx, "ether", "%s", text_amount(&wei, 18).s);
    // The federation's token, where there is one.
    json_t *token;
    STEP(contract_view_try(ctx, &token, &fed_contract_address[FED_CAIRN_TOKEN],
                           "balanceOf(address)(uint256)", json_pack("[o]", json_address(&who))));
    if (token != NULL) {
        const u256_t tokens = json_get_u256(json_array_get(token, 0));
        result_set(ctx, "cairn", json_u256(&tokens));
        out_field(ctx, "CAIRN", "%s", text_amount(&tokens, 18).s);
        json_decref(token);
    }
    return EXIT_DONE;
}
