// SPDX-License-Identifier: Apache-2.0
/// Liars. Each runs the production core, so that it knows where the network stands, and departs
/// from it as its behaviour says. They share one brain: what any of them could know, all know,
/// and they sign for each other. They cannot sign for anybody else.

#include "test/sim/sim.h"

#include "consensus/qbft/justification.h"
#include "consensus/qbft/qbft_impl.h"

#define LOOK_BACK 3000U ///< how many of the last messages the brain thinks of

bool acts(const struct sim_node *v, enum behaviour b)
{
    return v->byz && (v->behaviour >> b & 1) != 0;
}

static bool acts_now(struct sim *s, const struct sim_node *v, enum behaviour b)
{
    if (!acts(v, b)) return false;
    s->result->counts.behaviours[b]++;
    return true;
}

void byz_draw(struct sim *s, struct sim_node *v, uint64_t arg)
{
    struct rng r;
    rng_init(&r, arg, 77);
    const size_t count = rng_between(&r, 1, 4);
    v->behaviour = 0;
    for (size_t i = 0; i < count; i++) v->behaviour |= 1U << rng_below(&r, B_COUNT);
    // The strongest plan: hide locks from others and vote for whatever splits them.
    if (rng_chance(&r, 350)) v->behaviour = 1U << B_JUSTIFY | 1U << B_VOTE_ALL | 1U << B_RC_EMPTY;
    if (rng_chance(&r, 150)) v->behaviour |= 1U << B_TWO_HALVES | 1U << B_SELECTIVE;
    v->behaviour &= ~s->o.without_behaviour;
}

static struct rng *dice(struct sim *s)
{
    return &s->rng[RNG_BYZ];
}

/// Sends to everybody, or only to some.
static void spread(struct sim *s, const struct sim_node *v, struct wire *w, unsigned per_mille)
{
    const size_t from = sim_index(s, v);
    for (size_t to = 0; to < s->n; to++) {
        if (rng_chance(dice(s), per_mille)) net_send(s, from, to, w, 0);
    }
}

static struct wire *say(struct sim *s, const struct sim_node *v, const struct qbft_send *send)
{
    return wire_make(s, sim_index(s, v), send);
}

/// --- votes

static void vote_for(struct sim *s, const struct sim_node *v, const struct qbft_message *m,
                     bool prepare)
{
    struct qbft_send send = {
        .code = QBFT_PREPARE, .sequence = m->main.sequence, .round = m->main.round};
    if (!err_ok(qbft_digest(&send.digest, &m->block.header, send.round, s->plan.wire))) return;
    const unsigned share = acts(v, B_SELECTIVE) ? 500 : 1000;
    if (prepare) spread(s, v, say(s, v, &send), share);
    send.code = QBFT_COMMIT;
    if (!err_ok(qbft_seal_hash(&send.seal_hash, &m->block.header, send.round))) return;
    spread(s, v, say(s, v, &send), share);
}

/// --- round changes

static struct wire *bare_round_change(struct sim *s, const struct sim_node *v, uint64_t height,
                                      uint32_t round)
{
    const struct qbft_send send = {.code = QBFT_ROUND_CHANGE, .sequence = height, .round = round};
    return say(s, v, &send);
}

/// With the oldest certificate that anybody ever showed at this height: it is good, but older ones
/// may not decide.
static struct wire *stale_round_change(struct sim *s, const struct sim_node *v, uint64_t height,
                                       uint32_t round)
{
    const struct wire *oldest = NULL;
    for (size_t k = 0; k < s->seen_count && k < LOOK_BACK; k++) {
        const struct wire *w = s->seen[s->seen_count - 1 - k];
        if (!w->ok || w->code != QBFT_ROUND_CHANGE || w->m.main.sequence != height ||
            !w->m.main.has_prepared || w->m.main.prepared_round >= round || s->nodes[w->signer].byz)
            continue;
        if (oldest == NULL || w->m.main.prepared_round < oldest->m.main.prepared_round) oldest = w;
    }
    if (oldest == NULL) return bare_round_change(s, v, height, round);
    const struct qbft_message *m = &oldest->m;
    bytes_t *prepares = sim_alloc(s, m->prepare_count * sizeof(bytes_t));
    for (size_t i = 0; i < m->prepare_count; i++) prepares[i] = m->prepares[i].raw;
    const struct qbft_send send = {.code = QBFT_ROUND_CHANGE,
                                   .sequence = height,
                                   .round = round,
                                   .has_prepared = true,
                                   .prepared_round = m->main.prepared_round,
                                   .digest = m->main.digest,
                                   .block = m->block.raw,
                                   .prepares = prepares,
                                   .prepare_count = m->prepare_count};
    return say(s, v, &send);
}

