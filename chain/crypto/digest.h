// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The world's hashes other than Keccak, over OpenSSL.

#include "chain/base/bytes.h"

/// SHA-256 (FIPS 180-4).
hash_t sha256(bytes_t in);

struct ripemd160_digest {
    uint8_t b[20];
};
/// RIPEMD-160 (ISO/IEC 10118-3).
struct ripemd160_digest ripemd160(bytes_t in);

struct sha1_digest {
    uint8_t b[20];
};
/// SHA-1 (FIPS 180-4). Broken for signatures; WebSocket's handshake asks for it all the same.
struct sha1_digest sha1(bytes_t in);

/// SHA-256 in pieces.
struct sha256_stream;
struct sha256_stream *sha256_new(void); ///< never NULL
void sha256_update(struct sha256_stream *s, bytes_t in);
hash_t sha256_final_free(struct sha256_stream *s);
