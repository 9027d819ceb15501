// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/eth_call.h"

#include "chain/codec/ethjson.h"
#include "chain/crypto/keccak.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/overrides.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { WAITING_MAX = 64, SLOTS_MAX = 64 };
#define WORLD_MAX ((size_t)128 << 20)

// ---- interpreters -------------------------------------------------------------------------

struct call_pool {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct call_slot slots[SLOTS_MAX];
    bool taken[SLOTS_MAX];
    unsigned size;
    unsigned waiting;
};

/// Nothing may be read before a slot is reset to its view.
static err_t no_account(void *ctx, struct account *out, bool *exists, const address_t *address)
{
    (void)ctx;
    (void)address;
    *out = account_none();
    *exists = false;
    return OK;
}

static err_t no_slot(void *ctx, u256_t *out, const address_t *address, const hash_t *key)
{
    (void)ctx;
    (void)address;
    (void)key;
    *out = u256_from_u64(0);
    return OK;
}

static err_t no_code(void *ctx, bytes_t *out, const hash_t *code_hash)
{
    (void)ctx;
    (void)out;
    (void)code_hash;
    return FAIL(CORRUPT, "no code in an empty world");
}

static err_t no_block_hash(void *ctx, hash_t *out, uint64_t number)
{
    (void)ctx;
    (void)number;
    memset(out, 0, sizeof *out);
    return OK;
}

static const struct state_view empty_view = {no_account, no_slot, no_code, no_block_hash, NULL};

err_t call_pool_new(struct call_pool **out, unsigned size)
{
    struct call_pool *p = calloc(1, sizeof *p);
    if (p == NULL) return FAIL(FULL, "rpc: out of memory");
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->freed, &attr);
    pthread_condattr_destroy(&attr);
    p->size = size < 1 ? 1 : size > SLOTS_MAX ? SLOTS_MAX : size;
    for (unsigned i = 0; i < p->size; i++) {
        err_t err = vm_new(&p->slots[i].vm);
        if (err_ok(err)) err = overlay_new(&p->slots[i].world, &empty_view, WORLD_MAX);
        if (!err_ok(err)) {
            call_pool_free(p);
            return err;
        }
    }
    *out = p;
    return OK;
}

