// SPDX-License-Identifier: Apache-2.0
/// eth_simulateV1: blocks of calls on top of a block, each seeing what the one before did. Shapes
/// and codes are those of execution-apis. The blocks follow the rules of this network but for its
/// consensus: no seals, extraData is empty.

#include "chain/crypto/digest.h"
#include "chain/crypto/keccak.h"
#include "chain/state/commit.h"
#include "chain/trie/list_root.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/eth_call.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/objects.h"
#include "rpc/ns/overrides.h"
#include "vm/trace.h"

#include <inttypes.h>

enum { BLOCKS_MAX = 256, CALLS_MAX = 5000, TIME_STEP_S = 12, EVENTS_MAX = 100000 };
enum {
    SIM_NONCE_LOW = -38010,
    SIM_NONCE_HIGH = -38011,
    SIM_BASE_FEE = -38012,
    SIM_INTRINSIC = -38013,
    SIM_FUNDS = -38014,
    SIM_BLOCK_GAS = -38015,
    SIM_BLOCK_ORDER = -38020,
    SIM_TIME_ORDER = -38021,
    SIM_NOT_EOA = -38024,
    SIM_INITCODE = -38025,
    SIM_LIMIT = -38026,
};

/// One call that was made.
struct sim_call {
    enum evm_status status;
    uint64_t gas_used;
    uint64_t gas_refund;
    bytes_t output;
    struct log_entry *logs;
    size_t log_count;
    const char *error;
    int error_code;
};

struct sim {
    struct rpc_call *call;
    struct call_site *site;
    struct call_slot slot;
    bool validation;
    bool transfers;
    bool full_txs;
    uint64_t gas_left; ///< of all calls together
    size_t call_count;

    // The chain so far: the base, then what was simulated.
    uint64_t base;
    hash_t hashes[BLOCKS_MAX]; ///< of base + 1 on
    size_t block_count;
    struct header parent;
    hash_t parent_hash;
    struct state_view under; ///< of the base

    // The block in progress.
    struct block block;
    struct block_ctx ctx;
    struct sim_call *calls;
    struct receipt *receipts;
};

// ---- transfers of ether as logs -----------------------------------------------------------

/// What a transaction did that becomes a log, in order: a transfer, or a log of its own.
struct sim_event {
    bool is_log;
    address_t from;
    address_t to;
    u256_t value;
};

struct sim_trace {
    struct arena *arena;
    struct sim_event *events;
    size_t count;
    size_t starts[1025]; ///< where each open frame began
    unsigned depth;
    bool full;
};

static void trace_event(struct sim_trace *t, const struct sim_event *e)
{
    if (t->count == EVENTS_MAX)
        t->full = true;
    else
        t->events[t->count++] = *e;
}

static void trace_enter(void *ctx, const struct trace_enter *e)
{
    struct sim_trace *t = ctx;
    if (t->depth < ARRAY_LEN(t->starts)) t->starts[t->depth] = t->count;
    t->depth++;
    const bool moves = e->kind == TRACE_CALL || e->kind == TRACE_CREATE ||
                       e->kind == TRACE_CREATE2 || e->kind == TRACE_SELFDESTRUCT;
    if (!moves || u256_is_zero(e->value_wei)) return;
    trace_event(t, &(struct sim_event){false, *e->from, *e->to, *e->value_wei});
}

static void trace_leave(void *ctx, const struct trace_leave *l)
{
    struct sim_trace *t = ctx;
    t->depth--;
    if (l->status != EVM_SUCCESS && t->depth < ARRAY_LEN(t->starts)) t->count = t->starts[t->depth];
}

static void trace_step(void *ctx, const struct trace_step *s)
{
    // One that fails takes its frame with it.
    if (s->op >= 0xa0 && s->op <= 0xa4) trace_event(ctx, &(struct sim_event){.is_log = true});
}

