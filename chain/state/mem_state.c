// SPDX-License-Identifier: Apache-2.0
#include "chain/state/mem_state.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/trie/trie.h"

#include <stdlib.h>

enum { MEM_MAX_ACCOUNTS = 1 << 22, MEM_MAX_SLOTS = 1 << 24 };
#define MEM_CODE_BYTES ((size_t)1 << 30)

struct mem_account {
    struct account a;
    bytes_t code;
    struct map slots; ///< hash_t -> u256_t
};

void mem_state_init(struct mem_state *m)
{
    memset(m, 0, sizeof *m);
    map_init(&m->accounts, sizeof(address_t), sizeof(struct mem_account), MEM_MAX_ACCOUNTS, 1);
    check(err_ok(arena_init(&m->arena, MEM_CODE_BYTES)));
}

void mem_state_clear(struct mem_state *m)
{
    size_t cursor = 0;
    const void *key;
    void *value;
    while (map_next(&m->accounts, &cursor, &key, &value)) {
        struct mem_account account;
        memcpy(&account, value, sizeof account);
        map_deinit(&account.slots);
    }
    map_clear(&m->accounts);
    arena_reset(&m->arena);
}

void mem_state_deinit(struct mem_state *m)
{
    mem_state_clear(m);
    map_deinit(&m->accounts);
    arena_deinit(&m->arena);
}

// Values of a map need not be aligned: they are copied out and in.
static bool load(const struct mem_state *m, const address_t *a, struct mem_account *out)
{
    const void *at = map_get(&m->accounts, a);
    if (at == NULL) return false;
    memcpy(out, at, sizeof *out);
    return true;
}

static void save(struct mem_state *m, const address_t *a, const struct mem_account *account)
{
    void *at = map_put(&m->accounts, a, NULL);
    check(at != NULL);
    memcpy(at, account, sizeof *account);
}

static struct mem_account fresh_account(void)
{
    struct mem_account account = {.a = account_none()};
    map_init(&account.slots, sizeof(hash_t), sizeof(u256_t), MEM_MAX_SLOTS, 1);
    return account;
}

static void set_code(struct mem_state *m, struct mem_account *account, bytes_t code)
{
    bool full = false;
    account->code = arena_copy(&m->arena, code, &full);
    check(!full);
    account->a.code_hash = keccak256(code);
}

void mem_state_put(struct mem_state *m, const address_t *a, uint64_t nonce, const u256_t *wei,
                   bytes_t code)
{
    struct mem_account account;
    if (!load(m, a, &account)) account = fresh_account();
    account.a.nonce = nonce;
    account.a.balance_wei = *wei;
    set_code(m, &account, code);
    save(m, a, &account);
}

static void put_slot(struct mem_account *account, const hash_t *key, const u256_t *value)
{
    if (u256_is_zero(value)) {
        (void)map_delete(&account->slots, key);
    } else {
        void *at = map_put(&account->slots, key, NULL);
        check(at != NULL);
        memcpy(at, value, sizeof *value);
    }
    // Not a root: it only says whether there is storage.
    account->a.storage_root = KECCAK_RLP_NULL;
    if (account->slots.count != 0) memset(&account->a.storage_root, 0xff, 32);
}

void mem_state_put_slot(struct mem_state *m, const address_t *a, const hash_t *key,
                        const u256_t *value)
{
    struct mem_account account;
    check(load(m, a, &account));
    put_slot(&account, key, value);
    save(m, a, &account);
}

bool mem_state_account(const struct mem_state *m, struct account *out, const address_t *a)
{
    struct mem_account account;
    const bool found = load(m, a, &account);
    *out = found ? account.a : account_none();
    return found;
}

u256_t mem_state_slot(const struct mem_state *m, const address_t *a, const hash_t *key)
{
    u256_t value = {{0}};
    struct mem_account account;
    if (!load(m, a, &account)) return value;
    const void *at = map_get(&account.slots, key);
    if (at != NULL) memcpy(&value, at, sizeof value);
    return value;
}

bytes_t mem_state_code(const struct mem_state *m, const address_t *a)
{
    struct mem_account account;
    return load(m, a, &account) ? account.code : BYTES_NONE;
}

static int cmp_addresses(const void *a, const void *b)
{
    return address_cmp(a, b);
}

const address_t *mem_state_addresses(const struct mem_state *m, struct arena *arena, size_t *count)
{
    address_t *out = ARENA_ARRAY(arena, address_t, m->accounts.count);
    if (out == NULL) return NULL;
    size_t cursor = 0;
    size_t n = 0;
    const void *key;
    void *value;
    while (map_next(&m->accounts, &cursor, &key, &value)) memcpy(&out[n++], key, sizeof *out);
    if (n > 1) qsort(out, n, sizeof *out, cmp_addresses);
    *count = n;
    return out;
}

static int cmp_slots(const void *a, const void *b)
{
    return hash_cmp(&((const struct slot_change *)a)->key, &((const struct slot_change *)b)->key);
}

