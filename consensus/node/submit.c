// SPDX-License-Identifier: Apache-2.0
/// Transactions from outside into the pool: decode, cheap checks, recover in groups, one lock,
/// one sync; and the pool's answers to rpc/.

#include "consensus/node/submit.h"
#include "chain/base/log.h"
#include "chain/crypto/keccak.h"
#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "consensus/node/journal.h"
#include "consensus/node/loop.h"
#include "consensus/node/node_impl.h"
#include "consensus/node/senders.h"

#include <stdlib.h>

/// Groups at least this large are recovered on the workers.
#define SHARE_FROM 4
/// Address space of one group: a journal's replay of the longest transactions. Lists take up to
/// five times their encoding.
#define GROUP_BYTES ((size_t)1 << 30)

/// One transaction on its way in.
struct entry {
    struct tx tx;
    struct submit_answer *answer;
    bool open;               ///< nothing has refused it so far
    bool recovered;          ///< its sender was found here and now, which is dear
    bool promised;           ///< a peer's, and here already; now a user's, too
    struct shared_tx *added; ///< held while the group is in hand
    struct pool_account account;
    hash_t code_hash;
};

struct group {
    struct node *n;
    struct entry *entries; ///< in the arena
    size_t count;
    struct arena arena; ///< lent by take_arena
    enum origin {
        FROM_RPC,
        FROM_JOURNAL, ///< nothing is written or told again
        FROM_PEER,    ///< not written, but told to others
    } origin;
    uint64_t conn; ///< the peer's line
    uint64_t now_s;
};

/// --- memory of a pooled transaction ---

static size_t room_for(const struct tx *tx)
{
    size_t room = tx->raw.len + 64 + tx->access_count * sizeof(struct access_entry) +
                  tx->blob_count * sizeof(hash_t) +
                  tx->authorization_count * sizeof(struct authorization);
    for (size_t i = 0; i < tx->access_count; i++)
        room += tx->access_list[i].key_count * sizeof(hash_t) + 16;
    return room + 64;
}

struct shared_tx *shared_tx_new(const struct tx *tx)
{
    const size_t room = room_for(tx);
    struct shared_tx *t = malloc(sizeof *t + room);
    if (t == NULL) return NULL;
    memset(t, 0, sizeof *t);
    atomic_init(&t->refs, 1);
    // An arena over memory that is ours already.
    struct arena a = {.base = t->memory, .cap = room};
    const err_t err = tx_copy(&t->pooled.tx, &a, tx);
    check(err_ok(err));
    return t;
}

void shared_tx_hold(struct shared_tx *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
}

void shared_tx_release(struct shared_tx *t)
{
    if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1) free(t);
}

/// --- refusals ---

static void refuse(struct entry *e, enum submit_result result)
{
    e->open = false;
    e->answer->result = result;
}

static void refuse_invalid(struct entry *e, enum tx_validity validity)
{
    refuse(e, SUBMIT_INVALID);
    e->answer->validity = validity;
}

static void refuse_pool(struct entry *e, enum pool_result result, const struct pool_hint *hint)
{
    e->answer->have = hint->have;
    e->answer->want = hint->want;
    switch (result) {
    case POOL_ADDED:
        return;
    case POOL_KNOWN:
        refuse(e, SUBMIT_KNOWN);
        return;
    case POOL_NONCE_TOO_LOW:
        refuse_invalid(e, TX_NONCE_TOO_LOW);
        return;
    case POOL_NONCE_GAP:
    case POOL_SENDER_FULL:
        refuse(e, SUBMIT_SENDER_LIMIT);
        return;
    case POOL_UNDERPRICED:
        refuse(e, SUBMIT_UNDERPRICED);
        return;
    case POOL_REPLACEMENT_UNDERPRICED:
        refuse(e, SUBMIT_REPLACEMENT_UNDERPRICED);
        return;
    case POOL_INSUFFICIENT_FUNDS:
        refuse_invalid(e, TX_INSUFFICIENT_FUNDS);
        return;
    case POOL_FULL:
        refuse(e, SUBMIT_POOL_FULL);
        return;
    }
    unreachable("pool result");
}

/// --- step by step ---

