// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The RPC service of a running node: door, dispatcher and methods put together, with the
/// health pages (/liveness, /readiness, /status) beside them.

#include "consensus/node/node.h"
#include "rpc/cairnd/config.h"
#include "rpc/ns/env.h"

struct service;

struct service_detail {
    char text[400];
};

/// @param client_version  outlives the service
/// @param control         what admin_* does; outlives the service. NULL: no local socket
/// @return ERR_INVALID, ERR_BUSY (address in use), ERR_IO, ERR_FULL; with `detail`
MUST_USE err_t service_start(struct service **out, struct node *node, const struct config *config,
                             const char *client_version, const struct rpc_control *control,
                             struct service_detail *detail);

/// "http://127.0.0.1:8545", or NULL if the RPC is off.
const char *service_url(const struct service *s);

/// Finishes what runs. NULL is allowed.
void service_stop(struct service *s);
