// SPDX-License-Identifier: Apache-2.0
#include "wallet/client.h"

#include "chain/base/buf.h"
#include "chain/base/hex.h"
#include "chain/base/u256.h"
#include "wallet/out.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct client {
    CURL *curl; ///< NULL for a local socket
    struct curl_slist *headers;
    char *url;
    int socket; ///< -1 until connected
    struct buf answer;
    uint64_t next_id;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct client *c = user;
    buf_put(&c->answer, bytes_make(data, size * count));
    return c->answer.full ? 0 : size * count;
}

enum exit_code client_open(struct ctx *ctx)
{
    if (ctx->client != NULL) return EXIT_DONE;
    const char *url = ctx->set.rpc;
    const bool http = strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
    if (!http && (strncasecmp(url, "ws://", 5) == 0 || strncasecmp(url, "wss://", 6) == 0))
        return fail(ctx, EXIT_USAGE, "use the node's http:// address, usually the same port",
                    "WebSocket addresses are not supported: %s", url);
    if (!http && url[0] != '/' && url[0] != '.')
        return fail(ctx, EXIT_USAGE, "for example http://127.0.0.1:8545, or the path of a socket",
                    "not the address of a node: %s", url);

    struct client *c = calloc(1, sizeof *c);
    if (c == NULL) return fail(ctx, EXIT_INTERNAL, NULL, "out of memory");
    c->socket = -1;
    buf_init(&c->answer, CLIENT_MAX_ANSWER);
    c->url = strdup(url);
    if (c->url == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    ctx->client = c;
    if (!http) return EXIT_DONE;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (c->curl = curl_easy_init()) == NULL)
        return fail(ctx, EXIT_INTERNAL, NULL, "libcurl does not start");
    c->headers = curl_slist_append(NULL, "Content-Type: application/json");
    c->headers = curl_slist_append(c->headers, "Expect:");
    CURL *h = c->curl;
    (void)curl_easy_setopt(h, CURLOPT_URL, c->url);
    (void)curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->headers);
    (void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
    (void)curl_easy_setopt(h, CURLOPT_TIMEOUT, (long)CLIENT_TIMEOUT_S);
    (void)curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, 10L);
    (void)curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
    (void)curl_easy_setopt(h, CURLOPT_USERAGENT, "cairn");
    return EXIT_DONE;
}

void client_close(struct client *c)
{
    if (c == NULL) return;
    if (c->curl != NULL) {
        curl_easy_cleanup(c->curl);
        curl_slist_free_all(c->headers);
        curl_global_cleanup();
    }
    if (c->socket >= 0) (void)close(c->socket);
    buf_deinit(&c->answer);
    free(c->url);
    free(c);
}

void rpc_error_clear(struct rpc_error *e)
{
    free(e->data_hex);
    *e = (struct rpc_error){0};
}

// ---- transports -----------------------------------------------------------------------------

static enum exit_code unreachable_node(struct ctx *ctx, const char *why)
{
    char hint[256];
    (void)snprintf(hint, sizeof hint, "is the node running? its address comes from %s",
                   ctx->set.rpc_source);
    return fail(ctx, EXIT_UNREACHABLE, hint, "%s: %s", ctx->set.rpc, why);
}

static enum exit_code rubbish(struct ctx *ctx, const char *method, const char *why)
{
    return fail(ctx, EXIT_UNREACHABLE, "is this an Ethereum JSON-RPC address?",
                "%s: the answer to %s makes no sense: %s", ctx->set.rpc, method, why);
}

