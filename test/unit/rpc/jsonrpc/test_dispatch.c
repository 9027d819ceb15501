// SPDX-License-Identifier: Apache-2.0
#include "rpc/jsonrpc/dispatch.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/jsonrpc/params.h"

#include <criterion/criterion.h>

static bool echo(struct rpc_call *call)
{
    jw_json(&call->out, call->params);
    return true;
}

static bool sum(struct rpc_call *call)
{
    uint64_t a = 0;
    uint64_t b = 0;
    if (!param_u64(call, 0, &a)) return false;
    if (param_given(call, 1) && !param_u64(call, 1, &b)) return false;
    jw_qty(&call->out, a + b);
    return true;
}

/// Writes half a result before it fails: nothing of it may be seen.
static bool half(struct rpc_call *call)
{
    jw_open(&call->out, '{');
    jw_kv_qty(&call->out, "half", 1);
    return rpc_fail(call, RPC_SERVER, "changed its mind");
}

/// Prepares those without parameters.
static void group(struct rpc_call *const *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_eq(calls[i]->params_text, LIT("[]")))
            calls[i]->prepared = (void *)(uintptr_t)(count * 100 + i);
    }
}

static bool grouped(struct rpc_call *call)
{
    jw_int(&call->out, (int64_t)(uintptr_t)call->prepared);
    return true;
}

static bool big(struct rpc_call *call)
{
    static const uint8_t zeros[100000];
    jw_data(&call->out, BYTES_OF(zeros));
    return true;
}

// clang-format off
static const struct rpc_method table[] = {
    {"test_echo",    "a:any? b:any? c:any?",  echo,    RPC_INLINE, RPC_OPEN,  NULL},
    {"test_sum",     "a:quantity b:quantity?", sum,    RPC_INLINE, RPC_OPEN,  NULL},
    {"test_half",    "",                      half,    RPC_READ,   RPC_OPEN,  NULL},
    {"test_grouped", "x:any?",                grouped, RPC_SUBMIT, RPC_OPEN,  group},
    {"test_big",     "",                      big,     RPC_CALL,   RPC_OPEN,  NULL},
    {"test_vote",    "",                      echo,    RPC_INLINE, RPC_NAMED, NULL},
    {"off_echo",     "",                      echo,    RPC_INLINE, RPC_OPEN,  NULL},
};
// clang-format on

static struct rpc_dispatcher *make(const char *namespaces, size_t answer_max)
{
    const struct rpc_dispatch_options o = {
        .methods = table,
        .method_count = ARRAY_LEN(table),
        .namespaces = namespaces,
        .answer_max = answer_max,
    };
    struct rpc_dispatcher *d = NULL;
    char bad[64];
    cr_assert(err_ok(rpc_dispatcher_new(&d, &o, bad)));
    return d;
}

/// The answer to a request's text; the caller frees it.
static char *serve(struct rpc_dispatcher *d, bytes_t request, enum rpc_cost *cost)
{
    enum rpc_cost ignored;
    struct buf out;
    buf_init(&out, (size_t)32 << 20);
    struct rpc_request *r = rpc_request_parse(d, request, cost != NULL ? cost : &ignored);
    cr_assert_not_null(r);
    rpc_request_run(r, &out);
    rpc_request_free(r);
    buf_put_u8(&out, 0);
    cr_assert(err_ok(buf_status(&out)));
    return (char *)out.data;
}

#define RESULT(ID, R) "{\"jsonrpc\":\"2.0\",\"id\":" ID ",\"result\":" R "}"
#define ERROR(ID, E) "{\"jsonrpc\":\"2.0\",\"id\":" ID ",\"error\":{" E "}}"
#define PARSE_ERROR                                                                                \
    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"parse error: "
#define CALL(M, P) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" M "\",\"params\":" P "}"

