// SPDX-License-Identifier: Apache-2.0
// The methods over a real node in this process: one validator, blocks on demand, system
// contracts, and the table of methods.def behind the dispatcher. No HTTP.
#include "chain/base/hex.h"
#include "chain/codec/abi.h"
#include "chain/codec/ethjson.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "chain/fed/contracts.h"
#include "chain/store/guard.h"
#include "chain/trie/proof.h"
#include "rpc/cairnd/dev.h"
#include "rpc/cairnd/genesis_file.h"
#include "rpc/jsonrpc/dispatch.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"
#include "test/support/temp_dir.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/// Account 0 of the developers' mnemonic.
#define RICH_KEY "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
#define OTHER "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"

struct fixture {
    struct temp_dir temporary;
    char *dir;
    struct arena arena;
    struct genesis genesis;
    struct buf genesis_text;
    struct secret_key *node_key;
    struct secret_key *rich;
    address_t rich_address;
    address_t other;
    struct node *node;
    struct rpc_env env;
    struct rpc_dispatcher *dispatcher;
    uint64_t nonce;
};

static json_t *tokens_of_rich(const struct fixture *f)
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

static void make_genesis(struct fixture *f, const address_t *validator)
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

static void open_dispatcher(struct fixture *f)
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

static void start(struct fixture *f)
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

static void stop(struct fixture *f)
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

/// The whole answer to one call; the caller drops it.
static json_t *answer(struct fixture *f, const char *method, const char *params)
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

/// The result, which must be one; the caller drops it.
static json_t *ask(struct fixture *f, const char *method, const char *params)
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

static void expect_text(struct fixture *f, const char *method, const char *params, const char *want)
{
    json_t *v = ask(f, method, params);
    cr_expect_str_eq(json_string_value(v), want, "%s%s", method, params);
    json_decref(v);
}

