// SPDX-License-Identifier: Apache-2.0
/// Who validates the next block: by votes, by a contract, or because a transition of the genesis
/// says so. As consensus/block/succession has it, with the same functions of consensus/qbft; the
/// contract is a rule over the state of the chain. At most f of every set are liars.

#include "test/sim/sim.h"

#include "consensus/qbft/justification.h"

#include <stdlib.h>

static int by_address(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(address_t));
}

static size_t count_liars(struct sim *s, const address_t *validators, size_t count)
{
    size_t liars = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sim_node *w = sim_find(s, &validators[i]);
        if (w != NULL && s->plan.liar[sim_index(s, w)]) liars++;
    }
    return liars;
}

/// --- the plan

static void list_members(const struct sim *s, struct sim_set *set)
{
    set->count = 0;
    for (size_t i = 0; i < s->n; i++)
        if (set->member[i]) set->validators[set->count++] = s->nodes[i].address;
    qsort(set->validators, set->count, sizeof set->validators[0], by_address);
}

/// The first ones in the order of joining: of those at most f lie, however many they are.
static void take_first(struct sim *s, struct sim_set *set, size_t size)
{
    for (size_t i = 0; i < s->n; i++) set->member[i] = s->nodes[i].position < size;
    list_members(s, set);
}

/// Any of them, so that a set may have little in common with the one before.
static void take_any(struct sim *s, struct sim_set *set, size_t size, struct rng *r)
{
    memset(set->member, 0, sizeof set->member);
    const size_t first = rng_below(r, s->n);
    for (size_t pass = 0; pass < 2 && set->count < size; pass++) {
        for (size_t k = 0; k < s->n && set->count < size; k++) {
            const size_t i = (first + k) % s->n;
            if (set->member[i] || s->plan.liar[i] != (pass == 1)) continue;
            set->member[i] = true;
            set->count++;
        }
    }
    // Those who do not lie came first; now as many of the others as may be.
    size_t liars = 0;
    for (size_t i = 0; i < s->n; i++) liars += set->member[i] && s->plan.liar[i];
    while (liars > qbft_faults(set->count)) {
        for (size_t i = 0; i < s->n; i++) {
            if (!set->member[i] || !s->plan.liar[i]) continue;
            set->member[i] = false;
            break;
        }
        set->count--;
        liars--;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (set->count != size || set->member[i] || !s->plan.liar[i] || liars == qbft_faults(size))
            continue;
        for (size_t k = 0; k < s->n && set->count == size; k++) {
            if (!set->member[k] || s->plan.liar[k]) continue;
            set->member[k] = false;
            break;
        }
        set->member[i] = true;
        liars++;
    }
    list_members(s, set);
}

static void plan_switch(struct sim *s, struct qbft_transition *t, struct rng *r, bool *contract)
{
    struct plan *p = &s->plan;
    const uint64_t kinds = rng_between(r, 1, 31);
    const uint64_t period_ms =
        rng_chance(r, 300) ? rng_between(r, 100, 900) : 1000 * rng_between(r, 1, 6);
    const uint64_t empty_ms = rng_chance(r, 400) ? 0 : 1000 * rng_between(r, 1, 20);
    const uint64_t timeout_ms = 500 * rng_between(r, 1, 8);
    const struct sim_set *set = &p->sets[rng_below(r, p->size_count)];
    if (kinds & 1) {
        t->sets_period = true;
        t->block_period_ms = period_ms;
        t->period_is_ms = period_ms % 1000 != 0;
    }
    if (kinds & 2) {
        t->sets_empty_period = true;
        t->empty_block_period_ms = empty_ms;
    }
    if (kinds & 4) {
        t->sets_timeout = true;
        t->request_timeout_ms = timeout_ms;
    }
    if ((kinds & 24) == 0) return;
    const bool was = *contract;
    *contract = (kinds & 16) != 0;
    if (*contract != was || *contract) {
        t->sets_contract = true;
        t->has_validator_contract = *contract;
        memset(t->validator_contract.b, 0x77, sizeof t->validator_contract.b);
    }
    if (*contract) return;
    t->validators = set->validators;
    t->validator_count = set->count;
}