/// Goal: each rule of JSON-RPC 2.0 and of our table has a row; ids come back as they were.
static const struct {
    const char *name;
    bytes_t in;
    const char *out;
} cases[] = {
    {"call", LIT(CALL("test_sum", "[\"0x2\",\"0x3\"]")), RESULT("1", "\"0x5\"")},
    {"optional parameter left out", LIT(CALL("test_sum", "[\"0x2\"]")), RESULT("1", "\"0x2\"")},
    {"optional parameter null", LIT(CALL("test_sum", "[\"0x2\",null]")), RESULT("1", "\"0x2\"")},
    {"parameters by name", LIT(CALL("test_sum", "{\"b\":\"0x1\",\"a\":\"0x9\"}")),
     RESULT("1", "\"0xa\"")},
    {"unknown parameter name", LIT(CALL("test_sum", "{\"a\":\"0x9\",\"z\":1}")),
     ERROR("1", "\"code\":-32602,\"message\":\"invalid params: test_sum has parameters "
                "\\\"a:quantity b:quantity?\\\"\"")},
    {"string id", LIT("{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"method\":\"test_echo\"}"),
     RESULT("\"a\\\"b\"", "[]")},
    {"real id", LIT("{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"test_echo\"}"),
     RESULT("1.5", "[]")},
    {"null id is answered", LIT("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"test_echo\"}"),
     RESULT("null", "[]")},
    {"notification", LIT("{\"jsonrpc\":\"2.0\",\"method\":\"test_echo\"}"), ""},
    {"failing notification", LIT("{\"jsonrpc\":\"2.0\",\"method\":\"test_half\"}"), ""},
    {"unknown notification", LIT("{\"jsonrpc\":\"2.0\",\"method\":\"test_none\"}"), ""},
    {"object id", LIT("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"test_echo\"}"),
     ERROR("null", "\"code\":-32600,\"message\":\"invalid request: id must be a string or a "
                   "number\"")},
    {"no version", LIT("{\"id\":1,\"method\":\"test_echo\"}"),
     ERROR("1", "\"code\":-32600,\"message\":\"invalid request: jsonrpc must be \\\"2.0\\\"\"")},
    {"method is a number", LIT("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}"),
     ERROR("1", "\"code\":-32600,\"message\":\"invalid request: method must be a string\"")},
    {"params is a string", LIT(CALL("test_echo", "\"x\"")),
     ERROR("1", "\"code\":-32600,\"message\":\"invalid request: params must be an array\"")},
    {"unknown method", LIT(CALL("test_none", "[]")),
     ERROR("1", "\"code\":-32601,\"message\":\"the method test_none does not exist\"")},
    {"disabled namespace names the flag", LIT(CALL("off_echo", "[]")),
     ERROR("1", "\"code\":-32601,\"message\":\"the method off_echo is not enabled: see "
                "--rpc-namespaces\"")},
    {"a method that must be named", LIT(CALL("test_vote", "[]")),
     ERROR("1", "\"code\":-32601,\"message\":\"the method test_vote is not enabled: see "
                "--rpc-namespaces\"")},
    {"too many", LIT(CALL("test_sum", "[\"0x1\",\"0x1\",\"0x1\"]")),
     ERROR("1", "\"code\":-32602,\"message\":\"invalid params: too many arguments, want at most "
                "2\"")},
    {"missing", LIT(CALL("test_sum", "[]")),
     ERROR("1", "\"code\":-32602,\"message\":\"invalid params: a is missing, want quantity\","
                "\"data\":{\"param\":\"a\",\"want\":\"quantity\",\"have\":null}")},
    {"wrong", LIT(CALL("test_sum", "[7]")),
     ERROR("1", "\"code\":-32602,\"message\":\"invalid params: a must be a quantity: 0x and hex "
                "digits without leading zeros\",\"data\":{\"param\":\"a\",\"want\":\"a quantity: "
                "0x and hex digits without leading zeros\",\"have\":7}")},
    {"half a result is taken back", LIT(CALL("test_half", "[]")),
     ERROR("1", "\"code\":-32000,\"message\":\"changed its mind\"")},
    {"not JSON", LIT("{\"jsonrpc\":"), PARSE_ERROR},
    {"empty", LIT(""), PARSE_ERROR},
    {"trailing text", LIT("{} x"), PARSE_ERROR},
    {"bad UTF-8", LIT("{\"a\":\"\xff\"}"), PARSE_ERROR},
    {"lone surrogate", LIT("{\"a\":\"\\ud800\"}"), PARSE_ERROR},
    {"control character", LIT("{\"a\":\"\x01\"}"), PARSE_ERROR},
    {"overlong UTF-8", LIT("{\"a\":\"\xc0\x80\"}"), PARSE_ERROR},
    {"surrogate in UTF-8", LIT("{\"a\":\"\xed\xa0\x80\"}"), PARSE_ERROR},
    {"low surrogate first", LIT("{\"a\":\"\\udc00\\ud800\"}"), PARSE_ERROR},
    {"unknown escape", LIT("{\"a\":\"\\x41\"}"), PARSE_ERROR},
    {"leading zero", LIT("{\"id\":01}"), PARSE_ERROR},
    {"point without digits", LIT("{\"id\":1.}"), PARSE_ERROR},
    {"plus", LIT("{\"id\":+1}"), PARSE_ERROR},
    {"not a number", LIT("{\"id\":NaN}"), PARSE_ERROR},
    {"trailing comma", LIT("{\"id\":1,}"), PARSE_ERROR},
    {"trailing comma in a list", LIT("[1,]"), PARSE_ERROR},
    {"single quotes", LIT("{'id':1}"), PARSE_ERROR},
    {"comment", LIT("{/**/}"), PARSE_ERROR},
    {"byte order mark", LIT("\xef\xbb\xbf{}"), PARSE_ERROR},
    {"two values", LIT("{}{}"), PARSE_ERROR},
    {"unfinished batch", LIT("[{}"), PARSE_ERROR},
    {"duplicate key in params", LIT(CALL("test_echo", "[{\"a\":1,\"a\":2}]")), PARSE_ERROR},
    {"duplicate key, spelled otherwise", LIT("{\"id\":1,\"\\u0069d\":2}"), PARSE_ERROR},
    {"the 17th key again",
     LIT("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,"
         "\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1,\"\\u0063\":1}"),
     PARSE_ERROR},
    {"huge id", LIT("{\"jsonrpc\":\"2.0\",\"id\":1e999,\"method\":\"test_echo\"}"),
     RESULT("1e999", "[]")},
    {"id beyond 64 bits",
     LIT("{\"jsonrpc\":\"2.0\",\"id\":123456789012345678901234567890,\"method\":\"test_echo\"}"),
     RESULT("123456789012345678901234567890", "[]")},
    {"exponent id", LIT("{\"jsonrpc\":\"2.0\",\"id\":1e2,\"method\":\"test_echo\"}"),
     RESULT("1e2", "[]")},
    {"minus zero id", LIT("{\"jsonrpc\":\"2.0\",\"id\":-0,\"method\":\"test_echo\"}"),
     RESULT("-0", "[]")},
    {"fraction id", LIT("{\"jsonrpc\":\"2.0\",\"id\":0.10,\"method\":\"test_echo\"}"),
     RESULT("0.10", "[]")},
    {"escapes in an id",
     LIT("{\"jsonrpc\":\"2.0\",\"id\":\"\\u0041\\/\\ud83d\\ude00\",\"method\":\"test_echo\"}"),
     RESULT("\"\\u0041\\/\\ud83d\\ude00\"", "[]")},
    {"boolean id", LIT("{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"test_echo\"}"),
     ERROR("null", "\"code\":-32600,\"message\":\"invalid request: id must be a string or a "
                   "number\"")},
    {"escapes in a method", LIT("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test\\u005fecho\"}"),
     RESULT("1", "[]")},
    {"params null", LIT(CALL("test_echo", "null")), RESULT("1", "[]")},
    {"a huge number among the params", LIT(CALL("test_echo", "[1e999]")),
     ERROR("1", "\"code\":-32602,\"message\":\"invalid params: line 1, column 6: real number "
                "overflow near '1e999'\"")},
    {"space everywhere",
     LIT(" { \"jsonrpc\" : \"2.0\" ,\n\"id\"\t: 7 , \"method\" : \"test_echo\" , \"params\" : [ 1 "
         ", 2 ] }\r\n"),
     RESULT("7", "[1,2]")},
    {"one of a group that is not prepared",
     LIT("[" CALL("test_grouped", "[]") "," CALL("test_grouped", "[3]") "," CALL("test_grouped",
                                                                                 "[1,2]") "]"),
     "[" RESULT("1", "300") "," RESULT("1", "0") "," ERROR(
         "1", "\"code\":-32602,\"message\":\"invalid params: too many arguments, want at most "
              "1\"") "]"},
    {"duplicate key", LIT("{\"id\":1,\"id\":2}"), PARSE_ERROR},
    {"empty batch", LIT("[]"),
     ERROR("null", "\"code\":-32600,\"message\":\"invalid request: empty batch\"")},
    {"batch of rubbish", LIT("[1]"),
     "[" ERROR("null", "\"code\":-32600,\"message\":\"invalid request: not an object\"") "]"},
    {"batch with a notification",
     LIT("[" CALL("test_echo", "[1]") ",{\"jsonrpc\":\"2.0\",\"method\":\"test_echo\"}," CALL(
         "test_half", "[]") "]"),
     "[" RESULT("1", "[1]") "," ERROR("1", "\"code\":-32000,\"message\":\"changed its mind\"") "]"},
    {"batch of notifications", LIT("[{\"jsonrpc\":\"2.0\",\"method\":\"test_echo\"}]"), ""},
    {"neighbours are prepared together",
     LIT("[" CALL("test_grouped", "[]") "," CALL("test_grouped", "[]") "," CALL(
         "test_echo", "[]") "," CALL("test_grouped", "[]") "]"),
     "[" RESULT("1", "200") "," RESULT("1", "201") "," RESULT("1", "[]") "," RESULT("1",
                                                                                    "100") "]"},
    {"a scalar", LIT("3"),
     ERROR("null", "\"code\":-32600,\"message\":\"invalid request: not an object\"")},
};

