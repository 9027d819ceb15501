// SPDX-License-Identifier: Apache-2.0
#include "chain/base/endian.h"
#include "chain/codec/rlp.h"
#include "chain/fed/views_impl.h"
#include "chain/store/schema.h"

#include <stddef.h>

#define EVENT_MAX ((size_t)64 << 20)

// ---- keys ---------------------------------------------------------------------------------

struct view_key view_key(enum view_kind kind)
{
    struct view_key k = {.len = 1};
    k.b[0] = (uint8_t)kind;
    return k;
}

static uint8_t *grow(struct view_key *k, size_t len)
{
    check(k->len + len <= sizeof k->b);
    uint8_t *p = k->b + k->len;
    k->len += len;
    return p;
}

void view_key_hash(struct view_key *k, const hash_t *h)
{
    memcpy(grow(k, sizeof h->b), h->b, sizeof h->b);
}

void view_key_address(struct view_key *k, const address_t *a)
{
    memcpy(grow(k, sizeof a->b), a->b, sizeof a->b);
}

void view_key_u64(struct view_key *k, uint64_t v)
{
    be_put_u64(grow(k, 8), v);
}

void view_key_u32(struct view_key *k, uint32_t v)
{
    be_put_u32(grow(k, 4), v);
}

void view_key_place(struct view_key *k, const struct view_at *at)
{
    view_key_u64(k, at->block);
    view_key_u32(k, at->log_index);
}

// ---- rows ---------------------------------------------------------------------------------

enum { BLOCK_LEN = 8 };

/// The row of a key that block `at` wrote: later blocks come first.
static struct view_key row_at(const struct view_key *key, uint64_t at)
{
    struct view_key row = *key;
    view_key_u64(&row, ~at);
    return row;
}

err_t view_set(struct db_txn *txn, uint64_t at, const struct view_key *key, bytes_t value)
{
    const struct view_key row = row_at(key, at);
    return db_put(txn, DB_VIEWS, view_key_bytes(&row), value);
}

/// True if the row is one of this key.
static bool is_of(bytes_t row, bytes_t key)
{
    return row.len == key.len + BLOCK_LEN && memcmp(row.data, key.data, key.len) == 0;
}

err_t view_find(const struct views *v, const struct view_key *key, bytes_t *out)
{
    const struct view_key from = row_at(key, v->at);
    struct db_cursor *c;
    bytes_t row;
    TRY(db_cursor_open(v->txn, DB_VIEWS, &c));
    err_t err = db_cursor_seek(c, view_key_bytes(&from), &row, out);
    if (err_ok(err) && (!is_of(row, view_key_bytes(key)) || out->len == 0)) {
        err = FAIL(NOT_FOUND, "views: no such record");
    }
    db_cursor_close(c);
    return err;
}

// ---- forms --------------------------------------------------------------------------------

