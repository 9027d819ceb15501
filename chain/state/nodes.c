// SPDX-License-Identifier: Apache-2.0
#include "chain/state/nodes.h"

#include "chain/crypto/keccak.h"
#include "chain/state/flat.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"

/// Longest path of a node: its key is then one byte shorter than a flat key.
#define PATH_MAX_NIBBLES 61

// ---- places -----------------------------------------------------------------------------

static unsigned flat_table(const struct state_nodes *nodes)
{
    return nodes->is_storage ? DB_SLOTS : DB_ACCOUNTS;
}

/// Two nibbles per byte; an odd last one in the upper half. @return bytes
static size_t pack(uint8_t *out, const uint8_t *path, size_t path_len)
{
    for (size_t i = 0; i < path_len; i++) {
        if (i % 2 == 0) {
            out[i / 2] = (uint8_t)(path[i] << 4);
        } else {
            out[i / 2] |= path[i];
        }
    }
    return (path_len + 1) / 2;
}

err_t state_node_place(struct node_place *out, const struct state_nodes *nodes, const uint8_t *path,
                       size_t path_len)
{
    if (path_len > PATH_MAX_NIBBLES) return FAIL(LIMIT, "state: a trie node too deep to be real");
    uint8_t *p = out->key;
    out->table = flat_table(nodes);
    if (path_len < NODES_UPPER) {
        out->table = DB_TRIE;
        *p++ = nodes->is_storage;
    }
    if (nodes->is_storage) {
        memcpy(p, nodes->address_hash.b, 32);
        p += 32;
    }
    p += pack(p, path, path_len);
    if (path_len % 2 == 0) {
        *p++ = 0;
    } else {
        p[-1] |= 1;
    }
    out->key_len = (size_t)(p - out->key);
    return OK;
}

// ---- reading ----------------------------------------------------------------------------

/// The entries below a path in its flat table.
struct range {
    size_t prefix_len; ///< bytes; the last may count for its upper half only
    bool half;         ///< it does
    uint8_t prefix[64];
};

static struct range range_of(const struct state_nodes *nodes, const uint8_t *path, size_t path_len)
{
    struct range r = {.half = path_len % 2 != 0};
    if (nodes->is_storage) {
        memcpy(r.prefix, nodes->address_hash.b, 32);
        r.prefix_len = 32;
    }
    r.prefix_len += pack(r.prefix + r.prefix_len, path, path_len);
    return r;
}

static bool is_below(const struct range *r, bytes_t key)
{
    const size_t whole = r->prefix_len - r->half;
    if (key.len < r->prefix_len || memcmp(key.data, r->prefix, whole) != 0) return false;
    return !r->half || (key.data[whole] & 0xf0) == r->prefix[whole];
}

static err_t make_leaf(const struct state_nodes *nodes, bytes_t *out, bytes_t key, bytes_t stored,
                       size_t depth)
{
    struct flat_value flat;
    uint8_t rlp[TRIE_ACCOUNT_MAX];
    size_t len;
    TRY(flat_split(&flat, key.len, stored));
    if (nodes->is_storage) {
        u256_t value;
        TRY(flat_slot_decode(&value, flat.record));
        len = trie_slot_encode(rlp, &value);
    } else {
        struct account account;
        TRY(flat_account_decode(&account, flat.record));
        len = trie_account_encode(rlp, &account);
    }
    return trie_leaf(out, nodes->arena, bytes_make(key.data + key.len - 32, 32), depth,
                     bytes_make(rlp, len));
}

/// The node at `path` if the flat table tells: the first entry below the path is that node, or
/// it is an account (a slot) and the only one. Else ERR_NOT_FOUND.
static err_t look_around(const struct state_nodes *nodes, struct db_cursor *cursor, bytes_t *out,
                         const struct node_place *place, const uint8_t *path, size_t path_len)
{
    const struct range r = range_of(nodes, path, path_len);
    const size_t flat_len = nodes->is_storage ? 64 : 32;
    const bytes_t own = bytes_make(place->key, place->key_len);
    const err_t several = FAIL(NOT_FOUND, "state: no leaf is there");
    bytes_t key;
    bytes_t value;
    TRY(db_cursor_seek(cursor, bytes_make(r.prefix, r.prefix_len), &key, &value));
    // The key of the node above ends in 00 or 1: it may stand at the head of its child there.
    if (key.len == r.prefix_len && !bytes_eq(key, own)) {
        TRY(db_cursor_next(cursor, &key, &value));
    }
    if (path_len >= NODES_UPPER && bytes_eq(key, own)) {
        *out = value;
        return OK;
    }
    if (!is_below(&r, key) || key.len != flat_len) return several;
    bytes_t next;
    bytes_t ignored;
    const err_t err = db_cursor_next(cursor, &next, &ignored);
    if (err.kind != ERR_NOT_FOUND) TRY(err);
    if (err_ok(err) && is_below(&r, next)) return several;
    return make_leaf(nodes, out, key, value, path_len);
}

