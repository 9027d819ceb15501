// SPDX-License-Identifier: Apache-2.0
/// What must be true after every step, whoever lies and whatever breaks; and, at the end, that
/// the network goes on. Nothing here asks the core for its opinion of itself.

#include "test/sim/sim.h"

#include "consensus/qbft/justification.h"
#include "consensus/qbft/qbft_impl.h"

#include <inttypes.h>

/// What a vote for this block names in a round, computed from the header alone.
static hash_t reference_digest(const struct sim *s, const struct header *h, uint32_t round)
{
    hash_t d;
    check(err_ok(qbft_seal_hash(&d, h, s->plan.wire == QBFT_WIRE_GOQUORUM ? 0 : round)));
    return d;
}

void check_proposed(struct sim *s, const struct wire *w)
{
    const struct qbft_payload *p = &w->m.main;
    if (p->sequence > SIM_HEIGHTS) return;
    struct height_log *log = &s->log[p->sequence];
    struct proposed *e = SIM_NEW(s, struct proposed);
    e->round = p->round;
    e->digest = reference_digest(s, &w->m.block.header, p->round);
    e->block = w->m.block.hash;
    e->next = log->proposed;
    log->proposed = e;
}

static const struct proposed *find_proposed(const struct height_log *log, uint32_t round,
                                            const hash_t *digest)
{
    for (const struct proposed *p = log->proposed; p != NULL; p = p->next) {
        if (p->round == round && hash_eq(&p->digest, digest)) return p;
    }
    return NULL;
}

/// What is sent must be what the disk says that it will be.
static void check_persisted(struct sim *s, const struct sim_node *v, const struct qbft_send *send,
                            const struct wire *w)
{
    const struct guard_record *g = &v->guard;
    bool covered = g->height == send->sequence && g->round == send->round;
    switch (send->code) {
    case QBFT_PROPOSAL:
        covered = covered && g->proposal.sent && hash_eq(&g->proposal.digest, &w->m.block.hash);
        break;
    case QBFT_PREPARE:
        covered = covered && g->prepare.sent && hash_eq(&g->prepare.digest, &send->digest);
        break;
    case QBFT_COMMIT:
        covered = covered && g->commit.sent && hash_eq(&g->commit.digest, &send->digest) &&
                  g->prepared && g->prepared_round == send->round;
        break;
    case QBFT_ROUND_CHANGE:
        covered = covered && g->round_change_sent &&
                  g->round_change_prepared == send->has_prepared &&
                  (!send->has_prepared || hash_eq(&g->round_change_prepared_digest, &send->digest));
        break;
    }
    // A record of a later round covers it too, but then nothing may leave for this one: the
    // signer's queue is in order, so that the record of its time was on disk before.
    const bool later =
        g->height > send->sequence || (g->height == send->sequence && g->round > send->round);
    if (!covered && !later)
        sim_violate(s, V_PERSIST, "v%zu signs a %s of %" PRIu64 ".%" PRIu32 " that is not on disk",
                    sim_index(s, v), qbft_code_name(send->code), send->sequence, send->round);
}

/// All that one validator ever signs at a height must hold together (threat model 4.3).
static void check_contradictions(struct sim *s, const struct sim_node *v, const struct said *new)
{
    const size_t i = sim_index(s, v);
    const uint64_t height = v->said_height;
    for (const struct said *old = s->log[height].said; old != NULL; old = old->next) {
        if (old->author != i) continue;
        if (old->code == new->code && old->round == new->round &&
            (!hash_eq(&old->digest, &new->digest) || old->has_prepared != new->has_prepared ||
             old->prepared_round != new->prepared_round))
            sim_violate(s, V_CONTRADICTION, "v%zu signs two %ss of %" PRIu64 ".%" PRIu32, i,
                        qbft_code_name(new->code), height, new->round);
        if (old->code == QBFT_ROUND_CHANGE && new->round < old->round)
            sim_violate(s, V_CONTRADICTION,
                        "v%zu signs a %s of %" PRIu64 ".%" PRIu32
                        " after its round change to %" PRIu32,
                        i, qbft_code_name(new->code), height, new->round, old->round);
        if (old->code == QBFT_COMMIT && new->code == QBFT_ROUND_CHANGE &&new->round > old->round &&
            (!new->has_prepared || new->prepared_round < old->round))
            sim_violate(s, V_LOCK,
                        "v%zu forgets in its round change to %" PRIu64 ".%" PRIu32
                        " what it committed in %" PRIu32,
                        i, height, new->round, old->round);
    }
}

