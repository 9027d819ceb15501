// SPDX-License-Identifier: Apache-2.0
#include "chain/state/commit.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/state/audit.h"
#include "chain/state/copy.h"
#include "chain/state/flat.h"
#include "chain/state/history.h"
#include "chain/state/latest.h"
#include "chain/state/prove.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "chain/trie/proof.h"
#include "test/support/naive_trie.h"
#include "test/support/temp_dir.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ACCOUNTS = 24, SLOTS = 12, BLOCKS = 150 };

/// The plain truth about one account.
struct model_account {
    bool exists;
    uint64_t nonce;
    uint64_t balance;
    uint8_t code; ///< 0: none
    uint64_t slots[SLOTS];
};

struct model {
    struct model_account a[ACCOUNTS];
};

static address_t address_of(size_t i)
{
    const hash_t h = keccak256(bytes_make(&i, sizeof i));
    address_t a;
    memcpy(a.b, h.b, sizeof a.b);
    return a;
}

static hash_t slot_of(size_t i)
{
    return (hash_t){{[31] = (uint8_t)i}};
}

static bytes_t code_of(uint8_t n)
{
    static const uint8_t bytes[] = "\x60\x01\x60\x02\x60\x03\x60\x04";
    return bytes_make(bytes, n);
}

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static hash_t model_storage_root(const struct model_account *a)
{
    static uint8_t values[SLOTS][33];
    static hash_t keys[SLOTS];
    struct naive_pair pairs[SLOTS];
    size_t n = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        if (a->slots[i] == 0) continue;
        const hash_t slot = slot_of(i);
        const u256_t value = u256_from_u64(a->slots[i]);
        keys[n] = keccak256(BYTES_OF(slot));
        pairs[n].key = BYTES_OF(keys[n]);
        pairs[n].value = bytes_make(values[n], trie_slot_encode(values[n], &value));
        n++;
    }
    return naive_trie_root(pairs, n);
}

static struct account model_account(const struct model_account *a)
{
    struct account out = account_none();
    if (!a->exists) return out;
    out.nonce = a->nonce;
    out.balance_wei = u256_from_u64(a->balance);
    out.storage_root = model_storage_root(a);
    if (a->code > 0) out.code_hash = keccak256(code_of(a->code));
    return out;
}

static hash_t model_root(const struct model *m)
{
    static uint8_t values[ACCOUNTS][TRIE_ACCOUNT_MAX];
    static hash_t keys[ACCOUNTS];
    struct naive_pair pairs[ACCOUNTS];
    size_t n = 0;
    for (size_t i = 0; i < ACCOUNTS; i++) {
        if (!m->a[i].exists) continue;
        const address_t address = address_of(i);
        const struct account account = model_account(&m->a[i]);
        struct buf b;
        buf_init(&b, 200);
        const size_t list = rlp_list_begin(&b);
        rlp_put_u64(&b, account.nonce);
        rlp_put_u256(&b, &account.balance_wei);
        rlp_put_hash(&b, &account.storage_root);
        rlp_put_hash(&b, &account.code_hash);
        rlp_list_end(&b, list);
        memcpy(values[n], b.data, b.len);
        keys[n] = keccak256(BYTES_OF(address));
        pairs[n] = (struct naive_pair){BYTES_OF(keys[n]), bytes_make(values[n], b.len)};
        buf_deinit(&b);
        n++;
    }
    return naive_trie_root(pairs, n);
}

static int compare_changes(const void *a, const void *b)
{
    return address_cmp(&((const struct account_change *)a)->address,
                       &((const struct account_change *)b)->address);
}

