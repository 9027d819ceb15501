// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/executor.h"

#include "chain/base/crash_point.h"
#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "consensus/node/executor_impl.h"

#include <stdlib.h>

#define MAX_JOBS 1024
#define OVERLAY_BYTES ((size_t)8 * 1024 * 1024 * 1024)
/// Five levels of a large state's trie; a small state's takes little.
#define TRIE_CACHE_BYTES ((size_t)40 * 1024 * 1024)

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
                executor_on_build(x, j);
                break;
            case JOB_CHECK:
                executor_on_check(x, j);
                break;
            case JOB_COMMIT:
                executor_on_commit(x, j);
                break;
            case JOB_IMPORT:
                executor_on_import(x, j);
                break;
            }
        }
        free(j);
        executor_look_after(x);
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

void executor_import(struct executor *x, uint64_t number, bytes_t blocks)
{
    struct job *j = job_new(JOB_IMPORT, blocks, 0);
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
    if (err_ok(err)) err = executor_set_head(x, &h, &hash);
    if (err_ok(err)) err = executor_find_validators(x, txn);
    db_abort(txn);
    if (err.kind == ERR_NOT_FOUND || err.kind == ERR_MALFORMED)
        return FAIL(CORRUPT, "store: the head or a header below it is missing");
    TRY(err);
    n->pool_head = number;
    executor_publish_head(x);
    // Until the loop has its first word (and knows whether the guard allows signing).
    n->status.is_validator =
        address_index(x->next.validators, x->next.validator_count, &n->self) != SIZE_MAX;
    n->status.validator_count = x->next.validator_count;
    executor_look_at_disk(x);
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
    TRY(succession_init(&x->next, &n->genesis.config));
    TRY(arena_init(&x->scratch, (size_t)1024 * 1024));
    TRY(vm_new(&x->vm));
    struct latest_view nothing;
    latest_view_init(&nothing, NULL);
    const struct state_view view = latest_as_view(&nothing);
    TRY(overlay_new(&x->world, &view, OVERLAY_BYTES));
    for (size_t i = 0; i < KEPT_BLOCKS; i++) TRY(executed_init(&x->kept[i].block));
    for (size_t i = 0; i < SYNC_GROUP; i++) TRY(executed_init(&x->group[i]));
    TRY(trie_cache_new(&x->trie_cache, TRIE_CACHE_BYTES));
    x->env = (struct block_env){&n->genesis.config, x->vm, x->world, &n->jobs, x->trie_cache};
    return start_from_store(x);
}

err_t executor_start(struct executor *x)
{
    x->looked_after_ms = x->expired_ms = steady_clock_ms();
    if (pthread_create(&x->thread, NULL, executor_main, x) != 0)
        return FAIL(IO, "executor: cannot start a thread");
    x->running = true;
    executor_post_head(x);
    return OK;
}

void executor_free(struct executor *x)
{
    if (x == NULL) return;
    if (x->jobs != NULL) queue_close(x->jobs);
    if (x->running) pthread_join(x->thread, NULL);
    if (x->jobs != NULL) queue_free(x->jobs, free);
    for (size_t i = 0; i < KEPT_BLOCKS; i++) executed_deinit(&x->kept[i].block);
    for (size_t i = 0; i < SYNC_GROUP; i++) executed_deinit(&x->group[i]);
    overlay_free(x->world);
    trie_cache_free(x->trie_cache);
    vm_free(x->vm);
    succession_deinit(&x->next);
    arena_deinit(&x->scratch);
    buf_deinit(&x->head_extra);
    free(x);
}
