// SPDX-License-Identifier: Apache-2.0
/// Goal: a snapshot of any block becomes a store that says the same as the one it is from, and a
/// file with anything else in it becomes none, for the right reason.
#include "consensus/sync/snapshot.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "chain/base/endian.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "chain/fed/contracts.h"
#include "chain/fed/views.h"
#include "chain/state/audit.h"
#include "chain/state/genesis_state.h"
#include "chain/state/history.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "chain/types/extra_data.h"
#include "consensus/node/node.h"
#include "test/support/temp_dir.h"
#include "test/unit/consensus/small_net.h"

#define MUST(EXPR)                                                                                 \
    do {                                                                                           \
        const err_t must_err_ = (EXPR);                                                            \
        cr_assert(err_ok(must_err_), "%s: %s", #EXPR, err_text(must_err_));                        \
    } while (0)

#define FILE_MAX ((size_t)1 << 22)
enum { BLOCKS = 14 };

static const char *const MS_PERIOD =
    "\"xblockperiodmilliseconds\":1,\"requesttimeoutseconds\":4,\"epochlength\":30000";

// ---- a chain with something in it -----------------------------------------------------------

/// Every call writes a slot of its own and one that it overwrites, frees one that an earlier call
/// wrote, and logs.
///     NUMBER NUMBER SSTORE  NUMBER PUSH0 SSTORE  PUSH0 NUMBER PUSH1 3 SWAP1 SUB SSTORE
///     PUSH0 PUSH0 LOG0
#define COUNTER LIT("\x43\x43\x55\x43\x5f\x55\x5f\x60\x03\x43\x03\x55\x5f\x5f\xa0")
/// Deploys one STOP.
#define CREATION LIT("\x60\x01\x5f\x53\x60\x01\x5f\xf3")

static const address_t PLAIN = {{0x77, 1}};

struct chain {
    struct small_net net;
    struct alloc_account alloc[4];
    size_t alloc_count;
    hash_t genesis_hash;
    struct temp_dir dir;
    struct db *db;
    uint64_t nonce;
};

static struct node_options options_of(const struct small_net *s, const char *dir)
{
    return (struct node_options){
        .data_dir = dir, .genesis = &s->genesis, .key = s->keys[0], .dev = true};
}

static struct node *must_open(const struct node_options *o)
{
    struct node *n = NULL;
    struct node_detail detail;
    const err_t err = node_open(&n, o, &detail);
    cr_assert(err_ok(err), "%s: %s", err_text(err), detail.text);
    return n;
}

static void wait_head(struct node *n, uint64_t number)
{
    for (int i = 0; i < 30000; i++) {
        struct node_status s;
        node_status(n, &s);
        if (s.head_number >= number) return;
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    }
    cr_assert(false, "no block %lu", number);
}

/// One transaction, and its block: a transfer, a call of the contract at a system address, a call
/// of the plain one, a creation.
static void add_block(struct chain *c, struct node *n)
{
    struct tx tx = {.type = TX_LEGACY,
                    .has_chain_id = true,
                    .chain_id = SMALL_NET_CHAIN_ID,
                    .nonce = c->nonce,
                    .max_fee_per_gas = u256_from_u64(2000000000),
                    .max_priority_fee_per_gas = u256_from_u64(2000000000),
                    .gas_limit = 200000};
    switch (c->nonce++ % 4) {
    case 0:
        tx.to = (address_t){{0xee, (uint8_t)c->nonce}};
        tx.value_wei = u256_from_u64(c->nonce);
        break;
    case 1:
        tx.to = fed_contract_address[FED_ROUNDS];
        break;
    case 2:
        tx.to = PLAIN;
        break;
    default:
        tx.is_create = true;
        tx.data = CREATION;
    }
    struct submit_answer answer;
    struct node_status before;
    MUST(tx_sign(&tx, &c->net.arena, c->net.rich_key));
    node_status(n, &before);
    node_submit_tx(n, &answer, tx.raw);
    cr_assert_eq(answer.result, SUBMIT_OK, "%d", (int)answer.result);
    wait_head(n, before.head_number + 1);
}

/// @param qbft  see small_net_init
static void chain_make(struct chain *c, const char *qbft, const struct alloc_account *more)
{
    *c = (struct chain){.dir = temp_dir_make()};
    small_net_init(&c->net, 1, qbft, "");
    c->alloc[0] = c->net.genesis.alloc[0]; // the rich one
    c->alloc[1] = (struct alloc_account){.address = PLAIN, .code = COUNTER};
    c->alloc[2] =
        (struct alloc_account){.address = fed_contract_address[FED_ROUNDS], .code = COUNTER};
    c->alloc_count = 3;
    if (more != NULL) c->alloc[c->alloc_count++] = *more;
    c->net.genesis.alloc = c->alloc;
    c->net.genesis.alloc_count = c->alloc_count;
    struct arena arena;
    MUST(arena_init(&arena, (size_t)1 << 24));
    struct genesis sealed = c->net.genesis;
    MUST(genesis_seal(&sealed, &arena, &c->genesis_hash));
    arena_deinit(&arena);

    const struct node_options o = options_of(&c->net, c->dir.path);
    struct node *n = must_open(&o);
    for (int i = 0; i < BLOCKS; i++) add_block(c, n);
    node_close(n);
    c->net.genesis = sealed;
    char store[512];
    snprintf(store, sizeof store, "%s/store", c->dir.path);
    MUST(schema_open(&c->db, store, false, true));
}

static void chain_free(struct chain *c)
{
    db_close(c->db);
    temp_dir_remove(&c->dir);
    small_net_deinit(&c->net);
}

// ---- files in memory ------------------------------------------------------------------------

static err_t put_bytes(void *ctx, bytes_t bytes)
{
    buf_put(ctx, bytes);
    return buf_status(ctx);
}

static void export_to(struct buf *out, struct db *db, uint64_t number)
{
    const struct snapshot_export x = {.db = db, .number = number, .sink = {put_bytes, out}};
    struct snapshot_count count;
    buf_clear(out);
    const err_t err = snapshot_export(&x, &count);
    cr_assert(err_ok(err), "%s", err_text(err));
}

struct memory {
    bytes_t rest;
};

/// A few bytes at a time.
static err_t give_bytes(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    struct memory *m = ctx;
    *got = m->rest.len < cap ? m->rest.len : cap;
    if (*got > 1000) *got = 1000;
    memcpy(out, m->rest.data, *got);
    m->rest = bytes_make(m->rest.data + *got, m->rest.len - *got);
    return OK;
}

struct target {
    struct temp_dir dir;
    struct db *db;
    struct snapshot_count count;
};

static err_t import_from(struct target *t, const struct chain *c, bytes_t file,
                         const hash_t *trusted)
{
    struct memory m = {file};
    char store[512];
    t->dir = temp_dir_make();
    snprintf(store, sizeof store, "%s/store", t->dir.path);
    MUST(schema_open(&t->db, store, true, false));
    const struct snapshot_import in = {.db = t->db,
                                       .genesis = &c->net.genesis,
                                       .genesis_hash = &c->genesis_hash,
                                       .trusted = trusted,
                                       .source = {give_bytes, &m}};
    return snapshot_import(&in, &t->count);
}

static void target_free(struct target *t)
{
    db_close(t->db);
    temp_dir_remove(&t->dir);
}

/// What an import of these bytes says.
static err_t verdict(const struct chain *c, bytes_t file, const hash_t *trusted)
{
    struct target t;
    const err_t err = import_from(&t, c, file, trusted);
    target_free(&t);
    return err;
}

// ---- round trip -----------------------------------------------------------------------------

static void expect_same_table(const struct db_txn *a, const struct db_txn *b, unsigned table)
{
    struct db_cursor *x;
    struct db_cursor *y;
    bytes_t keys[2];
    bytes_t values[2];
    MUST(db_cursor_open(a, table, &x));
    MUST(db_cursor_open(b, table, &y));
    err_t ex = db_cursor_first(x, &keys[0], &values[0]);
    err_t ey = db_cursor_first(y, &keys[1], &values[1]);
    while (err_ok(ex) && err_ok(ey)) {
        cr_assert(bytes_eq(keys[0], keys[1]), "%s: keys", SCHEMA_TABLES[table].name);
        cr_assert(bytes_eq(values[0], values[1]), "%s: values", SCHEMA_TABLES[table].name);
        ex = db_cursor_next(x, &keys[0], &values[0]);
        ey = db_cursor_next(y, &keys[1], &values[1]);
    }
    cr_assert_eq(ex.kind, ey.kind, "%s: one has more", SCHEMA_TABLES[table].name);
    db_cursor_close(x);
    db_cursor_close(y);
}

/// What is stored of a block is what it is from.
static void expect_same_block(const struct db_txn *from, const struct db_txn *to, uint64_t number,
                              uint64_t at, struct arena *arena)
{
    bytes_t raw[2];
    struct header h;
    MUST(blocks_header_raw(from, &raw[0], number));
    MUST(blocks_header_raw(to, &raw[1], number));
    cr_assert(bytes_eq(raw[0], raw[1]), "header %lu", number);
    MUST(blocks_header(to, &h, number));
    uint64_t by_hash;
    const hash_t hash = header_hash(&h);
    MUST(blocks_number_of(to, &by_hash, &hash));
    cr_assert_eq(by_hash, number);
    struct block b[2];
    struct receipt *receipts[2];
    size_t counts[2];
    arena_reset(arena);
    const err_t err = blocks_get(to, &b[1], arena, number);
    if (number != 0 && number != at && !views_may_concern(&h.logs_bloom)) {
        cr_assert_eq(err.kind, ERR_NOT_FOUND, "block %lu: %s", number, err_text(err));
        cr_assert_eq(blocks_receipts(to, &receipts[1], &counts[1], arena, number).kind,
                     ERR_NOT_FOUND);
        return;
    }
    cr_assert(err_ok(err), "block %lu: %s", number, err_text(err));
    MUST(blocks_body_raw(from, &raw[0], number));
    MUST(blocks_body_raw(to, &raw[1], number));
    cr_assert(bytes_eq(raw[0], raw[1]));
    MUST(blocks_get(from, &b[0], arena, number));
    MUST(blocks_receipts(from, &receipts[0], &counts[0], arena, number));
    MUST(blocks_receipts(to, &receipts[1], &counts[1], arena, number));
    cr_assert_eq(counts[0], counts[1]);
    for (size_t i = 0; i < counts[0]; i++) {
        cr_expect(address_eq(&b[0].txs[i].sender, &b[1].txs[i].sender));
        cr_expect_eq(receipts[0][i].gas_used, receipts[1][i].gas_used);
        cr_expect_eq(receipts[0][i].has_contract_address, receipts[1][i].has_contract_address);
        cr_expect(address_eq(&receipts[0][i].contract_address, &receipts[1][i].contract_address));
        cr_expect(
            u256_eq(&receipts[0][i].effective_gas_price, &receipts[1][i].effective_gas_price));
        struct tx_location where;
        MUST(blocks_find_tx(to, &where, &b[0].txs[i].hash));
        cr_expect_eq(where.block_number, number);
        MUST(blocks_check_tx(to, &b[1], &where, &b[0].txs[i].hash));
    }
}

static void expect_same_store(const struct chain *c, struct db *to_db, uint64_t at)
{
    struct db_txn *from;
    struct db_txn *to;
    struct arena arena;
    uint64_t head;
    uint64_t oldest;
    hash_t hashes[2];
    struct history_view view;
    MUST(arena_init(&arena, (size_t)1 << 28));
    MUST(db_begin_read(c->db, &from));
    MUST(db_begin_read(to_db, &to));
    MUST(blocks_head(to, &head, &hashes[0]));
    MUST(blocks_hash_of(from, &hashes[1], at));
    MUST(blocks_oldest(to, &oldest));
    cr_expect_eq(head, at);
    cr_expect_eq(oldest, at);
    cr_expect(hash_eq(&hashes[0], &hashes[1]));
    cr_expect_eq(history_view_init(&view, to, at - 1).kind, ERR_NOT_FOUND);
    MUST(history_view_init(&view, to, at));
    MUST(schema_check(to, SMALL_NET_CHAIN_ID, &c->genesis_hash));
    for (uint64_t n = 0; n <= at; n++) expect_same_block(from, to, n, at, &arena);
    struct state_audit audit;
    arena_reset(&arena);
    MUST(state_audit(&audit, &arena, to));
    if (at == BLOCKS) {
        static const unsigned tables[] = {DB_CODE, DB_EVENTS, DB_VIEWS, DB_HEADERS, DB_HASHES};
        for (size_t i = 0; i < ARRAY_LEN(tables); i++) expect_same_table(from, to, tables[i]);
    }
    db_abort(from);
    db_abort(to);
    arena_deinit(&arena);
}

Test(snapshot, round_trip, .timeout = 120)
{
    struct chain c;
    struct buf file;
    struct buf again;
    chain_make(&c, MS_PERIOD, NULL);
    buf_init(&file, FILE_MAX);
    buf_init(&again, FILE_MAX);
    for (uint64_t at = 1; at <= BLOCKS; at++) {
        struct target t;
        export_to(&file, c.db, at == BLOCKS ? UINT64_MAX : at);
        const err_t err = import_from(&t, &c, buf_bytes(&file), NULL);
        cr_assert(err_ok(err), "block %lu: %s (block %lu, byte %lu)", at, err_text(err),
                  t.count.at_block, t.count.at_byte);
        expect_same_store(&c, t.db, at);
        export_to(&again, t.db, UINT64_MAX);
        cr_expect(bytes_eq(buf_bytes(&file), buf_bytes(&again)), "a snapshot of it is the same");
        target_free(&t);
    }
    buf_deinit(&file);
    buf_deinit(&again);
    chain_free(&c);
}

/// Goal: a node goes on from an imported store as from its own, and views can be made again there.
Test(snapshot, a_node_goes_on_from_it, .timeout = 120)
{
    struct chain c;
    struct buf file;
    struct target t;
    chain_make(&c, MS_PERIOD, NULL);
    buf_init(&file, FILE_MAX);
    export_to(&file, c.db, UINT64_MAX);
    MUST(import_from(&t, &c, buf_bytes(&file), NULL));
    db_close(t.db);
    const struct node_options o = options_of(&c.net, t.dir.path);
    struct node *n = must_open(&o);
    cr_expect_eq(node_oldest(n), BLOCKS);
    for (int i = 0; i < 8; i++) add_block(&c, n);
    struct db_txn *txn;
    struct arena arena;
    struct state_audit audit;
    MUST(arena_init(&arena, (size_t)1 << 28));
    MUST(db_begin_read(node_db(n), &txn));
    MUST(state_audit(&audit, &arena, txn));
    for (uint64_t at = 0; at <= BLOCKS + 8; at++) {
        struct history_view view;
        const err_t err = history_view_init(&view, txn, at);
        cr_expect_eq(err.kind, at < BLOCKS ? ERR_NOT_FOUND : ERR_NONE, "block %lu", at);
    }
    db_abort(txn);
    node_close(n);
    // A snapshot of the past of a store that began from one, and its limits.
    char store[512];
    snprintf(store, sizeof store, "%s/store", t.dir.path);
    MUST(schema_open(&t.db, store, false, false));
    struct buf later;
    struct target second;
    buf_init(&later, FILE_MAX);
    export_to(&later, t.db, BLOCKS + 3);
    MUST(import_from(&second, &c, buf_bytes(&later), NULL));
    target_free(&second);
    const uint64_t none[] = {0, BLOCKS - 1, BLOCKS + 9};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        const struct snapshot_export x = {
            .db = t.db, .number = none[i], .sink = {put_bytes, &later}};
        struct snapshot_count count;
        buf_clear(&later);
        cr_expect_eq(snapshot_export(&x, &count).kind, ERR_NOT_FOUND, "%lu", none[i]);
        cr_expect_eq(later.len, 0, "nothing was written");
        cr_expect_eq(count.oldest, BLOCKS);
        cr_expect_eq(count.head, BLOCKS + 8);
    }
    MUST(db_begin_write(t.db, &txn));
    arena_reset(&arena);
    MUST(views_rebuild(txn, &arena));
    struct db_txn *before;
    MUST(db_begin_read(t.db, &before));
    expect_same_table(before, txn, DB_EVENTS);
    expect_same_table(before, txn, DB_VIEWS);
    db_abort(before);
    db_abort(txn);
    arena_deinit(&arena);
    buf_deinit(&later);
    buf_deinit(&file);
    target_free(&t);
    chain_free(&c);
}

