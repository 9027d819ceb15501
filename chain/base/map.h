// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A hash map from fixed-size byte keys to fixed-size values: open addressing,
/// linear probing, bounded, keyed hash (hostile keys do not collide on purpose).
/// Used for caches and indexes by the pool, the store and the node.

#include <stdint.h>

#include "chain/base/bytes.h"
#include "chain/base/err.h"

struct map {
    uint8_t *slots; ///< cap slots: value (aligned to 8), key, used byte
    size_t key_len;
    size_t value_len;
    size_t count;
    size_t cap; ///< power of two, 0 before the first put
    size_t max; ///< elements
    uint64_t seed;
};

/// @param seed  any number, best a random one where keys come from outside.
void map_init(struct map *m, size_t key_len, size_t value_len, size_t max_count, uint64_t seed);
void map_deinit(struct map *m);
void map_clear(struct map *m);

/// The value of `key` (key_len bytes), or NULL. Valid until the next put or delete.
void *map_get(const struct map *m, const void *key);

/// Inserts or finds `key`; the value of a new key is zeroed. NULL if the map is full.
/// @param[out] is_new  may be NULL
void *map_put(struct map *m, const void *key, bool *is_new);

/// @return false if it was not there.
bool map_delete(struct map *m, const void *key);

/// Walks in no particular order: start with `*cursor = 0`; false at the end. The map
/// must not change meanwhile.
bool map_next(const struct map *m, size_t *cursor, const void **key, void **value);
