// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A few QBFT cores, one virtual clock and a network in memory: every message is encoded,
/// signed with tags instead of curves, decoded and recovered again. Deterministic: messages are
/// delivered in order of time and number, randomness comes from one seed.
///
/// Checked all the time: agreement, seals of committed blocks, that nobody ever signs two
/// different things for one height and round (over restarts too), that nothing leaves before the
/// record that covers it is saved.

#include "consensus/qbft/block_timer.h"
#include "consensus/qbft/qbft.h"

#define QBFT_NET_MAX 10

struct net_message;

struct net_node {
    address_t address;
    bool alive;
    bool in_set; ///< takes part as a validator from genesis
    struct arena arena;
    struct qbft *core;
    struct qbft_effects fx;
    struct qbft_effect items[2 * QBFT_EFFECTS_ROOM];
    struct arena disk_arena; ///< of `disk`
    struct guard_record disk;
    uint64_t head;
    hash_t head_hash;
    uint64_t head_time_s;
    address_t head_proposer;
    uint32_t head_round; ///< in which it was decided
    hash_t chain[256];
    struct block_timer block_timer;
    bool idle;            ///< no transaction waits here
    uint64_t timer_at[2]; ///< by enum qbft_timer; QBFT_NEVER: off
    uint64_t timer_height[2];
    uint32_t timer_round[2];
    size_t built[256]; ///< blocks made, by height
    size_t blamed;
    size_t evidence;
    bool self_conflict;
    bool refuse_blocks; ///< answers CHECK with no
    const char *last_blame;
};

/// What a message is, for filters.
struct net_letter {
    size_t from;
    size_t to;
    enum qbft_code code;
    uint64_t height;
    uint32_t round;
};

struct qbft_net {
    size_t n;
    enum qbft_wire wire;
    address_t validators[QBFT_NET_MAX];
    struct net_node nodes[QBFT_NET_MAX];
    uint64_t now_ms;
    uint64_t seq;
    struct net_message *queue; ///< ordered by (at, seq)
    uint64_t random;
    unsigned loss_percent;
    unsigned max_delay_ms;
    unsigned crash_percent; ///< of every persisted record: dies before anything leaves
    bool on_demand;
    size_t set_count[256]; ///< by height: how many of the validators are in the set; `n` at first
    uint64_t block_period_ms;
    uint64_t empty_block_period_ms;
    /// Lost if this says so. May be NULL.
    bool (*lost)(void *ctx, const struct net_letter *letter);
    void *ctx;
    struct net_vote *votes; ///< everything ever signed
    size_t vote_count;
    size_t vote_cap;
    size_t delivered;
};

void qbft_net_init(struct qbft_net *net, size_t n, enum qbft_wire wire, uint64_t seed);
void qbft_net_deinit(struct qbft_net *net);

/// Next event (a delivery or a timer). @return false if nothing is left to happen
bool qbft_net_step(struct qbft_net *net);
/// Steps until all living nodes have `height`, or `limit_ms` of virtual time are over. Blocks are
/// synchronised now and then.
bool qbft_net_run_to(struct qbft_net *net, uint64_t height, uint64_t limit_ms);
void qbft_net_run_ms(struct qbft_net *net, uint64_t ms);

/// Stops a node; what was not saved is gone.
void qbft_net_kill(struct qbft_net *net, size_t i);
/// Starts it again from its record and from the highest head that anybody has.
void qbft_net_start(struct qbft_net *net, size_t i);

/// Gives everybody the highest head that anybody has, as block synchronisation does.
void qbft_net_sync(struct qbft_net *net);

/// From now on transactions wait at a node, or no longer.
void qbft_net_set_work(struct qbft_net *net, size_t i, bool work);

/// Tells a node of the head that its members say.
void qbft_net_tell_head(struct qbft_net *net, size_t i);

/// Signs and encodes in the name of node `as`, whatever its guard says.
bytes_t qbft_net_forge(struct qbft_net *net, struct arena *arena, size_t as,
                       const struct qbft_send *send);
/// Hands bytes to one node as if a peer had sent them. @return what qbft_step said
err_t qbft_net_deliver(struct qbft_net *net, size_t to, enum qbft_code code, bytes_t wire);

/// A block of a height: RLP in `arena`.
bytes_t qbft_net_block(struct qbft_net *net, struct arena *arena, size_t proposer, uint64_t height,
                       const hash_t *parent, uint32_t round, uint64_t timestamp_s, uint64_t tag);
/// The tags that stand for signatures.
extern const struct qbft_crypto QBFT_NET_RECOVER;
uint64_t qbft_net_random(struct qbft_net *net, uint64_t below);