/// Changes one account at random, in the model and as a row of the diff.
static void change_account(struct account_change *c, struct model_account *a, struct arena *arena,
                           uint64_t *rng)
{
    const uint64_t what = next_random(rng) % 10;
    if (what == 0) {
        *a = (struct model_account){0};
        c->deleted = true;
        c->now = account_none();
        return;
    }
    const struct account old = model_account(a);
    if (what == 1 && a->exists) {
        *a = (struct model_account){.exists = true};
        c->storage_cleared = true;
    }
    a->exists = true;
    a->nonce += next_random(rng) % 3;
    a->balance = next_random(rng) >> (next_random(rng) % 60);
    if (next_random(rng) % 6 == 0) {
        a->code = (uint8_t)(1 + next_random(rng) % 8);
        c->code = code_of(a->code);
    }
    struct slot_change *slots = ARENA_ARRAY(arena, struct slot_change, SLOTS);
    for (size_t i = 0; i < SLOTS && what > 4; i++) {
        if (next_random(rng) % 3 != 0) continue;
        a->slots[i] = next_random(rng) % 4 == 0 ? 0 : next_random(rng) >> (next_random(rng) % 64);
        slots[c->slot_count++] = (struct slot_change){slot_of(i), u256_from_u64(a->slots[i])};
    }
    c->slots = slots;
    c->now = model_account(a);
    c->now.storage_root = old.storage_root; // the VM does not know the new one
}

static struct state_diff random_diff(struct model *m, struct arena *arena, uint64_t *rng)
{
    struct account_change *list = ARENA_ARRAY(arena, struct account_change, ACCOUNTS);
    size_t n = 0;
    for (size_t i = 0; i < ACCOUNTS; i++) {
        if (next_random(rng) % 5 != 0) continue;
        list[n].address = address_of(i);
        change_account(&list[n++], &m->a[i], arena, rng);
    }
    qsort(list, n, sizeof *list, compare_changes);
    return (struct state_diff){list, n};
}

static void append_block(struct db_txn *txn, uint64_t number, const hash_t *root)
{
    struct block b = {.ommers = LIT("\xc0")};
    b.header = (struct header){.number = number,
                               .ommers_hash = KECCAK_RLP_LIST,
                               .state_root = *root,
                               .transactions_root = KECCAK_RLP_NULL,
                               .receipts_root = KECCAK_RLP_NULL,
                               .difficulty = u256_from_u64(1),
                               .field_count = HEADER_FIELDS_CLASSIC};
    if (number > 0) cr_assert(err_ok(blocks_hash_of(txn, &b.header.parent_hash, number - 1)));
    b.hash = header_hash(&b.header);
    const err_t err = blocks_append(txn, &b, NULL, 0);
    cr_assert(err_ok(err), "%s", err_text(err));
}

static void expect_view(const struct state_view *v, const struct model *m, uint64_t number)
{
    for (size_t i = 0; i < ACCOUNTS; i++) {
        const address_t address = address_of(i);
        const struct account want = model_account(&m->a[i]);
        struct account got;
        bool exists;
        cr_assert(err_ok(v->account(v->ctx, &got, &exists, &address)));
        cr_assert_eq(exists, m->a[i].exists, "block %lu account %zu", number, i);
        cr_assert_eq(got.nonce, want.nonce);
        cr_assert(u256_eq(&got.balance_wei, &want.balance_wei));
        cr_assert(hash_eq(&got.storage_root, &want.storage_root), "block %lu account %zu: storage",
                  number, i);
        bytes_t code;
        cr_assert(err_ok(v->code(v->ctx, &code, &got.code_hash)));
        cr_assert(bytes_eq(code, code_of(m->a[i].code)));
        for (size_t s = 0; s < SLOTS; s++) {
            const hash_t key = slot_of(s);
            const u256_t value = u256_from_u64(m->a[i].slots[s]);
            u256_t slot;
            cr_assert(err_ok(v->slot(v->ctx, &slot, &address, &key)));
            cr_assert(u256_eq(&slot, &value), "block %lu account %zu slot %zu", number, i, s);
        }
    }
}

