// SPDX-License-Identifier: Apache-2.0
#include "test/support/naive_trie.h"

#include "chain/base/buf.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"

#include <stdlib.h>

static uint8_t nibble(bytes_t key, size_t i)
{
    return (uint8_t)(i % 2 == 0 ? key.data[i / 2] >> 4 : key.data[i / 2] & 15);
}

/// HP(x, t) of the nibbles [from, to) of a key.
static void put_path(struct buf *out, bytes_t key, size_t from, size_t to, bool leaf)
{
    uint8_t hp[256];
    size_t n = 0;
    const uint8_t flag = leaf ? 2 : 0;
    if ((to - from) % 2 == 1) {
        hp[n++] = (uint8_t)((flag + 1) << 4 | nibble(key, from++));
    } else {
        hp[n++] = (uint8_t)(flag << 4);
    }
    for (; from < to; from += 2) {
        hp[n++] = (uint8_t)(nibble(key, from) << 4 | nibble(key, from + 1));
    }
    rlp_put_bytes(out, bytes_make(hp, n));
}

static void structural(struct buf *out, const struct naive_pair *p, size_t count, size_t depth);

/// n(I, i): the node or its hash.
static void put_node(struct buf *out, const struct naive_pair *p, size_t count, size_t depth)
{
    if (count == 0) {
        rlp_put_bytes(out, BYTES_NONE);
        return;
    }
    struct buf node;
    buf_init(&node, 1 << 20);
    structural(&node, p, count, depth);
    if (node.len < 32) {
        rlp_put_raw(out, buf_bytes(&node));
    } else {
        const hash_t h = keccak256(buf_bytes(&node));
        rlp_put_hash(out, &h);
    }
    buf_deinit(&node);
}

/// c(I, i).
static void structural(struct buf *out, const struct naive_pair *p, size_t count, size_t depth)
{
    const size_t list = rlp_list_begin(out);
    if (count == 1) {
        put_path(out, p->key, depth, 2 * p->key.len, true);
        rlp_put_bytes(out, p->value);
        rlp_list_end(out, list);
        return;
    }
    // Sorted: what the first and the last have in common, all have.
    const bytes_t first = p[0].key;
    const bytes_t last = p[count - 1].key;
    size_t common = depth;
    while (common < 2 * first.len && common < 2 * last.len &&
           nibble(first, common) == nibble(last, common)) {
        common++;
    }
    if (common > depth) {
        put_path(out, first, depth, common, false);
        put_node(out, p, count, common);
        rlp_list_end(out, list);
        return;
    }
    size_t at = 0;
    const bool ends_here = 2 * first.len == depth;
    if (ends_here) at = 1;
    for (uint8_t i = 0; i < 16; i++) {
        const size_t from = at;
        while (at < count && nibble(p[at].key, depth) == i) at++;
        put_node(out, p + from, at - from, depth + 1);
    }
    rlp_put_bytes(out, ends_here ? p[0].value : BYTES_NONE);
    rlp_list_end(out, list);
}

static int compare(const void *a, const void *b)
{
    return bytes_cmp(((const struct naive_pair *)a)->key, ((const struct naive_pair *)b)->key);
}

hash_t naive_trie_root(struct naive_pair *pairs, size_t count)
{
    if (count == 0) return KECCAK_RLP_NULL;
    qsort(pairs, count, sizeof *pairs, compare);
    struct buf root;
    buf_init(&root, 1 << 20);
    structural(&root, pairs, count, 0);
    const hash_t h = keccak256(buf_bytes(&root));
    buf_deinit(&root);
    return h;
}