/// The logs with the transfers between them, where they happened.
static bool merge_transfers(struct rpc_call *call, struct sim_call *out, const struct sim_trace *t)
{
    static const address_t ether = {{0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
                                     0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee}};
    struct log_entry *all = ARENA_ARRAY(call->arena, struct log_entry, t->count);
    if (all == NULL || t->full)
        return rpc_fail_limit(call, "transfers and logs", EVENTS_MAX, EVENTS_MAX + 1);
    const hash_t transfer = keccak256(LIT("Transfer(address,address,uint256)"));
    size_t next_log = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct sim_event *e = &t->events[i];
        if (e->is_log) {
            check(next_log < out->log_count);
            all[i] = out->logs[next_log++];
            continue;
        }
        all[i] = (struct log_entry){.address = ether, .topic_count = 3};
        all[i].topics[0] = transfer;
        memcpy(all[i].topics[1].b + 12, e->from.b, sizeof e->from.b);
        memcpy(all[i].topics[2].b + 12, e->to.b, sizeof e->to.b);
        const hash_t value = u256_to_hash(&e->value);
        bool full = false;
        all[i].data = arena_copy(call->arena, BYTES_OF(value.b), &full);
        if (full) return rpc_fail_limit(call, "request memory", call->arena->cap, sizeof value);
    }
    out->logs = all;
    out->log_count = t->count;
    return true;
}

// ---- the world ----------------------------------------------------------------------------

static err_t sim_account(void *ctx, struct account *out, bool *exists, const address_t *a)
{
    const struct sim *s = ctx;
    return s->under.account(s->under.ctx, out, exists, a);
}

static err_t sim_slot(void *ctx, u256_t *out, const address_t *a, const hash_t *key)
{
    const struct sim *s = ctx;
    return s->under.slot(s->under.ctx, out, a, key);
}

static err_t sim_code(void *ctx, bytes_t *out, const hash_t *code_hash)
{
    const struct sim *s = ctx;
    return s->under.code(s->under.ctx, out, code_hash);
}

/// BLOCKHASH also of what was simulated.
static err_t sim_block_hash(void *ctx, hash_t *out, uint64_t number)
{
    const struct sim *s = ctx;
    if (number > s->base && number - s->base <= s->block_count) {
        *out = s->hashes[number - s->base - 1];
        return OK;
    }
    return s->under.block_hash(s->under.ctx, out, number);
}

// ---- one call -----------------------------------------------------------------------------

static int code_of(enum tx_validity v)
{
    switch (v) {
    case TX_NONCE_TOO_LOW:
        return SIM_NONCE_LOW;
    case TX_NONCE_TOO_HIGH:
    case TX_NONCE_IS_MAX:
        return SIM_NONCE_HIGH;
    case TX_MAX_FEE_BELOW_BASE_FEE:
        return SIM_BASE_FEE;
    case TX_INTRINSIC_GAS_TOO_LOW:
    case TX_FLOOR_GAS_TOO_LOW:
        return SIM_INTRINSIC;
    case TX_INSUFFICIENT_FUNDS:
        return SIM_FUNDS;
    case TX_GAS_EXCEEDS_BLOCK:
        return SIM_BLOCK_GAS;
    case TX_SENDER_NOT_EOA:
        return SIM_NOT_EOA;
    case TX_INITCODE_TOO_LARGE:
        return SIM_INITCODE;
    case TX_VALID:
    case TX_TYPE_NOT_SUPPORTED:
    case TX_WRONG_CHAIN_ID:
    case TX_BAD_SIGNATURE:
    case TX_PRIORITY_ABOVE_MAX_FEE:
    case TX_GAS_PRICE_OVERFLOW:
    case TX_EMPTY_AUTHORIZATION_LIST:
    case TX_SET_CODE_CREATES:
    case TX_GAS_PRICE_NOT_ZERO:
        return RPC_INVALID_PARAMS;
    }
    unreachable("validity");
}

