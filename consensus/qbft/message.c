// SPDX-License-Identifier: Apache-2.0
#include "consensus/qbft/message.h"

#include "chain/base/u256.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "consensus/qbft/mutants.h"

const char *qbft_code_name(enum qbft_code code)
{
    switch (code) {
    case QBFT_PROPOSAL:
        return "proposal";
    case QBFT_PREPARE:
        return "prepare";
    case QBFT_COMMIT:
        return "commit";
    case QBFT_ROUND_CHANGE:
        return "round change";
    }
    unreachable("qbft code");
}

static err_t read_signature(struct rlp_reader *r, secp_sig_t *out)
{
    uint8_t bytes[65];
    TRY(rlp_read_fixed(r, bytes, sizeof bytes));
    memcpy(out->r, bytes, 32);
    memcpy(out->s, bytes + 32, 32);
    out->v = bytes[64];
    if (out->v > 1) return FAIL(MALFORMED, "qbft: recovery id is not 0 or 1");

    const u256_t s = u256_from_be32(out->s);
    if (u256_lt(&SECP_HALF_N, &s)) return FAIL(MALFORMED, "qbft: signature with a high s");
    return OK;
}

static void put_signature(struct buf *out, const secp_sig_t *sig)
{
    uint8_t bytes[65];
    memcpy(bytes, sig->r, 32);
    memcpy(bytes + 32, sig->s, 32);
    bytes[64] = sig->v;
    rlp_put_bytes(out, BYTES_OF(bytes));
}

/// keccak256(rlp([code, P])) with P spliced in as the item that it is.
static hash_t signing_hash(enum qbft_code code, bytes_t p)
{
    uint8_t head[10];
    const size_t len = rlp_list_header(head, 1 + p.len);
    head[len] = (uint8_t)code; // below 0x80: its own encoding

    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, bytes_make(head, len + 1));
    keccak_update(&k, p);
    return keccak_final(&k);
}

static err_t read_round(struct rlp_reader *r, uint32_t *out)
{
    uint64_t round = 0;
    TRY(rlp_read_u64(r, &round));
    if (round > QBFT_ROUND_LIMIT) return FAIL(LIMIT, "qbft: round above 2^31 - 1");
    *out = (uint32_t)round;
    return OK;
}

err_t qbft_block_decode(struct qbft_block *out, struct arena *arena, bytes_t raw)
{
    struct rlp_reader outer = rlp_reader(raw);
    struct rlp_reader items;
    struct qbft_block b = {.raw = raw};
    bytes_t header;
    TRY(rlp_read_list(&outer, &items));
    TRY(rlp_expect_end(&outer));
    TRY(rlp_read_raw(&items, &header));
    TRY(header_decode(&b.header, header));
    TRY(extra_data_decode(&b.extra, arena, b.header.extra_data));
    b.hash = header_hash(&b.header);
    *out = b;
    return OK;
}

err_t qbft_block_with_round(struct qbft_block *out, struct arena *arena,
                            const struct qbft_block *in, uint32_t round)
{
    struct rlp_reader outer = rlp_reader(in->raw);
    struct rlp_reader items;
    bytes_t old_header;
    TRY(rlp_read_list(&outer, &items));
    TRY(rlp_read_raw(&items, &old_header));

    struct buf extra;
    struct buf block;
    buf_init(&extra, in->header.extra_data.len + 64);
    buf_init(&block, in->raw.len + 128);
    err_t err = extra_data_reseal(&extra, in->header.extra_data, round, NULL, 0);
    if (err_ok(err)) err = buf_status(&extra);
    if (err_ok(err)) {
        struct header h = in->header;
        h.extra_data = buf_bytes(&extra);
        const size_t list = rlp_list_begin(&block);
        header_encode(&block, &h);
        buf_put(&block, items.rest);
        rlp_list_end(&block, list);
        err = buf_status(&block);
    }
    if (err_ok(err)) {
        bool full = false;
        const bytes_t raw = arena_copy(arena, buf_bytes(&block), &full);
        err = full ? FAIL(FULL, "qbft: no room for a block") : qbft_block_decode(out, arena, raw);
    }
    buf_deinit(&extra);
    buf_deinit(&block);
    return err;
}