// ---- damage ---------------------------------------------------------------------------------

/// Reads the frame alone.
static err_t read_frame(bytes_t file)
{
    struct memory m = {file};
    const struct byte_source source = {give_bytes, &m};
    struct snapshot_reader r;
    struct snapshot_chunk chunk;
    snapshot_reader_init(&r, &source);
    err_t err = snapshot_reader_begin(&r);
    bool ended = false;
    while (err_ok(err)) {
        err = snapshot_reader_next(&r, &chunk);
        if (err_ok(err)) ended = chunk.kind == SNAPSHOT_END;
    }
    snapshot_reader_deinit(&r);
    if (err.kind != ERR_NOT_FOUND) return err;
    return ended ? OK : FAIL(MALFORMED, "cut short");
}

Test(snapshot, no_byte_may_change, .timeout = 120)
{
    struct chain c;
    struct buf file;
    chain_make(&c, MS_PERIOD, NULL);
    buf_init(&file, FILE_MAX);
    export_to(&file, c.db, UINT64_MAX);
    MUST(read_frame(buf_bytes(&file)));
    for (size_t i = 0; i < file.len; i++) {
        const uint8_t was = file.data[i];
        for (unsigned k = 0; k < 2; k++) {
            file.data[i] = k == 0 ? (uint8_t)(was ^ (1 << i % 8)) : (uint8_t)~was;
            const err_t err = read_frame(buf_bytes(&file));
            cr_assert(err.kind == ERR_MALFORMED || err.kind == ERR_LIMIT ||
                          err.kind == ERR_UNSUPPORTED,
                      "byte %zu of %zu: %s", i, file.len, err_text(err));
        }
        if (i % 509 == 0) {
            const err_t err = verdict(&c, buf_bytes(&file), NULL);
            cr_assert(!err_ok(err) && err.kind != ERR_CORRUPT && err.kind != ERR_IO, "byte %zu: %s",
                      i, err_text(err));
        }
        file.data[i] = was;
        cr_assert(!err_ok(read_frame(bytes_make(file.data, i))), "cut at %zu", i);
    }
    for (size_t i = 0; i < file.len; i += 997) {
        cr_assert_eq(verdict(&c, bytes_make(file.data, i), NULL).kind, ERR_MALFORMED, "%zu", i);
    }
    buf_put_u8(&file, 0);
    cr_expect_eq(verdict(&c, buf_bytes(&file), NULL).kind, ERR_MALFORMED, "one byte more");
    buf_deinit(&file);
    chain_free(&c);
}

