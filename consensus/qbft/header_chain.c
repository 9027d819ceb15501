// SPDX-License-Identifier: Apache-2.0
#include "consensus/qbft/header_chain.h"

#define EXTRA_MAX ((size_t)1024 * 1024)

static err_t take_head(struct header_chain *c, const struct header *h, const hash_t *hash)
{
    struct buf extra;
    buf_init(&extra, EXTRA_MAX);
    buf_put(&extra, h->extra_data);
    const err_t err = buf_status(&extra);
    if (!err_ok(err)) {
        buf_deinit(&extra);
        return err;
    }
    buf_deinit(&c->head_extra);
    c->head_extra = extra;
    c->head = *h;
    c->head.extra_data = buf_bytes(&c->head_extra);
    c->head_hash = *hash;
    return OK;
}

err_t header_chain_init(struct header_chain *c, const struct chain_config *config,
                        const struct header *genesis)
{
    memset(c, 0, sizeof *c);
    c->config = config;
    buf_init(&c->head_extra, EXTRA_MAX);
    TRY(arena_init(&c->votes, (size_t)64 * 1024 * 1024));
    TRY(arena_init(&c->scratch, (size_t)4 * 1024 * 1024));
    struct extra_data extra;
    TRY(extra_data_decode(&extra, &c->scratch, genesis->extra_data));
    size_t count;
    const address_t *list;
    (void)qbft_tally_checkpoint(config, 0, &list, &count);
    static const address_t nobody = {{0}};
    // While a contract has the validators the tally only waits for the transition that ends it.
    struct extra_data first = extra;
    if (list != NULL)
        first = (struct extra_data){.validators = list, .validator_count = count};
    else if (chain_qbft_at(config, 1).has_validator_contract)
        first = (struct extra_data){.validators = &nobody, .validator_count = 1};
    TRY(qbft_tally_init(&c->tally, &c->votes, &first, config));
    TRY(qbft_tally_follow(&c->tally, config, genesis, &extra));
    const hash_t hash = header_hash(genesis);
    return take_head(c, genesis, &hash);
}

void header_chain_deinit(struct header_chain *c)
{
    buf_deinit(&c->head_extra);
    arena_deinit(&c->votes);
    arena_deinit(&c->scratch);
}

err_t header_chain_next(struct header_chain *c, const struct header *h)
{
    arena_reset(&c->scratch);
    struct extra_data extra;
    TRY(extra_data_decode(&extra, &c->scratch, h->extra_data));
    struct header_rules rules = {.config = c->config,
                                 .parent = &c->head,
                                 .parent_hash = &c->head_hash,
                                 .validators = c->tally.validators,
                                 .validator_count = c->tally.validator_count,
                                 .now_ms = UINT64_MAX,
                                 .any_period = c->any_period,
                                 .sealed = true,
                                 .crypto = c->crypto};
    const struct qbft_config qbft = chain_qbft_at(c->config, c->head.number + 1);
    rules.any_validators = qbft.has_validator_contract && c->trust_contract;
    if (qbft.has_validator_contract && !c->trust_contract) {
        if (c->by_contract == NULL)
            return FAIL(UNSUPPORTED, "headers: a contract names the validators");
        rules.validators = c->named;
        TRY(c->by_contract(c->ctx, c->named, &rules.validator_count, &c->head,
                           &qbft.validator_contract));
    }
    TRY(qbft_header_check(&rules, h, &extra));
    const hash_t hash = header_hash(h);
    TRY(take_head(c, h, &hash));
    return qbft_tally_follow(&c->tally, c->config, &c->head, &extra);
}
