// SPDX-License-Identifier: Apache-2.0
/// Goal: with one honest peer among liars the chain is caught up in bounded time, every liar is
/// named and no honest peer is; with none, nothing wrong is imported.

#include "consensus/sync/sync.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain/base/buf.h"
#include "chain/types/block.h"
#include "chain/types/extra_data.h"

#define CHAIN 1200
#define PEERS 64

/// The chain that honest peers have; a body is a list of one number.
static struct buf headers[CHAIN + 1];
static hash_t hashes[CHAIN + 1];

/// @param seal  what its one seal is made of: the hash is the same whatever it is
static void make_header(struct buf *out, hash_t *hash, uint64_t number, const hash_t *parent,
                        uint64_t salt, uint8_t seal)
{
    secp_sig_t sig;
    memset(&sig, seal, sizeof sig);
    sig.v = 0;
    static const uint8_t vanity[32] = {0};
    const struct extra_data extra = {.vanity = BYTES_OF(vanity), .seals = &sig, .seal_count = 1};
    struct buf e;
    buf_init(&e, 4096);
    extra_data_encode(&e, &extra);
    struct header h;
    memset(&h, 0, sizeof h);
    h.number = number;
    h.parent_hash = *parent;
    h.gas_used = salt;
    h.mix_hash = QBFT_MIX_HASH;
    h.extra_data = buf_bytes(&e);
    h.field_count = HEADER_FIELDS_CLASSIC;
    buf_init(out, 4096);
    header_encode(out, &h);
    *hash = header_hash(&h);
    buf_deinit(&e);
}

static void setup(void)
{
    hash_t zero = {{0}};
    for (uint64_t n = 0; n <= CHAIN; n++)
        make_header(&headers[n], &hashes[n], n, n == 0 ? &zero : &hashes[n - 1], 0, 1);
}
TestSuite(sync, .init = setup);

static void put_body(struct buf *out, uint64_t number)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_u64(out, number);
    rlp_list_end(out, list);
}

enum habit {
    HONEST,
    SILENT,       ///< never answers
    EMPTY,        ///< answers with nothing
    OTHER_CHAIN,  ///< headers that do not link
    BAD_SEALS,    ///< headers that link, but are nobody's
    RESEALED,     ///< the right blocks with wrong seals: their hashes must not be held bad
    WRONG_BODIES, ///< bodies of other blocks
    TOO_MANY,     ///< more than asked for
    GARBAGE,
    HABITS,
};

/// An answer on its way.
struct mail {
    uint64_t at_ms;
    sync_peer_t to_from;
    bool headers;
    uint64_t id;
    struct buf items;
};

struct world {
    struct sync *s;
    struct sync_effect room[SYNC_EFFECTS_ROOM];
    struct sync_effects fx;
    enum habit habit[PEERS];
    size_t peers;
    uint64_t now_ms;
    uint64_t head;
    uint32_t rng;
    struct mail mail[1024];
    size_t mails;
    unsigned blamed[PEERS], useless[PEERS];
    size_t most_bodies_asked;
    size_t together; ///< blocks in one import
};

static uint32_t rnd(struct world *w, uint32_t below)
{
    w->rng = w->rng * 1664525 + 1013904223;
    return (w->rng >> 8) % below;
}

static void step(struct world *w, struct sync_event ev);

static void answer_headers(struct world *w, const struct sync_effect *e, struct buf *out)
{
    const enum habit habit = w->habit[e->peer];
    hash_t parent = hashes[e->from - 1];
    if (habit == OTHER_CHAIN) parent.b[0] ^= 1;
    const size_t count = e->count + (habit == TOO_MANY ? 1 : 0);
    for (uint64_t n = e->from; n < e->from + count && n <= CHAIN; n++) {
        if (habit == HONEST || habit == WRONG_BODIES || habit == TOO_MANY) {
            rlp_put_raw(out, buf_bytes(&headers[n]));
        } else {
            struct buf forged;
            hash_t hash;
            if (habit == RESEALED) parent = hashes[n - 1];
            make_header(&forged, &hash, n, &parent, habit == RESEALED ? 0 : 666, 2);
            cr_assert_eq(hash_eq(&hash, &hashes[n]), habit == RESEALED);
            parent = hash;
            rlp_put_raw(out, buf_bytes(&forged));
            buf_deinit(&forged);
        }
    }
    if (habit == TOO_MANY && e->from + e->count > CHAIN)
        rlp_put_raw(out, buf_bytes(&headers[CHAIN]));
}

