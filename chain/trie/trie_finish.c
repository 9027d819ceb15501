// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/trie/trie_cache.h"
#include "chain/trie/trie_impl.h"

#include <stdlib.h>

/// Nodes one job encodes and hashes: a few full sets of Keccak's lanes.
#define CHUNK 128

#define NO_ROOM FAIL(FULL, "trie: no memory left for this batch")

// ---- checking what was loaded -----------------------------------------------------------

struct check_job {
    const struct trie_loaded **all;
    size_t count;
    bool *bad; ///< one per chunk
};

static void check_chunk(void *arg, size_t i)
{
    struct check_job *job = arg;
    const size_t first = i * CHUNK;
    const size_t n = job->count - first < CHUNK ? job->count - first : CHUNK;
    bytes_t in[CHUNK] = {{0}};
    hash_t out[CHUNK];
    for (size_t j = 0; j < n; j++) in[j] = job->all[first + j]->raw;
    keccak256_many(out, in, n);
    for (size_t j = 0; j < n; j++) {
        if (memcmp(out[j].b, job->all[first + j]->hash, 32) != 0) job->bad[i] = true;
    }
}

err_t trie_check_loaded(struct trie *const *tries, size_t count, const struct jobs *jobs)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) total += tries[i]->unchecked_count;
    if (total == 0) return OK;

    struct arena *arena = tries[0]->arena;
    const size_t chunks = (total + CHUNK - 1) / CHUNK;
    struct check_job job = {.count = 0};
    job.all = ARENA_ARRAY(arena, const struct trie_loaded *, total);
    job.bad = ARENA_ARRAY(arena, bool, chunks);
    if (job.all == NULL || job.bad == NULL) return NO_ROOM;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const struct trie_loaded *l = tries[i]->loaded;
        for (; tries[i]->unchecked_count > 0; tries[i]->unchecked_count--) {
            if (!l->checked) job.all[at++] = l;
            l = l->next;
        }
    }
    job.count = at;
    jobs_run(jobs, (at + CHUNK - 1) / CHUNK, check_chunk, &job);
    for (size_t i = 0; i < chunks; i++) {
        if (job.bad[i]) return FAIL(CORRUPT, "trie: a stored node does not hash to its name");
    }
    return OK;
}

// ---- collecting what changed ------------------------------------------------------------

/// A dirty node. The depth stands here too: sorting by it then touches no node.
struct dirty_ref {
    struct trie_node *node;
    uint32_t depth;
};

struct dirty_list {
    struct dirty_ref *refs; ///< in the order of their paths
    size_t count;
};

struct collector {
    struct trie *trie;
    struct dirty_list *list;
    uint8_t path[TRIE_PATH_MAX + 1];
};

static err_t collect(struct collector *c, const struct trie_slot *slot, size_t depth)
{
    struct trie_node *n = slot->node;
    if (n == NULL) return OK;
    n->reached = true;
    if (n->dirty) {
        uint8_t *place = arena_alloc(c->trie->arena, depth);
        if (place == NULL) return NO_ROOM;
        if (depth > 0) memcpy(place, c->path, depth);
        n->place = place;
        n->depth = (uint32_t)depth;
        c->list->refs[c->list->count++] = (struct dirty_ref){n, n->depth};
    }
    switch (n->kind) {
    case NODE_LEAF:
        return OK;
    case NODE_EXTENSION:
        if (depth + n->path_len > TRIE_PATH_MAX) return FAIL(CORRUPT, "trie: too deep");
        memcpy(c->path + depth, n->path, n->path_len);
        return collect(c, &n->child[0], depth + n->path_len);
    case NODE_BRANCH:
        if (depth >= TRIE_PATH_MAX) return FAIL(CORRUPT, "trie: too deep");
        for (uint8_t i = 0; i < 16; i++) {
            c->path[depth] = i;
            TRY(collect(c, &n->child[i], depth + 1));
        }
        return OK;
    }
    unreachable("node kind");
}

