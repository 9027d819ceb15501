// SPDX-License-Identifier: Apache-2.0

/// What a block of transfers costs a node besides its signatures, per transaction, over states
/// of several sizes:
///
///     build   execution over the store's own view and all roots, in recoveries
///     root    of that, the state root alone
///     commit  executed block -> durable, in recoveries; and against raw writes of the very
///             same pairs, in the order of their keys, in one synced transaction
///     grow    build and commit together, against the same at the smallest size
///
/// Senders are known and exist; four in five receivers exist, one is new. Outside the timed
/// part the whole state is audited: every root, and every stored trie node.
///
/// usage: commit [ACCOUNTS...] (default 100000 1000000; 10000000 on demand)

#include "chain/state/commit.h"
#include "chain/base/endian.h"
#include "chain/crypto/keccak.h"
#include "chain/state/audit.h"
#include "chain/state/flat.h"
#include "chain/state/nodes.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "consensus/block/build.h"
#include "consensus/block/commit.h"
#include "test/support/bench.h"
#include "test/support/temp_dir.h"
#include "vm/block_exec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TXS_MAX = 5000, FILL = 100000, RAW_BYTES = 120, WARM_UP = 3, GROW_TXS = 1000 };

static const size_t BLOCK_SIZES[] = {1, 100, 1000, 5000};

struct world {
    struct temp_dir dir;
    struct db *db;
    struct arena scratch;
    struct chain_config config;
    struct executed_block executed;
    struct block_env env;
    struct trie_cache *root_cache; ///< of the root alone: a cache knows the newest root only
    uint64_t accounts;
    uint64_t fresh; ///< new receivers so far
    uint64_t rng;
    uint32_t *nonces;
    struct header head;
    hash_t head_hash;
    struct tx txs[TXS_MAX];
    const struct tx *order[TXS_MAX];
    uint8_t raws[TXS_MAX][RAW_BYTES];
};

static uint64_t next_random(struct world *w)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return w->rng;
}

static address_t address_of(uint64_t i)
{
    // Spread like real addresses: a fixed mixing of the number.
    address_t a;
    for (size_t k = 0; k < sizeof a.b; k++) {
        i = i * 6364136223846793005u + 1442695040888963407u;
        a.b[k] = (uint8_t)(i >> 56);
    }
    return a;
}

static int by_address(const void *a, const void *b)
{
    return address_cmp(&((const struct account_change *)a)->address,
                       &((const struct account_change *)b)->address);
}

// ---- the state before -------------------------------------------------------------------

static void fill_block(struct world *w, uint64_t number, uint64_t first, uint64_t count)
{
    struct account_change *all = calloc(count, sizeof *all);
    struct state_update *update;
    struct db_txn *txn;
    hash_t root;
    bench_expect(all != NULL, "memory");
    for (uint64_t i = 0; i < count; i++) {
        all[i] = (struct account_change){.address = address_of(first + i), .now = account_none()};
        all[i].now.balance_wei = u256_from_u64(1000000000000000000u);
    }
    qsort(all, count, sizeof *all, by_address);
    const struct state_diff diff = {all, count};
    arena_reset(&w->scratch);
    bench_expect(err_ok(db_begin_write(w->db, &txn)), "begin");
    bench_expect(err_ok(state_apply(&update, &root, &w->scratch, txn, &diff, NULL)), "apply");
    struct block b = {.ommers = LIT("\xc0"), .has_withdrawals = true};
    b.header = (struct header){.parent_hash = w->head_hash,
                               .number = number,
                               .timestamp_s = number,
                               .gas_limit = 1000000000,
                               .state_root = root,
                               .field_count = HEADER_FIELDS_CANCUN};
    b.hash = header_hash(&b.header);
    bench_expect(err_ok(state_write(txn, update, number)), "write");
    bench_expect(err_ok(blocks_append(txn, &b, NULL, 0)), "append");
    bench_expect(err_ok(db_commit(txn)), "commit");
    free(all);
    w->head = b.header;
    w->head_hash = b.hash;
}

