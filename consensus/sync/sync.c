// SPDX-License-Identifier: Apache-2.0
#include "consensus/sync/sync.h"

#include "chain/base/buf.h"
#include "chain/types/header.h"

#include <stdlib.h>

#define BLOCK_BYTES ((size_t)16 * 1024 * 1024)
#define HEADER_BYTES ((size_t)64 * 1024)

/// A block on its way: header known, body perhaps.
struct item {
    uint64_t number;
    hash_t hash;
    struct buf header; ///< RLP item
    struct buf body;   ///< what follows the header in a block
    sync_peer_t header_from;
    sync_peer_t body_from;
    bool doubtful; ///< somebody else does not know it: the giver of the header must give the body
    enum { WANTS_BODY, ASKED, WHOLE } state;
};

/// What a peer may be asked for at one time: one request of each.
enum what { HEADERS, BODIES, WHATS };

struct request {
    uint64_t id; ///< 0: none
    uint64_t asked_ms;
    uint64_t first; ///< number of the first block asked for
    size_t count;
};

struct peer {
    sync_peer_t name;
    uint64_t height; ///< claimed
    bool preferred;
    uint64_t alone_until_ms; ///< not asked before
    struct request asked[WHATS];
    hash_t wanted[SYNC_BODIES]; ///< blocks whose bodies were asked for
};

struct sync {
    uint64_t now_ms;
    uint64_t head;
    hash_t head_hash;
    bool has_head;
    struct peer peers[SYNC_PEERS];
    size_t peer_count;

    struct item items[SYNC_WINDOW]; ///< a ring: blocks head + 1 ... head + count
    size_t first;
    size_t count;
    size_t bytes;
    bool importing; ///< until IMPORT_DONE, whatever becomes of the window meanwhile
    hash_t import_hashes[SYNC_GROUP]; ///< of the blocks being imported
    uint64_t import_first;            ///< number of the first
    uint64_t retry_at_ms;             ///< no import before
    struct buf import;                ///< the blocks being imported
    uint64_t next_request;

    /// Headers come from one peer at a time, so that they link and somebody answers for them.
    bool has_guide;
    sync_peer_t guide;

    bool was_syncing;
    uint64_t starting;
};

err_t sync_new(struct sync **out)
{
    struct sync *s = calloc(1, sizeof *s);
    if (s == NULL) return FAIL(FULL, "sync: no memory");
    for (size_t i = 0; i < SYNC_WINDOW; i++) {
        buf_init(&s->items[i].header, HEADER_BYTES);
        buf_init(&s->items[i].body, BLOCK_BYTES);
    }
    buf_init(&s->import, BLOCK_BYTES);
    s->next_request = 1;
    *out = s;
    return OK;
}

void sync_free(struct sync *s)
{
    if (s == NULL) return;
    for (size_t i = 0; i < SYNC_WINDOW; i++) {
        buf_deinit(&s->items[i].header);
        buf_deinit(&s->items[i].body);
    }
    buf_deinit(&s->import);
    free(s);
}

/// --- the window ---

static struct item *item_at(struct sync *s, size_t i)
{
    return &s->items[(s->first + i) % SYNC_WINDOW];
}

/// The item of a block number; NULL if it is not in the window.
static struct item *item_of(struct sync *s, uint64_t number)
{
    if (number <= s->head || number - s->head > s->count) return NULL;
    return item_at(s, number - s->head - 1);
}

static void item_clear(struct sync *s, struct item *it)
{
    s->bytes -= it->header.len + it->body.len;
    buf_deinit(&it->header);
    buf_deinit(&it->body);
    it->state = WANTS_BODY;
}

static void pop_front(struct sync *s)
{
    item_clear(s, item_at(s, 0));
    s->first = (s->first + 1) % SYNC_WINDOW;
    s->count--;
}

static void forget_all(struct sync *s)
{
    while (s->count != 0) pop_front(s);
}

/// Forgets the block at this place and all that follow it.
static void forget_from(struct sync *s, size_t i)
{
    while (s->count > i) item_clear(s, item_at(s, --s->count));
}

static hash_t last_hash(struct sync *s)
{
    return s->count == 0 ? s->head_hash : item_at(s, s->count - 1)->hash;
}

