// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/state_test.h"

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "vm/block_exec.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Reserved, not used: pages cost nothing until they are touched.
#define CASE_MAX_BYTES ((size_t)1 << 32)

err_t state_test_open(struct state_test_bench *b)
{
    memset(b, 0, sizeof *b);
    mem_state_init(&b->state);
    const struct state_view view = mem_state_view(&b->state);
    err_t err = arena_init(&b->arena, CASE_MAX_BYTES);
    if (err_ok(err)) err = arena_init(&b->scratch, CASE_MAX_BYTES);
    if (err_ok(err)) err = vm_new(&b->vm);
    if (err_ok(err)) err = overlay_new(&b->world, &view, CASE_MAX_BYTES);
    if (!err_ok(err)) state_test_close(b);
    return err;
}

void state_test_close(struct state_test_bench *b)
{
    if (b->world != NULL) overlay_free(b->world);
    if (b->vm != NULL) vm_free(b->vm);
    arena_deinit(&b->scratch);
    arena_deinit(&b->arena);
    mem_state_deinit(&b->state);
    memset(b, 0, sizeof *b);
}

// ---- the block ----------------------------------------------------------------------------------

// As all clients' tests have it: the hash of block n is that of its decimal text.
static hash_t block_hash_of_text(void *ctx, uint64_t number)
{
    (void)ctx;
    char text[24];
    const int n = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return keccak256(bytes_make(text, (size_t)n));
}

static err_t read_block(struct block_ctx *block, const json_t *env, enum revision rev,
                        struct fixture_detail *detail)
{
    const struct chain_config config = fixture_chain_config(rev, 1);
    struct header h = {.field_count = HEADER_FIELDS_CANCUN};
    TRY(fixture_get_u64(&h.number, env, "currentNumber", detail));
    TRY(fixture_get_u64(&h.timestamp_s, env, "currentTimestamp", detail));
    TRY(fixture_get_u64(&h.gas_limit, env, "currentGasLimit", detail));
    TRY(fixture_get_address(&h.coinbase, env, "currentCoinbase", detail));
    if (fixture_has(env, "currentDifficulty")) {
        TRY(fixture_get_u256(&h.difficulty, env, "currentDifficulty", detail));
    }
    if (fixture_has(env, "currentBaseFee")) {
        TRY(fixture_get_u256(&h.base_fee_wei, env, "currentBaseFee", detail));
    }
    if (fixture_has(env, "currentRandom")) {
        TRY(fixture_get_hash(&h.mix_hash, env, "currentRandom", detail));
    }
    if (fixture_has(env, "currentExcessBlobGas")) {
        TRY(fixture_get_u64(&h.excess_blob_gas, env, "currentExcessBlobGas", detail));
    }
    block_ctx_of_header(block, &config, &h);
    return OK;
}

// ---- the transaction ----------------------------------------------------------------------------

static err_t pick(const json_t **out, const json_t *template, const char *member,
                  const json_t *indexes, const char *index, struct fixture_detail *detail)
{
    uint64_t i = 0;
    TRY(fixture_get_u64(&i, indexes, index, detail));
    const json_t *list = json_object_get(template, member);
    *out = i < json_array_size(list) ? json_array_get(list, (size_t)i) : NULL;
    return *out != NULL ? OK : fixture_refuse(detail, member, list, "a list that has the index");
}

static err_t read_fees(struct tx *tx, const json_t *t, struct fixture_detail *detail)
{
    if (!fixture_has(t, "maxFeePerGas")) {
        TRY(fixture_get_u256(&tx->max_fee_per_gas, t, "gasPrice", detail));
        tx->max_priority_fee_per_gas = tx->max_fee_per_gas;
        return OK;
    }
    tx->type = TX_DYNAMIC_FEE;
    TRY(fixture_get_u256(&tx->max_fee_per_gas, t, "maxFeePerGas", detail));
    return fixture_get_u256(&tx->max_priority_fee_per_gas, t, "maxPriorityFeePerGas", detail);
}

// The lists make the type what it is; absent ones leave it.
static err_t read_lists(struct tx *tx, const json_t *t, const json_t *indexes, struct arena *arena,
                        struct fixture_detail *detail)
{
    if (fixture_has(t, "accessLists")) {
        const json_t *list;
        TRY(pick(&list, t, "accessLists", indexes, "data", detail));
        if (!json_is_null(list) && tx->type == TX_LEGACY) tx->type = TX_ACCESS_LIST;
        TRY(fixture_read_access_list(tx, arena, list, detail));
    }
    if (fixture_has(t, "blobVersionedHashes")) tx->type = TX_BLOB; // refused by its type
    if (fixture_has(t, "authorizationList")) {
        tx->type = TX_SET_CODE;
        TRY(fixture_read_authorizations(tx, arena, json_object_get(t, "authorizationList"),
                                        detail));
    }
    if (tx->type != TX_LEGACY) {
        tx->has_chain_id = true;
        tx->chain_id = 1;
    }
    return OK;
}

