// SPDX-License-Identifier: Apache-2.0
/// One validator as consensus/node drives it: effects become jobs of the signer and of the
/// executor, their answers come back as events. Nothing here decides anything about consensus.

#include "test/sim/sim.h"

#include "consensus/node/evidence.h"
#include "consensus/qbft/qbft_impl.h"

#include <inttypes.h>

#define START_MS 1000000000000U
#define ANNOUNCE_TO 8U ///< peers that hear of a new block at once, in large networks
#define BLOCKS_PER_ANSWER 4U

static void step(struct sim *s, struct sim_node *v, struct qbft_event *ev);

uint64_t node_now_ms(const struct sim *s, struct sim_node *v)
{
    const int64_t drift_us = (int64_t)(s->now_us / US_S) * v->clock_drift_ppm;
    const int64_t us = (int64_t)s->now_us + v->clock_offset_us + drift_us;
    const int64_t ms = (int64_t)START_MS + us / 1000;
    if (ms > (int64_t)v->last_now_ms) v->last_now_ms = (uint64_t)ms;
    return v->last_now_ms;
}

bool node_has_work(const struct sim_node *v)
{
    return v->tx_seen > sim_block_tx_done(v->chain[v->head]);
}

/// Chances of dying are everywhere between two outputs.
static bool dies_here(struct sim *s)
{
    return has_feature(s, F_CRASH_STEP) && !s->healed &&
           rng_chance(&s->rng[RNG_FAULTS], s->plan.step_crash_pm);
}

/// --- timers

void node_look(struct sim *s, struct sim_node *v)
{
    if (!v->up || !v->block_timer.armed) return;
    const uint64_t now_ms = node_now_ms(s, v);
    const uint64_t due_ms = block_timer_due(&v->block_timer, node_has_work(v));
    v->block_timer_id++;
    if (due_ms == QBFT_NEVER) {
        sim_mark(s, MARK_ON_DEMAND);
        return;
    }
    if (now_ms < due_ms) {
        sim_post_alive(s, s->now_us + (due_ms - now_ms) * US_MS, EV_BLOCK_TIMER, sim_index(s, v))
            ->id = v->block_timer_id;
        return;
    }
    v->block_timer.armed = false;
    struct qbft_event ev = {.kind = QBFT_EV_BLOCK_TIMEOUT,
                            .timeout = {.height = v->block_timer.height}};
    step(s, v, &ev);
}

static void set_timer(struct sim *s, struct sim_node *v, const struct qbft_effect *e)
{
    if (e->set_timer.timer == QBFT_TIMER_BLOCK) {
        block_timer_set(&v->block_timer, e);
        v->block_timer_id++;
        return; // looked at when the step is over
    }
    v->round_timer_id++;
    if (e->set_timer.at_ms == QBFT_NEVER) return;
    v->round_timer_height = e->set_timer.height;
    v->round_timer_round = e->set_timer.round;
    const uint64_t now_ms = node_now_ms(s, v);
    const uint64_t delay_ms = e->set_timer.at_ms > now_ms ? e->set_timer.at_ms - now_ms : 0;
    const uint64_t delay_us =
        (uint64_t)((int64_t)(delay_ms * US_MS) * 1000000 / (1000000 + v->clock_drift_ppm));
    sim_post_alive(s, s->now_us + delay_us, EV_ROUND_TIMER, sim_index(s, v))->id =
        v->round_timer_id;
}

/// --- jobs

static struct qbft_send *copy_send(struct sim *s, const struct qbft_send *in)
{
    struct qbft_send *out = SIM_NEW(s, struct qbft_send);
    *out = *in;
    out->block = sim_keep(s, in->block);
    bytes_t *rcs = sim_alloc(s, in->round_change_count * sizeof(bytes_t));
    bytes_t *prepares = sim_alloc(s, in->prepare_count * sizeof(bytes_t));
    for (size_t i = 0; i < in->round_change_count; i++) rcs[i] = sim_keep(s, in->round_changes[i]);
    for (size_t i = 0; i < in->prepare_count; i++) prepares[i] = sim_keep(s, in->prepares[i]);
    out->round_changes = rcs;
    out->prepares = prepares;
    return out;
}

