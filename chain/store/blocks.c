// SPDX-License-Identifier: Apache-2.0
#include "chain/store/blocks.h"

#include "chain/base/crash_point.h"
#include "chain/base/endian.h"
#include "chain/codec/rlp.h"
#include "chain/store/log_index.h"
#include "chain/store/schema.h"
#include "chain/trie/list_root.h"

#include <stdlib.h>

/// Stored forms (chain/store/schema.h has the keys):
///     header    block hash, header RLP
///     body      be32 count, that many senders, body RLP
///     receipts  [[type, status | root, cumulative gas, [[address, [topic...], data]...],
///                 gas used, contract address | "", effective gas price]...]
///     txs       be64 number, be32 index

#define BODY_MAX ((size_t)64 << 20)
#define RECEIPTS_MAX ((size_t)256 << 20)

/// What is stored for a block is damaged.
static err_t corrupt(const struct db_txn *txn, unsigned table, uint64_t number, const char *why)
{
    const be64_t key = be64(number);
    return db_damage(txn, table, BYTES_OF(key), why);
}

/// The stored header; ERR_CORRUPT if it is shorter than its hash.
static err_t stored_header(const struct db_txn *txn, bytes_t *out, uint64_t number)
{
    const be64_t key = be64(number);
    TRY(db_get(txn, DB_HEADERS, BYTES_OF(key), out));
    if (out->len <= sizeof(hash_t)) {
        return corrupt(txn, DB_HEADERS, number, "blocks: a stored header is cut short");
    }
    return OK;
}

static err_t last_header(const struct db_txn *txn, struct db_cursor *c, uint64_t *number,
                         hash_t *hash)
{
    bytes_t key;
    bytes_t value;
    TRY(db_cursor_last(c, &key, &value));
    if (key.len != 8 || value.len <= sizeof hash->b) {
        return db_damage(txn, DB_HEADERS, key, "blocks: the head's header is unreadable");
    }
    *number = be_get_u64(key.data);
    memcpy(hash->b, value.data, sizeof hash->b);
    return OK;
}

err_t blocks_head(const struct db_txn *txn, uint64_t *number, hash_t *hash)
{
    struct db_cursor *c;
    TRY(db_cursor_open(txn, DB_HEADERS, &c));
    const err_t err = last_header(txn, c, number, hash);
    db_cursor_close(c);
    return err;
}

err_t blocks_number_of(const struct db_txn *txn, uint64_t *number, const hash_t *hash)
{
    bytes_t v;
    TRY(db_get(txn, DB_HASHES, BYTES_OF(*hash), &v));
    if (v.len != 8) {
        return db_damage(txn, DB_HASHES, BYTES_OF(*hash), "blocks: a block number is unreadable");
    }
    *number = be_get_u64(v.data);
    hash_t there;
    const err_t err = blocks_hash_of(txn, &there, *number);
    if (err.kind == ERR_NOT_FOUND || (err_ok(err) && !hash_eq(&there, hash))) {
        return db_damage(txn, DB_HASHES, BYTES_OF(*hash), "blocks: a hash leads to another block");
    }
    return err;
}

err_t blocks_hash_of(const struct db_txn *txn, hash_t *hash, uint64_t number)
{
    bytes_t v;
    TRY(stored_header(txn, &v, number));
    memcpy(hash->b, v.data, sizeof hash->b);
    return OK;
}

err_t blocks_header_raw(const struct db_txn *txn, bytes_t *out, uint64_t number)
{
    bytes_t v;
    TRY(stored_header(txn, &v, number));
    *out = bytes_make(v.data + sizeof(hash_t), v.len - sizeof(hash_t));
    return OK;
}

err_t blocks_oldest(const struct db_txn *txn, uint64_t *number)
{
    bytes_t v;
    *number = 0;
    const err_t err = db_get(txn, DB_META, LIT("oldest"), &v);
    if (err.kind == ERR_NOT_FOUND) return OK;
    TRY(err);
    if (v.len != 8) {
        return db_damage(txn, DB_META, LIT("oldest"), "blocks: the oldest block is unreadable");
    }
    *number = be_get_u64(v.data);
    return OK;
}

err_t blocks_header(const struct db_txn *txn, struct header *out, uint64_t number)
{
    bytes_t stored;
    TRY(stored_header(txn, &stored, number));
    const bytes_t raw = bytes_make(stored.data + sizeof(hash_t), stored.len - sizeof(hash_t));
    const char *why = NULL;
    if (!err_ok(header_decode(out, raw))) {
        why = "blocks: a stored header does not decode";
    } else if (out->number != number) {
        why = "blocks: a header is stored under another number";
    } else {
        const hash_t hash = header_hash(out);
        if (memcmp(hash.b, stored.data, sizeof hash.b) != 0)
            why = "blocks: a stored header does not have its hash";
    }
    return why == NULL ? OK : corrupt(txn, DB_HEADERS, number, why);
}

