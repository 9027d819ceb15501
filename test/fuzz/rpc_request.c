// SPDX-License-Identifier: Apache-2.0
/// Any bytes as the body of a JSON-RPC request to a node with every namespace: the answer is
/// nothing or one strict JSON text, a list for a batch, and says the same id.
#include "rpc/jsonrpc/envelope.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"
#include "test/fuzz/fuzz.h"
#include "test/support/tiny_node.h"

static struct tiny_node tiny;
static struct rpc_env env;
static struct rpc_dispatcher *dispatcher;

static void close_all(void)
{
    rpc_dispatcher_free(dispatcher);
    rpc_env_close(&env);
    tiny_node_close(&tiny);
}

static void open_all(void)
{
    static const struct genesis_funds rich = {{{0x11}}, {{0, 1, 0, 0}}};
    tiny_node_open(&tiny, &(struct tiny_node_options){
                              .funds = &rich, .fund_count = 1, .system_contracts = true});
    env.client_version = "cairn/fuzz";
    env.limits = (struct rpc_limits){
        .logs_range = 5000, .logs_max = 100, .call_gas = 1000000, .call_time_ms = 200};
    EXPECT(err_ok(rpc_env_open(&env, tiny.node, 1)));
    const struct rpc_dispatch_options o = {
        .methods = RPC_METHODS,
        .method_count = RPC_METHOD_COUNT,
        .env = &env,
        .namespaces = "eth,net,web3,txpool,debug,qbft,model,round,reward,dao",
        .batch_max = 8,
        .call_time_ms = 200,
    };
    char bad[64];
    EXPECT(err_ok(rpc_dispatcher_new(&dispatcher, &o, bad)));
    env.dispatcher = dispatcher;
    EXPECT(atexit(close_all) == 0);
}

/// Sleeping until a block comes proves nothing here.
static bool waits(const struct envelopes *e)
{
    char name[80];
    const struct envelope *all = e->batch ? e->many : &e->only;
    for (size_t i = 0; i < (e->batch ? e->kept : 1); i++) {
        if (envelope_string(name, sizeof name, all[i].method) &&
            strcmp(name, "eth_sendRawTransactionSync") == 0)
            return true;
    }
    return false;
}

static void check_answer(bytes_t answer, const struct envelopes *request)
{
    struct envelopes e;
    struct json_detail detail;
    EXPECT(err_ok(envelopes_cut(&e, answer, SIZE_MAX, &detail)));
    EXPECT(!e.batch || request->batch);
    if (!e.batch) {
        EXPECT(e.only.is_object && bytes_eq(e.only.version, LIT("\"2.0\"")));
        EXPECT(bytes_eq(e.only.id, LIT("null")) || bytes_eq(e.only.id, request->only.id));
    }
    json_t *tree = NULL;
    EXPECT(e.only.id.len > 300 || err_ok(json_parse(&tree, answer, &detail)) ||
           strstr(detail.text, "real number overflow") != NULL ||
           strstr(detail.text, "too big") != NULL);
    json_decref(tree);
    envelopes_free(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (dispatcher == NULL) open_all();
    const bytes_t in = {data, size};
    struct envelopes request;
    struct json_detail detail;
    const bool cut = err_ok(envelopes_cut(&request, in, 1000, &detail));
    if (!cut || !waits(&request)) {
        struct buf out;
        buf_init(&out, (size_t)32 << 20);
        enum rpc_cost cost;
        struct rpc_request *r = rpc_request_parse(dispatcher, in, &cost);
        EXPECT(r != NULL);
        rpc_request_run(r, &out);
        rpc_request_free(r);
        EXPECT(err_ok(buf_status(&out)));
        EXPECT(cut || out.len != 0);
        if (out.len != 0) check_answer(buf_bytes(&out), &request);
        buf_deinit(&out);
    }
    envelopes_free(&request);
    return 0;
}
