// SPDX-License-Identifier: Apache-2.0

/// The state root of a batch of changed accounts against hashing the trie nodes it changes,
/// leaves included; all nodes are read from the store, as after a start. (With the upper levels
/// in memory, and what a commit costs: commit.c.)

#include "chain/crypto/keccak.h"
#include "chain/state/commit.h"
#include "chain/state/flat.h"
#include "chain/state/nodes.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "test/support/bench.h"
#include "test/support/temp_dir.h"

#include <stdio.h>
#include <stdlib.h>

enum { ACCOUNTS = 100000, BATCH_MAX = 2000 };

struct world {
    struct temp_dir dir;
    struct db *db;
    struct arena arena;
    struct arena scratch;
    uint64_t head;
    uint64_t rng;
    size_t batch;

    // One batch, its trie nodes and flat entries: what the limits work on.
    struct account_change changes[BATCH_MAX];
    struct state_diff diff;
    hash_t root;
    const struct trie_change *nodes;
    size_t node_count;
    bytes_t *encoded;
    hash_t *hashes;
};

static address_t address_of(uint64_t i)
{
    const hash_t h = keccak256(BYTES_OF(i));
    address_t a;
    memcpy(a.b, h.b, sizeof a.b);
    return a;
}

static int by_address(const void *a, const void *b)
{
    return address_cmp(&((const struct account_change *)a)->address,
                       &((const struct account_change *)b)->address);
}

static uint64_t next_random(struct world *w)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return w->rng;
}

static struct state_diff sorted(struct account_change *c, size_t n)
{
    qsort(c, n, sizeof *c, by_address);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || !address_eq(&c[i].address, &c[kept - 1].address)) c[kept++] = c[i];
    }
    return (struct state_diff){c, kept};
}

static void commit_block(struct world *w, const struct state_diff *diff)
{
    struct state_update *update;
    struct db_txn *txn;
    hash_t root;
    arena_reset(&w->scratch);
    bench_expect(err_ok(db_begin_write(w->db, &txn)), "begin");
    bench_expect(err_ok(state_apply(&update, &root, &w->scratch, txn, diff, NULL)), "apply");
    struct block b = {.ommers = LIT("\xc0")};
    b.header = (struct header){.number = w->head, .state_root = root, .field_count = 15};
    if (w->head > 0) {
        bench_expect(err_ok(blocks_hash_of(txn, &b.header.parent_hash, w->head - 1)), "parent");
    }
    b.hash = header_hash(&b.header);
    bench_expect(err_ok(state_write(txn, update, w->head)), "write");
    bench_expect(err_ok(blocks_append(txn, &b, NULL, 0)), "append");
    bench_expect(err_ok(db_commit(txn)), "commit");
    w->head++;
}

static void fill(struct world *w)
{
    struct account_change *all = calloc(ACCOUNTS, sizeof *all);
    bench_expect(all != NULL, "memory");
    for (uint64_t i = 0; i < ACCOUNTS; i++) {
        all[i] = (struct account_change){.address = address_of(i), .now = account_none()};
        all[i].now.balance_wei = u256_from_u64(1000000000000000000u + i);
    }
    const struct state_diff diff = sorted(all, ACCOUNTS);
    commit_block(w, &diff);
    free(all);
}

/// Four in five accounts exist, one is new.
static void choose_batch(struct world *w, size_t batch)
{
    for (size_t i = 0; i < batch; i++) {
        const uint64_t r = next_random(w);
        w->changes[i] = (struct account_change){
            .address = address_of(r % 5 == 0 ? r : r % ACCOUNTS), .now = account_none()};
        w->changes[i].now.nonce = r % 1000;
        w->changes[i].now.balance_wei = u256_from_u64(r);
    }
    w->diff = sorted(w->changes, batch);
    w->batch = w->diff.account_count;
}

/// The batch's trie nodes, by the trie alone: for the limits, and to check the root.
static void find_nodes(struct world *w)
{
    struct db_txn *txn;
    struct trie *t;
    hash_t head;
    arena_reset(&w->arena);
    bench_expect(err_ok(db_begin_read(w->db, &txn)), "begin");
    bench_expect(err_ok(state_head_root(txn, &head)), "root");
    struct state_nodes nodes = {.txn = txn, .arena = &w->arena};
    struct trie_source source = state_nodes_source(&nodes);
    source.leaves_apart = false; // they are hashed, if not stored
    bench_expect(err_ok(trie_open(&t, &w->arena, &source, &head)), "open");
    for (size_t i = 0; i < w->batch; i++) {
        uint8_t *rlp = arena_alloc(&w->arena, TRIE_ACCOUNT_MAX);
        const size_t len = trie_account_encode(rlp, &w->changes[i].now);
        const hash_t key = keccak256(BYTES_OF(w->changes[i].address));
        bench_expect(err_ok(trie_put(t, BYTES_OF(key), bytes_make(rlp, len))), "put");
    }
    bench_expect(err_ok(trie_finish(&t, 1, NULL)), "finish");
    w->root = trie_root(t);
    w->nodes = trie_writes(t, &w->node_count);
    w->encoded = ARENA_ARRAY(&w->arena, bytes_t, w->node_count);
    w->hashes = ARENA_ARRAY(&w->arena, hash_t, w->node_count);
    for (size_t i = 0; i < w->node_count; i++) w->encoded[i] = w->nodes[i].node;
    db_abort(txn);
}

static void root_run(void *ctx, uint64_t count)
{
    struct world *w = ctx;
    for (uint64_t i = 0; i < count; i++) {
        struct db_txn *txn;
        struct state_update *update;
        hash_t root;
        arena_reset(&w->scratch);
        bench_expect(err_ok(db_begin_read(w->db, &txn)), "begin");
        const err_t err = state_apply(&update, &root, &w->scratch, txn, &w->diff, NULL);
        bench_expect(err_ok(err) && hash_eq(&root, &w->root), "the root is right");
        db_abort(txn);
    }
}

static void keccak_run(void *ctx, uint64_t count)
{
    struct world *w = ctx;
    for (uint64_t i = 0; i < count; i++) keccak256_many(w->hashes, w->encoded, w->node_count);
}

int main(void)
{
    static struct world w = {.rng = 88172645463325252u};
    w.dir = temp_dir_make();
    bench_expect(err_ok(arena_init(&w.arena, (size_t)1 << 30)), "arena");
    bench_expect(err_ok(arena_init(&w.scratch, (size_t)2 << 30)), "arena");
    bench_expect(err_ok(schema_open(&w.db, w.dir.path, true, false)), "store");
    fill(&w);

    static const size_t batches[] = {2, 200, 2000};
    for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
        char name[64];
        choose_batch(&w, batches[i]);
        find_nodes(&w);
        snprintf(name, sizeof name, "root/%zu-keys", batches[i]);
        const struct bench_subject root = {name, root_run, &w};
        const struct bench_subject keccak = {"keccak of its nodes", keccak_run, &w};
        bench_compare(&root, &keccak, 0);
    }
    db_close(w.db);
    arena_deinit(&w.arena);
    arena_deinit(&w.scratch);
    temp_dir_remove(&w.dir);
    return 0;
}
