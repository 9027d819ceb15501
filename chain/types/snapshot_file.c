// SPDX-License-Identifier: Apache-2.0
#include "chain/types/snapshot_file.h"

#include "chain/base/endian.h"
#include "chain/crypto/digest.h"

#define START_LEN 12
#define FRAME_LEN 5
#define MIB ((size_t)1024 * 1024)
#define READ_STEP (256U * 1024U)

static const uint8_t MAGIC[8] = {'C', 'A', 'I', 'R', 'N', 'S', 'N', 'P'};

size_t snapshot_payload_max(unsigned kind)
{
    switch (kind) {
    case SNAPSHOT_HEAD:
    case SNAPSHOT_END:
        return 1024;
    case SNAPSHOT_HEADERS:
        return 4 * MIB;
    case SNAPSHOT_BLOCK:
        return 320 * MIB;
    case SNAPSHOT_STATE:
        return 18 * MIB;
    default:
        return 0;
    }
}

static void put_start(uint8_t out[START_LEN])
{
    memcpy(out, MAGIC, sizeof MAGIC);
    be_put_u32(out + 8, SNAPSHOT_VERSION);
}

static hash_t sum_of(const hash_t *before, const uint8_t frame[FRAME_LEN], bytes_t payload)
{
    struct sha256_stream *s = sha256_new();
    sha256_update(s, BYTES_OF(*before));
    sha256_update(s, bytes_make(frame, FRAME_LEN));
    sha256_update(s, payload);
    return sha256_final_free(s);
}

// ---- writing --------------------------------------------------------------------------------

err_t snapshot_writer_begin(struct snapshot_writer *w, const struct byte_sink *sink)
{
    uint8_t start[START_LEN];
    put_start(start);
    w->sink = *sink;
    w->sum = sha256(BYTES_OF(start));
    return sink->write(sink->ctx, BYTES_OF(start));
}

err_t snapshot_writer_put(struct snapshot_writer *w, enum snapshot_kind kind, bytes_t payload)
{
    if (payload.len > snapshot_payload_max(kind)) {
        return FAIL(LIMIT, "snapshot: more than one chunk can hold");
    }
    uint8_t frame[FRAME_LEN];
    frame[0] = (uint8_t)kind;
    be_put_u32(frame + 1, (uint32_t)payload.len);
    w->sum = sum_of(&w->sum, frame, payload);
    TRY(w->sink.write(w->sink.ctx, BYTES_OF(frame)));
    TRY(w->sink.write(w->sink.ctx, payload));
    return w->sink.write(w->sink.ctx, BYTES_OF(w->sum));
}

// ---- reading --------------------------------------------------------------------------------

void snapshot_reader_init(struct snapshot_reader *r, const struct byte_source *source)
{
    *r = (struct snapshot_reader){.source = *source};
    buf_init(&r->payload, snapshot_payload_max(SNAPSHOT_BLOCK) + READ_STEP);
}

void snapshot_reader_deinit(struct snapshot_reader *r)
{
    buf_deinit(&r->payload);
}

/// Reads until `len` bytes are there or the file ends.
static err_t read_up_to(struct snapshot_reader *r, uint8_t *out, size_t len, size_t *got)
{
    *got = 0;
    while (*got < len) {
        size_t n = 0;
        TRY(r->source.read(r->source.ctx, out + *got, len - *got, &n));
        if (n == 0) break;
        *got += n;
        r->offset += n;
    }
    return OK;
}

static err_t read_all(struct snapshot_reader *r, uint8_t *out, size_t len)
{
    size_t got;
    TRY(read_up_to(r, out, len, &got));
    return got == len ? OK : FAIL(MALFORMED, "snapshot: the file is cut short");
}

err_t snapshot_reader_begin(struct snapshot_reader *r)
{
    uint8_t want[START_LEN];
    uint8_t have[START_LEN];
    size_t got;
    put_start(want);
    TRY(read_up_to(r, have, sizeof have, &got));
    if (got != sizeof have || memcmp(have, want, 8) != 0) {
        return FAIL(MALFORMED, "snapshot: the file is none");
    }
    if (memcmp(have, want, sizeof have) != 0) {
        return FAIL(UNSUPPORTED, "snapshot: a version that this program does not know");
    }
    r->sum = sha256(BYTES_OF(have));
    return OK;
}

err_t snapshot_reader_next(struct snapshot_reader *r, struct snapshot_chunk *chunk)
{
    uint8_t frame[FRAME_LEN];
    size_t got;
    *chunk = (struct snapshot_chunk){.offset = r->offset};
    buf_clear(&r->payload);
    TRY(read_up_to(r, frame, sizeof frame, &got));
    if (got == 0) return FAIL(NOT_FOUND, "snapshot: the end");
    if (got != sizeof frame) return FAIL(MALFORMED, "snapshot: the file is cut short");
    const size_t max = snapshot_payload_max(frame[0]);
    const size_t len = be_get_u32(frame + 1);
    if (max == 0) return FAIL(MALFORMED, "snapshot: no such kind of chunk");
    if (len > max) return FAIL(LIMIT, "snapshot: a chunk longer than its kind may be");
    while (r->payload.len < len) {
        const size_t left = len - r->payload.len;
        const size_t step = left < READ_STEP ? left : READ_STEP;
        uint8_t *room = buf_extend(&r->payload, step);
        if (room == NULL) return FAIL(FULL, "snapshot: no memory");
        TRY(read_all(r, room, step));
    }
    hash_t sum;
    TRY(read_all(r, sum.b, sizeof sum.b));
    r->sum = sum_of(&r->sum, frame, buf_bytes(&r->payload));
    if (!hash_eq(&sum, &r->sum)) return FAIL(MALFORMED, "snapshot: a chunk does not have its sum");
    chunk->kind = (enum snapshot_kind)frame[0];
    chunk->payload = buf_bytes(&r->payload);
    return OK;
}
