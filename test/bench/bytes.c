// SPDX-License-Identifier: Apache-2.0

/// Keccak-256 by size and lanes, RLP and transaction decoding, in recover units.

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/types/block.h"
#include "test/bench/native/keccak_plain.h"
#include "test/support/bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { LANES = 8 };

struct hash_ctx {
    uint8_t *data;
    size_t len;
    hash_t last;
};

static void hash_run(void *ctx, uint64_t count)
{
    struct hash_ctx *c = ctx;
    for (uint64_t i = 0; i < count; i++) c->last = keccak256(bytes_make(c->data, c->len));
}

static void plain_run(void *ctx, uint64_t count)
{
    struct hash_ctx *c = ctx;
    for (uint64_t i = 0; i < count; i++) keccak_plain(c->last.b, c->data, c->len);
}

static void many_run(void *ctx, uint64_t count)
{
    struct hash_ctx *c = ctx;
    bytes_t in[LANES];
    hash_t out[LANES];
    for (size_t i = 0; i < LANES; i++) in[i] = bytes_make(c->data, c->len);
    for (uint64_t i = 0; i < count; i++) keccak256_many(out, in, LANES);
    c->last = out[LANES - 1];
}

struct block_case {
    struct arena arena;
    struct buf raw;
    size_t txs;
};

static void rlp_run(void *ctx, uint64_t count)
{
    struct block_case *c = ctx;
    for (uint64_t i = 0; i < count; i++) {
        bench_expect(err_ok(rlp_validate(buf_bytes(&c->raw))), "canonical RLP");
    }
}

static void decode_run(void *ctx, uint64_t count)
{
    struct block_case *c = ctx;
    for (uint64_t i = 0; i < count; i++) {
        struct block b;
        arena_reset(&c->arena);
        bench_expect(err_ok(block_decode(&b, &c->arena, buf_bytes(&c->raw))), "block decodes");
        bench_expect(b.tx_count == c->txs, "all transactions");
    }
}

/// A block of `txs` signed transfers.
static void make_block(struct block_case *c, size_t txs)
{
    struct secret_key *key = NULL;
    struct arena arena;
    bench_expect(err_ok(secret_new(&key)) && err_ok(arena_init(&arena, (size_t)64 << 20)) &&
                     err_ok(arena_init(&c->arena, (size_t)64 << 20)),
                 "memory");
    key->b[31] = 7;
    struct block b = {.ommers = LIT("\xc0"), .has_withdrawals = true};
    b.header.field_count = HEADER_FIELDS_CANCUN;
    b.header.gas_limit = 30000000;
    b.txs = ARENA_ARRAY(&arena, struct tx, txs);
    b.tx_count = txs;
    for (size_t i = 0; i < txs; i++) {
        b.txs[i] = (struct tx){.type = TX_DYNAMIC_FEE,
                               .has_chain_id = true,
                               .chain_id = 1337,
                               .nonce = i,
                               .gas_limit = 21000,
                               .max_fee_per_gas = u256_from_u64(2000000000),
                               .value_wei = u256_from_u64(i + 1)};
        b.txs[i].to.b[0] = (uint8_t)i;
        bench_expect(err_ok(tx_sign(&b.txs[i], &arena, key)), "signs");
    }
    buf_init(&c->raw, (size_t)16 << 20);
    block_encode(&c->raw, &b);
    bench_expect(err_ok(buf_status(&c->raw)), "block fits");
    c->txs = txs;
    secret_free(key);
    arena_deinit(&arena);
}

int main(void)
{
    const struct bench_subject recover = bench_recover_limit();
    if (strcmp(keccak_plain_compiler, "clang") != 0) {
        fprintf(stderr, "NO CLANG HERE: the plain loop was compiled by %s, which is slower\n",
                keccak_plain_compiler);
    }
    static const size_t sizes[] = {32, 64, 136, 532, 1024, 16384};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct hash_ctx c = {calloc(1, sizes[i]), sizes[i], {{0}}};
        bench_expect(c.data != NULL, "memory");
        char name[64];
        snprintf(name, sizeof name, "keccak/%zu", sizes[i]);
        struct hash_ctx plain = c;
        bench_compare(&(struct bench_subject){name, hash_run, &c},
                      &(struct bench_subject){"plain-clang", plain_run, &plain}, sizes[i]);
        const hash_t one = c.last;
        bench_expect(hash_eq(&one, &plain.last), "ours and the plain loop agree");
        snprintf(name, sizeof name, "keccak/%zu/8-together", sizes[i]);
        bench_compare(&(struct bench_subject){name, many_run, &c}, &recover, LANES * sizes[i]);
        bench_expect(hash_eq(&one, &c.last), "one lane and many agree");
        free(c.data);
    }
    struct block_case c = {.txs = 0};
    make_block(&c, 1000);
    bench_compare(&(struct bench_subject){"rlp/validate-block-1000", rlp_run, &c}, &recover,
                  c.raw.len);
    bench_compare(&(struct bench_subject){"rlp/decode-block-1000", decode_run, &c}, &recover,
                  c.raw.len);
    buf_deinit(&c.raw);
    arena_deinit(&c.arena);
    return 0;
}
