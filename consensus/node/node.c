// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/node.h"

#include "chain/base/crash_point.h"
#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "chain/crypto/random.h"
#include "chain/state/genesis_state.h"
#include "chain/store/blocks.h"
#include "chain/store/guard.h"
#include "chain/store/schema.h"
#include "consensus/node/evidence.h"
#include "consensus/node/executor.h"
#include "consensus/node/feed.h"
#include "consensus/node/journal.h"
#include "consensus/node/loop.h"
#include "consensus/node/node_impl.h"
#include "consensus/node/senders.h"
#include "consensus/node/signer.h"
#include "consensus/node/submit.h"
#include "consensus/node/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define START_BYTES ((size_t)512 * 1024 * 1024)
#define REPLAY_GROUP 512

uint64_t wall_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t steady_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

err_t node_recover(void *ctx, address_t *author, const secp_sig_t *sig, const hash_t *digest)
{
    (void)ctx;
    return secp_recover_address(author, sig, digest);
}

void node_fail(struct node *n, err_t why)
{
    struct db_damage_note note;
    if (n->db != NULL && db_damaged(n->db, &note))
        why = FAIL(CORRUPT, "store: what is stored is damaged");
    // Our own block on our own store: whatever is missing or does not fit there is damage.
    if (why.kind != ERR_IO && why.kind != ERR_FULL) why.kind = ERR_CORRUPT;
    pthread_mutex_lock(&n->failure_lock);
    if (!atomic_load(&n->failed)) {
        n->failure = why;
        atomic_store(&n->failed, true);
        LOG_ERR("node", "cannot go on", "kind=%s why=%s", err_kind_name(why.kind), err_text(why));
    }
    pthread_mutex_unlock(&n->failure_lock);
}

bool node_failed(struct node *n, err_t *why)
{
    struct db_damage_note note;
    if (!atomic_load(&n->failed) && n->db != NULL && db_damaged(n->db, &note))
        node_fail(n, FAIL(CORRUPT, "store: what is stored is damaged"));
    if (!atomic_load(&n->failed)) return false;
    pthread_mutex_lock(&n->failure_lock);
    if (why != NULL) *why = n->failure;
    pthread_mutex_unlock(&n->failure_lock);
    return true;
}

void node_failure_text(struct node *n, struct node_detail *out)
{
    err_t why = OK;
    struct db_damage_note note;
    out->text[0] = '\0';
    if (!node_failed(n, &why)) return;
    const char *dir = n->options.data_dir;
    if (db_damaged(n->db, &note))
        snprintf(out->text, sizeof out->text,
                 "%s/store is damaged: %s\nhint: restore a backup of it, or remove it and let the "
                 "other validators' blocks come again",
                 dir, note.text);
    else if (why.kind == ERR_CORRUPT)
        snprintf(
            out->text, sizeof out->text,
            "the data in %s is damaged: %s\nhint: cairnd verify --deep --data-dir %s says where",
            dir, err_text(why), dir);
    else
        snprintf(out->text, sizeof out->text,
                 "the node cannot go on: %s\nhint: see to the disk of %s, then start again; "
                 "nothing acknowledged is lost",
                 err_text(why), dir);
}

/// --- opening, in order ---

/// Where a part of the data directory is.
struct path {
    char s[PATH_MAX];
};

static struct path path_of(const struct node *n, const char *name)
{
    struct path p;
    snprintf(p.s, sizeof p.s, "%s/%s", n->options.data_dir, name);
    return p;
}

static void say(struct node_detail *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct node_detail *d, const char *fmt, ...)
{
    if (d == NULL || d->text[0] != '\0') return; // the first sentence is the cause
    va_list args;
    va_start(args, fmt);
    vsnprintf(d->text, sizeof d->text, fmt, args);
    va_end(args);
}

