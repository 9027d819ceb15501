// SPDX-License-Identifier: Apache-2.0
/// net_, web3_ and rpc: who is this, and what can it do.

#include "chain/crypto/keccak.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"

#include <inttypes.h>
#include <stdio.h>

bool net_version(struct rpc_call *call)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64,
                   node_genesis(env_of(call)->node)->config.chain_id);
    jw_str(&call->out, text);
    return true;
}

bool net_listening(struct rpc_call *call)
{
    char enode[NODE_ENODE_MAX];
    jw_bool(&call->out, node_enode(env_of(call)->node, enode, sizeof enode));
    return true;
}

bool net_peer_count(struct rpc_call *call)
{
    struct node_peer peers[NODE_PEERS_MAX];
    jw_qty(&call->out, node_peers(env_of(call)->node, peers, ARRAY_LEN(peers)));
    return true;
}

bool web3_client_version(struct rpc_call *call)
{
    jw_str(&call->out, env_of(call)->client_version);
    return true;
}

bool web3_sha3(struct rpc_call *call)
{
    bytes_t data;
    if (!param_data(call, 0, &data)) return false;
    const hash_t h = keccak256(data);
    jw_hash(&call->out, &h);
    return true;
}

bool rpc_modules(struct rpc_call *call)
{
    const struct rpc_dispatcher *d = env_of(call)->dispatcher;
    struct json_writer *w = &call->out;
    char last[32] = "";
    size_t cursor = 0;
    jw_open(w, '{');
    for (const struct rpc_method *m; (m = rpc_enabled_next(d, &cursor)) != NULL;) {
        char name[32];
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(m->name, "_."), m->name);
        if (strcmp(name, last) == 0) continue; // rows of a namespace stand together
        memcpy(last, name, sizeof last);
        jw_kv_str(w, name, "1.0");
    }
    jw_close(w, '}');
    return true;
}

/// JSON Schema of a parameter's type.
static void put_schema(struct json_writer *w, bytes_t type)
{
    static const struct {
        const char *type;
        const char *schema;
    } schemas[] = {
        {"address", "{\"type\":\"string\",\"pattern\":\"^0x[0-9a-fA-F]{40}$\"}"},
        {"hash", "{\"type\":\"string\",\"pattern\":\"^0x[0-9a-fA-F]{64}$\"}"},
        {"quantity", "{\"type\":\"string\",\"pattern\":\"^0x(0|[1-9a-fA-F][0-9a-fA-F]*)$\"}"},
        {"data", "{\"type\":\"string\",\"pattern\":\"^0x([0-9a-fA-F]{2})*$\"}"},
        {"block", "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"object\"}]}"},
        {"boolean", "{\"type\":\"boolean\"}"},
        {"array", "{\"type\":\"array\"}"},
        {"object", "{\"type\":\"object\"}"},
        {"call", "{\"type\":\"object\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        if (bytes_eq(type, bytes_of_str(schemas[i].type))) {
            jw_raw(w, bytes_of_str(schemas[i].schema));
            return;
        }
    }
    jw_raw(w, LIT("{}"));
}

static void put_method(struct json_writer *w, const struct rpc_method *m)
{
    jw_open(w, '{');
    jw_kv_str(w, "name", m->name);
    jw_key(w, "params");
    jw_open(w, '[');
    for (const char *p = m->params; *p != 0;) {
        const size_t name_len = strcspn(p, ":");
        const size_t len = strcspn(p, " ");
        const bool optional = p[len - 1] == '?';
        jw_open(w, '{');
        jw_key(w, "name");
        jw_str_len(w, bytes_make(p, name_len));
        jw_kv_bool(w, "required", !optional);
        jw_key(w, "schema");
        put_schema(w, bytes_make(p + name_len + 1, len - name_len - 1 - optional));
        jw_close(w, '}');
        p += len;
        p += strspn(p, " ");
    }
    jw_close(w, ']');
    jw_key(w, "result");
    jw_raw(w, LIT("{\"name\":\"result\",\"schema\":{}}"));
    jw_close(w, '}');
}

bool rpc_discover(struct rpc_call *call)
{
    struct json_writer *w = &call->out;
    size_t cursor = 0;
    jw_open(w, '{');
    jw_kv_str(w, "openrpc", "1.2.6");
    jw_key(w, "info");
    jw_open(w, '{');
    jw_kv_str(w, "title", "Cairn JSON-RPC");
    jw_kv_str(w, "version", env_of(call)->client_version);
    jw_close(w, '}');
    jw_key(w, "methods");
    jw_open(w, '[');
    for (const struct rpc_method *m;
         (m = rpc_enabled_next(env_of(call)->dispatcher, &cursor)) != NULL;) {
        put_method(w, m);
    }
    jw_close(w, ']');
    jw_close(w, '}');
    return true;
}
