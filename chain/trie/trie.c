// SPDX-License-Identifier: Apache-2.0
#include "chain/trie/trie.h"

#include "chain/crypto/keccak.h"
#include "chain/trie/trie_cache.h"
#include "chain/trie/trie_impl.h"

/// A leaf is guessed only this deep: above, a branch is likelier.
#define LEAF_LEVELS 3

#define NO_ROOM FAIL(FULL, "trie: no memory left for this batch")

// ---- making nodes -----------------------------------------------------------------------

static struct trie_node *new_node(struct trie *t, enum node_kind kind)
{
    const size_t children = kind == NODE_BRANCH ? 16 : kind == NODE_EXTENSION ? 1 : 0;
    struct trie_node *n =
        arena_calloc(t->arena, 1, sizeof(struct trie_node) + children * sizeof(struct trie_slot));
    if (n == NULL) return NULL;
    t->node_count++;
    n->kind = kind;
    n->dirty = true;
    return n;
}

static struct trie_node *new_leaf(struct trie *t, const uint8_t *path, size_t len, bytes_t value)
{
    struct trie_node *n = new_node(t, NODE_LEAF);
    if (n == NULL) return NULL;
    n->path = path;
    n->path_len = (uint32_t)len;
    n->value = value;
    return n;
}

static struct trie_node *new_extension(struct trie *t, const uint8_t *path, size_t len,
                                       struct trie_slot child)
{
    struct trie_node *n = new_node(t, NODE_EXTENSION);
    if (n == NULL) return NULL;
    n->path = path;
    n->path_len = (uint32_t)len;
    n->child[0] = child;
    return n;
}

static bool is_empty(const struct trie_slot *slot)
{
    return slot->node == NULL && slot->hash == NULL;
}

// ---- loading ----------------------------------------------------------------------------

static err_t adopt(struct trie *t, struct trie_node **out, bytes_t raw);

static err_t adopt_child(struct trie *t, struct trie_slot *out, const struct node_child *child)
{
    switch (child->kind) {
    case NODE_CHILD_NONE:
        return OK;
    case NODE_CHILD_HASH:
        out->hash = child->child.data;
        return OK;
    case NODE_CHILD_EMBEDDED:
        TRY(adopt(t, &out->node, child->child));
        memcpy(out->node->name, child->child.data, child->child.len);
        out->node->name_len = (uint8_t)child->child.len;
        return OK;
    }
    unreachable("child kind");
}

/// A clean node from its encoding. Embedded children come with it: each is shorter than what
/// holds it, so this ends.
static err_t adopt(struct trie *t, struct trie_node **out, bytes_t raw)
{
    struct node_view view;
    if (!err_ok(node_parse(&view, raw))) {
        return FAIL(CORRUPT, "trie: a stored node does not decode");
    }
    struct trie_node *n = new_node(t, view.kind);
    if (n == NULL) return NO_ROOM;
    n->dirty = false;
    n->encoded = raw;
    n->value = view.value;
    if (view.kind != NODE_BRANCH) {
        const size_t len = node_path_len(view.packed);
        if (len > TRIE_PATH_MAX) return FAIL(CORRUPT, "trie: a stored path is too long");
        uint8_t *path = arena_alloc(t->arena, len);
        if (path == NULL) return NO_ROOM;
        for (size_t i = 0; i < len; i++) path[i] = node_path_at(view.packed, i);
        n->path = path;
        n->path_len = (uint32_t)len;
    }
    const size_t children = view.kind == NODE_BRANCH ? 16 : view.kind == NODE_EXTENSION ? 1 : 0;
    for (size_t i = 0; i < children; i++) TRY(adopt_child(t, &n->child[i], &view.children[i]));
    *out = n;
    return OK;
}

static err_t read_stored(const struct trie *t, bytes_t *out, const uint8_t *path, size_t path_len)
{
    const struct trie_source *s = &t->source;
    const err_t err =
        s->node == NULL ? FAIL(NOT_FOUND, "trie: no source") : s->node(s->ctx, out, path, path_len);
    if (err.kind == ERR_NOT_FOUND) return FAIL(CORRUPT, "trie: a node is missing in the store");
    return err;
}

/// The leaf of the key at hand, made from what the caller knows, if `hash` names it.
static err_t guess_leaf(const struct trie *t, bytes_t *raw, bool *is_it, size_t depth,
                        const uint8_t *hash)
{
    const size_t mark = arena_mark(t->arena);
    TRY(trie_leaf(raw, t->arena, t->key_bytes, depth, t->before));
    const hash_t have = keccak256(*raw);
    *is_it = memcmp(have.b, hash, 32) == 0;
    if (!*is_it) arena_rewind(t->arena, mark);
    return OK;
}

