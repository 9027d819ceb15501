// SPDX-License-Identifier: Apache-2.0
#include "chain/state/prove.h"

#include "chain/crypto/keccak.h"
#include "chain/state/flat.h"
#include "chain/state/history.h"
#include "chain/state/nodes.h"
#include "chain/state/read.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"

#define NO_ROOM FAIL(FULL, "proof: no memory left for this query")

/// One question.
struct question {
    const struct db_txn *txn;
    struct arena *arena;
    uint64_t number;
    bool is_head;
};

/// The leaf of a flat value.
static err_t leaf_of(const struct question *q, bytes_t *out, const struct history_entry *e)
{
    uint8_t rlp[TRIE_ACCOUNT_MAX];
    size_t len = 0;
    *out = BYTES_NONE;
    if (e->value.len == 0) return OK;
    if (e->key.len == 32) {
        struct account account;
        TRY(flat_account_decode(&account, e->value));
        len = trie_account_encode(rlp, &account);
    } else {
        u256_t value;
        TRY(flat_slot_decode(&value, e->value));
        len = trie_slot_encode(rlp, &value);
    }
    bool full = false;
    *out = arena_copy(q->arena, bytes_make(rlp, len), &full);
    return full ? NO_ROOM : OK;
}

/// The trie as it was after the block: the head's, with everything put back that changed
/// since. `head_root` is its root at the head, `then_root` what it must have been.
static err_t trie_then(const struct question *q, struct trie **out, struct state_nodes *nodes,
                       const hash_t *head_root, const hash_t *then_root)
{
    const struct trie_source source = state_nodes_source(nodes);
    TRY(trie_open(out, q->arena, &source, head_root));
    if (q->is_head) return OK;

    struct history_entry *entries;
    size_t count;
    TRY(history_since(q->txn, &entries, &count, q->arena, q->number,
                      nodes->is_storage ? &nodes->address_hash : NULL));
    for (size_t i = 0; i < count; i++) {
        bytes_t leaf;
        TRY(leaf_of(q, &leaf, &entries[i]));
        TRY(trie_put(*out, bytes_make(entries[i].key.b + entries[i].key.len - 32, 32), leaf));
    }
    TRY(trie_finish(out, 1, NULL));
    const hash_t root = trie_root(*out);
    if (!hash_eq(&root, then_root)) {
        return FAIL(CORRUPT, "proof: the changes since do not lead back to the block's root");
    }
    return OK;
}

static err_t prove_account(const struct question *q, struct account_proof *out,
                           const hash_t *address_hash)
{
    struct state_nodes *nodes = ARENA_NEW(q->arena, struct state_nodes);
    if (nodes == NULL) return NO_ROOM;
    *nodes = (struct state_nodes){.txn = q->txn, .arena = q->arena};

    struct header header;
    hash_t head_root;
    TRY(state_head_root(q->txn, &head_root));
    TRY(blocks_header(q->txn, &header, q->number));
    out->state_root = header.state_root;

    struct trie *t;
    TRY(trie_then(q, &t, nodes, &head_root, &header.state_root));
    TRY(trie_prove(t, BYTES_OF(*address_hash), &out->nodes, &out->node_count));

    const struct flat_key key = flat_account_key(address_hash);
    bytes_t raw;
    TRY(history_read(q->txn, &raw, &key, q->number));
    return account_of_flat(&out->account, &out->exists, raw);
}

static err_t prove_slot(const struct question *q, struct slot_proof *s, struct trie *t,
                        const hash_t *address_hash)
{
    const hash_t slot_hash = keccak256(BYTES_OF(s->key));
    const struct flat_key key = flat_slot_key(address_hash, &slot_hash);
    bytes_t raw;
    TRY(history_read(q->txn, &raw, &key, q->number));
    TRY(slot_of_flat(&s->value, raw));
    return trie_prove(t, BYTES_OF(slot_hash), &s->nodes, &s->node_count);
}

static err_t prove_slots(const struct question *q, struct account_proof *out,
                         const hash_t *address_hash, const hash_t *slots)
{
    struct state_nodes *nodes = ARENA_NEW(q->arena, struct state_nodes);
    out->slots = ARENA_ARRAY(q->arena, struct slot_proof, out->slot_count);
    if (nodes == NULL || out->slots == NULL) return NO_ROOM;
    *nodes = (struct state_nodes){q->txn, q->arena, true, *address_hash};

    struct account now;
    bool exists;
    TRY(read_account(q->txn, &now, &exists, address_hash));
    struct trie *t;
    TRY(trie_then(q, &t, nodes, &now.storage_root, &out->account.storage_root));
    for (size_t i = 0; i < out->slot_count; i++) {
        out->slots[i].key = slots[i];
        TRY(prove_slot(q, &out->slots[i], t, address_hash));
    }
    return OK;
}

static err_t prove(struct account_proof *out, struct arena *arena, const struct db_txn *txn,
                   uint64_t number, const address_t *address, const hash_t *slots,
                   size_t slot_count)
{
    uint64_t head;
    hash_t hash;
    TRY(blocks_head(txn, &head, &hash));
    if (number > head) return FAIL(NOT_FOUND, "proof: the block is above the head");
    if (head - number > PROVE_MAX_DEPTH) {
        return FAIL(LIMIT, "proof: only the last 128 blocks can be proven");
    }
    const struct question q = {txn, arena, number, number == head};
    const hash_t address_hash = keccak256(BYTES_OF(*address));
    *out = (struct account_proof){.slot_count = slot_count};
    TRY(prove_account(&q, out, &address_hash));
    if (slot_count == 0) return OK;
    return prove_slots(&q, out, &address_hash, slots);
}

err_t state_prove(struct account_proof *out, struct arena *arena, const struct db_txn *txn,
                  uint64_t number, const address_t *address, const hash_t *slots, size_t slot_count)
{
    const err_t err = prove(out, arena, txn, number, address, slots, slot_count);
    if (err.kind != ERR_CORRUPT) return err;
    const hash_t address_hash = keccak256(BYTES_OF(*address));
    return db_damage(txn, DB_TRIE, BYTES_OF(address_hash), err.why);
}
