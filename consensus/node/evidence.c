// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/evidence.h"

#include "chain/base/endian.h"
#include "chain/base/log.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "CAIRNEV1"
#define MAGIC_LEN 8U
#define FRAME_LEN 8U ///< length and sum
#define SCRATCH_BYTES ((size_t)16 * 1024 * 1024)

struct record {
    enum qbft_code code;
    uint64_t sequence;
    uint32_t round;
    address_t author;
    uint64_t seen_s;
    bytes_t a, b;    ///< into `framed`
    uint8_t *framed; ///< as it stands in the file
    size_t len;
};

struct evidence {
    struct qbft_crypto crypto; ///< constant
    int fd;                    ///< the writer's
    uint64_t file_len;         ///< the writer's: what is whole
    size_t loaded;             ///< constant: records that the file held at the start
    pthread_t writer;
    bool running;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool closing;                                ///< lock
    struct record records[EVIDENCE_RECORDS_MAX]; ///< lock; never moved or removed
    size_t count;                                ///< lock
    size_t bytes;                                ///< lock
};

/// What a proposal names: its block with the round in it.
static err_t digest_of(hash_t *out, struct arena *arena, const struct qbft_payload *p)
{
    *out = p->digest;
    if (p->code != QBFT_PROPOSAL) return OK;
    struct rlp_reader outer = rlp_reader(p->raw);
    struct rlp_reader items;
    struct rlp_reader payload;
    uint64_t number;
    bytes_t raw;
    TRY(rlp_read_list(&outer, &items));
    TRY(rlp_read_list(&items, &payload));
    TRY(rlp_read_u64(&payload, &number)); // sequence
    TRY(rlp_read_u64(&payload, &number)); // round
    TRY(rlp_read_raw(&payload, &raw));
    struct qbft_block block;
    TRY(qbft_block_decode(&block, arena, raw));
    return qbft_digest(out, &block.header, p->round, QBFT_WIRE_BESU26);
}

err_t evidence_verify(struct qbft_payload *a, struct qbft_payload *b, struct arena *arena,
                      enum qbft_code code, bytes_t raw_a, bytes_t raw_b,
                      const struct qbft_crypto *crypto)
{
    hash_t says_a;
    hash_t says_b;
    TRY(qbft_payload_decode(a, code, raw_a));
    TRY(qbft_payload_decode(b, code, raw_b));
    if (a->sequence != b->sequence || a->round != b->round)
        return FAIL(INVALID, "evidence: not of one height and round");
    TRY(digest_of(&says_a, arena, a));
    TRY(digest_of(&says_b, arena, b));
    const bool same_prepared = a->has_prepared == b->has_prepared &&
                               (!a->has_prepared || a->prepared_round == b->prepared_round);
    if (hash_eq(&says_a, &says_b) && same_prepared)
        return FAIL(INVALID, "evidence: both say the same");
    TRY(crypto->recover(crypto->ctx, &a->author, &a->signature, &a->signing_hash));
    TRY(crypto->recover(crypto->ctx, &b->author, &b->signature, &b->signing_hash));
    if (!address_eq(&a->author, &b->author)) return FAIL(INVALID, "evidence: of two authors");
    return OK;
}

/// Is there room for it, and is it new? Under the lock.
static bool is_wanted(const struct evidence *e, const struct record *r)
{
    size_t of_author = 0;
    for (size_t i = 0; i < e->count; i++) {
        const struct record *k = &e->records[i];
        if (!address_eq(&k->author, &r->author)) continue;
        if (k->sequence == r->sequence && k->round == r->round && k->code == r->code) return false;
        of_author++;
    }
    // Proposals hold blocks: they leave a quarter of the room to what is small.
    const size_t room = r->code == QBFT_PROPOSAL ? EVIDENCE_BYTES_MAX / 4 * 3 : EVIDENCE_BYTES_MAX;
    return e->count < EVIDENCE_RECORDS_MAX && of_author < EVIDENCE_OF_AUTHOR_MAX &&
           r->len <= room && e->bytes <= room - r->len;
}

static void keep(struct evidence *e, const struct record *r)
{
    e->records[e->count++] = *r;
    e->bytes += r->len;
}

