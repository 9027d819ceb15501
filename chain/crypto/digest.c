// SPDX-License-Identifier: Apache-2.0
// The one-shot functions of OpenSSL 3 look their algorithm up by name on every call, which
// costs more than hashing a word. The older interface goes straight to the same code.
#define OPENSSL_API_COMPAT 10101

#include "chain/crypto/digest.h"

#include <openssl/ripemd.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "chain/base/err.h"

hash_t sha256(bytes_t in)
{
    SHA256_CTX ctx;
    hash_t out;
    SHA256_Init(&ctx);
    SHA256_Update(&ctx, in.data, in.len);
    SHA256_Final(out.b, &ctx);
    return out;
}

struct ripemd160_digest ripemd160(bytes_t in)
{
    RIPEMD160_CTX ctx;
    struct ripemd160_digest out;
    RIPEMD160_Init(&ctx);
    RIPEMD160_Update(&ctx, in.data, in.len);
    RIPEMD160_Final(out.b, &ctx);
    return out;
}

struct sha1_digest sha1(bytes_t in)
{
    SHA_CTX ctx;
    struct sha1_digest out;
    SHA1_Init(&ctx);
    SHA1_Update(&ctx, in.data, in.len);
    SHA1_Final(out.b, &ctx);
    return out;
}

struct sha256_stream {
    SHA256_CTX ctx;
};

struct sha256_stream *sha256_new(void)
{
    struct sha256_stream *s = malloc(sizeof *s);
    check(s != NULL);
    SHA256_Init(&s->ctx);
    return s;
}

void sha256_update(struct sha256_stream *s, bytes_t in)
{
    SHA256_Update(&s->ctx, in.data, in.len);
}

hash_t sha256_final_free(struct sha256_stream *s)
{
    hash_t out;
    SHA256_Final(out.b, &s->ctx);
    free(s);
    return out;
}
