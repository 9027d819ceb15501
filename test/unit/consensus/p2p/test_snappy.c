// SPDX-License-Identifier: Apache-2.0
/// Goal: there and back; a length that lies is refused before memory is taken for it.

#include "consensus/p2p/snappy.h"

#include <criterion/criterion.h>

Test(snappy, there_and_back)
{
    static uint8_t in[100000];
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)(i / 7 ^ i % 13);
    static const size_t lens[] = {0, 1, 60, 65536, sizeof in};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct buf packed, plain;
        buf_init(&packed, (size_t)1 << 20);
        buf_init(&plain, (size_t)1 << 20);
        cr_assert(err_ok(snappy_pack(&packed, bytes_make(in, lens[i]))));
        cr_expect_leq(packed.len, snappy_packed_max(lens[i]));
        cr_assert(err_ok(snappy_unpack(&plain, buf_bytes(&packed), lens[i])));
        cr_expect(bytes_eq(buf_bytes(&plain), bytes_make(in, lens[i])));
        if (lens[i] != 0)
            cr_expect_eq(snappy_unpack(&plain, buf_bytes(&packed), lens[i] - 1).kind, ERR_LIMIT);
        buf_deinit(&packed);
        buf_deinit(&plain);
    }
}

Test(snappy, refusals)
{
    static const struct {
        const char *name;
        bytes_t in;
        enum err_kind kind;
    } rows[] = {
        {"nothing", LIT(""), ERR_MALFORMED},
        {"an endless length", LIT("\xff\xff\xff\xff\xff\xff\xff"), ERR_MALFORMED},
        {"above the limit", LIT("\x80\x80\x80\x01\x00"), ERR_LIMIT},
        {"more than it can hold", LIT("\x80\x80\x01\x00"), ERR_MALFORMED},
        {"less than it says", LIT("\x05\x00x"), ERR_MALFORMED},
        {"more than it says", LIT("\x01\x04xx"), ERR_MALFORMED},
        {"a copy from before the start", LIT("\x04\x01\x01"), ERR_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        buf_init(&out, (size_t)1 << 20);
        buf_put_u8(&out, 7);
        cr_expect_eq(snappy_unpack(&out, rows[i].in, 65536).kind, rows[i].kind, "%s", rows[i].name);
        cr_expect_eq(out.len, 1, "%s: nothing moved", rows[i].name);
        buf_deinit(&out);
    }
}