/// Appends a header that links to the last one.
/// @return why it does not; NULL if it does
static const char *push(struct sync *s, bytes_t raw, sync_peer_t from)
{
    struct header h;
    if (!err_ok(header_decode(&h, raw))) return "a header that does not decode";
    const hash_t last = last_hash(s);
    if (h.number != s->head + s->count + 1) return "headers out of order";
    if (!hash_eq(&h.parent_hash, &last))
        return s->count == 0 ? "its chain does not contain this node's head"
                             : "headers that do not follow each other";
    struct item *it = item_at(s, s->count);
    buf_put(&it->header, raw);
    if (!err_ok(buf_status(&it->header))) {
        buf_deinit(&it->header);
        return "a header larger than 64 KiB";
    }
    it->number = h.number;
    it->hash = header_hash(&h);
    it->header_from = from;
    it->doubtful = false;
    it->state = WANTS_BODY;
    s->bytes += it->header.len;
    s->count++;
    return NULL;
}

static void put_body(struct sync *s, struct item *it, bytes_t body, sync_peer_t from)
{
    buf_clear(&it->body);
    buf_put(&it->body, body);
    if (!err_ok(buf_status(&it->body))) {
        buf_deinit(&it->body);
        return; // still wanted
    }
    s->bytes += it->body.len;
    it->body_from = from;
    it->state = WHOLE;
}

/// --- effects and peers ---

static struct sync_effect *effect(struct sync_effects *fx, enum sync_effect_kind kind,
                                  sync_peer_t peer)
{
    check(fx->count < fx->cap);
    struct sync_effect *e = &fx->items[fx->count++];
    *e = (struct sync_effect){.kind = kind, .peer = peer};
    return e;
}

static struct peer *peer_of(struct sync *s, sync_peer_t name)
{
    for (size_t i = 0; i < s->peer_count; i++) {
        if (s->peers[i].name == name) return &s->peers[i];
    }
    return NULL;
}

static void leave_alone(struct sync *s, struct peer *p)
{
    p->alone_until_ms = s->now_ms + SYNC_LEFT_ALONE_MS;
    if (s->has_guide && s->guide == p->name) s->has_guide = false;
}

static void blame(struct sync *s, struct sync_effects *fx, sync_peer_t name, const char *why)
{
    effect(fx, SYNC_FX_BLAME, name)->why = why;
    struct peer *p = peer_of(s, name);
    if (p != NULL) leave_alone(s, p);
}

/// The i-th block whose body was asked of a peer, if it is still in the window.
static struct item *wanted_item(struct sync *s, const struct peer *p, size_t i)
{
    struct item *it = item_of(s, p->asked[BODIES].first + i);
    return it != NULL && hash_eq(&it->hash, &p->wanted[i]) ? it : NULL;
}

/// A request is over: bodies that did not come are wanted again.
static void give_back(struct sync *s, struct peer *p, enum what what)
{
    const struct request *r = &p->asked[what];
    for (size_t i = 0; what == BODIES && r->id != 0 && i < r->count; i++) {
        struct item *it = wanted_item(s, p, i);
        if (it != NULL && it->state == ASKED && it->body_from == p->name) it->state = WANTS_BODY;
    }
    p->asked[what].id = 0;
}

static bool usable(const struct sync *s, const struct peer *p, uint64_t number)
{
    return p->height >= number && s->now_ms >= p->alone_until_ms;
}

/// Whether those who are named can be asked for a block, now or when they have answered: strangers
/// are then not asked at all, for each could keep a request for its whole time.
static bool has_preferred(const struct sync *s, uint64_t number)
{
    for (size_t i = 0; i < s->peer_count; i++) {
        if (s->peers[i].preferred && usable(s, &s->peers[i], number)) return true;
    }
    return false;
}

/// An idle peer that has a block; those asked longest ago first, so that work is spread.
static struct peer *choose(struct sync *s, enum what what, uint64_t number)
{
    const bool preferred = has_preferred(s, number);
    struct peer *best = NULL;
    for (size_t i = 0; i < s->peer_count; i++) {
        struct peer *p = &s->peers[i];
        if (p->asked[what].id != 0 || !usable(s, p, number) || p->preferred < preferred) continue;
        if (best == NULL || p->asked[what].asked_ms < best->asked[what].asked_ms) best = p;
    }
    return best;
}

static struct request *ask(struct sync *s, struct peer *p, enum what what, uint64_t first,
                           size_t count)
{
    p->asked[what] = (struct request){s->next_request++, s->now_ms, first, count};
    return &p->asked[what];
}

/// --- what follows from the state ---

/// Whom to ask for the next headers: the guide as long as he has more.
static struct peer *guide(struct sync *s, uint64_t from)
{
    struct peer *p = s->has_guide ? peer_of(s, s->guide) : NULL;
    if (p == NULL || !usable(s, p, from) || p->preferred < has_preferred(s, from))
        p = choose(s, HEADERS, from);
    if (p == NULL) return NULL;
    s->has_guide = true;
    s->guide = p->name;
    return p;
}

