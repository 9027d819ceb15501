// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/cipher.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

err_t aes_ctr(uint8_t *out, bytes_t in, bytes_t key, const uint8_t iv[16])
{
    if (key.len != 16 && key.len != 32) return FAIL(INVALID, "aes: the key is not 16 or 32 bytes");
    if (in.len > INT_MAX) return FAIL(LIMIT, "aes: more than 2 GiB at once");

    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    check(ctx != NULL);
    const EVP_CIPHER *cipher = key.len == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr();
    int len = 0;
    bool ok = EVP_EncryptInit_ex(ctx, cipher, NULL, key.data, iv) == 1;
    ok = ok && (in.len == 0 || EVP_EncryptUpdate(ctx, out, &len, in.data, (int)in.len) == 1);
    EVP_CIPHER_CTX_free(ctx);
    return ok ? OK : FAIL(IO, "aes: the crypto library refuses");
}

// Both are OpenSSL's context under a name of ours: there is nothing to add to it.
static err_t aes_256(EVP_CIPHER_CTX **out, const EVP_CIPHER *cipher, const uint8_t key[32],
                     const uint8_t *iv)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL || EVP_EncryptInit_ex(ctx, cipher, NULL, key, iv) != 1 ||
        EVP_CIPHER_CTX_set_padding(ctx, 0) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        return FAIL(IO, "aes: the crypto library refuses");
    }
    *out = ctx;
    return OK;
}

static void aes_update(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t len)
{
    while (len != 0) {
        const int part = len > INT_MAX / 2 ? INT_MAX / 2 / 16 * 16 : (int)len;
        int done = 0;
        check(EVP_EncryptUpdate(ctx, out, &done, in, part) == 1 && done == part);
        out += part;
        in += part;
        len -= (size_t)part;
    }
}

err_t aes_stream_new(struct aes_stream **out, const uint8_t key[32], const uint8_t iv[16])
{
    return aes_256((EVP_CIPHER_CTX **)out, EVP_aes_256_ctr(), key, iv);
}

void aes_stream_xor(struct aes_stream *s, uint8_t *out, const uint8_t *in, size_t len)
{
    aes_update((EVP_CIPHER_CTX *)s, out, in, len);
}

void aes_stream_free(struct aes_stream *s)
{
    EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *)s);
}

err_t aes_block_new(struct aes_block **out, const uint8_t key[32])
{
    return aes_256((EVP_CIPHER_CTX **)out, EVP_aes_256_ecb(), key, NULL);
}

void aes_block_encrypt(struct aes_block *b, uint8_t out[16], const uint8_t in[16])
{
    aes_update((EVP_CIPHER_CTX *)b, out, in, 16);
}

void aes_block_free(struct aes_block *b)
{
    EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *)b);
}

static void hmac(uint8_t *out, const EVP_MD *md, bytes_t key, bytes_t message)
{
    static const uint8_t none[1] = {0};
    check(key.len <= INT_MAX);
    check(HMAC(md, key.len == 0 ? none : key.data, (int)key.len,
               message.len == 0 ? none : message.data, message.len, out, NULL) != NULL);
}

hash_t hmac_sha256(bytes_t key, bytes_t message)
{
    hash_t out;
    hmac(out.b, EVP_sha256(), key, message);
    return out;
}

void hmac_sha512(uint8_t out[64], bytes_t key, bytes_t message)
{
    hmac(out, EVP_sha512(), key, message);
}

static err_t pbkdf2(uint8_t *out, size_t out_len, const EVP_MD *md, bytes_t password, bytes_t salt,
                    uint64_t rounds)
{
    static const char none[1] = {0};
    if (rounds == 0) return FAIL(INVALID, "pbkdf2: no rounds");
    if (rounds > INT_MAX || out_len > INT_MAX || password.len > INT_MAX || salt.len > INT_MAX) {
        return FAIL(LIMIT, "pbkdf2: a parameter is too large");
    }
    const int done =
        PKCS5_PBKDF2_HMAC(password.len == 0 ? none : (const char *)password.data, (int)password.len,
                          salt.data, (int)salt.len, (int)rounds, md, (int)out_len, out);
    return done == 1 ? OK : FAIL(IO, "pbkdf2: the crypto library refuses");
}

err_t pbkdf2_sha256(uint8_t *out, size_t out_len, bytes_t password, bytes_t salt, uint64_t rounds)
{
    return pbkdf2(out, out_len, EVP_sha256(), password, salt, rounds);
}

err_t pbkdf2_sha512(uint8_t *out, size_t out_len, bytes_t password, bytes_t salt, uint64_t rounds)
{
    return pbkdf2(out, out_len, EVP_sha512(), password, salt, rounds);
}