/// Brings the node of `slot` into memory (*out = NULL if there is none). Its path are the
/// first `len` nibbles of the key at hand, and `last` after them unless it is negative.
static err_t resolve(struct trie *t, struct trie_node **out, struct trie_slot *slot, size_t len,
                     int last)
{
    *out = slot->node;
    if (slot->node != NULL || slot->hash == NULL) return OK;

    const size_t path_len = len + (last >= 0);
    uint8_t *path = arena_alloc(t->arena, path_len);
    struct trie_loaded *l = ARENA_NEW(t->arena, struct trie_loaded);
    if (path == NULL || l == NULL) return NO_ROOM;
    if (len > 0) memcpy(path, t->key, len);
    if (last >= 0) path[len] = (uint8_t)last;

    bytes_t raw;
    bool checked = trie_cache_get(t->source.cache, &raw, t->arena, path, path_len, slot->hash);
    // Below the levels that are kept, the next node is the key's own leaf more often than not.
    if (!checked && last < 0 && t->before.len > 0 && len >= LEAF_LEVELS) {
        TRY(guess_leaf(t, &raw, &checked, len, slot->hash));
    }
    if (!checked) TRY(read_stored(t, &raw, path, path_len));
    TRY(adopt(t, &slot->node, raw));
    memcpy(slot->node->name + 1, slot->hash, 32);
    slot->node->name[0] = 0xa0;
    slot->node->name_len = 33;
    *l = (struct trie_loaded){.path = path,
                              .path_len = path_len,
                              .hash = slot->hash,
                              .node = slot->node,
                              .raw = raw,
                              .checked = checked,
                              .next = t->loaded};
    t->loaded = l;
    t->loaded_count++;
    t->unchecked_count++;
    *out = slot->node;
    return OK;
}

// ---- inserting --------------------------------------------------------------------------

static size_t common_prefix(const struct trie_node *n, const uint8_t *rest, size_t rest_len)
{
    const size_t max = n->path_len < rest_len ? n->path_len : rest_len;
    size_t i = 0;
    while (i < max && n->path[i] == rest[i]) i++;
    return i;
}

/// Hangs the key at hand under a new branch that stands at `depth`.
static err_t branch_take_key(struct trie *t, struct trie_node *branch, size_t depth)
{
    if (depth == t->key_len) {
        branch->value = t->value;
        return OK;
    }
    struct trie_node *leaf = new_leaf(t, t->key + depth + 1, t->key_len - depth - 1, t->value);
    if (leaf == NULL) return NO_ROOM;
    branch->child[t->key[depth]].node = leaf;
    return OK;
}

/// Puts `branch` into the slot, below the first `common` nibbles of `path`.
static err_t hang_branch(struct trie *t, struct trie_slot *slot, struct trie_node *branch,
                         const uint8_t *path, size_t common)
{
    struct trie_node *top = branch;
    if (common > 0) {
        top = new_extension(t, path, common, (struct trie_slot){branch, NULL});
        if (top == NULL) return NO_ROOM;
    }
    *slot = (struct trie_slot){top, NULL};
    t->changed = true;
    return OK;
}

static err_t split_leaf(struct trie *t, struct trie_slot *slot, struct trie_node *old, size_t depth,
                        size_t common)
{
    struct trie_node *branch = new_node(t, NODE_BRANCH);
    if (branch == NULL) return NO_ROOM;
    if (old->path_len == common) {
        branch->value = old->value;
    } else {
        struct trie_node *rest =
            new_leaf(t, old->path + common + 1, old->path_len - common - 1, old->value);
        if (rest == NULL) return NO_ROOM;
        branch->child[old->path[common]].node = rest;
    }
    TRY(branch_take_key(t, branch, depth + common));
    return hang_branch(t, slot, branch, old->path, common);
}

static err_t split_extension(struct trie *t, struct trie_slot *slot, struct trie_node *old,
                             size_t depth, size_t common)
{
    struct trie_node *branch = new_node(t, NODE_BRANCH);
    if (branch == NULL) return NO_ROOM;
    struct trie_slot below = old->child[0];
    const size_t rest_len = old->path_len - common - 1;
    if (rest_len > 0) {
        struct trie_node *rest = new_extension(t, old->path + common + 1, rest_len, below);
        if (rest == NULL) return NO_ROOM;
        below = (struct trie_slot){rest, NULL};
    }
    branch->child[old->path[common]] = below;
    TRY(branch_take_key(t, branch, depth + common));
    return hang_branch(t, slot, branch, old->path, common);
}

