// SPDX-License-Identifier: Apache-2.0
#include "consensus/block/succession.h"

#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "consensus/block/validator_call.h"

err_t succession_init(struct succession *s, const struct chain_config *config)
{
    s->config = config;
    s->has_tally = false;
    s->validator_count = 0;
    TRY(arena_init(&s->votes, (size_t)64 * 1024 * 1024));
    return arena_init(&s->scratch, (size_t)1024 * 1024);
}

void succession_deinit(struct succession *s)
{
    arena_deinit(&s->votes);
    arena_deinit(&s->scratch);
}

static err_t apply_votes(struct succession *s, const struct header *h)
{
    arena_reset(&s->scratch);
    struct extra_data extra;
    TRY(extra_data_decode(&extra, &s->scratch, h->extra_data));
    return qbft_tally_follow(&s->tally, s->config, h, &extra);
}

err_t succession_follow(struct succession *s, const struct header *head)
{
    return s->has_tally ? apply_votes(s, head) : OK;
}

/// The tally after the head, from the last checkpoint on.
static err_t rebuild_tally(struct succession *s, const struct db_txn *txn, uint64_t head)
{
    const address_t *list;
    size_t count;
    const uint64_t from = qbft_tally_checkpoint(s->config, head, &list, &count);
    struct header h;
    struct extra_data extra;
    TRY(blocks_header(txn, &h, from));
    arena_reset(&s->scratch);
    TRY(extra_data_decode(&extra, &s->scratch, h.extra_data));
    arena_reset(&s->votes);
    if (list != NULL) extra = (struct extra_data){.validators = list, .validator_count = count};
    TRY(qbft_tally_init(&s->tally, &s->votes, &extra, s->config));
    for (uint64_t number = from; number <= head; number++) {
        TRY(blocks_header(txn, &h, number));
        TRY(apply_votes(s, &h));
    }
    s->has_tally = true;
    return OK;
}

err_t succession_find(struct succession *s, const struct block_env *env, const struct db_txn *txn,
                      const struct header *head)
{
    const struct qbft_config next = chain_qbft_at(s->config, head->number + 1);
    s->nobody = NULL;
    if (next.has_validator_contract) {
        s->has_tally = false;
        struct latest_view latest;
        latest_view_init(&latest, txn);
        const struct state_view view = latest_as_view(&latest);
        const err_t err = validators_by_call(s->validators, &s->validator_count, env, &view, head,
                                             &next.validator_contract);
        if (err.kind != ERR_INVALID) return err;
        s->validator_count = 0;
        s->nobody = err.why;
        return OK;
    }
    if (!s->has_tally) TRY(rebuild_tally(s, txn, head->number));
    s->validator_count = s->tally.validator_count;
    memcpy(s->validators, s->tally.validators, s->validator_count * sizeof s->validators[0]);
    return OK;
}
