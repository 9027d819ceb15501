// SPDX-License-Identifier: Apache-2.0
// The methods of Ethereum over one node.
#include "chain/base/hex.h"
#include "chain/codec/ethjson.h"
#include "chain/crypto/keccak.h"
#include "chain/trie/proof.h"
#include "rpc/ns/handlers.h"
#include "test/unit/rpc/ns/ns_fixture.h"

#include <stdio.h>
#include <stdlib.h>

// ---- tests --------------------------------------------------------------------------------

static void check_identity(struct ns_fixture *f)
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
    expect_error(f, "eth_getBlockByHash", "[\"0x12\",false]", -32602, "invalid params: hash");
    expect_error(f, "eth_getBlockByHash", "[\"latest\",false]", -32602, "invalid params: hash");
    expect_error(f, "qbft_getValidatorsByBlockHash", "[\"0x1\"]", -32602, "invalid params: hash");
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
static void check_objects(struct ns_fixture *f, uint64_t number)
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

static void check_submission(struct ns_fixture *f)
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
static void check_batch(struct ns_fixture *f)
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

static void check_calls(struct ns_fixture *f)
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

static void check_logs(struct ns_fixture *f)
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

static void check_proof(struct ns_fixture *f)
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

static void check_rest(struct ns_fixture *f)
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
    cr_expect_eq(json_array_size(json_object_get(v, "lastSeals")), 1);
    cr_expect_eq(json_array_size(json_object_get(v, "missing")), 0);
    cr_expect_eq(number_at(v, "timeout"), 4);
    cr_expect_gt(number_at(v, "guardHeight"), 0);
    cr_expect(json_is_false(json_object_get(v, "equivocationSelf")));
    cr_expect(json_is_null(json_object_get(v, "stall")), "blocks come");
    const uint64_t height = number_at(v, "height");
    json_decref(v);
    v = ask(f, "qbft_getSignerMetrics", "[\"earliest\"]");
    cr_expect_eq(json_array_size(v), 1);
    cr_expect_eq(number_at(json_array_get(v, 0), "lastProposedBlockNumber"), height - 2);
    cr_expect_eq(number_at(json_array_get(v, 0), "proposedBlockCount"), height - 2);
    json_decref(v);
    expect_error(f, "qbft_getSignerMetrics", "[\"0x5\",\"0x5\"]", -32602, "invalid params");
    v = ask(f, "qbft_getEvidence", "[]");
    cr_expect_eq(json_array_size(v), 0, "nobody lied");
    cr_expect(json_is_array(v));
    json_decref(v);
    v = ask(f, "qbft_getRequestTimeoutSeconds", "[]");
    cr_expect_eq(json_integer_value(v), 4);
    json_decref(v);
    v = ask(f, "eth_getBlockByNumber", "[\"pending\",true]");
    cr_expect(json_is_null(json_object_get(v, "hash")));
    cr_expect_str_eq(text_at(v, "extraData"), "0x", "client libraries take no null here");
    json_decref(v);
    v = ask(f, "rpc_modules", "[]");
    cr_expect_eq(json_object_size(v), 11);
    json_decref(v);
    v = ask(f, "rpc.discover", "[]");
    size_t open = 0;
    for (size_t i = 0; i < RPC_METHOD_COUNT; i++) open += RPC_METHODS[i].access == RPC_OPEN;
    cr_expect_eq(json_array_size(json_object_get(v, "methods")), open,
                 "all but the two votes and admin_*");
    json_decref(v);
    expect_error(f, "qbft_proposeValidatorVote", "[\"" OTHER "\",true]", -32601, "the method");
    expect_error(f, "admin_peers", "[]", -32601,
                 "the method admin_peers answers on the local socket only");
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
static json_t *trace_code(struct ns_fixture *f, const char *code, const char *options)
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
static void check_call_tracer(struct ns_fixture *f)
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
    cr_expect_str_eq(text_at(c, "revertReason"), "arithmetic underflow or overflow");
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