/// The record as it stands in the file. False without memory, or if it is too large.
static bool frame(struct record *r, bytes_t a, bytes_t b)
{
    struct buf out;
    buf_init(&out, EVIDENCE_BYTES_MAX);
    const uint8_t zeros[FRAME_LEN] = {0};
    buf_put(&out, BYTES_OF(zeros));
    const size_t list = rlp_list_begin(&out);
    rlp_put_u64(&out, r->code);
    rlp_put_u64(&out, r->seen_s);
    rlp_put_raw(&out, a);
    rlp_put_raw(&out, b);
    rlp_list_end(&out, list);
    const bytes_t all = buf_bytes(&out);
    r->framed = err_ok(buf_status(&out)) ? malloc(all.len) : NULL;
    if (r->framed != NULL) {
        memcpy(r->framed, all.data, all.len);
        r->len = all.len;
        const bytes_t body = bytes_make(r->framed + FRAME_LEN, all.len - FRAME_LEN);
        const hash_t sum = keccak256(body);
        be_put_u32(r->framed, (uint32_t)body.len);
        memcpy(r->framed + 4, sum.b, 4);
        r->b = bytes_make(r->framed + r->len - b.len, b.len);
        r->a = bytes_make(r->b.data - a.len, a.len);
    }
    buf_deinit(&out);
    return r->framed != NULL;
}

bool evidence_add(struct evidence *e, const struct qbft_payload *a, const struct qbft_payload *b,
                  uint64_t seen_s)
{
    struct record r = {.code = a->code,
                       .sequence = a->sequence,
                       .round = a->round,
                       .author = a->author,
                       .seen_s = seen_s,
                       .len = a->raw.len + b->raw.len};
    if (b->code != a->code || b->sequence != a->sequence || b->round != a->round ||
        !address_eq(&a->author, &b->author) || hash_eq(&a->signing_hash, &b->signing_hash))
        return false;
    pthread_mutex_lock(&e->lock);
    const bool kept = is_wanted(e, &r) && frame(&r, a->raw, b->raw);
    if (kept) keep(e, &r);
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    return kept;
}

err_t evidence_list(struct evidence *e, const struct node_evidence **out, size_t *count,
                    struct arena *arena)
{
    pthread_mutex_lock(&e->lock);
    const size_t n = e->count; // what is there stays where it is
    pthread_mutex_unlock(&e->lock);
    struct node_evidence *list = ARENA_ARRAY(arena, struct node_evidence, n);
    struct arena scratch;
    if (list == NULL) return FAIL(FULL, "evidence: no room for the list");
    err_t err = arena_init(&scratch, SCRATCH_BYTES);
    size_t shown = 0;
    bool full = false;
    for (size_t i = 0; err_ok(err) && i < n && !full; i++) {
        const struct record *r = &e->records[i];
        struct qbft_payload a;
        struct qbft_payload b;
        arena_reset(&scratch);
        if (!err_ok(evidence_verify(&a, &b, &scratch, r->code, r->a, r->b, &e->crypto))) continue;
        list[shown++] = (struct node_evidence){.author = a.author,
                                               .message = qbft_code_name(r->code),
                                               .height = a.sequence,
                                               .round = a.round,
                                               .seen_s = r->seen_s,
                                               .a = arena_copy(arena, r->a, &full),
                                               .b = arena_copy(arena, r->b, &full)};
    }
    arena_deinit(&scratch);
    if (full) err = FAIL(FULL, "evidence: no room for the list");
    if (!err_ok(err)) return err;
    *out = list;
    *count = shown;
    return OK;
}

/// --- the file ---

/// Reads the record at the head of `in`. False if it is torn or damaged: what follows is cut.
static bool read_record(struct evidence *e, bytes_t *in, struct arena *scratch)
{
    if (in->len < FRAME_LEN) return false;
    const size_t len = be_get_u32(in->data);
    if (len > in->len - FRAME_LEN) return false;
    const bytes_t body = bytes_make(in->data + FRAME_LEN, len);
    const hash_t sum = keccak256(body);
    if (memcmp(sum.b, in->data + 4, 4) != 0) return false;
    *in = bytes_make(body.data + len, in->len - FRAME_LEN - len);

    struct rlp_reader outer = rlp_reader(body);
    struct rlp_reader items;
    uint64_t code = 0;
    struct record r = {.len = 0};
    bytes_t raw_a;
    bytes_t raw_b;
    struct qbft_payload a;
    struct qbft_payload b;
    err_t err = rlp_read_list(&outer, &items);
    if (err_ok(err)) err = rlp_read_u64(&items, &code);
    if (err_ok(err)) err = rlp_read_u64(&items, &r.seen_s);
    if (err_ok(err)) err = rlp_read_raw(&items, &raw_a);
    if (err_ok(err)) err = rlp_read_raw(&items, &raw_b);
    if (!err_ok(err) || code < QBFT_PROPOSAL || code > QBFT_ROUND_CHANGE) return false;
    r.code = (enum qbft_code)code;
    arena_reset(scratch);
    err = evidence_verify(&a, &b, scratch, r.code, raw_a, raw_b, &e->crypto);
    if (!err_ok(err)) {
        LOG_WRN("qbft", "evidence on disk proves nothing: left out", "why=%s", err_text(err));
        return true;
    }
    r.sequence = a.sequence;
    r.round = a.round;
    r.author = a.author;
    r.len = FRAME_LEN + len;
    if (is_wanted(e, &r) && frame(&r, raw_a, raw_b)) keep(e, &r);
    return true;
}