static void answer(struct world *w, const struct sync_effect *e, bool of_headers)
{
    const enum habit habit = w->habit[e->peer];
    if (habit == SILENT) return;
    cr_assert_lt(w->mails, ARRAY_LEN(w->mail));
    struct mail *m = &w->mail[w->mails++];
    *m = (struct mail){w->now_ms + 1 + rnd(w, 200), e->peer, of_headers, e->id, {0}};
    buf_init(&m->items, (size_t)4 * 1024 * 1024);
    if (habit == EMPTY) return;
    if (habit == GARBAGE) {
        buf_put(&m->items, LIT("\xf9\x00"));
        return;
    }
    if (of_headers) {
        answer_headers(w, e, &m->items);
        return;
    }
    if (e->count > w->most_bodies_asked) w->most_bodies_asked = e->count;
    for (size_t i = 0; i < e->count; i++) {
        const uint64_t n = e->from + i;
        const bool known = n <= CHAIN && hash_eq(&e->hashes[i], &hashes[n]);
        if (!known && habit != BAD_SEALS) break; // a body for a hash that nobody else has
        put_body(&m->items, n + (habit == WRONG_BODIES ? 7 : 0));
    }
    if (habit == TOO_MANY) put_body(&m->items, 1);
}

/// What the executor would say: only the honest chain is sealed, only its bodies fit.
/// @param[out] number  the first that is not good, or the last of all
static enum sync_verdict judge(const struct sync_effect *e, uint64_t *number)
{
    struct rlp_reader r = rlp_reader(e->blocks);
    struct rlp_reader block;
    bytes_t raw;
    uint64_t body;
    cr_assert(e->count > 0 && e->count <= SYNC_GROUP);
    for (size_t i = 0; i < e->count; i++) {
        const uint64_t n = *number = e->number + i;
        cr_assert(err_ok(rlp_read_list(&r, &block)));
        cr_assert(err_ok(rlp_read_raw(&block, &raw)));
        if (n > CHAIN || !bytes_eq(raw, buf_bytes(&headers[n]))) return SYNC_BAD_HEADER;
        if (!err_ok(rlp_read_u64(&block, &body)) || body != n) return SYNC_BAD_BODY;
    }
    cr_assert_eq(r.rest.len, 0);
    return SYNC_GOOD;
}

static void step(struct world *w, struct sync_event ev)
{
    ev.now_ms = w->now_ms;
    sync_step(w->s, &w->fx, &ev);
    bool import = false;
    enum sync_verdict verdict = SYNC_GOOD;
    uint64_t number = 0;
    for (size_t i = 0; i < w->fx.count; i++) {
        const struct sync_effect *e = &w->fx.items[i];
        switch (e->kind) {
        case SYNC_FX_GET_HEADERS:
            cr_assert(e->count > 0 && e->count <= SYNC_HEADERS);
            answer(w, e, true);
            break;
        case SYNC_FX_GET_BODIES:
            cr_assert(e->count > 0 && e->count <= SYNC_BODIES);
            answer(w, e, false);
            break;
        case SYNC_FX_IMPORT:
            import = true;
            cr_assert_eq(e->number, w->head + 1, "in order");
            verdict = judge(e, &number);
            if (e->count > w->together) w->together = e->count;
            break;
        case SYNC_FX_BLAME:
            w->blamed[e->peer]++;
            break;
        case SYNC_FX_USELESS:
        case SYNC_FX_SILENT:
            w->useless[e->peer]++;
            break;
        }
    }
    if (!import) return;
    const uint64_t good = verdict == SYNC_GOOD ? number : number - 1;
    if (good > w->head) {
        w->head = good;
        step(w, (struct sync_event){.kind = SYNC_EV_HEAD, .head = {good, hashes[good]}});
    }
    step(w, (struct sync_event){.kind = SYNC_EV_IMPORT_DONE, .done = {number, verdict}});
}

static void world_init(struct world *w, const enum habit *habits, size_t count, uint32_t seed)
{
    memset(w, 0, sizeof *w);
    cr_assert(err_ok(sync_new(&w->s)));
    w->fx = (struct sync_effects){w->room, 0, ARRAY_LEN(w->room)};
    w->rng = seed;
    w->now_ms = 1000;
    w->peers = count;
    memcpy(w->habit, habits, count * sizeof *habits);
    step(w, (struct sync_event){.kind = SYNC_EV_HEAD, .head = {0, hashes[0]}});
    for (size_t i = 0; i < count; i++)
        step(w, (struct sync_event){.kind = SYNC_EV_PEER, .peer = i, .height = CHAIN});
}

static void world_deinit(struct world *w)
{
    for (size_t i = 0; i < w->mails; i++) buf_deinit(&w->mail[i].items);
    sync_free(w->s);
}

