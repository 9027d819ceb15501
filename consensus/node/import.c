// SPDX-License-Identifier: Apache-2.0
/// Blocks from elsewhere into the store, without a node. Two groups of blocks go round: one thread
/// reads, decodes and recovers senders, the caller's executes and writes.
///
///     next() -> reader: group k+1 -- ready --> caller: check, write, commit group k
///                    ^------------- idle -------------'

#include "chain/base/queue.h"
#include "chain/codec/rlp.h"
#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "consensus/block/check.h"
#include "consensus/block/commit.h"
#include "consensus/block/succession.h"
#include "consensus/node/node_impl.h"
#include "consensus/node/workers.h"

#include <stdlib.h>
#include <unistd.h>

/// One group is one write transaction: bounded, so that the map has room for what it dirties.
#define GROUP_BLOCKS 256
#define GROUP_TXS 4096
#define GROUP_GAS UINT64_C(100000000)
#define GROUP_BYTES ((size_t)8 * 1024 * 1024)
#define GROUP_ARENA ((size_t)1024 * 1024 * 1024)
#define OVERLAY_BYTES ((size_t)8 * 1024 * 1024 * 1024)
#define TRIE_CACHE_BYTES ((size_t)40 * 1024 * 1024)

struct incoming {
    bytes_t raw;
    uint64_t where;
    err_t err;      ///< why it is not taken at all
    struct tx *txs; ///< senders recovered; none of a block that is there already
    size_t tx_count;
};

struct group {
    struct arena arena;
    struct incoming blocks[GROUP_BLOCKS];
    size_t count;
    err_t end; ///< ERR_NOT_FOUND: nothing follows; OK: more does
};

struct importer {
    const struct node_import *in;
    struct node *node; ///< its store, lock and workers only
    struct node_import_count *count;
    struct group groups[2];
    struct queue *ready;
    struct queue *idle;
    uint64_t stored; ///< head when the import began

    struct block_env env;
    struct succession next;
    struct executed_block executed;
    struct header head;
    struct buf head_extra;
    const struct incoming *now; ///< the block being checked
};

// ---- reading ahead ------------------------------------------------------------------------

/// Copies and decodes one block. What is wrong with it is said when its turn comes.
static void decode(const struct importer *im, struct group *g, struct incoming *b, bytes_t raw,
                   uint64_t *gas)
{
    bool full = false;
    struct block block;
    b->raw = arena_copy(&g->arena, raw, &full);
    b->err = full ? FAIL(FULL, "import: no memory") : block_decode(&block, &g->arena, b->raw);
    if (!err_ok(b->err) || block.header.number <= im->stored) return;
    b->txs = block.txs;
    b->tx_count = block.tx_count;
    *gas += block.header.gas_used;
}

/// All senders of a group at once, so that small blocks use all cores too.
static void recover_group(const struct importer *im, struct group *g, size_t total)
{
    struct tx *all = ARENA_ARRAY(&g->arena, struct tx, total);
    if (all == NULL) return; // then the check does it
    size_t at = 0;
    for (size_t i = 0; i < g->count; i++) {
        struct incoming *b = &g->blocks[i];
        if (b->tx_count == 0) continue;
        memcpy(all + at, b->txs, b->tx_count * sizeof *all);
        b->txs = all + at;
        at += b->tx_count;
    }
    // One that does not recover is left without a sender: the check meets it again and refuses.
    const err_t ignored = recover_senders(all, total, &im->node->jobs);
    (void)ignored.kind;
}

static void fill(const struct importer *im, struct group *g)
{
    size_t total = 0;
    size_t bytes = 0;
    uint64_t gas = 0;
    arena_reset(&g->arena);
    g->count = 0;
    g->end = OK;
    while (g->count < GROUP_BLOCKS && total < GROUP_TXS && gas < GROUP_GAS && bytes < GROUP_BYTES) {
        struct incoming *b = &g->blocks[g->count];
        bytes_t raw;
        *b = (struct incoming){.txs = NULL};
        g->end = im->in->next(im->in->ctx, &raw, &b->where);
        if (g->end.kind == ERR_NOT_FOUND) break;
        g->count++;
        if (!err_ok(g->end)) {
            b->err = g->end;
            break;
        }
        decode(im, g, b, raw, &gas);
        if (!err_ok(b->err)) {
            g->end = b->err;
            break;
        }
        total += b->tx_count;
        bytes += raw.len;
    }
    if (total > 0) recover_group(im, g, total);
}