// ---- encoding ---------------------------------------------------------------------------

static size_t slot_size(const struct trie_slot *slot)
{
    if (slot->node != NULL) return slot->node->name_len;
    return slot->hash != NULL ? 33 : 1;
}

static uint8_t *put_slot(uint8_t *p, const struct trie_slot *slot)
{
    if (slot->node != NULL) {
        memcpy(p, slot->node->name, slot->node->name_len);
        return p + slot->node->name_len;
    }
    if (slot->hash == NULL) {
        *p = 0x80;
        return p + 1;
    }
    *p = 0xa0;
    memcpy(p + 1, slot->hash, 32);
    return p + 33;
}

static uint8_t *put_string(uint8_t *p, bytes_t s)
{
    if (s.len != 1 || s.data[0] >= 0x80) {
        // A list's header is a string's with 0x40 more.
        const size_t n = rlp_list_header(p, s.len);
        *p = (uint8_t)(*p - 0x40);
        p += n;
    }
    if (s.len > 0) memcpy(p, s.data, s.len);
    return p + s.len;
}

/// A packed path is one byte without a header, or has one of one byte.
static size_t packed_size(const struct trie_node *n)
{
    const size_t packed = n->path_len / 2 + 1;
    return packed == 1 ? 1 : rlp_header_size(packed) + packed;
}

static uint8_t *put_packed(uint8_t *p, const struct trie_node *n)
{
    uint8_t packed[TRIE_PATH_MAX / 2 + 1];
    const size_t len = n->path_len;
    const uint8_t flags = n->kind == NODE_LEAF ? 0x20 : 0;
    size_t i = 0;
    packed[0] = flags;
    if (len % 2 == 1) packed[0] = (uint8_t)(flags | 0x10 | n->path[i++]);
    for (size_t out = 1; i < len; i += 2, out++) {
        packed[out] = (uint8_t)(n->path[i] << 4 | n->path[i + 1]);
    }
    return put_string(p, bytes_make(packed, len / 2 + 1));
}

static size_t payload_size(const struct trie_node *n)
{
    switch (n->kind) {
    case NODE_LEAF:
        return packed_size(n) + rlp_bytes_size(n->value);
    case NODE_EXTENSION:
        return packed_size(n) + slot_size(&n->child[0]);
    case NODE_BRANCH: {
        size_t size = rlp_bytes_size(n->value);
        for (size_t i = 0; i < 16; i++) size += slot_size(&n->child[i]);
        return size;
    }
    }
    unreachable("node kind");
}

/// Fills the room that n->encoded already has.
static void encode(struct trie_node *n)
{
    uint8_t *const start = (uint8_t *)(uintptr_t)n->encoded.data;
    uint8_t *p = start + rlp_list_header(start, payload_size(n));
    switch (n->kind) {
    case NODE_LEAF:
        p = put_packed(p, n);
        p = put_string(p, n->value);
        break;
    case NODE_EXTENSION:
        p = put_packed(p, n);
        p = put_slot(p, &n->child[0]);
        break;
    case NODE_BRANCH:
        for (size_t i = 0; i < 16; i++) p = put_slot(p, &n->child[i]);
        p = put_string(p, n->value);
        break;
    }
    check((size_t)(p - start) == n->encoded.len);
}

err_t trie_leaf(bytes_t *out, struct arena *arena, bytes_t key, size_t depth, bytes_t value)
{
    check(key.len <= TRIE_KEY_MAX && depth <= 2 * key.len);
    uint8_t path[TRIE_PATH_MAX];
    struct trie_node n = {.kind = NODE_LEAF, .path = path, .value = value};
    for (size_t i = depth; i < 2 * key.len; i++) path[n.path_len++] = key_nibble(key, i);
    const size_t payload = payload_size(&n);
    n.encoded.len = rlp_header_size(payload) + payload;
    n.encoded.data = arena_alloc(arena, n.encoded.len);
    if (n.encoded.data == NULL) return NO_ROOM;
    encode(&n);
    *out = n.encoded;
    return OK;
}

