// SPDX-License-Identifier: Apache-2.0
#include "test/unit/consensus/qbft_net.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "chain/base/endian.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "consensus/qbft/justification.h"

#define MUST(EXPR)                                                                                 \
    do {                                                                                           \
        const err_t must_err_ = (EXPR);                                                            \
        cr_assert(err_ok(must_err_), "%s: %s", #EXPR, err_text(must_err_));                        \
    } while (0)

#define START_MS 1000000000000U

struct net_message {
    struct net_message *next;
    uint64_t at_ms;
    uint64_t seq;
    size_t to;
    uint64_t life; ///< own messages are for this life of the node only
    bool own;
    enum qbft_code code;
    size_t len;
    uint8_t bytes[];
};

struct net_vote {
    size_t author;
    enum qbft_code code;
    uint64_t height;
    uint32_t round;
    hash_t content;
};

/// --- tags instead of signatures: r names the author, s binds author and digest ---

static void tag(secp_sig_t *sig, const address_t *author, const hash_t *digest)
{
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, BYTES_OF(*author));
    keccak_update(&k, BYTES_OF(*digest));
    const hash_t h = keccak_final(&k);
    memset(sig, 0, sizeof *sig);
    memcpy(sig->r + 12, author->b, 20);
    memcpy(sig->s, h.b, 32);
    sig->s[0] &= 0x3f;
}

static void sign_tag(void *ctx, secp_sig_t *sig, const hash_t *digest)
{
    tag(sig, ctx, digest);
}

static err_t recover_tag(void *ctx, address_t *author, const secp_sig_t *sig, const hash_t *digest)
{
    (void)ctx;
    secp_sig_t want;
    memcpy(author->b, sig->r + 12, 20);
    tag(&want, author, digest);
    if (memcmp(&want, sig, sizeof want) != 0) return FAIL(INVALID, "test: bad tag");
    return OK;
}

const struct qbft_crypto QBFT_NET_RECOVER = {.recover = recover_tag};

uint64_t qbft_net_random(struct qbft_net *net, uint64_t below)
{
    net->random ^= net->random << 13;
    net->random ^= net->random >> 7;
    net->random ^= net->random << 17;
    return net->random % below;
}

/// --- blocks ---

bytes_t qbft_net_block(struct qbft_net *net, struct arena *arena, size_t proposer, uint64_t height,
                       const hash_t *parent, uint32_t round, uint64_t timestamp_s, uint64_t tag_of)
{
    static const uint8_t vanity[32] = {0};
    const struct extra_data extra = {.vanity = BYTES_OF(vanity),
                                     .validators = net->validators,
                                     .validator_count = net->n,
                                     .round = round};
    struct buf e;
    struct buf b;
    buf_init(&e, 65536);
    buf_init(&b, 65536);
    extra_data_encode(&e, &extra);
    struct header h = {.parent_hash = *parent,
                       .coinbase = net->nodes[proposer].address,
                       .difficulty = u256_from_u64(1),
                       .number = height,
                       .gas_limit = 30000000,
                       .timestamp_s = timestamp_s,
                       .extra_data = buf_bytes(&e),
                       .mix_hash = QBFT_MIX_HASH,
                       .field_count = HEADER_FIELDS_CLASSIC};
    be_put_u64(h.state_root.b, tag_of);
    const size_t list = rlp_list_begin(&b);
    header_encode(&b, &h);
    buf_put(&b, LIT("\xc0\xc0"));
    rlp_list_end(&b, list);
    bool full = false;
    const bytes_t raw = arena_copy(arena, buf_bytes(&b), &full);
    cr_assert(!full && err_ok(buf_status(&b)));
    buf_deinit(&e);
    buf_deinit(&b);
    return raw;
}

/// --- the wire ---

static void enqueue(struct qbft_net *net, size_t to, bool own, enum qbft_code code, bytes_t wire,
                    uint64_t delay_ms)
{
    struct net_message *m = malloc(sizeof *m + wire.len);
    cr_assert(m != NULL);
    *m = (struct net_message){.at_ms = net->now_ms + delay_ms,
                              .seq = net->seq++,
                              .to = to,
                              .own = own,
                              .code = code,
                              .len = wire.len};
    memcpy(m->bytes, wire.data, wire.len);
    struct net_message **at = &net->queue;
    while (*at != NULL && (*at)->at_ms <= m->at_ms) at = &(*at)->next;
    m->next = *at;
    *at = m;
}