/// When the executor has done one more thing.
static uint64_t executor_at(struct sim *s, struct sim_node *v, uint64_t up_to_us)
{
    if (v->executor_free_us < s->now_us) v->executor_free_us = s->now_us;
    v->executor_free_us += 200 + rng_below(&s->rng[RNG_WORK], up_to_us);
    return v->executor_free_us;
}

static void commit(struct sim *s, struct sim_node *v, const struct qbft_effect *e)
{
    const struct sim_block *b =
        sim_block_seal(s, e->commit.block, e->commit.round, e->commit.seals, e->commit.seal_count);
    uint64_t at = executor_at(s, v, 5 * US_MS);
    if (has_feature(s, F_SLOW_DISK) && !s->healed && rng_chance(&s->rng[RNG_DISK], 50))
        at = v->executor_free_us += rng_below(&s->rng[RNG_DISK], 2 * US_S);
    sim_post_alive(s, at, EV_COMMITTED, sim_index(s, v))->commit.block = b;
}

static void on_evidence(struct sim *s, struct sim_node *v, const struct qbft_effect *e)
{
    const struct qbft_payload *a = e->evidence.a;
    const struct qbft_payload *b = e->evidence.b;
    sim_mark(s, MARK_EVIDENCE);
    if (v->byz) return;
    const struct sim_node *guilty = sim_find(s, &a->author);
    if (guilty == NULL || !guilty->byz)
        sim_violate(s, V_EVIDENCE, "v%zu shows v%zu guilty of two %ss at %" PRIu64 ".%" PRIu32,
                    sim_index(s, v), guilty == NULL ? SIZE_MAX : sim_index(s, guilty),
                    qbft_code_name(a->code), a->sequence, a->round);
    else if (!address_eq(&a->author, &b->author) || a->code != b->code ||
             a->sequence != b->sequence || a->round != b->round ||
             hash_eq(&a->signing_hash, &b->signing_hash))
        sim_violate(s, V_EVIDENCE, "v%zu keeps evidence that is none", sim_index(s, v));

    // Whoever is shown it has nothing but the two payloads.
    arena_reset(&s->scratch);
    const struct qbft_crypto crypto = sim_crypto(s, 0);
    struct qbft_payload x;
    struct qbft_payload y;
    const err_t err = evidence_verify(&x, &y, &s->scratch, a->code, a->raw, b->raw, &crypto);
    if (!err_ok(err))
        sim_violate(s, V_EVIDENCE, "v%zu has evidence that proves nothing: %s", sim_index(s, v),
                    err.why);
}

static void trace_effect(struct sim *s, const struct sim_node *v, const struct qbft_effect *e)
{
    if (s->o.trace == NULL) return;
    const size_t i = sim_index(s, v);
    switch (e->kind) {
    case QBFT_FX_SEND:
        sim_trace(s, "v%zu   -> say %s %" PRIu64 ".%" PRIu32, i, qbft_code_name(e->send.code),
                  e->send.sequence, e->send.round);
        return;
    case QBFT_FX_PERSIST:
        sim_trace(s, "v%zu   -> persist %" PRIu64 ".%" PRIu32 "%s%s%s%s", i,
                  e->persist.record->height, e->persist.record->round,
                  e->persist.record->proposal.sent ? " proposal" : "",
                  e->persist.record->prepare.sent ? " prepare" : "",
                  e->persist.record->commit.sent ? " commit" : "",
                  e->persist.record->round_change_sent ? " round-change" : "");
        return;
    case QBFT_FX_BUILD:
        sim_trace(s, "v%zu   -> build %" PRIu64 ".%" PRIu32, i, e->build.height, e->build.round);
        return;
    case QBFT_FX_CHECK:
        sim_trace(s, "v%zu   -> check %" PRIu64 ".%" PRIu32 " %02x%02x", i, e->check.height,
                  e->check.round, e->check.digest.b[0], e->check.digest.b[1]);
        return;
    case QBFT_FX_SET_TIMER:
        if (e->set_timer.timer == QBFT_TIMER_ROUND && e->set_timer.at_ms != QBFT_NEVER)
            sim_trace(s, "v%zu   -> round timer %" PRIu64 ".%" PRIu32 " at %" PRIu64, i,
                      e->set_timer.height, e->set_timer.round, e->set_timer.at_ms - START_MS);
        return;
    case QBFT_FX_COMMIT_BLOCK:
        sim_trace(s, "v%zu   -> commit %" PRIu64 ".%" PRIu32 " %02x%02x", i,
                  e->commit.block->header.number, e->commit.round, e->commit.block->hash.b[0],
                  e->commit.block->hash.b[1]);
        return;
    case QBFT_FX_BLAME:
        sim_trace(s, "v%zu   -> blame v%zu: %s", i, sim_index(s, sim_find(s, &e->blame.author)),
                  e->blame.why);
        return;
    case QBFT_FX_EVIDENCE:
        sim_trace(s, "v%zu   -> evidence", i);
        return;
    case QBFT_FX_SELF_CONFLICT:
        sim_trace(s, "v%zu   -> its own key elsewhere", i);
        return;
    case QBFT_FX_RELAY:
        return;
    }
}

