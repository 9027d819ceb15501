// SPDX-License-Identifier: Apache-2.0
/// Proposals: from the pool to a block.

#include "consensus/node/executor_impl.h"

#include "chain/base/crash_point.h"
#include "chain/base/log.h"
#include "consensus/block/build.h"
#include "consensus/node/loop.h"
#include "vm/block_exec.h"

#include <inttypes.h>
#include <stdlib.h>

#define BUILD_MS 2000U

/// What a block is built from: references to pooled transactions.
struct selection {
    struct executor *x;
    struct pool_tx **pooled;
    const struct tx **txs;
    size_t count;
    struct {
        hash_t hash;
        const char *why;
    } refused[256];
    size_t refused_count;
};

static bool out_of_time(void *ctx)
{
    const struct selection *s = ctx;
    return steady_clock_ms() >= s->x->build_deadline_ms || atomic_load(&s->x->node->closing);
}

static void refused(void *ctx, size_t i, enum tx_validity why)
{
    struct selection *s = ctx;
    if (s->refused_count == ARRAY_LEN(s->refused)) return;
    s->refused[s->refused_count].hash = s->txs[i]->hash;
    s->refused[s->refused_count].why = tx_validity_text(why);
    s->refused_count++;
}

static void select_txs(struct selection *s, uint64_t timestamp_s)
{
    struct node *n = s->x->node;
    const u256_t base_fee = next_base_fee(&n->genesis.config, &s->x->head, timestamp_s);
    // More than fits by gas limit: transactions seldom use all of theirs.
    const uint64_t limit = s->x->head.gas_limit;
    const uint64_t gas = limit > UINT64_MAX / 4 ? UINT64_MAX : 4 * limit;
    pthread_mutex_lock(&n->pool_lock);
    const size_t room = txpool_count(n->pool).pending;
    s->pooled = calloc(room + 1, sizeof(struct pool_tx *));
    s->txs = calloc(room + 1, sizeof(struct tx *));
    if (s->pooled != NULL && s->txs != NULL) {
        s->count = txpool_take_best(n->pool, s->pooled, room, &base_fee, gas);
        for (size_t i = 0; i < s->count; i++) {
            shared_tx_hold(shared_tx_of(s->pooled[i]));
            s->txs[i] = &s->pooled[i]->tx;
        }
    }
    pthread_mutex_unlock(&n->pool_lock);
}

static void release_txs(struct selection *s)
{
    struct node *n = s->x->node;
    if (s->refused_count != 0) {
        const uint64_t now_s = wall_clock_ms() / 1000;
        pthread_mutex_lock(&n->pool_lock);
        for (size_t i = 0; i < s->refused_count; i++)
            (void)txpool_remove(n->pool, &s->refused[i].hash, s->refused[i].why, now_s);
        pthread_mutex_unlock(&n->pool_lock);
    }
    for (size_t i = 0; i < s->count; i++) shared_tx_release(shared_tx_of(s->pooled[i]));
    free(s->pooled);
    free(s->txs);
}

/// One of the votes this node was asked for, if it would still change something.
static void choose_vote(struct executor *x, struct build_request *rq)
{
    struct node *n = x->node;
    if (!x->next.has_tally) return;
    pthread_mutex_lock(&n->status_lock);
    for (size_t i = 0; i < n->wish_count; i++) {
        const struct pending_vote *w = &n->wishes[i];
        if (!qbft_vote_is_useful(&x->next.tally, &n->self, &w->who, w->add)) continue;
        rq->vote = w->add ? QBFT_VOTE_ADD : QBFT_VOTE_DROP;
        rq->vote_recipient = w->who;
        break;
    }
    pthread_mutex_unlock(&n->status_lock);
}

static err_t build_into(struct executor *x, struct executed_block *out, struct selection *s,
                        const struct job *j)
{
    const struct qbft_config q = chain_qbft_at(&x->node->genesis.config, j->height);
    // With others waiting for the proposal, a round must not pass over the building.
    const uint64_t share_ms = x->next.validator_count == 1 ? BUILD_MS : q.request_timeout_ms / 3;
    x->build_deadline_ms = steady_clock_ms() + (share_ms < BUILD_MS ? share_ms : BUILD_MS);
    select_txs(s, j->timestamp_s);

    struct build_request rq = {.parent = &x->head,
                               .parent_hash = &x->head_hash,
                               .proposer = &x->node->self,
                               .validators = x->next.validators,
                               .validator_count = x->next.validator_count,
                               .round =
                                   x->node->options.qbft_wire == QBFT_WIRE_GOQUORUM ? 0 : j->round,
                               .timestamp_s = j->timestamp_s,
                               .gas_limit_target = x->node->options.gas_limit_target,
                               .txs = s->txs,
                               .tx_count = s->count,
                               .out_of_time = out_of_time,
                               .refused = refused,
                               .ctx = s};
    choose_vote(x, &rq);
    struct db_txn *txn;
    TRY(db_begin_read(x->node->db, &txn));
    const uint64_t begun_us = counters_now_us();
    const err_t err = block_build(out, &x->env, txn, &rq);
    if (err_ok(err)) histogram_note(&x->node->counters.execute, begun_us);
    db_abort(txn);
    return err;
}

void executor_on_build(struct executor *x, const struct job *j)
{
    struct node *n = x->node;
    if (j->height != x->head.number + 1) return; // the chain went on meanwhile
    if (!atomic_load(&n->proposing)) {
        loop_post_built(n->loop, j->height, j->round, BYTES_NONE);
        return;
    }
    struct kept *place = executor_make_place(x);
    struct selection s = {.x = x};
    const err_t err = build_into(x, &place->block, &s, j);
    release_txs(&s);
    if (!err_ok(err)) {
        LOG_ERR("block", "cannot build", "height=%" PRIu64 " why=%s", j->height, err_text(err));
        if (executor_is_fatal(err))
            node_fail(n, err);
        else
            loop_post_built(n->loop, j->height, j->round, BYTES_NONE);
        return;
    }
    if (place->block.block.tx_count == 0 && !j->allow_empty) {
        loop_post_built(n->loop, j->height, j->round, BYTES_NONE);
        return;
    }
    place->used = true;
    struct buf raw;
    buf_init(&raw, BLOCK_MAX_BYTES);
    block_encode(&raw, &place->block.block);
    if (err_ok(buf_status(&raw)))
        loop_post_built(n->loop, j->height, j->round, buf_bytes(&raw));
    else
        loop_post_built(n->loop, j->height, j->round, BYTES_NONE);
    buf_deinit(&raw);
}
