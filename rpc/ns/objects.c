// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/objects.h"

static void put_access_list(struct json_writer *w, const struct tx *tx)
{
    jw_key(w, "accessList");
    jw_open(w, '[');
    for (size_t i = 0; i < tx->access_count; i++) {
        jw_open(w, '{');
        jw_kv_address(w, "address", &tx->access_list[i].address);
        jw_key(w, "storageKeys");
        jw_open(w, '[');
        for (size_t k = 0; k < tx->access_list[i].key_count; k++) {
            jw_hash(w, &tx->access_list[i].keys[k]);
        }
        jw_close(w, ']');
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void put_authorizations(struct json_writer *w, const struct tx *tx)
{
    jw_key(w, "authorizationList");
    jw_open(w, '[');
    for (size_t i = 0; i < tx->authorization_count; i++) {
        const struct authorization *a = &tx->authorizations[i];
        jw_open(w, '{');
        jw_kv_qty256(w, "chainId", &a->chain_id);
        jw_kv_address(w, "address", &a->address);
        jw_kv_qty(w, "nonce", a->nonce);
        jw_kv_qty(w, "yParity", a->y_parity);
        jw_kv_qty256(w, "r", &a->r);
        jw_kv_qty256(w, "s", &a->s);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

/// v of a legacy transaction: 27 or 28, or with the chain id (EIP-155). A chain id above
/// 2^62 has a v of more than 64 bits.
static u256_t legacy_v(const struct tx *tx)
{
    if (!tx->has_chain_id) return u256_from_u64(27 + (uint64_t)tx->y_parity);
    const u256_t id = u256_from_u64(tx->chain_id);
    const u256_t rest = u256_from_u64(35 + (uint64_t)tx->y_parity);
    u256_t v;
    (void)u256_add(&v, &id, &id);
    (void)u256_add(&v, &v, &rest);
    return v;
}

void object_tx(struct json_writer *w, const struct tx *tx, const struct object_place *place)
{
    jw_open(w, '{');
    if (place != NULL) {
        jw_kv_hash(w, "blockHash", place->block_hash);
        jw_kv_qty(w, "blockNumber", place->block_number);
        jw_kv_qty(w, "transactionIndex", place->tx_index);
    } else {
        jw_kv_null(w, "blockHash");
        jw_kv_null(w, "blockNumber");
        jw_kv_null(w, "transactionIndex");
    }
    jw_kv_hash(w, "hash", &tx->hash);
    jw_kv_qty(w, "type", tx->type);
    jw_kv_address(w, "from", &tx->sender);
    if (tx->is_create)
        jw_kv_null(w, "to");
    else
        jw_kv_address(w, "to", &tx->to);
    jw_kv_qty(w, "nonce", tx->nonce);
    jw_kv_qty(w, "gas", tx->gas_limit);
    u256_t price = tx->max_fee_per_gas;
    if (tx->type >= TX_DYNAMIC_FEE) {
        if (place != NULL && place->base_fee_wei != NULL) {
            price = tx_effective_gas_price(tx, place->base_fee_wei);
        }
        jw_kv_qty256(w, "maxFeePerGas", &tx->max_fee_per_gas);
        jw_kv_qty256(w, "maxPriorityFeePerGas", &tx->max_priority_fee_per_gas);
    }
    jw_kv_qty256(w, "gasPrice", &price);
    jw_kv_qty256(w, "value", &tx->value_wei);
    jw_kv_data(w, "input", tx->data);
    if (tx->has_chain_id) jw_kv_qty(w, "chainId", tx->chain_id);
    if (tx->type != TX_LEGACY) {
        put_access_list(w, tx);
        jw_kv_qty(w, "yParity", tx->y_parity);
    }
    if (tx->type == TX_SET_CODE) put_authorizations(w, tx);
    const u256_t v = tx->type == TX_LEGACY ? legacy_v(tx) : u256_from_u64(tx->y_parity);
    jw_kv_qty256(w, "v", &v);
    jw_kv_qty256(w, "r", &tx->r);
    jw_kv_qty256(w, "s", &tx->s);
    jw_close(w, '}');
}

static void put_header(struct json_writer *w, const struct header *h, const hash_t *hash)
{
    jw_kv_qty(w, "number", h->number);
    jw_kv_hash(w, "hash", hash);
    jw_kv_hash(w, "parentHash", &h->parent_hash);
    jw_kv_data(w, "nonce", BYTES_OF(h->nonce));
    jw_kv_hash(w, "mixHash", &h->mix_hash);
    jw_kv_hash(w, "sha3Uncles", &h->ommers_hash);
    jw_kv_data(w, "logsBloom", BYTES_OF(h->logs_bloom.b));
    jw_kv_hash(w, "transactionsRoot", &h->transactions_root);
    jw_kv_hash(w, "stateRoot", &h->state_root);
    jw_kv_hash(w, "receiptsRoot", &h->receipts_root);
    jw_kv_address(w, "miner", &h->coinbase);
    jw_kv_qty256(w, "difficulty", &h->difficulty);
    jw_kv_data(w, "extraData", h->extra_data);
    jw_kv_qty(w, "gasLimit", h->gas_limit);
    jw_kv_qty(w, "gasUsed", h->gas_used);
    jw_kv_qty(w, "timestamp", h->timestamp_s);
    if (h->field_count >= HEADER_FIELDS_LONDON) jw_kv_qty256(w, "baseFeePerGas", &h->base_fee_wei);
    if (h->field_count >= HEADER_FIELDS_SHANGHAI) {
        jw_kv_hash(w, "withdrawalsRoot", &h->withdrawals_root);
    }
    if (h->field_count >= HEADER_FIELDS_BLOB) {
        jw_kv_qty(w, "blobGasUsed", h->blob_gas_used);
        jw_kv_qty(w, "excessBlobGas", h->excess_blob_gas);
    }
    if (h->field_count >= HEADER_FIELDS_CANCUN) {
        jw_kv_hash(w, "parentBeaconBlockRoot", &h->parent_beacon_root);
    }
    if (h->field_count >= HEADER_FIELDS_PRAGUE) {
        jw_kv_hash(w, "requestsHash", &h->requests_hash);
    }
}

void object_header(struct json_writer *w, const struct header *h, const hash_t *hash)
{
    jw_open(w, '{');
    put_header(w, h, hash);
    jw_close(w, '}');
}

static size_t block_size(const struct block *block)
{
    struct buf b;
    buf_init(&b, (size_t)64 << 20);
    block_encode(&b, block);
    const size_t len = b.len;
    buf_deinit(&b);
    return len;
}

void object_block_open(struct json_writer *w, const struct block *block, bool full_txs)
{
    jw_open(w, '{');
    put_header(w, &block->header, &block->hash);
    jw_kv_qty(w, "size", block_size(block));
    jw_key(w, "uncles");
    jw_open(w, '[');
    jw_close(w, ']');
    jw_key(w, "transactions");
    jw_open(w, '[');
    struct object_place place = {
        .block_hash = &block->hash,
        .block_number = block->header.number,
        .timestamp_s = block->header.timestamp_s,
        .base_fee_wei =
            block->header.field_count >= HEADER_FIELDS_LONDON ? &block->header.base_fee_wei : NULL,
    };
    for (size_t i = 0; i < block->tx_count; i++) {
        place.tx_index = i;
        if (full_txs)
            object_tx(w, &block->txs[i], &place);
        else
            jw_hash(w, &block->txs[i].hash);
    }
    jw_close(w, ']');
    if (block->has_withdrawals) {
        jw_key(w, "withdrawals");
        jw_open(w, '[');
        for (size_t i = 0; i < block->withdrawal_count; i++) {
            const struct withdrawal *v = &block->withdrawals[i];
            jw_open(w, '{');
            jw_kv_qty(w, "index", v->index);
            jw_kv_qty(w, "validatorIndex", v->validator_index);
            jw_kv_address(w, "address", &v->address);
            jw_kv_qty(w, "amount", v->amount_gwei);
            jw_close(w, '}');
        }
        jw_close(w, ']');
    }
}

void object_block(struct json_writer *w, const struct block *block, bool full_txs)
{
    object_block_open(w, block, full_txs);
    jw_close(w, '}');
}

void object_log(struct json_writer *w, const struct log_entry *log,
                const struct object_place *place, const hash_t *tx_hash, uint64_t log_index)
{
    jw_open(w, '{');
    jw_kv_address(w, "address", &log->address);
    jw_key(w, "topics");
    jw_open(w, '[');
    for (unsigned i = 0; i < log->topic_count; i++) jw_hash(w, &log->topics[i]);
    jw_close(w, ']');
    jw_kv_data(w, "data", log->data);
    jw_kv_hash(w, "blockHash", place->block_hash);
    jw_kv_qty(w, "blockNumber", place->block_number);
    jw_kv_qty(w, "blockTimestamp", place->timestamp_s);
    jw_kv_hash(w, "transactionHash", tx_hash);
    jw_kv_qty(w, "transactionIndex", place->tx_index);
    jw_kv_qty(w, "logIndex", log_index);
    jw_kv_bool(w, "removed", false);
    jw_close(w, '}');
}

void object_receipt(struct json_writer *w, const struct receipt *r, const struct tx *tx,
                    const struct object_place *place, uint64_t first_log)
{
    jw_open(w, '{');
    jw_kv_hash(w, "transactionHash", &tx->hash);
    jw_kv_qty(w, "transactionIndex", place->tx_index);
    jw_kv_hash(w, "blockHash", place->block_hash);
    jw_kv_qty(w, "blockNumber", place->block_number);
    jw_kv_address(w, "from", &tx->sender);
    if (tx->is_create)
        jw_kv_null(w, "to");
    else
        jw_kv_address(w, "to", &tx->to);
    jw_kv_qty(w, "type", r->type);
    if (r->has_status)
        jw_kv_qty(w, "status", r->succeeded ? 1 : 0);
    else
        jw_kv_hash(w, "root", &r->post_root);
    jw_kv_qty(w, "cumulativeGasUsed", r->cumulative_gas_used);
    jw_kv_qty(w, "gasUsed", r->gas_used);
    jw_kv_qty256(w, "effectiveGasPrice", &r->effective_gas_price);
    if (r->has_contract_address)
        jw_kv_address(w, "contractAddress", &r->contract_address);
    else
        jw_kv_null(w, "contractAddress");
    jw_key(w, "logs");
    jw_open(w, '[');
    for (size_t i = 0; i < r->log_count; i++) {
        object_log(w, &r->logs[i], place, &tx->hash, first_log + i);
    }
    jw_close(w, ']');
    jw_kv_data(w, "logsBloom", BYTES_OF(r->bloom.b));
    jw_close(w, '}');
}