static void expect_proofs(const struct db_txn *txn, struct arena *arena, const struct model *m,
                          uint64_t number, const hash_t *root)
{
    hash_t keys[SLOTS];
    for (size_t s = 0; s < SLOTS; s++) keys[s] = slot_of(s);
    for (size_t i = 0; i < ACCOUNTS; i += 5) {
        const address_t address = address_of(i);
        const hash_t address_hash = keccak256(BYTES_OF(address));
        const struct account want = model_account(&m->a[i]);
        struct account_proof p;
        err_t err = state_prove(&p, arena, txn, number, &address, keys, SLOTS);
        cr_assert(err_ok(err), "block %lu account %zu: %s", number, i, err_text(err));
        cr_assert(hash_eq(&p.state_root, root));
        cr_assert_eq(p.exists, m->a[i].exists);
        bytes_t value;
        err = proof_verify(&value, root, BYTES_OF(address_hash), p.nodes, p.node_count);
        cr_assert(err_ok(err), "%s", err_text(err));
        uint8_t leaf[TRIE_ACCOUNT_MAX];
        const size_t len = p.exists ? trie_account_encode(leaf, &want) : 0;
        cr_assert(bytes_eq(value, bytes_make(leaf, len)));
        for (size_t s = 0; s < SLOTS; s++) {
            const hash_t slot_hash = keccak256(BYTES_OF(keys[s]));
            const u256_t expected = u256_from_u64(m->a[i].slots[s]);
            cr_assert(u256_eq(&p.slots[s].value, &expected));
            err = proof_verify(&value, &want.storage_root, BYTES_OF(slot_hash), p.slots[s].nodes,
                               p.slots[s].node_count);
            cr_assert(err_ok(err), "%s", err_text(err));
            const size_t n = u256_is_zero(&expected) ? 0 : trie_slot_encode(leaf, &expected);
            cr_assert(bytes_eq(value, bytes_make(leaf, n)));
        }
        // A proof under another root proves nothing.
        hash_t other = *root;
        other.b[0] ^= 1;
        err = proof_verify(&value, &other, BYTES_OF(address_hash), p.nodes, p.node_count);
        cr_assert_eq(err.kind, ERR_INVALID);
    }
}

/// Entries of a table; with `key_len`, only those with keys of that length.
static size_t count_keys(const struct db_txn *txn, unsigned table, size_t key_len)
{
    struct db_cursor *c;
    bytes_t key;
    bytes_t value;
    size_t n = 0;
    cr_assert(err_ok(db_cursor_open(txn, table, &c)));
    err_t err = db_cursor_first(c, &key, &value);
    for (; err_ok(err); err = db_cursor_next(c, &key, &value)) {
        n += key_len == 0 || key.len == key_len;
    }
    db_cursor_close(c);
    return n;
}

static size_t count_entries(const struct db_txn *txn, unsigned table)
{
    return count_keys(txn, table, 0);
}

/// The state after any block, walked a few entries at a time and loaded elsewhere, is that state,
/// and a whole one.
static void expect_copies(struct db *db, struct arena *arena, const hash_t *roots, uint64_t *rng)
{
    for (uint64_t n = 0; n < BLOCKS; n += n < 3 || n + 8 > BLOCKS ? 1 : 13) {
        const struct temp_dir dir = temp_dir_make();
        struct db *to;
        struct db_txn *txn;
        struct state_copy *copy;
        struct state_totals totals;
        cr_assert(err_ok(schema_open(&to, dir.path, true, false)));
        cr_assert(err_ok(db_begin_write(to, &txn)));
        append_block(txn, 0, &roots[n]); // the audit asks the head for its root
        cr_assert(err_ok(db_commit(txn)));
        cr_assert(err_ok(state_copy_new(&copy, to)));
        for (bool done = false; !done;) {
            cr_assert(err_ok(db_begin_read(db, &txn)));
            const err_t err = state_copy_some(copy, &done, txn, n, 1 + next_random(rng) % 9);
            cr_assert(err_ok(err), "block %lu: %s", n, err_text(err));
            db_abort(txn);
        }
        err_t err = state_copy_finish(copy, &totals, &roots[n]);
        cr_assert(err_ok(err), "block %lu: %s", n, err_text(err));
        state_copy_free(copy);
        struct state_audit audit;
        cr_assert(err_ok(db_begin_read(to, &txn)));
        err = state_audit(&audit, arena, txn);
        cr_assert(err_ok(err), "block %lu: %s", n, err_text(err));
        cr_assert_eq(audit.accounts, totals.accounts);
        cr_assert_eq(audit.slots, totals.slots);
        cr_assert_eq(count_entries(txn, DB_CODE), totals.codes);
        db_abort(txn);
        db_close(to);
        temp_dir_remove(&dir);
    }
}