static void ask_headers(struct sync *s, struct sync_effects *fx)
{
    for (size_t i = 0; i < s->peer_count; i++) {
        if (s->peers[i].asked[HEADERS].id != 0) return; // the next ones link to these
    }
    const uint64_t from = s->head + s->count + 1;
    size_t room = SYNC_WINDOW - s->count;
    struct peer *p = room < SYNC_WINDOW / 4 ? NULL : guide(s, from);
    if (p == NULL) return;
    if (room > SYNC_HEADERS) room = SYNC_HEADERS;
    const uint64_t there = p->height - from + 1;
    if (there != 0 && there < room) room = (size_t)there;
    const struct request *r = ask(s, p, HEADERS, from, room);
    struct sync_effect *e = effect(fx, SYNC_FX_GET_HEADERS, p->name);
    e->id = r->id;
    e->from = from;
    e->count = room;
}

static void ask_bodies(struct sync *s, struct sync_effects *fx)
{
    size_t i = 0;
    while (i < s->count && s->bytes < SYNC_WINDOW_BYTES) {
        struct item *it = item_at(s, i);
        if (it->state != WANTS_BODY) {
            i++;
            continue;
        }
        struct peer *p = it->doubtful ? peer_of(s, it->header_from) : choose(s, BODIES, it->number);
        if (p == NULL || p->asked[BODIES].id != 0 || !usable(s, p, it->number)) {
            if (it->doubtful && (p == NULL || !usable(s, p, it->number))) forget_from(s, i);
            return;
        }
        size_t count = 0;
        const uint64_t first = it->number;
        for (; i < s->count && count < SYNC_BODIES; i++, count++) {
            it = item_at(s, i);
            if (it->state != WANTS_BODY || it->number > p->height) break;
            it->state = ASKED;
            it->body_from = p->name;
            p->wanted[count] = it->hash;
        }
        const struct request *r = ask(s, p, BODIES, first, count);
        struct sync_effect *e = effect(fx, SYNC_FX_GET_BODIES, p->name);
        e->id = r->id;
        e->from = first;
        e->hashes = p->wanted;
        e->count = count;
    }
}

static void put_block(struct buf *out, const struct item *it)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_raw(out, buf_bytes(&it->header));
    rlp_put_raw(out, buf_bytes(&it->body));
    rlp_list_end(out, list);
}

/// Small blocks go together: they share one sync of the disk.
static void import_front(struct sync *s, struct sync_effects *fx)
{
    if (s->importing || s->count == 0 || s->now_ms < s->retry_at_ms) return;
    size_t count = 0;
    buf_clear(&s->import);
    for (; count < s->count && count < SYNC_GROUP; count++) {
        const struct item *it = item_at(s, count);
        if (it->state != WHOLE) break;
        if (count != 0 && s->import.len + it->header.len + it->body.len > SYNC_GROUP_BYTES) break;
        put_block(&s->import, it);
        s->import_hashes[count] = it->hash;
    }
    if (count == 0) return;
    struct item *front = item_at(s, 0);
    if (!err_ok(buf_status(&s->import))) {
        blame(s, fx, front->body_from, "a block larger than 16 MiB");
        item_clear(s, front);
        forget_all(s);
        return;
    }
    s->importing = true;
    s->import_first = front->number;
    struct sync_effect *e = effect(fx, SYNC_FX_IMPORT, front->body_from);
    e->blocks = buf_bytes(&s->import);
    e->number = front->number;
    e->count = count;
}

/// --- events ---

static void on_head(struct sync *s, const struct sync_event *ev)
{
    const bool moved = s->has_head && ev->head.number < s->head;
    if (!s->has_head || moved) forget_all(s);
    while (s->count != 0 && item_at(s, 0)->number < ev->head.number) pop_front(s);
    if (s->count != 0) {
        const bool ours = item_at(s, 0)->number == ev->head.number &&
                          hash_eq(&item_at(s, 0)->hash, &ev->head.hash);
        if (ours)
            pop_front(s);
        else if (item_at(s, 0)->number == ev->head.number)
            forget_all(s); // they led elsewhere
    }
    s->has_head = true;
    s->head = ev->head.number;
    s->head_hash = ev->head.hash;
}

static void on_peer(struct sync *s, const struct sync_event *ev)
{
    struct peer *p = peer_of(s, ev->peer);
    if (p == NULL) {
        if (s->peer_count == SYNC_PEERS) return;
        p = &s->peers[s->peer_count++];
        *p = (struct peer){.name = ev->peer};
    }
    if (ev->height > p->height) p->height = ev->height;
    if (ev->kind == SYNC_EV_PEER) p->preferred = ev->preferred;
}

