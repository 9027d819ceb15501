// SPDX-License-Identifier: Apache-2.0
#include "chain/trie/proof.h"

#include "chain/crypto/keccak.h"
#include "chain/trie/node.h"

/// Where the walk stands.
struct walk {
    bytes_t key;
    size_t depth; ///< nibbles of the key that are behind it
    struct node_child next;
    bytes_t value;
};

/// One node further. `next` is NODE_CHILD_NONE when key or trie ends here.
static err_t enter(struct walk *w, bytes_t node)
{
    struct node_view view;
    TRY(node_parse(&view, node));
    const size_t rest_len = 2 * w->key.len - w->depth;
    w->next = (struct node_child){NODE_CHILD_NONE, BYTES_NONE};

    if (view.kind == NODE_BRANCH) {
        if (rest_len == 0) {
            w->value = view.value;
        } else {
            w->next = view.children[key_nibble(w->key, w->depth++)];
        }
        return OK;
    }
    const size_t len = node_path_len(view.packed);
    if (len > rest_len) return OK;
    for (size_t i = 0; i < len; i++) {
        if (node_path_at(view.packed, i) != key_nibble(w->key, w->depth + i)) return OK;
    }
    if (view.kind == NODE_LEAF) {
        if (len == rest_len) w->value = view.value;
        return OK;
    }
    w->depth += len;
    w->next = view.children[0];
    return OK;
}

err_t proof_verify(bytes_t *value, const hash_t *root, bytes_t key, const bytes_t *nodes,
                   size_t node_count)
{
    *value = BYTES_NONE;
    struct walk w = {.key = key, .next = {NODE_CHILD_HASH, BYTES_OF(*root)}};
    size_t used = 0;
    if (hash_eq(root, &KECCAK_RLP_NULL)) {
        // The empty trie: no node, or the empty string as its root.
        if (node_count == 1 && bytes_eq(nodes[0], LIT("\x80"))) used = 1;
        w.next.kind = NODE_CHILD_NONE;
    }
    // Every step but those into embedded nodes uses up a node, and each of those is shorter
    // than the one around it: this ends.
    while (w.next.kind != NODE_CHILD_NONE) {
        bytes_t node = w.next.child;
        if (w.next.kind == NODE_CHILD_HASH) {
            if (used == node_count) return FAIL(INVALID, "proof: a node is missing");
            node = nodes[used++];
            const hash_t hash = keccak256(node);
            if (!bytes_eq(BYTES_OF(hash), w.next.child)) {
                return FAIL(INVALID, "proof: a node has another hash than it should");
            }
        }
        TRY(enter(&w, node));
    }
    if (used != node_count) return FAIL(INVALID, "proof: there are more nodes than needed");
    *value = w.value;
    return OK;
}
