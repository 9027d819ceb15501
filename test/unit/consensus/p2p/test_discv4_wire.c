// SPDX-License-Identifier: Apache-2.0
/// Goal: the published packets (with more items and bytes than we know) are read; what we write is
/// read back; no byte of a packet may change; each row of the refusals breaks one thing.

#include "consensus/p2p/discv4_wire.h"

#include "chain/crypto/keccak.h"
#include "test/support/vectors.h"

#include <criterion/criterion.h>

static struct arena arena;
static json_t *root;
static struct secret_key key;
static secp_pubkey_t self;

static void setup(void)
{
    cr_assert(err_ok(secp_setup()));
    arena = vectors_arena((size_t)1024 * 1024);
    root = vectors_load("devp2p/discv4.json");
    const bytes_t secret = vectors_bytes(&arena, root, "signerPrivateKey");
    cr_assert_eq(secret.len, sizeof key.b);
    memcpy(key.b, secret.data, sizeof key.b);
    cr_assert(err_ok(secp_pubkey_of(&self, &key)));
}
static void teardown(void)
{
    json_decref(root);
    arena_deinit(&arena);
}
TestSuite(discv4_wire, .init = setup, .fini = teardown);

Test(discv4_wire, published_packets)
{
    static const enum discv4_type types[] = {DISCV4_PING, DISCV4_PING, DISCV4_FIND_NODE,
                                             DISCV4_NEIGHBORS};
    const json_t *packets = vectors_get(root, "packets");
    cr_assert_eq(json_array_size(packets), ARRAY_LEN(types));
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const bytes_t raw = vectors_bytes(&arena, json_array_get(packets, i), "packet");
        struct discv4_packet p;
        const err_t err = discv4_decode(&p, raw);
        cr_assert(err_ok(err), "%zu: %s", i, err_text(err));
        cr_expect(p.type == types[i] && p.expiration_s == 1136239445);
        cr_expect_arr_eq(p.sender.b, self.b, sizeof self.b);
        cr_expect_arr_eq(p.hash.b, raw.data, 32);
        if (p.type == DISCV4_PING) {
            cr_expect(p.from.ip_len == 4 && p.from.ip[0] == 127 && p.from.ip[3] == 1);
            cr_expect(p.from.udp == 3322 && p.from.tcp == 5544);
            cr_expect(p.to.ip_len == 16 && p.to.ip[15] == 1 && p.to.udp == 2222 &&
                      p.to.tcp == 3333);
            cr_expect(p.has_enr_seq == (i == 1) && p.enr_seq == (uint64_t)(i == 1));
        }
        if (p.type == DISCV4_FIND_NODE) cr_expect_arr_eq(p.target.b, self.b, sizeof self.b);
        if (p.type == DISCV4_NEIGHBORS) {
            cr_assert_eq(p.node_count, 4);
            cr_expect(p.nodes[0].at.ip[0] == 99 && p.nodes[0].at.ip[3] == 55);
            cr_expect(p.nodes[0].at.udp == 4444 && p.nodes[0].at.tcp == 4445);
            cr_expect(p.nodes[2].at.ip_len == 16 && p.nodes[3].at.udp == 999);
        }
    }
}

static struct discv4_packet sample(enum discv4_type type)
{
    struct discv4_packet p = {.type = type,
                              .expiration_s = 1700000000,
                              .has_enr_seq = true,
                              .enr_seq = 7,
                              .from = {{10, 0, 0, 1}, 4, 30301, 30303},
                              .to = {{0xfe, 0x80}, 16, 30303, 0},
                              .question = keccak256(LIT("question")),
                              .target = self,
                              .record = LIT("\xc1\x80")};
    p.node_count = type == DISCV4_NEIGHBORS ? DISCV4_NODES_MAX : 0;
    for (size_t i = 0; i < p.node_count; i++) {
        p.nodes[i].at = (struct discv4_endpoint){.ip_len = 16, .udp = 65535, .tcp = 65535};
        memset(p.nodes[i].at.ip, 0xff, 16);
        p.nodes[i].id = self;
    }
    return p;
}