static void set_value(struct trie *t, struct trie_node *n)
{
    if (bytes_eq(n->value, t->value)) return;
    n->value = t->value;
    n->dirty = true;
    t->changed = true;
}

static err_t insert(struct trie *t, struct trie_slot *slot, size_t depth)
{
    struct trie_node *n;
    TRY(resolve(t, &n, slot, depth, -1));
    if (n == NULL) {
        slot->node = new_leaf(t, t->key + depth, t->key_len - depth, t->value);
        t->changed = true;
        return slot->node == NULL ? NO_ROOM : OK;
    }

    const size_t rest_len = t->key_len - depth;
    if (n->kind == NODE_BRANCH) {
        if (rest_len == 0) {
            set_value(t, n);
            return OK;
        }
        TRY(insert(t, &n->child[t->key[depth]], depth + 1));
        n->dirty |= t->changed;
        return OK;
    }
    const size_t common = common_prefix(n, t->key + depth, rest_len);
    if (n->kind == NODE_LEAF) {
        if (common < n->path_len || common < rest_len) {
            return split_leaf(t, slot, n, depth, common);
        }
        set_value(t, n);
        return OK;
    }
    if (common < n->path_len) return split_extension(t, slot, n, depth, common);
    TRY(insert(t, &n->child[0], depth + common));
    n->dirty |= t->changed;
    return OK;
}

// ---- removing ---------------------------------------------------------------------------

static const uint8_t *join(struct trie *t, const uint8_t *a, size_t a_len, const uint8_t *b,
                           size_t b_len)
{
    uint8_t *out = arena_alloc(t->arena, a_len + b_len);
    if (out == NULL) return NULL;
    if (a_len > 0) memcpy(out, a, a_len);
    if (b_len > 0) memcpy(out + a_len, b, b_len);
    return out;
}

/// `prefix` followed by the node of `below`, as few nodes as possible. `below` is in memory.
static struct trie_node *fuse(struct trie *t, const uint8_t *prefix, size_t len,
                              struct trie_slot below)
{
    const struct trie_node *n = below.node;
    if (n->kind == NODE_BRANCH) {
        const uint8_t *path = join(t, prefix, len, NULL, 0);
        return path == NULL ? NULL : new_extension(t, path, len, below);
    }
    const uint8_t *path = join(t, prefix, len, n->path, n->path_len);
    if (path == NULL) return NULL;
    if (n->kind == NODE_LEAF) return new_leaf(t, path, len + n->path_len, n->value);
    return new_extension(t, path, len + n->path_len, n->child[0]);
}

/// A branch that lost something: joins it with what is left if that is only one thing.
static err_t shrink_branch(struct trie *t, struct trie_slot *slot, struct trie_node *n,
                           size_t depth)
{
    size_t count = 0;
    uint8_t only = 0;
    for (uint8_t i = 0; i < 16; i++) {
        if (is_empty(&n->child[i])) continue;
        count++;
        only = i;
    }
    const bool has_value = n->value.len > 0;
    if (count + has_value > 1) return OK;

    struct trie_node *left = NULL;
    if (count == 1) {
        struct trie_node *child;
        TRY(resolve(t, &child, &n->child[only], depth, only));
        left = fuse(t, &only, 1, n->child[only]);
        if (left == NULL) return NO_ROOM;
    } else if (has_value) {
        left = new_leaf(t, NULL, 0, n->value);
        if (left == NULL) return NO_ROOM;
    }
    *slot = (struct trie_slot){left, NULL};
    return OK;
}

static err_t remove_key(struct trie *t, struct trie_slot *slot, size_t depth)
{
    struct trie_node *n;
    TRY(resolve(t, &n, slot, depth, -1));
    if (n == NULL) return OK;

    const size_t rest_len = t->key_len - depth;
    if (n->kind == NODE_BRANCH) {
        if (rest_len == 0) {
            if (n->value.len == 0) return OK;
            n->value = BYTES_NONE;
            t->changed = true;
        } else {
            TRY(remove_key(t, &n->child[t->key[depth]], depth + 1));
            if (!t->changed) return OK;
        }
        n->dirty = true;
        return shrink_branch(t, slot, n, depth);
    }
    if (common_prefix(n, t->key + depth, rest_len) < n->path_len) return OK;
    if (n->kind == NODE_LEAF) {
        if (n->path_len < rest_len) return OK;
        *slot = (struct trie_slot){NULL, NULL};
        t->changed = true;
        return OK;
    }
    TRY(remove_key(t, &n->child[0], depth + n->path_len));
    if (!t->changed) return OK;
    // The child was a branch and is now anything but nothing: a branch has two things or more.
    n->dirty = true;
    if (n->child[0].node == NULL) return FAIL(CORRUPT, "trie: a stored branch had one child");
    if (n->child[0].node->kind == NODE_BRANCH) return OK;
    struct trie_node *joined = fuse(t, n->path, n->path_len, n->child[0]);
    if (joined == NULL) return NO_ROOM;
    *slot = (struct trie_slot){joined, NULL};
    return OK;
}

