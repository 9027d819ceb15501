// SPDX-License-Identifier: Apache-2.0
/// What goes wrong in a run: drawn once from the seed, carried out when its time comes.

#include "test/sim/sim.h"

#include "consensus/qbft/qbft_impl.h"

#include <inttypes.h>

/// --- the plan

static void add_faults(struct sim *s, enum fault_kind kind, enum feature f, uint64_t most,
                       uint64_t lasts_us)
{
    struct plan *p = &s->plan;
    struct rng *r = &s->rng[RNG_PLAN];
    const uint64_t count = rng_between(r, 1, most);
    for (uint64_t i = 0; i < count; i++) {
        const struct fault fault = {.kind = kind,
                                    .at_us = rng_below(r, p->heal_us),
                                    .lasts_us = rng_below(r, lasts_us),
                                    .node = rng_below(r, s->n),
                                    .arg = rng_next(r)};
        if (has_feature(s, f) && p->fault_count < SIM_FAULTS) p->faults[p->fault_count++] = fault;
    }
}

static void draw_features(struct sim *s)
{
    struct rng *r = &s->rng[RNG_PLAN];
    const bool single = rng_chance(r, 120);
    const enum feature only = (enum feature)rng_below(r, F_COUNT);
    const uint64_t how_much = rng_between(r, 150, 600);
    for (unsigned f = 0; f < F_COUNT; f++) {
        const bool drawn = rng_chance(r, how_much);
        if (single ? f == only : drawn) s->plan.features |= 1U << f;
    }
    // Half of the seeds vote members in and out, two thirds have liars: these find the most.
    static const struct {
        enum feature feature;
        uint64_t per_mille;
    } shares[] = {{F_SET_CHANGE, 560},
                  {F_BYZANTINE, 650},
                  {F_CONTRACT, 200},
                  {F_TRANSITION, 250},
                  {F_ON_DEMAND, 80}};
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        const bool drawn = rng_chance(r, shares[i].per_mille);
        if (single) continue;
        s->plan.features &= ~(1U << shares[i].feature);
        if (drawn) s->plan.features |= 1U << shares[i].feature;
    }
    s->plan.features &= ~s->o.without;
    s->plan.features |= s->o.with;
}

static void draw_network(struct sim *s)
{
    struct rng *r = &s->rng[RNG_PLAN];
    struct plan *p = &s->plan;
    p->lat_min_us = rng_below(r, 30 * US_MS);
    p->lat_mean_us = rng_between(r, US_MS, rng_chance(r, 600) ? 30 * US_MS : 200 * US_MS);
    const uint32_t loss = (uint32_t)rng_below(r, rng_chance(r, 500) ? 100 : 300);
    const uint32_t dup = (uint32_t)rng_below(r, 300);
    const uint32_t tail = (uint32_t)rng_below(r, 60);
    const uint32_t replay = (uint32_t)rng_below(r, 300);
    const uint32_t crash = (uint32_t)rng_between(r, 1, rng_chance(r, 300) ? 30 : 6);
    p->loss_pm = has_feature(s, F_LOSS) ? loss : 0;
    p->dup_pm = has_feature(s, F_DUPLICATES) ? dup : 0;
    p->tail_pm = has_feature(s, F_TAIL) ? tail : 0;
    p->replay_pm = replay;
    p->step_crash_pm = crash;
    p->sync_us = rng_between(r, 500, 4 * US_MS);
    p->queue_max = rng_chance(r, 300) ? rng_between(r, 1, 8) : 256;
}

