// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/rlpx_handshake.h"

#include "chain/codec/rlp.h"
#include "consensus/p2p/ecies.h"

#define RLPX_VERSION 4
#define PADDING_MIN 100

void rlpx_handshake_init(struct rlpx_handshake *h, const struct secret_key *key,
                         const struct rlpx_seed *seed, const secp_pubkey_t *remote)
{
    memset(h, 0, sizeof *h);
    h->key = key;
    h->seed = *seed;
    h->initiator = remote != NULL;
    if (remote != NULL) h->remote = *remote;
}

void rlpx_handshake_wipe(struct rlpx_handshake *h)
{
    secret_wipe(h, sizeof *h);
}

static void xor32(uint8_t out[32], const uint8_t a[32], const uint8_t b[32])
{
    for (size_t i = 0; i < 32; i++) out[i] = a[i] ^ b[i];
}

/// What the auth's signature is over: the two static keys' secret, XOR the initiator's nonce.
static err_t signed_by_initiator(const struct rlpx_handshake *h, const uint8_t nonce[32],
                                 hash_t *out)
{
    uint8_t shared[32];
    TRY(secp_ecdh(shared, &h->remote, h->key));
    xor32(out->b, shared, nonce);
    secret_wipe(shared, sizeof shared);
    return OK;
}

static err_t put_auth_body(const struct rlpx_handshake *h, struct buf *body)
{
    hash_t digest;
    secp_pubkey_t own;
    TRY(signed_by_initiator(h, h->seed.nonce, &digest));
    TRY(secp_pubkey_of(&own, h->key));
    const secp_sig_t sig = secp_sign(&h->seed.ephemeral, &digest);
    const size_t list = rlp_list_begin(body);
    rlp_put_bytes(body, BYTES_OF(sig));
    rlp_put_bytes(body, BYTES_OF(own));
    rlp_put_bytes(body, BYTES_OF(h->seed.nonce));
    rlp_put_u64(body, RLPX_VERSION);
    rlp_list_end(body, list);
    return OK;
}

static err_t put_ack_body(const struct rlpx_handshake *h, struct buf *body)
{
    secp_pubkey_t ephemeral;
    TRY(secp_pubkey_of(&ephemeral, &h->seed.ephemeral));
    const size_t list = rlp_list_begin(body);
    rlp_put_bytes(body, BYTES_OF(ephemeral));
    rlp_put_bytes(body, BYTES_OF(h->seed.nonce));
    rlp_put_u64(body, RLPX_VERSION);
    rlp_list_end(body, list);
    return OK;
}

static err_t seal(struct rlpx_handshake *h, struct buf *body, struct buf *packet)
{
    static const uint8_t zeros[PADDING_MIN + 100] = {0};
    TRY(h->initiator ? put_auth_body(h, body) : put_ack_body(h, body));
    buf_put(body, bytes_make(zeros, PADDING_MIN + h->seed.padding % 100U));
    TRY(buf_status(body));

    const size_t size = body->len + ECIES_OVERHEAD;
    const uint8_t prefix[2] = {(uint8_t)(size >> 8), (uint8_t)size};
    buf_put(packet, BYTES_OF(prefix));
    return ecies_encrypt(packet, &h->remote, buf_bytes(body), BYTES_OF(prefix), &h->seed.ecies,
                         h->seed.iv);
}

err_t rlpx_handshake_write(struct rlpx_handshake *h, struct buf *out)
{
    struct buf body;
    struct buf packet;
    buf_init(&body, RLPX_PACKET_MAX);
    buf_init(&packet, 2 + RLPX_PACKET_MAX);
    const err_t err = seal(h, &body, &packet);
    if (err_ok(err)) {
        memcpy(h->initiator ? h->auth : h->ack, packet.data, packet.len);
        *(h->initiator ? &h->auth_len : &h->ack_len) = packet.len;
        buf_put(out, buf_bytes(&packet));
    }
    buf_deinit(&packet);
    buf_deinit(&body);
    return err_ok(err) ? buf_status(out) : err;
}

size_t rlpx_packet_size(const uint8_t prefix[2])
{
    const size_t size = (size_t)prefix[0] << 8 | prefix[1];
    return size <= ECIES_OVERHEAD || size > RLPX_PACKET_MAX ? 0 : 2 + size;
}

