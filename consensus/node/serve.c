// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/serve.h"

#include "chain/store/blocks.h"
#include "consensus/node/node_impl.h"

/// For the receipts of one block.
#define SCRATCH_BYTES ((size_t)64 * 1024 * 1024)

/// Steps from one header to the next; false beyond either end of the numbers.
static bool step_from(uint64_t *number, const struct eth_get_headers *get)
{
    if (get->skip == UINT64_MAX) return false;
    const uint64_t by = get->skip + 1;
    if (get->reverse) return !__builtin_sub_overflow(*number, by, number);
    return !__builtin_add_overflow(*number, by, number);
}

static err_t put_headers(struct buf *out, const struct db_txn *txn,
                         const struct eth_get_headers *get)
{
    uint64_t number = get->number;
    if (get->by_hash) {
        const err_t err = blocks_number_of(txn, &number, &get->hash);
        if (err.kind == ERR_NOT_FOUND) return OK;
        TRY(err);
    }
    const uint64_t limit = get->limit < ETH_HEADERS_MAX ? get->limit : ETH_HEADERS_MAX;
    for (uint64_t i = 0; i < limit && out->len < ETH_ANSWER_BYTES; i++) {
        bytes_t raw;
        const err_t err = blocks_header_raw(txn, &raw, number);
        if (err.kind == ERR_NOT_FOUND) return OK;
        TRY(err);
        rlp_put_raw(out, raw);
        if (!step_from(&number, get)) return OK;
    }
    return OK;
}

/// Where a requested body or receipts are. A store that began from a snapshot has some of the blocks
/// before it, but offers none: peers match answers to requests by their place, and a gap in one would
/// put the rest in wrong places. So an answer ends there. @return ERR_NOT_FOUND: unknown
static err_t find_offered(const struct db_txn *txn, uint64_t *number, bool *offered,
                          const hash_t *hash)
{
    uint64_t oldest;
    TRY(blocks_oldest(txn, &oldest));
    TRY(blocks_number_of(txn, number, hash));
    *offered = *number >= oldest;
    return OK;
}

static err_t put_bodies(struct buf *out, const struct db_txn *txn, struct rlp_reader hashes)
{
    hash_t hash;
    while (eth_next_hash(&hashes, &hash) && out->len < ETH_ANSWER_BYTES) {
        uint64_t number;
        bytes_t raw;
        bool offered = true;
        err_t err = find_offered(txn, &number, &offered, &hash);
        if (!offered) return OK;
        if (err_ok(err)) err = blocks_body_raw(txn, &raw, number);
        if (err.kind == ERR_NOT_FOUND) continue;
        TRY(err);
        rlp_put_raw(out, raw);
    }
    return OK;
}

static err_t put_receipts(struct buf *out, const struct db_txn *txn, unsigned version,
                          struct rlp_reader hashes, struct arena *scratch)
{
    hash_t hash;
    while (eth_next_hash(&hashes, &hash) && out->len < ETH_ANSWER_BYTES) {
        uint64_t number;
        struct receipt *receipts;
        size_t count;
        bool offered = true;
        arena_reset(scratch);
        err_t err = find_offered(txn, &number, &offered, &hash);
        if (!offered) return OK;
        if (err_ok(err)) err = blocks_receipts(txn, &receipts, &count, scratch, number);
        if (err.kind == ERR_NOT_FOUND) continue;
        TRY(err);
        eth_receipts_put(out, version, receipts, count);
    }
    return OK;
}

static void put_pooled(struct buf *out, struct node *n, struct rlp_reader hashes)
{
    hash_t hash;
    pthread_mutex_lock(&n->pool_lock);
    while (eth_next_hash(&hashes, &hash) && out->len < ETH_ANSWER_BYTES) {
        const struct pool_tx *t = txpool_find(n->pool, &hash);
        if (t != NULL) tx_put_item(out, &t->tx);
    }
    pthread_mutex_unlock(&n->pool_lock);
}

static err_t serve_headers(struct buf *out, struct node *n, bytes_t request)
{
    struct eth_get_headers get;
    struct db_txn *txn;
    TRY(eth_get_headers_decode(&get, request));
    TRY(db_begin_read(n->db, &txn));
    struct eth_answer_writer w = eth_answer_begin(out, get.id);
    const err_t err = put_headers(out, txn, &get);
    eth_answer_end(&w);
    db_abort(txn);
    return err;
}

static err_t serve_hashes(struct buf *out, struct node *n, unsigned version, unsigned code,
                          const struct eth_get *get)
{
    struct db_txn *txn;
    struct arena scratch = {.base = NULL};
    err_t err = code == ETH_GET_RECEIPTS ? arena_init(&scratch, SCRATCH_BYTES) : OK;
    TRY(err);
    err = db_begin_read(n->db, &txn);
    if (err_ok(err)) {
        struct eth_answer_writer w = eth_answer_begin(out, get->id);
        if (code == ETH_GET_BLOCK_BODIES) err = put_bodies(out, txn, get->hashes);
        if (code == ETH_GET_RECEIPTS) err = put_receipts(out, txn, version, get->hashes, &scratch);
        if (code == ETH_GET_POOLED) put_pooled(out, n, get->hashes);
        eth_answer_end(&w);
        db_abort(txn);
    }
    arena_deinit(&scratch);
    return err;
}

err_t serve(struct buf *out, unsigned *answer_code, struct node *n, unsigned version, unsigned code,
            bytes_t request)
{
    // Every answer's code follows its request's.
    *answer_code = code + 1; // node data (eth/66) is answered with an empty list
    if (code == ETH_GET_BLOCK_HEADERS) {
        TRY(serve_headers(out, n, request));
        return buf_status(out);
    }
    const size_t max = code == ETH_GET_POOLED ? ETH_HASHES_MAX : ETH_BODIES_MAX;
    struct eth_get get;
    TRY(eth_get_decode(&get, request, max));
    TRY(serve_hashes(out, n, version, code, &get));
    return buf_status(out);
}

static err_t put_block(struct buf *out, const struct db_txn *txn, uint64_t number)
{
    bytes_t header;
    bytes_t body;
    struct rlp_reader parts;
    TRY(blocks_header_raw(txn, &header, number));
    TRY(blocks_body_raw(txn, &body, number));
    struct rlp_reader r = rlp_reader(body);
    TRY(rlp_read_list(&r, &parts));
    const size_t list = rlp_list_begin(out);
    rlp_put_raw(out, header);
    rlp_put_raw(out, parts.rest);
    rlp_list_end(out, list);
    return buf_status(out);
}

err_t serve_new_block(struct buf *out, struct node *n, uint64_t number)
{
    struct db_txn *txn;
    struct buf block;
    u256_t difficulty = n->genesis.header.difficulty;
    const u256_t blocks = u256_from_u64(number); // one each
    (void)u256_add(&difficulty, &difficulty, &blocks);
    TRY(db_begin_read(n->db, &txn));
    buf_init(&block, out->max);
    err_t err = put_block(&block, txn, number);
    db_abort(txn);
    if (err_ok(err)) {
        eth_new_block_encode(out, buf_bytes(&block), &difficulty);
        err = buf_status(out);
    }
    buf_deinit(&block);
    return err;
}
