// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Prometheus' text 0.0.4 of a running node, under /metrics on a port of its own (names:
/// interfaces.md 5). What is counted is read from atomics; a scrape takes no lock of a hot path.

#include "rpc/http/server.h"
#include "rpc/ns/env.h"

/// @param rpc  the server of RPC; NULL if it is off
void metrics_print(struct buf *out, const struct rpc_env *env, struct http_server *rpc);
