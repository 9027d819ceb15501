// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/stall.h"

#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "consensus/node/loop.h"
#include "consensus/node/node_impl.h"
#include "consensus/node/peering.h"
#include "consensus/qbft/justification.h"

#include <inttypes.h>
#include <stdio.h>

#define SAY_EVERY_MS 10000U
#define NAMED 8 ///< missing validators that are named in a line

void stall_on_head(struct stall *s, uint64_t now_ms)
{
    s->overdue_since_ms = 0;
    s->said_ms = 0;
    s->last_head_ms = s->head_ms;
    s->head_ms = now_ms;
}

static void at_most(uint64_t *at_ms, uint64_t now_ms)
{
    if (*at_ms > now_ms) *at_ms = now_ms;
}

void stall_on_clock_back(struct stall *s, uint64_t now_ms)
{
    at_most(&s->overdue_since_ms, now_ms);
    at_most(&s->said_ms, now_ms);
    at_most(&s->start_ms, now_ms);
    at_most(&s->head_ms, now_ms);
    at_most(&s->last_head_ms, now_ms);
    for (size_t i = 0; i < s->heard_count; i++) at_most(&s->heard[i].at_ms, now_ms);
}

void stall_on_message(struct stall *s, const address_t *author, uint64_t height, uint64_t now_ms)
{
    for (size_t i = 0; i < s->heard_count; i++) {
        if (!address_eq(&s->heard[i].who, author)) continue;
        s->heard[i].at_ms = now_ms;
        s->heard[i].height = height;
        return;
    }
    if (s->heard_count == ARRAY_LEN(s->heard)) s->heard_count = 0; // validators have changed often
    s->heard[s->heard_count++] = (struct stall_heard){*author, now_ms, height};
}

/// What a validator must have said not to be missing: something of this height or above, since
/// then. Repetitions do not come as far as here: an open line stands for them.
struct sign_of_life {
    uint64_t since_ms;
    uint64_t height;
};

static bool lives(const struct stall *s, struct node *n, const address_t *who,
                  struct sign_of_life sign)
{
    for (size_t i = 0; i < s->heard_count; i++) {
        const struct stall_heard *h = &s->heard[i];
        if (!address_eq(&h->who, who)) continue;
        if (h->height < sign.height) return false;
        struct peering *peering = loop_peering(n->loop);
        return h->at_ms >= sign.since_ms ||
               (sign.height != 0 && peering != NULL && peering_connected(peering, who));
    }
    return false;
}

/// The sentence under construction.
struct words {
    char why[NODE_STALL_WHY_MAX];
    const char *hint;
};

/// While blocks come: anything since the head before the last, for whoever lives has taken part in
/// the height between them. While they do not: a word on this height lately, for then everybody
/// repeats itself at the end of each round.
static struct sign_of_life sign_of_life(const struct stall *s, struct node *n,
                                        const struct qbft_view *v, uint64_t now_ms)
{
    const struct qbft_config q = chain_qbft_at(&n->genesis.config, v->height);
    const uint64_t overdue_ms = s->overdue_since_ms == 0 ? 0 : now_ms - s->overdue_since_ms;
    if (overdue_ms < SAY_EVERY_MS || overdue_ms < q.request_timeout_ms + 2000)
        return (struct sign_of_life){s->last_head_ms, 0};
    uint64_t round_ms = q.request_timeout_ms << (v->round < 16 ? v->round : 16);
    if (q.max_request_timeout_ms != 0 && round_ms > q.max_request_timeout_ms)
        round_ms = q.max_request_timeout_ms;
    uint64_t lately_ms = round_ms + round_ms / 2;
    if (lately_ms < SAY_EVERY_MS) lately_ms = SAY_EVERY_MS;
    return (struct sign_of_life){now_ms > lately_ms ? now_ms - lately_ms : 0, v->height};
}

/// Finds who is missing, for the words and for node_missing_validators. Who does not validate is
/// told nothing, and misses nobody; nor does anybody just after its start.
static size_t put_missing(const struct stall *s, struct node *n, struct words *w,
                          const struct qbft_view *v, size_t *validators, uint64_t now_ms)
{
    size_t missing = 0;
    char names[NAMED * (2 * sizeof(address_t) + 4)] = "";
    size_t at = 0;
    const struct sign_of_life sign = sign_of_life(s, n, v, now_ms);
    const bool can_tell = v->is_validator && now_ms - s->start_ms >= SAY_EVERY_MS;
    pthread_mutex_lock(&n->status_lock);
    *validators = n->next_validator_count;
    for (size_t i = 0; i < n->next_validator_count && can_tell; i++) {
        const address_t *who = &n->next_validators[i];
        if (address_eq(who, &n->self) || lives(s, n, who, sign)) continue;
        n->missing[missing] = *who;
        if (missing++ < NAMED)
            at += (size_t)snprintf(names + at, sizeof names - at, " %s", hex_address(who).s);
    }
    n->missing_count = missing;
    pthread_mutex_unlock(&n->status_lock);
    (void)snprintf(w->why, sizeof w->why, "%zu of %zu validators missing:%s%s", missing,
                   *validators, names, missing > NAMED ? " and more" : "");
    return missing;
}

