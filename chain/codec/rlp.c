// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/rlp.h"

/// The head of an item, understood: where its content lies.
struct item {
    bool is_list;
    size_t header; ///< bytes before the content
    size_t len;    ///< bytes of content
};

/// Understands the first item of `in`, canonical form only (appendix B, equations 180-189).
static err_t item_parse(struct item *out, bytes_t in)
{
    if (in.len == 0) return FAIL(MALFORMED, "rlp: the input ends where an item should start");
    const uint8_t first = in.data[0];
    if (first < 0x80) {
        *out = (struct item){false, 0, 1};
        return OK;
    }
    const bool is_list = first >= 0xc0;
    const uint8_t base = is_list ? 0xc0 : 0x80;
    size_t header = 1;
    size_t len = (size_t)(first - base);
    if (len > 55) {
        const size_t len_bytes = len - 55;
        if (len_bytes > in.len - 1) return FAIL(MALFORMED, "rlp: the input ends inside a length");
        if (in.data[1] == 0) return FAIL(MALFORMED, "rlp: a length has leading zeros");
        len = 0;
        for (size_t i = 0; i < len_bytes; i++) len = len << 8 | in.data[1 + i]; // at most 8 bytes
        if (len <= 55) return FAIL(MALFORMED, "rlp: a short length in the long form");
        header += len_bytes;
    }
    if (len > in.len - header) return FAIL(MALFORMED, "rlp: an item runs past the end");
    if (!is_list && len == 1 && in.data[header] < 0x80) {
        return FAIL(MALFORMED, "rlp: a needless prefix before a single byte");
    }
    *out = (struct item){is_list, header, len};
    return OK;
}

static bytes_t content(bytes_t in, const struct item *item)
{
    return bytes_make(in.data + item->header, item->len);
}

static void advance(struct rlp_reader *r, const struct item *item)
{
    const size_t size = item->header + item->len;
    r->rest = bytes_make(r->rest.data + size, r->rest.len - size);
}

bool rlp_peek_is_list(const struct rlp_reader *r)
{
    return r->rest.len != 0 && r->rest.data[0] >= 0xc0;
}

err_t rlp_read_bytes(struct rlp_reader *r, bytes_t *out)
{
    struct item item;
    TRY(item_parse(&item, r->rest));
    if (item.is_list) return FAIL(MALFORMED, "rlp: a list where a string is expected");
    *out = content(r->rest, &item);
    advance(r, &item);
    return OK;
}

err_t rlp_read_fixed(struct rlp_reader *r, void *out, size_t len)
{
    struct rlp_reader next = *r;
    bytes_t string;
    TRY(rlp_read_bytes(&next, &string));
    if (string.len != len) return FAIL(MALFORMED, "rlp: a string of the wrong length");
    if (len != 0) memcpy(out, string.data, len);
    *r = next;
    return OK;
}

/// A canonical scalar of at most `max` bytes.
static err_t read_scalar(struct rlp_reader *next, bytes_t *out, size_t max)
{
    TRY(rlp_read_bytes(next, out));
    if (out->len != 0 && out->data[0] == 0)
        return FAIL(MALFORMED, "rlp: a number has leading zeros");
    if (out->len > max) return FAIL(LIMIT, "rlp: a number is too large for its field");
    return OK;
}

err_t rlp_read_u64(struct rlp_reader *r, uint64_t *out)
{
    struct rlp_reader next = *r;
    bytes_t string;
    TRY(read_scalar(&next, &string, 8));
    uint64_t v = 0;
    for (size_t i = 0; i < string.len; i++) v = v << 8 | string.data[i];
    *out = v;
    *r = next;
    return OK;
}

err_t rlp_read_u256(struct rlp_reader *r, u256_t *out)
{
    struct rlp_reader next = *r;
    bytes_t string;
    TRY(read_scalar(&next, &string, 32));
    *out = u256_from_be(string);
    *r = next;
    return OK;
}

err_t rlp_read_list(struct rlp_reader *r, struct rlp_reader *out)
{
    struct item item;
    TRY(item_parse(&item, r->rest));
    if (!item.is_list) return FAIL(MALFORMED, "rlp: a string where a list is expected");
    const bytes_t payload = content(r->rest, &item);
    advance(r, &item);
    out->rest = payload; // last: `out` may be `r`
    return OK;
}

