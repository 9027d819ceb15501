// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/signer.h"

#include "chain/base/crash_point.h"
#include "chain/base/log.h"
#include "chain/base/queue.h"
#include "consensus/node/loop.h"
#include "consensus/node/node_impl.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define MAX_JOBS 256
#define RETRY_MS 1000

/// One thing to do, with copies of all it points to in `arena`.
struct signer_job {
    struct arena arena;
    bool is_persist;
    uint64_t guard_seq;
    struct guard_record record;
    struct qbft_send send;
};

struct signer {
    struct node *node;
    struct guard *guard;
    const struct secret_key *key;
    enum qbft_wire wire;
    struct queue *jobs;
    pthread_t thread;
};

static void job_free(void *p)
{
    struct signer_job *j = p;
    arena_deinit(&j->arena);
    free(j);
}

static void sign(void *ctx, secp_sig_t *sig, const hash_t *digest)
{
    const struct signer *s = ctx;
    *sig = secp_sign(s->key, digest);
}

/// Waits a little, or until the node closes.
static bool wait_and_go_on(const struct signer *s)
{
    for (int i = 0; i < RETRY_MS / 50; i++) {
        if (atomic_load(&s->node->closing)) return false;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return true;
}

static void persist(struct signer *s, const struct signer_job *j)
{
    for (;;) {
        CRASH_POINT("signer-save-before");
        const err_t err = guard_save(s->guard, &j->record);
        CRASH_POINT("signer-save-after");
        if (err_ok(err)) {
            pthread_mutex_lock(&s->node->status_lock);
            s->node->status.guard_height = j->record.height;
            pthread_mutex_unlock(&s->node->status_lock);
            loop_post_persisted(s->node->loop, j->guard_seq);
            return;
        }
        LOG_ERR("guard", "cannot save: nothing is signed", "height=%" PRIu64 " why=%s",
                j->record.height, err_text(err));
        if (err.kind == ERR_IO || err.kind == ERR_CORRUPT) {
            node_fail(s->node, err);
            return;
        }
        if (err.kind != ERR_FULL) return; // would contradict: stay silent
        if (!wait_and_go_on(s)) return;
    }
}

static void send(struct signer *s, const struct signer_job *j)
{
    struct buf wire;
    buf_init(&wire, GUARD_RECORD_MAX);
    const struct qbft_crypto crypto = {.sign = sign, .ctx = s};
    CRASH_POINT("signer-sign-before");
    qbft_message_sign(&wire, &j->send, s->wire, &crypto);
    CRASH_LOG_SIGNED(qbft_code_name(j->send.code), j->send.sequence, j->send.round,
                     j->send.digest.b);
    CRASH_POINT("signer-signed");
    const err_t err = buf_status(&wire);
    if (err_ok(err))
        loop_post_own(s->node->loop, j->send.code, buf_bytes(&wire));
    else
        LOG_ERR("signer", "message too large to send", "code=%s", qbft_code_name(j->send.code));
    buf_deinit(&wire);
    CRASH_POINT("signer-sent");
}

static void *signer_main(void *arg)
{
    struct signer *s = arg;
    struct signer_job *j;
    while ((j = queue_take(s->jobs, -1)) != NULL) {
        if (!atomic_load(&s->node->closing) && !atomic_load(&s->node->failed)) {
            if (j->is_persist)
                persist(s, j);
            else
                send(s, j);
        }
        job_free(j);
    }
    return NULL;
}

err_t signer_new(struct signer **out, struct node *n, struct guard *guard,
                 const struct secret_key *key, enum qbft_wire wire)
{
    struct signer *s = calloc(1, sizeof *s);
    if (s == NULL) return FAIL(FULL, "signer: no memory");
    *s = (struct signer){.node = n, .guard = guard, .key = key, .wire = wire};
    err_t err = queue_new(&s->jobs, MAX_JOBS, NULL, NULL);
    if (err_ok(err) && pthread_create(&s->thread, NULL, signer_main, s) != 0)
        err = FAIL(IO, "signer: cannot start a thread");
    if (!err_ok(err)) {
        if (s->jobs != NULL) queue_free(s->jobs, NULL);
        free(s);
        return err;
    }
    *out = s;
    return OK;
}

void signer_free(struct signer *s)
{
    if (s == NULL) return;
    queue_close(s->jobs);
    pthread_join(s->thread, NULL);
    queue_free(s->jobs, job_free);
    guard_close(s->guard);
    free(s);
}

static struct signer_job *job_new(size_t bytes)
{
    struct signer_job *j = calloc(1, sizeof *j);
    check(j != NULL);
    const err_t err = arena_init(&j->arena, bytes + 4096);
    check(err_ok(err));
    return j;
}

static void put(struct signer *s, struct signer_job *j)
{
    // The core waits for each answer, so a few are under way at most.
    const err_t err = queue_put(s->jobs, j);
    if (!err_ok(err)) job_free(j);
}

static bytes_t keep(struct arena *a, bytes_t in)
{
    bool full = false;
    const bytes_t copy = arena_copy(a, in, &full);
    check(!full);
    return copy;
}

void signer_persist(struct signer *s, uint64_t guard_seq, const struct guard_record *r)
{
    struct signer_job *j =
        job_new(r->prepared_block.len + r->prepared_prepares.len + r->proposal_block.len);
    j->is_persist = true;
    j->guard_seq = guard_seq;
    j->record = *r;
    j->record.prepared_block = keep(&j->arena, r->prepared_block);
    j->record.prepared_prepares = keep(&j->arena, r->prepared_prepares);
    j->record.proposal_block = keep(&j->arena, r->proposal_block);
    put(s, j);
}

static size_t list_bytes(const bytes_t *items, size_t count)
{
    size_t sum = count * (sizeof *items + 16) + 16;
    for (size_t i = 0; i < count; i++) sum += items[i].len + 16;
    return sum;
}

static const bytes_t *keep_list(struct arena *a, const bytes_t *items, size_t count)
{
    bytes_t *copy = ARENA_ARRAY(a, bytes_t, count);
    check(copy != NULL);
    for (size_t i = 0; i < count; i++) copy[i] = keep(a, items[i]);
    return copy;
}

void signer_send(struct signer *s, const struct qbft_send *send_this)
{
    struct signer_job *j = job_new(
        send_this->block.len + list_bytes(send_this->round_changes, send_this->round_change_count) +
        list_bytes(send_this->prepares, send_this->prepare_count));
    j->send = *send_this;
    j->send.block = keep(&j->arena, send_this->block);
    j->send.round_changes =
        keep_list(&j->arena, send_this->round_changes, send_this->round_change_count);
    j->send.prepares = keep_list(&j->arena, send_this->prepares, send_this->prepare_count);
    put(s, j);
}
