// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/views.h"

#include "chain/base/endian.h"
#include "chain/base/map.h"
#include "chain/fed/views_impl.h"
#include "chain/store/schema.h"

#include <stdlib.h>

#define NO_ROOM FAIL(FULL, "views: no memory left for this query")
#define WHOLE ((struct views_page){.limit = VIEWS_PAGE_MAX})

// ---- from entries to records --------------------------------------------------------------

/// How an entry of an index leads to a record.
typedef err_t (*load_fn)(const struct views *v, void *out, const struct view_entry *entry);

struct list {
    const struct views *v;
    struct arena *arena;
    const struct views_page *page;
    size_t item_size;
    load_fn load;
};

static err_t load_list(const struct list *l, const struct view_key *prefix, void **out,
                       size_t *count, bytes_t *next)
{
    struct view_entry *entries;
    *count = 0;
    size_t n;
    TRY(view_scan(l->v, l->arena, l->page, prefix, &entries, &n, next));
    uint8_t *items = arena_calloc(l->arena, n, l->item_size);
    if (items == NULL) return NO_ROOM;
    for (size_t i = 0; i < n; i++) {
        const err_t err = l->load(l->v, items + i * l->item_size, &entries[i]);
        if (err.kind == ERR_NOT_FOUND) {
            return FAIL(CORRUPT, "views: an index leads nowhere; rebuild the views");
        }
        TRY(err);
    }
    *out = items;
    *count = n;
    return OK;
}

static err_t to_hash(hash_t *out, bytes_t in)
{
    if (in.len != sizeof out->b) return FAIL(CORRUPT, "views: an id is unreadable");
    memcpy(out->b, in.data, sizeof out->b);
    return OK;
}

static err_t load_hash(const struct views *v, void *out, const struct view_entry *entry)
{
    (void)v;
    return to_hash(out, entry->value);
}

static struct view_key key_hash(enum view_kind kind, const hash_t *id)
{
    struct view_key k = view_key(kind);
    view_key_hash(&k, id);
    return k;
}

static struct view_key key_round(enum view_kind kind, uint64_t round)
{
    struct view_key k = view_key(kind);
    view_key_u64(&k, round);
    return k;
}

/// The one id of `kind` that begins with these digits.
static err_t by_prefix(const struct views *v, hash_t *out, enum view_kind kind, bytes_t prefix,
                       size_t nibbles)
{
    if (nibbles == 0 || nibbles > 64 || (nibbles + 1) / 2 > prefix.len) {
        return FAIL(INVALID, "views: a prefix has 1 to 64 digits");
    }
    const bool odd = nibbles % 2 == 1;
    const size_t whole = nibbles / 2;
    struct view_key from = view_key(kind);
    memcpy(from.b + from.len, prefix.data, whole);
    from.len += whole;
    if (odd) from.b[from.len] = prefix.data[whole] & 0xf0;
    struct view_key start = from;
    start.len += odd;
    size_t found = 0;
    struct view_walk w;
    err_t err = view_walk_open(&w, v, &start, false);
    for (; err_ok(err) && found < 2; err = view_walk_next(&w)) {
        const bytes_t key = view_walk_key(&w);
        if (key.len != 33 || memcmp(key.data, from.b, from.len) != 0) break;
        if (odd && (key.data[1 + whole] & 0xf0) != (prefix.data[whole] & 0xf0)) break;
        found++;
        memcpy(out->b, key.data + 1, sizeof out->b);
    }
    view_walk_close(&w);
    if (!err_ok(err) && err.kind != ERR_NOT_FOUND) return err;
    if (found == 0) return FAIL(NOT_FOUND, "views: nothing begins with these digits");
    if (found > 1) return FAIL(INVALID, "views: several ids begin with these digits");
    return OK;
}

// ---- families and versions ----------------------------------------------------------------

err_t views_family(const struct views *v, struct view_family *out, const hash_t *id)
{
    const struct view_key key = key_hash(KIND_FAMILY, id);
    return view_get(v, &VIEW_FAMILY_FORM, &key, out);
}

static err_t load_family(const struct views *v, void *out, const struct view_entry *entry)
{
    hash_t id;
    TRY(to_hash(&id, entry->value));
    return views_family(v, out, &id);
}