/// One process per data directory: flock, with the process id inside for people.
err_t node_lock_data(struct node *n, struct node_detail *detail)
{
    const char *dir = n->options.data_dir;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        say(detail, "cannot make the data directory %s: %s", dir, strerror(errno));
        return FAIL(IO, "node: cannot make the data directory");
    }
    const struct path path = path_of(n, "LOCK");
    n->lock_fd = open(path.s, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (n->lock_fd < 0) {
        say(detail, "cannot open %s: %s; is the directory writable?", path.s, strerror(errno));
        return FAIL(IO, "node: cannot open the lock file");
    }
    if (flock(n->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        char pid[32] = "unknown";
        const ssize_t len = pread(n->lock_fd, pid, sizeof pid - 1, 0);
        if (len > 0) pid[strcspn(pid, "\n")] = '\0';
        say(detail,
            "data directory %s is in use by process %s\nhint: stop it, or choose another "
            "--data-dir",
            dir, pid);
        return FAIL(BUSY, "node: the data directory is in use");
    }
    char text[32];
    const int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(n->lock_fd, 0) != 0 || pwrite(n->lock_fd, text, (size_t)len, 0) != len) {
        say(detail, "cannot write %s: %s", path.s, strerror(errno));
        return FAIL(IO, "node: cannot write the lock file");
    }
    return OK;
}

static err_t write_genesis(struct node *n, struct db *db)
{
    struct db_txn *txn;
    struct arena arena;
    TRY(db_begin_write(db, &txn));
    err_t err = arena_init(&arena, (size_t)4 * 1024 * 1024 * 1024);
    if (err_ok(err)) err = genesis_write(txn, &n->genesis, &arena, &n->genesis_hash);
    arena_deinit(&arena);
    if (err_ok(err)) return db_commit(txn);
    db_abort(txn);
    return err;
}

/// Does the store belong to this network? Nothing is written: it must open on a full disk too.
static err_t check_genesis(struct node *n)
{
    struct db_txn *txn;
    struct arena arena;
    err_t err = arena_init(&arena, (size_t)4 * 1024 * 1024 * 1024);
    if (err_ok(err)) err = genesis_seal(&n->genesis, &arena, &n->genesis_hash);
    arena_deinit(&arena);
    TRY(err);
    TRY(db_begin_read(n->db, &txn));
    err = schema_check(txn, n->genesis.config.chain_id, &n->genesis_hash);
    db_abort(txn);
    return err.kind == ERR_NOT_FOUND ? FAIL(CORRUPT, "store: it holds no block 0") : err;
}

/// Where the store is whole from.
static err_t read_oldest(struct node *n)
{
    struct db_txn *txn;
    TRY(db_begin_read(n->db, &txn));
    const err_t err = blocks_oldest(txn, &n->oldest);
    db_abort(txn);
    return err;
}

/// A store is made beside its place and moved there with block 0 inside: what stands in its place
/// was always whole once, so an empty or half-written file there is damage, never a beginning.
static err_t make_store(struct node *n)
{
    const struct path fresh = path_of(n, "store.new");
    const struct path place = path_of(n, "store");
    struct db *db = NULL;
    db_remove(fresh.s);
    TRY(schema_open(&db, fresh.s, true, false));
    const err_t err = write_genesis(n, db);
    db_close(db);
    TRY(err);
    CRASH_POINT("store-made");
    return db_move(fresh.s, place.s);
}

/// The highest height that the guard has on record; 0 if it has none, or there is no guard.
static err_t guarded_height(struct node *n, uint64_t *height)
{
    const struct path path = path_of(n, "guard");
    struct guard *guard = NULL;
    struct guard_record record = {.height = 0};
    err_t err = guard_open(&guard, path.s, &n->self);
    if (err_ok(err)) err = guard_load(guard, &record, &n->start_arena);
    guard_close(guard);
    *height = record.height;
    // Whatever else is wrong with it is said when it is opened to sign.
    return err.kind == ERR_BUSY || err.kind == ERR_FULL ? err : OK;
}

/// True if nobody but this node validates: then nobody can give lost blocks back.
static bool validates_alone(const struct node *n)
{
    struct arena arena;
    struct extra_data extra = {.validator_count = 0};
    if (chain_qbft_at(&n->genesis.config, 1).has_validator_contract) return false;
    if (!err_ok(arena_init(&arena, (size_t)1024 * 1024))) return false;
    const err_t err = extra_data_decode(&extra, &arena, n->genesis.header.extra_data);
    const bool alone =
        err_ok(err) && extra.validator_count == 1 && address_eq(&extra.validators[0], &n->self);
    arena_deinit(&arena);
    return alone;
}