/// Goal: the list has the tree's frames with their places in it.
static void check_flat_tracer(struct ns_fixture *f)
{
    json_t *t = trace_code(f, CODE_A, "\"tracer\":\"flatCallTracer\"");
    cr_assert_eq(json_array_size(t), 4);
    const json_t *top = json_array_get(t, 0);
    cr_expect_eq(json_integer_value(json_object_get(top, "subtraces")), 3);
    cr_expect_str_eq(text_at(top, "type"), "call");
    static const char *const types[] = {"call", "create", "suicide"};
    for (size_t i = 0; i < 3; i++) {
        const json_t *frame = json_array_get(t, i + 1);
        const json_t *at = json_object_get(frame, "traceAddress");
        cr_expect_str_eq(text_at(frame, "type"), types[i]);
        cr_expect_eq(json_array_size(at), 1);
        cr_expect_eq(json_integer_value(json_array_get(at, 0)), (json_int_t)i);
    }
    const json_t *reverted = json_array_get(t, 1);
    cr_expect_str_eq(text_at(reverted, "error"), "execution reverted");
    cr_expect_eq(strlen(text_at(json_object_get(reverted, "result"), "output")), 2 + 2 * 36);
    cr_expect_null(json_object_get(json_array_get(t, 3), "result"));
    json_decref(t);
    // Calls to precompiles: B calls the identity (4) and then A's code ends.
    static const char code[] = "0x600060006000600060045afa50600060006000600060bb5afa5000";
    t = trace_code(f, code, "\"tracer\":\"flatCallTracer\"");
    cr_assert_eq(json_array_size(t), 2);
    cr_expect_eq(json_integer_value(
                     json_array_get(json_object_get(json_array_get(t, 1), "traceAddress"), 0)),
                 0);
    json_decref(t);
    t = trace_code(f, code,
                   "\"tracer\":\"flatCallTracer\",\"tracerConfig\":{\"includePrecompiles\":true,"
                   "\"convertParityErrors\":true}");
    cr_assert_eq(json_array_size(t), 3);
    cr_expect_str_eq(text_at(json_array_get(t, 2), "error"), "Reverted");
    json_decref(t);
    t = ask(f, "debug_getBadBlocks", "[]");
    cr_expect_eq(json_array_size(t), 0);
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
static void check_struct_logs(struct ns_fixture *f)
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

static void check_prestate(struct ns_fixture *f)
{
    json_t *t = trace_code(f, CODE_A, "\"tracer\":\"prestateTracer\"");
    const json_t *a = json_object_get(t, A);
    cr_expect_str_eq(text_at(a, "code"), CODE_A);
    cr_expect_str_eq(text_at(a, "balance"), "0x9");
    cr_expect_not_null(json_object_get(json_object_get(a, "storage"), SLOT_1));
    cr_expect_str_eq(text_at(json_object_get(t, B), "code"), CODE_B);
    cr_expect_null(json_object_get(t, HEIR)); // was empty
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
static void check_traced_blocks(struct ns_fixture *f)
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

static void check_raw(struct ns_fixture *f)
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

static void check_trace_refusals(struct ns_fixture *f)
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
                 "[{},\"latest\",{" CALL_TRACER ",\"tracerConfig\":{\"diffmode\":true}}]", -32602,
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

// ---- simulation and access lists ------------------------------------------------------------

/// Goal: calls see what earlier ones did, in their block and in blocks before; a block that is
/// simulated without overrides has the roots that a real one would have.
static void check_simulation(struct ns_fixture *f)
{
    char params[4096];
    // A has code that adds one to its slot 1 and returns it; a log; a transfer to HEIR.
    static const char counter[] = "0x600154600101806001556000526020600060aa8180a260206000f3";
    (void)snprintf(params, sizeof params,
                   "[{\"blockStateCalls\":[{\"stateOverrides\":{\"" A "\":{\"code\":\"%s\"},"
                   "\"" B "\":{\"balance\":\"0x64\"}},\"calls\":[{\"to\":\"" A "\"},"
                   "{\"to\":\"" A "\"},{\"from\":\"" B "\",\"to\":\"" HEIR
                   "\",\"value\":\"0x9\"}]},{\"blockOverrides\":{\"number\":\"0x%lx\","
                   "\"time\":\"0xffffffff\"},\"calls\":[{\"to\":\"" A "\"}]}],"
                   "\"traceTransfers\":true,\"returnFullTransactions\":true}]",
                   counter, 1000UL);
    json_t *head = ask(f, "eth_getBlockByNumber", "[\"latest\",false]");
    const uint64_t base = number_at(head, "number");
    char gap[16];
    (void)snprintf(gap, sizeof gap, "\"0x%lx\"", (unsigned long)base + 3);
    char *at = strstr(params, "\"0x3e8\"");
    cr_assert_not_null(at);
    memmove(at + strlen(gap), at + 7, strlen(at + 7) + 1);
    memcpy(at, gap, strlen(gap));
    json_t *r = ask(f, "eth_simulateV1", params);
    cr_assert_eq(json_array_size(r), 3, "one in between");
    const json_t *first = json_array_get(r, 0);
    cr_expect_eq(number_at(first, "number"), base + 1);
    cr_expect_str_eq(text_at(first, "parentHash"), text_at(head, "hash"));
    cr_expect_eq(number_at(first, "timestamp"), number_at(head, "timestamp") + 12);
    const json_t *calls = json_object_get(first, "calls");
    cr_assert_eq(json_array_size(calls), 3);
    for (size_t i = 0; i < 2; i++) {
        const json_t *c = json_array_get(calls, i);
        cr_expect_str_eq(text_at(c, "status"), "0x1");
        cr_expect_eq(text_at(c, "returnData")[65], (char)('1' + i));
        cr_expect_eq(json_array_size(json_object_get(c, "logs")), 1);
    }
    const json_t *log = json_array_get(json_object_get(json_array_get(calls, 2), "logs"), 0);
    cr_expect_str_eq(text_at(log, "address"), "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
    cr_expect_str_eq(text_at(log, "logIndex"), "0x2");
    cr_expect_str_eq(text_at(log, "blockHash"), text_at(first, "hash"));
    const json_t *txs = json_object_get(first, "transactions");
    cr_expect_str_eq(text_at(json_array_get(txs, 2), "from"), B);
    cr_expect_str_eq(text_at(json_array_get(txs, 2), "nonce"), "0x0");
    const json_t *last = json_array_get(r, 2);
    cr_expect_eq(number_at(last, "timestamp"), 0xffffffff);
    const json_t *again = json_array_get(json_object_get(last, "calls"), 0);
    cr_expect_eq(text_at(again, "returnData")[65], '3', "across blocks");
    json_decref(r);

    // Nothing done: the state's root is the head's.
    r = ask(f, "eth_simulateV1", "[{\"blockStateCalls\":[{}]}]");
    cr_expect_str_eq(text_at(json_array_get(r, 0), "stateRoot"), text_at(head, "stateRoot"));
    json_decref(r);
    json_decref(head);
    r = ask(f, "eth_simulateV1",
            "[{\"blockStateCalls\":[{\"stateOverrides\":{\"" B "\":{\"code\":\"" CODE_B
            "\"}},\"calls\":[{\"to\":\"" B "\"}]}]}]");
    const json_t *failed = json_array_get(json_object_get(json_array_get(r, 0), "calls"), 0);
    cr_expect_str_eq(text_at(failed, "status"), "0x0");
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(failed, "error"), "code")), 3);
    cr_expect_eq(strlen(text_at(json_object_get(failed, "error"), "data")), 2 + 2 * 36);
    json_decref(r);
    static const struct {
        const char *payload;
        int code;
    } refusals[] = {
        {"{\"blockStateCalls\":[{\"calls\":[{\"from\":\"" HEIR "\",\"to\":\"" A
         "\",\"value\":\"0x1\"}]}]}",
         -38014},
        {"{\"blockStateCalls\":[{\"calls\":[{\"from\":\"" HEIR "\",\"to\":\"" A
         "\",\"nonce\":\"0x5\"}]}],\"validation\":true}",
         -38012},
        {"{\"blockStateCalls\":[{\"blockOverrides\":{\"number\":\"0x1\"}}]}", -38020},
        {"{\"blockStateCalls\":[{\"blockOverrides\":{\"time\":\"0x1\"}}]}", -38021},
        {"{\"blockStateCalls\":[{\"calls\":[{\"to\":\"" A "\",\"gas\":\"0x10\"}]}]}", -38013},
        {"{\"blockStateCalls\":[{\"blockOverrides\":{\"number\":\"0xffff\"}}]}", -38026},
        {"{\"blockStateCalls\":[{\"blockOverrides\":{\"gasLimit\":\"0x5208\"},\"calls\":[{\"to\":"
         "\"" A "\",\"gas\":\"0x5209\"}]}]}",
         -38015},
        {"{\"blockStateCalls\":[]}", -32602},
        {"{\"blockStateCals\":[]}", -32602},
    };
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        (void)snprintf(params, sizeof params, "[%s]", refusals[i].payload);
        expect_error(f, "eth_simulateV1", params, refusals[i].code, "");
    }
}

