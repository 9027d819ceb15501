// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/discv4_table.h"

#include "chain/crypto/keccak.h"
#include "consensus/p2p/ip_class.h"

void discv4_table_init(struct discv4_table *t, const secp_pubkey_t *self)
{
    memset(t, 0, sizeof *t);
    t->self = discv4_nid(self);
}

/// --- distance ---

hash_t discv4_nid(const secp_pubkey_t *id)
{
    return keccak256(BYTES_OF(*id));
}

int discv4_nearer(const hash_t *target, const hash_t *a, const hash_t *b)
{
    for (size_t i = 0; i < sizeof target->b; i++) {
        const uint8_t x = a->b[i] ^ target->b[i];
        const uint8_t y = b->b[i] ^ target->b[i];
        if (x != y) return x < y ? -1 : 1;
    }
    return 0;
}

bool discv4_same_place(const struct discv4_endpoint *a, const struct discv4_endpoint *b)
{
    return a->ip_len == b->ip_len && a->udp == b->udp && memcmp(a->ip, b->ip, a->ip_len) == 0;
}

/// 17 buckets for distances up to 256: everything below 241 is in the first.
static struct discv4_bucket *bucket_of(struct discv4_table *t, const hash_t *nid)
{
    unsigned zeros = 0;
    for (size_t i = 0; i < 2; i++) {
        const unsigned x = (unsigned)(t->self.b[i] ^ nid->b[i]);
        zeros += x == 0 ? 8 : (unsigned)__builtin_clz(x) - 24;
        if (x != 0) break;
    }
    return &t->buckets[DISCV4_BUCKETS - 1 - zeros];
}

/// --- finding ---

static struct discv4_contact *find_in(struct discv4_contact *list, size_t count, const hash_t *nid)
{
    for (size_t i = 0; i < count; i++) {
        if (hash_eq(&list[i].nid, nid)) return &list[i];
    }
    return NULL;
}

struct discv4_contact *discv4_table_in(struct discv4_table *t, const hash_t *nid)
{
    struct discv4_bucket *b = bucket_of(t, nid);
    return find_in(b->nodes, b->count, nid);
}

struct discv4_contact *discv4_table_find(struct discv4_table *t, const hash_t *nid)
{
    struct discv4_bucket *b = bucket_of(t, nid);
    struct discv4_contact *c = find_in(b->nodes, b->count, nid);
    return c != NULL ? c : find_in(b->spare, b->spare_count, nid);
}

const struct discv4_contact *discv4_table_next(const struct discv4_table *t, size_t *cursor)
{
    while (*cursor < (size_t)DISCV4_BUCKETS * DISCV4_BUCKET_NODES) {
        const struct discv4_bucket *b = &t->buckets[*cursor / DISCV4_BUCKET_NODES];
        const size_t at = *cursor % DISCV4_BUCKET_NODES;
        *cursor += at < b->count ? 1 : DISCV4_BUCKET_NODES - at;
        if (at < b->count) return &b->nodes[at];
    }
    return NULL;
}

size_t discv4_table_nearest(const struct discv4_table *t, const struct discv4_contact **out,
                            size_t room, const hash_t *target)
{
    size_t count = 0;
    size_t cursor = 0;
    const struct discv4_contact *c;
    while ((c = discv4_table_next(t, &cursor)) != NULL) {
        if (!c->live) continue;
        size_t at = count;
        while (at > 0 && discv4_nearer(target, &c->nid, &out[at - 1]->nid) < 0) at--;
        if (at == room) continue;
        if (count < room) count++;
        for (size_t i = count - 1; i > at; i--) out[i] = out[i - 1];
        out[at] = c;
    }
    return count;
}

static struct discv4_contact *due_of(struct discv4_contact *list, size_t count,
                                     struct discv4_contact *due)
{
    for (size_t i = 0; i < count; i++) {
        if (due == NULL || list[i].check_at_ms < due->check_at_ms) due = &list[i];
    }
    return due;
}

struct discv4_contact *discv4_table_due(struct discv4_table *t)
{
    struct discv4_contact *due = NULL;
    for (size_t i = 0; i < DISCV4_BUCKETS; i++) {
        struct discv4_bucket *b = &t->buckets[i];
        due = due_of(b->nodes, b->count, due);
        due = due_of(b->spare, b->spare_count, due);
    }
    return due;
}

/// --- changing ---

/// Would a node at this place, `but` for itself, be one of too many of its network?
static bool crowded(const struct discv4_table *t, const struct discv4_bucket *b,
                    const struct discv4_endpoint *at, const hash_t *but)
{
    if (ip_is_local(at->ip, at->ip_len)) return false;
    size_t in_table = 0;
    size_t in_bucket = 0;
    size_t cursor = 0;
    const struct discv4_contact *c;
    while ((c = discv4_table_next(t, &cursor)) != NULL) {
        const struct discv4_endpoint *o = &c->node.at;
        if (hash_eq(&c->nid, but) || !ip_same_network(o->ip, o->ip_len, at->ip, at->ip_len))
            continue;
        in_table++;
        in_bucket += c >= b->nodes && c < b->nodes + DISCV4_BUCKET_NODES;
    }
    return in_table >= DISCV4_NETWORK_OF_TABLE || in_bucket >= DISCV4_NETWORK_OF_BUCKET;
}

static void take_out(struct discv4_contact *list, size_t *count, const struct discv4_contact *c)
{
    const size_t at = (size_t)(c - list);
    memmove(list + at, list + at + 1, (*count - at - 1) * sizeof *list);
    (*count)--;
}

/// A place came free, or a network has one node less.
static void fill(struct discv4_table *t, struct discv4_bucket *b)
{
    for (size_t i = b->spare_count; i-- > 0 && b->count < DISCV4_BUCKET_NODES;) {
        if (crowded(t, b, &b->spare[i].node.at, &b->spare[i].nid)) continue;
        b->nodes[b->count++] = b->spare[i];
        take_out(b->spare, &b->spare_count, &b->spare[i]);
    }
}

struct discv4_contact *discv4_table_put(struct discv4_table *t, const struct discv4_contact *c)
{
    if (hash_eq(&c->nid, &t->self)) return NULL;
    struct discv4_bucket *b = bucket_of(t, &c->nid);
    struct discv4_contact *known = find_in(b->nodes, b->count, &c->nid);
    const bool welcome = !crowded(t, b, &c->node.at, &c->nid);
    if (known != NULL && welcome) {
        *known = *c;
        return known;
    }
    if (known != NULL) take_out(b->nodes, &b->count, known); // it moved into a crowded network
    known = find_in(b->spare, b->spare_count, &c->nid);
    if (known != NULL) take_out(b->spare, &b->spare_count, known);
    if (welcome && b->count < DISCV4_BUCKET_NODES) {
        b->nodes[b->count] = *c;
        return &b->nodes[b->count++];
    }
    if (b->spare_count == DISCV4_BUCKET_SPARE) take_out(b->spare, &b->spare_count, b->spare);
    b->spare[b->spare_count] = *c;
    return &b->spare[b->spare_count++];
}

void discv4_table_drop(struct discv4_table *t, const hash_t *nid)
{
    struct discv4_bucket *b = bucket_of(t, nid);
    const struct discv4_contact *c = find_in(b->nodes, b->count, nid);
    if (c != NULL) take_out(b->nodes, &b->count, c);
    const struct discv4_contact *s = find_in(b->spare, b->spare_count, nid);
    if (s != NULL) take_out(b->spare, &b->spare_count, s);
    fill(t, b);
}