Test(dispatch, rules)
{
    struct rpc_dispatcher *d = make("test", 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *out = serve(d, cases[i].in, NULL);
        // Of a parse error only the beginning is ours, the rest is the parser's.
        const bool prefix = strcmp(cases[i].out, PARSE_ERROR) == 0;
        cr_expect(prefix ? strncmp(out, cases[i].out, strlen(PARSE_ERROR)) == 0
                         : strcmp(out, cases[i].out) == 0,
                  "%s: %s", cases[i].name, out);
        free(out);
    }
    rpc_dispatcher_free(d);
}

/// Goal: the cost of a request is that of its dearest call; several calls are never inline;
/// what is too long to look at is not.
Test(dispatch, cost)
{
    struct rpc_dispatcher *d = make("test", 0);
    enum rpc_cost cost = RPC_COST_COUNT;
    free(serve(d, LIT(CALL("test_echo", "[]")), &cost));
    cr_expect_eq(cost, RPC_INLINE);
    free(serve(d, LIT("[" CALL("test_echo", "[]") "," CALL("test_echo", "[]") "]"), &cost));
    cr_expect_eq(cost, RPC_READ);
    free(serve(d, LIT("[" CALL("test_big", "[]") "," CALL("test_grouped", "[]") "]"), &cost));
    cr_expect_eq(cost, RPC_CALL);

    struct buf text;
    buf_init(&text, 1 << 20);
    buf_put_str(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_echo\",\"params\":[\"");
    for (size_t i = 0; i < 200000; i++) buf_put_u8(&text, 'x');
    buf_put_str(&text, "\"]}");
    char *out = serve(d, buf_bytes(&text), &cost);
    cr_expect_eq(cost, RPC_WAIT);
    cr_expect_eq(strlen(out), 200000 + strlen(RESULT("1", "[\"\"]")));
    free(out);
    buf_deinit(&text);
    rpc_dispatcher_free(d);
}

