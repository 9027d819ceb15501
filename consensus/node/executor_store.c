// SPDX-License-Identifier: Apache-2.0
/// Final blocks into the store: those decided here with the seals that were collected, and those
/// that peers give with the seals they carry.

#include "consensus/node/executor_impl.h"

#include "chain/base/crash_point.h"
#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "consensus/block/commit.h"
#include "consensus/node/loop.h"
#include "consensus/node/peering.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

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

/// After the store has the block: head, validators, pool, news.
static err_t after_commit(struct executor *x, const struct executed_block *e, bytes_t extra)
{
    struct header h = e->block.header;
    h.extra_data = extra;
    TRY(executor_set_head(x, &h, &e->block.hash));
    TRY(succession_follow(&x->next, &x->head));
    struct db_txn *txn;
    TRY(db_begin_read(x->node->db, &txn));
    const err_t err = executor_find_validators(x, txn);
    db_abort(txn);
    TRY(err);
    CRASH_POINT("executor-head-set");
    move_pool(x, e);
    executor_publish_head(x);
    CRASH_POINT("executor-head-published");
    executor_post_head(x);
    CRASH_POINT("executor-head-posted");
    return OK;
}

static bool wait_for_space(const struct executor *x)
{
    for (int i = 0; i < 20; i++) {
        if (atomic_load(&x->node->closing)) return false;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return true;
}

/// Writes the block, waiting for space as long as it takes.
static err_t commit_patiently(struct executor *x, const struct executed_block *e, bytes_t extra)
{
    for (;;) {
        CRASH_POINT("executor-commit-before");
        const uint64_t begun_us = counters_now_us();
        const err_t err = block_commit(x->node->db, e, extra);
        if (err_ok(err)) histogram_note(&x->node->counters.commit, begun_us);
        CRASH_POINT("executor-commit-after");
        atomic_store(&x->node->waiting_for_space, err.kind == ERR_FULL);
        if (err.kind != ERR_FULL) return err;
        if (atomic_exchange(&x->node->accepting, false))
            LOG_ERR("store", "no space: the block waits, transactions are refused",
                    "height=%" PRIu64 " hint=free some space, it goes on by itself",
                    e->block.header.number);
        if (!wait_for_space(x)) return err;
    }
}

/// Writes an executed block with its sealed extraData and makes it the head.
static bool store_block(struct executor *x, const struct executed_block *e, bytes_t extra,
                        uint32_t round, uint64_t start_ms)
{
    struct node *n = x->node;
    const uint64_t begun_us = counters_now_us();
    err_t err = commit_patiently(x, e, extra);
    if (err_ok(err)) err = after_commit(x, e, extra);
    if (err_ok(err)) {
        LOG_INF("qbft", "imported block",
                "number=%" PRIu64 " hash=%s txs=%zu gas=%" PRIu64 " round=%" PRIu32
                " proposer=%s took=%" PRIu64 "ms",
                x->head.number, hex_hash(&x->head_hash).s, e->block.tx_count, x->head.gas_used,
                round, hex_address(&x->head.coinbase).s, wall_clock_ms() - start_ms);
        histogram_note(&n->counters.import, begun_us);
        count_one(&n->counters.blocks);
        count_more(&n->counters.transactions, e->block.tx_count);
        count_more(&n->counters.gas, x->head.gas_used);
        executor_forget_kept(x);
        return true;
    }
    if (err.kind == ERR_FULL && atomic_load(&n->closing)) return false;
    LOG_ERR("store", "cannot write a block", "height=%" PRIu64 " why=%s", e->block.header.number,
            err_text(err));
    node_fail(n, err);
    return false;
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
    const uint64_t start_ms = wall_clock_ms();
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
    if (err_ok(err))
        (void)store_block(x, &k->block, buf_bytes(&extra), j->round, start_ms);
    else
        node_fail(x->node, err);
    buf_deinit(&extra);
}

/// --- import ---

/// A sealed block that is executed, by this or before. NULL with the verdict on it.
static struct kept *checked_import(struct executor *x, bytes_t raw, const struct header *h,
                                   const hash_t *hash, const struct extra_data *extra,
                                   enum sync_verdict *verdict)
{
    enum check_stage stage = CHECK_HEADER;
    struct kept *k = executor_find_kept(x, hash);
    err_t err;
    if (k != NULL) { // as a proposal: now it is sealed
        const struct header_rules rules = executor_rules(x, true);
        err = qbft_header_check(&rules, h, extra);
    } else {
        k = executor_make_place(x);
        err = executor_check_into(x, &k->block, raw, true, &stage);
        k->used = err_ok(err);
    }
    if (err_ok(err)) return k;
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

static enum sync_verdict import(struct executor *x, const struct job *j)
{
    const uint64_t start_ms = wall_clock_ms();
    const bytes_t raw = bytes_make(j->bytes, j->block_len);
    struct header h;
    hash_t hash;
    struct extra_data extra;
    enum sync_verdict verdict = SYNC_GOOD;
    if (j->height <= x->head.number) return SYNC_GOOD; // consensus was faster
    if (j->height != x->head.number + 1 || !atomic_load(&x->node->proposing)) return SYNC_NOT_NOW;
    if (!err_ok(executor_read_header(x, raw, &h, &hash, &extra))) return SYNC_BAD_HEADER;
    struct kept *k = checked_import(x, raw, &h, &hash, &extra, &verdict);
    if (k == NULL) return verdict;
    return store_block(x, &k->block, h.extra_data, extra.round, start_ms) ? SYNC_GOOD
                                                                          : SYNC_NOT_NOW;
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
    *a = (struct import_answer){.task = {answer_run, answer_drop},
                                .node = x->node,
                                .number = j->height,
                                .verdict = import(x, j)};
    loop_post_task(x->node->loop, &a->task); // after the head that it has made
}
