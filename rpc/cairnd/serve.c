// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/serve.h"

#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "rpc/cairnd/metrics.h"
#include "rpc/http/ipc.h"
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

    struct rpc_env local_env; ///< the same with the dispatcher of the local socket
    struct rpc_dispatcher *local;
    struct ipc_server *ipc;
    struct http_server *metrics;
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
    struct http_stats http;
    http_server_stats(s->server, &http);
    struct json_writer w = {&x->out, false};
    jw_open(&w, '{');
    rpc_put_status(&w, &s->env);
    jw_key(&w, "rpc");
    jw_open(&w, '{');
    jw_kv_int(&w, "requests", (int64_t)http.requests);
    jw_kv_int(&w, "refused", (int64_t)http.refused);
    jw_kv_int(&w, "connections", http.connections);
    jw_close(&w, '}');
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

/// What /readiness asks for.
struct wanted {
    uint64_t min_peers;
    uint64_t max_behind;
    uint64_t max_age_s;
    bool age_given; ///< else the head's age counts only where a block is due
};

/// One number of the query; `*out` stays if it is not there. False if it is none.
static bool query_number(uint64_t *out, const struct http_exchange *x, const char *name,
                         enum setting_kind kind)
{
    const char *text = http_query(x, name);
    if (text == NULL) return true;
    if (setting_parse(out, SETTING_COUNT, text)) {
        if (kind == SETTING_DURATION && __builtin_mul_overflow(*out, 1000, out)) return false;
        return true;
    }
    return setting_parse(out, kind, text);
}

static bool read_wanted(struct wanted *w, const struct http_exchange *x)
{
    uint64_t age_ms = 30000;
    *w = (struct wanted){.min_peers = 1, .max_behind = 2};
    w->age_given = http_query(x, "maxHeadAge") != NULL;
    if (!query_number(&w->min_peers, x, "minPeers", SETTING_COUNT) ||
        !query_number(&w->max_behind, x, "maxBlocksBehind", SETTING_COUNT) ||
        !query_number(&age_ms, x, "maxHeadAge", SETTING_DURATION))
        return false;
    w->max_age_s = age_ms / 1000;
    return true;
}

/// Ready: nothing has failed, others are there, and blocks come as they should. Where blocks are
/// made on demand only, the head's age says nothing unless it is asked for.
static void put_reasons(struct json_writer *w, struct service *s, const struct wanted *want,
                        const struct node_status *st, size_t peers)
{
    struct node_sync sync;
    err_t why = OK;
    char text[96 + NODE_STALL_WHY_MAX];
    const struct qbft_config qbft =
        chain_qbft_at(&node_genesis(s->node)->config, st->head_number + 1);
    node_sync_status(s->node, &sync);
    const uint64_t now = (uint64_t)time(NULL);
    const uint64_t age = now > st->head_timestamp_s ? now - st->head_timestamp_s : 0;
    const uint64_t behind =
        sync.syncing && sync.highest > st->head_number ? sync.highest - st->head_number : 0;
    uint64_t most = want->max_age_s;
    if (!want->age_given)
        most += 3 * qbft.block_period_ms / 1000 + qbft.empty_block_period_ms / 1000;
    const bool alone = st->is_validator && st->validator_count == 1 && want->min_peers <= 1;
    if (node_failed(s->node, &why)) jw_str(w, err_text(why));
    if (!st->accepting_txs) jw_str(w, "the disk is nearly full: transactions are refused");
    if (peers < want->min_peers && !alone) {
        (void)snprintf(text, sizeof text, "%zu peers, want %" PRIu64, peers, want->min_peers);
        jw_str(w, text);
    }
    if (behind > want->max_behind) {
        (void)snprintf(text, sizeof text, "%" PRIu64 " blocks behind", behind);
        jw_str(w, text);
    }
    if (st->stalled_s > 0)
        (void)snprintf(text, sizeof text, "head is %" PRIu64 " s old: %s", age, st->stall_why);
    else if (age > most && st->pool_pending > 0)
        (void)snprintf(text, sizeof text, "head is %" PRIu64 " s old and transactions wait", age);
    else if (age > most && want->age_given)
        (void)snprintf(text, sizeof text, "head is %" PRIu64 " s old", age);
    else
        return;
    jw_str(w, text);
}