/// Goal: over random blocks with deletions and re-creations, root, head, every earlier state
/// and proofs are those of the model; and a store is left with what a fresh one would hold.
Test(commit, random_chain)
{
    const char *s = getenv("CAIRN_SEED");
    uint64_t rng = s != NULL ? strtoull(s, NULL, 10) : 0x1234567;
    const struct temp_dir dir = temp_dir_make();
    struct db *db;
    struct arena arena;
    static struct model models[BLOCKS];
    static hash_t roots[BLOCKS];
    cr_assert(err_ok(arena_init(&arena, (size_t)64 << 20)));
    cr_assert(err_ok(schema_open(&db, dir.path, true, false)));

    for (uint64_t n = 0; n < BLOCKS; n++) {
        arena_reset(&arena);
        if (n > 0) models[n] = models[n - 1];
        const struct state_diff diff = random_diff(&models[n], &arena, &rng);

        // Computed on a snapshot that ends before the write, as a node does.
        struct state_update *update;
        struct db_txn *txn;
        cr_assert(err_ok(db_begin_read(db, &txn)));
        err_t err = state_apply(&update, &roots[n], &arena, txn, &diff, NULL);
        cr_assert(err_ok(err), "block %lu: %s", n, err_text(err));
        db_abort(txn);
        const hash_t expected = model_root(&models[n]);
        cr_assert(hash_eq(&roots[n], &expected), "block %lu: root differs", n);

        cr_assert(err_ok(db_begin_write(db, &txn)));
        err = state_write(txn, update, n);
        cr_assert(err_ok(err), "block %lu: %s", n, err_text(err));
        append_block(txn, n, &roots[n]);
        cr_assert(err_ok(db_commit(txn)));
    }

    struct db_txn *txn;
    cr_assert(err_ok(db_begin_read(db, &txn)));
    struct latest_view latest;
    latest_view_init(&latest, txn);
    const struct state_view head = latest_as_view(&latest);
    expect_view(&head, &models[BLOCKS - 1], BLOCKS - 1);
    for (uint64_t n = 0; n < BLOCKS; n++) {
        struct history_view history;
        cr_assert(err_ok(history_view_init(&history, txn, n)));
        const struct state_view v = history_as_view(&history);
        expect_view(&v, &models[n], n);
        arena_reset(&arena);
        if (BLOCKS - 1 - n <= PROVE_MAX_DEPTH && (n % 9 == 0 || n + 3 > BLOCKS)) {
            expect_proofs(txn, &arena, &models[n], n, &roots[n]);
        }
    }
    struct state_audit audit;
    const err_t sound = state_audit(&audit, &arena, txn);
    cr_expect(err_ok(sound), "%s", err_text(sound));
    cr_expect_eq(audit.accounts, count_keys(txn, DB_ACCOUNTS, 32));
    cr_expect_eq(audit.slots, count_keys(txn, DB_SLOTS, 64));
    cr_expect_eq(audit.accounts + audit.slots + audit.nodes, count_entries(txn, DB_ACCOUNTS) +
                                                                 count_entries(txn, DB_SLOTS) +
                                                                 count_entries(txn, DB_TRIE));
    struct history_view above;
    cr_expect_eq(history_view_init(&above, txn, BLOCKS).kind, ERR_NOT_FOUND);
    const address_t any = address_of(0);
    struct account_proof proof;
    cr_expect_eq(state_prove(&proof, &arena, txn, BLOCKS - 2 - PROVE_MAX_DEPTH, &any, NULL, 0).kind,
                 ERR_LIMIT);

    db_abort(txn);
    expect_copies(db, &arena, roots, &rng);
    cr_assert(err_ok(db_begin_read(db, &txn)));

    // The same state written at once into a fresh store has the same entries.
    const struct temp_dir fresh_dir = temp_dir_make();
    struct db *fresh;
    struct db_txn *other;
    cr_assert(err_ok(schema_open(&fresh, fresh_dir.path, true, false)));
    struct account_change *all = ARENA_ARRAY(&arena, struct account_change, ACCOUNTS);
    size_t count = 0;
    for (size_t i = 0; i < ACCOUNTS; i++) {
        const struct model_account *a = &models[BLOCKS - 1].a[i];
        if (!a->exists) continue;
        struct slot_change *slots = ARENA_ARRAY(&arena, struct slot_change, SLOTS);
        for (size_t k = 0; k < SLOTS; k++) {
            slots[k] = (struct slot_change){slot_of(k), u256_from_u64(a->slots[k])};
        }
        all[count++] = (struct account_change){.address = address_of(i),
                                               .now = model_account(a),
                                               .code = code_of(a->code),
                                               .slots = slots,
                                               .slot_count = SLOTS};
    }
    qsort(all, count, sizeof *all, compare_changes);
    const struct state_diff diff = {all, count};
    struct state_update *update;
    hash_t root;
    cr_assert(err_ok(db_begin_write(fresh, &other)));
    cr_assert(err_ok(state_apply(&update, &root, &arena, other, &diff, NULL)));
    cr_assert(hash_eq(&root, &roots[BLOCKS - 1]));
    cr_assert(err_ok(state_write(other, update, 0)));
    static const unsigned tables[] = {DB_ACCOUNTS, DB_SLOTS, DB_TRIE};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        cr_expect_eq(count_entries(txn, tables[i]), count_entries(other, tables[i]),
                     "table %s: something is left over", SCHEMA_TABLES[tables[i]].name);
    }
    cr_expect_eq(count_entries(other, DB_CHANGES), 0);
    db_abort(other);
    db_abort(txn);
    db_close(fresh);
    db_close(db);
    temp_dir_remove(&fresh_dir);
    temp_dir_remove(&dir);
    arena_deinit(&arena);
}