static void draw_rules(struct sim *s)
{
    static const uint64_t periods[] = {1000, 1000, 1000, 2000, 5000};
    static const uint64_t timeouts[] = {1000, 1000, 2000, 4000};
    static const uint64_t caps[] = {8000, 20000, 60000};
    static const uint64_t epochs[] = {30000, 30000, 30000, 7, 12};
    struct rng *r = &s->rng[RNG_PLAN];
    struct plan *p = &s->plan;
    p->period_ms = periods[rng_below(r, ARRAY_LEN(periods))];
    p->timeout_ms = timeouts[rng_below(r, ARRAY_LEN(timeouts))];
    p->timeout_cap_ms = caps[rng_below(r, ARRAY_LEN(caps))];
    p->epoch = epochs[rng_below(r, ARRAY_LEN(epochs))];
    const uint64_t short_ms = rng_between(r, 100, 900);
    p->period_is_ms = rng_chance(r, 300);
    if (p->period_is_ms) p->period_ms = short_ms;
    const uint64_t idle = rng_between(r, 2, 10);
    p->empty_period_ms = has_feature(s, F_IDLE) ? idle * p->period_ms : 0;
    p->tx_every_us = rng_between(r, 200 * US_MS, has_feature(s, F_IDLE) ? 10 * US_S : 2 * US_S);
    const uint64_t wire = rng_below(r, 10);
    p->wire = wire == 0 ? QBFT_WIRE_GOQUORUM : wire == 1 ? QBFT_WIRE_BESU25 : QBFT_WIRE_BESU26;
    p->heal_us = rng_between(r, 20 * US_S, s->n > 10 ? 60 * US_S : 180 * US_S);
}

/// Whether validators come and go.
static bool sets_move(const struct sim *s)
{
    return has_feature(s, F_SET_CHANGE) || has_feature(s, F_CONTRACT) ||
           has_feature(s, F_TRANSITION);
}

static void draw_sizes(struct sim *s)
{
    static const size_t walk[] = {1, 2, 4, 7, 4, 2, 1};
    struct rng *r = &s->rng[RNG_PLAN];
    struct plan *p = &s->plan;
    p->sizes[0] = s->n;
    p->size_count = 1;
    p->heights_per_size = rng_between(r, 4, 12);
    const uint64_t start = rng_below(r, 4);
    const uint64_t count = rng_between(r, 2, 6);
    if (!sets_move(s)) return;
    p->size_count = count;
    for (size_t i = 0; i < count; i++) {
        const uint64_t any = rng_between(r, 1, s->n);
        p->sizes[i] = s->n > 10 ? s->n - rng_below(r, 4) : any;
    }
    if (s->n <= 10 && start == 0) { // 1 -> 2 -> 4 -> 7 and back, as far as there are nodes
        p->size_count = 0;
        for (size_t i = 0; i < ARRAY_LEN(walk); i++) {
            const size_t size = walk[i] < s->n ? walk[i] : s->n;
            if (p->size_count == 0 || p->sizes[p->size_count - 1] != size)
                p->sizes[p->size_count++] = size;
        }
    }
    if (start == 1) p->sizes[0] = s->n;
    const uint64_t needed = p->size_count * p->heights_per_size;
    if (s->n <= 10 && s->o.heights < needed) s->o.heights = needed;
}

/// Who lies. Where the set grows and shrinks, members join in the order of their positions, so
/// that a liar at 3, 6, 9, ... is always one of at most f.
static void draw_liars(struct sim *s)
{
    struct rng *r = &s->rng[RNG_PLAN];
    const size_t most = qbft_faults(s->n);
    size_t order[SIM_MAX];
    for (size_t i = 0; i < s->n; i++) order[i] = i;
    for (size_t i = s->n; i > 1; i--) {
        const size_t k = rng_below(r, i);
        const size_t t = order[i - 1];
        order[i - 1] = order[k];
        order[k] = t;
    }
    for (size_t i = 0; i < s->n; i++) s->nodes[order[i]].position = i;
    const uint64_t wanted = rng_between(r, 1, most == 0 ? 1 : most);
    uint64_t count = 0;
    for (size_t i = 0; i < s->n && most != 0; i++) {
        struct sim_node *v = &s->nodes[order[i]];
        const uint64_t arg = rng_next(r);
        const bool may = sets_move(s) ? i % 3 == 0 && i != 0 : i < most;
        if (!may || count == wanted || !has_feature(s, F_BYZANTINE)) continue;
        count++;
        s->plan.liar[order[i]] = true;
        if (s->o.honest[order[i]]) continue;
        v->byz = true;
        byz_draw(s, v, arg);
    }
}

