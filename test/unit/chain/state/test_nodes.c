// SPDX-License-Identifier: Apache-2.0
#include "chain/state/nodes.h"

#include "chain/crypto/keccak.h"
#include "chain/state/flat.h"
#include "chain/store/schema.h"
#include "chain/trie/proof.h"
#include "chain/trie/trie_cache.h"
#include "test/support/naive_trie.h"
#include "test/support/temp_dir.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { KEYS = 260, BATCHES = 1200 };

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *s = getenv(name);
    return s != NULL ? strtoull(s, NULL, 10) : otherwise;
}

/// The plain truth: what each key has, 0 if it is not there.
struct model {
    uint64_t value[KEYS];
};

struct trial {
    struct temp_dir dir;
    struct db *db;
    struct arena arena;
    struct trie_cache *cache; ///< NULL: off
    bool is_storage;
    hash_t address_hash;
    hash_t keys[KEYS];
    struct model model;
    hash_t root;
    uint64_t rng;
    size_t committed;
    size_t thrown_away;
};

/// Keys as no hash gives them: crowded below few paths, so that the trie is deep, has long
/// extensions, and keys of nodes stand close to each other.
static void make_keys(struct trial *t)
{
    for (size_t i = 0; i < KEYS; i++) {
        t->keys[i] = keccak256(bytes_make(&i, sizeof i));
        uint8_t *k = t->keys[i].b;
        const size_t crowded = i % 4 == 0 ? 0 : 2 + i % 5;
        for (size_t b = 0; b < crowded; b++) k[b] &= i % 3 == 0 ? 0x11 : 0x01;
        if (i % 7 == 0) memset(k + 1, 0, 4);
        if (i % 11 == 0) memset(k + 4, 0x10, 20);
    }
}

static bytes_t leaf_value(const struct trial *t, uint8_t out[TRIE_ACCOUNT_MAX], uint64_t value)
{
    if (value == 0) return BYTES_NONE;
    struct account a = account_none();
    a.nonce = value;
    const u256_t number = u256_from_u64(value);
    return bytes_make(out, t->is_storage ? trie_slot_encode(out, &number)
                                         : trie_account_encode(out, &a));
}

static hash_t model_root(const struct trial *t, const struct model *m)
{
    static uint8_t values[KEYS][TRIE_ACCOUNT_MAX];
    static struct naive_pair pairs[KEYS];
    size_t n = 0;
    for (size_t i = 0; i < KEYS; i++) {
        if (m->value[i] == 0) continue;
        pairs[n] = (struct naive_pair){BYTES_OF(t->keys[i]), leaf_value(t, values[n], m->value[i])};
        n++;
    }
    return naive_trie_root(pairs, n);
}

static struct trie *open_trie(const struct trial *t, struct state_nodes *nodes, struct arena *arena,
                              const struct db_txn *txn)
{
    *nodes = (struct state_nodes){txn, arena, t->is_storage, t->address_hash};
    struct trie_source source = state_nodes_source(nodes);
    source.cache = t->cache;
    struct trie *trie;
    cr_assert(err_ok(trie_open(&trie, arena, &source, &t->root)));
    return trie;
}

/// The entry whose key and record are the leaf.
static void write_flat(const struct trial *t, struct db_txn *txn, size_t i, uint64_t value)
{
    const struct flat_key key = t->is_storage ? flat_slot_key(&t->address_hash, &t->keys[i])
                                              : flat_account_key(&t->keys[i]);
    const unsigned table = t->is_storage ? DB_SLOTS : DB_ACCOUNTS;
    uint8_t record[FLAT_ACCOUNT_MAX];
    struct account a = account_none();
    a.nonce = value;
    const u256_t number = u256_from_u64(value);
    if (value == 0) {
        cr_assert(err_ok(db_delete(txn, table, flat_key_bytes(&key))));
        return;
    }
    const size_t len =
        t->is_storage ? flat_slot_encode(record, &number) : flat_account_encode(record, &a);
    cr_assert(err_ok(db_put(txn, table, flat_key_bytes(&key), bytes_make(record, len))));
}

/// What is stored besides the flat entries, under the keys of this trie.
static size_t count_nodes(const struct db_txn *txn)
{
    static const struct {
        unsigned table;
        size_t flat_len;
    } tables[] = {{DB_ACCOUNTS, 32}, {DB_SLOTS, 64}, {DB_TRIE, 0}};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct db_cursor *c;
        bytes_t key;
        bytes_t value;
        cr_assert(err_ok(db_cursor_open(txn, tables[i].table, &c)));
        err_t err = db_cursor_first(c, &key, &value);
        for (; err_ok(err); err = db_cursor_next(c, &key, &value)) {
            n += key.len != tables[i].flat_len;
        }
        db_cursor_close(c);
    }
    return n;
}