/// A quorum may have committed `block`: whatever else is prepared later could be decided too.
static void check_against_chosen(struct sim *s, uint64_t height, const struct said *p)
{
    const struct height_log *log = &s->log[height];
    if (!log->has_chosen || p->round <= log->chosen_round || hash_eq(&p->block, &log->chosen))
        return;
    if (p->code == QBFT_PREPARE || p->code == QBFT_COMMIT)
        sim_violate(s, V_CHOSEN,
                    "v%zu sends a %s of %" PRIu64 ".%" PRIu32
                    " for another block than round %" PRIu32 " may have decided",
                    p->author, qbft_code_name(p->code), height, p->round, log->chosen_round);
}

static void note_commit(struct sim *s, const struct sim_node *v, uint64_t height,
                        const struct said *c)
{
    struct height_log *log = &s->log[height];
    if (v->head + 1 != height) return;
    size_t count = 0;
    for (size_t i = 0; i < v->validator_count; i++) {
        const struct sim_node *w = sim_find(s, &v->validators[i]);
        if (w != NULL && w->byz) count++;
    }
    bool seen[SIM_MAX] = {false};
    for (const struct said *p = log->said; p != NULL; p = p->next) {
        if (p->code != QBFT_COMMIT || p->round != c->round || !hash_eq(&p->block, &c->block) ||
            seen[p->author])
            continue;
        seen[p->author] = true;
        count++;
    }
    if (count < qbft_quorum(v->validator_count)) return;
    if (log->has_chosen && !hash_eq(&log->chosen, &c->block)) {
        sim_violate(s, V_CHOSEN, "two blocks of height %" PRIu64 " may be decided", height);
        return;
    }
    if (log->has_chosen && log->chosen_round <= c->round) return;
    log->has_chosen = true;
    log->chosen = c->block;
    log->chosen_round = c->round;
    for (const struct said *p = log->said; p != NULL; p = p->next)
        check_against_chosen(s, height, p);
}

static bool was_checked(const struct sim_node *v, uint64_t height, uint32_t round,
                        const hash_t *digest)
{
    for (size_t i = 0; i < v->checked_count && i < ARRAY_LEN(v->checked); i++) {
        if (v->checked[i].height == height && v->checked[i].round == round &&
            hash_eq(&v->checked[i].digest, digest))
            return true;
    }
    return false;
}

void check_answered(struct sim *s, struct sim_node *v, uint64_t height, uint32_t round,
                    const hash_t *digest)
{
    (void)s;
    const size_t at = v->checked_count++ % ARRAY_LEN(v->checked);
    v->checked[at].height = height;
    v->checked[at].round = round;
    v->checked[at].digest = *digest;
}

void check_send(struct sim *s, struct sim_node *v, const struct qbft_send *send,
                const struct wire *w)
{
    const size_t i = sim_index(s, v);
    if (!w->ok) {
        sim_violate(s, V_VALIDITY, "v%zu sends what does not decode", i);
        return;
    }
    if (!s->o.no_persist_check) check_persisted(s, v, send, w);
    if (send->sequence < v->said_height) {
        sim_violate(s, V_CONTRADICTION, "v%zu goes back from height %" PRIu64 " to %" PRIu64, i,
                    v->said_height, send->sequence);
        return;
    }
    if (send->sequence > SIM_HEIGHTS) return;
    v->said_height = send->sequence;
    struct height_log *log = &s->log[send->sequence];
    struct said *said = SIM_NEW(s, struct said);
    *said = (struct said){.author = i,
                          .code = send->code,
                          .round = send->round,
                          .digest = send->digest,
                          .has_prepared = send->has_prepared,
                          .prepared_round = send->prepared_round};
    if (send->code == QBFT_PROPOSAL) {
        said->digest = reference_digest(s, &w->m.block.header, send->round);
        said->block = w->m.block.hash;
        if (send->round > 0 && send->prepare_count != 0) sim_mark(s, MARK_REPROPOSED);
    }
    if (send->code == QBFT_PREPARE || send->code == QBFT_COMMIT) {
        const struct proposed *p = find_proposed(log, send->round, &send->digest);
        if (p == NULL) {
            sim_violate(s, V_DIGEST,
                        "v%zu sends a %s of %" PRIu64 ".%" PRIu32 " for a block nobody proposed", i,
                        qbft_code_name(send->code), send->sequence, send->round);
            return;
        }
        said->block = p->block;
        if (!was_checked(v, send->sequence, send->round, &send->digest))
            sim_violate(s, V_VALIDITY,
                        "v%zu sends a %s of %" PRIu64 ".%" PRIu32 " for a block it has not checked",
                        i, qbft_code_name(send->code), send->sequence, send->round);
    }
    check_contradictions(s, v, said);
    said->next = log->said;
    log->said = said;
    check_against_chosen(s, send->sequence, said);
    if (send->code == QBFT_COMMIT) note_commit(s, v, send->sequence, said);
}