/// A claim to have prepared something, with Prepares that do not prove it.
static struct wire *false_claim(struct sim *s, const struct sim_node *v, uint64_t height,
                                uint32_t round, bool forged)
{
    const struct wire *block = NULL;
    for (size_t k = 0; k < s->seen_count && k < LOOK_BACK && block == NULL; k++) {
        const struct wire *w = s->seen[s->seen_count - 1 - k];
        if (w->ok && w->code == QBFT_PROPOSAL && w->m.main.sequence == height &&
            rng_chance(dice(s), 500))
            block = w;
    }
    if (block == NULL || round == 0) return bare_round_change(s, v, height, round);
    struct qbft_send send = {.code = QBFT_ROUND_CHANGE,
                             .sequence = height,
                             .round = round,
                             .has_prepared = true,
                             .prepared_round = (uint32_t)rng_below(dice(s), round)};
    if (forged) send.prepared_round = block->m.main.round;
    send.block = sim_block_twist(s, &block->m.block, TWIST_SALT, rng_next(dice(s)), NULL,
                                 send.prepared_round);
    if (rng_chance(dice(s), 500)) send.block = block->m.block.raw;
    struct qbft_block decoded;
    if (!err_ok(qbft_block_decode(&decoded, &s->arena, send.block)) ||
        !err_ok(qbft_digest(&send.digest, &decoded.header, send.prepared_round, s->plan.wire)))
        return bare_round_change(s, v, height, round);

    bytes_t *prepares = sim_alloc(s, SIM_MAX * sizeof(bytes_t));
    size_t count = 0;
    const size_t want = v->core->n == 0 ? 1 : qbft_quorum(v->core->n);
    if (forged) { // the own vote, as often as needed
        const struct qbft_send p = {.code = QBFT_PREPARE,
                                    .sequence = height,
                                    .round = send.prepared_round,
                                    .digest = send.digest};
        const struct wire *w = say(s, v, &p);
        while (count < want) prepares[count++] = w->m.main.raw;
    } else { // whatever Prepares there are, of any round and block
        for (size_t k = 0; k < s->seen_count && k < LOOK_BACK && count < want; k++) {
            const struct wire *w = s->seen[s->seen_count - 1 - k];
            if (w->ok && w->code == QBFT_PREPARE) prepares[count++] = w->m.main.raw;
        }
    }
    send.prepares = prepares;
    send.prepare_count = count;
    return say(s, v, &send);
}

/// --- proposals with a justification of their own

struct choice {
    const struct wire *rc[2 * SIM_MAX];
    size_t count;
    size_t locked; ///< how many of the first ones have something prepared (they come last)
};

/// The newest round change of every author for exactly this round, or for any.
static void gather(struct sim *s, struct choice *c, const struct qbft *q, uint32_t round, bool any)
{
    bool have[SIM_MAX] = {false};
    const struct wire *locked[SIM_MAX];
    *c = (struct choice){.count = 0};
    for (size_t k = 0; k < s->seen_count && k < LOOK_BACK; k++) {
        const struct wire *w = s->seen[s->seen_count - 1 - k];
        if (!w->ok || w->code != QBFT_ROUND_CHANGE || w->m.main.sequence != q->height) continue;
        if ((!any && w->m.main.round != round) || have[w->signer] || s->nodes[w->signer].byz)
            continue;
        if (qbft_index(q, &w->m.main.author) == NOT_A_VALIDATOR) continue;
        have[w->signer] = true;
        if (w->m.main.has_prepared)
            locked[c->locked++] = w;
        else
            c->rc[c->count++] = w;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct sim_node *b = &s->nodes[i];
        if (!b->byz || qbft_index(q, &b->address) == NOT_A_VALIDATOR) continue;
        c->rc[c->count++] = bare_round_change(s, b, q->height, round);
    }
    // Those who are locked last, the lowest lock first: they are left out if possible.
    for (size_t i = 1; i < c->locked; i++) {
        for (size_t k = i;
             k > 0 && locked[k - 1]->m.main.prepared_round > locked[k]->m.main.prepared_round;
             k--) {
            const struct wire *const t = locked[k];
            locked[k] = locked[k - 1];
            locked[k - 1] = t;
        }
    }
    for (size_t i = 0; i < c->locked; i++) c->rc[c->count++] = locked[i];
}

