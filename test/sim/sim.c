// SPDX-License-Identifier: Apache-2.0
/// One run: the queue of events, the clock, keys, and the end.

#include "test/sim/sim.h"

#include "chain/base/endian.h"
#include "chain/crypto/keccak.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ARENA_BYTES ((size_t)16 << 30)
#define SCRATCH_BYTES ((size_t)256 << 20)
#define MOST_EVENTS 40000000 ///< of one run; the longest need a few millions

/// --- the queue: a heap by (time, number)

static bool before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

struct event *sim_post(struct sim *s, uint64_t at_us, enum event_kind kind, size_t node)
{
    if (s->heap_count == s->heap_cap) {
        s->heap_cap = s->heap_cap == 0 ? 1024 : 2 * s->heap_cap;
        s->heap = realloc(s->heap, s->heap_cap * sizeof *s->heap);
        check(s->heap != NULL);
    }
    const struct event e = {.at_us = at_us < s->now_us ? s->now_us : at_us,
                            .seq = s->seq++,
                            .kind = kind,
                            .node = (uint32_t)node};
    size_t i = s->heap_count++;
    while (i > 0 && before(&e, &s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = e;
    return &s->heap[i];
}

struct event *sim_post_alive(struct sim *s, uint64_t at_us, enum event_kind kind, size_t node)
{
    struct event *e = sim_post(s, at_us, kind, node);
    e->life = s->nodes[node].life;
    return e;
}

static struct event take(struct sim *s)
{
    const struct event first = s->heap[0];
    const struct event last = s->heap[--s->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->heap_count) break;
        if (child + 1 < s->heap_count && before(&s->heap[child + 1], &s->heap[child])) child++;
        if (!before(&s->heap[child], &last)) break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return first;
}

/// --- small things

void sim_violate(struct sim *s, enum violation_kind kind, const char *fmt, ...)
{
    struct sim_result *r = s->result;
    if (r->violation != V_NONE) return;
    r->violation = kind;
    r->at_us = s->now_us;
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->text, sizeof r->text, fmt, args);
    va_end(args);
    sim_trace(s, "VIOLATION %s: %s", violation_name(kind), r->text);
}

void sim_trace(struct sim *s, const char *fmt, ...)
{
    if (s->o.trace == NULL) return;
    fprintf(s->o.trace, "%9.3f ", (double)s->now_us / 1e3);
    va_list args;
    va_start(args, fmt);
    vfprintf(s->o.trace, fmt, args);
    va_end(args);
    fputc('\n', s->o.trace);
}

void sim_mix(struct sim *s, uint64_t value)
{
    uint64_t h = s->result->hash ^ value;
    h *= 0xff51afd7ed558ccdU;
    h ^= h >> 32;
    s->result->hash = h * 0x9e3779b97f4a7c15U + 1;
}

bool has_feature(const struct sim *s, enum feature f)
{
    return (s->plan.features >> f & 1) != 0;
}

void *sim_alloc(struct sim *s, size_t size)
{
    void *p = arena_calloc(&s->arena, 1, size);
    check(p != NULL);
    return p;
}

bytes_t sim_keep(struct sim *s, bytes_t in)
{
    bool full = false;
    const bytes_t copy = arena_copy(&s->arena, in, &full);
    check(!full);
    return copy;
}

size_t sim_index(const struct sim *s, const struct sim_node *v)
{
    return (size_t)(v - s->nodes);
}

struct sim_node *sim_find(struct sim *s, const address_t *who)
{
    for (size_t i = 0; i < s->n; i++) {
        if (address_eq(&s->nodes[i].address, who)) return &s->nodes[i];
    }
    return NULL;
}

/// --- keys: a 64-bit tag under the signer's secret stands for a signature, or the curve itself

static uint64_t tag(uint64_t key, const hash_t *digest)
{
    uint64_t a = key;
    uint64_t b = ~key;
    for (size_t i = 0; i < 4; i++) {
        const uint64_t w = be_get_u64(digest->b + 8 * i);
        a = (a ^ w) * 0xff51afd7ed558ccdU;
        b = (b + w) * 0xc4ceb9fe1a85ec53U;
        a ^= b >> 29;
        b ^= a >> 31;
    }
    a ^= b;
    a *= 0x9e3779b97f4a7c15U;
    return (a ^ (a >> 32)) | 1; // never zero
}

static void sign(void *ctx, secp_sig_t *sig, const hash_t *digest)
{
    const struct sim *s = ctx;
    const struct sim_node *v = &s->nodes[s->signing];
    if (v->key != NULL) {
        *sig = secp_sign(v->key, digest);
        return;
    }
    memset(sig, 0, sizeof *sig);
    memcpy(sig->r + 12, v->address.b, 20);
    be_put_u64(sig->s + 24, tag(v->tag_key, digest));
}

static err_t recover(void *ctx, address_t *author, const secp_sig_t *sig, const hash_t *digest)
{
    struct sim *s = ctx;
    if (s->o.real_crypto) return secp_recover_address(author, sig, digest);
    address_t who;
    memcpy(who.b, sig->r + 12, 20);
    const struct sim_node *v = sim_find(s, &who);
    if (v == NULL || be_get_u64(sig->s + 24) != tag(v->tag_key, digest))
        return FAIL(INVALID, "sim: not a signature");
    *author = who;
    return OK;
}

struct qbft_crypto sim_crypto(struct sim *s, size_t signer)
{
    s->signing = signer;
    return (struct qbft_crypto){.recover = recover, .sign = sign, .ctx = s};
}

static void make_key(struct sim *s, size_t i)
{
    struct sim_node *v = &s->nodes[i];
    struct rng r;
    rng_init(&r, s->o.seed, 1000 + i);
    for (size_t k = 0; k < 20; k++) v->address.b[k] = (uint8_t)rng_next(&r);
    v->tag_key = rng_next(&r);
    if (!s->o.real_crypto) return;
    check(err_ok(secret_new(&v->key)));
    const hash_t h = keccak256(BYTES_OF(v->tag_key));
    memcpy(v->key->b, h.b, sizeof v->key->b);
    secp_pubkey_t pub;
    check(err_ok(secp_pubkey_of(&pub, v->key)));
    v->address = secp_address(&pub);
}

/// --- a run

static void setup(struct sim *s)
{
    check(err_ok(arena_init(&s->arena, ARENA_BYTES)));
    check(err_ok(arena_init(&s->scratch, SCRATCH_BYTES)));
    buf_init(&s->buf, (size_t)64 << 20);
    s->n = s->o.n;
    for (size_t i = 0; i < RNG_COUNT; i++) rng_init(&s->rng[i], s->o.seed, i + 1);
    if (s->o.real_crypto) check(err_ok(secp_setup()));
    for (size_t i = 0; i < s->n; i++) make_key(s, i);
    plan_make(s);
    blocks_genesis(s);
    s->deadline_us = SIM_FOREVER;
    for (size_t i = 0; i < s->n; i++) {
        struct sim_node *v = &s->nodes[i];
        v->fx = (struct qbft_effects){v->items, 0, ARRAY_LEN(v->items)};
        check(err_ok(arena_init(&v->core_arena, (size_t)64 << 20)));
        check(err_ok(arena_init(&v->tally_arena, (size_t)64 << 20)));
        v->chain[0] = s->genesis;
        sim_post(s, rng_below(&s->rng[RNG_FAULTS], 50 * US_MS), EV_START, i);
    }
    for (size_t i = 0; i < s->plan.fault_count; i++) {
        if (s->plan.faults[i].dropped) continue;
        sim_post(s, s->plan.faults[i].at_us, EV_FAULT, 0)->fault = i;
    }
    sim_post(s, s->plan.tx_every_us, EV_TX, 0);
    sim_post(s, s->plan.heal_us, EV_HEAL, 0);
}

static void teardown(struct sim *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sim_node *v = &s->nodes[i];
        qbft_free(v->core);
        arena_deinit(&v->core_arena);
        arena_deinit(&v->tally_arena);
        secret_free(v->key);
    }
    arena_deinit(&s->arena);
    arena_deinit(&s->scratch);
    buf_deinit(&s->buf);
    free(s->heap);
    free(s->seen);
    check(munmap(s, sizeof *s) == 0);
}