// ---- forgery: the sums are right, what stands in the file is not ------------------------------

/// A file taken apart.
struct parts {
    struct buf bytes;
    struct {
        enum snapshot_kind kind;
        size_t at, len;
    } chunk[64];
    size_t count;
};

static void take_apart(struct parts *p, bytes_t file)
{
    struct memory m = {file};
    const struct byte_source source = {give_bytes, &m};
    struct snapshot_reader r;
    struct snapshot_chunk chunk;
    buf_init(&p->bytes, FILE_MAX);
    p->count = 0;
    snapshot_reader_init(&r, &source);
    MUST(snapshot_reader_begin(&r));
    while (err_ok(snapshot_reader_next(&r, &chunk))) {
        cr_assert(p->count < ARRAY_LEN(p->chunk));
        p->chunk[p->count].kind = chunk.kind;
        p->chunk[p->count].at = p->bytes.len;
        p->chunk[p->count++].len = chunk.payload.len;
        buf_put(&p->bytes, chunk.payload);
    }
    snapshot_reader_deinit(&r);
}

/// Puts together with right sums: chunks in the order given.
static void put_together(struct buf *out, const struct parts *p, const size_t *order, size_t count)
{
    struct snapshot_writer w;
    const struct byte_sink sink = {put_bytes, out};
    buf_clear(out);
    MUST(snapshot_writer_begin(&w, &sink));
    for (size_t i = 0; i < count; i++) {
        const size_t k = order == NULL ? i : order[i];
        MUST(snapshot_writer_put(&w, p->chunk[k].kind,
                                 bytes_make(p->bytes.data + p->chunk[k].at, p->chunk[k].len)));
    }
}

