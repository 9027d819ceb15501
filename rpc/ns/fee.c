// SPDX-License-Identifier: Apache-2.0
/// eth_: what gas costs now and did before.

#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"
#include "vm/block_exec.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TIP_BLOCKS = 20,       ///< blocks that a suggestion looks at
    HISTORY_BLOCKS = 1024, ///< of one eth_feeHistory
    PERCENTILES_MAX = 100,
};
#define DEFAULT_TIP_WEI 1000000000u ///< where nobody has paid a tip yet

static int by_value(const void *a, const void *b)
{
    return u256_cmp(a, b);
}

/// What a transaction paid above the base fee per gas.
static u256_t tip_of(const struct receipt *r, const struct header *h)
{
    u256_t tip = r->effective_gas_price;
    if (h->field_count >= HEADER_FIELDS_LONDON &&
        !u256_sub_checked(&tip, &r->effective_gas_price, &h->base_fee_wei)) {
        tip = u256_from_u64(0);
    }
    return tip;
}

/// The median of what was paid in the latest blocks; nothing where gas is free.
static bool suggest_tip(struct rpc_call *call, u256_t *out)
{
    struct rpc_env *env = env_of(call);
    const struct chain_config *config = &node_genesis(env->node)->config;
    struct node_status st;
    node_status(env->node, &st);
    *out = u256_from_u64(0);
    if (chain_gas_is_free(config, st.head_number + 1)) return true;
    *out = u256_from_u64(env->min_gas_price_wei);
    if (config->zero_base_fee) return true;
    struct snapshot s;
    if (!snapshot_begin(call, &s)) return false;
    err_t err = OK;
    u256_t tips[TIP_BLOCKS];
    size_t count = 0;
    for (uint64_t k = 0; k < TIP_BLOCKS && k <= s.head - s.oldest && err_ok(err); k++) {
        const size_t mark = arena_mark(call->arena);
        struct header h;
        struct receipt *receipts = NULL;
        size_t n = 0;
        err = blocks_header(s.txn, &h, s.head - k);
        if (err_ok(err) && h.gas_used > 0) {
            err = blocks_receipts(s.txn, &receipts, &n, call->arena, s.head - k);
        }
        if (err_ok(err) && n > 0) {
            u256_t *of_block = ARENA_ARRAY(call->arena, u256_t, n);
            if (of_block == NULL) break;
            for (size_t i = 0; i < n; i++) of_block[i] = tip_of(&receipts[i], &h);
            qsort(of_block, n, sizeof *of_block, by_value);
            tips[count++] = of_block[n / 2];
        }
        arena_rewind(call->arena, mark);
    }
    snapshot_close(&s);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    u256_t tip = u256_from_u64(DEFAULT_TIP_WEI);
    if (count > 0) {
        qsort(tips, count, sizeof *tips, by_value);
        tip = tips[count / 2];
    }
    if (u256_lt(out, &tip)) *out = tip;
    return true;
}

bool eth_max_priority_fee(struct rpc_call *call)
{
    u256_t tip;
    if (!suggest_tip(call, &tip)) return false;
    jw_qty256(&call->out, &tip);
    return true;
}

bool eth_gas_price(struct rpc_call *call)
{
    u256_t price;
    if (!suggest_tip(call, &price)) return false;
    struct node_status st;
    node_status(env_of(call)->node, &st);
    if (u256_add(&price, &price, &st.next_base_fee_wei)) price = st.next_base_fee_wei;
    jw_qty256(&call->out, &price);
    return true;
}

bool eth_blob_base_fee(struct rpc_call *call)
{
    jw_qty(&call->out, 1); // no blobs here: the least there is (EIP-4844)
    return true;
}

// ---- history ------------------------------------------------------------------------------

struct paid {
    u256_t tip;
    uint64_t gas;
};

static int by_tip(const void *a, const void *b)
{
    const struct paid *x = a;
    const struct paid *y = b;
    return u256_cmp(&x->tip, &y->tip);
}

static bool read_percentiles(struct rpc_call *call, double *out, size_t *count)
{
    *count = 0;
    if (!param_given(call, 2)) return true;
    const json_t *array = NULL;
    if (!param_array(call, 2, &array)) return false;
    if (json_array_size(array) > PERCENTILES_MAX) {
        return rpc_fail_limit(call, "percentiles", PERCENTILES_MAX, json_array_size(array));
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *v = json_array_get(array, i);
        const double p = json_number_value(v);
        if (!json_is_number(v) || p < 0 || p > 100 || (i > 0 && p < out[i - 1])) {
            return rpc_fail_param(call, "rewardPercentiles", "ascending numbers from 0 to 100",
                                  array);
        }
        out[(*count)++] = p;
    }
    return true;
}

