// SPDX-License-Identifier: Apache-2.0
/// Keys, signatures, hashes, key derivation and key files against the published vectors.

#include <stdio.h>
#include <stdlib.h>

#include "chain/base/hex.h"
#include "chain/crypto/cipher.h"
#include "chain/crypto/digest.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/keystore.h"
#include "chain/crypto/secp.h"
#include "chain/types/address.h"
#include "chain/types/block.h"
#include "test/support/tally.h"
#include "test/support/vectors.h"

static struct secret_key *key; // one for all cases: the memory is locked

static bool load_key(const char *hex)
{
    return err_ok(hex_decode_fixed(key->b, sizeof key->b, bytes_of_str(hex)));
}

static bool hex_is(bytes_t got, const char *wanted)
{
    char *shown = vectors_show(got);
    const bool prefixed = wanted[0] == '0' && wanted[1] == 'x';
    const bool same = strcmp(shown + 2, wanted + (prefixed ? 2 : 0)) == 0;
    free(shown);
    return same;
}

// ---- addresses ---------------------------------------------------------------------------------

static bool accounts(void)
{
    struct tally t = tally_start("ethers accounts");
    json_t *root = vectors_load("ethereum/vectors/ethers/accounts.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        const char *wanted = vectors_str(entry, "address");
        secp_pubkey_t pubkey;
        address_t parsed;
        const bool made =
            load_key(vectors_str(entry, "privateKey")) && err_ok(secp_pubkey_of(&pubkey, key));
        const address_t a = made ? secp_address(&pubkey) : (address_t){{0}};
        tally_case(&t,
                   made && strcmp(address_to_checksum(&a).s, wanted) == 0 &&
                       err_ok(address_parse(&parsed, bytes_of_str(wanted))) &&
                       address_eq(&parsed, &a),
                   "%s", vectors_str(entry, "name"));
    }
    json_decref(root);
    return tally_end(&t, 259);
}

static bool created(bool with_salt)
{
    struct tally t = tally_start(with_salt ? "ethers create2" : "ethers create");
    json_t *root = vectors_load(with_salt ? "ethereum/vectors/ethers/create2.json"
                                          : "ethereum/vectors/ethers/create.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *group = json_array_get(root, i);
        const json_t *creates = vectors_get(group, "creates");
        address_t sender;
        if (!err_ok(address_parse(&sender, bytes_of_str(vectors_str(group, "sender"))))) abort();
        for (size_t k = 0; k < json_array_size(creates); k++) {
            const json_t *entry = json_array_get(creates, k);
            struct arena arena = vectors_arena((size_t)1 << 20);
            address_t a;
            if (with_salt) {
                const bytes_t salt = vectors_bytes(&arena, entry, "salt");
                const hash_t code = keccak256(vectors_bytes(&arena, entry, "initCode"));
                hash_t s;
                memcpy(s.b, salt.data, sizeof s.b);
                a = address_of_create2(&sender, &s, &code);
            } else {
                a = address_of_create(&sender, vectors_number(vectors_get(entry, "nonce")).limb[0]);
            }
            tally_case(&t, strcmp(address_to_checksum(&a).s, vectors_str(entry, "address")) == 0,
                       "%s", vectors_str(entry, "name"));
            arena_deinit(&arena);
        }
    }
    json_decref(root);
    return tally_end(&t, with_salt ? 128 : 160);
}

/// The signatures in this file are over a digest that it does not give: left alone.
static bool key_addresses(void)
{
    struct tally t = tally_start("BasicTests/keyaddrtest");
    json_t *root = vectors_load("ethereum/BasicTests/keyaddrtest.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        const hash_t seed = keccak256(bytes_of_str(vectors_str(entry, "seed")));
        memcpy(key->b, seed.b, sizeof key->b);
        secp_pubkey_t pubkey;
        const bool made = err_ok(secp_pubkey_of(&pubkey, key));
        const address_t a = secp_address(&pubkey);

        tally_case(&t,
                   made && hex_is(BYTES_OF(seed), vectors_str(entry, "key")) &&
                       hex_is(BYTES_OF(a), vectors_str(entry, "addr")),
                   "%s", vectors_str(entry, "seed"));
    }
    json_decref(root);
    return tally_end(&t, 2);
}

