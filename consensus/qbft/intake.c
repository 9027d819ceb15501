// SPDX-License-Identifier: Apache-2.0
/// Messages on their way to their rule: whose they are, and what is too early or too late.

#include "consensus/qbft/qbft_impl.h"

#include "consensus/qbft/mutants.h"

/// Messages that one author may have waiting for later heights.
static size_t future_quota(const struct qbft *q)
{
    const size_t fair = QBFT_FUTURE_MESSAGES / q->n;
    return fair < 8 ? 8 : fair;
}

/// Makes room by forgetting one message of the highest height, if that is above `sequence`.
static bool drop_highest(struct qbft *q, uint64_t sequence)
{
    struct qbft_future **highest = NULL;
    for (struct qbft_future **at = &q->future; *at != NULL; at = &(*at)->next) {
        const uint64_t s = (*at)->message.main.sequence;
        if (s > sequence && (highest == NULL || s > (*highest)->message.main.sequence))
            highest = at;
    }
    if (highest == NULL) return false;
    *highest = (*highest)->next;
    q->future_count--;
    return true;
}

err_t qbft_keep_future(struct qbft *q, const struct qbft_message *m, bool own)
{
    const struct qbft_payload *p = &m->main;
    if (p->sequence - q->height > QBFT_FUTURE_HEIGHTS) return OK;
    // Perhaps a validator from that height on: not kept, for anybody could say so, and no offence.
    if (qbft_index(q, &p->author) == NOT_A_VALIDATOR) return OK;

    size_t of_author = 0;
    size_t bytes = 0;
    struct qbft_future **end = &q->future;
    for (; *end != NULL; end = &(*end)->next) {
        const struct qbft_payload *f = &(*end)->message.main;
        if (!address_eq(&f->author, &p->author)) continue;
        of_author++;
        bytes += (*end)->bytes;
        if (f->code == p->code && f->sequence == p->sequence && f->round == p->round) return OK;
    }
    if (of_author >= future_quota(q) || m->raw.len > QBFT_FUTURE_BYTES / q->n ||
        bytes > QBFT_FUTURE_BYTES / q->n - m->raw.len)
        return FAIL(FULL, "qbft: too many early messages of one author");
    if (q->future_count >= QBFT_FUTURE_MESSAGES && !drop_highest(q, p->sequence))
        return FAIL(FULL, "qbft: too many early messages");

    struct arena *a = &q->future_arena[q->future_current];
    const size_t mark = arena_mark(a);
    struct qbft_future *f = ARENA_NEW(a, struct qbft_future);
    if (f == NULL || !err_ok(qbft_message_copy(&f->message, a, m))) {
        arena_rewind(a, mark);
        return FAIL(FULL, "qbft: no room for an early message");
    }
    f->bytes = a->used - mark;
    f->own = own;
    for (end = &q->future; *end != NULL; end = &(*end)->next) {
    }
    *end = f;
    q->future_count++;
    return OK;
}

/// A message under our own name that this process did not just sign: an echo of what we said
/// before a restart, or somebody else with our key.
static bool is_echo(const struct qbft *q, const struct qbft_message *m)
{
    const struct qbft_payload *p = &m->main;
    const struct guard_record *r = &q->record;
    if (r->height != p->sequence) return false;
    if (p->round < r->round) return true; // forgotten, and bound by nothing any more
    if (p->round > r->round) return false;
    switch (p->code) {
    case QBFT_PROPOSAL:
        return r->proposal.sent && hash_eq(&r->proposal.digest, &m->block.hash);
    case QBFT_PREPARE:
        return r->prepare.sent && hash_eq(&r->prepare.digest, &p->digest);
    case QBFT_COMMIT:
        return r->commit.sent && hash_eq(&r->commit.digest, &p->digest);
    case QBFT_ROUND_CHANGE:
        return r->round_change_sent && r->round_change_prepared == p->has_prepared &&
               (!p->has_prepared || (r->round_change_prepared_round == p->prepared_round &&
                                     hash_eq(&r->round_change_prepared_digest, &p->digest)));
    }
    unreachable("qbft code");
}

static err_t by_rule(struct qbft *q, const struct qbft_message *m)
{
    switch (m->main.code) {
    case QBFT_PROPOSAL:
        return qbft_on_proposal(q, m);
    case QBFT_PREPARE:
        return qbft_on_prepare(q, &m->main);
    case QBFT_COMMIT:
        return qbft_on_commit(q, &m->main);
    case QBFT_ROUND_CHANGE:
        return qbft_on_round_change(q, m);
    }
    unreachable("qbft code");
}

err_t qbft_on_message(struct qbft *q, const struct qbft_message *m, bool own)
{
    const struct qbft_payload *p = &m->main;
    if (!q->running || q->n == 0) return OK;
    if (p->sequence < q->height && !MUTANT(STALE_HEIGHT)) return OK;
    if (p->sequence > q->height) return qbft_keep_future(q, m, own);
    if (q->self == NOT_A_VALIDATOR || q->is_committed) return OK;
    if (qbft_index(q, &p->author) == NOT_A_VALIDATOR)
        return qbft_blame(q, p, "qbft: author is not a validator");
    if (p->round > QBFT_MAX_ROUND) return qbft_blame(q, p, "qbft: round above 1000");

    if (!own && address_eq(&p->author, &q->options.self)) {
        if (is_echo(q, m)) return OK;
        q->muted = true;
        q->self = NOT_A_VALIDATOR;
        q->outgoing_count = 0;
        qbft_emit(q, QBFT_FX_SELF_CONFLICT);
        return OK;
    }

    const err_t err = by_rule(q, m);
    if (err_ok(err) && q->stored && !own) qbft_tell(q, QBFT_FX_RELAY);
    return err;
}
