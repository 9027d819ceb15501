// SPDX-License-Identifier: Apache-2.0
/// Goal: a state that spans several groups is loaded whole, and every way in which entries may be
/// false is refused.
#include "chain/state/load.h"

#include "chain/crypto/keccak.h"
#include "chain/state/audit.h"
#include "chain/state/flat.h"
#include "chain/state/walk.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "chain/trie/trie.h"
#include "test/support/temp_dir.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MANY = 70000 };

static int compare_hashes(const void *a, const void *b)
{
    return hash_cmp(a, b);
}

/// Keys of hashes, ascending.
static hash_t *keys_of(size_t count, uint8_t salt)
{
    hash_t *keys = calloc(count, sizeof *keys);
    for (size_t i = 0; i < count; i++) {
        const size_t in[2] = {i, salt};
        keys[i] = keccak256(BYTES_OF(in));
    }
    qsort(keys, count, sizeof *keys, compare_hashes);
    return keys;
}

/// The root of keys with values, by the trie itself.
static hash_t root_of(struct arena *arena, const hash_t *keys, const bytes_t *values, size_t count)
{
    static const struct trie_source nothing = {.leaves_apart = true};
    struct trie *t;
    cr_assert(err_ok(trie_open(&t, arena, &nothing, &KECCAK_RLP_NULL)));
    for (size_t i = 0; i < count; i++) {
        cr_assert(err_ok(trie_put(t, BYTES_OF(keys[i]), values[i])));
    }
    cr_assert(err_ok(trie_finish(&t, 1, NULL)));
    return trie_root(t);
}

static hash_t storage_root(struct arena *arena, const hash_t *keys, size_t count)
{
    bytes_t *values = calloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        const u256_t value = u256_from_u64(i + 1);
        uint8_t *rlp = arena_alloc(arena, TRIE_SLOT_MAX);
        values[i] = bytes_make(rlp, trie_slot_encode(rlp, &value));
    }
    const hash_t root = root_of(arena, keys, values, count);
    free(values);
    return root;
}

struct target {
    struct temp_dir dir;
    struct db *db;
    struct state_loader *loader;
};

static void target_open(struct target *t)
{
    t->dir = temp_dir_make();
    cr_assert(err_ok(schema_open(&t->db, t->dir.path, true, false)));
    cr_assert(err_ok(state_loader_new(&t->loader, t->db, NULL)));
}

static void target_close(struct target *t)
{
    state_loader_free(t->loader);
    db_close(t->db);
    temp_dir_remove(&t->dir);
}

struct shown {
    const hash_t *accounts;
    const hash_t *slots;
    size_t big; ///< index of the account with slots
    size_t account_count;
    size_t slot_count;
};

static err_t show_account(void *ctx, const hash_t *key, const struct account *a)
{
    struct shown *s = ctx;
    cr_assert(hash_eq(key, &s->accounts[s->account_count]));
    cr_assert_eq(a->nonce, s->account_count);
    s->account_count++;
    return OK;
}

static err_t show_slot(void *ctx, const hash_t *account, const hash_t *key, const u256_t *value)
{
    struct shown *s = ctx;
    cr_assert(hash_eq(account, &s->accounts[s->big]));
    cr_assert(hash_eq(key, &s->slots[s->slot_count]));
    s->slot_count++;
    const u256_t want = u256_from_u64(s->slot_count);
    cr_assert(u256_eq(value, &want));
    return OK;
}

Test(load, several_groups, .timeout = 120)
{
    struct arena arena;
    struct target t;
    cr_assert(err_ok(arena_init(&arena, (size_t)2 << 30)));
    hash_t *accounts = keys_of(MANY, 1);
    hash_t *slots = keys_of(MANY, 2);
    const size_t big = 20000;
    const hash_t stored = storage_root(&arena, slots, MANY);
    bytes_t *leaves = calloc(MANY, sizeof *leaves);
    target_open(&t);
    for (size_t i = 0; i < MANY; i++) {
        struct account a = account_none();
        a.nonce = i;
        a.balance_wei = u256_from_u64(i * i);
        if (i == big) a.storage_root = stored;
        err_t err = state_load_account(t.loader, &accounts[i], &a);
        cr_assert(err_ok(err), "account %zu: %s", i, err_text(err));
        for (size_t k = 0; k < MANY && i == big; k++) {
            const u256_t value = u256_from_u64(k + 1);
            err = state_load_slot(t.loader, &slots[k], &value);
            cr_assert(err_ok(err), "slot %zu: %s", k, err_text(err));
        }
        uint8_t *rlp = arena_alloc(&arena, TRIE_ACCOUNT_MAX);
        leaves[i] = bytes_make(rlp, trie_account_encode(rlp, &a));
    }
    const hash_t root = root_of(&arena, accounts, leaves, MANY);
    struct state_totals totals;
    const err_t err = state_loader_finish(t.loader, &totals, &root);
    cr_assert(err_ok(err), "%s", err_text(err));
    cr_expect_eq(totals.accounts, MANY);
    cr_expect_eq(totals.slots, MANY);

    // A walk in pieces meets every entry once, in order.
    struct db_txn *txn;
    struct block b = {.ommers = LIT("\xc0")};
    b.header = (struct header){.ommers_hash = KECCAK_RLP_LIST,
                               .state_root = root,
                               .transactions_root = KECCAK_RLP_NULL,
                               .receipts_root = KECCAK_RLP_NULL,
                               .field_count = HEADER_FIELDS_CLASSIC};
    b.hash = header_hash(&b.header);
    cr_assert(err_ok(db_begin_write(t.db, &txn)));
    cr_assert(err_ok(blocks_append(txn, &b, NULL, 0)));
    cr_assert(err_ok(db_commit(txn)));
    struct shown shown = {accounts, slots, big, 0, 0};
    const struct state_visitor visitor = {show_account, show_slot, &shown};
    struct state_place at = {.begun = false};
    while (!at.done) {
        cr_assert(err_ok(db_begin_read(t.db, &txn)));
        const err_t walked = state_walk(&at, txn, 0, 7777, &visitor);
        cr_assert(err_ok(walked), "%s", err_text(walked));
        db_abort(txn);
    }
    cr_expect_eq(shown.account_count, MANY);
    cr_expect_eq(shown.slot_count, MANY);
    struct state_audit audit;
    arena_reset(&arena);
    cr_assert(err_ok(db_begin_read(t.db, &txn)));
    const err_t sound = state_audit(&audit, &arena, txn);
    cr_expect(err_ok(sound), "%s", err_text(sound));
    db_abort(txn);
    target_close(&t);
    arena_deinit(&arena);
    free(accounts);
    free(slots);
    free(leaves);
}

