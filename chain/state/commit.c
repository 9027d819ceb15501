// SPDX-License-Identifier: Apache-2.0
#include "chain/state/commit.h"

#include "chain/crypto/keccak.h"
#include "chain/state/flat.h"
#include "chain/state/history.h"
#include "chain/state/nodes.h"
#include "chain/state/read.h"
#include "chain/store/schema.h"

#include <stdlib.h>

#define NO_ROOM FAIL(FULL, "state: no memory left for this block")

/// One entry of a flat table that becomes another. Empty records: no entry.
struct flat_write {
    struct flat_key key;
    bytes_t now; ///< the new record
    struct flat_value before;
};

struct flat_list {
    struct flat_write *items;
    size_t count;
    size_t cap;
};

struct code_write {
    hash_t hash;
    bytes_t code;
};

/// One account of the diff on its way.
struct account_work {
    hash_t hash; ///< keccak(address)
    const struct account_change *change;
    struct flat_value before;   ///< its flat entry, in the arena
    struct account old;         ///< account_none() if there was none
    bool wiped;                 ///< all its old storage goes
    struct state_nodes storage; ///< source of its storage trie
    struct trie *trie;          ///< NULL if no slot changed
};

struct state_update {
    struct account_work *accounts; ///< sorted by hash
    size_t account_count;
    struct state_nodes account_nodes;
    struct trie *account_trie;
    struct trie **storage_tries;
    size_t storage_count;
    struct flat_list flat; ///< sorted by key
    struct code_write *codes;
    size_t code_count;
};

struct work {
    struct state_update *update;
    struct arena *arena;
    const struct db_txn *txn; ///< NULL: the empty state
};

static err_t keep(struct work *w, bytes_t *out, bytes_t in)
{
    bool full = false;
    *out = arena_copy(w->arena, in, &full);
    return full ? NO_ROOM : OK;
}