err_t views_families(const struct views *v, struct arena *arena, const struct views_page *page,
                     struct view_family **out, size_t *count, bytes_t *next)
{
    const struct list l = {v, arena, page, sizeof **out, load_family};
    const struct view_key prefix = view_key(KIND_FAMILY_ORDER);
    return load_list(&l, &prefix, (void **)out, count, next);
}

err_t views_version(const struct views *v, struct view_version *out, const hash_t *id)
{
    const struct view_key key = key_hash(KIND_VERSION, id);
    return view_get(v, &VIEW_VERSION_FORM, &key, out);
}

err_t views_version_by_prefix(const struct views *v, struct view_version *out, bytes_t prefix,
                              size_t nibbles)
{
    hash_t id;
    TRY(by_prefix(v, &id, KIND_VERSION, prefix, nibbles));
    return views_version(v, out, &id);
}

static err_t load_version_of_file(const struct views *v, void *out, const struct view_entry *entry)
{
    hash_t id;
    TRY(to_hash(&id, entry->rest));
    return views_version(v, out, &id);
}

err_t views_versions_by_file(const struct views *v, struct arena *arena, struct view_version **out,
                             size_t *count, const hash_t *file_sha256)
{
    const struct views_page page = WHOLE;
    const struct list l = {v, arena, &page, sizeof **out, load_version_of_file};
    const struct view_key prefix = key_hash(KIND_FILE, file_sha256);
    bytes_t next;
    return load_list(&l, &prefix, (void **)out, count, &next);
}

static err_t load_version(const struct views *v, void *out, const struct view_entry *entry)
{
    hash_t id;
    TRY(to_hash(&id, entry->value));
    return views_version(v, out, &id);
}

err_t views_versions(const struct views *v, struct arena *arena, const struct views_page *page,
                     const hash_t *family, struct view_version **out, size_t *count, bytes_t *next)
{
    const struct list l = {v, arena, page, sizeof **out, load_version};
    const struct view_key prefix = key_hash(KIND_VERSION_NUMBER, family);
    return load_list(&l, &prefix, (void **)out, count, next);
}

err_t views_channel(const struct views *v, struct view_channel *out, const hash_t *family,
                    const hash_t *name)
{
    struct view_key key = key_hash(KIND_CHANNEL, family);
    view_key_hash(&key, name);
    return view_get(v, &VIEW_CHANNEL_FORM, &key, out);
}

static err_t load_channel(const struct views *v, void *out, const struct view_entry *entry)
{
    (void)v;
    return view_decode(&VIEW_CHANNEL_FORM, out, entry->value);
}

err_t views_channels(const struct views *v, struct arena *arena, struct view_channel **out,
                     size_t *count, const hash_t *family)
{
    const struct views_page page = WHOLE;
    const struct list l = {v, arena, &page, sizeof **out, load_channel};
    const struct view_key prefix = key_hash(KIND_CHANNEL, family);
    bytes_t next;
    return load_list(&l, &prefix, (void **)out, count, &next);
}

static err_t neighbours(const struct views *v, struct arena *arena, enum view_kind kind,
                        hash_t **out, size_t *count, const hash_t *version)
{
    const struct views_page page = WHOLE;
    const struct list l = {v, arena, &page, sizeof **out, load_hash};
    const struct view_key prefix = key_hash(kind, version);
    bytes_t next;
    return load_list(&l, &prefix, (void **)out, count, &next);
}

err_t views_parents(const struct views *v, struct arena *arena, hash_t **out, size_t *count,
                    const hash_t *version)
{
    return neighbours(v, arena, KIND_PARENT, out, count, version);
}

err_t views_children(const struct views *v, struct arena *arena, hash_t **out, size_t *count,
                     const hash_t *version)
{
    return neighbours(v, arena, KIND_CHILD, out, count, version);
}

// ---- lineage ------------------------------------------------------------------------------

#define EDGES_MAX ((size_t)4 * VIEWS_LINEAGE_MAX)

struct search {
    const struct views *v;
    struct arena *arena;
    struct view_lineage *out;
    struct map seen;       ///< versions met
    struct map seen_edges; ///< parent, child
    unsigned *distance;
};

static err_t meet(struct search *s, const hash_t *id, unsigned distance)
{
    bool is_new;
    if (map_get(&s->seen, id) != NULL) return OK;
    if (s->out->node_count == VIEWS_LINEAGE_MAX) {
        s->out->truncated = true;
        return OK;
    }
    if (map_put(&s->seen, id, &is_new) == NULL) return NO_ROOM;
    TRY(views_version(s->v, &s->out->nodes[s->out->node_count], id));
    s->distance[s->out->node_count++] = distance;
    return OK;
}