Test(snapshot, no_forged_byte_is_believed, .timeout = 300)
{
    const char *s = getenv("CAIRN_SEED");
    uint64_t rng = s != NULL ? strtoull(s, NULL, 10) : 1;
    struct chain c;
    struct buf file;
    struct parts p;
    chain_make(&c, MS_PERIOD, NULL);
    buf_init(&file, FILE_MAX);
    export_to(&file, c.db, UINT64_MAX);
    take_apart(&p, buf_bytes(&file));
    put_together(&file, &p, NULL, p.count);
    MUST(verdict(&c, buf_bytes(&file), NULL));
    for (size_t i = rng % 61; i < p.bytes.len; i += 61) {
        p.bytes.data[i] ^= (uint8_t)(1 << (i + rng) % 8);
        put_together(&file, &p, NULL, p.count);
        const err_t err = verdict(&c, buf_bytes(&file), NULL);
        cr_assert(err.kind == ERR_INVALID || err.kind == ERR_MALFORMED || err.kind == ERR_LIMIT ||
                      err.kind == ERR_MISMATCH || err.kind == ERR_UNSUPPORTED,
                  "byte %zu of %zu: %s: %s", i, p.bytes.len, err_kind_name(err.kind),
                  err_text(err));
        p.bytes.data[i] ^= (uint8_t)(1 << (i + rng) % 8);
    }
    buf_deinit(&p.bytes);
    buf_deinit(&file);
    chain_free(&c);
}

