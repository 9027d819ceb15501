// SPDX-License-Identifier: Apache-2.0
#include "test/support/tiny_node.h"

#include "chain/crypto/secp.h"
#include "chain/store/guard.h"
#include "rpc/cairnd/system_contracts.h"

#include <stdio.h>
#include <stdlib.h>

static void must(err_t err, const char *more)
{
    if (err_ok(err)) return;
    (void)fprintf(stderr, "tiny_node: %s %s\n", err_text(err), more);
    exit(1);
}

static void make_genesis(struct tiny_node *t, const struct tiny_node_options *options,
                         const address_t *validator)
{
    json_t *params = json_object();
    const struct genesis_plan plan = {
        .chain_id = TINY_NODE_CHAIN_ID,
        .timestamp_s = 1700000000,
        .gas_limit = 30000000,
        .block_period_ms = 1,
        .period_in_ms = true,
        .request_timeout_s = 4,
        .epoch_length = 30000,
        .zero_base_fee = true,
        .validators = validator,
        .validator_count = 1,
        .funds = options->funds,
        .fund_count = options->fund_count,
        .system_contracts = options->system_contracts,
        .system_params = params,
    };
    struct system_detail detail = {""};
    struct genesis_detail why = {""};
    buf_init(&t->genesis_text, (size_t)16 << 20);
    must(genesis_file_write(&t->genesis_text, &t->arena, &plan, &detail), detail.text);
    must(genesis_parse(&t->genesis, &t->arena, buf_bytes(&t->genesis_text), &why), why.text);
    json_decref(params);
}

void tiny_node_open(struct tiny_node *t, const struct tiny_node_options *options)
{
    *t = (struct tiny_node){.dir = temp_dir_make()};
    secp_pubkey_t pub;
    must(secp_setup(), "");
    must(arena_init(&t->arena, (size_t)1 << 30), "");
    must(secret_new(&t->key), "");
    must(secp_keygen(t->key), "");
    must(secp_pubkey_of(&pub, t->key), "");
    const address_t validator = secp_address(&pub);
    make_genesis(t, options, &validator);
    char guard[512];
    (void)snprintf(guard, sizeof guard, "%s/guard", t->dir.path);
    must(guard_create(guard, &validator, 0), "");
    const size_t pool_max = options->pool_max != 0 ? options->pool_max : 4096;
    const struct node_options o = {
        .data_dir = t->dir.path,
        .genesis = &t->genesis,
        .key = t->key,
        .dev = true,
        .dev_period_ms = options->no_blocks ? 3600000 : 0,
        .price_bump_percent = 10,
        .pool_pending_max = pool_max,
        .pool_queued_max = 1024,
        .journal_sync = true,
    };
    struct node_detail detail = {""};
    must(node_open(&t->node, &o, &detail), detail.text);
}

void tiny_node_close(struct tiny_node *t)
{
    node_close(t->node);
    secret_free(t->key);
    buf_deinit(&t->genesis_text);
    arena_deinit(&t->arena);
    temp_dir_remove(&t->dir);
}