static err_t follow(struct search *s, size_t from, bool up, unsigned depth)
{
    const hash_t id = s->out->nodes[from].id;
    const size_t mark = arena_mark(s->arena);
    hash_t *list;
    size_t count;
    TRY(neighbours(s->v, s->arena, up ? KIND_PARENT : KIND_CHILD, &list, &count, &id));
    if (s->distance[from] == depth) {
        if (count > 0) s->out->truncated = true;
        arena_rewind(s->arena, mark);
        return OK;
    }
    for (size_t i = 0; i < count; i++) {
        TRY(meet(s, &list[i], s->distance[from] + 1));
        if (map_get(&s->seen, &list[i]) == NULL) continue; // left out
        const struct view_edge edge =
            up ? (struct view_edge){list[i], id} : (struct view_edge){id, list[i]};
        bool is_new = false;
        if (map_put(&s->seen_edges, &edge, &is_new) == NULL || s->out->edge_count == EDGES_MAX) {
            s->out->truncated = true;
        } else if (is_new) {
            s->out->edges[s->out->edge_count++] = edge;
        }
    }
    arena_rewind(s->arena, mark);
    return OK;
}

/// One direction after the other, so that no way turns around: ancestors of descendants are
/// relatives, but not lineage.
static err_t search_both(struct search *s, const hash_t *version, unsigned depth, bool up,
                         bool down)
{
    TRY(meet(s, version, 0));
    if (up) {
        for (size_t i = 0; i < s->out->node_count; i++) TRY(follow(s, i, true, depth));
    }
    if (!down) return OK;
    const size_t first_below = s->out->node_count;
    TRY(follow(s, 0, false, depth));
    for (size_t i = first_below; i < s->out->node_count; i++) TRY(follow(s, i, false, depth));
    return OK;
}

/// Copies what was found, exactly, into the arena.
static err_t keep_lineage(struct view_lineage *l, struct arena *arena)
{
    struct view_version *nodes = ARENA_ARRAY(arena, struct view_version, l->node_count);
    struct view_edge *edges = ARENA_ARRAY(arena, struct view_edge, l->edge_count);
    if (nodes == NULL || edges == NULL) return NO_ROOM;
    memcpy(nodes, l->nodes, l->node_count * sizeof *nodes);
    memcpy(edges, l->edges, l->edge_count * sizeof *edges);
    l->nodes = nodes;
    l->edges = edges;
    return OK;
}

err_t views_lineage(const struct views *v, struct arena *arena, struct view_lineage *out,
                    const hash_t *version, unsigned depth, bool up, bool down)
{
    // Room for the largest answer is on the heap, so that small ones stay small in the arena.
    struct room {
        struct view_version nodes[VIEWS_LINEAGE_MAX];
        struct view_edge edges[EDGES_MAX];
        unsigned distance[VIEWS_LINEAGE_MAX];
    } *room = malloc(sizeof *room);
    if (room == NULL) return NO_ROOM;
    *out = (struct view_lineage){.nodes = room->nodes, .edges = room->edges};
    struct search s = {.v = v, .arena = arena, .out = out, .distance = room->distance};
    map_init(&s.seen, sizeof(hash_t), 1, VIEWS_LINEAGE_MAX, 0x6c696e);
    map_init(&s.seen_edges, sizeof(struct view_edge), 1, EDGES_MAX, 0x65646765);
    err_t err = search_both(&s, version, depth, up, down);
    if (err_ok(err)) err = keep_lineage(out, arena);
    map_deinit(&s.seen);
    map_deinit(&s.seen_edges);
    free(room);
    return err;
}

err_t views_tainted_by(const struct views *v, struct arena *arena, hash_t **out, size_t *count,
                       const hash_t *version)
{
    *count = 0;
    const size_t mark = arena_mark(arena);
    struct view_lineage l;
    TRY(views_lineage(v, arena, &l, version, UINT32_MAX, true, false));
    // Kept aside while the arena gives back the lineage.
    hash_t *revoked = malloc((l.node_count + 1) * sizeof *revoked);
    if (revoked == NULL) return NO_ROOM;
    for (size_t i = 0; i < l.node_count; i++) {
        if (l.nodes[i].revoked) revoked[(*count)++] = l.nodes[i].id;
    }
    arena_rewind(arena, mark);
    *out = ARENA_ARRAY(arena, hash_t, *count);
    if (*out != NULL && *count > 0) memcpy(*out, revoked, *count * sizeof *revoked);
    free(revoked);
    return *out == NULL ? NO_ROOM : OK;
}

