// SPDX-License-Identifier: Apache-2.0
/// Model files: the canonical form of what parses is canonical and says the same; a file that
/// passes for canonical is its own canonical form.
#include "chain/fed/safetensors.h"
#include "test/fuzz/fuzz.h"

static void expect_same(const struct st_file *x, const struct st_file *y)
{
    EXPECT(x->count == y->count);
    for (size_t i = 0; i < x->count; i++) {
        const struct st_tensor *s = &x->tensors[i];
        const struct st_tensor *t = &y->tensors[i];
        EXPECT(bytes_eq(s->name, t->name));
        EXPECT(s->dtype == t->dtype);
        EXPECT(s->rank == t->rank);
        EXPECT(memcmp(s->shape, t->shape, s->rank * sizeof s->shape[0]) == 0);
        EXPECT(bytes_eq(s->data, t->data));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bytes_t in = {data, size};
    struct arena a = fuzz_arena();
    struct st_file file;
    const bool canonical = err_ok(st_check_canonical(&a, in));
    if (err_ok(st_parse(&file, &a, in))) {
        struct buf out = fuzz_buf();
        if (err_ok(st_canonicalise(&out, &a, in))) {
            EXPECT(canonical == bytes_eq(buf_bytes(&out), in));
            EXPECT(err_ok(st_check_canonical(&a, buf_bytes(&out))));
            struct st_file again;
            EXPECT(err_ok(st_parse(&again, &a, buf_bytes(&out))));
            expect_same(&file, &again);
        } else {
            EXPECT(!canonical);
        }
        buf_deinit(&out);
        int32_t *w;
        int16_t *u;
        size_t d;
        (void)err_ok(st_model_vector(&w, &d, &a, &file, 16));
        if (err_ok(st_update_vector(&u, &d, &a, &file, 16))) {
            for (size_t j = 0; j < d; j++) EXPECT(u[j] != INT16_MIN);
        }
    } else {
        EXPECT(!canonical);
    }
    arena_deinit(&a);
    return 0;
}
