// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Transactions that wait for a block. Per sender a queue ordered by nonce; of it the part that
/// follows the account's nonce without a gap, that the balance pays for and whose fee cap covers
/// the next block's base fee is *pending* (may go into the next block), the rest is *queued*.
///
///     account nonce 7, balance 13        sender A:  [7]  [8]  [9]  [10]  .   [12]
///     base fee 2                   costs             3    3    3    6          1
///                                  fee cap           3    3    1    3          3
///                                                   pending  |     queued
///
/// What only waits for a lower base fee keeps the slot of a pending one, and becomes pending
/// when the fee has fallen.
///
/// Bounds, who gives way to whom and what is told about it: threat model 4.5. In short: whoever
/// pays more comes in, and the lowest fee of the sender with most slots goes. At equal fees a
/// *local* one, whose hash a user of this node was told, stays: the newcomer is told that there
/// is no room. Peers' ones make room for local ones until they hold a quarter of what is
/// pending, so that what was promised elsewhere gets here, too.
///
/// Pure: no clock, lock, store or allocation but what txpool_new reserves. Transactions belong
/// to the caller: one handed in successfully is the pool's until `drop` gives it back.
/// Owner: whoever holds the driver's lock.

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/map.h"
#include "chain/base/u256.h"
#include "chain/types/tx.h"

/// Why a transaction is refused.
enum pool_result {
    POOL_ADDED,
    POOL_KNOWN,
    POOL_NONCE_TOO_LOW,
    POOL_NONCE_GAP,   ///< further than 64 ahead of the account's nonce
    POOL_SENDER_FULL, ///< 64 of this sender are here and this one fills no gap
    POOL_UNDERPRICED, ///< below the pool's floor
    POOL_REPLACEMENT_UNDERPRICED,
    POOL_INSUFFICIENT_FUNDS, ///< the balance does not cover the sum of what is pending
    POOL_FULL,
};

/// What became of a hash. Inclusion is remembered by the chain, not here.
enum pool_fate {
    POOL_FATE_UNKNOWN,
    POOL_FATE_PENDING,
    POOL_FATE_QUEUED,
    POOL_FATE_INCLUDED,
    POOL_FATE_DROPPED,
};

/// A transaction in the pool. The caller makes it, with `tx` decoded and its sender recovered;
/// the other members but `local` are the pool's.
struct pool_tx {
    struct tx tx;
    uint64_t seq;     ///< order of arrival
    uint64_t since_s; ///< when it came
    u256_t cost_wei;  ///< gas limit * max fee + value
    bool pending;
    /// Set by the caller: a user of this node was told its hash. It gives way to local ones that pay
    /// more, never to what a peer has sent.
    bool local;
};

struct txpool_options {
    size_t pending_max; ///< 4096
    size_t queued_max;  ///< 1024; a quarter of it is kept for local ones
    size_t sender_max;  ///< 64 (at most TXPOOL_SENDER_SLOTS)
    size_t
        sender_safe; ///< of a peer's: who has no more than these gives way to higher fees only: 32
    uint64_t nonce_gap; ///< 64
    size_t bytes_max;   ///< 64 MiB of raw transactions
    unsigned price_bump_percent;
    u256_t min_price_wei; ///< floor of the max fee
    uint64_t lifetime_s;  ///< 3 h
    uint64_t fate_s;      ///< how long a reason is kept: 24 h
    size_t fate_max;      ///< how many are kept
    uint64_t seed;        ///< of the hash maps; random where senders are strangers

    /// The pool has let go of a transaction: the caller may free it.
    void (*drop)(void *ctx, struct pool_tx *tx, enum pool_fate fate, const char *why);
    void *ctx;
};

#define TXPOOL_SENDER_SLOTS 64

extern const struct txpool_options TXPOOL_DEFAULTS;

struct txpool;

/// @param arena  retains; a few megabytes
/// @return ERR_FULL
MUST_USE err_t txpool_new(struct txpool **out, struct arena *arena,
                          const struct txpool_options *options);
/// Drops everything. NULL is allowed.
void txpool_free(struct txpool *p);

/// What the sender's account holds on the head that the caller's checks were made on.
struct pool_account {
    uint64_t nonce;
    u256_t balance_wei;
};

/// Adds a transaction or replaces the one with its nonce. `hint`, where not NULL, receives
/// what was seen and what is needed (balance, fee, nonce) if that helps. On anything but POOL_ADDED it stays the caller's.
struct pool_hint {
    u256_t have;
    u256_t want;
};
enum pool_result txpool_add(struct txpool *p, struct pool_tx *tx,
                            const struct pool_account *account, uint64_t now_s,
                            struct pool_hint *hint);

/// Might a transaction come in that bids this much, whoever sent it? Cheap where the pool has not
/// changed since the last time it was asked: the question before the dear one of who has signed.
/// @return false if there is no room among the pending ones and nothing that would give way; a
///         gap would be of no use then, so that all else is refused as well
bool txpool_may_enter(struct txpool *p, const u256_t *max_fee_wei, bool local);

/// One that a peer has sent becomes local: a user of this node has sent it, too.
/// @return false if it is not here, or local already
bool txpool_promise(struct txpool *p, const hash_t *hash);

/// A sender's account has changed: mined nonces leave as INCLUDED if `txpool_included` named
/// them, else as dropped; the others move between pending and queued.
void txpool_set_account(struct txpool *p, const address_t *sender,
                        const struct pool_account *account, uint64_t now_s);

/// What the next block's base fee will be: moves transactions between pending and queued.
void txpool_set_base_fee(struct txpool *p, const u256_t *base_fee_wei);

/// These hashes are in a block now.
void txpool_included(struct txpool *p, const hash_t *hash, uint64_t now_s);

/// Removes one, with a reason. @return false if it is not here.
bool txpool_remove(struct txpool *p, const hash_t *hash, const char *why, uint64_t now_s);

/// Drops what is too old, and reasons nobody needs any more.
void txpool_expire(struct txpool *p, uint64_t now_s);

/// A transaction by hash; NULL if it is not here. Valid until the pool changes.
struct pool_tx *txpool_find(const struct txpool *p, const hash_t *hash);
/// The nonce after all of a sender's that follow its account's without a gap and are paid for,
/// whatever the base fee. @return false if there is none.
bool txpool_next_nonce(const struct txpool *p, uint64_t *nonce, const address_t *sender);
/// Does the pool hold anything of this sender?
bool txpool_has_sender(const struct txpool *p, const address_t *sender);

struct pool_fate_info {
    enum pool_fate fate;
    const char *reason; ///< a literal; NULL unless dropped
    uint64_t since_s;
};
/// What became of a hash that was once in the pool.
void txpool_fate(const struct txpool *p, struct pool_fate_info *out, const hash_t *hash);

struct txpool_counts {
    size_t pending;
    size_t queued;
    size_t bytes;
    size_t senders;
};
/// How much is in it.
struct txpool_counts txpool_count(const struct txpool *p);

/// Everything, by sender (no order) and nonce. @return how many were written
size_t txpool_list(const struct txpool *p, struct pool_tx **out, size_t room);

/// The best pending transactions for a block: highest tip at `base_fee_wei` first, a sender's in
/// order of nonce, equal tips in order of arrival. Those that cannot pay the base fee, and what
/// follows them, are left out. Stops when `gas` is reached or `room` is full.
/// @return how many were written
size_t txpool_take_best(const struct txpool *p, struct pool_tx **out, size_t room,
                        const u256_t *base_fee_wei, uint64_t gas);