/// The stored nodes are those of a trie built at once, each where it belongs, and no others.
static void expect_exact_nodes(struct trial *t, const struct db_txn *txn)
{
    static uint8_t values[KEYS][TRIE_ACCOUNT_MAX];
    const struct trie_source nothing = {.leaves_apart = true};
    struct trie *fresh;
    cr_assert(err_ok(trie_open(&fresh, &t->arena, &nothing, &KECCAK_RLP_NULL)));
    for (size_t i = 0; i < KEYS; i++) {
        const bytes_t leaf = leaf_value(t, values[i], t->model.value[i]);
        if (leaf.len > 0) cr_assert(err_ok(trie_put(fresh, BYTES_OF(t->keys[i]), leaf)));
    }
    cr_assert(err_ok(trie_finish(&fresh, 1, NULL)));
    size_t count;
    const struct trie_change *all = trie_writes(fresh, &count);
    const struct state_nodes nodes = {txn, &t->arena, t->is_storage, t->address_hash};
    cr_assert_eq(count_nodes(txn), count);
    for (size_t i = 0; i < count; i++) {
        struct node_place place;
        bytes_t stored;
        cr_assert(err_ok(state_node_place(&place, &nodes, all[i].path, all[i].path_len)));
        cr_assert(err_ok(db_get(txn, place.table, bytes_make(place.key, place.key_len), &stored)));
        cr_assert(bytes_eq(stored, all[i].node));
    }
}

/// Every key, there or not, has a proof that says so.
static void expect_proofs(struct trial *t, const struct db_txn *txn)
{
    struct state_nodes nodes;
    struct trie *trie = open_trie(t, &nodes, &t->arena, txn);
    for (size_t i = 0; i < KEYS; i += 13) {
        uint8_t room[TRIE_ACCOUNT_MAX];
        const bytes_t want = leaf_value(t, room, t->model.value[i]);
        const bytes_t *proof;
        bytes_t value;
        size_t n;
        err_t err = trie_prove(trie, BYTES_OF(t->keys[i]), &proof, &n);
        cr_assert(err_ok(err), "%s", err_text(err));
        err = proof_verify(&value, &t->root, BYTES_OF(t->keys[i]), proof, n);
        cr_assert(err_ok(err), "%s", err_text(err));
        cr_assert(bytes_eq(value, want));
    }
}

/// One batch. It ends as a block may: committed, computed but never written (another proposal
/// was sealed), or written and thrown away (the commit failed).
static void run_batch(struct trial *t, size_t b)
{
    struct db_txn *txn;
    struct state_nodes nodes;
    struct model after = t->model;
    size_t touched[200];
    const size_t puts = 1 + next_random(&t->rng) % (b % 9 == 0 ? ARRAY_LEN(touched) : 12);
    const uint64_t delete_percent = b % 5 * 23;
    arena_reset(&t->arena);
    cr_assert(err_ok(db_begin_write(t->db, &txn)));
    struct trie *trie = open_trie(t, &nodes, &t->arena, txn);
    for (size_t i = 0; i < puts; i++) {
        const size_t k = next_random(&t->rng) % KEYS;
        const bool gone = next_random(&t->rng) % 100 < delete_percent;
        touched[i] = k;
        after.value[k] = gone ? 0 : 1 + (next_random(&t->rng) >> (next_random(&t->rng) % 64));
        uint8_t *room = arena_alloc(&t->arena, TRIE_ACCOUNT_MAX);
        uint8_t hint[TRIE_ACCOUNT_MAX];
        // Known, unknown, or wrong (it may have changed in this batch): never more than a hint.
        const uint64_t before = next_random(&t->rng) % 3 == 0 ? 0 : t->model.value[k];
        const err_t err =
            trie_put_known(trie, BYTES_OF(t->keys[k]), leaf_value(t, room, after.value[k]),
                           leaf_value(t, hint, before));
        cr_assert(err_ok(err), "batch %zu: %s", b, err_text(err));
    }
    const err_t err = trie_finish(&trie, 1, NULL);
    cr_assert(err_ok(err), "batch %zu: %s", b, err_text(err));
    const hash_t root = trie_root(trie);
    const hash_t expected = model_root(t, &after);
    cr_assert(hash_eq(&root, &expected), "batch %zu: the root differs", b);

    const uint64_t fate = next_random(&t->rng) % 4;
    if (fate != 0) {
        for (size_t i = 0; i < puts; i++) write_flat(t, txn, touched[i], after.value[touched[i]]);
        cr_assert(err_ok(state_nodes_write(txn, &nodes, trie)));
    }
    if (fate < 2) {
        db_abort(txn);
        t->thrown_away++;
        return;
    }
    t->model = after;
    t->root = root;
    t->committed++;
    if (b % 10 == 0) {
        expect_exact_nodes(t, txn);
        expect_proofs(t, txn);
    }
    cr_assert(err_ok(db_commit(txn)));
}

