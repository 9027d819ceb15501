// SPDX-License-Identifier: Apache-2.0
#include "rpc/http/ws_reader.h"

#include "rpc/http/websocket.h"

#include <criterion/criterion.h>

#define MASK "\x01\x02\x03\x04"
enum { MOST = 1000 };

/// One masked frame: first byte, payload.
static void put_frame(struct buf *out, uint8_t first, bytes_t payload)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    buf_put_u8(out, first);
    if (payload.len < 126) {
        buf_put_u8(out, (uint8_t)(0x80 | payload.len));
    } else {
        buf_put_u8(out, 0x80 | 126);
        buf_put_u8(out, (uint8_t)(payload.len >> 8));
        buf_put_u8(out, (uint8_t)payload.len);
    }
    buf_put(out, BYTES_OF(mask));
    for (size_t i = 0; i < payload.len; i++) buf_put_u8(out, payload.data[i] ^ mask[i % 4]);
}

/// What a stream is, read in pieces of `step` bytes: the messages joined by '|', and the code it
/// is closed with (0: it is not).
static uint16_t read_stream(char text[4096], bytes_t stream, size_t step)
{
    struct ws_reader *r;
    uint16_t code = 0;
    size_t len = 0;
    cr_assert(err_ok(ws_reader_new(&r, MOST)));
    for (size_t at = 0; at < stream.len && code == 0; at += step) {
        bytes_t in = bytes_make(stream.data + at, stream.len - at < step ? stream.len - at : step);
        struct ws_event e;
        do {
            ws_reader_next(r, &e, &in);
            if (e.kind == WS_EVENT_CLOSE) code = e.code;
            if (e.kind == WS_EVENT_MESSAGE || e.kind == WS_EVENT_PING) {
                cr_assert_lt(len + e.data.len + 2, 4096);
                if (e.data.len > 0) memcpy(text + len, e.data.data, e.data.len);
                len += e.data.len;
                text[len++] = e.kind == WS_EVENT_PING ? '!' : '|';
            }
        } while (e.kind != WS_EVENT_NONE && code == 0);
        cr_expect(code != 0 || in.len == 0, "all is taken");
    }
    text[len] = 0;
    ws_reader_free(r);
    return code;
}

#define FRAME(FIRST, TEXT)                                                                         \
    {                                                                                              \
        FIRST, LIT(TEXT)                                                                           \
    }
static const struct {
    const char *name;
    struct {
        uint8_t first;
        bytes_t payload;
    } frames[4];
    const char *text;
    uint16_t code;
} cases[] = {
    {"a text", {FRAME(0x81, "{}")}, "{}|", 0},
    {"an empty text", {FRAME(0x81, "")}, "|", 0},
    {"bytes", {FRAME(0x82, "\xff")}, "\xff|", 0},
    {"two texts", {FRAME(0x81, "a"), FRAME(0x81, "b")}, "a|b|", 0},
    {"three pieces", {FRAME(0x01, "a"), FRAME(0x00, "b"), FRAME(0x80, "c")}, "abc|", 0},
    {"a ping in between", {FRAME(0x01, "a"), FRAME(0x89, "p"), FRAME(0x80, "b")}, "p!ab|", 0},
    {"a pong nobody asked for", {FRAME(0x8a, "p"), FRAME(0x81, "a")}, "a|", 0},
    {"a character in two pieces", {FRAME(0x01, "\xc3"), FRAME(0x80, "\xa9")}, "\xc3\xa9|", 0},
    {"half a character", {FRAME(0x81, "\xc3")}, "", WS_CLOSE_NOT_UTF8},
    {"a surrogate", {FRAME(0x81, "\xed\xa0\x80")}, "", WS_CLOSE_NOT_UTF8},
    {"an overlong form", {FRAME(0x81, "\xc0\x80")}, "", WS_CLOSE_NOT_UTF8},
    {"above U+10FFFF", {FRAME(0x81, "\xf4\x90\x80\x80")}, "", WS_CLOSE_NOT_UTF8},
    {"the last character", {FRAME(0x81, "\xf4\x8f\xbf\xbf")}, "\xf4\x8f\xbf\xbf|", 0},
    {"a reserved bit", {FRAME(0xc1, "a")}, "", WS_CLOSE_PROTOCOL},
    {"a reserved opcode", {FRAME(0x83, "")}, "", WS_CLOSE_PROTOCOL},
    {"a reserved control", {FRAME(0x8b, "")}, "", WS_CLOSE_PROTOCOL},
    {"a ping in pieces", {FRAME(0x09, "a")}, "", WS_CLOSE_PROTOCOL},
    {"a continuation of nothing", {FRAME(0x80, "a")}, "", WS_CLOSE_PROTOCOL},
    {"a text in a text", {FRAME(0x01, "a"), FRAME(0x81, "b")}, "", WS_CLOSE_PROTOCOL},
    {"goodbye",
     {FRAME(0x88, "\x03\xe8"
                  "bye")},
     "",
     1000},
    {"goodbye without a word", {FRAME(0x88, "")}, "", WS_CLOSE_NO_STATUS},
    {"an application's goodbye", {FRAME(0x88, "\x0f\xa0")}, "", 4000},
    {"half a code", {FRAME(0x88, "\x03")}, "", WS_CLOSE_PROTOCOL},
    {"a code that is never sent", {FRAME(0x88, "\x03\xed")}, "", WS_CLOSE_PROTOCOL},
    {"a reason that is not UTF-8", {FRAME(0x88, "\x03\xe8\xff")}, "", WS_CLOSE_NOT_UTF8},
    {"nothing after goodbye", {FRAME(0x88, "\x03\xe8"), FRAME(0x81, "a")}, "", 1000},
};

