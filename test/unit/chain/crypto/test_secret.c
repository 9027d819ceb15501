// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/secret.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#ifdef SANITIZED
static const bool locks_are_real = false; // sanitizers turn mlock into nothing
#else
static const bool locks_are_real = true;
#endif

/// Bytes this process has locked, as the kernel counts them.
static unsigned long locked_kib(void)
{
    char line[256];
    unsigned long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "VmLck: %lu kB", &kib) == 1) break;
    }
    fclose(f);
    return kib;
}

/// Goal: keys are zeroed, apart, locked, share pages, and are wiped and unlocked at the end.
Test(secret, pages)
{
    enum { KEYS = 200 };
    struct secret_key *keys[KEYS];
    for (unsigned i = 0; i < KEYS; i++) {
        cr_assert(err_ok(secret_new(&keys[i])));
        for (unsigned k = 0; k < 32; k++) cr_assert_eq(keys[i]->b[k], 0, "not zeroed");
        memset(keys[i]->b, (int)i + 1, 32);
    }
    for (unsigned i = 0; i < KEYS; i++) {
        for (unsigned k = 0; k < 32; k++) cr_assert_eq(keys[i]->b[k], (uint8_t)(i + 1), "overlap");
    }
    cr_expect(!locks_are_real || locked_kib() > 0, "not locked");
    cr_expect(locked_kib() <= 4 * (KEYS / 64 + 1) * 4, "more pages than needed");

    // A slot that is freed is wiped before it is given again.
    struct secret_key *again;
    secret_free(keys[KEYS - 1]);
    cr_assert(err_ok(secret_new(&again)));
    cr_expect_eq(again, keys[KEYS - 1]);
    cr_expect_eq(again->b[31], 0);
    for (unsigned i = 0; i < KEYS; i++) secret_free(keys[i]);
    cr_expect_eq(locked_kib(), 0);
    secret_free(NULL);
}

/// Goal: where the system refuses to lock memory, no key is handled.
Test(secret, refuses_without_lock)
{
    const struct rlimit none = {0, 0};
    struct secret_key *key = NULL;
    cr_assert_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    if (geteuid() == 0 || !locks_are_real) return; // root may lock whatever the limit says
    cr_expect_eq(secret_new(&key).kind, ERR_IO);
    cr_expect_null(key);
}

/// Goal: wiping wipes, comparing compares every byte.
Test(secret, wipe_and_compare)
{
    uint8_t a[40], b[40];
    memset(a, 1, sizeof a);
    memset(b, 1, sizeof b);
    cr_expect(ct_equal(a, b, sizeof a));
    for (unsigned i = 0; i < sizeof a; i++) {
        b[i] ^= 0x80;
        cr_expect(!ct_equal(a, b, sizeof a), "byte %u", i);
        b[i] ^= 0x80;
    }
    cr_expect(ct_equal(a, b, 0));
    secret_wipe(a, sizeof a);
    for (unsigned i = 0; i < sizeof a; i++) cr_expect_eq(a[i], 0);
}
