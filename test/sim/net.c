// SPDX-License-Identifier: Apache-2.0
/// The network: per link latency, loss, repetition, disorder, clogging and cuts.

#include "test/sim/sim.h"

#include "consensus/qbft/qbft_impl.h"

#include <stdlib.h>

struct wire *wire_make(struct sim *s, size_t signer, const struct qbft_send *send)
{
    struct wire *w = SIM_NEW(s, struct wire);
    const struct qbft_crypto crypto = sim_crypto(s, signer);
    buf_clear(&s->buf);
    qbft_message_sign(&s->buf, send, s->plan.wire, &crypto);
    check(err_ok(buf_status(&s->buf)));
    w->code = send->code;
    w->bytes = sim_keep(s, buf_bytes(&s->buf));
    w->signer = signer;
    // Bytes are decoded and recovered once; every receiver would get the same.
    w->ok = err_ok(qbft_message_decode(&w->m, &s->arena, w->code, w->bytes)) &&
            err_ok(qbft_message_recover(&w->m, &crypto));
    if (w->ok && w->code == QBFT_PROPOSAL) check_proposed(s, w);
    if (s->seen_count == s->seen_cap) {
        s->seen_cap = s->seen_cap == 0 ? 1024 : 2 * s->seen_cap;
        s->seen = realloc(s->seen, s->seen_cap * sizeof(struct wire *));
        check(s->seen != NULL);
    }
    s->seen[s->seen_count++] = w;
    return w;
}

static bool is_cut(const struct sim *s, size_t from, size_t to)
{
    if (s->now_us >= s->partition_until || s->group[from] == s->group[to]) return false;
    return !s->one_way || s->group[from] > s->group[to];
}

/// When something sent now arrives.
static uint64_t arrival(struct sim *s, size_t from, size_t to, uint64_t extra_us)
{
    struct rng *r = &s->rng[RNG_NET];
    const struct plan *p = &s->plan;
    uint64_t delay = p->lat_min_us + rng_below(r, 2 * p->lat_mean_us);
    const bool tail = rng_chance(r, p->tail_pm);
    if (tail && !s->healed) delay += 20 * p->lat_mean_us;
    if (s->healed && delay > 100 * US_MS) delay = 100 * US_MS;
    uint64_t at = s->now_us + delay + extra_us;
    if (!s->healed && at < s->clogged_until[from][to]) at = s->clogged_until[from][to] + delay;
    if (!has_feature(s, F_REORDER) && extra_us == 0) {
        if (at < s->last_at[from][to]) at = s->last_at[from][to];
        s->last_at[from][to] = at;
    }
    return at;
}

/// A scheduler that hates quorums: how long it holds this vote back.
static uint64_t held_back(struct sim *s, size_t to, const struct wire *w)
{
    const struct qbft *q = s->nodes[to].core;
    const struct qbft_payload *p = &w->m.main;
    if (!has_feature(s, F_ADAPTIVE) || s->healed || !w->ok || q == NULL || !q->running) return 0;
    if (p->sequence != q->height || p->code == QBFT_PROPOSAL) return 0;
    const struct qbft_votes *v = qbft_votes_find(q, p->round);
    size_t count = 0;
    for (size_t i = 0; v != NULL && i < q->n; i++) {
        const struct qbft_payload *const *all = p->code == QBFT_PREPARE  ? v->prepares
                                                : p->code == QBFT_COMMIT ? v->commits
                                                                         : v->round_changes;
        if (all[i] != NULL) count++;
    }
    if (count + 1 != qbft_q(q) || !rng_chance(&s->rng[RNG_NET], 600)) return 0;
    return rng_between(&s->rng[RNG_NET], 100 * US_MS, 4 * US_S);
}

/// By the shrinker, which looks for the messages that matter.
static bool is_left_out(const struct sim *s, uint64_t number)
{
    for (size_t i = 0; i < s->o.lost_count; i++) {
        if (number >= s->o.lost[i].from && number < s->o.lost[i].to) return !s->healed;
    }
    return false;
}

void net_send(struct sim *s, size_t from, size_t to, struct wire *w, uint64_t extra_us)
{
    struct rng *r = &s->rng[RNG_NET];
    const bool lost = rng_chance(r, s->plan.loss_pm) && !s->healed;
    const bool twice = rng_chance(r, s->plan.dup_pm) && !s->healed;
    const uint64_t at = arrival(s, from, to, extra_us + held_back(s, to, w));
    const uint64_t number = s->result->counts.messages++;
    if (is_cut(s, from, to) || lost || is_left_out(s, number)) {
        s->result->counts.lost++;
        return;
    }
    sim_post(s, at, EV_DELIVER, to)->wire = w;
    if (twice) sim_post(s, at + rng_below(r, US_S), EV_DELIVER, to)->wire = w;
}

void net_multicast(struct sim *s, size_t from, struct wire *w)
{
    struct sim_node *v = &s->nodes[from];
    struct rng *r = &s->rng[RNG_FAULTS];
    const bool dies =
        has_feature(s, F_CRASH_STEP) && !s->healed && rng_chance(r, s->plan.step_crash_pm);
    const size_t survive = dies ? rng_below(r, s->n) : s->n;
    for (size_t to = 0; to < s->n; to++) {
        if (to == survive) {
            sim_mark(s, MARK_MID_SEND);
            node_crash(s, v);
            return;
        }
        if (to != from) net_send(s, from, to, w, 0);
    }
    if (!has_feature(s, F_REPLAY) || s->healed || !rng_chance(&s->rng[RNG_NET], s->plan.replay_pm))
        return;
    struct wire *old = s->seen[rng_below(&s->rng[RNG_NET], s->seen_count)];
    const size_t to = rng_below(&s->rng[RNG_NET], s->n);
    sim_post(s, s->now_us + rng_below(&s->rng[RNG_NET], 2 * US_S), EV_DELIVER, to)->wire = old;
}

void net_relay(struct sim *s, size_t by, struct wire *w)
{
    if (!has_feature(s, F_RELAY) || s->n > 10) return;
    for (size_t to = 0; to < s->n; to++) {
        // Now and then a message comes back to its author.
        if (to == by || (to == w->signer && !rng_chance(&s->rng[RNG_NET], 100))) continue;
        net_send(s, by, to, w, 0);
    }
}

void net_send_block(struct sim *s, size_t from, size_t to, const struct sim_block *b)
{
    if (is_cut(s, from, to)) return;
    if (rng_chance(&s->rng[RNG_NET], s->plan.loss_pm) && !s->healed) return;
    struct event *e = sim_post(s, arrival(s, from, to, 0), EV_BLOCKS, to);
    e->blocks.block = b;
    e->blocks.from = (uint32_t)from;
}

void net_ask(struct sim *s, size_t from, size_t to, uint64_t number)
{
    if (is_cut(s, from, to)) return;
    if (rng_chance(&s->rng[RNG_NET], s->plan.loss_pm) && !s->healed) return;
    struct event *e = sim_post(s, arrival(s, from, to, 0), EV_ASK, to);
    e->ask.number = number;
    e->ask.from = (uint32_t)from;
}
