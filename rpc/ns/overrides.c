// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/overrides.h"

#include "chain/crypto/keccak.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/jsonrpc/params.h"

#include <stdlib.h>

enum { ACCOUNTS_MAX = 1000, SLOTS_MAX = 100000 };

struct account_override {
    address_t address;
    bool has_balance;
    bool has_nonce;
    bool has_code;
    bool whole_state; ///< `state`: every other slot is zero
    u256_t balance_wei;
    uint64_t nonce;
    bytes_t code;
    hash_t code_hash;
    struct slot_change *slots; ///< sorted by key
    size_t slot_count;
};

struct state_overrides {
    struct state_view under;
    struct account_override *accounts;
    size_t account_count;
};

static const struct account_override *find(const struct state_overrides *o, const address_t *a)
{
    for (size_t i = 0; i < o->account_count; i++) {
        if (address_eq(&o->accounts[i].address, a)) return &o->accounts[i];
    }
    return NULL;
}

static err_t view_account(void *ctx, struct account *out, bool *exists, const address_t *address)
{
    const struct state_overrides *o = ctx;
    TRY(o->under.account(o->under.ctx, out, exists, address));
    const struct account_override *a = find(o, address);
    if (a == NULL) return OK;
    *exists = true;
    if (a->has_balance) out->balance_wei = a->balance_wei;
    if (a->has_nonce) out->nonce = a->nonce;
    if (a->has_code) out->code_hash = a->code_hash;
    // An account with the empty root is not asked for its slots.
    if (a->whole_state) out->storage_root = KECCAK_RLP_NULL;
    if (a->slot_count > 0) memset(out->storage_root.b, 0xff, sizeof out->storage_root.b);
    return OK;
}

static int by_key(const void *a, const void *b)
{
    const struct slot_change *x = a;
    const struct slot_change *y = b;
    return hash_cmp(&x->key, &y->key);
}

static err_t view_slot(void *ctx, u256_t *out, const address_t *address, const hash_t *key)
{
    const struct state_overrides *o = ctx;
    const struct account_override *a = find(o, address);
    if (a != NULL) {
        const struct slot_change want = {.key = *key};
        const struct slot_change *hit =
            a->slot_count == 0 ? NULL
                               : bsearch(&want, a->slots, a->slot_count, sizeof *a->slots, by_key);
        if (hit != NULL || a->whole_state) {
            *out = hit != NULL ? hit->value : u256_from_u64(0);
            return OK;
        }
    }
    return o->under.slot(o->under.ctx, out, address, key);
}

static err_t view_code(void *ctx, bytes_t *out, const hash_t *code_hash)
{
    const struct state_overrides *o = ctx;
    for (size_t i = 0; i < o->account_count; i++) {
        if (o->accounts[i].has_code && hash_eq(&o->accounts[i].code_hash, code_hash)) {
            *out = o->accounts[i].code;
            return OK;
        }
    }
    return o->under.code(o->under.ctx, out, code_hash);
}

static err_t view_block_hash(void *ctx, hash_t *out, uint64_t number)
{
    const struct state_overrides *o = ctx;
    return o->under.block_hash(o->under.ctx, out, number);
}

struct state_view state_overrides_view(struct state_overrides *o)
{
    return (struct state_view){view_account, view_slot, view_code, view_block_hash, o};
}

static bool read_slots(struct rpc_call *call, struct account_override *a, const json_t *slots,
                       const char *name)
{
    if (!json_is_object(slots)) return rpc_fail_param(call, name, "an object of slots", slots);
    const size_t count = json_object_size(slots);
    if (count > SLOTS_MAX) return rpc_fail_limit(call, "overridden slots", SLOTS_MAX, count);
    a->slots = ARENA_ARRAY(call->arena, struct slot_change, count);
    if (a->slots == NULL) return rpc_fail_limit(call, "request memory", call->arena->cap, count);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)slots, key, value)
    {
        struct slot_change *c = &a->slots[a->slot_count++];
        json_t *key_json = json_string(key);
        hash_t word;
        const bool ok = value_slot_key(call, key_json, name, &c->key) &&
                        value_slot_key(call, value, name, &word);
        json_decref(key_json);
        if (!ok) return false;
        c->value = u256_from_hash(&word);
    }
    if (a->slot_count > 0) qsort(a->slots, a->slot_count, sizeof *a->slots, by_key);
    return true;
}