/// Everything that a correct validator ever signs for one (height, round, kind) is one thing.
static void record_vote(struct qbft_net *net, size_t author, const struct qbft_send *s)
{
    hash_t content = s->digest;
    if (s->code == QBFT_PROPOSAL) content = keccak256(s->block);
    if (s->code == QBFT_ROUND_CHANGE && s->has_prepared) content.b[0] ^= (uint8_t)s->prepared_round;
    uint32_t committed_round = 0;
    bool committed = false;
    for (size_t i = 0; i < net->vote_count; i++) {
        const struct net_vote *v = &net->votes[i];
        if (v->author != author || v->height != s->sequence) continue;
        if (v->code == s->code && v->round == s->round)
            cr_assert(hash_eq(&v->content, &content), "node %zu signs two %s at %llu.%u", author,
                      qbft_code_name(s->code), (unsigned long long)s->sequence, s->round);
        if (v->code == QBFT_ROUND_CHANGE)
            cr_assert(v->round <= s->round, "node %zu goes back from round %u", author, v->round);
        if (v->code == QBFT_COMMIT && (!committed || v->round > committed_round)) {
            committed = true;
            committed_round = v->round;
        }
    }
    if (s->code == QBFT_ROUND_CHANGE && committed && s->round > committed_round)
        cr_assert(s->has_prepared && s->prepared_round >= committed_round,
                  "node %zu forgets its lock", author);
    if (net->vote_count == net->vote_cap) {
        net->vote_cap = net->vote_cap == 0 ? 1024 : 2 * net->vote_cap;
        net->votes = realloc(net->votes, net->vote_cap * sizeof *net->votes);
        cr_assert(net->votes != NULL);
    }
    net->votes[net->vote_count++] =
        (struct net_vote){author, s->code, s->sequence, s->round, content};
}

bytes_t qbft_net_forge(struct qbft_net *net, struct arena *arena, size_t as,
                       const struct qbft_send *send)
{
    struct buf b;
    buf_init(&b, (size_t)8 * 1024 * 1024);
    const struct qbft_crypto crypto = {.sign = sign_tag, .ctx = &net->nodes[as].address};
    qbft_message_sign(&b, send, net->wire, &crypto);
    bool full = false;
    const bytes_t copy = arena_copy(arena, buf_bytes(&b), &full);
    cr_assert(!full && err_ok(buf_status(&b)));
    buf_deinit(&b);
    return copy;
}

static void send_out(struct qbft_net *net, size_t from, const struct qbft_send *s)
{
    // Persist before send: what is said must be what the record on disk says.
    const struct guard_record *d = &net->nodes[from].disk;
    cr_assert_eq(d->height, s->sequence);
    cr_assert_eq(d->round, s->round);
    switch (s->code) {
    case QBFT_PROPOSAL:
        cr_assert(d->proposal.sent);
        break;
    case QBFT_PREPARE:
        cr_assert(d->prepare.sent && hash_eq(&d->prepare.digest, &s->digest));
        break;
    case QBFT_COMMIT:
        cr_assert(d->commit.sent && hash_eq(&d->commit.digest, &s->digest));
        break;
    case QBFT_ROUND_CHANGE:
        cr_assert(d->round_change_sent);
        break;
    }
    record_vote(net, from, s);

    struct arena a;
    MUST(arena_init(&a, (size_t)16 * 1024 * 1024));
    const bytes_t wire = qbft_net_forge(net, &a, from, s);
    enqueue(net, from, true, s->code, wire, 0);
    for (size_t to = 0; to < net->n; to++) {
        const struct net_letter letter = {from, to, s->code, s->sequence, s->round};
        if (to == from) continue;
        if (net->lost != NULL && net->lost(net->ctx, &letter)) continue;
        if (qbft_net_random(net, 100) < net->loss_percent) continue;
        enqueue(net, to, false, s->code, wire,
                1 + (net->max_delay_ms == 0 ? 0 : qbft_net_random(net, net->max_delay_ms)));
    }
    arena_deinit(&a);
}

/// --- one node ---

static bytes_t keep(struct arena *a, bytes_t in)
{
    bool full = false;
    const bytes_t copy = arena_copy(a, in, &full);
    cr_assert(!full);
    return copy;
}

/// The disk: a deep copy that survives kills.
static void save(struct net_node *v, const struct guard_record *r)
{
    MUST(guard_may_follow(&v->disk, r));
    struct arena fresh;
    MUST(arena_init(&fresh, (size_t)16 * 1024 * 1024));
    struct guard_record copy = *r;
    copy.prepared_block = keep(&fresh, r->prepared_block);
    copy.prepared_prepares = keep(&fresh, r->prepared_prepares);
    copy.proposal_block = keep(&fresh, r->proposal_block);
    arena_deinit(&v->disk_arena);
    v->disk_arena = fresh;
    v->disk = copy;
}