void check_final(struct sim *s, struct sim_node *v, const struct sim_block *b)
{
    const size_t i = sim_index(s, v);
    const uint64_t number = b->b.header.number;
    if (number != v->head + 1 || number > SIM_HEIGHTS) {
        sim_violate(s, V_INTEGRITY, "v%zu goes from block %" PRIu64 " to %" PRIu64, i, v->head,
                    number);
        return;
    }
    const err_t err = sim_block_check(s, v, &b->b, true, UINT64_MAX);
    if (!err_ok(err)) {
        sim_violate(s, V_VALIDITY, "v%zu takes an invalid block %" PRIu64 ": %s", i, number,
                    err.why);
        return;
    }
    struct height_log *log = &s->log[number];
    if (log->final != NULL && !hash_eq(&log->final->b.hash, &b->b.hash)) {
        sim_violate(s, V_AGREEMENT, "two blocks at height %" PRIu64 ", one of them at v%zu", number,
                    i);
        return;
    }
    if (log->has_chosen && !hash_eq(&log->chosen, &b->b.hash))
        sim_violate(s, V_CHOSEN, "v%zu takes another block %" PRIu64 " than was decided", i,
                    number);
    if (b->b.extra.round > 0) sim_mark(s, MARK_LATE_DECISION);
}

/// --- around each step

/// What the same author signed for the same round and is kept by the core; NULL if nothing.
static const struct qbft_payload *rival_of(const struct qbft *q, const struct qbft_message *m)
{
    const struct qbft_payload *p = &m->main;
    if (!q->running || p->sequence != q->height || q->self == NOT_A_VALIDATOR || q->is_committed ||
        p->round > QBFT_MAX_ROUND || address_eq(&p->author, &q->options.self))
        return NULL;
    const size_t who = qbft_index(q, &p->author);
    const struct qbft_votes *v = qbft_votes_find(q, p->round);
    if (who == NOT_A_VALIDATOR || v == NULL) return NULL;
    if (p->code == QBFT_PREPARE) return v->prepares[who];
    if (p->code == QBFT_COMMIT) return v->commits[who];
    if (p->code == QBFT_ROUND_CHANGE) return v->round_changes[who];
    const bool same = v->proposal != NULL && address_eq(&v->proposal->author, &p->author);
    return same ? v->proposal : NULL;
}

void check_before(struct sim *s, struct sim_node *v, const struct qbft_event *ev,
                  struct step_memory *m)
{
    (void)s;
    const struct qbft *q = v->core;
    *m = (struct step_memory){.round = q->round, .future = q->future_count, .height = q->height};
    if (ev->kind == QBFT_EV_MESSAGE) m->rival = rival_of(q, ev->message.message);
}

/// Whether two messages of one author, kind and round cannot both be honest.
static bool contradict(const struct sim *s, const struct qbft_payload *kept,
                       const struct qbft_message *m)
{
    const struct qbft_payload *p = &m->main;
    if (p->code == QBFT_PROPOSAL) {
        const hash_t digest = reference_digest(s, &m->block.header, p->round);
        return !hash_eq(&kept->digest, &digest);
    }
    if (p->code == QBFT_ROUND_CHANGE && (!kept->has_prepared || !p->has_prepared))
        return kept->has_prepared != p->has_prepared;
    if (p->code == QBFT_ROUND_CHANGE && kept->prepared_round != p->prepared_round) return true;
    return !hash_eq(&kept->digest, &p->digest);
}

static bool has_effect(const struct sim_node *v, enum qbft_effect_kind kind)
{
    for (size_t i = 0; i < v->fx.count; i++) {
        if (v->fx.items[i].kind == kind) return true;
    }
    return false;
}

static void check_message_step(struct sim *s, struct sim_node *v, const struct qbft_event *ev,
                               err_t err, const struct step_memory *m)
{
    const struct qbft *q = v->core;
    const size_t i = sim_index(s, v);
    const struct qbft_payload *p = &ev->message.message->main;
    const struct sim_node *author = sim_find(s, &p->author);
    if (err.kind == ERR_INVALID && author != NULL && !author->byz)
        sim_violate(s, V_REFUSED, "v%zu blames v%zu for its %s of %" PRIu64 ".%" PRIu32 ": %s", i,
                    sim_index(s, author), qbft_code_name(p->code), p->sequence, p->round, err.why);
    if (m->rival != NULL && contradict(s, m->rival, ev->message.message) &&
        !has_effect(v, QBFT_FX_EVIDENCE))
        sim_violate(s, V_EVIDENCE, "v%zu saw two %ss of %" PRIu64 ".%" PRIu32 " and kept nothing",
                    i, qbft_code_name(p->code), p->sequence, p->round);
    if (p->code == QBFT_ROUND_CHANGE && !ev->message.own && q->round > m->round &&
        q->height == m->height)
        sim_mark(s, MARK_JUMP);
}