/// Goal: every rule of RFC 6455 for what comes in, whatever the pieces it comes in.
Test(ws_reader, rules)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf stream;
        buf_init(&stream, 1 << 16);
        for (size_t k = 0; k < 4 && cases[i].frames[k].payload.data != NULL; k++) {
            put_frame(&stream, cases[i].frames[k].first, cases[i].frames[k].payload);
        }
        for (size_t step = 1; step <= stream.len; step++) {
            char text[4096];
            const uint16_t code = read_stream(text, buf_bytes(&stream), step);
            cr_expect_eq(code, cases[i].code, "%s by %zu: %u", cases[i].name, step, code);
            cr_expect_str_eq(text, cases[i].text, "%s by %zu", cases[i].name, step);
        }
        buf_deinit(&stream);
    }
}

/// Goal: what is not masked, too long, or written in more bytes than needed is refused.
Test(ws_reader, heads)
{
    static const struct {
        const char *name;
        bytes_t bytes;
        uint16_t code;
    } rows[] = {
        {"unmasked", LIT("\x81\x01z"), WS_CLOSE_PROTOCOL},
        {"126 for a short one", LIT("\x81\xfe\x00\x01" MASK "z"), WS_CLOSE_PROTOCOL},
        {"127 for a short one", LIT("\x81\xff\0\0\0\0\0\0\0\x01" MASK "z"), WS_CLOSE_PROTOCOL},
        {"a length above 2^63", LIT("\x81\xff\x80\0\0\0\0\0\0\0" MASK "z"), WS_CLOSE_PROTOCOL},
        {"a control frame of 126", LIT("\x89\xfe\x00\x7e" MASK "z"), WS_CLOSE_PROTOCOL},
        {"longer than a message may be", LIT("\x81\xfe\x03\xe9" MASK "z"), WS_CLOSE_TOO_BIG},
        {"the longest", LIT("\x81\xfe\x03\xe8" MASK "z"), 0},
        {"the end is missing", LIT("\x81"), 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[4096];
        const uint16_t code = read_stream(text, rows[i].bytes, rows[i].bytes.len);
        cr_expect_eq(code, rows[i].code, "%s: %u", rows[i].name, code);
        cr_expect_str_eq(text, "", "%s", rows[i].name);
    }
    // Pieces count together.
    struct buf stream;
    uint8_t half[600] = {0};
    char text[4096];
    buf_init(&stream, 1 << 16);
    put_frame(&stream, 0x02, BYTES_OF(half));
    put_frame(&stream, 0x80, BYTES_OF(half));
    cr_expect_eq(read_stream(text, buf_bytes(&stream), 64), WS_CLOSE_TOO_BIG);
    buf_deinit(&stream);
}

/// Goal: the handshake's answer is the one of RFC 6455, 1.3.
Test(ws_reader, accept_key)
{
    char out[29];
    ws_accept_key(out, "dGhlIHNhbXBsZSBub25jZQ==");
    cr_expect_str_eq(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