/// There is no store. The first start makes one; a validator that has signed for a network has
/// lost its own (threat model 4.3).
static err_t store_missing(struct node *n, struct node_detail *detail)
{
    uint64_t signed_height = 0;
    TRY(guarded_height(n, &signed_height));
    if (signed_height == 0) return make_store(n);
    const char *dir = n->options.data_dir;
    if (validates_alone(n)) {
        say(detail,
            "%s/store is gone, but this validator signed up to height %" PRIu64
            " and is the only one\nhint: restore a backup of store/; to begin the chain anew, "
            "remove guard/ and pool.journal too",
            dir, signed_height);
        return FAIL(CORRUPT, "node: the store is missing");
    }
    LOG_ERR("store", "gone: the chain is fetched again from block 0",
            "signed=%" PRIu64 " hint=restore a backup of %s/store if there is one; nothing is "
            "signed up to and including that height",
            signed_height, dir);
    return make_store(n);
}

static err_t open_store(struct node *n, struct node_detail *detail)
{
    const struct path path = path_of(n, "store");
    const struct path data = path_of(n, "store/data.mdb");
    err_t err = OK;
    if (access(data.s, F_OK) != 0 && errno == ENOENT) err = store_missing(n, detail);
    if (err_ok(err)) err = schema_open(&n->db, path.s, false, false);
    if (err_ok(err)) err = check_genesis(n);
    if (err_ok(err)) err = read_oldest(n);
    if (err_ok(err)) return OK;
    if (err.kind == ERR_MISMATCH)
        say(detail,
            "%s belongs to another genesis or version (%s)\nhint: use its own genesis file or "
            "another data directory",
            path.s, err_text(err));
    else if (err.kind == ERR_CORRUPT)
        say(detail,
            "%s is damaged: %s\nhint: restore a backup of store/, or remove it and let the other "
            "validators' blocks come again",
            data.s, err_text(err));
    else if (err.kind == ERR_BUSY)
        say(detail, "%s is in use: %s\nhint: stop the other process", path.s, err_text(err));
    else
        say(detail,
            "cannot open the store %s: %s\nhint: see to the disk and the permissions of "
            "%s",
            path.s, err_text(err), n->options.data_dir);
    return err;
}

static void drop_pooled(void *ctx, struct pool_tx *tx, enum pool_fate fate, const char *why)
{
    const struct node *n = ctx;
    (void)why;
    if (fate == POOL_FATE_DROPPED) senders_keep(n->senders, &tx->tx);
    shared_tx_release(shared_tx_of(tx));
}

static err_t make_pool(struct node *n)
{
    struct txpool_options o = TXPOOL_DEFAULTS;
    if (n->options.pool_pending_max != 0) o.pending_max = n->options.pool_pending_max;
    if (n->options.pool_queued_max != 0) o.queued_max = n->options.pool_queued_max;
    o.price_bump_percent = n->options.price_bump_percent;
    o.min_price_wei = u256_from_u64(n->options.min_gas_price_wei);
    o.drop = drop_pooled;
    o.ctx = n;
    TRY(senders_new(&n->senders));
    TRY(random_bytes(&o.seed, sizeof o.seed));
    TRY(arena_init(&n->pool_arena, (size_t)1024 * 1024 * 1024));
    return txpool_new(&n->pool, &n->pool_arena, &o);
}

/// The journal comes back in groups.
struct replay {
    struct node *n;
    struct arena arena;
    bytes_t raws[REPLAY_GROUP];
    size_t count;
    size_t total;
};

static void replay_flush(struct replay *r)
{
    submit_replayed(r->n, r->raws, r->count);
    r->total += r->count;
    r->count = 0;
    arena_reset(&r->arena);
}

static void replay_one(void *ctx, bytes_t raw)
{
    struct replay *r = ctx;
    bool full = false;
    r->raws[r->count++] = arena_copy(&r->arena, raw, &full);
    check(!full);
    if (r->count == REPLAY_GROUP) replay_flush(r);
}

static err_t open_journal(struct node *n, struct node_detail *detail)
{
    struct replay *r = calloc(1, sizeof *r);
    if (r == NULL) return FAIL(FULL, "node: no memory");
    r->n = n;
    err_t err = arena_init(&r->arena, REPLAY_GROUP * (TX_MAX_BYTES + 64));
    const struct path path = path_of(n, "pool.journal");
    if (err_ok(err))
        err = journal_open(&n->journal, path.s, n->options.journal_sync, replay_one, r);
    if (err_ok(err)) {
        replay_flush(r);
        const struct txpool_counts c = txpool_count(n->pool);
        if (r->total != 0)
            LOG_INF("pool", "transactions back from the journal", "read=%zu pending=%zu queued=%zu",
                    r->total, c.pending, c.queued);
    } else if (err.kind == ERR_CORRUPT) {
        say(detail,
            "%s: %s\nhint: if you put it there, move it away; else keep a copy, remove it, and "
            "let the senders of lost transactions send them again",
            path.s, err_text(err));
    } else {
        say(detail, "cannot open %s: %s", path.s, err_text(err));
    }
    arena_deinit(&r->arena);
    free(r);
    return err;
}

