// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/base/hex.h"
#include "chain/base/json.h"
#include "chain/crypto/cipher.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/random.h"
#include "chain/crypto/secp.h"

const struct keystore_cost KEYSTORE_COST_DEFAULT = {262144, 8, 1};
const struct keystore_cost KEYSTORE_COST_LIGHT = {4096, 8, 6};

/// Nothing in a key file is longer; a hostile one is refused before anything is derived.
#define MAX_FIELD 256
#define MAX_PBKDF2_ROUNDS 10000000

struct field {
    uint8_t b[MAX_FIELD];
    size_t len;
};

/// What a file says, decoded but not yet trusted.
struct keyfile {
    struct field iv;
    struct field ciphertext;
    struct field salt;
    struct field mac;
    bool is_scrypt;
    uint64_t n; ///< scrypt's, or PBKDF2's rounds
    uint64_t r;
    uint64_t p;
    uint64_t dklen;
};

static err_t read_hex(struct field *out, const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    if (!json_is_string(v)) return FAIL(MALFORMED, "keystore: a hexadecimal member is missing");
    const bytes_t text = bytes_make(json_string_value(v), json_string_length(v));
    if (hex_decode(out->b, sizeof out->b, &out->len, text).kind != ERR_NONE) {
        return FAIL(MALFORMED, "keystore: a member is not hexadecimal");
    }
    return OK;
}

static err_t read_number(uint64_t *out, const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        return FAIL(MALFORMED, "keystore: a parameter of the key derivation is missing");
    }
    *out = (uint64_t)json_integer_value(v);
    return OK;
}

static bool has_text(const json_t *object, const char *name, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && strcmp(text, expected) == 0;
}

static err_t read_kdf(struct keyfile *out, const json_t *crypto)
{
    const json_t *params = json_object_get(crypto, "kdfparams");
    TRY(read_hex(&out->salt, params, "salt"));
    TRY(read_number(&out->dklen, params, "dklen"));
    out->is_scrypt = has_text(crypto, "kdf", "scrypt");
    if (out->is_scrypt) {
        TRY(read_number(&out->n, params, "n"));
        TRY(read_number(&out->r, params, "r"));
        TRY(read_number(&out->p, params, "p"));
        return OK;
    }
    if (!has_text(crypto, "kdf", "pbkdf2")) {
        return FAIL(UNSUPPORTED, "keystore: the key derivation is neither scrypt nor pbkdf2");
    }
    if (!has_text(params, "prf", "hmac-sha256")) {
        return FAIL(UNSUPPORTED, "keystore: pbkdf2 with another function than hmac-sha256");
    }
    return read_number(&out->n, params, "c");
}

static err_t read_keyfile(struct keyfile *out, const json_t *root)
{
    const json_t *version = json_object_get(root, "version");
    if (!json_is_object(root)) return FAIL(MALFORMED, "keystore: not a JSON object");
    const bool is_v3 = (json_is_integer(version) && json_integer_value(version) == 3) ||
                       has_text(root, "version", "3");
    if (!is_v3) return FAIL(UNSUPPORTED, "keystore: version is not 3");

    const json_t *crypto = json_object_get(root, "crypto");
    if (crypto == NULL) crypto = json_object_get(root, "Crypto"); // old files
    if (!json_is_object(crypto)) return FAIL(MALFORMED, "keystore: no crypto section");
    if (!has_text(crypto, "cipher", "aes-128-ctr")) {
        return FAIL(UNSUPPORTED, "keystore: the cipher is not aes-128-ctr");
    }
    TRY(read_hex(&out->iv, json_object_get(crypto, "cipherparams"), "iv"));
    TRY(read_hex(&out->ciphertext, crypto, "ciphertext"));
    TRY(read_hex(&out->mac, crypto, "mac"));
    TRY(read_kdf(out, crypto));

    if (out->mac.len != sizeof(hash_t)) return FAIL(MALFORMED, "keystore: the mac is not 32 bytes");
    // Some writers drop leading zeros of iv and of the key itself: pad on the left.
    if (out->iv.len > 16) return FAIL(MALFORMED, "keystore: the iv is longer than 16 bytes");
    if (out->ciphertext.len == 0 || out->ciphertext.len > sizeof(struct secret_key)) {
        return FAIL(MALFORMED, "keystore: the ciphertext is not a key of at most 32 bytes");
    }
    if (out->dklen < 32) return FAIL(INVALID, "keystore: dklen is below 32");
    if (out->dklen > MAX_FIELD) return FAIL(LIMIT, "keystore: dklen is above 256");
    return OK;
}

