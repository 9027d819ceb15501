// SPDX-License-Identifier: Apache-2.0
#include "chain/base/endian.h"
#include "chain/base/map.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/fed/views.h"
#include "chain/state/flat.h"
#include "chain/state/history.h"
#include "chain/state/load.h"
#include "chain/state/read.h"
#include "chain/state/walk.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "consensus/sync/snapshot_impl.h"

/// A chunk is given out when it is about this long.
#define CHUNK_BYTES ((size_t)256 * 1024)
/// What one read transaction looks at: short, a node may be writing meanwhile.
#define SLICE_HEADERS 2048U
#define SLICE_BLOCKS 64U
#define SLICE_ENTRIES 4096U
#define ARENA_BYTES ((size_t)2 * 1024 * 1024 * 1024)
#define CODES_MAX ((size_t)1 << 26)

struct exporter {
    const struct snapshot_export *x;
    struct snapshot_count *count;
    struct snapshot_writer out;
    const struct db_txn *txn; ///< of the slice in hand
    struct buf chunk;
    struct arena arena; ///< of one block
    struct map codes;   ///< hashes of those written
};

static void tell(const struct exporter *e)
{
    if (e->x->progress != NULL) e->x->progress(e->x->ctx, e->count);
}

/// Gives out what has gathered, if it is enough (or `all` of it).
static err_t flush(struct exporter *e, enum snapshot_kind kind, bool all)
{
    TRY(buf_status(&e->chunk));
    if (e->chunk.len == 0 || (!all && e->chunk.len < CHUNK_BYTES)) return OK;
    TRY(snapshot_writer_put(&e->out, kind, buf_bytes(&e->chunk)));
    buf_clear(&e->chunk);
    return OK;
}

// ---- head -----------------------------------------------------------------------------------

/// Which block it shall be, and the chunk that says so.
static err_t write_head(struct exporter *e, const struct db_txn *txn)
{
    struct snapshot_count *c = e->count;
    uint64_t chain_id;
    hash_t genesis;
    hash_t head;
    struct history_view state;
    TRY(schema_read(txn, &chain_id, &genesis));
    TRY(blocks_head(txn, &c->head, &head));
    TRY(blocks_oldest(txn, &c->oldest));
    if (c->oldest == 0) c->oldest = 1;
    c->number = e->x->number == UINT64_MAX ? c->head : e->x->number;
    if (c->number == 0) return FAIL(NOT_FOUND, "snapshot: block 0 is in the genesis file");
    TRY(history_view_init(&state, txn, c->number));
    TRY(blocks_hash_of(txn, &c->hash, c->number));
    const size_t list = rlp_list_begin(&e->chunk);
    rlp_put_u64(&e->chunk, chain_id);
    rlp_put_hash(&e->chunk, &genesis);
    rlp_put_u64(&e->chunk, c->number);
    rlp_put_hash(&e->chunk, &c->hash);
    rlp_list_end(&e->chunk, list);
    return OK;
}

// ---- headers and blocks -----------------------------------------------------------------------

static err_t put_header(struct exporter *e, const struct db_txn *txn, uint64_t number)
{
    bytes_t raw;
    TRY(blocks_header_raw(txn, &raw, number));
    buf_put(&e->chunk, raw);
    e->count->headers++;
    return flush(e, SNAPSHOT_HEADERS, false);
}

static err_t put_block(struct exporter *e, const struct db_txn *txn, uint64_t number)
{
    struct header h;
    TRY(blocks_header(txn, &h, number));
    if (number != e->count->number && !views_may_concern(&h.logs_bloom)) return OK;
    struct block block;
    struct receipt *receipts;
    size_t count;
    bytes_t body;
    arena_reset(&e->arena);
    TRY(blocks_get(txn, &block, &e->arena, number)); // its roots are compared
    TRY(blocks_receipts(txn, &receipts, &count, &e->arena, number));
    TRY(blocks_body_raw(txn, &body, number));
    uint8_t start[12];
    be_put_u64(start, number);
    be_put_u32(start + 8, (uint32_t)body.len);
    buf_put(&e->chunk, BYTES_OF(start));
    buf_put(&e->chunk, body);
    struct buf one;
    buf_init(&one, e->chunk.max);
    const size_t list = rlp_list_begin(&e->chunk);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&one);
        receipt_encode(&one, &receipts[i]);
        rlp_put_bytes(&e->chunk, buf_bytes(&one));
    }
    rlp_list_end(&e->chunk, list);
    const err_t err = buf_status(&one);
    buf_deinit(&one);
    TRY(err);
    e->count->blocks++;
    return flush(e, SNAPSHOT_BLOCK, true);
}