static err_t open_evidence(struct node *n, struct node_detail *detail)
{
    const struct path path = path_of(n, "evidence");
    const struct qbft_crypto crypto = {.recover = node_recover};
    const err_t err = evidence_open(&n->evidence, path.s, &crypto);
    if (!err_ok(err)) say(detail, "cannot open %s: %s", path.s, err_text(err));
    return err;
}

/// The guard of this key; a missing one follows threat model 4.3.
static err_t open_guard(struct node *n, struct guard **out, struct node_detail *detail)
{
    const struct path path = path_of(n, "guard");
    err_t err = guard_open(out, path.s, &n->self);
    if (err.kind == ERR_NOT_FOUND) {
        const uint64_t next = n->status.head_number + 1;
        uint64_t silent_through = next;
        if (n->options.dev)
            silent_through = 0; // a throw-away key, made just now
        else if (n->options.guard_reset_height != 0)
            silent_through = n->options.guard_reset_height - 1;
        else
            LOG_WRN("guard", "none for this key: nothing is signed for the height in progress",
                    "silent_through=%" PRIu64 " hint=if this validator never signed that height, "
                    "start once with --guard-reset-height %" PRIu64,
                    silent_through, next);
        err = guard_create(path.s, &n->self, silent_through);
        if (err_ok(err)) err = guard_open(out, path.s, &n->self);
    } else if (err_ok(err) && n->options.guard_reset_height != 0 &&
               guard_silent_through(*out) >= n->options.guard_reset_height) {
        LOG_WRN("guard", "signs again, as the operator says", "from=%" PRIu64,
                n->options.guard_reset_height);
        err = guard_allow_from(*out, n->options.guard_reset_height);
        if (!err_ok(err)) guard_close(*out);
    }
    if (err_ok(err)) return OK;
    if (err.kind == ERR_BUSY)
        say(detail,
            "guard %s is in use by another process\nhint: one process per key: stop the other one",
            path.s);
    else if (err.kind == ERR_MISMATCH)
        say(detail,
            "guard %s is another key's, or of another version\nhint: keep key and guard together",
            path.s);
    else if (err.kind == ERR_CORRUPT)
        say(detail,
            "guard %s is damaged: %s\nhint: move it away and start again: nothing is signed for "
            "the height in progress, then it goes on (never use an old copy)",
            path.s, err_text(err));
    else
        say(detail, "cannot open the guard %s: %s", path.s, err_text(err));
    return err;
}

static err_t start_threads(struct node *n, struct node_detail *detail)
{
    struct guard *guard = NULL;
    struct guard_record record;
    TRY(open_guard(n, &guard, detail));
    err_t err = guard_load(guard, &record, &n->start_arena);
    if (!err_ok(err)) {
        say(detail,
            "cannot read the guard in %s: %s\nhint: move guard/ away and start again: nothing is "
            "signed for the height in progress, then it goes on",
            n->options.data_dir, err_text(err));
        guard_close(guard);
        return err;
    }
    if (record.height > n->status.head_number + 1) {
        LOG_WRN("guard",
                "signed above the store's head: the store was lost, cut or replaced by an "
                "older one",
                "signed=%" PRIu64 " head=%" PRIu64
                " hint=restore the store or let the other validators' blocks come; this one signs "
                "nothing up to and including %" PRIu64,
                record.height, n->status.head_number, record.height);
    }
    struct qbft_options q = {.self = n->self,
                             .wire = (enum qbft_wire)n->options.qbft_wire,
                             .silent_through = guard_silent_through(guard),
                             .crypto = {.recover = node_recover}};
    err = signer_new(&n->signer, n, guard, n->options.key, q.wire);
    if (!err_ok(err)) {
        guard_close(guard);
        return err;
    }
    TRY(open_evidence(n, detail));
    TRY(loop_new(&n->loop, n, &q, &record, detail));
    TRY(open_journal(n, detail)); // the pool's transactions are checked against the head
    CRASH_POINT("start-journal-open");
    TRY(loop_start(n->loop));
    return executor_start(n->executor);
}

