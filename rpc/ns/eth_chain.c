// SPDX-License-Identifier: Apache-2.0
/// eth_: the chain itself. Identity, blocks, transactions, receipts.

#include "chain/crypto/keccak.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/objects.h"

bool eth_chain_id(struct rpc_call *call)
{
    jw_qty(&call->out, node_genesis(env_of(call)->node)->config.chain_id);
    return true;
}

bool eth_block_number(struct rpc_call *call)
{
    struct node_status st;
    node_status(env_of(call)->node, &st);
    jw_qty(&call->out, st.head_number);
    return true;
}

bool eth_syncing(struct rpc_call *call)
{
    struct node_sync sync;
    struct node_status st;
    struct json_writer *w = &call->out;
    node_sync_status(env_of(call)->node, &sync);
    node_status(env_of(call)->node, &st);
    if (!sync.syncing) {
        jw_bool(w, false);
        return true;
    }
    jw_open(w, '{');
    jw_kv_qty(w, "startingBlock", sync.starting);
    jw_kv_qty(w, "currentBlock", st.head_number);
    jw_kv_qty(w, "highestBlock", sync.highest);
    jw_close(w, '}');
    return true;
}

bool eth_accounts(struct rpc_call *call)
{
    jw_open(&call->out, '[');
    jw_close(&call->out, ']');
    return true;
}

bool eth_coinbase(struct rpc_call *call)
{
    struct node_status st;
    node_status(env_of(call)->node, &st);
    jw_address(&call->out, &st.validator);
    return true;
}

bool eth_protocol_version(struct rpc_call *call)
{
    jw_qty(&call->out, 68);
    return true;
}

/// Opens the block that the first parameter names. With `*found` false nothing is open and
/// null was written.
static bool open_block(struct rpc_call *call, struct snapshot *s, bool *found)
{
    struct block_ref ref;
    if (!param_block(call, 0, &ref)) return false;
    if (!param_given(call, 0)) {
        return rpc_fail_param(call, "block", "a block number, tag or hash", NULL);
    }
    if (!snapshot_begin(call, s) || !snapshot_find(call, s, &ref, found)) return false;
    if (!*found) {
        snapshot_close(s);
        jw_null(&call->out);
    }
    return true;
}

static struct object_place place_in(const struct block *b, uint64_t index)
{
    return (struct object_place){
        .block_hash = &b->hash,
        .block_number = b->header.number,
        .timestamp_s = b->header.timestamp_s,
        .tx_index = index,
        .base_fee_wei =
            b->header.field_count >= HEADER_FIELDS_LONDON ? &b->header.base_fee_wei : NULL,
    };
}

/// Reads the body of the block a snapshot stands on.
static bool read_block(struct rpc_call *call, struct snapshot *s, struct block *b)
{
    const err_t err = blocks_get(s->txn, b, call->arena, s->pending ? s->head : s->number);
    if (err_ok(err)) return true;
    snapshot_close(s);
    return snapshot_fail(call, s, err);
}

/// The block to come: head's successor with what the pool would put into it. Fields that
/// only a sealed block has are null.
static bool put_pending_block(struct rpc_call *call, const struct snapshot *s, bool full)
{
    struct rpc_env *env = env_of(call);
    struct node_status st;
    node_status(env->node, &st);
    struct pool_listing pool;
    const err_t err = node_pool_list(env->node, &pool, call->arena);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    struct json_writer *w = &call->out;
    const struct header *h = &s->header;
    jw_open(w, '{');
    jw_kv_qty(w, "number", s->number);
    jw_kv_hash(w, "parentHash", &s->hash);
    static const char *const unknown[] = {"hash",    "nonce",           "logsBloom",
                                          "miner",   "stateRoot",       "receiptsRoot",
                                          "mixHash", "transactionsRoot"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) jw_kv_null(w, unknown[i]);
    jw_kv_data(w, "extraData", (bytes_t){NULL, 0}); // ethers and web3.py take no null here
    jw_kv_hash(w, "sha3Uncles", &h->ommers_hash);
    jw_kv_qty256(w, "difficulty", &h->difficulty);
    jw_kv_qty(w, "gasLimit", h->gas_limit);
    jw_kv_qty(w, "gasUsed", 0);
    jw_kv_qty(w, "timestamp", h->timestamp_s);
    jw_kv_qty(w, "size", 0);
    if (h->field_count >= HEADER_FIELDS_LONDON) {
        jw_kv_qty256(w, "baseFeePerGas", &st.next_base_fee_wei);
    }
    if (h->field_count >= HEADER_FIELDS_SHANGHAI) {
        jw_kv_hash(w, "withdrawalsRoot", &KECCAK_RLP_NULL);
        jw_key(w, "withdrawals");
        jw_open(w, '[');
        jw_close(w, ']');
    }
    if (h->field_count >= HEADER_FIELDS_BLOB) {
        jw_kv_qty(w, "blobGasUsed", 0);
        jw_kv_qty(w, "excessBlobGas", h->excess_blob_gas); // no block takes a blob
    }
    if (h->field_count >= HEADER_FIELDS_CANCUN) {
        jw_kv_hash(w, "parentBeaconBlockRoot", &h->parent_beacon_root); // zero under QBFT
    }
    jw_key(w, "uncles");
    jw_open(w, '[');
    jw_close(w, ']');
    jw_key(w, "transactions");
    jw_open(w, '[');
    for (size_t i = 0; i < pool.count; i++) {
        if (!pool.is_pending[i]) continue;
        if (full)
            object_tx(w, &pool.txs[i], NULL);
        else
            jw_hash(w, &pool.txs[i].hash);
    }
    jw_close(w, ']');
    jw_close(w, '}');
    return true;
}

