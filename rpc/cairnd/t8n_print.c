// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/t8n.h"

#include "chain/base/hex.h"
#include "chain/codec/ethjson.h"
#include "chain/codec/rlp.h"

// The block has no hash yet: go-ethereum's stand-in, which generators know.
static const hash_t NO_BLOCK_HASH = {{0x13, 0x37}};

/// Setters of this file: an object that lost a member is spoilt, and the whole is NULL.
struct object {
    json_t *json;
    bool spoilt;
};

static struct object begin(void)
{
    struct object o = {json_object(), false};
    o.spoilt = o.json == NULL;
    return o;
}

static void put(struct object *o, const char *name, json_t *value)
{
    if (json_object_set_new(o->json, name, value) != 0) o->spoilt = true;
}

static json_t *end(struct object *o)
{
    if (!o->spoilt) return o->json;
    json_decref(o->json);
    return NULL;
}

/// Appends, and spoils the object that the list will belong to.
static void append(struct object *owner, json_t *list, json_t *value)
{
    if (json_array_append_new(list, value) != 0) owner->spoilt = true;
}

static json_t *bloom_json(const struct bloom *bloom)
{
    return ethjson_data(bytes_make(bloom->b, sizeof bloom->b));
}

// ---- receipts -----------------------------------------------------------------------------------

struct place {
    const struct t8n_env *env;
    const struct tx *tx;
    uint64_t tx_index;
    uint64_t log_index;
};

static json_t *log_json(const struct log_entry *log, const struct place *p)
{
    struct object o = begin();
    json_t *topics = json_array();
    for (unsigned i = 0; i < log->topic_count; i++) {
        append(&o, topics, ethjson_hash(&log->topics[i]));
    }
    put(&o, "address", ethjson_address(&log->address));
    put(&o, "topics", topics);
    put(&o, "data", ethjson_data(log->data));
    put(&o, "blockNumber", ethjson_u64(p->env->header.number));
    put(&o, "transactionHash", ethjson_hash(&p->tx->hash));
    put(&o, "transactionIndex", ethjson_u64(p->tx_index));
    put(&o, "blockHash", ethjson_hash(&NO_BLOCK_HASH));
    put(&o, "blockTimestamp", ethjson_u64(p->env->header.timestamp_s));
    put(&o, "logIndex", ethjson_u64(p->log_index));
    put(&o, "removed", json_false());
    return end(&o);
}

static json_t *receipt_json(const struct receipt *r, struct place *p)
{
    static const address_t nobody = {{0}};
    struct object o = begin();
    json_t *logs = json_array();
    for (size_t i = 0; i < r->log_count; i++) {
        append(&o, logs, log_json(&r->logs[i], p));
        p->log_index++;
    }
    if (r->type != TX_LEGACY) put(&o, "type", ethjson_u64(r->type));
    put(&o, "root", ethjson_data(r->has_status ? BYTES_NONE : BYTES_OF(r->post_root)));
    put(&o, "status", ethjson_u64(r->succeeded));
    put(&o, "cumulativeGasUsed", ethjson_u64(r->cumulative_gas_used));
    put(&o, "logsBloom", bloom_json(&r->bloom));
    put(&o, "logs", logs);
    put(&o, "transactionHash", ethjson_hash(&p->tx->hash));
    put(&o, "contractAddress",
        ethjson_address(r->has_contract_address ? &r->contract_address : &nobody));
    put(&o, "gasUsed", ethjson_u64(r->gas_used));
    put(&o, "effectiveGasPrice", json_null());
    put(&o, "blockHash", ethjson_hash(&NO_BLOCK_HASH));
    put(&o, "blockNumber", ethjson_u64(p->env->header.number));
    put(&o, "transactionIndex", ethjson_u64(p->tx_index));
    return end(&o);
}

// ---- the result ---------------------------------------------------------------------------------

static json_t *rejected_json(const struct t8n_rejected *r)
{
    struct object o = begin();
    put(&o, "index", json_integer((json_int_t)r->index));
    put(&o, "error", json_string(r->error));
    return end(&o);
}

static json_t *request_json(uint8_t type, bytes_t request)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    buf_put_u8(&b, type);
    buf_put(&b, request);
    json_t *text = b.full ? NULL : ethjson_data(buf_bytes(&b));
    buf_deinit(&b);
    return text;
}

