// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Many discovery machines in one process, with their own time and a network that loses and delays
/// datagrams as one seed says.

#include "consensus/p2p/discv4.h"

#define WORLD_NODES 40U
#define WORLD_DATAGRAMS 16384U
#define WORLD_BEGIN_MS UINT64_C(1700000000000)

struct world_node {
    struct discv4 *machine; ///< NULL: not there
    struct secret_key key;
    struct discv4_node node;
    uint64_t due_ms;         ///< discv4_deadline
    bool found[WORLD_NODES]; ///< candidates it was told of
    size_t strangers;        ///< candidates that are no node of the world
    uint64_t sent;
    uint64_t sent_bytes;
    uint64_t got_bytes;
};

struct datagram {
    struct discv4_endpoint from, to;
    uint64_t at_ms;
    size_t len;
    uint8_t bytes[DISCV4_PACKET_MAX];
};

struct world {
    struct world_node nodes[WORLD_NODES];
    size_t count;
    struct datagram *datagrams; ///< on their way, in no order
    size_t on_way;
    uint64_t now_ms;
    uint64_t rng;
    unsigned loss_percent;
    struct discv4_effects fx;
    /// What this node sends may be changed on its way; NULL: it is not.
    void (*tamper)(struct world *w, size_t from, struct datagram *d);
};

void world_init(struct world *w, uint64_t seed);
void world_deinit(struct world *w);

uint64_t world_random(struct world *w);

/// Adds a node with a key of its own at 10.1.0.N, not yet there. @return its number
size_t world_add(struct world *w);
/// Lets it begin, on the chain with this genesis, knowing these bootnodes.
void world_start(struct world *w, size_t n, uint8_t chain, const size_t *boots, size_t boot_count);
void world_stop(struct world *w, size_t n);

/// A datagram for whoever is at `to`.
void world_send(struct world *w, const struct discv4_endpoint *from,
                const struct discv4_endpoint *to, bytes_t bytes);

/// Lets so much time pass.
void world_run(struct world *w, uint64_t ms);
/// The same, until this is true. @return whether it was
bool world_run_until(struct world *w, uint64_t ms, bool (*done)(const struct world *w));

/// Every node that is there has found every other that is there.
bool world_all_found(const struct world *w);
/// The node with this key; SIZE_MAX if there is none.
size_t world_index(const struct world *w, const secp_pubkey_t *id);