const struct slot_change *mem_state_slots(const struct mem_state *m, struct arena *arena,
                                          const address_t *a, size_t *count)
{
    struct mem_account account;
    const bool found = load(m, a, &account);
    struct slot_change *out =
        ARENA_ARRAY(arena, struct slot_change, found ? account.slots.count : 0);
    *count = 0;
    if (out == NULL || !found) return out;
    size_t cursor = 0;
    size_t n = 0;
    const void *key;
    void *value;
    while (map_next(&account.slots, &cursor, &key, &value)) {
        memcpy(&out[n].key, key, sizeof out[n].key);
        memcpy(&out[n++].value, value, sizeof out[0].value);
    }
    if (n > 1) qsort(out, n, sizeof *out, cmp_slots);
    *count = n;
    return out;
}

// ---- the view -------------------------------------------------------------------------------

static err_t view_account(void *ctx, struct account *out, bool *exists, const address_t *address)
{
    *exists = mem_state_account(ctx, out, address);
    return OK;
}

static err_t view_slot(void *ctx, u256_t *out, const address_t *address, const hash_t *key)
{
    *out = mem_state_slot(ctx, address, key);
    return OK;
}

static err_t view_code(void *ctx, bytes_t *out, const hash_t *code_hash)
{
    const struct mem_state *m = ctx;
    size_t cursor = 0;
    const void *key;
    void *value;
    while (map_next(&m->accounts, &cursor, &key, &value)) {
        struct mem_account account;
        memcpy(&account, value, sizeof account);
        if (hash_eq(&account.a.code_hash, code_hash)) {
            *out = account.code;
            return OK;
        }
    }
    return FAIL(CORRUPT, "mem_state: no such code");
}

static err_t view_block_hash(void *ctx, hash_t *out, uint64_t number)
{
    const struct mem_state *m = ctx;
    *out = m->block_hash != NULL ? m->block_hash(m->block_hash_ctx, number) : (hash_t){{0}};
    return OK;
}

struct state_view mem_state_view(struct mem_state *m)
{
    return (struct state_view){view_account, view_slot, view_code, view_block_hash, m};
}

// ---- changes and root -------------------------------------------------------------------------

void mem_state_apply(struct mem_state *m, const struct state_diff *diff)
{
    for (size_t i = 0; i < diff->account_count; i++) {
        const struct account_change *c = &diff->accounts[i];
        struct mem_account account;
        const bool known = load(m, &c->address, &account);
        if (c->deleted) {
            check(known);
            map_deinit(&account.slots);
            (void)map_delete(&m->accounts, &c->address);
            continue;
        }
        if (!known) account = fresh_account();
        if (c->storage_cleared) map_clear(&account.slots);
        account.a.nonce = c->now.nonce;
        account.a.balance_wei = c->now.balance_wei;
        if (!hash_eq(&account.a.code_hash, &c->now.code_hash)) {
            set_code(m, &account, c->code);
            check(hash_eq(&account.a.code_hash, &c->now.code_hash));
        }
        account.a.storage_root = KECCAK_RLP_NULL;
        if (account.slots.count != 0) memset(&account.a.storage_root, 0xff, 32);
        for (size_t k = 0; k < c->slot_count; k++) {
            put_slot(&account, &c->slots[k].key, &c->slots[k].value);
        }
        save(m, &c->address, &account);
    }
}

static void put_copy(struct trie *t, struct arena *scratch, bytes_t key, bytes_t value)
{
    const hash_t name = keccak256(key);
    bool full = false;
    const bytes_t kept = arena_copy(scratch, value, &full);
    check(!full);
    check(err_ok(trie_put(t, BYTES_OF(name), kept)));
}

static hash_t finish(struct trie *t)
{
    check(err_ok(trie_finish(&t, 1, NULL)));
    return trie_root(t);
}

static hash_t storage_root(const struct map *slots, struct arena *scratch, struct buf *b)
{
    if (slots->count == 0) return KECCAK_RLP_NULL;
    struct trie *t;
    check(err_ok(trie_open(&t, scratch, NULL, &KECCAK_RLP_NULL)));
    size_t cursor = 0;
    const void *key;
    void *at;
    while (map_next(slots, &cursor, &key, &at)) {
        u256_t value;
        memcpy(&value, at, sizeof value);
        buf_clear(b);
        rlp_put_u256(b, &value);
        put_copy(t, scratch, bytes_make(key, sizeof(hash_t)), buf_bytes(b));
    }
    return finish(t);
}

hash_t mem_state_root(const struct mem_state *m, struct arena *scratch)
{
    const size_t mark = arena_mark(scratch);
    struct buf b;
    buf_init(&b, 1 << 16);
    struct trie *t;
    check(err_ok(trie_open(&t, scratch, NULL, &KECCAK_RLP_NULL)));
    size_t cursor = 0;
    const void *key;
    void *at;
    while (map_next(&m->accounts, &cursor, &key, &at)) {
        struct mem_account account;
        memcpy(&account, at, sizeof account);
        const hash_t root = storage_root(&account.slots, scratch, &b);
        buf_clear(&b);
        const size_t list = rlp_list_begin(&b);
        rlp_put_u64(&b, account.a.nonce);
        rlp_put_u256(&b, &account.a.balance_wei);
        rlp_put_hash(&b, &root);
        rlp_put_hash(&b, &account.a.code_hash);
        rlp_list_end(&b, list);
        put_copy(t, scratch, bytes_make(key, sizeof(address_t)), buf_bytes(&b));
    }
    const hash_t root = finish(t);
    buf_deinit(&b);
    arena_rewind(scratch, mark);
    return root;
}
