// SPDX-License-Identifier: Apache-2.0
#include "chain/base/crash_point.h"
#include "chain/base/endian.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/fed/views.h"
#include "chain/state/flat.h"
#include "chain/state/genesis_state.h"
#include "chain/state/load.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "chain/trie/list_root.h"
#include "chain/types/address.h"
#include "consensus/block/check.h"
#include "consensus/qbft/header_chain.h"
#include "consensus/sync/snapshot_impl.h"

#include <stdlib.h>

/// One write transaction of headers and blocks: about this many bytes of the file.
#define COMMIT_BYTES ((size_t)16 * 1024 * 1024)
#define ARENA_BYTES ((size_t)4 * 1024 * 1024 * 1024)
/// Headers whose seals are recovered together.
#define SEALED_MAX 256U
/// Blocks whose senders are recovered together.
#define PENDING_BLOCKS 256U
#define PENDING_BYTES ((size_t)8 * 1024 * 1024)

/// A header with who sealed it.
struct sealed {
    struct header header;
    const secp_sig_t *seals;
    address_t *signers;
    bool *recovered; ///< of each seal
    size_t seal_count;
    hash_t digest; ///< what they sealed
};

/// A block that waits for its senders.
struct pending {
    struct block block;
    struct receipt *receipts;
    size_t receipt_count;
};

struct importer {
    const struct snapshot_import *in;
    struct snapshot_count *count;
    struct snapshot_reader file;
    struct header_chain chain;
    struct state_loader *state;
    struct db_txn *txn; ///< headers and blocks not yet committed; NULL: none
    size_t dirty;       ///< bytes of the file in it
    struct arena arena; ///< of the chunk or the blocks in hand
    const struct sealed *now;
    struct pending pending[PENDING_BLOCKS];
    size_t pending_count;
    size_t pending_bytes;
    uint64_t last_block;  ///< of those that were there
    hash_t code_hash;     ///< of the account in hand
    struct header header; ///< of block S
};

static void tell(const struct importer *im)
{
    if (im->in->progress != NULL) im->in->progress(im->in->ctx, im->count);
}

// ---- one write transaction after the other ----------------------------------------------------

static err_t writing(struct importer *im)
{
    if (im->txn != NULL) return OK;
    im->dirty = 0;
    return db_begin_write(im->in->db, &im->txn);
}

static err_t commit(struct importer *im)
{
    if (im->txn == NULL) return OK;
    struct db_txn *txn = im->txn;
    im->txn = NULL;
    const err_t err = db_commit(txn);
    CRASH_POINT("snapshot-group");
    tell(im);
    return err;
}

static err_t written(struct importer *im, size_t bytes)
{
    im->dirty += bytes;
    return im->dirty < COMMIT_BYTES ? OK : commit(im);
}

// ---- head -------------------------------------------------------------------------------------

static err_t take_head(struct importer *im, bytes_t payload)
{
    struct rlp_reader all = rlp_reader(payload);
    struct rlp_reader r;
    uint64_t chain_id;
    uint64_t number;
    hash_t genesis;
    hash_t hash;
    TRY(rlp_read_list(&all, &r));
    TRY(rlp_expect_end(&all));
    TRY(rlp_read_u64(&r, &chain_id));
    TRY(rlp_read_fixed(&r, genesis.b, sizeof genesis.b));
    TRY(rlp_read_u64(&r, &number));
    TRY(rlp_read_fixed(&r, hash.b, sizeof hash.b));
    TRY(rlp_expect_end(&r));
    if (im->in->genesis->config.engine != ENGINE_QBFT) {
        return FAIL(MISMATCH, "snapshot: the genesis file is not of a QBFT network");
    }
    if (chain_id != im->in->genesis->config.chain_id || !hash_eq(&genesis, im->in->genesis_hash)) {
        return FAIL(MISMATCH, "snapshot: it is of another network than the genesis file");
    }
    if (number == 0) return FAIL(INVALID, "snapshot: of block 0");
    im->count->number = number;
    im->count->hash = hash;
    if (im->in->trusted != NULL && !hash_eq(im->in->trusted, &im->count->hash)) {
        return FAIL(MISMATCH, "snapshot: its block is not the trusted one");
    }
    return OK;
}

/// What every chain begins with: our own genesis, not the file's.
static err_t put_genesis(struct importer *im)
{
    const struct genesis *g = im->in->genesis;
    const struct block block = genesis_block(g, im->in->genesis_hash);
    TRY(header_chain_init(&im->chain, &g->config, &g->header));
    im->chain.trust_contract = im->in->trusted != NULL;
    TRY(writing(im));
    TRY(schema_stamp(im->txn, g->config.chain_id, im->in->genesis_hash));
    return blocks_append(im->txn, &block, NULL, 0);
}