static err_t happen(struct qbft_net *net, size_t i, struct qbft_event *ev);

void qbft_net_tell_head(struct qbft_net *net, size_t i)
{
    struct net_node *v = &net->nodes[i];
    const struct qbft_head head = {.number = v->head,
                                   .hash = v->head_hash,
                                   .timestamp_s = v->head_time_s,
                                   .proposer = v->head_proposer,
                                   .validators = net->validators,
                                   .validator_count = net->set_count[v->head + 1],
                                   .block_period_ms = net->block_period_ms,
                                   .empty_block_period_ms = net->empty_block_period_ms,
                                   .on_demand = net->on_demand,
                                   .request_timeout_ms = 1000,
                                   .max_request_timeout_ms = 60000};
    struct qbft_event ev = {.kind = QBFT_EV_NEW_BLOCK, .new_block = &head};
    block_timer_on_head(&v->block_timer);
    MUST(happen(net, i, &ev));
}

static void look_at_block_timer(struct net_node *v)
{
    v->timer_at[QBFT_TIMER_BLOCK] = block_timer_due(&v->block_timer, !v->idle);
}

void qbft_net_set_work(struct qbft_net *net, size_t i, bool work)
{
    struct net_node *v = &net->nodes[i];
    v->idle = !work;
    if (work) block_timer_on_txs(&v->block_timer);
    look_at_block_timer(v);
}

static void commit(struct qbft_net *net, size_t i, const struct qbft_effect *e)
{
    struct net_node *v = &net->nodes[i];
    const struct header *h = &e->commit.block->header;
    cr_assert_eq(h->number, v->head + 1);
    cr_assert(hash_eq(&h->parent_hash, &v->head_hash));
    cr_assert_geq(e->commit.seal_count, qbft_quorum(net->set_count[h->number]));
    hash_t sealed;
    MUST(qbft_seal_hash(&sealed, h, e->commit.round));
    bool seen[QBFT_NET_MAX] = {false};
    for (size_t s = 0; s < e->commit.seal_count; s++) {
        address_t signer;
        MUST(recover_tag(NULL, &signer, &e->commit.seals[s], &sealed));
        const size_t who = address_index(net->validators, net->set_count[h->number], &signer);
        cr_assert(who != SIZE_MAX && !seen[who]);
        seen[who] = true;
    }
    for (size_t j = 0; j < net->n; j++) {
        const struct net_node *w = &net->nodes[j];
        if (w->head >= h->number)
            cr_assert(hash_eq(&w->chain[h->number], &e->commit.block->hash),
                      "two blocks at height %llu", (unsigned long long)h->number);
    }
    v->head = h->number;
    v->head_hash = e->commit.block->hash;
    v->head_time_s = h->timestamp_s;
    v->head_proposer = h->coinbase;
    v->head_round = e->commit.round;
    cr_assert(v->head < ARRAY_LEN(v->chain));
    v->chain[v->head] = v->head_hash;
}

/// Does what a driver does. Answers come at once, as events of their own.
static void act(struct qbft_net *net, size_t i, const struct qbft_effect *e)
{
    struct net_node *v = &net->nodes[i];
    struct qbft_event ev = {.kind = QBFT_EV_PERSISTED};
    struct arena a;
    switch (e->kind) {
    case QBFT_FX_SEND:
        send_out(net, i, &e->send);
        return;
    case QBFT_FX_RELAY:
        return;
    case QBFT_FX_PERSIST:
        save(v, e->persist.record);
        if (qbft_net_random(net, 100) < net->crash_percent) {
            v->alive = false;
            return;
        }
        ev.persisted.guard_seq = e->persist.guard_seq;
        break;
    case QBFT_FX_BUILD:
        MUST(arena_init(&a, 1024 * 1024));
        v->built[e->build.height]++;
        ev.kind = QBFT_EV_BUILT;
        ev.built.height = e->build.height;
        ev.built.round = e->build.round;
        block_timer_on_build(&v->block_timer);
        if (e->build.allow_empty || (!net->on_demand && !v->idle))
            ev.built.block = qbft_net_block(net, &a, i, e->build.height, &v->head_hash,
                                            net->wire == QBFT_WIRE_GOQUORUM ? 0 : e->build.round,
                                            e->build.timestamp_s, net->seq++);
        block_timer_on_built(&v->block_timer, ev.built.block.len == 0, net->now_ms);
        MUST(happen(net, i, &ev));
        arena_deinit(&a);
        return;
    case QBFT_FX_CHECK:
        ev.kind = QBFT_EV_CHECKED;
        ev.checked.height = e->check.height;
        ev.checked.round = e->check.round;
        ev.checked.digest = e->check.digest;
        ev.checked.valid =
            !v->refuse_blocks && hash_eq(&e->check.block->header.parent_hash, &v->head_hash);
        break;
    case QBFT_FX_SET_TIMER:
        if (e->set_timer.timer == QBFT_TIMER_BLOCK) {
            block_timer_set(&v->block_timer, e);
            look_at_block_timer(v);
        } else {
            v->timer_at[e->set_timer.timer] = e->set_timer.at_ms;
        }
        v->timer_height[e->set_timer.timer] = e->set_timer.height;
        v->timer_round[e->set_timer.timer] = e->set_timer.round;
        return;
    case QBFT_FX_COMMIT_BLOCK:
        commit(net, i, e);
        qbft_net_tell_head(net, i);
        return;
    case QBFT_FX_BLAME:
        v->blamed++;
        v->last_blame = e->blame.why;
        return;
    case QBFT_FX_EVIDENCE:
        v->evidence++;
        return;
    case QBFT_FX_SELF_CONFLICT:
        v->self_conflict = true;
        return;
    }
    MUST(happen(net, i, &ev));
}