/// Splits a stored body into its senders and its RLP.
static err_t split_body(bytes_t stored, size_t *count, const uint8_t **senders, bytes_t *body)
{
    if (stored.len < 4) return FAIL(CORRUPT, "blocks: a stored body is cut short");
    const size_t n = be_get_u32(stored.data);
    if (n > (stored.len - 4) / sizeof(address_t)) {
        return FAIL(CORRUPT, "blocks: a stored body is cut short");
    }
    *count = n;
    *senders = stored.data + 4;
    const size_t skip = 4 + n * sizeof(address_t);
    *body = bytes_make(stored.data + skip, stored.len - skip);
    return OK;
}

err_t blocks_body_raw(const struct db_txn *txn, bytes_t *out, uint64_t number)
{
    const be64_t key = be64(number);
    bytes_t stored;
    size_t count;
    const uint8_t *senders;
    TRY(db_get(txn, DB_BODIES, BYTES_OF(key), &stored));
    const err_t err = split_body(stored, &count, &senders, out);
    if (!err_ok(err)) return corrupt(txn, DB_BODIES, number, err.why);
    return OK;
}

static err_t read_body(struct block *out, struct arena *arena, bytes_t stored)
{
    size_t count;
    const uint8_t *senders;
    bytes_t body;
    TRY(split_body(stored, &count, &senders, &body));
    const err_t err = block_body_decode(out, arena, body);
    if (err.kind == ERR_FULL) return err;
    if (!err_ok(err)) return FAIL(CORRUPT, "blocks: a stored body does not decode");
    if (out->tx_count != count) {
        return FAIL(CORRUPT, "blocks: a body has another number of senders");
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(out->txs[i].sender.b, senders + i * sizeof(address_t), sizeof(address_t));
        out->txs[i].has_sender = true;
    }
    return OK;
}

err_t blocks_get(const struct db_txn *txn, struct block *out, struct arena *arena, uint64_t number)
{
    const be64_t key = be64(number);
    bytes_t stored;
    TRY(db_get(txn, DB_BODIES, BYTES_OF(key), &stored));
    *out = (struct block){0};
    err_t err = read_body(out, arena, stored);
    if (err.kind == ERR_CORRUPT) return corrupt(txn, DB_BODIES, number, err.why);
    TRY(err);
    TRY(blocks_hash_of(txn, &out->hash, number));
    TRY(blocks_header(txn, &out->header, number));
    if (db_known_good(txn, DB_BODIES, number)) return OK;
    err = block_check_body(out, arena);
    if (err.kind == ERR_FULL) return err;
    if (!err_ok(err)) {
        return corrupt(txn, DB_BODIES, number, "blocks: a stored body does not have its roots");
    }
    db_set_known_good(txn, DB_BODIES, number);
    return OK;
}

// ---- receipts ---------------------------------------------------------------------------

static void put_log(struct buf *b, const struct log_entry *log)
{
    const size_t list = rlp_list_begin(b);
    rlp_put_address(b, &log->address);
    const size_t topics = rlp_list_begin(b);
    for (unsigned i = 0; i < log->topic_count; i++) rlp_put_hash(b, &log->topics[i]);
    rlp_list_end(b, topics);
    rlp_put_bytes(b, log->data);
    rlp_list_end(b, list);
}

static void put_receipt(struct buf *b, const struct receipt *r)
{
    const size_t list = rlp_list_begin(b);
    rlp_put_u64(b, (uint64_t)r->type);
    if (r->has_status) {
        rlp_put_u64(b, r->succeeded);
    } else {
        rlp_put_hash(b, &r->post_root);
    }
    rlp_put_u64(b, r->cumulative_gas_used);
    const size_t logs = rlp_list_begin(b);
    for (size_t i = 0; i < r->log_count; i++) put_log(b, &r->logs[i]);
    rlp_list_end(b, logs);
    rlp_put_u64(b, r->gas_used);
    rlp_put_bytes(b, r->has_contract_address ? BYTES_OF(r->contract_address) : BYTES_NONE);
    rlp_put_u256(b, &r->effective_gas_price);
    rlp_list_end(b, list);
}

