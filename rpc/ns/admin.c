// SPDX-License-Identifier: Apache-2.0
/// admin_: what an operator does to this node, on the local socket only; and the status page. Shapes
/// are those of Besu and go-ethereum where they have the method.

#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"

#include <stdlib.h>
#include <time.h>

// ---- status -------------------------------------------------------------------------------

static void put_head(struct json_writer *w, const struct node_status *st)
{
    jw_key(w, "head");
    jw_open(w, '{');
    jw_kv_int(w, "number", (int64_t)st->head_number);
    jw_kv_hash(w, "hash", &st->head_hash);
    jw_kv_int(w, "timestamp", (int64_t)st->head_timestamp_s);
    jw_kv_int(w, "gasUsed", (int64_t)st->head_gas_used);
    jw_kv_int(w, "gasLimit", (int64_t)st->head_gas_limit);
    jw_close(w, '}');
}

static void put_qbft(struct json_writer *w, const struct node_status *st, struct node *n)
{
    struct arena arena;
    const address_t *missing = NULL;
    size_t count = 0;
    err_t err = arena_init(&arena, 65536);
    if (err_ok(err)) err = node_missing_validators(n, &missing, &count, &arena);
    jw_key(w, "qbft");
    jw_open(w, '{');
    jw_kv_int(w, "height", (int64_t)st->qbft_height);
    jw_kv_int(w, "round", st->qbft_round);
    jw_kv_int(w, "roundStarted", (int64_t)st->qbft_round_started_s);
    jw_kv_str(w, "step", st->qbft_step != NULL ? st->qbft_step : "idle");
    jw_kv_address(w, "proposer", &st->proposer);
    jw_kv_bool(w, "isValidator", st->is_validator);
    jw_kv_address(w, "validator", &st->validator);
    jw_kv_int(w, "validators", (int64_t)st->validator_count);
    jw_key(w, "missing");
    jw_open(w, '[');
    for (size_t i = 0; err_ok(err) && i < count; i++) jw_address(w, &missing[i]);
    jw_close(w, ']');
    jw_key(w, "stall");
    if (st->stalled_s > 0) {
        jw_open(w, '{');
        jw_kv_int(w, "seconds", (int64_t)st->stalled_s);
        jw_kv_str(w, "why", st->stall_why);
        jw_kv_str(w, "hint", st->stall_hint != NULL ? st->stall_hint : "");
        jw_close(w, '}');
    } else {
        jw_null(w);
    }
    jw_close(w, '}');
    arena_deinit(&arena);
}

static void put_sync(struct json_writer *w, struct node *n)
{
    struct node_sync sync;
    node_sync_status(n, &sync);
    jw_key(w, "sync");
    jw_open(w, '{');
    jw_kv_bool(w, "syncing", sync.syncing);
    if (sync.syncing) jw_kv_int(w, "highest", (int64_t)sync.highest);
    jw_close(w, '}');
}

static void put_store(struct json_writer *w, struct node *n)
{
    struct db_stats db = {0};
    if (!err_ok(db_stats(node_db(n), &db))) return;
    jw_key(w, "store");
    jw_open(w, '{');
    jw_kv_int(w, "usedBytes", (int64_t)db.used_bytes);
    jw_kv_int(w, "mapBytes", (int64_t)db.map_bytes);
    jw_kv_int(w, "diskFreeBytes", (int64_t)db.disk_free_bytes);
    jw_close(w, '}');
}

void rpc_put_status(struct json_writer *w, const struct rpc_env *env)
{
    struct node_status st;
    struct node_peer peers[NODE_PEERS_MAX];
    node_status(env->node, &st);
    jw_kv_str(w, "version", env->client_version);
    jw_kv_int(w, "chainId", (int64_t)node_genesis(env->node)->config.chain_id);
    jw_kv_hash(w, "genesis", node_genesis_hash(env->node));
    put_head(w, &st);
    put_qbft(w, &st, env->node);
    put_sync(w, env->node);
    jw_kv_int(w, "peers", (int64_t)node_peers(env->node, peers, ARRAY_LEN(peers)));
    jw_key(w, "pool");
    jw_open(w, '{');
    jw_kv_int(w, "pending", (int64_t)st.pool_pending);
    jw_kv_int(w, "queued", (int64_t)st.pool_queued);
    jw_kv_bool(w, "accepting", st.accepting_txs);
    jw_close(w, '}');
    put_store(w, env->node);
}