static err_t happen(struct qbft_net *net, size_t i, struct qbft_event *ev)
{
    struct net_node *v = &net->nodes[i];
    if (!v->alive) return OK;
    ev->now_ms = net->now_ms;
    const err_t err = qbft_step(v->core, &v->fx, ev);
    // Effects may lead to further steps, which use the same list: a copy of it is walked.
    struct qbft_effect *items = malloc(v->fx.count * sizeof *items + 1);
    cr_assert(items != NULL);
    const size_t count = v->fx.count;
    memcpy(items, v->fx.items, count * sizeof *items);
    for (size_t k = 0; k < count && v->alive; k++) act(net, i, &items[k]);
    free(items);
    return err;
}

static err_t hand_over(struct qbft_net *net, size_t to, bool own, enum qbft_code code, bytes_t wire)
{
    struct arena a;
    MUST(arena_init(&a, (size_t)16 * 1024 * 1024));
    struct qbft_message m;
    err_t err = qbft_message_decode(&m, &a, code, wire);
    if (err_ok(err)) err = qbft_message_recover(&m, &QBFT_NET_RECOVER);
    struct qbft_event ev = {.kind = QBFT_EV_MESSAGE, .message = {.message = &m, .own = own}};
    if (err_ok(err)) err = happen(net, to, &ev);
    arena_deinit(&a);
    return err;
}

err_t qbft_net_deliver(struct qbft_net *net, size_t to, enum qbft_code code, bytes_t wire)
{
    return hand_over(net, to, false, code, wire);
}

/// --- time ---

static bool fire_timer(struct qbft_net *net, uint64_t before_ms)
{
    size_t who = SIZE_MAX;
    size_t which = 0;
    uint64_t best = before_ms;
    for (size_t i = 0; i < net->n; i++) {
        for (size_t t = 0; t < 2 && net->nodes[i].alive; t++) {
            if (net->nodes[i].timer_at[t] >= best) continue;
            best = net->nodes[i].timer_at[t];
            who = i;
            which = t;
        }
    }
    if (who == SIZE_MAX) return false;
    struct net_node *v = &net->nodes[who];
    if (best > net->now_ms) net->now_ms = best;
    v->timer_at[which] = QBFT_NEVER;
    if (which == QBFT_TIMER_BLOCK) v->block_timer.armed = false;
    struct qbft_event ev = {.kind = which == QBFT_TIMER_BLOCK ? QBFT_EV_BLOCK_TIMEOUT
                                                              : QBFT_EV_ROUND_TIMEOUT,
                            .timeout = {v->timer_height[which], v->timer_round[which]}};
    MUST(happen(net, who, &ev));
    return true;
}

/// When the next thing happens; QBFT_NEVER if nothing will.
static uint64_t next_event_ms(const struct qbft_net *net)
{
    uint64_t next = net->queue == NULL ? QBFT_NEVER : net->queue->at_ms;
    for (size_t i = 0; i < net->n; i++) {
        for (size_t t = 0; t < 2 && net->nodes[i].alive; t++) {
            if (net->nodes[i].timer_at[t] < next) next = net->nodes[i].timer_at[t];
        }
    }
    return next;
}

