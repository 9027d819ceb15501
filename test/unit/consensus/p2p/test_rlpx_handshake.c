// SPDX-License-Identifier: Apache-2.0
/// Goal: the packets of EIP-8 open and give its secrets; two of ours agree; whatever is not a
/// packet of the other side is refused.

#include "consensus/p2p/rlpx_handshake.h"

#include <criterion/criterion.h>

#include "test/support/vectors.h"

struct known {
    json_t *root;
    struct arena arena;
    struct secret_key initiator, recipient;
    struct rlpx_seed initiator_seed, recipient_seed;
    secp_pubkey_t initiator_id, recipient_id;
};

static void key_into(struct known *k, struct secret_key *out, const char *name)
{
    const bytes_t b = vectors_bytes(&k->arena, vectors_get(k->root, "keys"), name);
    memcpy(out->b, b.data, 32);
}

static void nonce_into(struct known *k, uint8_t out[32], const char *name)
{
    memcpy(out, vectors_bytes(&k->arena, vectors_get(k->root, "keys"), name).data, 32);
}

static void known_init(struct known *k)
{
    memset(k, 0, sizeof *k);
    cr_assert(err_ok(secp_setup()));
    k->arena = vectors_arena((size_t)1024 * 1024);
    k->root = vectors_load("devp2p/rlpx-handshake.json");
    key_into(k, &k->initiator, "initiatorStaticPriv");
    key_into(k, &k->recipient, "recipientStaticPriv");
    key_into(k, &k->initiator_seed.ephemeral, "initiatorEphemeralPriv");
    key_into(k, &k->recipient_seed.ephemeral, "recipientEphemeralPriv");
    nonce_into(k, k->initiator_seed.nonce, "initiatorNonce");
    nonce_into(k, k->recipient_seed.nonce, "recipientNonce");
    memset(k->initiator_seed.ecies.b, 0x21, 32);
    memset(k->recipient_seed.ecies.b, 0x22, 32);
    cr_assert(err_ok(secp_pubkey_of(&k->initiator_id, &k->initiator)));
    cr_assert(err_ok(secp_pubkey_of(&k->recipient_id, &k->recipient)));
}

static void known_deinit(struct known *k)
{
    json_decref(k->root);
    arena_deinit(&k->arena);
}

static bytes_t packet(struct known *k, const char *starts)
{
    const json_t *list = vectors_get(k->root, "packets");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        if (strncmp(vectors_str(p, "name"), starts, strlen(starts)) == 0)
            return vectors_bytes(&k->arena, p, "packet");
    }
    cr_assert_fail("no packet %s", starts);
    return BYTES_NONE;
}

Test(rlpx_handshake, packets_of_the_standard)
{
    struct known k;
    known_init(&k);
    static const char *const auths[] = {"Auth2", "Auth3"};
    static const char *const acks[] = {"Ack2", "Ack3"};
    for (size_t i = 0; i < 2; i++) {
        static struct rlpx_handshake h;
        rlpx_handshake_init(&h, &k.recipient, &k.recipient_seed, NULL);
        cr_assert(err_ok(rlpx_handshake_read(&h, packet(&k, auths[i]))), "%s", auths[i]);
        cr_expect(bytes_eq(BYTES_OF(h.remote), BYTES_OF(k.initiator_id)));
        cr_expect_eq(memcmp(h.remote_nonce, k.initiator_seed.nonce, 32), 0);
        secp_pubkey_t ephemeral;
        cr_assert(err_ok(secp_pubkey_of(&ephemeral, &k.initiator_seed.ephemeral)));
        cr_expect(bytes_eq(BYTES_OF(h.remote_ephemeral), BYTES_OF(ephemeral)),
                  "recovered from the signature");

        rlpx_handshake_init(&h, &k.initiator, &k.initiator_seed, &k.recipient_id);
        cr_assert(err_ok(rlpx_handshake_read(&h, packet(&k, acks[i]))), "%s", acks[i]);
        cr_expect_eq(memcmp(h.remote_nonce, k.recipient_seed.nonce, 32), 0);
    }
    known_deinit(&k);
}

static void expect_hex(struct known *k, const void *got, size_t len, const char *name)
{
    const bytes_t want =
        vectors_bytes(&k->arena, vectors_get(k->root, "derivedForAuth2Ack2"), name);
    cr_expect(bytes_eq(bytes_make(got, len), bytes_make(want.data, len)), "%s", name);
}

