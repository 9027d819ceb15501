// SPDX-License-Identifier: Apache-2.0
/// Prepares: a quorum for the accepted proposal is the lock.

#include "consensus/qbft/qbft_impl.h"

err_t qbft_on_prepare(struct qbft *q, const struct qbft_payload *p)
{
    const size_t who = qbft_index(q, &p->author);
    const struct qbft_votes *known = qbft_votes_find(q, p->round);
    if (known != NULL && known->prepares[who] != NULL) {
        const struct qbft_payload *first = known->prepares[who];
        if (!hash_eq(&first->digest, &p->digest)) qbft_show_evidence(q, first, p);
        return OK;
    }
    if (p->round < q->round) return OK;
    struct qbft_votes *v = qbft_votes_of(q, p->round);
    if (v == NULL) return FAIL(FULL, "qbft: no room for a round");
    struct qbft_payload *copy = ARENA_NEW(&q->height_arena, struct qbft_payload);
    if (copy == NULL) return FAIL(FULL, "qbft: no room for a prepare");
    TRY(qbft_payload_copy(copy, &q->height_arena, p));
    v->prepares[who] = copy;
    q->stored = true;
    if (p->round == q->round) qbft_count_prepares(q);
    return OK;
}

/// The certificate as the guard keeps it, in the height's memory.
static bytes_t encode_prepares(struct qbft *q, const struct qbft_certificate *c)
{
    struct buf b;
    buf_init(&b, GUARD_RECORD_MAX);
    qbft_prepares_encode(&b, c->prepares, c->prepare_count);
    bool full = b.full;
    const bytes_t copy = full ? BYTES_NONE : arena_copy(&q->height_arena, buf_bytes(&b), &full);
    buf_deinit(&b);
    return full ? BYTES_NONE : copy;
}

static bool is_for_accepted(const struct qbft *q, const struct qbft_payload *p)
{
    return p != NULL && hash_eq(&p->digest, &q->accepted->digest);
}

static size_t count_matching(const struct qbft *q, const struct qbft_votes *v)
{
    size_t count = 0;
    for (size_t i = 0; i < q->n; i++) count += is_for_accepted(q, v->prepares[i]);
    return count;
}

void qbft_count_prepares(struct qbft *q)
{
    if (q->accepted == NULL || q->is_prepared || q->is_committed) return;
    const struct qbft_votes *v = qbft_votes_find(q, q->round);
    if (v == NULL) return;
    const size_t votes = count_matching(q, v);
    if (votes < qbft_q(q)) return;
    const struct qbft_payload **matching =
        ARENA_ARRAY(&q->height_arena, const struct qbft_payload *, votes);
    if (matching == NULL) return;
    size_t count = 0;
    for (size_t i = 0; i < q->n; i++) {
        if (is_for_accepted(q, v->prepares[i])) matching[count++] = v->prepares[i];
    }

    const struct qbft_proposal *a = q->accepted;
    const struct qbft_certificate *c =
        qbft_certificate_find(q, q->round, &a->digest); // maybe from a round change
    if (c == NULL) c = qbft_certificate_keep(q, q->round, &a->digest, &a->block, matching, count);
    if (c == NULL) return; // no room: without a certificate there is no Commit
    const bytes_t prepares = encode_prepares(q, c);
    if (prepares.len == 0) return;
    q->is_prepared = true;
    q->prepared = c;

    struct guard_record next = qbft_next_record(q);
    next.commit = (struct guard_sent){true, a->digest};
    next.committed = true;
    next.committed_round = q->round;
    next.prepared = true;
    next.prepared_round = q->round;
    next.prepared_digest = a->digest;
    next.prepared_block = c->block.raw;
    next.prepared_prepares = prepares;
    const struct qbft_send send = {.code = QBFT_COMMIT,
                                   .sequence = q->height,
                                   .round = q->round,
                                   .digest = a->digest,
                                   .seal_hash = a->seal_hash};
    qbft_say(q, &next, &send);
}