/// Delivers mail and lets time pass until the head is `goal` or `deadline_ms` has come.
static void run(struct world *w, uint64_t goal, uint64_t deadline_ms)
{
    while (w->head < goal && w->now_ms < deadline_ms) {
        size_t next = w->mails;
        for (size_t i = 0; i < w->mails; i++) {
            if (next == w->mails || w->mail[i].at_ms < w->mail[next].at_ms) next = i;
        }
        if (next == w->mails || w->mail[next].at_ms > w->now_ms + 1000) {
            w->now_ms += 1000;
            step(w, (struct sync_event){.kind = SYNC_EV_TICK});
            continue;
        }
        struct mail m = w->mail[next];
        w->mail[next] = w->mail[--w->mails];
        if (m.at_ms > w->now_ms) w->now_ms = m.at_ms;
        step(w, (struct sync_event){.kind = m.headers ? SYNC_EV_HEADERS : SYNC_EV_BODIES,
                                    .peer = m.to_from,
                                    .answer = {m.id, rlp_reader(buf_bytes(&m.items))}});
        buf_deinit(&m.items);
    }
}

Test(sync, one_honest_peer)
{
    static struct world w;
    const enum habit habits[] = {HONEST};
    world_init(&w, habits, 1, 1);
    run(&w, CHAIN, 60000);
    cr_expect_eq(w.head, CHAIN);
    cr_expect_eq(w.blamed[0] + w.useless[0], 0);
    cr_expect_eq(w.together, SYNC_GROUP);
    struct sync_view v;
    sync_look(w.s, &v);
    cr_expect(!v.syncing && v.queued == 0 && v.peers == 1);
    world_deinit(&w);
}

/// Goal: whatever one liar does, the honest ones carry the day within 45 s more, and only the
/// liar is named (a silent or empty one as useless).
Test(sync, each_kind_of_liar)
{
    for (int habit = SILENT; habit < HABITS; habit++) {
        for (uint32_t seed = 1; seed <= 20; seed++) {
            static struct world w;
            const enum habit habits[] = {(enum habit)habit, HONEST, HONEST};
            world_init(&w, habits, 3, seed);
            run(&w, CHAIN, 1000 + 60000 + 45000);
            cr_expect_eq(w.head, CHAIN, "habit %d seed %u", habit, seed);
            cr_expect_eq(w.blamed[1] + w.blamed[2], 0, "habit %d seed %u", habit, seed);
            cr_expect_eq(w.useless[1] + w.useless[2], 0, "habit %d seed %u", habit, seed);
            if (habit == SILENT || habit == EMPTY)
                cr_expect_gt(w.useless[0], 0, "habit %d seed %u", habit, seed);
            else
                cr_expect_gt(w.blamed[0], 0, "habit %d seed %u", habit, seed);
            world_deinit(&w);
        }
    }
}

Test(sync, liars_in_the_majority)
{
    for (uint32_t seed = 1; seed <= 50; seed++) {
        static struct world w;
        const enum habit habits[] = {SILENT,       EMPTY,    OTHER_CHAIN, BAD_SEALS,
                                     WRONG_BODIES, TOO_MANY, GARBAGE,     HONEST};
        world_init(&w, habits, 8, seed);
        run(&w, CHAIN, 10 * 60000);
        cr_expect_eq(w.head, CHAIN, "seed %u", seed);
        cr_expect_eq(w.blamed[7] + w.useless[7], 0, "seed %u", seed);
        world_deinit(&w);
    }
}

/// Goal: a crowd of strangers, each of whom would cost a request its whole time, does not hold up a
/// node that has one peer whom its operator or the chain names.
Test(sync, strangers_wait_behind_those_who_are_named)
{
    static struct world w;
    static enum habit habits[PEERS];
    for (size_t i = 0; i < PEERS; i++) habits[i] = (enum habit)(i % 2 == 0 ? SILENT : OTHER_CHAIN);
    habits[PEERS - 1] = HONEST;
    world_init(&w, habits, PEERS, 9);
    for (size_t i = 0; i < PEERS - 1; i++)
        step(&w, (struct sync_event){.kind = SYNC_EV_PEER, .peer = i, .height = UINT64_MAX / 2});
    step(&w, (struct sync_event){
                 .kind = SYNC_EV_PEER, .peer = PEERS - 1, .height = CHAIN, .preferred = true});
    run(&w, CHAIN, 1000 + 45000);
    cr_expect_eq(w.head, CHAIN);
    cr_expect_eq(w.blamed[PEERS - 1] + w.useless[PEERS - 1], 0);
    world_deinit(&w);
}

