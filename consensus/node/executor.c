// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/executor.h"

#include "chain/base/crash_point.h"
#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "chain/base/queue.h"
#include "chain/codec/rlp.h"
#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "consensus/block/build.h"
#include "consensus/block/check.h"
#include "consensus/block/commit.h"
#include "consensus/block/validator_call.h"
#include "consensus/node/journal.h"
#include "consensus/node/loop.h"
#include "consensus/node/node_impl.h"
#include "consensus/node/peering.h"
#include "consensus/node/signer.h"
#include "consensus/qbft/justification.h"
#include "consensus/qbft/validators.h"
#include "vm/block_exec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>

#define MAX_JOBS 1024
#define KEPT_BLOCKS 4
#define OVERLAY_BYTES ((size_t)8 * 1024 * 1024 * 1024)
/// Five levels of a large state's trie; a small state's takes little.
#define TRIE_CACHE_BYTES ((size_t)40 * 1024 * 1024)
#define BUILD_MS 2000U
#define JOURNAL_COMPACT_BYTES ((uint64_t)16 * 1024 * 1024)
#define MIB ((uint64_t)1024 * 1024)

struct job {
    enum job_kind { JOB_BUILD, JOB_CHECK, JOB_COMMIT, JOB_IMPORT } kind;
    uint64_t height;
    uint32_t round;
    uint64_t timestamp_s;
    bool allow_empty;
    hash_t digest;
    hash_t hash;
    size_t block_len;
    size_t seal_count;
    uint8_t bytes[]; ///< the block, then the seals
};

struct kept {
    bool used;
    uint64_t age;
    struct executed_block block;
};

struct executor {
    struct node *node;
    struct queue *jobs;
    pthread_t thread;
    bool running;
    struct vm *vm;
    struct overlay *world;
    struct trie_cache *trie_cache;
    struct block_env env;
    struct kept kept[KEPT_BLOCKS];
    uint64_t age;

    struct header head;
    struct buf head_extra;
    hash_t head_hash;
    struct arena tally_arena;
    struct arena scratch; ///< of one decoding
    bool has_tally;
    struct qbft_tally tally;
    address_t validators[QBFT_MAX_VALIDATORS]; ///< of head + 1
    size_t validator_count;

    uint64_t build_deadline_ms;
    uint64_t looked_after_ms; ///< housekeeping
    uint64_t expired_ms;
};

/// --- the head and who may seal after it ---

static err_t set_head(struct executor *x, const struct header *h, const hash_t *hash)
{
    struct buf extra;
    buf_init(&extra, (size_t)1024 * 1024);
    buf_put(&extra, h->extra_data);
    TRY(buf_status(&extra));
    buf_deinit(&x->head_extra);
    x->head_extra = extra;
    x->head = *h;
    x->head.extra_data = buf_bytes(&x->head_extra);
    x->head_hash = *hash;
    return OK;
}

static err_t apply_votes(struct executor *x, const struct header *h)
{
    arena_reset(&x->scratch);
    struct extra_data extra;
    TRY(extra_data_decode(&extra, &x->scratch, h->extra_data));
    return qbft_tally_follow(&x->tally, &x->node->genesis.config, h, &extra);
}

/// The tally after the head, from the last checkpoint on.
static err_t rebuild_tally(struct executor *x, const struct db_txn *txn)
{
    const struct chain_config *config = &x->node->genesis.config;
    const address_t *list;
    size_t count;
    const uint64_t from = qbft_tally_checkpoint(config, x->head.number, &list, &count);
    struct header h;
    struct extra_data extra;
    TRY(blocks_header(txn, &h, from));
    arena_reset(&x->scratch);
    TRY(extra_data_decode(&extra, &x->scratch, h.extra_data));
    arena_reset(&x->tally_arena);
    if (list != NULL) extra = (struct extra_data){.validators = list, .validator_count = count};
    TRY(qbft_tally_init(&x->tally, &x->tally_arena, &extra, config->qbft.epoch_length));
    for (uint64_t number = from; number <= x->head.number; number++) {
        TRY(blocks_header(txn, &h, number));
        TRY(apply_votes(x, &h));
    }
    x->has_tally = true;
    return OK;
}