err_t qbft_digest(hash_t *out, const struct header *h, uint32_t round, enum qbft_wire wire)
{
    const bool blank = wire == QBFT_WIRE_GOQUORUM || MUTANT(ROUND_NOT_IN_DIGEST);
    return qbft_seal_hash(out, h, blank ? 0 : round);
}

/// Reads the payload P of `code`; for a Proposal the block's item is left in `block`.
static err_t read_payload(struct qbft_payload *out, bytes_t *block, bytes_t p)
{
    struct rlp_reader outer = rlp_reader(p);
    struct rlp_reader r;
    TRY(rlp_read_list(&outer, &r));
    TRY(rlp_expect_end(&outer));
    TRY(rlp_read_u64(&r, &out->sequence));
    TRY(read_round(&r, &out->round));

    switch (out->code) {
    case QBFT_PROPOSAL: {
        bytes_t bal;
        TRY(rlp_read_raw(&r, block));
        if (!rlp_at_end(&r)) TRY(rlp_read_raw(&r, &bal)); // Besu >= 26.1.0
        break;
    }
    case QBFT_PREPARE:
        TRY(rlp_read_fixed(&r, out->digest.b, sizeof out->digest.b));
        break;
    case QBFT_COMMIT:
        TRY(rlp_read_fixed(&r, out->digest.b, sizeof out->digest.b));
        TRY(read_signature(&r, &out->seal));
        break;
    case QBFT_ROUND_CHANGE: {
        struct rlp_reader prepared;
        TRY(rlp_read_list(&r, &prepared));
        if (!rlp_at_end(&prepared)) {
            out->has_prepared = true;
            TRY(read_round(&prepared, &out->prepared_round));
            TRY(rlp_read_fixed(&prepared, out->digest.b, sizeof out->digest.b));
            TRY(rlp_expect_end(&prepared));
        }
        break;
    }
    }
    return rlp_expect_end(&r);
}

/// Reads signed(P). `block` receives a Proposal's block item.
static err_t read_signed(struct rlp_reader *r, struct qbft_payload *out, bytes_t *block,
                         enum qbft_code code)
{
    struct qbft_payload p = {.code = code};
    TRY(rlp_read_raw(r, &p.raw));
    struct rlp_reader outer = rlp_reader(p.raw);
    struct rlp_reader items;
    bytes_t payload;
    TRY(rlp_read_list(&outer, &items));
    TRY(rlp_read_raw(&items, &payload));
    TRY(read_signature(&items, &p.signature));
    TRY(rlp_expect_end(&items));
    TRY(read_payload(&p, block, payload));
    p.signing_hash = signing_hash(code, payload);
    *out = p;
    return OK;
}

/// Reads a list of signed payloads of one kind.
static err_t read_signed_list(struct rlp_reader *r, struct qbft_payload **out, size_t *count,
                              struct arena *arena, enum qbft_code code)
{
    struct rlp_reader list;
    TRY(rlp_read_list(r, &list));

    size_t n = 0;
    for (struct rlp_reader scan = list; !rlp_at_end(&scan); n++) {
        bytes_t item;
        if (n == QBFT_MAX_VALIDATORS) return FAIL(LIMIT, "qbft: justification is too long");
        TRY(rlp_read_raw(&scan, &item));
    }
    struct qbft_payload *payloads = ARENA_ARRAY(arena, struct qbft_payload, n);
    if (payloads == NULL) return FAIL(FULL, "qbft: no room for a justification");
    for (size_t i = 0; i < n; i++) {
        bytes_t none;
        TRY(read_signed(&list, &payloads[i], &none, code));
    }
    *out = payloads;
    *count = n;
    return OK;
}

static err_t decode_proposal(struct qbft_message *m, struct arena *arena, bytes_t in)
{
    struct rlp_reader outer = rlp_reader(in);
    struct rlp_reader r;
    struct rlp_reader justification;
    bytes_t block = BYTES_NONE;
    TRY(rlp_read_list(&outer, &r));
    TRY(rlp_expect_end(&outer));
    TRY(read_signed(&r, &m->main, &block, QBFT_PROPOSAL));
    TRY(rlp_read_list(&r, &justification));
    TRY(rlp_expect_end(&r));
    TRY(read_signed_list(&justification, &m->round_changes, &m->round_change_count, arena,
                         QBFT_ROUND_CHANGE));
    TRY(read_signed_list(&justification, &m->prepares, &m->prepare_count, arena, QBFT_PREPARE));
    TRY(rlp_expect_end(&justification));
    m->has_block = true;
    return qbft_block_decode(&m->block, arena, block);
}

