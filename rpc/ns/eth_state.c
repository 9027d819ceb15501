// SPDX-License-Identifier: Apache-2.0
/// eth_: accounts at a block.

#include "chain/crypto/keccak.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"

/// Opens the state of the block parameter at `block_index` and reads the account.
static bool open_account(struct rpc_call *call, struct snapshot *s, struct account *a,
                         address_t *who, size_t block_index)
{
    struct block_ref ref;
    if (!param_address(call, 0, who) || !param_block(call, block_index, &ref)) return false;
    if (!snapshot_open_state(call, s, &ref)) return false;
    bool exists = false;
    const err_t err = s->view.account(s->view.ctx, a, &exists, who);
    if (err_ok(err)) return true;
    snapshot_close(s);
    return rpc_fail_err(call, err);
}

bool eth_get_balance(struct rpc_call *call)
{
    struct snapshot s;
    struct account a;
    address_t who;
    if (!open_account(call, &s, &a, &who, 1)) return false;
    jw_qty256(&call->out, &a.balance_wei);
    snapshot_close(&s);
    return true;
}

bool eth_get_tx_count(struct rpc_call *call)
{
    struct snapshot s;
    struct account a;
    address_t who;
    struct block_ref ref;
    // Asked before the state is opened: a transaction mined in between is in one of them.
    uint64_t pooled = 0;
    if (!param_address(call, 0, &who) || !param_block(call, 1, &ref)) return false;
    const bool in_pool = ref.kind == BLOCK_PENDING &&
                         err_ok(node_pool_next_nonce(env_of(call)->node, &pooled, &who));
    if (!open_account(call, &s, &a, &who, 1)) return false;
    jw_qty(&call->out, in_pool && pooled > a.nonce ? pooled : a.nonce);
    snapshot_close(&s);
    return true;
}

bool eth_get_code(struct rpc_call *call)
{
    struct snapshot s;
    struct account a;
    address_t who;
    if (!open_account(call, &s, &a, &who, 1)) return false;
    bytes_t code = BYTES_NONE;
    err_t err = OK;
    if (!hash_eq(&a.code_hash, &KECCAK_EMPTY)) err = s.view.code(s.view.ctx, &code, &a.code_hash);
    if (err_ok(err)) jw_data(&call->out, code);
    snapshot_close(&s);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

bool eth_get_storage_at(struct rpc_call *call)
{
    hash_t key;
    if (!value_slot_key(call, param_at(call, 1), "slot", &key)) return false;
    struct snapshot s;
    struct account a;
    address_t who;
    if (!open_account(call, &s, &a, &who, 2)) return false;
    u256_t value = {{0}};
    const err_t err = s.view.slot(s.view.ctx, &value, &who, &key);
    snapshot_close(&s);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    const hash_t word = u256_to_hash(&value);
    jw_hash(&call->out, &word);
    return true;
}
