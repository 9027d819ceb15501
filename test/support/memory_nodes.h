// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Trie nodes by path, in memory: a store for tests of the trie that ends the program when a
/// path is cleared that was never written.

#include "chain/trie/trie.h"

struct memory_node {
    uint8_t path[160];
    size_t path_len;
    uint8_t node[1024];
    size_t len;
};

/// Starts zeroed.
struct memory_nodes {
    struct memory_node *items;
    size_t count;
    size_t cap;
};

struct trie_source memory_nodes_source(struct memory_nodes *m);

/// Does what a finished trie says.
void memory_nodes_write(struct memory_nodes *m, const struct trie *t);

void memory_nodes_deinit(struct memory_nodes *m);