/// Goal: a damaged trie node in the store stops the next block that touches it.
Test(commit, damaged_node)
{
    const struct temp_dir dir = temp_dir_make();
    struct db *db;
    struct db_txn *txn;
    struct arena arena;
    cr_assert(err_ok(arena_init(&arena, (size_t)16 << 20)));
    cr_assert(err_ok(schema_open(&db, dir.path, true, false)));
    struct state_update *update;
    hash_t root;
    struct account_change changes[ACCOUNTS];
    for (size_t i = 0; i < ACCOUNTS; i++) {
        changes[i] = (struct account_change){.address = address_of(i), .now = account_none()};
        changes[i].now.nonce = 1 + i;
    }
    qsort(changes, ACCOUNTS, sizeof *changes, compare_changes);
    struct state_diff diff = {changes, ACCOUNTS};
    cr_assert(err_ok(db_begin_write(db, &txn)));
    cr_assert(err_ok(state_apply(&update, &root, &arena, txn, &diff, NULL)));
    cr_assert(err_ok(state_write(txn, update, 0)));
    append_block(txn, 0, &root);
    const uint8_t key[2] = {0}; // the root's: no nibbles
    bytes_t node;
    cr_assert(err_ok(db_get(txn, DB_TRIE, BYTES_OF(key), &node)));
    uint8_t copy[600];
    memcpy(copy, node.data, node.len);
    copy[10] ^= 1;
    cr_assert(err_ok(db_put(txn, DB_TRIE, BYTES_OF(key), bytes_make(copy, node.len))));
    changes[0].now.nonce = 77;
    diff.account_count = 1;
    cr_expect_eq(state_apply(&update, &root, &arena, txn, &diff, NULL).kind, ERR_CORRUPT);
    db_abort(txn);
    db_close(db);
    temp_dir_remove(&dir);
    arena_deinit(&arena);
}

