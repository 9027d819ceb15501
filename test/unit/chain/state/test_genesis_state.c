// SPDX-License-Identifier: Apache-2.0
#include "chain/state/genesis_state.h"

#include "chain/crypto/keccak.h"
#include "chain/state/history.h"
#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "test/support/temp_dir.h"

#include <criterion/criterion.h>

static const struct alloc_slot slots[] = {{{{[31] = 9}}, {{7}}}, {{{[31] = 1}}, {{8}}}};
static const struct alloc_account accounts[] = {
    {.address = {{1}}, .nonce = 3, .balance_wei = {{5}}},
    {.address = {{2}}, .code = {(const uint8_t *)"\x60\x00", 2}, .slots = slots, .slot_count = 2},
};

static struct genesis sample(void)
{
    return (struct genesis){
        .config = {.chain_id = 1337},
        .header = {.gas_limit = 30000000, .field_count = HEADER_FIELDS_PRAGUE},
        .alloc = accounts,
        .alloc_count = ARRAY_LEN(accounts),
    };
}

/// Goal: an empty store becomes the network's, a store of it stays as it is, any other is
/// refused and not touched.
Test(genesis_state, write)
{
    const struct temp_dir dir = temp_dir_make();
    struct db *db;
    struct db_txn *txn;
    struct arena arena;
    hash_t hash;
    hash_t again;
    struct genesis g = sample();
    cr_assert(err_ok(arena_init(&arena, (size_t)4 << 20)));
    cr_assert(err_ok(schema_open(&db, dir.path, true, false)));
    cr_assert(err_ok(db_begin_write(db, &txn)));
    const err_t err = genesis_write(txn, &g, &arena, &hash);
    cr_assert(err_ok(err), "%s", err_text(err));
    cr_expect(!hash_is_zero(&g.header.state_root));
    cr_expect(hash_eq(&g.header.withdrawals_root, &KECCAK_RLP_NULL));
    cr_expect(!hash_is_zero(&g.header.requests_hash));

    struct block block;
    cr_assert(err_ok(blocks_get(txn, &block, &arena, 0)));
    cr_expect(hash_eq(&block.hash, &hash) && block.has_withdrawals && block.tx_count == 0);
    struct latest_view latest;
    latest_view_init(&latest, txn);
    const struct state_view v = latest_as_view(&latest);
    struct account a;
    bool exists;
    u256_t slot;
    bytes_t code;
    hash_t zero;
    cr_assert(err_ok(v.account(v.ctx, &a, &exists, &accounts[0].address)));
    cr_expect(exists && a.nonce == 3 && a.balance_wei.limb[0] == 5);
    cr_assert(err_ok(v.account(v.ctx, &a, &exists, &accounts[1].address)));
    cr_assert(err_ok(v.code(v.ctx, &code, &a.code_hash)));
    cr_expect(bytes_eq(code, accounts[1].code));
    cr_assert(err_ok(v.slot(v.ctx, &slot, &accounts[1].address, &slots[0].key)));
    cr_expect_eq(slot.limb[0], 7);
    cr_assert(err_ok(v.block_hash(v.ctx, &zero, 0)));
    cr_expect(hash_eq(&zero, &hash));
    cr_assert(err_ok(v.block_hash(v.ctx, &zero, 1)));
    cr_expect(hash_is_zero(&zero));
    const hash_t unknown = {{1}};
    cr_expect_eq(v.code(v.ctx, &code, &unknown).kind, ERR_CORRUPT);

    struct genesis same = sample();
    cr_expect(err_ok(genesis_write(txn, &same, &arena, &again)));
    cr_expect(hash_eq(&again, &hash));
    struct genesis other_id = sample();
    other_id.config.chain_id = 1;
    cr_expect_eq(genesis_write(txn, &other_id, &arena, &again).kind, ERR_MISMATCH);
    struct genesis other = sample();
    other.header.gas_limit++;
    cr_expect_eq(genesis_write(txn, &other, &arena, &again).kind, ERR_MISMATCH);
    struct genesis sealed = sample();
    cr_assert(err_ok(genesis_seal(&sealed, &arena, &again)));
    cr_expect(hash_eq(&again, &hash), "no store is needed for the hash");
    db_abort(txn);
    db_close(db);
    temp_dir_remove(&dir);
    arena_deinit(&arena);
}