bool admin_status(struct rpc_call *call)
{
    struct log_recent lines[LOG_RECENT_MAX];
    const size_t count = log_recent_get(lines);
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    rpc_put_status(w, env_of(call));
    jw_key(w, "warnings");
    jw_open(w, '[');
    for (size_t i = 0; i < count; i++) jw_str(w, lines[i].text);
    jw_close(w, ']');
    jw_close(w, '}');
    return true;
}

// ---- peers --------------------------------------------------------------------------------

/// The key as it stands in an enode: 128 digits.
struct id_text {
    char s[2 * sizeof(secp_pubkey_t) + 1];
};

static struct id_text id_text(const secp_pubkey_t *id)
{
    static const char digits[] = "0123456789abcdef";
    struct id_text t;
    for (size_t i = 0; i < sizeof id->b; i++) {
        t.s[2 * i] = digits[id->b[i] >> 4];
        t.s[2 * i + 1] = digits[id->b[i] & 15];
    }
    t.s[2 * sizeof id->b] = 0;
    return t;
}

/// The parts of "enode://ID@HOST:PORT".
struct enode_parts {
    char id[129];
    char host[256];
    uint16_t port;
};

static void take_apart(struct enode_parts *out, const char *enode)
{
    memset(out, 0, sizeof *out);
    const char *id = enode + strlen("enode://");
    const char *at = strchr(id, '@');
    if (at == NULL) return;
    (void)snprintf(out->id, sizeof out->id, "%.*s", (int)(at - id), id);
    const char *query = strchr(at, '?'); // ?discport=
    const char *end = query != NULL ? query : at + strlen(at);
    const char *colon = memrchr(at, ':', (size_t)(end - at));
    if (colon == NULL) return;
    (void)snprintf(out->host, sizeof out->host, "%.*s", (int)(colon - at - 1), at + 1);
    out->port = (uint16_t)strtoul(colon + 1, NULL, 10);
}

bool admin_node_info(struct rpc_call *call)
{
    const struct rpc_env *env = env_of(call);
    char enode[NODE_ENODE_MAX] = "";
    char listens[300] = "";
    struct enode_parts parts = {.port = 0};
    struct node_status st;
    node_status(env->node, &st);
    if (node_enode(env->node, enode, sizeof enode)) {
        take_apart(&parts, enode);
        (void)snprintf(listens, sizeof listens, "%s:%u", parts.host, parts.port);
    }
    struct node_discovery found;
    node_discovery(env->node, &found);
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    jw_kv_str(w, "enode", enode);
    if (found.on) jw_kv_str(w, "enr", found.record);
    jw_kv_str(w, "id", parts.id);
    jw_kv_str(w, "name", env->client_version);
    jw_kv_str(w, "ip", parts.host);
    jw_kv_str(w, "listenAddr", listens);
    jw_key(w, "ports");
    jw_open(w, '{');
    jw_kv_int(w, "discovery", found.port); // 0: nobody is looked for
    jw_kv_int(w, "listener", parts.port);
    jw_close(w, '}');
    jw_key(w, "protocols");
    jw_open(w, '{');
    jw_key(w, "eth");
    jw_open(w, '{');
    jw_kv_int(w, "network", (int64_t)node_genesis(env->node)->config.chain_id);
    jw_kv_hash(w, "genesis", node_genesis_hash(env->node));
    jw_kv_hash(w, "head", &st.head_hash);
    jw_kv_int(w, "difficulty", (int64_t)st.head_number + 1); // one of each block
    jw_close(w, '}');
    jw_close(w, '}');
    jw_kv_address(w, "address", &st.validator);
    jw_kv_bool(w, "isValidator", st.is_validator);
    jw_close(w, '}');
    return true;
}