// ---- naming, level by level -------------------------------------------------------------

struct name_job {
    struct trie_node **nodes;
    size_t count;
};

static bool is_stored(const struct trie_node *n)
{
    return n->depth == 0 || n->encoded.len >= 32;
}

static void name_chunk(void *arg, size_t i)
{
    const struct name_job *job = arg;
    const size_t first = i * CHUNK;
    const size_t n = job->count - first < CHUNK ? job->count - first : CHUNK;
    struct trie_node *hashed[CHUNK];
    bytes_t in[CHUNK] = {{0}};
    hash_t out[CHUNK];
    size_t hashes = 0;
    for (size_t j = 0; j < n; j++) {
        struct trie_node *node = job->nodes[first + j];
        encode(node);
        if (is_stored(node)) {
            hashed[hashes] = node;
            in[hashes++] = node->encoded;
        } else {
            memcpy(node->name, node->encoded.data, node->encoded.len);
            node->name_len = (uint8_t)node->encoded.len;
        }
    }
    keccak256_many(out, in, hashes);
    for (size_t j = 0; j < hashes; j++) {
        hashed[j]->name[0] = 0xa0;
        memcpy(hashed[j]->name + 1, out[j].b, 32);
        hashed[j]->name_len = 33;
    }
}

static err_t name_level(struct arena *arena, struct trie_node **nodes, size_t count,
                        const struct jobs *jobs)
{
    for (size_t i = 0; i < count; i++) {
        const size_t payload = payload_size(nodes[i]);
        const size_t size = rlp_header_size(payload) + payload;
        uint8_t *room = arena_alloc(arena, size);
        if (room == NULL) return NO_ROOM;
        nodes[i]->encoded = bytes_make(room, size);
    }
    struct name_job job = {nodes, count};
    jobs_run(jobs, (count + CHUNK - 1) / CHUNK, name_chunk, &job);
    return OK;
}

/// Names all dirty nodes, the deepest first.
static err_t name_all(struct arena *arena, const struct dirty_list *lists, size_t tries,
                      size_t total, const struct jobs *jobs)
{
    size_t *start = ARENA_ARRAY(arena, size_t, TRIE_PATH_MAX + 3);
    struct trie_node **sorted = ARENA_ARRAY(arena, struct trie_node *, total);
    if (start == NULL || sorted == NULL) return NO_ROOM;

    // A counting sort by depth: start[d + 1] counts, then is where level d + 1 begins.
    for (size_t i = 0; i < tries; i++) {
        for (size_t k = 0; k < lists[i].count; k++) start[lists[i].refs[k].depth + 2]++;
    }
    for (size_t d = 2; d < TRIE_PATH_MAX + 3; d++) start[d] += start[d - 1];
    for (size_t i = 0; i < tries; i++) {
        for (size_t k = 0; k < lists[i].count; k++) {
            const struct dirty_ref *ref = &lists[i].refs[k];
            sorted[start[ref->depth + 1]++] = ref->node;
        }
    }
    // Now start[d] is where level d begins, start[d + 1] where it ends.
    for (size_t d = TRIE_PATH_MAX + 1; d-- > 0;) {
        const size_t count = start[d + 1] - start[d];
        if (count > 0) TRY(name_level(arena, sorted + start[d], count, jobs));
    }
    return OK;
}

// ---- what the store must do -------------------------------------------------------------

static int compare_paths(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return bytes_cmp(bytes_make(a, a_len), bytes_make(b, b_len));
}

static int compare_changes(const void *x, const void *y)
{
    const struct trie_change *a = x;
    const struct trie_change *b = y;
    return compare_paths(a->path, a->path_len, b->path, b->path_len);
}

