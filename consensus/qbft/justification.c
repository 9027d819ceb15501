// SPDX-License-Identifier: Apache-2.0
#include "consensus/qbft/justification.h"

#include "consensus/qbft/mutants.h"
#include "consensus/qbft/qbft.h"

size_t address_index(const address_t *sorted, size_t count, const address_t *who)
{
    size_t lo = 0;
    size_t hi = count;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        const int c = address_cmp(&sorted[mid], who);
        if (c == 0) return mid;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return SIZE_MAX;
}

/// A quorum of Prepares by distinct validators, all for exactly this.
static err_t check_prepares(const struct qbft_rules *rules, const struct qbft_message *m,
                            uint32_t round, const hash_t *digest)
{
    bool seen[QBFT_MAX_VALIDATORS] = {false};
    for (size_t i = 0; i < m->prepare_count; i++) {
        const struct qbft_payload *p = &m->prepares[i];
        const size_t who = address_index(rules->validators, rules->validator_count, &p->author);
        if (who == SIZE_MAX) return FAIL(INVALID, "qbft: a prepare is not by a validator");
        if (seen[who] && !MUTANT(DUPLICATE_AUTHORS))
            return FAIL(INVALID, "qbft: two prepares by one author");
        if (p->sequence != rules->height) return FAIL(INVALID, "qbft: a prepare of another height");
        if (p->round != round) return FAIL(INVALID, "qbft: a prepare of another round");
        if (!hash_eq(&p->digest, digest)) return FAIL(INVALID, "qbft: a prepare for another block");
        seen[who] = true;
    }
    if (m->prepare_count < qbft_quorum(rules->validator_count))
        return FAIL(INVALID, "qbft: too few prepares");
    return OK;
}

err_t qbft_round_change_justified(const struct qbft_rules *rules, const struct qbft_message *m)
{
    const struct qbft_payload *p = &m->main;
    if (p->sequence != rules->height) return FAIL(INVALID, "qbft: round change of another height");
    if (p->round == 0 || p->round > QBFT_MAX_ROUND)
        return FAIL(INVALID, "qbft: round change to a round outside 1..1000");
    if (p->has_prepared != m->has_block)
        return FAIL(INVALID, "qbft: prepared round and prepared block must come together");
    if (!p->has_prepared) {
        if (m->prepare_count != 0) return FAIL(INVALID, "qbft: prepares but nothing prepared");
        return OK;
    }
    if (p->prepared_round >= p->round)
        return FAIL(INVALID, "qbft: prepared in a round that is not before the target");
    if (m->block.header.number != rules->height)
        return FAIL(INVALID, "qbft: prepared block of another height");
    // As sent: the block carries the round in which it was prepared.
    if (rules->wire != QBFT_WIRE_GOQUORUM && m->block.extra.round != p->prepared_round)
        return FAIL(INVALID, "qbft: round in the prepared block is not the prepared round");
    hash_t digest;
    TRY(qbft_digest(&digest, &m->block.header, p->prepared_round, rules->wire));
    if (!hash_eq(&digest, &p->digest))
        return FAIL(INVALID, "qbft: prepared digest is not that of the block");
    return check_prepares(rules, m, p->prepared_round, &digest);
}

