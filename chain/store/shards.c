// SPDX-License-Identifier: Apache-2.0
#include "chain/store/shards.h"

#include "chain/base/endian.h"

#define SHARD_BYTES ((size_t)SHARD_MAX * 8)

struct shard_key {
    uint8_t b[SHARD_KEY_MAX + 8];
    size_t len;
};

static struct shard_key key_of(bytes_t key, uint64_t last)
{
    check(key.len > 0 && key.len <= SHARD_KEY_MAX);
    struct shard_key k;
    memcpy(k.b, key.data, key.len);
    be_put_u64(k.b + key.len, last);
    k.len = key.len + 8;
    return k;
}

static bytes_t key_bytes(const struct shard_key *k)
{
    return bytes_make(k->b, k->len);
}

static bool is_shard(bytes_t shard)
{
    return shard.len > 0 && shard.len % 8 == 0 && shard.len <= SHARD_BYTES;
}

static uint64_t number_at(bytes_t shard, size_t i)
{
    return be_get_u64(shard.data + 8 * i);
}

err_t shards_add(struct db_txn *txn, unsigned table, bytes_t key, uint64_t number)
{
    check(number < UINT64_MAX);
    const struct shard_key open = key_of(key, UINT64_MAX);
    uint8_t now[SHARD_BYTES + 8];
    size_t len = 0;

    bytes_t stored;
    const err_t err = db_get(txn, table, key_bytes(&open), &stored);
    if (err_ok(err)) {
        if (!is_shard(stored)) return FAIL(CORRUPT, "store: a list of blocks is unreadable");
        memcpy(now, stored.data, stored.len);
        len = stored.len;
    } else if (err.kind != ERR_NOT_FOUND) {
        return err;
    }

    if (len > 0) {
        const uint64_t last = be_get_u64(now + len - 8);
        if (number == last) return OK;
        if (number < last) return FAIL(INVALID, "store: a list of blocks only grows");
    }
    if (len == SHARD_BYTES) {
        const struct shard_key full = key_of(key, be_get_u64(now + len - 8));
        TRY(db_put(txn, table, key_bytes(&full), bytes_make(now, len)));
        len = 0;
    }
    be_put_u64(now + len, number);
    return db_put(txn, table, key_bytes(&open), bytes_make(now, len + 8));
}

err_t shards_put_full(struct db_txn *txn, unsigned table, bytes_t key, const uint64_t *numbers,
                      size_t count)
{
    check(count > 0 && count <= SHARD_MAX);
    uint8_t shard[SHARD_BYTES];
    for (size_t i = 0; i < count; i++) be_put_u64(shard + 8 * i, numbers[i]);
    const struct shard_key full = key_of(key, numbers[count - 1]);
    return db_put(txn, table, key_bytes(&full), bytes_make(shard, 8 * count));
}

/// Walks the shards of `key` from the one that holds the first number >= from.
struct walk {
    struct db_cursor *cursor;
    struct shard_key start;
    bytes_t shard;
};

/// The shard the cursor came to. ERR_NOT_FOUND if it is another key's.
static err_t take_shard(struct walk *w, err_t moved, bytes_t key, bytes_t value)
{
    TRY(moved);
    if (key.len != w->start.len || memcmp(key.data, w->start.b, key.len - 8) != 0) {
        return FAIL(NOT_FOUND, "store: the list of blocks ends here");
    }
    if (!is_shard(value)) return FAIL(CORRUPT, "store: a list of blocks is unreadable");
    w->shard = value;
    return OK;
}

static err_t walk_start(struct walk *w)
{
    bytes_t key;
    bytes_t value;
    const err_t err = db_cursor_seek(w->cursor, key_bytes(&w->start), &key, &value);
    return take_shard(w, err, key, value);
}

static err_t walk_next(struct walk *w)
{
    bytes_t key;
    bytes_t value;
    const err_t err = db_cursor_next(w->cursor, &key, &value);
    return take_shard(w, err, key, value);
}

/// Index of the first number >= from; the shard's count if there is none.
static size_t lower_bound(bytes_t shard, uint64_t from)
{
    size_t low = 0;
    size_t high = shard.len / 8;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (number_at(shard, mid) < from) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static err_t first_in(struct walk *w, uint64_t from, uint64_t *out)
{
    TRY(walk_start(w));
    const size_t i = lower_bound(w->shard, from);
    if (i == w->shard.len / 8) return FAIL(NOT_FOUND, "store: no later block in the list");
    *out = number_at(w->shard, i);
    return OK;
}

err_t shards_first(const struct db_txn *txn, unsigned table, bytes_t key, uint64_t from,
                   uint64_t *out)
{
    struct walk w = {.start = key_of(key, from)};
    TRY(db_cursor_open(txn, table, &w.cursor));
    const err_t err = first_in(&w, from, out);
    db_cursor_close(w.cursor);
    return err;
}

static err_t collect(struct walk *w, uint64_t from, uint64_t to, uint64_t *out, size_t cap,
                     size_t *count)
{
    err_t err = walk_start(w);
    while (err_ok(err)) {
        const size_t n = w->shard.len / 8;
        for (size_t i = lower_bound(w->shard, from); i < n; i++) {
            const uint64_t number = number_at(w->shard, i);
            if (number > to || *count == cap) return OK;
            out[(*count)++] = number;
        }
        err = walk_next(w);
    }
    return err.kind == ERR_NOT_FOUND ? OK : err;
}

err_t shards_range(const struct db_txn *txn, unsigned table, bytes_t key, uint64_t from,
                   uint64_t to, uint64_t *out, size_t cap, size_t *count)
{
    *count = 0;
    struct walk w = {.start = key_of(key, from)};
    TRY(db_cursor_open(txn, table, &w.cursor));
    const err_t err = collect(&w, from, to, out, cap, count);
    db_cursor_close(w.cursor);
    return err;
}