static void expect_error(struct fixture *f, const char *method, const char *params, int code,
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

static const char *text_at(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    cr_assert_not_null(s, "no member %s", key);
    return s;
}

static uint64_t number_at(const json_t *object, const char *key)
{
    uint64_t v = 0;
    cr_assert(err_ok(ethjson_read_u64(&v, json_object_get(object, key))), "%s is no quantity", key);
    return v;
}

// ---- transactions -------------------------------------------------------------------------

/// A signed transaction's raw bytes as a parameter list: ["0x.."].
static char *signed_params(struct fixture *f, const address_t *to, bytes_t data, uint64_t value,
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

/// Sends and waits for the receipt, which must say success.
static json_t *transact(struct fixture *f, const address_t *to, bytes_t data, uint64_t value)
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

/// Calls a system contract in a transaction.
static json_t *invoke(struct fixture *f, enum fed_contract contract, const char *signature,
                      const struct abi_value *args, size_t count)
{
    struct buf data;
    buf_init(&data, 1 << 20);
    cr_assert(err_ok(abi_build_call(&data, signature, args, count)), "%s", signature);
    json_t *receipt = transact(f, &fed_contract_address[contract], buf_bytes(&data), 0);
    buf_deinit(&data);
    return receipt;
}

// ---- tests --------------------------------------------------------------------------------

static void check_identity(struct fixture *f)
{
    expect_text(f, "eth_chainId", "[]", "0x539");
    expect_text(f, "net_version", "[]", "1337");
    expect_text(f, "eth_blockNumber", "[]", "0x0");
    expect_text(f, "web3_clientVersion", "[]", "cairn/test");
    expect_text(f, "web3_sha3", "[\"0x\"]", hex_hash(&KECCAK_EMPTY).s);
    expect_text(f, "eth_getBalance", "[\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\",\"latest\"]",
                "0x21e19e0c9bab2400000");
    expect_text(f, "eth_getBalance", "[\"" OTHER "\"]", "0x0");
    expect_text(f, "eth_getCode", "[\"" OTHER "\"]", "0x");
    expect_text(f, "eth_getTransactionCount", "[\"" OTHER "\",\"pending\"]", "0x0");
    expect_error(f, "eth_getBalance", "[\"" OTHER "\",\"0x99\"]", -32001, "resource not found");
    expect_error(f, "eth_getBalance", "[\"0x12\"]", -32602, "invalid params: address");
    expect_error(f, "eth_getUncleCountByBlockNumber", "[]", -32602,
                 "invalid params: block is missing");
    json_t *none = ask(f, "eth_getBlockByNumber", "[\"0x99\",false]");
    cr_expect(json_is_null(none));
    json_decref(none);
    none = ask(f, "eth_getTransactionReceipt",
               "[\"0x0000000000000000000000000000000000000000000000000000000000000001\"]");
    cr_expect(json_is_null(none));
    json_decref(none);
}

/// Goal: what we print is what the other writer of the same objects makes (chain/codec/ethjson),
/// member for member.
static void check_objects(struct fixture *f, uint64_t number)
{
    struct db_txn *txn = NULL;
    struct block b;
    struct receipt *receipts = NULL;
    size_t count = 0;
    cr_assert(err_ok(db_begin_read(node_db(f->node), &txn)));
    cr_assert(err_ok(blocks_get(txn, &b, &f->arena, number)));
    cr_assert(err_ok(blocks_receipts(txn, &receipts, &count, &f->arena, number)));
    cr_assert_gt(count, 0);
    struct buf encoded;
    buf_init(&encoded, 1 << 20);
    block_encode(&encoded, &b);
    char params[64];
    (void)snprintf(params, sizeof params, "[\"0x%lx\",true]", (unsigned long)number);
    json_t *ours = ask(f, "eth_getBlockByNumber", params);
    json_t *theirs = ethjson_block(&b, encoded.len, true);
    char *left = json_dumps(ours, JSON_SORT_KEYS);
    char *right = json_dumps(theirs, JSON_SORT_KEYS);
    cr_expect_str_eq(left, right);
    free(left);
    free(right);
    json_decref(ours);
    json_decref(theirs);

    (void)snprintf(params, sizeof params, "[\"0x%lx\"]", (unsigned long)number);
    ours = ask(f, "eth_getBlockReceipts", params);
    uint64_t first_log = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ethjson_place place = {
            .block_hash = b.hash,
            .block_number = number,
            .block_timestamp_s = b.header.timestamp_s,
            .tx_index = i,
            .base_fee_wei = b.header.base_fee_wei,
        };
        theirs = ethjson_receipt(&receipts[i], &b.txs[i], &place, first_log);
        left = json_dumps(json_array_get(ours, i), JSON_SORT_KEYS);
        right = json_dumps(theirs, JSON_SORT_KEYS);
        cr_expect_str_eq(left, right);
        free(left);
        free(right);
        json_decref(theirs);
        first_log += receipts[i].log_count;
    }
    json_decref(ours);
    buf_deinit(&encoded);
    db_abort(txn);
}

static void check_submission(struct fixture *f)
{
    json_t *receipt = transact(f, &f->other, BYTES_NONE, 1000);
    cr_expect_eq(number_at(receipt, "gasUsed"), 21000);
    expect_text(f, "eth_getBalance", "[\"" OTHER "\"]", "0x3e8");
    expect_text(f, "eth_getBalance", "[\"" OTHER "\",\"earliest\"]", "0x0");
    expect_text(f, "eth_getBalance", "[\"" OTHER "\",{\"blockNumber\":\"0x0\"}]", "0x0");
    check_objects(f, number_at(receipt, "blockNumber"));
    char params[96];
    (void)snprintf(params, sizeof params, "[\"%s\"]", text_at(receipt, "transactionHash"));
    json_t *again = ask(f, "eth_getTransactionReceipt", params);
    cr_expect(json_equal(again, receipt));
    json_decref(again);
    json_t *tx = ask(f, "eth_getTransactionByHash", params);
    cr_expect_str_eq(text_at(tx, "blockHash"), text_at(receipt, "blockHash"));
    json_decref(tx);
    json_decref(receipt);

    char *known = signed_params(f, &f->other, BYTES_NONE, 1000, 0);
    expect_error(f, "eth_sendRawTransaction", known, -32003, "already known");
    free(known);
    char *low = signed_params(f, &f->other, BYTES_NONE, 1, 0);
    expect_error(f, "eth_sendRawTransaction", low, -32003, "nonce too low");
    free(low);
    expect_error(f, "eth_sendRawTransaction", "[\"0x1234\"]", -32602, "invalid transaction");
    expect_error(f, "eth_sendRawTransaction", "[\"\"]", -32602, "invalid params");
}

/// Goal: the neighbours of a batch are all taken, each with its own hash.
static void check_batch(struct fixture *f)
{
    struct buf request;
    struct buf out;
    buf_init(&request, 1 << 20);
    buf_init(&out, 1 << 20);
    enum { N = 20 };
    for (size_t i = 0; i < N; i++) {
        char *params = signed_params(f, &f->other, BYTES_NONE, 1, f->nonce++);
        buf_printf(&request,
                   "%s{\"jsonrpc\":\"2.0\",\"id\":%zu,\"method\":\"eth_sendRawTransaction\","
                   "\"params\":%s}",
                   i == 0 ? "[" : ",", i, params);
        free(params);
    }
    buf_put_str(&request, "]");
    enum rpc_cost cost;
    struct rpc_request *r = rpc_request_parse(f->dispatcher, buf_bytes(&request), &cost);
    cr_expect_eq(cost, RPC_SUBMIT);
    rpc_request_run(r, &out);
    rpc_request_free(r);
    json_t *root = json_loadb((const char *)out.data, out.len, 0, NULL);
    cr_assert_eq(json_array_size(root), N);
    for (size_t i = 0; i < N; i++) {
        const json_t *one = json_array_get(root, i);
        cr_expect_eq(json_integer_value(json_object_get(one, "id")), (json_int_t)i);
        cr_expect_eq(strlen(text_at(one, "result")), 66);
    }
    json_decref(root);
    char want[32];
    (void)snprintf(want, sizeof want, "0x%lx", (unsigned long)f->nonce);
    expect_text(f, "eth_getTransactionCount",
                "[\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\",\"pending\"]", want);
    buf_deinit(&request);
    buf_deinit(&out);
    json_decref(transact(f, &f->other, BYTES_NONE, 1)); // included after all of them
    expect_text(f, "eth_getBalance", "[\"" OTHER "\"]", "0x3fd");
}

static void check_calls(struct fixture *f)
{
#define FROM "\"from\":\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\""
    const char *token = hex_address(&fed_contract_address[FED_CAIRN_TOKEN]).s;
    char params[1024];
    expect_text(f, "eth_estimateGas", "[{" FROM ",\"to\":\"" OTHER "\",\"value\":\"0x1\"}]",
                "0x5208");

    // transfer(other, 5): the estimate is exact.
    static const char data[] =
        "0xa9059cbb00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc79"
        "c80000000000000000000000000000000000000000000000000000000000000005";
    (void)snprintf(params, sizeof params, "[{" FROM ",\"to\":\"%s\",\"data\":\"%s\"}]", token,
                   data);
    json_t *v = ask(f, "eth_estimateGas", params);
    uint64_t gas = 0;
    cr_assert(err_ok(ethjson_read_u64(&gas, v)));
    json_decref(v);
    for (uint64_t less = 0; less < 2; less++) {
        (void)snprintf(params, sizeof params,
                       "[{" FROM ",\"to\":\"%s\",\"data\":\"%s\",\"gas\":\"0x%lx\"}]", token, data,
                       (unsigned long)(gas - less));
        json_t *root = answer(f, "eth_call", params);
        cr_expect_eq(json_object_get(root, "result") != NULL, less == 0, "gas %lu",
                     (unsigned long)(gas - less));
        json_decref(root);
    }

    // The zero account has no tokens: a custom error comes back whole.
    (void)snprintf(params, sizeof params, "[{\"to\":\"%s\",\"input\":\"%s\"}]", token, data);
    json_t *root = answer(f, "eth_call", params);
    const json_t *error = json_object_get(root, "error");
    cr_expect_eq(json_integer_value(json_object_get(error, "code")), 3);
    cr_expect_str_eq(text_at(error, "message"), "execution reverted");
    cr_expect_eq(strncmp(text_at(error, "data"), "0x96c6fd1e", 10), 0);
    json_decref(root);
    expect_error(f, "eth_call", "[{\"to\":\"" OTHER "\",\"data\":\"0x01\",\"input\":\"0x02\"}]",
                 -32602, "invalid params: call");
    expect_error(f, "eth_call", "[{" FROM ",\"to\":\"" OTHER "\",\"gas\":\"0x100\"}]", -32000,
                 "intrinsic gas too low");

    // Overrides: code that returns NUMBER, another number, a slot and a balance of our own.
    expect_text(f, "eth_call",
                "[{\"to\":\"" OTHER "\"},\"latest\",{\"" OTHER
                "\":{\"code\":\"0x4360005260206000f3\"}},"
                "{\"number\":\"0x1234\"}]",
                "0x0000000000000000000000000000000000000000000000000000000000001234");
    expect_text(f, "eth_call",
                "[{\"to\":\"" OTHER "\"},\"latest\",{\"" OTHER
                "\":{\"code\":\"0x60015460005260206000f3\","
                "\"stateDiff\":{\"0x1\":"
                "\"0x00000000000000000000000000000000000000000000000000000000000000aa\"}}}]",
                "0x00000000000000000000000000000000000000000000000000000000000000aa");
    expect_text(f, "eth_call",
                "[{\"to\":\"" OTHER "\"},\"latest\",{\"" OTHER
                "\":{\"code\":\"0x4760005260206000f3\","
                "\"balance\":\"0x7\"}}]",
                "0x0000000000000000000000000000000000000000000000000000000000000007");
    expect_error(f, "eth_call",
                 "[{\"to\":\"" OTHER "\"},\"latest\",{\"" OTHER "\":{\"kode\":\"0x\"}}]", -32602,
                 "invalid params: stateOverrides.kode");
    // A loop for ever runs out of gas or of time, and says so.
    expect_error(f, "eth_call",
                 "[{\"to\":\"" OTHER "\",\"gas\":\"0xfffff\"},\"latest\",{\"" OTHER
                 "\":{\"code\":\"0x5b600056\"}}]",
                 -32015, "out of gas");
}

static void check_logs(struct fixture *f)
{
    json_t *filter = ask(f, "eth_newBlockFilter", "[]");
    char blocks_id[40];
    (void)snprintf(blocks_id, sizeof blocks_id, "[\"%s\"]", json_string_value(filter));
    json_decref(filter);
    const char *token = hex_address(&fed_contract_address[FED_CAIRN_TOKEN]).s;
    char params[512];
    (void)snprintf(params, sizeof params, "[{\"address\":\"%s\"}]", token);
    filter = ask(f, "eth_newFilter", params);
    char logs_id[40];
    (void)snprintf(logs_id, sizeof logs_id, "[\"%s\"]", json_string_value(filter));
    json_decref(filter);

    const struct abi_value args[] = {abi_address(&f->other), abi_u64(5)};
    json_t *receipt = invoke(f, FED_CAIRN_TOKEN, "transfer(address,uint256)", args, 2);
    check_objects(f, number_at(receipt, "blockNumber"));
    const json_t *log = json_array_get(json_object_get(receipt, "logs"), 0);
    (void)snprintf(params, sizeof params,
                   "[{\"fromBlock\":\"0x1\",\"address\":\"%s\",\"topics\":[\"%s\",null]}]", token,
                   json_string_value(json_array_get(json_object_get(log, "topics"), 0)));
    json_t *found = ask(f, "eth_getLogs", params);
    cr_assert_eq(json_array_size(found), 1);
    cr_expect(json_equal(json_array_get(found, 0), log));
    json_decref(found);
    (void)snprintf(params, sizeof params,
                   "[{\"blockHash\":\"%s\",\"topics\":[[\"0x%064x\",\"%s\"]]}]",
                   text_at(receipt, "blockHash"), 1,
                   json_string_value(json_array_get(json_object_get(log, "topics"), 0)));
    found = ask(f, "eth_getLogs", params);
    cr_expect_eq(json_array_size(found), 1);
    json_decref(found);

    found = ask(f, "eth_getFilterChanges", logs_id);
    cr_expect_geq(json_array_size(found), 1);
    json_decref(found);
    found = ask(f, "eth_getFilterChanges", logs_id);
    cr_expect_eq(json_array_size(found), 0, "told once");
    json_decref(found);
    found = ask(f, "eth_getFilterChanges", blocks_id);
    cr_expect_eq(json_array_size(found), 1);
    cr_expect_str_eq(json_string_value(json_array_get(found, 0)), text_at(receipt, "blockHash"));
    json_decref(found);
    json_decref(ask(f, "eth_uninstallFilter", logs_id));
    expect_error(f, "eth_getFilterChanges", logs_id, -32000, "filter not found");
    expect_error(f, "eth_getLogs", "[{\"fromBlock\":\"0x2\",\"toBlock\":\"0x1\"}]", -32602,
                 "invalid params");
    expect_error(f, "eth_getLogs", "[{\"fromBlock\":\"0x1\",\"blockHash\":\"0x00\"}]", -32602,
                 "invalid params");
    expect_error(f, "eth_getLogs", "[{\"fromBlok\":\"0x1\"}]", -32602,
                 "invalid params: filter.fromBlok");
    json_decref(receipt);
}

static void check_proof(struct fixture *f)
{
    const address_t *token = &fed_contract_address[FED_CAIRN_TOKEN];
    char params[160];
    (void)snprintf(params, sizeof params, "[\"%s\",[\"0x2\"],\"latest\"]", hex_address(token).s);
    json_t *p = ask(f, "eth_getProof", params);
    json_t *head = ask(f, "eth_getBlockByNumber", "[\"latest\",false]");
    const json_t *nodes = json_object_get(p, "accountProof");
    bytes_t raw[64];
    const size_t count = json_array_size(nodes);
    cr_assert(count > 0 && count <= ARRAY_LEN(raw));
    for (size_t i = 0; i < count; i++) {
        cr_assert(err_ok(ethjson_read_data(&raw[i], &f->arena, json_array_get(nodes, i), 100000)));
    }
    hash_t root;
    bytes_t value;
    cr_assert(err_ok(ethjson_read_hash(&root, json_object_get(head, "stateRoot"))));
    const hash_t key = keccak256(BYTES_OF(token->b));
    cr_expect(err_ok(proof_verify(&value, &root, BYTES_OF(key.b), raw, count)));
    cr_expect_gt(value.len, 0);
    json_decref(p);
    json_decref(head);
}

/// Goal: a family, a version and a proposal appear in the views as they were made.
static void check_views(struct fixture *f)
{
    const hash_t name = keccak256(LIT("hearts"));
    const struct abi_value policy = abi_address(&fed_contract_address[FED_FED_AVG]);
    const struct abi_value fields[] = {
        abi_hash(&name), abi_hash(&name),  abi_u64(2049), abi_u64(16), policy,       abi_u64(1),
        abi_u64(64),     abi_u64(1 << 21), abi_u64(1),    abi_u64(1),  abi_u64(500), abi_u64(100)};
    const struct abi_value params = abi_list(fields, ARRAY_LEN(fields));
    json_decref(invoke(
        f, FED_MODEL_REGISTRY,
        "createFamily((bytes32,bytes32,uint32,uint8,address,uint8,uint16,uint64,uint32,uint32,"
        "uint16,uint16))",
        &params, 1));
    json_t *family = ask(f, "model_getFamily", "[\"hearts\"]");
    cr_expect_eq(number_at(family, "paramCount"), 2049);
    hash_t family_id;
    cr_assert(err_ok(ethjson_read_hash(&family_id, json_object_get(family, "id"))));
    json_decref(family);

    const hash_t file = keccak256(LIT("file"));
    const struct abi_value version[] = {abi_hash(&family_id), abi_u64(0),      abi_list(NULL, 0),
                                        abi_hash(&file),      abi_hash(&file), abi_u64(8476),
                                        abi_hash(&name)};
    json_decref(invoke(f, FED_MODEL_REGISTRY,
                       "registerVersion(bytes32,uint8,bytes32[],bytes32,bytes32,uint64,bytes32)",
                       version, ARRAY_LEN(version)));
    char text[256];
    (void)snprintf(text, sizeof text, "[\"%s\"]", hex_hash(&file).s);
    json_t *known = ask(f, "model_verifyFile", text);
    cr_expect(json_is_true(json_object_get(known, "known")));
    json_t *v = ask(f, "model_getVersion", text);
    cr_expect_str_eq(text_at(v, "id"), text_at(known, "version"));
    cr_expect_str_eq(text_at(v, "kind"), "genesis");
    cr_expect_str_eq(text_at(v, "status"), "candidate");
    cr_expect_eq(number_at(v, "size"), 8476);
    (void)snprintf(text, sizeof text, "[\"%.12s\"]", text_at(v, "id"));
    json_t *short_id = ask(f, "model_getVersion", text);
    cr_expect(json_equal(short_id, v));
    json_decref(short_id);
    json_t *lineage = ask(f, "model_getLineage", text);
    cr_expect_eq(json_array_size(json_object_get(lineage, "nodes")), 1);
    json_decref(lineage);
    json_t *story = ask(f, "model_getTimeline", text);
    const json_t *first = json_array_get(json_object_get(story, "items"), 0);
    cr_expect_str_eq(text_at(first, "event"), "VersionRegistered");
    cr_expect_str_eq(text_at(first, "by"), hex_address(&f->rich_address).s);
    cr_expect_str_eq(text_at(json_object_get(first, "args"), "fileSha256"), hex_hash(&file).s);
    json_decref(story);
    hash_t base;
    cr_assert(err_ok(ethjson_read_hash(&base, json_object_get(v, "id"))));
    json_decref(v);
    json_decref(known);

    // A round needs a bonded aggregator, a commit a bonded participant.
    u256_t bonds[2];
    u256_t both;
    cr_assert(err_ok(u256_parse(&bonds[0], LIT("1000000000000000000000"))));
    cr_assert(err_ok(u256_parse(&bonds[1], LIT("2000000000000000000000"))));
    (void)u256_add(&both, &bonds[0], &bonds[1]);
    const struct abi_value allow[] = {abi_address(&fed_contract_address[FED_REWARDS]),
                                      abi_u256(&both)};
    json_decref(invoke(f, FED_CAIRN_TOKEN, "approve(address,uint256)", allow, 2));
    for (uint64_t role = 0; role < 2; role++) {
        const struct abi_value bond[] = {abi_u64(role), abi_u256(&bonds[role])};
        json_decref(invoke(f, FED_REWARDS, "bond(uint8,uint256)", bond, 2));
    }

    // A round on it.
    const struct abi_value round[] = {abi_u64(0),  abi_u64(1),    abi_u64(1),  abi_u64(10),
                                      abi_u64(2),  abi_u64(60),   abi_u64(60), abi_u64(60),
                                      abi_u64(60), abi_u64(3600), abi_u64(0)};
    const struct abi_value open[] = {abi_hash(&family_id), abi_hash(&base),
                                     abi_list(round, ARRAY_LEN(round))};
    json_decref(invoke(
        f, FED_ROUNDS,
        "openRound(bytes32,bytes32,(uint8,uint8,uint16,uint16,uint32,uint32,uint32,uint32,uint32,"
        "uint32,uint128))",
        open, ARRAY_LEN(open)));
    const struct abi_value commit[] = {abi_u64(1), abi_hash(&name)};
    json_decref(invoke(f, FED_ROUNDS, "commit(uint256,bytes32)", commit, 2));
    json_t *r = ask(f, "round_get", "[\"0x1\"]");
    cr_expect_str_eq(text_at(r, "state"), "open");
    cr_expect_eq(number_at(r, "n"), 1);
    cr_expect_eq(number_at(r, "nMax"), 10);
    cr_expect_eq(number_at(json_object_get(json_object_get(r, "deadlines"), "open"), "time"),
                 number_at(json_object_get(r, "deadlines"), "commit"));
    json_decref(r);
    r = ask(f, "round_getCommits", "[\"0x1\"]");
    const json_t *mine = json_array_get(json_object_get(r, "items"), 0);
    cr_expect_str_eq(text_at(mine, "status"), "committed");
    cr_expect_str_eq(text_at(mine, "digest"), hex_hash(&name).s);
    json_decref(r);
    r = ask(
        f, "round_list",
        "[{\"participant\":\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\",\"state\":\"open\"}]");
    cr_expect_eq(json_array_size(json_object_get(r, "items")), 1);
    json_decref(r);
    r = ask(f, "round_list", "[{\"participant\":\"" OTHER "\"}]");
    cr_expect_eq(json_array_size(json_object_get(r, "items")), 0);
    json_decref(r);
    r = ask(f, "reward_getBalance", "[\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\"]");
    cr_expect_str_eq(text_at(json_object_get(r, "bonded"), "participant"), "0x3635c9adc5dea00000");
    json_decref(r);
    r = ask(f, "reward_getHistory",
            "[{\"address\":\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\"}]");
    cr_expect_str_eq(text_at(json_array_get(json_object_get(r, "items"), 0), "kind"), "bonded");
    json_decref(r);
    json_t *supply = ask(f, "reward_getSupply", "[]");
    cr_expect_str_eq(text_at(supply, "bonded"), "0xa2a15d09519be00000");
    json_decref(supply);
}

static void check_dao(struct fixture *f)
{
    struct buf data;
    buf_init(&data, 4096);
    const struct abi_value delay = abi_u64(2);
    cr_assert(err_ok(abi_build_call(&data, "updateDelay(uint256)", &delay, 1)));
    const struct abi_value target = abi_address(&fed_contract_address[FED_TIMELOCK_CONTROLLER]);
    const struct abi_value zero = abi_u64(0);
    const struct abi_value call = abi_bytes(buf_bytes(&data));
    const struct abi_value propose[] = {abi_list(&target, 1), abi_list(&zero, 1),
                                        abi_list(&call, 1),
                                        abi_string("# Wait longer\nTwo seconds.")};
    json_decref(
        invoke(f, FED_CAIRN_GOVERNOR, "propose(address[],uint256[],bytes[],string)", propose, 4));
    buf_deinit(&data);
    json_t *list = ask(f, "dao_listProposals", "[]");
    const json_t *p = json_array_get(json_object_get(list, "items"), 0);
    cr_assert_not_null(p);
    cr_expect_str_eq(text_at(p, "title"), "Wait longer");
    cr_expect_str_eq(text_at(p, "state"), "pending");
    hash_t id;
    cr_assert(err_ok(ethjson_read_hash(&id, json_object_get(p, "id"))));
    json_decref(list);
    json_decref(transact(f, &f->other, BYTES_NONE, 1));
    json_decref(transact(f, &f->other, BYTES_NONE, 1));
    const u256_t number = u256_from_hash(&id);
    const struct abi_value vote[] = {abi_u256(&number), abi_u64(1), abi_string("good")};
    json_decref(invoke(f, FED_CAIRN_GOVERNOR, "castVoteWithReason(uint256,uint8,string)", vote, 3));

    char text[96];
    (void)snprintf(text, sizeof text, "[\"%s\"]", hex_hash(&id).s);
    json_t *one = ask(f, "dao_getProposal", text);
    cr_expect_str_eq(text_at(one, "state"), "active");
    cr_expect_str_eq(text_at(json_object_get(one, "nextStep"), "action"), "vote");
    cr_expect(json_is_true(json_object_get(json_object_get(one, "tally"), "quorumReached")));
    const json_t *action = json_array_get(json_object_get(one, "actions"), 0);
    cr_expect_str_eq(text_at(action, "name"), "TimelockController");
    cr_expect_str_eq(text_at(action, "function"), "updateDelay(uint256)");
    cr_expect_eq(json_array_size(json_object_get(json_object_get(one, "timeline"), "items")), 2);
    json_decref(one);
    json_t *votes = ask(f, "dao_getVotes", text);
    const json_t *mine = json_array_get(json_object_get(votes, "items"), 0);
    cr_expect_str_eq(text_at(mine, "support"), "for");
    cr_expect_str_eq(text_at(mine, "reason"), "good");
    json_decref(votes);
    for (size_t i = 0; i < 5; i++) json_decref(transact(f, &f->other, BYTES_NONE, 1));
    one = ask(f, "dao_getProposal", text);
    cr_expect_str_eq(text_at(one, "state"), "succeeded");
    cr_expect_str_eq(text_at(json_object_get(one, "nextStep"), "action"), "queue");
    json_decref(one);
    json_t *power = ask(f, "dao_getPower", "[\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\"]");
    cr_expect_eq(number_at(power, "reputationPpm"), 500000);
    json_decref(power);
}

static void check_rest(struct fixture *f)
{
    json_t *v = ask(f, "eth_feeHistory", "[\"0x4\",\"latest\",[0,50,100]]");
    cr_expect_eq(json_array_size(json_object_get(v, "baseFeePerGas")), 5);
    cr_expect_eq(json_array_size(json_object_get(v, "reward")), 4);
    json_decref(v);
    v = ask(f, "eth_maxPriorityFeePerGas", "[]");
    cr_expect_str_eq(json_string_value(v), "0x3b9aca00", "what was paid");
    json_decref(v);
    v = ask(f, "txpool_status", "[]");
    cr_expect_eq(number_at(v, "pending"), 0);
    json_decref(v);
    v = ask(f, "txpool_content", "[]");
    cr_expect_eq(json_object_size(json_object_get(v, "pending")), 0);
    json_decref(v);
    v = ask(f, "qbft_getValidatorsByBlockNumber", "[\"latest\"]");
    cr_expect_eq(json_array_size(v), 1);
    json_decref(v);
    v = ask(f, "qbft_status", "[]");
    cr_expect(json_is_true(json_object_get(v, "isValidator")));
    json_decref(v);
    v = ask(f, "eth_getBlockByNumber", "[\"pending\",true]");
    cr_expect(json_is_null(json_object_get(v, "hash")));
    cr_expect_str_eq(text_at(v, "extraData"), "0x", "client libraries take no null here");
    json_decref(v);
    v = ask(f, "rpc_modules", "[]");
    cr_expect_eq(json_object_size(v), 11);
    json_decref(v);
    v = ask(f, "rpc.discover", "[]");
    cr_expect_eq(json_array_size(json_object_get(v, "methods")), RPC_METHOD_COUNT - 2,
                 "all but the two votes");
    json_decref(v);
    expect_error(f, "qbft_proposeValidatorVote", "[\"" OTHER "\",true]", -32601, "the method");
}

// ---- tracing ------------------------------------------------------------------------------

#define A "0x00000000000000000000000000000000000000aa"
#define B "0x00000000000000000000000000000000000000bb"
#define HEIR "0x00000000000000000000000000000000000000cc"
#define SLOT_1 "0x0000000000000000000000000000000000000000000000000000000000000001"
#define WORD_5 "0x0000000000000000000000000000000000000000000000000000000000000005"
/// Calls B, stores 5 in slot 1 and loads it, creates nothing much, logs, destructs itself.
#define CODE_A                                                                                     \
    "0x6000600060006000600060bb61fffff1506005600155600154506000600060"                             \
    "00f05060076020"                                                                               \
    "6000a160ccff"
/// Panic(0x11).
#define CODE_B                                                                                     \
    "0x7f4e487b7100000000000000000000000000000000000000000000000000000000600052601160045260246000" \
    "fd"

/// debug_traceCall of A, which has this code, with these options (a JSON object's inside).
static json_t *trace_code(struct fixture *f, const char *code, const char *options)
{
    char params[2048];
    (void)snprintf(params, sizeof params,
                   "[{\"to\":\"" A "\",\"gas\":\"0xfffff\"},\"latest\",{%s%s\"stateOverrides\":{"
                   "\"" A "\":{\"code\":\"%s\",\"balance\":\"0x9\"},\"" B "\":{\"code\":\"" CODE_B
                   "\"}}}]",
                   options, options[0] != 0 ? "," : "", code);
    return ask(f, "debug_traceCall", params);
}

#define CALL_TRACER "\"tracer\":\"callTracer\""

/// Goal: the tree of a call has each kind of frame with what it did and why it failed.
static void check_call_tracer(struct fixture *f)
{
    json_t *t = trace_code(f, CODE_A, CALL_TRACER ",\"tracerConfig\":{\"withLog\":true}");
    cr_expect_str_eq(text_at(t, "type"), "CALL");
    cr_expect_str_eq(text_at(t, "to"), A);
    cr_expect_str_eq(text_at(t, "gas"), "0xfffff");
    cr_expect_null(json_object_get(t, "error"));
    const json_t *calls = json_object_get(t, "calls");
    cr_assert_eq(json_array_size(calls), 3);
    const json_t *c = json_array_get(calls, 0);
    cr_expect_str_eq(text_at(c, "to"), B);
    cr_expect_str_eq(text_at(c, "from"), A);
    cr_expect_str_eq(text_at(c, "gas"), "0xffff");
    cr_expect_str_eq(text_at(c, "error"), "execution reverted");
    const u256_t panic = u256_from_u64(0x11);
    cr_expect_str_eq(text_at(c, "revertReason"), abi_panic_text(&panic));
    cr_expect_eq(strlen(text_at(c, "output")), 2 + 2 * 36);
    c = json_array_get(calls, 1);
    cr_expect_str_eq(text_at(c, "type"), "CREATE");
    cr_expect_str_eq(text_at(c, "input"), "0x");
    c = json_array_get(calls, 2);
    cr_expect_str_eq(text_at(c, "type"), "SELFDESTRUCT");
    cr_expect_str_eq(text_at(c, "to"), HEIR);
    cr_expect_str_eq(text_at(c, "value"), "0x9");
    const json_t *logs = json_object_get(t, "logs");
    cr_assert_eq(json_array_size(logs), 1);
    const json_t *log = json_array_get(logs, 0);
    cr_expect_str_eq(text_at(log, "address"), A);
    cr_expect_str_eq(text_at(log, "position"), "0x2");
    cr_expect_eq(strlen(text_at(log, "data")), 66);
    cr_expect_eq(json_array_size(json_object_get(log, "topics")), 1);
    json_decref(t);

    t = trace_code(f, CODE_A, CALL_TRACER ",\"tracerConfig\":{\"onlyTopCall\":true}");
    cr_expect_null(json_object_get(t, "calls"));
    cr_expect_null(json_object_get(t, "logs"));
    json_decref(t);

    static const struct {
        const char *code;
        const char *error;
    } halts[] = {
        {"0x0c", "invalid opcode: opcode 0xc not defined"},
        {"0xfe", "invalid opcode: INVALID"},
        {"0x600101", "stack underflow (1 <=> 2)"},
        {"0x600356", "invalid jump destination"},
        {"0x5b600056", "out of gas"},
        {"0x5b6001600056", "stack limit reached 1024 (1023)"},
        {"0x60006000fd", "execution reverted"},
        {"0x60016000600e3e", "return data out of bounds"},
        {"0x600660006000f0", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(halts); i++) {
        t = trace_code(f, halts[i].code, CALL_TRACER);
        const char *error = json_string_value(json_object_get(t, "error"));
        if (halts[i].error == NULL)
            cr_expect_null(error, "%s", halts[i].code);
        else
            cr_expect_str_eq(error, halts[i].error, "%s", halts[i].code);
        json_decref(t);
    }
    // A log in what is undone is not told.
    t = trace_code(f, "0x60006000a060006000fd", CALL_TRACER ",\"tracerConfig\":{\"withLog\":true}");
    cr_expect_null(json_object_get(t, "logs"));
    json_decref(t);
}

static const json_t *step_of(const json_t *trace, const char *op)
{
    size_t i;
    const json_t *step;
    json_array_foreach(json_object_get(trace, "structLogs"), i, step)
    {
        if (strcmp(text_at(step, "op"), op) == 0) return step;
    }
    return NULL;
}

/// Goal: struct logs have what the options ask for and cost what was paid.
static void check_struct_logs(struct fixture *f)
{
    json_t *t = trace_code(f, CODE_A, "\"enableMemory\":true,\"enableReturnData\":true");
    const json_t *steps = json_object_get(t, "structLogs");
    cr_expect(json_is_false(json_object_get(t, "failed")));
    const json_t *load = step_of(t, "SLOAD");
    cr_assert_not_null(load);
    const json_t *storage = json_object_get(load, "storage");
    cr_expect_str_eq(text_at(storage, SLOT_1), WORD_5);
    const json_t *stack = json_object_get(load, "stack");
    cr_expect_str_eq(json_string_value(json_array_get(stack, 0)), "0x1");
    cr_expect_eq(strlen(text_at(load, "returnData")), 2 + 2 * 36);
    cr_expect_eq(json_array_size(json_object_get(step_of(t, "REVERT"), "memory")), 2);
    cr_expect_eq(json_integer_value(json_object_get(step_of(t, "REVERT"), "depth")), 2);
    // What a step costs is the difference to the next one of its depth that calls nothing.
    size_t compared = 0;
    for (size_t i = 0; i + 1 < json_array_size(steps); i++) {
        const json_t *a = json_array_get(steps, i);
        const json_t *b = json_array_get(steps, i + 1);
        const char *op = text_at(a, "op");
        if (!json_equal(json_object_get(a, "depth"), json_object_get(b, "depth")) ||
            strcmp(op, "CREATE") == 0)
            continue;
        cr_expect_eq(json_integer_value(json_object_get(a, "gas")) -
                         json_integer_value(json_object_get(b, "gas")),
                     json_integer_value(json_object_get(a, "gasCost")), "step %zu %s", i, op);
        compared++;
    }
    cr_expect_gt(compared, 25);
    json_decref(t);

    t = trace_code(f, CODE_A, "\"disableStack\":true,\"disableStorage\":true");
    cr_expect_null(json_object_get(step_of(t, "SLOAD"), "stack"));
    cr_expect_null(json_object_get(step_of(t, "SLOAD"), "storage"));
    cr_expect_null(json_object_get(step_of(t, "SLOAD"), "memory"));
    json_decref(t);
    t = trace_code(f, CODE_A, "\"limit\":100");
    cr_expect_leq(json_array_size(json_object_get(t, "structLogs")), 3);
    json_decref(t);
    t = trace_code(f, "0x600101", "");
    cr_expect(json_is_true(json_object_get(t, "failed")));
    cr_expect_str_eq(text_at(step_of(t, "ADD"), "error"), "stack underflow (1 <=> 2)");
    json_decref(t);
}

static void check_prestate(struct fixture *f)
{
    json_t *t = trace_code(f, CODE_A, "\"tracer\":\"prestateTracer\"");
    const json_t *a = json_object_get(t, A);
    cr_expect_str_eq(text_at(a, "code"), CODE_A);
    cr_expect_str_eq(text_at(a, "balance"), "0x9");
    cr_expect_not_null(json_object_get(json_object_get(a, "storage"), SLOT_1));
    cr_expect_str_eq(text_at(json_object_get(t, B), "code"), CODE_B);
    cr_expect_str_eq(text_at(json_object_get(t, HEIR), "balance"), "0x0");
    json_decref(t);
    t = trace_code(f, CODE_A, "\"tracer\":\"prestateTracer\",\"tracerConfig\":{\"diffMode\":true}");
    const json_t *pre = json_object_get(t, "pre");
    const json_t *post = json_object_get(t, "post");
    cr_expect_null(json_object_get(pre, B), "not changed");
    cr_expect_null(json_object_get(json_object_get(pre, A), "storage"), "it was zero");
    a = json_object_get(post, A);
    cr_expect_str_eq(text_at(a, "balance"), "0x0");
    cr_expect_str_eq(text_at(json_object_get(a, "storage"), SLOT_1), WORD_5);
    cr_expect_null(json_object_get(a, "code"));
    cr_expect_str_eq(text_at(json_object_get(post, HEIR), "balance"), "0x9");
    json_decref(t);
    t = trace_code(f, CODE_A, "\"tracer\":\"noopTracer\"");
    cr_expect_eq(json_object_size(t), 0);
    json_decref(t);
}

/// Goal: what is traced of included transactions is what their receipts say, also in the middle
/// of a block.
static void check_traced_blocks(struct fixture *f)
{
    const struct abi_value args[] = {abi_address(&f->other), abi_u64(5)};
    json_t *receipt = invoke(f, FED_CAIRN_TOKEN, "transfer(address,uint256)", args, 2);
    char params[256];
    (void)snprintf(params, sizeof params,
                   "[\"%s\",{" CALL_TRACER ",\"tracerConfig\":{\"withLog\":true}}]",
                   text_at(receipt, "transactionHash"));
    json_t *t = ask(f, "debug_traceTransaction", params);
    cr_expect_str_eq(text_at(t, "gasUsed"), text_at(receipt, "gasUsed"));
    const json_t *wanted = json_array_get(json_object_get(receipt, "logs"), 0);
    // A proxy's implementation may be the one that logs: look below.
    const json_t *frame = t;
    while (json_object_get(frame, "logs") == NULL && json_object_get(frame, "calls") != NULL)
        frame = json_array_get(json_object_get(frame, "calls"), 0);
    const json_t *log = json_array_get(json_object_get(frame, "logs"), 0);
    static const char *const same[] = {"address", "topics", "data"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        cr_expect(json_equal(json_object_get(log, same[i]), json_object_get(wanted, same[i])), "%s",
                  same[i]);
    cr_expect_str_eq(text_at(log, "index"), text_at(wanted, "logIndex"));
    json_decref(t);
    const uint64_t last = number_at(receipt, "blockNumber");
    json_decref(receipt);

    size_t most = 0;
    for (uint64_t number = 1; number <= last; number++) {
        (void)snprintf(params, sizeof params, "[\"0x%lx\",true]", (unsigned long)number);
        json_t *block = ask(f, "eth_getBlockByNumber", params);
        const json_t *txs = json_object_get(block, "transactions");
        if (json_array_size(txs) > most) most = json_array_size(txs);
        (void)snprintf(params, sizeof params, "[\"%s\",{\"tracer\":\"prestateTracer\"}]",
                       text_at(block, "hash"));
        json_t *traces = ask(f, "debug_traceBlockByHash", params);
        cr_assert_eq(json_array_size(traces), json_array_size(txs));
        for (size_t i = 0; i < json_array_size(txs); i++) {
            const json_t *tx = json_array_get(txs, i);
            const json_t *one = json_array_get(traces, i);
            cr_expect_str_eq(text_at(one, "txHash"), text_at(tx, "hash"));
            const json_t *sender =
                json_object_get(json_object_get(one, "result"), text_at(tx, "from"));
            cr_expect_eq((uint64_t)json_integer_value(json_object_get(sender, "nonce")),
                         number_at(tx, "nonce"), "the state between two transactions");
            (void)snprintf(params, sizeof params, "[\"%s\",{\"tracer\":\"prestateTracer\"}]",
                           text_at(tx, "hash"));
            json_t *alone = ask(f, "debug_traceTransaction", params);
            cr_expect(json_equal(alone, json_object_get(one, "result")));
            json_decref(alone);
        }
        json_decref(traces);
        json_decref(block);
    }
    cr_expect_gt(most, 1, "a block with several transactions");
}

static void check_raw(struct fixture *f)
{
    json_t *block = ask(f, "eth_getBlockByNumber", "[\"0x1\",false]");
    json_t *raw = ask(f, "debug_getRawBlock", "[\"0x1\"]");
    bytes_t bytes;
    struct block b;
    cr_assert(err_ok(ethjson_read_data(&bytes, &f->arena, raw, 1000000)));
    cr_assert(err_ok(block_decode(&b, &f->arena, bytes)));
    cr_expect_str_eq(hex_hash(&b.hash).s, text_at(block, "hash"));
    json_decref(raw);
    raw = ask(f, "debug_getRawHeader", "[\"0x1\"]");
    cr_expect_gt(strlen(json_string_value(raw)), 1000);
    json_decref(raw);
    char params[80];
    (void)snprintf(params, sizeof params, "[\"%s\"]", hex_hash(&b.txs[0].hash).s);
    raw = ask(f, "debug_getRawTransaction", params);
    cr_assert(err_ok(ethjson_read_data(&bytes, &f->arena, raw, 1000000)));
    const hash_t hash = keccak256(bytes);
    cr_expect(hash_eq(&hash, &b.txs[0].hash));
    json_decref(raw);
    raw = ask(f, "debug_getRawReceipts", "[\"0x1\"]");
    cr_assert_eq(json_array_size(raw), b.tx_count);
    struct receipt r;
    cr_assert(err_ok(ethjson_read_data(&bytes, &f->arena, json_array_get(raw, 0), 1000000)));
    cr_expect(err_ok(receipt_decode(&r, &f->arena, bytes)));
    json_decref(raw);
    json_decref(block);
}

static void check_trace_refusals(struct fixture *f)
{
    expect_error(f, "debug_traceTransaction", "[\"" SLOT_1 "\"]", -32000, "transaction not found");
    expect_error(f, "debug_traceBlockByNumber", "[\"earliest\"]", -32000,
                 "genesis is not traceable");
    expect_error(f, "debug_traceBlockByNumber", "[\"0xffff\"]", -32001, "resource not found");
    expect_error(f, "debug_traceCall", "[{},\"latest\",{\"tracer\":\"muxTracer\"}]", -32602,
                 "invalid params: options.tracer");
    expect_error(f, "debug_traceCall", "[{},\"latest\",{\"traser\":\"callTracer\"}]", -32602,
                 "invalid params");
    expect_error(f, "debug_traceCall",
                 "[{},\"latest\",{" CALL_TRACER ",\"tracerConfig\":{\"diffMode\":true}}]", -32602,
                 "invalid params");
    expect_error(f, "debug_traceCall", "[{},\"latest\",{\"timeout\":\"soon\"}]", -32602,
                 "invalid params: options.timeout");
    // A loop that would take longer than it may; one whose memory is too much to tell.
    expect_error(f, "debug_traceCall",
                 "[{\"to\":\"" A "\"},\"latest\",{\"timeout\":\"20ms\",\"tracer\":\"noopTracer\","
                 "\"stateOverrides\":{\"" A "\":{\"code\":\"0x5b600056\"}}}]",
                 -32005, "limit exceeded");
    expect_error(f, "debug_traceCall",
                 "[{\"to\":\"" A "\"},\"latest\",{\"enableMemory\":true,"
                 "\"stateOverrides\":{\"" A "\":{\"code\":\"0x6001620fffff525b600756\"}}}]",
                 -32005, "limit exceeded");
}

Test(ns, all_over_one_node, .timeout = 120)
{
    static struct fixture f;
    start(&f);
    check_identity(&f);
    check_submission(&f);
    check_batch(&f);
    check_calls(&f);
    check_logs(&f);
    check_proof(&f);
    check_call_tracer(&f);
    check_struct_logs(&f);
    check_prestate(&f);
    check_traced_blocks(&f);
    check_raw(&f);
    check_trace_refusals(&f);
    check_views(&f);
    check_dao(&f);
    check_rest(&f);
    stop(&f);
}

/// Goal: every row of the table is well formed: parameters are name:type, required ones first,
/// and no method stands there twice.
Test(ns, table)
{
    for (size_t i = 0; i < RPC_METHOD_COUNT; i++) {
        const struct rpc_method *m = &RPC_METHODS[i];
        cr_expect_not_null(m->handler);
        bool optional = false;
        for (const char *p = m->params; *p != 0;) {
            const size_t len = strcspn(p, " ");
            cr_expect_not_null(memchr(p, ':', len), "%s: %s", m->name, m->params);
            const bool is_optional = p[len - 1] == '?';
            cr_expect(is_optional || !optional, "%s: a required parameter after an optional one",
                      m->name);
            optional = is_optional;
            p += len;
            if (*p == ' ') p++;
        }
        for (size_t k = 0; k < i; k++) cr_expect_str_neq(RPC_METHODS[k].name, m->name);
    }
}