static void find_words(const struct stall *s, struct node *n, const struct qbft_view *v,
                       struct words *w, size_t missing, size_t validators)
{
    const char *why = NULL;
    pthread_mutex_lock(&n->status_lock);
    const char *no_validators = n->no_validators;
    pthread_mutex_unlock(&n->status_lock);
    if (no_validators != NULL) {
        const struct qbft_config q = chain_qbft_at(&n->genesis.config, v->height);
        (void)snprintf(w->why, sizeof w->why,
                       "the validator contract %s does not name the validators of block %" PRIu64
                       ": %s",
                       hex_address(&q.validator_contract).s, v->height, no_validators);
        w->hint = NO_VALIDATORS_HINT;
        return;
    }
    if (atomic_load(&n->waiting_for_space) || !atomic_load(&n->proposing)) {
        why = "the disk is full: no blocks are proposed or stored";
        w->hint = "free some space, it goes on by itself";
    } else if (v->muted) {
        why = "another process signs with this node's key: this one signs nothing any more";
        w->hint = "stop the other process, then restart this one";
    } else if (v->phase == QBFT_FOLLOWING && s->guard_height > v->height) {
        (void)snprintf(w->why, sizeof w->why,
                       "the guard has signed up to height %" PRIu64
                       ", the store ends before %" PRIu64 ": nothing is signed until then",
                       s->guard_height, v->height);
        w->hint = validators == 1 ? "nobody else can give the blocks back: restore the newest "
                                    "backup of store/"
                                  : "the other validators' blocks bring it up; or restore store/";
        return;
    } else if (v->phase == QBFT_FOLLOWING && s->silent_through >= v->height) {
        (void)snprintf(w->why, sizeof w->why,
                       "the guard was lost: nothing is signed up to height %" PRIu64,
                       s->silent_through);
        w->hint = "the others bring it past that height; if this validator never signed it, start "
                  "once with --guard-reset-height";
        return;
    } else if (missing > qbft_faults(validators)) {
        w->hint = "start them, or bring back their connections: it goes on by itself";
        return;
    } else if (!v->is_validator) {
        why = "this node is not a validator and no peer gives it a block";
        w->hint = "check the connections to the validators";
    } else if (atomic_load(&n->work)) {
        why = "no waiting transaction can be put into a block, or the round does not end";
        w->hint = "see txpool_content and qbft_status";
    } else {
        why = "the round does not end";
        w->hint = "see qbft_status; the clocks of the validators must agree within a second";
    }
    if (why != NULL) (void)snprintf(w->why, sizeof w->why, "%s", why);
}

/// Is a block due by now?
static bool is_due(const struct stall *s, struct node *n, const struct qbft_view *v,
                   const struct block_timer *t, uint64_t now_ms)
{
    if (t->armed) {
        const uint64_t due =
            atomic_load(&n->work) && t->at_ms < t->idle_at_ms ? t->at_ms : t->idle_at_ms;
        return now_ms >= due; // never, where nothing waits and empty blocks are off
    }
    if (v->phase != QBFT_FOLLOWING) return true;
    if (n->options.dev) return false;
    const struct qbft_config q = chain_qbft_at(&n->genesis.config, v->height);
    const uint64_t spacing =
        q.empty_block_period_ms > q.block_period_ms ? q.empty_block_period_ms : q.block_period_ms;
    return now_ms >= s->head_ms + spacing;
}

static void publish(struct node *n, uint64_t stalled_s, const char *why, const char *hint)
{
    pthread_mutex_lock(&n->status_lock);
    n->status.stalled_s = stalled_s;
    (void)snprintf(n->status.stall_why, sizeof n->status.stall_why, "%s", why);
    n->status.stall_hint = hint;
    pthread_mutex_unlock(&n->status_lock);
}

void stall_look(struct stall *s, struct node *n, const struct qbft_view *v,
                const struct block_timer *timer, uint64_t now_ms)
{
    if (s->start_ms == 0) s->start_ms = now_ms;
    if (s->head_ms == 0) s->head_ms = now_ms;
    if (s->overdue_since_ms == 0 && is_due(s, n, v, timer, now_ms)) s->overdue_since_ms = now_ms;
    // What waited was dropped: nothing is due any more.
    if (timer->armed && !is_due(s, n, v, timer, now_ms)) s->overdue_since_ms = 0;
    struct words w = {"", ""};
    size_t validators = 0;
    const size_t missing = put_missing(s, n, &w, v, &validators, now_ms);
    if (s->overdue_since_ms == 0 || now_ms - s->overdue_since_ms < SAY_EVERY_MS) {
        publish(n, 0, "", "");
        return;
    }
    const uint64_t stalled_s = (now_ms - s->overdue_since_ms) / 1000;
    find_words(s, n, v, &w, missing, validators);
    publish(n, stalled_s, w.why, w.hint);
    if (now_ms - s->said_ms < SAY_EVERY_MS) return;
    s->said_ms = now_ms;
    LOG_WRN("qbft", "stalled: no block",
            "height=%" PRIu64 " round=%" PRIu32 " proposer=%s step=%s for_s=%" PRIu64
            " why=\"%s\" hint=\"%s\"",
            v->height, v->round, hex_address(&v->proposer).s, qbft_phase_name(v->phase), stalled_s,
            w.why, w.hint);
}