// ---- rounds -------------------------------------------------------------------------------

err_t views_round(const struct views *v, struct view_round *out, uint64_t id)
{
    const struct view_key key = key_round(KIND_ROUND, id);
    return view_get(v, &VIEW_ROUND_FORM, &key, out);
}

static err_t load_round(const struct views *v, void *out, const struct view_entry *entry)
{
    (void)v;
    return view_decode(&VIEW_ROUND_FORM, out, entry->value);
}

static err_t load_round_by_number(const struct views *v, void *out, const struct view_entry *entry)
{
    if (entry->rest.len != 8) return FAIL(CORRUPT, "views: a round's number is unreadable");
    return views_round(v, out, be_get_u64(entry->rest.data));
}

err_t views_rounds(const struct views *v, struct arena *arena, const struct views_page *page,
                   const hash_t *family, struct view_round **out, size_t *count, bytes_t *next)
{
    struct list l = {v, arena, page, sizeof **out, load_round};
    struct view_key prefix = view_key(KIND_ROUND);
    if (family != NULL) {
        l.load = load_round_by_number;
        prefix = key_hash(KIND_ROUND_OF, family);
    }
    return load_list(&l, &prefix, (void **)out, count, next);
}

static err_t load_participant(const struct views *v, void *out, const struct view_entry *entry)
{
    (void)v;
    return view_decode(&VIEW_PARTICIPANT_FORM, out, entry->value);
}

