// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the threads of a node share. Each member says who may touch it.
///
///     RPC threads --submit--> pool --work--> loop <--events-- executor, signer
///                                             |
///                      effects of the QBFT core: jobs --> executor (store), signer (guard)
///
/// Lock order: journal, pool, status. No lock is held across a call out.

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "chain/base/jobs.h"
#include "chain/state/view.h"
#include "chain/types/extra_data.h"
#include "consensus/node/counters.h"
#include "consensus/node/node.h"
#include "consensus/pool/txpool.h"
#include "consensus/qbft/qbft.h"
#include "consensus/qbft/validators.h"

struct evidence;
struct executor;
struct feed;
struct journal;
struct loop;
struct senders;
struct signer;
struct workers;

/// A pooled transaction with its memory, shared by the pool and by whoever builds with it.
struct shared_tx {
    struct pool_tx pooled; ///< first: the pool's pointers are ours
    atomic_uint refs;
    alignas(16) uint8_t memory[]; ///< what `pooled.tx` points to
};

static inline struct shared_tx *shared_tx_of(struct pool_tx *t)
{
    return (struct shared_tx *)t;
}

/// Copies one decoded transaction to the heap. NULL without memory.
struct shared_tx *shared_tx_new(const struct tx *tx);
void shared_tx_hold(struct shared_tx *t);
void shared_tx_release(struct shared_tx *t);

struct node {
    struct node_options options; ///< constant
    struct genesis genesis;      ///< constant; header completed
    hash_t genesis_hash;         ///< constant
    address_t self;              ///< constant
    secp_pubkey_t self_key;      ///< constant
    struct arena start_arena;    ///< what lives as long as the node
    int lock_fd;
    struct db *db;
    uint64_t oldest; ///< constant; the first block that the store has whole

    pthread_mutex_t pool_lock;
    struct arena pool_arena;
    struct txpool *pool;           ///< pool_lock
    struct senders *senders;       ///< pool_lock
    uint64_t pool_head;            ///< pool_lock: block the pool's accounts are of, at least
    struct arena submit_idle[4];   ///< pool_lock: memory of groups on their way in (submit.c)
    size_t submit_idle_count;      ///< pool_lock
    atomic_bool work;              ///< transactions wait
    atomic_bool accepting;         ///< disk has room for transactions
    atomic_bool proposing;         ///< disk has room for blocks
    atomic_bool closing;           ///< node_close has begun
    atomic_bool waiting_for_space; ///< a decided block cannot be stored

    pthread_mutex_t status_lock;
    struct node_status status;                      ///< status_lock
    address_t next_validators[QBFT_MAX_VALIDATORS]; ///< status_lock; of head + 1
    size_t next_validator_count;                    ///< status_lock
    const char *no_validators;                      ///< status_lock: why a contract names nobody
    address_t missing[QBFT_MAX_VALIDATORS];         ///< status_lock; see stall.h
    size_t missing_count;                           ///< status_lock
    struct pending_vote wishes[64];                 ///< status_lock: votes to cast when proposing
    size_t wish_count;                              ///< status_lock

    struct counters counters; ///< atomics

    atomic_bool failed;
    pthread_mutex_t failure_lock;
    err_t failure; ///< failure_lock

    struct workers *workers;
    struct jobs jobs; ///< on the workers
    struct journal *journal;
    struct evidence *evidence; ///< who signed two different things
    struct feed *feed;
    struct signer *signer;
    struct executor *executor;
    struct loop *loop;
};

/// What brings a chain back whose validator contract fails.
#define NO_VALIDATORS_HINT                                                                         \
    "in the genesis file of every validator, a transition (config.transitions.qbft) at this "      \
    "height that lists validators or names another contract; then restart them"

/// The first steps of opening, for whoever writes blocks without running a node: the lock on the
/// data directory, the store (made with block 0 if there is none), the workers. Needs `options`
/// (data_dir, workers), `genesis` and lock_fd = -1. Afterwards node_close_data, also on failure.
MUST_USE err_t node_open_data(struct node *n, struct node_detail *detail);
void node_close_data(struct node *n);
/// The first of these steps alone. @return ERR_BUSY, ERR_IO
MUST_USE err_t node_lock_data(struct node *n, struct node_detail *detail);

/// The error that the node cannot go on after. The first one counts.
void node_fail(struct node *n, err_t why);

/// secp256k1, as the QBFT core asks for it.
err_t node_recover(void *ctx, address_t *author, const secp_sig_t *sig, const hash_t *digest);

/// Milliseconds since 1970, as the machine's clock has it: an operator may set it, also back.
uint64_t wall_clock_ms(void);
/// Milliseconds of a clock that nobody can set: for durations.
uint64_t steady_clock_ms(void);

/// Whether an address holds a transaction's account: what the pool asks of the state.
MUST_USE err_t read_pool_account(struct pool_account *out, hash_t *code_hash,
                                 const struct state_view *view, const address_t *who);