bool eth_get_block(struct rpc_call *call)
{
    bool full = false;
    if (param_given(call, 1) && !param_bool(call, 1, &full)) return false;
    struct snapshot s;
    bool found = false;
    if (!open_block(call, &s, &found)) return false;
    if (!found) return true;
    if (s.pending) {
        const bool ok = put_pending_block(call, &s, full);
        snapshot_close(&s);
        return ok;
    }
    struct block b;
    if (!read_block(call, &s, &b)) return false;
    object_block(&call->out, &b, full);
    snapshot_close(&s);
    return true;
}

bool eth_get_block_tx_count(struct rpc_call *call)
{
    struct snapshot s;
    bool found = false;
    if (!open_block(call, &s, &found)) return false;
    if (!found) return true;
    size_t count = 0;
    if (s.pending) {
        struct node_status st;
        node_status(env_of(call)->node, &st);
        count = st.pool_pending;
    } else {
        struct block b;
        if (!read_block(call, &s, &b)) return false;
        count = b.tx_count;
    }
    jw_qty(&call->out, count);
    snapshot_close(&s);
    return true;
}

bool eth_get_uncle_count(struct rpc_call *call)
{
    struct snapshot s;
    bool found = false;
    if (!open_block(call, &s, &found)) return false;
    if (!found) return true;
    jw_qty(&call->out, 0); // none exist after the Merge and under QBFT
    snapshot_close(&s);
    return true;
}

bool eth_get_uncle(struct rpc_call *call)
{
    uint64_t index = 0;
    if (!param_u64(call, 1, &index)) return false;
    struct snapshot s;
    bool found = false;
    if (!open_block(call, &s, &found)) return false;
    if (!found) return true;
    jw_null(&call->out);
    snapshot_close(&s);
    return true;
}

bool eth_get_tx_by_index(struct rpc_call *call)
{
    uint64_t index = 0;
    if (!param_u64(call, 1, &index)) return false;
    struct snapshot s;
    bool found = false;
    if (!open_block(call, &s, &found)) return false;
    if (!found) return true;
    struct block b;
    if (!read_block(call, &s, &b)) return false;
    if (s.pending || index >= b.tx_count) {
        jw_null(&call->out);
    } else {
        const struct object_place place = place_in(&b, index);
        object_tx(&call->out, &b.txs[index], &place);
    }
    snapshot_close(&s);
    return true;
}

/// Finds a mined transaction; with `*found` false the snapshot is closed.
static bool find_tx(struct rpc_call *call, struct snapshot *s, struct block *b,
                    struct tx_location *at, const hash_t *hash, bool *found)
{
    if (!snapshot_begin(call, s)) return false;
    err_t err = blocks_find_tx(s->txn, at, hash);
    *found = err_ok(err);
    if (err_ok(err)) err = blocks_get(s->txn, b, call->arena, at->block_number);
    if (err_ok(err)) err = blocks_check_tx(s->txn, b, at, hash);
    if (*found && err_ok(err)) return true;
    snapshot_close(s);
    return err.kind == ERR_NOT_FOUND && !*found ? true : rpc_fail_err(call, err);
}