static void decode(struct group *g, struct entry *e, bytes_t raw)
{
    *e->answer = (struct submit_answer){.result = SUBMIT_OK};
    e->open = true;
    if (raw.len > TX_MAX_BYTES) {
        refuse(e, SUBMIT_MALFORMED);
        e->answer->why = "transaction is larger than 128 KiB";
        return;
    }
    const err_t err = tx_decode(&e->tx, &g->arena, raw);
    if (!err_ok(err)) {
        refuse(e, SUBMIT_MALFORMED);
        e->answer->why = err_text(err);
        return;
    }
    e->answer->hash = e->tx.hash;
}

/// Everything that costs nothing, before the signature that does.
static void check_cheap(struct group *g, struct entry *e, enum revision rev,
                        const struct node_status *status)
{
    if (!e->open) return;
    const struct node *n = g->n;
    if (!e->tx.has_chain_id) {
        refuse_invalid(e, TX_WRONG_CHAIN_ID); // could be replayed on any chain
        return;
    }
    const enum tx_validity validity = tx_check_static(&e->tx, rev, n->genesis.config.chain_id);
    if (validity != TX_VALID) {
        refuse_invalid(e, validity);
        return;
    }
    if (e->tx.gas_limit > status->head_gas_limit) {
        refuse_invalid(e, TX_GAS_EXCEEDS_BLOCK);
        e->answer->have = u256_from_u64(e->tx.gas_limit);
        e->answer->want = u256_from_u64(status->head_gas_limit);
        return;
    }
    if (chain_gas_is_free(&n->genesis.config, status->head_number + 1)) {
        if (!u256_is_zero(&e->tx.max_fee_per_gas)) refuse_invalid(e, TX_GAS_PRICE_NOT_ZERO);
        return;
    }
    const u256_t floor = u256_from_u64(n->options.min_gas_price_wei);
    if (u256_lt(&e->tx.max_fee_per_gas, &floor)) {
        refuse(e, SUBMIT_UNDERPRICED);
        e->answer->have = e->tx.max_fee_per_gas;
        e->answer->want = floor;
    }
}

static void refuse_known(struct group *g)
{
    pthread_mutex_lock(&g->n->pool_lock);
    for (size_t i = 0; i < g->count; i++) {
        struct entry *e = &g->entries[i];
        if (!e->open || txpool_find(g->n->pool, &e->tx.hash) == NULL) continue;
        // Who hears that it is known relies on it like one who hears the hash.
        if (g->origin == FROM_RPC) e->promised = txpool_promise(g->n->pool, &e->tx.hash);
        refuse(e, SUBMIT_KNOWN);
    }
    pthread_mutex_unlock(&g->n->pool_lock);
}

/// Where the pool has no room nobody is asked who has signed; and nobody twice.
static void refuse_crowd(struct group *g)
{
    if (g->origin == FROM_JOURNAL) return;
    pthread_mutex_lock(&g->n->pool_lock);
    for (size_t i = 0; i < g->count; i++) {
        struct entry *e = &g->entries[i];
        if (!e->open) continue;
        if (!txpool_may_enter(g->n->pool, &e->tx.max_fee_per_gas, g->origin == FROM_RPC))
            refuse(e, SUBMIT_POOL_FULL);
        else
            e->tx.has_sender = senders_find(g->n->senders, &e->tx.sender, &e->tx.hash);
    }
    pthread_mutex_unlock(&g->n->pool_lock);
}

/// What is in a block already is known, too; asked before the dear recovery, which keeps the
/// replay of a long journal short.
static err_t refuse_included(struct group *g)
{
    struct db_txn *txn;
    TRY(db_begin_read(g->n->db, &txn));
    for (size_t i = 0; i < g->count; i++) {
        struct entry *e = &g->entries[i];
        struct tx_location where;
        if (e->open && err_ok(blocks_find_tx(txn, &where, &e->tx.hash))) refuse(e, SUBMIT_KNOWN);
    }
    db_abort(txn);
    return OK;
}

static void recover_one(void *arg, size_t i)
{
    struct group *g = arg;
    struct entry *e = &g->entries[i];
    if (!e->open || e->tx.has_sender) return;
    e->recovered = true;
    if (!err_ok(tx_recover_sender(&e->tx))) refuse_invalid(e, TX_BAD_SIGNATURE);
}

err_t read_pool_account(struct pool_account *out, hash_t *code_hash, const struct state_view *view,
                        const address_t *who)
{
    struct account a;
    bool exists;
    const err_t err = view->account(view->ctx, &a, &exists, who);
    // cppcheck-suppress returnDanglingLifetime ; an err_t points to a literal, never to `a`
    if (!err_ok(err)) return err;
    *out = (struct pool_account){a.nonce, a.balance_wei};
    *code_hash = a.code_hash;
    return OK;
}