static err_t list_add(struct work *w, const struct flat_key *key, bytes_t now,
                      const struct flat_value *before)
{
    if (bytes_eq(now, before->record)) return OK;
    struct flat_list *l = &w->update->flat;
    if (l->count == l->cap) {
        const size_t cap = l->cap == 0 ? 64 : 2 * l->cap;
        struct flat_write *items = ARENA_ARRAY(w->arena, struct flat_write, cap);
        if (items == NULL) return NO_ROOM;
        if (l->count > 0) memcpy(items, l->items, l->count * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    l->items[l->count++] = (struct flat_write){*key, now, *before};
    return OK;
}

static err_t keep_flat(struct work *w, struct flat_value *out, const struct flat_value *in)
{
    TRY(keep(w, &out->record, in->record));
    return keep(w, &out->changes, in->changes);
}

static err_t read_before(struct work *w, struct flat_value *out, const struct flat_key *key)
{
    *out = (struct flat_value){BYTES_NONE, BYTES_NONE};
    if (w->txn == NULL) return OK;
    struct flat_value stored;
    TRY(read_flat(w->txn, &stored, key));
    return keep_flat(w, out, &stored);
}

// ---- storage ----------------------------------------------------------------------------

/// Lists the deletion of every stored slot of an account, in the order of their keys.
static err_t wipe_with(struct work *w, struct db_cursor *cursor, const hash_t *address_hash)
{
    bytes_t key;
    bytes_t value;
    err_t err = db_cursor_seek(cursor, BYTES_OF(*address_hash), &key, &value);
    for (; err_ok(err) && memcmp(key.data, address_hash->b, 32) == 0;
         err = db_cursor_next(cursor, &key, &value)) {
        if (key.len != 64) continue; // a trie node
        struct flat_key k = {.len = 64};
        memcpy(k.b, key.data, 64);
        struct flat_value stored;
        struct flat_value before;
        TRY(flat_split(&stored, key.len, value));
        TRY(keep_flat(w, &before, &stored));
        TRY(list_add(w, &k, BYTES_NONE, &before));
    }
    return err.kind == ERR_NOT_FOUND ? OK : err;
}

static err_t wipe_slots(struct work *w, const struct account_work *a)
{
    if (w->txn == NULL) return OK;
    struct db_cursor *cursor;
    TRY(db_cursor_open(w->txn, DB_SLOTS, &cursor));
    const err_t err = wipe_with(w, cursor, &a->hash);
    db_cursor_close(cursor);
    return err;
}

/// A slot of an account whose old storage is gone: it may be among the deletions since `first`.
static err_t set_wiped_slot(struct work *w, const struct flat_key *key, bytes_t now, size_t first,
                            size_t end)
{
    struct flat_write *items = w->update->flat.items;
    while (first < end) {
        const size_t mid = first + (end - first) / 2;
        const int order = memcmp(items[mid].key.b, key->b, 64);
        if (order == 0) {
            items[mid].now = now; // perhaps what it was: left out when written
            return OK;
        }
        if (order < 0) {
            first = mid + 1;
        } else {
            end = mid;
        }
    }
    const struct flat_value none = {BYTES_NONE, BYTES_NONE};
    return list_add(w, key, now, &none);
}

struct slot_work {
    hash_t hash; ///< keccak(slot)
    const struct slot_change *change;
};

static int compare_slots(const void *a, const void *b)
{
    return hash_cmp(&((const struct slot_work *)a)->hash, &((const struct slot_work *)b)->hash);
}

static err_t sort_slots(struct work *w, struct slot_work **out, const struct account_change *c)
{
    struct slot_work *slots = ARENA_ARRAY(w->arena, struct slot_work, c->slot_count);
    if (slots == NULL) return NO_ROOM;
    for (size_t first = 0; first < c->slot_count; first += 64) {
        const size_t n = c->slot_count - first < 64 ? c->slot_count - first : 64;
        bytes_t in[64] = {{0}};
        hash_t hashes[64];
        for (size_t i = 0; i < n; i++) in[i] = BYTES_OF(c->slots[first + i].key);
        keccak256_many(hashes, in, n);
        for (size_t i = 0; i < n; i++) {
            slots[first + i] = (struct slot_work){hashes[i], &c->slots[first + i]};
        }
    }
    qsort(slots, c->slot_count, sizeof *slots, compare_slots);
    *out = slots;
    return OK;
}

static err_t apply_slot(struct work *w, struct account_work *a, const struct slot_work *s,
                        size_t wiped_first, size_t wiped_end)
{
    const struct flat_key key = flat_slot_key(&a->hash, &s->hash);
    bytes_t leaf = BYTES_NONE; // RLP of the value
    bytes_t now = BYTES_NONE;
    if (!u256_is_zero(&s->change->value)) {
        uint8_t rlp[TRIE_SLOT_MAX];
        uint8_t flat[FLAT_SLOT_MAX];
        TRY(keep(w, &leaf, bytes_make(rlp, trie_slot_encode(rlp, &s->change->value))));
        TRY(keep(w, &now, bytes_make(flat, flat_slot_encode(flat, &s->change->value))));
    }
    if (a->wiped) {
        TRY(set_wiped_slot(w, &key, now, wiped_first, wiped_end));
    } else {
        struct flat_value before;
        TRY(read_before(w, &before, &key));
        if (bytes_eq(before.record, now)) return OK;
        TRY(list_add(w, &key, now, &before));
    }
    return trie_put(a->trie, BYTES_OF(s->hash), leaf);
}

static err_t apply_storage(struct work *w, struct account_work *a)
{
    const struct account_change *c = a->change;
    const bool had_storage = !hash_eq(&a->old.storage_root, &KECCAK_RLP_NULL);
    a->wiped = (c->deleted || c->storage_cleared) && had_storage;
    const size_t wiped_first = w->update->flat.count;
    if (a->wiped) TRY(wipe_slots(w, a));
    const size_t wiped_end = w->update->flat.count;
    if (c->deleted || c->slot_count == 0) return OK;

    const hash_t *root = a->wiped ? &KECCAK_RLP_NULL : &a->old.storage_root;
    a->storage = (struct state_nodes){w->txn, w->arena, true, a->hash};
    const struct trie_source source = state_nodes_source(&a->storage);
    TRY(trie_open(&a->trie, w->arena, &source, root));
    w->update->storage_tries[w->update->storage_count++] = a->trie;

    struct slot_work *slots;
    TRY(sort_slots(w, &slots, c));
    for (size_t i = 0; i < c->slot_count; i++) {
        TRY(apply_slot(w, a, &slots[i], wiped_first, wiped_end));
    }
    return OK;
}

// ---- accounts ---------------------------------------------------------------------------

static int compare_accounts(const void *a, const void *b)
{
    return hash_cmp(&((const struct account_work *)a)->hash,
                    &((const struct account_work *)b)->hash);
}

static err_t sort_accounts(struct work *w, const struct state_diff *diff)
{
    struct state_update *u = w->update;
    const size_t count = diff->account_count;
    u->account_count = count;
    u->accounts = ARENA_ARRAY(w->arena, struct account_work, count);
    u->storage_tries = ARENA_ARRAY(w->arena, struct trie *, count);
    u->codes = ARENA_ARRAY(w->arena, struct code_write, count);
    if (u->accounts == NULL || u->storage_tries == NULL || u->codes == NULL) return NO_ROOM;
    for (size_t first = 0; first < count; first += 64) {
        const size_t n = count - first < 64 ? count - first : 64;
        bytes_t in[64] = {{0}};
        hash_t hashes[64];
        for (size_t i = 0; i < n; i++) in[i] = BYTES_OF(diff->accounts[first + i].address);
        keccak256_many(hashes, in, n);
        for (size_t i = 0; i < n; i++) {
            u->accounts[first + i].hash = hashes[i];
            u->accounts[first + i].change = &diff->accounts[first + i];
        }
    }
    qsort(u->accounts, count, sizeof *u->accounts, compare_accounts);
    return OK;
}

static err_t apply_code(struct work *w, const struct account_work *a)
{
    const struct account_change *c = a->change;
    if (c->deleted || c->code.len == 0) return OK;
    struct code_write *code = &w->update->codes[w->update->code_count++];
    code->hash = c->now.code_hash;
    return keep(w, &code->code, c->code);
}

static err_t apply_account(struct work *w, const struct account_work *a)
{
    const struct flat_key key = flat_account_key(&a->hash);
    bytes_t now = BYTES_NONE;
    bytes_t leaf = BYTES_NONE;
    uint8_t rlp[TRIE_ACCOUNT_MAX];
    if (!a->change->deleted) {
        struct account account = a->change->now;
        account.storage_root = a->wiped ? KECCAK_RLP_NULL : a->old.storage_root;
        if (a->trie != NULL) account.storage_root = trie_root(a->trie);
        uint8_t flat[FLAT_ACCOUNT_MAX];
        TRY(keep(w, &now, bytes_make(flat, flat_account_encode(flat, &account))));
        TRY(keep(w, &leaf, bytes_make(rlp, trie_account_encode(rlp, &account))));
    }
    if (bytes_eq(now, a->before.record)) return OK;
    TRY(list_add(w, &key, now, &a->before));
    bytes_t leaf_before = BYTES_NONE;
    if (a->before.record.len > 0) {
        leaf_before = bytes_make(rlp, trie_account_encode(rlp, &a->old));
    }
    return trie_put_known(w->update->account_trie, BYTES_OF(a->hash), leaf, leaf_before);
}

static int compare_flat(const void *x, const void *y)
{
    const struct flat_write *a = x;
    const struct flat_write *b = y;
    return bytes_cmp(flat_key_bytes(&a->key), flat_key_bytes(&b->key));
}

err_t state_apply(struct state_update **out, hash_t *root, struct arena *arena,
                  const struct db_txn *txn, const struct state_diff *diff, const struct jobs *jobs)
{
    const struct state_tools tools = {.jobs = jobs};
    return state_apply_with(out, root, arena, txn, diff, &tools);
}

err_t state_apply_with(struct state_update **out, hash_t *root, struct arena *arena,
                       const struct db_txn *txn, const struct state_diff *diff,
                       const struct state_tools *tools)
{
    struct state_update *u = ARENA_NEW(arena, struct state_update);
    if (u == NULL) return NO_ROOM;
    struct work w = {u, arena, txn};
    TRY(sort_accounts(&w, diff));

    for (size_t i = 0; i < u->account_count; i++) {
        struct account_work *a = &u->accounts[i];
        const struct flat_key key = flat_account_key(&a->hash);
        bool exists;
        TRY(read_before(&w, &a->before, &key));
        TRY(account_of_flat(&a->old, &exists, a->before.record));
        TRY(apply_storage(&w, a));
        TRY(apply_code(&w, a));
    }
    // Storage roots before account leaves: the leaves hold them.
    TRY(trie_finish(u->storage_tries, u->storage_count, tools->jobs));

    hash_t head = KECCAK_RLP_NULL;
    if (txn != NULL) TRY(state_head_root(txn, &head));
    u->account_nodes = (struct state_nodes){.txn = txn, .arena = arena};
    struct trie_source source = state_nodes_source(&u->account_nodes);
    source.cache = tools->cache;
    TRY(trie_open(&u->account_trie, arena, &source, &head));
    for (size_t i = 0; i < u->account_count; i++) TRY(apply_account(&w, &u->accounts[i]));
    TRY(trie_finish(&u->account_trie, 1, tools->jobs));

    if (u->flat.count > 1) {
        qsort(u->flat.items, u->flat.count, sizeof *u->flat.items, compare_flat);
    }
    *root = trie_root(u->account_trie);
    *out = u;
    return OK;
}

// ---- writing ----------------------------------------------------------------------------

static err_t write_flat(struct db_txn *txn, const struct flat_write *f, uint64_t number)
{
    if (bytes_eq(f->now, f->before.record)) return OK;
    const unsigned table = f->key.len == 32 ? DB_ACCOUNTS : DB_SLOTS;
    const bytes_t key = flat_key_bytes(&f->key);
    const bool gone = f->now.len == 0;
    struct history_list list = {.len = 0};
    // Nobody asks for the state before block 0.
    if (number > 0) TRY(history_note(txn, &list, number, &f->key, &f->before, gone));
    if (gone) return db_delete(txn, table, key);
    uint8_t *value;
    TRY(db_reserve(txn, table, key, f->now.len + list.len, &value));
    memcpy(value, f->now.data, f->now.len);
    if (list.len > 0) memcpy(value + f->now.len, list.b, list.len);
    return OK;
}

static err_t write_tries(struct db_txn *txn, const struct state_update *u)
{
    TRY(state_nodes_write(txn, &u->account_nodes, u->account_trie));
    for (size_t i = 0; i < u->account_count; i++) {
        const struct account_work *a = &u->accounts[i];
        if (a->wiped) TRY(state_nodes_clear(txn, &a->hash));
        if (a->trie != NULL) TRY(state_nodes_write(txn, &a->storage, a->trie));
    }
    return OK;
}

err_t state_write(struct db_txn *txn, const struct state_update *update, uint64_t number)
{
    const struct state_update *u = update;
    for (size_t i = 0; i < u->flat.count; i++) TRY(write_flat(txn, &u->flat.items[i], number));
    for (size_t i = 0; i < u->code_count; i++) {
        bytes_t stored;
        const bytes_t key = BYTES_OF(u->codes[i].hash);
        const err_t err = db_get(txn, DB_CODE, key, &stored);
        if (err.kind == ERR_NOT_FOUND) {
            TRY(db_put(txn, DB_CODE, key, u->codes[i].code));
        } else {
            TRY(err);
        }
    }
    return write_tries(txn, u);
}
