// SPDX-License-Identifier: Apache-2.0
/// `cairn config show`: the settings in force and where each comes from.
#include "wallet/commands.h"

#include "wallet/out.h"

#include <stdlib.h>

static void add(json_t *rows, const char *name, const char *value, const char *source)
{
    json_t *row = json_object();
    (void)json_object_set_new(row, "name", json_string(name));
    (void)json_object_set_new(row, "value", value != NULL ? json_string(value) : json_null());
    (void)json_object_set_new(row, "source", json_string(source));
    (void)json_array_append_new(rows, row);
}

enum exit_code cmd_config_show(struct ctx *ctx, const struct args *a)
{
    (void)a;
    const struct settings *s = &ctx->set;
    json_t *rows = json_array();
    char timeout[32];
    (void)snprintf(timeout, sizeof timeout, "%us", s->timeout_s);
    const char *home = getenv("CAIRN_HOME");
    const char *home_source = home != NULL && home[0] != 0 ? "CAIRN_HOME" : "default";
    add(rows, "rpc", s->rpc,
        strncmp(s->rpc_source, "the default", 11) == 0 ? "default" : s->rpc_source);
    add(rows, "network", s->network, s->network_source);
    add(rows, "account", s->account, s->account_source);
    add(rows, "password-file", s->password_file, s->password_source);
    add(rows, "timeout", timeout, s->timeout_given ? "--timeout" : "default");
    add(rows, "color", s->color, s->color_source != NULL ? s->color_source : "default");
    add(rows, "home", ctx->home, home_source);
    add(rows, "data", ctx->data_home, home_source);
    const json_t *profile =
        s->network != NULL ? json_object_get(json_object_get(ctx->networks, "networks"), s->network)
                           : json_object_get(json_object_get(ctx->networks, "pins"), s->rpc);
    const char *pinned = json_string_value(json_object_get(profile, "chainId"));
    add(rows, "chain", pinned, pinned != NULL ? "pinned at first use" : "not met yet");
    static const struct out_column columns[] = {
        {"name", "SETTING", false}, {"value", "VALUE", false}, {"source", "SOURCE", false}};
    out_table(ctx, rows, columns, ARRAY_LEN(columns), "");
    result_set(ctx, "settings", rows);
    return EXIT_DONE;
}
