// SPDX-License-Identifier: Apache-2.0
#include "chain/state/audit.h"

#include "chain/crypto/keccak.h"
#include "chain/state/nodes.h"
#include "chain/state/read.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"

#define NO_ROOM FAIL(FULL, "audit: no memory left")

struct audit {
    const struct db_txn *txn;
    struct arena *arena;
    struct db_cursor *accounts;
    struct db_cursor *slots; ///< walks in step: slots lie in the order of their accounts
    struct db_cursor *upper; ///< trie nodes that have a table of their own
    struct state_audit *out;
    uint64_t head;
    uint64_t stored_nodes; ///< entries of all tables that are nodes

    // The slot the cursor stands on; OK until its end.
    err_t slot_err;
    bytes_t slot_key;
    bytes_t slot_value;
};

static err_t keep(struct arena *arena, bytes_t *out, const uint8_t *in, size_t len)
{
    bool full = false;
    *out = arena_copy(arena, bytes_make(in, len), &full);
    return full ? NO_ROOM : OK;
}

/// Moves on to the next slot, past the nodes between them.
static void next_slot(struct audit *a, err_t moved)
{
    a->slot_err = moved;
    while (err_ok(a->slot_err) && a->slot_key.len != 64) {
        a->stored_nodes++;
        a->slot_err = db_cursor_next(a->slots, &a->slot_key, &a->slot_value);
    }
}

/// The nodes of one trie must be stored as they are in `t`.
static err_t compare_nodes(struct audit *a, const struct trie *t, const struct state_nodes *nodes)
{
    size_t count;
    const struct trie_change *all = trie_writes(t, &count);
    for (size_t i = 0; i < count; i++) {
        struct node_place place;
        bytes_t stored;
        TRY(state_node_place(&place, nodes, all[i].path, all[i].path_len));
        const err_t err =
            db_get(a->txn, place.table, bytes_make(place.key, place.key_len), &stored);
        if (err.kind == ERR_NOT_FOUND) return FAIL(CORRUPT, "audit: a trie node is missing");
        TRY(err);
        if (!bytes_eq(stored, all[i].node)) {
            return FAIL(CORRUPT, "audit: a trie node is not what the state gives");
        }
        a->out->nodes++;
    }
    return OK;
}

/// The changes beside a record: in order and not of blocks to come.
static err_t check_changes(const struct audit *a, const struct flat_value *stored)
{
    uint64_t numbers[FLAT_CHANGES_MAX];
    size_t count;
    TRY(flat_changes_decode(numbers, &count, stored->changes));
    if (count > 0 && numbers[count - 1] > a->head) {
        return FAIL(CORRUPT, "audit: a change of a block that does not exist");
    }
    return OK;
}

static err_t open_empty(struct audit *a, struct trie **t)
{
    static const struct trie_source nothing = {.leaves_apart = true};
    return trie_open(t, a->arena, &nothing, &KECCAK_RLP_NULL);
}

static err_t audit_storage(struct audit *a, const hash_t *address_hash, const hash_t *root)
{
    const size_t mark = arena_mark(a->arena);
    struct trie *t;
    TRY(open_empty(a, &t));
    while (err_ok(a->slot_err) && memcmp(a->slot_key.data, address_hash->b, 32) == 0) {
        struct flat_value stored;
        u256_t value;
        uint8_t rlp[TRIE_SLOT_MAX];
        bytes_t leaf;
        TRY(flat_split(&stored, 64, a->slot_value));
        TRY(check_changes(a, &stored));
        TRY(flat_slot_decode(&value, stored.record));
        TRY(keep(a->arena, &leaf, rlp, trie_slot_encode(rlp, &value)));
        TRY(trie_put(t, bytes_make(a->slot_key.data + 32, 32), leaf));
        a->out->slots++;
        next_slot(a, db_cursor_next(a->slots, &a->slot_key, &a->slot_value));
    }
    TRY(trie_finish(&t, 1, NULL));
    const hash_t have = trie_root(t);
    if (!hash_eq(&have, root)) {
        return FAIL(CORRUPT, "audit: an account's slots do not give its storage root");
    }
    const struct state_nodes nodes = {.is_storage = true, .address_hash = *address_hash};
    TRY(compare_nodes(a, t, &nodes));
    arena_rewind(a->arena, mark);
    return OK;
}