static enum exit_code post_http(struct ctx *ctx, const char *body)
{
    struct client *c = ctx->client;
    (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    const CURLcode got = curl_easy_perform(c->curl);
    if (c->answer.full) return unreachable_node(ctx, "the answer has more than 16 MiB");
    if (got != CURLE_OK) return unreachable_node(ctx, curl_easy_strerror(got));
    long status = 0;
    (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    // Nodes answer errors of JSON-RPC under several codes; what counts is the body.
    if (status != 200 && (c->answer.len == 0 || c->answer.data[0] != '{')) {
        char why[128];
        (void)snprintf(why, sizeof why, "HTTP status %ld: %.*s", status,
                       (int)(c->answer.len > 80 ? 80 : c->answer.len),
                       c->answer.len > 0 ? (const char *)c->answer.data : "");
        return unreachable_node(ctx, why);
    }
    return EXIT_DONE;
}

static enum exit_code connect_socket(struct ctx *ctx)
{
    struct client *c = ctx->client;
    if (c->socket >= 0) return EXIT_DONE;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(c->url) >= sizeof at.sun_path)
        return fail(ctx, EXIT_USAGE, NULL, "the socket's path is too long: %s", c->url);
    memcpy(at.sun_path, c->url, strlen(c->url) + 1);
    c->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->socket < 0 || connect(c->socket, (const struct sockaddr *)&at, sizeof at) != 0)
        return unreachable_node(ctx, strerror(errno));
    return EXIT_DONE;
}

static enum exit_code ask_socket(struct ctx *ctx, const char *body)
{
    STEP(connect_socket(ctx));
    struct client *c = ctx->client;
    const uint64_t end_ms = now_ms() + (uint64_t)CLIENT_TIMEOUT_S * 1000;
    struct buf line;
    buf_init(&line, CLIENT_MAX_ANSWER);
    buf_put_str(&line, body);
    buf_put_u8(&line, '\n');
    for (size_t sent = 0; sent < line.len;) {
        const ssize_t n = send(c->socket, line.data + sent, line.len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            buf_deinit(&line);
            return unreachable_node(ctx, strerror(errno));
        }
        sent += (size_t)n;
    }
    buf_deinit(&line);

    for (;;) {
        const uint64_t now = now_ms();
        struct pollfd p = {.fd = c->socket, .events = POLLIN};
        if (now >= end_ms || poll(&p, 1, (int)(end_ms - now)) == 0)
            return unreachable_node(ctx, "no answer within 30 s");
        uint8_t chunk[65536];
        const ssize_t n = recv(c->socket, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return unreachable_node(ctx, "the node closed the connection");
        buf_put(&c->answer, bytes_make(chunk, (size_t)n));
        if (c->answer.full) return unreachable_node(ctx, "the answer has more than 16 MiB");
        if (memchr(chunk, '\n', (size_t)n) != NULL) return EXIT_DONE;
    }
}

// ---- JSON-RPC -------------------------------------------------------------------------------

err_t client_check_depth(bytes_t text)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > CLIENT_MAX_DEPTH) return FAIL(LIMIT, "JSON is nested too deeply");
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    if (in_string) return FAIL(MALFORMED, "JSON ends inside a string");
    return OK;
}

/// Fills `*error` from the "error" member.
static void read_error(struct rpc_error *error, const json_t *e)
{
    error->is = true;
    error->code = json_integer_value(json_object_get(e, "code"));
    const char *message = json_string_value(json_object_get(e, "message"));
    (void)snprintf(error->message, sizeof error->message, "%s",
                   message != NULL ? message : "no message");
    // Revert data stands in `data`, with some nodes one or two objects deeper.
    const json_t *d = json_object_get(e, "data");
    for (int i = 0; i < 3 && json_is_object(d); i++) {
        const json_t *inner = json_object_get(d, "data");
        if (inner == NULL) inner = json_object_get(d, "originalError");
        d = inner;
    }
    const char *s = json_string_value(d);
    if (s != NULL) {
        // Parity's old form: "Reverted 0x..".
        const char *hex = strstr(s, "0x");
        if (hex != NULL) {
            free(error->data_hex);
            error->data_hex = strdup(hex);
        }
    }
}

