// SPDX-License-Identifier: Apache-2.0
/// eth_createAccessList: what a call touches, so that it can say so beforehand (EIP-2930).
///
/// The list is what one execution touched; naming it may change the gas, and so the way that the
/// next execution takes. Repeated until nothing new appears.

#include "chain/base/map.h"
#include "chain/types/address.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/eth_call.h"
#include "rpc/ns/handlers.h"
#include "vm/opcode.h"
#include "vm/precompile/table.h"
#include "vm/trace.h"

#include <stdlib.h>

enum { TOUCHED_MAX = 100000, ROUNDS_MAX = 16 };

/// An account, or a slot of one. Accounts come before their slots.
struct touched {
    address_t address;
    uint8_t has_slot;
    hash_t slot;
};

struct watch {
    const struct block_ctx *block;
    const address_t *from;
    const address_t *to; ///< or what is created: warm anyway
    struct map seen;     ///< struct touched
    bool full;
};

static void touch(struct watch *w, const address_t *a, const hash_t *slot)
{
    struct touched t = {.address = *a};
    if (slot != NULL) {
        t.has_slot = 1;
        t.slot = *slot;
    } else if (address_eq(a, w->from) || address_eq(a, w->to) || precompile_is(w->block->rev, a)) {
        return;
    }
    bool is_new;
    if (map_put(&w->seen, &t, &is_new) == NULL) w->full = true;
}

static address_t address_in(const u256_t *word)
{
    const hash_t h = u256_to_hash(word);
    address_t a;
    memcpy(a.b, h.b + 12, sizeof a.b);
    return a;
}

static void on_step(void *ctx, const struct trace_step *s)
{
    struct watch *w = ctx;
    const u256_t *top = s->stack_len > 0 ? &s->stack[s->stack_len - 1] : NULL;
    if (top == NULL) return;
    address_t a;
    hash_t slot;
    switch (s->op) {
    case OP_SLOAD:
    case OP_SSTORE:
        slot = u256_to_hash(top);
        touch(w, s->self, &slot);
        return;
    case OP_BALANCE:
    case OP_EXTCODESIZE:
    case OP_EXTCODECOPY:
    case OP_EXTCODEHASH:
    case OP_SELFDESTRUCT:
        a = address_in(top);
        touch(w, &a, NULL);
        return;
    case OP_CALL:
    case OP_CALLCODE:
    case OP_DELEGATECALL:
    case OP_STATICCALL:
        if (s->stack_len < 5) return;
        a = address_in(top - 1);
        touch(w, &a, NULL);
        return;
    default:
        return;
    }
}

static int in_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct touched));
}

/// The access list of what was seen, sorted, in the call's arena.
static bool make_list(struct rpc_call *call, const struct watch *w, struct tx *message)
{
    struct touched *all = ARENA_ARRAY(call->arena, struct touched, w->seen.count);
    struct access_entry *entries = ARENA_ARRAY(call->arena, struct access_entry, w->seen.count);
    hash_t *keys = ARENA_ARRAY(call->arena, hash_t, w->seen.count);
    if (all == NULL || entries == NULL || keys == NULL) {
        return rpc_fail_limit(call, "request memory", call->arena->cap, w->seen.count);
    }
    size_t count = 0;
    size_t cursor = 0;
    const void *key;
    void *value;
    while (map_next(&w->seen, &cursor, &key, &value)) memcpy(&all[count++], key, sizeof *all);
    if (count > 1) qsort(all, count, sizeof *all, in_order);
    size_t n = 0;
    size_t key_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (n == 0 || !address_eq(&entries[n - 1].address, &all[i].address)) {
            entries[n++] =
                (struct access_entry){.address = all[i].address, .keys = &keys[key_count]};
        }
        if (!all[i].has_slot) continue;
        keys[key_count++] = all[i].slot;
        entries[n - 1].key_count++;
    }
    message->access_list = entries;
    message->access_count = n;
    return true;
}

/// What the caller listed already stays listed.
static void keep_given(struct watch *w, const struct tx *message)
{
    for (size_t i = 0; i < message->access_count; i++) {
        const struct access_entry *e = &message->access_list[i];
        touch(w, &e->address, NULL);
        for (size_t k = 0; k < e->key_count; k++) touch(w, &e->address, &e->keys[k]);
    }
}

/// Executes until the list stays as it is. `result` is that of the last execution.
static bool settle(struct rpc_call *call, struct tx_result *result, const struct call_slot *slot,
                   const struct call_site *site, struct tx *message)
{
    const address_t created = address_of_create(&message->sender, message->nonce);
    struct watch w = {.block = &site->block,
                      .from = &message->sender,
                      .to = message->is_create ? &created : &message->to};
    const struct trace_hooks hooks = {.step = on_step, .ctx = &w};
    map_init(&w.seen, sizeof(struct touched), 1, TOUCHED_MAX, 0x616c);
    keep_given(&w, message);
    bool ok = true;
    size_t before = SIZE_MAX;
    for (unsigned i = 0; ok && i < ROUNDS_MAX && before != w.seen.count; i++) {
        before = w.seen.count;
        ok = make_list(call, &w, message);
        vm_set_trace(slot->vm, &hooks);
        ok = ok && call_execute(call, result, slot, site, message);
        vm_set_trace(slot->vm, NULL);
        if (ok && w.full) ok = rpc_fail_limit(call, "touched slots", TOUCHED_MAX, TOUCHED_MAX + 1);
        if (ok && result->validity != TX_VALID) ok = rpc_fail_execution(call, result);
    }
    map_deinit(&w.seen);
    return ok;
}

static void put_list(struct json_writer *w, const struct tx *message)
{
    jw_key(w, "accessList");
    jw_open(w, '[');
    for (size_t i = 0; i < message->access_count; i++) {
        const struct access_entry *e = &message->access_list[i];
        jw_open(w, '{');
        jw_kv_address(w, "address", &e->address);
        jw_key(w, "storageKeys");
        jw_open(w, '[');
        for (size_t k = 0; k < e->key_count; k++) jw_hash(w, &e->keys[k]);
        jw_close(w, ']');
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

bool eth_create_access_list(struct rpc_call *call)
{
    struct tx message = {.type = TX_LEGACY};
    bool has_gas = false;
    struct call_site site;
    struct call_slot slot;
    if (!call_read_message(call, &message, &has_gas) || !call_pool_take(call, &slot)) return false;
    bool ok = call_site_open(call, &site, 1, 2, 3);
    if (ok) {
        struct tx_result result;
        struct account sender;
        bool exists = false;
        if (message.type == TX_LEGACY) message.type = TX_ACCESS_LIST;
        // The nonce says which address a creation has; the caller's is taken if it gave one.
        const err_t err = message.nonce != 0
                              ? OK
                              : site.view.account(site.view.ctx, &sender, &exists, &message.sender);
        if (err_ok(err) && message.nonce == 0 && exists) message.nonce = sender.nonce;
        ok = err_ok(err) ? settle(call, &result, &slot, &site, &message) : rpc_fail_err(call, err);
        if (ok) {
            struct json_writer *w = &call->out;
            jw_open(w, '{');
            put_list(w, &message);
            if (result.status != EVM_SUCCESS) jw_kv_str(w, "error", evm_status_text(result.status));
            jw_kv_qty(w, "gasUsed", result.gas_used);
            jw_close(w, '}');
        }
        call_site_close(&site);
    }
    call_pool_give(env_of(call)->calls, &slot);
    return ok;
}
