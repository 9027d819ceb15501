// SPDX-License-Identifier: Apache-2.0
#include "chain/types/block.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/trie/list_root.h" // one step up inside chain: whether a body fits its header

static err_t count_items(struct rlp_reader list, size_t *count)
{
    bytes_t item;
    *count = 0;
    while (!rlp_at_end(&list)) {
        TRY(rlp_read_raw(&list, &item));
        ++*count;
    }
    return OK;
}

static err_t read_txs(struct rlp_reader *r, struct arena *arena, struct block *b)
{
    struct rlp_reader list;
    TRY(rlp_read_list(r, &list));
    TRY(count_items(list, &b->tx_count));
    b->txs = ARENA_ARRAY(arena, struct tx, b->tx_count);
    if (b->txs == NULL) return FAIL(FULL, "block: no room for its transactions");
    for (size_t i = 0; i < b->tx_count; i++) {
        bytes_t item;
        TRY(rlp_read_raw(&list, &item));
        TRY(tx_decode_item(&b->txs[i], arena, item));
    }
    return OK;
}

static err_t read_withdrawals(struct rlp_reader *r, struct arena *arena, struct block *b)
{
    b->has_withdrawals = !rlp_at_end(r);
    if (!b->has_withdrawals) return OK;

    struct rlp_reader list;
    TRY(rlp_read_list(r, &list));
    TRY(count_items(list, &b->withdrawal_count));
    struct withdrawal *ws = ARENA_ARRAY(arena, struct withdrawal, b->withdrawal_count);
    if (ws == NULL) return FAIL(FULL, "block: no room for its withdrawals");
    for (size_t i = 0; i < b->withdrawal_count; i++) {
        struct rlp_reader fields;
        TRY(rlp_read_list(&list, &fields));
        TRY(rlp_read_u64(&fields, &ws[i].index));
        TRY(rlp_read_u64(&fields, &ws[i].validator_index));
        TRY(rlp_read_fixed(&fields, ws[i].address.b, sizeof ws[i].address.b));
        TRY(rlp_read_u64(&fields, &ws[i].amount_gwei));
        TRY(rlp_expect_end(&fields));
    }
    b->withdrawals = ws;
    return OK;
}

static err_t read_body(struct rlp_reader *r, struct arena *arena, struct block *b)
{
    TRY(read_txs(r, arena, b));
    if (!rlp_at_end(r) && !rlp_peek_is_list(r)) {
        return FAIL(MALFORMED, "block: ommers are not a list");
    }
    TRY(rlp_read_raw(r, &b->ommers));
    TRY(read_withdrawals(r, arena, b));
    return rlp_expect_end(r);
}

err_t block_decode(struct block *out, struct arena *arena, bytes_t in)
{
    struct rlp_reader whole = rlp_reader(in);
    struct rlp_reader r;
    struct block b = {.tx_count = 0};
    bytes_t header;
    TRY(rlp_read_list(&whole, &r));
    TRY(rlp_expect_end(&whole));
    TRY(rlp_read_raw(&r, &header));
    TRY(header_decode(&b.header, header));
    TRY(read_body(&r, arena, &b));
    b.hash = header_hash(&b.header);
    *out = b;
    return OK;
}

err_t block_body_decode(struct block *out, struct arena *arena, bytes_t in)
{
    struct rlp_reader whole = rlp_reader(in);
    struct rlp_reader r;
    struct block b = {.header = out->header, .hash = out->hash};
    TRY(rlp_read_list(&whole, &r));
    TRY(rlp_expect_end(&whole));
    TRY(read_body(&r, arena, &b));
    *out = b;
    return OK;
}

static void put_withdrawal(struct buf *out, const struct withdrawal *w)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_u64(out, w->index);
    rlp_put_u64(out, w->validator_index);
    rlp_put_address(out, &w->address);
    rlp_put_u64(out, w->amount_gwei);
    rlp_list_end(out, list);
}

static void put_body(struct buf *out, const struct block *b)
{
    const size_t txs = rlp_list_begin(out);
    for (size_t i = 0; i < b->tx_count; i++) tx_put_item(out, &b->txs[i]);
    rlp_list_end(out, txs);
    rlp_put_raw(out, b->ommers.len != 0 ? b->ommers : LIT("\xc0"));
    if (!b->has_withdrawals) return;
    const size_t ws = rlp_list_begin(out);
    for (size_t i = 0; i < b->withdrawal_count; i++) put_withdrawal(out, &b->withdrawals[i]);
    rlp_list_end(out, ws);
}

void block_encode(struct buf *out, const struct block *b)
{
    const size_t list = rlp_list_begin(out);
    header_encode(out, &b->header);
    put_body(out, b);
    rlp_list_end(out, list);
}

void block_body_encode(struct buf *out, const struct block *b)
{
    const size_t list = rlp_list_begin(out);
    put_body(out, b);
    rlp_list_end(out, list);
}

static err_t check_txs(const struct block *b, struct arena *scratch)
{
    bytes_t *raws = ARENA_ARRAY(scratch, bytes_t, b->tx_count);
    if (raws == NULL) return FAIL(FULL, "block: no room to compute the transactions root");
    for (size_t i = 0; i < b->tx_count; i++) raws[i] = b->txs[i].raw;
    hash_t root;
    TRY(list_root(&root, scratch, raws, b->tx_count));
    if (!hash_eq(&root, &b->header.transactions_root)) {
        return FAIL(INVALID, "block: transactions do not match the header's transactionsRoot");
    }
    return OK;
}

static err_t check_withdrawals(const struct block *b, struct arena *scratch)
{
    const bool expected = b->header.field_count >= HEADER_FIELDS_SHANGHAI;
    if (expected != b->has_withdrawals) {
        return expected ? FAIL(INVALID, "block: withdrawals are missing from the body")
                        : FAIL(INVALID, "block: withdrawals before Shanghai");
    }
    if (!expected) return OK;

    bytes_t *values = ARENA_ARRAY(scratch, bytes_t, b->withdrawal_count);
    if (values == NULL) return FAIL(FULL, "block: no room to compute the withdrawals root");
    struct buf one;
    buf_init(&one, 128);
    bool full = false;
    for (size_t i = 0; i < b->withdrawal_count; i++) {
        buf_clear(&one);
        put_withdrawal(&one, &b->withdrawals[i]);
        full = full || one.full;
        values[i] = arena_copy(scratch, buf_bytes(&one), &full);
    }
    buf_deinit(&one);
    if (full) return FAIL(FULL, "block: no room to compute the withdrawals root");

    hash_t root;
    TRY(list_root(&root, scratch, values, b->withdrawal_count));
    if (!hash_eq(&root, &b->header.withdrawals_root)) {
        return FAIL(INVALID, "block: withdrawals do not match the header's withdrawalsRoot");
    }
    return OK;
}

err_t block_check_body(const struct block *b, struct arena *scratch)
{
    TRY(check_txs(b, scratch));
    const hash_t ommers = keccak256(b->ommers.len != 0 ? b->ommers : LIT("\xc0"));
    if (!hash_eq(&ommers, &b->header.ommers_hash)) {
        return FAIL(INVALID, "block: ommers do not match the header's ommersHash");
    }
    return check_withdrawals(b, scratch);
}