// ---- refusals -------------------------------------------------------------------------------

static const hash_t LOW = {{1}};
static const hash_t HIGH = {{2}};

static struct account with_code(bytes_t code)
{
    struct account a = account_none();
    a.code_hash = keccak256(code);
    return a;
}

#define CODE LIT("\x60\x00")

static err_t orders(struct state_loader *l)
{
    const struct account a = account_none();
    TRY(state_load_account(l, &HIGH, &a));
    return state_load_account(l, &LOW, &a);
}

static err_t twice(struct state_loader *l)
{
    const struct account a = account_none();
    TRY(state_load_account(l, &LOW, &a));
    return state_load_account(l, &LOW, &a);
}

static err_t slot_order(struct state_loader *l)
{
    const struct account a = account_none();
    const u256_t one = u256_from_u64(1);
    TRY(state_load_account(l, &LOW, &a));
    TRY(state_load_slot(l, &HIGH, &one));
    return state_load_slot(l, &LOW, &one);
}

static err_t slot_zero(struct state_loader *l)
{
    const struct account a = account_none();
    const u256_t zero = u256_from_u64(0);
    TRY(state_load_account(l, &LOW, &a));
    return state_load_slot(l, &LOW, &zero);
}

static err_t slot_of_nobody(struct state_loader *l)
{
    const u256_t one = u256_from_u64(1);
    return state_load_slot(l, &LOW, &one);
}

/// Entries of one account, then the end.
static err_t end(struct state_loader *l)
{
    struct state_totals totals;
    return state_loader_finish(l, &totals, &KECCAK_RLP_NULL);
}

static err_t slots_missing(struct state_loader *l)
{
    struct account a = account_none();
    a.storage_root = LOW;
    TRY(state_load_account(l, &LOW, &a));
    return end(l);
}

static err_t slots_too_many(struct state_loader *l)
{
    const struct account a = account_none();
    const u256_t one = u256_from_u64(1);
    TRY(state_load_account(l, &LOW, &a));
    TRY(state_load_slot(l, &LOW, &one));
    return end(l);
}

static err_t code_missing(struct state_loader *l)
{
    const struct account a = with_code(CODE);
    TRY(state_load_account(l, &LOW, &a));
    return end(l);
}

static err_t code_of_none(struct state_loader *l)
{
    const struct account a = account_none();
    TRY(state_load_account(l, &LOW, &a));
    TRY(state_load_code(l, CODE));
    return end(l);
}

static err_t code_false(struct state_loader *l)
{
    const struct account a = with_code(CODE);
    TRY(state_load_account(l, &LOW, &a));
    TRY(state_load_code(l, LIT("\x60\x01")));
    return end(l);
}

static err_t code_again(struct state_loader *l)
{
    const struct account a = with_code(CODE);
    TRY(state_load_account(l, &LOW, &a));
    TRY(state_load_code(l, CODE));
    TRY(state_load_account(l, &HIGH, &a));
    TRY(state_load_code(l, CODE));
    return end(l);
}

static err_t code_twice(struct state_loader *l)
{
    const struct account a = with_code(CODE);
    TRY(state_load_account(l, &LOW, &a));
    TRY(state_load_code(l, CODE));
    return state_load_code(l, CODE);
}

static err_t code_of_nobody(struct state_loader *l)
{
    return state_load_code(l, CODE);
}

static err_t another_root(struct state_loader *l)
{
    const struct account a = account_none();
    TRY(state_load_account(l, &LOW, &a));
    return end(l);
}

static const struct {
    const char *name;
    err_t (*run)(struct state_loader *l);
} cases[] = {
    {"accounts descend", orders},
    {"an account twice", twice},
    {"slots descend", slot_order},
    {"a slot that is zero", slot_zero},
    {"a slot before any account", slot_of_nobody},
    {"slots are missing", slots_missing},
    {"slots of an account without storage", slots_too_many},
    {"code is missing", code_missing},
    {"code of an account without", code_of_none},
    {"code without its hash", code_false},
    {"code that was there", code_again},
    {"two codes of one account", code_twice},
    {"code before any account", code_of_nobody},
    {"another root", another_root},
};

Test(load, refusals)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target t;
        target_open(&t);
        const err_t err = cases[i].run(t.loader);
        cr_expect_eq(err.kind, ERR_INVALID, "%s: %s", cases[i].name, err_text(err));
        target_close(&t);
    }
    struct target t;
    target_open(&t);
    const err_t err = end(t.loader);
    cr_expect(err_ok(err), "nothing at all is the empty state: %s", err_text(err));
    target_close(&t);
}