// ---- secp256k1 ---------------------------------------------------------------------------------

static bool signatures(void)
{
    struct tally t = tally_start("RFC 6979 signatures");
    json_t *root = vectors_load("ethereum/vectors/secp256k1/rfc6979_ecdsa.json");
    const json_t *valid = vectors_get(root, "valid");
    for (size_t i = 0; i < json_array_size(valid); i++) {
        const json_t *entry = json_array_get(valid, i);
        hash_t digest;
        secp_pubkey_t pubkey;
        secp_pubkey_t recovered;
        bool ok = load_key(vectors_str(entry, "d")) &&
                  err_ok(hex_decode_fixed(digest.b, sizeof digest.b,
                                          bytes_of_str(vectors_str(entry, "m")))) &&
                  err_ok(secp_pubkey_of(&pubkey, key));
        const secp_sig_t sig = secp_sign(key, &digest);
        const u256_t s = u256_from_be32(sig.s);
        ok = ok && hex_is(bytes_make(&sig, 64), vectors_str(entry, "signature")) &&
             !u256_lt(&SECP_HALF_N, &s) && err_ok(secp_recover(&recovered, &sig, &digest)) &&
             memcmp(&recovered, &pubkey, sizeof pubkey) == 0;
        tally_case(&t, ok, "case %zu", i);
    }
    const json_t *bad = vectors_get(vectors_get(root, "invalid"), "sign");
    for (size_t i = 0; i < json_array_size(bad); i++) {
        const json_t *entry = json_array_get(bad, i);
        secp_pubkey_t pubkey;
        const bool is_key_error = strcmp(vectors_str(entry, "exception"), "Expected Private") == 0;
        if (!is_key_error) continue;
        tally_case(&t, load_key(vectors_str(entry, "d")) && !err_ok(secp_pubkey_of(&pubkey, key)),
                   "invalid key %zu", i);
    }
    json_decref(root);
    return tally_end(&t, 2019 + 4);
}

/// The nonce is seen in the signature: r is the x coordinate of k * G.
static bool nonces(void)
{
    struct tally t = tally_start("RFC 6979 nonces");
    json_t *root = vectors_load("ethereum/vectors/secp256k1/rfc6979_k.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        const hash_t digest = sha256(bytes_of_str(vectors_str(entry, "message")));
        secp_pubkey_t point;
        bool ok = load_key(vectors_str(entry, "k0")) && err_ok(secp_pubkey_of(&point, key)) &&
                  load_key(vectors_str(entry, "d"));
        const secp_sig_t sig = secp_sign(key, &digest);
        ok = ok && memcmp(sig.r, point.b, sizeof sig.r) == 0;
        tally_case(&t, ok, "%s", vectors_str(entry, "message"));
    }
    json_decref(root);
    return tally_end(&t, 10);
}

/// One number of a DER signature. @return whether it is positive and as short as it can be
static bool der_number(u256_t *out, bytes_t *rest)
{
    const uint8_t *p = rest->data;
    if (rest->len < 3 || p[0] != 2 || p[1] < 1 || p[1] > 33 || rest->len < 2u + p[1]) return false;
    const size_t len = p[1];
    const bool padded = p[2] == 0;
    if ((p[2] & 0x80) != 0 || (padded && len > 1 && (p[3] & 0x80) == 0)) return false;
    if (len == 33 && !padded) return false;
    uint8_t word[32] = {0};
    const size_t skip = len == 33 ? 1 : 0;
    memcpy(word + 32 - (len - skip), p + 2 + skip, len - skip);
    *out = u256_from_be32(word);
    *rest = bytes_make(p + 2 + len, rest->len - 2 - len);
    return true;
}