static err_t read_node(void *ctx, bytes_t *out, const uint8_t *path, size_t path_len)
{
    const struct state_nodes *nodes = ctx;
    struct node_place place;
    TRY(state_node_place(&place, nodes, path, path_len));
    const bytes_t key = bytes_make(place.key, place.key_len);
    if (path_len < NODES_UPPER) {
        const err_t err = db_get(nodes->txn, place.table, key, out);
        if (err.kind != ERR_NOT_FOUND) return err;
    }
    struct db_cursor *cursor;
    TRY(db_cursor_open(nodes->txn, flat_table(nodes), &cursor));
    const err_t err = look_around(nodes, cursor, out, &place, path, path_len);
    db_cursor_close(cursor);
    if (err.kind != ERR_NOT_FOUND || path_len < NODES_UPPER) return err;
    return db_get(nodes->txn, place.table, key, out);
}

struct trie_source state_nodes_source(struct state_nodes *nodes)
{
    return (struct trie_source){.node = read_node, .ctx = nodes, .leaves_apart = true};
}

// ---- writing ----------------------------------------------------------------------------

err_t state_nodes_write(struct db_txn *txn, const struct state_nodes *nodes, const struct trie *t)
{
    size_t count;
    struct node_place place;
    const struct trie_change *c = trie_deletes(t, &count);
    for (size_t i = 0; i < count; i++) {
        TRY(state_node_place(&place, nodes, c[i].path, c[i].path_len));
        TRY(db_delete(txn, place.table, bytes_make(place.key, place.key_len)));
    }
    c = trie_writes(t, &count);
    for (size_t i = 0; i < count; i++) {
        TRY(state_node_place(&place, nodes, c[i].path, c[i].path_len));
        TRY(db_put(txn, place.table, bytes_make(place.key, place.key_len), c[i].node));
    }
    return OK;
}

/// Deletes what begins with `prefix`, but nothing with keys of `kept_len` bytes.
static err_t clear_with(struct db_cursor *cursor, bytes_t prefix, size_t kept_len)
{
    bytes_t key;
    bytes_t value;
    uint8_t place[80];
    bytes_t from = prefix;
    // Seeking again after each deletion keeps this independent of where a cursor then stands.
    for (;;) {
        const err_t err = db_cursor_seek(cursor, from, &key, &value);
        if (err.kind == ERR_NOT_FOUND) return OK;
        TRY(err);
        if (key.len < prefix.len || memcmp(key.data, prefix.data, prefix.len) != 0) return OK;
        check(key.len < sizeof place);
        // From there on: the key just seen with nothing after it is gone, or has a successor.
        memcpy(place, key.data, key.len);
        place[key.len] = 0;
        from = bytes_make(place, key.len + (key.len == kept_len));
        if (key.len != kept_len) TRY(db_cursor_delete(cursor));
    }
}

static err_t clear_table(struct db_txn *txn, unsigned table, bytes_t prefix, size_t kept_len)
{
    struct db_cursor *cursor;
    TRY(db_cursor_open(txn, table, &cursor));
    const err_t err = clear_with(cursor, prefix, kept_len);
    db_cursor_close(cursor);
    return err;
}

err_t state_nodes_clear(struct db_txn *txn, const hash_t *address_hash)
{
    uint8_t upper[33] = {1};
    memcpy(upper + 1, address_hash->b, 32);
    TRY(clear_table(txn, DB_TRIE, BYTES_OF(upper), 0));
    return clear_table(txn, DB_SLOTS, BYTES_OF(*address_hash), 64);
}

err_t state_head_root(const struct db_txn *txn, hash_t *root)
{
    uint64_t number;
    hash_t hash;
    struct header header;
    *root = KECCAK_RLP_NULL;
    const err_t err = blocks_head(txn, &number, &hash);
    if (err.kind == ERR_NOT_FOUND) return OK;
    TRY(err);
    TRY(blocks_header(txn, &header, number));
    *root = header.state_root;
    return OK;
}
