// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/p2p_settings.h"

#include "rpc/cairnd/command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/// "0.0.0.0:30303", "[::]:30303" into its two parts.
static bool split_address(char *host, size_t cap, uint16_t *port, const char *text)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text) return false;
    const bool brackets = text[0] == '[' && colon[-1] == ']';
    const char *from = text + brackets;
    const size_t len = (size_t)(colon - from) - brackets;
    uint64_t number;
    if (len == 0 || len >= cap || !setting_parse(&number, SETTING_COUNT, colon + 1) ||
        number > UINT16_MAX)
        return false;
    memcpy(host, from, len);
    host[len] = 0;
    *port = (uint16_t)number;
    return true;
}

err_t p2p_static_nodes_read(struct p2p_settings *p, const struct config *c, char detail[400])
{
    const char *given = config_text(c, SET_static_nodes);
    char *path = given[0] != 0 ? strdup(given) : config_path(c, "static-nodes.json");
    if (path == NULL) return FAIL(FULL, "out of memory");
    json_error_t why;
    struct stat st;
    detail[0] = 0;
    if (given[0] != 0 || stat(path, &st) == 0) {
        p->list = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
        if (p->list == NULL)
            (void)snprintf(detail, 400, "%s:%d: %s\nhint: want a JSON list of enode URLs", path,
                           why.line, why.text);
        else if (!json_is_array(p->list) || json_array_size(p->list) > P2P_STATIC_NODES_MAX)
            (void)snprintf(detail, 400, "%s is no list of at most %d enode URLs", path,
                           P2P_STATIC_NODES_MAX);
    }
    for (size_t i = 0; detail[0] == 0 && i < json_array_size(p->list); i++) {
        p->nodes[i] = json_string_value(json_array_get(p->list, i));
        if (p->nodes[i] == NULL)
            (void)snprintf(detail, 400, "%s: item %zu is no text\nhint: want enode://...", path,
                           i + 1);
    }
    free(path);
    return detail[0] == 0 ? OK : FAIL(INVALID, "static nodes: the file is wrong");
}

/// Cuts --bootnodes at its commas.
static int read_bootnodes(struct p2p_settings *p, const struct config *c)
{
    p->boot_text = strdup(config_text(c, SET_bootnodes));
    if (p->boot_text == NULL) return fail(EXIT_INTERNAL, "out of memory");
    char *rest = NULL;
    for (char *word = strtok_r(p->boot_text, ", \t", &rest); word != NULL;
         word = strtok_r(NULL, ", \t", &rest)) {
        if (p->bootnode_count == P2P_BOOTNODES_MAX)
            return fail(EXIT_USAGE, "--bootnodes has more than %d enodes", P2P_BOOTNODES_MAX);
        p->bootnodes[p->bootnode_count++] = word;
    }
    return EXIT_DONE;
}

/// Whoever names bootnodes wants them asked, unless he says otherwise.
static bool wants_discovery(const struct p2p_settings *p, const struct config *c)
{
    const bool said = c->all[SET_discovery].source != FROM_DEFAULT;
    return said ? config_number(c, SET_discovery) != 0 : p->bootnode_count != 0;
}

int p2p_settings_read(struct p2p_settings *p, const struct config *c, struct node_p2p_options *o)
{
    const char *listen = config_text(c, SET_p2p_listen);
    const bool dev = config_number(c, SET_dev) != 0; // a network of its own
    if (dev || strcmp(listen, "off") == 0) return EXIT_DONE;
    if (!split_address(p->host, sizeof p->host, &o->listen_port, listen))
        return fail(EXIT_USAGE,
                    "--p2p-listen is \"%s\"\nhint: want ADDR:PORT such as "
                    "0.0.0.0:30303, or off",
                    listen);
    char detail[400];
    const err_t err = p2p_static_nodes_read(p, c, detail);
    int code = err_ok(err) ? EXIT_DONE : fail(EXIT_USAGE, "%s", detail);
    if (code == EXIT_DONE) code = read_bootnodes(p, c);
    const char *advertise = config_text(c, SET_p2p_advertise);
    o->on = true;
    o->listen_host = p->host;
    o->advertise_host = advertise[0] != 0 ? advertise : NULL;
    o->client_id = client_version(p->version, sizeof p->version);
    o->max_peers = config_number(c, SET_max_peers);
    o->static_nodes = p->nodes;
    o->static_node_count = json_array_size(p->list);
    o->discovery = wants_discovery(p, c);
    o->bootnodes = p->bootnodes;
    o->bootnode_count = p->bootnode_count;
    return code;
}

void p2p_settings_free(struct p2p_settings *p)
{
    json_decref(p->list);
    p->list = NULL;
    free(p->boot_text);
    p->boot_text = NULL;
}
