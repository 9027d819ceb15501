// SPDX-License-Identifier: Apache-2.0
#include "chain/base/arena.h"

#include <criterion/criterion.h>
#include <stdalign.h>

/// Goal: memory is aligned, apart from what was given before, and refused at the maximum.
Test(arena, gives_until_it_is_full)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 8192)));
    uint8_t *first = arena_alloc(&a, 3);
    uint8_t *second = arena_alloc(&a, 5);
    cr_assert(first != NULL && second != NULL);
    cr_expect(second >= first + 3, "overlap");
    cr_expect_eq((uintptr_t)second % alignof(max_align_t), 0, "not aligned");
    cr_expect_null(arena_alloc(&a, 8192), "more than the maximum was given");
    cr_expect_null(arena_alloc(&a, SIZE_MAX), "a size that wraps was given");
    cr_expect_null(arena_calloc(&a, SIZE_MAX / 2, 3), "a product that wraps was given");
    cr_expect_not_null(arena_alloc(&a, 0), "nothing is a valid amount");
    cr_expect_not_null(arena_alloc(&a, 4096), "a refusal must not spoil the arena");
    arena_deinit(&a);
}

/// Goal: a mark brings back exactly what was there, a reset everything.
Test(arena, rewinds_and_resets)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, (size_t)8 << 20)));
    uint8_t *kept = arena_alloc(&a, 16);
    memset(kept, 7, 16);
    const size_t mark = arena_mark(&a);
    uint8_t *dropped = arena_alloc(&a, (size_t)4 << 20);
    memset(dropped, 9, (size_t)4 << 20);
    arena_rewind(&a, mark);
    cr_expect_eq(kept[15], 7);
    cr_expect_eq(arena_alloc(&a, 1), (void *)dropped, "the mark was not the place");

    arena_reset(&a);
    cr_expect_eq(a.used, 0);
    cr_expect_eq(arena_alloc(&a, 16), (void *)kept);
    const uint8_t *again = arena_calloc(&a, (size_t)4 << 20, 1);
    for (size_t i = 0; i < (size_t)4 << 20; i += 4096) cr_assert_eq(again[i], 0, "not zeroed");
    arena_deinit(&a);
    cr_expect_null(a.base);
    arena_deinit(&a); // safe twice
}

/// Goal: a copy is a copy, nothing stays nothing, and a full arena says so.
Test(arena, copies)
{
    struct arena a;
    bool full = false;
    uint8_t source[] = {1, 2, 3};
    cr_assert(err_ok(arena_init(&a, 4096)));
    const bytes_t copy = arena_copy(&a, BYTES_OF(source), &full);
    source[0] = 9;
    cr_expect(!full && copy.len == 3 && copy.data[0] == 1);
    cr_expect_eq(arena_copy(&a, BYTES_NONE, &full).len, 0);
    cr_expect(!full);
    static uint8_t big[5000];
    cr_expect_null(arena_copy(&a, BYTES_OF(big), &full).data);
    cr_expect(full);
    arena_deinit(&a);
}
