// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A node of one validator in a throw-away directory, for benchmarks and fuzz targets. Ends the
/// program if it cannot be opened. Needs the layers up to rpc/.

#include "consensus/node/node.h"
#include "rpc/cairnd/genesis_file.h"
#include "test/support/temp_dir.h"

#define TINY_NODE_CHAIN_ID 20482

struct tiny_node {
    struct temp_dir dir;
    struct arena arena;
    struct buf genesis_text;
    struct genesis genesis;
    struct secret_key *key;
    struct node *node;
};

struct tiny_node_options {
    const struct genesis_funds *funds;
    size_t fund_count;
    bool system_contracts;
    bool no_blocks;  ///< none within an hour: transactions stay in the pool
    size_t pool_max; ///< 0: as usual
};

void tiny_node_open(struct tiny_node *t, const struct tiny_node_options *options);
void tiny_node_close(struct tiny_node *t);