void plan_make(struct sim *s)
{
    struct plan *p = &s->plan;
    draw_features(s);
    draw_network(s);
    draw_rules(s);
    draw_sizes(s);
    draw_liars(s);
    sets_plan(s);
    add_faults(s, FAULT_CRASH, F_CRASH, 12, 60 * US_S);
    add_faults(s, FAULT_CRASH_ALL, F_CRASH, 2, 8 * US_S);
    add_faults(s, FAULT_PAUSE, F_PAUSE, 8, 10 * US_S);
    add_faults(s, FAULT_PARTITION, F_PARTITION, 10, 60 * US_S);
    add_faults(s, FAULT_CLOG, F_CLOG, 30, 5 * US_S);
    add_faults(s, FAULT_DISK_FAILS, F_DISK_FAILS, 8, 0);
    add_faults(s, FAULT_DISK_FULL, F_DISK_FAILS, 3, 10 * US_S);
    add_faults(s, FAULT_OLD_STORE, F_OLD_STORE, 6, 3 * US_S);
    add_faults(s, FAULT_GUARD_LOST, F_GUARD_LOST, 6, 3 * US_S);
    add_faults(s, FAULT_CLOCK, F_CLOCK, 6, 0);
    add_faults(s, FAULT_FLIP, F_BYZANTINE, 3, 0);
    for (size_t i = 0; i < p->fault_count; i++)
        p->faults[i].dropped = (s->o.dropped[i / 64] >> i % 64 & 1) != 0;
}

void plan_print(const struct sim *s, FILE *out)
{
    const struct plan *p = &s->plan;
    fprintf(out, "seed %" PRIu64 ", n %zu, heights %" PRIu64 "%s\n", s->o.seed, s->n, s->o.heights,
            s->o.real_crypto ? ", real signatures" : "");
    fprintf(out,
            "period %" PRIu64 " ms%s, empty %" PRIu64 " ms, timeout %" PRIu64 "..%" PRIu64
            " ms, epoch %" PRIu64 ", wire %d\n",
            p->period_ms, p->period_is_ms ? " (in ms)" : "", p->empty_period_ms, p->timeout_ms,
            p->timeout_cap_ms, p->epoch, (int)p->wire);
    fprintf(out, "latency %" PRIu64 "+%" PRIu64 " us, loss %u, repeated %u, tail %u per mille\n",
            p->lat_min_us, p->lat_mean_us, p->loss_pm, p->dup_pm, p->tail_pm);
    fprintf(out, "trouble:");
    for (unsigned f = 0; f < F_COUNT; f++)
        if (has_feature(s, (enum feature)f)) fprintf(out, " %s", feature_name((enum feature)f));
    fprintf(out, "\nset sizes:");
    for (size_t i = 0; i < p->size_count; i++) fprintf(out, " %zu", p->sets[i].count);
    fprintf(out, ", %" PRIu64 " heights each%s\n", p->heights_per_size,
            p->contract ? ", named by a contract" : "");
    for (size_t i = 0; i < p->switch_count; i++) {
        const struct qbft_transition *t = &p->switches[i];
        fprintf(out, "from block %" PRIu64 ":", t->block);
        if (t->sets_period)
            fprintf(out, " period %" PRIu64 " ms%s", t->block_period_ms,
                    t->period_is_ms ? " (in ms)" : "");
        if (t->sets_empty_period) fprintf(out, " empty %" PRIu64 " ms", t->empty_block_period_ms);
        if (t->sets_timeout) fprintf(out, " timeout %" PRIu64 " ms", t->request_timeout_ms);
        if (t->sets_contract) fprintf(out, t->has_validator_contract ? " contract" : " votes");
        if (t->validators != NULL) fprintf(out, " %zu validators", t->validator_count);
        fprintf(out, "\n");
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct sim_node *v = &s->nodes[i];
        if (!v->byz) continue;
        fprintf(out, "v%zu (position %zu) lies:", i, v->position);
        for (unsigned b = 0; b < B_COUNT; b++)
            if (v->behaviour >> b & 1) fprintf(out, " %s", behaviour_name((enum behaviour)b));
        fprintf(out, "\n");
    }
    fprintf(out, "%9s  %-14s %-5s %s\n", "ms", "fault", "node", "lasts ms");
    for (size_t i = 0; i < p->fault_count; i++) {
        const struct fault *f = &p->faults[i];
        if (f->dropped) continue;
        fprintf(out, "%9" PRIu64 "  %-14s v%-4zu %" PRIu64 "\n", f->at_us / US_MS,
                fault_name(f->kind), f->node, f->lasts_us / US_MS);
    }
}

