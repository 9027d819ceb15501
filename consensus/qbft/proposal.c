// SPDX-License-Identifier: Apache-2.0
/// Proposals: asking for a block, sending it, taking one.

#include "consensus/qbft/qbft_impl.h"

#include "consensus/qbft/justification.h"
#include "consensus/qbft/mutants.h"

static struct qbft_rules rules_of(const struct qbft *q, uint32_t round)
{
    return (struct qbft_rules){.height = q->height,
                               .validators = q->validators,
                               .validator_count = q->n,
                               .proposer = qbft_round_proposer(q, round),
                               .wire = q->options.wire};
}

/// The timestamp of a block built now: Besu rounds in round 0 and cuts off later.
static uint64_t block_time_s(const struct qbft *q)
{
    const uint64_t now_s = (q->now_ms + (q->round == 0 && !q->head.period_is_ms ? 500 : 0)) / 1000;
    const uint64_t period_s = q->head.period_is_ms ? 0 : (q->head.block_period_ms + 999) / 1000;
    const uint64_t earliest_s = q->head.timestamp_s + period_s;
    return now_s > earliest_s ? now_s : earliest_s;
}

static void ask_fresh_block(struct qbft *q)
{
    q->building = true;
    struct qbft_effect *e = qbft_emit(q, QBFT_FX_BUILD);
    e->build.height = q->height;
    e->build.round = q->round;
    e->build.timestamp_s = block_time_s(q);
    e->build.allow_empty = q->round > 0 || q->now_ms >= q->idle_at_ms;
}

/// What we proposed in this round before a restart, if that is so.
static bool proposed_before(struct qbft *q, struct qbft_block *out)
{
    const struct guard_record *r = &q->record;
    return r->height == q->height && r->round == q->round && r->proposal.sent &&
           r->proposal_block.len != 0 &&
           err_ok(qbft_block_decode(out, &q->height_arena, r->proposal_block));
}

void qbft_ask_block(struct qbft *q)
{
    if (q->asked || q->accepted != NULL || q->is_committed) return;
    struct qbft_block block;
    const bool again = proposed_before(q, &block);
    if (q->round == 0) {
        q->asked = true;
        if (!again || !err_ok(qbft_propose(q, &block, NULL, 0, NULL))) ask_fresh_block(q);
        return;
    }

    // The round changes as they are now: what comes later must not change the choice.
    const struct qbft_votes *v = qbft_votes_find(q, q->round);
    if (v == NULL || v->round_change_count < qbft_q(q)) return;
    const struct qbft_payload **chosen =
        ARENA_ARRAY(&q->height_arena, const struct qbft_payload *, v->round_change_count);
    if (chosen == NULL) return;
    const struct qbft_payload *best = NULL;
    size_t count = 0;
    for (size_t i = 0; i < q->n; i++) {
        const struct qbft_payload *rc = v->round_changes[i];
        if (rc == NULL) continue;
        chosen[count++] = rc;
        if (rc->has_prepared && (best == NULL || rc->prepared_round > best->prepared_round))
            best = rc;
    }
    q->asked = true;
    if (best != NULL) {
        const struct qbft_certificate *c =
            qbft_certificate_find(q, best->prepared_round, &best->digest);
        check(c != NULL); // a round change is kept only with its certificate
        const uint32_t carried = q->options.wire == QBFT_WIRE_GOQUORUM ? 0 : q->round;
        if (err_ok(qbft_block_with_round(&block, &q->height_arena, &c->block, carried)))
            (void)err_ok(qbft_propose(q, &block, chosen, count, c));
        return;
    }
    if (again && err_ok(qbft_propose(q, &block, chosen, count, NULL))) return;
    q->justification = chosen;
    q->justification_count = count;
    ask_fresh_block(q);
}

err_t qbft_propose(struct qbft *q, const struct qbft_block *block,
                   const struct qbft_payload *const *round_changes, size_t round_change_count,
                   const struct qbft_certificate *certificate)
{
    struct arena *a = &q->height_arena;
    struct qbft_payload *payloads = ARENA_ARRAY(a, struct qbft_payload, round_change_count);
    bytes_t *raws = ARENA_ARRAY(a, bytes_t, round_change_count);
    if (payloads == NULL || raws == NULL) return FAIL(FULL, "qbft: no room for a proposal");
    for (size_t i = 0; i < round_change_count; i++) {
        payloads[i] = *round_changes[i];
        raws[i] = round_changes[i]->raw;
    }
    struct qbft_send send = {.code = QBFT_PROPOSAL,
                             .sequence = q->height,
                             .round = q->round,
                             .block = block->raw,
                             .round_changes = raws,
                             .round_change_count = round_change_count};
    if (certificate != NULL) TRY(qbft_fill_prepares(q, &send, certificate));

    // Whoever proposes holds the own proposal to the same rules as everybody else will.
    struct qbft_message m = {.main = {.code = QBFT_PROPOSAL,
                                      .sequence = q->height,
                                      .round = q->round,
                                      .author = q->options.self},
                             .has_block = true,
                             .block = *block,
                             .round_changes = payloads,
                             .round_change_count = round_change_count};
    if (certificate != NULL) {
        m.prepare_count = certificate->prepare_count;
        m.prepares = ARENA_ARRAY(a, struct qbft_payload, m.prepare_count);
        if (m.prepares == NULL) return FAIL(FULL, "qbft: no room for a proposal");
        for (size_t i = 0; i < m.prepare_count; i++) m.prepares[i] = certificate->prepares[i];
    }
    const struct qbft_rules rules = rules_of(q, q->round);
    TRY(qbft_proposal_justified(&rules, &m));

    struct guard_record next = qbft_next_record(q);
    next.proposal = (struct guard_sent){true, block->hash};
    next.proposal_block = block->raw;
    qbft_say(q, &next, &send);
    return OK;
}