err_t node_open_data(struct node *n, struct node_detail *detail)
{
    TRY(node_lock_data(n, detail));
    TRY(arena_init(&n->start_arena, START_BYTES));
    CRASH_POINT("start-locked");
    TRY(open_store(n, detail));
    CRASH_POINT("start-store-open");
    TRY(workers_new(&n->workers, n->options.workers));
    n->jobs = workers_jobs(n->workers);
    return OK;
}

void node_close_data(struct node *n)
{
    workers_free(n->workers);
    if (n->db != NULL) db_close(n->db);
    arena_deinit(&n->start_arena);
    if (n->lock_fd >= 0) close(n->lock_fd); // and with it the flock
}

static err_t open_all(struct node *n, struct node_detail *detail)
{
    TRY(secp_pubkey_of(&n->self_key, n->options.key));
    n->self = secp_address(&n->self_key);
    n->status.validator = n->self;
    n->status.qbft_step = "starting";
    TRY(node_open_data(n, detail));
    TRY(feed_new(&n->feed));
    TRY(make_pool(n));
    const err_t err = executor_new(&n->executor, n);
    if (!err_ok(err)) {
        struct db_damage_note note = {""};
        if (db_damaged(n->db, &note))
            say(detail,
                "the store in %s is damaged: %s\nhint: restore a backup of store/, or remove it "
                "and let the other validators' blocks come again",
                n->options.data_dir, note.text);
        say(detail, "cannot start from the store: %s", err_text(err));
        return err;
    }
    return start_threads(n, detail);
}

err_t node_open(struct node **out, const struct node_options *options, struct node_detail *detail)
{
    if (detail != NULL) detail->text[0] = '\0';
    struct node *n = calloc(1, sizeof *n);
    if (n == NULL) return FAIL(FULL, "node: no memory");
    n->options = *options;
    n->genesis = *options->genesis;
    n->lock_fd = -1;
    pthread_mutex_init(&n->pool_lock, NULL);
    pthread_mutex_init(&n->status_lock, NULL);
    pthread_mutex_init(&n->failure_lock, NULL);
    atomic_store(&n->accepting, true);
    atomic_store(&n->proposing, true);
    const err_t err = open_all(n, detail);
    if (!err_ok(err)) {
        say(detail, "%s", err_text(err));
        node_close(n);
        return err;
    }
    LOG_INF("node", "open", "head=%" PRIu64 " validator=%s validators=%zu", n->status.head_number,
            hex_address(&n->self).s, n->next_validator_count);
    *out = n;
    return OK;
}

void node_close(struct node *n)
{
    if (n == NULL) return;
    atomic_store(&n->closing, true);
    CRASH_POINT("stop-begin");
    if (n->loop != NULL) loop_stop(n->loop); // nothing more is asked of the others
    signer_free(n->signer);
    executor_free(n->executor);
    workers_free(n->workers);
    loop_free(n->loop);
    evidence_close(n->evidence);
    journal_close(n->journal);
    feed_free(n->feed);
    txpool_free(n->pool);
    senders_free(n->senders);
    arena_deinit(&n->pool_arena);
    for (size_t i = 0; i < n->submit_idle_count; i++) arena_deinit(&n->submit_idle[i]);
    CRASH_POINT("stop-store");
    if (n->db != NULL) db_close(n->db);
    CRASH_POINT("stop-end");
    arena_deinit(&n->start_arena);
    if (n->lock_fd >= 0) close(n->lock_fd); // and with it the flock
    pthread_mutex_destroy(&n->pool_lock);
    pthread_mutex_destroy(&n->status_lock);
    pthread_mutex_destroy(&n->failure_lock);
    free(n);
}

/// --- looking ---

const struct genesis *node_genesis(const struct node *n)
{
    return &n->genesis;
}

const hash_t *node_genesis_hash(const struct node *n)
{
    return &n->genesis_hash;
}

uint64_t node_oldest(const struct node *n)
{
    return n->oldest;
}

struct db *node_db(struct node *n)
{
    return n->db;
}