static void *reader_main(void *arg)
{
    const struct importer *im = arg;
    bool more = true;
    while (more) {
        struct group *g = queue_take(im->idle, -1);
        if (g == NULL) return NULL; // the caller has given up
        fill(im, g);
        more = err_ok(g->end);
        if (!err_ok(queue_put(im->ready, g))) return NULL;
    }
    return NULL;
}

// ---- executing ----------------------------------------------------------------------------

static void known_senders(void *ctx, struct tx *txs, size_t count)
{
    const struct importer *im = ctx;
    if (im->now->tx_count != count) return;
    for (size_t i = 0; i < count; i++) {
        const struct tx *known = &im->now->txs[i];
        if (!known->has_sender || !hash_eq(&known->hash, &txs[i].hash)) continue;
        txs[i].sender = known->sender;
        txs[i].has_sender = true;
    }
}

static err_t take_head(struct importer *im, const struct header *h, bytes_t extra,
                       const hash_t *hash)
{
    buf_clear(&im->head_extra);
    buf_put(&im->head_extra, extra);
    TRY(buf_status(&im->head_extra));
    im->head = *h;
    im->head.extra_data = buf_bytes(&im->head_extra);
    im->count->head_number = h->number;
    im->count->head_hash = *hash;
    return OK;
}

/// A block at or below the head: is it the one that is there?
static err_t compare(const struct db_txn *txn, const struct header *h)
{
    hash_t stored;
    const hash_t hash = header_hash(h);
    const err_t err = blocks_hash_of(txn, &stored, h->number);
    if (err.kind == ERR_NOT_FOUND) return FAIL(CORRUPT, "store: a block below the head is missing");
    TRY(err);
    if (hash_eq(&stored, &hash)) return OK;
    return h->number == 0 ? FAIL(MISMATCH, "import: the file is of another genesis")
                          : FAIL(MISMATCH, "import: the store has another block at this number");
}

static err_t add_block(struct importer *im, struct db_txn *txn, const struct incoming *b)
{
    struct rlp_reader r = rlp_reader(b->raw);
    struct rlp_reader parts;
    bytes_t item;
    struct header h;
    TRY(rlp_read_list(&r, &parts));
    TRY(rlp_read_raw(&parts, &item));
    TRY(header_decode(&h, item));
    if (h.number <= im->head.number) {
        TRY(compare(txn, &h));
        im->count->same++;
        return OK;
    }
    if (h.number != im->head.number + 1)
        return FAIL(INVALID, "import: blocks are missing between the store's head and this one");

    enum check_stage stage = CHECK_HEADER;
    im->now = b;
    const struct check_request rq = {
        .raw = b->raw,
        .rules = {.config = &im->node->genesis.config,
                  .parent = &im->head,
                  .parent_hash = &im->count->head_hash,
                  .validators = im->next.validators,
                  .validator_count = im->next.validator_count,
                  .now_ms = UINT64_MAX,
                  .sealed = true},
        .stage = &stage,
        .known_senders = known_senders,
        .ctx = im,
    };
    const err_t err = block_check(&im->executed, &im->env, txn, &rq);
    // A quorum says that it is valid: if it does not execute, it is this machine that is wrong.
    if (err.kind == ERR_INVALID && stage == CHECK_EXECUTION) return (err_t){ERR_CORRUPT, err.why};
    TRY(err);
    const struct block *block = &im->executed.block;
    TRY(block_write(txn, &im->executed, block->header.extra_data));
    TRY(take_head(im, &block->header, block->header.extra_data, &block->hash));
    TRY(succession_follow(&im->next, &im->head));
    TRY(succession_find(&im->next, &im->env, txn, &im->head));
    im->count->blocks++;
    im->count->txs += block->tx_count;
    im->count->gas += block->header.gas_used;
    return OK;
}

