// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/secret.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/// Keys share locked pages: RLIMIT_MEMLOCK may be as small as 64 KiB, and a wallet that
/// derives ten accounts must not need ten pages.
#define KEYS_PER_PAGE 64

struct secret_page {
    struct secret_page *next;
    struct secret_key *keys; ///< the locked page: KEYS_PER_PAGE slots
    uint64_t used;           ///< one bit per slot
    size_t page_bytes;
};

// A process-wide pool, since the limit on locked memory is per process; guarded by its lock.
static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct secret_page *pool;

_Static_assert(KEYS_PER_PAGE * sizeof(struct secret_key) <= 4096, "slots fit the smallest page");

static struct secret_page *page_new(void)
{
    struct secret_page *page = calloc(1, sizeof *page);
    if (page == NULL) return NULL;
    page->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    void *p =
        mmap(NULL, page->page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        free(page);
        return NULL;
    }
    if (mlock(p, page->page_bytes) != 0 || madvise(p, page->page_bytes, MADV_DONTDUMP) != 0) {
        munmap(p, page->page_bytes);
        free(page);
        return NULL;
    }
    page->keys = p;
    return page;
}

err_t secret_new(struct secret_key **out)
{
    pthread_mutex_lock(&pool_lock);
    struct secret_page *page = pool;
    while (page != NULL && page->used == UINT64_MAX) page = page->next;
    if (page == NULL) {
        page = page_new();
        if (page == NULL) {
            pthread_mutex_unlock(&pool_lock);
            return FAIL(IO, "secret: the system refuses to lock memory for a key; raise the limit "
                            "on locked memory (ulimit -l)");
        }
        page->next = pool;
        pool = page;
    }
    const int slot = __builtin_ctzll(~page->used);
    page->used |= (uint64_t)1 << slot;
    *out = &page->keys[slot];
    pthread_mutex_unlock(&pool_lock);
    return OK;
}

void secret_free(struct secret_key *key)
{
    if (key == NULL) return;
    secret_wipe(key, sizeof *key);

    pthread_mutex_lock(&pool_lock);
    for (struct secret_page **at = &pool; *at != NULL; at = &(*at)->next) {
        struct secret_page *page = *at;
        if (key < page->keys || key >= page->keys + KEYS_PER_PAGE) continue;
        page->used &= ~((uint64_t)1 << (key - page->keys));
        if (page->used == 0) {
            *at = page->next;
            munmap(page->keys, page->page_bytes);
            free(page);
        }
        pthread_mutex_unlock(&pool_lock);
        return;
    }
    pthread_mutex_unlock(&pool_lock);
    unreachable("secret_free: not a key of ours");
}

void secret_wipe(void *p, size_t len)
{
    explicit_bzero(p, len);
}

bool ct_equal(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < len; i++) difference |= (uint8_t)(x[i] ^ y[i]);
    return difference == 0;
}