static void act(struct sim *s, struct sim_node *v, const struct qbft_effect *e)
{
    const size_t i = sim_index(s, v);
    trace_effect(s, v, e);
    sim_mix(s, (uint64_t)e->kind + 64);
    struct event *post;
    switch (e->kind) {
    case QBFT_FX_SEND:
        if (v->signer_free_us < s->now_us) v->signer_free_us = s->now_us;
        v->signer_free_us += 100 + rng_below(&s->rng[RNG_DISK], 400);
        post = sim_post_alive(s, v->signer_free_us, EV_SIGN, i);
        post->send = copy_send(s, &e->send);
        return;
    case QBFT_FX_RELAY:
        if (s->handling != NULL) net_relay(s, i, s->handling);
        return;
    case QBFT_FX_PERSIST:
        disk_persist(s, v, e->persist.guard_seq, e->persist.record);
        return;
    case QBFT_FX_BUILD:
        block_timer_on_build(&v->block_timer);
        post = sim_post_alive(s, executor_at(s, v, 20 * US_MS), EV_BUILT, i);
        post->build.height = e->build.height;
        post->build.round = e->build.round;
        post->build.timestamp_s = e->build.timestamp_s;
        post->build.allow_empty = e->build.allow_empty;
        return;
    case QBFT_FX_CHECK:
        post = sim_post_alive(s, executor_at(s, v, 20 * US_MS), EV_CHECKED, i);
        post->check.height = e->check.height;
        post->check.round = e->check.round;
        post->check.digest = e->check.digest;
        post->check.raw = sim_keep(s, e->check.block->raw);
        return;
    case QBFT_FX_SET_TIMER:
        set_timer(s, v, e);
        return;
    case QBFT_FX_COMMIT_BLOCK:
        commit(s, v, e);
        return;
    case QBFT_FX_BLAME:
        sim_mark(s, MARK_BLAMED);
        return;
    case QBFT_FX_EVIDENCE:
        on_evidence(s, v, e);
        return;
    case QBFT_FX_SELF_CONFLICT:
        sim_mark(s, MARK_CONFLICT_SELF);
        v->muted = true;
        if (!v->byz) sim_violate(s, V_REFUSED, "v%zu takes an echo of itself for an impostor", i);
        return;
    }
    unreachable("sim effect");
}

static void step(struct sim *s, struct sim_node *v, struct qbft_event *ev)
{
    const uint64_t life = v->life;
    ev->now_ms = node_now_ms(s, v);
    struct step_memory memory;
    s->result->counts.steps++;
    if (!v->byz) check_before(s, v, ev, &memory);
    const err_t err = qbft_step(v->core, &v->fx, ev);
    if (!v->byz) check_after(s, v, ev, err, &memory);
    sim_mix(s, v->core->round);
    for (size_t i = 0; i < v->fx.count; i++) {
        if (dies_here(s)) {
            node_crash(s, v);
            return;
        }
        act(s, v, &v->fx.items[i]);
        if (v->life != life || !v->up) return;
    }
    node_look(s, v);
}

/// --- blocks

