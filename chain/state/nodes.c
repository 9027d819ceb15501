// SPDX-License-Identifier: Apache-2.0
#include "chain/state/nodes.h"

#include "chain/crypto/keccak.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"

struct node_key {
    uint8_t b[1 + 32 + 2 * TRIE_KEY_MAX];
    size_t len;
};

static struct node_key key_of(const struct state_nodes *nodes, const uint8_t *path, size_t path_len)
{
    struct node_key k = {.len = 1};
    k.b[0] = nodes->is_storage;
    if (nodes->is_storage) {
        memcpy(k.b + 1, nodes->address_hash.b, 32);
        k.len += 32;
    }
    check(path_len <= 2 * (size_t)TRIE_KEY_MAX);
    if (path_len > 0) memcpy(k.b + k.len, path, path_len);
    k.len += path_len;
    return k;
}

static err_t read_node(void *ctx, bytes_t *out, const uint8_t *path, size_t path_len)
{
    const struct state_nodes *nodes = ctx;
    const struct node_key k = key_of(nodes, path, path_len);
    return db_get(nodes->txn, DB_TRIE, bytes_make(k.b, k.len), out);
}

struct trie_source state_nodes_source(struct state_nodes *nodes)
{
    return (struct trie_source){read_node, nodes};
}

err_t state_nodes_write(struct db_txn *txn, const struct state_nodes *nodes, const struct trie *t)
{
    size_t count;
    const struct trie_change *c = trie_deletes(t, &count);
    for (size_t i = 0; i < count; i++) {
        const struct node_key k = key_of(nodes, c[i].path, c[i].path_len);
        TRY(db_delete(txn, DB_TRIE, bytes_make(k.b, k.len)));
    }
    c = trie_writes(t, &count);
    for (size_t i = 0; i < count; i++) {
        const struct node_key k = key_of(nodes, c[i].path, c[i].path_len);
        TRY(db_put(txn, DB_TRIE, bytes_make(k.b, k.len), c[i].node));
    }
    return OK;
}

static err_t clear_with(struct db_cursor *cursor, bytes_t prefix)
{
    bytes_t key;
    bytes_t value;
    // Seeking again after each deletion keeps this independent of where a cursor then stands.
    for (;;) {
        const err_t err = db_cursor_seek(cursor, prefix, &key, &value);
        if (err.kind == ERR_NOT_FOUND) return OK;
        TRY(err);
        if (key.len < prefix.len || memcmp(key.data, prefix.data, prefix.len) != 0) return OK;
        TRY(db_cursor_delete(cursor));
    }
}

err_t state_nodes_clear(struct db_txn *txn, const hash_t *address_hash)
{
    const struct state_nodes nodes = {.is_storage = true, .address_hash = *address_hash};
    const struct node_key prefix = key_of(&nodes, NULL, 0);
    struct db_cursor *cursor;
    TRY(db_cursor_open(txn, DB_TRIE, &cursor));
    const err_t err = clear_with(cursor, bytes_make(prefix.b, prefix.len));
    db_cursor_close(cursor);
    return err;
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