Test(snapshot, chunks_have_an_order, .timeout = 120)
{
    struct chain c;
    struct buf file;
    struct parts p;
    size_t order[64];
    chain_make(&c, MS_PERIOD, NULL);
    buf_init(&file, FILE_MAX);
    export_to(&file, c.db, UINT64_MAX);
    take_apart(&p, buf_bytes(&file));
    cr_assert(p.count > 5);
    for (size_t gone = 0; gone < p.count; gone++) {
        size_t n = 0;
        for (size_t i = 0; i < p.count; i++)
            if (i != gone) order[n++] = i;
        put_together(&file, &p, order, n);
        cr_expect(!err_ok(verdict(&c, buf_bytes(&file), NULL)), "without chunk %zu", gone);
        for (size_t i = 0; i <= p.count; i++) order[i] = i <= gone ? i : i - 1;
        put_together(&file, &p, order, p.count + 1);
        cr_expect(!err_ok(verdict(&c, buf_bytes(&file), NULL)), "chunk %zu twice", gone);
        if (gone == 0) continue;
        for (size_t i = 0; i < p.count; i++) order[i] = i;
        order[gone] = gone - 1;
        order[gone - 1] = gone;
        put_together(&file, &p, order, p.count);
        cr_expect(!err_ok(verdict(&c, buf_bytes(&file), NULL)), "chunk %zu too early", gone);
    }
    buf_deinit(&p.bytes);
    buf_deinit(&file);
    chain_free(&c);
}