static void world_open(struct world *w, uint64_t accounts)
{
    *w = (struct world){.accounts = accounts, .rng = 88172645463325252u};
    w->dir = temp_dir_make();
    w->config =
        (struct chain_config){.engine = ENGINE_QBFT, .chain_id = 1, .contract_size_limit = 24576};
    for (unsigned r = 0; r < REV_COUNT; r++) {
        w->config.fork_block[r] = r <= REV_CANCUN ? 0 : FORK_NEVER;
        w->config.fork_time_s[r] = r > REV_LONDON && r <= REV_CANCUN ? 0 : FORK_NEVER;
    }
    w->config.zero_base_fee = true;
    w->nonces = calloc(accounts, sizeof *w->nonces);
    bench_expect(w->nonces != NULL && err_ok(arena_init(&w->scratch, (size_t)2 << 30)) &&
                     err_ok(executed_init(&w->executed)),
                 "memory");
    const struct state_view nothing = {.ctx = NULL};
    w->env.config = &w->config;
    bench_expect(err_ok(trie_cache_new(&w->env.cache, (size_t)40 << 20)) &&
                     err_ok(trie_cache_new(&w->root_cache, (size_t)40 << 20)),
                 "memory");
    bench_expect(err_ok(vm_new(&w->env.vm)) &&
                     err_ok(overlay_new(&w->env.world, &nothing, (size_t)1 << 30)),
                 "memory");
    bench_expect(err_ok(schema_open(&w->db, w->dir.path, true, false)), "store");
    uint64_t number = 0;
    for (uint64_t first = 0; first < accounts; first += FILL, number++) {
        fill_block(w, number, first, accounts - first < FILL ? accounts - first : FILL);
    }
}

static void world_close(struct world *w)
{
    db_close(w->db);
    overlay_free(w->env.world);
    trie_cache_free(w->env.cache);
    trie_cache_free(w->root_cache);
    vm_free(w->env.vm);
    executed_deinit(&w->executed);
    arena_deinit(&w->scratch);
    free(w->nonces);
    temp_dir_remove(&w->dir);
}

// ---- blocks -----------------------------------------------------------------------------

static void choose_txs(struct world *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t from = next_random(w) % w->accounts;
        const uint64_t r = next_random(w);
        const uint64_t to = r % 5 == 0 ? w->accounts + w->fresh++ : (r / 5) % w->accounts;
        uint8_t *raw = w->raws[i];
        raw[0] = TX_DYNAMIC_FEE;
        for (size_t k = 1; k < RAW_BYTES; k++) raw[k] = (uint8_t)(next_random(w) >> 32);
        w->txs[i] = (struct tx){.type = TX_DYNAMIC_FEE,
                                .has_chain_id = true,
                                .chain_id = 1,
                                .nonce = w->nonces[from]++,
                                .gas_limit = 21000,
                                .to = address_of(to),
                                .value_wei = u256_from_u64(i + 1),
                                .raw = bytes_make(raw, RAW_BYTES),
                                .has_sender = true,
                                .sender = address_of(from)};
        w->txs[i].hash = keccak256(w->txs[i].raw);
        w->order[i] = &w->txs[i];
    }
}

static void build(struct world *w, size_t count)
{
    static const address_t proposer = {{0xfe}};
    const struct build_request rq = {.parent = &w->head,
                                     .parent_hash = &w->head_hash,
                                     .proposer = &proposer,
                                     .validators = &proposer,
                                     .validator_count = 1,
                                     .timestamp_s = w->head.timestamp_s + 1,
                                     .txs = w->order,
                                     .tx_count = count};
    struct db_txn *txn;
    bench_expect(err_ok(db_begin_read(w->db, &txn)), "begin");
    const err_t err = block_build(&w->executed, &w->env, txn, &rq);
    db_abort(txn);
    bench_expect(err_ok(err), err_text(err));
    bench_expect(w->executed.block.tx_count == count, "all transactions fit");
}

/// The root of the diff at hand, on the state before it.
static hash_t root_of_diff(struct world *w)
{
    struct db_txn *txn;
    struct state_update *update;
    hash_t root;
    arena_reset(&w->scratch);
    bench_expect(err_ok(db_begin_read(w->db, &txn)), "begin");
    const struct state_tools tools = {NULL, w->root_cache};
    bench_expect(
        err_ok(state_apply_with(&update, &root, &w->scratch, txn, &w->executed.diff, &tools)),
        "apply");
    db_abort(txn);
    return root;
}

static void commit(struct world *w)
{
    const err_t err = block_commit(w->db, &w->executed, w->executed.block.header.extra_data);
    bench_expect(err_ok(err), err_text(err));
    w->head = w->executed.block.header;
    w->head.extra_data = BYTES_NONE; // lives in the block's arena
    w->head_hash = w->executed.block.hash;
}

// ---- the limit: the same pairs, raw -----------------------------------------------------

struct pair {
    unsigned table;
    bytes_t key;
    bytes_t value;
};

struct pairs {
    struct arena arena;
    struct pair *items;
    size_t count;
    size_t cap;
};

static void add_pair(struct pairs *p, unsigned table, bytes_t key, bytes_t value)
{
    bool full = false;
    if (p->count == p->cap) {
        p->cap = p->cap == 0 ? 4096 : 2 * p->cap;
        p->items = realloc(p->items, p->cap * sizeof *p->items);
        bench_expect(p->items != NULL, "memory");
    }
    p->items[p->count++] = (struct pair){table, arena_copy(&p->arena, key, &full),
                                         arena_copy(&p->arena, value, &full)};
    bench_expect(!full, "memory");
}