static err_t read_log(struct log_entry *out, struct rlp_reader *r)
{
    struct rlp_reader log;
    struct rlp_reader topics;
    TRY(rlp_read_list(r, &log));
    TRY(rlp_read_fixed(&log, out->address.b, sizeof out->address.b));
    TRY(rlp_read_list(&log, &topics));
    for (out->topic_count = 0; !rlp_at_end(&topics); out->topic_count++) {
        if (out->topic_count == 4) return FAIL(MALFORMED, "blocks: too many topics");
        TRY(rlp_read_fixed(&topics, out->topics[out->topic_count].b, sizeof(hash_t)));
    }
    TRY(rlp_read_bytes(&log, &out->data));
    return rlp_expect_end(&log);
}

static err_t count_items(struct rlp_reader r, size_t *count)
{
    bytes_t skipped;
    for (*count = 0; !rlp_at_end(&r); (*count)++) TRY(rlp_read_raw(&r, &skipped));
    return OK;
}

static err_t read_logs(struct receipt *out, struct rlp_reader *logs, struct arena *arena)
{
    TRY(count_items(*logs, &out->log_count));
    struct log_entry *list = ARENA_ARRAY(arena, struct log_entry, out->log_count);
    if (list == NULL) return FAIL(FULL, "blocks: no memory left for the receipts");
    for (size_t i = 0; i < out->log_count; i++) {
        TRY(read_log(&list[i], logs));
        bloom_add_log(&out->bloom, &list[i]);
    }
    out->logs = list;
    return OK;
}

static err_t read_status(struct receipt *out, struct rlp_reader *r)
{
    bytes_t status;
    TRY(rlp_read_bytes(r, &status));
    if (status.len == sizeof(hash_t)) {
        memcpy(out->post_root.b, status.data, sizeof(hash_t));
        return OK;
    }
    if (status.len > 1) return FAIL(MALFORMED, "blocks: receipt status");
    out->has_status = true;
    out->succeeded = status.len == 1;
    return OK;
}

static err_t read_receipt(struct receipt *out, struct rlp_reader *r, struct arena *arena)
{
    struct rlp_reader fields;
    struct rlp_reader logs;
    uint64_t type;
    bytes_t contract;
    TRY(rlp_read_list(r, &fields));
    TRY(rlp_read_u64(&fields, &type));
    if (type > TX_SET_CODE) return FAIL(MALFORMED, "blocks: receipt type");
    out->type = (enum tx_type)type;
    TRY(read_status(out, &fields));
    TRY(rlp_read_u64(&fields, &out->cumulative_gas_used));
    TRY(rlp_read_list(&fields, &logs));
    TRY(read_logs(out, &logs, arena));
    TRY(rlp_read_u64(&fields, &out->gas_used));
    TRY(rlp_read_bytes(&fields, &contract));
    if (contract.len == sizeof(address_t)) {
        out->has_contract_address = true;
        memcpy(out->contract_address.b, contract.data, sizeof(address_t));
    }
    TRY(rlp_read_u256(&fields, &out->effective_gas_price));
    return rlp_expect_end(&fields);
}

static err_t read_receipts(struct receipt **out, size_t *count, struct arena *arena, bytes_t stored)
{
    struct rlp_reader all = rlp_reader(stored);
    struct rlp_reader list;
    TRY(rlp_read_list(&all, &list));
    TRY(count_items(list, count));
    struct receipt *r = ARENA_ARRAY(arena, struct receipt, *count);
    if (r == NULL) return FAIL(FULL, "blocks: no memory left for the receipts");
    uint64_t before = 0;
    for (size_t i = 0; i < *count; i++) {
        TRY(read_receipt(&r[i], &list, arena));
        if (r[i].cumulative_gas_used - before != r[i].gas_used)
            return FAIL(MALFORMED, "blocks: receipt gas");
        before = r[i].cumulative_gas_used;
    }
    *out = r;
    return OK;
}

/// Do the receipts of a block have the root that its header names?
static err_t check_receipts(const struct db_txn *txn, const struct receipt *receipts, size_t count,
                            struct arena *arena, uint64_t number)
{
    struct header h;
    TRY(blocks_header(txn, &h, number));
    const size_t mark = arena_mark(arena);
    bytes_t *values = ARENA_ARRAY(arena, bytes_t, count);
    if (values == NULL) return FAIL(FULL, "blocks: no memory left for the receipts");
    bool full = false;
    struct buf b;
    buf_init(&b, RECEIPTS_MAX);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&b);
        receipt_encode(&b, &receipts[i]);
        values[i] = arena_copy(arena, buf_bytes(&b), &full);
    }
    err_t err = full ? FAIL(FULL, "blocks: no memory left for the receipts") : buf_status(&b);
    buf_deinit(&b);
    hash_t root;
    if (err_ok(err)) err = list_root(&root, arena, values, count);
    arena_rewind(arena, mark);
    TRY(err);
    if (hash_eq(&root, &h.receipts_root)) return OK;
    return corrupt(txn, DB_RECEIPTS, number, "blocks: stored receipts do not have their root");
}

