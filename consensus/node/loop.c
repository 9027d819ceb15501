// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/loop.h"

#include "chain/base/crash_point.h"
#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "chain/base/queue.h"
#include "consensus/node/clock_watch.h"
#include "consensus/node/evidence.h"
#include "consensus/node/executor.h"
#include "consensus/node/feed.h"
#include "consensus/node/node_impl.h"
#include "consensus/node/peering.h"
#include "consensus/node/signer.h"
#include "consensus/node/stall.h"
#include "consensus/qbft/block_timer.h"
#include "consensus/qbft/justification.h"

#include <inttypes.h>
#include <stdlib.h>
#include <uv.h>

#define MAX_POSTS 65536
#define POSTS_AT_ONCE 256
#define CLOCK_BACK_MS 1000U ///< by so much a clock may be set back without a word

/// Something posted. Its bytes follow it.
struct post {
    enum post_kind {
        POST_HEAD,
        POST_BUILT,
        POST_CHECKED,
        POST_PERSISTED,
        POST_OWN,
        POST_TXS,
        POST_TASK,
    } kind;
    struct task *task;  ///< TASK
    uint64_t from_conn; ///< TXS
    struct qbft_event event;
    struct qbft_head head;
    enum qbft_code code;
    size_t len;
    alignas(16) uint8_t bytes[];
};

struct loop {
    struct node *node;
    struct arena arena; ///< the core's
    struct qbft *core;
    struct qbft_effects fx;
    struct qbft_effect items[4 * QBFT_EFFECTS_ROOM];
    address_t self;
    struct arena message_arena; ///< of the message being handled
    struct queue *posts;
    struct peering *peering;            ///< NULL without p2p
    const struct qbft_message *in_hand; ///< the peer's message that the core is looking at
    uint64_t in_hand_from;              ///< the line it came over
    bool is_refused;                    ///< the core has refused it
    pthread_t thread;
    bool running;

    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t block_timer;
    uv_timer_t round_timer;
    uv_timer_t stall_timer;
    atomic_bool stop;
    uint64_t last_now_ms;

    struct stall stall;
    struct clock_watch clocks;
    struct block_timer block; ///< as the core asked for it

    // The round timer.
    uint64_t round_height;
    uint32_t round_number;
};

static void step(struct loop *l, struct qbft_event *ev);
static void look_at_block_timer(struct loop *l);

/// Wall time that runs backwards only in look_at_clock.
uint64_t loop_now_ms(struct loop *l)
{
    const uint64_t wall = wall_clock_ms();
    if (wall > l->last_now_ms) l->last_now_ms = wall;
    return l->last_now_ms;
}

static void wake(void *arg)
{
    struct loop *l = arg;
    uv_async_send(&l->wake);
}

/// --- timers ---

static void on_block_timer(uv_timer_t *t)
{
    look_at_block_timer(t->data);
}

static void arm(uv_timer_t *t, uv_timer_cb fn, uint64_t delay_ms)
{
    uv_update_time(t->loop);
    check(uv_timer_start(t, fn, delay_ms, 0) == 0);
}

/// Fires the block timer if its time has come: when due and transactions wait, or at the latest
/// when an empty block is due.
static void look_at_block_timer(struct loop *l)
{
    if (!l->block.armed) return;
    const uint64_t now = loop_now_ms(l);
    const uint64_t due = block_timer_due(&l->block, atomic_load(&l->node->work));
    if (due == QBFT_NEVER) {
        uv_timer_stop(&l->block_timer); // loop_post_txs looks again
        return;
    }
    if (now < due) {
        arm(&l->block_timer, on_block_timer, due - now);
        return;
    }
    l->block.armed = false;
    struct qbft_event ev = {.kind = QBFT_EV_BLOCK_TIMEOUT, .timeout = {.height = l->block.height}};
    step(l, &ev);
}

static void on_round_timer(uv_timer_t *t)
{
    struct loop *l = t->data;
    struct qbft_event ev = {.kind = QBFT_EV_ROUND_TIMEOUT,
                            .timeout = {.height = l->round_height, .round = l->round_number}};
    LOG_WRN("qbft", "round timed out", "height=%" PRIu64 " round=%" PRIu32, l->round_height,
            l->round_number);
    step(l, &ev);
}

/// A clock that was set back by a little is waited for. By more, it would stop every timer until it
/// is where it was: what waits for a time is moved along instead.
static void look_at_clock(struct loop *l)
{
    const uint64_t wall = wall_clock_ms();
    if (wall + CLOCK_BACK_MS >= l->last_now_ms) return;
    LOG_WRN("clock", "was set back", "by_ms=%" PRIu64, l->last_now_ms - wall);
    l->last_now_ms = wall;
    block_timer_on_head(&l->block); // what was put off is looked at again
    stall_on_clock_back(&l->stall, wall);
    struct qbft_event ev = {.kind = QBFT_EV_CLOCK_BACK};
    step(l, &ev);
}