// ---- the interface ----------------------------------------------------------------------

err_t trie_open(struct trie **out, struct arena *arena, const struct trie_source *source,
                const hash_t *root)
{
    struct trie *t = ARENA_NEW(arena, struct trie);
    if (t == NULL) return NO_ROOM;
    t->arena = arena;
    t->root_hash = *root;
    if (source != NULL) t->source = *source;
    if (!hash_eq(root, &KECCAK_RLP_NULL)) t->root.hash = t->root_hash.b;
    *out = t;
    return OK;
}

static err_t set_key(struct trie *t, bytes_t key)
{
    if (key.len > TRIE_KEY_MAX) return FAIL(LIMIT, "trie: the key is too long");
    uint8_t *nibbles = arena_alloc(t->arena, 2 * key.len);
    if (nibbles == NULL) return NO_ROOM;
    for (size_t i = 0; i < 2 * key.len; i++) nibbles[i] = key_nibble(key, i);
    t->key = nibbles;
    t->key_bytes = key;
    t->before = BYTES_NONE;
    t->key_len = 2 * key.len;
    return OK;
}

err_t trie_put(struct trie *t, bytes_t key, bytes_t value)
{
    return trie_put_known(t, key, value, BYTES_NONE);
}

err_t trie_put_known(struct trie *t, bytes_t key, bytes_t value, bytes_t before)
{
    TRY(set_key(t, key));
    t->before = before;
    t->value = value;
    t->changed = false;
    return value.len == 0 ? remove_key(t, &t->root, 0) : insert(t, &t->root, 0);
}

/// The step from a node towards the key at hand: the slot below it, or NULL if the key ends or
/// parts here. `*value` is set if it ends here.
static struct trie_slot *step(struct trie *t, struct trie_node *n, size_t *depth, bytes_t *value)
{
    const size_t rest_len = t->key_len - *depth;
    if (n->kind == NODE_BRANCH) {
        if (rest_len == 0) {
            *value = n->value;
            return NULL;
        }
        return &n->child[t->key[(*depth)++]];
    }
    if (common_prefix(n, t->key + *depth, rest_len) < n->path_len) return NULL;
    if (n->kind == NODE_LEAF) {
        if (n->path_len == rest_len) *value = n->value;
        return NULL;
    }
    *depth += n->path_len;
    return &n->child[0];
}

err_t trie_get(struct trie *t, bytes_t *value, bytes_t key)
{
    *value = BYTES_NONE;
    TRY(set_key(t, key));
    size_t depth = 0;
    for (struct trie_slot *slot = &t->root; slot != NULL;) {
        struct trie_node *n;
        TRY(resolve(t, &n, slot, depth, -1));
        if (n == NULL) break;
        slot = step(t, n, &depth, value);
    }
    return trie_check_loaded(&t, 1, NULL);
}

err_t trie_prove(struct trie *t, bytes_t key, const bytes_t **nodes, size_t *count)
{
    *nodes = NULL;
    *count = 0;
    TRY(set_key(t, key));
    bytes_t *list = ARENA_ARRAY(t->arena, bytes_t, t->key_len + 1);
    if (list == NULL) return NO_ROOM;
    bytes_t value;
    size_t depth = 0;
    for (struct trie_slot *slot = &t->root; slot != NULL;) {
        struct trie_node *n;
        TRY(resolve(t, &n, slot, depth, -1));
        if (n == NULL) break;
        check(!n->dirty);
        // A short node is inside the one above it; the root never is.
        if (slot == &t->root || n->name_len == 33) list[(*count)++] = n->encoded;
        slot = step(t, n, &depth, &value);
    }
    *nodes = list;
    return trie_check_loaded(&t, 1, NULL);
}

hash_t trie_root(const struct trie *t)
{
    return t->root_hash;
}

const struct trie_change *trie_writes(const struct trie *t, size_t *count)
{
    *count = t->write_count;
    return t->writes;
}

const struct trie_change *trie_deletes(const struct trie *t, size_t *count)
{
    *count = t->delete_count;
    return t->deletes;
}