/// Transactions carry r and s as numbers, so of Wycheproof's verdicts on DER text only those on
/// well-formed text are ours: valid means that a recovery gives the key and s is low.
static bool verification(void)
{
    struct tally t = tally_start("wycheproof ECDSA");
    json_t *root = vectors_load("ethereum/vectors/wycheproof/ecdsa_secp256k1_sha256_bitcoin.json");
    const json_t *groups = vectors_get(root, "testGroups");
    struct arena arena = vectors_arena((size_t)16 << 20);
    for (size_t g = 0; g < json_array_size(groups); g++) {
        const json_t *group = json_array_get(groups, g);
        const char *point = vectors_str(vectors_get(group, "publicKey"), "uncompressed");
        const json_t *tests = vectors_get(group, "tests");
        for (size_t i = 0; i < json_array_size(tests); i++) {
            const json_t *entry = json_array_get(tests, i);
            const bytes_t der = vectors_bytes(&arena, entry, "sig");
            u256_t r;
            u256_t s;
            if (der.len < 2 || der.data[0] != 0x30 || der.data[1] != der.len - 2) continue;
            bytes_t rest = bytes_make(der.data + 2, der.len - 2);
            if (!der_number(&r, &rest) || !der_number(&s, &rest) || rest.len != 0) continue;

            const hash_t digest = sha256(vectors_bytes(&arena, entry, "msg"));
            bool valid = false;
            for (uint8_t v = 0; v < 4; v++) {
                secp_sig_t sig = {.v = v};
                secp_pubkey_t pubkey;
                u256_to_be32(sig.r, &r);
                u256_to_be32(sig.s, &s);
                if (!err_ok(secp_recover(&pubkey, &sig, &digest))) continue;
                valid |= hex_is(BYTES_OF(pubkey), point + 2) && !u256_lt(&SECP_HALF_N, &s);
            }
            tally_case(&t, valid == (strcmp(vectors_str(entry, "result"), "valid") == 0),
                       "case %lld: %s", json_integer_value(vectors_get(entry, "tcId")),
                       vectors_str(entry, "comment"));
        }
    }
    arena_deinit(&arena);
    json_decref(root);
    return tally_end(&t, 231);
}

static bool points(void)
{
    struct tally t = tally_start("secp256k1 points");
    json_t *root = vectors_load("ethereum/vectors/secp256k1/points.json");
    const json_t *valid = vectors_get(root, "valid");
    const json_t *is_point = vectors_get(valid, "isPoint");
    struct arena arena = vectors_arena((size_t)16 << 20);
    secp_pubkey_t pubkey;
    for (size_t i = 0; i < json_array_size(is_point); i++) {
        const json_t *entry = json_array_get(is_point, i);
        const bytes_t in = vectors_bytes(&arena, entry, "P");
        tally_case(&t,
                   err_ok(secp_pubkey_parse(&pubkey, in)) ==
                       json_is_true(vectors_get(entry, "expected")),
                   "isPoint %s", vectors_str(entry, "P"));
    }
    const json_t *compress = vectors_get(valid, "pointCompress");
    for (size_t i = 0; i < json_array_size(compress); i++) {
        const json_t *entry = json_array_get(compress, i);
        const bytes_t in = vectors_bytes(&arena, entry, "P");
        const bytes_t wanted = vectors_bytes(&arena, entry, "expected");
        uint8_t form[65] = {0x04};
        bool ok = err_ok(secp_pubkey_parse(&pubkey, in)) && err_ok(secp_pubkey_check(&pubkey));
        if (wanted.len == 33) {
            secp_pubkey_compress(form, &pubkey);
        } else {
            memcpy(form + 1, pubkey.b, sizeof pubkey.b);
        }
        ok = ok && bytes_eq(bytes_make(form, wanted.len), wanted);
        tally_case(&t, ok, "pointCompress %zu", i);
    }
    const json_t *scalars = vectors_get(valid, "pointFromScalar");
    for (size_t i = 0; i < json_array_size(scalars); i++) {
        const json_t *entry = json_array_get(scalars, i);
        uint8_t form[33] = {0};
        const bool ok = load_key(vectors_str(entry, "d")) && err_ok(secp_pubkey_of(&pubkey, key));
        if (ok) secp_pubkey_compress(form, &pubkey);
        tally_case(&t, ok && hex_is(BYTES_OF(form), vectors_str(entry, "expected")),
                   "pointFromScalar %zu", i);
    }
    const json_t *refused = vectors_get(vectors_get(root, "invalid"), "pointCompress");
    for (size_t i = 0; i < json_array_size(refused); i++) {
        const bytes_t in = vectors_bytes(&arena, json_array_get(refused, i), "P");
        tally_case(&t, !err_ok(secp_pubkey_parse(&pubkey, in)), "invalid pointCompress %zu", i);
    }
    arena_deinit(&arena);
    json_decref(root);
    return tally_end(&t, 2029 + 240 + 16 + 19);
}