/// Reads a call and fills in what it leaves out.
static bool read_call(struct sim *s, struct tx *tx, const json_t *object)
{
    struct rpc_call *call = s->call;
    bool has_gas = false;
    bool has_nonce = false;
    if (!json_is_object(object)) return rpc_fail_param(call, "calls", "call objects", object);
    if (!call_read_object(call, tx, object, &has_gas, &has_nonce)) return false;
    if (tx->type == TX_LEGACY && json_object_get(object, "gasPrice") == NULL)
        tx->type = TX_DYNAMIC_FEE;
    const uint64_t room = s->block.header.gas_limit - s->block.header.gas_used;
    if (!has_gas) tx->gas_limit = room < s->gas_left ? room : s->gas_left;
    if (tx->gas_limit > room) {
        return rpc_fail(call, SIM_BLOCK_GAS, "block gas limit reached: %" PRIu64 " >= %" PRIu64,
                        s->block.header.gas_used, s->block.header.gas_limit);
    }
    if (!has_nonce) {
        const struct state_view now = overlay_as_view(s->slot.world);
        struct account a;
        bool exists = false;
        const err_t err = now.account(now.ctx, &a, &exists, &tx->sender);
        if (!err_ok(err)) return rpc_fail_err(call, err);
        tx->nonce = exists ? a.nonce : 0;
    }
    struct buf raw;
    bool full = false;
    buf_init(&raw, (size_t)32 << 20);
    tx_encode(&raw, tx);
    tx->raw = arena_copy(call->arena, buf_bytes(&raw), &full);
    full = full || raw.full;
    buf_deinit(&raw);
    tx->hash = keccak256(tx->raw);
    return !full || rpc_fail_limit(call, "request memory", call->arena->cap, tx->data.len);
}

static bool out_of_time(void *ctx)
{
    const struct rpc_call *call = ctx;
    return rpc_now_ms() >= call->deadline_ms;
}

static bool execute(struct sim *s, struct tx_result *result, const struct tx *tx,
                    struct sim_trace *trace)
{
    const struct trace_hooks hooks = {
        .step = trace_step, .enter = trace_enter, .leave = trace_leave, .ctx = trace};
    const bool checks = s->validation;
    const struct call_mode mode = {.skip_nonce = !checks,
                                   .skip_balance = !checks && u256_is_zero(&tx->max_fee_per_gas),
                                   .skip_sender_code = true,
                                   .skip_base_fee = !checks,
                                   .cancelled = out_of_time,
                                   .cancelled_ctx = s->call};
    memset(result, 0, sizeof *result);
    vm_set_trace(s->slot.vm, s->transfers ? &hooks : NULL);
    const err_t err = tx_execute(result, s->slot.vm, s->slot.world, &s->ctx, tx, UINT64_MAX, &mode);
    vm_set_trace(s->slot.vm, NULL);
    if (!err_ok(err)) return rpc_fail_err(s->call, err);
    if (result->validity != TX_VALID) {
        return rpc_fail(s->call, code_of(result->validity), "%s",
                        rpc_validity_text(result->validity));
    }
    if (result->status == EVM_CANCELLED || out_of_time(s->call)) {
        return rpc_fail_limit(s->call, "call milliseconds", env_of(s->call)->limits.call_time_ms,
                              env_of(s->call)->limits.call_time_ms);
    }
    return true;
}

/// Keeps the result beyond the next execution.
static bool keep_result(struct sim *s, struct sim_call *out, const struct tx_result *r)
{
    struct arena *arena = s->call->arena;
    bool full = false;
    *out = (struct sim_call){.status = r->status,
                             .gas_used = r->gas_used,
                             .gas_refund = r->gas_refund,
                             .log_count = r->log_count};
    out->output = arena_copy(arena, r->output, &full);
    out->logs = ARENA_ARRAY(arena, struct log_entry, r->log_count);
    for (size_t i = 0; i < r->log_count && out->logs != NULL; i++) {
        out->logs[i] = r->logs[i];
        out->logs[i].data = arena_copy(arena, r->logs[i].data, &full);
    }
    if (full || out->logs == NULL)
        return rpc_fail_limit(s->call, "request memory", arena->cap, r->output.len);
    if (r->status == EVM_SUCCESS) return true;
    // The words are those of eth_call's error.
    (void)rpc_fail_execution(s->call, r);
    out->error_code = s->call->error.code;
    const bytes_t words = arena_copy(
        arena, bytes_make(s->call->error.message, strlen(s->call->error.message) + 1), &full);
    out->error = full ? "" : (const char *)words.data;
    memset(&s->call->error, 0, sizeof s->call->error);
    return true;
}