static err_t read_file(struct evidence *e, struct buf *text)
{
    struct stat st;
    if (fstat(e->fd, &st) != 0) return FAIL(IO, "evidence: cannot be looked at");
    size_t len = (size_t)st.st_size;
    if (len > 2 * EVIDENCE_BYTES_MAX) len = 2 * EVIDENCE_BYTES_MAX;
    uint8_t *room = buf_extend(text, len);
    if (room == NULL) return FAIL(FULL, "evidence: no memory");
    for (size_t at = 0; at < len;) {
        const ssize_t got = pread(e->fd, room + at, len - at, (off_t)at);
        if (got <= 0) return FAIL(IO, "evidence: cannot be read");
        at += (size_t)got;
    }
    return OK;
}

static err_t open_file(struct evidence *e, const char *path)
{
    e->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return e->fd >= 0 ? OK : FAIL(IO, "evidence: the file cannot be opened");
}

static err_t load(struct evidence *e, const char *path)
{
    struct buf text;
    struct arena scratch;
    TRY(open_file(e, path));
    buf_init(&text, 2 * EVIDENCE_BYTES_MAX + 1);
    err_t err = arena_init(&scratch, SCRATCH_BYTES);
    if (err_ok(err)) err = read_file(e, &text);
    bytes_t in = buf_bytes(&text);
    if (err_ok(err) && in.len >= MAGIC_LEN && memcmp(in.data, MAGIC, MAGIC_LEN) == 0) {
        in = bytes_make(in.data + MAGIC_LEN, in.len - MAGIC_LEN);
        while (read_record(e, &in, &scratch)) {
        }
        e->file_len = text.len - in.len;
    } else if (err_ok(err) && in.len > 0) {
        char aside[PATH_MAX];
        (void)snprintf(aside, sizeof aside, "%s.damaged", path);
        LOG_WRN("qbft", "the file of evidence is none: put aside", "as=%s", aside);
        close(e->fd);
        err = rename(path, aside) == 0 ? open_file(e, path)
                                       : FAIL(IO, "evidence: the file cannot be put aside");
    }
    if (err_ok(err) && ftruncate(e->fd, (off_t)e->file_len) != 0)
        err = FAIL(IO, "evidence: the file cannot be cut");
    arena_deinit(&scratch);
    buf_deinit(&text);
    return err;
}

/// Appends behind what is whole. False if the disk refuses: it is tried again with the next one.
static bool append(struct evidence *e, bytes_t in)
{
    for (size_t at = 0; at < in.len;) {
        const ssize_t put = pwrite(e->fd, in.data + at, in.len - at, (off_t)(e->file_len + at));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        at += (size_t)put;
    }
    if (fdatasync(e->fd) != 0) return false;
    e->file_len += in.len;
    return true;
}

static void *writer_main(void *arg)
{
    struct evidence *e = arg;
    pthread_mutex_lock(&e->lock);
    size_t written = e->loaded;
    size_t tried = written;
    for (;;) {
        while (!e->closing && tried == e->count) pthread_cond_wait(&e->wake, &e->lock);
        if (tried == e->count) break;
        tried = e->count;
        while (written < tried) {
            const struct record *r = &e->records[written];
            pthread_mutex_unlock(&e->lock);
            const bool ok = (e->file_len != 0 || append(e, LIT(MAGIC))) &&
                            append(e, bytes_make(r->framed, r->len));
            if (!ok) LOG_WRN("qbft", "evidence cannot be stored", "why=%s", strerror(errno));
            pthread_mutex_lock(&e->lock);
            if (!ok) break;
            written++;
        }
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

err_t evidence_open(struct evidence **out, const char *path, const struct qbft_crypto *crypto)
{
    struct evidence *e = calloc(1, sizeof *e);
    if (e == NULL) return FAIL(FULL, "evidence: no memory");
    e->crypto = *crypto;
    e->fd = -1;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->wake, NULL);
    err_t err = load(e, path);
    if (err_ok(err)) {
        e->loaded = e->count;
        e->running = pthread_create(&e->writer, NULL, writer_main, e) == 0;
        if (!e->running) err = FAIL(IO, "evidence: cannot start a thread");
    }
    if (!err_ok(err)) {
        evidence_close(e);
        return err;
    }
    *out = e;
    return OK;
}

void evidence_close(struct evidence *e)
{
    if (e == NULL) return;
    pthread_mutex_lock(&e->lock);
    e->closing = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    if (e->running) pthread_join(e->writer, NULL);
    if (e->fd >= 0) close(e->fd);
    for (size_t i = 0; i < e->count; i++) free(e->records[i].framed);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    free(e);
}
