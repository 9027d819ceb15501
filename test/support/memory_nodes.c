// SPDX-License-Identifier: Apache-2.0
#include "test/support/memory_nodes.h"

#include <stdlib.h>

static size_t find(const struct memory_nodes *m, const uint8_t *path, size_t len)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->items[i].path_len != len) continue;
        if (len == 0 || memcmp(m->items[i].path, path, len) == 0) return i;
    }
    return m->count;
}

static err_t read_node(void *ctx, bytes_t *out, const uint8_t *path, size_t len)
{
    const struct memory_nodes *m = ctx;
    const size_t i = find(m, path, len);
    if (i == m->count) return FAIL(NOT_FOUND, "no such path");
    *out = bytes_make(m->items[i].node, m->items[i].len);
    return OK;
}

struct trie_source memory_nodes_source(struct memory_nodes *m)
{
    return (struct trie_source){.node = read_node, .ctx = m};
}

static struct memory_node *place(struct memory_nodes *m, const struct trie_change *c)
{
    const size_t at = find(m, c->path, c->path_len);
    if (at < m->count) return &m->items[at];
    if (m->count == m->cap) {
        m->cap = m->cap == 0 ? 64 : 2 * m->cap;
        m->items = realloc(m->items, m->cap * sizeof *m->items);
        check(m->items != NULL);
    }
    return &m->items[m->count++];
}

void memory_nodes_write(struct memory_nodes *m, const struct trie *t)
{
    size_t count;
    const struct trie_change *c = trie_deletes(t, &count);
    for (size_t i = 0; i < count; i++) {
        const size_t at = find(m, c[i].path, c[i].path_len);
        check(at < m->count);
        m->items[at] = m->items[--m->count];
    }
    c = trie_writes(t, &count);
    for (size_t i = 0; i < count; i++) {
        struct memory_node *n = place(m, &c[i]);
        check(c[i].path_len <= sizeof n->path && c[i].node.len <= sizeof n->node);
        if (c[i].path_len > 0) memcpy(n->path, c[i].path, c[i].path_len);
        n->path_len = c[i].path_len;
        memcpy(n->node, c[i].node.data, c[i].node.len);
        n->len = c[i].node.len;
    }
}

void memory_nodes_deinit(struct memory_nodes *m)
{
    free(m->items);
    *m = (struct memory_nodes){0};
}