static err_t derive(uint8_t *out, const struct keyfile *f, bytes_t password)
{
    const bytes_t salt = bytes_make(f->salt.b, f->salt.len);
    if (f->is_scrypt) {
        if (f->r > UINT32_MAX || f->p > UINT32_MAX) {
            return FAIL(LIMIT, "keystore: scrypt parameters are too large");
        }
        return scrypt_kdf(out, f->dklen, password, salt, f->n, (uint32_t)f->r, (uint32_t)f->p);
    }
    if (f->n > MAX_PBKDF2_ROUNDS) return FAIL(LIMIT, "keystore: more than 10 million rounds");
    return pbkdf2_sha256(out, f->dklen, password, salt, f->n);
}

/// keccak256(derived[16..32] || ciphertext)
static hash_t mac_of(const uint8_t *derived, bytes_t ciphertext)
{
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, bytes_make(derived + 16, 16));
    keccak_update(&k, ciphertext);
    const hash_t mac = keccak_final(&k);
    secret_wipe(&k, sizeof k);
    return mac;
}

static err_t open_keyfile(struct secret_key *out, const struct keyfile *f, bytes_t password)
{
    uint8_t derived[MAX_FIELD];
    uint8_t iv[16] = {0};
    const bytes_t ciphertext = bytes_make(f->ciphertext.b, f->ciphertext.len);
    TRY(derive(derived, f, password));

    const hash_t mac = mac_of(derived, ciphertext);
    err_t err = FAIL(MISMATCH, "keystore: wrong password");
    if (ct_equal(mac.b, f->mac.b, sizeof mac.b)) {
        const size_t missing = sizeof out->b - ciphertext.len;
        memcpy(iv + 16 - f->iv.len, f->iv.b, f->iv.len);
        memset(out->b, 0, missing);
        err = aes_ctr(out->b + missing, ciphertext, bytes_make(derived, 16), iv);
    }
    secret_wipe(derived, sizeof derived);
    return err;
}

err_t keystore_decrypt(struct secret_key *out, bytes_t json, bytes_t password)
{
    json_t *root = NULL;
    if (json_parse(&root, json, NULL).kind != ERR_NONE) {
        return FAIL(MALFORMED, "keystore: not valid JSON");
    }
    struct keyfile f = {.n = 0};
    err_t err = read_keyfile(&f, root);
    json_decref(root);
    if (err.kind == ERR_NONE) err = open_keyfile(out, &f, password);

    secp_pubkey_t pubkey;
    if (err.kind == ERR_NONE && secp_pubkey_of(&pubkey, out).kind != ERR_NONE) {
        secret_wipe(out, sizeof *out);
        return FAIL(INVALID, "keystore: what it holds is not a private key");
    }
    return err;
}

err_t keystore_peek_address(address_t *out, bytes_t json)
{
    json_t *root = NULL;
    if (json_parse(&root, json, NULL).kind != ERR_NONE) {
        return FAIL(MALFORMED, "keystore: not valid JSON");
    }
    const json_t *v = json_object_get(root, "address");
    err_t err = FAIL(NOT_FOUND, "keystore: the file does not name its address");
    if (json_is_string(v)) {
        err = hex_decode_fixed(out->b, sizeof out->b,
                               bytes_make(json_string_value(v), json_string_length(v)));
    }
    json_decref(root);
    return err;
}