static void tell_head(struct sim *s, struct sim_node *v)
{
    const struct sim_block *b = v->chain[v->head];
    const struct qbft_config q = chain_qbft_at(&s->config, v->head + 1);
    const bool on_demand = has_feature(s, F_ON_DEMAND);
    const struct qbft_head head = {.number = v->head,
                                   .hash = b->b.hash,
                                   .timestamp_s = b->b.header.timestamp_s,
                                   .proposer = b->b.header.coinbase,
                                   .validators = v->validators,
                                   .validator_count = v->validator_count,
                                   .on_demand = on_demand,
                                   .block_period_ms = q.block_period_ms,
                                   .period_is_ms = q.period_is_ms || on_demand,
                                   .empty_block_period_ms = q.empty_block_period_ms,
                                   .request_timeout_ms = q.request_timeout_ms,
                                   .max_request_timeout_ms = q.max_request_timeout_ms};
    block_timer_on_head(&v->block_timer);
    struct qbft_event ev = {.kind = QBFT_EV_NEW_BLOCK, .new_block = &head};
    step(s, v, &ev);
    if (v->up && v->byz) byz_on_head(s, v);
}

/// The block is in the store; everybody may know.
static void import(struct sim *s, struct sim_node *v, const struct sim_block *b, bool announce)
{
    if (!v->byz) check_final(s, v, b);
    if (s->result->violation != V_NONE) return;
    v->head = b->b.header.number;
    v->chain[v->head] = b;
    sets_follow(s, v);
    if (s->result->violation != V_NONE) return;
    if (s->log[v->head].final == NULL) s->log[v->head].final = b;
    if (v->head > s->top) s->top = v->head;
    const size_t i = sim_index(s, v);
    sim_trace(s, "v%zu = block %" PRIu64 " %02x%02x of v%zu, round %" PRIu32 "%s", i, v->head,
              b->b.hash.b[0], b->b.hash.b[1], sim_index(s, sim_find(s, &b->b.header.coinbase)),
              b->b.extra.round, announce ? "" : " (from a peer)");
    for (size_t k = 1; k < s->n && announce; k++) {
        if (s->n > 10 && k > ANNOUNCE_TO) break;
        const size_t to = s->n > 10 ? rng_below(&s->rng[RNG_NET], s->n) : (i + k) % s->n;
        if (to != i) net_send_block(s, i, to, b);
    }
    tell_head(s, v);
}

/// Whether the store takes a block now. Without space the executor waits, and all its other work
/// with it; a write that fails otherwise ends the process.
static bool store_takes(struct sim *s, struct sim_node *v)
{
    if (v->store_fails) {
        v->store_fails = false;
        sim_mark(s, MARK_STORE_FAILED);
        sim_trace(s, "v%zu ! store: the write fails", sim_index(s, v));
        node_crash(s, v);
        return false;
    }
    if (s->now_us >= v->disk_full_until) return true;
    sim_mark(s, MARK_STORE_FULL);
    if (v->executor_free_us < s->now_us + US_S) v->executor_free_us = s->now_us + US_S;
    return false;
}

/// A block that was decided here is to be written.
static void on_committed(struct sim *s, struct sim_node *v, const struct event *e)
{
    if (e->commit.block->b.header.number != v->head + 1) return;
    if (store_takes(s, v))
        import(s, v, e->commit.block, true);
    else if (v->up)
        sim_post_alive(s, s->now_us + US_S, EV_COMMITTED, sim_index(s, v))->commit = e->commit;
}

static void on_blocks(struct sim *s, struct sim_node *v, const struct event *e)
{
    const struct sim_block *b = e->blocks.block;
    const uint64_t number = b->b.header.number;
    if (s->now_us < v->disk_full_until) return; // the executor waits: no more is asked for
    if (number > v->head + 1 && number < v->head + 64) {
        net_ask(s, sim_index(s, v), e->blocks.from, v->head + 1);
        return;
    }
    if (number != v->head + 1 || number > SIM_HEIGHTS) return;
    const err_t err = sim_block_check(s, v, &b->b, true, UINT64_MAX);
    if (!err_ok(err)) {
        sim_trace(s, "v%zu refuses block %" PRIu64 " of v%" PRIu32 ": %s", sim_index(s, v), number,
                  e->blocks.from, err.why);
        return;
    }
    if (!store_takes(s, v)) return;
    sim_mark(s, MARK_SYNCED);
    import(s, v, b, false);
}

