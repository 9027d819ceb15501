// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/enr.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"

/// --- writing ---

static void put_pair(struct buf *b, bytes_t key, bytes_t value)
{
    rlp_put_bytes(b, key);
    rlp_put_bytes(b, value);
}

static void put_port(struct buf *b, bytes_t key, uint16_t port)
{
    if (port == 0) return;
    rlp_put_bytes(b, key);
    rlp_put_u64(b, port);
}

/// What is signed, without its list's header.
static void put_content(struct buf *b, const struct enr *n)
{
    uint8_t compressed[33];
    secp_pubkey_compress(compressed, &n->id);
    rlp_put_u64(b, n->seq);
    if (n->has_fork) {
        rlp_put_bytes(b, LIT("eth"));
        const size_t list = rlp_list_begin(b);
        const size_t fork = rlp_list_begin(b);
        rlp_put_bytes(b, BYTES_OF(n->fork.hash));
        rlp_put_u64(b, n->fork.next);
        rlp_list_end(b, fork);
        rlp_list_end(b, list);
    }
    put_pair(b, LIT("id"), LIT("v4"));
    if (n->ip_len == 4) put_pair(b, LIT("ip"), bytes_make(n->ip, 4));
    if (n->ip_len == 16) put_pair(b, LIT("ip6"), bytes_make(n->ip, 16));
    put_pair(b, LIT("secp256k1"), BYTES_OF(compressed));
    put_port(b, LIT("tcp"), n->tcp);
    put_port(b, LIT("udp"), n->udp);
}

/// keccak of the list that has this content.
static hash_t content_hash(bytes_t content)
{
    uint8_t header[9];
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, bytes_make(header, rlp_list_header(header, content.len)));
    keccak_update(&k, content);
    return keccak_final(&k);
}

void enr_encode(struct buf *out, const struct enr *node, const struct secret_key *key)
{
    struct buf content;
    buf_init(&content, ENR_BYTES);
    put_content(&content, node);
    const hash_t digest = content_hash(buf_bytes(&content));
    const secp_sig_t sig = secp_sign(key, &digest);
    uint8_t signature[64];
    memcpy(signature, sig.r, 32);
    memcpy(signature + 32, sig.s, 32);

    const size_t list = rlp_list_begin(out);
    rlp_put_bytes(out, BYTES_OF(signature));
    buf_put(out, buf_bytes(&content));
    rlp_list_end(out, list);
    buf_deinit(&content);
}

/// --- reading ---

static bool is(bytes_t key, bytes_t name)
{
    return bytes_eq(key, name);
}

static err_t read_port(struct rlp_reader *r, uint16_t *out)
{
    uint64_t port;
    TRY(rlp_read_u64(r, &port));
    if (port > UINT16_MAX) return FAIL(MALFORMED, "enr: a port above 65535");
    *out = (uint16_t)port;
    return OK;
}

static err_t read_ip(struct rlp_reader *r, struct enr *n, uint8_t len)
{
    TRY(rlp_read_fixed(r, n->ip, len));
    n->ip_len = len;
    return OK;
}

static err_t read_fork(struct rlp_reader *r, struct enr *n)
{
    struct rlp_reader list;
    struct rlp_reader fork;
    TRY(rlp_read_list(r, &list));
    TRY(rlp_read_list(&list, &fork));
    TRY(rlp_read_fixed(&fork, n->fork.hash, sizeof n->fork.hash));
    TRY(rlp_read_u64(&fork, &n->fork.next));
    n->has_fork = true;
    return OK;
}

/// What was found on the way, beside the node itself.
struct seen {
    bool scheme;
    bool key;
};