/// Says so if the other validators show another time.
static void compare_clocks(struct loop *l)
{
    int64_t ahead_ms;
    if (!clock_watch_look(&l->clocks, &ahead_ms, steady_clock_ms())) return;
    if (ahead_ms == 0)
        LOG_INF("clock", "agrees with the other validators'", "");
    else
        LOG_WRN("clock", "differs from the other validators'",
                "ahead_ms=%" PRId64
                " hint=set this machine's clock (NTP): whose clock is ahead, his "
                "proposals are refused; whose is behind refuses those of others",
                ahead_ms);
}

/// Once a second.
static void on_stall_timer(uv_timer_t *t)
{
    struct loop *l = t->data;
    struct qbft_view v;
    if (atomic_load(&l->stop) || atomic_load(&l->node->failed)) return;
    look_at_clock(l);
    compare_clocks(l);
    look_at_block_timer(l); // it may have been armed before the clock was set forward
    qbft_look(l->core, &v);
    stall_look(&l->stall, l->node, &v, &l->block, loop_now_ms(l));
}

static void set_timer(struct loop *l, const struct qbft_effect *e)
{
    if (e->set_timer.timer == QBFT_TIMER_BLOCK) {
        uv_timer_stop(&l->block_timer);
        block_timer_set(&l->block, e);
        return; // looked at when the step is over
    }
    uv_timer_stop(&l->round_timer);
    if (e->set_timer.at_ms == QBFT_NEVER) return;
    l->round_height = e->set_timer.height;
    l->round_number = e->set_timer.round;
    const uint64_t now = loop_now_ms(l);
    arm(&l->round_timer, on_round_timer, e->set_timer.at_ms > now ? e->set_timer.at_ms - now : 0);
}

/// --- effects ---

static void log_blame(const struct qbft_effect *e)
{
    LOG_WRN("qbft", "message refused", "author=%s why=%s", hex_address(&e->blame.author).s,
            e->blame.why);
}

static void count_missing_seals(struct loop *l, size_t seals)
{
    struct qbft_view v;
    qbft_look(l->core, &v);
    if (v.validator_count > seals)
        count_more(&l->node->counters.seals_missing, v.validator_count - seals);
}

static void act(struct loop *l, const struct qbft_effect *e)
{
    struct node *n = l->node;
    switch (e->kind) {
    case QBFT_FX_SEND:
        CRASH_POINT("loop-send");
        if (e->send.code == QBFT_PROPOSAL) count_one(&n->counters.proposals);
        signer_send(n->signer, &e->send);
        return;
    case QBFT_FX_RELAY:
        if (l->in_hand != NULL)
            peering_relay(l->peering, l->in_hand->main.code, l->in_hand->raw,
                          &l->in_hand->main.author, l->in_hand_from);
        return;
    case QBFT_FX_PERSIST:
        CRASH_POINT("loop-persist");
        signer_persist(n->signer, e->persist.guard_seq, e->persist.record);
        return;
    case QBFT_FX_BUILD:
        CRASH_POINT("loop-build");
        block_timer_on_build(&l->block);
        executor_build(n->executor, e->build.height, e->build.round, e->build.timestamp_s,
                       e->build.allow_empty);
        return;
    case QBFT_FX_CHECK:
        CRASH_POINT("loop-check");
        executor_check(n->executor, e->check.height, e->check.round, &e->check.digest,
                       &e->check.block->hash, e->check.block->raw);
        return;
    case QBFT_FX_SET_TIMER:
        CRASH_POINT("loop-timer");
        set_timer(l, e);
        return;
    case QBFT_FX_COMMIT_BLOCK:
        CRASH_POINT("loop-commit");
        executor_commit(n->executor, e->commit.block->header.number, &e->commit.block->hash,
                        e->commit.block->raw, e->commit.round, e->commit.seals,
                        e->commit.seal_count);
        count_missing_seals(l, e->commit.seal_count);
        return;
    case QBFT_FX_BLAME:
        log_blame(e);
        if (l->in_hand == NULL) return;
        if (l->is_refused)
            peering_blame(l->peering, l->in_hand_from, e->blame.why);
        else // it has only brought to light what somebody else has done
            peering_blame_author(l->peering, l->in_hand_from, &e->blame.author, e->blame.why);
        return;
    case QBFT_FX_EVIDENCE:
        if (!evidence_add(n->evidence, e->evidence.a, e->evidence.b, loop_now_ms(l) / 1000)) return;
        count_one(&n->counters.equivocations);
        LOG_WRN("qbft", "equivocation",
                "author=%s message=%s height=%" PRIu64 " round=%" PRIu32
                " hint=qbft_getEvidence shows both",
                hex_address(&e->evidence.a->author).s, qbft_code_name(e->evidence.a->code),
                e->evidence.a->sequence, e->evidence.a->round);
        return;
    case QBFT_FX_SELF_CONFLICT:
        LOG_ERR("qbft", "somebody else signs with this node's key: it signs nothing any more",
                "address=%s hint=stop the other process, then restart this one",
                hex_address(&l->self).s);
        return;
    }
    unreachable("qbft effect");
}