/// Pass 1 builds the account trie; pass 2 (`t` is NULL) compares the storage tries.
static err_t walk_accounts(struct audit *a, struct trie *t)
{
    bytes_t key;
    bytes_t value;
    err_t err = db_cursor_first(a->accounts, &key, &value);
    for (; err_ok(err); err = db_cursor_next(a->accounts, &key, &value)) {
        struct flat_value stored;
        struct account account;
        if (key.len != 32) {
            a->stored_nodes += t != NULL;
            continue;
        }
        TRY(flat_split(&stored, 32, value));
        TRY(flat_account_decode(&account, stored.record));
        hash_t hash;
        memcpy(hash.b, key.data, 32);
        if (t == NULL) {
            TRY(audit_storage(a, &hash, &account.storage_root));
            continue;
        }
        TRY(check_changes(a, &stored));
        uint8_t rlp[TRIE_ACCOUNT_MAX];
        bytes_t leaf;
        bytes_t code;
        TRY(keep(a->arena, &leaf, rlp, trie_account_encode(rlp, &account)));
        TRY(trie_put(t, BYTES_OF(hash), leaf));
        TRY(read_code(a->txn, &code, &account.code_hash));
        const hash_t code_hash = keccak256(code);
        if (!hash_eq(&code_hash, &account.code_hash)) {
            return FAIL(CORRUPT, "audit: a contract's code does not have its hash");
        }
        a->out->accounts++;
    }
    return err.kind == ERR_NOT_FOUND ? OK : err;
}

static err_t run(struct audit *a)
{
    hash_t expected;
    struct trie *t;
    hash_t head;
    const err_t found = blocks_head(a->txn, &a->head, &head);
    if (found.kind != ERR_NOT_FOUND) TRY(found);
    TRY(state_head_root(a->txn, &expected));
    next_slot(a, db_cursor_first(a->slots, &a->slot_key, &a->slot_value));

    const size_t mark = arena_mark(a->arena);
    TRY(open_empty(a, &t));
    TRY(walk_accounts(a, t));
    TRY(trie_finish(&t, 1, NULL));
    const hash_t root = trie_root(t);
    if (!hash_eq(&root, &expected)) {
        return FAIL(CORRUPT, "audit: the accounts do not give the head's state root");
    }
    const struct state_nodes nodes = {.is_storage = false};
    TRY(compare_nodes(a, t, &nodes));
    arena_rewind(a->arena, mark);

    TRY(walk_accounts(a, NULL));
    if (a->slot_err.kind != ERR_NOT_FOUND) {
        return FAIL(CORRUPT, "audit: there are slots of an account that does not exist");
    }
    bytes_t key;
    bytes_t value;
    err_t err = db_cursor_first(a->upper, &key, &value);
    for (; err_ok(err); err = db_cursor_next(a->upper, &key, &value)) a->stored_nodes++;
    if (err.kind != ERR_NOT_FOUND) return err;
    // Each node of the tries was found: if there are more entries, those belong to nothing.
    if (a->stored_nodes != a->out->nodes) {
        return FAIL(CORRUPT, "audit: there are trie nodes that belong to nothing");
    }
    return OK;
}

err_t state_audit(struct state_audit *out, struct arena *arena, const struct db_txn *txn)
{
    *out = (struct state_audit){0};
    struct audit a = {.txn = txn, .arena = arena, .out = out};
    err_t err = db_cursor_open(txn, DB_ACCOUNTS, &a.accounts);
    if (err_ok(err)) err = db_cursor_open(txn, DB_SLOTS, &a.slots);
    if (err_ok(err)) err = db_cursor_open(txn, DB_TRIE, &a.upper);
    if (err_ok(err)) err = run(&a);
    db_cursor_close(a.accounts);
    db_cursor_close(a.slots);
    db_cursor_close(a.upper);
    return err;
}