/// Wycheproof's ECDH keys come in ASN.1; only those in its one usual form are ours to read.
static bool key_of_asn1(bytes_t *out, bytes_t in)
{
    static const char *const headers[] = {"3056301006072a8648ce3d020106052b8104000a034200",
                                          "3036301006072a8648ce3d020106052b8104000a032200"};
    uint8_t header[23];
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        if (!err_ok(hex_decode_fixed(header, sizeof header, bytes_of_str(headers[i])))) abort();
        if (in.len <= sizeof header || memcmp(in.data, header, sizeof header) != 0) continue;
        *out = bytes_make(in.data + sizeof header, in.len - sizeof header);
        return true;
    }
    return false;
}

static bool exchange(void)
{
    struct tally t = tally_start("wycheproof ECDH");
    json_t *root = vectors_load("ethereum/vectors/wycheproof/ecdh_secp256k1.json");
    const json_t *tests = vectors_get(json_array_get(vectors_get(root, "testGroups"), 0), "tests");
    struct arena arena = vectors_arena((size_t)16 << 20);
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *entry = json_array_get(tests, i);
        bytes_t point;
        if (!key_of_asn1(&point, vectors_bytes(&arena, entry, "public"))) continue;
        bytes_t secret = vectors_bytes(&arena, entry, "private");
        while (secret.len > 32 && secret.data[0] == 0) {
            secret = bytes_make(secret.data + 1, secret.len - 1);
        }
        memset(key->b, 0, sizeof key->b);
        memcpy(key->b + 32 - secret.len, secret.data, secret.len);

        uint8_t shared[32];
        secp_pubkey_t peer;
        const bool done =
            err_ok(secp_pubkey_parse(&peer, point)) && err_ok(secp_ecdh(shared, &peer, key));
        // "acceptable" ones may be refused, but never give another secret.
        const char *result = vectors_str(entry, "result");
        const bool right = done && hex_is(BYTES_OF(shared), vectors_str(entry, "shared"));
        const bool ok = strcmp(result, "valid") == 0     ? right
                        : strcmp(result, "invalid") == 0 ? !done
                                                         : right || !done;
        tally_case(&t, ok, "case %zu: %s", i + 1, vectors_str(entry, "comment"));
    }
    arena_deinit(&arena);
    json_decref(root);
    return tally_end(&t, 497);
}

// ---- hashes and derivation ---------------------------------------------------------------------

static bool hashes(void)
{
    struct tally t = tally_start("ethers hashes");
    json_t *root = vectors_load("ethereum/vectors/ethers/hashes.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        struct arena arena = vectors_arena((size_t)1 << 20);
        const bytes_t in = vectors_bytes(&arena, entry, "data");
        const hash_t sha = sha256(in);
        const hash_t kec = keccak256(in);
        const struct ripemd160_digest rip = ripemd160(in);
        tally_case(&t,
                   hex_is(BYTES_OF(sha), vectors_str(entry, "sha256")) &&
                       hex_is(BYTES_OF(kec), vectors_str(entry, "keccak256")) &&
                       hex_is(BYTES_OF(rip), vectors_str(entry, "ripemd160")),
                   "%s", vectors_str(entry, "name"));
        arena_deinit(&arena);
    }
    json_decref(root);
    return tally_end(&t, 257);
}

static bool macs(void)
{
    struct tally t = tally_start("ethers hmac");
    json_t *root = vectors_load("ethereum/vectors/ethers/hmac.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        struct arena arena = vectors_arena((size_t)1 << 20);
        const bytes_t data = vectors_bytes(&arena, entry, "data");
        const bytes_t mac_key = vectors_bytes(&arena, entry, "key");
        uint8_t long_mac[64];
        const hash_t short_mac = hmac_sha256(mac_key, data);
        hmac_sha512(long_mac, mac_key, data);
        const bool is_short = strcmp(vectors_str(entry, "algorithm"), "sha256") == 0;
        tally_case(
            &t,
            hex_is(is_short ? BYTES_OF(short_mac) : BYTES_OF(long_mac), vectors_str(entry, "hmac")),
            "%s", vectors_str(entry, "name"));
        arena_deinit(&arena);
    }
    json_decref(root);
    return tally_end(&t, 128);
}