static err_t read_auth_body(struct rlpx_handshake *h, struct rlp_reader *list)
{
    secp_sig_t sig;
    TRY(rlp_read_fixed(list, &sig, sizeof sig));
    TRY(rlp_read_fixed(list, h->remote.b, sizeof h->remote.b));
    TRY(rlp_read_fixed(list, h->remote_nonce, sizeof h->remote_nonce));
    if (sig.v > 3) return FAIL(MALFORMED, "rlpx: the signature's recovery id is above 3");
    hash_t digest;
    TRY(signed_by_initiator(h, h->remote_nonce, &digest));
    return secp_recover(&h->remote_ephemeral, &sig, &digest);
}

static err_t read_ack_body(struct rlpx_handshake *h, struct rlp_reader *list)
{
    TRY(rlp_read_fixed(list, h->remote_ephemeral.b, sizeof h->remote_ephemeral.b));
    TRY(rlp_read_fixed(list, h->remote_nonce, sizeof h->remote_nonce));
    return secp_pubkey_check(&h->remote_ephemeral);
}

err_t rlpx_handshake_read(struct rlpx_handshake *h, bytes_t packet)
{
    if (packet.len < 2 || rlpx_packet_size(packet.data) != packet.len)
        return FAIL(MALFORMED, "rlpx: a handshake packet has another length than it says");
    uint8_t body[RLPX_PACKET_MAX];
    const bytes_t sealed = bytes_make(packet.data + 2, packet.len - 2);
    TRY(ecies_decrypt(body, sealed, bytes_make(packet.data, 2), h->key));

    struct rlp_reader r = rlp_reader(bytes_make(body, sealed.len - ECIES_OVERHEAD));
    struct rlp_reader list;
    TRY(rlp_read_list(&r, &list)); // padding follows
    TRY(h->initiator ? read_ack_body(h, &list) : read_auth_body(h, &list));
    memcpy(h->initiator ? h->ack : h->auth, packet.data, packet.len);
    *(h->initiator ? &h->ack_len : &h->auth_len) = packet.len;
    return OK;
}

static hash_t keccak_pair(const uint8_t a[32], const uint8_t b[32])
{
    uint8_t both[64];
    memcpy(both, a, 32);
    memcpy(both + 32, b, 32);
    const hash_t out = keccak256(BYTES_OF(both));
    secret_wipe(both, sizeof both);
    return out;
}

static void start_mac(struct keccak *k, const uint8_t mac[32], const uint8_t nonce[32],
                      bytes_t packet)
{
    uint8_t seed[32];
    xor32(seed, mac, nonce);
    keccak_init(k);
    keccak_update(k, BYTES_OF(seed));
    keccak_update(k, packet);
}

err_t rlpx_handshake_secrets(const struct rlpx_handshake *h, struct rlpx_secrets *out)
{
    check(h->auth_len != 0 && h->ack_len != 0);
    uint8_t agreed[32];
    TRY(secp_ecdh(agreed, &h->remote_ephemeral, &h->seed.ephemeral));

    const uint8_t *initiator_nonce = h->initiator ? h->seed.nonce : h->remote_nonce;
    const uint8_t *recipient_nonce = h->initiator ? h->remote_nonce : h->seed.nonce;
    const hash_t nonces = keccak_pair(recipient_nonce, initiator_nonce);
    const hash_t shared = keccak_pair(agreed, nonces.b);
    const hash_t aes = keccak_pair(agreed, shared.b);
    const hash_t mac = keccak_pair(agreed, aes.b);
    secret_wipe(agreed, sizeof agreed);
    memcpy(out->aes, aes.b, sizeof aes);
    memcpy(out->mac, mac.b, sizeof mac);

    // Each side's stream starts with the other's nonce and the packet it sent itself.
    const bytes_t auth = bytes_make(h->auth, h->auth_len);
    const bytes_t ack = bytes_make(h->ack, h->ack_len);
    start_mac(h->initiator ? &out->egress : &out->ingress, mac.b, recipient_nonce, auth);
    start_mac(h->initiator ? &out->ingress : &out->egress, mac.b, initiator_nonce, ack);
    return OK;
}
