// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/ecies.h"

#include "chain/crypto/cipher.h"
#include "chain/crypto/digest.h"

#define POINT 65
#define IV 16
#define TAG 32

struct ecies_keys {
    uint8_t encrypt[16];
    hash_t mac;
};

/// NIST SP 800-56 concatenation KDF with SHA-256: one block is all that is needed.
static struct ecies_keys derive(const uint8_t shared[32])
{
    uint8_t block[4 + 32] = {0, 0, 0, 1};
    memcpy(block + 4, shared, 32);
    hash_t material = sha256(BYTES_OF(block));

    struct ecies_keys keys;
    memcpy(keys.encrypt, material.b, 16);
    keys.mac = sha256(bytes_make(material.b + 16, 16));
    secret_wipe(block, sizeof block);
    secret_wipe(&material, sizeof material);
    return keys;
}

/// HMAC over iv || c || auth. `sealed` starts at the iv.
static err_t tag_of(hash_t *out, const hash_t *mac_key, bytes_t sealed, bytes_t auth)
{
    struct buf message;
    buf_init(&message, sealed.len + auth.len);
    buf_put(&message, sealed);
    buf_put(&message, auth);
    const err_t err = buf_status(&message);
    if (err_ok(err)) *out = hmac_sha256(BYTES_OF(*mac_key), buf_bytes(&message));
    buf_deinit(&message);
    return err;
}

err_t ecies_encrypt(struct buf *out, const secp_pubkey_t *to, bytes_t plain, bytes_t auth,
                    const struct secret_key *ephemeral, const uint8_t iv[16])
{
    uint8_t shared[32];
    secp_pubkey_t point;
    TRY(secp_ecdh(shared, to, ephemeral));
    TRY(secp_pubkey_of(&point, ephemeral));
    struct ecies_keys keys = derive(shared);
    secret_wipe(shared, sizeof shared);

    buf_put_u8(out, 0x04);
    buf_put(out, BYTES_OF(point));
    const size_t sealed = out->len;
    buf_put(out, bytes_make(iv, IV));
    uint8_t *cipher = buf_extend(out, plain.len);
    err_t err = buf_status(out);
    if (err_ok(err)) err = aes_ctr(cipher, plain, BYTES_OF(keys.encrypt), iv);
    hash_t tag;
    if (err_ok(err))
        err = tag_of(&tag, &keys.mac, bytes_make(out->data + sealed, out->len - sealed), auth);
    secret_wipe(&keys, sizeof keys);
    TRY(err);
    buf_put(out, BYTES_OF(tag));
    return buf_status(out);
}

err_t ecies_decrypt(uint8_t *out, bytes_t in, bytes_t auth, const struct secret_key *key)
{
    static const err_t refused = {ERR_INVALID, "ecies: not for this key"};
    if (in.len < ECIES_OVERHEAD || in.data[0] != 0x04) return refused;

    secp_pubkey_t point;
    memcpy(point.b, in.data + 1, sizeof point.b);
    uint8_t shared[32];
    if (!err_ok(secp_ecdh(shared, &point, key))) return refused;
    struct ecies_keys keys = derive(shared);
    secret_wipe(shared, sizeof shared);

    const bytes_t sealed = bytes_make(in.data + POINT, in.len - POINT - TAG);
    hash_t tag;
    err_t err = tag_of(&tag, &keys.mac, sealed, auth);
    if (err_ok(err) && !ct_equal(tag.b, in.data + in.len - TAG, TAG)) err = refused;
    if (err_ok(err)) {
        err = aes_ctr(out, bytes_make(sealed.data + IV, sealed.len - IV), BYTES_OF(keys.encrypt),
                      sealed.data);
    }
    secret_wipe(&keys, sizeof keys);
    return err_ok(err) ? OK : refused;
}
