// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/contracts.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/log_query.h"
#include "rpc/ns/objects.h"

#include <stdlib.h>

enum {
    ADDRESSES_MAX = 1000,
    TOPICS_MAX = 1000,
    SLICE_BLOCKS = 2000, ///< each on a snapshot of its own, so that no reader lives long
};

// ---- the question -------------------------------------------------------------------------

static bool read_addresses(struct rpc_call *call, struct log_any_address *out, const json_t *v)
{
    const size_t count = json_is_array(v) ? json_array_size(v) : 1;
    if (v == NULL || json_is_null(v) || count == 0) return true;
    if (count > ADDRESSES_MAX) return rpc_fail_limit(call, "addresses", ADDRESSES_MAX, count);
    address_t *values = ARENA_ARRAY(call->arena, address_t, count);
    if (values == NULL) return rpc_fail_limit(call, "request memory", call->arena->cap, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_is_array(v) ? json_array_get(v, i) : v;
        if (!value_address(call, one, "address", &values[i])) return false;
    }
    *out = (struct log_any_address){values, count};
    return true;
}

static bool read_topic(struct rpc_call *call, struct log_any_topic *out, const json_t *v)
{
    const size_t count = json_is_array(v) ? json_array_size(v) : 1;
    if (v == NULL || json_is_null(v) || count == 0) return true;
    if (count > TOPICS_MAX)
        return rpc_fail_limit(call, "topics of one position", TOPICS_MAX, count);
    hash_t *values = ARENA_ARRAY(call->arena, hash_t, count);
    if (values == NULL) return rpc_fail_limit(call, "request memory", call->arena->cap, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_is_array(v) ? json_array_get(v, i) : v;
        if (json_is_null(one)) return true; // one of them is "anything"
        if (!value_hash(call, one, "topics", &values[i])) return false;
    }
    *out = (struct log_any_topic){values, count};
    return true;
}

bool log_query_read(struct rpc_call *call, struct log_query *out, const json_t *object)
{
    static const char *const known[] = {"fromBlock", "toBlock", "blockHash",
                                        "address",   "topics",  NULL};
    memset(out, 0, sizeof *out);
    if (!object_only(call, object, "filter", known)) return false;
    const json_t *hash = json_object_get(object, "blockHash");
    const json_t *from = json_object_get(object, "fromBlock");
    const json_t *to = json_object_get(object, "toBlock");
    const json_t *topics = json_object_get(object, "topics");
    if (json_is_null(hash)) hash = NULL;
    if (json_is_null(from)) from = NULL;
    if (json_is_null(to)) to = NULL;
    if (hash != NULL) {
        if (from != NULL || to != NULL) {
            return rpc_fail_param(call, "filter", "either blockHash or fromBlock and toBlock",
                                  object);
        }
        out->by_hash = true;
        if (!value_hash(call, hash, "blockHash", &out->block_hash)) return false;
    }
    if (!value_block(call, from, "fromBlock", &out->from) ||
        !value_block(call, to, "toBlock", &out->to) ||
        !read_addresses(call, &out->filter.addresses, json_object_get(object, "address"))) {
        return false;
    }
    if (topics == NULL || json_is_null(topics)) return true;
    if (!json_is_array(topics) || json_array_size(topics) > 4) {
        return rpc_fail_param(call, "topics", "an array of at most 4 positions", topics);
    }
    for (size_t i = 0; i < json_array_size(topics); i++) {
        if (!read_topic(call, &out->filter.topics[i], json_array_get(topics, i))) return false;
    }
    return true;
}

struct log_filter *log_filter_clone(const struct log_filter *f)
{
    size_t bytes = sizeof *f + f->addresses.count * sizeof(address_t);
    for (size_t i = 0; i < 4; i++) bytes += f->topics[i].count * sizeof(hash_t);
    struct log_filter *out = malloc(bytes);
    if (out == NULL) return NULL;
    *out = *f;
    uint8_t *at = (uint8_t *)(out + 1);
    if (f->addresses.count > 0) {
        memcpy(at, f->addresses.values, f->addresses.count * sizeof(address_t));
        out->addresses.values = (const address_t *)(const void *)at;
        at += f->addresses.count * sizeof(address_t);
    }
    for (size_t i = 0; i < 4; i++) {
        if (f->topics[i].count == 0) continue;
        memcpy(at, f->topics[i].values, f->topics[i].count * sizeof(hash_t));
        out->topics[i].values = (const hash_t *)(const void *)at;
        at += f->topics[i].count * sizeof(hash_t);
    }
    return out;
}

// ---- the answer ---------------------------------------------------------------------------