/// Executes and writes a group. What went well before a block that is refused is committed.
static err_t add_group(struct importer *im, const struct group *g)
{
    struct db_txn *txn;
    const struct node_import_count before = *im->count;
    TRY(db_begin_write(im->node->db, &txn));
    err_t err = OK;
    for (size_t i = 0; i < g->count && err_ok(err); i++) {
        const struct incoming *b = &g->blocks[i];
        err = err_ok(b->err) ? add_block(im, txn, b) : b->err;
        if (!err_ok(err)) im->count->failed_at = b->where;
    }
    const bool ours = err.kind == ERR_FULL || err.kind == ERR_IO || err.kind == ERR_CORRUPT;
    err_t kept = OK;
    if (ours || im->count->blocks == before.blocks)
        db_abort(txn);
    else
        kept = db_commit(txn);
    if (ours || !err_ok(kept)) {
        const uint64_t failed_at = im->count->failed_at;
        *im->count = before;
        im->count->failed_at = failed_at;
    }
    if (err_ok(kept) && im->in->progress != NULL) im->in->progress(im->in->ctx, im->count);
    return err_ok(kept) ? err : kept;
}

static err_t drain(struct importer *im)
{
    for (;;) {
        struct group *g = queue_take(im->ready, -1);
        check(g != NULL);
        TRY(add_group(im, g));
        if (g->end.kind == ERR_NOT_FOUND) return OK;
        TRY(queue_put(im->idle, g));
    }
}

// ---- life ---------------------------------------------------------------------------------

static err_t start_from_head(struct importer *im)
{
    struct db_txn *txn;
    struct header h = {.number = 0};
    hash_t hash;
    TRY(db_begin_read(im->node->db, &txn));
    err_t err = blocks_head(txn, &im->stored, &hash);
    if (err_ok(err)) err = blocks_header(txn, &h, im->stored);
    if (err_ok(err)) err = take_head(im, &h, h.extra_data, &hash);
    if (err_ok(err)) err = succession_find(&im->next, &im->env, txn, &im->head);
    db_abort(txn);
    return err;
}

static err_t prepare(struct importer *im, struct node_detail *detail)
{
    TRY(node_open_data(im->node, detail));
    TRY(queue_new(&im->ready, ARRAY_LEN(im->groups), NULL, NULL));
    TRY(queue_new(&im->idle, ARRAY_LEN(im->groups), NULL, NULL));
    for (size_t i = 0; i < ARRAY_LEN(im->groups); i++) {
        TRY(arena_init(&im->groups[i].arena, GROUP_ARENA));
        TRY(queue_put(im->idle, &im->groups[i]));
    }
    TRY(vm_new(&im->env.vm));
    struct latest_view nothing;
    latest_view_init(&nothing, NULL);
    const struct state_view view = latest_as_view(&nothing);
    TRY(overlay_new(&im->env.world, &view, OVERLAY_BYTES));
    TRY(trie_cache_new(&im->env.cache, TRIE_CACHE_BYTES));
    im->env.config = &im->node->genesis.config;
    im->env.jobs = &im->node->jobs;
    TRY(executed_init(&im->executed));
    TRY(succession_init(&im->next, im->env.config));
    return start_from_head(im);
}

static err_t run(struct importer *im)
{
    pthread_t reader;
    if (pthread_create(&reader, NULL, reader_main, im) != 0)
        return FAIL(IO, "import: cannot start a thread");
    const err_t err = drain(im);
    queue_close(im->idle);
    pthread_join(reader, NULL);
    return err;
}

static void finish(struct importer *im)
{
    if (im->ready != NULL) queue_free(im->ready, NULL);
    if (im->idle != NULL) queue_free(im->idle, NULL);
    for (size_t i = 0; i < ARRAY_LEN(im->groups); i++) arena_deinit(&im->groups[i].arena);
    executed_deinit(&im->executed);
    succession_deinit(&im->next);
    overlay_free(im->env.world);
    trie_cache_free(im->env.cache);
    vm_free(im->env.vm);
    buf_deinit(&im->head_extra);
    node_close_data(im->node);
    free(im->node);
    free(im);
}

err_t node_import(const struct node_import *import, struct node_import_count *count,
                  struct node_detail *detail)
{
    struct importer *im = calloc(1, sizeof *im);
    struct node *n = calloc(1, sizeof *n);
    if (im == NULL || n == NULL) {
        free(im);
        free(n);
        return FAIL(FULL, "import: no memory");
    }
    *count = (struct node_import_count){.same = 0};
    detail->text[0] = '\0';
    n->options = (struct node_options){
        .data_dir = import->data_dir, .genesis = import->genesis, .workers = import->workers};
    n->genesis = *import->genesis;
    n->lock_fd = -1;
    im->in = import;
    im->node = n;
    im->count = count;
    buf_init(&im->head_extra, (size_t)1024 * 1024);
    err_t err = prepare(im, detail);
    if (err_ok(err)) err = run(im);
    finish(im);
    return err;
}