static void check_access_list(struct ns_fixture *f)
{
    // SLOAD 1, SSTORE 2, BALANCE of HEIR, EXTCODESIZE of the sender's own.
    static const char code[] = "0x6001545060016002553373ffffffffffffffffffffffffffffffffffffffff"
                               "163b5060cc3100";
    char params[1024];
    (void)snprintf(
        params, sizeof params,
        "[{\"from\":\"" B "\",\"to\":\"" A "\"},\"latest\",{\"" A "\":{\"code\":\"%s\"}}]", code);
    json_t *r = ask(f, "eth_createAccessList", params);
    char *text = json_dumps(json_object_get(r, "accessList"), JSON_SORT_KEYS | JSON_COMPACT);
    cr_expect_str_eq(text,
                     "[{\"address\":\"" A "\",\"storageKeys\":[\"" SLOT_1
                     "\",\"0x0000000000000000000000000000000000000000000000000000000000000002\"]},"
                     "{\"address\":\"" HEIR "\",\"storageKeys\":[]}]");
    free(text);
    cr_expect_null(json_object_get(r, "error"));
    // With this list the call costs what it says.
    const uint64_t gas = number_at(r, "gasUsed");
    cr_expect(gas > 21000 + 2 * 2400 + 2 * 1900 && gas < 60000, "%lu", (unsigned long)gas);
    json_decref(r);
    (void)snprintf(params, sizeof params,
                   "[{\"to\":\"" A "\"},\"latest\",{\"" A "\":{\"code\":\"0x60006000fd\"}}]");
    r = ask(f, "eth_createAccessList", params);
    cr_expect_str_eq(text_at(r, "error"), "execution reverted");
    cr_expect_eq(json_array_size(json_object_get(r, "accessList")), 0);
    json_decref(r);
}