static void put_lists(struct object *o, const struct t8n *t, const struct t8n_outcome *out)
{
    json_t *receipts = json_array();
    struct place place = {.env = &t->env};
    for (size_t i = 0; i < out->included_count; i++) {
        place.tx = out->included[i];
        place.tx_index = i;
        append(o, receipts, receipt_json(&out->receipts[i], &place));
    }
    put(o, "receipts", receipts);
    if (out->rejected_count == 0) return;
    json_t *rejected = json_array();
    for (size_t i = 0; i < out->rejected_count; i++) {
        append(o, rejected, rejected_json(&out->rejected[i]));
    }
    put(o, "rejected", rejected);
}

static void put_requests(struct object *o, const struct t8n *t, const struct t8n_outcome *out)
{
    if (t->rev < REV_PRAGUE) {
        put(o, "requests", json_null());
        return;
    }
    json_t *requests = json_array();
    for (unsigned type = 0; type < ARRAY_LEN(out->requests.of_type); type++) {
        const bytes_t request = out->requests.of_type[type];
        if (request.len != 0) append(o, requests, request_json((uint8_t)type, request));
    }
    put(o, "requestsHash", ethjson_hash(&out->requests.hash));
    put(o, "requests", requests);
}

json_t *t8n_result(const struct t8n *t, const struct t8n_outcome *out)
{
    const struct t8n_env *env = &t->env;
    struct object o = begin();
    put(&o, "stateRoot", ethjson_hash(&out->state_root));
    put(&o, "txRoot", ethjson_hash(&out->tx_root));
    put(&o, "receiptsRoot", ethjson_hash(&out->receipts_root));
    put(&o, "logsHash", ethjson_hash(&out->logs_hash));
    put(&o, "logsBloom", bloom_json(&out->bloom));
    put_lists(&o, t, out);
    put(&o, "currentDifficulty",
        t->rev >= REV_PARIS ? json_null() : ethjson_u256(&env->header.difficulty));
    put(&o, "gasUsed", ethjson_u64(out->gas_used));
    if (env->has_base_fee) put(&o, "currentBaseFee", ethjson_u256(&env->header.base_fee_wei));
    if (env->has_withdrawals) put(&o, "withdrawalsRoot", ethjson_hash(&out->withdrawals_root));
    if (env->has_excess_blob_gas) {
        put(&o, "currentExcessBlobGas", ethjson_u64(env->header.excess_blob_gas));
        put(&o, "blobGasUsed", ethjson_u64(0));
    }
    put_requests(&o, t, out);
    return end(&o);
}

// ---- the world, the body ------------------------------------------------------------------------

static json_t *account_json(const struct mem_state *state, struct arena *arena, const address_t *a)
{
    struct object o = begin();
    struct account account;
    size_t count;
    const bytes_t code = mem_state_code(state, a);
    const struct slot_change *slots = mem_state_slots(state, arena, a, &count);
    o.spoilt = o.spoilt || slots == NULL || !mem_state_account(state, &account, a);
    if (o.spoilt) return end(&o);
    if (code.len != 0) put(&o, "code", ethjson_data(code));
    if (count != 0) {
        struct object storage = begin();
        for (size_t i = 0; i < count; i++) {
            const hash_t value = u256_to_hash(&slots[i].value);
            put(&storage, hex_hash(&slots[i].key).s, ethjson_hash(&value));
        }
        put(&o, "storage", end(&storage));
    }
    put(&o, "balance", ethjson_u256(&account.balance_wei));
    if (account.nonce != 0) put(&o, "nonce", ethjson_u64(account.nonce));
    return end(&o);
}

json_t *t8n_alloc(const struct mem_state *state, struct arena *arena)
{
    size_t count;
    const address_t *addresses = mem_state_addresses(state, arena, &count);
    if (addresses == NULL) return NULL;
    struct object o = begin();
    for (size_t i = 0; i < count; i++) {
        const size_t mark = arena_mark(arena);
        put(&o, hex_address(&addresses[i]).s, account_json(state, arena, &addresses[i]));
        arena_rewind(arena, mark);
    }
    return end(&o);
}

json_t *t8n_body(const struct t8n_outcome *out)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    const size_t list = rlp_list_begin(&b);
    for (size_t i = 0; i < out->included_count; i++) tx_put_item(&b, out->included[i]);
    rlp_list_end(&b, list);
    json_t *text = b.full ? NULL : ethjson_data(buf_bytes(&b));
    buf_deinit(&b);
    return text;
}