static err_t read_pair(struct rlp_reader *r, bytes_t key, struct enr *n, struct seen *seen)
{
    if (is(key, LIT("id"))) {
        bytes_t scheme;
        TRY(rlp_read_bytes(r, &scheme));
        if (!is(scheme, LIT("v4"))) return FAIL(UNSUPPORTED, "enr: another identity scheme");
        seen->scheme = true;
        return OK;
    }
    if (is(key, LIT("secp256k1"))) {
        bytes_t point;
        TRY(rlp_read_bytes(r, &point));
        if (point.len != 33) return FAIL(MALFORMED, "enr: a key of another length");
        seen->key = true;
        return secp_pubkey_parse(&n->id, point);
    }
    if (is(key, LIT("ip"))) return read_ip(r, n, 4);
    if (is(key, LIT("ip6")) && n->ip_len == 0) return read_ip(r, n, 16);
    if (is(key, LIT("tcp"))) return read_port(r, &n->tcp);
    if (is(key, LIT("udp"))) return read_port(r, &n->udp);
    if (is(key, LIT("eth"))) return read_fork(r, n);
    bytes_t skipped;
    return rlp_read_raw(r, &skipped);
}

/// A record has no recovery id: one of the two keys must be it.
static err_t check_signature(const secp_pubkey_t *id, const uint8_t signature[64], bytes_t content)
{
    const hash_t digest = content_hash(content);
    secp_sig_t sig;
    memcpy(sig.r, signature, 32);
    memcpy(sig.s, signature + 32, 32);
    for (sig.v = 0; sig.v < 2; sig.v++) {
        secp_pubkey_t signer;
        if (err_ok(secp_recover(&signer, &sig, &digest)) &&
            memcmp(signer.b, id->b, sizeof id->b) == 0)
            return OK;
    }
    return FAIL(INVALID, "enr: the signature is not that of its key");
}

err_t enr_decode(struct enr *out, bytes_t record)
{
    if (record.len > ENR_BYTES) return FAIL(LIMIT, "enr: more than 300 bytes");
    struct rlp_reader r = rlp_reader(record);
    struct rlp_reader list;
    uint8_t signature[64];
    TRY(rlp_read_list(&r, &list));
    TRY(rlp_expect_end(&r));
    TRY(rlp_read_fixed(&list, signature, sizeof signature));
    const bytes_t content = list.rest;

    struct enr n = {.seq = 0};
    struct seen seen = {.scheme = false};
    bytes_t last = BYTES_NONE;
    TRY(rlp_read_u64(&list, &n.seq));
    while (!rlp_at_end(&list)) {
        bytes_t key;
        TRY(rlp_read_bytes(&list, &key));
        if (last.data != NULL && bytes_cmp(last, key) >= 0)
            return FAIL(MALFORMED, "enr: keys out of order");
        last = key;
        TRY(read_pair(&list, key, &n, &seen));
    }
    if (!seen.scheme || !seen.key) return FAIL(MALFORMED, "enr: no scheme or no key");
    TRY(check_signature(&n.id, signature, content));
    *out = n;
    return OK;
}

/// --- text ---

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void enr_print(char out[ENR_TEXT_MAX], bytes_t record)
{
    check(record.len <= ENR_BYTES);
    memcpy(out, "enr:", 4);
    out += 4;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < record.len; i++) {
        bits = bits << 8 | record.data[i];
        held += 8;
        for (; held >= 6; held -= 6) *out++ = ALPHABET[bits >> (held - 6) & 63];
    }
    if (held != 0) *out++ = ALPHABET[bits << (6 - held) & 63];
    *out = 0;
}

err_t enr_parse(uint8_t out[ENR_BYTES], size_t *len, bytes_t text)
{
    if (text.len < 4 || memcmp(text.data, "enr:", 4) != 0)
        return FAIL(MALFORMED, "enr: begins with enr:");
    uint8_t bytes[ENR_BYTES];
    size_t count = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 4; i < text.len; i++) {
        const char *at = text.data[i] == 0 ? NULL : strchr(ALPHABET, text.data[i]);
        if (at == NULL) return FAIL(MALFORMED, "enr: not base64url without padding");
        bits = bits << 6 | (uint32_t)(at - ALPHABET);
        held += 6;
        if (held < 8) continue;
        if (count == ENR_BYTES) return FAIL(LIMIT, "enr: more than 300 bytes");
        held -= 8;
        bytes[count++] = (uint8_t)(bits >> held);
    }
    if (held >= 6 || (bits & ((1U << held) - 1)) != 0)
        return FAIL(MALFORMED, "enr: bits left over at the end");
    memcpy(out, bytes, count);
    *len = count;
    return OK;
}
