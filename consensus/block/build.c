// SPDX-License-Identifier: Apache-2.0
#include "consensus/block/build.h"

#include "chain/crypto/digest.h"
#include "chain/crypto/keccak.h"
#include "chain/state/latest.h"
#include "chain/trie/list_root.h"
#include "consensus/qbft/header_rules.h"
#include "vm/block_exec.h"

#define CHEAPEST_TX_GAS 21000U

static err_t put_extra_data(struct header *h, struct arena *arena, const struct build_request *rq,
                            bool contract_mode)
{
    static const uint8_t vanity[32] = {0};
    const struct extra_data extra = {.vanity = BYTES_OF(vanity),
                                     .validators = rq->validators,
                                     .validator_count = contract_mode ? 0 : rq->validator_count,
                                     .vote = contract_mode ? QBFT_VOTE_NONE : rq->vote,
                                     .vote_recipient = rq->vote_recipient,
                                     .round = rq->round};
    struct buf b;
    buf_init(&b, 256 + 32 * (size_t)QBFT_MAX_VALIDATORS);
    extra_data_encode(&b, &extra);
    bool full = b.full;
    if (!full) h->extra_data = arena_copy(arena, buf_bytes(&b), &full);
    buf_deinit(&b);
    return full ? FAIL(FULL, "build: no room for extraData") : OK;
}

static err_t make_header(struct header *h, struct arena *arena, const struct block_env *env,
                         const struct build_request *rq)
{
    const struct header *parent = rq->parent;
    const uint64_t number = parent->number + 1;
    const enum revision rev = chain_revision(env->config, number, rq->timestamp_s);
    *h = (struct header){.parent_hash = *rq->parent_hash,
                         .ommers_hash = KECCAK_RLP_LIST,
                         .coinbase = *rq->proposer,
                         .difficulty = u256_from_u64(1),
                         .number = number,
                         .gas_limit =
                             next_gas_limit(parent, rq->gas_limit_target, rev >= REV_LONDON),
                         .timestamp_s = rq->timestamp_s,
                         .mix_hash = QBFT_MIX_HASH,
                         .field_count = header_fields_of(rev)};
    if (rev >= REV_LONDON) h->base_fee_wei = next_base_fee(env->config, parent, rq->timestamp_s);
    if (rev >= REV_SHANGHAI) h->withdrawals_root = KECCAK_RLP_NULL;
    if (rev >= REV_CANCUN)
        h->excess_blob_gas = next_excess_blob_gas(env->config, parent, rq->timestamp_s);
    if (rev >= REV_PRAGUE) h->requests_hash = sha256(BYTES_NONE); // no requests (EIP-7685)
    return put_extra_data(h, arena, rq, chain_qbft_at(env->config, number).has_validator_contract);
}

/// Executes what fits.
static err_t fill(struct executed_block *out, struct block_exec *x, const struct build_request *rq)
{
    struct block *b = &out->block;
    b->txs = ARENA_ARRAY(&out->arena, struct tx, rq->tx_count);
    if (b->txs == NULL) return FAIL(FULL, "build: no room for transactions");
    size_t bytes = 0;
    for (size_t i = 0; i < rq->tx_count; i++) {
        const struct tx *tx = rq->txs[i];
        const uint64_t gas_left = b->header.gas_limit - x->gas_used;
        if (gas_left < CHEAPEST_TX_GAS) break;
        if (rq->out_of_time != NULL && rq->out_of_time(rq->ctx)) break;
        if (tx->gas_limit > gas_left || tx->raw.len > BLOCK_BUILD_BYTES - bytes) continue;

        struct tx_result result;
        TRY(block_exec_tx(x, &result, tx));
        if (result.validity != TX_VALID) {
            // One with a nonce too high follows a transaction that did not fit: later.
            const bool later = result.validity == TX_NONCE_TOO_HIGH ||
                               result.validity == TX_GAS_EXCEEDS_BLOCK ||
                               result.validity == TX_MAX_FEE_BELOW_BASE_FEE;
            if (!later && rq->refused != NULL) rq->refused(rq->ctx, i, result.validity);
            continue;
        }
        TRY(tx_copy(&b->txs[b->tx_count], &out->arena, tx));
        b->tx_count++;
        bytes += tx->raw.len + 4;
    }
    return OK;
}

static err_t transactions_root(struct header *h, struct arena *arena, const struct block *b)
{
    bytes_t *raws = ARENA_ARRAY(arena, bytes_t, b->tx_count);
    if (raws == NULL) return FAIL(FULL, "build: no room for a list");
    for (size_t i = 0; i < b->tx_count; i++) raws[i] = b->txs[i].raw;
    return list_root(&h->transactions_root, arena, raws, b->tx_count);
}

err_t block_build(struct executed_block *out, const struct block_env *env, const struct db_txn *txn,
                  const struct build_request *rq)
{
    executed_reset(out);
    struct arena *arena = &out->arena;
    struct block *b = &out->block;
    struct header *h = &b->header;
    TRY(make_header(h, arena, env, rq));
    b->ommers = LIT("\xc0");
    b->has_withdrawals = h->field_count >= HEADER_FIELDS_SHANGHAI;

    struct latest_view latest;
    latest_view_init(&latest, txn);
    const struct state_view view = latest_as_view(&latest);
    overlay_reset(env->world, &view);
    struct block_exec x;
    TRY(block_exec_begin(&x, env->vm, env->world, arena, env->config, h, rq->tx_count));
    TRY(fill(out, &x, rq));
    TRY(block_exec_end(&x, b));

    h->gas_used = x.gas_used;
    h->logs_bloom = x.bloom;
    TRY(transactions_root(h, arena, b));
    TRY(block_exec_receipts_root(&h->receipts_root, &x, arena));
    TRY(overlay_diff(&out->diff, arena, env->world));
    const struct state_tools tools = {env->jobs, env->cache};
    TRY(state_apply_with(&out->update, &h->state_root, arena, txn, &out->diff, &tools));
    out->receipts = x.receipts;
    out->receipt_count = x.receipt_count;
    b->hash = header_hash(h);
    return OK;
}