static void publish(struct loop *l)
{
    struct qbft_view v;
    qbft_look(l->core, &v);
    struct node *n = l->node;
    const bool advanced = v.round > (n->status.qbft_height == v.height ? n->status.qbft_round : 0);
    if (advanced) count_one(&n->counters.round_changes);
    pthread_mutex_lock(&n->status_lock);
    if (n->status.qbft_height != v.height || n->status.qbft_round != v.round)
        n->status.qbft_round_started_s = loop_now_ms(l) / 1000;
    n->status.qbft_prepares = v.prepare_count;
    n->status.qbft_commits = v.commit_count;
    n->status.qbft_muted = v.muted;
    n->status.qbft_height = v.height;
    n->status.qbft_round = v.round;
    n->status.qbft_step = qbft_phase_name(v.phase);
    n->status.is_validator = v.is_validator;
    n->status.proposer = v.proposer;
    n->status.validator_count = v.validator_count;
    pthread_mutex_unlock(&n->status_lock);
}

/// Strangers can sign, too: what they say is no sign of life of a validator's.
static bool is_next_validator(struct node *n, const address_t *who)
{
    pthread_mutex_lock(&n->status_lock);
    const bool is = address_index(n->next_validators, n->next_validator_count, who) != SIZE_MAX;
    pthread_mutex_unlock(&n->status_lock);
    return is;
}

static void step(struct loop *l, struct qbft_event *ev)
{
    if (atomic_load(&l->stop) || atomic_load(&l->node->failed)) return;
    ev->now_ms = loop_now_ms(l);
    if (ev->kind == QBFT_EV_MESSAGE && !ev->message.own &&
        is_next_validator(l->node, &ev->message.message->main.author))
        stall_on_message(&l->stall, &ev->message.message->main.author,
                         ev->message.message->main.sequence, ev->now_ms);
    if (ev->kind == QBFT_EV_NEW_BLOCK) stall_on_head(&l->stall, ev->now_ms);
    const err_t err = qbft_step(l->core, &l->fx, ev);
    l->is_refused = err.kind == ERR_INVALID;
    for (size_t i = 0; i < l->fx.count; i++) act(l, &l->fx.items[i]);
    if (!err_ok(err) && err.kind != ERR_INVALID)
        LOG_WRN("qbft", "event lost", "kind=%d why=%s", (int)ev->kind, err_text(err));
    publish(l);
    look_at_block_timer(l);
}

/// --- posts ---

static void on_own(struct loop *l, const struct post *p)
{
    // The others first; then the message counts here too.
    if (l->peering != NULL) peering_multicast(l->peering, p->code, bytes_make(p->bytes, p->len));
    arena_reset(&l->message_arena);
    struct qbft_message m;
    err_t err = qbft_message_decode(&m, &l->message_arena, p->code, bytes_make(p->bytes, p->len));
    if (!err_ok(err)) {
        LOG_ERR("qbft", "own message does not decode", "why=%s", err_text(err));
        return;
    }
    // The own signature needs no recovery; only round changes carry others' (and are rare).
    m.main.author = l->self;
    m.main.seal_author = l->self;
    m.main.seal_recovered = m.main.code == QBFT_COMMIT;
    if (m.round_change_count + m.prepare_count != 0) {
        const struct qbft_crypto crypto = {.recover = node_recover};
        err = qbft_message_recover(&m, &crypto);
        check(err_ok(err)); // they were recovered when they came
    }
    struct qbft_event ev = {.kind = QBFT_EV_MESSAGE, .message = {.message = &m, .own = true}};
    step(l, &ev);
}