/// Goal: 64 levels are read, 65 are not, and brackets inside strings do not count.
Test(dispatch, depth)
{
    struct rpc_dispatcher *d = make("test", 0);
    for (size_t extra = 0; extra < 2; extra++) {
        const size_t levels = 62 + extra; // inside the object and its params
        struct buf text;
        buf_init(&text, 4096);
        buf_put_str(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"test_echo\",\"params\":[");
        for (size_t i = 0; i < levels; i++) buf_put_u8(&text, '[');
        buf_put_str(&text, "\"[[[{{{\"");
        for (size_t i = 0; i < levels; i++) buf_put_u8(&text, ']');
        buf_put_str(&text, "]}");
        char *out = serve(d, buf_bytes(&text), NULL);
        cr_expect_eq(strncmp(out, PARSE_ERROR, strlen(PARSE_ERROR)) == 0, extra == 1,
                     "%zu levels: %s", levels + 2, out);
        free(out);
        buf_deinit(&text);
    }
    rpc_dispatcher_free(d);
}

/// Goal: a batch is bounded in items and in bytes of answers; what came before is kept.
Test(dispatch, batch_limits)
{
    struct rpc_dispatcher *d = make("test", 500000);
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_put_u8(&text, '[');
    for (size_t i = 0; i < 1001; i++) {
        if (i > 0) buf_put_u8(&text, ',');
        buf_put_str(&text, CALL("test_sum", "[\"0x1\"]"));
    }
    buf_put_u8(&text, ']');
    char *out = serve(d, buf_bytes(&text), NULL);
    size_t results = 0;
    for (const char *p = out; (p = strstr(p, "\"result\"")) != NULL; p++) results++;
    cr_expect_eq(results, 1000);
    const char *refusal = strstr(out, "\"code\":-32005");
    cr_assert_not_null(refusal);
    cr_expect_null(strstr(refusal, "\"result\""), "the last one is refused");
    free(out);

    buf_clear(&text);
    buf_put_u8(&text, '[');
    for (size_t i = 0; i < 16001; i++) {
        if (i > 0) buf_put_u8(&text, ',');
        buf_put_str(&text, "{}");
    }
    buf_put_u8(&text, ']');
    out = serve(d, buf_bytes(&text), NULL);
    cr_expect_not_null(strstr(out, "\"limit\":\"batch items\",\"most\":1000,\"value\":16001"));
    cr_expect_eq(out[0], '{', "far too long: not even looked at");
    free(out);

    buf_clear(&text);
    buf_put_u8(&text, '[');
    for (size_t i = 0; i < 5; i++) {
        if (i > 0) buf_put_u8(&text, ',');
        buf_put_str(&text, CALL("test_big", "[]"));
    }
    buf_put_u8(&text, ']');
    out = serve(d, buf_bytes(&text), NULL);
    size_t refused = 0;
    for (const char *p = out; (p = strstr(p, "-32005")) != NULL; p++) refused++;
    cr_expect_eq(refused, 2, "200 KB each, 500 KB allowed: three are answered");
    free(out);
    buf_deinit(&text);
    rpc_dispatcher_free(d);
}