static bool run_call(struct sim *s, const json_t *object)
{
    struct block *b = &s->block;
    struct tx *tx = &b->txs[b->tx_count];
    struct sim_call *done = &s->calls[b->tx_count];
    struct tx_result result;
    struct sim_trace *trace = NULL;
    if (s->transfers) {
        trace = ARENA_NEW(s->call->arena, struct sim_trace);
        if (trace != NULL)
            trace->events = ARENA_ARRAY(s->call->arena, struct sim_event, EVENTS_MAX);
        if (trace == NULL || trace->events == NULL)
            return rpc_fail_limit(s->call, "request memory", s->call->arena->cap, EVENTS_MAX);
    }
    if (!read_call(s, tx, object) || !execute(s, &result, tx, trace) ||
        !keep_result(s, done, &result) ||
        (s->transfers && !merge_transfers(s->call, done, trace))) {
        return false;
    }
    b->header.gas_used += result.gas_used;
    s->gas_left -= result.gas_used < s->gas_left ? result.gas_used : s->gas_left;
    struct receipt *r = &s->receipts[b->tx_count];
    *r = (struct receipt){.type = tx->type,
                          .has_status = true,
                          .succeeded = result.status == EVM_SUCCESS,
                          .cumulative_gas_used = b->header.gas_used,
                          .logs = done->logs,
                          .log_count = done->log_count};
    for (size_t i = 0; i < r->log_count; i++) {
        bloom_add_log(&r->bloom, &r->logs[i]);
        bloom_add_log(&b->header.logs_bloom, &r->logs[i]);
    }
    b->tx_count++;
    return true;
}

// ---- one block ----------------------------------------------------------------------------

static err_t seal_roots(struct sim *s)
{
    struct arena *arena = s->call->arena;
    struct block *b = &s->block;
    struct header *h = &b->header;
    bytes_t *values = ARENA_ARRAY(arena, bytes_t, b->tx_count);
    if (values == NULL) return FAIL(FULL, "no memory left for this query");
    for (size_t i = 0; i < b->tx_count; i++) values[i] = b->txs[i].raw;
    TRY(list_root(&h->transactions_root, arena, values, b->tx_count));
    const struct block_exec x = {.receipts = s->receipts, .receipt_count = b->tx_count};
    TRY(block_exec_receipts_root(&h->receipts_root, &x, arena));
    // The trie is the head's: on an older block only what follows from the calls is computed.
    if (s->site->snapshot.number != s->site->snapshot.head) return OK;
    struct state_diff diff;
    struct state_update *update = NULL;
    TRY(overlay_diff(&diff, arena, s->slot.world));
    return state_apply(&update, &h->state_root, arena, s->site->snapshot.txn, &diff, NULL);
}

static void put_call(struct sim *s, size_t index, uint64_t *log_index)
{
    struct json_writer *w = &s->call->out;
    const struct sim_call *c = &s->calls[index];
    const struct object_place place = {.block_hash = &s->block.hash,
                                       .block_number = s->block.header.number,
                                       .timestamp_s = s->block.header.timestamp_s,
                                       .tx_index = index};
    jw_open(w, '{');
    jw_kv_data(w, "returnData", c->output);
    jw_key(w, "logs");
    jw_open(w, '[');
    for (size_t i = 0; i < c->log_count; i++)
        object_log(w, &c->logs[i], &place, &s->block.txs[index].hash, (*log_index)++);
    jw_close(w, ']');
    jw_kv_qty(w, "gasUsed", c->gas_used);
    jw_kv_qty(w, "maxUsedGas", c->gas_used + c->gas_refund);
    jw_kv_qty(w, "status", c->status == EVM_SUCCESS);
    if (c->status != EVM_SUCCESS) {
        jw_key(w, "error");
        jw_open(w, '{');
        jw_kv_int(w, "code", c->error_code);
        jw_kv_str(w, "message", c->error);
        if (c->status == EVM_REVERT) jw_kv_data(w, "data", c->output);
        jw_close(w, '}');
    }
    jw_close(w, '}');
}

/// How many fields a header has, by the rules in force.
static unsigned fields_of(enum revision rev)
{
    if (rev >= REV_PRAGUE) return HEADER_FIELDS_PRAGUE;
    if (rev >= REV_CANCUN) return HEADER_FIELDS_CANCUN;
    if (rev >= REV_SHANGHAI) return HEADER_FIELDS_SHANGHAI;
    return rev >= REV_LONDON ? HEADER_FIELDS_LONDON : 15;
}

