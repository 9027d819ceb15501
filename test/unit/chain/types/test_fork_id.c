// SPDX-License-Identifier: Apache-2.0
/// Goal: every published creation and validation case, and what a genesis file counts.

#include "chain/types/fork_id.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "test/support/vectors.h"

static void add(struct fork_list *l, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        l->at[l->count++] = (uint64_t)json_integer_value(json_array_get(list, i));
}

static struct fork_list published(const json_t *root, bool times)
{
    struct fork_list l = {{0}, 0, 0};
    add(&l, vectors_get(root, "blockForks"));
    l.block_count = l.count;
    if (times) add(&l, vectors_get(root, "timeForks"));
    return l;
}

static uint64_t number(const json_t *v, const char *name)
{
    return vectors_number(vectors_get(v, name)).limb[0];
}

Test(fork_id, creation)
{
    struct arena a = vectors_arena((size_t)1024 * 1024);
    json_t *root = vectors_load("devp2p/forkid.json");
    hash_t genesis;
    memcpy(genesis.b, vectors_bytes(&a, root, "genesisHash").data, sizeof genesis.b);
    const struct fork_list l = published(root, true);
    const json_t *list = vectors_get(root, "creation");
    cr_assert_eq(json_array_size(list), 38);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        const struct fork_id id = fork_id_at(&l, &genesis, number(v, "head"), number(v, "time"));
        cr_expect(bytes_eq(BYTES_OF(id.hash), vectors_bytes(&a, v, "hash")), "%s",
                  vectors_str(v, "note"));
        cr_expect_eq(id.next, number(v, "next"), "%s", vectors_str(v, "note"));
    }
    json_decref(root);
    arena_deinit(&a);
}

Test(fork_id, validation)
{
    struct arena a = vectors_arena((size_t)1024 * 1024);
    json_t *root = vectors_load("devp2p/forkid.json");
    hash_t genesis;
    memcpy(genesis.b, vectors_bytes(&a, root, "genesisHash").data, sizeof genesis.b);
    const json_t *list = vectors_get(root, "validation");
    cr_assert_eq(json_array_size(list), 45);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        const bool times = strstr(vectors_str(v, "config"), "without") == NULL;
        const struct fork_list l = published(root, times);
        struct fork_id remote = {.next = number(v, "remoteNext")};
        memcpy(remote.hash, vectors_bytes(&a, v, "remoteHash").data, sizeof remote.hash);
        const err_t err =
            fork_id_check(&l, &genesis, number(v, "localHead"), number(v, "localTime"), &remote);
        const bool accept = strcmp(vectors_str(v, "result"), "accept") == 0;
        cr_expect_eq(err.kind, accept ? ERR_NONE : ERR_MISMATCH, "row %zu: %s", i,
                     vectors_str(v, "result"));
    }
    json_decref(root);
    arena_deinit(&a);
}

/// Goal: a genesis file's forks count as EIP-6122 says: not those at 0 or before the genesis, once
/// each, the glaciers too.
Test(fork_id, of_a_genesis)
{
    static const char json[] =
        "{\"config\":{\"chainId\":1,\"homesteadBlock\":0,\"eip150Block\":5,\"eip155Block\":5,"
        "\"eip158Block\":5,\"byzantiumBlock\":7,\"constantinopleBlock\":7,\"petersburgBlock\":7,"
        "\"istanbulBlock\":7,\"muirGlacierBlock\":8,\"berlinBlock\":9,\"londonBlock\":9,"
        "\"shanghaiTime\":100,\"cancunTime\":200,\"qbft\":{\"blockperiodseconds\":1}},"
        "\"timestamp\":\"0x64\",\"gasLimit\":\"0x1000000\",\"difficulty\":\"0x1\",\"alloc\":{},"
        "\"extraData\":\"0xf83aa00000000000000000000000000000000000000000000000000000000000000000"
        "d594000000000000000000000000000000000000000ac080c0\"}";
    struct arena a = vectors_arena((size_t)1024 * 1024);
    struct genesis g;
    struct genesis_detail detail;
    const err_t err = genesis_parse(&g, &a, LIT(""), &detail);
    cr_assert(!err_ok(err));
    cr_assert(err_ok(genesis_parse(&g, &a, bytes_of_str(json), &detail)), "%s", detail.text);
    const struct fork_list l = fork_list_of(&g.config, g.header.timestamp_s);
    static const uint64_t want[] = {5, 7, 8, 9, 200};
    cr_assert_eq(l.count, ARRAY_LEN(want));
    cr_expect_eq(l.block_count, 4);
    cr_expect_eq(memcmp(l.at, want, sizeof want), 0);
    arena_deinit(&a);
}