static void run_trial(bool is_storage, bool cached)
{
    static struct trial t;
    const uint64_t seed = number_from("CAIRN_SEED", 0x9e3779b97f4a7c15);
    const size_t batches = (size_t)number_from("CAIRN_TRIE_BATCHES", BATCHES);
    t = (struct trial){.is_storage = is_storage, .root = KECCAK_RLP_NULL};
    t.rng = seed + (uint64_t)is_storage * 2 + cached;
    t.address_hash = keccak256(LIT("somebody"));
    t.dir = temp_dir_make();
    make_keys(&t);
    cr_assert(err_ok(arena_init(&t.arena, (size_t)64 << 20)));
    cr_assert(err_ok(schema_open(&t.db, t.dir.path, true, false)));
    // Little room: some nodes are kept and others are not.
    if (cached) cr_assert(err_ok(trie_cache_new(&t.cache, 20000)));
    for (size_t b = 0; b < batches; b++) {
        if (b % 100 == 99) { // a restart: what was kept in memory is of no store any more
            db_close(t.db);
            cr_assert(err_ok(schema_open(&t.db, t.dir.path, false, false)));
        }
        run_batch(&t, b);
        if (cached) cr_assert_leq(trie_cache_bytes(t.cache), 20000);
    }
    cr_expect_gt(t.committed, batches / 4);
    cr_expect_gt(t.thrown_away, batches / 4);

    // Clearing leaves nothing, and no other account's entries are touched.
    struct db_txn *txn;
    cr_assert(err_ok(db_begin_write(t.db, &txn)));
    if (is_storage) {
        uint8_t other[33] = {0};
        memcpy(other, t.address_hash.b, 32);
        other[31] ^= 1;
        cr_assert(err_ok(db_put(txn, DB_SLOTS, BYTES_OF(other), LIT("another's node"))));
        cr_assert(err_ok(state_nodes_clear(txn, &t.address_hash)));
        cr_expect_eq(count_nodes(txn), 1);
    }
    db_abort(txn);
    db_close(t.db);
    trie_cache_free(t.cache);
    arena_deinit(&t.arena);
    temp_dir_remove(&t.dir);
}

/// Goal: whatever batches come, and however they end, root, proofs and stored nodes are those of
/// the pairs that are there; with the upper levels kept in memory, and without.
/// CAIRN_TRIE_BATCHES gives another number of batches, CAIRN_SEED other ones.
Test(nodes, random_batches_of_accounts, .timeout = 36000)
{
    run_trial(false, false);
}

Test(nodes, random_batches_of_accounts_with_a_cache, .timeout = 36000)
{
    run_trial(false, true);
}

Test(nodes, random_batches_of_slots, .timeout = 36000)
{
    run_trial(true, false);
}

Test(nodes, random_batches_of_slots_with_a_cache, .timeout = 36000)
{
    run_trial(true, true);
}

/// Goal: every path of a real node has a key of its own, which no account and no slot has, and
/// deeper ones are refused.
Test(nodes, places_are_distinct)
{
    static struct node_place seen[62 * 3];
    size_t count = 0;
    const struct state_nodes nodes = {.is_storage = false};
    for (uint8_t fill = 0; fill < 3; fill++) {
        uint8_t path[64];
        memset(path, fill, sizeof path);
        for (size_t len = fill == 0 ? 0 : 1; len < 62; len++) {
            struct node_place p;
            cr_assert(err_ok(state_node_place(&p, &nodes, path, len)));
            cr_expect_neq(p.key_len, 32);
            for (size_t i = 0; i < count; i++) {
                cr_expect(seen[i].table != p.table || seen[i].key_len != p.key_len ||
                              memcmp(seen[i].key, p.key, p.key_len) != 0,
                          "fill %u length %zu", fill, len);
            }
            seen[count++] = p;
        }
        struct node_place p;
        cr_expect_eq(state_node_place(&p, &nodes, path, 62).kind, ERR_LIMIT);
    }
}