void sets_plan(struct sim *s)
{
    struct plan *p = &s->plan;
    struct rng *r = &s->rng[RNG_SETS];
    const bool any = rng_chance(r, 500);
    const bool changes = has_feature(s, F_CONTRACT) || has_feature(s, F_TRANSITION);
    for (size_t i = 0; i < p->size_count; i++) {
        if (any && changes)
            take_any(s, &p->sets[i], p->sizes[i], r);
        else
            take_first(s, &p->sets[i], p->sizes[i]);
    }
    p->contract = rng_chance(r, 600) && has_feature(s, F_CONTRACT);
    bool contract = p->contract;
    const uint64_t count = rng_between(r, 1, SIM_SWITCHES);
    const uint64_t last = s->o.heights + 6;
    uint64_t at = 1 + rng_below(r, 4);
    for (uint64_t i = 0; i < count; i++) {
        struct qbft_transition t = {.block = at};
        plan_switch(s, &t, r, &contract);
        at += rng_between(r, 1, 2 * last / count + 1);
        if (!has_feature(s, F_TRANSITION) || t.block > SIM_HEIGHTS) continue;
        p->switches[p->switch_count++] = t;
    }
    if (!has_feature(s, F_TRANSITION) && has_feature(s, F_CONTRACT) && !p->contract) {
        struct qbft_transition t = {.block = at, .sets_contract = true};
        t.has_validator_contract = true;
        p->switches[p->switch_count++] = t;
    }
}

/// --- a node's view

static uint64_t tag_of(const address_t *list, size_t count)
{
    uint64_t tag = count + 1;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sizeof list[i].b; k++) tag = (tag ^ list[i].b[k]) * 0x100000001b3U;
    return tag | 1;
}

/// What the contract answers on the state after `b`: its list moves with the blocks and with what
/// transactions did.
static const struct sim_set *ask_contract(const struct sim *s, const struct sim_block *b)
{
    const struct plan *p = &s->plan;
    const uint64_t moved = sim_block_tx_done(b) % 5 == 4 ? 1 : 0;
    return &p->sets[(b->b.header.number / p->heights_per_size + moved) % p->size_count];
}

static err_t take_votes(struct sim *s, struct sim_node *v)
{
    const struct sim_block *from = v->chain[v->head];
    const address_t *list;
    size_t count;
    const uint64_t number = qbft_tally_checkpoint(&s->config, v->head, &list, &count);
    from = v->chain[number];
    struct extra_data extra = from->b.extra;
    if (list != NULL) extra = (struct extra_data){.validators = list, .validator_count = count};
    arena_reset(&v->tally_arena);
    const struct chain_config config = {.qbft.epoch_length = s->plan.epoch};
    TRY(qbft_tally_init(&v->tally, &v->tally_arena, &extra, &config));
    for (uint64_t h = number; h <= v->head; h++) {
        const struct sim_block *b = v->chain[h];
        TRY(qbft_tally_follow(&v->tally, &s->config, &b->b.header, &b->b.extra));
    }
    v->has_tally = true;
    return OK;
}

static void find(struct sim *s, struct sim_node *v)
{
    const struct qbft_config next = chain_qbft_at(&s->config, v->head + 1);
    if (next.has_validator_contract) {
        const struct sim_set *set = ask_contract(s, v->chain[v->head]);
        v->has_tally = false;
        v->validator_count = set->count;
        memcpy(v->validators, set->validators, set->count * sizeof set->validators[0]);
    } else {
        if (!v->has_tally) {
            const err_t err = take_votes(s, v);
            if (!err_ok(err)) {
                sim_violate(s, V_INTEGRITY, "v%zu cannot know the validators of %llu: %s",
                            sim_index(s, v), (unsigned long long)v->head + 1, err.why);
                return;
            }
        }
        v->validator_count = v->tally.validator_count;
        memcpy(v->validators, v->tally.validators,
               v->validator_count * sizeof v->tally.validators[0]);
    }
    // Whoever has this head knows the same successors, by whichever way it came there.
    struct height_log *log = &s->log[v->head];
    const uint64_t tag = tag_of(v->validators, v->validator_count);
    if (log->set_tag == 0) {
        log->set_tag = tag;
        const size_t liars = count_liars(s, v->validators, v->validator_count);
        if (liars > qbft_faults(v->validator_count))
            sim_violate(s, V_PLAN, "%zu liars among the %zu validators of %llu", liars,
                        v->validator_count, (unsigned long long)v->head + 1);
    } else if (log->set_tag != tag) {
        sim_violate(s, V_INTEGRITY, "v%zu has other validators for block %llu than the others",
                    sim_index(s, v), (unsigned long long)v->head + 1);
    }
}

