// SPDX-License-Identifier: Apache-2.0
/// Goal: items come out of a file whole, in order, with their place, however the reads are cut; and
/// what does not begin or end like a block is refused where it begins.
#include "chain/types/block_file.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/// Bytes in memory, given away at most `step` at a time.
struct memory {
    bytes_t rest;
    size_t step;
    bool broken;
};

static err_t read_memory(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    struct memory *m = ctx;
    if (m->broken) return FAIL(IO, "a bad disk");
    size_t n = m->rest.len < m->step ? m->rest.len : m->step;
    if (n > cap) n = cap;
    *got = n;
    if (n == 0) return OK;
    memcpy(out, m->rest.data, n);
    m->rest = bytes_make(m->rest.data + n, m->rest.len - n);
    return OK;
}

static const struct {
    const char *name;
    bytes_t in;
    size_t whole;       ///< items before the end or the refusal
    enum err_kind kind; ///< of the next one
    uint64_t where;
} cases[] = {
    {"an empty file", {NULL, 0}, 0, ERR_NOT_FOUND, 0},
    {"an empty list", LIT("\xc0"), 1, ERR_NOT_FOUND, 1},
    {"two short lists", LIT("\xc1\x01\xc2\x01\x02"), 2, ERR_NOT_FOUND, 5},
    {"a string", LIT("\xc0\x81\xff"), 1, ERR_MALFORMED, 1},
    {"a byte", LIT("\x00"), 0, ERR_MALFORMED, 0},
    {"a short list that is cut", LIT("\xc0\xc3\x01\x02"), 1, ERR_MALFORMED, 1},
    {"a length that is cut", LIT("\xf9\x01"), 0, ERR_MALFORMED, 0},
    {"a long list that is cut", LIT("\xf8\x40\x01\x02"), 0, ERR_MALFORMED, 0},
    {"a length with a leading zero", LIT("\xf9\x00\x40"), 0, ERR_MALFORMED, 0},
    {"larger than 10 MiB", LIT("\xfa\xa0\x00\x00"), 0, ERR_LIMIT, 0},
    {"a length of eight bytes", LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0, ERR_LIMIT, 0},
};

static void run_case(size_t i, size_t step)
{
    struct memory m = {.rest = cases[i].in, .step = step};
    const struct byte_source source = {read_memory, &m};
    struct block_file f;
    bytes_t raw;
    uint64_t where = 0;
    uint64_t at = 0;
    size_t whole = 0;
    block_file_init(&f, &source);
    err_t err;
    while (err_ok(err = block_file_next(&f, &raw, &where))) {
        cr_expect_eq(where, at, "%s: where", cases[i].name);
        cr_expect(bytes_eq(raw, bytes_make(cases[i].in.data + at, raw.len)), "%s", cases[i].name);
        at += raw.len;
        whole++;
    }
    cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].name, err_text(err));
    cr_expect_eq(whole, cases[i].whole, "%s: items", cases[i].name);
    cr_expect_eq(where, cases[i].where, "%s: where it ends", cases[i].name);
    block_file_deinit(&f);
}

Test(block_file, frames)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t step = 1; step < 12; step++) run_case(i, step);
    }
}

/// Items longer than what is read at once, one behind the other.
Test(block_file, long_items)
{
    const size_t sizes[] = {700000, 56, 300000, BLOCK_FILE_BLOCK_MAX - 4, 1};
    struct buf all;
    buf_init(&all, (size_t)64 << 20);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        const uint8_t header[4] = {0xfa, (uint8_t)(sizes[i] >> 16), (uint8_t)(sizes[i] >> 8),
                                   (uint8_t)sizes[i]};
        const uint8_t small[2] = {0xf8, (uint8_t)sizes[i]};
        if (sizes[i] > 0xffff)
            buf_put(&all, BYTES_OF(header));
        else
            buf_put(&all, BYTES_OF(small));
        memset(buf_extend(&all, sizes[i]), (int)i, sizes[i]);
    }
    struct memory m = {.rest = buf_bytes(&all), .step = 100000};
    const struct byte_source source = {read_memory, &m};
    struct block_file f;
    bytes_t raw;
    uint64_t where;
    block_file_init(&f, &source);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        cr_assert(err_ok(block_file_next(&f, &raw, &where)), "item %zu", i);
        cr_expect_eq(raw.len, sizes[i] + (sizes[i] > 0xffff ? 4 : 2));
        cr_expect_eq(raw.data[raw.len - 1], (uint8_t)i);
    }
    cr_expect_eq(block_file_next(&f, &raw, &where).kind, ERR_NOT_FOUND);
    block_file_deinit(&f);
    buf_deinit(&all);
}

Test(block_file, a_bad_disk_says_so)
{
    struct memory m = {.rest = LIT("\xc0"), .step = 8, .broken = true};
    const struct byte_source source = {read_memory, &m};
    struct block_file f;
    bytes_t raw;
    uint64_t where;
    block_file_init(&f, &source);
    cr_expect_eq(block_file_next(&f, &raw, &where).kind, ERR_IO);
    m.broken = false;
    cr_expect(err_ok(block_file_next(&f, &raw, &where)), "the same place again");
    block_file_deinit(&f);
}
