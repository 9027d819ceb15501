// SPDX-License-Identifier: Apache-2.0

/// A transaction from its bytes into the pool, journal synced, in recover units: one by one and
/// in groups of 100. CPU time of the whole process, for workers recover.

#include "chain/base/endian.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "test/support/bench.h"
#include "test/support/tiny_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ACCOUNTS = 100, EACH = 30, TXS = ACCOUNTS * EACH, GROUP = 100, REPS = 5 };

struct load {
    struct arena arena;
    struct genesis_funds funds[ACCOUNTS];
    bytes_t raws[TXS];
};

static double process_cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void sign_all(struct load *l)
{
    struct secret_key *key = NULL;
    bench_expect(err_ok(arena_init(&l->arena, (size_t)64 << 20)), "memory");
    bench_expect(err_ok(secret_new(&key)), "a key");
    for (uint64_t i = 0; i < ACCOUNTS; i++) {
        uint8_t text[16] = "bench";
        be_put_u64(text + 8, i);
        const hash_t h = keccak256(BYTES_OF(text));
        memcpy(key->b, h.b, sizeof key->b);
        secp_pubkey_t pub;
        bench_expect(err_ok(secp_pubkey_of(&pub, key)), "a public key");
        l->funds[i] =
            (struct genesis_funds){secp_address(&pub), u256_from_u64(1000000000000000000)};
        for (uint64_t n = 0; n < EACH; n++) {
            struct tx tx = {.type = TX_DYNAMIC_FEE,
                            .has_chain_id = true,
                            .chain_id = TINY_NODE_CHAIN_ID,
                            .nonce = n,
                            .gas_limit = 21000,
                            .to = {{(uint8_t)i}},
                            .value_wei = u256_from_u64(1)};
            bench_expect(err_ok(tx_sign(&tx, &l->arena, key)), "a signature");
            l->raws[n * ACCOUNTS + i] = tx.raw; // nonce by nonce over all senders
        }
    }
    secret_free(key);
}

/// All transactions into a new pool. @return CPU microseconds for each
static double admit_us(const struct load *l, size_t group)
{
    struct tiny_node t;
    static struct submit_answer answers[GROUP];
    tiny_node_open(&t, &(struct tiny_node_options){
                           .funds = l->funds, .fund_count = ACCOUNTS, .no_blocks = true});
    const double begin = process_cpu_s();
    for (size_t i = 0; i < TXS; i += group) {
        node_submit_txs(t.node, answers, &l->raws[i], group);
        for (size_t k = 0; k < group; k++) bench_expect(answers[k].result == SUBMIT_OK, "accepted");
    }
    const double us = (process_cpu_s() - begin) * 1e6 / TXS;
    struct arena arena;
    struct pool_listing pool;
    bench_expect(err_ok(arena_init(&arena, (size_t)64 << 20)), "memory");
    bench_expect(err_ok(node_pool_list(t.node, &pool, &arena)), "a listing");
    size_t pending = 0;
    for (size_t i = 0; i < pool.count; i++) pending += pool.is_pending[i];
    bench_expect(pending == TXS, "all are pending");
    arena_deinit(&arena);
    tiny_node_close(&t);
    return us;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct load *l, const char *name, size_t group,
                    const struct bench_subject *recover)
{
    double ours[REPS];
    double limits[REPS];
    for (int i = 0; i < REPS; i++) {
        const double begin = bench_cpu_s();
        recover->run(recover->ctx, 500);
        limits[i] = (bench_cpu_s() - begin) * 1e6 / 500;
        ours[i] = admit_us(l, group);
    }
    qsort(ours, REPS, sizeof *ours, by_value);
    qsort(limits, REPS, sizeof *limits, by_value);
    const double us = ours[REPS / 2];
    const double limit = limits[REPS / 2];
    const bool noisy = limits[REPS - 1] - limits[0] > 0.2 * limit;
    printf("{\"bench\":\"%s\",\"unit\":\"us\",\"median\":%.2f,\"min\":%.2f,\"max\":%.2f,"
           "\"reps\":%d,\"limit\":\"recover\",\"limit_us\":%.2f,\"ratio\":%.3f,\"noisy\":%s}\n",
           name, us, ours[0], ours[REPS - 1], REPS, limit, us / limit, noisy ? "true" : "false");
    fprintf(stderr, "%-36s %12.3f us   %8.4f x recover (%.2f us)%s\n", name, us, us / limit, limit,
            noisy ? "   noisy" : "");
    fflush(stdout);
}

int main(void)
{
    static struct load load;
    const struct bench_subject recover = bench_recover_limit();
    sign_all(&load);
    measure(&load, "admit/group-100", GROUP, &recover);
    measure(&load, "admit/single", 1, &recover);
    arena_deinit(&load.arena);
    return 0;
}