static void on_ask(struct sim *s, struct sim_node *v, const struct event *e)
{
    if (v->byz && byz_on_ask(s, v, e->ask.from, e->ask.number)) return;
    for (uint64_t k = 0; k < BLOCKS_PER_ANSWER && e->ask.number + k <= v->head; k++)
        net_send_block(s, sim_index(s, v), e->ask.from, v->chain[e->ask.number + k]);
}

static void on_poll(struct sim *s, struct sim_node *v, const struct event *e)
{
    if (e->id != v->poll_id) return;
    struct rng *r = &s->rng[RNG_NET];
    const size_t i = sim_index(s, v);
    const size_t to = rng_below(r, s->n);
    if (to != i) net_ask(s, i, to, v->head + 1);
    sim_post_alive(s, s->now_us + rng_between(r, 500 * US_MS, 1500 * US_MS), EV_POLL, i)->id =
        v->poll_id;
}

/// --- what comes in

static void on_sign(struct sim *s, struct sim_node *v, const struct event *e)
{
    const size_t i = sim_index(s, v);
    struct wire *w = wire_make(s, i, e->send);
    if (!v->byz) check_send(s, v, e->send, w);
    if (dies_here(s)) {
        node_crash(s, v);
        return;
    }
    sim_post_alive(s, s->now_us + rng_below(&s->rng[RNG_DISK], 300), EV_OWN, i)->wire = w;
}

static void on_message(struct sim *s, struct sim_node *v, struct wire *w, bool own)
{
    if (!w->ok) return;
    const struct qbft_payload *p = &w->m.main;
    if (!own)
        sim_trace(s, "v%zu < %s %" PRIu64 ".%" PRIu32 " from v%zu %02x%02x", sim_index(s, v),
                  qbft_code_name(p->code), p->sequence, p->round, w->signer, p->digest.b[0],
                  p->digest.b[1]);
    struct qbft_event ev = {.kind = QBFT_EV_MESSAGE, .message = {.message = &w->m, .own = own}};
    s->handling = w;
    step(s, v, &ev);
    s->handling = NULL;
}

static void on_own(struct sim *s, struct sim_node *v, struct wire *w)
{
    const uint64_t life = v->life;
    if (!v->byz || !byz_on_own(s, v, w)) net_multicast(s, sim_index(s, v), w);
    if (v->up && v->life == life) on_message(s, v, w, true);
}

static void on_built(struct sim *s, struct sim_node *v, const struct event *e)
{
    if (e->build.height != v->head + 1) return; // the chain went on meanwhile
    const bytes_t raw =
        sim_block_build(s, v, e->build.round, e->build.timestamp_s, e->build.allow_empty);
    if (raw.len == 0) sim_mark(s, MARK_IDLE_WAIT);
    block_timer_on_built(&v->block_timer, raw.len == 0, node_now_ms(s, v));
    struct qbft_event ev = {
        .kind = QBFT_EV_BUILT,
        .built = {.height = e->build.height, .round = e->build.round, .block = raw}};
    step(s, v, &ev);
}

static void on_checked(struct sim *s, struct sim_node *v, const struct event *e)
{
    if (e->check.height != v->head + 1) return;
    struct qbft_block b;
    check(err_ok(qbft_block_decode(&b, &s->arena, e->check.raw)));
    const err_t err = sim_block_check(s, v, &b, false, node_now_ms(s, v));
    if (!err_ok(err))
        sim_trace(s, "v%zu refuses proposal %" PRIu64 ".%" PRIu32 ": %s", sim_index(s, v),
                  e->check.height, e->check.round, err.why);
    else
        check_answered(s, v, e->check.height, e->check.round, &e->check.digest);
    struct qbft_event ev = {.kind = QBFT_EV_CHECKED,
                            .checked = {.height = e->check.height,
                                        .round = e->check.round,
                                        .digest = e->check.digest,
                                        .valid = err_ok(err)}};
    step(s, v, &ev);
}