err_t blocks_receipts(const struct db_txn *txn, struct receipt **out, size_t *count,
                      struct arena *arena, uint64_t number)
{
    const be64_t key = be64(number);
    bytes_t stored;
    TRY(db_get(txn, DB_RECEIPTS, BYTES_OF(key), &stored));
    const err_t err = read_receipts(out, count, arena, stored);
    if (err.kind == ERR_FULL) return err;
    if (!err_ok(err)) {
        return corrupt(txn, DB_RECEIPTS, number, "blocks: stored receipts do not decode");
    }
    if (db_known_good(txn, DB_RECEIPTS, number)) return OK;
    TRY(check_receipts(txn, *out, *count, arena, number));
    db_set_known_good(txn, DB_RECEIPTS, number);
    return OK;
}

err_t blocks_find_tx(const struct db_txn *txn, struct tx_location *out, const hash_t *tx_hash)
{
    bytes_t v;
    TRY(db_get(txn, DB_TXS, BYTES_OF(*tx_hash), &v));
    if (v.len != 12) {
        return db_damage(txn, DB_TXS, BYTES_OF(*tx_hash),
                         "blocks: a transaction's place is unreadable");
    }
    out->block_number = be_get_u64(v.data);
    out->index = be_get_u32(v.data + 8);
    return OK;
}

err_t blocks_check_tx(const struct db_txn *txn, const struct block *b, const struct tx_location *at,
                      const hash_t *tx_hash)
{
    if (at->index >= b->tx_count || !hash_eq(&b->txs[at->index].hash, tx_hash)) {
        return db_damage(txn, DB_TXS, BYTES_OF(*tx_hash),
                         "blocks: a transaction's hash leads to another one");
    }
    const uint64_t tag = be_get_u64(tx_hash->b);
    if (db_known_good(txn, DB_TXS, tag)) return OK;
    struct tx copy = b->txs[at->index];
    if (!err_ok(tx_recover_sender(&copy)) || !address_eq(&copy.sender, &b->txs[at->index].sender)) {
        return corrupt(txn, DB_BODIES, at->block_number,
                       "blocks: a transaction is stored with another sender than it has");
    }
    db_set_known_good(txn, DB_TXS, tag);
    return OK;
}

// ---- writing ----------------------------------------------------------------------------

static err_t check_follows_head(const struct db_txn *txn, const struct header *h)
{
    uint64_t head;
    hash_t hash;
    const err_t err = blocks_head(txn, &head, &hash);
    if (err.kind == ERR_NOT_FOUND) {
        if (h->number == 0) return OK;
        return FAIL(INVALID, "blocks: the first block of a store is number 0");
    }
    TRY(err);
    if (h->number != head + 1) {
        return FAIL(INVALID, "blocks: the block does not follow the head");
    }
    if (!hash_eq(&h->parent_hash, &hash)) {
        return FAIL(INVALID, "blocks: the block's parent is not the head");
    }
    return OK;
}

static err_t append_header(struct db_txn *txn, struct buf *b, const struct header *h,
                           const hash_t *hash)
{
    const be64_t key = be64(h->number);
    buf_clear(b);
    buf_put(b, BYTES_OF(*hash));
    header_encode(b, h);
    TRY(buf_status(b));
    TRY(db_append(txn, DB_HEADERS, BYTES_OF(key), buf_bytes(b)));
    return db_put(txn, DB_HASHES, BYTES_OF(*hash), BYTES_OF(key));
}

static err_t append_body(struct db_txn *txn, struct buf *b, const struct block *block, be64_t key)
{
    uint8_t count[4];
    be_put_u32(count, (uint32_t)block->tx_count);
    buf_clear(b);
    buf_put(b, BYTES_OF(count));
    for (size_t i = 0; i < block->tx_count; i++) {
        check(block->txs[i].has_sender);
        buf_put(b, BYTES_OF(block->txs[i].sender));
    }
    block_body_encode(b, block);
    TRY(buf_status(b));
    return db_append(txn, DB_BODIES, BYTES_OF(key), buf_bytes(b));
}