// ---- headers ------------------------------------------------------------------------------------

static void recover_one(void *arg, size_t i)
{
    struct sealed *s = &((struct sealed *)arg)[i];
    for (size_t k = 0; k < s->seal_count; k++) {
        s->recovered[k] = err_ok(secp_recover_address(&s->signers[k], &s->seals[k], &s->digest));
    }
}

/// Gives header_chain what was recovered before.
static err_t known_signer(void *ctx, address_t *out, const secp_sig_t *sig, const hash_t *digest)
{
    const struct importer *im = ctx;
    const struct sealed *s = im->now;
    for (size_t i = 0; i < s->seal_count; i++) {
        if (memcmp(&s->seals[i], sig, sizeof *sig) != 0) continue;
        if (!hash_eq(&s->digest, digest) || !s->recovered[i]) break;
        *out = s->signers[i];
        return OK;
    }
    return FAIL(INVALID, "header: a seal does not recover");
}

/// Decodes a header, and lists its seals where they will be asked for.
static err_t read_header(struct importer *im, struct sealed *s, struct rlp_reader *r, size_t *len)
{
    bytes_t raw;
    struct extra_data extra;
    TRY(rlp_read_raw(r, &raw));
    *len += raw.len;
    TRY(header_decode(&s->header, raw));
    TRY(extra_data_decode(&extra, &im->arena, s->header.extra_data));
    *s = (struct sealed){.header = s->header, .seals = extra.seals, .seal_count = extra.seal_count};
    if (im->chain.trust_contract &&
        chain_qbft_at(&im->in->genesis->config, s->header.number).has_validator_contract) {
        s->seal_count = 0;
    }
    s->signers = ARENA_ARRAY(&im->arena, address_t, s->seal_count);
    s->recovered = ARENA_ARRAY(&im->arena, bool, s->seal_count);
    if (s->signers == NULL || s->recovered == NULL) return FAIL(FULL, "snapshot: no memory");
    return qbft_seal_hash(&s->digest, &s->header, extra.round);
}

static err_t take_sealed(struct importer *im, const struct sealed *s)
{
    im->count->at_block = s->header.number;
    if (im->count->headers == im->count->number) {
        return FAIL(INVALID, "snapshot: headers behind its block");
    }
    im->now = s;
    TRY(header_chain_next(&im->chain, &s->header));
    TRY(blocks_append_header(im->txn, &s->header, &im->chain.head_hash));
    im->count->headers++;
    return OK;
}

static err_t take_headers(struct importer *im, bytes_t payload)
{
    struct rlp_reader r = rlp_reader(payload);
    im->chain.crypto = (struct qbft_crypto){.recover = known_signer, .ctx = im};
    while (!rlp_at_end(&r)) {
        arena_reset(&im->arena);
        struct sealed *group = ARENA_ARRAY(&im->arena, struct sealed, SEALED_MAX);
        if (group == NULL) return FAIL(FULL, "snapshot: no memory");
        size_t count = 0;
        size_t bytes = 0;
        for (; count < SEALED_MAX && !rlp_at_end(&r); count++) {
            im->count->at_block = im->count->headers + count + 1;
            TRY(read_header(im, &group[count], &r, &bytes));
        }
        jobs_run(im->in->jobs, count, recover_one, group);
        TRY(writing(im));
        for (size_t i = 0; i < count; i++) TRY(take_sealed(im, &group[i]));
        TRY(written(im, bytes));
    }
    return OK;
}

static err_t end_headers(struct importer *im)
{
    im->count->at_block = 0;
    if (im->count->headers != im->count->number) {
        return FAIL(INVALID, "snapshot: headers are missing");
    }
    if (!hash_eq(&im->chain.head_hash, &im->count->hash)) {
        return FAIL(INVALID, "snapshot: its last header is not that of its block");
    }
    im->header = im->chain.head;
    return OK;
}

// ---- blocks -------------------------------------------------------------------------------------

/// The next block that must be in the file; ERR_NOT_FOUND behind the last.
static err_t next_block(struct importer *im, struct header *h)
{
    TRY(writing(im));
    for (uint64_t n = im->last_block + 1; n <= im->count->number; n++) {
        TRY(blocks_header(im->txn, h, n));
        if (n == im->count->number || views_may_concern(&h->logs_bloom)) return OK;
        im->last_block = n;
    }
    return FAIL(NOT_FOUND, "snapshot: no block follows");
}

