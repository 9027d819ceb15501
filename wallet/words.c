// SPDX-License-Identifier: Apache-2.0
#include "wallet/words.h"

#include "chain/base/endian.h"
#include "chain/base/hex.h"
#include "chain/base/u256.h"
#include "chain/crypto/cipher.h"
#include "chain/crypto/digest.h"
#include "chain/crypto/secp.h"

#include <ctype.h>
#include <stdio.h>

#define LIST_WORDS 2048
#define HARDENED 0x80000000u
#define LIST_SHA256 "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"

extern const char embed_wallet_data_english_txt[];
extern const char embed_wallet_data_english_txt_end[];

static bytes_t list_bytes(void)
{
    return bytes_make(embed_wallet_data_english_txt,
                      (size_t)(embed_wallet_data_english_txt_end - embed_wallet_data_english_txt));
}

err_t words_check_list(void)
{
    hash_t want;
    TRY(hex_decode_fixed(want.b, sizeof want.b, LIT(LIST_SHA256)));
    const hash_t have = sha256(list_bytes());
    if (!hash_eq(&have, &want)) return FAIL(CORRUPT, "the word list is not the published one");
    return OK;
}

/// The word at `index`, which is below 2048.
static bytes_t word_at(unsigned index)
{
    bytes_t rest = list_bytes();
    for (;;) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        check(end != NULL);
        const size_t n = (size_t)(end - rest.data);
        if (index == 0) return (bytes_t){rest.data, n};
        index--;
        rest.data += n + 1;
        rest.len -= n + 1;
    }
}

/// Index of a word, or -1.
static int index_of(bytes_t word)
{
    bytes_t rest = list_bytes();
    for (int i = 0; i < LIST_WORDS; i++) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        if (end == NULL) return -1;
        const size_t n = (size_t)(end - rest.data);
        if (bytes_eq((bytes_t){rest.data, n}, word)) return i;
        rest.data += n + 1;
        rest.len -= n + 1;
    }
    return -1;
}

err_t words_from_entropy(char out[WORDS_MAX_TEXT], bytes_t entropy)
{
    if (entropy.len < 16 || entropy.len > 32 || entropy.len % 4 != 0)
        return FAIL(INVALID, "entropy has 16, 20, 24, 28 or 32 bytes");
    uint8_t bits[33];
    memcpy(bits, entropy.data, entropy.len);
    const hash_t sum = sha256(entropy);
    bits[entropy.len] = sum.b[0];

    const size_t count = entropy.len * 3 / 4;
    size_t at = 0;
    for (size_t w = 0; w < count; w++) {
        unsigned index = 0;
        for (size_t bit = w * 11; bit < w * 11 + 11; bit++)
            index = index << 1 | ((unsigned)bits[bit / 8] >> (7 - bit % 8) & 1u);
        const bytes_t word = word_at(index);
        check(at + word.len + 2 <= WORDS_MAX_TEXT);
        if (w > 0) out[at++] = ' ';
        memcpy(out + at, word.data, word.len);
        at += word.len;
    }
    out[at] = 0;
    secret_wipe(bits, sizeof bits);
    return OK;
}

err_t words_check(char out[WORDS_MAX_TEXT], unsigned *position, const char *text)
{
    uint8_t bits[34] = {0};
    size_t count = 0;
    size_t at = 0;
    *position = 0;
    const char *p = text;
    for (;;) {
        while (isspace((unsigned char)*p) != 0) p++;
        if (*p == 0) break;
        char word[16];
        size_t n = 0;
        for (; *p != 0 && isspace((unsigned char)*p) == 0; p++) {
            if (n + 1 < sizeof word) word[n++] = (char)tolower((unsigned char)*p);
        }
        if (count == 24) return FAIL(MALFORMED, "more than 24 words");
        const int index = index_of(bytes_make(word, n));
        if (index < 0) {
            *position = (unsigned)count + 1;
            return FAIL(NOT_FOUND, "not a word of the list");
        }
        for (unsigned b = 0; b < 11; b++) {
            const size_t bit = count * 11 + b;
            if (((unsigned)index >> (10 - b) & 1u) != 0)
                bits[bit / 8] = (uint8_t)((unsigned)bits[bit / 8] | 0x80u >> (bit % 8));
        }
        if (count > 0) out[at++] = ' ';
        memcpy(out + at, word, n);
        at += n;
        count++;
    }
    out[at] = 0;
    if (count < 12 || count % 3 != 0) return FAIL(MALFORMED, "12, 15, 18, 21 or 24 words");

    const size_t entropy_len = count * 4 / 3;
    const unsigned sum_bits = (unsigned)entropy_len / 4;
    const hash_t sum = sha256(bytes_make(bits, entropy_len));
    const uint8_t mask = (uint8_t)(0xffu << (8 - sum_bits));
    const bool ok = (bits[entropy_len] & mask) == (sum.b[0] & mask);
    secret_wipe(bits, sizeof bits);
    if (!ok) return FAIL(MISMATCH, "the words' checksum is wrong: one is mistyped or out of order");
    return OK;
}

