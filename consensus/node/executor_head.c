// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/executor_impl.h"

#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "consensus/block/validator_call.h"
#include "consensus/node/loop.h"
#include "vm/block_exec.h"

#include <inttypes.h>

err_t executor_set_head(struct executor *x, const struct header *h, const hash_t *hash)
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

err_t executor_apply_votes(struct executor *x, const struct header *h)
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
        TRY(executor_apply_votes(x, &h));
    }
    x->has_tally = true;
    return OK;
}

/// Asks the contract. What it does wrong is the chain's own state and no failure of this machine:
/// then nobody validates the next block, and the node stays up to say so.
static err_t ask_contract(struct executor *x, const struct db_txn *txn, const address_t *contract)
{
    struct latest_view latest;
    latest_view_init(&latest, txn);
    const struct state_view view = latest_as_view(&latest);
    const err_t err =
        validators_by_call(x->validators, &x->validator_count, &x->env, &view, &x->head, contract);
    if (err.kind != ERR_INVALID) return err;
    x->validator_count = 0;
    x->no_validators = err.why;
    LOG_ERR("qbft", "the validator contract does not name the validators: no block can be made",
            "height=%" PRIu64 " contract=%s why=\"%s\" hint=\"" NO_VALIDATORS_HINT "\"",
            x->head.number + 1, hex_address(contract).s, err_text(err));
    return OK;
}

/// Who validates head + 1.
err_t executor_find_validators(struct executor *x, const struct db_txn *txn)
{
    const struct qbft_config next = chain_qbft_at(&x->node->genesis.config, x->head.number + 1);
    x->no_validators = NULL;
    if (next.has_validator_contract) {
        x->has_tally = false;
        return ask_contract(x, txn, &next.validator_contract);
    }
    if (!x->has_tally) TRY(rebuild_tally(x, txn));
    x->validator_count = x->tally.validator_count;
    memcpy(x->validators, x->tally.validators, x->validator_count * sizeof x->validators[0]);
    return OK;
}

/// Shows the head to everybody who asks; the pool learns what the next block costs.
void executor_publish_head(struct executor *x)
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
    n->no_validators = x->no_validators;
    pthread_mutex_unlock(&n->status_lock);

    pthread_mutex_lock(&n->pool_lock);
    txpool_set_base_fee(n->pool, &next_fee);
    atomic_store(&n->work, txpool_count(n->pool).pending != 0);
    pthread_mutex_unlock(&n->pool_lock);
}

void executor_post_head(struct executor *x)
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