/// What a receipt says beyond its consensus form follows from block and transaction.
static void derive(struct receipt *r, const struct block *b)
{
    static const u256_t zero = {{0}};
    uint64_t before = 0;
    for (size_t i = 0; i < b->tx_count; i++) {
        const struct tx *tx = &b->txs[i];
        r[i].gas_used = r[i].cumulative_gas_used - before;
        before = r[i].cumulative_gas_used;
        r[i].has_contract_address = tx->is_create;
        if (tx->is_create) r[i].contract_address = address_of_create(&tx->sender, tx->nonce);
        const bool has_fee = b->header.field_count >= HEADER_FIELDS_LONDON;
        r[i].effective_gas_price =
            tx_effective_gas_price(tx, has_fee ? &b->header.base_fee_wei : &zero);
    }
}

static err_t read_receipts(struct importer *im, struct pending *p, struct rlp_reader *r)
{
    struct rlp_reader list;
    TRY(rlp_read_list(r, &list));
    p->receipt_count = p->block.tx_count;
    p->receipts = ARENA_ARRAY(&im->arena, struct receipt, p->receipt_count);
    bytes_t *values = ARENA_ARRAY(&im->arena, bytes_t, p->receipt_count);
    if (p->receipts == NULL || values == NULL) return FAIL(FULL, "snapshot: no memory");
    uint64_t before = 0;
    for (size_t i = 0; i < p->receipt_count; i++) {
        TRY(rlp_read_bytes(&list, &values[i]));
        TRY(receipt_decode(&p->receipts[i], &im->arena, values[i]));
        if (p->receipts[i].cumulative_gas_used < before) {
            return FAIL(INVALID, "snapshot: receipts whose gas falls");
        }
        before = p->receipts[i].cumulative_gas_used;
    }
    TRY(rlp_expect_end(&list));
    hash_t root;
    TRY(list_root(&root, &im->arena, values, p->receipt_count));
    if (hash_eq(&root, &p->block.header.receipts_root)) return OK;
    return FAIL(INVALID, "snapshot: a block's receipts do not have their root");
}

static err_t read_block(struct importer *im, struct pending *p, bytes_t payload)
{
    struct header h;
    const err_t err = next_block(im, &h);
    if (err.kind == ERR_NOT_FOUND) return FAIL(INVALID, "snapshot: a block behind the last");
    TRY(err);
    if (payload.len < 12) return FAIL(MALFORMED, "snapshot: a block is cut short");
    const uint64_t number = be_get_u64(payload.data);
    const size_t body_len = be_get_u32(payload.data + 8);
    im->count->at_block = number;
    if (number != h.number) {
        return number > h.number ? FAIL(INVALID, "snapshot: a block before this one is missing")
                                 : FAIL(INVALID, "snapshot: a block that does not belong here");
    }
    bool full = false;
    const bytes_t kept =
        arena_copy(&im->arena, bytes_make(payload.data + 12, payload.len - 12), &full);
    if (full) return FAIL(FULL, "snapshot: no memory");
    if (body_len > kept.len) return FAIL(MALFORMED, "snapshot: a block is cut short");
    // The transaction in hand keeps the header's bytes where they are until its next write.
    bytes_t extra = arena_copy(&im->arena, h.extra_data, &full);
    if (full) return FAIL(FULL, "snapshot: no memory");
    TRY(block_body_decode(&p->block, &im->arena, bytes_make(kept.data, body_len)));
    p->block.header = h;
    p->block.header.extra_data = extra;
    TRY(blocks_hash_of(im->txn, &p->block.hash, number));
    TRY(block_check_body(&p->block, &im->arena));
    struct rlp_reader rest = rlp_reader(bytes_make(kept.data + body_len, kept.len - body_len));
    TRY(read_receipts(im, p, &rest));
    TRY(rlp_expect_end(&rest));
    im->last_block = number;
    return OK;
}

/// All transactions of the blocks that wait, in one array, so that all cores have work.
static err_t recover_pending(struct importer *im)
{
    size_t total = 0;
    for (size_t i = 0; i < im->pending_count; i++) total += im->pending[i].block.tx_count;
    struct tx *all = ARENA_ARRAY(&im->arena, struct tx, total);
    if (all == NULL) return FAIL(FULL, "snapshot: no memory");
    size_t at = 0;
    for (size_t i = 0; i < im->pending_count; i++) {
        struct block *b = &im->pending[i].block;
        if (b->tx_count > 0) memcpy(all + at, b->txs, b->tx_count * sizeof *all);
        b->txs = all + at;
        at += b->tx_count;
    }
    return recover_senders(all, total, im->in->jobs);
}

