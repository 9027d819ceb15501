// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/safetensors.h"

#include "chain/base/hex.h"
#include "chain/crypto/digest.h"

#include <criterion/criterion.h>

/// A file of a JSON header and `data_len` bytes 0, 1, 2, ...
static bytes_t make_file(struct arena *a, const char *json, size_t data_len)
{
    const bytes_t text = bytes_of_str(json);
    const size_t n = text.len;
    uint8_t *p = arena_alloc(a, 8 + n + data_len);
    cr_assert(p != NULL);
    const uint64_t len = n;
    memcpy(p, &len, 8);
    memcpy(p + 8, text.data, n);
    for (size_t i = 0; i < data_len; i++) p[8 + n + i] = (uint8_t)i;
    return bytes_make(p, 8 + n + data_len);
}

#define T(DTYPE, SHAPE, FROM, TO)                                                                  \
    "{\"dtype\":\"" DTYPE "\",\"shape\":[" SHAPE "],\"data_offsets\":[" #FROM "," #TO "]}"

/// Goal: every way a header is wrong has a row that breaks only it.
static const struct {
    const char *name;
    const char *json;
    size_t data_len;
    enum err_kind kind;
    size_t count;
} headers[] = {
    {"no tensors", "{}", 0, ERR_NONE, 0},
    {"one", "{\"a\":" T("F32", "2", 0, 8) "}", 8, ERR_NONE, 1},
    {"scalar", "{\"a\":" T("I16", "", 0, 2) "}", 2, ERR_NONE, 1},
    {"empty tensor", "{\"a\":" T("F32", "0,7", 0, 0) ",\"b\":" T("U8", "1", 0, 1) "}", 1, ERR_NONE,
     2},
    {"members in another order, white space, padding",
     "{ \"a\" :{\"data_offsets\" : [0 , 1],\n\"shape\":[ 1 ],\t\"dtype\":\"I8\"}}   ", 1, ERR_NONE,
     1},
    {"data in another order than names",
     "{\"a\":" T("U8", "1", 1, 2) ",\"b\":" T("U8", "1", 0, 1) "}", 2, ERR_NONE, 2},
    {"metadata", "{\"__metadata__\":{\"k\":\"v\",\"l\":\"\"},\"a\":" T("U8", "1", 0, 1) "}", 1,
     ERR_NONE, 1},
    {"empty metadata", "{\"a\":" T("U8", "1", 0, 1) ",\"__metadata__\":{}}", 1, ERR_NONE, 1},
    {"escapes", "{\"\\u0061\\n\\ud83d\\ude00\":" T("U8", "1", 0, 1) "}", 1, ERR_NONE, 1},

    {"empty header", "", 0, ERR_MALFORMED, 0},
    {"leading space", " {}", 0, ERR_MALFORMED, 0},
    {"does not end", "{", 0, ERR_MALFORMED, 0},
    {"comma at the end", "{\"a\":" T("U8", "1", 0, 1) ",}", 1, ERR_MALFORMED, 0},
    {"bytes behind", "{}x", 0, ERR_MALFORMED, 0},
    {"tensor is a list", "{\"a\":[]}", 0, ERR_MALFORMED, 0},
    {"tensor is empty", "{\"a\":{}}", 0, ERR_MALFORMED, 0},
    {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, ERR_MALFORMED, 0},
    {"no shape", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, ERR_MALFORMED, 0},
    {"no offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, ERR_MALFORMED, 0},
    {"shape twice", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,1]}}",
     1, ERR_MALFORMED, 0},
    {"unknown member", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"x\":1,\"data_offsets\":[0,1]}}", 1,
     ERR_MALFORMED, 0},
    {"unknown dtype", "{\"a\":" T("F31", "1", 0, 1) "}", 1, ERR_UNSUPPORTED, 0},
    {"offsets past the end", "{\"a\":" T("U8", "2", 0, 2) "}", 1, ERR_MALFORMED, 0},
    {"offsets reversed", "{\"a\":" T("U8", "0", 1, 0) "}", 1, ERR_MALFORMED, 0},
    {"offsets do not fit the shape", "{\"a\":" T("U8", "3", 0, 2) "}", 2, ERR_MALFORMED, 0},
    {"one offset", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1,
     ERR_MALFORMED, 0},
    {"gap", "{\"a\":" T("U8", "1", 1, 2) "}", 2, ERR_MALFORMED, 0},
    {"overlap", "{\"a\":" T("U8", "2", 0, 2) ",\"b\":" T("U8", "1", 1, 2) "}", 2, ERR_MALFORMED, 0},
    {"bytes after the last", "{\"a\":" T("U8", "1", 0, 1) "}", 2, ERR_MALFORMED, 0},
    {"name twice", "{\"a\":" T("U8", "1", 0, 1) ",\"a\":" T("U8", "1", 1, 2) "}", 2, ERR_MALFORMED,
     0},
    {"name twice by escape", "{\"a\":" T("U8", "1", 0, 1) ",\"\\u0061\":" T("U8", "1", 1, 2) "}", 2,
     ERR_MALFORMED, 0},
    {"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, ERR_MALFORMED, 0},
    {"metadata of a number", "{\"__metadata__\":{\"a\":1}}", 0, ERR_MALFORMED, 0},
    {"leading zero", "{\"a\":" T("U8", "01", 0, 1) "}", 1, ERR_MALFORMED, 0},
    {"negative", "{\"a\":" T("U8", "-1", 0, 1) "}", 1, ERR_MALFORMED, 0},
    {"fraction", "{\"a\":" T("U8", "1.0", 0, 1) "}", 1, ERR_MALFORMED, 0},
    {"65 bits", "{\"a\":" T("U8", "18446744073709551616", 0, 1) "}", 1, ERR_LIMIT, 0},
    {"2^64 elements", "{\"a\":" T("U8", "4294967296,4294967296", 0, 0) "}", 0, ERR_LIMIT, 0},
    {"2^64 bytes", "{\"a\":" T("F64", "4294967296,2147483648", 0, 0) "}", 0, ERR_MALFORMED, 0},
    {"nine dimensions", "{\"a\":" T("U8", "1,1,1,1,1,1,1,1,1", 0, 1) "}", 1, ERR_LIMIT, 0},
    {"lone surrogate", "{\"\\ud800\":" T("U8", "1", 0, 1) "}", 1, ERR_MALFORMED, 0},
    {"bad escape", "{\"\\x\":" T("U8", "1", 0, 1) "}", 1, ERR_MALFORMED, 0},
    {"control character", "{\"\n\":" T("U8", "1", 0, 1) "}", 1, ERR_MALFORMED, 0},
    {"string does not end", "{\"a\\", 1, ERR_MALFORMED, 0},
};

