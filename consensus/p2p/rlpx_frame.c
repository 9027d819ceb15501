// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/rlpx_frame.h"

#include "chain/crypto/secret.h"

#define MAC 16

err_t rlpx_frames_init(struct rlpx_frames *f, const struct rlpx_secrets *secrets)
{
    static const uint8_t zero_iv[16] = {0};
    memset(f, 0, sizeof *f);
    f->egress = secrets->egress;
    f->ingress = secrets->ingress;
    TRY(aes_stream_new(&f->send, secrets->aes, zero_iv));
    TRY(aes_stream_new(&f->receive, secrets->aes, zero_iv));
    return aes_block_new(&f->mac, secrets->mac);
}

void rlpx_frames_deinit(struct rlpx_frames *f)
{
    aes_stream_free(f->send);
    aes_stream_free(f->receive);
    aes_block_free(f->mac);
    secret_wipe(f, sizeof *f);
}

static void digest16(const struct keccak *state, uint8_t out[MAC])
{
    struct keccak copy = *state;
    const hash_t digest = keccak_final(&copy);
    memcpy(out, digest.b, MAC);
}

/// The specification's update: absorbs AES(digest) XOR seed, gives the new digest.
static void update_mac(const struct rlpx_frames *f, struct keccak *state, const uint8_t seed[MAC],
                       uint8_t out[MAC])
{
    uint8_t mixed[MAC];
    digest16(state, mixed);
    aes_block_encrypt(f->mac, mixed, mixed);
    for (size_t i = 0; i < MAC; i++) mixed[i] ^= seed[i];
    keccak_update(state, BYTES_OF(mixed));
    digest16(state, out);
}

static void body_mac(const struct rlpx_frames *f, struct keccak *state, bytes_t ciphertext,
                     uint8_t out[MAC])
{
    keccak_update(state, ciphertext);
    uint8_t seed[MAC];
    digest16(state, seed);
    update_mac(f, state, seed, out);
}

err_t rlpx_frame_write(struct rlpx_frames *f, struct buf *out, bytes_t id, bytes_t payload)
{
    check(payload.len <= RLPX_FRAME_MAX && id.len <= RLPX_FRAME_MAX - payload.len);
    const size_t size = id.len + payload.len;
    uint8_t *frame = buf_extend(out, RLPX_HEADER_BYTES + rlpx_body_size(size));
    if (frame == NULL) return FAIL(FULL, "rlpx: no room for the frame");

    const uint8_t header[16] = {
        (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, 0xc2, 0x80, 0x80};
    aes_stream_xor(f->send, frame, header, sizeof header);
    update_mac(f, &f->egress, frame, frame + 16);

    uint8_t *body = frame + RLPX_HEADER_BYTES;
    const size_t padded = rlpx_body_size(size) - MAC;
    if (id.len != 0) memcpy(body, id.data, id.len);
    if (payload.len != 0) memcpy(body + id.len, payload.data, payload.len);
    memset(body + size, 0, padded - size);
    aes_stream_xor(f->send, body, body, padded);
    body_mac(f, &f->egress, bytes_make(body, padded), body + padded);
    return OK;
}

err_t rlpx_frame_header(struct rlpx_frames *f, const uint8_t header[RLPX_HEADER_BYTES],
                        size_t *size)
{
    uint8_t mac[MAC];
    update_mac(f, &f->ingress, header, mac);
    if (!ct_equal(mac, header + 16, MAC)) return FAIL(INVALID, "rlpx: a header's MAC differs");

    uint8_t plain[16];
    aes_stream_xor(f->receive, plain, header, sizeof plain);
    *size = (size_t)plain[0] << 16 | (size_t)plain[1] << 8 | plain[2];
    return OK;
}

err_t rlpx_frame_body(struct rlpx_frames *f, uint8_t *body, size_t size)
{
    const size_t padded = rlpx_body_size(size) - MAC;
    uint8_t mac[MAC];
    body_mac(f, &f->ingress, bytes_make(body, padded), mac);
    if (!ct_equal(mac, body + padded, MAC)) return FAIL(INVALID, "rlpx: a frame's MAC differs");
    aes_stream_xor(f->receive, body, body, padded);
    return OK;
}
