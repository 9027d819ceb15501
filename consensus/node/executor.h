// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The thread that executes: builds proposals, checks those of others, and owns the store's one
/// writer. What was executed is kept by hash until its height is over, so that commit only
/// writes it down.

#include "consensus/qbft/qbft.h"

struct executor;
struct node;

/// Reads the head, rebuilds the validator set and tells node status and pool. Start-up, before
/// any thread.
MUST_USE err_t executor_new(struct executor **out, struct node *n);
/// Starts the thread and posts the head to the loop.
MUST_USE err_t executor_start(struct executor *x);
/// Finishes the job in hand and joins. NULL is allowed.
void executor_free(struct executor *x);

/// Jobs, called by the loop; arguments are copied. Answers are posted to the loop.
void executor_build(struct executor *x, uint64_t height, uint32_t round, uint64_t timestamp_s,
                    bool allow_empty);
void executor_check(struct executor *x, uint64_t height, uint32_t round, const hash_t *digest,
                    const hash_t *block_hash, bytes_t block);
void executor_commit(struct executor *x, uint64_t height, const hash_t *block_hash, bytes_t block,
                     uint32_t round, const secp_sig_t *seals, size_t seal_count);
/// Sealed blocks from peers, one behind the other, `number` being the first one's: checked with
/// their seals, executed, stored together as far as they are good and it does not take too long.
/// The answer goes to peering_import_done, after the head that they make.
void executor_import(struct executor *x, uint64_t number, bytes_t blocks);
