// SPDX-License-Identifier: Apache-2.0
#include "vm/block_exec.h"

#include "chain/base/endian.h"
#include "chain/crypto/digest.h"
#include "chain/trie/list_root.h"
#include "vm/vm_impl.h"

// clang-format off
static const address_t BEACON_ROOTS = {{ // EIP-4788
    0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80, 0x7e, 0xf1, 0x31,
    0x9f, 0xb7, 0xb8, 0xbb, 0x85, 0x22, 0xd0, 0xbe, 0xac, 0x02}};
static const address_t BLOCK_HASHES = {{ // EIP-2935
    0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb,
    0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}};
static const address_t WITHDRAWAL_REQUESTS = {{ // EIP-7002
    0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e, 0xb5, 0x5e, 0x80,
    0xd1, 0x9a, 0xd8, 0x35, 0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}};
static const address_t CONSOLIDATION_REQUESTS = {{ // EIP-7251
    0x00, 0x00, 0xbb, 0xdd, 0xc7, 0xce, 0x48, 0x86, 0x42, 0xfb,
    0x57, 0x9f, 0x8b, 0x00, 0xf3, 0xa5, 0x90, 0x00, 0x72, 0x51}};
static const address_t DEPOSIT_CONTRACT = {{ // EIP-6110, mainnet's
    0x00, 0x00, 0x00, 0x00, 0x21, 0x9a, 0xb5, 0x40, 0x35, 0x6c,
    0xbb, 0x83, 0x9c, 0xbe, 0x05, 0x30, 0x3d, 0x77, 0x05, 0xfa}};
static const hash_t DEPOSIT_TOPIC = {{ // DepositEvent(bytes,bytes,bytes,bytes,bytes)
    0x64, 0x9b, 0xbc, 0x62, 0xd0, 0xe3, 0x13, 0x42, 0xaf, 0xea, 0x4e, 0x5c, 0xd8, 0x2d, 0x40, 0x49,
    0xe7, 0xe1, 0xee, 0x91, 0x2f, 0xc0, 0x88, 0x9a, 0xa7, 0x90, 0x80, 0x3b, 0xe3, 0x90, 0x38, 0xc5}};
// clang-format on

enum { REQUEST_DEPOSIT = 0, REQUEST_WITHDRAWAL = 1, REQUEST_CONSOLIDATION = 2 };

err_t block_exec_begin(struct block_exec *x, struct vm *vm, struct overlay *world,
                       struct arena *arena, const struct chain_config *config,
                       const struct header *header, size_t max_txs)
{
    *x = (struct block_exec){
        .vm = vm, .world = world, .arena = arena, .config = config, .receipt_cap = max_txs};
    block_ctx_of_header(&x->ctx, config, header);
    x->receipts = ARENA_ARRAY(arena, struct receipt, max_txs);
    if (x->receipts == NULL) return FAIL(FULL, "block: no room for receipts");
    if (config->engine != ENGINE_MAINNET || header->number == 0) return OK;

    bytes_t ignored;
    if (x->ctx.rev >= REV_CANCUN && header->field_count >= HEADER_FIELDS_CANCUN) {
        TRY(system_call(vm, world, &x->ctx, &BEACON_ROOTS, BYTES_OF(header->parent_beacon_root),
                        &ignored));
    }
    if (x->ctx.rev >= REV_PRAGUE) {
        TRY(system_call(vm, world, &x->ctx, &BLOCK_HASHES, BYTES_OF(header->parent_hash),
                        &ignored));
    }
    return OK;
}

static err_t add_receipt(struct block_exec *x, const struct tx_result *result, const struct tx *tx)
{
    struct receipt *r = &x->receipts[x->receipt_count];
    x->gas_used += result->gas_used;
    *r = (struct receipt){
        .type = tx->type,
        .has_status = true,
        .succeeded = result->status == EVM_SUCCESS,
        .cumulative_gas_used = x->gas_used,
        .log_count = result->log_count,
        .gas_used = result->gas_used,
        .has_contract_address = result->has_contract_address,
        .contract_address = result->contract_address,
        .effective_gas_price = result->effective_gas_price,
    };
    if (result->log_count != 0) {
        // The overlay forgets its logs with the block; receipts stay as long as `arena`.
        struct log_entry *logs = ARENA_ARRAY(x->arena, struct log_entry, result->log_count);
        if (logs == NULL) return FAIL(FULL, "block: no room for logs");
        for (size_t i = 0; i < result->log_count; i++) {
            bool full = false;
            logs[i] = result->logs[i];
            logs[i].data = arena_copy(x->arena, logs[i].data, &full);
            if (full) return FAIL(FULL, "block: no room for log data");
            bloom_add_log(&r->bloom, &logs[i]);
        }
        r->logs = logs;
    }
    bloom_or(&x->bloom, &r->bloom);
    x->receipt_count++;
    return OK;
}

