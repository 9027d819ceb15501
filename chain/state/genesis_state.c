// SPDX-License-Identifier: Apache-2.0
#include "chain/state/genesis_state.h"

#include "chain/crypto/digest.h"
#include "chain/crypto/keccak.h"
#include "chain/state/commit.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"

#include <stdlib.h>

#define NO_ROOM FAIL(FULL, "genesis: no memory left for the allocations")

static int compare_slots(const void *a, const void *b)
{
    return hash_cmp(&((const struct slot_change *)a)->key, &((const struct slot_change *)b)->key);
}

static err_t change_of(struct account_change *out, struct arena *arena,
                       const struct alloc_account *a)
{
    struct slot_change *slots = ARENA_ARRAY(arena, struct slot_change, a->slot_count);
    if (slots == NULL) return NO_ROOM;
    for (size_t i = 0; i < a->slot_count; i++) {
        slots[i] = (struct slot_change){a->slots[i].key, a->slots[i].value};
    }
    if (a->slot_count > 1) qsort(slots, a->slot_count, sizeof *slots, compare_slots);
    *out = (struct account_change){
        .address = a->address,
        .now = account_none(),
        .code = a->code,
        .slots = slots,
        .slot_count = a->slot_count,
    };
    out->now.nonce = a->nonce;
    out->now.balance_wei = a->balance_wei;
    if (a->code.len > 0) out->now.code_hash = keccak256(a->code);
    return OK;
}

err_t genesis_diff(struct state_diff *out, struct arena *arena, const struct genesis *g)
{
    struct account_change *accounts = ARENA_ARRAY(arena, struct account_change, g->alloc_count);
    if (accounts == NULL) return NO_ROOM;
    for (size_t i = 0; i < g->alloc_count; i++) {
        TRY(change_of(&accounts[i], arena, &g->alloc[i]));
    }
    *out = (struct state_diff){accounts, g->alloc_count};
    return OK;
}

static void fill_if_zero(hash_t *root, const hash_t *empty)
{
    if (hash_is_zero(root)) *root = *empty;
}

static void fill_header(struct header *h, const hash_t *state_root)
{
    h->state_root = *state_root;
    fill_if_zero(&h->ommers_hash, &KECCAK_RLP_LIST);
    fill_if_zero(&h->transactions_root, &KECCAK_RLP_NULL);
    fill_if_zero(&h->receipts_root, &KECCAK_RLP_NULL);
    if (h->field_count >= HEADER_FIELDS_SHANGHAI) {
        fill_if_zero(&h->withdrawals_root, &KECCAK_RLP_NULL);
    }
    if (h->field_count >= HEADER_FIELDS_PRAGUE) {
        // No requests at all: SHA-256 of nothing (EIP-7685).
        const hash_t none = sha256(BYTES_NONE);
        fill_if_zero(&h->requests_hash, &none);
    }
}

/// The state of block 0 as an update on nothing, and the header with its root.
static err_t seal(struct state_update **update, struct genesis *g, struct arena *arena,
                  hash_t *hash)
{
    struct state_diff *diff = ARENA_NEW(arena, struct state_diff);
    if (diff == NULL) return NO_ROOM;
    TRY(genesis_diff(diff, arena, g));
    hash_t root;
    TRY(state_apply(update, &root, arena, NULL, diff, NULL));
    fill_header(&g->header, &root);
    *hash = header_hash(&g->header);
    return OK;
}

err_t genesis_seal(struct genesis *g, struct arena *arena, hash_t *hash)
{
    struct state_update *update;
    return seal(&update, g, arena, hash);
}

struct block genesis_block(const struct genesis *g, const hash_t *hash)
{
    return (struct block){
        .header = g->header,
        .hash = *hash,
        .ommers = LIT("\xc0"),
        .has_withdrawals = g->header.field_count >= HEADER_FIELDS_SHANGHAI,
    };
}

err_t genesis_write(struct db_txn *txn, struct genesis *g, struct arena *arena, hash_t *hash)
{
    struct state_update *update;
    TRY(seal(&update, g, arena, hash));
    const err_t err = schema_check(txn, g->config.chain_id, hash);
    if (err.kind != ERR_NOT_FOUND) return err;

    uint64_t head;
    hash_t head_hash;
    if (blocks_head(txn, &head, &head_hash).kind != ERR_NOT_FOUND) {
        return FAIL(CORRUPT, "store: there are blocks but no schema version");
    }
    const struct block block = genesis_block(g, hash);
    TRY(schema_stamp(txn, g->config.chain_id, hash));
    TRY(state_write(txn, update, 0));
    return blocks_append(txn, &block, NULL, 0);
}
