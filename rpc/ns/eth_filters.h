// SPDX-License-Identifier: Apache-2.0
#pragma once

/// eth_newFilter and its kin: the server remembers what a client has seen. At most 1,000,
/// dropped after 5 minutes unused.

#include "consensus/node/node.h"

struct filters;

/// Begins to listen to the node. @return ERR_FULL
MUST_USE err_t filters_open(struct filters **out, struct node *node);
void filters_close(struct filters *f); ///< NULL is allowed