/// The header before its calls: the parent's successor as the overrides change it.
static bool begin_block(struct sim *s, const json_t *overrides, uint64_t number)
{
    const struct chain_config *config = &node_genesis(env_of(s->call)->node)->config;
    const struct header *parent = &s->parent;
    struct header *h = &s->block.header;
    const uint64_t time_s = parent->timestamp_s + TIME_STEP_S;
    const enum revision rev = chain_revision(config, number, time_s);
    *h = (struct header){.parent_hash = s->parent_hash,
                         .ommers_hash = KECCAK_RLP_LIST,
                         .coinbase = parent->coinbase,
                         .difficulty = parent->difficulty,
                         .number = number,
                         .gas_limit = parent->gas_limit,
                         .timestamp_s = time_s,
                         .field_count = fields_of(rev)};
    if (rev >= REV_LONDON && s->validation) h->base_fee_wei = next_base_fee(config, parent, time_s);
    if (rev >= REV_SHANGHAI) h->withdrawals_root = KECCAK_RLP_NULL;
    if (rev >= REV_PRAGUE) h->requests_hash = sha256(BYTES_NONE);
    block_ctx_of_header(&s->ctx, config, h);
    if (overrides != NULL && !block_overrides_apply(s->call, &s->ctx, overrides)) return false;
    if (s->ctx.timestamp_s <= parent->timestamp_s) {
        return rpc_fail(s->call, SIM_TIME_ORDER,
                        "block timestamps must be in order: %" PRIu64 " <= %" PRIu64,
                        s->ctx.timestamp_s, parent->timestamp_s);
    }
    h->number = s->ctx.number;
    h->timestamp_s = s->ctx.timestamp_s;
    h->gas_limit = s->ctx.gas_limit;
    h->coinbase = s->ctx.coinbase;
    s->ctx.fee_recipient = s->ctx.coinbase;
    h->base_fee_wei = s->ctx.base_fee_wei;
    h->mix_hash = s->ctx.prev_randao;
    h->difficulty = s->ctx.difficulty;
    s->block.ommers = LIT("\xc0");
    s->block.has_withdrawals = h->field_count >= HEADER_FIELDS_SHANGHAI;
    return true;
}

static bool end_block(struct sim *s)
{
    const err_t err = seal_roots(s);
    if (!err_ok(err)) return rpc_fail_err(s->call, err);
    s->block.hash = header_hash_plain(&s->block.header);
    struct json_writer *w = &s->call->out;
    object_block_open(w, &s->block, s->full_txs);
    jw_key(w, "calls");
    jw_open(w, '[');
    uint64_t log_index = 0;
    for (size_t i = 0; i < s->block.tx_count; i++) put_call(s, i, &log_index);
    jw_close(w, ']');
    jw_close(w, '}');
    s->hashes[s->block_count++] = s->block.hash;
    s->parent = s->block.header;
    s->parent_hash = s->block.hash;
    return true;
}

static bool run_block(struct sim *s, const json_t *overrides, const json_t *state,
                      const json_t *calls, uint64_t number)
{
    const size_t count = json_array_size(calls);
    struct arena *arena = s->call->arena;
    s->call_count += count;
    if (s->call_count > CALLS_MAX)
        return rpc_fail(s->call, SIM_LIMIT, "too many calls: at most %d", CALLS_MAX);
    memset(&s->block, 0, sizeof s->block);
    s->block.txs = ARENA_ARRAY(arena, struct tx, count);
    s->calls = ARENA_ARRAY(arena, struct sim_call, count);
    s->receipts = ARENA_ARRAY(arena, struct receipt, count);
    if (s->block.txs == NULL || s->calls == NULL || s->receipts == NULL)
        return rpc_fail_limit(s->call, "request memory", arena->cap, count);
    if (!begin_block(s, overrides, number)) return false;
    if (state != NULL && !state_overrides_put(s->call, s->slot.world, state)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!run_call(s, json_array_get(calls, i))) return false;
    }
    return end_block(s);
}

// ---- all blocks ---------------------------------------------------------------------------

/// A member that must be an object (or array) if it is there.
static bool member(struct rpc_call *call, const json_t *o, const char *name, bool array,
                   const json_t **out)
{
    const json_t *v = json_object_get(o, name);
    *out = json_is_null(v) ? NULL : v;
    if (*out == NULL) return true;
    return (array ? json_is_array(v) : json_is_object(v)) ||
           rpc_fail_param(call, name, array ? "an array" : "an object", v);
}

