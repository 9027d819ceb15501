// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/abi.h"

#include <criterion/criterion.h>

#include "test/support/vectors.h"

#define WORD(TAIL) "00000000000000000000000000000000000000000000000000000000000000" TAIL

/// Goal: each kind of answer of a failed call and its sentence.
static const struct {
    const char *data;
    enum abi_revert_kind kind;
    const char *sentence;
} cases[] = {
    {"", ABI_REVERT_EMPTY, "reverted without a reason"},
    {"08c379a0" WORD("20") WORD("03") "6e6f70", ABI_REVERT_ERROR, "\"nop\""},
    {"08c379a0" WORD("20") WORD("04") "6e6f70", ABI_REVERT_UNKNOWN, NULL},
    {"08c379a0", ABI_REVERT_UNKNOWN, "unreadable reason 0x08c379a0"},
    {"4e487b71" WORD("11"), ABI_REVERT_PANIC, "panic 0x11: arithmetic overflow or underflow"},
    {"4e487b71" WORD("32"), ABI_REVERT_PANIC, "panic 0x32: array index out of bounds"},
    {"4e487b71" WORD("99"), ABI_REVERT_PANIC, "panic 0x99: an unknown panic code"},
    {"4e487b71", ABI_REVERT_UNKNOWN, "unreadable reason 0x4e487b71"},
    {"010203", ABI_REVERT_UNKNOWN, "unreadable reason 0x010203"},
    {"e450d38c000000000000000000000000"
     "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed" WORD("05") WORD("07"),
     ABI_REVERT_CUSTOM,
     "ERC20InsufficientBalance(sender: 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed, balance: 5, "
     "needed: 7)"},
    {"e450d38c00", ABI_REVERT_CUSTOM, "custom error 0xe450d38c with 1 bytes of data: 0x00"},
    {"deadbeef", ABI_REVERT_CUSTOM, "custom error 0xdeadbeef with 0 bytes of data"},
};

Test(abi_revert, sentences)
{
    static const char *const known[] = {
        "error not a signature",
        "error OwnableUnauthorizedAccount(address account)",
        "error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = vectors_arena(65536);
        struct buf b;
        buf_init(&b, 4096);
        const bytes_t data = vectors_hex(&arena, cases[i].data);
        cr_expect_eq(abi_revert_decode(data).kind, cases[i].kind, "row %zu", i);
        abi_revert_print(&b, data, known, ARRAY_LEN(known));
        if (cases[i].sentence != NULL) {
            cr_expect(bytes_eq(buf_bytes(&b), bytes_of_str(cases[i].sentence)), "row %zu: %.*s", i,
                      (int)b.len, (const char *)b.data);
        }
        buf_deinit(&b);
        arena_deinit(&arena);
    }
}