err_t rlp_read_raw(struct rlp_reader *r, bytes_t *out)
{
    struct item item;
    TRY(item_parse(&item, r->rest));
    *out = bytes_make(r->rest.data, item.header + item.len);
    advance(r, &item);
    return OK;
}

err_t rlp_expect_end(const struct rlp_reader *r)
{
    return rlp_at_end(r) ? OK : FAIL(MALFORMED, "rlp: bytes left over after the last item");
}

#define RLP_MAX_DEPTH 1024

err_t rlp_validate(bytes_t in)
{
    size_t ends[RLP_MAX_DEPTH]; // where each open list ends
    size_t depth = 0;
    size_t at = 0;
    do {
        const size_t end = depth == 0 ? in.len : ends[depth - 1];
        struct item item;
        TRY(item_parse(&item, bytes_make(in.data + at, end - at)));
        at += item.header;
        if (item.is_list) {
            if (depth == RLP_MAX_DEPTH) return FAIL(LIMIT, "rlp: lists nested too deeply");
            ends[depth++] = at + item.len;
        } else {
            at += item.len;
        }
        while (depth > 0 && ends[depth - 1] == at) depth--;
    } while (depth > 0);
    return at == in.len ? OK : FAIL(MALFORMED, "rlp: bytes left over after the last item");
}

// ---- writing -----------------------------------------------------------------------------------

static size_t bytes_of_length(size_t len)
{
    return (size_t)(64 - __builtin_clzll((unsigned long long)len) + 7) / 8;
}

size_t rlp_header_size(size_t len)
{
    return len <= 55 ? 1 : 1 + bytes_of_length(len);
}

/// Writes a header of rlp_header_size(len) bytes. @return its size
static size_t put_header(uint8_t *out, uint8_t base, size_t len)
{
    if (len <= 55) {
        out[0] = (uint8_t)(base + len);
        return 1;
    }
    const size_t n = bytes_of_length(len);
    out[0] = (uint8_t)(base + 55 + n);
    for (size_t i = 0; i < n; i++) out[1 + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
    return 1 + n;
}

size_t rlp_list_begin(struct buf *b)
{
    return b->len;
}

void rlp_list_end(struct buf *b, size_t list)
{
    if (b->full) return;
    const size_t len = b->len - list;
    const size_t header = rlp_header_size(len);
    if (buf_extend(b, header) == NULL) return;
    uint8_t *at = b->data + list;
    memmove(at + header, at, len);
    put_header(at, 0xc0, len);
}

void rlp_put_bytes(struct buf *b, bytes_t in)
{
    if (in.len == 1 && in.data[0] < 0x80) {
        buf_put_u8(b, in.data[0]);
        return;
    }
    const size_t header = rlp_header_size(in.len);
    if (in.len > SIZE_MAX - header) {
        b->full = true;
        return;
    }
    uint8_t *at = buf_extend(b, header + in.len);
    if (at == NULL) return;
    put_header(at, 0x80, in.len);
    if (in.len != 0) memcpy(at + header, in.data, in.len);
}

void rlp_put_u64(struct buf *b, uint64_t v)
{
    uint8_t be[8];
    size_t n = 0;
    for (uint64_t rest = v; rest != 0; rest >>= 8) n++;
    for (size_t i = 0; i < n; i++) be[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    rlp_put_bytes(b, bytes_make(be, n));
}

void rlp_put_u256(struct buf *b, const u256_t *v)
{
    uint8_t be[32];
    const size_t n = u256_to_be_min(be, v);
    rlp_put_bytes(b, bytes_make(be, n));
}

void rlp_put_hash(struct buf *b, const hash_t *h)
{
    rlp_put_bytes(b, BYTES_OF(*h));
}

void rlp_put_address(struct buf *b, const address_t *a)
{
    rlp_put_bytes(b, BYTES_OF(*a));
}

void rlp_put_raw(struct buf *b, bytes_t item)
{
    buf_put(b, item);
}

size_t rlp_bytes_size(bytes_t in)
{
    if (in.len == 1 && in.data[0] < 0x80) return 1;
    return rlp_header_size(in.len) + in.len;
}

size_t rlp_list_header(uint8_t out[9], size_t len)
{
    return put_header(out, 0xc0, len);
}