enum exit_code client_try(struct ctx *ctx, json_t **out, struct rpc_error *error,
                          const char *method, json_t *params)
{
    *out = NULL;
    *error = (struct rpc_error){0};
    const enum exit_code opened = client_open(ctx);
    if (opened != EXIT_DONE) {
        json_decref(params);
        return opened;
    }

    struct client *c = ctx->client;
    const uint64_t id = ++c->next_id;
    json_t *request = json_object();
    (void)json_object_set_new(request, "jsonrpc", json_string("2.0"));
    (void)json_object_set_new(request, "id", json_integer((json_int_t)id));
    (void)json_object_set_new(request, "method", json_string(method));
    (void)json_object_set_new(request, "params", params != NULL ? params : json_array());
    char *body = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (body == NULL) return fail(ctx, EXIT_INTERNAL, NULL, "cannot write the request");

    buf_clear(&c->answer);
    const uint64_t start = now_ms();
    const enum exit_code code = c->curl != NULL ? post_http(ctx, body) : ask_socket(ctx, body);
    free(body);
    if (ctx->set.verbose)
        (void)fprintf(ctx->err, "rpc: %s %" PRIu64 " ms, %zu bytes\n", method, now_ms() - start,
                      c->answer.len);
    if (code != EXIT_DONE) return code;

    const err_t shape = client_check_depth(buf_bytes(&c->answer));
    if (!err_ok(shape)) return rubbish(ctx, method, err_text(shape));
    // Revert texts hold what a contract put there, NUL included: it ends what we show.
    json_t *answer = json_loadb((const char *)c->answer.data, c->answer.len,
                                JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (answer == NULL) return rubbish(ctx, method, "not JSON");
    const json_t *e = json_object_get(answer, "error");
    json_t *result = json_object_get(answer, "result");
    enum exit_code verdict = EXIT_DONE;
    if (json_is_object(e)) {
        read_error(error, e);
    } else if (result == NULL) {
        verdict = rubbish(ctx, method, "neither result nor error");
    } else if (json_integer_value(json_object_get(answer, "id")) != (json_int_t)id) {
        verdict = rubbish(ctx, method, "it answers another question");
    } else {
        *out = json_incref(result);
    }
    json_decref(answer);
    return verdict;
}

enum exit_code client_call(struct ctx *ctx, json_t **out, const char *method, json_t *params)
{
    struct rpc_error error;
    enum exit_code code = client_try(ctx, out, &error, method, params);
    if (code == EXIT_DONE && error.is) {
        const char *hint = error.code == -32601 ? "the node does not have this method" : NULL;
        code = fail(ctx, EXIT_REFUSED, hint, "the node refused %s: %s (%lld)", method,
                    error.message, error.code);
    }
    rpc_error_clear(&error);
    return code;
}

bool json_quantity(uint64_t *out, const json_t *v)
{
    const char *s = json_string_value(v);
    u256_t n;
    if (s == NULL || s[0] != '0' || s[1] != 'x') return false;
    if (!err_ok(u256_parse(&n, bytes_of_str(s))) || !u256_fits_u64(&n)) return false;
    *out = n.limb[0];
    return true;
}

uint8_t *json_data(size_t *len, const json_t *v)
{
    const char *s = json_string_value(v);
    if (s == NULL || s[0] != '0' || s[1] != 'x') return NULL;
    const size_t digits = strlen(s) - 2;
    uint8_t *out = malloc(digits / 2 + 1);
    if (out == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    if (!err_ok(hex_decode(out, digits / 2, len, bytes_make(s, digits + 2)))) {
        free(out);
        return NULL;
    }
    return out;
}

enum exit_code client_u64(struct ctx *ctx, uint64_t *out, const char *method, json_t *params)
{
    json_t *v;
    STEP(client_call(ctx, &v, method, params));
    const bool ok = json_quantity(out, v);
    json_decref(v);
    if (!ok) return rubbish(ctx, method, "no quantity");
    return EXIT_DONE;
}