/// A transaction comes to one node and is passed on to the others, or not.
static void on_tx(struct sim *s, const struct event *e)
{
    struct rng *r = &s->rng[RNG_WORK];
    if (e->tx != 0) {
        struct sim_node *v = &s->nodes[e->node];
        if (!v->up || v->tx_seen >= e->tx) return;
        v->tx_seen = e->tx;
        block_timer_on_txs(&v->block_timer);
        node_look(s, v);
        return;
    }
    const uint64_t tx = ++s->tx_count;
    const size_t first = rng_below(r, s->n);
    const bool shy = rng_chance(r, 100) && !s->healed; // nobody passes it on
    for (size_t i = 0; i < s->n; i++) {
        const uint64_t delay = i == first ? 0 : rng_below(r, 400 * US_MS);
        if (i == first || !shy) sim_post(s, s->now_us + delay, EV_TX, i)->tx = tx;
    }
    sim_post(s, s->now_us + 1 + rng_below(r, 2 * s->plan.tx_every_us), EV_TX, 0);
}

static void handle(struct sim *s, const struct event *e)
{
    switch (e->kind) {
    case EV_TX:
        on_tx(s, e);
        return;
    case EV_FAULT:
        if (!s->healed) fault_begin(s, e->fault);
        return;
    case EV_HEAL:
        if (!s->healed) sim_heal(s);
        return;
    case EV_START:
        if (!s->nodes[e->node].up) node_start(s, &s->nodes[e->node]);
        return;
    case EV_DELIVER:
    case EV_BLOCKS:
    case EV_ASK:
    case EV_OWN:
    case EV_SIGN:
    case EV_PERSISTED:
    case EV_BUILT:
    case EV_CHECKED:
    case EV_COMMITTED:
    case EV_BLOCK_TIMER:
    case EV_ROUND_TIMER:
    case EV_POLL: {
        struct sim_node *v = &s->nodes[e->node];
        if (!v->up || (e->life != 0 && e->life != v->life)) return;
        if (s->now_us < v->paused_until) { // stopped: everything waits
            struct event *later = sim_post(s, v->paused_until, e->kind, e->node);
            const uint64_t at = later->at_us;
            const uint64_t seq = later->seq;
            *later = *e;
            later->at_us = at;
            later->seq = seq;
            return;
        }
        node_handle(s, v, e);
        return;
    }
    }
    unreachable("sim event");
}

