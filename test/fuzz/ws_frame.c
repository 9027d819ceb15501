// SPDX-License-Identifier: Apache-2.0
// WebSocket streams: read in one piece and byte by byte, the same messages and the same end.
#include "rpc/http/ws_reader.h"
#include "test/fuzz/fuzz.h"

enum { MOST = 256 };

struct told {
    size_t count;
    uint64_t sum; ///< of kinds, codes and bytes, in order
    uint16_t code;
};

static void note(struct told *t, const struct ws_event *e)
{
    t->count++;
    t->sum = t->sum * 31 + (uint64_t)e->kind;
    for (size_t i = 0; i < e->data.len; i++) t->sum = t->sum * 31 + e->data.data[i];
    if (e->kind == WS_EVENT_CLOSE) t->code = e->code;
}

static struct told read_by(bytes_t stream, size_t step)
{
    struct told t = {0};
    struct ws_reader *r = NULL;
    if (!err_ok(ws_reader_new(&r, MOST))) return t;
    for (size_t at = 0; at < stream.len && t.code == 0; at += step) {
        bytes_t in = bytes_make(stream.data + at, stream.len - at < step ? stream.len - at : step);
        for (struct ws_event e = {.kind = WS_EVENT_PONG}; e.kind != WS_EVENT_NONE && t.code == 0;) {
            ws_reader_next(r, &e, &in);
            EXPECT(e.data.len <= MOST);
            if (e.kind != WS_EVENT_NONE) note(&t, &e);
        }
    }
    ws_reader_free(r);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) return 0;
    const bytes_t stream = bytes_make(data, len);
    const struct told whole = read_by(stream, len);
    const struct told bytes = read_by(stream, 1);
    EXPECT(whole.sum == bytes.sum);
    EXPECT(whole.count == bytes.count);
    EXPECT(whole.code == bytes.code);
    return 0;
}
