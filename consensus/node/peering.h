// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the node says to its peers and makes of what they say: the eth and istanbul protocols
/// between sessions, sync, pool and consensus.
///
///     net (sockets) --message--> peering --job--> desk (store, signatures) --task--> loop
///                                   |  ^
///                    sync (pure) <--+  +-- new heads, own messages, new transactions
///
/// Owner: the loop's thread, but where a function says otherwise.

#include "consensus/node/node.h"
#include "consensus/p2p/enode.h"
#include "consensus/qbft/qbft.h"
#include "consensus/sync/sync.h"

#include <uv.h>

struct peering;
struct node;

/// Opens the port and starts calling. The loop need not run yet.
/// @return ERR_INVALID (an enode, the address, a port that is taken), ERR_IO, ERR_FULL
MUST_USE err_t peering_new(struct peering **out, struct node *n, uv_loop_t *uv,
                           struct node_detail *detail);
/// Says goodbye to everybody and ends the desks' threads; once the loop's thread has ended. The
/// memory goes with peering_free, after the loop has run empty.
void peering_stop(struct peering *p);
void peering_free(struct peering *p); ///< NULL is allowed

/// The chain has a new head.
void peering_on_head(struct peering *p, const struct qbft_head *head);
/// Sends an own QBFT message to the validators that are connected.
void peering_multicast(struct peering *p, enum qbft_code code, bytes_t wire);
/// Passes a message on to the validators that are connected, but its author and whoever sent it.
void peering_relay(struct peering *p, enum qbft_code code, bytes_t wire, const address_t *author,
                   uint64_t from_conn);
/// A message of this peer broke a rule of consensus.
void peering_blame(struct peering *p, uint64_t conn, const char *why);
/// The same, if the line is the author's own: others pass on what they cannot judge yet.
void peering_blame_author(struct peering *p, uint64_t conn, const address_t *author,
                          const char *why);
/// New transactions in the pool; `from_conn` 0 for our own.
void peering_on_txs(struct peering *p, const hash_t *hashes, size_t count, uint64_t from_conn);
/// What became of a block that sync had imported.
void peering_import_done(struct peering *p, uint64_t number, enum sync_verdict verdict);

/// Only these may have a line from now on (peers_set_allowed); the others' are cut.
void peering_allow(struct peering *p, const secp_pubkey_t *ids, size_t count, bool all);
/// Is there an open line with this node?
bool peering_connected(struct peering *p, const address_t *who);

/// Adds a static node and calls it, or forgets it and cuts its line.
void peering_change(struct peering *p, const struct enode *whom, bool add);

/// --- any thread ---

/// The port that is open.
uint16_t peering_port(const struct peering *p);
/// What discovery looks like; zeros where it is off.
void peering_discovery(const struct peering *p, struct node_discovery *out);
/// Copies what is known of the peers. @return how many, at most `room`
size_t peering_list(struct peering *p, struct node_peer *out, size_t room);
/// How far sync is.
void peering_sync_view(struct peering *p, struct sync_view *out);