/// What the messages of one height may need, whoever floods: for each of at most 1,000 rounds and
/// each validator three small messages, and some blocks.
static size_t most_bytes(const struct qbft *q)
{
    return ((size_t)4 << 20) + (q->n << 20);
}

static void check_bounds(struct sim *s, const struct sim_node *v)
{
    const struct qbft *q = v->core;
    if (q->future_count > QBFT_FUTURE_MESSAGES || q->round > QBFT_MAX_ROUND ||
        q->outgoing_count > ARRAY_LEN(q->outgoing) || q->height_arena.used > most_bytes(q) ||
        v->persisting_count > s->plan.queue_max) {
        sim_violate(s, V_BOUNDS, "v%zu keeps %zu early messages, %zu bytes, is in round %" PRIu32,
                    sim_index(s, v), q->future_count, q->height_arena.used, q->round);
        return;
    }
    if (s->result->counts.steps % 64 != 0) return; // the lists are long to walk
    size_t rounds = 0;
    for (const struct qbft_votes *r = q->votes; r != NULL; r = r->next) rounds++;
    size_t early = 0;
    size_t of_author[SIM_MAX] = {0};
    for (const struct qbft_future *f = q->future; f != NULL; f = f->next) {
        early++;
        const struct sim_node *a = sim_find(s, &f->message.main.author);
        if (a != NULL) of_author[sim_index(s, a)]++;
    }
    size_t most = 0;
    for (size_t i = 0; i < s->n; i++) most = of_author[i] > most ? of_author[i] : most;
    if (rounds > QBFT_MAX_ROUND + 1 || early != q->future_count || most > QBFT_FUTURE_MESSAGES)
        sim_violate(s, V_BOUNDS, "v%zu keeps %zu rounds, %zu early messages (%zu counted)",
                    sim_index(s, v), rounds, early, q->future_count);
}

void check_after(struct sim *s, struct sim_node *v, const struct qbft_event *ev, err_t err,
                 const struct step_memory *m)
{
    const struct qbft *q = v->core;
    check_bounds(s, v);
    if (q->round >= 5) sim_mark(s, MARK_ROUND_5);
    if (ev->kind == QBFT_EV_MESSAGE) check_message_step(s, v, ev, err, m);
    if (ev->kind == QBFT_EV_ROUND_TIMEOUT && q->round == m->round && q->round > 0 && q->started &&
        q->height == ev->timeout.height)
        sim_mark(s, MARK_HELD);
    if (ev->kind == QBFT_EV_NEW_BLOCK) {
        if (q->future_count < m->future && q->votes != NULL) sim_mark(s, MARK_FUTURE_USED);
        const bool member =
            address_index(v->validators, v->validator_count, &v->address) != SIZE_MAX;
        if (member && q->self == NOT_A_VALIDATOR) sim_mark(s, MARK_SILENT);
    }
    const struct qbft_certificate *c = q->certificates;
    if (ev->kind != QBFT_EV_MESSAGE || c == NULL || c->next == NULL) return;
    sim_mark(s, MARK_TWO_CERTIFICATES);
    if (!hash_eq(&c->block.hash, &c->next->block.hash)) sim_mark(s, MARK_CONFLICTING);
}

bool check_quiet(struct sim *s, bool report)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct sim_node *v = &s->nodes[i];
        if (v->byz || v->core == NULL) continue;
        const struct qbft *q = v->core;
        size_t early = 0;
        for (const struct qbft_future *f = q->future; f != NULL; f = f->next) {
            const struct sim_node *a = sim_find(s, &f->message.main.author);
            if (a != NULL && !a->byz) early++;
        }
        if (q->outgoing_count <= 4 && v->persisting_count <= 4 && early <= 4 * s->n &&
            q->height_arena.used <= ((size_t)8 << 20))
            continue;
        if (!report) return false;
        sim_violate(s, V_IDLE,
                    "v%zu still has %zu messages to send, %zu records to save, %zu early messages"
                    " of correct validators, %zu bytes",
                    i, q->outgoing_count, v->persisting_count, early, q->height_arena.used);
        return false;
    }
    return true;
}

bool check_alive(const struct sim *s)
{
    uint64_t head = SIM_FOREVER;
    for (size_t i = 0; i < s->n; i++) {
        const struct sim_node *v = &s->nodes[i];
        if (v->byz) continue;
        if (!v->up || v->head < s->heal_top + 3) return false;
        if (head == SIM_FOREVER) head = v->head;
        if (v->head != head) return false;
    }
    return true;
}
