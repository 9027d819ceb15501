// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/serve.h"

#include "chain/base/hex.h"
#include "rpc/http/lanes.h"
#include "rpc/http/server.h"
#include "rpc/jsonrpc/dispatch.h"
#include "rpc/ns/env.h"
#include "rpc/ns/eth_subscribe.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/head_watch.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LIST_MAX = 64, LANES = 4 };
/// Lanes by cost: what is inline needs none.
static const int lane_of_cost[RPC_COST_COUNT] = {
    [RPC_INLINE] = HTTP_ANSWERED, [RPC_READ] = 0, [RPC_SUBMIT] = 1, [RPC_CALL] = 2, [RPC_WAIT] = 3};

struct service {
    struct node *node;
    struct rpc_env env;
    struct rpc_dispatcher *dispatcher;
    struct http_server *server;
    char *vhost_text;
    char *cors_text;
    const char *vhosts[LIST_MAX];
    const char *origins[LIST_MAX];
    char url[80];
};

// ---- JSON-RPC -----------------------------------------------------------------------------

static void on_run(void *ctx, struct http_exchange *const *x, size_t count)
{
    (void)ctx;
    struct rpc_request *requests[LANE_TOGETHER_MAX] = {NULL};
    struct buf *outs[LANE_TOGETHER_MAX] = {NULL};
    for (size_t i = 0; i < count; i++) {
        requests[i] = x[i]->user;
        outs[i] = &x[i]->out;
    }
    rpc_requests_run(requests, outs, count);
}

static void on_refuse(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    rpc_request_refuse(x->user, &x->out);
}

static void on_done(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    rpc_request_free(x->user);
}

static int accept_rpc(struct service *s, struct http_exchange *x)
{
    enum rpc_cost cost = RPC_INLINE;
    struct rpc_request *r = rpc_request_parse(s->dispatcher, x->body, &cost);
    x->user = r;
    if (r == NULL) {
        x->status = 503;
        return HTTP_ANSWERED;
    }
    rpc_request_set_peer(r, x->peer);
    const int lane = lane_of_cost[cost];
    if (lane == HTTP_ANSWERED) rpc_request_run(r, &x->out);
    return lane;
}

// ---- health -------------------------------------------------------------------------------