/// The proposal of a Byzantine proposer for a later round, justified in one way or another.
static void justify(struct sim *s, const struct sim_node *p, const struct qbft *q, uint32_t round)
{
    enum { OMIT, TOO_FEW, REPEAT, MIXED, IGNORE_LOCK, BAD_PREPARES, KINDS };
    const unsigned kind = (unsigned)rng_below(dice(s), KINDS);
    const size_t quorum = qbft_quorum(q->n);
    struct choice c;
    gather(s, &c, q, round, kind == MIXED);
    if (c.count == 0 || (c.count < quorum && kind == OMIT)) return;
    size_t take = quorum;
    if (kind == TOO_FEW) take = quorum - 1;
    if (kind == IGNORE_LOCK || kind == BAD_PREPARES) take = c.count;
    bytes_t *rcs = sim_alloc(s, 2 * SIM_MAX * sizeof(bytes_t));
    const struct wire *best = NULL;
    for (size_t i = 0; i < take; i++) {
        const struct wire *w = c.rc[kind == REPEAT ? 0 : i % c.count];
        rcs[i] = w->m.main.raw;
        if (w->m.main.has_prepared &&
            (best == NULL || w->m.main.prepared_round > best->m.main.prepared_round))
            best = w;
    }
    struct qbft_send send = {.code = QBFT_PROPOSAL,
                             .sequence = q->height,
                             .round = round,
                             .round_changes = rcs,
                             .round_change_count = take};
    // Something that looks like a block of this height: the last one proposed, or a fresh one.
    const struct qbft_block *model = NULL;
    for (size_t k = 0; k < s->seen_count && k < LOOK_BACK && model == NULL; k++) {
        const struct wire *w = s->seen[s->seen_count - 1 - k];
        if (w->ok && w->code == QBFT_PROPOSAL && w->m.main.sequence == q->height)
            model = &w->m.block;
    }
    if (model == NULL) return;
    if (best != NULL && kind != IGNORE_LOCK && best->m.prepare_count != 0) {
        struct qbft_block again;
        const uint32_t carried = s->plan.wire == QBFT_WIRE_GOQUORUM ? 0 : round;
        if (!err_ok(qbft_block_with_round(&again, &s->arena, &best->m.block, carried))) return;
        send.block = again.raw;
        bytes_t *prepares = sim_alloc(s, SIM_MAX * sizeof(bytes_t));
        send.prepare_count = best->m.prepare_count;
        for (size_t i = 0; i < send.prepare_count; i++)
            prepares[i] = best->m.prepares[kind == BAD_PREPARES ? 0 : i].raw;
        send.prepares = prepares;
    } else {
        send.block = sim_block_twist(s, model, TWIST_SALT, rng_next(dice(s)), &p->address, round);
    }
    spread(s, p, say(s, p, &send), rng_chance(dice(s), 500) ? 1000 : 600);
}

/// --- hooks

/// Other blocks in the name of the own proposal.
static void equivocate(struct sim *s, struct sim_node *v, const struct wire *w, bool per_peer)
{
    const size_t from = sim_index(s, v);
    struct qbft_send send = {.code = QBFT_PROPOSAL,
                             .sequence = w->m.main.sequence,
                             .round = w->m.main.round,
                             .round_change_count = w->m.round_change_count,
                             .prepare_count = w->m.prepare_count};
    bytes_t *rcs = sim_alloc(s, (w->m.round_change_count + 1) * sizeof(bytes_t));
    bytes_t *prepares = sim_alloc(s, (w->m.prepare_count + 1) * sizeof(bytes_t));
    for (size_t i = 0; i < w->m.round_change_count; i++) rcs[i] = w->m.round_changes[i].raw;
    for (size_t i = 0; i < w->m.prepare_count; i++) prepares[i] = w->m.prepares[i].raw;
    send.round_changes = rcs;
    send.prepares = prepares;
    struct wire *other = NULL;
    for (size_t to = 0; to < s->n; to++) {
        if (to == from) continue;
        struct wire *this = (struct wire *)w;
        if (per_peer || to % 2 == 1) {
            if (other == NULL || per_peer) {
                send.block = sim_block_twist(s, &w->m.block, TWIST_SALT, rng_next(dice(s)), NULL,
                                             send.round);
                other = say(s, v, &send);
            }
            this = other;
        }
        net_send(s, from, to, this, 0);
    }
}

