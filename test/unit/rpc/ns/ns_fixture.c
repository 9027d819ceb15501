// SPDX-License-Identifier: Apache-2.0
#include "test/unit/rpc/ns/ns_fixture.h"

#include "chain/base/hex.h"
#include "chain/codec/ethjson.h"
#include "chain/crypto/secp.h"
#include "chain/store/guard.h"
#include "rpc/cairnd/dev.h"
#include "rpc/ns/handlers.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *tokens_of_rich(const struct ns_fixture *f)
{
    json_t *p = json_object();
    const char *rich = hex_address(&f->rich_address).s;
    json_object_set_new(p, "holders", json_pack("[s]", rich));
    json_object_set_new(p, "amounts", json_pack("[s]", "1000000000000000000000000"));
    json_object_set_new(p, "members", json_pack("[s]", rich));
    json_object_set_new(p, "aggregators", json_pack("[s]", rich));
    static const char *const small[] = {"votingDelayBlocks", "timelockSeconds", "minBlocksFloor"};
    for (size_t i = 0; i < ARRAY_LEN(small); i++)
        json_object_set_new(p, small[i], json_string("1"));
    json_object_set_new(p, "votingPeriodBlocks", json_string("4"));
    json_object_set_new(p, "lateQuorumBlocks", json_string("1"));
    json_object_set_new(p, "blockPeriodMs", json_string("0"));
    json_object_set_new(p, "voteCapPpm", json_string("1000000")); // one member decides
    return p;
}

static void make_genesis(struct ns_fixture *f, const address_t *validator)
{
    const u256_t ether = u256_from_u64(UINT64_C(1000000000000000000));
    const u256_t many = u256_from_u64(10000);
    const struct genesis_funds funds = {f->rich_address, u256_mul(&ether, &many)};
    json_t *params = tokens_of_rich(f);
    const struct genesis_plan plan = {
        .chain_id = 1337,
        .timestamp_s = 1700000000,
        .gas_limit = 30000000,
        .block_period_ms = 1,
        .period_in_ms = true,
        .request_timeout_s = 4,
        .epoch_length = 30000,
        .validators = validator,
        .validator_count = 1,
        .funds = &funds,
        .fund_count = 1,
        .system_contracts = true,
        .system_params = params,
    };
    struct system_detail detail;
    struct genesis_detail why;
    buf_init(&f->genesis_text, (size_t)16 << 20);
    const err_t err = genesis_file_write(&f->genesis_text, &f->arena, &plan, &detail);
    cr_assert(err_ok(err), "%s: %s", err_text(err), detail.text);
    cr_assert(err_ok(genesis_parse(&f->genesis, &f->arena, buf_bytes(&f->genesis_text), &why)),
              "%s", why.text);
    json_decref(params);
}

static void open_dispatcher(struct ns_fixture *f)
{
    f->env.client_version = "cairn/test";
    f->env.limits = (struct rpc_limits){
        .logs_range = 5000, .logs_max = 100, .call_gas = 50000000, .call_time_ms = 5000};
    cr_assert(err_ok(rpc_env_open(&f->env, f->node, 1)));
    const struct rpc_dispatch_options o = {
        .methods = RPC_METHODS,
        .method_count = RPC_METHOD_COUNT,
        .env = &f->env,
        .namespaces = "eth,net,web3,txpool,debug,qbft,model,round,reward,dao",
    };
    char bad[64];
    cr_assert(err_ok(rpc_dispatcher_new(&f->dispatcher, &o, bad)));
    f->env.dispatcher = f->dispatcher;
}

void ns_start(struct ns_fixture *f)
{
    memset(f, 0, sizeof *f);
    cr_assert(err_ok(secp_setup()));
    cr_assert(err_ok(arena_init(&f->arena, (size_t)1 << 30)));
    f->temporary = temp_dir_make();
    f->dir = f->temporary.path;
    secp_pubkey_t pub;
    cr_assert(err_ok(secret_new(&f->rich)));
    cr_assert(err_ok(hex_decode_fixed(f->rich->b, 32, LIT(RICH_KEY))));
    cr_assert(err_ok(secp_pubkey_of(&pub, f->rich)));
    f->rich_address = secp_address(&pub);
    cr_assert(address_eq(&f->rich_address, &DEV_ADDRESSES[0]), "the mnemonic's first account");
    f->other = DEV_ADDRESSES[1];
    cr_assert(err_ok(secret_new(&f->node_key)));
    cr_assert(err_ok(secp_keygen(f->node_key)));
    cr_assert(err_ok(secp_pubkey_of(&pub, f->node_key)));
    const address_t validator = secp_address(&pub);
    make_genesis(f, &validator);
    char guard[4096];
    (void)snprintf(guard, sizeof guard, "%s/guard", f->dir);
    cr_assert(err_ok(guard_create(guard, &validator, 0)));
    const struct node_options options = {
        .data_dir = f->dir,
        .genesis = &f->genesis,
        .key = f->node_key,
        .dev = true,
        .price_bump_percent = 10,
        .pool_pending_max = 4096,
        .pool_queued_max = 1024,
        .journal_sync = true,
    };
    struct node_detail detail = {""};
    const err_t err = node_open(&f->node, &options, &detail);
    cr_assert(err_ok(err), "%s: %s", err_text(err), detail.text);
    open_dispatcher(f);
}

