// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/node.h"
#include "consensus/qbft/header_chain.h"

#include <stdlib.h>

struct node_header_walk {
    struct header_chain chain;
};

static bool by_contract(const struct chain_config *config, uint64_t number)
{
    return chain_qbft_at(config, number).has_validator_contract;
}

err_t node_header_walk_new(struct node_header_walk **out, const struct genesis *genesis)
{
    if (by_contract(&genesis->config, 0))
        return FAIL(UNSUPPORTED, "headers: a contract names the validators");
    struct node_header_walk *w = calloc(1, sizeof *w);
    if (w == NULL) return FAIL(FULL, "headers: no memory");
    const err_t err = header_chain_init(&w->chain, &genesis->config, &genesis->header);
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
    free(w);
}

err_t node_header_walk_next(struct node_header_walk *w, const struct header *h)
{
    if (by_contract(w->chain.config, h->number))
        return FAIL(UNSUPPORTED, "headers: a contract names the validators");
    return header_chain_next(&w->chain, h);
}