Test(safetensors, parse)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1 << 20)));
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        arena_reset(&a);
        const bytes_t file = make_file(&a, headers[i].json, headers[i].data_len);
        struct st_file f = {NULL, 12345};
        const err_t err = st_parse(&f, &a, file);
        cr_expect_eq(err.kind, headers[i].kind, "%s: %s", headers[i].name, err_text(err));
        cr_expect_eq(f.count, err_ok(err) ? headers[i].count : 12345, "%s", headers[i].name);

        // A valid file cut anywhere is refused.
        for (size_t len = 0; len < file.len; len++) {
            const size_t mark = arena_mark(&a);
            const err_t cut = st_parse(&f, &a, bytes_make(file.data, len));
            cr_expect(!err_ok(cut) || !err_ok(err), "%s cut at %zu", headers[i].name, len);
            arena_rewind(&a, mark);
        }
    }
    arena_deinit(&a);
}

/// Goal: any order and spelling of the same tensors becomes the same bytes, which are then
/// canonical; and what is not canonical says so.
Test(safetensors, canonical)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1 << 20)));
    // b's bytes lie before a's.
    const bytes_t loose = make_file(&a,
                                    "{\"__metadata__\":{\"x\":\"y\"},\"b\":" T(
                                        "U8", "2", 0, 2) ", "
                                                         "\"\\u0061\" :" T("I16", "1,2", 2, 6) "}",
                                    6);
    struct buf out;
    buf_init(&out, 4096);
    cr_assert(err_ok(st_canonicalise(&out, &a, loose)));
    static const char want[] = "{\"a\":" T("I16", "1,2", 0, 4) ",\"b\":" T("U8", "2", 4, 6) "}";
    const bytes_t got = buf_bytes(&out);
    cr_expect_eq(got.len % 8, 6, "header is padded to 8 bytes");
    cr_assert_geq(got.len, 8 + sizeof want - 1 + 6);
    cr_expect_eq(memcmp(got.data + 8, want, sizeof want - 1), 0, "%.*s", (int)got.len - 14,
                 (const char *)got.data + 8);
    cr_expect_eq(memcmp(got.data + got.len - 6, "\2\3\4\5\0\1", 6), 0, "data follows its name");
    cr_expect(err_ok(st_check_canonical(&a, got)));
    cr_expect_eq(st_check_canonical(&a, loose).kind, ERR_INVALID);

    struct buf again;
    buf_init(&again, 4096);
    cr_assert(err_ok(st_canonicalise(&again, &a, got)));
    cr_expect(bytes_eq(buf_bytes(&again), got), "a second time changes nothing");

    // The length field or one pad byte more is another spelling.
    uint8_t *changed = arena_alloc(&a, got.len + 8);
    uint64_t header_len;
    memcpy(&header_len, got.data, 8);
    memcpy(changed, got.data, 8 + header_len);
    memset(changed + 8 + header_len, ' ', 8);
    memcpy(changed + 16 + header_len, got.data + 8 + header_len, 6);
    header_len += 8;
    memcpy(changed, &header_len, 8);
    cr_expect_eq(st_check_canonical(&a, bytes_make(changed, got.len + 8)).kind, ERR_INVALID);

    buf_deinit(&again);
    buf_deinit(&out);
    arena_deinit(&a);
}