/// Goal: the audit notices each single thing that is not as it should be.
Test(commit, audit_notices)
{
    const struct temp_dir dir = temp_dir_make();
    struct db *db;
    struct db_txn *txn;
    struct arena arena;
    static struct model m;
    cr_assert(err_ok(arena_init(&arena, (size_t)16 << 20)));
    cr_assert(err_ok(schema_open(&db, dir.path, true, false)));
    enum { SOUND, ACCOUNT, SLOT, STRAY_SLOT, NODE, LOST_NODE, STRAY_NODE, CODE, DAMAGES };
    for (int damage = SOUND; damage < DAMAGES; damage++) {
        arena_reset(&arena);
        uint64_t rng = 5;
        m = (struct model){0};
        for (size_t i = 0; i < 5; i++) (void)random_diff(&m, &arena, &rng);
        struct account_change all[ACCOUNTS];
        size_t count = 0;
        for (size_t i = 0; i < ACCOUNTS; i++) {
            if (!m.a[i].exists) continue;
            struct slot_change *slots = ARENA_ARRAY(&arena, struct slot_change, SLOTS);
            for (size_t k = 0; k < SLOTS; k++) {
                slots[k] = (struct slot_change){slot_of(k), u256_from_u64(m.a[i].slots[k])};
            }
            all[count++] = (struct account_change){.address = address_of(i),
                                                   .now = model_account(&m.a[i]),
                                                   .code = code_of(m.a[i].code),
                                                   .slots = slots,
                                                   .slot_count = SLOTS};
        }
        qsort(all, count, sizeof *all, compare_changes);
        const struct state_diff diff = {all, count};
        struct state_update *update;
        hash_t root;
        cr_assert(err_ok(db_begin_write(db, &txn)));
        cr_assert(err_ok(state_apply(&update, &root, &arena, txn, &diff, NULL)));
        cr_assert(err_ok(state_write(txn, update, 0)));
        append_block(txn, 0, &root);

        static const unsigned tables[DAMAGES] = {
            [ACCOUNT] = DB_ACCOUNTS, [SLOT] = DB_SLOTS, [NODE] = DB_TRIE,
            [LOST_NODE] = DB_TRIE,   [CODE] = DB_CODE,
        };
        struct db_cursor *c;
        bytes_t key;
        bytes_t value;
        uint8_t changed[600];
        if (tables[damage] != DB_META) {
            cr_assert(err_ok(db_cursor_open(txn, tables[damage], &c)));
            cr_assert(err_ok(db_cursor_last(c, &key, &value)));
            hash_t kept[3];
            memcpy(kept, key.data, key.len);
            const bytes_t same_key = bytes_make(kept, key.len);
            memcpy(changed, value.data, value.len);
            changed[value.len - 1] ^= 1;
            const size_t len = value.len;
            if (damage == LOST_NODE) {
                cr_assert(err_ok(db_cursor_delete(c)));
            }
            db_cursor_close(c);
            if (damage != LOST_NODE) {
                cr_assert(err_ok(db_put(txn, tables[damage], same_key, bytes_make(changed, len))));
            }
        }
        uint8_t stray[64];
        memset(stray, 0xff, sizeof stray);
        stray[0] = damage == STRAY_NODE ? 1 : 0xff;
        if (damage == STRAY_SLOT) {
            cr_assert(err_ok(db_put(txn, DB_SLOTS, BYTES_OF(stray), LIT("x"))));
        }
        if (damage == STRAY_NODE) {
            cr_assert(err_ok(db_put(txn, DB_TRIE, BYTES_OF(stray), LIT("x"))));
        }
        struct state_audit audit;
        const err_t err = state_audit(&audit, &arena, txn);
        cr_expect_eq(err.kind, damage == SOUND ? ERR_NONE : ERR_CORRUPT, "damage %d: %s", damage,
                     err_text(err));
        db_abort(txn);
    }
    db_close(db);
    temp_dir_remove(&dir);
    arena_deinit(&arena);
}

// ---- SIGKILL ----------------------------------------------------------------------------

/// Commits random blocks on whatever is there, for ever. Block n's diff depends on n alone.
static void commit_until_killed(const struct temp_dir *dir, int told)
{
    struct db *db;
    struct arena arena;
    if (!err_ok(schema_open(&db, dir->path, true, false))) _exit(9);
    if (!err_ok(arena_init(&arena, (size_t)64 << 20))) _exit(9);
    for (;;) {
        struct db_txn *txn;
        uint64_t head = 0;
        hash_t hash;
        arena_reset(&arena);
        if (!err_ok(db_begin_write(db, &txn))) _exit(9);
        const uint64_t n = err_ok(blocks_head(txn, &head, &hash)) ? head + 1 : 0;
        uint64_t rng = 77 + n;
        static struct model model; // only shapes the diff: what exists does not matter
        const struct state_diff diff = random_diff(&model, &arena, &rng);
        struct state_update *update;
        hash_t root;
        if (!err_ok(state_apply(&update, &root, &arena, txn, &diff, NULL))) _exit(9);
        if (!err_ok(state_write(txn, update, n))) _exit(9);
        append_block(txn, n, &root);
        if (!err_ok(db_commit(txn))) _exit(9);
        if (write(told, &n, sizeof n) != sizeof n) _exit(9);
    }
}