/// Who validates head + 1.
static err_t find_validators(struct executor *x, const struct db_txn *txn)
{
    const struct qbft_config next = chain_qbft_at(&x->node->genesis.config, x->head.number + 1);
    if (next.has_validator_contract) {
        x->has_tally = false;
        struct latest_view latest;
        latest_view_init(&latest, txn);
        const struct state_view view = latest_as_view(&latest);
        return validators_by_call(x->validators, &x->validator_count, &x->env, &view, &x->head,
                                  &next.validator_contract);
    }
    if (!x->has_tally) TRY(rebuild_tally(x, txn));
    x->validator_count = x->tally.validator_count;
    memcpy(x->validators, x->tally.validators, x->validator_count * sizeof x->validators[0]);
    return OK;
}

/// Shows the head to everybody who asks; the pool learns what the next block costs.
static void publish_head(struct executor *x)
{
    struct node *n = x->node;
    const uint64_t now_s = wall_clock_ms() / 1000;
    const u256_t next_fee = next_base_fee(
        &n->genesis.config, &x->head, now_s > x->head.timestamp_s ? now_s : x->head.timestamp_s);
    pthread_mutex_lock(&n->status_lock);
    struct node_status *s = &n->status;
    s->head_number = x->head.number;
    s->head_hash = x->head_hash;
    s->head_timestamp_s = x->head.timestamp_s;
    s->head_base_fee_wei = x->head.base_fee_wei;
    s->head_gas_limit = x->head.gas_limit;
    s->head_gas_used = x->head.gas_used;
    s->next_base_fee_wei = next_fee;
    memcpy(n->next_validators, x->validators, x->validator_count * sizeof x->validators[0]);
    n->next_validator_count = x->validator_count;
    pthread_mutex_unlock(&n->status_lock);

    pthread_mutex_lock(&n->pool_lock);
    txpool_set_base_fee(n->pool, &next_fee);
    atomic_store(&n->work, txpool_count(n->pool).pending != 0);
    pthread_mutex_unlock(&n->pool_lock);
}

static void post_head(struct executor *x)
{
    const struct node *n = x->node;
    const struct qbft_config q = chain_qbft_at(&n->genesis.config, x->head.number + 1);
    struct qbft_head head = {.number = x->head.number,
                             .hash = x->head_hash,
                             .timestamp_s = x->head.timestamp_s,
                             .proposer = x->head.coinbase,
                             .validators = x->validators,
                             .validator_count = x->validator_count,
                             .block_period_ms = q.block_period_ms,
                             .period_is_ms = q.period_is_ms,
                             .empty_block_period_ms = q.empty_block_period_ms,
                             .request_timeout_ms = q.request_timeout_ms,
                             .max_request_timeout_ms = q.max_request_timeout_ms};
    if (n->options.dev) {
        head.period_is_ms = true;
        head.block_period_ms = n->options.dev_period_ms;
        head.empty_block_period_ms = 0;
        head.on_demand = n->options.dev_period_ms == 0;
    }
    loop_post_head(n->loop, &head);
}

/// --- blocks that were executed ---

static struct kept *find_kept(struct executor *x, const hash_t *hash)
{
    for (size_t i = 0; i < KEPT_BLOCKS; i++) {
        if (x->kept[i].used && hash_eq(&x->kept[i].block.block.hash, hash)) return &x->kept[i];
    }
    return NULL;
}

/// A place for another one; the oldest gives way.
static struct kept *make_place(struct executor *x)
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

static void forget_kept(struct executor *x)
{
    for (size_t i = 0; i < KEPT_BLOCKS; i++) {
        if (!x->kept[i].used) continue;
        x->kept[i].used = false;
        executed_reset(&x->kept[i].block);
    }
}

/// Errors after which the store cannot be trusted.
static bool is_fatal(err_t err)
{
    return err.kind == ERR_IO || err.kind == ERR_CORRUPT;
}