/// Goal: st_write refuses what ST-C1 cannot say.
Test(safetensors, write_refusals)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1 << 20)));
    const struct {
        const char *name;
        bytes_t tensor_name;
        size_t data_len;
        enum err_kind kind;
    } rows[] = {
        {"plain", LIT("model.layers.0/w x"), 4, ERR_NONE},
        {"quote", LIT("a\"b"), 4, ERR_INVALID},
        {"backslash", LIT("a\\b"), 4, ERR_INVALID},
        {"not ASCII", LIT("\xc3\xa9"), 4, ERR_INVALID},
        {"control", LIT("a\x7f"), 4, ERR_INVALID},
        {"reserved", LIT("__metadata__"), 4, ERR_INVALID},
        {"data too short", LIT("a"), 3, ERR_INVALID},
    };
    static const uint8_t zeros[8];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        buf_init(&out, 4096);
        const struct st_tensor t = {.name = rows[i].tensor_name,
                                    .dtype = ST_I16,
                                    .rank = 1,
                                    .shape = {2},
                                    .count = 2,
                                    .data = bytes_make(zeros, rows[i].data_len)};
        const err_t err = st_write(&out, &a, &t, 1);
        cr_expect_eq(err.kind, rows[i].kind, "%s: %s", rows[i].name, err_text(err));
        buf_deinit(&out);
    }
    struct buf out;
    buf_init(&out, 4096);
    const struct st_tensor t = {
        .name = LIT("a"), .dtype = ST_U8, .rank = 0, .count = 1, .data = bytes_make(zeros, 1)};
    const struct st_tensor twice[2] = {t, t};
    cr_expect_eq(st_write(&out, &a, twice, 2).kind, ERR_INVALID);
    buf_deinit(&out);
    buf_init(&out, 32);
    cr_expect_eq(st_write(&out, &a, &t, 1).kind, ERR_FULL);
    buf_deinit(&out);
    arena_deinit(&a);
}