static bool derivation(void)
{
    struct tally t = tally_start("ethers pbkdf2 and scrypt");
    json_t *root = vectors_load("ethereum/vectors/ethers/pbkdf.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        const json_t *pb = vectors_get(entry, "pbkdf2");
        const json_t *sc = vectors_get(entry, "scrypt");
        struct arena arena = vectors_arena((size_t)1 << 20);
        const bytes_t password = vectors_bytes(&arena, entry, "password");
        const bytes_t salt = vectors_bytes(&arena, entry, "salt");
        const size_t len = (size_t)vectors_number(vectors_get(entry, "dkLen")).limb[0];
        uint8_t *out = arena_alloc(&arena, len);
        const uint64_t rounds = vectors_number(vectors_get(pb, "iterations")).limb[0];
        bool ok = err_ok(pbkdf2_sha256(out, len, password, salt, rounds)) &&
                  hex_is(bytes_make(out, len), vectors_str(pb, "key"));
        ok = ok &&
             err_ok(scrypt_kdf(out, len, password, salt,
                               vectors_number(vectors_get(sc, "N")).limb[0],
                               (uint32_t)vectors_number(vectors_get(sc, "r")).limb[0],
                               (uint32_t)vectors_number(vectors_get(sc, "p")).limb[0])) &&
             hex_is(bytes_make(out, len), vectors_str(sc, "key"));
        tally_case(&t, ok, "%s", vectors_str(entry, "name"));
        arena_deinit(&arena);
    }
    json_decref(root);
    return tally_end(&t, 265);
}

static bool derivation_wycheproof(void)
{
    struct tally t = tally_start("wycheproof pbkdf2");
    json_t *root = vectors_load("ethereum/vectors/wycheproof/pbkdf2_hmacsha256.json");
    const json_t *tests = vectors_get(json_array_get(vectors_get(root, "testGroups"), 0), "tests");
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *entry = json_array_get(tests, i);
        struct arena arena = vectors_arena((size_t)1 << 20);
        const size_t len = (size_t)vectors_number(vectors_get(entry, "dkLen")).limb[0];
        uint8_t *out = arena_alloc(&arena, len);
        tally_case(
            &t,
            err_ok(pbkdf2_sha256(out, len, vectors_bytes(&arena, entry, "password"),
                                 vectors_bytes(&arena, entry, "salt"),
                                 vectors_number(vectors_get(entry, "iterationCount")).limb[0])) &&
                hex_is(bytes_make(out, len), vectors_str(entry, "dk")),
            "case %zu", i + 1);
        arena_deinit(&arena);
    }
    json_decref(root);
    return tally_end(&t, 60);
}

/// BasicTests/crypto: the cipher's text is its first 16 bytes of counter mode.
static bool cipher(void)
{
    struct tally t = tally_start("BasicTests/crypto aes");
    json_t *root = vectors_load("ethereum/BasicTests/crypto.json");
    const json_t *aes = vectors_get(root, "aes1");
    struct arena arena = vectors_arena((size_t)1 << 20);
    const bytes_t in = vectors_bytes(&arena, aes, "cipher");
    const uint8_t iv[16] = {0};
    uint8_t out[16];
    tally_case(&t,
               in.len == sizeof out &&
                   err_ok(aes_ctr(out, in, vectors_bytes(&arena, aes, "key"), iv)) &&
                   hex_is(BYTES_OF(out), vectors_str(aes, "payload")),
               "aes1");
    arena_deinit(&arena);
    json_decref(root);
    return tally_end(&t, 1);
}

// ---- key files ---------------------------------------------------------------------------------