/// Accounts as the head has them. @param[out] head  whose state that is
static err_t read_accounts(struct group *g, uint64_t *head)
{
    struct db_txn *txn;
    TRY(db_begin_read(g->n->db, &txn));
    struct latest_view latest;
    latest_view_init(&latest, txn);
    const struct state_view view = latest_as_view(&latest);
    hash_t hash;
    err_t err = blocks_head(txn, head, &hash);
    for (size_t i = 0; i < g->count && err_ok(err); i++) {
        struct entry *e = &g->entries[i];
        if (!e->open) continue;
        const struct entry *before = i > 0 ? &g->entries[i - 1] : NULL;
        if (before != NULL && before->open && address_eq(&before->tx.sender, &e->tx.sender)) {
            e->account = before->account;
            e->code_hash = before->code_hash;
        } else {
            err = read_pool_account(&e->account, &e->code_hash, &view, &e->tx.sender);
        }
    }
    db_abort(txn);
    return err;
}

/// Adds what is still open to the pool. @return false if the chain has gone past what the
/// accounts were read from
static bool add_all(struct group *g, uint64_t head)
{
    struct node *n = g->n;
    pthread_mutex_lock(&n->pool_lock);
    if (n->pool_head > head) {
        pthread_mutex_unlock(&n->pool_lock);
        return false;
    }
    for (size_t i = 0; i < g->count; i++) {
        struct entry *e = &g->entries[i];
        if (!e->open) continue;
        struct shared_tx *t = shared_tx_new(&e->tx);
        struct pool_hint hint = {{{0}}, {{0}}};
        if (t != NULL) t->pooled.local = g->origin != FROM_PEER;
        const enum pool_result result =
            t == NULL ? POOL_FULL : txpool_add(n->pool, &t->pooled, &e->account, g->now_s, &hint);
        if (result == POOL_ADDED) {
            shared_tx_hold(t); // the pool has the first reference
            e->added = t;
        } else {
            if (t != NULL) shared_tx_release(t);
            refuse_pool(e, result, &hint);
            senders_keep(n->senders, &e->tx);
        }
    }
    if (txpool_count(n->pool).pending != 0) atomic_store(&n->work, true);
    pthread_mutex_unlock(&n->pool_lock);
    return true;
}

/// Makes what was added or promised durable, unless somebody else has promised that; then its hashes may be
/// told.
static void write_and_tell(struct group *g)
{
    struct node *n = g->n;
    bytes_t *raws = ARENA_ARRAY(&g->arena, bytes_t, g->count);
    hash_t *hashes = ARENA_ARRAY(&g->arena, hash_t, g->count);
    check(raws != NULL && hashes != NULL);
    size_t written = 0;
    size_t added = 0;
    for (size_t i = 0; i < g->count; i++) {
        const struct entry *e = &g->entries[i];
        if (e->added != NULL || e->promised) raws[written++] = e->tx.raw;
        if (e->added != NULL) hashes[added++] = e->tx.hash;
    }
    if (written == 0) return;
    const err_t err = g->origin == FROM_RPC ? journal_append(n->journal, raws, written) : OK;
    if (err_ok(err)) {
        if (added != 0) loop_post_txs(n->loop, hashes, added, g->conn);
        return;
    }
    if (err.kind == ERR_IO) node_fail(n, err);
    pthread_mutex_lock(&n->pool_lock);
    for (size_t i = 0; i < g->count; i++) {
        struct entry *e = &g->entries[i];
        if (e->added == NULL) continue;
        (void)txpool_remove(n->pool, &e->tx.hash, "could not be written to the journal", g->now_s);
        refuse(e, SUBMIT_STORAGE);
    }
    pthread_mutex_unlock(&n->pool_lock);
}

