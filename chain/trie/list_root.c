// SPDX-License-Identifier: Apache-2.0
#include "chain/trie/list_root.h"

#include "chain/crypto/keccak.h"
#include "chain/trie/trie.h"

/// RLP of an index: at most nine bytes.
static size_t put_index(uint8_t out[9], size_t index)
{
    if (index == 0) {
        out[0] = 0x80;
        return 1;
    }
    if (index < 0x80) {
        out[0] = (uint8_t)index;
        return 1;
    }
    size_t len = 0;
    for (size_t v = index; v != 0; v >>= 8) len++;
    out[0] = (uint8_t)(0x80 + len);
    for (size_t i = 0; i < len; i++) out[1 + i] = (uint8_t)(index >> (8 * (len - 1 - i)));
    return 1 + len;
}

err_t list_root(hash_t *out, struct arena *scratch, const bytes_t *values, size_t count)
{
    const size_t mark = arena_mark(scratch);
    struct trie *t;
    TRY(trie_open(&t, scratch, NULL, &KECCAK_RLP_NULL));
    for (size_t i = 0; i < count; i++) {
        uint8_t key[9];
        const size_t len = put_index(key, i);
        TRY(trie_put(t, bytes_make(key, len), values[i]));
    }
    TRY(trie_finish(&t, 1, NULL));
    *out = trie_root(t);
    arena_rewind(scratch, mark);
    return OK;
}