/// One row of rewards: the tip at which each percentile of the block's gas is reached.
static err_t put_rewards(struct rpc_call *call, const struct snapshot *s, const struct header *h,
                         const double *percentiles, size_t count)
{
    struct json_writer *w = &call->out;
    struct receipt *receipts = NULL;
    size_t n = 0;
    if (h->gas_used > 0) TRY(blocks_receipts(s->txn, &receipts, &n, call->arena, h->number));
    struct paid *paid = ARENA_ARRAY(call->arena, struct paid, n);
    if (paid == NULL) return FAIL(FULL, "too many receipts");
    for (size_t i = 0; i < n; i++) {
        paid[i] = (struct paid){tip_of(&receipts[i], h), receipts[i].gas_used};
    }
    if (n > 0) qsort(paid, n, sizeof *paid, by_tip);
    jw_open(w, '[');
    size_t at = 0;
    uint64_t sum = n > 0 ? paid[0].gas : 0;
    for (size_t k = 0; k < count; k++) {
        const uint64_t want = (uint64_t)((double)h->gas_used * percentiles[k] / 100);
        while (sum < want && at + 1 < n) sum += paid[++at].gas;
        const u256_t tip = n > 0 ? paid[at].tip : u256_from_u64(0);
        jw_qty256(w, &tip);
    }
    jw_close(w, ']');
    return OK;
}

static void put_ratio(struct json_writer *w, uint64_t used, uint64_t limit)
{
    char text[32];
    const double ratio = limit == 0 ? 0.0 : (double)used / (double)limit;
    (void)snprintf(text, sizeof text, "%.10g", ratio);
    jw_raw(w, bytes_of_str(text));
}

bool eth_fee_history(struct rpc_call *call)
{
    uint64_t blocks = 0;
    struct block_ref ref;
    double percentiles[PERCENTILES_MAX];
    size_t percentile_count = 0;
    // Some libraries send the count as a plain number.
    const json_t *raw = param_at(call, 0);
    if (json_is_integer(raw) && json_integer_value(raw) >= 0) {
        blocks = (uint64_t)json_integer_value(raw);
    } else if (!param_u64(call, 0, &blocks)) {
        return false;
    }
    if (!param_block(call, 1, &ref) || !read_percentiles(call, percentiles, &percentile_count)) {
        return false;
    }
    struct snapshot s;
    bool found = false;
    if (!snapshot_begin(call, &s) || !snapshot_find(call, &s, &ref, &found)) return false;
    if (!found) {
        snapshot_close(&s);
        return rpc_fail(call, RPC_NOT_AVAILABLE, "resource not found: no such block");
    }
    const uint64_t newest = s.pending ? s.head : s.number;
    if (blocks > HISTORY_BLOCKS) blocks = HISTORY_BLOCKS;
    if (newest < s.oldest) {
        snapshot_close(&s);
        return rpc_fail_oldest(call, s.oldest);
    }
    // What is paid stands in receipts: no further back than there are some.
    if (blocks > newest + 1 - s.oldest) blocks = newest + 1 - s.oldest;
    const uint64_t oldest = newest + 1 - blocks;
    const struct chain_config *config = &node_genesis(env_of(call)->node)->config;

    struct json_writer *w = &call->out;
    struct header *headers = ARENA_ARRAY(call->arena, struct header, blocks);
    err_t err = headers == NULL ? FAIL(FULL, "too many blocks") : OK;
    for (uint64_t i = 0; i < blocks && err_ok(err); i++) {
        err = blocks_header(s.txn, &headers[i], oldest + i);
    }
    if (err_ok(err)) {
        jw_open(w, '{');
        jw_kv_qty(w, "oldestBlock", oldest);
        jw_key(w, "baseFeePerGas");
        jw_open(w, '[');
        for (uint64_t i = 0; i < blocks; i++) jw_qty256(w, &headers[i].base_fee_wei);
        if (blocks > 0) {
            const struct header *last = &headers[blocks - 1];
            const u256_t next = next_base_fee(config, last, last->timestamp_s);
            jw_qty256(w, &next);
        }
        jw_close(w, ']');
        jw_key(w, "gasUsedRatio");
        jw_open(w, '[');
        for (uint64_t i = 0; i < blocks; i++)
            put_ratio(w, headers[i].gas_used, headers[i].gas_limit);
        jw_close(w, ']');
        jw_key(w, "baseFeePerBlobGas");
        jw_open(w, '[');
        for (uint64_t i = 0; i < blocks + (blocks > 0); i++) jw_qty(w, 1);
        jw_close(w, ']');
        jw_key(w, "blobGasUsedRatio");
        jw_open(w, '[');
        for (uint64_t i = 0; i < blocks; i++) jw_int(w, 0);
        jw_close(w, ']');
        if (percentile_count > 0) {
            jw_key(w, "reward");
            jw_open(w, '[');
            for (uint64_t i = 0; i < blocks && err_ok(err); i++) {
                const size_t mark = arena_mark(call->arena);
                err = put_rewards(call, &s, &headers[i], percentiles, percentile_count);
                arena_rewind(call->arena, mark);
            }
            jw_close(w, ']');
        }
        jw_close(w, '}');
    }
    snapshot_close(&s);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}