void ns_stop(struct ns_fixture *f)
{
    rpc_dispatcher_free(f->dispatcher);
    rpc_env_close(&f->env);
    node_close(f->node);
    secret_free(f->rich);
    secret_free(f->node_key);
    buf_deinit(&f->genesis_text);
    arena_deinit(&f->arena);
    temp_dir_remove(&f->temporary);
}

// ---- asking -------------------------------------------------------------------------------

json_t *answer(struct ns_fixture *f, const char *method, const char *params)
{
    struct buf request;
    struct buf out;
    buf_init(&request, (size_t)4 << 20);
    buf_init(&out, (size_t)32 << 20);
    buf_put_str(&request, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"");
    buf_put_str(&request, method);
    buf_put_str(&request, "\",\"params\":");
    buf_put_str(&request, params);
    buf_put_str(&request, "}");
    enum rpc_cost cost;
    struct rpc_request *r = rpc_request_parse(f->dispatcher, buf_bytes(&request), &cost);
    rpc_request_run(r, &out);
    rpc_request_free(r);
    json_t *root = json_loadb((const char *)out.data, out.len, 0, NULL);
    cr_assert_not_null(root, "%s%s: %.*s", method, params, (int)out.len, (const char *)out.data);
    buf_deinit(&request);
    buf_deinit(&out);
    return root;
}

json_t *ask(struct ns_fixture *f, const char *method, const char *params)
{
    json_t *root = answer(f, method, params);
    json_t *result = json_object_get(root, "result");
    char *text = json_dumps(root, 0);
    cr_assert_not_null(result, "%s%s: %s", method, params, text);
    free(text);
    json_incref(result);
    json_decref(root);
    return result;
}

void expect_text(struct ns_fixture *f, const char *method, const char *params, const char *want)
{
    json_t *v = ask(f, method, params);
    cr_expect_str_eq(json_string_value(v), want, "%s%s", method, params);
    json_decref(v);
}

void expect_error(struct ns_fixture *f, const char *method, const char *params, int code,
                  const char *starts)
{
    json_t *root = answer(f, method, params);
    const json_t *error = json_object_get(root, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    cr_assert_not_null(message, "%s%s: no error", method, params);
    cr_expect_eq(json_integer_value(json_object_get(error, "code")), code, "%s%s: %s", method,
                 params, message);
    cr_expect(strncmp(message, starts, strlen(starts)) == 0, "%s%s: %s", method, params, message);
    json_decref(root);
}

const char *text_at(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    cr_assert_not_null(s, "no member %s", key);
    return s;
}

uint64_t number_at(const json_t *object, const char *key)
{
    uint64_t v = 0;
    cr_assert(err_ok(ethjson_read_u64(&v, json_object_get(object, key))), "%s is no quantity", key);
    return v;
}

// ---- transactions -------------------------------------------------------------------------

char *signed_params(struct ns_fixture *f, const address_t *to, bytes_t data, uint64_t value,
                    uint64_t nonce)
{
    struct tx tx = {
        .type = TX_DYNAMIC_FEE,
        .has_chain_id = true,
        .chain_id = 1337,
        .nonce = nonce,
        .max_fee_per_gas = u256_from_u64(10000000000),
        .max_priority_fee_per_gas = u256_from_u64(1000000000),
        .gas_limit = data.len == 0 ? 21000 : 3000000,
        .is_create = to == NULL,
        .value_wei = u256_from_u64(value),
        .data = data,
    };
    if (to != NULL) tx.to = *to;
    cr_assert(err_ok(tx_sign(&tx, &f->arena, f->rich)));
    char *text = malloc(2 * tx.raw.len + 16);
    memcpy(text, "[\"0x", 4);
    hex_encode(text + 4, tx.raw);
    memcpy(text + 4 + 2 * tx.raw.len, "\"]", 3);
    return text;
}

json_t *transact(struct ns_fixture *f, const address_t *to, bytes_t data, uint64_t value)
{
    char *params = signed_params(f, to, data, value, f->nonce++);
    // A timeout beside the transaction: ["0x..", 20000].
    const size_t len = strlen(params);
    params = realloc(params, len + 16);
    memcpy(params + len - 1, ",20000]", 8);
    json_t *receipt = ask(f, "eth_sendRawTransactionSync", params);
    cr_assert_str_eq(text_at(receipt, "status"), "0x1", "nonce %lu", (unsigned long)f->nonce - 1);
    free(params);
    return receipt;
}

json_t *invoke(struct ns_fixture *f, enum fed_contract contract, const char *signature,
               const struct abi_value *args, size_t count)
{
    struct buf data;
    buf_init(&data, 1 << 20);
    cr_assert(err_ok(abi_build_call(&data, signature, args, count)), "%s", signature);
    json_t *receipt = transact(f, &fed_contract_address[contract], buf_bytes(&data), 0);
    buf_deinit(&data);
    return receipt;
}
