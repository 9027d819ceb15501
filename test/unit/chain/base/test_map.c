// SPDX-License-Identifier: Apache-2.0
#include "chain/base/map.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct value {
    uint64_t number;
    uint32_t more;
};

static hash_t key_of(unsigned i)
{
    hash_t h = {{0}};
    memcpy(h.b, &i, sizeof i);
    return h;
}

/// Goal: against a plain array, after ten thousand random puts and deletes the map holds the
/// same, finds the same and walks over the same.
Test(map, behaves_as_a_table)
{
    enum { KEYS = 500 };
    static bool there[KEYS];
    static uint64_t values[KEYS];
    struct map m;
    unsigned seed = 1;
    map_init(&m, sizeof(hash_t), sizeof(struct value), KEYS, 42);
    cr_expect_null(map_get(&m, &(hash_t){{0}}), "empty");

    for (unsigned step = 0; step < 10000; step++) {
        const unsigned i = (unsigned)rand_r(&seed) % KEYS;
        const hash_t k = key_of(i);
        if (rand_r(&seed) % 3 == 0) {
            cr_assert_eq(map_delete(&m, &k), there[i], "step %u", step);
            there[i] = false;
            continue;
        }
        bool is_new;
        struct value *v = map_put(&m, &k, &is_new);
        cr_assert_not_null(v);
        cr_assert_eq(is_new, !there[i]);
        cr_assert_eq((uintptr_t)v % 8, 0, "values are aligned");
        if (is_new) cr_assert(v->number == 0 && v->more == 0, "new values are zero");
        if (!is_new) cr_assert_eq(v->number, values[i]);
        values[i] = v->number = step;
        there[i] = true;
    }
    size_t expected = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        const hash_t k = key_of(i);
        const struct value *v = map_get(&m, &k);
        cr_assert_eq(v != NULL, there[i], "key %u", i);
        if (v != NULL) cr_assert_eq(v->number, values[i]);
        expected += there[i];
    }
    cr_assert_eq(m.count, expected);

    size_t walked = 0;
    size_t cursor = 0;
    const void *k;
    void *v;
    while (map_next(&m, &cursor, &k, &v)) {
        unsigned i;
        memcpy(&i, k, sizeof i);
        cr_assert(i < KEYS && there[i]);
        cr_assert_eq(((struct value *)v)->number, values[i]);
        walked++;
    }
    cr_assert_eq(walked, expected);
    map_deinit(&m);
}

/// Goal: the bound holds, and room made by a delete or clear can be used again.
Test(map, is_bounded)
{
    struct map m;
    map_init(&m, 1, 0, 3, 7);
    cr_expect_not_null(map_put(&m, "a", NULL));
    cr_expect_not_null(map_put(&m, "b", NULL));
    cr_expect_not_null(map_put(&m, "c", NULL));
    cr_expect_null(map_put(&m, "d", NULL), "a fourth was taken");
    cr_expect_not_null(map_put(&m, "a", NULL), "one that is there needs no room");
    cr_expect(map_delete(&m, "b"));
    cr_expect(!map_delete(&m, "b"));
    cr_expect_not_null(map_put(&m, "d", NULL));
    map_clear(&m);
    cr_expect_eq(m.count, 0);
    cr_expect_null(map_get(&m, "a"));
    cr_expect_not_null(map_put(&m, "e", NULL));
    map_deinit(&m);
}