static void put_status(struct service *s, struct http_exchange *x)
{
    struct node_status st;
    struct http_stats http;
    struct db_stats db = {0};
    node_status(s->node, &st);
    http_server_stats(s->server, &http);
    const bool have_db = err_ok(db_stats(node_db(s->node), &db));
    struct json_writer w = {&x->out, false};
    jw_open(&w, '{');
    jw_kv_str(&w, "version", s->env.client_version);
    jw_kv_int(&w, "chainId", (int64_t)node_genesis(s->node)->config.chain_id);
    jw_kv_hash(&w, "genesis", node_genesis_hash(s->node));
    jw_key(&w, "head");
    jw_open(&w, '{');
    jw_kv_int(&w, "number", (int64_t)st.head_number);
    jw_kv_hash(&w, "hash", &st.head_hash);
    jw_kv_int(&w, "timestamp", (int64_t)st.head_timestamp_s);
    jw_kv_int(&w, "gasUsed", (int64_t)st.head_gas_used);
    jw_kv_int(&w, "gasLimit", (int64_t)st.head_gas_limit);
    jw_close(&w, '}');
    jw_key(&w, "qbft");
    jw_open(&w, '{');
    jw_kv_int(&w, "height", (int64_t)st.qbft_height);
    jw_kv_int(&w, "round", st.qbft_round);
    jw_kv_str(&w, "step", st.qbft_step != NULL ? st.qbft_step : "idle");
    jw_kv_bool(&w, "isValidator", st.is_validator);
    jw_kv_address(&w, "validator", &st.validator);
    jw_kv_int(&w, "validators", (int64_t)st.validator_count);
    jw_close(&w, '}');
    jw_key(&w, "pool");
    jw_open(&w, '{');
    jw_kv_int(&w, "pending", (int64_t)st.pool_pending);
    jw_kv_int(&w, "queued", (int64_t)st.pool_queued);
    jw_kv_bool(&w, "accepting", st.accepting_txs);
    jw_close(&w, '}');
    jw_key(&w, "rpc");
    jw_open(&w, '{');
    jw_kv_int(&w, "requests", (int64_t)http.requests);
    jw_kv_int(&w, "refused", (int64_t)http.refused);
    jw_kv_int(&w, "connections", http.connections);
    jw_close(&w, '}');
    if (have_db) {
        jw_key(&w, "store");
        jw_open(&w, '{');
        jw_kv_int(&w, "usedBytes", (int64_t)db.used_bytes);
        jw_kv_int(&w, "mapBytes", (int64_t)db.map_bytes);
        jw_kv_int(&w, "diskFreeBytes", (int64_t)db.disk_free_bytes);
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    buf_put_u8(&x->out, '\n');
}

static void put_liveness(struct service *s, struct http_exchange *x)
{
    struct node_status st;
    err_t why = OK;
    node_status(s->node, &st);
    const bool alive = !node_failed(s->node, &why) && st.accepting_txs;
    if (!alive) x->status = 503;
    struct json_writer w = {&x->out, false};
    jw_open(&w, '{');
    jw_kv_bool(&w, "alive", alive);
    jw_close(&w, '}');
}

/// Ready: nothing has failed, and blocks come as they should. Where blocks are made on
/// demand only, the head's age says nothing.
static void put_readiness(struct service *s, struct http_exchange *x)
{
    struct node_status st;
    err_t why = OK;
    node_status(s->node, &st);
    const struct qbft_config *qbft = &node_genesis(s->node)->config.qbft;
    const char *reason = NULL;
    char text[96 + NODE_STALL_WHY_MAX];
    const uint64_t now = (uint64_t)time(NULL);
    const uint64_t age = now > st.head_timestamp_s ? now - st.head_timestamp_s : 0;
    const uint64_t most =
        30 + 3 * qbft->block_period_ms / 1000 + qbft->empty_block_period_ms / 1000;
    if (node_failed(s->node, &why)) {
        reason = err_text(why);
    } else if (!st.accepting_txs) {
        reason = "the disk is nearly full: transactions are refused";
    } else if (st.pool_pending > 0 && age > most) {
        (void)snprintf(text, sizeof text, "head is %" PRIu64 " s old and transactions wait", age);
        reason = text;
    } else if (st.stalled_s > 0) {
        (void)snprintf(text, sizeof text, "head is %" PRIu64 " s old: %s", age, st.stall_why);
        reason = text;
    }
    if (reason != NULL) x->status = 503;
    struct json_writer w = {&x->out, false};
    jw_open(&w, '{');
    jw_kv_bool(&w, "ready", reason == NULL);
    jw_key(&w, "reasons");
    jw_open(&w, '[');
    if (reason != NULL) jw_str(&w, reason);
    jw_close(&w, ']');
    jw_kv_int(&w, "head", (int64_t)st.head_number);
    jw_kv_int(&w, "peers", 0);
    jw_close(&w, '}');
}

static int on_accept(void *ctx, struct http_exchange *x)
{
    struct service *s = ctx;
    const bool root = strcmp(x->path, "/") == 0;
    if (x->method == HTTP_POST && root) return accept_rpc(s, x);
    if (x->method == HTTP_POST) {
        x->status = 404;
    } else if (strcmp(x->path, "/status") == 0) {
        put_status(s, x);
    } else if (strcmp(x->path, "/liveness") == 0) {
        put_liveness(s, x);
    } else if (strcmp(x->path, "/readiness") == 0) {
        put_readiness(s, x);
    } else if (root) {
        x->content_type = "text/plain; charset=utf-8";
        buf_put_str(&x->out, s->env.client_version);
        buf_put_str(&x->out, "\nJSON-RPC: POST to this address. Health: /status /liveness "
                             "/readiness\n");
    } else {
        x->status = 404;
        x->content_type = "text/plain; charset=utf-8";
        buf_put_str(&x->out, "not found\n");
    }
    return HTTP_ANSWERED;
}

// ---- start and stop -----------------------------------------------------------------------

/// Cuts "a,b" in place. @return the number of words
static size_t split(const char **out, char *text)
{
    size_t n = 0;
    char *save = NULL;
    for (char *word = strtok_r(text, ", ", &save); word != NULL && n < LIST_MAX;
         word = strtok_r(NULL, ", ", &save)) {
        out[n++] = word;
    }
    return n;
}

/// "127.0.0.1:8545", "[::1]:8545", "localhost:8545" -> address and port.
static bool parse_listen(char *address, size_t cap, uint16_t *port, const char *text)
{
    const char *colon = strrchr(text, ':');
    uint64_t number = 0;
    if (colon == NULL || !setting_parse(&number, SETTING_COUNT, colon + 1) || number > 65535) {
        return false;
    }
    size_t len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= cap) return false;
    memcpy(address, text, len);
    address[len] = 0;
    if (strcmp(address, "localhost") == 0) (void)snprintf(address, cap, "127.0.0.1");
    *port = (uint16_t)number;
    unsigned char ip[16];
    return inet_pton(AF_INET, address, ip) == 1 || inet_pton(AF_INET6, address, ip) == 1;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static err_t start_dispatcher(struct service *s, const struct config *c,
                              struct service_detail *detail)
{
    // A developer's network may be looked into.
    char with_debug[256];
    const struct setting *listed = &c->all[SET_rpc_namespaces];
    const bool opens = config_number(c, SET_dev) != 0 && listed->source == FROM_DEFAULT;
    (void)snprintf(with_debug, sizeof with_debug, "%s,debug", listed->text);
    const struct rpc_dispatch_options o = {
        .methods = RPC_METHODS,
        .method_count = RPC_METHOD_COUNT,
        .env = &s->env,
        .namespaces = opens ? with_debug : config_text(c, SET_rpc_namespaces),
        .batch_max = config_number(c, SET_rpc_batch),
        .call_time_ms = (uint32_t)config_number(c, SET_rpc_call_time),
    };
    char bad[64] = "";
    const err_t err = rpc_dispatcher_new(&s->dispatcher, &o, bad);
    if (err.kind == ERR_INVALID) {
        (void)snprintf(
            detail->text, sizeof detail->text,
            "--rpc-namespaces: there is no namespace or method \"%s\"\n"
            "hint: known are eth, net, web3, txpool, debug, qbft, model, round, reward, dao",
            bad);
    }
    if (err_ok(err)) s->env.dispatcher = s->dispatcher;
    return err;
}

static err_t start_server(struct service *s, const struct config *c, const char *address,
                          uint16_t port, unsigned cores, struct service_detail *detail)
{
    // Transactions that come one by one while others are recovered and synced go together next;
    // the second thread is for when a large batch is in hand.
    const struct http_lane_options lanes[LANES] = {
        {2, 1024, 1}, {2, 1024, LANE_TOGETHER_MAX}, {cores, 64, 1}, {8, 64, 1}};
    s->vhost_text = strdup(config_text(c, SET_rpc_vhosts));
    s->cors_text = strdup(config_text(c, SET_rpc_cors));
    if (s->vhost_text == NULL || s->cors_text == NULL) return FAIL(FULL, "rpc: out of memory");
    const struct http_options o = {
        .address = address,
        .port = port,
        .handler = {s, on_accept, on_run, on_refuse, on_done},
        .lanes = lanes,
        .lane_count = LANES,
        .vhosts = s->vhosts,
        .vhost_count = split(s->vhosts, s->vhost_text),
        .origins = s->origins,
        .origin_count = split(s->origins, s->cors_text),
        .max_body = config_number(c, SET_rpc_max_body),
    };
    const err_t err = http_server_start(&s->server, &o);
    if (err_ok(err)) {
        const bool v6 = strchr(address, ':') != NULL;
        (void)snprintf(s->url, sizeof s->url, v6 ? "http://[%s]:%u" : "http://%s:%u", address,
                       http_server_port(s->server));
    } else {
        (void)snprintf(detail->text, sizeof detail->text,
                       "--rpc-listen %s: %s\nhint: choose another port, or 0 for any free one",
                       config_text(c, SET_rpc_listen), err_text(err));
    }
    return err;
}

err_t service_start(struct service **out, struct node *node, const struct config *config,
                    const char *client_version, struct service_detail *detail)
{
    struct service *s = calloc(1, sizeof *s);
    if (s == NULL) return FAIL(FULL, "rpc: out of memory");
    s->node = node;
    const char *listen_at = config_text(config, SET_rpc_listen);
    if (strcmp(listen_at, "off") == 0) {
        *out = s;
        return OK;
    }
    char address[64];
    uint16_t port = 0;
    if (!parse_listen(address, sizeof address, &port, listen_at)) {
        (void)snprintf(detail->text, sizeof detail->text,
                       "--rpc-listen is \"%s\"\nhint: want ADDRESS:PORT such as 127.0.0.1:8545, "
                       "or off",
                       listen_at);
        free(s);
        return FAIL(INVALID, "rpc: bad listen address");
    }
    if (!is_loopback(address) && config_number(config, SET_rpc_open) == 0) {
        (void)snprintf(detail->text, sizeof detail->text,
                       "--rpc-listen %s reaches beyond this machine, and the RPC has no "
                       "authentication\nhint: listen on 127.0.0.1, or add --rpc-open",
                       listen_at);
        free(s);
        return FAIL(INVALID, "rpc: open to the network");
    }
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const unsigned cores = online < 1 ? 1 : online > 64 ? 64 : (unsigned)online;
    s->env.client_version = client_version;
    s->env.min_gas_price_wei = config_number(config, SET_min_gas_price);
    s->env.limits = (struct rpc_limits){
        .logs_range = config_number(config, SET_rpc_logs_range),
        .logs_max = 10000,
        .call_gas = config_number(config, SET_rpc_call_gas),
        .call_time_ms = (uint32_t)config_number(config, SET_rpc_call_time),
    };
    err_t err = rpc_env_open(&s->env, node, cores);
    if (err_ok(err)) err = start_dispatcher(s, config, detail);
    if (err_ok(err)) err = start_server(s, config, address, port, cores, detail);
    if (!err_ok(err)) {
        if (detail->text[0] == 0)
            (void)snprintf(detail->text, sizeof detail->text, "%s", err_text(err));
        service_stop(s);
        return err;
    }
    *out = s;
    return OK;
}

const char *service_url(const struct service *s)
{
    return s->server != NULL ? s->url : NULL;
}

void service_stop(struct service *s)
{
    if (s == NULL) return;
    head_watch_stop(s->env.heads);
    subscriptions_stop(s->env.subscriptions);
    http_server_stop(s->server);
    rpc_dispatcher_free(s->dispatcher);
    rpc_env_close(&s->env);
    free(s->vhost_text);
    free(s->cors_text);
    free(s);
}
