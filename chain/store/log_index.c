// SPDX-License-Identifier: Apache-2.0
#include "chain/store/log_index.h"

#include "chain/base/map.h"
#include "chain/store/schema.h"
#include "chain/store/shards.h"

#define RANGE_MAX 1000000

/// First byte of a key: topics by position, addresses, and every block with logs at all.
enum { KIND_TOPIC_0 = 0, KIND_ADDRESS = 4, KIND_ANY = 5 };

/// Padded to one length, so that a set of seen keys needs one size.
struct log_key {
    uint8_t kind;
    uint8_t b[32];
};

static struct log_key key_of_topic(unsigned position, const hash_t *topic)
{
    struct log_key k = {.kind = (uint8_t)(KIND_TOPIC_0 + position)};
    memcpy(k.b, topic->b, sizeof topic->b);
    return k;
}

static struct log_key key_of_address(const address_t *address)
{
    struct log_key k = {.kind = KIND_ADDRESS};
    memcpy(k.b, address->b, sizeof address->b);
    return k;
}

static bytes_t key_bytes(const struct log_key *k)
{
    const size_t len = k->kind == KIND_ADDRESS ? 20 : k->kind == KIND_ANY ? 0 : 32;
    return bytes_make(k, 1 + len);
}

static err_t note(struct db_txn *txn, struct map *seen, const struct log_key *key, uint64_t number)
{
    bool is_new = true;
    // A full set only costs a repeated look-up: the list itself refuses duplicates.
    (void)map_put(seen, key, &is_new);
    if (!is_new) return OK;
    return shards_add(txn, DB_LOGS, key_bytes(key), number);
}

static err_t note_log(struct db_txn *txn, struct map *seen, const struct log_entry *log,
                      uint64_t number)
{
    const struct log_key any = {.kind = KIND_ANY};
    const struct log_key address = key_of_address(&log->address);
    TRY(note(txn, seen, &any, number));
    TRY(note(txn, seen, &address, number));
    for (unsigned i = 0; i < log->topic_count && i < 4; i++) {
        const struct log_key topic = key_of_topic(i, &log->topics[i]);
        TRY(note(txn, seen, &topic, number));
    }
    return OK;
}

err_t log_index_add(struct db_txn *txn, uint64_t number, const struct receipt *receipts,
                    size_t count)
{
    struct map seen;
    map_init(&seen, sizeof(struct log_key), 1, 65536, 0x6c6f6773);
    err_t err = OK;
    for (size_t i = 0; i < count && err_ok(err); i++) {
        for (size_t j = 0; j < receipts[i].log_count && err_ok(err); j++) {
            err = note_log(txn, &seen, &receipts[i].logs[j], number);
        }
    }
    map_deinit(&seen);
    return err;
}

// ---- finding ----------------------------------------------------------------------------

/// One bit per block of [from, to].
struct bits {
    uint64_t from;
    uint64_t to;
    size_t words;
    uint64_t *any;   ///< the union being built
    uint64_t *all;   ///< the intersection so far
    uint64_t *slice; ///< numbers of one key, SLICE at a time
};

#define SLICE 1024

static err_t add_key(const struct db_txn *txn, struct bits *b, const struct log_key *key)
{
    uint64_t from = b->from;
    for (;;) {
        size_t n;
        TRY(shards_range(txn, DB_LOGS, key_bytes(key), from, b->to, b->slice, SLICE, &n));
        for (size_t i = 0; i < n; i++) {
            const uint64_t bit = b->slice[i] - b->from;
            b->any[bit / 64] |= (uint64_t)1 << (bit % 64);
        }
        if (n < SLICE || b->slice[n - 1] == b->to) return OK;
        from = b->slice[n - 1] + 1;
    }
}

static void intersect(struct bits *b)
{
    for (size_t i = 0; i < b->words; i++) {
        b->all[i] &= b->any[i];
        b->any[i] = 0;
    }
}

static err_t apply_filter(const struct db_txn *txn, struct bits *b, const struct log_filter *f)
{
    const struct log_key any = {.kind = KIND_ANY};
    TRY(add_key(txn, b, &any));
    memcpy(b->all, b->any, b->words * sizeof *b->any);
    memset(b->any, 0, b->words * sizeof *b->any);

    for (size_t i = 0; i < f->addresses.count; i++) {
        const struct log_key key = key_of_address(&f->addresses.values[i]);
        TRY(add_key(txn, b, &key));
    }
    if (f->addresses.count > 0) intersect(b);
    for (unsigned p = 0; p < 4; p++) {
        for (size_t i = 0; i < f->topics[p].count; i++) {
            const struct log_key key = key_of_topic(p, &f->topics[p].values[i]);
            TRY(add_key(txn, b, &key));
        }
        if (f->topics[p].count > 0) intersect(b);
    }
    return OK;
}

err_t log_index_find(const struct db_txn *txn, uint64_t **blocks, size_t *count,
                     struct arena *arena, const struct log_filter *filter, uint64_t from,
                     uint64_t to)
{
    *blocks = NULL;
    *count = 0;
    if (from > to) return OK;
    if (to - from >= RANGE_MAX) return FAIL(LIMIT, "logs: the range of blocks is too wide");

    struct bits b = {.from = from, .to = to, .words = (size_t)(to - from) / 64 + 1};
    b.any = ARENA_ARRAY(arena, uint64_t, b.words);
    b.all = ARENA_ARRAY(arena, uint64_t, b.words);
    b.slice = ARENA_ARRAY(arena, uint64_t, SLICE);
    if (b.any == NULL || b.all == NULL || b.slice == NULL) {
        return FAIL(FULL, "logs: no memory left for this query");
    }
    TRY(apply_filter(txn, &b, filter));

    size_t n = 0;
    for (size_t i = 0; i < b.words; i++) n += (size_t)__builtin_popcountll(b.all[i]);
    uint64_t *found = ARENA_ARRAY(arena, uint64_t, n);
    if (found == NULL) return FAIL(FULL, "logs: no memory left for this query");
    for (size_t i = 0; i < b.words; i++) {
        for (uint64_t w = b.all[i]; w != 0; w &= w - 1) {
            found[(*count)++] = from + 64 * i + (uint64_t)__builtin_ctzll(w);
        }
    }
    check(*count == n);
    *blocks = found;
    return OK;
}

static bool any_topic(const struct log_any_topic *any, const hash_t *topic)
{
    for (size_t i = 0; i < any->count; i++) {
        if (hash_eq(&any->values[i], topic)) return true;
    }
    return any->count == 0;
}

bool log_filter_match(const struct log_filter *filter, const struct log_entry *log)
{
    bool address = filter->addresses.count == 0;
    for (size_t i = 0; i < filter->addresses.count && !address; i++) {
        address = address_eq(&filter->addresses.values[i], &log->address);
    }
    if (!address) return false;
    for (unsigned p = 0; p < 4; p++) {
        if (filter->topics[p].count == 0) continue;
        if (p >= log->topic_count || !any_topic(&filter->topics[p], &log->topics[p])) return false;
    }
    return true;
}