static void run_group(struct group *g, const bytes_t *raws)
{
    struct node *n = g->n;
    for (size_t i = 0; i < g->count; i++) decode(g, &g->entries[i], raws[i]);

    struct node_status status;
    node_status(n, &status);
    const uint64_t next_s = g->now_s > status.head_timestamp_s ? g->now_s : status.head_timestamp_s;
    const enum revision rev = chain_revision(&n->genesis.config, status.head_number + 1, next_s);
    for (size_t i = 0; i < g->count; i++) check_cheap(g, &g->entries[i], rev, &status);
    refuse_known(g);
    err_t err = refuse_included(g);
    refuse_crowd(g);
    if (err_ok(err)) jobs_run(g->count >= SHARE_FROM ? &n->jobs : NULL, g->count, recover_one, g);

    uint64_t head = 0;
    do {
        if (err_ok(err)) err = read_accounts(g, &head);
        if (!err_ok(err)) {
            LOG_ERR("pool", "cannot read the state", "why=%s", err_text(err));
            for (size_t i = 0; i < g->count; i++) {
                if (g->entries[i].open) refuse(&g->entries[i], SUBMIT_STORAGE);
            }
            return;
        }
        for (size_t i = 0; i < g->count; i++) {
            struct entry *e = &g->entries[i];
            // From Prague on an account may carry a delegation (EIP-7702): execution decides.
            if (e->open && rev < REV_PRAGUE && !hash_eq(&e->code_hash, &KECCAK_EMPTY))
                refuse_invalid(e, TX_SENDER_NOT_EOA);
        }
    } while (!add_all(g, head));
    if (g->origin != FROM_JOURNAL) write_and_tell(g);
    for (size_t i = 0; i < g->count; i++) {
        if (g->entries[i].added != NULL) shared_tx_release(g->entries[i].added);
    }
}

/// Memory is kept from group to group: mapping it anew would cost more than a small group's work.
static err_t take_arena(struct node *n, struct arena *out)
{
    pthread_mutex_lock(&n->pool_lock);
    const bool have = n->submit_idle_count > 0;
    if (have) *out = n->submit_idle[--n->submit_idle_count];
    pthread_mutex_unlock(&n->pool_lock);
    return have ? OK : arena_init(out, GROUP_BYTES);
}

static void give_arena(struct node *n, struct arena *a)
{
    arena_reset(a);
    pthread_mutex_lock(&n->pool_lock);
    const bool keep = n->submit_idle_count < ARRAY_LEN(n->submit_idle);
    if (keep) n->submit_idle[n->submit_idle_count++] = *a;
    pthread_mutex_unlock(&n->pool_lock);
    if (!keep) arena_deinit(a);
}

/// @return how many senders were found for nothing
static size_t submit(struct node *n, struct submit_answer *out, const bytes_t *raw, size_t count,
                     enum origin origin, uint64_t conn)
{
    size_t in_vain = 0;
    if (count == 0) return 0;
    struct group g = {
        .n = n, .count = count, .origin = origin, .conn = conn, .now_s = wall_clock_ms() / 1000};
    const err_t err = take_arena(n, &g.arena);
    if (err_ok(err)) g.entries = ARENA_ARRAY(&g.arena, struct entry, count);
    const bool ready = g.entries != NULL;
    const bool open =
        origin == FROM_JOURNAL ||
        (atomic_load(&n->accepting) && !atomic_load(&n->failed) && !atomic_load(&n->closing));
    if (ready && open) {
        for (size_t i = 0; i < count; i++) g.entries[i].answer = &out[i];
        run_group(&g, raw);
        for (size_t i = 0; i < count; i++)
            in_vain += g.entries[i].recovered && out[i].result != SUBMIT_OK;
    } else {
        for (size_t i = 0; i < count; i++)
            out[i] = (struct submit_answer){.result = SUBMIT_STORAGE};
    }
    if (err_ok(err)) give_arena(n, &g.arena);
    return in_vain;
}

void node_submit_txs(struct node *n, struct submit_answer *out, const bytes_t *raw, size_t count)
{
    (void)submit(n, out, raw, count, FROM_RPC, 0);
}

void node_submit_tx(struct node *n, struct submit_answer *out, bytes_t raw)
{
    (void)submit(n, out, &raw, 1, FROM_RPC, 0);
}

void submit_replayed(struct node *n, const bytes_t *raw, size_t count)
{
    struct submit_answer *answers = calloc(count, sizeof *answers);
    check(answers != NULL);
    (void)submit(n, answers, raw, count, FROM_JOURNAL, 0);
    free(answers);
}

