// SPDX-License-Identifier: Apache-2.0
#include "vm/vm_impl.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { OP_JUMPDEST = 0x5b, OP_PUSH1 = 0x60, CHUNK = 64 };

/// One bit per byte of a chunk: is it a JUMPDEST's, is it a push's? As signed bytes the pushes
/// are the only ones not below 0x60.
static inline void look_at_chunk(uint64_t *jumpdests, uint64_t *pushes, const uint8_t *chunk)
{
    *jumpdests = 0;
    *pushes = 0;
#if defined(__SSE2__)
    const __m128i jumpdest = _mm_set1_epi8(OP_JUMPDEST);
    const __m128i below_push = _mm_set1_epi8(OP_PUSH1 - 1);
    for (unsigned i = 0; i < CHUNK; i += 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(chunk + i));
        const unsigned j = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, jumpdest));
        const unsigned p = (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(v, below_push));
        *jumpdests |= (uint64_t)j << i;
        *pushes |= (uint64_t)p << i;
    }
#else
    for (unsigned i = 0; i < CHUNK; i++) {
        *jumpdests |= (uint64_t)(chunk[i] == OP_JUMPDEST) << i;
        *pushes |= (uint64_t)((int8_t)chunk[i] >= OP_PUSH1) << i;
    }
#endif
}

// Sixty-four bytes at a time: a chunk without pushes is done at once, in others only the pushes
// are walked from one to the next.
void code_mark_jumpdests(uint64_t *bits, const uint8_t *code, size_t len)
{
    unsigned data_ahead = 0; // bytes of the next chunk that belong to the last push, at most 32
    for (size_t at = 0; at < len; at += CHUNK) {
        uint8_t rest[CHUNK] = {0};
        const uint8_t *chunk = code + at;
        if (len - at < CHUNK) {
            memcpy(rest, chunk, len - at);
            chunk = rest;
        }
        uint64_t jumpdests, pushes;
        look_at_chunk(&jumpdests, &pushes, chunk);
        uint64_t data = (UINT64_C(1) << data_ahead) - 1;
        data_ahead = 0;
        pushes &= ~data;
        while (pushes != 0) {
            const unsigned i = (unsigned)__builtin_ctzll(pushes);
            const unsigned end = i + chunk[i] - OP_PUSH1 + 2; // behind the push's data
            const uint64_t up_to_push = (UINT64_C(2) << i) - 1;
            uint64_t up_to_end = UINT64_MAX;
            if (end < CHUNK) {
                up_to_end = (UINT64_C(1) << end) - 1;
            } else {
                data_ahead = end - CHUNK;
            }
            data |= up_to_end & ~up_to_push;
            pushes &= ~up_to_end;
        }
        bits[at / CHUNK] = jumpdests & ~data;
    }
}

/// Where the cache lies keeps grinders of code hashes from choosing a set.
static uint64_t mixed(const struct code_cache *cache, const hash_t *hash)
{
    uint64_t h;
    memcpy(&h, hash->b, sizeof h);
    return (h ^ (uint64_t)(uintptr_t)cache) * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t set_of(const struct code_cache *cache, const hash_t *hash)
{
    return (size_t)(mixed(cache, hash) >> 56) % CODE_CACHE_SETS;
}

/// The jump destinations of a code that is read anew: found once, then kept.
static void find_jumpdests(struct code_cache *cache, uint64_t *bits, const hash_t *hash,
                           const uint8_t *code, size_t len)
{
    const size_t bytes = (len + 63) / 64 * 8;
    if (len < CODE_MAP_LEAST || bytes > CODE_MAP_BYTES) {
        code_mark_jumpdests(bits, code, len);
        return;
    }
    const size_t set_index = (size_t)(mixed(cache, hash) >> 48) % CODE_MAP_SETS;
    struct code_map *set = cache->maps[set_index];
    uint8_t *const slots = cache->map_slots + set_index * CODE_MAP_WAYS * CODE_MAP_BYTES;
    size_t oldest = 0;
    for (size_t i = 0; i < CODE_MAP_WAYS; i++) {
        if (set[i].used != 0 && hash_eq(&set[i].hash, hash)) {
            set[i].used = ++cache->clock;
            memcpy(bits, slots + i * CODE_MAP_BYTES, bytes);
            return;
        }
        if (set[i].used < set[oldest].used) oldest = i;
    }
    code_mark_jumpdests(bits, code, len);
    memcpy(slots + oldest * CODE_MAP_BYTES, bits, bytes);
    set[oldest] = (struct code_map){*hash, ++cache->clock};
}

struct cached_code *code_pin_known(struct code_cache *cache, const hash_t *hash)
{
    struct cached_code *set = cache->ways[set_of(cache, hash)];
    for (size_t i = 0; i < CODE_CACHE_WAYS; i++) {
        if (set[i].valid && hash_eq(&set[i].hash, hash)) {
            set[i].used = ++cache->clock;
            set[i].pins++;
            return &set[i];
        }
    }
    return NULL;
}

struct cached_code *code_pin(struct code_cache *cache, const hash_t *hash, bytes_t code)
{
    struct cached_code *known = code_pin_known(cache, hash);
    if (known != NULL) return known;

    const size_t bitmap = (code.len + 63) / 64 * 8;
    if (code.len > CODE_CACHE_SLOT_BYTES / 8 * 7 - 8 - CODE_PADDING) return NULL;

    const size_t set_index = set_of(cache, hash);
    struct cached_code *set = cache->ways[set_index];
    struct cached_code *victim = NULL;
    size_t way = 0;
    for (size_t i = 0; i < CODE_CACHE_WAYS; i++) {
        if (set[i].pins != 0) continue;
        if (victim == NULL || !set[i].valid || (victim->valid && set[i].used < victim->used)) {
            victim = &set[i];
            way = i;
        }
    }
    if (victim == NULL) return NULL;

    uint8_t *slot = cache->slots + (set_index * CODE_CACHE_WAYS + way) * CODE_CACHE_SLOT_BYTES;
    uint64_t *bits = (uint64_t *)(void *)slot;
    uint8_t *copy = slot + bitmap;
    memcpy(copy, code.data, code.len);
    memset(copy + code.len, 0, CODE_PADDING);
    find_jumpdests(cache, bits, hash, copy, code.len);
    *victim = (struct cached_code){.hash = *hash,
                                   .code = {copy, bits, code.len},
                                   .used = ++cache->clock,
                                   .pins = 1,
                                   .valid = true};
    return victim;
}

bool code_is_delegation(bytes_t code, address_t *target)
{
    static const uint8_t prefix[3] = {0xef, 0x01, 0x00};
    if (code.len != EVM_DELEGATION_BYTES || memcmp(code.data, prefix, sizeof prefix) != 0) {
        return false;
    }
    memcpy(target->b, code.data + sizeof prefix, sizeof target->b);
    return true;
}