err_t words_seed(uint8_t out[64], const char *words, const char *passphrase)
{
    char salt[256];
    for (const char *p = passphrase; *p != 0; p++) {
        if ((unsigned char)*p > 0x7e)
            return FAIL(UNSUPPORTED, "a passphrase beyond ASCII needs Unicode normalisation");
    }
    const int n = snprintf(salt, sizeof salt, "mnemonic%s", passphrase);
    if (n < 0 || (size_t)n >= sizeof salt) return FAIL(LIMIT, "the passphrase is too long");
    const err_t err = pbkdf2_sha512(out, 64, bytes_of_str(words), bytes_of_str(salt), 2048);
    secret_wipe(salt, sizeof salt);
    return err;
}

/// Is the secret in 1..n-1?
static bool valid_secret(const u256_t *k)
{
    return !u256_is_zero(k) && u256_lt(k, &SECP_N);
}

err_t hd_master(struct hd_key *out, bytes_t seed)
{
    if (seed.len < 16 || seed.len > 64) return FAIL(INVALID, "a seed has 16 to 64 bytes");
    uint8_t i[64];
    hmac_sha512(i, LIT("Bitcoin seed"), seed);
    const u256_t k = u256_from_be32(i);
    const bool ok = valid_secret(&k);
    memcpy(out->secret, i, 32);
    memcpy(out->chain_code, i + 32, 32);
    secret_wipe(i, sizeof i);
    if (!ok) return FAIL(INVALID, "this seed has no key");
    return OK;
}

err_t hd_child(struct hd_key *out, const struct hd_key *parent, uint32_t index)
{
    uint8_t data[37];
    if (index >= HARDENED) {
        data[0] = 0;
        memcpy(data + 1, parent->secret, 32);
    } else {
        struct secret_key *key;
        TRY(secret_new(&key));
        memcpy(key->b, parent->secret, 32);
        secp_pubkey_t pub;
        const err_t err = secp_pubkey_of(&pub, key);
        secret_free(key);
        TRY(err);
        secp_pubkey_compress(data, &pub);
    }
    be_put_u32(data + 33, index);

    uint8_t i[64];
    hmac_sha512(i, bytes_make(parent->chain_code, 32), bytes_make(data, sizeof data));
    u256_t left = u256_from_be32(i);
    const u256_t own = u256_from_be32(parent->secret);
    const bool in_range = u256_lt(&left, &SECP_N);
    u256_t sum = u256_addmod(&left, &own, &SECP_N);
    const bool ok = in_range && valid_secret(&sum);
    u256_to_be32(out->secret, &sum);
    memcpy(out->chain_code, i + 32, 32);
    secret_wipe(i, sizeof i);
    secret_wipe(data, sizeof data);
    secret_wipe(&left, sizeof left);
    secret_wipe(&sum, sizeof sum);
    if (!ok) return FAIL(INVALID, "no key exists at this index");
    return OK;
}

err_t hd_parse_path(uint32_t out[WORDS_PATH_MAX], size_t *count, const char *path)
{
    const char *p = path;
    *count = 0;
    if (*p != 'm') return FAIL(MALFORMED, "a path starts with m");
    p++;
    while (*p != 0) {
        if (*p != '/') return FAIL(MALFORMED, "a path is m/44'/60'/0'/0/0 or alike");
        p++;
        uint64_t v = 0;
        unsigned digits = 0;
        for (; *p >= '0' && *p <= '9'; p++, digits++) {
            v = v * 10 + (uint64_t)(*p - '0');
            if (v >= HARDENED) return FAIL(LIMIT, "an index is below 2147483648");
        }
        if (digits == 0) return FAIL(MALFORMED, "a number is missing in the path");
        if (*p == '\'' || *p == 'h') {
            v |= HARDENED;
            p++;
        }
        if (*count == WORDS_PATH_MAX) return FAIL(LIMIT, "the path is too long");
        out[(*count)++] = (uint32_t)v;
    }
    return OK;
}

err_t hd_derive(struct secret_key *out, bytes_t seed, const char *path)
{
    uint32_t index[WORDS_PATH_MAX];
    size_t count;
    TRY(hd_parse_path(index, &count, path));
    struct hd_key key;
    struct hd_key child;
    err_t err = hd_master(&key, seed);
    for (size_t i = 0; err_ok(err) && i < count; i++) {
        err = hd_child(&child, &key, index[i]);
        key = child;
    }
    if (err_ok(err)) memcpy(out->b, key.secret, sizeof out->b);
    secret_wipe(&key, sizeof key);
    secret_wipe(&child, sizeof child);
    return err;
}