/// Goal: killed in the middle of commits, the store opens with every acknowledged block, and
/// flat tables, trie nodes and the head's root agree to the last entry.
Test(commit, sigkill, .timeout = 600)
{
    const struct temp_dir dir = temp_dir_make();
    struct arena arena;
    uint64_t acknowledged = 0;
    uint64_t rng = 424242;
    cr_assert(err_ok(arena_init(&arena, (size_t)64 << 20)));
    for (int round = 0; round < 15; round++) {
        int fd[2];
        cr_assert_eq(pipe(fd), 0);
        const pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            close(fd[0]);
            commit_until_killed(&dir, fd[1]);
        }
        close(fd[1]);
        for (uint64_t i = 0; i < 1 + next_random(&rng) % 8; i++) {
            cr_assert_eq(read(fd[0], &acknowledged, sizeof acknowledged), sizeof acknowledged,
                         "the writer failed");
        }
        usleep((unsigned)(next_random(&rng) % 3000));
        kill(child, SIGKILL);
        uint64_t more;
        while (read(fd[0], &more, sizeof more) == sizeof more) acknowledged = more;
        close(fd[0]);
        int status;
        waitpid(child, &status, 0);
        cr_assert(WIFSIGNALED(status));

        struct db *db;
        struct db_txn *txn;
        uint64_t head;
        hash_t hash;
        struct state_audit audit;
        cr_assert(err_ok(schema_open(&db, dir.path, false, false)));
        cr_assert(err_ok(db_begin_read(db, &txn)));
        cr_assert(err_ok(blocks_head(txn, &head, &hash)));
        cr_assert(head == acknowledged || head == acknowledged + 1, "round %d", round);
        arena_reset(&arena);
        const err_t err = state_audit(&audit, &arena, txn);
        cr_assert(err_ok(err), "round %d: %s", round, err_text(err));
        db_abort(txn);
        db_close(db);
    }
    cr_expect_gt(acknowledged, 15);
    temp_dir_remove(&dir);
    arena_deinit(&arena);
}

/// Goal: the packed forms are inverses, and every wrong length is refused.
Test(flat, accounts)
{
    static const uint64_t nonces[] = {0, 1, 127, 128, 256, UINT64_MAX};
    for (size_t n = 0; n < ARRAY_LEN(nonces); n++) {
        for (unsigned bits = 0; bits <= 256; bits += 16) {
            struct account a = account_none();
            a.nonce = nonces[n];
            const u256_t one = u256_from_u64(1);
            a.balance_wei = bits == 0 ? u256_from_u64(0) : u256_shl(&one, bits - 1);
            if (bits % 32 == 0) a.storage_root = keccak256(LIT("storage"));
            if (n % 2 == 0) a.code_hash = keccak256(LIT("code"));
            uint8_t packed[FLAT_ACCOUNT_MAX + 1] = {0};
            const size_t len = flat_account_encode(packed, &a);
            struct account b;
            cr_assert(err_ok(flat_account_decode(&b, bytes_make(packed, len))));
            cr_expect_eq(b.nonce, a.nonce);
            cr_expect(u256_eq(&b.balance_wei, &a.balance_wei));
            cr_expect(hash_eq(&b.storage_root, &a.storage_root));
            cr_expect(hash_eq(&b.code_hash, &a.code_hash));
            for (size_t cut = 0; cut <= len + 1; cut++) {
                if (cut == len) continue;
                cr_expect_eq(flat_account_decode(&b, bytes_make(packed, cut)).kind, ERR_CORRUPT);
            }
        }
    }
}

