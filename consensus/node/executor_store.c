// SPDX-License-Identifier: Apache-2.0
/// Final blocks into the store: those decided here with the seals that were collected, and those
/// that peers give with the seals they carry.

#include "consensus/node/executor_impl.h"

#include "chain/base/crash_point.h"
#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "chain/codec/rlp.h"
#include "consensus/block/commit.h"
#include "consensus/node/loop.h"
#include "consensus/node/peering.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/// A group of blocks that takes longer is written as far as it is done.
#define GROUP_MS 200U

/// --- commit ---

/// Tells the pool what a block changed.
static void move_pool(struct executor *x, const struct executed_block *e)
{
    struct node *n = x->node;
    const uint64_t now_s = wall_clock_ms() / 1000;
    pthread_mutex_lock(&n->pool_lock);
    for (size_t i = 0; i < e->block.tx_count; i++)
        txpool_included(n->pool, &e->block.txs[i].hash, now_s);
    for (size_t i = 0; i < e->diff.account_count; i++) {
        const struct account_change *c = &e->diff.accounts[i];
        if (!txpool_has_sender(n->pool, &c->address)) continue;
        struct pool_account account = {.nonce = 0};
        if (!c->deleted) account = (struct pool_account){c->now.nonce, c->now.balance_wei};
        txpool_set_account(n->pool, &c->address, &account, now_s);
    }
    n->pool_head = e->block.header.number;
    pthread_mutex_unlock(&n->pool_lock);
}

/// The head is another one: who validates after it, on the state that `txn` sees.
static err_t follow(struct executor *x, const struct executed_block *e, bytes_t extra,
                    const struct db_txn *txn)
{
    struct header h = e->block.header;
    h.extra_data = extra;
    TRY(executor_set_head(x, &h, &e->block.hash));
    TRY(succession_follow(&x->next, &x->head));
    return executor_find_validators(x, txn);
}

/// Executed blocks with their sealed extraData, which are written together.
struct batch {
    const struct executed_block *blocks[SYNC_GROUP];
    bytes_t extras[SYNC_GROUP];
    uint32_t rounds[SYNC_GROUP];
    size_t count;
};

/// The store has the blocks: everybody hears of it.
static void tell(struct executor *x, const struct batch *b)
{
    CRASH_POINT("executor-head-set");
    for (size_t i = 0; i < b->count; i++) move_pool(x, b->blocks[i]);
    executor_publish_head(x);
    CRASH_POINT("executor-head-published");
    executor_post_head(x);
    CRASH_POINT("executor-head-posted");
}