/// The first header of a file with other seals.
static void reseal_first(struct buf *out, const struct parts *p, const struct secret_key *const *by,
                         size_t count)
{
    struct rlp_reader all = rlp_reader(bytes_make(p->bytes.data + p->chunk[1].at, p->chunk[1].len));
    bytes_t first;
    struct header h;
    struct extra_data extra;
    struct arena arena;
    MUST(arena_init(&arena, (size_t)1 << 20));
    cr_assert_eq(p->chunk[1].kind, SNAPSHOT_HEADERS);
    MUST(rlp_read_raw(&all, &first));
    MUST(header_decode(&h, first));
    MUST(extra_data_decode(&extra, &arena, h.extra_data));
    hash_t digest;
    secp_sig_t seals[4];
    MUST(qbft_seal_hash(&digest, &h, extra.round));
    for (size_t i = 0; i < count; i++) seals[i] = secp_sign(by[i], &digest);
    struct buf sealed;
    struct buf payload;
    buf_init(&sealed, 4096);
    buf_init(&payload, FILE_MAX);
    MUST(extra_data_reseal(&sealed, h.extra_data, extra.round, seals, count));
    h.extra_data = buf_bytes(&sealed);
    header_encode(&payload, &h);
    buf_put(&payload, all.rest);

    struct snapshot_writer w;
    const struct byte_sink sink = {put_bytes, out};
    buf_clear(out);
    MUST(snapshot_writer_begin(&w, &sink));
    for (size_t i = 0; i < p->count; i++) {
        const bytes_t as_it_was = bytes_make(p->bytes.data + p->chunk[i].at, p->chunk[i].len);
        MUST(snapshot_writer_put(&w, p->chunk[i].kind, i == 1 ? buf_bytes(&payload) : as_it_was));
    }
    buf_deinit(&sealed);
    buf_deinit(&payload);
    arena_deinit(&arena);
}