static bool own_proposal(struct sim *s, struct sim_node *v, struct wire *w)
{
    if (acts_now(s, v, B_PER_PEER)) {
        equivocate(s, v, w, true);
        return true;
    }
    if (acts_now(s, v, B_TWO_HALVES)) {
        equivocate(s, v, w, false);
        return true;
    }
    if (!acts_now(s, v, B_BAD_BLOCK)) return false;
    const enum twist how = (enum twist)rng_between(dice(s), TWIST_ROOT, TWIST_VALIDATORS);
    const struct qbft_send send = {
        .code = QBFT_PROPOSAL,
        .sequence = w->m.main.sequence,
        .round = w->m.main.round,
        .block = sim_block_twist(s, &w->m.block, how, rng_next(dice(s)), NULL, w->m.main.round)};
    spread(s, v, say(s, v, &send), 1000);
    return true;
}

static bool own_round_change(struct sim *s, struct sim_node *v, struct wire *w)
{
    const uint64_t height = w->m.main.sequence;
    const uint32_t round = w->m.main.round;
    if (acts_now(s, v, B_RC_SPLIT)) {
        struct wire *other = rng_chance(dice(s), 500) ? stale_round_change(s, v, height, round)
                                                      : bare_round_change(s, v, height, round);
        for (size_t to = 0; to < s->n; to++)
            if (&s->nodes[to] != v) net_send(s, sim_index(s, v), to, to % 2 == 0 ? w : other, 0);
    } else if (acts_now(s, v, B_RC_STALE))
        spread(s, v, stale_round_change(s, v, height, round), 1000);
    else if (acts_now(s, v, B_RC_EMPTY))
        spread(s, v, bare_round_change(s, v, height, round), 1000);
    else if (acts_now(s, v, B_RC_FORGED))
        spread(s, v, false_claim(s, v, height, round, true), 700);
    else if (acts_now(s, v, B_RC_CLAIM))
        spread(s, v, false_claim(s, v, height, round, false), 700);
    else
        return false;
    return true;
}

bool byz_on_own(struct sim *s, struct sim_node *v, struct wire *w)
{
    const size_t from = sim_index(s, v);
    if (!w->ok || acts_now(s, v, B_SILENT)) return true;
    if (w->code == QBFT_PROPOSAL && own_proposal(s, v, w)) return true;
    if (w->code == QBFT_ROUND_CHANGE && own_round_change(s, v, w)) return true;
    if (w->code == QBFT_PREPARE && acts_now(s, v, B_COMMIT_FIRST)) return true;
    if (w->code == QBFT_COMMIT && acts_now(s, v, B_BAD_SEAL)) {
        struct qbft_send send = {.code = QBFT_COMMIT,
                                 .sequence = w->m.main.sequence,
                                 .round = w->m.main.round,
                                 .digest = w->m.main.digest};
        send.seal_hash.b[0] = 1;
        spread(s, v, say(s, v, &send), 1000);
        return true;
    }
    if (w->code != QBFT_PROPOSAL && acts(v, B_CRASH) && rng_chance(dice(s), 100)) {
        s->result->counts.behaviours[B_CRASH]++;
        net_send(s, from, rng_below(dice(s), s->n), w, 0);
        node_crash(s, v);
        return true;
    }
    if (acts_now(s, v, B_WITHHOLD)) {
        const uint32_t round = w->m.main.round < 6 ? w->m.main.round : 6;
        uint64_t wait_ms = s->plan.timeout_ms << round;
        if (wait_ms > s->plan.timeout_cap_ms) wait_ms = s->plan.timeout_cap_ms;
        for (size_t to = 0; to < s->n; to++)
            if (to != from) net_send(s, from, to, w, (wait_ms - wait_ms / 20) * US_MS);
        return true;
    }
    if (!acts_now(s, v, B_SELECTIVE)) return false;
    spread(s, v, w, 500);
    return true;
}

