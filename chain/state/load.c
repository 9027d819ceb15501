// SPDX-License-Identifier: Apache-2.0
#include "chain/state/load.h"

#include "chain/crypto/keccak.h"
#include "chain/state/flat.h"
#include "chain/state/nodes.h"
#include "chain/store/schema.h"

#include <stdlib.h>

/// Entries of one group, and bytes of code.
#define GROUP_ENTRIES 32768U
#define GROUP_CODE ((size_t)8 * 1024 * 1024)
#define ARENA_BYTES ((size_t)4 * 1024 * 1024 * 1024)

#define NO_ROOM FAIL(FULL, "state: no memory left for the entries")

struct loaded_slot {
    hash_t key;
    u256_t value;
};

/// An account of the group; the first may be the one that the group before ended in.
struct loaded_account {
    hash_t key;
    struct account account;
    bytes_t code;
    bool is_new; ///< its own entry is in this group
    bool is_last;
    size_t first_slot;
    size_t slot_count;
    struct state_nodes nodes;
    struct trie *trie;
};

struct state_loader {
    struct db *db;
    const struct jobs *jobs;
    struct arena arena; ///< of one group
    struct loaded_account *accounts;
    size_t account_count;
    struct loaded_slot *slots;
    size_t slot_count;
    size_t code_bytes;

    hash_t root;      ///< of what is stored
    bool has_account; ///< there is one before
    hash_t last;      ///< its key
    struct account last_account;
    bool has_slot;
    hash_t last_slot;
    hash_t storage_root; ///< of its slots that are stored
    struct state_totals totals;
};

static err_t start_group(struct state_loader *l)
{
    arena_reset(&l->arena);
    l->account_count = 0;
    l->slot_count = 0;
    l->code_bytes = 0;
    l->accounts = arena_alloc(&l->arena, (GROUP_ENTRIES + 1) * sizeof *l->accounts);
    l->slots = arena_alloc(&l->arena, GROUP_ENTRIES * sizeof *l->slots);
    return l->accounts == NULL || l->slots == NULL ? NO_ROOM : OK;
}

err_t state_loader_new(struct state_loader **out, struct db *db, const struct jobs *jobs)
{
    struct state_loader *l = calloc(1, sizeof *l);
    if (l == NULL) return NO_ROOM;
    l->db = db;
    l->jobs = jobs;
    l->root = KECCAK_RLP_NULL;
    l->storage_root = KECCAK_RLP_NULL;
    err_t err = arena_init(&l->arena, ARENA_BYTES);
    if (err_ok(err)) err = start_group(l);
    if (err_ok(err)) {
        *out = l;
        return OK;
    }
    state_loader_free(l);
    return err;
}

void state_loader_free(struct state_loader *l)
{
    if (l == NULL) return;
    arena_deinit(&l->arena);
    free(l);
}

// ---- a group into the store ---------------------------------------------------------------

static err_t keep(struct arena *arena, bytes_t *out, const uint8_t *in, size_t len)
{
    bool full = false;
    *out = arena_copy(arena, bytes_make(in, len), &full);
    return full ? NO_ROOM : OK;
}

static err_t open_storage(struct state_loader *l, const struct db_txn *txn,
                          struct loaded_account *a, const hash_t *root)
{
    a->nodes = (struct state_nodes){txn, &l->arena, true, a->key};
    const struct trie_source source = state_nodes_source(&a->nodes);
    TRY(trie_open(&a->trie, &l->arena, &source, root));
    for (size_t i = 0; i < a->slot_count; i++) {
        const struct loaded_slot *s = &l->slots[a->first_slot + i];
        uint8_t rlp[TRIE_SLOT_MAX];
        bytes_t leaf;
        TRY(keep(&l->arena, &leaf, rlp, trie_slot_encode(rlp, &s->value)));
        TRY(trie_put(a->trie, BYTES_OF(s->key), leaf));
    }
    return OK;
}

/// The storage tries of the group. All accounts but the last (and that too at the end) are whole.
static err_t build_storage(struct state_loader *l, const struct db_txn *txn)
{
    struct trie **tries = ARENA_ARRAY(&l->arena, struct trie *, l->account_count);
    size_t count = 0;
    if (tries == NULL) return NO_ROOM;
    for (size_t i = 0; i < l->account_count; i++) {
        struct loaded_account *a = &l->accounts[i];
        a->trie = NULL;
        if (a->slot_count == 0) continue;
        TRY(open_storage(l, txn, a, a->is_new ? &KECCAK_RLP_NULL : &l->storage_root));
        tries[count++] = a->trie;
    }
    TRY(trie_finish(tries, count, l->jobs));
    for (size_t i = 0; i < l->account_count; i++) {
        const struct loaded_account *a = &l->accounts[i];
        hash_t root = a->is_new ? KECCAK_RLP_NULL : l->storage_root;
        if (a->trie != NULL) root = trie_root(a->trie);
        if (a->is_last) {
            l->storage_root = root;
        } else if (!hash_eq(&root, &a->account.storage_root)) {
            return FAIL(INVALID, "state: an account's slots do not give its storage root");
        }
    }
    return OK;
}

static err_t put_code(struct state_loader *l, struct db_txn *txn, const struct loaded_account *a)
{
    if (hash_eq(&a->account.code_hash, &KECCAK_EMPTY)) {
        if (a->code.len == 0) return OK;
        return FAIL(INVALID, "state: code of an account that has none");
    }
    bytes_t there;
    const err_t err = db_get(txn, DB_CODE, BYTES_OF(a->account.code_hash), &there);
    if (err_ok(err)) {
        if (a->code.len == 0) return OK;
        return FAIL(INVALID, "state: the same code twice");
    }
    if (err.kind != ERR_NOT_FOUND) return err;
    if (a->code.len == 0) return FAIL(INVALID, "state: the code of an account is missing");
    const hash_t hash = keccak256(a->code);
    if (!hash_eq(&hash, &a->account.code_hash)) {
        return FAIL(INVALID, "state: code does not have its hash");
    }
    l->totals.codes++;
    return db_put(txn, DB_CODE, BYTES_OF(hash), a->code);
}

