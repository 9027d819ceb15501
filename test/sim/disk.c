// SPDX-License-Identifier: Apache-2.0
/// The guard's disk: saves take time, are refused, fail, or are lost with the process. What was
/// acknowledged stays. The rules are production's (guard_may_follow), the medium is not.

#include "test/sim/sim.h"

/// Keeps bytes for the run, unless they are those of `known`.
static bytes_t keep_unless(struct sim *s, bytes_t in, bytes_t known)
{
    return bytes_eq(in, known) ? known : sim_keep(s, in);
}

void disk_persist(struct sim *s, struct sim_node *v, uint64_t seq, const struct guard_record *r)
{
    if (v->persisting_count >= s->plan.queue_max) { // as the signer's queue: lost
        sim_mark(s, MARK_QUEUE_FULL);
        return;
    }
    v->persisting_count++;
    struct persist_job *j = SIM_NEW(s, struct persist_job);
    const struct guard_record *known = &v->guard;
    struct persist_job **end = &v->persisting;
    for (; *end != NULL; end = &(*end)->next) known = &(*end)->record;
    *end = j;
    j->seq = seq;
    j->record = *r;
    j->record.prepared_block = keep_unless(s, r->prepared_block, known->prepared_block);
    j->record.prepared_prepares = keep_unless(s, r->prepared_prepares, known->prepared_prepares);
    j->record.proposal_block = keep_unless(s, r->proposal_block, known->proposal_block);

    struct rng *rng = &s->rng[RNG_DISK];
    uint64_t takes = s->plan.sync_us + rng_below(rng, s->plan.sync_us);
    if (has_feature(s, F_SLOW_DISK) && !s->healed && rng_chance(rng, 50))
        takes += rng_below(rng, 2 * US_S);
    if (v->signer_free_us < s->now_us) v->signer_free_us = s->now_us;
    v->signer_free_us += takes;
    sim_post_alive(s, v->signer_free_us, EV_PERSISTED, sim_index(s, v));
}

bool disk_persisted(struct sim *s, struct sim_node *v, uint64_t *seq)
{
    struct persist_job *j = v->persisting;
    if (s->now_us < v->disk_full_until) { // refused: tried again a second later
        sim_post_alive(s, s->now_us + US_S, EV_PERSISTED, sim_index(s, v));
        if (v->signer_free_us < s->now_us + US_S) v->signer_free_us = s->now_us + US_S;
        return false;
    }
    if (v->guard_fails) { // a failed sync is never tried again: the process ends
        v->guard_fails = false;
        sim_trace(s, "v%zu ! guard: the save fails", sim_index(s, v));
        node_crash(s, v);
        return false;
    }
    v->persisting = j->next;
    v->persisting_count--;
    if (j->record.height <= v->silent_through) {
        sim_violate(s, V_GUARD, "v%zu wants to sign at %llu but is silent through %llu",
                    sim_index(s, v), (unsigned long long)j->record.height,
                    (unsigned long long)v->silent_through);
        return false;
    }
    const err_t err = guard_may_follow(&v->guard, &j->record);
    if (!err_ok(err)) {
        if (!v->byz) sim_violate(s, V_GUARD, "v%zu: %s", sim_index(s, v), err.why);
        return false;
    }
    v->guard = j->record;
    *seq = j->seq;
    return true;
}

void disk_crash(struct sim *s, struct sim_node *v)
{
    const struct persist_job *j = v->persisting;
    v->persisting = NULL;
    v->persisting_count = 0;
    if (j == NULL) return;
    if (!rng_chance(&s->rng[RNG_DISK], 500)) {
        sim_mark(s, MARK_UNSAVED);
        return;
    }
    if (j->record.height > v->silent_through && err_ok(guard_may_follow(&v->guard, &j->record))) {
        v->guard = j->record;
        sim_mark(s, MARK_SAVED_UNSENT);
    }
}