static bool is_written(const struct trie *t, const struct trie_loaded *l)
{
    const struct trie_change key = {.path = l->path, .path_len = l->path_len};
    return t->write_count > 0 &&
           bsearch(&key, t->writes, t->write_count, sizeof key, compare_changes) != NULL;
}

static err_t list_changes(struct trie *t, const struct dirty_list *dirty)
{
    struct trie_change *writes = ARENA_ARRAY(t->arena, struct trie_change, dirty->count);
    struct trie_change *deletes = ARENA_ARRAY(t->arena, struct trie_change, t->loaded_count);
    if (writes == NULL || deletes == NULL) return NO_ROOM;

    // Collected parents first and children in order: sorted by path.
    const bool leaves_apart = t->source.leaves_apart;
    for (size_t i = 0; i < dirty->count; i++) {
        struct trie_node *n = dirty->refs[i].node;
        if (!is_stored(n)) continue;
        trie_cache_put(t->source.cache, n->place, n->depth, n->name + 1, n->encoded);
        if (leaves_apart && n->kind == NODE_LEAF) continue;
        writes[t->write_count++] = (struct trie_change){n->place, n->depth, n->encoded};
    }
    t->writes = writes;
    for (const struct trie_loaded *l = t->loaded; l != NULL; l = l->next) {
        const struct trie_node *n = l->node;
        if (leaves_apart && n->kind == NODE_LEAF) continue;
        // A node never moves: if it is still there, it is as it was or is written in its place.
        if (n->reached && (!n->dirty || is_stored(n))) continue;
        if (is_written(t, l)) continue;
        deletes[t->delete_count++] = (struct trie_change){l->path, l->path_len, BYTES_NONE};
    }
    if (t->delete_count > 1) {
        qsort(deletes, t->delete_count, sizeof *deletes, compare_changes);
    }
    t->deletes = deletes;
    for (size_t i = 0; i < dirty->count; i++) dirty->refs[i].node->dirty = false;
    return OK;
}

static void set_root(struct trie *t, const struct dirty_list *dirty)
{
    if (t->root.node == NULL && t->root.hash == NULL) {
        t->root_hash = KECCAK_RLP_NULL;
    } else if (dirty->count > 0) {
        // Whatever changed, the root changed too, and it is the first of its list.
        const struct trie_node *root = dirty->refs[0].node;
        check(root != NULL);
        check(root == t->root.node);
        memcpy(t->root_hash.b, root->name + 1, 32);
    }
}

/// Keeps what was loaded of the upper levels and is as it was.
static void keep_loaded(const struct trie *t)
{
    if (t->source.cache == NULL) return;
    for (const struct trie_loaded *l = t->loaded; l != NULL; l = l->next) {
        if (l->checked || (l->node->dirty && l->node->reached)) continue;
        trie_cache_put(t->source.cache, l->path, l->path_len, l->hash, l->raw);
    }
}

err_t trie_finish(struct trie *const *tries, size_t count, const struct jobs *jobs)
{
    if (count == 0) return OK;
    TRY(trie_check_loaded(tries, count, jobs));

    struct arena *arena = tries[0]->arena;
    struct dirty_list *lists = ARENA_ARRAY(arena, struct dirty_list, count);
    struct collector *c = ARENA_NEW(arena, struct collector);
    if (lists == NULL || c == NULL) return NO_ROOM;
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        check(tries[i]->arena == arena && tries[i]->writes == NULL);
        lists[i].refs = arena_alloc(arena, tries[i]->node_count * sizeof *lists[i].refs);
        if (lists[i].refs == NULL) return NO_ROOM;
        c->trie = tries[i];
        c->list = &lists[i];
        TRY(collect(c, &tries[i]->root, 0));
        total += lists[i].count;
    }
    TRY(name_all(arena, lists, count, total, jobs));
    for (size_t i = 0; i < count; i++) {
        keep_loaded(tries[i]);
        TRY(list_changes(tries[i], &lists[i]));
        set_root(tries[i], &lists[i]);
    }
    return OK;
}
