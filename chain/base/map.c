// SPDX-License-Identifier: Apache-2.0
#include "chain/base/map.h"

#include <stdlib.h>

#include "chain/base/checked.h"

/// A slot is [value, padded to 8][key][1 if used], padded to 8 again, so that values are
/// aligned for any structure of 64-bit members.
static size_t round8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static size_t key_offset(const struct map *m)
{
    return round8(m->value_len);
}

static size_t stride(const struct map *m)
{
    return round8(key_offset(m) + m->key_len + 1);
}

static uint8_t *slot_at(const struct map *m, size_t i)
{
    return m->slots + i * stride(m);
}

static uint8_t *slot_key(const struct map *m, size_t i)
{
    return slot_at(m, i) + key_offset(m);
}

static bool slot_used(const struct map *m, size_t i)
{
    return slot_key(m, i)[m->key_len] != 0;
}

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

/// SipHash-1-3 with both halves of its key from the seed.
static uint64_t hash_key(const struct map *m, const uint8_t *key)
{
    const uint64_t k0 = m->seed;
    const uint64_t k1 = rotl(m->seed, 29) ^ 0x9e3779b97f4a7c15u;
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u};
    size_t left = m->key_len;
    for (; left >= 8; left -= 8, key += 8) {
        uint64_t w;
        memcpy(&w, key, 8);
        v[3] ^= w;
        sip_round(v);
        v[0] ^= w;
    }
    uint64_t last = 0;
    memcpy(&last, key, left);
    last |= (uint64_t)m->key_len << 56;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/// Index of `key`, or of the free slot where it belongs. There is always a free slot.
static size_t probe(const struct map *m, const void *key)
{
    const size_t mask = m->cap - 1;
    size_t i = (size_t)hash_key(m, key) & mask;
    while (slot_used(m, i) && memcmp(slot_key(m, i), key, m->key_len) != 0) i = (i + 1) & mask;
    return i;
}

void map_init(struct map *m, size_t key_len, size_t value_len, size_t max_count, uint64_t seed)
{
    *m = (struct map){.key_len = key_len, .value_len = value_len, .max = max_count, .seed = seed};
}

void map_deinit(struct map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->count = 0;
    m->cap = 0;
}

void map_clear(struct map *m)
{
    if (m->slots != NULL) memset(m->slots, 0, m->cap * stride(m));
    m->count = 0;
}

void *map_get(const struct map *m, const void *key)
{
    if (m->count == 0) return NULL;
    const size_t i = probe(m, key);
    return slot_used(m, i) ? slot_at(m, i) : NULL;
}

static bool grow(struct map *m)
{
    struct map bigger = *m;
    bigger.cap = m->cap == 0 ? 16 : m->cap * 2;
    size_t bytes;
    if (!checked_mul_size(&bytes, bigger.cap, stride(m))) return false;
    bigger.slots = calloc(1, bytes);
    if (bigger.slots == NULL) return false;

    for (size_t i = 0; i < m->cap; i++) {
        if (!slot_used(m, i)) continue;
        memcpy(slot_at(&bigger, probe(&bigger, slot_key(m, i))), slot_at(m, i), stride(m));
    }
    free(m->slots);
    *m = bigger;
    return true;
}

void *map_put(struct map *m, const void *key, bool *is_new)
{
    if (is_new != NULL) *is_new = false;
    if (m->cap != 0) {
        const size_t i = probe(m, key);
        if (slot_used(m, i)) return slot_at(m, i);
    }
    if (m->count >= m->max) return NULL;
    if (m->count >= m->cap - m->cap / 4 && !grow(m)) return NULL; // at most three quarters full

    const size_t i = probe(m, key);
    uint8_t *slot = slot_at(m, i);
    memset(slot, 0, m->value_len);
    memcpy(slot_key(m, i), key, m->key_len);
    slot_key(m, i)[m->key_len] = 1;
    m->count++;
    if (is_new != NULL) *is_new = true;
    return slot;
}

bool map_delete(struct map *m, const void *key)
{
    if (m->count == 0) return false;
    size_t hole = probe(m, key);
    if (!slot_used(m, hole)) return false;

    // Close the hole: pull back every follower whose home is not between hole and itself.
    const size_t mask = m->cap - 1;
    for (size_t i = (hole + 1) & mask; slot_used(m, i); i = (i + 1) & mask) {
        const size_t home = (size_t)hash_key(m, slot_key(m, i)) & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        memcpy(slot_at(m, hole), slot_at(m, i), stride(m));
        hole = i;
    }
    slot_key(m, hole)[m->key_len] = 0;
    m->count--;
    return true;
}

bool map_next(const struct map *m, size_t *cursor, const void **key, void **value)
{
    while (*cursor < m->cap) {
        const size_t i = (*cursor)++;
        if (!slot_used(m, i)) continue;
        *key = slot_key(m, i);
        *value = slot_at(m, i);
        return true;
    }
    return false;
}