// clang-format off
#define FORM(NAME, STRUCT, ...)                                                                    \
    static const struct view_field NAME##_fields[] = {__VA_ARGS__};                                \
    const struct view_form NAME = {NAME##_fields, ARRAY_LEN(NAME##_fields), sizeof(STRUCT)};
#define F(STRUCT, KIND, FIELD) {KIND, offsetof(STRUCT, FIELD)}

#define T struct view_family
FORM(VIEW_FAMILY_FORM, T, F(T, F_HASH, id), F(T, F_ADDRESS, creator), F(T, F_ADDRESS, owner),
     F(T, F_ADDRESS, policy), F(T, F_U8, f), F(T, F_U32, version_count), F(T, F_U32, round_count),
     F(T, F_AT, created))
#undef T
#define T struct view_version
FORM(VIEW_VERSION_FORM, T, F(T, F_HASH, id), F(T, F_HASH, family), F(T, F_U32, number),
     F(T, F_U8, kind), F(T, F_U8, state), F(T, F_BOOL, revoked), F(T, F_HASH, revoked_reason),
     F(T, F_U64, round), F(T, F_HASH, file_sha256), F(T, F_HASH, model_root),
     F(T, F_AT, registered))
#undef T
#define T struct view_channel
FORM(VIEW_CHANNEL_FORM, T, F(T, F_HASH, name), F(T, F_HASH, version), F(T, F_AT, set))
#undef T
#define T struct view_round
FORM(VIEW_ROUND_FORM, T, F(T, F_U64, id), F(T, F_HASH, family), F(T, F_HASH, base_version),
     F(T, F_ADDRESS, policy), F(T, F_U64, commit_deadline_s), F(T, F_U8, state),
     F(T, F_U8, failure), F(T, F_U32, participants), F(T, F_U32, revealed), F(T, F_BOOL, has_seed),
     F(T, F_HASH, seed1), F(T, F_U64, seed_from_block), F(T, F_BOOL, has_selection),
     F(T, F_U64, accepted), F(T, F_BOOL, has_aggregate), F(T, F_ADDRESS, aggregator),
     F(T, F_HASH, agg_root), F(T, F_HASH, new_file_sha256), F(T, F_U32, total_weight),
     F(T, F_HASH, result_version), F(T, F_BOOL, settled), F(T, F_U256, pool), F(T, F_U256, dust),
     F(T, F_AT, opened), F(T, F_AT, state_since))
#undef T
#define T struct view_participant
FORM(VIEW_PARTICIPANT_FORM, T, F(T, F_U64, round), F(T, F_ADDRESS, who), F(T, F_U32, index),
     F(T, F_U32, commits), F(T, F_HASH, digest), F(T, F_U8, status), F(T, F_U8, refusal),
     F(T, F_BOOL, has_reveal), F(T, F_HASH, upd_root), F(T, F_HASH, manifest_hash),
     F(T, F_U32, weight), F(T, F_BOOL, has_score), F(T, F_U256, score), F(T, F_U256, slashed),
     F(T, F_BOOL, proven), F(T, F_U256, reward), F(T, F_U256, claimed), F(T, F_AT, committed),
     F(T, F_AT, revealed))
#undef T
#define T struct view_claim
FORM(VIEW_CLAIM_FORM, T, F(T, F_U64, round), F(T, F_ADDRESS, who), F(T, F_U256, amount),
     F(T, F_AT, at))
#undef T
#define T struct view_proposal
FORM(VIEW_PROPOSAL_FORM, T, F(T, F_U256, id), F(T, F_ADDRESS, proposer), F(T, F_U64, vote_start),
     F(T, F_U64, vote_end), F(T, F_BOOL, canceled), F(T, F_BOOL, queued), F(T, F_U64, eta_s),
     F(T, F_BOOL, executed), F(T, F_U256, votes_against), F(T, F_U256, votes_for),
     F(T, F_U256, votes_abstain), F(T, F_U32, voters), F(T, F_AT, created))
#undef T
#define T struct view_vote
FORM(VIEW_VOTE_FORM, T, F(T, F_U256, proposal), F(T, F_ADDRESS, voter), F(T, F_U8, support),
     F(T, F_U256, weight), F(T, F_BYTES, reason), F(T, F_AT, at))
#undef T
#define T struct view_event
FORM(VIEW_EVENT_FORM, T, F(T, F_AT, at), F(T, F_ADDRESS, address), F(T, F_BYTES, data))
#undef T
// clang-format on

static void put_at(struct buf *b, const struct view_at *at)
{
    const size_t list = rlp_list_begin(b);
    rlp_put_u64(b, at->block);
    rlp_put_u64(b, at->time_s);
    rlp_put_u64(b, at->tx_index);
    rlp_put_u64(b, at->log_index);
    rlp_put_hash(b, &at->tx_hash);
    rlp_list_end(b, list);
}

static err_t read_u32(struct rlp_reader *r, uint32_t *out)
{
    uint64_t v;
    TRY(rlp_read_u64(r, &v));
    if (v > UINT32_MAX) return FAIL(MALFORMED, "views: a number is too large");
    *out = (uint32_t)v;
    return OK;
}

static err_t read_at(struct rlp_reader *r, struct view_at *out)
{
    struct rlp_reader list;
    TRY(rlp_read_list(r, &list));
    TRY(rlp_read_u64(&list, &out->block));
    TRY(rlp_read_u64(&list, &out->time_s));
    TRY(read_u32(&list, &out->tx_index));
    TRY(read_u32(&list, &out->log_index));
    TRY(rlp_read_fixed(&list, out->tx_hash.b, sizeof out->tx_hash.b));
    return rlp_expect_end(&list);
}

static void put_field(struct buf *b, const struct view_field *f, const void *in)
{
    const void *p = (const uint8_t *)in + f->offset;
    switch (f->kind) {
    case F_U8:
        rlp_put_u64(b, *(const uint8_t *)p);
        return;
    case F_U32:
        rlp_put_u64(b, *(const uint32_t *)p);
        return;
    case F_U64:
        rlp_put_u64(b, *(const uint64_t *)p);
        return;
    case F_BOOL:
        rlp_put_u64(b, *(const bool *)p);
        return;
    case F_HASH:
        rlp_put_hash(b, p);
        return;
    case F_ADDRESS:
        rlp_put_address(b, p);
        return;
    case F_U256:
        rlp_put_u256(b, p);
        return;
    case F_BYTES:
        rlp_put_bytes(b, *(const bytes_t *)p);
        return;
    case F_AT:
        put_at(b, p);
        return;
    }
    unreachable("field kind");
}

static err_t read_small(struct rlp_reader *r, uint8_t *out, uint64_t max)
{
    uint64_t v;
    TRY(rlp_read_u64(r, &v));
    if (v > max) return FAIL(MALFORMED, "views: a number is too large");
    *out = (uint8_t)v;
    return OK;
}

static err_t read_field(struct rlp_reader *r, const struct view_field *f, void *out)
{
    void *p = (uint8_t *)out + f->offset;
    switch (f->kind) {
    case F_U8:
        return read_small(r, p, UINT8_MAX);
    case F_U32:
        return read_u32(r, p);
    case F_U64:
        return rlp_read_u64(r, p);
    case F_BOOL: {
        uint8_t v;
        TRY(read_small(r, &v, 1));
        *(bool *)p = v == 1;
        return OK;
    }
    case F_HASH:
        return rlp_read_fixed(r, p, sizeof(hash_t));
    case F_ADDRESS:
        return rlp_read_fixed(r, p, sizeof(address_t));
    case F_U256:
        return rlp_read_u256(r, p);
    case F_BYTES:
        return rlp_read_bytes(r, p);
    case F_AT:
        return read_at(r, p);
    }
    unreachable("field kind");
}

static err_t decode_fields(const struct view_form *form, void *out, struct rlp_reader *r)
{
    for (size_t i = 0; i < form->count; i++) TRY(read_field(r, &form->fields[i], out));
    return OK;
}

static err_t decode(const struct view_form *form, void *out, bytes_t stored)
{
    struct rlp_reader all = rlp_reader(stored);
    struct rlp_reader r;
    TRY(rlp_read_list(&all, &r));
    TRY(decode_fields(form, out, &r));
    return rlp_expect_end(&r);
}

err_t view_decode(const struct view_form *form, void *out, bytes_t stored)
{
    memset(out, 0, form->size);
    if (err_ok(decode(form, out, stored))) return OK;
    return FAIL(CORRUPT, "views: a record does not decode; rebuild the views");
}

err_t view_get(const struct views *v, const struct view_form *form, const struct view_key *key,
               void *out)
{
    bytes_t stored;
    TRY(view_find(v, key, &stored));
    return view_decode(form, out, stored);
}

err_t view_put(struct db_txn *txn, uint64_t at, const struct view_form *form,
               const struct view_key *key, const void *in)
{
    struct buf b;
    buf_init(&b, EVENT_MAX);
    const size_t list = rlp_list_begin(&b);
    for (size_t i = 0; i < form->count; i++) put_field(&b, &form->fields[i], in);
    rlp_list_end(&b, list);
    err_t err = buf_status(&b);
    if (err_ok(err)) err = view_set(txn, at, key, buf_bytes(&b));
    buf_deinit(&b);
    return err;
}

// ---- events -------------------------------------------------------------------------------

struct event_key {
    uint8_t b[12];
};

static struct event_key event_key(uint64_t block, uint32_t log_index)
{
    struct event_key k = {{0}};
    be_put_u64(k.b, block);
    be_put_u32(k.b + 8, log_index);
    return k;
}

err_t view_event_put(struct db_txn *txn, const struct view_event *e)
{
    const struct event_key key = event_key(e->at.block, e->at.log_index);
    struct buf b;
    buf_init(&b, EVENT_MAX);
    const size_t list = rlp_list_begin(&b);
    for (size_t i = 0; i < VIEW_EVENT_FORM.count; i++) put_field(&b, &VIEW_EVENT_FORM.fields[i], e);
    rlp_put_bytes(&b, bytes_make(e->topics, e->topic_count * sizeof(hash_t)));
    rlp_list_end(&b, list);
    err_t err = buf_status(&b);
    if (err_ok(err)) err = db_append(txn, DB_EVENTS, BYTES_OF(key), buf_bytes(&b));
    buf_deinit(&b);
    return err;
}

enum fed_event view_event_of(const address_t *address, const hash_t *topic)
{
    for (size_t i = 0; i < fed_item_count; i++) {
        const struct fed_item *item = &fed_items[i];
        if (item->kind != FED_ITEM_EVENT) continue;
        if (!address_eq(address, &fed_contract_address[item->contract])) continue;
        if (hash_eq(topic, &fed_event_topic[item->event])) return item->event;
    }
    return FED_EVENTS;
}

static err_t decode_event(struct view_event *out, bytes_t stored)
{
    struct rlp_reader all = rlp_reader(stored);
    struct rlp_reader r;
    bytes_t topics;
    TRY(rlp_read_list(&all, &r));
    TRY(decode_fields(&VIEW_EVENT_FORM, out, &r));
    TRY(rlp_read_bytes(&r, &topics));
    TRY(rlp_expect_end(&r));
    if (topics.len % sizeof(hash_t) != 0 || topics.len > sizeof out->topics || topics.len == 0) {
        return FAIL(MALFORMED, "views: topics of an event");
    }
    memcpy(out->topics, topics.data, topics.len);
    out->topic_count = (unsigned)(topics.len / sizeof(hash_t));
    out->event = view_event_of(&out->address, &out->topics[0]);
    return OK;
}

err_t view_event_get(const struct db_txn *txn, struct view_event *out, uint64_t block,
                     uint32_t log_index)
{
    const struct event_key key = event_key(block, log_index);
    bytes_t stored;
    TRY(db_get(txn, DB_EVENTS, BYTES_OF(key), &stored));
    memset(out, 0, sizeof *out);
    if (err_ok(decode_event(out, stored))) return OK;
    return FAIL(CORRUPT, "views: an event does not decode; rebuild the views");
}

// ---- walks --------------------------------------------------------------------------------

bytes_t view_walk_key(const struct view_walk *w)
{
    return bytes_make(w->key.data, w->key.len - BLOCK_LEN);
}

static err_t seek(struct view_walk *w, const struct view_key *from)
{
    return db_cursor_seek(w->cursor, view_key_bytes(from), &w->key, &w->value);
}

static struct view_key key_of(const struct view_walk *w)
{
    const bytes_t key = view_walk_key(w);
    struct view_key k = {.len = 0};
    memcpy(grow(&k, key.len), key.data, key.len);
    return k;
}

/// From any row of a key to the first row of the key behind it (backward: the last row of the
/// key before it).
static err_t leave_key(struct view_walk *w)
{
    const struct view_key key = key_of(w);
    if (w->backward) {
        TRY(seek(w, &key));
        return db_cursor_prev(w->cursor, &w->key, &w->value);
    }
    TRY(db_cursor_next(w->cursor, &w->key, &w->value));
    if (!is_of(w->key, view_key_bytes(&key))) return OK;
    const struct view_key last = row_at(&key, 0);
    TRY(seek(w, &last));
    return is_of(w->key, view_key_bytes(&key)) ? db_cursor_next(w->cursor, &w->key, &w->value) : OK;
}

/// On some row of a key: goes to the one in force; `*found` false if the key was not there.
static err_t settle(struct view_walk *w, bool *found)
{
    const struct view_key key = key_of(w);
    const struct view_key wanted = row_at(&key, w->at);
    *found = false;
    // Walking forward, the first row met is the newest, and mostly the one in force.
    const bool newest_will_do = !w->backward && memcmp(w->key.data, wanted.b, wanted.len) >= 0;
    if (!newest_will_do) {
        const err_t err = seek(w, &wanted);
        const bool at_end = err.kind == ERR_NOT_FOUND;
        if (!err_ok(err) && !at_end) return err;
        if (at_end || !is_of(w->key, view_key_bytes(&key))) {
            // All its rows are newer. Back onto them, so that the walk can leave the key.
            TRY(seek(w, &key));
            return OK;
        }
    }
    *found = w->value.len > 0;
    return OK;
}

static err_t settle_or_go_on(struct view_walk *w)
{
    for (;;) {
        bool found;
        if (w->key.len <= BLOCK_LEN) return FAIL(CORRUPT, "views: a key is too short");
        TRY(settle(w, &found));
        if (found) return OK;
        TRY(leave_key(w));
    }
}

static err_t walk_start(struct view_walk *w, const struct view_key *from)
{
    const err_t err = seek(w, from);
    if (!w->backward) {
        TRY(err);
    } else if (err_ok(err)) {
        TRY(db_cursor_prev(w->cursor, &w->key, &w->value));
    } else if (err.kind == ERR_NOT_FOUND) {
        TRY(db_cursor_last(w->cursor, &w->key, &w->value));
    } else {
        return err;
    }
    return settle_or_go_on(w);
}

err_t view_walk_open(struct view_walk *w, const struct views *v, const struct view_key *from,
                     bool backward)
{
    *w = (struct view_walk){.at = v->at, .backward = backward};
    TRY(db_cursor_open(v->txn, DB_VIEWS, &w->cursor));
    const err_t err = walk_start(w, from);
    if (!err_ok(err)) view_walk_close(w);
    return err;
}

err_t view_walk_next(struct view_walk *w)
{
    TRY(leave_key(w));
    return settle_or_go_on(w);
}

void view_walk_close(struct view_walk *w)
{
    if (w->cursor != NULL) db_cursor_close(w->cursor);
    w->cursor = NULL;
}

/// Where a page begins.
static struct view_key page_start(const struct views_page *page, const struct view_key *prefix)
{
    struct view_key from = *prefix;
    if (page->after.len > 0) {
        memcpy(grow(&from, page->after.len), page->after.data, page->after.len);
    } else if (page->newest_first) {
        // The first key above all with this prefix. Kinds are small, so a carry ends there.
        size_t i = from.len;
        while (from.b[i - 1] == 0xff) i--;
        from.b[i - 1]++;
        from.len = i;
    }
    return from;
}

static bool has_prefix(bytes_t key, const struct view_key *prefix)
{
    return key.len >= prefix->len && memcmp(key.data, prefix->b, prefix->len) == 0;
}

static err_t collect(const struct views *v, const struct views_page *page,
                     const struct view_key *prefix, struct view_entry *out, size_t *count,
                     bool *more)
{
    const struct view_key from = page_start(page, prefix);
    struct view_walk w;
    err_t err = view_walk_open(&w, v, &from, page->newest_first);
    const bool again = err_ok(err) && !page->newest_first && page->after.len > 0 &&
                       bytes_eq(view_walk_key(&w), view_key_bytes(&from));
    if (again) err = view_walk_next(&w);
    for (; err_ok(err) && has_prefix(view_walk_key(&w), prefix); err = view_walk_next(&w)) {
        if (*count == page->limit) {
            *more = true;
            break;
        }
        const bytes_t key = view_walk_key(&w);
        out[(*count)++] =
            (struct view_entry){bytes_make(key.data + prefix->len, key.len - prefix->len), w.value};
    }
    view_walk_close(&w);
    return err.kind == ERR_NOT_FOUND ? OK : err;
}

err_t view_scan(const struct views *v, struct arena *arena, const struct views_page *page,
                const struct view_key *prefix, struct view_entry **out, size_t *count,
                bytes_t *next)
{
    // `next` may be the page's own `after`.
    const struct views_page asked = *page;
    page = &asked;
    *count = 0;
    *next = BYTES_NONE;
    if (page->limit == 0 || page->limit > VIEWS_PAGE_MAX || page->after.len > VIEWS_CURSOR_MAX ||
        page->after.len > sizeof prefix->b - prefix->len - BLOCK_LEN) {
        return FAIL(INVALID, "views: not a page of a list");
    }
    struct view_entry *entries = ARENA_ARRAY(arena, struct view_entry, page->limit);
    if (entries == NULL) return FAIL(FULL, "views: no memory left for this query");
    bool more = false;
    err_t err = collect(v, page, prefix, entries, count, &more);
    if (err_ok(err) && more) {
        bool full = false;
        *next = arena_copy(arena, entries[*count - 1].rest, &full);
        if (full) err = FAIL(FULL, "views: no memory left for this query");
    }
    *out = entries;
    return err;
}