err_t block_exec_tx(struct block_exec *x, struct tx_result *result, const struct tx *tx)
{
    if (x->receipt_count == x->receipt_cap) return FAIL(FULL, "block: more transactions than said");
    const uint64_t gas_left = x->ctx.gas_limit - x->gas_used;
    TRY(tx_execute(result, x->vm, x->world, &x->ctx, tx, gas_left, NULL));
    if (result->validity != TX_VALID) return OK;
    return add_receipt(x, result, tx);
}

static err_t withdraw(struct block_exec *x, const struct block *block)
{
    for (size_t i = 0; i < block->withdrawal_count; i++) {
        const struct withdrawal *w = &block->withdrawals[i];
        const u256_t gwei = u256_from_u64(1000000000);
        const u256_t amount = u256_from_u64(w->amount_gwei);
        u256_t wei;
        check(u256_mul_checked(&wei, &amount, &gwei));
        TRY(overlay_add_balance(x->world, &w->address, &wei));
        TRY(overlay_delete_if_empty(x->world, &w->address));
    }
    return OK;
}

// QBFT: zero is skipped, so that nobody empty is touched.
static err_t reward(struct block_exec *x)
{
    const struct qbft_config qbft = chain_qbft_at(x->config, x->ctx.number);
    if (u256_is_zero(&qbft.block_reward_wei)) return OK;
    return overlay_add_balance(x->world, &x->ctx.fee_recipient, &qbft.block_reward_wei);
}

// ---- requests (EIP-7685) ----------------------------------------------------------------------

// The event's data is five dynamic fields at fixed places (EIP-6110).
static const struct {
    size_t at;
    size_t len;
} DEPOSIT_FIELDS[5] = {{192, 48}, {288, 32}, {352, 8}, {416, 96}, {544, 8}};
enum { DEPOSIT_DATA_BYTES = 576, DEPOSIT_REQUEST_BYTES = 192 };

static err_t put_deposit(uint8_t *out, bytes_t data)
{
    if (data.len != DEPOSIT_DATA_BYTES) return FAIL(INVALID, "block: malformed deposit event");
    for (size_t i = 0; i < ARRAY_LEN(DEPOSIT_FIELDS); i++) {
        // Offset word i names the place of the field's length word.
        uint8_t place[32] = {0};
        uint8_t length[32] = {0};
        be_put_u64(place + 24, DEPOSIT_FIELDS[i].at - 32);
        be_put_u64(length + 24, DEPOSIT_FIELDS[i].len);
        if (memcmp(data.data + 32 * i, place, 32) != 0 ||
            memcmp(data.data + DEPOSIT_FIELDS[i].at - 32, length, 32) != 0) {
            return FAIL(INVALID, "block: malformed deposit event");
        }
        memcpy(out, data.data + DEPOSIT_FIELDS[i].at, DEPOSIT_FIELDS[i].len);
        out += DEPOSIT_FIELDS[i].len;
    }
    return OK;
}

static bool is_deposit(const struct log_entry *log)
{
    return address_eq(&log->address, &DEPOSIT_CONTRACT) && log->topic_count > 0 &&
           hash_eq(&log->topics[0], &DEPOSIT_TOPIC);
}

static err_t collect_deposits(bytes_t *out, struct block_exec *x)
{
    size_t count = 0;
    for (size_t i = 0; i < x->receipt_count; i++) {
        for (size_t k = 0; k < x->receipts[i].log_count; k++) {
            count += is_deposit(&x->receipts[i].logs[k]);
        }
    }
    uint8_t *bytes = arena_calloc(x->arena, count, DEPOSIT_REQUEST_BYTES);
    if (bytes == NULL) return FAIL(FULL, "block: no room for deposits");
    *out = bytes_make(bytes, count * DEPOSIT_REQUEST_BYTES);
    for (size_t i = 0; i < x->receipt_count; i++) {
        for (size_t k = 0; k < x->receipts[i].log_count; k++) {
            const struct log_entry *log = &x->receipts[i].logs[k];
            if (!is_deposit(log)) continue;
            TRY(put_deposit(bytes, log->data));
            bytes += DEPOSIT_REQUEST_BYTES;
        }
    }
    return OK;
}

static void hash_request(struct sha256_stream *all, uint8_t type, bytes_t request)
{
    if (request.len == 0) return;
    struct sha256_stream *one = sha256_new();
    sha256_update(one, BYTES_OF(type));
    sha256_update(one, request);
    const hash_t digest = sha256_final_free(one);
    sha256_update(all, BYTES_OF(digest));
}

