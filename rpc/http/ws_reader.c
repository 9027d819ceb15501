// SPDX-License-Identifier: Apache-2.0
#include "rpc/http/ws_reader.h"

#include <stdlib.h>
#include <wslay/wslay.h>

enum { CONTROL_MAX = 125 };

struct ws_reader {
    wslay_frame_context_ptr frames;
    bytes_t *in; ///< only during ws_reader_next
    size_t max_message;

    // The frame in progress.
    bool in_frame;
    uint8_t opcode;
    bool fin;
    uint64_t left;

    // The message that frames add up to, and a control frame in between.
    bool in_message;
    bool is_text;
    struct buf message;
    uint8_t control[CONTROL_MAX];
    size_t control_len;

    bool delivered; ///< the message was handed out: begin anew
    bool over;
};

/// wslay asks for bytes: those that are there.
static ssize_t give_bytes(uint8_t *out, size_t len, int flags, void *ctx)
{
    struct ws_reader *r = ctx;
    (void)flags;
    const size_t n = len < r->in->len ? len : r->in->len;
    if (n == 0) return -1;
    memcpy(out, r->in->data, n);
    *r->in = bytes_make(r->in->data + n, r->in->len - n);
    return (ssize_t)n;
}

err_t ws_reader_new(struct ws_reader **out, size_t max_message)
{
    static const struct wslay_frame_callbacks callbacks = {.recv_callback = give_bytes};
    struct ws_reader *r = calloc(1, sizeof *r);
    if (r == NULL) return FAIL(FULL, "websocket: out of memory");
    if (wslay_frame_context_init(&r->frames, &callbacks, r) != 0) {
        free(r);
        return FAIL(FULL, "websocket: out of memory");
    }
    r->max_message = max_message;
    buf_init(&r->message, max_message);
    *out = r;
    return OK;
}

void ws_reader_free(struct ws_reader *r)
{
    if (r == NULL) return;
    wslay_frame_context_free(r->frames);
    buf_deinit(&r->message);
    free(r);
}

bool ws_is_utf8(bytes_t text)
{
    const uint8_t *p = text.data;
    for (size_t i = 0; i < text.len;) {
        const uint8_t c = p[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        const size_t more = c >= 0xc2 && c <= 0xdf   ? 1
                            : c >= 0xe0 && c <= 0xef ? 2
                            : c >= 0xf0 && c <= 0xf4 ? 3
                                                     : 0;
        if (more == 0 || text.len - i <= more) return false;
        for (size_t k = 1; k <= more; k++) {
            if ((p[i + k] & 0xc0) != 0x80) return false;
        }
        // Overlong forms, surrogates, and what lies above U+10FFFF.
        const uint8_t second = p[i + 1];
        if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
            (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f)) {
            return false;
        }
        i += more + 1;
    }
    return true;
}

static void close_with(struct ws_reader *r, struct ws_event *out, uint16_t code)
{
    r->over = true;
    *out = (struct ws_event){.kind = WS_EVENT_CLOSE, .code = code};
}

/// The rules for a frame's head. @return 0 or the code to close with
static uint16_t begin_frame(struct ws_reader *r, const struct wslay_frame_iocb *f)
{
    if (f->mask == 0 || f->rsv != 0) return WS_CLOSE_PROTOCOL;
    switch (f->opcode) {
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG:
        if (f->fin == 0 || f->payload_length > CONTROL_MAX) return WS_CLOSE_PROTOCOL;
        r->control_len = 0;
        break;
    case WS_CONTINUATION:
        if (!r->in_message) return WS_CLOSE_PROTOCOL;
        break;
    case WS_TEXT:
    case WS_BINARY:
        if (r->in_message) return WS_CLOSE_PROTOCOL;
        r->in_message = true;
        r->is_text = f->opcode == WS_TEXT;
        break;
    default:
        return WS_CLOSE_PROTOCOL;
    }
    if (f->opcode <= WS_BINARY && f->payload_length > r->max_message - r->message.len) {
        return WS_CLOSE_TOO_BIG;
    }
    r->in_frame = true;
    r->opcode = f->opcode;
    r->fin = f->fin != 0;
    r->left = f->payload_length;
    return 0;
}

/// The codes that a close frame may carry (RFC 6455, 7.4).
static bool may_be_sent(uint16_t code)
{
    if (code >= 3000 && code <= 4999) return true;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

static void end_close(struct ws_reader *r, struct ws_event *out)
{
    if (r->control_len == 0) {
        close_with(r, out, WS_CLOSE_NO_STATUS);
        return;
    }
    const uint16_t code = (uint16_t)(r->control[0] << 8 | (r->control_len > 1 ? r->control[1] : 0));
    if (r->control_len == 1 || !may_be_sent(code))
        close_with(r, out, WS_CLOSE_PROTOCOL);
    else if (!ws_is_utf8(bytes_make(r->control + 2, r->control_len - 2)))
        close_with(r, out, WS_CLOSE_NOT_UTF8);
    else
        close_with(r, out, code);
}

/// A frame is whole. True if there is something to tell.
static bool end_frame(struct ws_reader *r, struct ws_event *out)
{
    r->in_frame = false;
    switch (r->opcode) {
    case WS_CLOSE:
        end_close(r, out);
        return true;
    case WS_PING:
        *out = (struct ws_event){.kind = WS_EVENT_PING,
                                 .data = bytes_make(r->control, r->control_len)};
        return true;
    case WS_PONG:
        *out = (struct ws_event){.kind = WS_EVENT_PONG};
        return true;
    default:
        break;
    }
    if (!r->fin) return false;
    r->in_message = false;
    r->delivered = true;
    if (r->is_text && !ws_is_utf8(buf_bytes(&r->message)))
        close_with(r, out, WS_CLOSE_NOT_UTF8);
    else
        *out = (struct ws_event){.kind = WS_EVENT_MESSAGE, .data = buf_bytes(&r->message)};
    return true;
}

static void take(struct ws_reader *r, const uint8_t *data, size_t len)
{
    if (len == 0) return;
    if (r->opcode > WS_BINARY) {
        memcpy(r->control + r->control_len, data, len);
        r->control_len += len;
    } else {
        buf_put(&r->message, bytes_make(data, len));
    }
    r->left -= len;
}

void ws_reader_next(struct ws_reader *r, struct ws_event *out, bytes_t *in)
{
    *out = (struct ws_event){.kind = WS_EVENT_NONE};
    if (r->delivered) {
        r->delivered = false;
        buf_clear(&r->message);
    }
    r->in = in;
    while (!r->over) {
        struct wslay_frame_iocb f;
        memset(&f, 0, sizeof f);
        const ssize_t got = wslay_frame_recv(r->frames, &f);
        if (got == WSLAY_ERR_WANT_READ) return;
        if (got < 0) {
            close_with(r, out, WS_CLOSE_PROTOCOL);
            return;
        }
        const uint16_t broken = r->in_frame ? 0 : begin_frame(r, &f);
        if (broken != 0) {
            close_with(r, out, broken);
            return;
        }
        take(r, f.data, f.data_length);
        if (r->message.full) {
            close_with(r, out, WS_CLOSE_INTERNAL);
            return;
        }
        if (r->left == 0 && end_frame(r, out)) return;
    }
}
