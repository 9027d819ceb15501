// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <stdlib.h>

#include "chain/crypto/keccak.h"
#include "vm/vm_impl.h"

/// The definition (Yellow Paper 9.4.3), byte by byte.
static bool is_jumpdest(const uint8_t *code, size_t len, size_t at)
{
    for (size_t i = 0; i < len;) {
        if (i == at) return code[i] == 0x5b;
        i += code[i] >= 0x60 && code[i] <= 0x7f ? (size_t)code[i] - 0x60 + 2 : 1;
    }
    return false;
}

/// Goal: exactly the JUMPDESTs that are instructions are marked, on code made to confuse.
Test(code, jumpdests)
{
    unsigned seed = 3;
    static const uint8_t likely[] = {0x5b, 0x60, 0x61, 0x7f, 0x5f, 0x80, 0x00, 0x5b};
    for (unsigned round = 0; round < 500; round++) {
        uint8_t code[300];
        const size_t len = (size_t)rand_r(&seed) % sizeof code;
        for (size_t i = 0; i < len; i++) {
            code[i] = rand_r(&seed) % 2 ? likely[rand_r(&seed) % 8] : (uint8_t)rand_r(&seed);
        }
        uint64_t bits[5];
        memset(bits, 0xff, sizeof bits);
        code_mark_jumpdests(bits, code, len);
        for (size_t i = 0; i < len; i++) {
            const bool marked = bits[i / 64] >> (i % 64) & 1;
            cr_assert_eq(marked, is_jumpdest(code, len, i), "round %u at %zu", round, i);
        }
    }
}

/// Goal: the cache keeps what runs, forgets the oldest of the rest, and refuses what does not
/// fit.
Test(code, cache)
{
    struct vm *vm;
    cr_assert(err_ok(vm_new(&vm)));
    struct code_cache *cache = &vm->cache;
    const uint8_t body[] = {0x5b, 0x60, 0x5b};
    const hash_t first = {{1}};
    struct cached_code *pinned = code_pin(cache, &first, bytes_make(body, sizeof body));
    cr_assert_not_null(pinned);
    cr_expect_eq(pinned->code.jumpdests[0], 1u);
    cr_expect_eq(pinned->code.bytes[3], 0u, "padded");

    for (unsigned i = 2; i < 5000; i++) {
        hash_t hash = {{0}};
        memcpy(hash.b, &i, sizeof i);
        struct cached_code *c = code_pin(cache, &hash, bytes_make(body, 1 + i % 3));
        cr_assert_not_null(c, "only one way of any set is pinned");
        cr_assert(c->code.len == 1 + i % 3);
        code_unpin(c);
    }
    cr_expect(pinned->valid && hash_eq(&pinned->hash, &first), "a running code stays");
    struct cached_code *again = code_pin_known(cache, &first);
    cr_expect_eq(again, pinned);
    code_unpin(again);
    code_unpin(pinned);
    cr_expect_eq(pinned->pins, 0u);

    uint8_t *large = calloc(1, CODE_CACHE_SLOT_BYTES);
    const hash_t other = {{9, 9}};
    cr_expect_null(code_pin(cache, &other, bytes_make(large, CODE_CACHE_SLOT_BYTES)));
    free(large);
    vm_free(vm);
}

/// Goal: what comes back to a cache that forgot the code itself has the right jump destinations,
/// also where thousands of codes share the place for them.
Test(code, maps_of_forgotten_codes)
{
    struct vm *vm;
    cr_assert(err_ok(vm_new(&vm)));
    enum { CODES = 20000, LEN = 700 };
    unsigned seed = 5;
    static uint8_t body[CODES][LEN];
    for (unsigned i = 0; i < CODES; i++) {
        for (unsigned k = 0; k < LEN; k++) body[i][k] = (uint8_t)(0x50 + rand_r(&seed) % 0x20);
    }
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < CODES; i++) {
            hash_t hash = {{0}};
            memcpy(hash.b, &i, sizeof i);
            struct cached_code *c = code_pin(&vm->cache, &hash, bytes_make(body[i], LEN));
            cr_assert_not_null(c);
            uint64_t bits[(LEN + 63) / 64];
            code_mark_jumpdests(bits, body[i], LEN);
            cr_assert(memcmp(bits, c->code.jumpdests, sizeof bits) == 0, "code %u, pass %u", i,
                      pass);
            code_unpin(c);
        }
    }
    vm_free(vm);
}

/// Goal: only 0xef0100 and twenty bytes are a delegation (EIP-7702).
Test(code, delegations)
{
    uint8_t code[24] = {0xef, 0x01, 0x00, 1, 2, 3};
    address_t target;
    cr_expect(code_is_delegation(bytes_make(code, 23), &target));
    cr_expect_eq(target.b[2], 3u);
    cr_expect_not(code_is_delegation(bytes_make(code, 22), &target));
    cr_expect_not(code_is_delegation(bytes_make(code, 24), &target));
    code[2] = 1;
    cr_expect_not(code_is_delegation(bytes_make(code, 23), &target));
}