void sim_run(const struct sim_options *o, struct sim_result *result)
{
    // Zero pages: of the room for 100 nodes only what is used is ever touched.
    struct sim *s =
        mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(s != MAP_FAILED);
    *result = (struct sim_result){.violation = V_NONE};
    s->o = *o;
    s->result = result;
    setup(s);
    if (o->trace != NULL) plan_print(s, o->trace);
    while (!s->done && result->violation == V_NONE && s->heap_count != 0) {
        const struct event e = take(s);
        s->now_us = e.at_us;
        result->counts.events++;
        sim_mix(s, e.at_us);
        sim_mix(s, (uint64_t)e.kind << 32 | e.node);
        handle(s, &e);
        if (result->counts.events > MOST_EVENTS)
            sim_violate(s, V_BOUNDS, "%d events: something feeds itself", MOST_EVENTS);
        if (result->violation != V_NONE) break;
        if (!s->healed && s->top >= s->o.heights) sim_heal(s);
        const bool alive = s->healed && check_alive(s);
        if (alive && check_quiet(s, s->now_us > s->deadline_us)) s->done = true;
        if (!alive && s->now_us > s->deadline_us) {
            uint64_t low = SIM_FOREVER;
            size_t who = 0;
            for (size_t i = 0; i < s->n; i++) {
                if (s->nodes[i].byz || s->nodes[i].head >= low) continue;
                low = s->nodes[i].head;
                who = i;
            }
            sim_violate(s, V_LIVENESS,
                        "v%zu is at block %" PRIu64 " and the highest is %" PRIu64 "; at the"
                        " healing it was %" PRIu64,
                        who, low, s->top, s->heal_top);
        }
    }
    result->step = result->counts.steps;
    result->counts.blocks = s->top;
    teardown(s);
}