static bool read_account(struct rpc_call *call, struct account_override *a, const json_t *o)
{
    static const char *const known[] = {"balance", "nonce", "code", "state", "stateDiff", NULL};
    if (!json_is_object(o)) return rpc_fail_param(call, "stateOverrides", "objects", o);
    if (!object_only(call, o, "stateOverrides", known)) return false;
    const json_t *balance = json_object_get(o, "balance");
    const json_t *nonce = json_object_get(o, "nonce");
    const json_t *code = json_object_get(o, "code");
    const json_t *state = json_object_get(o, "state");
    const json_t *diff = json_object_get(o, "stateDiff");
    if (balance != NULL) {
        a->has_balance = true;
        if (!value_u256(call, balance, "stateOverrides.balance", &a->balance_wei)) return false;
    }
    if (nonce != NULL) {
        a->has_nonce = true;
        if (!value_u64(call, nonce, "stateOverrides.nonce", &a->nonce)) return false;
    }
    if (code != NULL) {
        a->has_code = true;
        if (!value_data(call, code, "stateOverrides.code", &a->code)) return false;
        a->code_hash = keccak256(a->code);
    }
    if (state != NULL && diff != NULL) {
        return rpc_fail_param(call, "stateOverrides", "either state or stateDiff", o);
    }
    a->whole_state = state != NULL;
    if (state != NULL) return read_slots(call, a, state, "stateOverrides.state");
    if (diff != NULL) return read_slots(call, a, diff, "stateOverrides.stateDiff");
    return true;
}

bool state_overrides_read(struct rpc_call *call, struct state_overrides **out, const json_t *object,
                          const struct state_view *under)
{
    const size_t count = json_object_size(object);
    if (count > ACCOUNTS_MAX)
        return rpc_fail_limit(call, "overridden accounts", ACCOUNTS_MAX, count);
    struct state_overrides *o = ARENA_NEW(call->arena, struct state_overrides);
    if (o != NULL) o->accounts = ARENA_ARRAY(call->arena, struct account_override, count);
    if (o == NULL || o->accounts == NULL) {
        return rpc_fail_limit(call, "request memory", call->arena->cap, count);
    }
    o->under = *under;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        struct account_override *a = &o->accounts[o->account_count++];
        json_t *key_json = json_string(key);
        const bool ok = value_address(call, key_json, "stateOverrides", &a->address) &&
                        read_account(call, a, value);
        json_decref(key_json);
        if (!ok) return false;
    }
    *out = o;
    return true;
}

static err_t put_account(struct overlay *world, const struct account_override *a)
{
    if (a->has_balance) TRY(overlay_set_balance(world, &a->address, &a->balance_wei));
    if (a->has_nonce) TRY(overlay_set_nonce(world, &a->address, a->nonce));
    if (a->has_code) TRY(overlay_set_code(world, &a->address, a->code));
    if (a->whole_state) TRY(overlay_clear_storage(world, &a->address));
    for (size_t i = 0; i < a->slot_count; i++) {
        TRY(overlay_set_slot(world, &a->address, &a->slots[i].key, &a->slots[i].value));
    }
    return OK;
}

bool state_overrides_put(struct rpc_call *call, struct overlay *world, const json_t *object)
{
    const struct state_view unused = overlay_as_view(world);
    struct state_overrides *o = NULL;
    if (!state_overrides_read(call, &o, object, &unused) || o == NULL) return false;
    err_t err = OK;
    for (size_t i = 0; i < o->account_count && err_ok(err); i++)
        err = put_account(world, &o->accounts[i]);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

static bool read_u64(struct rpc_call *call, const json_t *o, const char *key, uint64_t *out)
{
    const json_t *v = json_object_get(o, key);
    return v == NULL || value_u64(call, v, key, out);
}

static bool read_u256(struct rpc_call *call, const json_t *o, const char *key, u256_t *out)
{
    const json_t *v = json_object_get(o, key);
    return v == NULL || value_u256(call, v, key, out);
}

static bool read_address(struct rpc_call *call, const json_t *o, const char *key, address_t *out)
{
    const json_t *v = json_object_get(o, key);
    return v == NULL || value_address(call, v, key, out);
}

bool block_overrides_apply(struct rpc_call *call, struct block_ctx *block, const json_t *object)
{
    static const char *const known[] = {"number",   "time",        "gasLimit",   "feeRecipient",
                                        "coinbase", "prevRandao",  "random",     "baseFeePerGas",
                                        "baseFee",  "blobBaseFee", "difficulty", NULL};
    if (!object_only(call, object, "blockOverrides", known)) return false;
    const json_t *random = json_object_get(object, "prevRandao");
    if (random == NULL) random = json_object_get(object, "random");
    if (random != NULL && !value_hash(call, random, "prevRandao", &block->prev_randao))
        return false;
    return read_u64(call, object, "number", &block->number) &&
           read_u64(call, object, "time", &block->timestamp_s) &&
           read_u64(call, object, "gasLimit", &block->gas_limit) &&
           read_address(call, object, "coinbase", &block->coinbase) &&
           read_address(call, object, "feeRecipient", &block->coinbase) &&
           read_u256(call, object, "baseFee", &block->base_fee_wei) &&
           read_u256(call, object, "baseFeePerGas", &block->base_fee_wei) &&
           read_u256(call, object, "blobBaseFee", &block->blob_base_fee_wei) &&
           read_u256(call, object, "difficulty", &block->difficulty);
}
