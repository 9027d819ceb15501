// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The settings of p2p, as the node wants them: --p2p-listen, --p2p-advertise, --static-nodes,
/// --discovery, --bootnodes, --max-peers.

#include <jansson.h>

#include "consensus/node/node.h"
#include "rpc/cairnd/config.h"

#define P2P_STATIC_NODES_MAX 512
#define P2P_BOOTNODES_MAX 32

/// What the options of a running node borrow from.
struct p2p_settings {
    char host[64];
    char version[96];
    json_t *list;
    const char *nodes[P2P_STATIC_NODES_MAX];
    char *boot_text; ///< cut into `bootnodes`; on the heap
    const char *bootnodes[P2P_BOOTNODES_MAX];
    size_t bootnode_count;
};

/// Reads them; prints the error. @return an exit code
int p2p_settings_read(struct p2p_settings *p, const struct config *c, struct node_p2p_options *o);
/// Reads static-nodes.json alone: a JSON list of enode URLs. A default file need not be there.
/// @param detail  says what is wrong
/// @return ERR_INVALID, ERR_FULL
MUST_USE err_t p2p_static_nodes_read(struct p2p_settings *p, const struct config *c,
                                     char detail[400]);
void p2p_settings_free(struct p2p_settings *p);
