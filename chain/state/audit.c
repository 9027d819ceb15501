// SPDX-License-Identifier: Apache-2.0
#include "chain/state/audit.h"

#include "chain/crypto/keccak.h"
#include "chain/state/nodes.h"
#include "chain/state/read.h"
#include "chain/store/schema.h"

#define NO_ROOM FAIL(FULL, "audit: no memory left")

struct audit {
    const struct db_txn *txn;
    struct arena *arena;
    struct db_cursor *accounts;
    struct db_cursor *slots; ///< walks in step: slots lie in the order of their accounts
    struct db_cursor *nodes; ///< in the order of the tries
    struct state_audit *out;

    // The slot and the node the cursors stand on; OK until their end.
    err_t slot_err;
    bytes_t slot_key;
    bytes_t slot_value;
    err_t node_err;
    bytes_t node_key;
    bytes_t node_value;
};

static err_t keep(struct arena *arena, bytes_t *out, const uint8_t *in, size_t len)
{
    bool full = false;
    *out = arena_copy(arena, bytes_make(in, len), &full);
    return full ? NO_ROOM : OK;
}

/// The stored nodes of one trie, from the cursor's place on, must be those of `t`.
static err_t compare_nodes(struct audit *a, const struct trie *t, const uint8_t *prefix,
                           size_t prefix_len)
{
    size_t count;
    const struct trie_change *nodes = trie_writes(t, &count);
    for (size_t i = 0; i < count; i++) {
        TRY(a->node_err);
        const bytes_t key = a->node_key;
        if (key.len != prefix_len + nodes[i].path_len ||
            memcmp(key.data, prefix, prefix_len) != 0 ||
            (nodes[i].path_len > 0 &&
             memcmp(key.data + prefix_len, nodes[i].path, nodes[i].path_len) != 0)) {
            return FAIL(CORRUPT, "audit: a trie node is missing, or one is too many");
        }
        if (!bytes_eq(a->node_value, nodes[i].node)) {
            return FAIL(CORRUPT, "audit: a trie node is not what the state gives");
        }
        a->out->nodes++;
        a->node_err = db_cursor_next(a->nodes, &a->node_key, &a->node_value);
    }
    return OK;
}

static err_t audit_storage(struct audit *a, const hash_t *address_hash, const hash_t *root)
{
    const size_t mark = arena_mark(a->arena);
    struct trie *t;
    TRY(trie_open(&t, a->arena, NULL, &KECCAK_RLP_NULL));
    while (err_ok(a->slot_err) && memcmp(a->slot_key.data, address_hash->b, 32) == 0) {
        u256_t value;
        uint8_t rlp[TRIE_SLOT_MAX];
        bytes_t leaf;
        TRY(flat_slot_decode(&value, a->slot_value));
        TRY(keep(a->arena, &leaf, rlp, trie_slot_encode(rlp, &value)));
        TRY(trie_put(t, bytes_make(a->slot_key.data + 32, 32), leaf));
        a->out->slots++;
        a->slot_err = db_cursor_next(a->slots, &a->slot_key, &a->slot_value);
    }
    TRY(trie_finish(&t, 1, NULL));
    const hash_t have = trie_root(t);
    if (!hash_eq(&have, root)) {
        return FAIL(CORRUPT, "audit: an account's slots do not give its storage root");
    }
    uint8_t prefix[33] = {1};
    memcpy(prefix + 1, address_hash->b, 32);
    TRY(compare_nodes(a, t, prefix, sizeof prefix));
    arena_rewind(a->arena, mark);
    return OK;
}

/// Pass 1 builds the account trie, whose nodes come first; pass 2 compares the storage tries.
static err_t walk_accounts(struct audit *a, struct trie *t)
{
    bytes_t key;
    bytes_t value;
    err_t err = db_cursor_first(a->accounts, &key, &value);
    for (; err_ok(err); err = db_cursor_next(a->accounts, &key, &value)) {
        struct account account;
        if (key.len != 32) return FAIL(CORRUPT, "audit: an account's key is unreadable");
        TRY(flat_account_decode(&account, value));
        hash_t hash;
        memcpy(hash.b, key.data, 32);
        if (t == NULL) {
            TRY(audit_storage(a, &hash, &account.storage_root));
            continue;
        }
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
    TRY(state_head_root(a->txn, &expected));
    a->slot_err = db_cursor_first(a->slots, &a->slot_key, &a->slot_value);
    a->node_err = db_cursor_first(a->nodes, &a->node_key, &a->node_value);

    const size_t mark = arena_mark(a->arena);
    TRY(trie_open(&t, a->arena, NULL, &KECCAK_RLP_NULL));
    TRY(walk_accounts(a, t));
    TRY(trie_finish(&t, 1, NULL));
    const hash_t root = trie_root(t);
    if (!hash_eq(&root, &expected)) {
        return FAIL(CORRUPT, "audit: the accounts do not give the head's state root");
    }
    const uint8_t prefix[1] = {0};
    TRY(compare_nodes(a, t, prefix, sizeof prefix));
    arena_rewind(a->arena, mark);

    TRY(walk_accounts(a, NULL));
    if (a->slot_err.kind != ERR_NOT_FOUND) {
        return FAIL(CORRUPT, "audit: there are slots of an account that does not exist");
    }
    if (a->node_err.kind != ERR_NOT_FOUND) {
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
    if (err_ok(err)) err = db_cursor_open(txn, DB_TRIE, &a.nodes);
    if (err_ok(err)) err = run(&a);
    db_cursor_close(a.accounts);
    db_cursor_close(a.slots);
    db_cursor_close(a.nodes);
    if (err.kind == ERR_NOT_FOUND) return FAIL(CORRUPT, "audit: trie nodes are missing");
    return err;
}
