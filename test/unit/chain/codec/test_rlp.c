// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/rlp.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/// Goal: every rule of canonical RLP scalars has a row that breaks only it.
static const struct {
    const char *name;
    bytes_t in;
    enum err_kind kind;
    uint64_t value;
} scalars[] = {
    {"zero is the empty string", LIT("\x80"), ERR_NONE, 0},
    {"one byte is itself", LIT("\x7f"), ERR_NONE, 127},
    {"one byte from 128 on", LIT("\x81\x80"), ERR_NONE, 128},
    {"two bytes, big endian", LIT("\x82\x04\x00"), ERR_NONE, 1024},
    {"64 bits", LIT("\x88\xff\xff\xff\xff\xff\xff\xff\xff"), ERR_NONE, UINT64_MAX},
    {"a zero byte", LIT("\x00"), ERR_MALFORMED, 0},
    {"leading zero", LIT("\x82\x00\x04"), ERR_MALFORMED, 0},
    {"needless prefix", LIT("\x81\x7f"), ERR_MALFORMED, 0},
    {"65 bits", LIT("\x89\x01\0\0\0\0\0\0\0\0"), ERR_LIMIT, 0},
    {"a list", LIT("\xc0"), ERR_MALFORMED, 0},
    {"nothing", LIT(""), ERR_MALFORMED, 0},
    {"past the end", LIT("\x82\x04"), ERR_MALFORMED, 0},
    {"long form for a short string", LIT("\xb8\x02\x04\x00"), ERR_MALFORMED, 0},
};

Test(rlp, read_u64)
{
    for (size_t i = 0; i < ARRAY_LEN(scalars); i++) {
        struct rlp_reader r = {scalars[i].in};
        uint64_t value = 0;
        const err_t err = rlp_read_u64(&r, &value);
        cr_expect_eq(err.kind, scalars[i].kind, "%s: %s", scalars[i].name, err_text(err));
        cr_expect_eq(value, scalars[i].value, "%s", scalars[i].name);
        cr_expect(err_ok(err) ? rlp_at_end(&r) : r.rest.len == scalars[i].in.len, "%s: moved",
                  scalars[i].name);
    }
}

/// Goal: each way the head of an item can be wrong has a row, for strings and lists.
static const struct {
    const char *name;
    bytes_t in;
    enum err_kind kind;
} items[] = {
    {"empty string", LIT("\x80"), ERR_NONE},
    {"empty list", LIT("\xc0"), ERR_NONE},
    {"nested", LIT("\xc7\xc0\xc1\xc0\xc3\xc0\xc1\xc0"), ERR_NONE},
    {"two items", LIT("\x80\x80"), ERR_MALFORMED},
    {"nothing", LIT(""), ERR_MALFORMED},
    {"list past the end", LIT("\xc1"), ERR_MALFORMED},
    {"inner item past its list", LIT("\xc2\x82\x01"), ERR_MALFORMED},
    {"inner item past its list, bytes there", LIT("\xc2\x82\x01\x02"), ERR_MALFORMED},
    {"length cut", LIT("\xb9\x01"), ERR_MALFORMED},
    {"length with leading zero", LIT("\xb9\x00\x38"), ERR_MALFORMED},
    {"length of eight bytes, wrapping", LIT("\xbf\xff\xff\xff\xff\xff\xff\xff\xff"), ERR_MALFORMED},
    {"list length wrapping", LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff"), ERR_MALFORMED},
    {"short list in long form", LIT("\xf8\x01\x01"), ERR_MALFORMED},
    {"needless prefix inside", LIT("\xc2\x81\x05"), ERR_MALFORMED},
};

Test(rlp, validate)
{
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        const err_t err = rlp_validate(items[i].in);
        cr_expect_eq(err.kind, items[i].kind, "%s: %s", items[i].name, err_text(err));
    }
}

/// Goal: nesting is bounded at 1024, without recursion.
Test(rlp, depth)
{
    for (size_t depth = 1024; depth <= 1025; depth++) {
        struct buf b;
        size_t lists[1025];
        buf_init(&b, 100000);
        for (size_t i = 0; i < depth; i++) lists[i] = rlp_list_begin(&b);
        for (size_t i = depth; i-- > 0;) rlp_list_end(&b, lists[i]);
        cr_assert(err_ok(buf_status(&b)));
        cr_expect_eq(rlp_validate(buf_bytes(&b)).kind, depth == 1024 ? ERR_NONE : ERR_LIMIT);
        buf_deinit(&b);
    }
}

