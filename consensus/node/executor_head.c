// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/executor_impl.h"

#include "chain/base/hex.h"
#include "chain/base/log.h"
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

err_t executor_find_validators(struct executor *x, const struct db_txn *txn)
{
    TRY(succession_find(&x->next, &x->env, txn, &x->head));
    if (x->next.nobody == NULL) return OK;
    const struct qbft_config next = chain_qbft_at(&x->node->genesis.config, x->head.number + 1);
    LOG_ERR("qbft", "the validator contract does not name the validators: no block can be made",
            "height=%" PRIu64 " contract=%s why=\"%s\" hint=\"" NO_VALIDATORS_HINT "\"",
            x->head.number + 1, hex_address(&next.validator_contract).s, x->next.nobody);
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
    memcpy(n->next_validators, x->next.validators,
           x->next.validator_count * sizeof x->next.validators[0]);
    n->next_validator_count = x->next.validator_count;
    n->no_validators = x->next.nobody;
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
                             .validators = x->next.validators,
                             .validator_count = x->next.validator_count,
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
