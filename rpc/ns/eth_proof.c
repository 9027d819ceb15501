// SPDX-License-Identifier: Apache-2.0
/// eth_getProof (EIP-1186).

#include "chain/state/prove.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"

enum { SLOTS_MAX = 1024 };

static void put_nodes(struct json_writer *w, const char *key, const bytes_t *nodes, size_t count)
{
    jw_key(w, key);
    jw_open(w, '[');
    for (size_t i = 0; i < count; i++) jw_data(w, nodes[i]);
    jw_close(w, ']');
}

bool eth_get_proof(struct rpc_call *call)
{
    address_t who;
    const json_t *array = NULL;
    struct block_ref ref;
    if (!param_address(call, 0, &who) || !param_array(call, 1, &array) ||
        !param_block(call, 2, &ref)) {
        return false;
    }
    const size_t count = json_array_size(array);
    if (count > SLOTS_MAX) return rpc_fail_limit(call, "slots", SLOTS_MAX, count);
    hash_t *keys = ARENA_ARRAY(call->arena, hash_t, count);
    if (keys == NULL) return rpc_fail_limit(call, "request memory", call->arena->cap, count);
    for (size_t i = 0; i < count; i++) {
        if (!value_slot_key(call, json_array_get(array, i), "slots", &keys[i])) return false;
    }

    struct snapshot s;
    bool found = false;
    if (!snapshot_begin(call, &s) || !snapshot_find(call, &s, &ref, &found)) return false;
    if (found && s.number < s.oldest) {
        snapshot_close(&s);
        return rpc_fail_oldest(call, s.oldest);
    }
    struct account_proof p;
    const uint64_t number = s.pending ? s.head : s.number;
    err_t err = found ? state_prove(&p, call->arena, s.txn, number, &who, keys, count)
                      : FAIL(NOT_FOUND, "no such block");
    if (!err_ok(err)) {
        uint64_t oldest = s.head > PROVE_MAX_DEPTH ? s.head - PROVE_MAX_DEPTH : 0;
        if (oldest < s.oldest) oldest = s.oldest;
        snapshot_close(&s);
        if (err.kind != ERR_LIMIT) return rpc_fail_err(call, err);
        rpc_fail(call, RPC_NOT_AVAILABLE,
                 "resource not found: proofs are kept for the last %d blocks", PROVE_MAX_DEPTH);
        rpc_data_oldest(call, oldest);
        return false;
    }
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    jw_kv_address(w, "address", &who);
    jw_kv_qty256(w, "balance", &p.account.balance_wei);
    jw_kv_hash(w, "codeHash", &p.account.code_hash);
    jw_kv_qty(w, "nonce", p.account.nonce);
    jw_kv_hash(w, "storageHash", &p.account.storage_root);
    put_nodes(w, "accountProof", p.nodes, p.node_count);
    jw_key(w, "storageProof");
    jw_open(w, '[');
    for (size_t i = 0; i < p.slot_count; i++) {
        jw_open(w, '{');
        // The key is given back as it was asked.
        jw_key(w, "key");
        jw_json(w, json_array_get(array, i));
        jw_kv_qty256(w, "value", &p.slots[i].value);
        put_nodes(w, "proof", p.slots[i].nodes, p.slots[i].node_count);
        jw_close(w, '}');
    }
    jw_close(w, ']');
    jw_close(w, '}');
    snapshot_close(&s);
    return true;
}
