// SPDX-License-Identifier: Apache-2.0
#include "chain/types/block_file.h"

#define READ_AHEAD ((size_t)256 * 1024)
#define LIST_HEADER_MAX 9

void block_file_init(struct block_file *f, const struct byte_source *source)
{
    *f = (struct block_file){.source = *source};
    buf_init(&f->window, 2 * (BLOCK_FILE_BLOCK_MAX + READ_AHEAD));
}

void block_file_deinit(struct block_file *f)
{
    buf_deinit(&f->window);
}

/// Reads until `need` bytes stand from `at` on, or the source ends.
static err_t fill(struct block_file *f, size_t need)
{
    if (f->window.len - f->at >= need) return OK;
    if (f->at > 0) {
        memmove(f->window.data, f->window.data + f->at, f->window.len - f->at);
        f->window.len -= f->at;
        f->at = 0;
    }
    while (f->window.len < need && !f->ended) {
        const size_t before = f->window.len;
        uint8_t *room = buf_extend(&f->window, READ_AHEAD);
        if (room == NULL) return FAIL(FULL, "block file: no memory");
        size_t got = 0;
        const err_t err = f->source.read(f->source.ctx, room, READ_AHEAD, &got);
        f->window.len = before + (err_ok(err) ? got : 0);
        TRY(err);
        f->ended = got == 0;
    }
    return OK;
}

/// The length of a list with its header, from the bytes it begins with.
static err_t list_length(size_t *out, bytes_t in)
{
    if (in.data[0] < 0xc0) return FAIL(MALFORMED, "block file: no block begins here");
    if (in.data[0] < 0xf8) {
        *out = 1 + (size_t)(in.data[0] - 0xc0);
        return OK;
    }
    const size_t bytes = (size_t)(in.data[0] - 0xf7);
    if (in.len < 1 + bytes) return FAIL(MALFORMED, "block file: cut short");
    if (in.data[1] == 0) return FAIL(MALFORMED, "block file: no block begins here");
    size_t len = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (len > BLOCK_FILE_BLOCK_MAX) break;
        len = len << 8 | in.data[1 + i];
    }
    if (len > BLOCK_FILE_BLOCK_MAX - 1 - bytes)
        return FAIL(LIMIT, "block file: a block larger than 10 MiB");
    *out = 1 + bytes + len;
    return OK;
}

err_t block_file_next(struct block_file *f, bytes_t *raw, uint64_t *offset)
{
    *offset = f->offset;
    TRY(fill(f, LIST_HEADER_MAX));
    const size_t there = f->window.len - f->at;
    if (there == 0) return FAIL(NOT_FOUND, "block file: the end");
    size_t len;
    TRY(list_length(&len, bytes_make(f->window.data + f->at, there)));
    TRY(fill(f, len));
    if (f->window.len - f->at < len) return FAIL(MALFORMED, "block file: cut short");
    *raw = bytes_make(f->window.data + f->at, len);
    f->at += len;
    f->offset += len;
    return OK;
}
