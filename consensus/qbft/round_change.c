// SPDX-License-Identifier: Apache-2.0
/// Round changes: who wants which round, and when that is enough.

#include "consensus/qbft/qbft_impl.h"

#include "consensus/qbft/justification.h"
#include "consensus/qbft/mutants.h"

static err_t keep_certificate_of(struct qbft *q, const struct qbft_message *m)
{
    const struct qbft_payload *p = &m->main;
    if (qbft_certificate_find(q, p->prepared_round, &p->digest) != NULL) return OK;
    const struct qbft_payload **prepares =
        ARENA_ARRAY(&q->height_arena, const struct qbft_payload *, m->prepare_count);
    if (prepares == NULL) return FAIL(FULL, "qbft: no room for a certificate");
    for (size_t i = 0; i < m->prepare_count; i++) prepares[i] = &m->prepares[i];
    if (qbft_certificate_keep(q, p->prepared_round, &p->digest, &m->block, prepares,
                              m->prepare_count) == NULL)
        return FAIL(FULL, "qbft: no room for a certificate");
    return OK;
}

static bool same_round_change(const struct qbft_payload *a, const struct qbft_payload *b)
{
    return a->has_prepared == b->has_prepared &&
           (!a->has_prepared ||
            (a->prepared_round == b->prepared_round && hash_eq(&a->digest, &b->digest)));
}

err_t qbft_on_round_change(struct qbft *q, const struct qbft_message *m)
{
    const struct qbft_payload *p = &m->main;
    const size_t who = qbft_index(q, &p->author);
    const struct qbft_votes *known = qbft_votes_find(q, p->round);
    if (known != NULL && known->round_changes[who] != NULL) {
        const struct qbft_payload *first = known->round_changes[who];
        if (!same_round_change(first, p)) qbft_show_evidence(q, first, p);
        return OK;
    }
    if (p->round < q->round) return OK;
    const struct qbft_rules rules = {.height = q->height,
                                     .validators = q->validators,
                                     .validator_count = q->n,
                                     .wire = q->options.wire};
    const err_t justified = qbft_round_change_justified(&rules, m);
    if (!err_ok(justified)) return qbft_blame(q, p, justified.why);

    struct qbft_votes *v = qbft_votes_of(q, p->round);
    if (v == NULL) return FAIL(FULL, "qbft: no room for a round");
    struct qbft_payload *copy = ARENA_NEW(&q->height_arena, struct qbft_payload);
    if (copy == NULL) return FAIL(FULL, "qbft: no room for a round change");
    TRY(qbft_payload_copy(copy, &q->height_arena, p));
    if (p->has_prepared) TRY(keep_certificate_of(q, m));
    v->round_changes[who] = copy;
    v->round_change_count++;
    q->stored = true;

    if (!q->started) qbft_start_round(q); // somebody is beyond the block time already
    if (qbft_is_met(q)) qbft_meet(q);
    qbft_count_round_changes(q, p->round);
    return OK;
}

/// How many validators want a round above ours, and the lowest of these rounds.
static size_t count_ahead(const struct qbft *q, uint32_t *lowest)
{
    bool seen[QBFT_MAX_VALIDATORS] = {false};
    size_t count = 0;
    for (const struct qbft_votes *v = q->votes; v != NULL; v = v->next) {
        if (v->round <= q->round || v->round_change_count == 0) continue;
        if (count == 0) *lowest = v->round;
        for (size_t i = 0; i < q->n; i++) {
            if (v->round_changes[i] == NULL || seen[i]) continue;
            seen[i] = true;
            count++;
        }
    }
    return count;
}

void qbft_count_round_changes(struct qbft *q, uint32_t round)
{
    const struct qbft_votes *v = qbft_votes_find(q, round);
    if (v != NULL && round >= q->round && v->round_change_count >= qbft_q(q) &&
        qbft_is_own_turn(q, round)) {
        if (round > q->round) qbft_enter_round(q, round);
        qbft_ask_block(q);
        return;
    }
    // One of f+1 is honest: the others have moved on.
    uint32_t lowest = 0;
    if (count_ahead(q, &lowest) > qbft_faults(q->n)) qbft_change_round(q, lowest);
}

static void say_round_change(struct qbft *q)
{
    struct guard_record next = qbft_next_record(q);
    struct qbft_send send = {.code = QBFT_ROUND_CHANGE, .sequence = q->height, .round = q->round};
    const struct qbft_certificate *c = MUTANT(LOCK_NOT_CARRIED) ? NULL : q->prepared;
    next.round_change_sent = true;
    if (c != NULL) {
        if (!err_ok(qbft_fill_prepares(q, &send, c))) return; // never without the lock
        send.has_prepared = true;
        send.prepared_round = c->round;
        send.digest = c->digest;
        send.block = c->block.raw;
        next.round_change_prepared = true;
        next.round_change_prepared_round = c->round;
        next.round_change_prepared_digest = c->digest;
    }
    qbft_say(q, &next, &send);
}

void qbft_change_round(struct qbft *q, uint32_t round)
{
    qbft_enter_round(q, round);
    say_round_change(q);
}

void qbft_repeat(struct qbft *q)
{
    const struct guard_record *r = &q->record;
    const bool lock_is_older = q->prepared == NULL || q->prepared->round < q->round;
    if (q->round > 0 && lock_is_older) say_round_change(q);
    if (r->height != q->height || r->round != q->round) return;
    if (r->prepare.sent) {
        const struct qbft_send send = {.code = QBFT_PREPARE,
                                       .sequence = q->height,
                                       .round = q->round,
                                       .digest = r->prepare.digest};
        qbft_say(q, &q->record, &send);
    }
    if (r->commit.sent && q->accepted != NULL && hash_eq(&q->accepted->digest, &r->commit.digest)) {
        const struct qbft_send send = {.code = QBFT_COMMIT,
                                       .sequence = q->height,
                                       .round = q->round,
                                       .digest = q->accepted->digest,
                                       .seal_hash = q->accepted->seal_hash};
        qbft_say(q, &q->record, &send);
    }
}