Test(flat, slots)
{
    u256_t v;
    for (unsigned bits = 1; bits <= 256; bits += 5) {
        const u256_t one = u256_from_u64(1);
        const u256_t value = u256_shl(&one, bits - 1);
        uint8_t packed[FLAT_SLOT_MAX + 1] = {0};
        const size_t len = flat_slot_encode(packed, &value);
        cr_assert(err_ok(flat_slot_decode(&v, bytes_make(packed, len))));
        cr_expect(u256_eq(&v, &value));
        for (size_t cut = 0; cut <= len + 1; cut++) {
            if (cut == len) continue;
            cr_expect_eq(flat_slot_decode(&v, bytes_make(packed, cut)).kind, ERR_CORRUPT);
        }
    }
    const uint8_t long_slot[34] = {33};
    cr_expect_eq(flat_slot_decode(&v, BYTES_OF(long_slot)).kind, ERR_CORRUPT);
}

/// Goal: a stored value comes apart where its record ends, or not at all.
Test(flat, split)
{
    static const struct {
        const char *name;
        size_t key_len;
        bytes_t in;
        enum err_kind kind;
        size_t record;
        size_t changes;
    } cases[] = {
        {"no entry", 32, {NULL, 0}, ERR_NONE, 0, 0},
        {"no slot", 64, {NULL, 0}, ERR_NONE, 0, 0},
        {"an account", 32, LIT("\x01\x01\x07\x09"), ERR_NONE, 4, 0},
        {"an account and its changes", 32, LIT("\x01\x01\x07\x09\x05\x02"), ERR_NONE, 4, 2},
        {"an account cut short", 32, LIT("\x01\x01\x07"), ERR_CORRUPT, 0, 0},
        {"half a header", 32, LIT("\x00"), ERR_CORRUPT, 0, 0},
        {"a storage root that is not there", 32, LIT("\x80\x00\x07"), ERR_CORRUPT, 0, 0},
        {"a slot", 64, LIT("\x02\x01\x00"), ERR_NONE, 3, 0},
        {"a slot and its changes", 64, LIT("\x01\x01\x05"), ERR_NONE, 2, 1},
        {"a slot cut short", 64, LIT("\x02\x01"), ERR_CORRUPT, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct flat_value v;
        const err_t err = flat_split(&v, cases[i].key_len, cases[i].in);
        cr_expect_eq(err.kind, cases[i].kind, "%s", cases[i].name);
        if (!err_ok(err)) continue;
        cr_expect_eq(v.record.len, cases[i].record, "%s", cases[i].name);
        cr_expect_eq(v.changes.len, cases[i].changes, "%s", cases[i].name);
    }
}

/// Goal: lists of changes are inverses, and what nobody writes is refused.
Test(flat, changes)
{
    static const uint64_t lists[][FLAT_CHANGES_MAX] = {
        {1},
        {127, 128, 256, 16384},
        {1, UINT64_MAX >> 1},
        {UINT64_C(1) << 62, 1 + (UINT64_C(1) << 62)}};
    uint64_t out[FLAT_CHANGES_MAX];
    size_t count;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        size_t n = 0;
        while (lists[i][n] != 0) n++;
        uint8_t b[FLAT_CHANGES_BYTES];
        const size_t len = flat_changes_encode(b, lists[i], n);
        cr_assert(err_ok(flat_changes_decode(out, &count, bytes_make(b, len))));
        cr_assert_eq(count, n);
        cr_expect_eq(memcmp(out, lists[i], n * sizeof *out), 0);
        cr_expect_eq(flat_changes_decode(out, &count, bytes_make(b, len - 1)).kind == ERR_CORRUPT,
                     len > 1 && b[len - 2] >= 0x80, "list %zu", i);
    }
    cr_assert(err_ok(flat_changes_decode(out, &count, BYTES_NONE)));
    cr_expect_eq(count, 0);
    uint8_t many[FLAT_CHANGES_MAX + 1];
    memset(many, 1, sizeof many);
    cr_expect(err_ok(flat_changes_decode(out, &count, bytes_make(many, FLAT_CHANGES_MAX))));
    cr_expect_eq(flat_changes_decode(out, &count, BYTES_OF(many)).kind, ERR_CORRUPT);
    static const bytes_t bad[] = {LIT("\x00"), LIT("\x05\x00"), LIT("\x80"),
                                  LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_expect_eq(flat_changes_decode(out, &count, bad[i]).kind, ERR_CORRUPT, "list %zu", i);
    }
}