Test(snapshot, seals_are_the_validators, .timeout = 120)
{
    struct chain c;
    struct buf file;
    struct parts p;
    chain_make(&c, MS_PERIOD, NULL);
    buf_init(&file, FILE_MAX);
    export_to(&file, c.db, UINT64_MAX);
    take_apart(&p, buf_bytes(&file));
    const struct secret_key *const right[] = {c.net.keys[0]};
    const struct secret_key *const stranger[] = {c.net.rich_key};
    const struct secret_key *const both[] = {c.net.keys[0], c.net.rich_key};
    const struct secret_key *const again[] = {c.net.keys[0], c.net.keys[0]};
    const struct {
        const char *name;
        const struct secret_key *const *by;
        size_t count;
        enum err_kind kind;
    } rows[] = {
        {"the validator", right, 1, ERR_NONE},    {"nobody", right, 0, ERR_INVALID},
        {"a stranger", stranger, 1, ERR_INVALID}, {"a stranger too", both, 2, ERR_INVALID},
        {"one twice", again, 2, ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        reseal_first(&file, &p, rows[i].by, rows[i].count);
        const err_t err = verdict(&c, buf_bytes(&file), NULL);
        cr_expect_eq(err.kind, rows[i].kind, "%s: %s", rows[i].name, err_text(err));
    }
    buf_deinit(&p.bytes);
    buf_deinit(&file);
    chain_free(&c);
}

Test(snapshot, of_another_network, .timeout = 120)
{
    struct chain c;
    struct buf file;
    chain_make(&c, MS_PERIOD, NULL);
    buf_init(&file, FILE_MAX);
    export_to(&file, c.db, UINT64_MAX);
    const hash_t genesis = c.genesis_hash;
    c.genesis_hash.b[0] ^= 1;
    cr_expect_eq(verdict(&c, buf_bytes(&file), NULL).kind, ERR_MISMATCH, "genesis");
    c.genesis_hash = genesis;
    c.net.genesis.config.chain_id++;
    cr_expect_eq(verdict(&c, buf_bytes(&file), NULL).kind, ERR_MISMATCH, "chain id");
    c.net.genesis.config.chain_id--;
    hash_t trusted = genesis;
    cr_expect_eq(verdict(&c, buf_bytes(&file), &trusted).kind, ERR_MISMATCH, "trusted");
    struct db_txn *txn;
    MUST(db_begin_read(c.db, &txn));
    MUST(blocks_hash_of(txn, &trusted, BLOCKS));
    db_abort(txn);
    MUST(verdict(&c, buf_bytes(&file), &trusted));
    file.data[11] ^= 2; // the version
    cr_expect_eq(verdict(&c, buf_bytes(&file), NULL).kind, ERR_UNSUPPORTED, "version");
    buf_deinit(&file);
    chain_free(&c);
}

/// Goal: where a contract names the validators, nothing but a hash from outside makes a file
/// believable, and with it all but the seals is asked as ever.
Test(snapshot, validators_of_a_contract, .timeout = 120)
{
    // Returns the one validator: MSTORE(0, 32) MSTORE(32, 1) MSTORE(64, who) RETURN(0, 96).
    static uint8_t code[] = "\x60\x20\x5f\x52\x60\x01\x60\x20\x52\x73"
                            "....................\x60\x40\x52\x60\x60\x5f\xf3";
    struct small_net net;
    small_net_init(&net, 1, MS_PERIOD, "");
    memcpy(code + 10, net.addresses[0].b, 20);
    small_net_deinit(&net);
    const struct alloc_account contract = {.address = {{[18] = 0x88, [19] = 0x88}},
                                           .code = bytes_make(code, sizeof code - 1)};
    struct chain c;
    struct buf file;
    struct parts p;
    chain_make(&c,
               "\"xblockperiodmilliseconds\":1,\"requesttimeoutseconds\":4,\"epochlength\":30000,"
               "\"validatorcontractaddress\":\"0x0000000000000000000000000000000000008888\"",
               &contract);
    buf_init(&file, FILE_MAX);
    export_to(&file, c.db, UINT64_MAX);
    cr_expect_eq(verdict(&c, buf_bytes(&file), NULL).kind, ERR_UNSUPPORTED);
    hash_t trusted;
    struct db_txn *txn;
    MUST(db_begin_read(c.db, &txn));
    MUST(blocks_hash_of(txn, &trusted, BLOCKS));
    db_abort(txn);
    MUST(verdict(&c, buf_bytes(&file), &trusted));
    take_apart(&p, buf_bytes(&file));
    for (size_t i = 200; i < p.bytes.len; i += 401) {
        p.bytes.data[i] ^= 1;
        put_together(&file, &p, NULL, p.count);
        const err_t err = verdict(&c, buf_bytes(&file), &trusted);
        // Of a seal nothing is known here.
        const bool in_seals = i < p.chunk[1].at + p.chunk[1].len;
        cr_expect(in_seals || !err_ok(err), "byte %zu", i);
        p.bytes.data[i] ^= 1;
    }
    buf_deinit(&p.bytes);
    buf_deinit(&file);
    chain_free(&c);
}