/// The pair as it is stored now.
static void add_stored(struct pairs *p, const struct db_txn *txn, unsigned table, bytes_t key)
{
    bytes_t value;
    bench_expect(err_ok(db_get(txn, table, key, &value)), "a pair of the block is there");
    add_pair(p, table, key, value);
}

static int by_key(const void *a, const void *b)
{
    const struct pair *x = a;
    const struct pair *y = b;
    if (x->table != y->table) return x->table < y->table ? -1 : 1;
    return bytes_cmp(x->key, y->key);
}

/// Where the block at hand will write trie nodes: by the trie alone, before the commit.
static void list_nodes(struct world *w, struct pairs *p)
{
    struct db_txn *txn;
    struct trie *t;
    hash_t root;
    const struct state_diff *d = &w->executed.diff;
    bench_expect(err_ok(db_begin_read(w->db, &txn)), "begin");
    struct state_nodes nodes = {.txn = txn, .arena = &p->arena};
    const struct trie_source source = state_nodes_source(&nodes);
    bench_expect(err_ok(state_head_root(txn, &root)), "root");
    bench_expect(err_ok(trie_open(&t, &p->arena, &source, &root)), "open");
    for (size_t i = 0; i < d->account_count; i++) {
        uint8_t *rlp = arena_alloc(&p->arena, TRIE_ACCOUNT_MAX);
        bench_expect(rlp != NULL, "memory");
        const size_t len = trie_account_encode(rlp, &d->accounts[i].now);
        const hash_t key = keccak256(BYTES_OF(d->accounts[i].address));
        bench_expect(err_ok(trie_put(t, BYTES_OF(key), bytes_make(rlp, len))), "put");
    }
    bench_expect(err_ok(trie_finish(&t, 1, NULL)), "finish");
    root = trie_root(t);
    bench_expect(hash_eq(&root, &w->executed.block.header.state_root), "the trie's root");
    size_t count;
    const struct trie_change *c = trie_writes(t, &count);
    for (size_t i = 0; i < count; i++) {
        struct node_place place;
        bench_expect(err_ok(state_node_place(&place, &nodes, c[i].path, c[i].path_len)), "place");
        add_pair(p, place.table, bytes_make(place.key, place.key_len), c[i].node);
    }
    db_abort(txn);
}

/// Everything else the block wrote, after the commit.
static void list_entries(struct world *w, struct pairs *p)
{
    static const unsigned numbered[] = {DB_HEADERS, DB_BODIES, DB_RECEIPTS};
    const struct block *b = &w->executed.block;
    const be64_t number = be64(b->header.number);
    struct db_txn *txn;
    struct db_cursor *c;
    bytes_t key;
    bytes_t value;
    bench_expect(err_ok(db_begin_read(w->db, &txn)), "begin");
    for (size_t i = 0; i < ARRAY_LEN(numbered); i++) {
        add_stored(p, txn, numbered[i], BYTES_OF(number));
    }
    add_stored(p, txn, DB_HASHES, BYTES_OF(b->hash));
    for (size_t i = 0; i < b->tx_count; i++) add_stored(p, txn, DB_TXS, BYTES_OF(b->txs[i].hash));
    bench_expect(err_ok(db_cursor_open(txn, DB_CHANGES, &c)), "cursor");
    err_t err = db_cursor_seek(c, BYTES_OF(number), &key, &value);
    for (; err_ok(err); err = db_cursor_next(c, &key, &value)) {
        add_pair(p, DB_CHANGES, key, value);
        add_stored(p, txn, DB_ACCOUNTS, bytes_make(key.data + 8, key.len - 8));
    }
    db_cursor_close(c);
    db_abort(txn);
    qsort(p->items, p->count, sizeof *p->items, by_key);
}

static void write_raw(struct world *w, const struct pairs *p)
{
    struct db_txn *txn;
    bench_expect(err_ok(db_begin_write(w->db, &txn)), "begin");
    for (size_t i = 0; i < p->count; i++) {
        const struct pair *x = &p->items[i];
        bench_expect(err_ok(db_put(txn, x->table, x->key, x->value)), "put");
    }
    bench_expect(err_ok(db_commit(txn)), "commit");
}

// ---- timing -----------------------------------------------------------------------------

struct samples {
    double build[BENCH_REPS];
    double root[BENCH_REPS];
    double commit[BENCH_REPS];
    double commit_wall[BENCH_REPS];
    double raw[BENCH_REPS];
    double both[BENCH_REPS];
    double both_wall[BENCH_REPS];
    double recover[BENCH_REPS];
};

