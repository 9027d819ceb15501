// SPDX-License-Identifier: Apache-2.0
#include "chain/base/arena.h"

#include <stdalign.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chain/base/checked.h"

/// Touched pages kept over a reset: what an ordinary unit of work needs again at once.
#define ARENA_KEEP ((size_t)1024 * 1024)

#define ARENA_ALIGN alignof(max_align_t)

static size_t page_round(size_t n)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return n > SIZE_MAX - (page - 1) ? 0 : (n + page - 1) / page * page;
}

err_t arena_init(struct arena *a, size_t max_bytes)
{
    *a = (struct arena){0};
    const size_t cap = page_round(max_bytes == 0 ? 1 : max_bytes);
    if (cap == 0) return FAIL(FULL, "arena: maximum too large");

    void *p =
        mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return FAIL(FULL, "arena: the system refuses the address space");
    a->base = p;
    a->cap = cap;
    return OK;
}

void arena_deinit(struct arena *a)
{
    if (a->base != NULL) munmap(a->base, a->cap);
    *a = (struct arena){0};
}

void arena_reset(struct arena *a)
{
    if (a->high > ARENA_KEEP) {
        const size_t from = page_round(ARENA_KEEP);
        const size_t to = page_round(a->high);
        if (to > from) madvise(a->base + from, to - from, MADV_DONTNEED);
        a->high = ARENA_KEEP;
    }
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t start =
        (a->used + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1); // cap is far from SIZE_MAX
    if (start > a->cap || size > a->cap - start) return NULL;
    a->used = start + size;
    if (a->used > a->high) a->high = a->used;
    return a->base + start;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (!checked_mul_size(&total, count, size)) return NULL;
    void *p = arena_alloc(a, total);
    if (p != NULL && total != 0) memset(p, 0, total);
    return p;
}

bytes_t arena_copy(struct arena *a, bytes_t src, bool *full)
{
    if (src.len == 0) return BYTES_NONE;
    uint8_t *p = arena_alloc(a, src.len);
    if (p == NULL) {
        *full = true;
        return BYTES_NONE;
    }
    memcpy(p, src.data, src.len);
    return (bytes_t){p, src.len};
}

void arena_rewind(struct arena *a, size_t mark)
{
    check(mark <= a->used);
    a->used = mark;
}
