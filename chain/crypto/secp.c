// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/secp.h"

#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_recovery.h>

#include "chain/crypto/keccak.h"
#include "chain/crypto/random.h"

const u256_t SECP_N = {
    {0xbfd25e8cd0364141u, 0xbaaedce6af48a03bu, 0xfffffffffffffffeu, 0xffffffffffffffffu}};
const u256_t SECP_HALF_N = {
    {0xdfe92f46681b20a0u, 0x5d576e7357a4501du, 0xffffffffffffffffu, 0x7fffffffffffffffu}};

// Recovery and verification need no secrets and no blinding: the library's constant context
// serves them. Signing uses one context that is blinded once and never changes afterwards.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static secp256k1_context *signing;

static void make_signing(void)
{
    uint8_t seed[32];
    if (random_bytes(seed, sizeof seed).kind != ERR_NONE) return;
    secp256k1_context *ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    if (secp256k1_context_randomize(ctx, seed) == 1) signing = ctx;
    secret_wipe(seed, sizeof seed);
}

err_t secp_setup(void)
{
    pthread_once(&once, make_signing);
    return signing != NULL ? OK : FAIL(IO, "secp256k1: no random source to blind signatures with");
}

static const secp256k1_context *signing_context(void)
{
    check(secp_setup().kind == ERR_NONE);
    return signing;
}

static void store_pubkey(secp_pubkey_t *out, const secp256k1_pubkey *key)
{
    uint8_t full[65];
    size_t len = sizeof full;
    check(secp256k1_ec_pubkey_serialize(secp256k1_context_static, full, &len, key,
                                        SECP256K1_EC_UNCOMPRESSED) == 1);
    memcpy(out->b, full + 1, sizeof out->b);
}

static bool load_pubkey(secp256k1_pubkey *out, const secp_pubkey_t *key)
{
    uint8_t full[65] = {0x04};
    memcpy(full + 1, key->b, sizeof key->b);
    return secp256k1_ec_pubkey_parse(secp256k1_context_static, out, full, sizeof full) == 1;
}

secp_sig_t secp_sign(const struct secret_key *key, const hash_t *digest)
{
    secp256k1_ecdsa_recoverable_signature sig;
    check(secp256k1_ecdsa_sign_recoverable(signing_context(), &sig, digest->b, key->b, NULL,
                                           NULL) == 1);
    uint8_t compact[64];
    int recovery_id;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(signing_context(), compact,
                                                            &recovery_id, &sig);
    secp_sig_t out;
    memcpy(out.r, compact, 32);
    memcpy(out.s, compact + 32, 32);
    out.v = (uint8_t)recovery_id;
    return out;
}

err_t secp_recover(secp_pubkey_t *out, const secp_sig_t *sig, const hash_t *digest)
{
    const secp256k1_context *ctx = secp256k1_context_static;
    uint8_t compact[64];
    memcpy(compact, sig->r, 32);
    memcpy(compact + 32, sig->s, 32);

    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    if (sig->v > 3) return FAIL(INVALID, "signature: recovery id above 3");
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &parsed, compact, sig->v) != 1) {
        return FAIL(INVALID, "signature: r or s is not below the curve's order");
    }
    if (secp256k1_ecdsa_recover(ctx, &key, &parsed, digest->b) != 1) {
        return FAIL(INVALID, "signature: no public key recovers from it");
    }
    store_pubkey(out, &key);
    return OK;
}

err_t secp_recover_address(address_t *out, const secp_sig_t *sig, const hash_t *digest)
{
    secp_pubkey_t key;
    TRY(secp_recover(&key, sig, digest));
    *out = secp_address(&key);
    return OK;
}

err_t secp_pubkey_of(secp_pubkey_t *out, const struct secret_key *key)
{
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_create(signing_context(), &point, key->b) != 1) {
        return FAIL(INVALID, "private key: zero or not below the curve's order");
    }
    store_pubkey(out, &point);
    return OK;
}

address_t secp_address(const secp_pubkey_t *key)
{
    const hash_t h = keccak256(BYTES_OF(*key));
    address_t a;
    memcpy(a.b, h.b + 12, sizeof a.b);
    return a;
}

err_t secp_pubkey_check(const secp_pubkey_t *key)
{
    secp256k1_pubkey point;
    return load_pubkey(&point, key) ? OK : FAIL(INVALID, "public key: not a point of the curve");
}

void secp_pubkey_compress(uint8_t out[33], const secp_pubkey_t *key)
{
    out[0] = (key->b[63] & 1) != 0 ? 0x03 : 0x02; // parity of y
    memcpy(out + 1, key->b, 32);
}

err_t secp_pubkey_parse(secp_pubkey_t *out, bytes_t in)
{
    // The library also reads the hybrid forms 0x06 and 0x07, which nobody writes.
    const bool compressed = in.len == 33 && (in.data[0] == 0x02 || in.data[0] == 0x03);
    const bool full = in.len == 65 && in.data[0] == 0x04;
    if (!compressed && !full) return FAIL(MALFORMED, "public key: neither 33 nor 65 bytes form");

    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_parse(secp256k1_context_static, &point, in.data, in.len) != 1) {
        return FAIL(INVALID, "public key: not a point of the curve");
    }
    store_pubkey(out, &point);
    return OK;
}

static int copy_x(unsigned char *out, const unsigned char *x, const unsigned char *y, void *data)
{
    (void)y;
    (void)data;
    memcpy(out, x, 32);
    return 1;
}

err_t secp_ecdh(uint8_t out[32], const secp_pubkey_t *peer, const struct secret_key *key)
{
    secp256k1_pubkey point;
    if (!load_pubkey(&point, peer)) return FAIL(INVALID, "public key: not a point of the curve");
    if (secp256k1_ecdh(signing_context(), out, &point, key->b, copy_x, NULL) != 1) {
        return FAIL(INVALID, "private key: zero or not below the curve's order");
    }
    return OK;
}

err_t secp_keygen(struct secret_key *out)
{
    do {
        TRY(random_bytes(out->b, sizeof out->b));
    } while (secp256k1_ec_seckey_verify(secp256k1_context_static, out->b) != 1);
    return OK;
}