static err_t put_pending(struct importer *im)
{
    const uint64_t at_block = im->count->at_block;
    if (im->pending_count == 0) return OK;
    TRY(recover_pending(im));
    TRY(writing(im));
    for (size_t i = 0; i < im->pending_count; i++) {
        struct pending *p = &im->pending[i];
        const struct header *h = &p->block.header;
        im->count->at_block = h->number;
        derive(p->receipts, &p->block);
        TRY(blocks_append_body(im->txn, &p->block, p->receipts, p->receipt_count));
        TRY(views_apply(im->txn, h->number, h->timestamp_s, &p->block, p->receipts));
        im->count->blocks++;
    }
    im->count->at_block = at_block;
    TRY(written(im, im->pending_bytes));
    im->pending_count = 0;
    im->pending_bytes = 0;
    arena_reset(&im->arena);
    return OK;
}

static err_t take_block(struct importer *im, bytes_t payload)
{
    if (im->pending_count == 0) arena_reset(&im->arena);
    struct pending *p = &im->pending[im->pending_count];
    *p = (struct pending){.receipt_count = 0};
    TRY(read_block(im, p, payload));
    im->pending_count++;
    im->pending_bytes += payload.len;
    if (im->pending_count < PENDING_BLOCKS && im->pending_bytes < PENDING_BYTES) return OK;
    return put_pending(im);
}

static err_t end_blocks(struct importer *im)
{
    struct header h;
    TRY(put_pending(im));
    im->count->at_block = 0;
    const err_t err = next_block(im, &h);
    if (err_ok(err)) {
        im->count->at_block = h.number;
        return FAIL(INVALID, "snapshot: a block is missing");
    }
    if (err.kind != ERR_NOT_FOUND) return err;
    TRY(commit(im));
    return state_loader_new(&im->state, im->in->db, im->in->jobs);
}

// ---- state --------------------------------------------------------------------------------------

/// The bytes that follow, at least `len` of them.
static err_t need(const struct rlp_reader *r, size_t len)
{
    return r->rest.len >= len ? OK : FAIL(MALFORMED, "snapshot: an entry is cut short");
}

static void skip(struct rlp_reader *r, size_t len)
{
    r->rest = bytes_make(r->rest.data + len, r->rest.len - len);
}

/// A key and a record in its flat form, which has one spelling.
static err_t read_record(struct rlp_reader *r, hash_t *key, bytes_t *record, size_t key_len)
{
    struct flat_value v;
    TRY(need(r, sizeof key->b + 1));
    memcpy(key->b, r->rest.data, sizeof key->b);
    skip(r, sizeof key->b);
    if (!err_ok(flat_split(&v, key_len, r->rest)) || v.record.len == 0) {
        return FAIL(MALFORMED, "snapshot: an entry is cut short");
    }
    *record = v.record;
    skip(r, v.record.len);
    return OK;
}

static err_t take_account(struct importer *im, struct rlp_reader *r)
{
    hash_t key;
    bytes_t record;
    struct account a;
    uint8_t again[FLAT_ACCOUNT_MAX];
    TRY(read_record(r, &key, &record, 32));
    if (!err_ok(flat_account_decode(&a, record)) ||
        !bytes_eq(record, bytes_make(again, flat_account_encode(again, &a)))) {
        return FAIL(MALFORMED, "snapshot: an account is unreadable");
    }
    im->count->accounts++;
    return state_load_account(im->state, &key, &a);
}

static err_t take_slot(struct importer *im, struct rlp_reader *r)
{
    hash_t key;
    bytes_t record;
    u256_t value;
    uint8_t again[FLAT_SLOT_MAX];
    TRY(read_record(r, &key, &record, 64));
    if (!err_ok(flat_slot_decode(&value, record)) ||
        !bytes_eq(record, bytes_make(again, flat_slot_encode(again, &value)))) {
        return FAIL(MALFORMED, "snapshot: a slot is unreadable");
    }
    im->count->slots++;
    return state_load_slot(im->state, &key, &value);
}

static err_t take_code(struct importer *im, struct rlp_reader *r)
{
    TRY(need(r, 4));
    const size_t len = be_get_u32(r->rest.data);
    skip(r, 4);
    TRY(need(r, len));
    const bytes_t code = bytes_make(r->rest.data, len);
    skip(r, len);
    im->count->codes++;
    return state_load_code(im->state, code);
}

