// SPDX-License-Identifier: Apache-2.0
/// Discovery: a datagram as it comes (the hash made right first, or nothing would get past it), and
/// node records. What decodes is written again, reads the same, and costs one packet at most.
#include "chain/crypto/keccak.h"
#include "consensus/p2p/discv4_wire.h"
#include "consensus/p2p/enr.h"
#include "test/fuzz/fuzz.h"

static const struct secret_key KEY = {{1}};

static bool same_node(const struct discv4_node *a, const struct discv4_node *b)
{
    return a->at.ip_len == b->at.ip_len && memcmp(a->at.ip, b->at.ip, 16) == 0 &&
           a->at.udp == b->at.udp && a->at.tcp == b->at.tcp &&
           memcmp(a->id.b, b->id.b, sizeof a->id.b) == 0;
}

static void packet_again(struct discv4_packet *p)
{
    struct buf out = fuzz_buf();
    struct discv4_packet again;
    EXPECT(p->node_count <= DISCV4_NODES_MAX);
    discv4_encode(&out, p, &KEY);
    if (err_ok(buf_status(&out))) {
        EXPECT(out.len <= DISCV4_PACKET_MAX);
        EXPECT(err_ok(discv4_decode(&again, buf_bytes(&out))));
        EXPECT(again.type == p->type && again.expiration_s == p->expiration_s);
        EXPECT(again.node_count == p->node_count && hash_eq(&again.hash, &p->hash));
        EXPECT(hash_eq(&again.question, &p->question));
        for (size_t i = 0; i < p->node_count; i++) EXPECT(same_node(&again.nodes[i], &p->nodes[i]));
    }
    buf_deinit(&out);
}

static void record(bytes_t in)
{
    struct enr n;
    uint8_t bytes[ENR_BYTES];
    size_t len;
    char text[ENR_TEXT_MAX];
    if (err_ok(enr_parse(bytes, &len, in))) {
        enr_print(text, bytes_make(bytes, len));
        EXPECT(bytes_eq(bytes_of_str(text), in));
        in = bytes_make(bytes, len);
    }
    if (!err_ok(enr_decode(&n, in))) return;
    EXPECT(n.ip_len == 0 || n.ip_len == 4 || n.ip_len == 16);
    EXPECT(err_ok(secp_pubkey_check(&n.id)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t raw[DISCV4_PACKET_MAX];
    struct discv4_packet p;
    EXPECT(err_ok(secp_setup()));
    record((bytes_t){data, size});
    (void)err_ok(discv4_decode(&p, (bytes_t){data, size}));
    if (size < 32 || size > sizeof raw) return 0;
    memcpy(raw, data, size);
    const hash_t hash = keccak256(bytes_make(raw + 32, size - 32));
    memcpy(raw, hash.b, sizeof hash.b);
    if (err_ok(discv4_decode(&p, bytes_make(raw, size)))) packet_again(&p);
    return 0;
}
