// SPDX-License-Identifier: Apache-2.0
#include "chain/trie/node.h"

#include "chain/codec/rlp.h"

static err_t parse_child(struct node_child *out, bytes_t item)
{
    if (item.len == 1 && item.data[0] == 0x80) {
        *out = (struct node_child){NODE_CHILD_NONE, BYTES_NONE};
    } else if (item.len == 33 && item.data[0] == 0xa0) {
        *out = (struct node_child){NODE_CHILD_HASH, bytes_make(item.data + 1, 32)};
    } else if (item.len < 32 && item.data[0] >= 0xc0) {
        *out = (struct node_child){NODE_CHILD_EMBEDDED, item};
    } else {
        return FAIL(MALFORMED, "trie: a child is neither a hash nor a short node");
    }
    return OK;
}

static err_t parse_short(struct node_view *out, bytes_t first, bytes_t second)
{
    struct rlp_reader r = rlp_reader(first);
    TRY(rlp_read_bytes(&r, &out->packed));
    if (out->packed.len == 0) return FAIL(MALFORMED, "trie: a path is missing");
    const uint8_t flags = out->packed.data[0];
    if (flags >= 0x40) return FAIL(MALFORMED, "trie: unknown hex-prefix flags");
    if ((flags & 0x10) == 0 && (flags & 0x0f) != 0) {
        return FAIL(MALFORMED, "trie: hex-prefix padding is not zero");
    }
    if ((flags & 0x20) != 0) {
        out->kind = NODE_LEAF;
        r = rlp_reader(second);
        TRY(rlp_read_bytes(&r, &out->value));
        if (out->value.len == 0) return FAIL(MALFORMED, "trie: a leaf without a value");
        return OK;
    }
    out->kind = NODE_EXTENSION;
    if (node_path_len(out->packed) == 0) return FAIL(MALFORMED, "trie: an extension of nothing");
    TRY(parse_child(&out->children[0], second));
    if (out->children[0].kind == NODE_CHILD_NONE) {
        return FAIL(MALFORMED, "trie: an extension without a child");
    }
    return OK;
}

/// The usual branch: hashes and gaps, no value. @return false if it is anything else
static bool parse_plain_branch(struct node_view *out, bytes_t list)
{
    const uint8_t *p = list.data;
    const uint8_t *const end = p + list.len;
    for (size_t i = 0; i < 16; i++) {
        if (p < end && *p == 0x80) {
            out->children[i] = (struct node_child){NODE_CHILD_NONE, BYTES_NONE};
            p++;
        } else if (end - p >= 33 && *p == 0xa0) {
            out->children[i] = (struct node_child){NODE_CHILD_HASH, bytes_make(p + 1, 32)};
            p += 33;
        } else {
            return false;
        }
    }
    return end - p == 1 && *p == 0x80;
}

err_t node_parse(struct node_view *out, bytes_t node)
{
    struct rlp_reader all = rlp_reader(node);
    struct rlp_reader list;
    TRY(rlp_read_list(&all, &list));
    TRY(rlp_expect_end(&all));
    out->packed = BYTES_NONE;
    out->value = BYTES_NONE;
    out->kind = NODE_BRANCH;
    if (parse_plain_branch(out, list.rest)) return OK;

    bytes_t items[17];
    size_t count = 0;
    for (; !rlp_at_end(&list); count++) {
        if (count == ARRAY_LEN(items)) return FAIL(MALFORMED, "trie: a node of too many items");
        TRY(rlp_read_raw(&list, &items[count]));
    }
    if (count == 2) return parse_short(out, items[0], items[1]);
    if (count != 17) return FAIL(MALFORMED, "trie: a node has 2 or 17 items");

    for (size_t i = 0; i < 16; i++) TRY(parse_child(&out->children[i], items[i]));
    struct rlp_reader value = rlp_reader(items[16]);
    return rlp_read_bytes(&value, &out->value);
}
