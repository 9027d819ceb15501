// SPDX-License-Identifier: Apache-2.0
#include "consensus/block/check.h"

#include "chain/state/latest.h"
#include "vm/block_exec.h"

#include <stdatomic.h>

/// Recoveries that one worker does in a row.
#define GROUP 16

struct recovery {
    struct tx *txs;
    size_t count;
    atomic_bool failed;
};

static void recover_group(void *arg, size_t group)
{
    struct recovery *r = arg;
    const size_t end = (group + 1) * GROUP < r->count ? (group + 1) * GROUP : r->count;
    for (size_t i = group * GROUP; i < end; i++) {
        if (r->txs[i].has_sender) continue;
        if (!err_ok(tx_recover_sender(&r->txs[i]))) atomic_store(&r->failed, true);
    }
}

err_t recover_senders(struct tx *txs, size_t count, const struct jobs *jobs)
{
    struct recovery r = {.txs = txs, .count = count};
    atomic_init(&r.failed, false);
    jobs_run(jobs, (count + GROUP - 1) / GROUP, recover_group, &r);
    if (atomic_load(&r.failed)) return FAIL(INVALID, "block: a signature does not recover");
    return OK;
}

static err_t execute(struct executed_block *out, const struct block_env *env,
                     const struct db_txn *txn)
{
    const struct header *h = &out->block.header;
    struct latest_view latest;
    latest_view_init(&latest, txn);
    const struct state_view view = latest_as_view(&latest);
    overlay_reset(env->world, &view);

    struct block_exec x;
    TRY(block_exec_begin(&x, env->vm, env->world, &out->arena, env->config, h,
                         out->block.tx_count));
    for (size_t i = 0; i < out->block.tx_count; i++) {
        struct tx_result result;
        TRY(block_exec_tx(&x, &result, &out->block.txs[i]));
        if (result.validity != TX_VALID)
            return (err_t){ERR_INVALID, tx_validity_text(result.validity)};
    }
    TRY(block_exec_end(&x, &out->block));
    if (x.gas_used != h->gas_used) return FAIL(INVALID, "block: gas used differs");
    if (memcmp(&x.bloom, &h->logs_bloom, sizeof x.bloom) != 0)
        return FAIL(INVALID, "block: logs bloom differs");
    hash_t root;
    TRY(block_exec_receipts_root(&root, &x, &out->arena));
    if (!hash_eq(&root, &h->receipts_root)) return FAIL(INVALID, "block: receipts root differs");
    TRY(overlay_diff(&out->diff, &out->arena, env->world));
    const struct state_tools tools = {env->jobs, env->cache};
    TRY(state_apply_with(&out->update, &root, &out->arena, txn, &out->diff, &tools));
    if (!hash_eq(&root, &h->state_root)) return FAIL(INVALID, "block: state root differs");
    out->receipts = x.receipts;
    out->receipt_count = x.receipt_count;
    return OK;
}

static void reach(const struct check_request *rq, enum check_stage stage)
{
    if (rq->stage != NULL) *rq->stage = stage;
}

err_t block_check(struct executed_block *out, const struct block_env *env, const struct db_txn *txn,
                  const struct check_request *rq)
{
    executed_reset(out);
    reach(rq, CHECK_HEADER);
    if (rq->raw.len > BLOCK_MAX_BYTES) return FAIL(LIMIT, "block: larger than 10 MiB");
    bool full = false;
    const bytes_t raw = arena_copy(&out->arena, rq->raw, &full);
    if (full) return FAIL(FULL, "block: no room");
    struct block *b = &out->block;
    struct extra_data extra;
    TRY(block_decode(b, &out->arena, raw));
    TRY(extra_data_decode(&extra, &out->arena, b->header.extra_data));
    TRY(qbft_header_check(&rq->rules, &b->header, &extra));
    reach(rq, CHECK_BODY);
    if (!bytes_eq(b->ommers, LIT("\xc0"))) return FAIL(INVALID, "block: ommers");
    if (b->has_withdrawals != (b->header.field_count >= HEADER_FIELDS_SHANGHAI) ||
        b->withdrawal_count != 0)
        return FAIL(INVALID, "block: withdrawals");
    TRY(block_check_body(b, &out->arena));
    reach(rq, CHECK_EXECUTION);
    if (rq->known_senders != NULL) rq->known_senders(rq->ctx, b->txs, b->tx_count);
    TRY(recover_senders(b->txs, b->tx_count, env->jobs));
    return execute(out, env, txn);
}