/// Distinct validators' round changes to exactly (height, round), a quorum of them.
/// @param[out] best  one with the highest prepared round; NULL if nobody prepared
static err_t check_round_changes(const struct qbft_payload **best, const struct qbft_rules *rules,
                                 const struct qbft_message *m)
{
    bool seen[QBFT_MAX_VALIDATORS] = {false};
    const struct qbft_payload *highest = NULL;
    for (size_t i = 0; i < m->round_change_count; i++) {
        const struct qbft_payload *p = &m->round_changes[i];
        const size_t who = address_index(rules->validators, rules->validator_count, &p->author);
        if (who == SIZE_MAX) return FAIL(INVALID, "qbft: a round change is not by a validator");
        if (seen[who] && !MUTANT(DUPLICATE_AUTHORS))
            return FAIL(INVALID, "qbft: two round changes by one author");
        if (p->sequence != rules->height)
            return FAIL(INVALID, "qbft: a round change of another height");
        if (p->round != m->main.round)
            return FAIL(INVALID, "qbft: a round change to another round");
        if (p->has_prepared && p->prepared_round >= p->round)
            return FAIL(INVALID, "qbft: a round change prepared in a later round");
        seen[who] = true;
        const bool higher = highest == NULL || p->prepared_round > highest->prepared_round;
        if (p->has_prepared && higher) highest = p;
    }
    if (m->round_change_count < qbft_quorum(rules->validator_count))
        return FAIL(INVALID, "qbft: too few round changes");

    // Correct validators prepare one block per round.
    for (size_t i = 0; i < m->round_change_count; i++) {
        const struct qbft_payload *a = &m->round_changes[i];
        if (!a->has_prepared) continue;
        for (size_t j = i + 1; j < m->round_change_count; j++) {
            const struct qbft_payload *b = &m->round_changes[j];
            if (b->has_prepared && b->prepared_round == a->prepared_round &&
                !hash_eq(&a->digest, &b->digest))
                return FAIL(INVALID, "qbft: two blocks prepared in one round");
        }
    }
    *best = highest;
    return OK;
}

/// A later round in which nobody is locked: the proposer's own block.
static err_t check_fresh(const struct qbft_message *m)
{
    if (m->prepare_count != 0) return FAIL(INVALID, "qbft: prepares but nobody prepared");
    if (!address_eq(&m->block.header.coinbase, &m->main.author))
        return FAIL(INVALID, "qbft: coinbase is not the proposer");
    return OK;
}

/// A later round in which somebody is locked: that block again, whoever built it.
static err_t check_again(const struct qbft_rules *rules, const struct qbft_message *m,
                         const struct qbft_payload *best)
{
    hash_t digest;
    TRY(qbft_digest(&digest, &m->block.header, best->prepared_round, rules->wire));
    if (!hash_eq(&digest, &best->digest))
        return FAIL(INVALID, "qbft: not the block that was prepared in the highest round");
    return check_prepares(rules, m, best->prepared_round, &digest);
}

err_t qbft_proposal_justified(const struct qbft_rules *rules, const struct qbft_message *m)
{
    const struct qbft_payload *p = &m->main;
    const struct header *h = &m->block.header;
    if (p->sequence != rules->height || h->number != rules->height)
        return FAIL(INVALID, "qbft: proposal of another height");
    if (p->round > QBFT_MAX_ROUND) return FAIL(INVALID, "qbft: proposal above round 1000");
    if (!address_eq(&p->author, rules->proposer))
        return FAIL(INVALID, "qbft: proposal by somebody whose turn it is not");
    // GoQuorum's proposals carry round 0; Besu's and the formal specification's their round.
    const uint32_t carried = rules->wire == QBFT_WIRE_GOQUORUM ? 0 : p->round;
    if (m->block.extra.round != carried)
        return FAIL(INVALID, "qbft: round in the proposed block is not the proposal's");
    if (m->block.extra.seal_count != 0) return FAIL(INVALID, "qbft: proposal with seals");

    if (p->round == 0) {
        if (m->round_change_count != 0 || m->prepare_count != 0)
            return FAIL(INVALID, "qbft: round 0 needs no justification");
        if (!address_eq(&h->coinbase, &p->author))
            return FAIL(INVALID, "qbft: coinbase is not the proposer");
        return OK;
    }

    if (MUTANT(NO_JUSTIFICATION)) return OK;
    const struct qbft_payload *best = NULL;
    TRY(check_round_changes(&best, rules, m));
    return best != NULL ? check_again(rules, m, best) : check_fresh(m);
}
