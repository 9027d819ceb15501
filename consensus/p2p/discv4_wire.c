// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/discv4_wire.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"

#define HASH 32U
#define SIGNATURE 65U
#define HEAD (HASH + SIGNATURE)

/// --- writing ---

static void put_endpoint(struct buf *b, const struct discv4_endpoint *e)
{
    rlp_put_bytes(b, bytes_make(e->ip, e->ip_len));
    rlp_put_u64(b, e->udp);
    rlp_put_u64(b, e->tcp);
}

static void put_endpoint_list(struct buf *b, const struct discv4_endpoint *e)
{
    const size_t list = rlp_list_begin(b);
    put_endpoint(b, e);
    rlp_list_end(b, list);
}

static void put_nodes(struct buf *b, const struct discv4_packet *p)
{
    const size_t nodes = rlp_list_begin(b);
    for (size_t i = 0; i < p->node_count; i++) {
        const size_t node = rlp_list_begin(b);
        put_endpoint(b, &p->nodes[i].at);
        rlp_put_bytes(b, BYTES_OF(p->nodes[i].id));
        rlp_list_end(b, node);
    }
    rlp_list_end(b, nodes);
}

static void put_data(struct buf *b, const struct discv4_packet *p)
{
    const size_t list = rlp_list_begin(b);
    switch (p->type) {
    case DISCV4_PING:
        rlp_put_u64(b, 4);
        put_endpoint_list(b, &p->from);
        put_endpoint_list(b, &p->to);
        break;
    case DISCV4_PONG:
        put_endpoint_list(b, &p->to);
        rlp_put_hash(b, &p->question);
        break;
    case DISCV4_FIND_NODE:
        rlp_put_bytes(b, BYTES_OF(p->target));
        break;
    case DISCV4_NEIGHBORS:
        put_nodes(b, p);
        break;
    case DISCV4_ENR_REQUEST:
        break;
    case DISCV4_ENR_RESPONSE:
        rlp_put_hash(b, &p->question);
        rlp_put_raw(b, p->record);
        break;
    }
    if (p->type != DISCV4_ENR_RESPONSE) rlp_put_u64(b, p->expiration_s);
    if ((p->type == DISCV4_PING || p->type == DISCV4_PONG) && p->has_enr_seq)
        rlp_put_u64(b, p->enr_seq);
    rlp_list_end(b, list);
}

void discv4_encode(struct buf *out, struct discv4_packet *p, const struct secret_key *key)
{
    struct buf data;
    buf_init(&data, DISCV4_PACKET_MAX - HEAD);
    buf_put_u8(&data, (uint8_t)p->type);
    put_data(&data, p);
    const hash_t digest = keccak256(buf_bytes(&data));
    const secp_sig_t sig = secp_sign(key, &digest);
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, BYTES_OF(sig.r));
    keccak_update(&k, BYTES_OF(sig.s));
    keccak_update(&k, bytes_make(&sig.v, 1));
    keccak_update(&k, buf_bytes(&data));
    p->hash = keccak_final(&k);

    buf_put(out, BYTES_OF(p->hash));
    buf_put(out, BYTES_OF(sig.r));
    buf_put(out, BYTES_OF(sig.s));
    buf_put_u8(out, sig.v);
    buf_put(out, buf_bytes(&data));
    if (data.full) out->full = true;
    buf_deinit(&data);
}

/// --- reading ---

static err_t read_port(struct rlp_reader *r, uint16_t *out)
{
    uint64_t port;
    TRY(rlp_read_u64(r, &port));
    if (port > UINT16_MAX) return FAIL(MALFORMED, "discv4: a port above 65535");
    *out = (uint16_t)port;
    return OK;
}

static err_t read_endpoint(struct rlp_reader *r, struct discv4_endpoint *out)
{
    bytes_t ip;
    TRY(rlp_read_bytes(r, &ip));
    if (ip.len != 0 && ip.len != 4 && ip.len != 16)
        return FAIL(MALFORMED, "discv4: an address of another length");
    if (ip.len != 0) memcpy(out->ip, ip.data, ip.len);
    out->ip_len = (uint8_t)ip.len;
    TRY(read_port(r, &out->udp));
    return read_port(r, &out->tcp);
}