static void on_proposal(struct sim *s, struct sim_node *v, const struct wire *w)
{
    if (acts_now(s, v, B_VOTE_ALL)) {
        // One brain: whoever of them is in on it votes as well.
        for (size_t i = 0; i < s->n; i++) {
            if (acts(&s->nodes[i], B_VOTE_ALL)) vote_for(s, &s->nodes[i], &w->m, true);
        }
    } else if (acts_now(s, v, B_COMMIT_FIRST)) {
        vote_for(s, v, &w->m, false);
    }
}

static void on_round_change(struct sim *s, struct sim_node *v, const struct wire *w)
{
    const struct qbft *q = v->core;
    const uint32_t round = w->m.main.round;
    if (!acts(v, B_JUSTIFY) || !q->running || q->height != w->m.main.sequence ||
        round > QBFT_MAX_ROUND || q->n == 0)
        return;
    const struct sim_node *proposer = sim_find(s, qbft_round_proposer(q, round));
    if (proposer == NULL || !proposer->byz || !rng_chance(dice(s), 400)) return;
    s->result->counts.behaviours[B_JUSTIFY]++;
    justify(s, proposer, q, round);
}

void byz_on_message(struct sim *s, struct sim_node *v, struct wire *w)
{
    const struct sim_node *author = &s->nodes[w->signer];
    if (author->byz && author != v) return; // they have talked already
    if (w->code == QBFT_PROPOSAL) on_proposal(s, v, w);
    if (w->code == QBFT_ROUND_CHANGE) on_round_change(s, v, w);
    if (acts(v, B_REPLAY) && rng_chance(dice(s), 60)) {
        s->result->counts.behaviours[B_REPLAY]++;
        struct wire *old = s->seen[rng_below(dice(s), s->seen_count)];
        net_send(s, sim_index(s, v), rng_below(dice(s), s->n), old, 0);
    }
    if (acts(v, B_FUTURE) && rng_chance(dice(s), 40)) {
        s->result->counts.behaviours[B_FUTURE]++;
        struct qbft_send send = {
            .code = rng_chance(dice(s), 500)
                        ? QBFT_PREPARE
                        : (rng_chance(dice(s), 500) ? QBFT_COMMIT : QBFT_ROUND_CHANGE),
            .sequence = w->m.main.sequence + rng_below(dice(s), 14),
            .round = (uint32_t)rng_below(dice(s), rng_chance(dice(s), 500) ? 4 : 1500)};
        send.digest.b[0] = (uint8_t)rng_next(dice(s));
        spread(s, v, say(s, v, &send), 500);
    }
}

void byz_on_head(struct sim *s, struct sim_node *v)
{
    if (!acts_now(s, v, B_ROUND_RUSH)) return;
    for (uint32_t r = 1; r <= 3; r++) spread(s, v, bare_round_change(s, v, v->head + 1, r), 1000);
}

bool byz_on_ask(struct sim *s, struct sim_node *v, size_t to, uint64_t number)
{
    if (!acts(v, B_SYNC_LIES) || number > v->head) return false;
    s->result->counts.behaviours[B_SYNC_LIES]++;
    const struct sim_block *b = v->chain[number];
    struct qbft_block twisted = b->b;
    const bool other = rng_chance(dice(s), 500);
    if (other) {
        const bytes_t raw =
            sim_block_twist(s, &b->b, TWIST_SALT, rng_next(dice(s)), NULL, b->b.extra.round);
        if (!err_ok(qbft_block_decode(&twisted, &s->arena, raw))) return true;
    }
    hash_t sealed;
    if (!err_ok(qbft_seal_hash(&sealed, &twisted.header, b->b.extra.round))) return true;
    secp_sig_t *seals = sim_alloc(s, SIM_MAX * sizeof *seals);
    size_t count = 0;
    for (size_t i = 0; i < s->n; i++) { // every key they have
        if (!s->nodes[i].byz) continue;
        const struct qbft_crypto crypto = sim_crypto(s, i);
        crypto.sign(crypto.ctx, &seals[count++], &sealed);
    }
    // ... and as many more as are wanted: again, or of other blocks.
    const size_t want = b->b.extra.seal_count;
    for (size_t i = 0; count < want && i < want; i++)
        seals[count++] = rng_chance(dice(s), 500) ? seals[0] : b->b.extra.seals[i];
    if (!other) count = count > 1 ? count - 1 : count;
    net_send_block(s, sim_index(s, v), to,
                   sim_block_seal(s, &twisted, b->b.extra.round, seals, count));
    return true;
}