static bool run_entry(struct sim *s, const json_t *entry)
{
    static const char *const known[] = {"blockOverrides", "stateOverrides", "calls", NULL};
    struct rpc_call *call = s->call;
    const json_t *overrides = NULL;
    const json_t *state = NULL;
    const json_t *calls = NULL;
    if (!json_is_object(entry)) return rpc_fail_param(call, "blockStateCalls", "objects", entry);
    if (!object_only(call, entry, "blockStateCalls", known) ||
        !member(call, entry, "blockOverrides", false, &overrides) ||
        !member(call, entry, "stateOverrides", false, &state) ||
        !member(call, entry, "calls", true, &calls)) {
        return false;
    }
    uint64_t number = s->parent.number + 1;
    const json_t *given = json_object_get(overrides, "number");
    if (given != NULL && !value_u64(call, given, "number", &number)) return false;
    if (number <= s->parent.number) {
        return rpc_fail(call, SIM_BLOCK_ORDER,
                        "block numbers must be in order: %" PRIu64 " <= %" PRIu64, number,
                        s->parent.number);
    }
    if (number - s->base > BLOCKS_MAX)
        return rpc_fail(call, SIM_LIMIT, "too many blocks: at most %d", BLOCKS_MAX);
    while (s->parent.number + 1 < number) { // what lies between is empty
        if (!run_block(s, NULL, NULL, NULL, s->parent.number + 1)) return false;
    }
    return run_block(s, overrides, state, calls, number);
}

static bool read_flag(struct rpc_call *call, const json_t *o, const char *name, bool *out)
{
    const json_t *v = json_object_get(o, name);
    return v == NULL || json_is_null(v) || value_bool(call, v, name, out);
}

static bool run_payload(struct sim *s, const json_t *payload)
{
    static const char *const known[] = {"blockStateCalls", "traceTransfers", "validation",
                                        "returnFullTransactions", NULL};
    struct rpc_call *call = s->call;
    const json_t *entries = NULL;
    if (!object_only(call, payload, "payload", known) ||
        !member(call, payload, "blockStateCalls", true, &entries) ||
        !read_flag(call, payload, "traceTransfers", &s->transfers) ||
        !read_flag(call, payload, "validation", &s->validation) ||
        !read_flag(call, payload, "returnFullTransactions", &s->full_txs)) {
        return false;
    }
    const size_t count = json_array_size(entries);
    if (count == 0) return rpc_fail_param(call, "blockStateCalls", "at least one block", entries);
    if (count > BLOCKS_MAX)
        return rpc_fail(call, SIM_LIMIT, "too many blocks: at most %d", BLOCKS_MAX);
    const struct state_view view = {sim_account, sim_slot, sim_code, sim_block_hash, s};
    overlay_reset(s->slot.world, &view);
    jw_open(&call->out, '[');
    for (size_t i = 0; i < count; i++) {
        if (!run_entry(s, json_array_get(entries, i))) return false;
    }
    jw_close(&call->out, ']');
    return true;
}

bool eth_simulate(struct rpc_call *call)
{
    const json_t *payload = NULL;
    struct block_ref ref;
    struct call_site site;
    if (!param_object(call, 0, &payload) || !param_block(call, 1, &ref)) return false;
    if (ref.kind == BLOCK_PENDING) ref.kind = BLOCK_LATEST;
    struct sim *s = ARENA_NEW(call->arena, struct sim);
    if (s == NULL) return rpc_fail_limit(call, "request memory", call->arena->cap, sizeof *s);
    if (!call_pool_take(call, &s->slot)) return false;
    bool ok = call_site_at(call, &site, &ref);
    if (ok) {
        s->call = call;
        s->site = &site;
        s->under = site.view;
        s->base = site.snapshot.number;
        s->parent = site.snapshot.header;
        s->parent_hash = site.snapshot.hash;
        s->gas_left = env_of(call)->limits.call_gas;
        ok = run_payload(s, payload);
        overlay_reset(s->slot.world, &site.view);
        call_site_close(&site);
    }
    call_pool_give(env_of(call)->calls, &s->slot);
    return ok;
}