static void put_readiness(struct service *s, struct http_exchange *x)
{
    struct wanted want;
    struct node_status st;
    struct node_peer list[NODE_PEERS_MAX];
    if (!read_wanted(&want, x)) {
        x->status = 400;
        x->content_type = "text/plain; charset=utf-8";
        buf_put_str(&x->out, "want /readiness?minPeers=1&maxBlocksBehind=2&maxHeadAge=30s\n");
        return;
    }
    node_status(s->node, &st);
    const size_t peers = node_peers(s->node, list, ARRAY_LEN(list));
    struct buf reasons;
    buf_init(&reasons, 8192);
    struct json_writer r = {&reasons, false};
    put_reasons(&r, s, &want, &st, peers);
    if (reasons.len > 0) x->status = 503;
    struct json_writer w = {&x->out, false};
    jw_open(&w, '{');
    jw_kv_bool(&w, "ready", reasons.len == 0);
    jw_key(&w, "reasons");
    jw_open(&w, '[');
    if (reasons.len > 0) jw_raw(&w, buf_bytes(&reasons));
    jw_close(&w, ']');
    jw_kv_int(&w, "head", (int64_t)st.head_number);
    jw_kv_int(&w, "peers", (int64_t)peers);
    jw_close(&w, '}');
    buf_deinit(&reasons);
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
    if (err.kind == ERR_INVALID && strncmp(bad, "admin", 5) == 0) {
        (void)snprintf(detail->text, sizeof detail->text,
                       "--rpc-namespaces: %s answers on the local socket only\nhint: see --ipc",
                       bad);
    } else if (err.kind == ERR_INVALID) {
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

// ---- the local socket ---------------------------------------------------------------------

static void on_local(void *ctx, bytes_t request, struct buf *out)
{
    struct service *s = ctx;
    enum rpc_cost cost;
    struct rpc_request *r = rpc_request_parse(s->local, request, &cost);
    if (r == NULL) {
        LOG_WRN("rpc", "no memory for a request on the local socket", "bytes=%zu", request.len);
        return;
    }
    rpc_request_run(r, out);
    rpc_request_free(r);
}

/// Opens the socket. The usual place may be too deep in the file system: then there is none, and a
/// warning says so.
static err_t start_local(struct service *s, const struct config *c, struct service_detail *detail)
{
    const char *given = config_text(c, SET_ipc);
    if (strcmp(given, "off") == 0 || s->env.control == NULL) return OK;
    const struct rpc_dispatch_options o = {
        .methods = RPC_METHODS,
        .method_count = RPC_METHOD_COUNT,
        .env = &s->local_env,
        .namespaces = "",
        .local = true,
        .batch_max = config_number(c, SET_rpc_batch),
        .call_time_ms = (uint32_t)config_number(c, SET_rpc_call_time),
    };
    char bad[64] = "";
    s->local_env = s->env;
    TRY(rpc_dispatcher_new(&s->local, &o, bad));
    s->local_env.dispatcher = s->local;
    char *path = NULL;
    if (given[0] != 0)
        path = strdup(given);
    else if (asprintf(&path, "%s/cairnd.sock", s->env.control->data_dir) < 0)
        path = NULL;
    if (path == NULL) return FAIL(FULL, "rpc: out of memory");
    const struct ipc_options ipc = {
        .path = path,
        .max_request = config_number(c, SET_rpc_max_body),
        .answer = on_local,
        .ctx = s,
    };
    err_t err = ipc_start(&s->ipc, &ipc);
    if (err.kind == ERR_LIMIT && given[0] == 0) {
        LOG_WRN("rpc", "no local socket", "path=%s why=\"%s\" hint=\"--ipc FILE\"", path,
                err_text(err));
        err = OK;
    } else if (!err_ok(err)) {
        (void)snprintf(detail->text, sizeof detail->text,
                       "--ipc %s: %s\nhint: choose another file, or off", path, err_text(err));
    }
    free(path);
    return err;
}

// ---- metrics ------------------------------------------------------------------------------

static int on_scrape(void *ctx, struct http_exchange *x)
{
    struct service *s = ctx;
    x->content_type = "text/plain; version=0.0.4; charset=utf-8";
    if (x->method != HTTP_POST && strcmp(x->path, "/metrics") == 0) {
        metrics_print(&x->out, &s->env, s->server);
    } else {
        x->status = 404;
        buf_put_str(&x->out, "not found: /metrics is here\n");
    }
    return HTTP_ANSWERED;
}

static void on_scraped(void *ctx, struct http_exchange *x)
{
    (void)ctx, (void)x;
}

/// Opens the port. The usual one is taken by the first node of a machine: the others say so and go
/// without, unless they were told which.
static err_t start_metrics(struct service *s, const struct config *c, struct service_detail *detail)
{
    const struct setting *listen_at = &c->all[SET_metrics_listen];
    const bool by_default = listen_at->source == FROM_DEFAULT;
    char address[64];
    uint16_t port = 0;
    if (strcmp(listen_at->text, "off") == 0 || (config_number(c, SET_dev) != 0 && by_default))
        return OK;
    if (!parse_listen(address, sizeof address, &port, listen_at->text)) {
        (void)snprintf(detail->text, sizeof detail->text,
                       "--metrics-listen is \"%s\"\nhint: want ADDRESS:PORT such as "
                       "127.0.0.1:9545, or off",
                       listen_at->text);
        return FAIL(INVALID, "metrics: bad listen address");
    }
    const struct http_options o = {
        .address = address,
        .port = port,
        .handler = {.ctx = s, .accept = on_scrape, .done = on_scraped},
        .max_connections = 16,
        .max_connections_ip = 16,
    };
    const err_t err = http_server_start(&s->metrics, &o);
    if (err_ok(err)) {
        LOG_INF("rpc", "metrics", "url=http://%s:%u/metrics", address,
                (unsigned)http_server_port(s->metrics));
        return OK;
    }
    s->metrics = NULL;
    if (by_default) {
        LOG_INF("rpc", "no metrics", "listen=%s why=\"%s\" hint=--metrics-listen", listen_at->text,
                err_text(err));
        return OK;
    }
    (void)snprintf(detail->text, sizeof detail->text,
                   "--metrics-listen %s: %s\nhint: choose another port, or off", listen_at->text,
                   err_text(err));
    return err;
}

/// Reads --rpc-listen. `*off`: there is no door.
static err_t read_listen(char address[64], uint16_t *port, bool *off, const struct config *config,
                         struct service_detail *detail)
{
    const char *listen_at = config_text(config, SET_rpc_listen);
    *off = strcmp(listen_at, "off") == 0;
    if (*off) return OK;
    if (!parse_listen(address, 64, port, listen_at)) {
        (void)snprintf(detail->text, sizeof detail->text,
                       "--rpc-listen is \"%s\"\nhint: want ADDRESS:PORT such as 127.0.0.1:8545, "
                       "or off",
                       listen_at);
        return FAIL(INVALID, "rpc: bad listen address");
    }
    if (!is_loopback(address) && config_number(config, SET_rpc_open) == 0) {
        (void)snprintf(detail->text, sizeof detail->text,
                       "--rpc-listen %s reaches beyond this machine, and the RPC has no "
                       "authentication\nhint: listen on 127.0.0.1, or add --rpc-open",
                       listen_at);
        return FAIL(INVALID, "rpc: open to the network");
    }
    return OK;
}

err_t service_start(struct service **out, struct node *node, const struct config *config,
                    const char *client_version, const struct rpc_control *control,
                    struct service_detail *detail)
{
    char address[64];
    uint16_t port = 0;
    bool off = false;
    TRY(read_listen(address, &port, &off, config, detail));
    struct service *s = calloc(1, sizeof *s);
    if (s == NULL) return FAIL(FULL, "rpc: out of memory");
    s->node = node;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const unsigned cores = online < 1 ? 1 : online > 64 ? 64 : (unsigned)online;
    s->env.client_version = client_version;
    s->env.control = control;
    s->env.min_gas_price_wei = config_number(config, SET_min_gas_price);
    s->env.limits = (struct rpc_limits){
        .logs_range = config_number(config, SET_rpc_logs_range),
        .logs_max = 10000,
        .call_gas = config_number(config, SET_rpc_call_gas),
        .call_time_ms = (uint32_t)config_number(config, SET_rpc_call_time),
    };
    err_t err = rpc_env_open(&s->env, node, cores);
    if (err_ok(err) && !off) err = start_dispatcher(s, config, detail);
    if (err_ok(err) && !off) err = start_server(s, config, address, port, cores, detail);
    if (err_ok(err)) err = start_local(s, config, detail);
    if (err_ok(err)) err = start_metrics(s, config, detail);
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
    http_server_stop(s->metrics);
    ipc_stop(s->ipc);
    http_server_stop(s->server);
    rpc_dispatcher_free(s->local);
    rpc_dispatcher_free(s->dispatcher);
    rpc_env_close(&s->env);
    free(s->vhost_text);
    free(s->cors_text);
    free(s);
}