Test(rlpx_handshake, secrets_of_the_standard)
{
    struct known k;
    known_init(&k);
    static struct rlpx_handshake h;
    rlpx_handshake_init(&h, &k.recipient, &k.recipient_seed, NULL);
    cr_assert(err_ok(rlpx_handshake_read(&h, packet(&k, "Auth2"))));
    const bytes_t ack = packet(&k, "Ack2"); // as if we had written it
    memcpy(h.ack, ack.data, ack.len);
    h.ack_len = ack.len;

    struct rlpx_secrets s;
    cr_assert(err_ok(rlpx_handshake_secrets(&h, &s)));
    expect_hex(&k, s.aes, 32, "aesSecret");
    expect_hex(&k, s.mac, 32, "macSecret");
    struct keccak egress = s.egress, ingress = s.ingress, foo = s.ingress;
    const hash_t egress_digest = keccak_final(&egress);
    const hash_t ingress_digest = keccak_final(&ingress);
    expect_hex(&k, egress_digest.b, 32, "recipientEgressMacInitDigest");
    expect_hex(&k, ingress_digest.b, 32, "recipientIngressMacInitDigest");
    keccak_update(&foo, LIT("foo"));
    const hash_t foo_digest = keccak_final(&foo);
    expect_hex(&k, foo_digest.b, 32, "recipientIngressMacAfterFoo");
    known_deinit(&k);
}

Test(rlpx_handshake, both_sides_agree)
{
    struct known k;
    known_init(&k);
    static struct rlpx_handshake a, b;
    struct buf auth, ack;
    buf_init(&auth, 4096);
    buf_init(&ack, 4096);
    k.recipient_seed.padding = 99;
    rlpx_handshake_init(&a, &k.initiator, &k.initiator_seed, &k.recipient_id);
    rlpx_handshake_init(&b, &k.recipient, &k.recipient_seed, NULL);
    cr_assert(err_ok(rlpx_handshake_write(&a, &auth)));
    cr_assert_eq(rlpx_packet_size(auth.data), auth.len);

    // Whatever bit is changed, the recipient refuses.
    for (size_t bit = 0; bit < auth.len * 8; bit += 7) {
        auth.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        cr_expect(!err_ok(rlpx_handshake_read(&b, buf_bytes(&auth))), "bit %zu", bit);
        auth.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t cut = 0; cut < auth.len; cut++)
        cr_expect(!err_ok(rlpx_handshake_read(&b, bytes_make(auth.data, cut))), "cut %zu", cut);

    cr_assert(err_ok(rlpx_handshake_read(&b, buf_bytes(&auth))));
    cr_assert(err_ok(rlpx_handshake_write(&b, &ack)));
    cr_assert(err_ok(rlpx_handshake_read(&a, buf_bytes(&ack))));
    struct rlpx_secrets of_a, of_b;
    cr_assert(err_ok(rlpx_handshake_secrets(&a, &of_a)));
    cr_assert(err_ok(rlpx_handshake_secrets(&b, &of_b)));
    cr_expect_eq(memcmp(of_a.aes, of_b.aes, 32), 0);
    cr_expect_eq(memcmp(of_a.mac, of_b.mac, 32), 0);
    const hash_t sent = keccak_final(&of_a.egress), got = keccak_final(&of_b.ingress);
    const hash_t back = keccak_final(&of_b.egress), there = keccak_final(&of_a.ingress);
    cr_expect(hash_eq(&sent, &got) && hash_eq(&back, &there));
    cr_expect(!hash_eq(&sent, &back));
    buf_deinit(&auth);
    buf_deinit(&ack);
    known_deinit(&k);
}

/// Goal: sizes out of bounds are known from two bytes.
Test(rlpx_handshake, sizes)
{
    static const struct {
        uint8_t prefix[2];
        size_t size;
    } cases[] = {{{0, 0}, 0},    {{0, 113}, 0}, {{0, 114}, 116},
                 {{8, 0}, 2050}, {{8, 1}, 0},   {{0xff, 0xff}, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(rlpx_packet_size(cases[i].prefix), cases[i].size, "row %zu", i);
}
