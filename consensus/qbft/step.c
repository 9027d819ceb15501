// SPDX-License-Identifier: Apache-2.0
#include "consensus/qbft/qbft_impl.h"

#include "consensus/qbft/justification.h"

/// Lets go what the guard now covers. A round that is over has nothing more to say.
static void on_persisted(struct qbft *q, uint64_t guard_seq)
{
    size_t kept = 0;
    for (size_t i = 0; i < q->outgoing_count; i++) {
        struct qbft_outgoing *o = &q->outgoing[i];
        if (o->seq > guard_seq)
            q->outgoing[kept++] = *o;
        else if (o->send.round >= q->round && !q->muted)
            qbft_emit(q, QBFT_FX_SEND)->send = o->send;
    }
    q->outgoing_count = kept;
}

/// What was to come after some time comes after that time still. A period that counts from the head's
/// timestamp has nothing to do with what our clock showed then.
static void on_clock_back(struct qbft *q, uint64_t now_ms)
{
    const uint64_t back_ms = now_ms < q->now_ms ? q->now_ms - now_ms : 0;
    q->now_ms = now_ms;
    if (back_ms == 0 || !q->running || !q->head.period_is_ms) return;
    q->due_at_ms -= q->due_at_ms == QBFT_NEVER ? 0 : back_ms;
    q->idle_at_ms -= q->idle_at_ms == QBFT_NEVER ? 0 : back_ms;
    if (q->self != NOT_A_VALIDATOR && !q->block_time)
        qbft_set_timer(q, QBFT_TIMER_BLOCK, q->due_at_ms, q->idle_at_ms);
}

static err_t dispatch(struct qbft *q, const struct qbft_event *ev)
{
    switch (ev->kind) {
    case QBFT_EV_NEW_BLOCK:
        return qbft_on_new_block(q, ev->new_block);
    case QBFT_EV_MESSAGE:
        return qbft_on_message(q, ev->message.message, ev->message.own);
    case QBFT_EV_BUILT:
        return qbft_on_built(q, ev->built.height, ev->built.round, ev->built.block);
    case QBFT_EV_CHECKED:
        return qbft_on_checked(q, ev->checked.height, ev->checked.round, &ev->checked.digest,
                               ev->checked.valid);
    case QBFT_EV_BLOCK_TIMEOUT:
        qbft_on_block_timeout(q, ev->timeout.height);
        return OK;
    case QBFT_EV_ROUND_TIMEOUT:
        qbft_on_round_timeout(q, ev->timeout.height, ev->timeout.round);
        return OK;
    case QBFT_EV_PERSISTED:
        on_persisted(q, ev->persisted.guard_seq);
        return OK;
    case QBFT_EV_CLOCK_BACK:
        on_clock_back(q, ev->now_ms);
        return OK;
    }
    unreachable("qbft event");
}

err_t qbft_step(struct qbft *q, struct qbft_effects *fx, const struct qbft_event *ev)
{
    check(fx->cap >= QBFT_EFFECTS_ROOM);
    fx->count = 0;
    q->fx = fx;
    q->stored = false;
    if (ev->now_ms > q->now_ms) q->now_ms = ev->now_ms;
    return dispatch(q, ev);
}
