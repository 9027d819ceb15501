// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Catching up with the chain. A QBFT block that carries a quorum of seals is final, so there is
/// no choice between chains: follow whoever has more of them.
///
///     peer says "I am at 900"                    our head is 100
///        |
///     GetBlockHeaders 101.. ----> headers: each child of the one before, ours at the bottom
///        |
///     GetBlockBodies (to several peers) ----> queue:  101  102  103 ...
///        |                                             |
///     SYNC_FX_IMPORT <---- the front, as far as it is whole  seals, execution, every root
///        |
///     the new head comes back as SYNC_EV_HEAD; what failed is the giver's fault
///
/// Nothing here trusts anybody: headers must link to our own head, bodies belong to headers by
/// position and are held to their roots at import, and whether the seals are those of the
/// validators of that height is asked at import, before anything is executed. But a request to a
/// silent peer costs its whole time, so those whom the operator or the chain names (`preferred`)
/// are asked before any stranger: a crowd of strangers does not hold up a node that has one of
/// them. A liar costs one
/// request: he is named, and somebody else is asked. A peer that claims a height and does not
/// deliver within its time is left alone for that height.
///
/// Consensus never waits for this, nor this for consensus: both only see heads.
///
/// Pure: events in, effects out; time comes in. Bounded: SYNC_PEERS peers, SYNC_WINDOW blocks,
/// SYNC_WINDOW_BYTES. Owner: the loop's thread.

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/codec/rlp.h"

#define SYNC_PEERS 384U  ///< more than there can be lines
#define SYNC_WINDOW 512U ///< blocks asked for and not yet imported
#define SYNC_WINDOW_BYTES ((size_t)64 * 1024 * 1024)
#define SYNC_HEADERS 192U ///< in one request
#define SYNC_BODIES 48U   ///< in one request
#define SYNC_GROUP 16U    ///< blocks imported together, of at most
#define SYNC_GROUP_BYTES ((size_t)256 * 1024)
#define SYNC_REQUEST_MS 15000U    ///< for an answer
#define SYNC_RETRY_MS 1000U       ///< after an import that our own disk prevented
#define SYNC_LEFT_ALONE_MS 30000U ///< after it has not delivered what it claimed

typedef uint64_t sync_peer_t; ///< any name that is never used again for another peer

struct sync_event {
    uint64_t now_ms;
    enum sync_event_kind {
        SYNC_EV_HEAD,        ///< our head is `head`
        SYNC_EV_PEER,        ///< `peer` claims to have blocks up to `height`
        SYNC_EV_GONE,        ///< `peer` is disconnected
        SYNC_EV_HEADERS,     ///< the answer to `request`
        SYNC_EV_BODIES,      ///< the answer to `request`
        SYNC_EV_BLOCK,       ///< `peer` announced a whole block
        SYNC_EV_IMPORT_DONE, ///< of what was to be imported; SYNC_EV_HEAD came before
        SYNC_EV_TICK,        ///< time has passed
    } kind;
    sync_peer_t peer;
    union {
        struct {
            uint64_t number;
            hash_t hash;
        } head;
        struct {
            uint64_t height;
            bool preferred; ///< a static node or a validator
        };
        struct {
            uint64_t id;
            struct rlp_reader items; ///< copied out
        } answer;
        bytes_t block; ///< RLP, copied
        struct {
            uint64_t number; ///< the first that is not good, or the last of all
            enum sync_verdict {
                SYNC_GOOD,
                SYNC_BAD_HEADER, ///< header or seals: whoever gave the header
                SYNC_BAD_BODY,   ///< sealed, but the body is not the header's: whoever gave it
                SYNC_NOT_NOW,    ///< our own trouble: tried again after SYNC_RETRY_MS
            } verdict;
        } done;
    };
};

struct sync_effect {
    enum sync_effect_kind {
        SYNC_FX_GET_HEADERS, ///< ask `peer` for `count` headers from `from` on
        SYNC_FX_GET_BODIES,  ///< ask `peer` for the bodies of `hashes`
        SYNC_FX_IMPORT,      ///< check `count` blocks with seals, execute, store; then IMPORT_DONE
        SYNC_FX_BLAME,       ///< `peer` gave what cannot be right
        SYNC_FX_USELESS,     ///< `peer` answered with nothing
        SYNC_FX_SILENT,      ///< `peer` did not answer in time
    } kind;
    sync_peer_t peer;
    uint64_t id; ///< of the request
    uint64_t from;
    const hash_t *hashes; ///< valid until the next sync_step
    size_t count;
    /// One RLP [header, txs, ommers(, withdrawals)] behind the other; valid until the next sync_step.
    bytes_t blocks;
    uint64_t number; ///< of the first
    const char *why;
};

#define SYNC_EFFECTS_ROOM (2 * SYNC_PEERS + 8)

struct sync_effects {
    struct sync_effect *items;
    size_t count;
    size_t cap; ///< at least SYNC_EFFECTS_ROOM
};

struct sync;

/// @return ERR_FULL
MUST_USE err_t sync_new(struct sync **out);
void sync_free(struct sync *s); ///< NULL is allowed

/// Advances by one event.
/// @param[out] fx  emptied, then what is to be done, in order
void sync_step(struct sync *s, struct sync_effects *fx, const struct sync_event *ev);

/// For status pages and eth_syncing.
struct sync_view {
    bool syncing;      ///< more than one block behind what peers claim
    uint64_t starting; ///< our head when it began
    uint64_t highest;  ///< the best claim that has not been disproved
    size_t queued;     ///< blocks in the window
    size_t peers;
};
void sync_look(const struct sync *s, struct sync_view *out);