Test(sync, only_liars)
{
    static struct world w;
    const enum habit habits[] = {SILENT, EMPTY, OTHER_CHAIN, BAD_SEALS, RESEALED, GARBAGE};
    world_init(&w, habits, 6, 3);
    run(&w, CHAIN, 10 * 60000);
    cr_expect_eq(w.head, 0, "nothing is imported that is not sealed");
    world_deinit(&w);
}

/// Goal: a peer that claims what nobody has costs a request now and then, and is named useless.
Test(sync, false_height)
{
    static struct world w;
    const enum habit habits[] = {HONEST, EMPTY};
    world_init(&w, habits, 2, 5);
    step(&w, (struct sync_event){.kind = SYNC_EV_PEER, .peer = 1, .height = UINT64_MAX});
    run(&w, CHAIN, 60000);
    cr_expect_eq(w.head, CHAIN);
    run(&w, CHAIN + 1, w.now_ms + 100000);
    cr_expect(w.useless[1] >= 2 && w.useless[1] < 10, "%u", w.useless[1]);
    cr_expect_eq(w.useless[0], 0);
    world_deinit(&w);
}

/// Goal: blocks announced whole are imported at once if they come next, and start a catch-up if
/// not; a head that consensus has moved makes what is under way useless, not wrong.
Test(sync, announced_blocks)
{
    static struct world w;
    const enum habit habits[] = {HONEST};
    world_init(&w, habits, 1, 7);
    run(&w, CHAIN, 60000);
    sync_free(w.s);
    cr_assert(err_ok(sync_new(&w.s)));
    w.head = 5;
    step(&w, (struct sync_event){.kind = SYNC_EV_HEAD, .head = {5, hashes[5]}});
    struct buf block;
    buf_init(&block, 4096);
    for (uint64_t n = 6; n <= 8; n += 2) {
        buf_clear(&block);
        const size_t list = rlp_list_begin(&block);
        rlp_put_raw(&block, buf_bytes(&headers[n]));
        rlp_put_u64(&block, n);
        rlp_list_end(&block, list);
        step(&w, (struct sync_event){.kind = SYNC_EV_BLOCK, .peer = 0, .block = buf_bytes(&block)});
        cr_expect_eq(w.head, 6, "6 comes next, 8 does not");
    }
    cr_expect_eq(w.mails, 1, "7 and 8 were asked for");
    step(&w, (struct sync_event){.kind = SYNC_EV_HEAD, .head = {9, hashes[9]}});
    w.head = 9; // consensus was faster
    run(&w, CHAIN, w.now_ms + 2000);
    cr_expect_eq(w.blamed[0], 0);
    step(&w, (struct sync_event){.kind = SYNC_EV_BLOCK, .peer = 0, .block = LIT("\xc1\x05")});
    cr_expect_eq(w.blamed[0], 1, "no block");
    step(&w, (struct sync_event){.kind = SYNC_EV_GONE, .peer = 0});
    struct sync_view v;
    sync_look(w.s, &v);
    cr_expect_eq(v.peers, 0);
    buf_deinit(&block);
    world_deinit(&w);
}

/// Goal: our own trouble is nobody's fault and is tried again.
Test(sync, not_now)
{
    struct sync *s = NULL;
    cr_assert(err_ok(sync_new(&s)));
    struct sync_effect room[SYNC_EFFECTS_ROOM];
    struct sync_effects fx = {room, 0, ARRAY_LEN(room)};
    struct sync_event ev = {.kind = SYNC_EV_HEAD, .now_ms = 1, .head = {0, hashes[0]}};
    sync_step(s, &fx, &ev);
    struct buf block;
    buf_init(&block, 4096);
    const size_t list = rlp_list_begin(&block);
    rlp_put_raw(&block, buf_bytes(&headers[1]));
    rlp_put_u64(&block, 1);
    rlp_list_end(&block, list);
    ev = (struct sync_event){
        .kind = SYNC_EV_BLOCK, .now_ms = 2, .peer = 4, .block = buf_bytes(&block)};
    sync_step(s, &fx, &ev);
    cr_assert_eq(fx.count, 1);
    cr_expect_eq(fx.items[0].kind, SYNC_FX_IMPORT);
    ev = (struct sync_event){.kind = SYNC_EV_IMPORT_DONE, .now_ms = 3, .done = {1, SYNC_NOT_NOW}};
    sync_step(s, &fx, &ev);
    cr_expect_eq(fx.count, 0);
    ev = (struct sync_event){.kind = SYNC_EV_TICK, .now_ms = 3 + SYNC_RETRY_MS};
    sync_step(s, &fx, &ev);
    cr_assert_eq(fx.count, 1);
    cr_expect_eq(fx.items[0].kind, SYNC_FX_IMPORT);
    cr_expect_eq(fx.items[0].number, 1);
    buf_deinit(&block);
    sync_free(s);
}