void call_pool_free(struct call_pool *p)
{
    if (p == NULL) return;
    for (unsigned i = 0; i < p->size; i++) {
        if (p->slots[i].world != NULL) overlay_free(p->slots[i].world);
        if (p->slots[i].vm != NULL) vm_free(p->slots[i].vm);
    }
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

bool call_pool_take(struct rpc_call *call, struct call_slot *out)
{
    struct call_pool *p = env_of(call)->calls;
    const struct timespec until = {.tv_sec = (time_t)(call->deadline_ms / 1000),
                                   .tv_nsec = (long)(call->deadline_ms % 1000) * 1000000};
    bool got = false;
    pthread_mutex_lock(&p->lock);
    if (p->waiting < WAITING_MAX) {
        p->waiting++;
        for (int rc = 0; !got && rc == 0;) {
            for (unsigned i = 0; i < p->size && !got; i++) {
                if (p->taken[i]) continue;
                p->taken[i] = got = true;
                *out = p->slots[i];
            }
            if (!got) rc = pthread_cond_timedwait(&p->freed, &p->lock, &until);
        }
        p->waiting--;
    }
    pthread_mutex_unlock(&p->lock);
    if (got) return true;
    rpc_fail(call, RPC_LIMIT, "limit exceeded: too many calls are being executed");
    call->error.data = "{\"limit\":\"calls\",\"retryAfter\":1}";
    return false;
}

void call_pool_give(struct call_pool *p, const struct call_slot *slot)
{
    overlay_reset(slot->world, &empty_view);
    pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < p->size; i++) {
        if (p->slots[i].vm == slot->vm) p->taken[i] = false;
    }
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

// ---- where to execute ---------------------------------------------------------------------

/// The block after the head, as it would be if it were made now.
static void pending_context(struct rpc_call *call, struct call_site *site)
{
    struct rpc_env *env = env_of(call);
    const struct chain_config *config = &node_genesis(env->node)->config;
    struct header next = site->snapshot.header;
    next.number = site->snapshot.number;
    const uint64_t now = (uint64_t)time(NULL);
    if (now > next.timestamp_s) next.timestamp_s = now;
    next.base_fee_wei = next_base_fee(config, &site->snapshot.header, next.timestamp_s);
    block_ctx_of_header(&site->block, config, &next);
}

bool call_site_at(struct rpc_call *call, struct call_site *site, const struct block_ref *ref)
{
    memset(site, 0, sizeof *site);
    if (!snapshot_open_state(call, &site->snapshot, ref)) return false;
    site->view = site->snapshot.view;
    const struct chain_config *config = &node_genesis(env_of(call)->node)->config;
    if (site->snapshot.pending)
        pending_context(call, site);
    else
        block_ctx_of_header(&site->block, config, &site->snapshot.header);
    return true;
}

bool call_site_open(struct rpc_call *call, struct call_site *site, size_t block_index,
                    size_t state_index, size_t block_override_index)
{
    struct block_ref ref;
    if (!param_block(call, block_index, &ref) || !call_site_at(call, site, &ref)) return false;
    const json_t *object = NULL;
    bool ok = true;
    if (param_given(call, state_index)) {
        ok = param_object(call, state_index, &object) &&
             state_overrides_read(call, &site->overrides, object, &site->snapshot.view);
        if (ok) site->view = state_overrides_view(site->overrides);
    }
    if (ok && param_given(call, block_override_index)) {
        ok = param_object(call, block_override_index, &object) &&
             block_overrides_apply(call, &site->block, object);
    }
    if (!ok) call_site_close(site);
    return ok;
}

void call_site_close(struct call_site *site)
{
    snapshot_close(&site->snapshot);
}

// ---- executing ----------------------------------------------------------------------------

static bool out_of_time(void *ctx)
{
    const uint64_t *deadline_ms = ctx;
    return rpc_now_ms() >= *deadline_ms;
}

bool call_execute(struct rpc_call *call, struct tx_result *result, const struct call_slot *slot,
                  const struct call_site *site, const struct tx *message)
{
    overlay_reset(slot->world, &site->view);
    return call_execute_on(call, result, slot, site, message);
}

bool call_execute_on(struct rpc_call *call, struct tx_result *result, const struct call_slot *slot,
                     const struct call_site *site, const struct tx *message)
{
    const bool free_gas = u256_is_zero(&message->max_fee_per_gas);
    const struct call_mode mode = {
        .skip_nonce = true,
        .skip_balance = free_gas,
        .skip_sender_code = true,
        .skip_base_fee = free_gas,
        .cancelled = out_of_time,
        .cancelled_ctx = &call->deadline_ms,
    };
    memset(result, 0, sizeof *result);
    const err_t err =
        tx_execute(result, slot->vm, slot->world, &site->block, message, UINT64_MAX, &mode);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    if (result->validity == TX_VALID && result->status == EVM_CANCELLED) {
        return rpc_fail_limit(call, "call milliseconds", env_of(call)->limits.call_time_ms,
                              env_of(call)->limits.call_time_ms);
    }
    return true;
}

bool call_view(struct rpc_call *call, bytes_t *out, const struct call_slot *slot,
               const struct call_site *site, const address_t *to, bytes_t data)
{
    const struct tx message = {
        .type = TX_LEGACY,
        .gas_limit = env_of(call)->limits.call_gas,
        .to = *to,
        .data = data,
        .has_sender = true,
    };
    struct tx_result result;
    if (!call_execute(call, &result, slot, site, &message)) return false;
    if (result.validity != TX_VALID || result.status != EVM_SUCCESS) {
        return rpc_fail_execution(call, &result);
    }
    bool full = false;
    *out = arena_copy(call->arena, result.output, &full);
    return !full || rpc_fail_limit(call, "request memory", call->arena->cap, result.output.len);
}

bool call_read_message(struct rpc_call *call, struct tx *out, bool *has_gas)
{
    const json_t *object = NULL;
    bool has_nonce = false;
    return param_object(call, 0, &object) &&
           call_read_object(call, out, object, has_gas, &has_nonce);
}

bool call_read_object(struct rpc_call *call, struct tx *out, const json_t *object, bool *has_gas,
                      bool *has_nonce)
{
    struct call_object c;
    struct ethjson_detail detail = {""};
    const err_t err = ethjson_read_call(&c, call->arena, object, &detail);
    if (!err_ok(err)) {
        return rpc_fail_param(call, "call", detail.text[0] != 0 ? detail.text : err_text(err),
                              object);
    }
    const struct chain_config *config = &node_genesis(env_of(call)->node)->config;
    if (c.has_chain_id && c.chain_id != config->chain_id) {
        return rpc_fail_param(call, "call.chainId", "this network's chain id", object);
    }
    const uint64_t cap = env_of(call)->limits.call_gas;
    memset(out, 0, sizeof *out);
    out->type = c.authorization_count > 0                 ? TX_SET_CODE
                : c.has_max_fee || c.has_max_priority_fee ? TX_DYNAMIC_FEE
                : c.has_access_list                       ? TX_ACCESS_LIST
                                                          : TX_LEGACY;
    out->has_chain_id = true;
    out->chain_id = config->chain_id;
    out->nonce = c.nonce;
    if (c.has_max_fee || c.has_max_priority_fee) {
        out->max_fee_per_gas = c.has_max_fee ? c.max_fee_per_gas : c.max_priority_fee_per_gas;
        out->max_priority_fee_per_gas = c.max_priority_fee_per_gas;
    } else {
        out->max_fee_per_gas = out->max_priority_fee_per_gas = c.gas_price;
    }
    *has_gas = c.has_gas;
    *has_nonce = c.has_nonce;
    out->gas_limit = c.has_gas && c.gas < cap ? c.gas : cap;
    out->is_create = !c.has_to;
    out->to = c.to;
    out->value_wei = c.value_wei;
    out->data = c.data;
    out->access_list = c.access_list;
    out->access_count = c.access_count;
    out->authorizations = c.authorizations;
    out->authorization_count = c.authorization_count;
    out->has_sender = true;
    out->sender = c.from;
    return true;
}

bool eth_call(struct rpc_call *call)
{
    struct tx message = {.type = TX_LEGACY};
    bool has_gas = false;
    struct call_site site;
    struct call_slot slot;
    if (!call_read_message(call, &message, &has_gas) || !call_pool_take(call, &slot)) return false;
    bool ok = call_site_open(call, &site, 1, 2, 3);
    if (ok) {
        struct tx_result result;
        ok = call_execute(call, &result, &slot, &site, &message);
        if (ok && (result.validity != TX_VALID || result.status != EVM_SUCCESS)) {
            ok = rpc_fail_execution(call, &result);
        }
        if (ok) jw_data(&call->out, result.output);
        call_site_close(&site);
    }
    call_pool_give(env_of(call)->calls, &slot);
    return ok;
}

// ---- estimating ---------------------------------------------------------------------------

/// True if the message succeeds with this much gas. Too little for the intrinsic cost counts
/// as failing, everything else that makes it invalid is an error whatever the gas.
static bool try_gas(struct rpc_call *call, bool *succeeds, struct tx_result *result,
                    const struct call_slot *slot, const struct call_site *site, struct tx *message,
                    uint64_t gas)
{
    message->gas_limit = gas;
    if (!call_execute(call, result, slot, site, message)) return false;
    const bool too_little =
        result->validity == TX_INTRINSIC_GAS_TOO_LOW || result->validity == TX_FLOOR_GAS_TOO_LOW;
    if (result->validity != TX_VALID && !too_little) return rpc_fail_execution(call, result);
    *succeeds = result->validity == TX_VALID && result->status == EVM_SUCCESS;
    return true;
}

/// What the sender can pay for, if it pays at all.
static bool affordable_gas(struct rpc_call *call, uint64_t *most, const struct call_site *site,
                           const struct tx *message)
{
    if (u256_is_zero(&message->max_fee_per_gas)) return true;
    struct account a;
    bool exists = false;
    const err_t err = site->view.account(site->view.ctx, &a, &exists, &message->sender);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    u256_t left = {{0}};
    if (!u256_sub_checked(&left, &a.balance_wei, &message->value_wei)) {
        return rpc_fail(call, RPC_SERVER, "insufficient funds for gas * price + value");
    }
    u256_t gas = {{0}};
    u256_divmod(&gas, NULL, &left, &message->max_fee_per_gas);
    if (u256_fits_u64(&gas) && gas.limb[0] < *most) *most = gas.limb[0];
    return true;
}

/// The least gas with which the message succeeds: by halving, after a good first guess.
static bool estimate(struct rpc_call *call, uint64_t *out, const struct call_slot *slot,
                     const struct call_site *site, struct tx *message, uint64_t most)
{
    struct tx_result result;
    bool succeeds = false;
    if (!affordable_gas(call, &most, site, message)) return false;
    if (!try_gas(call, &succeeds, &result, slot, site, message, most)) return false;
    if (!succeeds) {
        if (result.validity == TX_VALID && result.status == EVM_OUT_OF_GAS) {
            return rpc_fail(call, RPC_EXECUTION_FAILED,
                            "out of gas: gas required exceeds allowance (%llu)",
                            (unsigned long long)most);
        }
        return rpc_fail_execution(call, &result);
    }
    uint64_t fails = result.gas_used - 1; // before refunds it took at least this much
    uint64_t works = most;
    // Calls pass on 63/64 of the gas: what the run used, refund included, is mostly enough
    // with a little on top.
    const uint64_t guess = (result.gas_used + result.gas_refund + 2300) / 63 * 64 + 64;
    if (guess < works && guess > fails) {
        if (!try_gas(call, &succeeds, &result, slot, site, message, guess)) return false;
        if (succeeds)
            works = guess;
        else
            fails = guess;
    }
    while (fails + 1 < works) {
        const uint64_t mid = fails + (works - fails) / 2;
        if (!try_gas(call, &succeeds, &result, slot, site, message, mid)) return false;
        if (succeeds)
            works = mid;
        else
            fails = mid;
    }
    *out = works;
    return true;
}

bool eth_estimate_gas(struct rpc_call *call)
{
    struct tx message = {.type = TX_LEGACY};
    bool has_gas = false;
    struct call_site site;
    struct call_slot slot;
    if (!call_read_message(call, &message, &has_gas) || !call_pool_take(call, &slot)) return false;
    bool ok = call_site_open(call, &site, 1, 2, 3);
    if (ok) {
        uint64_t most = message.gas_limit;
        if (!has_gas && site.block.gas_limit < most) most = site.block.gas_limit;
        uint64_t gas = 0;
        ok = estimate(call, &gas, &slot, &site, &message, most);
        if (ok) jw_qty(&call->out, gas);
        call_site_close(&site);
    }
    call_pool_give(env_of(call)->calls, &slot);
    return ok;
}
