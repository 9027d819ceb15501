// SPDX-License-Identifier: Apache-2.0
#include "chain/state/walk.h"

#include "chain/crypto/keccak.h"
#include "chain/state/flat.h"
#include "chain/state/history.h"
#include "chain/store/schema.h"

/// The keys of one table and of its histories, together.
struct keys {
    struct db_cursor *flat;
    struct db_cursor *past;
    size_t len;       ///< 32 or 64
    bytes_t flat_key; ///< {NULL, 0} at the end
    bytes_t flat_value;
    bytes_t past_key; ///< without its length and block; {NULL, 0} at the end
};

struct walk {
    struct state_place *at;
    const struct db_txn *txn;
    uint64_t number;
    size_t left;
    const struct state_visitor *visitor;
    struct keys accounts;
    struct keys slots;
};

// ---- keys -------------------------------------------------------------------------------

/// Past the trie nodes, whose keys have other lengths.
static err_t settle_flat(struct keys *k, err_t moved, bytes_t key)
{
    while (err_ok(moved) && key.len != k->len) {
        moved = db_cursor_next(k->flat, &key, &k->flat_value);
    }
    k->flat_key = err_ok(moved) ? key : BYTES_NONE;
    return moved.kind == ERR_NOT_FOUND ? OK : moved;
}

static err_t settle_past(struct keys *k, err_t moved, bytes_t key)
{
    k->past_key = BYTES_NONE;
    if (moved.kind == ERR_NOT_FOUND) return OK;
    TRY(moved);
    if (key.data[0] != k->len) return OK;
    if (key.len != 1 + k->len + 8) return FAIL(CORRUPT, "history: an unreadable list");
    k->past_key = bytes_make(key.data + 1, k->len);
    return OK;
}

/// To the first key >= `from`, or, with `behind`, > `from` (whole).
static err_t keys_seek(struct keys *k, bytes_t from, bool behind)
{
    uint8_t b[1 + 64 + 9];
    bytes_t key;
    bytes_t value;
    b[0] = (uint8_t)k->len;
    if (from.len > 0) memcpy(b + 1, from.data, from.len);
    // Behind it: every list of `from` ends in a block number, and none in more.
    memset(b + 1 + from.len, behind ? 0xff : 0, 9);
    const size_t flat_len = from.len + behind;
    err_t err =
        db_cursor_seek(k->past, bytes_make(b, 1 + from.len + (behind ? 9 : 0)), &key, &value);
    TRY(settle_past(k, err, key));
    b[1 + from.len] = 0;
    if (flat_len == 0)
        err = db_cursor_first(k->flat, &key, &k->flat_value);
    else
        err = db_cursor_seek(k->flat, bytes_make(b + 1, flat_len), &key, &k->flat_value);
    return settle_flat(k, err, key);
}

/// The smaller of the two; false at the end.
static bool keys_now(const struct keys *k, struct flat_key *out, bool *is_flat)
{
    if (k->flat_key.len == 0 && k->past_key.len == 0) return false;
    *is_flat =
        k->past_key.len == 0 || (k->flat_key.len != 0 && bytes_cmp(k->flat_key, k->past_key) <= 0);
    const bytes_t key = *is_flat ? k->flat_key : k->past_key;
    out->len = (uint8_t)key.len;
    memcpy(out->b, key.data, key.len);
    return true;
}

static err_t keys_next(struct keys *k, const struct flat_key *now)
{
    bytes_t key;
    bytes_t value;
    if (k->flat_key.len != 0 && bytes_eq(k->flat_key, flat_key_bytes(now))) {
        const err_t err = db_cursor_next(k->flat, &key, &k->flat_value);
        TRY(settle_flat(k, err, key));
    }
    while (k->past_key.len != 0 && bytes_cmp(k->past_key, flat_key_bytes(now)) <= 0) {
        const err_t err = db_cursor_next(k->past, &key, &value);
        TRY(settle_past(k, err, key));
    }
    return OK;
}

/// The record of the key in hand after the walk's block; empty if there was none.
static err_t record_of(const struct walk *w, const struct keys *k, bytes_t *out,
                       const struct flat_key *key, bool is_flat)
{
    struct flat_value now = {BYTES_NONE, BYTES_NONE};
    if (is_flat) TRY(flat_split(&now, key->len, k->flat_value));
    return history_of(w->txn, out, key, &now, w->number);
}

// ---- the walk -----------------------------------------------------------------------------

static err_t walk_slots(struct walk *w)
{
    struct state_place *at = w->at;
    const struct flat_key behind = flat_slot_key(&at->account, &at->slot);
    TRY(at->has_slot ? keys_seek(&w->slots, flat_key_bytes(&behind), true)
                     : keys_seek(&w->slots, BYTES_OF(at->account), false));
    struct flat_key key;
    bool is_flat;
    while (w->left > 0) {
        if (!keys_now(&w->slots, &key, &is_flat) || memcmp(key.b, at->account.b, 32) != 0) {
            at->in_slots = false;
            return OK;
        }
        bytes_t record;
        TRY(record_of(w, &w->slots, &record, &key, is_flat));
        memcpy(at->slot.b, key.b + 32, 32);
        at->has_slot = true;
        if (record.len > 0) {
            u256_t value;
            TRY(flat_slot_decode(&value, record));
            w->left--;
            TRY(w->visitor->slot(w->visitor->ctx, &at->account, &at->slot, &value));
        }
        TRY(keys_next(&w->slots, &key));
    }
    return OK;
}

static err_t walk_accounts(struct walk *w)
{
    struct state_place *at = w->at;
    struct flat_key key;
    bool is_flat;
    if (at->in_slots) TRY(walk_slots(w));
    TRY(keys_seek(&w->accounts, at->begun ? BYTES_OF(at->account) : BYTES_NONE, at->begun));
    while (w->left > 0) {
        if (!keys_now(&w->accounts, &key, &is_flat)) {
            at->done = true;
            return OK;
        }
        bytes_t record;
        TRY(record_of(w, &w->accounts, &record, &key, is_flat));
        at->begun = true;
        memcpy(at->account.b, key.b, 32);
        if (record.len > 0) {
            struct account a;
            TRY(flat_account_decode(&a, record));
            at->in_slots = !hash_eq(&a.storage_root, &KECCAK_RLP_NULL);
            at->has_slot = false;
            w->left--;
            TRY(w->visitor->account(w->visitor->ctx, &at->account, &a));
            if (at->in_slots) TRY(walk_slots(w));
        }
        TRY(keys_next(&w->accounts, &key));
    }
    return OK;
}

err_t state_walk(struct state_place *at, const struct db_txn *txn, uint64_t number, size_t limit,
                 const struct state_visitor *visitor)
{
    struct walk w = {.at = at,
                     .txn = txn,
                     .number = number,
                     .left = limit,
                     .visitor = visitor,
                     .accounts = {.len = 32},
                     .slots = {.len = 64}};
    err_t err = db_cursor_open(txn, DB_ACCOUNTS, &w.accounts.flat);
    if (err_ok(err)) err = db_cursor_open(txn, DB_HISTORY, &w.accounts.past);
    if (err_ok(err)) err = db_cursor_open(txn, DB_SLOTS, &w.slots.flat);
    if (err_ok(err)) err = db_cursor_open(txn, DB_HISTORY, &w.slots.past);
    if (err_ok(err)) err = walk_accounts(&w);
    db_cursor_close(w.accounts.flat);
    db_cursor_close(w.accounts.past);
    db_cursor_close(w.slots.flat);
    db_cursor_close(w.slots.past);
    return err;
}