/// --- carrying it out

static void set_partition(struct sim *s, const struct fault *f)
{
    struct rng r;
    rng_init(&r, f->arg, 5);
    memset(s->group, 0, sizeof s->group);
    s->one_way = false;
    switch (rng_below(&r, 4)) {
    case 0: // one out
        s->group[f->node] = 1;
        break;
    case 1: // any split
        for (size_t i = 0; i < s->n; i++) s->group[i] = (uint8_t)rng_below(&r, 2);
        break;
    case 2: // a majority and a minority
        for (size_t i = 0; i < s->n; i++) s->group[i] = rng_chance(&r, 330);
        break;
    default: // messages pass in one direction
        s->one_way = true;
        for (size_t i = 0; i < s->n; i++) s->group[i] = (uint8_t)rng_below(&r, 2);
        break;
    }
    s->partition_until = s->now_us + US_S + f->lasts_us;
}

/// Whether one more validator may be dumb for a height without halting the network for good:
/// with more than f of them an operator has to speak (threat model 4.3).
static bool may_silence(const struct sim *s, size_t node)
{
    const struct sim_node *best = &s->nodes[0];
    for (size_t i = 0; i < s->n; i++)
        if (s->nodes[i].head > best->head) best = &s->nodes[i];
    size_t bad = 0;
    bool in_set = false;
    for (size_t i = 0; i < best->validator_count; i++) {
        for (size_t k = 0; k < s->n; k++) {
            const struct sim_node *w = &s->nodes[k];
            if (!address_eq(&w->address, &best->validators[i])) continue;
            if (k == node) in_set = true;
            const bool dumb = w->silent_through > s->top || w->dumb_through > s->top;
            if (k == node || w->byz || dumb) bad++;
        }
    }
    return in_set && bad <= qbft_faults(best->validator_count);
}

/// Somebody else has this node's blocks.
static bool has_copies(const struct sim *s, const struct sim_node *v)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct sim_node *w = &s->nodes[i];
        if (w != v && !w->byz && w->head >= v->head) return true;
    }
    return false;
}

static void restart_after(struct sim *s, struct sim_node *v, uint64_t lasts_us)
{
    node_crash(s, v);
    sim_post(s, s->now_us + lasts_us, EV_START, sim_index(s, v));
}

