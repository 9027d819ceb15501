// SPDX-License-Identifier: Apache-2.0
#include "consensus/qbft/qbft_impl.h"

#include "chain/codec/rlp.h"
#include "consensus/qbft/justification.h"
#include "consensus/qbft/mutants.h"

#define HEIGHT_BYTES ((size_t)256 * 1024 * 1024)

const char *qbft_phase_name(enum qbft_phase phase)
{
    switch (phase) {
    case QBFT_IDLE:
        return "idle";
    case QBFT_ROUND:
        return "wait-proposal";
    case QBFT_BUILDING:
        return "building";
    case QBFT_CHECKING:
        return "checking";
    case QBFT_PROPOSED:
        return "proposed";
    case QBFT_PREPARED:
        return "prepared";
    case QBFT_COMMITTING:
        return "committing";
    case QBFT_FOLLOWING:
        return "following";
    }
    unreachable("qbft phase");
}

err_t qbft_new(struct qbft **out, struct arena *arena, const struct qbft_options *options,
               const struct guard_record *record)
{
    struct qbft *q = ARENA_NEW(arena, struct qbft);
    if (q == NULL) return FAIL(FULL, "qbft: no room for the state");
    q->options = *options;
    q->record = *record;
    bool full = false;
    q->record.prepared_block = arena_copy(arena, record->prepared_block, &full);
    q->record.prepared_prepares = arena_copy(arena, record->prepared_prepares, &full);
    q->record.proposal_block = arena_copy(arena, record->proposal_block, &full);
    if (full) return FAIL(FULL, "qbft: no room for the guard's record");
    q->self = NOT_A_VALIDATOR;
    err_t err =
        arena_init(&q->height_arena, options->max_bytes != 0 ? options->max_bytes : HEIGHT_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(q->future_arena) && err_ok(err); i++)
        err = arena_init(&q->future_arena[i], QBFT_FUTURE_BYTES);
    if (!err_ok(err)) {
        qbft_free(q);
        return err;
    }
    *out = q;
    return OK;
}

void qbft_free(struct qbft *q)
{
    if (q == NULL) return;
    arena_deinit(&q->height_arena);
    for (size_t i = 0; i < ARRAY_LEN(q->future_arena); i++) arena_deinit(&q->future_arena[i]);
}

/// --- effects ---

struct qbft_effect *qbft_emit(struct qbft *q, enum qbft_effect_kind kind)
{
    check(q->fx->count < q->fx->cap);
    struct qbft_effect *e = &q->fx->items[q->fx->count++];
    *e = (struct qbft_effect){.kind = kind};
    return e;
}

struct qbft_effect *qbft_tell(struct qbft *q, enum qbft_effect_kind kind)
{
    if (q->fx->count + QBFT_EFFECTS_ROOM / 2 > q->fx->cap) return NULL;
    return qbft_emit(q, kind);
}

err_t qbft_blame(struct qbft *q, const struct qbft_payload *p, const char *why)
{
    struct qbft_effect *e = qbft_tell(q, QBFT_FX_BLAME);
    if (e != NULL) {
        e->blame.author = p->author;
        e->blame.why = why;
    }
    return (err_t){ERR_INVALID, why};
}

void qbft_show_evidence(struct qbft *q, const struct qbft_payload *a, const struct qbft_payload *b)
{
    struct qbft_effect *e = qbft_tell(q, QBFT_FX_EVIDENCE);
    if (e == NULL) return;
    e->evidence.a = a;
    e->evidence.b = b;
}

void qbft_set_timer(struct qbft *q, enum qbft_timer timer, uint64_t at_ms, uint64_t idle_at_ms)
{
    struct qbft_effect *e = qbft_emit(q, QBFT_FX_SET_TIMER);
    e->set_timer.timer = timer;
    e->set_timer.height = q->height;
    e->set_timer.round = q->round;
    e->set_timer.at_ms = at_ms;
    e->set_timer.idle_at_ms = idle_at_ms;
}

/// --- the guard ---

struct guard_record qbft_next_record(const struct qbft *q)
{
    struct guard_record next = q->record;
    if (next.height != q->height) next = (struct guard_record){.height = q->height};
    if (next.round != q->round) {
        // What was said in an earlier round binds no more, but for the lock.
        next.round = q->round;
        next.proposal = next.prepare = next.commit = (struct guard_sent){.sent = false};
        next.round_change_sent = next.round_change_prepared = false;
        next.round_change_prepared_round = 0;
        memset(&next.round_change_prepared_digest, 0, sizeof next.round_change_prepared_digest);
        next.proposal_block = BYTES_NONE;
    }
    return next;
}

/// Forgets what no longer may or need leave: rounds that are over.
static void drop_stale_outgoing(struct qbft *q)
{
    size_t kept = 0;
    for (size_t i = 0; i < q->outgoing_count; i++) {
        if (q->outgoing[i].send.round >= q->round) q->outgoing[kept++] = q->outgoing[i];
    }
    q->outgoing_count = kept;
}