static void on_gone(struct sync *s, const struct sync_event *ev)
{
    struct peer *p = peer_of(s, ev->peer);
    if (p == NULL) return;
    give_back(s, p, BODIES);
    if (s->has_guide && s->guide == p->name) s->has_guide = false;
    *p = s->peers[--s->peer_count];
}

/// The peer whose request this answers; NULL if nobody asked (any more).
static struct peer *answerer(struct sync *s, struct sync_effects *fx, const struct sync_event *ev,
                             enum what what)
{
    struct peer *p = peer_of(s, ev->peer);
    if (p != NULL && ev->answer.id != 0 && p->asked[what].id == ev->answer.id) return p;
    effect(fx, SYNC_FX_USELESS, ev->peer)->why = "an answer that nobody waits for";
    return NULL;
}

/// Whether the first of these headers belongs on top of the window. If not, what is in the window
/// came from a guide who is gone, and nobody can say yet who of the two is right: it is asked for
/// again from our head on, from this one.
static bool fits(struct sync *s, const struct request *r, struct rlp_reader items)
{
    bytes_t raw;
    struct header h;
    if (s->count == 0 || r->first != s->head + s->count + 1) return true;
    if (!err_ok(rlp_read_raw(&items, &raw)) || !err_ok(header_decode(&h, raw))) return true;
    const hash_t last = last_hash(s);
    return hash_eq(&h.parent_hash, &last);
}

static void on_headers(struct sync *s, struct sync_effects *fx, const struct sync_event *ev)
{
    struct peer *p = answerer(s, fx, ev, HEADERS);
    if (p == NULL) return;
    const struct request r = p->asked[HEADERS];
    p->asked[HEADERS].id = 0;
    struct rlp_reader items = ev->answer.items;
    const uint64_t expected = s->head + s->count + 1;
    if (rlp_at_end(&items)) {
        // It may have announced what it has not stored yet; what it has is asked for again later.
        effect(fx, SYNC_FX_USELESS, p->name)->why = "claims blocks that it does not give";
        leave_alone(s, p);
        return;
    }
    if (r.first > expected) return; // those in between have been forgotten meanwhile
    if (!fits(s, &r, items) && item_at(s, s->count - 1)->header_from != p->name) {
        forget_all(s);
        return;
    }
    const char *why = NULL;
    size_t taken = 0;
    for (uint64_t n = r.first; why == NULL && !rlp_at_end(&items); n++, taken++) {
        bytes_t raw;
        if (taken == r.count || !err_ok(rlp_read_raw(&items, &raw))) {
            why = "more headers than asked for, or none that decode";
        } else if (n >= expected) { // we have moved on past the earlier ones
            why = push(s, raw, p->name);
        }
    }
    if (why != NULL) blame(s, fx, p->name, why);
}

/// A peer knows none of the bodies. Of its own headers it should; others' may be forged, and then
/// only their giver can say more.
static void no_bodies(struct sync *s, struct sync_effects *fx, struct peer *p)
{
    struct item *it = wanted_item(s, p, 0);
    if (it == NULL) return;
    if (it->header_from != p->name) {
        it->doubtful = true;
        return;
    }
    effect(fx, SYNC_FX_USELESS, p->name)->why = "does not give the bodies of its headers";
    leave_alone(s, p);
    forget_from(s, (size_t)(it->number - s->head - 1));
}

static void on_bodies(struct sync *s, struct sync_effects *fx, const struct sync_event *ev)
{
    struct peer *p = answerer(s, fx, ev, BODIES);
    if (p == NULL) return;
    const struct request r = p->asked[BODIES];
    struct rlp_reader items = ev->answer.items;
    size_t taken = 0;
    bool bad = false;
    for (; !rlp_at_end(&items) && !bad; taken++) {
        struct rlp_reader body;
        bad = taken == r.count || !err_ok(rlp_read_list(&items, &body));
        struct item *it = bad ? NULL : wanted_item(s, p, taken);
        if (it != NULL && it->state == ASKED && it->body_from == p->name)
            put_body(s, it, body.rest, p->name);
    }
    give_back(s, p, BODIES);
    if (bad) {
        blame(s, fx, p->name, "bodies that are no bodies, or more than asked for");
    } else if (taken == 0) {
        no_bodies(s, fx, p);
    }
}

