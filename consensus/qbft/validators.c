// SPDX-License-Identifier: Apache-2.0
#include "consensus/qbft/validators.h"

#include "consensus/qbft/justification.h"

#define OPEN_VOTES_MAX ((size_t)1 << 20)

err_t qbft_tally_restart(struct qbft_tally *t, const struct extra_data *checkpoint)
{
    const size_t n = checkpoint->validator_count;
    if (n == 0) return FAIL(INVALID, "validators: the set is empty");
    if (n > QBFT_MAX_VALIDATORS) return FAIL(LIMIT, "validators: more than 1024");
    for (size_t i = 1; i < n; i++) {
        if (address_cmp(&checkpoint->validators[i - 1], &checkpoint->validators[i]) >= 0)
            return FAIL(INVALID, "validators: not in ascending order");
    }
    memcpy(t->validators, checkpoint->validators, n * sizeof t->validators[0]);
    t->validator_count = n;
    t->vote_count = 0;
    return OK;
}

err_t qbft_tally_init(struct qbft_tally *t, struct arena *arena,
                      const struct extra_data *checkpoint, const struct chain_config *config)
{
    const uint64_t epoch_length = config->qbft.epoch_length;
    if (epoch_length == 0) return FAIL(INVALID, "validators: epoch length is zero");
    t->goquorum = config->goquorum;
    t->epoch_length = epoch_length;
    t->vote_cap = epoch_length < OPEN_VOTES_MAX ? (size_t)epoch_length : OPEN_VOTES_MAX;
    t->votes = arena_alloc(arena, t->vote_cap * sizeof *t->votes);
    if (t->votes == NULL) return FAIL(FULL, "validators: no room for votes");
    return qbft_tally_restart(t, checkpoint);
}

static void remove_votes(struct qbft_tally *t, const address_t *voter, const address_t *recipient)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->vote_count; i++) {
        const struct open_vote *v = &t->votes[i];
        const bool match = (voter == NULL || address_eq(&v->voter, voter)) &&
                           (recipient == NULL || address_eq(&v->recipient, recipient));
        if (!match) t->votes[kept++] = *v;
    }
    t->vote_count = kept;
}

static size_t count_votes(const struct qbft_tally *t, const address_t *recipient, bool add)
{
    size_t count = 0;
    for (size_t i = 0; i < t->vote_count; i++) {
        if (t->votes[i].add == add && address_eq(&t->votes[i].recipient, recipient)) count++;
    }
    return count;
}

static err_t insert(struct qbft_tally *t, const address_t *who)
{
    if (t->validator_count == QBFT_MAX_VALIDATORS) return FAIL(LIMIT, "validators: more than 1024");
    size_t at = 0;
    while (at < t->validator_count && address_cmp(&t->validators[at], who) < 0) at++;
    memmove(&t->validators[at + 1], &t->validators[at],
            (t->validator_count - at) * sizeof t->validators[0]);
    t->validators[at] = *who;
    t->validator_count++;
    return OK;
}

err_t qbft_tally_apply(struct qbft_tally *t, const struct header *h, const struct extra_data *extra)
{
    if (h->number % t->epoch_length == 0) {
        t->vote_count = 0;
        if (!t->goquorum) return OK;
    }
    if (extra->vote == QBFT_VOTE_NONE) return OK;
    const address_t *recipient = &extra->vote_recipient;
    bool add = extra->vote == QBFT_VOTE_ADD;

    // A new vote of the same voter on the same recipient takes the place of the old one.
    remove_votes(t, &h->coinbase, recipient);
    const size_t at = address_index(t->validators, t->validator_count, recipient);
    const bool absent = at == SIZE_MAX;
    if (t->goquorum && add != absent) {
        add = absent; // no vote at all; but fewer of the others' may be enough by now
    } else {
        if (t->vote_count == t->vote_cap) return FAIL(FULL, "validators: too many open votes");
        t->votes[t->vote_count++] = (struct open_vote){h->coinbase, *recipient, add};
    }
    if (count_votes(t, recipient, add) < t->validator_count / 2 + 1) return OK;

    if (add && absent) {
        TRY(insert(t, recipient));
    } else if (!add && !absent && t->validator_count > 1) {
        t->validator_count--;
        memmove(&t->validators[at], &t->validators[at + 1],
                (t->validator_count - at) * sizeof t->validators[0]);
        remove_votes(t, recipient, NULL);
    }
    remove_votes(t, NULL, recipient);
    return OK;
}

err_t qbft_tally_follow(struct qbft_tally *t, const struct chain_config *config,
                        const struct header *h, const struct extra_data *extra)
{
    size_t count;
    const address_t *list = chain_qbft_validators_at(config, h->number + 1, &count);
    if (list != NULL) {
        const struct extra_data named = {.validators = list, .validator_count = count};
        TRY(qbft_tally_restart(t, &named));
    }
    if (chain_qbft_at(config, h->number).has_validator_contract) return OK;
    return qbft_tally_apply(t, h, extra);
}

uint64_t qbft_tally_checkpoint(const struct chain_config *config, uint64_t head,
                               const address_t **list, size_t *count)
{
    const uint64_t epoch = head - head % config->qbft.epoch_length;
    for (size_t i = config->transition_count; i-- > 0;) {
        const struct qbft_transition *t = &config->transitions[i];
        if (t->validators == NULL || t->block > head + 1) continue;
        const uint64_t from = t->block == 0 ? 0 : t->block - 1;
        if (from < epoch) break;
        *list = chain_qbft_validators_at(config, t->block, count);
        return from;
    }
    *list = NULL;
    *count = 0;
    return epoch;
}

bool qbft_vote_is_useful(const struct qbft_tally *t, const address_t *voter,
                         const address_t *recipient, bool add)
{
    const bool member = address_index(t->validators, t->validator_count, recipient) != SIZE_MAX;
    if (member == add) return false;
    if (!add && t->validator_count == 1) return false;
    for (size_t i = 0; i < t->vote_count; i++) {
        const struct open_vote *v = &t->votes[i];
        if (v->add == add && address_eq(&v->voter, voter) && address_eq(&v->recipient, recipient))
            return false;
    }
    return true;
}
