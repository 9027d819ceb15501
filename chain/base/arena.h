// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Memory for one unit of work (a block, a request, a message): allocated by a
/// bump, released in one stroke. Its maximum is fixed at birth; pages are only
/// reserved until they are touched, so a large maximum costs nothing.
/// Owner: whoever does the work; never shared between threads.

#include <stddef.h>
#include <stdint.h>

#include "chain/base/bytes.h"
#include "chain/base/err.h"

struct arena {
    uint8_t *base;
    size_t used;
    size_t cap;  ///< bytes, the maximum for ever
    size_t high; ///< highest `used` since the last trim
};

/// Reserves `max_bytes` (rounded up to pages).
/// @return ERR_FULL if the system refuses the address space.
MUST_USE err_t arena_init(struct arena *a, size_t max_bytes);

/// Gives the memory back. Safe on a zeroed arena.
void arena_deinit(struct arena *a);

/// Forgets everything allocated; keeps small amounts of touched pages and returns
/// larger ones to the system.
void arena_reset(struct arena *a);

/// `size` bytes aligned for any type, contents undefined. NULL if the arena is
/// full: the work at hand is refused with ERR_FULL. A size of 0 gives a valid pointer.
void *arena_alloc(struct arena *a, size_t size);

/// Like arena_alloc for `count` zeroed elements; NULL also if the product overflows.
void *arena_calloc(struct arena *a, size_t count, size_t size);

/// A copy of `src` in the arena; {NULL, 0} if `src` is empty or the arena is full
/// (then `*full` is set).
bytes_t arena_copy(struct arena *a, bytes_t src, bool *full);

/// A mark to return to: everything allocated later is forgotten by arena_rewind.
static inline size_t arena_mark(const struct arena *a)
{
    return a->used;
}

/// Forgets everything allocated after `mark`.
void arena_rewind(struct arena *a, size_t mark);

#define ARENA_NEW(ARENA, TYPE) ((TYPE *)arena_calloc((ARENA), 1, sizeof(TYPE)))
#define ARENA_ARRAY(ARENA, TYPE, COUNT) ((TYPE *)arena_calloc((ARENA), (COUNT), sizeof(TYPE)))