void node_status(struct node *n, struct node_status *out)
{
    pthread_mutex_lock(&n->pool_lock);
    const struct txpool_counts pool = txpool_count(n->pool);
    pthread_mutex_unlock(&n->pool_lock);
    pthread_mutex_lock(&n->status_lock);
    *out = n->status;
    pthread_mutex_unlock(&n->status_lock);
    out->pool_pending = pool.pending;
    out->pool_queued = pool.queued;
    out->accepting_txs = atomic_load(&n->accepting) && !atomic_load(&n->failed);
}

err_t node_listen(struct node *n, node_listener fn, void *ctx, uint64_t *id)
{
    return feed_add(n->feed, fn, ctx, id);
}

void node_unlisten(struct node *n, uint64_t id)
{
    feed_remove(n->feed, id);
}

/// --- validators ---

static err_t copy_validators(const address_t **out, size_t *count, struct arena *arena,
                             const address_t *from, size_t n)
{
    address_t *copy = ARENA_ARRAY(arena, address_t, n);
    if (copy == NULL) return FAIL(FULL, "node: no room for the validators");
    if (n != 0) memcpy(copy, from, n * sizeof *copy);
    *out = copy;
    *count = n;
    return OK;
}

err_t node_validators(struct node *n, const address_t **out, size_t *count, struct arena *arena,
                      uint64_t number)
{
    err_t err = FAIL(NOT_FOUND, "node: no such block");
    pthread_mutex_lock(&n->status_lock);
    const uint64_t next = n->status.head_number + 1;
    if (number == next)
        err = copy_validators(out, count, arena, n->next_validators, n->next_validator_count);
    pthread_mutex_unlock(&n->status_lock);
    if (number >= next) return err;

    // A header lists the validators in force for its own block.
    struct db_txn *txn;
    TRY(db_begin_read(n->db, &txn));
    struct header h;
    struct extra_data extra = {.validator_count = 0};
    err = blocks_header(txn, &h, number);
    if (err_ok(err)) err = extra_data_decode(&extra, arena, h.extra_data);
    if (err_ok(err))
        err = copy_validators(out, count, arena, extra.validators, extra.validator_count);
    db_abort(txn);
    return err;
}

err_t node_missing_validators(struct node *n, const address_t **out, size_t *count,
                              struct arena *arena)
{
    pthread_mutex_lock(&n->status_lock);
    const err_t err = copy_validators(out, count, arena, n->missing, n->missing_count);
    pthread_mutex_unlock(&n->status_lock);
    return err;
}

err_t node_evidence(struct node *n, const struct node_evidence **out, size_t *count,
                    struct arena *arena)
{
    return evidence_list(n->evidence, out, count, arena);
}

err_t node_propose_vote(struct node *n, const address_t *who, bool add)
{
    err_t err = FAIL(FULL, "node: 64 votes are pending already; discard one");
    pthread_mutex_lock(&n->status_lock);
    for (size_t i = 0; i <= n->wish_count && i < ARRAY_LEN(n->wishes); i++) {
        if (i < n->wish_count && !address_eq(&n->wishes[i].who, who)) continue;
        n->wishes[i] = (struct pending_vote){*who, add};
        if (i == n->wish_count) n->wish_count++;
        err = OK;
        break;
    }
    pthread_mutex_unlock(&n->status_lock);
    return err;
}

err_t node_discard_vote(struct node *n, const address_t *who)
{
    err_t err = FAIL(NOT_FOUND, "node: no vote on this address is pending");
    pthread_mutex_lock(&n->status_lock);
    for (size_t i = 0; i < n->wish_count && !err_ok(err); i++) {
        if (!address_eq(&n->wishes[i].who, who)) continue;
        n->wishes[i] = n->wishes[--n->wish_count];
        err = OK;
    }
    pthread_mutex_unlock(&n->status_lock);
    return err;
}

err_t node_pending_votes(struct node *n, const struct pending_vote **out, size_t *count,
                         struct arena *arena)
{
    pthread_mutex_lock(&n->status_lock);
    const size_t wishes = n->wish_count;
    struct pending_vote *copy = ARENA_ARRAY(arena, struct pending_vote, wishes);
    if (copy != NULL && wishes != 0) memcpy(copy, n->wishes, wishes * sizeof *copy);
    pthread_mutex_unlock(&n->status_lock);
    if (copy == NULL) return FAIL(FULL, "node: no room for the votes");
    *out = copy;
    *count = wishes;
    return OK;
}
