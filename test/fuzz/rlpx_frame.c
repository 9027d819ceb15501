// SPDX-License-Identifier: Apache-2.0
/// RLPx frames: the input cuts a stream of frames, one byte of it changed. Whole frames arrive as they
/// were sent, in order; what the change is in and all behind it is refused.
#include "consensus/p2p/rlpx_frame.h"
#include "test/fuzz/fuzz.h"

#include <string.h>

static void secrets_of(struct rlpx_secrets *s, bool sender)
{
    memset(s, 0, sizeof *s);
    memset(s->aes, 1, sizeof s->aes);
    memset(s->mac, 2, sizeof s->mac);
    keccak_init(&s->egress);
    keccak_init(&s->ingress);
    keccak_update(sender ? &s->egress : &s->ingress, LIT("there"));
    keccak_update(sender ? &s->ingress : &s->egress, LIT("back"));
}

/// Opens the frame at `*at`; false if it is refused or not whole.
static bool open_next(struct rlpx_frames *f, struct buf *wire, size_t *at, bytes_t *out)
{
    size_t size;
    if (wire->len - *at < RLPX_HEADER_BYTES) return false;
    if (!err_ok(rlpx_frame_header(f, wire->data + *at, &size))) return false;
    EXPECT(size <= RLPX_FRAME_MAX);
    *at += RLPX_HEADER_BYTES;
    const size_t body = rlpx_body_size(size);
    if (wire->len - *at < body) return false;
    if (!err_ok(rlpx_frame_body(f, wire->data + *at, size))) return false;
    *out = bytes_make(wire->data + *at, size);
    *at += body;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes_t in = {data, size};
    struct rlpx_secrets a;
    struct rlpx_secrets b;
    struct rlpx_frames from;
    struct rlpx_frames to;
    secrets_of(&a, true);
    secrets_of(&b, false);
    EXPECT(err_ok(rlpx_frames_init(&from, &a)) && err_ok(rlpx_frames_init(&to, &b)));

    // count, then lengths and contents; then a place and what changes there.
    bytes_t sent[8];
    const size_t count = fuzz_u8(&in) % 9;
    struct buf wire = fuzz_buf();
    for (size_t i = 0; i < count; i++) {
        sent[i] = fuzz_take(&in, fuzz_u8(&in) * (size_t)3);
        EXPECT(err_ok(rlpx_frame_write(&from, &wire, bytes_make(sent[i].data, 0), sent[i])));
    }
    size_t changed = wire.len;
    if (in.len >= 3 && wire.len != 0) {
        const size_t at = ((size_t)fuzz_u8(&in) << 8 | fuzz_u8(&in)) % wire.len;
        const uint8_t flip = fuzz_u8(&in);
        wire.data[at] ^= flip;
        if (flip != 0) changed = at;
    }
    size_t at = 0;
    size_t opened = 0;
    bytes_t got;
    while (opened < count && open_next(&to, &wire, &at, &got)) {
        EXPECT(bytes_eq(got, sent[opened]));
        EXPECT(at <= changed);
        opened++;
    }
    if (changed == wire.len) EXPECT(opened == count);
    rlpx_frames_deinit(&from);
    rlpx_frames_deinit(&to);
    buf_deinit(&wire);
    return 0;
}
