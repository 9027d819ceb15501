// SPDX-License-Identifier: Apache-2.0
#include "vm/vm_impl.h"

enum { OP_JUMPDEST = 0x5b, OP_PUSH1 = 0x60, OP_PUSH32 = 0x7f };

void code_mark_jumpdests(uint64_t *bits, const uint8_t *code, size_t len)
{
    memset(bits, 0, (len + 63) / 64 * 8);
    for (size_t i = 0; i < len; i++) {
        // As a signed byte a push is the only thing not below 0x60: one test for most.
        const int8_t op = (int8_t)code[i];
        if (op >= OP_PUSH1) {
            i += (size_t)(op - OP_PUSH1 + 1);
        } else if (op == OP_JUMPDEST) {
            bits[i / 64] |= UINT64_C(1) << (i % 64);
        }
    }
}

static size_t set_of(const struct code_cache *cache, const hash_t *hash)
{
    uint64_t h;
    memcpy(&h, hash->b, sizeof h);
    // Where the cache lies keeps grinders of code hashes from choosing a set.
    h = (h ^ (uint64_t)(uintptr_t)cache) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h >> 56) % CODE_CACHE_SETS;
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
    code_mark_jumpdests(bits, copy, code.len);
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
