// SPDX-License-Identifier: Apache-2.0
#include "chain/types/block.h"

#include <criterion/criterion.h>

#include "chain/crypto/keccak.h"
#include "chain/trie/list_root.h"
#include "test/support/vectors.h"

static struct arena arena;
static struct tx txs[3];
static struct withdrawal withdrawals[] = {{1, 2, {{3}}, 4}, {5, 6, {{7}}, 8}};

static void set_up(void)
{
    arena = vectors_arena((size_t)1 << 20);
    struct secret_key *key;
    cr_assert(err_ok(secret_new(&key)));
    key->b[31] = 1;
    for (unsigned i = 0; i < ARRAY_LEN(txs); i++) {
        txs[i] = (struct tx){.type = (enum tx_type)i,
                             .has_chain_id = true,
                             .chain_id = 1,
                             .nonce = i,
                             .gas_limit = 21000,
                             .is_create = i == 1};
        cr_assert(err_ok(tx_sign(&txs[i], &arena, key)));
    }
    secret_free(key);
}

static void tear_down(void)
{
    arena_deinit(&arena);
}

TestSuite(block, .init = set_up, .fini = tear_down);

/// A block whose roots are right.
static struct block sample(bool shanghai)
{
    struct block b = {.txs = txs, .tx_count = 3, .ommers = LIT("\xc0")};
    bytes_t raws[3];
    for (size_t i = 0; i < 3; i++) raws[i] = txs[i].raw;
    b.header.number = 5;
    b.header.field_count = shanghai ? HEADER_FIELDS_SHANGHAI : HEADER_FIELDS_LONDON;
    b.header.ommers_hash = KECCAK_RLP_LIST;
    cr_assert(err_ok(list_root(&b.header.transactions_root, &arena, raws, 3)));
    if (shanghai) {
        b.has_withdrawals = true;
        b.withdrawals = withdrawals;
        b.withdrawal_count = 2;
        const bytes_t items[] = {
            LIT("\xd8\x01\x02\x94\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04"),
            LIT("\xd8\x05\x06\x94\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08")};
        cr_assert(err_ok(list_root(&b.header.withdrawals_root, &arena, items, 2)));
    }
    return b;
}

/// Goal: a block and its body come back as they were, before and after Shanghai.
Test(block, round_trip)
{
    for (unsigned shanghai = 0; shanghai < 2; shanghai++) {
        const struct block b = sample(shanghai == 1);
        struct block back;
        struct buf whole, body;
        buf_init(&whole, 65536);
        buf_init(&body, 65536);
        block_encode(&whole, &b);
        block_body_encode(&body, &b);
        cr_assert(err_ok(block_decode(&back, &arena, buf_bytes(&whole))));
        cr_expect_eq(back.tx_count, 3);
        for (size_t i = 0; i < 3; i++) cr_expect(hash_eq(&back.txs[i].hash, &txs[i].hash));
        cr_expect(back.has_withdrawals == b.has_withdrawals &&
                  back.withdrawal_count == b.withdrawal_count);
        if (shanghai == 1) cr_expect_eq(back.withdrawals[1].amount_gwei, 8);
        const hash_t hash = header_hash(&b.header);
        cr_expect(hash_eq(&back.hash, &hash));
        cr_expect(err_ok(block_check_body(&back, &arena)));

        struct block from_body = {.header = b.header, .hash = hash};
        cr_assert(err_ok(block_body_decode(&from_body, &arena, buf_bytes(&body))));
        cr_expect(from_body.tx_count == 3 && hash_eq(&from_body.hash, &hash));
        cr_expect(err_ok(block_check_body(&from_body, &arena)));
        struct buf again;
        buf_init(&again, 65536);
        block_encode(&again, &from_body);
        cr_expect(bytes_eq(buf_bytes(&again), buf_bytes(&whole)));

        for (size_t n = 0; n < whole.len; n += 7) {
            cr_assert(!err_ok(block_decode(&back, &arena, bytes_make(whole.data, n))), "%zu", n);
        }
        buf_deinit(&whole);
        buf_deinit(&body);
        buf_deinit(&again);
    }
}

/// Goal: each root that does not fit its body is named.
Test(block, check_body)
{
    struct block b = sample(true);
    b.header.transactions_root.b[0] ^= 1;
    err_t err = block_check_body(&b, &arena);
    cr_expect(err.kind == ERR_INVALID && strstr(err.why, "transactionsRoot") != NULL);
    b = sample(true);
    b.tx_count = 2;
    err = block_check_body(&b, &arena);
    cr_expect(err.kind == ERR_INVALID && strstr(err.why, "transactionsRoot") != NULL);
    b = sample(true);
    b.ommers = LIT("\xc1\xc0");
    err = block_check_body(&b, &arena);
    cr_expect(err.kind == ERR_INVALID && strstr(err.why, "ommersHash") != NULL);
    b = sample(true);
    b.withdrawal_count = 1;
    err = block_check_body(&b, &arena);
    cr_expect(err.kind == ERR_INVALID && strstr(err.why, "withdrawalsRoot") != NULL);
    b = sample(true);
    b.has_withdrawals = false;
    err = block_check_body(&b, &arena);
    cr_expect(err.kind == ERR_INVALID && strstr(err.why, "missing") != NULL);
    b = sample(false);
    b.has_withdrawals = true;
    err = block_check_body(&b, &arena);
    cr_expect(err.kind == ERR_INVALID && strstr(err.why, "before Shanghai") != NULL);
}
