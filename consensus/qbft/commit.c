// SPDX-License-Identifier: Apache-2.0
/// Commits: a quorum of seals makes the block final.

#include "consensus/qbft/qbft_impl.h"

enum seal_state { SEAL_UNKNOWN, SEAL_GOOD, SEAL_BAD };

err_t qbft_on_commit(struct qbft *q, const struct qbft_payload *p)
{
    const size_t who = qbft_index(q, &p->author);
    const struct qbft_votes *known = qbft_votes_find(q, p->round);
    if (known != NULL && known->commits[who] != NULL) {
        const struct qbft_payload *first = known->commits[who];
        if (!hash_eq(&first->digest, &p->digest)) qbft_show_evidence(q, first, p);
        return OK;
    }
    if (p->round < q->round) return OK;
    struct qbft_votes *v = qbft_votes_of(q, p->round);
    if (v == NULL) return FAIL(FULL, "qbft: no room for a round");
    struct qbft_payload *copy = ARENA_NEW(&q->height_arena, struct qbft_payload);
    if (copy == NULL) return FAIL(FULL, "qbft: no room for a commit");
    TRY(qbft_payload_copy(copy, &q->height_arena, p));
    v->commits[who] = copy;
    q->stored = true;
    if (p->round == q->round) qbft_count_commits(q);
    return OK;
}

/// Whether a Commit's seal is its author's over the block as it will be sealed. Asked before it
/// counts: one bad seal in the quorum would spoil the block.
static bool seal_is_good(struct qbft *q, struct qbft_votes *v, size_t who)
{
    if (v->seal_state[who] != SEAL_UNKNOWN) return v->seal_state[who] == SEAL_GOOD;
    const struct qbft_payload *p = v->commits[who];
    bool good;
    if (hash_eq(&q->accepted->seal_hash, &p->digest)) {
        good = p->seal_recovered && address_eq(&p->seal_author, &p->author);
    } else { // GoQuorum's digest is of round 0, its seals are not
        const struct qbft_crypto *crypto = &q->options.crypto;
        address_t signer;
        good = err_ok(crypto->recover(crypto->ctx, &signer, &p->seal, &q->accepted->seal_hash)) &&
               address_eq(&signer, &p->author);
    }
    v->seal_state[who] = good ? SEAL_GOOD : SEAL_BAD;
    if (!good) {
        const err_t blamed = qbft_blame(q, p, "qbft: commit with a seal that is not its author's");
        (void)blamed;
    }
    return good;
}

static bool is_good(struct qbft *q, struct qbft_votes *v, size_t who)
{
    const struct qbft_payload *p = v->commits[who];
    return p != NULL && hash_eq(&p->digest, &q->accepted->digest) && seal_is_good(q, v, who);
}

void qbft_count_commits(struct qbft *q)
{
    if (q->accepted == NULL || q->is_committed) return;
    struct qbft_votes *v = qbft_votes_of(q, q->round);
    if (v == NULL) return;
    size_t good = 0;
    for (size_t i = 0; i < q->n; i++) good += is_good(q, v, i);
    if (good < qbft_q(q)) return;
    secp_sig_t *seals = ARENA_ARRAY(&q->height_arena, secp_sig_t, good);
    if (seals == NULL) return;
    size_t count = 0;
    for (size_t i = 0; i < q->n; i++) {
        if (is_good(q, v, i)) seals[count++] = v->commits[i]->seal;
    }

    q->is_committed = true;
    qbft_set_timer(q, QBFT_TIMER_ROUND, QBFT_NEVER, QBFT_NEVER);
    struct qbft_effect *e = qbft_emit(q, QBFT_FX_COMMIT_BLOCK);
    e->commit.block = &q->accepted->block;
    e->commit.round = q->round;
    e->commit.seals = seals;
    e->commit.seal_count = count;
}