static err_t put_slots(const struct state_loader *l, struct db_txn *txn,
                       const struct loaded_account *a)
{
    for (size_t i = 0; i < a->slot_count; i++) {
        const struct loaded_slot *s = &l->slots[a->first_slot + i];
        const struct flat_key key = flat_slot_key(&a->key, &s->key);
        uint8_t flat[FLAT_SLOT_MAX];
        const size_t len = flat_slot_encode(flat, &s->value);
        TRY(db_put(txn, DB_SLOTS, flat_key_bytes(&key), bytes_make(flat, len)));
    }
    return a->trie == NULL ? OK : state_nodes_write(txn, &a->nodes, a->trie);
}

static err_t put_accounts(struct state_loader *l, struct db_txn *txn)
{
    struct state_nodes nodes = {.txn = txn, .arena = &l->arena};
    const struct trie_source source = state_nodes_source(&nodes);
    struct trie *trie;
    TRY(trie_open(&trie, &l->arena, &source, &l->root));
    for (size_t i = 0; i < l->account_count; i++) {
        const struct loaded_account *a = &l->accounts[i];
        if (!a->is_new) continue;
        uint8_t rlp[TRIE_ACCOUNT_MAX];
        bytes_t leaf;
        TRY(keep(&l->arena, &leaf, rlp, trie_account_encode(rlp, &a->account)));
        TRY(trie_put(trie, BYTES_OF(a->key), leaf));
    }
    TRY(trie_finish(&trie, 1, l->jobs));
    // Reading is over: what is written now would be met among it.
    for (size_t i = 0; i < l->account_count; i++) {
        const struct loaded_account *a = &l->accounts[i];
        TRY(put_slots(l, txn, a));
        if (!a->is_new) continue;
        uint8_t flat[FLAT_ACCOUNT_MAX];
        const size_t len = flat_account_encode(flat, &a->account);
        TRY(put_code(l, txn, a));
        TRY(db_put(txn, DB_ACCOUNTS, BYTES_OF(a->key), bytes_make(flat, len)));
    }
    TRY(state_nodes_write(txn, &nodes, trie));
    l->root = trie_root(trie);
    return OK;
}

/// @param over  the last account is whole too
static err_t write_group(struct state_loader *l, bool over)
{
    struct db_txn *txn;
    if (l->account_count == 0) return OK;
    l->accounts[l->account_count - 1].is_last = !over;
    TRY(db_begin_write(l->db, &txn));
    err_t err = build_storage(l, txn);
    if (err_ok(err)) err = put_accounts(l, txn);
    if (err_ok(err)) return db_commit(txn);
    db_abort(txn);
    return err;
}

/// Room for one more entry.
static err_t make_room(struct state_loader *l)
{
    if (l->account_count + l->slot_count < GROUP_ENTRIES && l->code_bytes < GROUP_CODE) return OK;
    TRY(write_group(l, false));
    TRY(start_group(l));
    // The account in hand goes on in the next group.
    l->accounts[l->account_count++] =
        (struct loaded_account){.key = l->last, .account = l->last_account};
    return OK;
}

// ---- entries ------------------------------------------------------------------------------

err_t state_load_account(struct state_loader *l, const hash_t *key, const struct account *a)
{
    if (l->has_account && hash_cmp(key, &l->last) <= 0) {
        return FAIL(INVALID, "state: accounts out of order");
    }
    TRY(make_room(l));
    l->accounts[l->account_count++] = (struct loaded_account){
        .key = *key, .account = *a, .is_new = true, .first_slot = l->slot_count};
    l->has_account = true;
    l->has_slot = false;
    l->last = *key;
    l->last_account = *a;
    l->totals.accounts++;
    return OK;
}

err_t state_load_code(struct state_loader *l, bytes_t code)
{
    struct loaded_account *a = l->account_count == 0 ? NULL : &l->accounts[l->account_count - 1];
    if (a == NULL || !a->is_new || l->has_slot || a->code.len > 0 || code.len == 0) {
        return FAIL(INVALID, "state: code that is no account's");
    }
    if (code.len > LOAD_CODE_MAX) return FAIL(LIMIT, "state: a code that is too long");
    l->code_bytes += code.len;
    return keep(&l->arena, &a->code, code.data, code.len);
}

err_t state_load_slot(struct state_loader *l, const hash_t *key, const u256_t *value)
{
    if (!l->has_account) return FAIL(INVALID, "state: a slot that is no account's");
    if (l->has_slot && hash_cmp(key, &l->last_slot) <= 0) {
        return FAIL(INVALID, "state: slots out of order");
    }
    if (u256_is_zero(value)) return FAIL(INVALID, "state: a slot that is zero");
    TRY(make_room(l));
    struct loaded_account *a = &l->accounts[l->account_count - 1];
    if (a->slot_count == 0) a->first_slot = l->slot_count;
    l->slots[l->slot_count++] = (struct loaded_slot){*key, *value};
    a->slot_count++;
    l->has_slot = true;
    l->last_slot = *key;
    l->totals.slots++;
    return OK;
}

err_t state_loader_finish(struct state_loader *l, struct state_totals *totals, const hash_t *root)
{
    TRY(write_group(l, true));
    if (!hash_eq(&l->root, root)) {
        return FAIL(INVALID, "state: the accounts do not give the state root");
    }
    *totals = l->totals;
    return OK;
}