static err_t read_sender(struct tx *tx, const json_t *t, struct fixture_detail *detail)
{
    tx->has_sender = true;
    if (fixture_has(t, "sender")) return fixture_get_address(&tx->sender, t, "sender", detail);
    hash_t secret;
    TRY(fixture_get_hash(&secret, t, "secretKey", detail));
    struct secret_key *key;
    TRY(secret_new(&key));
    memcpy(key->b, secret.b, sizeof key->b);
    secp_pubkey_t pub;
    const err_t err = secp_pubkey_of(&pub, key);
    secret_free(key);
    if (!err_ok(err)) return FAIL(MALFORMED, "the secretKey is no key of secp256k1");
    tx->sender = secp_address(&pub);
    return OK;
}

static err_t tx_of_template(struct tx *tx, const struct state_test_case *c, struct arena *arena,
                            struct fixture_detail *detail)
{
    const json_t *t = json_object_get(c->test, "transaction");
    const json_t *indexes = json_object_get(c->post, "indexes");
    const json_t *gas;
    const json_t *value;
    const json_t *data;
    *tx = (struct tx){.type = TX_LEGACY};
    TRY(pick(&gas, t, "gasLimit", indexes, "gas", detail));
    TRY(pick(&value, t, "value", indexes, "value", detail));
    TRY(pick(&data, t, "data", indexes, "data", detail));
    TRY(fixture_read_u64(&tx->gas_limit, gas, "gasLimit", detail));
    TRY(fixture_read_u256(&tx->value_wei, value, "value", detail));
    TRY(fixture_read_bytes(&tx->data, arena, data, "data", detail));
    TRY(fixture_get_u64(&tx->nonce, t, "nonce", detail));
    TRY(read_fees(tx, t, detail));
    TRY(read_lists(tx, t, indexes, arena, detail));
    const json_t *to = json_object_get(t, "to");
    tx->is_create = json_string_length(to) < 40;
    if (!tx->is_create) TRY(fixture_get_address(&tx->to, t, "to", detail));
    return read_sender(tx, t, detail);
}

/// @param why  what a decoder or the signature's check refused; NULL if nothing
static err_t read_tx(struct tx *tx, const char **why, const struct state_test_case *c,
                     struct arena *arena, struct fixture_detail *detail)
{
    *why = NULL;
    if (!fixture_has(c->post, "txbytes")) return tx_of_template(tx, c, arena, detail);
    bytes_t raw;
    TRY(fixture_get_bytes(&raw, arena, c->post, "txbytes", detail));
    err_t err = tx_decode(tx, arena, raw);
    if (err_ok(err)) err = tx_recover_sender(tx);
    if (err.kind == ERR_FULL) return err;
    if (!err_ok(err)) *why = err_text(err);
    return OK;
}

// ---- reasons ------------------------------------------------------------------------------------

static const struct {
    enum tx_validity validity;
    const char *names; ///< the fixtures' words for it, new and old
} reasons[] = {
    {TX_TYPE_NOT_SUPPORTED, "TR_TypeNotSupported TYPE_3_TX_PRE_FORK TYPE_4_TX_PRE_FORK"},
    {TX_INTRINSIC_GAS_TOO_LOW, "INTRINSIC_GAS_TOO_LOW"},
    {TX_FLOOR_GAS_TOO_LOW, "INTRINSIC_GAS_BELOW_FLOOR_GAS_COST INTRINSIC_GAS_TOO_LOW"},
    {TX_NONCE_IS_MAX, "NONCE_IS_MAX"},
    {TX_INITCODE_TOO_LARGE, "INITCODE_SIZE_EXCEEDED"},
    {TX_GAS_EXCEEDS_BLOCK, "GAS_ALLOWANCE_EXCEEDED"},
    {TX_PRIORITY_ABOVE_MAX_FEE, "PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS"},
    {TX_MAX_FEE_BELOW_BASE_FEE, "INSUFFICIENT_MAX_FEE_PER_GAS TR_FeeCapLessThanBlocks"},
    {TX_GAS_PRICE_OVERFLOW, "GASLIMIT_PRICE_PRODUCT_OVERFLOW"},
    {TX_NONCE_TOO_LOW, "NONCE_MISMATCH_TOO_LOW"},
    {TX_NONCE_TOO_HIGH, "NONCE_MISMATCH_TOO_HIGH"},
    {TX_INSUFFICIENT_FUNDS, "INSUFFICIENT_ACCOUNT_FUNDS TR_NoFunds"},
    {TX_SENDER_NOT_EOA, "SENDER_NOT_EOA SenderNotEOA"},
    {TX_EMPTY_AUTHORIZATION_LIST, "TYPE_4_EMPTY_AUTHORIZATION_LIST"},
    {TX_SET_CODE_CREATES, "TYPE_4_TX_CONTRACT_CREATION"},
};