/// Logs of one block. The body is read only if something matches.
static bool put_block_logs(struct rpc_call *call, const struct snapshot *s,
                           const struct log_filter *filter, uint64_t number, uint64_t *found)
{
    struct receipt *receipts = NULL;
    size_t count = 0;
    struct block block;
    bool have_block = false;
    uint64_t log_index = 0;
    const uint64_t most = env_of(call)->limits.logs_max;
    err_t err = blocks_receipts(s->txn, &receipts, &count, call->arena, number);
    for (size_t i = 0; i < count && err_ok(err); i++) {
        for (size_t k = 0; k < receipts[i].log_count && err_ok(err); k++, log_index++) {
            const struct log_entry *log = &receipts[i].logs[k];
            if (!log_filter_match(filter, log)) continue;
            if (++*found > most) return rpc_fail_limit(call, "logs of one answer", most, *found);
            if (!have_block) {
                err = blocks_get(s->txn, &block, call->arena, number);
                if (!err_ok(err)) break;
                have_block = true;
            }
            const struct object_place place = {
                .block_hash = &block.hash,
                .block_number = number,
                .timestamp_s = block.header.timestamp_s,
                .tx_index = i,
            };
            object_log(&call->out, log, &place, &block.txs[i].hash, log_index);
        }
    }
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

/// Logs of system contracts are whole even before the snapshot that a node began from.
static bool only_system_contracts(const struct log_any_address *addresses)
{
    for (size_t i = 0; i < addresses->count; i++) {
        bool found = false;
        for (size_t k = 0; k < FED_CONTRACTS && !found; k++) {
            found = address_eq(&addresses->values[i], &fed_contract_address[k]);
        }
        if (!found) return false;
    }
    return addresses->count > 0;
}

bool log_query_put(struct rpc_call *call, const struct log_filter *filter, uint64_t from,
                   uint64_t to)
{
    const uint64_t range = env_of(call)->limits.logs_range;
    if (from > to) {
        return rpc_fail(call, RPC_INVALID_PARAMS, "invalid params: fromBlock is above toBlock");
    }
    if (to - from >= range)
        return rpc_fail_limit(call, "blocks of one query", range, to - from + 1);
    const uint64_t oldest = node_oldest(env_of(call)->node);
    if (from < oldest && !only_system_contracts(&filter->addresses))
        return rpc_fail_oldest(call, oldest);
    jw_open(&call->out, '[');
    uint64_t found = 0;
    for (uint64_t at = from;;) {
        const uint64_t last = to - at < SLICE_BLOCKS ? to : at + SLICE_BLOCKS - 1;
        struct snapshot s;
        if (!snapshot_begin(call, &s)) return false;
        uint64_t *blocks = NULL;
        size_t count = 0;
        const err_t err = log_index_find(s.txn, &blocks, &count, call->arena, filter, at, last);
        bool ok = err_ok(err) ? true : rpc_fail_err(call, err);
        for (size_t i = 0; i < count && ok; i++) {
            const size_t mark = arena_mark(call->arena);
            ok = put_block_logs(call, &s, filter, blocks[i], &found);
            arena_rewind(call->arena, mark);
            if (ok && rpc_now_ms() > call->deadline_ms) {
                ok = rpc_fail_limit(call, "query milliseconds", env_of(call)->limits.call_time_ms,
                                    env_of(call)->limits.call_time_ms);
            }
        }
        snapshot_close(&s);
        if (!ok) return false;
        if (last == to) break;
        at = last + 1;
    }
    jw_close(&call->out, ']');
    return true;
}

/// A bound of the range as a number; what lies above the head counts as the head.
static uint64_t bound(const struct block_ref *ref, uint64_t head)
{
    if (ref->kind == BLOCK_NUMBER) return ref->number;
    return head;
}

bool eth_get_logs(struct rpc_call *call)
{
    const json_t *object = NULL;
    struct log_query q;
    struct snapshot s;
    if (!param_object(call, 0, &object) || !log_query_read(call, &q, object)) return false;
    if (q.from.kind == BLOCK_HASH || q.to.kind == BLOCK_HASH) {
        return rpc_fail_param(call, "filter", "a range by number or tag", object);
    }
    if (!snapshot_begin(call, &s)) return false;
    uint64_t from = bound(&q.from, s.head);
    uint64_t to = bound(&q.to, s.head);
    bool found = true;
    if (q.by_hash) {
        const struct block_ref ref = {.kind = BLOCK_HASH, .hash = q.block_hash};
        if (!snapshot_find(call, &s, &ref, &found)) return false;
        from = to = s.number;
    }
    const uint64_t head = s.head;
    snapshot_close(&s);
    if (!found) return rpc_fail(call, RPC_NOT_AVAILABLE, "resource not found: no such block");
    if (from > to) {
        return rpc_fail(call, RPC_INVALID_PARAMS, "invalid params: fromBlock is above toBlock");
    }
    if (from > head) { // nothing there yet
        jw_open(&call->out, '[');
        jw_close(&call->out, ']');
        return true;
    }
    return log_query_put(call, &q.filter, from, to > head ? head : to);
}