/// A whole block that was announced: taken if it is the next one, else a claim of its height.
static void on_block(struct sync *s, struct sync_effects *fx, const struct sync_event *ev)
{
    struct rlp_reader r = rlp_reader(ev->block);
    struct rlp_reader block;
    bytes_t raw;
    struct header h;
    if (!err_ok(rlp_read_list(&r, &block)) || !err_ok(rlp_read_raw(&block, &raw)) ||
        !err_ok(header_decode(&h, raw))) {
        blame(s, fx, ev->peer, "a block that does not decode");
        return;
    }
    if (h.number <= s->head || !s->has_head) return;
    const struct sync_event claim = {.kind = SYNC_EV_BLOCK, .peer = ev->peer, .height = h.number};
    on_peer(s, &claim);
    if (s->count == 0 && h.number == s->head + 1 && hash_eq(&h.parent_hash, &s->head_hash)) {
        if (push(s, raw, ev->peer) != NULL) return;
    }
    struct item *it = item_of(s, h.number);
    if (it == NULL || it->state == WHOLE) return;
    const hash_t hash = header_hash(&h);
    if (hash_eq(&it->hash, &hash)) put_body(s, it, block.rest, ev->peer);
}

static void on_import_done(struct sync *s, struct sync_effects *fx, const struct sync_event *ev)
{
    if (!s->importing) return;
    s->importing = false;
    struct item *it = item_of(s, ev->done.number);
    const uint64_t at = ev->done.number - s->import_first;
    if (it == NULL || at >= SYNC_GROUP || !hash_eq(&it->hash, &s->import_hashes[at]))
        return; // no longer of interest
    switch (ev->done.verdict) {
    case SYNC_GOOD:
        return; // its SYNC_EV_HEAD has taken it off
    case SYNC_BAD_HEADER:
        blame(s, fx, it->header_from, "a header that is not valid and sealed by a quorum");
        forget_all(s);
        return;
    case SYNC_BAD_BODY:
        blame(s, fx, it->body_from, "a body that is not its header's");
        s->bytes -= it->body.len;
        buf_deinit(&it->body);
        it->state = WANTS_BODY;
        return;
    case SYNC_NOT_NOW:
        s->retry_at_ms = s->now_ms + SYNC_RETRY_MS;
        return;
    }
    unreachable("sync verdict");
}

static void on_tick(struct sync *s, struct sync_effects *fx)
{
    for (size_t i = 0; i < s->peer_count; i++) {
        struct peer *p = &s->peers[i];
        bool late = false;
        for (enum what w = HEADERS; w < WHATS; w++) {
            if (p->asked[w].id == 0 || s->now_ms - p->asked[w].asked_ms < SYNC_REQUEST_MS) continue;
            give_back(s, p, w);
            late = true;
        }
        if (!late) continue;
        leave_alone(s, p);
        effect(fx, SYNC_FX_SILENT, p->name)->why = "does not answer";
    }
}

static uint64_t highest_claim(const struct sync *s)
{
    uint64_t highest = s->head;
    for (size_t i = 0; i < s->peer_count; i++) {
        const struct peer *p = &s->peers[i];
        if (p->height > highest && s->now_ms >= p->alone_until_ms) highest = p->height;
    }
    return highest;
}

void sync_step(struct sync *s, struct sync_effects *fx, const struct sync_event *ev)
{
    check(fx->cap >= SYNC_EFFECTS_ROOM);
    fx->count = 0;
    s->now_ms = ev->now_ms;
    switch (ev->kind) {
    case SYNC_EV_HEAD:
        on_head(s, ev);
        break;
    case SYNC_EV_PEER:
        on_peer(s, ev);
        break;
    case SYNC_EV_GONE:
        on_gone(s, ev);
        break;
    case SYNC_EV_HEADERS:
        on_headers(s, fx, ev);
        break;
    case SYNC_EV_BODIES:
        on_bodies(s, fx, ev);
        break;
    case SYNC_EV_BLOCK:
        on_block(s, fx, ev);
        break;
    case SYNC_EV_IMPORT_DONE:
        on_import_done(s, fx, ev);
        break;
    case SYNC_EV_TICK:
        on_tick(s, fx);
        break;
    }
    if (!s->has_head) return;
    const bool syncing = highest_claim(s) > s->head + 1;
    if (syncing && !s->was_syncing) s->starting = s->head;
    s->was_syncing = syncing;
    import_front(s, fx);
    ask_headers(s, fx);
    ask_bodies(s, fx);
}

void sync_look(const struct sync *s, struct sync_view *out)
{
    *out = (struct sync_view){.syncing = s->was_syncing,
                              .starting = s->starting,
                              .highest = highest_claim(s),
                              .queued = s->count,
                              .peers = s->peer_count};
}