Test(discv4_wire, there_and_back)
{
    for (enum discv4_type type = DISCV4_PING; type <= DISCV4_ENR_RESPONSE; type++) {
        struct discv4_packet p = sample(type);
        struct discv4_packet back;
        struct buf b;
        buf_init(&b, DISCV4_PACKET_MAX);
        discv4_encode(&b, &p, &key);
        cr_assert(err_ok(buf_status(&b)), "type %d does not fit", (int)type);
        const err_t err = discv4_decode(&back, buf_bytes(&b));
        cr_assert(err_ok(err), "type %d: %s", (int)type, err_text(err));
        cr_expect(hash_eq(&back.hash, &p.hash) && back.node_count == p.node_count);
        cr_expect_eq(back.expiration_s, type == DISCV4_ENR_RESPONSE ? UINT64_MAX : 1700000000);
        if (type == DISCV4_ENR_RESPONSE) cr_expect(bytes_eq(back.record, p.record));
        if (type == DISCV4_PONG)
            cr_expect(hash_eq(&back.question, &p.question) && back.enr_seq == 7);
        for (size_t i = 0; i < back.node_count; i++)
            cr_expect(back.nodes[i].at.tcp == 65535 && back.nodes[i].at.ip_len == 16 &&
                      back.nodes[i].at.ip[15] == 0xff &&
                      memcmp(back.nodes[i].id.b, self.b, sizeof self.b) == 0);

        for (size_t i = 0; i < b.len; i++) {
            b.data[i] ^= 1;
            cr_expect_eq(discv4_decode(&back, buf_bytes(&b)).kind, ERR_MALFORMED, "byte %zu", i);
            b.data[i] ^= 1;
        }
        for (size_t len = 0; len < b.len; len++)
            cr_expect(!err_ok(discv4_decode(&back, bytes_make(b.data, len))), "cut at %zu", len);
        buf_deinit(&b);
    }
}

Test(discv4_wire, refusals)
{
    static const struct {
        const char *name;
        bytes_t data; ///< type and list; hash and signature are right
        enum err_kind kind;
    } rows[] = {
        {"an ENRRequest", LIT("\x05\xc1\x01"), ERR_NONE},
        {"more items, more bytes", LIT("\x05\xc2\x01\x02\x03"), ERR_NONE},
        {"type 0", LIT("\x00\xc1\x01"), ERR_UNSUPPORTED},
        {"type 7", LIT("\x07\xc1\x01"), ERR_UNSUPPORTED},
        {"no list", LIT("\x05\x01\x01"), ERR_MALFORMED},
        {"an empty list", LIT("\x05\xc0\x01"), ERR_MALFORMED},
        {"a list that is cut", LIT("\x05\xc2\x01"), ERR_MALFORMED},
        {"a leading zero", LIT("\x05\xc1\x00"), ERR_MALFORMED},
        {"a short target", LIT("\x03\xc3\x81\x80\x01"), ERR_MALFORMED},
        {"neighbors that are no list", LIT("\x04\xc2\x80\x01"), ERR_MALFORMED},
        {"an address of 3 bytes", LIT("\x02\xc7\xc6\x83\x01\x02\x03\x01\x01"), ERR_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[256];
        struct discv4_packet p;
        const hash_t digest = keccak256(rows[i].data);
        const secp_sig_t sig = secp_sign(&key, &digest);
        memcpy(raw + 32, sig.r, 32);
        memcpy(raw + 64, sig.s, 32);
        raw[96] = sig.v;
        memcpy(raw + 97, rows[i].data.data, rows[i].data.len);
        const size_t len = 97 + rows[i].data.len;
        const hash_t hash = keccak256(bytes_make(raw + 32, len - 32));
        memcpy(raw, hash.b, 32);
        const err_t err = discv4_decode(&p, bytes_make(raw, len));
        cr_expect_eq(err.kind, rows[i].kind, "%s: %s", rows[i].name, err_text(err));
    }
    static uint8_t large[DISCV4_PACKET_MAX + 1];
    cr_expect_eq(discv4_look(BYTES_OF(large)).kind, ERR_LIMIT);
}