/// Goal: vectors come out in sorted-name order, and go back in.
Test(safetensors, vectors)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1 << 20)));
    static const int32_t first[] = {1, -70000};
    static const uint32_t floats[] = {0x3f800000, 0xbf000000}; // 1, -0.5
    struct st_tensor tensors[] = {
        {.name = LIT("w"),
         .dtype = ST_F32,
         .rank = 1,
         .shape = {2},
         .count = 2,
         .data = bytes_make(floats, sizeof floats)},
        {.name = LIT("b"),
         .dtype = ST_I32,
         .rank = 2,
         .shape = {1, 2},
         .count = 2,
         .data = bytes_make(first, sizeof first)},
    };
    struct buf out;
    buf_init(&out, 4096);
    cr_assert(err_ok(st_write(&out, &a, tensors, 2)));
    struct st_file f;
    cr_assert(err_ok(st_parse(&f, &a, buf_bytes(&out))));
    int32_t *v;
    size_t d;
    cr_assert(err_ok(st_model_vector(&v, &d, &a, &f, 16)));
    cr_assert_eq(d, 4);
    const int32_t want[] = {1, -70000, 65536, -32768};
    cr_expect_arr_eq(v, want, sizeof want);
    int16_t *u;
    cr_expect_eq(st_update_vector(&u, &d, &a, &f, 16).kind, ERR_UNSUPPORTED, "I32 in an update");

    struct buf model;
    buf_init(&model, 4096);
    cr_assert(err_ok(st_write_model(&model, &a, &f, v, 4)));
    cr_expect(err_ok(st_check_canonical(&a, buf_bytes(&model))));
    struct st_file g;
    int32_t *back;
    cr_assert(err_ok(st_parse(&g, &a, buf_bytes(&model))));
    cr_assert(err_ok(st_model_vector(&back, &d, &a, &g, 16)));
    cr_expect_arr_eq(back, want, sizeof want);
    cr_expect_eq(g.tensors[1].dtype, ST_I32);
    cr_expect_eq(st_write_model(&model, &a, &f, v, 3).kind, ERR_MISMATCH);

    const int16_t upd[] = {1, -2, 32767, -32767};
    buf_clear(&model);
    cr_assert(err_ok(st_write_update(&model, &a, &f, upd, 4)));
    cr_assert(err_ok(st_parse(&g, &a, buf_bytes(&model))));
    cr_assert(err_ok(st_update_vector(&u, &d, &a, &g, 16)));
    cr_expect_arr_eq(u, upd, sizeof upd);

    tensors[0].count = 1;
    tensors[0].shape[0] = 1;
    tensors[0].data.len = 4;
    const uint32_t clipped[] = {0xbf800000}; // -1: clipped in an update
    tensors[0].data.data = (const uint8_t *)clipped;
    const struct st_file only = {tensors, 1};
    cr_assert(err_ok(st_update_vector(&u, &d, &a, &only, 16)));
    cr_expect_eq(u[0], -32767);
    const int16_t bad[] = {-32768, 0};
    tensors[0].dtype = ST_I16;
    tensors[0].data = bytes_make(bad, 2);
    cr_expect_eq(st_update_vector(&u, &d, &a, &only, 16).kind, ERR_INVALID);
    const uint32_t huge[] = {0x7f000000};
    tensors[0].dtype = ST_F32;
    tensors[0].data = bytes_make(huge, 4);
    cr_expect_eq(st_model_vector(&v, &d, &a, &only, 16).kind, ERR_LIMIT);
    buf_deinit(&model);
    buf_deinit(&out);
    arena_deinit(&a);
}

/// Goal: the CID of the empty block is the world's, and parsing inverts it.
Test(safetensors, cid)
{
    char text[CID_TEXT_LEN + 1];
    const hash_t empty = sha256(BYTES_NONE);
    cid_text(text, &empty);
    cr_expect_str_eq(text, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
    for (unsigned i = 0; i < 64; i++) {
        hash_t h = sha256(bytes_make(&i, sizeof i));
        cid_text(text, &h);
        hash_t back;
        cr_assert(err_ok(cid_parse(&back, bytes_of_str(text))));
        cr_expect(hash_eq(&h, &back));
    }
    hash_t back;
    cr_expect_eq(cid_parse(&back, bytes_make(text, 58)).kind, ERR_MALFORMED);
    text[0] = 'z';
    cr_expect_eq(cid_parse(&back, bytes_of_str(text)).kind, ERR_MALFORMED);
    text[0] = 'b';
    text[1] = 'b';
    cr_expect_eq(cid_parse(&back, bytes_of_str(text)).kind, ERR_MALFORMED);
    text[1] = 'A';
    cr_expect_eq(cid_parse(&back, bytes_of_str(text)).kind, ERR_MALFORMED);
    text[1] = 0;
    cr_expect_eq(cid_parse(&back, bytes_make(text, CID_TEXT_LEN)).kind, ERR_MALFORMED);
    // The 58 digits hold 290 bits, of which the last two must be zero.
    cid_text(text, &empty);
    text[CID_TEXT_LEN - 1]++;
    cr_expect_eq(cid_parse(&back, bytes_of_str(text)).kind, ERR_MALFORMED);
}
