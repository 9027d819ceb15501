// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the files of the executor share: its jobs, the head it stands on, and the blocks it has
/// executed. Owner: the executor's thread.

#include "chain/base/queue.h"
#include "consensus/block/check.h"
#include "consensus/block/succession.h"
#include "consensus/node/executor.h"
#include "consensus/node/node_impl.h"
#include "consensus/qbft/justification.h"
#include "consensus/sync/sync.h"

#define KEPT_BLOCKS 4

struct job {
    enum job_kind { JOB_BUILD, JOB_CHECK, JOB_COMMIT, JOB_IMPORT } kind;
    uint64_t height;
    uint32_t round;
    uint64_t timestamp_s;
    bool allow_empty;
    hash_t digest;
    hash_t hash;
    size_t block_len;
    size_t seal_count;
    uint8_t bytes[]; ///< the block or blocks, then the seals
};

struct kept {
    bool used;
    uint64_t age;
    struct executed_block block;
};

struct executor {
    struct node *node;
    struct queue *jobs;
    pthread_t thread;
    bool running;
    struct vm *vm;
    struct overlay *world;
    struct trie_cache *trie_cache;
    struct block_env env;
    struct kept kept[KEPT_BLOCKS];
    struct executed_block group[SYNC_GROUP]; ///< being imported together
    uint64_t age;

    struct header head;
    struct buf head_extra;
    hash_t head_hash;
    struct arena scratch;   ///< of one decoding
    struct succession next; ///< who validates head + 1

    uint64_t build_deadline_ms;
    uint64_t looked_after_ms; ///< housekeeping
    uint64_t expired_ms;
};

/// --- the head and who may seal after it (executor_head.c) ---

/// Takes a header as the head. ERR_FULL
MUST_USE err_t executor_set_head(struct executor *x, const struct header *h, const hash_t *hash);
/// Finds out who validates head + 1, by votes or by contract on the state that `txn` sees. Nobody
/// does (and OK) where the contract fails: a state that no block can follow.
MUST_USE err_t executor_find_validators(struct executor *x, const struct db_txn *txn);
/// Shows the head to everybody who asks; the pool learns what the next block costs.
void executor_publish_head(struct executor *x);
/// Tells the loop.
void executor_post_head(struct executor *x);

/// --- blocks that were executed (executor_check.c) ---

/// The one with this hash; NULL if there is none.
struct kept *executor_find_kept(struct executor *x, const hash_t *hash);
/// A place for another one; the oldest gives way.
struct kept *executor_make_place(struct executor *x);
/// Forgets all: their height is over.
void executor_forget_kept(struct executor *x);
/// Errors after which the store cannot be trusted.
bool executor_is_fatal(err_t err);
/// The rules for a block after the head. A proposal is held to our clock; what a quorum has sealed
/// is not: it is final, whatever our clock says.
struct header_rules executor_rules(const struct executor *x, bool sealed);
/// The header of a block as it came; its extraData is decoded into the scratch arena.
MUST_USE err_t executor_read_header(struct executor *x, bytes_t raw, struct header *h, hash_t *hash,
                                    struct extra_data *extra);
/// Checks and executes a block after the head, on the state that `txn` sees. `stage` may be NULL.
MUST_USE err_t executor_check_into(struct executor *x, struct executed_block *out,
                                   const struct db_txn *txn, bytes_t raw, bool sealed,
                                   enum check_stage *stage);
/// Executes a proposal unless that was done before. @return NULL with the reason in *err
struct kept *executor_kept_or_checked(struct executor *x, const hash_t *hash, bytes_t raw,
                                      err_t *err);

/// --- jobs, and what is done between them ---

/// Builds a block of pooled transactions and posts it.
void executor_on_build(struct executor *x, const struct job *j);
/// Posts a verdict on a proposal.
void executor_on_check(struct executor *x, const struct job *j);
/// Stores a decided block with the seals that were collected.
void executor_on_commit(struct executor *x, const struct job *j);
/// Checks and stores sealed blocks, and tells sync.
void executor_on_import(struct executor *x, const struct job *j);
/// Disk, journal, what has waited too long. About once a second.
void executor_look_after(struct executor *x);
/// Sets what is accepted and proposed by the room on the disk.
void executor_look_at_disk(struct executor *x);