/// --- build ---

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
    return wall_clock_ms() >= s->x->build_deadline_ms || atomic_load(&s->x->node->closing);
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
    if (!x->has_tally) return;
    pthread_mutex_lock(&n->status_lock);
    for (size_t i = 0; i < n->wish_count; i++) {
        const struct pending_vote *w = &n->wishes[i];
        if (!qbft_vote_is_useful(&x->tally, &n->self, &w->who, w->add)) continue;
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
    const uint64_t share_ms = x->validator_count == 1 ? BUILD_MS : q.request_timeout_ms / 3;
    x->build_deadline_ms = wall_clock_ms() + (share_ms < BUILD_MS ? share_ms : BUILD_MS);
    select_txs(s, j->timestamp_s);

    struct build_request rq = {.parent = &x->head,
                               .parent_hash = &x->head_hash,
                               .proposer = &x->node->self,
                               .validators = x->validators,
                               .validator_count = x->validator_count,
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
    const err_t err = block_build(out, &x->env, txn, &rq);
    db_abort(txn);
    return err;
}

static void on_build(struct executor *x, const struct job *j)
{
    struct node *n = x->node;
    if (j->height != x->head.number + 1) return; // the chain went on meanwhile
    if (!atomic_load(&n->proposing)) {
        loop_post_built(n->loop, j->height, j->round, BYTES_NONE);
        return;
    }
    struct kept *place = make_place(x);
    struct selection s = {.x = x};
    const err_t err = build_into(x, &place->block, &s, j);
    release_txs(&s);
    if (!err_ok(err)) {
        LOG_ERR("block", "cannot build", "height=%" PRIu64 " why=%s", j->height, err_text(err));
        if (is_fatal(err))
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

/// --- check ---

/// Takes over senders from the pool: each transaction is recovered once in its life.
static void known_senders(void *ctx, struct tx *txs, size_t count)
{
    struct node *n = ctx;
    pthread_mutex_lock(&n->pool_lock);
    for (size_t i = 0; i < count; i++) {
        const struct pool_tx *t = txpool_find(n->pool, &txs[i].hash);
        if (t == NULL) continue;
        txs[i].sender = t->tx.sender;
        txs[i].has_sender = true;
    }
    pthread_mutex_unlock(&n->pool_lock);
}

/// The rules for a block after the head. A proposal is held to our clock; what a quorum has sealed
/// is not: it is final, whatever our clock says.
static struct header_rules rules_after_head(const struct executor *x, bool sealed)
{
    return (struct header_rules){.config = &x->node->genesis.config,
                                 .parent = &x->head,
                                 .parent_hash = &x->head_hash,
                                 .validators = x->validators,
                                 .validator_count = x->validator_count,
                                 .now_ms = sealed ? UINT64_MAX : wall_clock_ms(),
                                 .any_period = x->node->options.dev,
                                 .sealed = sealed};
}

static err_t check_into(struct executor *x, struct executed_block *out, bytes_t raw, bool sealed,
                        enum check_stage *stage) // NOLINT(readability-non-const-parameter)
{
    struct node *n = x->node;
    const struct check_request rq = {.raw = raw,
                                     .rules = rules_after_head(x, sealed),
                                     .stage = stage,
                                     .known_senders = known_senders,
                                     .ctx = n};
    struct db_txn *txn;
    TRY(db_begin_read(n->db, &txn));
    const err_t err = block_check(out, &x->env, txn, &rq);
    db_abort(txn);
    return err;
}

/// Executes a block unless that was done before. @return NULL with the reason in *err
static struct kept *kept_or_checked(struct executor *x, const hash_t *hash, bytes_t raw, err_t *err)
{
    struct kept *k = find_kept(x, hash);
    *err = OK;
    if (k != NULL) return k;
    k = make_place(x);
    *err = check_into(x, &k->block, raw, false, NULL);
    if (!err_ok(*err)) return NULL;
    k->used = true;
    return k;
}

static void on_check(struct executor *x, const struct job *j)
{
    struct node *n = x->node;
    if (j->height != x->head.number + 1) return;
    err_t err;
    const bool valid =
        kept_or_checked(x, &j->hash, bytes_make(j->bytes, j->block_len), &err) != NULL;
    if (!valid) {
        LOG_WRN("block", "proposal refused", "height=%" PRIu64 " round=%" PRIu32 " why=%s",
                j->height, j->round, err_text(err));
        if (is_fatal(err)) {
            node_fail(n, err);
            return;
        }
    }
    loop_post_checked(n->loop, j->height, j->round, &j->digest, valid);
}

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
    TRY(set_head(x, &h, &e->block.hash));
    if (x->has_tally) TRY(apply_votes(x, &x->head));
    struct db_txn *txn;
    TRY(db_begin_read(x->node->db, &txn));
    const err_t err = find_validators(x, txn);
    db_abort(txn);
    TRY(err);
    CRASH_POINT("executor-head-set");
    move_pool(x, e);
    publish_head(x);
    CRASH_POINT("executor-head-published");
    post_head(x);
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
        const err_t err = block_commit(x->node->db, e, extra);
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
    err_t err = commit_patiently(x, e, extra);
    if (err_ok(err)) err = after_commit(x, e, extra);
    if (err_ok(err)) {
        LOG_INF("qbft", "imported block",
                "number=%" PRIu64 " hash=%s txs=%zu gas=%" PRIu64 " round=%" PRIu32
                " proposer=%s took=%" PRIu64 "ms",
                x->head.number, hex_hash(&x->head_hash).s, e->block.tx_count, x->head.gas_used,
                round, hex_address(&x->head.coinbase).s, wall_clock_ms() - start_ms);
        forget_kept(x);
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
    node_fail(x->node, is_fatal(err) ? err : FAIL(CORRUPT, "block: disagrees with a sealed block"));
}

static void on_commit(struct executor *x, const struct job *j)
{
    if (j->height != x->head.number + 1) return;
    const uint64_t start_ms = wall_clock_ms();
    err_t err;
    struct kept *k = kept_or_checked(x, &j->hash, bytes_make(j->bytes, j->block_len), &err);
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

/// The header of a block as it came; its extraData is decoded into the scratch arena.
static err_t read_sealed(struct executor *x, bytes_t raw, struct header *h, hash_t *hash,
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

/// A sealed block that is executed, by this or before. NULL with the verdict on it.
static struct kept *checked_import(struct executor *x, bytes_t raw, const struct header *h,
                                   const hash_t *hash, const struct extra_data *extra,
                                   enum sync_verdict *verdict)
{
    enum check_stage stage = CHECK_HEADER;
    struct kept *k = find_kept(x, hash);
    err_t err;
    if (k != NULL) { // as a proposal: now it is sealed
        const struct header_rules rules = rules_after_head(x, true);
        err = qbft_header_check(&rules, h, extra);
    } else {
        k = make_place(x);
        err = check_into(x, &k->block, raw, true, &stage);
        k->used = err_ok(err);
    }
    if (err_ok(err)) return k;
    *verdict = stage == CHECK_HEADER ? SYNC_BAD_HEADER : SYNC_BAD_BODY;
    if (is_fatal(err)) {
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
    if (!err_ok(read_sealed(x, raw, &h, &hash, &extra))) return SYNC_BAD_HEADER;
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

static void on_import(struct executor *x, const struct job *j)
{
    struct import_answer *a = calloc(1, sizeof *a);
    check(a != NULL);
    *a = (struct import_answer){.task = {answer_run, answer_drop},
                                .node = x->node,
                                .number = j->height,
                                .verdict = import(x, j)};
    loop_post_task(x->node->loop, &a->task); // after the head that it has made
}

/// --- between jobs ---

/// Disk: below 1 GiB (or 5 % of a small disk) no transactions, below 256 MiB (1.25 %) no blocks.
static void look_at_disk(struct executor *x)
{
    struct node *n = x->node;
    struct statvfs st;
    if (statvfs(n->options.data_dir, &st) != 0) return;
    const uint64_t total = (uint64_t)st.f_blocks * st.f_frsize;
    const uint64_t left = (uint64_t)st.f_bavail * st.f_frsize;
    const uint64_t low = total / 20 < 1024 * MIB ? total / 20 : 1024 * MIB;
    const uint64_t brink = total / 80 < 256 * MIB ? total / 80 : 256 * MIB;
    const bool accepting = left >= low;
    const bool proposing = left >= brink;
    if (atomic_exchange(&n->accepting, accepting) != accepting)
        LOG_WRN("store",
                accepting ? "space again: transactions are accepted"
                          : "little space: transactions are refused",
                "free_mib=%" PRIu64 " needed_mib=%" PRIu64, left / MIB, low / MIB);
    if (atomic_exchange(&n->proposing, proposing) != proposing)
        LOG_WRN("store",
                proposing ? "space again: blocks are proposed"
                          : "hardly any space: no blocks are proposed",
                "free_mib=%" PRIu64 " needed_mib=%" PRIu64, left / MIB, brink / MIB);
}

struct pool_dump {
    struct node *node;
    struct pool_tx **txs;
    size_t count;
    size_t at;
};

static void dump_begin(void *ctx)
{
    struct pool_dump *d = ctx;
    struct node *n = d->node;
    pthread_mutex_lock(&n->pool_lock);
    const struct txpool_counts c = txpool_count(n->pool);
    d->txs = calloc(c.pending + c.queued + 1, sizeof(struct pool_tx *));
    if (d->txs != NULL) {
        d->count = txpool_list(n->pool, d->txs, c.pending + c.queued);
        for (size_t i = 0; i < d->count; i++) shared_tx_hold(shared_tx_of(d->txs[i]));
    }
    pthread_mutex_unlock(&n->pool_lock);
}

static bool dump_next(void *ctx, bytes_t *raw)
{
    struct pool_dump *d = ctx;
    if (d->at == d->count) return false;
    *raw = d->txs[d->at++]->tx.raw;
    return true;
}

/// The journal holds every transaction ever accepted: now and then only what still waits.
static void compact_journal(struct executor *x)
{
    struct node *n = x->node;
    if (journal_size(n->journal) < JOURNAL_COMPACT_BYTES) return;
    pthread_mutex_lock(&n->pool_lock);
    const size_t live = txpool_count(n->pool).bytes;
    pthread_mutex_unlock(&n->pool_lock);
    if (journal_size(n->journal) < 2 * (uint64_t)live) return;
    struct pool_dump d = {.node = n};
    const err_t err = journal_rewrite(n->journal, dump_next, dump_begin, &d);
    if (!err_ok(err)) LOG_WRN("journal", "cannot be made smaller", "why=%s", err_text(err));
    for (size_t i = 0; i < d.count; i++) shared_tx_release(shared_tx_of(d.txs[i]));
    free(d.txs);
}

static void look_after(struct executor *x)
{
    const uint64_t now = wall_clock_ms();
    if (now - x->looked_after_ms < 1000) return;
    x->looked_after_ms = now;
    look_at_disk(x);
    compact_journal(x);
    if (now - x->expired_ms < UINT64_C(60000)) return;
    x->expired_ms = now;
    struct node *n = x->node;
    pthread_mutex_lock(&n->pool_lock);
    txpool_expire(n->pool, now / 1000);
    pthread_mutex_unlock(&n->pool_lock);
}

static void *executor_main(void *arg)
{
    struct executor *x = arg;
    for (;;) {
        struct job *j = queue_take(x->jobs, 1000);
        if (atomic_load(&x->node->closing)) {
            free(j);
            return NULL;
        }
        if (j != NULL && !atomic_load(&x->node->failed)) {
            switch (j->kind) {
            case JOB_BUILD:
                on_build(x, j);
                break;
            case JOB_CHECK:
                on_check(x, j);
                break;
            case JOB_COMMIT:
                on_commit(x, j);
                break;
            case JOB_IMPORT:
                on_import(x, j);
                break;
            }
        }
        free(j);
        look_after(x);
    }
}

/// --- jobs ---

static struct job *job_new(enum job_kind kind, bytes_t block, size_t more)
{
    struct job *j = calloc(1, sizeof *j + block.len + more);
    check(j != NULL);
    j->kind = kind;
    j->block_len = block.len;
    if (block.len != 0) memcpy(j->bytes, block.data, block.len);
    return j;
}

static void put(struct executor *x, struct job *j)
{
    if (!err_ok(queue_put(x->jobs, j))) free(j); // stopped
}

void executor_build(struct executor *x, uint64_t height, uint32_t round, uint64_t timestamp_s,
                    bool allow_empty)
{
    struct job *j = job_new(JOB_BUILD, BYTES_NONE, 0);
    j->height = height;
    j->round = round;
    j->timestamp_s = timestamp_s;
    j->allow_empty = allow_empty;
    put(x, j);
}

void executor_check(struct executor *x, uint64_t height, uint32_t round, const hash_t *digest,
                    const hash_t *block_hash, bytes_t block)
{
    struct job *j = job_new(JOB_CHECK, block, 0);
    j->height = height;
    j->round = round;
    j->digest = *digest;
    j->hash = *block_hash;
    put(x, j);
}

void executor_commit(struct executor *x, uint64_t height, const hash_t *block_hash, bytes_t block,
                     uint32_t round, const secp_sig_t *seals, size_t seal_count)
{
    struct job *j = job_new(JOB_COMMIT, block, seal_count * sizeof *seals);
    j->height = height;
    j->hash = *block_hash;
    j->round = round;
    j->seal_count = seal_count;
    memcpy(j->bytes + block.len, seals, seal_count * sizeof *seals);
    put(x, j);
}

void executor_import(struct executor *x, uint64_t number, bytes_t block)
{
    struct job *j = job_new(JOB_IMPORT, block, 0);
    j->height = number;
    put(x, j);
}

/// --- life ---

static err_t start_from_store(struct executor *x)
{
    struct node *n = x->node;
    struct db_txn *txn;
    TRY(db_begin_read(n->db, &txn));
    uint64_t number = 0;
    hash_t hash;
    struct header h;
    err_t err = blocks_head(txn, &number, &hash);
    if (err_ok(err)) err = blocks_header(txn, &h, number);
    if (err_ok(err)) err = set_head(x, &h, &hash);
    if (err_ok(err)) err = find_validators(x, txn);
    db_abort(txn);
    if (err.kind == ERR_NOT_FOUND || err.kind == ERR_MALFORMED)
        return FAIL(CORRUPT, "store: the head or a header below it is missing");
    TRY(err);
    n->pool_head = number;
    publish_head(x);
    // Until the loop has its first word (and knows whether the guard allows signing).
    n->status.is_validator = address_index(x->validators, x->validator_count, &n->self) != SIZE_MAX;
    n->status.validator_count = x->validator_count;
    look_at_disk(x);
    return OK;
}

err_t executor_new(struct executor **out, struct node *n)
{
    struct executor *x = calloc(1, sizeof *x);
    if (x == NULL) return FAIL(FULL, "executor: no memory");
    *out = x;
    x->node = n;
    buf_init(&x->head_extra, 0);
    TRY(queue_new(&x->jobs, MAX_JOBS, NULL, NULL));
    TRY(arena_init(&x->tally_arena, (size_t)64 * 1024 * 1024));
    TRY(arena_init(&x->scratch, (size_t)1024 * 1024));
    TRY(vm_new(&x->vm));
    struct latest_view nothing;
    latest_view_init(&nothing, NULL);
    const struct state_view view = latest_as_view(&nothing);
    TRY(overlay_new(&x->world, &view, OVERLAY_BYTES));
    for (size_t i = 0; i < KEPT_BLOCKS; i++) TRY(executed_init(&x->kept[i].block));
    TRY(trie_cache_new(&x->trie_cache, TRIE_CACHE_BYTES));
    x->env = (struct block_env){&n->genesis.config, x->vm, x->world, &n->jobs, x->trie_cache};
    return start_from_store(x);
}

err_t executor_start(struct executor *x)
{
    x->looked_after_ms = x->expired_ms = wall_clock_ms();
    if (pthread_create(&x->thread, NULL, executor_main, x) != 0)
        return FAIL(IO, "executor: cannot start a thread");
    x->running = true;
    post_head(x);
    return OK;
}

void executor_free(struct executor *x)
{
    if (x == NULL) return;
    if (x->jobs != NULL) queue_close(x->jobs);
    if (x->running) pthread_join(x->thread, NULL);
    if (x->jobs != NULL) queue_free(x->jobs, free);
    for (size_t i = 0; i < KEPT_BLOCKS; i++) executed_deinit(&x->kept[i].block);
    overlay_free(x->world);
    trie_cache_free(x->trie_cache);
    vm_free(x->vm);
    arena_deinit(&x->tally_arena);
    arena_deinit(&x->scratch);
    buf_deinit(&x->head_extra);
    free(x);
}