static err_t decode_round_change(struct qbft_message *m, struct arena *arena, bytes_t in)
{
    struct rlp_reader outer = rlp_reader(in);
    struct rlp_reader r;
    bytes_t block;
    bytes_t items[3];
    size_t n = 0;
    TRY(rlp_read_list(&outer, &r));
    TRY(rlp_expect_end(&outer));
    TRY(read_signed(&r, &m->main, &block, QBFT_ROUND_CHANGE));
    for (; !rlp_at_end(&r); n++) {
        if (n == ARRAY_LEN(items)) return FAIL(MALFORMED, "qbft: round change of five items");
        TRY(rlp_read_raw(&r, &items[n]));
    }
    if (n < 2) return FAIL(MALFORMED, "qbft: round change of fewer than three items");

    // Three items are the legacy form; with four the one before the last is the access list.
    struct rlp_reader prepares = rlp_reader(items[n - 1]);
    TRY(read_signed_list(&prepares, &m->prepares, &m->prepare_count, arena, QBFT_PREPARE));
    if (bytes_eq(items[0], LIT("\xc0"))) return OK;
    m->has_block = true;
    return qbft_block_decode(&m->block, arena, items[0]);
}

err_t qbft_message_decode(struct qbft_message *out, struct arena *arena, unsigned code, bytes_t in)
{
    struct qbft_message m = {.raw = in};
    switch (code) {
    case QBFT_PROPOSAL:
        TRY(decode_proposal(&m, arena, in));
        break;
    case QBFT_ROUND_CHANGE:
        TRY(decode_round_change(&m, arena, in));
        break;
    case QBFT_PREPARE:
    case QBFT_COMMIT: {
        struct rlp_reader r = rlp_reader(in);
        bytes_t block;
        TRY(read_signed(&r, &m.main, &block, (enum qbft_code)code));
        TRY(rlp_expect_end(&r));
        break;
    }
    default:
        return FAIL(UNSUPPORTED, "qbft: unknown message code");
    }
    *out = m;
    return OK;
}

err_t qbft_payload_decode(struct qbft_payload *out, enum qbft_code code, bytes_t in)
{
    struct rlp_reader r = rlp_reader(in);
    bytes_t block;
    struct qbft_payload p;
    TRY(read_signed(&r, &p, &block, code));
    TRY(rlp_expect_end(&r));
    *out = p;
    return OK;
}

static err_t recover_author(struct qbft_payload *p, const struct qbft_crypto *crypto)
{
    return crypto->recover(crypto->ctx, &p->author, &p->signature, &p->signing_hash);
}

err_t qbft_message_recover(struct qbft_message *m, const struct qbft_crypto *crypto)
{
    TRY(recover_author(&m->main, crypto));
    for (size_t i = 0; i < m->round_change_count; i++)
        TRY(recover_author(&m->round_changes[i], crypto));
    for (size_t i = 0; i < m->prepare_count; i++) TRY(recover_author(&m->prepares[i], crypto));
    if (m->main.code == QBFT_COMMIT) {
        const err_t err =
            crypto->recover(crypto->ctx, &m->main.seal_author, &m->main.seal, &m->main.digest);
        m->main.seal_recovered = err_ok(err);
    }
    return OK;
}

err_t qbft_payload_copy(struct qbft_payload *out, struct arena *arena, const struct qbft_payload *p)
{
    bool full = false;
    const bytes_t raw = arena_copy(arena, p->raw, &full);
    if (full) return FAIL(FULL, "qbft: no room for a message");
    *out = *p;
    out->raw = raw;
    return OK;
}