static err_t each_number(struct exporter *e, enum snapshot_kind kind,
                         err_t (*put)(struct exporter *, const struct db_txn *, uint64_t))
{
    for (uint64_t n = 1; n <= e->count->number;) {
        struct db_txn *txn;
        TRY(db_begin_read(e->x->db, &txn));
        err_t err = OK;
        const uint64_t blocks = e->count->blocks + SLICE_BLOCKS;
        for (uint64_t i = 0; i < SLICE_HEADERS && n <= e->count->number && err_ok(err); i++, n++) {
            if (e->count->blocks == blocks) break;
            e->count->at_block = n;
            err = put(e, txn, n);
        }
        db_abort(txn);
        TRY(err);
        tell(e);
    }
    return flush(e, kind, true);
}

// ---- state ------------------------------------------------------------------------------------

static err_t put_code(struct exporter *e, const hash_t *hash)
{
    bool is_new = false;
    if (hash_eq(hash, &KECCAK_EMPTY)) return OK;
    if (map_put(&e->codes, hash, &is_new) == NULL) return FAIL(FULL, "snapshot: no memory");
    if (!is_new) return OK;
    bytes_t code;
    TRY(read_code(e->txn, &code, hash));
    if (code.len > LOAD_CODE_MAX) return FAIL(LIMIT, "snapshot: a code longer than 16 MiB");
    uint8_t len[4];
    be_put_u32(len, (uint32_t)code.len);
    buf_put_u8(&e->chunk, ENTRY_CODE);
    buf_put(&e->chunk, BYTES_OF(len));
    buf_put(&e->chunk, code);
    e->count->codes++;
    return OK;
}

static err_t put_account(void *ctx, const hash_t *key, const struct account *a)
{
    struct exporter *e = ctx;
    uint8_t flat[FLAT_ACCOUNT_MAX];
    TRY(flush(e, SNAPSHOT_STATE, false));
    buf_put_u8(&e->chunk, ENTRY_ACCOUNT);
    buf_put(&e->chunk, BYTES_OF(*key));
    buf_put(&e->chunk, bytes_make(flat, flat_account_encode(flat, a)));
    e->count->accounts++;
    return put_code(e, &a->code_hash);
}

static err_t put_slot(void *ctx, const hash_t *account, const hash_t *key, const u256_t *value)
{
    struct exporter *e = ctx;
    uint8_t flat[FLAT_SLOT_MAX];
    (void)account;
    TRY(flush(e, SNAPSHOT_STATE, false));
    buf_put_u8(&e->chunk, ENTRY_SLOT);
    buf_put(&e->chunk, BYTES_OF(*key));
    buf_put(&e->chunk, bytes_make(flat, flat_slot_encode(flat, value)));
    e->count->slots++;
    return OK;
}

static err_t put_state(struct exporter *e)
{
    const struct state_visitor visitor = {put_account, put_slot, e};
    struct state_place at = {.begun = false};
    e->count->at_block = 0;
    while (!at.done) {
        struct db_txn *txn;
        TRY(db_begin_read(e->x->db, &txn));
        e->txn = txn;
        const err_t err = state_walk(&at, txn, e->count->number, SLICE_ENTRIES, &visitor);
        e->txn = NULL;
        db_abort(txn);
        TRY(err);
        tell(e);
    }
    return flush(e, SNAPSHOT_STATE, true);
}

static err_t put_end(struct exporter *e)
{
    const struct snapshot_count *c = e->count;
    const size_t list = rlp_list_begin(&e->chunk);
    rlp_put_u64(&e->chunk, c->headers);
    rlp_put_u64(&e->chunk, c->blocks);
    rlp_put_u64(&e->chunk, c->accounts);
    rlp_put_u64(&e->chunk, c->slots);
    rlp_put_u64(&e->chunk, c->codes);
    rlp_list_end(&e->chunk, list);
    TRY(flush(e, SNAPSHOT_END, true));
    e->count->sum = e->out.sum;
    return OK;
}

static err_t put_all(struct exporter *e)
{
    struct db_txn *txn;
    TRY(arena_init(&e->arena, ARENA_BYTES));
    TRY(db_begin_read(e->x->db, &txn));
    const err_t err = write_head(e, txn);
    db_abort(txn);
    TRY(err);
    TRY(snapshot_writer_begin(&e->out, &e->x->sink));
    TRY(flush(e, SNAPSHOT_HEAD, true));
    TRY(each_number(e, SNAPSHOT_HEADERS, put_header));
    TRY(each_number(e, SNAPSHOT_BLOCK, put_block));
    TRY(put_state(e));
    return put_end(e);
}

err_t snapshot_export(const struct snapshot_export *x, struct snapshot_count *count)
{
    struct exporter e = {.x = x, .count = count};
    *count = (struct snapshot_count){.number = 0};
    buf_init(&e.chunk, snapshot_payload_max(SNAPSHOT_BLOCK));
    map_init(&e.codes, sizeof(hash_t), 1, CODES_MAX, 0);
    const err_t err = put_all(&e);
    map_deinit(&e.codes);
    buf_deinit(&e.chunk);
    arena_deinit(&e.arena);
    return err;
}
