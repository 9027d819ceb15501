// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A search for the nodes nearest to a target: those known to be near are asked for nodes that are
/// nearer still, three at a time, until the 16 nearest ones have answered.
///
/// Nodes that do not answer do not count among the 16, so that invented ones do not hide real ones.
/// Pure; owner: its discovery.

#include "consensus/p2p/discv4_table.h"

#define DISCV4_ALPHA 3U          ///< asked at one time
#define DISCV4_NEAREST 16U       ///< how many are looked for
#define DISCV4_LOOKUP_NODES 64U  ///< kept: the nearest ones heard of
#define DISCV4_LOOKUP_ASKED 100U ///< asked in one search at most

enum discv4_lookup_state {
    DISCV4_LOOKUP_NEW,
    DISCV4_LOOKUP_ASKED_NOW,
    DISCV4_LOOKUP_ANSWERED,
    DISCV4_LOOKUP_SILENT,
};

struct discv4_lookup_node {
    struct discv4_node node;
    hash_t nid;
    enum discv4_lookup_state state;
};

struct discv4_lookup {
    bool on;
    secp_pubkey_t target;                                 ///< what is asked for; need not be a key
    hash_t target_nid;                                    ///< its hash
    struct discv4_lookup_node nodes[DISCV4_LOOKUP_NODES]; ///< nearest first
    size_t count;
    unsigned asked;
};

/// Begins; add some nodes next.
void discv4_lookup_begin(struct discv4_lookup *l, const secp_pubkey_t *target);

/// Hears of a node. One that is known already stays as it is.
void discv4_lookup_add(struct discv4_lookup *l, const struct discv4_node *node, const hash_t *nid);

/// The next node to ask, which counts as being asked until discv4_lookup_done. NULL: none now, and
/// if then `on` is false the search is over.
const struct discv4_lookup_node *discv4_lookup_next(struct discv4_lookup *l);

/// What became of asking a node. One that nobody asks is left alone.
void discv4_lookup_done(struct discv4_lookup *l, const hash_t *nid, bool answered);