err_t qbft_on_built(struct qbft *q, uint64_t height, uint32_t round, bytes_t raw)
{
    if (!q->running || height != q->height || round != q->round || !q->building ||
        q->self == NOT_A_VALIDATOR)
        return OK;
    q->building = false;
    if (raw.len == 0 && round > 0) return OK; // could not build: the round passes
    if (raw.len == 0) {
        // Nothing worth a block: as if the block period were not over.
        q->asked = q->started = q->block_time = false;
        qbft_set_timer(q, QBFT_TIMER_ROUND, QBFT_NEVER, QBFT_NEVER);
        qbft_set_timer(q, QBFT_TIMER_BLOCK, q->now_ms, q->idle_at_ms);
        return OK;
    }
    bool full = false;
    const bytes_t copy = arena_copy(&q->height_arena, raw, &full);
    if (full) return FAIL(FULL, "qbft: no room for the own block");
    struct qbft_block block;
    TRY(qbft_block_decode(&block, &q->height_arena, copy));
    q->has_built = true;
    q->built_round = round;
    q->built_hash = block.hash;
    return qbft_propose(q, &block, round == 0 ? NULL : q->justification,
                        round == 0 ? 0 : q->justification_count, NULL);
}

err_t qbft_on_proposal(struct qbft *q, const struct qbft_message *m)
{
    const struct qbft_payload *p = &m->main;
    hash_t digest;
    TRY(qbft_digest(&digest, &m->block.header, p->round, q->options.wire));
    const struct qbft_votes *known = qbft_votes_find(q, p->round);
    const struct qbft_payload *first = known == NULL ? NULL : known->proposal;
    if (first != NULL && address_eq(&first->author, &p->author)) {
        if (!hash_eq(&first->digest, &digest)) qbft_show_evidence(q, first, p);
        return OK;
    }
    if (p->round < q->round) return OK;
    const struct qbft_rules rules = rules_of(q, p->round);
    const err_t justified = qbft_proposal_justified(&rules, m);
    if (!err_ok(justified)) return qbft_blame(q, p, justified.why);

    struct qbft_votes *v = qbft_votes_of(q, p->round);
    if (v == NULL) return FAIL(FULL, "qbft: no room for a round");
    // One block is checked at a time. A quorum has left this round already.
    if (q->candidate != NULL && q->candidate->round > p->round) return OK;

    struct qbft_message *copy = ARENA_NEW(&q->height_arena, struct qbft_message);
    if (copy == NULL) return FAIL(FULL, "qbft: no room for a proposal");
    TRY(qbft_message_copy(copy, &q->height_arena, m));
    struct qbft_proposal *candidate = NULL;
    TRY(qbft_make_proposal(q, &candidate, &copy->block, p->round));
    copy->main.digest = digest; // names the proposal in evidence
    v->proposal = &copy->main;
    q->candidate = candidate;
    q->stored = true;

    if (MUTANT(OWN_NOT_VALIDATED) && address_eq(&p->author, &q->options.self))
        return qbft_on_checked(q, q->height, p->round, &digest, true);

    struct qbft_effect *e = qbft_emit(q, QBFT_FX_CHECK);
    e->check.height = q->height;
    e->check.round = p->round;
    e->check.digest = digest;
    e->check.block = &candidate->block;
    e->check.own =
        q->has_built && q->built_round == p->round && hash_eq(&q->built_hash, &copy->block.hash);
    return OK;
}

err_t qbft_on_checked(struct qbft *q, uint64_t height, uint32_t round, const hash_t *digest,
                      bool valid)
{
    struct qbft_proposal *c = q->candidate;
    if (!q->running || height != q->height || c == NULL || c->round != round ||
        !hash_eq(&c->digest, digest) || q->is_committed || q->self == NOT_A_VALIDATOR)
        return OK;
    q->candidate = NULL;
    if (!valid) {
        struct qbft_effect *e = qbft_tell(q, QBFT_FX_BLAME);
        if (e != NULL) {
            e->blame.author = *qbft_round_proposer(q, round);
            e->blame.why = "qbft: the proposed block is invalid";
        }
        return OK;
    }
    if (round < q->round || (round == q->round && q->accepted != NULL)) return OK;
    if (round > q->round) qbft_enter_round(q, round);
    if (!q->started) qbft_start_round(q);
    if (!q->block_time) {
        q->block_time = true;
        qbft_set_timer(q, QBFT_TIMER_BLOCK, QBFT_NEVER, QBFT_NEVER);
    }
    q->accepted = c;
    qbft_meet(q); // it carries the round changes of a quorum

    struct guard_record next = qbft_next_record(q);
    next.prepare = (struct guard_sent){true, c->digest};
    const struct qbft_send send = {
        .code = QBFT_PREPARE, .sequence = q->height, .round = q->round, .digest = c->digest};
    qbft_say(q, &next, &send);

    // Votes may have been faster than the block.
    qbft_count_prepares(q);
    qbft_count_commits(q);
    return OK;
}