/// Goal: the list of namespaces switches on groups and single methods, and names its errors.
Test(dispatch, namespaces)
{
    struct rpc_dispatcher *d = make("off,test_vote", 0);
    size_t cursor = 0;
    const struct rpc_method *m = rpc_enabled_next(d, &cursor);
    cr_assert_not_null(m);
    cr_expect_str_eq(m->name, "test_vote");
    m = rpc_enabled_next(d, &cursor);
    cr_assert_not_null(m);
    cr_expect_str_eq(m->name, "off_echo");
    cr_expect_null(rpc_enabled_next(d, &cursor));
    rpc_dispatcher_free(d);

    const struct rpc_dispatch_options o = {
        .methods = table, .method_count = ARRAY_LEN(table), .namespaces = "test,tset"};
    char bad[64] = "";
    cr_expect_eq(rpc_dispatcher_new(&d, &o, bad).kind, ERR_INVALID);
    cr_expect_str_eq(bad, "tset");
}

/// Goal: a request that finds its queue full is answered with its own id.
Test(dispatch, refuse)
{
    struct rpc_dispatcher *d = make("test", 0);
    enum rpc_cost cost;
    struct rpc_request *r = rpc_request_parse(d, LIT(CALL("test_big", "[]")), &cost);
    struct buf out;
    buf_init(&out, 4096);
    rpc_request_refuse(r, &out);
    buf_put_u8(&out, 0);
    cr_expect_str_eq((char *)out.data,
                     ERROR("1", "\"code\":-32005,\"message\":\"limit exceeded: too many requests "
                                "of this kind are waiting\",\"data\":{\"limit\":\"queue\","
                                "\"retryAfter\":1}"));
    buf_deinit(&out);
    rpc_request_free(r);
    rpc_dispatcher_free(d);
}