struct watch {
    double cpu;
    double wall;
};

static struct watch start(void)
{
    return (struct watch){bench_cpu_s(), bench_wall_s()};
}

/// Microseconds per unit since `since`.
static double stop(struct watch since, double *wall, size_t units)
{
    const double cpu = bench_cpu_s() - since.cpu;
    if (wall != NULL) *wall = (bench_wall_s() - since.wall) * 1e6 / (double)units;
    return cpu * 1e6 / (double)units;
}

static void run(struct world *w, size_t count, const struct bench_subject *recover,
                struct samples *s)
{
    enum { RECOVERIES = 100 };
    struct pairs p = {.items = NULL};
    bench_expect(err_ok(arena_init(&p.arena, (size_t)1 << 30)), "memory");
    for (int i = -WARM_UP; i < BENCH_REPS; i++) {
        const int at = i < 0 ? 0 : i;
        double build_wall;
        arena_reset(&p.arena);
        p.count = 0;
        choose_txs(w, count);

        struct trie_cache *const cache = w->env.cache;
        w->env.cache = NULL;
        build(w, count); // for its diff
        w->env.cache = cache;
        struct watch watch = start();
        const hash_t root = root_of_diff(w);
        s->root[at] = stop(watch, NULL, count);
        watch = start();
        build(w, count);
        s->build[at] = stop(watch, &build_wall, count);
        bench_expect(hash_eq(&root, &w->executed.block.header.state_root), "the same root twice");

        list_nodes(w, &p);
        watch = start();
        commit(w);
        s->commit[at] = stop(watch, &s->commit_wall[at], count);
        s->both[at] = s->build[at] + s->commit[at];
        s->both_wall[at] = build_wall + s->commit_wall[at];

        list_entries(w, &p);
        watch = start();
        write_raw(w, &p);
        s->raw[at] = stop(watch, NULL, count);
        watch = start();
        recover->run(recover->ctx, RECOVERIES);
        s->recover[at] = stop(watch, NULL, RECOVERIES);
    }
    free(p.items);
    arena_deinit(&p.arena);
}

static void report(const char *what, size_t txs, uint64_t accounts, double *ours, const char *limit,
                   const double *theirs, double *wall)
{
    char name[64];
    double copy[BENCH_REPS]; // it will be sorted, and is needed again
    memcpy(copy, theirs, sizeof copy);
    (void)snprintf(name, sizeof name, "%s/%zu-txs-%" PRIu64 "-accounts", what, txs, accounts);
    (void)bench_report(name, ours, limit, copy, wall);
}

static void audit(struct world *w)
{
    struct db_txn *txn;
    struct state_audit out;
    arena_reset(&w->scratch);
    bench_expect(err_ok(db_begin_read(w->db, &txn)), "begin");
    const err_t err = state_audit(&out, &w->scratch, txn);
    bench_expect(err_ok(err), err_text(err));
    bench_expect(out.accounts >= w->accounts + w->fresh, "all accounts are there");
    db_abort(txn);
}

/// @param smallest  for `grow`: filled at the first size, compared with at the others
static void run_size(uint64_t accounts, const struct bench_subject *recover, double *smallest,
                     bool is_first)
{
    static struct world w;
    world_open(&w, accounts);
    for (size_t i = 0; i < ARRAY_LEN(BLOCK_SIZES); i++) {
        const size_t txs = BLOCK_SIZES[i];
        static struct samples s;
        run(&w, txs, recover, &s);
        if (txs == GROW_TXS) {
            if (is_first) memcpy(smallest, s.both, sizeof s.both);
            report("grow", txs, accounts, s.both, "the same at the smallest size", smallest,
                   s.both_wall);
        }
        double commit_again[BENCH_REPS];
        memcpy(commit_again, s.commit, sizeof s.commit);
        report("build", txs, accounts, s.build, "recover", s.recover, NULL);
        report("build-root", txs, accounts, s.root, "recover", s.recover, NULL);
        report("commit", txs, accounts, s.commit, "recover", s.recover, s.commit_wall);
        report("commit-raw", txs, accounts, commit_again, "raw writes of the same pairs", s.raw,
               NULL);
    }
    audit(&w);
    world_close(&w);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"100000", "1000000"};
    const size_t sizes = argc > 1 ? (size_t)argc - 1 : ARRAY_LEN(usual);
    const struct bench_subject recover = bench_recover_limit();
    double smallest[BENCH_REPS] = {0};
    for (size_t i = 0; i < sizes; i++) {
        const char *size = argc > 1 ? argv[1 + i] : usual[i];
        run_size(strtoull(size, NULL, 10), &recover, smallest, i == 0);
    }
    return 0;
}
