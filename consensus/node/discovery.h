// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The socket of node discovery: carries datagrams between libuv and consensus/p2p/discv4, looks
/// names up, and tells whom it has found. It listens on the UDP port with the number of the peers'
/// TCP port.
///
/// Bounds: what comes too fast is left in the kernel's buffer, which drops it; the state machine
/// has its own limits for each address.
///
/// Owner: the loop's thread, but where a function says otherwise.

#include "chain/base/err.h"
#include "consensus/p2p/discv4.h"
#include "consensus/p2p/enode.h"

#include <uv.h>

struct discovery;

struct discovery_options {
    const struct secret_key *key; ///< borrowed
    const char *advertise_host;   ///< an address or a name; NULL: others tell. Borrowed
    struct fork_list forks;
    hash_t genesis;
    /// A node of our chain is there.
    void (*found)(void *ctx, const struct enode *node);
    /// May we know this node at all?
    bool (*allowed)(void *ctx, const secp_pubkey_t *id);
    uint64_t (*now_ms)(void *ctx); ///< since 1970; never runs backwards
    void *ctx;
};

/// Opens the port and begins. @param host  the address that peers call
/// @param port  that they call
/// @param any   if that number is taken for UDP, another one will do
/// @return ERR_BUSY if it is taken; ERR_INVALID for what is no address; ERR_IO, ERR_FULL
MUST_USE err_t discovery_new(struct discovery **out, uv_loop_t *uv,
                             const struct discovery_options *options, const char *host,
                             uint16_t port, bool any);
/// A node to begin with; a name is looked up every minute.
/// @return ERR_FULL; ERR_INVALID for our own key, or one without a UDP port
MUST_USE err_t discovery_add_bootnode(struct discovery *d, const struct enode *node);

/// Closes the port. The memory goes with discovery_free, after the loop has run empty.
void discovery_stop(struct discovery *d);
void discovery_free(struct discovery *d); ///< NULL is allowed

/// The chain has a new head.
void discovery_on_head(struct discovery *d, uint64_t number, uint64_t time_s);

/// --- any thread ---

/// The UDP port that is open.
uint16_t discovery_port(const struct discovery *d);

/// What it looks like from outside.
struct discovery_view {
    char record[ENR_TEXT_MAX]; ///< "enr:..."
    struct discv4_stats stats;
};
void discovery_look(struct discovery *d, struct discovery_view *out);
