// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the files of peering share. Owner: the loop's thread, but `shown`.

#include "chain/base/map.h"
#include "consensus/node/desk.h"
#include "consensus/node/discovery.h"
#include "consensus/node/net.h"
#include "consensus/node/node_impl.h"
#include "consensus/node/peering.h"
#include "consensus/p2p/budget.h"
#include "consensus/p2p/eth.h"
#include "consensus/p2p/peers.h"

#define KNOWN_TXS 32768U    ///< per peer: hashes that it has
#define KNOWN_BLOCKS 64U    ///< per peer
#define SEEN_MESSAGES 4096U ///< QBFT messages that came before
#define WANTED_TXS 16384U   ///< transactions asked for, and those that have come lately
#define WANTED_MS 5000U     ///< after which somebody else is asked
#define CAME_MS 10000U      ///< in which it is not asked for again
#define ASK_AT_ONCE 4U      ///< requests for transactions that one peer has at one time
#define ASK_LATER 8192U     ///< announced transactions per peer that wait for their turn
#define REQUESTS_PER_S 100U ///< that one peer is answered
#define REQUESTS_BURST 200U
#define REQUESTS_IN_HAND 16U
#define STRANGE_PER_S 100U ///< QBFT messages of one who is no validator that are verified
#define STRANGE_BURST 200U
#define DOUBTFUL_PER_S 200U ///< transactions of one peer whose sender is found and that are refused
#define DOUBTFUL_BURST 4096U ///< and that wait for their verdict
#define VERIFIER_JOBS 2048U
#define RANGE_EVERY 32U ///< blocks, after which the range on offer is told (eth/69)
#define SHOWN_PEERS NODE_PEERS_MAX
#define SAID_MESSAGES 8U
#define GONE_PEERS 1024U

/// A transaction that somebody was asked for.
struct wanted {
    uint64_t at_ms; ///< when he was asked, or it came
    bool came;
};

/// A peer that said Hello, in the slot of its line.
struct peer {
    struct conn *conn;
    uint64_t id; ///< of the line
    address_t address;
    unsigned eth;
    bool has_status;   ///< his Status came and fits
    bool is_validator; ///< of the next height
    uint64_t height;   ///< highest block it is known to have
    uint64_t since_ms;
    struct map known_txs;
    hash_t known_blocks[KNOWN_BLOCKS]; ///< a ring
    size_t next_block;
    struct budget requests; ///< that are answered
    unsigned in_hand;       ///< requests on the desk
    struct budget strange;  ///< QBFT messages, if it is no validator
    unsigned verifying;     ///< QBFT messages on the desk
    size_t verifying_bytes;
    struct budget doubtful; ///< transactions
    unsigned delivering;    ///< messages with transactions on the desk
    size_t delivering_bytes;
    hash_t *later; ///< announced, to be asked for: a ring of ASK_LATER; NULL until needed
    size_t later_first;
    size_t later_count;
    unsigned asking;   ///< our requests for transactions that it has not answered
    uint64_t asked_ms; ///< the last of them
};

/// An own QBFT message of the height in progress, for validators that join later: nobody asks for
/// what was said before he came.
struct said {
    unsigned code;
    struct buf wire;
};

struct peering {
    struct node *node;
    struct net *net;
    struct discovery *discovery; ///< NULL: nobody is looked for
    struct peers *peers;
    struct sync *sync;
    struct sync_effect effects[SYNC_EFFECTS_ROOM];
    struct fork_list forks;
    struct desk *verifier; ///< signers of QBFT messages
    struct desk *clerk;    ///< requests, announcements of blocks
    struct desk *intake;   ///< transactions of peers
    size_t verifying_bytes;
    unsigned verifying_strangers; ///< messages of those who are no validators
    size_t delivering_bytes;
    uv_timer_t tick;
    bool stopping;

    uint64_t head_number;
    hash_t head_hash;
    uint64_t head_time_s;
    address_t validators[QBFT_MAX_VALIDATORS]; ///< of the next height
    size_t validator_count;
    struct map seen;                 ///< hashes of QBFT messages
    uint64_t told_again_s;           ///< the last gossip_again, on the wall clock
    struct map wanted;               ///< transaction hash -> struct wanted
    struct said said[SAID_MESSAGES]; ///< a ring
    size_t said_count;
    bool in_sync;              ///< sync's effects are being done
    uint64_t gone[GONE_PEERS]; ///< lines whose end sync has not heard of yet
    size_t gone_count;

    pthread_mutex_t show_lock;
    struct node_peer shown[SHOWN_PEERS]; ///< show_lock
    size_t shown_count;                  ///< show_lock
    struct sync_view shown_sync;         ///< show_lock
};

static inline struct peer *peer_of(struct conn *c)
{
    return *conn_slot(c);
}

/// A clock that nobody sets.
uint64_t peering_now(const struct peering *p);

/// A line whose Status has come, by its id; NULL if it is gone.
struct peer *peering_find(struct peering *p, uint64_t conn);
/// Walks the peers whose Status has come; start with NULL.
struct peer *peering_next(struct peering *p, const struct peer *after);

/// Advances sync and does what it wants.
void peering_sync(struct peering *p, struct sync_event *ev);
/// The peer is known to have this block.
void peering_claims(struct peering *p, uint64_t conn, uint64_t height);
/// The peer broke a rule: the line ends.
void peering_breach(struct peer *peer, const char *why);
/// A useless answer, or none: some points less, and the end with the last one.
void peering_useless(struct peering *p, struct peer *peer, int points, const char *why);

/// One istanbul message of a peer whose Status has come.
void peering_on_istanbul(struct peering *p, struct peer *peer, unsigned code, bytes_t payload);

/// One eth message of a peer whose Status has come.
void peering_on_eth(struct peering *p, struct peer *peer, unsigned code, bytes_t payload);

/// Asks for announced transactions, as many as may be asked for now.
void peering_ask_txs(struct peering *p, struct peer *peer);

/// --- gossip ---

/// Does the peer have this block, as far as we know?
bool peer_knows_block(const struct peer *peer, const hash_t *hash);
/// It does now.
void peer_learns_block(struct peer *peer, const hash_t *hash);
/// The same for a transaction.
void peer_learns_tx(struct peer *peer, const hash_t *hash);
/// Tells a new peer what waits in the pool.
void gossip_greet(struct peering *p, struct peer *peer);
/// Tells everybody again what has waited long. Called now and then.
void gossip_again(struct peering *p);
/// Tells those who speak eth/69 what blocks there are.
void gossip_range(struct peering *p, uint64_t number, const hash_t *hash);
/// Announces a stored block to everybody who has not got it; while this node is catching up only to
/// those who are behind it. (A claim of height makes it catch up, and anybody can claim.)
void gossip_block(struct peering *p, uint64_t number, const hash_t *hash, bool syncing);