const char *submit_from_peer(struct node *n, const bytes_t *raw, size_t count, uint64_t conn,
                             size_t *in_vain)
{
    const char *why = NULL;
    *in_vain = 0;
    struct submit_answer *answers = count == 0 ? NULL : calloc(count, sizeof *answers);
    if (answers == NULL) return NULL;
    *in_vain = submit(n, answers, raw, count, FROM_PEER, conn);
    for (size_t i = 0; i < count; i++) {
        if (answers[i].result == SUBMIT_MALFORMED) why = answers[i].why;
        if (answers[i].result == SUBMIT_INVALID && answers[i].validity == TX_BAD_SIGNATURE)
            why = "a transaction that nobody signed";
    }
    free(answers);
    return why;
}

/// --- what the pool holds ---

err_t node_pool_tx(struct node *n, struct tx *out, struct arena *arena, const hash_t *hash)
{
    pthread_mutex_lock(&n->pool_lock);
    const struct pool_tx *t = txpool_find(n->pool, hash);
    const err_t err =
        t == NULL ? FAIL(NOT_FOUND, "pool: no such transaction") : tx_copy(out, arena, &t->tx);
    pthread_mutex_unlock(&n->pool_lock);
    return err;
}

err_t node_pool_next_nonce(struct node *n, uint64_t *nonce, const address_t *sender)
{
    pthread_mutex_lock(&n->pool_lock);
    const bool found = txpool_next_nonce(n->pool, nonce, sender);
    pthread_mutex_unlock(&n->pool_lock);
    return found ? OK : FAIL(NOT_FOUND, "pool: nothing of this sender is pending");
}

static int by_sender_and_nonce(const void *a, const void *b)
{
    const struct tx *x = &(*(struct pool_tx *const *)a)->tx;
    const struct tx *y = &(*(struct pool_tx *const *)b)->tx;
    const int c = address_cmp(&x->sender, &y->sender);
    return c != 0 ? c : (x->nonce > y->nonce) - (x->nonce < y->nonce);
}

err_t node_pool_list(struct node *n, struct pool_listing *out, struct arena *arena)
{
    pthread_mutex_lock(&n->pool_lock);
    const struct txpool_counts c = txpool_count(n->pool);
    const size_t room = c.pending + c.queued;
    struct pool_tx **list = ARENA_ARRAY(arena, struct pool_tx *, room);
    struct tx *txs = ARENA_ARRAY(arena, struct tx, room);
    bool *pending = ARENA_ARRAY(arena, bool, room);
    err_t err = list == NULL || txs == NULL || pending == NULL
                    ? FAIL(FULL, "pool: no room for a listing")
                    : OK;
    const size_t count = err_ok(err) ? txpool_list(n->pool, list, room) : 0;
    if (count != 0) qsort(list, count, sizeof(struct pool_tx *), by_sender_and_nonce);
    for (size_t i = 0; i < count && err_ok(err); i++) {
        pending[i] = list[i]->pending;
        err = tx_copy(&txs[i], arena, &list[i]->tx);
    }
    pthread_mutex_unlock(&n->pool_lock);
    if (err_ok(err)) *out = (struct pool_listing){txs, pending, count};
    return err;
}

static bool is_in_a_block(struct node *n, const hash_t *hash)
{
    struct db_txn *txn;
    if (!err_ok(db_begin_read(n->db, &txn))) return false;
    struct tx_location where;
    const bool found = err_ok(blocks_find_tx(txn, &where, hash));
    db_abort(txn);
    return found;
}

void node_tx_fate(struct node *n, struct tx_fate_info *out, const hash_t *hash)
{
    *out = (struct tx_fate_info){.fate = TX_FATE_UNKNOWN};
    if (is_in_a_block(n, hash)) {
        out->fate = TX_FATE_INCLUDED;
        return;
    }
    struct pool_fate_info info;
    pthread_mutex_lock(&n->pool_lock);
    txpool_fate(n->pool, &info, hash);
    pthread_mutex_unlock(&n->pool_lock);
    out->reason = info.reason;
    out->since_s = info.since_s;
    switch (info.fate) {
    case POOL_FATE_UNKNOWN:
        out->fate = TX_FATE_UNKNOWN;
        return;
    case POOL_FATE_PENDING:
        out->fate = TX_FATE_PENDING;
        return;
    case POOL_FATE_QUEUED:
        out->fate = TX_FATE_QUEUED;
        return;
    case POOL_FATE_INCLUDED:
        out->fate = TX_FATE_INCLUDED;
        return;
    case POOL_FATE_DROPPED:
        out->fate = TX_FATE_DROPPED;
        return;
    }
    unreachable("pool fate");
}
