// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/keystore.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/crypto/secp.h"
#include "test/support/temp_dir.h"

static struct secret_key *new_key(uint8_t last)
{
    struct secret_key *key;
    cr_assert(err_ok(secret_new(&key)));
    key->b[31] = last;
    return key;
}

/// Goal: what is written opens again, only with its password, and names its address.
Test(keystore, round_trip)
{
    struct secret_key *key = new_key(1);
    struct secret_key *opened = new_key(0);
    char *text;
    char *other;
    address_t claimed;
    cr_assert(err_ok(keystore_encrypt(&text, key, LIT("secret"), KEYSTORE_COST_LIGHT)));
    cr_assert(err_ok(keystore_encrypt(&other, key, LIT("secret"), KEYSTORE_COST_LIGHT)));
    cr_expect_neq(strcmp(text, other), 0, "salt, iv and id are fresh");
    cr_assert(err_ok(keystore_decrypt(opened, bytes_of_str(text), LIT("secret"))));
    cr_expect(memcmp(opened->b, key->b, 32) == 0);
    cr_expect_eq(keystore_decrypt(opened, bytes_of_str(text), LIT("Secret")).kind, ERR_MISMATCH);
    cr_expect_eq(keystore_decrypt(opened, bytes_of_str(text), BYTES_NONE).kind, ERR_MISMATCH);
    cr_assert(err_ok(keystore_peek_address(&claimed, bytes_of_str(text))));
    secp_pubkey_t pubkey;
    cr_assert(err_ok(secp_pubkey_of(&pubkey, key)));
    const address_t address = secp_address(&pubkey);
    cr_expect(address_eq(&claimed, &address));
    cr_expect_eq(KEYSTORE_COST_DEFAULT.n, 262144);
    free(text);
    free(other);
    secret_free(key);
    secret_free(opened);
}

/// Changes one member of a good file, given as a path of at most three names.
static char *changed(const char *text, const char *a, const char *b, const char *c,
                     const char *json)
{
    json_t *root = json_loads(text, 0, NULL);
    json_t *at = root;
    const char *last = a;
    if (b != NULL) {
        at = json_object_get(at, a);
        last = b;
    }
    if (c != NULL) {
        at = json_object_get(at, b);
        last = c;
    }
    if (json == NULL) {
        json_object_del(at, last);
    } else {
        json_object_set_new(at, last, json_loads(json, JSON_DECODE_ANY, NULL));
    }
    char *out = json_dumps(root, 0);
    json_decref(root);
    return out;
}

/// Goal: each member that can be wrong has a row that breaks only it.
static const struct {
    const char *a, *b, *c;
    const char *json; ///< NULL: the member is removed
    enum err_kind kind;
} broken[] = {
    {"version", NULL, NULL, "4", ERR_UNSUPPORTED},
    {"version", NULL, NULL, NULL, ERR_UNSUPPORTED},
    {"crypto", NULL, NULL, NULL, ERR_MALFORMED},
    {"crypto", NULL, NULL, "7", ERR_MALFORMED},
    {"crypto", "cipher", NULL, "\"aes-256-cbc\"", ERR_UNSUPPORTED},
    {"crypto", "ciphertext", NULL, NULL, ERR_MALFORMED},
    {"crypto", "ciphertext", NULL, "\"\"", ERR_MALFORMED},
    {"crypto", "ciphertext", NULL, "\"0g\"", ERR_MALFORMED},
    {"crypto", "ciphertext", NULL,
     "\"000000000000000000000000000000000000000000000000000000000000000000\"", ERR_MALFORMED},
    {"crypto", "ciphertext", NULL, "\"00\"", ERR_MISMATCH},
    {"crypto", "cipherparams", "iv", NULL, ERR_MALFORMED},
    {"crypto", "cipherparams", "iv", "\"0000000000000000000000000000000000\"", ERR_MALFORMED},
    {"crypto", "mac", NULL, "\"00\"", ERR_MALFORMED},
    {"crypto", "mac", NULL, "7", ERR_MALFORMED},
    {"crypto", "kdf", NULL, "\"argon2\"", ERR_UNSUPPORTED},
    {"crypto", "kdf", NULL, "\"pbkdf2\"", ERR_UNSUPPORTED},
    {"crypto", "kdfparams", "n", "1000000000000", ERR_INVALID},
    {"crypto", "kdfparams", "n", "1099511627776", ERR_LIMIT},
    {"crypto", "kdfparams", "n", "-2", ERR_MALFORMED},
    {"crypto", "kdfparams", "n", "\"2\"", ERR_MALFORMED},
    {"crypto", "kdfparams", "r", "4294967296", ERR_LIMIT},
    {"crypto", "kdfparams", "p", "1000", ERR_LIMIT},
    {"crypto", "kdfparams", "p", "0", ERR_INVALID},
    {"crypto", "kdfparams", "dklen", "16", ERR_INVALID},
    {"crypto", "kdfparams", "dklen", "100000", ERR_LIMIT},
    {"crypto", "kdfparams", "salt", NULL, ERR_MALFORMED},
};