/// Opens with the right password (and gives the right key) and not with another one. The
/// cheap ones only are tried with the wrong one: the others take a second each.
static void open_file(struct tally *t, const char *name, const char *text, bytes_t password,
                      const char *secret, const char *address, bool try_wrong)
{
    const bytes_t json = bytes_of_str(text);
    const err_t err = keystore_decrypt(key, json, password);
    bool ok = err_ok(err);
    secp_pubkey_t pubkey;
    if (ok && secret != NULL) {
        char padded[65];
        snprintf(padded, sizeof padded, "%64s", secret);
        for (char *c = padded; *c == ' '; c++) *c = '0';
        ok = hex_is(bytes_make(key->b, sizeof key->b), padded);
    }
    if (ok && address != NULL) {
        ok = err_ok(secp_pubkey_of(&pubkey, key));
        const address_t a = secp_address(&pubkey);
        ok = ok && strcmp(address_to_checksum(&a).s, address) == 0;
    }
    if (ok && try_wrong) {
        ok = keystore_decrypt(key, json, LIT("not the password")).kind == ERR_MISMATCH;
    }
    tally_case(t, ok, "%s: %s", name, err_text(err));
}

static bool key_files(void)
{
    struct tally t = tally_start("key files");
    static const char *const files[] = {"ethereum/KeyStoreTests/basic_tests.json",
                                        "ethereum/vectors/geth/keystore_v3.json"};
    for (size_t f = 0; f < ARRAY_LEN(files); f++) {
        json_t *root = vectors_load(files[f]);
        const char *name;
        json_t *entry;
        json_object_foreach(root, name, entry)
        {
            char *text = json_dumps(vectors_get(entry, "json"), 0);
            open_file(&t, name, text, bytes_of_str(vectors_str(entry, "password")),
                      vectors_str(entry, "priv"), NULL, strcmp(name, "test1") == 0);
            free(text);
        }
        json_decref(root);
    }
    json_t *root = vectors_load("ethereum/vectors/ethers/wallets.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        if (strcmp(vectors_str(entry, "type"), "keystore") != 0) continue; // another format
        struct arena arena = vectors_arena((size_t)1 << 20);
        open_file(&t, vectors_str(entry, "name"), vectors_str(entry, "content"),
                  vectors_bytes(&arena, entry, "password"), NULL, vectors_str(entry, "address"),
                  false);
        arena_deinit(&arena);
    }
    json_decref(root);
    size_t len;
    char *light = vectors_text("ethereum/vectors/geth/keystore_very_light_scrypt.json", &len);
    address_t claimed;
    tally_case(&t,
               err_ok(keystore_decrypt(key, bytes_make(light, len), BYTES_NONE)) &&
                   err_ok(keystore_peek_address(&claimed, bytes_make(light, len))) &&
                   hex_is(BYTES_OF(claimed), "45dea0fb0bba44f4fcf290bba71fd57d7117cbb8"),
               "very light scrypt");
    free(light);
    return tally_end(&t, 17);
}

// ---- the first block ---------------------------------------------------------------------------

static bool first_block(void)
{
    struct tally t = tally_start("BasicTests/genesishashestest");
    json_t *root = vectors_load("ethereum/BasicTests/genesishashestest.json");
    struct arena arena = vectors_arena((size_t)1 << 20);
    const bytes_t raw = vectors_bytes(&arena, root, "genesis_rlp_hex");
    struct block b = {.tx_count = 0};
    struct buf again;
    buf_init(&again, 4096);
    const err_t err = block_decode(&b, &arena, raw);
    if (err_ok(err)) block_encode(&again, &b);
    tally_case(&t,
               err_ok(err) && hex_is(BYTES_OF(b.hash), vectors_str(root, "genesis_hash")) &&
                   hex_is(BYTES_OF(b.header.state_root), vectors_str(root, "genesis_state_root")) &&
                   bytes_eq(buf_bytes(&again), raw) && err_ok(block_check_body(&b, &arena)),
               "mainnet's: %s", err_text(err));
    buf_deinit(&again);
    arena_deinit(&arena);
    json_decref(root);
    return tally_end(&t, 1);
}

int main(void)
{
    bool (*const groups[])(void) = {
        accounts,  key_addresses, signatures, nonces,     verification,          points,
        exchange,  hashes,        macs,       derivation, derivation_wycheproof, cipher,
        key_files, first_block};
    if (!err_ok(secp_setup()) || !err_ok(secret_new(&key))) return 2;
    bool ok = created(false);
    ok = created(true) && ok;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) ok = groups[i]() && ok;
    secret_free(key);
    return ok ? 0 : 1;
}