static err_t collect_requests(struct block_requests *out, struct block_exec *x)
{
    static const address_t *const contracts[] = {
        [REQUEST_WITHDRAWAL] = &WITHDRAWAL_REQUESTS,
        [REQUEST_CONSOLIDATION] = &CONSOLIDATION_REQUESTS,
    };
    TRY(collect_deposits(&out->of_type[REQUEST_DEPOSIT], x));
    for (unsigned type = REQUEST_WITHDRAWAL; type <= REQUEST_CONSOLIDATION; type++) {
        bytes_t request;
        bool full = false;
        TRY(system_call(x->vm, x->world, &x->ctx, contracts[type], BYTES_NONE, &request));
        out->of_type[type] = arena_copy(x->arena, request, &full);
        if (full) return FAIL(FULL, "block: no room for requests");
    }
    struct sha256_stream *all = sha256_new();
    for (unsigned type = 0; type < ARRAY_LEN(out->of_type); type++) {
        hash_request(all, (uint8_t)type, out->of_type[type]);
    }
    out->hash = sha256_final_free(all);
    return OK;
}

err_t block_exec_finish(struct block_requests *out, struct block_exec *x, const struct block *block)
{
    TRY(withdraw(x, block));
    return x->ctx.rev < REV_PRAGUE ? OK : collect_requests(out, x);
}

err_t block_exec_end(struct block_exec *x, const struct block *block)
{
    switch (x->config->engine) {
    case ENGINE_QBFT:
        TRY(withdraw(x, block));
        return reward(x);
    case ENGINE_MAINNET:
        break;
    }
    struct block_requests requests;
    TRY(block_exec_finish(&requests, x, block));
    if (x->ctx.rev < REV_PRAGUE) return OK;
    if (!hash_eq(&requests.hash, &block->header.requests_hash)) {
        return FAIL(INVALID, "block: requestsHash is not the hash of its requests");
    }
    return OK;
}

err_t block_exec_receipts_root(hash_t *out, const struct block_exec *x, struct arena *scratch)
{
    const size_t mark = arena_mark(scratch);
    bytes_t *values = ARENA_ARRAY(scratch, bytes_t, x->receipt_count);
    if (values == NULL) return FAIL(FULL, "block: no room for the receipts' root");
    struct buf b;
    buf_init(&b, SIZE_MAX);
    err_t err = OK;
    for (size_t i = 0; i < x->receipt_count && err_ok(err); i++) {
        bool full = false;
        buf_clear(&b);
        receipt_encode(&b, &x->receipts[i]);
        err = buf_status(&b);
        values[i] = arena_copy(scratch, buf_bytes(&b), &full);
        if (full) err = FAIL(FULL, "block: no room for the receipts' root");
    }
    buf_deinit(&b);
    if (err_ok(err)) err = list_root(out, scratch, values, x->receipt_count);
    arena_rewind(scratch, mark);
    return err;
}

// ---- what follows from the parent ---------------------------------------------------------------

enum {
    BASE_FEE_INITIAL = 1000000000,   // EIP-1559
    BASE_FEE_CHANGE_DENOMINATOR = 8, // EIP-1559
    BASE_FEE_ELASTICITY = 2,         // EIP-1559
    BLOB_TARGET_CANCUN = 3 * 131072, // EIP-4844
    BLOB_TARGET_PRAGUE = 6 * 131072, // EIP-7691
};

u256_t next_base_fee(const struct chain_config *config, const struct header *parent,
                     uint64_t timestamp_s)
{
    const u256_t zero = u256_from_u64(0);
    if (config->zero_base_fee) return zero;
    if (chain_revision(config, parent->number + 1, timestamp_s) < REV_LONDON) return zero;
    if (parent->field_count < HEADER_FIELDS_LONDON) return u256_from_u64(BASE_FEE_INITIAL);

    const uint64_t target = parent->gas_limit / BASE_FEE_ELASTICITY;
    const bool up = parent->gas_used > target;
    const uint64_t distance = up ? parent->gas_used - target : target - parent->gas_used;
    if (distance == 0 || target == 0) return parent->base_fee_wei;

    // base * distance / target / 8
    const u256_t by = u256_from_u64(distance);
    const u256_t eight = u256_from_u64(BASE_FEE_CHANGE_DENOMINATOR);
    const u256_t goal = u256_from_u64(target);
    u256_t delta = u256_mul(&parent->base_fee_wei, &by);
    u256_divmod(&delta, NULL, &delta, &goal);
    u256_divmod(&delta, NULL, &delta, &eight);
    u256_t next;
    if (up) {
        if (u256_is_zero(&delta)) delta = u256_from_u64(1);
        u256_add(&next, &parent->base_fee_wei, &delta);
        return next;
    }
    return u256_sub(&next, &parent->base_fee_wei, &delta) ? zero : next;
}

uint64_t next_excess_blob_gas(const struct chain_config *config, const struct header *parent,
                              uint64_t timestamp_s)
{
    const enum revision rev = chain_revision(config, parent->number + 1, timestamp_s);
    if (rev < REV_CANCUN || parent->field_count < HEADER_FIELDS_BLOB) return 0;
    const uint64_t target = rev >= REV_PRAGUE ? BLOB_TARGET_PRAGUE : BLOB_TARGET_CANCUN;
    const uint64_t sum = parent->excess_blob_gas + parent->blob_gas_used;
    return sum < target ? 0 : sum - target;
}