static void check_config(struct ns_fixture *f)
{
    json_t *c = ask(f, "eth_config", "[]");
    const json_t *current = json_object_get(c, "current");
    cr_expect_str_eq(text_at(current, "chainId"), "0x539");
    cr_expect_eq(strlen(text_at(current, "forkId")), 10);
    cr_expect_str_eq(text_at(json_object_get(current, "precompiles"), "ECREC"),
                     "0x0000000000000000000000000000000000000001");
    cr_expect_eq(json_object_size(json_object_get(current, "precompiles")), 10, "Cancun has ten");
    cr_expect(json_is_null(json_object_get(c, "next")));
    json_decref(c);
    c = ask(f, "eth_capabilities", "[]");
    cr_expect_eq(json_object_size(c), 7);
    cr_expect_str_eq(text_at(json_object_get(c, "stateproofs"), "oldestBlock"), "0x0");
    json_decref(c);
}

Test(ns, all_over_one_node, .timeout = 600)
{
    static struct ns_fixture f;
    ns_start(&f);
    check_identity(&f);
    check_submission(&f);
    check_batch(&f);
    check_calls(&f);
    check_logs(&f);
    check_proof(&f);
    check_call_tracer(&f);
    check_flat_tracer(&f);
    check_struct_logs(&f);
    check_prestate(&f);
    check_traced_blocks(&f);
    check_raw(&f);
    check_trace_refusals(&f);
    check_simulation(&f);
    check_access_list(&f);
    check_config(&f);
    check_rest(&f);
    ns_stop(&f);
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