void node_handle(struct sim *s, struct sim_node *v, const struct event *e)
{
    struct qbft_event ev = {.kind = QBFT_EV_PERSISTED};
    switch (e->kind) {
    case EV_DELIVER:
        if (v->byz && e->wire->ok) byz_on_message(s, v, e->wire);
        if (v->up) on_message(s, v, e->wire, false);
        return;
    case EV_BLOCKS:
        on_blocks(s, v, e);
        return;
    case EV_ASK:
        on_ask(s, v, e);
        return;
    case EV_OWN:
        on_own(s, v, e->wire);
        return;
    case EV_SIGN:
        on_sign(s, v, e);
        return;
    case EV_PERSISTED:
        if (!disk_persisted(s, v, &ev.persisted.guard_seq)) return;
        if (dies_here(s)) {
            sim_mark(s, MARK_SAVED_UNSENT);
            node_crash(s, v);
            return;
        }
        step(s, v, &ev);
        return;
    case EV_BUILT:
        on_built(s, v, e);
        return;
    case EV_CHECKED:
        on_checked(s, v, e);
        return;
    case EV_COMMITTED:
        on_committed(s, v, e);
        return;
    case EV_BLOCK_TIMER:
        if (e->id == v->block_timer_id) node_look(s, v);
        return;
    case EV_ROUND_TIMER:
        if (e->id != v->round_timer_id) return;
        sim_trace(s, "v%zu * round %" PRIu64 ".%" PRIu32 " times out", sim_index(s, v),
                  v->round_timer_height, v->round_timer_round);
        ev.kind = QBFT_EV_ROUND_TIMEOUT;
        ev.timeout.height = v->round_timer_height;
        ev.timeout.round = v->round_timer_round;
        step(s, v, &ev);
        return;
    case EV_POLL:
        on_poll(s, v, e);
        return;
    case EV_TX:
    case EV_FAULT:
    case EV_START:
    case EV_HEAL:
        break;
    }
    unreachable("sim node event");
}

/// --- life

void node_crash(struct sim *s, struct sim_node *v)
{
    if (!v->up) return;
    sim_trace(s, "v%zu ! dies", sim_index(s, v));
    v->up = false;
    v->life++;
    disk_crash(s, v);
    qbft_free(v->core);
    v->core = NULL;
    // A supervisor starts it again, if nothing else does.
    const bool soon = rng_chance(&s->rng[RNG_FAULTS], 700);
    const uint64_t after = rng_below(&s->rng[RNG_FAULTS], soon ? 2 * US_S : 60 * US_S);
    sim_post(s, s->now_us + (s->healed ? after % US_S : after), EV_START, sim_index(s, v));
}

void node_start(struct sim *s, struct sim_node *v)
{
    const size_t i = sim_index(s, v);
    sim_trace(s, "v%zu ! starts at block %" PRIu64 ", guard at %" PRIu64 ".%" PRIu32 "%s", i,
              v->head, v->guard.height, v->guard.round, v->guard.prepared ? " locked" : "");
    v->up = true;
    v->life++;
    v->muted = false;
    v->last_now_ms = 0;
    v->block_timer = (struct block_timer){.armed = false};
    v->signer_free_us = v->executor_free_us = s->now_us;
    if (acts(v, B_AMNESIA)) {
        s->result->counts.behaviours[B_AMNESIA]++;
        v->guard = (struct guard_record){.height = 0};
    }
    arena_reset(&v->core_arena);
    const struct qbft_options o = {.self = v->address,
                                   .wire = s->plan.wire,
                                   .silent_through = v->silent_through,
                                   .crypto = sim_crypto(s, i)};
    check(err_ok(qbft_new(&v->core, &v->core_arena, &o, &v->guard)));
    sets_rebuild(s, v);
    v->dumb_through = v->guard.height > v->head + 1 ? v->guard.height : 0;
    const bool here = v->guard.height == v->head + 1;
    if (here && v->guard.prepared && !v->byz) sim_mark(s, MARK_RESUMED_LOCKED);
    if (here && v->guard.round > 0 && !v->byz) sim_mark(s, MARK_RESUMED_ROUND);
    v->poll_id++;
    sim_post_alive(s, s->now_us + rng_below(&s->rng[RNG_NET], US_S), EV_POLL, i)->id = v->poll_id;
    tell_head(s, v);
}
