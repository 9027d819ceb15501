// SPDX-License-Identifier: Apache-2.0
#include "wallet/client.h"

#include "test/support/temp_dir.h"
#include "wallet/profile.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/// A node on a local socket that answers one line with whatever it was given.
struct fake_node {
    int listener;
    const char *answer; ///< %ID is the question's id
    size_t flood;       ///< bytes of an endless answer, instead
    pthread_t thread;
};

static void *serve(void *arg)
{
    struct fake_node *n = arg;
    const int s = accept(n->listener, NULL, NULL);
    char question[4096];
    const ssize_t got = read(s, question, sizeof question - 1);
    if (got > 0 && n->flood > 0) {
        static char chunk[65536];
        memset(chunk, 'x', sizeof chunk);
        for (size_t sent = 0; sent < n->flood; sent += sizeof chunk) {
            if (send(s, chunk, sizeof chunk, MSG_NOSIGNAL) <= 0) break;
        }
    } else if (got > 0) {
        (void)send(s, n->answer, strlen(n->answer), MSG_NOSIGNAL);
        (void)send(s, "\n", 1, MSG_NOSIGNAL);
    }
    (void)close(s);
    return NULL;
}

static struct ctx context(const char *rpc)
{
    return (struct ctx){.out = stdout,
                        .err = stderr,
                        .set = {.rpc = rpc, .rpc_source = "the test", .color = "never"}};
}

/// Asks a fake node one question.
static enum exit_code ask(const char *answer, size_t flood, json_t **out, struct rpc_error *error)
{
    const struct temp_dir dir = temp_dir_make();
    char *path = path_join(dir.path, "node.sock");
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    struct fake_node n = {socket(AF_UNIX, SOCK_STREAM, 0), answer, flood, 0};
    cr_assert_eq(bind(n.listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(n.listener, 1), 0);
    cr_assert_eq(pthread_create(&n.thread, NULL, serve, &n), 0);

    struct ctx ctx = context(path);
    const enum exit_code code = client_try(&ctx, out, error, "eth_chainId", NULL);
    client_close(ctx.client);
    (void)pthread_join(n.thread, NULL);
    (void)close(n.listener);
    free(path);
    temp_dir_remove(&dir);
    return code;
}

/// Goal: only an answer to our question is one; everything else is rubbish.
Test(client, answers)
{
    char deep[400];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    deep[200] = 0;
    char nested[600];
    (void)snprintf(nested, sizeof nested, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":%s}", deep);
    const struct {
        const char *name;
        const char *answer;
        enum exit_code code;
    } cases[] = {
        {"an answer", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x539\"}", EXIT_DONE},
        {"NUL in a text", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"a\\u0000b\"}", EXIT_DONE},
        {"another id", "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"0x539\"}", EXIT_UNREACHABLE},
        {"no id", "{\"jsonrpc\":\"2.0\",\"result\":\"0x539\"}", EXIT_UNREACHABLE},
        {"neither result nor error", "{\"jsonrpc\":\"2.0\",\"id\":1}", EXIT_UNREACHABLE},
        {"a member twice", "{\"id\":1,\"id\":1,\"result\":\"0x539\"}", EXIT_UNREACHABLE},
        {"not JSON", "<html>hello</html>", EXIT_UNREACHABLE},
        {"an open string", "{\"id\":1,\"result\":\"", EXIT_UNREACHABLE},
        {"a list", "[]", EXIT_UNREACHABLE},
        {"too deep", nested, EXIT_UNREACHABLE},
        {"empty", "", EXIT_UNREACHABLE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *out = NULL;
        struct rpc_error error;
        cr_expect_eq(ask(cases[i].answer, 0, &out, &error), cases[i].code, "%s", cases[i].name);
        cr_expect_eq(out != NULL, cases[i].code == EXIT_DONE, "%s", cases[i].name);
        json_decref(out);
        rpc_error_clear(&error);
    }
}

/// Goal: an error's revert data is found wherever nodes put it.
Test(client, errors)
{
    static const char *const answers[] = {
        "{\"id\":1,\"error\":{\"code\":3,\"message\":\"execution reverted\",\"data\":\"0x1234\"}}",
        "{\"id\":1,\"error\":{\"code\":3,\"message\":\"m\",\"data\":{\"data\":\"0x1234\"}}}",
        "{\"id\":1,\"error\":{\"code\":3,\"message\":\"m\",\"data\":\"Reverted 0x1234\"}}",
        ("{\"id\":1,\"error\":{\"code\":3,\"message\":\"m\",\"data\":{\"originalError\":{\"data\":"
         "\"0x1234\"}}}}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        json_t *out = NULL;
        struct rpc_error error;
        cr_assert_eq(ask(answers[i], 0, &out, &error), EXIT_DONE);
        cr_expect(error.is);
        cr_expect_eq(error.code, 3);
        cr_expect_str_eq(error.data_hex, "0x1234", "%s", answers[i]);
        rpc_error_clear(&error);
    }
}

/// Goal: an answer of more than 16 MiB is cut off, not stored.
Test(client, flood)
{
    json_t *out = NULL;
    struct rpc_error error;
    cr_expect_eq(ask(NULL, CLIENT_MAX_ANSWER + (1 << 20), &out, &error), EXIT_UNREACHABLE);
}

/// Goal: addresses that are none are refused as such; a node that is not there is said so.
Test(client, addresses)
{
    static const struct {
        const char *rpc;
        enum exit_code code;
    } cases[] = {
        {"ws://127.0.0.1:8545", EXIT_USAGE},      {"ftp://somewhere", EXIT_USAGE},
        {"127.0.0.1:8545", EXIT_USAGE},           {"", EXIT_USAGE},
        {"http://127.0.0.1:1", EXIT_UNREACHABLE}, {"/nowhere/node.sock", EXIT_UNREACHABLE},
        {"file:///etc/passwd", EXIT_USAGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ctx ctx = context(cases[i].rpc);
        json_t *out = NULL;
        struct rpc_error error;
        cr_expect_eq(client_try(&ctx, &out, &error, "eth_chainId", NULL), cases[i].code, "%s: %s",
                     cases[i].rpc, ctx.message);
        cr_expect_neq(ctx.message[0], 0);
        client_close(ctx.client);
    }
}

/// Goal: quantities and data are read strictly.
Test(client, values)
{
    static const struct {
        const char *json;
        bool ok;
        uint64_t value;
    } cases[] = {
        {"\"0x0\"", true, 0},  {"\"0x1f\"", true, 31}, {"\"0xffffffffffffffff\"", true, UINT64_MAX},
        {"\"31\"", false, 0},  {"31", false, 0},       {"\"0x10000000000000000\"", false, 0},
        {"\"0xg\"", false, 0}, {"null", false, 0},     {"\"\"", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *v = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        uint64_t n = 0;
        cr_expect_eq(json_quantity(&n, v), cases[i].ok, "%s", cases[i].json);
        cr_expect_eq(n, cases[i].value, "%s", cases[i].json);
        json_decref(v);
    }
    size_t len = 9;
    json_t *v = json_string("0x0102");
    uint8_t *data = json_data(&len, v);
    cr_expect(data != NULL && len == 2 && data[1] == 2);
    free(data);
    json_decref(v);
    v = json_string("0x012");
    cr_expect_null(json_data(&len, v));
    json_decref(v);
    cr_expect_null(json_data(&len, NULL));
}