static bool wait_for_space(const struct executor *x)
{
    for (int i = 0; i < 20; i++) {
        if (atomic_load(&x->node->closing)) return false;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return true;
}

static err_t write_all(struct executor *x, const struct batch *b)
{
    struct db_txn *txn;
    err_t err = OK;
    if (b->count == 1) return block_commit(x->node->db, b->blocks[0], b->extras[0]);
    TRY(db_begin_write(x->node->db, &txn));
    for (size_t i = 0; i < b->count && err_ok(err); i++)
        err = block_write(txn, b->blocks[i], b->extras[i]);
    if (err_ok(err)) return db_commit(txn);
    db_abort(txn);
    return err;
}

/// Writes the blocks, waiting for space as long as it takes. `txn`, where not NULL, has them
/// already and only has to be committed.
static err_t commit_patiently(struct executor *x, const struct batch *b, struct db_txn *txn)
{
    for (;;) {
        CRASH_POINT("executor-commit-before");
        const uint64_t begun_us = counters_now_us();
        const err_t err = txn != NULL ? db_commit(txn) : write_all(x, b);
        txn = NULL;
        if (err_ok(err)) histogram_note(&x->node->counters.commit, begun_us);
        CRASH_POINT("executor-commit-after");
        atomic_store(&x->node->waiting_for_space, err.kind == ERR_FULL);
        if (err.kind != ERR_FULL) return err;
        if (atomic_exchange(&x->node->accepting, false))
            LOG_ERR("store", "no space: the block waits, transactions are refused",
                    "height=%" PRIu64 " hint=free some space, it goes on by itself",
                    b->blocks[0]->block.header.number);
        if (!wait_for_space(x)) return err;
    }
}

static void log_block(const struct executor *x, const struct batch *b, size_t i, uint64_t took_ms)
{
    struct node *n = x->node;
    const struct executed_block *e = b->blocks[i];
    const struct header *h = &e->block.header;
    LOG_INF("qbft", "imported block",
            "number=%" PRIu64 " hash=%s txs=%zu gas=%" PRIu64 " round=%" PRIu32
            " proposer=%s took=%" PRIu64 "ms",
            h->number, hex_hash(&e->block.hash).s, e->block.tx_count, h->gas_used, b->rounds[i],
            hex_address(&h->coinbase).s, took_ms);
    count_one(&n->counters.blocks);
    count_more(&n->counters.transactions, e->block.tx_count);
    count_more(&n->counters.gas, h->gas_used);
}

/// What became of writing: the end of the node, or nothing while it closes. @return err_ok(err)
static bool stored(struct executor *x, const struct batch *b, err_t err)
{
    struct node *n = x->node;
    if (err_ok(err)) return true;
    if (err.kind == ERR_FULL && atomic_load(&n->closing)) return false;
    LOG_ERR("store", "cannot write a block", "height=%" PRIu64 " why=%s",
            b->blocks[0]->block.header.number, err_text(err));
    node_fail(n, err);
    return false;
}

static void log_all(struct executor *x, const struct batch *b, uint64_t start_ms, uint64_t begun_us)
{
    const uint64_t took_ms = steady_clock_ms() - start_ms;
    for (size_t i = 0; i < b->count; i++) log_block(x, b, i, took_ms);
    histogram_note(&x->node->counters.import, begun_us);
    executor_forget_kept(x);
}

/// Writes one executed block with its sealed extraData and makes it the head.
static void store_block(struct executor *x, const struct batch *b, uint64_t start_ms)
{
    const uint64_t begun_us = counters_now_us();
    struct db_txn *txn;
    err_t err = commit_patiently(x, b, NULL);
    if (err_ok(err)) err = db_begin_read(x->node->db, &txn);
    if (err_ok(err)) {
        err = follow(x, b->blocks[0], b->extras[0], txn);
        db_abort(txn);
    }
    if (!stored(x, b, err)) return;
    tell(x, b);
    log_all(x, b, start_ms, begun_us);
}

/// A quorum says that the block is valid and we find that it is not: then it is this machine that
/// is wrong, and nothing it says can be trusted.
static void disagree(struct executor *x, uint64_t height, const hash_t *hash, err_t err)
{
    LOG_ERR("block", "a sealed block does not pass our checks",
            "height=%" PRIu64 " hash=%s why=%s hint=run cairnd verify --deep", height,
            hex_hash(hash).s, err_text(err));
    node_fail(x->node,
              executor_is_fatal(err) ? err : FAIL(CORRUPT, "block: disagrees with a sealed block"));
}

void executor_on_commit(struct executor *x, const struct job *j)
{
    if (j->height != x->head.number + 1) return;
    const uint64_t start_ms = steady_clock_ms();
    err_t err;
    struct kept *k =
        executor_kept_or_checked(x, &j->hash, bytes_make(j->bytes, j->block_len), &err);
    if (k == NULL) {
        disagree(x, j->height, &j->hash, err);
        return;
    }
    struct buf extra;
    buf_init(&extra, (size_t)1024 * 1024);
    const uint8_t *seals = j->bytes + j->block_len;
    secp_sig_t *aligned = calloc(j->seal_count, sizeof *aligned);
    check(aligned != NULL);
    memcpy(aligned, seals, j->seal_count * sizeof *aligned);
    err = extra_data_reseal(&extra, k->block.block.header.extra_data, j->round, aligned,
                            j->seal_count);
    free(aligned);
    if (err_ok(err)) err = buf_status(&extra);
    const struct batch one = {{&k->block}, {buf_bytes(&extra)}, {j->round}, 1};
    if (err_ok(err))
        store_block(x, &one, start_ms);
    else
        node_fail(x->node, err);
    buf_deinit(&extra);
}

/// --- import ---

/// A sealed block that is executed, by this or before. NULL with the verdict on it.
static const struct executed_block *execute_sealed(struct executor *x, const struct db_txn *txn,
                                                   size_t place, bytes_t raw,
                                                   const struct header *h, const hash_t *hash,
                                                   const struct extra_data *extra,
                                                   enum sync_verdict *verdict)
{
    enum check_stage stage = CHECK_HEADER;
    const struct kept *k = place == 0 ? executor_find_kept(x, hash) : NULL;
    const struct executed_block *e = k != NULL ? &k->block : &x->group[place];
    err_t err;
    if (k != NULL) { // as a proposal: now it is sealed
        const struct header_rules rules = executor_rules(x, true);
        err = qbft_header_check(&rules, h, extra);
    } else {
        err = executor_check_into(x, &x->group[place], txn, raw, true, &stage);
    }
    if (err_ok(err)) return e;
    *verdict = stage == CHECK_HEADER ? SYNC_BAD_HEADER : SYNC_BAD_BODY;
    if (executor_is_fatal(err)) {
        *verdict = SYNC_NOT_NOW;
        node_fail(x->node, err);
    } else if (err.kind == ERR_FULL) {
        *verdict = SYNC_NOT_NOW;
    } else if (stage == CHECK_EXECUTION) {
        *verdict = SYNC_NOT_NOW;
        disagree(x, h->number, hash, err);
    } else {
        LOG_WRN("sync", "block refused", "number=%" PRIu64 " why=%s", h->number, err_text(err));
    }
    return NULL;
}

/// What is being imported: blocks that are executed and written into a transaction, one on the
/// other's state.
struct import {
    struct db_txn *txn;
    struct batch batch;
    uint64_t number; ///< of the block in hand
    enum sync_verdict verdict;
    err_t err; ///< of writing. ERR_FULL: the transaction is of no more use
};

/// Takes one block in. @return false if nothing more can be
static bool import_one(struct executor *x, struct import *im, bytes_t raw)
{
    struct header h;
    hash_t hash;
    struct extra_data extra;
    struct batch *b = &im->batch;
    if (im->number <= x->head.number) return true; // consensus was faster
    if (!err_ok(executor_read_header(x, raw, &h, &hash, &extra))) {
        im->verdict = SYNC_BAD_HEADER;
        return false;
    }
    const uint32_t round = extra.round; // the next decoding is another one's
    const struct executed_block *e =
        execute_sealed(x, im->txn, b->count, raw, &h, &hash, &extra, &im->verdict);
    if (e == NULL) return false;
    b->blocks[b->count] = e;
    b->extras[b->count] = h.extra_data;
    b->rounds[b->count++] = round;
    im->err = block_write(im->txn, e, h.extra_data);
    // Who validates next may be a matter of the state: without space it waits for the writing.
    if (err_ok(im->err)) im->err = follow(x, e, h.extra_data, im->txn);
    return err_ok(im->err);
}

/// Writes what was taken in. What went well before a block that is refused is kept.
static void import_end(struct executor *x, struct import *im, uint64_t start_ms, uint64_t begun_us)
{
    struct batch *b = &im->batch;
    if (!err_ok(im->err) || b->count == 0) {
        db_abort(im->txn);
        im->txn = NULL;
    }
    if (b->count == 0) return;
    err_t err = im->err;
    if (err_ok(err) || err.kind == ERR_FULL) err = commit_patiently(x, b, im->txn);
    if (err_ok(err) && im->err.kind == ERR_FULL) { // the last one is written, but not followed
        const size_t last = b->count - 1;
        struct db_txn *txn;
        err = db_begin_read(x->node->db, &txn);
        if (err_ok(err)) {
            err = follow(x, b->blocks[last], b->extras[last], txn);
            db_abort(txn);
        }
    }
    if (!stored(x, b, err)) {
        im->verdict = SYNC_NOT_NOW;
        return;
    }
    tell(x, b);
    log_all(x, b, start_ms, begun_us);
}

/// @param[out] number  the block that the verdict is on
static enum sync_verdict import(struct executor *x, const struct job *j, uint64_t *number)
{
    const uint64_t start_ms = steady_clock_ms();
    const uint64_t begun_us = counters_now_us();
    struct import im = {.number = j->height, .verdict = SYNC_GOOD, .err = OK};
    struct rlp_reader r = rlp_reader(bytes_make(j->bytes, j->block_len));
    *number = j->height;
    if (j->height > x->head.number + 1 || !atomic_load(&x->node->proposing)) return SYNC_NOT_NOW;
    const err_t err = db_begin_write(x->node->db, &im.txn);
    if (!err_ok(err)) {
        if (executor_is_fatal(err)) node_fail(x->node, err);
        return SYNC_NOT_NOW;
    }
    bytes_t raw;
    while (im.batch.count < SYNC_GROUP && err_ok(rlp_read_raw(&r, &raw)) &&
           import_one(x, &im, raw)) {
        *number = im.number++;
        if (steady_clock_ms() - start_ms >= GROUP_MS || atomic_load(&x->node->closing)) break;
    }
    if (im.verdict != SYNC_GOOD) *number = im.number;
    import_end(x, &im, start_ms, begun_us);
    return im.verdict;
}

/// The answer to sync, on the loop.
struct import_answer {
    struct task task;
    struct node *node;
    uint64_t number;
    enum sync_verdict verdict;
};

static void answer_drop(struct task *t)
{
    free(t);
}

static void answer_run(struct task *t)
{
    const struct import_answer *a = (const struct import_answer *)t;
    peering_import_done(loop_peering(a->node->loop), a->number, a->verdict);
    free(t);
}

void executor_on_import(struct executor *x, const struct job *j)
{
    struct import_answer *a = calloc(1, sizeof *a);
    check(a != NULL);
    *a = (struct import_answer){.task = {answer_run, answer_drop}, .node = x->node};
    a->verdict = import(x, j, &a->number);
    loop_post_task(x->node->loop, &a->task); // after the head that it has made
}
