// SPDX-License-Identifier: Apache-2.0
#include "chain/types/receipt.h"

#include <criterion/criterion.h>

#include "chain/crypto/keccak.h"
#include "test/support/vectors.h"

static const struct log_entry logs[] = {
    {.address = {{1}}, .topics = {{{2}}, {{3}}}, .topic_count = 2, .data = LIT("data")},
    {.address = {{4}}, .topic_count = 0},
    {.address = {{5}}, .topics = {{{6}}, {{7}}, {{8}}, {{9}}}, .topic_count = 4},
};

/// Goal: every type, with status or root, with and without logs, comes back as it was.
Test(receipt, round_trip)
{
    for (unsigned type = TX_LEGACY; type <= TX_SET_CODE; type++) {
        for (unsigned form = 0; form < 3; form++) {
            struct arena arena = vectors_arena(65536);
            struct receipt r = {.type = (enum tx_type)type,
                                .has_status = form != 2,
                                .succeeded = form == 0,
                                .post_root = {{form == 2 ? 9 : 0}},
                                .cumulative_gas_used = 21000,
                                .logs = logs,
                                .log_count = form == 0 ? 3 : 0};
            struct receipt back;
            struct buf b;
            buf_init(&b, 4096);
            for (size_t i = 0; i < r.log_count; i++) bloom_add_log(&r.bloom, &logs[i]);
            receipt_encode(&b, &r);
            cr_assert(err_ok(receipt_decode(&back, &arena, buf_bytes(&b))));
            cr_expect(back.type == r.type && back.has_status == r.has_status &&
                      back.succeeded == r.succeeded && hash_eq(&back.post_root, &r.post_root));
            cr_expect_eq(back.cumulative_gas_used, 21000);
            cr_assert_eq(back.log_count, r.log_count);
            const hash_t want = logs_hash(r.logs, r.log_count);
            const hash_t got = logs_hash(back.logs, back.log_count);
            cr_expect(hash_eq(&want, &got));
            struct buf again;
            buf_init(&again, 4096);
            receipt_encode(&again, &back);
            cr_expect(bytes_eq(buf_bytes(&again), buf_bytes(&b)));
            for (size_t n = 0; n < b.len; n++) {
                cr_assert(!err_ok(receipt_decode(&back, &arena, bytes_make(b.data, n))), "%zu", n);
            }
            buf_deinit(&again);
            buf_deinit(&b);
            arena_deinit(&arena);
        }
    }
    const hash_t none = logs_hash(NULL, 0);
    cr_expect(hash_eq(&none, &KECCAK_RLP_LIST));
}

/// Goal: each rule of a receipt has a row that breaks only it.
Test(receipt, refusals)
{
    static const uint8_t bloom[259] = {0xb9, 0x01, 0x00};
    static const struct {
        const char *name;
        bytes_t status;
        bytes_t logs;
        enum err_kind kind;
    } cases[] = {
        {"as it is", LIT("\x01"), LIT("\xc0"), ERR_NONE},
        {"status of 2", LIT("\x02"), LIT("\xc0"), ERR_MALFORMED},
        {"status of 31 bytes",
         LIT("\x9f"
             "1234567890123456789012345678901"),
         LIT("\xc0"), ERR_MALFORMED},
        {"logs as a string", LIT("\x01"), LIT("\x80"), ERR_MALFORMED},
        {"a log of nothing", LIT("\x01"), LIT("\xc1\xc0"), ERR_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = vectors_arena(65536);
        uint8_t raw[512];
        size_t len = 3;
        memcpy(raw + len, cases[i].status.data, cases[i].status.len);
        len += cases[i].status.len;
        raw[len++] = 0x05;
        memcpy(raw + len, bloom, sizeof bloom);
        len += sizeof bloom;
        memcpy(raw + len, cases[i].logs.data, cases[i].logs.len);
        len += cases[i].logs.len;
        raw[0] = 0xf9;
        raw[1] = (uint8_t)((len - 3) >> 8);
        raw[2] = (uint8_t)(len - 3);
        struct receipt r;
        const err_t err = receipt_decode(&r, &arena, bytes_make(raw, len));
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].name, err_text(err));
        arena_deinit(&arena);
    }
    struct arena arena = vectors_arena(4096);
    struct receipt r;
    cr_expect_eq(receipt_decode(&r, &arena, LIT("\x05\xc0")).kind, ERR_UNSUPPORTED);
    cr_expect_eq(receipt_decode(&r, &arena, BYTES_NONE).kind, ERR_MALFORMED);
    arena_deinit(&arena);
}

/// Goal: what a bloom contains,
/// what it does not, and that OR adds up.
Test(receipt, bloom)
{
    struct bloom one = {{0}}, two = {{0}}, both = {{0}};
    bloom_add_log(&one, &logs[0]);
    bloom_add_log(&two, &logs[2]);
    bloom_or(&both, &one);
    bloom_or(&both, &two);
    cr_expect(bloom_may_contain(&one, BYTES_OF(logs[0].address)));
    cr_expect(bloom_may_contain(&one, BYTES_OF(logs[0].topics[1])));
    cr_expect(!bloom_may_contain(&one, BYTES_OF(logs[2].address)));
    cr_expect(!bloom_may_contain(&one, logs[0].data), "data is not included");
    cr_expect(bloom_may_contain(&both, BYTES_OF(logs[0].address)));
    cr_expect(bloom_may_contain(&both, BYTES_OF(logs[2].topics[3])));

    // Yellow Paper (28)-(31): three bits by the first three 16-bit pairs of the hash.
    const struct log_entry alone = {
        .address = {{0x0f, 0x57, 0x2e, 0x52, 0x95, 0xc5, 0x7f, 0x15, 0x88, 0x6f,
                     0x9b, 0x26, 0x3e, 0x2f, 0x6d, 0x2d, 0x6c, 0x7b, 0x5e, 0xc6}}};
    struct bloom b = {{0}};
    unsigned bits = 0;
    bloom_add_log(&b, &alone);
    for (size_t i = 0; i < BLOOM_BYTES; i++) bits += (unsigned)__builtin_popcount(b.b[i]);
    cr_expect(bits >= 1 && bits <= 3);
    const hash_t h = keccak256(BYTES_OF(alone.address));
    for (unsigned i = 0; i < 6; i += 2) {
        const unsigned bit = ((unsigned)h.b[i] << 8 | h.b[i + 1]) % 2048;
        cr_expect((b.b[255 - bit / 8] >> (bit % 8) & 1) == 1, "bit %u", bit);
    }
}