/// Goal: a refusal by any reader moves nothing and touches no output.
Test(rlp, refusals_leave_everything)
{
    struct rlp_reader list = rlp_reader(LIT("\xc1\x05"));
    struct rlp_reader string = rlp_reader(LIT("\x83"
                                              "abc"));
    struct rlp_reader inner = rlp_reader(LIT("x"));
    bytes_t bytes = LIT("untouched");
    uint8_t fixed[4] = {9, 9, 9, 9};
    u256_t wide = {{5, 5, 5, 5}};
    cr_expect_eq(rlp_read_bytes(&list, &bytes).kind, ERR_MALFORMED);
    cr_expect_eq(rlp_read_u256(&list, &wide).kind, ERR_MALFORMED);
    cr_expect_eq(rlp_read_list(&string, &inner).kind, ERR_MALFORMED);
    cr_expect_eq(rlp_read_fixed(&string, fixed, 4).kind, ERR_MALFORMED);
    cr_expect_eq(rlp_read_fixed(&string, fixed, 2).kind, ERR_MALFORMED);
    cr_expect(list.rest.len == 2 && string.rest.len == 4 && inner.rest.len == 1);
    cr_expect(bytes.len == 9 && fixed[0] == 9 && wide.limb[3] == 5);
    cr_assert(err_ok(rlp_read_fixed(&string, fixed, 3)));
    cr_expect(memcmp(fixed, "abc\x09", 4) == 0);
    cr_expect(err_ok(rlp_expect_end(&string)));
    cr_expect_eq(rlp_expect_end(&list).kind, ERR_MALFORMED);
    cr_expect(rlp_peek_is_list(&list) && !rlp_peek_is_list(&string));
    cr_assert(err_ok(rlp_read_raw(&list, &bytes)));
    cr_expect(bytes_eq(bytes, LIT("\xc1\x05")));
}

/// Goal: around each change of the header's length, what is written is read back.
Test(rlp, sizes)
{
    static const size_t sizes[] = {0, 1, 2, 55, 56, 57, 255, 256, 257, 65535, 65536, 70000};
    static uint8_t data[70000];
    memset(data, 0xaa, sizeof data);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf b;
        buf_init(&b, 300000);
        const bytes_t in = bytes_make(data, sizes[i]);
        const size_t list = rlp_list_begin(&b);
        rlp_put_bytes(&b, in);
        rlp_list_end(&b, list);
        uint8_t header[9];
        const size_t content = rlp_bytes_size(in);
        cr_expect_eq(b.len, rlp_header_size(content) + content);
        const size_t n = rlp_list_header(header, content);
        cr_expect(memcmp(b.data, header, n) == 0);
        cr_expect(err_ok(rlp_validate(buf_bytes(&b))));
        struct rlp_reader whole = rlp_reader(buf_bytes(&b));
        struct rlp_reader inner;
        bytes_t out = BYTES_NONE;
        cr_assert(err_ok(rlp_read_list(&whole, &inner)) && err_ok(rlp_read_bytes(&inner, &out)));
        cr_expect(bytes_eq(out, in) && rlp_at_end(&inner) && rlp_at_end(&whole));
        buf_deinit(&b);
    }
}

/// Goal: numbers of every length are written minimally and read back.
Test(rlp, numbers)
{
    for (unsigned bits = 0; bits <= 256; bits++) {
        struct buf b;
        buf_init(&b, 64);
        const u256_t one = u256_from_u64(1);
        const u256_t v = bits == 0 ? u256_from_u64(0) : u256_shl(&one, bits - 1);
        rlp_put_u256(&b, &v);
        struct rlp_reader r = rlp_reader(buf_bytes(&b));
        u256_t back;
        cr_assert(err_ok(rlp_read_u256(&r, &back)));
        cr_expect(u256_eq(&back, &v), "%u bits", bits);
        if (bits <= 64) {
            struct buf small;
            buf_init(&small, 64);
            rlp_put_u64(&small, v.limb[0]);
            cr_expect(bytes_eq(buf_bytes(&small), buf_bytes(&b)), "%u bits", bits);
            buf_deinit(&small);
        }
        buf_deinit(&b);
    }
    struct rlp_reader wide = rlp_reader(LIT("\xa1\x01"
                                            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    u256_t v;
    cr_expect_eq(rlp_read_u256(&wide, &v).kind, ERR_LIMIT, "257 bits");
}

/// Goal: a full buffer is noticed at the end, whatever was written into it.
Test(rlp, full_buffer)
{
    struct buf b;
    buf_init(&b, 3);
    const size_t list = rlp_list_begin(&b);
    rlp_put_bytes(&b, LIT("abcd"));
    rlp_put_u64(&b, 1);
    rlp_list_end(&b, list);
    cr_expect_eq(buf_status(&b).kind, ERR_FULL);
    buf_clear(&b);
    const size_t again = rlp_list_begin(&b);
    rlp_put_bytes(&b, LIT("ab"));
    rlp_list_end(&b, again);
    cr_expect_eq(buf_status(&b).kind, ERR_FULL, "the header did not fit");
    buf_deinit(&b);
}

/// Goal: random bytes never crash a reader, and what validates is what can be walked.
Test(rlp, random_input)
{
    unsigned seed = 11;
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t in[24];
        const size_t len = (size_t)rand_r(&seed) % sizeof in;
        for (size_t k = 0; k < len; k++) {
            const int r = rand_r(&seed);
            in[k] = (uint8_t)(r % 4 == 0   ? 0xc0 + r / 4 % 8
                              : r % 4 == 1 ? 0x80 + r / 4 % 8
                                           : r / 4);
        }
        const bytes_t b = bytes_make(in, len);
        struct rlp_reader r = rlp_reader(b);
        bytes_t item;
        const bool valid = err_ok(rlp_validate(b));
        const bool raw = err_ok(rlp_read_raw(&r, &item)) && rlp_at_end(&r);
        cr_assert(!valid || raw, "valid but not one item");
    }
}