bool qbft_net_step(struct qbft_net *net)
{
    const uint64_t next = net->queue == NULL ? QBFT_NEVER : net->queue->at_ms;
    if (fire_timer(net, next)) return true;
    struct net_message *m = net->queue;
    if (m == NULL) return false;
    net->queue = m->next;
    if (m->at_ms > net->now_ms) net->now_ms = m->at_ms;
    if (net->nodes[m->to].alive) {
        const err_t err = hand_over(net, m->to, m->own, m->code, bytes_make(m->bytes, m->len));
        cr_assert(err_ok(err), "an honest message is refused: %s", err_text(err));
        net->delivered++;
    }
    free(m);
    return true;
}

bool qbft_net_run_to(struct qbft_net *net, uint64_t height, uint64_t limit_ms)
{
    const uint64_t until = net->now_ms + limit_ms;
    for (size_t steps = 1;; steps++) {
        if (steps % 200 == 0) qbft_net_sync(net);
        bool there = true;
        for (size_t i = 0; i < net->n; i++)
            there = there && (!net->nodes[i].alive || net->nodes[i].head >= height);
        if (there) return true;
        if (net->now_ms > until || !qbft_net_step(net)) return false;
    }
}

void qbft_net_run_ms(struct qbft_net *net, uint64_t ms)
{
    const uint64_t until = net->now_ms + ms;
    while (next_event_ms(net) <= until && qbft_net_step(net)) {
    }
    net->now_ms = until;
}

/// --- life ---

void qbft_net_kill(struct qbft_net *net, size_t i)
{
    net->nodes[i].alive = false;
}

/// Blocks come by synchronisation too. @return false if nobody has a higher one
static bool take_highest(struct qbft_net *net, struct net_node *v)
{
    bool moved = false;
    for (size_t j = 0; j < net->n; j++) {
        const struct net_node *w = &net->nodes[j];
        if (w->head <= v->head) continue;
        moved = true;
        v->head = w->head;
        v->head_hash = w->head_hash;
        v->head_time_s = w->head_time_s;
        v->head_proposer = w->head_proposer;
        memcpy(v->chain, w->chain, sizeof v->chain);
    }
    return moved;
}

void qbft_net_sync(struct qbft_net *net)
{
    for (size_t i = 0; i < net->n; i++) {
        if (net->nodes[i].alive && take_highest(net, &net->nodes[i])) qbft_net_tell_head(net, i);
    }
}

void qbft_net_start(struct qbft_net *net, size_t i)
{
    struct net_node *v = &net->nodes[i];
    // Own messages of the former life never reached it.
    for (struct net_message **at = &net->queue; *at != NULL;) {
        struct net_message *m = *at;
        if (m->own && m->to == i) {
            *at = m->next;
            free(m);
        } else {
            at = &m->next;
        }
    }
    if (v->core != NULL) {
        qbft_free(v->core);
        arena_reset(&v->arena);
    }
    take_highest(net, v);
    const struct qbft_options o = {.self = v->address,
                                   .wire = net->wire,
                                   .max_bytes = (size_t)32 * 1024 * 1024,
                                   .crypto = QBFT_NET_RECOVER};
    MUST(qbft_new(&v->core, &v->arena, &o, &v->disk));
    v->timer_at[0] = v->timer_at[1] = QBFT_NEVER;
    v->block_timer = (struct block_timer){.armed = false};
    v->alive = true;
    qbft_net_tell_head(net, i);
}

void qbft_net_init(struct qbft_net *net, size_t n, enum qbft_wire wire, uint64_t seed)
{
    memset(net, 0, sizeof *net);
    net->n = n;
    for (size_t h = 0; h < ARRAY_LEN(net->set_count); h++) net->set_count[h] = n;
    net->block_period_ms = 1000;
    net->wire = wire;
    net->now_ms = START_MS;
    net->random = seed * 2654435761U + 88172645463325252U;
    for (size_t i = 0; i < n; i++) {
        net->validators[i].b[0] = (uint8_t)(i + 1);
        net->nodes[i].address = net->validators[i];
        net->nodes[i].fx = (struct qbft_effects){net->nodes[i].items, 0, 2 * QBFT_EFFECTS_ROOM};
        net->nodes[i].head_time_s = START_MS / 1000;
        MUST(arena_init(&net->nodes[i].arena, 1024 * 1024));
    }
    for (size_t i = 0; i < n; i++) qbft_net_start(net, i);
}

void qbft_net_deinit(struct qbft_net *net)
{
    while (net->queue != NULL) {
        struct net_message *m = net->queue;
        net->queue = m->next;
        free(m);
    }
    for (size_t i = 0; i < net->n; i++) {
        qbft_free(net->nodes[i].core);
        arena_deinit(&net->nodes[i].arena);
        arena_deinit(&net->nodes[i].disk_arena);
    }
    free(net->votes);
}