static void put_peer(struct json_writer *w, const struct node_peer *p)
{
    char text[NODE_ENODE_MAX];
    const struct id_text id = id_text(&p->id);
    const char *colon = strrchr(p->remote, ':');
    jw_open(w, '{');
    jw_kv_str(w, "version", "0x5");
    jw_kv_str(w, "name", p->client);
    jw_key(w, "caps");
    jw_open(w, '[');
    (void)snprintf(text, sizeof text, "eth/%u", p->eth);
    jw_str(w, text);
    if (p->istanbul != 0) {
        (void)snprintf(text, sizeof text, "istanbul/%u", p->istanbul);
        jw_str(w, text);
    }
    jw_close(w, ']');
    jw_key(w, "network");
    jw_open(w, '{');
    jw_kv_str(w, "remoteAddress", p->remote);
    jw_kv_bool(w, "inbound", p->inbound);
    jw_kv_bool(w, "trusted", p->is_static || p->is_validator);
    jw_kv_bool(w, "static", p->is_static);
    jw_close(w, '}');
    jw_kv_qty(w, "port", colon != NULL ? strtoul(colon + 1, NULL, 10) : 0);
    (void)snprintf(text, sizeof text, "0x%s", id.s);
    jw_kv_str(w, "id", text);
    (void)snprintf(text, sizeof text, "enode://%s@%s", id.s, p->remote);
    jw_kv_str(w, "enode", text);
    jw_key(w, "protocols");
    jw_open(w, '{');
    jw_key(w, "eth");
    jw_open(w, '{');
    jw_kv_int(w, "version", p->eth);
    jw_kv_qty(w, "height", p->head_number);
    jw_close(w, '}');
    jw_close(w, '}');
    jw_kv_address(w, "address", &p->address);
    jw_kv_bool(w, "isValidator", p->is_validator);
    jw_close(w, '}');
}

bool admin_peers(struct rpc_call *call)
{
    struct node_peer peers[NODE_PEERS_MAX];
    const size_t count = node_peers(env_of(call)->node, peers, ARRAY_LEN(peers));
    jw_open(&call->out, '[');
    for (size_t i = 0; i < count; i++) put_peer(&call->out, &peers[i]);
    jw_close(&call->out, ']');
    return true;
}

static bool change_peer(struct rpc_call *call, err_t (*change)(struct node *, const char *))
{
    const char *enode = json_string_value(param_at(call, 0));
    const char *want = "enode://<128 digits>@<host>:<port>";
    if (enode == NULL) return rpc_fail_param(call, "enode", want, param_at(call, 0));
    const err_t err = change(env_of(call)->node, enode);
    if (err.kind == ERR_MALFORMED || err.kind == ERR_INVALID)
        return rpc_fail_param(call, "enode", want, param_at(call, 0));
    if (!err_ok(err)) return rpc_fail(call, RPC_SERVER, "%s", err_text(err));
    jw_bool(&call->out, true);
    return true;
}

bool admin_add_peer(struct rpc_call *call)
{
    return change_peer(call, node_add_peer);
}

bool admin_remove_peer(struct rpc_call *call)
{
    return change_peer(call, node_remove_peer);
}

// ---- the program --------------------------------------------------------------------------

static const struct rpc_control *control_of(struct rpc_call *call)
{
    const struct rpc_control *c = env_of(call)->control;
    if (c == NULL) rpc_fail(call, RPC_SERVER, "this program has no controls");
    return c;
}

bool admin_datadir(struct rpc_call *call)
{
    const struct rpc_control *c = control_of(call);
    if (c == NULL) return false;
    jw_str(&call->out, c->data_dir);
    return true;
}

bool admin_set_log_level(struct rpc_call *call)
{
    const struct rpc_control *c = control_of(call);
    const char *levels = json_string_value(param_at(call, 0));
    if (c == NULL) return false;
    if (levels == NULL || !c->set_log_level(c->ctx, levels))
        return rpc_fail_param(call, "levels", "error, warn, info or debug, as in info,p2p=debug",
                              param_at(call, 0));
    jw_bool(&call->out, true);
    return true;
}

bool admin_reload(struct rpc_call *call)
{
    const struct rpc_control *c = control_of(call);
    if (c == NULL) return false;
    struct buf said;
    buf_init(&said, 65536);
    const bool ok = c->reload(c->ctx, &said);
    buf_put_u8(&said, 0);
    char *text = (char *)said.data;
    bool done = err_ok(buf_status(&said));
    if (!done) {
        rpc_fail(call, RPC_INTERNAL, "internal error: out of memory");
    } else if (!ok) {
        text[strcspn(text, "\n")] = 0;
        done = rpc_fail(call, RPC_SERVER, "not reloaded, nothing has changed: %.200s", text);
    } else {
        jw_open(&call->out, '{');
        jw_key(&call->out, "changed");
        jw_open(&call->out, '[');
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line != NULL;
             line = strtok_r(NULL, "\n", &save))
            jw_str(&call->out, line);
        jw_close(&call->out, ']');
        jw_close(&call->out, '}');
    }
    buf_deinit(&said);
    return done;
}

bool admin_shutdown(struct rpc_call *call)
{
    const struct rpc_control *c = control_of(call);
    if (c == NULL) return false;
    c->shutdown(c->ctx);
    jw_bool(&call->out, true);
    return true;
}