static void on_head(struct loop *l, struct post *p)
{
    p->head.validators = (const address_t *)p->bytes;
    struct qbft_event ev = {.kind = QBFT_EV_NEW_BLOCK, .new_block = &p->head};
    const struct node_news news = {NEWS_HEAD, p->head.number, p->head.hash};
    feed_tell(l->node->feed, &news);
    block_timer_on_head(&l->block);
    if (l->peering != NULL) peering_on_head(l->peering, &p->head);
    step(l, &ev);
}

/// A proposal that was just made tells what time its author has.
static void hear_time(struct loop *l, const struct qbft_message *m)
{
    struct qbft_view v;
    if (m->main.code != QBFT_PROPOSAL || m->prepare_count != 0) return; // one of before, again
    qbft_look(l->core, &v);
    if (m->main.sequence != v.height || m->main.round < v.round) return;
    struct node *n = l->node;
    pthread_mutex_lock(&n->status_lock);
    const bool known =
        address_index(n->next_validators, n->next_validator_count, &m->main.author) != SIZE_MAX;
    const size_t count = n->next_validator_count;
    pthread_mutex_unlock(&n->status_lock);
    if (!known) return;
    const int64_t ahead_ms =
        (int64_t)wall_clock_ms() - (int64_t)(m->block.header.timestamp_s * 1000);
    clock_watch_hear(&l->clocks, &m->main.author, count, ahead_ms, steady_clock_ms());
}

void loop_take_message(struct loop *l, const struct qbft_message *m, uint64_t conn)
{
    struct qbft_event ev = {.kind = QBFT_EV_MESSAGE, .message = {.message = m}};
    count_one(&l->node->counters.qbft_messages[m->main.code - QBFT_PROPOSAL]);
    hear_time(l, m);
    l->in_hand = m;
    l->in_hand_from = conn;
    step(l, &ev);
    l->in_hand = NULL;
}

static void on_txs(struct loop *l, const struct post *p)
{
    if (feed_has_listeners(l->node->feed)) {
        struct node_news news = {.kind = NEWS_PENDING_TX};
        for (size_t at = 0; at < p->len; at += sizeof(hash_t)) {
            memcpy(news.hash.b, p->bytes + at, sizeof(hash_t));
            feed_tell(l->node->feed, &news);
        }
    }
    if (l->peering != NULL)
        peering_on_txs(l->peering, (const hash_t *)p->bytes, p->len / sizeof(hash_t), p->from_conn);
    look_at_block_timer(l);
}

static void handle(struct loop *l, struct post *p)
{
    switch (p->kind) {
    case POST_HEAD:
        CRASH_POINT("loop-head");
        on_head(l, p);
        return;
    case POST_BUILT:
        p->event.built.block = bytes_make(p->bytes, p->len);
        block_timer_on_built(&l->block, p->len == 0, loop_now_ms(l));
        step(l, &p->event);
        return;
    case POST_CHECKED:
    case POST_PERSISTED:
        CRASH_POINT("loop-verdict");
        step(l, &p->event);
        return;
    case POST_OWN:
        CRASH_POINT("loop-own");
        on_own(l, p);
        return;
    case POST_TXS:
        CRASH_POINT("loop-txs");
        block_timer_on_txs(&l->block);
        on_txs(l, p);
        return;
    case POST_TASK:
        p->task->run(p->task);
        p->task = NULL;
        return;
    }
    unreachable("loop post");
}

static void on_wake(uv_async_t *a)
{
    struct loop *l = a->data;
    if (atomic_load(&l->stop)) {
        uv_stop(&l->uv);
        return;
    }
    struct post *p;
    for (size_t i = 0; !atomic_load(&l->stop) && (p = queue_try_take(l->posts)) != NULL; i++) {
        handle(l, p);
        free(p);
        if (i < POSTS_AT_ONCE) continue;
        uv_async_send(&l->wake); // sockets and timers have their turn too
        return;
    }
}

static struct post *post_new(enum post_kind kind, bytes_t bytes)
{
    struct post *p = calloc(1, sizeof *p + bytes.len);
    check(p != NULL);
    p->kind = kind;
    p->len = bytes.len;
    if (bytes.len != 0) memcpy(p->bytes, bytes.data, bytes.len);
    return p;
}

static void post_drop(void *arg)
{
    struct post *p = arg;
    if (p->task != NULL) p->task->drop(p->task);
    free(p);
}

static void post(struct loop *l, struct post *p)
{
    if (!err_ok(queue_put(l->posts, p))) post_drop(p); // stopped
}

void loop_post_head(struct loop *l, const struct qbft_head *head)
{
    struct post *p = post_new(
        POST_HEAD, bytes_make(head->validators, head->validator_count * sizeof(address_t)));
    p->head = *head;
    post(l, p);
}

