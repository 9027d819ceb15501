// SPDX-License-Identifier: Apache-2.0
#include "chain/state/history.h"

#include "chain/base/endian.h"
#include "chain/state/read.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "chain/store/shards.h"

#include <stdlib.h>

struct change_key {
    uint8_t b[8 + 64];
    size_t len;
};

static struct change_key change_key(uint64_t number, const struct flat_key *key)
{
    struct change_key k;
    be_put_u64(k.b, number);
    memcpy(k.b + 8, key->b, key->len);
    k.len = 8 + (size_t)key->len;
    return k;
}

/// The length goes first, or an account's shards would lie among its slots'.
struct list_key {
    uint8_t b[1 + 64];
    size_t len;
};

static struct list_key list_key(const struct flat_key *key)
{
    struct list_key k;
    k.b[0] = key->len;
    memcpy(k.b + 1, key->b, key->len);
    k.len = 1 + (size_t)key->len;
    return k;
}

err_t history_note(struct db_txn *txn, struct history_list *out, uint64_t number,
                   const struct flat_key *key, const struct flat_value *before, bool gone)
{
    uint64_t numbers[FLAT_CHANGES_MAX + 1];
    size_t count;
    TRY(flat_changes_decode(numbers, &count, before->changes));
    if (count > 0 && numbers[count - 1] >= number) {
        return FAIL(CORRUPT, "history: a change from the future");
    }
    numbers[count++] = number;

    const struct change_key change = change_key(number, key);
    TRY(db_append(txn, DB_CHANGES, bytes_make(change.b, change.len), before->record));
    out->len = 0;
    if (gone || count > FLAT_CHANGES_MAX) {
        const struct list_key list = list_key(key);
        TRY(shards_put_full(txn, DB_HISTORY, bytes_make(list.b, list.len), numbers, count));
        numbers[0] = number;
        count = 1;
    }
    if (!gone) out->len = flat_changes_encode(out->b, numbers, count);
    return OK;
}

/// The first change of a key after block `number`, or ERR_NOT_FOUND.
static err_t first_change(const struct db_txn *txn, uint64_t *out, const struct flat_key *key,
                          const struct flat_value *now, uint64_t number)
{
    uint64_t numbers[FLAT_CHANGES_MAX];
    size_t count;
    size_t i = 0;
    TRY(flat_changes_decode(numbers, &count, now->changes));
    while (i < count && numbers[i] <= number) i++;
    // Any that is not later proves that the rest of the list is complete; so does having a
    // record that never changed.
    if (i == 0 && (count > 0 || now->record.len == 0)) {
        const struct list_key list = list_key(key);
        const err_t err =
            shards_first(txn, DB_HISTORY, bytes_make(list.b, list.len), number + 1, out);
        if (err.kind != ERR_NOT_FOUND) return err;
    }
    if (i == count) return FAIL(NOT_FOUND, "history: no later change");
    *out = numbers[i];
    return OK;
}

err_t history_read(const struct db_txn *txn, bytes_t *out, const struct flat_key *key,
                   uint64_t number)
{
    struct flat_value now;
    TRY(read_flat(txn, &now, key));
    return history_of(txn, out, key, &now, number);
}

err_t history_of(const struct db_txn *txn, bytes_t *out, const struct flat_key *key,
                 const struct flat_value *now, uint64_t number)
{
    uint64_t changed;
    *out = now->record;
    err_t err = first_change(txn, &changed, key, now, number);
    if (err.kind == ERR_NOT_FOUND) return OK;
    TRY(err);
    const struct change_key change = change_key(changed, key);
    err = db_get(txn, DB_CHANGES, bytes_make(change.b, change.len), out);
    if (err.kind == ERR_NOT_FOUND) {
        return db_damage(txn, DB_CHANGES, bytes_make(change.b, change.len),
                         "history: a change is missing");
    }
    return err;
}

// ---- the view ---------------------------------------------------------------------------

static err_t history_account(void *ctx, struct account *out, bool *exists, const address_t *address)
{
    const struct history_view *v = ctx;
    const hash_t hash = keccak256(BYTES_OF(*address));
    const struct flat_key key = flat_account_key(&hash);
    bytes_t raw;
    TRY(history_read(v->txn, &raw, &key, v->number));
    return account_of_flat(out, exists, raw);
}

static err_t history_slot(void *ctx, u256_t *out, const address_t *address, const hash_t *slot)
{
    const struct history_view *v = ctx;
    const bytes_t in[2] = {BYTES_OF(*address), BYTES_OF(*slot)};
    hash_t hash[2];
    keccak256_many(hash, in, 2);
    const struct flat_key key = flat_slot_key(&hash[0], &hash[1]);
    bytes_t raw;
    TRY(history_read(v->txn, &raw, &key, v->number));
    return slot_of_flat(out, raw);
}

static err_t history_code(void *ctx, bytes_t *out, const hash_t *code_hash)
{
    const struct history_view *v = ctx;
    return read_code(v->txn, out, code_hash);
}

