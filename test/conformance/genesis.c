// SPDX-License-Identifier: Apache-2.0
/// Official genesis vectors: from allocations to the bytes of block 0.

#include "chain/base/endian.h"
#include "chain/crypto/keccak.h"
#include "chain/state/genesis_state.h"
#include "chain/types/block.h"
#include "test/support/tally.h"
#include "test/support/vectors.h"

#include <stdlib.h>

static bytes_t member(struct arena *arena, const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return v == NULL ? BYTES_NONE : vectors_hex(arena, json_string_value(v));
}

static u256_t number(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return v == NULL ? u256_from_u64(0) : vectors_number(v);
}

/// Left-padded to the size of a field.
static void put_padded(void *out, size_t size, bytes_t in)
{
    check(in.len <= size);
    memset(out, 0, size);
    if (in.len > 0) memcpy((uint8_t *)out + size - in.len, in.data, in.len);
}

static void read_account(struct alloc_account *out, struct arena *arena, const char *address,
                         json_t *test)
{
    put_padded(out->address.b, sizeof out->address.b, vectors_hex(arena, address));
    out->balance_wei = number(test, json_object_get(test, "balance") ? "balance" : "wei");
    const u256_t nonce = number(test, "nonce");
    out->nonce = nonce.limb[0];
    out->code = member(arena, test, "code");
    json_t *storage = json_object_get(test, "storage");
    struct alloc_slot *slots = ARENA_ARRAY(arena, struct alloc_slot, json_object_size(storage));
    const char *key;
    json_t *value;
    json_object_foreach(storage, key, value)
    {
        struct alloc_slot *s = &slots[out->slot_count++];
        put_padded(s->key.b, sizeof s->key.b, vectors_hex(arena, key));
        s->value = vectors_number(value);
    }
    out->slots = slots;
}

static void read_genesis(struct genesis *g, struct arena *arena, json_t *test)
{
    *g = (struct genesis){0};
    struct header *h = &g->header;
    h->field_count = HEADER_FIELDS_CLASSIC;
    put_padded(h->parent_hash.b, 32, member(arena, test, "parentHash"));
    put_padded(h->coinbase.b, 20, member(arena, test, "coinbase"));
    put_padded(h->mix_hash.b, 32, member(arena, test, "mixHash"));
    put_padded(h->nonce, 8, member(arena, test, "nonce"));
    h->extra_data = member(arena, test, "extraData");
    h->difficulty = number(test, "difficulty");
    const u256_t limit = number(test, "gasLimit");
    const u256_t time = number(test, "timestamp");
    h->gas_limit = limit.limb[0];
    h->timestamp_s = time.limb[0];

    json_t *alloc = vectors_get(test, "alloc");
    struct alloc_account *accounts =
        ARENA_ARRAY(arena, struct alloc_account, json_object_size(alloc));
    const char *address;
    json_t *account;
    json_object_foreach(alloc, address, account)
    {
        read_account(&accounts[g->alloc_count++], arena, address, account);
    }
    g->alloc = accounts;
}

int main(void)
{
    struct tally t = tally_start("basic_genesis_tests.json");
    struct arena arena = vectors_arena((size_t)16 << 20);
    json_t *root = vectors_load("ethereum/GenesisTests/basic_genesis_tests.json");
    const char *name;
    json_t *test;
    json_object_foreach(root, name, test)
    {
        struct genesis g;
        hash_t hash;
        arena_reset(&arena);
        read_genesis(&g, &arena, test);
        check(err_ok(genesis_seal(&g, &arena, &hash)));
        const struct block block = {.header = g.header, .hash = hash, .ommers = LIT("\xc0")};
        struct buf b;
        buf_init(&b, 1 << 16);
        block_encode(&b, &block);
        const bytes_t expected = member(&arena, test, "result");
        char *have = vectors_show(buf_bytes(&b));
        tally_case(&t, bytes_eq(buf_bytes(&b), expected), "%s: %s", name, have);
        free(have);
        buf_deinit(&b);
    }
    json_decref(root);
    arena_deinit(&arena);
    return tally_end(&t, 3) ? 0 : 1;
}