void loop_post_built(struct loop *l, uint64_t height, uint32_t round, bytes_t block)
{
    struct post *p = post_new(POST_BUILT, block);
    p->event.kind = QBFT_EV_BUILT;
    p->event.built.height = height;
    p->event.built.round = round;
    post(l, p);
}

void loop_post_checked(struct loop *l, uint64_t height, uint32_t round, const hash_t *digest,
                       bool valid)
{
    struct post *p = post_new(POST_CHECKED, BYTES_NONE);
    p->event.kind = QBFT_EV_CHECKED;
    p->event.checked.height = height;
    p->event.checked.round = round;
    p->event.checked.digest = *digest;
    p->event.checked.valid = valid;
    post(l, p);
}

void loop_post_persisted(struct loop *l, uint64_t guard_seq)
{
    struct post *p = post_new(POST_PERSISTED, BYTES_NONE);
    p->event.kind = QBFT_EV_PERSISTED;
    p->event.persisted.guard_seq = guard_seq;
    post(l, p);
}

void loop_post_own(struct loop *l, enum qbft_code code, bytes_t wire)
{
    struct post *p = post_new(POST_OWN, wire);
    p->code = code;
    post(l, p);
}

void loop_post_txs(struct loop *l, const hash_t *hashes, size_t count, uint64_t from_conn)
{
    if (l->peering == NULL && !feed_has_listeners(l->node->feed)) count = 0;
    struct post *p = post_new(POST_TXS, bytes_make(hashes, count * sizeof *hashes));
    p->from_conn = from_conn;
    post(l, p);
}

void loop_post_task(struct loop *l, struct task *task)
{
    struct post *p = post_new(POST_TASK, BYTES_NONE);
    p->task = task;
    post(l, p);
}

struct peering *loop_peering(struct loop *l)
{
    return l->peering;
}

/// --- life ---

err_t loop_new(struct loop **out, struct node *n, const struct qbft_options *options,
               const struct guard_record *record, struct node_detail *detail)
{
    struct loop *l = calloc(1, sizeof *l);
    if (l == NULL) return FAIL(FULL, "loop: no memory");
    l->node = n;
    l->self = options->self;
    l->fx = (struct qbft_effects){l->items, 0, ARRAY_LEN(l->items)};
    if (uv_loop_init(&l->uv) != 0) {
        free(l);
        return FAIL(IO, "loop: libuv does not start");
    }
    uv_async_init(&l->uv, &l->wake, on_wake);
    uv_timer_init(&l->uv, &l->block_timer);
    uv_timer_init(&l->uv, &l->round_timer);
    uv_timer_init(&l->uv, &l->stall_timer);
    l->wake.data = l->block_timer.data = l->round_timer.data = l->stall_timer.data = l;
    l->stall.silent_through = options->silent_through;
    l->stall.guard_height = record->height;
    check(uv_timer_start(&l->stall_timer, on_stall_timer, 1000, 1000) == 0);
    *out = l;
    TRY(arena_init(&l->arena, GUARD_RECORD_MAX + (size_t)4 * 1024 * 1024));
    TRY(arena_init(&l->message_arena, (size_t)64 * 1024 * 1024));
    TRY(queue_new(&l->posts, MAX_POSTS, wake, l));
    if (n->options.p2p.on) TRY(peering_new(&l->peering, n, &l->uv, detail));
    return qbft_new(&l->core, &l->arena, options, record);
}

static void *loop_main(void *arg)
{
    struct loop *l = arg;
    uv_run(&l->uv, UV_RUN_DEFAULT);
    return NULL;
}

err_t loop_start(struct loop *l)
{
    if (pthread_create(&l->thread, NULL, loop_main, l) != 0)
        return FAIL(IO, "loop: cannot start a thread");
    l->running = true;
    return OK;
}

void loop_stop(struct loop *l)
{
    if (!l->running) return;
    atomic_store(&l->stop, true);
    uv_async_send(&l->wake);
    pthread_join(l->thread, NULL);
    l->running = false;
    queue_close(l->posts);
    if (l->peering != NULL) peering_stop(l->peering);
}

void loop_free(struct loop *l)
{
    if (l == NULL) return;
    if (l->peering != NULL) peering_stop(l->peering);
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->block_timer, NULL);
    uv_close((uv_handle_t *)&l->round_timer, NULL);
    uv_close((uv_handle_t *)&l->stall_timer, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    check(uv_loop_close(&l->uv) == 0);
    peering_free(l->peering);
    if (l->posts != NULL) queue_free(l->posts, post_drop);
    qbft_free(l->core);
    arena_deinit(&l->message_arena);
    arena_deinit(&l->arena);
    free(l);
}