void sets_rebuild(struct sim *s, struct sim_node *v)
{
    v->has_tally = false;
    find(s, v);
}

/// Counts what the rules of this block have changed.
static void mark(struct sim *s, const struct sim_node *v, size_t before, uint64_t tag_before)
{
    const uint64_t number = v->head + 1;
    const struct qbft_config old = chain_qbft_at(&s->config, v->head);
    const struct qbft_config new = chain_qbft_at(&s->config, number);
    size_t count;
    if (v->validator_count > before) sim_mark(s, MARK_SET_GREW);
    if (v->validator_count < before) sim_mark(s, MARK_SET_SHRANK);
    if (new.has_validator_contract != old.has_validator_contract) sim_mark(s, MARK_MODE_SWITCH);
    if (new.has_validator_contract && tag_of(v->validators, v->validator_count) != tag_before)
        sim_mark(s, MARK_BY_CONTRACT);
    if (chain_qbft_validators_at(&s->config, number, &count) != NULL) sim_mark(s, MARK_SET_NAMED);
    if (new.block_period_ms != old.block_period_ms ||
        new.empty_block_period_ms != old.empty_block_period_ms ||
        new.request_timeout_ms != old.request_timeout_ms)
        sim_mark(s, MARK_PERIOD_SWITCH);
}

void sets_follow(struct sim *s, struct sim_node *v)
{
    const size_t before = v->validator_count;
    const uint64_t tag = tag_of(v->validators, v->validator_count);
    const struct sim_block *b = v->chain[v->head];
    if (v->has_tally) {
        const err_t err = qbft_tally_follow(&v->tally, &s->config, &b->b.header, &b->b.extra);
        check(err_ok(err));
    }
    find(s, v);
    mark(s, v, before, tag);
}

/// --- votes

/// Whether a change of this kind keeps liars within what the set bears.
static bool is_bearable(size_t count, size_t liars, bool add, bool liar)
{
    if (add) return liars + liar <= qbft_faults(count + 1);
    return count == 1 || liars - liar <= qbft_faults(count - 1);
}

static bool list_bears(struct sim *s, const address_t *list, size_t count, const address_t *who,
                       bool add)
{
    const struct sim_node *w = sim_find(s, who);
    const bool member = address_index(list, count, who) != SIZE_MAX;
    if (w == NULL || member == add) return true;
    return is_bearable(count, count_liars(s, list, count), add, s->plan.liar[sim_index(s, w)]);
}

bool sets_bears(struct sim *s, const struct sim_node *v, const address_t *who, bool add)
{
    size_t count;
    const address_t *named = chain_qbft_validators_at(&s->config, v->head + 2, &count);
    if (named != NULL && !list_bears(s, named, count, who, add)) return false;
    return list_bears(s, v->validators, v->validator_count, who, add);
}

bool sets_wish(const struct sim *s, const struct sim_node *v, address_t *who, bool *add)
{
    const struct plan *p = &s->plan;
    if (!has_feature(s, F_SET_CHANGE) || !v->has_tally) return false;
    size_t at = (v->head + 1) / p->heights_per_size;
    if (at >= p->size_count) at = p->size_count - 1;
    const struct sim_set *want = &p->sets[at];
    bool member[SIM_MAX];
    size_t liars = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct sim_node *w = &s->nodes[i];
        member[i] = address_index(v->validators, v->validator_count, &w->address) != SIZE_MAX;
        liars += member[i] && p->liar[i];
    }
    for (size_t position = 0; position < s->n; position++) {
        for (size_t i = 0; i < s->n; i++) {
            if (s->nodes[i].position != position || member[i] == want->member[i] ||
                (member[i] && v->validator_count == 1) ||
                !is_bearable(v->validator_count, liars, want->member[i], p->liar[i]))
                continue;
            *who = s->nodes[i].address;
            *add = want->member[i];
            return true;
        }
    }
    return false;
}
