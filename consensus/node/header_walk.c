// SPDX-License-Identifier: Apache-2.0
#include "chain/state/history.h"
#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "consensus/block/validator_call.h"
#include "consensus/node/node.h"
#include "consensus/qbft/header_chain.h"

#include <stdlib.h>

#define OVERLAY_BYTES ((size_t)1024 * 1024 * 1024)

struct node_header_walk {
    struct header_chain chain;
    struct block_env env;     ///< to call a validator contract
    const struct db_txn *txn; ///< of the call in hand
};

static err_t by_contract(void *ctx, address_t *out, size_t *count, const struct header *parent,
                         const address_t *contract)
{
    struct node_header_walk *w = ctx;
    struct history_view history;
    TRY(history_view_init(&history, w->txn, parent->number));
    const struct state_view view = history_as_view(&history);
    return validators_by_call(out, count, &w->env, &view, parent, contract);
}

err_t node_header_walk_new(struct node_header_walk **out, const struct genesis *genesis)
{
    struct node_header_walk *w = calloc(1, sizeof *w);
    if (w == NULL) return FAIL(FULL, "headers: no memory");
    struct latest_view nothing;
    latest_view_init(&nothing, NULL);
    const struct state_view view = latest_as_view(&nothing);
    err_t err = header_chain_init(&w->chain, &genesis->config, &genesis->header);
    w->chain.by_contract = by_contract;
    w->chain.ctx = w;
    w->env.config = &genesis->config;
    if (err_ok(err)) err = vm_new(&w->env.vm);
    if (err_ok(err)) err = overlay_new(&w->env.world, &view, OVERLAY_BYTES);
    if (!err_ok(err)) {
        node_header_walk_free(w);
        return err;
    }
    *out = w;
    return OK;
}

void node_header_walk_free(struct node_header_walk *w)
{
    if (w == NULL) return;
    header_chain_deinit(&w->chain);
    if (w->env.world != NULL) overlay_free(w->env.world);
    if (w->env.vm != NULL) vm_free(w->env.vm);
    free(w);
}

err_t node_header_walk_next(struct node_header_walk *w, const struct header *h,
                            const struct db_txn *txn)
{
    uint64_t oldest;
    TRY(blocks_oldest(txn, &oldest));
    w->txn = txn;
    // The state before it is not there to ask; the snapshot's block was named by the operator.
    w->chain.trust_contract = h->number <= oldest;
    return header_chain_next(&w->chain, h);
}
