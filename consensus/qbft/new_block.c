// SPDX-License-Identifier: Apache-2.0
/// A new head: the height is over, the next one begins, perhaps where it was left.

#include "consensus/qbft/qbft_impl.h"

static void reset_height(struct qbft *q)
{
    arena_reset(&q->height_arena);
    q->votes = NULL;
    q->certificates = NULL;
    q->prepared = NULL;
    q->round = 0;
    q->started = q->block_time = q->asked = q->building = false;
    q->has_built = false;
    q->candidate = q->accepted = NULL;
    q->is_prepared = q->is_committed = q->is_met = false;
    q->justification = NULL;
    q->justification_count = 0;
    q->outgoing_count = 0;
}

static uint64_t add_capped(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? QBFT_NEVER : sum;
}

static void set_block_timer(struct qbft *q)
{
    const struct qbft_head *h = &q->head;
    const uint64_t base = h->period_is_ms ? q->now_ms : h->timestamp_s * 1000;
    uint64_t at_ms = add_capped(base, h->block_period_ms);
    uint64_t idle_at_ms = at_ms;
    if (h->empty_block_period_ms > h->block_period_ms)
        idle_at_ms = add_capped(base, h->empty_block_period_ms);
    if (h->on_demand) idle_at_ms = QBFT_NEVER;
    q->due_at_ms = at_ms;
    q->idle_at_ms = idle_at_ms;
    qbft_set_timer(q, QBFT_TIMER_BLOCK, at_ms, idle_at_ms);
}

/// Goes on where the guard says that we were.
static err_t resume(struct qbft *q)
{
    const struct guard_record *r = &q->record;
    q->round = r->round;
    if (r->prepared) {
        struct qbft_payload *prepares;
        size_t count;
        struct qbft_block block;
        TRY(qbft_prepares_decode(&prepares, &count, &q->height_arena, r->prepared_prepares,
                                 &q->options.crypto));
        TRY(qbft_block_decode(&block, &q->height_arena, r->prepared_block));
        const struct qbft_payload **list =
            ARENA_ARRAY(&q->height_arena, const struct qbft_payload *, count);
        if (list == NULL) return FAIL(FULL, "qbft: no room for a certificate");
        for (size_t i = 0; i < count; i++) list[i] = &prepares[i];
        q->prepared =
            qbft_certificate_keep(q, r->prepared_round, &r->prepared_digest, &block, list, count);
        if (q->prepared == NULL) return FAIL(FULL, "qbft: no room for a certificate");
        if (r->prepared_round == r->round) {
            TRY(qbft_make_proposal(q, &q->accepted, &q->prepared->block, r->round));
            q->is_prepared = q->is_met = true;
        }
    }
    if (r->round == 0 && !r->proposal.sent && !r->prepare.sent) return OK;
    q->block_time = true;
    qbft_set_timer(q, QBFT_TIMER_BLOCK, QBFT_NEVER, QBFT_NEVER);
    qbft_start_round(q);
    if (r->round == 0 && r->proposal.sent && q->accepted == NULL && qbft_is_own_turn(q, 0))
        qbft_ask_block(q);
    qbft_repeat(q);
    return OK;
}

/// Hands over what had come early for this height, and moves the rest to fresh memory.
static void replay_future(struct qbft *q)
{
    struct qbft_future *old = q->future;
    q->future_current ^= 1;
    arena_reset(&q->future_arena[q->future_current]);
    q->future = NULL;
    q->future_count = 0;
    for (struct qbft_future *f = old; f != NULL; f = f->next) {
        if (f->message.main.sequence < q->height) continue;
        // One that no longer fits or breaks a rule is as good as lost.
        const err_t err = qbft_on_message(q, &f->message, f->own);
        (void)err;
        q->stored = false;
    }
}

err_t qbft_on_new_block(struct qbft *q, const struct qbft_head *head)
{
    check(head->validator_count <= QBFT_MAX_VALIDATORS);
    if (q->running && head->number < q->height) return OK; // old news

    reset_height(q);
    q->head = *head;
    q->height = head->number + 1;
    q->n = head->validator_count;
    address_t *validators = ARENA_ARRAY(&q->height_arena, address_t, q->n);
    if (validators == NULL) return FAIL(FULL, "qbft: no room for the validators");
    memcpy(validators, head->validators, q->n * sizeof *validators);
    q->validators = q->head.validators = validators;
    q->running = true;

    // A record above this height: the chain is older than the guard. It must catch up first, and
    // nothing is signed up to there.
    if (q->record.height > q->height && q->record.height > q->options.silent_through)
        q->options.silent_through = q->record.height;
    const bool silent = q->muted || q->height <= q->options.silent_through;
    q->self = silent ? NOT_A_VALIDATOR : qbft_index(q, &q->options.self);

    qbft_set_timer(q, QBFT_TIMER_ROUND, QBFT_NEVER, QBFT_NEVER);
    if (q->self == NOT_A_VALIDATOR) {
        qbft_set_timer(q, QBFT_TIMER_BLOCK, QBFT_NEVER, QBFT_NEVER);
    } else {
        set_block_timer(q);
        if (q->record.height == q->height)
            TRY(resume(q));
        else
            q->record = (struct guard_record){.height = 0};
    }
    replay_future(q);
    return OK;
}
