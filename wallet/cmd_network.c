// SPDX-License-Identifier: Apache-2.0
#include "wallet/commands.h"

#include "chain/fed/contracts.h"
#include "wallet/account.h"
#include "wallet/client.h"
#include "wallet/contract.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/text.h"

#include <inttypes.h>

enum exit_code cmd_network_add(struct ctx *ctx, const struct args *a)
{
    const char *name = a->pos[0];
    if (!account_name_ok(name))
        return fail(ctx, EXIT_USAGE, NULL, "`%s` is no name for a network", name);
    if (ctx->set.rpc == NULL || strcmp(ctx->set.rpc_source, "--rpc") != 0)
        return fail(ctx, EXIT_USAGE, NULL, "the network's address is missing: --rpc URL");
    json_t *networks = json_object_get(ctx->networks, "networks");
    if (networks == NULL) {
        networks = json_object();
        (void)json_object_set_new(ctx->networks, "networks", networks);
    }
    if (json_object_get(networks, name) != NULL)
        return fail(ctx, EXIT_USAGE, "cairn network forget NAME", "there is a network %s already",
                    name);
    json_t *profile = json_object();
    (void)json_object_set_new(profile, "rpc", json_string(ctx->set.rpc));
    if (ctx->set.account != NULL)
        (void)json_object_set_new(profile, "account", json_string(ctx->set.account));
    const char *chain = args_flag(a, "chain-id");
    if (chain != NULL) {
        uint64_t id;
        const err_t err = text_parse_u64(&id, chain, UINT64_MAX - 1);
        if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, "--chain-id", err);
        (void)json_object_set_new(profile, "chainId", json_string(chain));
    }
    (void)json_object_set_new(networks, name, profile);
    if (json_object_get(ctx->networks, "current") == NULL)
        (void)json_object_set_new(ctx->networks, "current", json_string(name));

    // The chain is pinned by asking; a node that does not answer leaves no half profile.
    ctx->set.network = name;
    STEP(profile_check_chain(ctx));
    STEP(profile_save(ctx));
    result_set(ctx, "network", json_string(name));
    result_set(ctx, "chainId", json_u64(ctx->chain_id));
    out_line(ctx, "network %s: %s, chain %" PRIu64 ", pinned", name, ctx->set.rpc, ctx->chain_id);
    return EXIT_DONE;
}

enum exit_code cmd_network_use(struct ctx *ctx, const struct args *a)
{
    if (json_object_get(json_object_get(ctx->networks, "networks"), a->pos[0]) == NULL)
        return fail(ctx, EXIT_USAGE, "cairn network list", "no network named %s", a->pos[0]);
    (void)json_object_set_new(ctx->networks, "current", json_string(a->pos[0]));
    STEP(profile_save(ctx));
    result_set(ctx, "network", json_string(a->pos[0]));
    out_line(ctx, "%s is the current network", a->pos[0]);
    return EXIT_DONE;
}

enum exit_code cmd_network_list(struct ctx *ctx, const struct args *a)
{
    (void)a;
    json_t *rows = json_array();
    const char *current = json_string_value(json_object_get(ctx->networks, "current"));
    const char *name;
    json_t *profile;
    json_object_foreach(json_object_get(ctx->networks, "networks"), name, profile)
    {
        json_t *row = json_copy(profile);
        (void)json_object_set_new(row, "name", json_string(name));
        (void)json_object_set_new(row, "current",
                                  json_boolean(current != NULL && strcmp(name, current) == 0));
        (void)json_array_append_new(rows, row);
    }
    static const struct out_column columns[] = {
        {"name", "NAME", false},
        {"current", "CURRENT", false},
        {"chainId", "CHAIN", true},
        {"rpc", "RPC", false},
    };
    out_table(ctx, rows, columns, ARRAY_LEN(columns),
              "no networks: cairn network add NAME --rpc URL");
    result_set(ctx, "networks", rows);
    return EXIT_DONE;
}

enum exit_code cmd_network_forget(struct ctx *ctx, const struct args *a)
{
    const char *name = a->pos[0];
    const bool network = json_object_del(json_object_get(ctx->networks, "networks"), name) == 0;
    const bool pin = json_object_del(json_object_get(ctx->networks, "pins"), name) == 0;
    if (!network && !pin)
        return fail(ctx, EXIT_USAGE, "cairn network list",
                    "%s is neither a network nor an address seen before", name);
    const char *current = json_string_value(json_object_get(ctx->networks, "current"));
    if (current != NULL && strcmp(current, name) == 0)
        (void)json_object_del(ctx->networks, "current");
    STEP(profile_save(ctx));
    out_line(ctx, "%s is forgotten", name);
    return EXIT_DONE;
}

enum exit_code cmd_network_status(struct ctx *ctx, const struct args *a)
{
    (void)a;
    STEP(profile_check_chain(ctx));
    uint64_t number;
    uint64_t time_s;
    STEP(contract_head(ctx, &number, &time_s));
    json_t *version = NULL;
    struct rpc_error error;
    STEP(client_try(ctx, &version, &error, "web3_clientVersion", NULL));
    rpc_error_clear(&error);
    json_t *code;
    STEP(client_call(
        ctx, &code, "eth_getCode",
        json_pack("[os]", json_address(&fed_contract_address[FED_ROUNDS]), BLOCK_LATEST)));
    const char *text = json_string_value(code);
    const bool contracts = text != NULL && strlen(text) > 2;
    json_decref(code);

    result_set(ctx, "rpc", json_string(ctx->set.rpc));
    result_set(ctx, "chainId", json_u64(ctx->chain_id));
    result_set(ctx, "block", json_u64(number));
    result_set(ctx, "time", json_string(text_time(time_s).s));
    result_set(ctx, "systemContracts", json_boolean(contracts));
    out_field(ctx, "rpc", "%s (from %s)", ctx->set.rpc, ctx->set.rpc_source);
    if (json_is_string(version)) out_field(ctx, "client", "%s", json_string_value(version));
    out_field(ctx, "chain", "%" PRIu64, ctx->chain_id);
    out_field(ctx, "block", "%" PRIu64 ", %s", number, text_time(time_s).s);
    out_field(ctx, "contracts", "%s",
              contracts ? "the federation's are there" : "none of the federation's");
    result_set(ctx, "client", version);
    return EXIT_DONE;
}