err_t qbft_message_copy(struct qbft_message *out, struct arena *arena, const struct qbft_message *m)
{
    bool full = false;
    const bytes_t raw = arena_copy(arena, m->raw, &full);
    if (full) return FAIL(FULL, "qbft: no room for a message");
    TRY(qbft_message_decode(out, arena, m->main.code, raw));

    out->main.author = m->main.author;
    out->main.seal_author = m->main.seal_author;
    out->main.seal_recovered = m->main.seal_recovered;
    for (size_t i = 0; i < m->round_change_count; i++)
        out->round_changes[i].author = m->round_changes[i].author;
    for (size_t i = 0; i < m->prepare_count; i++) out->prepares[i].author = m->prepares[i].author;
    return OK;
}

void qbft_prepares_encode(struct buf *out, const struct qbft_payload *prepares, size_t count)
{
    const size_t list = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++) rlp_put_raw(out, prepares[i].raw);
    rlp_list_end(out, list);
}

err_t qbft_prepares_decode(struct qbft_payload **out, size_t *count, struct arena *arena,
                           bytes_t in, const struct qbft_crypto *crypto)
{
    struct rlp_reader r = rlp_reader(in);
    TRY(read_signed_list(&r, out, count, arena, QBFT_PREPARE));
    TRY(rlp_expect_end(&r));
    for (size_t i = 0; i < *count; i++) TRY(recover_author(&(*out)[i], crypto));
    return OK;
}

static void put_raw_list(struct buf *out, const bytes_t *items, size_t count)
{
    const size_t list = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++) rlp_put_raw(out, items[i]);
    rlp_list_end(out, list);
}

/// Appends the payload P. `wide`: with the access-list slot.
static void put_payload(struct buf *out, const struct qbft_send *s, bool wide,
                        const struct qbft_crypto *crypto)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_u64(out, s->sequence);
    rlp_put_u64(out, s->round);
    switch (s->code) {
    case QBFT_PROPOSAL:
        rlp_put_raw(out, s->block);
        if (wide) rlp_put_bytes(out, BYTES_NONE);
        break;
    case QBFT_PREPARE:
        rlp_put_hash(out, &s->digest);
        break;
    case QBFT_COMMIT: {
        secp_sig_t seal;
        crypto->sign(crypto->ctx, &seal, &s->seal_hash);
        rlp_put_hash(out, &s->digest);
        put_signature(out, &seal);
        break;
    }
    case QBFT_ROUND_CHANGE: {
        const size_t prepared = rlp_list_begin(out);
        if (s->has_prepared) {
            rlp_put_u64(out, s->prepared_round);
            rlp_put_hash(out, &s->digest);
        }
        rlp_list_end(out, prepared);
        break;
    }
    }
    rlp_list_end(out, list);
}

static void put_signed(struct buf *out, const struct qbft_send *s, bool wide,
                       const struct qbft_crypto *crypto)
{
    const size_t list = rlp_list_begin(out);
    const size_t start = out->len;
    put_payload(out, s, wide, crypto);
    if (!out->full) {
        const bytes_t p = {out->data + start, out->len - start};
        const hash_t hash = signing_hash(s->code, p);
        secp_sig_t sig;
        crypto->sign(crypto->ctx, &sig, &hash);
        put_signature(out, &sig);
    }
    rlp_list_end(out, list);
}

void qbft_message_sign(struct buf *out, const struct qbft_send *s, enum qbft_wire wire,
                       const struct qbft_crypto *crypto)
{
    const bool wide = wire == QBFT_WIRE_BESU26;
    switch (s->code) {
    case QBFT_PREPARE:
    case QBFT_COMMIT:
        put_signed(out, s, wide, crypto);
        return;
    case QBFT_PROPOSAL: {
        const size_t list = rlp_list_begin(out);
        put_signed(out, s, wide, crypto);
        const size_t justification = rlp_list_begin(out);
        put_raw_list(out, s->round_changes, s->round_change_count);
        put_raw_list(out, s->prepares, s->prepare_count);
        rlp_list_end(out, justification);
        rlp_list_end(out, list);
        return;
    }
    case QBFT_ROUND_CHANGE: {
        const size_t list = rlp_list_begin(out);
        put_signed(out, s, wide, crypto);
        rlp_put_raw(out, s->has_prepared ? s->block : LIT("\xc0"));
        if (wide) rlp_put_bytes(out, BYTES_NONE);
        put_raw_list(out, s->prepares, s->prepare_count);
        rlp_list_end(out, list);
        return;
    }
    }
    unreachable("qbft code");
}