static err_t history_block_hash(void *ctx, hash_t *out, uint64_t number)
{
    const struct history_view *v = ctx;
    if (number > v->number) {
        *out = (hash_t){{0}};
        return OK;
    }
    return read_block_hash(v->txn, out, number);
}

err_t history_view_init(struct history_view *v, const struct db_txn *txn, uint64_t number)
{
    uint64_t head;
    hash_t hash;
    TRY(blocks_head(txn, &head, &hash));
    if (number > head) return FAIL(NOT_FOUND, "history: the block is above the head");
    uint64_t oldest;
    TRY(blocks_oldest(txn, &oldest));
    if (number < oldest) {
        return FAIL(NOT_FOUND, "history: the block is before the snapshot this store began from");
    }
    *v = (struct history_view){txn, number};
    return OK;
}

struct state_view history_as_view(struct history_view *v)
{
    return (struct state_view){
        .account = history_account,
        .slot = history_slot,
        .code = history_code,
        .block_hash = history_block_hash,
        .ctx = v,
    };
}

// ---- everything that changed since ------------------------------------------------------

/// A change as it lies in the table, with its block.
struct found {
    struct history_entry entry;
    uint64_t number;
};

struct found_list {
    struct found *items;
    size_t count;
    size_t cap;
};

static err_t found_add(struct found_list *l, struct arena *arena, const struct found *f)
{
    if (l->count == l->cap) {
        const size_t cap = l->cap == 0 ? 64 : 2 * l->cap;
        struct found *items = ARENA_ARRAY(arena, struct found, cap);
        if (items == NULL) return FAIL(FULL, "history: no memory left for this query");
        if (l->count > 0) memcpy(items, l->items, l->count * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    l->items[l->count++] = *f;
    return OK;
}

/// By key, then by block: the first of each key is what it was.
static int compare_found(const void *x, const void *y)
{
    const struct found *a = x;
    const struct found *b = y;
    const int order = bytes_cmp(flat_key_bytes(&a->entry.key), flat_key_bytes(&b->entry.key));
    if (order != 0) return order;
    return (a->number > b->number) - (a->number < b->number);
}

/// The changes of one kind in one block: accounts first, or the slots of one account.
static err_t scan_block(struct found_list *l, struct arena *arena, struct db_cursor *cursor,
                        uint64_t number, const hash_t *storage_of)
{
    uint8_t from[8 + 32];
    be_put_u64(from, number);
    if (storage_of != NULL) memcpy(from + 8, storage_of->b, 32);
    const size_t prefix_len = storage_of != NULL ? sizeof from : 8;
    bytes_t key;
    bytes_t value;
    err_t err = db_cursor_seek(cursor, bytes_make(from, prefix_len), &key, &value);
    for (; err_ok(err); err = db_cursor_next(cursor, &key, &value)) {
        if (key.len != 40 && key.len != 72) return FAIL(CORRUPT, "history: an unreadable change");
        if (memcmp(key.data, from, prefix_len) != 0) return OK;
        if ((key.len == 72) != (storage_of != NULL)) continue;
        struct found f = {.number = number};
        f.entry.key.len = (uint8_t)(key.len - 8);
        memcpy(f.entry.key.b, key.data + 8, key.len - 8);
        f.entry.value = value;
        TRY(found_add(l, arena, &f));
    }
    return err.kind == ERR_NOT_FOUND ? OK : err;
}

static err_t scan_changes(struct found_list *l, struct arena *arena, struct db_cursor *cursor,
                          uint64_t first, uint64_t head, const hash_t *storage_of)
{
    for (uint64_t n = first; n <= head; n++) TRY(scan_block(l, arena, cursor, n, storage_of));
    return OK;
}

err_t history_since(const struct db_txn *txn, struct history_entry **out, size_t *count,
                    struct arena *arena, uint64_t number, const hash_t *storage_of)
{
    struct found_list l = {0};
    struct db_cursor *cursor;
    uint64_t head;
    hash_t hash;
    *count = 0;
    TRY(blocks_head(txn, &head, &hash));
    TRY(db_cursor_open(txn, DB_CHANGES, &cursor));
    const err_t err = scan_changes(&l, arena, cursor, number + 1, head, storage_of);
    db_cursor_close(cursor);
    TRY(err);

    if (l.count > 1) qsort(l.items, l.count, sizeof *l.items, compare_found);
    struct history_entry *list = ARENA_ARRAY(arena, struct history_entry, l.count);
    if (list == NULL) return FAIL(FULL, "history: no memory left for this query");
    for (size_t i = 0; i < l.count; i++) {
        const bytes_t key = flat_key_bytes(&l.items[i].entry.key);
        if (i > 0 && bytes_eq(key, flat_key_bytes(&l.items[i - 1].entry.key))) continue;
        list[(*count)++] = l.items[i].entry;
    }
    *out = list;
    return OK;
}