void qbft_say(struct qbft *q, const struct guard_record *next, const struct qbft_send *send)
{
    if (q->self == NOT_A_VALIDATOR) return;
    if (!err_ok(guard_may_follow(&q->record, next))) return; // would contradict what was signed
    if (q->outgoing_count == ARRAY_LEN(q->outgoing)) drop_stale_outgoing(q);
    if (q->outgoing_count == ARRAY_LEN(q->outgoing)) return; // the disk stands still: so do we

    const struct guard_record before = q->record;
    q->record = *next;
    q->guard_seq++;
    if (MUTANT(SEND_BEFORE_PERSIST)) qbft_emit(q, QBFT_FX_SEND)->send = *send;
    struct qbft_effect *e = qbft_emit(q, QBFT_FX_PERSIST);
    e->persist.guard_seq = q->guard_seq;
    e->persist.record = &q->record;
    if (MUTANT(GUARD_NOT_PERSISTED)) e->persist.record = &before;
    q->outgoing[q->outgoing_count++] = (struct qbft_outgoing){q->guard_seq, *send};
}

/// --- sets and rounds ---

const address_t *qbft_proposer(const address_t *validators, size_t count, const address_t *previous,
                               uint64_t height, uint32_t round, enum qbft_wire wire)
{
    const size_t at = address_index(validators, count, previous);
    size_t first; // index in round 0
    if (at != SIZE_MAX) {
        first = at + 1;
    } else if (wire == QBFT_WIRE_GOQUORUM) {
        first = height == 1 ? 0 : 1;
    } else {
        first = 0;
        while (first < count && address_cmp(&validators[first], previous) < 0) first++;
    }
    return &validators[(first + round) % count];
}

size_t qbft_index(const struct qbft *q, const address_t *who)
{
    return address_index(q->validators, q->n, who);
}

size_t qbft_q(const struct qbft *q)
{
    return qbft_quorum(q->n) - (MUTANT(QUORUM_LESS_ONE) && q->n > 1);
}

const address_t *qbft_round_proposer(const struct qbft *q, uint32_t round)
{
    return qbft_proposer(q->validators, q->n, &q->head.proposer, q->height, round, q->options.wire);
}

bool qbft_is_own_turn(const struct qbft *q, uint32_t round)
{
    return q->self != NOT_A_VALIDATOR &&
           address_eq(qbft_round_proposer(q, round), &q->options.self);
}

const struct qbft_votes *qbft_votes_find(const struct qbft *q, uint32_t round)
{
    for (const struct qbft_votes *v = q->votes; v != NULL && v->round <= round; v = v->next) {
        if (v->round == round) return v;
    }
    return NULL;
}

struct qbft_votes *qbft_votes_of(struct qbft *q, uint32_t round)
{
    struct qbft_votes **at = &q->votes;
    while (*at != NULL && (*at)->round < round) at = &(*at)->next;
    if (*at != NULL && (*at)->round == round) return *at;

    struct arena *a = &q->height_arena;
    const size_t mark = arena_mark(a);
    struct qbft_votes *v = ARENA_NEW(a, struct qbft_votes);
    if (v != NULL) {
        v->prepares = ARENA_ARRAY(a, const struct qbft_payload *, q->n);
        v->commits = ARENA_ARRAY(a, const struct qbft_payload *, q->n);
        v->round_changes = ARENA_ARRAY(a, const struct qbft_payload *, q->n);
        v->seal_state = ARENA_ARRAY(a, uint8_t, q->n);
    }
    if (v == NULL || v->prepares == NULL || v->commits == NULL || v->round_changes == NULL ||
        v->seal_state == NULL) {
        arena_rewind(a, mark);
        return NULL;
    }
    v->round = round;
    v->next = *at;
    *at = v;
    return v;
}

static uint64_t round_timeout_ms(const struct qbft *q)
{
    const uint64_t cap = q->head.max_request_timeout_ms;
    // Alone there is nobody to wait for but the own disk.
    if (q->n == 1 || q->round >= 32) return cap;
    const uint64_t first = q->head.request_timeout_ms;
    return first > (cap >> q->round) ? cap : first << q->round;
}

void qbft_start_round(struct qbft *q)
{
    const bool early = q->round == 0 && !q->block_time && q->due_at_ms > q->now_ms;
    const uint64_t from_ms = early ? q->due_at_ms : q->now_ms;
    const uint64_t timeout_ms = round_timeout_ms(q);
    q->started = true;
    const uint64_t at_ms = from_ms > QBFT_NEVER - timeout_ms ? QBFT_NEVER : from_ms + timeout_ms;
    qbft_set_timer(q, QBFT_TIMER_ROUND, at_ms, QBFT_NEVER);
}

bool qbft_is_met(const struct qbft *q)
{
    bool seen[QBFT_MAX_VALIDATORS] = {false};
    size_t count = 1; // ourselves
    seen[q->self] = true;
    for (const struct qbft_votes *v = q->votes; v != NULL; v = v->next) {
        if (v->round < q->round) continue;
        for (size_t i = 0; i < q->n; i++) {
            if (v->round_changes[i] == NULL || seen[i]) continue;
            seen[i] = true;
            count++;
        }
    }
    return count >= qbft_q(q);
}

