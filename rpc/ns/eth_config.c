// SPDX-License-Identifier: Apache-2.0
/// eth_config (EIP-7910) and eth_capabilities: which rules hold, and what history is here.

#include "chain/state/prove.h"
#include "chain/types/fork_id.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/env.h"
#include "rpc/ns/handlers.h"

// ---- forks --------------------------------------------------------------------------------

/// EIP-7910's names, in the order of the addresses 0x01, 0x02, ...; and since when.
static const struct {
    const char *name;
    enum revision since;
} precompiles[] = {
    {"ECREC", REV_FRONTIER},
    {"SHA256", REV_FRONTIER},
    {"RIPEMD160", REV_FRONTIER},
    {"ID", REV_FRONTIER},
    {"MODEXP", REV_BYZANTIUM},
    {"BN254_ADD", REV_BYZANTIUM},
    {"BN254_MUL", REV_BYZANTIUM},
    {"BN254_PAIRING", REV_BYZANTIUM},
    {"BLAKE2F", REV_ISTANBUL},
    {"KZG_POINT_EVALUATION", REV_CANCUN},
    {"BLS12_G1ADD", REV_PRAGUE},
    {"BLS12_G1MSM", REV_PRAGUE},
    {"BLS12_G2ADD", REV_PRAGUE},
    {"BLS12_G2MSM", REV_PRAGUE},
    {"BLS12_PAIRING_CHECK", REV_PRAGUE},
    {"BLS12_MAP_FP_TO_G1", REV_PRAGUE},
    {"BLS12_MAP_FP2_TO_G2", REV_PRAGUE},
};

/// One fork: the rules from `number` and `time_s` on.
struct fork_point {
    enum revision rev;
    uint64_t number;
    uint64_t time_s;
    uint64_t activation_s;
};

static void put_fork(struct json_writer *w, const struct node *node, const struct fork_point *at)
{
    const struct genesis *g = node_genesis(node);
    const struct fork_list forks = fork_list_of(&g->config, g->header.timestamp_s);
    const struct fork_id id = fork_id_at(&forks, node_genesis_hash(node), at->number, at->time_s);
    jw_open(w, '{');
    jw_kv_int(w, "activationTime", (int64_t)at->activation_s);
    jw_key(w, "blobSchedule");
    if (at->rev >= REV_CANCUN) { // the price has its formula, but no block takes a blob
        jw_open(w, '{');
        jw_kv_int(w, "baseFeeUpdateFraction", at->rev >= REV_PRAGUE ? 5007716 : 3338477);
        jw_kv_int(w, "max", 0);
        jw_kv_int(w, "target", 0);
        jw_close(w, '}');
    } else {
        jw_null(w);
    }
    jw_kv_qty(w, "chainId", g->config.chain_id);
    jw_kv_data(w, "forkId", BYTES_OF(id.hash));
    jw_key(w, "precompiles");
    jw_open(w, '{');
    for (size_t i = 0; i < ARRAY_LEN(precompiles); i++) {
        if (at->rev < precompiles[i].since) continue;
        const address_t a = {{[19] = (uint8_t)(i + 1)}};
        jw_kv_address(w, precompiles[i].name, &a);
    }
    jw_close(w, '}');
    jw_key(w, "systemContracts"); // QBFT blocks call none
    jw_open(w, '{');
    jw_close(w, '}');
    jw_close(w, '}');
}

/// When a revision began, which is in force at the head.
static err_t activation_of(const struct rpc_call *call, const struct snapshot *s, enum revision rev,
                           uint64_t *out)
{
    const struct chain_config *config = &node_genesis(env_of(call)->node)->config;
    *out = 0;
    const uint64_t genesis_s = node_genesis(env_of(call)->node)->header.timestamp_s;
    if (config->fork_time_s[rev] != FORK_NEVER) {
        if (config->fork_time_s[rev] > genesis_s) *out = config->fork_time_s[rev];
    } else if (config->fork_block[rev] != FORK_NEVER && config->fork_block[rev] > 0) {
        struct header h;
        TRY(blocks_header(s->txn, &h, config->fork_block[rev]));
        *out = h.timestamp_s;
    }
    return OK;
}

bool eth_config(struct rpc_call *call)
{
    const struct node *node = env_of(call)->node;
    const struct chain_config *config = &node_genesis(node)->config;
    struct snapshot s;
    const struct block_ref latest = {.kind = BLOCK_LATEST};
    bool found = false;
    if (!snapshot_begin(call, &s) || !snapshot_find(call, &s, &latest, &found)) return false;
    struct fork_point current = {.number = s.header.number, .time_s = s.header.timestamp_s};
    current.rev = chain_revision(config, current.number, current.time_s);
    const err_t err = activation_of(call, &s, current.rev, &current.activation_s);
    snapshot_close(&s);
    if (!err_ok(err)) return rpc_fail_err(call, err);

    // Forks to come are known by their times only.
    struct fork_point coming[REV_COUNT];
    size_t count = 0;
    for (int rev = (int)current.rev + 1; rev < REV_COUNT; rev++) {
        const uint64_t at = config->fork_time_s[rev];
        if (at == FORK_NEVER || at <= current.time_s) continue;
        if (count > 0 && coming[count - 1].time_s == at) count--; // the later rules of one moment
        coming[count++] = (struct fork_point){(enum revision)rev, current.number, at, at};
    }
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    jw_key(w, "current");
    put_fork(w, node, &current);
    jw_key(w, "next");
    if (count > 0)
        put_fork(w, node, &coming[0]);
    else
        jw_null(w);
    jw_key(w, "last");
    if (count > 0)
        put_fork(w, node, &coming[count - 1]);
    else
        jw_null(w);
    jw_close(w, '}');
    return true;
}

// ---- history ------------------------------------------------------------------------------

static void put_resource(struct json_writer *w, const char *name, uint64_t oldest, uint64_t window)
{
    jw_key(w, name);
    jw_open(w, '{');
    jw_kv_bool(w, "disabled", false);
    jw_kv_qty(w, "oldestBlock", oldest);
    if (window > 0) {
        jw_key(w, "deleteStrategy");
        jw_open(w, '{');
        jw_kv_str(w, "type", "window");
        jw_kv_qty(w, "retentionBlocks", window);
        jw_close(w, '}');
    }
    jw_close(w, '}');
}

bool eth_capabilities(struct rpc_call *call)
{
    static const char *const whole[] = {"state", "tx", "logs", "receipts", "blocks"};
    struct node_status st;
    node_status(env_of(call)->node, &st);
    const uint64_t head = st.head_number;
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    jw_key(w, "head");
    jw_open(w, '{');
    jw_kv_qty(w, "number", head);
    jw_kv_hash(w, "hash", &st.head_hash);
    jw_close(w, '}');
    const uint64_t oldest = node_oldest(env_of(call)->node);
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) put_resource(w, whole[i], oldest, 0);
    const uint64_t proofs = head > PROVE_MAX_DEPTH ? head - PROVE_MAX_DEPTH : 0;
    put_resource(w, "stateproofs", proofs > oldest ? proofs : oldest, PROVE_MAX_DEPTH);
    jw_close(w, '}');
    return true;
}