static int by_index(const void *a, const void *b)
{
    const struct view_participant *x = a;
    const struct view_participant *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

err_t views_participants(const struct views *v, struct arena *arena, struct view_participant **out,
                         size_t *count, uint64_t round)
{
    const struct views_page page = WHOLE;
    const struct list l = {v, arena, &page, sizeof **out, load_participant};
    const struct view_key prefix = key_round(KIND_PARTICIPANT, round);
    bytes_t next;
    TRY(load_list(&l, &prefix, (void **)out, count, &next));
    if (*count > 1) qsort(*out, *count, sizeof **out, by_index);
    return OK;
}

err_t views_participant(const struct views *v, struct view_participant *out, uint64_t round,
                        const address_t *who)
{
    struct view_key key = key_round(KIND_PARTICIPANT, round);
    view_key_address(&key, who);
    return view_get(v, &VIEW_PARTICIPANT_FORM, &key, out);
}

err_t views_rounds_with(const struct views *v, struct arena *arena, const struct views_page *page,
                        const address_t *who, struct view_participant **out, size_t *count,
                        bytes_t *next)
{
    struct view_key prefix = view_key(KIND_ROUND_WITH);
    view_key_address(&prefix, who);
    struct view_entry *entries;
    size_t n;
    *count = 0;
    TRY(view_scan(v, arena, page, &prefix, &entries, &n, next));
    struct view_participant *items = ARENA_ARRAY(arena, struct view_participant, n);
    if (items == NULL) return NO_ROOM;
    for (size_t i = 0; i < n; i++) {
        if (entries[i].rest.len != 8) return FAIL(CORRUPT, "views: a round's number is unreadable");
        TRY(views_participant(v, &items[i], be_get_u64(entries[i].rest.data), who));
    }
    *out = items;
    *count = n;
    return OK;
}

err_t views_scores(const struct views *v, struct arena *arena, u256_t **out, size_t *count,
                   uint64_t round)
{
    const struct view_key key = key_round(KIND_SCORES, round);
    bytes_t words;
    *count = 0;
    const err_t err = view_find(v, &key, &words);
    if (err.kind == ERR_NOT_FOUND) return OK;
    TRY(err);
    *out = ARENA_ARRAY(arena, u256_t, words.len / 32);
    if (*out == NULL) return NO_ROOM;
    for (; *count < words.len / 32; (*count)++) {
        (*out)[*count] = u256_from_be32(words.data + 32 * *count);
    }
    return OK;
}

static err_t load_claim(const struct views *v, void *out, const struct view_entry *entry)
{
    (void)v;
    return view_decode(&VIEW_CLAIM_FORM, out, entry->value);
}

err_t views_claims(const struct views *v, struct arena *arena, struct view_claim **out,
                   size_t *count, uint64_t round)
{
    const struct views_page page = WHOLE;
    const struct list l = {v, arena, &page, sizeof **out, load_claim};
    const struct view_key prefix = key_round(KIND_CLAIM, round);
    bytes_t next;
    return load_list(&l, &prefix, (void **)out, count, &next);
}

// ---- the DAO ------------------------------------------------------------------------------

static err_t proposal_of(const struct views *v, struct view_proposal *out, const hash_t *id)
{
    const struct view_key key = key_hash(KIND_PROPOSAL, id);
    const struct view_key data = key_hash(KIND_PROPOSAL_DATA, id);
    TRY(view_get(v, &VIEW_PROPOSAL_FORM, &key, out));
    return view_find(v, &data, &out->created_data);
}

err_t views_proposal(const struct views *v, struct view_proposal *out, const u256_t *id)
{
    const hash_t h = u256_to_hash(id);
    return proposal_of(v, out, &h);
}

err_t views_proposal_by_prefix(const struct views *v, struct view_proposal *out, bytes_t prefix,
                               size_t nibbles)
{
    hash_t id;
    TRY(by_prefix(v, &id, KIND_PROPOSAL, prefix, nibbles));
    return proposal_of(v, out, &id);
}

static err_t load_proposal(const struct views *v, void *out, const struct view_entry *entry)
{
    hash_t id;
    TRY(to_hash(&id, entry->value));
    return proposal_of(v, out, &id);
}

err_t views_proposals(const struct views *v, struct arena *arena, const struct views_page *page,
                      struct view_proposal **out, size_t *count, bytes_t *next)
{
    const struct list l = {v, arena, page, sizeof **out, load_proposal};
    const struct view_key prefix = view_key(KIND_PROPOSAL_ORDER);
    return load_list(&l, &prefix, (void **)out, count, next);
}

static err_t load_vote(const struct views *v, void *out, const struct view_entry *entry)
{
    (void)v;
    return view_decode(&VIEW_VOTE_FORM, out, entry->value);
}

err_t views_votes(const struct views *v, struct arena *arena, const struct views_page *page,
                  const u256_t *proposal, struct view_vote **out, size_t *count, bytes_t *next)
{
    const struct list l = {v, arena, page, sizeof **out, load_vote};
    const hash_t id = u256_to_hash(proposal);
    const struct view_key prefix = key_hash(KIND_VOTE, &id);
    return load_list(&l, &prefix, (void **)out, count, next);
}

static err_t load_delegator(const struct views *v, void *out, const struct view_entry *entry)
{
    (void)v;
    if (entry->rest.len != sizeof(address_t)) return FAIL(CORRUPT, "views: unreadable delegator");
    memcpy(out, entry->rest.data, sizeof(address_t));
    return OK;
}

err_t views_delegators(const struct views *v, struct arena *arena, address_t **out, size_t *count,
                       const address_t *to)
{
    const struct views_page page = WHOLE;
    const struct list l = {v, arena, &page, sizeof **out, load_delegator};
    struct view_key prefix = view_key(KIND_DELEGATE);
    view_key_address(&prefix, to);
    bytes_t next;
    return load_list(&l, &prefix, (void **)out, count, &next);
}

// ---- the journal --------------------------------------------------------------------------

static err_t load_event(const struct views *v, void *out, const struct view_entry *entry)
{
    if (entry->rest.len != 12) return FAIL(CORRUPT, "views: an event's place is unreadable");
    return view_event_get(v->txn, out, be_get_u64(entry->rest.data),
                          be_get_u32(entry->rest.data + 8));
}

err_t views_events(const struct views *v, struct arena *arena, const struct views_page *page,
                   enum view_subject subject, const hash_t *id, struct view_event **out,
                   size_t *count, bytes_t *next)
{
    static const hash_t nothing = {{0}};
    const struct list l = {v, arena, page, sizeof **out, load_event};
    struct view_key prefix = view_key(KIND_SUBJECT);
    prefix.b[prefix.len++] = (uint8_t)subject;
    view_key_hash(&prefix, id != NULL ? id : &nothing);
    return load_list(&l, &prefix, (void **)out, count, next);
}