void qbft_meet(struct qbft *q)
{
    if (q->round == 0 || q->is_met) return;
    q->is_met = true;
    qbft_start_round(q);
}

void qbft_enter_round(struct qbft *q, uint32_t round)
{
    check(round > q->round);
    q->round = round;
    q->asked = q->building = false;
    q->accepted = NULL;
    q->is_prepared = false;
    if (!q->block_time) {
        q->block_time = true;
        qbft_set_timer(q, QBFT_TIMER_BLOCK, QBFT_NEVER, QBFT_NEVER);
    }
    if (q->candidate != NULL && q->candidate->round < round) q->candidate = NULL;
    drop_stale_outgoing(q);
    q->is_met = qbft_is_met(q);
    if (!MUTANT(TIMER_NOT_RESET)) qbft_start_round(q);
}

/// --- certificates ---

const struct qbft_certificate *qbft_certificate_find(const struct qbft *q, uint32_t round,
                                                     const hash_t *digest)
{
    for (const struct qbft_certificate *c = q->certificates; c != NULL; c = c->next) {
        if (c->round == round && hash_eq(&c->digest, digest)) return c;
    }
    return NULL;
}

const struct qbft_certificate *qbft_certificate_keep(struct qbft *q, uint32_t round,
                                                     const hash_t *digest,
                                                     const struct qbft_block *block,
                                                     const struct qbft_payload *const *prepares,
                                                     size_t count)
{
    struct arena *a = &q->height_arena;
    const size_t mark = arena_mark(a);
    struct qbft_certificate *c = ARENA_NEW(a, struct qbft_certificate);
    struct qbft_payload *list = ARENA_ARRAY(a, struct qbft_payload, count);
    bool full = false;
    const bytes_t raw = arena_copy(a, block->raw, &full);
    bool ok = c != NULL && list != NULL && !full && err_ok(qbft_block_decode(&c->block, a, raw));
    for (size_t i = 0; i < count && ok; i++)
        ok = err_ok(qbft_payload_copy(&list[i], a, prepares[i]));
    if (!ok) {
        arena_rewind(a, mark);
        return NULL;
    }
    c->round = round;
    c->digest = *digest;
    c->prepares = list;
    c->prepare_count = count;
    c->next = q->certificates;
    q->certificates = c;
    return c;
}

err_t qbft_fill_prepares(struct qbft *q, struct qbft_send *send, const struct qbft_certificate *c)
{
    bytes_t *raws = ARENA_ARRAY(&q->height_arena, bytes_t, c->prepare_count);
    if (raws == NULL) return FAIL(FULL, "qbft: no room for a certificate");
    for (size_t i = 0; i < c->prepare_count; i++) raws[i] = c->prepares[i].raw;
    send->prepares = raws;
    send->prepare_count = c->prepare_count;
    return OK;
}

err_t qbft_make_proposal(struct qbft *q, struct qbft_proposal **out, const struct qbft_block *block,
                         uint32_t round)
{
    struct qbft_proposal *p = ARENA_NEW(&q->height_arena, struct qbft_proposal);
    if (p == NULL) return FAIL(FULL, "qbft: no room for a proposal");
    p->round = round;
    p->block = *block;
    TRY(qbft_digest(&p->digest, &block->header, round, q->options.wire));
    TRY(qbft_seal_hash(&p->seal_hash, &block->header, round));
    *out = p;
    return OK;
}

/// --- looking ---

static size_t count_for(const struct qbft_payload *const *payloads, size_t n, const hash_t *digest)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (payloads[i] != NULL && hash_eq(&payloads[i]->digest, digest)) count++;
    }
    return count;
}

static enum qbft_phase phase_of(const struct qbft *q)
{
    if (q->self == NOT_A_VALIDATOR) return QBFT_FOLLOWING;
    if (q->is_committed) return QBFT_COMMITTING;
    if (q->is_prepared) return QBFT_PREPARED;
    if (q->accepted != NULL) return QBFT_PROPOSED;
    if (q->candidate != NULL) return QBFT_CHECKING;
    if (q->building) return QBFT_BUILDING;
    return q->started ? QBFT_ROUND : QBFT_IDLE;
}

void qbft_look(const struct qbft *q, struct qbft_view *out)
{
    *out = (struct qbft_view){.height = q->height,
                              .round = q->round,
                              .phase = phase_of(q),
                              .is_validator = q->self != NOT_A_VALIDATOR,
                              .muted = q->muted,
                              .validator_count = q->n,
                              .future_count = q->future_count};
    if (q->n != 0) out->proposer = *qbft_round_proposer(q, q->round);
    const struct qbft_votes *v = qbft_votes_find(q, q->round);
    if (v != NULL && q->accepted != NULL) {
        out->prepare_count = count_for(v->prepares, q->n, &q->accepted->digest);
        out->commit_count = count_for(v->commits, q->n, &q->accepted->digest);
    }
}