/// A random identifier in the form of RFC 4122, version 4.
static err_t make_uuid(char out[37])
{
    uint8_t b[16];
    char hex[33];
    TRY(random_bytes(b, sizeof b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    hex_encode(hex, BYTES_OF(b));
    snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return OK;
}

/// Everything of a file but the key and the password.
struct sealed {
    uint8_t salt[32];
    uint8_t iv[16];
    uint8_t ciphertext[32];
    hash_t mac;
    address_t address;
    char id[37];
};

static err_t seal(struct sealed *out, const struct secret_key *key, bytes_t password,
                  struct keystore_cost cost)
{
    secp_pubkey_t pubkey;
    uint8_t derived[32];
    TRY(secp_pubkey_of(&pubkey, key));
    out->address = secp_address(&pubkey);
    TRY(random_bytes(out->salt, sizeof out->salt));
    TRY(random_bytes(out->iv, sizeof out->iv));
    TRY(make_uuid(out->id));
    TRY(scrypt_kdf(derived, sizeof derived, password, BYTES_OF(out->salt), cost.n, cost.r, cost.p));

    const err_t err = aes_ctr(out->ciphertext, bytes_make(key->b, sizeof key->b),
                              bytes_make(derived, 16), out->iv);
    out->mac = mac_of(derived, BYTES_OF(out->ciphertext));
    secret_wipe(derived, sizeof derived);
    return err;
}

err_t keystore_encrypt(char **out_json, const struct secret_key *key, bytes_t password,
                       struct keystore_cost cost)
{
    struct sealed s;
    TRY(seal(&s, key, password, cost));

    char address[41];
    char ciphertext[65];
    char iv[33];
    char salt[65];
    char mac[65];
    hex_encode(address, BYTES_OF(s.address));
    hex_encode(ciphertext, BYTES_OF(s.ciphertext));
    hex_encode(iv, BYTES_OF(s.iv));
    hex_encode(salt, BYTES_OF(s.salt));
    hex_encode(mac, BYTES_OF(s.mac));
    char *text = NULL;
    const int len = asprintf(
        &text,
        "{\"address\":\"%s\",\"crypto\":{\"cipher\":\"aes-128-ctr\",\"ciphertext\":\"%s\","
        "\"cipherparams\":{\"iv\":\"%s\"},\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,"
        "\"n\":%" PRIu64 ",\"p\":%u,\"r\":%u,\"salt\":\"%s\"},\"mac\":\"%s\"},\"id\":\"%s\","
        "\"version\":3}\n",
        address, ciphertext, iv, cost.n, cost.p, cost.r, salt, mac, s.id);
    check(len > 0);
    *out_json = text;
    return OK;
}

// ---- files -------------------------------------------------------------------------------------

static err_t write_all(int fd, bytes_t content)
{
    while (content.len > 0) {
        const ssize_t n = write(fd, content.data, content.len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return FAIL(IO, "secret file: writing failed (disk full?)");
        content = bytes_make(content.data + n, content.len - (size_t)n);
    }
    return fsync(fd) == 0 ? OK : FAIL(IO, "secret file: writing to disk failed");
}

static err_t publish(const char *temporary, const char *path, bool replace)
{
    if (replace) {
        return rename(temporary, path) == 0 ? OK : FAIL(IO, "secret file: cannot be put in place");
    }
    // link, unlike rename, refuses an existing name: no key is ever overwritten by accident.
    if (link(temporary, path) != 0) {
        return errno == EEXIST ? FAIL(BUSY, "secret file: a file of this name exists")
                               : FAIL(IO, "secret file: cannot be put in place");
    }
    return OK;
}

static err_t sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return FAIL(IO, "secret file: its folder cannot be synced");
    const bool ok = fsync(fd) == 0;
    close(fd);
    return ok ? OK : FAIL(IO, "secret file: its folder cannot be synced");
}

err_t secret_file_write(const char *path, bytes_t content, bool replace)
{
    char temporary[PATH_MAX];
    const int n = snprintf(temporary, sizeof temporary, "%s.new-XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof temporary) return FAIL(LIMIT, "secret file: path too long");

    const int fd = mkostemp(temporary, O_CLOEXEC); // mode 0600
    if (fd < 0) return FAIL(IO, "secret file: its folder cannot be written");
    err_t err = fchmod(fd, 0600) == 0 ? write_all(fd, content)
                                      : FAIL(IO, "secret file: permissions cannot be set");
    close(fd);
    if (err.kind == ERR_NONE) err = publish(temporary, path, replace);
    if (err.kind != ERR_NONE || !replace) unlink(temporary);
    return err.kind == ERR_NONE ? sync_folder_of(path) : err;
}