bool eth_get_tx_by_hash(struct rpc_call *call)
{
    hash_t hash;
    if (!param_hash(call, 0, &hash)) return false;
    // The pool first: what leaves it meanwhile is in the store by then.
    struct tx pooled;
    if (err_ok(node_pool_tx(env_of(call)->node, &pooled, call->arena, &hash))) {
        object_tx(&call->out, &pooled, NULL);
        return true;
    }
    struct snapshot s;
    struct block b;
    struct tx_location at;
    bool found = false;
    if (!find_tx(call, &s, &b, &at, &hash, &found)) return false;
    if (!found) {
        jw_null(&call->out);
        return true;
    }
    const struct object_place place = place_in(&b, at.index);
    object_tx(&call->out, &b.txs[at.index], &place);
    snapshot_close(&s);
    return true;
}

/// A transaction's bytes. @param[out] found  false: nothing was written
static bool put_raw_tx(struct rpc_call *call, bool *found)
{
    hash_t hash;
    if (!param_hash(call, 0, &hash)) return false;
    struct tx pooled;
    *found = err_ok(node_pool_tx(env_of(call)->node, &pooled, call->arena, &hash));
    if (*found) {
        jw_data(&call->out, pooled.raw);
        return true;
    }
    struct snapshot s;
    struct block b;
    struct tx_location at;
    if (!find_tx(call, &s, &b, &at, &hash, found)) return false;
    if (!*found) return true;
    jw_data(&call->out, b.txs[at.index].raw);
    snapshot_close(&s);
    return true;
}

bool eth_get_raw_tx(struct rpc_call *call)
{
    bool found = false;
    if (!put_raw_tx(call, &found)) return false;
    if (!found) jw_null(&call->out);
    return true;
}

bool debug_get_raw_transaction(struct rpc_call *call)
{
    bool found = false;
    if (!put_raw_tx(call, &found)) return false;
    if (!found) jw_data(&call->out, BYTES_NONE); // as go-ethereum: nothing
    return true;
}

bool rpc_put_receipt(struct rpc_call *call, const hash_t *hash, bool *found)
{
    struct snapshot s;
    struct block b;
    struct tx_location at;
    if (!find_tx(call, &s, &b, &at, hash, found)) return false;
    if (!*found) return true;
    struct receipt *receipts = NULL;
    size_t count = 0;
    const err_t err = blocks_receipts(s.txn, &receipts, &count, call->arena, at.block_number);
    if (!err_ok(err) || at.index >= count) {
        snapshot_close(&s);
        return rpc_fail_err(call, err_ok(err) ? FAIL(CORRUPT, "a receipt is missing") : err);
    }
    uint64_t first_log = 0;
    for (size_t i = 0; i < at.index; i++) first_log += receipts[i].log_count;
    const struct object_place place = place_in(&b, at.index);
    object_receipt(&call->out, &receipts[at.index], &b.txs[at.index], &place, first_log);
    snapshot_close(&s);
    return true;
}

bool eth_get_tx_receipt(struct rpc_call *call)
{
    hash_t hash;
    if (!param_hash(call, 0, &hash)) return false;
    bool found = false;
    if (!rpc_put_receipt(call, &hash, &found)) return false;
    if (!found) jw_null(&call->out);
    return true;
}

bool eth_get_block_receipts(struct rpc_call *call)
{
    struct snapshot s;
    bool found = false;
    if (!open_block(call, &s, &found)) return false;
    if (!found) return true;
    struct block b;
    if (!read_block(call, &s, &b)) return false;
    struct receipt *receipts = NULL;
    size_t count = 0;
    const err_t err = blocks_receipts(s.txn, &receipts, &count, call->arena, b.header.number);
    if (!err_ok(err) || count != b.tx_count) {
        snapshot_close(&s);
        return snapshot_fail(call, &s, err_ok(err) ? FAIL(CORRUPT, "a receipt is missing") : err);
    }
    if (s.pending) {
        jw_null(&call->out);
        snapshot_close(&s);
        return true;
    }
    jw_open(&call->out, '[');
    uint64_t first_log = 0;
    for (size_t i = 0; i < count; i++) {
        const struct object_place place = place_in(&b, i);
        object_receipt(&call->out, &receipts[i], &b.txs[i], &place, first_log);
        first_log += receipts[i].log_count;
    }
    jw_close(&call->out, ']');
    snapshot_close(&s);
    return true;
}
