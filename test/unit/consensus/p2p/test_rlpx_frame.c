// SPDX-License-Identifier: Apache-2.0
/// Goal: frames of all sizes arrive; a frame changed, cut, repeated or out of order does not.

#include "consensus/p2p/rlpx_frame.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "test/support/vectors.h"

/// Two ends of one connection.
static void ends(struct rlpx_frames *a, struct rlpx_frames *b)
{
    struct rlpx_secrets s;
    memset(&s, 0x11, sizeof s);
    keccak_init(&s.egress);
    keccak_init(&s.ingress);
    keccak_update(&s.ingress, LIT("other"));
    cr_assert(err_ok(rlpx_frames_init(a, &s)));
    const struct keccak swap = s.egress;
    s.egress = s.ingress;
    s.ingress = swap;
    cr_assert(err_ok(rlpx_frames_init(b, &s)));
}

static err_t take(struct rlpx_frames *f, uint8_t *frame, size_t *size)
{
    TRY(rlpx_frame_header(f, frame, size));
    return rlpx_frame_body(f, frame + RLPX_HEADER_BYTES, *size);
}

Test(rlpx_frame, sizes)
{
    static const size_t sizes[] = {1, 2, 15, 16, 17, 1024, 70000, RLPX_FRAME_MAX};
    struct rlpx_frames a, b;
    ends(&a, &b);
    uint8_t *payload = calloc(1, RLPX_FRAME_MAX);
    cr_assert_not_null(payload);
    struct buf wire;
    buf_init(&wire, RLPX_FRAME_MAX + 1024);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        buf_clear(&wire);
        memset(payload, (int)i + 1, sizes[i]);
        cr_assert(
            err_ok(rlpx_frame_write(&a, &wire, LIT("\x08"), bytes_make(payload, sizes[i] - 1))));
        cr_assert_eq(wire.len, RLPX_HEADER_BYTES + rlpx_body_size(sizes[i]));
        size_t size = 0;
        cr_assert(err_ok(take(&b, wire.data, &size)), "size %zu", sizes[i]);
        cr_expect_eq(size, sizes[i]);
        cr_expect_eq(wire.data[RLPX_HEADER_BYTES], 8);
        cr_expect_eq(memcmp(wire.data + RLPX_HEADER_BYTES + 1, payload, sizes[i] - 1), 0);
    }
    buf_clear(&wire);
    cr_assert(err_ok(rlpx_frame_write(&b, &wire, LIT("\x01"), LIT("back"))));
    size_t size = 0;
    cr_expect(err_ok(take(&a, wire.data, &size)), "and the other direction");
    buf_deinit(&wire);
    free(payload);
    rlpx_frames_deinit(&a);
    rlpx_frames_deinit(&b);
}

/// Goal: one changed bit anywhere in a frame is seen.
Test(rlpx_frame, every_bit_counts)
{
    struct buf wire;
    buf_init(&wire, 4096);
    for (size_t bit = 0; bit < 8 * 80; bit++) {
        struct rlpx_frames a, b;
        ends(&a, &b);
        buf_clear(&wire);
        cr_assert(err_ok(rlpx_frame_write(&a, &wire, LIT("\x08"), LIT("0123456789abcdef"))));
        cr_assert_eq(wire.len, 80);
        wire.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        size_t size = 0;
        cr_expect_eq(take(&b, wire.data, &size).kind, ERR_INVALID, "bit %zu", bit);
        rlpx_frames_deinit(&a);
        rlpx_frames_deinit(&b);
    }
    buf_deinit(&wire);
}

Test(rlpx_frame, order)
{
    struct rlpx_frames a, b;
    ends(&a, &b);
    struct buf one, two;
    buf_init(&one, 4096);
    buf_init(&two, 4096);
    cr_assert(err_ok(rlpx_frame_write(&a, &one, LIT("\x01"), LIT("first"))));
    cr_assert(err_ok(rlpx_frame_write(&a, &two, LIT("\x02"), LIT("second"))));
    size_t size = 0;
    cr_expect_eq(take(&b, two.data, &size).kind, ERR_INVALID, "the second first");
    rlpx_frames_deinit(&b);
    rlpx_frames_deinit(&a);
    ends(&a, &b);
    buf_clear(&one);
    cr_assert(err_ok(rlpx_frame_write(&a, &one, LIT("\x01"), LIT("first"))));
    uint8_t copy[128];
    cr_assert_leq(one.len, sizeof copy);
    memcpy(copy, one.data, one.len);
    cr_expect(err_ok(take(&b, one.data, &size)));
    cr_expect_eq(take(&b, copy, &size).kind, ERR_INVALID, "twice");
    buf_deinit(&one);
    buf_deinit(&two);
    rlpx_frames_deinit(&a);
    rlpx_frames_deinit(&b);
}

/// Goal: the published frame's ciphertext is ours. Its MACs were made with a constant in place of
/// the digest, so they are compared nowhere; rlpx_handshake's vectors start real ones.
Test(rlpx_frame, published_ciphertext)
{
    struct arena arena = vectors_arena((size_t)1024 * 1024);
    json_t *root = vectors_load("devp2p/rlpx-frame.json");
    const json_t *list = vectors_get(root, "cases");
    cr_assert_eq(json_array_size(list), 1);
    const json_t *v = json_array_get(list, 0);
    const bytes_t want = vectors_bytes(&arena, v, "frame");
    const bytes_t data = vectors_bytes(&arena, v, "frameData");
    struct rlpx_secrets s;
    memset(&s, 0, sizeof s);
    memcpy(s.aes, vectors_bytes(&arena, v, "aesSecret").data, 32);
    memcpy(s.mac, vectors_bytes(&arena, v, "macSecret").data, 32);
    struct rlpx_frames f;
    cr_assert(err_ok(rlpx_frames_init(&f, &s)));
    struct buf wire;
    buf_init(&wire, 4096);
    cr_assert(err_ok(rlpx_frame_write(&f, &wire, bytes_make(data.data, 1),
                                      bytes_make(data.data + 1, data.len - 1))));
    cr_assert_eq(wire.len, want.len);
    cr_expect_eq(memcmp(wire.data, want.data, 16), 0, "header");
    cr_expect_eq(memcmp(wire.data + 32, want.data + 32, 16), 0, "body");
    buf_deinit(&wire);
    rlpx_frames_deinit(&f);
    json_decref(root);
    arena_deinit(&arena);
}
