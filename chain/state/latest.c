// SPDX-License-Identifier: Apache-2.0
#include "chain/state/latest.h"

#include "chain/state/read.h"

static err_t latest_account(void *ctx, struct account *out, bool *exists, const address_t *address)
{
    const struct latest_view *v = ctx;
    const hash_t hash = keccak256(BYTES_OF(*address));
    return read_account(v->txn, out, exists, &hash);
}

static err_t latest_slot(void *ctx, u256_t *out, const address_t *address, const hash_t *key)
{
    const struct latest_view *v = ctx;
    const bytes_t in[2] = {BYTES_OF(*address), BYTES_OF(*key)};
    hash_t hash[2];
    keccak256_many(hash, in, 2);
    return read_slot(v->txn, out, &hash[0], &hash[1]);
}

static err_t latest_code(void *ctx, bytes_t *out, const hash_t *code_hash)
{
    const struct latest_view *v = ctx;
    return read_code(v->txn, out, code_hash);
}

static err_t latest_block_hash(void *ctx, hash_t *out, uint64_t number)
{
    const struct latest_view *v = ctx;
    return read_block_hash(v->txn, out, number);
}

void latest_view_init(struct latest_view *v, const struct db_txn *txn)
{
    v->txn = txn;
}

struct state_view latest_as_view(struct latest_view *v)
{
    return (struct state_view){
        .account = latest_account,
        .slot = latest_slot,
        .code = latest_code,
        .block_hash = latest_block_hash,
        .ctx = v,
    };
}