static err_t append_receipts(struct db_txn *txn, struct buf *b, const struct receipt *receipts,
                             size_t count, be64_t key)
{
    buf_clear(b);
    const size_t list = rlp_list_begin(b);
    for (size_t i = 0; i < count; i++) put_receipt(b, &receipts[i]);
    rlp_list_end(b, list);
    TRY(buf_status(b));
    return db_append(txn, DB_RECEIPTS, BYTES_OF(key), buf_bytes(b));
}

static int compare_tx_hashes(const void *a, const void *b)
{
    return hash_cmp(&(*(const struct tx *const *)a)->hash, &(*(const struct tx *const *)b)->hash);
}

/// In the order of the hashes: neighbours share a page of the table.
static err_t put_locations(struct db_txn *txn, const struct block *block)
{
    uint8_t place[12];
    be_put_u64(place, block->header.number);
    const struct tx **sorted = calloc(block->tx_count + 1, sizeof(const struct tx *));
    if (sorted == NULL) return FAIL(FULL, "blocks: no memory to sort transactions");
    for (size_t i = 0; i < block->tx_count; i++) sorted[i] = &block->txs[i];
    qsort(sorted, block->tx_count, sizeof(const struct tx *), compare_tx_hashes);
    err_t err = OK;
    for (size_t i = 0; i < block->tx_count && err_ok(err); i++) {
        const hash_t *hash = &sorted[i]->hash;
        be_put_u32(place + 8, (uint32_t)(sorted[i] - block->txs));
        err = db_put(txn, DB_TXS, BYTES_OF(*hash), BYTES_OF(place));
        db_set_known_good(txn, DB_TXS, be_get_u64(hash->b));
    }
    free(sorted);
    return err;
}

/// Body, receipts and everything that leads to them.
static err_t append_contents(struct db_txn *txn, struct buf *b, const struct block *block,
                             const struct receipt *receipts, size_t count)
{
    const uint64_t number = block->header.number;
    const be64_t key = be64(number);
    struct buf logs;
    buf_init(&logs, RECEIPTS_MAX);
    err_t err = append_body(txn, b, block, key);
    if (err_ok(err)) err = append_receipts(txn, &logs, receipts, count, key);
    buf_deinit(&logs);
    TRY(err);
    // Their roots were compared with the header's just now.
    db_set_known_good(txn, DB_BODIES, number);
    db_set_known_good(txn, DB_RECEIPTS, number);
    CRASH_POINT("block-written");
    TRY(put_locations(txn, block));
    return log_index_add(txn, number, receipts, count);
}

static err_t check_counts(const struct block *block, size_t receipt_count)
{
    check(block->tx_count <= UINT32_MAX);
    if (receipt_count == block->tx_count) return OK;
    return FAIL(INVALID, "blocks: not one receipt per transaction");
}

err_t blocks_append(struct db_txn *txn, const struct block *block, const struct receipt *receipts,
                    size_t receipt_count)
{
    TRY(check_counts(block, receipt_count));
    TRY(check_follows_head(txn, &block->header));
    struct buf b;
    buf_init(&b, BODY_MAX);
    CRASH_POINT("block-write-begin");
    err_t err = append_header(txn, &b, &block->header, &block->hash);
    if (err_ok(err)) err = append_contents(txn, &b, block, receipts, receipt_count);
    buf_deinit(&b);
    return err;
}

err_t blocks_append_header(struct db_txn *txn, const struct header *h, const hash_t *hash)
{
    TRY(check_follows_head(txn, h));
    struct buf b;
    buf_init(&b, BODY_MAX);
    const err_t err = append_header(txn, &b, h, hash);
    buf_deinit(&b);
    return err;
}

err_t blocks_append_body(struct db_txn *txn, const struct block *block,
                         const struct receipt *receipts, size_t receipt_count)
{
    hash_t there;
    TRY(check_counts(block, receipt_count));
    TRY(blocks_hash_of(txn, &there, block->header.number));
    if (!hash_eq(&there, &block->hash)) {
        return FAIL(INVALID, "blocks: the body is not that of the header which is there");
    }
    struct buf b;
    buf_init(&b, BODY_MAX);
    const err_t err = append_contents(txn, &b, block, receipts, receipt_count);
    buf_deinit(&b);
    return err;
}

err_t blocks_set_oldest(struct db_txn *txn, uint64_t number)
{
    const be64_t value = be64(number);
    return db_put(txn, DB_META, LIT("oldest"), BYTES_OF(value));
}