Test(keystore, broken_files)
{
    struct secret_key *key = new_key(1);
    char *good;
    cr_assert(err_ok(keystore_encrypt(&good, key, LIT("pw"), (struct keystore_cost){2, 8, 1})));
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        char *bad = changed(good, broken[i].a, broken[i].b, broken[i].c, broken[i].json);
        const err_t err = keystore_decrypt(key, bytes_of_str(bad), LIT("pw"));
        cr_expect_eq(err.kind, broken[i].kind, "row %zu (%s %s): %s", i, broken[i].a,
                     broken[i].json == NULL ? "removed" : broken[i].json, err_text(err));
        free(bad);
    }
    cr_expect_eq(keystore_decrypt(key, LIT("{"), LIT("pw")).kind, ERR_MALFORMED);
    cr_expect_eq(keystore_decrypt(key, LIT("[3]"), LIT("pw")).kind, ERR_MALFORMED);
    cr_expect_eq(keystore_decrypt(key, BYTES_NONE, LIT("pw")).kind, ERR_MALFORMED);
    address_t a;
    cr_expect_eq(keystore_peek_address(&a, LIT("{\"version\":3}")).kind, ERR_NOT_FOUND);
    cr_expect_eq(keystore_peek_address(&a, LIT("{\"address\":\"12\"}")).kind, ERR_MALFORMED);
    free(good);
    secret_free(key);
}

/// Goal: a secret file is private, complete, and not overwritten unless asked.
Test(keystore, secret_file)
{
    const struct temp_dir dir = temp_dir_make();
    char path[512];
    char content[16] = {0};
    struct stat st;
    snprintf(path, sizeof path, "%s/key", dir.path);
    cr_assert(err_ok(secret_file_write(path, LIT("first"), false)));
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    cr_expect_eq(st.st_nlink, 1, "no second name is left");
    cr_expect_eq(secret_file_write(path, LIT("second"), false).kind, ERR_BUSY);
    FILE *f = fopen(path, "r");
    cr_expect_eq(fread(content, 1, sizeof content, f), 5);
    fclose(f);
    cr_expect_str_eq(content, "first");
    cr_assert(err_ok(secret_file_write(path, LIT("second"), true)));
    f = fopen(path, "r");
    cr_expect_eq(fread(content, 1, sizeof content, f), 6);
    fclose(f);
    snprintf(path, sizeof path, "%s/none/key", dir.path);
    cr_expect_eq(secret_file_write(path, LIT("x"), false).kind, ERR_IO);
    char command[600];
    snprintf(command, sizeof command, "test $(ls -A %s | wc -l) = 1", dir.path);
    cr_expect_eq(system(command), 0, "a temporary file is left");
    temp_dir_remove(&dir);
}