static err_t take_state(struct importer *im, bytes_t payload)
{
    struct rlp_reader r = rlp_reader(payload);
    while (r.rest.len > 0) {
        const uint8_t mark = r.rest.data[0];
        skip(&r, 1);
        if (mark == ENTRY_ACCOUNT) {
            TRY(take_account(im, &r));
        } else if (mark == ENTRY_CODE) {
            TRY(take_code(im, &r));
        } else if (mark == ENTRY_SLOT) {
            TRY(take_slot(im, &r));
        } else {
            return FAIL(MALFORMED, "snapshot: an entry of no kind");
        }
    }
    tell(im);
    return OK;
}

// ---- end ----------------------------------------------------------------------------------------

static err_t take_end(struct importer *im, bytes_t payload)
{
    struct snapshot_count *c = im->count;
    const uint64_t have[] = {c->headers, c->blocks, c->accounts, c->slots, c->codes};
    struct rlp_reader all = rlp_reader(payload);
    struct rlp_reader r;
    TRY(rlp_read_list(&all, &r));
    TRY(rlp_expect_end(&all));
    for (size_t i = 0; i < ARRAY_LEN(have); i++) {
        uint64_t want;
        TRY(rlp_read_u64(&r, &want));
        if (want != have[i]) return FAIL(INVALID, "snapshot: it does not hold what its end says");
    }
    TRY(rlp_expect_end(&r));
    struct state_totals totals;
    TRY(state_loader_finish(im->state, &totals, &im->header.state_root));
    return OK;
}

/// The order of the chunks: each kind once or more, none missing but the state of a chain without.
static err_t take_chunk(struct importer *im, unsigned *last, const struct snapshot_chunk *chunk)
{
    if (chunk->kind < *last || (chunk->kind == *last && chunk->kind == SNAPSHOT_HEAD)) {
        return FAIL(MALFORMED, "snapshot: chunks out of order");
    }
    if (chunk->kind > SNAPSHOT_HEAD && *last < SNAPSHOT_HEAD) {
        return FAIL(MALFORMED, "snapshot: it does not begin with its head");
    }
    if (chunk->kind > SNAPSHOT_HEADERS && *last <= SNAPSHOT_HEADERS) TRY(end_headers(im));
    if (chunk->kind > SNAPSHOT_BLOCK && *last <= SNAPSHOT_BLOCK) TRY(end_blocks(im));
    *last = chunk->kind;
    switch (chunk->kind) {
    case SNAPSHOT_HEAD:
        TRY(take_head(im, chunk->payload));
        return put_genesis(im);
    case SNAPSHOT_HEADERS:
        return take_headers(im, chunk->payload);
    case SNAPSHOT_BLOCK:
        return take_block(im, chunk->payload);
    case SNAPSHOT_STATE:
        return take_state(im, chunk->payload);
    case SNAPSHOT_END:
        return take_end(im, chunk->payload);
    }
    unreachable("snapshot: no such kind of chunk");
}

static err_t take_all(struct importer *im)
{
    struct snapshot_chunk chunk;
    unsigned last = 0;
    TRY(arena_init(&im->arena, ARENA_BYTES));
    TRY(snapshot_reader_begin(&im->file));
    while (last != SNAPSHOT_END) {
        err_t err = snapshot_reader_next(&im->file, &chunk);
        im->count->at_byte = chunk.offset;
        if (err.kind == ERR_NOT_FOUND) err = FAIL(MALFORMED, "snapshot: the file is cut short");
        TRY(err);
        TRY(take_chunk(im, &last, &chunk));
    }
    const err_t err = snapshot_reader_next(&im->file, &chunk);
    im->count->at_byte = chunk.offset;
    if (err.kind != ERR_NOT_FOUND) {
        return err.kind == ERR_IO ? err : FAIL(MALFORMED, "snapshot: something follows its end");
    }
    im->count->sum = im->file.sum;
    TRY(writing(im));
    TRY(blocks_set_oldest(im->txn, im->count->number));
    return commit(im);
}

err_t snapshot_import(const struct snapshot_import *in, struct snapshot_count *count)
{
    struct importer *im = calloc(1, sizeof *im);
    *count = (struct snapshot_count){.number = 0};
    if (im == NULL) return FAIL(FULL, "snapshot: no memory");
    im->in = in;
    im->count = count;
    snapshot_reader_init(&im->file, &in->source);
    const err_t err = take_all(im);
    db_abort(im->txn);
    state_loader_free(im->state);
    header_chain_deinit(&im->chain);
    snapshot_reader_deinit(&im->file);
    arena_deinit(&im->arena);
    free(im);
    return err;
}