void fault_begin(struct sim *s, size_t i)
{
    const struct fault *f = &s->plan.faults[i];
    struct sim_node *v = &s->nodes[f->node];
    struct rng r;
    rng_init(&r, f->arg, 9);
    s->result->counts.faults[f->kind]++;
    sim_trace(s, "v%zu # %s", f->node, fault_name(f->kind));
    switch (f->kind) {
    case FAULT_CRASH:
        restart_after(s, v, rng_chance(&r, 500) ? f->lasts_us / 20 : f->lasts_us);
        return;
    case FAULT_CRASH_ALL:
        for (size_t k = 0; k < s->n; k++)
            restart_after(s, &s->nodes[k], rng_below(&r, f->lasts_us + 1));
        return;
    case FAULT_PAUSE:
        v->paused_until = s->now_us + 100 * US_MS + f->lasts_us;
        return;
    case FAULT_PARTITION:
        set_partition(s, f);
        return;
    case FAULT_CLOG:
        s->clogged_until[f->node][rng_below(&r, s->n)] = s->now_us + f->lasts_us;
        return;
    case FAULT_DISK_FAILS:
        if (rng_chance(&r, 600))
            v->guard_fails = true;
        else
            v->store_fails = true;
        return;
    case FAULT_DISK_FULL:
        v->disk_full_until = s->now_us + f->lasts_us;
        return;
    case FAULT_OLD_STORE: {
        const uint64_t lost = rng_between(&r, 1, 5);
        if (v->byz || v->head < lost || !may_silence(s, f->node) || !has_copies(s, v)) return;
        node_crash(s, v);
        v->head -= lost;
        if (v->guard.height > v->head + 1) v->dumb_through = v->guard.height;
        sim_post(s, s->now_us + f->lasts_us, EV_START, f->node);
        return;
    }
    case FAULT_GUARD_LOST:
        // Chain and guard lost together is a matter for the operator.
        if (v->byz || v->head + 1 < v->said_height || !may_silence(s, f->node)) return;
        node_crash(s, v);
        // As the node does it: nothing for the height in progress.
        v->guard = (struct guard_record){.height = 0};
        v->silent_through = v->head + 1;
        sim_post(s, s->now_us + f->lasts_us, EV_START, f->node);
        return;
    case FAULT_CLOCK:
        v->clock_offset_us = (int64_t)rng_below(&r, 20 * US_S) - (int64_t)(10 * US_S);
        v->clock_drift_ppm = (int64_t)rng_below(&r, 100000) - 50000;
        return;
    case FAULT_FLIP:
        for (size_t k = 0; k < s->n; k++)
            if (s->nodes[k].byz) byz_draw(s, &s->nodes[k], rng_next(&r));
        return;
    case FAULT_KINDS:
        break;
    }
    unreachable("sim fault");
}

/// Until when the network has to have made three more blocks: two capped timeouts and f+1 rounds
/// as long as they have become, then f+1 rounds from the start for each block, the clocks'
/// distance, and what may be waited for when nothing happens.
static uint64_t patience_us(const struct sim *s)
{
    const struct plan *p = &s->plan;
    const size_t rounds = qbft_faults(s->n) + 1;
    uint64_t period_ms = p->period_ms;
    uint64_t empty_ms = p->empty_period_ms;
    uint64_t timeout_ms = p->timeout_ms;
    for (size_t i = 0; i < p->switch_count; i++) {
        const struct qbft_transition *t = &p->switches[i];
        if (t->sets_period && t->block_period_ms > period_ms) period_ms = t->block_period_ms;
        if (t->sets_empty_period && t->empty_block_period_ms > empty_ms)
            empty_ms = t->empty_block_period_ms;
        if (t->sets_timeout && t->request_timeout_ms > timeout_ms)
            timeout_ms = t->request_timeout_ms;
    }
    uint64_t height_ms = period_ms + empty_ms;
    if (has_feature(s, F_ON_DEMAND)) height_ms += 2 * p->tx_every_us / US_MS + 2000;
    for (size_t r = 0; r < rounds; r++) {
        const uint64_t t = r < 10 ? timeout_ms << r : p->timeout_cap_ms;
        height_ms += t < p->timeout_cap_ms ? t : p->timeout_cap_ms;
    }
    return ((2 + rounds) * p->timeout_cap_ms + 4 * height_ms + 30000) * US_MS;
}

void sim_heal(struct sim *s)
{
    s->healed = true;
    s->heal_top = s->top;
    s->partition_until = 0;
    uint64_t from_us = s->now_us;
    for (size_t i = 0; i < s->n; i++) {
        struct sim_node *v = &s->nodes[i];
        v->clock_offset_us = v->clock_drift_ppm = 0;
        v->guard_fails = v->store_fails = false;
        v->disk_full_until = 0;
        if (v->paused_until > from_us) from_us = v->paused_until;
        if (!v->up) sim_post(s, s->now_us + 10 * US_MS, EV_START, i);
    }
    s->deadline_us = from_us + patience_us(s);
    sim_trace(s, "# all trouble ends; block %" PRIu64 ", three more by %" PRIu64 " ms", s->top,
              s->deadline_us / US_MS);
}