static bool reason_expected(enum tx_validity v, const char *expected)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].validity != v) continue;
        char names[128];
        (void)snprintf(names, sizeof names, "%s", reasons[i].names);
        char *rest = NULL;
        for (char *n = strtok_r(names, " ", &rest); n != NULL; n = strtok_r(NULL, " ", &rest)) {
            if (strstr(expected, n) != NULL) return true;
        }
    }
    return false;
}

// ---- judging ------------------------------------------------------------------------------------

__attribute__((format(printf, 2, 3))) static void fails(struct state_test_verdict *v,
                                                        const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(v->error, sizeof v->error, fmt, args);
    va_end(args);
    v->pass = false;
}

static err_t expect_hash(struct state_test_verdict *v, const char *what, const hash_t *got,
                         const struct state_test_case *c, const char *member,
                         struct fixture_detail *detail)
{
    hash_t want;
    TRY(fixture_get_hash(&want, c->post, member, detail));
    if (v->pass && !hash_eq(got, &want)) {
        const struct hex_text seen = hex_hash(got);
        const struct hex_text wanted = hex_hash(&want);
        fails(v, "%s mismatch: got %s, want %s", what, seen.s + 2, wanted.s + 2);
    }
    return OK;
}

// Was it refused exactly if it should be? Without bytes the oldest files tell an invalid
// transaction only by its root.
static void judge_refusal(struct state_test_verdict *v, const struct state_test_case *c,
                          enum tx_validity validity)
{
    const json_t *exception = json_object_get(c->post, "expectException");
    const char *expected = json_string_value(exception);
    if (v->refused && expected == NULL && fixture_has(c->post, "txbytes")) {
        fails(v, "unexpected error: %s", v->reason);
    } else if (!v->refused && expected != NULL) {
        fails(v, "expected error %.100s, got no error", expected);
    } else if (v->refused && expected != NULL) {
        v->other_reason = !reason_expected(validity, expected);
    }
}

static err_t prepare(struct state_test_bench *b, struct block_ctx *block,
                     const struct state_test_case *c, struct fixture_detail *detail)
{
    enum revision rev;
    if (!err_ok(fixture_read_fork(&rev, c->fork))) {
        if (detail != NULL) {
            (void)snprintf(detail->text, sizeof detail->text, "no rules for the fork of this name");
        }
        return FAIL(UNSUPPORTED, "no rules for the fork of this name");
    }
    arena_reset(&b->arena);
    mem_state_clear(&b->state);
    TRY(fixture_read_accounts(&b->state, json_object_get(c->test, "pre"), &b->arena, detail));
    b->state.block_hash = block_hash_of_text;
    const struct state_view view = mem_state_view(&b->state);
    overlay_reset(b->world, &view);
    return read_block(block, json_object_get(c->test, "env"), rev, detail);
}

err_t state_test_judge(struct state_test_verdict *out, struct state_test_bench *b,
                       const struct state_test_case *c, struct fixture_detail *detail)
{
    *out = (struct state_test_verdict){.pass = true};
    struct block_ctx block;
    struct tx tx;
    struct tx_result result = {.validity = TX_BAD_SIGNATURE};
    TRY(prepare(b, &block, c, detail));
    TRY(read_tx(&tx, &out->reason, c, &b->arena, detail));
    if (out->reason == NULL) {
        TRY(tx_execute(&result, b->vm, b->world, &block, &tx, block.gas_limit, NULL));
        if (result.validity != TX_VALID) out->reason = tx_validity_text(result.validity);
    }
    out->refused = out->reason != NULL;
    judge_refusal(out, c, result.validity);

    struct state_diff diff;
    TRY(overlay_diff(&diff, &b->arena, b->world));
    if (out->refused && diff.account_count != 0) fails(out, "a refused transaction left a trace");
    mem_state_apply(&b->state, &diff);
    out->gas_used = result.gas_used;
    out->state_root = mem_state_root(&b->state, &b->scratch);
    out->logs_hash = logs_hash(result.logs, result.log_count);
    TRY(expect_hash(out, "post state root", &out->state_root, c, "hash", detail));
    return expect_hash(out, "post state logs hash", &out->logs_hash, c, "logs", detail);
}

err_t state_test_each(const json_t *file, err_t (*fn)(void *ctx, const struct state_test_case *c),
                      void *ctx, struct fixture_detail *detail)
{
    if (!json_is_object(file))
        return fixture_refuse(detail, "the file", file, "an object of tests");
    const char *name;
    json_t *test;
    json_object_foreach((json_t *)(uintptr_t)file, name, test)
    {
        if (name[0] == '_') continue;
        const json_t *post = json_object_get(test, "post");
        if (!json_is_object(post))
            return fixture_refuse(detail, "post", post, "an object of forks");
        const char *fork;
        json_t *cases;
        json_object_foreach((json_t *)(uintptr_t)post, fork, cases)
        {
            if (!json_is_array(cases))
                return fixture_refuse(detail, fork, cases, "a list of cases");
            for (size_t i = 0; i < json_array_size(cases); i++) {
                const struct state_test_case c = {name, fork, i, test, json_array_get(cases, i)};
                TRY(fn(ctx, &c));
            }
        }
    }
    return OK;
}