static err_t read_endpoint_list(struct rlp_reader *r, struct discv4_endpoint *out)
{
    struct rlp_reader list;
    TRY(rlp_read_list(r, &list));
    return read_endpoint(&list, out);
}

static err_t read_nodes(struct rlp_reader *r, struct discv4_packet *p)
{
    struct rlp_reader nodes;
    TRY(rlp_read_list(r, &nodes));
    while (!rlp_at_end(&nodes) && p->node_count < DISCV4_NODES_MAX) {
        struct rlp_reader node;
        struct discv4_node *n = &p->nodes[p->node_count];
        TRY(rlp_read_list(&nodes, &node));
        TRY(read_endpoint(&node, &n->at));
        TRY(rlp_read_fixed(&node, n->id.b, sizeof n->id.b));
        p->node_count++;
    }
    return OK;
}

/// The record's number at the end of a Ping or Pong, which older nodes leave out.
static err_t read_enr_seq(struct rlp_reader *r, struct discv4_packet *p)
{
    if (rlp_at_end(r)) return OK;
    p->has_enr_seq = true;
    return rlp_read_u64(r, &p->enr_seq);
}

static err_t read_data(struct rlp_reader *r, struct discv4_packet *p)
{
    uint64_t version;
    switch (p->type) {
    case DISCV4_PING:
        TRY(rlp_read_u64(r, &version)); // any: EIP-8
        TRY(read_endpoint_list(r, &p->from));
        TRY(read_endpoint_list(r, &p->to));
        TRY(rlp_read_u64(r, &p->expiration_s));
        return read_enr_seq(r, p);
    case DISCV4_PONG:
        TRY(read_endpoint_list(r, &p->to));
        TRY(rlp_read_fixed(r, p->question.b, sizeof p->question.b));
        TRY(rlp_read_u64(r, &p->expiration_s));
        return read_enr_seq(r, p);
    case DISCV4_FIND_NODE:
        TRY(rlp_read_fixed(r, p->target.b, sizeof p->target.b));
        return rlp_read_u64(r, &p->expiration_s);
    case DISCV4_NEIGHBORS:
        TRY(read_nodes(r, p));
        return rlp_read_u64(r, &p->expiration_s);
    case DISCV4_ENR_REQUEST:
        return rlp_read_u64(r, &p->expiration_s);
    case DISCV4_ENR_RESPONSE:
        p->expiration_s = UINT64_MAX;
        TRY(rlp_read_fixed(r, p->question.b, sizeof p->question.b));
        return rlp_read_raw(r, &p->record);
    }
    unreachable("discv4 type");
}

err_t discv4_look(bytes_t packet)
{
    if (packet.len > DISCV4_PACKET_MAX) return FAIL(LIMIT, "discv4: more than 1280 bytes");
    if (packet.len < HEAD + 2) return FAIL(MALFORMED, "discv4: too short");
    const hash_t hash = keccak256(bytes_make(packet.data + HASH, packet.len - HASH));
    if (memcmp(hash.b, packet.data, HASH) != 0)
        return FAIL(MALFORMED, "discv4: the hash is not that of the packet");
    return OK;
}

err_t discv4_decode(struct discv4_packet *out, bytes_t packet)
{
    TRY(discv4_look(packet));
    const uint8_t type = packet.data[HEAD];
    if (type < DISCV4_PING || type > DISCV4_ENR_RESPONSE)
        return FAIL(UNSUPPORTED, "discv4: another type of packet");
    struct discv4_packet p = {.type = (enum discv4_type)type};
    memcpy(p.hash.b, packet.data, HASH);

    struct rlp_reader r = rlp_reader(bytes_make(packet.data + HEAD + 1, packet.len - HEAD - 1));
    struct rlp_reader list;
    TRY(rlp_read_list(&r, &list));
    TRY(read_data(&list, &p));

    secp_sig_t sig;
    memcpy(sig.r, packet.data + HASH, 32);
    memcpy(sig.s, packet.data + HASH + 32, 32);
    sig.v = packet.data[HASH + 64];
    const hash_t digest = keccak256(bytes_make(packet.data + HEAD, packet.len - HEAD));
    TRY(secp_recover(&p.sender, &sig, &digest));
    *out = p;
    return OK;
}
