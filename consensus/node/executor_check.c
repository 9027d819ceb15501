// SPDX-License-Identifier: Apache-2.0
/// Proposals of others: executed once, and kept until their height is over.

#include "consensus/node/executor_impl.h"

#include "chain/base/crash_point.h"
#include "chain/base/log.h"
#include "chain/codec/rlp.h"
#include "consensus/node/loop.h"
#include "consensus/node/senders.h"

#include <inttypes.h>

/// --- blocks that were executed ---

struct kept *executor_find_kept(struct executor *x, const hash_t *hash)
{
    for (size_t i = 0; i < KEPT_BLOCKS; i++) {
        if (x->kept[i].used && hash_eq(&x->kept[i].block.block.hash, hash)) return &x->kept[i];
    }
    return NULL;
}

struct kept *executor_make_place(struct executor *x)
{
    struct kept *oldest = &x->kept[0];
    for (size_t i = 0; i < KEPT_BLOCKS; i++) {
        if (!x->kept[i].used) {
            oldest = &x->kept[i];
            break;
        }
        if (x->kept[i].age < oldest->age) oldest = &x->kept[i];
    }
    oldest->used = false;
    oldest->age = ++x->age;
    return oldest;
}

void executor_forget_kept(struct executor *x)
{
    for (size_t i = 0; i < KEPT_BLOCKS; i++) {
        if (!x->kept[i].used) continue;
        x->kept[i].used = false;
        executed_reset(&x->kept[i].block);
    }
}

bool executor_is_fatal(err_t err)
{
    return err.kind == ERR_IO || err.kind == ERR_CORRUPT;
}

/// --- check ---

/// Takes over senders from the pool and what it refused: each transaction is recovered once in its life.
static void known_senders(void *ctx, struct tx *txs, size_t count)
{
    struct node *n = ctx;
    pthread_mutex_lock(&n->pool_lock);
    for (size_t i = 0; i < count; i++) {
        const struct pool_tx *t = txpool_find(n->pool, &txs[i].hash);
        if (t != NULL) txs[i].sender = t->tx.sender;
        txs[i].has_sender = t != NULL || senders_find(n->senders, &txs[i].sender, &txs[i].hash);
    }
    pthread_mutex_unlock(&n->pool_lock);
}

struct header_rules executor_rules(const struct executor *x, bool sealed)
{
    return (struct header_rules){.config = &x->node->genesis.config,
                                 .parent = &x->head,
                                 .parent_hash = &x->head_hash,
                                 .validators = x->next.validators,
                                 .validator_count = x->next.validator_count,
                                 .now_ms = sealed ? UINT64_MAX : wall_clock_ms(),
                                 .any_period = x->node->options.dev,
                                 .sealed = sealed};
}

err_t executor_read_header(struct executor *x, bytes_t raw, struct header *h, hash_t *hash,
                           struct extra_data *extra)
{
    struct rlp_reader r = rlp_reader(raw);
    struct rlp_reader parts;
    bytes_t item;
    TRY(rlp_read_list(&r, &parts));
    TRY(rlp_read_raw(&parts, &item));
    TRY(header_decode(h, item));
    *hash = header_hash(h);
    arena_reset(&x->scratch);
    return extra_data_decode(extra, &x->scratch, h->extra_data);
}

err_t executor_check_into(struct executor *x, struct executed_block *out, const struct db_txn *txn,
                          bytes_t raw, bool sealed,
                          enum check_stage *stage) // NOLINT(readability-non-const-parameter)
{
    struct node *n = x->node;
    const struct check_request rq = {.raw = raw,
                                     .rules = executor_rules(x, sealed),
                                     .stage = stage,
                                     .known_senders = known_senders,
                                     .ctx = n};
    const uint64_t begun_us = counters_now_us();
    const err_t err = block_check(out, &x->env, txn, &rq);
    if (err_ok(err)) histogram_note(&n->counters.execute, begun_us);
    return err;
}

struct kept *executor_kept_or_checked(struct executor *x, const hash_t *hash, bytes_t raw,
                                      err_t *err)
{
    struct kept *k = executor_find_kept(x, hash);
    struct db_txn *txn;
    *err = OK;
    if (k != NULL) return k;
    k = executor_make_place(x);
    *err = db_begin_read(x->node->db, &txn);
    if (!err_ok(*err)) return NULL;
    *err = executor_check_into(x, &k->block, txn, raw, false, NULL);
    db_abort(txn);
    if (!err_ok(*err)) return NULL;
    k->used = true;
    return k;
}

/// A block that is kept was executed, but it may have been built here, and its round and our clock
/// are others now: a proposer's own block is held to the rules like everybody's.
static err_t check_header(struct executor *x, bytes_t raw)
{
    const struct header_rules rules = executor_rules(x, false);
    struct header h;
    hash_t hash;
    struct extra_data extra;
    TRY(executor_read_header(x, raw, &h, &hash, &extra));
    return qbft_header_check(&rules, &h, &extra);
}

void executor_on_check(struct executor *x, const struct job *j)
{
    struct node *n = x->node;
    if (j->height != x->head.number + 1) return;
    const bytes_t raw = bytes_make(j->bytes, j->block_len);
    err_t err;
    if (executor_kept_or_checked(x, &j->hash, raw, &err) != NULL) err = check_header(x, raw);
    const bool valid = err_ok(err);
    if (!valid) {
        LOG_WRN("block", "proposal refused", "height=%" PRIu64 " round=%" PRIu32 " why=%s",
                j->height, j->round, err_text(err));
        if (executor_is_fatal(err)) {
            node_fail(n, err);
            return;
        }
    }
    loop_post_checked(n->loop, j->height, j->round, &j->digest, valid);
}
